#include <sys/wait.h>

#include <pwd.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/parent/detach.h"
#include "weaved/parent/hardened.h"
#include "weaved/parent/http.h"
#include "weaved/parent/output.h"
#include "weaved/parent/ipam.h"
#include "weaved/parent/kubernetes.h"
#include "weaved/parent/mesh_rotation.h"
#include "weaved/parent/parent_internal.h"
#include "weaved/parent/passwords.h"

#define STOP_MS 700 /* children that live longer are killed */
#define WEAK_BITS 80 /* hardened-protocol 2 */

struct parent parent;

static void parent_ready(struct spawn *);
static void parent_gone(struct spawn *);
static void parent_handle_distrust(void *, struct imsg *);
static void parent_handle_kube_account(void *, struct imsg *);
static void parent_handle_kube_member(void *, struct imsg *);

static const struct dispatch_entry engine_table[] = {
    SPAWN_DISPATCH,
    DISPATCH(IMSG_DISTRUST, struct imsg_pipe, parent_handle_distrust),
    DISPATCH(IMSG_DIAL, struct imsg_dial, parent_handle_dial),
    DISPATCH(IMSG_RESOLVE, struct imsg_target_id, parent_handle_resolve),
    DISPATCH(IMSG_NEIGHBOUR, struct imsg_neighbour, parent_handle_neighbour),
    DISPATCH(IMSG_KX2_START, struct imsg_kx2_start, parent_handle_kx2_start),
    DISPATCH(IMSG_KX2_FINISH, struct imsg_kx2_finish, parent_handle_kx2_finish),
    DISPATCH(IMSG_KX2_CANCEL, struct imsg_kx2_cancel, parent_handle_kx2_cancel),
    {IMSG_IPAM_SAVE, 1, IMSG_DATA_MAX, false, parent_handle_ipam_save},
    DISPATCH_EMPTY(IMSG_IPAM_SAVE_END, parent_handle_ipam_save_end),
    DISPATCH_EMPTY(IMSG_IPAM_DAMAGED, parent_handle_ipam_damaged),
    DISPATCH(IMSG_IPAM_OWNED, struct imsg_local, parent_handle_ipam_owned),
    DISPATCH(IMSG_KX3_START, struct imsg_kx3_start, hardened_handle_start),
    DISPATCH(IMSG_KX3_FINISH, struct imsg_kx3_finish, hardened_handle_finish),
    DISPATCH(IMSG_KX3_CANCEL, struct imsg_kx3_cancel, hardened_handle_cancel),
    DISPATCH(IMSG_SESSION_UP, struct imsg_session, hardened_handle_session_up),
    DISPATCH(
	IMSG_SESSION_END, struct imsg_session, hardened_handle_session_end),
    DISPATCH(IMSG_REAUTH_START, struct imsg_reauth_start,
	hardened_handle_reauth_start),
    DISPATCH(IMSG_REAUTH_FINISH, struct imsg_kx3_finish,
	hardened_handle_reauth_finish),
    DISPATCH(IMSG_REAUTH_VERDICT, struct imsg_reauth_verdict,
	hardened_handle_reauth_verdict),
    DISPATCH(IMSG_PARENT_MESSAGE, struct imsg_parent_message,
	hardened_handle_message),
    DISPATCH(IMSG_PEER, struct imsg_peer, mesh_rotation_handle_peer),
    DISPATCH_EMPTY(IMSG_PEERS_END, mesh_rotation_handle_peers_end),
};

static const struct dispatch_entry control_table[] = {
    SPAWN_DISPATCH,
    DISPATCH(IMSG_DISTRUST, struct imsg_pipe, parent_handle_distrust),
    DISPATCH(IMSG_CONNECT, struct ctl_target, parent_handle_connect),
    DISPATCH(IMSG_FORGET, struct ctl_target, parent_handle_forget),
    DISPATCH_EMPTY(IMSG_RELOAD, parent_handle_reload),
    DISPATCH(IMSG_EXPOSE, struct ctl_expose, parent_handle_expose),
    DISPATCH(IMSG_HIDE, struct ctl_expose, parent_handle_hide),
    DISPATCH_EMPTY(IMSG_ERASE, parent_handle_erase),
    DISPATCH(IMSG_SET_LOG_LEVEL, struct ctl_log_level, parent_handle_log_level),
    DISPATCH(IMSG_NODE_ADD, struct ctl_target, parent_handle_node_add),
    DISPATCH(IMSG_NODE_REMOVE, struct ctl_target, parent_handle_node_remove),
    DISPATCH(IMSG_ROTATE, struct ctl_rotate, passwords_handle_rotate),
};

