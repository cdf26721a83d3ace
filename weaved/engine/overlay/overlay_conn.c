#include "weaved/engine/overlay/overlay_internal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct conn_list *id_list(struct overlay *, uint32_t);
static struct conn_list *peer_list(struct overlay *, uint64_t);
static void on_control(void *, uint8_t, const uint8_t *, size_t, uint64_t);
static void on_established(void *, uint64_t);
static void on_failed(void *, const char *, uint64_t);
static void on_frame(void *, struct frame *, uint64_t);
static void on_answer(void *, struct frame *, uint64_t);

const struct sleeve_ops overlay_sleeve_ops = {
    .send = overlay_socket_send,
    .control = on_control,
    .established = on_established,
    .failed = on_failed,
    .frame = on_frame,
    .answer = on_answer,
};

static struct conn_list *
id_list(struct overlay *overlay, uint32_t id)
{
	return &overlay->by_id[id % OVERLAY_BUCKETS];
}

static struct conn_list *
peer_list(struct overlay *overlay, uint64_t peer)
{
	return &overlay->by_peer[(peer ^ peer >> 8 ^ peer >> 16) %
	    OVERLAY_BUCKETS];
}

struct overlay_conn *
overlay_conn_find(struct overlay *overlay, uint32_t id)
{
	struct overlay_conn *conn;

	LIST_FOREACH(conn, id_list(overlay, id), by_id) {
		if (conn->id == id)
			return conn;
	}
	return NULL;
}

struct overlay_conn *
overlay_conn_of_peer(struct overlay *overlay, uint64_t peer)
{
	struct overlay_conn *conn;

	LIST_FOREACH(conn, peer_list(overlay, peer), by_peer) {
		if (conn->peer == peer)
			return conn;
	}
	return NULL;
}

void
overlay_conn_touch(struct overlay_conn *conn)
{
	if (conn->is_touched)
		return;
	conn->is_touched = true;
	TAILQ_INSERT_TAIL(&conn->overlay->touched, conn, touched);
}

void
overlay_conn_free(struct overlay_conn *conn)
{
	LIST_REMOVE(conn, by_id);
	if (conn->confirmed)
		LIST_REMOVE(conn, by_peer);
	if (conn->is_touched)
		TAILQ_REMOVE(&conn->overlay->touched, conn, touched);
	sleeve_free(conn->sleeve);
	free(conn);
}

bool
overlay_prepare(struct overlay *overlay, uint32_t id,
    const struct mesh_link *link, char *cause, size_t size)
{
	struct sleeve_conf conf = {.ours = overlay->conf.name,
	    .peer = link->peer,
	    .uid = link->uid,
	    .outbound = link->outbound,
	    .has_key = link->has_key,
	    .local = link->local.addr};
	struct overlay_conn *conn = calloc(1, sizeof(*conn));

	if (conn == NULL) {
		snprintf(cause, size, "out of memory");
		return false;
	}
	if (!switch_init(
		&conn->sw, link->has_overlays ? link->overlays : NULL)) {
		snprintf(cause, size, "no overlays in common");
		free(conn);
		return false;
	}
	if (link->outbound)
		conf.remote = link->remote;
	if (link->has_key)
		memcpy(conf.key, link->keys[0], sizeof(conf.key));
	memcpy(conf.keys, link->keys, sizeof(conf.keys));
	conf.version = link->version;
	conn->sleeve = sleeve_new(&conf, &overlay_sleeve_ops, conn,
	    overlay->pool, &overlay->counters);
	explicit_bzero(&conf, sizeof(conf));
	if (conn->sleeve == NULL) {
		snprintf(cause, size, "out of memory");
		free(conn);
		return false;
	}
	conn->overlay = overlay;
	conn->id = id;
	conn->peer = link->peer;
	conn->has_key = link->has_key;
	conn->due = UINT64_MAX;
	LIST_INSERT_HEAD(id_list(overlay, id), conn, by_id);
	return true;
}

