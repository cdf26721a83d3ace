#include <sys/socket.h>

#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netlink/attr.h>
#include <netlink/msg.h>
#include <netlink/netlink.h>
#include <netlink/socket.h>
#include <nftables/libnftables.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/netcfg/nft.h"

#define FDS_MAX 64 /* of the process when it starts */

static struct {
	struct nft_ctx *ctx;
	struct nl_sock *monitor;
	bool usable;
	uint32_t port; /* of the context's socket: who our changes are by */
} it;

static bool in_kernel(void);
static uint32_t find_port(void);
static bool run(const char *, char *);
static bool is_others(const struct nlmsghdr *, const char *);

/* The library would end the process. */
static bool
in_kernel(void)
{
	int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd != -1)
		close(fd);
	return fd != -1;
}

/*
 * The library does not say which socket is its own: the only one so far. It
 * has a name from its first message on.
 */
static uint32_t
find_port(void)
{
	for (int fd = 0; fd < FDS_MAX; fd++) {
		struct sockaddr_nl address = {0};
		socklen_t len = sizeof(address);
		int protocol;
		socklen_t size = sizeof(protocol);

		if (getsockname(fd, (struct sockaddr *)&address, &len) == 0 &&
		    address.nl_family == AF_NETLINK &&
		    getsockopt(fd, SOL_SOCKET, SO_PROTOCOL, &protocol, &size) ==
			0 &&
		    protocol == NETLINK_NETFILTER)
			return address.nl_pid;
	}
	return 0;
}

bool
nft_open(void)
{
	if (!in_kernel())
		return false;
	it.ctx = nft_ctx_new(NFT_CTX_DEFAULT);
	if (it.ctx == NULL || nft_ctx_buffer_output(it.ctx) != 0 ||
	    nft_ctx_buffer_error(it.ctx) != 0)
		return false;
	if (nft_run_cmd_from_buffer(it.ctx, "list tables") != 0 ||
	    (it.port = find_port()) == 0)
		return false;
	if ((it.monitor = nl_socket_alloc()) == NULL ||
	    nl_connect(it.monitor, NETLINK_NETFILTER) != 0 ||
	    nl_socket_add_membership(it.monitor, NFNLGRP_NFTABLES) != 0 ||
	    nl_socket_set_nonblocking(it.monitor) != 0)
		return false;
	it.usable = true;
	return true;
}

int
nft_fd(void)
{
	return nl_socket_get_fd(it.monitor);
}

/* All messages about tables and what is in them begin with the table's name. */
static bool
is_others(const struct nlmsghdr *hdr, const char *table)
{
	const struct nlattr *name;

	if (NFNL_SUBSYS_ID(hdr->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    NFNL_MSG_TYPE(hdr->nlmsg_type) == NFT_MSG_NEWGEN ||
	    hdr->nlmsg_pid == it.port)
		return false;
	name = nlmsg_find_attr((struct nlmsghdr *)(uintptr_t)hdr,
	    sizeof(struct nfgenmsg), NFTA_TABLE_NAME);
	return name != NULL && nla_strcmp(name, table) == 0;
}

bool
nft_disturbed(const char *table)
{
	static uint8_t buf[65536] __attribute__((aligned(8)));
	bool disturbed = false;
	ssize_t n;

	for (;;) {
		struct nlmsghdr *hdr = (struct nlmsghdr *)(void *)buf;
		int left;

		n = recv(nft_fd(), buf, sizeof(buf), MSG_DONTWAIT);
		if (n == -1 && errno != ENOBUFS)
			return disturbed;
		/* Some are lost: they may have been about us. */
		if (n == -1)
			disturbed = true;
		for (left = (int)n; n > 0 && nlmsg_ok(hdr, left);
		     hdr = nlmsg_next(hdr, &left))
			disturbed = disturbed || is_others(hdr, table);
	}
}

/* Of what the library says, the first line names the cause. */
static bool
run(const char *text, char *error)
{
	const char *said;

	if (!it.usable) {
		strlcpy(error, "nftables: not in this kernel", CTL_CAUSE_MAX);
		return false;
	}
	if (nft_run_cmd_from_buffer(it.ctx, text) == 0)
		return true;
	said = nft_ctx_get_error_buffer(it.ctx);
	if (said == NULL || said[0] == '\0')
		said = "refused";
	snprintf(error, CTL_CAUSE_MAX, "nftables: %.*s",
	    (int)strcspn(said, "\n"), said);
	return false;
}

bool
nft_apply(const struct rules *rules, char error[CTL_CAUSE_MAX])
{
	char *text = rules_format(rules);
	bool done;

	if (text == NULL) {
		strlcpy(error, "nftables: no memory", CTL_CAUSE_MAX);
		return false;
	}
	done = run(text, error);
	free(text);
	return done;
}

bool
nft_find_drop(char name[CTL_CAUSE_MAX])
{
	char error[CTL_CAUSE_MAX];
	const char *listing;

	if (!run("list chains", error))
		return false;
	listing = nft_ctx_get_output_buffer(it.ctx);
	return listing != NULL && rules_find_drop(listing, name);
}

bool
nft_remove(const char *bridge, char error[CTL_CAUSE_MAX])
{
	char table[RULES_TABLE_MAX], text[3 * RULES_TABLE_MAX];

	rules_table(bridge, table);
	snprintf(text, sizeof(text),
	    "add table inet %s\ndelete table inet %s\n", table, table);
	return run(text, error);
}
