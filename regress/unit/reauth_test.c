/*
 * Re-authentication of a running connection: the table of its states and
 * messages, and two meshes with the real key exchange behind them.
 */
#include <atf-c.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>

#include "regress/lib/meshes.h"
#include "weaved/engine/mesh/reauth.h"
#include "weaved/engine/mesh/rekey.h"
#include "weaved/engine/mesh/wire.h"
#include "weaved/parent/kx3.h"

#define SOON (REAUTH_JITTER + 1000)

enum input {
	GOT_SHARE,
	GOT_ANSWER,
	GOT_ANSWER_REJECT,
	GOT_CONFIRM,
	GOT_CONFIRM_REJECT,
	GOT_RESULT,
	GOT_OTHER_COUNT,
	GOT_NO_STEP,
	GOT_SHORT,
	STARTED,
	REFUSED_START,
	FINISHED,
	REFUSED_FINISH,
	BEGIN,
	INPUT_MAX
};

static void put(struct reauth *, enum reauth_state, bool);
static unsigned feed(struct reauth *, enum input);
static unsigned expected(bool, enum reauth_state, enum input);

static void
put(struct reauth *reauth, enum reauth_state state, bool outbound)
{
	reauth_init(reauth, outbound, REAUTH_INTERVAL, 1000);
	reauth->state = state;
	reauth->count = 5;
}

static unsigned
feed(struct reauth *reauth, enum input input)
{
	static const struct {
		uint8_t step;
		size_t len;
		uint8_t first;
	} bodies[] = {
	    [GOT_SHARE] = {2, 32, 1},
	    [GOT_ANSWER] = {3, 65, 1},
	    [GOT_ANSWER_REJECT] = {3, 2, 0xff},
	    [GOT_CONFIRM] = {4, 33, 0},
	    [GOT_CONFIRM_REJECT] = {4, 2, 0xff},
	    [GOT_RESULT] = {5, 1, 0},
	    [GOT_OTHER_COUNT] = {5, 1, 0},
	    [GOT_NO_STEP] = {6, 1, 0},
	};
	struct imsg_reauth_started started = {.count = 5, .len = 32};
	struct imsg_reauth_finished finished = {.len = 33};
	uint8_t body[REAUTH_BODY_MAX] = {0};

	switch (input) {
	case STARTED:
		return reauth_started(reauth, &started, 2000);
	case REFUSED_START:
		started.result = KX3_FAILURES;
		return reauth_started(reauth, &started, 2000);
	case FINISHED:
		return reauth_finished(reauth, &finished, 2000);
	case REFUSED_FINISH:
		finished.result = KX3_PASSWORD;
		return reauth_finished(reauth, &finished, 2000);
	case BEGIN:
		return reauth_begin(reauth);
	case GOT_SHORT:
		return reauth_message(reauth, body, REAUTH_HEAD_LEN - 1, 2000);
	default:
		body[0] = bodies[input].step;
		body[4] = input == GOT_OTHER_COUNT ? 6 : 5;
		body[5] = bodies[input].first;
		body[6] = 1;
		return reauth_message(
		    reauth, body, REAUTH_HEAD_LEN + bodies[input].len, 2000);
	}
}

static unsigned
expected(bool dialled, enum reauth_state state, enum input input)
{
	bool waiting = state == REAUTH_WAITING;

	switch (input) {
	case GOT_SHARE:
		return !dialled && state == REAUTH_IDLE ? REAUTH_ASK_START
							: REAUTH_CLOSE;
	case GOT_ANSWER:
		return dialled && waiting ? REAUTH_ASK_FINISH : REAUTH_CLOSE;
	case GOT_ANSWER_REJECT:
		return dialled && waiting ? REAUTH_FAILED : REAUTH_CLOSE;
	case GOT_CONFIRM:
		return !dialled && waiting ? REAUTH_ASK_FINISH : REAUTH_CLOSE;
	case GOT_CONFIRM_REJECT:
		return !dialled && waiting ? REAUTH_FAILED : REAUTH_CLOSE;
	case GOT_RESULT:
		return dialled && state == REAUTH_VERDICT
		    ? REAUTH_TELL | REAUTH_DONE
		    : REAUTH_CLOSE;
	case STARTED:
		return state == REAUTH_STARTING ? REAUTH_SEND : 0;
	case REFUSED_START:
		if (state != REAUTH_STARTING)
			return 0;
		return dialled ? REAUTH_FAILED : REAUTH_SEND | REAUTH_FAILED;
	case FINISHED:
		if (state != REAUTH_CHECKING)
			return 0;
		return dialled ? REAUTH_SEND : REAUTH_SEND | REAUTH_DONE;
	case REFUSED_FINISH:
		return state == REAUTH_CHECKING ? REAUTH_SEND | REAUTH_FAILED
						: 0;
	case BEGIN:
		return dialled && state == REAUTH_IDLE ? REAUTH_ASK_START : 0;
	default:
		return REAUTH_CLOSE;
	}
}

