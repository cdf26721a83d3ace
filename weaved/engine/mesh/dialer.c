#include <sys/queue.h>
#include <sys/tree.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "weaved/engine/mesh/dialer.h"
#include "weaved/engine/mesh/mesh.h"

#define RESOLVE_FRESH 5000 /* an answer serves the dials that waited */
#define RESOLVE_TIMEOUT 15000
#define REDIAL_PAUSE 10000 /* between redials at once of one address */

enum attempt_state {
	ATTEMPT_WAITING,
	ATTEMPT_DIALLING, /* until added to our peer, or failed */
	ATTEMPT_CONNECTED,
	ATTEMPT_SUSPENDED
};

/* A direct peer as the operator gave it. */
struct direct {
	TAILQ_ENTRY(direct) entry;
	uint32_t id;
	char text[CTL_TEXT_MAX];
	char host[CTL_TEXT_MAX]; /* empty: literal */
	uint16_t port; /* 0: not given */
	uint32_t addrs[MESH_TARGET_ADDRS_MAX];
	size_t naddrs;
	bool restart; /* asked for again */
	bool resolving;
	uint64_t asked; /* when resolving began */
	uint64_t fresh; /* addresses usable until */
	uint64_t try_at; /* next look-up without addresses */
	uint64_t interval;
	uint64_t since; /* like this: added, or fails to resolve */
	char error[128];
};

struct attempt {
	RB_ENTRY(attempt) entry;
	struct endpoint at;
	enum attempt_state state;
	uint64_t try_at;
	uint64_t interval;
	uint32_t dial; /* while dialling, connected */
	uint64_t peer; /* who answered there last */
	bool introduce; /* this dial may */
	bool second; /* password, for the next dial or the one under way */
	uint64_t retry_at; /* if that fails too */
	bool once; /* redial, whatever is valid */
	uint64_t once_peer;
	uint64_t once_next; /* not before, if asked again */
	bool valid; /* of the present run */
	bool direct;
	bool known; /* without a look-up */
	struct direct *owner; /* whose host to look up */
	uint64_t since; /* unconnected */
	char cause[CTL_CAUSE_MAX];
};

TAILQ_HEAD(direct_list, direct);
RB_HEAD(attempt_tree, attempt);

struct dialer {
	uint16_t port;
	const struct dialer_ops *ops;
	void *arg;
	struct direct_list directs;
	size_t ndirects;
	struct attempt_tree attempts;
	size_t nattempts;
	size_t dialling;
	uint32_t last_dial;
};

static int attempt_compare(const struct attempt *a, const struct attempt *b);
static struct attempt *attempt_find(
    const struct dialer *dialer, struct endpoint at);
static struct attempt *attempt_by_dial(
    const struct dialer *dialer, uint32_t dial);
static struct attempt *attempt_want(
    struct dialer *dialer, struct endpoint at, uint64_t now);
static void attempt_drop(struct dialer *dialer, struct attempt *attempt);
static void attempt_restart(struct attempt *attempt, uint64_t now);
static uint64_t back_off(uint64_t *interval, uint64_t now);
static bool attempt_ready(
    struct dialer *dialer, struct attempt *attempt, uint64_t now);
static void attempt_dial(
    struct dialer *dialer, struct attempt *attempt, uint64_t now);
static void attempt_fail(
    struct attempt *attempt, const char *cause, uint64_t now);
static bool attempt_due(struct dialer *dialer, struct attempt *attempt,
    const struct dialer_view *view, uint64_t now);
static struct direct *direct_find(const struct dialer *dialer, uint32_t target);
static bool direct_parse(struct direct *direct, const char *text);
static void direct_resolve(
    struct dialer *dialer, struct direct *direct, uint64_t now);
static uint64_t direct_tick(
    struct dialer *dialer, struct direct *direct, uint64_t now);
static void want_direct(struct dialer *dialer, struct direct *direct,
    const struct dialer_view *view, uint64_t now);
static void want_found(struct dialer *dialer, struct endpoint at, uint64_t now);
static void find_valid(
    struct dialer *dialer, const struct dialer_view *view, uint64_t now);
static bool inbound_from(const struct dialer_view *view, uint32_t addr);
static bool peer_held(const struct dialer_view *view, uint64_t peer);
static uint64_t dial_due(struct dialer *dialer, const struct dialer_view *view,
    bool direct, uint64_t now);
