/*
 * What a daemon finds on its host and what it makes of it: leftovers of a
 * crash or of Weave Net, routes that are in the way, and pods that claim to be
 * routers.
 */
#include <sys/mount.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define PREFIX "2001:db8:bad:"

struct advertisement {
	struct nd_router_advert header;
	struct nd_opt_prefix_info prefix;
};

static void enable_ipv6(int);
static struct pair start(void);
static void start_pods(struct pair *);
static void name_bridge(struct host *);
static bool advertise(struct pod *);
static bool is_moved(int, const char *);
static bool reaches_host(struct pod *);
static void advertise_for_sure(struct pod *);
static bool is_port(struct host *, const char *);
static int ended(struct host *);
static void describe(struct host *, const char *);

/* A default route and a prefix, to all nodes. False: no address yet. */
static bool
advertise(struct pod *pod)
{
	struct sockaddr_in6 to = {.sin6_family = AF_INET6};
	struct advertisement message = {0};
	int s, hops = 255;
	bool sent;

	message.header.nd_ra_type = ND_ROUTER_ADVERT;
	message.header.nd_ra_router_lifetime = htons(1800);
	message.prefix.nd_opt_pi_type = ND_OPT_PREFIX_INFORMATION;
	message.prefix.nd_opt_pi_len = 4;
	message.prefix.nd_opt_pi_prefix_len = 64;
	message.prefix.nd_opt_pi_flags_reserved =
	    ND_OPT_PI_FLAG_ONLINK | ND_OPT_PI_FLAG_AUTO;
	message.prefix.nd_opt_pi_valid_time = htonl(3600);
	message.prefix.nd_opt_pi_preferred_time = htonl(3600);
	inet_pton(AF_INET6, PREFIX ":", &message.prefix.nd_opt_pi_prefix);
	inet_pton(AF_INET6, "ff02::1", &to.sin6_addr);
	s = traffic_socket(
	    pod->net, pod->ns, AF_INET6, SOCK_RAW, IPPROTO_ICMPV6);
	net_enter(pod->ns);
	to.sin6_scope_id = if_nametoindex("eth0");
	net_leave(pod->net);
	ATF_REQUIRE(setsockopt(s, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, &hops,
			sizeof(hops)) == 0);
	sent = sendto(s, &message, sizeof(message), 0, (struct sockaddr *)&to,
		   sizeof(to)) == sizeof(message);
	close(s);
	return sent;
}

static bool
is_moved(int ns, const char *link)
{
	return net_try(ns,
		   "ip -6 route show | grep -q '^default.*dev %s' && "
		   "ip -6 address show dev %s | grep -q " PREFIX,
		   link, link) == 0;
}

/* What was sent before has arrived when the answer to this comes. */
static bool
reaches_host(struct pod *pod)
{
	return net_try(pod->ns,
		   "ping -6 -c1 -W1 -I eth0 fe80::1 >/dev/null 2>&1") == 0;
}

/* Several of them: the host has had time to believe one. */
static void
advertise_for_sure(struct pod *pod)
{
	int i;

	NET_WAIT(20, advertise(pod));
	for (i = 0; i < 3; i++) {
		NET_WAIT(20, reaches_host(pod));
		NET_WAIT(20, advertise(pod));
	}
	NET_WAIT(20, reaches_host(pod));
}

/* Namespaces of tests are without it. */
static void
enable_ipv6(int ns)
{
	net_run(ns,
	    "for i in all default; do "
	    "echo 0 >/proc/sys/net/ipv6/conf/$i/disable_ipv6; done");
}

/* Hosts that would believe a router, and pods that may lie to them. */
static struct pair
start(void)
{
	struct pair pair = pair_new(NET_PLAIN);

	enable_ipv6(pair.a->ns);
	enable_ipv6(pair.b->ns);
	return pair;
}

static void
start_pods(struct pair *pair)
{
	pair->x = net_pod(pair->a, PAIR_MTU);
	pair->y = net_pod(pair->b, PAIR_MTU);
	enable_ipv6(pair->x->ns);
	enable_ipv6(pair->y->ns);
	pair_require(pair);
	name_bridge(pair->a);
	name_bridge(pair->b);
}

/* The host's address that pods ping. */
static void
name_bridge(struct host *host)
{
	net_run(host->ns, "ip address add fe80::1/64 dev weave nodad");
}

