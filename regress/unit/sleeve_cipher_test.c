/* Packets of version 3: nonce, epochs, replay, and their ends. */
#include <atf-c.h>
#include <sodium.h>
#include <string.h>

#include "common/addr.h"
#include "weaved/engine/overlay/sleeve_cipher.h"

#define NAME UINT64_C(0x0a0000000001)
#define LEN 64

static struct sleeve_cipher a, b;
static struct packet_pool *pool;
static uint8_t keys[2][CIPHER_KEY_LEN];

/* A datagram as it is on the wire. */
struct datagram {
	uint8_t data[256];
	size_t len;
};

static void
setup(void)
{
	ATF_REQUIRE(sodium_init() != -1);
	ATF_REQUIRE((pool = packet_pool_new(2)) != NULL);
	memset(keys[0], 1, sizeof(keys[0]));
	memset(keys[1], 2, sizeof(keys[1]));
	sleeve_cipher_init3(&a, true, keys);
	sleeve_cipher_init3(&b, false, keys);
}

static void
teardown(void)
{
	sleeve_cipher_wipe(&a);
	sleeve_cipher_wipe(&b);
	packet_pool_free(pool);
}

static struct datagram
seal(struct sleeve_cipher *from, bool df)
{
	struct packet *packet = packet_get(pool);
	struct datagram out = {.len = 0};

	ATF_REQUIRE(packet != NULL && sleeve_packet_begin(packet, true));
	memset(packet_append(packet, LEN), 0x5a, LEN);
	ATF_REQUIRE(packet_end_datagram(packet));
	if (sleeve_cipher_seal(from, packet, NAME, df)) {
		out.len = packet->len;
		memcpy(out.data, packet->data, packet->len);
	}
	packet_put(pool, packet);
	return out;
}

static enum sleeve_opened
open_at(struct sleeve_cipher *to, const struct datagram *in, uint64_t now)
{
	struct datagram copy = *in;
	struct sleeve_datagram datagram = {.data = copy.data, .len = copy.len};
	enum sleeve_opened opened = SLEEVE_REPLAYED;
	uint64_t name;

	ATF_REQUIRE(sleeve_datagram_name(&datagram, &name));
	sleeve_cipher_open(to, &datagram, 1, &opened, now);
	if (opened == SLEEVE_OPENED) {
		ATF_CHECK_EQ(LEN, datagram.len);
		ATF_CHECK_EQ(0x5a, datagram.data[LEN - 1]);
	}
	return opened;
}

static void
next_keys(void)
{
	keys[0][0]++;
	keys[1][0]++;
}

ATF_TC_WITHOUT_HEAD(layout);
ATF_TC_BODY(layout, tc)
{
	uint8_t nonce[24] = {0x55, 1, 1, 0, 0, 0, 0, 1}, text[LEN];
	struct datagram in;

	setup();
	next_keys();
	sleeve_cipher_expect(&b, keys, 0);
	sleeve_cipher_switch(&b);
	seal(&b, true);
	in = seal(&b, true);
	ATF_CHECK_EQ(SLEEVE_SEALED_HEADER + LEN, in.len);
	ATF_CHECK_EQ(NAME, peername_get(in.data));
	ATF_CHECK(memcmp(in.data + 6, "\x81\0\0\0\0\0\0\1", 8) == 0);
	memcpy(nonce + 16, in.data + 6, 8);
	ATF_CHECK_EQ(0,
	    crypto_secretbox_open_detached(
		text, in.data + 30, in.data + 14, LEN, nonce, keys[1]));
	teardown();
}

ATF_TC_WITHOUT_HEAD(opens_once);
ATF_TC_BODY(opens_once, tc)
{
	struct datagram df, plain, back;

	setup();
	df = seal(&a, true);
	plain = seal(&a, false);
	back = seal(&b, true);
	/* Reflected: our own direction opens nothing. */
	ATF_CHECK_EQ(SLEEVE_BAD, open_at(&b, &back, 0));
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &df, 0));
	ATF_CHECK_EQ(SLEEVE_REPLAYED, open_at(&b, &df, 0));
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &plain, 0));
	ATF_CHECK_EQ(SLEEVE_REPLAYED, open_at(&b, &plain, 0));
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&a, &back, 0));
	teardown();
}

