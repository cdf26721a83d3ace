/*
 * A second daemon in one network namespace names what is taken.
 */
#include "regress/lib/net.h"

ATF_TC_WITHOUT_HEAD(port);
ATF_TC_BODY(port, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *first = net_host(net), *second = net_host(net);

	second->ns = first->ns;
	host_start(first);
	host_launch(second);
	NET_WAIT(10, host_ended(second) != -1);
	ATF_CHECK(host_log_has(second, "port 6783 in use"));
	ATF_CHECK(host_process(first, "engine") > 0);
	ATF_CHECK_EQ(0, host_connections(first, "failed", NULL));
}

ATF_TC_WITHOUT_HEAD(state);
ATF_TC_BODY(state, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *first = net_host(net), *second = net_host(net);

	host_option(second, "state-directory", "%s/state", first->directory);
	host_start(first);
	host_launch(second);
	NET_WAIT(10, host_ended(second) != -1);
	ATF_CHECK(host_log_has(second, "in use"));
	ATF_CHECK(host_ended(first) == -1);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, port);
	ATF_TP_ADD_TC(tp, state);
	return atf_no_error();
}
