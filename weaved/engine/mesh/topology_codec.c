#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/sort.h"
#include "weaved/engine/mesh/topology.h"

/* Of one message: a real router's table has no limit. */
#define RECORDS_MAX ((size_t)4 * TOPOLOGY_PEERS_MAX)

enum {
	PEER_NAME,
	PEER_NICKNAME,
	PEER_UID,
	PEER_VERSION,
	PEER_SHORT_ID,
	PEER_HAS_SHORT_ID
};

static const struct gob_field peer_fields[] = {
    [PEER_NAME] = {"NameByte", &gob_bytes},
    [PEER_NICKNAME] = {"NickName", &gob_string},
    [PEER_UID] = {"UID", &gob_uint},
    [PEER_VERSION] = {"Version", &gob_uint},
    [PEER_SHORT_ID] = {"ShortID", &gob_uint},
    [PEER_HAS_SHORT_ID] = {"HasShortID", &gob_bool}};

enum {
	CONN_NAME,
	CONN_ADDR,
	CONN_OUTBOUND,
	CONN_ESTABLISHED
};

static const struct gob_field conn_fields[] = {
    [CONN_NAME] = {"NameByte", &gob_bytes},
    [CONN_ADDR] = {"RemoteTCPAddr", &gob_string},
    [CONN_OUTBOUND] = {"Outbound", &gob_bool},
    [CONN_ESTABLISHED] = {"Established", &gob_bool}};

#define NFIELDS(f) (sizeof(f) / sizeof((f)[0]))

static const struct gob_schema peer_schema = {.kind = GOB_STRUCT,
    .name = "peerSummary",
    .fields = peer_fields,
    .nfields = NFIELDS(peer_fields)};
static const struct gob_schema conn_schema = {.kind = GOB_STRUCT,
    .name = "connectionSummary",
    .fields = conn_fields,
    .nfields = NFIELDS(conn_fields)};
static const struct gob_schema conns_schema = {
    .kind = GOB_SLICE, .elem = &conn_schema};

/* The records of a payload while it is being read. */
struct reading {
	struct gob_decoder dec;
	struct topology_record *records;
	size_t count;
	size_t size;
};

static void decode_failed(struct gob_decoder *, const char *);
static void decode_name(struct gob_decoder *, uint64_t *);
static void decode_text(struct gob_decoder *, char *, size_t, bool);
static void decode_short_id(struct gob_decoder *, uint16_t *);
static void decode_peer(
    struct gob_decoder *, const struct gob_ref *, struct topology_record *);
static void decode_conn(
    struct gob_decoder *, const struct gob_ref *, struct topology_conn *);
static void decode_conns(
    struct gob_decoder *, const struct gob_ref *, struct topology_record *);
static void conns_sort(struct topology_record *);
static int conn_compare(const void *, const void *);
static struct topology_record *record_new(struct reading *);
static void decode_all(struct reading *);
static void encode_peer(struct gob_encoder *, const struct topology_peer *);
static void encode_conn(struct gob_encoder *, const struct topology_conn *);
static void encode_name(struct gob_encoder *, uint64_t);
static void encode_uint(
    struct gob_encoder *, struct gob_fields *, unsigned, uint64_t);

static void
decode_failed(struct gob_decoder *dec, const char *error)
{
	if (dec->error == NULL)
		dec->error = error;
}

/* Not six bytes long: folded like Go does, of which we keep 48 bits. */
static void
decode_name(struct gob_decoder *dec, uint64_t *name)
{
	const uint8_t *bytes;
	size_t len;

	*name = 0;
	if (!gob_decode_bytes(dec, &bytes, &len))
		return;
	for (size_t i = 0; i < len; i++)
		*name = *name << 8 | bytes[i];
	*name &= PEERNAME_MAX;
}

static void
decode_text(struct gob_decoder *dec, char *text, size_t size, bool cut)
{
	const uint8_t *bytes;
	size_t len;

	if (!gob_decode_bytes(dec, &bytes, &len))
		return;
	if (len >= size && !cut) {
		decode_failed(dec, "address too long");
		return;
	}
	if (len >= size)
		len = size - 1;
	memcpy(text, bytes, len);
	text[len] = '\0';
}

