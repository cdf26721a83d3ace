#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sort.h"
#include "weaved/engine/ipam/allocator_internal.h"

/* An owner that may have space, in the order in which they are asked. */
struct candidate {
	uint64_t peer;
	uint64_t weight;
};

/* Whom one round has asked: the others of a subnet wait for that. */
struct asked {
	struct subnet subnet;
	char reason[CTL_CAUSE_MAX];
};
#define ASKED_MAX 64

struct round {
	struct asked asked[ASKED_MAX];
	size_t n;
};

static struct request *request_new(
    struct ipam *, enum request_kind, uint32_t, const char *, uint64_t);
static void request_free(struct ipam *, struct requests *, struct request *);
static void refuse(struct ipam *, uint32_t, const char *);
static void fail(struct ipam *, struct request *, const char *);
static void decide(struct ipam *, struct request *, uint32_t, uint8_t, bool);
static struct ip_range subnet_range(struct subnet);
static struct ip_range hosts(struct subnet);
static const struct owner *owned_in(
    const struct ipam *, const char *, struct ip_range);
static void waiting_for_ring(struct ipam *, struct request *);
static void try_allocate(struct ipam *, struct request *, struct round *);
static void find_space(struct ipam *, struct request *, struct round *);
static void ask_owners(struct ipam *, struct subnet, char *, size_t);
static bool covers(const struct ring *, size_t, struct ip_range);
static size_t list_candidates(
    struct ipam *, struct ip_range, struct candidate *);
static int candidate_compare(const void *, const void *);
static void try_claim(struct ipam *, struct request *);
static void claim_elsewhere(struct ipam *, struct request *, uint64_t);
static void record_claim(struct ipam *, struct request *, bool);
static void take_back(struct ipam *, const struct request *);
static bool find_peer(
    const struct ipam *, const char *, uint64_t *, const char **);
static uint64_t choose_heir(const struct ipam *);

static struct ip_range
subnet_range(struct subnet subnet)
{
	uint32_t size = UINT32_C(1) << (32 - subnet.len);

	return (struct ip_range){subnet.addr, subnet.addr + size};
}

/* Without the addresses of the subnet itself and of its broadcast. */
static struct ip_range
hosts(struct subnet subnet)
{
	struct ip_range range = subnet_range(subnet);

	return (struct ip_range){range.start + 1, range.end - 1};
}

/* NULL: refused and answered. */
static struct request *
request_new(struct ipam *ipam, enum request_kind kind, uint32_t id,
    const char *owner, uint64_t deadline)
{
	struct request *request = NULL;

	if (ipam->left)
		refuse(ipam, id,
		    "this peer has given its addresses away by "
		    "reset: restart weaved to use it again");
	else if (!owners_valid_id(owner))
		refuse(ipam, id,
		    "the id must have 1 to 191 printable "
		    "characters and no spaces");
	else if (ipam->nrequests >= IPAM_REQUESTS_MAX)
		refuse(ipam, id, "too many requests are waiting");
	else if ((request = calloc(1, sizeof(*request))) == NULL)
		refuse(ipam, id, "no memory");
	if (request == NULL)
		return NULL;
	request->kind = kind;
	request->id = id;
	request->deadline = deadline;
	strlcpy(request->owner, owner, sizeof(request->owner));
	strlcpy(request->reason, "it was not its turn yet",
	    sizeof(request->reason));
	TAILQ_INSERT_TAIL(&ipam->waiting, request, entry);
	ipam->nrequests++;
	return request;
}

static void
request_free(struct ipam *ipam, struct requests *queue, struct request *request)
{
	TAILQ_REMOVE(queue, request, entry);
	ipam->nrequests--;
	free(request);
}

void
requests_free(struct ipam *ipam)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&ipam->waiting)) != NULL)
		request_free(ipam, &ipam->waiting, request);
	while ((request = TAILQ_FIRST(&ipam->decided)) != NULL)
		request_free(ipam, &ipam->decided, request);
}

