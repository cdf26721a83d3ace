#include <sys/stat.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/ctlip.h"
#include "common/podid.h"
#include "weavectl/claim.h"

#define FILES_MAX 10000 /* looked at */
#define FILE_MAX (1 << 20) /* bytes of one */
#define IPS_MAX 16 /* of one result */

struct claim {
	struct ctlclient *link;
	struct subnet range;
	FILE *out;
	bool failed;
	char *error;
};

static json_t *result_read(int, const char *);
static bool result_id(const json_t *, char[CTL_IP_ID_MAX]);
static bool ip_parse_result(const json_t *, struct ipnet *);
static void claim_result(struct claim *, const json_t *);

/* NULL: not one, or not a file. */
static json_t *
result_read(int directory, const char *name)
{
	int fd = openat(
	    directory, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	json_t *root = NULL;
	struct stat st;

	if (fd == -1)
		return NULL;
	if (fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
	    st.st_size <= FILE_MAX)
		root = json_loadfd(fd, 0, NULL);
	close(fd);
	return root;
}

/* As libcni keeps it since version 0.8; the id is that of weave-net(8). */
static bool
result_id(const json_t *root, char id[CTL_IP_ID_MAX])
{
	const char *kind = json_string_value(json_object_get(root, "kind"));
	const char *network =
	    json_string_value(json_object_get(root, "networkName"));
	const char *container =
	    json_string_value(json_object_get(root, "containerId"));
	const char *ifname = json_string_value(json_object_get(root, "ifName"));

	return kind != NULL && strcmp(kind, "cniCacheV1") == 0 &&
	    network != NULL && container != NULL && ifname != NULL &&
	    podid_make(network, ifname, container, id) == 0;
}

static bool
ip_parse_result(const json_t *ip, struct ipnet *address)
{
	const char *text = json_string_value(json_object_get(ip, "address"));

	return text != NULL && ipnet_parse(text, address) &&
	    ipnet_size(address) == sizeof(uint32_t);
}

static void
claim_result(struct claim *claim, const json_t *root)
{
	const json_t *ips =
	    json_object_get(json_object_get(root, "result"), "ips");
	char id[CTL_IP_ID_MAX], text[IPV4_STRLEN];
	struct ipnet address;

	if (!result_id(root, id))
		return;
	for (size_t i = 0; i < json_array_size(ips) && i < IPS_MAX; i++) {
		if (!ip_parse_result(json_array_get(ips, i), &address) ||
		    !subnet_contains(claim->range, ipnet_ipv4(&address)))
			continue;
		if (ctlip_claim(claim->link, id, &address, claim->error) == -1)
			claim->failed = true;
		else
			fprintf(claim->out, "%s %s\n", id,
			    ipv4_format(ipnet_ipv4(&address), text));
	}
}

int
claim_running(struct ctlclient *link, const char *directory, FILE *out,
    char error[CTLCLIENT_ERROR_MAX])
{
	struct claim claim = {.link = link, .out = out, .error = error};
	struct ctlip_status status;
	const struct dirent *entry;
	DIR *dir;

	if (ctlip_status(link, &status, error) == -1)
		return -1;
	if (!status.has_ipam) {
		strlcpy(error, CTLIP_OFF, CTLCLIENT_ERROR_MAX);
		return -1;
	}
	claim.range.addr = status.ipam.range_addr;
	claim.range.len = status.ipam.range_len;
	if ((dir = opendir(directory)) == NULL) {
		if (errno == ENOENT) /* no pod was ever started */
			return 0;
		snprintf(error, CTLCLIENT_ERROR_MAX, "%s: %s", directory,
		    strerror(errno));
		return -1;
	}
	for (unsigned n = 0; n < FILES_MAX && (entry = readdir(dir)) != NULL;
	     n++) {
		json_t *root = result_read(dirfd(dir), entry->d_name);

		claim_result(&claim, root);
		json_decref(root);
	}
	closedir(dir);
	return claim.failed ? -1 : 0;
}
