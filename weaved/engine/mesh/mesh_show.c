/*
 * The mesh as rows of the control protocol.
 */
#include <stdio.h>
#include <string.h>

#include "weaved/engine/mesh/mesh_internal.h"

struct show {
	const struct mesh *mesh;
	mesh_emit emit;
	void *arg;
	uint64_t now;
};

static enum ctl_connection_state state_of(const struct connection *conn);
static void count_row(void *arg, const struct dialer_row *row);
static uint32_t age_of(
    const struct connection *conn, uint64_t then, uint64_t now);
static void describe_keys(
    const struct connection *conn, struct ctl_connection *row, uint64_t now);
static void show_connection(
    const struct show *show, const struct connection *conn);
static void show_dialer_row(void *arg, const struct dialer_row *row);
static void show_refusals(const struct show *show);
static void show_connections(const struct show *show);
static void show_peer(
    const struct show *show, const struct topology_peer *peer);
static void show_peers(const struct show *show);
static void show_targets(const struct show *show);
static void show_unicast(const struct show *show, uint64_t peer,
    enum routes_graph graph, uint32_t kind);
static void show_broadcast(const struct show *show, uint64_t peer,
    enum routes_graph graph, uint32_t kind);
static void show_routes(const struct show *show);
static void show_counter(
    const struct show *show, const char *name, uint64_t value);
static void show_counters(const struct show *show);
static void nickname_of(
    const struct mesh *mesh, uint64_t peer, char *out, size_t size);

static enum ctl_connection_state
state_of(const struct connection *conn)
{
	return conn->established ? CTL_ESTABLISHED : CTL_PENDING;
}

static void
count_row(void *arg, const struct dialer_row *row)
{
	struct ctl_status *status = arg;

	status->connections[row->state]++;
}

void
mesh_show_status(const struct mesh *mesh, struct ctl_status *status)
{
	struct connection_tree tree = mesh->connections;
	const struct topology_peer *peer;
	struct connection *conn;
	size_t i;

	strlcpy(status->protocol,
	    mesh->conf.version_max == WIRE_VERSION_OLD       ? "weave"
		: mesh->conf.version_min == WIRE_VERSION_OLD ? "mixed"
							     : "hardened",
	    sizeof(status->protocol));
	status->protocol_min = mesh->conf.version_min;
	status->protocol_max = mesh->conf.version_max;
	status->name = mesh->conf.name;
	local_print(
	    status->nickname, sizeof(status->nickname), mesh->conf.nickname);
	status->port = mesh->conf.port;
	status->encryption = mesh->conf.encrypted;
	status->discovery = mesh->conf.discovery;
	status->connection_limit = mesh->conf.limit;
	status->targets = (uint32_t)dialer_target_count(mesh->dialer);
	status->terminations += mesh->terminations;
	RB_FOREACH(conn, connection_tree, &tree) {
		if (conn->added)
			status->connections[state_of(conn)]++;
	}
	dialer_show(mesh->dialer, count_row, status, 0);
	status->peers = (uint32_t)topology_count(mesh->topology);
	for (peer = topology_first(mesh->topology); peer != NULL;
	     peer = topology_next(peer)) {
		for (i = 0; i < peer->nconns; i++) {
			if (peer->conns[i].established)
				status->peer_established++;
			else
				status->peer_pending++;
		}
	}
}

static uint32_t
age_of(const struct connection *conn, uint64_t then, uint64_t now)
{
	return (uint32_t)((connection_key_time(conn, now) - then) / 1000);
}

/* Before version 3 the keys are as old as the connection, and stay. */
static void
describe_keys(
    const struct connection *conn, struct ctl_connection *row, uint64_t now)
{
	const struct rekey *rekey = &conn->rekey;
	uint64_t at = connection_key_time(conn, now);
	bool renews = conn->version == WIRE_VERSION_NEW;

	row->has_key = conn->encrypted;
	if (!conn->encrypted)
		return;
	row->slot = conn->slot;
	row->auth_age = age_of(conn, conn->authenticated, now);
	row->key_age = row->auth_age;
	row->rekey_in = CTL_RETRY_NEVER;
	strlcpy(
	    row->exchange, renews ? "cpace" : "x25519", sizeof(row->exchange));
	if (!renews)
		return;
	row->epoch = rekey->epoch;
	row->key_age = age_of(conn, rekey->since, now);
	row->rekey_in =
	    rekey->due > at ? (uint32_t)((rekey->due - at) / 1000) : 0;
}

