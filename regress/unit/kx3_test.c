/*
 * The parent's key exchange of version 3: both sides by the interface, one
 * side by hand from the specification, and every limit of
 * hardened-protocol 8.
 */
#include <atf-c.h>
#include <sodium.h>
#include <string.h>

#include "common/addr.h"
#include "common/hello.h"
#include "weaved/parent/kx3.h"

#define NAME_A UINT64_C(0x0a0000000001)
#define NAME_B UINT64_C(0x0a0000000002)
#define ADDR_A 0x0a000001u
#define ADDR_B 0x0a000002u

static const uint8_t prs[3][KX3_PRS_LEN] = {{1}, {2}, {3}};
static struct kx3 *a, *b;
static uint64_t now = 1000000;

static void
setup(const uint8_t *password_a, const uint8_t *first, const uint8_t *second)
{
	ATF_REQUIRE(sodium_init() != -1);
	a = kx3_new(NAME_A, "weave");
	b = kx3_new(NAME_B, "weave");
	ATF_REQUIRE(a != NULL && b != NULL);
	kx3_set_slots(a, password_a, NULL);
	kx3_set_slots(b, first, second);
}

static void
teardown(void)
{
	kx3_free(a);
	kx3_free(b);
	kx3_free(NULL);
}

static struct imsg_kx3_start
frames(bool outbound)
{
	struct imsg_kx3_start start = {.conn = 7, .outbound = outbound};
	uint8_t nonce[HELLO_NONCE_LEN] = {9};

	start.addr = outbound ? ADDR_B : ADDR_A;
	memcpy(start.header[0], "weave\3\3", KX3_HEADER_LEN);
	memcpy(start.header[1], "weave\2\3", KX3_HEADER_LEN);
	hello_put(start.hello[0], HELLO_INITIATOR, NAME_A, nonce);
	hello_put(start.hello[1], HELLO_RESPONDER, NAME_B, nonce);
	memcpy(start.hello[1] + HELLO_LEN, "tail", 4);
	start.hello_len[0] = HELLO_LEN;
	start.hello_len[1] = HELLO_LEN + 4;
	return start;
}

/* One run of both; what each says at its end. */
struct run {
	struct imsg_kx3_start start[2]; /* of a, of b */
	struct imsg_kx3_started started[2];
	struct imsg_kx3_finish finish[2];
	struct imsg_kx3_finished finished[2];
};

static void
run_begin(struct run *run)
{
	memset(run, 0, sizeof(*run));
	run->start[0] = frames(true);
	run->start[1] = frames(false);
}

static void
run_shares(struct run *run)
{
	kx3_start(a, &run->start[0], true, now, &run->started[0]);
	ATF_REQUIRE_EQ(KX3_DONE, run->started[0].result);
	ATF_REQUIRE_EQ(KX3_SHARE_LEN, run->started[0].len);
	memcpy(run->start[1].share, run->started[0].frame, KX3_SHARE_LEN);
	kx3_start(b, &run->start[1], true, now, &run->started[1]);
}

static void
run_answer(struct run *run)
{
	run->finish[0].conn = run->finish[1].conn = 7;
	run->finish[0].handle = run->started[0].handle;
	run->finish[0].len = run->started[1].len;
	memcpy(run->finish[0].frame, run->started[1].frame, KX3_ANSWER_MAX);
	kx3_finish(a, &run->finish[0], now, &run->finished[0]);
}

static void
run_confirm(struct run *run)
{
	run->finish[1].handle = run->started[1].handle;
	run->finish[1].len = run->finished[0].len;
	memcpy(run->finish[1].frame, run->finished[0].frame, KX3_CONFIRM_LEN);
	kx3_finish(b, &run->finish[1], now, &run->finished[1]);
}

static void
run_all(struct run *run)
{
	run_begin(run);
	run_shares(run);
	ATF_REQUIRE_EQ(KX3_DONE, run->started[1].result);
	run_answer(run);
	run_confirm(run);
}

