/*
 * Sessions of the parent: messages from parent to parent, and the keys of
 * re-authentication in the place of the former, both ends by the interface.
 */
#include <atf-c.h>
#include <sodium.h>
#include <string.h>

#include "common/hello.h"
#include "weaved/parent/kx3.h"
#include "weaved/parent/session.h"

#define NAME_A UINT64_C(0x0a0000000001)
#define NAME_B UINT64_C(0x0a0000000002)
#define ADDR_A 0x0a000001u
#define ADDR_B 0x0a000002u

static const uint8_t prs[3][KX3_PRS_LEN] = {{1}, {2}, {3}};
static struct kx3 *a, *b;
static struct session *at_a, *at_b;
static uint64_t now = 1000000;

/* What both say in one run within the session. */
struct reauth {
	struct imsg_reauth_started started[2];
	struct imsg_reauth_finished finished[2];
};

static void handshake(void);
static void setup(void);
static void teardown(void);
static void reauth_shares(struct reauth *);
static void reauth_tags(struct reauth *);
static void verdict(const struct reauth *);
static struct session_body a_body(uint8_t);
static bool delivers(struct session *, struct session *, uint8_t);

static void
handshake(void)
{
	struct imsg_kx3_start start[2] = {
	    {.addr = ADDR_B, .outbound = 1}, {.addr = ADDR_A}};
	struct imsg_kx3_started started[2];
	struct imsg_kx3_finished finished[2];
	struct imsg_kx3_finish finish[2] = {0};
	uint8_t nonce[HELLO_NONCE_LEN] = {9};

	for (size_t i = 0; i < 2; i++) {
		memcpy(start[i].header[0], "weave\3\3", KX3_HEADER_LEN);
		memcpy(start[i].header[1], "weave\3\3", KX3_HEADER_LEN);
		hello_put(start[i].hello[0], HELLO_INITIATOR, NAME_A, nonce);
		hello_put(start[i].hello[1], HELLO_RESPONDER, NAME_B, nonce);
		start[i].hello_len[0] = start[i].hello_len[1] = HELLO_LEN;
	}
	kx3_start(a, &start[0], true, now, &started[0]);
	ATF_REQUIRE_EQ(KX3_DONE, started[0].result);
	memcpy(start[1].share, started[0].frame, KX3_SHARE_LEN);
	kx3_start(b, &start[1], true, now, &started[1]);
	ATF_REQUIRE_EQ(KX3_DONE, started[1].result);
	finish[0].handle = started[0].handle;
	finish[0].len = started[1].len;
	memcpy(finish[0].frame, started[1].frame, started[1].len);
	kx3_finish(a, &finish[0], now, &finished[0]);
	ATF_REQUIRE_EQ(KX3_DONE, finished[0].result);
	finish[1].handle = started[1].handle;
	finish[1].len = finished[0].len;
	memcpy(finish[1].frame, finished[0].frame, finished[0].len);
	kx3_finish(b, &finish[1], now, &finished[1]);
	ATF_REQUIRE_EQ(KX3_DONE, finished[1].result);
	at_a = sessions_find(kx3_sessions(a), finished[0].session);
	at_b = sessions_find(kx3_sessions(b), finished[1].session);
	ATF_REQUIRE(at_a != NULL && at_b != NULL);
}

static void
setup(void)
{
	ATF_REQUIRE(sodium_init() != -1);
	a = kx3_new(NAME_A, "weave");
	b = kx3_new(NAME_B, "weave");
	ATF_REQUIRE(a != NULL && b != NULL);
	kx3_set_slots(a, prs[0], NULL);
	kx3_set_slots(b, prs[0], prs[1]);
	handshake();
}

static void
teardown(void)
{
	kx3_free(a);
	kx3_free(b);
}

static void
reauth_shares(struct reauth *run)
{
	struct imsg_reauth_start start = {.conn = 7, .session = at_a->id};

	memset(run, 0, sizeof(*run));
	kx3_reauth_start(a, &start, now, &run->started[0]);
	ATF_REQUIRE_EQ(KX3_DONE, run->started[0].result);
	ATF_REQUIRE_EQ(KX3_SHARE_LEN, run->started[0].len);
	start.session = at_b->id;
	start.count = run->started[0].count;
	memcpy(start.share, run->started[0].frame, KX3_SHARE_LEN);
	kx3_reauth_start(b, &start, now, &run->started[1]);
}

