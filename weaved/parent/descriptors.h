/*
 * Every socket and device of the suite: the parent makes them, sets them up
 * and hands them on, because what takes a path, an ioctl or a setsockopt the
 * children may not do.
 */
#ifndef PARENT_DESCRIPTORS_H
#define PARENT_DESCRIPTORS_H

#include <stdint.h>

#include "weaved/parent/conf.h"

struct descriptors {
	int tcp; /* listening */
	int df; /* UDP, DO, receives all */
	int nodf; /* UDP, DONT, sends only */
	int tap;
	int control; /* listening UNIX socket */
	uint32_t offloads; /* OFFLOAD_*: wanted, and offered by this kernel */
	char tap_name[16];
};

/* Each returns 0, or -1 and one line in error. */
int descriptors_open_sockets(struct descriptors *fds, const struct conf *conf,
    char error[CONF_ERROR_MAX]);
/* The device alone: netcfg sets it up. */
int descriptors_open_tap(struct descriptors *fds, const struct conf *conf,
    char error[CONF_ERROR_MAX]);
/* The same if somebody deleted the device. */
int descriptors_renew_tap(struct descriptors *fds, const struct conf *conf,
    char error[CONF_ERROR_MAX]);
/* gid: group that may connect. A socket that nobody listens on is replaced. */
int descriptors_open_control(struct descriptors *fds, const struct conf *conf,
    uint32_t gid, char error[CONF_ERROR_MAX]);
/*
 * A listening TCP socket for http; key: of the configuration, for the error.
 * The descriptor, or -1.
 */
int descriptors_open_http(
    struct endpoint endpoint, const char *key, char error[CONF_ERROR_MAX]);
/* EMPTY_ROOT and what lies above it. */
int descriptors_make_root(char error[CONF_ERROR_MAX]);

/* MAC of an existing bridge, or PEERNAME_UNKNOWN. */
uint64_t descriptors_bridge_name(const char *bridge);

/* A connected TCP descriptor as the engine wants it. */
void descriptors_setup_stream(int fd);

#endif
