#include <string.h>

#include <sodium.h>

#include "weaved/parent/hkdf.h"

#define HASH_LEN crypto_auth_hmacsha256_BYTES

static void extract(
    uint8_t[HASH_LEN], const uint8_t *, size_t, const uint8_t *, size_t);
static void expand_block(uint8_t[HASH_LEN], uint8_t, const uint8_t[HASH_LEN],
    const uint8_t *, size_t);

bool
hkdf_sha256(uint8_t *out, size_t len, const uint8_t *secret, size_t secret_len,
    const uint8_t *salt, size_t salt_len, const uint8_t *info, size_t info_len)
{
	uint8_t key[HASH_LEN], block[HASH_LEN];
	size_t n;

	if (len == 0 || len > HKDF_LEN_MAX)
		return false;
	extract(key, secret, secret_len, salt, salt_len);
	for (uint8_t number = 1; len > 0; number++) {
		expand_block(block, number, key, info, info_len);
		n = len < HASH_LEN ? len : HASH_LEN;
		memcpy(out, block, n);
		out += n;
		len -= n;
	}
	sodium_memzero(key, sizeof(key));
	sodium_memzero(block, sizeof(block));
	return true;
}

/* Without a salt: a key of zeros, as HMAC itself pads it. */
static void
extract(uint8_t key[HASH_LEN], const uint8_t *secret, size_t secret_len,
    const uint8_t *salt, size_t salt_len)
{
	static const uint8_t zeros[HASH_LEN];
	crypto_auth_hmacsha256_state state;

	if (salt_len == 0) {
		salt = zeros;
		salt_len = sizeof(zeros);
	}
	crypto_auth_hmacsha256_init(&state, salt, salt_len);
	crypto_auth_hmacsha256_update(&state, secret, secret_len);
	crypto_auth_hmacsha256_final(&state, key);
	sodium_memzero(&state, sizeof(state));
}

/* block: on input the one before, unless this is number 1. */
static void
expand_block(uint8_t block[HASH_LEN], uint8_t number,
    const uint8_t key[HASH_LEN], const uint8_t *info, size_t info_len)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, HASH_LEN);
	if (number > 1)
		crypto_auth_hmacsha256_update(&state, block, HASH_LEN);
	if (info_len > 0)
		crypto_auth_hmacsha256_update(&state, info, info_len);
	crypto_auth_hmacsha256_update(&state, &number, sizeof(number));
	crypto_auth_hmacsha256_final(&state, block);
	sodium_memzero(&state, sizeof(state));
}