static void
decode_short_id(struct gob_decoder *dec, uint16_t *short_id)
{
	uint64_t value;

	if (!gob_decode_uint(dec, &value))
		return;
	if (value > UINT16_MAX)
		decode_failed(dec, "short id out of range");
	*short_id = (uint16_t)value;
}

static void
decode_peer(struct gob_decoder *dec, const struct gob_ref *ref,
    struct topology_record *record)
{
	struct gob_struct st;
	struct gob_ref field;
	int i;

	gob_decode_struct(dec, ref, &st);
	while ((i = gob_decode_field(dec, &st, &field)) != -1) {
		switch (i) {
		case PEER_NAME:
			decode_name(dec, &record->name);
			break;
		case PEER_NICKNAME:
			decode_text(dec, record->nickname,
			    sizeof(record->nickname), true);
			break;
		case PEER_UID:
			gob_decode_uint(dec, &record->uid);
			break;
		case PEER_VERSION:
			gob_decode_uint(dec, &record->version);
			break;
		case PEER_SHORT_ID:
			decode_short_id(dec, &record->short_id);
			break;
		default:
			gob_decode_bool(dec, &record->has_short_id);
			break;
		}
	}
}

static void
decode_conn(struct gob_decoder *dec, const struct gob_ref *ref,
    struct topology_conn *conn)
{
	struct gob_struct st;
	struct gob_ref field;
	int i;

	gob_decode_struct(dec, ref, &st);
	while ((i = gob_decode_field(dec, &st, &field)) != -1) {
		switch (i) {
		case CONN_NAME:
			decode_name(dec, &conn->peer);
			break;
		case CONN_ADDR:
			decode_text(dec, conn->addr, sizeof(conn->addr), false);
			break;
		case CONN_OUTBOUND:
			gob_decode_bool(dec, &conn->outbound);
			break;
		default:
			gob_decode_bool(dec, &conn->established);
			break;
		}
	}
}

static void
decode_conns(struct gob_decoder *dec, const struct gob_ref *ref,
    struct topology_record *record)
{
	struct gob_ref elem = gob_decode_elem(dec, ref);
	uint64_t count;

	if (!gob_decode_count(dec, &count) || count == 0)
		return;
	if (count > TOPOLOGY_CONNS_MAX) {
		decode_failed(dec, "too many connections");
		return;
	}
	record->conns = calloc(count, sizeof(*record->conns));
	if (record->conns == NULL) {
		decode_failed(dec, "out of memory");
		return;
	}
	for (; count > 0 && dec->error == NULL; count--)
		decode_conn(dec, &elem, &record->conns[record->nconns++]);
	if (dec->error == NULL)
		conns_sort(record);
}

static int
conn_compare(const void *a, const void *b)
{
	const struct topology_conn *x = a, *y = b;

	return x->peer < y->peer ? -1 : x->peer > y->peer;
}

/* Ascending, one for each far end; those without a name are dropped. */
static void
conns_sort(struct topology_record *record)
{
	struct topology_conn *conns = record->conns;
	size_t n = 0;

	sort_array(conns, record->nconns, sizeof(*conns), conn_compare);
	for (size_t i = 0; i < record->nconns; i++)
		if (conns[i].peer != PEERNAME_UNKNOWN &&
		    (n == 0 || conns[n - 1].peer != conns[i].peer))
			conns[n++] = conns[i];
	record->nconns = n;
}

static struct topology_record *
record_new(struct reading *reading)
{
	struct topology_record *records;
	size_t size;

	if (reading->count == RECORDS_MAX) {
		decode_failed(&reading->dec, "too many peers");
		return NULL;
	}
	if (reading->count == reading->size) {
		size = reading->size == 0 ? 16 : reading->size * 2;
		records =
		    reallocarray(reading->records, size, sizeof(*records));
		if (records == NULL) {
			decode_failed(&reading->dec, "out of memory");
			return NULL;
		}
		reading->records = records;
		reading->size = size;
	}
	records = &reading->records[reading->count++];
	memset(records, 0, sizeof(*records));
	return records;
}