ATF_TC_WITHOUT_HEAD(every_pair);
ATF_TC_BODY(every_pair, tc)
{
	struct reauth reauth;
	unsigned todo;

	ATF_REQUIRE(sodium_init() != -1);
	for (int role = 0; role < 2; role++)
		for (int state = 0; state < REAUTH_STATE_MAX; state++)
			for (int input = 0; input < INPUT_MAX; input++) {
				put(&reauth, (enum reauth_state)state, role);
				todo = feed(&reauth, (enum input)input);
				ATF_CHECK_EQ_MSG(
				    expected(role, (enum reauth_state)state,
					(enum input)input),
				    todo, "role %d state %d input %d: %#x",
				    role, state, input, todo);
				if (todo & (REAUTH_FAILED | REAUTH_DONE))
					ATF_CHECK_EQ(REAUTH_IDLE, reauth.state);
				if (todo & REAUTH_FAILED)
					ATF_CHECK_EQ(
					    2000 + REAUTH_RETRY, reauth.due);
				/* The peer's silence counts while we wait. */
				if (todo == REAUTH_SEND)
					ATF_CHECK_EQ(2000 + REAUTH_SILENCE,
					    reauth.silent);
				ATF_CHECK(reauth_text(&reauth) != NULL);
			}
}

/* The peer's words are read in full, and a share of no point ends it. */
ATF_TC_WITHOUT_HEAD(reasons);
ATF_TC_BODY(reasons, tc)
{
	struct imsg_reauth_started started = {.result = KX3_SHARE};
	struct imsg_reauth_finished finished = {.result = KX3_EXPIRED};
	struct reauth reauth;

	ATF_REQUIRE(sodium_init() != -1);
	put(&reauth, REAUTH_WAITING, true);
	feed(&reauth, GOT_ANSWER_REJECT);
	ATF_CHECK_STREQ(
	    "password mismatch, says the peer", reauth_text(&reauth));
	put(&reauth, REAUTH_STARTING, false);
	ATF_CHECK_EQ(REAUTH_CLOSE, reauth_started(&reauth, &started, 1));
	put(&reauth, REAUTH_CHECKING, true);
	ATF_CHECK_EQ(REAUTH_SEND | REAUTH_FAILED,
	    reauth_finished(&reauth, &finished, 1));
	ATF_CHECK_EQ(4, reauth.body[0]);
	ATF_CHECK_EQ(0xff, reauth.body[5]);
	ATF_CHECK_EQ(KX3_BUSY, reauth.body[6]);
	ATF_CHECK_STREQ("it took too long", reauth_text(&reauth));
	put(&reauth, REAUTH_CHECKING, false);
	ATF_CHECK_EQ(REAUTH_SEND | REAUTH_FAILED,
	    reauth_finished(&reauth, &finished, 1));
	ATF_CHECK_EQ(5, reauth.body[0]);
	ATF_CHECK_EQ(KX3_EXPIRED, reauth.body[5]);
	ATF_CHECK_EQ(REAUTH_HEAD_LEN + 1, reauth.len);
}

static struct meshes net;

static void
connect_pair(uint64_t rekey_interval)
{
	meshes_init(&net);
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].password = "s3cr3t";
		net.nodes[i].conf.rekey_interval = rekey_interval;
		node_protocol(&net, i, "hardened");
		node_start(&net, i);
	}
	node_target(&net, 0, 1);
	meshes_run(&net, 1000);
	ATF_REQUIRE(meshes_full(&net, 2));
}

static struct session *
session_of(size_t index)
{
	struct sessions *sessions = kx3_sessions(net.nodes[index].kx3);
	struct session *session = sessions_next(sessions, NULL);

	ATF_REQUIRE(session != NULL);
	ATF_CHECK(sessions_next(sessions, session) == NULL);
	return session;
}

struct search {
	const char *name;
	uint64_t value;
};

static void
find_counter(void *arg, uint32_t type, const void *data, size_t len)
{
	const struct ctl_counter *row = data;
	struct search *search = arg;

	(void)len;
	if (type == CTL_COUNTER && strcmp(row->name, search->name) == 0)
		search->value = row->value;
}

