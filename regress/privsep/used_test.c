/*
 * No call is allowed that nobody needs: a daemon lives through what daemons
 * live through while strace(1) writes down what each process asks for. What
 * a table allows and the trace lacks must be named below, with its reason.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"
#include "weaved/child.h"
#include "weaved/sandbox.h"

#define CALLS_MAX 128
#define PIDS_MAX 64

/* Allowed and not seen here, because ... */
static const struct {
	const char *process; /* NULL: any */
	const char *call;
} rare[] = {
    /* the kernel makes it when a stopped process goes on */
    {NULL, "restart_syscall"},
    /* the allocator's choice, by sizes, threads and version */
    {NULL, "brk"},
    {NULL, "mmap"},
    {NULL, "mprotect"},
    {NULL, "munmap"},
    {NULL, "mremap"},
    {NULL, "madvise"},
    /* one thread ends by exit_group(2), another by exit(2) */
    {NULL, "exit"},
    /* contended locks only */
    {NULL, "futex"},
    /* the vDSO answers, unless the clock source has none */
    {NULL, "clock_gettime"},
    /* libevent's choice by version and libc */
    {NULL, "epoll_pwait"},
    {NULL, "readv"},
    {NULL, "writev"},
    /* libc around signals: none comes to a child while it runs */
    {NULL, "rt_sigreturn"},
    {NULL, "rt_sigprocmask"},
    /* libsodium asks once, before the filter; again after a failed read */
    {NULL, "getrandom"},
    /* a child ends by its parent's hand, or by EOF of its pipe */
    {NULL, "exit_group"},
    /* libc's one or the other, by architecture */
    {"netcfg", "select"},
    {"netcfg", "pselect6"},
    /* what getaddrinfo(3) asks for depends on /etc/nsswitch.conf, on its
     * modules, and on libc's version */
    {"resolver", NULL},
    /* and so it is with libcurl and its TLS library */
    {"kube", NULL},
};

struct seen {
	pid_t pid;
	const char *process;
};

static struct seen processes[PIDS_MAX];
static size_t nprocesses;
static char used[PROC_MAX][CALLS_MAX][24];
static size_t nused[PROC_MAX];

static pid_t trace_begin(struct host *, const char *);
static void trace_end(pid_t);
static void note_processes(struct host *);
static void read_trace(const char *);
static void note_call(pid_t, const char *);
static bool is_used(enum proc_id, const char *);
static bool is_rare(const char *, const char *);
static void restart(struct host *, const char *);
static void clients(struct pair *);
static void live(struct pair *);

/* Attaches to all processes of the suite and to those that they start. */
static pid_t
trace_begin(struct host *host, const char *path)
{
	static char pids[PROCESS_CHILDREN_MAX + 1][16];
	const char *args[2 * (PROCESS_CHILDREN_MAX + 1) + 8];
	pid_t children[PROCESS_CHILDREN_MAX], pid;
	size_t n = process_children(host->pid, children), nargs = 0;

	args[nargs++] = "strace";
	args[nargs++] = "-f";
	args[nargs++] = "-qq";
	args[nargs++] = "-o";
	args[nargs++] = path;
	for (size_t i = 0; i <= n; i++) {
		snprintf(pids[i], sizeof(pids[i]), "%d",
		    (int)(i == n ? host->pid : children[i]));
		args[nargs++] = "-p";
		args[nargs++] = pids[i];
	}
	args[nargs] = NULL;
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execvp("strace", (char *const *)(uintptr_t)args);
		_exit(127);
	}
	for (size_t i = 0; i <= n; i++) {
		char value[32];

		NET_WAIT(30,
		    process_status((pid_t)atoi(pids[i]), "TracerPid", value,
			sizeof(value)) &&
			atoi(value) == pid);
	}
	return pid;
}

static void
trace_end(pid_t pid)
{
	int status;

	kill(pid, SIGTERM);
	NET_WAIT(30, waitpid(pid, &status, WNOHANG) == pid);
}

/* Who is who; a pid that has a name keeps it after its death. */
static void
note_processes(struct host *host)
{
	for (uint32_t proc = PROC_ENGINE; proc < PROC_MAX; proc++) {
		const char *name = proc_name((enum proc_id)proc);
		pid_t pid = host_process(host, name);

		if (pid <= 0 || nprocesses == PIDS_MAX)
			continue;
		processes[nprocesses].pid = pid;
		processes[nprocesses++].process = name;
	}
}

static void
restart(struct host *host, const char *name)
{
	pid_t old = host_process(host, name), pid;

	if (old <= 0)
		return;
	kill(old, SIGKILL);
	NET_WAIT(30, (pid = host_process(host, name)) > 0 && pid != old);
}

