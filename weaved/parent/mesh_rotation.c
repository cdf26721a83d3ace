#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/parent/hardened.h"
#include "weaved/parent/mesh_rotation.h"
#include "weaved/parent/parent_internal.h"
#include "weaved/parent/rotate_mesh.h"

#define RING_BIT 0x40 /* of a body's kind: the password of version 3 alone */
#define LIST_MS 1000
#define REMEMBERED_MS 86400000 /* who was here within a day is missed */

/* A peer that is known: by the engine, by a session, from before. */
struct known {
	uint64_t name;
	uint64_t met; /* its session was up last, 0: never */
	bool listed; /* by the engine, which is no Weave router */
	bool fresh; /* in the list that is coming in */
};

static struct {
	struct rotate_mesh *ring[PASSWORDS_RINGS];
	struct event *timer;
	struct known known[ROTATE_MESH_PEERS_MAX];
	size_t nknown;
	uint64_t listed; /* when the engine was asked last */
	bool waiting; /* for its first list */
	enum passwords_ring leading;
	uint32_t request; /* control's, 0: none */
	struct ctl_rotation_node nodes[ROTATE_MESH_PEERS_MAX + 1];
	size_t nnodes;
} rotation;

/* arg of the machine's calls: its ring. */
#define RING(arg) ((enum passwords_ring)(uintptr_t)(arg))
#define ARG(ring) ((void *)(uintptr_t)(ring))

static struct known *known_find(uint64_t);
static void meet(const struct session *);
static void view(void);
static void tick(void);
static void on_timer(evutil_socket_t, short, void *);
static void receive(
    void *, const struct session *, const struct session_body *);
static void send_row(const struct ctl_rotation_node *);
static void op_send(void *, uint64_t, const struct session_body *);
static enum rotate_mesh_step op_step(void *);
static bool rotate(void *, enum ctl_rotate_action, const uint8_t *, size_t);
static bool op_stage(void *, const uint8_t *, size_t);
static bool op_commit(void *);
static bool op_finish(void *);
static bool op_abort(void *);
static bool is_password(enum passwords_ring, size_t, const uint8_t *, size_t);
static bool op_is_primary(void *, const uint8_t *, size_t);
static bool op_is_new(void *, const uint8_t *, size_t);
static size_t op_new_password(void *, uint8_t[SESSION_PASSWORD_MAX]);
static void op_keep(void *, const struct rotate_mesh_record *);
static void op_progress(void *, uint64_t, enum rotate_mesh_step);
static void op_ended(void *, bool, const char *);
static enum rotate_mesh_goal goal_of(const struct ctl_rotate *);
static struct password *password_of(const struct ctl_rotate *);

static void
op_send(void *arg, uint64_t peer, const struct session_body *body)
{
	struct session_body copy = *body;

	if (RING(arg) == PASSWORDS_HARDENED)
		copy.kind |= RING_BIT;
	hardened_send(parent.procs[PROC_ENGINE], peer, &copy);
	sodium_memzero(&copy, sizeof(copy));
}

static enum rotate_mesh_step
op_step(void *arg)
{
	static const enum rotate_mesh_step steps[] = {
	    [CTL_ROTATION_BEFORE] = ROTATE_MESH_BEFORE,
	    [CTL_ROTATION_STAGED] = ROTATE_MESH_STAGED,
	    [CTL_ROTATION_COMMITTED] = ROTATE_MESH_COMMITTED,
	};

	return passwords_changing() ? ROTATE_MESH_CHANGING
				    : steps[passwords_step(RING(arg))];
}

static bool
rotate(void *arg, enum ctl_rotate_action action, const uint8_t *password,
    size_t len)
{
	struct ctl_rotate message = {.action = action,
	    .hardened = RING(arg) == PASSWORDS_HARDENED,
	    .length = (uint16_t)len};
	char error[CONF_ERROR_MAX];
	bool done;

	if (len > 0)
		memcpy(message.password, password, len);
	done = passwords_rotate(&message, error);
	sodium_memzero(&message, sizeof(message));
	if (!done)
		log_warn("password rotation of the mesh: %s", error);
	return done;
}

