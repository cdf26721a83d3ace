#include <sys/socket.h>

#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <linux/veth.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/netlink.h"

/* Newer than the C library's headers. */
#ifndef NETLINK_GET_STRICT_CHK
#define NETLINK_GET_STRICT_CHK 12 /* Linux 4.20 */
#endif
#ifndef SOL_NETLINK
#define SOL_NETLINK 270
#endif

typedef void (*netlink_parse)(struct nlmsghdr *, void *);

struct netlink {
	struct nl_sock *sock;
	struct nl_cb *cb;
	int error; /* of the request under way, errno; -1: none yet */
	netlink_parse parse;
	void *arg;
};

struct list_links {
	void (*found)(void *, const struct netlink_link *);
	void *arg;
};

struct list_addresses {
	int index;
	void (*found)(void *, const struct ipnet *);
	void *arg;
};

struct list_routes {
	void (*found)(void *, const struct netlink_route *);
	void *arg;
};

static int connect_in(struct netlink *, int);
static int handle_valid(struct nl_msg *, void *);
static int handle_done(struct nl_msg *, void *);
static int handle_error(struct sockaddr_nl *, struct nlmsgerr *, void *);
static struct nl_msg *message(int, int, const void *, size_t);
static int request(struct netlink *, struct nl_msg *, netlink_parse, void *);
static void copy_string(char *, size_t, const struct nlattr *);
static void parse_linkinfo(struct nlattr *, struct netlink_link *);
static void parse_link(struct nlmsghdr *, void *);
static void parse_one_link(struct nlmsghdr *, void *);
static void parse_listed_link(struct nlmsghdr *, void *);
static void parse_address(struct nlmsghdr *, void *);
static void parse_route(struct nlmsghdr *, void *);
static bool put_ipnet(struct nl_msg *, int, const struct ipnet *);
static int change_address(
    struct netlink *, int, int, int, const struct ipnet *);
static struct nl_msg *set_link(int);

#define MESSAGE(type, flags, head) \
	message((type), (flags), &(head), sizeof(head))

/* A socket belongs to the namespace that it is made in. */
int
netlink_socket(int ns, int domain, int type)
{
	int home, fd, error;

	if (ns == -1)
		return socket(domain, type | SOCK_CLOEXEC, 0);
	home = open("/proc/thread-self/ns/net", O_RDONLY | O_CLOEXEC);
	if (home == -1)
		return -1;
	if (setns(ns, CLONE_NEWNET) == -1) {
		error = errno;
		close(home);
		errno = error;
		return -1;
	}
	fd = socket(domain, type | SOCK_CLOEXEC, 0);
	error = errno;
	/* Going on elsewhere would change another's links. */
	if (setns(home, CLONE_NEWNET) == -1)
		abort();
	close(home);
	errno = error;
	return fd;
}

/* 0, or an errno. */
static int
connect_in(struct netlink *netlink, int ns)
{
	const struct sockaddr_nl any = {.nl_family = AF_NETLINK};
	int fd, error;

	if ((fd = netlink_socket(ns, AF_NETLINK, SOCK_RAW)) == -1)
		return errno;
	if (bind(fd, (const struct sockaddr *)&any, sizeof(any)) == -1) {
		error = errno;
		close(fd);
		return error;
	}
	/* It takes the descriptor over only if all is well. */
	if ((netlink->sock = nl_socket_alloc()) == NULL ||
	    nl_socket_set_fd(netlink->sock, NETLINK_ROUTE, fd) != 0) {
		close(fd);
		return ENOMEM;
	}
	netlink->cb = nl_cb_alloc(NL_CB_DEFAULT);
	return netlink->cb == NULL ? ENOMEM : 0;
}

