/*
 * IPAM on the engine's loop: its configuration and file as messages, its
 * channel in the mesh, its requests from control.
 */
#include <errno.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/engine/engine_internal.h"
#include "weaved/engine/ipam/allocator.h"

static struct {
	struct ipam *ipam; /* NULL: off */
	struct ipam_conf conf;
	bool configured;
	uint8_t *file; /* until the start */
	size_t len;
	struct imsg_local told; /* to the parent: what we own; on 0: nothing */
	uint32_t changes; /* then */
	bool warned; /* that this is too much for a message */
} it;

static void tell_owned(void);
static void request(const struct imsg *, uint64_t);
static void answer(uint32_t, const struct ctl_ip_answer *, const char *);
static bool op_unicast(void *, uint64_t, const uint8_t *, size_t);
static void op_broadcast(void *, uint64_t);
static bool op_known(void *, uint64_t);
static uint32_t op_targets(void *);
static void op_save(void *, const uint8_t *, size_t);
static void op_answer(void *, uint32_t, const struct ipam_answer *);
static uint32_t op_random(void *, uint32_t);
static int64_t op_wall(void *);
static const uint8_t *channel_gossip(void *, size_t *);
static void channel_receive(
    void *, uint64_t, const uint8_t *, size_t, uint64_t);
static void channel_unicast(
    void *, uint64_t, const uint8_t *, size_t, uint64_t);
static void channel_peer_gone(void *, uint64_t);

static const struct ipam_ops ops = {
    .unicast = op_unicast,
    .broadcast = op_broadcast,
    .known = op_known,
    .targets = op_targets,
    .save = op_save,
    .answer = op_answer,
    .random = op_random,
    .wall = op_wall,
};

static const struct mesh_channel channel = {
    .name = IPAM_CHANNEL,
    .gossip = channel_gossip,
    .receive = channel_receive,
    .unicast = channel_unicast,
    .peer_gone = channel_peer_gone,
};

void
engine_ipam_handle_conf(void *arg, struct imsg *imsg)
{
	struct imsg_ipam_conf message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (it.configured || message.range_len > IPAM_PREFIX_MAX ||
	    message.range_len == 0 || message.subnet_len > IPAM_PREFIX_MAX ||
	    message.subnet_len < message.range_len ||
	    message.init > IPAM_INIT_OBSERVER)
		fatalx("configuration of IPAM refused");
	it.configured = true;
	it.conf.range.addr = message.range_addr;
	it.conf.range.len = message.range_len;
	it.conf.subnet.addr = message.subnet_addr;
	it.conf.subnet.len = message.subnet_len;
	it.conf.init = (enum ipam_init)message.init;
	it.conf.count = message.count;
	it.conf.await = message.await;
}

void
engine_ipam_handle_members(void *arg, struct imsg *imsg)
{
	struct imsg_ipam_members message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	it.conf.await = false;
	if (it.conf.count == 0)
		it.conf.count = message.count;
	if (it.ipam != NULL)
		ipam_set_members(it.ipam, message.count, proc_now());
	engine_tick();
}

void
engine_ipam_handle_seed(void *arg, struct imsg *imsg)
{
	struct imsg_ipam_seed message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (it.conf.nseeds == IPAM_SEEDS_MAX)
		fatalx("seeds of IPAM refused");
	it.conf.seeds[it.conf.nseeds++] = message.name;
}

void
engine_ipam_handle_state(void *arg, struct imsg *imsg)
{
	uint8_t *moved;

	(void)arg;
	if (it.ipam != NULL || imsg->len > IPAM_FILE_MAX - it.len)
		fatalx("state of IPAM refused");
	if ((moved = realloc(it.file, it.len + imsg->len)) == NULL)
		fatalx("no memory for IPAM");
	it.file = moved;
	memcpy(it.file + it.len, imsg->data, imsg->len);
	it.len += imsg->len;
}

