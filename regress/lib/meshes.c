#include <sys/socket.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>
#include <sodium.h>

#include "regress/lib/meshes.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/wire.h"
#include "weaved/parent/kx3.h"

#define HANDLES 1024

enum task_kind {
	TASK_DIAL,
	TASK_KX_START,
	TASK_KX_FINISH,
	TASK_KX3_START,
	TASK_KX3_FINISH,
	TASK_REAUTH_START,
	TASK_REAUTH_FINISH
};

/* What the parent is asked for; answered from the loop, never at once. */
struct task {
	struct task *next;
	enum task_kind kind;
	struct node *node;
	uint32_t id;
	uint32_t handle;
	struct endpoint to;
	bool outbound;
	uint8_t key[MESH_KEY_LEN];
	bool has_frame;
	uint8_t frame[2048];
	size_t len;
	struct imsg_kx3_start start;
	struct imsg_kx3_finish finish;
	struct imsg_reauth_start reauth;
};

static uint8_t secrets[HANDLES][crypto_scalarmult_SCALARBYTES];
static uint32_t last_handle;

static struct task *
task_new(struct node *node, enum task_kind kind, uint32_t id)
{
	struct task *task = calloc(1, sizeof(*task)), **end;

	ATF_REQUIRE(task != NULL);
	task->kind = kind;
	task->node = node;
	task->id = id;
	for (end = &node->meshes->tasks; *end != NULL; end = &(*end)->next)
		;
	*end = task;
	return task;
}

static void
op_watch(void *arg, uint32_t conn, int fd, bool read, bool write)
{
	struct node *node = arg;
	struct watch_fd *watch, *place = NULL;

	for (watch = node->watches; watch < node->watches + MESHES_WATCHES_MAX;
	     watch++) {
		if (watch->fd == -1) {
			place = place == NULL ? watch : place;
		} else if (watch->conn == conn) {
			place = watch;
			break;
		}
	}
	ATF_REQUIRE(place != NULL);
	place->conn = conn;
	place->fd = read || write ? fd : -1;
	place->read = read;
	place->write = write;
}

static void
op_dial(void *arg, uint32_t dial, struct endpoint to, bool direct)
{
	struct node *node = arg;

	(void)direct;
	node->dials++;
	task_new(node, TASK_DIAL, dial)->to = to;
}

static void
op_resolve(void *arg, uint32_t target, const char *host)
{
	(void)arg;
	(void)target;
	(void)host;
}

static void
op_kx_start(void *arg, uint32_t conn, bool outbound)
{
	(void)outbound;
	task_new(arg, TASK_KX_START, conn);
}

static void
op_kx_finish(void *arg, uint32_t conn, uint32_t handle,
    const uint8_t key[MESH_KEY_LEN], bool outbound, const uint8_t *frame,
    size_t len)
{
	struct task *task = task_new(arg, TASK_KX_FINISH, conn);

	task->handle = handle;
	task->outbound = outbound;
	memcpy(task->key, key, MESH_KEY_LEN);
	task->has_frame = frame != NULL;
	ATF_REQUIRE(len <= sizeof(task->frame));
	if (frame != NULL)
		memcpy(task->frame, frame, len);
	task->len = len;
}

static void
op_kx_cancel(void *arg, uint32_t conn, uint32_t handle)
{
	struct node *node = arg;

	(void)conn;
	(void)handle;
	node->kx_cancelled++;
}

static void
op_kx3_start(void *arg, const struct imsg_kx3_start *start)
{
	task_new(arg, TASK_KX3_START, start->conn)->start = *start;
}

static void
op_kx3_finish(void *arg, const struct imsg_kx3_finish *finish)
{
	task_new(arg, TASK_KX3_FINISH, finish->conn)->finish = *finish;
}

static void
op_kx3_cancel(void *arg, uint32_t handle)
{
	struct node *node = arg;

	kx3_cancel(node->kx3, handle);
	node->kx_cancelled++;
}

static void
op_reauth_start(void *arg, const struct imsg_reauth_start *start)
{
	task_new(arg, TASK_REAUTH_START, start->conn)->reauth = *start;
}

static void
op_reauth_finish(void *arg, const struct imsg_kx3_finish *finish)
{
	task_new(arg, TASK_REAUTH_FINISH, finish->conn)->finish = *finish;
}

