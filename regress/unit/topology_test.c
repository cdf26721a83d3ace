#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/peers.h"
#include "regress/lib/vectors.h"

#define SELF UINT64_C(0x0a0000000001)

static struct topology *
lonely(void)
{
	struct topology *topo =
	    topology_new(SELF, "self", 1001, peers_random, NULL);

	ATF_REQUIRE(topo != NULL);
	return topo;
}

/* All of topo into another that knows nothing, by our own encoder. */
static void
copy_all(const struct topology *topo, struct topology *to)
{
	struct topology_update update;
	struct gob_encoder enc;
	uint64_t *names;
	size_t count, from = 0;
	char cause[128];

	ATF_REQUIRE((names = topology_names(topo, &count)) != NULL);
	while (from < count) {
		gob_encode_init(&enc, 2 * TOPOLOGY_UPDATE_MAX);
		ATF_REQUIRE(topology_encode(topo, names, count, &from, &enc));
		ATF_REQUIRE(enc.len <= TOPOLOGY_UPDATE_MAX);
		ATF_REQUIRE_MSG(topology_merge(to, enc.data, enc.len, &update,
				    cause, sizeof(cause)),
		    "%s", cause);
		topology_update_free(&update);
		gob_encode_free(&enc);
	}
	free(names);
}

ATF_TC_WITHOUT_HEAD(gossip);
ATF_TC_BODY(gossip, tc)
{
	json_t *file = vectors_load("topology_gossip.json");
	json_t *c;
	struct topology *topo, *copy;
	struct topology_update update;
	size_t i, len;
	char cause[128];

	json_array_foreach(vectors_get(file, "messages"), i, c) {
		uint8_t *payload = vectors_bytes(c, "payload", &len);

		topo = topology_new(0x99, "x", 1, peers_random, NULL);
		ATF_REQUIRE_MSG(topology_merge(topo, payload, len, &update,
				    cause, sizeof(cause)),
		    "%s: %s", vectors_text(c, "label"), cause);
		ATF_CHECK_EQ(
		    update.nfresh, json_array_size(vectors_get(c, "peers")));
		topology_update_free(&update);
		copy = peers_topology(vectors_get(c, "peers"), SELF);
		copy_all(topo, copy);
		ATF_CHECK_EQ(topology_count(copy), topology_count(topo));
		topology_free(topo);
		topology_free(copy);
		free(payload);
	}
	json_decref(file);
}

static void
check_names(const json_t *want, const uint64_t *got, size_t count)
{
	json_t *name;
	uint64_t n;
	size_t i, j;

	ATF_CHECK_EQ(json_array_size(want), count);
	json_array_foreach(want, i, name) {
		ATF_REQUIRE(peername_parse(json_string_value(name), &n));
		for (j = 0; j < count && got[j] != n; j++)
			;
		ATF_CHECK(j < count);
	}
}

static void
check_merge(const json_t *c)
{
	struct topology_update update;
	struct topology *topo, *copy;
	const char *label = vectors_text(c, "label");
	size_t len;
	uint8_t *data = vectors_bytes(c, "update", &len);
	uint64_t *removed;
	char cause[128];

	topo = peers_topology(vectors_get(c, "before"), peers_name(c, "self"));
	ATF_REQUIRE(
	    topology_merge(topo, data, len, &update, cause, sizeof(cause)));
	check_names(
	    vectors_get(c, "named_in_update"), update.named, update.nnamed);
	check_names(
	    vectors_get(c, "newly_learnt"), update.fresh, update.nfresh);
	topology_update_free(&update);
	ATF_CHECK_MSG(peers_compare(topo, vectors_get(c, "after"))[0] == '\0',
	    "%s: %s", label, peers_compare(topo, vectors_get(c, "after")));
	copy = topology_new(0x99, "x", 1, peers_random, NULL);
	copy_all(topo, copy);
	ATF_CHECK_EQ(topology_count(copy), topology_count(topo) + 1);
	topology_collect(topo, &removed);
	free(removed);
	ATF_CHECK_MSG(
	    peers_compare(topo, vectors_get(c, "after_gc"))[0] == '\0',
	    "%s, collected", label);
	topology_free(topo);
	topology_free(copy);
	free(data);
}

ATF_TC_WITHOUT_HEAD(merge);
ATF_TC_BODY(merge, tc)
{
	json_t *file = vectors_load("topology_merge.json"), *c;
	size_t i;

	json_array_foreach(vectors_get(file, "cases"), i, c)
		check_merge(c);
	json_decref(file);
}

