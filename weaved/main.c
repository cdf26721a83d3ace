#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/child.h"
#include "weaved/control/control.h"
#include "weaved/engine/engine.h"
#include "weaved/http/http.h"
#include "weaved/kube/kube.h"
#include "weaved/netcfg/netcfg.h"
#include "weaved/parent/parent.h"
#include "weaved/resolver/resolver.h"

#define OPTIONS_MAX 256 /* of -o */

static void usage(FILE *);
static int become_child(const char *);
static const char *absolute(const char *);

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void
usage(FILE *out)
{
	fprintf(out,
	    "usage: weaved [-dhnVv] [-f file] [-o key=value]... "
	    "[peer ...]\n"
	    "  -d            stay in the foreground, log to standard error\n"
	    "  -f file       configuration instead of %s\n"
	    "  -n            check the configuration; with -v print it\n"
	    "  -o key=value  set a key of weaved.conf(5)\n"
	    "  -V            print the version\n"
	    "  -v            log debug messages\n",
	    CONF_PATH);
}

/* The re-executed program; see weaved(8), PROCESSES. */
static int
become_child(const char *name)
{
	if (strcmp(name, proc_name(PROC_ENGINE)) == 0)
		engine_main();
	else if (strcmp(name, proc_name(PROC_CONTROL)) == 0)
		control_main();
	else if (strcmp(name, proc_name(PROC_RESOLVER)) == 0)
		resolver_main();
	else if (strcmp(name, proc_name(PROC_NETCFG)) == 0)
		netcfg_main();
	else if (strcmp(name, proc_name(PROC_HTTP)) == 0)
		http_main();
	else if (strcmp(name, proc_name(PROC_KUBE)) == 0)
		kube_main();
	fprintf(stderr, "weaved: no process %s\n", name);
	return 2;
}

/* What is not there stays as it is, for the error to name it so. */
static const char *
absolute(const char *file)
{
	const char *path = realpath(file, NULL);

	return path != NULL ? path : file;
}

int
main(int argc, char *argv[])
{
	const char *keys[OPTIONS_MAX];
	struct parent_options options = {.source.options = keys};
	bool check = false, verbose = false;
	int c;

	while ((c = getopt_long(
		    argc, argv, "+df:hno:P:Vv", long_options, NULL)) != -1) {
		switch (c) {
		case 'd':
			options.foreground = true;
			break;
		case 'f':
			options.source.file = optarg;
			break;
		case 'h':
			usage(stdout);
			return 0;
		case 'n':
			check = true;
			break;
		case 'o':
			if (options.source.noptions == OPTIONS_MAX - 1) {
				fprintf(stderr, "weaved: too many -o\n");
				return 2;
			}
			keys[options.source.noptions++] = optarg;
			break;
		case 'P':
			return become_child(optarg);
		case 'V':
			printf("weaved %s\n", WEAVED_VERSION);
			return 0;
		case 'v':
			verbose = true;
			break;
		default:
			usage(stderr);
			return 2;
		}
	}
	if (verbose && !check)
		keys[options.source.noptions++] = "log=debug";
	/* Reload reads it again after we went to the root directory. */
	if (options.source.file != NULL)
		options.source.file = absolute(options.source.file);
	options.source.peers = (const char **)(uintptr_t)(argv + optind);
	options.source.npeers = (size_t)(argc - optind);
	options.source.environment = environ;
	if (check)
		return parent_check(&options, verbose);
	return parent_main(&options);
}
