#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/text.h"
#include "weavectl/ip.h"

static bool address_parse(const char *, uint32_t *, uint8_t *);

/* "a.b.c.d" or "a.b.c.d/len", with host bits. */
static bool
address_parse(const char *text, uint32_t *addr, uint8_t *len)
{
	char copy[SUBNET_STRLEN];
	const char *error = NULL;
	char *slash;

	if (strlcpy(copy, text, sizeof(copy)) >= sizeof(copy))
		return false;
	*len = 0;
	if ((slash = strchr(copy, '/')) != NULL) {
		*slash = '\0';
		*len = (uint8_t)strtonum(slash + 1, 1, 32, &error);
	}
	return error == NULL && ipv4_parse(copy, addr);
}

bool
ip_parse(uint32_t request, char *const *arguments, unsigned seconds,
    struct ctl_ip *ip, char error[CTLCLIENT_ERROR_MAX])
{
	const char *where = arguments[1];

	memset(ip, 0, sizeof(*ip));
	ip->wait = seconds * 1000;
	if (strlcpy(ip->id, arguments[0], sizeof(ip->id)) >= sizeof(ip->id)) {
		snprintf(error, CTLCLIENT_ERROR_MAX, "the id is too long");
		return false;
	}
	if (where == NULL)
		return true;
	if (!address_parse(where, &ip->addr, &ip->len))
		snprintf(error, CTLCLIENT_ERROR_MAX, "no such address: %.32s",
		    where);
	else if (request == CTL_IP_RELEASE && ip->addr == 0)
		snprintf(
		    error, CTLCLIENT_ERROR_MAX, "no address: %.32s", where);
	else if (request != CTL_IP_RELEASE && ip->len == 0)
		snprintf(error, CTLCLIENT_ERROR_MAX,
		    "%.32s has no length, as in 10.32.0.0/12", where);
	else if (request == CTL_IP_ALLOCATE && ip->len < 32 &&
	    (ip->addr & (UINT32_MAX >> ip->len)) != 0)
		snprintf(error, CTLCLIENT_ERROR_MAX,
		    "%.32s is no subnet: it has host bits", where);
	else
		return true;
	return false;
}

bool
ip_parse_expose(uint32_t request, char *const *arguments,
    struct ctl_expose *expose, char error[CTLCLIENT_ERROR_MAX])
{
	bool wants_len = request == CTL_EXPOSE;

	memset(expose, 0, sizeof(*expose));
	for (; *arguments != NULL; arguments++) {
		if (wants_len && strcmp(*arguments, IP_NO_MASQUERADE) == 0)
			expose->no_masquerade = 1;
		else if (expose->addr != 0 ||
		    !address_parse(*arguments, &expose->addr, &expose->len) ||
		    expose->addr == 0) {
			snprintf(error, CTLCLIENT_ERROR_MAX,
			    "no such address: %.32s", *arguments);
			return false;
		} else if (wants_len && expose->len == 0) {
			snprintf(error, CTLCLIENT_ERROR_MAX,
			    "%.32s has no length, as in 10.32.0.1/12",
			    *arguments);
			return false;
		}
	}
	return true;
}

void
ip_print(
    uint32_t request, const struct ctl_ip_answer *row, bool json, FILE *out)
{
	char addr[SUBNET_STRLEN], peer[PEERNAME_STRLEN];

	text_subnet(&(struct ctl_subnet){row->addr, row->len}, addr);
	peername_format(row->peer, peer);
	if ((request == CTL_IP_ALLOCATE || request == CTL_EXPOSE) && json)
		fprintf(out, "{\"Address\": \"%s\"}\n", addr);
	else if (request == CTL_IP_ALLOCATE || request == CTL_EXPOSE)
		fprintf(out, "%s\n", addr);
	else if (request == CTL_RMPEER && !json)
		fprintf(out, "%u IPs taken over from %s\n", row->count, peer);
	else if (request == CTL_RESET && !json && row->peer != 0)
		fprintf(out, "%u IPs given to %s\n", row->count, peer);
}
