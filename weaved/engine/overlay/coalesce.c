#include "weaved/engine/overlay/coalesce.h"

#include <linux/virtio_net.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/overlay/checksum.h"
#include "weaved/engine/overlay/inet.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5 /* of Linux 6.2 */
#endif

#define FLOWS 32
#define ETHERNET 14 /* no VLAN tag is joined */
#define MACS 12
#define IPV4_FRAGMENT 0x3fff /* more fragments, offset */
#define IPV4_DF 0x4000
#define HEADER_MAX (ETHERNET + INET_IPV6 + 60)
#define PACKET_MAX 65535

struct flow {
	const uint8_t *first; /* frame, of the caller */
	struct inet inet;
	uint64_t key;
	size_t size; /* payload of the first */
	size_t payload; /* of all */
	size_t frames;
	uint16_t id; /* of IPv4 in the last */
	uint8_t psh; /* of the last */
	struct virtio_net_hdr header;
	uint8_t headers[HEADER_MAX];
	/* virtio header, headers of the frame, payloads */
	struct iovec iov[2 + COALESCE_FRAMES];
};

struct coalesce {
	struct coalesce_conf conf;
	size_t used;
	size_t victim; /* flushed next if there is no room */
	struct flow *active[FLOWS]; /* used of them; the others are free */
	struct flow flows[FLOWS];
};

/* A frame being looked at. */
struct candidate {
	const uint8_t *data;
	size_t len;
	struct inet inet;
	uint64_t key;
};

static uint64_t mix(uint64_t, const uint8_t *, size_t);
static uint64_t flow_key(const struct candidate *);
static bool flow_same(const struct flow *, const struct candidate *);
static bool flow_next_ipv4(const struct flow *, const uint8_t *);
static bool flow_next_tcp(const struct flow *, const struct candidate *);
static bool flow_next(const struct flow *, const struct candidate *);
static void flow_start(struct flow *, const struct candidate *);
static void flow_add(struct flow *, const struct candidate *);
static void flow_seal(struct flow *);
static size_t candidate_payload(const struct candidate *);
static bool candidate_parse(const struct coalesce *, struct candidate *);
static bool candidate_whole_ip(const struct candidate *);
static bool candidate_joins(const struct candidate *);
static bool candidate_ends(const struct candidate *, const struct flow *);
static size_t coalesce_find(const struct coalesce *, const struct candidate *);
static void coalesce_write_one(struct coalesce *, const uint8_t *, size_t);
static void coalesce_write_flow(struct coalesce *, size_t);
static void coalesce_begin(struct coalesce *, const struct candidate *);

struct coalesce *
coalesce_new(const struct coalesce_conf *conf)
{
	struct coalesce *coalesce = calloc(1, sizeof(*coalesce));

	if (coalesce == NULL)
		return NULL;
	coalesce->conf = *conf;
	for (size_t i = 0; i < FLOWS; i++)
		coalesce->active[i] = &coalesce->flows[i];
	return coalesce;
}

void
coalesce_free(struct coalesce *coalesce)
{
	free(coalesce);
}

/*
 * What a frame is.
 */

static uint64_t
mix(uint64_t key, const uint8_t *data, size_t len)
{
	uint32_t word;

	for (size_t i = 0; i + sizeof(word) <= len; i += sizeof(word)) {
		memcpy(&word, data + i, sizeof(word));
		key = (key ^ word) * UINT64_C(0x9e3779b97f4a7c15);
	}
	return key;
}

/* Finds flows faster; that they are the same is decided by flow_same(). */
static uint64_t
flow_key(const struct candidate *c)
{
	const uint8_t *ip = c->data + c->inet.ip;
	uint64_t key = c->inet.ipv6 ? mix(c->inet.protocol, ip + 8, 32)
				    : mix(c->inet.protocol, ip + 12, 8);

	return mix(key, c->data + c->inet.transport, 4);
}

static size_t
candidate_payload(const struct candidate *c)
{
	return c->len - c->inet.payload;
}

/* A whole IP packet without options that fills the frame to its end. */
static bool
candidate_whole_ip(const struct candidate *c)
{
	const uint8_t *ip = c->data + ETHERNET;
	size_t len = c->len - ETHERNET;

	if (c->inet.ipv6)
		return inet_get16(ip + 4) + (size_t)INET_IPV6 == len;
	return ip[0] == 0x45 && inet_get16(ip + 2) == len &&
	    (inet_get16(ip + 6) & IPV4_FRAGMENT) == 0;
}

