#include <sys/socket.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/engine/mesh/connection_internal.h"
#include "weaved/engine/mesh/wire.h"

#define READ_CHUNK 16384
#define READS_MAX 4 /* per readiness */
#define OUTPUT_MAX (2u * WIRE_BODY_MAX) /* a slow peer ends beyond */
#define LINGER_READ_MAX (1u << 20) /* discarded while lingering */

#define FLAG_PLAIN 0 /* encryption flag */
#define FLAG_ENCRYPTED 1 /* the public key follows */

/* One step of a state; true: the state changed or a message was used up. */
typedef bool (*connection_step)(struct connection *conn, uint64_t now);

static bool step_header(struct connection *conn, uint64_t now);
static bool step_flag(struct connection *conn, uint64_t now);
static bool step_frame(struct connection *conn, uint64_t now);
static bool step_features(struct connection *conn, uint64_t now);
static bool step_message(struct connection *conn, uint64_t now);
static void take3(
    struct connection *conn, const uint8_t *body, size_t len, uint64_t now);
static bool step_discard(struct connection *conn, uint64_t now);
static bool step_wait(struct connection *conn, uint64_t now);

static const connection_step steps[CONNECTION_STATE_MAX] = {
    [CONNECTION_HEADER] = step_header,
    [CONNECTION_KEY] = step_wait,
    [CONNECTION_FLAG] = step_flag,
    [CONNECTION_FRAME] = step_frame,
    [CONNECTION_SECRET] = step_wait,
    [CONNECTION_SHAKE3] = connection3_step,
    [CONNECTION_WAIT3] = step_wait,
    [CONNECTION_FEATURES] = step_features,
    [CONNECTION_UP] = step_message,
    [CONNECTION_LINGER_OUT] = step_discard,
    [CONNECTION_MUTE] = step_discard,
    [CONNECTION_DEAD] = step_wait,
};

static bool buffer_reserve(struct buffer *buf, size_t len);
static void buffer_free(struct buffer *buf);

static void input_ended(struct connection *conn, int error, uint64_t now);
static const char *ended_text(
    const struct connection *conn, int error, char *buf, size_t size);
static ssize_t input_read(struct connection *conn);
static void output_body(struct connection *conn, uint8_t tag, bool has_tag,
    const uint8_t *body, size_t len);
static void output_finish(struct connection *conn);
static void send_flag(struct connection *conn, const uint8_t key[MESH_KEY_LEN]);
static size_t body_limit(const struct connection *conn);
static bool waits_for_parent(const struct connection *conn);
static void wipe(struct connection *conn);
static void end_with(struct connection *conn, uint64_t now, const char *fmt,
    va_list ap) __attribute__((format(printf, 3, 0)));
static enum connection_blame blame_of(const char *error);
static void agree(
    struct connection *conn, uint8_t low, uint8_t high, uint64_t now);
static void time_out(struct connection *conn, uint64_t now);
static bool body_open(struct connection *conn, uint8_t **body, size_t *len);
static bool features_take(
    struct connection *conn, uint8_t *body, size_t len, uint64_t now);
static bool connection_join(struct connection *conn, uint64_t now);
static void connection_fail(struct connection *conn, uint64_t now);

size_t
buffer_len(const struct buffer *buf)
{
	return buf->end - buf->start;
}

static bool
buffer_reserve(struct buffer *buf, size_t len)
{
	uint8_t *data;
	size_t size;

	if (buf->start > 0 && buf->size - buf->end < len) {
		memmove(buf->data, buf->data + buf->start, buffer_len(buf));
		buf->end -= buf->start;
		buf->start = 0;
	}
	if (buf->size - buf->end >= len)
		return true;
	size = buf->size == 0 ? 1024 : buf->size;
	while (size - buf->end < len)
		size *= 2;
	data = realloc(buf->data, size);
	if (data == NULL)
		return false;
	buf->data = data;
	buf->size = size;
	return true;
}

