/*
 * IPAM as rows of the control protocol.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vis.h>

#include "common/sort.h"
#include "weaved/engine/ipam/allocator_internal.h"

/* Addresses per owner, made for one answer. */
struct share {
	uint64_t peer;
	uint32_t addresses;
};

static int share_compare(const void *, const void *);
static struct share *shares(const struct ipam *, size_t *);
static size_t count_waiting(const struct ipam *, enum request_kind);
static bool all_unreachable(const struct ipam *);
static enum ctl_ipam_state state(const struct ipam *);
static void show_ipam(const struct ipam *, ipam_emit, void *);
static void show_peer(
    const struct ipam *, const struct share *, ipam_emit, void *);
static void show_peers(const struct ipam *, ipam_emit, void *);
static void show_conflicts(const struct ipam *, ipam_emit, void *, uint64_t);
static void show_ring(const struct ipam *, ipam_emit, void *);
static void show_addresses(const struct ipam *, ipam_emit, void *);
static void show_counters(const struct ipam *, ipam_emit, void *);
static void print(char *, size_t, const char *);

/* Text of the network. */
static void
print(char *out, size_t size, const char *text)
{
	strnvis(out, text, size, VIS_CSTYLE | VIS_NL | VIS_TAB);
}

static int
share_compare(const void *a, const void *b)
{
	const struct share *x = a, *y = b;

	return (x->peer > y->peer) - (x->peer < y->peer);
}

/* One for each owner, by name; to be freed. */
static struct share *
shares(const struct ipam *ipam, size_t *n)
{
	const struct ring *ring = &ipam->ring;
	struct share *list;
	size_t kept = 0;

	*n = 0;
	if ((list = calloc(ring->nentries + 1, sizeof(*list))) == NULL)
		return NULL;
	for (size_t i = 0; i < ring->nentries; i++) {
		list[i].peer = ring->entries[i].peer;
		list[i].addresses = ring_entry_size(ring, i);
	}
	sort_array(list, ring->nentries, sizeof(*list), share_compare);
	for (size_t i = 0; i < ring->nentries; i++) {
		if (kept > 0 && list[kept - 1].peer == list[i].peer)
			list[kept - 1].addresses += list[i].addresses;
		else
			list[kept++] = list[i];
	}
	*n = kept;
	return list;
}

static size_t
count_waiting(const struct ipam *ipam, enum request_kind kind)
{
	const struct request *request;
	size_t n = 0;

	TAILQ_FOREACH(request, &ipam->waiting, entry)
		n += request->kind == kind;
	return n;
}

static bool
all_unreachable(const struct ipam *ipam)
{
	for (size_t i = 0; i < ipam->ring.nentries; i++) {
		uint64_t peer = ipam->ring.entries[i].peer;

		if (peer == ipam->conf.name ||
		    ipam->ops->known(ipam->arg, peer))
			return false;
	}
	return true;
}

static enum ctl_ipam_state
state(const struct ipam *ipam)
{
	if (ipam->left)
		return CTL_IPAM_LEFT;
	if (ipam_has_ring(ipam)) {
		if (all_unreachable(ipam))
			return CTL_IPAM_UNREACHABLE;
		return count_waiting(ipam, REQUEST_ALLOCATE) > 0
		    ? CTL_IPAM_WAITING
		    : CTL_IPAM_READY;
	}
	if (!ipam->establishing)
		return CTL_IPAM_IDLE;
	return ipam->conf.init == IPAM_INIT_OBSERVER ? CTL_IPAM_PRIMING
						     : CTL_IPAM_ELECTING;
}

static void
show_ipam(const struct ipam *ipam, ipam_emit emit, void *arg)
{
	struct ctl_ipam row = {0};

	row.state = state(ipam);
	row.quorum = (uint32_t)ipam->paxos.quorum;
	row.known = (uint32_t)ipam->paxos.known.n;
	row.elector = ipam->conf.init != IPAM_INIT_OBSERVER;
	row.total = ipam->universe.end - ipam->universe.start;
	row.owned = ring_count_owned(&ipam->ring, ipam->conf.name);
	row.active = (uint32_t)ipam->owners.n;
	row.pending_allocates = (uint32_t)count_waiting(ipam, REQUEST_ALLOCATE);
	row.pending_claims = (uint32_t)count_waiting(ipam, REQUEST_CLAIM);
	row.range_addr = ipam->conf.range.addr;
	row.range_len = ipam->conf.range.len;
	row.subnet_addr = ipam->conf.subnet.addr;
	row.subnet_len = ipam->conf.subnet.len;
	print(row.save_error, sizeof(row.save_error), ipam->save_error);
	emit(arg, CTL_IPAM, &row, sizeof(row));
}

static void
show_peer(const struct ipam *ipam, const struct share *share, ipam_emit emit,
    void *arg)
{
	struct ctl_ipam_peer row = {0};

	row.peer = share->peer;
	row.addresses = share->addresses;
	row.self = share->peer == ipam->conf.name;
	row.reachable = row.self || ipam->ops->known(ipam->arg, share->peer);
	print(row.nickname, sizeof(row.nickname),
	    ipam_nickname(ipam, share->peer));
	emit(arg, CTL_IPAM_PEER, &row, sizeof(row));
}

