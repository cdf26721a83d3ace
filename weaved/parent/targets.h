/*
 * The direct peers: those of the configuration and those that the operator
 * added while running. The parent keeps them for every engine, and the
 * addresses that their names had, for these alone may be dialled anywhere.
 */
#ifndef PARENT_TARGETS_H
#define PARENT_TARGETS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "weaved/parent/conf.h"

#define TARGETS_ADDRS_MAX 16

struct target {
	TAILQ_ENTRY(target) entry;
	uint32_t id; /* never used again */
	char *text;
	bool configured;
	bool added; /* by the operator: kept on disk */
	bool discovered; /* a node of Kubernetes */
	uint32_t addrs[TARGETS_ADDRS_MAX];
	size_t naddrs;
	bool resolving; /* asked the resolver, no answer yet */
};

TAILQ_HEAD(targets, target);

/* NULL if there is no memory or CONF_PEERS_MAX are there. */
struct target *targets_add(struct targets *targets, const char *text);
void targets_remove(struct targets *targets, struct target *target);
struct target *targets_find(const struct targets *targets, const char *text);
struct target *targets_find_id(const struct targets *targets, uint32_t id);
void targets_set_addrs(struct target *target, const uint32_t *addrs, size_t n);
/* Did the operator name this address, by itself or by a name it has? */
bool targets_gave(const struct targets *targets, uint32_t addr);

#endif