static void
refuse(struct ipam *ipam, uint32_t id, const char *error)
{
	const struct ipam_answer answer = {.error = error};

	ipam->counters.failures++;
	ipam->ops->answer(ipam->arg, id, &answer);
}

/* Of one that waits. */
static void
fail(struct ipam *ipam, struct request *request, const char *error)
{
	refuse(ipam, request->id, error);
	request_free(ipam, &ipam->waiting, request);
}

/* The answer is known, and given when it is on disk. */
static void
decide(struct ipam *ipam, struct request *request, uint32_t addr, uint8_t len,
    bool fresh)
{
	request->addr = addr;
	request->len = len;
	request->fresh = fresh;
	if (fresh)
		ipam_changed(ipam);
	request->generation = ipam->generation;
	TAILQ_REMOVE(&ipam->waiting, request, entry);
	TAILQ_INSERT_TAIL(&ipam->decided, request, entry);
}

void
requests_saved(struct ipam *ipam)
{
	struct request *request, *next;

	TAILQ_FOREACH_SAFE(request, &ipam->decided, entry, next) {
		const struct ipam_answer answer = {.addr = request->addr,
		    .len = request->len,
		    .peer = request->peer,
		    .count = request->count};

		if (request->generation > ipam->saved)
			continue;
		ipam->ops->answer(ipam->arg, request->id, &answer);
		request_free(ipam, &ipam->decided, request);
	}
}

/* The address of somebody who never heard of it. */
static void
take_back(struct ipam *ipam, const struct request *request)
{
	struct owner *owner;

	owner = owners_find(&ipam->owners, request->owner, request->addr);
	if (!request->fresh || request->kind == REQUEST_OTHER || owner == NULL)
		return;
	owners_remove(&ipam->owners, owner);
	if (owners_find_addr(&ipam->owners, request->addr) == NULL)
		space_release(&ipam->space, request->addr);
	ipam_changed(ipam);
}

void
requests_unsaved(struct ipam *ipam)
{
	struct request *request;
	char error[CTL_CAUSE_MAX];

	snprintf(error, sizeof(error),
	    "the state of IPAM can not be kept on disk: %s", ipam->save_error);
	while ((request = TAILQ_FIRST(&ipam->decided)) != NULL) {
		take_back(ipam, request);
		refuse(ipam, request->id, error);
		request_free(ipam, &ipam->decided, request);
	}
}

void
ipam_cancel(struct ipam *ipam, uint32_t id, uint64_t now)
{
	struct request *request, *next;

	TAILQ_FOREACH_SAFE(request, &ipam->waiting, entry, next)
		if (request->id == id)
			request_free(ipam, &ipam->waiting, request);
	TAILQ_FOREACH_SAFE(request, &ipam->decided, entry, next) {
		if (request->id != id)
			continue;
		take_back(ipam, request);
		request_free(ipam, &ipam->decided, request);
	}
	ipam_settle(ipam, now);
}

void
ipam_cancel_all(struct ipam *ipam, uint64_t now)
{
	struct request *request;

	while ((request = TAILQ_FIRST(&ipam->waiting)) != NULL)
		request_free(ipam, &ipam->waiting, request);
	while ((request = TAILQ_FIRST(&ipam->decided)) != NULL) {
		take_back(ipam, request);
		request_free(ipam, &ipam->decided, request);
	}
	ipam_settle(ipam, now);
}

uint64_t
requests_tick(struct ipam *ipam, uint64_t now)
{
	struct request *request, *next;
	char error[CTL_CAUSE_MAX];
	uint64_t first = UINT64_MAX;

	TAILQ_FOREACH_SAFE(request, &ipam->waiting, entry, next) {
		if (request->deadline <= now)
			fail(ipam, request, request->reason);
		else if (request->deadline < first)
			first = request->deadline;
	}
	TAILQ_FOREACH_SAFE(request, &ipam->decided, entry, next) {
		if (request->deadline <= now) {
			snprintf(error, sizeof(error),
			    "the state of IPAM is not on disk in time%s%s",
			    ipam->save_error[0] == '\0' ? "" : ": ",
			    ipam->save_error);
			take_back(ipam, request);
			refuse(ipam, request->id, error);
			request_free(ipam, &ipam->decided, request);
		} else if (request->deadline < first)
			first = request->deadline;
	}
	return first;
}

