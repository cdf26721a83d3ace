/* The MAC table on a fake clock. */
#include <atf-c.h>
#include <sodium.h>

#include "weaved/engine/overlay/mactable.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 2};

static void count_visit(void *, const uint8_t[6], uint64_t, uint64_t);

static void
count_visit(void *arg, const uint8_t mac[6], uint64_t peer, uint64_t seen)
{
	(void)mac;
	(void)peer;
	(void)seen;
	(*(unsigned *)arg)++;
}

ATF_TC_WITHOUT_HEAD(learn);
ATF_TC_BODY(learn, tc)
{
	struct mactable *table = mactable_new(8);
	uint64_t before;

	ATF_CHECK_EQ(PEERNAME_UNKNOWN, mactable_lookup(table, mac_a, 0));
	ATF_CHECK_EQ(1, mactable_add(table, mac_a, 1, 0, &before));
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, before);
	ATF_CHECK_EQ(1, mactable_lookup(table, mac_a, 0));
	ATF_CHECK_EQ(1, mactable_add_forced(table, mac_a, 2, 0));
	ATF_CHECK_EQ(2, mactable_lookup(table, mac_a, 0));
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, mactable_add_forced(table, mac_b, 2, 0));
	mactable_free(table);
}

/* Without force the first one keeps it while it uses it. */
ATF_TC_WITHOUT_HEAD(hold);
ATF_TC_BODY(hold, tc)
{
	struct mactable *table = mactable_new(8);
	uint64_t before;

	mactable_add_forced(table, mac_a, 2, 0);
	mactable_add_forced(table, mac_a, 2, 500);
	ATF_CHECK_EQ(
	    2, mactable_add(table, mac_a, 1, 499 + MACTABLE_HOLD, &before));
	ATF_CHECK_EQ(2, before);
	ATF_CHECK_EQ(
	    1, mactable_add(table, mac_a, 1, 500 + MACTABLE_HOLD, &before));
	ATF_CHECK_EQ(2, before);
	ATF_CHECK_EQ(1, mactable_lookup(table, mac_a, 500 + MACTABLE_HOLD));
	mactable_free(table);
}

ATF_TC_WITHOUT_HEAD(age);
ATF_TC_BODY(age, tc)
{
	struct mactable *table = mactable_new(8);
	unsigned count = 0;
	uint64_t before;

	mactable_add_forced(table, mac_a, 1, 1000);
	mactable_add_forced(table, mac_b, 1, 1000);
	mactable_add_forced(table, mac_b, 1, 2000);
	ATF_CHECK_EQ(1, mactable_lookup(table, mac_a, 999 + MACTABLE_AGE));
	ATF_CHECK_EQ(PEERNAME_UNKNOWN,
	    mactable_lookup(table, mac_a, 1000 + MACTABLE_AGE));
	ATF_CHECK_EQ(1, mactable_lookup(table, mac_b, 1000 + MACTABLE_AGE));
	mactable_walk(table, 1000 + MACTABLE_AGE, count_visit, &count);
	ATF_CHECK_EQ(1, count);
	/* An expired owner does not keep another one out. */
	ATF_CHECK_EQ(
	    2, mactable_add(table, mac_a, 2, 1000 + MACTABLE_AGE, &before));
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, before);
	mactable_sweep(table, 1000 + 2 * MACTABLE_AGE);
	count = 0;
	mactable_walk(table, 2000, count_visit, &count);
	ATF_CHECK_EQ(0, count);
	mactable_free(table);
}

ATF_TC_WITHOUT_HEAD(bounded);
ATF_TC_BODY(bounded, tc)
{
	struct mactable *table = mactable_new(100);
	uint8_t mac[6] = {2};
	unsigned count = 0;

	for (unsigned i = 0; i < 10000; i++) {
		mac[4] = (uint8_t)(i >> 8);
		mac[5] = (uint8_t)i;
		mactable_add_forced(table, mac, i % 7 + 1, i);
		ATF_REQUIRE_EQ(i % 7 + 1, mactable_lookup(table, mac, i));
	}
	mactable_walk(table, 10000, count_visit, &count);
	ATF_CHECK_EQ(100, count);
	/* The last ones are there, the first ones went. */
	ATF_CHECK_EQ(9999 % 7 + 1, mactable_lookup(table, mac, 10000));
	mac[4] = mac[5] = 0;
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, mactable_lookup(table, mac, 10000));
	mactable_free(table);
}

ATF_TC_WITHOUT_HEAD(peer_gone);
ATF_TC_BODY(peer_gone, tc)
{
	struct mactable *table = mactable_new(8);

	mactable_add_forced(table, mac_a, 1, 0);
	mactable_add_forced(table, mac_b, 2, 0);
	mactable_remove_peer(table, 1);
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, mactable_lookup(table, mac_a, 0));
	ATF_CHECK_EQ(2, mactable_lookup(table, mac_b, 0));
	mactable_free(table);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_REQUIRE(sodium_init() != -1);
	ATF_TP_ADD_TC(tp, learn);
	ATF_TP_ADD_TC(tp, hold);
	ATF_TP_ADD_TC(tp, age);
	ATF_TP_ADD_TC(tp, bounded);
	ATF_TP_ADD_TC(tp, peer_gone);
	return atf_no_error();
}
