#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "weaved/engine/mesh/mesh_internal.h"
#include "common/kx3.h"

#define ROUTES_IDLE 10 /* ms from a change to the recalculation */
#define ROUTES_PAUSE 100 /* between two under load */
#define UPDATE_IDLE 20 /* ms from a change to the announcement */
#define UPDATE_CREDIT 2000 /* a loss and a redial wait for no pause */
#define COLLECT_DELAY 1000
#define CONNECTIONS_MAX 4096 /* in any state, also those that end */

static uint32_t pick(void *arg, uint32_t bound);
static uint64_t random_id(void);
static struct connection *connection_new(struct mesh *mesh, int fd,
    struct endpoint local, struct endpoint remote, bool outbound, uint64_t now);
static const char *dial_error(int error, char *buf, size_t size);
static bool half_open(const struct connection *conn);
static size_t half_open_count(const struct mesh *mesh);
static bool half_open_protected(const struct mesh *mesh,
    const struct connection *conn, size_t count, uint64_t now);
static size_t half_open_from(const struct mesh *mesh, uint32_t addr);
static void half_open_evict(struct mesh *mesh, uint64_t now);

static void on_watch(void *arg, struct connection *conn, bool read, bool write);
static void on_kx_start(void *arg, struct connection *conn);
static void on_kx_finish(void *arg, struct connection *conn,
    const uint8_t key[MESH_KEY_LEN], const uint8_t *frame, size_t len);
static void on_kx_cancel(void *arg, struct connection *conn);
static void on_rekeyed(void *arg, struct connection *conn,
    const uint8_t keys[2][MESH_KEY_LEN], uint64_t now);
static void on_rekey_switch(void *arg, struct connection *conn, uint64_t now);
static void on_hold(void *arg, struct connection *conn);
static uint64_t on_volume(void *arg, const struct connection *conn);
static void on_kx3_start(
    void *arg, struct connection *conn, struct imsg_kx3_start *start);
static void on_kx3_finish(
    void *arg, struct connection *conn, struct imsg_kx3_finish *finish);
static bool on_message(void *arg, struct connection *conn, const uint8_t *body,
    size_t len, char *cause, size_t size, uint64_t now);
static void on_drained(void *arg, struct connection *conn);
static void on_dial(void *arg, uint32_t dial, struct endpoint to, bool direct);
static void on_resolve(void *arg, uint32_t target, const char *host);

static const struct connection_ops connection_ops = {
    .watch = on_watch,
    .kx_start = on_kx_start,
    .kx_finish = on_kx_finish,
    .kx_cancel = on_kx_cancel,
    .kx3_start = on_kx3_start,
    .kx3_finish = on_kx3_finish,
    .reauth_start = reauth_on_start,
    .reauth_finish = reauth_on_finish,
    .reauth_verdict = reauth_on_verdict,
    .reauth_ended = reauth_on_ended,
    .session = reauth_on_session,
    .parent_message = reauth_on_message,
    .rekeyed = on_rekeyed,
    .rekey_switch = on_rekey_switch,
    .hold = on_hold,
    .volume = on_volume,
    .features = local_features,
    .join = local_join,
    .message = on_message,
    .drained = on_drained,
    .ended = local_leave,
};

static const struct dialer_ops dialer_ops = {
    .dial = on_dial,
    .resolve = on_resolve,
};

RB_GENERATE(connection_tree, connection, entry, connection_compare)

int
connection_compare(const struct connection *a, const struct connection *b)
{
	return (a->id > b->id) - (a->id < b->id);
}

static uint32_t
pick(void *arg, uint32_t bound)
{
	(void)arg;
	return randombytes_uniform(bound);
}

static uint64_t
random_id(void)
{
	uint64_t id;

	randombytes_buf(&id, sizeof(id));
	return id;
}

