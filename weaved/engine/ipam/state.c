#include <stdlib.h>
#include <string.h>

#include "common/sort.h"
#include "weaved/engine/ipam/array.h"
#include "weaved/engine/ipam/state.h"

#define NFIELDS(fields) (sizeof(fields) / sizeof((fields)[0]))
#define SCHEMA_STRUCT(text, list)                                     \
	{                                                             \
		.kind = GOB_STRUCT, .name = (text), .fields = (list), \
		.nfields = NFIELDS(list)                              \
	}

/* The numbers of fields are those of the tables below. */
enum {
	NODE_NAME,
	NODE_UID
};
enum {
	PROPOSAL_ROUND,
	PROPOSAL_PROPOSER
};
enum {
	VALUE_VALUE,
	VALUE_ORIGIN
};
enum {
	CLAIMS_PROMISE,
	CLAIMS_ACCEPTED,
	CLAIMS_VALUE
};
enum {
	ENTRY_TOKEN,
	ENTRY_PEER,
	ENTRY_VERSION,
	ENTRY_FREE
};
enum {
	RING_START,
	RING_END,
	RING_PEER,
	RING_ENTRIES,
	RING_SEEDS
};
enum {
	STATE_NOW,
	STATE_NICKNAMES,
	STATE_PAXOS,
	STATE_RING
};
enum {
	RANGE_START,
	RANGE_END
};

static const struct gob_field node_fields[] = {
    {"Name", &gob_uint}, {"UID", &gob_uint}};
static const struct gob_schema node_schema =
    SCHEMA_STRUCT("NodeID", node_fields);

static const struct gob_field proposal_fields[] = {
    {"Round", &gob_uint}, {"Proposer", &node_schema}};
static const struct gob_schema proposal_schema =
    SCHEMA_STRUCT("ProposalID", proposal_fields);

static const struct gob_schema names_schema = {
    .kind = GOB_SLICE, .name = "Value", .elem = &gob_uint};
static const struct gob_field value_fields[] = {
    {"Value", &names_schema}, {"Origin", &proposal_schema}};
static const struct gob_schema value_schema =
    SCHEMA_STRUCT("AcceptedValue", value_fields);

static const struct gob_field claims_fields[] = {{"Promise", &proposal_schema},
    {"Accepted", &proposal_schema}, {"AcceptedVal", &value_schema}};
static const struct gob_schema claims_schema =
    SCHEMA_STRUCT("NodeClaims", claims_fields);

static const struct gob_schema paxos_schema = {.kind = GOB_MAP,
    .name = "GossipState",
    .key = &node_schema,
    .elem = &claims_schema};

static const struct gob_field entry_fields[] = {{"Token", &gob_uint},
    {"Peer", &gob_uint}, {"Version", &gob_uint}, {"Free", &gob_uint}};
static const struct gob_schema entry_schema =
    SCHEMA_STRUCT("entry", entry_fields);
static const struct gob_schema entries_schema = {
    .kind = GOB_SLICE, .name = "entries", .elem = &entry_schema};

static const struct gob_schema seeds_schema = {
    .kind = GOB_SLICE, .name = "[]mesh.PeerName", .elem = &gob_uint};
static const struct gob_field ring_fields[] = {{"Start", &gob_uint},
    {"End", &gob_uint}, {"Peer", &gob_uint}, {"Entries", &entries_schema},
    {"Seeds", &seeds_schema}};
static const struct gob_schema ring_schema = SCHEMA_STRUCT("Ring", ring_fields);

static const struct gob_schema nicknames_schema = {.kind = GOB_MAP,
    .name = "map[mesh.PeerName]string",
    .key = &gob_uint,
    .elem = &gob_string};
static const struct gob_field state_fields[] = {{"Now", &gob_int},
    {"Nicknames", &nicknames_schema}, {"Paxos", &paxos_schema},
    {"Ring", &ring_schema}};
static const struct gob_schema state_schema =
    SCHEMA_STRUCT("gossipState", state_fields);

static const struct gob_field range_fields[] = {
    {"Start", &gob_uint}, {"End", &gob_uint}};
static const struct gob_schema range_schema =
    SCHEMA_STRUCT("Range", range_fields);

struct reader {
	struct gob_decoder dec;
	const char *error; /* of ours; else dec.error */
};