/* Claims first: they know what they want. */
void
requests_try(struct ipam *ipam, uint64_t now)
{
	struct request *request, *next;
	struct round round;

	if (TAILQ_EMPTY(&ipam->waiting))
		return;
	if (ipam->conf.await) {
		TAILQ_FOREACH(request, &ipam->waiting, entry)
			strlcpy(request->reason,
			    "the cluster's list of peers is not known yet",
			    sizeof(request->reason));
		return;
	}
	ipam_establish(ipam, now);
	round.n = 0;
	TAILQ_FOREACH_SAFE(request, &ipam->waiting, entry, next)
		if (request->kind == REQUEST_CLAIM)
			try_claim(ipam, request);
	TAILQ_FOREACH_SAFE(request, &ipam->waiting, entry, next)
		if (request->kind == REQUEST_ALLOCATE)
			try_allocate(ipam, request, &round);
}

static void
waiting_for_ring(struct ipam *ipam, struct request *request)
{
	if (ipam->conf.init == IPAM_INIT_OBSERVER)
		strlcpy(request->reason,
		    "no ring yet: this observer waits for a peer that has one",
		    sizeof(request->reason));
	else
		snprintf(request->reason, sizeof(request->reason),
		    "no ring yet: awaiting consensus (quorum: %zu, known: "
		    "%zu)",
		    ipam->paxos.quorum, ipam->paxos.known.n);
}

void
ipam_allocate(struct ipam *ipam, uint32_t id, const char *owner,
    struct subnet subnet, uint64_t deadline, uint64_t now)
{
	char error[CTL_CAUSE_MAX], wanted[SUBNET_STRLEN], all[SUBNET_STRLEN];
	struct request *request;

	if (subnet.len == 0)
		subnet = ipam->conf.subnet;
	if (subnet.len > IPAM_PREFIX_MAX || subnet.len < ipam->conf.range.len ||
	    !subnet_contains(ipam->conf.range, subnet.addr)) {
		snprintf(error, sizeof(error),
		    "%s is no subnet of the range %s, or longer than /%d",
		    subnet_format(subnet, wanted),
		    subnet_format(ipam->conf.range, all), IPAM_PREFIX_MAX);
		refuse(ipam, id, error);
		return;
	}
	request = request_new(ipam, REQUEST_ALLOCATE, id, owner, deadline);
	if (request == NULL)
		return;
	request->subnet = subnet;
	requests_try(ipam, now);
	ipam_settle(ipam, now);
}

static const struct owner *
owned_in(const struct ipam *ipam, const char *id, struct ip_range range)
{
	struct owner *owner;

	for (owner = owners_first(&ipam->owners, id); owner != NULL;
	     owner = owners_next(owner, id))
		if (owner->addr >= range.start && owner->addr < range.end)
			return owner;
	return NULL;
}

static void
try_allocate(struct ipam *ipam, struct request *request, struct round *round)
{
	struct ip_range range = hosts(request->subnet);
	const struct owner *owner = owned_in(ipam, request->owner, range);
	uint32_t addr;

	if (owner != NULL)
		decide(ipam, request, owner->addr, request->subnet.len, false);
	else if (!ipam_has_ring(ipam))
		waiting_for_ring(ipam, request);
	else if (!space_allocate(&ipam->space, range, &addr))
		find_space(ipam, request, round);
	else if (!owners_add(&ipam->owners, request->owner, addr,
		     request->subnet.len)) {
		space_release(&ipam->space, addr);
		fail(ipam, request, "too many addresses are given out");
	} else {
		ipam->counters.allocations++;
		decide(ipam, request, addr, request->subnet.len, true);
	}
}

