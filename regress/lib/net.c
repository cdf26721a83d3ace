#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <libgen.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "regress/lib/net.h"
#include "regress/lib/process.h"
#include "regress/lib/watch.h"

#define LOG_TAIL 6000 /* bytes of a log shown after a failure */
#define COMMAND_MAX 1024

static struct net the_net;
static pid_t net_owner;

static void net_clean(int, void *);
static void net_print_log(const struct host *);
static int net_remove(const char *, const struct stat *, int, struct FTW *);
static int net_shell(int, const char *);

uint64_t
net_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void
net_pause(void)
{
	usleep(25000);
}

struct net *
net_new(enum net_cipher cipher)
{
	struct net *net = &the_net;
	const char *tmp = getenv("TMPDIR");

	ATF_REQUIRE_MSG(net_owner == 0, "one network in a test");
	net->cipher = cipher;
	snprintf(net->directory, sizeof(net->directory), "%s/net.XXXXXX",
	    tmp != NULL ? tmp : "/tmp");
	ATF_REQUIRE(mkdtemp(net->directory) != NULL);
	net_owner = getpid();
	on_exit(net_clean, net);
	signal(SIGPIPE, SIG_IGN);
	net->home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(net->home != -1);
	net->underlay = net_namespace(net);
	net_run(net->underlay,
	    "ip link add under type bridge && "
	    "ip link set under mtu 9000 up");
	net->watch = watch_start(net);
	return net;
}

/* Runs at any exit of the test: nothing may stay behind. */
static void
net_clean(int status, void *arg)
{
	struct net *net = arg;
	size_t i;

	if (getpid() != net_owner)
		return;
	for (i = 0; i < net->nhosts; i++) {
		if (net->hosts[i].pid != 0) {
			kill(net->hosts[i].pid, SIGKILL);
			waitpid(net->hosts[i].pid, NULL, 0);
		}
		if (status != 0)
			net_print_log(&net->hosts[i]);
	}
	watch_stop(net->watch);
	nftw(net->directory, net_remove, 16, FTW_DEPTH | FTW_PHYS);
}

static void
net_print_log(const struct host *host)
{
	static char buf[LOG_TAIL + 1];
	size_t len;
	long size;
	FILE *f;

	if ((f = fopen(host->log, "re")) == NULL)
		return;
	fseek(f, 0, SEEK_END);
	size = ftell(f);
	fseek(f, size > LOG_TAIL ? size - LOG_TAIL : 0, SEEK_SET);
	len = fread(buf, 1, LOG_TAIL, f);
	buf[len] = '\0';
	fclose(f);
	fprintf(
	    stderr, "--- end of the log of host%d\n%s\n", host->number, buf);
}

static int
net_remove(const char *path, const struct stat *sb, int flag, struct FTW *ftw)
{
	(void)sb;
	(void)flag;
	(void)ftw;
	return remove(path);
}

void
net_check(struct net *net)
{
	struct watch_result seen = watch_result(net->watch);

	ATF_REQUIRE_MSG(seen.packets > 0, "nothing seen on the underlay");
	if (net->cipher == NET_ENCRYPTED)
		ATF_REQUIRE_MSG(seen.clear == 0,
		    "%llu packets with payload in clear on the underlay, "
		    "the first: %s",
		    (unsigned long long)seen.clear, seen.first);
	else
		ATF_REQUIRE_MSG(seen.clear > 0, "the watch is blind");
}

int
net_namespace(struct net *net)
{
	int ns;

	if (unshare(CLONE_NEWNET) == -1)
		atf_tc_fail("unshare: %s", strerror(errno));
	ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	ATF_REQUIRE(ns != -1);
	net_write_file("/proc/sys/net/ipv6/conf/all/disable_ipv6", "1");
	net_write_file("/proc/sys/net/ipv6/conf/default/disable_ipv6", "1");
	net_leave(net);
	net_run(ns, "ip link set lo up");
	return ns;
}

void
net_enter(int ns)
{
	if (setns(ns, CLONE_NEWNET) == -1)
		atf_tc_fail("setns: %s", strerror(errno));
}

void
net_leave(struct net *net)
{
	net_enter(net->home);
}

static int
net_shell(int ns, const char *command)
{
	int status;
	pid_t pid;

	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setns(ns, CLONE_NEWNET) == -1)
			_exit(126);
		execl("/bin/sh", "sh", "-c", command, (char *)NULL);
		_exit(127);
	}
	while (waitpid(pid, &status, 0) == -1)
		ATF_REQUIRE(errno == EINTR);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

void
net_run(int ns, const char *fmt, ...)
{
	char command[COMMAND_MAX];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	if ((status = net_shell(ns, command)) != 0)
		atf_tc_fail("status %d: %s", status, command);
}

