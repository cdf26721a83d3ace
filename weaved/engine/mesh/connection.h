/*
 * One TCP connection to a neighbour: from the header to messages
 * (mesh-protocol 1, hardened-protocol 2). It reads and writes its own
 * descriptor, never blocks, and asks its owner for everything else.
 *
 *	HEADER -> KEY -> FLAG -> [FRAME] -> SECRET -> FEATURES -> UP -> DEAD
 *	   |       |      |          |         |          |
 *	   +-------+------+--> LINGER or MUTE <-+----------+   --> DEAD
 *
 * KEY and SECRET wait for the parent and are passed over without a password;
 * FRAME is there when listening first. While the parent works further input
 * stays in the socket.
 *
 * Version 3 (hardened-protocol 4) goes its own way from the header to the
 * features: SHAKE3, and WAIT3 while the parent works, as handshake3 says.
 */
#ifndef ENGINE_MESH_CONNECTION_H
#define ENGINE_MESH_CONNECTION_H

#include <sys/queue.h>
#include <sys/tree.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/mesh.h"
#include "weaved/engine/mesh/reauth.h"
#include "weaved/engine/mesh/record.h"
#include "weaved/engine/mesh/rekey.h"

#define CONNECTION_HANDSHAKE 10000 /* from the header to the features */
#define CONNECTION_SILENCE 60000 /* read deadline afterwards */
#define CONNECTION_HEARTBEAT 30000
#define CONNECTION_LINGER 1000
#define CONNECTION_FEATURES_MAX 4096 /* body before the features */
#define CONNECTION_NONCE_KEY 32 /* by which HELLO tells our own */
#define CONNECTION_OUTPUT_LOW 65536 /* more gossip is encoded below */

enum connection_state {
	CONNECTION_HEADER,
	CONNECTION_KEY, /* the parent makes our key */
	CONNECTION_FLAG,
	CONNECTION_FRAME, /* listening first: the peer's features */
	CONNECTION_SECRET, /* the parent makes the session key */
	CONNECTION_SHAKE3, /* version 3: frames in the clear */
	CONNECTION_WAIT3, /* version 3: the parent works */
	CONNECTION_FEATURES,
	CONNECTION_UP,
	CONNECTION_LINGER_OUT, /* ended: the peer may read what we sent */
	CONNECTION_MUTE, /* ended: silent until the deadline */
	CONNECTION_DEAD,
	CONNECTION_STATE_MAX
};

/* What ended it, for counters. */
enum connection_blame {
	BLAME_OTHER,
	BLAME_PASSWORD,
	BLAME_DOWNGRADE, /* two that listen at version 2 */
	BLAME_VERSIONS,
	BLAME_TIMEOUT,
	BLAME_KEY,
	BLAME_THROTTLED, /* too many handshakes, or failures */
	BLAME_NAME,
	BLAME_MAX
};

struct handshake3;

struct buffer {
	uint8_t *data;
	size_t start;
	size_t end;
	size_t size;
};

struct gossip_item;
TAILQ_HEAD(gossip_queue, gossip_item);

struct connection {
	RB_ENTRY(connection) entry; /* by id */
	uint32_t id;
	int fd;
	const struct connection_ops *ops;
	void *arg;
	enum connection_state state;
	bool outbound;
	bool encrypted;
	bool listen_first;
	const uint8_t *nonce_key; /* CONNECTION_NONCE_KEY bytes, the owner's */
	uint64_t name; /* our own, and the versions that we offer */
	uint8_t version_min;
	uint8_t version_max;
	uint8_t version; /* agreed on, 0: not yet */
	uint32_t dial; /* outbound: the dialer's id */
	struct endpoint local;
	struct endpoint remote;
	uint64_t conn_id; /* ours */
	uint64_t uid; /* after the features */

	uint64_t since; /* of the state a user sees */
	uint64_t deadline;
	uint64_t heartbeat;
	uint64_t slept; /* by this host until now, as the owner says */
	uint64_t authenticated; /* connection_key_time() of the last time */
	uint8_t slot; /* enum ctl_slot of the password that it proved */
	struct buffer in;
	struct buffer out;
	int broken; /* errno of a failed write */
	bool watch_read; /* as last told the owner */
	bool watch_write;
	bool sent_features;
	bool shut; /* our direction is closed */

	uint32_t serial; /* of the password that authenticated it, 0: none */
	bool has_handle;
	uint32_t handle;
	uint8_t peer_key[MESH_KEY_LEN]; /* version 2, until the secret */
	struct handshake3 *shake; /* version 3, until the features */
	uint8_t udp[2]
		   [MESH_KEY_LEN]; /* version 3, until the overlay has them */
	struct record record;
	struct rekey rekey; /* version 3 */
	uint64_t rekey_interval;
	struct reauth reauth; /* version 3 */
	uint64_t reauth_interval;
	uint32_t session; /* the parent's name for it, 0: none (yet) */
	uint64_t messages_paid; /* for our parent, until when */
	uint64_t volume; /* of the overlay when the keys were new */
	bool held; /* the overlay sends nothing, its keys are too old */
	size_t discarded; /* bytes read after the end */

	char cause[CTL_CAUSE_MAX]; /* why it ended */
	char doom[CTL_CAUSE_MAX]; /* why it is to end */
	enum connection_blame blame;
	bool never; /* do not dial again */

