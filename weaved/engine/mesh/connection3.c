#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/connection_internal.h"
#include "common/kx3.h"

#define NONCE_RANDOM 16

_Static_assert(HELLO_NONCE_LEN - NONCE_RANDOM >= crypto_generichash_BYTES_MIN,
    "the rest of a nonce");

static void make_nonce(const struct connection *, uint8_t[HELLO_NONCE_LEN]);
static bool is_ours(const struct connection *);
static const char *text_of(const struct connection *);
static bool shake_event(struct connection *, enum handshake3_event,
    const uint8_t *, size_t, uint64_t);
static void shake_frame(struct connection *);
static void shake_ask_start(struct connection *);
static void shake_ask_finish(struct connection *, const uint8_t *, size_t);
static enum connection_blame blame_of(enum handshake3_reason);

void
connection3_begin(struct connection *conn, const uint8_t *header, uint64_t now)
{
	uint8_t own[WIRE_HEADER_LEN], nonce[HELLO_NONCE_LEN];

	conn->shake = calloc(1, sizeof(*conn->shake));
	if (conn->shake == NULL) {
		connection_end(conn, now, "out of memory");
		return;
	}
	conn->listen_first = false;
	conn->deadline = now + HANDSHAKE3_DEADLINE;
	conn->state = CONNECTION_SHAKE3;
	wire_header_put(own, conn->version_min, conn->version_max);
	make_nonce(conn, nonce);
	handshake3_init(conn->shake, conn->outbound, conn->name, own, nonce);
	/* Our header went out before the peer's was known. */
	handshake3_event(conn->shake, HANDSHAKE3_BEGIN, NULL, 0);
	shake_event(conn, HANDSHAKE3_GOT_HEADER, header, WIRE_HEADER_LEN, now);
}

/* Half random, half what only this process can make of it. */
static void
make_nonce(const struct connection *conn, uint8_t nonce[HELLO_NONCE_LEN])
{
	randombytes_buf(nonce, NONCE_RANDOM);
	crypto_generichash(nonce + NONCE_RANDOM, HELLO_NONCE_LEN - NONCE_RANDOM,
	    nonce, NONCE_RANDOM, conn->nonce_key, CONNECTION_NONCE_KEY);
}

/* Did we send the peer's HELLO ourselves, on another connection? */
static bool
is_ours(const struct connection *conn)
{
	const uint8_t *nonce = hello_nonce(conn->shake->hello[conn->outbound]);
	uint8_t made[HELLO_NONCE_LEN - NONCE_RANDOM];

	crypto_generichash(made, sizeof(made), nonce, NONCE_RANDOM,
	    conn->nonce_key, CONNECTION_NONCE_KEY);
	return sodium_memcmp(made, nonce + NONCE_RANDOM, sizeof(made)) == 0;
}

static const char *
text_of(const struct connection *conn)
{
	if (conn->shake->reason == HANDSHAKE3_NAME && is_ours(conn))
		return "cannot connect to ourself";
	return handshake3_text(conn->shake->reason);
}

bool
connection3_step(struct connection *conn, uint64_t now)
{
	uint8_t *body;
	bool more;
	size_t len;

	if (connection_body(conn, &body, &len, now) != 1)
		return false;
	more = shake_event(
	    conn, handshake3_classify(conn->shake, body, len), body, len, now);
	if (more)
		buffer_consume(&conn->in, WIRE_LENGTH_LEN + len);
	return more && conn->state == CONNECTION_SHAKE3;
}

/* False: the connection ended. */
static bool
shake_event(struct connection *conn, enum handshake3_event event,
    const uint8_t *data, size_t len, uint64_t now)
{
	unsigned todo = handshake3_event(conn->shake, event, data, len);
	enum handshake3_reason reason = conn->shake->reason;

	if (todo & HANDSHAKE3_SEND)
		shake_frame(conn);
	if (todo & HANDSHAKE3_ASK_START)
		shake_ask_start(conn);
	if (todo & HANDSHAKE3_ASK_FINISH)
		shake_ask_finish(conn, data, len);
	if (todo & HANDSHAKE3_CLOSE)
		connection_blame(
		    conn, blame_of(reason), now, "%s", text_of(conn));
	connection_update_watch(conn);
	return (todo & HANDSHAKE3_CLOSE) == 0;
}

static void
shake_frame(struct connection *conn)
{
	uint8_t length[WIRE_LENGTH_LEN];

	wire_length_put(conn->shake->out_len, length);
	connection_put(conn, length, sizeof(length));
	connection_put(conn, conn->shake->out, conn->shake->out_len);
}

