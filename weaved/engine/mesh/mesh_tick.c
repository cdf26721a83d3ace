/*
 * What the mesh does when its time has come.
 */
#include <stdlib.h>

#include "weaved/engine/mesh/mesh_internal.h"

#define DIAL_PAUSE 50 /* topology news come in flocks */
#define FOUND_MAX DIALER_ADDRS_MAX

struct found {
	struct endpoint *addrs;
	size_t count;
};

static uint64_t earlier(uint64_t a, uint64_t b);
static uint64_t tick_connections(struct mesh *mesh, uint64_t now);
static uint64_t tick_collect(struct mesh *mesh, uint64_t now);
static uint64_t tick_routes(struct mesh *mesh, uint64_t now);
static uint64_t tick_update(struct mesh *mesh, uint64_t now);
static uint64_t tick_dialer(struct mesh *mesh, uint64_t now);
static void collect(struct mesh *mesh, uint64_t now);
static struct dialer_held *list_held(const struct mesh *mesh, size_t *count);
static void list_found(const struct mesh *mesh, struct found *found);
static void list_found_of(const struct mesh *mesh,
    const struct topology_peer *peer, struct found *found);

static uint64_t
earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

uint64_t
mesh_tick(struct mesh *mesh, uint64_t now)
{
	uint64_t next;

	if (!mesh->urgent && now < mesh->next)
		return mesh->next;
	mesh->urgent = false;
	next = tick_connections(mesh, now);
	next = earlier(next, tick_collect(mesh, now));
	next = earlier(next, tick_routes(mesh, now));
	next = earlier(next, tick_update(mesh, now));
	next = earlier(next, gossip_tick(mesh, now));
	next = earlier(next, tick_dialer(mesh, now));
	mesh->next = next;
	return mesh->urgent ? now : next;
}

static uint64_t
tick_connections(struct mesh *mesh, uint64_t now)
{
	struct connection *conn, *other;
	uint64_t next = UINT64_MAX;

	RB_FOREACH(conn, connection_tree, &mesh->connections) {
		if (conn->overlay_up && !conn->established)
			local_established(mesh, conn, now);
		next = earlier(next, connection_tick(conn, now));
	}
	RB_FOREACH_SAFE(conn, connection_tree, &mesh->connections, other) {
		if (conn->state == CONNECTION_DEAD)
			mesh_connection_delete(mesh, conn);
	}
	return next;
}

static uint64_t
tick_collect(struct mesh *mesh, uint64_t now)
{
	if (mesh->gc_due == 0)
		return UINT64_MAX;
	if (now < mesh->gc_due)
		return mesh->gc_due;
	mesh->gc_due = 0;
	collect(mesh, now);
	return UINT64_MAX;
}

static void
collect(struct mesh *mesh, uint64_t now)
{
	char name[PEERNAME_STRLEN];
	uint32_t suppressed;
	uint64_t *removed;
	size_t i, n;

	n = topology_collect(mesh->topology, &removed);
	for (i = 0; i < n; i++) {
		mesh->ops->overlay_peer_gone(mesh->arg, removed[i]);
		if (mesh->gossip.local.local)
			mesh->gossip.ops->peer_gone(
			    mesh->gossip.arg, removed[i]);
	}
	if (n > 0 && log_limit_pass(&mesh->log_removed, now, &suppressed))
		log_info("Removed unreachable peer %s (%zu more)",
		    peername_format(removed[0], name), n - 1);
	free(removed);
	if (n == 0)
		return;
	mesh_routes_changed(mesh, now);
	if (topology_settle_short_id(mesh->topology))
		mesh_announce(mesh, PEERNAME_UNKNOWN, now);
}

static uint64_t
tick_routes(struct mesh *mesh, uint64_t now)
{
	if (mesh->routes_due == 0)
		return UINT64_MAX;
	if (now < mesh->routes_due)
		return mesh->routes_due;
	mesh->routes_due = 0;
	mesh->routes_last = now;
	routes_compute(mesh->routes, mesh->topology);
	gossip_routed(mesh);
	return UINT64_MAX;
}

static uint64_t
tick_update(struct mesh *mesh, uint64_t now)
{
	if (mesh->update_due == 0)
		return UINT64_MAX;
	if (now < mesh->update_due)
		return mesh->update_due;
	mesh->update_due = 0;
	if (mesh->update_paid < now)
		mesh->update_paid = now;
	mesh->update_paid += MESH_UPDATE_PAUSE;
	gossip_send_names(mesh, &mesh->update);
	nameset_free(&mesh->update);
	return UINT64_MAX;
}

static struct dialer_held *
list_held(const struct mesh *mesh, size_t *count)
{
	struct connection_tree tree = mesh->connections;
	struct dialer_held *held;
	struct connection *conn;
	size_t n = 0;

	RB_FOREACH(conn, connection_tree, &tree)
		n++;
	held = calloc(n + 1, sizeof(*held));
	*count = 0;
	if (held == NULL)
		return NULL;
	RB_FOREACH(conn, connection_tree, &tree) {
		if (!connection_live(conn))
			continue;
		held[*count].remote = conn->remote;
		held[*count].outbound = conn->outbound;
		if (conn->added)
			held[*count].peer = conn->features.name;
		(*count)++;
	}
	return held;
}

static void
list_found_of(const struct mesh *mesh, const struct topology_peer *peer,
    struct found *found)
{
	const struct topology_conn *conn;
	struct endpoint at;
	size_t i;

	for (i = 0; i < peer->nconns && found->count < FOUND_MAX; i++) {
		conn = &peer->conns[i];
		if (conn->peer == mesh->conf.name ||
		    topology_conn_find(
			topology_self(mesh->topology), conn->peer) != NULL ||
		    !endpoint_parse(conn->addr, &at))
			continue;
		if (!conn->outbound || at.port == 0)
			at.port = mesh->conf.port;
		found->addrs[found->count++] = at;
	}
}

/* Discovery: where other peers reach each other we may reach them too. */
static void
list_found(const struct mesh *mesh, struct found *found)
{
	const struct topology_peer *peer;

	found->count = 0;
	found->addrs = NULL;
	if (!mesh->conf.discovery)
		return;
	found->addrs = calloc(FOUND_MAX, sizeof(*found->addrs));
	if (found->addrs == NULL)
		return;
	for (peer = topology_first(mesh->topology); peer != NULL;
	     peer = topology_next(peer)) {
		if (peer->name != mesh->conf.name)
			list_found_of(mesh, peer, found);
	}
}

static uint64_t
tick_dialer(struct mesh *mesh, uint64_t now)
{
	struct dialer_view view = {.limit = mesh->conf.limit};
	struct dialer_held *held;
	struct found found;

	if (now < mesh->dial_next && !mesh->dial_news)
		return mesh->dial_next;
	if (mesh->dial_last != 0 && now < mesh->dial_last + DIAL_PAUSE &&
	    now < mesh->dial_next)
		return earlier(mesh->dial_next, mesh->dial_last + DIAL_PAUSE);
	mesh->dial_news = false;
	mesh->dial_last = now;
	held = list_held(mesh, &view.nheld);
	list_found(mesh, &found);
	view.held = held;
	view.found = found.addrs;
	view.nfound = found.count;
	view.full =
	    mesh->conf.limit != 0 && mesh_held(mesh) >= mesh->conf.limit;
	mesh->dial_next = dialer_run(mesh->dialer, &view, now);
	free(held);
	free(found.addrs);
	return mesh->dial_next;
}