/* An emptied buffer that had to be large is given back. */
void
buffer_consume(struct buffer *buf, size_t len)
{
	buf->start += len;
	if (buf->start < buf->end)
		return;
	buf->start = buf->end = 0;
	if (buf->size > 4 * READ_CHUNK)
		buffer_free(buf);
}

static void
buffer_free(struct buffer *buf)
{
	free(buf->data);
	memset(buf, 0, sizeof(*buf));
}

bool
connection_live(const struct connection *conn)
{
	return conn->state <= CONNECTION_UP;
}

bool
connection_shaking(const struct connection *conn)
{
	return conn->state < CONNECTION_UP;
}

size_t
connection_pending(const struct connection *conn)
{
	return buffer_len(&conn->out);
}

static bool
waits_for_parent(const struct connection *conn)
{
	return conn->state == CONNECTION_KEY ||
	    conn->state == CONNECTION_SECRET || conn->state == CONNECTION_WAIT3;
}

void
connection_update_watch(struct connection *conn)
{
	bool read, write;

	if (conn->state == CONNECTION_DEAD)
		return;
	read = !waits_for_parent(conn);
	write = buffer_len(&conn->out) > 0 && conn->broken == 0;
	if (read == conn->watch_read && write == conn->watch_write)
		return;
	conn->watch_read = read;
	conn->watch_write = write;
	conn->ops->watch(conn->arg, conn, read, write);
}

void
connection_start(struct connection *conn, uint64_t now)
{
	uint8_t header[WIRE_HEADER_LEN];

	conn->state = CONNECTION_HEADER;
	conn->since = now;
	conn->deadline = now + CONNECTION_HANDSHAKE;
	TAILQ_INIT(&conn->queue);
	wire_header_put(header, conn->version_min, conn->version_max);
	connection_put(conn, header, sizeof(header));
	connection_update_watch(conn);
}

void
connection_close(struct connection *conn)
{
	if (conn->fd != -1)
		close(conn->fd);
	conn->fd = -1;
	buffer_free(&conn->in);
	buffer_free(&conn->out);
	wipe(conn);
	conn->state = CONNECTION_DEAD;
}

void
connection_doom(struct connection *conn, const char *fmt, ...)
{
	va_list ap;

	if (conn->doom[0] != '\0' || !connection_live(conn))
		return;
	va_start(ap, fmt);
	vsnprintf(conn->doom, sizeof(conn->doom), fmt, ap);
	va_end(ap);
}

static void
end_with(struct connection *conn, uint64_t now, const char *fmt, va_list ap)
{
	if (!connection_live(conn))
		return;
	vsnprintf(conn->cause, sizeof(conn->cause), fmt, ap);
	connection_fail(conn, now);
}

void
connection_end(struct connection *conn, uint64_t now, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	end_with(conn, now, fmt, ap);
	va_end(ap);
}

void
connection_blame(struct connection *conn, enum connection_blame blame,
    uint64_t now, const char *fmt, ...)
{
	va_list ap;

	if (connection_live(conn))
		conn->blame = blame;
	va_start(ap, fmt);
	end_with(conn, now, fmt, ap);
	va_end(ap);
}

const char *
connection_blame_word(enum connection_blame blame)
{
	static const char *words[BLAME_MAX] = {
	    [BLAME_OTHER] = "other",
	    [BLAME_PASSWORD] = "password",
	    [BLAME_DOWNGRADE] = "downgrade",
	    [BLAME_VERSIONS] = "versions",
	    [BLAME_TIMEOUT] = "timeout",
	    [BLAME_KEY] = "refused_key",
	    [BLAME_THROTTLED] = "throttled",
	    [BLAME_NAME] = "name",
	};

	return words[blame];
}

/* The words of the parent's key interface of version 2. */
static enum connection_blame
blame_of(const char *error)
{
	if (strcmp(error, "password mismatch") == 0)
		return BLAME_PASSWORD;
	if (strcmp(error, "low-order key") == 0)
		return BLAME_KEY;
	return BLAME_OTHER;
}

