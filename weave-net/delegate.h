/* Another IPAM plugin, run as the specification says (section 4). */
#ifndef WEAVE_NET_DELEGATE_H
#define WEAVE_NET_DELEGATE_H

#include "weave-net/env.h"
#include "weave-net/netconf.h"

#define DELEGATE_SECONDS 60 /* and it is killed */
#define DELEGATE_OUTPUT_MAX ((size_t)1 << 20)

/*
 * Runs conf->ipam_type from CNI_PATH with this command, our environment else
 * and conf as its standard input. *output is what it printed, decoded, a new
 * reference, NULL if it printed nothing. -1: error is the plugin's own, or
 * says why it could not be run.
 */
int delegate_run(const struct cni_env *env, const struct netconf *conf,
    enum cni_command command, json_t **output, struct cni_error *error);

#endif
