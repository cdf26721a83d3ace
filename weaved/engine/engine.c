#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <linux/tcp.h>
#include <netinet/in.h>
#include <sched.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/engine/engine_internal.h"
#include "weaved/engine/overlay/cipher.h"

#define OVERLAYS "sleeve" /* our list, in the order we prefer */
#define ACCEPT_PAUSE_MS 50 /* when there are too many */
#define ACCEPT_BATCH 16
#define TAP_CHECK_MS 100 /* at most so often: is it still there? */

struct engine engine = {.tcp_fd = -1, .df_fd = -1, .nodf_fd = -1, .tap_fd = -1};

static void engine_handle_pipe(void *, struct imsg *);
static void engine_handle_conf(void *, struct imsg *);
static void engine_handle_subnet(void *, struct imsg *);
static void engine_handle_conf_end(void *, struct imsg *);
static void engine_handle_tcp(void *, struct imsg *);
static void engine_handle_df(void *, struct imsg *);
static void engine_handle_nodf(void *, struct imsg *);
static void engine_handle_tap(void *, struct imsg *);
static void engine_handle_target_add(void *, struct imsg *);
static void engine_handle_target_remove(void *, struct imsg *);
static void engine_handle_redial(void *, struct imsg *);
static void engine_handle_dialled(void *, struct imsg *);
static void engine_handle_resolved(void *, struct imsg *);
static void engine_handle_process(void *, struct imsg *);

static const struct dispatch_entry parent_table[] = {
    CHILD_DISPATCH,
    DISPATCH_WITH_FD(IMSG_PIPE, struct imsg_pipe, engine_handle_pipe),
    DISPATCH(IMSG_CONF, struct imsg_conf, engine_handle_conf),
    DISPATCH(IMSG_CONF_SUBNET, struct imsg_subnet, engine_handle_subnet),
    DISPATCH_EMPTY(IMSG_CONF_END, engine_handle_conf_end),
    DISPATCH_FD(IMSG_SOCKETS_TCP, engine_handle_tcp),
    DISPATCH_FD(IMSG_SOCKETS_DF, engine_handle_df),
    DISPATCH_FD(IMSG_SOCKETS_NODF, engine_handle_nodf),
    DISPATCH_FD(IMSG_SOCKETS_TAP, engine_handle_tap),
    DISPATCH(IMSG_TARGET_ADD, struct imsg_target, engine_handle_target_add),
    DISPATCH(
	IMSG_TARGET_REMOVE, struct imsg_target_id, engine_handle_target_remove),
    DISPATCH(IMSG_REDIAL, struct imsg_neighbour, engine_handle_redial),
    DISPATCH_WITH_FD(IMSG_DIALLED, struct imsg_dialled, engine_handle_dialled),
    DISPATCH(IMSG_DIAL_FAILED, struct imsg_dialled, engine_handle_dialled),
    DISPATCH(IMSG_RESOLVED, struct imsg_resolved, engine_handle_resolved),
    DISPATCH(
	IMSG_KX2_STARTED, struct imsg_kx2_started, engine_handle_kx2_started),
    DISPATCH(IMSG_KX2_FINISHED, struct imsg_kx2_finished,
	engine_handle_kx2_finished),
    DISPATCH(
	IMSG_KX3_STARTED, struct imsg_kx3_started, engine_handle_kx3_started),
    DISPATCH(IMSG_KX3_FINISHED, struct imsg_kx3_finished,
	engine_handle_kx3_finished),
    DISPATCH(IMSG_REAUTH_STARTED, struct imsg_reauth_started,
	engine_handle_reauth_started),
    DISPATCH(IMSG_REAUTH_FINISHED, struct imsg_reauth_finished,
	engine_handle_reauth_finished),
    DISPATCH_EMPTY(IMSG_REAUTH_ALL, engine_handle_reauth_all),
    DISPATCH_EMPTY(IMSG_PEERS, engine_handle_peers),
    DISPATCH(IMSG_PARENT_MESSAGE, struct imsg_parent_message,
	engine_handle_parent_message),
    DISPATCH(IMSG_PASSWORDS, struct imsg_passwords, engine_handle_passwords),
    DISPATCH(IMSG_PASSWORD_GONE, struct imsg_password_gone,
	engine_handle_password_gone),
    DISPATCH(IMSG_PROCESS, struct ctl_process, engine_handle_process),
    DISPATCH(IMSG_IPAM_CONF, struct imsg_ipam_conf, engine_ipam_handle_conf),
    DISPATCH(IMSG_IPAM_SEED, struct imsg_ipam_seed, engine_ipam_handle_seed),
    DISPATCH(IMSG_IPAM_MEMBERS, struct imsg_ipam_members,
	engine_ipam_handle_members),
    {IMSG_IPAM_STATE, 1, IMSG_DATA_MAX, false, engine_ipam_handle_state},
    DISPATCH_EMPTY(IMSG_IPAM_STATE_END, engine_ipam_handle_state_end),
    DISPATCH(IMSG_IPAM_SAVED, struct imsg_ipam_saved, engine_ipam_handle_saved),
};