struct netlink *
netlink_open(int ns)
{
	struct netlink *netlink = calloc(1, sizeof(*netlink));
	int error, on = 1;

	if (netlink == NULL)
		return NULL;
	if ((error = connect_in(netlink, ns)) != 0) {
		netlink_close(netlink);
		errno = error;
		return NULL;
	}
	/* Else a dump of another namespace would silently be one of this. */
	setsockopt(nl_socket_get_fd(netlink->sock), SOL_NETLINK,
	    NETLINK_GET_STRICT_CHK, &on, sizeof(on));
	nl_socket_disable_seq_check(netlink->sock);
	nl_cb_set(
	    netlink->cb, NL_CB_VALID, NL_CB_CUSTOM, handle_valid, netlink);
	nl_cb_set(
	    netlink->cb, NL_CB_FINISH, NL_CB_CUSTOM, handle_done, netlink);
	nl_cb_set(netlink->cb, NL_CB_ACK, NL_CB_CUSTOM, handle_done, netlink);
	nl_cb_err(netlink->cb, NL_CB_CUSTOM, handle_error, netlink);
	return netlink;
}

void
netlink_close(struct netlink *netlink)
{
	if (netlink == NULL)
		return;
	if (netlink->cb != NULL)
		nl_cb_put(netlink->cb);
	nl_socket_free(netlink->sock);
	free(netlink);
}

static int
handle_valid(struct nl_msg *msg, void *arg)
{
	struct netlink *netlink = arg;

	if (netlink->parse != NULL)
		netlink->parse(nlmsg_hdr(msg), netlink->arg);
	return NL_OK;
}

static int
handle_done(struct nl_msg *msg, void *arg)
{
	struct netlink *netlink = arg;

	(void)msg;
	netlink->error = 0;
	return NL_STOP;
}

static int
handle_error(struct sockaddr_nl *from, struct nlmsgerr *error, void *arg)
{
	struct netlink *netlink = arg;

	(void)from;
	netlink->error = error->error == 0 ? EIO : -error->error;
	return NL_STOP;
}

static struct nl_msg *
message(int type, int flags, const void *head, size_t len)
{
	struct nl_msg *msg = nlmsg_alloc_simple(type, NLM_F_REQUEST | flags);

	if (msg != NULL &&
	    nlmsg_append(msg, (void *)(uintptr_t)head, len, NLMSG_ALIGNTO) !=
		0) {
		nlmsg_free(msg);
		return NULL;
	}
	return msg;
}

/* Frees msg, which may be NULL. Every request ends with an answer. */
static int
request(
    struct netlink *netlink, struct nl_msg *msg, netlink_parse parse, void *arg)
{
	int error = 0;

	if (msg == NULL) {
		errno = ENOMEM;
		return -1;
	}
	netlink->parse = parse;
	netlink->arg = arg;
	netlink->error = -1;
	nlmsg_hdr(msg)->nlmsg_flags |= NLM_F_ACK;
	if (nl_send_auto(netlink->sock, msg) < 0)
		error = EIO;
	nlmsg_free(msg);
	while (error == 0 && netlink->error == -1)
		if (nl_recvmsgs(netlink->sock, netlink->cb) < 0 &&
		    netlink->error == -1)
			error = EIO;
	if (error == 0)
		error = netlink->error;
	errno = error;
	return error == 0 ? 0 : -1;
}

static void
copy_string(char *to, size_t size, const struct nlattr *from)
{
	if (from != NULL)
		nla_strlcpy(to, from, size);
}

static void
parse_linkinfo(struct nlattr *info, struct netlink_link *link)
{
	struct nlattr *in[IFLA_INFO_MAX + 1], *port[IFLA_BRPORT_MAX + 1];

	if (nla_parse_nested(in, IFLA_INFO_MAX, info, NULL) != 0)
		return;
	copy_string(link->kind, sizeof(link->kind), in[IFLA_INFO_KIND]);
	if (in[IFLA_INFO_SLAVE_DATA] == NULL ||
	    in[IFLA_INFO_SLAVE_KIND] == NULL ||
	    strcmp(nla_get_string(in[IFLA_INFO_SLAVE_KIND]), "bridge") != 0 ||
	    nla_parse_nested(
		port, IFLA_BRPORT_MAX, in[IFLA_INFO_SLAVE_DATA], NULL) != 0 ||
	    port[IFLA_BRPORT_MODE] == NULL)
		return;
	link->hairpin = nla_get_u8(port[IFLA_BRPORT_MODE]) != 0;
}

