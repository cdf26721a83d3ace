#include "weaved/engine/overlay/overlay_internal.h"

#include <time.h>

static void probe_op_send(void *, uint64_t, const uint8_t *, size_t, uint64_t);
static bool probe_op_busy(void *);
static uint64_t probe_op_clock(void *);

const struct probe_ops overlay_probe_ops = {
    .send = probe_op_send,
    .busy = probe_op_busy,
    .clock = probe_op_clock,
};

static void
probe_op_send(
    void *arg, uint64_t peer, const uint8_t *data, size_t len, uint64_t now)
{
	struct overlay *overlay = arg;
	struct frame frame = {.data = data,
	    .len = len,
	    .first = overlay->conf.name,
	    .last = peer};
	uint64_t hop = overlay_route_next_hop(overlay, peer);

	frame_decode(&frame);
	if (hop == PEERNAME_UNKNOWN)
		overlay_drop(overlay, DROP_NO_ROUTE);
	else
		overlay_route_send(overlay, hop, &frame, now);
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
	struct overlay_conn *conn = overlay_conn_of_peer(overlay, peer);
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
