/* Our own addresses: donations of ipam_ring.json, and the lists beneath. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/ipam_vectors.h"
#include "regress/lib/vectors.h"
#include "weaved/engine/ipam/space.h"

static json_t *section(const char *);
static void own_list(struct space *, const json_t *);
static void use(struct space *, const json_t *);
static void own_one(struct space *, uint32_t, uint32_t);
static void expect_model(const struct space *, const bool *, const bool *);

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
own_list(struct space *space, const json_t *list)
{
	struct ip_range ranges[8];
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		ranges[i] = (struct ip_range){
		    ipam_vectors_addr(
			json_string_value(json_array_get(item, 0))),
		    ipam_vectors_addr(
			json_string_value(json_array_get(item, 1)))};
	space_init(space);
	ATF_REQUIRE(space_set_owned(space, ranges, i));
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

static void
own_one(struct space *space, uint32_t start, uint32_t end)
{
	space_init(space);
	ATF_REQUIRE(space_set_owned(space, &(struct ip_range){start, end}, 1));
}

ATF_TC_WITHOUT_HEAD(block);
ATF_TC_BODY(block, tc)
{
	json_t *list = section("biggest_cidr_range"), *item;
	struct ip_range got;
	uint32_t start;
	size_t i;

	json_array_foreach(list, i, item) {
		got = space_block((uint32_t)vectors_u64(item, "start"),
		    (uint32_t)vectors_u64(item, "size"));
		start = (uint32_t)vectors_u64(item, "biggest_start");
		ATF_CHECK_EQ(start, got.start);
		ATF_CHECK_EQ(
		    vectors_u64(item, "biggest_size"), got.end - start);
	}
	ATF_CHECK_EQ(10, i);
	json_decref(list);
}

/* A block is within its chunk, aligned, and no other is larger. */
ATF_TC_WITHOUT_HEAD(block_is_largest);
ATF_TC_BODY(block_is_largest, tc)
{
	struct ip_range got;
	uint32_t size, best;

	for (uint32_t start = 0; start < 70; start++)
		for (uint32_t len = 1; len < 140; len++) {
			got = space_block(start, len);
			size = got.end - got.start;
			ATF_REQUIRE(got.start >= start);
			ATF_REQUIRE(got.end <= start + len);
			ATF_REQUIRE_EQ(0, size & (size - 1));
			ATF_REQUIRE_EQ(0, got.start % size);
			for (best = 128; best > size; best /= 2)
				ATF_REQUIRE(
				    (start + best - 1) / best * best + best >
				    start + len);
		}
}

ATF_TC_WITHOUT_HEAD(donate);
ATF_TC_BODY(donate, tc)
{
	json_t *list = section("donate"), *item;
	struct ip_range wanted, given, expected;
	uint32_t free_before;
	struct space space;
	size_t i;
	bool donated;

	json_array_foreach(list, i, item) {
		printf("%s\n", vectors_text(item, "label"));
		own_list(&space, vectors_get(item, "owned"));
		use(&space, vectors_get(item, "in_use"));
		wanted = ipam_vectors_range(
		    item, "requested_start", "requested_end");
		expected = ipam_vectors_range(item, "start", "end");
		donated = json_is_true(vectors_get(item, "donated"));
		free_before = space_count_free(&space, wanted);
		ATF_REQUIRE_EQ(donated, space_donate(&space, wanted, &given));
		if (donated) {
			ATF_CHECK_EQ(expected.start, given.start);
			ATF_CHECK_EQ(expected.end, given.end);
			ATF_CHECK_EQ(free_before - (given.end - given.start),
			    space_count_free(&space, wanted));
			ATF_CHECK(!space_claim(&space, given.start));
			ATF_CHECK(!space_release(&space, given.start));
			ATF_CHECK(!space_in_use(&space, given));
		}
		space_free(&space);
	}
	ATF_CHECK_EQ(9, i);
	json_decref(list);
}

/* Two chunks alike, each half of what is free: all of the later one. */
ATF_TC_WITHOUT_HEAD(donate_half);
ATF_TC_BODY(donate_half, tc)
{
	static const struct ip_range chunks[] = {{100, 102}, {110, 112}};
	struct ip_range all = {0, 1000}, given;
	struct space space;

	space_init(&space);
	ATF_REQUIRE(space_set_owned(&space, chunks, 2));
	ATF_CHECK_EQ(1, space.changes);
	ATF_REQUIRE(space_donate(&space, all, &given));
	ATF_CHECK_EQ(2, space.changes);
	ATF_CHECK_EQ(110, given.start);
	ATF_CHECK_EQ(112, given.end);
	ATF_CHECK_EQ(2, space_count_free(&space, all));
	space_free(&space);
}