static const struct dispatch_entry control_table[] = {
    DISPATCH(IMSG_SHOW, struct ctl_show, engine_handle_show),
    DISPATCH_EMPTY(IMSG_SHOW_CANCEL, engine_handle_show_cancel),
    DISPATCH(IMSG_IP_ALLOCATE, struct ctl_ip, engine_ipam_handle_request),
    DISPATCH(IMSG_IP_CLAIM, struct ctl_ip, engine_ipam_handle_request),
    DISPATCH(IMSG_IP_RELEASE, struct ctl_ip, engine_ipam_handle_request),
    DISPATCH(IMSG_RMPEER, struct ctl_target, engine_ipam_handle_request),
    DISPATCH_EMPTY(IMSG_RESET, engine_ipam_handle_request),
    DISPATCH(IMSG_BENCH, struct ctl_bench, engine_handle_bench),
};

static void mesh_op_watch(void *, uint32_t, int, bool, bool);
static void mesh_op_dial(void *, uint32_t, struct endpoint, bool);
static void mesh_op_resolve(void *, uint32_t, const char *);
static void mesh_op_neighbour(void *, struct endpoint, bool);
static bool mesh_op_prepare(
    void *, uint32_t, const struct mesh_link *, char *, size_t);
static void mesh_op_confirm(void *, uint32_t, uint64_t);
static void mesh_op_control(
    void *, uint32_t, uint8_t, const uint8_t *, size_t, uint64_t);
static void mesh_op_stop(void *, uint32_t);
static void mesh_op_rekey(
    void *, uint32_t, const uint8_t[2][MESH_KEY_LEN], uint64_t);
static void mesh_op_switch(void *, uint32_t, uint64_t);
static void mesh_op_hold(void *, uint32_t);
static uint64_t mesh_op_volume(void *, uint32_t);
static uint32_t engine_round_trip(uint32_t);
static void mesh_op_describe(void *, uint32_t, struct ctl_connection *);
static void mesh_op_peer_gone(void *, uint64_t);

static const struct mesh_ops mesh_ops = {
    .watch = mesh_op_watch,
    .dial = mesh_op_dial,
    .resolve = mesh_op_resolve,
    .kx_start = engine_op_kx_start,
    .kx_finish = engine_op_kx_finish,
    .kx_cancel = engine_op_kx_cancel,
    .kx3_start = engine_op_kx3_start,
    .kx3_finish = engine_op_kx3_finish,
    .kx3_cancel = engine_op_kx3_cancel,
    .reauth_start = engine_op_reauth_start,
    .reauth_finish = engine_op_reauth_finish,
    .reauth_verdict = engine_op_reauth_verdict,
    .session = engine_op_session,
    .parent_message = engine_op_parent_message,
    .neighbour = mesh_op_neighbour,
    .overlay_prepare = mesh_op_prepare,
    .overlay_confirm = mesh_op_confirm,
    .overlay_control = mesh_op_control,
    .overlay_stop = mesh_op_stop,
    .overlay_rekey = mesh_op_rekey,
    .overlay_switch = mesh_op_switch,
    .overlay_hold = mesh_op_hold,
    .overlay_volume = mesh_op_volume,
    .overlay_describe = mesh_op_describe,
    .overlay_peer_gone = mesh_op_peer_gone,
};

