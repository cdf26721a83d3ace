#include <sys/socket.h>

#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <string.h>

#include "common/netcheck.h"

struct search {
	struct ipnet range;
	int bridge; /* its index, 0: not there */
	bool found;
	struct ipnet route;
};

static void look(void *, const struct netlink_route *);

static void
look(void *arg, const struct netlink_route *route)
{
	struct search *search = arg;

	if (search->found || route->table != RT_TABLE_MAIN ||
	    route->dst.len == 0 ||
	    (search->bridge != 0 && route->index == search->bridge))
		return;
	if (!ipnet_contains(&search->range, &route->dst) &&
	    !ipnet_contains(&route->dst, &search->range))
		return;
	search->found = true;
	search->route = route->dst;
}

bool
netcheck(struct netlink *netlink, struct subnet range, const char *bridge,
    char *error, size_t size)
{
	struct search search = {
	    .range = ipnet_from_ipv4(range.addr, range.len)};
	char text[IPNET_STRLEN], ours[IPNET_STRLEN];
	struct netlink_link link;

	if (netlink_get_link(netlink, bridge, &link) == 0)
		search.bridge = link.index;
	if (netlink_list_routes(netlink, look, &search) == -1) {
		snprintf(error, size, "routes: %s", strerror(errno));
		return false;
	}
	if (search.found)
		snprintf(error, size,
		    "Network %s overlaps with existing route %s on host",
		    ipnet_format(&search.range, ours),
		    ipnet_format(&search.route, text));
	return !search.found;
}
