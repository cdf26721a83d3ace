/*
 * A child that was taken over says on its pipes what it must not: whoever
 * reads it loses trust in it and nothing else. The key interface, asked by
 * such an engine as fast as it can be, gives away no key and keeps its budgets.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <signal.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "common/hello.h"
#include "regress/lib/pair.h"
#include "regress/lib/process.h"
#include "regress/lib/takeover.h"
#include "weaved/parent/kx3.h"
#include "weaved/weaved.h"

#define FLOOD_MS 3000
#define UNFINISHED_PER_S 20 /* hardened-protocol 8 */

static const char *const children[] = {
    "engine", "control", "resolver", "netcfg"};

/* What no reader may accept, whichever it is. */
enum bad {
	BAD_UNKNOWN_TYPE,
	BAD_EMPTY,
	BAD_LONG,
	BAD_SHORT_HEADER,
	BAD_HUGE_HEADER,
	BAD_DESCRIPTOR,
	BAD_MAX
};

static bool bad_send(struct imsgbuf *, enum bad);
static void bad_descriptor(struct imsgbuf *);
static bool replaced(struct host *, const char *, pid_t);
static struct takeover taken(struct host *, const char *);
static bool answers(struct host *);
static bool drained(struct imsgbuf *);
static int child_status(pid_t);
static void child_begin(struct imsgbuf *);

static void
bad_descriptor(struct imsgbuf *pipe)
{
	ATF_REQUIRE(imsg_compose(pipe, IMSG_READY, 0, dup(0), NULL, 0) == 0);
	imsgbuf_write(pipe);
}

static bool
bad_send(struct imsgbuf *pipe, enum bad bad)
{
	static const uint8_t zeros[IMSG_DATA_MAX];
	struct imsg_hdr hdr = {.type = IMSG_LOG, .len = sizeof(hdr)};

	switch (bad) {
	case BAD_UNKNOWN_TYPE:
		return takeover_send(pipe, IMSG_TYPE_MAX, NULL, 0);
	case BAD_EMPTY: /* of a type that every reader has in its table */
		return takeover_send(pipe, IMSG_LOG, NULL, 0);
	case BAD_LONG:
		return takeover_send(pipe, IMSG_READY, zeros, sizeof(zeros));
	case BAD_SHORT_HEADER:
		hdr.len = sizeof(hdr) - 1;
		return takeover_write(pipe, &hdr, sizeof(hdr));
	case BAD_HUGE_HEADER:
		hdr.len = UINT32_MAX;
		return takeover_write(pipe, &hdr, sizeof(hdr));
	default:
		bad_descriptor(pipe);
		return true;
	}
}

static bool
replaced(struct host *host, const char *name, pid_t old)
{
	pid_t pid = host_process(host, name);

	return pid > 0 && pid != old;
}

static bool
answers(struct host *host)
{
	json_t *status = host_show(host, "status");

	json_decref(status);
	return status != NULL;
}

/* One that works: engine and control have found each other. */
static struct takeover
taken(struct host *host, const char *name)
{
	NET_WAIT(60, answers(host) && host_process(host, name) > 0);
	return takeover_begin(host_process(host, name));
}

ATF_TC_WITHOUT_HEAD(parent_distrusts);
ATF_TC_BODY(parent_distrusts, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	pid_t parent;

	pair_start(&pair, PAIR_MTU);
	parent = pair.a->pid;
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
		for (int bad = 0; bad < BAD_MAX; bad++) {
			struct takeover it = taken(pair.a, children[i]);

			bad_send(it.parent, (enum bad)bad);
			NET_WAIT(60, replaced(pair.a, children[i], it.pid));
			takeover_end(&it);
		}
	ATF_CHECK(host_log_has(pair.a, "sent an invalid message"));
	ATF_CHECK_EQ(parent, host_process(pair.a, "parent"));
	pair_require(&pair);
	net_check(pair.net);
}

