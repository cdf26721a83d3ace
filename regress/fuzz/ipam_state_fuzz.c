/*
 * A unicast body of IPAM. What decodes must survive its own encoding, and be
 * merged into a ring and a table of claims without leaving either broken.
 */
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/ipam/state.h"

#define PEER1 UINT64_C(0x0a0000000001)
#define PEER2 UINT64_C(0x0a0000000002)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void require(bool);
static void check_round_trip(const struct ipam_unicast *);
static bool adopt(const struct ring *, struct space *);
static void change_ring(struct ring *, struct space *);
static void check_ring(const struct ring *);
static void check_paxos(const struct paxos_table *);

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static void
check_round_trip(const struct ipam_unicast *unicast)
{
	struct ipam_unicast again;
	struct gob_encoder enc;

	gob_encode_init(&enc, 32 << 20);
	ipam_unicast_encode(&enc, unicast);
	require(!enc.failed);
	require(ipam_unicast_decode(&again, enc.data, enc.len) == NULL);
	require(again.kind == unicast->kind);
	require(again.range.start == unicast->range.start &&
	    again.range.end == unicast->range.end);
	require(again.state.now == unicast->state.now &&
	    again.state.nnicknames == unicast->state.nnicknames &&
	    again.state.has_paxos == unicast->state.has_paxos &&
	    again.state.paxos.n == unicast->state.paxos.n &&
	    again.state.has_ring == unicast->state.has_ring &&
	    again.state.ring.nentries == unicast->state.ring.nentries &&
	    again.state.ring.nseeds == unicast->state.ring.nseeds);
	ipam_unicast_free(&again);
	gob_encode_free(&enc);
}

/* The space owns what the ring says. */
static bool
adopt(const struct ring *ring, struct space *space)
{
	struct ip_range *ranges;
	size_t n;
	bool ok;

	n = ring_owned(ring, ring->peer, NULL, 0);
	ranges = calloc(n + 1, sizeof(*ranges));
	require(ranges != NULL);
	require(ring_owned(ring, ring->peer, ranges, n) == n);
	ok = space_set_owned(space, ranges, n);
	free(ranges);
	return ok;
}

/* Everything an allocator does to its ring. */
static void
change_ring(struct ring *ring, struct space *space)
{
	struct ip_range all = {ring->start, ring->end}, given;

	if (!adopt(ring, space))
		return;
	ring_count_free(ring, space);
	require(ring_check(ring) == NULL);
	if (space_donate(space, all, &given) &&
	    ring->nentries + 2 <= RING_ENTRIES_MAX) {
		require(ring_grant(ring, given, PEER2) == NULL);
		require(ring_check(ring) == NULL);
		ring_count_free(ring, space);
		require(ring_check(ring) == NULL);
	}
	ring_transfer(ring, PEER2, PEER1);
	require(ring_check(ring) == NULL);
}

static void
check_ring(const struct ring *theirs)
{
	static const uint64_t peers[] = {PEER1, PEER2};
	struct ip_range universe = {theirs->start, theirs->end};
	struct space space;
	struct ring ours;
	bool changed;

	if (universe.start >= universe.end)
		return;
	ring_init(&ours, universe, PEER1);
	space_init(&space);
	/* Without seeds any other ring may be merged. */
	require(ring_divide(&ours, peers, 2) == NULL);
	ours.nseeds = 0;
	require(adopt(&ours, &space));
	space_claim(&space, universe.start + 1);
	if (ring_merge(&ours, theirs, &space, &changed) == NULL) {
		require(ring_check(&ours) == NULL);
		change_ring(&ours, &space);
	}
	ring_free(&ours);
	space_free(&space);
}

static void
check_paxos(const struct paxos_table *theirs)
{
	struct paxos paxos;

	paxos_init(&paxos, PEER1, 1);
	paxos.quorum = 2;
	if (paxos_update(&paxos, theirs) == 1)
		paxos_think(&paxos);
	require(paxos_update(&paxos, theirs) != 1);
	paxos_think(&paxos);
	require(paxos_think(&paxos) != 1);
	paxos_propose(&paxos);
	paxos_think(&paxos);
	paxos_consensus(&paxos);
	paxos_free(&paxos);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipam_unicast unicast;

	if (ipam_unicast_decode(&unicast, data, size) != NULL)
		return 0;
	check_round_trip(&unicast);
	if (unicast.state.has_ring)
		check_ring(&unicast.state.ring);
	check_paxos(&unicast.state.paxos);
	ipam_unicast_free(&unicast);
	return 0;
}
