#include <string.h>

#include "weaved/parent/penalty.h"

#define INTERVAL (1000 / PENALTY_RATE)
#define BURST (PENALTY_RATE * INTERVAL) /* one second's worth at once */

static struct penalty_source *source_find(struct penalty *, uint32_t, bool);
static uint64_t source_wait(const struct penalty_source *);
static uint64_t source_used(const struct penalty_source *);

void
penalty_init(struct penalty *penalty, uint64_t seed)
{
	memset(penalty, 0, sizeof(*penalty));
	penalty->seed = seed | 1;
}

static uint64_t
source_used(const struct penalty_source *source)
{
	return source->failed > source->success ? source->failed
						: source->success;
}

/* The source itself, or the one idle for longest, now made this one. */
static struct penalty_source *
source_find(struct penalty *penalty, uint32_t addr, bool outbound)
{
	uint64_t hash = ((uint64_t)addr << 1 | outbound) + 1;
	struct penalty_source *set, *oldest;

	set = penalty->sources[(hash * penalty->seed >> 40) % PENALTY_SETS];
	oldest = &set[0];
	for (size_t i = 0; i < PENALTY_WAYS; i++) {
		if (set[i].addr == addr && set[i].outbound == outbound)
			return &set[i];
		if (source_used(&set[i]) < source_used(oldest))
			oldest = &set[i];
	}
	memset(oldest, 0, sizeof(*oldest));
	oldest->addr = addr;
	oldest->outbound = outbound;
	return oldest;
}

bool
penalty_is_stranger(struct penalty *penalty, uint32_t addr, bool outbound,
    bool known, uint64_t now)
{
	const struct penalty_source *source =
	    source_find(penalty, addr, outbound);

	return !known &&
	    (source->success == 0 || now - source->success > PENALTY_FRIEND);
}

static uint64_t
source_wait(const struct penalty_source *source)
{
	uint64_t wait = PENALTY_FIRST;

	if (source->failures < PENALTY_FREE)
		return 0;
	for (uint32_t i = PENALTY_FREE; i < source->failures; i++) {
		wait *= 2;
		if (wait >= PENALTY_MOST)
			return PENALTY_MOST;
	}
	return wait;
}

enum penalty_verdict
penalty_charge(struct penalty *penalty, uint32_t addr, bool outbound,
    bool stranger, uint64_t now)
{
	struct penalty_source *source = source_find(penalty, addr, outbound);
	uint64_t most = stranger ? BURST / 2 : BURST;

	if (source->failures > 0 && now - source->failed > PENALTY_FORGET)
		source->failures = 0;
	if (source->failures > 0 && now - source->failed < source_wait(source))
		return PENALTY_SOURCE;
	if (penalty->busy < now)
		penalty->busy = now;
	if (penalty->busy - now + INTERVAL > most)
		return PENALTY_ALL;
	penalty->busy += INTERVAL;
	source->failed = now;
	if (source->failures < UINT32_MAX)
		source->failures++;
	return PENALTY_NONE;
}

void
penalty_take_back(
    struct penalty *penalty, uint32_t addr, bool outbound, uint64_t now)
{
	struct penalty_source *source = source_find(penalty, addr, outbound);

	if (source->failures > 0)
		source->failures--;
	source->success = now;
	if (penalty->busy >= INTERVAL)
		penalty->busy -= INTERVAL;
}

void
penalty_forgive(struct penalty *penalty)
{
	for (size_t i = 0; i < PENALTY_SETS; i++)
		for (size_t j = 0; j < PENALTY_WAYS; j++)
			penalty->sources[i][j].failures = 0;
}
