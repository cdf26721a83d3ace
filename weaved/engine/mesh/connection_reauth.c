#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/connection_internal.h"

#define MESSAGE_PAUSE 50 /* ms that a message to our parent costs ... */
#define MESSAGE_CREDIT 3200 /* ... of these; beyond they are dropped */

static bool act(struct connection *, unsigned, uint64_t);
static void ask_start(struct connection *);
static void ask_finish(struct connection *);
static void done(struct connection *, uint64_t);
static void failed(struct connection *);
static void close_badly(struct connection *, uint64_t);

bool
connection_reauth_message(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	if (conn->rekey.state != REKEY_IDLE)
		return false;
	return act(conn,
	    reauth_message(&conn->reauth, body + 1, len - 1,
		connection_key_time(conn, now)),
	    now);
}

/* False: close. */
static bool
act(struct connection *conn, unsigned todo, uint64_t now)
{
	struct reauth *reauth = &conn->reauth;

	if (todo & REAUTH_ASK_START)
		ask_start(conn);
	if (todo & REAUTH_ASK_FINISH)
		ask_finish(conn);
	if (todo & REAUTH_SEND)
		connection_send(conn, WIRE_REAUTH, reauth->body, reauth->len);
	if (todo & REAUTH_TELL)
		conn->ops->reauth_verdict(
		    conn->arg, conn, reauth->count, reauth->result);
	if (todo & REAUTH_DONE)
		done(conn, now);
	if (todo & REAUTH_FAILED)
		failed(conn);
	return (todo & REAUTH_CLOSE) == 0;
}

static void
ask_start(struct connection *conn)
{
	struct imsg_reauth_start start = {
	    .session = conn->session, .count = conn->reauth.count};

	memcpy(start.share, conn->reauth.body, conn->reauth.len);
	conn->ops->reauth_start(conn->arg, conn, &start);
}

static void
ask_finish(struct connection *conn)
{
	struct imsg_kx3_finish finish = {
	    .handle = conn->handle, .len = (uint32_t)conn->reauth.len};

	memcpy(finish.frame, conn->reauth.body, conn->reauth.len);
	conn->has_handle = false;
	conn->ops->reauth_finish(conn->arg, conn, &finish);
}

/* Who dialled rekeys at once: until then traffic goes by keys of before. */
static void
done(struct connection *conn, uint64_t now)
{
	conn->authenticated = connection_key_time(conn, now);
	rekey_strengthen(&conn->rekey, conn->reauth.key, conn->authenticated);
	sodium_memzero(conn->reauth.key, sizeof(conn->reauth.key));
	conn->slot = connection_slot(conn, conn->reauth.slot);
	conn->serial = conn->reauth.serial;
	conn->ops->reauth_ended(conn->arg, conn, NULL);
}

static void
failed(struct connection *conn)
{
	if (conn->has_handle)
		conn->ops->kx_cancel(conn->arg, conn);
	conn->has_handle = false;
	conn->ops->reauth_ended(conn->arg, conn, reauth_text(&conn->reauth));
}

static void
close_badly(struct connection *conn, uint64_t now)
{
	connection_blame(
	    conn, BLAME_KEY, now, "unexpected or malformed re-authentication");
}

bool
connection_reauth_started(struct connection *conn,
    const struct imsg_reauth_started *started, uint64_t now)
{
	if (conn->state != CONNECTION_UP ||
	    conn->reauth.state != REAUTH_STARTING)
		return false;
	conn->has_handle = started->result == KX3_DONE;
	conn->handle = started->handle;
	if (!act(conn,
		reauth_started(
		    &conn->reauth, started, connection_key_time(conn, now)),
		now))
		close_badly(conn, now);
	return true;
}

void
connection_reauth_finished(struct connection *conn,
    const struct imsg_reauth_finished *finished, uint64_t now)
{
	if (conn->state != CONNECTION_UP)
		return;
	if (!act(conn,
		reauth_finished(
		    &conn->reauth, finished, connection_key_time(conn, now)),
		now))
		close_badly(conn, now);
}

/* Not while new keys are under way: both ends must mean the same ones. */
uint64_t
connection_reauth_tick(struct connection *conn, uint64_t now)
{
	struct reauth *reauth = &conn->reauth;
	uint64_t at = connection_key_time(conn, now);

	if (conn->version != WIRE_VERSION_NEW)
		return UINT64_MAX;
	if (reauth->silent != 0 && at >= reauth->silent) {
		connection_blame(conn, BLAME_TIMEOUT, now,
		    "timeout in the re-authentication");
		return now;
	}
	if (reauth->silent != 0)
		return reauth->silent - conn->slept;
	if (!reauth->outbound || reauth_running(reauth) ||
	    conn->rekey.state != REKEY_IDLE)
		return UINT64_MAX;
	if (at < reauth->due)
		return reauth->due - conn->slept;
	act(conn, reauth_begin(reauth), now);
	return UINT64_MAX;
}

void
connection_parent_message(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	if (len > KX3_MESSAGE_MAX || conn->messages_paid > now + MESSAGE_CREDIT)
		return;
	if (conn->messages_paid < now)
		conn->messages_paid = now;
	conn->messages_paid += MESSAGE_PAUSE;
	conn->ops->parent_message(conn->arg, conn, body, len);
}
