/*
 * The payloads of dns_gossip.json through the gob decoder, and the types of
 * mesh-protocol 5.5 through the encoder: the channel nameserver needs nothing
 * that these lack.
 */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/addr.h"
#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/gob.h"

#define ENTRIES_MAX 8
#define TEXT_MAX 256

enum {
	ENTRY_CONTAINER,
	ENTRY_ORIGIN,
	ENTRY_ADDR,
	ENTRY_HOSTNAME,
	ENTRY_VERSION,
	ENTRY_TOMBSTONE
};
enum {
	GOSSIP_TIMESTAMP,
	GOSSIP_ENTRIES
};

static const struct gob_field entry_fields[] = {{"ContainerID", &gob_string},
    {"Origin", &gob_uint}, {"Addr", &gob_uint}, {"Hostname", &gob_string},
    {"Version", &gob_int}, {"Tombstone", &gob_int}};
static const struct gob_schema entry_schema = {
    .kind = GOB_STRUCT, .name = "Entry", .fields = entry_fields, .nfields = 6};
static const struct gob_schema entries_schema = {
    .kind = GOB_SLICE, .name = "Entries", .elem = &entry_schema};
static const struct gob_field gossip_fields[] = {
    {"Timestamp", &gob_int}, {"Entries", &entries_schema}};
static const struct gob_schema gossip_schema = {.kind = GOB_STRUCT,
    .name = "GossipData",
    .fields = gossip_fields,
    .nfields = 2};

struct entry {
	char container[TEXT_MAX];
	char hostname[TEXT_MAX];
	uint64_t origin, addr;
	int64_t version, tombstone;
};

struct gossip {
	int64_t timestamp;
	size_t n;
	struct entry entries[ENTRIES_MAX];
};

static void read_text(struct gob_decoder *, char[TEXT_MAX]);
static void read_entry(
    struct gob_decoder *, const struct gob_ref *, struct entry *);
static void read_entries(
    struct gob_decoder *, const struct gob_ref *, struct gossip *);
static void read_gossip(const uint8_t *, size_t, struct gossip *);
static void put_text(
    struct gob_encoder *, struct gob_fields *, unsigned, const char *);
static void put_uint(
    struct gob_encoder *, struct gob_fields *, unsigned, uint64_t);
static void put_int(
    struct gob_encoder *, struct gob_fields *, unsigned, int64_t);
static void put_entry(struct gob_encoder *, const struct entry *);
static void put_gossip(struct gob_encoder *, const struct gossip *);
static int entry_compare(const void *, const void *);
static void expect_gossip(const json_t *, const struct gossip *);

static void
read_text(struct gob_decoder *dec, char text[TEXT_MAX])
{
	const uint8_t *data;
	size_t len;

	ATF_REQUIRE(gob_decode_bytes(dec, &data, &len));
	ATF_REQUIRE(len < TEXT_MAX);
	memcpy(text, data, len);
	text[len] = '\0';
}

static void
read_entry(
    struct gob_decoder *dec, const struct gob_ref *at, struct entry *entry)
{
	struct gob_struct st;
	struct gob_ref ref;
	int field;

	memset(entry, 0, sizeof(*entry));
	gob_decode_struct(dec, at, &st);
	while ((field = gob_decode_field(dec, &st, &ref)) != -1) {
		switch (field) {
		case ENTRY_CONTAINER:
			read_text(dec, entry->container);
			break;
		case ENTRY_ORIGIN:
			ATF_REQUIRE(gob_decode_uint(dec, &entry->origin));
			break;
		case ENTRY_ADDR:
			ATF_REQUIRE(gob_decode_uint(dec, &entry->addr));
			break;
		case ENTRY_HOSTNAME:
			read_text(dec, entry->hostname);
			break;
		case ENTRY_VERSION:
			ATF_REQUIRE(gob_decode_int(dec, &entry->version));
			break;
		default:
			ATF_REQUIRE(gob_decode_int(dec, &entry->tombstone));
			break;
		}
	}
}

static void
read_entries(
    struct gob_decoder *dec, const struct gob_ref *at, struct gossip *gossip)
{
	struct gob_ref elem = gob_decode_elem(dec, at);
	uint64_t count;

	ATF_REQUIRE(gob_decode_count(dec, &count));
	ATF_REQUIRE(count <= ENTRIES_MAX);
	gossip->n = count;
	for (size_t i = 0; i < count; i++)
		read_entry(dec, &elem, &gossip->entries[i]);
}

static void
read_gossip(const uint8_t *payload, size_t len, struct gossip *gossip)
{
	struct gob_decoder dec;
	struct gob_struct st;
	struct gob_ref ref;
	int field;

	memset(gossip, 0, sizeof(*gossip));
	gob_decode_init(&dec, payload, len);
	ATF_REQUIRE_EQ(1, gob_decode_next(&dec, &gossip_schema, &ref));
	gob_decode_struct(&dec, &ref, &st);
	while ((field = gob_decode_field(&dec, &st, &ref)) != -1) {
		if (field == GOSSIP_TIMESTAMP)
			ATF_REQUIRE(gob_decode_int(&dec, &gossip->timestamp));
		else
			read_entries(&dec, &ref, gossip);
	}
	ATF_REQUIRE(dec.p == dec.limit);
	ATF_REQUIRE_EQ(0, gob_decode_next(&dec, &gossip_schema, &ref));
	ATF_REQUIRE(dec.error == NULL);
}

