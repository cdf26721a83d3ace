/* Test frames, and two daemons that measure the path between them. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/overlay/probe.h"

#define PEER_A 0xa
#define PEER_B 0xb
#define SESSION 77
#define FRAME 1390
#define PATH_MAX_FRAMES 4096

struct flying {
	uint64_t arrives; /* us */
	uint64_t from;
	size_t len;
	uint8_t data[PROBE_FRAME_MIN];
};

/* A path that takes so many frames a millisecond and loses the others. */
struct path {
	uint64_t us;
	unsigned room; /* in this millisecond */
	unsigned room_max;
	bool busy;
	uint64_t sent; /* bytes towards B */
	size_t first;
	size_t count;
	struct flying flying[PATH_MAX_FRAMES];
	struct probe *a;
	struct probe *b;
};

static void path_put(struct path *, uint64_t, const uint8_t *, size_t);
static void path_send(void *, uint64_t, const uint8_t *, size_t, uint64_t);
static bool path_busy(void *);
static uint64_t path_clock(void *);
static struct path *path_new(unsigned);
static void path_free(struct path *);
static void path_step(struct path *);
static struct ctl_bench_result path_measure(struct path *, uint32_t, uint32_t);

static const struct probe_ops ops = {path_send, path_busy, path_clock};

static void
path_put(struct path *path, uint64_t from, const uint8_t *data, size_t len)
{
	struct flying *slot =
	    &path->flying[(path->first + path->count) % PATH_MAX_FRAMES];

	if (path->room == 0 || path->count == PATH_MAX_FRAMES)
		return;
	path->room--;
	path->count++;
	slot->arrives = path->us + 400;
	slot->from = from;
	slot->len = len;
	memcpy(slot->data, data, sizeof(slot->data));
}

static void
path_send(void *arg, uint64_t to, const uint8_t *data, size_t len, uint64_t now)
{
	struct path *path = arg;

	(void)now;
	if (to == PEER_B)
		path->sent += len;
	path_put(path, to == PEER_B ? PEER_A : PEER_B, data, len);
}

static bool
path_busy(void *arg)
{
	return ((struct path *)arg)->busy;
}

static uint64_t
path_clock(void *arg)
{
	return ((struct path *)arg)->us;
}

static struct path *
path_new(unsigned room)
{
	struct path *path = calloc(1, sizeof(*path));

	ATF_REQUIRE(path != NULL);
	path->us = 5000000;
	path->room_max = room;
	path->a = probe_new(&ops, path);
	path->b = probe_new(&ops, path);
	ATF_REQUIRE(path->a != NULL && path->b != NULL);
	return path;
}

static void
path_free(struct path *path)
{
	probe_free(path->a);
	probe_free(path->b);
	free(path);
}

/* A tenth of a millisecond. */
static void
path_step(struct path *path)
{
	struct flying *frame;
	uint64_t now = path->us / 1000;

	if (path->us % 1000 == 0)
		path->room = path->room_max;
	while (path->count > 0 &&
	    (frame = &path->flying[path->first])->arrives <= path->us) {
		struct flying copy = *frame;

		path->first = (path->first + 1) % PATH_MAX_FRAMES;
		path->count--;
		probe_receive(copy.from == PEER_A ? path->b : path->a,
		    copy.from, copy.data, copy.len, now);
	}
	probe_tick(path->a, now);
	path->us += 100;
}

static struct ctl_bench_result
path_measure(struct path *path, uint32_t seconds, uint32_t mbits)
{
	struct ctl_bench_result row;
	uint64_t end = path->us + (seconds + 1) * UINT64_C(1000000);

	ATF_REQUIRE(probe_start(
	    path->a, PEER_B, SESSION, FRAME, seconds, mbits, path->us / 1000));
	ATF_CHECK(!probe_start(
	    path->a, PEER_B, SESSION, FRAME, seconds, mbits, path->us / 1000));
	while (!probe_result(path->a, &row)) {
		ATF_REQUIRE(path->us < end);
		path_step(path);
	}
	ATF_CHECK(!probe_result(path->a, &row));
	ATF_CHECK_EQ(UINT64_MAX, probe_tick(path->a, path->us / 1000));
	return row;
}

