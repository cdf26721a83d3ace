#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "weave-net/netconf.h"

static const char *const versions[VERSIONS] = {
    [VERSION_0_3_0] = "0.3.0",
    [VERSION_0_3_1] = "0.3.1",
    [VERSION_0_4_0] = "0.4.0",
    [VERSION_1_0_0] = "1.0.0",
    [VERSION_1_1_0] = "1.1.0",
};

static bool within_limits(json_t *, unsigned);
static int wrong(struct cni_error *, const char *, const char *);
static int parse_version(struct netconf *, struct cni_error *);
static int parse_refused(json_t *, struct cni_error *);
static int parse_link(struct netconf *, struct cni_error *);
static int parse_subnet(struct netconf *, json_t *, struct cni_error *);
static int parse_ipam(struct netconf *, struct cni_error *);
static int parse_ips(struct netconf *, json_t *, struct cni_error *);
static int parse_runtime(struct netconf *, struct cni_error *);
static int parse_dns(struct netconf *, struct cni_error *);
static int parse_valid(struct netconf *, struct cni_error *);
static int parse_route(json_t *, struct netlink_route *, struct cni_error *);

const char *
netconf_version_text(enum netconf_version version)
{
	return versions[version];
}

static bool
within_limits(json_t *value, unsigned depth)
{
	const char *key;
	json_t *item;
	size_t i;

	if (depth > NETCONF_DEPTH_MAX ||
	    json_string_length(value) > NETCONF_STRING_MAX)
		return false;
	json_array_foreach(value, i, item)
		if (!within_limits(item, depth + 1))
			return false;
	json_object_foreach(value, key, item)
		if (strlen(key) > NETCONF_STRING_MAX ||
		    !within_limits(item, depth + 1))
			return false;
	return true;
}

json_t *
netconf_load(const char *data, size_t len, struct cni_error *error)
{
	json_error_t where;
	json_t *root;

	root = json_loadb(data, len, JSON_REJECT_DUPLICATES, &where);
	if (root == NULL)
		cni_fail(error, CNI_DECODE, where.text,
		    "cannot decode the network configuration, line %d",
		    where.line);
	else if (!json_is_object(root))
		cni_fail(error, CNI_DECODE, NULL,
		    "the network configuration is no object");
	else if (!within_limits(root, 1))
		cni_fail(error, CNI_DECODE, NULL,
		    "the network configuration is nested deeper than %d, or "
		    "has a string longer than %d bytes",
		    NETCONF_DEPTH_MAX, NETCONF_STRING_MAX);
	else
		return root;
	json_decref(root);
	return NULL;
}

static int
wrong(struct cni_error *error, const char *key, const char *what)
{
	return cni_fail(error, CNI_CONFIG, NULL,
	    "invalid network configuration: \"%s\" %s", key, what);
}

int
netconf_string(json_t *object, const char *key, const char **value,
    struct cni_error *error)
{
	json_t *item = json_object_get(object, key);

	if (item == NULL || json_is_null(item))
		return 0;
	if (!json_is_string(item))
		return wrong(error, key, "must be a string");
	if (json_string_length(item) > 0)
		*value = json_string_value(item);
	return 0;
}

int
netconf_bool(
    json_t *object, const char *key, bool *value, struct cni_error *error)
{
	json_t *item = json_object_get(object, key);

	if (item == NULL || json_is_null(item))
		return 0;
	if (!json_is_boolean(item))
		return wrong(error, key, "must be true or false");
	*value = json_is_true(item);
	return 0;
}

int
netconf_number(json_t *object, const char *key, json_int_t most,
    uint32_t *value, struct cni_error *error)
{
	json_t *item = json_object_get(object, key);

	if (item == NULL || json_is_null(item))
		return 0;
	if (!json_is_integer(item) || json_integer_value(item) < 0 ||
	    json_integer_value(item) > most)
		return wrong(error, key, "is no number in its range");
	*value = (uint32_t)json_integer_value(item);
	return 0;
}

int
netconf_object(
    json_t *object, const char *key, json_t **value, struct cni_error *error)
{
	json_t *item = json_object_get(object, key);

	if (item == NULL || json_is_null(item))
		return 0;
	if (!json_is_object(item))
		return wrong(error, key, "must be an object");
	*value = item;
	return 0;
}

int
netconf_array(
    json_t *object, const char *key, json_t **value, struct cni_error *error)
{
	json_t *item = json_object_get(object, key);

	if (item == NULL || json_is_null(item))
		return 0;
	if (!json_is_array(item))
		return wrong(error, key, "must be an array");
	*value = item;
	return 0;
}

