/* Gratuitous ARP: who has an address now. */
#ifndef COMMON_GARP_H
#define COMMON_GARP_H

#include "common/ipnet.h"
#include "common/netlink.h"

/*
 * Announces an address from that link of a namespace; ns -1: the caller's.
 * Nothing is told of a failure: neighbours learn it a little later then.
 */
void garp_send(
    int ns, const struct netlink_link *link, const struct ipnet *address);

#endif