/* Every key, and what a handshake kept. */
static void
wipe(struct connection *conn)
{
	record_wipe(&conn->record);
	rekey_wipe(&conn->rekey);
	reauth_wipe(&conn->reauth);
	explicit_bzero(conn->udp, sizeof(conn->udp));
	free(conn->shake);
	conn->shake = NULL;
}

/*
 * A handshake ends softly: what we sent must reach the peer, for our sealed
 * features show it a wrong password, and a reset would discard them. When
 * listening first nothing may tell how far the peer got.
 */
static void
connection_fail(struct connection *conn, uint64_t now)
{
	bool soft, mute;

	soft = connection_shaking(conn);
	mute = soft && conn->listen_first && conn->encrypted &&
	    conn->state >= CONNECTION_FRAME && !conn->sent_features;
	if (conn->has_handle)
		conn->ops->kx_cancel(conn->arg, conn);
	conn->has_handle = false;
	if (conn->session != 0)
		conn->ops->session(conn->arg, conn->session, false);
	conn->session = 0;
	conn->ops->ended(conn->arg, conn, now);
	wipe(conn);
	buffer_free(&conn->in);
	if (!soft) {
		conn->state = CONNECTION_DEAD;
		return;
	}
	conn->state = mute ? CONNECTION_MUTE : CONNECTION_LINGER_OUT;
	if (!mute) {
		conn->deadline = now + CONNECTION_LINGER;
		output_finish(conn);
	}
	connection_update_watch(conn);
}

/* All output is out: tell the peer that no more comes. */
static void
output_finish(struct connection *conn)
{
	if (conn->state != CONNECTION_LINGER_OUT || conn->shut ||
	    buffer_len(&conn->out) > 0)
		return;
	conn->shut = true;
	shutdown(conn->fd, SHUT_WR);
}

void
connection_put(struct connection *conn, const void *data, size_t len)
{
	if (conn->broken != 0)
		return;
	if (!buffer_reserve(&conn->out, len)) {
		connection_doom(conn, "out of memory");
		return;
	}
	memcpy(conn->out.data + conn->out.end, data, len);
	conn->out.end += len;
}

/* The body is put together and sealed in place in the output. */
static void
output_body(struct connection *conn, uint8_t tag, bool has_tag,
    const uint8_t *body, size_t len)
{
	size_t plain = len + (has_tag ? 1 : 0);
	size_t overhead = record_overhead(&conn->record);
	size_t total = WIRE_LENGTH_LEN + plain + overhead;
	uint8_t *out, *text;

	if (conn->broken != 0)
		return;
	if (buffer_len(&conn->out) + total > OUTPUT_MAX ||
	    !buffer_reserve(&conn->out, total)) {
		connection_doom(conn, "peer takes its messages too slowly");
		return;
	}
	out = conn->out.data + conn->out.end;
	text = out + WIRE_LENGTH_LEN + overhead;
	if (has_tag)
		*text = tag;
	if (len > 0)
		memcpy(text + (has_tag ? 1 : 0), body, len);
	wire_length_put(total - WIRE_LENGTH_LEN, out);
	record_seal(&conn->record, out + WIRE_LENGTH_LEN, text, plain);
	conn->out.end += total;
}

void
connection_send(
    struct connection *conn, uint8_t tag, const uint8_t *body, size_t len)
{
	if (!connection_live(conn) || !conn->sent_features)
		return;
	output_body(conn, tag, true, body, len);
	connection_update_watch(conn);
}

