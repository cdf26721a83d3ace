/*
 * What the CNI plugin refuses before it asks anybody: hostile environments
 * and configurations, each with its code and words.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/cni.h"

static struct host *host_only(void);
static char *fill(char, size_t);
static void refused(const struct cni_call *, int, const char *);

/* Nothing runs on it. */
static struct host *
host_only(void)
{
	return net_host(net_new(NET_PLAIN));
}

static char *
fill(char c, size_t n)
{
	char *text = malloc(n + 1);

	ATF_REQUIRE(text != NULL);
	memset(text, c, n);
	text[n] = '\0';
	return text;
}

static void
refused(const struct cni_call *call, int code, const char *text)
{
	const struct cni_answer *got = cni_run(call);

	ATF_CHECK_EQ_MSG(1, got->status, "%s", text);
	ATF_CHECK_EQ_MSG(
	    code, got->code, "%d instead of %d: %s", got->code, code, got->msg);
	ATF_CHECK_MSG(strstr(got->msg, text) != NULL,
	    "\"%s\" instead of \"%s\"", got->msg, text);
	ATF_CHECK(cni_text(got->root, "cniVersion") != NULL);
}

ATF_TC_WITHOUT_HEAD(environment);
ATF_TC_BODY(environment, tc)
{
	struct host *host = host_only();
	char *long_id = fill('a', 129), *long_value = fill('/', 4097);
	const struct cni_call good = {.host = host,
	    .command = "ADD",
	    .container = "c1",
	    .ifname = "eth0",
	    .netns = "/run/netns/x",
	    .conf = CNI_CONF};
	const struct {
		const char *command, *container, *ifname, *netns, *text;
	} cases[] = {
	    {NULL, "c1", "eth0", "/x",
		"required env variables [CNI_COMMAND] missing"},
	    {"", "c1", "eth0", "/x", "[CNI_COMMAND] missing"},
	    {"add", "c1", "eth0", "/x", "unknown CNI_COMMAND: add"},
	    {"ADD", NULL, "eth0", "/x", "[CNI_CONTAINERID] missing"},
	    {"DEL", NULL, "eth0", "/x", "[CNI_CONTAINERID] missing"},
	    {"CHECK", "c1", "eth0", NULL, "[CNI_NETNS] missing"},
	    {"ADD", "c1", "eth0", NULL, "[CNI_NETNS] missing"},
	    {"ADD", "c1", NULL, "/x", "[CNI_IFNAME] missing"},
	    {"ADD", "../c1", "eth0", "/x", "characters in CNI_CONTAINERID"},
	    {"ADD", "-c1", "eth0", "/x", "characters in CNI_CONTAINERID"},
	    {"ADD", "c/1", "eth0", "/x", "characters in CNI_CONTAINERID"},
	    {"ADD", "c1\n", "eth0", "/x", "characters in CNI_CONTAINERID"},
	    {"ADD", "c\xc3\xa4", "eth0", "/x", "characters in CNI_CONTAINERID"},
	    {"ADD", long_id, "eth0", "/x",
		"CNI_CONTAINERID is longer than 128 bytes"},
	    {"ADD", "c1", "sixteen-letters-", "/x",
		"CNI_IFNAME is longer than 15 bytes"},
	    {"ADD", "c1", "..", "/x", "CNI_IFNAME is no name"},
	    {"ADD", "c1", "a/b", "/x", "CNI_IFNAME is no name"},
	    {"ADD", "c1", "a b", "/x", "CNI_IFNAME is no name"},
	    {"ADD", "c1", "a:1", "/x", "CNI_IFNAME is no name"},
	    {"ADD", "c1", "veth%d", "/x", "CNI_IFNAME is no name"},
	    {"ADD", "c1", "eth0", "x", "CNI_NETNS is no absolute path"},
	    {"ADD", "c1", "eth0", long_value,
		"CNI_NETNS is longer than 4096 bytes"},
	};
	char args[4200];
	struct cni_call call = good;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		call.command = cases[i].command;
		call.container = cases[i].container;
		call.ifname = cases[i].ifname;
		call.netns = cases[i].netns;
		refused(&call, 4, cases[i].text);
	}
	call = good;
	call.more[0] = "CNI_ARGS=IgnoreUnknown";
	refused(&call, 4, "CNI_ARGS is no list of KEY=VALUE");
	call.more[0] = "CNI_ARGS=A=b;=c";
	refused(&call, 4, "CNI_ARGS is no list of KEY=VALUE");
	snprintf(args, sizeof(args), "CNI_ARGS=A=%s", long_value);
	call.more[0] = args;
	refused(&call, 4, "CNI_ARGS is longer than 4096 bytes");
	snprintf(args, sizeof(args), "CNI_PATH=%s", long_value);
	call.bare = true;
	call.more[0] = args;
	refused(&call, 4, "CNI_PATH is longer than 4096 bytes");
	snprintf(args, sizeof(args), "WEAVED_CONTROL=%s", long_value);
	call.more[0] = args;
	refused(&call, 4, "WEAVED_CONTROL is longer than 107 bytes");
	call.more[0] = "WEAVED_CONTROL=ctl";
	refused(&call, 4, "WEAVED_CONTROL is no absolute path");
	/* Good so far: what a runtime really says. */
	call.more[0] = "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAME=a;EMPTY=";
	refused(&call, 3, "network namespace /run/netns/x: No such file");
	call.netns = "/etc/passwd";
	refused(&call, 3, "/etc/passwd is no network namespace");
	call.netns = "/proc/self/ns/uts";
	refused(&call, 3, "is no network namespace");
	call.netns = "/proc/self/ns/net";
	refused(&call, 8, "CNI_NETNS is the network namespace of the host");
	free(long_id);
	free(long_value);
}

