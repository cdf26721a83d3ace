/* VNI, VXLAN header and heartbeats against short_ids_vni.json. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/overlay/vxlan.h"

#define UID UINT64_C(0x1122334455667788)

static void expect_heartbeat(const json_t *);

ATF_TC_WITHOUT_HEAD(vni);
ATF_TC_BODY(vni, tc)
{
	json_t *root = vectors_load("short_ids_vni.json"), *item;
	uint8_t header[VXLAN_HEADER_LEN], *expected;
	uint16_t dst, src;
	uint32_t vni, got;
	size_t i, len;

	json_array_foreach(vectors_get(root, "vni"), i, item) {
		vni = (uint32_t)vectors_u64(item, "vni");
		ATF_CHECK_EQ(vni,
		    vxlan_vni((uint16_t)vectors_u64(item, "dst_short_id"),
			(uint16_t)vectors_u64(item, "src_short_id")));
		vxlan_vni_split(vni, &dst, &src);
		ATF_CHECK_EQ(vectors_u64(item, "dst_short_id"), dst);
		ATF_CHECK_EQ(vectors_u64(item, "src_short_id"), src);
		vxlan_put_header(header, vni);
		expected = vectors_bytes(item, "vxlan_header", &len);
		ATF_REQUIRE_EQ(VXLAN_HEADER_LEN, len);
		ATF_CHECK(memcmp(expected, header, len) == 0);
		ATF_REQUIRE(vxlan_get_header(expected, len, &got));
		ATF_CHECK_EQ(vni, got);
		free(expected);
	}
	ATF_CHECK_EQ(8, i);
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(header_refused);
ATF_TC_BODY(header_refused, tc)
{
	uint8_t header[VXLAN_HEADER_LEN];
	uint32_t vni = 0;

	vxlan_put_header(header, 0x123456);
	for (size_t len = 0; len < VXLAN_HEADER_LEN; len++)
		ATF_CHECK(!vxlan_get_header(header, len, &vni));
	header[7] = header[1] = 0xff;
	ATF_CHECK(vxlan_get_header(header, VXLAN_HEADER_LEN, &vni));
	ATF_CHECK_EQ(0x123456, vni);
	header[0] = 0xf7;
	ATF_CHECK(!vxlan_get_header(header, VXLAN_HEADER_LEN, &vni));
}

static void
expect_heartbeat(const json_t *item)
{
	uint8_t *frame = malloc(UINT16_MAX), *first, *zeros;
	uint32_t mtu = (uint32_t)vectors_u64(item, "device_mtu");
	uint64_t uid = vectors_u64(item, "conn_uid");
	size_t len = vectors_u64(item, "frame_len"), n;

	ATF_REQUIRE_STREQ("zeros", vectors_text(item, "rest"));
	first = vectors_bytes(item, "first_24", &n);
	zeros = calloc(1, len);
	ATF_REQUIRE(frame != NULL && zeros != NULL && n == 24);
	memset(frame, 0x5a, UINT16_MAX);
	ATF_CHECK_EQ(0, vxlan_build_heartbeat(frame, len - 1, uid, mtu));
	ATF_REQUIRE_EQ(len, vxlan_build_heartbeat(frame, len, uid, mtu));
	ATF_CHECK(memcmp(first, frame, n) == 0);
	ATF_CHECK(memcmp(zeros, frame + n, len - n) == 0);
	ATF_CHECK(vxlan_is_special(frame, len));
	ATF_CHECK(vxlan_check_heartbeat(frame, len, uid));
	ATF_CHECK(!vxlan_check_heartbeat(frame, len, uid + 1));
	ATF_CHECK(!vxlan_check_heartbeat(frame, len - 1, uid));
	free(frame);
	free(first);
	free(zeros);
}

ATF_TC_WITHOUT_HEAD(heartbeat_frames);
ATF_TC_BODY(heartbeat_frames, tc)
{
	json_t *root = vectors_load("short_ids_vni.json"), *item;
	size_t i;

	json_array_foreach(vectors_get(root, "heartbeat_frames"), i, item)
		expect_heartbeat(item);
	ATF_CHECK_EQ(3, i);
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(heartbeat_refused);
ATF_TC_BODY(heartbeat_refused, tc)
{
	uint8_t frame[100];
	size_t len;

	ATF_CHECK_EQ(0,
	    vxlan_build_heartbeat(
		frame, sizeof(frame), UID, VXLAN_MTU_MIN - 1));
	ATF_CHECK_EQ(
	    0, vxlan_build_heartbeat(frame, SIZE_MAX, UID, VXLAN_MTU_MAX + 1));
	ATF_CHECK_EQ(
	    0, vxlan_build_heartbeat(frame, SIZE_MAX, UID, UINT32_MAX));
	len = vxlan_build_heartbeat(frame, sizeof(frame), UID, VXLAN_MTU_MIN);
	ATF_REQUIRE_EQ(VXLAN_HEARTBEAT_MIN, len);
	ATF_CHECK(vxlan_check_heartbeat(frame, len, UID));
	for (size_t n = 0; n < len; n++)
		ATF_CHECK(!vxlan_check_heartbeat(frame, n, UID));
	for (size_t i = 0; i < len; i++) {
		frame[i] ^= 1;
		ATF_CHECK(!vxlan_check_heartbeat(frame, len, UID));
		ATF_CHECK_EQ(i >= 12, vxlan_is_special(frame, len));
		frame[i] ^= 1;
	}
	ATF_CHECK(!vxlan_is_special(frame, 11));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, vni);
	ATF_TP_ADD_TC(tp, header_refused);
	ATF_TP_ADD_TC(tp, heartbeat_frames);
	ATF_TP_ADD_TC(tp, heartbeat_refused);
	return atf_no_error();
}