/* Reads one field of a structure into what is behind into. */
typedef bool (*read_field)(
    struct reader *, const struct gob_ref *, int, void *);

static bool refuse(struct reader *, const char *);
static bool read_u32(struct reader *, uint32_t *);
static bool read_name(struct reader *, uint64_t *);
static bool read_struct(
    struct reader *, const struct gob_ref *, read_field, void *);
static bool read_node(struct reader *, const struct gob_ref *, int, void *);
static bool read_proposal(struct reader *, const struct gob_ref *, int, void *);
static bool read_value(struct reader *, const struct gob_ref *, int, void *);
static bool read_names(struct reader *, struct paxos_claims *);
static bool read_claims(struct reader *, const struct gob_ref *, int, void *);
static bool read_paxos(
    struct reader *, const struct gob_ref *, struct paxos_table *);
static bool read_entry(struct reader *, const struct gob_ref *, int, void *);
static bool read_entries(
    struct reader *, const struct gob_ref *, struct ring *);
static bool read_seeds(struct reader *, struct ring *);
static bool read_ring(struct reader *, const struct gob_ref *, int, void *);
static bool read_nickname(struct reader *, struct ipam_state *);
static bool read_nicknames(struct reader *, struct ipam_state *);
static bool read_state(struct reader *, const struct gob_ref *, int, void *);
static bool read_range(struct reader *, const struct gob_ref *, int, void *);
static const char *read_top(
    const struct gob_schema *, read_field, void *, const uint8_t *, size_t);
static int nickname_compare(const void *, const void *);
static const char *state_finish(struct ipam_state *);
static void put_uint(
    struct gob_encoder *, struct gob_fields *, unsigned, uint64_t);
static void put_names(struct gob_encoder *, struct gob_fields *, unsigned,
    const uint64_t *, size_t);
static void put_node(struct gob_encoder *, const struct paxos_node *);
static void put_proposal(struct gob_encoder *, const struct paxos_proposal *);
static void put_claims(struct gob_encoder *, const struct paxos_claims *);
static void put_paxos(struct gob_encoder *, const struct paxos_table *);
static void put_ring(struct gob_encoder *, const struct ring *);
static void put_entry(struct gob_encoder *, const struct ring_entry *);
static void put_nicknames(struct gob_encoder *, const struct ipam_state *);
static void put_range(struct gob_encoder *, struct ip_range);

static bool
refuse(struct reader *rd, const char *error)
{
	rd->error = error;
	return false;
}

static bool
read_u32(struct reader *rd, uint32_t *value)
{
	uint64_t u;

	if (!gob_decode_uint(&rd->dec, &u))
		return false;
	if (u > UINT32_MAX)
		return refuse(rd, "number of more than 32 bits");
	*value = (uint32_t)u;
	return true;
}

static bool
read_name(struct reader *rd, uint64_t *name)
{
	if (!gob_decode_uint(&rd->dec, name))
		return false;
	return *name <= PEERNAME_MAX || refuse(rd, "not a peer name");
}

static bool
read_struct(
    struct reader *rd, const struct gob_ref *at, read_field read, void *into)
{
	struct gob_struct st;
	struct gob_ref ref;
	int field;

	gob_decode_struct(&rd->dec, at, &st);
	while ((field = gob_decode_field(&rd->dec, &st, &ref)) != -1)
		if (!read(rd, &ref, field, into))
			return false;
	return rd->dec.error == NULL;
}

static bool
read_node(struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct paxos_node *node = into;

	(void)ref;
	if (field == NODE_NAME)
		return read_name(rd, &node->name);
	return gob_decode_uint(&rd->dec, &node->uid);
}

static bool
read_proposal(
    struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct paxos_proposal *proposal = into;

	if (field == PROPOSAL_ROUND)
		return gob_decode_uint(&rd->dec, &proposal->round);
	return read_struct(rd, ref, read_node, &proposal->proposer);
}

static bool
read_value(struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct paxos_claims *claims = into;

	if (field == VALUE_VALUE)
		return read_names(rd, claims);
	return read_struct(rd, ref, read_proposal, &claims->origin);
}

static bool
read_names(struct reader *rd, struct paxos_claims *claims)
{
	uint64_t count, name;

	if (!gob_decode_count(&rd->dec, &count))
		return false;
	for (; count > 0; count--) {
		if (!read_name(rd, &name))
			return false;
		if (!paxos_claims_append(claims, name))
			return refuse(rd, "too many peers in a paxos value");
	}
	return true;
}

