/*
 * Daemons that are nodes of a cluster, whose API server is a stand-in on a
 * host of its own.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/kubeapi.h"
#include "regress/lib/net.h"
#include "regress/lib/process.h"

#define RANGE "10.32.0.0/24"

static struct kubeapi *cluster(struct net **, size_t);
static void cluster_start(struct net *);
static void set_nodes(struct kubeapi *, struct net *);
static bool has_target(struct host *, const char *);
static size_t count_targets(struct host *);
static size_t count_log(struct host *, const char *);
static unsigned allocate(struct host *, const char *);
static long owned(struct host *, const struct host *);
static void no_hand(void *);

static char output[65536];

/* Host 1 has the API server, the others are nodes with IPAM. */
static struct kubeapi *
cluster(struct net **net, size_t nodes)
{
	struct kubeapi *api;
	struct host *host;

	*net = net_new(NET_ENCRYPTED);
	api = kubeapi_new(net_host(*net));
	for (size_t i = 0; i < nodes; i++) {
		host = net_host(*net);
		kubeapi_option(api, host);
		host_option(host, "ipalloc-range", RANGE);
	}
	return api;
}

static void
cluster_start(struct net *net)
{
	for (size_t i = 1; i < net->nhosts; i++)
		host_start(&net->hosts[i]);
}

static void
set_nodes(struct kubeapi *api, struct net *net)
{
	char name[16];

	for (size_t i = 1; i < net->nhosts; i++) {
		snprintf(name, sizeof(name), "host%d", net->hosts[i].number);
		kubeapi_node(api, name, net->hosts[i].address);
	}
}

static bool
has_target(struct host *host, const char *address)
{
	char line[32];

	snprintf(line, sizeof(line), "%s\n", address);
	return host_ctl(host, output, sizeof(output), "status targets") == 0 &&
	    strstr(output, line) != NULL;
}

static size_t
count_targets(struct host *host)
{
	size_t n = 0;

	if (host_ctl(host, output, sizeof(output), "status targets") != 0)
		return SIZE_MAX;
	for (const char *c = output; *c != '\0'; c++)
		n += *c == '\n';
	return n;
}

static size_t
count_log(struct host *host, const char *text)
{
	size_t n = 0;
	FILE *f = fopen(host->log, "re");

	ATF_REQUIRE(f != NULL);
	while (fgets(output, sizeof(output), f) != NULL)
		n += strstr(output, text) != NULL;
	fclose(f);
	return n;
}

/* The last byte of the address, 0: none. */
static unsigned
allocate(struct host *host, const char *id)
{
	char line[128];
	unsigned last = 0;

	snprintf(line, sizeof(line), "ip allocate %s", id);
	if (host_ctl(host, output, sizeof(output), line) != 0)
		return 0;
	return sscanf(output, "10.32.0.%u/24", &last) == 1 ? last : 0;
}

/* Addresses that host says other owns; -1: it does not know it. */
static long
owned(struct host *host, const struct host *other)
{
	json_t *report = host_show(host, "status ipam"), *row;
	const char *name;
	long n = -1;
	size_t i;

	json_array_foreach(json_object_get(report, "Peers"), i, row) {
		name = json_string_value(json_object_get(row, "Name"));
		if (name != NULL && strcmp(name, other->name) == 0)
			n = (long)json_integer_value(
			    json_object_get(row, "IPs"));
	}
	json_decref(report);
	return n;
}

