/*
 * What the two kinds of run of the key exchange share: kx3.c (handles, limits,
 * CPace and its tags; the handshake), kx3_reauth.c (the re-authentication).
 */
#ifndef PARENT_KX3_INTERNAL_H
#define PARENT_KX3_INTERNAL_H

#include <sodium.h>

#include "common/hkdf.h"
#include "weaved/parent/cpace.h"
#include "weaved/parent/kx3.h"
#include "weaved/parent/penalty.h"
#include "weaved/parent/session.h"

#define KX3_SID_LEN 32
#define KX3_MESH_MAX 63
#define KX3_CHANNEL_MAX 96 /* lv_cat of version, names and mesh */

/* What a run keeps between start and finish. */
struct handle {
	uint32_t id; /* 0: free */
	uint32_t addr;
	uint64_t peer; /* its name */
	uint64_t started;
	uint32_t session; /* being re-authenticated, or 0 */
	uint32_t count; /* then */
	bool outbound;
	bool stranger;
	uint8_t slots; /* inbound: answered with */
	uint8_t sid[KX3_SID_LEN];
	crypto_hash_sha512_state transcript; /* outbound: up to our share */
	uint8_t scalar[CPACE_LEN]; /* outbound */
	uint8_t share[CPACE_LEN]; /* of the initiator */
	uint8_t th[KX3_HASH_LEN]; /* inbound */
	uint8_t prk[KX3_SLOTS_MAX][HKDF_KEY_LEN]; /* inbound */
	uint32_t serial[KX3_SLOTS_MAX]; /* outbound: [0], of the one used */
};

/* In locked memory. */
struct secrets {
	bool has[KX3_SLOTS_MAX];
	uint8_t prs[KX3_SLOTS_MAX][KX3_PRS_LEN];
	struct handle handles[KX3_HANDLES_MAX];
};

struct kx3 {
	struct secrets *secrets;
	struct sessions *sessions;
	uint32_t serial[KX3_SLOTS_MAX];
	uint64_t name;
	char mesh[KX3_MESH_MAX + 1];
	struct penalty penalty;
	uint64_t window; /* start of the second of starts */
	uint32_t starts;
	uint32_t stranger_starts;
	uint64_t throttled;
};

/* One run as its keys are bound to it. */
struct run {
	uint32_t addr;
	uint64_t peer;
	uint32_t session; /* to be re-authenticated, or 0 */
	uint32_t count; /* then */
	bool outbound;
	bool stranger;
	size_t slot; /* outbound: of the password used */
	const uint8_t *share; /* inbound: the peer's */
	uint8_t sid[KX3_SID_LEN];
	uint8_t channel[KX3_CHANNEL_MAX];
	size_t channel_len;
	crypto_hash_sha512_state transcript; /* up to the shares */
};

/* What a run that succeeds makes keys of; wiped by who asked for it. */
struct outcome {
	uint32_t addr;
	uint64_t peer;
	bool outbound;
	uint32_t slot; /* as the responder counts */
	uint32_t serial; /* of our password */
	uint8_t prk[HKDF_KEY_LEN];
	uint8_t th[KX3_HASH_LEN];
};

/* What goes to the peer, as in struct imsg_kx3_started. */
struct opening {
	uint32_t handle;
	uint32_t len;
	uint8_t frame[KX3_ANSWER_MAX];
};

/* From outbound and peer. */
void kx3_run_channel(const struct kx3 *kx3, struct run *run);
/* Within the limits: a handle and what goes to the peer; else neither. */
enum kx3_result kx3_run_begin(struct kx3 *kx3, const struct run *run,
    uint64_t now, struct opening *opening);
/* The handle of this id, for its only use, if it is one of this kind. */
struct handle *kx3_handle_take(struct kx3 *kx3, uint32_t id, bool session);
/* Checks the peer's tag; outbound: out is our confirmation. Drops handle. */
enum kx3_result kx3_run_end(struct kx3 *kx3, struct handle *handle,
    const struct imsg_kx3_finish *finish, uint64_t now, struct outcome *outcome,
    uint8_t out[KX3_CONFIRM_LEN]);
void kx3_session_keys(struct session_keys *keys, const struct outcome *outcome);

#endif
