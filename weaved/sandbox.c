#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <linux/capability.h>
#include <linux/landlock.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <seccomp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "weaved/sandbox.h"

/* What every child needs: memory, its event loop, its pipes, its end. */
#define CALLS_COMMON                                                   \
	"read", "readv", "writev", "recvmsg", "sendmsg", "close",      \
	    "epoll_wait", "epoll_pwait", "epoll_ctl", "fcntl",         \
	    "clock_gettime", "getrandom", "futex", "mmap", "mprotect", \
	    "munmap", "mremap", "madvise", "brk", "rt_sigreturn",      \
	    "rt_sigprocmask", "restart_syscall", "exit", "exit_group"

#ifdef WEAVED_SANITIZE
/* The sanitizers' runtime reports, symbolizes and scans by these. */
#define CALLS_SANITIZE                                                        \
	"write", "sigaltstack", "getpid", "gettid", "tgkill", "rt_sigaction", \
	    "openat", "open", "readlink", "newfstatat", "fstat", "lseek",     \
	    "sched_yield", "prctl", "clone", "clone3", "wait4", "ptrace",     \
	    "process_vm_readv", "sched_getaffinity", "getdents64", "ioctl",   \
	    "set_robust_list", "pipe2", "pipe", "kill", "getppid",            \
	    "prlimit64", "getuid", "sysinfo", "uname",
#else
#define CALLS_SANITIZE
#endif

static const char *const engine_calls[] = {CALLS_COMMON,
    CALLS_SANITIZE "accept4", /* neighbours */
    "sched_yield", /* to those who receive what was written to the TAP */
    "getsockname", /* the local address of an accepted one */
    "sendto", "recvfrom", /* neighbours */
    "getsockopt TCP_INFO", /* the round trip, for status */
    "shutdown", /* end a handshake without losing its last frame */
    NULL};

static const char *const control_calls[] = {CALLS_COMMON,
    CALLS_SANITIZE "accept4", /* clients */
    "getsockopt", /* SO_PEERCRED of a client */
    NULL};

/* getaddrinfo(3): files in /etc, sockets to name servers. */
static const char *const resolver_calls[] = {CALLS_COMMON,
    CALLS_SANITIZE "write", "open", "openat", "fstat", "stat", "newfstatat",
    "lseek", "access", "pread64", "getdents64", "readlink", "uname", "getpid",
    "getuid", "socket", "connect", "bind", "poll", "ppoll", "sendto",
    "sendmmsg", "recvfrom", "getsockname", "getpeername", "setsockopt",
    "getsockopt", "ioctl", "gettimeofday", "time", "rt_sigaction", "statx",
    "fstatfs", "statfs", "fadvise64", "geteuid", NULL};

/* Its netlink sockets are open before: libnl and libnftables on those. */
static const char *const netcfg_calls[] = {CALLS_COMMON,
    CALLS_SANITIZE "sendto", "recvfrom", "select", "pselect6", "getsockopt",
    "setsockopt", NULL};
/* The same and TLS to the API server. */
static const char *const kube_calls[] = {CALLS_COMMON, CALLS_SANITIZE "write",
    "open", "openat", "fstat", "stat", "newfstatat", "lseek", "access",
    "pread64", "readlink", "uname", "getpid", "getuid", "geteuid", "getgid",
    "getegid", "socket", "connect", "bind", "poll", "ppoll", "sendto",
    "sendmmsg", "recvfrom", "getsockname", "getpeername", "setsockopt",
    "getsockopt", "shutdown", "ioctl", "gettimeofday", "time", "rt_sigaction",
    NULL};

/* Nothing of the network but what it is handed; libevent asks FIONREAD. */
static const char *const http_calls[] = {CALLS_COMMON,
    CALLS_SANITIZE "accept4", /* clients */
    "ioctl FIONREAD", "shutdown", /* of those that are done or too slow */
    "sysinfo", /* qsort(3) */
    NULL};

struct sandbox_profile {
	const char *const *calls;
	bool empty_root;
	const char *const *readable; /* Landlock: what may be read */
	uint64_t caps; /* what it keeps */
	const char *caps_note;
	bool connects; /* Landlock: TCP is not refused */
};

static const char *const resolver_paths[] = {"/etc", "/run/systemd/resolve",
    "/run/resolvconf", "/run/NetworkManager", NULL};

static const char *const no_paths[] = {NULL};

#define NO_CAPS "no capabilities"

static const struct sandbox_profile profiles[PROC_MAX] = {
    [PROC_ENGINE] = {engine_calls, true, no_paths, 0, NO_CAPS},
    [PROC_CONTROL] = {control_calls, true, no_paths, 0, NO_CAPS},
    [PROC_RESOLVER] = {resolver_calls, false, resolver_paths, 0, NO_CAPS, true},
    [PROC_NETCFG] = {netcfg_calls, true, no_paths, UINT64_C(1) << CAP_NET_ADMIN,
	"only CAP_NET_ADMIN"},
    [PROC_HTTP] = {http_calls, true, no_paths, 0, NO_CAPS},
    [PROC_KUBE] = {kube_calls, false, resolver_paths, 0, NO_CAPS, true},
};

