/*
 * Our place in the cluster's list of peers, and the ranges of peers whose node
 * is gone: each taken once, by who first notes it in the list. A peer is taken
 * only when its node is not in the cluster, nobody here can reach it, and we
 * see our own node. Pure: time in milliseconds, requests by reclaim_ops, one
 * at a time.
 */
#ifndef KUBE_RECLAIM_H
#define KUBE_RECLAIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/kube/nodes.h"
#include "weaved/kube/peers.h"

struct reclaim_ops {
	/* Answered by reclaim_done(); body may be NULL. */
	void (*request)(
	    void *arg, const char *method, const char *path, const char *body);
	/* Missing is answered by reclaim_cleared(). */
	void (*member)(void *arg, bool missing, const char *uid);
	/* What the engine knows, for the next two; reclaim_surveyed(). */
	void (*survey)(void *arg);
	bool (*alive)(void *arg, uint64_t peer);
	bool (*owns)(void *arg, uint64_t peer);
	/* Take its ranges; answered by reclaim_taken(). */
	void (*take)(void *arg, uint64_t peer);
	uint32_t (*random)(void *arg, uint32_t bound);
};

struct reclaim;

/* nodes is the caller's; own_node is copied. NULL without memory. */
struct reclaim *reclaim_new(struct nodes *nodes, uint64_t own_peer,
    const char *own_node, const struct reclaim_ops *ops, void *arg);
void reclaim_free(struct reclaim *reclaim);
/*
 * Does what is due, once the list of nodes is whole; complete: it has all.
 * Returns when to call again, UINT64_MAX: after an answer.
 */
uint64_t reclaim_tick(struct reclaim *reclaim, bool complete, uint64_t now);
/* A node went: look within five seconds, each peer at another moment. */
void reclaim_hurry(struct reclaim *reclaim, uint64_t now);
/* status: of HTTP, 0: error says why there is none; data: if 2xx. */
void reclaim_done(struct reclaim *reclaim, unsigned status, const char *data,
    size_t len, const char *error, uint64_t now);
void reclaim_cleared(struct reclaim *reclaim, uint64_t now);
/* ready: there is a ring, and what the engine said is whole. */
void reclaim_surveyed(struct reclaim *reclaim, bool ready, uint64_t now);
/* error: NULL, or why they were not taken. */
void reclaim_taken(struct reclaim *reclaim, const char *error, uint64_t now);
/* Who was asked is gone: what is under way is given up. */
void reclaim_abort(struct reclaim *reclaim, uint64_t now);

#endif
