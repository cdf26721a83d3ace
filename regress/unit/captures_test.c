/*
 * The captures of real routers, read without a remainder: each TCP message
 * down to the values of its gossip, each whole UDP datagram down to its
 * frames. The numbers of both are those of regress/vectors/captures.
 */
#include <atf-c.h>
#include <err.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/envelope.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/gob.h"
#include "weaved/engine/mesh/topology.h"
#include "weaved/engine/mesh/wire.h"
#include "weaved/engine/overlay/frame.h"
#include "weaved/engine/overlay/sleeve.h"
#include "weaved/engine/overlay/sleeve_packet.h"
#include "weaved/engine/overlay/switch.h"

#define FLOWS_MAX 16
#define PAIRS_MAX 16 /* of keys */
#define PCAP_MAGIC 0xa1b2c3d4
#define PCAP_HEADER 24
#define PCAP_RECORD 16
#define PCAP_ETHERNET 1
#define PASSWORD "s3cr3t"
#define TCP_SYN 0x02
#define TCP_ACK 0x10
#define IP_FRAGMENT 0x3fff

/* One direction of a TCP connection; contents by sequence number. */
struct flow {
	uint32_t src, dst;
	uint16_t sport, dport;
	uint32_t start;
	bool outbound;
	uint8_t *data;
	size_t len;
	const uint8_t *public; /* within data, NULL in the clear */
	uint8_t key[WIRE_KEY_LEN];
};

struct capture {
	uint8_t *file;
	size_t len;
	struct flow flows[FLOWS_MAX];
	size_t nflows;
	uint8_t keys[PAIRS_MAX][2][32]; /* public, private */
	size_t nkeys;
	unsigned messages; /* with the features */
	unsigned datagrams;
};

typedef void (*ip_handler)(struct capture *, const uint8_t *, size_t);

static uint8_t *read_file(const char *, size_t *);
static uint32_t get16(const uint8_t *);
static uint32_t get32(const uint8_t *);
static uint32_t pcap32(const uint8_t *);
static void capture_walk(struct capture *, ip_handler);
static void capture_tcp(struct capture *, const uint8_t *, size_t);
static void capture_udp(struct capture *, const uint8_t *, size_t);
static struct flow *flow_of(struct capture *, const uint8_t *, const uint8_t *);
static struct flow *flow_back(struct capture *, const struct flow *);
static void flow_keys(struct capture *, struct flow *);
static void flow_decode(struct capture *, struct flow *);
static void message_decode(const uint8_t *, size_t);
static void gossip_decode(const uint8_t *, size_t);
static void gob_all(const uint8_t *, size_t);
static void keys_read(struct capture *);
static void capture_test(const char *, bool, unsigned, unsigned);

static uint8_t *
read_file(const char *name, size_t *len)
{
	uint8_t *data = calloc(1, (1 << 20) + 1);
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "regress/vectors/captures/%s", name);
	f = fopen(vectors_path(path), "rb");
	ATF_REQUIRE_MSG(f != NULL && data != NULL, "%s", path);
	*len = fread(data, 1, 1 << 20, f);
	fclose(f);
	return data;
}

static uint32_t
get16(const uint8_t *p)
{
	return (uint32_t)p[0] << 8 | p[1];
}

static uint32_t
get32(const uint8_t *p)
{
	return get16(p) << 16 | get16(p + 2);
}

/* The files were written by a little endian machine. */
static uint32_t
pcap32(const uint8_t *p)
{
	return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 |
	    (uint32_t)p[3] << 24;
}

/* Calls the handler with every IPv4 packet of the file. */
static void
capture_walk(struct capture *c, ip_handler handler)
{
	const uint8_t *p = c->file, *end = c->file + c->len, *ip;
	size_t len, total;

	ATF_REQUIRE(c->len >= PCAP_HEADER && pcap32(p) == PCAP_MAGIC);
	ATF_REQUIRE_EQ(PCAP_ETHERNET, pcap32(p + 20));
	for (p += PCAP_HEADER; p < end; p += len) {
		ATF_REQUIRE(end - p > PCAP_RECORD);
		len = pcap32(p + 8);
		ATF_REQUIRE_EQ(len, pcap32(p + 12));
		p += PCAP_RECORD;
		ATF_REQUIRE((size_t)(end - p) >= len);
		ATF_REQUIRE(len >= FRAME_ETHERNET + 20);
		ATF_REQUIRE_EQ(0x0800, get16(p + 12));
		ip = p + FRAME_ETHERNET;
		total = get16(ip + 2);
		ATF_REQUIRE(total <= len - FRAME_ETHERNET);
		handler(c, ip, total);
	}
}