/* In a round each subnet is asked for once. */
static void
find_space(struct ipam *ipam, struct request *request, struct round *round)
{
	struct asked *asked = NULL;

	for (size_t i = 0; i < round->n; i++)
		if (round->asked[i].subnet.addr == request->subnet.addr &&
		    round->asked[i].subnet.len == request->subnet.len)
			asked = &round->asked[i];
	if (asked == NULL && round->n == ASKED_MAX)
		return;
	if (asked == NULL) {
		asked = &round->asked[round->n++];
		asked->subnet = request->subnet;
		ask_owners(ipam, request->subnet, asked->reason,
		    sizeof(asked->reason));
	}
	strlcpy(request->reason, asked->reason, sizeof(request->reason));
}

static int
candidate_compare(const void *a, const void *b)
{
	const struct candidate *x = a, *y = b;

	return (x->weight < y->weight) - (x->weight > y->weight);
}

/* Does entry i own some address of the range? The last may wrap around. */
static bool
covers(const struct ring *ring, size_t i, struct ip_range range)
{
	uint64_t from = ring->entries[i].token;
	uint64_t to = from + ring_entry_size(ring, i);

	return (from < range.end && to > range.start) ||
	    (to > ring->end && range.start < ring->start + (to - ring->end));
}

/* Entries with free addresses in the range, in weighted random order. */
static size_t
list_candidates(
    struct ipam *ipam, struct ip_range range, struct candidate *list)
{
	const struct ring_entry *entry;
	size_t n = 0;

	for (size_t i = 0; i < ipam->ring.nentries; i++) {
		entry = &ipam->ring.entries[i];
		if (entry->free == 0 || entry->peer == ipam->conf.name ||
		    !covers(&ipam->ring, i, range))
			continue;
		list[n].peer = entry->peer;
		list[n++].weight = (uint64_t)entry->free *
		    (ipam->ops->random(ipam->arg, UINT32_MAX - 1) + 1);
	}
	if (n > 1)
		sort_array(list, n, sizeof(*list), candidate_compare);
	return n;
}

/* Asks the first that can be reached; writes what is to be waited for. */
static void
ask_owners(struct ipam *ipam, struct subnet subnet, char *reason, size_t size)
{
	char text[SUBNET_STRLEN], peer[IPAM_PEER_TEXT];
	struct candidate *list;
	size_t n;

	subnet_format(subnet, text);
	if ((list = calloc(ipam->ring.nentries, sizeof(*list))) == NULL) {
		strlcpy(reason, "no memory", size);
		return;
	}
	n = list_candidates(ipam, subnet_range(subnet), list);
	if (n == 0)
		snprintf(reason, size, "no free addresses in %s", text);
	else
		snprintf(reason, size,
		    "no free addresses in %s but those of peers that can not "
		    "be reached, as %s",
		    text,
		    ipam_peer_text(ipam, list[0].peer, peer, sizeof(peer)));
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && list[i].peer == list[i - 1].peer)
			continue;
		if (!ipam_ask_space(ipam, list[i].peer, subnet_range(subnet)))
			continue;
		snprintf(reason, size,
		    "no free addresses of %s here, asked %s for some", text,
		    ipam_peer_text(ipam, list[i].peer, peer, sizeof(peer)));
		break;
	}
	free(list);
}

void
ipam_claim(struct ipam *ipam, uint32_t id, const char *owner, uint32_t addr,
    uint8_t len, uint64_t deadline, uint64_t now)
{
	struct request *request;

	request = request_new(ipam, REQUEST_CLAIM, id, owner, deadline);
	if (request == NULL)
		return;
	request->addr = addr;
	request->len = len;
	requests_try(ipam, now);
	ipam_settle(ipam, now);
}