static uint64_t
counter(size_t index, const char *name)
{
	struct search search = {.name = name};

	mesh_show(net.nodes[index].mesh, CTL_SHOW_COUNTERS, find_counter,
	    &search, net.now);
	return search.value;
}

static bool
keys_match(void)
{
	return memcmp(net.nodes[0].udp_keys, net.nodes[1].udp_keys,
		   sizeof(net.nodes[0].udp_keys)) == 0 &&
	    memcmp(&session_of(0)->keys, &session_of(1)->keys,
		sizeof(struct session_keys)) == 0;
}

/* Every hour, and each is followed by new keys of which it is a part. */
ATF_TC_WITHOUT_HEAD(hourly);
ATF_TC_BODY(hourly, tc)
{
	unsigned dials, rekeys;

	connect_pair(UINT32_MAX); /* none by itself */
	dials = net.nodes[0].dials + net.nodes[1].dials;
	for (uint32_t hour = 0; hour < 2; hour++) {
		/* Keys live for four minutes at most. */
		for (int i = 0; i < 17; i++) {
			net.nodes[0].volume += REKEY_VOLUME;
			meshes_run(&net, 200000);
		}
		rekeys = net.nodes[0].rekeys;
		ATF_CHECK_EQ(hour, session_of(0)->count);
		net.nodes[0].volume += REKEY_VOLUME;
		meshes_run(&net, 180000);
		meshes_run(&net, SOON + 20000);
		ATF_CHECK_EQ(hour + 1, session_of(0)->count);
		ATF_CHECK_EQ(hour + 1, session_of(1)->count);
		ATF_CHECK(net.nodes[0].rekeys > rekeys);
		ATF_CHECK(keys_match());
	}
	ATF_CHECK_EQ(2, counter(0, "mesh.reauths"));
	ATF_CHECK_EQ(2, counter(1, "mesh.reauths"));
	ATF_CHECK_EQ(0, counter(0, "mesh.reauths.failed"));
	ATF_CHECK_EQ(dials, net.nodes[0].dials + net.nodes[1].dials);
	ATF_CHECK(meshes_full(&net, 2));
	meshes_free(&net);
}

/* At once when asked for, by who dialled alone. */
ATF_TC_WITHOUT_HEAD(on_demand);
ATF_TC_BODY(on_demand, tc)
{
	struct session_keys before;

	connect_pair(REKEY_INTERVAL);
	before = session_of(0)->keys;
	mesh_reauth_all(net.nodes[1].mesh, net.now);
	meshes_run(&net, SOON);
	ATF_CHECK_EQ(0, session_of(0)->count);
	ATF_CHECK(memcmp(&before, &session_of(0)->keys, sizeof(before)) == 0);
	mesh_reauth_all(net.nodes[0].mesh, net.now);
	meshes_run(&net, SOON);
	ATF_CHECK_EQ(1, session_of(0)->count);
	ATF_CHECK(memcmp(&before, &session_of(0)->keys, sizeof(before)) != 0);
	ATF_CHECK_EQ(1, net.nodes[0].rekeys);
	ATF_CHECK_EQ(1, net.nodes[1].switches);
	ATF_CHECK(keys_match());
	meshes_free(&net);
}

/* A password that changes everywhere, one node after the other. */
ATF_TC_WITHOUT_HEAD(rotation);
ATF_TC_BODY(rotation, tc)
{
	unsigned stopped;

	connect_pair(REKEY_INTERVAL);
	stopped = net.nodes[0].stopped + net.nodes[1].stopped;
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].second = "another one";
		node_set_passwords(&net.nodes[i]);
	}
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].password = "another one";
		net.nodes[i].second = "s3cr3t";
		node_set_passwords(&net.nodes[i]);
		mesh_reauth_all(net.nodes[i].mesh, net.now);
		meshes_run(&net, SOON);
	}
	ATF_CHECK_EQ(1, session_of(0)->count);
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].second = NULL;
		node_set_passwords(&net.nodes[i]);
	}
	mesh_reauth_all(net.nodes[0].mesh, net.now);
	meshes_run(&net, SOON);
	ATF_CHECK_EQ(2, session_of(1)->count);
	ATF_CHECK(keys_match());
	ATF_CHECK_EQ(stopped, net.nodes[0].stopped + net.nodes[1].stopped);
	meshes_free(&net);
}

