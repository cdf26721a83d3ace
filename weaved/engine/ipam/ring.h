/*
 * The ring: who owns which addresses of the universe (mesh-protocol 10.1 and
 * 10.4 to 10.7). Every peer keeps a copy and merges those of the others.
 *
 * An entry owns from its token up to the next one; the last wraps to the
 * first. Addresses are in host byte order. Versions stop at their highest
 * value instead of starting again: they must never go down.
 */
#ifndef ENGINE_IPAM_RING_H
#define ENGINE_IPAM_RING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/ipam/space.h"
#include "weaved/engine/mesh/mesh.h"

#define RING_ENTRIES_MAX 65536
#define RING_SEEDS_MAX MESH_PEERS_MAX

struct ring_entry {
	uint64_t peer; /* owner */
	uint32_t token;
	uint32_t version;
	uint32_t free; /* addresses, as the owner says */
};

struct ring {
	uint32_t start; /* universe: start <= a < end */
	uint32_t end;
	uint64_t peer; /* whose copy this is */
	struct ring_entry *entries;
	size_t nentries, size;
	uint64_t *seeds;
	size_t nseeds, seeds_size;
};

void ring_init(struct ring *ring, struct ip_range universe, uint64_t peer);
void ring_free(struct ring *ring);
/*
 * Adds at the end, unchecked: for readers, before ring_check(). False: full
 * or no memory.
 */
bool ring_append(struct ring *ring, const struct ring_entry *entry);
bool ring_append_seed(struct ring *ring, uint64_t peer);

/*
 * What follows returns NULL or what is wrong; then the ring is as it was.
 */

/* Sorted, tokens unique and in the universe, free within the distance. */
const char *ring_check(const struct ring *ring);
/* Divides the universe of an empty ring among peers, in any order (10.4). */
const char *ring_divide(
    struct ring *ring, const uint64_t *peers, size_t npeers);
/*
 * Takes over what is new in the ring of another peer (10.5); theirs need not
 * be checked. space: what of ours is in use. changed: there was something.
 */
const char *ring_merge(struct ring *ours, const struct ring *theirs,
    const struct space *space, bool *changed);
/* Gives a range that ring->peer owns to another peer (10.6). */
const char *ring_grant(struct ring *ring, struct ip_range range, uint64_t to);

/* All entries of from go to to (10.7). Returns how many. */
size_t ring_transfer(struct ring *ring, uint64_t from, uint64_t to);
/* Brings the free counts of our entries up to date. True: one was wrong. */
bool ring_count_free(struct ring *ring, const struct space *space);
/* PEERNAME_UNKNOWN: addr is outside, or the ring is empty. */
uint64_t ring_owner(const struct ring *ring, uint32_t addr);
/* How many addresses peer owns. */
uint32_t ring_count_owned(const struct ring *ring, uint64_t peer);
/* Entries, seeds and all; false: no memory, then copy is empty. */
bool ring_copy(struct ring *copy, const struct ring *ring);
/* How many addresses entry i covers. */
uint32_t ring_entry_size(const struct ring *ring, size_t i);
/*
 * The ranges of a peer, ascending, as space_set_owned() takes them. Writes at
 * most max of them and returns how many there are, nentries + 1 at most.
 */
size_t ring_owned(const struct ring *ring, uint64_t peer,
    struct ip_range *ranges, size_t max);

#endif