static bool
read_claims(struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct paxos_claims *claims = into;

	switch (field) {
	case CLAIMS_PROMISE:
		return read_struct(rd, ref, read_proposal, &claims->promise);
	case CLAIMS_ACCEPTED:
		return read_struct(rd, ref, read_proposal, &claims->accepted);
	default:
		return read_struct(rd, ref, read_value, claims);
	}
}

static bool
read_paxos(
    struct reader *rd, const struct gob_ref *at, struct paxos_table *table)
{
	struct gob_ref key = gob_decode_key(&rd->dec, at);
	struct gob_ref elem = gob_decode_elem(&rd->dec, at);
	struct paxos_claims *claims;
	uint64_t count;

	if (!gob_decode_count(&rd->dec, &count))
		return false;
	for (; count > 0; count--) {
		if ((claims = paxos_table_append(table)) == NULL)
			return refuse(rd, "too many nodes in paxos");
		if (!read_struct(rd, &key, read_node, &claims->node) ||
		    !read_struct(rd, &elem, read_claims, claims))
			return false;
	}
	return true;
}

static bool
read_entry(struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct ring_entry *entry = into;

	(void)ref;
	switch (field) {
	case ENTRY_TOKEN:
		return read_u32(rd, &entry->token);
	case ENTRY_PEER:
		return read_name(rd, &entry->peer);
	case ENTRY_VERSION:
		return read_u32(rd, &entry->version);
	default:
		return read_u32(rd, &entry->free);
	}
}

static bool
read_entries(struct reader *rd, const struct gob_ref *at, struct ring *ring)
{
	struct gob_ref elem = gob_decode_elem(&rd->dec, at);
	struct ring_entry entry;
	uint64_t count;

	if (!gob_decode_count(&rd->dec, &count))
		return false;
	for (; count > 0; count--) {
		memset(&entry, 0, sizeof(entry));
		if (!read_struct(rd, &elem, read_entry, &entry))
			return false;
		if (!ring_append(ring, &entry))
			return refuse(rd, "too many entries in the ring");
	}
	return true;
}

static bool
read_seeds(struct reader *rd, struct ring *ring)
{
	uint64_t count, name;

	if (!gob_decode_count(&rd->dec, &count))
		return false;
	for (; count > 0; count--) {
		if (!read_name(rd, &name))
			return false;
		if (!ring_append_seed(ring, name))
			return refuse(rd, "too many seeds in the ring");
	}
	return true;
}

static bool
read_ring(struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct ring *ring = into;

	switch (field) {
	case RING_START:
		return read_u32(rd, &ring->start);
	case RING_END:
		return read_u32(rd, &ring->end);
	case RING_PEER:
		return read_name(rd, &ring->peer);
	case RING_ENTRIES:
		return read_entries(rd, ref, ring);
	default:
		return read_seeds(rd, ring);
	}
}

static bool
read_nickname(struct reader *rd, struct ipam_state *state)
{
	struct ipam_nickname *nicknames, *nickname;
	const uint8_t *text;
	size_t len;

	nicknames = array_reserve(state->nicknames, &state->nicknames_size,
	    state->nnicknames + 1, sizeof(*nicknames), MESH_PEERS_MAX);
	if (nicknames == NULL)
		return refuse(rd, "too many nicknames");
	state->nicknames = nicknames;
	nickname = &nicknames[state->nnicknames++];
	memset(nickname, 0, sizeof(*nickname));
	if (!read_name(rd, &nickname->peer) ||
	    !gob_decode_bytes(&rd->dec, &text, &len))
		return false;
	if (len >= sizeof(nickname->text))
		len = sizeof(nickname->text) - 1;
	memcpy(nickname->text, text, len);
	return true;
}

static bool
read_nicknames(struct reader *rd, struct ipam_state *state)
{
	uint64_t count;

	if (!gob_decode_count(&rd->dec, &count))
		return false;
	for (; count > 0; count--)
		if (!read_nickname(rd, state))
			return false;
	return true;
}

