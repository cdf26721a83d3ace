/*
 * What travels on the channel IPallocation: the gossip state and the bodies of
 * unicasts (mesh-protocol 10.2, types in 5.5).
 *
 * Refused beyond what gob refuses: more than RING_ENTRIES_MAX, RING_SEEDS_MAX,
 * PAXOS_NODES_MAX or MESH_PEERS_MAX elements, names of more than 48 bits,
 * other numbers of more than 32 where 32 are specified, a nickname's or
 * elector's peer given twice. Rings come unchecked: see ring_merge().
 */
#ifndef ENGINE_IPAM_STATE_H
#define ENGINE_IPAM_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "weaved/engine/ipam/paxos.h"
#include "weaved/engine/ipam/ring.h"
#include "weaved/engine/mesh/gob.h"

struct ipam_nickname {
	uint64_t peer;
	char text[NICKNAME_MAX]; /* cut; any byte but NUL */
};

/*
 * With a ring: has_ring. Without one: an elector has_paxos, even when it knows
 * of no claims yet; an observer has neither (10.4).
 */
struct ipam_state {
	int64_t now; /* seconds since 1970 */
	struct ipam_nickname *nicknames; /* sorted by peer */
	size_t nnicknames, nicknames_size;
	bool has_paxos;
	bool has_ring;
	struct paxos_table paxos;
	struct ring ring;
};

enum ipam_kind {
	IPAM_SPACE_REQUEST = 0,
	IPAM_RING_UPDATE = 1,
	IPAM_SPACE_DENIED = 2
};

struct ipam_unicast {
	enum ipam_kind kind;
	struct ip_range range; /* of requests and denials */
	struct ipam_state state; /* of ring updates */
};

/*
 * NULL or what is wrong; then there is nothing to free. What follows the value
 * in data is ignored, as in Go.
 */
const char *ipam_state_decode(
    struct ipam_state *state, const uint8_t *data, size_t len);
void ipam_state_free(struct ipam_state *state);
const char *ipam_unicast_decode(
    struct ipam_unicast *unicast, const uint8_t *data, size_t len);
void ipam_unicast_free(struct ipam_unicast *unicast);

/*
 * Append to enc; errors as there. The tables of a state to be encoded may be
 * borrowed.
 */
void ipam_state_encode(struct gob_encoder *enc, const struct ipam_state *state);
void ipam_unicast_encode(
    struct gob_encoder *enc, const struct ipam_unicast *unicast);

#endif