/* Nothing changes, both ends know why, and after a minute it is tried again. */
ATF_TC_WITHOUT_HEAD(wrong_password);
ATF_TC_BODY(wrong_password, tc)
{
	struct session_keys before;

	connect_pair(REKEY_INTERVAL);
	before = session_of(0)->keys;
	net.nodes[0].password = "another one";
	node_set_passwords(&net.nodes[0]);
	mesh_reauth_all(net.nodes[0].mesh, net.now);
	meshes_run(&net, SOON);
	ATF_CHECK_EQ(1, counter(0, "mesh.reauths.failed"));
	ATF_CHECK_EQ(1, counter(1, "mesh.reauths.failed"));
	ATF_CHECK_EQ(0, kx3_handles(net.nodes[0].kx3));
	ATF_CHECK_EQ(0, kx3_handles(net.nodes[1].kx3));
	ATF_CHECK(memcmp(&before, &session_of(0)->keys, sizeof(before)) == 0);
	ATF_CHECK(memcmp(&before, &session_of(1)->keys, sizeof(before)) == 0);
	ATF_CHECK(meshes_full(&net, 2));
	net.nodes[0].password = "s3cr3t";
	node_set_passwords(&net.nodes[0]);
	meshes_run(&net, REAUTH_RETRY + 1000);
	ATF_CHECK_EQ(1, counter(0, "mesh.reauths"));
	ATF_CHECK_EQ(1, counter(1, "mesh.reauths"));
	ATF_CHECK_EQ(1, counter(0, "mesh.reauths.failed"));
	ATF_CHECK(keys_match());
	ATF_CHECK(meshes_full(&net, 2));
	meshes_free(&net);
}

/* A parent that is slow lets the handle expire; a dead one the connection. */
ATF_TC_WITHOUT_HEAD(slow_parent);
ATF_TC_BODY(slow_parent, tc)
{
	connect_pair(REKEY_INTERVAL);
	net.nodes[1].kx_slow = true;
	mesh_reauth_all(net.nodes[0].mesh, net.now);
	meshes_run(&net, 20000);
	ATF_CHECK_EQ(0, counter(0, "mesh.reauths.failed"));
	net.nodes[1].kx_slow = false;
	meshes_run(&net, 1000);
	ATF_CHECK_EQ(1, counter(0, "mesh.reauths.failed"));
	ATF_CHECK_EQ(1, counter(1, "mesh.reauths.failed"));
	meshes_run(&net, REAUTH_RETRY);
	ATF_CHECK_EQ(1, counter(0, "mesh.reauths"));
	ATF_CHECK(meshes_full(&net, 2));
	net.nodes[1].kx_slow = true;
	mesh_reauth_all(net.nodes[0].mesh, net.now);
	meshes_run(&net, REAUTH_JITTER + REAUTH_SILENCE + 1000);
	ATF_CHECK(net.nodes[0].stopped > 0);
	meshes_free(&net);
}

/* No new keys between a share and the verdict. */
ATF_TC_WITHOUT_HEAD(holds_rekey_back);
ATF_TC_BODY(holds_rekey_back, tc)
{
	connect_pair(1000);
	net.nodes[1].kx_slow = true;
	mesh_reauth_all(net.nodes[0].mesh, net.now);
	meshes_run(&net, REAUTH_JITTER);
	net.nodes[0].rekeys = 0;
	meshes_run(&net, 10000);
	ATF_CHECK_EQ(0, net.nodes[0].rekeys);
	net.nodes[1].kx_slow = false;
	meshes_run(&net, 10000);
	ATF_CHECK(net.nodes[0].rekeys >= 8);
	ATF_CHECK(keys_match());
	ATF_CHECK(meshes_full(&net, 2));
	meshes_free(&net);
}

/* As often as it goes, across rekeys of every second. */
ATF_TC_WITHOUT_HEAD(many);
ATF_TC_BODY(many, tc)
{
	meshes_init(&net);
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].password = "s3cr3t";
		net.nodes[i].conf.rekey_interval = 1000;
		net.nodes[i].conf.reauth_interval = 1000;
		node_protocol(&net, i, "hardened");
		node_start(&net, i);
	}
	node_target(&net, 0, 1);
	meshes_run(&net, 300000);
	ATF_CHECK(session_of(0)->count > 100);
	ATF_CHECK_EQ(session_of(0)->count, counter(1, "mesh.reauths"));
	ATF_CHECK_EQ(0, counter(1, "mesh.reauths.failed"));
	ATF_CHECK(keys_match());
	ATF_CHECK_EQ(0, net.nodes[0].stopped);
	meshes_free(&net);
}

