/*
 * A set of peer names. Without memory a name is left out: gossip repeats.
 */
#ifndef ENGINE_MESH_NAMESET_H
#define ENGINE_MESH_NAMESET_H

#include <stddef.h>
#include <stdint.h>

struct nameset {
	uint64_t *names; /* ascending */
	size_t count;
	size_t size;
};

void nameset_add(struct nameset *set, uint64_t name);
void nameset_add_all(struct nameset *set, const uint64_t *names, size_t count);
/* Takes the lowest ones out. */
void nameset_drop(struct nameset *set, size_t count);
void nameset_free(struct nameset *set);

#endif
