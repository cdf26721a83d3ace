/* What travels on the channel IPallocation, against ipam_wire.json. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "regress/lib/ipam_vectors.h"
#include "regress/lib/vectors.h"
#include "weaved/engine/ipam/state.h"

#define PEER1 UINT64_C(0x0a0000000001)
#define BIG (8 << 20)

static void expect_nicknames(const json_t *, const struct ipam_state *);
static void expect_state(const json_t *, const struct ipam_state *);
static const json_t *state_named(const json_t *, const char *);
static void expect_range(const json_t *, const struct ipam_unicast *);
static void expect_unicast(
    const json_t *, const json_t *, const struct ipam_unicast *);
static void expect_tcp_message(const json_t *, const uint8_t *, size_t);
static const char *round_trip(const struct ipam_state *, struct ipam_state *);
static const char *decode_range(uint64_t, uint64_t);

static void
expect_nicknames(const json_t *object, const struct ipam_state *state)
{
	char name[PEERNAME_STRLEN];
	const char *text;

	ATF_REQUIRE_EQ(json_object_size(object), state->nnicknames);
	for (size_t i = 0; i < state->nnicknames; i++) {
		peername_format(state->nicknames[i].peer, name);
		text = vectors_text(object, name);
		ATF_CHECK_STREQ(text, state->nicknames[i].text);
	}
}

/* null in a vector: not there. */
static void
expect_state(const json_t *object, const struct ipam_state *state)
{
	const json_t *paxos = vectors_get(object, "paxos");
	const json_t *object_ring = vectors_get(object, "ring");
	struct ring ring;

	ATF_CHECK_EQ(vectors_u64(object, "now"), (uint64_t)state->now);
	expect_nicknames(vectors_get(object, "nicknames"), state);
	ATF_CHECK_EQ(!json_is_null(paxos), state->has_paxos);
	if (!json_is_null(paxos))
		ATF_CHECK(ipam_vectors_paxos_equal(paxos, &state->paxos));
	ATF_REQUIRE_EQ(!json_is_null(object_ring), state->has_ring);
	if (json_is_null(object_ring))
		return;
	ipam_vectors_ring(object_ring, &ring);
	ATF_CHECK(ipam_vectors_ring_equal(&ring, &state->ring));
	ring_free(&ring);
}

static const char *
round_trip(const struct ipam_state *state, struct ipam_state *again)
{
	struct gob_encoder enc;
	const char *error;

	gob_encode_init(&enc, BIG);
	ipam_state_encode(&enc, state);
	ATF_REQUIRE(!enc.failed);
	error = ipam_state_decode(again, enc.data, enc.len);
	gob_encode_free(&enc);
	return error;
}

ATF_TC_WITHOUT_HEAD(states);
ATF_TC_BODY(states, tc)
{
	json_t *root = vectors_load("ipam_wire.json"), *item;
	struct ipam_state state, again;
	const char *error;
	uint8_t *payload;
	size_t i, len;

	json_array_foreach(vectors_get(root, "states"), i, item) {
		printf("%s\n", vectors_text(item, "label"));
		payload = vectors_bytes(item, "payload", &len);
		error = ipam_state_decode(&state, payload, len);
		free(payload);
		if (*vectors_text(item, "error") != '\0') {
			ATF_CHECK(error != NULL);
			continue;
		}
		ATF_REQUIRE_MSG(error == NULL, "%s", error);
		expect_state(item, &state);
		ATF_REQUIRE(round_trip(&state, &again) == NULL);
		expect_state(item, &again);
		ipam_state_free(&state);
		ipam_state_free(&again);
	}
	ATF_CHECK_EQ(13, i);
	json_decref(root);
}

static const json_t *
state_named(const json_t *root, const char *label)
{
	json_t *item;
	size_t i;

	json_array_foreach(vectors_get(root, "states"), i, item)
		if (strcmp(vectors_text(item, "label"), label) == 0)
			return item;
	atf_tc_fail("no state %s", label);
}

