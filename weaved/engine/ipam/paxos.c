#include <stdlib.h>
#include <string.h>

#include "common/sort.h"
#include "weaved/engine/ipam/array.h"
#include "weaved/engine/ipam/paxos.h"

static int node_compare(const struct paxos_node *, const struct paxos_node *);
static int proposal_compare(
    const struct paxos_proposal *, const struct paxos_proposal *);
static bool proposal_equal(
    const struct paxos_proposal *, const struct paxos_proposal *);
static int claims_compare(const void *, const void *);
static struct paxos_claims *table_find(
    const struct paxos_table *, size_t, const struct paxos_node *);
static struct paxos_claims *own_claims(struct paxos *);
static bool accept_value(struct paxos_claims *, const struct paxos_claims *);
static int claims_update(struct paxos_claims *, const struct paxos_claims *);
static bool claims_copy(struct paxos_table *, const struct paxos_claims *);
static int promise_highest(struct paxos *);
static bool decide(struct paxos *, struct paxos_claims *);
static bool propose_members(const struct paxos *, struct paxos_claims *);
static const struct paxos_claims *promised_best(
    const struct paxos *, const struct paxos_proposal *, size_t *);
static const struct paxos_claims *accepted_as(
    const struct paxos *, const struct paxos_proposal *);
static size_t origin_count(const struct paxos *, const struct paxos_proposal *);

static int
node_compare(const struct paxos_node *a, const struct paxos_node *b)
{
	if (a->name != b->name)
		return a->name < b->name ? -1 : 1;
	return (a->uid > b->uid) - (a->uid < b->uid);
}

static int
proposal_compare(const struct paxos_proposal *a, const struct paxos_proposal *b)
{
	if (a->round != b->round)
		return a->round < b->round ? -1 : 1;
	return node_compare(&a->proposer, &b->proposer);
}

static bool
proposal_equal(const struct paxos_proposal *a, const struct paxos_proposal *b)
{
	return proposal_compare(a, b) == 0;
}

static int
claims_compare(const void *a, const void *b)
{
	const struct paxos_claims *x = a, *y = b;

	return node_compare(&x->node, &y->node);
}

/* Among the first n, which are sorted. */
static struct paxos_claims *
table_find(
    const struct paxos_table *table, size_t n, const struct paxos_node *node)
{
	struct paxos_claims key = {.node = *node};

	if (n == 0)
		return NULL;
	return bsearch(&key, table->claims, n, sizeof(key), claims_compare);
}

void
paxos_table_free(struct paxos_table *table)
{
	for (size_t i = 0; i < table->n; i++)
		free(table->claims[i].value);
	free(table->claims);
	memset(table, 0, sizeof(*table));
}

struct paxos_claims *
paxos_table_append(struct paxos_table *table)
{
	struct paxos_claims *claims;

	claims = array_reserve(table->claims, &table->size, table->n + 1,
	    sizeof(*claims), PAXOS_NODES_MAX);
	if (claims == NULL)
		return NULL;
	table->claims = claims;
	claims += table->n++;
	memset(claims, 0, sizeof(*claims));
	return claims;
}

bool
paxos_claims_append(struct paxos_claims *claims, uint64_t name)
{
	uint64_t *value;

	value = array_reserve(claims->value, &claims->value_size,
	    claims->nvalue + 1, sizeof(*value), PAXOS_NODES_MAX);
	if (value == NULL)
		return false;
	claims->value = value;
	claims->value[claims->nvalue++] = name;
	return true;
}

bool
paxos_table_sort(struct paxos_table *table)
{
	if (table->n > 1)
		sort_array(table->claims, table->n, sizeof(*table->claims),
		    claims_compare);
	for (size_t i = 1; i < table->n; i++)
		if (claims_compare(&table->claims[i - 1], &table->claims[i]) ==
		    0)
			return false;
	return true;
}

void
paxos_init(struct paxos *paxos, uint64_t name, uint64_t uid)
{
	memset(paxos, 0, sizeof(*paxos));
	paxos->self = (struct paxos_node){name, uid};
}