static bool
no_keys(const struct imsg_kx3_finished *finished)
{
	return sodium_is_zero(
	    (const uint8_t *)&finished->keys, sizeof(finished->keys));
}

ATF_TC_WITHOUT_HEAD(agree);
ATF_TC_BODY(agree, tc)
{
	struct run run, again;

	setup(prs[0], prs[0], NULL);
	run_all(&run);
	ATF_CHECK_EQ(KX3_DONE, run.finished[0].result);
	ATF_CHECK_EQ(KX3_DONE, run.finished[1].result);
	ATF_CHECK_EQ(7, run.finished[1].conn);
	ATF_CHECK(memcmp(&run.finished[0].keys, &run.finished[1].keys,
		      sizeof(struct kx3_keys)) == 0);
	ATF_CHECK(memcmp(run.finished[0].keys.tcp[0],
		      run.finished[0].keys.tcp[1], KX3_KEY_LEN) != 0);
	ATF_CHECK_EQ(0, kx3_handles(a));
	ATF_CHECK_EQ(0, kx3_handles(b));
	run_all(&again);
	ATF_CHECK(memcmp(run.finished[0].keys.tcp, again.finished[0].keys.tcp,
		      sizeof(again.finished[0].keys.tcp)) != 0);
	/* Single use. */
	kx3_finish(b, &run.finish[1], now, &run.finished[1]);
	ATF_CHECK_EQ(KX3_EXPIRED, run.finished[1].result);
	ATF_CHECK(no_keys(&run.finished[1]));
	teardown();
}

ATF_TC_WITHOUT_HEAD(slots);
ATF_TC_BODY(slots, tc)
{
	struct run run;

	for (int right = 0; right < 3; right++) {
		setup(prs[0], right == 0 ? prs[0] : prs[1],
		    right == 1 ? prs[0] : prs[2]);
		run_begin(&run);
		run_shares(&run);
		ATF_CHECK_EQ(KX3_ANSWER_MAX, run.started[1].len);
		run_answer(&run);
		if (right == 2) {
			ATF_CHECK_EQ(KX3_PASSWORD, run.finished[0].result);
			ATF_CHECK(no_keys(&run.finished[0]));
			ATF_CHECK_EQ(0, run.finished[0].len);
		} else {
			run_confirm(&run);
			ATF_CHECK_EQ(KX3_DONE, run.finished[1].result);
			ATF_CHECK_EQ((uint32_t)right, run.finished[0].slot);
			ATF_CHECK_EQ((uint32_t)right, run.finished[1].slot);
		}
		teardown();
	}
	/* The dialler's second password. */
	setup(prs[1], prs[0], NULL);
	kx3_set_slots(a, prs[1], prs[0]);
	run_begin(&run);
	run.start[0].secondary = 1;
	run_shares(&run);
	run_answer(&run);
	ATF_CHECK_EQ(KX3_DONE, run.finished[0].result);
	teardown();
}

/* Any byte of what both have sent, changed on the way to one of them. */
ATF_TC_WITHOUT_HEAD(bound);
ATF_TC_BODY(bound, tc)
{
	for (int what = 0; what < 8; what++) {
		struct run run;

		setup(prs[0], prs[0], NULL);
		run_begin(&run);
		if (what == 0)
			run.start[1].header[0][5] ^= 1;
		if (what == 1)
			run.start[1].header[1][6] ^= 1;
		if (what == 2)
			run.start[1].hello[0][10] ^= 1; /* nonce */
		if (what == 3)
			run.start[1].hello[0][40] ^= 1; /* name */
		if (what == 4)
			run.start[1].hello[0][42] ^= 1; /* flags */
		if (what == 5)
			run.start[1].hello[1][HELLO_LEN] ^= 1; /* tail */
		if (what == 6)
			run.start[1].hello_len[1]--;
		run_shares(&run);
		ATF_REQUIRE_EQ(KX3_DONE, run.started[1].result);
		if (what == 7) /* tag */
			run.started[1].frame[40] ^= 1;
		run_answer(&run);
		ATF_CHECK_EQ_MSG(
		    KX3_PASSWORD, run.finished[0].result, "%d", what);
		ATF_CHECK(no_keys(&run.finished[0]));
		teardown();
	}
}