static void
record_claim(struct ipam *ipam, struct request *request, bool in_space)
{
	if (!owners_add(
		&ipam->owners, request->owner, request->addr, request->len)) {
		if (in_space)
			space_release(&ipam->space, request->addr);
		fail(ipam, request, "too many addresses are given out");
		return;
	}
	ipam->counters.claims++;
	decide(ipam, request, request->addr, request->len, true);
}

static void
try_claim(struct ipam *ipam, struct request *request)
{
	uint32_t addr = request->addr;
	bool inside = addr >= ipam->universe.start && addr < ipam->universe.end;
	const struct owner *owner;
	char error[CTL_CAUSE_MAX];
	uint64_t peer;

	owner = inside ? owners_find_addr(&ipam->owners, addr)
		       : owners_find(&ipam->owners, request->owner, addr);
	if (owner != NULL && strcmp(owner->id, request->owner) == 0)
		decide(ipam, request, addr, request->len, false);
	else if (owner != NULL) {
		snprintf(error, sizeof(error),
		    "the address is already owned by %s", owner->id);
		fail(ipam, request, error);
	} else if (!inside)
		record_claim(ipam, request, false);
	else if (!ipam_has_ring(ipam))
		waiting_for_ring(ipam, request);
	else if ((peer = ring_owner(&ipam->ring, addr)) != ipam->conf.name)
		claim_elsewhere(ipam, request, peer);
	else if (space_claim(&ipam->space, addr))
		record_claim(ipam, request, true);
	else
		fail(ipam, request, "the address is in use");
}

static void
claim_elsewhere(struct ipam *ipam, struct request *request, uint64_t peer)
{
	struct ip_range range = {request->addr, request->addr + 1};
	char text[IPAM_PEER_TEXT];

	ipam_peer_text(ipam, peer, text, sizeof(text));
	if (ipam_ask_space(ipam, peer, range)) {
		request->tries = 0;
		snprintf(request->reason, sizeof(request->reason),
		    "asked its owner %s for the address", text);
		return;
	}
	snprintf(request->reason, sizeof(request->reason),
	    "the owner of the address, %s, can not be reached", text);
	if (++request->tries > CLAIM_TRIES)
		fail(ipam, request, request->reason);
}

void
requests_denied(struct ipam *ipam, uint64_t from, struct ip_range range)
{
	struct request *request, *next;
	char error[CTL_CAUSE_MAX], text[IPAM_PEER_TEXT];

	TAILQ_FOREACH_SAFE(request, &ipam->waiting, entry, next) {
		if (request->kind != REQUEST_CLAIM ||
		    request->addr < range.start || request->addr >= range.end)
			continue;
		snprintf(error, sizeof(error),
		    "the address is in use at its owner %s",
		    ipam_peer_text(ipam, from, text, sizeof(text)));
		fail(ipam, request, error);
	}
}

void
ipam_release(struct ipam *ipam, uint32_t id, const char *name, uint32_t addr,
    uint64_t now)
{
	struct owner *owner, *next;
	struct request *request;
	uint32_t count = 0, freed;

	request = request_new(ipam, REQUEST_OTHER, id, name, now + 60000);
	if (request == NULL)
		return;
	for (owner = owners_first(&ipam->owners, name); owner != NULL;
	     owner = next) {
		next = owners_next(owner, name);
		if (addr != 0 && owner->addr != addr)
			continue;
		freed = owner->addr;
		owners_remove(&ipam->owners, owner);
		if (owners_find_addr(&ipam->owners, freed) == NULL)
			space_release(&ipam->space, freed);
		count++;
	}
	request->count = count;
	ipam->counters.releases += count;
	if (count == 0)
		fail(ipam, request, "it has no such address");
	else
		decide(ipam, request, 0, 0, true);
	requests_try(ipam, now);
	ipam_settle(ipam, now);
}

