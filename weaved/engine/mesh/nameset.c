#include <stdlib.h>
#include <string.h>

#include "weaved/engine/mesh/nameset.h"

static size_t
nameset_place(const struct nameset *set, uint64_t name)
{
	size_t low = 0, high = set->count, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (set->names[middle] < name)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

void
nameset_add(struct nameset *set, uint64_t name)
{
	uint64_t *names;
	size_t at, size;

	at = nameset_place(set, name);
	if (at < set->count && set->names[at] == name)
		return;
	if (set->count == set->size) {
		size = set->size == 0 ? 8 : set->size * 2;
		names = reallocarray(set->names, size, sizeof(*names));
		if (names == NULL)
			return;
		set->names = names;
		set->size = size;
	}
	memmove(set->names + at + 1, set->names + at,
	    (set->count - at) * sizeof(*set->names));
	set->names[at] = name;
	set->count++;
}

void
nameset_add_all(struct nameset *set, const uint64_t *names, size_t count)
{
	size_t i;

	for (i = 0; i < count; i++)
		nameset_add(set, names[i]);
}

void
nameset_drop(struct nameset *set, size_t count)
{
	set->count -= count;
	memmove(
	    set->names, set->names + count, set->count * sizeof(*set->names));
}

void
nameset_free(struct nameset *set)
{
	free(set->names);
	memset(set, 0, sizeof(*set));
}
