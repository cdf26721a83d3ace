#include "weavectl/client.h"

static const char *add(void *, uint32_t, const void *, size_t);

static const char *
add(void *report, uint32_t type, const void *row, size_t len)
{
	return report_add(report, type, row, len);
}

int
client_ask(struct ctlclient *client, uint32_t type, const void *data,
    size_t len, struct report *report, char error[CTLCLIENT_ERROR_MAX])
{
	return ctlclient_ask(client, type, data, len,
	    report == NULL ? NULL : add, report, error);
}
