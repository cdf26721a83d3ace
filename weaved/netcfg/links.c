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
#include "common/netlink.h"
#include "weaved/netcfg/links.h"

struct ports {
	int master;
	int *index;
	size_t n;
};

static struct {
	struct netlink *netlink;
	struct nl_sock *monitor;
	struct links_conf conf;
	bool set_up;
	struct ports ports; /* already told */
} it;

static bool fail(char *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static bool name_is_mac(uint64_t);
static bool get_link(const char *, struct netlink_link *, char *);
static bool adopt_bridge(struct netlink_link *, char *);
static bool set_mac(const struct netlink_link *, char *);
static bool set_mtu_and_up(const struct netlink_link *, char *);
static bool attach_tap(int, char *);
static void tell_port(void *, const struct netlink_link *);
static void tell_ports(int);
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

static bool
adopt_bridge(struct netlink_link *bridge, char *error)
{
	const char *name = it.conf.bridge;

	if (!get_link(name, bridge, error))
		return false;
	if (bridge->index == 0) {
		if (netlink_make_bridge(it.netlink, name) == -1)
			return fail(
			    error, "bridge %s: %s", name, strerror(errno));
		if (!get_link(name, bridge, error))
			return false;
		if (it.set_up)
			log_warn("bridge %s is gone, making a new one", name);
	}
	if (strcmp(bridge->kind, "bridge") != 0)
		return fail(error,
		    "bridge %s: there is a device of this name that is no "
		    "bridge%s%s",
		    name, bridge->kind[0] != '\0' ? " but of kind " : "",
		    bridge->kind);
	return true;
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
attach_tap(int master, char *error)
{
	struct netlink_link tap;

	if (!get_link(it.conf.tap, &tap, error))
		return false;
	if (tap.index == 0)
		return it.set_up || fail(error, "no %s", it.conf.tap);
	if (it.set_up && tap.master == master)
		return true;
	if (tap.master != master &&
	    netlink_set_port(it.netlink, tap.index, master, NULL) == -1)
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
tell_ports(int master)
{
	struct ports now = {.master = master};

	if (netlink_list_links(it.netlink, tell_port, &now) == -1)
		log_warn_errno("links");
	free(it.ports.index);
	it.ports = now;
}

bool
links_setup(const struct links_conf *conf, char error[CTL_CAUSE_MAX])
{
	struct netlink_link bridge;

	it.conf = *conf;
	it.set_up = false;
	if (!adopt_bridge(&bridge, error) || !set_mac(&bridge, error))
		return false;
	tell_ports(bridge.index);
	if (!attach_tap(bridge.index, error) || !set_mtu_and_up(&bridge, error))
		return false;
	tell_ports(bridge.index);
	it.set_up = true;
	return true;
}

void
links_repair(void)
{
	struct netlink_link bridge;
	char error[CTL_CAUSE_MAX];

	if (!it.set_up)
		return;
	if (!adopt_bridge(&bridge, error) || !attach_tap(bridge.index, error)) {
		log_error("%s", error);
		return;
	}
	tell_ports(bridge.index);
}