/* Without weaved a host believes it: this is what has to be prevented. */
ATF_TC_WITHOUT_HEAD(believed);
ATF_TC_BODY(believed, tc)
{
	struct net *net = net_new(NET_PLAIN);
	struct host *host = net_host(net);
	struct pod *pod;

	enable_ipv6(host->ns);
	net_run(host->ns,
	    "ip link add weave type bridge && "
	    "ip link set weave up");
	pod = net_pod(host, PAIR_MTU);
	enable_ipv6(pod->ns);
	NET_WAIT(30, advertise(pod) && is_moved(host->ns, "weave"));
}

ATF_TC_WITHOUT_HEAD(advertisement);
ATF_TC_BODY(advertisement, tc)
{
	struct pair pair = start();
	pid_t netcfg;

	host_start(pair.a);
	host_start(pair.b);
	start_pods(&pair);
	/* Both locks at once; y's comes over the underlay. */
	advertise_for_sure(pair.x);
	advertise_for_sure(pair.y);
	ATF_CHECK(!is_moved(pair.a->ns, "weave"));
	ATF_CHECK(!is_moved(pair.b->ns, "weave"));
	/* All ports, also of a pod that is attached again. */
	pod_move(pair.x, pair.b);
	pod_move(pair.x, pair.a);
	NET_WAIT(10,
	    net_try(pair.a->ns,
		"for link in weave weave-tap p%d; do "
		"grep -qx 0 /proc/sys/net/ipv6/conf/$link/accept_ra || exit 1; "
		"done",
		pair.x->number) == 0);
	/* The first lock alone, while netcfg can not put the second back. */
	ATF_REQUIRE((netcfg = host_process(pair.a, "netcfg")) > 0);
	ATF_REQUIRE(kill(netcfg, SIGSTOP) == 0);
	net_run(pair.a->ns, "nft delete table inet weaved-weave");
	advertise_for_sure(pair.x);
	ATF_CHECK(!is_moved(pair.a->ns, "weave"));
	ATF_REQUIRE(kill(netcfg, SIGCONT) == 0);
	/* The second alone. */
	NET_WAIT(10,
	    net_try(pair.a->ns,
		"nft list table inet weaved-weave "
		">/dev/null 2>&1") == 0);
	net_run(pair.a->ns, "echo 1 >/proc/sys/net/ipv6/conf/weave/accept_ra");
	advertise_for_sure(pair.x);
	advertise_for_sure(pair.y);
	ATF_CHECK(!is_moved(pair.a->ns, "weave"));
}

/* In a container /proc/sys can not be written. */
ATF_TC_WITHOUT_HEAD(read_only);
ATF_TC_BODY(read_only, tc)
{
	struct pair pair = start();
	int home = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);

	ATF_REQUIRE(home != -1 && unshare(CLONE_NEWNS) == 0);
	ATF_REQUIRE(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ATF_REQUIRE(mount("/proc/sys", "/proc/sys", NULL, MS_BIND, NULL) == 0);
	ATF_REQUIRE(mount(NULL, "/proc/sys", NULL,
			MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) == 0);
	host_start(pair.a);
	host_start(pair.b);
	ATF_REQUIRE(setns(home, CLONE_NEWNS) == 0);
	start_pods(&pair);
	net_run(
	    pair.a->ns, "grep -qx 1 /proc/sys/net/ipv6/conf/weave/accept_ra");
	ATF_CHECK(host_log_has(pair.a, "accept_ra: Read-only file system"));
	advertise_for_sure(pair.x);
	advertise_for_sure(pair.y);
	ATF_CHECK(!is_moved(pair.a->ns, "weave"));
}

static bool
is_port(struct host *host, const char *link)
{
	return net_try(host->ns,
		   "ip -o link show %s 2>/dev/null | grep -q 'master weave'",
		   link) == 0;
}

