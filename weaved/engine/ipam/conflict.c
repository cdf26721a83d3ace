/*
 * Rings that contradict ours. Only the owner of a range may change its
 * entries, so this happens when an operator removed a peer that lives
 * (rmpeer), restored an old disk, or began two rings.
 *
 * What is safe is done. A range that another peer claims in a higher version
 * is lost to us: everybody else believes them. What of it is in use here stays
 * with its owner and is asked for, address by address, as a claim is: if the
 * new owner has it free it becomes ours again, else it is in use twice, and
 * shown. A ring of our own that nobody ever used is given up for another.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "weaved/engine/ipam/allocator_internal.h"

#define RANGE_TEXT (2 * IPV4_STRLEN)

static struct conflict *conflict_slot(struct ipam *, const char *, uint64_t);
static bool cede(struct ipam *, const struct ring *, bool *);
static bool stand_up(struct ipam *, struct ring *, const struct ring *);
static void drop_beyond(const struct ring *, struct ring *);
static bool is_unused(const struct ipam *);
static bool is_used(const struct ring *);
static bool seeds_before(const struct ring *, const struct ring *);
static bool adopt_other(struct ipam *, const struct ring *);
static const char *range_text(const struct ring *, char[RANGE_TEXT]);
static bool contested(const struct ipam *, const struct owner *);

static struct conflict *
conflict_slot(struct ipam *ipam, const char *text, uint64_t now)
{
	struct conflict *oldest = ipam->conflicts;

	for (size_t i = 0; i < CONFLICTS_MAX; i++) {
		struct conflict *conflict = &ipam->conflicts[i];

		if (strcmp(conflict->text, text) == 0 &&
		    now - conflict->last < CONFLICT_AGE_MS)
			return conflict;
		if (conflict->last < oldest->last)
			oldest = conflict;
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->since = now;
	return oldest;
}

void
conflict_note(
    struct ipam *ipam, uint64_t peer, uint64_t now, const char *fmt, ...)
{
	struct conflict *conflict;
	char text[CTL_CAUSE_MAX];
	uint32_t suppressed;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	conflict = conflict_slot(ipam, text, now);
	strlcpy(conflict->text, text, sizeof(conflict->text));
	conflict->peer = peer;
	conflict->last = now;
	conflict->count++;
	ipam->counters.conflicts++;
	if (log_limit_pass(&ipam->log_conflict, now, &suppressed))
		log_warn("IPAM: conflict: %s (%u more)", text, suppressed);
}

/* Nobody but us knows of our ring, and we do not use it. */
static bool
is_unused(const struct ipam *ipam)
{
	for (size_t i = 0; i < ipam->ring.nentries; i++)
		if (ipam->ring.entries[i].peer != ipam->conf.name)
			return false;
	return !space_in_use(&ipam->space, ipam->universe);
}

static bool
is_used(const struct ring *ring)
{
	for (size_t i = 0; i < ring->nentries; i++)
		if (ring->entries[i].peer != ring->entries[0].peer ||
		    ring->entries[i].free != ring_entry_size(ring, i))
			return true;
	return false;
}

static bool
seeds_before(const struct ring *a, const struct ring *b)
{
	if (a->nseeds != b->nseeds)
		return a->nseeds < b->nseeds;
	for (size_t i = 0; i < a->nseeds; i++)
		if (a->seeds[i] != b->seeds[i])
			return a->seeds[i] < b->seeds[i];
	return false;
}

/* Of two unused rings that with the lower seeds stays. */
static bool
adopt_other(struct ipam *ipam, const struct ring *theirs)
{
	struct ring ring;

	if (theirs->start != ipam->ring.start ||
	    theirs->end != ipam->ring.end || !is_unused(ipam) ||
	    (!is_used(theirs) && !seeds_before(theirs, &ipam->ring)) ||
	    !ring_copy(&ring, theirs))
		return false;
	ring.peer = ipam->conf.name;
	ring_free(&ipam->ring);
	ipam->ring = ring;
	return true;
}

/*
 * Two owners in one version: the one with the higher name keeps it. That one
 * raises the version, for all others to learn who it was.
 */
static bool
stand_up(struct ipam *ipam, struct ring *ours, const struct ring *theirs)
{
	bool raised = false;
	size_t j = 0;

	for (size_t i = 0; i < ours->nentries; i++) {
		struct ring_entry *entry = &ours->entries[i];
		const struct ring_entry *other;

		while (j < theirs->nentries &&
		    theirs->entries[j].token < entry->token)
			j++;
		if (j == theirs->nentries)
			break;
		other = &theirs->entries[j];
		if (entry->peer == ipam->conf.name &&
		    other->token == entry->token &&
		    other->version == entry->version &&
		    other->peer < entry->peer && entry->version != UINT32_MAX) {
			entry->version++;
			raised = true;
		}
	}
	return raised;
}

