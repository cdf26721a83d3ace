/*
 * The peers and connections of the mesh as gossip tells them: the database,
 * its merge rules, short ids and garbage collection (mesh-protocol 2.2, 2.3,
 * 4.5). Routes are computed from it in routes.h.
 */
#ifndef ENGINE_MESH_TOPOLOGY_H
#define ENGINE_MESH_TOPOLOGY_H

#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "weaved/engine/mesh/gob.h"

#define TOPOLOGY_PEERS_MAX 4096 /* as MESH_PEERS_MAX */
#define TOPOLOGY_CONNS_MAX 512 /* of one peer */
#define TOPOLOGY_EDGES_MAX 1048576 /* connections of all peers */
#define TOPOLOGY_UPDATE_MAX 1048576 /* bytes of one payload we send */
/* A real router sends all it knows at once: 200 peers are 2.5 MB. */
#define TOPOLOGY_RECEIVE_MAX 10485760
#define TOPOLOGY_ADDR_MAX 62 /* with NUL: IPv6, zone and port fit */
#define SHORT_IDS 4096

struct topology_conn {
	uint64_t peer;
	char addr[TOPOLOGY_ADDR_MAX]; /* "ip:port", unchecked */
	bool outbound;
	bool established;
};

struct topology_peer {
	RB_ENTRY(topology_peer) entry;
	uint64_t name;
	uint64_t uid; /* 0: placeholder */
	uint64_t version;
	uint16_t short_id;
	bool has_short_id;
	bool reached; /* private: being collected */
	bool fresh; /* private: being merged */
	unsigned held; /* live local connections */
	char nickname[NICKNAME_MAX]; /* unchecked */
	struct topology_conn *conns; /* ascending by peer */
	size_t nconns;
};

struct topology;

/* A uniform random number below bound; bound is not 0. */
typedef uint32_t (*topology_random)(void *arg, uint32_t bound);

/* Ourself alone, version 0, with a random short id. NULL: no memory. */
struct topology *topology_new(uint64_t name, const char *nickname, uint64_t uid,
    topology_random random, void *arg);
void topology_free(struct topology *topo);

/* Peers stay valid until a call that merges, adds, releases or collects. */
const struct topology_peer *topology_self(const struct topology *topo);
const struct topology_peer *topology_find(
    const struct topology *topo, uint64_t name);
/* In ascending order of names; NULL at the end. */
const struct topology_peer *topology_first(const struct topology *topo);
const struct topology_peer *topology_next(const struct topology_peer *peer);
size_t topology_count(const struct topology *topo);
const struct topology_conn *topology_conn_find(
    const struct topology_peer *peer, uint64_t name);

/*
 * Our own record. Each change raises its version by one. False: no memory, or
 * TOPOLOGY_CONNS_MAX connections, or (establish, disconnect) none to peer.
 */
bool topology_connect(
    struct topology *topo, uint64_t peer, const char *addr, bool outbound);
bool topology_establish(struct topology *topo, uint64_t peer);
bool topology_disconnect(struct topology *topo, uint64_t peer);
void topology_set_nickname(struct topology *topo, const char *nickname);

/*
 * A record from a features map (1.5): creates it with version 0 or fills a
 * placeholder; one that gossip told of stays as it is. NULL: no room.
 */
const struct topology_peer *topology_add(struct topology *topo, uint64_t name,
    const char *nickname, uint64_t uid, bool has_short_id, uint16_t short_id);
/* A held peer survives collection; each hold needs its release. */
bool topology_hold(struct topology *topo, uint64_t name);
void topology_release(struct topology *topo, uint64_t name);

/* What a merge did. Arrays are owned by the caller: topology_update_free. */
struct topology_update {
	uint64_t *named; /* peers in the message, in its order */
	size_t nnamed;
	uint64_t *fresh; /* those learnt or updated */
	size_t nfresh;
	size_t left_out; /* peers and connection lists beyond the caps */
	size_t hostile; /* records of versions that nobody can have */
	bool self_raised; /* an older self was met: announce us */
};

/*
 * Decodes and merges a payload. False: nothing was changed, cause says why;
 * the connection must end ("topology update too long", ...). What has no room
 * in the table is left out and counted.
 */
bool topology_merge(struct topology *topo, const uint8_t *data, size_t len,
    struct topology_update *update, char *cause, size_t size);
void topology_update_free(struct topology_update *update);

/*
 * All names, ascending; to be freed by the caller. NULL: no memory.
 */
uint64_t *topology_names(const struct topology *topo, size_t *count);
/*
 * Writes the payload for names[*from] and on to enc (initialised by the
 * caller), as many as fit TOPOLOGY_UPDATE_MAX, and moves *from behind them:
 * call again until *from is count. Unknown names are passed over. False: no
 * memory.
 */
bool topology_encode(const struct topology *topo, const uint64_t *names,
    size_t count, size_t *from, struct gob_encoder *enc);

/*
 * Drops peers neither reachable nor held. Returns how many; *removed is to
 * be freed by the caller, NULL if none.
 */
size_t topology_collect(struct topology *topo, uint64_t **removed);

/* Owner of a short id, or PEERNAME_UNKNOWN. */
uint64_t topology_short_id_owner(
    const struct topology *topo, uint16_t short_id);
/*
 * Picks a new id if a lower-named peer took ours, or if we had none. True:
 * it changed, announce us. Call after each merge, add or collect.
 */
bool topology_settle_short_id(struct topology *topo);
/* True once after an id in use got another owner: drop cached flows. */
bool topology_short_ids_changed(struct topology *topo);

/* One decoded peer, for tests and fuzzing. */
struct topology_record {
	uint64_t name;
	uint64_t uid;
	uint64_t version;
	uint16_t short_id;
	bool has_short_id;
	char nickname[NICKNAME_MAX];
	struct topology_conn *conns;
	size_t nconns;
};

bool topology_decode(const uint8_t *data, size_t len,
    struct topology_record **records, size_t *count, char *cause, size_t size);
void topology_records_free(struct topology_record *records, size_t count);

#endif
