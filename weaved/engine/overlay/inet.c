#include "weaved/engine/overlay/inet.h"

#include "weaved/engine/overlay/checksum.h"

#define ETHERTYPE 12
#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd
#define ETHERTYPE_VLAN 0x8100
#define ETHERTYPE_QINQ 0x88a8
#define VLAN_TAG 4
#define VLAN_TAGS 2

uint16_t
inet_get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

uint32_t
inet_get32(const uint8_t *p)
{
	return (uint32_t)inet_get16(p) << 16 | inet_get16(p + 2);
}

void
inet_put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

void
inet_put32(uint8_t *p, uint32_t value)
{
	inet_put16(p, value >> 16);
	inet_put16(p + 2, value);
}

bool
inet_find_ip(const uint8_t *data, size_t len, struct inet *inet)
{
	size_t at = ETHERTYPE, header;
	uint16_t type = 0;

	for (int tags = 0; at + 2 <= len; tags++, at += VLAN_TAG) {
		type = inet_get16(data + at);
		if ((type != ETHERTYPE_VLAN && type != ETHERTYPE_QINQ) ||
		    tags == VLAN_TAGS)
			break;
	}
	if (at + 2 > len || (type != ETHERTYPE_IPV4 && type != ETHERTYPE_IPV6))
		return false;
	inet->ipv6 = type == ETHERTYPE_IPV6;
	inet->ip = (uint16_t)(at + 2);
	header = inet->ipv6 ? INET_IPV6 : INET_IPV4;
	return len - inet->ip >= header &&
	    data[inet->ip] >> 4 == (inet->ipv6 ? 6 : 4);
}

bool
inet_find_payload(const uint8_t *data, size_t len, struct inet *inet)
{
	size_t least = INET_UDP_HEADER, header = INET_UDP_HEADER;

	if (inet->protocol == INET_TCP)
		least = INET_TCP_MIN;
	if (inet->transport > len || len - inet->transport < least)
		return false;
	if (inet->protocol == INET_TCP)
		header = (size_t)(data[inet->transport + 12] >> 4) * 4;
	if (header < least || header > len - inet->transport)
		return false;
	inet->payload = (uint16_t)(inet->transport + header);
	return true;
}

void
inet_put_length(uint8_t *data, const struct inet *inet, size_t len)
{
	uint8_t *ip = data + inet->ip;
	size_t header = (size_t)(inet->transport - inet->ip);

	if (inet->ipv6) {
		inet_put16(ip + 4, header - INET_IPV6 + len);
	} else {
		inet_put16(ip + 2, header + len);
		checksum_ipv4(ip, header);
	}
}

size_t
inet_checksum_offset(const struct inet *inet)
{
	return inet->protocol == INET_TCP ? 16 : 6;
}