static void
op_reauth_verdict(void *arg, const struct imsg_reauth_verdict *verdict)
{
	struct node *node = arg;

	kx3_reauth_verdict(node->kx3, verdict, node->meshes->now);
}

static void
op_session(void *arg, uint32_t id, bool up)
{
	struct node *node = arg;
	struct session *session = sessions_find(kx3_sessions(node->kx3), id);

	ATF_REQUIRE(session != NULL);
	if (up)
		session->up = true;
	else
		session_end(session);
}

static void
op_parent_message(void *arg, uint32_t session, const uint8_t *bytes, size_t len)
{
	struct node *node = arg;

	node->messages++;
	node->message_session = session;
	node->message_len = len;
	memcpy(node->message, bytes, len);
}

static void
op_neighbour(void *arg, struct endpoint at, bool up)
{
	struct node *node = arg;

	ATF_CHECK_EQ(MESHES_PORT, at.port);
	node->now_up += up ? 1 : UINT64_MAX;
}

static bool
op_prepare(void *arg, uint32_t conn, const struct mesh_link *link, char *cause,
    size_t size)
{
	struct node *node = arg;

	(void)conn;
	if (link->has_overlays && strstr(link->overlays, "sleeve") == NULL) {
		snprintf(cause, size, "no overlays in common");
		return false;
	}
	node->prepared++;
	memcpy(node->udp_keys, link->keys, sizeof(node->udp_keys));
	return true;
}

static void
op_confirm(void *arg, uint32_t conn, uint64_t now)
{
	static const uint8_t body[] = {0, 1};
	struct node *node = arg;

	if (node->deaf_overlay)
		return;
	mesh_overlay_send(node->mesh, conn, 7, body, sizeof(body), now);
	mesh_overlay_established(node->mesh, conn, now);
}

static void
op_control(void *arg, uint32_t conn, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	struct node *node = arg;

	(void)conn;
	(void)now;
	node->controls++;
	node->control[0] = tag;
	if (len > sizeof(node->control) - 1)
		len = sizeof(node->control) - 1;
	memcpy(node->control + 1, body, len);
	node->control_len = len + 1;
}

static void
op_stop(void *arg, uint32_t conn)
{
	struct node *node = arg;

	(void)conn;
	node->stopped++;
}

static void
op_describe(void *arg, uint32_t conn, struct ctl_connection *row)
{
	(void)arg;
	(void)conn;
	strlcpy(row->overlay, "sleeve", sizeof(row->overlay));
}

static void
op_peer_gone(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
}

static void
op_rekey(
    void *arg, uint32_t conn, const uint8_t keys[2][MESH_KEY_LEN], uint64_t now)
{
	struct node *node = arg;

	(void)conn;
	(void)now;
	node->rekeys++;
	memcpy(node->udp_keys, keys, sizeof(node->udp_keys));
}

static void
op_switch(void *arg, uint32_t conn, uint64_t now)
{
	struct node *node = arg;

	(void)conn;
	(void)now;
	node->switches++;
}

static void
op_hold(void *arg, uint32_t conn)
{
	struct node *node = arg;

	(void)conn;
	node->holds++;
}

static uint64_t
op_volume(void *arg, uint32_t conn)
{
	const struct node *node = arg;

	(void)conn;
	return node->volume;
}

static const struct mesh_ops ops = {
    .watch = op_watch,
    .dial = op_dial,
    .resolve = op_resolve,
    .kx_start = op_kx_start,
    .kx_finish = op_kx_finish,
    .kx_cancel = op_kx_cancel,
    .kx3_start = op_kx3_start,
    .kx3_finish = op_kx3_finish,
    .kx3_cancel = op_kx3_cancel,
    .reauth_start = op_reauth_start,
    .reauth_finish = op_reauth_finish,
    .reauth_verdict = op_reauth_verdict,
    .session = op_session,
    .parent_message = op_parent_message,
    .neighbour = op_neighbour,
    .overlay_prepare = op_prepare,
    .overlay_confirm = op_confirm,
    .overlay_control = op_control,
    .overlay_stop = op_stop,
    .overlay_rekey = op_rekey,
    .overlay_switch = op_switch,
    .overlay_hold = op_hold,
    .overlay_volume = op_volume,
    .overlay_describe = op_describe,
    .overlay_peer_gone = op_peer_gone,
};

