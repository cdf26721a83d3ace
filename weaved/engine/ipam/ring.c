#include <stdlib.h>
#include <string.h>

#include "common/sort.h"
#include "weaved/engine/ipam/array.h"
#include "weaved/engine/ipam/ring.h"

#define TRANSFER_VERSION 100 /* 10.7 */

/* Two rings being walked by token (10.5). */
struct merge {
	const struct ring *ours;
	const struct ring *theirs;
	const struct space *space;
	struct ring_entry *result;
	size_t n, i, j; /* result, ours, theirs */
	/* The entry before is our own, and not one just taken from theirs. */
	bool before_ours;
	bool changed;
};

static uint32_t version_add(uint32_t, uint32_t);
static uint32_t distance(const struct ring *, uint32_t, uint32_t);
static uint32_t next_token(const struct ring *, size_t);
static const char *check_tokens(const struct ring *);
static bool reserve(struct ring *, size_t);
static size_t find(const struct ring *, uint32_t);
static uint32_t range_count_free(
    const struct ring *, const struct space *, size_t);
static int peer_compare(const void *, const void *);
static size_t peers_unique(uint64_t *, size_t);
static const char *divide(
    struct ring *, struct ip_range, const uint64_t *, size_t);
static const char *check_alike(const struct ring *, const struct ring *);
static bool in_use(const struct merge *, uint32_t, uint32_t);
static void keep(struct merge *);
static void take(struct merge *);
static const char *merge_walk(struct merge *);
static const char *merge_only_theirs(struct merge *);
static const char *merge_same_token(struct merge *);
static const char *merge_same_version(struct merge *);
static const char *merge_higher(struct merge *);
static const char *merge_finish(struct merge *, struct ring *);
static bool owns(const struct ring *, struct ip_range);
static void insert(struct ring *, size_t, uint32_t, uint64_t);
static void grant_start(struct ring *, struct ip_range, uint64_t);
static void grant_inside(struct ring *, struct ip_range, uint64_t);
static void grant_end(struct ring *, uint32_t);

static uint32_t
version_add(uint32_t version, uint32_t more)
{
	return version > UINT32_MAX - more ? UINT32_MAX : version + more;
}

/* Once around the universe if both are the same. */
static uint32_t
distance(const struct ring *ring, uint32_t from, uint32_t to)
{
	if (to > from)
		return to - from;
	return ring->end - from + (to - ring->start);
}

static uint32_t
next_token(const struct ring *ring, size_t i)
{
	return ring->entries[(i + 1) % ring->nentries].token;
}

void
ring_init(struct ring *ring, struct ip_range universe, uint64_t peer)
{
	memset(ring, 0, sizeof(*ring));
	ring->start = universe.start;
	ring->end = universe.end;
	ring->peer = peer;
}

void
ring_free(struct ring *ring)
{
	free(ring->entries);
	free(ring->seeds);
	memset(ring, 0, sizeof(*ring));
}

static bool
reserve(struct ring *ring, size_t want)
{
	struct ring_entry *entries;

	entries = array_reserve(ring->entries, &ring->size, want,
	    sizeof(*entries), RING_ENTRIES_MAX);
	if (entries == NULL)
		return false;
	ring->entries = entries;
	return true;
}

bool
ring_append(struct ring *ring, const struct ring_entry *entry)
{
	if (!reserve(ring, ring->nentries + 1))
		return false;
	ring->entries[ring->nentries++] = *entry;
	return true;
}

bool
ring_append_seed(struct ring *ring, uint64_t peer)
{
	uint64_t *seeds;

	seeds = array_reserve(ring->seeds, &ring->seeds_size, ring->nseeds + 1,
	    sizeof(*seeds), RING_SEEDS_MAX);
	if (seeds == NULL)
		return false;
	ring->seeds = seeds;
	ring->seeds[ring->nseeds++] = peer;
	return true;
}

const char *
ring_check(const struct ring *ring)
{
	const char *error = check_tokens(ring);

	for (size_t i = 0; error == NULL && i < ring->nentries; i++)
		if (ring->entries[i].free >
		    distance(ring, ring->entries[i].token, next_token(ring, i)))
			error = "more free addresses than there are";
	return error;
}

static const char *
check_tokens(const struct ring *ring)
{
	const struct ring_entry *entry;

	if (ring->start >= ring->end)
		return "empty address range";
	for (size_t i = 0; i < ring->nentries; i++) {
		entry = &ring->entries[i];
		if (entry->token < ring->start || entry->token >= ring->end)
			return "token out of range";
		if (i > 0 && entry->token < entry[-1].token)
			return "ring not sorted";
		if (i > 0 && entry->token == entry[-1].token)
			return "token twice in ring";
	}
	return NULL;
}