static const struct dispatch_entry resolver_table[] = {
    SPAWN_DISPATCH,
    DISPATCH(IMSG_RESOLVED, struct imsg_resolved, parent_handle_resolved),
};

static const struct dispatch_entry netcfg_table[] = {
    SPAWN_DISPATCH,
    DISPATCH(IMSG_END, struct ctl_end, parent_handle_netcfg_end),
    DISPATCH(
	IMSG_NETCFG_ADOPTED, struct ctl_expose, parent_handle_netcfg_adopted),
    DISPATCH(
	IMSG_NETCFG_DONE, struct imsg_netcfg_done, parent_handle_netcfg_done),
    DISPATCH(
	IMSG_NETCFG_NO_RA, struct imsg_netcfg_link, parent_handle_netcfg_no_ra),
};

/* It talks to the network: its word counts for nothing here. */
static const struct dispatch_entry http_table[] = {
    SPAWN_DISPATCH,
};

static const struct dispatch_entry kube_table[] = {
    SPAWN_DISPATCH,
    DISPATCH(IMSG_DISTRUST, struct imsg_pipe, parent_handle_distrust),
    DISPATCH_EMPTY(IMSG_KUBE_ACCOUNT, parent_handle_kube_account),
    DISPATCH(
	IMSG_KUBE_MEMBER, struct imsg_kube_member, parent_handle_kube_member),
};

#define OPS(table)                                                       \
	{                                                                \
		table, sizeof(table) / sizeof((table)[0]), parent_ready, \
		    parent_gone                                          \
	}

static const struct spawn_ops ops[PROC_MAX] = {
    [PROC_ENGINE] = OPS(engine_table),
    [PROC_CONTROL] = OPS(control_table),
    [PROC_RESOLVER] = OPS(resolver_table),
    [PROC_NETCFG] = OPS(netcfg_table),
    [PROC_HTTP] = OPS(http_table),
    [PROC_KUBE] = OPS(kube_table),
};

static bool parent_load(struct conf **, struct passwords_read *, char *);
static void parent_add_warning(const char *);
static void parent_note_idle(const char *);
static void parent_warn(void);
static void parent_send_conf(void);
static bool parent_wants(enum proc_id);
static void parent_start_engine(struct spawn *);
static void parent_link(enum proc_id, enum proc_id);
static void parent_apply_http(void);
static void parent_started(void);
static void parent_merge_targets(void);
static void parent_choose_name(void);
static bool parent_setup(char *);
static void parent_account(const char *, uint32_t, struct spawn_conf *);
static void parent_signal(evutil_socket_t, short, void *);
static void parent_children(void);
static void parent_stop_late(evutil_socket_t, short, void *);
static void parent_run(void);
static bool parent_prepare(const struct parent_options *);

static bool
parent_load(struct conf **conf, struct passwords_read *read, char *error)
{
	if ((*conf = conf_load(&parent.options->source, error)) == NULL)
		return false;
	if (passwords_read(*conf, read, error))
		return true;
	conf_free(*conf);
	return false;
}

int
parent_check(const struct parent_options *options, bool print)
{
	char error[CONF_ERROR_MAX];
	struct passwords_read read;
	struct conf *conf;

	parent.options = options;
	if (sodium_init() == -1)
		return 1;
	password_init();
	/* What is to be looked at may be used on another host. */
	if (print) {
		if ((conf = conf_load(&options->source, error)) != NULL) {
			int failed = conf_print(conf, stdout);

			conf_free(conf);
			return failed ? 1 : 0;
		}
	} else if (parent_load(&conf, &read, error)) {
		printf("configuration OK\n");
		passwords_unread(&read);
		conf_free(conf);
		return 0;
	}
	fprintf(stderr, "weaved: %s\n", error);
	return 1;
}

static void
parent_add_warning(const char *text)
{
	if (parent.warning[0] != '\0')
		strlcat(parent.warning, "; ", sizeof(parent.warning));
	strlcat(parent.warning, text, sizeof(parent.warning));
	log_warn("%s", text);
}

