/*
 * One ring of real routers and weaved: whoever begins, all agree, no address
 * is given twice, space goes both ways, and connections stay.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/net.h"
#include "regress/lib/weaver.h"

#define RANGE "10.32.0.0/24"

static struct net *mesh(size_t, size_t, const char *);
static uint32_t allocate(struct host *, const char *);
static bool claim(struct host *, const char *, uint32_t);
static bool release(struct host *, const char *);
static bool remove_peer(struct host *, const struct host *);
static uint32_t owned(struct host *, const struct host *);
static bool agree(struct net *);
static void exhaust(struct net *);
static void whole_life(size_t, size_t, size_t);
static void taken_over(size_t);
static void observed(bool);

static char output[65536];

/* Real routers first, then weaved; all dial the first. */
/* One that talks to real routers. */
static struct host *
ipam_weaved(struct net *net)
{
	struct host *host = net_host(net);

	host_option(host, "protocol", "weave");
	return host;
}

static struct net *
mesh(size_t reals, size_t ours, const char *init)
{
	struct net *net;

	weaver_required();
	net = net_new(NET_ENCRYPTED);
	for (size_t i = 0; i < reals + ours; i++) {
		struct host *host =
		    i < reals ? weaver_host(net) : ipam_weaved(net);

		host_option(host, "ipalloc-range", RANGE);
		host_option(host, "ipalloc-init", "%s", init);
		if (i > 0)
			host_peer(host, net->hosts[0].address);
	}
	for (size_t i = 0; i < net->nhosts; i++)
		host_start(&net->hosts[i]);
	NET_WAIT(60, net_full_mesh(net));
	return net;
}

/* N of 10.32.0.N/24, 0: none within 5 s. */
static uint32_t
allocate(struct host *host, const char *id)
{
	char what[64];
	unsigned last = 0;

	if (host->kind == HOST_WEAVER) {
		snprintf(what, sizeof(what), "/ip/%s", id);
		if (!weaver_http(host, "POST", what, output, sizeof(output)))
			return 0;
	} else {
		snprintf(what, sizeof(what), "-w 5 ip allocate %s", id);
		if (host_ctl(host, output, sizeof(output), what) != 0)
			return 0;
	}
	return sscanf(output, "10.32.0.%u/24", &last) == 1 ? last : 0;
}

static bool
claim(struct host *host, const char *id, uint32_t n)
{
	char what[64];

	if (host->kind == HOST_WEAVER) {
		snprintf(what, sizeof(what), "/ip/%s/10.32.0.%u/24", id, n);
		return weaver_http(host, "PUT", what, output, sizeof(output));
	}
	snprintf(what, sizeof(what), "-w 5 ip claim %s 10.32.0.%u/24", id, n);
	return host_ctl(host, output, sizeof(output), what) == 0;
}

static bool
release(struct host *host, const char *id)
{
	char what[64];

	if (host->kind == HOST_WEAVER) {
		snprintf(what, sizeof(what), "/ip/%s", id);
		return weaver_http(
		    host, "DELETE", what, output, sizeof(output));
	}
	snprintf(what, sizeof(what), "ip release %s", id);
	return host_ctl(host, output, sizeof(output), what) == 0;
}

static bool
remove_peer(struct host *host, const struct host *gone)
{
	char what[64];

	if (host->kind == HOST_WEAVER) {
		snprintf(what, sizeof(what), "/peer/%s", gone->name);
		return weaver_http(
		    host, "DELETE", what, output, sizeof(output));
	}
	snprintf(what, sizeof(what), "rmpeer %s", gone->name);
	return host_ctl(host, output, sizeof(output), what) == 0;
}

/* What host says that the other owns; both print the same shape. */
static uint32_t
owned(struct host *host, const struct host *other)
{
	char *line, *next = output;
	unsigned n = 0;
	bool done;

	if (host->kind == HOST_WEAVER)
		done = weaver_http(
		    host, "GET", "/status/ipam", output, sizeof(output));
	else
		done =
		    host_ctl(host, output, sizeof(output), "status ipam") == 0;
	while (done && (line = strsep(&next, "\n")) != NULL)
		if (strncmp(line, other->name, strlen(other->name)) == 0)
			sscanf(line, "%*s %u IPs", &n);
	return n;
}

static bool
agree(struct net *net)
{
	for (size_t j = 0; j < net->nhosts; j++)
		for (size_t i = 1; i < net->nhosts; i++)
			if (net->hosts[i].pid != 0 && net->hosts[0].pid != 0 &&
			    owned(&net->hosts[i], &net->hosts[j]) !=
				owned(&net->hosts[0], &net->hosts[j]))
				return false;
	return true;
}

/* All in turn take what there is. */
static void
exhaust(struct net *net)
{
	bool seen[256] = {false};
	char id[16];
	uint32_t n;

	for (size_t i = 0; i < 254; i++) {
		struct host *host = &net->hosts[i % net->nhosts];

		snprintf(id, sizeof(id), "c%zu", i);
		NET_WAIT(60, (n = allocate(host, id)) != 0);
		ATF_REQUIRE_MSG(!seen[n], "10.32.0.%u given twice", n);
		seen[n] = true;
	}
	NET_WAIT(60, agree(net));
	for (size_t i = 0; i < net->nhosts; i++)
		ATF_CHECK_EQ(0, allocate(&net->hosts[i], "more"));
	/* What one gives back another gets. */
	ATF_CHECK(release(&net->hosts[0], "c0"));
	NET_WAIT(60, allocate(&net->hosts[net->nhosts - 1], "more") != 0);
}

