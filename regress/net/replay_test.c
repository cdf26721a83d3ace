/*
 * A hundred thousand packets that were said before: none is delivered again.
 */
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/record.h"

#define DATAGRAMS 300
#define REPLAYS 100000
#define BATCH 200 /* less than a socket buffer holds */

static void replay_record(struct pair *, struct record *);
static void replay_batch(struct record *, size_t);
static uint64_t replay_epoch(struct host *);

/* Datagrams from x to y, each of which arrived and was recorded. */
static void
replay_record(struct pair *pair, struct record *record)
{
	size_t i;

	for (i = 0; i < DATAGRAMS; i++)
		NET_WAIT(10, pod_sends_udp(pair->x, pair->y, 100 + i));
	NET_WAIT(10, record_collect(record) >= DATAGRAMS);
}

static void
replay_batch(struct record *record, size_t from)
{
	size_t i;

	for (i = from; i < from + BATCH; i++)
		record_send(record, record->packets[i % record->count].bytes,
		    record->packets[i % record->count].len);
}

ATF_TC_WITHOUT_HEAD(same_connection);
ATF_TC_BODY(same_connection, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct record *record;
	uint64_t before;
	size_t i;
	int in;

	pair_start(&pair, PAIR_MTU);
	record = record_new(pair.b);
	replay_record(&pair, record);
	in = traffic_udp(pair.y, TRAFFIC_PORT);
	before = host_sum(pair.b, "Replays");
	for (i = 0; i < REPLAYS; i += BATCH) {
		replay_batch(record, i);
		NET_WAIT(20, host_sum(pair.b, "Replays") >= before + i + BATCH);
	}
	ATF_CHECK_EQ(0, traffic_drain(in));
	close(in);
	pair_require(&pair);
	net_check(pair.net);
	record_free(record);
}

/* What one connection said is nothing to the next. */
ATF_TC_WITHOUT_HEAD(next_connection);
ATF_TC_BODY(next_connection, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct record *record;
	size_t i;
	int in;

	pair_start(&pair, PAIR_MTU);
	record = record_new(pair.b);
	replay_record(&pair, record);
	host_stop(pair.b);
	host_start(pair.b);
	pair_require(&pair);

	in = traffic_udp(pair.y, TRAFFIC_PORT);
	for (i = 0; i < 10000; i += BATCH)
		replay_batch(record, i);
	pair_require(&pair);
	ATF_CHECK_EQ(0, traffic_drain(in));
	close(in);
	net_check(pair.net);
	record_free(record);
}

static uint64_t
replay_epoch(struct host *host)
{
	json_t *rows = host_show(host, "status keys");
	uint64_t epoch = (uint64_t)json_integer_value(
	    json_object_get(json_array_get(rows, 0), "Epoch"));

	json_decref(rows);
	return epoch;
}

/* Nor is what was said under keys of before, whether they are kept or not. */
ATF_TC_WITHOUT_HEAD(other_epochs);
ATF_TC_BODY(other_epochs, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct record *record;
	uint64_t first;
	size_t i;
	int in;

	host_option(pair.a, "rekey-interval", "2");
	host_option(pair.b, "rekey-interval", "2");
	pair_start(&pair, PAIR_MTU);
	record = record_new(pair.b);
	replay_record(&pair, record);
	first = replay_epoch(pair.b);
	in = traffic_udp(pair.y, TRAFFIC_PORT);
	for (i = 0; replay_epoch(pair.b) < first + 4; i += BATCH)
		replay_batch(record, i);
	for (; i < 10000; i += BATCH)
		replay_batch(record, i);
	pair_require(&pair);
	ATF_CHECK_EQ(0, traffic_drain(in));
	ATF_CHECK_EQ(1, host_connections(pair.b, "established", NULL));
	close(in);
	net_check(pair.net);
	record_free(record);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, same_connection);
	ATF_TP_ADD_TC(tp, next_connection);
	ATF_TP_ADD_TC(tp, other_epochs);
	return atf_no_error();
}
