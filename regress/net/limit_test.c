/*
 * A host that takes one connection: the second finds no room, until the
 * first one goes.
 */
#include "regress/lib/net.h"
#include "regress/lib/traffic.h"

ATF_TC_WITHOUT_HEAD(one);
ATF_TC_BODY(one, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *a, *b, *c;

	a = net_host(net);
	b = net_host(net);
	c = net_host(net);
	host_option(a, "connection-limit", "1");
	host_option(b, "discovery", "no");
	host_option(c, "discovery", "no");
	host_peer(b, a->address);
	host_peer(c, a->address);
	host_start(a);
	host_start(b);
	NET_WAIT(20, host_connected(a, b) && host_connected(b, a));
	host_start(c);
	NET_WAIT(20, host_has_cause(a, "limit"));
	ATF_CHECK(host_connected(a, b));
	ATF_CHECK(!host_connected(c, a));
	host_stop(b);
	NET_WAIT(90, host_connected(a, c) && host_connected(c, a));
	net_pod(a, 1376);
	net_pod(c, 1376);
	NET_WAIT(20, net_pings_all(net));
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, one);
	return atf_no_error();
}
