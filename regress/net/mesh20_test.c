/*
 * Twenty hosts, each of which is told of the first, find all others: more
 * peers and connections than fit what a C library sorts without asking the
 * kernel for memory.
 */
#include "regress/lib/net.h"
#include "regress/lib/traffic.h"

#define HOSTS 20

ATF_TC_WITHOUT_HEAD(forms);
ATF_TC_BODY(forms, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	pid_t engine;
	size_t i;

	for (i = 0; i < HOSTS; i++)
		net_host(net);
	for (i = 1; i < HOSTS; i++)
		host_peer(&net->hosts[i], net->hosts[0].address);
	for (i = 0; i < HOSTS; i++)
		host_start(&net->hosts[i]);
	NET_WAIT(30, (engine = host_process(&net->hosts[0], "engine")) > 0);
	net_pod(&net->hosts[0], 1376);
	net_pod(&net->hosts[HOSTS - 1], 1376);
	NET_WAIT(120, net_full_mesh(net));
	NET_WAIT(30, net_pings_all(net));
	ATF_CHECK_EQ(engine, host_process(&net->hosts[0], "engine"));
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, forms);
	return atf_no_error();
}
