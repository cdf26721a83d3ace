/*
 * A host's own address in the overlay: taken from IPAM where that is on, put
 * on the bridge by the daemon. What weavectl and the CNI plugin have in common.
 */
#ifndef COMMON_EXPOSE_H
#define COMMON_EXPOSE_H

#include <stdint.h>

#include "common/ctl.h"
#include "common/ctlclient.h"

/*
 * wanted: addr 0: any of the subnet of length len, or, len 0, of the default
 * one; the one that the host has already if it has. Else this very address,
 * claimed before if IPAM is on. wait: ms. got: what it became. 0, or -1.
 */
int expose_host(struct ctlclient *client, const struct ctl_expose *wanted,
    uint32_t wait, struct ctl_expose *got, char error[CTLCLIENT_ERROR_MAX]);
/* addr 0: all that the host has. */
int expose_hide(struct ctlclient *client, uint32_t addr, uint32_t wait,
    char error[CTLCLIENT_ERROR_MAX]);

#endif
