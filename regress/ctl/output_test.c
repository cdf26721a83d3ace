/*
 * What weavectl prints, from rows built here, against regress/ctl/golden. On
 * a difference the output is left in the test's directory.
 */
#include <atf-c.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/output.h"
#include "common/text.h"
#include "regress/lib/golden.h"

#define NAME1 UINT64_C(0x8a3e00000001)
#define NAME2 UINT64_C(0x8a3e00000002)
#define NAME3 UINT64_C(0x8a3e00000003)

static void add(struct report *, uint32_t, const void *, size_t);
static void add_status(struct report *);
static void add_connections(struct report *);
static void add_peers(struct report *);
static void add_rest(struct report *);
static void add_ipam(struct report *);
static void report_build(struct report *);
static char *print(
    const struct output *, enum output_view, const struct report *);
static void check(const struct output *, enum output_view,
    const struct report *, const char *);

#define ADD(report, type, row) add((report), (type), &(row), sizeof(row))

static void
add(struct report *report, uint32_t type, const void *row, size_t len)
{
	ATF_REQUIRE(ctl_valid(type, row, len));
	ATF_REQUIRE(report_add(report, type, row, len) == NULL);
}

static void
add_status(struct report *report)
{
	const struct ctl_status status = {.version = "0.1.0",
	    .protocol = "weave",
	    .protocol_min = 2,
	    .protocol_max = 2,
	    .name = NAME1,
	    .nickname = "host1",
	    .port = 6783,
	    .encryption = 1,
	    .discovery = 1,
	    .targets = 3,
	    .connections = {2, 1, 1, 3, 1},
	    .peers = 3,
	    .peer_established = 4,
	    .peer_pending = 1,
	    .connection_limit = 200,
	    .mtu = 1376,
	    .uptime = 3661,
	    .terminations = 5,
	    .bridge = "weave",
	    .tap = "weave-tap",
	    .offloads = "tap, udp-send",
	    .password_source = "/etc/weaved/password",
	    .warning = "the bridge's MTU was 1500"};
	const struct ctl_process processes[] = {
	    {.name = "parent",
		.pid = 100,
		.sandbox = "uid 0, capabilities net_admin"},
	    {.name = "engine",
		.pid = 102,
		.uid = 64783,
		.restarts = 1,
		.sandbox = "uid 64783, empty root, seccomp"},
	    {.name = "control", .pid = 103, .uid = 64783},
	};
	const struct ctl_subnet subnets[] = {
	    {0xc0a84d00, 24}, {0x0a090000, 16}};

	ADD(report, CTL_STATUS, status);
	for (size_t i = 0; i < sizeof(processes) / sizeof(*processes); i++)
		ADD(report, CTL_PROCESS, processes[i]);
	for (size_t i = 0; i < sizeof(subnets) / sizeof(*subnets); i++)
		ADD(report, CTL_SUBNET, subnets[i]);
}