static void
parent_note_idle(const char *name)
{
	log_warn("%s is set and has no effect here", name);
}

/* What every status shows until it is mended. */
static void
parent_warn(void)
{
	const struct password *common = passwords_primary(PASSWORDS_COMMON);

	parent.warning[0] = '\0';
	if (parent.conf->expect_npc)
		parent_add_warning(
		    "EXPECT_NPC: there are no network policies in this "
		    "version, pods are open to each other");
	if (parent.conf->encryption == CONF_ENCRYPTION_NONE) {
		log_info("Encryption disabled");
		if (password_exists(parent.conf))
			log_warn("encryption is none: the password that is "
				 "there stays unread");
		return;
	}
	log_info("Encryption enabled, password from %s", passwords_source());
	if (parent.conf->protocol != CONF_PROTOCOL_HARDENED &&
	    password_bits(common) < WEAK_BITS) {
		parent_add_warning(parent.conf->protocol == CONF_PROTOCOL_WEAVE
			? "the password is weak: protocol weave "
			  "lets any stranger guess it offline"
			: "the password is weak: protocol mixed protects it "
			  "only as well as the Weave routers of the mesh do");
	}
}

void
parent_passwords_changed(void)
{
	parent_warn();
	parent_send_conf();
}

static void
parent_send_conf(void)
{
	struct spawn *engine = parent.procs[PROC_ENGINE];
	const struct conf *conf = parent.conf;
	struct imsg_conf message = {0};

	message.name = parent.name;
	strlcpy(message.nickname, conf->nickname, sizeof(message.nickname));
	message.connection_limit = conf->connection_limit;
	message.rekey_interval = conf->rekey_interval;
	message.reauth_interval = conf->reauth_interval;
	message.mtu = conf->mtu;
	message.offloads = parent.fds.offloads;
	message.port = conf->port;
	message.encrypted = conf->encryption != CONF_ENCRYPTION_NONE;
	message.version_min = message.version_max = 2;
	/* Without a password there is version 2 alone. */
	if (message.encrypted && conf->protocol == CONF_PROTOCOL_HARDENED)
		message.version_min = 3;
	if (message.encrypted && conf->protocol != CONF_PROTOCOL_WEAVE)
		message.version_max = 3;
	message.listen_first = conf->protocol == CONF_PROTOCOL_MIXED;
	message.discovery = conf->discovery;
	message.cipher_library = conf->cipher == CONF_CIPHER_LIBRARY;
	strlcpy(message.bridge, conf->bridge, sizeof(message.bridge));
	strlcpy(message.tap, parent.fds.tap_name, sizeof(message.tap));
	strlcpy(message.password_source, passwords_source(),
	    sizeof(message.password_source));
	strlcpy(message.warning, parent.warning, sizeof(message.warning));
	spawn_send(engine, IMSG_CONF, 0, -1, &message, sizeof(message));
	for (size_t i = 0; i < conf->ntrusted; i++) {
		struct imsg_subnet subnet = {
		    conf->trusted[i].addr, conf->trusted[i].len};

		spawn_send(
		    engine, IMSG_CONF_SUBNET, 0, -1, &subnet, sizeof(subnet));
	}
	spawn_send(engine, IMSG_CONF_END, 0, -1, NULL, 0);
}

void
parent_send_target(const struct target *target)
{
	struct imsg_target message = {.target = target->id};

	strlcpy(message.text, target->text, sizeof(message.text));
	spawn_send(parent.procs[PROC_ENGINE], IMSG_TARGET_ADD, 0, -1, &message,
	    sizeof(message));
}

/* Of the processes those that the configuration asks for. */
static bool
parent_wants(enum proc_id proc)
{
	return (proc != PROC_HTTP || http_wanted()) &&
	    (proc != PROC_KUBE || parent.conf->kubernetes);
}

/*
 * All rows again whenever one changes: they are few. One that is not wanted
 * has no name.
 */