ATF_TC_WITHOUT_HEAD(nodes_become_targets);
ATF_TC_BODY(nodes_become_targets, tc)
{
	struct kubeapi *api;
	struct net *net;

	api = cluster(&net, 3);
	set_nodes(api, net);
	cluster_start(net);
	for (size_t i = 1; i < 4; i++)
		for (size_t j = 1; j < 4; j++)
			NET_WAIT(60,
			    i == j ||
				host_connected(&net->hosts[i], &net->hosts[j]));
	ATF_CHECK(!has_target(&net->hosts[1], net->hosts[1].address));
	ATF_CHECK_EQ(2, count_targets(&net->hosts[1]));

	kubeapi_node(api, "other", "10.77.0.99");
	NET_WAIT(30, has_target(&net->hosts[1], "10.77.0.99"));
	kubeapi_node(api, "other", "10.77.0.98");
	NET_WAIT(30, has_target(&net->hosts[1], "10.77.0.98"));
	ATF_CHECK(!has_target(&net->hosts[1], "10.77.0.99"));
	kubeapi_node(api, "other", NULL);
	NET_WAIT(30, !has_target(&net->hosts[1], "10.77.0.98"));

	/* What no node can have is nobody's target. */
	kubeapi_node(api, "evil1", "127.0.0.1");
	kubeapi_node(api, "evil2", "224.0.0.1");
	kubeapi_node(api, "evil3", "0.0.0.0");
	kubeapi_node(api, "last", "10.77.0.97");
	NET_WAIT(30, has_target(&net->hosts[1], "10.77.0.97"));
	/* evil nodes have an external address, which is taken instead */
	ATF_CHECK_EQ(4, count_targets(&net->hosts[1]));
	ATF_CHECK(has_target(&net->hosts[1], "198.51.100.1"));
	net_check(net);
}

/* What the operator named stays when the node goes. */
ATF_TC_WITHOUT_HEAD(operators_targets_stay);
ATF_TC_BODY(operators_targets_stay, tc)
{
	struct kubeapi *api;
	struct host *host;
	struct net *net;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	kubeapi_node(api, "a", "10.77.0.90");
	kubeapi_node(api, "b", "10.77.0.91");
	host_peer(host, "10.77.0.90");
	host_start(host);
	NET_WAIT(30, has_target(host, "10.77.0.91"));
	kubeapi_node(api, "a", NULL);
	kubeapi_node(api, "b", NULL);
	NET_WAIT(30, !has_target(host, "10.77.0.91"));
	ATF_CHECK(has_target(host, "10.77.0.90"));
}

/* A node that goes while nobody looks is noticed by who comes after. */
ATF_TC_WITHOUT_HEAD(children_come_back);
ATF_TC_BODY(children_come_back, tc)
{
	static const char *const names[] = {"kube", "control", "engine"};
	struct kubeapi *api;
	struct host *host;
	struct net *net;
	char address[16];
	pid_t pid;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	kubeapi_node(api, "a", "10.77.0.80");
	host_start(host);
	NET_WAIT(30, has_target(host, "10.77.0.80"));
	for (unsigned i = 0; i < 3; i++) {
		ATF_REQUIRE((pid = host_process(host, names[i])) > 0);
		kubeapi_pause(api);
		ATF_REQUIRE(kill(pid, SIGKILL) == 0);
		snprintf(address, sizeof(address), "10.77.0.%u", 81 + i);
		kubeapi_node(api, "a", address);
		NET_WAIT(20, host_process(host, names[i]) != pid);
		kubeapi_resume(api);
		NET_WAIT(90, has_target(host, address));
		NET_WAIT(30, count_targets(host) == 1);
	}
}

ATF_TC_WITHOUT_HEAD(many_pages);
ATF_TC_BODY(many_pages, tc)
{
	struct kubeapi *api;
	struct net *net;
	char name[16], address[16];

	api = cluster(&net, 1);
	set_nodes(api, net);
	for (unsigned i = 0; i < 180; i++) {
		snprintf(name, sizeof(name), "n%u", i);
		snprintf(address, sizeof(address), "10.78.0.%u", i + 1);
		kubeapi_node(api, name, address);
	}
	cluster_start(net);
	NET_WAIT(60, count_targets(&net->hosts[1]) == 180);
	ATF_CHECK(kubeapi_get(api, KUBEAPI_LISTS) >= 4);
}

/*
 * Whatever the server sends, the process lives, and when the server is well
 * again the nodes are right again.
 */
