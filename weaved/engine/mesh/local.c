#define LIBBSD_OPENBSD_VIS /* strnvis(3) with the arguments of OpenBSD */
#include <stdio.h>
#include <string.h>
#include <vis.h>

#include <sodium.h>

#include "weaved/engine/mesh/mesh_internal.h"

#define REDIAL_MIN 10 /* ms; both ends redial, seldom together */
#define REDIAL_SPREAD 30

static bool trusts(const struct mesh *mesh, uint32_t addr);
static bool check_name(
    struct mesh *mesh, struct connection *conn, char *cause, size_t size);
static bool check_overlay(
    struct mesh *mesh, struct connection *conn, char *cause, size_t size);
static bool check_duplicate(struct mesh *mesh, struct connection *conn,
    char *cause, size_t size, uint64_t now);
static bool add(struct mesh *mesh, struct connection *conn, char *cause,
    size_t size, uint64_t now);
static void remove_added(
    struct mesh *mesh, struct connection *conn, uint64_t now);
static void log_end(
    struct mesh *mesh, const struct connection *conn, uint64_t now);
static void count_failure(struct mesh *mesh, const struct connection *conn);
static void keep_refusal(
    struct mesh *mesh, const struct connection *conn, uint64_t now);

void
local_print(char *out, size_t size, const char *text)
{
	strnvis(out, text, size, VIS_NL | VIS_TAB | VIS_NOSLASH | VIS_CSTYLE);
}

const char *
local_format(const struct connection *conn, char buf[MESH_CONNECTION_STRLEN])
{
	char at[ENDPOINT_STRLEN], name[PEERNAME_STRLEN], nick[160];

	endpoint_format(conn->remote, at);
	if (conn->features.name == PEERNAME_UNKNOWN) {
		snprintf(buf, MESH_CONNECTION_STRLEN, "->[%s]", at);
		return buf;
	}
	local_print(nick, sizeof(nick), conn->features.nickname);
	snprintf(buf, MESH_CONNECTION_STRLEN, "->[%s|%s(%s)]", at,
	    peername_format(conn->features.name, name), nick);
	return buf;
}

struct endpoint
local_dial_address(const struct mesh *mesh, const struct connection *conn)
{
	struct endpoint at = conn->remote;

	if (!conn->outbound)
		at.port = mesh->conf.port;
	return at;
}

static bool
trusts(const struct mesh *mesh, uint32_t addr)
{
	size_t i;

	for (i = 0; i < mesh->conf.ntrusted; i++) {
		if (subnet_contains(mesh->conf.trusted[i], addr))
			return true;
	}
	return false;
}

/* What goes in the clear by a trust that is gone must not go on. */
void
local_withdraw_trust(struct mesh *mesh)
{
	struct connection *conn;

	RB_FOREACH(conn, connection_tree, &mesh->connections) {
		if (conn->encrypted && conn->trusted &&
		    !trusts(mesh, conn->remote.addr))
			connection_doom(conn, "no longer in a trusted subnet");
	}
}

size_t
local_features(void *arg, struct connection *conn, uint8_t *buf, size_t size)
{
	struct mesh *mesh = arg;
	const struct topology_peer *self = topology_self(mesh->topology);
	struct features features = {.name = mesh->conf.name,
	    .uid = mesh->uid,
	    .conn_id = conn->conn_id,
	    .short_id = self->short_id,
	    .has_short_id = self->has_short_id,
	    .has_overlays = true};

	conn->trusted = trusts(mesh, conn->remote.addr);
	features.trusted = conn->trusted;
	strlcpy(features.overlays, mesh->overlays, sizeof(features.overlays));
	strlcpy(
	    features.nickname, mesh->conf.nickname, sizeof(features.nickname));
	strlcpy(features.software, VERSION, sizeof(features.software));
	return features_encode(&features, buf, size);
}

/* Is the peer who it may be? (1.5, steps 1 and 2) */
static bool
check_name(struct mesh *mesh, struct connection *conn, char *cause, size_t size)
{
	const struct features *peer = &conn->features;
	char name[PEERNAME_STRLEN], at[ENDPOINT_STRLEN];

	peername_format(peer->name, name);
	if (peer->name == mesh->conf.name) {
		conn->never = true;
		if (peer->uid == mesh->uid)
			strlcpy(cause, "cannot connect to ourself", size);
		else
			snprintf(cause, size,
			    "peer names collision: %s is our own name too",
			    name);
		return false;
	}
	if (conn->outbound && !dialer_may_introduce(mesh->dialer, conn->dial) &&
	    topology_find(mesh->topology, peer->name) == NULL) {
		snprintf(cause, size, "found unknown remote name: %s at %s",
		    name, endpoint_format(conn->remote, at));
		return false;
	}
	if (conn->outbound)
		dialer_met(mesh->dialer, conn->dial, peer->name);
	return true;
}

