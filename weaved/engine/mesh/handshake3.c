#include <string.h>

#include "common/addr.h"
#include "weaved/engine/mesh/handshake3.h"

#define REJECT_LEN 2
#define REJECT_MARK 0xff

_Static_assert(HANDSHAKE3_PASSWORD == (int)KX3_PASSWORD &&
	HANDSHAKE3_EXPIRED == (int)KX3_EXPIRED,
    "reasons of ours are results of the parent's");
_Static_assert(HANDSHAKE3_PEER_NAME - HANDSHAKE3_PEER_PASSWORD ==
	(int)KX3_REJECT_MAX - (int)KX3_PASSWORD,
    "reasons of the peer's");
_Static_assert(KX3_ANSWER_MAX >= HELLO_LEN, "out holds any frame of ours");

/* What an event leads to; the state is the handshake's to set. */
typedef unsigned (*handshake3_action)(
    struct handshake3 *hs, const uint8_t *data, size_t len);

static unsigned close_with(struct handshake3 *, enum handshake3_reason);
static unsigned reject_with(struct handshake3 *, enum handshake3_reason);
static unsigned do_begin(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_header(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_hello(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_share(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_answer(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_confirm(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_started(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_finished(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_refused(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_sealed(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_joined(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_reject(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_timeout(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_hangup(struct handshake3 *, const uint8_t *, size_t);
static unsigned do_hangup_late(struct handshake3 *, const uint8_t *, size_t);

#define ENDS [HANDSHAKE3_TIMEOUT] = do_timeout, [HANDSHAKE3_HANGUP] = do_hangup

/* Whatever is not here closes as unexpected. */
static const handshake3_action
    table[HANDSHAKE3_STATE_MAX][HANDSHAKE3_EVENT_MAX] = {
	[HANDSHAKE3_IDLE] = {ENDS, [HANDSHAKE3_BEGIN] = do_begin},
	[HANDSHAKE3_HEADER] = {ENDS, [HANDSHAKE3_GOT_HEADER] = do_header},
	[HANDSHAKE3_HELLO] = {ENDS, [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_GOT_HELLO] = do_hello},
	[HANDSHAKE3_STARTING] = {ENDS, [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_STARTED] = do_started,
	    [HANDSHAKE3_REFUSED] = do_refused},
	[HANDSHAKE3_SHARE_SENT] = {ENDS, [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_GOT_ANSWER] = do_answer},
	[HANDSHAKE3_SHARE_WAIT] = {ENDS, [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_GOT_SHARE] = do_share},
	[HANDSHAKE3_ANSWERING] = {ENDS, [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_STARTED] = do_started,
	    [HANDSHAKE3_REFUSED] = do_refused},
	[HANDSHAKE3_CONFIRM_WAIT] = {ENDS, [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_GOT_CONFIRM] = do_confirm},
	[HANDSHAKE3_CHECKING] = {ENDS, [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_FINISHED] = do_finished,
	    [HANDSHAKE3_REFUSED] = do_refused},
	[HANDSHAKE3_FEATURES] = {[HANDSHAKE3_TIMEOUT] = do_timeout,
	    [HANDSHAKE3_HANGUP] = do_hangup_late,
	    [HANDSHAKE3_GOT_REJECT] = do_reject,
	    [HANDSHAKE3_GOT_SEALED] = do_sealed,
	    [HANDSHAKE3_JOINED] = do_joined},
};

static const char *texts[HANDSHAKE3_REASON_MAX] = {
    [HANDSHAKE3_OPENED] = "",
    [HANDSHAKE3_PASSWORD] = "password mismatch (or another mesh name)",
    [HANDSHAKE3_FAILURES] = "too many failed handshakes with this address: "
			    "refused for a while",
    [HANDSHAKE3_BUSY] = "too many handshakes at a time",
    [HANDSHAKE3_NAME] = "peer names collision: the peer has our name",
    [HANDSHAKE3_SHARE] = "refused key: no valid point",
    [HANDSHAKE3_MALFORMED] = "malformed handshake",
    [HANDSHAKE3_EXPIRED] = "handshake took too long",
    [HANDSHAKE3_PEER_PASSWORD] = "password mismatch (or another mesh name), "
				 "says the peer",
    [HANDSHAKE3_PEER_FAILURES] = "refused by the peer: too many failed "
				 "handshakes",
    [HANDSHAKE3_PEER_BUSY] = "refused by the peer: too many handshakes at a "
			     "time",
    [HANDSHAKE3_PEER_NAME] = "refused by the peer: peer names collision",
    [HANDSHAKE3_PEER_OTHER] = "refused by the peer",
    [HANDSHAKE3_UNEXPECTED] = "unexpected frame in the handshake",
    [HANDSHAKE3_TIMED_OUT] = "timeout in the handshake",
    [HANDSHAKE3_HUNG_UP] = "closed by the peer in the handshake",
    [HANDSHAKE3_HUNG_UP_LATE] = "closed by the peer before its features",
};

void
handshake3_init(struct handshake3 *hs, bool outbound, uint64_t name,
    const uint8_t header[KX3_HEADER_LEN], const uint8_t nonce[HELLO_NONCE_LEN])
{
	size_t own = outbound ? HELLO_INITIATOR : HELLO_RESPONDER;

	memset(hs, 0, sizeof(*hs));
	hs->outbound = outbound;
	hs->name = name;
	memcpy(hs->header[own], header, KX3_HEADER_LEN);
	hello_put(hs->hello[own], (enum hello_role)own, name, nonce);
	hs->hello_len[own] = HELLO_LEN;
}

size_t
handshake3_limit(const struct handshake3 *hs)
{
	return hs->state >= HANDSHAKE3_FEATURES ? HANDSHAKE3_FEATURES_MAX
						: HANDSHAKE3_FRAME_MAX;
}

enum handshake3_event
handshake3_classify(
    const struct handshake3 *hs, const uint8_t *body, size_t len)
{
	if (len > handshake3_limit(hs))
		return HANDSHAKE3_GOT_OTHER;
	if (len == REJECT_LEN && body[0] == REJECT_MARK)
		return HANDSHAKE3_GOT_REJECT;
	if (hs->state >= HANDSHAKE3_FEATURES)
		return HANDSHAKE3_GOT_SEALED;
	if (hello_looks_like(body, len))
		return HANDSHAKE3_GOT_HELLO;
	if (len == KX3_SHARE_LEN)
		return HANDSHAKE3_GOT_SHARE;
	if (len == KX3_CONFIRM_LEN)
		return HANDSHAKE3_GOT_CONFIRM;
	if (len > KX3_CONFIRM_LEN && len <= KX3_ANSWER_MAX)
		return HANDSHAKE3_GOT_ANSWER;
	return HANDSHAKE3_GOT_OTHER;
}

unsigned
handshake3_event(struct handshake3 *hs, enum handshake3_event event,
    const uint8_t *data, size_t len)
{
	if (hs->state >= HANDSHAKE3_UP)
		return 0;
	hs->out_len = 0;
	if (table[hs->state][event] == NULL)
		return close_with(hs, HANDSHAKE3_UNEXPECTED);
	return table[hs->state][event](hs, data, len);
}

void
handshake3_start(const struct handshake3 *hs, struct imsg_kx3_start *start)
{
	memset(start, 0, sizeof(*start));
	start->outbound = hs->outbound;
	memcpy(start->header, hs->header, sizeof(start->header));
	memcpy(start->hello, hs->hello, sizeof(start->hello));
	memcpy(start->hello_len, hs->hello_len, sizeof(start->hello_len));
	memcpy(start->share, hs->share, sizeof(start->share));
}

static unsigned
close_with(struct handshake3 *hs, enum handshake3_reason reason)
{
	hs->state = HANDSHAKE3_CLOSED;
	hs->reason = reason;
	return HANDSHAKE3_CLOSE;
}

/* The peer hears why; it is told nothing else. */
static unsigned
reject_with(struct handshake3 *hs, enum handshake3_reason reason)
{
	hs->out[0] = REJECT_MARK;
	hs->out[1] = (uint8_t)reason;
	hs->out_len = REJECT_LEN;
	return HANDSHAKE3_SEND | close_with(hs, reason);
}

static unsigned
do_begin(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	memcpy(hs->out, hs->header[!hs->outbound], KX3_HEADER_LEN);
	hs->out_len = KX3_HEADER_LEN;
	hs->state = HANDSHAKE3_HEADER;
	return HANDSHAKE3_SEND;
}

static unsigned
do_header(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	if (len != KX3_HEADER_LEN)
		return close_with(hs, HANDSHAKE3_MALFORMED);
	memcpy(hs->header[hs->outbound], data, KX3_HEADER_LEN);
	memcpy(hs->out, hs->hello[!hs->outbound], HELLO_LEN);
	hs->out_len = HELLO_LEN;
	hs->state = HANDSHAKE3_HELLO;
	return HANDSHAKE3_SEND;
}

static unsigned
do_hello(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	size_t theirs = hs->outbound ? HELLO_RESPONDER : HELLO_INITIATOR;
	struct hello hello;

	if (!hello_get(data, len, &hello) || hello.role != theirs)
		return close_with(hs, HANDSHAKE3_MALFORMED);
	memcpy(hs->hello[theirs], data, len);
	hs->hello_len[theirs] = (uint16_t)len;
	hs->peer = hello.name;
	if (hello.name == hs->name)
		return reject_with(hs, HANDSHAKE3_NAME);
	hs->state = hs->outbound ? HANDSHAKE3_STARTING : HANDSHAKE3_SHARE_WAIT;
	return hs->outbound ? HANDSHAKE3_ASK_START : 0;
}

static unsigned
do_share(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	if (len != KX3_SHARE_LEN)
		return close_with(hs, HANDSHAKE3_MALFORMED);
	memcpy(hs->share, data, KX3_SHARE_LEN);
	hs->state = HANDSHAKE3_ANSWERING;
	return HANDSHAKE3_ASK_START;
}

static unsigned
do_answer(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)data;
	if (len > KX3_ANSWER_MAX)
		return close_with(hs, HANDSHAKE3_MALFORMED);
	hs->state = HANDSHAKE3_CHECKING;
	return HANDSHAKE3_ASK_FINISH;
}

static unsigned
do_confirm(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)data;
	if (len != KX3_CONFIRM_LEN)
		return close_with(hs, HANDSHAKE3_MALFORMED);
	hs->state = HANDSHAKE3_CHECKING;
	return HANDSHAKE3_ASK_FINISH;
}

static unsigned
do_started(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	if (len > sizeof(hs->out))
		return close_with(hs, HANDSHAKE3_MALFORMED);
	memcpy(hs->out, data, len);
	hs->out_len = len;
	hs->state =
	    hs->outbound ? HANDSHAKE3_SHARE_SENT : HANDSHAKE3_CONFIRM_WAIT;
	return HANDSHAKE3_SEND;
}

static unsigned
do_finished(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	hs->state = HANDSHAKE3_FEATURES;
	if (!hs->outbound)
		return HANDSHAKE3_KEYS;
	if (len > sizeof(hs->out))
		return close_with(hs, HANDSHAKE3_MALFORMED);
	memcpy(hs->out, data, len);
	hs->out_len = len;
	return HANDSHAKE3_SEND | HANDSHAKE3_KEYS;
}

static unsigned
do_refused(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	enum handshake3_reason reason = HANDSHAKE3_MALFORMED;

	if (len == 1 && data[0] > KX3_DONE && data[0] < KX3_RESULT_MAX)
		reason = (enum handshake3_reason)data[0];
	if (reason <= HANDSHAKE3_NAME)
		return reject_with(hs, reason);
	return close_with(hs, reason);
}

static unsigned
do_sealed(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)hs;
	(void)data;
	(void)len;
	return HANDSHAKE3_OPEN;
}

static unsigned
do_joined(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	hs->state = HANDSHAKE3_UP;
	return 0;
}

static unsigned
do_reject(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	if (len != REJECT_LEN || data[1] < KX3_PASSWORD ||
	    data[1] > KX3_REJECT_MAX)
		return close_with(hs, HANDSHAKE3_PEER_OTHER);
	return close_with(hs,
	    (enum handshake3_reason)(
		HANDSHAKE3_PEER_PASSWORD + data[1] - KX3_PASSWORD));
}

static unsigned
do_timeout(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	return close_with(hs, HANDSHAKE3_TIMED_OUT);
}

static unsigned
do_hangup(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	return close_with(hs, HANDSHAKE3_HUNG_UP);
}

static unsigned
do_hangup_late(struct handshake3 *hs, const uint8_t *data, size_t len)
{
	(void)data;
	(void)len;
	return close_with(hs, HANDSHAKE3_HUNG_UP_LATE);
}

const char *
handshake3_text(enum handshake3_reason reason)
{
	return texts[reason];
}
