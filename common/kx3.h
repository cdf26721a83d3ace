/*
 * What engine and parent say to each other for a handshake of protocol version
 * 3 (hardened-protocol 4 and 8). Index 0 is the side that opened the TCP
 * connection, 1 the one that accepted it; frames come without their length.
 * All structures have a fixed size and no pointers.
 */
#ifndef KX3_H
#define KX3_H

#include <stdint.h>

#define KX3_HEADER_LEN 7
#define KX3_SHARE_LEN 32
#define KX3_TAG_LEN 32
#define KX3_SLOTS_MAX 2 /* passwords accepted at a time */
#define KX3_ANSWER_MAX (1 + KX3_SLOTS_MAX * (KX3_SHARE_LEN + KX3_TAG_LEN))
#define KX3_CONFIRM_LEN (1 + KX3_TAG_LEN)
#define KX3_KEY_LEN 32
#define KX3_HASH_LEN 64

/* The first of them are reasons of REJECT as well. */
enum kx3_result {
	KX3_DONE,
	KX3_PASSWORD, /* no tag fits */
	KX3_FAILURES, /* this source, or target, failed too often */
	KX3_BUSY,
	KX3_NAME, /* the peer has our name, or we are not who we say */
	KX3_REJECT_MAX = KX3_NAME,
	KX3_SHARE, /* no valid encoding, or the identity */
	KX3_MALFORMED,
	KX3_EXPIRED, /* no such handle, or too late */
	KX3_RESULT_MAX
};

struct imsg_kx3_start {
	uint32_t conn;
	uint32_t addr; /* of the peer */
	uint8_t outbound;
	uint8_t secondary; /* outbound: use the second password */
	uint16_t hello_len[2];
	uint8_t header[2][KX3_HEADER_LEN];
	uint8_t hello[2][512];
	uint8_t share[KX3_SHARE_LEN]; /* inbound: the peer's */
};

struct imsg_kx3_started {
	uint32_t conn;
	uint32_t handle;
	uint32_t result; /* enum kx3_result */
	uint32_t len;
	uint8_t frame[KX3_ANSWER_MAX]; /* our share, or the answer */
	uint8_t pad[3];
};

struct imsg_kx3_finish {
	uint32_t conn;
	uint32_t handle;
	uint32_t len;
	uint8_t frame[KX3_ANSWER_MAX]; /* the answer, or its confirmation */
	uint8_t pad[3];
};

/* What the engine gets of a handshake that succeeded. */
struct kx3_keys {
	uint8_t tcp[2][KX3_KEY_LEN]; /* by direction: the sender's index */
	uint8_t udp[2][KX3_KEY_LEN];
	uint8_t rekey[KX3_KEY_LEN];
	uint8_t th[KX3_HASH_LEN]; /* of the transcript, no secret */
};

struct imsg_kx3_finished {
	uint32_t conn;
	uint32_t result; /* enum kx3_result */
	uint32_t slot; /* password that fitted, as the responder counts */
	uint32_t session; /* that begins in the parent: names it from now on */
	uint32_t serial; /* of our password that fitted, see IMSG_PASSWORDS */
	uint32_t len;
	uint8_t frame[KX3_CONFIRM_LEN]; /* outbound: our confirmation */
	uint8_t pad[3];
	struct kx3_keys keys;
};

struct imsg_kx3_cancel {
	uint32_t handle;
};

/*
 * Re-authentication of a session (hardened-protocol 6), by the same handles;
 * its finish is a struct imsg_kx3_finish.
 */
struct imsg_reauth_start {
	uint32_t conn;
	uint32_t session;
	uint32_t count; /* inbound: the peer's */
	uint8_t share[KX3_SHARE_LEN]; /* inbound: the peer's */
};

struct imsg_reauth_started {
	uint32_t conn;
	uint32_t handle;
	uint32_t result; /* enum kx3_result */
	uint32_t count;
	uint32_t len;
	uint8_t frame[KX3_ANSWER_MAX]; /* our share, or the answer */
	uint8_t pad[3];
};

struct imsg_reauth_finished {
	uint32_t conn;
	uint32_t result; /* enum kx3_result */
	uint32_t slot; /* password that fitted, as the responder counts */
	uint32_t serial; /* of our password that fitted, see IMSG_PASSWORDS */
	uint32_t len;
	uint8_t frame[KX3_CONFIRM_LEN]; /* outbound: our confirmation */
	uint8_t pad[3];
	uint8_t key[KX3_KEY_LEN]; /* for the next rekeying */
};

/* Outbound: what the peer says of our confirmation. */
struct imsg_reauth_verdict {
	uint32_t session;
	uint32_t count;
	uint32_t result; /* enum kx3_result */
};

/* A connection of this session is a neighbour's; or ended. */
struct imsg_session {
	uint32_t session;
};

#define KX3_MESSAGE_MAX 1024

/* From parent to parent, which the engine can not read. */
struct imsg_parent_message {
	uint32_t session;
	uint32_t len; /* at most KX3_MESSAGE_MAX */
	uint8_t bytes[KX3_MESSAGE_MAX];
};

_Static_assert(
    sizeof(struct imsg_kx3_start) == 14 + 2 * 519 + 32, "no padding");
_Static_assert(sizeof(struct imsg_kx3_started) == 148, "no padding");
_Static_assert(sizeof(struct imsg_kx3_finish) == 144, "no padding");
_Static_assert(sizeof(struct imsg_kx3_finished) == 60 + 224, "no padding");
_Static_assert(sizeof(struct imsg_reauth_start) == 44, "no padding");
_Static_assert(sizeof(struct imsg_reauth_started) == 152, "no padding");
_Static_assert(sizeof(struct imsg_reauth_finished) == 88, "no padding");

#endif
