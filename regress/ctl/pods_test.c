/* What weavectl ps prints, against regress/ctl/golden. */
#include <sys/socket.h>

#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weavectl/pods.h"

static void check(bool, const char *);

static void
check(bool json, const char *golden)
{
	struct pods_row rows[] = {
	    {.id = "netns:4026532222@0badcafe",
		.has_mac = true,
		.mac = {0x0a, 0x58, 0, 0, 0, 2},
		.ifname = "ethwe",
		.port = "vethweplabcdefg",
		.naddresses = 2},
	    {.id = "0123456789abcdef0123456789abcdef"
		   "0123456789abcdef0123456789abcdef",
		.has_mac = true,
		.mac = {0x0a, 0x58, 0, 0, 0, 1},
		.ifname = "eth0",
		.port = "vethwepl2345672",
		.naddresses = 1},
	    {.id = "gone\033", .naddresses = 1},
	    {.id = CTL_EXPOSE_ID,
		.has_mac = true,
		.mac = {0x8a, 0x3e, 0, 0, 0, 1},
		.ifname = "weave",
		.naddresses = 1},
	};
	char path[256], want[4096], *text = NULL;
	size_t len, n;
	FILE *f;

	rows[0].addresses[0] = ipnet_from_ipv4(0x0a200002, 12);
	rows[0].addresses[1] = ipnet_from_ipv4(0xc0a80102, 24);
	rows[1].addresses[0] = ipnet_from_ipv4(0x0a200001, 12);
	rows[2].addresses[0] = ipnet_from_ipv4(0x0a200003, 12);
	rows[3].addresses[0] = ipnet_from_ipv4(0x0a200004, 12);
	ATF_REQUIRE((f = open_memstream(&text, &len)) != NULL);
	pods_print(rows, sizeof(rows) / sizeof(rows[0]), json, f);
	fclose(f);
	ATF_REQUIRE((f = fopen("output", "w")) != NULL);
	fputs(text, f);
	fclose(f);
	snprintf(path, sizeof(path), "regress/ctl/golden/%s", golden);
	ATF_REQUIRE((f = fopen(vectors_path(path), "r")) != NULL);
	n = fread(want, 1, sizeof(want) - 1, f);
	want[n] = '\0';
	fclose(f);
	ATF_CHECK_STREQ(want, text);
	free(text);
}

ATF_TC_WITHOUT_HEAD(text);
ATF_TC_BODY(text, tc)
{
	check(false, "ps.txt");
}

ATF_TC_WITHOUT_HEAD(json);
ATF_TC_BODY(json, tc)
{
	check(true, "ps.json");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, text);
	ATF_TP_ADD_TC(tp, json);
	return atf_no_error();
}