/* As a Weave router leaves a node: pods keep running through the change. */
ATF_TC_WITHOUT_HEAD(weave_net);
ATF_TC_BODY(weave_net, tc)
{
	struct pair pair = pair_new(NET_PLAIN);
	char name[64];

	net_run(pair.a->ns,
	    "ip link add weave mtu 65535 address %s type bridge && "
	    "ip link add vethwe-bridge type veth peer name vethwe-datapath && "
	    "ip link set vethwe-bridge master weave up && "
	    "ip link add vethwedu type veth peer name other && "
	    "ip link set vethwedu master weave && "
	    "ip link set weave up",
	    "da:bb:cc:dd:ee:0f");
	host_option(pair.a, "name", "%s", "da:bb:cc:dd:ee:0f");
	snprintf(pair.a->name, sizeof(pair.a->name), "da:bb:cc:dd:ee:0f");
	pair.x = net_pod(pair.a, PAIR_MTU);
	host_start(pair.a);
	host_start(pair.b);
	pair.y = net_pod(pair.b, PAIR_MTU);
	pair_require(&pair);
	ATF_CHECK(
	    net_try(pair.a->ns, "ip -o link | grep -E 'vethwe|vethwedu'") != 0);
	snprintf(name, sizeof(name), "p%d", pair.x->number);
	ATF_CHECK(is_port(pair.a, name));
	ATF_CHECK(is_port(pair.a, "weave-tap"));
	net_run(pair.a->ns, "ip -o link show weave | grep -q 'mtu 1376'");
	ATF_CHECK(
	    host_log_has(pair.a, "vethwe-bridge of Weave Net is removed"));
}

/* Down, with another MAC, MTU and somebody's own port: all is adopted. */
ATF_TC_WITHOUT_HEAD(leftovers);
ATF_TC_BODY(leftovers, tc)
{
	struct pair pair = pair_new(NET_PLAIN);

	net_run(pair.a->ns,
	    "ip link add weave mtu 9000 address 02:00:00:00:00:99 type bridge "
	    "&& ip link add keep type veth peer name kept && ip link set keep master weave "
	    "&& ip tuntap add weave-tap mode tap vnet_hdr");
	pair_start(&pair, PAIR_MTU);
	ATF_CHECK(is_port(pair.a, "keep"));
	net_run(pair.a->ns, "ip -o link show weave | grep -q %s", pair.a->name);
	/* The daemon and netcfg die with work half done, then start again. */
	host_kill(pair.a, SIGKILL);
	net_run(pair.a->ns,
	    "ip link set weave down && "
	    "ip link set weave mtu 1000 && "
	    "nft add chain inet weaved-weave junk");
	host_start(pair.a);
	pair_require(&pair);
	ATF_CHECK(
	    net_try(pair.a->ns,
		"nft list chain inet weaved-weave junk >/dev/null 2>&1") != 0);
	/* Somebody takes the bridge from under the pods. */
	net_run(pair.a->ns, "ip link del weave");
	NET_WAIT(10, is_port(pair.a, "weave-tap"));
	net_run(pair.a->ns, "ip link set p%d master weave", pair.x->number);
	pair_require(&pair);
	net_run(pair.a->ns, "ip link set weave-tap nomaster");
	NET_WAIT(10, is_port(pair.a, "weave-tap"));
	pair_require(&pair);
}

static int
ended(struct host *host)
{
	int status;

	host_launch(host);
	NET_WAIT(20, (status = host_ended(host)) != -1);
	return status;
}

ATF_TC_WITHOUT_HEAD(not_ours);
ATF_TC_BODY(not_ours, tc)
{
	struct net *net = net_new(NET_PLAIN);
	struct host *host = net_host(net);

	net_run(host->ns, "ip link add weave type veth peer name other");
	ATF_CHECK_EQ(1, ended(host));
	ATF_CHECK(host_log_has(host,
	    "bridge weave: there is a device of this name that is no bridge "
	    "but of kind veth"));
	net_run(host->ns, "ip link show weave >/dev/null");
}

ATF_TC_WITHOUT_HEAD(overlap);
ATF_TC_BODY(overlap, tc)
{
	static const char message[] = "Network 10.32.0.0/12 overlaps with "
				      "existing route 10.40.0.0/16 on host";
	struct net *net = net_new(NET_PLAIN);
	struct host *host = net_host(net);
	char command[256], output[1024];
	pid_t old;

	snprintf(command, sizeof(command), "%s netcheck 10.32.0.0/12",
	    net_program("weavectl"));
	host_option(host, "ipalloc-range", "10.32.0.0/12");
	net_run(host->ns, "ip route add default via 10.77.0.254");
	net_run(host->ns, "%s", command);
	net_run(host->ns, "ip route add 10.40.0.0/16 via 10.77.0.254");
	ATF_CHECK(
	    net_try(host->ns, "%s 2>%s/out", command, host->directory) != 0);
	net_run(host->ns, "grep -qF '%s' %s/out", message, host->directory);
	ATF_CHECK_EQ(1, ended(host));
	ATF_CHECK(host_log_has(host, message));
	ATF_CHECK(net_try(host->ns, "ip link show weave 2>/dev/null") != 0);
	/* Around it, and inside it, is as bad. */
	host_option(host, "ipalloc-range", "10.40.7.0/24");
	ATF_CHECK_EQ(1, ended(host));
	net_run(host->ns, "ip route del 10.40.0.0/16");
	host_start(host);
	/* Its own bridge is not in its way, nor what comes later. */
	host_ctl(host, output, sizeof(output), "expose 10.40.7.1/24");
	host_stop(host);
	host_start(host);
	net_run(host->ns, "ip route add 10.40.7.0/25 via 10.77.0.254");
	old = host_process(host, "netcfg");
	ATF_REQUIRE(old > 0 && kill(old, SIGKILL) == 0);
	NET_WAIT(10,
	    host_process(host, "netcfg") != old &&
		host_process(host, "netcfg") > 0);
	host_ctl(host, output, sizeof(output), "expose 10.40.7.1/24");
	ATF_CHECK_STREQ("10.40.7.1/24\n", output);
}