static void overlay_op_control(
    void *, uint32_t, uint8_t, const uint8_t *, size_t, uint64_t);
static void overlay_op_established(void *, uint32_t, uint64_t);
static void overlay_op_failed(void *, uint32_t, const char *, uint64_t);
static bool overlay_op_peer_known(void *, uint64_t);
static uint64_t overlay_op_next_hop(void *, uint64_t);
static size_t overlay_op_broadcast_hops(void *, uint64_t, const uint64_t **);
static void overlay_op_watch_write(void *, int, bool);
static void overlay_op_give_way(void *);

static const struct overlay_ops overlay_ops = {
    .control = overlay_op_control,
    .established = overlay_op_established,
    .failed = overlay_op_failed,
    .peer_known = overlay_op_peer_known,
    .next_hop = overlay_op_next_hop,
    .broadcast_hops = overlay_op_broadcast_hops,
    .watch_write = overlay_op_watch_write,
    .give_way = overlay_op_give_way,
};

static void engine_select_cipher(void);
static void engine_create(void);
static void engine_timer(evutil_socket_t, short, void *);
static void engine_accept(evutil_socket_t, short, void *);
static bool engine_accept_one(uint64_t);
static void engine_pause_accepting(void);
static void engine_accept_again(evutil_socket_t, short, void *);
static void engine_connection(evutil_socket_t, short, void *);
static void engine_udp(evutil_socket_t, short, void *);
static void engine_udp_writable(evutil_socket_t, short, void *);
static bool engine_tap_gone(int);
static void engine_tap(evutil_socket_t, short, void *);
static struct event *engine_event(int, short, event_callback_fn);
static void engine_control_ended(void *, enum pipe_end);
static struct event **engine_write_event(int);

/*
 * All layers do what is due, then one timer waits for the first of them.
 * Every entry from the loop ends here.
 */
void
engine_tick(void)
{
	uint64_t now = proc_now(), next, other;
	struct timeval delay;

	if (engine.mesh == NULL)
		return;
	/* First it, for it may have something for the mesh to send. */
	next = engine_ipam_tick(now);
	mesh_set_slept(engine.mesh, proc_slept());
	other = mesh_tick(engine.mesh, now);
	if (other < next)
		next = other;
	other = overlay_tick(engine.overlay, now);
	engine_bench_finish();
	if (other < next)
		next = other;
	next = next > now ? next - now : 0;
	if (next > 60000)
		next = 60000;
	delay.tv_sec = (time_t)(next / 1000);
	delay.tv_usec = (suseconds_t)(next % 1000 * 1000);
	evtimer_add(engine.timer, &delay);
}

static void
engine_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	engine_tick();
}

static struct event *
engine_event(int fd, short what, event_callback_fn callback)
{
	struct event *event = event_new(child_base(), fd, what, callback, NULL);

	if (event == NULL)
		fatalx("no memory for an event");
	return event;
}

/* Before the first sleeve has keys. */
static void
engine_select_cipher(void)
{
	const char *name = cipher_select(engine.message.cipher_library);

	if (cipher_self_test())
		log_info("cipher: %s", name);
	else
		log_error("cipher: %s differs from libsodium, which is used "
			  "in its place",
		    name);
}

/* The first configuration makes both layers, later ones change them. */
static void
engine_create(void)
{
	struct overlay_conf overlay_conf = {engine.conf.name, engine.conf.port,
	    engine.message.mtu, engine.message.offloads};
	uint64_t uid = 0, now = proc_now();

	while (uid == 0)
		randombytes_buf(&uid, sizeof(uid));
	engine.started = now;
	engine_select_cipher();
	engine.mesh =
	    mesh_new(&engine.conf, OVERLAYS, uid, &mesh_ops, NULL, now);
	engine.overlay = overlay_new(&overlay_conf, &overlay_ops, NULL, now);
	if (engine.mesh == NULL || engine.overlay == NULL)
		fatalx("no memory for the mesh");
	engine.timer = engine_event(-1, 0, engine_timer);
}

