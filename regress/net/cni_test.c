/*
 * The CNI plugins on hosts with daemons: every command in every version, what
 * pods get, what is refused and with which code, and what is left behind.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/cni.h"
#include "regress/lib/pair.h"

#define RANGE "10.32.0.0/24"
#define ID64 "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

static const char *const versions[] = {
    "0.3.0", "0.3.1", "0.4.0", "1.0.0", "1.1.0"};

static struct host *one_host(void);
static struct cni_call call_of(struct host *, const char *, int);
static const char *conf_of(const char *, const char *);
static bool link_in(int, const char *);
static size_t ports(struct host *);
static size_t addresses(struct host *);
static void require_ok(const struct cni_call *);
static void refused(const struct cni_call *, int, const char *);

/* A host whose IPAM needs nobody else. */
static struct host *
one_host(void)
{
	struct net *net = net_new(NET_PLAIN);
	struct host *host = net_host(net);

	host_option(host, "ipalloc-range", RANGE);
	host_option(host, "ipalloc-init", "consensus=1");
	host_start(host);
	return host;
}

static struct cni_call
call_of(struct host *host, const char *command, int ns)
{
	return (struct cni_call){.host = host,
	    .command = command,
	    .container = "c1",
	    .ifname = "eth0",
	    .netns = ns == -1 ? NULL : cni_netns(ns),
	    .conf = CNI_CONF};
}

/* A configuration of this version, with these members more. */
static const char *
conf_of(const char *version, const char *more)
{
	static char conf[16384];

	snprintf(conf, sizeof(conf),
	    "{\"cniVersion\": \"%s\", \"name\": \"weave\", "
	    "\"type\": \"weave-net\"%s%s}",
	    version, more[0] == '\0' ? "" : ", ", more);
	return conf;
}

static bool
link_in(int ns, const char *name)
{
	return net_try(ns, "ip link show %s >/dev/null 2>&1", name) == 0;
}

/* Ports of the bridge that the plugin made. */
static size_t
ports(struct host *host)
{
	for (size_t n = 0;; n++)
		if (net_try(host->ns,
			"test $(ip -o link | grep -c vethwepl) = %zu", n) == 0)
			return n;
}

/* Of others than the host itself. */
static size_t
addresses(struct host *host)
{
	json_t *rows = host_show(host, "ip list"), *row;
	size_t i, n = 0;

	json_array_foreach(rows, i, row)
		n += strcmp(cni_text(row, "ID"), "weave:expose") != 0;
	json_decref(rows);
	return n;
}

static void
require_ok(const struct cni_call *call)
{
	const struct cni_answer *answer = cni_run(call);

	ATF_REQUIRE_MSG(answer->status == 0, "%s: code %d: %s", call->command,
	    answer->code, answer->msg);
}

static void
refused(const struct cni_call *call, int code, const char *text)
{
	const struct cni_answer *answer = cni_run(call);

	ATF_CHECK_EQ_MSG(1, answer->status, "%s", text);
	ATF_CHECK_EQ_MSG(code, answer->code, "%d instead of %d: %s",
	    answer->code, code, answer->msg);
	ATF_CHECK_MSG(strstr(answer->msg, text) != NULL, "%s instead of %s",
	    answer->msg, text);
	ATF_CHECK(cni_text(answer->root, "cniVersion") != NULL);
}

