#include <sys/socket.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/expose.h"
#include "weave-net/addresses.h"
#include "weave-net/command.h"

typedef int (*command)(struct session *, json_t **, struct cni_error *);

struct garbage {
	const struct session *session;
	struct cni_error *error;
	int result;
};

static int open_ns(const struct session *, int *, struct cni_error *);
static void init_pod(struct pod *, const struct session *, int);
static int add_route(struct result *, const struct ipnet *,
    const struct ipnet *, struct cni_error *);
static int find_gateway(const struct session *, const struct ipnet *,
    struct ipnet *, struct cni_error *);
static int choose_gateway(
    const struct session *, struct result *, struct cni_error *);
static int complete_routes(
    const struct session *, struct result *, struct cni_error *);
static void add_interfaces(
    const struct session *, struct result *, const struct pod_links *);
static int make(struct session *, int, struct result *, struct cni_error *);
static int parse_prev(
    const struct session *, struct result *, struct cni_error *);
static int net_add(struct session *, json_t **, struct cni_error *);
static int net_del(struct session *, json_t **, struct cni_error *);
static int net_check(struct session *, json_t **, struct cni_error *);
static int net_status(struct session *, json_t **, struct cni_error *);
static int net_gc(struct session *, json_t **, struct cni_error *);
static void remove_garbage(void *, const struct pod_row *);
static int ipam_add(struct session *, json_t **, struct cni_error *);
static int ipam_del(struct session *, json_t **, struct cni_error *);
static int ipam_check(struct session *, json_t **, struct cni_error *);
static int ipam_status(struct session *, json_t **, struct cni_error *);
static int ipam_gc(struct session *, json_t **, struct cni_error *);

static const struct {
	enum netconf_version since;
	command run[2]; /* by enum program */
} commands[COMMANDS] = {
    [COMMAND_ADD] = {VERSION_0_3_0, {net_add, ipam_add}},
    [COMMAND_DEL] = {VERSION_0_3_0, {net_del, ipam_del}},
    [COMMAND_CHECK] = {VERSION_0_4_0, {net_check, ipam_check}},
    [COMMAND_STATUS] = {VERSION_1_1_0, {net_status, ipam_status}},
    [COMMAND_GC] = {VERSION_1_1_0, {net_gc, ipam_gc}},
};

static int
open_ns(const struct session *session, int *ns, struct cni_error *error)
{
	char why[POD_ERROR_MAX];

	if ((*ns = pod_open_ns(session->env.netns, why)) == -1)
		return cni_fail(error,
		    errno == ENOENT ? CNI_NO_CONTAINER : CNI_ENVIRONMENT, NULL,
		    "CNI_NETNS: %s", why);
	if (!pod_is_own_ns(*ns))
		return 0;
	close(*ns);
	return cni_fail(error, CNI_HOST_NS, NULL,
	    "CNI_NETNS is the network namespace of the host");
}

static void
init_pod(struct pod *pod, const struct session *session, int ns)
{
	memset(pod, 0, sizeof(*pod));
	pod->id = session->id;
	pod->bridge = session->status.status.bridge;
	pod->ifname = session->env.ifname;
	pod->ns = ns;
	pod->mtu = session->conf.mtu != 0 ? session->conf.mtu
					  : session->status.status.mtu;
	pod->hairpin = session->conf.hairpin;
	pod->has_mac = session->conf.has_mac;
	memcpy(pod->mac, session->conf.mac, sizeof(pod->mac));
}

static int
add_route(struct result *result, const struct ipnet *dst,
    const struct ipnet *gw, struct cni_error *error)
{
	struct netlink_route *route;

	if (result->nroutes == POD_ROUTES_MAX)
		return cni_fail(error, CNI_CONFIG, NULL, "too many routes");
	route = &result->routes[result->nroutes++];
	memset(route, 0, sizeof(*route));
	route->scope = -1;
	route->dst = *dst;
	if (gw != NULL)
		route->gw = *gw;
	return 0;
}

/* The first address of the bridge, or the first one in the pod's subnet. */
static int
find_gateway(const struct session *session, const struct ipnet *pod,
    struct ipnet *gateway, struct cni_error *error)
{
	struct ipnet list[POD_ADDRESSES_MAX];
	char why[POD_ERROR_MAX];
	int n;

	n = pod_bridge_addresses(session->status.status.bridge, list, why);
	if (n == -1)
		return cni_fail(error, CNI_SETUP, NULL, "%s", why);
	gateway->family = 0;
	for (int i = n - 1; i >= 0; i--)
		if (list[i].family == pod->family &&
		    (gateway->family == 0 || ipnet_contains(pod, &list[i])))
			*gateway = list[i];
	return 0;
}

/*
 * Weave's way: without a word of gateways and routes it is the bridge, which
 * gets an address if it has none.
 */
