/*
 * Meshes of two real routers and one weaved: every pair, whoever dials.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/net.h"
#include "regress/lib/traffic.h"
#include "regress/lib/watch.h"
#include "regress/lib/weaver.h"

#define PAIRS 3
#define LOG_MAX (1 << 20)

static struct net *mesh_new(enum net_cipher, bool);
static void mesh_start(struct net *, unsigned);
static void mesh_stop(struct net *);
static void mesh_restarts(struct net *);
static char *mesh_complaints(struct host *);
static void mesh_compare(struct net *, struct host *);
static void mesh_directions(enum net_cipher);
static void mesh_discovers(size_t);
static void mesh_same_complaints(enum net_cipher);

/* Hosts 1 and 2 are real; 3 is weaved; with control, 4 to 6 are real. */
static struct net *
mesh_new(enum net_cipher cipher, bool control)
{
	struct net *net;
	size_t i;

	weaver_required();
	net = net_new(cipher);
	weaver_host(net);
	weaver_host(net);
	host_option(net_host(net), "protocol", "weave");
	for (i = 3; control && i < 6; i++)
		weaver_host(net);
	return net;
}

/* Bit n of directions says who dials in pair n; each dials by itself only. */
static void
mesh_start(struct net *net, unsigned directions)
{
	static const int pairs[PAIRS][2] = {{0, 1}, {0, 2}, {1, 2}};
	size_t i, base;

	for (i = 0; i < net->nhosts; i++) {
		net->hosts[i].npeers = 0;
		if (net->hosts[i].kind == HOST_WEAVER)
			host_option(&net->hosts[i], "no-discovery", "true");
		else
			host_option(&net->hosts[i], "discovery", "no");
	}
	for (base = 0; base < net->nhosts; base += 3)
		for (i = 0; i < PAIRS; i++) {
			bool second = (directions >> i & 1) != 0;
			struct host *a, *b;

			a = &net->hosts[base + (size_t)pairs[i][second]];
			b = &net->hosts[base + (size_t)pairs[i][!second]];
			host_peer(a, b->address);
		}
	for (i = 0; i < net->nhosts; i++)
		host_start(&net->hosts[i]);
}

static void
mesh_stop(struct net *net)
{
	size_t i;

	for (i = 0; i < net->nhosts; i++)
		host_stop(&net->hosts[i]);
}

static void
mesh_directions(enum net_cipher cipher)
{
	struct net *net = mesh_new(cipher, false);
	unsigned directions;
	size_t i;

	for (directions = 0; directions < 1u << PAIRS; directions++) {
		printf("directions %u\n", directions);
		mesh_start(net, directions);
		for (i = net->npods; i < 3; i++)
			net_pod(&net->hosts[i], 1376);
		NET_WAIT(30, net_full_mesh(net));
		NET_WAIT(20, net_pings_all(net));
		mesh_stop(net);
	}
	net_check(net);
}

/* All are told of one host only, be it a real router or weaved. */
static void
mesh_discovers(size_t told)
{
	struct net *net = mesh_new(NET_ENCRYPTED, false);
	size_t i;

	for (i = 0; i < 3; i++)
		if (i != told)
			host_peer(&net->hosts[i], net->hosts[told].address);
	for (i = 0; i < 3; i++)
		host_start(&net->hosts[i]);
	for (i = 0; i < 3; i++)
		net_pod(&net->hosts[i], 1376);
	NET_WAIT(60, net_full_mesh(net));
	NET_WAIT(20, net_pings_all(net));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(told_of_real);
ATF_TC_BODY(told_of_real, tc)
{
	mesh_discovers(0);
}

ATF_TC_WITHOUT_HEAD(told_of_weaved);
ATF_TC_BODY(told_of_weaved, tc)
{
	mesh_discovers(2);
}

ATF_TC_WITHOUT_HEAD(encrypted);
ATF_TC_BODY(encrypted, tc)
{
	mesh_directions(NET_ENCRYPTED);
}

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	mesh_directions(NET_PLAIN);
}

