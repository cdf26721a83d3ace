/*
 * A compromised engine at the parent's key exchange: any messages in any
 * order. First byte of each: what it is and whose handle it takes; then the
 * bytes of the message, of which missing ones are zero.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/hello.h"
#include "weaved/parent/kx3.h"

#define HANDLES 4

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct kx3 *kx3;
	uint64_t now;
	uint32_t handles[HANDLES];
	size_t next;
	uint32_t session;
};

static void
start(struct fuzz *fuzz, const uint8_t *data, size_t len, bool outbound)
{
	static const uint8_t nonce[HELLO_NONCE_LEN];
	struct imsg_kx3_start message = {.outbound = outbound};
	struct imsg_kx3_started started;

	/* Well formed up to where the input changes it. */
	hello_put(message.hello[0], HELLO_INITIATOR, outbound ? 1 : 2, nonce);
	hello_put(message.hello[1], HELLO_RESPONDER, outbound ? 2 : 1, nonce);
	message.hello_len[0] = message.hello_len[1] = HELLO_LEN;
	crypto_core_ristretto255_from_hash(message.share, message.hello[0]);
	for (size_t i = 0; i < len && i < sizeof(message); i++)
		((uint8_t *)&message)[i] ^= data[i];
	kx3_start(fuzz->kx3, &message, false, fuzz->now, &started);
	if (started.len > sizeof(started.frame) ||
	    started.result >= KX3_RESULT_MAX ||
	    (started.result == KX3_DONE) != (started.handle != 0) ||
	    (started.result == KX3_DONE) != (started.len != 0))
		abort();
	fuzz->handles[fuzz->next++ % HANDLES] = started.handle;
}

/* Nobody here knows the password: no keys may ever come out. */
static void
finish(struct fuzz *fuzz, const uint8_t *data, size_t len, uint8_t which)
{
	struct imsg_kx3_finished finished;
	struct imsg_kx3_finish message = {0};

	if (len > sizeof(message.frame))
		len = sizeof(message.frame);
	message.handle = fuzz->handles[which % HANDLES];
	message.len = (uint32_t)len;
	memcpy(message.frame, data, len);
	kx3_finish(fuzz->kx3, &message, fuzz->now, &finished);
	if (finished.result == KX3_DONE || finished.len != 0 ||
	    !sodium_is_zero(
		(const uint8_t *)&finished.keys, sizeof(finished.keys)))
		abort();
}

/* A session that is up, of whom the engine says anything. */
static void
reauth(struct fuzz *fuzz, const uint8_t *data, size_t len, uint8_t kind)
{
	struct imsg_reauth_start message = {.session = fuzz->session};
	struct imsg_reauth_verdict verdict = {.session = fuzz->session};
	struct imsg_reauth_finished finished;
	struct imsg_reauth_started started;
	struct imsg_kx3_finish finish = {0};

	switch (kind % 3) {
	case 0:
		for (size_t i = 0; i < len && i < sizeof(message); i++)
			((uint8_t *)&message)[i] ^= data[i];
		kx3_reauth_start(fuzz->kx3, &message, fuzz->now, &started);
		if (started.len > sizeof(started.frame) ||
		    (started.result == KX3_DONE) != (started.handle != 0))
			abort();
		fuzz->handles[fuzz->next++ % HANDLES] = started.handle;
		break;
	case 1:
		if (len > sizeof(finish.frame))
			len = sizeof(finish.frame);
		finish.handle = fuzz->handles[kind / 3 % HANDLES];
		finish.len = (uint32_t)len;
		memcpy(finish.frame, data, len);
		kx3_reauth_finish(fuzz->kx3, &finish, fuzz->now, &finished);
		if (finished.result == KX3_DONE || finished.len != 0 ||
		    !sodium_is_zero(finished.key, sizeof(finished.key)))
			abort();
		break;
	default:
		for (size_t i = 0; i < len && i < sizeof(verdict); i++)
			((uint8_t *)&verdict)[i] ^= data[i];
		kx3_reauth_verdict(fuzz->kx3, &verdict, fuzz->now);
	}
}

static void
step(struct fuzz *fuzz, uint8_t kind, const uint8_t *data, size_t len)
{
	if (kind >= 0xc0) {
		reauth(fuzz, data, len, kind);
		return;
	}
	switch (kind % 5) {
	case 0:
	case 1:
		start(fuzz, data, len, kind % 5 == 0);
		break;
	case 2:
		finish(fuzz, data, len, kind / 5);
		break;
	case 3:
		kx3_cancel(fuzz->kx3, fuzz->handles[kind / 5 % HANDLES]);
		break;
	default:
		fuzz->now += (uint64_t)kind * 100;
	}
	if (kx3_handles(fuzz->kx3) > KX3_HANDLES_MAX)
		abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t prs[2][KX3_PRS_LEN];
	struct fuzz fuzz = {.now = 1000000};
	struct session *session;
	size_t at = 0, len;

	if (sodium_init() == -1 || size > 16384)
		return 0;
	randombytes_buf(prs, sizeof(prs));
	fuzz.kx3 = kx3_new(1, "weave");
	if (fuzz.kx3 == NULL)
		abort();
	kx3_set_slots(fuzz.kx3, prs[0], prs[1]);
	session = sessions_add(kx3_sessions(fuzz.kx3));
	session->peer = 2;
	session->up = true;
	session->outbound = size % 2;
	fuzz.session = session->id;
	while (at + 3 <= size) {
		uint8_t kind = data[at];

		len = (size_t)data[at + 1] << 8 | data[at + 2];
		at += 3;
		if (len > size - at)
			len = size - at;
		step(&fuzz, kind, data + at, len);
		at += len;
	}
	kx3_free(fuzz.kx3);
	return 0;
}
