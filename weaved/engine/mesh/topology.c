#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/mesh/topology.h"

/*
 * Own versions only count events, so none comes near this. A claim beyond it
 * is a lie: following one about ourself would exhaust the counter, and one
 * about another peer could not be outdone by that peer.
 */
#define VERSION_SANE (UINT64_C(1) << 63)

#define SHORT_ID_DRAWS 10

RB_HEAD(peer_tree, topology_peer);

struct topology {
	struct peer_tree peers;
	size_t npeers;
	size_t nedges;
	struct topology_peer *self;
	topology_random random;
	void *arg;
	uint64_t owners[SHORT_IDS];
	bool used[SHORT_IDS]; /* ever owned */
	bool short_ids_changed;
};

/* One update being merged. */
struct merge {
	struct topology *topo;
	struct topology_record *records;
	size_t count;
	uint64_t *created; /* names that were not known */
	size_t ncreated;
	size_t left_out;
};

static int peer_compare(
    const struct topology_peer *, const struct topology_peer *);
static struct topology_peer *peer_find(const struct topology *, uint64_t);
static struct topology_peer *peer_new(struct topology *, uint64_t);
static void peer_remove(struct topology *, struct topology_peer *);
static void raise_version(struct topology *);
static size_t conn_place(const struct topology_peer *, uint64_t);
static struct topology_conn *conn_find(struct topology_peer *, uint64_t);
static void short_ids_update(struct topology *);
static bool short_id_draw(struct topology *, uint16_t *);
static void meet_self(struct topology *, const struct topology_record *,
    struct topology_update *);
static bool record_newer(
    const struct topology_peer *, const struct topology_record *);
static bool record_foreign(
    const struct topology *, const struct topology_record *);
static bool record_wanted(
    const struct topology_peer *, const struct topology_record *);
static const char *create(struct merge *, uint64_t, bool);
static const char *create_far_ends(
    struct merge *, const struct topology_record *);
static const char *merge_prepare(struct merge *);
static void merge_undo(struct merge *);
static bool edges_fit(const struct topology *, const struct topology_peer *,
    const struct topology_record *);
static void merge_record(
    struct topology *, struct topology_peer *, struct topology_record *);
static void merge_apply(struct merge *, struct topology_update *);
static const char *merge_records(struct merge *, struct topology_update *);
static bool mark_reached(struct topology *);
RB_PROTOTYPE(peer_tree, topology_peer, entry, peer_compare);

static int
peer_compare(const struct topology_peer *a, const struct topology_peer *b)
{
	return a->name < b->name ? -1 : a->name > b->name;
}

RB_GENERATE(peer_tree, topology_peer, entry, peer_compare);

static struct topology_peer *
peer_find(const struct topology *topo, uint64_t name)
{
	struct topology_peer *peer = RB_ROOT(&topo->peers);

	while (peer != NULL && peer->name != name)
		peer = name < peer->name ? RB_LEFT(peer, entry)
					 : RB_RIGHT(peer, entry);
	return peer;
}

/* A placeholder, of a name not known yet. */
static struct topology_peer *
peer_new(struct topology *topo, uint64_t name)
{
	struct topology_peer *peer;

	if (topo->npeers == TOPOLOGY_PEERS_MAX ||
	    (peer = calloc(1, sizeof(*peer))) == NULL)
		return NULL;
	peer->name = name;
	RB_INSERT(peer_tree, &topo->peers, peer);
	topo->npeers++;
	return peer;
}

static void
peer_remove(struct topology *topo, struct topology_peer *peer)
{
	RB_REMOVE(peer_tree, &topo->peers, peer);
	topo->npeers--;
	topo->nedges -= peer->nconns;
	free(peer->conns);
	free(peer);
}