static void
engine_handle_conf(void *arg, struct imsg *imsg)
{
	const struct imsg_conf *message = imsg->data;
	struct mesh_conf *conf = &engine.wanted;

	(void)arg;
	memcpy(&engine.message, message, sizeof(engine.message));
	memset(conf, 0, sizeof(*conf));
	conf->name = engine.message.name;
	strlcpy(
	    conf->nickname, engine.message.nickname, sizeof(conf->nickname));
	conf->port = engine.message.port;
	conf->encrypted = engine.message.encrypted;
	conf->listen_first = engine.message.listen_first;
	conf->version_min = engine.message.version_min;
	conf->version_max = engine.message.version_max;
	conf->discovery = engine.message.discovery;
	conf->limit = engine.message.connection_limit;
	conf->rekey_interval = engine.message.rekey_interval * UINT64_C(1000);
	conf->reauth_interval = engine.message.reauth_interval * UINT64_C(1000);
}

static void
engine_handle_subnet(void *arg, struct imsg *imsg)
{
	struct imsg_subnet message;
	struct mesh_conf *conf = &engine.wanted;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (conf->ntrusted == SUBNETS_MAX || message.len > 32)
		fatalx("trusted subnets refused");
	conf->trusted[conf->ntrusted].addr = message.addr;
	conf->trusted[conf->ntrusted++].len = (uint8_t)message.len;
}

static void
engine_handle_conf_end(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	engine.conf = engine.wanted;
	if (engine.mesh == NULL)
		engine_create();
	else
		mesh_reconfigure(engine.mesh, &engine.conf, proc_now());
	engine_ipam_set_nickname();
	engine_tick();
}

static void
engine_handle_tcp(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (engine.mesh == NULL || engine.tcp_fd != -1)
		fatalx("listening socket refused");
	engine.tcp_fd = imsg_take_fd(imsg);
	engine.accept =
	    engine_event(engine.tcp_fd, EV_READ | EV_PERSIST, engine_accept);
	engine.accept_pause = engine_event(-1, 0, engine_accept_again);
	event_add(engine.accept, NULL);
}

static void
engine_handle_df(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (engine.overlay == NULL || engine.df_fd != -1)
		fatalx("UDP socket refused");
	engine.df_fd = imsg_take_fd(imsg);
	engine.udp =
	    engine_event(engine.df_fd, EV_READ | EV_PERSIST, engine_udp);
	engine.udp_write[0] = engine_event(
	    engine.df_fd, EV_WRITE | EV_PERSIST, engine_udp_writable);
}

static void
engine_handle_nodf(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (engine.df_fd == -1 || engine.nodf_fd != -1)
		fatalx("UDP socket refused");
	engine.nodf_fd = imsg_take_fd(imsg);
	engine.udp_write[1] = engine_event(
	    engine.nodf_fd, EV_WRITE | EV_PERSIST, engine_udp_writable);
	overlay_set_udp(engine.overlay, engine.df_fd, engine.nodf_fd);
	event_add(engine.udp, NULL);
}

static void
engine_handle_tap(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (engine.overlay == NULL || engine.tap_fd != -1)
		fatalx("TAP refused");
	engine.tap_fd = imsg_take_fd(imsg);
	engine.tap =
	    engine_event(engine.tap_fd, EV_READ | EV_PERSIST, engine_tap);
	engine.tap_write = engine_event(
	    engine.tap_fd, EV_WRITE | EV_PERSIST, engine_udp_writable);
	overlay_set_tap(engine.overlay, engine.tap_fd);
	event_add(engine.tap, NULL);
}

