#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/local.h"
#include "weaved/netcfg/links.h"
#include "weaved/netcfg/netcfg.h"
#include "weaved/netcfg/nft.h"

/* Changes come in crowds: so long after the first of them. */
#define SETTLE_MS 50
/* Who changes our rules as often as we put them back gets this pace. */
#define DISPUTE_MS 1000

static struct {
	struct links_conf next; /* what begins */
	bool begun;
	bool done; /* there is something to look after */
	char bridge[16];
	char table[RULES_TABLE_MAX];
	struct imsg_local local;
	struct event *links;
	struct event *rules;
	struct event *repair;
	struct event *reapply;
	uint64_t reapplied; /* ms, the last time */
} it;

static void handle_conf(void *, struct imsg *);
static void handle_address(void *, struct imsg *);
static void handle_local(void *, struct imsg *);
static void handle_end(void *, struct imsg *);
static void handle_expose(void *, struct imsg *);
static void handle_hide(void *, struct imsg *);
static void handle_erase(void *, struct imsg *);
static void answer(const struct imsg *, const char *);
static bool apply_rules(char *);
static void warn_of_drop(void);
static void found(int);
static void adopted(const struct ctl_expose *);
static void links_changed(evutil_socket_t, short, void *);
static void rules_changed(evutil_socket_t, short, void *);
static void repair(evutil_socket_t, short, void *);
static void reapply(evutil_socket_t, short, void *);
static void settle(struct event *);

static const struct dispatch_entry table[] = {
    CHILD_DISPATCH,
    DISPATCH(IMSG_NETCFG_CONF, struct imsg_netcfg_conf, handle_conf),
    DISPATCH(IMSG_NETCFG_ADDRESS, struct ctl_expose, handle_address),
    DISPATCH(IMSG_NETCFG_LOCAL, struct imsg_local, handle_local),
    DISPATCH_EMPTY(IMSG_NETCFG_END, handle_end),
    DISPATCH(IMSG_NETCFG_EXPOSE, struct ctl_expose, handle_expose),
    DISPATCH(IMSG_NETCFG_HIDE, struct ctl_expose, handle_hide),
    DISPATCH_EMPTY(IMSG_NETCFG_ERASE, handle_erase),
};

static void
handle_conf(void *arg, struct imsg *imsg)
{
	struct imsg_netcfg_conf message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (memchr(message.bridge, '\0', sizeof(message.bridge)) == NULL ||
	    memchr(message.tap, '\0', sizeof(message.tap)) == NULL ||
	    !rules_name_ok(message.bridge) || message.tap[0] == '\0' ||
	    message.range_len > 32)
		fatalx("configuration refused");
	memset(&it.next, 0, sizeof(it.next));
	it.next.name = message.name;
	it.next.mtu = message.mtu;
	it.next.adopt = message.adopt;
	it.next.range.addr = message.range_addr;
	it.next.range.len = message.range_len;
	it.next.found = found;
	it.next.adopted = adopted;
	strlcpy(it.next.bridge, message.bridge, sizeof(it.next.bridge));
	strlcpy(it.next.tap, message.tap, sizeof(it.next.tap));
	it.begun = true;
}

static void
handle_address(void *arg, struct imsg *imsg)
{
	struct ctl_expose address;

	(void)arg;
	memcpy(&address, imsg->data, sizeof(address));
	if (!it.begun || !ctl_expose_ok(&address) ||
	    it.next.nexposed == CTL_EXPOSE_MAX)
		fatalx("address refused");
	it.next.exposed[it.next.nexposed++] = address;
}

static void
handle_local(void *arg, struct imsg *imsg)
{
	char error[CTL_CAUSE_MAX];

	(void)arg;
	memcpy(&it.local, imsg->data, sizeof(it.local));
	if (!local_ranges_ok(&it.local))
		fatalx("ranges refused");
	if (it.done && !it.begun && !apply_rules(error))
		log_error("%s", error);
}

/*
 * The rules are there before the bridge is up; those of addresses that it had
 * follow. Without nftables the network works but for what needs it.
 */
static void
handle_end(void *arg, struct imsg *imsg)
{
	struct imsg_netcfg_done done = {0};
	char error[CTL_CAUSE_MAX];

	(void)arg;
	(void)imsg;
	if (!it.begun)
		fatalx("no configuration");
	it.begun = false;
	strlcpy(it.bridge, it.next.bridge, sizeof(it.bridge));
	rules_table(it.bridge, it.table);
	links_configure(&it.next);
	if (!apply_rules(error))
		log_error("%s", error);
	it.done = links_setup(done.error);
	if (it.done && !apply_rules(error))
		log_error("%s", error);
	warn_of_drop();
	child_send(IMSG_NETCFG_DONE, 0, &done, sizeof(done));
}