void
meshes_init(struct meshes *meshes)
{
	struct node *node;
	size_t i, j;

	ATF_REQUIRE(sodium_init() != -1);
	memset(meshes, 0, sizeof(*meshes));
	meshes->now = 1000000;
	meshes->ephemeral = 40000;
	for (i = 0; i < MESHES_MAX; i++) {
		node = &meshes->nodes[i];
		node->meshes = meshes;
		node->conf.name = UINT64_C(0x0a0000000001) + i;
		snprintf(node->conf.nickname, sizeof(node->conf.nickname),
		    "host%zu", i + 1);
		node->conf.port = MESHES_PORT;
		node->conf.discovery = true;
		node->conf.version_min = node->conf.version_max = 2;
		node->conf.rekey_interval = 120000;
		node->conf.reauth_interval = 3600000;
		node->uid = 1000 + i;
		node->addr = MESHES_NET + (uint32_t)i + 1;
		strlcpy(node->overlays, "sleeve", sizeof(node->overlays));
		for (j = 0; j < MESHES_WATCHES_MAX; j++)
			node->watches[j].fd = -1;
	}
}

void
meshes_free(struct meshes *meshes)
{
	struct task *task;
	size_t i;

	for (i = 0; i < MESHES_MAX; i++)
		node_stop(meshes, i);
	while ((task = meshes->tasks) != NULL) {
		meshes->tasks = task->next;
		free(task);
	}
}

void
node_start(struct meshes *meshes, size_t index)
{
	struct node *node = &meshes->nodes[index];

	node->conf.encrypted = node->password != NULL;
	node->kx3 = kx3_new(node->conf.name, "weave");
	ATF_REQUIRE(node->kx3 != NULL);
	node->mesh = mesh_new(
	    &node->conf, node->overlays, node->uid, &ops, node, meshes->now);
	ATF_REQUIRE(node->mesh != NULL);
	node_set_passwords(node);
}

void
node_protocol(struct meshes *meshes, size_t index, const char *protocol)
{
	struct mesh_conf *conf = &meshes->nodes[index].conf;

	conf->version_min = strcmp(protocol, "hardened") == 0 ? 3 : 2;
	conf->version_max = strcmp(protocol, "weave") == 0 ? 2 : 3;
	conf->listen_first = strcmp(protocol, "mixed") == 0;
}

uint32_t
node_serial(const char *password)
{
	uint32_t hash = 1;

	for (; *password != '\0'; password++)
		hash = hash * 31 + (uint8_t)*password;
	return hash;
}

/* Stretched by one hash: the rounds are for attackers. */
void
node_set_passwords(struct node *node)
{
	const char *passwords[2] = {node->password, node->second};
	uint8_t prs[2][KX3_PRS_LEN];
	struct mesh_passwords known;
	uint32_t serials[2];

	for (size_t i = 0; i < 2; i++)
		if (passwords[i] != NULL)
			crypto_hash_sha256(prs[i],
			    (const uint8_t *)passwords[i],
			    strlen(passwords[i]));
	kx3_set_slots(node->kx3, passwords[0] != NULL ? prs[0] : NULL,
	    passwords[1] != NULL ? prs[1] : NULL);
	for (size_t i = 0; i < 2; i++)
		serials[i] =
		    passwords[i] != NULL ? node_serial(passwords[i]) : 0;
	kx3_set_serials(node->kx3, serials[0], serials[1]);
	if (node->mesh == NULL)
		return;
	memcpy(known.version2, serials, sizeof(known.version2));
	memcpy(known.version3, serials, sizeof(known.version3));
	mesh_set_passwords(node->mesh, &known);
}

void
node_stop(struct meshes *meshes, size_t index)
{
	struct node *node = &meshes->nodes[index];
	struct task *task;

	for (task = meshes->tasks; task != NULL; task = task->next) {
		if (task->node == node)
			task->node = NULL;
	}
	mesh_free(node->mesh);
	node->mesh = NULL;
	kx3_free(node->kx3);
	node->kx3 = NULL;
	node->now_up = 0;
}

void
node_target(struct meshes *meshes, size_t index, size_t to)
{
	char text[ENDPOINT_STRLEN];

	ipv4_format(meshes->nodes[to].addr, text);
	ATF_REQUIRE_EQ(0,
	    mesh_target_add(meshes->nodes[index].mesh, (uint32_t)to + 1, text,
		meshes->now));
}

