#include <sys/queue.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ctl.h"
#include "common/imsg.h"
#include "common/log.h"
#include "weaved/control/clients.h"
#include "weaved/weaved.h"

/* Messages handed to the imsgbuf at once; the others wait in out. */
#define HIGH_MARK 64

enum client_state {
	CLIENT_FREE,
	CLIENT_NEW, /* has not said hello */
	CLIENT_READY,
	CLIENT_LEAVING /* gets what waits for it, then is closed */
};

struct request {
	uint32_t type; /* enum ctl_type */
	uint32_t their_id;
	size_t len;
	uint8_t data[sizeof(struct ctl_rotate)];
};

struct answer {
	TAILQ_ENTRY(answer) entry;
	uint32_t type;
	uint32_t id;
	size_t len;
	uint8_t data[];
};

struct client {
	enum client_state state;
	uid_t uid;
	enum clients_who who;
	struct imsgbuf *buf;
	uint64_t deadline; /* UINT64_MAX: none */
	uint32_t id; /* under way, issued here; 0: none */
	enum clients_server server; /* who was asked */
	struct request requests[CLIENTS_REQUESTS_MAX];
	size_t nrequests; /* the first may be under way */
	TAILQ_HEAD(, answer) out;
	size_t out_bytes;
};
_Static_assert(sizeof(struct ctl_ip) <= sizeof(struct ctl_rotate) &&
	sizeof(struct ctl_bench) <= sizeof(struct ctl_rotate),
    "requests have room for it");

struct clients {
	const struct clients_ops *ops;
	void *arg;
	uint32_t last_id;
	size_t others_bytes; /* of out_bytes, uid not 0 */
	struct log_limit limit;
	struct client slots[CLIENTS_SLOTS]; /* the last are processes' */
};

struct request_kind {
	uint32_t type; /* enum ctl_type */
	unsigned who; /* enum clients_who: they may */
	enum clients_server server;
	uint32_t relayed; /* enum imsg_type */
	const char *(*check)(const void *data);
	const char *action;
};

static const char *check_show(const void *);
static const char *check_target(const void *);
static const char *check_log_level(const void *);
static const char *check_ip(const void *);
static const char *check_claim(const void *);
static const char *check_bench(const void *);
static const char *check_expose(const void *);
static const char *check_hide(const void *);
static const char *check_rotate(const void *);
static const struct request_kind *request_find(uint32_t, enum clients_who);
static struct client *client_by_id(
    struct clients *, enum clients_server, uint32_t);
static unsigned client_slot(const struct clients *, const struct client *);
static bool client_is_other(const struct client *);
static uint32_t clients_issue_id(struct clients *);
static void client_forget_answer(struct clients *, struct client *);
static void client_close(struct clients *, struct client *);
static void client_drop(
    struct clients *, struct client *, const char *, uint64_t);
static void client_watch(struct clients *, struct client *);
static bool client_is_process(const struct client *);
static bool client_send(struct clients *, struct client *, uint32_t, uint32_t,
    const void *, size_t, uint64_t);
static bool client_finish(
    struct clients *, struct client *, const char *, uint64_t);
static bool client_fill(struct clients *, struct client *);
static const char *client_hello(
    struct clients *, struct client *, const struct imsg *, uint64_t);
static const char *client_request(struct client *, const struct imsg *);
static void client_next(struct clients *, struct client *, uint64_t);
static const char *client_start(struct clients *, struct client *);
static const char *client_message(
    struct clients *, struct client *, const struct imsg *, uint64_t);

