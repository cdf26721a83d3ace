/*
 * The control process's clients over real socket pairs: rights, request ids,
 * cancelling, bounds, and what is done to those who break the protocol.
 */
#include <sys/socket.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ctl.h"
#include "common/imsg.h"
#include "common/log.h"
#include "weaved/control/clients.h"
#include "weaved/weaved.h"

#define ASKED_MAX 64

/* What the clients asked of engine and parent, and what they watch. */
struct world {
	struct clients *clients;
	uint64_t now;
	bool reachable;
	size_t nasked;
	struct {
		enum clients_server server;
		uint32_t type;
		uint32_t id;
	} asked[ASKED_MAX];
	struct {
		bool read;
		bool write;
	} slots[CLIENTS_SLOTS];
	unsigned distrusted; /* how often http was */
};

struct peer {
	struct imsgbuf *buf;
	struct imsg imsg;
};

static void world_open(struct world *);
static void world_watch(void *, unsigned, int, bool, bool);
static bool world_ask(
    void *, enum clients_server, uint32_t, uint32_t, const void *, size_t);
static void world_run(struct world *);
static unsigned world_watched(const struct world *);
static void world_distrust(void *, enum clients_who);
static struct peer peer_new(struct world *, uid_t);
static struct peer peer_hello(struct world *, struct peer);
static struct peer process_ready(struct world *, enum clients_who);
static struct peer peer_ready(struct world *, uid_t);
static void peer_send(struct peer *, uint32_t, uint32_t, const void *, size_t);
static bool peer_get(struct peer *);
static bool peer_closed(struct peer *);
static void peer_expect_end(
    struct world *, struct peer *, uint32_t, const char *);
static void row_send(struct world *, uint32_t);

static const struct clients_ops ops = {
    .watch = world_watch, .distrust = world_distrust, .ask = world_ask};
static const struct ctl_show show = {.parts = CTL_SHOW_ALL};

static void
world_open(struct world *world)
{
	memset(world, 0, sizeof(*world));
	world->now = 1000;
	world->reachable = true;
	world->clients = clients_new(&ops, world);
	ATF_REQUIRE(world->clients != NULL);
}

static void
world_watch(void *arg, unsigned slot, int fd, bool read, bool write)
{
	struct world *world = arg;

	ATF_REQUIRE(slot < CLIENTS_SLOTS && fcntl(fd, F_GETFD) != -1);
	world->slots[slot].read = read;
	world->slots[slot].write = write;
}

static void
world_distrust(void *arg, enum clients_who who)
{
	struct world *world = arg;

	(void)who;
	world->distrusted++;
}

static bool
world_ask(void *arg, enum clients_server server, uint32_t type, uint32_t id,
    const void *data, size_t len)
{
	struct world *world = arg;

	(void)data;
	(void)len;
	if (!world->reachable && server == CLIENTS_ENGINE)
		return false;
	ATF_REQUIRE(world->nasked < ASKED_MAX);
	world->asked[world->nasked].server = server;
	world->asked[world->nasked].type = type;
	world->asked[world->nasked++].id = id;
	return true;
}

/* One turn of the loop: everything is ready. */
static void
world_run(struct world *world)
{
	for (unsigned i = 0; i < CLIENTS_SLOTS; i++) {
		if (world->slots[i].read)
			clients_readable(world->clients, i, world->now);
		if (world->slots[i].write)
			clients_writable(world->clients, i, world->now);
	}
}

static unsigned
world_watched(const struct world *world)
{
	unsigned n = 0;

	for (unsigned i = 0; i < CLIENTS_SLOTS; i++)
		n += world->slots[i].read || world->slots[i].write;
	return n;
}