/* It says what nobody asked it: an address to keep, the end of no request. */
ATF_TC_WITHOUT_HEAD(netcfg_speaks_unasked);
ATF_TC_BODY(netcfg_speaks_unasked, tc)
{
	const struct ctl_expose address = {.addr = 0x0a200001, .len = 12};
	const struct imsg_netcfg_link nowhere = {.index = UINT32_MAX};
	const struct ctl_end end = {0};
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct takeover it;

	pair_start(&pair, PAIR_MTU);
	it = taken(pair.a, "netcfg");
	takeover_send(it.parent, IMSG_NETCFG_NO_RA, &nowhere, sizeof(nowhere));
	takeover_send(
	    it.parent, IMSG_NETCFG_ADOPTED, &address, sizeof(address));
	NET_WAIT(60, replaced(pair.a, "netcfg", it.pid));
	takeover_end(&it);
	it = taken(pair.a, "netcfg");
	takeover_send(it.parent, IMSG_END, &end, sizeof(end));
	NET_WAIT(60, replaced(pair.a, "netcfg", it.pid));
	takeover_end(&it);
	ATF_CHECK(net_try(pair.a->ns,
		      "ip address show dev weave | "
		      "grep -q 10.32.0.1/12") != 0);
	pair_require(&pair);
}

/* Whatever type: one child's word is not another's, and none has this size. */
ATF_TC_WITHOUT_HEAD(no_type_of_any_size);
ATF_TC_BODY(no_type_of_any_size, tc)
{
	static const uint8_t zeros[IMSG_DATA_MAX - 3];
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	for (uint32_t type = 0; type <= IMSG_TYPE_MAX; type += 16) {
		struct takeover it = taken(pair.a, "control");

		takeover_send(it.parent, type, zeros, sizeof(zeros));
		NET_WAIT(60, replaced(pair.a, "control", it.pid));
		takeover_end(&it);
	}
	pair_require(&pair);
}

/* Engine and control are each other's hostile peers too. */
ATF_TC_WITHOUT_HEAD(siblings_distrust);
ATF_TC_BODY(siblings_distrust, tc)
{
	static const char *const siblings[] = {"engine", "control"};
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	for (size_t i = 0; i < 2; i++)
		for (int bad = 0; bad < BAD_DESCRIPTOR; bad++) {
			struct takeover it = taken(pair.a, siblings[i]);

			ATF_REQUIRE(it.nothers > 0);
			for (size_t j = 0; j < it.nothers; j++)
				bad_send(it.others[j], (enum bad)bad);
			NET_WAIT(60, replaced(pair.a, siblings[i], it.pid));
			takeover_end(&it);
		}
	pair_require(&pair);
	net_check(pair.net);
}

static int
child_status(pid_t pid)
{
	int status = 0;

	NET_WAIT(20, waitpid(pid, &status, WNOHANG) == pid);
	return status;
}

/* Plays the parent until the child has confined itself. */
static void
child_begin(struct imsgbuf *pipe)
{
	struct imsg_start start = {
	    WEAVED_UID_FALLBACK, WEAVED_UID_FALLBACK, 0, 0};
	struct imsg imsg;
	uint32_t type;

	ATF_REQUIRE(takeover_send(pipe, IMSG_START, &start, sizeof(start)));
	do {
		ATF_REQUIRE(takeover_get(pipe, &imsg));
		type = imsg.hdr.type;
		imsg_free(&imsg);
	} while (type != IMSG_READY);
}

/* A child that no longer understands its parent ends, in good order. */
ATF_TC_WITHOUT_HEAD(children_end);
ATF_TC_BODY(children_end, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	int status;

	/* The root of the children is there once a daemon has run. */
	host_start(pair.a);
	for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++)
		for (int bad = 0; bad < BAD_MAX; bad++) {
			struct imsgbuf *pipe;
			pid_t pid = takeover_child(children[i], &pipe);

			child_begin(pipe);
			bad_send(pipe, (enum bad)bad);
			status = child_status(pid);
			ATF_CHECK_MSG(
			    WIFEXITED(status) && WEXITSTATUS(status) == 1,
			    "%s, case %d: status %#x", children[i], bad,
			    (unsigned)status);
			imsgbuf_free(pipe);
		}
}

/* Answers that wait are read and forgotten. False: the parent is gone. */
static bool
drained(struct imsgbuf *pipe)
{
	struct imsg imsg;

	if (imsgbuf_read(pipe) != 1)
		return false;
	while (imsg_get(pipe, &imsg) == 1)
		imsg_free(&imsg);
	return true;
}

