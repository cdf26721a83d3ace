/*
 * A real router and two of ours in mixed mode: version 2 with it, version 3
 * among us.
 */
#include <string.h>

#include "regress/lib/net.h"
#include "regress/lib/traffic.h"
#include "regress/lib/weaver.h"

static void mixed_keys(struct host *, const struct host *);
static void mixed_meets(bool);

/* The router's keys live as long as its connection. */
static void
mixed_keys(struct host *host, const struct host *router)
{
	json_t *rows = host_show(host, "status keys"), *row;
	bool found = false;
	size_t i;

	json_array_foreach(rows, i, row) {
		if (strcmp(json_string_value(json_object_get(row, "Name")),
			router->name) != 0)
			continue;
		found = true;
		ATF_CHECK(json_is_null(json_object_get(row, "NextRekey")));
		ATF_CHECK(json_is_integer(json_object_get(row, "KeyAge")));
		ATF_CHECK_STREQ("x25519",
		    json_string_value(json_object_get(row, "KeyExchange")));
	}
	ATF_CHECK(found);
	json_decref(rows);
}

/* ours_dial: the router is told of nobody, else we are not. */
static void
mixed_meets(bool ours_dial)
{
	struct net *net;
	struct host *router, *a, *b;
	size_t i;

	weaver_required();
	net = net_new(NET_ENCRYPTED);
	router = weaver_host(net);
	a = net_host(net);
	b = net_host(net);
	host_option(a, "protocol", "mixed");
	host_option(b, "protocol", "mixed");
	host_peer(b, a->address);
	if (ours_dial) {
		host_peer(a, router->address);
		host_peer(b, router->address);
	} else {
		host_peer(router, a->address);
		host_peer(router, b->address);
	}
	for (i = 0; i < net->nhosts; i++)
		host_start(&net->hosts[i]);
	for (i = 0; i < net->nhosts; i++)
		net_pod(&net->hosts[i], 1376);
	NET_WAIT(60, net_full_mesh(net));
	NET_WAIT(20, net_pings_all(net));
	/* Two connections each: 2 with the router, 3 between us. */
	NET_WAIT(10, host_sum(a, "Version") == 5);
	NET_WAIT(10, host_sum(b, "Version") == 5);
	mixed_keys(a, router);
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(we_dial);
ATF_TC_BODY(we_dial, tc)
{
	mixed_meets(true);
}

ATF_TC_WITHOUT_HEAD(router_dials);
ATF_TC_BODY(router_dials, tc)
{
	mixed_meets(false);
}

/* It says by itself why: there is no version that both speak. */
ATF_TC_WITHOUT_HEAD(hardened_refuses);
ATF_TC_BODY(hardened_refuses, tc)
{
	struct net *net;
	struct host *router, *a;

	weaver_required();
	net = net_new(NET_ENCRYPTED);
	router = weaver_host(net);
	a = net_host(net);
	host_option(a, "protocol", "hardened");
	host_peer(router, a->address);
	host_start(a);
	host_start(router);
	NET_WAIT(20, host_has_cause(a, "incompatible versions (ours 3-3"));
	NET_WAIT(20, host_log_has(router, "ncompatible"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, we_dial);
	ATF_TP_ADD_TC(tp, router_dials);
	ATF_TP_ADD_TC(tp, hardened_refuses);
	return atf_no_error();
}
