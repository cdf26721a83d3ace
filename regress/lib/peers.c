#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/peers.h"
#include "regress/lib/vectors.h"

static const struct gob_field peer_fields[] = {{"NameByte", &gob_bytes},
    {"NickName", &gob_string}, {"UID", &gob_uint}, {"Version", &gob_uint},
    {"ShortID", &gob_uint}, {"HasShortID", &gob_bool}};
static const struct gob_schema peer_schema = {.kind = GOB_STRUCT,
    .name = "peerSummary",
    .fields = peer_fields,
    .nfields = 6};
static const struct gob_field conn_fields[] = {{"NameByte", &gob_bytes},
    {"RemoteTCPAddr", &gob_string}, {"Outbound", &gob_bool},
    {"Established", &gob_bool}};
static const struct gob_schema conn_schema = {.kind = GOB_STRUCT,
    .name = "connectionSummary",
    .fields = conn_fields,
    .nfields = 4};
static const struct gob_schema conns_schema = {
    .kind = GOB_SLICE, .elem = &conn_schema};

uint32_t
peers_random(void *arg, uint32_t bound)
{
	static uint32_t count;
	uint32_t *next = arg != NULL ? arg : &count;

	return (*next)++ % bound;
}

uint64_t
peers_name(const json_t *object, const char *key)
{
	uint64_t name;

	ATF_REQUIRE(peername_parse(vectors_text(object, key), &name));
	return name;
}

static void
put_name(struct gob_encoder *enc, uint64_t name)
{
	uint8_t bytes[PEERNAME_LEN];

	peername_put(name, bytes);
	gob_encode_bytes(enc, bytes, sizeof(bytes));
}

static bool
is_true(const json_t *object, const char *key)
{
	return json_is_true(vectors_get(object, key));
}

/* Every field is sent, zero or not: a decoder does not mind. */
static void
put_peer(struct gob_encoder *enc, const json_t *peer)
{
	struct gob_fields fields = {0};
	json_t *conn;
	size_t i;

	gob_encode_begin(enc, &peer_schema);
	gob_encode_field(enc, &fields, 0);
	put_name(enc, peers_name(peer, "name"));
	gob_encode_field(enc, &fields, 1);
	gob_encode_text(enc, vectors_text(peer, "nickname"));
	gob_encode_field(enc, &fields, 2);
	gob_encode_uint(enc, vectors_u64(peer, "uid"));
	gob_encode_field(enc, &fields, 3);
	gob_encode_uint(enc, vectors_u64(peer, "version"));
	gob_encode_field(enc, &fields, 4);
	gob_encode_uint(enc, vectors_u64(peer, "short_id"));
	gob_encode_field(enc, &fields, 5);
	gob_encode_bool(enc, is_true(peer, "has_short_id"));
	gob_encode_struct_end(enc);
	gob_encode_end(enc);

	gob_encode_begin(enc, &conns_schema);
	gob_encode_count(
	    enc, json_array_size(vectors_get(peer, "connections")));
	json_array_foreach(vectors_get(peer, "connections"), i, conn) {
		memset(&fields, 0, sizeof(fields));
		gob_encode_field(enc, &fields, 0);
		put_name(enc, peers_name(conn, "remote"));
		gob_encode_field(enc, &fields, 1);
		gob_encode_text(enc, vectors_text(conn, "remote_tcp_addr"));
		gob_encode_field(enc, &fields, 2);
		gob_encode_bool(enc, is_true(conn, "outbound"));
		gob_encode_field(enc, &fields, 3);
		gob_encode_bool(enc, is_true(conn, "established"));
		gob_encode_struct_end(enc);
	}
	gob_encode_end(enc);
}

uint8_t *
peers_payload(const json_t *peers, size_t *len)
{
	struct gob_encoder enc;
	json_t *peer;
	size_t i;

	gob_encode_init(&enc, TOPOLOGY_UPDATE_MAX);
	json_array_foreach(peers, i, peer)
		put_peer(&enc, peer);
	ATF_REQUIRE(!enc.failed);
	*len = enc.len;
	return enc.data;
}

static void
set_self(struct topology *topo, const json_t *peer)
{
	json_t *conn;
	uint64_t name;
	size_t i;

	json_array_foreach(vectors_get(peer, "connections"), i, conn) {
		name = peers_name(conn, "remote");
		ATF_REQUIRE(topology_connect(topo, name,
		    vectors_text(conn, "remote_tcp_addr"),
		    is_true(conn, "outbound")));
		if (is_true(conn, "established"))
			ATF_REQUIRE(topology_establish(topo, name));
	}
	while (topology_self(topo)->version < vectors_u64(peer, "version"))
		topology_set_nickname(topo, vectors_text(peer, "nickname"));
}

struct topology *
peers_topology(const json_t *peers, uint64_t self)
{
	struct topology *topo = NULL;
	struct topology_update update;
	json_t *peer;
	uint8_t *payload;
	size_t i, len;
	char cause[128];

	json_array_foreach(peers, i, peer) {
		if (peers_name(peer, "name") != self)
			continue;
		topo = topology_new(self, vectors_text(peer, "nickname"),
		    vectors_u64(peer, "uid"), peers_random, NULL);
		ATF_REQUIRE(topo != NULL);
		set_self(topo, peer);
	}
	ATF_REQUIRE(topo != NULL);
	payload = peers_payload(peers, &len);
	ATF_REQUIRE_MSG(
	    topology_merge(topo, payload, len, &update, cause, sizeof(cause)),
	    "%s", cause);
	topology_update_free(&update);
	free(payload);
	return topo;
}

static bool
conns_equal(const struct topology_peer *peer, const json_t *conns)
{
	const struct topology_conn *got;
	json_t *conn;
	size_t i;

	if (peer->nconns != json_array_size(conns))
		return false;
	json_array_foreach(conns, i, conn) {
		got = topology_conn_find(peer, peers_name(conn, "remote"));
		if (got == NULL ||
		    strcmp(got->addr, vectors_text(conn, "remote_tcp_addr")) !=
			0 ||
		    got->outbound != is_true(conn, "outbound") ||
		    got->established != is_true(conn, "established"))
			return false;
	}
	return true;
}

/* The vectors hide our own short id. */
static bool
peer_equal(const struct topology *topo, const struct topology_peer *got,
    const json_t *peer)
{
	return strcmp(got->nickname, vectors_text(peer, "nickname")) == 0 &&
	    got->uid == vectors_u64(peer, "uid") &&
	    got->version == vectors_u64(peer, "version") &&
	    got->has_short_id == is_true(peer, "has_short_id") &&
	    (got == topology_self(topo) ||
		got->short_id == vectors_u64(peer, "short_id")) &&
	    conns_equal(got, vectors_get(peer, "connections"));
}

const char *
peers_compare(const struct topology *topo, const json_t *peers)
{
	const struct topology_peer *got;
	static char text[64];
	json_t *peer;
	size_t i;

	if (topology_count(topo) != json_array_size(peers)) {
		snprintf(text, sizeof(text), "%zu peers in place of %zu",
		    topology_count(topo), json_array_size(peers));
		return text;
	}
	json_array_foreach(peers, i, peer) {
		got = topology_find(topo, peers_name(peer, "name"));
		if (got != NULL && peer_equal(topo, got, peer))
			continue;
		snprintf(text, sizeof(text), "%s %s",
		    vectors_text(peer, "name"),
		    got == NULL ? "is missing" : "differs");
		return text;
	}
	return "";
}
