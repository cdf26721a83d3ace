/*
 * Gossip (mesh-protocol 4): what is queued for which connection, when it is
 * encoded, and to whom things are passed on.
 *
 * Per connection, channel and kind (gossip, or broadcast of one source) there
 * is one item, into which later data merges. Topology items hold names and
 * are encoded when sent; those of other channels hold the bytes as they came.
 */
#ifndef ENGINE_MESH_GOSSIP_H
#define ENGINE_MESH_GOSSIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/mesh/connection.h"
#include "weaved/engine/mesh/envelope.h"
#include "weaved/engine/mesh/nameset.h"
#include "weaved/engine/mesh/surrogate.h"

#define GOSSIP_INTERVAL 30000
#define GOSSIP_CHANNELS_MAX 16 /* that we do not understand */
#define GOSSIP_QUEUE_MAX (24u << 20) /* bytes held per connection */
#define GOSSIP_DEFERRED_MAX 256 /* items that wait for the routes */
#define GOSSIP_DEFERRED_BYTES (32u << 20)

struct mesh;

struct channel {
	char name[ENVELOPE_CHANNEL_MAX];
	bool topology;
	bool local; /* lives here; else passed on, not understood */
};

/* Bytes of such a channel, shared by the queues they wait in. */
struct blob {
	size_t refs;
	size_t len;
	uint8_t data[];
};

struct gossip_blob {
	TAILQ_ENTRY(gossip_blob) entry;
	struct blob *blob;
};
TAILQ_HEAD(gossip_blobs, gossip_blob);

struct gossip_item {
	TAILQ_ENTRY(gossip_item) entry;
	struct channel *channel;
	uint8_t tag; /* gossip or broadcast */
	uint64_t source; /* of a broadcast */
	uint64_t except; /* deferred gossip: not to it */
	struct nameset names; /* topology */
	struct gossip_blobs blobs; /* of channels passed on */
};

struct gossip {
	struct channel topology;
	struct channel local; /* without a name: none */
	const struct mesh_channel *ops; /* of local */
	void *arg;
	struct channel channels[GOSSIP_CHANNELS_MAX];
	size_t nchannels;
	struct surrogate *seen;
	struct gossip_queue deferred;
	size_t ndeferred;
	size_t deferred_bytes;
	uint64_t periodic; /* when next */
};

bool gossip_init(struct gossip *gossip, uint64_t now);
void gossip_free(struct gossip *gossip);

/* A message of tag 4, 5 or 6. False: the connection ends, cause says why. */
bool gossip_receive(struct mesh *mesh, struct connection *conn,
    const uint8_t *body, size_t len, char *cause, size_t size, uint64_t now);
/* Everything we know, down one new connection. */
void gossip_send_all(struct mesh *mesh, struct connection *conn);
/* The state of the local channel, as a broadcast of source. */
void gossip_broadcast(struct mesh *mesh, uint64_t source);
/* On the local channel; false: no route. */
bool gossip_unicast(
    struct mesh *mesh, uint64_t peer, const uint8_t *data, size_t len);
/* These records of the topology to random neighbours. */
void gossip_send_names(struct mesh *mesh, const struct nameset *names);
/* The routes are fresh: what waited for them goes out. */
void gossip_routed(struct mesh *mesh);
/* Periodic gossip; returns when next. */
uint64_t gossip_tick(struct mesh *mesh, uint64_t now);
/* Encodes as much of the connection's queue as it has room for. */
void gossip_drain(struct mesh *mesh, struct connection *conn);
void gossip_queue_free(struct connection *conn);

#endif