/* All that a result says is so, in each version's shape. */
ATF_TC_WITHOUT_HEAD(versions);
ATF_TC_BODY(versions, tc)
{
	struct host *host = one_host();
	int ns = net_namespace(host->net);
	struct cni_call call = call_of(host, "ADD", ns);
	const struct cni_answer *got;
	char conf[16384], *prev;

	for (size_t i = 0; i < sizeof(versions) / sizeof(versions[0]); i++) {
		const char *version = versions[i];

		call.command = "ADD";
		call.conf = conf_of(version, "\"dns\": {\"domain\": \"a.b\"}");
		got = cni_run(&call);
		ATF_REQUIRE_MSG(got->status == 0, "%s: %s", version, got->msg);
		ATF_CHECK_STREQ(version, cni_text(got->root, "cniVersion"));
		ATF_CHECK_STREQ(
		    "10.32.0.1/24", cni_text(got->root, "ips.0.address"));
		ATF_CHECK_EQ(strcmp(version, "1.0.0") < 0,
		    cni_text(got->root, "ips.0.version") != NULL);
		ATF_CHECK_EQ(2,
		    json_integer_value(cni_get(got->root, "ips.0.interface")));
		ATF_CHECK_STREQ(
		    "weave", cni_text(got->root, "interfaces.0.name"));
		ATF_CHECK_STREQ(
		    "eth0", cni_text(got->root, "interfaces.2.name"));
		ATF_CHECK_STREQ(
		    call.netns, cni_text(got->root, "interfaces.2.sandbox"));
		ATF_CHECK(cni_get(got->root, "interfaces.1.sandbox") == NULL);
		ATF_CHECK_EQ(strcmp(version, "1.1.0") == 0,
		    cni_get(got->root, "interfaces.2.mtu") != NULL);
		ATF_CHECK_STREQ("a.b", cni_text(got->root, "dns.domain"));
		net_run(ns,
		    "ip -o link show eth0 | grep -q 'mtu 1376 .*UP.* %s' && "
		    "ip -o addr show eth0 | grep -q 'inet 10.32.0.1/24 brd "
		    "10.32.0.255'",
		    cni_text(got->root, "interfaces.2.mac"));
		net_run(host->ns,
		    "ip -d -o link show %s | grep 'master weave .*%s' | "
		    "grep -q 'hairpin on'",
		    cni_text(got->root, "interfaces.1.name"),
		    cni_text(got->root, "interfaces.1.mac"));
		prev = json_dumps(got->root, 0);
		snprintf(conf, sizeof(conf), "\"prevResult\": %s", prev);
		free(prev);
		call.command = "CHECK";
		call.conf = conf_of(version, conf);
		if (strcmp(version, "0.4.0") < 0)
			refused(
			    &call, 1, "config version does not allow CHECK");
		else
			require_ok(&call);
		call.command = "DEL";
		require_ok(&call);
		ATF_CHECK(!link_in(ns, "eth0"));
		ATF_CHECK_EQ(0, ports(host));
		ATF_CHECK_EQ(0, addresses(host));
		require_ok(&call);
	}
}

/* Pods of the plugin on three hosts reach each other. */
ATF_TC_WITHOUT_HEAD(hosts);
ATF_TC_BODY(hosts, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	char container[16];

	for (size_t i = 0; i < 3; i++) {
		struct host *host = net_host(net);

		host_option(host, "ipalloc-range", RANGE);
		host_option(host, "ipalloc-init", "consensus=3");
		if (i > 0)
			host_peer(host, net->hosts[0].address);
		host_start(host);
	}
	NET_WAIT(30, net_full_mesh(net));
	for (size_t i = 0; i < 6; i++) {
		snprintf(container, sizeof(container), "c%zu", i);
		cni_pod(&net->hosts[i % 3], container);
	}
	NET_WAIT(30, net_pings_all(net));
	net_check(net);
}