static struct flow *
flow_of(struct capture *c, const uint8_t *ip, const uint8_t *tcp)
{
	struct flow *flow;

	for (size_t i = 0; i < c->nflows; i++) {
		flow = &c->flows[i];
		if (flow->src == get32(ip + 12) &&
		    flow->dst == get32(ip + 16) && flow->sport == get16(tcp) &&
		    flow->dport == get16(tcp + 2))
			return flow;
	}
	ATF_REQUIRE(c->nflows < FLOWS_MAX);
	flow = &c->flows[c->nflows++];
	flow->src = get32(ip + 12);
	flow->dst = get32(ip + 16);
	flow->sport = (uint16_t)get16(tcp);
	flow->dport = (uint16_t)get16(tcp + 2);
	flow->data = calloc(1, c->len);
	return flow;
}

static struct flow *
flow_back(struct capture *c, const struct flow *flow)
{
	struct flow *back;

	for (size_t i = 0; i < c->nflows; i++) {
		back = &c->flows[i];
		if (back->src == flow->dst && back->dst == flow->src &&
		    back->sport == flow->dport && back->dport == flow->sport)
			return back;
	}
	atf_tc_fail("a flow without its other direction");
}

static void
capture_tcp(struct capture *c, const uint8_t *ip, size_t len)
{
	size_t header = (size_t)(ip[0] & 0x0f) * 4, offset, n;
	const uint8_t *tcp = ip + header;
	struct flow *flow;

	if (ip[9] != 6)
		return;
	flow = flow_of(c, ip, tcp);
	if ((tcp[13] & TCP_SYN) != 0) {
		flow->start = get32(tcp + 4) + 1;
		flow->outbound = (tcp[13] & TCP_ACK) == 0;
		return;
	}
	header += (size_t)(tcp[12] >> 4) * 4;
	n = len - header;
	offset = get32(tcp + 4) - flow->start;
	if (n == 0)
		return;
	ATF_REQUIRE(offset + n <= c->len);
	memcpy(flow->data + offset, ip + header, n);
	if (offset + n > flow->len)
		flow->len = offset + n;
}

/* Public and private key, one pair a line. */
static void
keys_read(struct capture *c)
{
	size_t len;
	char *text = (char *)read_file("encrypted-3peers.keys.txt", &len);

	for (char *word = strtok(text, " \n"); word != NULL;
	     word = strtok(NULL, " \n")) {
		uint8_t *bytes = vectors_hex(word, NULL);

		ATF_REQUIRE(c->nkeys / 2 < PAIRS_MAX && strlen(word) == 64);
		memcpy(c->keys[c->nkeys / 2][c->nkeys % 2], bytes, 32);
		c->nkeys++;
		free(bytes);
	}
	free(text);
}

/* Session key from our side's private key and the other's public one (1.2). */
static void
flow_keys(struct capture *c, struct flow *flow)
{
	const uint8_t *theirs = flow_back(c, flow)->public;
	crypto_hash_sha256_state sha;
	uint8_t shared[32];

	ATF_REQUIRE((theirs == NULL) == (flow->public == NULL));
	if (theirs == NULL)
		return;
	for (size_t i = 0; i < c->nkeys / 2; i++) {
		if (memcmp(c->keys[i][0], flow->public, 32) != 0)
			continue;
		ATF_REQUIRE_EQ(
		    0, crypto_box_beforenm(shared, theirs, c->keys[i][1]));
		crypto_hash_sha256_init(&sha);
		crypto_hash_sha256_update(&sha, shared, sizeof(shared));
		crypto_hash_sha256_update(
		    &sha, (const uint8_t *)PASSWORD, strlen(PASSWORD));
		crypto_hash_sha256_final(&sha, flow->key);
		return;
	}
	atf_tc_fail("no private key for a public one");
}