static void
parse_link(struct nlmsghdr *hdr, void *arg)
{
	struct netlink_link *link = arg;
	const struct ifinfomsg *head = nlmsg_data(hdr);
	struct nlattr *in[IFLA_MAX + 1];

	memset(link, 0, sizeof(*link));
	link->nsid = NETLINK_NSID_NONE;
	if (hdr->nlmsg_type != RTM_NEWLINK ||
	    nlmsg_parse(hdr, sizeof(*head), in, IFLA_MAX, NULL) != 0)
		return;
	link->index = head->ifi_index;
	link->flags = head->ifi_flags;
	copy_string(link->name, sizeof(link->name), in[IFLA_IFNAME]);
	copy_string(link->alias, sizeof(link->alias), in[IFLA_IFALIAS]);
	if (in[IFLA_MTU] != NULL)
		link->mtu = nla_get_u32(in[IFLA_MTU]);
	if (in[IFLA_MASTER] != NULL)
		link->master = (int)nla_get_u32(in[IFLA_MASTER]);
	if (in[IFLA_LINK] != NULL)
		link->peer = (int)nla_get_u32(in[IFLA_LINK]);
	if (in[IFLA_LINK_NETNSID] != NULL)
		link->nsid = nla_get_s32(in[IFLA_LINK_NETNSID]);
	if (in[IFLA_ADDRESS] != NULL &&
	    nla_len(in[IFLA_ADDRESS]) == sizeof(link->mac))
		memcpy(
		    link->mac, nla_data(in[IFLA_ADDRESS]), sizeof(link->mac));
	if (in[IFLA_LINKINFO] != NULL)
		parse_linkinfo(in[IFLA_LINKINFO], link);
}

static void
parse_one_link(struct nlmsghdr *hdr, void *arg)
{
	parse_link(hdr, arg);
}

static void
parse_listed_link(struct nlmsghdr *hdr, void *arg)
{
	const struct list_links *list = arg;
	struct netlink_link link;

	parse_link(hdr, &link);
	if (link.index != 0)
		list->found(list->arg, &link);
}

int
netlink_get_link(
    struct netlink *netlink, const char *name, struct netlink_link *link)
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg = MESSAGE(RTM_GETLINK, 0, head);

	link->index = 0;
	if (msg != NULL)
		nla_put_string(msg, IFLA_IFNAME, name);
	if (request(netlink, msg, parse_one_link, link) == -1)
		return -1;
	if (link->index != 0)
		return 0;
	errno = ENODEV;
	return -1;
}

int
netlink_get_link_of(
    struct netlink *netlink, int nsid, int index, struct netlink_link *link)
{
	const struct ifinfomsg head = {
	    .ifi_family = AF_UNSPEC, .ifi_index = index};
	struct nl_msg *msg = MESSAGE(RTM_GETLINK, 0, head);

	link->index = 0;
	if (msg != NULL && nsid != NETLINK_NSID_NONE)
		nla_put_s32(msg, IFLA_TARGET_NETNSID, nsid);
	if (request(netlink, msg, parse_one_link, link) == -1)
		return -1;
	if (link->index != 0)
		return 0;
	errno = ENODEV;
	return -1;
}

int
netlink_list_links(struct netlink *netlink,
    void (*found)(void *, const struct netlink_link *), void *arg)
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct list_links list = {found, arg};

	return request(netlink, MESSAGE(RTM_GETLINK, NLM_F_DUMP, head),
	    parse_listed_link, &list);
}

