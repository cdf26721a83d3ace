#include <stdlib.h>
#include <string.h>

#include "common/sort.h"
#include "weaved/engine/mesh/routes.h"

/*
 * Peers are numbered in ascending order of their names, so that a level of
 * the search is sorted by sorting numbers.
 */
struct edges {
	uint32_t *first; /* of each peer in far, npeers + 1 */
	uint32_t *far; /* ascending for each peer */
};

struct hops {
	uint64_t *names;
	size_t count;
	bool known;
};

struct graph {
	struct edges edges;
	uint64_t *next; /* next hop to each peer */
	bool *reached;
	struct hops *broadcasts; /* by source */
};

struct table {
	uint64_t *names;
	size_t npeers;
	uint32_t self;
	struct graph graphs[ROUTES_GRAPHS];
};

struct routes {
	struct table *table; /* NULL: nothing computed yet */
};

#define NOBODY UINT32_MAX

/* A breadth-first search in progress. */
struct search {
	const struct edges *edges;
	bool *seen;
	uint32_t *queue; /* whole levels, one behind another */
	size_t level; /* start of the one being expanded */
	size_t next; /* start of the one being built */
	size_t end;
};

static struct table *table_new(const struct topology *);
static void table_free(struct table *);
static bool table_fill(struct table *, const struct topology *);
static uint32_t table_find(const struct table *, uint64_t);
static bool graph_fill(
    struct table *, enum routes_graph, const struct topology *, size_t);
static void graph_free(struct graph *, size_t);
static bool edge_counts(enum routes_graph, const struct topology *,
    const struct topology_peer *, const struct topology_conn *);
static bool search_begin(
    struct search *, const struct edges *, size_t, uint32_t);
static void search_end(struct search *);
static bool search_next_level(struct search *);
static int number_compare(const void *, const void *);
static bool unicast_fill(struct table *, struct graph *);
static void expand_unicast(
    const struct table *, struct graph *, struct search *, uint32_t);
static bool broadcast_fill(
    const struct table *, const struct graph *, uint32_t, struct hops *);
static bool search_until(struct search *, uint32_t);
static void search_expand(struct search *, uint32_t);
static size_t neighbours_wanted(size_t);
static uint32_t hop_weights(
    const struct table *, uint64_t, uint32_t *, size_t *);
static uint64_t hop_draw(
    const struct table *, uint32_t *, uint32_t *, uint32_t);

struct routes *
routes_new(void)
{
	return calloc(1, sizeof(struct routes));
}

void
routes_free(struct routes *routes)
{
	if (routes == NULL)
		return;
	table_free(routes->table);
	free(routes);
}

bool
routes_compute(struct routes *routes, const struct topology *topo)
{
	struct table *table = table_new(topo);

	if (table == NULL)
		return false;
	table_free(routes->table);
	routes->table = table;
	return true;
}

static struct table *
table_new(const struct topology *topo)
{
	struct table *table = calloc(1, sizeof(*table));

	if (table == NULL)
		return NULL;
	if (!table_fill(table, topo)) {
		table_free(table);
		return NULL;
	}
	return table;
}

static void
table_free(struct table *table)
{
	if (table == NULL)
		return;
	for (int g = 0; g < ROUTES_GRAPHS; g++)
		graph_free(&table->graphs[g], table->npeers);
	free(table->names);
	free(table);
}

static void
graph_free(struct graph *graph, size_t npeers)
{
	if (graph->broadcasts != NULL)
		for (size_t i = 0; i < npeers; i++)
			free(graph->broadcasts[i].names);
	free(graph->broadcasts);
	free(graph->edges.first);
	free(graph->edges.far);
	free(graph->next);
	free(graph->reached);
}

static bool
table_fill(struct table *table, const struct topology *topo)
{
	const struct topology_peer *peer;
	size_t nedges = 0;

	table->names = topology_names(topo, &table->npeers);
	if (table->names == NULL)
		return false;
	table->self = table_find(table, topology_self(topo)->name);
	for (peer = topology_first(topo); peer != NULL;
	     peer = topology_next(peer))
		nedges += peer->nconns;
	for (int g = 0; g < ROUTES_GRAPHS; g++)
		if (!graph_fill(table, g, topo, nedges))
			return false;
	return true;
}