ATF_TC_WITHOUT_HEAD(codec);
ATF_TC_BODY(codec, tc)
{
	const struct probe_frame frame = {
	    PROBE_ECHO, true, 1, 2, 3, 4, UINT64_C(0x0102030405060708)};
	struct probe_frame back;
	uint8_t bytes[PROBE_FRAME_MIN];
	const uint8_t tail[] = {1, 2, 3, 4, 5, 6, 7, 8};

	probe_encode(&frame, bytes);
	ATF_CHECK(probe_is(bytes, sizeof(bytes)));
	ATF_CHECK_EQ(2, bytes[0] & 3); /* of a local administrator, unicast */
	ATF_CHECK_EQ(0, memcmp(bytes + 62, tail, sizeof(tail)));
	ATF_REQUIRE(probe_decode(bytes, sizeof(bytes), &back));
	ATF_CHECK_EQ(PROBE_ECHO, back.kind);
	ATF_CHECK(back.asks);
	ATF_CHECK_EQ(1, back.session);
	ATF_CHECK_EQ(2, back.sequence);
	ATF_CHECK_EQ(3, back.stamp);
	ATF_CHECK_EQ(4, back.frames);
	ATF_CHECK_EQ(frame.bytes, back.bytes);
	for (size_t len = 0; len < sizeof(bytes); len++)
		ATF_CHECK(!probe_decode(bytes, len, &back));
	for (size_t i = 0; i < 20; i++) {
		bytes[i] ^= 0x40;
		ATF_CHECK_MSG(
		    !probe_decode(bytes, sizeof(bytes), &back), "byte %zu", i);
		bytes[i] ^= 0x40;
	}
	ATF_CHECK(!probe_is(bytes, 13));
	bytes[5]++;
	ATF_CHECK(!probe_is(bytes, sizeof(bytes)));
}

ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	struct path *path = path_new(1000);

	ATF_CHECK(!probe_start(path->a, 1, 1, FRAME, 0, 1, 1));
	ATF_CHECK(!probe_start(path->a, 1, 1, FRAME, 31, 1, 1));
	ATF_CHECK(!probe_start(path->a, 1, 1, FRAME, 1, 0, 1));
	ATF_CHECK(!probe_start(path->a, 1, 1, FRAME, 1, 1001, 1));
	ATF_CHECK(!probe_start(path->a, 1, 1, PROBE_FRAME_MIN - 1, 1, 1, 1));
	ATF_CHECK(!probe_start(path->a, 1, 1, PROBE_FRAME_MAX + 1, 1, 1, 1));
	ATF_CHECK(!probe_running(path->a));
	path_free(path);
}

/* A wide path: no more than allowed, nothing lost, round trips as they are. */
ATF_TC_WITHOUT_HEAD(wide);
ATF_TC_BODY(wide, tc)
{
	struct path *path = path_new(1000);
	struct ctl_bench_result row = path_measure(path, 2, 50);

	ATF_CHECK_EQ(row.sent, row.received);
	ATF_CHECK_MSG(row.throughput > 45000000 && row.throughput <= 51000000,
	    "%llu", (unsigned long long)row.throughput);
	ATF_CHECK_EQ(FRAME, row.frame);
	ATF_CHECK(row.rest_samples >= 30);
	ATF_CHECK(row.load_samples >= 100);
	ATF_CHECK(row.rest_median >= 800 && row.rest_99 <= 1100);
	ATF_CHECK(path->sent <= UINT64_C(50000000) / 8 * 2 + 100000);
	path_free(path);
}

/* A narrow path: found out by what is lost, and not filled for long. */
ATF_TC_WITHOUT_HEAD(narrow);
ATF_TC_BODY(narrow, tc)
{
	struct path *path = path_new(10); /* 111 Mbit/s */
	struct ctl_bench_result row = path_measure(path, 5, 1000);

	ATF_CHECK_MSG(row.throughput > 40000000 && row.throughput < 115000000,
	    "%llu", (unsigned long long)row.throughput);
	ATF_CHECK(row.received < row.sent);
	ATF_CHECK(row.received > row.sent / 2);
	path_free(path);
}

/* Nobody answers. */
ATF_TC_WITHOUT_HEAD(silent);
ATF_TC_BODY(silent, tc)
{
	struct path *path = path_new(0);
	struct ctl_bench_result row = path_measure(path, 1, 1000);

	ATF_CHECK_EQ(0, row.sent);
	ATF_CHECK_EQ(0, row.throughput);
	/* The rate falls as long as nothing is heard. */
	ATF_CHECK(path->sent < 1250000);
	path_free(path);
}