static int
parse_route(json_t *item, struct netlink_route *route, struct cni_error *error)
{
	const char *dst = NULL, *gw = NULL;
	uint32_t scope = UINT32_MAX;

	memset(route, 0, sizeof(*route));
	route->scope = -1;
	if (!json_is_object(item))
		return wrong(error, "routes", "must be an array of objects");
	if (netconf_string(item, "dst", &dst, error) == -1 ||
	    netconf_string(item, "gw", &gw, error) == -1 ||
	    netconf_number(item, "mtu", UINT16_MAX, &route->mtu, error) == -1 ||
	    netconf_number(item, "advmss", UINT16_MAX, &route->advmss, error) ==
		-1 ||
	    netconf_number(
		item, "priority", UINT32_MAX, &route->priority, error) == -1 ||
	    netconf_number(item, "table", UINT32_MAX, &route->table, error) ==
		-1 ||
	    netconf_number(item, "scope", UINT8_MAX, &scope, error) == -1)
		return -1;
	if (scope != UINT32_MAX)
		route->scope = (int)scope;
	if (dst == NULL || !ipnet_parse(dst, &route->dst) ||
	    ipnet_has_host_bits(&route->dst))
		return wrong(error, "dst", "of a route must be a subnet");
	if (gw != NULL &&
	    (!ipnet_parse_address(gw, &route->gw) ||
		route->gw.family != route->dst.family))
		return wrong(error, "gw", "of a route must be an address");
	return 0;
}

int
netconf_routes(json_t *object, struct netlink_route *routes, size_t *n,
    struct cni_error *error)
{
	json_t *list = NULL, *item;
	size_t i;

	*n = 0;
	if (netconf_array(object, "routes", &list, error) == -1)
		return -1;
	if (json_array_size(list) > POD_ROUTES_MAX)
		return wrong(error, "routes", "are too many");
	json_array_foreach(list, i, item)
		if (parse_route(item, &routes[(*n)++], error) == -1)
			return -1;
	return 0;
}

bool
netconf_parse_mac(const char *text, uint8_t mac[6])
{
	unsigned bytes[6];
	int end = 0;

	if (strlen(text) != 17 ||
	    strspn(text, "0123456789abcdefABCDEF:") != 17 ||
	    sscanf(text, "%2x:%2x:%2x:%2x:%2x:%2x%n", &bytes[0], &bytes[1],
		&bytes[2], &bytes[3], &bytes[4], &bytes[5], &end) != 6 ||
	    end != 17)
		return false;
	for (int i = 0; i < 6; i++)
		mac[i] = (uint8_t)bytes[i];
	return true;
}

bool
netconf_find_version(const json_t *root, enum netconf_version *version)
{
	const char *text =
	    json_string_value(json_object_get(root, "cniVersion"));

	for (int i = 0; i < VERSIONS && text != NULL; i++)
		if (strcmp(text, versions[i]) == 0) {
			*version = (enum netconf_version)i;
			return true;
		}
	return false;
}

static int
parse_version(struct netconf *conf, struct cni_error *error)
{
	/* So says the specification of one without the key. */
	const char *text = "0.1.0";
	char details[256];

	if (netconf_string(conf->root, "cniVersion", &text, error) == -1)
		return -1;
	if (netconf_find_version(conf->root, &conf->version))
		return 0;
	snprintf(details, sizeof(details),
	    "config is \"%.32s\", plugin supports [\"0.3.0\" \"0.3.1\" "
	    "\"0.4.0\" \"1.0.0\" \"1.1.0\"]",
	    text);
	return cni_fail(
	    error, CNI_VERSION, details, "incompatible CNI versions");
}

/* In Weave's words. */
static int
parse_refused(json_t *root, struct cni_error *error)
{
	bool gateway = false, masquerade = false;

	if (netconf_bool(root, "isGateway", &gateway, error) == -1 ||
	    netconf_bool(root, "ipMasq", &masquerade, error) == -1)
		return -1;
	if (gateway)
		return cni_fail(error, CNI_UNSUPPORTED, NULL,
		    "Gateway functionality not supported");
	if (masquerade)
		return cni_fail(error, CNI_UNSUPPORTED, NULL,
		    "IP Masquerading functionality not supported");
	return 0;
}

static int
parse_link(struct netconf *conf, struct cni_error *error)
{
	if (netconf_string(conf->root, "name", &conf->name, error) == -1 ||
	    netconf_string(conf->root, "bridge", &conf->bridge, error) == -1 ||
	    netconf_string(
		conf->root, "controlSocket", &conf->control, error) == -1 ||
	    netconf_number(conf->root, "mtu", 65535, &conf->mtu, error) == -1 ||
	    netconf_bool(conf->root, "hairpinMode", &conf->hairpin, error) ==
		-1)
		return -1;
	if (conf->name == NULL)
		return cni_fail(
		    error, CNI_CONFIG, NULL, "missing network name");
	if (!env_valid_name(conf->name, NETCONF_NAME_MAX))
		return cni_fail(error, CNI_CONFIG, NULL,
		    "invalid characters in network name, or longer than %d",
		    NETCONF_NAME_MAX);
	if (conf->bridge != NULL && !env_valid_ifname(conf->bridge))
		return wrong(error, "bridge", "is no name of an interface");
	if (conf->control != NULL && conf->control[0] != '/')
		return wrong(error, "controlSocket", "is no absolute path");
	if (conf->mtu != 0 && conf->mtu < 552)
		return wrong(error, "mtu", "is no number in its range");
	return 0;
}

