/*
 * Allocators wired together: election, donation, claims, restarts, partitions,
 * peers that are gone, conflicts.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atf-c.h>

#include "regress/lib/ipams.h"
#include "weaved/engine/ipam/state.h"

#define A(n) (UINT32_C(0x0a200000) + (n)) /* 10.32.0.n */

static struct ipams net;

static void
start(size_t n)
{
	ipams_init(&net, n, 1);
	ipams_start_all(&net);
}

/* Each begins with its share: the lower half to the first. */
static void
start_seeded(size_t n)
{
	ipams_init(&net, n, 1);
	for (size_t i = 0; i < n; i++) {
		net.nodes[i].conf.init = IPAM_INIT_SEED;
		net.nodes[i].conf.nseeds = n;
		for (size_t j = 0; j < n; j++)
			net.nodes[i].conf.seeds[j] = net.nodes[j].conf.name;
	}
	ipams_start_all(&net);
}

ATF_TC_WITHOUT_HEAD(alone);
ATF_TC_BODY(alone, tc)
{
	start(1);
	ATF_CHECK_EQ(CTL_IPAM_IDLE, ipams_status(&net, 0).state);
	ATF_CHECK_EQ(A(1), ipams_allocate(&net, 0, "x"));
	ATF_CHECK_EQ(A(1), ipams_allocate(&net, 0, "x"));
	ATF_CHECK_EQ(A(2), ipams_allocate(&net, 0, "y"));
	ATF_CHECK_EQ(CTL_IPAM_READY, ipams_status(&net, 0).state);
	ATF_CHECK_EQ(256, ipams_status(&net, 0).owned);
	ATF_CHECK_EQ(2, ipams_status(&net, 0).active);
	ATF_CHECK(ipams_release(&net, 0, "x"));
	ATF_CHECK(!ipams_release(&net, 0, "x"));
	ATF_CHECK_STREQ("it has no such address", ipams_error(&net));
	ATF_CHECK_EQ(A(1), ipams_allocate(&net, 0, "z"));
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(consensus);
ATF_TC_BODY(consensus, tc)
{
	start(3);
	ATF_CHECK_EQ(A(1), ipams_allocate(&net, 0, "x"));
	ATF_CHECK(ipams_agree(&net));
	for (size_t i = 0; i < 3; i++)
		for (size_t j = 0; j < 3; j++)
			ATF_CHECK_EQ(
			    ipams_owned(&net, 0, j), ipams_owned(&net, i, j));
	/* Two agreed, perhaps before the third was heard. */
	ATF_CHECK_EQ(128, ipams_owned(&net, 0, 0));
	ATF_CHECK_EQ(128, ipams_owned(&net, 0, 1) + ipams_owned(&net, 0, 2));
	ipams_free(&net);
}

/* One of three alone has no quorum, two have. */
ATF_TC_WITHOUT_HEAD(quorum);
ATF_TC_BODY(quorum, tc)
{
	ipams_init(&net, 3, 1);
	ipams_start(&net, 0);
	ATF_CHECK_EQ(0, ipams_allocate(&net, 0, "x"));
	ATF_CHECK_STREQ("no ring yet: awaiting consensus (quorum: 2, known: 1)",
	    ipams_error(&net));
	ATF_CHECK_EQ(CTL_IPAM_ELECTING, ipams_status(&net, 0).state);
	ipams_start(&net, 1);
	ATF_CHECK(ipams_allocate(&net, 0, "x") != 0);
	/* The third comes later and gets space by donation. */
	ipams_start(&net, 2);
	ipams_settle(&net);
	ATF_CHECK_EQ(0, ipams_owned(&net, 2, 2));
	ATF_CHECK(ipams_allocate(&net, 2, "y") != 0);
	ATF_CHECK(ipams_owned(&net, 2, 2) > 0);
	ATF_CHECK(ipams_agree(&net));
	ipams_free(&net);
}

/* Without a count: half of the targets and ourself, and one. */
ATF_TC_WITHOUT_HEAD(guessed_quorum);
ATF_TC_BODY(guessed_quorum, tc)
{
	ipams_init(&net, 3, 1);
	for (size_t i = 0; i < 3; i++) {
		net.nodes[i].conf.count = 0;
		net.nodes[i].targets = 2;
	}
	ipams_start(&net, 0);
	ATF_CHECK_EQ(0, ipams_allocate(&net, 0, "x"));
	ATF_CHECK_EQ(2, ipams_status(&net, 0).quorum);
	ipams_start(&net, 1);
	ATF_CHECK(ipams_allocate(&net, 0, "x") != 0);
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(seeds);
ATF_TC_BODY(seeds, tc)
{
	ipams_init(&net, 2, 1);
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].conf.init = IPAM_INIT_SEED;
		net.nodes[i].conf.nseeds = 2;
		net.nodes[i].conf.seeds[0] = net.nodes[1].conf.name;
		net.nodes[i].conf.seeds[1] = net.nodes[0].conf.name;
		net.nodes[i].group = (unsigned)i;
	}
	ipams_start_all(&net);
	ATF_CHECK_EQ(A(1), ipams_allocate(&net, 0, "x"));
	ATF_CHECK_EQ(A(128), ipams_allocate(&net, 1, "x"));
	net.nodes[1].group = 0;
	ipams_run(&net, 60000);
	ATF_CHECK(ipams_agree(&net));
	ATF_CHECK_EQ(0, ipams_conflicts(&net, 0, NULL));
	ipams_free(&net);
}

