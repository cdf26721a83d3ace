/*
 * What a peer may write in a handshake of version 3, as events: each a byte
 * that says which (of ours, or a body that came), a length and that many
 * bytes. The first byte is the role.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/mesh/handshake3.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The parent's own answers are of the lengths that messages have. */
static size_t
answer_max(enum handshake3_event event)
{
	if (event == HANDSHAKE3_STARTED)
		return KX3_ANSWER_MAX;
	return event == HANDSHAKE3_FINISHED ? KX3_CONFIRM_LEN : 1;
}

static void
check(const struct handshake3 *hs, unsigned todo)
{
	struct imsg_kx3_start start;

	if (((todo & HANDSHAKE3_CLOSE) != 0) !=
		(hs->state == HANDSHAKE3_CLOSED && todo != 0) ||
	    (hs->state == HANDSHAKE3_CLOSED) !=
		(hs->reason != HANDSHAKE3_OPENED) ||
	    hs->out_len > sizeof(hs->out) ||
	    handshake3_text(hs->reason) == NULL)
		abort();
	if (todo & HANDSHAKE3_ASK_START)
		handshake3_start(hs, &start);
}

static unsigned
feed(struct handshake3 *hs, uint8_t kind, const uint8_t *body, size_t len)
{
	enum handshake3_event event = kind % HANDSHAKE3_EVENT_MAX;

	if (event == HANDSHAKE3_GOT_HEADER) {
		if (len < KX3_HEADER_LEN)
			return 0;
		len = KX3_HEADER_LEN;
	} else if (event >= HANDSHAKE3_GOT_HELLO &&
	    event <= HANDSHAKE3_GOT_OTHER)
		event = handshake3_classify(hs, body, len);
	else if (len > answer_max(event))
		len = answer_max(event);
	return handshake3_event(hs, event, body, len);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const uint8_t header[KX3_HEADER_LEN] = "weave\2\3";
	static const uint8_t nonce[HELLO_NONCE_LEN];
	struct handshake3 hs;
	size_t len, at = 1;
	unsigned todo;

	if (size == 0)
		return 0;
	handshake3_init(&hs, data[0] & 1, 0x0a0000000001, header, nonce);
	while (at + 3 <= size) {
		uint8_t kind = data[at];

		len = (size_t)data[at + 1] << 8 | data[at + 2];
		at += 3;
		if (len > size - at)
			len = size - at;
		todo = feed(&hs, kind, data + at, len);
		check(&hs, todo);
		at += len;
	}
	return 0;
}
