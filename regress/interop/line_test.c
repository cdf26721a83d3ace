/*
 * Lines of three: a real router relays for weaved, weaved for real routers.
 */
#include <string.h>

#include "regress/lib/net.h"
#include "regress/lib/traffic.h"
#include "regress/lib/weaver.h"

static void line_add(struct net *, char);
static void line_relays(enum net_cipher, const char *);

/* 'r': the real router, 'w': weaved. */
static void
line_add(struct net *net, char kind)
{
	struct host *host;

	if (kind == 'r') {
		host_option(weaver_host(net), "no-discovery", "true");
		return;
	}
	host = net_host(net);
	host_option(host, "discovery", "no");
	host_option(host, "protocol", "weave");
}

static void
line_relays(enum net_cipher cipher, const char *kinds)
{
	struct net *net;
	size_t i;

	weaver_required();
	net = net_new(cipher);
	for (i = 0; i < 3; i++)
		line_add(net, kinds[i]);
	host_peer(&net->hosts[1], net->hosts[0].address);
	host_peer(&net->hosts[2], net->hosts[1].address);
	net_cut(&net->hosts[0], &net->hosts[2]);
	for (i = 0; i < 3; i++)
		host_start(&net->hosts[i]);
	for (i = 0; i < 3; i++)
		net_pod(&net->hosts[i], 1376);
	NET_WAIT(
	    30, host_connections(&net->hosts[1], "established", NULL) == 2);
	NET_WAIT(30, net_pings_all(net));
	NET_WAIT(30, pod_pings_df(&net->pods[0], &net->pods[2], 1300));
	NET_WAIT(30, pod_exchanges_tcp(&net->pods[0], &net->pods[2], 300000));
	ATF_CHECK_EQ(20, pod_broadcasts(&net->pods[0], &net->pods[2], 20));
	ATF_CHECK_EQ(20, pod_broadcasts(&net->pods[2], &net->pods[1], 20));
	host_stop(&net->hosts[1]);
	host_start(&net->hosts[1]);
	NET_WAIT(60, net_pings_all(net));
	net_check(net);
}

#define LINE_CASE(name, cipher, kinds)      \
	ATF_TC_WITHOUT_HEAD(name);          \
	ATF_TC_BODY(name, tc)               \
	{                                   \
		line_relays(cipher, kinds); \
	}
LINE_CASE(real_between, NET_ENCRYPTED, "wrw")
LINE_CASE(real_between_plain, NET_PLAIN, "wrw")
LINE_CASE(weaved_between, NET_ENCRYPTED, "rwr")
LINE_CASE(weaved_between_plain, NET_PLAIN, "rwr")
LINE_CASE(weaved_at_the_end, NET_ENCRYPTED, "wwr")
LINE_CASE(real_at_the_end, NET_ENCRYPTED, "rrw")

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, real_between);
	ATF_TP_ADD_TC(tp, real_between_plain);
	ATF_TP_ADD_TC(tp, weaved_between);
	ATF_TP_ADD_TC(tp, weaved_between_plain);
	ATF_TP_ADD_TC(tp, weaved_at_the_end);
	ATF_TP_ADD_TC(tp, real_at_the_end);
	return atf_no_error();
}