static json_t *
peer_json(const char *name, uint64_t uid, uint64_t version)
{
	char u[24], v[24];

	snprintf(u, sizeof(u), "%llu", (unsigned long long)uid);
	snprintf(v, sizeof(v), "%llu", (unsigned long long)version);
	return json_pack("{s:s,s:s,s:s,s:s,s:i,s:b,s:[]}", "name", name,
	    "nickname", "n", "uid", u, "version", v, "short_id", 1,
	    "has_short_id", 1, "connections");
}

static bool
merge_json(struct topology *topo, json_t *peers, struct topology_update *update,
    char *cause, size_t size)
{
	size_t len;
	uint8_t *payload = peers_payload(peers, &len);
	bool ok;

	ok = topology_merge(topo, payload, len, update, cause, size);
	free(payload);
	json_decref(peers);
	return ok;
}

/* A false claim about ourself does not exhaust our version. */
ATF_TC_WITHOUT_HEAD(hostile_version);
ATF_TC_BODY(hostile_version, tc)
{
	struct topology *topo = lonely();
	struct topology_update update;
	char cause[128];

	ATF_REQUIRE(merge_json(topo,
	    json_pack("[o]", peer_json("0a:00:00:00:00:01", 5, UINT64_MAX)),
	    &update, cause, sizeof(cause)));
	ATF_CHECK(!update.self_raised);
	ATF_CHECK_EQ(update.hostile, 1);
	ATF_CHECK_EQ(topology_self(topo)->version, 0);
	topology_update_free(&update);
	ATF_REQUIRE(merge_json(topo,
	    json_pack("[o]", peer_json("0a:00:00:00:00:01", 5, 70)), &update,
	    cause, sizeof(cause)));
	ATF_CHECK(update.self_raised);
	ATF_CHECK_EQ(topology_self(topo)->version, 71);
	topology_update_free(&update);
	topology_free(topo);
}

/* Nor does one about another peer keep that one from being heard. */
ATF_TC_WITHOUT_HEAD(hostile_version_of_other);
ATF_TC_BODY(hostile_version_of_other, tc)
{
	static const uint64_t versions[] = {
	    UINT64_MAX, 7, UINT64_MAX, UINT64_C(1) << 63, 8};
	struct topology *topo = lonely();
	struct topology_update update;
	size_t hostile = 0;
	char cause[128];

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		ATF_REQUIRE(merge_json(topo,
		    json_pack(
			"[o]", peer_json("0a:00:00:00:00:02", 5, versions[i])),
		    &update, cause, sizeof(cause)));
		hostile += update.hostile;
		ATF_CHECK_EQ(update.nfresh, versions[i] < 9);
		ATF_CHECK_EQ(topology_count(topo), i == 0 ? 1 : 2);
		topology_update_free(&update);
	}
	ATF_CHECK_EQ(3, hostile);
	topology_free(topo);
}

static void
merge_peers(struct topology *topo, uint64_t count)
{
	struct topology_update update;
	json_t *peers = json_array();
	char cause[128], name[PEERNAME_STRLEN];

	for (uint64_t i = 0; i < count; i++)
		json_array_append_new(
		    peers, peer_json(peername_format(0x100 + i, name), 1, 1));
	ATF_REQUIRE(merge_json(topo, peers, &update, cause, sizeof(cause)));
	topology_update_free(&update);
}

/*
 * What has no room is left out; a message beyond the caps by itself is
 * refused as a whole, with a reason.
 */
