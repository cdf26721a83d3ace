/*
 * The table of the version 3 handshake: every event in every state, in both
 * roles, leads where hardened-protocol 4 says, and all else to the end.
 */
#include <atf-c.h>
#include <string.h>

#include "weaved/engine/mesh/handshake3.h"

#define OURS UINT64_C(0x0a0000000001)
#define THEIRS UINT64_C(0x0a0000000002)

static const uint8_t header[KX3_HEADER_LEN] = "weave\2\3";
static const uint8_t nonce[HELLO_NONCE_LEN] = {1, 2, 3};

/* What belongs to an event, well formed, when we dialled or did not. */
struct input {
	const uint8_t *data;
	size_t len;
};

/* What may happen; all that is not listed must close as unexpected. */
static const struct transition {
	enum handshake3_state from;
	enum handshake3_event event;
	enum handshake3_state to[2]; /* accepted, dialled; 0: not expected */
	unsigned todo[2];
	enum handshake3_reason reason;
} transitions[] = {
    {HANDSHAKE3_IDLE, HANDSHAKE3_BEGIN, {HANDSHAKE3_HEADER, HANDSHAKE3_HEADER},
	{HANDSHAKE3_SEND, HANDSHAKE3_SEND}, 0},
    {HANDSHAKE3_HEADER, HANDSHAKE3_GOT_HEADER,
	{HANDSHAKE3_HELLO, HANDSHAKE3_HELLO},
	{HANDSHAKE3_SEND, HANDSHAKE3_SEND}, 0},
    {HANDSHAKE3_HELLO, HANDSHAKE3_GOT_HELLO,
	{HANDSHAKE3_SHARE_WAIT, HANDSHAKE3_STARTING}, {0, HANDSHAKE3_ASK_START},
	0},
    {HANDSHAKE3_STARTING, HANDSHAKE3_STARTED,
	{HANDSHAKE3_CONFIRM_WAIT, HANDSHAKE3_SHARE_SENT},
	{HANDSHAKE3_SEND, HANDSHAKE3_SEND}, 0},
    {HANDSHAKE3_SHARE_SENT, HANDSHAKE3_GOT_ANSWER,
	{HANDSHAKE3_CHECKING, HANDSHAKE3_CHECKING},
	{HANDSHAKE3_ASK_FINISH, HANDSHAKE3_ASK_FINISH}, 0},
    {HANDSHAKE3_SHARE_WAIT, HANDSHAKE3_GOT_SHARE,
	{HANDSHAKE3_ANSWERING, HANDSHAKE3_ANSWERING},
	{HANDSHAKE3_ASK_START, HANDSHAKE3_ASK_START}, 0},
    {HANDSHAKE3_ANSWERING, HANDSHAKE3_STARTED,
	{HANDSHAKE3_CONFIRM_WAIT, HANDSHAKE3_SHARE_SENT},
	{HANDSHAKE3_SEND, HANDSHAKE3_SEND}, 0},
    {HANDSHAKE3_CONFIRM_WAIT, HANDSHAKE3_GOT_CONFIRM,
	{HANDSHAKE3_CHECKING, HANDSHAKE3_CHECKING},
	{HANDSHAKE3_ASK_FINISH, HANDSHAKE3_ASK_FINISH}, 0},
    {HANDSHAKE3_CHECKING, HANDSHAKE3_FINISHED,
	{HANDSHAKE3_FEATURES, HANDSHAKE3_FEATURES},
	{HANDSHAKE3_KEYS, HANDSHAKE3_KEYS | HANDSHAKE3_SEND}, 0},
    {HANDSHAKE3_FEATURES, HANDSHAKE3_GOT_SEALED,
	{HANDSHAKE3_FEATURES, HANDSHAKE3_FEATURES},
	{HANDSHAKE3_OPEN, HANDSHAKE3_OPEN}, 0},
    {HANDSHAKE3_FEATURES, HANDSHAKE3_JOINED, {HANDSHAKE3_UP, HANDSHAKE3_UP},
	{0, 0}, 0},
    {HANDSHAKE3_FEATURES, HANDSHAKE3_HANGUP,
	{HANDSHAKE3_CLOSED, HANDSHAKE3_CLOSED},
	{HANDSHAKE3_CLOSE, HANDSHAKE3_CLOSE}, HANDSHAKE3_HUNG_UP_LATE},
};