void
overlay_confirm(struct overlay *overlay, uint32_t id, uint64_t now)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, id);

	if (conn == NULL || conn->confirmed)
		return;
	conn->confirmed = true;
	LIST_INSERT_HEAD(peer_list(overlay, conn->peer), conn, by_peer);
	sleeve_confirm(conn->sleeve, now);
	overlay_conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_control(struct overlay *overlay, uint32_t id, uint8_t tag,
    const uint8_t *body, size_t len, uint64_t now)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, id);
	struct overlay_message message;

	if (conn == NULL)
		return;
	if (!switch_decode(&conn->sw, tag, body, len, &message)) {
		overlay_drop(overlay, DROP_BAD_CONTROL);
		return;
	}
	sleeve_control(
	    conn->sleeve, message.tag, message.body, message.len, now);
	overlay_conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_stop(struct overlay *overlay, uint32_t id)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, id);

	if (conn != NULL)
		overlay_conn_free(conn);
}

void
overlay_rekey(struct overlay *overlay, uint32_t id,
    const uint8_t keys[2][MESH_KEY_LEN], uint64_t now)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, id);

	if (conn == NULL)
		return;
	sleeve_rekey(conn->sleeve, keys, now);
	overlay_conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_switch(struct overlay *overlay, uint32_t id, uint64_t now)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, id);

	if (conn == NULL)
		return;
	sleeve_switch(conn->sleeve, now);
	overlay_conn_touch(conn);
	overlay_end_turn(overlay, now);
}

void
overlay_hold(struct overlay *overlay, uint32_t id)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, id);

	if (conn != NULL)
		sleeve_hold(conn->sleeve);
}

uint64_t
overlay_volume(struct overlay *overlay, uint32_t id)
{
	const struct overlay_conn *conn = overlay_conn_find(overlay, id);
	const struct sleeve_stats *stats;

	if (conn == NULL)
		return 0;
	stats = sleeve_stats(conn->sleeve);
	return stats->bytes_sent + stats->bytes_received;
}

void
overlay_describe(
    struct overlay *overlay, uint32_t id, struct ctl_connection *row)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, id);
	const struct sleeve_stats *stats;

	if (conn == NULL) {
		snprintf(row->overlay, sizeof(row->overlay), "none");
		return;
	}
	stats = sleeve_stats(conn->sleeve);
	snprintf(row->overlay, sizeof(row->overlay), "sleeve");
	row->encrypted = conn->has_key;
	row->mtu = sleeve_mtu(conn->sleeve);
	if (conn->has_key) {
		snprintf(row->cipher, sizeof(row->cipher), "%s", SLEEVE_CIPHER);
		row->key_packets = sleeve_sealed(conn->sleeve);
	}
	row->packets_sent = stats->packets_sent;
	row->packets_received = stats->packets_received;
	row->bytes_sent = stats->bytes_sent;
	row->bytes_received = stats->bytes_received;
	row->drops = stats->drops;
	row->replays = stats->replays;
	row->bad_packets = stats->bad_packets;
}

void
overlay_peer_gone(struct overlay *overlay, uint64_t peer)
{
	mactable_remove_peer(overlay->macs, peer);
}

/*
 * What sleeve asks for.
 */

static void
on_control(
    void *arg, uint8_t tag, const uint8_t *body, size_t len, uint64_t now)
{
	struct overlay_conn *conn = arg;
	struct overlay *overlay = conn->overlay;
	struct overlay_message message = {OVERLAY_SLEEVE, tag, body, len};
	uint8_t payload[SWITCH_BODY_MAX + 2], outer;

	if (switch_encode(&conn->sw, &message, &outer, payload, &len))
		overlay->ops->control(
		    overlay->arg, conn->id, outer, payload, len, now);
}

static void
on_established(void *arg, uint64_t now)
{
	struct overlay_conn *conn = arg;

	conn->overlay->ops->established(conn->overlay->arg, conn->id, now);
}

static void
on_failed(void *arg, const char *cause, uint64_t now)
{
	struct overlay_conn *conn = arg;

	conn->overlay->ops->failed(conn->overlay->arg, conn->id, cause, now);
}

static void
on_frame(void *arg, struct frame *frame, uint64_t now)
{
	struct overlay_conn *conn = arg;

	forward_remote(&conn->overlay->forward, conn->peer, frame, now);
}

static void
on_answer(void *arg, struct frame *frame, uint64_t now)
{
	struct overlay_conn *conn = arg;

	forward_remote(&conn->overlay->forward, PEERNAME_UNKNOWN, frame, now);
}
