/*
 * What can be had by HTTP: each path with what it asks of the engine and how
 * that is written. Pure.
 */
#ifndef HTTP_VIEWS_H
#define HTTP_VIEWS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/report.h"

struct view {
	const char *path;
	uint32_t parts; /* of CTL_SHOW */
	uint32_t fresh; /* ms: an answer so old may be given again */
	bool metrics; /* at the metrics endpoint too, not only at status */
	const char *content_type;
	/* Writes a sorted report, with its status; returns the HTTP status. */
	int (*print)(const struct report *report, FILE *out);
};

#define VIEWS 10
extern const struct view views[VIEWS];

/* The view of a path, slash first, NULL: none there. */
const struct view *view_find(const char *path, bool metrics);

/*
 * Ready: the data path is there, and a peer is established or none is
 * configured. False: why is one line.
 */
#define READY_WHY_MAX 512
bool view_ready(const struct report *report, char why[READY_WHY_MAX]);

#endif
