/*
 * Protocol version 3 within the parent: the key that is stretched from the
 * password, a slice per turn of the loop, and the engine's questions.
 */
#ifndef PARENT_HARDENED_H
#define PARENT_HARDENED_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/imsg.h"
#include "weaved/parent/conf.h"
#include "weaved/parent/password.h"
#include "weaved/parent/session.h"
#include "weaved/parent/targets.h"
#include "weaved/spawn.h"

/* False: no memory. targets stays the caller's. */
bool hardened_init(
    uint64_t name, const struct conf *conf, const struct targets *targets);
/*
 * Stretches what of these has not been, and takes them for what begins from
 * then on, all at the same time; until then those before hold. base NULL: at
 * once, before there is a loop. done, unless NULL, is called when they hold;
 * another call before that takes its place.
 */
void hardened_set_passwords(struct event_base *base,
    const struct password_slot slots[PASSWORD_SLOTS], void (*done)(void));
void hardened_free(void);

/*
 * Live sessions, by name of the peer. What their parents say comes to receive;
 * from is the session, body is wiped afterwards.
 */
typedef void hardened_receive(
    void *arg, const struct session *from, const struct session_body *body);
struct sessions *hardened_sessions(void);
/* met: a session came up, or is about to end. */
void hardened_on_message(hardened_receive *receive,
    void (*met)(const struct session *session), void *arg);
/* False: this peer has no session that is up. */
bool hardened_send(
    struct spawn *engine, uint64_t peer, const struct session_body *body);
/* Those that we dialled, with the primary password, within 10 s. */
void hardened_reauthenticate(struct spawn *engine);

/* For hardened_session.c: the key exchange; a line if it refuses much. */
struct kx3 *hardened_kx3(void);
void hardened_report(void);

/* Dispatch entries of the engine; arg: its struct spawn. */
void hardened_handle_start(void *arg, struct imsg *imsg);
void hardened_handle_finish(void *arg, struct imsg *imsg);
void hardened_handle_cancel(void *arg, struct imsg *imsg);
void hardened_handle_session_up(void *arg, struct imsg *imsg);
void hardened_handle_session_end(void *arg, struct imsg *imsg);
void hardened_handle_reauth_start(void *arg, struct imsg *imsg);
void hardened_handle_reauth_finish(void *arg, struct imsg *imsg);
void hardened_handle_reauth_verdict(void *arg, struct imsg *imsg);
void hardened_handle_message(void *arg, struct imsg *imsg);

#endif