static void
show_peers(const struct ipam *ipam, ipam_emit emit, void *arg)
{
	struct share *list;
	size_t n;

	if ((list = shares(ipam, &n)) == NULL)
		return;
	for (size_t i = 0; i < n; i++)
		if (list[i].peer == ipam->conf.name)
			show_peer(ipam, &list[i], emit, arg);
	for (size_t i = 0; i < n; i++)
		if (list[i].peer != ipam->conf.name)
			show_peer(ipam, &list[i], emit, arg);
	free(list);
}

static void
show_conflicts(const struct ipam *ipam, ipam_emit emit, void *arg, uint64_t now)
{
	const struct conflict *conflict;
	struct ctl_ipam_conflict row;

	for (size_t i = 0; i < CONFLICTS_MAX; i++) {
		conflict = &ipam->conflicts[i];
		if (conflict->count == 0 ||
		    now - conflict->last >= CONFLICT_AGE_MS)
			continue;
		memset(&row, 0, sizeof(row));
		row.peer = conflict->peer;
		row.first = (uint32_t)((now - conflict->since) / 1000);
		row.last = (uint32_t)((now - conflict->last) / 1000);
		row.count = conflict->count;
		print(row.text, sizeof(row.text), conflict->text);
		emit(arg, CTL_IPAM_CONFLICT, &row, sizeof(row));
	}
}

static void
show_ring(const struct ipam *ipam, ipam_emit emit, void *arg)
{
	const struct ring_entry *entry;
	struct ctl_ring_entry row;

	for (size_t i = 0; i < ipam->ring.nentries; i++) {
		entry = &ipam->ring.entries[i];
		row = (struct ctl_ring_entry){.peer = entry->peer,
		    .token = entry->token,
		    .size = ring_entry_size(&ipam->ring, i),
		    .version = entry->version,
		    .free = entry->free};
		emit(arg, CTL_RING_ENTRY, &row, sizeof(row));
	}
}

static void
show_addresses(const struct ipam *ipam, ipam_emit emit, void *arg)
{
	struct owner *owner;
	struct ctl_address row;

	for (owner = owners_first(&ipam->owners, NULL); owner != NULL;
	     owner = owners_next(owner, NULL)) {
		memset(&row, 0, sizeof(row));
		strlcpy(row.id, owner->id, sizeof(row.id));
		row.addr = owner->addr;
		row.len = owner->len;
		emit(arg, CTL_ADDRESS, &row, sizeof(row));
	}
}

static void
show_counters(const struct ipam *ipam, ipam_emit emit, void *arg)
{
	const struct {
		const char *name;
		uint64_t value;
	} rows[] = {
	    {"ipam.allocations", ipam->counters.allocations},
	    {"ipam.claims", ipam->counters.claims},
	    {"ipam.releases", ipam->counters.releases},
	    {"ipam.failures", ipam->counters.failures},
	    {"ipam.donations", ipam->counters.donations},
	    {"ipam.space_requests_sent", ipam->counters.space_requests_sent},
	    {"ipam.space_requests_received",
		ipam->counters.space_requests_received},
	    {"ipam.denials_sent", ipam->counters.denials_sent},
	    {"ipam.denials_received", ipam->counters.denials_received},
	    {"ipam.conflicts", ipam->counters.conflicts},
	    {"ipam.repairs", ipam->counters.repairs},
	    {"ipam.bad_messages", ipam->counters.bad_messages},
	    {"ipam.saves", ipam->counters.saves},
	    {"ipam.save_failures", ipam->counters.save_failures},
	};
	struct ctl_counter row;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		memset(&row, 0, sizeof(row));
		strlcpy(row.name, rows[i].name, sizeof(row.name));
		row.value = rows[i].value;
		emit(arg, CTL_COUNTER, &row, sizeof(row));
	}
}

const struct ip_range *
ipam_owned(const struct ipam *ipam, size_t *n, uint32_t *changes)
{
	*n = ipam->space.owned.n;
	*changes = ipam->space.changes;
	return ipam->space.owned.items;
}

void
ipam_show(const struct ipam *ipam, uint32_t parts, ipam_emit emit, void *arg,
    uint64_t now)
{
	if (parts & (CTL_SHOW_STATUS | CTL_SHOW_IPAM))
		show_ipam(ipam, emit, arg);
	if (parts & CTL_SHOW_IPAM) {
		show_peers(ipam, emit, arg);
		show_conflicts(ipam, emit, arg, now);
	}
	if (parts & CTL_SHOW_RING)
		show_ring(ipam, emit, arg);
	if (parts & CTL_SHOW_ADDRESSES)
		show_addresses(ipam, emit, arg);
	if (parts & CTL_SHOW_COUNTERS)
		show_counters(ipam, emit, arg);
}
