#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/wire.h"

/* Of the password that the vectors' messages are sealed under. */
static void
session_key(const json_t *file, uint8_t key[WIRE_KEY_LEN])
{
	const json_t *side = vectors_get(file, "encrypted");
	size_t len;
	uint8_t *bytes = vectors_bytes(side, "a_session_key", &len);

	ATF_REQUIRE_EQ(len, WIRE_KEY_LEN);
	memcpy(key, bytes, len);
	free(bytes);
}

static void
check_sealed(const json_t *c, const uint8_t key[WIRE_KEY_LEN], bool outbound)
{
	uint64_t index = vectors_u64(c, "index");
	size_t len, boxlen, wirelen;
	uint8_t *text = vectors_bytes(c, "plaintext", &len);
	uint8_t *box = vectors_bytes(c, "ciphertext", &boxlen);
	uint8_t *wire = vectors_bytes(c, "wire", &wirelen);
	uint8_t *want = vectors_bytes(c, "nonce", NULL), *out;
	uint8_t nonce[WIRE_NONCE_LEN];

	wire_nonce_put(outbound, index, nonce);
	ATF_CHECK(memcmp(nonce, want, sizeof(nonce)) == 0);
	ATF_REQUIRE_EQ(boxlen, len + WIRE_TAG);
	ATF_REQUIRE_EQ(wirelen, WIRE_LENGTH_LEN + boxlen);
	out = calloc(1, wirelen);
	ATF_REQUIRE(out != NULL);
	wire_length_put(boxlen, out);
	memcpy(out + WIRE_LENGTH_LEN + WIRE_TAG, text, len);
	wire_seal(key, outbound, index, out + WIRE_LENGTH_LEN,
	    out + WIRE_LENGTH_LEN + WIRE_TAG, len);
	ATF_CHECK(memcmp(out, wire, wirelen) == 0);
	ATF_CHECK_EQ(wire_length_get(out), boxlen);
	ATF_CHECK(wire_open(key, outbound, index, box + WIRE_TAG, box, boxlen));
	ATF_CHECK(memcmp(box + WIRE_TAG, text, len) == 0);
	free(text);
	free(box);
	free(wire);
	free(want);
	free(out);
}

ATF_TC_WITHOUT_HEAD(sealed);
ATF_TC_BODY(sealed, tc)
{
	json_t *file = vectors_load("handshake.json"), *c;
	uint8_t key[WIRE_KEY_LEN];
	size_t i;

	ATF_REQUIRE(sodium_init() != -1);
	session_key(file, key);
	json_array_foreach(
	    vectors_get(file, "messages_sealed_by_outbound_side"), i, c)
		check_sealed(c, key, true);
	json_array_foreach(
	    vectors_get(file, "messages_sealed_by_inbound_side"), i, c)
		check_sealed(c, key, false);
	json_decref(file);
}

static void
check_sequence(const json_t *c, const uint8_t key[WIRE_KEY_LEN])
{
	bool sender;
	uint64_t counter = 0;
	json_t *step;
	size_t i, len, textlen;

	sender = !json_is_true(vectors_get(c, "receiver_is_outbound"));
	json_array_foreach(vectors_get(c, "steps"), i, step) {
		uint8_t *box = vectors_bytes(step, "ciphertext", &len);
		uint8_t *want = vectors_bytes(step, "plaintext", &textlen);
		uint8_t *text = calloc(1, len + 1);
		bool ok;

		ok = wire_open(key, sender, counter++, text, box, len);
		ATF_CHECK_EQ_MSG(ok, json_is_true(vectors_get(step, "ok")),
		    "%s, step %zu", vectors_text(c, "label"), i);
		ATF_CHECK(!ok || memcmp(text, want, textlen) == 0);
		free(box);
		free(want);
		free(text);
	}
}

ATF_TC_WITHOUT_HEAD(open_sequences);
ATF_TC_BODY(open_sequences, tc)
{
	json_t *file = vectors_load("handshake.json"), *c;
	uint8_t key[WIRE_KEY_LEN];
	size_t i;

	ATF_REQUIRE(sodium_init() != -1);
	session_key(file, key);
	json_array_foreach(vectors_get(file, "open_sequences"), i, c)
		check_sequence(c, key);
	json_decref(file);
}

ATF_TC_WITHOUT_HEAD(header);
ATF_TC_BODY(header, tc)
{
	uint8_t header[WIRE_HEADER_LEN], low, high;

	wire_header_put(header, 2, 2);
	ATF_CHECK(memcmp(header, "weave\2\2", sizeof(header)) == 0);
	ATF_REQUIRE(wire_header_get(header, &low, &high));
	ATF_CHECK_EQ(low, 2);
	ATF_CHECK_EQ(high, 2);
	ATF_CHECK(!wire_header_get((const uint8_t *)"weird\1\2", &low, &high));
	ATF_CHECK(!wire_header_get((const uint8_t *)"weave\3\2", &low, &high));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, sealed);
	ATF_TP_ADD_TC(tp, open_sequences);
	ATF_TP_ADD_TC(tp, header);
	return atf_no_error();
}
