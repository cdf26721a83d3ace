/*
 * The links of the host: the bridge, the TAP and what else is a port. What is
 * missing is made, what is there is adopted, whoever made it.
 */
#ifndef NETCFG_LINKS_H
#define NETCFG_LINKS_H

#include <stdbool.h>
#include <stdint.h>

#include "common/ctl.h"

struct links_conf {
	uint64_t name; /* the bridge's MAC if it can be one */
	uint32_t mtu;
	char bridge[16];
	char tap[16];
	/* Called once for each device of ours. */
	void (*found)(int index);
};

/* Opens sockets, which the sandbox forbids later. */
bool links_open(void);
/* Readable when links or addresses may have changed. */
int links_fd(void);
/* Reads away what came by links_fd(). */
void links_drain(void);

/* False: error says what could not be done. */
bool links_setup(const struct links_conf *conf, char error[CTL_CAUSE_MAX]);
/* Makes what somebody took away since, and logs that. */
void links_repair(void);

#endif