/* An observer makes others begin, and never is among the first. */
ATF_TC_WITHOUT_HEAD(observer);
ATF_TC_BODY(observer, tc)
{
	ipams_init(&net, 3, 1);
	net.nodes[2].conf.init = IPAM_INIT_OBSERVER;
	net.nodes[0].conf.count = net.nodes[1].conf.count = 2;
	ipams_start(&net, 2);
	ATF_CHECK_EQ(0, ipams_allocate(&net, 2, "x"));
	ATF_CHECK(strstr(ipams_error(&net), "observer") != NULL);
	ATF_CHECK_EQ(CTL_IPAM_PRIMING, ipams_status(&net, 2).state);
	ipams_start(&net, 0);
	ipams_start(&net, 1);
	ipams_settle(&net);
	ATF_CHECK(ipams_allocate(&net, 2, "x") != 0);
	ATF_CHECK_EQ(256,
	    ipams_owned(&net, 0, 0) + ipams_owned(&net, 0, 1) +
		ipams_owned(&net, 0, 2));
	ATF_CHECK(ipams_owned(&net, 0, 2) < 128);
	ipams_free(&net);
}

/* All 254 addresses, wherever they lie, and not one more. */
ATF_TC_WITHOUT_HEAD(donation);
ATF_TC_BODY(donation, tc)
{
	bool seen[256] = {false};
	char id[16];
	uint32_t addr;

	start_seeded(3);
	for (int i = 0; i < 254; i++) {
		snprintf(id, sizeof(id), "c%d", i);
		addr = ipams_allocate(&net, 1, id);
		ATF_REQUIRE_MSG(addr != 0, "%d: %s", i, ipams_error(&net));
		ATF_REQUIRE(addr > A(0) && addr < A(255));
		ATF_REQUIRE(!seen[addr - A(0)]);
		seen[addr - A(0)] = true;
	}
	ATF_CHECK_EQ(0, ipams_allocate(&net, 1, "more"));
	ATF_CHECK(strstr(ipams_error(&net),
		      "addresses of 10.32.0.0/24 here, asked") != NULL ||
	    strstr(ipams_error(&net), "no free addresses in 10.32.0.0/24") !=
		NULL);
	ATF_CHECK(ipams_counter(&net, 0, "ipam.donations") > 0);
	ATF_CHECK(ipams_agree(&net));
	ipams_free(&net);
}

