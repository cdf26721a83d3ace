/*
 * What IPAM keeps on disk, as one file: who may use it, our claims of the
 * election or the ring, nicknames, and the addresses given out. Multi-byte
 * numbers are big endian:
 *
 *	"weaved ipam 1\n"   BLAKE2b-256 of the rest
 *	name 8   start 4   end 4   uid 8
 *	length 4   state as it is gossiped (state.h)
 *	count 4   count times: address 4, prefix 1, length 1, id
 */
#ifndef ENGINE_IPAM_STORE_H
#define ENGINE_IPAM_STORE_H

#include "weaved/engine/ipam/owners.h"
#include "weaved/engine/ipam/state.h"

#define STORE_MAX (24u << 20) /* bytes; all limits together need less */

struct store {
	uint64_t name; /* of our peer */
	uint64_t uid; /* of our claims */
	struct ip_range range;
	struct ipam_state state;
	struct owners owners;
};

/* The bytes, of *len, to be freed by the caller; NULL: no memory. */
uint8_t *store_encode(const struct store *store, size_t *len);
/* NULL, or what is wrong; then there is nothing to free. */
const char *store_decode(struct store *store, const uint8_t *data, size_t len);
void store_free(struct store *store);

#endif
