/*
 * The real router, Weave Net 2.8.1, as the daemon of a host. Its program is
 * named by the environment variable WEAVER; the project has none of it.
 */
#ifndef REGRESS_WEAVER_H
#define REGRESS_WEAVER_H

#include "regress/lib/net.h"

/* Skips the test if WEAVER is not set. */
void weaver_required(void);
/* A host with the real router on it; options are its own: "no-discovery=true". */
struct host *weaver_host(struct net *net);

/*
 * Its HTTP interface: "POST", "/ip/x". True: an answer of 2xx within 5 s; the
 * body, of whatever answer, is in buf.
 */
bool weaver_http(struct host *host, const char *method, const char *path,
    char *buf, size_t size);

/* Behind the functions of net.h. */
void weaver_arguments(struct host *host, const char **args, size_t max);
bool weaver_answers(struct host *host);
size_t weaver_connections(
    struct host *host, const char *state, const struct host *other);

#endif
