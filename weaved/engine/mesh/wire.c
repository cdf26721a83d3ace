#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/wire.h"

_Static_assert(WIRE_KEY_LEN == crypto_secretbox_KEYBYTES, "key");
_Static_assert(WIRE_NONCE_LEN == crypto_secretbox_NONCEBYTES, "nonce");
_Static_assert(WIRE_TAG == crypto_secretbox_MACBYTES, "tag");

#define WORD_LEN 5

/* Nonce byte 0: bit 7 is the sender's role, bit 6 says TCP. */
#define NONCE_OUTBOUND 0x80
#define NONCE_TCP 0x40

static const uint8_t word[WORD_LEN] = {'w', 'e', 'a', 'v', 'e'};

void
wire_header_put(
    uint8_t header[WIRE_HEADER_LEN], uint8_t lowest, uint8_t highest)
{
	memcpy(header, word, WORD_LEN);
	header[WORD_LEN] = lowest;
	header[WORD_LEN + 1] = highest;
}

bool
wire_header_get(
    const uint8_t header[WIRE_HEADER_LEN], uint8_t *lowest, uint8_t *highest)
{
	*lowest = header[WORD_LEN];
	*highest = header[WORD_LEN + 1];
	return memcmp(header, word, WORD_LEN) == 0 && *lowest <= *highest;
}

void
wire_length_put(size_t len, uint8_t bytes[WIRE_LENGTH_LEN])
{
	bytes[0] = (uint8_t)(len >> 24);
	bytes[1] = (uint8_t)(len >> 16);
	bytes[2] = (uint8_t)(len >> 8);
	bytes[3] = (uint8_t)len;
}

size_t
wire_length_get(const uint8_t bytes[WIRE_LENGTH_LEN])
{
	return (size_t)bytes[0] << 24 | (size_t)bytes[1] << 16 |
	    (size_t)bytes[2] << 8 | bytes[3];
}

void
wire_nonce_put(bool outbound, uint64_t counter, uint8_t nonce[WIRE_NONCE_LEN])
{
	memset(nonce, 0, WIRE_NONCE_LEN);
	nonce[0] = (uint8_t)(NONCE_TCP | (outbound ? NONCE_OUTBOUND : 0));
	for (size_t i = WIRE_NONCE_LEN; i > WIRE_NONCE_LEN - 8; i--) {
		nonce[i - 1] = (uint8_t)counter;
		counter >>= 8;
	}
}

void
wire_seal(const uint8_t key[WIRE_KEY_LEN], bool outbound, uint64_t counter,
    uint8_t *box, const uint8_t *text, size_t len)
{
	uint8_t nonce[WIRE_NONCE_LEN];

	wire_nonce_put(outbound, counter, nonce);
	crypto_secretbox_detached(box + WIRE_TAG, box, text, len, nonce, key);
}

bool
wire_open(const uint8_t key[WIRE_KEY_LEN], bool outbound, uint64_t counter,
    uint8_t *text, const uint8_t *box, size_t len)
{
	uint8_t nonce[WIRE_NONCE_LEN];

	if (len < WIRE_TAG)
		return false;
	wire_nonce_put(outbound, counter, nonce);
	return crypto_secretbox_open_detached(
		   text, box + WIRE_TAG, box, len - WIRE_TAG, nonce, key) == 0;
}
