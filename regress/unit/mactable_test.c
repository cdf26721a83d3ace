/* The MAC table on a fake clock. */
#include <atf-c.h>
#include <sodium.h>

#include "weaved/engine/overlay/mactable.h"

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 1};
static const uint8_t mac_b[6] = {2, 0, 0, 0, 0, 2};

#define OURS 99

static uint64_t claim(struct mactable *, const uint8_t[6], uint64_t, uint64_t);
static void count_visit(void *, const uint8_t[6], uint64_t, uint64_t);

/* By a remote peer; who held it before. */
static uint64_t
claim(struct mactable *table, const uint8_t mac[6], uint64_t peer, uint64_t now)
{
	uint64_t before;

	mactable_claim(table, mac, peer, OURS, now, &before);
	return before;
}

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
	ATF_CHECK_EQ(1, claim(table, mac_a, 2, 0));
	ATF_CHECK_EQ(2, mactable_lookup(table, mac_a, 0));
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, claim(table, mac_b, 2, 0));
	mactable_free(table);
}

/* Without force the first one keeps it while it uses it. */
ATF_TC_WITHOUT_HEAD(hold);
ATF_TC_BODY(hold, tc)
{
	struct mactable *table = mactable_new(8);
	uint64_t before;

	claim(table, mac_a, 2, 0);
	claim(table, mac_a, 2, 500);
	ATF_CHECK_EQ(
	    2, mactable_add(table, mac_a, 1, 499 + MACTABLE_HOLD, &before));
	ATF_CHECK_EQ(2, before);
	ATF_CHECK_EQ(
	    1, mactable_add(table, mac_a, 1, 500 + MACTABLE_HOLD, &before));
	ATF_CHECK_EQ(2, before);
	ATF_CHECK_EQ(1, mactable_lookup(table, mac_a, 500 + MACTABLE_HOLD));
	mactable_free(table);
}

/* A member that claims what others use. */
ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	struct mactable *table = mactable_new(8);
	uint64_t before;
	unsigned taken = 0;

	/* Of a pod of ours that goes on using it: never. */
	for (uint64_t now = 1000; now < 20000; now += 100) {
		ATF_REQUIRE_EQ(
		    OURS, mactable_add(table, mac_a, OURS, now, &before));
		for (int i = 0; i < 10; i++)
			ATF_REQUIRE_EQ(MACTABLE_OURS,
			    mactable_claim(
				table, mac_a, 2, OURS, now + 99, &before));
	}
	/* It has moved once it is not heard here any more. */
	ATF_CHECK_EQ(MACTABLE_TAKEN,
	    mactable_claim(
		table, mac_a, 2, OURS, 19900 + MACTABLE_HOLD, &before));
	ATF_CHECK_EQ(OURS, before);
	/* Of another peer: at once, and then once a second. */
	claim(table, mac_b, 2, 30000);
	ATF_CHECK_EQ(2, claim(table, mac_b, 3, 30001));
	for (uint64_t now = 30002; now < 40002; now++) {
		taken += mactable_claim(table, mac_b, 2, OURS, now, &before) ==
			MACTABLE_TAKEN &&
		    before != 2;
		taken += mactable_claim(table, mac_b, 3, OURS, now, &before) ==
			MACTABLE_TAKEN &&
		    before != 3;
	}
	ATF_CHECK(taken >= 9 && taken <= 10);
	mactable_free(table);
}

ATF_TC_WITHOUT_HEAD(age);
ATF_TC_BODY(age, tc)
{
	struct mactable *table = mactable_new(8);
	unsigned count = 0;
	uint64_t before;

	claim(table, mac_a, 1, 1000);
	claim(table, mac_b, 1, 1000);
	claim(table, mac_b, 1, 2000);
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
		claim(table, mac, i % 7 + 1, i);
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

	claim(table, mac_a, 1, 0);
	claim(table, mac_b, 2, 0);
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
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, age);
	ATF_TP_ADD_TC(tp, bounded);
	ATF_TP_ADD_TC(tp, peer_gone);
	return atf_no_error();
}
