/* The ring against ipam_ring.json, and what the vectors leave open. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/ipam_vectors.h"
#include "regress/lib/vectors.h"

#define PEER1 UINT64_C(0x0a0000000001)
#define PEER2 UINT64_C(0x0a0000000002)
#define PEER3 UINT64_C(0x0a0000000003)
#define START UINT32_C(0x0a200000)
#define END UINT32_C(0x0a210000)

static json_t *section(const char *);
static void expect_ring(const json_t *, const char *, const struct ring *);
static void own(struct space *, const struct ring *);
static void use(struct space *, const json_t *);
static void expect_ranges(const json_t *, const struct ip_range *, size_t);
static void add(struct ring *, uint32_t, uint64_t, uint32_t, uint32_t);
static void expect_merge(const json_t *);
static void two(struct ring *, uint64_t, uint32_t);

/* To be released. */
static json_t *
section(const char *name)
{
	json_t *root = vectors_load("ipam_ring.json");
	json_t *list = json_incref(vectors_get(root, name));

	json_decref(root);
	return list;
}

static void
expect_ring(const json_t *object, const char *key, const struct ring *ring)
{
	struct ring expected;

	ipam_vectors_ring(vectors_get(object, key), &expected);
	ATF_CHECK(ipam_vectors_ring_equal(&expected, ring));
	ring_free(&expected);
}

static void
own(struct space *space, const struct ring *ring)
{
	struct ip_range ranges[16];
	size_t n = ring_owned(ring, ring->peer, ranges, 16);

	ATF_REQUIRE(n <= 16);
	space_init(space);
	ATF_REQUIRE(space_set_owned(space, ranges, n));
}

static void
use(struct space *space, const json_t *addrs)
{
	const json_t *item;
	size_t i;

	json_array_foreach(addrs, i, item)
		ATF_REQUIRE(space_claim(
		    space, ipam_vectors_addr(json_string_value(item))));
}

/* List of "a.b.c.d..a.b.c.d". */
static void
expect_ranges(const json_t *list, const struct ip_range *ranges, size_t n)
{
	char text[64], a[IPV4_STRLEN], b[IPV4_STRLEN];
	const json_t *item;
	size_t i;

	ATF_REQUIRE_EQ(json_array_size(list), n);
	json_array_foreach(list, i, item) {
		snprintf(text, sizeof(text), "%s..%s",
		    ipv4_format(ranges[i].start, a),
		    ipv4_format(ranges[i].end, b));
		ATF_CHECK_STREQ(json_string_value(item), text);
	}
}

static void
add(struct ring *ring, uint32_t token, uint64_t peer, uint32_t version,
    uint32_t free)
{
	ATF_REQUIRE(ring_append(ring,
	    &(struct ring_entry){.token = START + token,
		.peer = peer,
		.version = version,
		.free = free}));
}

/* A ring of peers 1 and 2, seen by one of them. */
static void
two(struct ring *ring, uint64_t peer, uint32_t version)
{
	ring_init(ring, (struct ip_range){START, END}, peer);
	add(ring, 0, PEER1, version, 100);
	add(ring, 0x8000, PEER2, version, 100);
}

ATF_TC_WITHOUT_HEAD(divide);
ATF_TC_BODY(divide, tc)
{
	json_t *list = section("claim_for_peers"), *item, *peers;
	struct ip_range ranges[16];
	uint64_t names[32];
	struct ring ring;
	size_t i, n;

	json_array_foreach(list, i, item) {
		peers = vectors_get(item, "peers_sorted");
		n = json_array_size(peers);
		/* Backwards and twice, as agreed values may be. */
		for (size_t j = 0; j < n; j++)
			names[j] = names[n + j] =
			    ipam_vectors_name(json_string_value(
				json_array_get(peers, n - 1 - j)));
		ring_init(
		    &ring, ipam_vectors_range(item, "start", "end"), PEER1);
		ATF_REQUIRE(ring_divide(&ring, names, 2 * n) == NULL);
		ATF_CHECK(ring_check(&ring) == NULL);
		expect_ring(item, "ring", &ring);
		n = ring_owned(&ring, PEER1, ranges, 16);
		expect_ranges(vectors_get(item, "owned_by_first"), ranges, n);
		ring_free(&ring);
	}
	ATF_CHECK_EQ(18, i);
	json_decref(list);
}

