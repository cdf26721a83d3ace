#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/reauth.h"

#define REJECT_MARK 0xff
#define REJECT_LEN 2

enum step {
	STEP_SHARE = 2,
	STEP_ANSWER,
	STEP_CONFIRM,
	STEP_RESULT
};

static unsigned send_step(
    struct reauth *, enum step, const uint8_t *, size_t, uint64_t);
static unsigned fail(struct reauth *, uint8_t, bool, uint64_t);
static unsigned reject(struct reauth *, enum step, uint32_t, uint64_t);
static unsigned pass_on(struct reauth *, const uint8_t *, size_t);
static unsigned take_share(struct reauth *, uint32_t, const uint8_t *, size_t);
static unsigned take_answer(struct reauth *, const uint8_t *, size_t, uint64_t);
static unsigned take_confirm(
    struct reauth *, const uint8_t *, size_t, uint64_t);
static unsigned take_result(struct reauth *, const uint8_t *, size_t, uint64_t);
static bool is_reject(const uint8_t *, size_t);

void
reauth_init(
    struct reauth *reauth, bool outbound, uint64_t interval, uint64_t now)
{
	uint64_t jitter = interval < REAUTH_JITTER ? interval : REAUTH_JITTER;

	memset(reauth, 0, sizeof(*reauth));
	reauth->outbound = outbound;
	reauth->interval = interval;
	reauth->due =
	    now + interval + randombytes_uniform((uint32_t)jitter + 1);
}

void
reauth_wipe(struct reauth *reauth)
{
	sodium_memzero(reauth, sizeof(*reauth));
}

void
reauth_soon(struct reauth *reauth, uint64_t now)
{
	uint64_t due = now + randombytes_uniform(REAUTH_JITTER);

	if (due < reauth->due)
		reauth->due = due;
}

bool
reauth_running(const struct reauth *reauth)
{
	return reauth->state != REAUTH_IDLE;
}

static unsigned
send_step(struct reauth *reauth, enum step step, const uint8_t *data,
    size_t len, uint64_t now)
{
	uint32_t count = reauth->count;

	reauth->body[0] = (uint8_t)step;
	for (size_t i = REAUTH_HEAD_LEN - 1; i > 0; i--, count >>= 8)
		reauth->body[i] = (uint8_t)count;
	memcpy(reauth->body + REAUTH_HEAD_LEN, data, len);
	reauth->len = REAUTH_HEAD_LEN + len;
	reauth->silent = now + REAUTH_SILENCE;
	return REAUTH_SEND;
}

static unsigned
fail(struct reauth *reauth, uint8_t result, bool by_peer, uint64_t now)
{
	sodium_memzero(reauth->key, sizeof(reauth->key));
	reauth->state = REAUTH_IDLE;
	reauth->silent = 0;
	reauth->due = now + REAUTH_RETRY;
	reauth->result = result;
	reauth->by_peer = by_peer;
	return REAUTH_FAILED;
}

/* A share or an answer of no form is no mistake: the connection ends. */
static unsigned
reject(struct reauth *reauth, enum step step, uint32_t result, uint64_t now)
{
	uint8_t data[REJECT_LEN] = {REJECT_MARK, (uint8_t)result};
	unsigned todo;

	if (result == KX3_SHARE || result == KX3_MALFORMED)
		return REAUTH_CLOSE;
	if (result > KX3_REJECT_MAX)
		data[1] = KX3_BUSY;
	todo = send_step(reauth, step, data, sizeof(data), now);
	return todo | fail(reauth, (uint8_t)result, false, now);
}

/* The parent gets it; meanwhile the peer may be silent. */
static unsigned
pass_on(struct reauth *reauth, const uint8_t *data, size_t len)
{
	memcpy(reauth->body, data, len);
	reauth->len = len;
	reauth->silent = 0;
	reauth->state = REAUTH_CHECKING;
	return REAUTH_ASK_FINISH;
}

unsigned
reauth_begin(struct reauth *reauth)
{
	if (!reauth->outbound || reauth_running(reauth))
		return 0;
	reauth->state = REAUTH_STARTING;
	reauth->count = 0;
	reauth->len = 0;
	return REAUTH_ASK_START;
}

static bool
is_reject(const uint8_t *data, size_t len)
{
	return len == REJECT_LEN && data[0] == REJECT_MARK;
}

unsigned
reauth_message(
    struct reauth *reauth, const uint8_t *body, size_t len, uint64_t now)
{
	uint32_t count = 0;

	if (len < REAUTH_HEAD_LEN)
		return REAUTH_CLOSE;
	for (size_t i = 1; i < REAUTH_HEAD_LEN; i++)
		count = count << 8 | body[i];
	len -= REAUTH_HEAD_LEN;
	if (body[0] == STEP_SHARE)
		return take_share(reauth, count, body + REAUTH_HEAD_LEN, len);
	if (count != reauth->count)
		return REAUTH_CLOSE;
	if (body[0] == STEP_ANSWER)
		return take_answer(reauth, body + REAUTH_HEAD_LEN, len, now);
	if (body[0] == STEP_CONFIRM)
		return take_confirm(reauth, body + REAUTH_HEAD_LEN, len, now);
	if (body[0] == STEP_RESULT)
		return take_result(reauth, body + REAUTH_HEAD_LEN, len, now);
	return REAUTH_CLOSE;
}