static void settle_invalid(struct dialer *dialer);
static uint32_t seconds_until(uint64_t at, uint64_t now);
static void show_attempt(
    const struct attempt *attempt, dialer_emit emit, void *arg, uint64_t now);
static void show_unresolved(
    const struct direct *direct, dialer_emit emit, void *arg, uint64_t now);

#define LOCAL static __attribute__((unused))

RB_PROTOTYPE_INTERNAL(attempt_tree, attempt, entry, attempt_compare, LOCAL)
RB_GENERATE_INTERNAL(attempt_tree, attempt, entry, attempt_compare, LOCAL)

static int
attempt_compare(const struct attempt *a, const struct attempt *b)
{
	if (a->at.addr != b->at.addr)
		return a->at.addr < b->at.addr ? -1 : 1;
	return (a->at.port > b->at.port) - (a->at.port < b->at.port);
}

struct dialer *
dialer_new(uint16_t port, const struct dialer_ops *ops, void *arg)
{
	struct dialer *dialer;

	dialer = calloc(1, sizeof(*dialer));
	if (dialer == NULL)
		return NULL;
	dialer->port = port;
	dialer->ops = ops;
	dialer->arg = arg;
	TAILQ_INIT(&dialer->directs);
	RB_INIT(&dialer->attempts);
	return dialer;
}

void
dialer_free(struct dialer *dialer)
{
	struct direct *direct;
	struct attempt *attempt;

	if (dialer == NULL)
		return;
	while ((direct = TAILQ_FIRST(&dialer->directs)) != NULL) {
		TAILQ_REMOVE(&dialer->directs, direct, entry);
		free(direct);
	}
	while ((attempt = RB_ROOT(&dialer->attempts)) != NULL)
		attempt_drop(dialer, attempt);
	free(dialer);
}

static struct attempt *
attempt_find(const struct dialer *dialer, struct endpoint at)
{
	struct attempt key;
	struct attempt_tree tree = dialer->attempts;

	key.at = at;
	return RB_FIND(attempt_tree, &tree, &key);
}

static struct attempt *
attempt_by_dial(const struct dialer *dialer, uint32_t dial)
{
	struct attempt_tree tree = dialer->attempts;
	struct attempt *attempt;

	RB_FOREACH(attempt, attempt_tree, &tree) {
		if (attempt->dial == dial &&
		    (attempt->state == ATTEMPT_DIALLING ||
			attempt->state == ATTEMPT_CONNECTED))
			return attempt;
	}
	return NULL;
}

static void
attempt_drop(struct dialer *dialer, struct attempt *attempt)
{
	RB_REMOVE(attempt_tree, &dialer->attempts, attempt);
	dialer->nattempts--;
	free(attempt);
}

static void
attempt_restart(struct attempt *attempt, uint64_t now)
{
	attempt->try_at = now;
	attempt->interval = DIALER_FIRST;
}

static struct attempt *
attempt_want(struct dialer *dialer, struct endpoint at, uint64_t now)
{
	struct attempt *attempt;

	attempt = attempt_find(dialer, at);
	if (attempt != NULL)
		return attempt;
	if (dialer->nattempts == DIALER_ADDRS_MAX)
		return NULL;
	attempt = calloc(1, sizeof(*attempt));
	if (attempt == NULL)
		return NULL;
	attempt->at = at;
	attempt->since = now;
	attempt_restart(attempt, now);
	RB_INSERT(attempt_tree, &dialer->attempts, attempt);
	dialer->nattempts++;
	return attempt;
}

/* Half to one and a half intervals from now; the next one is longer. */
static uint64_t
back_off(uint64_t *interval, uint64_t now)
{
	uint64_t at;

	at = now + *interval / 2 + randombytes_uniform((uint32_t)*interval);
	*interval = *interval * 3 / 2;
	if (*interval > DIALER_LARGEST)
		*interval = DIALER_LARGEST;
	return at;
}

static struct direct *
direct_find(const struct dialer *dialer, uint32_t target)
{
	struct direct *direct;

	TAILQ_FOREACH(direct, &dialer->directs, entry) {
		if (direct->id == target)
			return direct;
	}
	return NULL;
}