/* A changed bit anywhere but in the name; a number is not used up by it. */
ATF_TC_WITHOUT_HEAD(tampered);
ATF_TC_BODY(tampered, tc)
{
	struct datagram in, changed;

	setup();
	in = seal(&a, true);
	for (size_t i = 6; i < in.len; i++) {
		changed = in;
		changed.data[i] ^= 0x10;
		ATF_CHECK_EQ(SLEEVE_BAD, open_at(&b, &changed, 0));
	}
	changed = in;
	changed.len = SLEEVE_SEALED_HEADER - 1;
	ATF_CHECK_EQ(SLEEVE_BAD, open_at(&b, &changed, 0));
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &in, 0));
	teardown();
}

/* One change of keys as the messages order it; nothing is lost. */
ATF_TC_WITHOUT_HEAD(make_before_break);
ATF_TC_BODY(make_before_break, tc)
{
	struct datagram old_a, old_b, late, new_a, new_b;

	setup();
	old_a = seal(&a, true);
	old_b = seal(&b, true);
	late = seal(&a, true);
	next_keys();
	sleeve_cipher_expect(&b, keys, 1000); /* before it answers */
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &old_a, 1000));
	sleeve_cipher_expect(&a, keys, 1100);
	sleeve_cipher_switch(&a);
	new_a = seal(&a, true);
	ATF_CHECK_EQ(1, a.sending);
	ATF_CHECK_EQ(0, b.sending);
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&a, &old_b, 1200));
	/* The first packet of the new epoch makes B change too. */
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &new_a, 2000));
	ATF_CHECK_EQ(1, b.sending);
	new_b = seal(&b, true);
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&a, &new_b, 2000));
	/* What was under way still opens, for 10 s. */
	ATF_CHECK_EQ(12000, sleeve_cipher_tick(&b, 11999));
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &late, 11999));
	ATF_CHECK_EQ(UINT64_MAX, sleeve_cipher_tick(&b, 12000));
	ATF_CHECK_EQ(SLEEVE_BAD, open_at(&b, &late, 12000));
	ATF_CHECK(sodium_is_zero((const uint8_t *)b.epochs[0].receive_keys,
	    sizeof(b.epochs[0].receive_keys)));
	ATF_CHECK(sodium_is_zero((const uint8_t *)b.epochs[0].send_keys,
	    sizeof(b.epochs[0].send_keys)));
	ATF_CHECK(b.epochs[0].replay[1].current == NULL);
	teardown();
}

/* Both DF classes, two epochs and rubbish in one batch. */
ATF_TC_WITHOUT_HEAD(batches);
ATF_TC_BODY(batches, tc)
{
	static const enum sleeve_opened wanted[] = {SLEEVE_OPENED,
	    SLEEVE_OPENED, SLEEVE_OPENED, SLEEVE_BAD, SLEEVE_OPENED,
	    SLEEVE_OPENED, SLEEVE_REPLAYED, SLEEVE_BAD};
	struct sleeve_datagram batch[8] = {{0}};
	enum sleeve_opened opened[8];
	struct datagram in[8];
	uint64_t name;

	setup();
	for (int i = 0; i < 3; i++)
		in[i] = seal(&a, i < 2);
	in[3] = in[0];
	in[3].data[40] ^= 1;
	in[3].data[13] = 9;
	next_keys();
	sleeve_cipher_expect(&a, keys, 0);
	sleeve_cipher_expect(&b, keys, 0);
	sleeve_cipher_switch(&a);
	in[4] = seal(&a, true);
	in[5] = seal(&a, true);
	in[6] = in[5];
	in[7].len = 7;
	for (int i = 0; i < 8; i++) {
		batch[i].data = in[i].data;
		batch[i].len = in[i].len;
		ATF_REQUIRE(sleeve_datagram_name(&batch[i], &name));
	}
	sleeve_cipher_open(&b, batch, 8, opened, 0);
	for (int i = 0; i < 8; i++)
		ATF_CHECK_EQ_MSG(wanted[i], opened[i], "%d", i);
	teardown();
}

