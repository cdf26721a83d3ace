#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/gob.h"
#include "weaved/engine/mesh/topology.h"

static const struct gob_schema *
schema_of(const char *kind)
{
	if (strcmp(kind, "uint") == 0)
		return &gob_uint;
	if (strcmp(kind, "int") == 0)
		return &gob_int;
	if (strcmp(kind, "bool") == 0)
		return &gob_bool;
	if (strcmp(kind, "string") == 0)
		return &gob_string;
	if (strcmp(kind, "bytes") == 0)
		return &gob_bytes;
	return NULL;
}

static void
check_primitive(struct gob_decoder *dec, const struct gob_schema *schema,
    const char *value, struct gob_encoder *enc)
{
	const uint8_t *data;
	uint8_t *want;
	size_t len, wantlen;
	uint64_t u;
	int64_t i;
	bool b;

	gob_encode_begin(enc, schema);
	switch (schema->kind) {
	case GOB_UINT:
		ATF_REQUIRE(gob_decode_uint(dec, &u));
		ATF_CHECK_EQ(u, strtoull(value, NULL, 10));
		gob_encode_uint(enc, u);
		break;
	case GOB_INT:
		ATF_REQUIRE(gob_decode_int(dec, &i));
		ATF_CHECK_EQ(i, strtoll(value, NULL, 10));
		gob_encode_int(enc, i);
		break;
	case GOB_BOOL:
		ATF_REQUIRE(gob_decode_bool(dec, &b));
		ATF_CHECK_EQ(b, strcmp(value, "true") == 0);
		gob_encode_bool(enc, b);
		break;
	case GOB_STRING:
		ATF_REQUIRE(gob_decode_bytes(dec, &data, &len));
		ATF_CHECK_EQ(len, strlen(value));
		ATF_CHECK(memcmp(data, value, len) == 0);
		gob_encode_text(enc, value);
		break;
	default:
		ATF_REQUIRE(gob_decode_bytes(dec, &data, &len));
		want = vectors_hex(value, &wantlen);
		ATF_CHECK_EQ(len, wantlen);
		ATF_CHECK(memcmp(data, want, len) == 0);
		gob_encode_bytes(enc, data, len);
		free(want);
		break;
	}
	gob_encode_end(enc);
}

/* Decoded, then encoded to the same bytes; floats only have to be skipped. */
ATF_TC_WITHOUT_HEAD(primitives);
ATF_TC_BODY(primitives, tc)
{
	json_t *file = vectors_load("gob.json"), *cases, *c;
	struct gob_decoder dec;
	struct gob_encoder enc;
	struct gob_ref ref;
	size_t i, len;

	cases = vectors_get(file, "primitives");
	ATF_REQUIRE(json_array_size(cases) > 30);
	json_array_foreach(cases, i, c) {
		const struct gob_schema *schema;
		uint8_t *stream;

		schema = schema_of(vectors_text(c, "kind"));
		stream = vectors_bytes(c, "stream", &len);
		gob_decode_init(&dec, stream, len);
		if (schema == NULL) {
			ATF_CHECK_EQ(
			    gob_decode_next(&dec, &gob_uint, &ref), -1);
			ATF_CHECK_STREQ(dec.error, "wrong type");
			free(stream);
			continue;
		}
		ATF_REQUIRE_EQ(gob_decode_next(&dec, schema, &ref), 1);
		gob_encode_init(&enc, 4096);
		check_primitive(&dec, schema, vectors_text(c, "value"), &enc);
		ATF_CHECK_EQ(enc.len, len);
		ATF_CHECK(memcmp(enc.data, stream, len) == 0);
		ATF_CHECK_EQ(gob_decode_next(&dec, schema, &ref), 0);
		gob_encode_free(&enc);
		free(stream);
	}
	json_decref(file);
}

static const struct gob_schema map_schema = {
    .kind = GOB_MAP, .key = &gob_string, .elem = &gob_string};

static json_t *
decode_map(const uint8_t *stream, size_t len)
{
	struct gob_decoder dec;
	struct gob_ref ref;
	const uint8_t *key, *value;
	size_t keylen, valuelen;
	uint64_t count;
	char name[128];
	json_t *map = json_object();

	gob_decode_init(&dec, stream, len);
	ATF_REQUIRE_EQ(gob_decode_next(&dec, &map_schema, &ref), 1);
	ATF_REQUIRE(gob_decode_count(&dec, &count));
	for (; count > 0; count--) {
		ATF_REQUIRE(gob_decode_bytes(&dec, &key, &keylen));
		ATF_REQUIRE(gob_decode_bytes(&dec, &value, &valuelen));
		ATF_REQUIRE(keylen < sizeof(name));
		memcpy(name, key, keylen);
		name[keylen] = '\0';
		json_object_set_new(
		    map, name, json_stringn((const char *)value, valuelen));
	}
	ATF_CHECK_EQ(dec.p, dec.limit);
	return map;
}