static bool
direct_parse(struct direct *direct, const char *text)
{
	struct endpoint at;
	const char *colon, *error;
	size_t len;

	if (strlcpy(direct->text, text, sizeof(direct->text)) >=
	    sizeof(direct->text))
		return false;
	if (endpoint_parse(text, &at)) {
		direct->host[0] = '\0';
		direct->addrs[0] = at.addr;
		direct->naddrs = 1;
		direct->port = at.port;
		return true;
	}
	colon = strrchr(text, ':');
	direct->port = 0;
	if (colon != NULL) {
		direct->port = (uint16_t)strtonum(colon + 1, 1, 65535, &error);
		if (error != NULL)
			return false;
	}
	len = colon == NULL ? strlen(text) : (size_t)(colon - text);
	memcpy(direct->host, text, len);
	direct->host[len] = '\0';
	return len > 0;
}

int
dialer_target_add(
    struct dialer *dialer, uint32_t target, const char *text, uint64_t now)
{
	struct direct *direct;
	struct direct fresh = {.id = target,
	    .restart = true,
	    .try_at = now,
	    .interval = DIALER_FIRST,
	    .since = now};

	if (!direct_parse(&fresh, text))
		return -1;
	direct = direct_find(dialer, target);
	if (direct == NULL) {
		if (dialer->ndirects == MESH_TARGETS_MAX)
			return -1;
		direct = malloc(sizeof(*direct));
		if (direct == NULL)
			return -1;
		TAILQ_INSERT_TAIL(&dialer->directs, direct, entry);
		dialer->ndirects++;
	}
	fresh.entry = direct->entry;
	*direct = fresh;
	return 0;
}

void
dialer_target_remove(struct dialer *dialer, uint32_t target)
{
	struct direct *direct;

	direct = direct_find(dialer, target);
	if (direct == NULL)
		return;
	TAILQ_REMOVE(&dialer->directs, direct, entry);
	dialer->ndirects--;
	free(direct);
}

size_t
dialer_target_count(const struct dialer *dialer)
{
	return dialer->ndirects;
}

size_t
dialer_targets_self(const struct dialer *dialer)
{
	const struct direct *direct;
	const struct attempt *attempt;
	struct endpoint at;
	size_t n = 0;

	TAILQ_FOREACH(direct, &dialer->directs, entry) {
		at.port = direct->port != 0 ? direct->port : dialer->port;
		for (size_t i = 0; i < direct->naddrs; i++) {
			at.addr = direct->addrs[i];
			attempt = attempt_find(dialer, at);
			if (attempt != NULL &&
			    attempt->try_at == DIALER_NEVER) {
				n++;
				break;
			}
		}
	}
	return n;
}

const char *
dialer_target_text(const struct dialer *dialer, size_t index)
{
	struct direct *direct;

	TAILQ_FOREACH(direct, &dialer->directs, entry) {
		if (index-- == 0)
			return direct->text;
	}
	return NULL;
}

void
dialer_resolved(struct dialer *dialer, uint32_t target, const uint32_t *addrs,
    size_t naddrs, const char *error, uint64_t now)
{
	struct direct *direct;

	direct = direct_find(dialer, target);
	if (direct == NULL || !direct->resolving)
		return;
	direct->resolving = false;
	if (error == NULL && naddrs == 0)
		error = "no address";
	if (error != NULL) {
		if (direct->error[0] == '\0')
			direct->since = now;
		snprintf(direct->error, sizeof(direct->error), "%s", error);
		direct->try_at = back_off(&direct->interval, now);
	} else {
		direct->error[0] = '\0';
		direct->interval = DIALER_FIRST;
		if (naddrs > MESH_TARGET_ADDRS_MAX)
			naddrs = MESH_TARGET_ADDRS_MAX;
		memcpy(direct->addrs, addrs, naddrs * sizeof(*addrs));
		direct->naddrs = naddrs;
	}
	/* With names out of order the addresses of last time must do. */
	direct->fresh = now + RESOLVE_FRESH;
}

static void
direct_resolve(struct dialer *dialer, struct direct *direct, uint64_t now)
{
	if (direct->resolving && now < direct->asked + RESOLVE_TIMEOUT)
		return;
	direct->resolving = true;
	direct->asked = now;
	dialer->ops->resolve(dialer->arg, direct->id, direct->host);
}

/* Looks up a host that has no address yet. */
static uint64_t
direct_tick(struct dialer *dialer, struct direct *direct, uint64_t now)
{
	if (direct->host[0] == '\0' || direct->naddrs > 0)
		return DIALER_NEVER;
	if (direct->try_at <= now)
		direct_resolve(dialer, direct, now);
	return direct->resolving ? direct->asked + RESOLVE_TIMEOUT
				 : direct->try_at;
}

