/*
 * What a confined process may do, asked of the kernel: each system call that
 * is not in its table ends it, each that is does not.
 */
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <seccomp.h>
#include <sodium.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/engine/mesh/routes.h"
#include "weaved/engine/mesh/topology.h"
#include "weaved/child.h"
#include "weaved/parent/descriptors.h"
#include "weaved/sandbox.h"

#define CALL_MAX 470 /* beyond the newest call of today's kernels */

/* Exit status of a child that was not stopped by its filter. */
enum {
	SURVIVED = 10,
	NO_SANDBOX
};

static void
confine(enum proc_id proc)
{
	char text[CTL_TEXT_MAX];

	if (!sandbox_enter(proc, SANDBOX_REQUIRED, WEAVED_UID_FALLBACK,
		WEAVED_UID_FALLBACK, text))
		_exit(NO_SANDBOX);
}

/* Status of a child that confines itself, then acts. */
static int
run(enum proc_id proc, void (*act)(long), long arg)
{
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		confine(proc);
		act(arg);
		syscall(SYS_exit_group, SURVIVED);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid);
	ATF_REQUIRE_MSG(!WIFEXITED(status) || WEXITSTATUS(status) != NO_SANDBOX,
	    "sandbox did not hold");
	return status;
}

static void
prepare(void)
{
	char error[CONF_ERROR_MAX];

	ATF_REQUIRE_MSG(descriptors_make_root(error) == 0, "%s", error);
}

/* With arguments that no call can do anything with. */
static void
act_call(long number)
{
	syscall(number, -1L, -1L, -1L, -1L, -1L, -1L);
}

static bool
is_allowed(enum proc_id proc, long number)
{
	const char *const *calls = sandbox_allowed(proc);

	for (; *calls != NULL; calls++)
		if (seccomp_syscall_resolve_name(*calls) == number)
			return true;
	return false;
}

/* These do not come back, wait, or have their arguments checked. */
static bool
is_special(long number)
{
	static const long special[] = {SYS_exit, SYS_exit_group,
	    SYS_rt_sigreturn, SYS_restart_syscall, SYS_mmap, SYS_mprotect,
	    SYS_fcntl, SYS_poll, SYS_ppoll,
	    /* uretprobe, uprobe: the kernel's own, past any filter */
	    335, 336};

	for (size_t i = 0; i < sizeof(special) / sizeof(special[0]); i++)
		if (special[i] == number)
			return true;
	return false;
}

static void
check_all_calls(enum proc_id proc)
{
	prepare();
	for (long number = 0; number < CALL_MAX; number++) {
		int status;

		if (is_special(number))
			continue;
		status = run(proc, act_call, number);
		if (is_allowed(proc, number))
			ATF_CHECK_MSG(
			    !WIFSIGNALED(status) || WTERMSIG(status) != SIGSYS,
			    "call %ld is in the table but refused", number);
		else
			ATF_CHECK_MSG(
			    WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			    "call %ld is not in the table but allowed", number);
	}
}

