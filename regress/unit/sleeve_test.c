/*
 * Whole overlay layers that talk over loopback UDP sockets in a network
 * namespace whose lo has an MTU of 1500, on a fake clock:
 *
 *   tap 1 - overlay 1 - 127.0.0.1 ... 127.0.0.2 - overlay 2 - tap 2
 *                 \- proxy 127.0.0.9 -/    (a NAT, a hole, an attacker)
 *
 * Control messages go through a queue of the test in place of the mesh.
 */
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <arpa/inet.h>
#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <poll.h>
#include <sched.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "common/offload.h"
#include "regress/lib/inet_frames.h"
#include "weaved/engine/overlay/overlay.h"
#include "weaved/engine/overlay/pmtu.h"
#include "weaved/engine/overlay/segment.h"
#include "weaved/engine/overlay/sleeve.h"

#define NODES 3
#define PORT 6783
#define UID UINT64_C(0x1122334455667788)
#define NAME(node) (UINT64_C(0x0a0000000000) + (uint64_t)(node))
#define LOOPBACK 0x7f000000u
#define PROXY (LOOPBACK + 9)
#define RECORD_MAX 4096
#define OFFLOADS                                            \
	(OFFLOAD_TAP | OFFLOAD_TAP_UDP | OFFLOAD_UDP_SEND | \
	    OFFLOAD_UDP_RECEIVE | OFFLOAD_COALESCE)
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

struct node {
	int number; /* 1 to NODES, also the id of connections to it */
	struct overlay *overlay;
	int df;
	int tap; /* the overlay's end */
	int tap_far; /* ours */
	uint64_t due;
	int watched; /* descriptor to watch for writing, -1: none */
	unsigned gave_way;
	bool established[NODES + 1];
	char failed[64];
};

struct message {
	int to;
	uint32_t conn;
	uint8_t tag;
	uint8_t body[66];
	size_t len;
};

static struct {
	struct node nodes[NODES + 1];
	uint64_t now;
	bool line; /* 1 - 2 - 3, else everybody with everybody */
	uint32_t offloads;
	struct message queue[256];
	size_t head, tail;
	/* Between 1 and 2 when used; packets longer than hole vanish. */
	int proxy[2]; /* facing 1, facing 2 */
	size_t hole;
	bool mute;
	struct sockaddr_in seen; /* 1 as the proxy sees it */
	struct {
		uint8_t *data;
		size_t len;
	} record[RECORD_MAX]; /* what 1 sent to 2 */
	size_t nrecord;
} world;

static void on_control(
    void *, uint32_t, uint8_t, const uint8_t *, size_t, uint64_t);
static void on_established(void *, uint32_t, uint64_t);
static void on_failed(void *, uint32_t, const char *, uint64_t);
static bool on_peer_known(void *, uint64_t);
static uint64_t on_next_hop(void *, uint64_t);
static size_t on_broadcast_hops(void *, uint64_t, const uint64_t **);
static void on_watch_write(void *, int, bool);
static void on_give_way(void *);

static const struct overlay_ops ops = {
    .control = on_control,
    .established = on_established,
    .failed = on_failed,
    .peer_known = on_peer_known,
    .next_hop = on_next_hop,
    .broadcast_hops = on_broadcast_hops,
    .watch_write = on_watch_write,
    .give_way = on_give_way,
};

static int udp_socket(uint32_t, uint16_t, int);
static struct sockaddr_in address(uint32_t, uint16_t);
static void namespace_enter(void);
static void node_start(int);
static void world_start(void);
static void world_connect(int, int, bool, const struct endpoint *);
static bool settle_node(struct node *);
static bool settle_proxy(int);
static bool settle_control(void);
static void settle(void);
static void run_for(uint64_t);
static bool run_until(bool (*)(void), uint64_t);
static struct ctl_connection describe(int, int);
static uint64_t counter(int, const char *);
static void proxy_start(void);
static size_t make_ipv4(uint8_t *, int, int, size_t, bool);
static void tap_send(int, const uint8_t *, size_t);
static size_t tap_get(int, uint8_t *, size_t);
static void tap_drain(void);
static bool both_established(void);
static bool mtu_found(void);

/*
 * In place of the mesh.
 */

static void
on_control(void *arg, uint32_t conn, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	struct node *node = arg;
	struct message *m = &world.queue[world.tail++ % 256];

	(void)now;
	ATF_REQUIRE(world.tail - world.head < 256 && len <= sizeof(m->body));
	m->to = (int)conn;
	m->conn = (uint32_t)node->number;
	m->tag = tag;
	m->len = len;
	memcpy(m->body, body, len);
}

static void
on_established(void *arg, uint32_t conn, uint64_t now)
{
	struct node *node = arg;

	(void)now;
	ATF_CHECK(!node->established[conn]);
	node->established[conn] = true;
}

static void
on_failed(void *arg, uint32_t conn, const char *cause, uint64_t now)
{
	struct node *node = arg;

	(void)now;
	(void)conn;
	snprintf(node->failed, sizeof(node->failed), "%s", cause);
}

static bool
on_peer_known(void *arg, uint64_t peer)
{
	(void)arg;
	return peer >= NAME(1) && peer <= NAME(NODES);
}

static uint64_t
on_next_hop(void *arg, uint64_t peer)
{
	struct node *node = arg;

	if (peer == NAME(node->number))
		return PEERNAME_UNKNOWN;
	return world.line && node->number != 2 ? NAME(2) : peer;
}

static size_t
on_broadcast_hops(void *arg, uint64_t source, const uint64_t **hops)
{
	static uint64_t list[NODES];
	struct node *node = arg;
	size_t count = 0;
	bool ours = source == NAME(node->number);

	for (int i = 1; i <= NODES; i++) {
		bool neighbours = abs(i - node->number) == 1 || !world.line;

		if (i != node->number && neighbours && NAME(i) != source &&
		    (ours || (world.line && node->number == 2)))
			list[count++] = NAME(i);
	}
	*hops = list;
	return count;
}

static void
on_watch_write(void *arg, int fd, bool on)
{
	struct node *node = arg;

	ATF_CHECK_EQ(on ? -1 : fd, node->watched);
	node->watched = on ? fd : -1;
}

static void
on_give_way(void *arg)
{
	struct node *node = arg;

	node->gave_way++;
}

/*
 * The world.
 */

static struct sockaddr_in
address(uint32_t addr, uint16_t port)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_addr.s_addr = htonl(addr),
	    .sin_port = htons(port)};

	return sin;
}

