#include <string.h>

#include "weaved/engine/mesh/connection_internal.h"

#define VOLUME_POLL 5000 /* ms */

static void ask(struct connection *);
static bool take_rekey(struct connection *, const uint8_t *, size_t, uint64_t);
static bool take_ok(struct connection *, const uint8_t *, size_t, uint64_t);
static bool take_done(struct connection *, const uint8_t *, size_t, uint64_t);
static bool is_due(const struct connection *, uint64_t);
static uint64_t earlier(uint64_t, uint64_t);

/* Our index among the keys of both directions. */
#define OURS(conn) ((conn)->outbound ? 0 : 1)
#define THEIRS(conn) ((conn)->outbound ? 1 : 0)

bool
connection_rekey_message(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	switch (body[0]) {
	case WIRE_REKEY:
		return take_rekey(conn, body + 1, len - 1, now);
	case WIRE_REKEY_OK:
		return take_ok(conn, body + 1, len - 1, now);
	default:
		return take_done(conn, body + 1, len - 1, now);
	}
}

static void
ask(struct connection *conn)
{
	uint8_t body[REKEY_BODY_LEN];

	rekey_ask(&conn->rekey, body);
	connection_send(conn, WIRE_REKEY, body, sizeof(body));
}

/* We can receive packets of the new epoch before we answer. */
static bool
take_rekey(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	struct rekey *rekey = &conn->rekey;
	uint8_t answer[REKEY_BODY_LEN];

	if (reauth_running(&conn->reauth) ||
	    !rekey_answer(
		rekey, body, len, answer, connection_key_time(conn, now)))
		return false;
	conn->ops->rekeyed(conn->arg, conn, rekey->next.udp, now);
	connection_send(conn, WIRE_REKEY_OK, answer, sizeof(answer));
	record_next_epoch(&conn->record.send, rekey->next.tcp[OURS(conn)]);
	return true;
}

static bool
take_ok(struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	struct rekey *rekey = &conn->rekey;
	uint8_t done[REKEY_DONE_LEN];

	if (!rekey_complete(
		rekey, body, len, done, connection_key_time(conn, now)))
		return false;
	record_next_epoch(&conn->record.receive, rekey->next.tcp[THEIRS(conn)]);
	conn->ops->rekeyed(conn->arg, conn, rekey->next.udp, now);
	conn->ops->rekey_switch(conn->arg, conn, now);
	connection_send(conn, WIRE_REKEY_DONE, done, sizeof(done));
	record_next_epoch(&conn->record.send, rekey->next.tcp[OURS(conn)]);
	rekey_used(rekey);
	conn->held = false;
	conn->volume = conn->ops->volume(conn->arg, conn);
	return true;
}

static bool
take_done(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	struct rekey *rekey = &conn->rekey;

	if (!rekey_done(rekey, body, len))
		return false;
	record_next_epoch(&conn->record.receive, rekey->next.tcp[THEIRS(conn)]);
	conn->ops->rekey_switch(conn->arg, conn, now);
	rekey_used(rekey);
	conn->held = false;
	return true;
}

static bool
is_due(const struct connection *conn, uint64_t now)
{
	return connection_key_time(conn, now) >= conn->rekey.due ||
	    conn->ops->volume(conn->arg, conn) - conn->volume >= REKEY_VOLUME;
}

uint64_t
connection_key_time(const struct connection *conn, uint64_t now)
{
	return now + conn->slept;
}

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
connection_rekey_tick(struct connection *conn, uint64_t now)
{
	struct rekey *rekey = &conn->rekey;
	uint64_t age = connection_key_time(conn, now) - rekey->since;
	uint64_t next = now + REKEY_CLOSE - age;

	if (conn->version != WIRE_VERSION_NEW)
		return UINT64_MAX;
	if (age >= REKEY_CLOSE) {
		connection_doom(conn,
		    "keys are too old: the peer does not "
		    "rekey");
		return now;
	}
	if (age >= REKEY_HOLD && !conn->held) {
		conn->held = true;
		conn->ops->hold(conn->arg, conn);
	}
	if (!conn->held)
		next = earlier(next, now + REKEY_HOLD - age);
	if (!conn->outbound || rekey->state != REKEY_IDLE ||
	    reauth_running(&conn->reauth))
		return next;
	if (is_due(conn, now)) {
		ask(conn);
		return next;
	}
	return earlier(
	    next, earlier(rekey->due - conn->slept, now + VOLUME_POLL));
}