/* Nobody but its owner can divide the last range: that is never taken. */
static void
drop_beyond(const struct ring *ours, struct ring *theirs)
{
	const struct ring_entry *last = &ours->entries[ours->nentries - 1];

	if (last->peer != ours->peer)
		return;
	while (theirs->nentries > 0 &&
	    theirs->entries[theirs->nentries - 1].token > last->token)
		theirs->nentries--;
}

/* Takes theirs as if nothing of ours was in use. */
static bool
cede(struct ipam *ipam, const struct ring *theirs, bool *changed)
{
	static const struct space unused;
	struct ring ours, other;
	bool raised, done;

	if (!ring_copy(&ours, &ipam->ring))
		return false;
	if (!ring_copy(&other, theirs)) {
		ring_free(&ours);
		return false;
	}
	raised = stand_up(ipam, &ours, &other);
	drop_beyond(&ours, &other);
	done = ring_merge(&ours, &other, &unused, changed) == NULL;
	*changed |= raised;
	if (done && *changed) {
		ring_free(&ipam->ring);
		ipam->ring = ours;
	} else
		ring_free(&ours);
	ring_free(&other);
	return done;
}

static const char *
range_text(const struct ring *ring, char buf[RANGE_TEXT])
{
	char first[IPV4_STRLEN], last[IPV4_STRLEN];

	snprintf(buf, RANGE_TEXT, "%s-%s", ipv4_format(ring->start, first),
	    ipv4_format(ring->end - 1, last));
	return buf;
}

bool
conflict_repair(struct ipam *ipam, uint64_t source, const struct ring *theirs,
    const char *why, uint64_t now)
{
	char peer[IPAM_PEER_TEXT], received[RANGE_TEXT], own[RANGE_TEXT];
	uint64_t who = source;
	bool changed = false;

	if (who == PEERNAME_UNKNOWN)
		who = theirs->peer & PEERNAME_MAX;
	ipam_peer_text(ipam, who, peer, sizeof(peer));
	if (theirs->start != ipam->ring.start || theirs->end != ipam->ring.end)
		conflict_note(ipam, who, now,
		    "Incompatible IP allocation ranges (received: %s, ours: "
		    "%s) from %s",
		    range_text(theirs, received), range_text(&ipam->ring, own),
		    peer);
	else
		conflict_note(ipam, who, now, "%s, says %s", why, peer);
	if (ring_check(theirs) != NULL || !ipam_has_ring(ipam))
		return false;
	if (!cede(ipam, theirs, &changed))
		changed = adopt_other(ipam, theirs);
	if (changed)
		ipam->counters.repairs++;
	return changed;
}

/* In use here, and of our range, but not ours. */
static bool
contested(const struct ipam *ipam, const struct owner *owner)
{
	uint64_t peer = ring_owner(&ipam->ring, owner->addr);

	return peer != PEERNAME_UNKNOWN && peer != ipam->conf.name;
}

void
conflict_reclaim(struct ipam *ipam)
{
	uint32_t index = 0, asked = 0;
	struct owner *owner;

	for (owner = owners_first(&ipam->owners, NULL); owner != NULL;
	     owner = owners_next(owner, NULL), index++) {
		if (index < ipam->reclaim || !contested(ipam, owner))
			continue;
		if (asked++ == RECLAIMS_AT_ONCE) {
			ipam->reclaim = index;
			return;
		}
		ipam_ask_space(ipam, ring_owner(&ipam->ring, owner->addr),
		    (struct ip_range){owner->addr, owner->addr + 1});
	}
	ipam->reclaim = 0;
}

void
conflict_denied(
    struct ipam *ipam, uint64_t from, struct ip_range range, uint64_t now)
{
	char addr[IPV4_STRLEN], peer[IPAM_PEER_TEXT];
	const struct owner *owner;

	if (range.end - range.start != 1)
		return;
	owner = owners_find_addr(&ipam->owners, range.start);
	if (owner == NULL || !contested(ipam, owner))
		return;
	conflict_note(ipam, from, now,
	    "%s is in use here by %s and belongs to %s",
	    ipv4_format(owner->addr, addr), owner->id,
	    ipam_peer_text(ipam, from, peer, sizeof(peer)));
}