static void
reauth_tags(struct reauth *run)
{
	struct imsg_kx3_finish finish = {
	    .handle = run->started[0].handle, .len = run->started[1].len};

	memcpy(finish.frame, run->started[1].frame, sizeof(finish.frame));
	kx3_reauth_finish(a, &finish, now, &run->finished[0]);
	if (run->finished[0].result != KX3_DONE)
		return;
	memset(finish.frame, 0, sizeof(finish.frame));
	finish.handle = run->started[1].handle;
	finish.len = run->finished[0].len;
	memcpy(finish.frame, run->finished[0].frame, KX3_CONFIRM_LEN);
	kx3_reauth_finish(b, &finish, now, &run->finished[1]);
}

static void
verdict(const struct reauth *run)
{
	struct imsg_reauth_verdict message = {
	    at_a->id, run->started[0].count, run->finished[1].result};

	kx3_reauth_verdict(a, &message, now);
}

static struct session_body
a_body(uint8_t kind)
{
	struct session_body body = {.kind = kind,
	    .generation = UINT64_C(0x0102030405060708),
	    .step = 3,
	    .len = 5};

	memset(body.rotation, 0x77, sizeof(body.rotation));
	memcpy(body.password, "s3cr3", 5);
	return body;
}

static bool
delivers(struct session *from, struct session *to, uint8_t kind)
{
	uint8_t message[SESSION_MESSAGE_LEN];
	struct session_body sent = a_body(kind), got;

	ATF_REQUIRE(session_seal(from, &sent, message));
	if (!session_open(to, message, sizeof(message), &got)) {
		ATF_CHECK(sodium_is_zero((const uint8_t *)&got, sizeof(got)));
		return false;
	}
	ATF_CHECK_EQ(kind, got.kind);
	ATF_CHECK(memcmp(&sent, &got, sizeof(sent)) == 0);
	return true;
}

ATF_TC_WITHOUT_HEAD(begins);
ATF_TC_BODY(begins, tc)
{
	setup();
	ATF_CHECK_EQ(NAME_B, at_a->peer);
	ATF_CHECK_EQ(NAME_A, at_b->peer);
	ATF_CHECK_EQ(ADDR_B, at_a->addr);
	ATF_CHECK(at_a->outbound && !at_b->outbound);
	ATF_CHECK_EQ(now, at_a->authenticated);
	ATF_CHECK(memcmp(&at_a->keys, &at_b->keys, sizeof(at_a->keys)) == 0);
	ATF_CHECK(memcmp(at_a->keys.esp, at_a->keys.parent[0], 32) != 0);
	/* Of the mesh only when the engine says so. */
	ATF_CHECK(sessions_of_peer(kx3_sessions(a), NAME_B) == NULL);
	at_a->up = true;
	ATF_CHECK(sessions_of_peer(kx3_sessions(a), NAME_B) == at_a);
	ATF_CHECK(sessions_next(kx3_sessions(a), NULL) == at_a);
	ATF_CHECK(sessions_next(kx3_sessions(a), at_a) == NULL);
	session_end(at_a);
	ATF_CHECK(sodium_is_zero((const uint8_t *)at_a, sizeof(*at_a)));
	ATF_CHECK(sessions_next(kx3_sessions(a), NULL) == NULL);
	teardown();
}

ATF_TC_WITHOUT_HEAD(table);
ATF_TC_BODY(table, tc)
{
	struct sessions *sessions;
	struct session *session;
	uint32_t first = 0, last = 0;

	ATF_REQUIRE(sodium_init() != -1);
	ATF_REQUIRE((sessions = sessions_new()) != NULL);
	ATF_CHECK(sessions_find(sessions, 0) == NULL);
	for (int i = 0; i < SESSIONS_MAX; i++) {
		ATF_REQUIRE((session = sessions_add(sessions)) != NULL);
		ATF_REQUIRE(sessions_find(sessions, session->id) == session);
		first = i == 0 ? session->id : first;
		last = session->id;
	}
	ATF_CHECK(sessions_add(sessions) == NULL);
	session_end(sessions_find(sessions, last));
	ATF_CHECK(sessions_find(sessions, last) == NULL);
	ATF_CHECK(sessions_add(sessions) != NULL);
	sessions_clear(sessions);
	ATF_CHECK(sessions_find(sessions, first) == NULL);
	sessions_free(sessions);
	sessions_free(NULL);
}

