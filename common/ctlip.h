/*
 * Addresses of this host's IPAM, asked of the daemon by those who attach pods.
 * Every call is one or two requests; -1: error says why.
 */
#ifndef COMMON_CTLIP_H
#define COMMON_CTLIP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"
#include "common/ctlclient.h"
#include "common/ipnet.h"

#define CTLIP_WAIT_MS 30000 /* for an address */
#define CTLIP_OFF \
	"IPAM is off: the configuration of weaved has no ipalloc-range"

struct ctlip_status {
	struct ctl_status status; /* bridge and tap are not empty */
	bool has_ipam;
	struct ctl_ipam ipam;
};

int ctlip_status(struct ctlclient *client, struct ctlip_status *status,
    char error[CTLCLIENT_ERROR_MAX]);
/* subnet.len 0: the default one. The same id gets the same address again. */
int ctlip_allocate(struct ctlclient *client, const char *id,
    struct subnet subnet, struct ipnet *address,
    char error[CTLCLIENT_ERROR_MAX]);
int ctlip_claim(struct ctlclient *client, const char *id,
    const struct ipnet *address, char error[CTLCLIENT_ERROR_MAX]);
/* addr 0: all of this id. Having none is no error. */
int ctlip_release(struct ctlclient *client, const char *id, uint32_t addr,
    char error[CTLCLIENT_ERROR_MAX]);
int ctlip_list(struct ctlclient *client,
    void (*found)(void *arg, const struct ctl_address *row), void *arg,
    char error[CTLCLIENT_ERROR_MAX]);

#endif