struct mesh *
mesh_new(const struct mesh_conf *conf, const char *overlays, uint64_t uid,
    const struct mesh_ops *ops, void *arg, uint64_t now)
{
	struct mesh *mesh;

	mesh = calloc(1, sizeof(*mesh));
	if (mesh == NULL)
		return NULL;
	mesh->conf = *conf;
	strlcpy(mesh->overlays, overlays, sizeof(mesh->overlays));
	mesh->uid = uid;
	mesh->ops = ops;
	mesh->arg = arg;
	mesh->urgent = true;
	mesh->dial_next = UINT64_MAX;
	RB_INIT(&mesh->connections);
	admit_init(&mesh->admit, random_id());
	randombytes_buf(mesh->nonce_key, sizeof(mesh->nonce_key));
	mesh->dialer = dialer_new(conf->port, &dialer_ops, mesh);
	mesh->topology =
	    topology_new(conf->name, conf->nickname, uid, pick, NULL);
	mesh->routes = routes_new();
	if (!gossip_init(&mesh->gossip, now) || mesh->dialer == NULL ||
	    mesh->topology == NULL || mesh->routes == NULL ||
	    !routes_compute(mesh->routes, mesh->topology)) {
		mesh_free(mesh);
		return NULL;
	}
	return mesh;
}

void
mesh_free(struct mesh *mesh)
{
	struct connection *conn;

	if (mesh == NULL)
		return;
	while ((conn = RB_ROOT(&mesh->connections)) != NULL)
		mesh_connection_delete(mesh, conn);
	gossip_free(&mesh->gossip);
	nameset_free(&mesh->update);
	dialer_free(mesh->dialer);
	routes_free(mesh->routes);
	topology_free(mesh->topology);
	free(mesh);
}

void
mesh_reconfigure(struct mesh *mesh, const struct mesh_conf *conf, uint64_t now)
{
	if (strcmp(mesh->conf.nickname, conf->nickname) != 0) {
		topology_set_nickname(mesh->topology, conf->nickname);
		mesh_announce(mesh, PEERNAME_UNKNOWN, now);
	}
	mesh->conf = *conf;
	local_withdraw_trust(mesh);
	mesh->dial_news = true;
	mesh->urgent = true;
}

void
mesh_channel_open(
    struct mesh *mesh, const struct mesh_channel *channel, void *arg)
{
	strlcpy(mesh->gossip.local.name, channel->name,
	    sizeof(mesh->gossip.local.name));
	mesh->gossip.local.local = true;
	mesh->gossip.ops = channel;
	mesh->gossip.arg = arg;
}

bool
mesh_unicast(struct mesh *mesh, uint64_t peer, const uint8_t *data, size_t len)
{
	mesh->urgent = true;
	return gossip_unicast(mesh, peer, data, len);
}

void
mesh_broadcast(struct mesh *mesh, uint64_t source)
{
	mesh->urgent = true;
	gossip_broadcast(mesh, source);
}

uint32_t
mesh_targets_tried(const struct mesh *mesh)
{
	return (uint32_t)dialer_target_count(mesh->dialer) -
	    (uint32_t)dialer_targets_self(mesh->dialer);
}

struct connection *
mesh_connection(const struct mesh *mesh, uint32_t id)
{
	struct connection_tree tree = mesh->connections;
	struct connection key;

	key.id = id;
	return RB_FIND(connection_tree, &tree, &key);
}

struct connection *
mesh_connection_to(const struct mesh *mesh, uint64_t peer)
{
	struct connection_tree tree = mesh->connections;
	struct connection *conn;

	RB_FOREACH(conn, connection_tree, &tree) {
		if (conn->added && conn->features.name == peer)
			return conn;
	}
	return NULL;
}

size_t
mesh_held(const struct mesh *mesh)
{
	struct connection_tree tree = mesh->connections;
	struct connection *conn;
	size_t count = 0;

	RB_FOREACH(conn, connection_tree, &tree)
		count += conn->added;
	return count;
}

void
mesh_routes_changed(struct mesh *mesh, uint64_t now)
{
	mesh->urgent = true;
	if (mesh->routes_due != 0)
		return;
	mesh->routes_due = now + ROUTES_IDLE;
	if (mesh->routes_due < mesh->routes_last + ROUTES_PAUSE)
		mesh->routes_due = mesh->routes_last + ROUTES_PAUSE;
}

void
mesh_collect_later(struct mesh *mesh, uint64_t now)
{
	mesh->urgent = true;
	if (mesh->gc_due == 0)
		mesh->gc_due = now + COLLECT_DELAY;
}

