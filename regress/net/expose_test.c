/*
 * The host's own address in the overlay: who reaches whom through it, and
 * that neither restarts nor other people's firewalls take it away.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define ADDRESS "10.32.9.1"
#define TABLE "inet weaved-weave"

static struct pair start(void);
static const char *ctl(struct host *, const char *);
static bool pings(int, const char *);
static bool has(struct host *, const char *);
static bool has_table(struct host *, const char *);
static bool is_exposed(struct host *);

static char output[8192];
static int status;

static const char *
ctl(struct host *host, const char *command)
{
	status = host_ctl(host, output, sizeof(output), command);
	output[strcspn(output, "\n")] = '\0';
	return output;
}

/* With a pod that takes the host for its router. */
static struct pair
start(void)
{
	struct pair pair = pair_new(NET_PLAIN);

	host_option(pair.a, "ipalloc-range", "10.32.0.0/16");
	host_option(pair.b, "ipalloc-range", "10.32.0.0/16");
	pair_start(&pair, PAIR_MTU);
	net_run(pair.a->ns, "echo 1 >/proc/sys/net/ipv4/ip_forward");
	net_run(pair.x->ns, "ip route add default via " ADDRESS);
	return pair;
}

static bool
pings(int ns, const char *address)
{
	return net_try(ns, "ping -c1 -W1 %s >/dev/null 2>&1", address) == 0;
}

static bool
has(struct host *host, const char *text)
{
	return net_try(host->ns,
		   "ip -o -4 address show dev weave | grep -qF '%s'",
		   text) == 0;
}

static bool
has_table(struct host *host, const char *text)
{
	return net_try(host->ns,
		   "nft list table " TABLE " 2>/dev/null | grep -qF '%s'",
		   text) == 0;
}

static bool
is_exposed(struct host *host)
{
	return has(host, ADDRESS "/16") && has_table(host, "masquerade");
}

/* Any address of IPAM's, the same again, and free for others when hidden. */
ATF_TC_WITHOUT_HEAD(allocated);
ATF_TC_BODY(allocated, tc)
{
	struct pair pair = start();
	char first[64];

	ATF_CHECK(!has(pair.a, "10.32."));
	snprintf(first, sizeof(first), "%s", ctl(pair.a, "expose"));
	ATF_REQUIRE_MSG(
	    status == 0 && strstr(first, "/16") != NULL, "%s", output);
	ATF_CHECK(has(pair.a, first));
	ATF_CHECK_STREQ(first, ctl(pair.a, "expose"));
	ctl(pair.a, "ip list weave:expose");
	ATF_CHECK_MSG(strstr(output, first) != NULL, "%s", output);
	ctl(pair.a, "hide");
	ATF_CHECK_EQ_MSG(0, status, "%s", output);
	ATF_CHECK(!has(pair.a, "10.32."));
	ATF_CHECK_STREQ("", ctl(pair.a, "ip list weave:expose"));
	ctl(pair.a, "hide");
	ATF_CHECK_EQ_MSG(0, status, "%s", output);
}

/* What is taken is not claimed twice, and a refused one is not put there. */
ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	struct pair pair = start();

	ctl(pair.a, "ip claim pod " ADDRESS "/16");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	ctl(pair.a, "expose " ADDRESS "/16");
	ATF_CHECK(status == 1);
	ATF_CHECK(!has(pair.a, ADDRESS));
	ctl(pair.a, "expose 127.0.0.1/8");
	ATF_CHECK(status == 1);
	ctl(pair.a, "expose 10.32.9.1");
	ATF_CHECK_EQ(2, status);
	ctl(pair.a, "hide 10.32.9.9");
	ATF_CHECK_EQ(1, status);
	ATF_CHECK_STREQ("weavectl: 10.32.9.9 is not exposed", output);
}

/*
 * Between pods and what is outside, both ways: who is outside knows no way
 * back to the overlay, and pods know none out of it.
 */
ATF_TC_WITHOUT_HEAD(masquerade);
ATF_TC_BODY(masquerade, tc)
{
	struct pair pair = start();
	struct host *outside = net_host(pair.net);

	net_run(
	    outside->ns, "ip route add 10.32.0.0/16 via %s", pair.a->address);
	ATF_REQUIRE_STREQ(ADDRESS "/16", ctl(pair.a, "expose " ADDRESS "/16"));
	NET_WAIT(20, pings(pair.x->ns, ADDRESS));
	NET_WAIT(20, pings(pair.y->ns, ADDRESS));
	NET_WAIT(20, pings(pair.a->ns, pair.y->address));
	/* y has no route to it: the host speaks for it. */
	NET_WAIT(20, pings(outside->ns, pair.y->address));
	net_run(outside->ns, "ip route del 10.32.0.0/16");
	NET_WAIT(20, pings(pair.x->ns, outside->address));

	ctl(pair.a, "expose --without-masquerade " ADDRESS "/16");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	ATF_CHECK(!has_table(pair.a, "masquerade"));
	ATF_CHECK(!pings(pair.x->ns, outside->address));
	NET_WAIT(20, pings(pair.y->ns, ADDRESS));
}

