#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "weaved/kube/reclaim.h"

#define MAPS "/api/v1/namespaces/kube-system/configmaps"
#define MAP MAPS "/weave-net"
#define NEW_MAP                                                 \
	"{\"apiVersion\":\"v1\",\"kind\":\"ConfigMap\","        \
	"\"metadata\":{\"name\":\"weave-net\",\"namespace\":\"" \
	"kube-system\"}}"

#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000
#define CONFLICT_MS 2000 /* at most, until the next try */
#define HURRY_MS 5000
#define PERIOD_MS 600000
#define AGAIN_MS 30000 /* there is one that may go later */
#define NOT_READY_MS 15000 /* there is no ring yet */

enum {
	HTTP_OK = 200,
	HTTP_CREATED = 201,
	HTTP_NOT_FOUND = 404,
	HTTP_CONFLICT = 409
};

enum reclaim_state {
	RECLAIM_IDLE, /* until due */
	RECLAIM_READING,
	RECLAIM_CREATING,
	RECLAIM_CLEARING, /* the parent lets go of ranges that were ours */
	RECLAIM_ADDING, /* ourselves */
	RECLAIM_SURVEYING,
	RECLAIM_NOTING, /* that we take the ranges of a peer */
	RECLAIM_TAKING,
	RECLAIM_REMOVING /* that peer from the list */
};

struct reclaim {
	struct nodes *nodes;
	uint64_t peer; /* ours */
	char node[NODE_NAME_MAX];
	const struct reclaim_ops *ops;
	void *arg;
	enum reclaim_state state;
	uint64_t due;
	uint64_t backoff;
	struct peers peers;
	bool complete; /* the list of nodes */
	bool cleared;
	bool surveyed; /* in this pass */
	uint64_t taking; /* the peer; PEERNAME_UNKNOWN: none */
	bool later; /* one is gone that is not ours to take now */
	bool taken; /* its ranges are ours, it is to be removed */
	size_t at; /* the next entry to look at in this pass */
	struct log_limit limit;
};

static void wait_until(struct reclaim *, uint64_t);
static void fail(struct reclaim *, const char *, uint64_t);
static void conflict(struct reclaim *, uint64_t);
static void read_map(struct reclaim *);
static void put_map(struct reclaim *, enum reclaim_state, bool, uint64_t);
static void have_map(struct reclaim *, uint64_t);
static bool is_gone(const struct reclaim *, const struct peers_entry *);
static void next_peer(struct reclaim *, uint64_t);
static void take_peer(struct reclaim *, uint64_t);
static bool answer_refused(struct reclaim *, unsigned, uint64_t);

struct reclaim *
reclaim_new(struct nodes *nodes, uint64_t own_peer, const char *own_node,
    const struct reclaim_ops *ops, void *arg)
{
	struct reclaim *reclaim = calloc(1, sizeof(*reclaim));

	if (reclaim == NULL)
		return NULL;
	reclaim->nodes = nodes;
	reclaim->peer = own_peer;
	strlcpy(reclaim->node, own_node, sizeof(reclaim->node));
	reclaim->ops = ops;
	reclaim->arg = arg;
	reclaim->taking = PEERNAME_UNKNOWN;
	return reclaim;
}

void
reclaim_free(struct reclaim *reclaim)
{
	if (reclaim == NULL)
		return;
	peers_clear(&reclaim->peers);
	free(reclaim);
}

static void
wait_until(struct reclaim *reclaim, uint64_t due)
{
	reclaim->state = RECLAIM_IDLE;
	reclaim->due = due;
	peers_clear(&reclaim->peers);
}

static void
fail(struct reclaim *reclaim, const char *error, uint64_t now)
{
	uint32_t half, suppressed;

	reclaim->backoff =
	    reclaim->backoff == 0 ? BACKOFF_MS : reclaim->backoff * 2;
	if (reclaim->backoff > BACKOFF_MAX_MS)
		reclaim->backoff = BACKOFF_MAX_MS;
	half = (uint32_t)reclaim->backoff / 2;
	wait_until(
	    reclaim, now + half + reclaim->ops->random(reclaim->arg, half));
	if (log_limit_pass(&reclaim->limit, now, &suppressed))
		log_warn("list of peers: %s; again in %u s", error,
		    (unsigned)((reclaim->due - now + 999) / 1000));
}