/* All that was kept has come: IPAM begins before there are connections. */
void
engine_ipam_handle_state_end(void *arg, struct imsg *imsg)
{
	const char *damaged;

	(void)arg;
	(void)imsg;
	if (it.ipam != NULL || !it.configured || engine.mesh == NULL)
		fatalx("start of IPAM refused");
	it.conf.name = engine.conf.name;
	strlcpy(
	    it.conf.nickname, engine.conf.nickname, sizeof(it.conf.nickname));
	while (it.conf.uid == 0)
		randombytes_buf(&it.conf.uid, sizeof(it.conf.uid));
	it.ipam = ipam_new(
	    &it.conf, &ops, NULL, it.file, it.len, &damaged, proc_now());
	if (it.ipam == NULL)
		fatalx("no memory for IPAM");
	if (damaged != NULL) {
		log_error("IPAM: what was kept can not be used: %s", damaged);
		child_send(IMSG_IPAM_DAMAGED, 0, NULL, 0);
	}
	free(it.file);
	it.file = NULL;
	mesh_channel_open(engine.mesh, &channel, NULL);
	engine_tick();
}

void
engine_ipam_handle_saved(void *arg, struct imsg *imsg)
{
	struct imsg_ipam_saved message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (it.ipam == NULL)
		fatalx("nothing of IPAM was to be saved");
	ipam_saved(it.ipam,
	    message.error == 0 ? NULL : strerror((int)message.error),
	    proc_now());
	engine_tick();
}

void
engine_ipam_handle_request(void *arg, struct imsg *imsg)
{
	struct ctl_ip_answer none = {0};

	(void)arg;
	if (engine.mesh == NULL)
		answer(imsg->hdr.id, &none, "weaved is starting, try again");
	else if (it.ipam == NULL)
		answer(imsg->hdr.id, &none,
		    "IPAM is off: the configuration of weaved has no "
		    "ipalloc-range");
	else
		request(imsg, proc_now());
	engine_tick();
}

static void
request(const struct imsg *imsg, uint64_t now)
{
	uint32_t id = imsg->hdr.id;
	struct ctl_target target;
	struct ctl_ip ip = {0};

	if (imsg->len == sizeof(ip))
		memcpy(&ip, imsg->data, sizeof(ip));
	ip.id[sizeof(ip.id) - 1] = '\0';
	switch (imsg->hdr.type) {
	case IMSG_IP_ALLOCATE:
		ipam_allocate(it.ipam, id, ip.id,
		    (struct subnet){ip.addr, ip.len}, now + ip.wait, now);
		break;
	case IMSG_IP_CLAIM:
		ipam_claim(
		    it.ipam, id, ip.id, ip.addr, ip.len, now + ip.wait, now);
		break;
	case IMSG_IP_RELEASE:
		ipam_release(it.ipam, id, ip.id, ip.addr, now);
		break;
	case IMSG_RMPEER:
		memcpy(&target, imsg->data, sizeof(target));
		target.address[sizeof(target.address) - 1] = '\0';
		ipam_rmpeer(it.ipam, id, target.address, now);
		break;
	default:
		ipam_reset(it.ipam, id, now);
	}
}

static void
answer(uint32_t id, const struct ctl_ip_answer *row, const char *error)
{
	uint8_t data[sizeof(uint32_t) + sizeof(*row)];
	const uint32_t type = CTL_IP_ANSWER;
	struct ctl_end end = {0};

	if (error == NULL) {
		memcpy(data, &type, sizeof(type));
		memcpy(data + sizeof(type), row, sizeof(*row));
		engine_reply(id, IMSG_ROW, data, sizeof(data));
	} else {
		end.status = 1;
		strlcpy(end.text, error, sizeof(end.text));
	}
	engine_reply(id, IMSG_END, &end, sizeof(end));
}

void
engine_ipam_set_nickname(void)
{
	if (it.ipam != NULL)
		ipam_set_nickname(it.ipam, engine.conf.nickname, proc_now());
}

