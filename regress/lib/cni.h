/* Calls of the CNI plugins, as a runtime on a host makes them. */
#ifndef REGRESS_CNI_H
#define REGRESS_CNI_H

#include <jansson.h>

#include "regress/lib/net.h"

#define CNI_VARIABLES_MAX 8

/* Zero means: not given. */
struct cni_call {
	struct host *host;
	const char *program; /* "weave-net" */
	const char *command;
	const char *container;
	const char *ifname;
	const char *netns;
	const char *conf; /* standard input */
	const char *more[CNI_VARIABLES_MAX]; /* "NAME=value" */
	bool bare; /* without CNI_PATH and WEAVED_CONTROL */
};

/* The configuration most tests use. */
#define CNI_CONF                                            \
	"{\"cniVersion\": \"1.0.0\", \"name\": \"weave\", " \
	"\"type\": \"weave-net\"}"

struct cni_answer {
	int status; /* of exit */
	int code; /* of an error, 0: none */
	char msg[1024]; /* of an error, or empty */
	json_t *root; /* what was printed, NULL: nothing */
};

/* The answer is valid until the next call. */
const struct cni_answer *cni_run(const struct cni_call *call);
/* In two halves; cni_wait() after a kill(2) has status -1. */
pid_t cni_start(const struct cni_call *call);
const struct cni_answer *cni_wait(pid_t pid);
/* Another's executable in CNI_PATH, "/usr/lib/cni". */
#define CNI_OTHERS "/usr/lib/cni"

/* "/proc/PID/fd/N", its own buffer for each of the last 64 namespaces. */
const char *cni_netns(int ns);
/* A namespace with eth0 made by ADD of that container; fails the test. */
struct pod *cni_pod(struct host *host, const char *container);
/* Member of an answer by "ips.0.address"; NULL: none. */
const json_t *cni_get(const json_t *root, const char *path);
const char *cni_text(const json_t *root, const char *path);

#endif
