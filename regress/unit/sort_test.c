#include <atf-c.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/sort.h"

#define MOST 300

struct element {
	uint32_t key;
	char rest[7]; /* an odd size */
};

static int
compare(const void *a, const void *b)
{
	uint32_t x = ((const struct element *)a)->key;
	uint32_t y = ((const struct element *)b)->key;

	return x < y ? -1 : x > y;
}

static void
check(struct element *elements, size_t n)
{
	struct element expected[MOST];

	for (size_t i = 0; i < n; i++)
		memset(elements[i].rest, (int)elements[i].key, 7);
	memcpy(expected, elements, n * sizeof(*elements));
	qsort(expected, n, sizeof(*expected), compare);
	sort_array(elements, n, sizeof(*elements), compare);
	for (size_t i = 0; i < n; i++) {
		ATF_REQUIRE_EQ(expected[i].key, elements[i].key);
		ATF_REQUIRE(memcmp(expected[i].rest, elements[i].rest, 7) == 0);
	}
}

ATF_TC_WITHOUT_HEAD(as_qsort);
ATF_TC_BODY(as_qsort, tc)
{
	struct element elements[MOST];

	srandom(1);
	for (size_t n = 0; n <= MOST; n++) {
		for (size_t i = 0; i < n; i++)
			elements[i].key = (uint32_t)random() % (1 + MOST / 2);
		check(elements, n);
		for (size_t i = 0; i < n; i++)
			elements[i].key = (uint32_t)i;
		check(elements, n);
		for (size_t i = 0; i < n; i++)
			elements[i].key = (uint32_t)(n - i);
		check(elements, n);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, as_qsort);
	return atf_no_error();
}
