/*
 * Super-frames of the TAP: one set of headers with the payload of many frames
 * behind it, as the kernel hands them over for segmentation offload (TCP and
 * UDP), and frames whose checksum was left to the device.
 *
 * The segmenter writes the frames that the kernel would have made itself: IPv4
 * identification and TCP sequence number count up, FIN and PSH are on the last
 * alone, CWR on the first alone, lengths and checksums are those of each.
 */
#ifndef ENGINE_OVERLAY_SEGMENT_H
#define ENGINE_OVERLAY_SEGMENT_H

#include <linux/virtio_net.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/overlay/inet.h"

struct segments {
	const uint8_t *data; /* the super-frame, the caller's */
	size_t len;
	size_t size; /* payload of each frame but the last, in bytes */
	struct inet inet;
};

/* Is there something to cut? */
bool segment_wanted(const struct virtio_net_hdr *header);
/*
 * False: the header is not one that the kernel writes, or contradicts the
 * frame, or the payload fits in one frame of more than 65535 bytes.
 */
bool segment_init(struct segments *segments, const uint8_t *data, size_t len,
    const struct virtio_net_hdr *header);
/* At least 1. */
size_t segment_count(const struct segments *segments);
/* Bytes of frame number i, from 0. */
size_t segment_len(const struct segments *segments, size_t i);
/* Writes frame number i, segment_len() bytes. */
void segment_write(const struct segments *segments, size_t i, uint8_t *out);

/*
 * Fills in the checksum that the header says is missing. False, and nothing
 * done, if it lies outside of the frame.
 */
bool segment_complete(
    uint8_t *data, size_t len, const struct virtio_net_hdr *header);

#endif
