/*
 * Clients of the control socket, one of root and one of somebody else: what
 * they send, mixed with answers, time and the end of the engine.
 *
 * The input is a list of steps: one byte for what happens and to which client,
 * then a type, a length and that many bytes where it needs them.
 */
#include <sys/socket.h>

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ctl.h"
#include "common/imsg.h"
#include "common/log.h"
#include "weaved/control/clients.h"

#define PEERS 2

enum step {
	STEP_MESSAGE,
	STEP_RAW, /* bytes without a header of ours */
	STEP_HELLO,
	STEP_ROW,
	STEP_END,
	STEP_GONE,
	STEP_TIME,
	STEP_CLOSE,
	STEPS
};

struct input {
	const uint8_t *bytes;
	size_t len;
};

struct world {
	struct clients *clients;
	uint64_t now;
	uint32_t id; /* last asked */
	enum clients_server server;
	int fds[PEERS];
	struct {
		bool read;
		bool write;
	} slots[CLIENTS_MAX];
};

static void world_watch(void *, unsigned, int, bool, bool);
static bool world_ask(
    void *, enum clients_server, uint32_t, uint32_t, const void *, size_t);
static void world_log(void *, enum log_level, const char *);
static void world_connect(struct world *, unsigned);
static void world_run(struct world *);
static void world_step(struct world *, struct input *);
static void send_message(
    const struct world *, unsigned, uint32_t, const void *, size_t);
static uint8_t take_byte(struct input *);

static const struct clients_ops ops = {.watch = world_watch, .ask = world_ask};

static void
world_watch(void *arg, unsigned slot, int fd, bool read, bool write)
{
	struct world *world = arg;

	(void)fd;
	if (slot >= CLIENTS_MAX)
		abort();
	world->slots[slot].read = read;
	world->slots[slot].write = write;
}

/* The policy again: what may come out, and only in its exact form. */
static bool
world_ask(void *arg, enum clients_server server, uint32_t type, uint32_t id,
    const void *data, size_t len)
{
	struct world *world = arg;

	(void)type;
	if (id == 0 || len > sizeof(struct ctl_bench) ||
	    (len == sizeof(struct ctl_target) &&
		memchr(data, '\0', len) == NULL))
		abort();
	world->id = id;
	world->server = server;
	return id % 5 != 0;
}

static void
world_log(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	(void)line;
}

static void
world_connect(struct world *world, unsigned peer)
{
	int fds[2];

	if (world->fds[peer] != -1)
		close(world->fds[peer]);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds) == -1)
		abort();
	world->fds[peer] = fds[1];
	clients_accepted(world->clients, fds[0], peer * 1000, world->now);
}

static void
world_run(struct world *world)
{
	uint8_t sink[4096];

	for (unsigned i = 0; i < CLIENTS_MAX; i++) {
		if (world->slots[i].read)
			clients_readable(world->clients, i, world->now);
		if (world->slots[i].write)
			clients_writable(world->clients, i, world->now);
	}
	/* The second client is slow. */
	while (read(world->fds[0], sink, sizeof(sink)) == sizeof(sink))
		;
	if (clients_tick(world->clients, world->now) <= world->now)
		abort();
}

static void
send_message(const struct world *world, unsigned peer, uint32_t type,
    const void *data, size_t len)
{
	struct {
		struct imsg_hdr hdr;
		uint8_t data[IMSG_DATA_MAX];
	} message = {{type, (uint32_t)(sizeof(message.hdr) + len), 1, 0}, {0}};

	if (len > 0)
		memcpy(message.data, data, len);
	send(world->fds[peer], &message, message.hdr.len, MSG_NOSIGNAL);
}

static uint8_t
take_byte(struct input *input)
{
	if (input->len == 0)
		return 0;
	input->len--;
	return *input->bytes++;
}

static void
world_step(struct world *world, struct input *input)
{
	const struct ctl_hello hello = {.version = CTL_VERSION};
	uint8_t what = take_byte(input), type = take_byte(input);
	uint8_t data[sizeof(struct ctl_connection) + 8] = {0};
	unsigned peer = (what >> 4) % PEERS;
	size_t size = take_byte(input);
	size_t len;

	size |= (size_t)take_byte(input) << 8;
	size %= sizeof(data);
	len = size < input->len ? size : input->len;
	memcpy(data, input->bytes, len);
	input->bytes += len;
	input->len -= len;
	switch (what % 16 % STEPS) {
	case STEP_MESSAGE:
		send_message(world, peer, type, data, size);
		break;
	case STEP_RAW:
		send(world->fds[peer], data, size, MSG_NOSIGNAL);
		break;
	case STEP_HELLO:
		send_message(world, peer, CTL_HELLO, &hello, sizeof(hello));
		break;
	case STEP_ROW:
		clients_row(world->clients, world->server, world->id, data,
		    size, world->now);
		break;
	case STEP_END:
		clients_end(world->clients, world->server, world->id, data,
		    size, world->now);
		break;
	case STEP_GONE:
		clients_engine_gone(world->clients, world->now);
		break;
	case STEP_TIME:
		world->now += (uint64_t)type * 100;
		break;
	case STEP_CLOSE:
		world_connect(world, peer);
		break;
	}
	world_run(world);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input input = {data, size};
	struct world world = {.now = 1, .fds = {-1, -1}};

	log_init(world_log, NULL);
	world.clients = clients_new(&ops, &world);
	if (world.clients == NULL)
		abort();
	for (unsigned i = 0; i < PEERS; i++)
		world_connect(&world, i);
	while (input.len > 0)
		world_step(&world, &input);
	clients_free(world.clients);
	for (unsigned i = 0; i < PEERS; i++)
		close(world.fds[i]);
	return 0;
}
