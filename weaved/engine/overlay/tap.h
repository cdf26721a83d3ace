/*
 * Frames from and to the TAP device (IFF_TAP | IFF_NO_PI, non-blocking), with a
 * virtio header in front (IFF_VNET_HDR) or without.
 */
#ifndef ENGINE_OVERLAY_TAP_H
#define ENGINE_OVERLAY_TAP_H

#include <sys/uio.h>

#include <linux/virtio_net.h>
#include <stdbool.h>

#include "weaved/engine/overlay/packet.h"

struct tap {
	int fd; /* -1: none */
	bool header; /* IFF_VNET_HDR */
};

/*
 * 1: one frame or super-frame in packet, 0: none there now, -1 with errno.
 * header is zero where the TAP has none.
 */
int tap_read(const struct tap *tap, struct packet *packet,
    struct virtio_net_hdr *header);
/*
 * iov[0] is the virtio header, left out where the TAP has none. 0 or errno.
 */
int tap_write(const struct tap *tap, const struct iovec *iov, int count);

#endif
