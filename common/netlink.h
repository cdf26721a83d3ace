/*
 * Links, addresses and routes of one network namespace, by netlink. Every
 * call waits for the kernel's answer and returns 0, or -1 with errno as the
 * kernel said.
 */
#ifndef COMMON_NETLINK_H
#define COMMON_NETLINK_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ipnet.h"

#define NETLINK_ALIAS_MAX 256 /* with NUL */
#define NETLINK_NSID_NONE (-1)

struct netlink;

struct netlink_link {
	int index;
	int master; /* index of the bridge it is a port of, 0: none */
	int peer; /* index of the other end of a veth, 0: none */
	int nsid; /* namespace of that end, NETLINK_NSID_NONE: this one */
	unsigned flags; /* IFF_UP */
	uint32_t mtu;
	bool hairpin; /* of a bridge's port */
	uint8_t mac[6];
	char name[IF_NAMESIZE];
	char kind[16]; /* "veth" */
	char alias[NETLINK_ALIAS_MAX];
};

/* One of a veth pair to be made; its peer is born in another namespace. */
struct netlink_veth {
	const char *name;
	const char *peer;
	int ns; /* of the peer: a descriptor */
	uint32_t mtu;
	const uint8_t *mac; /* of the peer, NULL: the kernel's choice */
};

struct netlink_route {
	struct ipnet dst; /* len 0: default */
	struct ipnet gw; /* family 0: none */
	int index; /* of the link, 0: any */
	int scope; /* -1: by the gateway */
	uint32_t table; /* 0: main */
	uint32_t priority, mtu, advmss; /* 0: none */
};

/* ns: a descriptor; -1: the caller's. The caller stays where it is. */
struct netlink *netlink_open(int ns);
void netlink_close(struct netlink *netlink); /* NULL is fine */

/* A socket of that namespace; type: SOCK_RAW. */
int netlink_socket(int ns, int domain, int type);

/* errno ENODEV: no such link. */
int netlink_get_link(
    struct netlink *netlink, const char *name, struct netlink_link *link);
/* Of another namespace that this one knows by the id nsid. */
int netlink_get_link_of(
    struct netlink *netlink, int nsid, int index, struct netlink_link *link);
int netlink_list_links(struct netlink *netlink,
    void (*found)(void *arg, const struct netlink_link *link), void *arg);

/* errno EEXIST: there is a link of this name. */
int netlink_make_bridge(struct netlink *netlink, const char *name);
int netlink_make_veth(struct netlink *netlink, const struct netlink_veth *veth);
/* As a port that is told from others by its alias, NULL: the one it has. The
 * link stays down. */
int netlink_set_port(
    struct netlink *netlink, int index, int master, const char *alias);
int netlink_set_hairpin(struct netlink *netlink, int index, bool on);
int netlink_set_up(struct netlink *netlink, int index);
int netlink_set_mtu(struct netlink *netlink, int index, uint32_t mtu);
int netlink_set_mac(struct netlink *netlink, int index, const uint8_t mac[6]);
int netlink_delete_link(struct netlink *netlink, int index);

/* An address or a route that is there already is no error. */
int netlink_add_address(
    struct netlink *netlink, int index, const struct ipnet *address);
int netlink_delete_address(
    struct netlink *netlink, int index, const struct ipnet *address);
/* nsid: as above, or NETLINK_NSID_NONE. */
int netlink_list_addresses(struct netlink *netlink, int nsid, int index,
    void (*found)(void *arg, const struct ipnet *address), void *arg);
int netlink_add_route(
    struct netlink *netlink, const struct netlink_route *route);
int netlink_list_routes(struct netlink *netlink,
    void (*found)(void *arg, const struct netlink_route *route), void *arg);

#endif
