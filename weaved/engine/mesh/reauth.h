/*
 * Re-authentication of a connection of version 3 while it runs
 * (hardened-protocol 6): one more run of the key exchange, relayed between the
 * peer and our parent. Only the side that dialled begins:
 *
 *	dialled                       accepted
 *	IDLE
 *	STARTING  (parent)
 *	WAITING   -- 2: share -->     STARTING  (parent)
 *	CHECKING  <- 3: answer --     WAITING
 *	(parent)
 *	VERDICT   -- 4: confirm. -->  CHECKING  (parent)
 *	IDLE      <- 5: result --     IDLE
 *
 * In place of 3 or 4 a REJECT ends it and is not answered. Body of each: step
 * and count, then what the handshake has. Pure; times are milliseconds of
 * CLOCK_BOOTTIME, as the age of keys is told.
 */
#ifndef ENGINE_MESH_REAUTH_H
#define ENGINE_MESH_REAUTH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kx3.h"

#define REAUTH_HEAD_LEN 5
#define REAUTH_BODY_MAX (REAUTH_HEAD_LEN + KX3_ANSWER_MAX)
#define REAUTH_INTERVAL 3600000 /* most; the least is a second */
#define REAUTH_JITTER 10000
#define REAUTH_RETRY 60000 /* after one that came to nothing */
#define REAUTH_SILENCE 30000 /* of the peer: the connection ends */

enum reauth_state {
	REAUTH_IDLE,
	REAUTH_STARTING,
	REAUTH_WAITING,
	REAUTH_CHECKING,
	REAUTH_VERDICT, /* dialled */
	REAUTH_STATE_MAX
};

/* What the caller is to do, in this order; a set. */
#define REAUTH_ASK_START 0x01u /* the parent, with count and body */
#define REAUTH_ASK_FINISH 0x02u /* the parent, with body */
#define REAUTH_SEND 0x04u /* body to the peer */
#define REAUTH_TELL 0x08u /* the parent: result is the peer's verdict */
#define REAUTH_DONE 0x10u /* key holds, for the next rekeying */
#define REAUTH_FAILED 0x20u /* result, and by_peer, say why */
#define REAUTH_CLOSE 0x40u /* the peer broke the rules */

struct reauth {
	enum reauth_state state;
	bool outbound; /* we dialled */
	uint32_t count; /* of the one under way */
	uint64_t interval;
	uint64_t due; /* dialled: of the next */
	uint64_t silent; /* when the peer's silence is too long; 0: not now */
	uint32_t slot; /* that fitted, as the responder counts */
	uint32_t serial; /* of our password that fitted */
	uint8_t result; /* enum kx3_result */
	bool by_peer; /* it is the peer who says so */
	uint8_t key[KX3_KEY_LEN]; /* until the verdict */
	uint8_t body[REAUTH_BODY_MAX];
	size_t len;
};

void reauth_init(
    struct reauth *reauth, bool outbound, uint64_t interval, uint64_t now);
void reauth_wipe(struct reauth *reauth);
/* Not later than within the jitter; dialled. */
void reauth_soon(struct reauth *reauth, uint64_t now);
bool reauth_running(const struct reauth *reauth);

/* Each returns what to do. Dialled and IDLE: begins. */
unsigned reauth_begin(struct reauth *reauth);
/* What the peer sent, without its tag. */
unsigned reauth_message(
    struct reauth *reauth, const uint8_t *body, size_t len, uint64_t now);
/* The parent's answers, of any content; those nobody waits for do nothing. */
unsigned reauth_started(struct reauth *reauth,
    const struct imsg_reauth_started *started, uint64_t now);
unsigned reauth_finished(struct reauth *reauth,
    const struct imsg_reauth_finished *finished, uint64_t now);
/* For a log line. */
const char *reauth_text(const struct reauth *reauth);

#endif