/* A summary whose list of connections does not follow is forgotten (5.5). */
static void
decode_all(struct reading *reading)
{
	struct gob_decoder *dec = &reading->dec;
	struct topology_record *record;
	struct gob_ref ref;

	while (gob_decode_next(dec, &peer_schema, &ref) == 1) {
		if ((record = record_new(reading)) == NULL)
			return;
		decode_peer(dec, &ref, record);
		if (dec->error != NULL)
			return;
		if (gob_decode_next(dec, &conns_schema, &ref) != 1) {
			reading->count--;
			return;
		}
		decode_conns(dec, &ref, record);
		if (dec->error != NULL)
			return;
	}
}

bool
topology_decode(const uint8_t *data, size_t len,
    struct topology_record **records, size_t *count, char *cause, size_t size)
{
	struct reading reading;

	*records = NULL;
	*count = 0;
	if (len > TOPOLOGY_RECEIVE_MAX) {
		snprintf(
		    cause, size, "topology update too long (%zu bytes)", len);
		return false;
	}
	reading.records = NULL;
	reading.count = reading.size = 0;
	gob_decode_init(&reading.dec, data, len);
	decode_all(&reading);
	if (reading.dec.error != NULL) {
		snprintf(
		    cause, size, "bad topology gossip: %s", reading.dec.error);
		topology_records_free(reading.records, reading.count);
		return false;
	}
	*records = reading.records;
	*count = reading.count;
	return true;
}

void
topology_records_free(struct topology_record *records, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(records[i].conns);
	free(records);
}

static void
encode_name(struct gob_encoder *enc, uint64_t name)
{
	uint8_t bytes[PEERNAME_LEN];

	peername_put(name, bytes);
	gob_encode_bytes(enc, bytes, sizeof(bytes));
}

static void
encode_conn(struct gob_encoder *enc, const struct topology_conn *conn)
{
	struct gob_fields fields = {0};

	gob_encode_field(enc, &fields, CONN_NAME);
	encode_name(enc, conn->peer);
	if (conn->addr[0] != '\0') {
		gob_encode_field(enc, &fields, CONN_ADDR);
		gob_encode_text(enc, conn->addr);
	}
	if (conn->outbound) {
		gob_encode_field(enc, &fields, CONN_OUTBOUND);
		gob_encode_bool(enc, true);
	}
	if (conn->established) {
		gob_encode_field(enc, &fields, CONN_ESTABLISHED);
		gob_encode_bool(enc, true);
	}
	gob_encode_struct_end(enc);
}

static void
encode_uint(struct gob_encoder *enc, struct gob_fields *fields, unsigned field,
    uint64_t value)
{
	if (value == 0)
		return;
	gob_encode_field(enc, fields, field);
	gob_encode_uint(enc, value);
}

static void
encode_peer(struct gob_encoder *enc, const struct topology_peer *peer)
{
	struct gob_fields fields = {0};

	gob_encode_begin(enc, &peer_schema);
	gob_encode_field(enc, &fields, PEER_NAME);
	encode_name(enc, peer->name);
	if (peer->nickname[0] != '\0') {
		gob_encode_field(enc, &fields, PEER_NICKNAME);
		gob_encode_text(enc, peer->nickname);
	}
	encode_uint(enc, &fields, PEER_UID, peer->uid);
	encode_uint(enc, &fields, PEER_VERSION, peer->version);
	encode_uint(enc, &fields, PEER_SHORT_ID, peer->short_id);
	encode_uint(enc, &fields, PEER_HAS_SHORT_ID, peer->has_short_id);
	gob_encode_struct_end(enc);
	gob_encode_end(enc);

	gob_encode_begin(enc, &conns_schema);
	gob_encode_count(enc, peer->nconns);
	for (size_t i = 0; i < peer->nconns; i++)
		encode_conn(enc, &peer->conns[i]);
	gob_encode_end(enc);
}

bool
topology_encode(const struct topology *topo, const uint64_t *names,
    size_t count, size_t *from, struct gob_encoder *enc)
{
	const struct topology_peer *peer;
	size_t start = enc->len, before;

	for (; *from < count; (*from)++) {
		if ((peer = topology_find(topo, names[*from])) == NULL)
			continue;
		before = enc->len;
		encode_peer(enc, peer);
		if (enc->failed)
			return false;
		if (enc->len - start > TOPOLOGY_UPDATE_MAX) {
			enc->len = before;
			break;
		}
	}
	return true;
}