static void
engine_handle_target_add(void *arg, struct imsg *imsg)
{
	struct imsg_target message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.text[sizeof(message.text) - 1] = '\0';
	if (engine.mesh == NULL)
		fatalx("target before the configuration");
	if (mesh_target_add(
		engine.mesh, message.target, message.text, proc_now()) == -1)
		log_warn("target %s not added", message.text);
	engine_tick();
}

static void
engine_handle_target_remove(void *arg, struct imsg *imsg)
{
	struct imsg_target_id message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("target before the configuration");
	mesh_target_remove(engine.mesh, message.target);
	engine_tick();
}

static void
engine_handle_redial(void *arg, struct imsg *imsg)
{
	struct imsg_neighbour message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("neighbour before the configuration");
	mesh_redial(engine.mesh, (struct endpoint){message.addr, message.port},
	    proc_now());
	engine_tick();
}

static void
engine_handle_dialled(void *arg, struct imsg *imsg)
{
	struct imsg_dialled message;
	struct endpoint local;
	int fd = imsg_take_fd(imsg);

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	local.addr = message.local_addr;
	local.port = message.local_port;
	if (engine.mesh == NULL)
		fatalx("dialled before the configuration");
	mesh_dialled(engine.mesh, message.dial, fd, local,
	    fd == -1 && message.error == 0 ? EIO : (int)message.error,
	    proc_now());
	engine_tick();
}

static void
engine_handle_resolved(void *arg, struct imsg *imsg)
{
	struct imsg_resolved message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.error[sizeof(message.error) - 1] = '\0';
	if (engine.mesh == NULL ||
	    message.naddrs > sizeof(message.addrs) / sizeof(message.addrs[0]))
		fatalx("resolved addresses refused");
	mesh_resolved(engine.mesh, message.target, message.addrs,
	    message.naddrs, message.error[0] == '\0' ? NULL : message.error,
	    proc_now());
	engine_tick();
}

static void
engine_handle_process(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (imsg->hdr.id >= PROC_MAX)
		fatalx("no such process");
	memcpy(&engine.processes[imsg->hdr.id], imsg->data,
	    sizeof(struct ctl_process));
}

static void
engine_handle_pipe(void *arg, struct imsg *imsg)
{
	struct imsg_pipe message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (message.proc != PROC_CONTROL)
		fatalx("pipe to an unknown process");
	pipe_free(engine.control);
	engine_bench_cancel();
	evbuffer_drain(engine.rows, evbuffer_get_length(engine.rows));
	engine_ipam_cancel_all();
	engine.control = pipe_new(child_base(), imsg_take_fd(imsg),
	    control_table, sizeof(control_table) / sizeof(control_table[0]),
	    engine_control_ended, NULL);
	if (engine.control == NULL)
		fatal("pipe to control");
	pipe_on_drain(engine.control, engine_control_drained);
}

static void
engine_control_ended(void *arg, enum pipe_end end)
{
	(void)arg;
	if (end == PIPE_BROKEN)
		child_distrust(PROC_CONTROL);
	pipe_free(engine.control);
	engine.control = NULL;
	engine_bench_cancel();
	evbuffer_drain(engine.rows, evbuffer_get_length(engine.rows));
	engine_ipam_cancel_all();
}

static void
engine_pause_accepting(void)
{
	const struct timeval pause = {0, ACCEPT_PAUSE_MS * 1000};

	event_del(engine.accept);
	evtimer_add(engine.accept_pause, &pause);
}

static void
engine_accept_again(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	event_add(engine.accept, NULL);
}

static bool
engine_accept_one(uint64_t now)
{
	struct sockaddr_in sin = {0}, own = {0};
	struct endpoint local, remote;
	socklen_t len = sizeof(sin);
	int fd;

	fd = accept4(engine.tcp_fd, (struct sockaddr *)&sin, &len,
	    SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd == -1) {
		if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS ||
		    errno == ENOMEM)
			engine_pause_accepting();
		return false;
	}
	len = sizeof(own);
	if (getsockname(fd, (struct sockaddr *)&own, &len) == -1) {
		close(fd);
		return true;
	}
	local.addr = ntohl(own.sin_addr.s_addr);
	local.port = ntohs(own.sin_port);
	remote.addr = ntohl(sin.sin_addr.s_addr);
	remote.port = ntohs(sin.sin_port);
	mesh_accepted(engine.mesh, fd, local, remote, now);
	return true;
}

