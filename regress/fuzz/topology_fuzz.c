/* Two updates merged, routes computed, everything encoded and collected. */
#include <stdlib.h>

#include "weaved/engine/mesh/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static uint32_t
count_up(void *arg, uint32_t bound)
{
	uint32_t *next = arg;

	return (*next)++ % bound;
}

static void
merge(struct topology *topo, const uint8_t *data, size_t len)
{
	struct topology_update update;
	char cause[128];

	if (!topology_merge(topo, data, len, &update, cause, sizeof(cause)))
		return;
	topology_update_free(&update);
	topology_settle_short_id(topo);
}

static void
use_routes(const struct topology *topo)
{
	struct routes *routes = routes_new();
	const uint64_t *hops;

	if (routes != NULL && routes_compute(routes, topo))
		for (int g = 0; g < ROUTES_GRAPHS; g++)
			routes_broadcast(routes, g, 2, &hops);
	routes_free(routes);
}

static void
encode(const struct topology *topo)
{
	struct gob_encoder enc;
	uint64_t *names;
	size_t count, from = 0;

	names = topology_names(topo, &count);
	gob_encode_init(&enc, 2 * TOPOLOGY_UPDATE_MAX);
	if (names != NULL)
		topology_encode(topo, names, count, &from, &enc);
	gob_encode_free(&enc);
	free(names);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint32_t next = 0;
	uint64_t *removed;
	struct topology *topo;

	topo = topology_new(0x0a0000000001, "self", 1, count_up, &next);
	if (topo == NULL)
		return 0;
	merge(topo, data, len / 2);
	merge(topo, data, len);
	topology_connect(topo, 0x0a0000000002, "", true);
	use_routes(topo);
	encode(topo);
	topology_collect(topo, &removed);
	free(removed);
	topology_free(topo);
	return 0;
}
