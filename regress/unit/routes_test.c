#include <atf-c.h>
#include <stdlib.h>

#include "regress/lib/peers.h"
#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/routes.h"

static void
check_unicast(const struct routes *routes, enum routes_graph graph,
    const struct topology *topo, json_t *want)
{
	const struct topology_peer *peer;
	const char *to;
	json_t *via;
	uint64_t name, hop;
	size_t reached = 0;

	json_object_foreach(want, to, via) {
		ATF_REQUIRE(peername_parse(to, &name));
		ATF_REQUIRE(peername_parse(json_string_value(via), &hop));
		ATF_CHECK(routes_reaches(routes, graph, name));
		ATF_CHECK_EQ(routes_unicast(routes, graph, name), hop);
	}
	for (peer = topology_first(topo); peer != NULL;
	     peer = topology_next(peer))
		reached += routes_reaches(routes, graph, peer->name);
	ATF_CHECK_EQ(reached, json_object_size(want));
}

static void
check_broadcast(struct routes *routes, enum routes_graph graph, json_t *want)
{
	const uint64_t *hops;
	const char *source;
	json_t *list;
	uint64_t name;
	size_t n;

	json_object_foreach(want, source, list) {
		ATF_REQUIRE(peername_parse(source, &name));
		n = routes_broadcast(routes, graph, name, &hops);
		ATF_REQUIRE_EQ(n, json_array_size(list));
		for (size_t i = 0; i < n; i++) {
			ATF_REQUIRE(peername_parse(
			    json_string_value(json_array_get(list, i)), &name));
			ATF_CHECK_EQ(hops[i], name);
		}
	}
}

ATF_TC_WITHOUT_HEAD(vectors);
ATF_TC_BODY(vectors, tc)
{
	json_t *file = vectors_load("routes.json"), *mesh, *at;
	struct topology *topo;
	struct routes *routes;
	size_t i, j;

	json_array_foreach(vectors_get(file, "meshes"), i, mesh) {
		json_array_foreach(
		    vectors_get(mesh, "routes_at_each_peer"), j, at) {
			topo = peers_topology(
			    vectors_get(mesh, "peers"), peers_name(at, "at"));
			ATF_REQUIRE((routes = routes_new()) != NULL);
			ATF_REQUIRE(routes_compute(routes, topo));
			check_unicast(routes, ROUTES_ESTABLISHED, topo,
			    vectors_get(at, "unicast"));
			check_unicast(routes, ROUTES_ALL, topo,
			    vectors_get(at, "unicast_all"));
			check_broadcast(routes, ROUTES_ESTABLISHED,
			    vectors_get(at, "broadcast"));
			check_broadcast(routes, ROUTES_ALL,
			    vectors_get(at, "broadcast_all"));
			routes_free(routes);
			topology_free(topo);
		}
	}
	json_decref(file);
}

/* n neighbours, none of which knows another. */
static struct topology *
star(uint64_t n)
{
	struct topology *topo = topology_new(1, "hub", 1, peers_random, NULL);

	ATF_REQUIRE(topo != NULL);
	for (uint64_t name = 2; name < n + 2; name++)
		ATF_REQUIRE(topology_connect(topo, name, "", true));
	return topo;
}

ATF_TC_WITHOUT_HEAD(random_neighbours);
ATF_TC_BODY(random_neighbours, tc)
{
	struct topology *topo = star(99);
	struct routes *routes = routes_new();
	uint64_t hops[64];
	size_t n;

	ATF_REQUIRE(routes != NULL);
	ATF_CHECK_EQ(
	    routes_random_neighbours(routes, 0, peers_random, NULL, hops, 64),
	    0);
	ATF_REQUIRE(routes_compute(routes, topo));
	n = routes_random_neighbours(routes, 50, peers_random, NULL, hops, 64);
	ATF_CHECK_EQ(n, 13); /* floor(2 log2 100) */
	for (size_t i = 0; i < n; i++) {
		ATF_CHECK(hops[i] >= 2 && hops[i] <= 100 && hops[i] != 50);
		for (size_t j = 0; j < i; j++)
			ATF_CHECK(hops[i] != hops[j]);
	}
	ATF_CHECK_EQ(
	    routes_random_neighbours(routes, 0, peers_random, NULL, hops, 5),
	    5);
	routes_free(routes);
	topology_free(topo);
	topo = star(2);
	ATF_REQUIRE((routes = routes_new()) != NULL);
	ATF_REQUIRE(routes_compute(routes, topo));
	ATF_CHECK_EQ(
	    routes_random_neighbours(routes, 2, peers_random, NULL, hops, 64),
	    1);
	ATF_CHECK_EQ(hops[0], 3);
	routes_free(routes);
	topology_free(topo);
}

ATF_TC_WITHOUT_HEAD(unknown);
ATF_TC_BODY(unknown, tc)
{
	struct routes *routes = routes_new();
	struct topology *topo = star(1);
	const uint64_t *hops;

	ATF_REQUIRE(routes != NULL);
	ATF_CHECK(!routes_reaches(routes, ROUTES_ALL, 1));
	ATF_CHECK_EQ(routes_broadcast(routes, ROUTES_ALL, 1, &hops), 0);
	ATF_REQUIRE(routes_compute(routes, topo));
	ATF_CHECK_EQ(routes_unicast(routes, ROUTES_ALL, 9), 0);
	ATF_CHECK_EQ(routes_broadcast(routes, ROUTES_ALL, 9, &hops), 0);
	ATF_CHECK_EQ(routes_broadcast(routes, ROUTES_ALL, 1, &hops), 1);
	ATF_CHECK_EQ(hops[0], 2);
	routes_free(routes);
	topology_free(topo);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vectors);
	ATF_TP_ADD_TC(tp, random_neighbours);
	ATF_TP_ADD_TC(tp, unknown);
	return atf_no_error();
}
