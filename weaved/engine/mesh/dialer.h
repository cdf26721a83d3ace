/*
 * The connection maker (mesh-protocol 6): which addresses to dial, and when.
 *
 * Its owner tells it the direct peers, what connections are held and which
 * addresses the topology suggests, and dials when asked to. All times are
 * milliseconds of one monotonic clock.
 */
#ifndef ENGINE_MESH_DIALER_H
#define ENGINE_MESH_DIALER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"

#define DIALER_FIRST 2000 /* first retry interval */
#define DIALER_LARGEST 360000
#define DIALER_RESET_AFTER 60000 /* a connection that lasted starts anew */
#define DIALER_ATTEMPTS_MAX 64 /* at the same time */
#define DIALER_ADDRS_MAX 4096 /* all addresses kept */
#define DIALER_FOUND_MAX 2048 /* beyond, only targets get a place */
#define DIALER_NEVER UINT64_MAX

struct dialer;

struct dialer_ops {
	void (*dial)(void *arg, uint32_t dial, struct endpoint to, bool direct);
	void (*resolve)(void *arg, uint32_t target, const char *host);
};

/* A connection that is held, in whatever state. */
struct dialer_held {
	struct endpoint remote;
	bool outbound;
	uint64_t peer; /* PEERNAME_UNKNOWN before the features */
};

/* What dialer_run() decides by; the arrays are the caller's. */
struct dialer_view {
	const struct dialer_held *held;
	size_t nheld;
	const struct endpoint *found; /* discovered, ports filled in */
	size_t nfound;
	uint32_t limit; /* connections, 0: none */
	bool full; /* limit reached */
};

/* One address that has no connection, for status. */
struct dialer_row {
	char address[CTL_TEXT_MAX];
	uint32_t state; /* enum ctl_connection_state */
	bool direct;
	uint32_t age; /* seconds like this */
	uint32_t retry_in; /* seconds, CTL_RETRY_NEVER */
	const char *cause;
};

typedef void (*dialer_emit)(void *arg, const struct dialer_row *row);

/* port: ours, and by assumption everybody's. NULL without memory. */
struct dialer *dialer_new(
    uint16_t port, const struct dialer_ops *ops, void *arg);
void dialer_free(struct dialer *dialer);

/*
 * A direct peer, "a.b.c.d", "a.b.c.d:port", "host" or "host:port"; a known
 * target id or text starts afresh. -1: too many, or not an address.
 */
int dialer_target_add(
    struct dialer *dialer, uint32_t target, const char *text, uint64_t now);
void dialer_target_remove(struct dialer *dialer, uint32_t target);
size_t dialer_target_count(const struct dialer *dialer);
/* Targets that are not tried any more: we are behind them. */
size_t dialer_targets_self(const struct dialer *dialer);
/* Text of the index-th target, NULL behind the last. */
const char *dialer_target_text(const struct dialer *dialer, size_t index);
/* The answer to ops->resolve; error NULL if there are addresses. */
void dialer_resolved(struct dialer *dialer, uint32_t target,
    const uint32_t *addrs, size_t naddrs, const char *error, uint64_t now);
/*
 * Dial an address once, after wait ms; it may introduce a new name. peer: not
 * if a connection to that peer is held by then, PEERNAME_UNKNOWN: anyway.
 */
void dialer_redial(struct dialer *dialer, struct endpoint at, uint64_t peer,
    uint32_t wait, uint64_t now);

/* The address behind a dial in progress; false if there is none. */
bool dialer_address(
    const struct dialer *dialer, uint32_t dial, struct endpoint *at);
/* May the connection made for this dial bring a peer unknown so far? */
bool dialer_may_introduce(const struct dialer *dialer, uint32_t dial);
/*
 * That peer answered; while it is held the address is not dialled again.
 */
void dialer_met(struct dialer *dialer, uint32_t dial, uint64_t peer);
/* The connection made for this dial was added to our peer. */
void dialer_connected(struct dialer *dialer, uint32_t dial);
/* The dial failed or its connection ended. never: do not try again. */
void dialer_ended(struct dialer *dialer, uint32_t dial, const char *cause,
    bool never, uint64_t now);

/*
 * Ended, as the password did not fit, and there is a second one: if it was not
 * the second already it is dialled again at once with that.
 */
void dialer_refused(
    struct dialer *dialer, uint32_t dial, const char *cause, uint64_t now);
/* Is the second password to be used for this dial? */
bool dialer_is_second(const struct dialer *dialer, uint32_t dial);

/* Dials what is due; returns when to call again, DIALER_NEVER: only on news. */
uint64_t dialer_run(
    struct dialer *dialer, const struct dialer_view *view, uint64_t now);
/* Does this address belong to a direct peer? */
bool dialer_is_direct(const struct dialer *dialer, struct endpoint at);
void dialer_show(
    const struct dialer *dialer, dialer_emit emit, void *arg, uint64_t now);

#endif