/* By name, or by a nickname that only one has. */
static bool
find_peer(const struct ipam *ipam, const char *text, uint64_t *peer,
    const char **error)
{
	bool found = peername_parse(text, peer);

	for (size_t i = 0; !found && i < ipam->nnicknames; i++) {
		if (strcmp(ipam->nicknames[i].text, text) != 0)
			continue;
		for (size_t j = i + 1; j < ipam->nnicknames; j++)
			if (strcmp(ipam->nicknames[j].text, text) == 0) {
				*error = "several peers have that nickname: "
					 "use the name";
				return false;
			}
		*peer = ipam->nicknames[i].peer;
		found = true;
	}
	if (!found)
		*error = "no such peer in IPAM";
	return found;
}

void
ipam_rmpeer(struct ipam *ipam, uint32_t id, const char *text, uint64_t now)
{
	struct request *request;
	const char *error = NULL;
	char name[IPAM_PEER_TEXT];
	uint64_t peer;

	if (!find_peer(ipam, text, &peer, &error))
		;
	else if (peer == ipam->conf.name)
		error = "that is this peer: use reset";
	else if (ipam->ops->known(ipam->arg, peer))
		error = "that peer is alive: its addresses are in use";
	else if (ring_count_owned(&ipam->ring, peer) == 0)
		error = "that peer owns no addresses";
	if (error != NULL) {
		refuse(ipam, id, error);
		return;
	}
	request = request_new(ipam, REQUEST_OTHER, id, "-", now + 60000);
	if (request == NULL)
		return;
	request->peer = peer;
	request->count = ring_count_owned(&ipam->ring, peer);
	log_info("IPAM: taking over %u addresses of %s", request->count,
	    ipam_peer_text(ipam, peer, name, sizeof(name)));
	ring_transfer(&ipam->ring, peer, ipam->conf.name);
	ipam_ring_changed(ipam, now);
	ring_count_free(&ipam->ring, &ipam->space);
	decide(ipam, request, 0, 0, true);
	ipam_announce(ipam, ipam->conf.name, true);
	ipam_settle(ipam, now);
}

/* Who gets everything (10.7). */
static uint64_t
choose_heir(const struct ipam *ipam)
{
	uint64_t best = PEERNAME_UNKNOWN, peer;
	unsigned rank, best_rank = 0;

	for (size_t i = 0; i < ipam->ring.nentries; i++) {
		peer = ipam->ring.entries[i].peer;
		if (peer == ipam->conf.name)
			continue;
		rank = ipam->ops->known(ipam->arg, peer) ? 4 : 2;
		if (rank > best_rank) {
			best_rank = rank;
			best = peer;
		}
	}
	for (size_t i = 0; i < ipam->nnicknames; i++) {
		peer = ipam->nicknames[i].peer;
		if (peer == ipam->conf.name)
			continue;
		rank = ipam->ops->known(ipam->arg, peer) ? 3 : 1;
		if (rank > best_rank) {
			best_rank = rank;
			best = peer;
		}
	}
	return best;
}

void
ipam_reset(struct ipam *ipam, uint32_t id, uint64_t now)
{
	struct request *request, *next;
	uint64_t heir = choose_heir(ipam);

	request = request_new(ipam, REQUEST_OTHER, id, "-", now + 60000);
	if (request == NULL)
		return;
	request->count = ring_count_owned(&ipam->ring, ipam->conf.name);
	if (heir != PEERNAME_UNKNOWN && request->count > 0) {
		request->peer = heir;
		ring_transfer(&ipam->ring, ipam->conf.name, heir);
	} else
		request->count = 0;
	owners_free(&ipam->owners);
	owners_init(&ipam->owners);
	ipam->left = true;
	ipam_adopt(ipam);
	decide(ipam, request, 0, 0, true);
	TAILQ_FOREACH_SAFE(request, &ipam->waiting, entry, next)
		fail(ipam, request, "the addresses were given away by reset");
	ipam_announce(ipam, ipam->conf.name, true);
	ipam_settle(ipam, now);
}
