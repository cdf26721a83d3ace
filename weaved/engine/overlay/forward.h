/*
 * Forwarding rules (mesh-protocol 9): where a frame from the TAP or from a
 * neighbour goes.
 */
#ifndef ENGINE_OVERLAY_FORWARD_H
#define ENGINE_OVERLAY_FORWARD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/overlay/counters.h"
#include "weaved/engine/overlay/frame.h"
#include "weaved/engine/overlay/mactable.h"

struct forward_ops {
	bool (*peer_known)(void *arg, uint64_t peer);
	uint64_t (*next_hop)(void *arg, uint64_t peer);
	size_t (*broadcast_hops)(
	    void *arg, uint64_t source, const uint64_t **hops);
	/* To a neighbour. */
	void (*send)(void *arg, uint64_t neighbour, const struct frame *frame,
	    uint64_t now);
	/* Into the bridge. */
	void (*inject)(void *arg, const struct frame *frame);
	/* A test frame for us (probe.h). */
	void (*probe)(void *arg, const struct frame *frame, uint64_t now);
};

struct forward {
	uint64_t ours;
	struct mactable *macs;
	struct overlay_counters *counters;
	const struct forward_ops *ops;
	void *arg;
};

/* A decoded frame off the TAP; first and last are filled here. */
void forward_local(struct forward *forward, struct frame *frame, uint64_t now);
/*
 * A decoded frame, not special, that neighbour from gave us; PEERNAME_UNKNOWN:
 * made here in the name of its first peer.
 */
void forward_remote(
    struct forward *forward, uint64_t from, struct frame *frame, uint64_t now);

#endif
