#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vis.h>

#include "common/sort.h"
#include "weaved/engine/ipam/allocator_internal.h"
#include "weaved/engine/ipam/array.h"
#include "weaved/engine/ipam/store.h"

#define SAVE_RETRY_MS 5000

static bool restore(struct ipam *, struct store *);
static void load(struct ipam *, const uint8_t *, size_t, const char **);
static struct ipam_state state_of(const struct ipam *);
static bool encode_state(const struct ipam *, struct gob_encoder *);
static void save(struct ipam *);
static void publish(struct ipam *);
static void flush(struct ipam *);
static void announce_now(struct ipam *, const struct announcement *);
static void propose(struct ipam *, uint64_t);
static void conclude(struct ipam *, uint64_t);
static void create_ring(struct ipam *, const uint64_t *, size_t, uint64_t);
static void set_nickname(struct ipam *, uint64_t, const char *);
static size_t find_nickname(const struct ipam *, uint64_t);
static bool owns_entry(const struct ipam *, uint64_t);
static int name_compare(const void *, const void *);
static void prune_nicknames(struct ipam *);
static void receive(
    struct ipam *, uint64_t, const struct ipam_state *, uint64_t);
static void receive_ring(
    struct ipam *, uint64_t, const struct ring *, uint64_t);
static void receive_paxos(struct ipam *, const struct paxos_table *, uint64_t);
static void receive_request(struct ipam *, uint64_t, struct ip_range);
static bool donate(struct ipam *, uint64_t, struct ip_range);
static void bad_message(struct ipam *, uint64_t, const char *, uint64_t);
static bool send_range(
    struct ipam *, uint64_t, enum ipam_kind, struct ip_range);

bool
ipam_has_ring(const struct ipam *ipam)
{
	return ipam->ring.nentries > 0;
}

struct ipam *
ipam_new(const struct ipam_conf *conf, const struct ipam_ops *ops, void *arg,
    const uint8_t *stored, size_t len, const char **damaged, uint64_t now)
{
	struct ipam *ipam = calloc(1, sizeof(*ipam));

	*damaged = NULL;
	if (ipam == NULL)
		return NULL;
	ipam->conf = *conf;
	ipam->ops = ops;
	ipam->arg = arg;
	ipam->universe.start = conf->range.addr;
	ipam->universe.end =
	    conf->range.addr + (UINT32_C(1) << (32 - conf->range.len));
	ipam->next_tick = now + IPAM_TICK_MS;
	ring_init(&ipam->ring, ipam->universe, conf->name);
	space_init(&ipam->space);
	paxos_init(&ipam->paxos, conf->name, conf->uid);
	owners_init(&ipam->owners);
	TAILQ_INIT(&ipam->waiting);
	TAILQ_INIT(&ipam->decided);
	gob_encode_init(&ipam->published, MESSAGE_MAX);
	gob_encode_init(&ipam->unpublished, MESSAGE_MAX);
	if (len > 0)
		load(ipam, stored, len, damaged);
	set_nickname(ipam, conf->name, conf->nickname);
	if (!encode_state(ipam, &ipam->published)) {
		ipam_free(ipam);
		return NULL;
	}
	if (!ipam_has_ring(ipam) && conf->init == IPAM_INIT_SEED)
		create_ring(ipam, conf->seeds, conf->nseeds, now);
	return ipam;
}

void
ipam_free(struct ipam *ipam)
{
	if (ipam == NULL)
		return;
	requests_free(ipam);
	ring_free(&ipam->ring);
	space_free(&ipam->space);
	paxos_free(&ipam->paxos);
	owners_free(&ipam->owners);
	gob_encode_free(&ipam->published);
	gob_encode_free(&ipam->unpublished);
	free(ipam->nicknames);
	free(ipam->announcements);
	free(ipam);
}