ATF_TC_WITHOUT_HEAD(string_maps);
ATF_TC_BODY(string_maps, tc)
{
	json_t *file = vectors_load("gob.json"), *c, *map;
	json_t *want, *value;
	struct gob_encoder enc;
	const char *key;
	size_t i, len;

	json_array_foreach(vectors_get(file, "string_maps"), i, c) {
		uint8_t *stream = vectors_bytes(c, "stream", &len);

		want = vectors_get(c, "map");
		map = decode_map(stream, len);
		ATF_CHECK(json_equal(map, want));
		json_decref(map);
		gob_encode_init(&enc, 4096);
		gob_encode_begin(&enc, &map_schema);
		gob_encode_count(&enc, json_object_size(want));
		json_object_foreach(want, key, value) {
			gob_encode_text(&enc, key);
			gob_encode_text(&enc, json_string_value(value));
		}
		gob_encode_end(&enc);
		ATF_CHECK_EQ(enc.len, len);
		ATF_CHECK(json_object_size(want) > 1 ||
		    memcmp(enc.data, stream, len) == 0);
		map = decode_map(enc.data, enc.len);
		ATF_CHECK(json_equal(map, want));
		json_decref(map);
		gob_encode_free(&enc);
		free(stream);
	}
	json_decref(file);
}

static void
check_conns(const json_t *want, const struct topology_record *got)
{
	json_t *conn;
	size_t i, j;
	uint64_t name;

	ATF_REQUIRE_EQ(json_array_size(want), got->nconns);
	json_array_foreach(want, i, conn) {
		ATF_REQUIRE(
		    peername_parse(vectors_text(conn, "remote"), &name));
		for (j = 0; j < got->nconns; j++)
			if (got->conns[j].peer == name)
				break;
		ATF_REQUIRE(j < got->nconns);
		ATF_CHECK_STREQ(
		    got->conns[j].addr, vectors_text(conn, "remote_tcp_addr"));
		ATF_CHECK_EQ(got->conns[j].outbound,
		    json_is_true(vectors_get(conn, "outbound")));
		ATF_CHECK_EQ(got->conns[j].established,
		    json_is_true(vectors_get(conn, "established")));
	}
}

static void
check_record(const json_t *want, const struct topology_record *got)
{
	uint64_t name;

	ATF_REQUIRE(peername_parse(vectors_text(want, "name"), &name));
	ATF_CHECK_EQ(got->name, name);
	ATF_CHECK_STREQ(got->nickname, vectors_text(want, "nickname"));
	ATF_CHECK_EQ(got->uid, vectors_u64(want, "uid"));
	ATF_CHECK_EQ(got->version, vectors_u64(want, "version"));
	ATF_CHECK_EQ(got->short_id, vectors_u64(want, "short_id"));
	ATF_CHECK_EQ(
	    got->has_short_id, json_is_true(vectors_get(want, "has_short_id")));
	check_conns(vectors_get(want, "connections"), got);
}

/* What a decoder must accept and what it must refuse (5.5). */
ATF_TC_WITHOUT_HEAD(tolerance);
ATF_TC_BODY(tolerance, tc)
{
	json_t *file = vectors_load("gob.json"), *c;
	struct topology_record *records;
	size_t i, j, len, count;
	char cause[128];
	bool ok;

	json_array_foreach(vectors_get(file, "peer_summary_decoding"), i, c) {
		const char *label = vectors_text(c, "label");
		uint8_t *stream = vectors_bytes(c, "stream", &len);
		json_t *want = vectors_get(c, "decoded");

		ok = topology_decode(
		    stream, len, &records, &count, cause, sizeof(cause));
		ATF_CHECK_EQ_MSG(ok, json_is_true(vectors_get(c, "ok")),
		    "%s: %s", label, ok ? "accepted" : cause);
		if (ok) {
			ATF_REQUIRE_EQ_MSG(
			    count, json_array_size(want), "%s", label);
			for (j = 0; j < count; j++)
				check_record(
				    json_array_get(want, j), &records[j]);
		}
		topology_records_free(records, count);
		free(stream);
	}
	json_decref(file);
}

static const struct gob_schema inner_schema, outer_schema;

static const struct gob_field inner_fields[] = {{"Round", &gob_uint}};
static const struct gob_schema inner_schema = {
    .kind = GOB_STRUCT, .name = "Inner", .fields = inner_fields, .nfields = 1};
static const struct gob_schema claims_schema = {.kind = GOB_MAP,
    .name = "map[Inner]Inner",
    .key = &inner_schema,
    .elem = &inner_schema};
static const struct gob_field outer_fields[] = {
    {"Now", &gob_int}, {"Paxos", &claims_schema}, {"Ring", &inner_schema}};
static const struct gob_schema outer_schema = {
    .kind = GOB_STRUCT, .name = "Outer", .fields = outer_fields, .nfields = 3};

