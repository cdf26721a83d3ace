/*
 * The daemon goes and comes back under running pods, to which nothing is done.
 */
#include <signal.h>

#include "regress/lib/pair.h"

static void restart_with(int);

static void
restart_with(int how)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	host_kill(pair.b, how);
	ATF_CHECK_EQ(0, net_try(pair.b->ns, "ip link show weave >/dev/null"));
	host_start(pair.b);
	pair_require(&pair);
	host_kill(pair.a, how);
	host_start(pair.a);
	pair_require(&pair);
	NET_WAIT(20, pod_exchanges_tcp(pair.x, pair.y, 500000));
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(terminated);
ATF_TC_BODY(terminated, tc)
{
	restart_with(SIGTERM);
}

ATF_TC_WITHOUT_HEAD(killed);
ATF_TC_BODY(killed, tc)
{
	restart_with(SIGKILL);
}

/* A supervisor starts the next while children of the last still go. */
ATF_TC_WITHOUT_HEAD(killed_often);
ATF_TC_BODY(killed_often, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	int i;

	pair_start(&pair, PAIR_MTU);
	for (i = 0; i < 30; i++) {
		host_kill(pair.b, SIGKILL);
		host_start(pair.b);
	}
	pair_require(&pair);
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, terminated);
	ATF_TP_ADD_TC(tp, killed);
	ATF_TP_ADD_TC(tp, killed_often);
	return atf_no_error();
}
