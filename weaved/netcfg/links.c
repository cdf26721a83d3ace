#include <sys/socket.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/log.h"
#include "common/netcheck.h"
#include "common/netlink.h"
#include "weaved/netcfg/links.h"

#define LINK_LOCAL 0xa9fe /* 169.254: by no operator's will */

struct ports {
	int master;
	int *index;
	size_t n;
};

#define LEFTOVERS_MAX 4

struct leftovers {
	struct netlink_link links[LEFTOVERS_MAX];
	size_t n;
};

static struct {
	struct netlink *netlink;
	struct nl_sock *monitor;
	struct links_conf conf;
	int bridge; /* its index */
	bool set_up;
	struct ports ports; /* already told */
} it;

static bool fail(char *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static bool name_is_mac(uint64_t);
static bool get_link(const char *, struct netlink_link *, char *);
static bool adopt_bridge(char *);
static bool set_mac(const struct netlink_link *, char *);
static bool set_mtu_and_up(const struct netlink_link *, char *);
static bool attach_tap(char *);
static void tell_port(void *, const struct netlink_link *);
static void tell_ports(void);
static struct ctl_expose *find_exposed(const struct ctl_expose *);
static bool put_address(const struct ctl_expose *, char *);
static void drop_address(const struct ctl_expose *);
static void adopt_address(void *, const struct ipnet *);
static void note_address(void *, const struct ipnet *);
static bool restore_addresses(char *);
static void note_leftover(void *, const struct netlink_link *);
static void clear_leftovers(void);
static void note_pod(void *, const struct netlink_link *);
static bool ports_have(const struct ports *, int);

static bool
fail(char *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CTL_CAUSE_MAX, fmt, ap);
	va_end(ap);
	return false;
}

bool
links_open(void)
{
	it.netlink = netlink_open(-1);
	it.monitor = nl_socket_alloc();
	if (it.netlink == NULL || it.monitor == NULL)
		return false;
	nl_join_groups(it.monitor, RTMGRP_LINK | RTMGRP_IPV4_IFADDR);
	return nl_connect(it.monitor, NETLINK_ROUTE) == 0 &&
	    nl_socket_set_nonblocking(it.monitor) == 0;
}

int
links_fd(void)
{
	return nl_socket_get_fd(it.monitor);
}

/* What changed is asked for, as messages get lost when there are many. */
void
links_drain(void)
{
	char buf[8192];

	while (recv(links_fd(), buf, sizeof(buf), MSG_DONTWAIT) != -1 ||
	    errno == ENOBUFS)
		;
}

/* A peer name can be the bridge's MAC if it is a unicast address. */
static bool
name_is_mac(uint64_t name)
{
	return name != PEERNAME_UNKNOWN && ((name >> 40) & 1) == 0;
}

/* Index 0: there is none. */
static bool
get_link(const char *name, struct netlink_link *link, char *error)
{
	if (netlink_get_link(it.netlink, name, link) == 0)
		return true;
	memset(link, 0, sizeof(*link));
	return errno == ENODEV || fail(error, "%s: %s", name, strerror(errno));
}

/* A new one is complete before anything is attached to it. */
static bool
adopt_bridge(char *error)
{
	const char *name = it.conf.bridge;
	struct netlink_link bridge;
	bool missing;

	if (!get_link(name, &bridge, error))
		return false;
	if ((missing = bridge.index == 0)) {
		if (it.set_up)
			log_warn("bridge %s is gone, making a new one", name);
		if (netlink_make_bridge(it.netlink, name) == -1)
			return fail(
			    error, "bridge %s: %s", name, strerror(errno));
		if (!get_link(name, &bridge, error))
			return false;
	}
	if (strcmp(bridge.kind, "bridge") != 0)
		return fail(error,
		    "bridge %s: there is a device of this name that is no "
		    "bridge%s%s",
		    name, bridge.kind[0] != '\0' ? " but of kind " : "",
		    bridge.kind);
	it.bridge = bridge.index;
	tell_ports();
	return (it.set_up && !missing) ||
	    (set_mac(&bridge, error) && set_mtu_and_up(&bridge, error));
}

static bool
set_mac(const struct netlink_link *bridge, char *error)
{
	uint8_t mac[PEERNAME_LEN];

	if (!name_is_mac(it.conf.name) ||
	    peername_get(bridge->mac) == it.conf.name)
		return true;
	peername_put(it.conf.name, mac);
	return netlink_set_mac(it.netlink, bridge->index, mac) == 0 ||
	    fail(error, "MAC of bridge %s: %s", bridge->name, strerror(errno));
}