static int
udp_socket(uint32_t addr, uint16_t port, int discover)
{
	struct sockaddr_in sin = address(addr, port);
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), on = 1;
	int size = 4 << 20;

	ATF_REQUIRE(fd != -1);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ATF_REQUIRE_EQ(0,
	    setsockopt(
		fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover)));
	if (discover == IP_PMTUDISC_DO)
		ATF_REQUIRE_EQ(
		    0, setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)));
	ATF_REQUIRE_EQ(0, bind(fd, (struct sockaddr *)&sin, sizeof(sin)));
	return fd;
}

static void
namespace_enter(void)
{
	struct ifreq ifr = {.ifr_name = "lo"};
	int fd;

	ATF_REQUIRE_EQ_MSG(0, unshare(CLONE_NEWNET), "%s", strerror(errno));
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	ATF_REQUIRE(fd != -1);
	ifr.ifr_mtu = 1500;
	ATF_REQUIRE_EQ(0, ioctl(fd, SIOCSIFMTU, &ifr));
	ifr.ifr_flags = IFF_UP;
	ATF_REQUIRE_EQ(0, ioctl(fd, SIOCSIFFLAGS, &ifr));
	close(fd);
}

static void
node_start(int number)
{
	struct node *node = &world.nodes[number];
	struct overlay_conf conf = {NAME(number), PORT, 1376, world.offloads};
	uint32_t addr = LOOPBACK + (uint32_t)number;
	int pair[2], on = 1;

	node->number = number;
	node->watched = -1;
	node->overlay = overlay_new(&conf, &ops, node, world.now);
	ATF_REQUIRE(node->overlay != NULL);
	node->df = udp_socket(addr, PORT, IP_PMTUDISC_DO);
	if ((world.offloads & OFFLOAD_UDP_RECEIVE) != 0)
		ATF_REQUIRE_EQ(0,
		    setsockopt(
			node->df, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)));
	overlay_set_udp(node->overlay, node->df,
	    udp_socket(addr, PORT + 1, IP_PMTUDISC_DONT));
	ATF_REQUIRE_EQ(
	    0, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_NONBLOCK, 0, pair));
	node->tap = pair[0];
	node->tap_far = pair[1];
	overlay_set_tap(node->overlay, node->tap);
}

static void
world_start(void)
{
	ATF_REQUIRE(sodium_init() != -1);
	log_set_level(LOGLEVEL_ERROR);
	namespace_enter();
	world.now = 1000;
	world.hole = SIZE_MAX;
	world.proxy[0] = world.proxy[1] = -1;
	for (int i = 1; i <= NODES; i++)
		node_start(i);
}

/* a dialled b; through: address to use in place of b's. */
static void
world_connect(int a, int b, bool encrypted, const struct endpoint *through)
{
	struct mesh_link link = {.uid = UID,
	    .has_key = encrypted,
	    .has_overlays = true,
	    .overlays = "fastdp sleeve"};
	char cause[64];

	memset(link.keys, 0x42, sizeof(link.keys));
	link.peer = NAME(b);
	link.outbound = true;
	link.local = (struct endpoint){LOOPBACK + (uint32_t)a, 40000};
	link.remote = (struct endpoint){LOOPBACK + (uint32_t)b, PORT};
	if (through != NULL)
		link.remote = *through;
	ATF_REQUIRE(overlay_prepare(
	    world.nodes[a].overlay, (uint32_t)b, &link, cause, sizeof(cause)));
	link.peer = NAME(a);
	link.outbound = false;
	link.local = (struct endpoint){LOOPBACK + (uint32_t)b, PORT};
	link.remote = (struct endpoint){LOOPBACK + (uint32_t)a, 40000};
	ATF_REQUIRE(overlay_prepare(
	    world.nodes[b].overlay, (uint32_t)a, &link, cause, sizeof(cause)));
	/* The first heartbeat of a comes too early for b. */
	overlay_confirm(world.nodes[a].overlay, (uint32_t)b, world.now);
	settle();
	overlay_confirm(world.nodes[b].overlay, (uint32_t)a, world.now);
}

static bool
settle_node(struct node *node)
{
	struct pollfd fds[2] = {{.fd = node->df, .events = POLLIN},
	    {.fd = node->tap, .events = POLLIN}};

	if (poll(fds, 2, 0) <= 0)
		return false;
	if (fds[0].revents != 0)
		overlay_udp_readable(node->overlay, world.now);
	if (fds[1].revents != 0)
		overlay_tap_readable(node->overlay, world.now);
	return true;
}

static bool
settle_proxy(int side)
{
	static uint8_t buf[65536];
	struct sockaddr_in from, to;
	socklen_t len = sizeof(from);
	ssize_t n;

	n = recvfrom(world.proxy[side], buf, sizeof(buf), 0,
	    (struct sockaddr *)&from, &len);
	if (n == -1)
		return false;
	if (side == 0 && from.sin_port == htons(PORT))
		world.seen = from;
	if (side == 0 && world.nrecord < RECORD_MAX) {
		world.record[world.nrecord].data = malloc((size_t)n);
		memcpy(world.record[world.nrecord].data, buf, (size_t)n);
		world.record[world.nrecord++].len = (size_t)n;
	}
	if ((size_t)n > world.hole || world.mute)
		return true;
	to = side == 0 ? address(LOOPBACK + 2, PORT) : world.seen;
	sendto(world.proxy[1 - side], buf, (size_t)n, 0, (struct sockaddr *)&to,
	    sizeof(to));
	return true;
}

static bool
settle_control(void)
{
	struct message m;

	if (world.head == world.tail)
		return false;
	m = world.queue[world.head++ % 256];
	overlay_control(
	    world.nodes[m.to].overlay, m.conn, m.tag, m.body, m.len, world.now);
	return true;
}

/* Until nothing more happens at this moment. */
static void
settle(void)
{
	bool more;

	do {
		more = settle_control();
		for (int i = 1; i <= NODES; i++)
			more |= settle_node(&world.nodes[i]);
		for (int i = 0; i < 2; i++)
			more |= world.proxy[i] != -1 && settle_proxy(i);
	} while (more);
}

static void
run_for(uint64_t ms)
{
	uint64_t end = world.now + ms, next, due;

	while (world.now < end) {
		next = end;
		for (int i = 1; i <= NODES; i++) {
			due = overlay_tick(world.nodes[i].overlay, world.now);
			if (due < next)
				next = due;
		}
		settle();
		world.now = next > world.now ? next : world.now + 1;
	}
	for (int i = 1; i <= NODES; i++)
		overlay_tick(world.nodes[i].overlay, world.now);
	settle();
}

static bool
run_until(bool (*condition)(void), uint64_t ms)
{
	uint64_t end = world.now + ms;

	while (!condition() && world.now < end)
		run_for(5);
	return condition();
}

static struct ctl_connection
describe(int node, int peer)
{
	struct ctl_connection row = {0};

	overlay_describe(world.nodes[node].overlay, (uint32_t)peer, &row);
	return row;
}