void
mesh_announce(struct mesh *mesh, uint64_t peer, uint64_t now)
{
	mesh->urgent = true;
	nameset_add(&mesh->update, mesh->conf.name);
	if (peer != PEERNAME_UNKNOWN)
		nameset_add(&mesh->update, peer);
	if (mesh->update_due != 0)
		return;
	mesh->update_due = now + UPDATE_IDLE;
	if (mesh->update_due + UPDATE_CREDIT < mesh->update_paid)
		mesh->update_due = mesh->update_paid - UPDATE_CREDIT;
}

int
mesh_target_add(
    struct mesh *mesh, uint32_t target, const char *text, uint64_t now)
{
	mesh->dial_news = true;
	mesh->urgent = true;
	return dialer_target_add(mesh->dialer, target, text, now);
}

void
mesh_target_remove(struct mesh *mesh, uint32_t target)
{
	mesh->dial_news = true;
	mesh->urgent = true;
	dialer_target_remove(mesh->dialer, target);
}

void
mesh_redial(struct mesh *mesh, struct endpoint at, uint64_t now)
{
	mesh->dial_news = true;
	mesh->urgent = true;
	if (mesh->conf.encrypted)
		admit_befriend(&mesh->admit, at.addr, now);
	dialer_redial(mesh->dialer, at, PEERNAME_UNKNOWN, 0, now);
}

bool
mesh_may_log_dial(struct mesh *mesh, struct endpoint at, uint64_t now)
{
	uint32_t suppressed;

	return dialer_is_direct(mesh->dialer, at) ||
	    log_limit_pass(&mesh->log_found, now, &suppressed);
}

static const char *
dial_error(int error, char *buf, size_t size)
{
	if (error == ETIMEDOUT)
		return "timeout";
	if (error == EAGAIN) /* the parent's limits */
		return "too many attempts at once";
	strlcpy(buf, strerror(error), size);
	buf[0] = (char)tolower((unsigned char)buf[0]);
	return buf;
}

void
mesh_dialled(struct mesh *mesh, uint32_t dial, int fd, struct endpoint local,
    int error, uint64_t now)
{
	struct connection *conn;
	struct endpoint at;
	char buf[128], text[ENDPOINT_STRLEN];

	mesh->dial_news = true;
	mesh->urgent = true;
	if (!dialer_address(mesh->dialer, dial, &at)) {
		if (fd != -1)
			close(fd);
		return;
	}
	if (error != 0 || fd == -1) {
		if (mesh_may_log_dial(mesh, at, now))
			log_info("->[%s] error during connection attempt: %s",
			    endpoint_format(at, text),
			    dial_error(error, buf, sizeof(buf)));
		dialer_ended(mesh->dialer, dial,
		    dial_error(error, buf, sizeof(buf)), false, now);
		if (fd != -1)
			close(fd);
		return;
	}
	conn = connection_new(mesh, fd, local, at, true, now);
	if (conn == NULL) {
		dialer_ended(mesh->dialer, dial, "out of memory", false, now);
		return;
	}
	conn->dial = dial;
	connection_start(conn, now);
}

void
mesh_resolved(struct mesh *mesh, uint32_t target, const uint32_t *addrs,
    size_t naddrs, const char *error, uint64_t now)
{
	dialer_resolved(mesh->dialer, target, addrs, naddrs, error, now);
	mesh->dial_news = true;
	mesh->urgent = true;
}

/* Takes fd over, also on failure. */
static struct connection *
connection_new(struct mesh *mesh, int fd, struct endpoint local,
    struct endpoint remote, bool outbound, uint64_t now)
{
	struct connection *conn;

	conn = calloc(1, sizeof(*conn));
	if (conn == NULL) {
		close(fd);
		return NULL;
	}
	do {
		conn->id = ++mesh->last_id;
	} while (conn->id == 0 || mesh_connection(mesh, conn->id) != NULL);
	conn->fd = fd;
	conn->ops = &connection_ops;
	conn->arg = mesh;
	conn->local = local;
	conn->remote = remote;
	conn->outbound = outbound;
	conn->encrypted = mesh->conf.encrypted;
	/* Who dials says first which of two passwords it has. */
	conn->listen_first = mesh->conf.listen_first ||
	    (!outbound && mesh->passwords.version2[1] != 0);
	conn->nonce_key = mesh->nonce_key;
	conn->name = mesh->conf.name;
	conn->version_min = mesh->conf.version_min;
	conn->version_max = mesh->conf.version_max;
	conn->rekey_interval = mesh->conf.rekey_interval;
	conn->reauth_interval = mesh->conf.reauth_interval;
	conn->conn_id = random_id();
	conn->since = now;
	conn->slept = mesh->slept;
	TAILQ_INIT(&conn->queue);
	RB_INSERT(connection_tree, &mesh->connections, conn);
	mesh->urgent = true;
	return conn;
}