static bool
op_stage(void *arg, const uint8_t *password, size_t len)
{
	/* None means a generated one there. */
	return len > 0 && rotate(arg, CTL_ROTATE_STAGE, password, len);
}

static bool
op_commit(void *arg)
{
	return rotate(arg, CTL_ROTATE_COMMIT, NULL, 0);
}

static bool
op_finish(void *arg)
{
	return rotate(arg, CTL_ROTATE_FINISH, NULL, 0);
}

static bool
op_abort(void *arg)
{
	return rotate(arg, CTL_ROTATE_ABORT, NULL, 0);
}

static bool
is_password(
    enum passwords_ring ring, size_t index, const uint8_t *bytes, size_t len)
{
	const struct password *password = passwords_slot(ring, index);

	return password != NULL && password->len == len &&
	    sodium_memcmp(password->bytes, bytes, len) == 0;
}

static bool
op_is_primary(void *arg, const uint8_t *password, size_t len)
{
	return is_password(RING(arg), 0, password, len);
}

static bool
op_is_new(void *arg, const uint8_t *password, size_t len)
{
	return passwords_step(RING(arg)) == CTL_ROTATION_STAGED &&
	    is_password(RING(arg), 1, password, len);
}

static size_t
op_new_password(void *arg, uint8_t out[SESSION_PASSWORD_MAX])
{
	bool staged = passwords_step(RING(arg)) == CTL_ROTATION_STAGED;
	const struct password *password =
	    passwords_slot(RING(arg), staged ? 1 : 0);

	if (password == NULL || password->len > SESSION_PASSWORD_MAX)
		return 0;
	memcpy(out, password->bytes, password->len);
	return password->len;
}

static void
op_keep(void *arg, const struct rotate_mesh_record *record)
{
	if (state_save_rotation(
		parent.state, RING(arg) == PASSWORDS_HARDENED, record) == -1)
		log_warn_errno("cannot keep the rotation of the mesh");
}

static void
op_progress(void *arg, uint64_t peer, enum rotate_mesh_step step)
{
	struct ctl_rotation_node *node = NULL;
	char name[PEERNAME_STRLEN];

	(void)arg;
	for (size_t i = 0; i < rotation.nnodes; i++)
		if (rotation.nodes[i].peer == peer)
			node = &rotation.nodes[i];
	if (node == NULL && rotation.nnodes <= ROTATE_MESH_PEERS_MAX)
		node = &rotation.nodes[rotation.nnodes++];
	if (node == NULL)
		return;
	node->peer = peer;
	node->step = step;
	node->progress = 1;
	log_debug("password rotation of the mesh: %s: %s",
	    peername_format(peer, name), rotate_mesh_step_text(step));
	send_row(node);
}

static void
op_ended(void *arg, bool good, const char *text)
{
	struct ctl_end end = {.status = good ? 0 : 1};
	uint32_t request = rotation.request;

	if (good)
		log_info("password rotation of the mesh: %s",
		    text[0] == '\0' ? "all nodes have answered" : text);
	else
		log_warn("password rotation of the mesh: %s", text);
	for (size_t i = 0; i < rotation.nnodes; i++) {
		rotation.nodes[i].progress = 0;
		send_row(&rotation.nodes[i]);
	}
	rotation.request = 0;
	if (request == 0)
		return;
	passwords_answer_row(request, RING(arg));
	if (!good)
		strlcpy(end.text, text, sizeof(end.text));
	spawn_send(parent.procs[PROC_CONTROL], IMSG_END, request, -1, &end,
	    sizeof(end));
}

static const struct rotate_mesh_ops ops = {
    .send = op_send,
    .step = op_step,
    .stage = op_stage,
    .commit = op_commit,
    .finish = op_finish,
    .abort = op_abort,
    .is_primary = op_is_primary,
    .is_new = op_is_new,
    .new_password = op_new_password,
    .keep = op_keep,
    .progress = op_progress,
    .ended = op_ended,
};