static void
put_text(struct gob_encoder *enc, struct gob_fields *fields, unsigned number,
    const char *text)
{
	if (*text == '\0')
		return;
	gob_encode_field(enc, fields, number);
	gob_encode_text(enc, text);
}

static void
put_uint(struct gob_encoder *enc, struct gob_fields *fields, unsigned number,
    uint64_t value)
{
	if (value == 0)
		return;
	gob_encode_field(enc, fields, number);
	gob_encode_uint(enc, value);
}

static void
put_int(struct gob_encoder *enc, struct gob_fields *fields, unsigned number,
    int64_t value)
{
	if (value == 0)
		return;
	gob_encode_field(enc, fields, number);
	gob_encode_int(enc, value);
}

static void
put_entry(struct gob_encoder *enc, const struct entry *entry)
{
	struct gob_fields fields = {0};

	put_text(enc, &fields, ENTRY_CONTAINER, entry->container);
	put_uint(enc, &fields, ENTRY_ORIGIN, entry->origin);
	put_uint(enc, &fields, ENTRY_ADDR, entry->addr);
	put_text(enc, &fields, ENTRY_HOSTNAME, entry->hostname);
	put_int(enc, &fields, ENTRY_VERSION, entry->version);
	put_int(enc, &fields, ENTRY_TOMBSTONE, entry->tombstone);
	gob_encode_struct_end(enc);
}

static void
put_gossip(struct gob_encoder *enc, const struct gossip *gossip)
{
	struct gob_fields fields = {0};

	gob_encode_begin(enc, &gossip_schema);
	put_int(enc, &fields, GOSSIP_TIMESTAMP, gossip->timestamp);
	if (gossip->n > 0) {
		gob_encode_field(enc, &fields, GOSSIP_ENTRIES);
		gob_encode_count(enc, gossip->n);
	}
	for (size_t i = 0; i < gossip->n; i++)
		put_entry(enc, &gossip->entries[i]);
	gob_encode_struct_end(enc);
	gob_encode_end(enc);
}

/* As a receiver sorts: the name without regard to case first (11). */
static int
entry_compare(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	int order = strcasecmp(x->hostname, y->hostname);

	if (order == 0)
		order = (x->origin > y->origin) - (x->origin < y->origin);
	if (order == 0)
		order = strcmp(x->container, y->container);
	if (order == 0)
		order = (x->addr > y->addr) - (x->addr < y->addr);
	return order;
}

static void
expect_gossip(const json_t *item, const struct gossip *got)
{
	json_t *list = vectors_get(item, "entries_in_decoded_order"), *one;
	struct gossip sorted = *got;
	const struct entry *entry;
	char name[PEERNAME_STRLEN], addr[IPV4_STRLEN];
	size_t i;

	qsort(sorted.entries, sorted.n, sizeof(*entry), entry_compare);
	ATF_CHECK_EQ((int64_t)vectors_u64(item, "timestamp"), got->timestamp);
	ATF_REQUIRE_EQ(json_array_size(list), got->n);
	json_array_foreach(list, i, one) {
		entry = &sorted.entries[i];
		peername_format(entry->origin, name);
		ipv4_format((uint32_t)entry->addr, addr);
		ATF_CHECK_STREQ(
		    vectors_text(one, "container_id"), entry->container);
		ATF_CHECK_STREQ(vectors_text(one, "hostname"), entry->hostname);
		ATF_CHECK_STREQ(vectors_text(one, "origin"), name);
		ATF_CHECK_STREQ(vectors_text(one, "addr"), addr);
		ATF_CHECK(entry->addr <= UINT32_MAX);
		ATF_CHECK_EQ(
		    (int64_t)vectors_u64(one, "version"), entry->version);
		ATF_CHECK_EQ(
		    (int64_t)vectors_u64(one, "tombstone"), entry->tombstone);
	}
}

ATF_TC_WITHOUT_HEAD(messages);
ATF_TC_BODY(messages, tc)
{
	json_t *root = vectors_load("dns_gossip.json"), *item;
	struct gossip gossip, again;
	struct gob_encoder enc;
	uint8_t *payload;
	size_t i, len;

	json_array_foreach(vectors_get(root, "messages"), i, item) {
		printf("%s\n", vectors_text(item, "label"));
		payload = vectors_bytes(item, "payload", &len);
		read_gossip(payload, len, &gossip);
		expect_gossip(item, &gossip);
		gob_encode_init(&enc, 1 << 20);
		put_gossip(&enc, &gossip);
		ATF_REQUIRE(!enc.failed);
		read_gossip(enc.data, enc.len, &again);
		expect_gossip(item, &again);
		gob_encode_free(&enc);
		free(payload);
	}
	ATF_CHECK_EQ(4, i);
	json_decref(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, messages);
	return atf_no_error();
}