static void
note_call(pid_t pid, const char *call)
{
	for (size_t i = 0; i < nprocesses; i++)
		for (uint32_t proc = PROC_ENGINE; proc < PROC_MAX; proc++)
			if (processes[i].pid == pid &&
			    strcmp(processes[i].process,
				proc_name((enum proc_id)proc)) == 0 &&
			    !is_used((enum proc_id)proc, call) &&
			    nused[proc] < CALLS_MAX)
				strlcpy(used[proc][nused[proc]++], call,
				    sizeof(used[proc][0]));
}

/* A second word of the table limits the arguments. */
static bool
is_used(enum proc_id proc, const char *call)
{
	size_t len = strcspn(call, " ");

	for (size_t i = 0; i < nused[proc]; i++)
		if (strlen(used[proc][i]) == len &&
		    strncmp(used[proc][i], call, len) == 0)
			return true;
	return false;
}

/* Lines are "PID call(...". */
static void
read_trace(const char *path)
{
	char line[512], call[24];
	FILE *f = fopen(path, "re");
	int pid;

	ATF_REQUIRE(f != NULL);
	while (fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "%d %23[a-z0-9_](", &pid, call) == 2)
			note_call(pid, call);
	fclose(f);
}

static bool
is_rare(const char *process, const char *call)
{
	for (size_t i = 0; i < sizeof(rare) / sizeof(rare[0]); i++)
		if ((rare[i].process == NULL ||
			strcmp(rare[i].process, process) == 0) &&
		    (rare[i].call == NULL || strcmp(rare[i].call, call) == 0))
			return true;
	return false;
}

static void
clients(struct pair *pair)
{
	static char out[1 << 18];

	ATF_CHECK_EQ(0, host_ctl(pair->a, out, sizeof(out), "report"));
	ATF_CHECK_EQ(0, host_ctl(pair->a, out, sizeof(out), "ip allocate x"));
	ATF_CHECK_EQ(0, host_ctl(pair->a, out, sizeof(out), "expose"));
	NET_WAIT(30,
	    net_try(pair->a->ns,
		"curl -sf http://127.0.0.1:6782/metrics >/dev/null") == 0);
	ATF_CHECK_EQ(0, host_ctl(pair->a, out, sizeof(out), "hide"));
}

/* Traffic, clients, neighbours that come and go, names, addresses, an end. */
static void
live(struct pair *pair)
{
	static char out[1 << 18];
	struct host *stranger;

	pair_require(pair);
	ATF_CHECK(pod_exchanges_tcp(pair->x, pair->y, 1 << 20));
	clients(pair);
	host_ctl(pair->a, out, sizeof(out), "connect nowhere.invalid");
	host_kill(pair->b, SIGKILL);
	host_start(pair->b);
	pair_require(pair);
	snprintf(out, sizeof(out), "connect %s", pair->b->address);
	host_ctl(pair->a, out, sizeof(out), out);
	kill(host_process(pair->b, "engine"), SIGKILL);
	pair_require(pair);
	/* One that is refused. */
	stranger = net_host(pair->net);
	snprintf(stranger->password, sizeof(stranger->password), "another");
	host_start(stranger);
	snprintf(out, sizeof(out), "connect %s", stranger->address);
	host_ctl(pair->a, out, sizeof(out), out);
	NET_WAIT(30, host_has_cause(pair->a, "password"));
}

ATF_TC(all);
ATF_TC_HEAD(all, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "strace");
}
ATF_TC_BODY(all, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	char path[160];
	pid_t tracer;

	host_option(pair.a, "ipalloc-range", "10.32.0.0/24");
	host_option(pair.a, "ipalloc-init", "consensus=1");
	host_option(pair.a, "metrics", "127.0.0.1:6782");
	pair_start(&pair, PAIR_MTU);
	snprintf(path, sizeof(path), "%s/trace", pair.net->directory);
	tracer = trace_begin(pair.a, path);
	note_processes(pair.a);
	live(&pair);
	/* A second life of each from its first call on, until the end. */
	for (uint32_t proc = PROC_ENGINE; proc < PROC_MAX; proc++)
		restart(pair.a, proc_name((enum proc_id)proc));
	pair_require(&pair);
	note_processes(pair.a);
	clients(&pair);
	host_stop(pair.a);
	trace_end(tracer);
	read_trace(path);
	for (uint32_t proc = PROC_ENGINE; proc < PROC_MAX; proc++) {
		const char *name = proc_name((enum proc_id)proc);
		const char *const *call = sandbox_allowed((enum proc_id)proc);

		ATF_CHECK_MSG(nused[proc] > 0 || is_rare(name, *call),
		    "nothing seen of %s", name);
		for (; *call != NULL; call++)
			ATF_CHECK_MSG(is_used((enum proc_id)proc, *call) ||
				is_rare(name, *call),
			    "%s may %s and never does", name, *call);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, all);
	return atf_no_error();
}
