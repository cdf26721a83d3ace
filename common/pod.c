#include <sys/ioctl.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/nsfs.h>
#include <sched.h>
#include <sodium.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/garp.h"
#include "common/pod.h"

#define ALIAS_PREFIX "weave-net "
#define PORT_PREFIX "vethwepl" /* Weave's */
#define NAMES_MAX 8 /* of a port: others may have the first ones */
_Static_assert(sizeof(ALIAS_PREFIX) + CTL_IP_ID_MAX <= NETLINK_ALIAS_MAX,
    "an alias has room for an id");

/* Links to be removed: they are not while they are being listed. */
struct victims {
	const char *id;
	int indices[NAMES_MAX];
	size_t n;
};

struct wanted {
	const struct netlink_route *route;
	const struct ipnet *address;
	bool found;
};

/* Links that are to be looked at when the list has ended. */
struct ports {
	struct netlink_link *links;
	size_t n;
	bool full;
};

struct addresses {
	struct ipnet *list;
	size_t n;
};

static int fail(char *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static void alias_of(const char *, char[NETLINK_ALIAS_MAX]);
static void port_name(const char *, uint8_t, char[IF_NAMESIZE]);
static bool is_port_of(const struct netlink_link *, const char *);
static void find_victim(void *, const struct netlink_link *);
static int remove_ports(struct netlink *, const char *, char *);
static int remove_inside(struct netlink *, int, const char *, char *);
static int make_pair(struct netlink *, const struct pod *, char *);
static int make_port(
    struct netlink *, const struct pod *, struct pod_links *, char *);
static int make_inside(
    struct netlink *, const struct pod *, struct pod_links *, char *);
static void write_sysctl(const char *, const char *);
static int attach(struct netlink *, struct netlink *, const struct pod *,
    struct pod_links *, char *);
static void match_address(void *, const struct ipnet *);
static void match_route(void *, const struct netlink_route *);
static int check_port(
    struct netlink *, const struct pod *, struct pod_links *, char *);
static int check_inside(
    struct netlink *, const struct pod *, struct pod_links *, char *);
static int change_address(
    const struct pod *, const struct ipnet *, bool, char *);
static void keep_port(void *, const struct netlink_link *);
static void keep_address(void *, const struct ipnet *);
static void list_port(struct netlink *, const struct netlink_link *,
    void (*)(void *, const struct pod_row *), void *);

static int
fail(char *error, const char *fmt, ...)
{
	int saved_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, POD_ERROR_MAX, fmt, ap);
	va_end(ap);
	errno = saved_errno;
	return -1;
}

int
pod_open_ns(const char *text, char error[POD_ERROR_MAX])
{
	char path[PATH_MAX];
	int fd, n;

	if (text[0] == '/')
		n = snprintf(path, sizeof(path), "%s", text);
	else if (strspn(text, "0123456789") == strlen(text))
		n = snprintf(path, sizeof(path), "/proc/%s/ns/net", text);
	else if (strchr(text, '/') == NULL && text[0] != '.')
		n = snprintf(path, sizeof(path), "/run/netns/%s", text);
	else
		n = -1;
	if (n < 0 || (size_t)n >= sizeof(path)) {
		errno = EINVAL;
		return fail(error, "no network namespace: %.64s", text);
	}
	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1)
		return fail(error, "network namespace %.256s: %s", path,
		    strerror(errno));
	if (ioctl(fd, NS_GET_NSTYPE) == CLONE_NEWNET)
		return fd;
	close(fd);
	errno = ENOENT;
	return fail(error, "%.256s is no network namespace", path);
}

bool
pod_is_own_ns(int ns)
{
	struct stat own, other;

	return stat("/proc/thread-self/ns/net", &own) == 0 &&
	    fstat(ns, &other) == 0 && own.st_dev == other.st_dev &&
	    own.st_ino == other.st_ino;
}

static void
alias_of(const char *id, char alias[NETLINK_ALIAS_MAX])
{
	snprintf(alias, NETLINK_ALIAS_MAX, "%s%s", ALIAS_PREFIX, id);
}

