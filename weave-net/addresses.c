#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weave-net/addresses.h"
#include "weave-net/delegate.h"

/* Addresses that nobody needs any more. */
struct garbage {
	const struct session *session;
	struct ctl_address *rows;
	size_t n;
	bool full;
};

struct owned {
	const char *id;
	const struct result *prev;
	bool has[POD_ADDRESSES_MAX];
};

static int require_ipam(struct session *, struct cni_error *);
static int claim(struct session *, struct result *, char *);
static int own_add(struct session *, struct result *, struct cni_error *);
static int delegated_add(
    struct session *, struct result *, json_t **, struct cni_error *);
static int delegate(struct session *, enum cni_command, struct cni_error *);
static void match_owned(void *, const struct ctl_address *);
static void collect(void *, const struct ctl_address *);

static int
require_ipam(struct session *session, struct cni_error *error)
{
	if (session_ask_daemon(session, error) == -1)
		return -1;
	if (session->status.has_ipam)
		return 0;
	return cni_fail(error, CNI_IPAM, NULL, "%s", CTLIP_OFF);
}

/* The addresses asked for, all or none. */
static int
claim(struct session *session, struct result *result, char *why)
{
	const struct netconf *conf = &session->conf;

	for (size_t i = 0; i < conf->nips; i++) {
		struct result_ip *ip = &result->ips[i];

		ip->address = conf->ips[i];
		if (ip->address.len == 0)
			ip->address.len = conf->subnet.len != 0
			    ? conf->subnet.len
			    : session->status.ipam.subnet_len;
		if (ctlip_claim(
			session->daemon, session->id, &ip->address, why) == -1)
			return -1;
		result->nips++;
	}
	return 0;
}

static int
own_add(struct session *session, struct result *result, struct cni_error *error)
{
	const struct netconf *conf = &session->conf;
	const struct subnet range = {
	    session->status.ipam.range_addr, session->status.ipam.range_len};
	char why[CTLCLIENT_ERROR_MAX], ignored[CTLCLIENT_ERROR_MAX];
	/* What waits for others may be there the next time. */
	int code = conf->nips == 0 &&
		(conf->subnet.len == 0 ||
		    (conf->subnet.len >= range.len &&
			subnet_contains(range, conf->subnet.addr)))
	    ? CNI_AGAIN
	    : CNI_IPAM;

	if ((conf->nips > 0 && claim(session, result, why) == -1) ||
	    (conf->nips == 0 &&
		ctlip_allocate(session->daemon, session->id, conf->subnet,
		    &result->ips[result->nips++].address, why) == -1)) {
		ctlip_release(session->daemon, session->id, 0, ignored);
		return cni_fail(error, code, NULL,
		    "unable to allocate IP address: %s", why);
	}
	for (size_t i = 0; i < result->nips; i++) {
		result->ips[i].interface = -1;
		if (conf->gateway.family == result->ips[i].address.family)
			result->ips[i].gateway = conf->gateway;
	}
	memcpy(result->routes, conf->routes, sizeof(result->routes));
	result->nroutes = conf->nroutes;
	return 0;
}

static int
delegated_add(struct session *session, struct result *result, json_t **held,
    struct cni_error *error)
{
	if (delegate_run(
		&session->env, &session->conf, COMMAND_ADD, held, error) == -1)
		return -1;
	if (*held != NULL && result_parse(result, *held, error) == -1)
		return -1;
	if (*held == NULL || result->nips == 0)
		return cni_fail(error, CNI_IPAM, NULL,
		    "IPAM plugin failed to allocate IP address");
	result->ninterfaces = 0;
	return 0;
}

int
addresses_add(struct session *session, struct result *result, json_t **held,
    struct cni_error *error)
{
	int status;

	*held = NULL;
	memset(result, 0, sizeof(*result));
	if (session->conf.ipam_type != NULL)
		status = delegated_add(session, result, held, error);
	else if ((status = require_ipam(session, error)) == 0)
		status = own_add(session, result, error);
	if (session->conf.dns != NULL)
		result->dns = session->conf.dns;
	return status;
}

static int
delegate(
    struct session *session, enum cni_command command, struct cni_error *error)
{
	json_t *output;

	if (delegate_run(
		&session->env, &session->conf, command, &output, error) == -1)
		return -1;
	json_decref(output);
	return 0;
}

int
addresses_del(struct session *session, struct cni_error *error)
{
	char why[CTLCLIENT_ERROR_MAX];

	if (session->conf.ipam_type != NULL)
		return delegate(session, COMMAND_DEL, error);
	if (session_ask_daemon(session, error) == -1)
		return -1;
	if (!session->status.has_ipam ||
	    ctlip_release(session->daemon, session->id, 0, why) == 0)
		return 0;
	return cni_fail(
	    error, CNI_AGAIN, NULL, "unable to release IP address: %s", why);
}

static void
match_owned(void *arg, const struct ctl_address *row)
{
	struct owned *owned = arg;

	if (strcmp(row->id, owned->id) != 0)
		return;
	for (size_t i = 0; i < owned->prev->nips; i++)
		if (owned->prev->ips[i].address.family == AF_INET &&
		    ipnet_ipv4(&owned->prev->ips[i].address) == row->addr)
			owned->has[i] = true;
}

