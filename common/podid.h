/* Whose a pod is: ids of what CNI attaches. */
#ifndef COMMON_PODID_H
#define COMMON_PODID_H

#include <stdbool.h>

#include "common/ctl.h"

/*
 * The owner of addresses and veth. A container's id as Weave had it, where
 * that is unmistakable: network "weave", interface "eth0", 64 hexadecimal
 * digits; else NETWORK/INTERFACE/CONTAINER. -1: too long.
 */
int podid_make(const char *network, const char *ifname, const char *container,
    char id[CTL_IP_ID_MAX]);
/* Can the id have been made for that network? */
bool podid_is_of(const char *id, const char *network);

#endif