static bool
check_overlay(
    struct mesh *mesh, struct connection *conn, char *cause, size_t size)
{
	struct mesh_link link = {.peer = conn->features.name,
	    .uid = conn->uid,
	    .outbound = conn->outbound,
	    .local = conn->local,
	    .remote = conn->remote,
	    .has_overlays = conn->features.has_overlays};
	bool ok;

	conn->trusted = conn->trusted && conn->features.trusted;
	link.has_key = conn->encrypted && !conn->trusted;
	link.version = conn->version;
	if (link.has_key && conn->version == WIRE_VERSION_NEW)
		memcpy(link.keys, conn->udp, sizeof(link.keys));
	else if (link.has_key) {
		memcpy(link.keys[0], conn->record.send.key, MESH_KEY_LEN);
		memcpy(link.keys[1], conn->record.send.key, MESH_KEY_LEN);
	}
	explicit_bzero(conn->udp, sizeof(conn->udp));
	strlcpy(link.overlays, conn->features.overlays, sizeof(link.overlays));
	strlcpy(cause, "no overlays in common", size);
	ok =
	    mesh->ops->overlay_prepare(mesh->arg, conn->id, &link, cause, size);
	explicit_bzero(&link, sizeof(link));
	conn->prepared = ok;
	return ok;
}

/*
 * Two connections to one peer: the newer protocol stays, for who changed a
 * header must not gain by it; then the lower UID, equal ones both go.
 */
static bool
check_duplicate(struct mesh *mesh, struct connection *conn, char *cause,
    size_t size, uint64_t now)
{
	struct connection *old;
	char name[PEERNAME_STRLEN];
	uint64_t uid;

	old = mesh_connection_to(mesh, conn->features.name);
	if (old == NULL)
		return true;
	uid = old->version < conn->version ? UINT64_MAX : old->uid;
	snprintf(cause, size, "multiple connections to %s: the other one stays",
	    peername_format(conn->features.name, name));
	if (conn->version < old->version)
		return false;
	if (conn->uid <= uid)
		connection_end(old, now, "%s", cause);
	return conn->uid < uid;
}

static bool
add(struct mesh *mesh, struct connection *conn, char *cause, size_t size,
    uint64_t now)
{
	const struct features *peer = &conn->features;
	char at[ENDPOINT_STRLEN];

	if (mesh->conf.limit != 0 && mesh_held(mesh) >= mesh->conf.limit) {
		snprintf(cause, size, "connection limit reached (%u)",
		    mesh->conf.limit);
		return false;
	}
	if (topology_add(mesh->topology, peer->name, peer->nickname, peer->uid,
		peer->has_short_id, peer->short_id) == NULL ||
	    !topology_connect(mesh->topology, peer->name,
		endpoint_format(conn->remote, at), conn->outbound)) {
		strlcpy(cause, "too many peers", size);
		return false;
	}
	topology_hold(mesh->topology, peer->name);
	conn->added = true;
	topology_settle_short_id(mesh->topology);
	mesh_routes_changed(mesh, now);
	mesh_announce(mesh, peer->name, now);
	mesh->dial_news = true;
	if (conn->outbound)
		dialer_connected(mesh->dialer, conn->dial);
	return true;
}

bool
local_join(
    void *arg, struct connection *conn, char *cause, size_t size, uint64_t now)
{
	struct mesh *mesh = arg;
	const struct topology_peer *known;
	char buf[MESH_CONNECTION_STRLEN];
	bool fresh, restarted;

	if (!check_name(mesh, conn, cause, size) ||
	    !check_overlay(mesh, conn, cause, size) ||
	    !check_duplicate(mesh, conn, cause, size, now))
		return false;
	known = topology_find(mesh->topology, conn->features.name);
	restarted = known != NULL && known->uid != 0 &&
	    known->uid != conn->features.uid;
	fresh = !routes_reaches(
	    mesh->routes, ROUTES_ESTABLISHED, conn->features.name);
	if (!add(mesh, conn, cause, size, now))
		return false;
	log_info("%s: connection ready; using protocol version %d",
	    local_format(conn, buf), conn->version);
	log_info("%s: connection added%s", buf,
	    restarted   ? " (restarted peer)"
		: fresh ? " (new peer)"
			: "");
	if (fresh || restarted)
		gossip_send_all(mesh, conn);
	mesh->ops->overlay_confirm(mesh->arg, conn->id, now);
	return true;
}