/* The same again, and after it was broken: one link, the same address. */
ATF_TC_WITHOUT_HEAD(repeated);
ATF_TC_BODY(repeated, tc)
{
	struct host *host = one_host();
	int ns = net_namespace(host->net), other = net_namespace(host->net);
	struct cni_call add = call_of(host, "ADD", ns);
	struct cni_call del = call_of(host, "DEL", ns);
	const struct cni_answer *got;

	for (int i = 0; i < 3; i++) {
		got = cni_run(&add);
		ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
		ATF_CHECK_STREQ(
		    "10.32.0.1/24", cni_text(got->root, "ips.0.address"));
		ATF_CHECK_EQ(1, ports(host));
	}
	/* Another interface, and another network of the same container. */
	add.ifname = "eth1";
	got = cni_run(&add);
	ATF_CHECK_STREQ("10.32.0.3/24", cni_text(got->root, "ips.0.address"));
	add.ifname = "eth0";
	add.netns = cni_netns(other);
	add.conf = "{\"cniVersion\": \"1.0.0\", \"name\": \"n2\"}";
	got = cni_run(&add);
	ATF_CHECK_STREQ("10.32.0.4/24", cni_text(got->root, "ips.0.address"));
	require_ok(&del);
	ATF_CHECK(!link_in(ns, "eth0"));
	ATF_CHECK(link_in(ns, "eth1"));
	ATF_CHECK_EQ(2, addresses(host));
	/* A link of others is left alone, and nothing allocated for it. */
	net_run(ns, "ip link add eth0 type bridge");
	add = call_of(host, "ADD", ns);
	refused(&add, 103, "the pod has a link eth0 already");
	ATF_CHECK_EQ(2, addresses(host));
	require_ok(&del);
	ATF_CHECK(link_in(ns, "eth0"));
}

/* Whatever is left of an attachment, DEL removes the rest of it. */
ATF_TC_WITHOUT_HEAD(half_made);
ATF_TC_BODY(half_made, tc)
{
	struct host *host = one_host();
	int ns = net_namespace(host->net);
	struct cni_call add = call_of(host, "ADD", ns);
	struct cni_call del = call_of(host, "DEL", ns);
	char name[16], out[256];

	/* Nothing but the address. */
	require_ok(&add);
	net_run(ns, "ip link del eth0");
	require_ok(&del);
	ATF_CHECK_EQ(0, addresses(host));
	/* Nothing but the links, not yet a port, and without an alias. */
	snprintf(name, sizeof(name), "%s",
	    cni_text(cni_run(&add)->root, "interfaces.1.name"));
	ATF_CHECK_EQ(
	    0, host_ctl(host, out, sizeof(out), "ip release weave/eth0/c1"));
	net_run(host->ns, "ip link set %s nomaster alias ''", name);
	require_ok(&del);
	ATF_CHECK_EQ(0, ports(host));
	/* The namespace is gone and with it the pair: path given, or not. */
	require_ok(&add);
	net_run(ns, "ip link del eth0");
	del.netns = "/run/netns/there-is-no-such";
	require_ok(&del);
	require_ok(&add);
	del.netns = NULL;
	require_ok(&del);
	ATF_CHECK_EQ(0, ports(host));
	ATF_CHECK_EQ(0, addresses(host));
	/* Then the pair that Weave's plugin made. */
	net_run(host->ns,
	    "ip link add vethwepl1234567 type veth peer name eth0 netns %s && "
	    "ip link set vethwepl1234567 master weave up",
	    net_path(ns));
	del = call_of(host, "DEL", ns);
	require_ok(&del);
	ATF_CHECK_EQ(0, ports(host));
}