int
netlink_make_bridge(struct netlink *netlink, const char *name)
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg =
	    MESSAGE(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, head);
	struct nlattr *info;

	if (msg != NULL && nla_put_string(msg, IFLA_IFNAME, name) == 0 &&
	    (info = nla_nest_start(msg, IFLA_LINKINFO)) != NULL) {
		nla_put_string(msg, IFLA_INFO_KIND, "bridge");
		nla_nest_end(msg, info);
	}
	return request(netlink, msg, NULL, NULL);
}

int
netlink_make_veth(struct netlink *netlink, const struct netlink_veth *veth)
{
	struct ifinfomsg head = {.ifi_family = AF_UNSPEC};
	struct nl_msg *msg =
	    MESSAGE(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, head);
	struct nlattr *info, *data, *peer;

	if (msg == NULL || nla_put_string(msg, IFLA_IFNAME, veth->name) != 0 ||
	    nla_put_u32(msg, IFLA_MTU, veth->mtu) != 0 ||
	    (info = nla_nest_start(msg, IFLA_LINKINFO)) == NULL ||
	    nla_put_string(msg, IFLA_INFO_KIND, "veth") != 0 ||
	    (data = nla_nest_start(msg, IFLA_INFO_DATA)) == NULL ||
	    (peer = nla_nest_start(msg, VETH_INFO_PEER)) == NULL ||
	    nlmsg_append(msg, &head, sizeof(head), NLMSG_ALIGNTO) != 0 ||
	    nla_put_string(msg, IFLA_IFNAME, veth->peer) != 0 ||
	    nla_put_u32(msg, IFLA_MTU, veth->mtu) != 0 ||
	    (veth->mac != NULL &&
		nla_put(msg, IFLA_ADDRESS, 6, veth->mac) != 0) ||
	    nla_put_u32(msg, IFLA_NET_NS_FD, (uint32_t)veth->ns) != 0) {
		nlmsg_free(msg);
		errno = ENOMEM;
		return -1;
	}
	nla_nest_end(msg, peer);
	nla_nest_end(msg, data);
	nla_nest_end(msg, info);
	return request(netlink, msg, NULL, NULL);
}

static struct nl_msg *
set_link(int index)
{
	const struct ifinfomsg head = {
	    .ifi_family = AF_UNSPEC, .ifi_index = index};

	return MESSAGE(RTM_NEWLINK, 0, head);
}

int
netlink_set_port(
    struct netlink *netlink, int index, int master, const char *alias)
{
	struct nl_msg *msg = set_link(index);

	if (msg != NULL) {
		if (alias != NULL)
			nla_put_string(msg, IFLA_IFALIAS, alias);
		nla_put_u32(msg, IFLA_MASTER, (uint32_t)master);
	}
	return request(netlink, msg, NULL, NULL);
}

int
netlink_set_hairpin(struct netlink *netlink, int index, bool on)
{
	const struct ifinfomsg head = {
	    .ifi_family = AF_BRIDGE, .ifi_index = index};
	struct nl_msg *msg = MESSAGE(RTM_SETLINK, 0, head);
	struct nlattr *port;

	if (msg != NULL &&
	    (port = nla_nest_start(msg, IFLA_PROTINFO | NLA_F_NESTED)) !=
		NULL) {
		nla_put_u8(msg, IFLA_BRPORT_MODE, on);
		nla_nest_end(msg, port);
	}
	return request(netlink, msg, NULL, NULL);
}

int
netlink_set_up(struct netlink *netlink, int index)
{
	const struct ifinfomsg head = {.ifi_family = AF_UNSPEC,
	    .ifi_index = index,
	    .ifi_flags = IFF_UP,
	    .ifi_change = IFF_UP};

	return request(netlink, MESSAGE(RTM_NEWLINK, 0, head), NULL, NULL);
}

int
netlink_set_mtu(struct netlink *netlink, int index, uint32_t mtu)
{
	struct nl_msg *msg = set_link(index);

	if (msg != NULL)
		nla_put_u32(msg, IFLA_MTU, mtu);
	return request(netlink, msg, NULL, NULL);
}