/* A run begun by an invented peer of this address. */
static void
flood_start(struct takeover *engine, struct host *host, uint32_t n)
{
	struct imsg_kx3_start start = {.conn = n, .addr = 0x0a000000u + n};
	uint8_t nonce[HELLO_NONCE_LEN];
	uint64_t name;

	ATF_REQUIRE(peername_parse(host->name, &name));
	randombytes_buf(nonce, sizeof(nonce));
	for (int i = 0; i < 2; i++) {
		memcpy(start.header[i], "weave\3\3", KX3_HEADER_LEN);
		start.hello_len[i] = HELLO_LEN;
	}
	hello_put(start.hello[0], HELLO_INITIATOR, name + 1 + n, nonce);
	hello_put(start.hello[1], HELLO_RESPONDER, name, nonce);
	crypto_core_ristretto255_random(start.share);
	ATF_REQUIRE(takeover_send(
	    engine->parent, IMSG_KX3_START, &start, sizeof(start)));
}

struct flood {
	unsigned asked, begun, refused, finished, keys;
};

/* To each run that began a confirmation is guessed. */
static void
flood_answers(struct takeover *engine, struct flood *flood)
{
	struct imsg_kx3_finish finish = {.len = KX3_CONFIRM_LEN};
	struct imsg_kx3_started started;
	struct imsg_kx3_finished finished;
	struct imsg imsg;

	ATF_REQUIRE(imsgbuf_read(engine->parent) == 1);
	while (imsg_get(engine->parent, &imsg) == 1) {
		if (imsg.hdr.type == IMSG_KX3_STARTED) {
			memcpy(&started, imsg.data, sizeof(started));
			flood->begun += started.result == KX3_DONE;
			flood->refused += started.result != KX3_DONE;
			finish.conn = started.conn;
			finish.handle = started.handle;
			randombytes_buf(finish.frame + 1, KX3_TAG_LEN);
			if (started.result == KX3_DONE)
				ATF_REQUIRE(takeover_send(engine->parent,
				    IMSG_KX3_FINISH, &finish, sizeof(finish)));
		} else if (imsg.hdr.type == IMSG_KX3_FINISHED) {
			memcpy(&finished, imsg.data, sizeof(finished));
			flood->finished++;
			flood->keys += finished.result == KX3_DONE ||
			    !sodium_is_zero((const uint8_t *)&finished.keys,
				sizeof(finished.keys));
		}
		imsg_free(&imsg);
	}
}

ATF_TC_WITHOUT_HEAD(key_interface);
ATF_TC_BODY(key_interface, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct flood flood = {0};
	struct takeover engine;
	uint64_t begin, took;
	pid_t parent;

	ATF_REQUIRE(sodium_init() != -1);
	pair_start(&pair, PAIR_MTU);
	parent = pair.a->pid;
	engine = taken(pair.a, "engine");
	ATF_REQUIRE(drained(engine.parent));
	begin = net_now();
	while (net_now() - begin < FLOOD_MS) {
		for (int i = 0; i < 16; i++)
			flood_start(&engine, pair.a, flood.asked++);
		flood_answers(&engine, &flood);
	}
	while (flood.begun + flood.refused < flood.asked ||
	    flood.finished < flood.begun)
		flood_answers(&engine, &flood);
	took = net_now() - begin;
	printf("%u runs asked for in %llu ms: %u begun, %u refused, "
	       "%u guesses, %u keys\n",
	    flood.asked, (unsigned long long)took, flood.begun, flood.refused,
	    flood.finished, flood.keys);
	ATF_CHECK_EQ(0, flood.keys);
	ATF_CHECK(flood.begun > 0);
	ATF_CHECK(flood.refused > 0);
	ATF_CHECK_MSG(flood.begun <= UNFINISHED_PER_S * (took / 1000 + 2),
	    "%u runs begun", flood.begun);
	ATF_CHECK_EQ(parent, host_process(pair.a, "parent"));
	/* Who was taken over goes, and its successor has what it needs. */
	takeover_send(engine.parent, IMSG_TYPE_MAX, NULL, 0);
	NET_WAIT(60, replaced(pair.a, "engine", engine.pid));
	takeover_end(&engine);
	pair_require(&pair);
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parent_distrusts);
	ATF_TP_ADD_TC(tp, no_type_of_any_size);
	ATF_TP_ADD_TC(tp, netcfg_speaks_unasked);
	ATF_TP_ADD_TC(tp, siblings_distrust);
	ATF_TP_ADD_TC(tp, children_end);
	ATF_TP_ADD_TC(tp, key_interface);
	return atf_no_error();
}