static struct input
input_of(enum handshake3_event event, bool outbound)
{
	static uint8_t hello[HELLO_LEN], answer[65] = {1}, share[32];
	static const uint8_t reject[] = {0xff, 2}, result = KX3_PASSWORD;
	static const uint8_t confirm[KX3_CONFIRM_LEN], sealed[40];

	switch (event) {
	case HANDSHAKE3_GOT_HEADER:
		return (struct input){header, sizeof(header)};
	case HANDSHAKE3_GOT_HELLO:
		hello_put(hello, outbound ? HELLO_RESPONDER : HELLO_INITIATOR,
		    THEIRS, nonce);
		return (struct input){hello, sizeof(hello)};
	case HANDSHAKE3_GOT_SHARE:
		return (struct input){share, sizeof(share)};
	case HANDSHAKE3_GOT_ANSWER:
		return (struct input){answer, sizeof(answer)};
	case HANDSHAKE3_GOT_CONFIRM:
	case HANDSHAKE3_FINISHED:
		return (struct input){confirm, sizeof(confirm)};
	case HANDSHAKE3_GOT_SEALED:
	case HANDSHAKE3_GOT_OTHER:
		return (struct input){sealed, sizeof(sealed)};
	case HANDSHAKE3_GOT_REJECT:
		return (struct input){reject, sizeof(reject)};
	case HANDSHAKE3_STARTED:
		return outbound ? (struct input){share, sizeof(share)}
				: (struct input){answer, sizeof(answer)};
	case HANDSHAKE3_REFUSED:
		return (struct input){&result, 1};
	default:
		return (struct input){NULL, 0};
	}
}

static bool
waits_for_parent(enum handshake3_state state)
{
	return state == HANDSHAKE3_STARTING || state == HANDSHAKE3_ANSWERING ||
	    state == HANDSHAKE3_CHECKING;
}

/* The rule for the events that may come in many states. */
static struct transition
common(enum handshake3_state from, enum handshake3_event event)
{
	struct transition t = {from, event,
	    {HANDSHAKE3_CLOSED, HANDSHAKE3_CLOSED},
	    {HANDSHAKE3_CLOSE, HANDSHAKE3_CLOSE}, HANDSHAKE3_UNEXPECTED};

	if (event == HANDSHAKE3_TIMEOUT)
		t.reason = HANDSHAKE3_TIMED_OUT;
	if (event == HANDSHAKE3_HANGUP)
		t.reason = HANDSHAKE3_HUNG_UP;
	if (event == HANDSHAKE3_GOT_REJECT && from >= HANDSHAKE3_HELLO)
		t.reason = HANDSHAKE3_PEER_FAILURES;
	if (event == HANDSHAKE3_REFUSED && waits_for_parent(from)) {
		t.reason = HANDSHAKE3_PASSWORD;
		t.todo[0] = t.todo[1] = HANDSHAKE3_CLOSE | HANDSHAKE3_SEND;
	}
	return t;
}

static struct transition
expected(enum handshake3_state from, enum handshake3_event event)
{
	for (size_t i = 0; i < sizeof(transitions) / sizeof(transitions[0]);
	     i++)
		if (transitions[i].from == from &&
		    transitions[i].event == event)
			return transitions[i];
	return common(from, event);
}

static void
walk(enum handshake3_state from, enum handshake3_event event, bool outbound)
{
	struct transition want = expected(from, event);
	struct input input = input_of(event, outbound);
	struct handshake3 hs;
	unsigned todo;

	handshake3_init(&hs, outbound, OURS, header, nonce);
	hs.state = from;
	todo = handshake3_event(&hs, event, input.data, input.len);
	ATF_CHECK_MSG(want.to[outbound] == hs.state &&
		want.todo[outbound] == todo && want.reason == hs.reason,
	    "state %d, event %d, outbound %d: state %d, todo %x, reason %d",
	    from, event, outbound, hs.state, todo, hs.reason);
	ATF_CHECK_EQ((todo & HANDSHAKE3_SEND) != 0, hs.out_len > 0);
	ATF_CHECK_EQ(
	    (todo & HANDSHAKE3_CLOSE) != 0, hs.state == HANDSHAKE3_CLOSED);
}