/* The same for the same id, so that one without an alias yet is found. */
static void
port_name(const char *id, uint8_t number, char name[IF_NAMESIZE])
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	uint8_t hash[crypto_generichash_BYTES];
	size_t n = sizeof(PORT_PREFIX) - 1;

	crypto_generichash(hash, sizeof(hash), (const uint8_t *)id, strlen(id),
	    &number, number == 0 ? 0 : sizeof(number));
	memcpy(name, PORT_PREFIX, n);
	for (size_t i = 0; n < IF_NAMESIZE - 1; i++)
		name[n++] = digits[hash[i] % 32];
	name[n] = '\0';
}

static bool
is_port_of(const struct netlink_link *link, const char *id)
{
	char alias[NETLINK_ALIAS_MAX], name[IF_NAMESIZE];

	if (strcmp(link->kind, "veth") != 0)
		return false;
	alias_of(id, alias);
	if (link->alias[0] != '\0')
		return strcmp(link->alias, alias) == 0;
	for (uint8_t i = 0; i < NAMES_MAX; i++) {
		port_name(id, i, name);
		if (strcmp(link->name, name) == 0)
			return true;
	}
	return false;
}

static void
find_victim(void *arg, const struct netlink_link *link)
{
	struct victims *victims = arg;

	if (victims->n < NAMES_MAX && is_port_of(link, victims->id))
		victims->indices[victims->n++] = link->index;
}

static int
remove_ports(struct netlink *netlink, const char *id, char *error)
{
	struct victims victims = {.id = id};

	if (netlink_list_links(netlink, find_victim, &victims) == -1)
		return fail(error, "cannot list links: %s", strerror(errno));
	for (size_t i = 0; i < victims.n; i++)
		/* Its namespace may have taken it away meanwhile. */
		if (netlink_delete_link(netlink, victims.indices[i]) == -1 &&
		    errno != ENODEV)
			return fail(error, "cannot remove the veth of %s: %s",
			    id, strerror(errno));
	return 0;
}

/* A veth to a port that has Weave's name and no alias of another. */
static int
remove_inside(struct netlink *host, int ns, const char *ifname, char *error)
{
	struct netlink *inside = netlink_open(ns);
	struct netlink_link link, port;
	int result = 0;

	if (inside == NULL)
		return fail(error, "netlink: %s", strerror(errno));
	if (netlink_get_link(inside, ifname, &link) == 0 &&
	    strcmp(link.kind, "veth") == 0 &&
	    netlink_get_link_of(host, NETLINK_NSID_NONE, link.peer, &port) ==
		0 &&
	    port.peer == link.index && port.alias[0] == '\0' &&
	    strncmp(port.name, PORT_PREFIX, sizeof(PORT_PREFIX) - 1) == 0 &&
	    netlink_delete_link(host, port.index) == -1 && errno != ENODEV)
		result = fail(
		    error, "cannot remove %s: %s", port.name, strerror(errno));
	netlink_close(inside);
	return result;
}

int
pod_detach(
    const char *id, int ns, const char *ifname, char error[POD_ERROR_MAX])
{
	struct netlink *netlink = netlink_open(-1);
	int result;

	if (netlink == NULL)
		return fail(error, "netlink: %s", strerror(errno));
	result = remove_ports(netlink, id, error);
	if (result == 0 && ns != -1)
		result = remove_inside(netlink, ns, ifname, error);
	netlink_close(netlink);
	return result;
}

bool
pod_attached(const char *id)
{
	struct victims victims = {.id = id};
	struct netlink *netlink = netlink_open(-1);

	if (netlink != NULL)
		netlink_list_links(netlink, find_victim, &victims);
	netlink_close(netlink);
	return victims.n > 0;
}

/* EEXIST may be about either name: then it is asked. */
static int
make_pair(struct netlink *host, const struct pod *pod, char *error)
{
	struct netlink_link other;
	char name[IF_NAMESIZE];
	struct netlink_veth veth = {.name = name,
	    .peer = pod->ifname,
	    .ns = pod->ns,
	    .mtu = pod->mtu,
	    .mac = pod->has_mac ? pod->mac : NULL};

	for (uint8_t i = 0; i < NAMES_MAX; i++) {
		port_name(pod->id, i, name);
		if (netlink_get_link(host, name, &other) == 0)
			continue;
		if (netlink_make_veth(host, &veth) == 0)
			return 0;
		if (errno != EEXIST ||
		    netlink_get_link(host, name, &other) != 0)
			break;
	}
	return fail(error, "cannot make veth %s: %s", name, strerror(errno));
}

