#include <sys/socket.h>

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/control/clients.h"
#include "weaved/control/control.h"

/* Clients that come and go faster than the engine reads get refused. */
#define ENGINE_PENDING_MAX (IMSG_QUEUE_MAX / 4)
#define ACCEPT_PAUSE_MS 1000 /* without a free descriptor */

static void control_handle_pipe(void *, struct imsg *);
static void control_handle_socket(void *, struct imsg *);
static void control_handle_parent_row(void *, struct imsg *);
static void control_handle_parent_end(void *, struct imsg *);
static void control_handle_row(void *, struct imsg *);
static void control_handle_engine_end(void *, struct imsg *);
static void control_engine_ended(void *, enum pipe_end);
static void control_distrust_engine(void);
static void control_distrust(void *, enum clients_who);
static void control_watch(void *, unsigned, int, bool, bool);
static bool control_ask(
    void *, enum clients_server, uint32_t, uint32_t, const void *, size_t);
static void control_accept(evutil_socket_t, short, void *);
static void control_ready(evutil_socket_t, short, void *);
static void control_tick(evutil_socket_t, short, void *);
static void control_settle(void);
static void control_last(void);

static struct {
	struct clients *clients;
	struct pipe *engine;
	struct event *listen;
	struct event *timer;
	struct event *events[CLIENTS_SLOTS];
	uint64_t paused; /* no accepting until then */
} control;

static const struct dispatch_entry table[] = {
    CHILD_DISPATCH,
    DISPATCH_WITH_FD(IMSG_PIPE, struct imsg_pipe, control_handle_pipe),
    DISPATCH_FD(IMSG_SOCKETS_CONTROL, control_handle_socket),
    {IMSG_ROW, sizeof(uint32_t), IMSG_DATA_MAX, false,
	control_handle_parent_row},
    DISPATCH(IMSG_END, struct ctl_end, control_handle_parent_end),
};

/* Rows are checked by clients_row(). */
static const struct dispatch_entry engine_table[] = {
    {IMSG_ROW, sizeof(uint32_t), IMSG_DATA_MAX, false, control_handle_row},
    DISPATCH(IMSG_END, struct ctl_end, control_handle_engine_end),
};

static const struct clients_ops clients_ops = {
    .watch = control_watch,
    .distrust = control_distrust,
    .ask = control_ask,
};

static void
control_handle_pipe(void *arg, struct imsg *imsg)
{
	struct imsg_pipe message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (message.proc == PROC_HTTP || message.proc == PROC_KUBE) {
		clients_set_process(control.clients, imsg_take_fd(imsg),
		    message.proc == PROC_HTTP ? CLIENTS_HTTP : CLIENTS_KUBE,
		    proc_now());
		control_settle();
		return;
	}
	if (message.proc != PROC_ENGINE)
		fatalx("pipe to an unknown process");
	pipe_free(control.engine);
	control.engine = pipe_new(child_base(), imsg_take_fd(imsg),
	    engine_table, sizeof(engine_table) / sizeof(engine_table[0]),
	    control_engine_ended, NULL);
	if (control.engine == NULL)
		fatal("pipe to engine");
	clients_engine_gone(control.clients, proc_now());
	control_settle();
}

static void
control_handle_socket(void *arg, struct imsg *imsg)
{
	int fd = imsg_take_fd(imsg);

	(void)arg;
	if (control.listen != NULL)
		fatalx("a second control socket");
	if (evutil_make_socket_nonblocking(fd) == -1 ||
	    (control.listen = event_new(child_base(), fd, EV_READ | EV_PERSIST,
		 control_accept, NULL)) == NULL)
		fatal("control socket");
	control_settle();
}

static void
control_handle_parent_row(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (!clients_row(control.clients, CLIENTS_PARENT, imsg->hdr.id,
		imsg->data, imsg->len, proc_now()))
		fatalx("malformed row of the parent");
}

static void
control_handle_parent_end(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (!clients_end(control.clients, CLIENTS_PARENT, imsg->hdr.id,
		imsg->data, imsg->len, proc_now()))
		fatalx("malformed answer of the parent");
	control_settle();
}

static void
control_handle_row(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (!clients_row(control.clients, CLIENTS_ENGINE, imsg->hdr.id,
		imsg->data, imsg->len, proc_now()))
		control_distrust_engine();
}