static bool
set_mtu_and_up(const struct netlink_link *link, char *error)
{
	if (link->mtu != it.conf.mtu &&
	    netlink_set_mtu(it.netlink, link->index, it.conf.mtu) == -1)
		return fail(
		    error, "MTU of %s: %s", link->name, strerror(errno));
	if ((link->flags & IFF_UP) == 0 &&
	    netlink_set_up(it.netlink, link->index) == -1)
		return fail(error, "%s: %s", link->name, strerror(errno));
	return true;
}

/* The parent makes it, again when somebody deleted it. */
static bool
attach_tap(char *error)
{
	struct netlink_link tap;

	if (!get_link(it.conf.tap, &tap, error))
		return false;
	if (tap.index == 0)
		return it.set_up || fail(error, "no %s", it.conf.tap);
	if (it.set_up && tap.master == it.bridge)
		return true;
	if (tap.master != it.bridge &&
	    netlink_set_port(it.netlink, tap.index, it.bridge, NULL) == -1)
		return fail(error, "%s as a port of %s: %s", tap.name,
		    it.conf.bridge, strerror(errno));
	return set_mtu_and_up(&tap, error);
}

static bool
ports_have(const struct ports *ports, int index)
{
	for (size_t i = 0; i < ports->n; i++)
		if (ports->index[i] == index)
			return true;
	return false;
}

static void
tell_port(void *arg, const struct netlink_link *link)
{
	struct ports *now = arg;
	int *moved;

	if (link->index != now->master && link->master != now->master)
		return;
	moved = reallocarray(now->index, now->n + 1, sizeof(*moved));
	if (moved == NULL)
		return;
	now->index = moved;
	now->index[now->n++] = link->index;
	if (!ports_have(&it.ports, link->index))
		it.conf.found(link->index);
}

static void
tell_ports(void)
{
	struct ports now = {.master = it.bridge};

	if (netlink_list_links(it.netlink, tell_port, &now) == -1)
		log_warn_errno("links");
	free(it.ports.index);
	it.ports = now;
}

/*
 * Of Weave Net: its bridge's way to a datapath that nobody feeds any more
 * (the other end goes too), and the dummy by which it set the MTU.
 */
static void
note_leftover(void *arg, const struct netlink_link *link)
{
	struct leftovers *leftovers = arg;

	if ((link->master == it.bridge || link->master == 0) &&
	    leftovers->n < LEFTOVERS_MAX &&
	    (strcmp(link->name, "vethwe-bridge") == 0 ||
		strcmp(link->name, "vethwedu") == 0))
		leftovers->links[leftovers->n++] = *link;
}

static void
clear_leftovers(void)
{
	struct leftovers leftovers = {0};

	netlink_list_links(it.netlink, note_leftover, &leftovers);
	for (size_t i = 0; i < leftovers.n; i++)
		if (netlink_delete_link(it.netlink, leftovers.links[i].index) ==
		    0)
			log_info("%s of Weave Net is removed",
			    leftovers.links[i].name);
		else
			log_warn_errno("%s", leftovers.links[i].name);
}

static bool
put_address(const struct ctl_expose *address, char *error)
{
	struct ipnet net = ipnet_from_ipv4(address->addr, address->len);
	char text[IPNET_STRLEN];

	return netlink_add_address(it.netlink, it.bridge, &net) == 0 ||
	    fail(error, "address %s of %s: %s", ipnet_format(&net, text),
		it.conf.bridge, strerror(errno));
}

static void
drop_address(const struct ctl_expose *address)
{
	struct ipnet net = ipnet_from_ipv4(address->addr, address->len);

	if (netlink_delete_address(it.netlink, it.bridge, &net) == -1 &&
	    errno != EADDRNOTAVAIL && errno != ENODEV)
		log_warn_errno("address of %s", it.conf.bridge);
}

static struct ctl_expose *
find_exposed(const struct ctl_expose *address)
{
	for (size_t i = 0; i < it.conf.nexposed; i++)
		if (it.conf.exposed[i].addr == address->addr)
			return &it.conf.exposed[i];
	return NULL;
}

const struct ctl_expose *
links_exposed(size_t *n)
{
	*n = it.conf.nexposed;
	return it.conf.exposed;
}

/* The same address again may come with another length. */
bool
links_expose(const struct ctl_expose *address, char error[CTL_CAUSE_MAX])
{
	struct ctl_expose *known = find_exposed(address);

	if (known == NULL && it.conf.nexposed == CTL_EXPOSE_MAX)
		return fail(error, "at most %d addresses", CTL_EXPOSE_MAX);
	if (known != NULL && known->len != address->len)
		drop_address(known);
	if (!put_address(address, error))
		return false;
	if (known == NULL)
		known = &it.conf.exposed[it.conf.nexposed++];
	*known = *address;
	return true;
}

