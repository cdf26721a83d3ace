/*
 * What an implementation of the cipher has to offer: key stream for as many
 * blocks at once as its vectors have lanes, whichever packets they belong to,
 * and the tags of as many packets. cipher_batch.c feeds it.
 */
#ifndef ENGINE_OVERLAY_CIPHER_CODE_H
#define ENGINE_OVERLAY_CIPHER_CODE_H

#include "weaved/engine/overlay/cipher.h"

#define CIPHER_BLOCK 64 /* of Salsa20 */
#define CIPHER_LANES_MAX 16

/* Of what is written before it is read, the compiler's zeros cost too much. */
#if __has_attribute(uninitialized)
#define UNINITIALIZED __attribute__((uninitialized))
#else
#define UNINITIALIZED
#endif

/* A lane is one block of one packet; free lanes have no length. */
struct cipher_lanes {
	uint32_t low[CIPHER_LANES_MAX]; /* words of the nonce's last 8 bytes */
	uint32_t high[CIPHER_LANES_MAX];
	uint32_t block[CIPHER_LANES_MAX];
	size_t len[CIPHER_LANES_MAX]; /* up to CIPHER_BLOCK */
	uint8_t *text[CIPHER_LANES_MAX];
};

struct cipher_auth {
	const uint8_t *key; /* of Poly1305, for once: 32 bytes */
	const uint8_t *text;
	size_t len;
	uint8_t tag[CIPHER_TAG_LEN]; /* result */
};

struct cipher_code {
	const char *name;
	bool (*supported)(void);
	size_t lanes;
	/* Mixes the key stream into each lane's text. */
	void (*stream)(
	    const struct cipher_key *key, const struct cipher_lanes *lanes);
	/* Fewer packets than this have their tags from libsodium; 0: all. */
	size_t auth_min;
	size_t auth_lanes;
	/* Up to auth_lanes of them; the longest is the first. */
	void (*auth)(struct cipher_auth *const *packets, size_t n);
};

extern const struct cipher_code cipher_portable;
#ifdef __x86_64__
extern const struct cipher_code cipher_avx2;
extern const struct cipher_code cipher_avx512;
#endif

/* cipher_batch.c: by any of the above. */
void cipher_code_seal(const struct cipher_code *code,
    const struct cipher_key *key, struct cipher_packet *packets, size_t n);
void cipher_code_open(const struct cipher_code *code,
    const struct cipher_key *key, struct cipher_packet *packets, size_t n);
/* cipher_library.c */
void cipher_library_seal(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n);
void cipher_library_open(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n);

#endif
