#include <string.h>

#include <sodium.h>

#include "common/hkdf.h"

_Static_assert(HKDF_KEY_LEN == crypto_auth_hmacsha256_BYTES, "HMAC-SHA-256");

static void expand_block(uint8_t[HKDF_KEY_LEN], uint8_t,
    const uint8_t[HKDF_KEY_LEN], const uint8_t *, size_t);

bool
hkdf_sha256(uint8_t *out, size_t len, const uint8_t *secret, size_t secret_len,
    const uint8_t *salt, size_t salt_len, const uint8_t *info, size_t info_len)
{
	uint8_t key[HKDF_KEY_LEN];
	bool ok;

	hkdf_extract(key, secret, secret_len, salt, salt_len);
	ok = hkdf_expand(out, len, key, info, info_len);
	sodium_memzero(key, sizeof(key));
	return ok;
}

/* Without a salt: a key of zeros, as HMAC itself pads it. */
void
hkdf_extract(uint8_t key[HKDF_KEY_LEN], const uint8_t *secret,
    size_t secret_len, const uint8_t *salt, size_t salt_len)
{
	static const uint8_t zeros[HKDF_KEY_LEN];
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

bool
hkdf_expand(uint8_t *out, size_t len, const uint8_t key[HKDF_KEY_LEN],
    const uint8_t *info, size_t info_len)
{
	uint8_t block[HKDF_KEY_LEN];
	size_t n;

	if (len == 0 || len > HKDF_LEN_MAX)
		return false;
	for (uint8_t number = 1; len > 0; number++) {
		expand_block(block, number, key, info, info_len);
		n = len < sizeof(block) ? len : sizeof(block);
		memcpy(out, block, n);
		out += n;
		len -= n;
	}
	sodium_memzero(block, sizeof(block));
	return true;
}

/* block: on input the one before, unless this is number 1. */
static void
expand_block(uint8_t block[HKDF_KEY_LEN], uint8_t number,
    const uint8_t key[HKDF_KEY_LEN], const uint8_t *info, size_t info_len)
{
	crypto_auth_hmacsha256_state state;

	crypto_auth_hmacsha256_init(&state, key, HKDF_KEY_LEN);
	if (number > 1)
		crypto_auth_hmacsha256_update(&state, block, HKDF_KEY_LEN);
	if (info_len > 0)
		crypto_auth_hmacsha256_update(&state, info, info_len);
	crypto_auth_hmacsha256_update(&state, &number, sizeof(number));
	crypto_auth_hmacsha256_final(&state, block);
	sodium_memzero(&state, sizeof(state));
}