ATF_TC_WITHOUT_HEAD(server_misbehaves);
ATF_TC_BODY(server_misbehaves, tc)
{
	static const struct {
		enum kubeapi_fault fault;
		const char *said;
	} faults[] = {
	    {KUBEAPI_GONE, "the server answered 410: too old"},
	    {KUBEAPI_GONE_EVENT, "the server's history is too short"},
	    {KUBEAPI_GARBAGE, "nodes: the server sent no"},
	    {KUBEAPI_DEEP, "is larger than 4 MiB"},
	    {KUBEAPI_HUGE, "is larger than 4 MiB"},
	    {KUBEAPI_HANG_UP, "nodes: transfer closed"},
	    {KUBEAPI_ERROR, "the server answered 500: etcd is on fire"},
	};
	struct kubeapi *api;
	struct host *host;
	struct net *net;
	char address[16];
	pid_t pid;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	kubeapi_node(api, "a", "10.77.0.80");
	host_start(host);
	NET_WAIT(30, has_target(host, "10.77.0.80"));
	ATF_REQUIRE((pid = host_process(host, "kube")) > 0);
	for (unsigned i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		kubeapi_set_fault(api, faults[i].fault);
		NET_WAIT(90, host_log_has(host, faults[i].said));
		snprintf(address, sizeof(address), "10.77.0.%u", 100 + i);
		kubeapi_node(api, "a", address);
		kubeapi_set_fault(api, KUBEAPI_FINE);
		NET_WAIT(150, has_target(host, address));
		ATF_CHECK_EQ(1, count_targets(host));
	}
	ATF_CHECK_EQ(pid, host_process(host, "kube"));
	ATF_CHECK(process_rss(pid) < 200 * 1024);
}

/* An answer that does not come to an end is given up. */
ATF_TC_WITHOUT_HEAD(slow_server);
ATF_TC_BODY(slow_server, tc)
{
	struct kubeapi *api;
	struct host *host;
	struct net *net;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	kubeapi_node(api, "a", "10.77.0.80");
	kubeapi_set_fault(api, KUBEAPI_SLOW);
	host_start(host);
	NET_WAIT(90, host_log_has(host, "timed out"));
	kubeapi_set_fault(api, KUBEAPI_FINE);
	NET_WAIT(90, has_target(host, "10.77.0.80"));
}

ATF_TC_WITHOUT_HEAD(token_rotates);
ATF_TC_BODY(token_rotates, tc)
{
	struct kubeapi *api;
	struct host *host;
	struct net *net;
	unsigned denied;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	kubeapi_node(api, "a", "10.77.0.80");
	host_start(host);
	NET_WAIT(30, has_target(host, "10.77.0.80"));
	/* The old one is no good any more before the new one is there. */
	denied = kubeapi_get(api, KUBEAPI_DENIED);
	kubeapi_set_token(api, "second-token", false);
	NET_WAIT(60, kubeapi_get(api, KUBEAPI_DENIED) > denied);
	kubeapi_node(api, "a", "10.77.0.81");
	kubeapi_set_token(api, "third-token", true);
	NET_WAIT(90, has_target(host, "10.77.0.81"));
	ATF_CHECK(!host_log_has(host, "first-token"));
	ATF_CHECK(!host_log_has(host, "third-token"));
	ATF_CHECK(process_memory_has(
		      host_process(host, "kube"), "third-token", 11) > 0);
	ATF_CHECK_EQ(0,
	    process_memory_has(
		host_process(host, "engine"), "third-token", 11));
}

/* The token goes to nobody whose certificate the account's CA did not sign. */
ATF_TC_WITHOUT_HEAD(wrong_ca_is_refused);
ATF_TC_BODY(wrong_ca_is_refused, tc)
{
	struct kubeapi *api;
	struct host *host;
	struct net *net;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	kubeapi_spoil_ca(api);
	host_start(host);
	NET_WAIT(30, host_log_has(host, "SSL certificate problem"));
	ATF_CHECK_EQ(0, kubeapi_get(api, KUBEAPI_CONNECTIONS));
}

