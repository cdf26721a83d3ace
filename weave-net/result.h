/* Results in the shape of each version of the specification. */
#ifndef WEAVE_NET_RESULT_H
#define WEAVE_NET_RESULT_H

#include "weave-net/netconf.h"

#define RESULT_INTERFACES_MAX 16

struct result_interface {
	char name[IF_NAMESIZE];
	char mac[18]; /* empty: not known */
	uint32_t mtu; /* 0: not known */
	const char *sandbox; /* NULL: on the host */
};

struct result_ip {
	struct ipnet address;
	struct ipnet gateway; /* family 0: none */
	int interface; /* index, -1: none */
};

struct result {
	struct result_interface interfaces[RESULT_INTERFACES_MAX];
	size_t ninterfaces;
	struct result_ip ips[POD_ADDRESSES_MAX];
	size_t nips;
	struct netlink_route routes[POD_ROUTES_MAX];
	size_t nroutes;
	json_t *dns; /* borrowed; NULL: none */
};

/* New reference; NULL without memory. */
json_t *result_build(const struct result *result, enum netconf_version version);
/* Of another plugin, or prevResult. Borrows from root. */
int result_parse(struct result *result, json_t *root, struct cni_error *error);
void result_set_mac(struct result_interface *interface, const uint8_t mac[6]);

#endif