ATF_TC_WITHOUT_HEAD(caps);
ATF_TC_BODY(caps, tc)
{
	struct topology *topo = lonely();
	struct topology_update update;
	json_t *peers = json_array(), *peer;
	char cause[128], name[PEERNAME_STRLEN];
	uint8_t *zero = calloc(1, TOPOLOGY_RECEIVE_MAX + 1);

	for (uint64_t i = 0; i < TOPOLOGY_PEERS_MAX; i++)
		json_array_append_new(
		    peers, peer_json(peername_format(0x100 + i, name), 1, 1));
	json_array_append_new(
	    peers, peer_json("0a:00:00:00:00:01", 5, 70)); /* ourself */
	ATF_REQUIRE(merge_json(topo, peers, &update, cause, sizeof(cause)));
	ATF_CHECK_EQ(topology_count(topo), TOPOLOGY_PEERS_MAX);
	ATF_CHECK_EQ(update.nfresh, TOPOLOGY_PEERS_MAX - 1);
	ATF_CHECK_EQ(update.left_out, 1);
	ATF_CHECK(update.self_raised);
	topology_update_free(&update);
	topology_free(topo);

	/* Neither do the far ends of a record. */
	topo = lonely();
	peer = peer_json("00:00:00:00:00:07", 1, 1);
	merge_peers(topo, TOPOLOGY_PEERS_MAX - 2);
	json_array_append_new(json_object_get(peer, "connections"),
	    json_pack("{s:s,s:s,s:b,s:b}", "remote", "00:00:00:00:00:08",
		"remote_tcp_addr", "", "outbound", 1, "established", 1));
	ATF_REQUIRE(merge_json(
	    topo, json_pack("[o]", peer), &update, cause, sizeof(cause)));
	ATF_CHECK_EQ(topology_count(topo), TOPOLOGY_PEERS_MAX);
	ATF_CHECK_EQ(update.nfresh, 1);
	ATF_CHECK_EQ(update.left_out, 1);
	topology_update_free(&update);
	topology_free(topo);
	topo = lonely();
	peer = peer_json("00:00:00:00:00:07", 1, 1);
	for (uint64_t i = 0; i <= TOPOLOGY_CONNS_MAX; i++)
		json_array_append_new(json_object_get(peer, "connections"),
		    json_pack("{s:s,s:s,s:b,s:b}", "remote",
			peername_format(0x100 + i, name), "remote_tcp_addr", "",
			"outbound", 1, "established", 1));
	ATF_CHECK(!merge_json(
	    topo, json_pack("[o]", peer), &update, cause, sizeof(cause)));
	ATF_CHECK_MSG(
	    strstr(cause, "too many connections") != NULL, "%s", cause);
	ATF_CHECK(!topology_merge(topo, zero, TOPOLOGY_RECEIVE_MAX + 1, &update,
	    cause, sizeof(cause)));
	ATF_CHECK_MSG(strstr(cause, "too long") != NULL, "%s", cause);
	ATF_CHECK_EQ(topology_count(topo), 1);
	free(zero);
	topology_free(topo);
}

ATF_TC_WITHOUT_HEAD(own_record);
ATF_TC_BODY(own_record, tc)
{
	struct topology *topo = lonely();
	uint64_t *removed;

	ATF_REQUIRE(topology_add(topo, 2, "two", 22, false, 0) != NULL);
	ATF_REQUIRE(topology_hold(topo, 2));
	ATF_REQUIRE(topology_connect(topo, 3, "10.0.0.3:6783", true));
	ATF_REQUIRE(topology_connect(topo, 2, "10.0.0.2:6783", false));
	ATF_CHECK(!topology_connect(topo, 2, "10.0.0.2:6783", false));
	ATF_REQUIRE(topology_establish(topo, 3));
	ATF_CHECK_EQ(topology_self(topo)->version, 3);
	ATF_REQUIRE(topology_disconnect(topo, 2));
	ATF_CHECK(!topology_disconnect(topo, 2));
	ATF_CHECK(!topology_establish(topo, 2));
	ATF_CHECK_EQ(topology_collect(topo, &removed), 0);
	topology_release(topo, 2);
	ATF_REQUIRE_EQ(topology_collect(topo, &removed), 1);
	ATF_CHECK_EQ(removed[0], 2);
	ATF_CHECK(topology_find(topo, 3) != NULL);
	free(removed);
	topology_free(topo);
}

/* A full state beyond the cap travels in several payloads. */
ATF_TC_WITHOUT_HEAD(large);
ATF_TC_BODY(large, tc)
{
	struct topology *topo = lonely(), *copy;
	uint64_t name;

	for (int part = 0; part < 250; part++) {
		copy = topology_new(
		    (uint64_t)part + 0x1000, "part", 1, peers_random, NULL);
		for (name = 0x1000; name < 0x1000 + 250; name++)
			if (name != (uint64_t)part + 0x1000)
				ATF_REQUIRE(topology_connect(
				    copy, name, "100.100.100.100:56783", true));
		copy_all(copy, topo);
		topology_free(copy);
	}
	copy = topology_new(0x99, "x", 1, peers_random, NULL);
	copy_all(topo, copy);
	ATF_CHECK_EQ(topology_count(copy), 252);
	ATF_CHECK_EQ(topology_find(copy, 0x1000 + 249)->nconns, 249);
	topology_free(copy);
	topology_free(topo);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, gossip);
	ATF_TP_ADD_TC(tp, merge);
	ATF_TP_ADD_TC(tp, hostile_version);
	ATF_TP_ADD_TC(tp, hostile_version_of_other);
	ATF_TP_ADD_TC(tp, caps);
	ATF_TP_ADD_TC(tp, own_record);
	ATF_TP_ADD_TC(tp, large);
	return atf_no_error();
}
