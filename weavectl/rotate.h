/* Requests for a rotation of the password. */
#ifndef WEAVECTL_ROTATE_H
#define WEAVECTL_ROTATE_H

#include <stdbool.h>

#include "common/ctl.h"
#include "weavectl/parse.h"

#define ROTATE_ERROR_MAX 512
#define ROTATE_SECONDS 60 /* a slow machine stretches the password */
#define ROTATE_MESH_SECONDS 600 /* a minute each time that one waits */

enum rotate_parsed {
	ROTATE_GOOD,
	ROTATE_USAGE, /* wrong arguments */
	ROTATE_FAILED /* no password could be read */
};

/* A ctlclient_row: what nodes of the mesh do is told on standard error. */
const char *rotate_row(
    void *report, uint32_t type, const void *data, size_t len);

/*
 * What the command and its arguments ask for, the new password read from
 * where they say. Error says what is wrong. The caller wipes message.
 */
enum rotate_parsed rotate_parse(const struct command *command,
    char *const *arguments, struct ctl_rotate *message,
    char error[ROTATE_ERROR_MAX]);

#endif
