/*
 * The nodes of the cluster, of which only names and addresses are kept, and
 * what is read from the API server's Node objects. Pure: JSON and memory.
 */
#ifndef KUBE_NODES_H
#define KUBE_NODES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#define NODES_MAX 5000 /* what Kubernetes itself is made for */
#define NODE_NAME_MAX 254 /* bytes with NUL */

struct node_info {
	char name[NODE_NAME_MAX];
	uint32_t addr; /* InternalIP, else ExternalIP; 0: no IPv4 one */
	bool available; /* condition NetworkUnavailable says False */
};

enum nodes_result {
	NODES_SAME,
	NODES_CHANGED,
	NODES_FULL /* no room for another */
};

struct nodes;

/* False: object is no Node whose name can be used. */
bool node_parse(const json_t *object, struct node_info *info);

/* own: the name of our node, which is in no list of addresses. */
struct nodes *nodes_new(const char *own);
void nodes_free(struct nodes *nodes);
enum nodes_result nodes_put(struct nodes *nodes, const struct node_info *info);
void nodes_delete(struct nodes *nodes, const char *name);
/* A list begins; when it ends, what was not put since is gone. */
void nodes_begin(struct nodes *nodes);
void nodes_end(struct nodes *nodes);
bool nodes_has(const struct nodes *nodes, const char *name);
size_t nodes_count(const struct nodes *nodes);
/* Is this the address of a node that is not ours? */
bool nodes_has_addr(const struct nodes *nodes, uint32_t addr);
/* Our own node's condition; true also while it is not known. */
bool nodes_own_available(const struct nodes *nodes);
/* Addresses of the others, without doubles, at most max; returns how many. */
size_t nodes_addrs(const struct nodes *nodes, uint32_t *addrs, size_t max);

#endif
