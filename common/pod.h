/*
 * Pods on the bridge: a veth pair, made in the caller's namespace, one end of
 * which is a port of the bridge and the other lies in the pod's network
 * namespace. The port's alias says whose it is, so that whatever is half made
 * can be found again and removed.
 */
#ifndef COMMON_POD_H
#define COMMON_POD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ctl.h"
#include "common/netlink.h"

#define POD_ADDRESSES_MAX 16
#define POD_ROUTES_MAX 64
#define POD_ERROR_MAX 512

struct pod {
	const char *id; /* as IPAM knows it, shorter than CTL_IP_ID_MAX */
	const char *bridge;
	const char *ifname; /* in the pod */
	int ns; /* the pod's: a descriptor */
	uint32_t mtu;
	bool hairpin;
	bool has_mac; /* else the kernel chooses */
	uint8_t mac[6];
	struct ipnet addresses[POD_ADDRESSES_MAX];
	size_t naddresses;
	struct netlink_route routes[POD_ROUTES_MAX];
	size_t nroutes;
};

/* What came of it. */
struct pod_links {
	struct netlink_link bridge, port, inside;
};

/* One pod of this host, for a list. */
struct pod_row {
	char id[CTL_IP_ID_MAX];
	struct netlink_link port;
	struct netlink_link inside; /* index 0: not known */
	struct ipnet addresses[POD_ADDRESSES_MAX];
	size_t naddresses;
};

/*
 * The network namespace by absolute path, by the number of a process, or by
 * the name that ip(8) knows it by. A descriptor; -1: error says why, errno
 * ENOENT if there is none.
 */
int pod_open_ns(const char *text, char error[POD_ERROR_MAX]);
/* Is it the caller's own? */
bool pod_is_own_ns(int ns);

/*
 * Makes the pair with all that is asked for, and announces the addresses. What
 * is there of this id is removed before; another link of that name in the pod
 * is an error (errno EEXIST). -1: error says why, nothing is left behind.
 */
int pod_attach(
    const struct pod *pod, struct pod_links *links, char error[POD_ERROR_MAX]);
/*
 * Removes what there is of this id, half made or whole: none is no error. ns
 * (-1: not known) and ifname: also what Weave's plugin made there.
 */
int pod_detach(
    const char *id, int ns, const char *ifname, char error[POD_ERROR_MAX]);
/* -1: error says what is not as pod asks for. */
int pod_check(
    const struct pod *pod, struct pod_links *links, char error[POD_ERROR_MAX]);
/* One address more, or less, of a pod that is attached. */
int pod_add_address(const struct pod *pod, const struct ipnet *address,
    char error[POD_ERROR_MAX]);
int pod_remove_address(const struct pod *pod, const struct ipnet *address,
    char error[POD_ERROR_MAX]);
/* Is there a port of this id? */
bool pod_attached(const char *id);

/* All pods of this host. -1: error says why. */
int pod_list(void (*found)(void *arg, const struct pod_row *row), void *arg,
    char error[POD_ERROR_MAX]);
/* The bridge's addresses; how many, -1: error says why. */
int pod_bridge_addresses(const char *bridge,
    struct ipnet addresses[POD_ADDRESSES_MAX], char error[POD_ERROR_MAX]);

#endif
