#include "weaved/engine/overlay/sleeve_packet.h"

#include <sodium.h>
#include <string.h>

#define SEQ_LEN 8
#define NONCE_LEN crypto_secretbox_NONCEBYTES
#define TAG_LEN crypto_secretbox_MACBYTES
#define ROLE_OUTBOUND 0x80 /* byte 0 of the nonce */

_Static_assert(SLEEVE_SEALED_HEADER == PEERNAME_LEN + SEQ_LEN + TAG_LEN,
    "header of an encrypted packet");
_Static_assert(SLEEVE_KEY_LEN == crypto_secretbox_KEYBYTES, "key length");

static void make_nonce(uint8_t[NONCE_LEN], bool, const uint8_t[SEQ_LEN]);

static void
make_nonce(uint8_t nonce[NONCE_LEN], bool outbound, const uint8_t seq[SEQ_LEN])
{
	memset(nonce, 0, NONCE_LEN - SEQ_LEN);
	if (outbound)
		nonce[0] = ROLE_OUTBOUND;
	memcpy(nonce + NONCE_LEN - SEQ_LEN, seq, SEQ_LEN);
}

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
    const uint8_t key[SLEEVE_KEY_LEN], bool outbound, uint64_t seqdf)
{
	uint8_t nonce[NONCE_LEN], *frames = packet->data;
	size_t len = packet->len;
	uint8_t *p = packet_push(packet, SLEEVE_SEALED_HEADER);
	uint8_t *seq;

	if (p == NULL)
		return false;
	seq = p + PEERNAME_LEN;
	peername_put(name, p);
	for (int i = 0; i < SEQ_LEN; i++)
		seq[i] = (uint8_t)(seqdf >> (56 - 8 * i));
	make_nonce(nonce, outbound, seq);
	return crypto_secretbox_detached(
		   frames, seq + SEQ_LEN, frames, len, nonce, key) == 0;
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
sleeve_packet_open(struct packet *packet, const uint8_t key[SLEEVE_KEY_LEN],
    bool outbound, uint64_t *seqdf)
{
	uint8_t nonce[NONCE_LEN];
	const uint8_t *seq = packet_pull(packet, SEQ_LEN + TAG_LEN);

	if (seq == NULL)
		return false;
	make_nonce(nonce, outbound, seq);
	if (crypto_secretbox_open_detached(packet->data, packet->data,
		seq + SEQ_LEN, packet->len, nonce, key) != 0)
		return false;
	*seqdf = 0;
	for (int i = 0; i < SEQ_LEN; i++)
		*seqdf = *seqdf << 8 | seq[i];
	return true;
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