struct counter_arg {
	const char *name;
	uint64_t value;
};

static void
counter_row(void *arg, uint32_t type, const void *data, size_t len)
{
	struct counter_arg *want = arg;
	struct ctl_counter row;

	if (type != CTL_COUNTER || len != sizeof(row))
		return;
	memcpy(&row, data, sizeof(row));
	if (strcmp(row.name, want->name) == 0)
		want->value = row.value;
}

static uint64_t
counter(int node, const char *name)
{
	struct counter_arg want = {name, UINT64_MAX};

	overlay_show(world.nodes[node].overlay, CTL_SHOW_COUNTERS, counter_row,
	    &want, world.now);
	ATF_REQUIRE_MSG(want.value != UINT64_MAX, "%s", name);
	return want.value;
}

static void
proxy_start(void)
{
	world.proxy[0] = udp_socket(PROXY, PORT, IP_PMTUDISC_DONT);
	world.proxy[1] = udp_socket(PROXY, 7001, IP_PMTUDISC_DONT);
}

static const struct endpoint proxy_endpoint = {PROXY, PORT};

/* From pod a to pod b; 0: broadcast. len: of the IP packet. */
static size_t
make_ipv4(uint8_t *out, int a, int b, size_t len, bool df)
{
	uint8_t *ip = out + FRAME_ETHERNET;

	for (size_t i = 0; i < len; i++)
		ip[i] = (uint8_t)(i * 7);
	memset(out, b == 0 ? 0xff : 0, FRAME_MAC);
	if (b != 0) {
		out[0] = 2;
		out[5] = (uint8_t)b;
	}
	memcpy(out + FRAME_MAC, "\2\0\0\0\0", 5);
	out[11] = (uint8_t)a;
	memcpy(out + 12, "\x08\0\x45\0", 4);
	ip[2] = (uint8_t)(len >> 8);
	ip[3] = (uint8_t)len;
	memset(ip + 4, 0, 16);
	ip[6] = df ? 0x40 : 0;
	ip[8] = 64;
	ip[9] = 17;
	ip[12] = ip[16] = 10;
	ip[15] = (uint8_t)a;
	ip[19] = (uint8_t)b;
	return FRAME_ETHERNET + len;
}

static void
tap_send_super(int node, const struct virtio_net_hdr *header,
    const uint8_t *frame, size_t len)
{
	/* writev() takes what it is not going to change as changeable. */
	struct iovec iov[2] = {{(void *)(uintptr_t)header, sizeof(*header)},
	    {(void *)(uintptr_t)frame, len}};

	ATF_REQUIRE_EQ((ssize_t)(sizeof(*header) + len),
	    writev(world.nodes[node].tap_far, iov, 2));
}

static void
tap_send(int node, const uint8_t *frame, size_t len)
{
	static const struct virtio_net_hdr header;

	if ((world.offloads & OFFLOAD_TAP) != 0)
		tap_send_super(node, &header, frame, len);
	else
		ATF_REQUIRE_EQ((ssize_t)len,
		    send(world.nodes[node].tap_far, frame, len, 0));
}

/* Length of the next frame out of the overlay, 0 for none. */
static size_t
tap_get(int node, uint8_t *frame, size_t size)
{
	ssize_t n = recv(world.nodes[node].tap_far, frame, size, 0);

	return n > 0 ? (size_t)n : 0;
}

static void
tap_drain(void)
{
	uint8_t frame[65536];

	for (int i = 1; i <= NODES; i++) {
		while (tap_get(i, frame, sizeof(frame)) != 0)
			;
	}
}

static bool
both_established(void)
{
	return world.nodes[1].established[2] && world.nodes[2].established[1];
}

static bool
mtu_found(void)
{
	return describe(1, 2).mtu != PMTU_UNLIMITED &&
	    describe(2, 1).mtu != PMTU_UNLIMITED;
}

/* The pods of 1 and 2 have talked, so both know both. */
static void
pods_meet(void)
{
	uint8_t frame[2000];
	size_t len;

	len = make_ipv4(frame, 1, 0, 40, false);
	tap_send(1, frame, len);
	settle();
	len = make_ipv4(frame, 2, 1, 40, false);
	tap_send(2, frame, len);
	settle();
	tap_drain();
}

#define OVERLAY_TEST(name, text)                               \
	ATF_TC(name);                                          \
	ATF_TC_HEAD(name, tc)                                  \
	{                                                      \
		atf_tc_set_md_var(tc, "descr", text);          \
		atf_tc_set_md_var(tc, "require.user", "root"); \
	}                                                      \
	ATF_TC_BODY(name, tc)