void
parent_send_processes(void)
{
	struct ctl_process row = {.pid = (uint32_t)getpid()};

	strlcpy(row.name, proc_name(PROC_PARENT), sizeof(row.name));
	strlcpy(row.sandbox, "root, six capabilities", sizeof(row.sandbox));
	row.resident = process_resident(getpid());
	spawn_send(parent.procs[PROC_ENGINE], IMSG_PROCESS, PROC_PARENT, -1,
	    &row, sizeof(row));
	for (uint32_t i = PROC_ENGINE; i < PROC_MAX; i++) {
		memset(&row, 0, sizeof(row));
		if (parent_wants((enum proc_id)i)) {
			spawn_describe(parent.procs[i], &row);
			row.resident = process_resident((pid_t)row.pid);
		}
		spawn_send(parent.procs[PROC_ENGINE], IMSG_PROCESS, i, -1, &row,
		    sizeof(row));
	}
}

static void
parent_start_engine(struct spawn *engine)
{
	char error[CONF_ERROR_MAX];
	struct target *target;

	if (descriptors_renew_tap(&parent.fds, parent.conf, error) == -1)
		log_error("%s", error);
	parent_send_conf();
	passwords_start_engine();
	ipam_start_engine(engine, parent.conf, parent.state);
	spawn_send(engine, IMSG_SOCKETS_DF, 0, dup(parent.fds.df), NULL, 0);
	spawn_send(engine, IMSG_SOCKETS_NODF, 0, dup(parent.fds.nodf), NULL, 0);
	spawn_send(engine, IMSG_SOCKETS_TAP, 0, dup(parent.fds.tap), NULL, 0);
	spawn_send(engine, IMSG_SOCKETS_TCP, 0, dup(parent.fds.tcp), NULL, 0);
	for (size_t i = 0; i < parent.nneighbours; i++)
		spawn_send(engine, IMSG_REDIAL, 0, -1, &parent.neighbours[i],
		    sizeof(parent.neighbours[i]));
	TAILQ_FOREACH(target, &parent.targets, entry)
		parent_send_target(target);
}

/* A fresh pipe between two children, once both are there. */
static void
parent_link(enum proc_id a, enum proc_id b)
{
	struct imsg_pipe to_a = {b}, to_b = {a};
	int pair[2];

	if (!parent.host_ready || spawn_pipe(parent.procs[a]) == NULL ||
	    spawn_pipe(parent.procs[b]) == NULL)
		return;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0,
		pair) == -1) {
		log_warn_errno(
		    "pipe between %s and %s", proc_name(a), proc_name(b));
		return;
	}
	spawn_send(parent.procs[a], IMSG_PIPE, 0, pair[0], &to_a, sizeof(to_a));
	spawn_send(parent.procs[b], IMSG_PIPE, 0, pair[1], &to_b, sizeof(to_b));
}

/* Starts or ends http as the configuration says, and tells it where to be. */
static void
parent_apply_http(void)
{
	struct spawn *http = parent.procs[PROC_HTTP];

	http_watch(parent.base);
	if (!http_wanted()) {
		spawn_stop(http);
		spawn_kill(http);
	} else if (spawn_pipe(http) != NULL)
		http_send(http);
	else if (spawn_start(http) == -1)
		log_warn_errno("cannot start http");
	parent_send_processes();
}

static void
parent_ready(struct spawn *spawn)
{
	if (spawn == parent.procs[PROC_ENGINE] && parent.host_ready)
		parent_start_engine(spawn);
	if (spawn == parent.procs[PROC_NETCFG])
		parent_send_netcfg();
	if (spawn == parent.procs[PROC_CONTROL])
		spawn_send(spawn, IMSG_SOCKETS_CONTROL, 0,
		    dup(parent.fds.control), NULL, 0);
	if (spawn == parent.procs[PROC_HTTP])
		http_send(spawn);
	if (spawn == parent.procs[PROC_KUBE])
		kubernetes_start(spawn, parent.conf, parent.name);
	if (spawn == parent.procs[PROC_ENGINE] ||
	    spawn == parent.procs[PROC_CONTROL])
		parent_link(PROC_ENGINE, PROC_CONTROL);
	if (spawn == parent.procs[PROC_HTTP] ||
	    spawn == parent.procs[PROC_CONTROL])
		parent_link(PROC_HTTP, PROC_CONTROL);
	if (spawn == parent.procs[PROC_KUBE] ||
	    spawn == parent.procs[PROC_CONTROL])
		parent_link(PROC_KUBE, PROC_CONTROL);
	parent_send_processes();
	if (!parent.started)
		parent_started();
}

