/*
 * The parent's key interface of protocol version 2 (hardened-protocol 8):
 * X25519 secrets by handle, session keys from the password. Handles are
 * single use, live 5 s and are at most 1024; starts are limited to 200 a
 * second. Time: milliseconds of CLOCK_MONOTONIC.
 */
#ifndef PARENT_KEYS_H
#define PARENT_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/parent/password.h"

#define KEYS_LEN 32
#define KEYS_HANDLES_MAX 1024
#define KEYS_HANDLE_MS 5000
#define KEYS_STARTS_PER_S 200
/* Of these, for connections that others dial. */
#define KEYS_INBOUND_MAX 768
#define KEYS_INBOUND_PER_S 150

struct keys;

/* What a finish is told of the other side. */
struct keys_peer {
	const uint8_t *key; /* its public key, KEYS_LEN bytes */
	bool outbound; /* we dialled it */
	const uint8_t *frame; /* NULL, or its first sealed body */
	size_t frame_len;
};

struct keys *keys_new(void);
void keys_free(struct keys *keys);
/* Copies of them are kept, those before are wiped. False: no memory. */
bool keys_set_passwords(
    struct keys *keys, const struct password_slot slots[PASSWORD_SLOTS]);

/* Both return NULL, or why not, in words fit for a peer's status. */
const char *keys_start(struct keys *keys, uint64_t now, bool outbound,
    uint32_t *handle, uint8_t public_key[KEYS_LEN]);
/*
 * With a frame (listen first) the key comes out only if the frame opens under
 * the peer's nonce and one of the passwords, whose serial is told; without one
 * it is made of the first. The handle is gone in any case.
 */
const char *keys_finish(struct keys *keys, uint64_t now, uint32_t handle,
    const struct keys_peer *peer, uint8_t session[KEYS_LEN], uint32_t *serial);
void keys_cancel(struct keys *keys, uint32_t handle);
size_t keys_handles(const struct keys *keys);

/*
 * SHA-256(crypto_box_beforenm ‖ password), mesh-protocol 1.2. False: a
 * low-order public key.
 */
bool keys_derive_session(const uint8_t private_key[KEYS_LEN],
    const uint8_t peer_key[KEYS_LEN], const struct password *password,
    uint8_t session[KEYS_LEN]);

#endif