/* Each host but the second of a mesh is stopped and started once. */
static void
mesh_restarts(struct net *net)
{
	size_t i;

	for (i = 0; i < net->nhosts; i++) {
		host_stop(&net->hosts[i]);
		host_start(&net->hosts[i]);
	}
	for (i = 0; i < net->nhosts; i++)
		NET_WAIT(90,
		    host_connections(&net->hosts[i], "established", NULL) == 2);
}

/*
 * Every kind of line at warning or above in the log of a real router: without
 * time and with a dot for each run of digits, as names and addresses differ.
 */
static char *
mesh_complaints(struct host *host)
{
	char line[1024], *all, *p, *q;
	size_t used = 0;
	FILE *f;

	ATF_REQUIRE((all = calloc(1, LOG_MAX)) != NULL);
	ATF_REQUIRE((f = fopen(host->log, "re")) != NULL);
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, "INFO", 4) == 0 ||
		    strncmp(line, "DEBU", 4) == 0 || strlen(line) < 34)
			continue;
		for (p = q = line + (line[4] == ':' ? 33 : 0); *p != '\0'; p++)
			if (strchr("0123456789abcdef:.", *p) == NULL)
				*q++ = *p;
		*q = '\0';
		if (strstr(all, line + (line[4] == ':' ? 33 : 0)) == NULL)
			used += (size_t)snprintf(all + used, LOG_MAX - used,
			    "%s", line + (line[4] == ':' ? 33 : 0));
	}
	fclose(f);
	return all;
}

static void
mesh_compare(struct net *net, struct host *host)
{
	char *line, *mixed, *next, *real[3];
	size_t i;

	for (i = 0; i < 3; i++)
		real[i] = mesh_complaints(&net->hosts[3 + i]);
	next = mixed = mesh_complaints(host);
	while ((line = strsep(&next, "\n")) != NULL)
		for (i = 0; *line != '\0' && strstr(real[i], line) == NULL;)
			ATF_CHECK_MSG(++i < 3, "only towards weaved: %s", line);
	free(mixed);
	for (i = 0; i < 3; i++)
		free(real[i]);
}

/* Real routers complain about weaved of nothing they suffer from each other. */
static void
mesh_same_complaints(enum net_cipher cipher)
{
	struct net *net = mesh_new(cipher, true);
	size_t i;

	mesh_start(net, 0);
	for (i = 0; i < net->nhosts; i++)
		net_pod(&net->hosts[i], 1376);
	for (i = 0; i < net->nhosts; i++)
		NET_WAIT(30,
		    host_connections(&net->hosts[i], "established", NULL) == 2);
	mesh_restarts(net);
	for (i = 0; i < 3; i++) {
		NET_WAIT(20,
		    pod_pings(&net->pods[i], &net->pods[(i + 1) % 3], 1000));
		NET_WAIT(20,
		    pod_exchanges_tcp(
			&net->pods[i], &net->pods[(i + 1) % 3], 200000));
	}
	for (i = 0; i < 2; i++)
		mesh_compare(net, &net->hosts[i]);
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(restarts_encrypted);
ATF_TC_BODY(restarts_encrypted, tc)
{
	mesh_same_complaints(NET_ENCRYPTED);
}

ATF_TC_WITHOUT_HEAD(restarts_plain);
ATF_TC_BODY(restarts_plain, tc)
{
	mesh_same_complaints(NET_PLAIN);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, told_of_real);
	ATF_TP_ADD_TC(tp, told_of_weaved);
	ATF_TP_ADD_TC(tp, encrypted);
	ATF_TP_ADD_TC(tp, plain);
	ATF_TP_ADD_TC(tp, restarts_encrypted);
	ATF_TP_ADD_TC(tp, restarts_plain);
	return atf_no_error();
}