static void
load(struct ipam *ipam, const uint8_t *data, size_t len, const char **damaged)
{
	struct store store;

	if ((*damaged = store_decode(&store, data, len)) != NULL)
		return;
	if (store.name != ipam->conf.name)
		log_warn("IPAM: what was kept belongs to another peer name "
			 "and is not used");
	else if (store.range.start != ipam->universe.start ||
	    store.range.end != ipam->universe.end)
		log_warn("IPAM: what was kept is of another ipalloc-range "
			 "and is not used");
	else if (!restore(ipam, &store))
		*damaged = "its ring is of another range";
	store_free(&store);
}

/* Moves everything out of store. */
static bool
restore(struct ipam *ipam, struct store *store)
{
	struct ipam_state *state = &store->state;

	if (state->has_ring && state->ring.nentries > 0 &&
	    (state->ring.start != ipam->universe.start ||
		state->ring.end != ipam->universe.end ||
		state->ring.peer != ipam->conf.name))
		return false;
	ipam->nicknames = state->nicknames;
	ipam->nnicknames = state->nnicknames;
	ipam->nicknames_size = state->nicknames_size;
	state->nicknames = NULL;
	owners_free(&ipam->owners);
	ipam->owners = store->owners;
	owners_init(&store->owners);
	if (state->has_ring && state->ring.nentries > 0) {
		ring_free(&ipam->ring);
		ipam->ring = state->ring;
		memset(&state->ring, 0, sizeof(state->ring));
		return ipam_adopt(ipam);
	}
	/* We are the same acceptor as before: our promises hold. */
	ipam->paxos.self.uid = store->uid;
	ipam->paxos.known = state->paxos;
	memset(&state->paxos, 0, sizeof(state->paxos));
	return true;
}

