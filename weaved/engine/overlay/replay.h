/*
 * Replay window of one direction and DF class (mesh-protocol 7.2): which of
 * the last 2^20 to 2^21 sequence numbers have been seen. Exact.
 */
#ifndef ENGINE_OVERLAY_REPLAY_H
#define ENGINE_OVERLAY_REPLAY_H

#include <stdbool.h>
#include <stdint.h>

#define REPLAY_HALF_BITS 20

/* Zero-initialised: nothing seen. */
struct replay {
	uint64_t window; /* sequence number >> 20 of the current half */
	uint64_t *current; /* 128 KiB each, allocated when first needed */
	uint64_t *previous;
};

/*
 * True: fresh, and seen from now on. False also without memory. Only for
 * numbers below 2^63 that have been authenticated.
 */
bool replay_check(struct replay *replay, uint64_t seq);
/* Would replay_check() say no? Changes nothing. */
bool replay_seen(const struct replay *replay, uint64_t seq);
/* Back to nothing seen. */
void replay_clear(struct replay *replay);

#endif