/* The policy: what may be asked, by whom, and who answers. */
static const struct request_kind kinds[] = {
    {CTL_SHOW, CLIENTS_ROOT | CLIENTS_OTHERS | CLIENTS_HTTP | CLIENTS_KUBE,
	CLIENTS_ENGINE, IMSG_SHOW, check_show, "show"},
    {CTL_CONNECT, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_CONNECT, check_target,
	"connect peers"},
    {CTL_FORGET, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_FORGET, check_target,
	"forget peers"},
    {CTL_CONNECT, CLIENTS_KUBE, CLIENTS_PARENT, IMSG_NODE_ADD, check_target,
	"tell of nodes"},
    {CTL_FORGET, CLIENTS_KUBE, CLIENTS_PARENT, IMSG_NODE_REMOVE, check_target,
	"tell of nodes"},
    {CTL_RELOAD, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_RELOAD, NULL,
	"reload the configuration"},
    {CTL_LOG_LEVEL, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_SET_LOG_LEVEL,
	check_log_level, "set the log level"},
    {CTL_IP_ALLOCATE, CLIENTS_ROOT, CLIENTS_ENGINE, IMSG_IP_ALLOCATE, check_ip,
	"allocate addresses"},
    {CTL_IP_CLAIM, CLIENTS_ROOT, CLIENTS_ENGINE, IMSG_IP_CLAIM, check_claim,
	"claim addresses"},
    {CTL_IP_RELEASE, CLIENTS_ROOT, CLIENTS_ENGINE, IMSG_IP_RELEASE, check_ip,
	"release addresses"},
    {CTL_RMPEER, CLIENTS_ROOT | CLIENTS_KUBE, CLIENTS_ENGINE, IMSG_RMPEER,
	check_target, "remove peers"},
    {CTL_RESET, CLIENTS_ROOT, CLIENTS_ENGINE, IMSG_RESET, NULL,
	"give the addresses away"},
    {CTL_BENCH, CLIENTS_ROOT, CLIENTS_ENGINE, IMSG_BENCH, check_bench,
	"measure paths"},
    {CTL_EXPOSE, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_EXPOSE, check_expose,
	"expose the host"},
    {CTL_HIDE, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_HIDE, check_hide,
	"hide the host"},
    {CTL_ERASE, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_ERASE, NULL,
	"remove what weaved made"},
    {CTL_ROTATE, CLIENTS_ROOT, CLIENTS_PARENT, IMSG_ROTATE, check_rotate,
	"rotate the password"},
};

static const char *
check_show(const void *data)
{
	struct ctl_show show;

	memcpy(&show, data, sizeof(show));
	if (show.parts == 0 || (show.parts & ~CTL_SHOW_ALL) != 0)
		return "there is no such part to show";
	return NULL;
}

static const char *
check_target(const void *data)
{
	const char *address = data;

	if (*address == '\0')
		return "the peer's address is empty";
	for (; *address != '\0'; address++) {
		if (*address <= ' ' || *address > '~')
			return "the peer's address has bad characters";
	}
	return NULL;
}

static const char *
check_log_level(const void *data)
{
	struct ctl_log_level message;

	memcpy(&message, data, sizeof(message));
	return message.level > LOGLEVEL_ERROR ? "there is no such log level"
					      : NULL;
}

static const char *
check_ip(const void *data)
{
	struct ctl_ip message;

	memcpy(&message, data, sizeof(message));
	if (message.id[0] == '\0')
		return "the id is empty";
	for (const char *id = message.id; *id != '\0'; id++)
		if (*id <= ' ' || *id > '~')
			return "the id has bad characters";
	if (message.len > 32)
		return "the prefix is longer than an address";
	if (message.wait == 0 || message.wait > CTL_IP_WAIT_MAX)
		return "the time to wait is out of range";
	return NULL;
}

static const char *
check_claim(const void *data)
{
	struct ctl_ip message;

	memcpy(&message, data, sizeof(message));
	if (message.addr == 0 || message.len == 0)
		return "an address with prefix is to be claimed";
	return check_ip(data);
}

static const char *
check_bench(const void *data)
{
	struct ctl_bench message;
	const char *error = check_target(data);

	if (error != NULL)
		return error;
	memcpy(&message, data, sizeof(message));
	if (message.seconds == 0 || message.seconds > CTL_BENCH_SECONDS_MAX)
		return "a measurement takes 1 to 30 seconds";
	if (message.mbits == 0 || message.mbits > CTL_BENCH_MBITS_MAX)
		return "a measurement sends 1 to 1000 Mbit/s";
	return NULL;
}

static const char *
check_expose(const void *data)
{
	struct ctl_expose message;

	memcpy(&message, data, sizeof(message));
	return ctl_expose_ok(&message) ? NULL : "no host can have this address";
}