struct topology *
topology_new(uint64_t name, const char *nickname, uint64_t uid,
    topology_random random, void *arg)
{
	struct topology *topo;

	if ((topo = calloc(1, sizeof(*topo))) == NULL)
		return NULL;
	RB_INIT(&topo->peers);
	topo->random = random;
	topo->arg = arg;
	if ((topo->self = peer_new(topo, name)) == NULL) {
		free(topo);
		return NULL;
	}
	topo->self->uid = uid;
	topo->self->has_short_id = true;
	topo->self->short_id = (uint16_t)random(arg, SHORT_IDS);
	strlcpy(topo->self->nickname, nickname, sizeof(topo->self->nickname));
	short_ids_update(topo);
	return topo;
}

void
topology_free(struct topology *topo)
{
	struct topology_peer *peer;

	if (topo == NULL)
		return;
	while ((peer = RB_ROOT(&topo->peers)) != NULL)
		peer_remove(topo, peer);
	free(topo);
}

const struct topology_peer *
topology_self(const struct topology *topo)
{
	return topo->self;
}

const struct topology_peer *
topology_find(const struct topology *topo, uint64_t name)
{
	return peer_find(topo, name);
}

const struct topology_peer *
topology_first(const struct topology *topo)
{
	struct topology_peer *peer = RB_ROOT(&topo->peers);

	while (RB_LEFT(peer, entry) != NULL)
		peer = RB_LEFT(peer, entry);
	return peer;
}

const struct topology_peer *
topology_next(const struct topology_peer *peer)
{
	const struct topology_peer *up;

	if (RB_RIGHT(peer, entry) != NULL) {
		peer = RB_RIGHT(peer, entry);
		while (RB_LEFT(peer, entry) != NULL)
			peer = RB_LEFT(peer, entry);
		return peer;
	}
	while ((up = RB_PARENT(peer, entry)) != NULL &&
	    RB_RIGHT(up, entry) == peer)
		peer = up;
	return up;
}

size_t
topology_count(const struct topology *topo)
{
	return topo->npeers;
}

