#include "weaved/engine/overlay/overlay.h"

#include <sys/queue.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/offload.h"
#include "weaved/engine/overlay/coalesce.h"
#include "weaved/engine/overlay/counters.h"
#include "weaved/engine/overlay/forward.h"
#include "weaved/engine/overlay/mactable.h"
#include "weaved/engine/overlay/packet.h"
#include "weaved/engine/overlay/probe.h"
#include "weaved/engine/overlay/segment.h"
#include "weaved/engine/overlay/sleeve.h"
#include "weaved/engine/overlay/switch.h"
#include "weaved/engine/overlay/tap.h"
#include "weaved/engine/overlay/udp.h"

#define BUCKETS 256
#define MACS_MAX 16384
#define PACKETS 288
#define PACKETS_LOW 8 /* then what waits for the end of the turn goes */
#define PACKETS_IN 32 /* received at a time */
#define WAITING_MAX 96 /* packets waiting for one socket, of two */
#define WAITING_PEER 12 /* of one connection among them */
#define WAITING_URGENT 8 /* more, of what keeps connections alive */
#define WAITING_BATCH 16
/*
 * A turn ends after so many frames (7.6) or bytes, well below a millisecond of
 * work, so that nothing waits long behind a fast flow.
 */
#define TAP_BATCH 100
#define TURN_BYTES (256 * 1024)
#define ERRORS_BATCH 64
#define SWEEP_INTERVAL 60000

struct overlay_conn {
	LIST_ENTRY(overlay_conn) by_id;
	LIST_ENTRY(overlay_conn) by_peer; /* while confirmed */
	TAILQ_ENTRY(overlay_conn) touched; /* while is_touched */
	struct overlay *overlay;
	uint32_t id;
	uint64_t peer;
	bool has_key;
	bool confirmed;
	bool is_touched;
	uint64_t due;
	unsigned waiting; /* packets, for the sockets */
	struct overlay_switch sw;
	struct sleeve *sleeve;
};

LIST_HEAD(conn_list, overlay_conn);
TAILQ_HEAD(conn_queue, overlay_conn);

struct overlay_socket {
	int fd;
	struct packet_queue waiting; /* until it can be written again */
	size_t count;
};

struct overlay {
	struct overlay_conf conf;
	const struct overlay_ops *ops;
	void *arg;
	struct conn_list by_id[BUCKETS];
	struct conn_list by_peer[BUCKETS];
	struct conn_queue touched; /* in this turn: to flush and tick */
	struct overlay_socket df;
	struct overlay_socket nodf;
	struct tap tap;
	struct coalesce *coalesce; /* in front of the TAP */
	struct packet_pool *pool;
	struct packet *in[PACKETS_IN]; /* what is being received */
	struct endpoint from[PACKETS_IN];
	/* Datagrams of one sender, to be opened at once. */
	struct sleeve_datagram batch[PACKET_DATAGRAMS];
	size_t nbatch;
	uint64_t batch_name;
	struct mactable *macs;
	struct forward forward;
	struct probe *probe;
	struct overlay_counters counters;
	uint64_t due; /* of the first connection */
	uint64_t sweep_due;
};

struct show_arg {
	mesh_emit emit;
	void *arg;
	uint64_t now;
};

static struct conn_list *id_list(struct overlay *, uint32_t);
static struct conn_list *peer_list(struct overlay *, uint64_t);
static struct overlay_conn *conn_find(struct overlay *, uint32_t);
static struct overlay_conn *conn_of_peer(struct overlay *, uint64_t);
static void conn_touch(struct overlay_conn *);
static void conn_free(struct overlay_conn *);
static void overlay_drop(struct overlay *, enum overlay_drop);
static void overlay_flush(struct overlay *, uint64_t);
static void overlay_end_turn(struct overlay *, uint64_t);
static void overlay_local(
    struct overlay *, struct packet *, const struct virtio_net_hdr *, uint64_t);
static void overlay_receive(
    struct overlay *, struct packet *, struct endpoint, uint64_t);
static void overlay_receive_one(
    struct overlay *, struct sleeve_datagram, uint64_t);
static void overlay_receive_batch(struct overlay *, uint64_t);
static int overlay_receive_all(struct overlay *, size_t *);
static void overlay_write(void *, const struct iovec *, int, size_t);
static uint32_t overlay_read_errors(struct overlay *, int, uint32_t, uint64_t);
static void overlay_path_mtu(struct overlay *, struct udp_error, uint64_t);
static bool overlay_may_wait(
    struct overlay *, const struct overlay_socket *, const struct packet *);