static void
pair(int fds[2])
{
	ATF_REQUIRE_EQ(
	    0, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, fds));
	ATF_REQUIRE(fds[0] < 1024 && fds[1] < 1024);
}

static struct endpoint
ephemeral(struct meshes *meshes, uint32_t addr)
{
	struct endpoint at = {.addr = addr, .port = meshes->ephemeral++};

	return at;
}

static void
do_dial(struct meshes *meshes, struct task *task)
{
	struct node *from = task->node, *to;
	struct endpoint local = ephemeral(meshes, from->addr);
	size_t a = (size_t)(from - meshes->nodes), b;
	int fds[2];

	if (task->to.addr == meshes->raw_listen) {
		pair(fds);
		meshes->raw_accepted = fds[1];
		mesh_dialled(
		    from->mesh, task->id, fds[0], local, 0, meshes->now);
		return;
	}
	b = task->to.addr - MESHES_NET - 1;
	if (b >= MESHES_MAX || task->to.port != MESHES_PORT ||
	    meshes->nodes[b].mesh == NULL || meshes->cut[a][b]) {
		mesh_dialled(from->mesh, task->id, -1, local,
		    b < MESHES_MAX && meshes->cut[a][b] ? EHOSTUNREACH
							: ECONNREFUSED,
		    meshes->now);
		return;
	}
	to = &meshes->nodes[b];
	pair(fds);
	meshes->peer_of[fds[0]] = to->addr;
	meshes->peer_of[fds[1]] = from->addr;
	mesh_accepted(to->mesh, fds[1], task->to, local, meshes->now);
	mesh_dialled(from->mesh, task->id, fds[0], local, 0, meshes->now);
}

static void
do_kx_start(struct task *task)
{
	uint8_t key[MESH_KEY_LEN];
	uint32_t handle = ++last_handle % HANDLES;

	task->node->kx_started++;
	if (task->node->secret != NULL)
		memcpy(secrets[handle], task->node->secret, 32);
	else
		randombytes_buf(secrets[handle], 32);
	crypto_scalarmult_base(key, secrets[handle]);
	mesh_kx_started(task->node->mesh, task->id, handle, key, NULL,
	    task->node->meshes->now);
}

static bool
frame_opens(const struct task *task, const uint8_t key[32])
{
	uint8_t nonce[24] = {task->outbound ? 0x40 : 0xc0}, text[2048];

	return crypto_secretbox_open_easy(
		   text, task->frame, task->len, nonce, key) == 0;
}

static void
do_kx_finish(struct task *task)
{
	struct node *node = task->node;
	uint8_t key[32];
	const char *error = NULL;
	crypto_hash_sha256_state hash;

	node->kx_finished++;
	if (crypto_box_beforenm(key, task->key, secrets[task->handle]) != 0)
		error = "low-order key";
	crypto_hash_sha256_init(&hash);
	crypto_hash_sha256_update(&hash, key, sizeof(key));
	crypto_hash_sha256_update(
	    &hash, (const uint8_t *)node->password, strlen(node->password));
	crypto_hash_sha256_final(&hash, key);
	if (error == NULL && task->has_frame && !frame_opens(task, key))
		error = "password mismatch";
	mesh_kx_finished(node->mesh, task->id, key, node_serial(node->password),
	    error, node->meshes->now);
}

static void
do_kx3_start(struct task *task)
{
	struct node *node = task->node;
	struct imsg_kx3_started started;

	node->kx_started++;
	kx3_start(node->kx3, &task->start, task->start.addr == node->known,
	    node->meshes->now, &started);
	mesh_kx3_started(node->mesh, &started, node->meshes->now);
}

static void
do_kx3_finish(struct task *task)
{
	struct node *node = task->node;
	struct imsg_kx3_finished finished;

	node->kx_finished++;
	kx3_finish(node->kx3, &task->finish, node->meshes->now, &finished);
	mesh_kx3_finished(node->mesh, &finished, node->meshes->now);
}

static void
do_reauth_start(struct task *task)
{
	struct node *node = task->node;
	struct imsg_reauth_started started;

	kx3_reauth_start(node->kx3, &task->reauth, node->meshes->now, &started);
	mesh_reauth_started(node->mesh, &started, node->meshes->now);
}