static void
add_connections(struct report *report)
{
	const struct ctl_connection rows[] = {
	    {.state = CTL_CONNECTING,
		.outbound = 1,
		.direct = 1,
		.address = "192.168.77.14:6783",
		.age = 1},
	    {.state = CTL_FAILED,
		.outbound = 1,
		.direct = 1,
		.address = "192.168.77.99:6783",
		.age = 125,
		.retry_in = 4,
		.cause = "no route to host"},
	    {.state = CTL_FAILED,
		.outbound = 1,
		.direct = 1,
		.address = "192.168.77.11:6783",
		.age = 90000,
		.retry_in = CTL_RETRY_NEVER,
		.cause = "cannot connect to ourself"},
	    {.state = CTL_FAILED,
		.outbound = 1,
		.direct = 1,
		.address = "192.168.77.15:6783",
		.age = 2,
		.retry_in = 3700,
		.cause = "password mismatch"},
	    {.state = CTL_RETRYING,
		.outbound = 1,
		.direct = 1,
		.address = "host5:6790",
		.cause = "connection refused"},
	    {.state = CTL_PENDING,
		.has_peer = 1,
		.encrypted = 1,
		.address = "192.168.77.13:40000",
		.peer = NAME3,
		.nickname = "h\033[2J3",
		.version = 2,
		.age = 3},
	    {.state = CTL_ESTABLISHED,
		.outbound = 1,
		.has_peer = 1,
		.address = "192.168.77.16:6783",
		.peer = NAME3,
		.nickname = "host3",
		.overlay = "sleeve",
		.mtu = 1438,
		.version = 2,
		.trusted = 1,
		.weaved = 1},
	    {.state = CTL_ESTABLISHED,
		.outbound = 1,
		.has_peer = 1,
		.encrypted = 1,
		.direct = 1,
		.address = "192.168.77.12:6783",
		.peer = NAME2,
		.nickname = "host2",
		.overlay = "sleeve",
		.mtu = 1414,
		.version = 2,
		.age = 61,
		.packets_sent = 10,
		.packets_received = 20,
		.bytes_sent = 1000,
		.bytes_received = UINT64_MAX,
		.drops = 1,
		.replays = 2,
		.bad_packets = 3},
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ADD(report, CTL_CONNECTION, rows[i]);
}

static void
add_peers(struct report *report)
{
	const struct ctl_peer self = {.name = NAME1,
	    .nickname = "host1",
	    .uid = UINT64_MAX,
	    .version = 7,
	    .short_id = 0xabc,
	    .has_short_id = 1,
	    .self = 1};
	const struct ctl_peer other = {
	    .name = NAME2, .nickname = "host2", .uid = 5, .version = 9};
	const struct ctl_peer_connection to = {.peer = NAME2,
	    .nickname = "host2",
	    .address = "192.168.77.12:6783",
	    .outbound = 1,
	    .established = 1};
	const struct ctl_peer_connection from = {.peer = NAME1,
	    .nickname = "host1",
	    .address = "192.168.77.11:41239"};

	ADD(report, CTL_PEER, self);
	ADD(report, CTL_PEER_CONNECTION, to);
	ADD(report, CTL_PEER, other);
	ADD(report, CTL_PEER_CONNECTION, from);
}

static void
add_rest(struct report *report)
{
	const struct ctl_target targets[] = {
	    {"192.168.77.12"}, {"host5:6790"}, {"192.168.77.99"}};
	const struct ctl_route routes[] = {
	    {CTL_ROUTE_BROADCAST, 0, NAME2, 0},
	    {CTL_ROUTE_BROADCAST, 0, NAME1, NAME3},
	    {CTL_ROUTE_BROADCAST, 0, NAME1, NAME2},
	    {CTL_ROUTE_UNICAST_ALL, 0, NAME3, NAME2},
	    {CTL_ROUTE_UNICAST, 0, NAME2, NAME2},
	    {CTL_ROUTE_UNICAST, 0, NAME1, 0},
	};
	const struct ctl_mac macs[] = {
	    {{0xfe, 0, 0, 0, 0, 2}, {0}, NAME2, 10, 0},
	    {{0x02, 0, 0, 0, 0, 1}, {0}, NAME1, 0, 0},
	};
	const struct ctl_counter counters[] = {
	    {"overlay.drop.no_route", 3}, {"mesh.accepted", 12}};

	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		ADD(report, CTL_TARGET, targets[i]);
	for (size_t i = 0; i < sizeof(routes) / sizeof(*routes); i++)
		ADD(report, CTL_ROUTE, routes[i]);
	for (size_t i = 0; i < sizeof(macs) / sizeof(*macs); i++)
		ADD(report, CTL_MAC, macs[i]);
	for (size_t i = 0; i < sizeof(counters) / sizeof(*counters); i++)
		ADD(report, CTL_COUNTER, counters[i]);
}

/* At 2026-11-23 10:00:01 UTC. */
static void
report_build(struct report *report)
{
	setenv("TZ", "UTC", 1);
	memset(report, 0, sizeof(*report));
	report->now = 1795428001;
	add_status(report);
	add_connections(report);
	add_peers(report);
	add_rest(report);
	report_sort(report);
}

static char *
print(const struct output *output, enum output_view view,
    const struct report *report)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ATF_REQUIRE(out != NULL);
	output->print[view](report, out);
	fclose(out);
	return text;
}

