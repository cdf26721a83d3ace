/*
 * The links of the host: the bridge, the TAP and what else is a port. What is
 * missing is made, what is there is adopted, whoever made it.
 */
#ifndef NETCFG_LINKS_H
#define NETCFG_LINKS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"

struct links_conf {
	uint64_t name; /* the bridge's MAC if it can be one */
	uint32_t mtu;
	char bridge[16];
	char tap[16];
	struct ctl_expose exposed[CTL_EXPOSE_MAX];
	size_t nexposed;
	struct subnet range; /* must be free of other routes; len 0: none */
	bool adopt; /* expose what addresses the bridge has */
	/* Called once for each device of ours. */
	void (*found)(int index);
	/* Called for each address that is taken over. */
	void (*adopted)(const struct ctl_expose *address);
};

/* Opens sockets, which the sandbox forbids later. */
bool links_open(void);
/* Readable when links or addresses may have changed. */
int links_fd(void);
/* Reads away what came by links_fd(). */
void links_drain(void);

/* What is to be: nothing is done yet. */
void links_configure(const struct links_conf *conf);
/* False: error says what could not be done. */
bool links_setup(char error[CTL_CAUSE_MAX]);
/* An address that the bridge gets, or loses; addr 0: all of them. */
bool links_expose(const struct ctl_expose *address, char error[CTL_CAUSE_MAX]);
bool links_hide(const struct ctl_expose *address, char error[CTL_CAUSE_MAX]);
/* What the bridge has or is to have; valid until one of these calls. */
const struct ctl_expose *links_exposed(size_t *n);
/* The bridge goes, with what weaved or Weave Net attached to it. */
bool links_erase(char error[CTL_CAUSE_MAX]);
/* Makes what somebody took away since, and logs that. */
void links_repair(void);

#endif