ATF_TC_WITHOUT_HEAD(wrong_name_is_refused);
ATF_TC_BODY(wrong_name_is_refused, tc)
{
	struct kubeapi *api;
	struct host *host;
	struct net *net;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	net_run(net->hosts[0].ns, "ip address add 10.77.0.200/16 dev u0");
	kubeapi_listen(api, "10.77.0.200");
	host_option(host, "kubernetes-api", "10.77.0.200:%d", KUBEAPI_PORT);
	host_start(host);
	NET_WAIT(30, host_log_has(host, "no alternative certificate subject"));
	ATF_CHECK_EQ(0, kubeapi_get(api, KUBEAPI_CONNECTIONS));
}

ATF_TC_WITHOUT_HEAD(condition_is_set);
ATF_TC_BODY(condition_is_set, tc)
{
	struct kubeapi *api;
	struct net *net;

	api = cluster(&net, 1);
	set_nodes(api, net);
	kubeapi_node(api, "other", "10.77.0.80");
	cluster_start(net);
	NET_WAIT(60, kubeapi_available(api, "host2"));
	ATF_CHECK(!kubeapi_available(api, "other"));
	ATF_CHECK_EQ(1, kubeapi_get(api, KUBEAPI_PATCHES));
	/* Somebody else says no: it is said again. */
	kubeapi_node(api, "host2", NULL);
	kubeapi_set_unavailable(api, "host2");
	NET_WAIT(60, kubeapi_available(api, "host2"));
}

/* Before the list of nodes is there nobody knows how many are to agree. */
ATF_TC_WITHOUT_HEAD(election_waits);
ATF_TC_BODY(election_waits, tc)
{
	struct kubeapi *api;
	struct host *a, *b;
	struct net *net;

	api = cluster(&net, 2);
	a = &net->hosts[1];
	b = &net->hosts[2];
	set_nodes(api, net);
	kubeapi_pause(api);
	cluster_start(net);
	ATF_CHECK_EQ(
	    1, host_ctl(a, output, sizeof(output), "-w 1 ip allocate x"));
	ATF_CHECK_MSG(strstr(output, "list of peers is not known yet") != NULL,
	    "%s", output);
	kubeapi_resume(api);
	NET_WAIT(90, allocate(a, "x") != 0);
	NET_WAIT(90, allocate(b, "y") != 0);
	ATF_CHECK(allocate(a, "x") != allocate(b, "y"));
	ATF_CHECK(host_log_has(a, "quorum 2") || host_log_has(b, "quorum 2"));
	ATF_CHECK(!host_log_has(a, "quorum 1") && !host_log_has(b, "quorum 1"));
}

/* A node that is gone: its addresses are taken once, by one of the others. */
ATF_TC_WITHOUT_HEAD(reclaimed_once);
ATF_TC_BODY(reclaimed_once, tc)
{
	struct host *a, *b, *c;
	struct kubeapi *api;
	struct net *net;
	size_t takers;

	api = cluster(&net, 3);
	a = &net->hosts[1];
	b = &net->hosts[2];
	c = &net->hosts[3];
	set_nodes(api, net);
	cluster_start(net);
	NET_WAIT(90, allocate(a, "x") != 0);
	NET_WAIT(90, allocate(b, "y") != 0);
	NET_WAIT(90, allocate(c, "z") != 0);
	NET_WAIT(60, kubeapi_has_peer(api, a->name, "host2"));
	NET_WAIT(60, kubeapi_has_peer(api, b->name, "host3"));
	NET_WAIT(60, kubeapi_has_peer(api, c->name, "host4"));
	NET_WAIT(60, owned(a, c) > 0);

	/* The node is gone, the peer lives: nothing happens to it. */
	kubeapi_node(api, "host4", NULL);
	NET_WAIT(60, !has_target(a, c->address) && !has_target(b, c->address));
	ATF_CHECK(owned(a, c) > 0);
	host_kill(c, SIGKILL);
	NET_WAIT(200, !kubeapi_has_peer(api, c->name, NULL));
	NET_WAIT(60, owned(a, c) <= 0 && owned(b, c) <= 0);
	takers = count_log(a, "taking its addresses") +
	    count_log(b, "taking its addresses");
	ATF_CHECK_EQ(1, takers);
	ATF_CHECK_EQ(256, owned(a, a) + owned(a, b));
	ATF_CHECK(kubeapi_has_peer(api, a->name, NULL));
	ATF_CHECK(kubeapi_has_peer(api, b->name, NULL));
}