ATF_TC_WITHOUT_HEAD(other_mesh);
ATF_TC_BODY(other_mesh, tc)
{
	struct run run;

	setup(prs[0], prs[0], NULL);
	kx3_free(b);
	b = kx3_new(NAME_B, "other");
	kx3_set_slots(b, prs[0], NULL);
	run_begin(&run);
	run_shares(&run);
	run_answer(&run);
	ATF_CHECK_EQ(KX3_PASSWORD, run.finished[0].result);
	teardown();
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	struct run run;

	setup(prs[0], prs[0], NULL);
	run_begin(&run);
	run.start[0].hello[0][0] = 'X';
	kx3_start(a, &run.start[0], true, now, &run.started[0]);
	ATF_CHECK_EQ(KX3_MALFORMED, run.started[0].result);
	run_begin(&run);
	run.start[0].hello_len[1] = HELLO_MAX + 1;
	kx3_start(a, &run.start[0], true, now, &run.started[0]);
	ATF_CHECK_EQ(KX3_MALFORMED, run.started[0].result);
	run_begin(&run);
	run.start[0].hello[1][2] = HELLO_INITIATOR;
	kx3_start(a, &run.start[0], true, now, &run.started[0]);
	ATF_CHECK_EQ(KX3_MALFORMED, run.started[0].result);
	run_begin(&run);
	run.start[0].outbound = 2;
	kx3_start(a, &run.start[0], true, now, &run.started[0]);
	ATF_CHECK_EQ(KX3_MALFORMED, run.started[0].result);
	/* Not our name, and the peer with ours. */
	run_begin(&run);
	kx3_start(b, &run.start[0], true, now, &run.started[0]);
	ATF_CHECK_EQ(KX3_NAME, run.started[0].result);
	memcpy(run.start[0].hello[1] + 35, run.start[0].hello[0] + 35, 6);
	kx3_start(a, &run.start[0], true, now, &run.started[0]);
	ATF_CHECK_EQ(KX3_NAME, run.started[0].result);
	ATF_CHECK_EQ(0, kx3_handles(a) + kx3_handles(b));
	teardown();
}

ATF_TC_WITHOUT_HEAD(bad_answers);
ATF_TC_BODY(bad_answers, tc)
{
	struct run run;

	for (int what = 0; what < 7; what++) {
		uint32_t want = KX3_MALFORMED;

		setup(prs[0], prs[0], prs[1]);
		run_begin(&run);
		run_shares(&run);
		if (what == 0)
			run.started[1].len = 0;
		if (what == 1)
			run.started[1].len--;
		if (what == 2)
			run.started[1].frame[0] = 0;
		if (what == 3)
			run.started[1].frame[0] = 3;
		if (what == 4)
			run.started[1].frame[0] = 1;
		if (what >= 5) {
			/* The identity, in a slot that is not even needed. */
			memset(run.started[1].frame + (what == 5 ? 1 : 65), 0,
			    KX3_SHARE_LEN);
			want = KX3_SHARE;
		}
		run_answer(&run);
		ATF_CHECK_EQ_MSG(want, run.finished[0].result, "%d", what);
		ATF_CHECK(no_keys(&run.finished[0]));
		teardown();
	}
}

