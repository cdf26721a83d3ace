#include <string.h>

#include "weaved/kube/announce.h"

static size_t place(const uint32_t *, size_t, uint32_t);

/* Where addr is in a sorted array, or belongs. */
static size_t
place(const uint32_t *list, size_t n, uint32_t addr)
{
	size_t low = 0;

	while (n > low) {
		size_t middle = low + (n - low) / 2;

		if (list[middle] < addr)
			low = middle + 1;
		else
			n = middle;
	}
	return low;
}

void
announce_want(struct announce *announce, const struct nodes *nodes)
{
	announce->nwanted = nodes_addrs(nodes, announce->wanted, ANNOUNCE_MAX);
}

void
announce_found(struct announce *announce, uint32_t addr)
{
	if (announce->ntold < 2 * ANNOUNCE_MAX)
		announce_told(announce, addr, true);
}

void
announce_forget(struct announce *announce)
{
	announce->ntold = 0;
}

/* What is to go goes first: there may be no room for both. */
bool
announce_next(const struct announce *announce, uint32_t *addr, bool *add)
{
	const uint32_t *told = announce->told, *wanted = announce->wanted;
	size_t at;

	for (size_t i = 0; i < announce->ntold; i++) {
		at = place(wanted, announce->nwanted, told[i]);
		if (at < announce->nwanted && wanted[at] == told[i])
			continue;
		*addr = told[i];
		*add = false;
		return true;
	}
	for (size_t i = 0; i < announce->nwanted; i++) {
		at = place(told, announce->ntold, wanted[i]);
		if (at < announce->ntold && told[at] == wanted[i])
			continue;
		*addr = wanted[i];
		*add = true;
		return true;
	}
	return false;
}

void
announce_told(struct announce *announce, uint32_t addr, bool add)
{
	size_t at = place(announce->told, announce->ntold, addr);
	bool there = at < announce->ntold && announce->told[at] == addr;
	uint32_t *slot = announce->told + at;
	size_t behind = (announce->ntold - at) * sizeof(*slot);

	if (add == there)
		return;
	if (add) {
		memmove(slot + 1, slot, behind);
		*slot = addr;
		announce->ntold++;
	} else {
		memmove(slot, slot + 1, behind - sizeof(*slot));
		announce->ntold--;
	}
}