static void
control_handle_engine_end(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (!clients_end(control.clients, CLIENTS_ENGINE, imsg->hdr.id,
		imsg->data, imsg->len, proc_now()))
		control_distrust_engine();
	control_settle();
}

static void
control_distrust_engine(void)
{
	log_error("malformed answer of the engine");
	control_engine_ended(NULL, PIPE_BROKEN);
}

static void
control_engine_ended(void *arg, enum pipe_end end)
{
	(void)arg;
	if (end == PIPE_BROKEN)
		child_distrust(PROC_ENGINE);
	pipe_free(control.engine);
	control.engine = NULL;
	clients_engine_gone(control.clients, proc_now());
	control_settle();
}

static void
control_distrust(void *arg, enum clients_who who)
{
	(void)arg;
	child_distrust(who == CLIENTS_HTTP ? PROC_HTTP : PROC_KUBE);
}

static void
control_watch(void *arg, unsigned slot, int fd, bool read, bool write)
{
	struct event **event = &control.events[slot];
	short what = (short)((read ? EV_READ : 0) | (write ? EV_WRITE : 0));

	(void)arg;
	if (*event != NULL) {
		if (what != 0 &&
		    event_get_events(*event) == (what | EV_PERSIST))
			return;
		event_free(*event);
		*event = NULL;
	}
	if (what == 0)
		return;
	*event = event_new(child_base(), fd, (short)(what | EV_PERSIST),
	    control_ready, (void *)(uintptr_t)slot);
	if (*event == NULL || event_add(*event, NULL) == -1)
		fatal("client events");
}

static bool
control_ask(void *arg, enum clients_server server, uint32_t type, uint32_t id,
    const void *data, size_t len)
{
	(void)arg;
	if (server == CLIENTS_PARENT) {
		child_send(type, id, data, len);
		return true;
	}
	if (control.engine == NULL ||
	    (type != IMSG_SHOW_CANCEL &&
		pipe_pending(control.engine) > ENGINE_PENDING_MAX))
		return false;
	pipe_send(control.engine, type, id, -1, data, len);
	return true;
}

static void
control_accept(evutil_socket_t listener, short what, void *arg)
{
	struct ucred cred;
	socklen_t len = sizeof(cred);
	int fd;

	(void)what;
	(void)arg;
	fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM) {
			log_warn_errno("cannot accept clients for a second");
			control.paused = proc_now() + ACCEPT_PAUSE_MS;
		}
	} else if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		close(fd);
	else
		clients_accepted(control.clients, fd, cred.uid, proc_now());
	control_settle();
}

static void
control_ready(evutil_socket_t fd, short what, void *arg)
{
	unsigned slot = (unsigned)(uintptr_t)arg;

	(void)fd;
	if (what & EV_READ)
		clients_readable(control.clients, slot, proc_now());
	if (what & EV_WRITE)
		clients_writable(control.clients, slot, proc_now());
	control_settle();
}

static void
control_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	control_settle();
}

/* After anything happened: who is late, who may come, when to look again. */
static void
control_settle(void)
{
	uint64_t now = proc_now();
	uint64_t next = clients_tick(control.clients, now);
	struct timeval tv;

	if (control.listen != NULL) {
		if (clients_full(control.clients) || control.paused > now)
			event_del(control.listen);
		else if (event_add(control.listen, NULL) == -1)
			fatal("control socket");
	}
	if (control.paused > now && control.paused < next)
		next = control.paused;
	event_del(control.timer);
	if (next == UINT64_MAX)
		return;
	tv.tv_sec = (time_t)((next - now) / 1000);
	tv.tv_usec = (suseconds_t)((next - now) % 1000 * 1000);
	if (event_add(control.timer, &tv) == -1)
		fatal("timer");
}

/* Who asked for the end of all hears that it came. */
static void
control_last(void)
{
	for (unsigned slot = 0; slot < CLIENTS_MAX; slot++)
		clients_writable(control.clients, slot, proc_now());
}

void
control_main(void)
{
	child_init(PROC_CONTROL, table, sizeof(table) / sizeof(table[0]), NULL);
	control.clients = clients_new(&clients_ops, NULL);
	control.timer = event_new(child_base(), -1, 0, control_tick, NULL);
	if (control.clients == NULL || control.timer == NULL)
		fatal("control: cannot start");
	child_at_end(control_last);
	child_run();
}
