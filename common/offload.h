/*
 * What the kernel takes off the data path: found by the parent on the
 * descriptors, used by the engine, shown in the status.
 */
#ifndef COMMON_OFFLOAD_H
#define COMMON_OFFLOAD_H

#include <stddef.h>
#include <stdint.h>

/* A set. */
#define OFFLOAD_TAP 0x01u /* virtio headers: checksums, TCP segments */
#define OFFLOAD_TAP_UDP 0x02u /* UDP segments */
#define OFFLOAD_UDP_SEND 0x04u /* UDP_SEGMENT */
#define OFFLOAD_UDP_RECEIVE 0x08u /* UDP_GRO */
#define OFFLOAD_COALESCE 0x10u /* frames for the TAP are joined */

#define OFFLOAD_STRLEN 64

/* "tap, tap-udp, udp-send, udp-receive, coalesce" or "none". */
const char *offload_format(uint32_t offloads, char text[OFFLOAD_STRLEN]);

#endif