static void
engine_accept(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = proc_now();

	(void)fd;
	(void)what;
	(void)arg;
	for (int i = 0; i < ACCEPT_BATCH; i++) {
		if (!mesh_may_accept(engine.mesh, now)) {
			engine_pause_accepting();
			break;
		}
		if (!engine_accept_one(now))
			break;
	}
	engine_tick();
}

static void
engine_connection(evutil_socket_t fd, short what, void *arg)
{
	/* The watch may be gone after the first call. */
	uint32_t conn = ((struct engine_watch *)arg)->conn;
	uint64_t now = proc_now();

	(void)fd;
	if (what & EV_WRITE)
		mesh_writable(engine.mesh, conn, now);
	if (what & EV_READ)
		mesh_readable(engine.mesh, conn, now);
	engine_tick();
}

static void
engine_udp(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	overlay_udp_readable(engine.overlay, proc_now());
	engine_tick();
}

static void
engine_udp_writable(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	(void)arg;
	overlay_udp_writable(engine.overlay, fd, proc_now());
	engine_tick();
}

/* Such a descriptor is readable for ever; the parent makes a new device. */
static bool
engine_tap_gone(int fd)
{
	char none;

	return read(fd, &none, 0) == -1 && errno == EBADFD;
}

static void
engine_tap(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = proc_now();

	(void)what;
	(void)arg;
	if (now >= engine.tap_check) {
		engine.tap_check = now + TAP_CHECK_MS;
		if (engine_tap_gone(fd))
			fatalx("the TAP device is gone");
	}
	overlay_tap_readable(engine.overlay, now);
	engine_tick();
}

static void
mesh_op_watch(void *arg, uint32_t conn, int fd, bool read, bool write)
{
	short what =
	    (short)((read ? EV_READ : 0) | (write ? EV_WRITE : 0) | EV_PERSIST);
	struct engine_watch *watch;

	(void)arg;
	TAILQ_FOREACH(watch, &engine.watches, entry)
		if (watch->conn == conn)
			break;
	if (watch != NULL) {
		TAILQ_REMOVE(&engine.watches, watch, entry);
		event_free(watch->event);
		free(watch);
	}
	if (!read && !write)
		return;
	if ((watch = calloc(1, sizeof(*watch))) == NULL ||
	    (watch->event = event_new(
		 child_base(), fd, what, engine_connection, watch)) == NULL)
		fatalx("no memory for a connection");
	watch->conn = conn;
	watch->fd = fd;
	TAILQ_INSERT_TAIL(&engine.watches, watch, entry);
	event_add(watch->event, NULL);
}

static void
mesh_op_dial(void *arg, uint32_t dial, struct endpoint to, bool direct)
{
	struct imsg_dial message = {
	    .dial = dial, .addr = to.addr, .port = to.port};

	(void)arg;
	(void)direct;
	child_send(IMSG_DIAL, 0, &message, sizeof(message));
}

static void
mesh_op_resolve(void *arg, uint32_t target, const char *host)
{
	struct imsg_target_id message = {.target = target};

	(void)arg;
	(void)host; /* the parent knows what the operator wrote */
	child_send(IMSG_RESOLVE, 0, &message, sizeof(message));
}

static void
mesh_op_neighbour(void *arg, struct endpoint at, bool up)
{
	struct imsg_neighbour message = {at.addr, at.port, up, 0};

	(void)arg;
	child_send(IMSG_NEIGHBOUR, 0, &message, sizeof(message));
}

static bool
mesh_op_prepare(void *arg, uint32_t conn, const struct mesh_link *link,
    char *cause, size_t size)
{
	(void)arg;
	return overlay_prepare(engine.overlay, conn, link, cause, size);
}

static void
mesh_op_confirm(void *arg, uint32_t conn, uint64_t now)
{
	(void)arg;
	overlay_confirm(engine.overlay, conn, now);
}

