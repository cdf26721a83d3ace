#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/mesh_internal.h"

#define TOPOLOGY "topology"
#define IPAM "IPallocation"
#define IPAM_KIND_LAST 2 /* of unicasts (10.2) */

/* What is to be passed on: names of records, or bytes. */
struct payload {
	const uint64_t *names;
	size_t nnames;
	struct blob *blob;
};

static struct blob *blob_new(const uint8_t *data, size_t len);
static void blob_release(struct blob *blob);
static struct gossip_item *item_new(
    struct channel *channel, uint8_t tag, uint64_t source, uint64_t except);
static void item_free(struct gossip_item *item);
static struct gossip_item *item_find(const struct gossip_queue *queue,
    const struct channel *channel, uint8_t tag, uint64_t source,
    uint64_t except);
static size_t item_add(struct gossip_item *item, const struct payload *payload);
static struct channel *channel_find(struct mesh *mesh, const char *name);
static void enqueue(struct mesh *mesh, struct connection *conn,
    struct channel *channel, uint8_t tag, uint64_t source,
    const struct payload *payload);
static void enqueue_to(struct mesh *mesh, uint64_t peer,
    struct channel *channel, uint8_t tag, uint64_t source,
    const struct payload *payload);
static void pass_on(struct mesh *mesh, struct channel *channel, uint8_t tag,
    uint64_t source, uint64_t except, const struct payload *payload);
static void pass_gossip(struct mesh *mesh, struct channel *channel,
    uint64_t except, const struct payload *payload);
static void pass_broadcast(struct mesh *mesh, struct channel *channel,
    uint64_t source, const struct payload *payload);
static void defer(struct mesh *mesh, struct channel *channel, uint8_t tag,
    uint64_t source, uint64_t except, const struct payload *payload);
static void defer_forget(struct mesh *mesh, struct gossip_item *item);
static bool receive_topology(struct mesh *mesh, const struct envelope *env,
    char *cause, size_t size, uint64_t now);
static bool receive_unicast(struct mesh *mesh, struct connection *conn,
    struct envelope *env, const uint8_t *body, size_t len, char *cause,
    size_t size, uint64_t now);
static bool unicast_harmful(
    const uint8_t *body, size_t len, struct envelope *env);
static void receive_other(struct mesh *mesh, struct channel *channel,
    const struct envelope *env, uint64_t now);
static bool send_envelope(struct connection *conn,
    const struct gossip_item *item, uint64_t self, const uint8_t *data,
    size_t len);
static bool send_names(
    struct mesh *mesh, struct connection *conn, struct gossip_item *item);
static bool send_blob(
    struct mesh *mesh, struct connection *conn, struct gossip_item *item);
static bool send_state(
    struct mesh *mesh, struct connection *conn, const struct gossip_item *item);
static void receive_local(
    struct mesh *mesh, const struct envelope *env, uint64_t now);
static struct gossip_item *next_item(const struct connection *conn);
static uint32_t pick(void *arg, uint32_t bound);

static uint32_t
pick(void *arg, uint32_t bound)
{
	(void)arg;
	return randombytes_uniform(bound);
}

static struct blob *
blob_new(const uint8_t *data, size_t len)
{
	struct blob *blob;

	blob = malloc(sizeof(*blob) + len);
	if (blob == NULL)
		return NULL;
	blob->refs = 1;
	blob->len = len;
	if (len > 0)
		memcpy(blob->data, data, len);
	return blob;
}

static void
blob_release(struct blob *blob)
{
	if (--blob->refs == 0)
		free(blob);
}

static struct gossip_item *
item_new(struct channel *channel, uint8_t tag, uint64_t source, uint64_t except)
{
	struct gossip_item *item;

	item = calloc(1, sizeof(*item));
	if (item == NULL)
		return NULL;
	item->channel = channel;
	item->tag = tag;
	item->source = source;
	item->except = except;
	TAILQ_INIT(&item->blobs);
	return item;
}

static void
item_free(struct gossip_item *item)
{
	struct gossip_blob *link;

	while ((link = TAILQ_FIRST(&item->blobs)) != NULL) {
		TAILQ_REMOVE(&item->blobs, link, entry);
		blob_release(link->blob);
		free(link);
	}
	nameset_free(&item->names);
	free(item);
}

static struct gossip_item *
item_find(const struct gossip_queue *queue, const struct channel *channel,
    uint8_t tag, uint64_t source, uint64_t except)
{
	struct gossip_item *item;

	TAILQ_FOREACH(item, queue, entry) {
		if (item->channel == channel && item->tag == tag &&
		    item->source == source && item->except == except)
			return item;
	}
	return NULL;
}

