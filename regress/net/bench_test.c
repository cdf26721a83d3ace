/* "weavectl bench" between running daemons, and whom it refuses. */
#include <stdio.h>
#include <string.h>

#include "regress/lib/net.h"
#include "regress/lib/traffic.h"
#include "regress/lib/weaver.h"

static struct net *bench_pair(enum net_cipher);
static void bench_refused(struct host *, int, const char *, const char *);
static void bench_measures(enum net_cipher);

static struct net *
bench_pair(enum net_cipher cipher)
{
	struct net *net = net_new(cipher);
	struct host *a = net_host(net), *b = net_host(net);

	host_peer(b, a->address);
	host_start(a);
	host_start(b);
	NET_WAIT(20, host_connected(a, b) && host_connected(b, a));
	net_pod(a, 1376);
	net_pod(b, 1376);
	NET_WAIT(20, net_pings_all(net));
	return net;
}

static void
bench_refused(
    struct host *host, int status, const char *command, const char *text)
{
	char out[1024];

	ATF_CHECK_EQ_MSG(status, host_ctl(host, out, sizeof(out), command),
	    "%s: %s", command, out);
	ATF_CHECK_MSG(strstr(out, text) != NULL, "%s: %s", command, out);
}

static void
bench_measures(enum net_cipher cipher)
{
	struct net *net = bench_pair(cipher);
	json_int_t sent = 0, received = 0, bits = 0, samples = 0;
	const char *nickname = "";
	json_t *root;

	root = host_show(&net->hosts[0], "bench host2 2 40");
	ATF_REQUIRE(root != NULL);
	ATF_REQUIRE_EQ(0,
	    json_unpack(root, "{s:s, s:I, s:I, s:I, s:{s:I}}", "NickName",
		&nickname, "Sent", &sent, "Received", &received,
		"BitsPerSecond", &bits, "LoadMicroseconds", "Samples",
		&samples));
	ATF_CHECK_STREQ("host2", nickname);
	ATF_CHECK(sent > 500);
	ATF_CHECK(received > sent / 2 && received <= sent);
	ATF_CHECK(bits > 1000000 && bits < 45000000);
	ATF_CHECK(samples > 50);
	json_decref(root);
	ATF_CHECK(net_pings_all(net));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(encrypted);
ATF_TC_BODY(encrypted, tc)
{
	bench_measures(NET_ENCRYPTED);
}

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	bench_measures(NET_PLAIN);
}

ATF_TC_WITHOUT_HEAD(refusals);
ATF_TC_BODY(refusals, tc)
{
	struct net *net = bench_pair(NET_ENCRYPTED);
	struct host *a = &net->hosts[0];

	bench_refused(a, 1, "bench nobody", "nobody is no peer of this mesh");
	bench_refused(a, 1, "bench host1", "host1 is this host itself");
	bench_refused(a, 2, "bench host2 31", "31 is too large");
	bench_refused(a, 2, "bench host2 0", "0 is too small");
	bench_refused(a, 2, "bench host2 1 1001", "1001 is too large");
	bench_refused(a, 2, "bench host2 1 1 1", "[MBITS]] only");
	bench_refused(a, 2, "bench", "is missing");
}

/* One at a time; a client that goes away ends its own. */
ATF_TC_WITHOUT_HEAD(one);
ATF_TC_BODY(one, tc)
{
	struct net *net = bench_pair(NET_ENCRYPTED);
	struct host *a = &net->hosts[0];
	char out[1024];
	FILE *first;

	/* Should it come second it comes again. */
	snprintf(out, sizeof(out),
	    "exec timeout 6 sh -c 'until %s -s %s/ctl bench host2 30; do :; "
	    "done' 2>&1",
	    net_program("weavectl"), a->directory);
	ATF_REQUIRE((first = popen(out, "re")) != NULL);
	NET_WAIT(10,
	    host_ctl(a, out, sizeof(out), "bench host2 1 1") == 1 &&
		strstr(out, "another measurement is under way") != NULL);
	ATF_CHECK(pclose(first) != 0);
	NET_WAIT(10, host_ctl(a, out, sizeof(out), "bench host2 1 1") == 0);
}

/* Relayed peers would measure somebody else's connections as well. */
ATF_TC_WITHOUT_HEAD(behind);
ATF_TC_BODY(behind, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *a = net_host(net), *b = net_host(net), *c = net_host(net);

	host_option(a, "discovery", "no");
	host_option(c, "discovery", "no");
	host_peer(a, b->address);
	host_peer(c, b->address);
	net_cut(a, c);
	host_start(b);
	host_start(a);
	host_start(c);
	NET_WAIT(20, host_connected(a, b) && host_connected(c, b));
	net_pod(a, 1376);
	net_pod(c, 1376);
	NET_WAIT(20, net_pings_all(net));
	bench_refused(a, 1, "bench host3",
	    "host3 is not connected to this host directly");
}

/* A real router would take test frames for a pod's. */
ATF_TC_WITHOUT_HEAD(real_router);
ATF_TC_BODY(real_router, tc)
{
	struct net *net;
	struct host *a, *b;

	weaver_required();
	net = net_new(NET_ENCRYPTED);
	a = net_host(net);
	b = weaver_host(net);
	host_peer(a, b->address);
	host_start(b);
	host_start(a);
	NET_WAIT(30, host_connected(a, b));
	bench_refused(
	    a, 1, "bench host2", "host2 does not run weaved and cannot answer");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, encrypted);
	ATF_TP_ADD_TC(tp, plain);
	ATF_TP_ADD_TC(tp, refusals);
	ATF_TP_ADD_TC(tp, one);
	ATF_TP_ADD_TC(tp, behind);
	ATF_TP_ADD_TC(tp, real_router);
	return atf_no_error();
}