static void
check(const struct output *output, enum output_view view,
    const struct report *report, const char *name)
{
	char *text = print(output, view, report);

	golden_check(name, text);
	free(text);
}

ATF_TC_WITHOUT_HEAD(text);
ATF_TC_BODY(text, tc)
{
	struct report report;

	report_build(&report);
	check(&output_text, OUTPUT_STATUS, &report, "status.txt");
	check(&output_text, OUTPUT_CONNECTIONS, &report, "connections.txt");
	check(&output_text, OUTPUT_PEERS, &report, "peers.txt");
	check(&output_text, OUTPUT_TARGETS, &report, "targets.txt");
	check(&output_text, OUTPUT_REPORT, &report, "report.json");
	report_free(&report);
}

ATF_TC_WITHOUT_HEAD(json);
ATF_TC_BODY(json, tc)
{
	struct report report;

	report_build(&report);
	check(&output_json, OUTPUT_STATUS, &report, "status.json");
	check(&output_json, OUTPUT_CONNECTIONS, &report, "connections.json");
	check(&output_json, OUTPUT_PEERS, &report, "peers.json");
	check(&output_json, OUTPUT_TARGETS, &report, "targets.json");
	check(&output_json, OUTPUT_REPORT, &report, "report.json");
	report_free(&report);
}

static void
add_ipam(struct report *report)
{
	const struct ctl_ipam ipam = {.state = CTL_IPAM_READY,
	    .quorum = 2,
	    .known = 3,
	    .total = 1048576,
	    .owned = 524289,
	    .active = 3,
	    .range_addr = UINT32_C(0x0a200000),
	    .subnet_addr = UINT32_C(0x0a280000),
	    .range_len = 12,
	    .subnet_len = 16,
	    .elector = 1,
	    .save_error = "No space left on device"};
	const struct ctl_ipam_peer self = {
	    NAME1, "host1", 524289, .self = 1, .reachable = 1};
	const struct ctl_ipam_peer other = {NAME1 + 1, "ho\033st2", 524287};
	const struct ctl_ipam_conflict conflict = {NAME1 + 1, 60, 5, 7,
	    .text = "10.32.0.9 is in use here by x and belongs to y"};
	const struct ctl_ring_entry entry = {
	    NAME1, UINT32_C(0x0a200000), 1048576, 4, 99};
	const struct ctl_address address = {
	    "0123456789ab", UINT32_C(0x0a200001), 12};

	ADD(report, CTL_IPAM, ipam);
	ADD(report, CTL_IPAM_PEER, self);
	ADD(report, CTL_IPAM_PEER, other);
	ADD(report, CTL_IPAM_CONFLICT, conflict);
	ADD(report, CTL_RING_ENTRY, entry);
	ADD(report, CTL_ADDRESS, address);
}

/* IPAM is on. */
ATF_TC_WITHOUT_HEAD(ipam);
ATF_TC_BODY(ipam, tc)
{
	struct report report;

	setenv("TZ", "UTC", 1);
	memset(&report, 0, sizeof(report));
	report.now = 1795428001;
	add_status(&report);
	add_ipam(&report);
	check(&output_text, OUTPUT_STATUS, &report, "ipam-status.txt");
	check(&output_text, OUTPUT_IPAM, &report, "ipam.txt");
	check(&output_text, OUTPUT_ADDRESSES, &report, "addresses.txt");
	check(&output_json, OUTPUT_IPAM, &report, "ipam.json");
	check(&output_json, OUTPUT_ADDRESSES, &report, "addresses.json");
	check(&output_json, OUTPUT_REPORT, &report, "ipam-report.json");
	report_free(&report);
}