static void
gob_all(const uint8_t *data, size_t len)
{
	/* Of IPAM state, DNS state and ranges; the rest is passed over. */
	static const struct gob_field fields[] = {
	    {"Now", &gob_int}, {"Timestamp", &gob_int}, {"Start", &gob_uint}};
	static const struct gob_schema anything = {
	    .kind = GOB_STRUCT, .fields = fields, .nfields = 3};
	struct gob_decoder dec;
	struct gob_ref ref;
	int more;

	gob_decode_init(&dec, data, len);
	while ((more = gob_decode_next(&dec, &anything, &ref)) == 1)
		ATF_REQUIRE_MSG(gob_decode_skip(&dec, &ref), "%s", dec.error);
	ATF_REQUIRE_EQ_MSG(0, more, "%s", dec.error);
}

static void
gossip_decode(const uint8_t *message, size_t len)
{
	struct topology_record *records;
	struct envelope env;
	char cause[128];
	size_t count;

	ATF_REQUIRE(envelope_parse(message, len, &env));
	if (env.tag == WIRE_GOSSIP_UNICAST)
		ATF_REQUIRE(envelope_parse_data(message, len, &env));
	ATF_CHECK(env.data + env.len == message + len);
	ATF_CHECK(env.source != PEERNAME_UNKNOWN);
	if (strcmp(env.channel, "topology") == 0) {
		ATF_REQUIRE_MSG(topology_decode(env.data, env.len, &records,
				    &count, cause, sizeof(cause)),
		    "%s", cause);
		ATF_CHECK(count > 0);
		topology_records_free(records, count);
		return;
	}
	if (env.tag == WIRE_GOSSIP_UNICAST) {
		ATF_REQUIRE(env.len > 0 && env.data[0] <= 2);
		gob_all(env.data + 1, env.len - 1);
		return;
	}
	ATF_CHECK(strcmp(env.channel, "IPallocation") == 0 ||
	    strcmp(env.channel, "nameserver") == 0);
	gob_all(env.data, env.len);
}

static void
message_decode(const uint8_t *message, size_t len)
{
	struct overlay_message control;
	struct overlay_switch sw;

	ATF_REQUIRE(len > 0);
	switch (message[0]) {
	case WIRE_HEARTBEAT:
		ATF_CHECK_EQ(1, len);
		break;
	case WIRE_GOSSIP:
	case WIRE_GOSSIP_UNICAST:
	case WIRE_GOSSIP_BROADCAST:
		gossip_decode(message, len);
		break;
	case WIRE_OVERLAY:
		ATF_REQUIRE(switch_init(&sw, "sleeve"));
		ATF_REQUIRE(switch_decode(
		    &sw, message[0], message + 1, len - 1, &control));
		ATF_CHECK(control.tag >= SLEEVE_ESTABLISHED &&
		    control.tag <= SLEEVE_MTU_VERIFIED);
		ATF_CHECK_EQ(
		    control.tag == SLEEVE_MTU_VERIFIED ? 2 : 0, control.len);
		break;
	default:
		atf_tc_fail("unexpected tag %u", message[0]);
	}
}

/* Header, flag and key, then every body to the last byte of the flow. */
static void
flow_decode(struct capture *c, struct flow *flow)
{
	uint8_t *p = flow->data + WIRE_HEADER_LEN + 1;
	uint8_t *end = flow->data + flow->len, *body;
	struct features features;
	uint64_t counter = 0;
	char cause[128];
	size_t len;

	if (flow->public != NULL)
		p += 32;
	for (; p < end; p += len, counter++) {
		ATF_REQUIRE(end - p >= WIRE_LENGTH_LEN);
		len = wire_length_get(p);
		p += WIRE_LENGTH_LEN;
		ATF_REQUIRE((size_t)(end - p) >= len);
		body = p;
		if (flow->public != NULL) {
			body = p + WIRE_TAG;
			ATF_REQUIRE(wire_open(
			    flow->key, flow->outbound, counter, body, p, len));
		}
		if (counter == 0)
			ATF_REQUIRE_MSG(
			    features_decode(body, len - (size_t)(body - p),
				&features, cause, sizeof(cause)),
			    "%s", cause);
		else
			message_decode(body, len - (size_t)(body - p));
		c->messages++;
	}
	ATF_CHECK(counter > 1);
}