ATF_TC(engine_calls);
ATF_TC_HEAD(engine_calls, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(engine_calls, tc)
{
	check_all_calls(PROC_ENGINE);
}

ATF_TC(control_calls);
ATF_TC_HEAD(control_calls, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(control_calls, tc)
{
	check_all_calls(PROC_CONTROL);
}

ATF_TC(resolver_calls);
ATF_TC_HEAD(resolver_calls, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(resolver_calls, tc)
{
	check_all_calls(PROC_RESOLVER);
}

ATF_TC(netcfg_calls);
ATF_TC_HEAD(netcfg_calls, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(netcfg_calls, tc)
{
	check_all_calls(PROC_NETCFG);
}

ATF_TC(http_calls);
ATF_TC_HEAD(http_calls, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(http_calls, tc)
{
	check_all_calls(PROC_HTTP);
}

/* Whoever widens a table has to say so twice. */
static void
check_golden(enum proc_id proc)
{
	const char *top = getenv("WEAVED_SRCDIR");
	const char *const *call = sandbox_allowed(proc);
	char path[512], line[64];
	FILE *f;

	ATF_REQUIRE(top != NULL);
	snprintf(path, sizeof(path), "%s/regress/privsep/golden/%s.calls", top,
	    proc_name(proc));
	ATF_REQUIRE_MSG((f = fopen(path, "re")) != NULL, "no %s", path);
	for (; fgets(line, sizeof(line), f) != NULL; call++) {
		line[strcspn(line, "\n")] = '\0';
		ATF_REQUIRE_MSG(*call != NULL, "%s may not %s any more",
		    proc_name(proc), line);
		ATF_CHECK_STREQ_MSG(
		    line, *call, "calls of %s", proc_name(proc));
	}
	ATF_CHECK_MSG(*call == NULL, "%s may %s too", proc_name(proc), *call);
	fclose(f);
}

ATF_TC_WITHOUT_HEAD(golden_calls);
ATF_TC_BODY(golden_calls, tc)
{
#ifdef WEAVED_SANITIZE
	atf_tc_skip("the sanitizers' runtime needs more calls");
#endif
	for (uint32_t proc = PROC_ENGINE; proc < PROC_MAX; proc++)
		check_golden((enum proc_id)proc);
}

/* What an attacker who owns the engine would try first. */
static void
act_escape(long which)
{
	char *const argv[] = {NULL};

	switch (which) {
	case 0:
		open("/etc/passwd", O_RDONLY);
		break;
	case 1:
		socket(AF_INET, SOCK_STREAM, 0);
		break;
	case 2:
		execve("/bin/sh", argv, argv);
		break;
	case 3:
		ptrace(PTRACE_ATTACH, getppid(), NULL, NULL);
		break;
	case 4:
		syscall(SYS_kill, 1, 0);
		break;
	case 5:
		mmap(NULL, 4096, PROT_READ | PROT_EXEC,
		    MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		break;
	case 6:
		mprotect((void *)0x10000, 4096, PROT_WRITE | PROT_EXEC);
		break;
	case 7:
		fcntl(0, F_SETOWN, 1);
		break;
	case 8:
		fork();
		break;
	case 9:
		syscall(SYS_process_vm_readv, 1, NULL, 0, NULL, 0, 0);
		break;
	case 10:
		(void)!setuid(0);
		break;
	case 11:
		syscall(SYS_io_uring_setup, 1, NULL);
		break;
	case 12:
		(void)!chroot("..");
		break;
	}
}

ATF_TC(escapes);
ATF_TC_HEAD(escapes, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(escapes, tc)
{
	static const enum proc_id procs[] = {
	    PROC_ENGINE, PROC_CONTROL, PROC_NETCFG};

	prepare();
	for (size_t i = 0; i < sizeof(procs) / sizeof(procs[0]); i++)
		for (long which = 0; which <= 12; which++) {
			int status = run(procs[i], act_escape, which);

			ATF_CHECK_MSG(
			    WIFSIGNALED(status) && WTERMSIG(status) == SIGSYS,
			    "process %d, escape %ld: status %#x", procs[i],
			    which, (unsigned int)status);
		}
}

/* The resolver has files and sockets to name servers, and no more of them. */
static void
act_resolver(long which)
{
	int fd;

	if (which == 0) {
		if ((fd = open("/etc/hosts", O_RDONLY)) == -1 &&
		    errno != ENOENT)
			_exit(1);
	} else if (which == 1) {
		if (open("/proc/self/status", O_RDONLY) != -1 ||
		    errno != EACCES)
			_exit(1);
	} else if (open("/etc/weaved-test", O_WRONLY | O_CREAT, 0600) != -1 ||
	    errno != EACCES)
		_exit(1);
}

ATF_TC(resolver_files);
ATF_TC_HEAD(resolver_files, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(resolver_files, tc)
{
	prepare();
	for (long which = 0; which < 3; which++) {
		int status = run(PROC_RESOLVER, act_resolver, which);

		ATF_CHECK_MSG(
		    WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED,
		    "case %ld: %#x", which, (unsigned int)status);
	}
}

/*
 * What a mesh of thousands asks of the engine, under its own filter: a library
 * function may want a system call only when there is much to do.
 */
#define CROWD 500

static uint32_t
any(void *arg, uint32_t bound)
{
	(void)arg;
	return randombytes_uniform(bound);
}

static struct topology *
crowd_new(void)
{
	struct topology *topo = topology_new(1, "crowd", 7, any, NULL);

	ATF_REQUIRE(topo != NULL);
	for (uint64_t name = 2; name < 2 + CROWD; name++) {
		ATF_REQUIRE(
		    topology_add(topo, name, "", name, false, 0) != NULL);
		ATF_REQUIRE(topology_connect(topo, name, "10.0.0.1:1", true));
	}
	return topo;
}

static void
act_crowd(long unused)
{
	struct topology *topo = crowd_new(), *other;
	struct routes *routes = routes_new();
	struct topology_update update = {0};
	struct gob_encoder enc;
	uint64_t *names;
	char cause[256];
	size_t count, from = 0;

	(void)unused;
	gob_encode_init(&enc, 2 * TOPOLOGY_UPDATE_MAX);
	names = topology_names(topo, &count);
	other = topology_new(CROWD + 100, "other", 8, any, NULL);
	if (names == NULL || other == NULL || routes == NULL ||
	    !topology_encode(topo, names, count, &from, &enc) ||
	    !topology_merge(
		other, enc.data, enc.len, &update, cause, sizeof(cause)) ||
	    update.nnamed != count || !routes_compute(routes, topo) ||
	    routes_unicast(routes, ROUTES_ALL, 2) != 2)
		_exit(1);
}

ATF_TC(engine_in_a_crowd);
ATF_TC_HEAD(engine_in_a_crowd, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(engine_in_a_crowd, tc)
{
	int status;

	prepare();
	ATF_REQUIRE(sodium_init() != -1);
	status = run(PROC_ENGINE, act_crowd, 0);
	ATF_CHECK_MSG(WIFEXITED(status) && WEXITSTATUS(status) == SURVIVED,
	    "status %#x", (unsigned int)status);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, engine_calls);
	ATF_TP_ADD_TC(tp, control_calls);
	ATF_TP_ADD_TC(tp, resolver_calls);
	ATF_TP_ADD_TC(tp, netcfg_calls);
	ATF_TP_ADD_TC(tp, http_calls);

	ATF_TP_ADD_TC(tp, golden_calls);
	ATF_TP_ADD_TC(tp, escapes);
	ATF_TP_ADD_TC(tp, resolver_files);
	ATF_TP_ADD_TC(tp, engine_in_a_crowd);
	return atf_no_error();
}