void
connection_writable(struct connection *conn, uint64_t now)
{
	ssize_t n;

	while (buffer_len(&conn->out) > 0 && conn->broken == 0 &&
	    conn->state != CONNECTION_DEAD) {
		n = send(conn->fd, conn->out.data + conn->out.start,
		    buffer_len(&conn->out), MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n == -1) {
			/* What the peer said before it went must be read. */
			conn->broken = errno;
			buffer_consume(&conn->out, buffer_len(&conn->out));
			break;
		}
		buffer_consume(&conn->out, (size_t)n);
		if (conn->state == CONNECTION_UP &&
		    buffer_len(&conn->out) < CONNECTION_OUTPUT_LOW)
			conn->ops->drained(conn->arg, conn);
	}
	output_finish(conn);
	connection_update_watch(conn);
	if (conn->broken != 0)
		connection_readable(conn, now);
}

static ssize_t
input_read(struct connection *conn)
{
	ssize_t n;

	if (!buffer_reserve(&conn->in, READ_CHUNK)) {
		errno = ENOMEM;
		return -1;
	}
	do {
		n = recv(conn->fd, conn->in.data + conn->in.end, READ_CHUNK,
		    MSG_DONTWAIT);
	} while (n == -1 && errno == EINTR);
	if (n > 0)
		conn->in.end += (size_t)n;
	return n;
}

void
connection_readable(struct connection *conn, uint64_t now)
{
	ssize_t n;
	int i;

	for (i = 0; i < READS_MAX && conn->state != CONNECTION_DEAD; i++) {
		if (waits_for_parent(conn))
			break;
		n = input_read(conn);
		if (n == -1 && (errno == EAGAIN || errno == EWOULDBLOCK))
			break;
		if (n <= 0) {
			input_ended(conn, n == 0 ? 0 : errno, now);
			break;
		}
		connection_run(conn, now);
		if (n < READ_CHUNK)
			break;
	}
	connection_update_watch(conn);
}

void
connection_run(struct connection *conn, uint64_t now)
{
	while (steps[conn->state](conn, now))
		;
}

static const char *
ended_text(const struct connection *conn, int error, char *buf, size_t size)
{
	if (conn->broken != 0)
		error = conn->broken;
	switch (conn->state) {
	case CONNECTION_HEADER:
		return "closed by the peer before its header was complete";
	case CONNECTION_SHAKE3:
		return "closed by the peer in the handshake";
	case CONNECTION_FLAG:
		return "closed by the peer before its key";
	case CONNECTION_FRAME:
		return "closed by the peer before its features";
	case CONNECTION_FEATURES:
		if (conn->encrypted && conn->version == WIRE_VERSION_OLD)
			return "password mismatch, or the peer refused: "
			       "closed before its features";
		return "refused by the peer: closed before its features";
	default:
		break;
	}
	if (error == 0)
		return "closed by the peer";
	snprintf(buf, size, "connection lost: %s", strerror(error));
	return buf;
}

static void
input_ended(struct connection *conn, int error, uint64_t now)
{
	char text[128];

	if (!connection_live(conn)) {
		conn->state = CONNECTION_DEAD;
		return;
	}
	connection_end(
	    conn, now, "%s", ended_text(conn, error, text, sizeof(text)));
	conn->state = CONNECTION_DEAD;
}

static bool
step_wait(struct connection *conn, uint64_t now)
{
	(void)conn;
	(void)now;
	return false;
}

static bool
step_discard(struct connection *conn, uint64_t now)
{
	(void)now;
	conn->discarded += buffer_len(&conn->in);
	buffer_consume(&conn->in, buffer_len(&conn->in));
	if (conn->discarded > LINGER_READ_MAX)
		conn->state = CONNECTION_DEAD;
	return false;
}

static bool
step_header(struct connection *conn, uint64_t now)
{
	const uint8_t *header = conn->in.data + conn->in.start;
	uint8_t low, high;

	if (buffer_len(&conn->in) < WIRE_HEADER_LEN)
		return false;
	if (!wire_header_get(header, &low, &high)) {
		connection_end(conn, now, "not a Weave peer (bad header)");
		return false;
	}
	agree(conn, low, high, now);
	if (conn->version == WIRE_VERSION_NEW)
		connection3_begin(conn, header, now);
	buffer_consume(&conn->in, WIRE_HEADER_LEN);
	if (conn->version != WIRE_VERSION_OLD)
		return connection_live(conn);
	if (!conn->encrypted) {
		send_flag(conn, NULL);
		return true;
	}
	conn->state = CONNECTION_KEY;
	conn->ops->kx_start(conn->arg, conn);
	return false;
}

