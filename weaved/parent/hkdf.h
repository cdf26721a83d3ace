/* HKDF-SHA-256 (RFC 5869), extract and expand in one. */
#ifndef PARENT_HKDF_H
#define PARENT_HKDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HKDF_LEN_MAX (255 * 32)

/*
 * Derives len bytes, 1 to HKDF_LEN_MAX, from a secret. False: len is out of
 * range. salt and info may be empty, then NULL is fine.
 */
bool hkdf_sha256(uint8_t *out, size_t len, const uint8_t *secret,
    size_t secret_len, const uint8_t *salt, size_t salt_len,
    const uint8_t *info, size_t info_len);

#endif
