/*
 * Hosts that do not share a password stay apart and both say why.
 */
#include <stdio.h>
#include <string.h>

#include "regress/lib/pair.h"

static void password_start(struct pair *);
static void password_apart(struct pair *);

static void
password_start(struct pair *pair)
{
	host_start(pair->a);
	host_start(pair->b);
	pair->x = net_pod(pair->a, PAIR_MTU);
	pair->y = net_pod(pair->b, PAIR_MTU);
}

static void
password_apart(struct pair *pair)
{
	ATF_CHECK_EQ(0, host_connections(pair->a, "established", NULL));
	ATF_CHECK_EQ(0, host_connections(pair->b, "established", NULL));
	ATF_CHECK(!pod_pings(pair->x, pair->y, 56));
	ATF_CHECK(!pod_pings(pair->y, pair->x, 56));
	net_check(pair->net);
}

ATF_TC_WITHOUT_HEAD(wrong);
ATF_TC_BODY(wrong, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	snprintf(pair.b->password, sizeof(pair.b->password), "another one");
	password_start(&pair);
	NET_WAIT(20, host_has_cause(pair.a, "password mismatch"));
	NET_WAIT(20, host_has_cause(pair.b, "password mismatch"));
	password_apart(&pair);
}

ATF_TC_WITHOUT_HEAD(dialler_has_none);
ATF_TC_BODY(dialler_has_none, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair.b->password[0] = '\0';
	host_option(pair.a, "protocol", "mixed");
	password_start(&pair);
	NET_WAIT(20, host_has_cause(pair.a, "password set here, but"));
	NET_WAIT(20, host_has_cause(pair.b, "password not set here"));
	password_apart(&pair);
}

ATF_TC_WITHOUT_HEAD(listener_has_none);
ATF_TC_BODY(listener_has_none, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair.a->password[0] = '\0';
	host_option(pair.b, "protocol", "mixed");
	password_start(&pair);
	NET_WAIT(20, host_has_cause(pair.a, "password not set here"));
	NET_WAIT(20, host_has_cause(pair.b, "password set here, but"));
	password_apart(&pair);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, wrong);
	ATF_TP_ADD_TC(tp, dialler_has_none);
	ATF_TP_ADD_TC(tp, listener_has_none);
	return atf_no_error();
}