static uint32_t
table_find(const struct table *table, uint64_t name)
{
	size_t low = 0, high = table->npeers, middle;

	while (low < high) {
		middle = low + (high - low) / 2;
		if (table->names[middle] == name)
			return (uint32_t)middle;
		if (table->names[middle] < name)
			low = middle + 1;
		else
			high = middle;
	}
	return NOBODY;
}

static bool
edge_counts(enum routes_graph g, const struct topology *topo,
    const struct topology_peer *peer, const struct topology_conn *conn)
{
	const struct topology_peer *far;
	const struct topology_conn *back;

	if (g == ROUTES_ALL)
		return true;
	if (!conn->established ||
	    (far = topology_find(topo, conn->peer)) == NULL)
		return false;
	back = topology_conn_find(far, peer->name);
	return back != NULL && back->established;
}

static bool
graph_fill(struct table *table, enum routes_graph g,
    const struct topology *topo, size_t nedges)
{
	struct graph *graph = &table->graphs[g];
	const struct topology_peer *peer = topology_first(topo);
	uint32_t far, n = 0;

	graph->edges.first = calloc(table->npeers + 1, sizeof(uint32_t));
	graph->edges.far = calloc(nedges + 1, sizeof(uint32_t));
	graph->next = calloc(table->npeers, sizeof(uint64_t));
	graph->reached = calloc(table->npeers, sizeof(bool));
	graph->broadcasts = calloc(table->npeers, sizeof(struct hops));
	if (graph->edges.first == NULL || graph->edges.far == NULL ||
	    graph->next == NULL || graph->reached == NULL ||
	    graph->broadcasts == NULL)
		return false;
	for (size_t i = 0; i < table->npeers; i++) {
		for (size_t c = 0; c < peer->nconns; c++) {
			far = table_find(table, peer->conns[c].peer);
			if (far != NOBODY &&
			    edge_counts(g, topo, peer, &peer->conns[c]))
				graph->edges.far[n++] = far;
		}
		graph->edges.first[i + 1] = n;
		peer = topology_next(peer);
	}
	return unicast_fill(table, graph);
}

static bool
search_begin(struct search *search, const struct edges *edges, size_t npeers,
    uint32_t from)
{
	search->edges = edges;
	search->seen = calloc(npeers, sizeof(bool));
	search->queue = calloc(npeers, sizeof(uint32_t));
	search->level = 0;
	search->next = search->end = 1;
	if (search->seen == NULL || search->queue == NULL) {
		search_end(search);
		return false;
	}
	search->seen[from] = true;
	search->queue[0] = from;
	return true;
}

static void
search_end(struct search *search)
{
	free(search->seen);
	free(search->queue);
}

static int
number_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

/* False: there is no further level. */
static bool
search_next_level(struct search *search)
{
	search->level = search->next;
	search->next = search->end;
	sort_array(search->queue + search->level, search->end - search->level,
	    sizeof(uint32_t), number_compare);
	return search->level < search->end;
}

static void
expand_unicast(const struct table *table, struct graph *graph,
    struct search *search, uint32_t peer)
{
	uint32_t far;

	for (uint32_t e = graph->edges.first[peer];
	     e < graph->edges.first[peer + 1]; e++) {
		far = graph->edges.far[e];
		if (search->seen[far])
			continue;
		search->seen[far] = true;
		search->queue[search->end++] = far;
		graph->reached[far] = true;
		graph->next[far] =
		    peer == table->self ? table->names[far] : graph->next[peer];
	}
}

static bool
unicast_fill(struct table *table, struct graph *graph)
{
	struct search search;

	if (!search_begin(&search, &graph->edges, table->npeers, table->self))
		return false;
	graph->reached[table->self] = true;
	do {
		for (size_t i = search.level; i < search.next; i++)
			expand_unicast(table, graph, &search, search.queue[i]);
	} while (search_next_level(&search));
	search_end(&search);
	return true;
}

static void
search_expand(struct search *search, uint32_t peer)
{
	uint32_t far;

	for (uint32_t e = search->edges->first[peer];
	     e < search->edges->first[peer + 1]; e++) {
		far = search->edges->far[e];
		if (search->seen[far])
			continue;
		search->seen[far] = true;
		search->queue[search->end++] = far;
	}
}

