/* HKDF-SHA-256 (RFC 5869) over libsodium's HMAC. */
#ifndef HKDF_H
#define HKDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HKDF_KEY_LEN 32
#define HKDF_LEN_MAX (255 * HKDF_KEY_LEN)

/* salt may be empty, then NULL is fine. */
void hkdf_extract(uint8_t key[HKDF_KEY_LEN], const uint8_t *secret,
    size_t secret_len, const uint8_t *salt, size_t salt_len);
/*
 * Derives len bytes, 1 to HKDF_LEN_MAX, from an extracted key. False: len is
 * out of range. info may be empty, then NULL is fine.
 */
bool hkdf_expand(uint8_t *out, size_t len, const uint8_t key[HKDF_KEY_LEN],
    const uint8_t *info, size_t info_len);
/* Both in one. */
bool hkdf_sha256(uint8_t *out, size_t len, const uint8_t *secret,
    size_t secret_len, const uint8_t *salt, size_t salt_len,
    const uint8_t *info, size_t info_len);

#endif