ATF_TC_WITHOUT_HEAD(bad_confirmations);
ATF_TC_BODY(bad_confirmations, tc)
{
	struct run run;

	for (int what = 0; what < 4; what++) {
		setup(prs[0], prs[0], NULL);
		run_begin(&run);
		run_shares(&run);
		run_answer(&run);
		if (what == 0)
			run.finished[0].frame[0] = 1;
		if (what == 1)
			run.finished[0].frame[32] ^= 0x80;
		if (what == 2)
			run.finished[0].len--;
		if (what == 3)
			now += KX3_HANDLE_MS + 1;
		run_confirm(&run);
		ATF_CHECK_EQ(what == 1 ? KX3_PASSWORD
			: what == 3    ? KX3_EXPIRED
				       : KX3_MALFORMED,
		    (int)run.finished[1].result);
		ATF_CHECK(no_keys(&run.finished[1]));
		ATF_CHECK_EQ(0, kx3_handles(b));
		teardown();
	}
}

/* Three guesses are free, then it takes 5 s, 10 s and so on to 10 min. */
ATF_TC_WITHOUT_HEAD(penalties);
ATF_TC_BODY(penalties, tc)
{
	struct imsg_kx3_start start = frames(false);
	struct imsg_kx3_started started;
	uint64_t wait = 5000;

	setup(prs[0], prs[0], NULL);
	crypto_core_ristretto255_random(start.share);
	for (int i = 0; i < 12; i++) {
		kx3_start(b, &start, true, now, &started);
		ATF_CHECK_EQ_MSG(KX3_DONE, started.result, "%d", i);
		kx3_cancel(b, started.handle);
		if (i < 2)
			continue;
		now += wait - 1;
		kx3_start(b, &start, true, now, &started);
		ATF_CHECK_EQ_MSG(KX3_FAILURES, started.result, "%d", i);
		ATF_CHECK_EQ(0, started.handle + started.len);
		now++;
		wait = wait * 2 > 600000 ? 600000 : wait * 2;
	}
	/* Nobody else waits for that, nor with a new password this one. */
	start.addr = ADDR_A + 1;
	kx3_start(b, &start, true, now, &started);
	ATF_CHECK_EQ(KX3_DONE, started.result);
	start.addr = ADDR_A;
	kx3_set_slots(b, prs[1], NULL);
	kx3_start(b, &start, true, now, &started);
	ATF_CHECK_EQ(KX3_DONE, started.result);
	teardown();
}

ATF_TC_WITHOUT_HEAD(success_is_free);
ATF_TC_BODY(success_is_free, tc)
{
	struct run run;

	setup(prs[0], prs[0], NULL);
	for (int i = 0; i < 100; i++) {
		run_all(&run);
		ATF_REQUIRE_EQ(KX3_DONE, run.finished[1].result);
		now += 10;
	}
	teardown();
}

/* Two unfinished runs of an address, and what all may leave unfinished. */
ATF_TC_WITHOUT_HEAD(unfinished);
ATF_TC_BODY(unfinished, tc)
{
	struct imsg_kx3_start start = frames(false);
	struct imsg_kx3_started started;
	unsigned done[2] = {0, 0};

	setup(prs[0], prs[0], NULL);
	crypto_core_ristretto255_random(start.share);
	for (int i = 0; i < 3; i++) {
		kx3_start(b, &start, true, now, &started);
		ATF_CHECK_EQ(i < 2 ? KX3_DONE : KX3_BUSY, (int)started.result);
	}
	now += 60000;
	for (int stranger = 1; stranger >= 0; stranger--)
		for (int i = 0; i < 100; i++) {
			start.addr++;
			kx3_start(b, &start, !stranger, now, &started);
			done[stranger] += started.result == KX3_DONE;
		}
	ATF_CHECK_EQ(10, done[1]);
	ATF_CHECK_EQ(10, done[0]);
	ATF_CHECK_EQ(180, kx3_throttled(b));
	teardown();
}

