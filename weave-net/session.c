#include <stdio.h>
#include <string.h>

#include "weave-net/session.h"

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
session_make_id(const char *network, const char *ifname, const char *container,
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
session_id_is_of(const char *id, const char *network)
{
	size_t len = strlen(network);

	if (is_container(id))
		return strcmp(network, WEAVE_NETWORK) == 0;
	return strncmp(id, network, len) == 0 && id[len] == '/';
}

int
session_ask_daemon(struct session *session, struct cni_error *error)
{
	char why[CTLCLIENT_ERROR_MAX];
	const char *path = CTL_SOCKET_PATH;

	if (session->daemon != NULL)
		return 0;
	if (session->env.control != NULL)
		path = session->env.control;
	else if (session->conf.control != NULL)
		path = session->conf.control;
	session->daemon = ctlclient_open(
	    path, "weave-net " VERSION, CTLCLIENT_TIMEOUT_MS, why);
	if (session->daemon == NULL ||
	    ctlip_status(session->daemon, &session->status, why) == -1) {
		session_close(session);
		return cni_fail(error, CNI_AGAIN, NULL, "%s", why);
	}
	if (session->conf.bridge == NULL ||
	    strcmp(session->conf.bridge, session->status.status.bridge) == 0)
		return 0;
	session_close(session);
	return cni_fail(error, CNI_CONFIG, NULL,
	    "invalid network configuration: the bridge of weaved is %s, not "
	    "%s",
	    session->status.status.bridge, session->conf.bridge);
}

void
session_close(struct session *session)
{
	ctlclient_close(session->daemon);
	session->daemon = NULL;
}
