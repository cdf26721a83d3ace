/* Requests for a rotation of the password. */
#ifndef WEAVECTL_ROTATE_H
#define WEAVECTL_ROTATE_H

#include <stdbool.h>

#include "common/ctl.h"
#include "weavectl/parse.h"

#define ROTATE_ERROR_MAX 512
#define ROTATE_SECONDS 60 /* a slow machine stretches the password */

enum rotate_parsed {
	ROTATE_GOOD,
	ROTATE_USAGE, /* wrong arguments */
	ROTATE_FAILED /* no password could be read */
};

/*
 * What the command and its arguments ask for, the new password read from
 * where they say. Error says what is wrong. The caller wipes message.
 */
enum rotate_parsed rotate_parse(const struct command *command,
    char *const *arguments, struct ctl_rotate *message,
    char error[ROTATE_ERROR_MAX]);

#endif