/* Somebody frees what another waits for. */
ATF_TC_WITHOUT_HEAD(waits_for_release);
ATF_TC_BODY(waits_for_release, tc)
{
	struct subnet small;
	uint32_t request;

	start(2);
	ATF_REQUIRE(subnet_parse("10.32.0.0/30", &small));
	for (request = 1; request <= 3; request++) {
		char id[8];

		snprintf(id, sizeof(id), "c%u", request);
		ipam_allocate(net.nodes[0].ipam, request, id, small,
		    net.now + 60000, net.now);
		ipams_settle(&net);
	}
	ATF_CHECK_EQ(A(1), ipams_answer(&net, 0, 1)->addr);
	ATF_CHECK_EQ(A(2), ipams_answer(&net, 0, 2)->addr);
	ATF_CHECK(ipams_answer(&net, 0, 3) == NULL);
	ATF_CHECK_EQ(CTL_IPAM_WAITING, ipams_status(&net, 0).state);
	ATF_CHECK(ipams_release(&net, 0, "c1"));
	ipams_settle(&net);
	ATF_CHECK_EQ(A(1), ipams_answer(&net, 0, 3)->addr);
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(bad_requests);
ATF_TC_BODY(bad_requests, tc)
{
	struct subnet subnet;

	start(1);
	ATF_REQUIRE(subnet_parse("10.33.0.0/24", &subnet));
	ipam_allocate(
	    net.nodes[0].ipam, 1, "x", subnet, net.now + 1000, net.now);
	ATF_REQUIRE(ipams_answer(&net, 0, 1) != NULL);
	ATF_CHECK_STREQ("10.33.0.0/24 is no subnet of the range 10.32.0.0/24, "
			"or longer than /30",
	    net.nodes[0].answers[1].error);
	ATF_CHECK_EQ(0, ipams_allocate(&net, 0, "two words"));
	ATF_CHECK_EQ(0, ipams_allocate(&net, 0, ""));
	ATF_CHECK(strstr(ipams_error(&net), "printable") != NULL);
	ipams_free(&net);
}

/* No answer and no word to others before the disk has it. */
ATF_TC_WITHOUT_HEAD(disk_first);
ATF_TC_BODY(disk_first, tc)
{
	struct subnet none = {0};

	start(1);
	ATF_CHECK(ipams_allocate(&net, 0, "first") != 0);
	ipam_allocate(
	    net.nodes[0].ipam, 1, "x", none, net.now + 60000, net.now);
	ATF_CHECK(ipams_answer(&net, 0, 1) == NULL);
	ATF_CHECK(net.nodes[0].write != NULL);
	ipams_write(&net, 0);
	ATF_CHECK_EQ(A(2), ipams_answer(&net, 0, 1)->addr);
	net.nodes[0].disk_full = true;
	ATF_CHECK_EQ(0, ipams_allocate(&net, 0, "y"));
	ATF_CHECK(strstr(ipams_error(&net), "No space left") != NULL);
	ATF_CHECK(ipams_status(&net, 0).save_error[0] != '\0');
	ATF_CHECK_EQ(2, ipams_status(&net, 0).active);
	net.nodes[0].disk_full = false;
	ipams_run(&net, 10000);
	ATF_CHECK_EQ(A(3), ipams_allocate(&net, 0, "z"));
	ATF_CHECK_EQ('\0', ipams_status(&net, 0).save_error[0]);
	ipams_free(&net);
}

/* Killed at any point, the donor or who was given may not both own. */
ATF_TC_WITHOUT_HEAD(donor_dies);
ATF_TC_BODY(donor_dies, tc)
{
	struct subnet none = {0};
	uint32_t given;

	ipams_init(&net, 2, 1);
	net.nodes[1].conf.init = IPAM_INIT_OBSERVER;
	net.nodes[0].conf.count = 1;
	ipams_start_all(&net);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	ipam_allocate(
	    net.nodes[1].ipam, 1, "y", none, net.now + 60000, net.now);
	/* The request arrives; what is given is not written yet. */
	while (net.nodes[0].write == NULL)
		ATF_REQUIRE(ipams_deliver(&net));
	while (ipams_deliver(&net))
		;
	ATF_CHECK(ipams_answer(&net, 1, 1) == NULL);
	ATF_CHECK_EQ(0, ipams_owned(&net, 1, 1));
	ipams_kill(&net, 0);
	ipams_start(&net, 0);
	ipams_run(&net, 10000);
	ATF_REQUIRE(ipams_answer(&net, 1, 1) != NULL);
	given = ipams_answer(&net, 1, 1)->addr;
	ATF_CHECK(given != 0);
	ATF_CHECK(ipams_allocate(&net, 0, "z") != given);
	ATF_CHECK(ipams_agree(&net));
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(restart);
ATF_TC_BODY(restart, tc)
{
	uint32_t x, y;

	start(2);
	x = ipams_allocate(&net, 0, "x");
	y = ipams_allocate(&net, 1, "y");
	ipams_kill(&net, 0);
	ipams_kill(&net, 1);
	ipams_start_all(&net);
	ATF_CHECK_EQ(CTL_IPAM_READY, ipams_status(&net, 0).state);
	ATF_CHECK_EQ(x, ipams_allocate(&net, 0, "x"));
	ATF_CHECK_EQ(y, ipams_allocate(&net, 1, "y"));
	ATF_CHECK_EQ(x + 1, ipams_allocate(&net, 0, "z"));
	ipams_free(&net);
}

/* An acceptor that restarts remembers what it promised. */
ATF_TC_WITHOUT_HEAD(restart_in_election);
ATF_TC_BODY(restart_in_election, tc)
{
	struct subnet none = {0};

	ipams_init(&net, 3, 1);
	net.nodes[2].group = 1;
	ipams_start(&net, 0);
	ipams_start(&net, 1);
	ipams_settle(&net);
	/* The first concludes, the second hears nothing of the ring. */
	ipam_allocate(
	    net.nodes[0].ipam, 1, "x", none, net.now + 60000, net.now);
	while (ipams_status(&net, 0).state != CTL_IPAM_READY) {
		ATF_REQUIRE(ipams_deliver(&net) || net.nodes[0].write != NULL ||
		    net.nodes[1].write != NULL);
		ipams_write(&net, 0);
		ipams_write(&net, 1);
	}
	ipams_kill(&net, 0);
	ipams_kill(&net, 1);
	net.nodes[1].group = 1;
	ipams_start(&net, 1);
	ipams_start(&net, 2);
	ATF_CHECK(ipams_allocate(&net, 2, "y") != 0);
	ipams_start(&net, 0);
	net.nodes[0].group = 1;
	ipams_run(&net, 60000);
	ATF_CHECK_EQ(0, ipams_conflicts(&net, 0, NULL));
	ATF_CHECK_EQ(0, ipams_conflicts(&net, 2, NULL));
	ATF_CHECK(ipams_agree(&net));
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(damaged);
ATF_TC_BODY(damaged, tc)
{
	start(1);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	for (size_t i = 0; i < net.nodes[0].disk_len; i++) {
		ipams_kill(&net, 0);
		net.nodes[0].disk[i] ^= 1;
		ipams_start(&net, 0);
		ATF_REQUIRE_MSG(net.nodes[0].damaged != NULL, "byte %zu", i);
		ATF_REQUIRE_EQ(0, ipams_status(&net, 0).active);
		net.nodes[0].disk[i] ^= 1;
	}
	ipams_kill(&net, 0);
	net.nodes[0].disk_len--;
	ipams_start(&net, 0);
	ATF_CHECK(net.nodes[0].damaged != NULL);
	ipams_kill(&net, 0);
	net.nodes[0].disk_len++;
	ipams_start(&net, 0);
	ATF_CHECK(net.nodes[0].damaged == NULL);
	ATF_CHECK_EQ(1, ipams_status(&net, 0).active);
	ipams_free(&net);
}

/* Not our name any more, or another range: begin afresh. */
ATF_TC_WITHOUT_HEAD(of_another);
ATF_TC_BODY(of_another, tc)
{
	start(1);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	ipams_kill(&net, 0);
	net.nodes[0].conf.name++;
	ipams_start(&net, 0);
	ATF_CHECK(net.nodes[0].damaged == NULL);
	ATF_CHECK_EQ(0, ipams_status(&net, 0).active);
	ipams_kill(&net, 0);
	net.nodes[0].conf.name--;
	ATF_REQUIRE(subnet_parse("10.34.0.0/24", &net.nodes[0].conf.range));
	net.nodes[0].conf.subnet = net.nodes[0].conf.range;
	ipams_start(&net, 0);
	ATF_CHECK_EQ(CTL_IPAM_IDLE, ipams_status(&net, 0).state);
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(claims);
ATF_TC_BODY(claims, tc)
{
	start(2);
	/* Before there is a ring, of the own half and of the other's. */
	ATF_CHECK(ipams_claim(&net, 0, "x", A(5)));
	ATF_CHECK(ipams_claim(&net, 0, "x", A(5)));
	ATF_CHECK(!ipams_claim(&net, 0, "y", A(5)));
	ATF_CHECK_STREQ("the address is already owned by x", ipams_error(&net));
	ATF_CHECK(ipams_claim(&net, 0, "z", A(200)));
	ATF_CHECK_EQ(129, ipams_owned(&net, 1, 0));
	ATF_CHECK(ipams_claim(&net, 1, "w", A(210)));
	ATF_CHECK(!ipams_claim(&net, 0, "v", A(210)));
	ATF_CHECK_STREQ("the address is in use at its owner "
			"0a:00:00:00:00:02(host2)",
	    ipams_error(&net));
	/* Elsewhere it is only written down. */
	ATF_CHECK(ipams_claim(&net, 0, "o", UINT32_C(0xc0a80001)));
	ATF_CHECK_EQ(A(1), ipams_allocate(&net, 0, "a"));
	ipams_kill(&net, 1);
	ATF_CHECK(!ipams_claim(&net, 0, "u", A(220)));
	ATF_CHECK_STREQ("the owner of the address, "
			"0a:00:00:00:00:02(host2), can not be reached",
	    ipams_error(&net));
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(cancelled);
ATF_TC_BODY(cancelled, tc)
{
	struct subnet none = {0};

	start(1);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	ipam_allocate(
	    net.nodes[0].ipam, 1, "y", none, net.now + 60000, net.now);
	ipam_cancel(net.nodes[0].ipam, 1, net.now);
	ipams_settle(&net);
	ATF_CHECK(ipams_answer(&net, 0, 1) == NULL);
	ATF_CHECK_EQ(1, ipams_status(&net, 0).active);
	ATF_CHECK_EQ(A(2), ipams_allocate(&net, 0, "z"));
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(rmpeer);
ATF_TC_BODY(rmpeer, tc)
{
	const struct ipam_answer *answer;

	start_seeded(3);
	ATF_REQUIRE(ipams_allocate(&net, 2, "x") != 0);
	ipam_rmpeer(net.nodes[0].ipam, 1, "host3", net.now);
	ATF_CHECK_STREQ("that peer is alive: its addresses are in use",
	    net.nodes[0].answers[1].error);
	ipams_kill(&net, 2);
	ipam_rmpeer(net.nodes[0].ipam, 2, "host9", net.now);
	ATF_CHECK_STREQ("no such peer in IPAM", net.nodes[0].answers[2].error);
	ipam_rmpeer(net.nodes[0].ipam, 3, "host1", net.now);
	ATF_CHECK_STREQ(
	    "that is this peer: use reset", net.nodes[0].answers[3].error);
	ipam_rmpeer(net.nodes[0].ipam, 4, "host3", net.now);
	ipams_settle(&net);
	ATF_REQUIRE((answer = ipams_answer(&net, 0, 4)) != NULL);
	ATF_CHECK_EQ(64, answer->count);
	ATF_CHECK_EQ(net.nodes[2].conf.name, answer->peer);
	ATF_CHECK_EQ(192, ipams_owned(&net, 1, 0));
	ATF_CHECK_EQ(0, ipams_owned(&net, 1, 2));
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(reset);
ATF_TC_BODY(reset, tc)
{
	start(2);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	ipam_reset(net.nodes[0].ipam, 1, net.now);
	ipams_settle(&net);
	ATF_REQUIRE(ipams_answer(&net, 0, 1) != NULL);
	ATF_CHECK_EQ(128, ipams_answer(&net, 0, 1)->count);
	ATF_CHECK_EQ(net.nodes[1].conf.name, ipams_answer(&net, 0, 1)->peer);
	ATF_CHECK_EQ(256, ipams_owned(&net, 1, 1));
	ATF_CHECK_EQ(CTL_IPAM_LEFT, ipams_status(&net, 0).state);
	ATF_CHECK_EQ(0, ipams_allocate(&net, 0, "y"));
	ATF_CHECK(strstr(ipams_error(&net), "restart weaved") != NULL);
	ATF_CHECK_EQ(A(1), ipams_allocate(&net, 1, "y"));
	/* It may come back, without anything. */
	ipams_kill(&net, 0);
	ipams_start(&net, 0);
	ATF_CHECK(ipams_allocate(&net, 0, "z") != 0);
	ATF_CHECK(ipams_agree(&net));
	ipams_free(&net);
}

/* A broadcast goes on with what we know, when that is on disk. */
ATF_TC_WITHOUT_HEAD(relay);
ATF_TC_BODY(relay, tc)
{
	const uint8_t *data;
	size_t len;

	ipams_init(&net, 2, 1);
	net.nodes[0].conf.count = 1;
	ipams_start(&net, 0);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	net.nodes[1].group = 1;
	ipams_start(&net, 1);
	ipams_settle(&net);
	data = ipam_gossip(net.nodes[0].ipam, &len);
	ipam_receive(
	    net.nodes[1].ipam, net.nodes[0].conf.name, data, len, net.now);
	ATF_CHECK_EQ(0, net.nodes[1].relays);
	ipams_write(&net, 1);
	ATF_CHECK_EQ(1, net.nodes[1].relays);
	ipam_receive(net.nodes[1].ipam, PEERNAME_UNKNOWN, data, len, net.now);
	ipams_settle(&net);
	ATF_CHECK_EQ(1, net.nodes[1].relays);
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(nonsense);
ATF_TC_BODY(nonsense, tc)
{
	start(1);
	ipam_receive(net.nodes[0].ipam, PEERNAME_UNKNOWN,
	    (const uint8_t *)"nonsense", 8, net.now);
	ipam_receive_unicast(net.nodes[0].ipam, 5, NULL, 0, net.now);
	ipam_receive_unicast(
	    net.nodes[0].ipam, 5, (const uint8_t *)"\011", 1, net.now);
	ATF_CHECK_EQ(3, ipams_counter(&net, 0, "ipam.bad_messages"));
	ATF_CHECK(ipams_allocate(&net, 0, "x") != 0);
	ipams_free(&net);
}

/*
 * A peer is removed while it lives aside: it loses what it does not use, and
 * gets back, one by one, what it uses and nobody else does.
 */
ATF_TC_WITHOUT_HEAD(removed_alive);
ATF_TC_BODY(removed_alive, tc)
{
	uint32_t x, y, twice;
	struct ctl_ipam status;

	start(2);
	x = ipams_allocate(&net, 1, "x");
	y = ipams_allocate(&net, 1, "y");
	ATF_REQUIRE(x != 0 && y != 0);
	net.nodes[1].group = 1;
	ipam_rmpeer(net.nodes[0].ipam, 1, "host2", net.now);
	ipams_settle(&net);
	ATF_CHECK_EQ(256, ipams_owned(&net, 0, 0));
	twice = x;
	ATF_REQUIRE(ipams_claim(&net, 0, "other", twice));
	net.nodes[1].group = 0;
	ipams_run(&net, 90000);
	ATF_CHECK(ipams_agree(&net));
	/* y is ours again; x is in use twice, and everybody can see it. */
	ATF_CHECK_EQ(1, ipams_owned(&net, 0, 1));
	ATF_CHECK(ipams_conflicts(&net, 1, "another peer claims") > 0);
	ATF_CHECK(ipams_conflicts(&net, 1, "is in use here by x") > 0);
	ATF_CHECK_EQ(0, ipams_conflicts(&net, 1, "is in use here by y"));
	status = ipams_status(&net, 1);
	ATF_CHECK_EQ(2, status.active);
	/* No new one is given out of what is not ours. */
	ATF_CHECK(ipams_release(&net, 0, "other"));
	ipams_run(&net, 30000);
	ATF_CHECK_EQ(2, ipams_owned(&net, 0, 1));
	ATF_CHECK(ipams_allocate(&net, 1, "z") != 0);
	ATF_CHECK(ipams_agree(&net));
	ipams_free(&net);
}

/* Two peers take over the same range at the same time. */
ATF_TC_WITHOUT_HEAD(removed_twice);
ATF_TC_BODY(removed_twice, tc)
{
	uint32_t a, b;

	start_seeded(3);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	ipams_kill(&net, 2);
	net.nodes[1].group = 1;
	ipam_rmpeer(net.nodes[0].ipam, 1, "host3", net.now);
	ipam_rmpeer(net.nodes[1].ipam, 1, "host3", net.now);
	ipams_settle(&net);
	a = A(192);
	b = A(193);
	ATF_REQUIRE(ipams_claim(&net, 0, "a", a));
	ATF_REQUIRE(ipams_claim(&net, 1, "b", b));
	net.nodes[1].group = 0;
	ipams_run(&net, 120000);
	ATF_CHECK(ipams_agree(&net));
	ATF_CHECK_EQ(256, ipams_owned(&net, 0, 0) + ipams_owned(&net, 0, 1));
	ATF_CHECK_EQ(a, ipams_allocate(&net, 0, "a"));
	ATF_CHECK_EQ(b, ipams_allocate(&net, 1, "b"));
	ATF_CHECK_EQ(0, ipams_conflicts(&net, 0, "in use here"));
	ATF_CHECK_EQ(0, ipams_conflicts(&net, 1, "in use here"));
	ipams_free(&net);
}

/* Two rings begun apart: an unused one gives way, used ones are shown. */
ATF_TC_WITHOUT_HEAD(two_rings);
ATF_TC_BODY(two_rings, tc)
{
	ipams_init(&net, 3, 1);
	for (size_t i = 0; i < 3; i++) {
		net.nodes[i].conf.count = 1;
		net.nodes[i].group = (unsigned)i;
	}
	ipams_start_all(&net);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	ATF_REQUIRE(ipams_allocate(&net, 1, "y") != 0);
	ATF_REQUIRE(ipams_release(&net, 1, "y"));
	ATF_REQUIRE(ipams_allocate(&net, 2, "z") != 0);
	net.nodes[1].group = 0;
	ipams_run(&net, 60000);
	ATF_CHECK(ipams_agree(&net) == false);
	ATF_CHECK_EQ(256, ipams_owned(&net, 1, 0));
	ATF_CHECK(ipams_allocate(&net, 1, "y") != A(1));
	net.nodes[2].group = 0;
	ipams_run(&net, 60000);
	ATF_CHECK(ipams_conflicts(&net, 2, "seeded by different peers") > 0);
	ATF_CHECK(ipams_conflicts(&net, 0, "seeded by different peers") > 0);
	ATF_CHECK_EQ(256, ipams_owned(&net, 2, 2));
	ipams_free(&net);
}

ATF_TC_WITHOUT_HEAD(another_range);
ATF_TC_BODY(another_range, tc)
{
	ipams_init(&net, 2, 1);
	net.nodes[0].conf.count = net.nodes[1].conf.count = 1;
	ATF_REQUIRE(subnet_parse("10.40.0.0/16", &net.nodes[1].conf.range));
	net.nodes[1].conf.subnet = net.nodes[1].conf.range;
	net.nodes[1].group = 1;
	ipams_start_all(&net);
	ATF_REQUIRE(ipams_allocate(&net, 0, "x") != 0);
	ATF_REQUIRE(ipams_allocate(&net, 1, "x") != 0);
	net.nodes[1].group = 0;
	ipams_run(&net, 60000);
	ATF_CHECK(
	    ipams_conflicts(&net, 0, "Incompatible IP allocation ranges") > 0);
	ATF_CHECK(
	    ipams_conflicts(&net, 1, "Incompatible IP allocation ranges") > 0);
	ATF_CHECK(ipams_allocate(&net, 0, "y") != 0);
	ATF_CHECK(ipams_allocate(&net, 1, "y") != 0);
	ipams_free(&net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, alone);
	ATF_TP_ADD_TC(tp, consensus);
	ATF_TP_ADD_TC(tp, quorum);
	ATF_TP_ADD_TC(tp, guessed_quorum);
	ATF_TP_ADD_TC(tp, seeds);
	ATF_TP_ADD_TC(tp, observer);
	ATF_TP_ADD_TC(tp, donation);
	ATF_TP_ADD_TC(tp, waits_for_release);
	ATF_TP_ADD_TC(tp, bad_requests);
	ATF_TP_ADD_TC(tp, disk_first);
	ATF_TP_ADD_TC(tp, donor_dies);
	ATF_TP_ADD_TC(tp, restart);
	ATF_TP_ADD_TC(tp, restart_in_election);
	ATF_TP_ADD_TC(tp, damaged);
	ATF_TP_ADD_TC(tp, of_another);
	ATF_TP_ADD_TC(tp, claims);
	ATF_TP_ADD_TC(tp, cancelled);
	ATF_TP_ADD_TC(tp, rmpeer);
	ATF_TP_ADD_TC(tp, reset);
	ATF_TP_ADD_TC(tp, relay);
	ATF_TP_ADD_TC(tp, nonsense);
	ATF_TP_ADD_TC(tp, removed_alive);
	ATF_TP_ADD_TC(tp, removed_twice);
	ATF_TP_ADD_TC(tp, two_rings);
	ATF_TP_ADD_TC(tp, another_range);
	return atf_no_error();
}