static void
expect_range(const json_t *item, const struct ipam_unicast *unicast)
{
	struct ip_range range = ipam_vectors_range(item, "start", "end");
	const char *kind = vectors_text(item, "kind");

	ATF_CHECK_EQ(strcmp(kind, "space request") == 0 ? IPAM_SPACE_REQUEST
							: IPAM_SPACE_DENIED,
	    unicast->kind);
	ATF_CHECK_EQ(range.start, unicast->range.start);
	ATF_CHECK_EQ(range.end, unicast->range.end);
}

static void
expect_unicast(
    const json_t *root, const json_t *item, const struct ipam_unicast *unicast)
{
	if (strcmp(vectors_text(item, "kind"), "ring update") != 0) {
		expect_range(item, unicast);
		return;
	}
	ATF_CHECK_EQ(IPAM_RING_UPDATE, unicast->kind);
	expect_state(state_named(root, vectors_text(item, "state_label")),
	    &unicast->state);
}

/* Tag 5, channel, source, destination, and the body as the data. */
static void
expect_tcp_message(const json_t *item, const uint8_t *body, size_t body_len)
{
	struct gob_decoder dec;
	struct gob_ref ref;
	uint64_t source, destination;
	const uint8_t *data;
	uint8_t *message;
	size_t len;

	message = vectors_bytes(item, "tcp_message", &len);
	ATF_REQUIRE(len > 1 && message[0] == 5);
	gob_decode_init(&dec, message + 1, len - 1);
	ATF_REQUIRE_EQ(1, gob_decode_next(&dec, &gob_string, &ref));
	ATF_REQUIRE(gob_decode_bytes(&dec, &data, &len));
	ATF_REQUIRE_EQ(strlen("IPallocation"), len);
	ATF_CHECK(memcmp(data, "IPallocation", len) == 0);
	ATF_REQUIRE_EQ(1, gob_decode_next(&dec, &gob_uint, &ref));
	ATF_REQUIRE(gob_decode_uint(&dec, &source));
	ATF_REQUIRE_EQ(1, gob_decode_next(&dec, &gob_uint, &ref));
	ATF_REQUIRE(gob_decode_uint(&dec, &destination));
	ATF_CHECK(source != destination);
	ATF_REQUIRE_EQ(1, gob_decode_next(&dec, &gob_bytes, &ref));
	ATF_REQUIRE(gob_decode_bytes(&dec, &data, &len));
	ATF_REQUIRE_EQ(body_len, len);
	ATF_CHECK(memcmp(data, body, len) == 0);
	ATF_CHECK_EQ(0, gob_decode_next(&dec, &gob_bytes, &ref));
	free(message);
}

ATF_TC_WITHOUT_HEAD(unicasts);
ATF_TC_BODY(unicasts, tc)
{
	json_t *root = vectors_load("ipam_wire.json"), *item;
	struct ipam_unicast unicast, again;
	struct gob_encoder enc;
	uint8_t *body;
	size_t i, len;

	json_array_foreach(vectors_get(root, "unicast_bodies"), i, item) {
		body = vectors_bytes(item, "body", &len);
		ATF_REQUIRE(ipam_unicast_decode(&unicast, body, len) == NULL);
		expect_unicast(root, item, &unicast);
		gob_encode_init(&enc, BIG);
		ipam_unicast_encode(&enc, &unicast);
		ATF_REQUIRE(!enc.failed);
		ATF_CHECK_EQ(body[0], enc.data[0]);
		ATF_REQUIRE(
		    ipam_unicast_decode(&again, enc.data, enc.len) == NULL);
		expect_unicast(root, item, &again);
		if (json_object_get(item, "tcp_message") != NULL)
			expect_tcp_message(item, body, len);
		gob_encode_free(&enc);
		ipam_unicast_free(&unicast);
		ipam_unicast_free(&again);
		free(body);
	}
	ATF_CHECK_EQ(5, i);
	json_decref(root);
}

