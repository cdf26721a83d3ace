/* Sleeve datagrams against sleeve.json. */
#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/overlay/replay.h"
#include "weaved/engine/overlay/sleeve_packet.h"

#define OURS UINT64_C(0x0a0000000001)

static struct packet *packet_new(void);
static void add(struct packet *, uint64_t, uint64_t, const uint8_t *, size_t);
static uint64_t name_of(const json_t *, const char *);
static uint8_t *frame_of(const char *, size_t *);
static void add_frames(struct packet *, const json_t *);
static void expect_frames(struct sleeve_datagram *, const json_t *, bool);
static uint8_t *session_key(const json_t *);

static struct packet *
packet_new(void)
{
	struct packet *packet = calloc(1, sizeof(*packet));

	ATF_REQUIRE(packet != NULL);
	packet_reset(packet);
	return packet;
}

static void
add(struct packet *packet, uint64_t first, uint64_t last, const uint8_t *data,
    size_t len)
{
	uint8_t *out = sleeve_packet_add(packet, first, last, len);

	ATF_REQUIRE(out != NULL);
	memcpy(out, data, len);
}

static uint64_t
name_of(const json_t *object, const char *key)
{
	uint8_t *bytes = vectors_bytes(object, key, NULL);
	uint64_t name = peername_get(bytes);

	free(bytes);
	return name;
}

/* Hex or "zeros:length". */
static uint8_t *
frame_of(const char *text, size_t *len)
{
	if (strncmp(text, "zeros:", 6) != 0)
		return vectors_hex(text, len);
	*len = strtoul(text + 6, NULL, 10);
	return calloc(1, *len);
}

static void
add_frames(struct packet *packet, const json_t *frames)
{
	size_t i, len;
	json_t *frame;
	uint8_t *data;

	json_array_foreach(frames, i, frame) {
		data = frame_of(vectors_text(frame, "frame"), &len);
		add(packet, name_of(frame, "src"), name_of(frame, "dst"), data,
		    len);
		free(data);
	}
}

static void
expect_frames(
    struct sleeve_datagram *datagram, const json_t *frames, bool error)
{
	struct sleeve_frame got;
	size_t i, len;
	json_t *frame;
	uint8_t *data;

	json_array_foreach(frames, i, frame) {
		data = frame_of(vectors_text(frame, "frame"), &len);
		ATF_REQUIRE_EQ(1, sleeve_datagram_next(datagram, &got));
		ATF_CHECK_EQ(name_of(frame, "src"), got.first);
		ATF_CHECK_EQ(name_of(frame, "dst"), got.last);
		ATF_REQUIRE_EQ(len, got.len);
		ATF_CHECK(len == 0 || memcmp(data, got.data, len) == 0);
		free(data);
	}
	ATF_CHECK_EQ(error ? -1 : 0, sleeve_datagram_next(datagram, &got));
}

