#include <string.h>

#include "common/expose.h"

struct known {
	bool ipam; /* is on */
	uint32_t addr; /* looked for, 0: any */
	bool ours; /* IPAM gave it to this host */
};

static int ask_known(struct ctlclient *, uint32_t, struct known *, char *);
static const char *note_row(void *, uint32_t, const void *, size_t);
static const char *take_answer(void *, uint32_t, const void *, size_t);
static void fill(struct ctl_ip *, uint32_t, uint8_t, uint32_t);

static const char *
note_row(void *arg, uint32_t type, const void *row, size_t len)
{
	struct known *known = arg;
	struct ctl_address address;

	if (type == CTL_IPAM)
		known->ipam = true;
	if (type != CTL_ADDRESS)
		return NULL;
	memcpy(&address, row, len);
	if (strcmp(address.id, CTL_EXPOSE_ID) == 0 &&
	    (known->addr == 0 || known->addr == address.addr))
		known->ours = true;
	return NULL;
}

static int
ask_known(
    struct ctlclient *client, uint32_t addr, struct known *known, char *error)
{
	const struct ctl_show show = {CTL_SHOW_IPAM | CTL_SHOW_ADDRESSES};

	memset(known, 0, sizeof(*known));
	known->addr = addr;
	return ctlclient_ask(
	    client, CTL_SHOW, &show, sizeof(show), note_row, known, error);
}

static const char *
take_answer(void *arg, uint32_t type, const void *row, size_t len)
{
	if (type == CTL_IP_ANSWER)
		memcpy(arg, row, len);
	return NULL;
}

static void
fill(struct ctl_ip *ip, uint32_t addr, uint8_t len, uint32_t wait)
{
	memset(ip, 0, sizeof(*ip));
	strlcpy(ip->id, CTL_EXPOSE_ID, sizeof(ip->id));
	ip->addr = addr;
	ip->len = len;
	ip->wait = wait;
}

int
expose_host(struct ctlclient *client, const struct ctl_expose *wanted,
    uint32_t wait, struct ctl_expose *got, char error[CTLCLIENT_ERROR_MAX])
{
	struct ctl_ip_answer answer = {
	    .addr = wanted->addr, .len = wanted->len};
	struct known known;
	struct ctl_ip ip;

	fill(&ip, wanted->addr, wanted->len, wait);
	if (wanted->addr != 0 &&
	    ask_known(client, wanted->addr, &known, error) == -1)
		return -1;
	if ((wanted->addr == 0 || known.ipam) &&
	    ctlclient_ask(client,
		wanted->addr == 0 ? CTL_IP_ALLOCATE : CTL_IP_CLAIM, &ip,
		sizeof(ip), take_answer, &answer, error) == -1)
		return -1;
	*got = *wanted;
	got->addr = answer.addr;
	got->len = answer.len;
	return ctlclient_ask(
	    client, CTL_EXPOSE, got, sizeof(*got), NULL, NULL, error);
}

/* The address is free for others only when this host has it no more. */
int
expose_hide(struct ctlclient *client, uint32_t addr, uint32_t wait,
    char error[CTLCLIENT_ERROR_MAX])
{
	const struct ctl_expose hide = {
	    .addr = addr, .len = addr != 0 ? 32 : 0};
	struct ctl_ip_answer answer;
	struct known known;
	struct ctl_ip ip;

	if (ctlclient_ask(client, CTL_HIDE, &hide, sizeof(hide), NULL, NULL,
		error) == -1 ||
	    ask_known(client, addr, &known, error) == -1)
		return -1;
	if (!known.ours)
		return 0;
	fill(&ip, addr, 0, wait);
	return ctlclient_ask(client, CTL_IP_RELEASE, &ip, sizeof(ip),
	    take_answer, &answer, error);
}