/* Best effort: IPv6 may be missing, /proc/sys read-only. */
static void
write_sysctl(const char *path, const char *value)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	if (write(fd, value, strlen(value)) == -1)
		errno = 0;
	close(fd);
}

static int
make_port(struct netlink *host, const struct pod *pod, struct pod_links *links,
    char *error)
{
	char alias[NETLINK_ALIAS_MAX], path[128];
	struct victims victims = {.id = pod->id};
	const struct netlink_link *port = &links->port;

	if (make_pair(host, pod, error) == -1)
		return -1;
	if (netlink_list_links(host, find_victim, &victims) == -1 ||
	    victims.n != 1 ||
	    netlink_get_link_of(host, NETLINK_NSID_NONE, victims.indices[0],
		&links->port) == -1)
		return fail(error, "the veth made is gone again");
	alias_of(pod->id, alias);
	/* A pod's router advertisement must not move the host's routes. */
	snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra",
	    port->name);
	write_sysctl(path, "0");
	if (netlink_set_port(host, port->index, links->bridge.index, alias) ==
	    -1)
		return fail(error, "cannot make %s a port of %s: %s",
		    port->name, pod->bridge, strerror(errno));
	if (netlink_set_hairpin(host, port->index, pod->hairpin) == -1)
		return fail(error, "cannot set the hairpin mode of %s: %s",
		    port->name, strerror(errno));
	if (netlink_set_up(host, port->index) == -1)
		return fail(
		    error, "cannot set %s up: %s", port->name, strerror(errno));
	return 0;
}

static int
make_inside(struct netlink *inside, const struct pod *pod,
    struct pod_links *links, char *error)
{
	struct netlink_route route;
	char text[IPNET_STRLEN];

	if (netlink_get_link(inside, pod->ifname, &links->inside) == -1 ||
	    netlink_set_up(inside, links->inside.index) == -1)
		return fail(error, "cannot set %s of the pod up: %s",
		    pod->ifname, strerror(errno));
	for (size_t i = 0; i < pod->naddresses; i++)
		if (netlink_add_address(
			inside, links->inside.index, &pod->addresses[i]) == -1)
			return fail(error,
			    "cannot give %s of the pod the address %s: %s",
			    pod->ifname, ipnet_format(&pod->addresses[i], text),
			    strerror(errno));
	for (size_t i = 0; i < pod->nroutes; i++) {
		route = pod->routes[i];
		route.index = links->inside.index;
		if (netlink_add_route(inside, &route) == -1)
			return fail(error, "cannot add the route to %s: %s",
			    ipnet_format(&route.dst, text), strerror(errno));
	}
	return 0;
}

static int
attach(struct netlink *host, struct netlink *inside, const struct pod *pod,
    struct pod_links *links, char *error)
{
	struct netlink_link other;

	if (netlink_get_link(host, pod->bridge, &links->bridge) == -1)
		return fail(
		    error, "bridge %s: %s", pod->bridge, strerror(errno));
	if (remove_ports(host, pod->id, error) == -1)
		return -1;
	if (netlink_get_link(inside, pod->ifname, &other) == 0) {
		errno = EEXIST;
		return fail(
		    error, "the pod has a link %s already", pod->ifname);
	}
	if (make_port(host, pod, links, error) == -1 ||
	    make_inside(inside, pod, links, error) == -1)
		return -1;
	for (size_t i = 0; i < pod->naddresses; i++)
		garp_send(pod->ns, &links->inside, &pod->addresses[i]);
	return 0;
}

int
pod_attach(
    const struct pod *pod, struct pod_links *links, char error[POD_ERROR_MAX])
{
	struct netlink *host = netlink_open(-1);
	struct netlink *inside = netlink_open(pod->ns);
	int result, code;
	char ignored[POD_ERROR_MAX];

	if (host == NULL || inside == NULL)
		result = fail(error, "netlink: %s", strerror(errno));
	else
		result = attach(host, inside, pod, links, error);
	code = errno;
	if (result == -1 && host != NULL)
		remove_ports(host, pod->id, ignored);
	netlink_close(host);
	netlink_close(inside);
	errno = code;
	return result;
}