static void
whole_life(size_t reals, size_t ours, size_t begins)
{
	char init[32];
	struct net *net;

	snprintf(init, sizeof(init), "consensus=%zu", reals + ours);
	net = mesh(reals, ours, init);
	NET_WAIT(60, allocate(&net->hosts[begins], "c250x") != 0);
	NET_WAIT(60, agree(net));
	ATF_CHECK(release(&net->hosts[begins], "c250x"));
	exhaust(net);
	ATF_CHECK(net_full_mesh(net));
	net_check(net);
}

ATF_TC(begun_by_real);
ATF_TC_HEAD(begun_by_real, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(begun_by_real, tc)
{
	whole_life(2, 1, 0);
}

ATF_TC(begun_by_weaved);
ATF_TC_HEAD(begun_by_weaved, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(begun_by_weaved, tc)
{
	whole_life(1, 2, 2);
}

ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	struct net *net = mesh(1, 1, "consensus=2");
	struct host *real = &net->hosts[0], *ours = &net->hosts[1];

	NET_WAIT(60, allocate(ours, "x") != 0);
	NET_WAIT(60, agree(net) && owned(real, ours) == 128);
	/* Of the other's half, one each, then the same ones again. */
	ATF_CHECK_MSG(claim(ours, "a", 77), "%s", output);
	ATF_CHECK_MSG(claim(real, "b", 177), "%s", output);
	ATF_CHECK(!claim(ours, "c", 177));
	ATF_CHECK(!claim(real, "d", 77));
	NET_WAIT(60, agree(net));
	ATF_CHECK(net_full_mesh(net));
	net_check(net);
}

/* Killed and back, both know what was whose. */
ATF_TC_WITHOUT_HEAD(restarts);
ATF_TC_BODY(restarts, tc)
{
	struct net *net = mesh(1, 1, "consensus=2");
	uint32_t before[2], after;

	for (size_t i = 0; i < 2; i++)
		NET_WAIT(60, (before[i] = allocate(&net->hosts[i], "x")) != 0);
	NET_WAIT(60, agree(net));
	for (size_t i = 0; i < 2; i++) {
		host_kill(&net->hosts[i], SIGKILL);
		host_start(&net->hosts[i]);
		NET_WAIT(60, net_full_mesh(net));
		NET_WAIT(60, (after = allocate(&net->hosts[i], "x")) != 0);
		ATF_CHECK_EQ(before[i], after);
	}
	NET_WAIT(60, agree(net));
	net_check(net);
}

/* A dead real router's addresses go to weaved, and the other way. */
static void
taken_over(size_t gone)
{
	struct net *net = mesh(2, 2, "consensus=4");
	struct host *dead = &net->hosts[gone], *heir = &net->hosts[3 - gone];

	NET_WAIT(60, allocate(&net->hosts[1], "x") != 0);
	/* It may not have been among the first: then it gets some now. */
	NET_WAIT(60, allocate(dead, "y") != 0);
	NET_WAIT(60, owned(heir, dead) > 0 && agree(net));
	host_kill(dead, SIGKILL);
	NET_WAIT(60, remove_peer(heir, dead));
	NET_WAIT(90,
	    owned(&net->hosts[1], dead) == 0 &&
		owned(&net->hosts[2], dead) == 0);
	NET_WAIT(
	    60, owned(&net->hosts[1], heir) == owned(&net->hosts[2], heir));
	ATF_CHECK(host_connected(&net->hosts[1], &net->hosts[2]));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(real_taken_over);
ATF_TC_BODY(real_taken_over, tc)
{
	taken_over(0);
}

ATF_TC_WITHOUT_HEAD(weaved_taken_over);
ATF_TC_BODY(weaved_taken_over, tc)
{
	taken_over(3);
}

ATF_TC_WITHOUT_HEAD(seeded);
ATF_TC_BODY(seeded, tc)
{
	struct net *net =
	    mesh(1, 1, "seed=5a:00:00:00:00:01,5a:00:00:00:00:02");

	NET_WAIT(60, allocate(&net->hosts[1], "x") != 0);
	NET_WAIT(60, allocate(&net->hosts[0], "x") != 0);
	NET_WAIT(
	    60, agree(net) && owned(&net->hosts[0], &net->hosts[1]) == 128);
	ATF_CHECK(net_full_mesh(net));
	net_check(net);
}

/* Whoever observes gets space from the other, who begins for it. */
static void
observed(bool real)
{
	struct net *net;
	struct host *observer, *elector;

	weaver_required();
	net = net_new(NET_ENCRYPTED);
	elector = real ? ipam_weaved(net) : weaver_host(net);
	observer = real ? weaver_host(net) : ipam_weaved(net);
	host_option(elector, "ipalloc-range", RANGE);
	host_option(observer, "ipalloc-range", RANGE);
	host_option(elector, "ipalloc-init", "consensus=1");
	host_option(observer, "ipalloc-init", "observer");
	host_peer(observer, elector->address);
	host_start(elector);
	host_start(observer);
	NET_WAIT(60, net_full_mesh(net));
	NET_WAIT(60, allocate(observer, "x") != 0);
	NET_WAIT(60, allocate(elector, "y") != 0);
	NET_WAIT(60, agree(net));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(weaved_observes);
ATF_TC_BODY(weaved_observes, tc)
{
	observed(false);
}

ATF_TC_WITHOUT_HEAD(real_observes);
ATF_TC_BODY(real_observes, tc)
{
	observed(true);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, begun_by_real);
	ATF_TP_ADD_TC(tp, begun_by_weaved);
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, restarts);
	ATF_TP_ADD_TC(tp, real_taken_over);
	ATF_TP_ADD_TC(tp, weaved_taken_over);
	ATF_TP_ADD_TC(tp, seeded);
	ATF_TP_ADD_TC(tp, weaved_observes);
	ATF_TP_ADD_TC(tp, real_observes);
	return atf_no_error();
}