static void overlay_wait(struct overlay *, struct overlay_socket *,
    struct packet *, struct sleeve_result *);
static void overlay_count_waiting(struct overlay *, const struct packet *, int);
static bool overlay_push(
    struct overlay *, int, struct packet *, struct sleeve_result *, uint64_t);
static void overlay_run_refused(struct overlay *, int);
static int overlay_send_again(
    struct overlay *, int, const struct packet *, int, uint32_t *, uint64_t);
static struct overlay_socket *socket_of(struct overlay *, int);
static void socket_init(struct overlay_socket *);
static void socket_close(struct overlay *, struct overlay_socket *);

static void on_send(
    void *, bool, struct packet *, struct sleeve_result *, uint64_t);
static void on_control(void *, uint8_t, const uint8_t *, size_t, uint64_t);
static void on_established(void *, uint64_t);
static void on_failed(void *, const char *, uint64_t);
static void on_frame(void *, struct frame *, uint64_t);
static void on_answer(void *, struct frame *, uint64_t);

static bool route_peer_known(void *, uint64_t);
static uint64_t route_next_hop(void *, uint64_t);
static size_t route_broadcast_hops(void *, uint64_t, const uint64_t **);
static void route_send(void *, uint64_t, const struct frame *, uint64_t);
static void route_inject(void *, const struct frame *);
static void route_probe(void *, const struct frame *, uint64_t);

static void probe_op_send(void *, uint64_t, const uint8_t *, size_t, uint64_t);
static bool probe_op_busy(void *);
static uint64_t probe_op_clock(void *);

static void show_mac(void *, const uint8_t[6], uint64_t, uint64_t);
static void show_counter(const struct show_arg *, const char *, uint64_t);
static void show_counters(const struct overlay *, const struct show_arg *);

static const struct sleeve_ops sleeve_ops = {
    .send = on_send,
    .control = on_control,
    .established = on_established,
    .failed = on_failed,
    .frame = on_frame,
    .answer = on_answer,
};

static const struct forward_ops forward_ops = {
    .peer_known = route_peer_known,
    .next_hop = route_next_hop,
    .broadcast_hops = route_broadcast_hops,
    .send = route_send,
    .inject = route_inject,
    .probe = route_probe,
};

static const struct probe_ops probe_ops = {
    .send = probe_op_send,
    .busy = probe_op_busy,
    .clock = probe_op_clock,
};

/*
 * Making and ending.
 */

struct overlay *
overlay_new(const struct overlay_conf *conf, const struct overlay_ops *ops,
    void *arg, uint64_t now)
{
	struct overlay *overlay = calloc(1, sizeof(*overlay));
	bool coalesce = (conf->offloads & OFFLOAD_COALESCE) != 0 &&
	    (conf->offloads & OFFLOAD_TAP) != 0;
	struct coalesce_conf joining = {.tcp = coalesce,
	    .udp = coalesce && (conf->offloads & OFFLOAD_TAP_UDP) != 0,
	    .write = overlay_write,
	    .arg = overlay};

	if (overlay == NULL)
		return NULL;
	overlay->conf = *conf;
	overlay->ops = ops;
	overlay->arg = arg;
	overlay->tap = (struct tap){-1, (conf->offloads & OFFLOAD_TAP) != 0};
	overlay->due = UINT64_MAX;
	overlay->sweep_due = now + SWEEP_INTERVAL;
	TAILQ_INIT(&overlay->touched);
	socket_init(&overlay->df);
	socket_init(&overlay->nodf);
	overlay->pool = packet_pool_new(PACKETS);
	overlay->macs = mactable_new(MACS_MAX);
	overlay->coalesce = coalesce_new(&joining);
	overlay->probe = probe_new(&probe_ops, overlay);
	if (overlay->pool == NULL || overlay->macs == NULL ||
	    overlay->coalesce == NULL || overlay->probe == NULL) {
		overlay_free(overlay);
		return NULL;
	}
	for (int i = 0; i < PACKETS_IN; i++)
		overlay->in[i] = packet_get(overlay->pool);
	overlay->forward = (struct forward){.ours = conf->name,
	    .macs = overlay->macs,
	    .counters = &overlay->counters,
	    .ops = &forward_ops,
	    .arg = overlay};
	return overlay;
}

void
overlay_free(struct overlay *overlay)
{
	struct overlay_conn *conn;

	if (overlay == NULL)
		return;
	for (int i = 0; i < BUCKETS; i++) {
		while ((conn = LIST_FIRST(&overlay->by_id[i])) != NULL)
			conn_free(conn);
	}
	socket_close(overlay, &overlay->df);
	socket_close(overlay, &overlay->nodf);
	if (overlay->tap.fd != -1)
		close(overlay->tap.fd);
	coalesce_free(overlay->coalesce);
	probe_free(overlay->probe);
	mactable_free(overlay->macs);
	packet_pool_free(overlay->pool);
	free(overlay);
}

