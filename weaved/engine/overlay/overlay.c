#include "weaved/engine/overlay/overlay_internal.h"

#include <stdlib.h>
#include <unistd.h>

#include "common/offload.h"
#include "weaved/engine/overlay/segment.h"
#include "weaved/engine/overlay/udp.h"

#define MACS_MAX 16384
#define PACKETS 288
/*
 * A turn ends after so many frames (7.6) or bytes, well below a millisecond of
 * work, so that nothing waits long behind a fast flow.
 */
#define TAP_BATCH 100
#define TURN_BYTES (256 * 1024)
#define SWEEP_INTERVAL 60000

static void overlay_local(
    struct overlay *, struct packet *, const struct virtio_net_hdr *, uint64_t);
static void overlay_receive_batch(struct overlay *, uint64_t);
static void overlay_receive_one(
    struct overlay *, struct sleeve_datagram, uint64_t);
static void overlay_receive(
    struct overlay *, struct packet *, struct endpoint, uint64_t);
static int overlay_receive_all(struct overlay *, size_t *);

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
	overlay_socket_init(&overlay->df);
	overlay_socket_init(&overlay->nodf);
	overlay->pool = packet_pool_new(PACKETS);
	overlay->macs = mactable_new(MACS_MAX);
	overlay->coalesce = coalesce_new(&joining);
	overlay->probe = probe_new(&overlay_probe_ops, overlay);
	if (overlay->pool == NULL || overlay->macs == NULL ||
	    overlay->coalesce == NULL || overlay->probe == NULL) {
		overlay_free(overlay);
		return NULL;
	}
	for (int i = 0; i < OVERLAY_PACKETS_IN; i++)
		overlay->in[i] = packet_get(overlay->pool);
	overlay->forward = (struct forward){.ours = conf->name,
	    .macs = overlay->macs,
	    .counters = &overlay->counters,
	    .ops = &overlay_forward_ops,
	    .arg = overlay};
	return overlay;
}

void
overlay_free(struct overlay *overlay)
{
	struct overlay_conn *conn;

	if (overlay == NULL)
		return;
	for (int i = 0; i < OVERLAY_BUCKETS; i++) {
		while ((conn = LIST_FIRST(&overlay->by_id[i])) != NULL)
			overlay_conn_free(conn);
	}
	overlay_socket_close(overlay, &overlay->df);
	overlay_socket_close(overlay, &overlay->nodf);
	if (overlay->tap.fd != -1)
		close(overlay->tap.fd);
	coalesce_free(overlay->coalesce);
	probe_free(overlay->probe);
	mactable_free(overlay->macs);
	packet_pool_free(overlay->pool);
	free(overlay);
}

void
overlay_set_udp(struct overlay *overlay, int df, int nodf)
{
	overlay_socket_close(overlay, &overlay->df);
	overlay_socket_close(overlay, &overlay->nodf);
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

void
overlay_drop(struct overlay *overlay, enum overlay_drop drop)
{
	overlay->counters.drop[drop]++;
}

/*
 * Turns: what a readable descriptor brought is sent at the end of the turn.
 */

void
overlay_flush(struct overlay *overlay, uint64_t now)
{
	struct overlay_conn *conn;

	TAILQ_FOREACH(conn, &overlay->touched, touched)
		sleeve_flush(conn->sleeve, now);
}

void
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
	conn = overlay_conn_of_peer(overlay, overlay->batch_name);
	if (conn == NULL) {
		overlay->counters.drop[DROP_UNKNOWN_NAME] += count;
		return;
	}
	sleeve_receive(conn->sleeve, overlay->batch, count, now);
	overlay_conn_touch(conn);
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

	for (*count = 0; *count < OVERLAY_PACKETS_IN && bytes < TURN_BYTES;
	     ++*count) {
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
		for (int i = 0; i < OVERLAY_BUCKETS; i++) {
			LIST_FOREACH(conn, &overlay->by_id[i], by_id) {
				if (conn->due <= now)
					overlay_conn_touch(conn);
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
