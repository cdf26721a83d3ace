/*
 * What a peer may write into a mesh. First byte of the input: even, a plain
 * handshake comes before the rest; odd, the rest is all that the peer says; 3
 * of the last two bits, to a node of protocol version 3 whose parent believes
 * everything.
 */
#include <sys/socket.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/log.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/mesh.h"
#include "weaved/engine/mesh/wire.h"
#include "weaved/weaved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fake {
	uint32_t conn;
	bool open;
	struct mesh *mesh;
	bool starts; /* the parent was asked */
	bool finishes;
};

static void
op_watch(void *arg, uint32_t conn, int fd, bool read, bool write)
{
	struct fake *fake = arg;

	(void)fd;
	fake->conn = conn;
	fake->open = read || write;
}

static void
op_dial(void *arg, uint32_t dial, struct endpoint to, bool direct)
{
	(void)arg;
	(void)dial;
	(void)to;
	(void)direct;
}

static void
op_resolve(void *arg, uint32_t target, const char *host)
{
	(void)arg;
	(void)target;
	(void)host;
}

static void
op_kx3_start(void *arg, const struct imsg_kx3_start *start)
{
	struct fake *fake = arg;

	if (start->conn != fake->conn)
		abort();
	fake->starts = true;
}

static void
op_kx3_finish(void *arg, const struct imsg_kx3_finish *finish)
{
	struct fake *fake = arg;

	if (finish->handle != 1 || finish->len > sizeof(finish->frame))
		abort();
	fake->finishes = true;
}

static void
op_kx3_cancel(void *arg, uint32_t handle)
{
	(void)arg;
	if (handle != 1)
		abort();
}

static void
op_neighbour(void *arg, struct endpoint at, bool up)
{
	(void)arg;
	(void)at;
	(void)up;
}

static bool
op_prepare(void *arg, uint32_t conn, const struct mesh_link *link, char *cause,
    size_t size)
{
	(void)arg;
	(void)conn;
	(void)cause;
	(void)size;
	return link->peer != PEERNAME_UNKNOWN;
}

static void
op_confirm(void *arg, uint32_t conn, uint64_t now)
{
	struct fake *fake = arg;

	mesh_overlay_established(fake->mesh, conn, now);
}

static void
op_control(void *arg, uint32_t conn, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	static volatile uint8_t sum;

	(void)arg;
	(void)conn;
	(void)tag;
	(void)now;
	while (len > 0)
		sum = (uint8_t)(sum + body[--len]);
}

static void
op_stop(void *arg, uint32_t conn)
{
	(void)arg;
	(void)conn;
}

static void
op_peer_gone(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
}

static void
op_describe(void *arg, uint32_t conn, struct ctl_connection *row)
{
	(void)arg;
	(void)conn;
	(void)row;
}

static const struct mesh_ops ops = {
    .watch = op_watch,
    .dial = op_dial,
    .resolve = op_resolve,
    .kx3_start = op_kx3_start,
    .kx3_finish = op_kx3_finish,
    .kx3_cancel = op_kx3_cancel,
    .neighbour = op_neighbour,
    .overlay_prepare = op_prepare,
    .overlay_confirm = op_confirm,
    .overlay_control = op_control,
    .overlay_stop = op_stop,
    .overlay_describe = op_describe,
    .overlay_peer_gone = op_peer_gone,
};

static void
drop_line(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	(void)line;
}

static void
drop_row(void *arg, uint32_t type, const void *row, size_t len)
{
	(void)arg;
	(void)type;
	(void)row;
	(void)len;
}

static size_t
handshake(uint8_t *out)
{
	struct features features = {.name = 0x0b0000000001,
	    .uid = 5,
	    .conn_id = 9,
	    .has_overlays = true,
	    .overlays = "sleeve"};
	size_t len;

	memcpy(out, "weave\2\2\0", 8);
	len = features_encode(&features, out + 12, FEATURES_MAX);
	wire_length_put(len, out + 8);
	return 12 + len;
}

static void
answer(struct fake *fake, uint64_t now)
{
	struct imsg_kx3_started started = {
	    .conn = fake->conn, .handle = 1, .len = 65, .frame = {1}};
	struct imsg_kx3_finished finished = {.conn = fake->conn};

	if (fake->starts)
		mesh_kx3_started(fake->mesh, &started, now);
	if (fake->finishes)
		mesh_kx3_finished(fake->mesh, &finished, now);
	fake->starts = fake->finishes = false;
}

static void
drive(struct fake *fake, uint64_t now)
{
	uint64_t next = now;
	unsigned i;

	for (i = 0; i < 12; i++) {
		mesh_writable(fake->mesh, fake->conn, now);
		mesh_readable(fake->mesh, fake->conn, now);
		answer(fake, now);
		next = mesh_tick(fake->mesh, now);
		now = next > now && next < now + 2000 ? next : now + 500;
	}
	mesh_show(fake->mesh, CTL_SHOW_ALL, drop_row, NULL, now);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct mesh_conf conf = {.name = 0x0a0000000002,
	    .nickname = "us",
	    .port = 6783,
	    .version_min = 2,
	    .version_max = 2,
	    .discovery = true};
	struct endpoint local = {0x0a000001, 6783}, remote = {0x0a000002, 99};
	struct fake fake = {0};
	uint8_t intro[12 + FEATURES_MAX];
	int fds[2], large = 1 << 20;

	if (size == 0 || size > 65536 || sodium_init() == -1)
		return 0;
	if (data[0] % 4 == 3) {
		conf.version_min = conf.version_max = 3;
		conf.encrypted = true;
	}
	log_init(drop_line, NULL);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1)
		abort();
	setsockopt(fds[1], SOL_SOCKET, SO_SNDBUF, &large, sizeof(large));
	fake.mesh = mesh_new(&conf, "sleeve", 1, &ops, &fake, 1000);
	if (fake.mesh == NULL)
		abort();
	mesh_accepted(fake.mesh, fds[0], local, remote, 1000);
	if (data[0] % 2 == 0)
		send(fds[1], intro, handshake(intro), MSG_NOSIGNAL);
	send(fds[1], data + 1, size - 1, MSG_NOSIGNAL);
	drive(&fake, 1000);
	mesh_free(fake.mesh);
	close(fds[1]);
	return 0;
}