/* Somebody else changed the map: what we know of it is old. */
static void
conflict(struct reclaim *reclaim, uint64_t now)
{
	wait_until(
	    reclaim, now + reclaim->ops->random(reclaim->arg, CONFLICT_MS));
}

uint64_t
reclaim_tick(struct reclaim *reclaim, bool complete, uint64_t now)
{
	reclaim->complete = complete;
	if (reclaim->state != RECLAIM_IDLE)
		return UINT64_MAX;
	if (reclaim->due > now)
		return reclaim->due;
	reclaim->surveyed = reclaim->later = false;
	reclaim->at = 0;
	read_map(reclaim);
	return UINT64_MAX;
}

void
reclaim_hurry(struct reclaim *reclaim, uint64_t now)
{
	uint64_t due = now + reclaim->ops->random(reclaim->arg, HURRY_MS);

	if (due < reclaim->due)
		reclaim->due = due;
}

static void
read_map(struct reclaim *reclaim)
{
	reclaim->state = RECLAIM_READING;
	reclaim->ops->request(reclaim->arg, "GET", MAP, NULL);
}

static void
put_map(
    struct reclaim *reclaim, enum reclaim_state state, bool good, uint64_t now)
{
	char *body = good ? peers_format(&reclaim->peers) : NULL;

	if (body == NULL) {
		fail(reclaim, "no memory", now);
		return;
	}
	reclaim->state = state;
	reclaim->ops->request(reclaim->arg, "PUT", MAP, body);
	free(body);
}

/* The map is as the server has it. */
static void
have_map(struct reclaim *reclaim, uint64_t now)
{
	struct peers *peers = &reclaim->peers;
	char uid[KUBE_LIST_MAX];

	peers_uid(peers, uid);
	if (reclaim->taking != PEERNAME_UNKNOWN && reclaim->taken) {
		put_map(reclaim, RECLAIM_REMOVING,
		    peers_remove(peers, reclaim->taking), now);
		return;
	}
	if (!peers_has_peer(peers, reclaim->peer) && !reclaim->cleared) {
		reclaim->state = RECLAIM_CLEARING;
		reclaim->ops->member(reclaim->arg, true, uid);
		return;
	}
	if (!peers_has(peers, reclaim->peer, reclaim->node)) {
		put_map(reclaim, RECLAIM_ADDING,
		    peers_add(peers, reclaim->peer, reclaim->node), now);
		return;
	}
	reclaim->cleared = false;
	reclaim->backoff = 0;
	reclaim->ops->member(reclaim->arg, false, uid);
	next_peer(reclaim, now);
}

void
reclaim_cleared(struct reclaim *reclaim, uint64_t now)
{
	if (reclaim->state != RECLAIM_CLEARING)
		return;
	reclaim->cleared = true;
	have_map(reclaim, now);
}

/* Also one that has our node: that was ours under another name. */
static bool
is_gone(const struct reclaim *reclaim, const struct peers_entry *entry)
{
	if (entry->peer == reclaim->peer)
		return false;
	return !nodes_has(reclaim->nodes, entry->node) ||
	    strcmp(entry->node, reclaim->node) == 0;
}

/* Of a cluster in which not even we are nothing is believed. */
static void
next_peer(struct reclaim *reclaim, uint64_t now)
{
	struct peers *peers = &reclaim->peers;
	struct peers_entry entry;
	uint32_t period;
	uint64_t taker;

	reclaim->taking = PEERNAME_UNKNOWN;
	reclaim->taken = false;
	for (; reclaim->complete && nodes_has(reclaim->nodes, reclaim->node) &&
	     reclaim->at < peers_count(peers);
	     reclaim->at++) {
		if (!peers_get(peers, reclaim->at, &entry) ||
		    !is_gone(reclaim, &entry))
			continue;
		if (!reclaim->surveyed) {
			reclaim->state = RECLAIM_SURVEYING;
			reclaim->ops->survey(reclaim->arg);
			return;
		}
		if (reclaim->ops->alive(reclaim->arg, entry.peer) ||
		    (peers_taker(peers, entry.peer, &taker) &&
			taker != reclaim->peer)) {
			reclaim->later = true;
			continue;
		}
		reclaim->taking = entry.peer;
		take_peer(reclaim, now);
		return;
	}
	period = reclaim->later ? AGAIN_MS : PERIOD_MS;
	wait_until(
	    reclaim, now + period + reclaim->ops->random(reclaim->arg, period));
}

