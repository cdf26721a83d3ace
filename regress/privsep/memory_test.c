/*
 * Which secrets of a live connection lie in whose memory: what the engine
 * works with, and nothing else, and not for longer than it needs it. A peer
 * made by hand knows them all.
 */
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/member.h"
#include "regress/lib/process.h"
#include "weaved/weaved.h"

#define PASSWORD "a password that is looked for, 8c1d"

static struct host *daemon_start(struct net *);
static size_t in_children(struct host *, const void *, size_t);
static void check_absent(struct host *, const char *, const void *, size_t);
static bool engine_has(struct host *, const uint8_t[MEMBER_KEY]);

static struct host *
daemon_start(struct net *net)
{
	struct host *host = net_host(net);

	snprintf(host->password, sizeof(host->password), PASSWORD);
	host_start(host);
	/* The member's own network. */
	net_host(net);
	return host;
}

/* How often these bytes lie in the memory of all children. */
static size_t
in_children(struct host *host, const void *bytes, size_t len)
{
	pid_t children[PROCESS_CHILDREN_MAX];
	size_t n = process_children(host->pid, children), found = 0;

	ATF_REQUIRE(n >= 3);
	for (size_t i = 0; i < n; i++)
		found += process_memory_has(children[i], bytes, len);
	return found;
}

static void
check_absent(struct host *host, const char *what, const void *bytes, size_t len)
{
	size_t found = in_children(host, bytes, len);

	ATF_CHECK_EQ_MSG(0, found, "%s lies %zu times in memory", what, found);
}

static bool
engine_has(struct host *host, const uint8_t key[MEMBER_KEY])
{
	return process_memory_has(
		   host_process(host, "engine"), key, MEMBER_KEY) > 0;
}

/* The first 16 bytes tell as much as all: a part of a secret is one too. */
ATF_TC_WITHOUT_HEAD(parents_secrets);
ATF_TC_BODY(parents_secrets, tc)
{
	static const char *const labels[] = {
	    "confirm i", "confirm r", "esp", "parent i", "parent r", "reauth"};
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *host = daemon_start(net);
	struct member member;
	uint8_t key[MEMBER_KEY];

	member_join(&member, &net->hosts[1], host, PASSWORD);
	/* The search finds what must be there. */
	ATF_CHECK(engine_has(host, member.keys.tcp[0]));
	ATF_CHECK(engine_has(host, member.keys.tcp[1]));
	check_absent(host, "the password", PASSWORD, strlen(PASSWORD));
	check_absent(host, "PRS", member.prs, 16);
	check_absent(host, "the generator", member.generator, 16);
	check_absent(host, "ISK", member.isk, 16);
	check_absent(host, "prk", member.prk, 16);
	for (size_t i = 0; i < sizeof(labels) / sizeof(labels[0]); i++) {
		member_key(&member, labels[i], key);
		check_absent(host, labels[i], key, 16);
	}
	member_rekey(&member);
	check_absent(host, "PRS, later", member.prs, 16);
	check_absent(host, "prk, later", member.prk, 16);
	member_leave(&member);
}

/* Two rekeys on, nothing is left of the first epoch; at the end, of any. */
ATF_TC_WITHOUT_HEAD(past_keys);
ATF_TC_BODY(past_keys, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *host = daemon_start(net);
	struct rekey_keys first;
	struct member member;
	uint8_t chain[MEMBER_KEY];

	member_join(&member, &net->hosts[1], host, PASSWORD);
	first = member.keys;
	memcpy(chain, member.chain, sizeof(chain));
	ATF_CHECK(engine_has(host, chain));
	member_rekey(&member);
	NET_WAIT(20, engine_has(host, member.keys.tcp[1]));
	check_absent(host, "the first link of the chain", chain, 16);
	member_rekey(&member);
	NET_WAIT(20,
	    in_children(host, first.tcp[0], MEMBER_KEY) == 0 &&
		in_children(host, first.tcp[1], MEMBER_KEY) == 0 &&
		in_children(host, first.udp[0], MEMBER_KEY) == 0 &&
		in_children(host, first.udp[1], MEMBER_KEY) == 0);
	first = member.keys;
	ATF_CHECK(engine_has(host, first.tcp[0]));
	memcpy(chain, member.chain, sizeof(chain));
	member_leave(&member);
	NET_WAIT(20,
	    in_children(host, chain, MEMBER_KEY) == 0 &&
		in_children(host, first.tcp[0], MEMBER_KEY) == 0 &&
		in_children(host, first.tcp[1], MEMBER_KEY) == 0 &&
		in_children(host, first.udp[0], MEMBER_KEY) == 0 &&
		in_children(host, first.udp[1], MEMBER_KEY) == 0);
}

/* As an intruder with the uid of the children would try it. */
static int
try_parent(pid_t parent, uint32_t uid)
{
	char path[64], byte;
	struct iovec here = {&byte, 1}, there = {(void *)0x1000, 1};
	int result = 0;

	if (setgid(uid) == -1 || setuid(uid) == -1)
		return 1;
	snprintf(path, sizeof(path), "/proc/%d/mem", (int)parent);
	if (open(path, O_RDONLY) != -1 || errno != EACCES)
		result |= 2;
	snprintf(path, sizeof(path), "/proc/%d/environ", (int)parent);
	if (open(path, O_RDONLY) != -1 || errno != EACCES)
		result |= 4;
	if (process_vm_readv(parent, &here, 1, &there, 1, 0) != -1 ||
	    errno != EPERM)
		result |= 8;
	return result;
}

ATF_TC_WITHOUT_HEAD(parent_is_out_of_reach);
ATF_TC_BODY(parent_is_out_of_reach, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *host = daemon_start(net);
	char limits[4096], *line;
	int status;
	pid_t pid;

	/* It is there, and only root's eyes find it. */
	ATF_CHECK(
	    process_memory_has(host->pid, PASSWORD, strlen(PASSWORD)) > 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		_exit(try_parent(host->pid, WEAVED_UID_FALLBACK));
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == 0,
	    "status %#x", (unsigned)status);
	/* No core of any of them, and none would hold the secrets. */
	ATF_REQUIRE(
	    process_file(host->pid, "limits", limits, sizeof(limits)) > 0);
	ATF_REQUIRE((line = strstr(limits, "Max core file size")) != NULL);
	ATF_CHECK(strncmp(line + 26, "0 ", 2) == 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parents_secrets);
	ATF_TP_ADD_TC(tp, past_keys);
	ATF_TP_ADD_TC(tp, parent_is_out_of_reach);
	return atf_no_error();
}
