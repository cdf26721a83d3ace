/*
 * A new password for a mesh of three of ours and a real router: between stage
 * and finish the router is started again with the new one.
 */
#include <stdio.h>
#include <string.h>

#include "regress/lib/net.h"
#include "regress/lib/traffic.h"
#include "regress/lib/weaver.h"

#define OURS 3
#define NEW "canary-70aa: what the router is told"

static char out[16384];

static void
require(struct host *host, const char *arguments)
{
	char command[400];

	snprintf(command, sizeof(command), "rotate-key %s", arguments);
	ATF_REQUIRE_EQ_MSG(0, host_ctl(host, out, sizeof(out), command),
	    "%s: %s", arguments, out);
}

static uint64_t
terminations(struct host *host)
{
	json_t *report = host_show(host, "report");
	uint64_t value;

	value = (uint64_t)json_integer_value(json_object_get(
	    json_object_get(report, "Counters"), "mesh.terminations"));
	json_decref(report);
	return value;
}

ATF_TC_WITHOUT_HEAD(router_restarts);
ATF_TC_BODY(router_restarts, tc)
{
	struct host *router, *host;
	uint64_t before[OURS];
	char arguments[300], path[256];
	struct net *net;

	weaver_required();
	net = net_new(NET_ENCRYPTED);
	router = weaver_host(net);
	for (size_t i = 0; i < OURS; i++) {
		host = net_host(net);
		host_option(host, "protocol", "mixed");
		host_peer(host, router->address);
		if (i > 0)
			host_peer(host, net->hosts[1].address);
	}
	for (size_t i = 0; i < net->nhosts; i++)
		host_start(&net->hosts[i]);
	for (size_t i = 0; i < net->nhosts; i++)
		net_pod(&net->hosts[i], 1376);
	NET_WAIT(120, net_full_mesh(net));
	NET_WAIT(60, net_pings_all(net));
	for (size_t i = 0; i < OURS; i++)
		before[i] = terminations(&net->hosts[1 + i]);
	host = &net->hosts[2];
	snprintf(path, sizeof(path), "%s/wanted", host->directory);
	net_write_file(path, NEW "\n");
	snprintf(arguments, sizeof(arguments), "stage --mesh --file %s", path);
	require(host, arguments);
	require(host, "commit --mesh");
	host_stop(router);
	strlcpy(router->password, NEW, sizeof(router->password));
	host_start(router);
	NET_WAIT(120, net_full_mesh(net));
	NET_WAIT(60, net_pings_all(net));
	require(host, "finish --mesh");
	NET_WAIT(60, net_full_mesh(net));
	NET_WAIT(60, net_pings_all(net));
	/* One each: that with the router, as it stopped. */
	for (size_t i = 0; i < OURS; i++)
		ATF_CHECK_EQ(before[i] + 1, terminations(&net->hosts[1 + i]));
	/* The old one is cut off. */
	host_stop(router);
	strlcpy(router->password, NET_PASSWORD, sizeof(router->password));
	host_start(router);
	NET_WAIT(60, host_has_cause(host, "password mismatch"));
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, router_restarts);
	return atf_no_error();
}