/* First the note, then the ranges, then out of the list. */
static void
take_peer(struct reclaim *reclaim, uint64_t now)
{
	struct peers *peers = &reclaim->peers;
	char name[PEERNAME_STRLEN];
	uint64_t taker;

	if (!peers_taker(peers, reclaim->taking, &taker)) {
		put_map(reclaim, RECLAIM_NOTING,
		    peers_set_taker(peers, reclaim->taking, reclaim->peer),
		    now);
		return;
	}
	peername_format(reclaim->taking, name);
	if (!reclaim->ops->owns(reclaim->arg, reclaim->taking)) {
		log_info("list of peers: %s is gone, it owned nothing", name);
		reclaim->taken = true;
		have_map(reclaim, now);
		return;
	}
	log_info("list of peers: %s is gone, taking its addresses", name);
	reclaim->state = RECLAIM_TAKING;
	reclaim->ops->take(reclaim->arg, reclaim->taking);
}

void
reclaim_surveyed(struct reclaim *reclaim, bool ready, uint64_t now)
{
	if (reclaim->state != RECLAIM_SURVEYING)
		return;
	if (!ready) {
		wait_until(reclaim, now + NOT_READY_MS);
		return;
	}
	reclaim->surveyed = true;
	next_peer(reclaim, now);
}

void
reclaim_taken(struct reclaim *reclaim, const char *error, uint64_t now)
{
	if (reclaim->state != RECLAIM_TAKING)
		return;
	if (error != NULL) {
		fail(reclaim, error, now);
		return;
	}
	reclaim->taken = true;
	read_map(reclaim);
}

void
reclaim_abort(struct reclaim *reclaim, uint64_t now)
{
	if (reclaim->state == RECLAIM_SURVEYING ||
	    reclaim->state == RECLAIM_TAKING)
		wait_until(reclaim, now + BACKOFF_MS);
}

/* What the server may answer in place of the map. */
static bool
answer_refused(struct reclaim *reclaim, unsigned status, uint64_t now)
{
	if (status == HTTP_CONFLICT)
		conflict(reclaim, now);
	else if (status == HTTP_NOT_FOUND &&
	    reclaim->state == RECLAIM_READING) {
		reclaim->state = RECLAIM_CREATING;
		reclaim->ops->request(reclaim->arg, "POST", MAPS, NEW_MAP);
	} else
		return false;
	return true;
}

void
reclaim_done(struct reclaim *reclaim, unsigned status, const char *data,
    size_t len, const char *error, uint64_t now)
{
	enum reclaim_state was = reclaim->state;

	if (was == RECLAIM_IDLE)
		return;
	if (status != HTTP_OK && status != HTTP_CREATED) {
		if (!answer_refused(reclaim, status, now))
			fail(reclaim, error == NULL ? "no answer" : error, now);
		return;
	}
	if (!peers_parse(&reclaim->peers, data, len)) {
		fail(reclaim, "ConfigMap kube-system/weave-net is malformed",
		    now);
		return;
	}
	switch (was) {
	case RECLAIM_NOTING:
		/* It may have come back since. */
		if (!reclaim->ops->alive(reclaim->arg, reclaim->taking))
			take_peer(reclaim, now);
		else
			next_peer(reclaim, now);
		break;
	case RECLAIM_REMOVING:
		reclaim->backoff = 0;
		reclaim->at = 0;
		next_peer(reclaim, now);
		break;
	default:
		have_map(reclaim, now);
	}
}
