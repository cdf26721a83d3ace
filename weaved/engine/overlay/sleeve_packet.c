#include "weaved/engine/overlay/sleeve_packet.h"

#include <string.h>

#define SEQ_LEN 8

_Static_assert(SLEEVE_SEALED_HEADER == PEERNAME_LEN + SEQ_LEN + CIPHER_TAG_LEN,
    "header of an encrypted packet");

static uint8_t *datagram_pull(struct sleeve_datagram *, size_t);

uint8_t *
sleeve_packet_add(
    struct packet *packet, uint64_t first, uint64_t last, size_t len)
{
	uint8_t *p;

	if (len > UINT16_MAX)
		return NULL;
	p = packet_append(packet, SLEEVE_FRAME_HEADER + len);
	if (p == NULL)
		return NULL;
	peername_put(first, p);
	peername_put(last, p + PEERNAME_LEN);
	p[12] = (uint8_t)(len >> 8);
	p[13] = (uint8_t)len;
	return p + SLEEVE_FRAME_HEADER;
}

bool
sleeve_packet_begin(struct packet *packet, bool sealed)
{
	return packet_append(packet,
		   sealed ? SLEEVE_SEALED_HEADER : SLEEVE_PLAIN_HEADER) != NULL;
}

void
sleeve_packet_plain(struct packet *packet, uint64_t name)
{
	uint8_t *p = packet->data;

	for (unsigned i = 0; i < packet->count; p += packet->lens[i++])
		peername_put(name, p);
}

void
sleeve_packet_seal(struct packet *packet, uint64_t name,
    const struct cipher_key *key, uint64_t seqdf)
{
	struct cipher_packet batch[PACKET_DATAGRAMS];
	uint8_t *p = packet->data, *seq;

	for (unsigned i = 0; i < packet->count; p += packet->lens[i++]) {
		seq = p + PEERNAME_LEN;
		peername_put(name, p);
		for (int j = 0; j < SEQ_LEN; j++)
			seq[j] = (uint8_t)(seqdf >> (56 - 8 * j));
		batch[i] = (struct cipher_packet){.seqdf = seqdf++,
		    .tag = seq + SEQ_LEN,
		    .text = p + SLEEVE_SEALED_HEADER,
		    .len = packet->lens[i] - (size_t)SLEEVE_SEALED_HEADER};
	}
	cipher_seal_batch(key, batch, packet->count);
}

static uint8_t *
datagram_pull(struct sleeve_datagram *datagram, size_t len)
{
	uint8_t *start = datagram->data;

	if (datagram->len < len)
		return NULL;
	datagram->data += len;
	datagram->len -= len;
	return start;
}

bool
sleeve_datagram_name(struct sleeve_datagram *datagram, uint64_t *name)
{
	const uint8_t *p = datagram_pull(datagram, PEERNAME_LEN);

	if (p == NULL)
		return false;
	*name = peername_get(p);
	return true;
}

void
sleeve_datagrams_open(const struct cipher_key *key,
    struct sleeve_datagram *datagrams, size_t count)
{
	struct cipher_packet batch[PACKET_DATAGRAMS];
	size_t n = 0;
	uint8_t *seq;

	for (size_t i = 0; i < count; i++) {
		struct sleeve_datagram *datagram = &datagrams[i];

		seq = datagram_pull(datagram, SEQ_LEN + CIPHER_TAG_LEN);
		datagram->ok = seq != NULL;
		if (seq == NULL)
			continue;
		datagram->seqdf = 0;
		for (int j = 0; j < SEQ_LEN; j++)
			datagram->seqdf = datagram->seqdf << 8 | seq[j];
		batch[n++] = (struct cipher_packet){.seqdf = datagram->seqdf,
		    .tag = seq + SEQ_LEN,
		    .text = datagram->data,
		    .len = datagram->len};
	}
	cipher_open_batch(key, batch, n);
	n = 0;
	for (size_t i = 0; i < count; i++) {
		if (datagrams[i].ok)
			datagrams[i].ok = batch[n++].ok;
	}
}

int
sleeve_datagram_next(
    struct sleeve_datagram *datagram, struct sleeve_frame *frame)
{
	const uint8_t *p;

	if (datagram->len == 0)
		return 0;
	p = datagram_pull(datagram, SLEEVE_FRAME_HEADER);
	if (p == NULL)
		return -1;
	frame->first = peername_get(p);
	frame->last = peername_get(p + PEERNAME_LEN);
	frame->len = (size_t)p[12] << 8 | p[13];
	frame->data = datagram_pull(datagram, frame->len);
	return frame->data == NULL ? -1 : 1;
}
