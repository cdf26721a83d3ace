#include <string.h>

#include "weaved/engine/mesh/admit.h"

static struct admit_source *source_find(struct admit *admit, uint32_t addr);

void
admit_init(struct admit *admit, uint64_t seed)
{
	memset(admit, 0, sizeof(*admit));
	admit->seed = seed | 1;
}

/* The source itself, or the one idle for longest, now made this one. */
static struct admit_source *
source_find(struct admit *admit, uint32_t addr)
{
	struct admit_source *set, *oldest;
	size_t i;

	set = admit->sources[((addr + 1) * admit->seed >> 40) % ADMIT_SETS];
	oldest = &set[0];
	for (i = 0; i < ADMIT_WAYS; i++) {
		if (set[i].addr == addr)
			return &set[i];
		if (set[i].busy < oldest->busy)
			oldest = &set[i];
	}
	oldest->addr = addr;
	oldest->busy = 0;
	return oldest;
}

bool
admit_allow(struct admit *admit, uint32_t addr, uint64_t now)
{
	struct admit_source *source;

	source = source_find(admit, addr);
	if (source->busy < now)
		source->busy = now;
	if (source->busy - now > (ADMIT_BURST - 1) * ADMIT_INTERVAL)
		return false;
	source->busy += ADMIT_INTERVAL;
	return true;
}

void
admit_befriend(struct admit *admit, uint32_t addr, uint64_t now)
{
	struct admit_friend *oldest = admit->friends;
	size_t i;

	for (i = 0; i < ADMIT_FRIENDS; i++) {
		if (admit->friends[i].addr == addr) {
			oldest = &admit->friends[i];
			break;
		}
		if (admit->friends[i].seen < oldest->seen)
			oldest = &admit->friends[i];
	}
	oldest->addr = addr;
	oldest->seen = now;
}

bool
admit_is_friend(const struct admit *admit, uint32_t addr, uint64_t now)
{
	size_t i;

	for (i = 0; i < ADMIT_FRIENDS; i++)
		if (admit->friends[i].addr == addr)
			return now - admit->friends[i].seen <= ADMIT_FRIEND;
	return false;
}