ATF_TC_WITHOUT_HEAD(allocate);
ATF_TC_BODY(allocate, tc)
{
	struct ip_range subnet = {101, 103};
	struct space space;
	uint32_t addr = 0;

	own_one(&space, 100, 110);
	ATF_CHECK(space_allocate(&space, subnet, &addr));
	ATF_CHECK_EQ(101, addr);
	ATF_CHECK(space_in_use(&space, subnet));
	ATF_CHECK(!space_in_use(&space, (struct ip_range){102, 110}));
	ATF_CHECK(space_allocate(&space, subnet, &addr));
	ATF_CHECK_EQ(102, addr);
	ATF_CHECK(!space_allocate(&space, subnet, &addr));
	ATF_CHECK_EQ(
	    8, space_count_free(&space, (struct ip_range){0, UINT32_MAX}));
	ATF_CHECK(space_release(&space, 101));
	ATF_CHECK(!space_release(&space, 101));
	ATF_CHECK(!space_release(&space, 99));
	ATF_CHECK(space_allocate(&space, subnet, &addr));
	ATF_CHECK_EQ(101, addr);
	ATF_CHECK(!space_allocate(&space, (struct ip_range){200, 300}, &addr));
	ATF_CHECK(!space_claim(&space, 101));
	ATF_CHECK(!space_claim(&space, 110));
	space_free(&space);
}

ATF_TC_WITHOUT_HEAD(set_owned);
ATF_TC_BODY(set_owned, tc)
{
	static const struct ip_range grown[] = {{90, 105}, {110, 120}};
	static const struct ip_range unsorted[] = {{10, 20}, {15, 30}};
	static const struct ip_range empty[] = {{10, 10}};
	struct ip_range all = {0, 1000};
	struct space space;

	own_one(&space, 100, 110);
	ATF_REQUIRE(space_claim(&space, 102));
	ATF_REQUIRE(space_claim(&space, 107));
	ATF_REQUIRE(space_set_owned(&space, grown, 2));
	ATF_CHECK(space_in_use(&space, (struct ip_range){102, 103}));
	ATF_CHECK_EQ(24, space_count_free(&space, all));
	ATF_CHECK(!space_set_owned(&space, unsorted, 2));
	ATF_CHECK(!space_set_owned(&space, empty, 1));
	ATF_CHECK_EQ(24, space_count_free(&space, all));
	ATF_REQUIRE(space_set_owned(&space, NULL, 0));
	ATF_CHECK_EQ(0, space_count_free(&space, all));
	ATF_CHECK(!space_in_use(&space, all));
	space_free(&space);
}

#define MODEL 64

static void
expect_model(const struct space *space, const bool *owned, const bool *free)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < MODEL; i++) {
		ATF_REQUIRE_EQ(owned[i] && !free[i],
		    space_in_use(space, (struct ip_range){i, i + 1}));
		ATF_REQUIRE_EQ(free[i] ? 1 : 0,
		    space_count_free(space, (struct ip_range){i, i + 1}));
		count += free[i];
	}
	ATF_REQUIRE_EQ(
	    count, space_count_free(space, (struct ip_range){0, MODEL}));
}

/* Random steps, also on a plain array of addresses. */
ATF_TC_WITHOUT_HEAD(model);
ATF_TC_BODY(model, tc)
{
	bool owned[MODEL] = {false}, free[MODEL] = {false};
	struct ip_range range, given;
	struct space space;
	uint32_t addr;

	srandom(1);
	space_init(&space);
	for (int step = 0; step < 20000; step++) {
		addr = (uint32_t)random() % MODEL;
		switch (random() % 8) {
		case 0:
			range.start = addr;
			range.end =
			    addr + 1 + (uint32_t)random() % (MODEL - addr);
			ATF_REQUIRE(space_set_owned(&space, &range, 1));
			for (uint32_t i = 0; i < MODEL; i++) {
				bool now = i >= range.start && i < range.end;

				free[i] = now && (free[i] || !owned[i]);
				owned[i] = now;
			}
			break;
		case 1:
			range = (struct ip_range){addr, MODEL};
			if (!space_donate(&space, range, &given))
				break;
			for (uint32_t i = given.start; i < given.end; i++) {
				ATF_REQUIRE(owned[i] && free[i]);
				owned[i] = free[i] = false;
			}
			break;
		case 2:
		case 3:
			ATF_REQUIRE_EQ(owned[addr] && !free[addr],
			    space_release(&space, addr));
			free[addr] = owned[addr];
			break;
		default:
			ATF_REQUIRE_EQ(free[addr], space_claim(&space, addr));
			free[addr] = false;
			break;
		}
		expect_model(&space, owned, free);
	}
	space_free(&space);
}

/* Every other address used makes most ranges: it ends in an error. */
ATF_TC_WITHOUT_HEAD(limit);
ATF_TC_BODY(limit, tc)
{
	struct space space;
	uint32_t used = 0;

	own_one(&space, 0, 1 << 20);
	for (uint32_t i = 1; i < 1 << 20 && space_claim(&space, i); i += 2)
		used++;
	ATF_CHECK_EQ(SPACE_RANGES_MAX - 1, used);
	ATF_CHECK_EQ((1 << 20) - used,
	    space_count_free(&space, (struct ip_range){0, 1 << 20}));
	space_free(&space);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, block);
	ATF_TP_ADD_TC(tp, block_is_largest);
	ATF_TP_ADD_TC(tp, donate);
	ATF_TP_ADD_TC(tp, donate_half);
	ATF_TP_ADD_TC(tp, allocate);
	ATF_TP_ADD_TC(tp, set_owned);
	ATF_TP_ADD_TC(tp, model);
	ATF_TP_ADD_TC(tp, limit);
	return atf_no_error();
}
