/*
 * What the files of the mesh's runtime share: mesh.c (the interface),
 * mesh_tick.c (timers), mesh_reauth.c (sessions), local.c (our own peer: connections come and go),
 * gossip.c, mesh_show.c.
 */
#ifndef ENGINE_MESH_MESH_INTERNAL_H
#define ENGINE_MESH_MESH_INTERNAL_H

#include "common/log.h"
#include "weaved/engine/mesh/admit.h"
#include "weaved/engine/mesh/connection.h"
#include "weaved/engine/mesh/dialer.h"
#include "weaved/engine/mesh/gossip.h"
#include "weaved/engine/mesh/mesh.h"
#include "weaved/engine/mesh/routes.h"
#include "weaved/engine/mesh/topology.h"

#define MESH_HALF_OPEN_MAX 128 /* accepted, not through the handshake */
#define MESH_HALF_OPEN_FRIEND 2 /* of one that no stranger displaces */
#define MESH_REFUSALS_MAX 16 /* kept to show */
#define MESH_REFUSAL_AGE 120000
#define MESH_UPDATE_PAUSE 1000 /* ms between two in the long run */
#define MESH_CONNECTION_STRLEN (ENDPOINT_STRLEN + PEERNAME_STRLEN + 200)

RB_HEAD(connection_tree, connection);
int connection_compare(const struct connection *a, const struct connection *b);
RB_PROTOTYPE(connection_tree, connection, entry, connection_compare)

/* An accepted connection that came to nothing, for status. */
struct refusal {
	uint32_t addr; /* 0: free */
	uint64_t at;
	char cause[CTL_CAUSE_MAX];
};

struct mesh {
	struct mesh_conf conf;
	struct mesh_passwords passwords;
	char overlays[64];
	uint64_t uid;
	const struct mesh_ops *ops;
	void *arg;

	struct connection_tree connections;
	uint32_t last_id;
	struct admit admit;
	uint8_t nonce_key[CONNECTION_NONCE_KEY]; /* of this process */
	struct refusal refusals[MESH_REFUSALS_MAX];
	struct dialer *dialer;
	struct topology *topology;
	struct routes *routes;
	struct gossip gossip;

	bool urgent; /* tick has work at once */
	uint64_t next; /* else not before */
	uint64_t slept; /* CLOCK_BOOTTIME less CLOCK_MONOTONIC, never less */
	bool dial_news;
	uint64_t dial_last;
	uint64_t dial_next;
	struct nameset update; /* records to announce */
	uint64_t update_due; /* 0: nothing */
	uint64_t update_paid; /* when all that were sent are paid */
	uint64_t routes_due; /* 0: fresh */
	uint64_t routes_last;
	uint64_t gc_due; /* 0: none */

	uint64_t terminations;
	uint64_t refused; /* accepted, but too many */
	uint64_t evicted; /* of the half-open, for others */
	uint64_t left_out; /* by gossip: peers beyond the caps */
	uint64_t hostile; /* records of versions that nobody can have */
	uint64_t channels_refused; /* messages on channels beyond the cap */
	uint64_t failed; /* handshakes */
	uint64_t rekeys; /* new keys, of all connections */
	uint64_t reauths; /* that succeeded */
	uint64_t reauths_failed;
	uint64_t blamed[BLAME_MAX]; /* of these */
	struct log_limit log_refused;
	struct log_limit log_inbound;
	struct log_limit log_gossip;
	struct log_limit log_found;
	struct log_limit log_caps;
	struct log_limit log_removed;
};

/* mesh.c */
struct connection *mesh_connection(const struct mesh *mesh, uint32_t id);
/* Added connection to this neighbour, NULL: none. */
struct connection *mesh_connection_to(const struct mesh *mesh, uint64_t peer);
/* Stops watching it, closes it, frees it. */
void mesh_connection_delete(struct mesh *mesh, struct connection *conn);
size_t mesh_held(const struct mesh *mesh); /* added ones */
void mesh_routes_changed(struct mesh *mesh, uint64_t now);
void mesh_collect_later(struct mesh *mesh, uint64_t now);
/* A record to announce; PEERNAME_UNKNOWN: our own alone. */
void mesh_announce(struct mesh *mesh, uint64_t peer, uint64_t now);

/* Where to dial is the operator's word, or gossip's: that seldom. */
bool mesh_may_log_dial(struct mesh *mesh, struct endpoint at, uint64_t now);

/* mesh_reauth.c: the ops of a connection that concern its session. */
void reauth_on_start(
    void *arg, struct connection *conn, struct imsg_reauth_start *start);
void reauth_on_finish(
    void *arg, struct connection *conn, struct imsg_kx3_finish *finish);
void reauth_on_verdict(
    void *arg, struct connection *conn, uint32_t count, uint32_t result);
void reauth_on_ended(void *arg, struct connection *conn, const char *failure);
void reauth_on_session(void *arg, uint32_t session, bool up);
void reauth_on_message(
    void *arg, struct connection *conn, const uint8_t *body, size_t len);

/* local.c: the ops of a connection that concern our own peer. */
bool local_join(
    void *arg, struct connection *conn, char *cause, size_t size, uint64_t now);
void local_leave(void *arg, struct connection *conn, uint64_t now);
void local_established(
    struct mesh *mesh, struct connection *conn, uint64_t now);
size_t local_features(
    void *arg, struct connection *conn, uint8_t *buf, size_t size);
/* Ends the connections that the present configuration no longer trusts. */
void local_withdraw_trust(struct mesh *mesh);
/* "->[1.2.3.4:6783|name(nick)]" for the log, nick made printable. */
const char *local_format(
    const struct connection *conn, char buf[MESH_CONNECTION_STRLEN]);
/* The address to dial this neighbour at. */
struct endpoint local_dial_address(
    const struct mesh *mesh, const struct connection *conn);
/* Text from the network, for a log line or a row. */
void local_print(char *out, size_t size, const char *text);

#endif