void
mesh_connection_delete(struct mesh *mesh, struct connection *conn)
{
	RB_REMOVE(connection_tree, &mesh->connections, conn);
	mesh->ops->watch(mesh->arg, conn->id, conn->fd, false, false);
	gossip_queue_free(conn);
	connection_close(conn);
	free(conn);
}

/* Accepted and in a place that a stranger can fill. */
static bool
half_open(const struct connection *conn)
{
	return !conn->outbound && conn->state != CONNECTION_UP &&
	    conn->state != CONNECTION_DEAD;
}

static size_t
half_open_count(const struct mesh *mesh)
{
	struct connection_tree tree = mesh->connections;
	struct connection *conn;
	size_t count = 0;

	RB_FOREACH(conn, connection_tree, &tree)
		count += half_open(conn);
	return count;
}

static size_t
half_open_from(const struct mesh *mesh, uint32_t addr)
{
	struct connection_tree tree = mesh->connections;
	struct connection *conn;
	size_t count = 0;

	RB_FOREACH(conn, connection_tree, &tree)
		count += half_open(conn) && conn->remote.addr == addr;
	return count;
}

/* Who was authenticated lately keeps its place, if it takes no more. */
static bool
half_open_protected(const struct mesh *mesh, const struct connection *conn,
    size_t count, uint64_t now)
{
	return count <= MESH_HALF_OPEN_FRIEND &&
	    admit_is_friend(&mesh->admit, conn->remote.addr, now);
}

/*
 * A random one of the address that holds most goes: an honest peer has one,
 * and that for milliseconds.
 */
static void
half_open_evict(struct mesh *mesh, uint64_t now)
{
	struct connection *conn, *victim = NULL;
	size_t count, most = 0;
	uint32_t ties = 0;

	RB_FOREACH(conn, connection_tree, &mesh->connections) {
		if (!half_open(conn))
			continue;
		count = half_open_from(mesh, conn->remote.addr);
		if (count < most || half_open_protected(mesh, conn, count, now))
			continue;
		if (count > most)
			ties = 0;
		most = count;
		if (randombytes_uniform(++ties) == 0)
			victim = conn;
	}
	if (victim == NULL)
		return;
	connection_end(victim, now, "too many connections in the handshake");
	victim->state = CONNECTION_DEAD;
	mesh->evicted++;
}

bool
mesh_may_accept(struct mesh *mesh, uint64_t now)
{
	struct connection *conn;
	size_t count = 0;

	(void)now;
	RB_FOREACH(conn, connection_tree, &mesh->connections)
		count++;
	return count < CONNECTIONS_MAX;
}

void
mesh_accepted(struct mesh *mesh, int fd, struct endpoint local,
    struct endpoint remote, uint64_t now)
{
	struct connection *conn;
	char at[ENDPOINT_STRLEN];
	uint32_t suppressed;

	if (!admit_allow(&mesh->admit, remote.addr, now)) {
		mesh->refused++;
		if (log_limit_pass(&mesh->log_refused, now, &suppressed))
			log_warn("->[%s] refused: too many connections "
				 "(%u more)",
			    endpoint_format(remote, at), suppressed);
		close(fd);
		return;
	}
	if (half_open_count(mesh) >= MESH_HALF_OPEN_MAX)
		half_open_evict(mesh, now);
	conn = connection_new(mesh, fd, local, remote, false, now);
	if (conn == NULL)
		return;
	log_debug("->[%s] connection accepted", endpoint_format(remote, at));
	connection_start(conn, now);
}

void
mesh_readable(struct mesh *mesh, uint32_t conn, uint64_t now)
{
	struct connection *found;

	found = mesh_connection(mesh, conn);
	if (found == NULL)
		return;
	mesh->urgent = true;
	connection_readable(found, now);
}

