#include <sys/types.h>

#include <endian.h>
#include <string.h>

#include "weaved/engine/overlay/vxlan.h"

#define FLAG_VNI 0x08
#define SHORT_ID_BITS 12
#define MACS_LEN 12
#define ETHERNET_LEN 14
#define UID_AT 14
#define LENGTH_AT 22

static const uint8_t zeros[ETHERNET_LEN];

uint32_t
vxlan_vni(uint16_t dst, uint16_t src)
{
	return (uint32_t)(dst & VXLAN_SHORT_ID_MAX) << SHORT_ID_BITS |
	    (src & VXLAN_SHORT_ID_MAX);
}

void
vxlan_vni_split(uint32_t vni, uint16_t *dst, uint16_t *src)
{
	*dst = vni >> SHORT_ID_BITS & VXLAN_SHORT_ID_MAX;
	*src = vni & VXLAN_SHORT_ID_MAX;
}

void
vxlan_put_header(uint8_t header[VXLAN_HEADER_LEN], uint32_t vni)
{
	uint32_t words[2] = {
	    htobe32((uint32_t)FLAG_VNI << 24), htobe32(vni << 8)};

	memcpy(header, words, VXLAN_HEADER_LEN);
}

bool
vxlan_get_header(const uint8_t *packet, size_t len, uint32_t *vni)
{
	uint32_t word;

	if (len < VXLAN_HEADER_LEN || (packet[0] & FLAG_VNI) == 0)
		return false;
	memcpy(&word, packet + sizeof(word), sizeof(word));
	*vni = be32toh(word) >> 8;
	return true;
}

size_t
vxlan_build_heartbeat(uint8_t *frame, size_t size, uint64_t uid, uint32_t mtu)
{
	size_t len = ETHERNET_LEN + (size_t)mtu;
	uint64_t connection = htobe64(uid);
	uint16_t length = htobe16((uint16_t)len);

	if (mtu < VXLAN_MTU_MIN || mtu > VXLAN_MTU_MAX || len > size)
		return 0;
	memset(frame, 0, len);
	memcpy(frame + UID_AT, &connection, sizeof(connection));
	memcpy(frame + LENGTH_AT, &length, sizeof(length));
	return len;
}

bool
vxlan_is_special(const uint8_t *frame, size_t len)
{
	return len >= MACS_LEN && memcmp(frame, zeros, MACS_LEN) == 0;
}

bool
vxlan_check_heartbeat(const uint8_t *frame, size_t len, uint64_t uid)
{
	uint64_t connection;
	uint16_t length;

	if (len < VXLAN_HEARTBEAT_MIN ||
	    memcmp(frame, zeros, ETHERNET_LEN) != 0)
		return false;
	memcpy(&connection, frame + UID_AT, sizeof(connection));
	memcpy(&length, frame + LENGTH_AT, sizeof(length));
	return be64toh(connection) == uid && be16toh(length) == len;
}
