/*
 * Frames go in the clear where both ends trust the subnet, and only there.
 */
#include "regress/lib/pair.h"

#define SUBNET "10.77.0.0/24"

static bool trusted_shown(struct host *, bool);

/* The one connection is shown as it is. */
static bool
trusted_shown(struct host *host, bool trusted)
{
	json_t *rows, *attributes;
	bool same;

	rows = host_show(host, "status connections");
	attributes = json_object_get(json_array_get(rows, 0), "Attrs");
	same = json_object_size(attributes) > 0 &&
	    json_is_true(json_object_get(attributes, "trusted")) == trusted &&
	    json_is_true(json_object_get(attributes, "encrypted")) != trusted;
	json_decref(rows);
	return same;
}

ATF_TC_WITHOUT_HEAD(both);
ATF_TC_BODY(both, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.a, "trusted-subnets", SUBNET);
	host_option(pair.b, "trusted-subnets", SUBNET);
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(10, trusted_shown(pair.a, true));
	NET_WAIT(10, trusted_shown(pair.b, true));
	ATF_CHECK(watch_result(pair.net->watch).clear > 0);
	ATF_CHECK(host_log_has(pair.a, "travel in the clear"));
	ATF_CHECK(host_log_has(pair.b, "travel in the clear"));
}

ATF_TC_WITHOUT_HEAD(one);
ATF_TC_BODY(one, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.a, "trusted-subnets", SUBNET);
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(10, trusted_shown(pair.a, false));
	NET_WAIT(10, trusted_shown(pair.b, false));
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(elsewhere);
ATF_TC_BODY(elsewhere, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.a, "trusted-subnets", "10.78.0.0/24");
	host_option(pair.b, "trusted-subnets", "10.78.0.0/24");
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(10, trusted_shown(pair.a, false));
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, both);
	ATF_TP_ADD_TC(tp, one);
	ATF_TP_ADD_TC(tp, elsewhere);
	return atf_no_error();
}