/* Returns the bytes that the item holds more. */
static size_t
item_add(struct gossip_item *item, const struct payload *payload)
{
	struct gossip_blob *link;
	size_t before = item->names.count;

	if (payload->blob == NULL) {
		nameset_add_all(&item->names, payload->names, payload->nnames);
		return (item->names.count - before) * sizeof(uint64_t);
	}
	link = malloc(sizeof(*link));
	if (link == NULL)
		return 0;
	link->blob = payload->blob;
	payload->blob->refs++;
	TAILQ_INSERT_TAIL(&item->blobs, link, entry);
	return payload->blob->len + sizeof(*link);
}

bool
gossip_init(struct gossip *gossip, uint64_t now)
{
	memset(gossip, 0, sizeof(*gossip));
	strlcpy(gossip->topology.name, TOPOLOGY, sizeof(gossip->topology.name));
	gossip->topology.topology = true;
	/* Strangers' channels can not take the place of those in use. */
	strlcpy(gossip->channels[gossip->nchannels++].name, IPAM,
	    sizeof(gossip->channels[0].name));
	strlcpy(gossip->channels[gossip->nchannels++].name, "nameserver",
	    sizeof(gossip->channels[0].name));
	TAILQ_INIT(&gossip->deferred);
	gossip->periodic = now + GOSSIP_INTERVAL;
	gossip->seen = surrogate_new();
	return gossip->seen != NULL;
}

void
gossip_free(struct gossip *gossip)
{
	struct gossip_item *item;

	while ((item = TAILQ_FIRST(&gossip->deferred)) != NULL) {
		TAILQ_REMOVE(&gossip->deferred, item, entry);
		item_free(item);
	}
	surrogate_free(gossip->seen);
}

void
gossip_queue_free(struct connection *conn)
{
	struct gossip_item *item;

	while ((item = TAILQ_FIRST(&conn->queue)) != NULL) {
		TAILQ_REMOVE(&conn->queue, item, entry);
		item_free(item);
	}
	conn->queued = 0;
}

/* NULL: one channel too many. */
static struct channel *
channel_find(struct mesh *mesh, const char *name)
{
	struct gossip *gossip = &mesh->gossip;
	struct channel *channel;
	size_t i;

	if (strcmp(name, TOPOLOGY) == 0)
		return &gossip->topology;
	if (gossip->local.local && strcmp(name, gossip->local.name) == 0)
		return &gossip->local;
	for (i = 0; i < gossip->nchannels; i++) {
		if (strcmp(gossip->channels[i].name, name) == 0)
			return &gossip->channels[i];
	}
	if (gossip->nchannels == GOSSIP_CHANNELS_MAX) {
		mesh->channels_refused++;
		return NULL;
	}
	channel = &gossip->channels[gossip->nchannels++];
	strlcpy(channel->name, name, sizeof(channel->name));
	return channel;
}

static void
enqueue(struct mesh *mesh, struct connection *conn, struct channel *channel,
    uint8_t tag, uint64_t source, const struct payload *payload)
{
	struct gossip_item *item;

	if (!connection_live(conn))
		return;
	item = item_find(&conn->queue, channel, tag, source, 0);
	if (item == NULL) {
		item = item_new(channel, tag, source, 0);
		if (item == NULL)
			return;
		TAILQ_INSERT_TAIL(&conn->queue, item, entry);
		conn->queued += sizeof(*item);
	}
	conn->queued += item_add(item, payload);
	if (conn->queued > GOSSIP_QUEUE_MAX) {
		connection_doom(conn, "peer takes its gossip too slowly");
		mesh->urgent = true;
	}
	gossip_drain(mesh, conn);
}

static void
enqueue_to(struct mesh *mesh, uint64_t peer, struct channel *channel,
    uint8_t tag, uint64_t source, const struct payload *payload)
{
	struct connection *conn;

	conn = mesh_connection_to(mesh, peer);
	if (conn != NULL)
		enqueue(mesh, conn, channel, tag, source, payload);
}

static void
pass_gossip(struct mesh *mesh, struct channel *channel, uint64_t except,
    const struct payload *payload)
{
	uint64_t hops[64];
	size_t i, n;

	n = routes_random_neighbours(mesh->routes, except, pick, NULL, hops,
	    sizeof(hops) / sizeof(hops[0]));
	for (i = 0; i < n; i++)
		enqueue_to(mesh, hops[i], channel, WIRE_GOSSIP, 0, payload);
}

