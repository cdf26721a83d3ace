/*
 * The connection maker under a fake clock.
 */
#include <string.h>

#include <atf-c.h>
#include <sodium.h>

#include "weaved/engine/mesh/dialer.h"

#define PORT 6783

static struct {
	unsigned count;
	uint32_t dial;
	struct endpoint to;
	bool direct;
	unsigned lookups;
	uint32_t target;
	char host[CTL_TEXT_MAX];
} seen;

static struct dialer *dialer;
static struct dialer_view view;
static uint64_t now;

static void
op_dial(void *arg, uint32_t dial, struct endpoint to, bool direct)
{
	(void)arg;
	seen.count++;
	seen.dial = dial;
	seen.to = to;
	seen.direct = direct;
}

static void
op_resolve(void *arg, uint32_t target, const char *host)
{
	(void)arg;
	seen.lookups++;
	seen.target = target;
	strlcpy(seen.host, host, sizeof(seen.host));
}

static const struct dialer_ops ops = {op_dial, op_resolve};

static void
setup(void)
{
	ATF_REQUIRE(sodium_init() != -1);
	memset(&seen, 0, sizeof(seen));
	memset(&view, 0, sizeof(view));
	now = 500000;
	dialer = dialer_new(PORT, &ops, NULL);
	ATF_REQUIRE(dialer != NULL);
}

static void
add(uint32_t target, const char *text)
{
	ATF_REQUIRE_EQ(0, dialer_target_add(dialer, target, text, now));
}

static uint64_t
run(void)
{
	return dialer_run(dialer, &view, now);
}

/* Lets time pass until the next dial; returns how long that took. */
static uint64_t
wait_for_dial(void)
{
	uint64_t start = now, next;
	unsigned before = seen.count;

	for (;;) {
		next = run();
		if (seen.count != before)
			return now - start;
		ATF_REQUIRE(next != DIALER_NEVER);
		ATF_REQUIRE(next > now);
		now = next;
	}
}