/* Too many of them: the exchange fails, and nothing is left of it. */
ATF_TC_WITHOUT_HEAD(full);
ATF_TC_BODY(full, tc)
{
	struct imsg_kx3_finished finished;
	struct imsg_kx3_finish finish = {0};
	struct imsg_kx3_started started[2];
	struct imsg_kx3_start start[2] = {
	    {.addr = ADDR_B, .outbound = 1}, {.addr = ADDR_A}};
	uint8_t nonce[HELLO_NONCE_LEN] = {9};

	setup();
	while (sessions_add(kx3_sessions(a)) != NULL)
		;
	for (size_t i = 0; i < 2; i++) {
		hello_put(start[i].hello[0], HELLO_INITIATOR, NAME_A, nonce);
		hello_put(start[i].hello[1], HELLO_RESPONDER, NAME_B, nonce);
		start[i].hello_len[0] = start[i].hello_len[1] = HELLO_LEN;
	}
	kx3_start(a, &start[0], true, now, &started[0]);
	memcpy(start[1].share, started[0].frame, KX3_SHARE_LEN);
	kx3_start(b, &start[1], true, now, &started[1]);
	finish.handle = started[0].handle;
	finish.len = started[1].len;
	memcpy(finish.frame, started[1].frame, sizeof(finish.frame));
	kx3_finish(a, &finish, now, &finished);
	ATF_CHECK_EQ(KX3_BUSY, finished.result);
	ATF_CHECK_EQ(0, finished.session);
	ATF_CHECK(sodium_is_zero(
	    (const uint8_t *)&finished.keys, sizeof(finished.keys)));
	ATF_CHECK(sodium_is_zero(finished.frame, sizeof(finished.frame)));
	teardown();
}

ATF_TC_WITHOUT_HEAD(messages);
ATF_TC_BODY(messages, tc)
{
	uint8_t first[SESSION_MESSAGE_LEN], second[SESSION_MESSAGE_LEN];
	struct session_body body = a_body(1), got;

	setup();
	ATF_CHECK(delivers(at_a, at_b, 1));
	ATF_CHECK(delivers(at_b, at_a, 2));
	ATF_CHECK(delivers(at_a, at_b, 3));
	/* Once, in order, gaps are fine; not to where it came from. */
	ATF_REQUIRE(session_seal(at_a, &body, first));
	ATF_REQUIRE(session_seal(at_a, &body, second));
	ATF_CHECK(!session_open(at_a, first, sizeof(first), &got));
	ATF_CHECK(session_open(at_b, second, sizeof(second), &got));
	ATF_CHECK(!session_open(at_b, second, sizeof(second), &got));
	ATF_CHECK(!session_open(at_b, first, sizeof(first), &got));
	/* Any byte changed, and lengths. */
	for (size_t i = 0; i < sizeof(first); i++) {
		ATF_REQUIRE(session_seal(at_a, &body, first));
		first[i] ^= 1;
		ATF_CHECK(!session_open(at_b, first, sizeof(first), &got));
		ATF_CHECK(sodium_is_zero((const uint8_t *)&got, sizeof(got)));
	}
	ATF_REQUIRE(session_seal(at_a, &body, first));
	ATF_CHECK(!session_open(at_b, first, sizeof(first) - 1, &got));
	ATF_CHECK(!session_open(at_b, first, 0, &got));
	/* What is not sent either. */
	body.len = SESSION_PASSWORD_MAX + 1;
	ATF_CHECK(!session_seal(at_a, &body, first));
	body.len = SESSION_PASSWORD_MAX;
	memset(body.password, 0xff, sizeof(body.password));
	ATF_CHECK(session_seal(at_a, &body, first));
	ATF_CHECK(session_open(at_b, first, sizeof(first), &got));
	ATF_CHECK(memcmp(&body, &got, sizeof(got)) == 0);
	teardown();
}

