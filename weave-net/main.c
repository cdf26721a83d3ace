/*
 * weave-net(8): the CNI plugin, and under the name weave-ipam the IPAM plugin
 * of it. A runtime runs it as root with a command in its environment and a
 * configuration on its standard input.
 */
#include <errno.h>
#include <getopt.h>
#include <libgen.h>
#include <signal.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weave-net/command.h"

static void usage(FILE *, const char *);
static char *read_input(size_t *, struct cni_error *);
static int print(json_t *);
static int run(
    enum program, struct session *, const char **, struct cni_error *);

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void
usage(FILE *out, const char *name)
{
	fprintf(out,
	    "usage: %s [-hV]\n"
	    "A CNI plugin: a container runtime runs it with CNI_COMMAND in "
	    "its environment\nand a network configuration on its standard "
	    "input.\n",
	    name);
}

/* NULL: error says why. */
static char *
read_input(size_t *len, struct cni_error *error)
{
	char *buf = malloc(NETCONF_SIZE_MAX + 1);
	ssize_t n = 1;

	*len = 0;
	if (buf == NULL) {
		cni_fail(error, CNI_IO, NULL, "no memory");
		return NULL;
	}
	while (n > 0 && *len <= NETCONF_SIZE_MAX) {
		n = read(STDIN_FILENO, buf + *len, NETCONF_SIZE_MAX + 1 - *len);
		if (n > 0)
			*len += (size_t)n;
		else if (n == -1 && errno == EINTR)
			n = 1;
	}
	if (n == -1)
		cni_fail(error, CNI_IO, strerror(errno),
		    "cannot read the network configuration");
	else if (*len > NETCONF_SIZE_MAX)
		cni_fail(error, CNI_IO, NULL,
		    "the network configuration is longer than %zu bytes",
		    NETCONF_SIZE_MAX);
	else
		return buf;
	free(buf);
	return NULL;
}

/* Takes root over. */
static int
print(json_t *root)
{
	int result = -1;

	if (root != NULL && json_dumpf(root, stdout, JSON_INDENT(4)) == 0 &&
	    fputc('\n', stdout) != EOF && fflush(stdout) == 0)
		result = 0;
	json_decref(root);
	return result;
}

/* *shown: the version to be told with an error. */
static int
run(enum program program, struct session *session, const char **shown,
    struct cni_error *error)
{
	struct cni_error undecoded = {0};
	enum netconf_version version;
	json_t *output = NULL;
	char *input;
	size_t len;

	if ((input = read_input(&len, error)) == NULL)
		return -1;
	session->conf.root = netconf_load(input, len, &undecoded);
	free(input);
	if (netconf_find_version(session->conf.root, &version))
		*shown = netconf_version_text(version);
	if (env_read(&session->env, error) == -1)
		return -1;
	/* By hand VERSION may be asked without any input. */
	if (session->conf.root == NULL &&
	    (session->env.command != COMMAND_VERSION || len > 0)) {
		*error = undecoded;
		return -1;
	}
	if (session->env.command == COMMAND_VERSION)
		output = command_version(json_string_value(
		    json_object_get(session->conf.root, "cniVersion")));
	else if (netconf_parse(&session->conf, session->conf.root, error) ==
		-1 ||
	    command_run(program, session, &output, error) == -1)
		return -1;
	if (output == NULL || print(output) == 0)
		return 0;
	return cni_fail(error, CNI_IO, NULL, "cannot write the result");
}

int
main(int argc, char *argv[])
{
	const char *name = argc > 0 ? basename(argv[0]) : "weave-net";
	const char *shown = netconf_version_text(VERSION_1_1_0);
	struct cni_error error = {0};
	struct session session = {0};
	int c, result;

	while ((c = getopt_long(argc, argv, "hV", long_options, NULL)) != -1) {
		switch (c) {
		case 'h':
			usage(stdout, name);
			return 0;
		case 'V':
			printf("%s %s\n", name, VERSION);
			return 0;
		default:
			usage(stderr, name);
			return 2;
		}
	}
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() == -1)
		return 1;
	result =
	    run(strcmp(name, "weave-ipam") == 0 ? PROGRAM_IPAM : PROGRAM_NET,
		&session, &shown, &error);
	if (result == -1)
		print(cni_error_json(&error, shown));
	session_close(&session);
	netconf_free(&session.conf);
	return result == 0 ? 0 : 1;
}