/* Nobody sends: the old keys go after 60 s all the same. */
ATF_TC_WITHOUT_HEAD(old_keys_go);
ATF_TC_BODY(old_keys_go, tc)
{
	struct datagram late;

	setup();
	late = seal(&a, true);
	next_keys();
	sleeve_cipher_expect(&b, keys, 1000);
	ATF_CHECK_EQ(61000, sleeve_cipher_tick(&b, 60999));
	ATF_CHECK_EQ(UINT64_MAX, sleeve_cipher_tick(&b, 61000));
	ATF_CHECK_EQ(SLEEVE_BAD, open_at(&b, &late, 61000));
	/* B has not changed yet and can still send. */
	late = seal(&b, true);
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&a, &late, 61000));
	sleeve_cipher_switch(&b);
	ATF_CHECK(sodium_is_zero((const uint8_t *)b.epochs[0].send_keys,
	    sizeof(b.epochs[0].send_keys)));
	teardown();
}

/* Of three epochs the oldest is gone, and a replay of it stays one. */
ATF_TC_WITHOUT_HEAD(two_at_most);
ATF_TC_BODY(two_at_most, tc)
{
	struct datagram packets[300];

	setup();
	for (uint64_t epoch = 0; epoch < 300; epoch++) {
		if (epoch > 0) {
			next_keys();
			sleeve_cipher_expect(&b, keys, epoch);
			sleeve_cipher_expect(&a, keys, epoch);
			sleeve_cipher_switch(&a);
		}
		packets[epoch] = seal(&a, true);
		ATF_REQUIRE_EQ(
		    SLEEVE_OPENED, open_at(&b, &packets[epoch], epoch));
		ATF_CHECK_EQ(epoch, b.sending);
		ATF_CHECK_EQ(
		    SLEEVE_REPLAYED, open_at(&b, &packets[epoch], epoch));
		if (epoch > 0)
			ATF_CHECK_EQ(SLEEVE_REPLAYED,
			    open_at(&b, &packets[epoch - 1], epoch));
		for (uint64_t old = 0; old + 1 < epoch; old++)
			ATF_CHECK(
			    SLEEVE_OPENED != open_at(&b, &packets[old], epoch));
	}
	teardown();
}

ATF_TC_WITHOUT_HEAD(used_up);
ATF_TC_BODY(used_up, tc)
{
	setup();
	a.epochs[0].sequence[1] = SLEEVE_COUNTER_MAX - 1;
	ATF_CHECK(seal(&a, true).len > 0);
	ATF_CHECK_EQ(0, seal(&a, true).len);
	ATF_CHECK_EQ(0, seal(&a, false).len);
	next_keys();
	sleeve_cipher_expect(&a, keys, 0);
	sleeve_cipher_switch(&a);
	ATF_CHECK(seal(&a, false).len > 0);
	ATF_CHECK_EQ(1, sleeve_cipher_sealed(&a));
	a.held = true;
	ATF_CHECK_EQ(0, seal(&a, false).len);
	next_keys();
	sleeve_cipher_expect(&a, keys, 0);
	ATF_CHECK_EQ(0, seal(&a, false).len);
	sleeve_cipher_switch(&a);
	ATF_CHECK(seal(&a, false).len > 0);
	teardown();
}

/* At least 8192 behind the newest, and what is older is refused. */
ATF_TC_WITHOUT_HEAD(window);
ATF_TC_BODY(window, tc)
{
	struct datagram first, second, newest;

	setup();
	first = seal(&a, true);
	second = seal(&a, true);
	a.epochs[0].sequence[1] = 8193;
	newest = seal(&a, true);
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &newest, 0));
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &second, 0));
	a.epochs[0].sequence[1] = UINT64_C(5) << REPLAY_HALF_BITS;
	newest = seal(&a, true);
	ATF_CHECK_EQ(SLEEVE_OPENED, open_at(&b, &newest, 0));
	ATF_CHECK_EQ(SLEEVE_REPLAYED, open_at(&b, &first, 0));
	teardown();
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, layout);
	ATF_TP_ADD_TC(tp, opens_once);
	ATF_TP_ADD_TC(tp, tampered);
	ATF_TP_ADD_TC(tp, make_before_break);
	ATF_TP_ADD_TC(tp, batches);
	ATF_TP_ADD_TC(tp, old_keys_go);
	ATF_TP_ADD_TC(tp, two_at_most);
	ATF_TP_ADD_TC(tp, used_up);
	ATF_TP_ADD_TC(tp, window);
	return atf_no_error();
}
