/* Is a range of addresses free for the overlay, as far as this host knows? */
#ifndef COMMON_NETCHECK_H
#define COMMON_NETCHECK_H

#include <stdbool.h>
#include <stddef.h>

#include "common/addr.h"
#include "common/netlink.h"

#define NETCHECK_BRIDGE "weave" /* by default */

/*
 * False: a route of the main table overlaps and error names it, in Weave's
 * words, or the routes can not be read. Default routes and those over the link
 * called bridge do not count.
 */
bool netcheck(struct netlink *netlink, struct subnet range, const char *bridge,
    char *error, size_t size);

#endif