void
dialer_redial(struct dialer *dialer, struct endpoint at, uint64_t peer,
    uint32_t wait, uint64_t now)
{
	struct attempt *attempt;

	attempt = attempt_want(dialer, at, now);
	if (attempt == NULL || attempt->try_at == DIALER_NEVER ||
	    (attempt->state != ATTEMPT_WAITING &&
		attempt->state != ATTEMPT_SUSPENDED) ||
	    now < attempt->once_next)
		return;
	attempt->state = ATTEMPT_WAITING;
	attempt->once = true;
	attempt->once_peer = peer;
	attempt->once_next = now + REDIAL_PAUSE;
	attempt_restart(attempt, now + wait);
}

bool
dialer_address(const struct dialer *dialer, uint32_t dial, struct endpoint *at)
{
	const struct attempt *attempt;

	attempt = attempt_by_dial(dialer, dial);
	if (attempt == NULL)
		return false;
	*at = attempt->at;
	return true;
}

bool
dialer_may_introduce(const struct dialer *dialer, uint32_t dial)
{
	const struct attempt *attempt;

	attempt = attempt_by_dial(dialer, dial);
	return attempt != NULL && attempt->introduce;
}

void
dialer_met(struct dialer *dialer, uint32_t dial, uint64_t peer)
{
	struct attempt *attempt;

	attempt = attempt_by_dial(dialer, dial);
	if (attempt != NULL)
		attempt->peer = peer;
}

void
dialer_connected(struct dialer *dialer, uint32_t dial)
{
	struct attempt *attempt;

	attempt = attempt_by_dial(dialer, dial);
	if (attempt == NULL || attempt->state != ATTEMPT_DIALLING)
		return;
	attempt->state = ATTEMPT_CONNECTED;
	attempt->second = false;
	dialer->dialling--;
}

static void
attempt_fail(struct attempt *attempt, const char *cause, uint64_t now)
{
	if (attempt->state == ATTEMPT_CONNECTED)
		attempt->since = now;
	snprintf(attempt->cause, sizeof(attempt->cause), "%s", cause);
	if (attempt->second && attempt->state == ATTEMPT_DIALLING)
		attempt->try_at =
		    attempt->retry_at > now ? attempt->retry_at : now;
	else if (attempt->state == ATTEMPT_CONNECTED &&
	    now > attempt->try_at + DIALER_RESET_AFTER)
		attempt_restart(attempt, now);
	else
		attempt->try_at = back_off(&attempt->interval, now);
	attempt->second = false;
	attempt->state = ATTEMPT_WAITING;
}

void
dialer_ended(struct dialer *dialer, uint32_t dial, const char *cause,
    bool never, uint64_t now)
{
	struct attempt *attempt;

	attempt = attempt_by_dial(dialer, dial);
	if (attempt == NULL)
		return;
	if (attempt->state == ATTEMPT_DIALLING)
		dialer->dialling--;
	attempt_fail(attempt, cause, now);
	if (never)
		attempt->try_at = DIALER_NEVER;
}

void
dialer_refused(
    struct dialer *dialer, uint32_t dial, const char *cause, uint64_t now)
{
	struct attempt *attempt = attempt_by_dial(dialer, dial);
	bool second = attempt != NULL && attempt->second;
	bool introduce = attempt != NULL && attempt->introduce;

	dialer_ended(dialer, dial, cause, false, now);
	if (attempt == NULL || second)
		return;
	attempt->second = true;
	attempt->once = introduce && !attempt->direct;
	attempt->retry_at = attempt->try_at;
	attempt->try_at = now;
}

bool
dialer_is_second(const struct dialer *dialer, uint32_t dial)
{
	const struct attempt *attempt = attempt_by_dial(dialer, dial);

	return attempt != NULL && attempt->second;
}

static bool
inbound_from(const struct dialer_view *view, uint32_t addr)
{
	size_t i;

	for (i = 0; i < view->nheld; i++) {
		if (!view->held[i].outbound &&
		    view->held[i].peer != PEERNAME_UNKNOWN &&
		    view->held[i].remote.addr == addr)
			return true;
	}
	return false;
}

static bool
peer_held(const struct dialer_view *view, uint64_t peer)
{
	size_t i;

	if (peer == PEERNAME_UNKNOWN)
		return false;
	for (i = 0; i < view->nheld; i++) {
		if (view->held[i].peer == peer)
			return true;
	}
	return false;
}

