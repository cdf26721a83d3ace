/*
 * The parent's share of Kubernetes: it opens the service account's files for
 * the process kube, which may open none of them, keeps the nodes that kube
 * found as targets, and lets IPAM begin when our peer is in the cluster's
 * list. It reads no byte of the API server.
 */
#ifndef PARENT_KUBERNETES_H
#define PARENT_KUBERNETES_H

#include "weaved/parent/conf.h"
#include "weaved/parent/state.h"
#include "weaved/spawn.h"
#include "weaved/weaved.h"

/* A new process kube. */
void kubernetes_start(
    struct spawn *kube, const struct conf *conf, uint64_t name);
/* Opens the account's files anew, at most once a second. */
void kubernetes_handle_account(struct spawn *kube, const struct conf *conf);
/*
 * IPAM gives nothing out before it is known how many peers there are, and
 * that nobody took ours for gone. True: see imsg_ipam_conf.
 */
bool kubernetes_awaits(const struct conf *conf);
/* Peers to begin with, 0: not known or not asked for. */
uint32_t kubernetes_members(void);
/*
 * Our peer is in the cluster's list or missing there. True: what IPAM kept was
 * set aside, and the engine must begin anew.
 */
bool kubernetes_handle_member(struct imsg_kube_member *message,
    const struct conf *conf, const struct state *state);

#endif