static void
show_connection(const struct show *show, const struct connection *conn)
{
	struct ctl_connection row;

	memset(&row, 0, sizeof(row));
	row.state = state_of(conn);
	row.outbound = conn->outbound;
	row.encrypted = conn->encrypted && !conn->trusted;
	row.direct = conn->outbound &&
	    dialer_is_direct(show->mesh->dialer, conn->remote);
	row.has_peer = 1;
	endpoint_format(conn->remote, row.address);
	row.peer = conn->features.name;
	local_print(
	    row.nickname, sizeof(row.nickname), conn->features.nickname);
	row.version = conn->version;
	row.age = (uint32_t)((show->now - conn->since) / 1000);
	row.trusted = conn->trusted;
	row.weaved = conn->features.software[0] != '\0';
	describe_keys(conn, &row, show->now);
	show->mesh->ops->overlay_describe(show->mesh->arg, conn->id, &row);
	show->emit(show->arg, CTL_CONNECTION, &row, sizeof(row));
}

static void
show_dialer_row(void *arg, const struct dialer_row *from)
{
	const struct show *show = arg;
	struct ctl_connection row;

	memset(&row, 0, sizeof(row));
	row.state = from->state;
	row.outbound = 1;
	row.direct = from->direct;
	strlcpy(row.address, from->address, sizeof(row.address));
	strlcpy(row.overlay, "none", sizeof(row.overlay));
	row.age = from->age;
	row.retry_in = from->retry_in;
	local_print(row.cause, sizeof(row.cause), from->cause);
	show->emit(show->arg, CTL_CONNECTION, &row, sizeof(row));
}

/* Who came to us in vain lately. */
static void
show_refusals(const struct show *show)
{
	const struct refusal *refusal;
	struct ctl_connection row;
	size_t i;

	for (i = 0; i < MESH_REFUSALS_MAX; i++) {
		refusal = &show->mesh->refusals[i];
		if (refusal->addr == 0 ||
		    show->now > refusal->at + MESH_REFUSAL_AGE)
			continue;
		memset(&row, 0, sizeof(row));
		row.state = CTL_FAILED;
		ipv4_format(refusal->addr, row.address);
		strlcpy(row.overlay, "none", sizeof(row.overlay));
		row.age = (uint32_t)((show->now - refusal->at) / 1000);
		row.retry_in = CTL_RETRY_NEVER;
		local_print(row.cause, sizeof(row.cause), refusal->cause);
		show->emit(show->arg, CTL_CONNECTION, &row, sizeof(row));
	}
}

static void
show_connections(const struct show *show)
{
	struct connection_tree tree = show->mesh->connections;
	struct show copy = *show;
	struct connection *conn;

	RB_FOREACH(conn, connection_tree, &tree) {
		if (conn->added)
			show_connection(show, conn);
	}
	dialer_show(show->mesh->dialer, show_dialer_row, &copy, show->now);
	show_refusals(show);
}

static void
nickname_of(const struct mesh *mesh, uint64_t peer, char *out, size_t size)
{
	const struct topology_peer *found;

	found = topology_find(mesh->topology, peer);
	local_print(out, size, found == NULL ? "" : found->nickname);
}

static void
show_peer(const struct show *show, const struct topology_peer *peer)
{
	struct ctl_peer row;
	struct ctl_peer_connection link;
	const struct topology_conn *conn;
	size_t i;

	memset(&row, 0, sizeof(row));
	row.name = peer->name;
	local_print(row.nickname, sizeof(row.nickname), peer->nickname);
	row.uid = peer->uid;
	row.version = peer->version;
	row.short_id = peer->short_id;
	row.has_short_id = peer->has_short_id;
	row.self = peer->name == show->mesh->conf.name;
	show->emit(show->arg, CTL_PEER, &row, sizeof(row));
	for (i = 0; i < peer->nconns; i++) {
		conn = &peer->conns[i];
		memset(&link, 0, sizeof(link));
		link.peer = conn->peer;
		nickname_of(show->mesh, conn->peer, link.nickname,
		    sizeof(link.nickname));
		local_print(link.address, sizeof(link.address), conn->addr);
		link.outbound = conn->outbound;
		link.established = conn->established;
		show->emit(show->arg, CTL_PEER_CONNECTION, &link, sizeof(link));
	}
}

static void
show_peers(const struct show *show)
{
	const struct topology_peer *peer;

	for (peer = topology_first(show->mesh->topology); peer != NULL;
	     peer = topology_next(peer))
		show_peer(show, peer);
}

