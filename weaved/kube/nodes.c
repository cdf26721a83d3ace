#include <sys/tree.h>

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "weaved/kube/nodes.h"

#define ADDRESSES_MAX 64 /* looked at, of one node */
#define CONDITIONS_MAX 64

struct node {
	RB_ENTRY(node) entry;
	struct node_info info;
	uint32_t round;
};

RB_HEAD(node_tree, node);

struct nodes {
	struct node_tree tree;
	size_t count;
	uint32_t round;
	char own[NODE_NAME_MAX];
};

static int node_compare(const struct node *, const struct node *);
static bool node_name_valid(const char *);
static bool addr_valid(uint32_t);
static uint32_t node_address(const json_t *, const char *);
static bool node_available(const json_t *);
static struct node *nodes_find(const struct nodes *, const char *);
static int compare_addrs(const void *, const void *);

#define LOCAL static __attribute__((unused))
RB_GENERATE_INTERNAL(node_tree, node, entry, node_compare, LOCAL)

static int
node_compare(const struct node *a, const struct node *b)
{
	return strcmp(a->info.name, b->info.name);
}

/* A DNS subdomain, as Kubernetes wants it. */
static bool
node_name_valid(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= NODE_NAME_MAX)
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)name[i]) ||
		    (!islower((unsigned char)name[i]) &&
			!isdigit((unsigned char)name[i]) && name[i] != '-' &&
			name[i] != '.'))
			return false;
	return true;
}

/* Neither "this network", loopback, multicast nor what is above. */
static bool
addr_valid(uint32_t addr)
{
	uint32_t first = addr >> 24;

	return first != 0 && first != 127 && first < 224;
}

/* The last one of that type, as Weave Net takes it. */
static uint32_t
node_address(const json_t *status, const char *type)
{
	const json_t *list = json_object_get(status, "addresses");
	uint32_t found = 0, addr;

	for (size_t i = 0; i < json_array_size(list) && i < ADDRESSES_MAX;
	     i++) {
		const json_t *entry = json_array_get(list, i);
		const char *is =
		    json_string_value(json_object_get(entry, "type"));
		const char *text =
		    json_string_value(json_object_get(entry, "address"));

		if (is != NULL && text != NULL && strcmp(is, type) == 0 &&
		    ipv4_parse(text, &addr) && addr_valid(addr))
			found = addr;
	}
	return found;
}

static bool
node_available(const json_t *status)
{
	const json_t *list = json_object_get(status, "conditions");

	for (size_t i = 0; i < json_array_size(list) && i < CONDITIONS_MAX;
	     i++) {
		const json_t *entry = json_array_get(list, i);
		const char *type =
		    json_string_value(json_object_get(entry, "type"));
		const char *value =
		    json_string_value(json_object_get(entry, "status"));

		if (type != NULL && value != NULL &&
		    strcmp(type, "NetworkUnavailable") == 0)
			return strcmp(value, "False") == 0;
	}
	return false;
}

bool
node_parse(const json_t *object, struct node_info *info)
{
	const json_t *meta = json_object_get(object, "metadata");
	const json_t *status = json_object_get(object, "status");
	const char *name = json_string_value(json_object_get(meta, "name"));

	memset(info, 0, sizeof(*info));
	if (name == NULL || !node_name_valid(name))
		return false;
	strlcpy(info->name, name, sizeof(info->name));
	info->addr = node_address(status, "InternalIP");
	if (info->addr == 0)
		info->addr = node_address(status, "ExternalIP");
	info->available = node_available(status);
	return true;
}

struct nodes *
nodes_new(const char *own)
{
	struct nodes *nodes = calloc(1, sizeof(*nodes));

	if (nodes == NULL)
		return NULL;
	RB_INIT(&nodes->tree);
	strlcpy(nodes->own, own, sizeof(nodes->own));
	return nodes;
}

void
nodes_free(struct nodes *nodes)
{
	struct node *node, *next;

	if (nodes == NULL)
		return;
	RB_FOREACH_SAFE(node, node_tree, &nodes->tree, next) {
		RB_REMOVE(node_tree, &nodes->tree, node);
		free(node);
	}
	free(nodes);
}

static struct node *
nodes_find(const struct nodes *nodes, const char *name)
{
	struct node_tree tree = nodes->tree;
	struct node key;

	strlcpy(key.info.name, name, sizeof(key.info.name));
	return RB_FIND(node_tree, &tree, &key);
}

enum nodes_result
nodes_put(struct nodes *nodes, const struct node_info *info)
{
	struct node *node = nodes_find(nodes, info->name);
	bool same = node != NULL && node->info.addr == info->addr &&
	    node->info.available == info->available;

	if (node == NULL) {
		if (nodes->count == NODES_MAX ||
		    (node = calloc(1, sizeof(*node))) == NULL)
			return NODES_FULL;
		node->info = *info;
		RB_INSERT(node_tree, &nodes->tree, node);
		nodes->count++;
	}
	node->info = *info;
	node->round = nodes->round;
	return same ? NODES_SAME : NODES_CHANGED;
}

void
nodes_delete(struct nodes *nodes, const char *name)
{
	struct node *node = nodes_find(nodes, name);

	if (node == NULL)
		return;
	RB_REMOVE(node_tree, &nodes->tree, node);
	nodes->count--;
	free(node);
}

void
nodes_begin(struct nodes *nodes)
{
	nodes->round++;
}

void
nodes_end(struct nodes *nodes)
{
	struct node *node, *next;

	RB_FOREACH_SAFE(node, node_tree, &nodes->tree, next) {
		if (node->round == nodes->round)
			continue;
		RB_REMOVE(node_tree, &nodes->tree, node);
		nodes->count--;
		free(node);
	}
}

bool
nodes_has(const struct nodes *nodes, const char *name)
{
	return nodes_find(nodes, name) != NULL;
}

size_t
nodes_count(const struct nodes *nodes)
{
	return nodes->count;
}

bool
nodes_has_addr(const struct nodes *nodes, uint32_t addr)
{
	struct node_tree tree = nodes->tree;
	struct node *node;

	RB_FOREACH(node, node_tree, &tree)
		if (node->info.addr == addr &&
		    strcmp(node->info.name, nodes->own) != 0)
			return true;
	return false;
}

bool
nodes_own_available(const struct nodes *nodes)
{
	const struct node *node = nodes_find(nodes, nodes->own);

	return node == NULL || node->info.available;
}

static int
compare_addrs(const void *a, const void *b)
{
	uint32_t x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return (x > y) - (x < y);
}

size_t
nodes_addrs(const struct nodes *nodes, uint32_t *addrs, size_t max)
{
	struct node_tree tree = nodes->tree;
	struct node *node;
	size_t n = 0, kept = 0;

	RB_FOREACH(node, node_tree, &tree)
		if (node->info.addr != 0 && n < max &&
		    strcmp(node->info.name, nodes->own) != 0)
			addrs[n++] = node->info.addr;
	qsort(addrs, n, sizeof(*addrs), compare_addrs);
	for (size_t i = 0; i < n; i++)
		if (kept == 0 || addrs[kept - 1] != addrs[i])
			addrs[kept++] = addrs[i];
	return kept;
}
