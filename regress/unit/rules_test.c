/*
 * The rule set as text, whole: each line is there for a reason, and nothing
 * but a checked name and numbers gets into it.
 */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/local.h"
#include "weaved/netcfg/rules.h"

#define BEGIN                                                          \
	"add table inet weaved-weave\n"                                \
	"delete table inet weaved-weave\n"                             \
	"table inet weaved-weave {\n"                                  \
	"\tchain input {\n"                                            \
	"\t\ttype filter hook input priority filter; policy accept;\n" \
	"\t\tiifname \"weave\" icmpv6 type nd-router-advert drop\n"    \
	"\t}\n"
#define NAT                       \
	"\tchain postrouting {\n" \
	"\t\ttype nat hook postrouting priority srcnat; policy accept;\n"
#define MASQUERADE(net)                                                      \
	"\t\tip saddr " net " ip daddr 224.0.0.0/4 return\n"                 \
	"\t\tip saddr != " net " ip daddr " net " masquerade fully-random\n" \
	"\t\tip saddr " net " ip daddr != " net " masquerade fully-random\n"

static const struct ctl_expose exposed[] = {
    {.addr = 0x0a200901, .len = 12},
    {.addr = 0x0a300101, .len = 24, .no_masquerade = 1},
    {.addr = 0x0a310101, .len = 32},
};

static const struct imsg_local masqueraded;

static void
check(const struct rules *rules, const char *want)
{
	char *text = rules_format(rules);

	ATF_REQUIRE(text != NULL);
	ATF_CHECK_STREQ(want, text);
	free(text);
}

ATF_TC_WITHOUT_HEAD(nothing_exposed);
ATF_TC_BODY(nothing_exposed, tc)
{
	static const struct imsg_local local = {.on = 1};
	struct rules rules = {.bridge = "weave", .local = &local};

	check(&rules, BEGIN "}\n");
	/* Nor is there anything to translate here. */
	rules.exposed = &exposed[1];
	rules.nexposed = 1;
	check(&rules, BEGIN "}\n");
}

ATF_TC_WITHOUT_HEAD(masquerade);
ATF_TC_BODY(masquerade, tc)
{
	const struct rules rules = {.bridge = "weave",
	    .exposed = exposed,
	    .nexposed = 3,
	    .local = &masqueraded};

	check(&rules,
	    BEGIN NAT MASQUERADE("10.32.0.0/12")
		MASQUERADE("10.49.1.1/32") "\t}\n}\n");
}

ATF_TC_WITHOUT_HEAD(no_masq_local);
ATF_TC_BODY(no_masq_local, tc)
{
	struct imsg_local local = {.on = 1};
	struct rules rules = {.bridge = "weave",
	    .exposed = exposed,
	    .nexposed = 1,
	    .local = &local};

	check(&rules,
	    BEGIN "\tset local {\n\t\ttype ipv4_addr\n\t\tflags interval\n"
		  "\t}\n" NAT "\t\tip daddr @local return\n" MASQUERADE(
		      "10.32.0.0/12") "\t}\n}\n");
	local.n = 2;
	local.ranges[0].start = 0x0a200001;
	local.ranges[0].end = 0x0a280000;
	local.ranges[1].start = 0x0a280003;
	local.ranges[1].end = 0x0a280004;
	check(&rules,
	    BEGIN "\tset local {\n\t\ttype ipv4_addr\n\t\tflags interval\n"
		  "\t\telements = { 10.32.0.1-10.39.255.255, 10.40.0.3 }\n"
		  "\t}\n" NAT "\t\tip daddr @local return\n" MASQUERADE(
		      "10.32.0.0/12") "\t}\n}\n");
}

#define CHAIN(table, hook, policy)                                         \
	"table " table " {\n\tchain forward {\n\t\ttype filter hook " hook \
	" priority filter; policy " policy ";\n\t}\n}\n"