/* The box as it is on paper, and bodies that say no true length. */
ATF_TC_WITHOUT_HEAD(wire);
ATF_TC_BODY(wire, tc)
{
	uint8_t text[SESSION_BODY_LEN] = {9}, nonce[24] = {0x50, 0};
	uint8_t message[SESSION_MESSAGE_LEN] = {0};
	struct session_body got;

	setup();
	memset(text + 1, 0x11, 16);
	text[24] = 4; /* generation */
	text[25] = 2; /* step */
	text[27] = 1; /* length */
	text[28] = 'x';
	nonce[23] = message[11] = 7;
	crypto_secretbox_easy(
	    message + 12, text, sizeof(text), nonce, at_b->keys.parent[0]);
	ATF_REQUIRE(session_open(at_b, message, sizeof(message), &got));
	ATF_CHECK_EQ(9, got.kind);
	ATF_CHECK_EQ(0x11, got.rotation[15]);
	ATF_CHECK_EQ(4, got.generation);
	ATF_CHECK_EQ(2, got.step);
	ATF_CHECK_EQ(1, got.len);
	ATF_CHECK_EQ('x', got.password[0]);
	/* Bytes behind the password; a password that is too long. */
	for (int what = 0; what < 2; what++) {
		nonce[23] = message[11] = (uint8_t)(8 + what);
		if (what == 0)
			text[29] = 'y';
		else
			text[26] = 2;
		crypto_secretbox_easy(message + 12, text, sizeof(text), nonce,
		    at_b->keys.parent[0]);
		ATF_CHECK(!session_open(at_b, message, sizeof(message), &got));
	}
	teardown();
}

ATF_TC_WITHOUT_HEAD(renewed);
ATF_TC_BODY(renewed, tc)
{
	struct session_keys before;
	struct reauth run, again;

	setup();
	before = at_a->keys;
	now += 3600000;
	reauth_shares(&run);
	ATF_REQUIRE_EQ(KX3_DONE, run.started[1].result);
	ATF_CHECK_EQ(1, run.started[0].count);
	ATF_CHECK_EQ(7, run.started[1].conn);
	reauth_tags(&run);
	ATF_CHECK_EQ(KX3_DONE, run.finished[0].result);
	ATF_CHECK_EQ(KX3_DONE, run.finished[1].result);
	ATF_CHECK(memcmp(run.finished[0].key, run.finished[1].key, 32) == 0);
	ATF_CHECK(!sodium_is_zero(run.finished[0].key, 32));
	/* B has them, A waits for the verdict. */
	ATF_CHECK(memcmp(&before, &at_a->keys, sizeof(before)) == 0);
	ATF_CHECK(memcmp(&before, &at_b->keys, sizeof(before)) != 0);
	ATF_CHECK_EQ(1, at_b->count);
	ATF_CHECK_EQ(now, at_b->authenticated);
	ATF_CHECK(at_a->authenticated < now);
	verdict(&run);
	ATF_CHECK(memcmp(&at_a->keys, &at_b->keys, sizeof(before)) == 0);
	ATF_CHECK(sodium_is_zero((const uint8_t *)&at_a->next, sizeof(before)));
	ATF_CHECK_EQ(now, at_a->authenticated);
	/* A verdict counts once. */
	before = at_a->keys;
	verdict(&run);
	ATF_CHECK_EQ(0, at_a->next_count);
	ATF_CHECK(memcmp(&before, &at_a->keys, sizeof(before)) == 0);
	/* The next one is another. */
	reauth_shares(&again);
	ATF_CHECK_EQ(2, again.started[0].count);
	reauth_tags(&again);
	verdict(&again);
	ATF_CHECK(memcmp(run.finished[0].key, again.finished[0].key, 32) != 0);
	ATF_CHECK(memcmp(&before, &at_a->keys, sizeof(before)) != 0);
	ATF_CHECK(memcmp(&at_a->keys, &at_b->keys, sizeof(before)) == 0);
	ATF_CHECK_EQ(0, kx3_handles(a) + kx3_handles(b));
	teardown();
}