/* The highest version that both speak, or the end. */
static void
agree(struct connection *conn, uint8_t low, uint8_t high, uint64_t now)
{
	uint8_t most = high < conn->version_max ? high : conn->version_max;
	const char *hint = "";

	if (most >= low && most >= conn->version_min) {
		conn->version = most;
		return;
	}
	if (conn->version_min == WIRE_VERSION_NEW)
		hint = ": we are hardened, a peer of version 2 needs "
		       "\"protocol: mixed\" here";
	else if (low >= WIRE_VERSION_NEW)
		hint = ": the peer is hardened";
	connection_blame(conn, BLAME_VERSIONS, now,
	    "incompatible versions (ours %u-%u, theirs %u-%u)%s",
	    conn->version_min, conn->version_max, low, high, hint);
}

static void
send_flag(struct connection *conn, const uint8_t key[MESH_KEY_LEN])
{
	uint8_t flag = key == NULL ? FLAG_PLAIN : FLAG_ENCRYPTED;

	connection_put(conn, &flag, sizeof(flag));
	if (key != NULL)
		connection_put(conn, key, MESH_KEY_LEN);
	conn->state = CONNECTION_FLAG;
}

void
connection_kx_started(struct connection *conn, uint32_t handle,
    const uint8_t key[MESH_KEY_LEN], const char *error, uint64_t now)
{
	if (conn->state != CONNECTION_KEY)
		return;
	if (error != NULL) {
		connection_end(conn, now, "no key: %s", error);
		return;
	}
	conn->has_handle = true;
	conn->handle = handle;
	send_flag(conn, key);
	connection_run(conn, now);
	connection_update_watch(conn);
}

static bool
step_flag(struct connection *conn, uint64_t now)
{
	const uint8_t *in = conn->in.data + conn->in.start;
	uint8_t key[MESH_KEY_LEN];

	if (buffer_len(&conn->in) == 0)
		return false;
	if (*in != FLAG_PLAIN && *in != FLAG_ENCRYPTED) {
		connection_end(conn, now, "bad encryption flag %u", *in);
		return false;
	}
	if (conn->encrypted != (*in == FLAG_ENCRYPTED)) {
		connection_end(conn, now, "%s",
		    conn->encrypted ? "password set here, but not at the peer"
				    : "password not set here, but at the peer");
		return false;
	}
	if (!conn->encrypted) {
		buffer_consume(&conn->in, 1);
		conn->state = CONNECTION_FEATURES;
		return connection_send_features(conn, now);
	}
	if (buffer_len(&conn->in) < 1 + MESH_KEY_LEN)
		return false;
	memcpy(key, in + 1, sizeof(key));
	buffer_consume(&conn->in, 1 + MESH_KEY_LEN);
	if (conn->listen_first) {
		memcpy(conn->peer_key, key, sizeof(key));
		conn->state = CONNECTION_FRAME;
		return true;
	}
	conn->state = CONNECTION_SECRET;
	conn->has_handle = false;
	conn->ops->kx_finish(conn->arg, conn, key, NULL, 0);
	return false;
}

/*
 * Listening first: the whole sealed frame goes to the parent and stays in the
 * buffer, to be opened here once the key came.
 */
static bool
step_frame(struct connection *conn, uint64_t now)
{
	uint8_t *body;
	size_t len;

	if (connection_body(conn, &body, &len, now) != 1)
		return false;
	if (len < WIRE_TAG) {
		connection_blame(
		    conn, BLAME_PASSWORD, now, "password mismatch");
		return false;
	}
	conn->state = CONNECTION_SECRET;
	conn->has_handle = false;
	conn->ops->kx_finish(conn->arg, conn, conn->peer_key, body, len);
	return false;
}