void
paxos_free(struct paxos *paxos)
{
	paxos_table_free(&paxos->known);
}

size_t
paxos_quorum(size_t members)
{
	return members / 2 + 1;
}

/* Ours, made if they are missing. */
static struct paxos_claims *
own_claims(struct paxos *paxos)
{
	struct paxos_claims *own;

	own = table_find(&paxos->known, paxos->known.n, &paxos->self);
	if (own != NULL)
		return own;
	if ((own = paxos_table_append(&paxos->known)) == NULL)
		return NULL;
	own->node = paxos->self;
	paxos_table_sort(&paxos->known);
	return table_find(&paxos->known, paxos->known.n, &paxos->self);
}

int
paxos_propose(struct paxos *paxos)
{
	const struct paxos_claims *claims;
	struct paxos_claims *own;
	uint64_t round = 0;

	for (size_t i = 0; i < paxos->known.n; i++) {
		claims = &paxos->known.claims[i];
		if (claims->promise.round > round)
			round = claims->promise.round;
		if (claims->accepted.round > round)
			round = claims->accepted.round;
	}
	if (round == UINT64_MAX || (own = own_claims(paxos)) == NULL)
		return -1;
	own->promise.round = round + 1;
	own->promise.proposer = paxos->self;
	if (paxos->quorum == 1 && paxos_think(paxos) == -1)
		return -1;
	return 1;
}

/* Takes over the value of other claims, and where it comes from. */
static bool
accept_value(struct paxos_claims *own, const struct paxos_claims *other)
{
	uint64_t *value;

	if (other->nvalue > 0) {
		value = array_reserve(own->value, &own->value_size,
		    other->nvalue, sizeof(*value), PAXOS_NODES_MAX);
		if (value == NULL)
			return false;
		own->value = value;
		memmove(value, other->value, other->nvalue * sizeof(*value));
	}
	own->nvalue = other->nvalue;
	own->origin = other->origin;
	return true;
}

static int
claims_update(struct paxos_claims *ours, const struct paxos_claims *theirs)
{
	int learnt = 0;

	if (proposal_compare(&theirs->promise, &ours->promise) > 0) {
		ours->promise = theirs->promise;
		learnt = 1;
	}
	if (proposal_compare(&theirs->accepted, &ours->accepted) > 0) {
		if (!accept_value(ours, theirs))
			return -1;
		ours->accepted = theirs->accepted;
		learnt = 1;
	}
	return learnt;
}

static bool
claims_copy(struct paxos_table *table, const struct paxos_claims *theirs)
{
	struct paxos_claims *ours = paxos_table_append(table);

	if (ours == NULL)
		return false;
	ours->node = theirs->node;
	ours->promise = theirs->promise;
	if (!accept_value(ours, theirs))
		return false;
	ours->accepted = theirs->accepted;
	return true;
}

/* What was learnt before memory or room ran out stays: claims only grow. */
int
paxos_update(struct paxos *paxos, const struct paxos_table *theirs)
{
	const struct paxos_claims *claims;
	struct paxos_claims *ours;
	size_t sorted = paxos->known.n;
	int result = 0, learnt = 0;

	for (size_t i = 0; i < theirs->n && learnt != -1; i++) {
		claims = &theirs->claims[i];
		ours = table_find(&paxos->known, sorted, &claims->node);
		if (ours != NULL)
			learnt = claims_update(ours, claims);
		else
			learnt = claims_copy(&paxos->known, claims) ? 1 : -1;
		if (learnt != 0)
			result = learnt;
	}
	paxos_table_sort(&paxos->known);
	return result;
}