static bool
read_state(struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct ipam_state *state = into;

	switch (field) {
	case STATE_NOW:
		return gob_decode_int(&rd->dec, &state->now);
	case STATE_NICKNAMES:
		return read_nicknames(rd, state);
	case STATE_PAXOS:
		state->has_paxos = true;
		return read_paxos(rd, ref, &state->paxos);
	default:
		state->has_ring = true;
		return read_struct(rd, ref, read_ring, &state->ring);
	}
}

static bool
read_range(struct reader *rd, const struct gob_ref *ref, int field, void *into)
{
	struct ip_range *range = into;

	(void)ref;
	return read_u32(rd, field == RANGE_START ? &range->start : &range->end);
}

/* The one value of a stream. */
static const char *
read_top(const struct gob_schema *schema, read_field read, void *into,
    const uint8_t *data, size_t len)
{
	struct reader rd;
	struct gob_ref ref;

	rd.error = NULL;
	gob_decode_init(&rd.dec, data, len);
	switch (gob_decode_next(&rd.dec, schema, &ref)) {
	case 1:
		if (read_struct(&rd, &ref, read, into))
			return NULL;
		return rd.error != NULL ? rd.error : rd.dec.error;
	case 0:
		return "no value";
	default:
		return rd.dec.error;
	}
}

static int
nickname_compare(const void *a, const void *b)
{
	const struct ipam_nickname *x = a, *y = b;

	return (x->peer > y->peer) - (x->peer < y->peer);
}

static const char *
state_finish(struct ipam_state *state)
{
	const struct ipam_nickname *nicknames = state->nicknames;

	if (state->nnicknames > 1)
		sort_array(state->nicknames, state->nnicknames,
		    sizeof(*state->nicknames), nickname_compare);
	for (size_t i = 1; i < state->nnicknames; i++)
		if (nicknames[i].peer == nicknames[i - 1].peer)
			return "two nicknames for a peer";
	if (!paxos_table_sort(&state->paxos))
		return "node twice in paxos";
	return NULL;
}

const char *
ipam_state_decode(struct ipam_state *state, const uint8_t *data, size_t len)
{
	const char *error;

	memset(state, 0, sizeof(*state));
	error = read_top(&state_schema, read_state, state, data, len);
	if (error == NULL)
		error = state_finish(state);
	if (error != NULL)
		ipam_state_free(state);
	return error;
}

void
ipam_state_free(struct ipam_state *state)
{
	free(state->nicknames);
	paxos_table_free(&state->paxos);
	ring_free(&state->ring);
	memset(state, 0, sizeof(*state));
}

const char *
ipam_unicast_decode(
    struct ipam_unicast *unicast, const uint8_t *data, size_t len)
{
	const char *error;

	memset(unicast, 0, sizeof(*unicast));
	if (len == 0)
		return "no kind";
	switch (data[0]) {
	case IPAM_RING_UPDATE:
		unicast->kind = IPAM_RING_UPDATE;
		return ipam_state_decode(&unicast->state, data + 1, len - 1);
	case IPAM_SPACE_REQUEST:
	case IPAM_SPACE_DENIED:
		unicast->kind = (enum ipam_kind)data[0];
		break;
	default:
		return "unknown kind";
	}
	error = read_top(
	    &range_schema, read_range, &unicast->range, data + 1, len - 1);
	if (error == NULL && unicast->range.start >= unicast->range.end)
		error = "empty address range";
	return error;
}

