/*
 * Which peer a MAC address is behind (mesh-protocol 9). Bounded: a new
 * address takes the place of the one unseen for longest.
 */
#ifndef ENGINE_OVERLAY_MACTABLE_H
#define ENGINE_OVERLAY_MACTABLE_H

#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define MACTABLE_AGE 600000 /* ms without use */
/*
 * A frame that we put into the bridge must not come back as if its sender had
 * moved here; a sender unheard of for this long may have.
 */
#define MACTABLE_HOLD 1000

struct mactable;

/* NULL without memory. */
struct mactable *mactable_new(size_t max);
/* NULL is fine. */
void mactable_free(struct mactable *table);

/*
 * Learns mac at peer unless another one has used it within MACTABLE_HOLD.
 * Returns the peer that holds it afterwards; *before: who held it before,
 * PEERNAME_UNKNOWN for none.
 */
uint64_t mactable_add(struct mactable *table, const uint8_t mac[6],
    uint64_t peer, uint64_t now, uint64_t *before);
/*
 * A frame of a remote peer says that mac is behind that peer. It may have
 * moved; but nobody takes what was used here (by peer ours) within
 * MACTABLE_HOLD, and none moves between remote peers more often than that.
 */
enum mactable_claim {
	MACTABLE_TAKEN, /* *before: who held it, as above */
	MACTABLE_HELD, /* by another remote peer */
	MACTABLE_OURS /* by ourself: the frame is a lie, or a loop */
};
enum mactable_claim mactable_claim(struct mactable *table, const uint8_t mac[6],
    uint64_t peer, uint64_t ours, uint64_t now, uint64_t *before);
/* PEERNAME_UNKNOWN if mac is not known. */
uint64_t mactable_lookup(
    const struct mactable *table, const uint8_t mac[6], uint64_t now);
void mactable_remove_peer(struct mactable *table, uint64_t peer);
/* Removes what is too old. */
void mactable_sweep(struct mactable *table, uint64_t now);
/* Calls visit for each entry that is not too old; seen: its last use. */
void mactable_walk(const struct mactable *table, uint64_t now,
    void (*visit)(
	void *arg, const uint8_t mac[6], uint64_t peer, uint64_t seen),
    void *arg);

#endif
