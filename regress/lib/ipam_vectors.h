/* What the vectors of IPAM have in common. All ends the program on bad JSON. */
#ifndef REGRESS_IPAM_VECTORS_H
#define REGRESS_IPAM_VECTORS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "weaved/engine/ipam/paxos.h"
#include "weaved/engine/ipam/ring.h"

uint32_t ipam_vectors_addr(const char *text);
uint64_t ipam_vectors_name(const char *text);
/* Members named so of an object. */
struct ip_range ipam_vectors_range(
    const json_t *object, const char *start, const char *end);
/* To be freed. */
void ipam_vectors_ring(const json_t *object, struct ring *ring);
bool ipam_vectors_ring_equal(const struct ring *a, const struct ring *b);
/* Does what is known equal a list of claims, values apart from their order? */
bool ipam_vectors_paxos_equal(
    const json_t *list, const struct paxos_table *table);
/* Are these names, in any order, those of the list? */
bool ipam_vectors_names_equal(
    const json_t *list, const uint64_t *names, size_t n);

#endif
