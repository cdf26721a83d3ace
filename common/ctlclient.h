/* A client's connection to weaved: one request at a time, with a time limit. */
#ifndef COMMON_CTLCLIENT_H
#define COMMON_CTLCLIENT_H

#include <stddef.h>
#include <stdint.h>

#define CTLCLIENT_TIMEOUT_MS 10000 /* for one request */
#define CTLCLIENT_ERROR_MAX 1024

struct ctlclient;

/* Gets each row of an answer (enum ctl_type), checked by ctl_valid(). NULL, or
 * why it is refused, which ends the request. */
typedef const char *(*ctlclient_row)(
    void *arg, uint32_t type, const void *row, size_t len);

/*
 * Connects and says hello. software: "weavectl 0.1.0", not copied. NULL: error
 * is one line that says why.
 */
struct ctlclient *ctlclient_open(const char *path, const char *software,
    int timeout_ms, char error[CTLCLIENT_ERROR_MAX]);
/* Of the requests that follow. */
void ctlclient_set_timeout(struct ctlclient *client, int timeout_ms);
/*
 * Sends a request (any of enum ctl_type but CTL_HELLO) and waits for its end.
 * row may be NULL if no rows are to come. -1: error says why, in the daemon's
 * words if it refused.
 */
int ctlclient_ask(struct ctlclient *client, uint32_t type, const void *data,
    size_t len, ctlclient_row row, void *arg, char error[CTLCLIENT_ERROR_MAX]);
/* NULL is fine. */
void ctlclient_close(struct ctlclient *client);

#endif
