/*
 * How fast one source address may open connections: a token bucket each, so
 * that a flood from one address does not starve the others.
 */
#ifndef ENGINE_MESH_ADMIT_H
#define ENGINE_MESH_ADMIT_H

#include <stdbool.h>
#include <stdint.h>

#define ADMIT_BURST 20 /* connections at once */
#define ADMIT_INTERVAL 50 /* ms for one more */
#define ADMIT_SETS 64
#define ADMIT_WAYS 8
#define ADMIT_FRIENDS 512
#define ADMIT_FRIEND 86400000 /* ms that one stays a friend */

struct admit {
	uint64_t seed; /* so that nobody can aim at one set */
	struct admit_source {
		uint32_t addr;
		uint64_t busy; /* until then, if it came one by one */
	} sources[ADMIT_SETS][ADMIT_WAYS];
	struct admit_friend {
		uint32_t addr; /* 0: free */
		uint64_t seen;
	} friends[ADMIT_FRIENDS];
};

void admit_init(struct admit *admit, uint64_t seed);
/* Takes a token of addr; false: too fast. now in milliseconds. */
bool admit_allow(struct admit *admit, uint32_t addr, uint64_t now);
/* A peer has authenticated from there; the one seen last long ago gives way. */
void admit_befriend(struct admit *admit, uint32_t addr, uint64_t now);
/* Has one lately? No stranger can make this true, nor false for another. */
bool admit_is_friend(const struct admit *admit, uint32_t addr, uint64_t now);

#endif