void
connection_kx_finished(struct connection *conn, const uint8_t key[MESH_KEY_LEN],
    const char *error, uint64_t now)
{
	if (conn->state != CONNECTION_SECRET)
		return;
	if (error != NULL) {
		connection_blame(conn, blame_of(error), now, "%s", error);
		return;
	}
	record_key2(&conn->record, conn->outbound, key);
	conn->authenticated = connection_key_time(conn, now);
	conn->state = CONNECTION_FEATURES;
	if (conn->listen_first || connection_send_features(conn, now))
		connection_run(conn, now);
	connection_update_watch(conn);
}

bool
connection_send_features(struct connection *conn, uint64_t now)
{
	uint8_t buf[CONNECTION_FEATURES_MAX];
	size_t len;

	len = conn->ops->features(conn->arg, conn, buf, sizeof(buf));
	if (len == 0) {
		connection_end(conn, now, "out of memory");
		return false;
	}
	output_body(conn, 0, false, buf, len);
	conn->sent_features = true;
	return true;
}

static size_t
body_limit(const struct connection *conn)
{
	if (conn->state == CONNECTION_UP)
		return WIRE_BODY_MAX;
	if (conn->shake != NULL)
		return handshake3_limit(conn->shake);
	if (conn->listen_first && conn->encrypted)
		return MESH_FIRST_FRAME_MAX;
	return CONNECTION_FEATURES_MAX;
}

/* 1: a whole body is there, 0: not yet, -1: ended. Nothing is consumed. */
int
connection_body(
    struct connection *conn, uint8_t **body, size_t *len, uint64_t now)
{
	if (buffer_len(&conn->in) < WIRE_LENGTH_LEN)
		return 0;
	*len = wire_length_get(conn->in.data + conn->in.start);
	if (*len > body_limit(conn)) {
		connection_end(conn, now,
		    "message too long (%zu bytes, at most %zu)", *len,
		    body_limit(conn));
		return -1;
	}
	if (buffer_len(&conn->in) - WIRE_LENGTH_LEN < *len)
		return 0;
	*body = conn->in.data + conn->in.start + WIRE_LENGTH_LEN;
	return 1;
}

/* Opens in place. */
static bool
body_open(struct connection *conn, uint8_t **body, size_t *len)
{
	size_t overhead = record_overhead(&conn->record);

	if (!record_open(&conn->record, *body + overhead, *body, *len))
		return false;
	*body += overhead;
	*len -= overhead;
	return true;
}

static bool
step_features(struct connection *conn, uint64_t now)
{
	uint8_t *body;
	size_t len, whole;

	if (connection_body(conn, &body, &len, now) != 1)
		return false;
	whole = WIRE_LENGTH_LEN + len;
	if (conn->shake != NULL && !connection3_sealed(conn, body, len, now))
		return false;
	if (!body_open(conn, &body, &len)) {
		connection_blame(
		    conn, BLAME_PASSWORD, now, "password mismatch");
		return false;
	}
	if (!features_take(conn, body, len, now))
		return false;
	buffer_consume(&conn->in, whole);
	return connection_join(conn, now);
}

static bool
features_take(struct connection *conn, uint8_t *body, size_t len, uint64_t now)
{
	char cause[256];

	if (!features_decode(
		body, len, &conn->features, cause, sizeof(cause))) {
		connection_end(conn, now, "bad features: %s", cause);
		return false;
	}
	conn->uid = conn->conn_id ^ conn->features.conn_id;
	return conn->shake == NULL || connection3_is_peer(conn, now);
}

