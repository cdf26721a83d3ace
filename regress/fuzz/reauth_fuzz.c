/*
 * What a peer may write in a re-authentication, and what the parent answers:
 * each a byte that says which, a length and that many bytes. The first byte is
 * the role.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/reauth.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check(const struct reauth *reauth, unsigned todo)
{
	if (reauth->len > sizeof(reauth->body) ||
	    reauth->state >= REAUTH_STATE_MAX || reauth_text(reauth) == NULL ||
	    ((todo & (REAUTH_FAILED | REAUTH_DONE)) != 0 &&
		reauth_running(reauth)) ||
	    ((todo & REAUTH_FAILED) != 0 && (todo & REAUTH_DONE) != 0) ||
	    ((todo & REAUTH_ASK_START) != 0 && reauth->len > KX3_SHARE_LEN) ||
	    ((todo & REAUTH_ASK_FINISH) != 0 && reauth->len > KX3_ANSWER_MAX) ||
	    ((todo & REAUTH_SEND) != 0 && reauth->len < REAUTH_HEAD_LEN + 1))
		abort();
}

static unsigned
feed(struct reauth *reauth, uint8_t kind, const uint8_t *data, size_t len)
{
	struct imsg_reauth_finished finished = {0};
	struct imsg_reauth_started started = {0};

	switch (kind % 5) {
	case 0:
		return reauth_begin(reauth);
	case 1:
		memcpy(&started, data,
		    len < sizeof(started) ? len : sizeof(started));
		/* As the parent's are: something, or a refusal. */
		if (started.result == KX3_DONE)
			started.len =
			    reauth->outbound ? KX3_SHARE_LEN : KX3_ANSWER_MAX;
		return reauth_started(reauth, &started, 2000);
	case 2:
		memcpy(&finished, data,
		    len < sizeof(finished) ? len : sizeof(finished));
		if (finished.result == KX3_DONE)
			finished.len = KX3_CONFIRM_LEN;
		return reauth_finished(reauth, &finished, 2000);
	default:
		return reauth_message(reauth, data, len, 2000);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct reauth reauth;
	size_t len, at = 1;

	if (size == 0 || sodium_init() == -1)
		return 0;
	reauth_init(&reauth, data[0] & 1, REAUTH_INTERVAL, 1000);
	while (at + 2 <= size) {
		uint8_t kind = data[at];

		len = data[at + 1];
		at += 2;
		if (len > size - at)
			len = size - at;
		check(&reauth, feed(&reauth, kind, data + at, len));
		at += len;
	}
	reauth_wipe(&reauth);
	return 0;
}