/* Until there is a bridge the engine has nothing to do. */
void
parent_host_ready(void)
{
	struct spawn *engine = parent.procs[PROC_ENGINE];

	if (parent.host_ready)
		return;
	parent.host_ready = true;
	if (spawn_pipe(engine) != NULL)
		parent_start_engine(engine);
	parent_link(PROC_ENGINE, PROC_CONTROL);
	parent_link(PROC_HTTP, PROC_CONTROL);
	parent_link(PROC_KUBE, PROC_CONTROL);
	parent_send_processes();
	if (!parent.started)
		parent_started();
}

/* A reload or a new netcfg may fail: what was there before is still there. */
void
parent_host_failed(void)
{
	if (parent.host_ready || parent.stopping)
		return;
	parent.failed = true;
	parent_stop();
}

/*
 * Who started us in the background waits until all children are confined and
 * the bridge is there.
 */
static void
parent_started(void)
{
	if (!parent.host_ready)
		return;
	for (int i = PROC_ENGINE; i < PROC_MAX; i++)
		if (parent_wants((enum proc_id)i) &&
		    !spawn_was_ready(parent.procs[i]))
			return;
	parent.started = true;
	if (parent.options->foreground)
		return;
	output_to_syslog();
	detach_done();
}

static void
parent_gone(struct spawn *spawn)
{
	struct ctl_process row;

	if (spawn == parent.procs[PROC_ENGINE]) {
		dial_cancel_all(parent.dialler);
		sessions_clear(hardened_sessions());
		mesh_rotation_start_engine();
	}
	if (spawn == parent.procs[PROC_CONTROL]) {
		passwords_start_control();
		mesh_rotation_start_control();
	}
	if (spawn == parent.procs[PROC_RESOLVER])
		parent_resolver_gone();
	if (spawn == parent.procs[PROC_NETCFG])
		parent_netcfg_gone();
	parent_send_processes();
	/* Without what sandbox asks for there is no daemon (DESIGN 1). */
	if (spawn_hopeless(spawn) && !parent.stopping) {
		spawn_describe(spawn, &row);
		log_error("%s cannot start", row.name);
		parent.failed = true;
		parent_stop();
	}
}

static void
parent_handle_distrust(void *arg, struct imsg *imsg)
{
	struct imsg_pipe message;
	struct spawn *sender = arg;

	memcpy(&message, imsg->data, sizeof(message));
	if (message.proc == PROC_ENGINE || message.proc == PROC_CONTROL ||
	    ((message.proc == PROC_HTTP || message.proc == PROC_KUBE) &&
		sender == parent.procs[PROC_CONTROL]))
		spawn_distrust(parent.procs[message.proc]);
	else
		spawn_distrust(sender);
}

static void
parent_handle_kube_account(void *arg, struct imsg *imsg)
{
	(void)imsg;
	kubernetes_handle_account(arg, parent.conf);
}

/* An engine whose ranges are others' by now gives way to one without. */
static void
parent_handle_kube_member(void *arg, struct imsg *imsg)
{
	struct imsg_ipam_members members;
	struct imsg_kube_member message;

	memcpy(&message, imsg->data, sizeof(message));
	if (kubernetes_handle_member(&message, parent.conf, parent.state))
		spawn_kill(parent.procs[PROC_ENGINE]);
	if (message.missing) {
		spawn_send(arg, IMSG_KUBE_CLEARED, 0, -1, NULL, 0);
		return;
	}
	members.count = message.nodes;
	if (parent.conf->ipalloc_range.len != 0)
		spawn_send(parent.procs[PROC_ENGINE], IMSG_IPAM_MEMBERS, 0, -1,
		    &members, sizeof(members));
}

/* The list of the configuration is new; what the operator added stays. */
static void
parent_merge_targets(void)
{
	struct target *target, *next;
	struct imsg_target_id message;

	TAILQ_FOREACH(target, &parent.targets, entry)
		target->configured = false;
	for (size_t i = 0; i < parent.conf->npeers; i++) {
		const char *text = parent.conf->peers[i];

		target = targets_find(&parent.targets, text);
		if (target == NULL) {
			target = targets_add(&parent.targets, text);
			if (target == NULL)
				break;
			parent_send_target(target);
		}
		target->configured = true;
	}
	TAILQ_FOREACH_SAFE(target, &parent.targets, entry, next) {
		if (target->configured || target->added || target->discovered)
			continue;
		message.target = target->id;
		spawn_send(parent.procs[PROC_ENGINE], IMSG_TARGET_REMOVE, 0, -1,
		    &message, sizeof(message));
		targets_remove(&parent.targets, target);
	}
}

