/*
 * What the files of the overlay's head share: overlay.c (turns: readable
 * descriptors and time), overlay_conn.c (connections, between mesh and
 * sleeve), overlay_route.c (between forwarding, connections and TAP),
 * overlay_socket.c (sending), overlay_probe.c (measuring) and overlay_show.c.
 */
#ifndef ENGINE_OVERLAY_OVERLAY_INTERNAL_H
#define ENGINE_OVERLAY_OVERLAY_INTERNAL_H

#include <sys/queue.h>

#include "weaved/engine/overlay/coalesce.h"
#include "weaved/engine/overlay/counters.h"
#include "weaved/engine/overlay/forward.h"
#include "weaved/engine/overlay/mactable.h"
#include "weaved/engine/overlay/overlay.h"
#include "weaved/engine/overlay/packet.h"
#include "weaved/engine/overlay/probe.h"
#include "weaved/engine/overlay/sleeve.h"
#include "weaved/engine/overlay/switch.h"
#include "weaved/engine/overlay/tap.h"

#define OVERLAY_BUCKETS 256
#define OVERLAY_PACKETS_IN 32 /* received at a time */

struct overlay_conn {
	LIST_ENTRY(overlay_conn) by_id;
	LIST_ENTRY(overlay_conn) by_peer; /* while confirmed */
	TAILQ_ENTRY(overlay_conn) touched; /* while is_touched */
	struct overlay *overlay;
	uint32_t id;
	uint64_t peer;
	bool has_key;
	bool confirmed;
	bool is_touched;
	uint64_t due;
	unsigned waiting; /* packets, for the sockets */
	struct overlay_switch sw;
	struct sleeve *sleeve;
};

LIST_HEAD(conn_list, overlay_conn);
TAILQ_HEAD(conn_queue, overlay_conn);

struct overlay_socket {
	int fd;
	struct packet_queue waiting; /* until it can be written again */
	size_t count;
};

struct overlay {
	struct overlay_conf conf;
	const struct overlay_ops *ops;
	void *arg;
	struct conn_list by_id[OVERLAY_BUCKETS];
	struct conn_list by_peer[OVERLAY_BUCKETS];
	struct conn_queue touched; /* in this turn: to flush and tick */
	struct overlay_socket df;
	struct overlay_socket nodf;
	struct tap tap;
	struct coalesce *coalesce; /* in front of the TAP */
	size_t written; /* buffers for receivers since we gave way */
	struct packet_pool *pool;
	struct packet *in[OVERLAY_PACKETS_IN]; /* what is being received */
	struct endpoint from[OVERLAY_PACKETS_IN];
	/* Datagrams of one sender, to be opened at once. */
	struct sleeve_datagram batch[PACKET_DATAGRAMS];
	size_t nbatch;
	uint64_t batch_name;
	struct mactable *macs;
	struct forward forward;
	struct probe *probe;
	struct overlay_counters counters;
	uint64_t due; /* of the first connection */
	uint64_t sweep_due;
};

extern const struct sleeve_ops overlay_sleeve_ops; /* arg: overlay_conn */
extern const struct forward_ops overlay_forward_ops; /* arg: overlay */
extern const struct probe_ops overlay_probe_ops; /* arg: overlay */

/* overlay.c */
void overlay_drop(struct overlay *overlay, enum overlay_drop drop);
/* Sends what connections have collected; end_turn has them also ticked. */
void overlay_flush(struct overlay *overlay, uint64_t now);
void overlay_end_turn(struct overlay *overlay, uint64_t now);

/* overlay_conn.c */
struct overlay_conn *overlay_conn_find(struct overlay *overlay, uint32_t id);
/* The confirmed connection to a peer; the latest should there be two. */
struct overlay_conn *overlay_conn_of_peer(
    struct overlay *overlay, uint64_t peer);
/* Has this connection flushed and ticked at the end of the turn. */
void overlay_conn_touch(struct overlay_conn *conn);
void overlay_conn_free(struct overlay_conn *conn);

/* overlay_socket.c */
void overlay_socket_init(struct overlay_socket *sock);
void overlay_socket_close(struct overlay *overlay, struct overlay_socket *sock);
/* See sleeve_ops.send; arg: overlay_conn. */
void overlay_socket_send(void *arg, bool df, struct packet *packet,
    struct sleeve_result *result, uint64_t now);
/* Returns the last path MTU that was told towards addr, or 0. */
uint32_t overlay_read_errors(
    struct overlay *overlay, int fd, uint32_t addr, uint64_t now);

/* overlay_route.c; arg: overlay */
uint64_t overlay_route_next_hop(void *arg, uint64_t peer);
void overlay_route_send(
    void *arg, uint64_t neighbour, const struct frame *frame, uint64_t now);
/* See coalesce_conf.write. */
void overlay_write(
    void *arg, const struct iovec *iov, int count, size_t frames);

#endif