/* The first entry at or after token. */
static size_t
find(const struct ring *ring, uint32_t token)
{
	size_t low = 0, high = ring->nentries, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (ring->entries[middle].token >= token)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static int
peer_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Sorts; returns how many there are without the duplicates. */
static size_t
peers_unique(uint64_t *peers, size_t n)
{
	size_t kept = 0;

	sort_array(peers, n, sizeof(*peers), peer_compare);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || peers[i] != peers[i - 1])
			peers[kept++] = peers[i];
	return kept;
}

const char *
ring_divide(struct ring *ring, const uint64_t *peers, size_t npeers)
{
	struct ip_range all = {ring->start, ring->end};
	const char *error = NULL;

	if (ring->nentries != 0 || ring->nseeds != 0)
		return "the ring exists already";
	if (npeers == 0)
		return "no peers to divide among";
	if (all.start >= all.end)
		return "empty address range";
	for (size_t i = 0; error == NULL && i < npeers; i++)
		if (!ring_append_seed(ring, peers[i]))
			error = "too many peers to divide among";
	if (error == NULL) {
		ring->nseeds = peers_unique(ring->seeds, ring->nseeds);
		error = divide(ring, all, ring->seeds, ring->nseeds);
	}
	if (error != NULL)
		ring->nentries = ring->nseeds = 0;
	return error;
}

/* Nests 32 deep at most: the range is halved every time. */
static const char *
divide(
    struct ring *ring, struct ip_range range, const uint64_t *peers, size_t n)
{
	uint32_t size = range.end - range.start;
	uint32_t middle = range.start + size / 2;
	const char *error;

	if (n == 1 || size == 1)
		return ring_append(ring,
			   &(struct ring_entry){.peer = peers[0],
			       .token = range.start,
			       .free = size})
		    ? NULL
		    : "no memory";
	error =
	    divide(ring, (struct ip_range){range.start, middle}, peers, n / 2);
	if (error != NULL)
		return error;
	return divide(ring, (struct ip_range){middle, range.end}, peers + n / 2,
	    n - n / 2);
}

const char *
ring_merge(struct ring *ours, const struct ring *theirs,
    const struct space *space, bool *changed)
{
	struct merge merge = {.ours = ours, .theirs = theirs, .space = space};
	const char *error;

	*changed = false;
	if ((error = ring_check(theirs)) != NULL ||
	    (error = check_alike(ours, theirs)) != NULL)
		return error;
	merge.result = calloc(
	    ours->nentries + theirs->nentries + 1, sizeof(*merge.result));
	if (merge.result == NULL)
		return "no memory";
	if ((error = merge_walk(&merge)) == NULL)
		error = merge_finish(&merge, ours);
	if (error != NULL)
		free(merge.result);
	else
		*changed = merge.changed;
	return error;
}

static const char *
check_alike(const struct ring *ours, const struct ring *theirs)
{
	if (ours->nseeds != 0 && theirs->nseeds != 0 &&
	    (ours->nseeds != theirs->nseeds ||
		memcmp(ours->seeds, theirs->seeds,
		    ours->nseeds * sizeof(*ours->seeds)) != 0))
		return "IP allocation was seeded by different peers";
	if (ours->start != theirs->start || ours->end != theirs->end)
		return "ring of another address range";
	return NULL;
}

static const char *
merge_walk(struct merge *merge)
{
	const struct ring *ours = merge->ours, *theirs = merge->theirs;
	const char *error = NULL;

	while (error == NULL) {
		if (merge->j == theirs->nentries) {
			if (merge->i == ours->nentries)
				break;
			keep(merge);
		} else if (merge->i == ours->nentries ||
		    ours->entries[merge->i].token >
			theirs->entries[merge->j].token) {
			error = merge_only_theirs(merge);
		} else if (ours->entries[merge->i].token <
		    theirs->entries[merge->j].token) {
			keep(merge);
		} else {
			error = merge_same_token(merge);
		}
	}
	return error;
}

/* From one token up to another, which may lie beyond the universe's end. */
static bool
in_use(const struct merge *merge, uint32_t from, uint32_t to)
{
	struct ip_range head = {merge->ours->start, to};
	struct ip_range tail = {from, merge->ours->end};

	if (to > from)
		return space_in_use(merge->space, (struct ip_range){from, to});
	return space_in_use(merge->space, tail) ||
	    (head.start < head.end && space_in_use(merge->space, head));
}

static void
keep(struct merge *merge)
{
	merge->result[merge->n] = merge->ours->entries[merge->i++];
	merge->before_ours =
	    merge->result[merge->n++].peer == merge->ours->peer;
}

static void
take(struct merge *merge)
{
	merge->result[merge->n++] = merge->theirs->entries[merge->j++];
	merge->before_ours = false;
	merge->changed = true;
}