void
mesh_writable(struct mesh *mesh, uint32_t conn, uint64_t now)
{
	struct connection *found;

	found = mesh_connection(mesh, conn);
	if (found == NULL)
		return;
	mesh->urgent = true;
	connection_writable(found, now);
}

void
mesh_kx_started(struct mesh *mesh, uint32_t conn, uint32_t handle,
    const uint8_t key[MESH_KEY_LEN], const char *error, uint64_t now)
{
	struct connection *found;

	found = mesh_connection(mesh, conn);
	if (found != NULL && found->state == CONNECTION_KEY) {
		mesh->urgent = true;
		connection_kx_started(found, handle, key, error, now);
	} else if (error == NULL) {
		mesh->ops->kx_cancel(mesh->arg, conn, handle);
	}
}

void
mesh_kx_finished(struct mesh *mesh, uint32_t conn,
    const uint8_t key[MESH_KEY_LEN], uint32_t serial, const char *error,
    uint64_t now)
{
	struct connection *found;

	found = mesh_connection(mesh, conn);
	if (found == NULL)
		return;
	mesh->urgent = true;
	found->serial = serial;
	connection_kx_finished(found, key, error, now);
}

void
mesh_kx3_started(
    struct mesh *mesh, const struct imsg_kx3_started *started, uint64_t now)
{
	struct connection *found = mesh_connection(mesh, started->conn);

	mesh->urgent = true;
	if ((found == NULL || !connection_kx3_started(found, started, now)) &&
	    started->handle != 0)
		mesh->ops->kx3_cancel(mesh->arg, started->handle);
}

void
mesh_kx3_finished(
    struct mesh *mesh, const struct imsg_kx3_finished *finished, uint64_t now)
{
	struct connection *found = mesh_connection(mesh, finished->conn);

	mesh->urgent = true;
	if (found != NULL)
		found->serial = finished->serial;
	if ((found == NULL || !connection_kx3_finished(found, finished, now)) &&
	    finished->session != 0)
		mesh->ops->session(mesh->arg, finished->session, false);
}

void
mesh_set_passwords(struct mesh *mesh, const struct mesh_passwords *passwords)
{
	mesh->passwords = *passwords;
}

void
mesh_password_gone(struct mesh *mesh, uint32_t serial)
{
	struct connection *conn;

	RB_FOREACH(conn, connection_tree, &mesh->connections) {
		if (serial == 0 || conn->serial != serial)
			continue;
		connection_doom(conn,
		    "the password of this connection is not accepted any more");
		mesh->urgent = true;
	}
}

/* Never less than before: the two clocks are not read at one moment. */
void
mesh_set_slept(struct mesh *mesh, uint64_t slept)
{
	struct connection *conn;

	if (slept <= mesh->slept)
		return;
	mesh->slept = slept;
	mesh->urgent = true;
	RB_FOREACH(conn, connection_tree, &mesh->connections)
		conn->slept = slept;
}

void
mesh_overlay_send(struct mesh *mesh, uint32_t conn, uint8_t tag,
    const uint8_t *body, size_t len, uint64_t now)
{
	struct connection *found;

	(void)now;
	found = mesh_connection(mesh, conn);
	if (found == NULL)
		return;
	mesh->urgent = true;
	connection_send(found, tag, body, len);
}

void
mesh_overlay_established(struct mesh *mesh, uint32_t conn, uint64_t now)
{
	struct connection *found;

	(void)now;
	found = mesh_connection(mesh, conn);
	if (found == NULL)
		return;
	mesh->urgent = true;
	found->overlay_up = true;
}

void
mesh_overlay_failed(
    struct mesh *mesh, uint32_t conn, const char *cause, uint64_t now)
{
	struct connection *found;

	(void)now;
	found = mesh_connection(mesh, conn);
	if (found == NULL)
		return;
	mesh->urgent = true;
	connection_doom(found, "%s", cause);
}

bool
mesh_peer_known(const struct mesh *mesh, uint64_t peer)
{
	return topology_find(mesh->topology, peer) != NULL;
}

uint64_t
mesh_next_hop(const struct mesh *mesh, uint64_t peer)
{
	return routes_unicast(mesh->routes, ROUTES_ESTABLISHED, peer);
}

size_t
mesh_broadcast_hops(
    const struct mesh *mesh, uint64_t source, const uint64_t **hops)
{
	return routes_broadcast(mesh->routes, ROUTES_ESTABLISHED, source, hops);
}