static void
send_row(const struct ctl_rotation_node *node)
{
	const uint32_t type = CTL_ROTATION_NODE;
	uint8_t bytes[sizeof(type) + sizeof(*node)];

	if (rotation.request == 0)
		return;
	memcpy(bytes, &type, sizeof(type));
	memcpy(bytes + sizeof(type), node, sizeof(*node));
	spawn_send(parent.procs[PROC_CONTROL], IMSG_ROW, rotation.request, -1,
	    bytes, sizeof(bytes));
}

void
mesh_rotation_start(void)
{
	struct rotate_mesh_record record;

	for (size_t i = 0; i < PASSWORDS_RINGS; i++) {
		state_load_rotation(
		    parent.state, i == PASSWORDS_HARDENED, &record);
		rotation.ring[i] =
		    rotate_mesh_new(parent.name, &record, &ops, ARG(i));
		if (rotation.ring[i] == NULL)
			fatalx("no memory for rotations");
	}
	rotation.timer = evtimer_new(parent.base, on_timer, NULL);
	if (rotation.timer == NULL)
		fatalx("no memory for an event");
	hardened_on_message(receive, meet, NULL);
	mesh_rotation_configure();
}

void
mesh_rotation_free(void)
{
	for (size_t i = 0; i < PASSWORDS_RINGS; i++)
		rotate_mesh_free(rotation.ring[i]);
	if (rotation.timer != NULL)
		event_free(rotation.timer);
	memset(&rotation, 0, sizeof(rotation));
}

/* A node without such a password can not take part either. */
void
mesh_rotation_configure(void)
{
	for (enum passwords_ring i = 0; i < PASSWORDS_RINGS; i++)
		rotate_mesh_set_deaf(rotation.ring[i],
		    !parent.conf->mesh_rotation || !passwords_has(i));
}

void
mesh_rotation_start_engine(void)
{
	for (size_t i = 0; i < rotation.nknown; i++)
		rotation.known[i].listed = rotation.known[i].fresh = false;
	rotation.listed = 0;
	rotation.waiting = true;
	rotate_mesh_wait_view(rotation.ring[rotation.leading]);
}

void
mesh_rotation_start_control(void)
{
	rotation.request = 0;
}

static struct known *
known_find(uint64_t name)
{
	struct known *oldest = &rotation.known[0], *known;

	for (size_t i = 0; i < rotation.nknown; i++) {
		known = &rotation.known[i];
		if (known->name == name)
			return known;
		if (known->met < oldest->met)
			oldest = known;
	}
	if (rotation.nknown < ROTATE_MESH_PEERS_MAX)
		oldest = &rotation.known[rotation.nknown++];
	*oldest = (struct known){.name = name};
	return oldest;
}

/* A session came up or ended. */
static void
meet(const struct session *session)
{
	known_find(session->peer)->met = proc_now();
	if (!rotation.waiting)
		view();
}

static void
view(void)
{
	struct rotate_mesh_peer peers[ROTATE_MESH_PEERS_MAX];
	uint64_t now = proc_now();
	size_t n = 0;

	if (!rotate_mesh_leading(rotation.ring[rotation.leading]))
		return;
	for (size_t i = 0; i < rotation.nknown; i++) {
		const struct known *known = &rotation.known[i];
		bool up =
		    sessions_of_peer(hardened_sessions(), known->name) != NULL;

		if (up || known->listed ||
		    (known->met != 0 && now - known->met < REMEMBERED_MS))
			peers[n++] = (struct rotate_mesh_peer){known->name, up};
	}
	rotate_mesh_view(rotation.ring[rotation.leading], peers, n, now);
}

/* While we lead. */
static void
tick(void)
{
	struct rotate_mesh *mesh = rotation.ring[rotation.leading];
	uint64_t now = proc_now(), next = rotate_mesh_tick(mesh, now);
	struct timeval tv;

	if (next == UINT64_MAX)
		return;
	if (now - rotation.listed >= LIST_MS) {
		rotation.listed = now;
		spawn_send(
		    parent.procs[PROC_ENGINE], IMSG_PEERS, 0, -1, NULL, 0);
	}
	tv.tv_sec = (time_t)((next - now) / 1000);
	tv.tv_usec = (suseconds_t)((next - now) % 1000 * 1000);
	evtimer_add(rotation.timer, &tv);
}