ATF_TC_WITHOUT_HEAD(port_completed);
ATF_TC_BODY(port_completed, tc)
{
	setup();
	add(1, "10.0.0.1");
	run();
	ATF_CHECK_EQ(1, seen.count);
	ATF_CHECK_EQ(PORT, seen.to.port);
	ATF_CHECK(seen.direct);
	ATF_CHECK(dialer_may_introduce(dialer, seen.dial));
	add(2, "10.0.0.2:77");
	run();
	ATF_CHECK_EQ(2, seen.count);
	ATF_CHECK_EQ(77, seen.to.port);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(back_off);
ATF_TC_BODY(back_off, tc)
{
	uint64_t interval = DIALER_FIRST, waited;
	unsigned i;

	setup();
	add(1, "10.0.0.1");
	run();
	for (i = 0; i < 30; i++) {
		dialer_ended(dialer, seen.dial, "no", false, now);
		waited = wait_for_dial();
		ATF_CHECK(waited >= interval / 2);
		ATF_CHECK(waited < interval / 2 + interval);
		interval = interval * 3 / 2;
		if (interval > DIALER_LARGEST)
			interval = DIALER_LARGEST;
	}
	ATF_CHECK_EQ(31, seen.count);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(second_password);
ATF_TC_BODY(second_password, tc)
{
	uint64_t interval = DIALER_FIRST, waited;

	setup();
	add(1, "10.0.0.1");
	run();
	for (unsigned i = 0; i < 5; i++) {
		ATF_CHECK(!dialer_is_second(dialer, seen.dial));
		dialer_refused(dialer, seen.dial, "password", now);
		ATF_CHECK_EQ(0, wait_for_dial());
		ATF_CHECK(dialer_is_second(dialer, seen.dial));
		dialer_refused(dialer, seen.dial, "password", now);
		waited = wait_for_dial();
		ATF_CHECK(waited >= interval / 2);
		ATF_CHECK(waited < interval / 2 + interval);
		interval = interval * 3 / 2;
	}
	/* It fails for another reason: the first one has its turn again. */
	dialer_refused(dialer, seen.dial, "password", now);
	wait_for_dial();
	dialer_ended(dialer, seen.dial, "no", false, now);
	wait_for_dial();
	ATF_CHECK(!dialer_is_second(dialer, seen.dial));
	/* So it has after a connection made with the second. */
	dialer_refused(dialer, seen.dial, "password", now);
	wait_for_dial();
	dialer_connected(dialer, seen.dial);
	dialer_ended(dialer, seen.dial, "gone", false, now);
	wait_for_dial();
	ATF_CHECK(!dialer_is_second(dialer, seen.dial));
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(reset_after_a_minute);
ATF_TC_BODY(reset_after_a_minute, tc)
{
	unsigned i;

	setup();
	add(1, "10.0.0.1");
	run();
	for (i = 0; i < 10; i++) {
		dialer_ended(dialer, seen.dial, "no", false, now);
		wait_for_dial();
	}
	dialer_connected(dialer, seen.dial);
	now += DIALER_RESET_AFTER + 1;
	dialer_ended(dialer, seen.dial, "gone", false, now);
	ATF_CHECK_EQ(0, wait_for_dial());
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(never_until_asked);
ATF_TC_BODY(never_until_asked, tc)
{
	setup();
	add(1, "10.0.0.1");
	run();
	dialer_ended(dialer, seen.dial, "ourself", true, now);
	now += 86400000;
	ATF_CHECK_EQ(DIALER_NEVER, run());
	ATF_CHECK_EQ(1, seen.count);
	add(1, "10.0.0.1");
	run();
	ATF_CHECK_EQ(2, seen.count);
	dialer_free(dialer);
}

/* Without a port one connection from that IP is enough. */
ATF_TC_WITHOUT_HEAD(inbound_suffices);
ATF_TC_BODY(inbound_suffices, tc)
{
	struct dialer_held held = {{0x0a000001, 40000}, false, 7};

	setup();
	view.held = &held;
	view.nheld = 1;
	add(1, "10.0.0.1");
	run();
	ATF_CHECK_EQ(0, seen.count);
	add(2, "10.0.0.1:6783");
	run();
	ATF_CHECK_EQ(1, seen.count);
	dialer_ended(dialer, seen.dial, "no", false, now);
	dialer_target_remove(dialer, 2);
	view.nheld = 0;
	wait_for_dial();
	ATF_CHECK_EQ(2, seen.count);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(held_is_not_dialled);
ATF_TC_BODY(held_is_not_dialled, tc)
{
	struct dialer_held held = {{0x0a000001, PORT}, true, 7};

	setup();
	view.held = &held;
	view.nheld = 1;
	add(1, "10.0.0.1:6783");
	run();
	ATF_CHECK_EQ(0, seen.count);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(discovered);
ATF_TC_BODY(discovered, tc)
{
	struct endpoint found[] = {{0x0a000001, PORT}, {0x7f000001, PORT},
	    {0xe0000001, PORT}, {0, PORT}, {0xffffffff, PORT}, {0x0a000002, 0}};

	setup();
	view.found = found;
	view.nfound = sizeof(found) / sizeof(found[0]);
	run();
	ATF_CHECK_EQ(1, seen.count);
	ATF_CHECK_EQ(0x0a000001, seen.to.addr);
	ATF_CHECK(!seen.direct);
	ATF_CHECK(!dialer_may_introduce(dialer, seen.dial));
	dialer_ended(dialer, seen.dial, "no", false, now);
	view.nfound = 0;
	ATF_CHECK_EQ(DIALER_NEVER, run());
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	static struct endpoint found[200];
	size_t i;

	setup();
	for (i = 0; i < 200; i++) {
		found[i].addr = 0x0a000100 + (uint32_t)i;
		found[i].port = PORT;
	}
	view.found = found;
	view.nfound = 200;
	run();
	ATF_CHECK_EQ(DIALER_ATTEMPTS_MAX, seen.count);
	dialer_ended(dialer, seen.dial, "no", false, now);
	run();
	ATF_CHECK_EQ(DIALER_ATTEMPTS_MAX + 1, seen.count);
	dialer_free(dialer);

	setup();
	view.full = true;
	view.limit = 5;
	add(1, "10.0.0.1");
	run();
	ATF_CHECK_EQ(0, seen.count);
	dialer_free(dialer);
}

/* However much gossip invents, the operator's peers are dialled. */
ATF_TC_WITHOUT_HEAD(found_leave_room);
ATF_TC_BODY(found_leave_room, tc)
{
	static struct endpoint found[DIALER_ADDRS_MAX];
	size_t i;

	setup();
	for (i = 0; i < DIALER_ADDRS_MAX; i++) {
		found[i].addr = 0x0a010000 + (uint32_t)i;
		found[i].port = PORT;
	}
	view.found = found;
	view.nfound = DIALER_ADDRS_MAX;
	run();
	dialer_ended(dialer, seen.dial, "no", false, now);
	add(1, "10.0.0.1");
	run();
	ATF_CHECK(seen.direct);
	ATF_CHECK_EQ(0x0a000001, seen.to.addr);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(by_name);
ATF_TC_BODY(by_name, tc)
{
	uint32_t addrs[] = {0x0a000001, 0x0a000002};

	setup();
	add(9, "node.example:77");
	run();
	ATF_CHECK_EQ(0, seen.count);
	ATF_CHECK_EQ(1, seen.lookups);
	ATF_CHECK_EQ(9, seen.target);
	ATF_CHECK_STREQ("node.example", seen.host);
	dialer_resolved(dialer, 9, addrs, 1, NULL, now);
	run();
	ATF_CHECK_EQ(1, seen.count);
	ATF_CHECK_EQ(77, seen.to.port);

	/* The next dial asks anew and takes the new address. */
	dialer_ended(dialer, seen.dial, "no", false, now);
	now += 10000;
	run();
	ATF_CHECK_EQ(2, seen.lookups);
	ATF_CHECK_EQ(1, seen.count);
	dialer_resolved(dialer, 9, addrs + 1, 1, NULL, now);
	run();
	ATF_CHECK_EQ(2, seen.count);
	ATF_CHECK_EQ(0x0a000002, seen.to.addr);

	/* Names out of order: the address of last time must do. */
	dialer_ended(dialer, seen.dial, "no", false, now);
	now += 10000;
	run();
	ATF_CHECK_EQ(3, seen.lookups);
	dialer_resolved(dialer, 9, NULL, 0, "timeout", now);
	run();
	ATF_CHECK_EQ(3, seen.count);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(unresolved_backs_off);
ATF_TC_BODY(unresolved_backs_off, tc)
{
	uint64_t next;

	setup();
	add(9, "node.example");
	run();
	dialer_resolved(dialer, 9, NULL, 0, "no such name", now);
	next = run();
	ATF_CHECK_EQ(1, seen.lookups);
	ATF_CHECK(next >= now + DIALER_FIRST / 2 && next < now + 3000);
	now = next;
	run();
	ATF_CHECK_EQ(2, seen.lookups);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(redial);
ATF_TC_BODY(redial, tc)
{
	struct endpoint at = {0x0a000005, PORT};
	struct dialer_held held = {{0x0a000005, 40000}, false, 7};

	setup();
	dialer_redial(dialer, at, 7, 20, now);
	ATF_CHECK_EQ(now + 20, run());
	ATF_CHECK_EQ(0, seen.count);
	now += 20;
	run();
	ATF_CHECK_EQ(1, seen.count);
	ATF_CHECK(dialer_may_introduce(dialer, seen.dial));
	dialer_ended(dialer, seen.dial, "no", false, now);
	ATF_CHECK_EQ(DIALER_NEVER, run());

	/* Not if that peer is there again meanwhile. */
	now += 60000;
	dialer_redial(dialer, at, 7, 20, now);
	view.held = &held;
	view.nheld = 1;
	now += 20;
	run();
	ATF_CHECK_EQ(1, seen.count);
	dialer_free(dialer);
}

static void
keep_row(void *arg, const struct dialer_row *row)
{
	*(struct dialer_row *)arg = *row;
}

/* How long it is unconnected: since it was wanted, then since it was lost. */
ATF_TC_WITHOUT_HEAD(age);
ATF_TC_BODY(age, tc)
{
	struct dialer_row row = {.state = CTL_STATE_MAX};

	setup();
	add(1, "10.0.0.1");
	run();
	dialer_ended(dialer, seen.dial, "no", false, now);
	now += 5000;
	dialer_show(dialer, keep_row, &row, now);
	ATF_CHECK_EQ(CTL_FAILED, row.state);
	ATF_CHECK_EQ(5, row.age);
	wait_for_dial();
	dialer_connected(dialer, seen.dial);
	now += 100000;
	dialer_ended(dialer, seen.dial, "lost", false, now);
	now += 3000;
	dialer_show(dialer, keep_row, &row, now);
	ATF_CHECK_EQ(3, row.age);
	dialer_free(dialer);
}

ATF_TC_WITHOUT_HEAD(bad_targets);
ATF_TC_BODY(bad_targets, tc)
{
	setup();
	ATF_CHECK_EQ(-1, dialer_target_add(dialer, 1, "", now));
	ATF_CHECK_EQ(-1, dialer_target_add(dialer, 1, "host:0", now));
	ATF_CHECK_EQ(-1, dialer_target_add(dialer, 1, "host:70000", now));
	ATF_CHECK_EQ(-1, dialer_target_add(dialer, 1, ":5", now));
	ATF_CHECK_EQ(0, dialer_target_count(dialer));
	dialer_free(dialer);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, port_completed);
	ATF_TP_ADD_TC(tp, back_off);
	ATF_TP_ADD_TC(tp, second_password);
	ATF_TP_ADD_TC(tp, reset_after_a_minute);
	ATF_TP_ADD_TC(tp, never_until_asked);
	ATF_TP_ADD_TC(tp, inbound_suffices);
	ATF_TP_ADD_TC(tp, held_is_not_dialled);
	ATF_TP_ADD_TC(tp, discovered);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, found_leave_room);
	ATF_TP_ADD_TC(tp, by_name);
	ATF_TP_ADD_TC(tp, unresolved_backs_off);
	ATF_TP_ADD_TC(tp, redial);
	ATF_TP_ADD_TC(tp, age);
	ATF_TP_ADD_TC(tp, bad_targets);
	return atf_no_error();
}