ATF_TC_WITHOUT_HEAD(kept);
ATF_TC_BODY(kept, tc)
{
	struct pair pair = start();
	pid_t old;

	ctl(pair.a, "expose " ADDRESS "/16");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	/* netcfg dies: neither the address nor the rules were its own. */
	ATF_REQUIRE((old = host_process(pair.a, "netcfg")) > 0);
	kill(old, SIGSTOP);
	ATF_CHECK(is_exposed(pair.a));
	kill(old, SIGKILL);
	NET_WAIT(10,
	    host_process(pair.a, "netcfg") != old &&
		host_process(pair.a, "netcfg") > 0);
	NET_WAIT(10, pings(pair.y->ns, ADDRESS));
	ATF_CHECK(is_exposed(pair.a));
	/* Somebody takes it away. */
	net_run(pair.a->ns, "ip address del " ADDRESS "/16 dev weave");
	NET_WAIT(10, is_exposed(pair.a));
	net_run(pair.a->ns, "ip link del weave");
	NET_WAIT(10, is_exposed(pair.a));
	/* The daemon ends; the host is rebooted, as far as that can be. */
	host_stop(pair.a);
	ATF_CHECK(is_exposed(pair.a));
	net_run(pair.a->ns, "ip link del weave; nft flush ruleset");
	host_start(pair.a);
	ATF_CHECK(is_exposed(pair.a));
	NET_WAIT(20, pings(pair.y->ns, ADDRESS));
	ctl(pair.a, "hide " ADDRESS);
	ATF_CHECK_EQ_MSG(0, status, "%s", output);
	host_stop(pair.a);
	host_start(pair.a);
	ATF_CHECK(!has(pair.a, ADDRESS));
}

ATF_TC_WITHOUT_HEAD(flushed);
ATF_TC_BODY(flushed, tc)
{
	struct pair pair = start();
	struct host *outside = net_host(pair.net);
	static const char *const ways[] = {"flush ruleset",
	    "delete table " TABLE, "flush table " TABLE,
	    "flush chain " TABLE " postrouting"};
	size_t i;

	ctl(pair.a, "expose " ADDRESS "/16");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	/* Our own changes are nobody else's. */
	NET_WAIT(20, pings(pair.x->ns, outside->address));
	ATF_CHECK(!host_log_has(pair.a, "somebody changed"));
	for (i = 0; i < sizeof(ways) / sizeof(ways[0]); i++) {
		net_run(pair.a->ns, "nft %s", ways[i]);
		NET_WAIT(10, has_table(pair.a, "masquerade"));
		NET_WAIT(10, has_table(pair.a, "nd-router-advert drop"));
		NET_WAIT(20, pings(pair.x->ns, outside->address));
	}
	ATF_CHECK(host_log_has(pair.a, "somebody changed table weaved-weave"));
	/* Of others' rules nothing was touched. */
	net_run(pair.a->ns, "nft add table inet other");
	net_run(pair.a->ns, "nft delete table " TABLE);
	NET_WAIT(10, has_table(pair.a, "masquerade"));
	net_run(pair.a->ns, "nft list table inet other");
}

/* An address that the bridge had before weaved ever ran here: Weave's. */
ATF_TC_WITHOUT_HEAD(adopted);
ATF_TC_BODY(adopted, tc)
{
	struct pair pair = pair_new(NET_PLAIN);

	net_run(pair.a->ns,
	    "ip link add weave type bridge && "
	    "ip address add " ADDRESS "/16 dev weave && "
	    "ip address add 169.254.1.1/16 dev weave");
	pair_start(&pair, PAIR_MTU);
	ATF_CHECK(is_exposed(pair.a));
	ATF_CHECK(host_log_has(
	    pair.a, "address " ADDRESS " of bridge weave is taken over"));
	ATF_CHECK(!host_log_has(pair.a, "169.254.1.1"));
	NET_WAIT(20, pings(pair.y->ns, ADDRESS));
	/* Only at first: what comes later is the operator's own. */
	net_run(pair.a->ns, "ip address add 10.33.0.1/16 dev weave");
	host_stop(pair.a);
	host_start(pair.a);
	ATF_CHECK(is_exposed(pair.a));
	ATF_CHECK(!has_table(pair.a, "10.33.0.0/16"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, allocated);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, masquerade);
	ATF_TP_ADD_TC(tp, kept);
	ATF_TP_ADD_TC(tp, flushed);
	ATF_TP_ADD_TC(tp, adopted);
	return atf_no_error();
}