ATF_TC_WITHOUT_HEAD(divide_refuses);
ATF_TC_BODY(divide_refuses, tc)
{
	uint64_t *names = calloc(RING_SEEDS_MAX + 1, sizeof(*names));
	struct ring ring;

	for (size_t i = 0; i <= RING_SEEDS_MAX; i++)
		names[i] = i + 1;
	ring_init(&ring, (struct ip_range){START, END}, PEER1);
	ATF_CHECK(ring_divide(&ring, names, 0) != NULL);
	ATF_CHECK(ring_divide(&ring, names, RING_SEEDS_MAX + 1) != NULL);
	ATF_CHECK_EQ(0, ring.nentries);
	ATF_CHECK_EQ(0, ring.nseeds);
	ATF_CHECK(ring_divide(&ring, names, RING_SEEDS_MAX) == NULL);
	ATF_CHECK_EQ(RING_SEEDS_MAX, ring.nentries);
	ATF_CHECK(ring_divide(&ring, names, 1) != NULL);
	ring_free(&ring);
	ring_init(&ring, (struct ip_range){END, END}, PEER1);
	ATF_CHECK(ring_divide(&ring, names, 1) != NULL);
	ring_free(&ring);
	free(names);
}

static void
expect_merge(const json_t *item)
{
	bool fails = *vectors_text(item, "error") != '\0', changed = true;
	struct ring ours, theirs;
	struct space space;
	const char *error;

	ipam_vectors_ring(vectors_get(item, "ours"), &ours);
	ipam_vectors_ring(vectors_get(item, "theirs"), &theirs);
	own(&space, &ours);
	use(&space, vectors_get(item, "our_addresses_in_use"));
	error = ring_merge(&ours, &theirs, &space, &changed);
	ATF_CHECK_EQ_MSG(
	    fails, error != NULL, "%s", error == NULL ? "no error" : error);
	ATF_CHECK_EQ(json_is_true(vectors_get(item, "updated")), changed);
	expect_ring(item, "result", &ours);
	ring_free(&ours);
	ring_free(&theirs);
	space_free(&space);
}

ATF_TC_WITHOUT_HEAD(merge);
ATF_TC_BODY(merge, tc)
{
	json_t *list = section("merge"), *item;
	size_t i;

	json_array_foreach(list, i, item) {
		printf("%s\n", vectors_text(item, "label"));
		fflush(stdout);
		expect_merge(item);
	}
	ATF_CHECK_EQ(26, i);
	json_decref(list);
}

/* Theirs inside what we own by wrapping; versions at their end. */
ATF_TC_WITHOUT_HEAD(merge_edges);
ATF_TC_BODY(merge_edges, tc)
{
	struct ring ours, theirs;
	struct space space;
	bool changed;

	ring_init(&ours, (struct ip_range){START, END}, PEER1);
	add(&ours, 0x4000, PEER2, 0, 1);
	add(&ours, 0x8000, PEER1, 0, 1);
	own(&space, &ours);
	ATF_REQUIRE(space_claim(&space, START + 5));
	ring_init(&theirs, (struct ip_range){START, END}, PEER2);
	add(&theirs, 0x4000, PEER2, 0, 1);
	add(&theirs, 0x8000, PEER3, 1, 1);
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) != NULL);
	ATF_CHECK_EQ(PEER1, ours.entries[1].peer);
	ATF_REQUIRE(space_release(&space, START + 5));
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) == NULL);
	ATF_CHECK(changed);
	ATF_CHECK_EQ(PEER3, ours.entries[1].peer);
	ring_free(&ours);
	ring_free(&theirs);

	two(&ours, PEER1, 7);
	two(&theirs, PEER2, UINT32_MAX);
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) == NULL);
	ATF_CHECK_EQ(UINT32_MAX, ours.entries[0].version);
	ring_free(&ours);
	ring_free(&theirs);
	space_free(&space);
}

/* Our range split in use, but both parts remain ours. */
ATF_TC_WITHOUT_HEAD(merge_split_for_us);
ATF_TC_BODY(merge_split_for_us, tc)
{
	struct ring ours, theirs;
	struct space space;
	bool changed;

	two(&ours, PEER1, 0);
	two(&theirs, PEER2, 0);
	own(&space, &ours);
	ATF_REQUIRE(space_claim(&space, START + 0x5000));
	theirs.nentries = 1;
	add(&theirs, 0x4000, PEER1, 0, 100);
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) == NULL);
	ATF_CHECK(changed);
	ATF_CHECK_EQ(3, ours.nentries);
	theirs.entries[1].token++;
	theirs.entries[1].peer = PEER3;
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) != NULL);
	ring_free(&ours);
	ring_free(&theirs);
	space_free(&space);
}

