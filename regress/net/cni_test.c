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

static size_t
addresses(struct host *host)
{
	json_t *rows = host_show(host, "ip list");
	size_t n = json_array_size(rows);

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

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, versions);
	ATF_TP_ADD_TC(tp, hosts);
	return atf_no_error();
}