int
netlink_set_mac(struct netlink *netlink, int index, const uint8_t mac[6])
{
	struct nl_msg *msg = set_link(index);

	if (msg != NULL)
		nla_put(msg, IFLA_ADDRESS, 6, mac);
	return request(netlink, msg, NULL, NULL);
}

int
netlink_delete_link(struct netlink *netlink, int index)
{
	const struct ifinfomsg head = {
	    .ifi_family = AF_UNSPEC, .ifi_index = index};

	return request(netlink, MESSAGE(RTM_DELLINK, 0, head), NULL, NULL);
}

static bool
put_ipnet(struct nl_msg *msg, int type, const struct ipnet *net)
{
	return nla_put(msg, type, (int)ipnet_size(net), net->bytes) == 0;
}

static int
change_address(struct netlink *netlink, int type, int flags, int index,
    const struct ipnet *address)
{
	const struct ifaddrmsg head = {.ifa_family = address->family,
	    .ifa_prefixlen = address->len,
	    .ifa_index = (unsigned)index,
	    .ifa_flags = address->family == AF_INET6 ? IFA_F_NODAD : 0};
	struct nl_msg *msg = MESSAGE(type, flags, head);
	struct ipnet broadcast = *address;
	bool ok = msg != NULL && put_ipnet(msg, IFA_LOCAL, address) &&
	    put_ipnet(msg, IFA_ADDRESS, address);

	if (ok && type == RTM_NEWADDR && address->family == AF_INET &&
	    address->len < 31) {
		broadcast = ipnet_from_ipv4(
		    ipnet_ipv4(address) | UINT32_MAX >> address->len,
		    address->len);
		ok = put_ipnet(msg, IFA_BROADCAST, &broadcast);
	}
	if (ok)
		return request(netlink, msg, NULL, NULL);
	nlmsg_free(msg);
	errno = ENOMEM;
	return -1;
}

int
netlink_add_address(
    struct netlink *netlink, int index, const struct ipnet *address)
{
	return change_address(
	    netlink, RTM_NEWADDR, NLM_F_CREATE | NLM_F_REPLACE, index, address);
}

int
netlink_delete_address(
    struct netlink *netlink, int index, const struct ipnet *address)
{
	return change_address(netlink, RTM_DELADDR, 0, index, address);
}

static void
parse_address(struct nlmsghdr *hdr, void *arg)
{
	const struct list_addresses *list = arg;
	const struct ifaddrmsg *head = nlmsg_data(hdr);
	struct nlattr *in[IFA_MAX + 1], *address;
	struct ipnet net = {0};

	if (hdr->nlmsg_type != RTM_NEWADDR ||
	    nlmsg_parse(hdr, sizeof(*head), in, IFA_MAX, NULL) != 0 ||
	    (head->ifa_family != AF_INET && head->ifa_family != AF_INET6) ||
	    (int)head->ifa_index != list->index)
		return;
	address = in[IFA_LOCAL] != NULL ? in[IFA_LOCAL] : in[IFA_ADDRESS];
	net.family = head->ifa_family;
	net.len = head->ifa_prefixlen;
	if (address == NULL || nla_len(address) != (int)ipnet_size(&net))
		return;
	memcpy(net.bytes, nla_data(address), ipnet_size(&net));
	list->found(list->arg, &net);
}

int
netlink_list_addresses(struct netlink *netlink, int nsid, int index,
    void (*found)(void *, const struct ipnet *), void *arg)
{
	const struct ifaddrmsg head = {
	    .ifa_family = AF_UNSPEC, .ifa_index = (unsigned)index};
	struct list_addresses list = {index, found, arg};
	struct nl_msg *msg = MESSAGE(RTM_GETADDR, NLM_F_DUMP, head);

	if (msg != NULL && nsid != NETLINK_NSID_NONE)
		nla_put_s32(msg, IFA_TARGET_NETNSID, nsid);
	return request(netlink, msg, parse_address, &list);
}