ATF_TC_WITHOUT_HEAD(find_drop);
ATF_TC_BODY(find_drop, tc)
{
	static const char others[] =
	    CHAIN("ip a", "forward", "accept") CHAIN("ip b", "input", "drop")
		CHAIN("ip6 c", "forward", "drop") CHAIN("bridge d", "forward",
		    "drop") "table inet e {\n\tchain f {\n\t}\n}\n";
	char name[CTL_CAUSE_MAX], text[1024];

	ATF_CHECK(!rules_find_drop("", name));
	ATF_CHECK(!rules_find_drop(others, name));
	snprintf(text, sizeof(text), "%s%s", others,
	    CHAIN("ip filter", "forward", "drop"));
	ATF_REQUIRE(rules_find_drop(text, name));
	ATF_CHECK_STREQ("forward of table ip filter", name);
	ATF_REQUIRE(rules_find_drop(CHAIN("inet g", "forward", "drop"), name));
	ATF_CHECK_STREQ("forward of table inet g", name);
}

/* What the parent takes from the engine, and netcfg from the parent. */
ATF_TC_WITHOUT_HEAD(ranges);
ATF_TC_BODY(ranges, tc)
{
	struct imsg_local local = {.on = 1};

	ATF_CHECK(local_ranges_ok(&local));
	local.on = 2;
	ATF_CHECK(!local_ranges_ok(&local));
	local.on = 0;
	for (uint32_t i = 0; i < LOCAL_RANGES_MAX; i++) {
		local.ranges[i].start = 2 * i;
		local.ranges[i].end = 2 * i + 1;
	}
	local.n = LOCAL_RANGES_MAX + 1;
	ATF_CHECK(!local_ranges_ok(&local));
	local.n = LOCAL_RANGES_MAX;
	ATF_CHECK(local_ranges_ok(&local));
	local.ranges[7].end = local.ranges[7].start;
	ATF_CHECK(!local_ranges_ok(&local));
	local.ranges[7].end = local.ranges[8].start + 1;
	ATF_CHECK(!local_ranges_ok(&local));
}

ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	static const char *const bad[] = {"", "a b", "a\"b", "weave*", "a;b",
	    "a\\b", "a\nb", "a{", "a#b", "\xc3\xa4", "a/b", "a@b"};
	static const char *const good[] = {
	    "weave", "w", "0", "-", "br-1.2_x", "WEAVE"};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		ATF_CHECK_MSG(!rules_name_ok(bad[i]), "%s", bad[i]);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		ATF_CHECK_MSG(rules_name_ok(good[i]), "%s", good[i]);
}

/* What the daemon takes from clients, and netcfg from the daemon. */
ATF_TC_WITHOUT_HEAD(addresses);
ATF_TC_BODY(addresses, tc)
{
	static const struct {
		struct ctl_expose address;
		bool ok;
	} cases[] = {
	    {{.addr = 0x0a200001, .len = 12}, true},
	    {{.addr = 0x0a200001, .len = 1}, true},
	    {{.addr = 0x0a200001, .len = 32, .no_masquerade = 1}, true},
	    {{.addr = 0x01000000, .len = 8}, true},
	    {{.addr = 0xdfffffff, .len = 8}, true},
	    {{.addr = 0x0a200001, .len = 0}, false},
	    {{.addr = 0x0a200001, .len = 33}, false},
	    {{.addr = 0x0a200001, .len = 12, .no_masquerade = 2}, false},
	    {{.addr = 0x00ffffff, .len = 8}, false},
	    {{.addr = 0x7f000001, .len = 8}, false},
	    {{.addr = 0xe0000001, .len = 8}, false},
	    {{.addr = 0xffffffff, .len = 8}, false},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		ATF_CHECK_EQ_MSG(cases[i].ok, ctl_expose_ok(&cases[i].address),
		    "case %zu", i);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, nothing_exposed);
	ATF_TP_ADD_TC(tp, masquerade);
	ATF_TP_ADD_TC(tp, no_masq_local);
	ATF_TP_ADD_TC(tp, ranges);
	ATF_TP_ADD_TC(tp, find_drop);
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, addresses);
	return atf_no_error();
}
