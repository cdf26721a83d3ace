/* New keys while a connection runs: messages, chain, times and refusals. */
#include <atf-c.h>
#include <sodium.h>
#include <string.h>

#include "regress/lib/meshes.h"
#include "weaved/engine/mesh/rekey.h"
#include "weaved/engine/mesh/record.h"

static const uint8_t chain[REKEY_KEY_LEN] = {4}, th[REKEY_HASH_LEN] = {5};
static struct rekey a, b;

static void
setup(void)
{
	ATF_REQUIRE(sodium_init() != -1);
	rekey_init(&a, true, chain, th, REKEY_INTERVAL, 1000);
	rekey_init(&b, false, chain, th, REKEY_INTERVAL, 1000);
}

/* The formula of hardened-protocol 6 by hand, from A's secret. */
static void
expect_keys(const uint8_t *secret, const uint8_t *ask, const uint8_t *answer,
    const uint8_t *old)
{
	uint8_t input[32 * 3 + 4 + 64], rk[32], key[32], info[9 + 6 + 64 + 1];
	crypto_auth_hmacsha256_state mac;

	ATF_REQUIRE_EQ(0, crypto_scalarmult(input, secret, answer + 4));
	memcpy(input + 32, ask + 4, 32);
	memcpy(input + 64, answer + 4, 32);
	memcpy(input + 96, ask, 4);
	memcpy(input + 100, th, 64);
	crypto_auth_hmacsha256_init(&mac, old, 32);
	crypto_auth_hmacsha256_update(&mac, input, sizeof(input));
	crypto_auth_hmacsha256_final(&mac, rk);
	memcpy(info, "weaved/3 udp r", 15);
	memcpy(info + 15, th, 64);
	info[79] = 1;
	crypto_auth_hmacsha256(key, info, sizeof(info), rk);
	ATF_CHECK(memcmp(key, a.next.udp[1], sizeof(key)) == 0);
	memcpy(info, "weaved/3 rekey", 15);
	crypto_auth_hmacsha256(key, info, sizeof(info), rk);
	ATF_CHECK(memcmp(key, a.chain, sizeof(key)) == 0);
}

ATF_TC_WITHOUT_HEAD(rounds);
ATF_TC_BODY(rounds, tc)
{
	uint8_t ask[REKEY_BODY_LEN], answer[REKEY_BODY_LEN];
	uint8_t done[REKEY_DONE_LEN], secret[32], old[32];

	setup();
	for (uint32_t epoch = 1; epoch < 300; epoch++) {
		memcpy(old, a.chain, sizeof(old));
		rekey_ask(&a, ask);
		memcpy(secret, a.secret, sizeof(secret));
		ATF_CHECK_EQ(epoch, (uint32_t)(ask[2] << 8 | ask[3]));
		ATF_REQUIRE(rekey_answer(&b, ask, sizeof(ask), answer, 2000));
		ATF_REQUIRE(
		    rekey_complete(&a, answer, sizeof(answer), done, 2000));
		ATF_REQUIRE(rekey_done(&b, done, sizeof(done)));
		expect_keys(secret, ask, answer, old);
		ATF_CHECK(memcmp(&a.next, &b.next, sizeof(a.next)) == 0);
		ATF_CHECK(memcmp(a.chain, b.chain, sizeof(a.chain)) == 0);
		ATF_CHECK(sodium_is_zero(a.secret, sizeof(a.secret)));
		rekey_used(&a);
		rekey_used(&b);
		ATF_CHECK(
		    sodium_is_zero((const uint8_t *)&a.next, sizeof(a.next)));
		ATF_CHECK_EQ(epoch, a.epoch);
	}
}

ATF_TC_WITHOUT_HEAD(refusals);
ATF_TC_BODY(refusals, tc)
{
	uint8_t ask[REKEY_BODY_LEN], answer[REKEY_BODY_LEN];
	uint8_t other[REKEY_BODY_LEN], done[REKEY_DONE_LEN];

	setup();
	/* Nobody asked; A is never asked. */
	ATF_CHECK(!rekey_done(&b, (const uint8_t *)"\0\0\0\1", 4));
	ATF_CHECK(!rekey_complete(&a, answer, sizeof(answer), done, 1));
	rekey_ask(&a, ask);
	ATF_CHECK(!rekey_answer(&a, ask, sizeof(ask), answer, 1));
	/* Length, epoch, zero secret. */
	ATF_CHECK(!rekey_answer(&b, ask, sizeof(ask) - 1, answer, 1));
	memcpy(other, ask, sizeof(other));
	other[3] = 2;
	ATF_CHECK(!rekey_answer(&b, other, sizeof(other), answer, 1));
	memset(other, 0, sizeof(other));
	other[3] = 1;
	ATF_CHECK(!rekey_answer(&b, other, sizeof(other), answer, 1));
	setup();
	rekey_ask(&a, ask);
	ATF_REQUIRE(rekey_answer(&b, ask, sizeof(ask), answer, 1));
	/* A second one before it is done. */
	ATF_CHECK(!rekey_answer(&b, ask, sizeof(ask), other, 1));
	memset(other, 0, sizeof(other));
	other[3] = 1;
	ATF_CHECK(!rekey_complete(&a, other, sizeof(other), done, 1));
	setup();
	rekey_ask(&a, ask);
	ATF_REQUIRE(rekey_answer(&b, ask, sizeof(ask), answer, 1));
	ATF_REQUIRE(rekey_complete(&a, answer, sizeof(answer), done, 1));
	ATF_CHECK(!rekey_complete(&a, answer, sizeof(answer), done, 1));
	ATF_CHECK(!rekey_done(&b, done, sizeof(done) - 1));
	done[3]++;
	ATF_CHECK(!rekey_done(&b, done, sizeof(done)));
}