/* Belongs to a flow that we may hold, whether it can be joined or not. */
static bool
candidate_parse(const struct coalesce *coalesce, struct candidate *c)
{
	const uint8_t *ip = c->data + ETHERNET;

	if (!inet_find_ip(c->data, c->len, &c->inet) ||
	    c->inet.ip != ETHERNET || !candidate_whole_ip(c))
		return false;
	c->inet.protocol = c->inet.ipv6 ? ip[6] : ip[9];
	c->inet.transport =
	    (uint16_t)(ETHERNET + (c->inet.ipv6 ? INET_IPV6 : INET_IPV4));
	if (!(c->inet.protocol == INET_TCP && coalesce->conf.tcp) &&
	    !(c->inet.protocol == INET_UDP && coalesce->conf.udp))
		return false;
	if (!inet_find_payload(c->data, c->len, &c->inet))
		return false;
	c->key = flow_key(c);
	return true;
}

/* Could it be part of a super-frame at all? */
static bool
candidate_joins(const struct candidate *c)
{
	const struct inet *inet = &c->inet;
	const uint8_t *ip = c->data + inet->ip;
	const uint8_t *transport = c->data + inet->transport;
	size_t len = c->len - inet->transport;
	uint64_t sum;

	if (candidate_payload(c) == 0)
		return false;
	if (inet->protocol == INET_TCP) {
		if ((transport[13] & ~INET_PSH) != INET_ACK)
			return false;
	} else if (inet_get16(transport + 4) != len ||
	    inet_get16(transport + 6) == 0) {
		return false;
	}
	if (!inet->ipv6 &&
	    checksum_fold(checksum_add(0, ip, INET_IPV4)) != 0xffff)
		return false;
	sum = checksum_pseudo(ip, inet->ipv6, inet->protocol, len);
	return checksum_fold(checksum_add(sum, transport, len)) == 0xffff;
}

/* Nothing may be joined behind it. */
static bool
candidate_ends(const struct candidate *c, const struct flow *flow)
{
	if (candidate_payload(c) < flow->size ||
	    flow->frames == COALESCE_FRAMES)
		return true;
	return c->inet.protocol == INET_TCP &&
	    (c->data[c->inet.transport + 13] & INET_PSH) != 0;
}

/*
 * Flows.
 */

static bool
flow_same(const struct flow *flow, const struct candidate *c)
{
	const uint8_t *a = flow->first, *b = c->data;
	size_t addresses = c->inet.ipv6 ? 8 : 12;
	size_t len = c->inet.ipv6 ? 32 : 8;

	return flow->key == c->key && flow->inet.ipv6 == c->inet.ipv6 &&
	    flow->inet.protocol == c->inet.protocol &&
	    memcmp(a + ETHERNET + addresses, b + ETHERNET + addresses, len) ==
	    0 &&
	    memcmp(a + c->inet.transport, b + c->inet.transport, 4) == 0;
}

static bool
flow_next_ipv4(const struct flow *flow, const uint8_t *ip)
{
	const uint8_t *first = flow->first + ETHERNET;
	uint16_t id = (uint16_t)(flow->id + 1);

	return ip[1] == first[1] && ip[8] == first[8] &&
	    memcmp(ip + 6, first + 6, 2) == 0 &&
	    ((inet_get16(ip + 6) & IPV4_DF) != 0 || inet_get16(ip + 4) == id);
}

static bool
flow_next_tcp(const struct flow *flow, const struct candidate *c)
{
	const uint8_t *tcp = c->data + c->inet.transport;
	const uint8_t *first = flow->first + c->inet.transport;
	size_t options = (size_t)(c->inet.payload - c->inet.transport);
	uint32_t seq = inet_get32(first + 4) + (uint32_t)flow->payload;

	/* acknowledgement, header length, window, urgent pointer, options */
	return inet_get32(tcp + 4) == seq &&
	    memcmp(tcp + 8, first + 8, 5) == 0 &&
	    memcmp(tcp + 14, first + 14, 2) == 0 &&
	    memcmp(tcp + 18, first + 18, options - 18) == 0;
}

/* Does it continue the flow so that both can be told apart again? */
static bool
flow_next(const struct flow *flow, const struct candidate *c)
{
	const uint8_t *ip = c->data + ETHERNET, *first = flow->first + ETHERNET;
	size_t payload = candidate_payload(c);

	if (payload > flow->size || flow->inet.payload != c->inet.payload ||
	    c->inet.payload - ETHERNET + flow->payload + payload > PACKET_MAX ||
	    memcmp(flow->first, c->data, MACS) != 0)
		return false;
	if (!c->inet.ipv6) {
		if (!flow_next_ipv4(flow, ip))
			return false;
	} else if (memcmp(ip, first, 4) != 0 || ip[7] != first[7]) {
		return false;
	}
	return c->inet.protocol != INET_TCP || flow_next_tcp(flow, c);
}

static void
flow_start(struct flow *flow, const struct candidate *c)
{
	flow->first = c->data;
	flow->inet = c->inet;
	flow->key = c->key;
	flow->size = candidate_payload(c);
	flow->payload = 0;
	flow->frames = 0;
	flow_add(flow, c);
}

