/* The commands of the CNI specification. */
#ifndef WEAVE_NET_COMMAND_H
#define WEAVE_NET_COMMAND_H

#include "weave-net/session.h"

enum program {
	PROGRAM_NET, /* weave-net: interface and addresses */
	PROGRAM_IPAM /* weave-ipam: addresses alone */
};

/*
 * Does what session->env says. *output: what is to be printed, a new
 * reference, or NULL. -1: error says why.
 */
int command_run(enum program program, struct session *session, json_t **output,
    struct cni_error *error);
/* What VERSION answers; asked: the version of its input, NULL: none. */
json_t *command_version(const char *asked);

#endif