static unsigned
take_share(
    struct reauth *reauth, uint32_t count, const uint8_t *data, size_t len)
{
	if (reauth->outbound || reauth_running(reauth) || len != KX3_SHARE_LEN)
		return REAUTH_CLOSE;
	memcpy(reauth->body, data, len);
	reauth->len = len;
	reauth->count = count;
	reauth->state = REAUTH_STARTING;
	return REAUTH_ASK_START;
}

static unsigned
take_answer(
    struct reauth *reauth, const uint8_t *data, size_t len, uint64_t now)
{
	if (!reauth->outbound || reauth->state != REAUTH_WAITING)
		return REAUTH_CLOSE;
	if (is_reject(data, len))
		return fail(reauth, data[1], true, now);
	if (len <= KX3_CONFIRM_LEN || len > KX3_ANSWER_MAX)
		return REAUTH_CLOSE;
	return pass_on(reauth, data, len);
}

static unsigned
take_confirm(
    struct reauth *reauth, const uint8_t *data, size_t len, uint64_t now)
{
	if (reauth->outbound || reauth->state != REAUTH_WAITING)
		return REAUTH_CLOSE;
	if (is_reject(data, len))
		return fail(reauth, data[1], true, now);
	if (len != KX3_CONFIRM_LEN)
		return REAUTH_CLOSE;
	return pass_on(reauth, data, len);
}

static unsigned
take_result(
    struct reauth *reauth, const uint8_t *data, size_t len, uint64_t now)
{
	uint64_t due = now + reauth->interval;

	if (!reauth->outbound || reauth->state != REAUTH_VERDICT || len != 1)
		return REAUTH_CLOSE;
	if (data[0] != KX3_DONE)
		return REAUTH_TELL | fail(reauth, data[0], true, now);
	reauth->state = REAUTH_IDLE;
	reauth->silent = 0;
	reauth->result = KX3_DONE;
	reauth->due = due +
	    randombytes_uniform(reauth->interval < REAUTH_JITTER
		    ? (uint32_t)reauth->interval
		    : REAUTH_JITTER);
	return REAUTH_TELL | REAUTH_DONE;
}

unsigned
reauth_started(struct reauth *reauth, const struct imsg_reauth_started *started,
    uint64_t now)
{
	if (reauth->state != REAUTH_STARTING ||
	    started->len > sizeof(started->frame))
		return 0;
	if (started->result != KX3_DONE)
		return reauth->outbound
		    ? fail(reauth, (uint8_t)started->result, false, now)
		    : reject(reauth, STEP_ANSWER, started->result, now);
	reauth->count = started->count;
	reauth->state = REAUTH_WAITING;
	return send_step(reauth, reauth->outbound ? STEP_SHARE : STEP_ANSWER,
	    started->frame, started->len, now);
}

unsigned
reauth_finished(struct reauth *reauth,
    const struct imsg_reauth_finished *finished, uint64_t now)
{
	uint8_t result = (uint8_t)finished->result;
	unsigned todo;

	if (reauth->state != REAUTH_CHECKING ||
	    finished->len > sizeof(finished->frame))
		return 0;
	memcpy(reauth->key, finished->key, sizeof(reauth->key));
	reauth->slot = finished->slot;
	reauth->serial = finished->serial;
	if (reauth->outbound) {
		if (result != KX3_DONE)
			return reject(reauth, STEP_CONFIRM, result, now);
		reauth->state = REAUTH_VERDICT;
		return send_step(
		    reauth, STEP_CONFIRM, finished->frame, finished->len, now);
	}
	if (result == KX3_MALFORMED)
		return REAUTH_CLOSE;
	todo = send_step(reauth, STEP_RESULT, &result, 1, now);
	if (result != KX3_DONE)
		return todo | fail(reauth, result, false, now);
	reauth->state = REAUTH_IDLE;
	reauth->silent = 0;
	reauth->result = KX3_DONE;
	return todo | REAUTH_DONE;
}

const char *
reauth_text(const struct reauth *reauth)
{
	static const char *const ours[KX3_RESULT_MAX] = {
	    [KX3_DONE] = "done",
	    [KX3_PASSWORD] = "password mismatch",
	    [KX3_FAILURES] = "too many failures with this address",
	    [KX3_BUSY] = "too many key exchanges at a time",
	    [KX3_NAME] = "another name",
	    [KX3_SHARE] = "refused key: no valid point",
	    [KX3_MALFORMED] = "malformed",
	    [KX3_EXPIRED] = "it took too long",
	};
	static const char *const theirs[KX3_REJECT_MAX + 1] = {
	    [KX3_DONE] = "refused by the peer",
	    [KX3_PASSWORD] = "password mismatch, says the peer",
	    [KX3_FAILURES] = "refused by the peer: too many failures",
	    [KX3_BUSY] = "refused by the peer: too many at a time, or too late",
	    [KX3_NAME] = "refused by the peer: another name",
	};

	if (reauth->by_peer)
		return theirs[reauth->result > KX3_REJECT_MAX ? KX3_DONE
							      : reauth->result];
	return reauth->result < KX3_RESULT_MAX ? ours[reauth->result]
					       : "refused";
}
