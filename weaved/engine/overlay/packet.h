/*
 * Packet buffers: room in front for the headers that are put on last, and a
 * pool of fixed size, so that nothing is allocated on the way of a packet.
 */
#ifndef ENGINE_OVERLAY_PACKET_H
#define ENGINE_OVERLAY_PACKET_H

#include <sys/queue.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define PACKET_HEADROOM 64
#define PACKET_DATA_MAX 65600 /* a datagram or super-frame is shorter */
#define PACKET_DATAGRAMS 64 /* of one packet: what UDP_SEGMENT takes */

struct packet {
	TAILQ_ENTRY(packet) entry;
	uint8_t *data; /* within buf */
	size_t len;
	/* To be sent: datagrams one behind another, of these lengths. */
	uint16_t lens[PACKET_DATAGRAMS];
	unsigned count;
	unsigned next; /* at data, those before have been sent */
	struct endpoint to;
	uint32_t local;
	uint32_t owner; /* who sends it, while it waits for the socket */
	bool urgent; /* waits for nobody else's */
	/* Received: length of each datagram but the last, 0: there is one. */
	size_t segment;
	uint8_t buf[PACKET_HEADROOM + PACKET_DATA_MAX];
};

TAILQ_HEAD(packet_queue, packet);

struct packet_pool;

/* NULL without memory. */
struct packet_pool *packet_pool_new(size_t count);
/* All packets must be back. NULL is fine. */
void packet_pool_free(struct packet_pool *pool);
/* Packets that are free now. */
size_t packet_pool_left(const struct packet_pool *pool);
/* NULL when all are in use; else empty, with full headroom. */
struct packet *packet_get(struct packet_pool *pool);
/* NULL is fine. */
void packet_put(struct packet_pool *pool, struct packet *packet);

void packet_reset(struct packet *packet);
/* Bytes that can still be appended. */
size_t packet_room(const struct packet *packet);
/*
 * Grow at the front or the end, shrink at the front: the address of the bytes
 * added or taken away. NULL, and nothing done, if there are not that many.
 */
uint8_t *packet_push(struct packet *packet, size_t len);
uint8_t *packet_append(struct packet *packet, size_t len);
uint8_t *packet_pull(struct packet *packet, size_t len);

/*
 * Ends a datagram that begins behind the last one; all of len. False if it is
 * empty, or one too many.
 */
bool packet_end_datagram(struct packet *packet);
/*
 * How many datagrams from next on one UDP_SEGMENT send can take, at most max:
 * of equal lengths but for a shorter last. *len: bytes of all of them.
 */
unsigned packet_run(const struct packet *packet, unsigned max, size_t *len);
/* The next count datagrams have been sent. */
void packet_sent(struct packet *packet, unsigned count);

#endif