/* Everything is read and checked before anything changes. */
bool
parent_reload(char *error)
{
	struct passwords_read read;
	struct conf *conf;

	if (!parent_load(&conf, &read, error)) {
		log_error("reload: %s", error);
		return false;
	}
	if (!conf_can_reload(parent.conf, conf, error) ||
	    !http_prepare(conf, error)) {
		log_error("reload: %s", error);
		passwords_unread(&read);
		conf_free(conf);
		return false;
	}
	if (!passwords_reload(&read, conf, error)) {
		log_error("reload: %s", error);
		conf_free(conf);
		return false;
	}
	conf_free(parent.conf);
	parent.conf = conf;
	parent_send_netcfg();
	log_set_level(conf->log);
	for (int i = PROC_ENGINE; i < PROC_MAX; i++) {
		struct imsg_log_level level = {conf->log};

		spawn_send(parent.procs[i], IMSG_LOG_LEVEL, 0, -1, &level,
		    sizeof(level));
	}
	mesh_rotation_configure();
	parent_send_conf();
	parent_merge_targets();
	if (http_commit())
		parent_apply_http();
	log_info("configuration reloaded");
	return true;
}

/* DESIGN section 7: configured, kept, that of a bridge Weave left, random. */
static void
parent_choose_name(void)
{
	uint64_t kept = state_load_name(parent.state);
	uint8_t bytes[PEERNAME_LEN];
	char text[PEERNAME_STRLEN];

	parent.name = parent.conf->name;
	if (parent.name == PEERNAME_UNKNOWN)
		parent.name = kept;
	if (parent.name == PEERNAME_UNKNOWN)
		parent.name = descriptors_bridge_name(parent.conf->bridge);
	if (parent.name == PEERNAME_UNKNOWN) {
		randombytes_buf(bytes, sizeof(bytes));
		bytes[0] = (uint8_t)((bytes[0] & ~1) | 2);
		parent.name = peername_get(bytes);
	}
	if (parent.name != kept &&
	    state_save_name(parent.state, parent.name) == -1)
		log_warn_errno("cannot keep the peer name");
	log_info("Our name is %s(%s)", peername_format(parent.name, text),
	    parent.conf->nickname);
}

static void
parent_account(const char *user, uint32_t fallback, struct spawn_conf *conf)
{
	struct passwd *pw = getpwnam(user);

	conf->policy = (enum sandbox_policy)parent.conf->sandbox;
	conf->uid = conf->gid = fallback;
	if (pw != NULL) {
		conf->uid = pw->pw_uid;
		conf->gid = pw->pw_gid;
	} else
		log_info("no account %s here, using uid %u", user, fallback);
}

/* Everything that can fail for a reason the operator can mend. */
static bool
parent_setup(char *error)
{
	struct passwords_read read;
	char **kept;
	size_t nkept;

	if (!parent_load(&parent.conf, &read, error))
		return false;
	log_set_level(parent.conf->log);
	log_info("weaved %s starting", WEAVED_VERSION);
	conf_environment_idle(&parent.options->source, parent_note_idle);
	parent_account(WEAVED_USER, WEAVED_UID_FALLBACK, &parent.spawn_conf);
	parent_account(NETCFG_USER, NETCFG_UID_FALLBACK, &parent.netcfg_conf);
	if (descriptors_open_sockets(&parent.fds, parent.conf, error) == -1 ||
	    descriptors_make_root(error) == -1 ||
	    !http_prepare(parent.conf, error) ||
	    (parent.state = state_open(parent.conf->state_directory, error)) ==
		NULL)
		return false;
	http_commit();
	parent_choose_name();
	if (!hardened_init(parent.name, parent.conf, &parent.targets)) {
		strlcpy(error, "no memory for keys", CONF_ERROR_MAX);
		return false;
	}
	passwords_start(&read);
	parent_warn();
	if (descriptors_open_tap(&parent.fds, parent.conf, error) == -1 ||
	    descriptors_open_control(
		&parent.fds, parent.conf, parent.spawn_conf.gid, error) == -1)
		return false;
	parent_load_exposed();
	nkept = state_load_targets(parent.state, &kept);
	for (size_t i = 0; i < nkept; i++) {
		struct target *target = targets_add(&parent.targets, kept[i]);

		if (target != NULL)
			target->added = true;
		free(kept[i]);
	}
	free(kept);
	return true;
}

