#include "weaved/engine/overlay/segment.h"

#include <string.h>

#include "weaved/engine/overlay/checksum.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* of Linux 6.2 */
#endif

#define FRAME_MAX 65535
#define IP_HEADER_MAX 256 /* IPv6 with extensions, more is not believed */

static bool segment_type(struct inet *, uint8_t);
static void segment_tcp(const struct segments *, size_t, uint8_t *);

bool
segment_wanted(const struct virtio_net_hdr *header)
{
	return header->gso_type != VIRTIO_NET_HDR_GSO_NONE;
}

/* Does the type fit the IP header found? */
static bool
segment_type(struct inet *inet, uint8_t type)
{
	switch (type & ~VIRTIO_NET_HDR_GSO_ECN) {
	case VIRTIO_NET_HDR_GSO_TCPV4:
		inet->protocol = INET_TCP;
		return !inet->ipv6;
	case VIRTIO_NET_HDR_GSO_TCPV6:
		inet->protocol = INET_TCP;
		return inet->ipv6;
	case VIRTIO_NET_HDR_GSO_UDP_L4:
		inet->protocol = INET_UDP;
		return true;
	default:
		return false;
	}
}

bool
segment_init(struct segments *segments, const uint8_t *data, size_t len,
    const struct virtio_net_hdr *header)
{
	struct inet *inet = &segments->inet;
	size_t shortest;

	segments->data = data;
	segments->len = len;
	segments->size = header->gso_size;
	if (!inet_find_ip(data, len, inet) ||
	    !segment_type(inet, header->gso_type) || segments->size == 0 ||
	    (header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
		return false;
	shortest = inet->ip + (inet->ipv6 ? INET_IPV6 : INET_IPV4);
	if (header->csum_start < shortest ||
	    header->csum_start > inet->ip + IP_HEADER_MAX ||
	    (!inet->ipv6 &&
		header->csum_start !=
		    inet->ip + (size_t)(data[inet->ip] & 0x0f) * 4))
		return false;
	inet->transport = header->csum_start;
	return inet_find_payload(data, len, inet) &&
	    inet->payload + segments->size <= FRAME_MAX;
}

size_t
segment_count(const struct segments *segments)
{
	size_t payload = segments->len - segments->inet.payload;

	return payload == 0 ? 1
			    : (payload + segments->size - 1) / segments->size;
}

size_t
segment_len(const struct segments *segments, size_t i)
{
	size_t start = segments->inet.payload + i * segments->size;
	size_t left = segments->len - start;

	return segments->inet.payload +
	    (left < segments->size ? left : segments->size);
}

static void
segment_tcp(const struct segments *segments, size_t i, uint8_t *tcp)
{
	uint32_t seq = inet_get32(tcp + 4) + (uint32_t)(i * segments->size);

	inet_put32(tcp + 4, seq);
	if (i + 1 != segment_count(segments))
		tcp[13] &= (uint8_t) ~(INET_FIN | INET_PSH);
	if (i != 0)
		tcp[13] &= (uint8_t)~INET_CWR;
}

void
segment_write(const struct segments *segments, size_t i, uint8_t *out)
{
	const struct inet *inet = &segments->inet;
	uint8_t *ip = out + inet->ip, *transport = out + inet->transport;
	uint8_t *checksum = transport + inet_checksum_offset(inet);
	size_t len = segment_len(segments, i) - inet->transport;
	uint64_t sum;

	memcpy(out, segments->data, inet->payload);
	memcpy(out + inet->payload,
	    segments->data + inet->payload + i * segments->size,
	    len - (size_t)(inet->payload - inet->transport));
	if (!inet->ipv6)
		inet_put16(ip + 4, inet_get16(ip + 4) + i);
	inet_put_length(out, inet, len);
	if (inet->protocol == INET_TCP)
		segment_tcp(segments, i, transport);
	else
		inet_put16(transport + 4, len);
	memset(checksum, 0, 2);
	sum = checksum_pseudo(ip, inet->ipv6, inet->protocol, len);
	checksum_put(checksum, checksum_add(sum, transport, len),
	    inet->protocol == INET_UDP);
}

bool
segment_complete(uint8_t *data, size_t len, const struct virtio_net_hdr *header)
{
	size_t start = header->csum_start;
	size_t at = start + header->csum_offset;

	if ((header->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) == 0)
		return true;
	if (start > len || at + 2 > len)
		return false;
	/* The field holds the sum of the pseudo header. */
	checksum_put(data + at, checksum_add(0, data + start, len - start),
	    header->csum_offset == 6);
	return true;
}
