/*
 * A stand-in for the API server of Kubernetes: HTTPS with its own CA, Nodes in
 * pages and as a watch, and one ConfigMap with resource versions, in threads
 * of the test. It can be told to misbehave.
 */
#ifndef REGRESS_KUBEAPI_H
#define REGRESS_KUBEAPI_H

#include <stdbool.h>
#include <stddef.h>

#include <jansson.h>

#include "regress/lib/net.h"

#define KUBEAPI_PORT 6443

enum kubeapi_fault {
	KUBEAPI_FINE,
	KUBEAPI_GONE, /* watches get 410 */
	KUBEAPI_GONE_EVENT, /* the same as an event in a good answer */
	KUBEAPI_GARBAGE, /* bytes that are no JSON */
	KUBEAPI_DEEP, /* JSON of a million brackets */
	KUBEAPI_HUGE, /* an answer without end */
	KUBEAPI_SLOW, /* one byte a second */
	KUBEAPI_HANG_UP, /* in the middle of every answer */
	KUBEAPI_ERROR /* 500 */
};

enum kubeapi_count {
	KUBEAPI_LISTS, /* requests for a page */
	KUBEAPI_WATCHES,
	KUBEAPI_PUTS, /* of the map, done */
	KUBEAPI_CONFLICTS, /* of the map, refused */
	KUBEAPI_PATCHES, /* of a node's status */
	KUBEAPI_DENIED, /* wrong token */
	KUBEAPI_CONNECTIONS, /* that said a request */
	KUBEAPI_COUNTS
};

struct kubeapi;

/*
 * Serves KUBEAPI_PORT at the address of a host, on which no daemon needs to
 * run; makes the directory account/ in that of the host, with the files of a
 * service account.
 */
struct kubeapi *kubeapi_new(struct host *host);
/* Also at another address of the host, which its certificate does not name. */
void kubeapi_listen(struct kubeapi *api, const char *address);
/* Options of a host whose daemon is to be a node called as its nickname. */
void kubeapi_option(struct kubeapi *api, struct host *host);
/* Ends every connection; none is taken until kubeapi_resume(). */
void kubeapi_pause(struct kubeapi *api);
void kubeapi_resume(struct kubeapi *api);
/* A node, new or changed; without an address: gone. */
void kubeapi_node(struct kubeapi *api, const char *name, const char *address);
/* The node's condition says that there is no network. */
void kubeapi_set_unavailable(struct kubeapi *api, const char *name);
/* Applies to what comes, and ends watches that run. */
void kubeapi_set_fault(struct kubeapi *api, enum kubeapi_fault fault);
/* Another token is the only good one; it is written to the account or not. */
void kubeapi_set_token(struct kubeapi *api, const char *token, bool written);
/* Another CA, of which the server has no certificate, is in the account. */
void kubeapi_spoil_ca(struct kubeapi *api);
unsigned kubeapi_get(struct kubeapi *api, enum kubeapi_count count);
/* Does the node's condition say that there is a network? */
bool kubeapi_available(struct kubeapi *api, const char *name);
/* The map as it is, NULL: there is none; to be json_decref()ed. */
json_t *kubeapi_map(struct kubeapi *api);
/* map: taken over. */
void kubeapi_set_map(struct kubeapi *api, json_t *map);
/* Is this peer in the list with this node? node NULL: any. */
bool kubeapi_has_peer(struct kubeapi *api, const char *peer, const char *node);
/* Called, in another thread, before a PUT of the map is looked at. */
void kubeapi_on_put(struct kubeapi *api, void (*called)(void *arg), void *arg);

#endif