static void
pass_broadcast(struct mesh *mesh, struct channel *channel, uint64_t source,
    const struct payload *payload)
{
	const uint64_t *hops;
	size_t i, n;

	n = routes_broadcast(mesh->routes, ROUTES_ALL, source, &hops);
	for (i = 0; i < n; i++)
		enqueue_to(mesh, hops[i], channel, WIRE_GOSSIP_BROADCAST,
		    source, payload);
}

/* Gossip and broadcasts go by routes that are up to date (4.2). */
static void
pass_on(struct mesh *mesh, struct channel *channel, uint8_t tag,
    uint64_t source, uint64_t except, const struct payload *payload)
{
	if (mesh->routes_due != 0)
		defer(mesh, channel, tag, source, except, payload);
	else if (tag == WIRE_GOSSIP)
		pass_gossip(mesh, channel, except, payload);
	else
		pass_broadcast(mesh, channel, source, payload);
}

static void
defer(struct mesh *mesh, struct channel *channel, uint8_t tag, uint64_t source,
    uint64_t except, const struct payload *payload)
{
	struct gossip *gossip = &mesh->gossip;
	struct gossip_item *item;

	item = item_find(&gossip->deferred, channel, tag, source, except);
	if (item == NULL) {
		item = item_new(channel, tag, source, except);
		if (item == NULL)
			return;
		TAILQ_INSERT_TAIL(&gossip->deferred, item, entry);
		gossip->ndeferred++;
	}
	gossip->deferred_bytes += item_add(item, payload);
	if (gossip->ndeferred > GOSSIP_DEFERRED_MAX ||
	    gossip->deferred_bytes > GOSSIP_DEFERRED_BYTES)
		gossip_routed(mesh);
}

static void
defer_forget(struct mesh *mesh, struct gossip_item *item)
{
	TAILQ_REMOVE(&mesh->gossip.deferred, item, entry);
	mesh->gossip.ndeferred--;
	item_free(item);
}

void
gossip_routed(struct mesh *mesh)
{
	struct payload payload;
	struct gossip_item *item;
	struct gossip_blob *link;

	mesh->gossip.deferred_bytes = 0;
	while ((item = TAILQ_FIRST(&mesh->gossip.deferred)) != NULL) {
		payload.names = item->names.names;
		payload.nnames = item->names.count;
		payload.blob = NULL;
		link = TAILQ_FIRST(&item->blobs);
		do {
			if (link != NULL)
				payload.blob = link->blob;
			if (item->tag == WIRE_GOSSIP)
				pass_gossip(mesh, item->channel, item->except,
				    &payload);
			else
				pass_broadcast(mesh, item->channel,
				    item->source, &payload);
		} while (
		    link != NULL && (link = TAILQ_NEXT(link, entry)) != NULL);
		defer_forget(mesh, item);
	}
}

void
gossip_send_names(struct mesh *mesh, const struct nameset *names)
{
	struct payload payload = {
	    .names = names->names, .nnames = names->count};

	pass_on(mesh, &mesh->gossip.topology, WIRE_GOSSIP, 0, 0, &payload);
}

void
gossip_send_all(struct mesh *mesh, struct connection *conn)
{
	struct payload payload = {0};
	uint64_t *names;

	names = topology_names(mesh->topology, &payload.nnames);
	if (names == NULL)
		return;
	payload.names = names;
	enqueue(mesh, conn, &mesh->gossip.topology, WIRE_GOSSIP, 0, &payload);
	free(names);
	if (mesh->gossip.local.local)
		enqueue(mesh, conn, &mesh->gossip.local, WIRE_GOSSIP, 0,
		    &(struct payload){0});
}

uint64_t
gossip_tick(struct mesh *mesh, uint64_t now)
{
	struct payload payload = {0};
	uint64_t *names;

	if (now < mesh->gossip.periodic)
		return mesh->gossip.periodic;
	mesh->gossip.periodic = now + GOSSIP_INTERVAL;
	names = topology_names(mesh->topology, &payload.nnames);
	if (names != NULL) {
		payload.names = names;
		pass_on(
		    mesh, &mesh->gossip.topology, WIRE_GOSSIP, 0, 0, &payload);
		free(names);
	}
	if (mesh->gossip.local.local)
		pass_on(mesh, &mesh->gossip.local, WIRE_GOSSIP, 0, 0,
		    &(struct payload){0});
	return mesh->gossip.periodic;
}

void
gossip_broadcast(struct mesh *mesh, uint64_t source)
{
	pass_on(mesh, &mesh->gossip.local, WIRE_GOSSIP_BROADCAST, source, 0,
	    &(struct payload){0});
}