int
addresses_check(
    struct session *session, const struct result *prev, struct cni_error *error)
{
	struct owned owned = {.id = session->id, .prev = prev};
	char why[CTLCLIENT_ERROR_MAX], text[IPNET_STRLEN];

	if (session->conf.ipam_type != NULL)
		return delegate(session, COMMAND_CHECK, error);
	if (require_ipam(session, error) == -1)
		return -1;
	if (ctlip_list(session->daemon, match_owned, &owned, why) == -1)
		return cni_fail(error, CNI_AGAIN, NULL, "%s", why);
	for (size_t i = 0; i < prev->nips; i++)
		if (!owned.has[i])
			return cni_fail(error, CNI_CHECK, NULL,
			    "the address %s is not allocated to this "
			    "container",
			    ipnet_format(&prev->ips[i].address, text));
	return 0;
}

int
addresses_status(struct session *session, struct cni_error *error)
{
	const struct ctl_ipam *ipam = &session->status.ipam;

	if (session->conf.ipam_type != NULL)
		return delegate(session, COMMAND_STATUS, error);
	if (require_ipam(session, error) == -1) {
		error->code = CNI_UNAVAILABLE;
		return -1;
	}
	switch (ipam->state) {
	case CTL_IPAM_ELECTING:
		return cni_fail(error, CNI_UNAVAILABLE, NULL,
		    "IPAM: awaiting consensus (quorum: %u, known: %u)",
		    ipam->quorum, ipam->known);
	case CTL_IPAM_PRIMING:
		return cni_fail(error, CNI_UNAVAILABLE, NULL,
		    "IPAM: this observer waits for a peer that has a ring");
	case CTL_IPAM_UNREACHABLE:
		return cni_fail(error, CNI_UNAVAILABLE, NULL,
		    "IPAM: all IP ranges owned by unreachable peers");
	case CTL_IPAM_LEFT:
		return cni_fail(error, CNI_UNAVAILABLE, NULL,
		    "IPAM: all addresses given away by reset");
	default:
		return 0;
	}
}

int
addresses_check_valid(const struct netconf *conf, struct cni_error *error)
{
	char id[CTL_IP_ID_MAX];
	json_t *item;
	size_t i;

	if (conf->valid == NULL)
		return cni_fail(error, CNI_CONFIG, NULL,
		    "required cni.dev/valid-attachments missing");
	json_array_foreach(conf->valid, i, item) {
		const char *container = NULL, *ifname = NULL;

		if (netconf_string(item, "containerID", &container, error) ==
			-1 ||
		    netconf_string(item, "ifname", &ifname, error) == -1)
			return -1;
		if (container == NULL || ifname == NULL ||
		    !env_valid_name(container, ENV_CONTAINER_MAX) ||
		    !env_valid_ifname(ifname) ||
		    podid_make(conf->name, ifname, container, id) == -1)
			return cni_fail(error, CNI_CONFIG, NULL,
			    "cni.dev/valid-attachments: item %zu is no "
			    "attachment",
			    i);
	}
	return 0;
}

bool
addresses_keep(const struct session *session, const char *id)
{
	const struct netconf *conf = &session->conf;
	char valid[CTL_IP_ID_MAX];
	json_t *item;
	size_t i;

	if (!podid_is_of(id, conf->name))
		return true;
	json_array_foreach(conf->valid, i, item) {
		podid_make(conf->name,
		    json_string_value(json_object_get(item, "ifname")),
		    json_string_value(json_object_get(item, "containerID")),
		    valid);
		if (strcmp(valid, id) == 0)
			return true;
	}
	return false;
}

static void
collect(void *arg, const struct ctl_address *row)
{
	struct garbage *garbage = arg;
	struct ctl_address *moved;

	if (addresses_keep(garbage->session, row->id))
		return;
	moved = reallocarray(garbage->rows, garbage->n + 1, sizeof(*moved));
	if (moved == NULL) {
		garbage->full = true;
		return;
	}
	garbage->rows = moved;
	garbage->rows[garbage->n++] = *row;
}

int
addresses_gc(struct session *session, struct cni_error *error)
{
	struct garbage garbage = {.session = session};
	char why[CTLCLIENT_ERROR_MAX];
	int result = 0;

	if (session->conf.ipam_type != NULL)
		return delegate(session, COMMAND_GC, error);
	if (session_ask_daemon(session, error) == -1)
		return -1;
	if (!session->status.has_ipam)
		return 0;
	if (ctlip_list(session->daemon, collect, &garbage, why) == -1)
		result = cni_fail(error, CNI_AGAIN, NULL, "%s", why);
	else if (garbage.full)
		result = cni_fail(error, CNI_IO, NULL, "no memory");
	for (size_t i = 0; i < garbage.n; i++)
		if (ctlip_release(session->daemon, garbage.rows[i].id,
			garbage.rows[i].addr, why) == -1)
			result = cni_fail(error, CNI_AGAIN, NULL,
			    "unable to release IP address: %s", why);
	free(garbage.rows);
	return result;
}
