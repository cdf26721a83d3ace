#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/log.h"
#include "weaved/child.h"
#include "weaved/kube/announce.h"
#include "weaved/kube/api.h"
#include "weaved/kube/ctlpipe.h"
#include "weaved/kube/kube.h"
#include "weaved/kube/nodes.h"
#include "weaved/kube/reclaim.h"
#include "weaved/kube/watch.h"

#define ACCOUNT_MS 60000 /* the token is a new one every hour or so */
#define NO_ACCOUNT_MS 5000
#define REQUEST_SECONDS 30
#define CONDITION_MS 15000 /* between tries to set it */
#define SURVEY_MAX 10000 /* peers */

/* What control was asked, if anything. */
enum job {
	JOB_NONE,
	JOB_TARGETS, /* which ones are there */
	JOB_ANNOUNCE,
	JOB_SURVEY,
	JOB_TAKE,
	JOB_STATUS
};

/* An answer of the API server that is read as a whole. */
struct answer {
	struct api_call *call; /* NULL: none under way */
	char *data;
	size_t len;
};

static struct {
	struct api *api;
	struct event *timer;
	struct nodes *nodes;
	struct watcher *watcher;
	struct reclaim *reclaim; /* NULL: IPAM is off */
	struct announce announce;
	char node[NODE_NAME_MAX];
	struct api_call *watching;
	struct answer map; /* of reclaim */
	struct answer condition;
	uint64_t account_at; /* when to ask for its files */
	uint64_t condition_at;
	bool targets_known; /* control said which there are */
	enum job job;
	uint32_t job_addr; /* of JOB_ANNOUNCE */
	bool job_add;
	bool want_survey;
	uint64_t want_take; /* PEERNAME_UNKNOWN: nobody */
	bool has_tap; /* of JOB_STATUS */
	struct {
		bool ready; /* there is a ring */
		size_t npeers;
		uint64_t peers[SURVEY_MAX]; /* that can be reached */
		size_t nowners;
		uint64_t owners[SURVEY_MAX];
	} survey;
} kube;

static void kube_handle_conf(void *, struct imsg *);
static void kube_handle_ca(void *, struct imsg *);
static void kube_handle_token(void *, struct imsg *);
static void kube_handle_no_account(void *, struct imsg *);
static void kube_handle_cleared(void *, struct imsg *);
static void kube_handle_pipe(void *, struct imsg *);
static uint32_t kube_random(void *, uint32_t);
static void kube_settle(void);
static void kube_timer(evutil_socket_t, short, void *);
static uint64_t kube_tick(uint64_t);
static void kube_next_job(uint64_t);
static void kube_show(enum job, uint32_t);
static void kube_ask(enum job, uint32_t, const void *, size_t);
static void watch_get(void *, const char *, unsigned);
static void watch_cancel(void *);
static void watch_synced(void *);
static void watch_changed(void *, bool);
static void watch_answer_data(void *, const void *, size_t);
static void watch_answer_done(void *, unsigned, const char *);
static void map_request(void *, const char *, const char *, const char *);
static void map_member(void *, bool, const char *);
static void map_survey(void *);
static bool map_alive(void *, uint64_t);
static bool map_owns(void *, uint64_t);
static void map_take(void *, uint64_t);
static void map_answer_done(void *, unsigned, const char *);
static void condition_set(uint64_t);
static void condition_answer_done(void *, unsigned, const char *);
static void answer_data(void *, const void *, size_t);
static void answer_clear(struct answer *);
static void control_ready(void *);
static void control_gone(void *);
static void control_row(void *, uint32_t, const void *);
static void survey_row(uint32_t, const void *);
static bool survey_whole(const char *);
static void control_done(void *, const char *);

static const struct dispatch_entry table[] = {
    CHILD_DISPATCH,
    DISPATCH_WITH_FD(IMSG_PIPE, struct imsg_pipe, kube_handle_pipe),
    DISPATCH(IMSG_KUBE_CONF, struct imsg_kube_conf, kube_handle_conf),
    DISPATCH_FD(IMSG_KUBE_CA, kube_handle_ca),
    DISPATCH_FD(IMSG_KUBE_TOKEN, kube_handle_token),
    DISPATCH(IMSG_KUBE_NO_ACCOUNT, struct imsg_kube_no_account,
	kube_handle_no_account),
    DISPATCH_EMPTY(IMSG_KUBE_CLEARED, kube_handle_cleared),
};

