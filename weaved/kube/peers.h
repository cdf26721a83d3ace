/*
 * The cluster's list of peers: annotations of the ConfigMap kube-system/
 * weave-net, as Weave Net 2.8.1 keeps them, so that its routers and ours can
 * share it. "kube-peers.weave.works/peers" has JSON, {"Peers": [{"PeerName":
 * .., "NodeName": ..}]}; "kube-peers.weave.works/PEER", colons as underscores,
 * names the peer that takes the ranges of PEER. Who changes it gives the
 * resource version that it has read, and has lost if that is old. Pure.
 */
#ifndef KUBE_PEERS_H
#define KUBE_PEERS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <jansson.h>

#include "weaved/kube/nodes.h"
#include "weaved/weaved.h"

#define PEERS_MAX 10000 /* entries */
#define PEERS_MAP_MAX (2u << 20) /* bytes: Kubernetes has 1 MiB */

struct peers {
	json_t *map; /* the ConfigMap */
	json_t *list; /* of entries */
};

struct peers_entry {
	uint64_t peer;
	char node[NODE_NAME_MAX];
};

/* What the server sent. False: it is no such map; *peers is empty. */
bool peers_parse(struct peers *peers, const char *data, size_t len);
void peers_clear(struct peers *peers);
/* The UID of the map; empty if it has none that is valid. */
void peers_uid(const struct peers *peers, char uid[KUBE_LIST_MAX]);
size_t peers_count(const struct peers *peers);
/* False: the entry is not one that can be read; it stays as it is. */
bool peers_get(
    const struct peers *peers, size_t index, struct peers_entry *entry);
/* Is the peer in the list as that of this node? */
bool peers_has(const struct peers *peers, uint64_t peer, const char *node);
/* Is the peer in the list at all? */
bool peers_has_peer(const struct peers *peers, uint64_t peer);
/* Who takes the ranges of this peer; false: nobody. */
bool peers_taker(const struct peers *peers, uint64_t peer, uint64_t *taker);

/* Each changes the map; false: no memory. Then peers_format() and PUT it. */
bool peers_add(struct peers *peers, uint64_t peer, const char *node);
bool peers_set_taker(struct peers *peers, uint64_t peer, uint64_t taker);
/* Also the notes that this peer takes the ranges of others. */
bool peers_remove(struct peers *peers, uint64_t peer);
/* To be freed; NULL without memory. */
char *peers_format(struct peers *peers);

#endif