ATF_TC_WITHOUT_HEAD(every_pair);
ATF_TC_BODY(every_pair, tc)
{
	for (int from = 0; from < HANDSHAKE3_UP; from++)
		for (int event = 0; event < HANDSHAKE3_EVENT_MAX; event++)
			for (int outbound = 0; outbound < 2; outbound++)
				walk((enum handshake3_state)from,
				    (enum handshake3_event)event, outbound);
}

/* What is over stays as it ended. */
ATF_TC_WITHOUT_HEAD(ends_are_final);
ATF_TC_BODY(ends_are_final, tc)
{
	for (int from = HANDSHAKE3_UP; from < HANDSHAKE3_STATE_MAX; from++)
		for (int event = 0; event < HANDSHAKE3_EVENT_MAX; event++) {
			struct input input =
			    input_of((enum handshake3_event)event, true);
			struct handshake3 hs;

			handshake3_init(&hs, true, OURS, header, nonce);
			hs.state = (enum handshake3_state)from;
			ATF_CHECK_EQ(0,
			    handshake3_event(&hs, (enum handshake3_event)event,
				input.data, input.len));
			ATF_CHECK_EQ(from, (int)hs.state);
			ATF_CHECK_EQ(HANDSHAKE3_OPENED, hs.reason);
		}
}

/* Each result of the parent's, and some that it does not have. */
ATF_TC_WITHOUT_HEAD(refusals);
ATF_TC_BODY(refusals, tc)
{
	for (unsigned result = 0; result < 256; result++) {
		uint8_t byte = (uint8_t)result;
		struct handshake3 hs;
		unsigned todo;

		handshake3_init(&hs, true, OURS, header, nonce);
		hs.state = HANDSHAKE3_CHECKING;
		todo = handshake3_event(&hs, HANDSHAKE3_REFUSED, &byte, 1);
		ATF_CHECK_EQ(HANDSHAKE3_CLOSED, hs.state);
		if (result >= KX3_PASSWORD && result <= KX3_REJECT_MAX) {
			ATF_CHECK_EQ(HANDSHAKE3_SEND | HANDSHAKE3_CLOSE, todo);
			ATF_CHECK_EQ(2, hs.out_len);
			ATF_CHECK_EQ(0xff, hs.out[0]);
			ATF_CHECK_EQ(result, hs.out[1]);
		} else
			ATF_CHECK_EQ(HANDSHAKE3_CLOSE, todo);
		if (result > KX3_DONE && result < KX3_RESULT_MAX)
			ATF_CHECK_EQ(result, (unsigned)hs.reason);
		else
			ATF_CHECK_EQ(HANDSHAKE3_MALFORMED, hs.reason);
	}
}

ATF_TC_WITHOUT_HEAD(rejections);
ATF_TC_BODY(rejections, tc)
{
	for (unsigned reason = 0; reason < 256; reason++) {
		uint8_t body[2] = {0xff, (uint8_t)reason};
		struct handshake3 hs;

		handshake3_init(&hs, false, OURS, header, nonce);
		hs.state = HANDSHAKE3_CONFIRM_WAIT;
		ATF_REQUIRE_EQ(HANDSHAKE3_GOT_REJECT,
		    handshake3_classify(&hs, body, sizeof(body)));
		ATF_CHECK_EQ(HANDSHAKE3_CLOSE,
		    handshake3_event(
			&hs, HANDSHAKE3_GOT_REJECT, body, sizeof(body)));
		if (reason >= 1 && reason <= 4)
			ATF_CHECK_EQ(HANDSHAKE3_PEER_PASSWORD + reason - 1,
			    (unsigned)hs.reason);
		else
			ATF_CHECK_EQ(HANDSHAKE3_PEER_OTHER, hs.reason);
	}
}