void
ipam_unicast_free(struct ipam_unicast *unicast)
{
	ipam_state_free(&unicast->state);
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
put_names(struct gob_encoder *enc, struct gob_fields *fields, unsigned number,
    const uint64_t *names, size_t n)
{
	if (n == 0)
		return;
	gob_encode_field(enc, fields, number);
	gob_encode_count(enc, n);
	for (size_t i = 0; i < n; i++)
		gob_encode_uint(enc, names[i]);
}

static void
put_node(struct gob_encoder *enc, const struct paxos_node *node)
{
	struct gob_fields fields = {0};

	put_uint(enc, &fields, NODE_NAME, node->name);
	put_uint(enc, &fields, NODE_UID, node->uid);
	gob_encode_struct_end(enc);
}

static void
put_proposal(struct gob_encoder *enc, const struct paxos_proposal *proposal)
{
	struct gob_fields fields = {0};

	put_uint(enc, &fields, PROPOSAL_ROUND, proposal->round);
	gob_encode_field(enc, &fields, PROPOSAL_PROPOSER);
	put_node(enc, &proposal->proposer);
	gob_encode_struct_end(enc);
}

static void
put_claims(struct gob_encoder *enc, const struct paxos_claims *claims)
{
	struct gob_fields fields = {0}, value = {0};

	gob_encode_field(enc, &fields, CLAIMS_PROMISE);
	put_proposal(enc, &claims->promise);
	gob_encode_field(enc, &fields, CLAIMS_ACCEPTED);
	put_proposal(enc, &claims->accepted);
	gob_encode_field(enc, &fields, CLAIMS_VALUE);
	put_names(enc, &value, VALUE_VALUE, claims->value, claims->nvalue);
	gob_encode_field(enc, &value, VALUE_ORIGIN);
	put_proposal(enc, &claims->origin);
	gob_encode_struct_end(enc);
	gob_encode_struct_end(enc);
}

static void
put_paxos(struct gob_encoder *enc, const struct paxos_table *table)
{
	gob_encode_count(enc, table->n);
	for (size_t i = 0; i < table->n; i++) {
		put_node(enc, &table->claims[i].node);
		put_claims(enc, &table->claims[i]);
	}
}

static void
put_entry(struct gob_encoder *enc, const struct ring_entry *entry)
{
	struct gob_fields fields = {0};

	put_uint(enc, &fields, ENTRY_TOKEN, entry->token);
	put_uint(enc, &fields, ENTRY_PEER, entry->peer);
	put_uint(enc, &fields, ENTRY_VERSION, entry->version);
	put_uint(enc, &fields, ENTRY_FREE, entry->free);
	gob_encode_struct_end(enc);
}

static void
put_ring(struct gob_encoder *enc, const struct ring *ring)
{
	struct gob_fields fields = {0};

	put_uint(enc, &fields, RING_START, ring->start);
	put_uint(enc, &fields, RING_END, ring->end);
	put_uint(enc, &fields, RING_PEER, ring->peer);
	if (ring->nentries > 0) {
		gob_encode_field(enc, &fields, RING_ENTRIES);
		gob_encode_count(enc, ring->nentries);
	}
	for (size_t i = 0; i < ring->nentries; i++)
		put_entry(enc, &ring->entries[i]);
	put_names(enc, &fields, RING_SEEDS, ring->seeds, ring->nseeds);
	gob_encode_struct_end(enc);
}

static void
put_nicknames(struct gob_encoder *enc, const struct ipam_state *state)
{
	gob_encode_count(enc, state->nnicknames);
	for (size_t i = 0; i < state->nnicknames; i++) {
		gob_encode_uint(enc, state->nicknames[i].peer);
		gob_encode_text(enc, state->nicknames[i].text);
	}
}

void
ipam_state_encode(struct gob_encoder *enc, const struct ipam_state *state)
{
	struct gob_fields fields = {0};

	gob_encode_begin(enc, &state_schema);
	if (state->now != 0) {
		gob_encode_field(enc, &fields, STATE_NOW);
		gob_encode_int(enc, state->now);
	}
	if (state->nnicknames > 0) {
		gob_encode_field(enc, &fields, STATE_NICKNAMES);
		put_nicknames(enc, state);
	}
	if (state->has_paxos) {
		gob_encode_field(enc, &fields, STATE_PAXOS);
		put_paxos(enc, &state->paxos);
	}
	if (state->has_ring) {
		gob_encode_field(enc, &fields, STATE_RING);
		put_ring(enc, &state->ring);
	}
	gob_encode_struct_end(enc);
	gob_encode_end(enc);
}

static void
put_range(struct gob_encoder *enc, struct ip_range range)
{
	struct gob_fields fields = {0};

	gob_encode_begin(enc, &range_schema);
	put_uint(enc, &fields, RANGE_START, range.start);
	put_uint(enc, &fields, RANGE_END, range.end);
	gob_encode_struct_end(enc);
	gob_encode_end(enc);
}

void
ipam_unicast_encode(struct gob_encoder *enc, const struct ipam_unicast *unicast)
{
	uint8_t kind = (uint8_t)unicast->kind;

	gob_encode_raw(enc, &kind, sizeof(kind));
	if (unicast->kind == IPAM_RING_UPDATE)
		ipam_state_encode(enc, &unicast->state);
	else
		put_range(enc, unicast->range);
}