static uint8_t *
session_key(const json_t *root)
{
	size_t len;
	uint8_t *key = vectors_bytes(root, "session_key", &len);

	ATF_REQUIRE_EQ(CIPHER_KEY_LEN, len);
	return key;
}

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	bool whole;
	size_t i, len;

	json_array_foreach(vectors_get(root, "plain_packets"), i, c) {
		struct packet *packet = packet_new();
		struct sleeve_datagram datagram;
		uint64_t name;
		uint8_t *want;

		ATF_REQUIRE(sleeve_packet_begin(packet, false));
		add_frames(packet, vectors_get(c, "frames"));
		ATF_REQUIRE(packet_end_datagram(packet));
		sleeve_packet_plain(packet, OURS);
		ATF_CHECK_EQ(vectors_u64(c, "udp_payload_len"), packet->len);
		whole = json_object_get(c, "udp_payload") != NULL;
		want = vectors_bytes(
		    c, whole ? "udp_payload" : "udp_payload_first_32", &len);
		ATF_CHECK(!whole || len == packet->len);
		ATF_CHECK_EQ(0, memcmp(want, packet->data, len));
		free(want);
		datagram = (struct sleeve_datagram){packet->data, packet->len};
		ATF_REQUIRE(sleeve_datagram_name(&datagram, &name));
		ATF_CHECK_EQ(OURS, name);
		expect_frames(&datagram, vectors_get(c, "frames"), false);
		free(packet);
	}
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(plain_decode);
ATF_TC_BODY(plain_decode, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	struct sleeve_datagram datagram;
	uint8_t *bytes;
	size_t i, len;

	json_array_foreach(
	    vectors_get(root, "plain_decode_after_peer_name"), i, c) {
		bytes = vectors_bytes(c, "after_peer_name", &len);
		datagram = (struct sleeve_datagram){bytes, len};
		expect_frames(&datagram, vectors_get(c, "frames_delivered"),
		    *vectors_text(c, "error") != '\0');
		free(bytes);
	}
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(encrypted);
ATF_TC_BODY(encrypted, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	uint8_t *key = session_key(root), *want;
	size_t i, len;

	json_array_foreach(vectors_get(root, "encrypted_packets"), i, c) {
		struct packet *packet = packet_new();
		bool outbound = json_is_true(vectors_get(c, "sender_outbound"));
		uint64_t seqdf = vectors_u64(c, "seq"), name;
		struct sleeve_datagram datagram;
		struct cipher_key cipher;

		cipher_key_init(&cipher, key, outbound);
		ATF_REQUIRE(sleeve_packet_begin(packet, true));
		if (json_is_true(vectors_get(c, "df")))
			seqdf |= SLEEVE_DF;
		want = vectors_bytes(c, "udp_payload", &len);
		add_frames(packet, vectors_get(c, "frames"));
		ATF_CHECK_EQ(
		    vectors_u64(c, "total_len_before_seal"), packet->len);
		ATF_REQUIRE(packet_end_datagram(packet));
		sleeve_packet_seal(packet, OURS, &cipher, seqdf);
		ATF_REQUIRE_EQ(len, packet->len);
		ATF_CHECK_EQ(0, memcmp(want, packet->data, len));

		datagram = (struct sleeve_datagram){packet->data, packet->len};
		ATF_REQUIRE(sleeve_datagram_name(&datagram, &name));
		sleeve_datagrams_open(&cipher, &datagram, 1);
		ATF_REQUIRE(datagram.ok);
		ATF_CHECK_EQ(seqdf, datagram.seqdf);
		expect_frames(&datagram, vectors_get(c, "frames"), false);
		free(packet);
		free(want);
	}
	free(key);
	json_decref(root);
}

/* One receiver: opening, replay windows, frames. */
static unsigned
receive(const uint8_t *key, bool sender_outbound, struct replay replay[2],
    const char *hex, bool *error)
{
	struct sleeve_frame frame;
	uint64_t name;
	unsigned frames = 0;
	size_t len;
	uint8_t *bytes = vectors_hex(hex, &len);
	struct sleeve_datagram datagram = {bytes, len};
	struct cipher_key cipher;

	cipher_key_init(&cipher, key, sender_outbound);
	if (sleeve_datagram_name(&datagram, &name))
		sleeve_datagrams_open(&cipher, &datagram, 1);
	*error = !datagram.ok;
	if (!*error &&
	    replay_check(
		&replay[datagram.seqdf >> 63], datagram.seqdf & ~SLEEVE_DF)) {
		while (sleeve_datagram_next(&datagram, &frame) == 1)
			frames++;
	}
	free(bytes);
	return frames;
}

ATF_TC_WITHOUT_HEAD(receive_sequence);
ATF_TC_BODY(receive_sequence, tc)
{
	json_t *root = vectors_load("sleeve.json"), *sequence, *c;
	struct replay replay[2] = {0};
	uint8_t *key = session_key(root);
	bool error;
	size_t i;

	sequence = vectors_get(root, "encrypted_receive_sequence");
	json_array_foreach(vectors_get(sequence, "steps"), i, c) {
		ATF_CHECK_EQ_MSG(vectors_u64(c, "frames_delivered"),
		    receive(key, true, replay, vectors_text(c, "udp_payload"),
			&error),
		    "%s", vectors_text(c, "label"));
		ATF_CHECK_EQ(*vectors_text(c, "error") != '\0', error);
	}
	json_array_foreach(
	    vectors_get(root, "encrypted_wrong_polarity"), i, c) {
		receive(
		    key, false, replay, vectors_text(c, "udp_payload"), &error);
		ATF_CHECK(error);
	}
	replay_clear(&replay[0]);
	replay_clear(&replay[1]);
	free(key);
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(overheads);
ATF_TC_BODY(overheads, tc)
{
	json_t *root = vectors_load("sleeve.json");
	json_t *o = vectors_get(root, "overheads");

	ATF_CHECK_EQ(
	    vectors_u64(o, "plain_packet_overhead"), SLEEVE_PLAIN_HEADER);
	ATF_CHECK_EQ(
	    vectors_u64(o, "encrypted_packet_overhead"), SLEEVE_SEALED_HEADER);
	ATF_CHECK_EQ(
	    vectors_u64(o, "plain_frame_overhead"), SLEEVE_FRAME_HEADER);
	ATF_CHECK_EQ(
	    vectors_u64(o, "encrypted_frame_overhead"), SLEEVE_FRAME_HEADER);
	json_decref(root);
}

/* Buffers refuse instead of running over. */
ATF_TC_WITHOUT_HEAD(buffers);
ATF_TC_BODY(buffers, tc)
{
	struct packet_pool *pool = packet_pool_new(1);
	struct packet *packet = packet_get(pool);

	ATF_CHECK(packet_get(pool) == NULL);
	ATF_CHECK(packet_push(packet, PACKET_HEADROOM + 1) == NULL);
	ATF_CHECK(packet_push(packet, PACKET_HEADROOM) == packet->buf);
	ATF_CHECK(packet_pull(packet, PACKET_HEADROOM + 1) == NULL);
	ATF_CHECK(packet_append(packet, PACKET_DATA_MAX) != NULL);
	ATF_CHECK_EQ(0, packet_room(packet));
	ATF_CHECK(packet_append(packet, 1) == NULL);
	ATF_CHECK(sleeve_packet_add(packet, 1, 2, 0) == NULL);
	ATF_CHECK(!sleeve_packet_begin(packet, true));
	packet_put(pool, packet);
	packet = packet_get(pool);
	ATF_CHECK_EQ(0, packet->len);
	ATF_CHECK(sleeve_packet_add(packet, 1, 2, 65536) == NULL);
	ATF_CHECK(!packet_end_datagram(packet));
	packet_put(pool, packet);
	packet_pool_free(pool);
}

/* What one UDP_SEGMENT send takes: equal lengths, and a shorter last one. */
ATF_TC_WITHOUT_HEAD(runs);
ATF_TC_BODY(runs, tc)
{
	static const struct {
		size_t lens[6];
		unsigned runs[6];
	} cases[] = {
	    {{100}, {1}},
	    {{100, 100, 100}, {3}},
	    {{100, 100, 99}, {3}},
	    {{100, 99, 100}, {2, 1}},
	    {{100, 99, 99}, {2, 1}},
	    {{99, 100, 100}, {1, 2}},
	    {{20000, 20000, 20000, 5507, 1}, {4, 1}},
	    {{20000, 20000, 20000, 5508}, {3, 1}},
	};
	struct packet *packet = packet_new();
	size_t len, want;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		packet_reset(packet);
		for (size_t j = 0; cases[i].lens[j] != 0; j++) {
			packet_append(packet, cases[i].lens[j]);
			ATF_REQUIRE(packet_end_datagram(packet));
		}
		for (size_t j = 0; cases[i].runs[j] != 0; j++) {
			want = 0;
			for (unsigned k = 0; k < cases[i].runs[j]; k++)
				want += packet->lens[packet->next + k];
			ATF_CHECK_EQ(1, packet_run(packet, 1, &len));
			ATF_CHECK_EQ(packet->lens[packet->next], len);
			ATF_CHECK_EQ_MSG(cases[i].runs[j],
			    packet_run(packet, PACKET_DATAGRAMS, &len),
			    "case %zu run %zu", i, j);
			ATF_CHECK_EQ(want, len);
			packet_sent(packet, cases[i].runs[j]);
		}
		ATF_CHECK_EQ(packet->count, packet->next);
		ATF_CHECK_EQ(0, packet->len);
	}
	free(packet);
}

/* Many datagrams sealed and opened at once are those of one at a time. */
ATF_TC_WITHOUT_HEAD(batch);
ATF_TC_BODY(batch, tc)
{
	struct sleeve_datagram datagrams[PACKET_DATAGRAMS] = {0};
	struct packet *packet = packet_new();
	struct sleeve_frame frame;
	struct cipher_key cipher;
	uint8_t key[CIPHER_KEY_LEN] = {7}, data[200], *p;
	uint64_t name;

	cipher_key_init(&cipher, key, true);
	for (unsigned i = 0; i < PACKET_DATAGRAMS; i++) {
		memset(data, (int)i, sizeof(data));
		ATF_REQUIRE(sleeve_packet_begin(packet, true));
		add(packet, 1, 2, data, 100 + i);
		ATF_REQUIRE(packet_end_datagram(packet));
	}
	packet_append(packet, 1);
	ATF_CHECK(!packet_end_datagram(packet));
	sleeve_packet_seal(packet, OURS, &cipher, SLEEVE_DF | 5);
	p = packet->data;
	for (unsigned i = 0; i < PACKET_DATAGRAMS; p += packet->lens[i++]) {
		datagrams[i].data = p;
		datagrams[i].len = packet->lens[i];
		ATF_REQUIRE(sleeve_datagram_name(&datagrams[i], &name));
		ATF_CHECK_EQ(OURS, name);
	}
	datagrams[3].len = 23; /* shorter than its header */
	datagrams[9].data[60] ^= 1;
	sleeve_datagrams_open(&cipher, datagrams, PACKET_DATAGRAMS);
	for (unsigned i = 0; i < PACKET_DATAGRAMS; i++) {
		ATF_CHECK_EQ(i != 3 && i != 9, datagrams[i].ok);
		if (!datagrams[i].ok)
			continue;
		ATF_CHECK_EQ((SLEEVE_DF | 5) + i, datagrams[i].seqdf);
		ATF_REQUIRE_EQ(1, sleeve_datagram_next(&datagrams[i], &frame));
		ATF_CHECK_EQ(100 + i, frame.len);
		ATF_CHECK_EQ(i, frame.data[frame.len - 1]);
	}
	free(packet);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_REQUIRE(sodium_init() != -1);
	ATF_TP_ADD_TC(tp, plain);
	ATF_TP_ADD_TC(tp, plain_decode);
	ATF_TP_ADD_TC(tp, encrypted);
	ATF_TP_ADD_TC(tp, receive_sequence);
	ATF_TP_ADD_TC(tp, overheads);
	ATF_TP_ADD_TC(tp, buffers);
	ATF_TP_ADD_TC(tp, runs);
	ATF_TP_ADD_TC(tp, batch);
	return atf_no_error();
}