static void
on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	tick();
}

static void
receive(void *arg, const struct session *from, const struct session_body *body)
{
	bool own = (body->kind & RING_BIT) != 0;
	struct session_body copy = *body;

	(void)arg;
	copy.kind &= (uint8_t)~RING_BIT;
	rotate_mesh_receive(
	    rotation.ring[own ? PASSWORDS_HARDENED : PASSWORDS_COMMON],
	    from->peer, &copy, proc_now());
	sodium_memzero(&copy, sizeof(copy));
}

void
mesh_rotation_handle_peer(void *arg, struct imsg *imsg)
{
	struct imsg_peer message;
	struct known *known;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (message.name == parent.name)
		return;
	known = known_find(message.name);
	known->fresh = true;
	/* A Weave router has no part in it: the operator restarts it. */
	known->listed = message.version != 2;
}

void
mesh_rotation_handle_peers_end(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	for (size_t i = 0; i < rotation.nknown; i++) {
		if (!rotation.known[i].fresh)
			rotation.known[i].listed = false;
		rotation.known[i].fresh = false;
	}
	rotation.waiting = false;
	view();
}

static enum rotate_mesh_goal
goal_of(const struct ctl_rotate *message)
{
	switch (message->action) {
	case CTL_ROTATE_STAGE:
		return ROTATE_MESH_TO_STAGE;
	case CTL_ROTATE_COMMIT:
		return ROTATE_MESH_TO_COMMIT;
	case CTL_ROTATE_ABORT:
		return ROTATE_MESH_TO_ABORT;
	case CTL_ROTATE_STATUS:
		return ROTATE_MESH_TO_ASK;
	default:
		return ROTATE_MESH_TO_FINISH;
	}
}

/* NULL: go on with what is staged or committed. */
static struct password *
password_of(const struct ctl_rotate *message)
{
	struct password *password;

	if (message->generate)
		return password_generate();
	if (message->length == 0)
		return NULL;
	if ((password = password_new()) == NULL)
		return NULL;
	password->len = message->length;
	memcpy(password->bytes, message->password, password->len);
	return password;
}

void
mesh_rotation_handle(uint32_t request, const struct ctl_rotate *message)
{
	enum passwords_ring ring = (enum passwords_ring)message->hardened;
	struct password *password = password_of(message);
	struct ctl_end end = {.status = 1};
	bool begun = false;

	if (parent.conf->protocol == CONF_PROTOCOL_WEAVE)
		strlcpy(end.text,
		    "nodes of a mesh rotate together by version "
		    "3 of the protocol alone",
		    sizeof(end.text));
	else if (rotate_mesh_leading(rotation.ring[PASSWORDS_COMMON]) ||
	    rotate_mesh_leading(rotation.ring[PASSWORDS_HARDENED]))
		strlcpy(end.text,
		    "this node leads a rotation of the mesh "
		    "already",
		    sizeof(end.text));
	else if (password != NULL &&
	    memchr(password->bytes, '\0', password->len) != NULL)
		strlcpy(
		    end.text, "the password has a NUL byte", sizeof(end.text));
	else {
		rotation.leading = ring;
		rotation.request = request;
		rotation.nnodes = 0;
		begun = rotate_mesh_lead(rotation.ring[ring], goal_of(message),
		    password == NULL ? NULL : (uint8_t *)password->bytes,
		    password == NULL ? 0 : password->len, message->force,
		    proc_now(), end.text);
	}
	password_free(password);
	if (begun) {
		/* The engine's list first: nobody is to be overlooked. */
		rotation.listed = 0;
		rotation.waiting = true;
		rotate_mesh_wait_view(rotation.ring[ring]);
		tick();
		return;
	}
	spawn_send(parent.procs[PROC_CONTROL], IMSG_END, request, -1, &end,
	    sizeof(end));
}
