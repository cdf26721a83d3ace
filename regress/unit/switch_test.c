/* The overlay list and the numbering of control messages. */
#include <atf-c.h>
#include <string.h>

#include "weaved/engine/overlay/switch.h"

static struct overlay_switch make(const char *);

static struct overlay_switch
make(const char *theirs)
{
	struct overlay_switch sw;

	ATF_REQUIRE(switch_init(&sw, theirs));
	return sw;
}

ATF_TC_WITHOUT_HEAD(lists);
ATF_TC_BODY(lists, tc)
{
	static const char *const good[] = {
	    "sleeve", "fastdp sleeve", "sleeve fastdp", "  sleeve "};
	static const char *const bad[] = {
	    "", " ", "fastdp", "awsvpc", "sleeves", "sleev", "fastdp,sleeve"};
	struct overlay_switch sw;

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		sw = make(good[i]);
		ATF_CHECK(!sw.compat);
		ATF_CHECK_EQ(1, sw.count);
		ATF_CHECK_EQ(OVERLAY_SLEEVE, sw.kinds[0]);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!switch_init(&sw, bad[i]), "%s", bad[i]);
}

/* The examples of mesh-protocol 3.2. */
ATF_TC_WITHOUT_HEAD(encode);
ATF_TC_BODY(encode, tc)
{
	struct overlay_switch sw = make("fastdp sleeve");
	struct overlay_message heard = {OVERLAY_SLEEVE, 1, NULL, 0};
	struct overlay_message mtu = {
	    OVERLAY_SLEEVE, 3, (const uint8_t *)"\x05\x9e", 2};
	uint8_t payload[SWITCH_BODY_MAX + 2], outer;
	size_t len;

	ATF_REQUIRE(switch_encode(&sw, &heard, &outer, payload, &len));
	ATF_CHECK_EQ(7, outer);
	ATF_CHECK(len == 2 && memcmp(payload, "\0\1", 2) == 0);
	ATF_REQUIRE(switch_encode(&sw, &mtu, &outer, payload, &len));
	ATF_CHECK(len == 4 && memcmp(payload, "\0\3\x05\x9e", 4) == 0);
	mtu.len = SWITCH_BODY_MAX + 1;
	ATF_CHECK(!switch_encode(&sw, &mtu, &outer, payload, &len));

	/* What does not exist at the peer must never be sent (13). */
	sw.count = 0;
	ATF_CHECK(!switch_encode(&sw, &heard, &outer, payload, &len));
}

ATF_TC_WITHOUT_HEAD(decode);
ATF_TC_BODY(decode, tc)
{
	struct overlay_switch sw = make("sleeve");
	struct overlay_message m;

	for (uint8_t outer = 1; outer <= 7; outer++) {
		ATF_REQUIRE(switch_decode(
		    &sw, outer, (const uint8_t *)"\0\3\x05\x9e", 4, &m));
		ATF_CHECK_EQ(OVERLAY_SLEEVE, m.kind);
		ATF_CHECK_EQ(3, m.tag);
		ATF_CHECK(m.len == 2 && memcmp(m.body, "\x05\x9e", 2) == 0);
	}
	ATF_CHECK(!switch_decode(&sw, 7, (const uint8_t *)"\1\1", 2, &m));
	ATF_CHECK(!switch_decode(&sw, 7, (const uint8_t *)"\377\1", 2, &m));
	ATF_CHECK(!switch_decode(&sw, 7, (const uint8_t *)"\0", 1, &m));
	ATF_CHECK(!switch_decode(&sw, 7, NULL, 0, &m));
}

ATF_TC_WITHOUT_HEAD(compatibility);
ATF_TC_BODY(compatibility, tc)
{
	struct overlay_switch sw = make(NULL);
	struct overlay_message m = {
	    OVERLAY_SLEEVE, 3, (const uint8_t *)"\x05\x9e", 2};
	uint8_t payload[SWITCH_BODY_MAX + 2], outer;
	size_t len;

	ATF_CHECK(sw.compat);
	ATF_REQUIRE(switch_encode(&sw, &m, &outer, payload, &len));
	ATF_CHECK_EQ(3, outer);
	ATF_CHECK(len == 2 && memcmp(payload, "\x05\x9e", 2) == 0);
	ATF_REQUIRE(switch_decode(&sw, 1, NULL, 0, &m));
	ATF_CHECK(m.tag == 1 && m.len == 0);
	ATF_CHECK(!switch_decode(&sw, 7, (const uint8_t *)"\0\1", 2, &m));
	ATF_CHECK(!switch_decode(&sw, 0, NULL, 0, &m));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, lists);
	ATF_TP_ADD_TC(tp, encode);
	ATF_TP_ADD_TC(tp, decode);
	ATF_TP_ADD_TC(tp, compatibility);
	return atf_no_error();
}
