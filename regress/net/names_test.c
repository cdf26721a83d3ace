/*
 * A name that two hosts claim, and a host that dials itself.
 */
#include <netdb.h>

#include "regress/lib/pair.h"

ATF_TC_WITHOUT_HEAD(twice);
ATF_TC_BODY(twice, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.b, "name", "%s", pair.a->name);
	host_start(pair.a);
	host_start(pair.b);
	NET_WAIT(20, host_has_cause(pair.b, "collision"));
	NET_WAIT(20, host_has_cause(pair.a, "collision"));
	ATF_CHECK_EQ(0, host_connections(pair.a, "established", NULL));
	ATF_CHECK_EQ(0, host_connections(pair.b, "established", NULL));
}

ATF_TC_WITHOUT_HEAD(ourself);
ATF_TC_BODY(ourself, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_peer(pair.a, pair.a->address);
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(20, host_has_cause(pair.a, "ourself"));
	ATF_CHECK_EQ(1, host_connections(pair.a, "established", NULL));
	net_check(pair.net);
}

/* Looked up by the resolver: one name that is ours, one that is nobody's. */
ATF_TC_WITHOUT_HEAD(by_name);
ATF_TC_BODY(by_name, tc)
{
	struct addrinfo *list;
	struct pair pair;

	if (getaddrinfo("localhost", NULL, NULL, &list) != 0)
		atf_tc_skip("this machine does not know localhost");
	freeaddrinfo(list);
	pair = pair_new(NET_ENCRYPTED);
	host_peer(pair.a, "localhost");
	host_peer(pair.a, "nobody.invalid");
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(20, host_has_cause(pair.a, "ourself"));
	NET_WAIT(60,
	    host_has_cause(pair.a, "name resolution") ||
		host_has_cause(pair.a, "Name or service"));
	ATF_CHECK_EQ(1, host_connections(pair.a, "established", NULL));
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, twice);
	ATF_TP_ADD_TC(tp, ourself);
	ATF_TP_ADD_TC(tp, by_name);
	return atf_no_error();
}
