/*
 * The mesh layer of the engine: TCP connections to neighbours, handshake
 * (protocol versions 2 and 3), gossip, topology, routes and the connection maker.
 *
 * It knows neither the event loop nor other processes: its owner gives it
 * descriptors, readiness and the time (milliseconds of CLOCK_MONOTONIC), and
 * does through mesh_ops what it asks for. Nothing here blocks. Callbacks must
 * not call back into the mesh, except where said.
 */
#ifndef ENGINE_MESH_MESH_H
#define ENGINE_MESH_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"

#define MESH_KEY_LEN 32
#define MESH_TARGETS_MAX 1024 /* direct peers */
#define MESH_TARGET_ADDRS_MAX 16 /* addresses of one name */
#define MESH_PEERS_MAX 4096 /* in the topology */
#define MESH_FIRST_FRAME_MAX 1024 /* listen first: sealed features */

struct mesh;
struct imsg_kx3_start;
struct imsg_kx3_started;
struct imsg_kx3_finish;
struct imsg_kx3_finished;
struct imsg_reauth_start;
struct imsg_reauth_started;
struct imsg_reauth_finished;
struct imsg_reauth_verdict;

struct mesh_conf {
	uint64_t name; /* our own, not PEERNAME_UNKNOWN */
	char nickname[NICKNAME_MAX];
	uint16_t port; /* TCP and UDP, of us and by assumption of all */
	bool encrypted; /* a password is set */
	bool listen_first; /* hardened-protocol 2: speak second at version 2 */
	uint8_t version_min; /* of the protocol: 2 or 3 */
	uint8_t version_max; /* 3 only when encrypted */
	bool discovery;
	uint32_t limit; /* connections, 0: none */
	uint64_t rekey_interval; /* ms, 1000 to 120000 */
	uint64_t reauth_interval; /* ms, 1000 to 3600000 */
	struct subnet trusted[SUBNETS_MAX];
	size_t ntrusted;
};

/* What the overlay layer is told of a connection after its handshake. */
struct mesh_link {
	uint64_t peer;
	uint64_t uid; /* of the connection, equal at both ends */
	bool outbound;
	bool has_key; /* frames are sealed with keys */
	uint8_t version; /* of the protocol */
	/* Of who dialled, then of the other; equal at version 2. */
	uint8_t keys[2][MESH_KEY_LEN];
	struct endpoint local; /* of the TCP connection */
	struct endpoint remote;
	bool has_overlays; /* false: compatibility mode (3.3) */
	char overlays[64]; /* the peer's list, "fastdp sleeve" */
};

struct mesh_ops {
	/* Watch fd of connection conn; false, false: stop watching. */
	void (*watch)(void *arg, uint32_t conn, int fd, bool read, bool write);
	/* Connect to this address; answered by mesh_dialled(). */
	void (*dial)(void *arg, uint32_t dial, struct endpoint to, bool direct);
	/* Look up the host of a target; answered by mesh_resolved(). */
	void (*resolve)(void *arg, uint32_t target, const char *host);

	/*
	 * Key exchange in the parent (hardened-protocol 8): start is answered
	 * by mesh_kx_started(), finish by mesh_kx_finished(). frame: the
	 * peer's first sealed body when listening first, else NULL.
	 */
	void (*kx_start)(void *arg, uint32_t conn, bool outbound);
	void (*kx_finish)(void *arg, uint32_t conn, uint32_t handle,
	    const uint8_t key[MESH_KEY_LEN], bool outbound,
	    const uint8_t *frame, size_t len);
	/* The connection ended before kx_finish. */
	void (*kx_cancel)(void *arg, uint32_t conn, uint32_t handle);
	/* The same of version 3: see weaved.h and parent/kx3.h. */
	void (*kx3_start)(void *arg, const struct imsg_kx3_start *start);
	void (*kx3_finish)(void *arg, const struct imsg_kx3_finish *finish);
	void (*kx3_cancel)(void *arg, uint32_t handle);
	/* Re-authentication, by mesh_reauth_started() and _finished(). */
	void (*reauth_start)(void *arg, const struct imsg_reauth_start *start);
	void (*reauth_finish)(void *arg, const struct imsg_kx3_finish *finish);
	void (*reauth_verdict)(
	    void *arg, const struct imsg_reauth_verdict *verdict);
	/* A session of the parent's is a neighbour's from now on, or ended. */
	void (*session)(void *arg, uint32_t session, bool up);
	/* For the parent, from that of the peer: len at most KX3_MESSAGE_MAX */
	void (*parent_message)(
	    void *arg, uint32_t session, const uint8_t *bytes, size_t len);