/* The engine relays what parents say, of any content, and not without end. */
ATF_TC_WITHOUT_HEAD(parent_messages);
ATF_TC_BODY(parent_messages, tc)
{
	uint8_t bytes[KX3_MESSAGE_MAX];

	connect_pair(REKEY_INTERVAL);
	randombytes_buf(bytes, sizeof(bytes));
	mesh_parent_send(
	    net.nodes[0].mesh, session_of(0)->id, bytes, sizeof(bytes));
	mesh_parent_send(net.nodes[0].mesh, session_of(0)->id + 1, bytes, 1);
	meshes_run(&net, 100);
	ATF_CHECK_EQ(1, net.nodes[1].messages);
	ATF_CHECK_EQ(session_of(1)->id, net.nodes[1].message_session);
	ATF_CHECK_EQ(sizeof(bytes), net.nodes[1].message_len);
	ATF_CHECK(memcmp(bytes, net.nodes[1].message, sizeof(bytes)) == 0);
	mesh_parent_send(net.nodes[1].mesh, session_of(1)->id, bytes, 0);
	meshes_run(&net, 100);
	ATF_CHECK_EQ(1, net.nodes[0].messages);
	ATF_CHECK_EQ(0, net.nodes[0].message_len);
	for (int i = 0; i < 1000; i++)
		mesh_parent_send(
		    net.nodes[0].mesh, session_of(0)->id, bytes, 8);
	meshes_run(&net, 100);
	ATF_CHECK(net.nodes[1].messages > 50);
	ATF_CHECK(net.nodes[1].messages < 100);
	ATF_CHECK(meshes_full(&net, 2));
	meshes_free(&net);
}

/* Sessions end with their connections, whatever ends these. */
ATF_TC_WITHOUT_HEAD(sessions_end);
ATF_TC_BODY(sessions_end, tc)
{
	struct sessions *sessions;
	uint32_t first;

	connect_pair(REKEY_INTERVAL);
	first = session_of(1)->id;
	meshes_cut(&net, 0, 1);
	meshes_run(&net, 1000);
	sessions = kx3_sessions(net.nodes[1].kx3);
	ATF_CHECK(sessions_find(sessions, first) == NULL);
	ATF_CHECK(sessions_next(sessions, NULL) == NULL);
	meshes_heal(&net, 0, 1);
	meshes_run(&net, 60000);
	ATF_CHECK(meshes_full(&net, 2));
	ATF_CHECK(session_of(1)->id != first);
	/* The parent's answer comes when the connection is gone. */
	meshes_cut(&net, 0, 1);
	meshes_heal(&net, 0, 1);
	net.nodes[1].kx_slow = true;
	meshes_run(&net, 20000);
	net.nodes[1].kx_slow = false;
	meshes_run(&net, 60000);
	ATF_CHECK(meshes_full(&net, 2));
	session_of(0);
	session_of(1);
	meshes_free(&net);
}

/* The key of the last re-authentication is part of the next keys. */
ATF_TC_WITHOUT_HEAD(strengthens);
ATF_TC_BODY(strengthens, tc)
{
	static const uint8_t chain[32] = {1}, th[64] = {2}, ra[32] = {3};
	uint8_t ask[REKEY_BODY_LEN], answer[REKEY_BODY_LEN];
	uint8_t done[REKEY_DONE_LEN];
	struct rekey a, b;

	ATF_REQUIRE(sodium_init() != -1);
	for (int what = 0; what < 2; what++) {
		rekey_init(&a, true, chain, th, 1000, 1);
		rekey_init(&b, false, chain, th, 1000, 1);
		rekey_strengthen(&a, ra, 5);
		ATF_CHECK_EQ(5, a.due);
		if (what == 0)
			rekey_strengthen(&b, ra, 5);
		rekey_ask(&a, ask);
		ATF_REQUIRE(rekey_answer(&b, ask, sizeof(ask), answer, 1));
		ATF_REQUIRE(
		    rekey_complete(&a, answer, sizeof(answer), done, 1));
		ATF_CHECK_EQ(
		    what == 0, memcmp(&a.next, &b.next, sizeof(a.next)) == 0);
		ATF_CHECK(!a.has_ra && sodium_is_zero(a.ra, sizeof(a.ra)));
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_pair);
	ATF_TP_ADD_TC(tp, reasons);
	ATF_TP_ADD_TC(tp, hourly);
	ATF_TP_ADD_TC(tp, on_demand);
	ATF_TP_ADD_TC(tp, rotation);
	ATF_TP_ADD_TC(tp, wrong_password);
	ATF_TP_ADD_TC(tp, slow_parent);
	ATF_TP_ADD_TC(tp, holds_rekey_back);
	ATF_TP_ADD_TC(tp, many);
	ATF_TP_ADD_TC(tp, parent_messages);
	ATF_TP_ADD_TC(tp, sessions_end);
	ATF_TP_ADD_TC(tp, strengthens);
	return atf_no_error();
}
