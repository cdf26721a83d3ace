/*
 * The host's own address in the overlay: who reaches whom through it, and
 * that neither restarts nor other people's firewalls take it away.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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
static void give(struct pod *, const char *, char[16]);
static bool sees(struct pod *, struct host *, const char *, const char *);

static char conf_file[256]; /* of a */
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
	snprintf(
	    conf_file, sizeof(conf_file), "%s/weaved.conf", pair.a->directory);
	net_write_file(conf_file, "# nothing yet\n");
	pair.a->file = conf_file;
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

/* One more address, of this subnet. */
static void
give(struct pod *pod, const char *subnet, char address[16])
{
	char command[64];

	snprintf(command, sizeof(command), "ip allocate %.16s %.24s", subnet,
	    subnet);
	command[strcspn(command, "/")] = '-';
	ctl(pod->host, command);
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	output[strcspn(output, "/")] = '\0';
	strlcpy(address, output, 16);
	net_run(pod->ns, "ip address add %s/32 dev eth0", address);
}

/* A datagram that the host sends to this address of the pod: from whom is it? */
static bool
sees(struct pod *pod, struct host *from, const char *to, const char *source)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(TRAFFIC_PORT)};
	socklen_t len = sizeof(sin);
	struct pollfd pfd = {.events = POLLIN};
	bool seen = false;
	char text[16];
	int s;

	inet_pton(AF_INET, to, &sin.sin_addr);
	pfd.fd = traffic_udp(pod, TRAFFIC_PORT);
	s = traffic_socket(pod->net, from->ns, AF_INET, SOCK_DGRAM, 0);
	sendto(s, "", 1, 0, (struct sockaddr *)&sin, sizeof(sin));
	if (poll(&pfd, 1, 1000) == 1 &&
	    recvfrom(pfd.fd, text, sizeof(text), 0, (struct sockaddr *)&sin,
		&len) == 1)
		seen = strcmp(source,
			   inet_ntop(AF_INET, &sin.sin_addr, text,
			       sizeof(text))) == 0;
	close(s);
	close(pfd.fd);
	return seen;
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

/*
 * The pod of this host sees the client, also by an address that the other
 * peer gave away just now; that of the other peer sees this host, or it would
 * answer by a way of its own.
 */
ATF_TC_WITHOUT_HEAD(no_masq_local);
ATF_TC_BODY(no_masq_local, tc)
{
	struct pair pair = start();
	struct host *outside = net_host(pair.net);
	char x[16], other[16], y[16];

	net_run(
	    outside->ns, "ip route add 10.32.0.0/16 via %s", pair.a->address);
	ATF_REQUIRE_STREQ(ADDRESS "/16", ctl(pair.a, "expose " ADDRESS "/16"));
	give(pair.x, "10.32.20.0/24", x);
	give(pair.y, "10.32.30.0/24", y);
	NET_WAIT(20, sees(pair.x, outside, x, ADDRESS));
	NET_WAIT(20, sees(pair.y, outside, y, ADDRESS));

	net_write_file(conf_file, "no-masq-local: yes\n");
	ctl(pair.a, "reload");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	NET_WAIT(20, sees(pair.x, outside, x, outside->address));
	/* The two have a half each: it is b that owns one of these. */
	give(pair.x, "10.32.220.0/24", other);
	NET_WAIT(20, sees(pair.x, outside, other, outside->address));
	ATF_CHECK(sees(pair.y, outside, y, ADDRESS));
	host_stop(pair.a);
	net_run(pair.a->ns, "nft flush ruleset");
	host_start(pair.a);
	NET_WAIT(20, sees(pair.x, outside, other, outside->address));

	net_write_file(conf_file, "no-masq-local: no\n");
	ctl(pair.a, "reload");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	NET_WAIT(20, sees(pair.x, outside, other, ADDRESS));
}

/* What keeps pods from getting out is named, when exposed and at a start. */
ATF_TC_WITHOUT_HEAD(not_forwarded);
ATF_TC_BODY(not_forwarded, tc)
{
	static const char chain[] = "chain FORWARD of table ip filter drops";
	struct pair pair = start();

	ctl(pair.a, "expose " ADDRESS "/16");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	ATF_CHECK(!host_log_has(pair.a, "ip_forward is 0"));
	ATF_CHECK(!host_log_has(pair.a, "drops what is forwarded"));
	net_run(pair.a->ns, "echo 0 >/proc/sys/net/ipv4/ip_forward");
	ctl(pair.a, "expose " ADDRESS "/16");
	ATF_REQUIRE_EQ_MSG(0, status, "%s", output);
	ATF_CHECK(host_log_has(pair.a, "ip_forward is 0"));
	net_run(pair.a->ns,
	    "nft 'table ip filter { chain FORWARD { type filter hook forward "
	    "priority filter; policy drop; }; }'");
	host_stop(pair.a);
	host_start(pair.a);
	NET_WAIT(10, host_log_has(pair.a, chain));
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
	ATF_TP_ADD_TC(tp, no_masq_local);
	ATF_TP_ADD_TC(tp, not_forwarded);
	ATF_TP_ADD_TC(tp, kept);
	ATF_TP_ADD_TC(tp, flushed);
	ATF_TP_ADD_TC(tp, adopted);
	return atf_no_error();
}
