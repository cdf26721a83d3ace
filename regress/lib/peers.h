/*
 * Peers as the vector files describe them (topology_gossip, topology_merge,
 * routes): topologies made from them, and compared with them.
 */
#ifndef REGRESS_PEERS_H
#define REGRESS_PEERS_H

#include <jansson.h>

#include "weaved/engine/mesh/topology.h"

/* Not random: counts up from 0. arg may be NULL. */
uint32_t peers_random(void *arg, uint32_t bound);
uint64_t peers_name(const json_t *object, const char *key);
/* The payload that tells of all these peers; to be freed by the caller. */
uint8_t *peers_payload(const json_t *peers, size_t *len);
/* A mesh of these peers as seen by self; ends the test if it can not be. */
struct topology *peers_topology(const json_t *peers, uint64_t self);
/* Empty if topo holds exactly these peers, else what differs. */
const char *peers_compare(const struct topology *topo, const json_t *peers);

#endif
