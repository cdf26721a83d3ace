/*
 * The addresses of this peer: which ranges it owns and what of them is free
 * (mesh-protocol 10.1, 10.6). Addresses are in host byte order.
 */
#ifndef ENGINE_IPAM_SPACE_H
#define ENGINE_IPAM_SPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* From start up to, not including, end; start < end. */
struct ip_range {
	uint32_t start;
	uint32_t end;
};

/* Ranges in one list: as many holes as a /15 with every other address used. */
#define SPACE_RANGES_MAX (1u << 16)

/* Sorted, disjoint, never touching each other. */
struct range_list {
	struct ip_range *items;
	size_t n, size;
};

/* What is free is owned; what is owned and not free is in use. */
struct space {
	struct range_list owned;
	struct range_list free;
	uint32_t changes; /* of owned: counts them */
};

void space_init(struct space *space);
void space_free(struct space *space);

/*
 * Owns exactly these sorted, disjoint ranges from now on. What was in use and
 * is still owned stays so, the rest is free. False: out of order, too many
 * or no memory, then nothing changes.
 */
bool space_set_owned(
    struct space *space, const struct ip_range *ranges, size_t n);

/* Marks the lowest free address of range as used. False: there is none. */
bool space_allocate(struct space *space, struct ip_range range, uint32_t *addr);
/* Marks addr as used. False: not ours, or used already. */
bool space_claim(struct space *space, uint32_t addr);
/* Makes addr free again. False: not ours, or not used. */
bool space_release(struct space *space, uint32_t addr);

uint32_t space_count_free(const struct space *space, struct ip_range range);
/* Is some address of ours in range used? */
bool space_in_use(const struct space *space, struct ip_range range);

/*
 * Chooses what to give to a peer that wants space in range (10.6) and gives
 * it up. False: nothing is free there.
 */
bool space_donate(
    struct space *space, struct ip_range range, struct ip_range *given);
/* The aligned block of a power of two taken from a chunk of size > 0. */
struct ip_range space_block(uint32_t start, uint32_t size);

#endif