/* Messages go on at every moment; what was on its way still opens. */
ATF_TC_WITHOUT_HEAD(renewed_under_messages);
ATF_TC_BODY(renewed_under_messages, tc)
{
	uint8_t late[SESSION_MESSAGE_LEN], old[SESSION_MESSAGE_LEN];
	struct session_body body = a_body(8), got;
	struct reauth run;

	setup();
	ATF_CHECK(delivers(at_a, at_b, 1));
	reauth_shares(&run);
	ATF_CHECK(delivers(at_a, at_b, 2));
	ATF_CHECK(delivers(at_b, at_a, 3));
	ATF_REQUIRE(session_seal(at_b, &body, late));
	reauth_tags(&run);
	ATF_CHECK(session_open(at_a, late, sizeof(late), &got));
	ATF_REQUIRE(session_seal(at_a, &body, old));
	ATF_CHECK(delivers(at_a, at_b, 4));
	/* Before the verdict A can not read what B says by the new ones. */
	ATF_CHECK(!delivers(at_b, at_a, 5));
	verdict(&run);
	ATF_CHECK(delivers(at_b, at_a, 6));
	ATF_CHECK(delivers(at_a, at_b, 7));
	/* From then on nothing of the former keys. */
	ATF_CHECK(!session_open(at_b, old, sizeof(old), &got));
	ATF_CHECK(sodium_is_zero(at_b->former, sizeof(at_b->former)));
	teardown();
}

/* A's new password is B's second, or unknown to it. */
ATF_TC_WITHOUT_HEAD(passwords);
ATF_TC_BODY(passwords, tc)
{
	struct session_keys before;
	struct reauth run;

	setup();
	kx3_set_slots(a, prs[1], prs[0]);
	reauth_shares(&run);
	reauth_tags(&run);
	verdict(&run);
	ATF_CHECK_EQ(KX3_DONE, run.finished[1].result);
	ATF_CHECK_EQ(1, run.finished[1].slot);
	ATF_CHECK_EQ(1, run.finished[0].slot);
	before = at_a->keys;
	kx3_set_slots(a, prs[2], NULL);
	reauth_shares(&run);
	reauth_tags(&run);
	ATF_CHECK_EQ(KX3_PASSWORD, run.finished[0].result);
	ATF_CHECK(sodium_is_zero(run.finished[0].key, 32));
	ATF_CHECK_EQ(0, run.finished[0].len);
	ATF_CHECK(memcmp(&before, &at_a->keys, sizeof(before)) == 0);
	ATF_CHECK(memcmp(&before, &at_b->keys, sizeof(before)) == 0);
	ATF_CHECK(delivers(at_a, at_b, 1));
	teardown();
}

/* A bad verdict, or one that is not of this run, changes nothing. */
ATF_TC_WITHOUT_HEAD(bad_verdicts);
ATF_TC_BODY(bad_verdicts, tc)
{
	struct imsg_reauth_verdict message;
	struct session_keys before;
	struct reauth run;

	setup();
	before = at_a->keys;
	reauth_shares(&run);
	reauth_tags(&run);
	message.session = at_a->id;
	message.count = 2;
	message.result = KX3_DONE;
	kx3_reauth_verdict(a, &message, now);
	message.session++;
	message.count = 1;
	kx3_reauth_verdict(a, &message, now);
	ATF_CHECK(memcmp(&before, &at_a->keys, sizeof(before)) == 0);
	message.session--;
	message.result = KX3_PASSWORD;
	kx3_reauth_verdict(a, &message, now);
	message.result = KX3_DONE;
	kx3_reauth_verdict(a, &message, now);
	ATF_CHECK(memcmp(&before, &at_a->keys, sizeof(before)) == 0);
	ATF_CHECK(sodium_is_zero((const uint8_t *)&at_a->next, sizeof(before)));
	teardown();
}

