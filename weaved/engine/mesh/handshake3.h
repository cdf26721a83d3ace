/*
 * The handshake of protocol version 3 (hardened-protocol 4) as one table of
 * states and events. It owns no descriptor and no key: its caller frames,
 * sends and asks the parent as it is told.
 *
 *	IDLE -> HEADER -> HELLO -+-> STARTING -> SHARE_SENT -+-> CHECKING
 *	                         |   (we dialled)            |      |
 *	                         +-> SHARE_WAIT -> ANSWERING |      v
 *	                             -> CONFIRM_WAIT --------+  FEATURES -> UP
 *
 * Any event that a state does not expect leads to CLOSED, with a reason.
 */
#ifndef ENGINE_MESH_HANDSHAKE3_H
#define ENGINE_MESH_HANDSHAKE3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/hello.h"
#include "common/kx3.h"

#define HANDSHAKE3_DEADLINE 5000 /* ms from the header to the features */
#define HANDSHAKE3_FRAME_MAX HELLO_MAX /* a body before the features */
#define HANDSHAKE3_FEATURES_MAX 4096

enum handshake3_state {
	HANDSHAKE3_IDLE,
	HANDSHAKE3_HEADER,
	HANDSHAKE3_HELLO,
	HANDSHAKE3_STARTING, /* the parent makes our share */
	HANDSHAKE3_SHARE_SENT,
	HANDSHAKE3_SHARE_WAIT,
	HANDSHAKE3_ANSWERING, /* the parent makes our answer */
	HANDSHAKE3_CONFIRM_WAIT,
	HANDSHAKE3_CHECKING, /* the parent checks the peer's tag */
	HANDSHAKE3_FEATURES,
	HANDSHAKE3_UP,
	HANDSHAKE3_CLOSED,
	HANDSHAKE3_STATE_MAX
};

enum handshake3_event {
	HANDSHAKE3_BEGIN,
	HANDSHAKE3_GOT_HEADER, /* data: KX3_HEADER_LEN bytes */
	HANDSHAKE3_GOT_HELLO, /* data of these: a body */
	HANDSHAKE3_GOT_SHARE,
	HANDSHAKE3_GOT_ANSWER,
	HANDSHAKE3_GOT_CONFIRM,
	HANDSHAKE3_GOT_SEALED, /* to be opened by the caller */
	HANDSHAKE3_GOT_REJECT,
	HANDSHAKE3_GOT_OTHER, /* of no form that there is, or too long */
	HANDSHAKE3_STARTED, /* the parent: data is what to send */
	HANDSHAKE3_FINISHED, /* the parent: data is what to send, if any */
	HANDSHAKE3_REFUSED, /* the parent: data is a byte, kx3_result */
	HANDSHAKE3_JOINED, /* the features were opened and hold */
	HANDSHAKE3_TIMEOUT,
	HANDSHAKE3_HANGUP, /* the peer closed, or the connection broke */
	HANDSHAKE3_EVENT_MAX
};

/* What the caller is to do, in this order; a set. */
#define HANDSHAKE3_SEND 0x01u /* out, as a frame (a header: as it is) */
#define HANDSHAKE3_ASK_START 0x02u /* the parent, by handshake3_start() */
#define HANDSHAKE3_ASK_FINISH 0x04u /* with the body that came */
#define HANDSHAKE3_KEYS 0x08u /* what follows is sealed */
#define HANDSHAKE3_OPEN 0x10u /* the body that came: the features */
#define HANDSHAKE3_CLOSE 0x20u /* reason says why */

enum handshake3_reason {
	HANDSHAKE3_OPENED, /* not closed */
	HANDSHAKE3_PASSWORD, /* we found it */
	HANDSHAKE3_FAILURES, /* we refuse this source */
	HANDSHAKE3_BUSY,
	HANDSHAKE3_NAME,
	HANDSHAKE3_SHARE, /* refused key */
	HANDSHAKE3_MALFORMED,
	HANDSHAKE3_EXPIRED,
	HANDSHAKE3_PEER_PASSWORD, /* the peer says so: these in order */
	HANDSHAKE3_PEER_FAILURES,
	HANDSHAKE3_PEER_BUSY,
	HANDSHAKE3_PEER_NAME,
	HANDSHAKE3_PEER_OTHER, /* a reason we do not know */
	HANDSHAKE3_UNEXPECTED,
	HANDSHAKE3_TIMED_OUT,
	HANDSHAKE3_HUNG_UP, /* before its tag or ours could be checked */
	HANDSHAKE3_HUNG_UP_LATE, /* after it got our confirmation */
	HANDSHAKE3_REASON_MAX
};

struct handshake3 {
	enum handshake3_state state;
	enum handshake3_reason reason;
	bool outbound;
	uint64_t name; /* ours */
	uint64_t peer; /* from its HELLO on */
	uint8_t header[2][KX3_HEADER_LEN]; /* as in struct imsg_kx3_start */
	uint16_t hello_len[2];
	uint8_t hello[2][HELLO_MAX];
	uint8_t share[KX3_SHARE_LEN]; /* inbound: the peer's */
	uint8_t out[KX3_ANSWER_MAX];
	size_t out_len;
};

/* nonce: fresh and random. header: what we offer. */
void handshake3_init(struct handshake3 *hs, bool outbound, uint64_t name,
    const uint8_t header[KX3_HEADER_LEN], const uint8_t nonce[HELLO_NONCE_LEN]);
/* What a body is in this state; it may be of any length. */
enum handshake3_event handshake3_classify(
    const struct handshake3 *hs, const uint8_t *body, size_t len);
/* Returns what to do. data is NULL where the event has none. */
unsigned handshake3_event(struct handshake3 *hs, enum handshake3_event event,
    const uint8_t *data, size_t len);
/* The question for the parent; conn, addr and secondary are the caller's. */
void handshake3_start(
    const struct handshake3 *hs, struct imsg_kx3_start *start);
/* Longest body that may come now. */
size_t handshake3_limit(const struct handshake3 *hs);
/* For log and status. */
const char *handshake3_text(enum handshake3_reason reason);

#endif
