/*
 * Host b lies behind a router that translates its addresses, and which one
 * day translates them to another one.
 *
 *	b 192.168.9.2 --- 192.168.9.1 router 10.77.0.200, .201 --- underlay
 */
#include <stdio.h>
#include <string.h>

#include "regress/lib/pair.h"

#define NAT_SYSCTL "/proc/sys/net/netfilter"

static int nat_between(struct pair *);
static bool nat_knows(struct net *, int, const char *, const char *);

static int
nat_between(struct pair *pair)
{
	struct net *net = pair->net;
	int router = net_namespace(net);

	net_run(pair->b->ns, "ip link delete u0");
	net_run(router,
	    "ip link add out type veth peer name h2 netns %s && "
	    "ip address add 10.77.0.200/24 dev out && "
	    "ip address add 10.77.0.201/24 dev out && ip link set out up && "
	    "echo 1 >/proc/sys/net/ipv4/ip_forward",
	    net_path(net->underlay));
	net_run(net->underlay, "ip link set h2 master under up");
	net_run(router,
	    "ip link add in type veth peer name u0 netns %s && "
	    "ip address add 192.168.9.1/24 dev in && ip link set in up",
	    net_path(pair->b->ns));
	net_run(pair->b->ns,
	    "ip address add 192.168.9.2/24 dev u0 && "
	    "ip link set u0 up && ip route add default via 192.168.9.1");
	net_run(router,
	    "nft 'table ip nat { chain post { "
	    "type nat hook postrouting priority 100; "
	    "oifname out snat to 10.77.0.200; }; }'");
	return router;
}

/* Does the router know such a connection? Reading drops those that ended. */
static bool
nat_knows(struct net *net, int router, const char *protocol, const char *to)
{
	bool found = false;
	char line[512];
	FILE *f;

	net_enter(router);
	f = fopen("/proc/net/nf_conntrack", "re");
	net_leave(net);
	ATF_REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		found |=
		    strstr(line, protocol) != NULL && strstr(line, to) != NULL;
	fclose(f);
	return found;
}

ATF_TC_WITHOUT_HEAD(behind);
ATF_TC_BODY(behind, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	nat_between(&pair);
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(30, pod_exchanges_tcp(pair.x, pair.y, 500000));
	net_check(pair.net);
}

/* TCP keeps its translation; that of UDP is forgotten and made anew. */
ATF_TC_WITHOUT_HEAD(moves);
ATF_TC_BODY(moves, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	int router = nat_between(&pair);

	pair_start(&pair, PAIR_MTU);
	net_run(router,
	    "nft 'flush chain ip nat post; "
	    "add rule ip nat post oifname out snat to 10.77.0.201; "
	    "table ip old { chain c { type filter hook prerouting "
	    "priority -300; udp dport 6783 ip daddr 10.77.0.200 drop; }; }'");
	net_run(router,
	    "cd " NAT_SYSCTL " && echo 1 >nf_conntrack_udp_timeout"
	    " && echo 1 >nf_conntrack_udp_timeout_stream");
	NET_WAIT(60, !nat_knows(pair.net, router, " udp ", "dst=10.77.0.200 "));
	net_run(router,
	    "cd " NAT_SYSCTL " && echo 60 >nf_conntrack_udp_timeout"
	    " && echo 60 >nf_conntrack_udp_timeout_stream");
	NET_WAIT(30, pod_pings(pair.x, pair.y, 56));
	NET_WAIT(30, pod_pings(pair.y, pair.x, 56));
	ATF_CHECK(host_connected(pair.a, pair.b));
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, behind);
	ATF_TP_ADD_TC(tp, moves);
	return atf_no_error();
}