	/* Of the owner, from the features on. */
	struct features features; /* the peer's */
	bool added; /* to our own peer */
	bool prepared; /* overlay_stop() is due */
	bool overlay_up; /* as the overlay says */
	bool established; /* and announced */
	bool trusted;
	struct gossip_queue queue;
	size_t queued; /* bytes held by the queue */
};

struct connection_ops {
	void (*watch)(
	    void *arg, struct connection *conn, bool read, bool write);
	void (*kx_start)(void *arg, struct connection *conn);
	void (*kx_finish)(void *arg, struct connection *conn,
	    const uint8_t key[MESH_KEY_LEN], const uint8_t *frame, size_t len);
	void (*kx_cancel)(void *arg, struct connection *conn);
	/* conn->id is filled in by the owner; kx_cancel is for both. */
	void (*kx3_start)(
	    void *arg, struct connection *conn, struct imsg_kx3_start *start);
	void (*kx3_finish)(
	    void *arg, struct connection *conn, struct imsg_kx3_finish *finish);
	/* The same of a re-authentication; and what the peer said in the end. */
	void (*reauth_start)(void *arg, struct connection *conn,
	    struct imsg_reauth_start *start);
	void (*reauth_finish)(
	    void *arg, struct connection *conn, struct imsg_kx3_finish *finish);
	void (*reauth_verdict)(void *arg, struct connection *conn,
	    uint32_t count, uint32_t result);
	/* failure NULL: it succeeded. */
	void (*reauth_ended)(
	    void *arg, struct connection *conn, const char *failure);
	/* Is a neighbour's from now on; or ended, also before that. */
	void (*session)(void *arg, uint32_t session, bool up);
	/* For our parent, from the peer's; of any content. */
	void (*parent_message)(void *arg, struct connection *conn,
	    const uint8_t *body, size_t len);
	/*
	 * Version 3: UDP keys of the next epoch can be received from now on;
	 * sending changes to them; sending ends until it does; bytes that the
	 * overlay has carried.
	 */
	void (*rekeyed)(void *arg, struct connection *conn,
	    const uint8_t keys[2][MESH_KEY_LEN], uint64_t now);
	void (*rekey_switch)(void *arg, struct connection *conn, uint64_t now);
	void (*hold)(void *arg, struct connection *conn);
	uint64_t (*volume)(void *arg, const struct connection *conn);
	/* Our features for this peer; length, 0: failed. */
	size_t (*features)(
	    void *arg, struct connection *conn, uint8_t *buf, size_t size);
	/* conn->features hold; false: ends, with cause filled in. */
	bool (*join)(void *arg, struct connection *conn, char *cause,
	    size_t size, uint64_t now);
	/* A message, tag first, len > 0; false as above. */
	bool (*message)(void *arg, struct connection *conn, const uint8_t *body,
	    size_t len, char *cause, size_t size, uint64_t now);
	/* There is room: send what is queued. */
	void (*drained)(void *arg, struct connection *conn);
	/* It ended, conn->cause says why; may linger. Called once. */
	void (*ended)(void *arg, struct connection *conn, uint64_t now);
};

/* Fill in conn (zeroed; id, fd, ops, arg, outbound, ...), then begin. */
void connection_start(struct connection *conn, uint64_t now);
/* Closes and wipes; calls nobody. */
void connection_close(struct connection *conn);

void connection_readable(struct connection *conn, uint64_t now);
void connection_writable(struct connection *conn, uint64_t now);
/* Deadlines and doom. Returns when to call again. */
uint64_t connection_tick(struct connection *conn, uint64_t now);

/* error NULL: done. */
void connection_kx_started(struct connection *conn, uint32_t handle,
    const uint8_t key[MESH_KEY_LEN], const char *error, uint64_t now);
void connection_kx_finished(struct connection *conn,
    const uint8_t key[MESH_KEY_LEN], const char *error, uint64_t now);

/* False: nobody waits for this, its handle is to be cancelled. */
bool connection_kx3_started(struct connection *conn,
    const struct imsg_kx3_started *started, uint64_t now);
/* False: nobody waits for this, its session is to be ended. */
bool connection_kx3_finished(struct connection *conn,
    const struct imsg_kx3_finished *finished, uint64_t now);
/* As connection_kx3_started(). */
bool connection_reauth_started(struct connection *conn,
    const struct imsg_reauth_started *started, uint64_t now);
void connection_reauth_finished(struct connection *conn,
    const struct imsg_reauth_finished *finished, uint64_t now);

/*
 * now, as the age of keys is told: CLOCK_BOOTTIME, which goes on while the
 * host sleeps.
 */
uint64_t connection_key_time(const struct connection *conn, uint64_t now);
/* Not ended yet. */
bool connection_live(const struct connection *conn);
/* Between accept or dial and the features. */
bool connection_shaking(const struct connection *conn);
/*
 * Queues one message for the peer. A peer too slow for it, or memory lacking,
 * dooms the connection. len at most WIRE_BODY_MAX - 1.
 */
void connection_send(
    struct connection *conn, uint8_t tag, const uint8_t *body, size_t len);
/* Bytes waiting to be written. */
size_t connection_pending(const struct connection *conn);
/* Ends it at the next connection_tick(), from wherever called. */
void connection_doom(struct connection *conn, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Ends it now. Not from within its own ops. */
void connection_end(struct connection *conn, uint64_t now, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, and who is to blame. */
void connection_blame(struct connection *conn, enum connection_blame blame,
    uint64_t now, const char *fmt, ...) __attribute__((format(printf, 4, 5)));
const char *connection_blame_word(enum connection_blame blame);

#endif