/* A daemon alone, without password: nothing to count. */
ATF_TC_WITHOUT_HEAD(alone);
ATF_TC_BODY(alone, tc)
{
	const struct ctl_status status = {.version = "0.1.0",
	    .protocol = "weave",
	    .protocol_min = 2,
	    .protocol_max = 3,
	    .name = NAME1,
	    .nickname = "host1",
	    .port = 6783,
	    .offloads = "none",
	    .peers = 1};
	const struct ctl_connection plain = {.state = CTL_ESTABLISHED,
	    .has_peer = 1,
	    .address = "192.168.77.12:6783",
	    .peer = NAME2,
	    .nickname = "host2",
	    .overlay = "sleeve",
	    .mtu = 1438};
	struct report report = {.now = 0};

	ADD(&report, CTL_STATUS, status);
	check(&output_text, OUTPUT_STATUS, &report, "alone.txt");
	check(&output_json, OUTPUT_STATUS, &report, "alone.json");
	ADD(&report, CTL_CONNECTION, plain);
	check(&output_text, OUTPUT_CONNECTIONS, &report, "plain.txt");
	report_free(&report);
}

ATF_TC_WITHOUT_HEAD(bench);
ATF_TC_BODY(bench, tc)
{
	const struct ctl_bench_result row = {.peer = NAME2,
	    .nickname = "host2",
	    .sent = 400000,
	    .received = 399900,
	    .throughput = 876543210,
	    .frame = 1390,
	    .seconds = 5,
	    .mbits = 1000,
	    .rest_samples = 100,
	    .rest_median = 210,
	    .rest_99 = 400};
	struct report report = {.now = 0};

	ADD(&report, CTL_BENCH_RESULT, row);
	check(&output_text, OUTPUT_BENCH, &report, "bench.txt");
	check(&output_json, OUTPUT_BENCH, &report, "bench.json");
	report_free(&report);
}

/* Of version 3, dialled and not, of a Weave router, trusted, without any. */
ATF_TC_WITHOUT_HEAD(keys);
ATF_TC_BODY(keys, tc)
{
	const struct ctl_connection established = {.state = CTL_ESTABLISHED,
	    .outbound = 1,
	    .encrypted = 1,
	    .has_peer = 1,
	    .address = "192.168.77.12:6783",
	    .peer = NAME2,
	    .nickname = "host2",
	    .version = 3,
	    .weaved = 1,
	    .has_key = 1,
	    .slot = CTL_SLOT_PRIMARY,
	    .cipher = "xsalsa20-poly1305",
	    .exchange = "cpace",
	    .key_packets = 123456,
	    .epoch = 7,
	    .key_age = 65,
	    .auth_age = 905,
	    .rekey_in = 55};
	struct ctl_connection rows[] = {established, established, established,
	    established, established, {.state = CTL_FAILED}};
	struct report report = {.now = 0};

	rows[1].outbound = 0;
	rows[1].peer = NAME3;
	rows[1].slot = CTL_SLOT_SECONDARY;
	strcpy(rows[1].nickname, "h\033[2J3");
	rows[2].version = 2;
	rows[2].weaved = rows[2].slot = 0;
	rows[2].key_age = rows[2].auth_age = 187325;
	rows[2].epoch = 0;
	rows[2].rekey_in = CTL_RETRY_NEVER;
	strcpy(rows[2].exchange, "x25519");
	rows[3].trusted = 1;
	rows[3].encrypted = 0;
	rows[4].has_key = rows[4].encrypted = 0;
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		ADD(&report, CTL_CONNECTION, rows[i]);
	check(&output_text, OUTPUT_KEYS, &report, "keys.txt");
	check(&output_json, OUTPUT_KEYS, &report, "keys.json");
	report_free(&report);
}

ATF_TC_WITHOUT_HEAD(rotation_of_mesh);
ATF_TC_BODY(rotation_of_mesh, tc)
{
	const struct ctl_rotation row = {.step = CTL_ROTATION_STAGED,
	    .source = "/etc/weaved/password",
	    .other = "/etc/weaved/password.next"};
	const struct ctl_rotation_node nodes[] = {
	    {UINT64_C(0x5a0000000001), CTL_NODE_STAGED, 0},
	    {UINT64_C(0x5a0000000002), CTL_NODE_BEFORE, 0},
	    {UINT64_C(0x5a0000000003), CTL_NODE_STEP_MAX, 0}};
	struct report report = {0};

	ADD(&report, CTL_ROTATION, row);
	for (size_t i = 0; i < sizeof(nodes) / sizeof(nodes[0]); i++)
		ADD(&report, CTL_ROTATION_NODE, nodes[i]);
	check(&output_text, OUTPUT_ROTATION, &report, "rotation-mesh.txt");
	check(&output_json, OUTPUT_ROTATION, &report, "rotation-mesh.json");
	report_free(&report);
}

