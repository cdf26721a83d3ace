#include "weaved/engine/overlay/overlay_internal.h"

#define PACKETS_LOW 8 /* then what waits for the end of the turn goes */
/* A socket with the kernel's default size takes little over 200 at once. */
#define GIVE_WAY_BUFFERS 32

static bool route_peer_known(void *, uint64_t);
static size_t route_broadcast_hops(void *, uint64_t, const uint64_t **);
static size_t route_buffers(const struct virtio_net_hdr *, size_t);
static void route_inject(void *, const struct frame *);
static void route_probe(void *, const struct frame *, uint64_t);

const struct forward_ops overlay_forward_ops = {
    .peer_known = route_peer_known,
    .next_hop = overlay_route_next_hop,
    .broadcast_hops = route_broadcast_hops,
    .send = overlay_route_send,
    .inject = route_inject,
    .probe = route_probe,
};

static bool
route_peer_known(void *arg, uint64_t peer)
{
	struct overlay *overlay = arg;

	return overlay->ops->peer_known(overlay->arg, peer);
}

uint64_t
overlay_route_next_hop(void *arg, uint64_t peer)
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

void
overlay_route_send(
    void *arg, uint64_t neighbour, const struct frame *frame, uint64_t now)
{
	struct overlay *overlay = arg;
	struct overlay_conn *conn = overlay_conn_of_peer(overlay, neighbour);

	if (conn == NULL) {
		overlay_drop(overlay, DROP_NO_CONNECTION);
		return;
	}
	if (packet_pool_left(overlay->pool) < PACKETS_LOW)
		overlay_flush(overlay, now);
	sleeve_send(conn->sleeve, frame, now);
	overlay_conn_touch(conn);
}

static void
route_inject(void *arg, const struct frame *frame)
{
	struct overlay *overlay = arg;

	coalesce_put(overlay->coalesce, frame->data, frame->len);
}

/* A super-frame of TCP stays one buffer up to its socket; others are cut. */
static size_t
route_buffers(const struct virtio_net_hdr *header, size_t frames)
{
	return header->gso_type == VIRTIO_NET_HDR_GSO_TCPV4 ||
		header->gso_type == VIRTIO_NET_HDR_GSO_TCPV6
	    ? 1
	    : frames;
}

void
overlay_write(void *arg, const struct iovec *iov, int count, size_t frames)
{
	struct overlay *overlay = arg;

	if (tap_write(&overlay->tap, iov, count) != 0)
		overlay->counters.drop[DROP_TAP_ERROR] += frames;
	else
		overlay->counters.tap_frames_out += frames;
	overlay->written += route_buffers(iov[0].iov_base, frames);
	if (overlay->written >= GIVE_WAY_BUFFERS) {
		overlay->written = 0;
		overlay->ops->give_way(overlay->arg);
	}
}

static void
route_probe(void *arg, const struct frame *frame, uint64_t now)
{
	struct overlay *overlay = arg;

	probe_receive(
	    overlay->probe, frame->first, frame->data, frame->len, now);
}