static void
socket_init(struct overlay_socket *sock)
{
	sock->fd = -1;
	sock->count = 0;
	TAILQ_INIT(&sock->waiting);
}

static void
socket_close(struct overlay *overlay, struct overlay_socket *sock)
{
	struct packet *packet;

	while ((packet = TAILQ_FIRST(&sock->waiting)) != NULL) {
		TAILQ_REMOVE(&sock->waiting, packet, entry);
		packet_put(overlay->pool, packet);
	}
	if (sock->fd != -1)
		close(sock->fd);
	socket_init(sock);
}

void
overlay_set_udp(struct overlay *overlay, int df, int nodf)
{
	socket_close(overlay, &overlay->df);
	socket_close(overlay, &overlay->nodf);
	overlay->df.fd = df;
	overlay->nodf.fd = nodf;
}

void
overlay_set_tap(struct overlay *overlay, int tap)
{
	if (overlay->tap.fd != -1)
		close(overlay->tap.fd);
	overlay->tap.fd = tap;
}

uint32_t
overlay_offloads(const struct overlay *overlay)
{
	return overlay->conf.offloads;
}

static void
overlay_drop(struct overlay *overlay, enum overlay_drop drop)
{
	overlay->counters.drop[drop]++;
}

/*
 * Connections.
 */

static struct conn_list *
id_list(struct overlay *overlay, uint32_t id)
{
	return &overlay->by_id[id % BUCKETS];
}

static struct conn_list *
peer_list(struct overlay *overlay, uint64_t peer)
{
	return &overlay->by_peer[(peer ^ peer >> 8 ^ peer >> 16) % BUCKETS];
}

static struct overlay_conn *
conn_find(struct overlay *overlay, uint32_t id)
{
	struct overlay_conn *conn;

	LIST_FOREACH(conn, id_list(overlay, id), by_id) {
		if (conn->id == id)
			return conn;
	}
	return NULL;
}

/* The confirmed connection to a peer; the latest should there be two. */
static struct overlay_conn *
conn_of_peer(struct overlay *overlay, uint64_t peer)
{
	struct overlay_conn *conn;

	LIST_FOREACH(conn, peer_list(overlay, peer), by_peer) {
		if (conn->peer == peer)
			return conn;
	}
	return NULL;
}

/* Has this connection flushed and ticked at the end of the turn. */
static void
conn_touch(struct overlay_conn *conn)
{
	if (conn->is_touched)
		return;
	conn->is_touched = true;
	TAILQ_INSERT_TAIL(&conn->overlay->touched, conn, touched);
}

static void
conn_free(struct overlay_conn *conn)
{
	LIST_REMOVE(conn, by_id);
	if (conn->confirmed)
		LIST_REMOVE(conn, by_peer);
	if (conn->is_touched)
		TAILQ_REMOVE(&conn->overlay->touched, conn, touched);
	sleeve_free(conn->sleeve);
	free(conn);
}

bool
overlay_prepare(struct overlay *overlay, uint32_t id,
    const struct mesh_link *link, char *cause, size_t size)
{
	struct sleeve_conf conf = {.ours = overlay->conf.name,
	    .peer = link->peer,
	    .uid = link->uid,
	    .outbound = link->outbound,
	    .has_key = link->has_key,
	    .local = link->local.addr};
	struct overlay_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		snprintf(cause, size, "out of memory");
		return false;
	}
	if (!switch_init(
		&conn->sw, link->has_overlays ? link->overlays : NULL)) {
		snprintf(cause, size, "no overlays in common");
		free(conn);
		return false;
	}
	if (link->outbound)
		conf.remote = link->remote;
	if (link->has_key)
		memcpy(conf.key, link->keys[0], sizeof(conf.key));
	memcpy(conf.keys, link->keys, sizeof(conf.keys));
	conf.version = link->version;
	conn->sleeve = sleeve_new(
	    &conf, &sleeve_ops, conn, overlay->pool, &overlay->counters);
	explicit_bzero(&conf, sizeof(conf));
	if (conn->sleeve == NULL) {
		snprintf(cause, size, "out of memory");
		free(conn);
		return false;
	}
	conn->overlay = overlay;
	conn->id = id;
	conn->peer = link->peer;
	conn->has_key = link->has_key;
	conn->due = UINT64_MAX;
	LIST_INSERT_HEAD(id_list(overlay, id), conn, by_id);
	return true;
}