static void
do_reauth_finish(struct task *task)
{
	struct node *node = task->node;
	struct imsg_reauth_finished finished;

	kx3_reauth_finish(
	    node->kx3, &task->finish, node->meshes->now, &finished);
	mesh_reauth_finished(node->mesh, &finished, node->meshes->now);
}

static void
do_task(struct task *task)
{
	switch (task->kind) {
	case TASK_DIAL:
		do_dial(task->node->meshes, task);
		break;
	case TASK_KX_START:
		do_kx_start(task);
		break;
	case TASK_KX_FINISH:
		do_kx_finish(task);
		break;
	case TASK_KX3_START:
		do_kx3_start(task);
		break;
	case TASK_KX3_FINISH:
		do_kx3_finish(task);
		break;
	case TASK_REAUTH_START:
		do_reauth_start(task);
		break;
	case TASK_REAUTH_FINISH:
		do_reauth_finish(task);
		break;
	}
}

static bool
run_tasks(struct meshes *meshes)
{
	struct task *task, **at = &meshes->tasks;
	bool any = false;

	while ((task = *at) != NULL) {
		if (task->node != NULL && task->node->kx_slow &&
		    task->kind != TASK_DIAL) {
			at = &task->next;
			continue;
		}
		*at = task->next;
		if (task->node != NULL)
			do_task(task);
		free(task);
		any = true;
		at = &meshes->tasks;
	}
	return any;
}

static bool
run_watch(struct node *node, struct watch_fd *watch)
{
	struct pollfd pfd = {.fd = watch->fd,
	    .events = (short)((watch->read ? POLLIN : 0) |
		(watch->write ? POLLOUT : 0))};
	uint32_t conn = watch->conn;

	if (watch->fd == -1 || node->mesh == NULL || poll(&pfd, 1, 0) <= 0)
		return false;
	if (watch->write && pfd.revents & (POLLOUT | POLLERR | POLLHUP))
		mesh_writable(node->mesh, conn, node->meshes->now);
	if (watch->read && watch->fd != -1 && watch->conn == conn &&
	    pfd.revents & (POLLIN | POLLERR | POLLHUP))
		mesh_readable(node->mesh, conn, node->meshes->now);
	return true;
}

static bool
run_sockets(struct meshes *meshes)
{
	struct node *node;
	bool any = false;
	size_t i, j;

	for (i = 0; i < MESHES_MAX; i++) {
		node = &meshes->nodes[i];
		for (j = 0; j < MESHES_WATCHES_MAX; j++)
			any = run_watch(node, &node->watches[j]) || any;
	}
	return any;
}

static uint64_t
run_ticks(struct meshes *meshes)
{
	uint64_t at, next = UINT64_MAX;
	size_t i;

	for (i = 0; i < MESHES_MAX; i++) {
		if (meshes->nodes[i].mesh == NULL)
			continue;
		at = mesh_tick(meshes->nodes[i].mesh, meshes->now);
		next = at < next ? at : next;
	}
	return next;
}

void
meshes_run(struct meshes *meshes, uint64_t ms)
{
	uint64_t end = meshes->now + ms, next;
	unsigned rounds = 0;
	bool any;

	for (;;) {
		next = run_ticks(meshes);
		any = run_tasks(meshes);
		any = run_sockets(meshes) || any;
		if (any || next <= meshes->now) {
			/* A mesh that always has work at once would hang. */
			ATF_REQUIRE(++rounds < 100000);
			continue;
		}
		rounds = 0;
		if (next > end)
			break;
		meshes->now = next;
	}
	meshes->now = end;
}

static void
shut_between(struct meshes *meshes, struct node *node, uint32_t addr)
{
	struct watch_fd *watch;

	(void)meshes;
	for (watch = node->watches; watch < node->watches + MESHES_WATCHES_MAX;
	     watch++) {
		if (watch->fd != -1 && meshes->peer_of[watch->fd] == addr)
			shutdown(watch->fd, SHUT_RDWR);
	}
}

void
meshes_cut(struct meshes *meshes, size_t a, size_t b)
{
	meshes->cut[a][b] = meshes->cut[b][a] = true;
	shut_between(meshes, &meshes->nodes[a], meshes->nodes[b].addr);
	shut_between(meshes, &meshes->nodes[b], meshes->nodes[a].addr);
}