static const struct watcher_ops watcher_ops = {
    .get = watch_get,
    .cancel = watch_cancel,
    .synced = watch_synced,
    .changed = watch_changed,
    .random = kube_random,
};

static const struct reclaim_ops reclaim_ops = {
    .request = map_request,
    .member = map_member,
    .survey = map_survey,
    .alive = map_alive,
    .owns = map_owns,
    .take = map_take,
    .random = kube_random,
};

static const struct api_ops watch_answer = {
    watch_answer_data, watch_answer_done};
static const struct api_ops map_answer = {answer_data, map_answer_done};
static const struct api_ops condition_answer = {
    answer_data, condition_answer_done};

static const struct ctlpipe_ops ctlpipe_ops = {
    .ready = control_ready,
    .gone = control_gone,
    .row = control_row,
    .done = control_done,
};

static uint32_t
kube_random(void *arg, uint32_t bound)
{
	(void)arg;
	return bound == 0 ? 0 : randombytes_uniform(bound);
}

/* The parent, our own program, gives what it checked. */
static void
kube_handle_conf(void *arg, struct imsg *imsg)
{
	struct imsg_kube_conf message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.node[sizeof(message.node) - 1] = '\0';
	message.host[sizeof(message.host) - 1] = '\0';
	if (kube.nodes != NULL || message.port == 0 ||
	    strlcpy(kube.node, message.node, sizeof(kube.node)) >=
		sizeof(kube.node))
		fatalx("configuration refused");
	api_set_server(kube.api, message.host, message.port);
	kube.nodes = nodes_new(kube.node);
	kube.watcher = watcher_new(kube.nodes, &watcher_ops, NULL);
	if (message.ipam)
		kube.reclaim = reclaim_new(
		    kube.nodes, message.name, kube.node, &reclaim_ops, NULL);
	if (kube.nodes == NULL || kube.watcher == NULL ||
	    (message.ipam && kube.reclaim == NULL))
		fatalx("no memory for nodes");
	kube_settle();
}

static void
kube_handle_ca(void *arg, struct imsg *imsg)
{
	char error[API_ERROR_MAX];
	int fd = imsg_take_fd(imsg);

	(void)arg;
	if (!api_read_ca(kube.api, fd, error))
		log_warn("service account: %s", error);
	close(fd);
}

static void
kube_handle_token(void *arg, struct imsg *imsg)
{
	char error[API_ERROR_MAX];
	int fd = imsg_take_fd(imsg);

	(void)arg;
	if (!api_read_token(kube.api, fd, error))
		log_warn("service account: %s", error);
	close(fd);
	kube_settle();
}

/* The parent logged which file it was. */
static void
kube_handle_no_account(void *arg, struct imsg *imsg)
{
	uint64_t now = proc_now();

	(void)arg;
	(void)imsg;
	if (kube.account_at > now + NO_ACCOUNT_MS)
		kube.account_at = now + NO_ACCOUNT_MS;
	kube_settle();
}

static void
kube_handle_cleared(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	if (kube.reclaim != NULL)
		reclaim_cleared(kube.reclaim, proc_now());
	kube_settle();
}

static void
kube_handle_pipe(void *arg, struct imsg *imsg)
{
	struct imsg_pipe message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (message.proc != PROC_CONTROL)
		fatalx("pipe to an unknown process");
	control_gone(NULL);
	ctlpipe_connect(imsg_take_fd(imsg));
}

static void
kube_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	kube_settle();
}

/* Does what is due and returns when something will be. */
static uint64_t
kube_tick(uint64_t now)
{
	uint64_t next, due;

	if (kube.nodes == NULL)
		return UINT64_MAX;
	if (kube.account_at <= now) {
		child_send(IMSG_KUBE_ACCOUNT, 0, NULL, 0);
		kube.account_at = now + ACCOUNT_MS;
	}
	next = kube.account_at;
	if (!api_has_account(kube.api))
		return next;
	if ((due = watcher_tick(kube.watcher, now)) < next)
		next = due;
	if (kube.reclaim != NULL && watcher_synced(kube.watcher) &&
	    kube.map.call == NULL &&
	    (due = reclaim_tick(
		 kube.reclaim, watcher_complete(kube.watcher), now)) < next)
		next = due;
	kube_next_job(now);
	if (!nodes_own_available(kube.nodes) && kube.condition_at > now &&
	    kube.condition_at < next)
		next = kube.condition_at;
	return next;
}