int
netlink_add_route(struct netlink *netlink, const struct netlink_route *route)
{
	uint32_t table = route->table == 0 ? RT_TABLE_MAIN : route->table;
	const struct rtmsg head = {.rtm_family = route->dst.family,
	    .rtm_dst_len = route->dst.len,
	    .rtm_table = (uint8_t)(table < 256 ? table : RT_TABLE_UNSPEC),
	    .rtm_protocol = RTPROT_BOOT,
	    .rtm_scope = (uint8_t)(route->scope != -1 ? route->scope
		    : route->gw.family != 0           ? RT_SCOPE_UNIVERSE
						      : RT_SCOPE_LINK),
	    .rtm_type = RTN_UNICAST};
	struct nl_msg *msg =
	    MESSAGE(RTM_NEWROUTE, NLM_F_CREATE | NLM_F_EXCL, head);
	struct nlattr *metrics;
	bool ok = msg != NULL &&
	    (route->dst.len == 0 || put_ipnet(msg, RTA_DST, &route->dst)) &&
	    (route->gw.family == 0 ||
		put_ipnet(msg, RTA_GATEWAY, &route->gw)) &&
	    nla_put_u32(msg, RTA_TABLE, table) == 0 &&
	    nla_put_u32(msg, RTA_OIF, (uint32_t)route->index) == 0 &&
	    (route->priority == 0 ||
		nla_put_u32(msg, RTA_PRIORITY, route->priority) == 0);

	if (ok && (route->mtu != 0 || route->advmss != 0) &&
	    (metrics = nla_nest_start(msg, RTA_METRICS)) != NULL) {
		if (route->mtu != 0)
			nla_put_u32(msg, RTAX_MTU, route->mtu);
		if (route->advmss != 0)
			nla_put_u32(msg, RTAX_ADVMSS, route->advmss);
		nla_nest_end(msg, metrics);
	}
	if (!ok) {
		nlmsg_free(msg);
		errno = ENOMEM;
		return -1;
	}
	if (request(netlink, msg, NULL, NULL) == 0 || errno == EEXIST)
		return 0;
	return -1;
}

static void
parse_route(struct nlmsghdr *hdr, void *arg)
{
	const struct list_routes *list = arg;
	const struct rtmsg *head = nlmsg_data(hdr);
	struct netlink_route route = {.scope = -1};
	struct nlattr *in[RTA_MAX + 1];

	if (hdr->nlmsg_type != RTM_NEWROUTE ||
	    nlmsg_parse(hdr, sizeof(*head), in, RTA_MAX, NULL) != 0 ||
	    (head->rtm_family != AF_INET && head->rtm_family != AF_INET6) ||
	    head->rtm_type != RTN_UNICAST)
		return;
	route.dst.family = head->rtm_family;
	route.dst.len = head->rtm_dst_len;
	if (in[RTA_DST] != NULL &&
	    nla_len(in[RTA_DST]) == (int)ipnet_size(&route.dst))
		memcpy(route.dst.bytes, nla_data(in[RTA_DST]),
		    ipnet_size(&route.dst));
	if (in[RTA_GATEWAY] != NULL &&
	    nla_len(in[RTA_GATEWAY]) == (int)ipnet_size(&route.dst)) {
		route.gw.family = head->rtm_family;
		memcpy(route.gw.bytes, nla_data(in[RTA_GATEWAY]),
		    ipnet_size(&route.dst));
	}
	if (in[RTA_OIF] != NULL)
		route.index = (int)nla_get_u32(in[RTA_OIF]);
	route.table = in[RTA_TABLE] != NULL ? nla_get_u32(in[RTA_TABLE])
					    : head->rtm_table;
	list->found(list->arg, &route);
}

int
netlink_list_routes(struct netlink *netlink,
    void (*found)(void *, const struct netlink_route *), void *arg)
{
	const struct rtmsg head = {.rtm_family = AF_UNSPEC};
	struct list_routes list = {found, arg};

	return request(netlink, MESSAGE(RTM_GETROUTE, NLM_F_DUMP, head),
	    parse_route, &list);
}