ATF_TC_WITHOUT_HEAD(jitter);
ATF_TC_BODY(jitter, tc)
{
	uint64_t least = UINT64_MAX, most = 0;

	for (int i = 0; i < 1000; i++) {
		setup();
		least = a.due < least ? a.due : least;
		most = a.due > most ? a.due : most;
	}
	ATF_CHECK(least >= 121000 && least < 121500);
	ATF_CHECK(most > 123500 && most <= 124000);
}

/* Records of each direction: an epoch begins anew and opens nothing old. */
ATF_TC_WITHOUT_HEAD(records);
ATF_TC_BODY(records, tc)
{
	static const uint8_t keys[2][32] = {{1}, {2}}, next[32] = {3};
	uint8_t box[4][WIRE_TAG + 5], text[5];
	struct record from, to;

	ATF_REQUIRE(sodium_init() != -1);
	record_key3(&from, true, keys);
	record_key3(&to, false, keys);
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			record_next_epoch(&from.send, next);
		record_seal(&from, box[i], (const uint8_t *)"hello", 5);
	}
	for (int i = 0; i < 4; i++) {
		if (i == 2)
			record_next_epoch(&to.receive, next);
		ATF_REQUIRE(record_open(&to, text, box[i], sizeof(box[i])));
		ATF_CHECK(memcmp("hello", text, 5) == 0);
	}
	/* In order, once, in their direction. */
	ATF_CHECK(!record_open(&to, text, box[3], sizeof(box[3])));
	record_key3(&to, false, keys);
	ATF_CHECK(!record_open(&to, text, box[1], sizeof(box[1])));
	record_key3(&to, true, keys);
	ATF_CHECK(!record_open(&to, text, box[0], sizeof(box[0])));
	ATF_CHECK(!record_open(&to, text, box[0], WIRE_TAG - 1));
	/* The nonce as it is on paper. */
	memset(text, 0, sizeof(text));
	{
		uint8_t nonce[24] = {0x54, 0, 0, 0, 0, 1};

		nonce[23] = 1;
		ATF_CHECK_EQ(0,
		    crypto_secretbox_open_easy(
			text, box[3], sizeof(box[3]), nonce, next));
	}
}

static struct meshes net;

static void
connect_pair(uint64_t interval)
{
	meshes_init(&net);
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].password = "s3cr3t";
		net.nodes[i].conf.rekey_interval = interval;
		node_protocol(&net, i, "hardened");
		node_start(&net, i);
	}
	node_target(&net, 0, 1);
	meshes_run(&net, 1000);
	ATF_REQUIRE(meshes_full(&net, 2));
}

static bool
same_keys(void)
{
	return memcmp(net.nodes[0].udp_keys, net.nodes[1].udp_keys,
		   sizeof(net.nodes[0].udp_keys)) == 0;
}