/* After anything happened. */
static void
kube_settle(void)
{
	uint64_t now = proc_now(), next = kube_tick(now);
	struct timeval tv;

	event_del(kube.timer);
	if (next == UINT64_MAX)
		return;
	if (next <= now)
		next = now + 1;
	tv.tv_sec = (time_t)((next - now) / 1000);
	tv.tv_usec = (suseconds_t)((next - now) % 1000 * 1000);
	if (event_add(kube.timer, &tv) == -1)
		fatal("timer");
}

static void
kube_ask(enum job job, uint32_t type, const void *data, size_t len)
{
	kube.job = job;
	ctlpipe_ask(type, data, len);
}

static void
kube_show(enum job job, uint32_t parts)
{
	struct ctl_show show = {parts};

	kube_ask(job, CTL_SHOW, &show, sizeof(show));
}

static void
kube_next_job(uint64_t now)
{
	struct ctl_target target = {0};
	struct endpoint ep = {0};

	if (!ctlpipe_idle())
		return;
	if (!kube.targets_known) {
		if (watcher_synced(kube.watcher))
			kube_show(JOB_TARGETS, CTL_SHOW_TARGETS);
		return;
	}
	if (announce_next(&kube.announce, &kube.job_addr, &kube.job_add)) {
		ep.addr = kube.job_addr;
		ipv4_format(ep.addr, target.address);
		kube_ask(JOB_ANNOUNCE, kube.job_add ? CTL_CONNECT : CTL_FORGET,
		    &target, sizeof(target));
	} else if (kube.want_survey) {
		memset(&kube.survey, 0, sizeof(kube.survey));
		kube_show(JOB_SURVEY, CTL_SHOW_PEERS | CTL_SHOW_IPAM);
	} else if (kube.want_take != PEERNAME_UNKNOWN) {
		peername_format(kube.want_take, target.address);
		kube_ask(JOB_TAKE, CTL_RMPEER, &target, sizeof(target));
	} else if (!nodes_own_available(kube.nodes) &&
	    kube.condition.call == NULL && kube.condition_at <= now) {
		kube.condition_at = now + CONDITION_MS;
		kube.has_tap = false;
		kube_show(JOB_STATUS, CTL_SHOW_STATUS);
	}
}

static void
control_ready(void *arg)
{
	(void)arg;
	kube.targets_known = false;
	announce_forget(&kube.announce);
	kube_settle();
}

static void
control_gone(void *arg)
{
	(void)arg;
	kube.job = JOB_NONE;
	kube.want_survey = false;
	kube.want_take = PEERNAME_UNKNOWN;
	if (kube.reclaim != NULL)
		reclaim_abort(kube.reclaim, proc_now());
	kube_settle();
}

static void
survey_row(uint32_t type, const void *data)
{
	struct ctl_ipam_peer owner;
	struct ctl_peer peer;
	struct ctl_ipam ipam;

	if (type == CTL_PEER && kube.survey.npeers < SURVEY_MAX) {
		memcpy(&peer, data, sizeof(peer));
		kube.survey.peers[kube.survey.npeers++] = peer.name;
	} else if (type == CTL_IPAM_PEER && kube.survey.nowners < SURVEY_MAX) {
		memcpy(&owner, data, sizeof(owner));
		if (owner.addresses > 0)
			kube.survey.owners[kube.survey.nowners++] = owner.peer;
	} else if (type == CTL_IPAM) {
		memcpy(&ipam, data, sizeof(ipam));
		kube.survey.ready = ipam.state == CTL_IPAM_READY ||
		    ipam.state == CTL_IPAM_WAITING ||
		    ipam.state == CTL_IPAM_UNREACHABLE;
	}
}