static struct peer
peer_new(struct world *world, uid_t uid)
{
	struct peer peer = {0};
	int fds[2];

	ATF_REQUIRE(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	clients_accepted(world->clients, fds[0], uid, world->now);
	peer.buf = imsgbuf_new(fds[1]);
	ATF_REQUIRE(peer.buf != NULL);
	return peer;
}

static struct peer
peer_hello(struct world *world, struct peer peer)
{
	const struct ctl_hello hello = {.version = CTL_VERSION};

	peer_send(&peer, CTL_HELLO, 7, &hello, sizeof(hello));
	world_run(world);
	ATF_REQUIRE(peer_get(&peer));
	ATF_REQUIRE_EQ(CTL_HELLO, peer.imsg.hdr.type);
	ATF_REQUIRE_EQ(7, peer.imsg.hdr.id);
	return peer;
}

static struct peer
peer_ready(struct world *world, uid_t uid)
{
	return peer_hello(world, peer_new(world, uid));
}

/* A process of ours, by its pipe. */
static struct peer
process_ready(struct world *world, enum clients_who who)
{
	struct peer peer = {0};
	int fds[2];

	ATF_REQUIRE(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == 0);
	clients_set_process(world->clients, fds[0], who, world->now);
	peer.buf = imsgbuf_new(fds[1]);
	ATF_REQUIRE(peer.buf != NULL);
	return peer_hello(world, peer);
}

static void
peer_send(
    struct peer *peer, uint32_t type, uint32_t id, const void *data, size_t len)
{
	ATF_REQUIRE(imsg_compose(peer->buf, type, id, -1, data, len) == 0);
	ATF_REQUIRE(imsgbuf_write(peer->buf) == 0);
	ATF_REQUIRE_EQ(0, imsgbuf_pending(peer->buf));
}

static bool
peer_get(struct peer *peer)
{
	if (imsg_get(peer->buf, &peer->imsg) == 1)
		return true;
	return imsgbuf_read(peer->buf) == 1 &&
	    imsg_get(peer->buf, &peer->imsg) == 1;
}

/* Nothing more comes: a client that left unread bytes sees a reset. */
static bool
peer_closed(struct peer *peer)
{
	int got = imsgbuf_read(peer->buf);

	return got == 0 || (got == -1 && errno == ECONNRESET);
}

static void
peer_expect_end(
    struct world *world, struct peer *peer, uint32_t id, const char *text)
{
	struct ctl_end end;

	world_run(world);
	ATF_REQUIRE(peer_get(peer));
	ATF_REQUIRE_EQ(CTL_END, peer->imsg.hdr.type);
	ATF_CHECK_EQ(id, peer->imsg.hdr.id);
	ATF_REQUIRE_EQ(sizeof(end), peer->imsg.len);
	memcpy(&end, peer->imsg.data, sizeof(end));
	ATF_CHECK_EQ(text[0] == '\0', end.status == 0);
	ATF_CHECK_STREQ(text, end.text);
}

static void
row_send(struct world *world, uint32_t id)
{
	struct {
		uint32_t type;
		uint8_t row[sizeof(struct ctl_target)];
	} row = {.type = CTL_TARGET, .row = "host"};

	ATF_REQUIRE(clients_row(
	    world->clients, CLIENTS_ENGINE, id, &row, sizeof(row), world->now));
}

ATF_TC_WITHOUT_HEAD(rights);
ATF_TC_BODY(rights, tc)
{
	const struct ctl_target target = {"host1"};
	const struct ctl_log_level level = {LOGLEVEL_DEBUG};
	const struct ctl_bench bench = {"host1", 5, 100};
	const struct ctl_expose expose = {.addr = 0x0a200001, .len = 12};
	const struct ctl_rotate rotate = {.action = CTL_ROTATE_STATUS};
	const struct {
		uint32_t type;
		const void *data;
		size_t len;
		uint32_t relayed;
		const char *denied;
	} cases[] = {
	    {CTL_SHOW, &show, sizeof(show), IMSG_SHOW, NULL},
	    {CTL_CONNECT, &target, sizeof(target), IMSG_CONNECT,
		"permission denied: only root may connect peers"},
	    {CTL_FORGET, &target, sizeof(target), IMSG_FORGET,
		"permission denied: only root may forget peers"},
	    {CTL_RELOAD, NULL, 0, IMSG_RELOAD,
		"permission denied: only root may "
		"reload the configuration"},
	    {CTL_LOG_LEVEL, &level, sizeof(level), IMSG_SET_LOG_LEVEL,
		"permission denied: only root may set the log level"},
	    {CTL_BENCH, &bench, sizeof(bench), IMSG_BENCH,
		"permission denied: only root may measure paths"},
	    {CTL_EXPOSE, &expose, sizeof(expose), IMSG_EXPOSE,
		"permission denied: only root may expose the host"},
	    {CTL_HIDE, &expose, sizeof(expose), IMSG_HIDE,
		"permission denied: only root may hide the host"},
	    {CTL_ERASE, NULL, 0, IMSG_ERASE,
		"permission denied: only root may remove what weaved made"},
	    {CTL_ROTATE, &rotate, sizeof(rotate), IMSG_ROTATE,
		"permission denied: only root may rotate the password"},
	};
	const struct ctl_end end = {0};

	for (uid_t uid = 0; uid <= 1000; uid += 1000) {
		for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
			struct world world;
			struct peer peer;

			world_open(&world);
			peer = peer_ready(&world, uid);
			peer_send(&peer, cases[i].type, 99, cases[i].data,
			    cases[i].len);
			world_run(&world);
			if (uid == 0 || cases[i].denied == NULL) {
				ATF_REQUIRE_EQ(1, world.nasked);
				ATF_CHECK_EQ(
				    cases[i].relayed, world.asked[0].type);
				ATF_CHECK(clients_end(world.clients,
				    world.asked[0].server, world.asked[0].id,
				    &end, sizeof(end), world.now));
				peer_expect_end(&world, &peer, 99, "");
			} else {
				ATF_CHECK_EQ(0, world.nasked);
				peer_expect_end(
				    &world, &peer, 99, cases[i].denied);
			}
			imsgbuf_free(peer.buf);
			clients_free(world.clients);
		}
	}
}

