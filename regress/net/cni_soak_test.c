/*
 * Pods come and go on three hosts, SOAK_OPERATIONS / 100 times ADD or DEL
 * (else 100), while plugins and daemons are killed at any moment. What runs
 * never shares an address, and in the end nothing is left of it: no address,
 * link, rule, route or file.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/cni.h"
#include "regress/lib/process.h"

#define HOSTS 3
#define SLOTS 12 /* pods at most, four a host */
#define OPERATIONS 100
#define STATE_MAX 65536

enum state {
	ABSENT,
	PRESENT,
	UNKNOWN /* a command failed: DEL is due */
};

struct slot {
	struct host *host;
	int ns;
	char container[65];
	enum state state;
	char address[32];
};

static struct slot slots[SLOTS];
static size_t killed, failed, done, restarts;

static void start(struct net *);
static struct cni_call call_of(const struct slot *, const char *);
static void kill_daemon(struct host *);
static void operate(struct slot *);
static void note(struct slot *, const char *, const struct cni_answer *);
static void require_unique(const struct slot *);
static void clear(struct slot *);
static char *state_of(struct host *);
static size_t addresses(struct host *);

static void
start(struct net *net)
{
	for (size_t i = 0; i < HOSTS; i++) {
		struct host *host = net_host(net);

		host_option(host, "ipalloc-range", "10.32.0.0/24");
		host_option(host, "ipalloc-init", "consensus=3");
		host_option(host, "log", "info");
		for (size_t j = 0; j < i; j++)
			host_peer(host, net->hosts[j].address);
		host_start(host);
	}
	NET_WAIT(60, net_full_mesh(net));
	for (size_t i = 0; i < SLOTS; i++) {
		slots[i].host = &net->hosts[i % HOSTS];
		slots[i].ns = net_namespace(net);
		snprintf(slots[i].container, sizeof(slots[i].container),
		    i % 2 == 0 ? "%064zx" : "container-%zu", i);
	}
}

static struct cni_call
call_of(const struct slot *slot, const char *command)
{
	return (struct cni_call){.host = slot->host,
	    .command = command,
	    .container = slot->container,
	    .ifname = "eth0",
	    .netns = cni_netns(slot->ns),
	    .conf = CNI_CONF};
}

/* The whole of it, or the process that knows the addresses. */
static void
kill_daemon(struct host *host)
{
	pid_t engine = host_process(host, "engine");

	restarts++;
	if (random() % 2 == 0 && engine > 0)
		kill(engine, SIGKILL);
	else
		kill(host->pid, SIGKILL);
}

static void
require_unique(const struct slot *slot)
{
	for (size_t i = 0; i < SLOTS; i++)
		ATF_REQUIRE_MSG(&slots[i] == slot ||
			slots[i].state != PRESENT ||
			strcmp(slots[i].address, slot->address) != 0,
		    "%s was given twice", slot->address);
}

static void
note(struct slot *slot, const char *command, const struct cni_answer *got)
{
	bool add = strcmp(command, "ADD") == 0;

	if (got->status == -1)
		killed++;
	else if (got->status != 0)
		failed++;
	else
		done++;
	slot->state = got->status != 0 ? UNKNOWN : add ? PRESENT : ABSENT;
	if (slot->state != PRESENT)
		return;
	snprintf(slot->address, sizeof(slot->address), "%s",
	    cni_text(got->root, "ips.0.address"));
	require_unique(slot);
}

static void
operate(struct slot *slot)
{
	const char *command = slot->state == ABSENT ? "ADD" : "DEL";
	struct cni_call call;
	pid_t pid;

	/* A runtime may also try ADD again. */
	if (slot->state == UNKNOWN && random() % 3 == 0)
		command = "ADD";
	call = call_of(slot, command);
	pid = cni_start(&call);
	if (random() % 4 == 0) {
		usleep((useconds_t)random() % 30000);
		kill(pid, SIGKILL);
	}
	if (random() % 20 == 0) {
		usleep((useconds_t)random() % 20000);
		kill_daemon(slot->host);
	}
	note(slot, command, cni_wait(pid));
	if (host_ended(slot->host) != -1)
		host_start(slot->host);
}

static void
clear(struct slot *slot)
{
	struct cni_call call = call_of(slot, "DEL");
	uint64_t end = net_now() + 60000;

	if (host_ended(slot->host) != -1)
		host_start(slot->host);
	while (cni_run(&call)->status != 0)
		ATF_REQUIRE(net_now() < end);
	slot->state = ABSENT;
}

static size_t
addresses(struct host *host)
{
	json_t *rows = host_show(host, "ip list"), *row;
	size_t i, n = 0;

	ATF_REQUIRE(rows != NULL);
	json_array_foreach(rows, i, row)
		n += strcmp(cni_text(row, "ID"), "weave:expose") != 0;
	json_decref(rows);
	return n;
}

/* Links, routes, rules and files of a host, as text to compare. */
static char *
state_of(struct host *host)
{
	char path[256], *text = calloc(1, STATE_MAX);
	FILE *f;

	ATF_REQUIRE(text != NULL);
	snprintf(path, sizeof(path), "%s/state.txt", host->net->directory);
	net_run(host->ns,
	    "{ ip -o link | sed 's/^[0-9]*: \\([^:@]*\\).*/\\1/' | sort; "
	    "ip rule; ip route; "
	    "nft list ruleset | sed 's/counter packets.*//; s/handle.*//'; "
	    "cd %s && find . | grep -v 'log$' | sort; } > %s",
	    host->directory, path);
	ATF_REQUIRE((f = fopen(path, "r")) != NULL);
	ATF_REQUIRE(fread(text, 1, STATE_MAX - 1, f) > 0);
	fclose(f);
	return text;
}

ATF_TC(leaks);
ATF_TC_HEAD(leaks, tc)
{
	atf_tc_set_md_var(tc, "timeout", "3600");
}
ATF_TC_BODY(leaks, tc)
{
	const char *text = getenv("SOAK_OPERATIONS");
	size_t n = text != NULL ? (size_t)atol(text) / 100 : OPERATIONS;
	struct net *net = net_new(NET_ENCRYPTED);
	char *before[HOSTS], *after;
	struct cni_call call;

	srandom((unsigned)getpid());
	start(net);
	/* Once each, so that what stays for good is there. */
	for (size_t i = 0; i < HOSTS; i++) {
		call = call_of(&slots[i], "ADD");
		NET_WAIT(60, cni_run(&call)->status == 0);
		clear(&slots[i]);
		before[i] = state_of(&net->hosts[i]);
	}
	for (size_t i = 0; i < n; i++)
		operate(&slots[random() % SLOTS]);
	printf("%zu done, %zu failed, %zu killed, %zu daemons killed\n", done,
	    failed, killed, restarts);
	ATF_CHECK(done > 0 && killed > 0);
	for (size_t i = 0; i < SLOTS; i++) {
		clear(&slots[i]);
		net_run(slots[i].ns, "test $(ip -o link | wc -l) = 1");
	}
	for (size_t i = 0; i < HOSTS; i++) {
		ATF_CHECK_EQ(0, addresses(&net->hosts[i]));
		after = state_of(&net->hosts[i]);
		ATF_CHECK_STREQ(before[i], after);
		free(before[i]);
		free(after);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, leaks);
	return atf_no_error();
}
