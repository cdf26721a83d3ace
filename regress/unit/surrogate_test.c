#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/surrogate.h"

ATF_TC_WITHOUT_HEAD(fnv1a);
ATF_TC_BODY(fnv1a, tc)
{
	json_t *file = vectors_load("peer_names.json"), *c;
	size_t i;

	json_array_foreach(
	    vectors_get(file, "fnv1a_64_as_used_by_surrogate_duplicate_check"),
	    i, c) {
		const char *text = vectors_text(c, "text");
		uint64_t hash =
		    surrogate_hash((const uint8_t *)text, strlen(text));

		ATF_CHECK_EQ(
		    hash, strtoull(vectors_text(c, "fnv1a64"), NULL, 16));
	}
	json_decref(file);
}

ATF_TC_WITHOUT_HEAD(duplicates);
ATF_TC_BODY(duplicates, tc)
{
	struct surrogate *sur = surrogate_new();
	const uint8_t data[] = {1, 2, 3};

	ATF_REQUIRE(sur != NULL);
	ATF_CHECK(!surrogate_seen(sur, "a", data, 3, 1000));
	ATF_CHECK(surrogate_seen(sur, "a", data, 3, 1001));
	ATF_CHECK(!surrogate_seen(sur, "b", data, 3, 1001));
	ATF_CHECK(!surrogate_seen(sur, "a", data, 2, 1001));
	ATF_CHECK(!surrogate_seen(sur, "a", NULL, 0, 1001));
	ATF_CHECK(surrogate_seen(sur, "a", data, 3, 999 + SURROGATE_LIFE));
	ATF_CHECK(!surrogate_seen(sur, "a", data, 3, 1000 + SURROGATE_LIFE));
	surrogate_free(sur);
}

/* Entries and bytes are bounded; the oldest go first. */
ATF_TC_WITHOUT_HEAD(bounded);
ATF_TC_BODY(bounded, tc)
{
	struct surrogate *sur = surrogate_new();
	uint8_t *big = calloc(1, SURROGATE_BYTES_MAX);

	ATF_REQUIRE(sur != NULL && big != NULL);
	for (uint32_t i = 0; i <= SURROGATE_ENTRIES_MAX; i++)
		ATF_CHECK(!surrogate_seen(
		    sur, "a", (const uint8_t *)&i, sizeof(i), 1));
	memset(big, 0, 4);
	big[0] = 1;
	ATF_CHECK(surrogate_seen(sur, "a", big, 4, 1));
	big[0] = 0;
	ATF_CHECK(!surrogate_seen(sur, "a", big, 4, 1));
	ATF_CHECK(!surrogate_seen(sur, "a", big, SURROGATE_BYTES_MAX - 2, 1));
	ATF_CHECK(!surrogate_seen(sur, "a", big, 4, 1));
	ATF_CHECK(surrogate_seen(sur, "a", big, SURROGATE_BYTES_MAX, 1));
	surrogate_free(sur);
	free(big);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, fnv1a);
	ATF_TP_ADD_TC(tp, duplicates);
	ATF_TP_ADD_TC(tp, bounded);
	return atf_no_error();
}