static const char *
check_hide(const void *data)
{
	struct ctl_expose message;

	memcpy(&message, data, sizeof(message));
	return message.addr == 0 ? NULL : check_expose(data);
}

/* Looked at in place: it may have a password in it. */
static const char *
check_rotate(const void *data)
{
	uint32_t action;
	uint16_t length;
	const uint8_t *message = data;

	memcpy(&action, message + offsetof(struct ctl_rotate, action),
	    sizeof(action));
	memcpy(&length, message + offsetof(struct ctl_rotate, length),
	    sizeof(length));
	if (action >= CTL_ROTATE_ACTION_MAX ||
	    (action == CTL_ROTATE_RUN &&
		message[offsetof(struct ctl_rotate, mesh)] == 0))
		return "there is no such step of a rotation";
	if (message[offsetof(struct ctl_rotate, hardened)] > 1)
		return "there is no such password";
	if (length > CTL_PASSWORD_MAX)
		return "password is longer than 1024 bytes";
	return NULL;
}

/* The kind that this client may ask for, else one that others may, or NULL. */
static const struct request_kind *
request_find(uint32_t type, enum clients_who who)
{
	const struct request_kind *found = NULL;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		if (kinds[i].type != type)
			continue;
		if (found == NULL || (kinds[i].who & who) != 0)
			found = &kinds[i];
	}
	return found;
}

struct clients *
clients_new(const struct clients_ops *ops, void *arg)
{
	struct clients *clients;

	if ((clients = calloc(1, sizeof(*clients))) == NULL)
		return NULL;
	clients->ops = ops;
	clients->arg = arg;
	return clients;
}

void
clients_free(struct clients *clients)
{
	if (clients == NULL)
		return;
	for (size_t i = 0; i < CLIENTS_SLOTS; i++) {
		if (clients->slots[i].state != CLIENT_FREE)
			client_close(clients, &clients->slots[i]);
	}
	free(clients);
}

static unsigned
client_slot(const struct clients *clients, const struct client *client)
{
	return (unsigned)(client - clients->slots);
}

/* One of those who share what is not root's. */
static bool
client_is_other(const struct client *client)
{
	return client->who == CLIENTS_OTHERS;
}

static struct client *
client_by_id(struct clients *clients, enum clients_server server, uint32_t id)
{
	for (size_t i = 0; id != 0 && i < CLIENTS_SLOTS; i++) {
		struct client *client = &clients->slots[i];

		if (client->id == id && client->server == server)
			return client;
	}
	return NULL;
}

static uint32_t
clients_issue_id(struct clients *clients)
{
	do
		clients->last_id++;
	while (clients->last_id == 0 ||
	    client_by_id(clients, CLIENTS_ENGINE, clients->last_id) != NULL ||
	    client_by_id(clients, CLIENTS_PARENT, clients->last_id) != NULL);
	return clients->last_id;
}

bool
clients_full(const struct clients *clients)
{
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (clients->slots[i].state == CLIENT_FREE)
			return false;
	}
	return true;
}

void
clients_accepted(struct clients *clients, int fd, uid_t uid, uint64_t now)
{
	struct client *client = NULL;
	unsigned others = 0;

	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (clients->slots[i].state == CLIENT_FREE)
			client = &clients->slots[i];
		else if (clients->slots[i].uid != 0)
			others++;
	}
	if (client == NULL || (uid != 0 && others >= CLIENTS_OTHERS_MAX) ||
	    (client->buf = imsgbuf_new(fd)) == NULL) {
		close(fd);
		return;
	}
	client->state = CLIENT_NEW;
	client->uid = uid;
	client->who = uid == 0 ? CLIENTS_ROOT : CLIENTS_OTHERS;
	client->deadline = now + CLIENTS_HELLO_MS;
	TAILQ_INIT(&client->out);
	client_watch(clients, client);
}

/* Its uid is nobody's: what those of that uid may is decided on the socket. */
void
clients_set_process(
    struct clients *clients, int fd, enum clients_who who, uint64_t now)
{
	struct client *client =
	    &clients->slots[CLIENTS_MAX + (who == CLIENTS_KUBE)];