/* Who was taken out of the list gives out nothing that it had before. */
ATF_TC_WITHOUT_HEAD(taken_out_begins_anew);
ATF_TC_BODY(taken_out_begins_anew, tc)
{
	struct host *a, *b;
	struct kubeapi *api;
	struct net *net;
	unsigned had;

	api = cluster(&net, 2);
	a = &net->hosts[1];
	b = &net->hosts[2];
	set_nodes(api, net);
	cluster_start(net);
	NET_WAIT(90, allocate(a, "x") != 0);
	NET_WAIT(90, (had = allocate(b, "y")) != 0);
	NET_WAIT(60, kubeapi_has_peer(api, b->name, "host3"));
	NET_WAIT(60, owned(a, b) > 0);
	host_kill(b, SIGKILL);
	kubeapi_node(api, "host3", NULL);
	NET_WAIT(200, !kubeapi_has_peer(api, b->name, NULL));
	ATF_CHECK_EQ(256, owned(a, a));
	/* The taker gives out everything, also what b once gave out. */
	for (unsigned i = 0; i < 200; i++) {
		char id[16];

		snprintf(id, sizeof(id), "i%u", i);
		ATF_REQUIRE(allocate(a, id) != 0);
	}
	kubeapi_node(api, "host3", b->address);
	host_start(b);
	NET_WAIT(60, host_log_has(b, "IPAM begins anew"));
	NET_WAIT(60, kubeapi_has_peer(api, b->name, "host3"));
	NET_WAIT(90, allocate(b, "new") != 0);
	for (unsigned i = 0; i < 200; i++) {
		char id[16];

		snprintf(id, sizeof(id), "i%u", i);
		ATF_CHECK(allocate(a, id) != allocate(b, "new"));
	}
	(void)had;
}

/* Another router's note, as Weave Net leaves it, is respected. */
ATF_TC_WITHOUT_HEAD(others_take);
ATF_TC_BODY(others_take, tc)
{
	static const char map[] =
	    "{\"kind\":\"ConfigMap\",\"apiVersion\":\"v1\",\"metadata\":{"
	    "\"name\":\"weave-net\",\"namespace\":\"kube-system\",\"uid\":"
	    "\"11111111-2222-4333-8444-555555555555\",\"labels\":{\"k\":\"v\"},"
	    "\"annotations\":{\"kube-peers.weave.works/peers\":"
	    "\"{\\\"Peers\\\":[{\\\"PeerName\\\":\\\"8a:00:00:00:00:01\\\","
	    "\\\"NodeName\\\":\\\"gone1\\\"},"
	    "{\\\"PeerName\\\":\\\"8a:00:00:00:00:02\\\","
	    "\\\"NodeName\\\":\\\"gone2\\\"}]}\","
	    "\"kube-peers.weave.works/8a_00_00_00_00_01\":"
	    "\"8a:00:00:00:00:09\"}},\"data\":{\"x\":\"y\"}}";
	struct kubeapi *api;
	struct host *host;
	struct net *net;
	json_t *now;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	kubeapi_set_map(api, json_loads(map, 0, NULL));
	host_start(host);
	NET_WAIT(60, kubeapi_has_peer(api, host->name, "host2"));
	NET_WAIT(60, allocate(host, "x") != 0);
	/* gone2 owned nothing and leaves the list, gone1 is another's. */
	NET_WAIT(120, !kubeapi_has_peer(api, "8a:00:00:00:00:02", NULL));
	ATF_CHECK(kubeapi_has_peer(api, "8a:00:00:00:00:01", "gone1"));
	now = kubeapi_map(api);
	ATF_CHECK_STREQ("y",
	    json_string_value(
		json_object_get(json_object_get(now, "data"), "x")));
	ATF_CHECK_STREQ("v",
	    json_string_value(json_object_get(
		json_object_get(json_object_get(now, "metadata"), "labels"),
		"k")));
	json_decref(now);
}