static int
choose_gateway(const struct session *session, struct result *result,
    struct cni_error *error)
{
	struct result_ip *first = &result->ips[0];
	const struct ctl_expose any = {0};
	char why[CTLCLIENT_ERROR_MAX];
	struct ctl_expose got;

	if (first->gateway.family != 0 || result->nroutes > 0)
		return 0;
	if (find_gateway(session, &first->address, &first->gateway, error) ==
	    -1)
		return -1;
	if (first->gateway.family != 0 || first->address.family != AF_INET ||
	    !session->status.has_ipam)
		return 0;
	if (expose_host(session->daemon, &any, CTLIP_WAIT_MS, &got, why) == -1)
		return cni_fail(error, CNI_AGAIN, NULL,
		    "unable to give the bridge an address: %s", why);
	first->gateway = ipnet_from_ipv4(got.addr, got.len);
	return 0;
}

static int
complete_routes(const struct session *session, struct result *result,
    struct cni_error *error)
{
	const struct result_ip *first = &result->ips[0];
	const struct ipnet anywhere = {.family = first->address.family};

	if (choose_gateway(session, result, error) == -1)
		return -1;
	if (first->gateway.family == 0)
		return 0;
	if (result->nroutes == 0) {
		struct ipnet gateway = first->gateway;

		gateway.len = (uint8_t)(ipnet_size(&gateway) * 8);
		if (!ipnet_contains(&first->address, &gateway) &&
		    add_route(result, &gateway, NULL, error) == -1)
			return -1;
		return add_route(result, &anywhere, &gateway, error);
	}
	for (size_t i = 0; i < result->nroutes; i++)
		if (result->routes[i].gw.family == 0 &&
		    result->routes[i].scope == -1 &&
		    result->routes[i].dst.family == first->gateway.family)
			result->routes[i].gw = first->gateway;
	return 0;
}

static void
add_interfaces(const struct session *session, struct result *result,
    const struct pod_links *links)
{
	const struct netlink_link *list[] = {
	    &links->bridge, &links->port, &links->inside};

	for (size_t i = 0; i < 3; i++) {
		struct result_interface *to = &result->interfaces[i];

		strlcpy(to->name, list[i]->name, sizeof(to->name));
		result_set_mac(to, list[i]->mac);
		to->mtu = list[i]->mtu;
		to->sandbox = i == 2 ? session->env.netns : NULL;
	}
	result->ninterfaces = 3;
	for (size_t i = 0; i < result->nips; i++)
		result->ips[i].interface = 2;
}

static int
make(struct session *session, int ns, struct result *result,
    struct cni_error *error)
{
	struct pod_links links;
	struct pod pod;
	char why[POD_ERROR_MAX];

	if (complete_routes(session, result, error) == -1)
		return -1;
	init_pod(&pod, session, ns);
	for (size_t i = 0; i < result->nips; i++)
		pod.addresses[pod.naddresses++] = result->ips[i].address;
	memcpy(pod.routes, result->routes, sizeof(pod.routes));
	pod.nroutes = result->nroutes;
	if (pod_attach(&pod, &links, why) == -1)
		return cni_fail(error, errno == EEXIST ? CNI_EXISTS : CNI_SETUP,
		    NULL, "%s", why);
	add_interfaces(session, result, &links);
	return 0;
}

/* What fails leaves nothing behind, as far as it can be undone. */
static int
net_add(struct session *session, json_t **output, struct cni_error *error)
{
	struct cni_error ignored;
	struct result result;
	json_t *held;
	int ns, status;

	if (open_ns(session, &ns, error) == -1)
		return -1;
	if (session_ask_daemon(session, error) == -1) {
		close(ns);
		return -1;
	}
	status = addresses_add(session, &result, &held, error);
	if (status == 0 && (status = make(session, ns, &result, error)) == -1)
		addresses_del(session, &ignored);
	if (status == 0)
		*output = result_build(&result, session->conf.version);
	json_decref(held);
	close(ns);
	return status;
}

static int
net_del(struct session *session, json_t **output, struct cni_error *error)
{
	char why[POD_ERROR_MAX];
	int ns = -1;

	(void)output;
	if (session->env.netns != NULL)
		ns = pod_open_ns(session->env.netns, why);
	if (ns != -1 && pod_is_own_ns(ns)) {
		close(ns);
		ns = -1;
	}
	if (pod_detach(session->id, ns, session->env.ifname, why) == -1)
		cni_fail(error, CNI_SETUP, NULL, "%s", why);
	if (ns != -1)
		close(ns);
	if (error->code != CNI_OK)
		return -1;
	return addresses_del(session, error);
}

static int
parse_prev(
    const struct session *session, struct result *prev, struct cni_error *error)
{
	if (session->conf.prev == NULL)
		return cni_fail(
		    error, CNI_CONFIG, NULL, "required prevResult missing");
	return result_parse(prev, session->conf.prev, error);
}

