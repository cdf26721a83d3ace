/* The commands of weavectl: one table of words. */
#ifndef WEAVECTL_PARSE_H
#define WEAVECTL_PARSE_H

#include <stddef.h>
#include <stdint.h>

#include "common/output.h"

#define PARSE_ERROR_MAX 256

/* What weavectl does itself, in the place of enum ctl_type. */
enum {
	COMMAND_ATTACH = 1000,
	COMMAND_DETACH,
	COMMAND_PS,
	COMMAND_CLAIM,
	COMMAND_NETCHECK /* without the daemon */
};

struct command {
	const char *words; /* "status connections" */
	/* "PEER...", "LEVEL", "ID [SUBNET]", NULL: none */
	const char *argument;
	uint32_t request; /* enum ctl_type, or one of the above */
	uint32_t parts; /* of CTL_SHOW */
	enum output_view view; /* how rows are printed */
};

/*
 * Finds the command that args (ended by NULL) begin with; words may be
 * shortened while they are unambiguous. *rest: its arguments, counted right.
 * NULL: no such command, and error says why.
 */
const struct command *parse_command(
    char *const *args, char *const **rest, char error[PARSE_ERROR_MAX]);
/* The commands in order; NULL after the last. */
const struct command *parse_table(size_t i);

#endif
