/*
 * The parent's key interface of protocol version 3 (hardened-protocol 3, 4
 * and 8): one CPace run per handle. The engine relays frames and gets keys
 * once the peer's tag was verified; passwords, generators, scalars and the
 * keys that are not its business never leave. Handles are single use and
 * live 5 s. Time: milliseconds of CLOCK_MONOTONIC.
 */
#ifndef PARENT_KX3_H
#define PARENT_KX3_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/parent/session.h"
#include "weaved/weaved.h"

#define KX3_PRS_LEN 32
#define KX3_HANDLES_MAX 1024
#define KX3_OUTBOUND_MAX (KX3_HANDLES_MAX / 4) /* kept for those we dialled */
#define KX3_INBOUND_MAX (KX3_HANDLES_MAX - KX3_OUTBOUND_MAX)
#define KX3_STRANGERS_MAX (KX3_INBOUND_MAX / 2)
#define KX3_SOURCE_MAX 2 /* unfinished runs of one address that dialled us */
#define KX3_HANDLE_MS 5000
#define KX3_STARTS_PER_S 200
#define KX3_STRANGER_STARTS_PER_S (KX3_STARTS_PER_S / 2)

struct kx3;

/* name: our own. mesh: name of the network, 1 to 63 bytes. */
struct kx3 *kx3_new(uint64_t name, const char *mesh);
/* Wipes everything. NULL is fine. */
void kx3_free(struct kx3 *kx3);
/*
 * The keys stretched from the passwords, primary first; NULL: none in this
 * slot. Copied. Runs under way go on with the ones they began with.
 */
void kx3_set_slots(
    struct kx3 *kx3, const uint8_t *primary, const uint8_t *secondary);
/* By what a run that succeeds tells these passwords apart; 0 without it. */
void kx3_set_serials(struct kx3 *kx3, uint32_t primary, uint32_t secondary);

/*
 * Begins a run: outbound with our share, inbound (its share in start) with
 * our answer. known: the peer's address is a target of ours.
 */
void kx3_start(struct kx3 *kx3, const struct imsg_kx3_start *start, bool known,
    uint64_t now, struct imsg_kx3_started *started);
/*
 * Ends it: outbound with the peer's answer, inbound with its confirmation.
 * The handle is gone in any case. The caller wipes finished.
 */
void kx3_finish(struct kx3 *kx3, const struct imsg_kx3_finish *finish,
    uint64_t now, struct imsg_kx3_finished *finished);
/* An unknown handle is fine; a run that was charged stays so. */
void kx3_cancel(struct kx3 *kx3, uint32_t handle);

/*
 * The same within a session that is up (hardened-protocol 6). The one who
 * dialled learns the count by the start, and takes new keys when the peer's
 * verdict is good; the other took them when it found the confirmation right.
 */
void kx3_reauth_start(struct kx3 *kx3, const struct imsg_reauth_start *start,
    uint64_t now, struct imsg_reauth_started *started);
/* The caller wipes finished. */
void kx3_reauth_finish(struct kx3 *kx3, const struct imsg_kx3_finish *finish,
    uint64_t now, struct imsg_reauth_finished *finished);
void kx3_reauth_verdict(
    struct kx3 *kx3, const struct imsg_reauth_verdict *verdict, uint64_t now);

/* Of the runs that succeeded; ours as long as kx3 is. */
struct sessions *kx3_sessions(struct kx3 *kx3);
size_t kx3_handles(const struct kx3 *kx3);
/* Runs refused because too many failed or were left unfinished. */
uint64_t kx3_throttled(const struct kx3 *kx3);

/* PBKDF2's salt for a mesh; its length, less than size, or 0. */
size_t kx3_salt(const char *mesh, uint8_t *salt, size_t size);

#endif