static void
control_row(void *arg, uint32_t type, const void *data)
{
	struct ctl_target target;
	struct ctl_status status;
	uint32_t addr;

	(void)arg;
	if (kube.job == JOB_TARGETS && type == CTL_TARGET) {
		memcpy(&target, data, sizeof(target));
		if (ipv4_parse(target.address, &addr))
			announce_found(&kube.announce, addr);
	} else if (kube.job == JOB_STATUS && type == CTL_STATUS) {
		memcpy(&status, data, sizeof(status));
		kube.has_tap = status.tap[0] != '\0';
	} else if (kube.job == JOB_SURVEY)
		survey_row(type, data);
}

/* A survey that is not whole would take the living for gone. */
static bool
survey_whole(const char *error)
{
	return error == NULL && kube.survey.ready &&
	    kube.survey.npeers < SURVEY_MAX && kube.survey.nowners < SURVEY_MAX;
}

static void
control_done(void *arg, const char *error)
{
	uint64_t now = proc_now();
	enum job job = kube.job;

	(void)arg;
	kube.job = JOB_NONE;
	switch (job) {
	case JOB_TARGETS:
		kube.targets_known = error == NULL;
		announce_want(&kube.announce, kube.nodes);
		break;
	case JOB_ANNOUNCE:
		if (error != NULL)
			log_warn("node at %u.%u.%u.%u: %s", kube.job_addr >> 24,
			    kube.job_addr >> 16 & 0xff,
			    kube.job_addr >> 8 & 0xff, kube.job_addr & 0xff,
			    error);
		announce_told(&kube.announce, kube.job_addr, kube.job_add);
		break;
	case JOB_SURVEY:
		kube.want_survey = false;
		reclaim_surveyed(kube.reclaim, survey_whole(error), now);
		break;
	case JOB_TAKE:
		kube.want_take = PEERNAME_UNKNOWN;
		reclaim_taken(kube.reclaim, error, now);
		break;
	case JOB_STATUS:
		if (error == NULL && kube.has_tap)
			condition_set(now);
		break;
	default:
		break;
	}
	kube_settle();
}

static void
watch_get(void *arg, const char *path, unsigned seconds)
{
	char error[API_ERROR_MAX];

	(void)arg;
	kube.watching = api_start(kube.api, "GET", path, NULL, NULL, seconds,
	    &watch_answer, NULL, error);
	if (kube.watching == NULL)
		watcher_done(kube.watcher, 0, error, proc_now());
}

static void
watch_cancel(void *arg)
{
	(void)arg;
	if (kube.watching != NULL)
		api_cancel(kube.api, kube.watching);
	kube.watching = NULL;
}

static void
watch_synced(void *arg)
{
	(void)arg;
	log_info("nodes: %zu in the cluster", nodes_count(kube.nodes));
	announce_want(&kube.announce, kube.nodes);
	if (kube.reclaim != NULL)
		reclaim_hurry(kube.reclaim, proc_now());
}

static void
watch_changed(void *arg, bool went)
{
	(void)arg;
	announce_want(&kube.announce, kube.nodes);
	if (kube.reclaim != NULL && went)
		reclaim_hurry(kube.reclaim, proc_now());
}

static void
watch_answer_data(void *arg, const void *data, size_t len)
{
	(void)arg;
	watcher_data(kube.watcher, data, len, proc_now());
	kube_settle();
}

/* 401: the token may be an old one. */
static void
watch_answer_done(void *arg, unsigned status, const char *error)
{
	(void)arg;
	kube.watching = NULL;
	if (status == 401)
		kube.account_at = proc_now();
	watcher_done(kube.watcher, status, error, proc_now());
	kube_settle();
}

static void
answer_data(void *arg, const void *data, size_t len)
{
	struct answer *answer = arg;
	char *moved;

	if (answer->len + len > PEERS_MAP_MAX ||
	    (moved = realloc(answer->data, answer->len + len)) == NULL) {
		free(answer->data);
		answer->data = NULL;
		answer->len = 0;
		return;
	}
	answer->data = moved;
	memcpy(answer->data + answer->len, data, len);
	answer->len += len;
}

static void
answer_clear(struct answer *answer)
{
	free(answer->data);
	memset(answer, 0, sizeof(*answer));
}