bool
gossip_unicast(
    struct mesh *mesh, uint64_t peer, const uint8_t *data, size_t len)
{
	struct envelope env = {.tag = WIRE_GOSSIP_UNICAST,
	    .source = mesh->conf.name,
	    .destination = peer,
	    .data = data,
	    .len = len};
	struct connection *conn;
	struct gob_encoder enc;
	uint64_t hop;
	bool ok;

	hop = routes_unicast(mesh->routes, ROUTES_ALL, peer);
	if (hop == PEERNAME_UNKNOWN ||
	    (conn = mesh_connection_to(mesh, hop)) == NULL)
		return false;
	strlcpy(env.channel, mesh->gossip.local.name, sizeof(env.channel));
	ok = envelope_encode(&enc, &env);
	if (ok)
		connection_send(conn, enc.data[0], enc.data + 1, enc.len - 1);
	gob_encode_free(&enc);
	return ok;
}

bool
gossip_receive(struct mesh *mesh, struct connection *conn, const uint8_t *body,
    size_t len, char *cause, size_t size, uint64_t now)
{
	struct channel *channel;
	struct envelope env;

	if (!envelope_parse(body, len, &env)) {
		strlcpy(cause, "malformed gossip", size);
		return false;
	}
	if (env.tag == WIRE_GOSSIP_UNICAST)
		return receive_unicast(
		    mesh, conn, &env, body, len, cause, size, now);
	channel = channel_find(mesh, env.channel);
	if (channel == NULL)
		return true;
	if (channel->topology)
		return receive_topology(mesh, &env, cause, size, now);
	if (channel->local)
		receive_local(mesh, &env, now);
	else
		receive_other(mesh, channel, &env, now);
	return true;
}

/* What is to be passed on of it the channel knows, and when. */
static void
receive_local(struct mesh *mesh, const struct envelope *env, uint64_t now)
{
	const struct gossip *gossip = &mesh->gossip;

	gossip->ops->receive(gossip->arg,
	    env->tag == WIRE_GOSSIP_BROADCAST ? env->source : PEERNAME_UNKNOWN,
	    env->data, env->len, now);
}

static bool
receive_topology(struct mesh *mesh, const struct envelope *env, char *cause,
    size_t size, uint64_t now)
{
	struct topology_update update;
	struct payload payload = {0};
	bool broadcast = env->tag == WIRE_GOSSIP_BROADCAST;
	uint32_t suppressed;

	if (!topology_merge(
		mesh->topology, env->data, env->len, &update, cause, size))
		return false;
	mesh_collect_later(mesh, now);
	mesh->left_out += update.left_out;
	mesh->hostile += update.hostile;
	if (update.left_out > 0 &&
	    log_limit_pass(&mesh->log_caps, now, &suppressed))
		log_warn("too many peers: gossip about %zu of them left out",
		    update.left_out);
	if (update.nfresh > 0) {
		mesh_routes_changed(mesh, now);
		mesh->dial_news = true;
	}
	if (topology_settle_short_id(mesh->topology) || update.self_raised)
		mesh_announce(mesh, PEERNAME_UNKNOWN, now);
	payload.names = broadcast ? update.named : update.fresh;
	payload.nnames = broadcast ? update.nnamed : update.nfresh;
	if (payload.nnames > 0)
		pass_on(mesh, &mesh->gossip.topology, env->tag,
		    broadcast ? env->source : 0, broadcast ? 0 : env->source,
		    &payload);
	topology_update_free(&update);
	return true;
}

/* IPAM too, as long as it does not live here. */
static void
receive_other(struct mesh *mesh, struct channel *channel,
    const struct envelope *env, uint64_t now)
{
	struct payload payload = {0};
	bool broadcast = env->tag == WIRE_GOSSIP_BROADCAST;

	if (!broadcast &&
	    surrogate_seen(
		mesh->gossip.seen, channel->name, env->data, env->len, now))
		return;
	payload.blob = blob_new(env->data, env->len);
	if (payload.blob == NULL)
		return;
	pass_on(mesh, channel, env->tag, broadcast ? env->source : 0,
	    broadcast ? 0 : env->source, &payload);
	blob_release(payload.blob);
}

/* Real routers die of some unicasts, or go deaf (13). */
static bool
unicast_harmful(const uint8_t *body, size_t len, struct envelope *env)
{
	if (strcmp(env->channel, IPAM) != 0)
		return false;
	return !envelope_parse_data(body, len, env) || env->len == 0 ||
	    env->data[0] > IPAM_KIND_LAST;
}