ATF_TC_WITHOUT_HEAD(keys);
ATF_TC_BODY(keys, tc)
{
	struct host *host = one_host();
	int ns = net_namespace(host->net);
	struct cni_call call = call_of(host, "ADD", ns);
	const struct cni_answer *got;
	char conf[512];

	net_run(host->ns, "ip address add 10.32.0.254/24 dev weave");
	call.conf = conf_of("1.1.0",
	    "\"bridge\": \"weave\", \"mtu\": 1300, \"hairpinMode\": false, "
	    "\"isGateway\": false, \"ipMasq\": false, \"ipam\": {"
	    "\"subnet\": \"10.32.0.64/26\", \"gateway\": \"10.32.0.126\", "
	    "\"routes\": [{\"dst\": \"0.0.0.0/0\"}, "
	    "{\"dst\": \"192.168.9.0/24\", \"gw\": \"10.32.0.125\", "
	    "\"mtu\": 1200, \"priority\": 7}]}, "
	    "\"runtimeConfig\": {\"mac\": \"0a:58:00:00:00:99\"}");
	got = cni_run(&call);
	ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
	ATF_CHECK_STREQ("10.32.0.65/26", cni_text(got->root, "ips.0.address"));
	ATF_CHECK_STREQ("10.32.0.126", cni_text(got->root, "ips.0.gateway"));
	ATF_CHECK_STREQ("10.32.0.126", cni_text(got->root, "routes.0.gw"));
	ATF_CHECK_EQ(
	    7, json_integer_value(cni_get(got->root, "routes.1.priority")));
	ATF_CHECK_STREQ(
	    "0a:58:00:00:00:99", cni_text(got->root, "interfaces.2.mac"));
	net_run(ns,
	    "ip -o link show eth0 | grep 'mtu 1300' | grep -q "
	    "0a:58:00:00:00:99 && "
	    "ip route | grep -q '^default via 10.32.0.126 dev eth0' && "
	    "ip route | grep -q '^192.168.9.0/24 via 10.32.0.125 dev eth0 "
	    "metric 7 mtu 1200'");
	net_run(host->ns,
	    "ip -d -o link | grep vethwepl | "
	    "grep -q 'hairpin off'");
	/* Addresses that are asked for, in the range and outside. */
	call.conf = conf_of("1.0.0",
	    "\"runtimeConfig\": {\"ips\": [\"10.32.0.9\", "
	    "\"192.168.1.5/24\"]}");
	got = cni_run(&call);
	ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
	ATF_CHECK_STREQ("10.32.0.9/24", cni_text(got->root, "ips.0.address"));
	ATF_CHECK_STREQ("192.168.1.5/24", cni_text(got->root, "ips.1.address"));
	call.container = "c2";
	refused(&call, 101, "the address is already owned by weave/eth0/c1");
	call.container = "c1";
	/* The bridge is the gateway if nobody says otherwise. */
	call.conf = CNI_CONF;
	got = cni_run(&call);
	ATF_CHECK_STREQ("10.32.0.254", cni_text(got->root, "routes.0.gw"));
	ATF_CHECK_STREQ("0.0.0.0/0", cni_text(got->root, "routes.0.dst"));
	net_run(ns, "ip route | grep -q '^default via 10.32.0.254'");
	/* Also out of the subnet. */
	call.conf =
	    conf_of("1.0.0", "\"ipam\": {\"subnet\": \"10.32.0.64/26\"}");
	require_ok(&call);
	net_run(ns, "ip route | grep -q '^default via 10.32.0.254'");
	/* The socket by the configuration; the environment goes before it. */
	snprintf(conf, sizeof(conf), "\"controlSocket\": \"%s/ctl\"",
	    host->directory);
	call.conf = conf_of("1.0.0", conf);
	call.bare = true;
	require_ok(&call);
	call.more[0] = "WEAVED_CONTROL=/run/nobody";
	refused(&call, 11, "weaved is not running (no socket /run/nobody)");
}

/* A bridge without an address gets one, which is the gateway. */
ATF_TC_WITHOUT_HEAD(exposed);
ATF_TC_BODY(exposed, tc)
{
	struct host *host = one_host();
	int ns = net_namespace(host->net);
	struct cni_call call = call_of(host, "ADD", ns);
	const struct cni_answer *got;
	char out[1024];

	for (int i = 0; i < 2; i++) {
		got = cni_run(&call);
		ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
		ATF_CHECK_STREQ(
		    "10.32.0.1/24", cni_text(got->root, "ips.0.address"));
		ATF_CHECK_STREQ(
		    "10.32.0.2", cni_text(got->root, "ips.0.gateway"));
	}
	net_run(
	    host->ns, "ip -o addr show weave | grep -q 'inet 10.32.0.2/24'");
	net_run(ns,
	    "ip route | grep -q '^default via 10.32.0.2' && "
	    "ping -q -c 1 -W 5 10.32.0.2 >/dev/null");
	host_ctl(host, out, sizeof(out), "ip list weave:expose");
	ATF_CHECK_MSG(strstr(out, "10.32.0.2/24") != NULL, "%s", out);
}