	if (client->state != CLIENT_FREE)
		client_close(clients, client);
	if ((client->buf = imsgbuf_new(fd)) == NULL) {
		close(fd);
		return;
	}
	client->state = CLIENT_NEW;
	client->who = who;
	client->uid = (uid_t)-1;
	client->deadline = now + CLIENTS_HELLO_MS;
	TAILQ_INIT(&client->out);
	client_watch(clients, client);
}

static void
client_watch(struct clients *clients, struct client *client)
{
	clients->ops->watch(clients->arg, client_slot(clients, client),
	    imsgbuf_fd(client->buf), client->state != CLIENT_LEAVING,
	    imsgbuf_pending(client->buf) > 0 || !TAILQ_EMPTY(&client->out));
}

static void
client_forget_answer(struct clients *clients, struct client *client)
{
	struct answer *answer = TAILQ_FIRST(&client->out);
	size_t size = sizeof(*answer) + answer->len;

	TAILQ_REMOVE(&client->out, answer, entry);
	client->out_bytes -= size;
	if (client_is_other(client))
		clients->others_bytes -= size;
	free(answer);
}

/* What the engine still does for this client is of no use to anybody. */
static void
client_close(struct clients *clients, struct client *client)
{
	if (client->id != 0 && client->server == CLIENTS_ENGINE)
		clients->ops->ask(clients->arg, CLIENTS_ENGINE,
		    IMSG_SHOW_CANCEL, client->id, NULL, 0);
	clients->ops->watch(clients->arg, client_slot(clients, client),
	    imsgbuf_fd(client->buf), false, false);
	imsgbuf_free(client->buf);
	while (!TAILQ_EMPTY(&client->out))
		client_forget_answer(clients, client);
	explicit_bzero(client, sizeof(*client));
}

static bool
client_is_process(const struct client *client)
{
	return client->who == CLIENTS_HTTP || client->who == CLIENTS_KUBE;
}

static void
client_drop(struct clients *clients, struct client *client, const char *why,
    uint64_t now)
{
	uint32_t suppressed;

	if (client_is_process(client))
		clients->ops->distrust(clients->arg, client->who);
	else if (log_limit_pass(&clients->limit, now, &suppressed))
		log_warn("client of uid %u dropped: %s (%u more like this)",
		    (unsigned)client->uid, why, suppressed);
	client_close(clients, client);
}

/* False: the client did not keep up and is gone. */
static bool
client_send(struct clients *clients, struct client *client, uint32_t type,
    uint32_t id, const void *data, size_t len, uint64_t now)
{
	size_t size = sizeof(struct answer) + len;
	struct answer *answer;

	if (client->out_bytes + size > CLIENTS_OUT_MAX ||
	    (client_is_other(client) &&
		clients->others_bytes + size > CLIENTS_OTHERS_OUT_MAX) ||
	    (answer = malloc(size)) == NULL) {
		client_drop(clients, client, "it reads too slowly", now);
		return false;
	}
	answer->type = type;
	answer->id = id;
	answer->len = len;
	if (len > 0)
		memcpy(answer->data, data, len);
	if (TAILQ_EMPTY(&client->out) && imsgbuf_pending(client->buf) == 0)
		client->deadline = now + CLIENTS_STALL_MS;
	TAILQ_INSERT_TAIL(&client->out, answer, entry);
	client->out_bytes += size;
	if (client_is_other(client))
		clients->others_bytes += size;
	client_watch(clients, client);
	return true;
}

/* Ends the first request: text NULL, done, else failed. */
static bool
client_finish(struct clients *clients, struct client *client, const char *text,
    uint64_t now)
{
	struct ctl_end end = {0};
	uint32_t their_id = client->requests[0].their_id;

	client->id = 0;
	client->nrequests--;
	memmove(client->requests, client->requests + 1,
	    client->nrequests * sizeof(client->requests[0]));
	explicit_bzero(
	    &client->requests[client->nrequests], sizeof(client->requests[0]));
	if (text != NULL) {
		end.status = 1;
		strlcpy(end.text, text, sizeof(end.text));
	}
	return client_send(
	    clients, client, CTL_END, their_id, &end, sizeof(end), now);
}

