/*
 * Frames from and to the TAP device (IFF_TAP | IFF_NO_PI, non-blocking).
 */
#ifndef ENGINE_OVERLAY_TAP_H
#define ENGINE_OVERLAY_TAP_H

#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/overlay/packet.h"

/* 1: one frame in packet, 0: none there now, -1 with errno. */
int tap_read(int fd, struct packet *packet);
/* 0 or errno. */
int tap_write(int fd, const uint8_t *data, size_t len);

#endif
