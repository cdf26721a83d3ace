#include <stdio.h>
#include <string.h>

#include "weave-net/session.h"

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
