/*
 * The network configuration on standard input: JSON, bounded in size, depth
 * and lengths, every key that is known of the type that it must have. What is
 * not known is left to others, as the CNI specification wants it.
 */
#ifndef WEAVE_NET_NETCONF_H
#define WEAVE_NET_NETCONF_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/pod.h"
#include "weave-net/env.h"
#include "weave-net/error.h"

#define NETCONF_SIZE_MAX ((size_t)1 << 20)
#define NETCONF_DEPTH_MAX 16
#define NETCONF_STRING_MAX 4096 /* bytes of a string or key */
#define NETCONF_NAME_MAX 128
#define NETCONF_IPS_MAX 8
#define NETCONF_VALID "cni.dev/valid-attachments"

enum netconf_version {
	VERSION_0_3_0,
	VERSION_0_3_1,
	VERSION_0_4_0,
	VERSION_1_0_0,
	VERSION_1_1_0,
	VERSIONS
};

struct netconf {
	json_t *root;
	enum netconf_version version;
	const char *name; /* of the network */
	const char *bridge; /* NULL: the daemon's */
	const char *control; /* socket, NULL: not given */
	uint32_t mtu; /* 0: the daemon's */
	bool hairpin;
	const char *ipam_type; /* another IPAM plugin, NULL: weaved's */
	struct subnet subnet; /* len 0: the default one */
	struct ipnet gateway; /* family 0: none */
	struct netlink_route routes[POD_ROUTES_MAX];
	size_t nroutes;
	struct ipnet ips[NETCONF_IPS_MAX]; /* capability; len 0: the default */
	size_t nips;
	bool has_mac; /* capability */
	uint8_t mac[6];
	json_t *dns; /* object or NULL; of root */
	json_t *prev; /* likewise */
	json_t *valid; /* array or NULL: what GC may not touch */
};

/* Text of the version, "1.0.0". */
const char *netconf_version_text(enum netconf_version version);
/* False: root says none of ours. */
bool netconf_find_version(const json_t *root, enum netconf_version *version);
/* JSON within the limits; NULL: error says why. */
json_t *netconf_load(const char *data, size_t len, struct cni_error *error);
/* Takes root over, also on failure. */
int netconf_parse(struct netconf *conf, json_t *root, struct cni_error *error);
void netconf_free(struct netconf *conf);

/* Typed members; *value stays NULL, or as it was, if there is none. */
int netconf_string(json_t *object, const char *key, const char **value,
    struct cni_error *error);
int netconf_bool(
    json_t *object, const char *key, bool *value, struct cni_error *error);
int netconf_number(json_t *object, const char *key, json_int_t most,
    uint32_t *value, struct cni_error *error);
int netconf_object(
    json_t *object, const char *key, json_t **value, struct cni_error *error);
int netconf_array(
    json_t *object, const char *key, json_t **value, struct cni_error *error);
/* "routes" of an object. */
int netconf_routes(json_t *object, struct netlink_route *routes, size_t *n,
    struct cni_error *error);
bool netconf_parse_mac(const char *text, uint8_t mac[6]);

#endif