/* For rules of the host; those beyond the first are as if they were others'. */
static void
tell_owned(void)
{
	struct imsg_local message = {.on = 1};
	const struct ip_range *owned;
	uint32_t changes;
	size_t n;

	owned = ipam_owned(it.ipam, &n, &changes);
	if (it.told.on && changes == it.changes)
		return;
	it.changes = changes;
	if (n > LOCAL_RANGES_MAX && !it.warned) {
		log_warn("IPAM: this peer owns %zu ranges: no-masq-local is "
			 "for the first %d",
		    n, LOCAL_RANGES_MAX);
		it.warned = true;
	}
	message.n = n < LOCAL_RANGES_MAX ? (uint32_t)n : LOCAL_RANGES_MAX;
	for (size_t i = 0; i < message.n; i++) {
		message.ranges[i].start = owned[i].start;
		message.ranges[i].end = owned[i].end;
	}
	if (memcmp(&message, &it.told, sizeof(message)) == 0)
		return;
	it.told = message;
	child_send(IMSG_IPAM_OWNED, 0, &message, sizeof(message));
}

uint64_t
engine_ipam_tick(uint64_t now)
{
	uint64_t next;

	if (it.ipam == NULL)
		return UINT64_MAX;
	next = ipam_tick(it.ipam, now);
	tell_owned();
	return next;
}

void
engine_ipam_cancel(uint32_t id)
{
	if (it.ipam != NULL)
		ipam_cancel(it.ipam, id, proc_now());
}

void
engine_ipam_cancel_all(void)
{
	if (it.ipam != NULL)
		ipam_cancel_all(it.ipam, proc_now());
}

void
engine_ipam_show(uint32_t parts, mesh_emit emit, uint64_t now)
{
	if (it.ipam != NULL)
		ipam_show(it.ipam, parts, emit, NULL, now);
}

static bool
op_unicast(void *arg, uint64_t peer, const uint8_t *data, size_t len)
{
	(void)arg;
	return mesh_unicast(engine.mesh, peer, data, len);
}

static void
op_broadcast(void *arg, uint64_t source)
{
	(void)arg;
	mesh_broadcast(engine.mesh, source);
}

static bool
op_known(void *arg, uint64_t peer)
{
	(void)arg;
	return mesh_peer_known(engine.mesh, peer);
}

static uint32_t
op_targets(void *arg)
{
	(void)arg;
	return mesh_targets_tried(engine.mesh);
}

static void
op_save(void *arg, const uint8_t *data, size_t len)
{
	size_t piece;

	(void)arg;
	for (; len > 0; data += piece, len -= piece) {
		piece = len < IMSG_DATA_MAX ? len : IMSG_DATA_MAX;
		child_send(IMSG_IPAM_SAVE, 0, data, piece);
	}
	child_send(IMSG_IPAM_SAVE_END, 0, NULL, 0);
}

static void
op_answer(void *arg, uint32_t id, const struct ipam_answer *from)
{
	struct ctl_ip_answer row = {0};

	(void)arg;
	row.addr = from->addr;
	row.len = from->len;
	row.count = from->count;
	row.peer = from->peer;
	answer(id, &row, from->error);
}

static uint32_t
op_random(void *arg, uint32_t bound)
{
	(void)arg;
	return randombytes_uniform(bound);
}

static int64_t
op_wall(void *arg)
{
	(void)arg;
	return (int64_t)time(NULL);
}

static const uint8_t *
channel_gossip(void *arg, size_t *len)
{
	(void)arg;
	return ipam_gossip(it.ipam, len);
}

static void
channel_receive(
    void *arg, uint64_t source, const uint8_t *data, size_t len, uint64_t now)
{
	(void)arg;
	ipam_receive(it.ipam, source, data, len, now);
}

static void
channel_unicast(
    void *arg, uint64_t source, const uint8_t *data, size_t len, uint64_t now)
{
	(void)arg;
	ipam_receive_unicast(it.ipam, source, data, len, now);
}

static void
channel_peer_gone(void *arg, uint64_t peer)
{
	(void)arg;
	ipam_peer_gone(it.ipam, peer);
}