/* Kept entries of others must still fit what is merged in between. */
ATF_TC_WITHOUT_HEAD(merge_result_checked);
ATF_TC_BODY(merge_result_checked, tc)
{
	struct ring ours, theirs;
	struct space space;
	bool changed;

	ring_init(&ours, (struct ip_range){START, END}, PEER1);
	add(&ours, 0, PEER2, 5, 0x10000);
	own(&space, &ours);
	ring_init(&theirs, (struct ip_range){START, END}, PEER2);
	add(&theirs, 0, PEER2, 4, 0x4000);
	add(&theirs, 0x4000, PEER3, 0, 1);
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) != NULL);
	ATF_CHECK(!changed);
	ATF_CHECK_EQ(1, ours.nentries);
	ring_free(&ours);
	ring_free(&theirs);
	space_free(&space);
}

/* Even tokens ours, odd ones theirs: together one too many. */
ATF_TC_WITHOUT_HEAD(merge_limit);
ATF_TC_BODY(merge_limit, tc)
{
	struct ip_range all = {START, START + (1 << 20)};
	struct ring ours, theirs;
	struct space space;
	bool changed;

	ring_init(&ours, all, PEER1);
	ring_init(&theirs, all, PEER2);
	space_init(&space);
	for (uint32_t i = 0; i < RING_ENTRIES_MAX / 2; i++) {
		add(&ours, 2 * i, PEER2, 0, 0);
		add(&theirs, 2 * i + 1, PEER2, 0, 0);
	}
	add(&theirs, RING_ENTRIES_MAX, PEER2, 0, 0);
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) != NULL);
	ATF_CHECK_EQ(RING_ENTRIES_MAX / 2, ours.nentries);
	theirs.nentries--;
	ATF_CHECK(ring_merge(&ours, &theirs, &space, &changed) == NULL);
	ATF_CHECK_EQ(RING_ENTRIES_MAX, ours.nentries);
	ATF_CHECK(!ring_append(&ours, &theirs.entries[0]));
	ring_free(&ours);
	ring_free(&theirs);
}

ATF_TC_WITHOUT_HEAD(grant);
ATF_TC_BODY(grant, tc)
{
	json_t *list = section("grant"), *item;
	struct ring ring;
	size_t i;

	json_array_foreach(list, i, item) {
		printf("%s\n", vectors_text(item, "label"));
		ipam_vectors_ring(vectors_get(item, "before"), &ring);
		ATF_REQUIRE(
		    ring_grant(&ring, ipam_vectors_range(item, "start", "end"),
			ipam_vectors_name(vectors_text(item, "to"))) == NULL);
		ATF_CHECK(ring_check(&ring) == NULL);
		expect_ring(item, "after", &ring);
		ring_free(&ring);
	}
	ATF_CHECK_EQ(6, i);
	json_decref(list);
}

ATF_TC_WITHOUT_HEAD(grant_refuses);
ATF_TC_BODY(grant_refuses, tc)
{
	static const struct ip_range bad[] = {
	    {START, END}, /* half is not ours */
	    {START + 0x7fff, START + 0x8001}, /* reaches over the border */
	    {START + 0x9000, START + 0xa000}, /* of another */
	    {START - 1, START + 1}, {END - 1, END + 1}, {START + 5, START + 5},
	    {START + 6, START + 5}};
	struct ring ring, before;

	two(&ring, PEER1, 0);
	two(&before, PEER1, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		ATF_CHECK(ring_grant(&ring, bad[i], PEER3) != NULL);
		ATF_CHECK(ipam_vectors_ring_equal(&before, &ring));
	}
	ring.nentries = 0;
	ATF_CHECK(ring_grant(&ring, (struct ip_range){START, START + 1},
		      PEER3) != NULL);
	ring_free(&ring);
	ring_free(&before);
}

/* The last token inside reached beyond what is given. */
ATF_TC_WITHOUT_HEAD(grant_cuts_free);
ATF_TC_BODY(grant_cuts_free, tc)
{
	struct ring ring;

	ring_init(&ring, (struct ip_range){START, END}, PEER1);
	add(&ring, 0, PEER1, 0, 0x4000);
	add(&ring, 0x4000, PEER1, 0, 0xc000);
	ATF_REQUIRE(ring_grant(&ring, (struct ip_range){START, START + 0x5000},
			PEER3) == NULL);
	ATF_CHECK(ring_check(&ring) == NULL);
	ATF_REQUIRE_EQ(3, ring.nentries);
	ATF_CHECK_EQ(0x1000, ring.entries[1].free);
	ATF_CHECK_EQ(PEER3, ring.entries[1].peer);
	ATF_CHECK_EQ(0xb000, ring.entries[2].free);
	ATF_CHECK_EQ(PEER1, ring.entries[2].peer);
	ring_free(&ring);
}

