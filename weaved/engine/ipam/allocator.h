/*
 * IPAM of one peer (mesh-protocol 10): it elects the first ring with the
 * others, gives addresses of its own ranges to clients of this host, asks the
 * owners of others for space and gives space to those who ask.
 *
 * It knows neither the event loop nor other processes; time is milliseconds
 * of one monotonic clock. What others or clients are told is on disk before:
 * every change is handed out by ops->save, and answers, gossip and broadcasts
 * that depend on it wait for ipam_saved(). Ops must not call back.
 *
 * What contradicts our ring ends no connection: it is kept as a conflict to
 * show, and mended where that is safe (conflict.c).
 */
#ifndef ENGINE_IPAM_ALLOCATOR_H
#define ENGINE_IPAM_ALLOCATOR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"
#include "weaved/engine/ipam/owners.h"
#include "weaved/engine/ipam/space.h"

#define IPAM_CHANNEL "IPallocation"
#define IPAM_TICK_MS 5000 /* what waits is tried again */
#define IPAM_REQUESTS_MAX 1024 /* waiting at the same time */
#define IPAM_SEEDS_MAX 256
#define IPAM_PREFIX_MAX 30 /* a subnet has room for hosts */

struct ipam;

enum ipam_init {
	IPAM_INIT_CONSENSUS,
	IPAM_INIT_SEED,
	IPAM_INIT_OBSERVER
};

struct ipam_conf {
	uint64_t name; /* our peer */
	char nickname[NICKNAME_MAX];
	uint64_t uid; /* of this process */
	struct subnet range; /* at most /30; must end before 2^32 */
	struct subnet subnet; /* default, within range */
	enum ipam_init init;
	uint32_t count; /* consensus: peers at first, 0: guess */
	bool await; /* nothing is given out before ipam_set_members() */
	uint64_t seeds[IPAM_SEEDS_MAX];
	size_t nseeds;
};

struct ipam_answer {
	const char *error; /* NULL: done */
	uint32_t addr; /* of allocate and claim */
	uint8_t len;
	uint64_t peer; /* of rmpeer and reset: who lost, who got */
	uint32_t count; /* addresses that changed hands, or were released */
};

struct ipam_ops {
	/* A unicast on the channel; false: no route to peer. */
	bool (*unicast)(
	    void *arg, uint64_t peer, const uint8_t *data, size_t len);
	/* Pass on ipam_gossip() as a broadcast of source. */
	void (*broadcast)(void *arg, uint64_t source);
	/* Is the peer in the topology? */
	bool (*known)(void *arg, uint64_t peer);
	/* How many direct peers are still being tried. */
	uint32_t (*targets)(void *arg);
	/* Put on disk, then ipam_saved(); one at a time. */
	void (*save)(void *arg, const uint8_t *data, size_t len);
	void (*answer)(
	    void *arg, uint32_t request, const struct ipam_answer *answer);
	/* Uniform below bound, which is not 0. */
	uint32_t (*random)(void *arg, uint32_t bound);
	int64_t (*wall)(void *arg); /* seconds since 1970 */
};

/*
 * stored: what ops->save once got, len 0: nothing. NULL without memory.
 * damaged: NULL, or why stored could not be read and nothing of it is used.
 * Calls no op that does something before the first ipam_tick().
 */
struct ipam *ipam_new(const struct ipam_conf *conf, const struct ipam_ops *ops,
    void *arg, const uint8_t *stored, size_t len, const char **damaged,
    uint64_t now);
void ipam_free(struct ipam *ipam);
void ipam_set_nickname(struct ipam *ipam, const char *nickname, uint64_t now);
/* Ends conf.await; count: of peers at first, where conf.count gave none. */
void ipam_set_members(struct ipam *ipam, uint32_t count, uint64_t now);

/* The answer to ops->save; error NULL: it is on disk. */
void ipam_saved(struct ipam *ipam, const char *error, uint64_t now);
/* Does what is due; returns when to call again at the latest. */
uint64_t ipam_tick(struct ipam *ipam, uint64_t now);

/* Gossip, or a broadcast of source (else PEERNAME_UNKNOWN), and unicasts. */
void ipam_receive(struct ipam *ipam, uint64_t source, const uint8_t *data,
    size_t len, uint64_t now);
void ipam_receive_unicast(struct ipam *ipam, uint64_t source,
    const uint8_t *data, size_t len, uint64_t now);
/* Our state as it may be gossiped; valid until the next call with now. */
const uint8_t *ipam_gossip(const struct ipam *ipam, size_t *len);
/* The peer left the topology: its ranges stay. */
void ipam_peer_gone(struct ipam *ipam, uint64_t peer);

/*
 * Requests, answered by ops->answer exactly once unless cancelled, at the
 * latest at deadline; perhaps before the call returns. request: the caller's
 * number, unique among those that wait. id: see owners_valid_id().
 */

/* An address of the subnet; len 0: of the default one. The same id: the same
 * address again. */
void ipam_allocate(struct ipam *ipam, uint32_t request, const char *id,
    struct subnet subnet, uint64_t deadline, uint64_t now);
/* This very address; outside of the range it is only recorded. */
void ipam_claim(struct ipam *ipam, uint32_t request, const char *id,
    uint32_t addr, uint8_t len, uint64_t deadline, uint64_t now);
/* addr 0: all of this id. Having none is an error. */
void ipam_release(struct ipam *ipam, uint32_t request, const char *id,
    uint32_t addr, uint64_t now);
/* Takes over the ranges of a peer that is gone, by name or nickname. */
void ipam_rmpeer(
    struct ipam *ipam, uint32_t request, const char *peer, uint64_t now);
/* Gives all our ranges to another peer; what follows is refused. */
void ipam_reset(struct ipam *ipam, uint32_t request, uint64_t now);
/* Whoever asked is gone. An address not answered yet is free again. */
void ipam_cancel(struct ipam *ipam, uint32_t request, uint64_t now);
void ipam_cancel_all(struct ipam *ipam, uint64_t now);

/* What this peer owns; changes: see struct space. Valid until the next call. */
const struct ip_range *ipam_owned(
    const struct ipam *ipam, size_t *n, uint32_t *changes);

/* Rows for the control protocol: CTL_SHOW_STATUS, _IPAM, _RING, _ADDRESSES,
 * _COUNTERS. */
typedef void (*ipam_emit)(
    void *arg, uint32_t type, const void *row, size_t len);
void ipam_show(const struct ipam *ipam, uint32_t parts, ipam_emit emit,
    void *arg, uint64_t now);

#endif