static size_t
find_nickname(const struct ipam *ipam, uint64_t peer)
{
	size_t low = 0, high = ipam->nnicknames, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (ipam->nicknames[middle].peer >= peer)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

const char *
ipam_nickname(const struct ipam *ipam, uint64_t peer)
{
	size_t i = find_nickname(ipam, peer);

	return i < ipam->nnicknames && ipam->nicknames[i].peer == peer
	    ? ipam->nicknames[i].text
	    : "";
}

const char *
ipam_peer_text(const struct ipam *ipam, uint64_t peer, char *buf, size_t size)
{
	char name[PEERNAME_STRLEN], nickname[NICKNAME_MAX];

	strnvis(nickname, ipam_nickname(ipam, peer), sizeof(nickname),
	    VIS_CSTYLE | VIS_NL | VIS_TAB);
	snprintf(buf, size, "%s(%s)", peername_format(peer, name), nickname);
	return buf;
}

/* Of another peer not more than there is room for. */
static void
set_nickname(struct ipam *ipam, uint64_t peer, const char *text)
{
	size_t i = find_nickname(ipam, peer);
	struct ipam_nickname *nicknames;

	if (i == ipam->nnicknames || ipam->nicknames[i].peer != peer) {
		nicknames = array_reserve(ipam->nicknames,
		    &ipam->nicknames_size, ipam->nnicknames + 1,
		    sizeof(*nicknames), MESH_PEERS_MAX);
		if (nicknames == NULL)
			return;
		ipam->nicknames = nicknames;
		memmove(nicknames + i + 1, nicknames + i,
		    (ipam->nnicknames++ - i) * sizeof(*nicknames));
		memset(&nicknames[i], 0, sizeof(nicknames[i]));
		nicknames[i].peer = peer;
	}
	strlcpy(ipam->nicknames[i].text, text, sizeof(ipam->nicknames[i].text));
}

void
ipam_set_members(struct ipam *ipam, uint32_t count, uint64_t now)
{
	ipam->conf.await = false;
	if (ipam->conf.count == 0)
		ipam->conf.count = count;
	requests_try(ipam, now);
	ipam_settle(ipam, now);
}

void
ipam_set_nickname(struct ipam *ipam, const char *nickname, uint64_t now)
{
	if (strcmp(ipam->conf.nickname, nickname) == 0)
		return;
	strlcpy(ipam->conf.nickname, nickname, sizeof(ipam->conf.nickname));
	set_nickname(ipam, ipam->conf.name, nickname);
	ipam_changed(ipam);
	ipam_settle(ipam, now);
}

static bool
owns_entry(const struct ipam *ipam, uint64_t peer)
{
	for (size_t i = 0; i < ipam->ring.nentries; i++)
		if (ipam->ring.entries[i].peer == peer)
			return true;
	return false;
}

static int
name_compare(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* Those of peers that own nothing and are not there. */
static void
prune_nicknames(struct ipam *ipam)
{
	size_t kept = 0, n = ipam->ring.nentries;
	uint64_t *owners;

	if (n == 0 || (owners = calloc(n, sizeof(*owners))) == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		owners[i] = ipam->ring.entries[i].peer;
	sort_array(owners, n, sizeof(*owners), name_compare);

	for (size_t i = 0; i < ipam->nnicknames; i++) {
		uint64_t peer = ipam->nicknames[i].peer;

		if (peer == ipam->conf.name ||
		    ipam->ops->known(ipam->arg, peer) ||
		    bsearch(&peer, owners, n, sizeof(peer), name_compare) !=
			NULL)
			ipam->nicknames[kept++] = ipam->nicknames[i];
	}
	ipam->nnicknames = kept;
	free(owners);
}

void
ipam_peer_gone(struct ipam *ipam, uint64_t peer)
{
	size_t i = find_nickname(ipam, peer);

	if (i == ipam->nnicknames || ipam->nicknames[i].peer != peer ||
	    peer == ipam->conf.name || owns_entry(ipam, peer))
		return;
	memmove(ipam->nicknames + i, ipam->nicknames + i + 1,
	    (--ipam->nnicknames - i) * sizeof(*ipam->nicknames));
}

/* Borrows all tables. */
static struct ipam_state
state_of(const struct ipam *ipam)
{
	struct ipam_state state = {0};

	state.now = ipam->ops->wall(ipam->arg);
	state.nicknames = ipam->nicknames;
	state.nnicknames = ipam->nnicknames;
	state.has_ring = ipam_has_ring(ipam);
	state.has_paxos =
	    !state.has_ring && ipam->conf.init != IPAM_INIT_OBSERVER;
	if (state.has_ring)
		state.ring = ipam->ring;
	if (state.has_paxos)
		state.paxos = ipam->paxos.known;
	return state;
}

static bool
encode_state(const struct ipam *ipam, struct gob_encoder *enc)
{
	const struct ipam_state state = state_of(ipam);

	gob_encode_free(enc);
	gob_encode_init(enc, MESSAGE_MAX);
	ipam_state_encode(enc, &state);
	return !enc->failed;
}

const uint8_t *
ipam_gossip(const struct ipam *ipam, size_t *len)
{
	*len = ipam->published.len;
	return ipam->published.data;
}

void
ipam_changed(struct ipam *ipam)
{
	ipam->generation++;
}

static void
save(struct ipam *ipam)
{
	struct store store = {.name = ipam->conf.name,
	    .uid = ipam->paxos.self.uid,
	    .range = ipam->universe,
	    .state = state_of(ipam),
	    .owners = ipam->owners};
	uint8_t *data;
	size_t len;

	if (!encode_state(ipam, &ipam->unpublished) ||
	    (data = store_encode(&store, &len)) == NULL)
		return;
	ipam->saving = ipam->generation;
	ipam->counters.saves++;
	ipam->ops->save(ipam->arg, data, len);
	free(data);
}

void
ipam_saved(struct ipam *ipam, const char *error, uint64_t now)
{
	if (ipam->saving == 0)
		return;
	if (error == NULL) {
		ipam->saved = ipam->saving;
		ipam->save_error[0] = '\0';
		publish(ipam);
	} else {
		log_error("IPAM: the state can not be kept: %s", error);
		strlcpy(ipam->save_error, error, sizeof(ipam->save_error));
		ipam->save_next = now + SAVE_RETRY_MS;
		ipam->counters.save_failures++;
		requests_unsaved(ipam);
	}
	ipam->saving = 0;
	ipam_settle(ipam, now);
}

/* What was saved may be seen by others. */
static void
publish(struct ipam *ipam)
{
	struct gob_encoder old = ipam->published;

	ipam->published = ipam->unpublished;
	ipam->unpublished = old;
}

void
ipam_settle(struct ipam *ipam, uint64_t now)
{
	if (ipam_has_ring(ipam) && ring_count_free(&ipam->ring, &ipam->space))
		ipam_changed(ipam);
	if (ipam->saving == 0 && ipam->saved != ipam->generation &&
	    now >= ipam->save_next)
		save(ipam);
	flush(ipam);
	requests_saved(ipam);
}

/* Later ones to or of the same peer need not wait twice. */
void
ipam_announce(struct ipam *ipam, uint64_t peer, bool broadcast)
{
	struct announcement *list = ipam->announcements;
	size_t i;

	for (i = 0; i < ipam->nannouncements; i++)
		if (list[i].peer == peer && list[i].broadcast == broadcast)
			break;
	if (i == ipam->nannouncements) {
		list = array_reserve(list, &ipam->announcements_size, i + 1,
		    sizeof(*list), (size_t)2 * MESH_PEERS_MAX);
		if (list == NULL)
			return;
		ipam->announcements = list;
		ipam->nannouncements++;
	}
	list[i] = (struct announcement){peer, ipam->generation, broadcast};
}

static void
flush(struct ipam *ipam)
{
	struct announcement announcement;
	size_t kept = 0, n = ipam->nannouncements;

	for (size_t i = 0; i < n; i++) {
		announcement = ipam->announcements[i];
		if (announcement.generation > ipam->saved)
			ipam->announcements[kept++] = announcement;
		else
			announce_now(ipam, &announcement);
	}
	ipam->nannouncements = kept;
}

static void
announce_now(struct ipam *ipam, const struct announcement *announcement)
{
	static const uint8_t kind = IPAM_RING_UPDATE;
	struct gob_encoder enc;

	if (announcement->broadcast) {
		ipam->ops->broadcast(ipam->arg, announcement->peer);
		return;
	}
	gob_encode_init(&enc, MESSAGE_MAX);
	gob_encode_raw(&enc, &kind, sizeof(kind));
	gob_encode_raw(&enc, ipam->published.data, ipam->published.len);
	if (!enc.failed)
		ipam->ops->unicast(
		    ipam->arg, announcement->peer, enc.data, enc.len);
	gob_encode_free(&enc);
}

bool
ipam_adopt(struct ipam *ipam)
{
	size_t max = ipam->ring.nentries + 1;
	struct ip_range *ranges = calloc(max, sizeof(*ranges));
	struct owner *owner;
	size_t n;
	bool ok;

	if (ranges == NULL)
		return false;
	n = ring_owned(&ipam->ring, ipam->conf.name, ranges, max);
	ok = space_set_owned(&ipam->space, ranges, n);
	free(ranges);
	for (owner = owners_first(&ipam->owners, NULL); ok && owner != NULL;
	     owner = owners_next(owner, NULL))
		space_claim(&ipam->space, owner->addr);
	return ok;
}

void
ipam_ring_changed(struct ipam *ipam, uint64_t now)
{
	ipam->establishing = false;
	paxos_free(&ipam->paxos);
	paxos_init(&ipam->paxos, ipam->conf.name, ipam->paxos.self.uid);
	if (!ipam_adopt(ipam))
		log_error("IPAM: no memory for our ranges");
	prune_nicknames(ipam);
	ipam_changed(ipam);
	requests_try(ipam, now);
}

/* Somebody needs a ring (10.4). */
void
ipam_establish(struct ipam *ipam, uint64_t now)
{
	uint32_t members = ipam->conf.count;

	if (ipam_has_ring(ipam) || ipam->establishing || ipam->left)
		return;
	ipam->establishing = true;
	if (members == 0)
		members = ipam->ops->targets(ipam->arg) + 1;
	ipam->paxos.quorum = paxos_quorum(members);
	if (ipam->conf.init == IPAM_INIT_CONSENSUS)
		log_info("IPAM: establishing the ring, quorum %zu",
		    ipam->paxos.quorum);
	propose(ipam, now);
}

static void
propose(struct ipam *ipam, uint64_t now)
{
	if (ipam->conf.init != IPAM_INIT_OBSERVER) {
		if (paxos_propose(&ipam->paxos) == -1) {
			log_error("IPAM: no room for a proposal");
			return;
		}
		ipam_changed(ipam);
		conclude(ipam, now);
	}
	ipam_announce(ipam, ipam->conf.name, true);
}

static void
conclude(struct ipam *ipam, uint64_t now)
{
	const struct paxos_claims *claims = paxos_consensus(&ipam->paxos);
	uint64_t *peers;

	if (claims == NULL || claims->nvalue == 0)
		return;
	if ((peers = calloc(claims->nvalue, sizeof(*peers))) == NULL)
		return;
	memcpy(peers, claims->value, claims->nvalue * sizeof(*peers));
	create_ring(ipam, peers, claims->nvalue, now);
	free(peers);
}

static void
create_ring(struct ipam *ipam, const uint64_t *peers, size_t n, uint64_t now)
{
	const char *error = ring_divide(&ipam->ring, peers, n);

	if (error != NULL) {
		log_error("IPAM: no ring: %s", error);
		return;
	}
	log_info("IPAM: the ring begins with %zu peers", n);
	ipam_ring_changed(ipam, now);
	ipam_announce(ipam, ipam->conf.name, true);
}

static void
bad_message(struct ipam *ipam, uint64_t source, const char *why, uint64_t now)
{
	char name[PEERNAME_STRLEN];
	uint32_t suppressed;

	ipam->counters.bad_messages++;
	if (log_limit_pass(&ipam->log_bad, now, &suppressed))
		log_warn("IPAM: message of %s dropped: %s (%u more)",
		    source == PEERNAME_UNKNOWN ? "a neighbour"
					       : peername_format(source, name),
		    why, suppressed);
}

void
ipam_receive(struct ipam *ipam, uint64_t source, const uint8_t *data,
    size_t len, uint64_t now)
{
	struct ipam_state state;
	const char *error;

	if ((error = ipam_state_decode(&state, data, len)) != NULL) {
		bad_message(ipam, source, error, now);
		return;
	}
	receive(ipam, source, &state, now);
	ipam_state_free(&state);
	/* Passed on is what we know, not what came (4.2). */
	if (source != PEERNAME_UNKNOWN && source != ipam->conf.name)
		ipam_announce(ipam, source, true);
	ipam_settle(ipam, now);
}

void
ipam_receive_unicast(struct ipam *ipam, uint64_t source, const uint8_t *data,
    size_t len, uint64_t now)
{
	struct ipam_unicast unicast;
	const char *error;

	if (source == ipam->conf.name)
		return;
	if ((error = ipam_unicast_decode(&unicast, data, len)) != NULL) {
		bad_message(ipam, source, error, now);
		return;
	}
	switch (unicast.kind) {
	case IPAM_SPACE_REQUEST:
		receive_request(ipam, source, unicast.range);
		break;
	case IPAM_RING_UPDATE:
		receive(ipam, source, &unicast.state, now);
		break;
	case IPAM_SPACE_DENIED:
		ipam->counters.denials_received++;
		requests_denied(ipam, source, unicast.range);
		conflict_denied(ipam, source, unicast.range, now);
		break;
	}
	ipam_unicast_free(&unicast);
	ipam_settle(ipam, now);
}

/* The cases of 10.3. */
static void
receive(struct ipam *ipam, uint64_t source, const struct ipam_state *state,
    uint64_t now)
{
	for (size_t i = 0; i < state->nnicknames; i++)
		if (state->nicknames[i].peer != ipam->conf.name)
			set_nickname(ipam, state->nicknames[i].peer,
			    state->nicknames[i].text);
	if (state->has_ring)
		receive_ring(ipam, source, &state->ring, now);
	else if (ipam_has_ring(ipam)) {
		if (source != PEERNAME_UNKNOWN && source != ipam->conf.name)
			ipam_announce(ipam, source, false);
	} else if (state->has_paxos)
		receive_paxos(ipam, &state->paxos, now);
	else if (source != PEERNAME_UNKNOWN &&
	    ipam->conf.init == IPAM_INIT_CONSENSUS)
		ipam_establish(ipam, now);
}

static void
receive_ring(
    struct ipam *ipam, uint64_t source, const struct ring *theirs, uint64_t now)
{
	const char *error;
	bool changed;

	if (theirs->nentries == 0)
		return;
	error = ring_merge(&ipam->ring, theirs, &ipam->space, &changed);
	if (error != NULL)
		changed = conflict_repair(ipam, source, theirs, error, now);
	if (changed)
		ipam_ring_changed(ipam, now);
}

static void
receive_paxos(struct ipam *ipam, const struct paxos_table *theirs, uint64_t now)
{
	int learnt;

	if (ipam->conf.init != IPAM_INIT_CONSENSUS)
		return;
	if ((learnt = paxos_update(&ipam->paxos, theirs)) == -1) {
		bad_message(ipam, PEERNAME_UNKNOWN,
		    "more electors than there is room for", now);
		return;
	}
	if (learnt == 0)
		return;
	ipam_changed(ipam);
	if (paxos_think(&ipam->paxos) == 1)
		ipam_announce(ipam, ipam->conf.name, true);
	conclude(ipam, now);
}

static bool
send_range(struct ipam *ipam, uint64_t peer, enum ipam_kind kind,
    struct ip_range range)
{
	struct ipam_unicast unicast = {.kind = kind, .range = range};
	struct gob_encoder enc;
	bool sent = false;

	gob_encode_init(&enc, MESSAGE_MAX);
	ipam_unicast_encode(&enc, &unicast);
	if (!enc.failed)
		sent = ipam->ops->unicast(ipam->arg, peer, enc.data, enc.len);
	gob_encode_free(&enc);
	return sent;
}

bool
ipam_ask_space(struct ipam *ipam, uint64_t peer, struct ip_range range)
{
	if (!send_range(ipam, peer, IPAM_SPACE_REQUEST, range))
		return false;
	ipam->counters.space_requests_sent++;
	return true;
}

static void
receive_request(struct ipam *ipam, uint64_t source, struct ip_range range)
{
	ipam->counters.space_requests_received++;
	if (!ipam_has_ring(ipam))
		return;
	if (!donate(ipam, source, range)) {
		send_range(ipam, source, IPAM_SPACE_DENIED, range);
		ipam->counters.denials_sent++;
		ipam_announce(ipam, source, false);
	}
}

static bool
donate(struct ipam *ipam, uint64_t to, struct ip_range range)
{
	struct ip_range given;
	const char *error;

	if (!space_donate(&ipam->space, range, &given))
		return false;
	if ((error = ring_grant(&ipam->ring, given, to)) != NULL) {
		log_warn("IPAM: no space given: %s", error);
		ipam_adopt(ipam);
		return false;
	}
	ipam->counters.donations++;
	ring_count_free(&ipam->ring, &ipam->space);
	ipam_changed(ipam);
	ipam_announce(ipam, to, false);
	ipam_announce(ipam, ipam->conf.name, true);
	return true;
}

uint64_t
ipam_tick(struct ipam *ipam, uint64_t now)
{
	uint64_t next;

	if (now >= ipam->next_tick) {
		ipam->next_tick = now + IPAM_TICK_MS;
		if (ipam->establishing && !ipam_has_ring(ipam))
			propose(ipam, now);
		requests_try(ipam, now);
		conflict_reclaim(ipam);
	}
	next = requests_tick(ipam, now);
	ipam_settle(ipam, now);
	return next < ipam->next_tick ? next : ipam->next_tick;
}
