/* Errors in the words of the CNI specification. */
#ifndef WEAVE_NET_ERROR_H
#define WEAVE_NET_ERROR_H

#include <jansson.h>

enum cni_code {
	CNI_OK = 0,
	/* CNI specification, "Error" */
	CNI_VERSION = 1, /* incompatible CNI version */
	CNI_UNSUPPORTED = 2, /* field of the network configuration */
	CNI_NO_CONTAINER = 3, /* unknown or does not exist */
	CNI_ENVIRONMENT = 4, /* invalid necessary environment variables */
	CNI_IO = 5, /* failed to read or write */
	CNI_DECODE = 6, /* failed to decode content */
	CNI_CONFIG = 7, /* invalid network configuration */
	CNI_HOST_NS = 8, /* the namespace is the host's */
	CNI_AGAIN = 11, /* try again later */
	CNI_UNAVAILABLE = 50, /* STATUS: can not serve ADD */
	CNI_LIMITED = 51, /* and pods may have limited connectivity */
	/* Ours */
	CNI_SETUP = 100, /* the kernel refused */
	CNI_IPAM = 101, /* no address, or none released */
	CNI_CHECK = 102, /* not as it was made */
	CNI_EXISTS = 103 /* the pod has such an interface already */
};

struct cni_error {
	int code;
	char msg[768];
	char details[1024]; /* empty: none */
};

/* Returns -1. details may be NULL. */
int cni_fail(struct cni_error *error, int code, const char *details,
    const char *fmt, ...) __attribute__((format(printf, 4, 5)));
/* New reference; NULL without memory. */
json_t *cni_error_json(const struct cni_error *error, const char *version);

#endif
