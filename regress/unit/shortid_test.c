#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/peers.h"
#include "regress/lib/vectors.h"

/* Peers live as long as they are held; ours keeps out of the way. */
ATF_TC_WITHOUT_HEAD(collisions);
ATF_TC_BODY(collisions, tc)
{
	json_t *file = vectors_load("short_ids_vni.json"), *c, *steps;
	struct topology *topo;
	uint32_t own = 4000;
	uint64_t name, owner, *removed;
	size_t i;

	topo = topology_new(1, "self", 1, peers_random, &own);
	ATF_REQUIRE(topo != NULL);
	steps = vectors_get(vectors_get(file, "collisions"), "steps");
	json_array_foreach(steps, i, c) {
		uint16_t id = (uint16_t)vectors_u64(c, "short_id");
		bool add = strcmp(vectors_text(c, "op"), "add") == 0;

		name = peers_name(c, "name");
		owner = PEERNAME_UNKNOWN;
		peername_parse(vectors_text(c, "owner_after"), &owner);
		if (add) {
			ATF_REQUIRE(topology_add(topo, name, "", 2, id != 0,
					id) != NULL);
			ATF_REQUIRE(topology_hold(topo, name));
		} else {
			topology_release(topo, name);
			ATF_CHECK_EQ(topology_collect(topo, &removed), 1);
			free(removed);
		}
		ATF_CHECK_EQ_MSG(
		    topology_short_id_owner(topo, id), owner, "step %zu", i);
		ATF_CHECK_EQ_MSG(topology_short_ids_changed(topo),
		    json_is_true(vectors_get(c, "mapping_invalidated")),
		    "step %zu", i);
		ATF_CHECK(!topology_settle_short_id(topo));
	}
	topology_free(topo);
	json_decref(file);
}

ATF_TC_WITHOUT_HEAD(displaced);
ATF_TC_BODY(displaced, tc)
{
	struct topology *topo;
	uint32_t next = 7;
	uint64_t version;

	topo = topology_new(10, "self", 1, peers_random, &next);
	ATF_REQUIRE(topo != NULL);
	ATF_CHECK_EQ(topology_self(topo)->short_id, 7);
	ATF_REQUIRE(topology_add(topo, 11, "", 2, true, 7) != NULL);
	ATF_CHECK(!topology_settle_short_id(topo));
	ATF_REQUIRE(topology_add(topo, 9, "", 2, true, 7) != NULL);
	version = topology_self(topo)->version;
	next = 7;
	ATF_CHECK(topology_settle_short_id(topo));
	ATF_CHECK_EQ(topology_self(topo)->short_id, 8);
	ATF_CHECK_EQ(topology_self(topo)->version, version + 1);
	ATF_CHECK_EQ(topology_short_id_owner(topo, 8), 10);
	topology_free(topo);
}

/* Every id taken by lower names: we go without, and take what comes free. */
ATF_TC_WITHOUT_HEAD(exhausted);
ATF_TC_BODY(exhausted, tc)
{
	struct topology *topo;
	uint64_t *removed;

	topo = topology_new(PEERNAME_MAX, "self", 1, peers_random, NULL);
	ATF_REQUIRE(topo != NULL);
	for (uint64_t i = 0; i < SHORT_IDS - 1; i++) {
		ATF_REQUIRE(topology_add(
				topo, i + 1, "", 2, true, (uint16_t)i) != NULL);
		ATF_REQUIRE(topology_hold(topo, i + 1));
	}
	topology_settle_short_id(topo);
	ATF_CHECK_EQ(topology_self(topo)->short_id, SHORT_IDS - 1);
	ATF_CHECK(!topology_settle_short_id(topo));
	topology_release(topo, 5);
	ATF_REQUIRE_EQ(topology_collect(topo, &removed), 1);
	free(removed);
	ATF_REQUIRE(
	    topology_add(topo, SHORT_IDS, "", 2, true, SHORT_IDS - 1) != NULL);
	ATF_CHECK(topology_settle_short_id(topo));
	ATF_CHECK_EQ(topology_self(topo)->short_id, 4);
	topology_free(topo);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, collisions);
	ATF_TP_ADD_TC(tp, displaced);
	ATF_TP_ADD_TC(tp, exhausted);
	return atf_no_error();
}