int
net_try(int ns, const char *fmt, ...)
{
	char command[COMMAND_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	return net_shell(ns, command);
}

const char *
net_path(int ns)
{
	static char path[64];

	snprintf(path, sizeof(path), "/proc/%d/fd/%d", (int)getpid(), ns);
	return path;
}

/* A test lies in BUILD/regress/DIRECTORY/, programs in BUILD. */
const char *
net_program(const char *name)
{
	static char path[PATH_MAX];
	char self[PATH_MAX - 64];
	ssize_t n;

	n = readlink("/proc/self/exe", self, sizeof(self) - 1);
	ATF_REQUIRE(n > 0);
	self[n] = '\0';
	snprintf(
	    path, sizeof(path), "%s/%s", dirname(dirname(dirname(self))), name);
	return path;
}

void
net_write_file(const char *path, const char *text)
{
	int fd;

	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	ATF_REQUIRE_MSG(fd != -1, "%s: %s", path, strerror(errno));
	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

struct host *
net_host(struct net *net)
{
	struct host *host;

	ATF_REQUIRE(net->nhosts < NET_HOSTS_MAX);
	host = &net->hosts[net->nhosts++];
	host->net = net;
	host->number = (int)net->nhosts;
	snprintf(host->port, sizeof(host->port), "h%d", host->number);
	snprintf(host->name, sizeof(host->name), "5a:00:00:00:00:%02x",
	    host->number);
	snprintf(
	    host->address, sizeof(host->address), "10.77.0.%d", host->number);
	if (net->cipher == NET_ENCRYPTED)
		snprintf(
		    host->password, sizeof(host->password), "%s", NET_PASSWORD);
	snprintf(host->directory, sizeof(host->directory), "%s/%d",
	    net->directory, host->number);
	snprintf(host->log, sizeof(host->log), "%s/%d/log", net->directory,
	    host->number);
	ATF_REQUIRE(mkdir(host->directory, 0755) == 0);
	host->ns = net_namespace(net);
	net_run(host->ns,
	    "ip link add u0 type veth peer name %s netns %s && "
	    "ip address add %s/24 dev u0 && ip link set u0 up && "
	    "ethtool -K u0 tso off gso off tx-udp-segmentation off "
	    ">/dev/null",
	    host->port, net_path(net->underlay), host->address);
	net_run(net->underlay, "ip link set %s master under up", host->port);
	host_defaults(host);
	return host;
}

void
net_cut(struct host *a, struct host *b)
{
	net_run(a->net->underlay,
	    "nft 'add table bridge cut; add chain bridge cut c { "
	    "type filter hook forward priority 0; }; "
	    "add rule bridge cut c iifname %s oifname %s drop; "
	    "add rule bridge cut c iifname %s oifname %s drop'",
	    a->port, b->port, b->port, a->port);
}

void
net_heal(struct net *net)
{
	net_run(net->underlay, "nft delete table bridge cut");
}

void
net_set_mtu(struct net *net, int mtu)
{
	size_t i;

	for (i = 0; i < net->nhosts; i++) {
		net_run(net->hosts[i].ns, "ip link set u0 mtu %d", mtu);
		net_run(net->underlay, "ip link set %s mtu %d",
		    net->hosts[i].port, mtu);
	}
}

void
net_set_hole(struct host *host, int size)
{
	net_try(host->net->underlay,
	    "nft delete table netdev hole-%s 2>/dev/null", host->port);
	if (size == 0)
		return;
	net_run(host->net->underlay,
	    "nft 'table netdev hole-%s { "
	    "chain in { type filter hook ingress device %s priority 0; "
	    "meta length > %d drop; }; "
	    "chain out { type filter hook egress device %s priority 0; "
	    "meta length > %d drop; }; }'",
	    host->port, host->port, size, host->port, size + 14);
}

struct pod *
net_pod(struct host *host, int mtu)
{
	struct net *net = host->net;
	struct pod *pod;

	ATF_REQUIRE(net->npods < NET_PODS_MAX);
	pod = &net->pods[net->npods++];
	pod->net = net;
	pod->number = (int)net->npods;
	pod->mtu = mtu;
	memcpy(pod->mac, "\x0a\x58\x0a\x20\x00", 5);
	pod->mac[5] = (uint8_t)pod->number;
	snprintf(pod->address, sizeof(pod->address), "10.32.0.%d", pod->number);
	pod->ns = net_namespace(net);
	pod_move(pod, host);
	return pod;
}

void
pod_move(struct pod *pod, struct host *host)
{
	if (pod->host != NULL)
		net_run(pod->ns, "ip link delete eth0");
	pod->host = host;
	NET_WAIT(
	    20, net_try(host->ns, "ip link show weave >/dev/null 2>&1") == 0);
	net_run(host->ns,
	    "ip link add p%d mtu %d type veth peer name eth0 mtu %d "
	    "address %02x:%02x:%02x:%02x:%02x:%02x netns %s && "
	    "ip link set p%d master weave up",
	    pod->number, pod->mtu, pod->mtu, pod->mac[0], pod->mac[1],
	    pod->mac[2], pod->mac[3], pod->mac[4], pod->mac[5],
	    net_path(pod->ns), pod->number);
	net_run(pod->ns,
	    "ip address add %s/16 dev eth0 && "
	    "ip link set eth0 up",
	    pod->address);
	/* The real router's way of attaching: no checksum left to others. */
	if (host->kind == HOST_WEAVER)
		net_run(pod->ns, "ethtool -K eth0 tx off >/dev/null");
}