/* DESIGN section 1; what is not here is not even in the bounding set. */
static const int parent_caps[] = {
    CAP_NET_ADMIN, /* TAP, and netcfg's */
    CAP_SETUID, CAP_SETGID, CAP_SETPCAP, CAP_SYS_CHROOT, /* children */
    CAP_KILL, /* signals to children of another uid */
};

static bool sandbox_root(void);
static bool sandbox_caps_bounding(uint64_t);
static bool sandbox_caps_set(uint64_t);
static bool sandbox_caps_are(uint64_t);
static bool sandbox_uid(uint32_t, uint32_t);
static int sandbox_landlock(const struct sandbox_profile *);
static bool sandbox_seccomp(const struct sandbox_profile *);
static bool sandbox_add_calls(scmp_filter_ctx, const char *const *);
static int sandbox_add_call(scmp_filter_ctx, const char *);
static void sandbox_limit(int, rlim_t);
static void sandbox_note(char[CTL_TEXT_MAX], const char *);

const char *const *
sandbox_allowed(enum proc_id proc)
{
	return profiles[proc].calls;
}

static void
sandbox_limit(int resource, rlim_t value)
{
	struct rlimit limit = {value, value};

	setrlimit(resource, &limit);
}

/* The root of the children: a directory of root's that nobody may write. */
static bool
sandbox_root(void)
{
	struct stat st;

	if (stat(EMPTY_ROOT, &st) == -1 || !S_ISDIR(st.st_mode) ||
	    st.st_uid != 0 || (st.st_mode & 0222) != 0)
		return false;
	return chroot(EMPTY_ROOT) == 0 && chdir("/") == 0;
}

static bool
sandbox_caps_bounding(uint64_t keep)
{
	for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
		if (keep & (UINT64_C(1) << cap))
			continue;
		if (prctl(PR_CAPBSET_READ, cap) == 1 &&
		    prctl(PR_CAPBSET_DROP, cap) == -1)
			return false;
	}
	return true;
}

static bool
sandbox_caps_set(uint64_t caps)
{
	struct __user_cap_header_struct header = {
	    _LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2] = {0};

	for (int i = 0; i < 2; i++) {
		data[i].effective = (uint32_t)(caps >> (32 * i));
		data[i].permitted = (uint32_t)(caps >> (32 * i));
	}
	prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
	return syscall(SYS_capset, &header, data) == 0;
}

static bool
sandbox_caps_are(uint64_t caps)
{
	struct __user_cap_header_struct header = {
	    _LINUX_CAPABILITY_VERSION_3, 0};
	struct __user_cap_data_struct data[2];

	if (syscall(SYS_capget, &header, data) == -1)
		return false;
	for (int i = 0; i < 2; i++)
		if (data[i].effective != (uint32_t)(caps >> (32 * i)) ||
		    data[i].permitted != (uint32_t)(caps >> (32 * i)) ||
		    data[i].inheritable != 0)
			return false;
	return true;
}

static bool
sandbox_uid(uint32_t uid, uint32_t gid)
{
	if (setgroups(0, NULL) == -1 || setresgid(gid, gid, gid) == -1 ||
	    setresuid(uid, uid, uid) == -1)
		return false;
	/* There must be no way back. */
	return uid == 0 || (setuid(0) == -1 && geteuid() == uid);
}

/*
 * Landlock as far as this kernel knows it: all rights to files but to read
 * below the paths given, TCP ports (ABI 4), abstract sockets and signals to
 * others (ABI 6). Returns the ABI, 0 without Landlock, -1 on failure.
 */
static int
sandbox_landlock(const struct sandbox_profile *profile)
{
	/* As in the kernel's header of ABI 6, newer than Debian 12's. */
	struct {
		uint64_t access_fs;
		uint64_t access_net;
		uint64_t scoped;
	} attr = {0};
	static const uint64_t fs_rights[] = {
	    0, 0x1fff, 0x3fff, 0x7fff, 0x7fff, 0xffff};
	struct landlock_path_beneath_attr path = {0};
	size_t size;
	long abi, fd;

	abi = syscall(SYS_landlock_create_ruleset, NULL, 0,
	    LANDLOCK_CREATE_RULESET_VERSION);
	if (abi < 1)
		return 0;
	attr.access_fs = fs_rights[abi < 5 ? abi : 5];
	attr.access_net = abi >= 4 && !profile->connects ? 3 : 0;
	attr.scoped = abi >= 6 ? 3 : 0;
	size = abi >= 6 ? 24 : abi >= 4 ? 16 : 8;
	fd = syscall(SYS_landlock_create_ruleset, &attr, size, 0);
	if (fd == -1)
		return -1;
	path.allowed_access =
	    LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR;
	for (size_t i = 0; profile->readable[i] != NULL; i++) {
		path.parent_fd = open(profile->readable[i], O_PATH | O_CLOEXEC);
		if (path.parent_fd == -1)
			continue;
		syscall(SYS_landlock_add_rule, (int)fd,
		    LANDLOCK_RULE_PATH_BENEATH, &path, 0);
		close(path.parent_fd);
	}
	if (syscall(SYS_landlock_restrict_self, (int)fd, 0) == -1)
		abi = -1;
	close((int)fd);
	return (int)abi;
}