ATF_TC_WITHOUT_HEAD(hellos);
ATF_TC_BODY(hellos, tc)
{
	uint8_t hello[HELLO_MAX] = {0};
	struct imsg_kx3_start start;
	struct handshake3 hs;

	/* Unknown flags and a tail are carried along. */
	handshake3_init(&hs, true, OURS, header, nonce);
	hs.state = HANDSHAKE3_HELLO;
	hello_put(hello, HELLO_RESPONDER, THEIRS, nonce);
	memset(hello + 41, 0xaa, sizeof(hello) - 41);
	ATF_CHECK_EQ(HANDSHAKE3_ASK_START,
	    handshake3_event(&hs, HANDSHAKE3_GOT_HELLO, hello, sizeof(hello)));
	ATF_CHECK_EQ(THEIRS, hs.peer);
	handshake3_start(&hs, &start);
	ATF_CHECK_EQ(HELLO_LEN, start.hello_len[0]);
	ATF_CHECK_EQ(HELLO_MAX, start.hello_len[1]);
	ATF_CHECK(memcmp(hello, start.hello[1], sizeof(hello)) == 0);
	/* Our own role */
	handshake3_init(&hs, true, OURS, header, nonce);
	hs.state = HANDSHAKE3_HELLO;
	hello_put(hello, HELLO_INITIATOR, THEIRS, nonce);
	ATF_CHECK_EQ(HANDSHAKE3_CLOSE,
	    handshake3_event(&hs, HANDSHAKE3_GOT_HELLO, hello, HELLO_LEN));
	ATF_CHECK_EQ(HANDSHAKE3_MALFORMED, hs.reason);
	/* Our own name */
	handshake3_init(&hs, false, OURS, header, nonce);
	hs.state = HANDSHAKE3_HELLO;
	hello_put(hello, HELLO_INITIATOR, OURS, nonce);
	ATF_CHECK_EQ(HANDSHAKE3_CLOSE | HANDSHAKE3_SEND,
	    handshake3_event(&hs, HANDSHAKE3_GOT_HELLO, hello, HELLO_LEN));
	ATF_CHECK_EQ(HANDSHAKE3_NAME, hs.reason);
}

/* Every length in every state is of some kind, and over-long ones of none. */
ATF_TC_WITHOUT_HEAD(classes);
ATF_TC_BODY(classes, tc)
{
	static uint8_t body[HANDSHAKE3_FEATURES_MAX + 1];
	struct handshake3 hs;

	handshake3_init(&hs, true, OURS, header, nonce);
	for (size_t len = 0; len <= sizeof(body); len++) {
		enum handshake3_event want = HANDSHAKE3_GOT_OTHER;

		if (len == 32)
			want = HANDSHAKE3_GOT_SHARE;
		if (len == 33)
			want = HANDSHAKE3_GOT_CONFIRM;
		if (len > 33 && len <= 129)
			want = HANDSHAKE3_GOT_ANSWER;
		hs.state = HANDSHAKE3_SHARE_SENT;
		ATF_CHECK_EQ(want, handshake3_classify(&hs, body, len));
		hs.state = HANDSHAKE3_FEATURES;
		want = len > HANDSHAKE3_FEATURES_MAX ? HANDSHAKE3_GOT_OTHER
						     : HANDSHAKE3_GOT_SEALED;
		ATF_CHECK_EQ(want, handshake3_classify(&hs, body, len));
	}
	hello_put(body, HELLO_RESPONDER, THEIRS, nonce);
	hs.state = HANDSHAKE3_SHARE_SENT;
	for (size_t len = HELLO_LEN; len <= HELLO_MAX; len++)
		ATF_CHECK_EQ(
		    HANDSHAKE3_GOT_HELLO, handshake3_classify(&hs, body, len));
	ATF_CHECK_EQ(HANDSHAKE3_GOT_OTHER,
	    handshake3_classify(&hs, body, HELLO_MAX + 1));
}

ATF_TC_WITHOUT_HEAD(texts);
ATF_TC_BODY(texts, tc)
{
	for (int i = 1; i < HANDSHAKE3_REASON_MAX; i++)
		ATF_CHECK(handshake3_text((enum handshake3_reason)i)[0] != 0);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, every_pair);
	ATF_TP_ADD_TC(tp, ends_are_final);
	ATF_TP_ADD_TC(tp, refusals);
	ATF_TP_ADD_TC(tp, rejections);
	ATF_TP_ADD_TC(tp, hellos);
	ATF_TP_ADD_TC(tp, classes);
	ATF_TP_ADD_TC(tp, texts);
	return atf_no_error();
}
