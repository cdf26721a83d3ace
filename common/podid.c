#include <stdio.h>
#include <string.h>

#include "common/podid.h"

#define WEAVE_NETWORK "weave"
#define WEAVE_IFNAME "eth0"
#define CONTAINER_LEN 64

static bool is_container(const char *);

static bool
is_container(const char *id)
{
	return strlen(id) == CONTAINER_LEN &&
	    strspn(id, "0123456789abcdef") == CONTAINER_LEN;
}

int
podid_make(const char *network, const char *ifname, const char *container,
    char id[CTL_IP_ID_MAX])
{
	int n;

	if (strcmp(network, WEAVE_NETWORK) == 0 &&
	    strcmp(ifname, WEAVE_IFNAME) == 0 && is_container(container))
		n = snprintf(id, CTL_IP_ID_MAX, "%s", container);
	else
		n = snprintf(
		    id, CTL_IP_ID_MAX, "%s/%s/%s", network, ifname, container);
	return n < CTL_IP_ID_MAX ? 0 : -1;
}

bool
podid_is_of(const char *id, const char *network)
{
	size_t len = strlen(network);

	if (is_container(id))
		return strcmp(network, WEAVE_NETWORK) == 0;
	return strncmp(id, network, len) == 0 && id[len] == '/';
}