ATF_TC_WITHOUT_HEAD(rotation);
ATF_TC_BODY(rotation, tc)
{
	const struct ctl_rotation rows[] = {{.source = "/etc/weaved/password"},
	    {.step = CTL_ROTATION_STAGED,
		.source = "/etc/weaved/password",
		.other = "/etc/weaved/password.next"},
	    {.step = CTL_ROTATION_COMMITTED,
		.hardened = 1,
		.expires = 599,
		.source = "/etc/weaved/hardened",
		.other = "/etc/weaved/hardened.prev"},
	    {.step = CTL_ROTATION_STAGED,
		.held = 1,
		.source = "/run/credentials/weaved.service/password"}};
	struct report report = {.now = 0};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		ADD(&report, CTL_ROTATION, rows[i]);
	check(&output_text, OUTPUT_ROTATION, &report, "rotation.txt");
	check(&output_json, OUTPUT_ROTATION, &report, "rotation.json");
	report_free(&report);
}

/* Every string as long as it can be and made of what a terminal obeys. */
ATF_TC_WITHOUT_HEAD(hostile);
ATF_TC_BODY(hostile, tc)
{
	struct ctl_connection row;
	struct report report = {.now = 0};
	json_error_t error;
	json_t *root;
	char *text;

	memset(&row, 0xff, sizeof(row));
	memset(row.address, '\033', sizeof(row.address) - 1);
	row.address[sizeof(row.address) - 1] = '\0';
	row.nickname[sizeof(row.nickname) - 1] = '\0';
	row.overlay[sizeof(row.overlay) - 1] = '\0';
	row.cipher[sizeof(row.cipher) - 1] = '\0';
	row.exchange[sizeof(row.exchange) - 1] = '\0';
	memset(row.cause, '\n', sizeof(row.cause) - 1);
	row.cause[sizeof(row.cause) - 1] = '\0';
	ADD(&report, CTL_CONNECTION, row);
	text = print(&output_text, OUTPUT_CONNECTIONS, &report);
	for (const char *byte = text; byte[1] != '\0'; byte++)
		ATF_REQUIRE(*byte >= ' ' && *byte <= '~');
	free(text);
	text = print(&output_text, OUTPUT_KEYS, &report);
	for (const char *byte = text; byte[1] != '\0'; byte++)
		ATF_REQUIRE(*byte >= ' ' && *byte <= '~');
	free(text);
	text = print(&output_json, OUTPUT_CONNECTIONS, &report);
	root = json_loads(text, 0, &error);
	ATF_CHECK_EQ(1, json_array_size(root));
	json_decref(root);
	free(text);
	report_free(&report);
}

ATF_TC_WITHOUT_HEAD(ages);
ATF_TC_BODY(ages, tc)
{
	static const struct {
		uint64_t seconds;
		const char *text;
	} cases[] = {{0, "0s"}, {59, "59s"}, {60, "1m"}, {125, "2m5s"},
	    {3600, "1h"}, {3661, "1h1m"}, {90000, "1d1h"}, {86400, "1d"}};
	char age[TEXT_AGE_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++)
		ATF_CHECK_STREQ(cases[i].text, text_age(cases[i].seconds, age));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, text);
	ATF_TP_ADD_TC(tp, json);
	ATF_TP_ADD_TC(tp, ipam);
	ATF_TP_ADD_TC(tp, alone);
	ATF_TP_ADD_TC(tp, bench);
	ATF_TP_ADD_TC(tp, keys);
	ATF_TP_ADD_TC(tp, rotation);
	ATF_TP_ADD_TC(tp, rotation_of_mesh);
	ATF_TP_ADD_TC(tp, hostile);
	ATF_TP_ADD_TC(tp, ages);
	return atf_no_error();
}
