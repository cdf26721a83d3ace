#include <atf-c.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "common/addr.h"
#include "regress/lib/vectors.h"

ATF_TC_WITHOUT_HEAD(peer_names);
ATF_TC_BODY(peer_names, tc)
{
	json_t *file = vectors_load("peer_names.json"), *cases, *c;
	char buf[PEERNAME_STRLEN];
	uint8_t bytes[PEERNAME_LEN];
	uint64_t name;
	size_t i;

	cases = vectors_get(file, "parse");
	ATF_REQUIRE(json_array_size(cases) > 20);
	json_array_foreach(cases, i, c) {
		const char *text = vectors_text(c, "text");
		bool ok = json_is_true(vectors_get(c, "ok"));

		name = 42;
		ATF_CHECK_EQ_MSG(peername_parse(text, &name), ok, "%s", text);
		if (!ok) {
			ATF_CHECK_EQ(name, 42);
			continue;
		}
		ATF_CHECK_EQ_MSG(name, vectors_u64(c, "uint64"), "%s", text);
		ATF_CHECK_STREQ(
		    peername_format(name, buf), vectors_text(c, "canonical"));
		peername_put(name, bytes);
		ATF_CHECK_EQ(peername_get(bytes), name);
	}
	json_decref(file);
}

ATF_TC_WITHOUT_HEAD(bad_names);
ATF_TC_BODY(bad_names, tc)
{
	static const char *const bad[] = {":", ":::", "1::2::3",
	    "1:2:3:4:5::", "::1:2:3:4:5", "1:", ":1",
	    "1:2:3:4:5:", "1::2:", "1:::2", "1:2:3:4:5:6:", "1::2:3:4:5", "::g",
	    " ::1", "1:2:3:4:5:6::"};
	uint64_t name;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!peername_parse(bad[i], &name), "%s", bad[i]);
}

ATF_TC_WITHOUT_HEAD(endpoints);
ATF_TC_BODY(endpoints, tc)
{
	static const char *const bad[] = {"", "1.2.3", "1.2.3.4.5", "1.2.3.256",
	    "01.2.3.4", "1.2.3.4:", "1.2.3.4:65536", "1.2.3.4:01", "1.2.3.4 ",
	    " 1.2.3.4", "1.2.3.4:-1", "1..2.3", "a.b.c.d", "1.2.3.4:1x",
	    "4294967296.0.0.1"};
	struct endpoint ep, other;
	char buf[ENDPOINT_STRLEN];

	ATF_REQUIRE(endpoint_parse("10.66.0.2:6783", &ep));
	ATF_CHECK_EQ(ep.addr, 0x0a420002);
	ATF_CHECK_EQ(ep.port, 6783);
	ATF_CHECK_STREQ(endpoint_format(ep, buf), "10.66.0.2:6783");
	ATF_REQUIRE(endpoint_parse("10.66.0.2", &other));
	ATF_CHECK_EQ(other.port, 0);
	ATF_CHECK(!endpoint_equal(ep, other));
	ATF_REQUIRE(endpoint_parse("255.255.255.255:65535", &ep));
	ATF_CHECK_STREQ(endpoint_format(ep, buf), "255.255.255.255:65535");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!endpoint_parse(bad[i], &ep), "%s", bad[i]);
	ATF_CHECK(!ipv4_parse("1.2.3.4:5", &ep.addr));
}

ATF_TC_WITHOUT_HEAD(subnets);
ATF_TC_BODY(subnets, tc)
{
	static const char *const bad[] = {"10.0.0.0", "10.0.0.0/33",
	    "10.0.0.1/24", "10.0.0.0/", "10.0.0.0/08", "10.0.0.0/8/8"};
	struct subnet subnet;
	char buf[SUBNET_STRLEN];

	ATF_REQUIRE(subnet_parse("10.66.0.0/16", &subnet));
	ATF_CHECK(subnet_contains(subnet, 0x0a42ffff));
	ATF_CHECK(!subnet_contains(subnet, 0x0a430000));
	ATF_CHECK_STREQ(subnet_format(subnet, buf), "10.66.0.0/16");
	ATF_REQUIRE(subnet_parse("0.0.0.0/0", &subnet));
	ATF_CHECK(subnet_contains(subnet, 0xffffffff));
	ATF_REQUIRE(subnet_parse("255.255.255.255/32", &subnet));
	ATF_CHECK_STREQ(subnet_format(subnet, buf), "255.255.255.255/32");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!subnet_parse(bad[i], &subnet), "%s", bad[i]);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, peer_names);
	ATF_TP_ADD_TC(tp, bad_names);
	ATF_TP_ADD_TC(tp, endpoints);
	ATF_TP_ADD_TC(tp, subnets);
	return atf_no_error();
}
