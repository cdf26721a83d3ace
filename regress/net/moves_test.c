/*
 * A pod moves to another host with its addresses; the others follow.
 */
#include "regress/lib/net.h"
#include "regress/lib/traffic.h"

ATF_TC_WITHOUT_HEAD(pod);
ATF_TC_BODY(pod, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *a, *b, *c;
	struct pod *still, *mover;

	a = net_host(net);
	b = net_host(net);
	c = net_host(net);
	host_peer(b, a->address);
	host_peer(c, a->address);
	host_start(a);
	host_start(b);
	host_start(c);
	still = net_pod(a, 1376);
	mover = net_pod(b, 1376);
	NET_WAIT(30, net_full_mesh(net));
	NET_WAIT(20, net_pings_all(net));
	pod_move(mover, c);
	NET_WAIT(20, pod_pings(mover, still, 56));
	NET_WAIT(20, pod_pings(still, mover, 56));
	pod_move(mover, a);
	NET_WAIT(20, pod_pings(mover, still, 56));
	NET_WAIT(20, pod_pings(still, mover, 56));
	pod_move(mover, b);
	NET_WAIT(20, pod_pings(mover, still, 56));
	NET_WAIT(20, pod_pings(still, mover, 56));
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, pod);
	return atf_no_error();
}
