/*
 * How the peers agree on who is in the first ring (mesh-protocol 10.4): each
 * keeps the claims of all, gossips them, and acts on what it has learnt.
 */
#ifndef ENGINE_IPAM_PAXOS_H
#define ENGINE_IPAM_PAXOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The values of more electors do not fit into one message of the mesh. */
#define PAXOS_NODES_MAX 1024

struct paxos_node {
	uint64_t name;
	uint64_t uid;
};

/* Ordered by round, proposer's name, proposer's UID; round 0: none. */
struct paxos_proposal {
	uint64_t round;
	struct paxos_node proposer;
};

struct paxos_claims {
	struct paxos_node node; /* whose */
	struct paxos_proposal promise;
	struct paxos_proposal accepted;
	struct paxos_proposal origin; /* of the value accepted */
	uint64_t *value; /* names of peers */
	size_t nvalue, value_size;
};

/* Sorted by node, unless just being filled. */
struct paxos_table {
	struct paxos_claims *claims;
	size_t n, size;
};

struct paxos {
	struct paxos_node self;
	size_t quorum; /* 0: not set yet */
	struct paxos_table known;
};

void paxos_table_free(struct paxos_table *table);
/* New claims at the end, all zero; NULL: full or no memory. */
struct paxos_claims *paxos_table_append(struct paxos_table *table);
bool paxos_claims_append(struct paxos_claims *claims, uint64_t name);
/* To be called when filled. False: a node is in it twice. */
bool paxos_table_sort(struct paxos_table *table);

void paxos_init(struct paxos *paxos, uint64_t name, uint64_t uid);
void paxos_free(struct paxos *paxos);
/* More than half of so many members. */
size_t paxos_quorum(size_t members);

/*
 * These return 1 if something changed that others should hear of (of propose
 * and think: our claims), 0 if not, -1 without memory, without room for more
 * nodes or without higher rounds.
 */
int paxos_propose(struct paxos *paxos);
int paxos_update(struct paxos *paxos, const struct paxos_table *theirs);
int paxos_think(struct paxos *paxos);

/*
 * Claims with the value that the quorum agrees on, valid until the next call
 * with paxos; NULL if there is none, or while our quorum is not set.
 */
const struct paxos_claims *paxos_consensus(const struct paxos *paxos);

#endif
