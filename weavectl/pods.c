#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ctlip.h"
#include "common/text.h"
#include "weavectl/pods.h"

#define BOOT_LEN 8 /* letters of the boot's id that tell it from others */
#define ID_PREFIX "netns:"
#define CONTAINER_LEN 64 /* an id that is shown shortened */
#define CONTAINER_SHOWN 12

/* A namespace of which addresses are asked for. */
struct request {
	struct ctlclient *client;
	struct ctlip_status status;
	char id[CTL_IP_ID_MAX];
	struct pod pod;
	bool json;
	FILE *out;
};

/* What an argument asks for. */
struct wanted {
	bool net; /* any address of the subnet; else this one */
	struct ipnet address; /* len 0: the default subnet */
};

/* Addresses of an id, and ids of namespaces that a boot has ended. */
struct owned {
	const char *id;
	struct ipnet list[POD_ADDRESSES_MAX];
	size_t n;
	char boot[BOOT_LEN + 2]; /* "@1234abcd" */
	char stale[CTL_IP_ID_MAX]; /* the first found */
};

struct rows {
	struct pods_row *list;
	size_t n;
	bool full;
	char *const *ids;
};

static int fail(char *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static void boot_suffix(char[BOOT_LEN + 2]);
static int open_request(struct request *, char *const *, char *);
static int parse_wanted(const char *, struct wanted *, char *);
static void keep_owned(void *, const struct ctl_address *);
static int release_stale(struct request *, char *);
static int obtain(
    struct request *, const struct wanted *, struct ipnet *, char *);
static bool is_in(const struct ipnet *, size_t, const struct ipnet *);
static int add(struct request *, const struct ipnet *, size_t, char *);
static void undo(
    struct request *, const struct owned *, const struct ipnet *, size_t);
static int obtain_all(
    struct request *, char *const *, struct ipnet *, size_t *, char *);
static bool is_wanted(
    const struct request *, const struct wanted *, const struct ipnet *);
static void keep_inside(void *, const struct pod_row *);
static int detach_some(struct request *, char *const *, char *);
static int detach_all(struct request *, char *);
static void print_addresses(
    const struct request *, const struct ipnet *, size_t);
static bool is_asked(char *const *, const char *);
static struct pods_row *new_row(struct rows *, const char *);
static void keep_pod(void *, const struct pod_row *);
static void keep_allocated(void *, const struct ctl_address *);
static int keep_bridge(struct rows *, const char *, char *);
static int compare_rows(const void *, const void *);
static void print_json(const struct pods_row *, size_t, FILE *);
static void print_text(const struct pods_row *, FILE *);

static int
fail(char *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CTLCLIENT_ERROR_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

static void
boot_suffix(char suffix[BOOT_LEN + 2])
{
	int fd = open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);

	memset(suffix, 0, BOOT_LEN + 2);
	suffix[0] = '@';
	if (fd == -1 || read(fd, suffix + 1, BOOT_LEN) != BOOT_LEN)
		suffix[1] = '\0';
	if (fd != -1)
		close(fd);
}

/*
 * A namespace has no name, but a number while it lives: with the boot that is
 * an id which the next boot does not mistake for its own.
 */
static int
open_request(struct request *request, char *const *arguments, char *error)
{
	char boot[BOOT_LEN + 2];
	struct pod *pod = &request->pod;
	struct stat st;

	while (arguments[1] != NULL)
		arguments++;
	if (ctlip_status(request->client, &request->status, error) == -1)
		return -1;
	if ((pod->ns = pod_open_ns(arguments[0], error)) == -1)
		return -1;
	if (pod_is_own_ns(pod->ns) || fstat(pod->ns, &st) == -1) {
		close(pod->ns);
		return fail(
		    error, "%.256s is the namespace of the host", arguments[0]);
	}
	boot_suffix(boot);
	snprintf(request->id, sizeof(request->id), "%s%llu%s", ID_PREFIX,
	    (unsigned long long)st.st_ino, boot);
	pod->id = request->id;
	pod->bridge = request->status.status.bridge;
	pod->ifname = PODS_IFNAME;
	pod->mtu = request->status.status.mtu;
	pod->hairpin = true;
	return 0;
}

static int
parse_wanted(const char *text, struct wanted *wanted, char *error)
{
	const char *rest = text;

	memset(wanted, 0, sizeof(*wanted));
	if (strcmp(text, "net:default") == 0) {
		wanted->net = true;
		return 0;
	}
	if (strncmp(text, "net:", 4) == 0) {
		wanted->net = true;
		rest += 4;
	} else if (strncmp(text, "ip:", 3) == 0)
		rest += 3;
	if (!ipnet_parse(rest, &wanted->address) ||
	    wanted->address.family != AF_INET || wanted->address.len == 0 ||
	    (wanted->net && ipnet_has_host_bits(&wanted->address)))
		return fail(error,
		    "no such address: %.64s (10.32.0.1/12, "
		    "net:10.32.0.0/12 or net:default)",
		    text);
	return 0;
}

static void
keep_owned(void *arg, const struct ctl_address *row)
{
	struct owned *owned = arg;

	if (strcmp(row->id, owned->id) == 0 && owned->n < POD_ADDRESSES_MAX)
		owned->list[owned->n++] = ipnet_from_ipv4(row->addr, row->len);
	else if (strncmp(row->id, ID_PREFIX, sizeof(ID_PREFIX) - 1) == 0 &&
	    owned->boot[0] != '\0' && strstr(row->id, owned->boot) == NULL)
		strlcpy(owned->stale, row->id, sizeof(owned->stale));
}

/* Namespaces end with the boot, addresses do not. */
static int
release_stale(struct request *request, char *error)
{
	struct owned owned;

	for (;;) {
		memset(&owned, 0, sizeof(owned));
		owned.id = request->id;
		boot_suffix(owned.boot);
		if (ctlip_list(request->client, keep_owned, &owned, error) ==
		    -1)
			return -1;
		if (owned.stale[0] == '\0')
			return 0;
		if (ctlip_release(request->client, owned.stale, 0, error) == -1)
			return -1;
	}
}

static int
obtain(struct request *request, const struct wanted *wanted,
    struct ipnet *address, char *error)
{
	struct subnet subnet = {0};

	if (wanted->net) {
		if (!request->status.has_ipam)
			return fail(error, "%s", CTLIP_OFF);
		subnet.len = wanted->address.len;
		if (subnet.len != 0)
			subnet.addr = ipnet_ipv4(&wanted->address);
		return ctlip_allocate(
		    request->client, request->id, subnet, address, error);
	}
	*address = wanted->address;
	if (!request->status.has_ipam)
		return 0;
	return ctlip_claim(request->client, request->id, address, error);
}

static bool
is_in(const struct ipnet *list, size_t n, const struct ipnet *address)
{
	for (size_t i = 0; i < n; i++)
		if (ipnet_equal_address(&list[i], address))
			return true;
	return false;
}

static int
obtain_all(struct request *request, char *const *arguments, struct ipnet *list,
    size_t *n, char *error)
{
	struct wanted wanted;
	struct ipnet address;

	*n = 0;
	if (arguments[1] == NULL) {
		wanted = (struct wanted){.net = true};
		return obtain(request, &wanted, &list[(*n)++], error);
	}
	for (; arguments[1] != NULL; arguments++) {
		if (*n == POD_ADDRESSES_MAX)
			return fail(error, "too many addresses");
		if (parse_wanted(arguments[0], &wanted, error) == -1 ||
		    obtain(request, &wanted, &address, error) == -1)
			return -1;
		if (!is_in(list, *n, &address))
			list[(*n)++] = address;
	}
	return 0;
}

/* To the link that is there, else to a new one, which has the others too. */
static int
add(struct request *request, const struct ipnet *list, size_t n, char *error)
{
	struct pod *pod = &request->pod;
	const struct ipnet multicast = ipnet_from_ipv4(UINT32_C(0xe0000000), 4);
	struct owned owned = {.id = request->id};
	struct pod_links links;
	size_t i;

	if (pod_attached(request->id)) {
		for (i = 0; i < n; i++)
			if (pod_add_address(pod, &list[i], error) == -1)
				break;
		if (i == n)
			return 0;
	}
	if (request->status.has_ipam &&
	    ctlip_list(request->client, keep_owned, &owned, error) == -1)
		return -1;
	memcpy(pod->addresses, owned.list, sizeof(pod->addresses));
	pod->naddresses = owned.n;
	for (i = 0; i < n; i++)
		if (pod->naddresses < POD_ADDRESSES_MAX &&
		    !is_in(pod->addresses, pod->naddresses, &list[i]))
			pod->addresses[pod->naddresses++] = list[i];
	pod->routes[0] = (struct netlink_route){.dst = multicast, .scope = -1};
	pod->nroutes = 1;
	return pod_attach(pod, &links, error);
}

static void
undo(struct request *request, const struct owned *before,
    const struct ipnet *list, size_t n)
{
	char ignored[CTLCLIENT_ERROR_MAX];

	for (size_t i = 0; i < n && request->status.has_ipam; i++)
		if (!is_in(before->list, before->n, &list[i]))
			ctlip_release(request->client, request->id,
			    ipnet_ipv4(&list[i]), ignored);
}

static void
print_addresses(
    const struct request *request, const struct ipnet *list, size_t n)
{
	char text[IPNET_STRLEN];

	if (request->json)
		fprintf(request->out, "{\"ID\": \"%s\", \"Addresses\": [",
		    request->id);
	for (size_t i = 0; i < n; i++)
		fprintf(request->out, request->json ? "%s\"%s\"" : "%s%s",
		    i == 0              ? ""
			: request->json ? ", "
					: " ",
		    ipnet_format(&list[i], text));
	if (request->json)
		fprintf(request->out, "]}\n");
	else if (n > 0)
		fputc('\n', request->out);
}

int
pods_attach(struct ctlclient *client, char *const *arguments, bool json,
    FILE *out, char error[CTLCLIENT_ERROR_MAX])
{
	struct request request = {.client = client, .json = json, .out = out};
	struct owned before = {.id = request.id};
	struct ipnet list[POD_ADDRESSES_MAX] = {{0}};
	size_t n = 0;
	int result = 0;

	if (open_request(&request, arguments, error) == -1)
		return -1;
	if (request.status.has_ipam &&
	    (release_stale(&request, error) == -1 ||
		ctlip_list(client, keep_owned, &before, error) == -1))
		result = -1;
	if (result == 0 &&
	    (obtain_all(&request, arguments, list, &n, error) == -1 ||
		add(&request, list, n, error) == -1)) {
		undo(&request, &before, list, n);
		result = -1;
	}
	close(request.pod.ns);
	if (result == 0)
		print_addresses(&request, list, n);
	return result;
}

static bool
is_wanted(const struct request *request, const struct wanted *wanted,
    const struct ipnet *address)
{
	struct ipnet subnet = wanted->address;

	if (!wanted->net)
		return ipnet_equal_address(&wanted->address, address);
	if (subnet.len == 0)
		subnet = ipnet_from_ipv4(request->status.ipam.subnet_addr,
		    request->status.ipam.subnet_len);
	return ipnet_contains(&subnet, address);
}

static void
keep_inside(void *arg, const struct pod_row *row)
{
	struct owned *owned = arg;

	if (strcmp(row->id, owned->id) != 0)
		return;
	for (size_t i = 0; i < row->naddresses; i++)
		if (!is_in(owned->list, owned->n, &row->addresses[i]) &&
		    owned->n < POD_ADDRESSES_MAX)
			owned->list[owned->n++] = row->addresses[i];
}

static int
detach_some(struct request *request, char *const *arguments, char *error)
{
	struct owned owned = {.id = request->id};
	struct ipnet gone[POD_ADDRESSES_MAX] = {{0}};
	struct wanted wanted;
	size_t n = 0;

	if (pod_list(keep_inside, &owned, error) == -1)
		return -1;
	for (; arguments[1] != NULL; arguments++) {
		if (parse_wanted(arguments[0], &wanted, error) == -1)
			return -1;
		for (size_t i = 0; i < owned.n; i++)
			if (is_wanted(request, &wanted, &owned.list[i]) &&
			    !is_in(gone, n, &owned.list[i]))
				gone[n++] = owned.list[i];
	}
	if (n == 0)
		return fail(error, "it has no such address");
	for (size_t i = 0; i < n && n < owned.n; i++)
		if (pod_remove_address(&request->pod, &gone[i], error) == -1)
			return -1;
	if (n == owned.n && pod_detach(request->id, -1, NULL, error) == -1)
		return -1;
	for (size_t i = 0; i < n && request->status.has_ipam; i++)
		if (gone[i].family == AF_INET &&
		    ctlip_release(request->client, request->id,
			ipnet_ipv4(&gone[i]), error) == -1)
			return -1;
	print_addresses(request, gone, n);
	return 0;
}

static int
detach_all(struct request *request, char *error)
{
	struct owned owned = {.id = request->id};

	if (request->status.has_ipam &&
	    ctlip_list(request->client, keep_owned, &owned, error) == -1)
		return -1;
	if (pod_list(keep_inside, &owned, error) == -1 ||
	    pod_detach(request->id, -1, NULL, error) == -1)
		return -1;
	if (request->status.has_ipam &&
	    ctlip_release(request->client, request->id, 0, error) == -1)
		return -1;
	print_addresses(request, owned.list, owned.n);
	return 0;
}

int
pods_detach(struct ctlclient *client, char *const *arguments, bool json,
    FILE *out, char error[CTLCLIENT_ERROR_MAX])
{
	struct request request = {.client = client, .json = json, .out = out};
	int result;

	if (open_request(&request, arguments, error) == -1)
		return -1;
	if (arguments[1] != NULL)
		result = detach_some(&request, arguments, error);
	else
		result = detach_all(&request, error);
	close(request.pod.ns);
	return result;
}

static bool
is_asked(char *const *ids, const char *id)
{
	if (*ids == NULL)
		return true;
	for (; *ids != NULL; ids++)
		if (strncmp(*ids, id, strlen(*ids)) == 0)
			return true;
	return false;
}

/* NULL: not asked for, or no memory. */
static struct pods_row *
new_row(struct rows *rows, const char *id)
{
	struct pods_row *moved;

	if (!is_asked(rows->ids, id))
		return NULL;
	moved = reallocarray(rows->list, rows->n + 1, sizeof(*moved));
	if (moved == NULL) {
		rows->full = true;
		return NULL;
	}
	rows->list = moved;
	moved = &rows->list[rows->n++];
	memset(moved, 0, sizeof(*moved));
	strlcpy(moved->id, id, sizeof(moved->id));
	return moved;
}

static void
keep_pod(void *arg, const struct pod_row *from)
{
	struct pods_row *row = new_row(arg, from->id);

	if (row == NULL)
		return;
	strlcpy(row->port, from->port.name, sizeof(row->port));
	row->has_mac = from->inside.index != 0;
	memcpy(row->mac, from->inside.mac, sizeof(row->mac));
	strlcpy(row->ifname, from->inside.name, sizeof(row->ifname));
	memcpy(row->addresses, from->addresses, sizeof(row->addresses));
	row->naddresses = from->naddresses;
}

/* Those that no link was found for. */
static void
keep_allocated(void *arg, const struct ctl_address *from)
{
	struct rows *rows = arg;
	struct pods_row *row = NULL;

	for (size_t i = 0; i < rows->n; i++)
		if (strcmp(rows->list[i].id, from->id) == 0)
			row = &rows->list[i];
	if (row != NULL && row->has_mac)
		return;
	if (row == NULL && (row = new_row(rows, from->id)) == NULL)
		return;
	if (row->naddresses < POD_ADDRESSES_MAX)
		row->addresses[row->naddresses++] =
		    ipnet_from_ipv4(from->addr, from->len);
}

static int
keep_bridge(struct rows *rows, const char *bridge, char *error)
{
	struct ipnet list[POD_ADDRESSES_MAX];
	struct netlink *netlink;
	struct netlink_link link;
	struct pods_row *row;
	int n = pod_bridge_addresses(bridge, list, error);

	if (n <= 0 || (row = new_row(rows, CTL_EXPOSE_ID)) == NULL)
		return n;
	memcpy(row->addresses, list, sizeof(row->addresses));
	row->naddresses = (size_t)n;
	strlcpy(row->ifname, bridge, sizeof(row->ifname));
	netlink = netlink_open(-1);
	if (netlink != NULL && netlink_get_link(netlink, bridge, &link) == 0) {
		row->has_mac = true;
		memcpy(row->mac, link.mac, sizeof(row->mac));
	}
	netlink_close(netlink);
	return n;
}

int
pods_list(struct ctlclient *client, char *const *ids, bool json, FILE *out,
    char error[CTLCLIENT_ERROR_MAX])
{
	struct ctlip_status status;
	struct rows rows = {.ids = ids};
	int result = -1;

	if (ctlip_status(client, &status, error) == -1 ||
	    keep_bridge(&rows, status.status.bridge, error) == -1 ||
	    pod_list(keep_pod, &rows, error) == -1 ||
	    ctlip_list(client, keep_allocated, &rows, error) == -1)
		;
	else if (rows.full)
		fail(error, "no memory");
	else {
		pods_print(rows.list, rows.n, json, out);
		result = 0;
	}
	free(rows.list);
	return result;
}

static int
compare_rows(const void *left, const void *right)
{
	const struct pods_row *a = left, *b = right;
	bool exposed_a = strcmp(a->id, CTL_EXPOSE_ID) == 0;
	bool exposed_b = strcmp(b->id, CTL_EXPOSE_ID) == 0;

	if (exposed_a != exposed_b)
		return exposed_b - exposed_a;
	return strcmp(a->id, b->id);
}

static void
print_json(const struct pods_row *rows, size_t n, FILE *out)
{
	json_t *list = json_array(), *item, *addresses;
	char text[IPNET_STRLEN], mac[18];

	for (size_t i = 0; i < n; i++) {
		const struct pods_row *row = &rows[i];

		addresses = json_array();
		for (size_t j = 0; j < row->naddresses; j++)
			json_array_append_new(addresses,
			    json_string(
				ipnet_format(&row->addresses[j], text)));
		snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x",
		    row->mac[0], row->mac[1], row->mac[2], row->mac[3],
		    row->mac[4], row->mac[5]);
		item = json_pack("{s:s, s:s, s:s, s:s, s:o}", "ID", row->id,
		    "MAC", row->has_mac ? mac : "", "Interface", row->ifname,
		    "Port", row->port, "Addresses", addresses);
		json_array_append_new(list, item);
	}
	json_dumpf(list, out, JSON_INDENT(4));
	fputc('\n', out);
	json_decref(list);
}