static struct kubeapi *contested;

/* Somebody else is always a little faster, for a while. */
static void
no_hand(void *arg)
{
	unsigned *left = arg;

	if (*left == 0)
		return;
	(*left)--;
	kubeapi_set_map(contested, kubeapi_map(contested));
}

ATF_TC_WITHOUT_HEAD(conflicts_are_retried);
ATF_TC_BODY(conflicts_are_retried, tc)
{
	static unsigned left = 3;
	struct host *host;
	struct net *net;

	contested = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(contested, net);
	kubeapi_on_put(contested, no_hand, &left);
	host_start(host);
	NET_WAIT(120, kubeapi_has_peer(contested, host->name, "host2"));
	ATF_CHECK(kubeapi_get(contested, KUBEAPI_CONFLICTS) >= 3);
}

#define CONTAINER \
	"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static void
write_result(const char *directory, const char *name, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", directory, name);
	net_write_file(path, text);
}

/* Pods that Weave Net started keep their addresses. */
ATF_TC_WITHOUT_HEAD(running_pods_are_claimed);
ATF_TC_BODY(running_pods_are_claimed, tc)
{
	static const char result[] =
	    "{\"kind\":\"cniCacheV1\",\"containerId\":\"%s\","
	    "\"ifName\":\"eth0\",\"networkName\":\"weave\",\"result\":"
	    "{\"cniVersion\":\"0.3.0\",\"ips\":[{\"version\":\"4\","
	    "\"address\":\"%s\"}]}}";
	char text[1024], line[256];
	struct kubeapi *api;
	struct host *host;
	struct net *net;

	api = cluster(&net, 1);
	host = &net->hosts[1];
	set_nodes(api, net);
	host_start(host);
	snprintf(text, sizeof(text), result, CONTAINER, "10.32.0.1/24");
	write_result(host->directory, "weave-a-eth0", text);
	snprintf(text, sizeof(text), result, "other", "192.0.2.7/24");
	write_result(host->directory, "weave-b-eth0", text);
	write_result(host->directory, "garbage", "{\"kind\": [[[");
	write_result(host->directory, "empty", "");
	snprintf(line, sizeof(line), "claim %s", host->directory);
	NET_WAIT(60, host_ctl(host, output, sizeof(output), line) == 0);
	ATF_CHECK_STREQ(CONTAINER " 10.32.0.1\n", output);
	/* Again changes nothing, and it is given to nobody else. */
	ATF_CHECK_EQ(0, host_ctl(host, output, sizeof(output), line));
	ATF_CHECK(allocate(host, "x") != 1);
	ATF_CHECK_EQ(1, allocate(host, CONTAINER));
	ATF_CHECK_EQ(
	    0, host_ctl(host, output, sizeof(output), "claim /nonexistent"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, nodes_become_targets);
	ATF_TP_ADD_TC(tp, operators_targets_stay);
	ATF_TP_ADD_TC(tp, children_come_back);
	ATF_TP_ADD_TC(tp, many_pages);
	ATF_TP_ADD_TC(tp, server_misbehaves);
	ATF_TP_ADD_TC(tp, slow_server);
	ATF_TP_ADD_TC(tp, token_rotates);
	ATF_TP_ADD_TC(tp, wrong_ca_is_refused);
	ATF_TP_ADD_TC(tp, wrong_name_is_refused);
	ATF_TP_ADD_TC(tp, condition_is_set);
	ATF_TP_ADD_TC(tp, election_waits);
	ATF_TP_ADD_TC(tp, reclaimed_once);
	ATF_TP_ADD_TC(tp, taken_out_begins_anew);
	ATF_TP_ADD_TC(tp, others_take);
	ATF_TP_ADD_TC(tp, conflicts_are_retried);
	ATF_TP_ADD_TC(tp, running_pods_are_claimed);
	return atf_no_error();
}
