/* The connection to weaved: one request at a time, with a time limit. */
#ifndef WEAVECTL_CLIENT_H
#define WEAVECTL_CLIENT_H

#include "weavectl/report.h"

#define CLIENT_TIMEOUT_MS 10000 /* for one request */
#define CLIENT_ERROR_MAX 1024

struct client_link;

/* Connects and says hello. NULL: error is one line that says why. */
struct client_link *client_open(
    const char *path, int timeout_ms, char error[CLIENT_ERROR_MAX]);
/* Of the requests that follow. */
void client_set_timeout(struct client_link *link, int timeout_ms);
/*
 * Sends a request (any of enum ctl_type but CTL_HELLO) and waits for its end; rows go
 * to report, which may be NULL if none are to come. -1: error says why.
 */
int client_ask(struct client_link *link, uint32_t type, const void *data,
    size_t len, struct report *report, char error[CLIENT_ERROR_MAX]);
void client_close(struct client_link *link);

#endif