ATF_TC_WITHOUT_HEAD(ids);
ATF_TC_BODY(ids, tc)
{
	const struct ctl_end end = {0};
	struct world world;
	struct peer one, two;

	/* Both use the same id: each gets its own answer under that id. */
	world_open(&world);
	one = peer_ready(&world, 0);
	two = peer_ready(&world, 0);
	peer_send(&one, CTL_SHOW, 5, &show, sizeof(show));
	world_run(&world);
	peer_send(&two, CTL_SHOW, 5, &show, sizeof(show));
	world_run(&world);
	ATF_REQUIRE_EQ(2, world.nasked);
	ATF_REQUIRE(world.asked[0].id != world.asked[1].id);
	row_send(&world, world.asked[1].id);
	world_run(&world);
	ATF_CHECK(!peer_get(&one));
	ATF_REQUIRE(peer_get(&two));
	ATF_CHECK_EQ(CTL_TARGET, two.imsg.hdr.type);
	ATF_CHECK_EQ(5, two.imsg.hdr.id);
	ATF_CHECK_STREQ("host", (const char *)two.imsg.data);
	/* The parent can not end what the engine was asked. */
	ATF_CHECK(clients_end(world.clients, CLIENTS_PARENT, world.asked[0].id,
	    &end, sizeof(end), world.now));
	world_run(&world);
	ATF_CHECK(!peer_get(&one));
	/* One request at a time, the next after its end. */
	peer_send(&one, CTL_RELOAD, 6, NULL, 0);
	world_run(&world);
	ATF_CHECK_EQ(2, world.nasked);
	ATF_CHECK(clients_end(world.clients, CLIENTS_ENGINE, world.asked[0].id,
	    &end, sizeof(end), world.now));
	peer_expect_end(&world, &one, 5, "");
	ATF_REQUIRE_EQ(3, world.nasked);
	ATF_CHECK_EQ(CLIENTS_PARENT, world.asked[2].server);
	imsgbuf_free(one.buf);
	imsgbuf_free(two.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(cancel);
ATF_TC_BODY(cancel, tc)
{
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = peer_ready(&world, 1000);
	peer_send(&peer, CTL_SHOW, 5, &show, sizeof(show));
	world_run(&world);
	imsgbuf_free(peer.buf);
	world_run(&world);
	ATF_REQUIRE_EQ(2, world.nasked);
	ATF_CHECK_EQ(IMSG_SHOW_CANCEL, world.asked[1].type);
	ATF_CHECK_EQ(world.asked[0].id, world.asked[1].id);
	ATF_CHECK_EQ(0, world_watched(&world));
	/* A row that was on its way is for nobody. */
	row_send(&world, world.asked[0].id);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(engine_restart);
ATF_TC_BODY(engine_restart, tc)
{
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = peer_ready(&world, 0);
	peer_send(&peer, CTL_SHOW, 5, &show, sizeof(show));
	world_run(&world);
	clients_engine_gone(world.clients, world.now);
	peer_expect_end(&world, &peer, 5, "engine restarted, try again");
	world.reachable = false;
	peer_send(&peer, CTL_SHOW, 6, &show, sizeof(show));
	world_run(&world);
	peer_expect_end(
	    &world, &peer, 6, "the engine is busy or starting, try again");
	imsgbuf_free(peer.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(version);
ATF_TC_BODY(version, tc)
{
	const uint32_t other[2] = {CTL_VERSION + 1, 0};
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = peer_new(&world, 0);
	peer_send(&peer, CTL_HELLO, 3, other, sizeof(other));
	peer_expect_end(&world, &peer, 3,
	    "the client speaks control "
	    "protocol 2, weaved " WEAVED_VERSION " speaks 1");
	ATF_CHECK(peer_closed(&peer));
	ATF_CHECK_EQ(0, world_watched(&world));
	imsgbuf_free(peer.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(hello_timeout);
ATF_TC_BODY(hello_timeout, tc)
{
	struct world world;
	struct peer silent, ready;

	world_open(&world);
	silent = peer_new(&world, 0);
	ready = peer_ready(&world, 0);
	ATF_CHECK_EQ(world.now + CLIENTS_HELLO_MS,
	    clients_tick(world.clients, world.now));
	world.now += CLIENTS_HELLO_MS;
	ATF_CHECK_EQ(UINT64_MAX, clients_tick(world.clients, world.now));
	ATF_CHECK(peer_closed(&silent));
	ATF_CHECK(!peer_closed(&ready));
	imsgbuf_free(silent.buf);
	imsgbuf_free(ready.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	const struct ctl_hello hello = {.version = CTL_VERSION};
	struct ctl_target endless;
	const struct {
		bool ready;
		uint32_t type;
		const void *data;
		size_t len;
	} cases[] = {
	    {false, CTL_SHOW, &show, sizeof(show)},
	    {false, CTL_HELLO, &hello, sizeof(hello) - 1},
	    {false, CTL_HELLO, &hello, 2},
	    {true, CTL_HELLO, &hello, sizeof(hello)},
	    {true, CTL_SHOW, &show, sizeof(show) - 1},
	    {true, CTL_SHOW, NULL, 0},
	    {true, CTL_RELOAD, &show, 1},
	    {true, CTL_CONNECT, &endless, sizeof(endless)},
	    {true, CTL_END, &hello, sizeof(hello)},
	    {true, 0, NULL, 0},
	    {true, UINT32_MAX, NULL, 0},
	};

	memset(&endless, 'a', sizeof(endless));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct world world;
		struct peer bad, other;

		world_open(&world);
		other = peer_ready(&world, 0);
		bad = cases[i].ready ? peer_ready(&world, 0)
				     : peer_new(&world, 0);
		peer_send(&bad, cases[i].type, 1, cases[i].data, cases[i].len);
		world_run(&world);
		ATF_CHECK_MSG(peer_closed(&bad), "case %zu", i);
		ATF_CHECK_EQ(1, world_watched(&world));
		ATF_CHECK_EQ(0, world.nasked);
		ATF_CHECK(!peer_closed(&other));
		imsgbuf_free(bad.buf);
		imsgbuf_free(other.buf);
		clients_free(world.clients);
	}
}

ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	const struct ctl_show no_part = {0}, bad_part = {CTL_SHOW_ALL + 1};
	const struct ctl_log_level level = {LOGLEVEL_ERROR + 1};
	const struct ctl_expose loopback = {.addr = 0x7f000001, .len = 8};
	const struct ctl_bench long_bench = {"host2", 31, 1};
	const struct ctl_bench fast_bench = {"host2", 1, 1001};
	const struct ctl_bench no_bench = {"", 1, 1};
	const struct ctl_rotate no_step = {.action = CTL_ROTATE_ACTION_MAX};
	const struct ctl_rotate no_ring = {.hardened = 2};
	const struct ctl_rotate too_long = {.length = CTL_PASSWORD_MAX + 1};
	const struct ctl_target empty = {""}, bad = {"a\033b"};
	const struct ctl_ip nobody = {.wait = 1}, spaced = {"a b", .wait = 1};
	const struct ctl_ip longer = {"a", 1, 33, .wait = 1};
	const struct ctl_ip never = {"a"}, nothing = {"a", .wait = 1};
	const struct {
		uint32_t type;
		const void *data;
		size_t len;
		const char *text;
	} cases[] = {
	    {CTL_SHOW, &no_part, sizeof(no_part),
		"there is no such part to show"},
	    {CTL_SHOW, &bad_part, sizeof(bad_part),
		"there is no such part to show"},
	    {CTL_LOG_LEVEL, &level, sizeof(level),
		"there is no such log level"},
	    {CTL_CONNECT, &empty, sizeof(empty), "the peer's address is empty"},
	    {CTL_FORGET, &bad, sizeof(bad),
		"the peer's address has bad characters"},
	    {CTL_RMPEER, &empty, sizeof(empty), "the peer's address is empty"},
	    {CTL_IP_ALLOCATE, &nobody, sizeof(nobody), "the id is empty"},
	    {CTL_IP_RELEASE, &spaced, sizeof(spaced),
		"the id has bad characters"},
	    {CTL_IP_CLAIM, &longer, sizeof(longer),
		"the prefix is longer than an address"},
	    {CTL_IP_ALLOCATE, &never, sizeof(never),
		"the time to wait is out of range"},
	    {CTL_IP_CLAIM, &nothing, sizeof(nothing),
		"an address with prefix is to be claimed"},
	    {CTL_EXPOSE, &loopback, sizeof(loopback),
		"no host can have this address"},
	    {CTL_HIDE, &loopback, sizeof(loopback),
		"no host can have this address"},
	    {CTL_BENCH, &long_bench, sizeof(long_bench),
		"a measurement takes 1 to 30 seconds"},
	    {CTL_BENCH, &fast_bench, sizeof(fast_bench),
		"a measurement sends 1 to 1000 Mbit/s"},
	    {CTL_BENCH, &no_bench, sizeof(no_bench),
		"the peer's address is empty"},
	    {CTL_ROTATE, &no_step, sizeof(no_step),
		"there is no such step of a rotation"},
	    {CTL_ROTATE, &no_ring, sizeof(no_ring),
		"there is no such password"},
	    {CTL_ROTATE, &too_long, sizeof(too_long),
		"password is longer than 1024 bytes"},
	};
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = peer_ready(&world, 0);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		peer_send(
		    &peer, cases[i].type, 40, cases[i].data, cases[i].len);
		world_run(&world);
		peer_expect_end(&world, &peer, 40, cases[i].text);
	}
	ATF_CHECK_EQ(0, world.nasked);
	imsgbuf_free(peer.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(descriptor);
ATF_TC_BODY(descriptor, tc)
{
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = peer_ready(&world, 0);
	ATF_REQUIRE(imsg_compose(peer.buf, CTL_SHOW, 1, dup(STDERR_FILENO),
			&show, sizeof(show)) == 0);
	ATF_REQUIRE(imsgbuf_write(peer.buf) == 0);
	world_run(&world);
	ATF_CHECK(peer_closed(&peer));
	imsgbuf_free(peer.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(queue);
ATF_TC_BODY(queue, tc)
{
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = peer_ready(&world, 0);
	for (uint32_t i = 0; i < CLIENTS_REQUESTS_MAX; i++)
		peer_send(&peer, CTL_SHOW, i, &show, sizeof(show));
	world_run(&world);
	ATF_CHECK_EQ(1, world.nasked);
	ATF_CHECK(!peer_closed(&peer));
	peer_send(&peer, CTL_SHOW, 99, &show, sizeof(show));
	world_run(&world);
	ATF_CHECK(peer_closed(&peer));
	ATF_CHECK_EQ(IMSG_SHOW_CANCEL, world.asked[1].type);
	imsgbuf_free(peer.buf);
	clients_free(world.clients);
}

/* The report of a large mesh waits for a client that has to go on reading. */
ATF_TC_WITHOUT_HEAD(large);
ATF_TC_BODY(large, tc)
{
	const size_t rows = (21u << 20) / sizeof(struct ctl_target);
	struct world world;
	struct peer peers[4];
	uint32_t id;
	size_t got = 0;

	world_open(&world);
	for (int i = 0; i < 4; i++) {
		peers[i] = peer_ready(&world, 1000);
		peer_send(&peers[i], CTL_SHOW, 5, &show, sizeof(show));
		world_run(&world);
		id = world.asked[world.nasked - 1].id;
		for (size_t n = 0; n < rows; n++)
			row_send(&world, id);
	}
	/* Two of them fit what is kept for others than root. */
	ATF_CHECK_EQ(2, world_watched(&world));
	while (got < rows) {
		world_run(&world);
		ATF_REQUIRE(!peer_closed(&peers[0]));
		while (peer_get(&peers[0])) {
			imsg_free(&peers[0].imsg);
			got++;
		}
	}
	ATF_CHECK_EQ(rows, got);
	for (int i = 0; i < 4; i++)
		imsgbuf_free(peers[i].buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(slow);
ATF_TC_BODY(slow, tc)
{
	struct world world;
	struct peer peer;
	size_t rows = 0, limit;

	/* Reads nothing: rows wait up to the bound, then it is dropped. */
	limit = 2 * CLIENTS_OUT_MAX / sizeof(struct ctl_target);
	world_open(&world);
	peer = peer_ready(&world, 1000);
	peer_send(&peer, CTL_SHOW, 5, &show, sizeof(show));
	world_run(&world);
	for (; rows < limit && world_watched(&world) == 1; rows++) {
		row_send(&world, world.asked[0].id);
		if (rows % 100 == 0)
			world_run(&world);
	}
	ATF_CHECK(rows > 4096 && rows < limit);
	ATF_REQUIRE_EQ(2, world.nasked);
	ATF_CHECK_EQ(IMSG_SHOW_CANCEL, world.asked[1].type);
	imsgbuf_free(peer.buf);

	/* Reads in time: gets more than anybody would hold for it. */
	peer = peer_ready(&world, 1000);
	peer_send(&peer, CTL_SHOW, 5, &show, sizeof(show));
	world_run(&world);
	for (size_t i = 0, got = 0; got < limit; i++) {
		if (i < limit)
			row_send(&world, world.asked[2].id);
		if (i % 100 != 0 && i < limit)
			continue;
		world_run(&world);
		ATF_REQUIRE_EQ(1, world_watched(&world));
		while (peer_get(&peer)) {
			imsg_free(&peer.imsg);
			got++;
		}
	}
	imsgbuf_free(peer.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(stalled);
ATF_TC_BODY(stalled, tc)
{
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = peer_ready(&world, 1000);
	peer_send(&peer, CTL_SHOW, 5, &show, sizeof(show));
	world_run(&world);
	for (size_t i = 0; i < 4096; i++)
		row_send(&world, world.asked[0].id);
	world_run(&world);
	ATF_CHECK_EQ(1, world_watched(&world));
	world.now += CLIENTS_STALL_MS;
	clients_tick(world.clients, world.now);
	ATF_CHECK_EQ(0, world_watched(&world));
	imsgbuf_free(peer.buf);
	clients_free(world.clients);
}

ATF_TC_WITHOUT_HEAD(many);
ATF_TC_BODY(many, tc)
{
	struct peer others[CLIENTS_MAX], roots[CLIENTS_MAX];
	struct world world;

	world_open(&world);
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		others[i] = peer_new(&world, 1000);
	ATF_CHECK_EQ(CLIENTS_OTHERS_MAX, world_watched(&world));
	ATF_CHECK(!clients_full(world.clients));
	for (unsigned i = 0; i < CLIENTS_MAX; i++)
		roots[i] = peer_new(&world, 0);
	ATF_CHECK(clients_full(world.clients));
	ATF_CHECK(!peer_closed(&roots[0]));
	ATF_CHECK(peer_closed(&roots[CLIENTS_MAX - 1]));
	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		imsgbuf_free(others[i].buf);
		imsgbuf_free(roots[i].buf);
	}
	world_run(&world);
	ATF_CHECK_EQ(0, world_watched(&world));
	clients_free(world.clients);
}

/* What a process of ours may ask for, and that it is ended for all else. */
static void
process_rights(enum clients_who who, const uint32_t *allowed, size_t n)
{
	const struct ctl_target target = {"host1"};

	for (uint32_t type = 0; type < CTL_TYPE_MAX; type++) {
		struct world world;
		struct peer peer;
		bool may = false;

		for (size_t i = 0; i < n; i++)
			may |= allowed[i] == type;
		world_open(&world);
		peer = process_ready(&world, who);
		if (type == CTL_SHOW)
			peer_send(&peer, type, 1, &show, sizeof(show));
		else if (type == CTL_RELOAD || type == CTL_RESET)
			peer_send(&peer, type, 1, NULL, 0);
		else
			peer_send(&peer, type, 1, &target, sizeof(target));
		world_run(&world);
		ATF_CHECK_EQ_MSG(
		    may ? 0 : 1, world.distrusted, "type %u", type);
		ATF_CHECK_EQ_MSG(may ? 1 : 0, world.nasked, "type %u", type);
		ATF_CHECK_EQ(may, !peer_closed(&peer));
		clients_free(world.clients);
		imsgbuf_free(peer.buf);
	}
}

ATF_TC_WITHOUT_HEAD(http);
ATF_TC_BODY(http, tc)
{
	static const uint32_t allowed[] = {CTL_SHOW};

	process_rights(CLIENTS_HTTP, allowed, 1);
}

ATF_TC_WITHOUT_HEAD(kube);
ATF_TC_BODY(kube, tc)
{
	static const uint32_t allowed[] = {
	    CTL_SHOW, CTL_CONNECT, CTL_FORGET, CTL_RMPEER};

	process_rights(CLIENTS_KUBE, allowed, 4);
}

/* Its targets are nodes, not what the operator named. */
ATF_TC_WITHOUT_HEAD(kube_names_nodes);
ATF_TC_BODY(kube_names_nodes, tc)
{
	const struct ctl_target target = {"10.0.0.1"};
	struct world world;
	struct peer peer;

	world_open(&world);
	peer = process_ready(&world, CLIENTS_KUBE);
	peer_send(&peer, CTL_CONNECT, 1, &target, sizeof(target));
	world_run(&world);
	ATF_CHECK_EQ(1, world.nasked);
	ATF_CHECK_EQ(IMSG_NODE_ADD, world.asked[0].type);
	ATF_CHECK_EQ(CLIENTS_PARENT, world.asked[0].server);
	clients_free(world.clients);
	imsgbuf_free(peer.buf);
}

/* There is room for it however many others came, and a new one replaces it. */
ATF_TC_WITHOUT_HEAD(http_place);
ATF_TC_BODY(http_place, tc)
{
	struct peer others[CLIENTS_MAX], first, second;
	struct world world;

	world_open(&world);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		others[i] = peer_ready(&world, 0);
	ATF_CHECK(clients_full(world.clients));
	first = process_ready(&world, CLIENTS_HTTP);
	second = process_ready(&world, CLIENTS_HTTP);
	ATF_CHECK(peer_closed(&first));
	ATF_CHECK_EQ(0, world.distrusted);
	peer_send(&second, CTL_SHOW, 7, &show, sizeof(show));
	world_run(&world);
	ATF_REQUIRE_EQ(1, world.nasked);
	row_send(&world, world.asked[0].id);
	world_run(&world);
	ATF_REQUIRE(peer_get(&second));
	ATF_CHECK_EQ(7, second.imsg.hdr.id);
	clients_free(world.clients);
	for (size_t i = 0; i < CLIENTS_MAX; i++)
		imsgbuf_free(others[i].buf);
}

ATF_TC_WITHOUT_HEAD(servers);
ATF_TC_BODY(servers, tc)
{
	struct {
		uint32_t type;
		uint8_t row[sizeof(struct ctl_target)];
	} row = {.type = CTL_TARGET};
	struct {
		uint32_t type;
		struct ctl_rotation row;
	} rotation = {.type = CTL_ROTATION};
	struct ctl_end end = {0};
	struct world world;

	/* What engine and parent must not send, asked for or not. */
	world_open(&world);
	ATF_CHECK(clients_row(
	    world.clients, CLIENTS_PARENT, 1, &rotation, sizeof(rotation), 0));
	ATF_CHECK(!clients_row(
	    world.clients, CLIENTS_ENGINE, 1, &rotation, sizeof(rotation), 0));
	ATF_CHECK(clients_row(
	    world.clients, CLIENTS_ENGINE, 1, &row, sizeof(row), 0));
	ATF_CHECK(!clients_row(
	    world.clients, CLIENTS_PARENT, 1, &row, sizeof(row), 0));
	ATF_CHECK(!clients_row(
	    world.clients, CLIENTS_ENGINE, 1, &row, sizeof(row) - 1, 0));
	ATF_CHECK(!clients_row(world.clients, CLIENTS_ENGINE, 1, &row, 3, 0));
	memset(row.row, 'a', sizeof(row.row));
	ATF_CHECK(!clients_row(
	    world.clients, CLIENTS_ENGINE, 1, &row, sizeof(row), 0));
	row.type = CTL_END;
	ATF_CHECK(!clients_row(
	    world.clients, CLIENTS_ENGINE, 1, &row, sizeof(row), 0));
	ATF_CHECK(clients_end(
	    world.clients, CLIENTS_ENGINE, 1, &end, sizeof(end), 0));
	memset(end.text, 'a', sizeof(end.text));
	ATF_CHECK(!clients_end(
	    world.clients, CLIENTS_ENGINE, 1, &end, sizeof(end), 0));
	clients_free(world.clients);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rights);
	ATF_TP_ADD_TC(tp, ids);
	ATF_TP_ADD_TC(tp, cancel);
	ATF_TP_ADD_TC(tp, engine_restart);
	ATF_TP_ADD_TC(tp, version);
	ATF_TP_ADD_TC(tp, hello_timeout);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, descriptor);
	ATF_TP_ADD_TC(tp, queue);
	ATF_TP_ADD_TC(tp, large);
	ATF_TP_ADD_TC(tp, slow);
	ATF_TP_ADD_TC(tp, stalled);
	ATF_TP_ADD_TC(tp, many);
	ATF_TP_ADD_TC(tp, servers);
	ATF_TP_ADD_TC(tp, http);
	ATF_TP_ADD_TC(tp, kube);
	ATF_TP_ADD_TC(tp, kube_names_nodes);
	ATF_TP_ADD_TC(tp, http_place);
	return atf_no_error();
}
