/*
 * PBKDF2-HMAC-SHA-256 (RFC 8018) in slices, so that a loop goes on between
 * them. A derivation lives in locked memory and is wiped when freed.
 */
#ifndef PARENT_KDF_H
#define PARENT_KDF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KDF_ROUNDS 600000 /* hardened-protocol 3 */
#define KDF_SLICE 4096 /* rounds; some milliseconds on a slow machine */
#define KDF_LEN_MAX 1024

struct kdf;

/* The caller keeps what it points to until kdf_new() is back. */
struct kdf_input {
	const uint8_t *password;
	size_t password_len;
	const uint8_t *salt;
	size_t salt_len;
	uint32_t rounds; /* at least 1 */
	size_t len; /* of the result, 1 to KDF_LEN_MAX */
};

/* NULL: out of range, or no memory. */
struct kdf *kdf_new(const struct kdf_input *input);
/* NULL is fine. */
void kdf_free(struct kdf *kdf);
/* Does at most so many rounds. True: the result is there. */
bool kdf_run(struct kdf *kdf, uint32_t rounds);
/* The bytes asked for; NULL before kdf_run() said true. */
const uint8_t *kdf_result(const struct kdf *kdf);

#endif
