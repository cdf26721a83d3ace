#include "weaved/engine/overlay/frame.h"

#include <string.h>

#define ETHERTYPE_IPV4 0x0800
#define ETHERNET_MIN 60 /* shorter frames are padded */
#define IP_MIN 20
#define IP_FLAG_DF 0x4000
#define IP_FLAG_MF 0x2000
#define IP_OFFSET 0x1fff
#define ICMP_HEADER 8
#define ICMP_QUOTED 8 /* bytes after the IP header */

static uint16_t get16(const uint8_t *);
static void put16(uint8_t *, size_t);
static void put_checksum(uint8_t *, size_t, size_t);
static bool ip_options_valid(const uint8_t *, size_t);
static void frame_decode_ipv4(struct frame *);

static uint16_t
get16(const uint8_t *p)
{
	return (uint16_t)(p[0] << 8 | p[1]);
}

static void
put16(uint8_t *p, size_t value)
{
	p[0] = (uint8_t)(value >> 8);
	p[1] = (uint8_t)value;
}

/* Puts the Internet checksum of len bytes at offset at. */
static void
put_checksum(uint8_t *p, size_t len, size_t at)
{
	uint32_t sum = 0;

	put16(p + at, 0);
	for (size_t i = 0; i + 1 < len; i += 2)
		sum += get16(p + i);
	if (len % 2 != 0)
		sum += (uint32_t)p[len - 1] << 8;
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	put16(p + at, ~sum & 0xffff);
}

static bool
ip_options_valid(const uint8_t *p, size_t len)
{
	for (size_t i = 0; i < len && p[i] != 0;) {
		if (p[i] == 1) {
			i++;
			continue;
		}
		if (len - i < 2 || p[i + 1] < 2 || p[i + 1] > len - i)
			return false;
		i += p[i + 1];
	}
	return true;
}

static void
frame_decode_ipv4(struct frame *frame)
{
	const uint8_t *ip = frame->data + FRAME_ETHERNET;
	size_t len = frame->len - FRAME_ETHERNET;
	size_t header, total;

	if (len < IP_MIN)
		return;
	header = (size_t)(ip[0] & 0x0f) * 4;
	total = get16(ip + 2);
	if (header < IP_MIN || header > len || header > total)
		return;
	if (!ip_options_valid(ip + IP_MIN, header - IP_MIN))
		return;
	frame->class = FRAME_IPV4;
	frame->ip_header = header;
	frame->ip_total = total;
	frame->df = (get16(ip + 6) & IP_FLAG_DF) != 0;
}

void
frame_decode(struct frame *frame)
{
	static const uint8_t zeros[FRAME_ETHERNET];

	frame->df = false;
	frame->ip_header = frame->ip_total = 0;
	frame->class = FRAME_BAD;
	if (frame->len < FRAME_ETHERNET)
		return;
	frame->class = FRAME_OTHER;
	if (memcmp(frame->data, zeros, sizeof(zeros)) == 0)
		frame->class = FRAME_SPECIAL;
	else if (get16(frame->data + 12) == ETHERTYPE_IPV4)
		frame_decode_ipv4(frame);
}

size_t
frame_too_big(
    const struct frame *frame, uint32_t mtu, uint8_t out[FRAME_TOO_BIG_MAX])
{
	const uint8_t *from = frame->data + FRAME_ETHERNET;
	uint8_t *ip = out + FRAME_ETHERNET, *icmp = ip + IP_MIN;
	size_t quoted = frame->ip_header + ICMP_QUOTED;
	size_t icmp_len;

	if (quoted > frame->len - FRAME_ETHERNET)
		quoted = frame->len - FRAME_ETHERNET;
	icmp_len = ICMP_HEADER + quoted;

	memcpy(out, frame->data + FRAME_MAC, FRAME_MAC);
	memcpy(out + FRAME_MAC, frame->data, FRAME_MAC);
	memcpy(out + 12, frame->data + 12, 2);

	memset(ip, 0, IP_MIN + ICMP_HEADER);
	ip[0] = 0x45;
	ip[1] = from[1];
	put16(ip + 2, IP_MIN + icmp_len);
	ip[8] = 64;
	ip[9] = 1;
	memcpy(ip + 12, from + 16, 4);
	memcpy(ip + 16, from + 12, 4);
	put_checksum(ip, IP_MIN, 10);

	icmp[0] = 3;
	icmp[1] = 4;
	put16(icmp + 6, mtu);
	memcpy(icmp + ICMP_HEADER, from, quoted);
	put_checksum(icmp, icmp_len, 2);
	return FRAME_ETHERNET + IP_MIN + icmp_len;
}

size_t
frame_fragment(
    const struct frame *frame, uint32_t mtu, size_t *offset, uint8_t *out)
{
	const uint8_t *from = frame->data + FRAME_ETHERNET;
	uint8_t *ip = out + FRAME_ETHERNET;
	size_t total = frame->ip_total, payload, part, len;
	uint16_t flags = get16(from + 6);

	if (total > frame->len - FRAME_ETHERNET)
		total = frame->len - FRAME_ETHERNET;
	payload = total - frame->ip_header;
	if (*offset >= payload)
		return 0;
	part = (mtu - frame->ip_header) & ~(size_t)7;
	if (part >= payload - *offset)
		part = payload - *offset;
	else
		flags |= IP_FLAG_MF;

	memcpy(out, frame->data, FRAME_ETHERNET + frame->ip_header);
	memcpy(ip + frame->ip_header, from + frame->ip_header + *offset, part);
	put16(ip + 2, frame->ip_header + part);
	put16(
	    ip + 6, (flags & ~IP_OFFSET) | ((flags + *offset / 8) & IP_OFFSET));
	put_checksum(ip, frame->ip_header, 10);
	*offset += part;

	len = FRAME_ETHERNET + frame->ip_header + part;
	if (len < ETHERNET_MIN) {
		memset(out + len, 0, ETHERNET_MIN - len);
		len = ETHERNET_MIN;
	}
	return len;
}