/* Other packets wait: nothing but pings at rest. */
ATF_TC_WITHOUT_HEAD(yields);
ATF_TC_BODY(yields, tc)
{
	struct path *path = path_new(1000);

	path->busy = true;
	path_measure(path, 1, 1000);
	ATF_CHECK(path->sent < 100 * PROBE_FRAME_MIN);
	path_free(path);
}

ATF_TC_WITHOUT_HEAD(cancelled);
ATF_TC_BODY(cancelled, tc)
{
	struct path *path = path_new(1000);
	struct ctl_bench_result row;

	ATF_REQUIRE(probe_start(path->a, PEER_B, SESSION, FRAME, 1, 1, 1));
	probe_cancel(path->a);
	ATF_CHECK(!probe_running(path->a));
	ATF_CHECK(!probe_result(path->a, &row));
	ATF_CHECK_EQ(UINT64_MAX, probe_tick(path->a, 2));
	path_free(path);
}

/* So many answers a second, however many ask, and so many sessions. */
ATF_TC_WITHOUT_HEAD(bounded_answers);
ATF_TC_BODY(bounded_answers, tc)
{
	struct path *path = path_new(PATH_MAX_FRAMES);
	struct probe_frame frame = {.kind = PROBE_DATA, .asks = true};
	uint8_t bytes[PROBE_FRAME_MIN];

	path->room = PATH_MAX_FRAMES;
	for (int i = 0; i < 3 * PROBE_ECHOES; i++) {
		probe_encode(&frame, bytes);
		probe_receive(path->b, PEER_A, bytes, sizeof(bytes), 5000);
	}
	ATF_CHECK_EQ(PROBE_ECHOES, path->count);
	path->count = 0;
	for (int i = 0; i < 2 * PROBE_SESSIONS; i++) {
		frame.session++;
		probe_encode(&frame, bytes);
		probe_receive(path->b, PEER_A, bytes, sizeof(bytes), 6000);
	}
	ATF_CHECK_EQ(PROBE_SESSIONS - 1, path->count);
	frame.kind = PROBE_ECHO;
	probe_encode(&frame, bytes);
	probe_receive(path->b, PEER_A, bytes, sizeof(bytes), 7000);
	ATF_CHECK_EQ(PROBE_SESSIONS - 1, path->count);
	path_free(path);
}

/* Echoes of what was never sent, or that claim too much, change nothing. */
ATF_TC_WITHOUT_HEAD(forged_echoes);
ATF_TC_BODY(forged_echoes, tc)
{
	const struct probe_frame forged[] = {
	    {PROBE_ECHO, false, SESSION + 1, 0, 5000000, 1, 70},
	    {PROBE_ECHO, false, SESSION, 1, 5000000, 1, 70},
	    {PROBE_ECHO, false, SESSION, 0, UINT64_MAX, 1, 70},
	    {PROBE_ECHO, false, SESSION, 0, 0, 2, 70},
	    {PROBE_ECHO, false, SESSION, 0, 5000000, 1, UINT64_MAX},
	};
	struct path *path = path_new(0);
	struct ctl_bench_result row;
	uint8_t bytes[PROBE_FRAME_MIN];
	uint64_t now = 5000;

	ATF_REQUIRE(probe_start(path->a, PEER_B, SESSION, FRAME, 1, 1, now));
	probe_tick(path->a, now);
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		probe_encode(&forged[i], bytes);
		probe_receive(path->a, PEER_B, bytes, sizeof(bytes), now);
		probe_encode(&forged[0], bytes);
		probe_receive(path->a, PEER_A, bytes, sizeof(bytes), now);
	}
	probe_tick(path->a, now + 2000);
	ATF_REQUIRE(probe_result(path->a, &row));
	ATF_CHECK_EQ(0, row.sent);
	ATF_CHECK_EQ(0, row.rest_samples);
	path_free(path);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, codec);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, wide);
	ATF_TP_ADD_TC(tp, narrow);
	ATF_TP_ADD_TC(tp, silent);
	ATF_TP_ADD_TC(tp, yields);
	ATF_TP_ADD_TC(tp, cancelled);
	ATF_TP_ADD_TC(tp, bounded_answers);
	ATF_TP_ADD_TC(tp, forged_echoes);
	return atf_no_error();
}
