/* The cipher by libsodium, a packet at a time. */
#include <sodium.h>
#include <string.h>

#include "weaved/engine/overlay/cipher_code.h"

#define NONCE_LEN crypto_stream_salsa20_NONCEBYTES
#define AUTH_KEY crypto_onetimeauth_KEYBYTES /* of the first block */
#define HEAD (CIPHER_BLOCK - AUTH_KEY) /* text that the first block covers */

_Static_assert(CIPHER_KEY_LEN == crypto_stream_salsa20_KEYBYTES, "subkey");
_Static_assert(NONCE_LEN == sizeof(uint64_t), "nonce is seqdf");

static void start(const struct cipher_key *, const struct cipher_packet *,
    uint8_t[NONCE_LEN], uint8_t[CIPHER_BLOCK]);
static void mix(const struct cipher_key *, const struct cipher_packet *,
    const uint8_t[NONCE_LEN], const uint8_t[CIPHER_BLOCK]);

static void
start(const struct cipher_key *key, const struct cipher_packet *packet,
    uint8_t nonce[NONCE_LEN], uint8_t first[CIPHER_BLOCK])
{
	for (size_t i = 0; i < NONCE_LEN; i++)
		nonce[i] = (uint8_t)(packet->seqdf >> (56 - 8 * i));
	crypto_stream_salsa20(first, CIPHER_BLOCK, nonce, key->subkey);
}

static void
mix(const struct cipher_key *key, const struct cipher_packet *packet,
    const uint8_t nonce[NONCE_LEN], const uint8_t first[CIPHER_BLOCK])
{
	size_t head = packet->len < HEAD ? packet->len : HEAD;

	for (size_t i = 0; i < head; i++)
		packet->text[i] ^= first[AUTH_KEY + i];
	if (packet->len > HEAD)
		crypto_stream_salsa20_xor_ic(packet->text + HEAD,
		    packet->text + HEAD, packet->len - HEAD, nonce, 1,
		    key->subkey);
}

void
cipher_library_seal(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n)
{
	uint8_t nonce[NONCE_LEN], first[CIPHER_BLOCK];

	for (size_t i = 0; i < n; i++) {
		start(key, &packets[i], nonce, first);
		mix(key, &packets[i], nonce, first);
		crypto_onetimeauth(
		    packets[i].tag, packets[i].text, packets[i].len, first);
	}
	sodium_memzero(first, sizeof(first));
}

void
cipher_library_open(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n)
{
	uint8_t nonce[NONCE_LEN], first[CIPHER_BLOCK];

	for (size_t i = 0; i < n; i++) {
		start(key, &packets[i], nonce, first);
		packets[i].ok =
		    crypto_onetimeauth_verify(packets[i].tag, packets[i].text,
			packets[i].len, first) == 0;
		if (packets[i].ok)
			mix(key, &packets[i], nonce, first);
	}
	sodium_memzero(first, sizeof(first));
}