static void
want_direct(struct dialer *dialer, struct direct *direct,
    const struct dialer_view *view, uint64_t now)
{
	struct attempt *attempt;
	struct endpoint at;
	size_t i;

	for (i = 0; i < direct->naddrs; i++) {
		at.addr = direct->addrs[i];
		at.port = direct->port != 0 ? direct->port : dialer->port;
		attempt = attempt_want(dialer, at, now);
		if (attempt == NULL)
			continue;
		attempt->direct = true;
		if (direct->host[0] == '\0')
			attempt->known = true;
		else
			attempt->owner = direct;
		if (direct->port != 0 || !inbound_from(view, at.addr))
			attempt->valid = true;
		if (direct->restart && attempt->state != ATTEMPT_DIALLING &&
		    attempt->state != ATTEMPT_CONNECTED)
			attempt_restart(attempt, now);
	}
	if (direct->naddrs > 0)
		direct->restart = false;
}

/* Gossip must not make us dial ourself, groups or everybody. */
static void
want_found(struct dialer *dialer, struct endpoint at, uint64_t now)
{
	struct attempt *attempt;
	uint32_t net = at.addr >> 24;

	if (net == 0 || net == 127 || net >= 224 || at.port == 0)
		return;
	if (dialer->nattempts >= DIALER_FOUND_MAX &&
	    attempt_find(dialer, at) == NULL)
		return;
	attempt = attempt_want(dialer, at, now);
	if (attempt == NULL)
		return;
	attempt->valid = true;
	attempt->known = true;
}

static void
find_valid(struct dialer *dialer, const struct dialer_view *view, uint64_t now)
{
	struct attempt *attempt;
	struct direct *direct;
	size_t i;

	RB_FOREACH(attempt, attempt_tree, &dialer->attempts) {
		attempt->valid = attempt->direct = attempt->known = false;
		attempt->owner = NULL;
	}
	TAILQ_FOREACH(direct, &dialer->directs, entry)
		want_direct(dialer, direct, view, now);
	for (i = 0; i < view->nfound; i++)
		want_found(dialer, view->found[i], now);
	for (i = 0; i < view->nheld; i++) {
		attempt = attempt_find(dialer, view->held[i].remote);
		if (attempt != NULL) {
			attempt->valid = false;
			attempt->once = false;
		}
	}
	/*
	 * A second connection to a neighbour would only be broken off, or
	 * break the first one off, again and again.
	 */
	RB_FOREACH(attempt, attempt_tree, &dialer->attempts) {
		if (attempt->once && peer_held(view, attempt->once_peer))
			attempt->once = false;
		if (peer_held(view, attempt->peer))
			attempt->valid = false;
	}
}

static void
settle_invalid(struct dialer *dialer)
{
	struct attempt *attempt, *next;

	RB_FOREACH_SAFE(attempt, attempt_tree, &dialer->attempts, next) {
		if (attempt->valid || attempt->once ||
		    attempt->state == ATTEMPT_DIALLING ||
		    attempt->state == ATTEMPT_CONNECTED)
			continue;
		if (attempt->direct)
			attempt->state = ATTEMPT_SUSPENDED;
		else
			attempt_drop(dialer, attempt);
	}
}

/* False while the name behind the address is being looked up. */
static bool
attempt_ready(struct dialer *dialer, struct attempt *attempt, uint64_t now)
{
	if (attempt->known || attempt->once || attempt->owner == NULL ||
	    now <= attempt->owner->fresh)
		return true;
	direct_resolve(dialer, attempt->owner, now);
	return false;
}

static void
attempt_dial(struct dialer *dialer, struct attempt *attempt, uint64_t now)
{
	attempt->state = ATTEMPT_DIALLING;
	attempt->introduce = attempt->direct || attempt->once;
	attempt->once = false;
	attempt->try_at = now;
	if (++dialer->last_dial == 0)
		dialer->last_dial = 1;
	attempt->dial = dialer->last_dial;
	dialer->dialling++;
	dialer->ops->dial(
	    dialer->arg, attempt->dial, attempt->at, attempt->direct);
}