static bool
connection_join(struct connection *conn, uint64_t now)
{
	char cause[CTL_CAUSE_MAX];

	if (!conn->sent_features && !connection_send_features(conn, now))
		return false;
	if (!conn->ops->join(conn->arg, conn, cause, sizeof(cause), now)) {
		connection_end(conn, now, "%s", cause);
		return false;
	}
	connection3_done(conn);
	conn->state = CONNECTION_UP;
	conn->since = now;
	conn->deadline = now + CONNECTION_SILENCE;
	conn->heartbeat = now + CONNECTION_HEARTBEAT;
	if (conn->session != 0)
		conn->ops->session(conn->arg, conn->session, true);
	conn->ops->drained(conn->arg, conn);
	return true;
}

/* A message of version 3 alone; unknown ones are ignored. */
static void
take3(struct connection *conn, const uint8_t *body, size_t len, uint64_t now)
{
	if (*body <= WIRE_REKEY_DONE) {
		if (!connection_rekey_message(conn, body, len, now))
			connection_blame(conn, BLAME_KEY, now,
			    "unexpected or malformed rekeying");
	} else if (*body == WIRE_REAUTH) {
		if (!connection_reauth_message(conn, body, len, now))
			connection_blame(conn, BLAME_KEY, now,
			    "unexpected or malformed re-authentication");
	} else if (*body == WIRE_PARENT)
		connection_parent_message(conn, body + 1, len - 1, now);
}

static bool
step_message(struct connection *conn, uint64_t now)
{
	char cause[CTL_CAUSE_MAX];
	uint8_t *body;
	size_t len, whole;

	if (connection_body(conn, &body, &len, now) != 1)
		return false;
	whole = WIRE_LENGTH_LEN + len;
	if (!body_open(conn, &body, &len)) {
		connection_end(conn, now, "message did not open");
		return false;
	}
	conn->deadline = now + CONNECTION_SILENCE;
	if (len > 0 && conn->version == WIRE_VERSION_NEW && *body >= WIRE_REKEY)
		take3(conn, body, len, now);
	else if (len > 0 &&
	    !conn->ops->message(
		conn->arg, conn, body, len, cause, sizeof(cause), now)) {
		connection_end(conn, now, "%s", cause);
		return false;
	}
	if (conn->state != CONNECTION_UP)
		return false;
	buffer_consume(&conn->in, whole);
	return conn->doom[0] == '\0';
}

/*
 * Both ends wait at version 2 only if both would have spoken version 3, had
 * nobody changed a header.
 */
static void
time_out(struct connection *conn, uint64_t now)
{
	if (conn->state == CONNECTION_UP)
		connection_blame(
		    conn, BLAME_TIMEOUT, now, "timeout: nothing heard");
	else if (conn->state == CONNECTION_FRAME &&
	    conn->version_max > conn->version)
		connection_blame(conn, BLAME_DOWNGRADE, now,
		    "timeout in the handshake: possible downgrade (the peer "
		    "offered version 2 and waits as we do)");
	else
		connection_blame(
		    conn, BLAME_TIMEOUT, now, "timeout in the handshake");
}

uint64_t
connection_tick(struct connection *conn, uint64_t now)
{
	uint64_t next, rekey;

	if (conn->doom[0] != '\0' && connection_live(conn))
		connection_end(conn, now, "%s", conn->doom);
	if (conn->state == CONNECTION_DEAD)
		return UINT64_MAX;
	if (conn->deadline <= now) {
		time_out(conn, now);
		conn->state = CONNECTION_DEAD;
		return UINT64_MAX;
	}
	if (conn->state != CONNECTION_UP)
		return conn->deadline;
	if (conn->heartbeat <= now) {
		connection_send(conn, WIRE_HEARTBEAT, NULL, 0);
		conn->heartbeat = now + CONNECTION_HEARTBEAT;
	}
	next = connection_reauth_tick(conn, now);
	if (conn->state != CONNECTION_UP)
		return now;
	rekey = connection_rekey_tick(conn, now);
	if (rekey < next)
		next = rekey;
	if (conn->heartbeat < next)
		next = conn->heartbeat;
	return conn->deadline < next ? conn->deadline : next;
}