/* The table never overflows, and a quarter is kept for what we dial. */
ATF_TC_WITHOUT_HEAD(table);
ATF_TC_BODY(table, tc)
{
	struct imsg_kx3_start start = frames(true);
	struct imsg_kx3_started started;
	unsigned done = 0;

	setup(prs[0], prs[0], NULL);
	for (int i = 0; i < 2000; i++) {
		now += 5; /* 200 a second */
		kx3_start(a, &start, true, now, &started);
		done += started.result == KX3_DONE;
		ATF_REQUIRE(kx3_handles(a) <= KX3_OUTBOUND_MAX);
	}
	ATF_CHECK(done < 2000 && done > KX3_OUTBOUND_MAX);
	now += KX3_HANDLE_MS + 1;
	done = 0;
	for (int i = 0; i < 1000; i++) {
		kx3_start(a, &start, true, now, &started);
		done += started.result == KX3_DONE;
	}
	ATF_CHECK_EQ(KX3_STARTS_PER_S, done);
	teardown();
}

/* All that is hashed, written down flat. */
struct flat {
	uint8_t data[4096];
	size_t len;
};

static void
put(struct flat *flat, const void *data, size_t len)
{
	memcpy(flat->data + flat->len, data, len);
	flat->len += len;
}

static void
put_lv(struct flat *flat, const void *data, size_t len)
{
	uint8_t bytes[2] = {(uint8_t)(len | 0x80), (uint8_t)(len >> 7)};

	if (len < 128)
		bytes[0] = (uint8_t)len;
	put(flat, bytes, len < 128 ? 1 : 2);
	put(flat, data, len);
}

static void
label_key(const uint8_t prk[32], const char *label, const uint8_t th[64],
    uint8_t key[32])
{
	struct flat flat = {.len = 0};
	const uint8_t one = 1;

	put(&flat, "weaved/3 ", 9);
	put(&flat, label, strlen(label) + 1);
	put(&flat, th, 64);
	put(&flat, &one, 1);
	crypto_auth_hmacsha256(key, flat.data, flat.len, prk);
}

static void
hash(const struct flat *flat, uint8_t out[64])
{
	crypto_hash_sha512(out, flat->data, flat->len);
}

