#include "weaved/engine/overlay/forward.h"

#include <string.h>

#include "weaved/engine/overlay/probe.h"

static void forward_drop(struct forward *, enum overlay_drop);
static void forward_towards(
    struct forward *, uint64_t, struct frame *, uint64_t);
static void forward_flood(struct forward *, uint64_t, struct frame *, uint64_t);
static void forward_count_move(struct forward *, uint64_t, uint64_t);
static bool forward_learn(struct forward *, const struct frame *, uint64_t);
static void forward_deliver(
    struct forward *, uint64_t, struct frame *, uint64_t);
static bool forward_knows(struct forward *, uint64_t);
static bool mac_is_group(const uint8_t *);

static void
forward_drop(struct forward *forward, enum overlay_drop drop)
{
	forward->counters->drop[drop]++;
}

static bool
mac_is_group(const uint8_t *mac)
{
	return (mac[0] & 1) != 0;
}

static void
forward_towards(
    struct forward *forward, uint64_t from, struct frame *frame, uint64_t now)
{
	uint64_t hop = forward->ops->next_hop(forward->arg, frame->last);

	if (hop == PEERNAME_UNKNOWN)
		forward_drop(forward, DROP_NO_ROUTE);
	else if (hop == from)
		forward_drop(forward, DROP_LOOP);
	else
		forward->ops->send(forward->arg, hop, frame, now);
}

/* Never back to where it came from, should routes differ for a moment. */
static void
forward_flood(
    struct forward *forward, uint64_t from, struct frame *frame, uint64_t now)
{
	const uint64_t *hops;
	size_t count =
	    forward->ops->broadcast_hops(forward->arg, frame->first, &hops);

	frame->broadcast = true;
	for (size_t i = 0; i < count; i++) {
		frame->last = hops[i];
		if (hops[i] != from)
			forward->ops->send(forward->arg, hops[i], frame, now);
	}
}

static void
forward_count_move(struct forward *forward, uint64_t before, uint64_t after)
{
	if (before == PEERNAME_UNKNOWN || before == after)
		return;
	forward->counters->mac_moves++;
	if (before == forward->ours)
		forward->counters->local_mac_moves++;
}

/*
 * Where mesh-protocol 9 drops a frame whose source MAC is known at another
 * peer for as long as that entry lives, a pod that has moved here is taken
 * as soon as it is no longer heard from there.
 */
void
forward_local(struct forward *forward, struct frame *frame, uint64_t now)
{
	static const uint8_t bridge_control[] = {0x01, 0x80, 0xc2, 0, 0, 0};
	const uint8_t *dst = frame->data, *src = frame->data + FRAME_MAC;
	uint64_t peer, before;

	/* A special frame, or a test frame, would speak in our name. */
	if (frame->class == FRAME_BAD || frame->class == FRAME_SPECIAL ||
	    mac_is_group(src) || probe_is(frame->data, frame->len)) {
		forward_drop(forward, DROP_LOCAL_BAD);
		return;
	}
	if (mactable_add(forward->macs, src, forward->ours, now, &before) !=
	    forward->ours) {
		forward_drop(forward, DROP_LOCAL_CONFLICT);
		return;
	}
	forward_count_move(forward, before, forward->ours);
	if (memcmp(dst, bridge_control, sizeof(bridge_control)) == 0) {
		forward_drop(forward, DROP_LOCAL_CONTROL);
		return;
	}
	frame->first = forward->ours;
	frame->broadcast = false;
	peer = mactable_lookup(forward->macs, dst, now);
	if (peer == forward->ours) {
		forward_drop(forward, DROP_LOCAL_LOCAL);
	} else if (peer != PEERNAME_UNKNOWN) {
		frame->last = peer;
		forward_towards(forward, PEERNAME_UNKNOWN, frame, now);
	} else {
		forward_flood(forward, PEERNAME_UNKNOWN, frame, now);
	}
}

/*
 * A pod may have moved, so the new owner wins, with the bounds of
 * mactable_claim(); moves are counted. False: the frame is not to reach the
 * bridge, which would learn that one of its own pods is elsewhere.
 */
static bool
forward_learn(struct forward *forward, const struct frame *frame, uint64_t now)
{
	const uint8_t *src = frame->data + FRAME_MAC;
	uint64_t before;

	if (mac_is_group(src))
		return true;
	switch (mactable_claim(
	    forward->macs, src, frame->first, forward->ours, now, &before)) {
	case MACTABLE_OURS:
		forward_drop(forward, DROP_MAC_OURS);
		return false;
	case MACTABLE_HELD:
		forward->counters->mac_held++;
		return true;
	default:
		forward_count_move(forward, before, frame->first);
		return true;
	}
}

static void
forward_deliver(
    struct forward *forward, uint64_t from, struct frame *frame, uint64_t now)
{
	if (frame->first == forward->ours) {
		forward_drop(forward, DROP_OWN_FRAME);
		return;
	}
	if (probe_is(frame->data, frame->len)) {
		forward->ops->probe(forward->arg, frame, now);
		return;
	}
	if (!forward_learn(forward, frame, now))
		return;
	forward->ops->inject(forward->arg, frame);
	if (mactable_lookup(forward->macs, frame->data, now) != forward->ours)
		forward_flood(forward, from, frame, now);
}

static bool
forward_knows(struct forward *forward, uint64_t peer)
{
	return peer == forward->ours ||
	    forward->ops->peer_known(forward->arg, peer);
}

void
forward_remote(
    struct forward *forward, uint64_t from, struct frame *frame, uint64_t now)
{
	if (!forward_knows(forward, frame->first) ||
	    !forward_knows(forward, frame->last)) {
		forward_drop(forward, DROP_UNKNOWN_PEER);
	} else if (frame->last == forward->ours) {
		forward_deliver(forward, from, frame, now);
	} else {
		forward->counters->relayed++;
		forward_towards(forward, from, frame, now);
	}
}
