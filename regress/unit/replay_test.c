/* The replay window against sleeve.json and a plain model. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/overlay/replay.h"

#define HALF (UINT64_C(1) << REPLAY_HALF_BITS)

ATF_TC_WITHOUT_HEAD(vectors);
ATF_TC_BODY(vectors, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	struct replay replay = {0};
	size_t i;

	json_array_foreach(vectors_get(root, "replay_window"), i, c) {
		ATF_CHECK_EQ_MSG(json_is_true(vectors_get(c, "accepted")),
		    replay_check(&replay, vectors_u64(c, "seq")), "step %zu",
		    i);
		ATF_CHECK_EQ(vectors_u64(c, "window_after"), replay.window);
	}
	replay_clear(&replay);
	json_decref(root);
}

/* What was accepted once is never accepted again, in any order. */
ATF_TC_WITHOUT_HEAD(never_twice);
ATF_TC_BODY(never_twice, tc)
{
	struct replay replay = {0};
	uint8_t *seen = calloc(1, 6 * HALF);
	uint64_t base = 0, seq;
	unsigned accepted = 0;

	ATF_REQUIRE(seen != NULL);
	srandom(1);
	for (int i = 0; i < 1000000; i++) {
		base += (uint64_t)random() % 8;
		seq = base - (uint64_t)random() % (base + 1);
		if (random() % 2 == 0)
			seq = base;
		if (!replay_check(&replay, seq))
			continue;
		ATF_REQUIRE_EQ_MSG(0, seen[seq], "%d", i);
		seen[seq] = 1;
		accepted++;
	}
	ATF_CHECK(accepted > 400000);
	ATF_CHECK(replay.window >= 3);
	replay_clear(&replay);
	free(seen);
}

/* Every number of the last window is still accepted once, in any order. */
ATF_TC_WITHOUT_HEAD(late_ones);
ATF_TC_BODY(late_ones, tc)
{
	struct replay replay = {0};

	ATF_REQUIRE(replay_check(&replay, 3 * HALF));
	for (uint64_t seq = 3 * HALF - 1; seq >= 2 * HALF; seq--)
		ATF_REQUIRE(replay_check(&replay, seq));
	for (uint64_t seq = 2 * HALF; seq <= 3 * HALF; seq++)
		ATF_REQUIRE(!replay_check(&replay, seq));
	ATF_CHECK(!replay_check(&replay, 2 * HALF - 1));
	replay_clear(&replay);
	ATF_CHECK(replay.current == NULL && replay.window == 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vectors);
	ATF_TP_ADD_TC(tp, never_twice);
	ATF_TP_ADD_TC(tp, late_ones);
	return atf_no_error();
}