ATF_TC_WITHOUT_HEAD(check);
ATF_TC_BODY(check, tc)
{
	static const struct {
		bool host;
		const char *spoil;
		const char *text;
	} cases[] = {
	    {false, "ip link del eth0",
		"the host's end of the veth is missing"},
	    {false, "ip link set eth0 down", "eth0 of the pod is down"},
	    {false, "ip addr del 10.32.0.1/24 dev eth0",
		"eth0 of the pod has no address 10.32.0.1/24"},
	    {false,
		"ip addr add 10.32.0.9/24 dev eth0; "
		"ip route del default",
		"the pod has no route to 0.0.0.0/0"},
	    {false, "ip link set eth0 address 0a:00:00:00:00:01",
		"eth0 of the pod has another MAC"},
	    {true,
		"ip link set $(ip -o link | sed -n "
		"'s/.*\\(vethwepl[a-z0-9]*\\).*/\\1/p') nomaster",
		"is no port of weave"},
	    {true,
		"bridge link set dev $(ip -o link | sed -n "
		"'s/.*\\(vethwepl[a-z0-9]*\\).*/\\1/p') hairpin off",
		"is off"},
	};
	struct host *host = one_host();
	int ns = net_namespace(host->net);
	struct cni_call add = call_of(host, "ADD", ns);
	struct cni_call call = call_of(host, "CHECK", ns);
	char conf[8192], out[256], *prev;

	net_run(host->ns, "ip address add 10.32.0.254/24 dev weave");
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		prev = json_dumps(cni_run(&add)->root, 0);
		snprintf(conf, sizeof(conf), "\"prevResult\": %s", prev);
		free(prev);
		call.conf = conf_of("1.0.0", conf);
		require_ok(&call);
		net_run(cases[i].host ? host->ns : ns, "%s", cases[i].spoil);
		refused(&call, 102, cases[i].text);
	}
	require_ok(&add);
	ATF_CHECK_EQ(
	    0, host_ctl(host, out, sizeof(out), "ip release weave/eth0/c1"));
	/* Else the other MAC would be found first. */
	prev = json_dumps(cni_run(&add)->root, 0);
	snprintf(conf, sizeof(conf), "\"prevResult\": %s", prev);
	free(prev);
	call.conf = conf_of("1.0.0", conf);
	host_ctl(host, out, sizeof(out), "ip release weave/eth0/c1");
	refused(&call, 102,
	    "the address 10.32.0.1/24 is not allocated to this container");
	call.conf = conf_of("1.0.0", "");
	refused(&call, 7, "required prevResult missing");
}

/* What is of this network, and is not listed, goes; all else stays. */
ATF_TC_WITHOUT_HEAD(garbage);
ATF_TC_BODY(garbage, tc)
{
	struct host *host = one_host();
	struct cni_call call = call_of(host, "ADD", -1);
	const char *containers[] = {"c1", "c2", ID64};
	char out[1024], conf[512];
	int ns[4];

	for (size_t i = 0; i < 4; i++)
		ns[i] = net_namespace(host->net);
	for (size_t i = 0; i < 3; i++) {
		call.container = containers[i];
		call.netns = cni_netns(ns[i]);
		require_ok(&call);
	}
	call.container = "c1";
	call.netns = cni_netns(ns[3]);
	call.conf = "{\"cniVersion\": \"1.0.0\", \"name\": \"weave2\"}";
	require_ok(&call);
	host_ctl(host, out, sizeof(out), "ip allocate operator");
	ATF_CHECK_EQ(5, addresses(host));
	call = call_of(host, "GC", -1);
	call.container = call.ifname = NULL;
	call.conf = conf_of("1.1.0", "");
	refused(&call, 7, "required cni.dev/valid-attachments missing");
	call.conf = conf_of(
	    "1.1.0", "\"cni.dev/valid-attachments\": [{\"ifname\": \"x\"}]");
	refused(&call, 7, "item 0 is no attachment");
	snprintf(conf, sizeof(conf),
	    "\"cni.dev/valid-attachments\": [{\"containerID\": \"c2\", "
	    "\"ifname\": \"eth0\"}, {\"containerID\": \"%s\", "
	    "\"ifname\": \"eth0\"}]",
	    ID64);
	call.conf = conf_of("1.0.0", conf);
	refused(&call, 1, "config version does not allow GC");
	call.conf = conf_of("1.1.0", conf);
	require_ok(&call);
	ATF_CHECK(!link_in(ns[0], "eth0"));
	ATF_CHECK_EQ(3, ports(host));
	ATF_CHECK_EQ(4, addresses(host));
	/* A nil list of Go. */
	call.conf = conf_of("1.1.0", "\"cni.dev/valid-attachments\": null");
	host_ctl(host, out, sizeof(out), "ip list " ID64);
	ATF_CHECK_MSG(strstr(out, ID64) != NULL, "%s", out);
	require_ok(&call);
	host_ctl(host, out, sizeof(out), "ip list");
	ATF_CHECK_MSG(strstr(out, "operator") != NULL &&
		strstr(out, "weave2/eth0/c1") != NULL &&
		strstr(out, ID64) == NULL,
	    "%s", out);
	/* An address without a link, as after a restart of the machine. */
	call = call_of(host, "ADD", ns[0]);
	require_ok(&call);
	net_run(ns[0], "ip link del eth0");
	ATF_CHECK_EQ(3, addresses(host));
	call = call_of(host, "GC", -1);
	call.program = "weave-ipam";
	call.conf = conf_of("1.1.0", "\"cni.dev/attachments\": []");
	require_ok(&call);
	ATF_CHECK_EQ(2, addresses(host));
}

