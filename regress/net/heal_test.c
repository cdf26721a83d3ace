/*
 * A silent partition: each side goes on alone, and they join when it heals.
 */
#include "regress/lib/net.h"
#include "regress/lib/traffic.h"

ATF_TC_WITHOUT_HEAD(heals);
ATF_TC_BODY(heals, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *a, *b, *c;

	a = net_host(net);
	b = net_host(net);
	c = net_host(net);
	host_peer(b, a->address);
	host_peer(c, a->address);
	host_start(a);
	host_start(b);
	host_start(c);
	net_pod(a, 1376);
	net_pod(b, 1376);
	net_pod(c, 1376);
	NET_WAIT(40, net_full_mesh(net));
	NET_WAIT(20, net_pings_all(net));

	net_cut(a, b);
	net_cut(a, c);
	NET_WAIT(10, !pod_pings(&net->pods[0], &net->pods[1], 56));
	/* Nothing is heard for a minute: the end of a connection. */
	NET_WAIT(100, host_connections(a, "established", NULL) == 0);
	NET_WAIT(30, host_connections(b, "established", NULL) == 1);
	NET_WAIT(10, pod_pings(&net->pods[1], &net->pods[2], 56));

	net_heal(net);
	NET_WAIT(120, net_full_mesh(net));
	NET_WAIT(20, net_pings_all(net));
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, heals);
	return atf_no_error();
}
