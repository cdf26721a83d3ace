/*
 * Two hosts under each protocol: by which version they meet, or by what name
 * they say that they do not.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "regress/lib/pair.h"
#include "regress/lib/traffic.h"

static struct pair pair_of(const char *, const char *);
static void password_change(struct host *, const char *);
static void pair_meets(const char *, const char *, uint64_t);

static struct pair
pair_of(const char *a, const char *b)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.a, "protocol", "%s", a);
	host_option(pair.b, "protocol", "%s", b);
	return pair;
}

static void
pair_meets(const char *a, const char *b, uint64_t version)
{
	struct pair pair = pair_of(a, b);
	char buf[4096];

	pair_start(&pair, PAIR_MTU);
	ATF_CHECK_EQ(version, host_sum(pair.a, "Version"));
	ATF_CHECK_EQ(version, host_sum(pair.b, "Version"));
	NET_WAIT(60, pod_exchanges_tcp(pair.x, pair.y, 4000000));
	NET_WAIT(60, pod_exchanges_tcp(pair.y, pair.x, 4000000));
	ATF_REQUIRE_EQ(0, host_ctl(pair.a, buf, sizeof(buf), "status"));
	ATF_CHECK_MSG(strstr(buf, a) != NULL, "%s", buf);
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(hardened);
ATF_TC_BODY(hardened, tc)
{
	pair_meets("hardened", "hardened", 3);
}

ATF_TC_WITHOUT_HEAD(mixed);
ATF_TC_BODY(mixed, tc)
{
	pair_meets("mixed", "hardened", 3);
}

ATF_TC_WITHOUT_HEAD(mixed_weave);
ATF_TC_BODY(mixed_weave, tc)
{
	pair_meets("mixed", "weave", 2);
}

ATF_TC_WITHOUT_HEAD(versions_apart);
ATF_TC_BODY(versions_apart, tc)
{
	struct pair pair = pair_of("hardened", "weave");

	host_start(pair.a);
	host_start(pair.b);
	NET_WAIT(20, host_has_cause(pair.a, "incompatible versions (ours 3-3"));
	NET_WAIT(20, host_has_cause(pair.b, "incompatible versions (ours 2-2"));
	ATF_CHECK_EQ(0, host_connections(pair.a, "established", NULL));
	ATF_CHECK_EQ(0, host_connections(pair.b, "established", NULL));
}

ATF_TC_WITHOUT_HEAD(wrong_password);
ATF_TC_BODY(wrong_password, tc)
{
	struct pair pair = pair_of("hardened", "hardened");

	snprintf(pair.b->password, sizeof(pair.b->password), "another one");
	host_start(pair.a);
	host_start(pair.b);
	NET_WAIT(20, host_has_cause(pair.a, "password mismatch"));
	NET_WAIT(20, host_has_cause(pair.b, "password mismatch"));
	ATF_CHECK_EQ(0, host_connections(pair.a, "established", NULL));
	ATF_CHECK_EQ(0, host_connections(pair.b, "established", NULL));
}

/* The networks' names are bound to the keys. */
ATF_TC_WITHOUT_HEAD(wrong_mesh);
ATF_TC_BODY(wrong_mesh, tc)
{
	struct pair pair = pair_of("hardened", "hardened");

	host_option(pair.b, "mesh", "another");
	host_start(pair.a);
	host_start(pair.b);
	NET_WAIT(20, host_has_cause(pair.a, "or another mesh name"));
	NET_WAIT(20, host_has_cause(pair.b, "or another mesh name"));
}

static void
password_change(struct host *host, const char *password)
{
	char path[256], text[128], buf[1024];

	snprintf(path, sizeof(path), "%s/password", host->directory);
	snprintf(text, sizeof(text), "%s\n", password);
	net_write_file(path, text);
	ATF_REQUIRE_EQ(0, host_ctl(host, buf, sizeof(buf), "reload"));
	NET_WAIT(20, host_log_has(host, "password stretched"));
}

/*
 * A new password counts for who comes from then on. It is stretched while the
 * daemon runs: the connections that are there stay.
 */
ATF_TC_WITHOUT_HEAD(new_password);
ATF_TC_BODY(new_password, tc)
{
	struct pair pair = pair_of("hardened", "hardened");

	pair_start(&pair, PAIR_MTU);
	password_change(pair.b, "another one");
	ATF_CHECK(pod_pings(pair.x, pair.y, 56));
	ATF_CHECK(host_connected(pair.a, pair.b));
	kill(host_process(pair.b, "engine"), SIGKILL);
	NET_WAIT(30, host_has_cause(pair.b, "password mismatch"));
	password_change(pair.a, "another one");
	NET_WAIT(90, host_connected(pair.a, pair.b));
	NET_WAIT(20, pod_pings(pair.x, pair.y, 56));
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, hardened);
	ATF_TP_ADD_TC(tp, mixed);
	ATF_TP_ADD_TC(tp, mixed_weave);
	ATF_TP_ADD_TC(tp, versions_apart);
	ATF_TP_ADD_TC(tp, wrong_password);
	ATF_TP_ADD_TC(tp, wrong_mesh);
	ATF_TP_ADD_TC(tp, new_password);
	return atf_no_error();
}
