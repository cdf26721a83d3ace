#include "weaved/engine/overlay/packet.h"

#include <stdlib.h>

#define RUN_MAX 65507 /* bytes of one send */

struct packet_pool {
	struct packet_queue free;
	size_t left;
	struct packet packets[];
};

struct packet_pool *
packet_pool_new(size_t count)
{
	struct packet_pool *pool;

	pool = calloc(1, sizeof(*pool) + count * sizeof(pool->packets[0]));
	if (pool == NULL)
		return NULL;
	TAILQ_INIT(&pool->free);
	for (size_t i = 0; i < count; i++)
		packet_put(pool, &pool->packets[i]);
	return pool;
}

void
packet_pool_free(struct packet_pool *pool)
{
	free(pool);
}

size_t
packet_pool_left(const struct packet_pool *pool)
{
	return pool->left;
}

struct packet *
packet_get(struct packet_pool *pool)
{
	struct packet *packet;

	packet = TAILQ_FIRST(&pool->free);
	if (packet == NULL)
		return NULL;
	TAILQ_REMOVE(&pool->free, packet, entry);
	pool->left--;
	packet_reset(packet);
	return packet;
}

/* The last one used is the next one given: it is still in the cache. */
void
packet_put(struct packet_pool *pool, struct packet *packet)
{
	if (packet == NULL)
		return;
	TAILQ_INSERT_HEAD(&pool->free, packet, entry);
	pool->left++;
}

void
packet_reset(struct packet *packet)
{
	packet->data = packet->buf + PACKET_HEADROOM;
	packet->len = 0;
	packet->count = packet->next = 0;
	packet->urgent = false;
	packet->segment = 0;
}

size_t
packet_room(const struct packet *packet)
{
	return (size_t)(packet->buf + sizeof(packet->buf) - packet->data) -
	    packet->len;
}

uint8_t *
packet_push(struct packet *packet, size_t len)
{
	if ((size_t)(packet->data - packet->buf) < len)
		return NULL;
	packet->data -= len;
	packet->len += len;
	return packet->data;
}

uint8_t *
packet_append(struct packet *packet, size_t len)
{
	uint8_t *end = packet->data + packet->len;

	if (packet_room(packet) < len)
		return NULL;
	packet->len += len;
	return end;
}

uint8_t *
packet_pull(struct packet *packet, size_t len)
{
	uint8_t *start = packet->data;

	if (packet->len < len)
		return NULL;
	packet->data += len;
	packet->len -= len;
	return start;
}

bool
packet_end_datagram(struct packet *packet)
{
	size_t len = packet->len;

	for (unsigned i = packet->next; i < packet->count; i++)
		len -= packet->lens[i];
	if (len == 0 || packet->count == PACKET_DATAGRAMS)
		return false;
	packet->lens[packet->count++] = (uint16_t)len;
	return true;
}

unsigned
packet_run(const struct packet *packet, unsigned max, size_t *len)
{
	const uint16_t *lens = packet->lens + packet->next;
	unsigned left = packet->count - packet->next, count = 1;

	*len = lens[0];
	while (count < left && count < max && lens[count - 1] == lens[0] &&
	    lens[count] <= lens[0] && *len + lens[count] <= RUN_MAX)
		*len += lens[count++];
	return count;
}

void
packet_sent(struct packet *packet, unsigned count)
{
	for (; count != 0 && packet->next < packet->count; count--)
		packet_pull(packet, packet->lens[packet->next++]);
}
