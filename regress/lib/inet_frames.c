#include "regress/lib/inet_frames.h"

#include <string.h>

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

static void put16(uint8_t *, size_t);
static void put32(uint8_t *, uint32_t);
static size_t get16(const uint8_t *);
static uint32_t sum16(uint32_t, const uint8_t *, size_t);
static uint32_t sum_transport(const uint8_t *, bool, const uint8_t *, size_t);
static size_t make_transport(uint8_t *, const struct inet_frame *);
static void make_ip(uint8_t *, const struct inet_frame *, size_t);

static void
put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

static void
put32(uint8_t *p, uint32_t value)
{
	put16(p, value >> 16);
	put16(p + 2, value & 0xffff);
}

static size_t
get16(const uint8_t *p)
{
	return (size_t)p[0] << 8 | p[1];
}

static uint32_t
sum16(uint32_t sum, const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return sum;
}

/* With the pseudo header; 0xffff if the checksum in it is right. */
static uint32_t
sum_transport(
    const uint8_t *ip, bool ipv6, const uint8_t *transport, size_t len)
{
	uint8_t pseudo[8] = {0};
	uint32_t sum;

	put32(pseudo, (uint32_t)len);
	pseudo[7] = ipv6 ? ip[6] : ip[9];
	sum = sum16(0, pseudo, sizeof(pseudo));
	sum = ipv6 ? sum16(sum, ip + 8, 32) : sum16(sum, ip + 12, 8);
	return sum16(sum, transport, len);
}

size_t
inet_frame_headers(const struct inet_frame *frame)
{
	return 14 + 4 * frame->tags + (frame->ipv6 ? 40u : 20u) +
	    (frame->udp ? 8 : 20 + 4 * frame->options);
}

/* Header and payload. */
static size_t
make_transport(uint8_t *out, const struct inet_frame *frame)
{
	size_t header = frame->udp ? 8 : 20 + 4 * frame->options;

	memset(out, 0, header);
	put16(out, frame->port);
	put16(out + 2, 5001);
	if (frame->udp) {
		put16(out + 4, header + frame->payload);
	} else {
		put32(out + 4, frame->seq);
		put32(out + 8, frame->ack);
		out[12] = (uint8_t)(header / 4 << 4);
		out[13] = frame->flags;
		put16(out + 14, 502);
		memset(out + 20, 1, 4 * frame->options);
	}
	for (size_t i = 0; i < frame->payload; i++)
		out[header + i] = (uint8_t)(frame->seed + i * 7 + (i >> 8));
	return header + frame->payload;
}

static void
make_ip(uint8_t *ip, const struct inet_frame *frame, size_t len)
{
	uint8_t protocol = frame->udp ? 17 : 6;

	if (frame->ipv6) {
		memset(ip, 0, 40);
		ip[0] = 0x60;
		put16(ip + 4, len);
		ip[6] = protocol;
		ip[7] = 64;
		put32(ip + 8, 0xfd000000);
		ip[23] = 1;
		put32(ip + 24, 0xfd000000);
		ip[39] = 2;
		return;
	}
	memset(ip, 0, 20);
	ip[0] = 0x45;
	put16(ip + 2, 20 + len);
	put16(ip + 4, frame->id);
	put16(ip + 6, frame->fragment);
	ip[8] = 64;
	ip[9] = protocol;
	put32(ip + 12, 0x0a200001);
	put32(ip + 16, 0x0a200002);
	put16(ip + 10, ~sum16(0, ip, 20) & 0xffff);
}

size_t
inet_frame_make(uint8_t out[INET_FRAME_MAX], const struct inet_frame *frame)
{
	static const uint8_t macs[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
	size_t at = sizeof(macs), ip, transport, len;
	size_t field;

	memcpy(out, macs, sizeof(macs));
	for (unsigned i = 0; i < frame->tags; i++, at += 4) {
		put16(out + at, 0x8100);
		put16(out + at + 2, 100 + i);
	}
	put16(out + at, frame->ipv6 ? 0x86dd : 0x0800);
	ip = at + 2;
	transport = ip + (frame->ipv6 ? 40 : 20);
	len = make_transport(out + transport, frame);
	make_ip(out + ip, frame, len);
	field = ~sum_transport(out + ip, frame->ipv6, out + transport, len) &
	    0xffff;
	if (frame->udp && field == 0)
		field = 0xffff;
	put16(out + transport + (frame->udp ? 6 : 16), field);
	return transport + len;
}

struct virtio_net_hdr
inet_frame_header(const struct inet_frame *frame, uint16_t size)
{
	struct virtio_net_hdr header = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
	    .gso_type = VIRTIO_NET_HDR_GSO_UDP_L4,
	    .gso_size = size,
	    .csum_offset = frame->udp ? 6 : 16};

	header.csum_start =
	    (uint16_t)(14 + 4 * frame->tags + (frame->ipv6 ? 40u : 20u));
	if (!frame->udp)
		header.gso_type = frame->ipv6 ? VIRTIO_NET_HDR_GSO_TCPV6
					      : VIRTIO_NET_HDR_GSO_TCPV4;
	return header;
}

bool
inet_frame_valid(const uint8_t *data, size_t len)
{
	size_t at = 12, transport;
	bool ipv6;

	while (get16(data + at) == 0x8100)
		at += 4;
	ipv6 = get16(data + at) == 0x86dd;
	at += 2;
	transport = at + (ipv6 ? 40 : 20);
	if (ipv6 ? get16(data + at + 4) != len - transport
		 : get16(data + at + 2) != len - at)
		return false;
	if (!ipv6 && sum16(0, data + at, 20) != 0xffff)
		return false;
	if ((ipv6 ? data[at + 6] : data[at + 9]) == 17 &&
	    get16(data + transport + 4) != len - transport)
		return false;
	return sum_transport(data + at, ipv6, data + transport,
		   len - transport) == 0xffff;
}