/* Stops when peer comes up for expansion; false: it never does. */
static bool
search_until(struct search *search, uint32_t peer)
{
	do {
		for (size_t i = search->level; i < search->next; i++) {
			if (search->queue[i] == peer)
				return true;
			search_expand(search, search->queue[i]);
		}
	} while (search_next_level(search));
	return false;
}

static bool
broadcast_fill(const struct table *table, const struct graph *graph,
    uint32_t source, struct hops *hops)
{
	const struct edges *edges = &graph->edges;
	uint32_t first = edges->first[table->self];
	uint32_t last = edges->first[table->self + 1];
	struct search search;

	hops->names = calloc(last - first + 1u, sizeof(uint64_t));
	if (hops->names == NULL)
		return false;
	if (!search_begin(&search, edges, table->npeers, source)) {
		free(hops->names);
		hops->names = NULL;
		return false;
	}
	if (search_until(&search, table->self))
		for (uint32_t e = first; e < last; e++)
			if (!search.seen[edges->far[e]])
				hops->names[hops->count++] =
				    table->names[edges->far[e]];
	hops->known = true;
	search_end(&search);
	return true;
}

size_t
routes_broadcast(struct routes *routes, enum routes_graph g, uint64_t source,
    const uint64_t **hops)
{
	struct table *table = routes->table;
	struct hops *known;
	uint32_t peer;

	*hops = NULL;
	if (table == NULL || (peer = table_find(table, source)) == NOBODY)
		return 0;
	known = &table->graphs[g].broadcasts[peer];
	if (!known->known &&
	    !broadcast_fill(table, &table->graphs[g], peer, known))
		return 0;
	*hops = known->names;
	return known->count;
}

bool
routes_reaches(const struct routes *routes, enum routes_graph g, uint64_t name)
{
	const struct table *table = routes->table;
	uint32_t peer;

	return table != NULL && (peer = table_find(table, name)) != NOBODY &&
	    table->graphs[g].reached[peer];
}

uint64_t
routes_unicast(const struct routes *routes, enum routes_graph g, uint64_t name)
{
	const struct table *table = routes->table;
	uint32_t peer;

	if (table == NULL || (peer = table_find(table, name)) == NOBODY)
		return PEERNAME_UNKNOWN;
	return table->graphs[g].next[peer];
}

/* floor(2 log2 n) = floor(log2 n^2). */
static size_t
neighbours_wanted(size_t n)
{
	uint64_t square = (uint64_t)n * n;
	size_t log = 0;

	while (square >>= 1)
		log++;
	return log;
}

/*
 * How many destinations each next hop leads to, by its number; returns their
 * sum and counts the peers reached.
 */
static uint32_t
hop_weights(const struct table *table, uint64_t except, uint32_t *weights,
    size_t *reached)
{
	const struct graph *graph = &table->graphs[ROUTES_ALL];
	uint32_t total = 0;

	*reached = 0;
	for (size_t i = 0; i < table->npeers; i++) {
		*reached += graph->reached[i];
		if (graph->next[i] == PEERNAME_UNKNOWN ||
		    graph->next[i] == except)
			continue;
		weights[table_find(table, graph->next[i])]++;
		total++;
	}
	return total;
}

/* Draws one by weight and takes it out. */
static uint64_t
hop_draw(const struct table *table, uint32_t *weights, uint32_t *total,
    uint32_t ticket)
{
	uint64_t name = PEERNAME_UNKNOWN;

	for (size_t i = 0; i < table->npeers; i++) {
		if (ticket < weights[i]) {
			name = table->names[i];
			*total -= weights[i];
			weights[i] = 0;
			break;
		}
		ticket -= weights[i];
	}
	return name;
}

size_t
routes_random_neighbours(const struct routes *routes, uint64_t except,
    topology_random random, void *arg, uint64_t *hops, size_t max)
{
	const struct table *table = routes->table;
	uint32_t *weights, total;
	size_t reached, wanted, n = 0;

	if (table == NULL ||
	    (weights = calloc(table->npeers, sizeof(uint32_t))) == NULL)
		return 0;
	total = hop_weights(table, except, weights, &reached);
	wanted = neighbours_wanted(reached);
	while (n < wanted && n < max && total > 0)
		hops[n++] =
		    hop_draw(table, weights, &total, random(arg, total));
	free(weights);
	return n;
}