static int
parse_subnet(struct netconf *conf, json_t *ipam, struct cni_error *error)
{
	const char *subnet = NULL, *gateway = NULL;

	if (netconf_string(ipam, "subnet", &subnet, error) == -1 ||
	    netconf_string(ipam, "gateway", &gateway, error) == -1 ||
	    netconf_routes(ipam, conf->routes, &conf->nroutes, error) == -1)
		return -1;
	if (subnet != NULL &&
	    (!subnet_parse(subnet, &conf->subnet) || conf->subnet.len == 0))
		return wrong(error, "subnet", "is no IPv4 subnet");
	if (gateway != NULL && !ipnet_parse_address(gateway, &conf->gateway))
		return wrong(error, "gateway", "is no address");
	return 0;
}

/* What belongs to another IPAM plugin is for that to judge. */
static int
parse_ipam(struct netconf *conf, struct cni_error *error)
{
	json_t *ipam = NULL;

	if (netconf_object(conf->root, "ipam", &ipam, error) == -1 ||
	    netconf_string(ipam, "type", &conf->ipam_type, error) == -1)
		return -1;
	if (conf->ipam_type == NULL ||
	    strcmp(conf->ipam_type, "weave-ipam") == 0) {
		conf->ipam_type = NULL;
		return parse_subnet(conf, ipam, error);
	}
	/* It would call itself. */
	if (strcmp(conf->ipam_type, "weave-net") == 0 ||
	    !env_valid_name(conf->ipam_type, NETCONF_NAME_MAX))
		return wrong(error, "type", "of \"ipam\" is no IPAM plugin");
	return 0;
}

static int
parse_ips(struct netconf *conf, json_t *list, struct cni_error *error)
{
	json_t *item;
	size_t i;

	json_array_foreach(list, i, item) {
		struct ipnet *ip;
		const char *text = json_string_value(item);

		if (conf->nips == NETCONF_IPS_MAX)
			return wrong(error, "ips", "are too many");
		ip = &conf->ips[conf->nips++];
		if (text == NULL)
			return wrong(error, "ips", "must be strings");
		if (ipnet_parse(text, ip) && ip->family == AF_INET &&
		    ip->len > 0)
			continue;
		if (!ipnet_parse_address(text, ip) || ip->family != AF_INET)
			return wrong(error, "ips", "must be IPv4 addresses");
		ip->len = 0;
	}
	return 0;
}

/* Capabilities that the runtime has filled in. */
static int
parse_runtime(struct netconf *conf, struct cni_error *error)
{
	json_t *runtime = NULL, *ips = NULL;
	const char *mac = NULL;

	if (netconf_object(conf->root, "runtimeConfig", &runtime, error) ==
		-1 ||
	    netconf_array(runtime, "ips", &ips, error) == -1 ||
	    parse_ips(conf, ips, error) == -1 ||
	    netconf_string(runtime, "mac", &mac, error) == -1)
		return -1;
	if (mac == NULL)
		return 0;
	conf->has_mac = true;
	if (!netconf_parse_mac(mac, conf->mac) || (conf->mac[0] & 1) != 0 ||
	    memcmp(conf->mac, "\0\0\0\0\0", 6) == 0)
		return wrong(error, "mac", "is no MAC address of an interface");
	return 0;
}

static int
parse_dns(struct netconf *conf, struct cni_error *error)
{
	static const char *const lists[] = {"nameservers", "search", "options"};
	const char *domain = NULL;

	if (netconf_object(conf->root, "dns", &conf->dns, error) == -1 ||
	    netconf_string(conf->dns, "domain", &domain, error) == -1)
		return -1;
	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
		json_t *list = NULL, *item;
		size_t j;

		if (netconf_array(conf->dns, lists[i], &list, error) == -1)
			return -1;
		json_array_foreach(list, j, item)
			if (!json_is_string(item))
				return wrong(
				    error, lists[i], "must be strings");
	}
	return 0;
}

/* Two names of it are in use: the specification's and that of libcni. */
static int
parse_valid(struct netconf *conf, struct cni_error *error)
{
	static const char *const keys[] = {
	    "cni.dev/attachments", NETCONF_VALID};

	for (size_t i = 0; i < 2; i++) {
		if (netconf_array(conf->root, keys[i], &conf->valid, error) ==
		    -1)
			return -1;
		/* What Go says of an empty list. */
		if (!json_is_null(json_object_get(conf->root, keys[i])))
			continue;
		conf->valid = json_array();
		json_object_set_new(conf->root, keys[i], conf->valid);
	}
	return 0;
}

int
netconf_parse(struct netconf *conf, json_t *root, struct cni_error *error)
{
	memset(conf, 0, sizeof(*conf));
	conf->root = root;
	conf->hairpin = true;
	if (parse_version(conf, error) == -1 ||
	    parse_refused(root, error) == -1 || parse_link(conf, error) == -1 ||
	    parse_ipam(conf, error) == -1 || parse_runtime(conf, error) == -1 ||
	    parse_dns(conf, error) == -1)
		return -1;
	if (netconf_object(root, "prevResult", &conf->prev, error) == -1)
		return -1;
	return parse_valid(conf, error);
}

void
netconf_free(struct netconf *conf)
{
	json_decref(conf->root);
	conf->root = NULL;
}
