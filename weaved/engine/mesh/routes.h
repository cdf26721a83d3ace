/*
 * Unicast and broadcast routes over the topology (mesh-protocol 4.6), and the
 * choice of random neighbours (4.3).
 */
#ifndef ENGINE_MESH_ROUTES_H
#define ENGINE_MESH_ROUTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/mesh/topology.h"

enum routes_graph {
	ROUTES_ESTABLISHED, /* both ends say established: frames */
	ROUTES_ALL, /* any entry: gossip */
	ROUTES_GRAPHS
};

struct routes;

/* Knows no peer until routes_compute. NULL: no memory. */
struct routes *routes_new(void);
void routes_free(struct routes *routes);
/* Takes a copy of the graph. False: no memory, the old routes stay. */
bool routes_compute(struct routes *routes, const struct topology *topo);

/* Is name a destination: reachable in this graph, or ourself? */
bool routes_reaches(
    const struct routes *routes, enum routes_graph graph, uint64_t name);
/* Next hop to name; 0: none, or ourself. O(log n). */
uint64_t routes_unicast(
    const struct routes *routes, enum routes_graph graph, uint64_t name);
/*
 * Neighbours to pass a broadcast of source on to, ascending; valid until the
 * next routes_compute. Worked out at the first question for each source.
 */
size_t routes_broadcast(struct routes *routes, enum routes_graph graph,
    uint64_t source, const uint64_t **hops);
/*
 * Random neighbours for gossip over ROUTES_ALL, never except (0: nobody
 * excepted); at most max, returns how many.
 */
size_t routes_random_neighbours(const struct routes *routes, uint64_t except,
    topology_random random, void *arg, uint64_t *hops, size_t max);

#endif