static const char *
merge_only_theirs(struct merge *merge)
{
	const struct ring *ours = merge->ours;
	const struct ring_entry *their = &merge->theirs->entries[merge->j];

	if (merge->before_ours && their->peer != ours->peer &&
	    (merge->i == ours->nentries ||
		in_use(merge, their->token, ours->entries[merge->i].token)))
		return "another peer claims addresses inside a range of ours";
	take(merge);
	return NULL;
}

static const char *
merge_same_token(struct merge *merge)
{
	const struct ring_entry *our = &merge->ours->entries[merge->i];
	const struct ring_entry *their = &merge->theirs->entries[merge->j];

	if (their->version > our->version)
		return merge_higher(merge);
	if (their->version == our->version && their->peer != our->peer)
		return merge_same_version(merge);
	keep(merge);
	merge->j++;
	return NULL;
}

/* Two owners in the same version. */
static const char *
merge_same_version(struct merge *merge)
{
	const struct ring_entry *our = &merge->ours->entries[merge->i];
	const struct ring_entry *their = &merge->theirs->entries[merge->j];

	if (our->peer == merge->ours->peer &&
	    in_use(merge, our->token, next_token(merge->ours, merge->i)))
		return "another peer claims a range of ours in the same version";
	if (their->free > our->free) {
		take(merge);
		merge->i++;
	} else {
		keep(merge);
		merge->j++;
	}
	return NULL;
}

/* Nobody but we may raise the version of what we own, and still some do. */
static const char *
merge_higher(struct merge *merge)
{
	const struct ring_entry *our = &merge->ours->entries[merge->i];
	const struct ring_entry *their = &merge->theirs->entries[merge->j];

	if (our->peer == merge->ours->peer && their->peer == our->peer) {
		keep(merge);
		merge->result[merge->n - 1].version =
		    version_add(their->version, 1);
		merge->j++;
		return NULL;
	}
	if (our->peer == merge->ours->peer &&
	    in_use(merge, our->token, next_token(merge->ours, merge->i)))
		return "another peer claims a range of ours";
	take(merge);
	merge->i++;
	return NULL;
}

/* Puts the result into the ring. On an error nothing has changed. */
static const char *
merge_finish(struct merge *merge, struct ring *ours)
{
	struct ring ring = *ours;
	const char *error;
	uint32_t room;

	if (merge->n > RING_ENTRIES_MAX)
		return "too many entries in the ring";
	ring.entries = merge->result;
	ring.nentries = merge->n;
	ring.size = ours->nentries + merge->theirs->nentries + 1;
	for (size_t i = 0; i < ring.nentries; i++) {
		room = distance(
		    &ring, ring.entries[i].token, next_token(&ring, i));
		if (ring.entries[i].peer == ring.peer &&
		    ring.entries[i].free > room)
			ring.entries[i].free = room;
	}
	if ((error = ring_check(&ring)) != NULL)
		return error;
	if (ours->nseeds == 0)
		for (size_t i = 0; i < merge->theirs->nseeds; i++)
			if (!ring_append_seed(&ring, merge->theirs->seeds[i]))
				error = "no memory";
	if (error != NULL) {
		ours->seeds = ring.seeds;
		ours->seeds_size = ring.seeds_size;
		return error;
	}
	free(ours->entries);
	*ours = ring;
	return NULL;
}

const char *
ring_grant(struct ring *ring, struct ip_range range, uint64_t to)
{
	if (!owns(ring, range))
		return "granting a range that is not ours";
	if (!reserve(ring, ring->nentries + 2))
		return "too many entries in the ring";
	grant_start(ring, range, to);
	grant_inside(ring, range, to);
	grant_end(ring, range.end == ring->end ? ring->start : range.end);
	return NULL;
}

static bool
owns(const struct ring *ring, struct ip_range range)
{
	size_t i;

	if (ring->nentries == 0 || range.start >= range.end ||
	    range.start < ring->start || range.end > ring->end)
		return false;
	i = find(ring, range.start);
	if ((i == ring->nentries || ring->entries[i].token != range.start) &&
	    ring->entries[i == 0 ? ring->nentries - 1 : i - 1].peer !=
		ring->peer)
		return false;
	for (; i < ring->nentries && ring->entries[i].token < range.end; i++)
		if (ring->entries[i].peer != ring->peer)
			return false;
	return true;
}

/* There is room. */
static void
insert(struct ring *ring, size_t i, uint32_t token, uint64_t peer)
{
	memmove(ring->entries + i + 1, ring->entries + i,
	    (ring->nentries - i) * sizeof(*ring->entries));
	ring->entries[i] = (struct ring_entry){.peer = peer, .token = token};
	ring->nentries++;
}

