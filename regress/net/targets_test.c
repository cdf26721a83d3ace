/*
 * Peers named and forgotten by weavectl, also over restarts.
 */
#include <stdio.h>
#include <string.h>

#include "regress/lib/pair.h"

static void targets_do(struct host *, const char *, const char *);
static bool targets_has(struct host *, const char *);

static void
targets_do(struct host *host, const char *verb, const char *address)
{
	char line[128], out[1024];

	snprintf(line, sizeof(line), "%s %s", verb, address);
	ATF_REQUIRE_MSG(
	    host_ctl(host, out, sizeof(out), line) == 0, "%s: %s", line, out);
}

static bool
targets_has(struct host *host, const char *address)
{
	char out[4096];

	ATF_REQUIRE(host_ctl(host, out, sizeof(out), "status targets") == 0);
	return strstr(out, address) != NULL;
}

ATF_TC_WITHOUT_HEAD(kept);
ATF_TC_BODY(kept, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	char out[1024];

	pair.b->npeers = 0;
	host_start(pair.a);
	host_start(pair.b);
	ATF_CHECK(!targets_has(pair.b, pair.a->address));
	targets_do(pair.b, "connect", pair.a->address);
	NET_WAIT(10, targets_has(pair.b, pair.a->address));
	NET_WAIT(20, host_connected(pair.b, pair.a));

	host_stop(pair.b);
	host_start(pair.b);
	ATF_CHECK(targets_has(pair.b, pair.a->address));
	NET_WAIT(30, host_connected(pair.b, pair.a));

	targets_do(pair.b, "forget", pair.a->address);
	NET_WAIT(10, !targets_has(pair.b, pair.a->address));
	host_stop(pair.b);
	host_start(pair.b);
	ATF_CHECK(!targets_has(pair.b, pair.a->address));

	ATF_CHECK_EQ(1, host_ctl(pair.b, out, sizeof(out), "connect ::1"));
	ATF_CHECK(strstr(out, "IPv6 underlay not supported") != NULL);
	ATF_CHECK(!targets_has(pair.b, "::1"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, kept);
	return atf_no_error();
}
