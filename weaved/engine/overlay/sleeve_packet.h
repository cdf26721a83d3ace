/*
 * Sleeve datagrams (mesh-protocol 7.1):
 *
 *   plain:     name(6)  frames
 *   encrypted: name(6)  seqdf(8)  tag(16)  sealed frames
 *   frame:     first peer(6)  last peer(6)  u16 length  Ethernet frame
 *
 * A packet to be sent collects frames, then gets its header in front.
 */
#ifndef ENGINE_OVERLAY_SLEEVE_PACKET_H
#define ENGINE_OVERLAY_SLEEVE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/overlay/cipher.h"
#include "weaved/engine/overlay/packet.h"

#define SLEEVE_KEY_LEN 32
#define SLEEVE_PLAIN_HEADER 6
#define SLEEVE_SEALED_HEADER 30
#define SLEEVE_FRAME_HEADER 14
#define SLEEVE_DF (UINT64_C(1) << 63) /* in seqdf */

_Static_assert(SLEEVE_SEALED_HEADER <= PACKET_HEADROOM, "room for a header");

struct sleeve_frame {
	uint64_t first;
	uint64_t last;
	const uint8_t *data; /* within the packet */
	size_t len;
};

/* Appends a frame; data NULL: zeros. False if there is no room. */
bool sleeve_packet_add(struct packet *packet, uint64_t first, uint64_t last,
    const uint8_t *data, size_t len);

/*
 * Put the header in front of the frames; seal also encrypts them in place.
 * False if there is no room.
 */
bool sleeve_packet_plain(struct packet *packet, uint64_t name);
bool sleeve_packet_seal(struct packet *packet, uint64_t name,
    const struct cipher_key *key, uint64_t seqdf);

/* Takes the sender's name off; false if there is none. */
bool sleeve_packet_name(struct packet *packet, uint64_t *name);
/*
 * Opens in place what follows the name; key: of the sender's direction. False:
 * short, tampered with, or of another key.
 */
bool sleeve_packet_open(
    struct packet *packet, const struct cipher_key *key, uint64_t *seqdf);
/* Takes the next frame off. 1: *frame filled; 0: end; -1: malformed rest. */
int sleeve_packet_next(struct packet *packet, struct sleeve_frame *frame);

#endif