static void
match_address(void *arg, const struct ipnet *address)
{
	struct wanted *wanted = arg;

	if (ipnet_equal_address(address, wanted->address) &&
	    address->len == wanted->address->len)
		wanted->found = true;
}

static void
match_route(void *arg, const struct netlink_route *route)
{
	struct wanted *wanted = arg;

	if (ipnet_equal_address(&route->dst, &wanted->route->dst) &&
	    route->dst.len == wanted->route->dst.len &&
	    (wanted->route->table == 0 || wanted->route->table == route->table))
		wanted->found = true;
}

static int
check_port(struct netlink *host, const struct pod *pod, struct pod_links *links,
    char *error)
{
	struct victims victims = {.id = pod->id};
	const struct netlink_link *port = &links->port;

	if (netlink_get_link(host, pod->bridge, &links->bridge) == -1)
		return fail(
		    error, "bridge %s: %s", pod->bridge, strerror(errno));
	if (netlink_list_links(host, find_victim, &victims) == -1 ||
	    victims.n != 1 ||
	    netlink_get_link_of(host, NETLINK_NSID_NONE, victims.indices[0],
		&links->port) == -1)
		return fail(error, "the host's end of the veth is missing");
	if (port->master != links->bridge.index)
		return fail(
		    error, "%s is no port of %s", port->name, pod->bridge);
	if ((port->flags & IFF_UP) == 0)
		return fail(error, "%s is down", port->name);
	if (port->hairpin != pod->hairpin)
		return fail(error, "the hairpin mode of %s is %s", port->name,
		    port->hairpin ? "on" : "off");
	return 0;
}

static int
check_inside(struct netlink *inside, const struct pod *pod,
    struct pod_links *links, char *error)
{
	struct netlink_link *link = &links->inside;
	struct wanted wanted;
	char text[IPNET_STRLEN];

	if (netlink_get_link(inside, pod->ifname, link) == -1)
		return fail(error, "the pod has no link %s", pod->ifname);
	if (link->peer != links->port.index || links->port.peer != link->index)
		return fail(error, "%s of the pod is no veth to %s",
		    pod->ifname, links->port.name);
	if ((link->flags & IFF_UP) == 0)
		return fail(error, "%s of the pod is down", pod->ifname);
	if (pod->mtu != 0 && link->mtu != pod->mtu)
		return fail(error, "%s of the pod has the MTU %u, not %u",
		    pod->ifname, link->mtu, pod->mtu);
	if (pod->has_mac && memcmp(link->mac, pod->mac, 6) != 0)
		return fail(
		    error, "%s of the pod has another MAC", pod->ifname);
	for (size_t i = 0; i < pod->naddresses; i++) {
		wanted = (struct wanted){.address = &pod->addresses[i]};
		if (netlink_list_addresses(inside, NETLINK_NSID_NONE,
			link->index, match_address, &wanted) == -1 ||
		    !wanted.found)
			return fail(error, "%s of the pod has no address %s",
			    pod->ifname, ipnet_format(wanted.address, text));
	}
	for (size_t i = 0; i < pod->nroutes; i++) {
		wanted = (struct wanted){.route = &pod->routes[i]};
		if (netlink_list_routes(inside, match_route, &wanted) == -1 ||
		    !wanted.found)
			return fail(error, "the pod has no route to %s",
			    ipnet_format(&wanted.route->dst, text));
	}
	return 0;
}

int
pod_check(
    const struct pod *pod, struct pod_links *links, char error[POD_ERROR_MAX])
{
	struct netlink *host = netlink_open(-1);
	struct netlink *inside = netlink_open(pod->ns);
	int result;

	if (host == NULL || inside == NULL)
		result = fail(error, "netlink: %s", strerror(errno));
	else if ((result = check_port(host, pod, links, error)) == 0)
		result = check_inside(inside, pod, links, error);
	netlink_close(host);
	netlink_close(inside);
	return result;
}

