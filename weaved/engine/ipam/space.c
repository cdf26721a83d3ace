#include <stdlib.h>
#include <string.h>

#include "weaved/engine/ipam/array.h"
#include "weaved/engine/ipam/space.h"

#define MAX(a, b) ((a) > (b) ? (a) : (b))
#define MIN(a, b) ((a) < (b) ? (a) : (b))

static bool list_reserve(struct range_list *, size_t);
static bool list_append(struct range_list *, struct ip_range);
static bool list_subtract(
    struct range_list *, const struct range_list *, const struct range_list *);
static size_t list_find(const struct range_list *, uint32_t);
static bool list_contains(const struct range_list *, uint32_t);
static uint32_t list_count(const struct range_list *, struct ip_range);
static void list_replace(
    struct range_list *, size_t, size_t, const struct ip_range *, size_t);
static bool list_add(struct range_list *, struct ip_range);
static bool list_remove(struct range_list *, struct ip_range);
static bool choose_block(
    const struct range_list *, struct ip_range, struct ip_range *);

static bool
list_reserve(struct range_list *list, size_t want)
{
	struct ip_range *items;

	items = array_reserve(
	    list->items, &list->size, want, sizeof(*items), SPACE_RANGES_MAX);
	if (items == NULL)
		return false;
	list->items = items;
	return true;
}

static bool
list_append(struct range_list *list, struct ip_range range)
{
	struct ip_range *last = list->n == 0 ? NULL : &list->items[list->n - 1];

	if (range.start >= range.end)
		return false;
	if (last != NULL && range.start < last->end)
		return false;
	if (last != NULL && range.start == last->end) {
		last->end = range.end;
		return true;
	}
	if (!list_reserve(list, list->n + 1))
		return false;
	list->items[list->n++] = range;
	return true;
}

/* out, empty: what is in a and not in b. */
static bool
list_subtract(struct range_list *out, const struct range_list *a,
    const struct range_list *b)
{
	struct ip_range left;
	size_t j = 0;

	for (size_t i = 0; i < a->n; i++) {
		left = a->items[i];
		while (j < b->n && b->items[j].end <= left.start)
			j++;
		for (; j < b->n && b->items[j].start < left.end; j++) {
			if (b->items[j].start > left.start &&
			    !list_append(out,
				(struct ip_range){
				    left.start, b->items[j].start}))
				return false;
			left.start = MIN(b->items[j].end, left.end);
			if (b->items[j].end > left.end)
				break;
		}
		if (left.start < left.end && !list_append(out, left))
			return false;
	}
	return true;
}

