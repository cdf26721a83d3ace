/* One call of the plugin: what it was told, and the daemon that it asks. */
#ifndef WEAVE_NET_SESSION_H
#define WEAVE_NET_SESSION_H

#include "common/ctlip.h"
#include "common/podid.h"
#include "weave-net/env.h"
#include "weave-net/netconf.h"
#include "weave-net/result.h"

struct session {
	struct cni_env env;
	struct netconf conf;
	char id[CTL_IP_ID_MAX]; /* of the attachment; empty: STATUS and GC */
	struct ctlclient *daemon; /* NULL: not asked yet */
	struct ctlip_status status; /* once daemon is there */
};

/* Connects unless that is done. -1: error says why, code CNI_AGAIN. */
int session_ask_daemon(struct session *session, struct cni_error *error);
void session_close(struct session *session);

#endif
