/*
 * What the kernel says of each process of a running daemon.
 */
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define NO_CAPS "0000000000000000"
#define ONLY_NET_ADMIN "0000000000001000"
#define CANARY "canary-3b1f9a62-of-the-password"

static const char *const children[] = {"engine", "control", "resolver"};

static void process_require(pid_t, const char *, const char *);
static void process_has(pid_t, const char *);
static void process_is_confined(pid_t, const char *);
static void process_empty_root(pid_t);
static size_t process_sockets(pid_t);

static void
process_require(pid_t pid, const char *key, const char *want)
{
	char value[256];

	ATF_REQUIRE(process_status(pid, key, value, sizeof(value)));
	ATF_CHECK_STREQ_MSG(want, value, "%s of %d", key, (int)pid);
}

/* These capabilities, and no way to any other. */
static void
process_has(pid_t pid, const char *caps)
{
	static const char *const sets[] = {"CapInh", "CapBnd", "CapAmb"};
	size_t i;

	process_require(pid, "CapPrm", caps);
	process_require(pid, "CapEff", caps);
	for (i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		process_require(pid, sets[i], NO_CAPS);
}

static void
process_is_confined(pid_t pid, const char *caps)
{
	unsigned uid, euid, suid, fsuid;
	char value[256];

	ATF_REQUIRE(pid > 0);
	ATF_REQUIRE(process_status(pid, "Uid", value, sizeof(value)));
	ATF_REQUIRE_EQ(
	    4, sscanf(value, "%u %u %u %u", &uid, &euid, &suid, &fsuid));
	ATF_CHECK(uid != 0 && euid == uid && suid == uid && fsuid == uid);
	ATF_REQUIRE(process_status(pid, "Gid", value, sizeof(value)));
	ATF_CHECK(strncmp(value, "0\t", 2) != 0);
	process_require(pid, "Groups", "");
	process_has(pid, caps);
	process_require(pid, "NoNewPrivs", "1");
	process_require(pid, "Seccomp", "2");
	ATF_CHECK_MSG(process_file(pid, "environ", value, sizeof(value)) == 0,
	    "%d has an environment", (int)pid);
	ATF_CHECK(process_file(pid, "comm", value, sizeof(value)) > 0);
	ATF_CHECK_MSG(
	    strncmp(value, "exe", 3) != 0, "%d is called exe", (int)pid);
}

ATF_TC_WITHOUT_HEAD(children_are_confined);
ATF_TC_BODY(children_are_confined, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	char ours[256], others[256];
	size_t i;

	pair_start(&pair, PAIR_MTU);
	for (i = 0; i < 3; i++)
		process_is_confined(host_process(pair.a, children[i]), NO_CAPS);
	process_is_confined(host_process(pair.a, "netcfg"), ONLY_NET_ADMIN);
	/* Who could signal or trace it would have its capability. */
	process_status(
	    host_process(pair.a, "netcfg"), "Uid", ours, sizeof(ours));
	process_status(
	    host_process(pair.a, "engine"), "Uid", others, sizeof(others));
	ATF_CHECK(strcmp(ours, others) != 0);
}

/* The root of engine, control and netcfg is a directory with nothing in it. */
static void
process_empty_root(pid_t pid)
{
	char command[64], root[256];
	struct stat sb;

	ATF_REQUIRE(process_link(pid, "root", root, sizeof(root)));
	ATF_CHECK_MSG(
	    strcmp(root, "/") != 0, "%d has the root of all", (int)pid);
	snprintf(command, sizeof(command), "/proc/%d/root/.", (int)pid);
	ATF_REQUIRE(stat(command, &sb) == 0);
	ATF_CHECK_EQ(0, sb.st_uid);
	ATF_CHECK_EQ(0555, sb.st_mode & 07777);
	snprintf(command, sizeof(command),
	    "test -z \"$(ls -A /proc/%d/root/)\"", (int)pid);
	ATF_CHECK_EQ(0, system(command));
}

ATF_TC_WITHOUT_HEAD(roots_are_empty);
ATF_TC_BODY(roots_are_empty, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	process_empty_root(host_process(pair.a, "engine"));
	process_empty_root(host_process(pair.a, "control"));
	process_empty_root(host_process(pair.a, "netcfg"));
}

static size_t
process_sockets(pid_t pid)
{
	return process_descriptors(pid, "socket:");
}

/*
 * The engine: pipe and pipe to control, listening socket, two UDP sockets,
 * one connection, TAP. Control: pipe, pipe to the engine, listening socket
 * (clients come and go). The resolver: its pipe. netcfg: its pipe, and netlink.
 * "pipe:" is the event loop's own, for signals.
 */
ATF_TC_WITHOUT_HEAD(descriptors_are_few);
ATF_TC_BODY(descriptors_are_few, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	pid_t control, engine, netcfg, resolver;
	size_t i;

	pair_start(&pair, PAIR_MTU);
	engine = host_process(pair.a, "engine");
	control = host_process(pair.a, "control");
	resolver = host_process(pair.a, "resolver");
	netcfg = host_process(pair.a, "netcfg");
	NET_WAIT(10, process_sockets(engine) == 6);
	ATF_CHECK_EQ(1, process_descriptors(engine, "/dev/net/tun"));
	NET_WAIT(10, process_sockets(control) == 3);
	NET_WAIT(10, process_sockets(resolver) == 1);
	NET_WAIT(10, process_sockets(netcfg) == 5);
	for (i = 0; i < 4; i++) {
		pid_t pid = i == 3 ? netcfg : host_process(pair.a, children[i]);
		size_t known = process_sockets(pid) +
		    process_descriptors(pid, "anon_inode:") +
		    process_descriptors(pid, "pipe:") +
		    process_descriptors(pid, "/dev/null") +
		    process_descriptors(pid, "/dev/net/tun");

		ATF_CHECK_EQ_MSG(process_descriptors(pid, NULL), known,
		    "child %zu holds something else", i);
		ATF_CHECK(process_descriptors(pid, "/dev/net/tun") ==
		    (pid == engine));
	}
}

ATF_TC_WITHOUT_HEAD(parent_keeps_little);
ATF_TC_BODY(parent_keeps_little, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	static char value[65536];
	unsigned long long bounding, effective;

	pair_start(&pair, PAIR_MTU);
	ATF_REQUIRE(
	    process_status(pair.a->pid, "CapEff", value, sizeof(value)));
	effective = strtoull(value, NULL, 16);
	ATF_REQUIRE(
	    process_status(pair.a->pid, "CapBnd", value, sizeof(value)));
	bounding = strtoull(value, NULL, 16);
	/* NET_ADMIN, SETUID, SETGID, SETPCAP, SYS_CHROOT, KILL */
	ATF_CHECK_EQ(0, effective & ~0x411e0ULL);
	ATF_CHECK_EQ(0, bounding & ~0x411e0ULL);
}

/* Wherever it came from, the password is in nobody's memory but the parent's. */
ATF_TC_WITHOUT_HEAD(password_stays);
ATF_TC_BODY(password_stays, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	size_t i, found;
	pid_t pid;

	snprintf(pair.a->password, sizeof(pair.a->password), CANARY);
	snprintf(pair.b->password, sizeof(pair.b->password), CANARY);
	pair_start(&pair, PAIR_MTU);
	/* The search itself works: it finds the nickname of the peer. */
	ATF_CHECK(
	    process_memory_has(host_process(pair.a, "engine"), "host2", 6) > 0);
	for (i = 0; i < 4; i++) {
		const char *name = i == 3 ? "netcfg" : children[i];

		ATF_REQUIRE((pid = host_process(pair.a, name)) > 0);
		found = process_memory_has(pid, CANARY, strlen(CANARY));
		ATF_CHECK_EQ_MSG(0, found, "%zu times in %s", found, name);
	}
	ATF_CHECK(!host_log_has(pair.a, CANARY));
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(engine_comes_back);
ATF_TC_BODY(engine_comes_back, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	pid_t old, pid;
	int i;

	pair_start(&pair, PAIR_MTU);
	for (i = 0; i < 3; i++) {
		old = host_process(pair.a, "engine");
		ATF_REQUIRE(old > 0 && kill(old, SIGKILL) == 0);
		NET_WAIT(20,
		    (pid = host_process(pair.a, "engine")) > 0 && pid != old);
		pair_require(&pair);
		process_has(pid, NO_CAPS);
		process_require(pid, "Seccomp", "2");
	}
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(children_follow_the_parent);
ATF_TC_BODY(children_follow_the_parent, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	pid_t pids[PROCESS_CHILDREN_MAX];
	size_t i, n;

	pair_start(&pair, PAIR_MTU);
	n = process_children(pair.a->pid, pids);
	ATF_REQUIRE(n >= 4);
	host_kill(pair.a, SIGKILL);
	for (i = 0; i < n; i++)
		NET_WAIT(5, !process_alive(pids[i]));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, children_are_confined);
	ATF_TP_ADD_TC(tp, roots_are_empty);
	ATF_TP_ADD_TC(tp, descriptors_are_few);
	ATF_TP_ADD_TC(tp, parent_keeps_little);
	ATF_TP_ADD_TC(tp, password_stays);
	ATF_TP_ADD_TC(tp, engine_comes_back);
	ATF_TP_ADD_TC(tp, children_follow_the_parent);
	return atf_no_error();
}