/* False: nothing more can be dialled in this run. */
static bool
attempt_due(struct dialer *dialer, struct attempt *attempt,
    const struct dialer_view *view, uint64_t now)
{
	char cause[64];

	if (view->full) {
		snprintf(cause, sizeof(cause), "connection limit reached (%u)",
		    view->limit);
		attempt->once = false;
		attempt_fail(attempt, cause, now);
		return true;
	}
	if (dialer->dialling >= DIALER_ATTEMPTS_MAX)
		return false;
	if (attempt_ready(dialer, attempt, now))
		attempt_dial(dialer, attempt, now);
	return true;
}

static uint64_t
dial_due(struct dialer *dialer, const struct dialer_view *view, bool direct,
    uint64_t now)
{
	struct attempt *attempt;
	uint64_t next = DIALER_NEVER;

	RB_FOREACH(attempt, attempt_tree, &dialer->attempts) {
		if (attempt->direct != direct ||
		    (!attempt->valid && !attempt->once) ||
		    attempt->state == ATTEMPT_DIALLING ||
		    attempt->state == ATTEMPT_CONNECTED)
			continue;
		attempt->state = ATTEMPT_WAITING;
		if (attempt->try_at <= now &&
		    !attempt_due(dialer, attempt, view, now))
			return next;
		if (attempt->state == ATTEMPT_WAITING &&
		    attempt->try_at > now && attempt->try_at < next)
			next = attempt->try_at;
		else if (attempt->state == ATTEMPT_WAITING &&
		    attempt->try_at <= now && now + RESOLVE_TIMEOUT < next)
			next = now + RESOLVE_TIMEOUT;
	}
	return next;
}

uint64_t
dialer_run(struct dialer *dialer, const struct dialer_view *view, uint64_t now)
{
	struct direct *direct;
	uint64_t at, next = DIALER_NEVER;

	find_valid(dialer, view, now);
	settle_invalid(dialer);
	TAILQ_FOREACH(direct, &dialer->directs, entry) {
		at = direct_tick(dialer, direct, now);
		if (at < next)
			next = at;
	}
	at = dial_due(dialer, view, true, now);
	if (at < next)
		next = at;
	at = dial_due(dialer, view, false, now);
	return at < next ? at : next;
}

bool
dialer_is_direct(const struct dialer *dialer, struct endpoint at)
{
	const struct attempt *attempt;

	attempt = attempt_find(dialer, at);
	return attempt != NULL && attempt->direct;
}

static uint32_t
seconds_until(uint64_t at, uint64_t now)
{
	if (at == DIALER_NEVER)
		return CTL_RETRY_NEVER;
	return at <= now ? 0 : (uint32_t)((at - now + 999) / 1000);
}

static void
show_attempt(
    const struct attempt *attempt, dialer_emit emit, void *arg, uint64_t now)
{
	struct dialer_row row = {.direct = attempt->direct,
	    .age = (uint32_t)((now - attempt->since) / 1000),
	    .cause = attempt->cause};

	if (attempt->state == ATTEMPT_CONNECTED ||
	    attempt->state == ATTEMPT_SUSPENDED)
		return;
	endpoint_format(attempt->at, row.address);
	if (attempt->state == ATTEMPT_DIALLING) {
		row.state =
		    attempt->cause[0] == '\0' ? CTL_CONNECTING : CTL_RETRYING;
	} else {
		row.state =
		    attempt->cause[0] == '\0' ? CTL_RETRYING : CTL_FAILED;
		row.retry_in = seconds_until(attempt->try_at, now);
	}
	emit(arg, &row);
}

static void
show_unresolved(
    const struct direct *direct, dialer_emit emit, void *arg, uint64_t now)
{
	struct dialer_row row = {.direct = true,
	    .age = (uint32_t)((now - direct->since) / 1000),
	    .cause = direct->error};

	strlcpy(row.address, direct->text, sizeof(row.address));
	row.state = direct->error[0] != '\0' ? CTL_FAILED : CTL_CONNECTING;
	row.retry_in = seconds_until(direct->try_at, now);
	emit(arg, &row);
}

void
dialer_show(
    const struct dialer *dialer, dialer_emit emit, void *arg, uint64_t now)
{
	struct attempt_tree tree = dialer->attempts;
	struct attempt *attempt;
	struct direct *direct;

	RB_FOREACH(attempt, attempt_tree, &tree)
		show_attempt(attempt, emit, arg, now);
	TAILQ_FOREACH(direct, &dialer->directs, entry) {
		if (direct->naddrs == 0)
			show_unresolved(direct, emit, arg, now);
	}
}
