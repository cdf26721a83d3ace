/* Sleeve datagrams against sleeve.json. */
#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/overlay/replay.h"
#include "weaved/engine/overlay/sleeve_packet.h"

#define OURS UINT64_C(0x0a0000000001)

static struct packet *packet_of(const uint8_t *, size_t);
static uint64_t name_of(const json_t *, const char *);
static uint8_t *frame_of(const char *, size_t *);
static void add_frames(struct packet *, const json_t *);
static void expect_frames(struct packet *, const json_t *, bool);
static uint8_t *session_key(const json_t *);

static struct packet *
packet_of(const uint8_t *data, size_t len)
{
	struct packet *packet = calloc(1, sizeof(*packet));

	ATF_REQUIRE(packet != NULL);
	packet_reset(packet);
	memcpy(packet_append(packet, len), data, len);
	return packet;
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
		ATF_REQUIRE(sleeve_packet_add(packet, name_of(frame, "src"),
		    name_of(frame, "dst"), data, len));
		free(data);
	}
}

static void
expect_frames(struct packet *packet, const json_t *frames, bool error)
{
	struct sleeve_frame got;
	size_t i, len;
	json_t *frame;
	uint8_t *data;

	json_array_foreach(frames, i, frame) {
		data = frame_of(vectors_text(frame, "frame"), &len);
		ATF_REQUIRE_EQ(1, sleeve_packet_next(packet, &got));
		ATF_CHECK_EQ(name_of(frame, "src"), got.first);
		ATF_CHECK_EQ(name_of(frame, "dst"), got.last);
		ATF_REQUIRE_EQ(len, got.len);
		ATF_CHECK(len == 0 || memcmp(data, got.data, len) == 0);
		free(data);
	}
	ATF_CHECK_EQ(error ? -1 : 0, sleeve_packet_next(packet, &got));
}

static uint8_t *
session_key(const json_t *root)
{
	size_t len;
	uint8_t *key = vectors_bytes(root, "session_key", &len);

	ATF_REQUIRE_EQ(SLEEVE_KEY_LEN, len);
	return key;
}

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	bool whole;
	size_t i, len;

	json_array_foreach(vectors_get(root, "plain_packets"), i, c) {
		struct packet *packet = packet_of((const uint8_t *)"", 0);
		uint64_t name;
		uint8_t *want;

		add_frames(packet, vectors_get(c, "frames"));
		ATF_REQUIRE(sleeve_packet_plain(packet, OURS));
		ATF_CHECK_EQ(vectors_u64(c, "udp_payload_len"), packet->len);
		whole = json_object_get(c, "udp_payload") != NULL;
		want = vectors_bytes(
		    c, whole ? "udp_payload" : "udp_payload_first_32", &len);
		ATF_CHECK(!whole || len == packet->len);
		ATF_CHECK_EQ(0, memcmp(want, packet->data, len));
		free(want);
		ATF_REQUIRE(sleeve_packet_name(packet, &name));
		ATF_CHECK_EQ(OURS, name);
		expect_frames(packet, vectors_get(c, "frames"), false);
		free(packet);
	}
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(plain_decode);
ATF_TC_BODY(plain_decode, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	struct packet *packet;
	uint8_t *bytes;
	size_t i, len;

	json_array_foreach(
	    vectors_get(root, "plain_decode_after_peer_name"), i, c) {
		bytes = vectors_bytes(c, "after_peer_name", &len);
		packet = packet_of(bytes, len);
		expect_frames(packet, vectors_get(c, "frames_delivered"),
		    *vectors_text(c, "error") != '\0');
		free(bytes);
		free(packet);
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
		struct packet *packet = packet_of((const uint8_t *)"", 0);
		struct cipher_key sender;
		uint64_t seqdf = vectors_u64(c, "seq"), got, name;

		cipher_key_init(&sender, key,
		    json_is_true(vectors_get(c, "sender_outbound")));
		if (json_is_true(vectors_get(c, "df")))
			seqdf |= SLEEVE_DF;
		want = vectors_bytes(c, "udp_payload", &len);
		add_frames(packet, vectors_get(c, "frames"));
		ATF_CHECK_EQ(vectors_u64(c, "total_len_before_seal"),
		    packet->len + SLEEVE_SEALED_HEADER);
		ATF_REQUIRE(sleeve_packet_seal(packet, OURS, &sender, seqdf));
		ATF_REQUIRE_EQ(len, packet->len);
		ATF_CHECK_EQ(0, memcmp(want, packet->data, len));

		ATF_REQUIRE(sleeve_packet_name(packet, &name));
		ATF_REQUIRE(sleeve_packet_open(packet, &sender, &got));
		ATF_CHECK_EQ(seqdf, got);
		expect_frames(packet, vectors_get(c, "frames"), false);
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
	uint64_t name, seqdf;
	unsigned frames = 0;
	size_t len;
	uint8_t *bytes = vectors_hex(hex, &len);
	struct packet *packet = packet_of(bytes, len);
	struct cipher_key sender;

	cipher_key_init(&sender, key, sender_outbound);
	*error = !sleeve_packet_name(packet, &name) ||
	    !sleeve_packet_open(packet, &sender, &seqdf);
	if (!*error && replay_check(&replay[seqdf >> 63], seqdf & ~SLEEVE_DF)) {
		while (sleeve_packet_next(packet, &frame) == 1)
			frames++;
	}
	free(bytes);
	free(packet);
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
	ATF_CHECK(!sleeve_packet_add(packet, 1, 2, NULL, 0));
	packet_put(pool, packet);
	packet = packet_get(pool);
	ATF_CHECK_EQ(0, packet->len);
	ATF_CHECK(!sleeve_packet_add(packet, 1, 2, NULL, 65536));
	packet_put(pool, packet);
	packet_pool_free(pool);
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
	return atf_no_error();
}