bool
links_hide(const struct ctl_expose *address, char error[CTL_CAUSE_MAX])
{
	char text[IPV4_STRLEN];
	struct ctl_expose *known;

	for (size_t i = 0; address->addr == 0 && i < it.conf.nexposed; i++)
		drop_address(&it.conf.exposed[i]);
	if (address->addr == 0) {
		it.conf.nexposed = 0;
		return true;
	}
	if ((known = find_exposed(address)) == NULL)
		return fail(error, "%s is not exposed",
		    ipv4_format(address->addr, text));
	drop_address(known);
	*known = it.conf.exposed[--it.conf.nexposed];
	return true;
}

/* What Weave Net, or a daemon whose state is lost, left on the bridge. */
static void
adopt_address(void *arg, const struct ipnet *net)
{
	struct ctl_expose address = {0};

	(void)arg;
	if (net->family != AF_INET)
		return;
	address.addr = ipnet_ipv4(net);
	address.len = net->len;
	if (!ctl_expose_ok(&address) || address.addr >> 16 == LINK_LOCAL ||
	    find_exposed(&address) != NULL ||
	    it.conf.nexposed == CTL_EXPOSE_MAX)
		return;
	it.conf.exposed[it.conf.nexposed++] = address;
	it.conf.adopted(&address);
}

struct present {
	bool is[CTL_EXPOSE_MAX];
};

static void
note_address(void *arg, const struct ipnet *net)
{
	struct present *present = arg;

	for (size_t i = 0; i < it.conf.nexposed; i++)
		if (net->family == AF_INET &&
		    net->len == it.conf.exposed[i].len &&
		    it.conf.exposed[i].addr == ipnet_ipv4(net))
			present->is[i] = true;
}

static bool
restore_addresses(char *error)
{
	struct present present = {0};

	if (netlink_list_addresses(it.netlink, NETLINK_NSID_NONE, it.bridge,
		note_address, &present) == -1)
		return fail(error, "addresses of %s: %s", it.conf.bridge,
		    strerror(errno));
	for (size_t i = 0; i < it.conf.nexposed; i++) {
		if (present.is[i])
			continue;
		if (!put_address(&it.conf.exposed[i], error))
			return false;
		if (it.set_up)
			log_warn("%s had lost an address, it is back",
			    it.conf.bridge);
	}
	return true;
}

void
links_configure(const struct links_conf *conf)
{
	it.conf = *conf;
	it.set_up = false;
}

bool
links_setup(char error[CTL_CAUSE_MAX])
{
	if ((it.conf.range.len > 0 &&
		!netcheck(it.netlink, it.conf.range, it.conf.bridge, error,
		    CTL_CAUSE_MAX)) ||
	    !adopt_bridge(error))
		return false;
	clear_leftovers();
	if (!attach_tap(error))
		return false;
	if (it.conf.adopt)
		netlink_list_addresses(it.netlink, NETLINK_NSID_NONE, it.bridge,
		    adopt_address, NULL);
	if (!restore_addresses(error))
		return false;
	tell_ports();
	it.set_up = true;
	return true;
}

/* Names that the CNI plugin, weavectl attach and Weave Net have in common. */
static void
note_pod(void *arg, const struct netlink_link *link)
{
	struct ports *pods = arg;
	int *moved;

	if (link->master != it.bridge || strcmp(link->kind, "veth") != 0 ||
	    strncmp(link->name, "vethwe", strlen("vethwe")) != 0)
		return;
	moved = reallocarray(pods->index, pods->n + 1, sizeof(*moved));
	if (moved == NULL)
		return;
	pods->index = moved;
	pods->index[pods->n++] = link->index;
}

bool
links_erase(char error[CTL_CAUSE_MAX])
{
	struct ports pods = {0};
	bool done = true;

	it.set_up = false;
	if (netlink_list_links(it.netlink, note_pod, &pods) == -1)
		return fail(error, "links: %s", strerror(errno));
	for (size_t i = 0; i < pods.n; i++)
		if (netlink_delete_link(it.netlink, pods.index[i]) == -1 &&
		    errno != ENODEV)
			done = fail(
			    error, "port of the bridge: %s", strerror(errno));
	free(pods.index);
	if (netlink_delete_link(it.netlink, it.bridge) == -1 && errno != ENODEV)
		done = fail(
		    error, "bridge %s: %s", it.conf.bridge, strerror(errno));
	it.conf.nexposed = 0;
	return done;
}

void
links_repair(void)
{
	char error[CTL_CAUSE_MAX];

	if (!it.set_up)
		return;
	if (!adopt_bridge(error) || !attach_tap(error) ||
	    !restore_addresses(error))
		log_error("%s", error);
}
