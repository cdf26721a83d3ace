#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/parent/ipam.h"
#include "weaved/parent/kubernetes.h"

#define ACCOUNT_INTERVAL_MS 1000

static struct {
	bool member;
	uint32_t nodes;
	uint64_t opened; /* ms, the account */
} it;

static int account_open(const struct conf *, const char *);
static void server_split(const char *, struct imsg_kube_conf *);
static bool forget_ranges(
    const struct imsg_kube_member *, const struct conf *, const struct state *);

/* "host:port" or "[host]:port", as conf_text_check_server() lets through. */
static void
server_split(const char *text, struct imsg_kube_conf *message)
{
	const char *colon = strrchr(text, ':');
	bool ipv6 = text[0] == '[';

	message->port = (uint16_t)strtoul(colon + 1, NULL, 10);
	snprintf(message->host, sizeof(message->host), "%.*s",
	    (int)(colon - text) - 2 * ipv6, text + ipv6);
}

void
kubernetes_start(struct spawn *kube, const struct conf *conf, uint64_t name)
{
	struct imsg_kube_conf message = {.name = name};

	strlcpy(message.node, conf->nickname, sizeof(message.node));
	message.ipam = conf->ipalloc_range.len != 0;
	server_split(conf->kubernetes_api, &message);
	spawn_send(kube, IMSG_KUBE_CONF, 0, -1, &message, sizeof(message));
}

/* A FIFO does not stop us, nor does a device. */
static int
account_open(const struct conf *conf, const char *name)
{
	char path[1100];
	struct stat st;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", conf->kubernetes_account, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd != -1 && (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode))) {
		close(fd);
		errno = EINVAL;
		fd = -1;
	}
	if (fd == -1)
		log_warn_errno("%s", path);
	return fd;
}

void
kubernetes_handle_account(struct spawn *kube, const struct conf *conf)
{
	struct imsg_kube_no_account failed = {.error = EAGAIN};
	uint64_t now = proc_now();
	int ca = -1, token = -1;

	if (it.opened == 0 || now - it.opened >= ACCOUNT_INTERVAL_MS) {
		it.opened = now;
		if ((ca = account_open(conf, "ca.crt")) == -1 ||
		    (token = account_open(conf, "token")) == -1)
			failed.error = (uint32_t)errno;
	}
	if (token != -1) {
		spawn_send(kube, IMSG_KUBE_CA, 0, ca, NULL, 0);
		spawn_send(kube, IMSG_KUBE_TOKEN, 0, token, NULL, 0);
		return;
	}
	if (ca != -1)
		close(ca);
	spawn_send(kube, IMSG_KUBE_NO_ACCOUNT, 0, -1, &failed, sizeof(failed));
}

bool
kubernetes_awaits(const struct conf *conf)
{
	return conf->kubernetes && !it.member;
}

uint32_t
kubernetes_members(void)
{
	return it.nodes;
}

/*
 * Who is not in the list in which it was before was taken for gone, and its
 * ranges are others'. What was kept goes before the peer is in the list again;
 * of another list, made anew, nothing follows.
 */
static bool
forget_ranges(const struct imsg_kube_member *message, const struct conf *conf,
    const struct state *state)
{
	char list[KUBE_LIST_MAX + 1];

	state_load_list(state, list, sizeof(list));
	if (it.member || list[0] == '\0' || strcmp(list, message->list) != 0 ||
	    conf->ipalloc_range.len == 0)
		return false;
	log_warn("Kubernetes: this peer was taken out of the cluster's list, "
		 "its addresses belong to others: IPAM begins anew");
	ipam_discard();
	if (state_set_ipam_aside(state) == 0)
		return true;
	if (errno != ENOENT)
		log_warn_errno("cannot put what IPAM kept aside");
	return false;
}

bool
kubernetes_handle_member(struct imsg_kube_member *message,
    const struct conf *conf, const struct state *state)
{
	message->list[sizeof(message->list) - 1] = '\0';
	if (strspn(message->list, "0123456789abcdefABCDEF-") !=
	    strlen(message->list))
		message->list[0] = '\0';
	if (message->missing)
		return forget_ranges(message, conf, state);
	it.nodes = message->nodes;
	if (!it.member && state_save_list(state, message->list) == -1)
		log_warn_errno("cannot keep the list's UID");
	it.member = true;
	return false;
}