static void
map_request(void *arg, const char *method, const char *path, const char *body)
{
	char error[API_ERROR_MAX];

	(void)arg;
	answer_clear(&kube.map);
	kube.map.call = api_start(kube.api, method, path,
	    body == NULL ? NULL : "application/json", body, REQUEST_SECONDS,
	    &map_answer, &kube.map, error);
	if (kube.map.call == NULL)
		reclaim_done(kube.reclaim, 0, NULL, 0, error, proc_now());
}

static void
map_answer_done(void *arg, unsigned status, const char *error)
{
	struct answer answer = kube.map;

	(void)arg;
	memset(&kube.map, 0, sizeof(kube.map));
	if (status == 401)
		kube.account_at = proc_now();
	reclaim_done(kube.reclaim, status,
	    answer.data == NULL ? "" : answer.data, answer.len, error,
	    proc_now());
	free(answer.data);
	kube_settle();
}

static void
map_member(void *arg, bool missing, const char *uid)
{
	struct imsg_kube_member message = {
	    .nodes = (uint32_t)nodes_count(kube.nodes), .missing = missing};

	(void)arg;
	strlcpy(message.list, uid, sizeof(message.list));
	child_send(IMSG_KUBE_MEMBER, 0, &message, sizeof(message));
}

static void
map_survey(void *arg)
{
	(void)arg;
	kube.want_survey = true;
}

static bool
map_alive(void *arg, uint64_t peer)
{
	(void)arg;
	for (size_t i = 0; i < kube.survey.npeers; i++)
		if (kube.survey.peers[i] == peer)
			return true;
	return false;
}

static bool
map_owns(void *arg, uint64_t peer)
{
	(void)arg;
	for (size_t i = 0; i < kube.survey.nowners; i++)
		if (kube.survey.owners[i] == peer)
			return true;
	return false;
}

static void
map_take(void *arg, uint64_t peer)
{
	(void)arg;
	kube.want_take = peer;
}

/* Our node has a network: what Weave Net says, for who looks for its words. */
static void
condition_set(uint64_t now)
{
	char body[512], path[NODE_NAME_MAX + 64], error[API_ERROR_MAX], at[32];
	time_t wall = time(NULL);
	struct tm tm;

	gmtime_r(&wall, &tm);
	strftime(at, sizeof(at), "%Y-%m-%dT%H:%M:%SZ", &tm);
	snprintf(path, sizeof(path), "/api/v1/nodes/%s/status", kube.node);
	snprintf(body, sizeof(body),
	    "{\"status\":{\"conditions\":[{\"type\":\"NetworkUnavailable\","
	    "\"status\":\"False\",\"reason\":\"WeaveIsUp\","
	    "\"message\":\"Weave pod has set this\","
	    "\"lastHeartbeatTime\":\"%s\",\"lastTransitionTime\":\"%s\"}]}}",
	    at, at);
	answer_clear(&kube.condition);
	kube.condition.call = api_start(kube.api, "PATCH", path,
	    "application/strategic-merge-patch+json", body, REQUEST_SECONDS,
	    &condition_answer, &kube.condition, error);
	kube.condition_at = now + CONDITION_MS;
	if (kube.condition.call == NULL)
		log_warn("condition of %s: %s", kube.node, error);
}

static void
condition_answer_done(void *arg, unsigned status, const char *error)
{
	(void)arg;
	(void)status;
	answer_clear(&kube.condition);
	if (error == NULL)
		log_info(
		    "condition of %s: the network is available", kube.node);
	else
		log_warn("condition of %s: %s", kube.node, error);
	kube_settle();
}

void
kube_main(void)
{
	char error[API_ERROR_MAX];

	child_init(PROC_KUBE, table, sizeof(table) / sizeof(table[0]), NULL);
	kube.want_take = PEERNAME_UNKNOWN;
	ctlpipe_init(&ctlpipe_ops, NULL);
	kube.timer = evtimer_new(child_base(), kube_timer, NULL);
	if (kube.timer == NULL)
		fatal("kube: cannot start");
	if ((kube.api = api_new(child_base(), error)) == NULL)
		fatalx("kube: %s", error);
	child_run();
}