	/*
	 * A peer's overlay became established or an established connection
	 * ended: the parent keeps these addresses for the next engine.
	 */
	void (*neighbour)(void *arg, struct endpoint at, bool up);

	/* The overlay layer; see overlay.h for the functions behind these. */
	bool (*overlay_prepare)(void *arg, uint32_t conn,
	    const struct mesh_link *link, char *cause, size_t size);
	void (*overlay_confirm)(void *arg, uint32_t conn, uint64_t now);
	/* Control message (3, 3.1): tag 1, 2, 3 or 7 and payload, unchecked. */
	void (*overlay_control)(void *arg, uint32_t conn, uint8_t tag,
	    const uint8_t *body, size_t len, uint64_t now);
	void (*overlay_stop)(void *arg, uint32_t conn);
	/* Version 3: new keys; changing to them; none any more; bytes. */
	void (*overlay_rekey)(void *arg, uint32_t conn,
	    const uint8_t keys[2][MESH_KEY_LEN], uint64_t now);
	void (*overlay_switch)(void *arg, uint32_t conn, uint64_t now);
	void (*overlay_hold)(void *arg, uint32_t conn);
	uint64_t (*overlay_volume)(void *arg, uint32_t conn);
	void (*overlay_describe)(
	    void *arg, uint32_t conn, struct ctl_connection *row);
	/* The peer was garbage-collected: forget its MACs. */
	void (*overlay_peer_gone)(void *arg, uint64_t peer);
};

/*
 * A gossip channel that lives here; its ops may call mesh_unicast() and
 * mesh_broadcast(). What comes malformed is theirs to drop.
 */
struct mesh_channel {
	const char *name;
	/* All that is to be gossiped, valid until the next call; or NULL. */
	const uint8_t *(*gossip)(void *arg, size_t *len);
	/* source of a broadcast; of gossip PEERNAME_UNKNOWN. */
	void (*receive)(void *arg, uint64_t source, const uint8_t *data,
	    size_t len, uint64_t now);
	void (*unicast)(void *arg, uint64_t source, const uint8_t *data,
	    size_t len, uint64_t now);
	void (*peer_gone)(void *arg, uint64_t peer); /* left the topology */
};

/*
 * overlays: our own list for the features map, "sleeve". uid: of this
 * process, random, not 0. NULL without memory. The mesh starts deaf: give it
 * targets, and connections by mesh_accepted().
 */
struct mesh *mesh_new(const struct mesh_conf *conf, const char *overlays,
    uint64_t uid, const struct mesh_ops *ops, void *arg, uint64_t now);
void mesh_free(struct mesh *mesh);
/*
 * New configuration: discovery, limit, trusted subnets, nickname, encrypted
 * and listen_first count for later handshakes; name and port must be the same.
 */
void mesh_reconfigure(
    struct mesh *mesh, const struct mesh_conf *conf, uint64_t now);

/* Serials, see struct imsg_passwords. */
struct mesh_passwords {
	uint32_t version2[2];
	uint32_t version3[2];
};

/* For what begins from now on. */
void mesh_set_passwords(
    struct mesh *mesh, const struct mesh_passwords *passwords);
/* Ends the connections that this password authenticated last. */
void mesh_password_gone(struct mesh *mesh, uint32_t serial);

/*
 * At most one channel, before the first connection; else what comes on it is
 * passed on untouched. channel is kept.
 */
void mesh_channel_open(
    struct mesh *mesh, const struct mesh_channel *channel, void *arg);
/* On that channel. False: there is no route to peer. */
bool mesh_unicast(
    struct mesh *mesh, uint64_t peer, const uint8_t *data, size_t len);
/* What channel->gossip() says when it is sent, as a broadcast of source. */
void mesh_broadcast(struct mesh *mesh, uint64_t source);
/* Direct peers that did not turn out to be ourself. */
uint32_t mesh_targets_tried(const struct mesh *mesh);

/* Direct peers by an id of the caller; text as typed, checked by the caller. */
int mesh_target_add(
    struct mesh *mesh, uint32_t target, const char *text, uint64_t now);
