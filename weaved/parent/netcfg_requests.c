/*
 * What the parent asks of netcfg, and netcfg of the parent.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "weaved/parent/parent_internal.h"

void
parent_send_netcfg(void)
{
	struct spawn *netcfg = parent.procs[PROC_NETCFG];
	struct imsg_netcfg_conf message = {0};

	message.name = parent.name;
	message.mtu = parent.conf->mtu;
	strlcpy(message.bridge, parent.conf->bridge, sizeof(message.bridge));
	strlcpy(message.tap, parent.fds.tap_name, sizeof(message.tap));
	spawn_send(netcfg, IMSG_NETCFG_CONF, 0, -1, &message, sizeof(message));
	spawn_send(netcfg, IMSG_NETCFG_END, 0, -1, NULL, 0);
}

void
parent_handle_netcfg_done(void *arg, struct imsg *imsg)
{
	struct imsg_netcfg_done message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.error[sizeof(message.error) - 1] = '\0';
	if (message.error[0] == '\0')
		parent_host_ready();
	else {
		log_error("%s", message.error);
		parent_host_failed();
	}
}

/* A pod's router advertisement must not move the host's routes. */
void
parent_handle_netcfg_no_ra(void *arg, struct imsg *imsg)
{
	struct imsg_netcfg_link message;
	char link[IF_NAMESIZE], path[128];
	int fd;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (if_indextoname(message.index, link) == NULL)
		return;
	snprintf(
	    path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/accept_ra", link);
	if ((fd = open(path, O_WRONLY | O_CLOEXEC)) == -1) {
		if (errno != ENOENT) /* no IPv6, no danger */
			log_warn_errno("%s", path);
		return;
	}
	if (write(fd, "0", 1) != 1)
		log_warn_errno("%s", path);
	close(fd);
}
