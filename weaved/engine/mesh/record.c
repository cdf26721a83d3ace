#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/record.h"

/*
 * Nonce of version 3:
 *
 *	 0      1     2         6         16        24
 *	+------+-----+---------+---------+---------+
 *	| 0x54 | dir | epoch   | zeros   | counter |
 *	+------+-----+---------+---------+---------+
 */
#define NONCE_TCP3 0x54

static void nonce3_put(
    uint8_t[WIRE_NONCE_LEN], const struct record_flow *, bool);

void
record_key2(
    struct record *record, bool outbound, const uint8_t key[WIRE_KEY_LEN])
{
	memset(record, 0, sizeof(*record));
	record->version = 2;
	record->outbound = outbound;
	memcpy(record->send.key, key, WIRE_KEY_LEN);
	memcpy(record->receive.key, key, WIRE_KEY_LEN);
}

void
record_key3(
    struct record *record, bool outbound, const uint8_t keys[2][WIRE_KEY_LEN])
{
	memset(record, 0, sizeof(*record));
	record->version = 3;
	record->outbound = outbound;
	memcpy(record->send.key, keys[!outbound], WIRE_KEY_LEN);
	memcpy(record->receive.key, keys[outbound], WIRE_KEY_LEN);
}

void
record_next_epoch(struct record_flow *flow, const uint8_t key[WIRE_KEY_LEN])
{
	memcpy(flow->key, key, WIRE_KEY_LEN);
	flow->epoch++;
	flow->counter = 0;
}

void
record_wipe(struct record *record)
{
	sodium_memzero(record, sizeof(*record));
}

size_t
record_overhead(const struct record *record)
{
	return record->version == 0 ? 0 : WIRE_TAG;
}

/* from_initiator: the sender opened the connection. */
static void
nonce3_put(uint8_t nonce[WIRE_NONCE_LEN], const struct record_flow *flow,
    bool from_initiator)
{
	uint64_t counter = flow->counter;
	uint32_t epoch = flow->epoch;

	memset(nonce, 0, WIRE_NONCE_LEN);
	nonce[0] = NONCE_TCP3;
	nonce[1] = from_initiator ? 0 : 1;
	for (size_t i = 6; i > 2; i--, epoch >>= 8)
		nonce[i - 1] = (uint8_t)epoch;
	for (size_t i = WIRE_NONCE_LEN; i > WIRE_NONCE_LEN - 8; i--) {
		nonce[i - 1] = (uint8_t)counter;
		counter >>= 8;
	}
}

void
record_seal(
    struct record *record, uint8_t *box, const uint8_t *text, size_t len)
{
	struct record_flow *flow = &record->send;
	uint8_t nonce[WIRE_NONCE_LEN];

	if (record->version == 3) {
		nonce3_put(nonce, flow, record->outbound);
		crypto_secretbox_detached(
		    box + WIRE_TAG, box, text, len, nonce, flow->key);
	} else if (record->version == 2)
		wire_seal(
		    flow->key, record->outbound, flow->counter, box, text, len);
	flow->counter++;
}

bool
record_open(
    struct record *record, uint8_t *text, const uint8_t *box, size_t len)
{
	struct record_flow *flow = &record->receive;
	uint8_t nonce[WIRE_NONCE_LEN];
	bool ok = true;

	if (record->version == 3) {
		nonce3_put(nonce, flow, !record->outbound);
		ok = len >= WIRE_TAG &&
		    crypto_secretbox_open_detached(text, box + WIRE_TAG, box,
			len - WIRE_TAG, nonce, flow->key) == 0;
	} else if (record->version == 2)
		ok = wire_open(flow->key, !record->outbound, flow->counter,
		    text, box, len);
	flow->counter++;
	return ok;
}