void
overlay_confirm(struct overlay *overlay, uint32_t id, uint64_t now)
{
	struct overlay_conn *conn = conn_find(overlay, id);

	if (conn == NULL || conn->confirmed)
		return;
	conn->confirmed = true;
	LIST_INSERT_HEAD(peer_list(overlay, conn->peer), conn, by_peer);
	sleeve_confirm(conn->sleeve, now);
	conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_control(struct overlay *overlay, uint32_t id, uint8_t tag,
    const uint8_t *body, size_t len, uint64_t now)
{
	struct overlay_conn *conn = conn_find(overlay, id);
	struct overlay_message message;

	if (conn == NULL)
		return;
	if (!switch_decode(&conn->sw, tag, body, len, &message)) {
		overlay_drop(overlay, DROP_BAD_CONTROL);
		return;
	}
	sleeve_control(
	    conn->sleeve, message.tag, message.body, message.len, now);
	conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_stop(struct overlay *overlay, uint32_t id)
{
	struct overlay_conn *conn = conn_find(overlay, id);

	if (conn != NULL)
		conn_free(conn);
}

void
overlay_rekey(struct overlay *overlay, uint32_t id,
    const uint8_t keys[2][MESH_KEY_LEN], uint64_t now)
{
	struct overlay_conn *conn = conn_find(overlay, id);

	if (conn == NULL)
		return;
	sleeve_rekey(conn->sleeve, keys, now);
	conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_switch(struct overlay *overlay, uint32_t id, uint64_t now)
{
	struct overlay_conn *conn = conn_find(overlay, id);

	if (conn == NULL)
		return;
	sleeve_switch(conn->sleeve, now);
	conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_hold(struct overlay *overlay, uint32_t id)
{
	struct overlay_conn *conn = conn_find(overlay, id);

	if (conn != NULL)
		sleeve_hold(conn->sleeve);
}

uint64_t
overlay_volume(struct overlay *overlay, uint32_t id)
{
	const struct overlay_conn *conn = conn_find(overlay, id);
	const struct sleeve_stats *stats;

	if (conn == NULL)
		return 0;
	stats = sleeve_stats(conn->sleeve);
	return stats->bytes_sent + stats->bytes_received;
}

void
overlay_describe(
    struct overlay *overlay, uint32_t id, struct ctl_connection *row)
{
	struct overlay_conn *conn = conn_find(overlay, id);
	const struct sleeve_stats *stats;

	if (conn == NULL) {
		snprintf(row->overlay, sizeof(row->overlay), "none");
		return;
	}
	stats = sleeve_stats(conn->sleeve);
	snprintf(row->overlay, sizeof(row->overlay), "sleeve");
	row->encrypted = conn->has_key;
	row->mtu = sleeve_mtu(conn->sleeve);
	row->packets_sent = stats->packets_sent;
	row->packets_received = stats->packets_received;
	row->bytes_sent = stats->bytes_sent;
	row->bytes_received = stats->bytes_received;
	row->drops = stats->drops;
	row->replays = stats->replays;
	row->bad_packets = stats->bad_packets;
}

void
overlay_peer_gone(struct overlay *overlay, uint64_t peer)
{
	mactable_remove_peer(overlay->macs, peer);
}

/*
 * Turns: what a readable descriptor brought is sent at the end of the turn.
 */

static void
overlay_flush(struct overlay *overlay, uint64_t now)
{
	struct overlay_conn *conn;

	TAILQ_FOREACH(conn, &overlay->touched, touched)
		sleeve_flush(conn->sleeve, now);
}

static void
overlay_end_turn(struct overlay *overlay, uint64_t now)
{
	struct overlay_conn *conn;

	while ((conn = TAILQ_FIRST(&overlay->touched)) != NULL) {
		TAILQ_REMOVE(&overlay->touched, conn, touched);
		conn->is_touched = false;
		sleeve_flush(conn->sleeve, now);
		conn->due = sleeve_tick(conn->sleeve, now);
		if (conn->due < overlay->due)
			overlay->due = conn->due;
	}
}

static void
overlay_local(struct overlay *overlay, struct packet *packet,
    const struct virtio_net_hdr *header, uint64_t now)
{
	struct frame frame = {.data = packet->data, .len = packet->len};
	struct segments segments;
	bool good;

	overlay->counters.tap_frames_in++;
	if (segment_wanted(header)) {
		good =
		    segment_init(&segments, packet->data, packet->len, header);
		frame.segments = &segments;
	} else {
		good = segment_complete(packet->data, packet->len, header);
	}
	if (!good) {
		overlay_drop(overlay, DROP_LOCAL_BAD);
		return;
	}
	frame_decode(&frame);
	forward_local(&overlay->forward, &frame, now);
}

void
overlay_tap_readable(struct overlay *overlay, uint64_t now)
{
	struct packet *packet = overlay->in[0];
	struct virtio_net_hdr header;
	size_t bytes = 0;
	int more = 0;

	for (int i = 0; i < TAP_BATCH && bytes < TURN_BYTES; i++) {
		more = tap_read(&overlay->tap, packet, &header);
		if (more != 1)
			break;
		bytes += packet->len;
		overlay_local(overlay, packet, &header, now);
	}
	if (more == -1)
		overlay_drop(overlay, DROP_TAP_ERROR);
	overlay_end_turn(overlay, now);
}

static void
overlay_receive_batch(struct overlay *overlay, uint64_t now)
{
	struct overlay_conn *conn;
	size_t count = overlay->nbatch;

	overlay->nbatch = 0;
	if (count == 0)
		return;
	conn = conn_of_peer(overlay, overlay->batch_name);
	if (conn == NULL) {
		overlay->counters.drop[DROP_UNKNOWN_NAME] += count;
		return;
	}
	sleeve_receive(conn->sleeve, overlay->batch, count, now);
	conn_touch(conn);
}

static void
overlay_receive_one(
    struct overlay *overlay, struct sleeve_datagram datagram, uint64_t now)
{
	uint64_t name;

	if (!sleeve_datagram_name(&datagram, &name)) {
		overlay_drop(overlay, DROP_TRUNCATED);
		return;
	}
	if (overlay->nbatch == PACKET_DATAGRAMS || name != overlay->batch_name)
		overlay_receive_batch(overlay, now);
	overlay->batch_name = name;
	overlay->batch[overlay->nbatch++] = datagram;
}

static void
overlay_receive(struct overlay *overlay, struct packet *packet,
    struct endpoint from, uint64_t now)
{
	struct sleeve_datagram datagram = {.from = from};
	size_t segment = packet->segment;

	if (packet->len >= PACKET_DATA_MAX) {
		overlay_drop(overlay, DROP_TRUNCATED);
		return;
	}
	do {
		datagram.data = packet->data;
		datagram.len = packet->len;
		if (segment != 0 && segment < packet->len)
			datagram.len = segment;
		packet_pull(packet, datagram.len);
		overlay_receive_one(overlay, datagram, now);
	} while (packet->len != 0);
}

/* Fills overlay->in; *count of them. The last answer of udp_receive(). */
static int
overlay_receive_all(struct overlay *overlay, size_t *count)
{
	size_t bytes = 0;
	int more = 0;

	for (*count = 0; *count < PACKETS_IN && bytes < TURN_BYTES; ++*count) {
		more = udp_receive(overlay->df.fd, overlay->in[*count],
		    &overlay->from[*count]);
		if (more != 1)
			break;
		bytes += overlay->in[*count]->len;
	}
	return more;
}

void
overlay_udp_readable(struct overlay *overlay, uint64_t now)
{
	size_t count;
	int more = overlay_receive_all(overlay, &count);

	for (size_t i = 0; i < count; i++)
		overlay_receive(overlay, overlay->in[i], overlay->from[i], now);
	overlay_receive_batch(overlay, now);
	coalesce_flush(overlay->coalesce);
	/* An error, or woken by nothing but the error queue. */
	if (more == -1 || count == 0)
		overlay_read_errors(overlay, overlay->df.fd, 0, now);
	overlay_end_turn(overlay, now);
}

uint64_t
overlay_tick(struct overlay *overlay, uint64_t now)
{
	struct overlay_conn *conn;
	uint64_t next;

	if (now >= overlay->sweep_due) {
		mactable_sweep(overlay->macs, now);
		overlay->sweep_due = now + SWEEP_INTERVAL;
	}
	if (now >= overlay->due) {
		overlay->due = UINT64_MAX;
		for (int i = 0; i < BUCKETS; i++) {
			LIST_FOREACH(conn, &overlay->by_id[i], by_id) {
				if (conn->due <= now)
					conn_touch(conn);
				else if (conn->due < overlay->due)
					overlay->due = conn->due;
			}
		}
		overlay_end_turn(overlay, now);
	}
	next = probe_tick(overlay->probe, now);
	overlay_end_turn(overlay, now);
	if (overlay->due < next)
		next = overlay->due;
	return next < overlay->sweep_due ? next : overlay->sweep_due;
}

/*
 * Sockets.
 */

static struct overlay_socket *
socket_of(struct overlay *overlay, int fd)
{
	if (fd == overlay->df.fd)
		return &overlay->df;
	if (fd == overlay->nodf.fd)
		return &overlay->nodf;
	return NULL;
}

/* No peer, slow or not, may fill the queue for the others. */
static bool
overlay_may_wait(struct overlay *overlay, const struct overlay_socket *sock,
    const struct packet *packet)
{
	const struct overlay_conn *conn = conn_find(overlay, packet->owner);

	if (packet->urgent)
		return sock->count < WAITING_MAX + WAITING_URGENT;
	return sock->count < WAITING_MAX && conn != NULL &&
	    conn->waiting < WAITING_PEER;
}

static void
overlay_count_waiting(
    struct overlay *overlay, const struct packet *packet, int change)
{
	struct overlay_conn *conn = conn_find(overlay, packet->owner);

	if (conn != NULL)
		conn->waiting += (unsigned)change;
}

static void
overlay_wait(struct overlay *overlay, struct overlay_socket *sock,
    struct packet *packet, struct sleeve_result *result)
{
	if (!overlay_may_wait(overlay, sock, packet)) {
		result->failed += packet->count - packet->next;
		result->lost += packet->len;
		result->error = ENOBUFS;
		packet_put(overlay->pool, packet);
		return;
	}
	if (packet->urgent)
		TAILQ_INSERT_HEAD(&sock->waiting, packet, entry);
	else
		TAILQ_INSERT_TAIL(&sock->waiting, packet, entry);
	overlay_count_waiting(overlay, packet, 1);
	if (sock->count++ == 0)
		overlay->ops->watch_write(overlay->arg, sock->fd, true);
}

void
overlay_udp_writable(struct overlay *overlay, int fd, uint64_t now)
{
	struct overlay_socket *sock = socket_of(overlay, fd);
	struct sleeve_result result = {0};
	struct packet *packet = NULL;

	if (sock == NULL)
		return;
	for (int i = 0; i < WAITING_BATCH; i++) {
		packet = TAILQ_FIRST(&sock->waiting);
		if (packet == NULL ||
		    !overlay_push(overlay, fd, packet, &result, now))
			break;
		TAILQ_REMOVE(&sock->waiting, packet, entry);
		sock->count--;
		overlay_count_waiting(overlay, packet, -1);
		packet_put(overlay->pool, packet);
	}
	overlay->counters.drop[DROP_SEND_ERROR] += result.failed;
	if (sock->count == 0)
		overlay->ops->watch_write(overlay->arg, fd, false);
	overlay_end_turn(overlay, now);
}

static void
overlay_path_mtu(struct overlay *overlay, struct udp_error error, uint64_t now)
{
	struct overlay_conn *conn;

	for (int i = 0; i < BUCKETS; i++) {
		LIST_FOREACH(conn, &overlay->by_id[i], by_id) {
			if (sleeve_remote(conn->sleeve).addr != error.to.addr)
				continue;
			sleeve_path_mtu(conn->sleeve, error.path_mtu, now);
			conn_touch(conn);
		}
	}
}

/* Returns the last path MTU that was told towards addr, or 0. */
static uint32_t
overlay_read_errors(
    struct overlay *overlay, int fd, uint32_t addr, uint64_t now)
{
	struct udp_error error;
	uint32_t path_mtu = 0;

	for (int i = 0; i < ERRORS_BATCH && udp_receive_error(fd, &error);
	     i++) {
		if (error.path_mtu == 0 || error.to.addr == 0)
			continue;
		overlay_path_mtu(overlay, error, now);
		if (error.to.addr == addr)
			path_mtu = error.path_mtu;
	}
	return path_mtu;
}

/*
 * A refused send may be due to an error that an earlier packet, perhaps to
 * another peer, left on the socket. Unless the queue says it was this one,
 * try once more.
 */
static int
overlay_send_again(struct overlay *overlay, int fd, const struct packet *packet,
    int error, uint32_t *path_mtu, uint64_t now)
{
	*path_mtu = overlay_read_errors(overlay, fd, packet->to.addr, now);
	if (error == EMSGSIZE && *path_mtu != 0)
		return error;
	error = udp_send(fd, packet, 1, packet->lens[packet->next]);
	if (error == EMSGSIZE)
		*path_mtu =
		    overlay_read_errors(overlay, fd, packet->to.addr, now);
	return error;
}

/* The kernel or the device turns out not to do it, whatever it said. */
static void
overlay_run_refused(struct overlay *overlay, int error)
{
	if (error != EIO)
		return;
	overlay->conf.offloads &= ~OFFLOAD_UDP_SEND;
	log_warn("offload-udp-send: refused by a device, not used any more");
}

/*
 * Sends what is left of a packet, in runs; one that is refused goes again one
 * by one. False: the socket is full.
 */
static bool
overlay_push(struct overlay *overlay, int fd, struct packet *packet,
    struct sleeve_result *result, uint64_t now)
{
	unsigned singly = 0, count, max;
	size_t len;
	int error;

	while (packet->next < packet->count) {
		max = singly == 0 &&
			(overlay->conf.offloads & OFFLOAD_UDP_SEND) != 0
		    ? PACKET_DATAGRAMS
		    : 1;
		count = packet_run(packet, max, &len);
		error = udp_send(fd, packet, count, len);
		if (error != 0 && error != EAGAIN && count > 1) {
			overlay_run_refused(overlay, error);
			singly = count;
			continue;
		}
		if (error != 0 && error != EAGAIN)
			error = overlay_send_again(
			    overlay, fd, packet, error, &result->path_mtu, now);
		if (error == EAGAIN)
			return false;
		if (error != 0) {
			result->failed++;
			result->lost += len;
			result->error = error;
		}
		if (singly != 0)
			singly--;
		packet_sent(packet, count);
	}
	return true;
}

static void
on_send(void *arg, bool df, struct packet *packet, struct sleeve_result *result,
    uint64_t now)
{
	struct overlay_conn *conn = arg;
	struct overlay *overlay = conn->overlay;
	struct overlay_socket *sock = df ? &overlay->df : &overlay->nodf;

	packet->owner = conn->id;
	if ((sock->count == 0 || packet->urgent) &&
	    overlay_push(overlay, sock->fd, packet, result, now))
		packet_put(overlay->pool, packet);
	else
		overlay_wait(overlay, sock, packet, result);
}

/*
 * What sleeve asks for.
 */

static void
on_control(
    void *arg, uint8_t tag, const uint8_t *body, size_t len, uint64_t now)
{
	struct overlay_conn *conn = arg;
	struct overlay *overlay = conn->overlay;
	struct overlay_message message = {OVERLAY_SLEEVE, tag, body, len};
	uint8_t payload[SWITCH_BODY_MAX + 2], outer;

	if (switch_encode(&conn->sw, &message, &outer, payload, &len))
		overlay->ops->control(
		    overlay->arg, conn->id, outer, payload, len, now);
}

static void
on_established(void *arg, uint64_t now)
{
	struct overlay_conn *conn = arg;

	conn->overlay->ops->established(conn->overlay->arg, conn->id, now);
}

static void
on_failed(void *arg, const char *cause, uint64_t now)
{
	struct overlay_conn *conn = arg;

	conn->overlay->ops->failed(conn->overlay->arg, conn->id, cause, now);
}

static void
on_frame(void *arg, struct frame *frame, uint64_t now)
{
	struct overlay_conn *conn = arg;

	forward_remote(&conn->overlay->forward, conn->peer, frame, now);
}

static void
on_answer(void *arg, struct frame *frame, uint64_t now)
{
	struct overlay_conn *conn = arg;

	forward_remote(&conn->overlay->forward, PEERNAME_UNKNOWN, frame, now);
}

/*
 * What forwarding asks for.
 */

static bool
route_peer_known(void *arg, uint64_t peer)
{
	struct overlay *overlay = arg;

	return overlay->ops->peer_known(overlay->arg, peer);
}

static uint64_t
route_next_hop(void *arg, uint64_t peer)
{
	struct overlay *overlay = arg;

	return overlay->ops->next_hop(overlay->arg, peer);
}

static size_t
route_broadcast_hops(void *arg, uint64_t source, const uint64_t **hops)
{
	struct overlay *overlay = arg;

	return overlay->ops->broadcast_hops(overlay->arg, source, hops);
}

static void
route_send(
    void *arg, uint64_t neighbour, const struct frame *frame, uint64_t now)
{
	struct overlay *overlay = arg;
	struct overlay_conn *conn = conn_of_peer(overlay, neighbour);

	if (conn == NULL) {
		overlay_drop(overlay, DROP_NO_CONNECTION);
		return;
	}
	if (packet_pool_left(overlay->pool) < PACKETS_LOW)
		overlay_flush(overlay, now);
	sleeve_send(conn->sleeve, frame, now);
	conn_touch(conn);
}

static void
route_inject(void *arg, const struct frame *frame)
{
	struct overlay *overlay = arg;

	coalesce_put(overlay->coalesce, frame->data, frame->len);
}

static void
overlay_write(void *arg, const struct iovec *iov, int count, size_t frames)
{
	struct overlay *overlay = arg;

	if (tap_write(&overlay->tap, iov, count) != 0)
		overlay->counters.drop[DROP_TAP_ERROR] += frames;
	else
		overlay->counters.tap_frames_out += frames;
}

static void
route_probe(void *arg, const struct frame *frame, uint64_t now)
{
	struct overlay *overlay = arg;

	probe_receive(
	    overlay->probe, frame->first, frame->data, frame->len, now);
}

/*
 * Measuring.
 */

static void
probe_op_send(
    void *arg, uint64_t peer, const uint8_t *data, size_t len, uint64_t now)
{
	struct overlay *overlay = arg;
	struct frame frame = {.data = data,
	    .len = len,
	    .first = overlay->conf.name,
	    .last = peer};
	uint64_t hop = route_next_hop(overlay, peer);

	frame_decode(&frame);
	if (hop == PEERNAME_UNKNOWN)
		overlay_drop(overlay, DROP_NO_ROUTE);
	else
		route_send(overlay, hop, &frame, now);
}

static bool
probe_op_busy(void *arg)
{
	struct overlay *overlay = arg;

	return overlay->df.count != 0 || overlay->nodf.count != 0;
}

static uint64_t
probe_op_clock(void *arg)
{
	struct timespec ts;

	(void)arg;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

const char *
overlay_probe_start(struct overlay *overlay, uint64_t peer, uint64_t session,
    const struct ctl_bench *bench, uint64_t now)
{
	struct overlay_conn *conn = conn_of_peer(overlay, peer);
	uint32_t mtu = overlay->conf.mtu;

	if (probe_running(overlay->probe))
		return "another measurement is under way";
	if (conn == NULL || sleeve_mtu(conn->sleeve) == 0)
		return "the overlay to that peer is not ready";
	if (sleeve_mtu(conn->sleeve) < mtu)
		mtu = sleeve_mtu(conn->sleeve);
	if (mtu > PROBE_FRAME_MAX - FRAME_ETHERNET)
		mtu = PROBE_FRAME_MAX - FRAME_ETHERNET;
	if (!probe_start(overlay->probe, peer, session, mtu + FRAME_ETHERNET,
		bench->seconds, bench->mbits, now))
		return "no such measurement";
	return NULL;
}

void
overlay_probe_cancel(struct overlay *overlay)
{
	probe_cancel(overlay->probe);
}

bool
overlay_probe_result(struct overlay *overlay, struct ctl_bench_result *row)
{
	return probe_result(overlay->probe, row);
}

/*
 * Showing.
 */

static void
show_mac(void *arg, const uint8_t mac[6], uint64_t peer, uint64_t seen)
{
	const struct show_arg *show = arg;
	struct ctl_mac row = {
	    .peer = peer, .age = (uint32_t)((show->now - seen) / 1000)};

	memcpy(row.mac, mac, sizeof(row.mac));
	show->emit(show->arg, CTL_MAC, &row, sizeof(row));
}

static void
show_counter(const struct show_arg *show, const char *name, uint64_t value)
{
	struct ctl_counter row = {.value = value};

	snprintf(row.name, sizeof(row.name), "overlay.%s", name);
	show->emit(show->arg, CTL_COUNTER, &row, sizeof(row));
}

static void
show_counters(const struct overlay *overlay, const struct show_arg *show)
{
	const struct overlay_counters *counters = &overlay->counters;
	char name[48];

	show_counter(show, "tap.frames_in", counters->tap_frames_in);
	show_counter(show, "tap.frames_out", counters->tap_frames_out);
	show_counter(show, "relayed", counters->relayed);
	show_counter(show, "mac.moves", counters->mac_moves);
	show_counter(show, "mac.local_moves", counters->local_mac_moves);
	show_counter(show, "address_changes", counters->address_changes);
	show_counter(show, "mtu_searches", counters->mtu_searches);
	for (int i = 0; i < OVERLAY_DROP_MAX; i++) {
		snprintf(name, sizeof(name), "drop.%s",
		    overlay_drop_name((enum overlay_drop)i));
		show_counter(show, name, counters->drop[i]);
	}
}

void
overlay_show(const struct overlay *overlay, uint32_t parts, mesh_emit emit,
    void *arg, uint64_t now)
{
	struct show_arg show = {emit, arg, now};

	if ((parts & CTL_SHOW_MACS) != 0)
		mactable_walk(overlay->macs, now, show_mac, &show);
	if ((parts & CTL_SHOW_COUNTERS) != 0)
		show_counters(overlay, &show);
}
