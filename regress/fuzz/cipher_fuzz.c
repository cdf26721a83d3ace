/*
 * Batches through every implementation, compared with crypto_secretbox(): per
 * packet two bytes of length (network order), one of misalignment and what to
 * forge, one of sequence number; what is left over is the texts' bytes.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/overlay/cipher.h"

#define PACKETS 80
#define LENGTH_MAX 2047
#define STRIDE (LENGTH_MAX + 16)
#define RECORD 4
#define FORGED 0x80

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t plain[PACKETS][STRIDE], sealed[PACKETS][STRIDE];
static uint8_t work[PACKETS][STRIDE];
static uint8_t tags[PACKETS][CIPHER_TAG_LEN], expected[PACKETS][CIPHER_TAG_LEN];
static struct cipher_packet packets[PACKETS];
static bool forged[PACKETS];

static size_t
prepare(const uint8_t *data, size_t size, const uint8_t *session, bool outbound)
{
	uint8_t nonce[24] = {outbound ? 0x80 : 0};
	size_t n = size < 1 ? 0 : data[0] % (PACKETS + 1);
	const uint8_t *rest;

	if (n * RECORD + 1 > size)
		n = size < 1 ? 0 : (size - 1) / RECORD;
	rest = data + (size < 1 ? 0 : 1) + n * RECORD;
	size -= (size < 1 ? 0 : 1) + n * RECORD;
	for (size_t i = 0; i < n; i++) {
		const uint8_t *record = data + 1 + i * RECORD;
		size_t len = (record[0] << 8 | record[1]) & LENGTH_MAX;
		size_t off = record[2] & 15;

		memset(plain[i], record[3], STRIDE);
		memcpy(plain[i] + off, rest, size < len ? size : len);
		forged[i] = (record[2] & FORGED) != 0;
		packets[i] = (struct cipher_packet){
		    .seqdf = (uint64_t)record[3] << 56 | i,
		    .tag = tags[i],
		    .text = work[i] + off,
		    .len = len,
		};
		nonce[16] = record[3];
		nonce[23] = (uint8_t)i;
		memcpy(sealed[i], plain[i], STRIDE);
		crypto_secretbox_detached(sealed[i] + off, expected[i],
		    plain[i] + off, len, nonce, session);
	}
	return n;
}

static void
compare(const struct cipher_key *key, size_t n)
{
	memcpy(work, plain, n * STRIDE);
	cipher_seal_batch(key, packets, n);
	if (memcmp(work, sealed, n * STRIDE) != 0 ||
	    memcmp(tags, expected, n * CIPHER_TAG_LEN) != 0)
		abort();
	for (size_t i = 0; i < n; i++)
		if (forged[i])
			tags[i][i % CIPHER_TAG_LEN] ^= 1;
	cipher_open_batch(key, packets, n);
	for (size_t i = 0; i < n; i++)
		if (packets[i].ok == forged[i] ||
		    memcmp(work[i], forged[i] ? sealed[i] : plain[i], STRIDE) !=
			0)
			abort();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t session[CIPHER_KEY_LEN];
	bool outbound = size > 0 && (data[0] & FORGED) != 0;
	struct cipher_key key;
	const char *name;
	size_t n;

	if (sodium_init() == -1)
		abort();
	memset(session, size > 0 ? data[size - 1] : 0, sizeof(session));
	n = prepare(data, size, session, outbound);
	cipher_key_init(&key, session, outbound);
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		if (!cipher_use(name))
			abort();
		compare(&key, n);
	}
	return 0;
}