/* Another version may have another structure after the number. */
static const char *
client_hello(struct clients *clients, struct client *client,
    const struct imsg *imsg, uint64_t now)
{
	struct ctl_hello hello = {.version = CTL_VERSION};
	struct ctl_end end = {.status = 1};
	uint32_t version;

	if (imsg->hdr.type != CTL_HELLO || imsg->len < sizeof(version))
		return "its first message is not hello";
	memcpy(&version, imsg->data, sizeof(version));
	if (version != CTL_VERSION) {
		snprintf(end.text, sizeof(end.text),
		    "the client speaks "
		    "control protocol %u, weaved %s speaks %u",
		    version, WEAVED_VERSION, CTL_VERSION);
		client->state = CLIENT_LEAVING;
		client_send(clients, client, CTL_END, imsg->hdr.id, &end,
		    sizeof(end), now);
		return NULL;
	}
	if (!ctl_valid(CTL_HELLO, imsg->data, imsg->len))
		return "its hello is malformed";
	client->state = CLIENT_READY;
	client->deadline = UINT64_MAX;
	snprintf(hello.software, sizeof(hello.software), "weaved %s",
	    WEAVED_VERSION);
	client_send(clients, client, CTL_HELLO, imsg->hdr.id, &hello,
	    sizeof(hello), now);
	return NULL;
}

static const char *
client_request(struct client *client, const struct imsg *imsg)
{
	const struct request_kind *kind =
	    request_find(imsg->hdr.type, client->who);
	struct request *request;

	if (kind == NULL || !ctl_valid(imsg->hdr.type, imsg->data, imsg->len))
		return "it sent a malformed message";
	if (client_is_process(client) && (kind->who & client->who) == 0)
		return "it asked for what it may not";
	if (client->nrequests == CLIENTS_REQUESTS_MAX)
		return "it sent too many requests at once";
	request = &client->requests[client->nrequests++];
	request->type = imsg->hdr.type;
	request->their_id = imsg->hdr.id;
	request->len = imsg->len;
	memcpy(request->data, imsg->data, imsg->len);
	return NULL;
}

/* NULL: under way. Else why it is not. */
static const char *
client_start(struct clients *clients, struct client *client)
{
	static char denied[80];
	struct request *request = &client->requests[0];
	const struct request_kind *kind =
	    request_find(request->type, client->who);
	const char *error;

	if ((kind->who & client->who) == 0) {
		snprintf(denied, sizeof(denied),
		    "permission denied: only root may %s", kind->action);
		return denied;
	}
	if (kind->check != NULL && (error = kind->check(request->data)) != NULL)
		return error;
	client->id = clients_issue_id(clients);
	client->server = kind->server;
	if (!clients->ops->ask(clients->arg, kind->server, kind->relayed,
		client->id, request->data, request->len))
		return "the engine is busy or starting, try again";
	explicit_bzero(request->data, request->len); /* may be a password */
	return NULL;
}

static void
client_next(struct clients *clients, struct client *client, uint64_t now)
{
	const char *error;

	while (client->nrequests > 0 && client->id == 0) {
		if ((error = client_start(clients, client)) == NULL)
			return;
		if (!client_finish(clients, client, error, now))
			return;
	}
}

/* Returns why the client is to be dropped, or NULL. */
static const char *
client_message(struct clients *clients, struct client *client,
    const struct imsg *imsg, uint64_t now)
{
	const char *error;

	if (imsg->fd != -1)
		return "it sent a descriptor";
	if (client->state == CLIENT_NEW)
		return client_hello(clients, client, imsg, now);
	if ((error = client_request(client, imsg)) == NULL)
		client_next(clients, client, now);
	return error;
}

