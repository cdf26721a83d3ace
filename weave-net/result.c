#include <sys/socket.h>

#include <stdio.h>
#include <string.h>

#include "weave-net/result.h"

static json_t *build_interfaces(const struct result *, enum netconf_version);
static json_t *build_ips(const struct result *, enum netconf_version);
static json_t *build_routes(const struct result *, enum netconf_version);
static void set_number(json_t *, const char *, uint32_t);
static int parse_interfaces(struct result *, json_t *, struct cni_error *);
static int parse_ip(struct result_ip *, json_t *, struct cni_error *);
static int parse_ips(struct result *, json_t *, struct cni_error *);

void
result_set_mac(struct result_interface *interface, const uint8_t mac[6])
{
	snprintf(interface->mac, sizeof(interface->mac),
	    "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2], mac[3],
	    mac[4], mac[5]);
}

static json_t *
build_interfaces(const struct result *result, enum netconf_version version)
{
	json_t *list = json_array(), *item;

	for (size_t i = 0; i < result->ninterfaces; i++) {
		const struct result_interface *from = &result->interfaces[i];

		item = json_pack("{s:s}", "name", from->name);
		if (from->mac[0] != '\0')
			json_object_set_new(
			    item, "mac", json_string(from->mac));
		if (from->mtu != 0 && version >= VERSION_1_1_0)
			json_object_set_new(
			    item, "mtu", json_integer(from->mtu));
		if (from->sandbox != NULL)
			json_object_set_new(
			    item, "sandbox", json_string(from->sandbox));
		json_array_append_new(list, item);
	}
	return list;
}

/* Before 1.0.0 each says its family. */
static json_t *
build_ips(const struct result *result, enum netconf_version version)
{
	json_t *list = json_array(), *item;
	char text[IPNET_STRLEN];

	for (size_t i = 0; i < result->nips; i++) {
		const struct result_ip *from = &result->ips[i];

		item = json_object();
		if (version < VERSION_1_0_0)
			json_object_set_new(item, "version",
			    json_string(
				from->address.family == AF_INET6 ? "6" : "4"));
		json_object_set_new(item, "address",
		    json_string(ipnet_format(&from->address, text)));
		if (from->gateway.family != 0)
			json_object_set_new(item, "gateway",
			    json_string(
				ipnet_format_address(&from->gateway, text)));
		if (from->interface >= 0)
			json_object_set_new(
			    item, "interface", json_integer(from->interface));
		json_array_append_new(list, item);
	}
	return list;
}

static void
set_number(json_t *object, const char *key, uint32_t value)
{
	if (value != 0)
		json_object_set_new(object, key, json_integer(value));
}

static json_t *
build_routes(const struct result *result, enum netconf_version version)
{
	json_t *list = json_array(), *item;
	char text[IPNET_STRLEN];

	for (size_t i = 0; i < result->nroutes; i++) {
		const struct netlink_route *from = &result->routes[i];

		item =
		    json_pack("{s:s}", "dst", ipnet_format(&from->dst, text));
		if (from->gw.family != 0)
			json_object_set_new(item, "gw",
			    json_string(ipnet_format_address(&from->gw, text)));
		if (version >= VERSION_1_1_0) {
			set_number(item, "mtu", from->mtu);
			set_number(item, "advmss", from->advmss);
			set_number(item, "priority", from->priority);
			set_number(item, "table", from->table);
			if (from->scope != -1)
				json_object_set_new(
				    item, "scope", json_integer(from->scope));
		}
		json_array_append_new(list, item);
	}
	return list;
}

json_t *
result_build(const struct result *result, enum netconf_version version)
{
	json_t *root = json_object();

	json_object_set_new(
	    root, "cniVersion", json_string(netconf_version_text(version)));
	if (result->ninterfaces > 0)
		json_object_set_new(
		    root, "interfaces", build_interfaces(result, version));
	if (result->nips > 0)
		json_object_set_new(root, "ips", build_ips(result, version));
	if (result->nroutes > 0)
		json_object_set_new(
		    root, "routes", build_routes(result, version));
	if (result->dns != NULL)
		json_object_set(root, "dns", result->dns);
	else
		json_object_set_new(root, "dns", json_object());
	return root;
}

static int
parse_interfaces(struct result *result, json_t *root, struct cni_error *error)
{
	json_t *list = NULL, *item;
	size_t i;

	if (netconf_array(root, "interfaces", &list, error) == -1)
		return -1;
	json_array_foreach(list, i, item) {
		struct result_interface *to;
		const char *name = NULL, *mac = NULL;

		if (result->ninterfaces == RESULT_INTERFACES_MAX)
			return cni_fail(error, CNI_CONFIG, NULL,
			    "a result has too many interfaces");
		to = &result->interfaces[result->ninterfaces++];
		if (netconf_string(item, "name", &name, error) == -1 ||
		    netconf_string(item, "mac", &mac, error) == -1 ||
		    netconf_string(item, "sandbox", &to->sandbox, error) ==
			-1 ||
		    netconf_number(item, "mtu", UINT32_MAX, &to->mtu, error) ==
			-1)
			return -1;
		if (name == NULL ||
		    strlcpy(to->name, name, sizeof(to->name)) >=
			sizeof(to->name) ||
		    strlcpy(to->mac, mac == NULL ? "" : mac, sizeof(to->mac)) >=
			sizeof(to->mac))
			return cni_fail(error, CNI_CONFIG, NULL,
			    "a result has an interface without a name, or "
			    "with too long a one");
	}
	return 0;
}

static int
parse_ip(struct result_ip *ip, json_t *item, struct cni_error *error)
{
	const char *address = NULL, *gateway = NULL;
	uint32_t interface = UINT32_MAX;

	if (netconf_string(item, "address", &address, error) == -1 ||
	    netconf_string(item, "gateway", &gateway, error) == -1 ||
	    netconf_number(item, "interface", INT32_MAX, &interface, error) ==
		-1)
		return -1;
	ip->interface = interface == UINT32_MAX ? -1 : (int)interface;
	if (address == NULL || !ipnet_parse(address, &ip->address))
		return cni_fail(error, CNI_CONFIG, NULL,
		    "a result has an address that is none");
	if (gateway != NULL &&
	    (!ipnet_parse_address(gateway, &ip->gateway) ||
		ip->gateway.family != ip->address.family))
		return cni_fail(error, CNI_CONFIG, NULL,
		    "a result has a gateway that is none");
	return 0;
}

static int
parse_ips(struct result *result, json_t *root, struct cni_error *error)
{
	json_t *list = NULL, *item;
	size_t i;

	if (netconf_array(root, "ips", &list, error) == -1)
		return -1;
	if (json_array_size(list) > POD_ADDRESSES_MAX)
		return cni_fail(
		    error, CNI_CONFIG, NULL, "a result has too many addresses");
	json_array_foreach(list, i, item)
		if (parse_ip(&result->ips[result->nips++], item, error) == -1)
			return -1;
	return 0;
}

int
result_parse(struct result *result, json_t *root, struct cni_error *error)
{
	memset(result, 0, sizeof(*result));
	if (parse_interfaces(result, root, error) == -1 ||
	    parse_ips(result, root, error) == -1 ||
	    netconf_routes(root, result->routes, &result->nroutes, error) ==
		-1 ||
	    netconf_object(root, "dns", &result->dns, error) == -1)
		return -1;
	return 0;
}
