/*
 * Sleeve datagrams (mesh-protocol 7.1):
 *
 *   plain:     name(6)  frames
 *   encrypted: name(6)  seqdf(8)  tag(16)  sealed frames
 *   frame:     first peer(6)  last peer(6)  u16 length  Ethernet frame
 *
 * A packet to be sent collects datagrams of frames, each with room for its
 * header in front, which is filled in last.
 */
#ifndef ENGINE_OVERLAY_SLEEVE_PACKET_H
#define ENGINE_OVERLAY_SLEEVE_PACKET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/overlay/cipher.h"
#include "weaved/engine/overlay/packet.h"

#define SLEEVE_PLAIN_HEADER 6
#define SLEEVE_SEALED_HEADER 30
#define SLEEVE_FRAME_HEADER 14
#define SLEEVE_DF (UINT64_C(1) << 63) /* in seqdf */

struct sleeve_frame {
	uint64_t first;
	uint64_t last;
	const uint8_t *data; /* within the datagram */
	size_t len;
};

/* One that was received, within the caller's buffer. */
struct sleeve_datagram {
	uint8_t *data;
	size_t len;
	struct endpoint from;
	/* of sleeve_datagrams_open(): */
	uint64_t seqdf;
	bool ok;
};

/*
 * Appends a frame of len bytes and returns where they belong; NULL if there is
 * no room.
 */
uint8_t *sleeve_packet_add(
    struct packet *packet, uint64_t first, uint64_t last, size_t len);
/* Begins a datagram with room for its header; false: no room. */
bool sleeve_packet_begin(struct packet *packet, bool sealed);

/*
 * Put the headers into all datagrams of the packet; seal also encrypts their
 * frames in place, under seqdf and the numbers behind it.
 */
void sleeve_packet_plain(struct packet *packet, uint64_t name);
void sleeve_packet_seal(struct packet *packet, uint64_t name,
    const struct cipher_key *key, uint64_t seqdf);

/* Takes the sender's name off; false if there is none. */
bool sleeve_datagram_name(struct sleeve_datagram *datagram, uint64_t *name);
/*
 * Opens in place what follows the name, at most PACKET_DATAGRAMS of them; key:
 * of the sender. Not ok: short, tampered with, or of another key.
 */
void sleeve_datagrams_open(const struct cipher_key *key,
    struct sleeve_datagram *datagrams, size_t count);
/* Takes the next frame off. 1: *frame filled; 0: end; -1: malformed rest. */
int sleeve_datagram_next(
    struct sleeve_datagram *datagram, struct sleeve_frame *frame);

#endif