#define KEY(members) "{\"cniVersion\": \"1.1.0\", \"name\": \"n\", " members "}"

ATF_TC_WITHOUT_HEAD(configuration);
ATF_TC_BODY(configuration, tc)
{
	static const struct {
		const char *conf;
		int code;
		const char *text;
	} cases[] = {
	    {"", 6, "cannot decode the network configuration"},
	    {"{", 6, "cannot decode the network configuration"},
	    {"[]", 6, "is no object"},
	    {"7", 6, "cannot decode"},
	    {"{} {}", 6, "cannot decode"},
	    {"{\"a\": 1, \"a\": 2}", 6, "duplicate"},
	    {"{\"a\": \"\\u0000\"}", 6, "cannot decode"},
	    {"{\"a\": \"\xff\"}", 6, "cannot decode"},
	    {"{\"a\":[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]}", 6, "nested deeper"},
	    {"{}", 1, "config is \"0.1.0\""},
	    {"{\"cniVersion\": \"0.2.0\", \"name\": \"n\"}", 1,
		"incompatible CNI versions; config is \"0.2.0\", plugin "
		"supports [\"0.3.0\" \"0.3.1\" \"0.4.0\" \"1.0.0\" "
		"\"1.1.0\"]"},
	    {"{\"cniVersion\": \"1.2.0\", \"name\": \"n\"}", 1,
		"incompatible CNI versions"},
	    {"{\"cniVersion\": 1}", 7, "\"cniVersion\" must be a string"},
	    {"{\"cniVersion\": \"1.0.0\"}", 7, "missing network name"},
	    {"{\"cniVersion\": \"1.0.0\", \"name\": \"a/b\"}", 7,
		"invalid characters in network name"},
	    {KEY("\"isGateway\": true"), 2,
		"Gateway functionality not supported"},
	    {KEY("\"ipMasq\": true"), 2,
		"IP Masquerading functionality not supported"},
	    {KEY("\"ipMasq\": \"no\""), 7, "\"ipMasq\" must be true or false"},
	    {KEY("\"bridge\": 5"), 7, "\"bridge\" must be a string"},
	    {KEY("\"bridge\": \"../x\""), 7, "\"bridge\" is no name"},
	    {KEY("\"mtu\": -1"), 7, "\"mtu\" is no number in its range"},
	    {KEY("\"mtu\": 1.5"), 7, "\"mtu\" is no number in its range"},
	    {KEY("\"mtu\": 99"), 7, "\"mtu\" is no number in its range"},
	    {KEY("\"mtu\": 1e99"), 7, "\"mtu\" is no number in its range"},
	    {KEY("\"mtu\": 65536"), 7, "\"mtu\" is no number in its range"},
	    {KEY("\"hairpinMode\": 1"), 7,
		"\"hairpinMode\" must be true or false"},
	    {KEY("\"controlSocket\": \"ctl\""), 7, "is no absolute path"},
	    {KEY("\"ipam\": []"), 7, "\"ipam\" must be an object"},
	    {KEY("\"ipam\": {\"type\": \"weave-net\"}"), 7,
		"\"type\" of \"ipam\" is no IPAM plugin"},
	    {KEY("\"ipam\": {\"type\": \"../../bin/sh\"}"), 7,
		"\"type\" of \"ipam\" is no IPAM plugin"},
	    {KEY("\"ipam\": {\"subnet\": \"10.0.0.1/8\"}"), 7,
		"\"subnet\" is no IPv4 subnet"},
	    {KEY("\"ipam\": {\"gateway\": \"10\"}"), 7,
		"\"gateway\" is no address"},
	    {KEY("\"ipam\": {\"routes\": {}}"), 7, "\"routes\" must be an"},
	    {KEY("\"ipam\": {\"routes\": [1]}"), 7, "array of objects"},
	    {KEY("\"ipam\": {\"routes\": [{}]}"), 7, "must be a subnet"},
	    {KEY("\"ipam\": {\"routes\": [{\"dst\": \"10.0.0.1/8\"}]}"), 7,
		"\"dst\" of a route must be a subnet"},
	    {KEY("\"ipam\": {\"routes\": [{\"dst\": \"::/0\", "
		 "\"gw\": \"1.2.3.4\"}]}"),
		7, "\"gw\" of a route must be an address"},
	    {KEY("\"runtimeConfig\": {\"ips\": \"10.0.0.1\"}"), 7,
		"\"ips\" must be an array"},
	    {KEY("\"runtimeConfig\": {\"ips\": [7]}"), 7,
		"\"ips\" must be strings"},
	    {KEY("\"runtimeConfig\": {\"ips\": [\"fd00::1/64\"]}"), 7,
		"\"ips\" must be IPv4 addresses"},
	    {KEY("\"runtimeConfig\": {\"mac\": \"01:00:00:00:00:01\"}"), 7,
		"\"mac\" is no MAC address of an interface"},
	    {KEY("\"runtimeConfig\": {\"mac\": \"0a-58-00-00-00-01\"}"), 7,
		"\"mac\" is no MAC address of an interface"},
	    {KEY("\"dns\": {\"nameservers\": [1]}"), 7,
		"\"nameservers\" must be strings"},
	    {KEY("\"prevResult\": 1"), 7, "\"prevResult\" must be an object"},
	};
	struct host *host = host_only();
	struct cni_call call = {.host = host,
	    .command = "ADD",
	    .container = "c1",
	    .ifname = "eth0",
	    .netns = "/run/netns/x"};
	char *big = fill(' ', (1 << 20) + 1);

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		call.conf = cases[i].conf;
		refused(&call, cases[i].code, cases[i].text);
	}
	call.conf = big;
	refused(&call, 5, "longer than 1048576 bytes");
	memset(big + 12, 'x', 5000);
	memcpy(big, "{\"cniTrash\":\"", 13);
	memcpy(big + 5000, "\"}", 2);
	big[5002] = '\0';
	refused(&call, 6, "a string longer than 4096 bytes");
	free(big);
	/* The IPAM plugin under its own name serves only itself. */
	call.program = "weave-ipam";
	call.conf = KEY("\"ipam\": {\"type\": \"host-local\"}");
	refused(&call, 7, "\"type\" of \"ipam\" is host-local");
}

ATF_TC_WITHOUT_HEAD(version);
ATF_TC_BODY(version, tc)
{
	struct cni_call call = {.host = host_only(),
	    .command = "VERSION",
	    .conf = "{\"cniVersion\": \"0.4.0\"}"};
	const struct cni_answer *got;

	got = cni_run(&call);
	ATF_CHECK_EQ(0, got->status);
	ATF_CHECK_STREQ("0.4.0", cni_text(got->root, "cniVersion"));
	ATF_CHECK_STREQ("0.3.0", cni_text(got->root, "supportedVersions.0"));
	ATF_CHECK_STREQ("1.1.0", cni_text(got->root, "supportedVersions.4"));
	ATF_CHECK(cni_get(got->root, "supportedVersions.5") == NULL);
	call.conf = "";
	ATF_CHECK_STREQ("1.1.0", cni_text(cni_run(&call)->root, "cniVersion"));
	call.conf = "{";
	refused(&call, 6, "cannot decode");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, environment);
	ATF_TP_ADD_TC(tp, configuration);
	ATF_TP_ADD_TC(tp, version);
	return atf_no_error();
}
