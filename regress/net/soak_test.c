/*
 * Five nodes under random connects, kills and restarts for SOAK_SECONDS (by
 * default as long as a test may take); they end as a full mesh. The first node
 * is never restarted: its processes have not grown.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "regress/lib/net.h"
#include "regress/lib/process.h"
#include "regress/lib/traffic.h"

#define HOSTS 5
#define SECONDS 30
#define SETTLED 60 /* seconds after which memory may not grow */
#define RSS_NOISE 1024 /* KiB: pages touched late, not leaked */

struct size {
	pid_t pid;
	uint64_t rss;
	size_t descriptors;
};

static const char *const processes[] = {
    "parent", "engine", "control", "resolver"};

static struct net *soak_start(void);
static void soak_until(struct net *, uint64_t);
static void soak_event(struct net *);
static void soak_target(struct host *, const char *, const struct host *);
static void soak_mesh(struct net *);
static void soak_measure(struct host *, struct size *);
static void soak_compare(struct host *, const struct size *);

/* Every target may be forgotten but these: a chain is never broken. */
static struct net *
soak_start(void)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *host, *last = NULL;
	size_t i;

	for (i = 0; i < HOSTS; i++, last = host) {
		host = net_host(net);
		host_option(host, "log", "info");
		if (last != NULL)
			host_peer(host, last->address);
		host_start(host);
		net_pod(host, 1376);
	}
	return net;
}

static void
soak_mesh(struct net *net)
{
	NET_WAIT(120, net_full_mesh(net));
	NET_WAIT(60, net_pings_all(net));
}

static void
soak_target(struct host *host, const char *verb, const struct host *other)
{
	char line[64], out[1024];

	snprintf(line, sizeof(line), "%s %s", verb, other->address);
	host_ctl(host, out, sizeof(out), line);
}

static void
soak_event(struct net *net)
{
	struct host *any = &net->hosts[random() % HOSTS];
	struct host *other = &net->hosts[random() % HOSTS];
	struct host *victim = &net->hosts[1 + random() % (HOSTS - 1)];
	pid_t pid;

	switch (random() % 6) {
	case 0:
		soak_target(any, "connect", other);
		break;
	case 1:
		/* The chain stays: forget only what was dialled downwards. */
		if (other->number > any->number)
			soak_target(any, "forget", other);
		break;
	case 2:
		if ((pid = host_process(victim, "engine")) > 0)
			kill(pid, SIGKILL);
		break;
	case 3:
		host_kill(victim, SIGKILL);
		host_start(victim);
		break;
	case 4:
		host_stop(victim);
		host_start(victim);
		break;
	default:
		pod_pings(&net->pods[random() % HOSTS],
		    &net->pods[random() % HOSTS], 500);
	}
}

static void
soak_until(struct net *net, uint64_t end)
{
	while (net_now() < end) {
		soak_event(net);
		usleep((useconds_t)random() % 1000000);
	}
	soak_mesh(net);
}

static void
soak_measure(struct host *host, struct size *sizes)
{
	size_t i;

	for (i = 0; i < 4; i++) {
		sizes[i].pid = host_process(host, processes[i]);
		ATF_REQUIRE(sizes[i].pid > 0);
		sizes[i].rss = process_rss(sizes[i].pid);
		sizes[i].descriptors = process_descriptors(sizes[i].pid, NULL);
		printf("%-8s %d  %llu KiB  %zu descriptors\n", processes[i],
		    (int)sizes[i].pid, (unsigned long long)sizes[i].rss,
		    sizes[i].descriptors);
	}
}

static void
soak_compare(struct host *host, const struct size *before)
{
	struct size after[4];
	size_t i;

	soak_measure(host, after);
	for (i = 0; i < 4; i++) {
		ATF_CHECK_EQ_MSG(before[i].pid, after[i].pid,
		    "%s was restarted", processes[i]);
		ATF_CHECK_MSG(after[i].rss <= before[i].rss + RSS_NOISE,
		    "memory of %s has grown", processes[i]);
		ATF_CHECK_MSG(after[i].descriptors <= before[i].descriptors,
		    "descriptors of %s have grown", processes[i]);
	}
}

ATF_TC_WITHOUT_HEAD(churn);
ATF_TC_BODY(churn, tc)
{
	const char *text = getenv("SOAK_SECONDS");
	uint64_t begin = net_now();
	struct size sizes[4];
	unsigned seconds;
	struct net *net;

	seconds = text != NULL ? (unsigned)atoi(text) : SECONDS;
	srandom((unsigned)getpid());
	net = soak_start();
	soak_mesh(net);
	soak_until(net,
	    begin + 1000 * (seconds > 4 * SETTLED ? SETTLED : seconds / 4));
	soak_measure(&net->hosts[0], sizes);
	soak_until(net, begin + 1000 * seconds);
	soak_compare(&net->hosts[0], sizes);
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, churn);
	return atf_no_error();
}