int
paxos_think(struct paxos *paxos)
{
	const struct paxos_claims *other;
	struct paxos_claims *own;
	struct paxos_proposal before;
	int changed;

	if ((changed = promise_highest(paxos)) == -1)
		return -1;
	own = table_find(&paxos->known, paxos->known.n, &paxos->self);
	if (own == NULL || own->promise.round == 0)
		return 0;
	before = own->accepted;
	if (proposal_equal(&own->accepted, &own->promise))
		return changed;
	if (!decide(paxos, own))
		return -1;
	other = accepted_as(paxos, &own->promise);
	if (other != NULL && other != own) {
		if (!accept_value(own, other))
			return -1;
		own->accepted = own->promise;
	}
	return changed || !proposal_equal(&own->accepted, &before);
}

/* Our promise becomes the highest that is known. */
static int
promise_highest(struct paxos *paxos)
{
	const struct paxos_claims *claims;
	struct paxos_claims *own;
	struct paxos_proposal highest = {0};

	for (size_t i = 0; i < paxos->known.n; i++) {
		claims = &paxos->known.claims[i];
		if (proposal_compare(&claims->promise, &highest) > 0)
			highest = claims->promise;
	}
	if (highest.round == 0)
		return 0;
	if ((own = own_claims(paxos)) == NULL)
		return -1;
	if (proposal_equal(&highest, &own->promise))
		return 0;
	own->promise = highest;
	return 1;
}

/* If the quorum promised to follow our proposal: give it a value, accept. */
static bool
decide(struct paxos *paxos, struct paxos_claims *own)
{
	const struct paxos_claims *best;
	size_t promised;

	if (paxos->quorum == 0 ||
	    node_compare(&own->promise.proposer, &paxos->self) != 0)
		return true;
	best = promised_best(paxos, &own->promise, &promised);
	if (promised < paxos->quorum)
		return true;
	if (best != NULL ? !accept_value(own, best)
			 : !propose_members(paxos, own))
		return false;
	own->accepted = own->promise;
	return true;
}

/* Nothing accepted before: the value is everybody known. */
static bool
propose_members(const struct paxos *paxos, struct paxos_claims *own)
{
	uint64_t name;

	own->nvalue = 0;
	for (size_t i = 0; i < paxos->known.n; i++) {
		name = paxos->known.claims[i].node.name;
		if (own->nvalue > 0 && own->value[own->nvalue - 1] == name)
			continue;
		if (!paxos_claims_append(own, name))
			return false;
	}
	own->origin = own->promise;
	return true;
}

/* Of those who promised: how many, and who accepted the highest, if any. */
static const struct paxos_claims *
promised_best(const struct paxos *paxos, const struct paxos_proposal *promise,
    size_t *promised)
{
	const struct paxos_claims *claims, *best = NULL;

	*promised = 0;
	for (size_t i = 0; i < paxos->known.n; i++) {
		claims = &paxos->known.claims[i];
		if (!proposal_equal(&claims->promise, promise))
			continue;
		(*promised)++;
		if (claims->accepted.round != 0 &&
		    (best == NULL ||
			proposal_compare(&claims->accepted, &best->accepted) >
			    0))
			best = claims;
	}
	return best;
}

static const struct paxos_claims *
accepted_as(const struct paxos *paxos, const struct paxos_proposal *proposal)
{
	for (size_t i = 0; i < paxos->known.n; i++)
		if (proposal_equal(&paxos->known.claims[i].accepted, proposal))
			return &paxos->known.claims[i];
	return NULL;
}

const struct paxos_claims *
paxos_consensus(const struct paxos *paxos)
{
	const struct paxos_claims *claims;

	if (paxos->quorum == 0)
		return NULL;
	for (size_t i = 0; i < paxos->known.n; i++) {
		claims = &paxos->known.claims[i];
		if (claims->accepted.round != 0 &&
		    origin_count(paxos, &claims->origin) >= paxos->quorum)
			return claims;
	}
	return NULL;
}

static size_t
origin_count(const struct paxos *paxos, const struct paxos_proposal *origin)
{
	const struct paxos_claims *claims;
	size_t count = 0;

	for (size_t i = 0; i < paxos->known.n; i++) {
		claims = &paxos->known.claims[i];
		if (claims->accepted.round != 0 &&
		    proposal_equal(&claims->origin, origin))
			count++;
	}
	return count;
}