static void
flow_add(struct flow *flow, const struct candidate *c)
{
	size_t payload = candidate_payload(c);

	/* Never written to: struct iovec serves both directions. */
	flow->iov[2 + flow->frames] = (struct iovec){
	    (uint8_t *)(uintptr_t)c->data + c->inet.payload, payload};
	flow->frames++;
	flow->payload += payload;
	flow->id = inet_get16(c->data + ETHERNET + 4);
	if (c->inet.protocol == INET_TCP)
		flow->psh = c->data[c->inet.transport + 13] & INET_PSH;
}

/* Headers of the super-frame; the virtio header says how to cut it. */
static void
flow_seal(struct flow *flow)
{
	const struct inet *inet = &flow->inet;
	uint8_t *transport = flow->headers + inet->transport;
	size_t len = (size_t)(inet->payload - inet->transport) + flow->payload;
	size_t offset = inet_checksum_offset(inet);
	bool tcp = inet->protocol == INET_TCP;
	uint16_t sum;

	memset(&flow->header, 0, sizeof(flow->header));
	memcpy(flow->headers, flow->first, inet->payload);
	if (flow->frames == 1)
		return;
	flow->header.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
	flow->header.gso_type = !tcp ? VIRTIO_NET_HDR_GSO_UDP_L4
	    : inet->ipv6             ? VIRTIO_NET_HDR_GSO_TCPV6
				     : VIRTIO_NET_HDR_GSO_TCPV4;
	flow->header.hdr_len = inet->payload;
	flow->header.gso_size = (uint16_t)flow->size;
	flow->header.csum_start = inet->transport;
	flow->header.csum_offset = (uint16_t)offset;
	inet_put_length(flow->headers, inet, len);
	if (tcp)
		transport[13] |= flow->psh;
	else
		inet_put16(transport + 4, len);
	sum = checksum_fold(checksum_pseudo(
	    flow->headers + inet->ip, inet->ipv6, inet->protocol, len));
	memcpy(transport + offset, &sum, sizeof(sum));
}

/*
 * The whole.
 */

static size_t
coalesce_find(const struct coalesce *coalesce, const struct candidate *c)
{
	size_t i = 0;

	while (i < coalesce->used && !flow_same(coalesce->active[i], c))
		i++;
	return i;
}

static void
coalesce_write_one(struct coalesce *coalesce, const uint8_t *data, size_t len)
{
	struct virtio_net_hdr header = {0};
	struct iovec iov[2] = {
	    {&header, sizeof(header)}, {(uint8_t *)(uintptr_t)data, len}};

	coalesce->conf.write(coalesce->conf.arg, iov, 2, 1);
}

static void
coalesce_write_flow(struct coalesce *coalesce, size_t i)
{
	struct flow *flow = coalesce->active[i];

	flow_seal(flow);
	flow->iov[0] = (struct iovec){&flow->header, sizeof(flow->header)};
	flow->iov[1] = (struct iovec){flow->headers, flow->inet.payload};
	coalesce->conf.write(
	    coalesce->conf.arg, flow->iov, 2 + (int)flow->frames, flow->frames);
	coalesce->active[i] = coalesce->active[--coalesce->used];
	coalesce->active[coalesce->used] = flow;
}

static void
coalesce_begin(struct coalesce *coalesce, const struct candidate *c)
{
	if (coalesce->used == FLOWS)
		coalesce_write_flow(coalesce, coalesce->victim++ % FLOWS);
	flow_start(coalesce->active[coalesce->used++], c);
	if (candidate_ends(c, coalesce->active[coalesce->used - 1]))
		coalesce_write_flow(coalesce, coalesce->used - 1);
}

void
coalesce_put(struct coalesce *coalesce, const uint8_t *data, size_t len)
{
	struct candidate c = {.data = data, .len = len};
	bool joins, known;
	size_t i;

	if (!candidate_parse(coalesce, &c)) {
		coalesce_write_one(coalesce, data, len);
		return;
	}
	joins = candidate_joins(&c);
	i = coalesce_find(coalesce, &c);
	known = i < coalesce->used;
	if (known && joins && flow_next(coalesce->active[i], &c)) {
		flow_add(coalesce->active[i], &c);
		if (candidate_ends(&c, coalesce->active[i]))
			coalesce_write_flow(coalesce, i);
		return;
	}
	if (known)
		coalesce_write_flow(coalesce, i);
	if (joins)
		coalesce_begin(coalesce, &c);
	else
		coalesce_write_one(coalesce, data, len);
}

void
coalesce_flush(struct coalesce *coalesce)
{
	while (coalesce->used != 0)
		coalesce_write_flow(coalesce, coalesce->used - 1);
}
