/*
 * VXLAN as Weave's fast datapath uses it (mesh-protocol 8.1, 8.2): the VNI
 * says from which peer to which a frame goes.
 *
 *	 0        1                   4                   7        8
 *	+--------+-------------------+-------------------+--------+
 *	| 08     | 0                 | VNI               | 0      |
 *	+--------+-------------------+-------------------+--------+
 */
#ifndef ENGINE_OVERLAY_VXLAN_H
#define ENGINE_OVERLAY_VXLAN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VXLAN_HEADER_LEN 8
#define VXLAN_SHORT_ID_MAX 0xfff

/* Ids of the last and the first peer of a frame's way, 12 bits each. */
uint32_t vxlan_vni(uint16_t dst, uint16_t src);
void vxlan_vni_split(uint32_t vni, uint16_t *dst, uint16_t *src);

void vxlan_put_header(uint8_t header[VXLAN_HEADER_LEN], uint32_t vni);
/* False: too short, or without a VNI. Reserved bits do not matter. */
bool vxlan_get_header(const uint8_t *packet, size_t len, uint32_t *vni);

/*
 * Heartbeats: frames of full size, so that one heard proves that these pass.
 *
 *	 0             14               22       24             14 + MTU
 *	+-------------+----------------+--------+--------------+
 *	| 0: no MACs  | connection UID | length | zeros        |
 *	+-------------+----------------+--------+--------------+
 */
#define VXLAN_HEARTBEAT_MIN 24
#define VXLAN_MTU_MIN (VXLAN_HEARTBEAT_MIN - 14)
#define VXLAN_MTU_MAX (UINT16_MAX - 14)

/* Writes 14 + mtu bytes and returns how many; 0: mtu or size is unfit. */
size_t vxlan_build_heartbeat(
    uint8_t *frame, size_t size, uint64_t uid, uint32_t mtu);
/* Both MACs are zero: not for forwarding. */
bool vxlan_is_special(const uint8_t *frame, size_t len);
/* Is this a heartbeat of the connection uid, and whole? */
bool vxlan_check_heartbeat(const uint8_t *frame, size_t len, uint64_t uid);

#endif