void
local_established(struct mesh *mesh, struct connection *conn, uint64_t now)
{
	char buf[MESH_CONNECTION_STRLEN];

	if (!conn->added || !connection_live(conn) ||
	    !topology_establish(mesh->topology, conn->features.name))
		return;
	conn->established = true;
	conn->since = now;
	if (conn->encrypted)
		admit_befriend(&mesh->admit, conn->remote.addr, now);
	log_info("%s: connection fully established", local_format(conn, buf));
	if (conn->encrypted && conn->trusted)
		log_info("%s: trusted by both ends, frames travel in the clear",
		    buf);
	mesh_routes_changed(mesh, now);
	mesh_announce(mesh, PEERNAME_UNKNOWN, now);
	mesh->ops->neighbour(mesh->arg, local_dial_address(mesh, conn), true);
}

static void
remove_added(struct mesh *mesh, struct connection *conn, uint64_t now)
{
	struct endpoint at = local_dial_address(mesh, conn);
	char buf[MESH_CONNECTION_STRLEN];

	conn->added = false;
	mesh->terminations++;
	topology_disconnect(mesh->topology, conn->features.name);
	topology_release(mesh->topology, conn->features.name);
	gossip_queue_free(conn);
	mesh->gc_due = now;
	mesh_routes_changed(mesh, now);
	mesh_announce(mesh, PEERNAME_UNKNOWN, now);
	if (conn->established)
		mesh->ops->neighbour(mesh->arg, at, false);
	log_info("%s: connection deleted", local_format(conn, buf));
}

static void
log_end(struct mesh *mesh, const struct connection *conn, uint64_t now)
{
	char buf[MESH_CONNECTION_STRLEN];
	uint32_t suppressed;

	local_format(conn, buf);
	if (conn->added)
		log_info("%s: connection shutting down due to error: %s", buf,
		    conn->cause);
	else if (conn->outbound
		? mesh_may_log_dial(mesh, conn->remote, now)
		: log_limit_pass(&mesh->log_inbound, now, &suppressed))
		log_info("%s connection shutting down due to error during "
			 "handshake: %s",
		    buf, conn->cause);
}

static void
keep_refusal(struct mesh *mesh, const struct connection *conn, uint64_t now)
{
	struct refusal *refusal, *slot = &mesh->refusals[0];
	size_t i;

	for (i = 0; i < MESH_REFUSALS_MAX; i++) {
		refusal = &mesh->refusals[i];
		if (refusal->addr == conn->remote.addr) {
			slot = refusal;
			break;
		}
		if (refusal->at < slot->at)
			slot = refusal;
	}
	slot->addr = conn->remote.addr;
	slot->at = now;
	strlcpy(slot->cause, conn->cause, sizeof(slot->cause));
}

static void
count_failure(struct mesh *mesh, const struct connection *conn)
{
	mesh->failed++;
	mesh->blamed[conn->blame]++;
}

/* The connection ended, wherever it was. */
void
local_leave(void *arg, struct connection *conn, uint64_t now)
{
	struct mesh *mesh = arg;
	bool added = conn->added;

	log_end(mesh, conn, now);
	if (conn->prepared)
		mesh->ops->overlay_stop(mesh->arg, conn->id);
	conn->prepared = false;
	if (added)
		remove_added(mesh, conn, now);
	else
		count_failure(mesh, conn);
	if (conn->outbound && conn->blame == BLAME_PASSWORD &&
	    conn->version == WIRE_VERSION_NEW &&
	    mesh->passwords.version3[1] != 0)
		dialer_refused(mesh->dialer, conn->dial, conn->cause, now);
	else if (conn->outbound)
		dialer_ended(
		    mesh->dialer, conn->dial, conn->cause, conn->never, now);
	else if (!added)
		keep_refusal(mesh, conn, now);
	if (added && conn->established && conn->features.software[0] != '\0')
		dialer_redial(mesh->dialer, local_dial_address(mesh, conn),
		    conn->features.name,
		    REDIAL_MIN + randombytes_uniform(REDIAL_SPREAD), now);
	mesh->dial_news = true;
	mesh->urgent = true;
}