static void
grant_start(struct ring *ring, struct ip_range range, uint64_t to)
{
	struct ring_entry *entry, *before;
	size_t i = find(ring, range.start);
	uint32_t room;

	if (i < ring->nentries && ring->entries[i].token == range.start) {
		entry = &ring->entries[i];
		entry->peer = to;
		entry->version = version_add(entry->version, 1);
	} else {
		insert(ring, i, range.start, to);
		entry = &ring->entries[i];
		before = &ring->entries[i == 0 ? ring->nentries - 1 : i - 1];
		before->version = version_add(before->version, 1);
		before->free = distance(ring, before->token, range.start);
	}
	room = distance(ring, range.start, next_token(ring, i));
	entry->free = range.end - range.start;
	if (entry->free > room)
		entry->free = room;
}

static void
grant_inside(struct ring *ring, struct ip_range range, uint64_t to)
{
	struct ring_entry *entry;
	size_t i = find(ring, range.start) + 1;

	for (; i < ring->nentries; i++) {
		entry = &ring->entries[i];
		if (entry->token >= range.end)
			break;
		entry->peer = to;
		entry->version = version_add(entry->version, 1);
		if (entry->free > range.end - entry->token)
			entry->free = range.end - entry->token;
	}
}

/* What follows the range stays ours. */
static void
grant_end(struct ring *ring, uint32_t token)
{
	size_t i = find(ring, token);

	if (i < ring->nentries && ring->entries[i].token == token)
		return;
	insert(ring, i, token, ring->peer);
	ring->entries[i].free = distance(ring, token, next_token(ring, i));
}

size_t
ring_transfer(struct ring *ring, uint64_t from, uint64_t to)
{
	struct ring_entry *entry;
	size_t n = 0;

	for (size_t i = 0; i < ring->nentries; i++) {
		entry = &ring->entries[i];
		if (entry->peer != from)
			continue;
		entry->peer = to;
		entry->version = version_add(entry->version, TRANSFER_VERSION);
		n++;
	}
	return n;
}

bool
ring_count_free(struct ring *ring, const struct space *space)
{
	struct ring_entry *entry;
	uint32_t count;
	bool changed = false;

	for (size_t i = 0; i < ring->nentries; i++) {
		entry = &ring->entries[i];
		if (entry->peer != ring->peer)
			continue;
		count = range_count_free(ring, space, i);
		if (entry->free == count)
			continue;
		entry->free = count;
		entry->version = version_add(entry->version, 1);
		changed = true;
	}
	return changed;
}

static uint32_t
range_count_free(const struct ring *ring, const struct space *space, size_t i)
{
	uint32_t from = ring->entries[i].token;
	uint32_t to = next_token(ring, i);

	if (to > from)
		return space_count_free(space, (struct ip_range){from, to});
	return space_count_free(space, (struct ip_range){from, ring->end}) +
	    space_count_free(space, (struct ip_range){ring->start, to});
}

size_t
ring_owned(
    const struct ring *ring, uint64_t peer, struct ip_range *ranges, size_t max)
{
	const struct ring_entry *entries = ring->entries;
	struct ip_range range;
	size_t n = 0, last = ring->nentries;

	if (last == 0)
		return 0;
	if (entries[--last].peer == peer && entries[0].token > ring->start) {
		if (n < max)
			ranges[n] =
			    (struct ip_range){ring->start, entries[0].token};
		n++;
	}
	for (size_t i = 0; i <= last; i++) {
		if (entries[i].peer != peer)
			continue;
		range.start = entries[i].token;
		range.end = i == last ? ring->end : entries[i + 1].token;
		if (n < max)
			ranges[n] = range;
		n++;
	}
	return n;
}

uint64_t
ring_owner(const struct ring *ring, uint32_t addr)
{
	size_t i;

	if (ring->nentries == 0 || addr < ring->start || addr >= ring->end)
		return PEERNAME_UNKNOWN;
	i = find(ring, addr);
	if (i == ring->nentries || ring->entries[i].token != addr)
		i = i == 0 ? ring->nentries - 1 : i - 1;
	return ring->entries[i].peer;
}

uint32_t
ring_entry_size(const struct ring *ring, size_t i)
{
	return distance(ring, ring->entries[i].token, next_token(ring, i));
}

uint32_t
ring_count_owned(const struct ring *ring, uint64_t peer)
{
	uint32_t count = 0;

	for (size_t i = 0; i < ring->nentries; i++)
		if (ring->entries[i].peer == peer)
			count += ring_entry_size(ring, i);
	return count;
}

bool
ring_copy(struct ring *copy, const struct ring *ring)
{
	bool ok = true;

	ring_init(copy, (struct ip_range){ring->start, ring->end}, ring->peer);
	for (size_t i = 0; ok && i < ring->nentries; i++)
		ok = ring_append(copy, &ring->entries[i]);
	for (size_t i = 0; ok && i < ring->nseeds; i++)
		ok = ring_append_seed(copy, ring->seeds[i]);
	if (!ok)
		ring_free(copy);
	return ok;
}