static void
on_watch(void *arg, struct connection *conn, bool read, bool write)
{
	struct mesh *mesh = arg;

	mesh->ops->watch(mesh->arg, conn->id, conn->fd, read, write);
}

static void
on_kx_start(void *arg, struct connection *conn)
{
	struct mesh *mesh = arg;

	mesh->ops->kx_start(mesh->arg, conn->id, conn->outbound);
}

static void
on_kx_finish(void *arg, struct connection *conn,
    const uint8_t key[MESH_KEY_LEN], const uint8_t *frame, size_t len)
{
	struct mesh *mesh = arg;

	mesh->ops->kx_finish(
	    mesh->arg, conn->id, conn->handle, key, conn->outbound, frame, len);
}

static void
on_kx_cancel(void *arg, struct connection *conn)
{
	struct mesh *mesh = arg;

	if (conn->version == WIRE_VERSION_NEW)
		mesh->ops->kx3_cancel(mesh->arg, conn->handle);
	else
		mesh->ops->kx_cancel(mesh->arg, conn->id, conn->handle);
}

static void
on_rekeyed(void *arg, struct connection *conn,
    const uint8_t keys[2][MESH_KEY_LEN], uint64_t now)
{
	struct mesh *mesh = arg;

	mesh->rekeys++;
	mesh->ops->overlay_rekey(mesh->arg, conn->id, keys, now);
}

static void
on_rekey_switch(void *arg, struct connection *conn, uint64_t now)
{
	struct mesh *mesh = arg;

	mesh->ops->overlay_switch(mesh->arg, conn->id, now);
}

static void
on_hold(void *arg, struct connection *conn)
{
	struct mesh *mesh = arg;
	char buf[MESH_CONNECTION_STRLEN];

	log_warn("%s: nothing is sent: its keys are too old, the peer does "
		 "not rekey",
	    local_format(conn, buf));
	mesh->ops->overlay_hold(mesh->arg, conn->id);
}

static uint64_t
on_volume(void *arg, const struct connection *conn)
{
	struct mesh *mesh = arg;

	return mesh->ops->overlay_volume(mesh->arg, conn->id);
}

static void
on_kx3_start(void *arg, struct connection *conn, struct imsg_kx3_start *start)
{
	struct mesh *mesh = arg;

	start->conn = conn->id;
	start->secondary =
	    conn->outbound && dialer_is_second(mesh->dialer, conn->dial);
	mesh->ops->kx3_start(mesh->arg, start);
}

static void
on_kx3_finish(
    void *arg, struct connection *conn, struct imsg_kx3_finish *finish)
{
	struct mesh *mesh = arg;

	finish->conn = conn->id;
	mesh->ops->kx3_finish(mesh->arg, finish);
}

static bool
on_message(void *arg, struct connection *conn, const uint8_t *body, size_t len,
    char *cause, size_t size, uint64_t now)
{
	struct mesh *mesh = arg;

	switch (body[0]) {
	case WIRE_ESTABLISHED:
	case WIRE_FRAGMENTATION:
	case WIRE_PMTU:
	case WIRE_OVERLAY:
		mesh->ops->overlay_control(
		    mesh->arg, conn->id, body[0], body + 1, len - 1, now);
		return true;
	case WIRE_GOSSIP:
	case WIRE_GOSSIP_UNICAST:
	case WIRE_GOSSIP_BROADCAST:
		return gossip_receive(mesh, conn, body, len, cause, size, now);
	default:
		return true;
	}
}

static void
on_drained(void *arg, struct connection *conn)
{
	gossip_drain(arg, conn);
}

static void
on_dial(void *arg, uint32_t dial, struct endpoint to, bool direct)
{
	struct mesh *mesh = arg;
	char at[ENDPOINT_STRLEN];

	endpoint_format(to, at);
	if (direct)
		log_info("->[%s] attempting connection", at);
	else
		log_debug("->[%s] attempting connection", at);
	mesh->ops->dial(mesh->arg, dial, to, direct);
}

static void
on_resolve(void *arg, uint32_t target, const char *host)
{
	struct mesh *mesh = arg;

	mesh->ops->resolve(mesh->arg, target, host);
}
