/*
 * Ethernet frames as far as the overlay looks into them (mesh-protocol 7.2,
 * 7.6 to 7.8): what class they are, "fragmentation needed" answers, and IPv4
 * fragments.
 */
#ifndef ENGINE_OVERLAY_FRAME_H
#define ENGINE_OVERLAY_FRAME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAC 6
#define FRAME_ETHERNET 14 /* header, without FCS */
#define FRAME_TOO_BIG_MAX (FRAME_ETHERNET + 20 + 8 + 60 + 8)
#define FRAME_FRAGMENT_MIN 68 /* smallest MTU for fragments, RFC 791 */

struct segments;

enum frame_class {
	FRAME_BAD, /* shorter than an Ethernet header */
	FRAME_SPECIAL, /* 14 zero bytes: between neighbours (7.3) */
	FRAME_IPV4, /* with a sound header */
	FRAME_OTHER
};

/* A frame on its way through the mesh; data belongs to the caller. */
struct frame {
	const uint8_t *data;
	size_t len;
	uint64_t first; /* peers where it entered and will leave */
	uint64_t last;
	bool broadcast; /* one copy of a flood */
	/* A super-frame: data is what is to be cut, len its length. */
	const struct segments *segments;
	/* filled by frame_decode(): */
	enum frame_class class;
	bool df; /* FRAME_IPV4 only, as the rest */
	size_t ip_header; /* bytes with options */
	size_t ip_total; /* as the header says, may exceed the frame */
};

/* Classifies frame->data. */
void frame_decode(struct frame *frame);

/*
 * Writes the ICMP answer 3/4 to a FRAME_IPV4 (7.7): its length, at most
 * FRAME_TOO_BIG_MAX.
 */
size_t frame_too_big(
    const struct frame *frame, uint32_t mtu, uint8_t out[FRAME_TOO_BIG_MAX]);

/*
 * Writes the IPv4 fragment that begins at *offset of the payload (start with
 * 0) and advances it. mtu: of the IP packet, at least FRAME_FRAGMENT_MIN; out
 * holds FRAME_ETHERNET + mtu. Returns its length, 0 after the last.
 */
size_t frame_fragment(
    const struct frame *frame, uint32_t mtu, size_t *offset, uint8_t *out);

#endif
