/*
 * What the parent keeps of each connection of protocol version 3 while it
 * lives (hardened-protocol 3, 6 and 7): the keys that never go to the engine,
 * what a re-authentication is bound to, and the messages from parent to parent
 * that the engine relays without being able to read them.
 *
 * A session begins when a key exchange succeeds, is up from the time that the
 * engine calls its connection a neighbour's, and ends with that connection or
 * with the engine. A neighbour has one session that is up. Time: milliseconds
 * of CLOCK_MONOTONIC.
 */
#ifndef PARENT_SESSION_H
#define PARENT_SESSION_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kx3.h"

#define SESSIONS_MAX 1024
#define SESSION_KEY_LEN 32
#define SESSION_PASSWORD_MAX 512 /* bytes that a message holds */
#define SESSION_ROTATION_LEN 16

/*
 * Body of the engine's message 0x44:
 *
 *	 0       4         12    28     29     45          53    54      56
 *	+-------+---------+-----+------+------+-----------+-----+-------+------+
 *	| count | counter | tag | kind | id   | generation| step| length| text |
 *	+-------+---------+-----+------+------+-----------+-----+-------+------+
 *	                        `-- sealed, text zero-padded to 512 bytes --'
 */
#define SESSION_BODY_LEN (1 + SESSION_ROTATION_LEN + 8 + 1 + 2 + 512)
#define SESSION_MESSAGE_LEN (4 + 8 + 16 + SESSION_BODY_LEN)

struct session_body {
	uint8_t kind;
	uint8_t rotation[SESSION_ROTATION_LEN];
	uint64_t generation;
	uint8_t step;
	uint16_t len;
	uint8_t password[SESSION_PASSWORD_MAX];
};

struct session_keys {
	uint8_t esp[SESSION_KEY_LEN];
	uint8_t parent[2][SESSION_KEY_LEN]; /* of who dialled, of the other */
};

struct session {
	uint32_t id; /* 0: free */
	uint32_t addr; /* of the peer */
	uint64_t peer; /* its name, as authenticated */
	uint64_t authenticated; /* when last */
	bool outbound; /* we dialled */
	bool up;
	uint8_t th[KX3_HASH_LEN]; /* of the handshake */
	uint32_t tried; /* highest count of a re-authentication begun */
	uint32_t count; /* of the one that made keys, 0: the handshake */
	uint64_t sent; /* messages under these keys */
	uint64_t expected; /* least counter of the next that comes */
	struct session_keys keys;
	/* For what was on its way when keys were replaced. */
	bool has_former;
	uint32_t former_count;
	uint64_t former_expected;
	uint8_t former[SESSION_KEY_LEN];
	/* Until the peer's verdict. */
	uint32_t next_count; /* 0: none */
	struct session_keys next;
};

struct sessions;

/* NULL: no memory. */
struct sessions *sessions_new(void);
/* Wipes everything. NULL is fine. */
void sessions_free(struct sessions *sessions);
/* The engine is gone, and all connections with it. */
void sessions_clear(struct sessions *sessions);

/* A fresh one, all but its id zero; NULL: there are too many. */
struct session *sessions_add(struct sessions *sessions);
/* NULL: none of this id. */
struct session *sessions_find(struct sessions *sessions, uint32_t id);
/* The one of this peer that is up, or NULL. */
struct session *sessions_of_peer(struct sessions *sessions, uint64_t peer);
/* The next one that is up; session NULL: the first. NULL: no more. */
struct session *sessions_next(
    struct sessions *sessions, const struct session *session);
/* Wipes it. */
void session_end(struct session *session);

/* Keys of a re-authentication take the place of the former. */
void session_renew(struct session *session, const struct session_keys *keys,
    uint32_t count, uint64_t now);
/* They do when the verdict on this count is good. */
void session_propose(
    struct session *session, const struct session_keys *keys, uint32_t count);
void session_verdict(
    struct session *session, uint32_t count, bool good, uint64_t now);

/* False: too many messages under these keys. */
bool session_seal(struct session *session, const struct session_body *body,
    uint8_t message[SESSION_MESSAGE_LEN]);
/* False: not from this peer's parent, not now, or malformed; body is wiped. */
bool session_open(struct session *session, const uint8_t *message, size_t len,
    struct session_body *body);

#endif
