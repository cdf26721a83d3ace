/*
 * weavectl attach, detach and ps: namespaces by path, by process and by what
 * /run/netns would have, with addresses of IPAM, given ones, and without IPAM.
 */
#include <sys/stat.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/cni.h"
#include "regress/lib/pair.h"

#define RANGE "10.32.0.0/24"

static char output[8192];

static int ctl(struct host *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static void expect(struct host *, int, const char *, const char *, ...)
    __attribute__((format(printf, 4, 5)));
static unsigned long long number_of(int);

/* "weavectl COMMAND" in the namespace of the host: its exit status. */
static int
ctl(struct host *host, const char *fmt, ...)
{
	char command[512];
	va_list ap;
	int status;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	net_enter(host->ns);
	status = host_ctl(host, output, sizeof(output), command);
	net_leave(host->net);
	return status;
}

static void
expect(struct host *host, int status, const char *text, const char *fmt, ...)
{
	char command[512];
	va_list ap;
	int got;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	got = ctl(host, "%s", command);
	ATF_REQUIRE_EQ_MSG(status, got, "%s: %s", command, output);
	ATF_REQUIRE_MSG(strstr(output, text) != NULL, "%s: %s instead of %s",
	    command, output, text);
}

static unsigned long long
number_of(int ns)
{
	struct stat st;

	ATF_REQUIRE(fstat(ns, &st) == 0);
	return st.st_ino;
}

ATF_TC_WITHOUT_HEAD(attach);
ATF_TC_BODY(attach, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct pod *x = &pair.net->pods[0], *y = &pair.net->pods[1];
	char id[64];

	for (size_t i = 0; i < 2; i++) {
		host_option(&pair.net->hosts[i], "ipalloc-range", RANGE);
		host_option(&pair.net->hosts[i], "ipalloc-init", "consensus=2");
		host_start(&pair.net->hosts[i]);
		pair.net->pods[i].net = pair.net;
		pair.net->pods[i].ns = net_namespace(pair.net);
		pair.net->npods++;
	}
	NET_WAIT(30, host_connected(pair.a, pair.b));
	expect(pair.a, 0, "10.32.0.", "attach %s", cni_netns(x->ns));
	ATF_REQUIRE(sscanf(output, "%15[^/]", x->address) == 1);
	expect(
	    pair.b, 0, "10.32.0.", "attach net:default %s", cni_netns(y->ns));
	ATF_REQUIRE(sscanf(output, "%15[^/]", y->address) == 1);
	ATF_CHECK(strcmp(x->address, y->address) != 0);
	NET_WAIT(20, pod_pings(x, y, 56));
	net_run(x->ns,
	    "ip route | grep -q '^224.0.0.0/4 dev ethwe' && "
	    "ip -o link show ethwe | grep -q 'mtu 1376'");
	snprintf(id, sizeof(id), "netns:%llu@", number_of(x->ns));
	expect(pair.a, 0, id, "ps");
	expect(pair.a, 0, x->address, "ps %s", id);
	expect(pair.a, 0, "", "ps nobody");
	ATF_CHECK_STREQ("", output);
	/* The same again is the same. */
	expect(pair.a, 0, x->address, "attach %s", cni_netns(x->ns));
	NET_WAIT(20, pod_pings(x, y, 56));
	expect(pair.a, 0, x->address, "detach %s", cni_netns(x->ns));
	expect(pair.a, 0, "", "ps");
	ATF_CHECK_STREQ("", output);
	expect(pair.a, 0, "", "ip list");
	ATF_CHECK_STREQ("", output);
	net_run(x->ns, "! ip link show ethwe 2>/dev/null");
	expect(pair.a, 0, "", "detach %s", cni_netns(x->ns));
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(addresses);
ATF_TC_BODY(addresses, tc)
{
	struct net *net = net_new(NET_PLAIN);
	struct host *host = net_host(net);
	int ns = net_namespace(net), other = net_namespace(net);
	const char *path = cni_netns(ns);
	pid_t pid;

	host_option(host, "ipalloc-range", RANGE);
	host_option(host, "ipalloc-init", "consensus=1");
	host_start(host);
	expect(host, 0, "10.32.0.7/24 192.168.1.1/24 10.32.0.65/26",
	    "attach 10.32.0.7/24 ip:192.168.1.1/24 net:10.32.0.64/26 %s", path);
	/* One in that subnet it has already. */
	expect(host, 0, "10.32.0.7/24", "attach net:default %s", path);
	net_run(ns, "test $(ip -o -4 addr show dev ethwe | wc -l) = 3");
	expect(host, 1,
	    "the address is already owned by netns:", "attach 10.32.0.7/24 %s",
	    cni_netns(other));
	net_run(other, "! ip link show ethwe 2>/dev/null");
	/* All or nothing. */
	expect(host, 1, "already owned", "attach 10.32.0.9/24 10.32.0.7/24 %s",
	    cni_netns(other));
	expect(host, 0, "", "ip list");
	ATF_CHECK(strstr(output, "10.32.0.9") == NULL);
	expect(host, 0, "10.32.0.65/26", "detach net:10.32.0.64/26 %s", path);
	expect(host, 0, "10.32.0.7/24", "-j detach ip:10.32.0.7/24 %s", path);
	ATF_CHECK(strstr(output, "\"ID\": \"netns:") != NULL);
	expect(
	    host, 1, "it has no such address", "detach 10.32.0.7/24 %s", path);
	net_run(ns, "test $(ip -o -4 addr show dev ethwe | wc -l) = 1");
	expect(host, 0, "192.168.1.1/24", "detach 192.168.1.1/24 %s", path);
	net_run(ns, "! ip link show ethwe 2>/dev/null");
	expect(host, 1, "no such address: 10.32.0.7 ", "attach 10.32.0.7 %s",
	    path);
	expect(host, 1, "no such address: net:10.32.0.1/24",
	    "attach net:10.32.0.1/24 %s", path);
	expect(host, 1, "/run/netns/nobody: No such file", "attach nobody");
	expect(host, 1, "no network namespace: ../x", "attach ../x");
	expect(host, 1, "is the namespace of the host",
	    "attach /proc/self/ns/net");
	/* Of a process. */
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		net_enter(other);
		pause();
	}
	NET_WAIT(10,
	    net_try(net->home, "test $(stat -Lc %%i /proc/%d/ns/net) = %llu",
		(int)pid, number_of(other)) == 0);
	expect(host, 0, "10.32.0.", "attach %d", (int)pid);
	net_run(other, "ip link show ethwe >/dev/null");
	/* It ends, and the address is told of until it is released. */
	kill(pid, SIGKILL);
	NET_WAIT(10,
	    net_try(net->home,
		"kill -0 %d 2>/dev/null; "
		"test ! -e /proc/%d/ns/net",
		(int)pid, (int)pid) == 0);
	net_run(other, "ip link del ethwe");
	expect(host, 0, " - 10.32.0.", "ps");
	expect(host, 0, "\"MAC\": \"\"", "-j ps");
	/* What a former boot left goes with the next attach. */
	expect(host, 0, "10.32.0.", "ip allocate netns:1@00000000");
	expect(host, 0, "10.32.0.", "attach %s", path);
	expect(host, 0, "netns:", "ip list");
	ATF_CHECK(strstr(output, "@00000000") == NULL);
}

ATF_TC_WITHOUT_HEAD(without_ipam);
ATF_TC_BODY(without_ipam, tc)
{
	struct net *net = net_new(NET_PLAIN);
	struct host *host = net_host(net);
	int ns = net_namespace(net);
	const char *path = cni_netns(ns);

	expect(host, 1, "weaved is not running", "attach %s", path);
	host_start(host);
	expect(host, 1,
	    "IPAM is off: the configuration of weaved has no ipalloc-range",
	    "attach %s", path);
	expect(host, 0, "10.9.0.1/16", "attach 10.9.0.1/16 %s", path);
	expect(host, 0, "10.9.0.1/16", "ps");
	net_run(host->ns, "ip address add 10.9.0.254/16 dev weave");
	expect(host, 0,
	    "weave:expose 5a:00:00:00:00:01 10.9.0.254/16\nnetns:", "ps");
	expect(host, 0, "10.9.0.1/16", "detach %s", path);
	net_run(ns, "! ip link show ethwe 2>/dev/null");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, attach);
	ATF_TP_ADD_TC(tp, addresses);
	ATF_TP_ADD_TC(tp, without_ipam);
	return atf_no_error();
}
