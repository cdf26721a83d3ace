/* TCP and UDP frames for tests of cutting and joining. */
#ifndef REGRESS_INET_FRAMES_H
#define REGRESS_INET_FRAMES_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INET_FRAME_MAX 65600

struct inet_frame {
	bool ipv6;
	bool udp;
	unsigned tags; /* of VLAN */
	unsigned options; /* of TCP, words of 4 bytes */
	uint16_t port; /* source; tells flows apart */
	uint16_t id; /* of IPv4 */
	uint16_t fragment; /* flags and offset of IPv4 */
	uint8_t flags; /* of TCP */
	uint32_t seq;
	uint32_t ack;
	size_t payload; /* bytes, a pattern that begins with seed */
	uint8_t seed;
};

/* Writes the frame with all checksums; returns its length. */
size_t inet_frame_make(
    uint8_t out[INET_FRAME_MAX], const struct inet_frame *frame);
/* Bytes before the payload. */
size_t inet_frame_headers(const struct inet_frame *frame);
/* The header with which a kernel would hand it over, cut to size. */
struct virtio_net_hdr inet_frame_header(
    const struct inet_frame *frame, uint16_t size);
/* Are the lengths and the checksums those of the bytes? Computed naively. */
bool inet_frame_valid(const uint8_t *data, size_t len);

#endif
