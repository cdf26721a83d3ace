/*
 * The cipher of sleeve packets (mesh-protocol 7.1, box as in 1.3), many packets
 * at a time: XSalsa20 and Poly1305 as crypto_secretbox() of libsodium has them,
 * under the nonces of one sender of one connection.
 *
 * Everything here takes a time that depends on lengths and numbers of packets
 * alone, but for what has been verified and what has not.
 */
#ifndef ENGINE_OVERLAY_CIPHER_H
#define ENGINE_OVERLAY_CIPHER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CIPHER_KEY_LEN 32
#define CIPHER_TAG_LEN 16
#define CIPHER_PREFIX_LEN 16 /* of a nonce, before the sequence number */

/*
 * One direction of a connection. All its nonces begin with the same 16 bytes,
 * so the key that HSalsa20 derives from them is made once.
 */
struct cipher_key {
	uint8_t subkey[CIPHER_KEY_LEN];
};

/* Tag and text are the caller's; no alignment is asked for. */
struct cipher_packet {
	uint64_t seqdf; /* bit 63 DF, host byte order; never twice per key */
	uint8_t *tag; /* CIPHER_TAG_LEN, written by seal, read by open */
	uint8_t *text; /* sealed and opened in place; overlaps no other */
	size_t len; /* of text in bytes, 0 to 2^32 */
	bool ok; /* set by open: the tag is right, the text opened */
};

/* outbound: the *sender* is the outbound side of the TCP connection. */
void cipher_key_init(struct cipher_key *key,
    const uint8_t session[CIPHER_KEY_LEN], bool outbound);
/* The same for nonces that begin otherwise. */
void cipher_key_derive(struct cipher_key *key,
    const uint8_t session[CIPHER_KEY_LEN],
    const uint8_t prefix[CIPHER_PREFIX_LEN]);
void cipher_key_wipe(struct cipher_key *key);

/* n: any number, 0 too. The more at once the faster, up to about 64. */
void cipher_seal_batch(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n);
/* Verifies, then decrypts; the text of a packet that fails stays as it is. */
void cipher_open_batch(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n);

/*
 * Which code does it: "library" (libsodium) until something is selected, for
 * the whole process and before its threads. Selects the fastest that this CPU
 * has, or libsodium; returns the name of what is used from now on.
 */
const char *cipher_select(bool library_only);
/*
 * Compares what is selected with libsodium. False: they differ, and libsodium
 * is selected in its place; the caller has to say so.
 */
bool cipher_self_test(void);

/* For tests and measurements: what this CPU has, by number, NULL at the end. */
const char *cipher_name(size_t i);
/* False if cipher_name() does not list it. */
bool cipher_use(const char *name);

#endif