/*
 * What a pod or a neighbour can send to at all, however addresses are routed:
 * the mesh's own port and, if wanted, pages to read. Control is a path.
 */
ATF_TC_WITHOUT_HEAD(listens);
ATF_TC_BODY(listens, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *host = net_host(net);

	host_option(host, "metrics", "127.0.0.1:6782");
	host_start(host);
	net_run(host->ns,
	    "ss -Hlntu | awk '{ print $1, $5 }' | sort -u "
	    ">%s/sockets",
	    host->directory);
	net_run(host->ns,
	    "printf '%%s\\n' 'tcp 0.0.0.0:%d' 'tcp 127.0.0.1:6782' "
	    "'udp 0.0.0.0:%d' | diff - %s/sockets",
	    NET_PORT, NET_PORT, host->directory);
	/* No raw or packet socket, no abstract name. */
	net_run(host->ns, "test -z \"$(ss -Hlaw; ss -Hla0)\"");
	net_run(host->ns, "! ss -Hlx | grep -q ' @'");
	net_run(host->ns, "test \"$(stat -c '%%a %%u' %s/ctl)\" = '660 0'",
	    host->directory);
}

/* All that the host is made of, for comparison. */
static void
describe(struct host *host, const char *file)
{
	net_run(host->ns,
	    "{ ip -o link; ip -o address; ip route show table all; "
	    "nft list ruleset; find %s -not -name log -not -name before "
	    "-not -name after -not -name password; } | sed 's/valid_lft.*//' "
	    ">%s/%s",
	    host->directory, host->directory, file);
}

ATF_TC_WITHOUT_HEAD(reset);
ATF_TC_BODY(reset, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct host *host = pair.a;
	char output[1024];
	int status;

	net_run(host->ns, "nft add table inet other");
	describe(host, "before");
	host_option(host, "ipalloc-range", "10.32.0.0/16");
	pair_start(&pair, PAIR_MTU);
	ATF_REQUIRE_EQ_MSG(0,
	    host_ctl(host, output, sizeof(output), "expose 10.32.9.1/16"), "%s",
	    output);
	ATF_REQUIRE_EQ(
	    0, host_ctl(host, output, sizeof(output), "connect 10.77.0.99"));
	/* One of the plugin's pods, and one of the operator's own. */
	net_run(host->ns,
	    "ip link add vethwepl1 type veth peer name other && "
	    "ip link set vethwepl1 master weave");
	ATF_CHECK_EQ_MSG(
	    0, host_ctl(host, output, sizeof(output), "reset"), "%s", output);
	NET_WAIT(20, (status = host_ended(host)) != -1);
	ATF_CHECK_EQ(0, status);
	net_run(host->ns, "ip link del p%d", pair.x->number);
	describe(host, "after");
	net_run(host->ns, "diff %s/before %s/after", host->directory,
	    host->directory);
	/* It can begin anew. */
	host_start(host);
	ATF_CHECK(host_log_has(host, "Our name is"));
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, believed);
	ATF_TP_ADD_TC(tp, advertisement);
	ATF_TP_ADD_TC(tp, read_only);
	ATF_TP_ADD_TC(tp, weave_net);
	ATF_TP_ADD_TC(tp, leftovers);
	ATF_TP_ADD_TC(tp, not_ours);
	ATF_TP_ADD_TC(tp, overlap);
	ATF_TP_ADD_TC(tp, reset);
	ATF_TP_ADD_TC(tp, listens);
	return atf_no_error();
}
