/* One call of the plugin: what it was told, and the daemon that it asks. */
#ifndef WEAVE_NET_SESSION_H
#define WEAVE_NET_SESSION_H

#include "common/ctlip.h"
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

/*
 * The owner of addresses and veth. A container's id as Weave had it, where
 * that is unmistakable: network "weave", interface "eth0", 64 hexadecimal
 * digits; else NETWORK/INTERFACE/CONTAINER. -1: too long.
 */
int session_make_id(const char *network, const char *ifname,
    const char *container, char id[CTL_IP_ID_MAX]);
/* Can the id have been made for that network? */
bool session_id_is_of(const char *id, const char *network);

/* Connects unless that is done. -1: error says why, code CNI_AGAIN. */
int session_ask_daemon(struct session *session, struct cni_error *error);
void session_close(struct session *session);

#endif