static void
show_targets(const struct show *show)
{
	struct ctl_target row;
	const char *text;
	size_t i;

	for (i = 0; (text = dialer_target_text(show->mesh->dialer, i)) != NULL;
	     i++) {
		memset(&row, 0, sizeof(row));
		strlcpy(row.address, text, sizeof(row.address));
		show->emit(show->arg, CTL_TARGET, &row, sizeof(row));
	}
}

static void
show_unicast(const struct show *show, uint64_t peer, enum routes_graph graph,
    uint32_t kind)
{
	struct ctl_route row;

	if (!routes_reaches(show->mesh->routes, graph, peer))
		return;
	memset(&row, 0, sizeof(row));
	row.kind = kind;
	row.peer = peer;
	row.via = routes_unicast(show->mesh->routes, graph, peer);
	show->emit(show->arg, CTL_ROUTE, &row, sizeof(row));
}

static void
show_broadcast(const struct show *show, uint64_t peer, enum routes_graph graph,
    uint32_t kind)
{
	struct ctl_route row;
	const uint64_t *hops;
	size_t i, n;

	n = routes_broadcast(show->mesh->routes, graph, peer, &hops);
	for (i = 0; i < n; i++) {
		memset(&row, 0, sizeof(row));
		row.kind = kind;
		row.peer = peer;
		row.via = hops[i];
		show->emit(show->arg, CTL_ROUTE, &row, sizeof(row));
	}
}

static void
show_routes(const struct show *show)
{
	const struct topology_peer *peer;

	for (peer = topology_first(show->mesh->topology); peer != NULL;
	     peer = topology_next(peer)) {
		show_unicast(
		    show, peer->name, ROUTES_ESTABLISHED, CTL_ROUTE_UNICAST);
		show_unicast(
		    show, peer->name, ROUTES_ALL, CTL_ROUTE_UNICAST_ALL);
		show_broadcast(
		    show, peer->name, ROUTES_ESTABLISHED, CTL_ROUTE_BROADCAST);
		show_broadcast(
		    show, peer->name, ROUTES_ALL, CTL_ROUTE_BROADCAST_ALL);
	}
}

static void
show_counter(const struct show *show, const char *name, uint64_t value)
{
	struct ctl_counter row;

	memset(&row, 0, sizeof(row));
	strlcpy(row.name, name, sizeof(row.name));
	row.value = value;
	show->emit(show->arg, CTL_COUNTER, &row, sizeof(row));
}

static void
show_counters(const struct show *show)
{
	const struct mesh *mesh = show->mesh;
	struct connection_tree tree = mesh->connections;
	struct connection *conn;
	uint64_t clear = 0;
	char name[64];
	int i;

	RB_FOREACH(conn, connection_tree, &tree)
		clear += conn->established && conn->encrypted && conn->trusted;
	show_counter(show, "mesh.connections.clear", clear);
	show_counter(show, "mesh.terminations", mesh->terminations);
	show_counter(show, "mesh.handshake.failed", mesh->failed);
	for (i = 0; i < BLAME_MAX; i++) {
		snprintf(name, sizeof(name), "mesh.handshake.failed.%s",
		    connection_blame_word((enum connection_blame)i));
		show_counter(show, name, mesh->blamed[i]);
	}
	show_counter(show, "mesh.rekeys", mesh->rekeys);
	show_counter(show, "mesh.reauths", mesh->reauths);
	show_counter(show, "mesh.reauths.failed", mesh->reauths_failed);
	show_counter(show, "mesh.accept.refused", mesh->refused);
	show_counter(show, "mesh.accept.evicted", mesh->evicted);
	show_counter(show, "mesh.gossip.left_out", mesh->left_out);
	show_counter(show, "mesh.gossip.hostile_versions", mesh->hostile);
	show_counter(show, "mesh.channels.refused", mesh->channels_refused);
	show_counter(show, "mesh.channels.relayed", mesh->gossip.nchannels);
}

void
mesh_show(const struct mesh *mesh, uint32_t parts, mesh_emit emit, void *arg,
    uint64_t now)
{
	struct show show = {.mesh = mesh, .emit = emit, .arg = arg, .now = now};

	if (parts & CTL_SHOW_CONNECTIONS)
		show_connections(&show);
	if (parts & CTL_SHOW_PEERS)
		show_peers(&show);
	if (parts & CTL_SHOW_TARGETS)
		show_targets(&show);
	if (parts & CTL_SHOW_ROUTES)
		show_routes(&show);
	if (parts & CTL_SHOW_COUNTERS)
		show_counters(&show);
}