static void
mesh_op_control(void *arg, uint32_t conn, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	(void)arg;
	overlay_control(engine.overlay, conn, tag, body, len, now);
}

static void
mesh_op_stop(void *arg, uint32_t conn)
{
	(void)arg;
	overlay_stop(engine.overlay, conn);
}

static void
mesh_op_rekey(
    void *arg, uint32_t conn, const uint8_t keys[2][MESH_KEY_LEN], uint64_t now)
{
	(void)arg;
	overlay_rekey(engine.overlay, conn, keys, now);
}

static void
mesh_op_switch(void *arg, uint32_t conn, uint64_t now)
{
	(void)arg;
	overlay_switch(engine.overlay, conn, now);
}

static void
mesh_op_hold(void *arg, uint32_t conn)
{
	(void)arg;
	overlay_hold(engine.overlay, conn);
}

static uint64_t
mesh_op_volume(void *arg, uint32_t conn)
{
	(void)arg;
	return overlay_volume(engine.overlay, conn);
}

/*
 * As the kernel measures it by the acknowledgements of the connection, so also
 * towards Weave's routers. Those of a message here and there are delayed on
 * purpose; the least of some minutes is not.
 */
static uint32_t
engine_round_trip(uint32_t conn)
{
	struct tcp_info info = {0};
	socklen_t len = sizeof(info);
	struct engine_watch *watch;

	TAILQ_FOREACH(watch, &engine.watches, entry)
		if (watch->conn == conn)
			break;
	if (watch == NULL ||
	    getsockopt(watch->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return 0;
	return info.tcpi_min_rtt == UINT32_MAX ? info.tcpi_rtt
					       : info.tcpi_min_rtt;
}

static void
mesh_op_describe(void *arg, uint32_t conn, struct ctl_connection *row)
{
	(void)arg;
	overlay_describe(engine.overlay, conn, row);
	row->rtt = engine_round_trip(conn);
}

static void
mesh_op_peer_gone(void *arg, uint64_t peer)
{
	(void)arg;
	overlay_peer_gone(engine.overlay, peer);
}

static void
overlay_op_control(void *arg, uint32_t conn, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	(void)arg;
	mesh_overlay_send(engine.mesh, conn, tag, body, len, now);
}

static void
overlay_op_established(void *arg, uint32_t conn, uint64_t now)
{
	(void)arg;
	mesh_overlay_established(engine.mesh, conn, now);
}

static void
overlay_op_failed(void *arg, uint32_t conn, const char *cause, uint64_t now)
{
	(void)arg;
	mesh_overlay_failed(engine.mesh, conn, cause, now);
}

static bool
overlay_op_peer_known(void *arg, uint64_t peer)
{
	(void)arg;
	return mesh_peer_known(engine.mesh, peer);
}

static uint64_t
overlay_op_next_hop(void *arg, uint64_t peer)
{
	(void)arg;
	return mesh_next_hop(engine.mesh, peer);
}

static size_t
overlay_op_broadcast_hops(void *arg, uint64_t source, const uint64_t **hops)
{
	(void)arg;
	return mesh_broadcast_hops(engine.mesh, source, hops);
}

static struct event **
engine_write_event(int fd)
{
	if (fd == engine.df_fd)
		return &engine.udp_write[0];
	if (fd == engine.nodf_fd)
		return &engine.udp_write[1];
	return &engine.tap_write;
}

static void
overlay_op_watch_write(void *arg, int fd, bool on)
{
	struct event *event = *engine_write_event(fd);

	(void)arg;
	if (on)
		event_add(event, NULL);
	else
		event_del(event);
}

static void
overlay_op_give_way(void *arg)
{
	(void)arg;
	sched_yield();
}

void
engine_main(void)
{
	TAILQ_INIT(&engine.watches);
	if ((engine.rows = evbuffer_new()) == NULL)
		fatalx("no memory");
	child_init(PROC_ENGINE, parent_table,
	    sizeof(parent_table) / sizeof(parent_table[0]), NULL);
	child_run();
}
