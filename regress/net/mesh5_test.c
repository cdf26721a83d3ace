/*
 * Five hosts, each of which is told of one other, find all others.
 */
#include "regress/lib/net.h"
#include "regress/lib/traffic.h"

#define HOSTS 5

static void mesh5_forms(enum net_cipher);

static void
mesh5_forms(enum net_cipher cipher)
{
	struct net *net = net_new(cipher);
	struct host *host, *last = NULL;
	size_t i;

	for (i = 0; i < HOSTS; i++, last = host) {
		host = net_host(net);
		if (last != NULL)
			host_peer(host, last->address);
	}
	for (i = 0; i < HOSTS; i++)
		host_start(&net->hosts[i]);
	for (i = 0; i < HOSTS; i++)
		net_pod(&net->hosts[i], 1376);
	NET_WAIT(60, net_full_mesh(net));
	NET_WAIT(30, net_pings_all(net));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(encrypted);
ATF_TC_BODY(encrypted, tc)
{
	mesh5_forms(NET_ENCRYPTED);
}

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	mesh5_forms(NET_PLAIN);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, encrypted);
	ATF_TP_ADD_TC(tp, plain);
	return atf_no_error();
}
