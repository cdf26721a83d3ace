#include <sodium.h>

#include <string.h>

#include "weaved/parent/cpace.h"

#define DSI "CPaceRistretto255"
#define DSI_ISK "CPaceRistretto255_ISK"
#define HASH_BLOCK 128 /* of SHA-512: the password fills the first one */
#define LENGTH_MAX 10 /* of a size_t in LEB128 */

_Static_assert(CPACE_LEN == crypto_core_ristretto255_BYTES, "point");
_Static_assert(CPACE_LEN == crypto_core_ristretto255_SCALARBYTES, "scalar");
_Static_assert(CPACE_ISK_LEN == crypto_hash_sha512_BYTES, "session key");
_Static_assert(
    crypto_core_ristretto255_HASHBYTES == crypto_hash_sha512_BYTES, "hash");

static size_t put_length(uint8_t[LENGTH_MAX], size_t);
static void hash_padding(struct crypto_hash_sha512_state *, size_t);

static size_t
put_length(uint8_t out[LENGTH_MAX], size_t len)
{
	size_t n = 0;

	for (; len >= 0x80; len >>= 7)
		out[n++] = (uint8_t)(len | 0x80);
	out[n++] = (uint8_t)len;
	return n;
}

void
cpace_hash(struct crypto_hash_sha512_state *state, const void *data, size_t len)
{
	uint8_t length[LENGTH_MAX];

	crypto_hash_sha512_update(state, length, put_length(length, len));
	if (len > 0)
		crypto_hash_sha512_update(state, data, len);
}

size_t
cpace_put(uint8_t *out, size_t size, const void *data, size_t len)
{
	uint8_t length[LENGTH_MAX];
	size_t n = put_length(length, len);

	if (len > size || size - len < n)
		return 0;
	memcpy(out, length, n);
	if (len > 0)
		memcpy(out + n, data, len);
	return n + len;
}

/* zpad: zeros up to the end of the hash's first block, but for its length. */
static void
hash_padding(struct crypto_hash_sha512_state *state, size_t prs_len)
{
	static const uint8_t zeros[HASH_BLOCK];
	uint8_t length[LENGTH_MAX];
	size_t used =
	    1 + 1 + strlen(DSI) + put_length(length, prs_len) + prs_len;

	cpace_hash(state, zeros, used < HASH_BLOCK ? HASH_BLOCK - used : 0);
}

void
cpace_generator(uint8_t generator[CPACE_LEN], struct cpace_bytes prs,
    struct cpace_bytes channel, struct cpace_bytes sid)
{
	uint8_t hash[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	cpace_hash(&state, DSI, strlen(DSI));
	cpace_hash(&state, prs.data, prs.len);
	hash_padding(&state, prs.len);
	cpace_hash(&state, channel.data, channel.len);
	cpace_hash(&state, sid.data, sid.len);
	crypto_hash_sha512_final(&state, hash);
	crypto_core_ristretto255_from_hash(generator, hash);
	sodium_memzero(hash, sizeof(hash));
	sodium_memzero(&state, sizeof(state));
}

bool
cpace_share(uint8_t share[CPACE_LEN], const uint8_t scalar[CPACE_LEN],
    const uint8_t generator[CPACE_LEN])
{
	return crypto_scalarmult_ristretto255(share, scalar, generator) == 0;
}

bool
cpace_session(uint8_t isk[CPACE_ISK_LEN], const uint8_t scalar[CPACE_LEN],
    const uint8_t peer_share[CPACE_LEN],
    const struct cpace_transcript *transcript)
{
	crypto_hash_sha512_state state;
	uint8_t k[CPACE_LEN];

	sodium_memzero(isk, CPACE_ISK_LEN);
	if (crypto_scalarmult_ristretto255(k, scalar, peer_share) != 0) {
		sodium_memzero(k, sizeof(k));
		return false;
	}
	crypto_hash_sha512_init(&state);
	cpace_hash(&state, DSI_ISK, strlen(DSI_ISK));
	cpace_hash(&state, transcript->sid.data, transcript->sid.len);
	cpace_hash(&state, k, sizeof(k));
	cpace_hash(&state, transcript->share_a, CPACE_LEN);
	cpace_hash(&state, transcript->data_a.data, transcript->data_a.len);
	cpace_hash(&state, transcript->share_b, CPACE_LEN);
	cpace_hash(&state, transcript->data_b.data, transcript->data_b.len);
	crypto_hash_sha512_final(&state, isk);
	sodium_memzero(k, sizeof(k));
	sodium_memzero(&state, sizeof(state));
	return true;
}