/* A connection lives on for an hour, with a day's worth of epochs. */
ATF_TC_WITHOUT_HEAD(by_time);
ATF_TC_BODY(by_time, tc)
{
	uint8_t first[2][MESH_KEY_LEN];
	unsigned dials;

	connect_pair(REKEY_INTERVAL);
	memcpy(first, net.nodes[0].udp_keys, sizeof(first));
	dials = net.nodes[0].dials + net.nodes[1].dials;
	meshes_run(&net, 119000 - 1000);
	ATF_CHECK_EQ(0, net.nodes[0].rekeys);
	meshes_run(&net, 6000);
	ATF_CHECK_EQ(1, net.nodes[0].rekeys);
	ATF_CHECK_EQ(1, net.nodes[1].rekeys);
	ATF_CHECK_EQ(1, net.nodes[0].switches);
	ATF_CHECK_EQ(1, net.nodes[1].switches);
	ATF_CHECK(memcmp(first, net.nodes[0].udp_keys, sizeof(first)) != 0);
	ATF_CHECK(same_keys());
	meshes_run(&net, 3600000);
	ATF_CHECK(net.nodes[0].rekeys >= 29 && net.nodes[0].rekeys <= 31);
	ATF_CHECK(same_keys());
	ATF_CHECK_EQ(dials, net.nodes[0].dials + net.nodes[1].dials);
	ATF_CHECK_EQ(0, net.nodes[0].holds + net.nodes[1].holds);
	ATF_CHECK(meshes_full(&net, 2));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(every_second);
ATF_TC_BODY(every_second, tc)
{
	connect_pair(1000);
	meshes_run(&net, 600000);
	ATF_CHECK(net.nodes[0].rekeys > 500);
	ATF_CHECK_EQ(net.nodes[0].rekeys, net.nodes[1].rekeys);
	ATF_CHECK(same_keys());
	ATF_CHECK(meshes_full(&net, 2));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(by_volume);
ATF_TC_BODY(by_volume, tc)
{
	connect_pair(REKEY_INTERVAL);
	net.nodes[1].volume = REKEY_VOLUME; /* does not begin */
	meshes_run(&net, 20000);
	ATF_CHECK_EQ(0, net.nodes[0].rekeys);
	net.nodes[0].volume = REKEY_VOLUME;
	meshes_run(&net, 20000);
	ATF_CHECK_EQ(1, net.nodes[0].rekeys);
	ATF_CHECK_EQ(1, net.nodes[1].rekeys);
	net.nodes[0].volume = 2 * REKEY_VOLUME;
	meshes_run(&net, 20000);
	ATF_CHECK_EQ(2, net.nodes[1].rekeys);
	meshes_free(&net);
}

/* Who never asks is sent nothing after 180 s, and loses us after 240 s. */
ATF_TC_WITHOUT_HEAD(peer_never_asks);
ATF_TC_BODY(peer_never_asks, tc)
{
	meshes_init(&net);
	for (size_t i = 0; i < 2; i++) {
		net.nodes[i].password = "s3cr3t";
		net.nodes[i].conf.rekey_interval = UINT32_MAX;
		node_protocol(&net, i, "hardened");
		node_start(&net, i);
	}
	node_target(&net, 0, 1);
	meshes_run(&net, 179000);
	ATF_CHECK_EQ(0, net.nodes[0].holds + net.nodes[1].holds);
	ATF_CHECK(meshes_full(&net, 2));
	meshes_run(&net, 2000);
	ATF_CHECK_EQ(1, net.nodes[0].holds);
	ATF_CHECK_EQ(1, net.nodes[1].holds);
	meshes_run(&net, 58000);
	ATF_CHECK_EQ(0, net.nodes[0].stopped);
	meshes_run(&net, 2000);
	ATF_CHECK(net.nodes[0].stopped + net.nodes[1].stopped >= 2);
	meshes_free(&net);
}

static void
keep_row(void *arg, uint32_t type, const void *row, size_t len)
{
	if (type == CTL_CONNECTION)
		memcpy(arg, row, len);
}

/* Keys age while the host sleeps: it renews them when it wakes. */
ATF_TC_WITHOUT_HEAD(slept);
ATF_TC_BODY(slept, tc)
{
	struct ctl_connection row = {0};

	connect_pair(REKEY_INTERVAL);
	mesh_set_slept(net.nodes[0].mesh, 100000);
	mesh_set_slept(net.nodes[0].mesh, 99999); /* read apart: no way back */
	meshes_run(&net, 1000);
	ATF_CHECK_EQ(0, net.nodes[0].rekeys);
	mesh_show(
	    net.nodes[0].mesh, CTL_SHOW_CONNECTIONS, keep_row, &row, net.now);
	ATF_CHECK(row.key_age >= 100 && row.key_age <= 103);
	ATF_CHECK(row.auth_age >= 100 && row.auth_age <= 103);
	ATF_CHECK(row.rekey_in >= 15 && row.rekey_in <= 23);
	mesh_set_slept(net.nodes[0].mesh, 130000);
	meshes_run(&net, 1000);
	ATF_CHECK_EQ(1, net.nodes[0].rekeys);
	mesh_show(
	    net.nodes[0].mesh, CTL_SHOW_CONNECTIONS, keep_row, &row, net.now);
	ATF_CHECK_EQ(1, row.epoch);
	ATF_CHECK(row.key_age <= 1);
	ATF_CHECK(row.auth_age >= 130 && row.auth_age <= 134);
	ATF_CHECK_EQ(0, net.nodes[0].holds);
	/* A quarter of an hour is too long for the peer. */
	mesh_set_slept(net.nodes[1].mesh, 900000);
	meshes_run(&net, 1000);
	ATF_CHECK(net.nodes[1].stopped > 0);
	meshes_free(&net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rounds);
	ATF_TP_ADD_TC(tp, refusals);
	ATF_TP_ADD_TC(tp, jitter);
	ATF_TP_ADD_TC(tp, records);
	ATF_TP_ADD_TC(tp, by_time);
	ATF_TP_ADD_TC(tp, every_second);
	ATF_TP_ADD_TC(tp, by_volume);
	ATF_TP_ADD_TC(tp, peer_never_asks);
	ATF_TP_ADD_TC(tp, slept);
	return atf_no_error();
}
