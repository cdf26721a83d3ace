/*
 * CPace, suite CPACE-RISTR255-SHA512 of draft-irtf-cfrg-cpace, initiator and
 * responder told apart (hardened-protocol 3). Generator, scalars and results
 * are secrets: the caller keeps them in locked memory and wipes them.
 */
#ifndef PARENT_CPACE_H
#define PARENT_CPACE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CPACE_LEN 32 /* scalars and encoded points */
#define CPACE_ISK_LEN 64

struct cpace_bytes {
	const uint8_t *data; /* may be NULL when empty */
	size_t len;
};

/* What the initiator (a) and the responder (b) sent. */
struct cpace_transcript {
	struct cpace_bytes sid;
	const uint8_t *share_a; /* CPACE_LEN bytes each */
	struct cpace_bytes data_a;
	const uint8_t *share_b;
	struct cpace_bytes data_b;
};

void cpace_generator(uint8_t generator[CPACE_LEN], struct cpace_bytes prs,
    struct cpace_bytes channel, struct cpace_bytes sid);
/* The public share of a scalar. False: the scalar is zero. */
bool cpace_share(uint8_t share[CPACE_LEN], const uint8_t scalar[CPACE_LEN],
    const uint8_t generator[CPACE_LEN]);
/*
 * The intermediate session key from our scalar and the peer's share. False:
 * the share is no canonical encoding, or leads to the identity.
 */
bool cpace_session(uint8_t isk[CPACE_ISK_LEN], const uint8_t scalar[CPACE_LEN],
    const uint8_t peer_share[CPACE_LEN],
    const struct cpace_transcript *transcript);

/* Hashes lv(data): its length in LEB128, then data itself. */
struct crypto_hash_sha512_state;
void cpace_hash(
    struct crypto_hash_sha512_state *state, const void *data, size_t len);
/* Writes lv(data) to out; its length, 0: longer than size. */
size_t cpace_put(uint8_t *out, size_t size, const void *data, size_t len);

#endif
