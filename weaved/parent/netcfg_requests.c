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
#include "weaved/local.h"
#include "weaved/parent/parent_internal.h"

#define ASKED_MAX 8 /* requests under way */

/* What netcfg was asked for, in this order, by a client of control. */
struct asked {
	uint32_t id;
	uint32_t type; /* IMSG_EXPOSE, IMSG_HIDE or IMSG_ERASE */
	struct ctl_expose address;
};

static struct {
	struct ctl_expose exposed[CTL_EXPOSE_MAX];
	size_t n;
	bool adopt; /* this host never exposed anything */
	bool warned; /* that accept_ra can not be written */
	struct asked asked[ASKED_MAX];
	size_t nasked;
	struct imsg_local owned; /* by the engine, the last that it said */
} it;

static void ask(const struct imsg *, uint32_t);
static void erase(uint32_t);
static void keep(const struct asked *);
static bool save(void);
static void send_local(void);
static void forget(uint32_t);
static void warn_of_forwarding(void);

void
parent_load_exposed(void)
{
	it.adopt = state_load_exposed(parent.state, it.exposed, &it.n) == -1;
}

static bool
save(void)
{
	if (state_save_exposed(parent.state, it.exposed, it.n) == 0)
		return true;
	log_warn_errno("cannot keep the addresses of the host");
	return false;
}

static void
ask(const struct imsg *imsg, uint32_t type)
{
	struct spawn *netcfg = parent.procs[PROC_NETCFG];
	struct asked *asked = &it.asked[it.nasked];

	if (!parent.host_ready || spawn_pipe(netcfg) == NULL ||
	    it.nasked == ASKED_MAX) {
		parent_answer_id(
		    imsg->hdr.id, "netcfg is busy or starting, try again");
		return;
	}
	asked->id = imsg->hdr.id;
	asked->type = imsg->hdr.type;
	if (imsg->len > 0)
		memcpy(&asked->address, imsg->data, sizeof(asked->address));
	it.nasked++;
	spawn_send(netcfg, type, asked->id, -1, imsg->data, imsg->len);
}

void
parent_handle_expose(void *arg, struct imsg *imsg)
{
	struct ctl_expose address;

	memcpy(&address, imsg->data, sizeof(address));
	if (ctl_expose_ok(&address))
		ask(imsg, IMSG_NETCFG_EXPOSE);
	else
		spawn_distrust(arg);
}

void
parent_handle_hide(void *arg, struct imsg *imsg)
{
	(void)arg;
	ask(imsg, IMSG_NETCFG_HIDE);
}

void
parent_handle_erase(void *arg, struct imsg *imsg)
{
	(void)arg;
	ask(imsg, IMSG_NETCFG_ERASE);
}

/* The TAP goes with the last of those that hold it. */
static void
erase(uint32_t id)
{
	struct pipe *control = spawn_pipe(parent.procs[PROC_CONTROL]);

	log_info("reset: bridge, rules and state are removed");
	state_erase(parent.state, parent.conf->state_directory);
	parent_answer_id(id, "");
	if (control != NULL)
		pipe_flush(control);
	parent_stop();
}

/* Address 0: all of them. */
static void
forget(uint32_t addr)
{
	for (size_t i = it.n; i-- > 0;)
		if (addr == 0 || it.exposed[i].addr == addr)
			it.exposed[i] = it.exposed[--it.n];
}

static void
keep(const struct asked *asked)
{
	forget(asked->address.addr);
	if (asked->type == IMSG_EXPOSE && it.n < CTL_EXPOSE_MAX)
		it.exposed[it.n++] = asked->address;
}

/* Nothing is changed here: it is the whole host that begins to forward. */
static void
warn_of_forwarding(void)
{
	static const char path[] = "/proc/sys/net/ipv4/ip_forward";
	char value = '1';
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd == -1)
		return;
	if (read(fd, &value, 1) == 1 && value == '0')
		log_warn("%s is 0: the host is exposed, but pods do not get "
			 "out by it",
		    path);
	close(fd);
}

