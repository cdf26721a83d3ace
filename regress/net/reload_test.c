/*
 * A new configuration for a running daemon: nothing happens if it is bad.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "regress/lib/pair.h"

static char reload_file[256];

static void reload_start(struct pair *);

static void
reload_start(struct pair *pair)
{
	snprintf(reload_file, sizeof(reload_file), "%s/weaved.conf",
	    pair->b->directory);
	net_write_file(reload_file, "# nothing yet\ndiscovery: yes\n");
	pair->b->file = reload_file;
	pair_start(pair, PAIR_MTU);
}

ATF_TC_WITHOUT_HEAD(bad);
ATF_TC_BODY(bad, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	char out[1024];
	pid_t engine;

	reload_start(&pair);
	engine = host_process(pair.b, "engine");
	net_write_file(reload_file, "discovery: no\nno-such-key: 1\n");
	ATF_CHECK_EQ(1, host_ctl(pair.b, out, sizeof(out), "reload"));
	ATF_CHECK_MSG(strstr(out, "weaved.conf:2: ") != NULL, "%s", out);
	net_write_file(reload_file, "discovery: no\nmtu: many\n");
	kill(pair.b->pid, SIGHUP);
	NET_WAIT(10, host_log_has(pair.b, "weaved.conf:2: "));
	NET_WAIT(10, host_log_has(pair.b, "mtu"));
	ATF_CHECK_EQ(engine, host_process(pair.b, "engine"));
	ATF_CHECK(host_connected(pair.b, pair.a));
	ATF_CHECK(pod_pings(pair.x, pair.y, 56));
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct host *c = net_host(pair.net);
	char out[1024], text[128];
	pid_t engine;

	host_option(pair.a, "discovery", "no");
	host_option(c, "discovery", "no");
	reload_start(&pair);
	host_start(c);
	engine = host_process(pair.b, "engine");
	snprintf(
	    text, sizeof(text), "discovery: no\npeers: [%s]\n", c->address);
	net_write_file(reload_file, text);
	ATF_CHECK_EQ_MSG(
	    0, host_ctl(pair.b, out, sizeof(out), "reload"), "%s", out);
	NET_WAIT(30, host_connected(pair.b, c));
	ATF_CHECK_EQ(engine, host_process(pair.b, "engine"));
	ATF_CHECK(host_connected(pair.b, pair.a));
	ATF_CHECK(host_ctl(pair.b, out, sizeof(out), "status") == 0 &&
	    strstr(out, "PeerDiscovery: disabled") != NULL);
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, bad);
	ATF_TP_ADD_TC(tp, good);
	return atf_no_error();
}