static void
shake_ask_start(struct connection *conn)
{
	struct imsg_kx3_start start;

	handshake3_start(conn->shake, &start);
	start.addr = conn->remote.addr;
	conn->state = CONNECTION_WAIT3;
	conn->ops->kx3_start(conn->arg, conn, &start);
}

static void
shake_ask_finish(struct connection *conn, const uint8_t *body, size_t len)
{
	struct imsg_kx3_finish finish = {
	    .handle = conn->handle, .len = (uint32_t)len};

	memcpy(finish.frame, body, len);
	conn->has_handle = false;
	conn->state = CONNECTION_WAIT3;
	conn->ops->kx3_finish(conn->arg, conn, &finish);
}

static enum connection_blame
blame_of(enum handshake3_reason reason)
{
	switch (reason) {
	case HANDSHAKE3_PASSWORD:
	case HANDSHAKE3_PEER_PASSWORD:
		return BLAME_PASSWORD;
	case HANDSHAKE3_FAILURES:
	case HANDSHAKE3_BUSY:
	case HANDSHAKE3_PEER_FAILURES:
	case HANDSHAKE3_PEER_BUSY:
		return BLAME_THROTTLED;
	case HANDSHAKE3_NAME:
	case HANDSHAKE3_PEER_NAME:
		return BLAME_NAME;
	case HANDSHAKE3_SHARE:
		return BLAME_KEY;
	case HANDSHAKE3_EXPIRED:
	case HANDSHAKE3_TIMED_OUT:
		return BLAME_TIMEOUT;
	default:
		return BLAME_OTHER;
	}
}

bool
connection_kx3_started(struct connection *conn,
    const struct imsg_kx3_started *started, uint64_t now)
{
	uint8_t result = (uint8_t)started->result;
	bool ok;

	if (conn->state != CONNECTION_WAIT3 ||
	    conn->shake->state == HANDSHAKE3_CHECKING ||
	    started->len > sizeof(started->frame))
		return false;
	conn->state = CONNECTION_SHAKE3;
	conn->has_handle = started->result == KX3_DONE;
	conn->handle = started->handle;
	ok = conn->has_handle
	    ? shake_event(
		  conn, HANDSHAKE3_STARTED, started->frame, started->len, now)
	    : shake_event(conn, HANDSHAKE3_REFUSED, &result, 1, now);
	if (ok)
		connection_run(conn, now);
	connection_update_watch(conn);
	return true;
}

bool
connection_kx3_finished(struct connection *conn,
    const struct imsg_kx3_finished *finished, uint64_t now)
{
	uint8_t result = (uint8_t)finished->result;

	if (conn->state != CONNECTION_WAIT3 ||
	    conn->shake->state != HANDSHAKE3_CHECKING ||
	    finished->len > sizeof(finished->frame))
		return false;
	conn->state = CONNECTION_SHAKE3;
	if (finished->result != KX3_DONE) {
		shake_event(conn, HANDSHAKE3_REFUSED, &result, 1, now);
		return true;
	}
	conn->session = finished->session;
	if (!shake_event(
		conn, HANDSHAKE3_FINISHED, finished->frame, finished->len, now))
		return true;
	record_key3(&conn->record, conn->outbound, finished->keys.tcp);
	memcpy(conn->udp, finished->keys.udp, sizeof(conn->udp));
	conn->authenticated = connection_key_time(conn, now);
	conn->slot = connection_slot(conn, finished->slot);
	rekey_init(&conn->rekey, conn->outbound, finished->keys.rekey,
	    finished->keys.th, conn->rekey_interval, conn->authenticated);
	reauth_init(&conn->reauth, conn->outbound, conn->reauth_interval,
	    conn->authenticated);
	conn->state = CONNECTION_FEATURES;
	if (!conn->outbound || connection_send_features(conn, now))
		connection_run(conn, now);
	connection_update_watch(conn);
	return true;
}

/* Who accepted counts its own passwords; who dialled used its primary one. */
uint8_t
connection_slot(const struct connection *conn, uint32_t slot)
{
	return conn->outbound || slot == 0 ? CTL_SLOT_PRIMARY
					   : CTL_SLOT_SECONDARY;
}

bool
connection3_sealed(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	return shake_event(
	    conn, handshake3_classify(conn->shake, body, len), body, len, now);
}

bool
connection3_is_peer(struct connection *conn, uint64_t now)
{
	if (conn->features.name == conn->shake->peer)
		return true;
	connection_blame(conn, BLAME_NAME, now,
	    "the peer's features are of another name than its HELLO");
	return false;
}

void
connection3_done(struct connection *conn)
{
	if (conn->shake != NULL)
		handshake3_event(conn->shake, HANDSHAKE3_JOINED, NULL, 0);
	free(conn->shake);
	conn->shake = NULL;
}