static bool
receive_unicast(struct mesh *mesh, struct connection *conn,
    struct envelope *env, const uint8_t *body, size_t len, char *cause,
    size_t size, uint64_t now)
{
	struct connection *next = NULL;
	const char *why = "no route";
	uint32_t suppressed;
	uint64_t hop;

	if (env->destination == mesh->conf.name) {
		if (!envelope_parse_data(body, len, env) ||
		    strcmp(env->channel, TOPOLOGY) == 0) {
			strlcpy(cause, "malformed gossip unicast", size);
			return false;
		}
		if (mesh->gossip.local.local &&
		    strcmp(env->channel, mesh->gossip.local.name) == 0)
			mesh->gossip.ops->unicast(mesh->gossip.arg, env->source,
			    env->data, env->len, now);
		return true;
	}
	hop = routes_unicast(mesh->routes, ROUTES_ALL, env->destination);
	if (hop != PEERNAME_UNKNOWN)
		next = mesh_connection_to(mesh, hop);
	/* Back to where it came from it would go round. */
	if (unicast_harmful(body, len, env))
		why = "malformed";
	else if (next != NULL && next != conn) {
		connection_send(next, env->tag, body + 1, len - 1);
		return true;
	}
	if (log_limit_pass(&mesh->log_gossip, now, &suppressed))
		log_warn(
		    "gossip unicast dropped: %s (%u more)", why, suppressed);
	return true;
}

/* Gossip goes before broadcasts. */
static struct gossip_item *
next_item(const struct connection *conn)
{
	struct gossip_item *item;

	TAILQ_FOREACH(item, &conn->queue, entry) {
		if (item->tag == WIRE_GOSSIP)
			return item;
	}
	return TAILQ_FIRST(&conn->queue);
}

void
gossip_drain(struct mesh *mesh, struct connection *conn)
{
	struct gossip_item *item;
	bool done;

	while (conn->state == CONNECTION_UP && conn->doom[0] == '\0' &&
	    connection_pending(conn) < CONNECTION_OUTPUT_LOW &&
	    (item = next_item(conn)) != NULL) {
		if (item->channel->topology)
			done = send_names(mesh, conn, item);
		else if (item->channel->local)
			done = send_state(mesh, conn, item);
		else
			done = send_blob(mesh, conn, item);
		if (!done)
			continue;
		TAILQ_REMOVE(&conn->queue, item, entry);
		conn->queued -= sizeof(*item);
		item_free(item);
	}
}

static bool
send_envelope(struct connection *conn, const struct gossip_item *item,
    uint64_t self, const uint8_t *data, size_t len)
{
	struct envelope env = {.tag = item->tag, .data = data, .len = len};
	struct gob_encoder enc;
	bool ok;

	strlcpy(env.channel, item->channel->name, sizeof(env.channel));
	env.source = item->tag == WIRE_GOSSIP ? self : item->source;
	ok = envelope_encode(&enc, &env);
	if (ok)
		connection_send(conn, enc.data[0], enc.data + 1, enc.len - 1);
	gob_encode_free(&enc);
	return ok;
}

/* One message's worth of records; true: that were all. */
static bool
send_names(struct mesh *mesh, struct connection *conn, struct gossip_item *item)
{
	struct gob_encoder enc;
	size_t from = 0;

	gob_encode_init(&enc, WIRE_BODY_MAX);
	if (topology_encode(mesh->topology, item->names.names,
		item->names.count, &from, &enc))
		send_envelope(conn, item, mesh->conf.name, enc.data, enc.len);
	else
		from = item->names.count;
	gob_encode_free(&enc);
	nameset_drop(&item->names, from);
	conn->queued -= from * sizeof(uint64_t);
	return item->names.count == 0;
}

static bool
send_state(
    struct mesh *mesh, struct connection *conn, const struct gossip_item *item)
{
	const struct gossip *gossip = &mesh->gossip;
	const uint8_t *data;
	size_t len;

	data = gossip->ops->gossip(gossip->arg, &len);
	if (data != NULL)
		send_envelope(conn, item, mesh->conf.name, data, len);
	return true;
}

static bool
send_blob(struct mesh *mesh, struct connection *conn, struct gossip_item *item)
{
	struct gossip_blob *link;

	link = TAILQ_FIRST(&item->blobs);
	if (link == NULL)
		return true;
	send_envelope(
	    conn, item, mesh->conf.name, link->blob->data, link->blob->len);
	TAILQ_REMOVE(&item->blobs, link, entry);
	conn->queued -= link->blob->len + sizeof(*link);
	blob_release(link->blob);
	free(link);
	return TAILQ_EMPTY(&item->blobs);
}
