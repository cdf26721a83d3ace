/* What weaved answers, as a report. */
#ifndef WEAVECTL_CLIENT_H
#define WEAVECTL_CLIENT_H

#include "common/ctlclient.h"
#include "common/report.h"

#define CLIENT_SOFTWARE "weavectl " VERSION

/*
 * ctlclient_ask() with rows that go to report, which may be NULL if none are
 * to come.
 */
int client_ask(struct ctlclient *client, uint32_t type, const void *data,
    size_t len, struct report *report, char error[CTLCLIENT_ERROR_MAX]);

#endif