static int
change_address(
    const struct pod *pod, const struct ipnet *address, bool add, char *error)
{
	struct netlink *inside = netlink_open(pod->ns);
	struct netlink_link link;
	char text[IPNET_STRLEN];
	int result = 0;

	if (inside == NULL)
		return fail(error, "netlink: %s", strerror(errno));
	if (netlink_get_link(inside, pod->ifname, &link) == -1)
		result = fail(error, "the pod has no link %s", pod->ifname);
	else if (add && netlink_add_address(inside, link.index, address) == -1)
		result = fail(error, "cannot give %s the address %s: %s",
		    pod->ifname, ipnet_format(address, text), strerror(errno));
	else if (add)
		garp_send(pod->ns, &link, address);
	else if (netlink_delete_address(inside, link.index, address) == -1 &&
	    errno != EADDRNOTAVAIL)
		result = fail(error, "cannot take %s from %s: %s",
		    ipnet_format(address, text), pod->ifname, strerror(errno));
	netlink_close(inside);
	return result;
}

int
pod_add_address(const struct pod *pod, const struct ipnet *address,
    char error[POD_ERROR_MAX])
{
	return change_address(pod, address, true, error);
}

int
pod_remove_address(const struct pod *pod, const struct ipnet *address,
    char error[POD_ERROR_MAX])
{
	return change_address(pod, address, false, error);
}

static void
keep_port(void *arg, const struct netlink_link *link)
{
	struct ports *ports = arg;
	struct netlink_link *moved;

	if (strcmp(link->kind, "veth") != 0 ||
	    strncmp(link->alias, ALIAS_PREFIX, sizeof(ALIAS_PREFIX) - 1) != 0)
		return;
	moved = reallocarray(ports->links, ports->n + 1, sizeof(*moved));
	if (moved == NULL) {
		ports->full = true;
		return;
	}
	ports->links = moved;
	ports->links[ports->n++] = *link;
}

static void
keep_address(void *arg, const struct ipnet *address)
{
	struct addresses *addresses = arg;

	/* One of the link itself (fe80::/10) says nothing. */
	if (addresses->n < POD_ADDRESSES_MAX &&
	    (address->family == AF_INET || address->bytes[0] != 0xfe))
		addresses->list[addresses->n++] = *address;
}

static void
list_port(struct netlink *netlink, const struct netlink_link *port,
    void (*found)(void *, const struct pod_row *), void *arg)
{
	struct pod_row row = {.port = *port};
	struct addresses addresses = {.list = row.addresses};

	strlcpy(row.id, port->alias + sizeof(ALIAS_PREFIX) - 1, sizeof(row.id));
	if (netlink_get_link_of(netlink, port->nsid, port->peer, &row.inside) ==
	    0)
		netlink_list_addresses(
		    netlink, port->nsid, port->peer, keep_address, &addresses);
	row.naddresses = addresses.n;
	found(arg, &row);
}

int
pod_list(void (*found)(void *, const struct pod_row *), void *arg,
    char error[POD_ERROR_MAX])
{
	struct netlink *netlink = netlink_open(-1);
	struct ports ports = {0};
	int result = 0;

	if (netlink == NULL)
		return fail(error, "netlink: %s", strerror(errno));
	if (netlink_list_links(netlink, keep_port, &ports) == -1)
		result = fail(error, "cannot list links: %s", strerror(errno));
	else if (ports.full)
		result = fail(error, "no memory");
	for (size_t i = 0; result == 0 && i < ports.n; i++)
		list_port(netlink, &ports.links[i], found, arg);
	free(ports.links);
	netlink_close(netlink);
	return result;
}

int
pod_bridge_addresses(const char *bridge, struct ipnet list[POD_ADDRESSES_MAX],
    char error[POD_ERROR_MAX])
{
	struct netlink *netlink = netlink_open(-1);
	struct addresses addresses = {.list = list};
	struct netlink_link link;
	int result;

	if (netlink == NULL)
		return fail(error, "netlink: %s", strerror(errno));
	if (netlink_get_link(netlink, bridge, &link) == -1)
		result = fail(error, "bridge %s: %s", bridge, strerror(errno));
	else if (netlink_list_addresses(netlink, NETLINK_NSID_NONE, link.index,
		     keep_address, &addresses) == -1)
		result =
		    fail(error, "addresses of %s: %s", bridge, strerror(errno));
	else
		result = (int)addresses.n;
	netlink_close(netlink);
	return result;
}