static void
parent_children(void)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0)
		for (int i = PROC_ENGINE; i < PROC_MAX; i++)
			if (spawn_reap(parent.procs[i], pid, status))
				break;
	if (!parent.stopping)
		return;
	for (int i = PROC_ENGINE; i < PROC_MAX; i++)
		if (spawn_running(parent.procs[i]))
			return;
	event_base_loopbreak(parent.base);
}

static void
parent_stop_late(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	for (int i = PROC_ENGINE; i < PROC_MAX; i++)
		spawn_kill(parent.procs[i]);
}

void
parent_stop(void)
{
	const struct timeval grace = {0, STOP_MS * 1000};

	if (parent.stopping)
		return;
	log_info("stopping");
	parent.stopping = true;
	for (int i = PROC_ENGINE; i < PROC_MAX; i++)
		spawn_stop(parent.procs[i]);
	evtimer_add(parent.stop_timer, &grace);
	parent_children();
}

static void
parent_signal(evutil_socket_t number, short what, void *arg)
{
	char error[CONF_ERROR_MAX];

	(void)what;
	(void)arg;
	if (number == SIGCHLD)
		parent_children();
	else if (number == SIGHUP)
		parent_reload(error);
	else
		parent_stop();
}

static void
parent_run(void)
{
	static const int numbers[] = {SIGCHLD, SIGHUP, SIGTERM, SIGINT};

	signal(SIGPIPE, SIG_IGN);
	if ((parent.base = event_base_new()) == NULL ||
	    (parent.stop_timer =
		    evtimer_new(parent.base, parent_stop_late, NULL)) == NULL ||
	    (parent.dialler = dial_new(parent.base, parent.conf->listen,
		 parent_dialled, NULL)) == NULL)
		fatal("event loop");
	mesh_rotation_start();
	for (size_t i = 0; i < 4; i++) {
		parent.signals[i] =
		    evsignal_new(parent.base, numbers[i], parent_signal, NULL);
		if (parent.signals[i] == NULL ||
		    event_add(parent.signals[i], NULL) == -1)
			fatal("signals");
	}
	for (int i = PROC_ENGINE; i < PROC_MAX; i++) {
		parent.procs[i] = spawn_new(parent.base, (enum proc_id)i,
		    i == PROC_NETCFG ? &parent.netcfg_conf : &parent.spawn_conf,
		    &ops[i]);
		if (parent.procs[i] == NULL)
			fatal("%s", proc_name((enum proc_id)i));
	}
	parent_merge_targets();
	http_watch(parent.base);
	for (int i = PROC_ENGINE; i < PROC_MAX; i++)
		if (parent_wants((enum proc_id)i) &&
		    spawn_start(parent.procs[i]) == -1)
			fatal("%s", proc_name((enum proc_id)i));
	event_base_dispatch(parent.base);
}

/* From the first secret on, nobody but the kernel may look into us. */
static bool
parent_prepare(const struct parent_options *options)
{
	if (geteuid() != 0) {
		fprintf(stderr, "weaved: must be started by root\n");
		return false;
	}
	if (!options->foreground && detach_begin() == -1) {
		perror("weaved: fork");
		return false;
	}
	if (sandbox_hide_parent() == -1 || sodium_init() == -1 ||
	    (parent.keys = keys_new()) == NULL) {
		perror("weaved: memory for keys");
		return false;
	}
	password_init();
	return true;
}

int
parent_main(const struct parent_options *options)
{
	char error[CONF_ERROR_MAX];

	parent.options = options;
	TAILQ_INIT(&parent.targets);
	output_to_stderr();
	log_set_origin(proc_name(PROC_PARENT));
	if (!parent_prepare(options))
		return 1;
	if (!parent_setup(error)) {
		fprintf(stderr, "weaved: %s\n", error);
		return 1;
	}
	if (sandbox_limit_parent() == -1)
		fatal("dropping capabilities");
	parent_run();
	unlink(parent.conf->control_socket);
	keys_free(parent.keys);
	mesh_rotation_free();
	hardened_free();
	passwords_free();
	log_info("stopped");
	return parent.failed ? 1 : 0;
}