/* Calls that are harmless only with certain arguments. */
static int
sandbox_add_call(scmp_filter_ctx ctx, const char *name)
{
	int call = seccomp_syscall_resolve_name(name);

	if (strcmp(name, "getsockopt TCP_INFO") == 0)
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW,
		    SCMP_SYS(getsockopt), 2, SCMP_A1(SCMP_CMP_EQ, IPPROTO_TCP),
		    SCMP_A2(SCMP_CMP_EQ, TCP_INFO));
	if (strcmp(name, "ioctl FIONREAD") == 0)
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, SCMP_SYS(ioctl), 1,
		    SCMP_A1(SCMP_CMP_EQ, FIONREAD));
	if (call == __NR_SCMP_ERROR)
		return -ENOSYS;
#ifndef WEAVED_SANITIZE
	if (strcmp(name, "mmap") == 0 || strcmp(name, "mprotect") == 0)
		return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
		    SCMP_A2(SCMP_CMP_MASKED_EQ, PROT_EXEC, 0));
	if (strcmp(name, "fcntl") == 0) {
		int error = seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 1,
		    SCMP_A1(SCMP_CMP_EQ, F_GETFL));

		return error != 0 ? error
				  : seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call,
					1, SCMP_A1(SCMP_CMP_EQ, F_SETFL));
	}
#endif
	return seccomp_rule_add(ctx, SCMP_ACT_ALLOW, call, 0);
}

static bool
sandbox_add_calls(scmp_filter_ctx ctx, const char *const *calls)
{
	for (; *calls != NULL; calls++) {
		int error = sandbox_add_call(ctx, *calls);

		/* A call that this architecture lacks can not be made. */
		if (error != 0 && error != -ENOSYS && error != -EDOM &&
		    error != -EEXIST)
			return false;
	}
	return true;
}

static bool
sandbox_seccomp(const struct sandbox_profile *profile)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_KILL_PROCESS);
	bool done;

	if (ctx == NULL)
		return false;
	done = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
	    sandbox_add_calls(ctx, profile->calls) && seccomp_load(ctx) == 0;
	seccomp_release(ctx);
	return done;
}

static void
sandbox_note(char text[CTL_TEXT_MAX], const char *what)
{
	if (text[0] != '\0')
		strlcat(text, ", ", CTL_TEXT_MAX);
	strlcat(text, what, CTL_TEXT_MAX);
}

bool
sandbox_enter(enum proc_id proc, enum sandbox_policy policy, uint32_t uid,
    uint32_t gid, char text[CTL_TEXT_MAX])
{
	const struct sandbox_profile *profile = &profiles[proc];
	char missing[CTL_TEXT_MAX] = "", note[64];
	int landlock;

	text[0] = '\0';
	if (profile->empty_root)
		sandbox_note(sandbox_root() ? text : missing, "empty root");
	if (!sandbox_caps_bounding(0))
		sandbox_note(missing, "bounding set");
	/* Permitted ones outlive the uid, to be cut down to those kept. */
	prctl(PR_SET_KEEPCAPS, profile->caps != 0);
	snprintf(note, sizeof(note), "uid %u", uid);
	sandbox_note(sandbox_uid(uid, gid) ? text : missing, note);
	prctl(PR_SET_KEEPCAPS, 0);
	sandbox_note(
	    sandbox_caps_set(profile->caps) && sandbox_caps_are(profile->caps)
		? text
		: missing,
	    profile->caps_note);
	sandbox_note(
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 ? text : missing,
	    "no new privileges");
	prctl(PR_SET_DUMPABLE, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sandbox_limit(RLIMIT_CORE, 0);
	sandbox_limit(RLIMIT_FSIZE, 0);
	if ((landlock = sandbox_landlock(profile)) > 0) {
		snprintf(note, sizeof(note), "landlock %d", landlock);
		sandbox_note(text, note);
	} else if (landlock == -1 || policy == SANDBOX_STRICT)
		sandbox_note(missing, "landlock");
	sandbox_limit(RLIMIT_NPROC, 0);
	sandbox_note(sandbox_seccomp(profile) ? text : missing, "seccomp");
	if (missing[0] == '\0')
		return true;
	if (policy == SANDBOX_BEST_EFFORT) {
		strlcat(text, "; missing: ", CTL_TEXT_MAX);
		strlcat(text, missing, CTL_TEXT_MAX);
		return true;
	}
	strlcpy(text, missing, CTL_TEXT_MAX);
	return false;
}

int
sandbox_hide_parent(void)
{
	sandbox_limit(RLIMIT_CORE, 0);
	return prctl(PR_SET_DUMPABLE, 0);
}

int
sandbox_limit_parent(void)
{
	uint64_t keep = 0;

	for (size_t i = 0; i < sizeof(parent_caps) / sizeof(parent_caps[0]);
	     i++)
		keep |= UINT64_C(1) << parent_caps[i];
	if (!sandbox_caps_bounding(keep) || !sandbox_caps_set(keep))
		return -1;
	return 0;
}