void
clients_readable(struct clients *clients, unsigned slot, uint64_t now)
{
	struct client *client = &clients->slots[slot];
	const char *error;
	struct imsg imsg;
	int got;

	if (client->state == CLIENT_FREE || client->state == CLIENT_LEAVING)
		return;
	if (imsgbuf_read(client->buf) != 1) {
		client_close(clients, client);
		return;
	}
	while ((got = imsg_get(client->buf, &imsg)) == 1) {
		error = client_message(clients, client, &imsg, now);
		if (client->state == CLIENT_FREE)
			return; /* with the buffer that held the message */
		imsg_free(&imsg);
		if (error != NULL) {
			client_drop(clients, client, error, now);
			return;
		}
		if (client->state == CLIENT_LEAVING)
			return;
	}
	if (got == -1)
		client_drop(
		    clients, client, "it sent a malformed message", now);
}

/* Moves answers up to the mark. False without memory. */
static bool
client_fill(struct clients *clients, struct client *client)
{
	struct answer *answer;

	while (imsgbuf_pending(client->buf) < HIGH_MARK &&
	    (answer = TAILQ_FIRST(&client->out)) != NULL) {
		if (imsg_compose(client->buf, answer->type, answer->id, -1,
			answer->data, answer->len) == -1)
			return false;
		client_forget_answer(clients, client);
	}
	return true;
}

void
clients_writable(struct clients *clients, unsigned slot, uint64_t now)
{
	struct client *client = &clients->slots[slot];
	size_t before, after;

	if (client->state == CLIENT_FREE)
		return;
	do {
		if (!client_fill(clients, client)) {
			client_drop(clients, client, "no memory", now);
			return;
		}
		before = imsgbuf_pending(client->buf);
		if (imsgbuf_write(client->buf) == -1) {
			client_close(clients, client);
			return;
		}
		after = imsgbuf_pending(client->buf);
		if (after < before)
			client->deadline = now + CLIENTS_STALL_MS;
	} while (after == 0 && !TAILQ_EMPTY(&client->out));
	if (after == 0 && client->state == CLIENT_LEAVING) {
		client_close(clients, client);
		return;
	}
	if (after == 0 && client->state == CLIENT_READY)
		client->deadline = UINT64_MAX;
	client_watch(clients, client);
}

uint64_t
clients_tick(struct clients *clients, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < CLIENTS_SLOTS; i++) {
		struct client *client = &clients->slots[i];

		if (client->state == CLIENT_FREE)
			continue;
		if (client->deadline <= now)
			client_drop(clients, client,
			    client->state == CLIENT_NEW
				? "it never said hello"
				: "it does not read its answers",
			    now);
		else if (client->deadline < next)
			next = client->deadline;
	}
	return next;
}

bool
clients_row(struct clients *clients, enum clients_server server, uint32_t id,
    const void *data, size_t len, uint64_t now)
{
	const uint8_t *row = data;
	struct client *client;
	uint32_t type;

	if (len < sizeof(type))
		return false;
	memcpy(&type, row, sizeof(type));
	if (type < CTL_STATUS ||
	    (server == CLIENTS_PARENT) !=
		(type == CTL_ROTATION || type == CTL_ROTATION_NODE) ||
	    !ctl_valid(type, row + sizeof(type), len - sizeof(type)))
		return false;
	if ((client = client_by_id(clients, server, id)) != NULL)
		client_send(clients, client, type, client->requests[0].their_id,
		    row + sizeof(type), len - sizeof(type), now);
	return true;
}

bool
clients_end(struct clients *clients, enum clients_server server, uint32_t id,
    const void *data, size_t len, uint64_t now)
{
	struct client *client;
	struct ctl_end end;

	if (!ctl_valid(CTL_END, data, len))
		return false;
	if ((client = client_by_id(clients, server, id)) == NULL)
		return true;
	memcpy(&end, data, sizeof(end));
	if (client_finish(
		clients, client, end.status == 0 ? NULL : end.text, now))
		client_next(clients, client, now);
	return true;
}

void
clients_engine_gone(struct clients *clients, uint64_t now)
{
	for (size_t i = 0; i < CLIENTS_SLOTS; i++) {
		struct client *client = &clients->slots[i];

		if (client->id == 0 || client->server != CLIENTS_ENGINE)
			continue;
		if (client_finish(
			clients, client, "engine restarted, try again", now))
			client_next(clients, client, now);
	}
}
