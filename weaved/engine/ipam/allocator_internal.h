/*
 * What the files of the allocator share: allocator.c (gossip, election, disk),
 * request.c (what clients of this host want), conflict.c, allocator_show.c.
 */
#ifndef ENGINE_IPAM_ALLOCATOR_INTERNAL_H
#define ENGINE_IPAM_ALLOCATOR_INTERNAL_H

#include <sys/queue.h>

#include "common/log.h"
#include "weaved/engine/ipam/allocator.h"
#include "weaved/engine/ipam/paxos.h"
#include "weaved/engine/ipam/ring.h"
#include "weaved/engine/ipam/state.h"
#include "weaved/engine/mesh/mesh.h"

#define MESSAGE_MAX (10u << 20) /* as the mesh takes it */
#define CONFLICTS_MAX 16 /* kept to show */
#define CONFLICT_AGE_MS 600000
#define CLAIM_TRIES 5 /* without a route (10.6) */
#define RECLAIMS_AT_ONCE 16 /* addresses asked back in a tick */

enum request_kind {
	REQUEST_ALLOCATE,
	REQUEST_CLAIM,
	REQUEST_OTHER /* decided, waits for the disk */
};

struct request {
	TAILQ_ENTRY(request) entry;
	enum request_kind kind;
	uint32_t id;
	char owner[OWNER_ID_MAX];
	struct subnet subnet; /* of what is to be allocated */
	uint32_t addr; /* claimed or found */
	uint8_t len;
	unsigned tries; /* claims without a route */
	uint64_t deadline;
	char reason[CTL_CAUSE_MAX]; /* why it waits */

	/* Decided: */
	bool fresh; /* addr was free before */
	uint64_t generation; /* to be on disk */
	uint64_t peer;
	uint32_t count;
};
TAILQ_HEAD(requests, request);

/* To be sent when that generation is on disk. */
struct announcement {
	uint64_t peer; /* destination, or source of a broadcast */
	uint64_t generation;
	bool broadcast;
};

struct conflict {
	uint64_t peer; /* who said so; PEERNAME_UNKNOWN: somebody */
	uint64_t since, last; /* ms; last 0: free */
	uint32_t count;
	char text[CTL_CAUSE_MAX];
};

struct ipam {
	struct ipam_conf conf;
	struct ip_range universe;
	const struct ipam_ops *ops;
	void *arg;

	struct ring ring; /* without entries: none yet */
	struct space space;
	struct paxos paxos; /* while there is no ring */
	struct owners owners;
	struct ipam_nickname *nicknames; /* sorted by peer */
	size_t nnicknames, nicknames_size;

	bool establishing; /* a ring is wanted */
	bool left; /* after reset */
	struct requests waiting;
	struct requests decided;
	size_t nrequests;
	uint64_t next_tick;
	uint32_t reclaim; /* where to go on */

	uint64_t generation; /* counts changes */
	uint64_t saving; /* that one is under way; 0: none */
	uint64_t saved;
	uint64_t save_next; /* after a failure: not before */
	char save_error[CTL_CAUSE_MAX]; /* of the last save, or empty */
	struct gob_encoder published; /* gossip of generation saved */
	struct gob_encoder unpublished; /* of generation saving */
	struct announcement *announcements;
	size_t nannouncements, announcements_size;

	struct conflict conflicts[CONFLICTS_MAX];
	struct log_limit log_bad;
	struct log_limit log_conflict;

	struct {
		uint64_t bad_messages;
		uint64_t conflicts;
		uint64_t repairs;
		uint64_t space_requests_sent;
		uint64_t space_requests_received;
		uint64_t donations;
		uint64_t denials_sent;
		uint64_t denials_received;
		uint64_t allocations;
		uint64_t claims;
		uint64_t releases;
		uint64_t failures; /* requests */
		uint64_t saves;
		uint64_t save_failures;
	} counters;
};

/* allocator.c */
bool ipam_has_ring(const struct ipam *ipam);
void ipam_changed(struct ipam *ipam);
/* After every change: disk, what waits for it. */
void ipam_settle(struct ipam *ipam, uint64_t now);
/* Our ranges are those of the ring from now on. False: no memory. */
bool ipam_adopt(struct ipam *ipam);
/* The ring changed: our ranges, what waits. */
void ipam_ring_changed(struct ipam *ipam, uint64_t now);
void ipam_establish(struct ipam *ipam, uint64_t now);
void ipam_announce(struct ipam *ipam, uint64_t peer, bool broadcast);
bool ipam_ask_space(struct ipam *ipam, uint64_t peer, struct ip_range range);
const char *ipam_nickname(const struct ipam *ipam, uint64_t peer);
/* "NAME(NICKNAME)", fit to be printed. */
const char *ipam_peer_text(
    const struct ipam *ipam, uint64_t peer, char *buf, size_t size);
#define IPAM_PEER_TEXT 320

/* request.c */
void requests_try(struct ipam *ipam, uint64_t now);
void requests_denied(struct ipam *ipam, uint64_t from, struct ip_range range);
void requests_saved(struct ipam *ipam);
/* All that wait for the disk fail; fresh addresses are free again. */
void requests_unsaved(struct ipam *ipam);
uint64_t requests_tick(struct ipam *ipam, uint64_t now);
void requests_free(struct ipam *ipam);

/* conflict.c */
void conflict_note(struct ipam *ipam, uint64_t peer, uint64_t now,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* theirs does not fit ours: why, and what can be done. True: ours changed. */
bool conflict_repair(struct ipam *ipam, uint64_t source,
    const struct ring *theirs, const char *why, uint64_t now);
/* Addresses in use here that others own are asked for, one by one. */
void conflict_reclaim(struct ipam *ipam);
/* The owner of an address that we use does not give it. */
void conflict_denied(
    struct ipam *ipam, uint64_t from, struct ip_range range, uint64_t now);

#endif
