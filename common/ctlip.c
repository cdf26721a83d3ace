#include <stdio.h>
#include <string.h>

#include "common/ctlip.h"

struct answer {
	bool has;
	struct ctl_ip_answer row;
};

struct list {
	void (*found)(void *, const struct ctl_address *);
	void *arg;
};

struct has {
	const char *id;
	uint32_t addr;
	bool found;
};

static const char *take_status(void *, uint32_t, const void *, size_t);
static const char *take_answer(void *, uint32_t, const void *, size_t);
static const char *take_address(void *, uint32_t, const void *, size_t);
static void find_address(void *, const struct ctl_address *);
static int ask(struct ctlclient *, uint32_t, const char *, uint32_t, uint8_t,
    struct ctl_ip_answer *, char *);

static const char *
take_status(void *arg, uint32_t type, const void *row, size_t len)
{
	struct ctlip_status *status = arg;

	if (type == CTL_STATUS)
		memcpy(&status->status, row, len);
	else if (type == CTL_IPAM) {
		status->has_ipam = true;
		memcpy(&status->ipam, row, len);
	}
	return NULL;
}

int
ctlip_status(struct ctlclient *client, struct ctlip_status *status,
    char error[CTLCLIENT_ERROR_MAX])
{
	const struct ctl_show show = {.parts = CTL_SHOW_STATUS};

	memset(status, 0, sizeof(*status));
	if (ctlclient_ask(client, CTL_SHOW, &show, sizeof(show), take_status,
		status, error) == -1)
		return -1;
	if (status->status.bridge[0] != '\0' && status->status.mtu != 0)
		return 0;
	strlcpy(error, "weaved is starting, try again", CTLCLIENT_ERROR_MAX);
	return -1;
}

static const char *
take_answer(void *arg, uint32_t type, const void *row, size_t len)
{
	struct answer *answer = arg;

	if (type != CTL_IP_ANSWER)
		return "weaved answered what was not asked";
	answer->has = true;
	memcpy(&answer->row, row, len);
	return NULL;
}

static int
ask(struct ctlclient *client, uint32_t type, const char *id, uint32_t addr,
    uint8_t len, struct ctl_ip_answer *row, char *error)
{
	struct ctl_ip ip = {.addr = addr, .len = len, .wait = CTLIP_WAIT_MS};
	struct answer answer = {0};

	if (strlcpy(ip.id, id, sizeof(ip.id)) >= sizeof(ip.id)) {
		snprintf(error, CTLCLIENT_ERROR_MAX, "the id is too long");
		return -1;
	}
	/* Longer than the daemon waits, so that its reason comes through. */
	ctlclient_set_timeout(client, CTLIP_WAIT_MS + CTLCLIENT_TIMEOUT_MS);
	if (ctlclient_ask(client, type, &ip, sizeof(ip), take_answer, &answer,
		error) == -1)
		return -1;
	if (!answer.has) {
		snprintf(error, CTLCLIENT_ERROR_MAX, "weaved gave no answer");
		return -1;
	}
	*row = answer.row;
	return 0;
}

int
ctlip_allocate(struct ctlclient *client, const char *id, struct subnet subnet,
    struct ipnet *address, char error[CTLCLIENT_ERROR_MAX])
{
	struct ctl_ip_answer row;

	if (ask(client, CTL_IP_ALLOCATE, id, subnet.addr, subnet.len, &row,
		error) == -1)
		return -1;
	if (row.addr == 0 || row.len == 0 || row.len > 32) {
		snprintf(
		    error, CTLCLIENT_ERROR_MAX, "weaved's answer is malformed");
		return -1;
	}
	*address = ipnet_from_ipv4(row.addr, row.len);
	return 0;
}

int
ctlip_claim(struct ctlclient *client, const char *id,
    const struct ipnet *address, char error[CTLCLIENT_ERROR_MAX])
{
	struct ctl_ip_answer row;

	return ask(client, CTL_IP_CLAIM, id, ipnet_ipv4(address), address->len,
	    &row, error);
}

static void
find_address(void *arg, const struct ctl_address *row)
{
	struct has *has = arg;

	if (strcmp(row->id, has->id) == 0 &&
	    (has->addr == 0 || row->addr == has->addr))
		has->found = true;
}

/* What was not there to be released is not there now. */
int
ctlip_release(struct ctlclient *client, const char *id, uint32_t addr,
    char error[CTLCLIENT_ERROR_MAX])
{
	struct has has = {.id = id, .addr = addr};
	char ignored[CTLCLIENT_ERROR_MAX];
	struct ctl_ip_answer row;

	if (ask(client, CTL_IP_RELEASE, id, addr, 0, &row, error) == 0 ||
	    (ctlip_list(client, find_address, &has, ignored) == 0 &&
		!has.found))
		return 0;
	return -1;
}

static const char *
take_address(void *arg, uint32_t type, const void *row, size_t len)
{
	const struct list *list = arg;
	struct ctl_address address;

	if (type != CTL_ADDRESS)
		return "weaved answered what was not asked";
	memcpy(&address, row, len);
	list->found(list->arg, &address);
	return NULL;
}

int
ctlip_list(struct ctlclient *client,
    void (*found)(void *, const struct ctl_address *), void *arg,
    char error[CTLCLIENT_ERROR_MAX])
{
	const struct ctl_show show = {.parts = CTL_SHOW_ADDRESSES};
	struct list list = {found, arg};

	return ctlclient_ask(
	    client, CTL_SHOW, &show, sizeof(show), take_address, &list, error);
}
