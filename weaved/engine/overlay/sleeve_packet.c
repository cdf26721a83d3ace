#include "weaved/engine/overlay/sleeve_packet.h"

#include <string.h>

#define SEQ_LEN 8

_Static_assert(SLEEVE_SEALED_HEADER == PEERNAME_LEN + SEQ_LEN + CIPHER_TAG_LEN,
    "header of an encrypted packet");
_Static_assert(SLEEVE_KEY_LEN == CIPHER_KEY_LEN, "key length");

bool
sleeve_packet_add(struct packet *packet, uint64_t first, uint64_t last,
    const uint8_t *data, size_t len)
{
	uint8_t *p;

	if (len > UINT16_MAX)
		return false;
	p = packet_append(packet, SLEEVE_FRAME_HEADER + len);
	if (p == NULL)
		return false;
	peername_put(first, p);
	peername_put(last, p + PEERNAME_LEN);
	p[12] = (uint8_t)(len >> 8);
	p[13] = (uint8_t)len;
	if (data != NULL)
		memcpy(p + SLEEVE_FRAME_HEADER, data, len);
	else
		memset(p + SLEEVE_FRAME_HEADER, 0, len);
	return true;
}

bool
sleeve_packet_plain(struct packet *packet, uint64_t name)
{
	uint8_t *p = packet_push(packet, SLEEVE_PLAIN_HEADER);

	if (p == NULL)
		return false;
	peername_put(name, p);
	return true;
}

bool
sleeve_packet_seal(struct packet *packet, uint64_t name,
    const struct cipher_key *key, uint64_t seqdf)
{
	struct cipher_packet sealed = {
	    .seqdf = seqdf, .text = packet->data, .len = packet->len};
	uint8_t *p = packet_push(packet, SLEEVE_SEALED_HEADER);
	uint8_t *seq;

	if (p == NULL)
		return false;
	seq = p + PEERNAME_LEN;
	peername_put(name, p);
	for (int i = 0; i < SEQ_LEN; i++)
		seq[i] = (uint8_t)(seqdf >> (56 - 8 * i));
	sealed.tag = seq + SEQ_LEN;
	cipher_seal_batch(key, &sealed, 1);
	return true;
}

bool
sleeve_packet_name(struct packet *packet, uint64_t *name)
{
	const uint8_t *p = packet_pull(packet, PEERNAME_LEN);

	if (p == NULL)
		return false;
	*name = peername_get(p);
	return true;
}

bool
sleeve_packet_open(
    struct packet *packet, const struct cipher_key *key, uint64_t *seqdf)
{
	uint8_t *seq = packet_pull(packet, SEQ_LEN + CIPHER_TAG_LEN);
	struct cipher_packet sealed = {0};

	if (seq == NULL)
		return false;
	for (int i = 0; i < SEQ_LEN; i++)
		sealed.seqdf = sealed.seqdf << 8 | seq[i];
	sealed.tag = seq + SEQ_LEN;
	sealed.text = packet->data;
	sealed.len = packet->len;
	cipher_open_batch(key, &sealed, 1);
	*seqdf = sealed.seqdf;
	return sealed.ok;
}

int
sleeve_packet_next(struct packet *packet, struct sleeve_frame *frame)
{
	const uint8_t *p;

	if (packet->len == 0)
		return 0;
	p = packet_pull(packet, SLEEVE_FRAME_HEADER);
	if (p == NULL)
		return -1;
	frame->first = peername_get(p);
	frame->last = peername_get(p + PEERNAME_LEN);
	frame->len = (size_t)p[12] << 8 | p[13];
	frame->data = packet_pull(packet, frame->len);
	return frame->data == NULL ? -1 : 1;
}