static bool
apply_rules(char *error)
{
	struct rules rules = {0};

	strlcpy(rules.bridge, it.bridge, sizeof(rules.bridge));
	rules.exposed = links_exposed(&rules.nexposed);
	rules.local = &it.local;
	return nft_apply(&rules, error);
}

/* Of two tables the one that drops wins, so no rule of ours can help. */
static void
warn_of_drop(void)
{
	char name[CTL_CAUSE_MAX];
	size_t n;

	links_exposed(&n);
	if (n > 0 && nft_find_drop(name))
		log_warn("chain %.160s drops what is forwarded unless a rule "
			 "there accepts it: pods may not get out by %s",
		    name, it.bridge);
}

static void
answer(const struct imsg *imsg, const char *error)
{
	struct ctl_end end = {0};

	if (error[0] != '\0') {
		end.status = 1;
		strlcpy(end.text, error, sizeof(end.text));
	}
	child_send(IMSG_END, imsg->hdr.id, &end, sizeof(end));
}

/* An address whose rules are refused is not kept either. */
static void
handle_expose(void *arg, struct imsg *imsg)
{
	char error[CTL_CAUSE_MAX] = "", ignored[CTL_CAUSE_MAX];
	struct ctl_expose address;

	(void)arg;
	memcpy(&address, imsg->data, sizeof(address));
	if (!ctl_expose_ok(&address))
		fatalx("address refused");
	if (!it.done)
		strlcpy(error, "there is no bridge", sizeof(error));
	else if (links_expose(&address, error) && !apply_rules(error))
		links_hide(&address, ignored);
	else if (error[0] == '\0')
		warn_of_drop();
	answer(imsg, error);
}

static void
handle_hide(void *arg, struct imsg *imsg)
{
	struct ctl_expose address;
	char error[CTL_CAUSE_MAX] = "";

	(void)arg;
	memcpy(&address, imsg->data, sizeof(address));
	if (!it.done)
		strlcpy(error, "there is no bridge", sizeof(error));
	else if (links_hide(&address, error))
		apply_rules(error);
	answer(imsg, error);
}

/* From now on nothing is looked after. */
static void
handle_erase(void *arg, struct imsg *imsg)
{
	char error[CTL_CAUSE_MAX] = "";

	(void)arg;
	if (!it.done)
		strlcpy(error, "there is no bridge", sizeof(error));
	else if (links_erase(error))
		nft_remove(it.bridge, error);
	it.done = false;
	answer(imsg, error);
}

/* Where /proc/sys is, is the parent's. */
static void
found(int index)
{
	const struct imsg_netcfg_link message = {.index = (uint32_t)index};

	child_send(IMSG_NETCFG_NO_RA, 0, &message, sizeof(message));
}

static void
adopted(const struct ctl_expose *address)
{
	child_send(IMSG_NETCFG_ADOPTED, 0, address, sizeof(*address));
}

static void
settle(struct event *timer)
{
	uint64_t ms =
	    timer == it.reapply && proc_now() - it.reapplied < DISPUTE_MS
	    ? DISPUTE_MS
	    : SETTLE_MS;
	const struct timeval soon = {
	    (time_t)(ms / 1000), (suseconds_t)(ms % 1000 * 1000)};

	if (it.done && !evtimer_pending(timer, NULL))
		evtimer_add(timer, &soon);
}

static void
links_changed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	links_drain();
	settle(it.repair);
}

static void
rules_changed(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	if (nft_disturbed(it.table))
		settle(it.reapply);
}

static void
repair(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	links_repair();
}

static void
reapply(evutil_socket_t fd, short what, void *arg)
{
	char error[CTL_CAUSE_MAX];

	(void)fd;
	(void)what;
	(void)arg;
	if (!it.done)
		return;
	it.reapplied = proc_now();
	if (apply_rules(error))
		log_info(
		    "somebody changed table %s, it is as it was", it.table);
	else
		log_error("%s", error);
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
	it.reapply = evtimer_new(child_base(), reapply, NULL);
	if (it.links == NULL || it.repair == NULL || it.reapply == NULL ||
	    event_add(it.links, NULL) == -1)
		fatal("netcfg: cannot start");
	if (nft_open() &&
	    ((it.rules = event_new(child_base(), nft_fd(), EV_READ | EV_PERSIST,
		  rules_changed, NULL)) == NULL ||
		event_add(it.rules, NULL) == -1))
		fatal("netcfg: cannot start");
	child_run();
}