/* A map that is empty but there differs from one that is absent (5.3). */
ATF_TC_WITHOUT_HEAD(empty_map);
ATF_TC_BODY(empty_map, tc)
{
	struct gob_encoder enc;
	struct gob_decoder dec;
	struct gob_fields fields;
	struct gob_struct st;
	struct gob_ref ref, field;
	uint64_t count = 1;
	int64_t now;
	bool seen;

	for (int present = 0; present < 2; present++) {
		memset(&fields, 0, sizeof(fields));
		gob_encode_init(&enc, 4096);
		gob_encode_begin(&enc, &outer_schema);
		gob_encode_field(&enc, &fields, 0);
		gob_encode_int(&enc, -7);
		if (present) {
			gob_encode_field(&enc, &fields, 1);
			gob_encode_count(&enc, 0);
		}
		gob_encode_field(&enc, &fields, 2);
		gob_encode_struct_end(&enc);
		gob_encode_struct_end(&enc);
		gob_encode_end(&enc);

		gob_decode_init(&dec, enc.data, enc.len);
		ATF_REQUIRE_EQ(gob_decode_next(&dec, &outer_schema, &ref), 1);
		gob_decode_struct(&dec, &ref, &st);
		ATF_REQUIRE_EQ(gob_decode_field(&dec, &st, &field), 0);
		ATF_REQUIRE(gob_decode_int(&dec, &now));
		ATF_CHECK_EQ(now, -7);
		seen = gob_decode_field(&dec, &st, &field) == 1;
		ATF_CHECK_EQ(seen, present == 1);
		if (seen) {
			ATF_REQUIRE(gob_decode_count(&dec, &count));
			ATF_CHECK_EQ(count, 0);
			ATF_REQUIRE_EQ(gob_decode_field(&dec, &st, &field), 2);
		}
		ATF_CHECK(gob_decode_skip(&dec, &field));
		ATF_CHECK_EQ(gob_decode_field(&dec, &st, &field), -1);
		ATF_CHECK_EQ(dec.error, NULL);
		gob_encode_free(&enc);
	}
}

static void
check_refused(const char *hex, const char *error)
{
	struct gob_decoder dec;
	struct gob_ref ref;
	size_t len;
	uint8_t *stream = vectors_hex(hex, &len);

	gob_decode_init(&dec, stream, len);
	ATF_CHECK_EQ_MSG(
	    gob_decode_next(&dec, &map_schema, &ref), -1, "%s", hex);
	ATF_REQUIRE(dec.error != NULL);
	ATF_CHECK_STREQ(dec.error, error);
	free(stream);
}

ATF_TC_WITHOUT_HEAD(refusals);
ATF_TC_BODY(refusals, tc)
{
	check_refused("04ff820000", "undefined type");
	check_refused("0eff81040102ff8200010c010c00000eff81040102ff8200"
		      "010c010c0000",
	    "type defined twice");
	check_refused("050102ff8200", "definition of a built-in type");
	check_refused("03810000", "number too long");
	check_refused("0eff81040102ff8200010c010c0000", "truncated");
	check_refused("f8ffffffffffffffff", "truncated");
	check_refused("0af8ffffffffffffffff00", "bad type id");
	check_refused(
	    "0fff81040102ff8200010c010c000000", "extra data in a definition");
}

/* A type that contains itself is not followed without end. */
ATF_TC_WITHOUT_HEAD(depth);
ATF_TC_BODY(depth, tc)
{
	/* 65: struct { A slice of 66 }, 66: slice of 66; we want field B. */
	static const uint8_t types[] = {0x17, 0xff, 0x81, 0x03, 0x01, 0x02,
	    0xff, 0x82, 0x00, 0x01, 0x02, 0x01, 0x01, 'A', 0x01, 0xff, 0x84,
	    0x00, 0x01, 0x01, 'B', 0x01, 0x06, 0x00, 0x00, 0x00, 0x0d, 0xff,
	    0x83, 0x02, 0x01, 0x02, 0xff, 0x84, 0x00, 0x01, 0xff, 0x84, 0x00,
	    0x00};
	static const struct gob_field fields[] = {{"B", &gob_uint}};
	static const struct gob_schema schema = {
	    .kind = GOB_STRUCT, .fields = fields, .nfields = 1};
	struct gob_decoder dec;
	struct gob_struct st;
	struct gob_ref ref, field;
	uint8_t stream[512];
	size_t n = sizeof(types);

	stream[0] = (uint8_t)(sizeof(types) - 15);
	memcpy(stream, types, n);
	stream[0] = 25;
	stream[n++] = 100 + 3;
	stream[n++] = 0xff;
	stream[n++] = 0x82;
	stream[n++] = 0x01;
	memset(stream + n, 1, 100);
	n += 100;
	gob_decode_init(&dec, stream, n);
	stream[n - 1] = 0;
	ATF_REQUIRE_EQ_MSG(
	    gob_decode_next(&dec, &schema, &ref), 1, "%s", dec.error);
	gob_decode_struct(&dec, &ref, &st);
	ATF_CHECK_EQ(gob_decode_field(&dec, &st, &field), -1);
	ATF_REQUIRE(dec.error != NULL);
	ATF_CHECK_STREQ(dec.error, "nested too deeply");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, primitives);
	ATF_TP_ADD_TC(tp, string_maps);
	ATF_TP_ADD_TC(tp, tolerance);
	ATF_TP_ADD_TC(tp, empty_map);
	ATF_TP_ADD_TC(tp, refusals);
	ATF_TP_ADD_TC(tp, depth);
	return atf_no_error();
}