ATF_TC_WITHOUT_HEAD(transfer);
ATF_TC_BODY(transfer, tc)
{
	json_t *list = section("transfer"), *item;
	struct ip_range ranges[16];
	uint64_t from, to;
	struct ring ring;
	size_t i, n;

	json_array_foreach(list, i, item) {
		from = ipam_vectors_name(vectors_text(item, "from"));
		to = ipam_vectors_name(vectors_text(item, "to"));
		ipam_vectors_ring(vectors_get(item, "before"), &ring);
		n = ring_owned(&ring, from, ranges, 16);
		expect_ranges(vectors_get(item, "new_ranges"), ranges, n);
		ATF_CHECK_EQ(2, ring_transfer(&ring, from, to));
		expect_ring(item, "after", &ring);
		ATF_CHECK_EQ(0, ring_owned(&ring, from, ranges, 16));
		ATF_CHECK_EQ(0, ring_transfer(&ring, from, to));
		ring_free(&ring);
	}
	ATF_CHECK_EQ(1, i);
	json_decref(list);
}

ATF_TC_WITHOUT_HEAD(owned_wraps);
ATF_TC_BODY(owned_wraps, tc)
{
	struct ip_range ranges[4];
	struct ring ring;

	ring_init(&ring, (struct ip_range){START, END}, PEER1);
	ATF_CHECK_EQ(0, ring_owned(&ring, PEER1, ranges, 4));
	add(&ring, 0x1000, PEER2, 0, 1);
	add(&ring, 0x8000, PEER1, 0, 1);
	ATF_REQUIRE_EQ(2, ring_owned(&ring, PEER1, ranges, 4));
	ATF_CHECK_EQ(START, ranges[0].start);
	ATF_CHECK_EQ(START + 0x1000, ranges[0].end);
	ATF_CHECK_EQ(START + 0x8000, ranges[1].start);
	ATF_CHECK_EQ(END, ranges[1].end);
	ranges[1].end = 0;
	ATF_CHECK_EQ(2, ring_owned(&ring, PEER1, ranges, 1));
	ATF_CHECK_EQ(0, ranges[1].end);
	ring_free(&ring);
}

ATF_TC_WITHOUT_HEAD(count_free);
ATF_TC_BODY(count_free, tc)
{
	struct space space;
	struct ring ring;

	ring_init(&ring, (struct ip_range){START, END}, PEER1);
	add(&ring, 0x1000, PEER2, 3, 9);
	add(&ring, 0x8000, PEER1, 3, 0x9000);
	own(&space, &ring);
	ATF_CHECK(!ring_count_free(&ring, &space));
	ATF_CHECK_EQ(3, ring.entries[1].version);
	ATF_REQUIRE(space_claim(&space, START));
	ATF_REQUIRE(space_claim(&space, END - 1));
	ATF_CHECK(ring_count_free(&ring, &space));
	ATF_CHECK_EQ(0x8ffe, ring.entries[1].free);
	ATF_CHECK_EQ(4, ring.entries[1].version);
	ATF_CHECK_EQ(9, ring.entries[0].free);
	ATF_CHECK(!ring_count_free(&ring, &space));
	ring_free(&ring);
	space_free(&space);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, divide);
	ATF_TP_ADD_TC(tp, divide_refuses);
	ATF_TP_ADD_TC(tp, merge);
	ATF_TP_ADD_TC(tp, merge_edges);
	ATF_TP_ADD_TC(tp, merge_split_for_us);
	ATF_TP_ADD_TC(tp, merge_result_checked);
	ATF_TP_ADD_TC(tp, merge_limit);
	ATF_TP_ADD_TC(tp, grant);
	ATF_TP_ADD_TC(tp, grant_refuses);
	ATF_TP_ADD_TC(tp, grant_cuts_free);
	ATF_TP_ADD_TC(tp, transfer);
	ATF_TP_ADD_TC(tp, owned_wraps);
	ATF_TP_ADD_TC(tp, count_free);
	return atf_no_error();
}