/* Weave's way: ID MAC ADDRESS... */
static void
print_text(const struct pods_row *row, FILE *out)
{
	char clean[TEXT_CLEAN_MAX], text[IPNET_STRLEN];
	size_t len = strlen(row->id);
	bool container = len == CONTAINER_LEN &&
	    strspn(row->id, "0123456789abcdef") == CONTAINER_LEN;

	text_clean(row->id, clean);
	fprintf(out, "%.*s ", container ? CONTAINER_SHOWN : (int)sizeof(clean),
	    clean);
	if (row->has_mac)
		fprintf(out, "%02x:%02x:%02x:%02x:%02x:%02x", row->mac[0],
		    row->mac[1], row->mac[2], row->mac[3], row->mac[4],
		    row->mac[5]);
	else
		fputc('-', out);
	for (size_t i = 0; i < row->naddresses; i++)
		fprintf(out, " %s", ipnet_format(&row->addresses[i], text));
	fputc('\n', out);
}

void
pods_print(struct pods_row *rows, size_t n, bool json, FILE *out)
{
	if (n > 1)
		qsort(rows, n, sizeof(*rows), compare_rows);
	if (json)
		print_json(rows, n, out);
	for (size_t i = 0; i < n && !json; i++)
		print_text(&rows[i], out);
}