void mesh_target_remove(struct mesh *mesh, uint32_t target);
/* An address to dial once at once, of a neighbour of the engine before us. */
void mesh_redial(struct mesh *mesh, struct endpoint at, uint64_t now);

/* Answers to ops. fd is taken over; error: errno value or 0; text or NULL. */
void mesh_dialled(struct mesh *mesh, uint32_t dial, int fd,
    struct endpoint local, int error, uint64_t now);
void mesh_resolved(struct mesh *mesh, uint32_t target, const uint32_t *addrs,
    size_t naddrs, const char *error, uint64_t now);
void mesh_kx_started(struct mesh *mesh, uint32_t conn, uint32_t handle,
    const uint8_t key[MESH_KEY_LEN], const char *error, uint64_t now);
/*
 * error: "password mismatch", "low-order key", ... or NULL, the key and the
 * serial of the password behind it.
 */
void mesh_kx_finished(struct mesh *mesh, uint32_t conn,
    const uint8_t key[MESH_KEY_LEN], uint32_t serial, const char *error,
    uint64_t now);

/* Of any content; both may be wiped afterwards. */
void mesh_kx3_started(
    struct mesh *mesh, const struct imsg_kx3_started *started, uint64_t now);
void mesh_kx3_finished(
    struct mesh *mesh, const struct imsg_kx3_finished *finished, uint64_t now);
void mesh_reauth_started(
    struct mesh *mesh, const struct imsg_reauth_started *started, uint64_t now);
void mesh_reauth_finished(struct mesh *mesh,
    const struct imsg_reauth_finished *finished, uint64_t now);
/* Re-authenticates every connection of ours, within REAUTH_JITTER. */
void mesh_reauth_all(struct mesh *mesh, uint64_t now);
/* All others in the topology; version of our connection, 0: none. */
void mesh_each_peer(const struct mesh *mesh,
    void (*emit)(void *arg, uint64_t name, uint32_t version), void *arg);
/* To the peer's parent, if the session's connection is up. */
void mesh_parent_send(
    struct mesh *mesh, uint32_t session, const uint8_t *bytes, size_t len);

/* Input. fd is taken over, also on refusal. */
void mesh_accepted(struct mesh *mesh, int fd, struct endpoint local,
    struct endpoint remote, uint64_t now);
/* May another connection be accepted now (accept rate, half-open table)? */
bool mesh_may_accept(struct mesh *mesh, uint64_t now);
void mesh_readable(struct mesh *mesh, uint32_t conn, uint64_t now);
void mesh_writable(struct mesh *mesh, uint32_t conn, uint64_t now);
/*
 * How long this host has slept so far, in ms: counts in the age of keys, unlike
 * all other times.
 */
void mesh_set_slept(struct mesh *mesh, uint64_t slept);
/* Does what is due; returns when to call again at the latest. */
uint64_t mesh_tick(struct mesh *mesh, uint64_t now);

/* From the overlay layer, at any time, also within its own ops. */
void mesh_overlay_send(struct mesh *mesh, uint32_t conn, uint8_t tag,
    const uint8_t *body, size_t len, uint64_t now);
void mesh_overlay_established(struct mesh *mesh, uint32_t conn, uint64_t now);
/* Ends the connection at the next mesh_tick(). */
void mesh_overlay_failed(
    struct mesh *mesh, uint32_t conn, const char *cause, uint64_t now);

/* Routes over established connections, for frames (section 9). */
bool mesh_peer_known(const struct mesh *mesh, uint64_t peer);
/* 0: none (or ourself). */
uint64_t mesh_next_hop(const struct mesh *mesh, uint64_t peer);
/* *hops stays valid until the next call that takes now. */
size_t mesh_broadcast_hops(
    const struct mesh *mesh, uint64_t source, const uint64_t **hops);

/* Rows for the control protocol; emit may be called any number of times. */
typedef void (*mesh_emit)(
    void *arg, uint32_t type, const void *row, size_t len);
/* Fills what the mesh knows: counts, protocol, names; adds to *status. */
void mesh_show_status(const struct mesh *mesh, struct ctl_status *status);
/* parts: CTL_SHOW_CONNECTIONS, _PEERS, _TARGETS, _ROUTES, _COUNTERS. */
void mesh_show(const struct mesh *mesh, uint32_t parts, mesh_emit emit,
    void *arg, uint64_t now);

#endif
