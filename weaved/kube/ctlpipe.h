/*
 * The process as a client of control: one request at a time, with the rights
 * that it has there.
 */
#ifndef KUBE_CTLPIPE_H
#define KUBE_CTLPIPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ctl.h"

struct ctlpipe_ops {
	/* Control is there (again): nothing is under way. */
	void (*ready)(void *arg);
	/* It is gone; what was under way is given up. */
	void (*gone)(void *arg);
	void (*row)(void *arg, uint32_t type, const void *row);
	/* error: NULL, or why it failed. */
	void (*done)(void *arg, const char *error);
};

/* There is one. */
void ctlpipe_init(const struct ctlpipe_ops *ops, void *arg);
/* Takes over the pipe to control. */
void ctlpipe_connect(int fd);
/* Ready, and nothing under way. */
bool ctlpipe_idle(void);
/* The answer comes by row() and done(). */
void ctlpipe_ask(uint32_t type, const void *data, size_t len);

#endif
