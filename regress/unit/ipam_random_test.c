/*
 * No address is ever given twice: random requests, messages in any order,
 * writes that take their time, kills, partitions, and peers that are removed
 * after their death.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atf-c.h>

#include "regress/lib/ipams.h"

#define NODES 5
#define IDS 24 /* per node */
#define ADDRESSES 256
#define BASE UINT32_C(0x0a200000)
#define OPERATIONS 100000

/* What a client on a node knows: it lives and dies with the host. */
struct client {
	enum {
		NOTHING,
		ASKING,
		HAS,
		LEAVING
	} state;
	uint32_t addr;
	uint32_t request;
};

static struct ipams net;
static struct client clients[NODES][IDS];
static int holder[ADDRESSES]; /* 1 + node * IDS + id, 0: nobody */
static uint32_t requests;
static unsigned given, removed, kills;

static struct client *
client_of(size_t node, uint32_t request)
{
	for (size_t i = 0; i < IDS; i++)
		if (clients[node][i].request == request)
			return &clients[node][i];
	return NULL;
}

static void
give(size_t node, struct client *client, uint32_t addr)
{
	int me = 1 + (int)(node * IDS) + (int)(client - clients[node]);
	int *now = &holder[addr - BASE];

	ATF_REQUIRE(addr > BASE && addr < BASE + ADDRESSES);
	ATF_REQUIRE_MSG(*now == 0 || *now == me,
	    "10.32.0.%u of client %d given to %d", addr - BASE, *now, me);
	*now = me;
	client->addr = addr;
	client->state = HAS;
	given++;
}

static void
drop(struct client *client)
{
	if (client->addr != 0)
		holder[client->addr - BASE] = 0;
	client->addr = 0;
	client->state = NOTHING;
}

static void
answered(
    struct ipam_node *node, uint32_t request, const struct ipam_answer *answer)
{
	size_t i = (size_t)(node - net.nodes);
	struct client *client = client_of(i, request);

	if (client == NULL)
		return;
	client->request = 0;
	if (client->state == ASKING && answer->error == NULL)
		give(i, client, answer->addr);
	else if (client->state == ASKING)
		client->state = NOTHING;
	else if (client->state == LEAVING)
		drop(client);
}

static void
ask(size_t node)
{
	size_t i = ipams_random(&net, IDS);
	struct client *client = &clients[node][i];
	struct subnet none = {0};
	uint64_t deadline = net.now + 20000;
	char id[16];

	snprintf(id, sizeof(id), "c%zu", i);
	if (client->request != 0 || net.nodes[node].ipam == NULL)
		return;
	client->request = ++requests;
	if (client->state == HAS || client->state == LEAVING) {
		/* From now on it does not use the address. */
		if (client->addr != 0)
			holder[client->addr - BASE] = 0;
		client->addr = 0;
		client->state = LEAVING;
		ipam_release(
		    net.nodes[node].ipam, client->request, id, 0, net.now);
	} else if (ipams_random(&net, 4) == 0) {
		client->state = ASKING;
		ipam_claim(net.nodes[node].ipam, client->request, id,
		    BASE + 1 + ipams_random(&net, ADDRESSES - 2), 24, deadline,
		    net.now);
	} else {
		client->state = ASKING;
		ipam_allocate(net.nodes[node].ipam, client->request, id, none,
		    deadline, net.now);
	}
}

/* Sometimes whoever asks gives up. */
static void
give_up(size_t node)
{
	struct client *client = &clients[node][ipams_random(&net, IDS)];
	uint32_t request = client->request;

	if (request == 0 || client->state != ASKING)
		return;
	client->request = 0;
	client->state = NOTHING;
	ipam_cancel(net.nodes[node].ipam, request, net.now);
}