OVERLAY_TEST(establish_encrypted, "heartbeats, establishment, MTU 1414")
{
	world_start();
	world_connect(1, 2, true, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	ATF_REQUIRE(run_until(mtu_found, 100));
	run_for(5000);
	ATF_CHECK_EQ(1414, describe(1, 2).mtu);
	ATF_CHECK_EQ(1414, describe(2, 1).mtu);
	ATF_CHECK_STREQ("sleeve", describe(1, 2).overlay);
	ATF_CHECK_EQ(1, describe(1, 2).encrypted);
	ATF_CHECK_EQ(0, describe(1, 2).bad_packets);
}

OVERLAY_TEST(establish_plain, "the same without a key, MTU 1438")
{
	world_start();
	world_connect(1, 2, false, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	ATF_CHECK_EQ(1438, describe(1, 2).mtu);
	ATF_CHECK_EQ(1438, describe(2, 1).mtu);
	ATF_CHECK_EQ(0, describe(1, 2).encrypted);
}

OVERLAY_TEST(frames, "flooding, learning, unicast, sizes, no cleartext")
{
	uint8_t frame[2000], got[2000];
	size_t len;

	world_start();
	proxy_start();
	world_connect(1, 2, true, &proxy_endpoint);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	for (size_t size = 28; size <= 1376; size += 61) {
		len = make_ipv4(frame, 1, 0, size, size % 2 == 0);
		tap_send(1, frame, len);
		settle();
		ATF_REQUIRE_EQ(len, tap_get(2, got, sizeof(got)));
		ATF_CHECK_EQ(0, memcmp(frame, got, len));
		for (size_t i = 0; i < world.nrecord && size > 60; i++)
			ATF_CHECK(
			    memmem(world.record[i].data, world.record[i].len,
				frame + 34, 20) == NULL);
	}
	/* Unicast back, now that 2 knows where 1's pod is. */
	len = make_ipv4(frame, 2, 1, 100, true);
	tap_send(2, frame, len);
	settle();
	ATF_REQUIRE_EQ(len, tap_get(1, got, sizeof(got)));
	/* A frame between two pods of one bridge stays there. */
	len = make_ipv4(frame, 3, 1, 100, true);
	tap_send(1, frame, len);
	settle();
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	ATF_CHECK_EQ(1, counter(1, "overlay.drop.local_local"));
	/* Nor does what would pass for a special frame get out. */
	memset(frame, 0, 22);
	tap_send(1, frame, 22);
	settle();
	ATF_CHECK_EQ(1, counter(1, "overlay.drop.local_bad"));
	ATF_CHECK_EQ(0, counter(2, "overlay.drop.bad_special"));
}

OVERLAY_TEST(stack_fragments, "a trusted stack fragments what has no DF")
{
	uint8_t frame[2000], got[2000];
	size_t len;

	world_start();
	world_connect(1, 2, true, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	len = make_ipv4(frame, 1, 0, 1480, false);
	tap_send(1, frame, len);
	settle();
	ATF_REQUIRE_EQ(len, tap_get(2, got, sizeof(got)));
	ATF_CHECK_EQ(0, memcmp(frame, got, len));
	/* What is not IPv4 takes the same way. */
	frame[12] = 0x86;
	frame[13] = 0xdd;
	tap_send(1, frame, len);
	settle();
	ATF_CHECK_EQ(len, tap_get(2, got, sizeof(got)));
}

OVERLAY_TEST(aggregation, "frames of one turn share a datagram")
{
	uint8_t frame[2000], got[2000];
	uint64_t before;
	size_t len;

	world_start();
	world_connect(1, 2, true, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	before = describe(1, 2).packets_sent;
	len = make_ipv4(frame, 1, 0, 100, true);
	for (int i = 0; i < 5; i++)
		tap_send(1, frame, len);
	overlay_tap_readable(world.nodes[1].overlay, world.now);
	ATF_CHECK_EQ(before + 1, describe(1, 2).packets_sent);
	settle();
	for (int i = 0; i < 5; i++)
		ATF_CHECK_EQ(len, tap_get(2, got, sizeof(got)));
	/* Three of 1000 do not fit into one datagram. */
	before = describe(1, 2).packets_sent;
	len = make_ipv4(frame, 1, 0, 1000, true);
	for (int i = 0; i < 3; i++)
		tap_send(1, frame, len);
	settle();
	ATF_CHECK_EQ(before + 3, describe(1, 2).packets_sent);
	for (int i = 0; i < 3; i++)
		ATF_CHECK_EQ(len, tap_get(2, got, sizeof(got)));
}

static bool
hole_found(void)
{
	return describe(1, 2).mtu == 1238 && describe(2, 1).mtu == 1238;
}

OVERLAY_TEST(silent_hole, "search to 1238 behind a hole at 1300")
{
	uint8_t frame[2000], got[2000];
	size_t len, whole = 0;

	world_start();
	proxy_start();
	world.hole = 1300 - 28;
	world_connect(1, 2, false, &proxy_endpoint);
	ATF_REQUIRE(run_until(both_established, 400));
	ATF_REQUIRE(run_until(hole_found, 60000));
	run_for(10000);
	ATF_CHECK(hole_found());

	/* The fragmentation test vanishes too: we cut packets ourselves. */
	pods_meet();
	len = make_ipv4(frame, 1, 2, 1376, false);
	tap_send(1, frame, len);
	settle();
	while ((len = tap_get(2, got, sizeof(got))) != 0) {
		ATF_CHECK(len <= 1238 + FRAME_ETHERNET);
		whole += len - FRAME_ETHERNET - 20;
	}
	ATF_CHECK_EQ(1376 - 20, whole);

	/* With DF the sender is told, unless it was a broadcast. */
	len = make_ipv4(frame, 1, 2, 1376, true);
	tap_send(1, frame, len);
	settle();
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	ATF_REQUIRE_EQ(
	    FRAME_ETHERNET + 20 + 8 + 28, tap_get(1, got, sizeof(got)));
	ATF_CHECK_EQ(0, memcmp(got + FRAME_ETHERNET + 20, "\3\4", 2));
	ATF_CHECK_EQ(
	    1238, got[FRAME_ETHERNET + 26] << 8 | got[FRAME_ETHERNET + 27]);
	len = make_ipv4(frame, 1, 0, 1376, true);
	tap_send(1, frame, len);
	settle();
	ATF_CHECK_EQ(0, tap_get(1, got, sizeof(got)));
	ATF_CHECK_EQ(1, counter(1, "overlay.drop.too_big_broadcast"));
}

static bool
below_hole(void)
{
	return describe(1, 2).mtu == 1214;
}

static bool
above_hole(void)
{
	return describe(1, 2).mtu == 1414;
}

OVERLAY_TEST(hole_comes_and_goes, "a later hole is found, its end too")
{
	world_start();
	proxy_start();
	world_connect(1, 2, true, &proxy_endpoint);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	ATF_REQUIRE(above_hole());
	world.hole = 1300 - 28;
	ATF_CHECK(run_until(below_hole, 360000));
	world.hole = SIZE_MAX;
	ATF_CHECK(run_until(above_hole, 360000));
}

static bool
peer_moved(void)
{
	return counter(2, "overlay.address_changes") == 1;
}

OVERLAY_TEST(nat_change, "a heartbeat from elsewhere moves the address")
{
	uint8_t frame[2000], got[2000];
	size_t len;

	world_start();
	proxy_start();
	world_connect(1, 2, true, &proxy_endpoint);
	ATF_REQUIRE(run_until(both_established, 400));
	pods_meet();
	close(world.proxy[1]);
	world.proxy[1] = udp_socket(PROXY, 7002, IP_PMTUDISC_DONT);
	len = make_ipv4(frame, 2, 1, 100, true);
	tap_send(2, frame, len);
	settle();
	ATF_CHECK_EQ(0, tap_get(1, got, sizeof(got)));
	ATF_REQUIRE(run_until(peer_moved, 20000));
	tap_send(2, frame, len);
	settle();
	ATF_CHECK_EQ(len, tap_get(1, got, sizeof(got)));
}

OVERLAY_TEST(replay, "nothing sent twice is delivered or moves the address")
{
	struct sockaddr_in to = address(LOOPBACK + 2, PORT);
	uint8_t frame[2000], got[2000];
	size_t len, before;
	int attacker;

	world_start();
	proxy_start();
	world_connect(1, 2, true, &proxy_endpoint);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(30000);
	for (int i = 0; i < 50; i++) {
		len = make_ipv4(frame, 1, 0, 200, i % 2 == 0);
		tap_send(1, frame, len);
		settle();
	}
	tap_drain();
	before = world.nrecord;
	attacker = udp_socket(LOOPBACK + 66, 6666, IP_PMTUDISC_DONT);
	for (size_t i = 0; i < before; i++) {
		sendto(attacker, world.record[i].data, world.record[i].len, 0,
		    (struct sockaddr *)&to, sizeof(to));
		settle();
	}
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	/* But for those that went astray before 2 had confirmed. */
	ATF_CHECK(describe(2, 1).replays >= before - 2);
	ATF_CHECK(before > 50);
	close(attacker);
}

OVERLAY_TEST(cleartext_refused, "an encrypted connection takes none")
{
	struct packet *packet = calloc(1, sizeof(*packet));
	struct sockaddr_in to = address(LOOPBACK + 2, PORT);
	uint8_t frame[2000], got[2000];
	uint64_t bad;
	size_t len;
	int attacker;

	world_start();
	world_connect(1, 2, true, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	bad = describe(2, 1).bad_packets;
	len = make_ipv4(frame, 1, 0, 200, true);
	packet_reset(packet);
	ATF_REQUIRE(sleeve_packet_begin(packet, false));
	memcpy(sleeve_packet_add(packet, NAME(1), NAME(2), len), frame, len);
	ATF_REQUIRE(packet_end_datagram(packet));
	sleeve_packet_plain(packet, NAME(1));
	attacker = udp_socket(LOOPBACK + 66, 6666, IP_PMTUDISC_DONT);
	sendto(attacker, packet->data, packet->len, 0, (struct sockaddr *)&to,
	    sizeof(to));
	settle();
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	ATF_CHECK_EQ(bad + 1, describe(2, 1).bad_packets);
	ATF_CHECK_EQ(0, counter(2, "overlay.address_changes"));
	close(attacker);
	free(packet);
}

OVERLAY_TEST(line, "a middle node relays unicast and floods")
{
	uint8_t frame[2000], got[2000];
	size_t len;

	world_start();
	world.line = true;
	world_connect(1, 2, true, NULL);
	world_connect(2, 3, false, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	ATF_REQUIRE(world.nodes[3].established[2]);

	len = make_ipv4(frame, 1, 0, 300, false);
	tap_send(1, frame, len);
	settle();
	ATF_CHECK_EQ(len, tap_get(2, got, sizeof(got)));
	ATF_CHECK_EQ(len, tap_get(3, got, sizeof(got)));
	ATF_CHECK_EQ(0, tap_get(1, got, sizeof(got)));
	ATF_CHECK_EQ(0, tap_get(3, got, sizeof(got)));

	len = make_ipv4(frame, 3, 1, 300, true);
	tap_send(3, frame, len);
	settle();
	ATF_CHECK_EQ(len, tap_get(1, got, sizeof(got)));
	ATF_CHECK_EQ(0, memcmp(frame, got, len));
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	ATF_CHECK_EQ(1, counter(2, "overlay.relayed"));

	/* Its frames at 2 could be those that 2 has just put there. */
	len = make_ipv4(frame, 3, 0, 60, false);
	tap_send(3, frame, len);
	settle();
	tap_drain();
	tap_send(2, frame, len);
	settle();
	ATF_CHECK_EQ(1, counter(2, "overlay.drop.local_conflict"));
	/* A second later the pod has moved from 3 to 2, for everybody. */
	run_for(1000);
	tap_send(2, frame, len);
	settle();
	ATF_CHECK_EQ(1, counter(2, "overlay.drop.local_conflict"));
	for (int i = 1; i <= NODES; i++)
		ATF_CHECK_EQ(1, counter(i, "overlay.mac.moves"));
	ATF_CHECK_EQ(0, counter(2, "overlay.mac.local_moves"));
	ATF_CHECK_EQ(1, counter(3, "overlay.mac.local_moves"));
	ATF_CHECK_EQ(0, counter(2, "overlay.drop.loop"));
}

OVERLAY_TEST(silence, "60 s without a heartbeat end the connection")
{
	world_start();
	proxy_start();
	world_connect(1, 2, true, &proxy_endpoint);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(100000);
	ATF_CHECK_STREQ("", world.nodes[1].failed);
	world.mute = true;
	run_for(48000);
	ATF_CHECK_STREQ("", world.nodes[2].failed);
	run_for(14000);
	ATF_CHECK_STREQ(
	    "timed out waiting for UDP heartbeat", world.nodes[1].failed);
	ATF_CHECK_STREQ(
	    "timed out waiting for UDP heartbeat", world.nodes[2].failed);
	overlay_stop(world.nodes[1].overlay, 2);
	ATF_CHECK_STREQ("none", describe(1, 2).overlay);
}

OVERLAY_TEST(hostile, "garbage on the socket and in control messages")
{
	struct sockaddr_in to = address(LOOPBACK + 2, PORT);
	uint8_t junk[2000], got[2000];
	size_t len;
	int attacker;

	world_start();
	world_connect(1, 2, true, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	attacker = udp_socket(LOOPBACK + 66, 6666, IP_PMTUDISC_DONT);
	for (unsigned i = 0; i < 20000; i++) {
		randombytes_buf(junk, sizeof(junk));
		if (i % 2 == 0)
			peername_put(NAME(1), junk);
		len = randombytes_uniform(i % 3 == 0 ? 40 : sizeof(junk));
		sendto(
		    attacker, junk, len, 0, (struct sockaddr *)&to, sizeof(to));
		settle();
		overlay_control(world.nodes[2].overlay, i % 4, junk[0],
		    junk + 1, len % 8, world.now);
	}
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	ATF_CHECK(describe(2, 1).bad_packets > 9000);
	len = make_ipv4(junk, 1, 0, 100, false);
	tap_send(1, junk, len);
	settle();
	ATF_CHECK_EQ(len, tap_get(2, got, sizeof(got)));
	close(attacker);
}

/* A link to 10.0.0.2, which does not answer ARP before we do. */
static int
slow_link(void)
{
	struct ifreq ifr = {
	    .ifr_name = "slow", .ifr_flags = IFF_TAP | IFF_NO_PI};
	struct sockaddr_in sin = address(0x0a000001, 0);
	int tun = open("/dev/net/tun", O_RDWR | O_NONBLOCK);
	int s = socket(AF_INET, SOCK_DGRAM, 0);

	ATF_REQUIRE(tun != -1 && ioctl(tun, TUNSETIFF, &ifr) == 0);
	memcpy(&ifr.ifr_addr, &sin, sizeof(sin));
	ATF_REQUIRE_EQ(0, ioctl(s, SIOCSIFADDR, &ifr));
	sin = address(0xffffff00, 0);
	memcpy(&ifr.ifr_netmask, &sin, sizeof(sin));
	ATF_REQUIRE_EQ(0, ioctl(s, SIOCSIFNETMASK, &ifr));
	ifr.ifr_flags = IFF_UP;
	ATF_REQUIRE_EQ(0, ioctl(s, SIOCSIFFLAGS, &ifr));
	close(s);
	return tun;
}

/* Answers an ARP request; counts datagrams to us. */
static unsigned
slow_link_read(int tun)
{
	uint8_t buf[2000];
	unsigned datagrams = 0;
	ssize_t n;

	while ((n = read(tun, buf, sizeof(buf))) > 0) {
		if (buf[12] == 8 && buf[13] == 0 && buf[23] == IPPROTO_UDP)
			datagrams++;
		if (buf[12] != 8 || buf[13] != 6 || buf[41] != 2)
			continue;
		memcpy(buf, buf + 6, 6);
		memcpy(buf + 6, "\2\2\2\2\2\2", 6);
		buf[21] = 2;
		memcpy(buf + 32, buf + 22, 10);
		memcpy(buf + 22, "\2\2\2\2\2\2\12\0\0\2", 10);
		ATF_REQUIRE_EQ(n, write(tun, buf, (size_t)n));
	}
	return datagrams;
}

OVERLAY_TEST(full_socket, "packets wait for a full socket, in order, bounded")
{
	struct mesh_link link = {.peer = NAME(2),
	    .uid = UID,
	    .outbound = true,
	    .has_overlays = true,
	    .overlays = "sleeve",
	    .local = {0x0a000001, PORT},
	    .remote = {0x0a000002, PORT}};
	struct node *node = &world.nodes[1];
	uint8_t frame[2000];
	unsigned seen = 0;
	uint64_t before = 0;
	int tun, size = 1;
	char cause[64];
	size_t len;

	world_start();
	tun = slow_link();
	node->df = udp_socket(0x0a000001, PORT, IP_PMTUDISC_DO);
	ATF_REQUIRE_EQ(0,
	    setsockopt(node->df, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	overlay_set_udp(node->overlay, node->df,
	    udp_socket(0x0a000001, PORT + 1, IP_PMTUDISC_DONT));
	ATF_REQUIRE(
	    overlay_prepare(node->overlay, 2, &link, cause, sizeof(cause)));
	overlay_confirm(node->overlay, 2, world.now);

	/* The first turn finds out that two frames are too much for one. */
	len = make_ipv4(frame, 1, 0, 1200, true);
	for (int turn = 0; turn < 41; turn++) {
		for (int i = 0; i < 50; i++)
			tap_send(1, frame, len);
		overlay_tap_readable(node->overlay, world.now);
		if (turn == 0)
			before = describe(1, 2).packets_sent;
		else
			ATF_CHECK_EQ(node->df, node->watched);
	}
	/* Beyond the bound packets are dropped, and counted. */
	ATF_CHECK(describe(1, 2).packets_sent < before + 700);
	ATF_CHECK_EQ(before + 2000,
	    describe(1, 2).packets_sent +
		counter(1, "overlay.drop.socket_full"));

	while (node->watched != -1) {
		struct pollfd fds[2] = {{.fd = tun, .events = POLLIN},
		    {.fd = node->df, .events = POLLOUT}};

		ATF_REQUIRE(poll(fds, 2, 10000) > 0);
		seen += slow_link_read(tun);
		if ((fds[1].revents & POLLOUT) != 0)
			overlay_udp_writable(
			    node->overlay, node->df, world.now);
	}
	seen += slow_link_read(tun);
	ATF_CHECK_EQ(describe(1, 2).packets_sent, seen);
	close(tun);
}

/* Length of the IP packet of the next datagram on the link, 0: none. */
static size_t
slow_link_next(int tun)
{
	uint8_t buf[2000];
	ssize_t n;

	while ((n = read(tun, buf, sizeof(buf))) > 0)
		if (buf[12] == 8 && buf[13] == 0 && buf[23] == IPPROTO_UDP)
			return (size_t)n - FRAME_ETHERNET;
	return 0;
}

OVERLAY_TEST(heartbeat_overtakes, "data that waits delays no heartbeat")
{
	struct mesh_link link = {.peer = NAME(2),
	    .uid = UID,
	    .outbound = true,
	    .has_overlays = true,
	    .overlays = "sleeve",
	    .local = {0x0a000001, PORT},
	    .remote = {0x0a000002, PORT}};
	struct node *node = &world.nodes[1];
	const size_t around = 28 + SLEEVE_PLAIN_HEADER + SLEEVE_FRAME_HEADER;
	const size_t heartbeat = around + FRAME_ETHERNET + 8;
	const size_t data = around + FRAME_ETHERNET + 1200;
	struct pollfd fds[2];
	uint8_t frame[2000];
	int tun, size = 1;
	char cause[64];
	size_t len, got;

	world_start();
	tun = slow_link();
	fds[0] = (struct pollfd){.fd = tun, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = -1, .events = POLLOUT};
	node->df = udp_socket(0x0a000001, PORT, IP_PMTUDISC_DO);
	ATF_REQUIRE_EQ(0,
	    setsockopt(node->df, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size)));
	overlay_set_udp(node->overlay, node->df,
	    udp_socket(0x0a000001, PORT + 1, IP_PMTUDISC_DONT));
	ATF_REQUIRE(
	    overlay_prepare(node->overlay, 2, &link, cause, sizeof(cause)));
	overlay_confirm(node->overlay, 2, world.now);
	len = make_ipv4(frame, 1, 0, 1200, true);
	while (node->watched == -1) {
		for (int i = 0; i < 50; i++)
			tap_send(1, frame, len);
		overlay_tap_readable(node->overlay, world.now);
	}
	world.now += 1000;
	overlay_tick(node->overlay, world.now);
	/* What the kernel has taken goes first, then what waits here. */
	do {
		ATF_REQUIRE(poll(fds, 2, 10000) > 0);
		fds[1].fd = node->df;
		slow_link_read(tun);
	} while ((fds[1].revents & POLLOUT) == 0);
	slow_link_read(tun);
	overlay_udp_writable(node->overlay, node->df, world.now);
	/* Only a test of the path MTU may be before it. */
	while ((got = slow_link_next(tun)) != heartbeat)
		ATF_REQUIRE(got != 0 && got != data);
	ATF_CHECK_EQ(data, slow_link_next(tun));
	close(tun);
}

OVERLAY_TEST(bounded_turn, "no turn is longer than 100 frames of the TAP")
{
	uint8_t frame[2000];
	size_t len;

	world_start();
	world_connect(1, 2, true, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	pods_meet();
	len = make_ipv4(frame, 1, 2, 60, true);
	for (int i = 0; i < 150; i++)
		tap_send(1, frame, len);
	overlay_tap_readable(world.nodes[1].overlay, world.now);
	ATF_CHECK_EQ(0, world.nodes[1].gave_way);
	ATF_CHECK_EQ(100 + 1, counter(1, "overlay.tap.frames_in"));
	overlay_tap_readable(world.nodes[1].overlay, world.now);
	ATF_CHECK_EQ(150 + 1, counter(1, "overlay.tap.frames_in"));
}

OVERLAY_TEST(gives_way, "receivers of many frames get a turn among them")
{
	struct node *node = &world.nodes[2];
	uint8_t frame[2000];
	size_t len;

	world_start();
	world_connect(1, 2, true, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	run_for(5000);
	pods_meet();
	len = make_ipv4(frame, 1, 2, 60, true);
	for (int i = 0; i < 150; i++)
		tap_send(1, frame, len);
	overlay_tap_readable(world.nodes[1].overlay, world.now);
	overlay_tap_readable(world.nodes[1].overlay, world.now);
	node->gave_way = 0;
	settle();
	ATF_CHECK_EQ(150 + 1, counter(2, "overlay.tap.frames_out"));
	ATF_CHECK(node->gave_way >= 2 && node->gave_way <= 5);
}

/* All frames out of the overlay of a node, super-frames cut, one after one. */
static size_t
tap_get_cut(int node, uint8_t *out, size_t lens[64], size_t *writes)
{
	static uint8_t data[sizeof(struct virtio_net_hdr) + INET_FRAME_MAX];
	uint8_t *frame = data + sizeof(struct virtio_net_hdr);
	struct virtio_net_hdr header;
	struct segments segments;
	size_t n, count = 0;

	*writes = 0;
	while ((n = tap_get(node, data, sizeof(data))) != 0) {
		memcpy(&header, data, sizeof(header));
		n -= sizeof(header);
		++*writes;
		if (!segment_wanted(&header)) {
			memcpy(out, frame, n);
			lens[count++] = n;
			out += n;
			continue;
		}
		ATF_REQUIRE(segment_init(&segments, frame, n, &header));
		for (size_t i = 0; i < segment_count(&segments); i++) {
			segment_write(&segments, i, out);
			lens[count] = segment_len(&segments, i);
			out += lens[count++];
		}
	}
	return count;
}

static void
super_start(bool encrypted, const struct endpoint *through)
{
	world.offloads = OFFLOADS;
	world_start();
	if (through != NULL)
		proxy_start();
	world.hole = 1500 - 28;
	world_connect(1, 2, encrypted, through);
	world_connect(1, 3, encrypted, NULL);
	ATF_REQUIRE(run_until(both_established, 400));
	ATF_REQUIRE(run_until(mtu_found, 5000));
	run_for(1000);
	pods_meet();
	tap_drain();
}

/* Sends one that is cut to size from 1; what leaves 2 is what was cut. */
static void
super_check(const struct inet_frame *whole, uint16_t size, size_t writes)
{
	static uint8_t super[INET_FRAME_MAX], want[INET_FRAME_MAX],
	    got[2 * INET_FRAME_MAX];
	struct virtio_net_hdr header = inet_frame_header(whole, size);
	size_t len = inet_frame_make(super, whole), lens[64], count, n;
	struct segments segments;
	uint8_t *p = got;

	tap_send_super(1, &header, super, len);
	settle();
	count = tap_get_cut(2, got, lens, &n);
	ATF_CHECK_EQ_MSG(writes, n, "%zu writes, want %zu", n, writes);
	ATF_REQUIRE(segment_init(&segments, super, len, &header));
	ATF_REQUIRE_EQ(segment_count(&segments), count);
	for (size_t i = 0; i < count; p += lens[i++]) {
		segment_write(&segments, i, want);
		ATF_REQUIRE_EQ(segment_len(&segments, i), lens[i]);
		ATF_CHECK_EQ_MSG(0, memcmp(want, p, lens[i]), "frame %zu", i);
	}
	ATF_CHECK_EQ(0, tap_get(3, got, sizeof(got)));
}

OVERLAY_TEST(super_frames, "cut, sent in a run, received and joined as one")
{
	struct inet_frame tcp = {
	    .flags = 0x10, .fragment = 0x4000, .options = 3, .payload = 40000};
	struct inet_frame udp = {.udp = true, .payload = 20000};
	struct inet_frame vlan = {.flags = 0x10, .tags = 1, .payload = 5000};
	uint64_t packets;

	for (int encrypted = 0; encrypted < 2; encrypted++) {
		super_start(encrypted != 0, NULL);
		packets = describe(1, 2).packets_sent;
		super_check(&tcp, 1324, 1);
		ATF_CHECK_EQ(packets + 31, describe(1, 2).packets_sent);
		tcp.ipv6 = udp.ipv6 = false;
		super_check(&udp, 1000, 1);
		tcp.ipv6 = udp.ipv6 = true;
		super_check(&tcp, 1304, 1);
		super_check(&udp, 500, 1);
		tcp.ipv6 = udp.ipv6 = false;
		super_check(&vlan, 1000, 5);
		for (int i = 1; i <= NODES; i++)
			overlay_free(world.nodes[i].overlay);
		memset(&world, 0, sizeof(world));
	}
}

OVERLAY_TEST(super_too_big, "answered with DF, else cut or fragmented")
{
	static uint8_t super[INET_FRAME_MAX], got[2 * INET_FRAME_MAX];
	struct inet_frame whole = {
	    .flags = 0x10, .fragment = 0x4000, .payload = 14000};
	struct virtio_net_hdr header;
	size_t len, lens[64], count, writes, bytes = 0;
	uint8_t *p = got;

	super_start(true, &proxy_endpoint);
	header = inet_frame_header(&whole, 1400);
	len = inet_frame_make(super, &whole);
	tap_send_super(1, &header, super, len);
	settle();
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	ATF_CHECK_EQ(1, tap_get_cut(1, got, lens, &writes));
	ATF_CHECK_EQ(1, got[23]); /* ICMP */
	ATF_CHECK_EQ(3, got[34]);
	ATF_CHECK_EQ(1414, got[40] << 8 | got[41]);
	ATF_CHECK_EQ(0, memcmp(got + 42, super + 14, 2));
	ATF_CHECK_EQ(1440, got[44] << 8 | got[45]); /* of one frame */

	whole.fragment = 0;
	len = inet_frame_make(super, &whole);
	tap_send_super(1, &header, super, len);
	settle();
	count = tap_get_cut(2, got, lens, &writes);
	ATF_CHECK_EQ(11, count);
	for (size_t i = 0; i < count; p += lens[i++]) {
		ATF_CHECK(lens[i] <= 1414 + 14);
		ATF_CHECK(inet_frame_valid(p, lens[i]));
		ATF_CHECK_EQ(
		    0, memcmp(p + 54, super + 54 + bytes, lens[i] - 54));
		bytes += lens[i] - 54;
	}
	ATF_CHECK_EQ(14000, bytes);

	whole.udp = true;
	header = inet_frame_header(&whole, 1400);
	len = inet_frame_make(super, &whole);
	tap_send_super(1, &header, super, len);
	settle();
	ATF_CHECK_EQ(20, tap_get_cut(2, got, lens, &writes));
}

OVERLAY_TEST(super_flood, "a super-frame to everybody")
{
	static uint8_t super[INET_FRAME_MAX], got[2 * INET_FRAME_MAX];
	struct inet_frame whole = {.udp = true, .payload = 9000};
	struct virtio_net_hdr header = inet_frame_header(&whole, 900);
	size_t len = inet_frame_make(super, &whole), lens[64], writes;

	super_start(true, NULL);
	memset(super, 0xff, 6);
	tap_send_super(1, &header, super, len);
	settle();
	for (int node = 2; node <= 3; node++) {
		ATF_CHECK_EQ(10, tap_get_cut(node, got, lens, &writes));
		ATF_CHECK_EQ(1, writes);
		ATF_CHECK(inet_frame_valid(got, lens[0]));
	}
}

OVERLAY_TEST(super_refused, "headers that no kernel writes")
{
	uint8_t frame[2000], got[2000];
	struct virtio_net_hdr header = {.flags = 0xff, .gso_type = 0xff};
	uint64_t before;

	super_start(true, NULL);
	before = counter(1, "overlay.drop.local_bad");
	make_ipv4(frame, 1, 2, 200, true);
	tap_send_super(1, &header, frame, 214);
	header = (struct virtio_net_hdr){
	    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = 213};
	tap_send_super(1, &header, frame, 214);
	settle();
	ATF_CHECK_EQ(0, tap_get(2, got, sizeof(got)));
	ATF_CHECK_EQ(before + 2, counter(1, "overlay.drop.local_bad"));
}

OVERLAY_TEST(no_overlay_in_common, "refused with a cause")
{
	struct mesh_link link = {
	    .peer = NAME(2), .has_overlays = true, .overlays = "awsvpc"};
	char cause[64] = "";

	world_start();
	ATF_CHECK(!overlay_prepare(
	    world.nodes[1].overlay, 2, &link, cause, sizeof(cause)));
	ATF_CHECK_STREQ("no overlays in common", cause);
	link.has_overlays = false;
	ATF_CHECK(overlay_prepare(
	    world.nodes[1].overlay, 2, &link, cause, sizeof(cause)));
}

/* The candidates seen live (mesh-protocol 7.5). */
ATF_TC_WITHOUT_HEAD(search_candidates);
ATF_TC_BODY(search_candidates, tc)
{
	static const uint32_t want[] = {
	    1438, 995, 1216, 1327, 1271, 1243, 1229, 1236, 1239, 1237, 1238};
	struct pmtu pmtu;
	uint64_t now = 0;
	uint32_t mtu;
	bool ended;

	pmtu_init(&pmtu, 62);
	ATF_CHECK_EQ(65507, pmtu_payload(&pmtu));
	ATF_REQUIRE(pmtu_path(&pmtu, 1500, now));
	ATF_CHECK_EQ(1472, pmtu_payload(&pmtu));
	for (size_t i = 0; i < sizeof(want) / sizeof(want[0]); i++) {
		for (int try = 0; try < 8; try++) {
			mtu = pmtu_tick(&pmtu, now, &ended);
			ATF_REQUIRE_EQ(want[i], mtu);
			ATF_CHECK_EQ(0, pmtu_tick(&pmtu, pmtu.due - 1, &ended));
			/* Others than the candidate do not count. */
			ATF_CHECK(!pmtu_acknowledged(&pmtu, mtu + 1, now));
			if (mtu <= 1238) {
				pmtu_acknowledged(&pmtu, mtu, now);
				break;
			}
			ATF_CHECK_EQ(now + (10u << try), pmtu.due);
			now = pmtu.due;
		}
	}
	ATF_CHECK_EQ(PMTU_IDLE, pmtu.state);
	ATF_CHECK_EQ(1238, pmtu.mtu);
	/* A path no smaller changes nothing, a smaller one starts anew. */
	ATF_CHECK(!pmtu_path(&pmtu, 1400, now));
	ATF_CHECK(pmtu_path(&pmtu, 1280, now));
	ATF_CHECK_EQ(1218, pmtu.mtu);
}

/* A path below what the search takes for good. */
ATF_TC_WITHOUT_HEAD(search_small_path);
ATF_TC_BODY(search_small_path, tc)
{
	struct pmtu pmtu;
	bool ended;

	pmtu_init(&pmtu, 86);
	ATF_REQUIRE(pmtu_path(&pmtu, 576, 0));
	ATF_CHECK_EQ(490, pmtu_tick(&pmtu, 0, &ended));
	ATF_CHECK(pmtu_acknowledged(&pmtu, 490, 0));
	ATF_CHECK_EQ(490, pmtu.mtu);
	ATF_REQUIRE(pmtu_path(&pmtu, 1, 0));
	ATF_CHECK(pmtu.mtu >= FRAME_FRAGMENT_MIN);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, establish_encrypted);
	ATF_TP_ADD_TC(tp, establish_plain);
	ATF_TP_ADD_TC(tp, frames);
	ATF_TP_ADD_TC(tp, stack_fragments);
	ATF_TP_ADD_TC(tp, aggregation);
	ATF_TP_ADD_TC(tp, silent_hole);
	ATF_TP_ADD_TC(tp, hole_comes_and_goes);
	ATF_TP_ADD_TC(tp, nat_change);
	ATF_TP_ADD_TC(tp, replay);
	ATF_TP_ADD_TC(tp, cleartext_refused);
	ATF_TP_ADD_TC(tp, line);
	ATF_TP_ADD_TC(tp, silence);
	ATF_TP_ADD_TC(tp, hostile);
	ATF_TP_ADD_TC(tp, full_socket);
	ATF_TP_ADD_TC(tp, heartbeat_overtakes);
	ATF_TP_ADD_TC(tp, bounded_turn);
	ATF_TP_ADD_TC(tp, gives_way);
	ATF_TP_ADD_TC(tp, super_frames);
	ATF_TP_ADD_TC(tp, super_too_big);
	ATF_TP_ADD_TC(tp, super_flood);
	ATF_TP_ADD_TC(tp, super_refused);
	ATF_TP_ADD_TC(tp, no_overlay_in_common);
	ATF_TP_ADD_TC(tp, search_candidates);
	ATF_TP_ADD_TC(tp, search_small_path);
	return atf_no_error();
}
