#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/gob.h"

static const struct gob_schema map_schema = {
    .kind = GOB_MAP, .key = &gob_string, .elem = &gob_string};

static bool
decode_object(
    json_t *object, struct features *features, char *cause, size_t size)
{
	struct gob_encoder enc;
	const char *key;
	json_t *value;
	bool ok;

	gob_encode_init(&enc, 4096);
	gob_encode_begin(&enc, &map_schema);
	gob_encode_count(&enc, json_object_size(object));
	json_object_foreach(object, key, value) {
		gob_encode_text(&enc, key);
		gob_encode_text(&enc, json_string_value(value));
	}
	gob_encode_end(&enc);
	ATF_REQUIRE(!enc.failed);
	ok = features_decode(enc.data, enc.len, features, cause, size);
	gob_encode_free(&enc);
	return ok;
}

static void
check_features(const json_t *c, const struct features *features)
{
	uint64_t name, ours = vectors_u64(c, "our_conn_id");

	ATF_REQUIRE(peername_parse(vectors_text(c, "name"), &name));
	ATF_CHECK_EQ(features->name, name);
	ATF_CHECK_STREQ(features->nickname, vectors_text(c, "nickname"));
	ATF_CHECK_EQ(features->uid, vectors_u64(c, "uid"));
	ATF_CHECK_EQ(features->conn_id ^ ours, vectors_u64(c, "conn_uid"));
	ATF_CHECK_EQ(features->has_short_id,
	    json_is_true(vectors_get(c, "has_short_id")));
	ATF_CHECK_EQ(features->short_id, vectors_u64(c, "short_id"));
	ATF_CHECK_EQ(features->trusted,
	    json_is_true(vectors_get(c, "trusted_by_remote")));
	ATF_CHECK_EQ(features->has_overlays,
	    json_object_get(vectors_get(c, "features"), "Overlays") != NULL);
}

ATF_TC_WITHOUT_HEAD(parse_features);
ATF_TC_BODY(parse_features, tc)
{
	json_t *file = vectors_load("handshake.json"), *c;
	struct features features;
	char cause[256];
	size_t i;
	bool ok;

	json_array_foreach(vectors_get(file, "parse_features"), i, c) {
		cause[0] = '\0';
		ok = decode_object(vectors_get(c, "features"), &features, cause,
		    sizeof(cause));
		ATF_CHECK_EQ_MSG(ok, json_is_true(vectors_get(c, "ok")),
		    "case %zu: %s", i, cause);
		if (ok)
			check_features(c, &features);
		else
			ATF_CHECK(cause[0] != '\0');
	}
	json_decref(file);
}

ATF_TC_WITHOUT_HEAD(round_trip);
ATF_TC_BODY(round_trip, tc)
{
	struct features in, out;
	uint8_t buf[FEATURES_MAX];
	char cause[256];
	size_t len;

	memset(&in, 0, sizeof(in));
	in.name = 0x0a0000000001;
	in.uid = UINT64_MAX;
	in.conn_id = 7;
	in.short_id = SHORT_ID_MAX;
	in.has_short_id = in.trusted = in.has_overlays = true;
	strlcpy(in.overlays, "sleeve", sizeof(in.overlays));
	strlcpy(in.software, "0.1.0", sizeof(in.software));
	memset(in.nickname, 'n', sizeof(in.nickname) - 1);
	len = features_encode(&in, buf, sizeof(buf));
	ATF_REQUIRE(len > 0);
	ATF_REQUIRE(features_decode(buf, len, &out, cause, sizeof(cause)));
	ATF_CHECK(memcmp(&in, &out, sizeof(in)) == 0);
	ATF_CHECK_EQ(features_encode(&in, buf, len - 1), 0);
	for (size_t n = 0; n < len; n++)
		ATF_CHECK(!features_decode(buf, n, &out, cause, sizeof(cause)));
}

/* The cause is fit for a terminal, whatever the peer wrote. */
ATF_TC_WITHOUT_HEAD(printable_cause);
ATF_TC_BODY(printable_cause, tc)
{
	json_t *file = vectors_load("handshake.json"), *map;
	struct features features;
	char cause[256];

	map = vectors_get(file, "features_a");
	json_object_set_new(map, "Trusted", json_string("\033[2J\r\n\b"));
	ATF_REQUIRE(!decode_object(map, &features, cause, sizeof(cause)));
	for (const char *p = cause; *p != '\0'; p++)
		ATF_CHECK_MSG(*p >= 0x20 && *p <= 0x7e, "%02x", *p);
	ATF_CHECK(strstr(cause, "Trusted") != NULL);
	json_decref(file);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, parse_features);
	ATF_TP_ADD_TC(tp, round_trip);
	ATF_TP_ADD_TC(tp, printable_cause);
	return atf_no_error();
}
