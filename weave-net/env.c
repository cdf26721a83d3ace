#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "common/ctl.h"
#include "weave-net/env.h"

#define SOCKET_MAX 108 /* bytes with NUL, of sockaddr_un */

static const char *const names[COMMANDS] = {
    [COMMAND_ADD] = "ADD",
    [COMMAND_DEL] = "DEL",
    [COMMAND_CHECK] = "CHECK",
    [COMMAND_VERSION] = "VERSION",
    [COMMAND_STATUS] = "STATUS",
    [COMMAND_GC] = "GC",
};

static int get(const char *, size_t, const char **, struct cni_error *);
static int read_command(struct cni_env *, struct cni_error *);
static int read_container(struct cni_env *, struct cni_error *);
static int valid_args(const char *);

const char *
env_command_name(enum cni_command command)
{
	return names[command];
}

int
env_valid_name(const char *name, size_t size)
{
	size_t len = strlen(name);

	return len > 0 && len <= size && strchr("_.-", name[0]) == NULL &&
	    strspn(name,
		"abcdefghijklmnopqrstuvwxyz"
		"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.-") == len;
}

int
env_valid_ifname(const char *name)
{
	size_t len = strlen(name);

	if (len == 0 || len >= IF_NAMESIZE || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return 0;
	for (; *name != '\0'; name++)
		if (*name <= ' ' || *name > '~' || *name == '/' ||
		    *name == ':' || *name == '%')
			return 0;
	return 1;
}

/* Empty is as if it were not there. */
static int
get(const char *name, size_t max, const char **value, struct cni_error *error)
{
	const char *text = getenv(name);

	*value = text == NULL || text[0] == '\0' ? NULL : text;
	if (*value == NULL || strlen(text) <= max)
		return 0;
	return cni_fail(error, CNI_ENVIRONMENT, NULL,
	    "%s is longer than %zu bytes", name, max);
}

/* "A=b;C=d" */
static int
valid_args(const char *args)
{
	size_t key, len;

	for (;; args += len + 1) {
		len = strcspn(args, ";");
		key = strcspn(args, "=");
		if (key == 0 || key >= len)
			return 0;
		if (args[len] == '\0')
			return 1;
	}
}

static int
read_command(struct cni_env *env, struct cni_error *error)
{
	const char *text;

	if (get("CNI_COMMAND", ENV_VALUE_MAX, &text, error) == -1)
		return -1;
	if (text == NULL)
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "required env variables [CNI_COMMAND] missing");
	for (int i = 0; i < COMMANDS; i++)
		if (strcmp(text, names[i]) == 0) {
			env->command = (enum cni_command)i;
			return 0;
		}
	return cni_fail(
	    error, CNI_ENVIRONMENT, NULL, "unknown CNI_COMMAND: %.32s", text);
}

static int
read_container(struct cni_env *env, struct cni_error *error)
{
	const char *missing = NULL;

	if (get("CNI_CONTAINERID", ENV_CONTAINER_MAX, &env->container, error) ==
		-1 ||
	    get("CNI_IFNAME", IF_NAMESIZE - 1, &env->ifname, error) == -1 ||
	    get("CNI_NETNS", ENV_VALUE_MAX, &env->netns, error) == -1)
		return -1;
	if (env->container == NULL)
		missing = "CNI_CONTAINERID";
	else if (env->ifname == NULL)
		missing = "CNI_IFNAME";
	else if (env->netns == NULL && env->command != COMMAND_DEL)
		missing = "CNI_NETNS";
	if (missing != NULL)
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "required env variables [%s] missing", missing);
	if (!env_valid_name(env->container, ENV_CONTAINER_MAX))
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "invalid characters in CNI_CONTAINERID");
	if (!env_valid_ifname(env->ifname))
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "CNI_IFNAME is no name of an interface");
	if (env->netns != NULL && env->netns[0] != '/')
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "CNI_NETNS is no absolute path");
	return 0;
}

int
env_read(struct cni_env *env, struct cni_error *error)
{
	const char *args;

	memset(env, 0, sizeof(*env));
	if (read_command(env, error) == -1)
		return -1;
	if (env->command == COMMAND_VERSION)
		return 0;
	if (get("CNI_PATH", ENV_VALUE_MAX, &env->path, error) == -1 ||
	    get("CNI_ARGS", ENV_VALUE_MAX, &args, error) == -1 ||
	    get("WEAVED_CONTROL", SOCKET_MAX - 1, &env->control, error) == -1)
		return -1;
	if (args != NULL && !valid_args(args))
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "CNI_ARGS is no list of KEY=VALUE;...");
	if (env->control != NULL && env->control[0] != '/')
		return cni_fail(error, CNI_ENVIRONMENT, NULL,
		    "WEAVED_CONTROL is no absolute path");
	if (env->command == COMMAND_STATUS || env->command == COMMAND_GC)
		return 0;
	return read_container(env, error);
}
