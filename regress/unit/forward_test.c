/*
 * Test frames of daemons: taken from neighbours, never from pods. MACs that a
 * member claims.
 */
#include <atf-c.h>
#include <string.h>

#include "weaved/engine/overlay/forward.h"
#include "weaved/engine/overlay/probe.h"

#define OURS 1
#define OTHER 2
#define THIRD 3

struct seen {
	unsigned sent;
	unsigned injected;
	unsigned probes;
};

static bool seen_peer_known(void *, uint64_t);
static uint64_t seen_next_hop(void *, uint64_t);
static size_t seen_broadcast_hops(void *, uint64_t, const uint64_t **);
static void seen_send(void *, uint64_t, const struct frame *, uint64_t);
static void seen_inject(void *, const struct frame *);
static void seen_probe(void *, const struct frame *, uint64_t);
static struct frame probe_frame(uint8_t[PROBE_FRAME_MIN]);

static const struct forward_ops ops = {.peer_known = seen_peer_known,
    .next_hop = seen_next_hop,
    .broadcast_hops = seen_broadcast_hops,
    .send = seen_send,
    .inject = seen_inject,
    .probe = seen_probe};

static bool
seen_peer_known(void *arg, uint64_t peer)
{
	(void)arg;
	return peer <= THIRD;
}

static uint64_t
seen_next_hop(void *arg, uint64_t peer)
{
	(void)arg;
	return peer;
}

static size_t
seen_broadcast_hops(void *arg, uint64_t source, const uint64_t **hops)
{
	static const uint64_t all[] = {OTHER, THIRD};

	(void)arg;
	(void)source;
	*hops = all;
	return 2;
}

static void
seen_send(
    void *arg, uint64_t neighbour, const struct frame *frame, uint64_t now)
{
	(void)neighbour;
	(void)frame;
	(void)now;
	((struct seen *)arg)->sent++;
}

static void
seen_inject(void *arg, const struct frame *frame)
{
	(void)frame;
	((struct seen *)arg)->injected++;
}

static void
seen_probe(void *arg, const struct frame *frame, uint64_t now)
{
	(void)now;
	ATF_CHECK_EQ(OTHER, frame->first);
	((struct seen *)arg)->probes++;
}

static struct frame
probe_frame(uint8_t bytes[PROBE_FRAME_MIN])
{
	const struct probe_frame probe = {.kind = PROBE_DATA, .asks = true};
	struct frame frame = {.data = bytes, .len = PROBE_FRAME_MIN};

	probe_encode(&probe, bytes);
	frame_decode(&frame);
	return frame;
}

ATF_TC_WITHOUT_HEAD(probes);
ATF_TC_BODY(probes, tc)
{
	struct overlay_counters counters = {0};
	struct seen seen = {0};
	struct forward forward = {.ours = OURS,
	    .macs = mactable_new(16),
	    .counters = &counters,
	    .ops = &ops,
	    .arg = &seen};
	uint8_t bytes[PROBE_FRAME_MIN];
	struct frame frame = probe_frame(bytes);
	uint64_t owner;

	ATF_REQUIRE(forward.macs != NULL);
	forward_local(&forward, &frame, 1000);
	ATF_CHECK_EQ(1, counters.drop[DROP_LOCAL_BAD]);
	ATF_CHECK_EQ(0, seen.sent);

	frame.first = OTHER;
	frame.last = OURS;
	forward_remote(&forward, OTHER, &frame, 1000);
	ATF_CHECK_EQ(1, seen.probes);
	owner = mactable_lookup(forward.macs, bytes + FRAME_MAC, 1000);
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, owner);

	/* For somebody else it is a frame like any other. */
	frame.last = THIRD;
	forward_remote(&forward, OTHER, &frame, 1000);
	ATF_CHECK_EQ(1, seen.sent);

	/* Nobody speaks in our name. */
	frame.first = frame.last = OURS;
	forward_remote(&forward, OTHER, &frame, 1000);
	ATF_CHECK_EQ(1, counters.drop[DROP_OWN_FRAME]);
	ATF_CHECK_EQ(1, seen.probes);
	ATF_CHECK_EQ(0, seen.injected);
	mactable_free(forward.macs);
}

/* What a member sends from the MAC of a pod of ours reaches no bridge. */
ATF_TC_WITHOUT_HEAD(claimed);
ATF_TC_BODY(claimed, tc)
{
	struct overlay_counters counters = {0};
	struct seen seen = {0};
	struct forward forward = {.ours = OURS,
	    .macs = mactable_new(16),
	    .counters = &counters,
	    .ops = &ops,
	    .arg = &seen};
	uint8_t bytes[60] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
	struct frame frame = {.data = bytes, .len = sizeof(bytes)};
	uint64_t owner;

	frame_decode(&frame);
	forward_local(&forward, &frame, 1000);
	ATF_CHECK_EQ(2, seen.sent);
	frame.first = OTHER;
	frame.last = OURS;
	forward_remote(&forward, OTHER, &frame, 1500);
	ATF_CHECK_EQ(0, seen.injected);
	ATF_CHECK_EQ(2, seen.sent);
	ATF_CHECK_EQ(1, counters.drop[DROP_MAC_OURS]);
	owner = mactable_lookup(forward.macs, bytes + FRAME_MAC, 1500);
	ATF_CHECK_EQ(OURS, owner);
	/* Silent for a while, it may have moved there. */
	forward_remote(&forward, OTHER, &frame, 2000);
	ATF_CHECK_EQ(1, seen.injected);
	ATF_CHECK_EQ(1, counters.local_mac_moves);
	/* And on to a third, but not to and fro. */
	frame.first = THIRD;
	frame.last = OURS;
	forward_remote(&forward, THIRD, &frame, 2100);
	ATF_CHECK_EQ(1, counters.mac_held);
	ATF_CHECK_EQ(2, seen.injected);
	owner = mactable_lookup(forward.macs, bytes + FRAME_MAC, 2100);
	ATF_CHECK_EQ(OTHER, owner);
	mactable_free(forward.macs);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, probes);
	ATF_TP_ADD_TC(tp, claimed);
	return atf_no_error();
}