/* The first range that ends after addr. */
static size_t
list_find(const struct range_list *list, uint32_t addr)
{
	size_t low = 0, high = list->n, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (list->items[middle].end > addr)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static bool
list_contains(const struct range_list *list, uint32_t addr)
{
	size_t i = list_find(list, addr);

	return i < list->n && list->items[i].start <= addr;
}

static uint32_t
list_count(const struct range_list *list, struct ip_range range)
{
	const struct ip_range *item;
	uint32_t count = 0;

	for (size_t i = list_find(list, range.start); i < list->n; i++) {
		item = &list->items[i];
		if (item->start >= range.end)
			break;
		count +=
		    MIN(item->end, range.end) - MAX(item->start, range.start);
	}
	return count;
}

/* Puts n ranges in the place of those from low up to high; there is room. */
static void
list_replace(struct range_list *list, size_t low, size_t high,
    const struct ip_range *with, size_t n)
{
	memmove(list->items + low + n, list->items + high,
	    (list->n - high) * sizeof(*list->items));
	if (n > 0)
		memcpy(list->items + low, with, n * sizeof(*with));
	list->n = list->n - (high - low) + n;
}

static bool
list_add(struct range_list *list, struct ip_range range)
{
	size_t low, high;

	if (!list_reserve(list, list->n + 1))
		return false;
	low = list_find(list, range.start);
	if (low > 0 && list->items[low - 1].end == range.start)
		low--;
	for (high = low; high < list->n; high++) {
		if (list->items[high].start > range.end)
			break;
		range.start = MIN(range.start, list->items[high].start);
		range.end = MAX(range.end, list->items[high].end);
	}
	list_replace(list, low, high, &range, 1);
	return true;
}

static bool
list_remove(struct range_list *list, struct ip_range range)
{
	struct ip_range rest[2];
	size_t low, high, n = 0;

	if (!list_reserve(list, list->n + 1))
		return false;
	low = high = list_find(list, range.start);
	while (high < list->n && list->items[high].start < range.end)
		high++;
	if (low == high)
		return true;
	if (list->items[low].start < range.start)
		rest[n++] =
		    (struct ip_range){list->items[low].start, range.start};
	if (list->items[high - 1].end > range.end)
		rest[n++] =
		    (struct ip_range){range.end, list->items[high - 1].end};
	list_replace(list, low, high, rest, n);
	return true;
}

void
space_init(struct space *space)
{
	memset(space, 0, sizeof(*space));
}

void
space_free(struct space *space)
{
	free(space->owned.items);
	free(space->free.items);
	memset(space, 0, sizeof(*space));
}

bool
space_set_owned(struct space *space, const struct ip_range *ranges, size_t n)
{
	struct range_list owned = {0}, unused = {0}, used = {0};
	uint32_t changes = space->changes;
	bool ok = true;

	for (size_t i = 0; ok && i < n; i++)
		ok = list_append(&owned, ranges[i]);
	ok = ok && list_subtract(&used, &space->owned, &space->free) &&
	    list_subtract(&unused, &owned, &used);
	free(used.items);
	if (!ok) {
		free(owned.items);
		free(unused.items);
		return false;
	}
	space_free(space);
	space->owned = owned;
	space->free = unused;
	space->changes = changes + 1;
	return true;
}

bool
space_allocate(struct space *space, struct ip_range range, uint32_t *addr)
{
	size_t i = list_find(&space->free, range.start);
	uint32_t lowest;

	if (i == space->free.n)
		return false;
	lowest = MAX(space->free.items[i].start, range.start);
	if (lowest >= range.end || !space_claim(space, lowest))
		return false;
	*addr = lowest;
	return true;
}

bool
space_claim(struct space *space, uint32_t addr)
{
	return list_contains(&space->free, addr) &&
	    list_remove(&space->free, (struct ip_range){addr, addr + 1});
}

bool
space_release(struct space *space, uint32_t addr)
{
	return list_contains(&space->owned, addr) &&
	    !list_contains(&space->free, addr) &&
	    list_add(&space->free, (struct ip_range){addr, addr + 1});
}

uint32_t
space_count_free(const struct space *space, struct ip_range range)
{
	return list_count(&space->free, range);
}

bool
space_in_use(const struct space *space, struct ip_range range)
{
	return list_count(&space->owned, range) !=
	    list_count(&space->free, range);
}

struct ip_range
space_block(uint32_t start, uint32_t size)
{
	uint32_t most = UINT32_C(1) << (31 - __builtin_clz(size));
	uint32_t half = most / 2, off = start & (most - 1);

	if (off != 0 && most - off <= size - most) {
		start += most - off;
	} else if (off != 0) {
		start += half >= off ? half - off : most - off;
		most = half;
	}
	return (struct ip_range){start, start + most};
}

/* The largest block of all free chunks, of equal ones the last. */
static bool
choose_block(const struct range_list *chunks, struct ip_range range,
    struct ip_range *best)
{
	struct ip_range block;
	uint32_t start, end;
	bool found = false;

	for (size_t i = list_find(chunks, range.start); i < chunks->n; i++) {
		if (chunks->items[i].start >= range.end)
			break;
		start = MAX(chunks->items[i].start, range.start);
		end = MIN(chunks->items[i].end, range.end);
		block = space_block(start, end - start);
		if (!found ||
		    block.end - block.start >= best->end - best->start)
			*best = block;
		found = true;
	}
	return found;
}

bool
space_donate(struct space *space, struct ip_range range, struct ip_range *given)
{
	uint32_t size;

	if (range.start >= range.end ||
	    !choose_block(&space->free, range, given))
		return false;
	size = given->end - given->start;
	if (size > list_count(&space->free, range) / 2)
		given->start += size / 2;
	/* Either both lists change or none. */
	if (!list_reserve(&space->owned, space->owned.n + 1) ||
	    !list_remove(&space->free, *given) ||
	    !list_remove(&space->owned, *given))
		return false;
	space->changes++;
	return true;
}
