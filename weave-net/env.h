/* What a runtime says in the environment (CNI specification, section 2). */
#ifndef WEAVE_NET_ENV_H
#define WEAVE_NET_ENV_H

#include "weave-net/error.h"

#define ENV_CONTAINER_MAX 128 /* bytes, of a container's id */
#define ENV_VALUE_MAX 4096 /* of any other variable */

enum cni_command {
	COMMAND_ADD,
	COMMAND_DEL,
	COMMAND_CHECK,
	COMMAND_VERSION,
	COMMAND_STATUS,
	COMMAND_GC,
	COMMANDS
};

struct cni_env {
	enum cni_command command;
	const char *container; /* of ADD, DEL, CHECK */
	const char *ifname; /* likewise */
	const char *netns; /* likewise; NULL for DEL: not known any more */
	const char *path; /* NULL: none */
	const char *control; /* WEAVED_CONTROL, NULL: none */
};

/* Strings stay the environment's. -1: error says which variable is wrong. */
int env_read(struct cni_env *env, struct cni_error *error);
const char *env_command_name(enum cni_command command);
/* Letters, digits, "_", "." and "-", the first no sign; at most size bytes. */
int env_valid_name(const char *name, size_t size);
/* As the kernel and the specification have it. */
int env_valid_ifname(const char *name);

#endif