ATF_TC_WITHOUT_HEAD(status);
ATF_TC_BODY(status, tc)
{
	struct net *net = net_new(NET_PLAIN);
	struct host *a = net_host(net), *b = net_host(net);
	struct cni_call call = call_of(a, "STATUS", -1);
	int ns = net_namespace(net);
	char out[256];

	call.conf = conf_of("1.1.0", "");
	refused(&call, 51, "weaved is not running");
	host_start(b);
	call.host = b;
	refused(&call, 50,
	    "IPAM is off: the configuration of weaved has no ipalloc-range");
	host_option(a, "ipalloc-range", RANGE);
	host_option(a, "ipalloc-init", "consensus=3");
	host_start(a);
	call.host = a;
	require_ok(&call);
	host_ctl(a, out, sizeof(out), "-w 1 ip allocate x");
	refused(&call, 50, "awaiting consensus (quorum: 2, known: 1)");
	call.conf = conf_of("1.0.0", "");
	refused(&call, 1, "config version does not allow STATUS");
	/* Off, ADD says so, and DEL has nothing to do. */
	call = call_of(b, "ADD", ns);
	refused(&call, 101,
	    "IPAM is off: the configuration of weaved has no ipalloc-range");
	ATF_CHECK_EQ(0, ports(b));
	call.command = "DEL";
	require_ok(&call);
}

/* weave-ipam under Debian's plugin bridge, host-local under ours. */
ATF_TC_WITHOUT_HEAD(others);
ATF_TC_BODY(others, tc)
{
	struct host *host = one_host();
	int ns = net_namespace(host->net);
	struct cni_call call = call_of(host, "ADD", ns);
	const struct cni_answer *got;
	char conf[512];

	if (access(CNI_OTHERS "/bridge", X_OK) == -1)
		atf_tc_skip("no plugins of others in " CNI_OTHERS);
	call.program = "bridge";
	call.conf = conf_of("1.0.0",
	    "\"bridge\": \"weave\", \"ipam\": {\"type\": \"weave-ipam\"}");
	got = cni_run(&call);
	ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
	ATF_CHECK_STREQ("10.32.0.1/24", cni_text(got->root, "ips.0.address"));
	ATF_CHECK_EQ(1, addresses(host));
	call.command = "DEL";
	require_ok(&call);
	ATF_CHECK_EQ(0, addresses(host));
	snprintf(conf, sizeof(conf),
	    "\"ipam\": {\"type\": \"host-local\", \"dataDir\": \"%s\", "
	    "\"ranges\": [[{\"subnet\": \"10.40.0.0/16\"}]], "
	    "\"routes\": [{\"dst\": \"0.0.0.0/0\"}]}",
	    host->directory);
	call = call_of(host, "ADD", ns);
	call.conf = conf_of("0.3.1", conf);
	got = cni_run(&call);
	ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
	ATF_CHECK_STREQ("10.40.0.2/16", cni_text(got->root, "ips.0.address"));
	net_run(ns, "ip route | grep -q '^default via 10.40.0.1'");
	call.command = "DEL";
	require_ok(&call);
	ATF_CHECK(!link_in(ns, "eth0"));
	net_run(host->ns, "! ls %s/weave | grep -q '^10.40'", host->directory);
	call.command = "ADD";
	call.conf = conf_of("1.0.0", "\"ipam\": {\"type\": \"no-such\"}");
	refused(&call, 7, "failed to find IPAM plugin \"no-such\"");
	call.conf = conf_of(
	    "1.0.0", "\"ipam\": {\"type\": \"host-local\", \"subnet\": \"x\"}");
	refused(&call, 999, "invalid CIDR");
}

