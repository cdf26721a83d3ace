/*
 * A pod behind a real router and one behind ours at full speed, both ways, for
 * SOAK_SECONDS: TCP, and UDP packets large and small. Neither end may meet a
 * packet that it can not decode.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/net.h"
#include "regress/lib/traffic.h"
#include "regress/lib/weaver.h"

#define SECONDS 10 /* for what one round of four takes */
#define TCP_BYTES 20000000

static const char *const loads[] = {"", "-R", "-u -b 400M -l 1300",
    "-u -b 400M -l 1300 -R", "-u -b 20M -l 64", "-u -b 20M -l 64 -R"};
#define LOADS (sizeof(loads) / sizeof(loads[0]))

static uint64_t load_drops(struct host *, const char *);
static void load_run(struct pod *, struct pod *, unsigned);

/* What "weavectl report" counted under one reason. */
static uint64_t
load_drops(struct host *host, const char *name)
{
	json_t *report = host_show(host, "report"), *value;
	json_int_t count;

	value = json_object_get(json_object_get(report, "Counters"), name);
	ATF_REQUIRE(json_is_integer(value));
	count = json_integer_value(value);
	json_decref(report);
	return (uint64_t)count;
}

static void
load_run(struct pod *server, struct pod *client, unsigned seconds)
{
	unsigned each = seconds / LOADS > 0 ? seconds / LOADS : 1;

	net_run(server->ns, "iperf3 -s -D -I %s/iperf3.pid",
	    server->host->directory);
	for (size_t i = 0; i < LOADS; i++) {
		printf("iperf3 %s for %u s\n", loads[i], each);
		NET_WAIT(30,
		    net_try(client->ns, "iperf3 -c %s -t %u %s >/dev/null",
			server->address, each, loads[i]) == 0);
	}
	net_run(server->ns, "kill $(tr -d '\\0' <%s/iperf3.pid)",
	    server->host->directory);
}

ATF_TC_WITHOUT_HEAD(both_ways);
ATF_TC_BODY(both_ways, tc)
{
	const char *text = getenv("SOAK_SECONDS");
	unsigned seconds = text != NULL ? (unsigned)atoi(text) : SECONDS;
	struct host *router, *ours;
	struct pod *x, *y;
	struct net *net;

	weaver_required();
	net = net_new(NET_ENCRYPTED);
	router = weaver_host(net);
	ours = net_host(net);
	host_option(ours, "protocol", "mixed");
	host_option(ours, "log", "info");
	host_peer(ours, router->address);
	host_start(router);
	host_start(ours);
	x = net_pod(router, 1376);
	y = net_pod(ours, 1376);
	NET_WAIT(60, net_full_mesh(net));
	NET_WAIT(20, net_pings_all(net));
	load_run(x, y, seconds / 2);
	load_run(y, x, seconds / 2);
	NET_WAIT(60, pod_exchanges_tcp(x, y, TCP_BYTES));
	ATF_CHECK_EQ(0, load_drops(ours, "overlay.drop.bad_packet"));
	ATF_CHECK_EQ(0, load_drops(ours, "overlay.drop.replay"));
	ATF_CHECK(!host_log_has(router, "ecrypt"));
	ATF_CHECK(!host_log_has(router, "ecoding"));
	ATF_CHECK(net_full_mesh(net));
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, both_ways);
	return atf_no_error();
}
