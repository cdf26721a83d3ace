/*
 * Sessions of protocol version 3 between parent and engine: what the engine
 * says of them, re-authentication, messages from parent to parent.
 */
#include <string.h>

#include <sodium.h>

#include "weaved/child.h"
#include "weaved/parent/hardened.h"
#include "weaved/parent/kx3.h"
#include "weaved/spawn.h"

static struct {
	hardened_receive *receive;
	void (*met)(const struct session *session);
	void *arg;
} owner;

void
hardened_on_message(hardened_receive *receive,
    void (*met)(const struct session *session), void *arg)
{
	owner.receive = receive;
	owner.met = met;
	owner.arg = arg;
}

struct sessions *
hardened_sessions(void)
{
	return kx3_sessions(hardened_kx3());
}

bool
hardened_send(
    struct spawn *engine, uint64_t peer, const struct session_body *body)
{
	struct session *session = sessions_of_peer(hardened_sessions(), peer);
	struct imsg_parent_message message = {.len = SESSION_MESSAGE_LEN};

	if (session == NULL || !session_seal(session, body, message.bytes))
		return false;
	message.session = session->id;
	spawn_send(
	    engine, IMSG_PARENT_MESSAGE, 0, -1, &message, sizeof(message));
	return true;
}

void
hardened_reauthenticate(struct spawn *engine)
{
	spawn_send(engine, IMSG_REAUTH_ALL, 0, -1, NULL, 0);
}

/*
 * The one before it of the same peer will end: which of two connections stays
 * is the engine's to say.
 */
void
hardened_handle_session_up(void *arg, struct imsg *imsg)
{
	struct session *session, *former;
	struct imsg_session message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	session = sessions_find(hardened_sessions(), message.session);
	if (session == NULL)
		return;
	former = sessions_of_peer(hardened_sessions(), session->peer);
	if (former != NULL)
		former->up = false;
	session->up = true;
	if (owner.met != NULL)
		owner.met(session);
}

void
hardened_handle_session_end(void *arg, struct imsg *imsg)
{
	struct imsg_session message;
	struct session *session;
	bool up;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	session = sessions_find(hardened_sessions(), message.session);
	if (session == NULL)
		return;
	up = session->up;
	session->up = false;
	if (up && owner.met != NULL)
		owner.met(session);
	session_end(session);
}

void
hardened_handle_reauth_start(void *arg, struct imsg *imsg)
{
	struct imsg_reauth_started started;
	struct imsg_reauth_start start;

	memcpy(&start, imsg->data, sizeof(start));
	kx3_reauth_start(hardened_kx3(), &start, proc_now(), &started);
	spawn_send(arg, IMSG_REAUTH_STARTED, 0, -1, &started, sizeof(started));
	hardened_report();
}

void
hardened_handle_reauth_finish(void *arg, struct imsg *imsg)
{
	struct imsg_reauth_finished finished;
	struct imsg_kx3_finish finish;

	memcpy(&finish, imsg->data, sizeof(finish));
	if (finish.len > sizeof(finish.frame)) {
		spawn_distrust(arg);
		return;
	}
	kx3_reauth_finish(hardened_kx3(), &finish, proc_now(), &finished);
	spawn_send(
	    arg, IMSG_REAUTH_FINISHED, 0, -1, &finished, sizeof(finished));
	sodium_memzero(&finished, sizeof(finished));
	hardened_report();
}

void
hardened_handle_reauth_verdict(void *arg, struct imsg *imsg)
{
	struct imsg_reauth_verdict verdict;

	(void)arg;
	memcpy(&verdict, imsg->data, sizeof(verdict));
	kx3_reauth_verdict(hardened_kx3(), &verdict, proc_now());
}

/* What does not open is dropped: the engine may have made it up. */
void
hardened_handle_message(void *arg, struct imsg *imsg)
{
	struct imsg_parent_message message;
	struct session_body body;
	struct session *session;

	memcpy(&message, imsg->data, sizeof(message));
	if (message.len > sizeof(message.bytes)) {
		spawn_distrust(arg);
		return;
	}
	session = sessions_find(hardened_sessions(), message.session);
	if (session == NULL || !session->up || owner.receive == NULL ||
	    !session_open(session, message.bytes, message.len, &body))
		return;
	owner.receive(owner.arg, session, &body);
	sodium_memzero(&body, sizeof(body));
}