void
meshes_heal(struct meshes *meshes, size_t a, size_t b)
{
	meshes->cut[a][b] = meshes->cut[b][a] = false;
}

int
node_raw(struct meshes *meshes, size_t index, uint32_t from)
{
	struct node *node = &meshes->nodes[index];
	struct endpoint local = {.addr = node->addr, .port = MESHES_PORT};
	int fds[2];

	pair(fds);
	meshes->peer_of[fds[1]] = from;
	mesh_accepted(
	    node->mesh, fds[1], local, ephemeral(meshes, from), meshes->now);
	return fds[0];
}

bool
raw_read(struct meshes *meshes, int fd, void *buf, size_t len)
{
	uint8_t *to = buf;
	unsigned rounds;
	ssize_t n;

	for (rounds = 0; len > 0 && rounds < 1000; rounds++) {
		meshes_run(meshes, 0);
		n = recv(fd, to, len, MSG_DONTWAIT);
		if (n == 0 || (n == -1 && errno != EAGAIN))
			return false;
		if (n > 0) {
			to += n;
			len -= (size_t)n;
		}
	}
	return len == 0;
}

void
raw_write(int fd, const void *data, size_t len)
{
	if (len > 0)
		ATF_REQUIRE_EQ((ssize_t)len, send(fd, data, len, MSG_NOSIGNAL));
}

bool
raw_closed(struct meshes *meshes, int fd)
{
	uint8_t buf[4096];
	ssize_t n;

	meshes_run(meshes, 0);
	do {
		n = recv(fd, buf, sizeof(buf), MSG_DONTWAIT);
	} while (n > 0);
	return n == 0 || errno != EAGAIN;
}

int
node_join_raw(struct meshes *meshes, size_t index, uint8_t number)
{
	struct features features = {.name = UINT64_C(0x0b0000000000) + number,
	    .uid = 5,
	    .conn_id = number,
	    .has_overlays = true,
	    .overlays = "sleeve"};
	uint8_t intro[12 + FEATURES_MAX] = "weave\2\2\0", got[8];
	size_t len;
	int fd;

	len = features_encode(&features, intro + 12, FEATURES_MAX);
	ATF_REQUIRE(len > 0);
	wire_length_put(len, intro + 8);
	fd = node_raw(meshes, index, MESHES_NET + 90 + number);
	raw_write(fd, intro, 12 + len);
	ATF_REQUIRE(raw_read(meshes, fd, got, sizeof(got)));
	meshes_run(meshes, 2000);
	return fd;
}

bool
node_reaches(const struct meshes *meshes, size_t a, size_t b)
{
	return mesh_next_hop(meshes->nodes[a].mesh,
		   meshes->nodes[b].conf.name) != PEERNAME_UNKNOWN;
}

bool
node_neighbours(const struct meshes *meshes, size_t a, size_t b)
{
	uint64_t name = meshes->nodes[b].conf.name;

	return mesh_next_hop(meshes->nodes[a].mesh, name) == name;
}

bool
meshes_full(const struct meshes *meshes, size_t count)
{
	size_t a, b;

	for (a = 0; a < count; a++) {
		for (b = 0; b < count; b++) {
			if (a != b && !node_neighbours(meshes, a, b))
				return false;
		}
	}
	return true;
}

struct search {
	const char *text;
	bool found;
	enum ctl_connection_state state;
	size_t rows;
};

static void
search_row(void *arg, uint32_t type, const void *data, size_t len)
{
	const struct ctl_connection *row = data;
	struct search *search = arg;

	if (type != CTL_CONNECTION)
		return;
	ATF_REQUIRE_EQ(sizeof(*row), len);
	if (search->text != NULL && strstr(row->cause, search->text) != NULL)
		search->found = true;
	if (row->state == search->state)
		search->rows++;
}

bool
node_has_cause(const struct meshes *meshes, size_t index, const char *text)
{
	struct search search = {.text = text};

	mesh_show(meshes->nodes[index].mesh, CTL_SHOW_ALL, search_row, &search,
	    meshes->now);
	return search.found;
}

size_t
node_rows(
    const struct meshes *meshes, size_t index, enum ctl_connection_state state)
{
	struct search search = {.state = state};

	mesh_show(meshes->nodes[index].mesh, CTL_SHOW_ALL, search_row, &search,
	    meshes->now);
	return search.rows;
}