/* Cut anywhere: an error, and nothing to free. */
ATF_TC_WITHOUT_HEAD(truncated);
ATF_TC_BODY(truncated, tc)
{
	json_t *root = vectors_load("ipam_wire.json"), *item;
	struct ipam_unicast unicast;
	uint8_t *body, *cut;
	size_t i, len;

	ATF_CHECK(ipam_unicast_decode(&unicast, NULL, 0) != NULL);
	json_array_foreach(vectors_get(root, "unicast_bodies"), i, item) {
		body = vectors_bytes(item, "body", &len);
		for (size_t n = 1; n < len; n++) {
			cut = malloc(n);
			ATF_REQUIRE(cut != NULL);
			memcpy(cut, body, n);
			ATF_CHECK(
			    ipam_unicast_decode(&unicast, cut, n) != NULL);
			free(cut);
		}
		for (unsigned kind = 3; kind < 256; kind++) {
			body[0] = (uint8_t)kind;
			ATF_CHECK(
			    ipam_unicast_decode(&unicast, body, len) != NULL);
		}
		free(body);
	}
	json_decref(root);
}

/* A space request of numbers as wide as a peer likes. */
static const char *
decode_range(uint64_t start, uint64_t end)
{
	static const struct gob_field fields[] = {
	    {"Start", &gob_uint}, {"End", &gob_uint}};
	static const struct gob_schema schema = {
	    .kind = GOB_STRUCT, .fields = fields, .nfields = 2};
	struct gob_fields at = {0};
	struct ipam_unicast unicast;
	struct gob_encoder enc;
	const char *error;

	gob_encode_init(&enc, BIG);
	gob_encode_raw(&enc, "", 1);
	gob_encode_begin(&enc, &schema);
	gob_encode_field(&enc, &at, 0);
	gob_encode_uint(&enc, start);
	gob_encode_field(&enc, &at, 1);
	gob_encode_uint(&enc, end);
	gob_encode_struct_end(&enc);
	gob_encode_end(&enc);
	error = ipam_unicast_decode(&unicast, enc.data, enc.len);
	gob_encode_free(&enc);
	return error;
}

ATF_TC_WITHOUT_HEAD(range_widths);
ATF_TC_BODY(range_widths, tc)
{
	ATF_CHECK(decode_range(1, 2) == NULL);
	ATF_CHECK(decode_range(0, UINT32_MAX) == NULL);
	ATF_CHECK(decode_range(0, UINT32_MAX + UINT64_C(1)) != NULL);
	ATF_CHECK(decode_range(1, (UINT64_C(1) << 32) + 2) != NULL);
	ATF_CHECK(decode_range((UINT64_C(1) << 32) + 1, 2) != NULL);
	ATF_CHECK(decode_range(UINT64_MAX, 2) != NULL);
	ATF_CHECK(decode_range(2, 2) != NULL);
	ATF_CHECK(decode_range(3, 2) != NULL);
}

/* The largest of each list passes, and what exceeds it is refused. */
ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	struct ipam_nickname *nicknames;
	struct ring_entry *entries;
	struct ipam_state state = {.has_ring = true}, again;
	uint64_t *seeds;

	entries = calloc(RING_ENTRIES_MAX + 1, sizeof(*entries));
	seeds = calloc(RING_SEEDS_MAX + 1, sizeof(*seeds));
	nicknames = calloc(MESH_PEERS_MAX + 1, sizeof(*nicknames));
	for (size_t i = 0; i <= MESH_PEERS_MAX; i++)
		nicknames[i].peer = i;
	state.ring.entries = entries;
	state.ring.seeds = seeds;
	state.nicknames = nicknames;
	state.ring.nentries = RING_ENTRIES_MAX;
	state.ring.nseeds = RING_SEEDS_MAX;
	state.nnicknames = MESH_PEERS_MAX;
	ATF_REQUIRE(round_trip(&state, &again) == NULL);
	ATF_CHECK_EQ(RING_ENTRIES_MAX, again.ring.nentries);
	ATF_CHECK_EQ(RING_SEEDS_MAX, again.ring.nseeds);
	ATF_CHECK_EQ(MESH_PEERS_MAX, again.nnicknames);
	ipam_state_free(&again);

	state.ring.nentries++;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	state.ring.nentries = 0;
	state.ring.nseeds++;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	state.ring.nseeds = 0;
	state.nnicknames++;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	state.nnicknames = 2;
	nicknames[1].peer = 0;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	nicknames[1].peer = PEERNAME_MAX;
	ATF_CHECK(round_trip(&state, &again) == NULL);
	ipam_state_free(&again);
	nicknames[1].peer = PEERNAME_MAX + 1;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	free(entries);
	free(seeds);
	free(nicknames);
}

