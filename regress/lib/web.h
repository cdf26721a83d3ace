/*
 * A client of HTTP on a host.
 */
#ifndef REGRESS_WEB_H
#define REGRESS_WEB_H

#include <stdbool.h>
#include <stddef.h>

#include "regress/lib/net.h"

#define WEB_MAX (1024 * 1024) /* bytes of a reply kept */

struct web {
	int status; /* 0: no connection, or no reply */
	char *header; /* from the status line on */
	char *body;
	char buf[WEB_MAX];
};

/* A connection in the host's namespace to "127.0.0.1:6782", -1: refused. */
int web_connect(struct host *host, const char *address);
/* All of a request, and all of the reply until it is closed; a static one. */
const struct web *web_ask(
    struct host *host, const char *address, const char *request);
const struct web *web_get(
    struct host *host, const char *address, const char *path);
/* Closed or reset by the other side within so many seconds? */
bool web_closed(int fd, int seconds);
/* Value of a series, all of its name and labels as printed; -1: not there. */
double web_metric(const struct web *web, const char *series);

#endif
