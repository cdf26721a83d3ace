/*
 * The parent process: holds the password, makes every descriptor, starts and
 * supervises the children. It parses no byte that a peer or client wrote.
 */
#ifndef PARENT_PARENT_H
#define PARENT_PARENT_H

#include <stdbool.h>

#include "weaved/parent/conf.h"

struct parent_options {
	struct conf_source source;
	bool foreground; /* -d */
};

/* Runs the daemon; returns its exit status. */
int parent_main(const struct parent_options *options);
/* -n: checks configuration and password; print: the canonical form. */
int parent_check(const struct parent_options *options, bool print);

#endif
