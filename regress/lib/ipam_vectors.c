#include "regress/lib/ipam_vectors.h"

#include <err.h>
#include <string.h>

#include "common/addr.h"
#include "regress/lib/vectors.h"

static struct paxos_proposal proposal_of(const json_t *, const char *);
static bool proposal_equal(struct paxos_proposal, struct paxos_proposal);
static bool claims_equal(const json_t *, const struct paxos_claims *);
static void add_entries(const json_t *, struct ring *);

uint32_t
ipam_vectors_addr(const char *text)
{
	uint32_t addr;

	if (text == NULL || !ipv4_parse(text, &addr))
		errx(1, "not an address in vector");
	return addr;
}

uint64_t
ipam_vectors_name(const char *text)
{
	uint64_t name;

	if (text == NULL || !peername_parse(text, &name))
		errx(1, "not a peer name in vector");
	return name;
}

struct ip_range
ipam_vectors_range(const json_t *object, const char *start, const char *end)
{
	return (struct ip_range){ipam_vectors_addr(vectors_text(object, start)),
	    ipam_vectors_addr(vectors_text(object, end))};
}

static void
add_entries(const json_t *entries, struct ring *ring)
{
	struct ring_entry entry;
	json_t *item;
	size_t i;

	json_array_foreach(entries, i, item) {
		entry.token = ipam_vectors_addr(vectors_text(item, "token"));
		entry.peer = ipam_vectors_name(vectors_text(item, "peer"));
		entry.version = (uint32_t)vectors_u64(item, "version");
		entry.free = (uint32_t)vectors_u64(item, "free");
		if (!ring_append(ring, &entry))
			errx(1, "ring full");
	}
}

void
ipam_vectors_ring(const json_t *object, struct ring *ring)
{
	json_t *item, *seeds = vectors_get(object, "seeds");
	size_t i;

	ring_init(ring, ipam_vectors_range(object, "start", "end"),
	    ipam_vectors_name(vectors_text(object, "peer")));
	add_entries(vectors_get(object, "entries"), ring);
	json_array_foreach(seeds, i, item)
		if (!ring_append_seed(
			ring, ipam_vectors_name(json_string_value(item))))
			errx(1, "seeds full");
}

bool
ipam_vectors_ring_equal(const struct ring *a, const struct ring *b)
{
	if (a->start != b->start || a->end != b->end || a->peer != b->peer ||
	    a->nentries != b->nentries || a->nseeds != b->nseeds)
		return false;
	for (size_t i = 0; i < a->nentries; i++)
		if (a->entries[i].token != b->entries[i].token ||
		    a->entries[i].peer != b->entries[i].peer ||
		    a->entries[i].version != b->entries[i].version ||
		    a->entries[i].free != b->entries[i].free)
			return false;
	for (size_t i = 0; i < a->nseeds; i++)
		if (a->seeds[i] != b->seeds[i])
			return false;
	return true;
}

static struct paxos_proposal
proposal_of(const json_t *object, const char *key)
{
	const json_t *proposal = vectors_get(object, key);

	return (struct paxos_proposal){.round = vectors_u64(proposal, "round"),
	    .proposer = {.name = ipam_vectors_name(
			     vectors_text(proposal, "proposer_name")),
		.uid = vectors_u64(proposal, "proposer_uid")}};
}

static bool
proposal_equal(struct paxos_proposal a, struct paxos_proposal b)
{
	return a.round == b.round && a.proposer.name == b.proposer.name &&
	    a.proposer.uid == b.proposer.uid;
}

bool
ipam_vectors_names_equal(const json_t *list, const uint64_t *names, size_t n)
{
	const json_t *item;
	size_t i, j;

	if (json_array_size(list) != n)
		return false;
	json_array_foreach(list, i, item) {
		for (j = 0; j < n; j++)
			if (names[j] ==
			    ipam_vectors_name(json_string_value(item)))
				break;
		if (j == n)
			return false;
	}
	return true;
}

static bool
claims_equal(const json_t *object, const struct paxos_claims *claims)
{
	return proposal_equal(
		   proposal_of(object, "promise"), claims->promise) &&
	    proposal_equal(proposal_of(object, "accepted"), claims->accepted) &&
	    proposal_equal(
		proposal_of(object, "accepted_origin"), claims->origin) &&
	    ipam_vectors_names_equal(vectors_get(object, "accepted_value"),
		claims->value, claims->nvalue);
}

bool
ipam_vectors_paxos_equal(const json_t *list, const struct paxos_table *table)
{
	const json_t *item;
	size_t i, j;

	if (json_array_size(list) != table->n)
		return false;
	json_array_foreach(list, i, item) {
		for (j = 0; j < table->n; j++)
			if (table->claims[j].node.name ==
				ipam_vectors_name(
				    vectors_text(item, "node_name")) &&
			    table->claims[j].node.uid ==
				vectors_u64(item, "node_uid"))
				break;
		if (j == table->n || !claims_equal(item, &table->claims[j]))
			return false;
	}
	return true;
}