static void
capture_udp(struct capture *c, const uint8_t *ip, size_t len)
{
	size_t header = (size_t)(ip[0] & 0x0f) * 4 + 8;
	struct sleeve_datagram datagram;
	struct cipher_key key;
	struct sleeve_frame in;
	uint8_t *data;
	uint64_t name;
	int more;

	if (ip[9] != 17 || (get16(ip + 6) & IP_FRAGMENT) != 0)
		return;
	data = malloc(len - header);
	memcpy(data, ip + header, len - header);
	datagram = (struct sleeve_datagram){.data = data, .len = len - header};
	ATF_REQUIRE(sleeve_datagram_name(&datagram, &name));
	ATF_CHECK_EQ(0x0a0000000000 + ip[15], name);
	for (size_t i = 0; i < c->nflows; i++) {
		const struct flow *flow = &c->flows[i];

		if (flow->public != NULL && flow->src == get32(ip + 12) &&
		    flow->dst == get32(ip + 16)) {
			cipher_key_init(&key, flow->key, flow->outbound);
			sleeve_datagrams_open(&key, &datagram, 1);
			ATF_REQUIRE(datagram.ok);
			ATF_CHECK_EQ((get16(ip + 6) & 0x4000) != 0,
			    (datagram.seqdf & SLEEVE_DF) != 0);
			break;
		}
	}
	while ((more = sleeve_datagram_next(&datagram, &in)) == 1) {
		struct frame frame = {.data = in.data, .len = in.len};

		frame_decode(&frame);
		ATF_CHECK(frame.class != FRAME_BAD);
	}
	ATF_CHECK_EQ(0, more);
	c->datagrams++;
	free(data);
}

static void
capture_test(
    const char *name, bool encrypted, unsigned messages, unsigned datagrams)
{
	struct capture *c = calloc(1, sizeof(*c));
	uint8_t lowest, highest;

	ATF_REQUIRE(c != NULL && sodium_init() != -1);
	c->file = read_file(name, &c->len);
	if (encrypted)
		keys_read(c);
	capture_walk(c, capture_tcp);
	for (size_t i = 0; i < c->nflows; i++) {
		const uint8_t *data = c->flows[i].data;

		ATF_REQUIRE(wire_header_get(data, &lowest, &highest));
		ATF_CHECK_EQ(encrypted, data[WIRE_HEADER_LEN]);
		if (encrypted)
			c->flows[i].public = data + WIRE_HEADER_LEN + 1;
	}
	for (size_t i = 0; i < c->nflows; i++)
		flow_keys(c, &c->flows[i]);
	for (size_t i = 0; i < c->nflows; i++)
		flow_decode(c, &c->flows[i]);
	capture_walk(c, capture_udp);
	ATF_CHECK_EQ(messages, c->messages);
	ATF_CHECK_EQ(datagrams, c->datagrams);
	for (size_t i = 0; i < c->nflows; i++)
		free(c->flows[i].data);
	free(c->file);
	free(c);
}

ATF_TC_WITHOUT_HEAD(plain_2peers);
ATF_TC_BODY(plain_2peers, tc)
{
	capture_test("plain-2peers.pcap", false, 38, 37);
}

ATF_TC_WITHOUT_HEAD(plain_line_3peers);
ATF_TC_BODY(plain_line_3peers, tc)
{
	capture_test("plain-line-3peers.pcap", false, 71, 57);
}

ATF_TC_WITHOUT_HEAD(encrypted_3peers);
ATF_TC_BODY(encrypted_3peers, tc)
{
	capture_test("encrypted-3peers.pcap", true, 77, 62);
}

ATF_TC_WITHOUT_HEAD(pmtu_search);
ATF_TC_BODY(pmtu_search, tc)
{
	capture_test("pmtu-search.pcap", false, 34, 64);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, plain_2peers);
	ATF_TP_ADD_TC(tp, plain_line_3peers);
	ATF_TP_ADD_TC(tp, encrypted_3peers);
	ATF_TP_ADD_TC(tp, pmtu_search);
	return atf_no_error();
}