/* The list that is installed, as a runtime works through it. */
ATF_TC_WITHOUT_HEAD(list);
ATF_TC_BODY(list, tc)
{
	struct host *host = one_host();
	int ns = net_namespace(host->net);
	struct cni_call call = call_of(host, "ADD", ns);
	const char *source = getenv("WEAVED_SRCDIR");
	json_t *list, *net, *map, *ports_wanted;
	const struct cni_answer *got;
	char path[512], *first, *second;

	if (access(CNI_OTHERS "/portmap", X_OK) == -1)
		atf_tc_skip("no plugins of others in " CNI_OTHERS);
	snprintf(path, sizeof(path), "%s/etc/cni/10-weave.conflist",
	    source == NULL ? "." : source);
	ATF_REQUIRE((list = json_load_file(path, 0, NULL)) != NULL);
	net = json_array_get(json_object_get(list, "plugins"), 0);
	map = json_array_get(json_object_get(list, "plugins"), 1);
	ports_wanted = json_pack("{s:[{s:i, s:i, s:s}]}", "portMappings",
	    "hostPort", 8080, "containerPort", 80, "protocol", "tcp");
	for (size_t i = 0; i < 2; i++) {
		json_t *plugin = i == 0 ? net : map;

		json_object_set(plugin, "name", json_object_get(list, "name"));
		json_object_set(
		    plugin, "cniVersion", json_object_get(list, "cniVersion"));
	}
	first = json_dumps(net, 0);
	call.conf = first;
	got = cni_run(&call);
	ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
	json_object_set(map, "prevResult", got->root);
	json_object_set(map, "runtimeConfig", ports_wanted);
	second = json_dumps(map, 0);
	call.program = "portmap";
	call.conf = second;
	got = cni_run(&call);
	ATF_REQUIRE_MSG(got->status == 0, "%s", got->msg);
	ATF_CHECK_STREQ("10.32.0.1/24", cni_text(got->root, "ips.0.address"));
	net_run(host->ns,
	    "nft list ruleset | grep -q 'to:\\?10.32.0.1:80\\|"
	    "10.32.0.1:80' || iptables-save | grep -q "
	    "'10.32.0.1:80'");
	call.command = "DEL";
	require_ok(&call);
	call.program = "weave-net";
	call.conf = first;
	require_ok(&call);
	ATF_CHECK_EQ(0, ports(host));
	ATF_CHECK_EQ(0, addresses(host));
	free(first);
	free(second);
	json_decref(ports_wanted);
	json_decref(list);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, hosts);
	ATF_TP_ADD_TC(tp, repeated);
	ATF_TP_ADD_TC(tp, half_made);
	ATF_TP_ADD_TC(tp, keys);
	ATF_TP_ADD_TC(tp, exposed);
	ATF_TP_ADD_TC(tp, check);
	ATF_TP_ADD_TC(tp, garbage);
	ATF_TP_ADD_TC(tp, status);
	ATF_TP_ADD_TC(tp, others);
	ATF_TP_ADD_TC(tp, list);
	return atf_no_error();
}