ATF_TC_WITHOUT_HEAD(paxos_limits);
ATF_TC_BODY(paxos_limits, tc)
{
	uint64_t value[PAXOS_NODES_MAX + 1] = {0};
	struct ipam_state state = {.has_paxos = true}, again;
	struct paxos_claims *claims;

	claims = calloc(PAXOS_NODES_MAX + 1, sizeof(*claims));
	for (size_t i = 0; i <= PAXOS_NODES_MAX; i++)
		claims[i].node.uid = UINT64_MAX - i;
	claims[0].value = value;
	claims[0].nvalue = PAXOS_NODES_MAX;
	state.paxos.claims = claims;
	state.paxos.n = PAXOS_NODES_MAX;
	ATF_REQUIRE(round_trip(&state, &again) == NULL);
	ATF_CHECK_EQ(PAXOS_NODES_MAX, again.paxos.n);
	/* Sorted: what was first is last. */
	ATF_CHECK_EQ(
	    PAXOS_NODES_MAX, again.paxos.claims[PAXOS_NODES_MAX - 1].nvalue);
	ipam_state_free(&again);
	claims[0].nvalue++;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	claims[0].nvalue = 0;
	claims[1].node = claims[0].node;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	claims[1].node.uid--;
	state.paxos.n++;
	ATF_CHECK(round_trip(&state, &again) != NULL);
	free(claims);
}

/* Longer than we keep. */
ATF_TC_WITHOUT_HEAD(nickname_cut);
ATF_TC_BODY(nickname_cut, tc)
{
	static const struct gob_schema map = {
	    .kind = GOB_MAP, .key = &gob_uint, .elem = &gob_string};
	static const struct gob_field fields[] = {{"Nicknames", &map}};
	static const struct gob_schema schema = {
	    .kind = GOB_STRUCT, .fields = fields, .nfields = 1};
	struct gob_fields at = {0};
	struct ipam_state state;
	struct gob_encoder enc;
	char text[1000];

	memset(text, 'x', sizeof(text));
	gob_encode_init(&enc, BIG);
	gob_encode_begin(&enc, &schema);
	gob_encode_field(&enc, &at, 0);
	gob_encode_count(&enc, 1);
	gob_encode_uint(&enc, PEER1);
	gob_encode_bytes(&enc, text, sizeof(text));
	gob_encode_struct_end(&enc);
	gob_encode_end(&enc);
	ATF_REQUIRE(ipam_state_decode(&state, enc.data, enc.len) == NULL);
	ATF_REQUIRE_EQ(1, state.nnicknames);
	ATF_CHECK_EQ(NICKNAME_MAX - 1, strlen(state.nicknames[0].text));
	ATF_CHECK(!state.has_paxos && !state.has_ring);
	ipam_state_free(&state);
	gob_encode_free(&enc);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, states);
	ATF_TP_ADD_TC(tp, unicasts);
	ATF_TP_ADD_TC(tp, truncated);
	ATF_TP_ADD_TC(tp, range_widths);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, paxos_limits);
	ATF_TP_ADD_TC(tp, nickname_cut);
	return atf_no_error();
}
