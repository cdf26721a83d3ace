#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/netcfg/links.h"
#include "weaved/netcfg/netcfg.h"

/* Changes come in crowds: so long after the first of them. */
#define SETTLE_MS 50

static struct {
	struct links_conf conf; /* what begins, then what holds */
	bool begun;
	struct event *links;
	struct event *repair;
} it;

static void handle_conf(void *, struct imsg *);
static void handle_end(void *, struct imsg *);
static void found(int);
static void links_changed(evutil_socket_t, short, void *);
static void repair(evutil_socket_t, short, void *);

static const struct dispatch_entry table[] = {
    CHILD_DISPATCH,
    DISPATCH(IMSG_NETCFG_CONF, struct imsg_netcfg_conf, handle_conf),
    DISPATCH_EMPTY(IMSG_NETCFG_END, handle_end),
};

static void
handle_conf(void *arg, struct imsg *imsg)
{
	struct imsg_netcfg_conf message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (memchr(message.bridge, '\0', sizeof(message.bridge)) == NULL ||
	    memchr(message.tap, '\0', sizeof(message.tap)) == NULL ||
	    message.bridge[0] == '\0' || message.tap[0] == '\0')
		fatalx("configuration refused");
	memset(&it.conf, 0, sizeof(it.conf));
	it.conf.name = message.name;
	it.conf.mtu = message.mtu;
	it.conf.found = found;
	strlcpy(it.conf.bridge, message.bridge, sizeof(it.conf.bridge));
	strlcpy(it.conf.tap, message.tap, sizeof(it.conf.tap));
	it.begun = true;
}

static void
handle_end(void *arg, struct imsg *imsg)
{
	struct imsg_netcfg_done done = {0};

	(void)arg;
	(void)imsg;
	if (!it.begun)
		fatalx("no configuration");
	it.begun = false;
	links_setup(&it.conf, done.error);
	child_send(IMSG_NETCFG_DONE, 0, &done, sizeof(done));
}

/* Where /proc/sys is, is the parent's. */
static void
found(int index)
{
	const struct imsg_netcfg_link message = {.index = (uint32_t)index};

	child_send(IMSG_NETCFG_NO_RA, 0, &message, sizeof(message));
}

static void
links_changed(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval soon = {.tv_usec = SETTLE_MS * 1000};

	(void)fd;
	(void)what;
	(void)arg;
	links_drain();
	if (!evtimer_pending(it.repair, NULL))
		evtimer_add(it.repair, &soon);
}

static void
repair(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	links_repair();
}

void
netcfg_main(void)
{
	child_init(PROC_NETCFG, table, sizeof(table) / sizeof(table[0]), NULL);
	if (!links_open())
		fatal("netlink");
	it.links = event_new(child_base(), links_fd(), EV_READ | EV_PERSIST,
	    links_changed, NULL);
	it.repair = evtimer_new(child_base(), repair, NULL);
	if (it.links == NULL || it.repair == NULL ||
	    event_add(it.links, NULL) == -1)
		fatal("netcfg: cannot start");
	child_run();
}