/* Where the connection to name is, or would be. */
static size_t
conn_place(const struct topology_peer *peer, uint64_t name)
{
	size_t low = 0, high = peer->nconns, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (peer->conns[middle].peer < name)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct topology_conn *
conn_find(struct topology_peer *peer, uint64_t name)
{
	size_t i = conn_place(peer, name);

	if (i == peer->nconns || peer->conns[i].peer != name)
		return NULL;
	return &peer->conns[i];
}

const struct topology_conn *
topology_conn_find(const struct topology_peer *peer, uint64_t name)
{
	size_t i = conn_place(peer, name);

	if (i == peer->nconns || peer->conns[i].peer != name)
		return NULL;
	return &peer->conns[i];
}

static void
raise_version(struct topology *topo)
{
	topo->self->version++;
}

bool
topology_connect(
    struct topology *topo, uint64_t peer, const char *addr, bool outbound)
{
	struct topology_peer *self = topo->self;
	struct topology_conn *conns;
	size_t i;

	if (self->nconns == TOPOLOGY_CONNS_MAX || peer == PEERNAME_UNKNOWN ||
	    conn_find(self, peer) != NULL)
		return false;
	if (peer_find(topo, peer) == NULL && peer_new(topo, peer) == NULL)
		return false;
	conns = reallocarray(self->conns, self->nconns + 1, sizeof(*conns));
	if (conns == NULL)
		return false;
	self->conns = conns;
	i = conn_place(self, peer);
	memmove(conns + i + 1, conns + i, (self->nconns - i) * sizeof(*conns));
	memset(&conns[i], 0, sizeof(conns[i]));
	conns[i].peer = peer;
	conns[i].outbound = outbound;
	strlcpy(conns[i].addr, addr, sizeof(conns[i].addr));
	self->nconns++;
	topo->nedges++;
	raise_version(topo);
	return true;
}

bool
topology_establish(struct topology *topo, uint64_t peer)
{
	struct topology_conn *conn = conn_find(topo->self, peer);

	if (conn == NULL)
		return false;
	conn->established = true;
	raise_version(topo);
	return true;
}

bool
topology_disconnect(struct topology *topo, uint64_t peer)
{
	struct topology_peer *self = topo->self;
	struct topology_conn *conn = conn_find(self, peer);
	size_t i;

	if (conn == NULL)
		return false;
	i = (size_t)(conn - self->conns);
	self->nconns--;
	memmove(conn, conn + 1, (self->nconns - i) * sizeof(*conn));
	topo->nedges--;
	raise_version(topo);
	return true;
}

void
topology_set_nickname(struct topology *topo, const char *nickname)
{
	strlcpy(topo->self->nickname, nickname, sizeof(topo->self->nickname));
	raise_version(topo);
}

const struct topology_peer *
topology_add(struct topology *topo, uint64_t name, const char *nickname,
    uint64_t uid, bool has_short_id, uint16_t short_id)
{
	struct topology_peer *peer = peer_find(topo, name);

	if (peer == NULL)
		peer = peer_new(topo, name);
	if (peer == NULL || peer == topo->self || peer->uid != 0)
		return peer;
	peer->uid = uid;
	peer->has_short_id = has_short_id;
	peer->short_id = short_id;
	strlcpy(peer->nickname, nickname, sizeof(peer->nickname));
	short_ids_update(topo);
	return peer;
}

bool
topology_hold(struct topology *topo, uint64_t name)
{
	struct topology_peer *peer = peer_find(topo, name);

	if (peer == NULL)
		return false;
	peer->held++;
	return true;
}

void
topology_release(struct topology *topo, uint64_t name)
{
	struct topology_peer *peer = peer_find(topo, name);

	if (peer != NULL && peer->held > 0)
		peer->held--;
}

/* The lowest name that claims an id owns it; peers come in that order. */
static void
short_ids_update(struct topology *topo)
{
	static const uint64_t nobody[SHORT_IDS];
	uint64_t owners[SHORT_IDS];
	struct topology_peer *peer;

	memcpy(owners, nobody, sizeof(owners));
	RB_FOREACH(peer, peer_tree, &topo->peers)
		if (peer->has_short_id && peer->short_id < SHORT_IDS &&
		    owners[peer->short_id] == PEERNAME_UNKNOWN)
			owners[peer->short_id] = peer->name;
	for (size_t i = 0; i < SHORT_IDS; i++) {
		if (owners[i] == topo->owners[i])
			continue;
		topo->owners[i] = owners[i];
		if (owners[i] == PEERNAME_UNKNOWN)
			continue;
		if (topo->used[i])
			topo->short_ids_changed = true;
		topo->used[i] = true;
	}
}

uint64_t
topology_short_id_owner(const struct topology *topo, uint16_t short_id)
{
	return short_id < SHORT_IDS ? topo->owners[short_id] : PEERNAME_UNKNOWN;
}

bool
topology_short_ids_changed(struct topology *topo)
{
	bool changed = topo->short_ids_changed;

	topo->short_ids_changed = false;
	return changed;
}

/* Some draws at random, then a choice among those that are free. */
static bool
short_id_draw(struct topology *topo, uint16_t *id)
{
	uint16_t free_ids[SHORT_IDS];
	uint32_t nfree = 0;

	for (int i = 0; i < SHORT_ID_DRAWS; i++) {
		*id = (uint16_t)topo->random(topo->arg, SHORT_IDS);
		if (topo->owners[*id] == PEERNAME_UNKNOWN)
			return true;
	}
	for (uint16_t i = 0; i < SHORT_IDS; i++)
		if (topo->owners[i] == PEERNAME_UNKNOWN)
			free_ids[nfree++] = i;
	if (nfree == 0)
		return false;
	*id = free_ids[topo->random(topo->arg, nfree)];
	return true;
}

bool
topology_settle_short_id(struct topology *topo)
{
	struct topology_peer *self = topo->self;
	uint16_t id = 0;
	bool found;

	if (self->has_short_id && topo->owners[self->short_id] == self->name)
		return false;
	found = short_id_draw(topo, &id);
	if (!found && !self->has_short_id)
		return false;
	self->has_short_id = found;
	self->short_id = found ? id : 0;
	raise_version(topo);
	short_ids_update(topo);
	return true;
}

/* Gossip about an older incarnation of ourself must be outdone. */
static void
meet_self(struct topology *topo, const struct topology_record *record,
    struct topology_update *update)
{
	if (record->uid == topo->self->uid ||
	    record->version < topo->self->version)
		return;
	topo->self->version = record->version + 1;
	update->self_raised = true;
}

static bool
record_newer(
    const struct topology_peer *peer, const struct topology_record *record)
{
	if (record->version != peer->version)
		return record->version > peer->version;
	if (record->uid != peer->uid)
		return record->uid > peer->uid;
	return record->has_short_id && !peer->has_short_id;
}

static bool
record_wanted(
    const struct topology_peer *peer, const struct topology_record *record)
{
	return peer->fresh || record_newer(peer, record);
}

/* Is it about a peer other than ourself, and believable? */
static bool
record_foreign(
    const struct topology *topo, const struct topology_record *record)
{
	return record->name != PEERNAME_UNKNOWN &&
	    record->name != topo->self->name && record->version < VERSION_SANE;
}

/*
 * Adds a placeholder unless the name is known, or there is no room: it is left
 * out then, for one that fills the table must not cost us the neighbours that
 * only pass on what it said. Returns an error or NULL.
 */
static const char *
create(struct merge *merge, uint64_t name, bool fresh)
{
	struct topology_peer *peer;

	if (peer_find(merge->topo, name) != NULL)
		return NULL;
	if (merge->topo->npeers == TOPOLOGY_PEERS_MAX) {
		merge->left_out++;
		return NULL;
	}
	if ((peer = peer_new(merge->topo, name)) == NULL)
		return "out of memory";
	peer->fresh = fresh;
	merge->created[merge->ncreated++] = name;
	return NULL;
}

static const char *
create_far_ends(struct merge *merge, const struct topology_record *record)
{
	const struct topology_peer *peer = peer_find(merge->topo, record->name);
	const char *error = NULL;

	if (!record_foreign(merge->topo, record) || peer == NULL ||
	    !record_wanted(peer, record))
		return NULL;
	for (size_t i = 0; i < record->nconns && error == NULL; i++)
		error = create(merge, record->conns[i].peer, false);
	return error;
}

/*
 * Creates every peer that the records will need, those of the message first:
 * what can fail happens here.
 */
static const char *
merge_prepare(struct merge *merge)
{
	const struct topology_record *record;
	const char *error = NULL;

	for (size_t i = 0; i < merge->count && error == NULL; i++) {
		record = &merge->records[i];
		if (record_foreign(merge->topo, record))
			error = create(merge, record->name, true);
	}
	for (size_t i = 0; i < merge->count && error == NULL; i++)
		error = create_far_ends(merge, &merge->records[i]);
	return error;
}

static void
merge_undo(struct merge *merge)
{
	while (merge->ncreated > 0)
		peer_remove(merge->topo,
		    peer_find(merge->topo, merge->created[--merge->ncreated]));
}

static bool
edges_fit(const struct topology *topo, const struct topology_peer *peer,
    const struct topology_record *record)
{
	return topo->nedges - peer->nconns + record->nconns <=
	    TOPOLOGY_EDGES_MAX;
}

/* The record's connections become the peer's. */
static void
merge_record(struct topology *topo, struct topology_peer *peer,
    struct topology_record *record)
{
	topo->nedges += record->nconns - peer->nconns;
	free(peer->conns);
	peer->conns = record->conns;
	peer->nconns = record->nconns;
	record->conns = NULL;
	record->nconns = 0;
	peer->uid = record->uid;
	peer->version = record->version;
	peer->has_short_id = record->has_short_id;
	peer->short_id = record->short_id;
	strlcpy(peer->nickname, record->nickname, sizeof(peer->nickname));
	peer->fresh = false;
}

static void
merge_apply(struct merge *merge, struct topology_update *update)
{
	struct topology_record *record;
	struct topology_peer *peer;

	for (size_t i = 0; i < merge->count; i++) {
		record = &merge->records[i];
		if (record->version >= VERSION_SANE) {
			update->hostile++;
			continue;
		}
		peer = peer_find(merge->topo, record->name);
		if (peer == NULL) /* no name, or left out */
			continue;
		update->named[update->nnamed++] = record->name;
		if (peer == merge->topo->self) {
			meet_self(merge->topo, record, update);
		} else if (!edges_fit(merge->topo, peer, record)) {
			merge->left_out++;
		} else if (record_wanted(peer, record)) {
			merge_record(merge->topo, peer, record);
			update->fresh[update->nfresh++] = record->name;
		}
	}
	update->left_out = merge->left_out;
	if (update->nfresh > 0)
		short_ids_update(merge->topo);
}

static const char *
merge_records(struct merge *merge, struct topology_update *update)
{
	const char *error = "out of memory";

	merge->created = calloc(TOPOLOGY_PEERS_MAX, sizeof(uint64_t));
	update->named = calloc(merge->count, sizeof(uint64_t));
	update->fresh = calloc(merge->count, sizeof(uint64_t));
	if (merge->created != NULL && update->named != NULL &&
	    update->fresh != NULL)
		error = merge_prepare(merge);
	if (error == NULL)
		merge_apply(merge, update);
	else if (merge->created != NULL)
		merge_undo(merge);
	free(merge->created);
	return error;
}

bool
topology_merge(struct topology *topo, const uint8_t *data, size_t len,
    struct topology_update *update, char *cause, size_t size)
{
	struct merge merge = {.topo = topo};
	const char *error = NULL;

	memset(update, 0, sizeof(*update));
	if (!topology_decode(
		data, len, &merge.records, &merge.count, cause, size))
		return false;
	if (merge.count > 0)
		error = merge_records(&merge, update);
	topology_records_free(merge.records, merge.count);
	if (error != NULL) {
		topology_update_free(update);
		snprintf(cause, size, "bad topology gossip: %s", error);
	}
	return error == NULL;
}

void
topology_update_free(struct topology_update *update)
{
	free(update->named);
	free(update->fresh);
	memset(update, 0, sizeof(*update));
}

uint64_t *
topology_names(const struct topology *topo, size_t *count)
{
	const struct topology_peer *peer;
	uint64_t *names;

	*count = 0;
	if ((names = calloc(topo->npeers, sizeof(*names))) == NULL)
		return NULL;
	for (peer = topology_first(topo); peer != NULL;
	     peer = topology_next(peer))
		names[(*count)++] = peer->name;
	return names;
}

/* Along connections of any state, in the direction they are reported. */
static bool
mark_reached(struct topology *topo)
{
	struct topology_peer **work, *peer, *far;
	size_t n = 0;

	if ((work = calloc(topo->npeers, sizeof(struct topology_peer *))) ==
	    NULL)
		return false;
	RB_FOREACH(peer, peer_tree, &topo->peers)
		peer->reached = false;
	topo->self->reached = true;
	work[n++] = topo->self;
	while (n > 0) {
		peer = work[--n];
		for (size_t i = 0; i < peer->nconns; i++) {
			far = peer_find(topo, peer->conns[i].peer);
			if (far == NULL || far->reached)
				continue;
			far->reached = true;
			work[n++] = far;
		}
	}
	free(work);
	return true;
}

size_t
topology_collect(struct topology *topo, uint64_t **removed)
{
	struct topology_peer *peer, *next;
	size_t n = 0;

	*removed = NULL;
	if (!mark_reached(topo) ||
	    (*removed = calloc(topo->npeers, sizeof(uint64_t))) == NULL)
		return 0;
	RB_FOREACH_SAFE(peer, peer_tree, &topo->peers, next) {
		if (peer->reached || peer->held > 0)
			continue;
		(*removed)[n++] = peer->name;
		peer_remove(topo, peer);
	}
	if (n > 0) {
		short_ids_update(topo);
		return n;
	}
	free(*removed);
	*removed = NULL;
	return 0;
}
