/*
 * Host 1 and host 3 know host 2 only, which relays between them.
 */
#include "regress/lib/net.h"
#include "regress/lib/traffic.h"

static struct net *line_new(enum net_cipher);
static void line_relays(enum net_cipher);

static struct net *
line_new(enum net_cipher cipher)
{
	struct net *net = net_new(cipher);
	size_t i;

	for (i = 0; i < 3; i++)
		host_option(net_host(net), "discovery", "no");
	host_peer(&net->hosts[1], net->hosts[0].address);
	host_peer(&net->hosts[2], net->hosts[1].address);
	net_cut(&net->hosts[0], &net->hosts[2]);
	for (i = 0; i < 3; i++)
		host_start(&net->hosts[i]);
	for (i = 0; i < 3; i++)
		net_pod(&net->hosts[i], 1376);
	return net;
}

static void
line_relays(enum net_cipher cipher)
{
	struct net *net = line_new(cipher);
	struct pod *first = &net->pods[0], *last = &net->pods[2];

	NET_WAIT(
	    30, host_connections(&net->hosts[1], "established", NULL) == 2);
	NET_WAIT(30, net_pings_all(net));
	NET_WAIT(30, pod_exchanges_tcp(first, last, 500000));
	NET_WAIT(30, pod_pings_df(first, last, 1300));
	ATF_CHECK_EQ(20, pod_broadcasts(first, last, 20));
	ATF_CHECK_EQ(20, pod_broadcasts(first, &net->pods[1], 20));
	ATF_CHECK_EQ(20, pod_broadcasts(&net->pods[1], last, 20));
	ATF_CHECK_EQ(1, host_connections(&net->hosts[0], "established", NULL));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(encrypted);
ATF_TC_BODY(encrypted, tc)
{
	line_relays(NET_ENCRYPTED);
}

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	line_relays(NET_PLAIN);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, encrypted);
	ATF_TP_ADD_TC(tp, plain);
	return atf_no_error();
}
