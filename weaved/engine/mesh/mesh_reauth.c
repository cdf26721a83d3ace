/*
 * Between connections of version 3 and the parent: sessions, their
 * re-authentication, messages from parent to parent.
 */
#include <string.h>

#include "common/kx3.h"
#include "weaved/engine/mesh/mesh_internal.h"

static struct connection *of_session(struct mesh *, uint32_t);

static struct connection *
of_session(struct mesh *mesh, uint32_t session)
{
	struct connection *conn;

	RB_FOREACH(conn, connection_tree, &mesh->connections)
		if (session != 0 && conn->session == session)
			return conn;
	return NULL;
}

void
mesh_reauth_all(struct mesh *mesh, uint64_t now)
{
	struct connection *conn;

	RB_FOREACH(conn, connection_tree, &mesh->connections)
		if (conn->state == CONNECTION_UP &&
		    conn->version == WIRE_VERSION_NEW)
			reauth_soon(
			    &conn->reauth, connection_key_time(conn, now));
	mesh->urgent = true;
}

void
mesh_reauth_started(
    struct mesh *mesh, const struct imsg_reauth_started *started, uint64_t now)
{
	struct connection *found = mesh_connection(mesh, started->conn);

	mesh->urgent = true;
	if ((found == NULL ||
		!connection_reauth_started(found, started, now)) &&
	    started->handle != 0)
		mesh->ops->kx3_cancel(mesh->arg, started->handle);
}

void
mesh_reauth_finished(struct mesh *mesh,
    const struct imsg_reauth_finished *finished, uint64_t now)
{
	struct connection *found = mesh_connection(mesh, finished->conn);

	mesh->urgent = true;
	if (found != NULL)
		connection_reauth_finished(found, finished, now);
}

void
mesh_each_peer(const struct mesh *mesh,
    void (*emit)(void *arg, uint64_t name, uint32_t version), void *arg)
{
	const struct topology_peer *peer;
	const struct connection *conn;

	for (peer = topology_first(mesh->topology); peer != NULL;
	     peer = topology_next(peer)) {
		if (peer->name == mesh->conf.name)
			continue;
		conn = mesh_connection_to(mesh, peer->name);
		emit(arg, peer->name, conn == NULL ? 0 : conn->version);
	}
}

void
mesh_parent_send(
    struct mesh *mesh, uint32_t session, const uint8_t *bytes, size_t len)
{
	struct connection *conn = of_session(mesh, session);

	mesh->urgent = true;
	if (conn != NULL && conn->state == CONNECTION_UP)
		connection_send(conn, WIRE_PARENT, bytes, len);
}

void
reauth_on_start(
    void *arg, struct connection *conn, struct imsg_reauth_start *start)
{
	struct mesh *mesh = arg;

	start->conn = conn->id;
	mesh->ops->reauth_start(mesh->arg, start);
}

void
reauth_on_finish(
    void *arg, struct connection *conn, struct imsg_kx3_finish *finish)
{
	struct mesh *mesh = arg;

	finish->conn = conn->id;
	mesh->ops->reauth_finish(mesh->arg, finish);
}

void
reauth_on_verdict(
    void *arg, struct connection *conn, uint32_t count, uint32_t result)
{
	struct mesh *mesh = arg;
	struct imsg_reauth_verdict verdict = {conn->session, count, result};

	mesh->ops->reauth_verdict(mesh->arg, &verdict);
}

void
reauth_on_ended(void *arg, struct connection *conn, const char *failure)
{
	struct mesh *mesh = arg;
	char buf[MESH_CONNECTION_STRLEN];

	local_format(conn, buf);
	if (failure == NULL) {
		mesh->reauths++;
		log_info("%s: authenticated anew", buf);
	} else {
		mesh->reauths_failed++;
		log_warn("%s: not authenticated anew, the keys of before stay: "
			 "%s",
		    buf, failure);
	}
}

void
reauth_on_session(void *arg, uint32_t session, bool up)
{
	struct mesh *mesh = arg;

	if (session != 0)
		mesh->ops->session(mesh->arg, session, up);
}

void
reauth_on_message(
    void *arg, struct connection *conn, const uint8_t *body, size_t len)
{
	struct mesh *mesh = arg;

	mesh->ops->parent_message(mesh->arg, conn->session, body, len);
}
