#include "weaved/engine/overlay/replay.h"

#include <stdlib.h>
#include <string.h>

#define HALF (UINT64_C(1) << REPLAY_HALF_BITS)
#define HALF_BYTES (HALF / 8)

static bool replay_slide(struct replay *, uint64_t);
static bool bits_mark(uint64_t *, uint64_t);
static bool bits_empty(uint64_t **);

/* Makes an empty set of what may be NULL. */
static bool
bits_empty(uint64_t **bits)
{
	if (*bits != NULL) {
		memset(*bits, 0, HALF_BYTES);
		return true;
	}
	*bits = calloc(1, HALF_BYTES);
	return *bits != NULL;
}

static bool
bits_mark(uint64_t *bits, uint64_t seq)
{
	uint64_t index = seq & (HALF - 1);
	uint64_t mask = UINT64_C(1) << (index % 64);

	if ((bits[index / 64] & mask) != 0)
		return false;
	bits[index / 64] |= mask;
	return true;
}

/* Moves to a later window; on failure nothing has changed for the worse. */
static bool
replay_slide(struct replay *replay, uint64_t window)
{
	uint64_t *old;

	if (!bits_empty(&replay->previous))
		return false;
	if (window == replay->window + 1) {
		old = replay->current;
		replay->current = replay->previous;
		replay->previous = old;
	} else {
		memset(replay->current, 0, HALF_BYTES);
	}
	replay->window = window;
	return true;
}

bool
replay_check(struct replay *replay, uint64_t seq)
{
	uint64_t window = seq >> REPLAY_HALF_BITS;

	if (replay->current == NULL && !bits_empty(&replay->current))
		return false;
	if (window > replay->window && !replay_slide(replay, window))
		return false;
	if (window == replay->window)
		return bits_mark(replay->current, seq);
	if (window + 1 == replay->window)
		return bits_mark(replay->previous, seq);
	return false;
}

bool
replay_seen(const struct replay *replay, uint64_t seq)
{
	uint64_t window = seq >> REPLAY_HALF_BITS, index = seq & (HALF - 1);
	const uint64_t *bits;

	if (replay->current == NULL || window > replay->window)
		return false;
	if (window + 1 < replay->window)
		return true;
	bits = window == replay->window ? replay->current : replay->previous;
	return bits == NULL || (bits[index / 64] >> (index % 64) & 1) != 0;
}

void
replay_clear(struct replay *replay)
{
	free(replay->current);
	free(replay->previous);
	memset(replay, 0, sizeof(*replay));
}
