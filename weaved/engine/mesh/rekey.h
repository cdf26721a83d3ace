/*
 * New keys for a connection of version 3 while it runs (hardened-protocol 6).
 * Only the side that dialled begins:
 *
 *	dialled                        accepted
 *	IDLE   -- REKEY(e+1, EA) -->   IDLE
 *	ASKED  <- REKEY_OK(e+1, EB) -- ANSWERED   its last record of epoch e
 *	IDLE   -- REKEY_DONE(e+1) -->  IDLE       our last record of epoch e
 *
 * Pure: bodies without their tag in and out. Times are milliseconds of
 * CLOCK_BOOTTIME: keys age while the host sleeps.
 */
#ifndef ENGINE_MESH_REKEY_H
#define ENGINE_MESH_REKEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REKEY_KEY_LEN 32
#define REKEY_HASH_LEN 64
#define REKEY_BODY_LEN (4 + REKEY_KEY_LEN) /* epoch, X25519 key */
#define REKEY_DONE_LEN 4
#define REKEY_INTERVAL 120000 /* most; the least is a second */
#define REKEY_VOLUME (UINT64_C(64) << 30) /* bytes, both directions */
#define REKEY_HOLD 180000 /* age of keys at which data stops ... */
#define REKEY_CLOSE 240000 /* ... and the connection ends */

enum rekey_state {
	REKEY_IDLE,
	REKEY_ASKED, /* we dialled and wait for REKEY_OK */
	REKEY_ANSWERED /* we accepted and wait for REKEY_DONE */
};

struct rekey_keys {
	uint8_t tcp[2][REKEY_KEY_LEN]; /* of who dialled, then of the other */
	uint8_t udp[2][REKEY_KEY_LEN];
};

struct rekey {
	enum rekey_state state;
	bool outbound; /* we dialled */
	uint32_t epoch; /* that ends */
	uint8_t chain[REKEY_KEY_LEN];
	uint8_t th[REKEY_HASH_LEN];
	uint8_t ra[REKEY_KEY_LEN]; /* of a re-authentication since then */
	bool has_ra;
	uint8_t secret[REKEY_KEY_LEN]; /* ASKED: our ephemeral keys */
	uint8_t public_key[REKEY_KEY_LEN];
	struct rekey_keys next; /* of epoch + 1, when made */
	uint64_t interval;
	uint64_t since; /* when these keys were made */
	uint64_t due; /* dialled: of the next */
};

/* From key("rekey") and th of the handshake. */
void rekey_init(struct rekey *rekey, bool outbound,
    const uint8_t chain[REKEY_KEY_LEN], const uint8_t th[REKEY_HASH_LEN],
    uint64_t interval, uint64_t now);
void rekey_wipe(struct rekey *rekey);

/* Dialled, IDLE: writes REKEY. */
void rekey_ask(struct rekey *rekey, uint8_t body[REKEY_BODY_LEN]);
/* Accepted: takes REKEY, writes REKEY_OK and fills in next. */
bool rekey_answer(struct rekey *rekey, const uint8_t *body, size_t len,
    uint8_t answer[REKEY_BODY_LEN], uint64_t now);
/* Dialled: takes REKEY_OK, writes REKEY_DONE and fills in next. */
bool rekey_complete(struct rekey *rekey, const uint8_t *body, size_t len,
    uint8_t done[REKEY_DONE_LEN], uint64_t now);
/* Accepted: takes REKEY_DONE. All of them: false: close. */
bool rekey_done(struct rekey *rekey, const uint8_t *body, size_t len);
/* Re-authenticated: its key goes into the next epoch, which is due. */
void rekey_strengthen(
    struct rekey *rekey, const uint8_t ra[REKEY_KEY_LEN], uint64_t now);
/* next is in use at this side in both directions: forget it. */
void rekey_used(struct rekey *rekey);

#endif