void
parent_handle_netcfg_end(void *arg, struct imsg *imsg)
{
	struct asked asked;
	struct ctl_end end;

	memcpy(&end, imsg->data, sizeof(end));
	end.text[sizeof(end.text) - 1] = '\0';
	if (it.nasked == 0 || it.asked[0].id != imsg->hdr.id) {
		spawn_distrust(arg);
		return;
	}
	asked = it.asked[0];
	memmove(it.asked, it.asked + 1, --it.nasked * sizeof(it.asked[0]));
	if (end.status == 0 && asked.type == IMSG_ERASE) {
		erase(asked.id);
		return;
	}
	if (end.status == 0)
		keep(&asked);
	if (end.status == 0 && asked.type == IMSG_EXPOSE)
		warn_of_forwarding();
	if (end.status == 0 && !save())
		strlcpy(end.text, "done, but it can not be kept on disk",
		    sizeof(end.text));
	parent_answer_id(asked.id, end.text);
}

void
parent_netcfg_gone(void)
{
	for (size_t i = 0; i < it.nasked; i++)
		parent_answer_id(it.asked[i].id, "netcfg ended, try again");
	it.nasked = 0;
}

void
parent_handle_netcfg_adopted(void *arg, struct imsg *imsg)
{
	struct asked adopted = {.type = IMSG_EXPOSE};
	char text[IPV4_STRLEN];

	memcpy(&adopted.address, imsg->data, sizeof(adopted.address));
	if (!it.adopt || !ctl_expose_ok(&adopted.address)) {
		spawn_distrust(arg);
		return;
	}
	keep(&adopted);
	log_info("address %s of bridge %s is taken over as exposed",
	    ipv4_format(adopted.address.addr, text), parent.conf->bridge);
}

static void
send_local(void)
{
	struct imsg_local local = {0};

	if (parent.conf->no_masq_local) {
		local = it.owned;
		local.on = 1;
	}
	spawn_send(parent.procs[PROC_NETCFG], IMSG_NETCFG_LOCAL, 0, -1, &local,
	    sizeof(local));
}

void
parent_handle_ipam_owned(void *arg, struct imsg *imsg)
{
	struct imsg_local owned;

	memcpy(&owned, imsg->data, sizeof(owned));
	if (!local_ranges_ok(&owned)) {
		spawn_distrust(arg);
		return;
	}
	it.owned = owned;
	if (parent.conf->no_masq_local)
		send_local();
}

void
parent_send_netcfg(void)
{
	struct spawn *netcfg = parent.procs[PROC_NETCFG];
	struct imsg_netcfg_conf message = {0};

	message.name = parent.name;
	message.mtu = parent.conf->mtu;
	message.adopt = it.adopt;
	/* A route that comes later is no reason to end. */
	if (!parent.host_ready) {
		message.range_addr = parent.conf->ipalloc_range.addr;
		message.range_len = parent.conf->ipalloc_range.len;
	}
	strlcpy(message.bridge, parent.conf->bridge, sizeof(message.bridge));
	strlcpy(message.tap, parent.fds.tap_name, sizeof(message.tap));
	spawn_send(netcfg, IMSG_NETCFG_CONF, 0, -1, &message, sizeof(message));
	for (size_t i = 0; i < it.n; i++)
		spawn_send(netcfg, IMSG_NETCFG_ADDRESS, 0, -1, &it.exposed[i],
		    sizeof(it.exposed[i]));
	send_local();
	spawn_send(netcfg, IMSG_NETCFG_END, 0, -1, NULL, 0);
}

void
parent_handle_netcfg_done(void *arg, struct imsg *imsg)
{
	struct imsg_netcfg_done message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.error[sizeof(message.error) - 1] = '\0';
	if (message.error[0] == '\0') {
		if (it.adopt && save())
			it.adopt = false;
		if (it.n > 0)
			warn_of_forwarding();
		parent_host_ready();
	} else {
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
	fd = open(path, O_WRONLY | O_CLOEXEC);
	if (fd == -1 && errno == ENOENT) /* no IPv6, no danger */
		return;
	/* Said once, for it is the same for all. */
	if ((fd == -1 || write(fd, "0", 1) != 1) && !it.warned) {
		log_warn("%s: %s: a rule alone keeps router advertisements out",
		    path, strerror(errno));
		it.warned = true;
	}
	if (fd != -1)
		close(fd);
}