/* Of the result only what was made here: others of the list add their own. */
static int
net_check(struct session *session, json_t **output, struct cni_error *error)
{
	const struct result_interface *inside = NULL;
	char why[POD_ERROR_MAX];
	struct pod_links links;
	struct result prev;
	struct pod pod;
	int ns, status;

	(void)output;
	if (parse_prev(session, &prev, error) == -1 ||
	    session_ask_daemon(session, error) == -1 ||
	    open_ns(session, &ns, error) == -1)
		return -1;
	init_pod(&pod, session, ns);
	pod.mtu = session->conf.mtu; /* the daemon's may have changed */
	for (size_t i = 0; i < prev.ninterfaces; i++)
		if (prev.interfaces[i].sandbox != NULL &&
		    strcmp(prev.interfaces[i].name, pod.ifname) == 0)
			inside = &prev.interfaces[i];
	for (size_t i = 0; i < prev.nips; i++)
		pod.addresses[pod.naddresses++] = prev.ips[i].address;
	memcpy(pod.routes, prev.routes, sizeof(pod.routes));
	pod.nroutes = prev.nroutes;
	if (inside == NULL)
		status = cni_fail(error, CNI_CONFIG, NULL,
		    "prevResult has no interface %s", pod.ifname);
	else {
		pod.has_mac = netconf_parse_mac(inside->mac, pod.mac);
		status = pod_check(&pod, &links, why) == 0
		    ? addresses_check(session, &prev, error)
		    : cni_fail(error, CNI_CHECK, NULL, "%s", why);
	}
	close(ns);
	return status;
}

/* Without the daemon pods that are there reach nobody but their neighbours. */
static int
net_status(struct session *session, json_t **output, struct cni_error *error)
{
	(void)output;
	if (session_ask_daemon(session, error) == -1) {
		error->code = CNI_LIMITED;
		return -1;
	}
	return addresses_status(session, error);
}

static void
remove_garbage(void *arg, const struct pod_row *row)
{
	struct garbage *garbage = arg;
	char why[POD_ERROR_MAX];

	if (!addresses_keep(garbage->session, row->id) &&
	    pod_detach(row->id, -1, NULL, why) == -1)
		garbage->result =
		    cni_fail(garbage->error, CNI_SETUP, NULL, "%s", why);
}

static int
net_gc(struct session *session, json_t **output, struct cni_error *error)
{
	struct garbage garbage = {session, error, 0};
	char why[POD_ERROR_MAX];

	(void)output;
	if (addresses_check_valid(&session->conf, error) == -1)
		return -1;
	if (pod_list(remove_garbage, &garbage, why) == -1)
		return cni_fail(error, CNI_SETUP, NULL, "%s", why);
	if (addresses_gc(session, error) == -1)
		return -1;
	return garbage.result;
}

static int
ipam_add(struct session *session, json_t **output, struct cni_error *error)
{
	struct result result;
	json_t *held;
	int status = addresses_add(session, &result, &held, error);

	if (status == 0)
		*output = result_build(&result, session->conf.version);
	json_decref(held);
	return status;
}

static int
ipam_del(struct session *session, json_t **output, struct cni_error *error)
{
	(void)output;
	return addresses_del(session, error);
}

static int
ipam_check(struct session *session, json_t **output, struct cni_error *error)
{
	struct result prev;

	(void)output;
	if (parse_prev(session, &prev, error) == -1)
		return -1;
	return addresses_check(session, &prev, error);
}

static int
ipam_status(struct session *session, json_t **output, struct cni_error *error)
{
	(void)output;
	return addresses_status(session, error);
}

static int
ipam_gc(struct session *session, json_t **output, struct cni_error *error)
{
	(void)output;
	if (addresses_check_valid(&session->conf, error) == -1)
		return -1;
	return addresses_gc(session, error);
}

json_t *
command_version(const char *asked)
{
	json_t *list = json_array();

	for (int i = 0; i < VERSIONS; i++)
		json_array_append_new(list,
		    json_string(netconf_version_text((enum netconf_version)i)));
	return json_pack("{s:s, s:o}", "cniVersion",
	    asked != NULL ? asked : netconf_version_text(VERSION_1_1_0),
	    "supportedVersions", list);
}

int
command_run(enum program program, struct session *session, json_t **output,
    struct cni_error *error)
{
	const struct cni_env *env = &session->env;

	*output = NULL;
	if (session->conf.version < commands[env->command].since)
		return cni_fail(error, CNI_VERSION, NULL,
		    "config version does not allow %s",
		    env_command_name(env->command));
	if (program == PROGRAM_IPAM && session->conf.ipam_type != NULL)
		return cni_fail(error, CNI_CONFIG, NULL,
		    "invalid network configuration: \"type\" of \"ipam\" is "
		    "%.64s",
		    session->conf.ipam_type);
	if (env->container != NULL &&
	    podid_make(session->conf.name, env->ifname, env->container,
		session->id) == -1)
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "CNI_CONTAINERID, CNI_IFNAME and the network's name are "
		    "too long together");
	return commands[env->command].run[program](session, output, error);
}