ATF_TC_WITHOUT_HEAD(refusals);
ATF_TC_BODY(refusals, tc)
{
	struct imsg_reauth_start start = {.session = 1};
	struct imsg_reauth_finished finished;
	struct imsg_reauth_started started;
	struct imsg_kx3_finish finish = {0};
	struct imsg_kx3_finished other;
	struct reauth run;

	setup();
	/* No such session, a count that was. */
	kx3_reauth_start(b, &start, now, &started);
	ATF_CHECK_EQ(KX3_MALFORMED, started.result);
	reauth_shares(&run);
	reauth_tags(&run);
	verdict(&run);
	start.session = at_b->id;
	for (start.count = 0; start.count < 2; start.count++) {
		kx3_reauth_start(b, &start, now, &started);
		ATF_CHECK_EQ(KX3_MALFORMED, started.result);
		ATF_CHECK_EQ(0, started.handle);
	}
	/* A handle is for what it was made for, for 5 s, and once. */
	reauth_shares(&run);
	finish.handle = run.started[0].handle;
	finish.len = run.started[1].len;
	memcpy(finish.frame, run.started[1].frame, sizeof(finish.frame));
	kx3_finish(a, &finish, now, &other);
	ATF_CHECK_EQ(KX3_EXPIRED, other.result);
	kx3_reauth_finish(a, &finish, now, &finished);
	ATF_CHECK_EQ(KX3_DONE, finished.result);
	kx3_reauth_finish(a, &finish, now, &finished);
	ATF_CHECK_EQ(KX3_EXPIRED, finished.result);
	kx3_cancel(b, run.started[1].handle);
	reauth_shares(&run);
	now += KX3_HANDLE_MS + 1;
	reauth_tags(&run);
	ATF_CHECK_EQ(KX3_EXPIRED, run.finished[0].result);
	/* The session ended meanwhile. */
	reauth_shares(&run);
	session_end(at_a);
	reauth_tags(&run);
	ATF_CHECK_EQ(KX3_EXPIRED, run.finished[0].result);
	ATF_CHECK(sodium_is_zero(run.finished[0].key, 32));
	/* No valid share; what failed so far is forgiven. */
	kx3_set_slots(b, prs[0], NULL);
	start.count = 99;
	kx3_reauth_start(b, &start, now, &started);
	ATF_CHECK_EQ(KX3_SHARE, started.result);
	ATF_CHECK_EQ(0, started.len);
	teardown();
}

/* It is bound to the handshake: another session's tags do not fit. */
ATF_TC_WITHOUT_HEAD(bound);
ATF_TC_BODY(bound, tc)
{
	struct reauth run;

	for (int what = 0; what < 3; what++) {
		setup();
		if (what == 0)
			at_b->th[63] ^= 1;
		if (what == 1)
			at_b->peer++;
		if (what == 2)
			at_a->tried = 4;
		reauth_shares(&run);
		ATF_REQUIRE_EQ(KX3_DONE, run.started[1].result);
		if (what == 2) /* a gap is fine */
			ATF_CHECK_EQ(5, run.started[1].count);
		reauth_tags(&run);
		ATF_CHECK_EQ(what == 2 ? KX3_DONE : KX3_PASSWORD,
		    (int)run.finished[0].result);
		teardown();
	}
}

/* Guesses within a session cost what they cost outside. */
ATF_TC_WITHOUT_HEAD(charged);
ATF_TC_BODY(charged, tc)
{
	struct imsg_reauth_start start = {.count = 1};
	struct imsg_reauth_started started;
	uint32_t last = KX3_DONE;

	setup();
	start.session = at_b->id;
	crypto_core_ristretto255_random(start.share);
	for (int i = 0; i < 5; i++, start.count++) {
		kx3_reauth_start(b, &start, now, &started);
		kx3_cancel(b, started.handle);
		last = started.result;
	}
	ATF_CHECK_EQ(KX3_FAILURES, last);
	teardown();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, begins);
	ATF_TP_ADD_TC(tp, table);
	ATF_TP_ADD_TC(tp, full);
	ATF_TP_ADD_TC(tp, messages);
	ATF_TP_ADD_TC(tp, wire);
	ATF_TP_ADD_TC(tp, renewed);
	ATF_TP_ADD_TC(tp, renewed_under_messages);
	ATF_TP_ADD_TC(tp, passwords);
	ATF_TP_ADD_TC(tp, bad_verdicts);
	ATF_TP_ADD_TC(tp, refusals);
	ATF_TP_ADD_TC(tp, bound);
	ATF_TP_ADD_TC(tp, charged);
	return atf_no_error();
}