/* The dialler's side as the specification has it, without our code. */
ATF_TC_WITHOUT_HEAD(by_hand);
ATF_TC_BODY(by_hand, tc)
{
	static const uint8_t zeros[76],
	    names[2][6] = {{0x0a, 0, 0, 0, 0, 1}, {0x0a, 0, 0, 0, 0, 2}};
	struct imsg_kx3_start start = frames(false);
	struct imsg_kx3_started started;
	struct imsg_kx3_finish finish = {0};
	struct imsg_kx3_finished finished;
	uint8_t h[64], sid[32], g[32], y[32], k[32], isk[64], th[64];
	uint8_t prk[32], key[32], tag[32];
	struct flat ci = {.len = 0}, flat = {.len = 0}, message;
	crypto_auth_hmacsha256_state mac;

	setup(prs[0], prs[2], prs[0]);
	put(&flat, "weaved/3 sid", 12);
	put(&flat, start.header, 14);
	put_lv(&flat, start.hello[0], start.hello_len[0]);
	put_lv(&flat, start.hello[1], start.hello_len[1]);
	hash(&flat, h);
	memcpy(sid, h, 32);
	put_lv(&ci, "weaved/3", 8);
	put_lv(&ci, names[0], 6);
	put_lv(&ci, names[1], 6);
	put_lv(&ci, "weave", 5);
	flat.len = 0;
	put_lv(&flat, "CPaceRistretto255", 17);
	put_lv(&flat, prs[0], 32);
	put_lv(&flat, zeros, 76);
	put_lv(&flat, ci.data, ci.len);
	put_lv(&flat, sid, 32);
	hash(&flat, h);
	crypto_core_ristretto255_from_hash(g, h);
	crypto_core_ristretto255_scalar_random(y);
	ATF_REQUIRE_EQ(0, crypto_scalarmult_ristretto255(start.share, y, g));
	kx3_start(b, &start, false, now, &started);
	ATF_REQUIRE_EQ(KX3_DONE, started.result);
	ATF_REQUIRE_EQ(129, started.len);
	ATF_REQUIRE_EQ(
	    0, crypto_scalarmult_ristretto255(k, y, started.frame + 65));
	flat.len = 0;
	put_lv(&flat, "CPaceRistretto255_ISK", 21);
	put_lv(&flat, sid, 32);
	put_lv(&flat, k, 32);
	put_lv(&flat, start.share, 32);
	put_lv(&flat, "", 0);
	put_lv(&flat, started.frame + 65, 32);
	put_lv(&flat, "\2\1", 2);
	hash(&flat, isk);
	crypto_auth_hmacsha256_init(&mac, sid, 32);
	crypto_auth_hmacsha256_update(&mac, isk, 64);
	crypto_auth_hmacsha256_final(&mac, prk);
	flat.len = 0;
	put(&flat, "weaved/3 th", 11);
	put(&flat, start.header, 14);
	put_lv(&flat, start.hello[0], start.hello_len[0]);
	put_lv(&flat, start.hello[1], start.hello_len[1]);
	put_lv(&flat, start.share, 32);
	message.len = 0;
	put(&message, "\2", 1);
	put(&message, started.frame + 1, 32);
	put(&message, started.frame + 65, 32);
	put_lv(&flat, message.data, message.len);
	hash(&flat, th);
	message.len = 0;
	put(&message, th, 64);
	put(&message, "B\1", 2);
	label_key(prk, "confirm r", th, key);
	crypto_auth_hmacsha256(tag, message.data, message.len, key);
	ATF_CHECK(memcmp(tag, started.frame + 97, 32) == 0);
	message.data[64] = 'A';
	label_key(prk, "confirm i", th, key);
	finish.handle = started.handle;
	finish.len = 33;
	finish.frame[0] = 1;
	crypto_auth_hmacsha256(
	    finish.frame + 1, message.data, message.len, key);
	kx3_finish(b, &finish, now, &finished);
	ATF_REQUIRE_EQ(KX3_DONE, finished.result);
	ATF_CHECK(memcmp(th, finished.keys.th, 64) == 0);
	label_key(prk, "tcp i", th, key);
	ATF_CHECK(memcmp(key, finished.keys.tcp[0], 32) == 0);
	label_key(prk, "tcp r", th, key);
	ATF_CHECK(memcmp(key, finished.keys.tcp[1], 32) == 0);
	label_key(prk, "udp i", th, key);
	ATF_CHECK(memcmp(key, finished.keys.udp[0], 32) == 0);
	label_key(prk, "udp r", th, key);
	ATF_CHECK(memcmp(key, finished.keys.udp[1], 32) == 0);
	label_key(prk, "rekey", th, key);
	ATF_CHECK(memcmp(key, finished.keys.rekey, 32) == 0);
	teardown();
}

ATF_TC_WITHOUT_HEAD(salt);
ATF_TC_BODY(salt, tc)
{
	uint8_t out[32];

	ATF_CHECK_EQ(17, kx3_salt("weave", out, sizeof(out)));
	ATF_CHECK(memcmp("weaved/3 prsweave", out, 17) == 0);
	ATF_CHECK_EQ(0, kx3_salt("weave", out, 16));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, agree);
	ATF_TP_ADD_TC(tp, slots);
	ATF_TP_ADD_TC(tp, bound);
	ATF_TP_ADD_TC(tp, other_mesh);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, bad_answers);
	ATF_TP_ADD_TC(tp, bad_confirmations);
	ATF_TP_ADD_TC(tp, penalties);
	ATF_TP_ADD_TC(tp, success_is_free);
	ATF_TP_ADD_TC(tp, unfinished);
	ATF_TP_ADD_TC(tp, table);
	ATF_TP_ADD_TC(tp, by_hand);
	ATF_TP_ADD_TC(tp, salt);
	return atf_no_error();
}