/* Its clients live on and keep what they were told; the rest asks again. */
static void
kill_node(size_t node)
{
	ipams_kill(&net, node);
	kills++;
	for (size_t i = 0; i < IDS; i++) {
		clients[node][i].request = 0;
		if (clients[node][i].state == ASKING)
			clients[node][i].state = NOTHING;
	}
}

/* The host is gone for good with its clients; another comes instead. */
static void
replace_node(size_t node, size_t by)
{
	struct ipam_node *dead = &net.nodes[node];
	char name[PEERNAME_STRLEN];
	uint32_t request = ++requests;

	if (net.nodes[by].ipam == NULL || by == node)
		return;
	if (dead->ipam != NULL)
		kill_node(node);
	ipam_rmpeer(net.nodes[by].ipam, request,
	    peername_format(dead->conf.name, name), net.now);
	while (ipams_answer(&net, by, request) == NULL)
		ATF_REQUIRE(ipams_write(&net, by));
	for (size_t i = 0; i < IDS; i++)
		drop(&clients[node][i]);
	free(dead->disk);
	dead->disk = NULL;
	dead->disk_len = 0;
	dead->conf.name += 0x100;
	/* The first ring exists: who is new waits for it. */
	dead->conf.init = IPAM_INIT_OBSERVER;
	removed++;
}

static void
step(void)
{
	size_t node = ipams_random(&net, NODES);
	uint32_t what = ipams_random(&net, 1000);
	struct ipam_node *it = &net.nodes[node];

	if (what < 350)
		ipams_deliver(&net);
	else if (what < 550)
		ipams_write(&net, node);
	else if (what < 900)
		ask(node);
	else if (what < 930)
		give_up(node);
	else if (what < 960) {
		net.now += 1000;
		if (it->ipam != NULL)
			ipam_tick(it->ipam, net.now);
	} else if (what < 980)
		ipams_gossip(&net, node);
	else if (what < 984)
		it->group = ipams_random(&net, 2);
	else if (what < 988)
		for (size_t i = 0; i < NODES; i++)
			net.nodes[i].group = 0;
	else if (what < 992 && it->ipam != NULL)
		kill_node(node);
	else if (what < 998 && it->ipam == NULL)
		ipams_start(&net, node);
	else if (what == 999 && given > 1000 && ipams_random(&net, 8) == 0)
		replace_node(node, ipams_random(&net, NODES));
}

static void
play(uint64_t seed, unsigned operations)
{
	memset(clients, 0, sizeof(clients));
	memset(holder, 0, sizeof(holder));
	given = removed = kills = 0;
	ipams_init(&net, NODES, seed);
	net.answered = answered;
	for (size_t i = 0; i < NODES; i++)
		ipams_start(&net, i);
	for (unsigned i = 0; i < operations; i++)
		step();
	printf("seed %llu: %u given, %u kills, %u removed\n",
	    (unsigned long long)seed, given, kills, removed);
	/* In peace all agree, and nobody ever contradicted another. */
	for (size_t i = 0; i < NODES; i++) {
		net.nodes[i].group = 0;
		if (net.nodes[i].ipam == NULL)
			ipams_start(&net, i);
	}
	ipams_run(&net, 90000);
	ATF_CHECK(ipams_agree(&net));
	for (size_t i = 0; i < NODES; i++)
		ATF_CHECK_EQ(0, ipams_counter(&net, i, "ipam.conflicts"));
	ipams_free(&net);
}

ATF_TC(once);
ATF_TC_HEAD(once, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(once, tc)
{
	play(1, OPERATIONS);
	ATF_CHECK(given > OPERATIONS / 100);
	ATF_CHECK(kills > 50);
	ATF_CHECK(removed > 0);
}

/* The first ring is the delicate part: many short lives. */
ATF_TC(beginnings);
ATF_TC_HEAD(beginnings, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(beginnings, tc)
{
	for (uint64_t seed = 2; seed < 102; seed++)
		play(seed, 1000);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, once);
	ATF_TP_ADD_TC(tp, beginnings);
	return atf_no_error();
}
