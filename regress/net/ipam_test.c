/*
 * Addresses of a mesh of daemons: given, released, kept over kills, donated,
 * taken over, and refused with the reason.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define RANGE "10.32.0.0/24"

static struct net *start(size_t, const char *);
static uint32_t allocate(struct host *, const char *);
static const char *ctl(struct host *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static json_int_t owned(struct host *, const struct host *);

static char output[8192];
static int status;

/* "weavectl COMMAND": what it printed. */
static const char *
ctl(struct host *host, const char *fmt, ...)
{
	char command[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	status = host_ctl(host, output, sizeof(output), command);
	output[strcspn(output, "\n")] = '\0';
	return output;
}

/* The last byte of 10.32.0.N/24; 0: none, output says why. */
static uint32_t
allocate(struct host *host, const char *id)
{
	unsigned last = 0;

	ctl(host, "ip allocate %s", id);
	if (status != 0 || sscanf(output, "10.32.0.%u/24", &last) != 1)
		return 0;
	return last;
}

static struct net *
start(size_t n, const char *init)
{
	struct net *net = net_new(NET_ENCRYPTED);

	for (size_t i = 0; i < n; i++) {
		struct host *host = net_host(net);

		host_option(host, "ipalloc-range", RANGE);
		host_option(host, "ipalloc-init", "%s", init);
		if (i > 0)
			host_peer(host, net->hosts[0].address);
		host_start(host);
	}
	NET_WAIT(30, net_full_mesh(net));
	return net;
}

/* How many addresses the host says that the other one owns. */
static json_int_t
owned(struct host *host, const struct host *other)
{
	json_t *ipam = host_show(host, "status ipam"), *peer;
	json_int_t n = 0;
	size_t i;

	json_array_foreach(json_object_get(ipam, "Peers"), i, peer)
		if (strcmp(json_string_value(json_object_get(peer, "Name")),
			other->name) == 0)
			n = json_integer_value(json_object_get(peer, "IPs"));
	json_decref(ipam);
	return n;
}

ATF_TC_WITHOUT_HEAD(shared);
ATF_TC_BODY(shared, tc)
{
	struct net *net = start(3, "consensus=3");
	struct host *a = &net->hosts[0], *c = &net->hosts[2];
	uint32_t x, y;

	x = allocate(a, "x");
	ATF_REQUIRE_MSG(x != 0, "%s", output);
	ATF_CHECK_EQ(x, allocate(a, "x"));
	y = allocate(c, "y");
	ATF_REQUIRE_MSG(y != 0, "%s", output);
	ATF_CHECK(x != y);
	NET_WAIT(40,
	    owned(a, a) + owned(a, &net->hosts[1]) + owned(a, c) == 256 &&
		owned(c, c) == owned(a, c) && owned(c, a) == owned(a, a));
	/* The block of status, and who has what. */
	ATF_CHECK_EQ(0,
	    net_try(a->ns,
		"%s -s %s/ctl status | "
		"grep -q 'Range: 10.32.0.0/24'",
		net_program("weavectl"), a->directory));
	ctl(a, "ip list x");
	ATF_CHECK(strstr(output, " x") != NULL);
	ctl(a, "ip release x");
	ATF_CHECK_EQ(0, status);
	ctl(a, "ip release x");
	ATF_CHECK_EQ(1, status);
	/* Of the other's part, and then it is in use. */
	ctl(a, "ip claim z 10.32.0.%u/24", y);
	ATF_CHECK_EQ(1, status);
	ATF_CHECK_MSG(
	    strstr(output, "in use at its owner") != NULL, "%s", output);
	ctl(a, "ip claim z 10.32.0.%u/24", y + 9);
	ATF_CHECK_EQ_MSG(0, status, "%s", output);
	net_check(net);
}

/* Whoever is killed, and when: nobody gets what another has. */
ATF_TC(kills);
ATF_TC_HEAD(kills, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(kills, tc)
{
	struct net *net = start(3, "consensus=3");
	int holder[256] = {0};
	char id[16];

	for (int i = 0; i < 90; i++) {
		struct host *host = &net->hosts[i % 3];
		uint32_t n;

		snprintf(id, sizeof(id), "c%d", i);
		n = allocate(host, id);
		if (n == 0)
			continue; /* being restarted: said why */
		ATF_REQUIRE_MSG(holder[n] == 0, "10.32.0.%u given twice", n);
		holder[n] = 1;
		if (i % 10 == 9) {
			host_kill(host, SIGKILL);
			host_start(host);
		} else if (i % 10 == 4) {
			pid_t engine = host_process(host, "engine");

			kill(engine, SIGKILL);
			NET_WAIT(20,
			    host_process(host, "engine") != 0 &&
				host_process(host, "engine") != engine);
		}
	}
	/* Everybody still has what he got. */
	for (int i = 0; i < 90; i++) {
		uint32_t n;

		snprintf(id, sizeof(id), "c%d", i);
		NET_WAIT(60, (n = allocate(&net->hosts[i % 3], id)) != 0);
		holder[n]++;
	}
	for (int i = 0; i < 256; i++)
		ATF_CHECK_MSG(holder[i] <= 2, "10.32.0.%d", i);
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(removed);
ATF_TC_BODY(removed, tc)
{
	struct net *net = start(2, "consensus=2");
	struct host *a = &net->hosts[0], *b = &net->hosts[1];

	ATF_REQUIRE_MSG(allocate(a, "x") != 0, "%s", output);
	NET_WAIT(40, owned(a, a) == 128 && owned(b, b) == 128);
	ctl(a, "rmpeer %s", b->name);
	ATF_CHECK_EQ(1, status);
	ATF_CHECK(strstr(output, "that peer is alive") != NULL);
	host_kill(b, SIGKILL);
	NET_WAIT(60, (ctl(a, "rmpeer %s", b->name), status == 0));
	ATF_CHECK_MSG(
	    strstr(output, "128 IPs taken over from") != NULL, "%s", output);
	ATF_CHECK_EQ(256, owned(a, a));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(reset);
ATF_TC_BODY(reset, tc)
{
	struct net *net = start(2, "consensus=2");
	struct host *a = &net->hosts[0], *b = &net->hosts[1];

	ATF_REQUIRE_MSG(allocate(a, "x") != 0, "%s", output);
	NET_WAIT(40, owned(b, b) == 128);
	ctl(a, "reset");
	ATF_CHECK_EQ_MSG(0, status, "%s", output);
	ATF_CHECK_MSG(strstr(output, "128 IPs given to") != NULL, "%s", output);
	NET_WAIT(40, owned(b, b) == 256);
	NET_WAIT(20, (status = host_ended(a)) != -1);
	ATF_CHECK_EQ(0, status);
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(reasons);
ATF_TC_BODY(reasons, tc)
{
	struct net *net = net_new(NET_PLAIN);
	struct host *a = net_host(net), *b = net_host(net);

	host_option(a, "ipalloc-range", RANGE);
	host_option(a, "ipalloc-init", "consensus=3");
	host_start(a);
	host_start(b);
	ATF_CHECK_EQ(0, allocate(b, "x"));
	ATF_CHECK(strstr(output, "has no ipalloc-range") != NULL);
	ctl(a, "-w 1 ip allocate x");
	ATF_CHECK_EQ(1, status);
	ATF_CHECK_MSG(
	    strstr(output, "(quorum: 2, known: 1)") != NULL, "%s", output);
}

/* A broken file is kept for a look, and said so. */
ATF_TC_WITHOUT_HEAD(damaged);
ATF_TC_BODY(damaged, tc)
{
	struct net *net = start(1, "consensus=1");
	struct host *a = &net->hosts[0];

	ATF_REQUIRE_MSG(allocate(a, "x") == 1, "%s", output);
	host_stop(a);
	net_run(a->ns,
	    "f=$(find %s -name ipam) && printf x | "
	    "dd of=$f bs=1 seek=60 conv=notrunc 2>/dev/null",
	    a->directory);
	host_start(a);
	NET_WAIT(20, host_log_has(a, "damaged and now named ipam.damaged"));
	net_run(a->ns, "find %s -name ipam.damaged | grep -q .", a->directory);
	ctl(a, "ip list");
	ATF_CHECK_STREQ("", output);
}

/* Between two that use it stands one that does not. */
ATF_TC_WITHOUT_HEAD(relayed);
ATF_TC_BODY(relayed, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *a = net_host(net), *m = net_host(net), *b = net_host(net);

	for (size_t i = 0; i < 3; i++)
		host_option(&net->hosts[i], "discovery", "no");
	host_option(a, "ipalloc-range", RANGE);
	host_option(b, "ipalloc-range", RANGE);
	host_option(a, "ipalloc-init", "consensus=2");
	host_option(b, "ipalloc-init", "consensus=2");
	host_peer(a, m->address);
	host_peer(b, m->address);
	host_start(m);
	host_start(a);
	host_start(b);
	NET_WAIT(30, host_connections(m, "established", NULL) == 2);
	NET_WAIT(60, allocate(a, "x") != 0);
	NET_WAIT(60, allocate(b, "y") != 0);
	NET_WAIT(60, owned(a, b) == 128 && owned(b, a) == 128);
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, shared);
	ATF_TP_ADD_TC(tp, kills);
	ATF_TP_ADD_TC(tp, removed);
	ATF_TP_ADD_TC(tp, reset);
	ATF_TP_ADD_TC(tp, reasons);
	ATF_TP_ADD_TC(tp, damaged);
	ATF_TP_ADD_TC(tp, relayed);
	return atf_no_error();
}
