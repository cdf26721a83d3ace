/*
 * What the daemon was told of nodes: one address at a time until it has the
 * nodes' and no others. Pure.
 */
#ifndef KUBE_ANNOUNCE_H
#define KUBE_ANNOUNCE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/kube/nodes.h"

#define ANNOUNCE_MAX 1000 /* of the 1024 that the daemon has */

struct announce {
	uint32_t wanted[ANNOUNCE_MAX]; /* sorted */
	size_t nwanted;
	uint32_t told[2 * ANNOUNCE_MAX]; /* sorted, or left by others */
	size_t ntold;
};

/* The nodes are these now. */
void announce_want(struct announce *announce, const struct nodes *nodes);
/* The daemon has this one, who knows from when. */
void announce_found(struct announce *announce, uint32_t addr);
/* It has none any more of which we know. */
void announce_forget(struct announce *announce);
/* The next to be told: add, or remove. False: all is told. */
bool announce_next(const struct announce *announce, uint32_t *addr, bool *add);
/* That was done. */
void announce_told(struct announce *announce, uint32_t addr, bool add);

#endif
