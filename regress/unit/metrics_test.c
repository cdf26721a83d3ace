/*
 * Metrics and readiness from rows, the hostile ones too.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atf-c.h>

#include "weaved/http/metrics.h"
#include "weaved/http/views.h"

static void report_put(struct report *, uint32_t, const void *, size_t);
static struct report report_new(void);
static char *report_metrics(struct report *);
static struct ctl_connection connection(uint64_t, uint32_t);
static void require_line(const char *, const char *);
static size_t count_lines(const char *, const char *);
static bool line_is_sound(const char *, size_t);

static void
report_put(struct report *report, uint32_t type, const void *row, size_t len)
{
	ATF_REQUIRE(ctl_valid(type, row, len));
	ATF_REQUIRE(report_add(report, type, row, len) == NULL);
}

static struct report
report_new(void)
{
	struct report report = {0};
	struct ctl_status status = {
	    .version = "9.9", .protocol = "hardened", .tap = "weave-tap"};

	report_put(&report, CTL_STATUS, &status, sizeof(status));
	return report;
}

/* Frees the report. */
static char *
report_metrics(struct report *report)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);

	ATF_REQUIRE(out != NULL);
	report_sort(report);
	metrics_print(report, out);
	ATF_REQUIRE(fclose(out) == 0);
	report_free(report);
	return text;
}

static struct ctl_connection
connection(uint64_t peer, uint32_t state)
{
	struct ctl_connection row = {.state = state,
	    .has_peer = 1,
	    .peer = peer,
	    .overlay = "sleeve",
	    .address = "10.0.0.1:6783"};

	return row;
}

static void
require_line(const char *text, const char *line)
{
	const char *at = strstr(text, line);
	size_t len = strlen(line);

	ATF_CHECK_MSG(
	    at != NULL && (at == text || at[-1] == '\n') && at[len] == '\n',
	    "no line \"%s\" in\n%s", line, text);
}

static size_t
count_lines(const char *text, const char *start)
{
	size_t n = 0, len = strlen(start);

	for (; text != NULL && *text != '\0'; text = strchr(text, '\n')) {
		text += *text == '\n';
		n += strncmp(text, start, len) == 0;
		if (*text == '\0')
			break;
	}
	return n;
}

/* All of Weave's are there, and 0, whatever is off. */
ATF_TC_WITHOUT_HEAD(nothing);
ATF_TC_BODY(nothing, tc)
{
	static const char *const lines[] = {
	    "# HELP weave_connections Number of peer-to-peer connections.",
	    "# TYPE weave_connections gauge",
	    "weave_connections{state=\"established\",type=\"sleeve\","
	    "encryption=\"yes\"} 0",
	    "# HELP weave_connection_terminations_total Number of peer-to-peer "
	    "connections terminated.",
	    "weave_connection_terminations_total 0",
	    "# HELP weave_ips Number of IP addresses.",
	    "weave_ips{state=\"local-used\"} 0",
	    "# HELP weave_max_ips Size of IP address space used by allocator.",
	    "weave_max_ips 0",
	    "# HELP weave_dns_entries Number of DNS entries.",
	    "weave_dns_entries 0",
	    "# HELP weave_flows Number of FastDP flows.",
	    "weave_flows 0",
	    "# HELP weave_ipam_unreachable_count Number of unreachable peers.",
	    "weave_ipam_unreachable_count 0",
	    "# HELP weave_ipam_unreachable_percentage Percentage of IP "
	    "addresses owned  by unreachable peers.",
	    "weave_ipam_unreachable_percentage 0",
	    "# HELP weave_ipam_pending_allocates Number of pending allocates.",
	    "weave_ipam_pending_allocates 0",
	    "# HELP weave_ipam_pending_claims Number of pending claims.",
	    "weave_ipam_pending_claims 0",
	    "weaved_build_info{version=\"9.9\"} 1",
	};
	struct report report = report_new();
	char *text = report_metrics(&report);

	for (size_t i = 0; i < sizeof(lines) / sizeof(lines[0]); i++)
		require_line(text, lines[i]);
	ATF_CHECK_EQ(30, count_lines(text, "weave_connections{"));
	free(text);
}

ATF_TC_WITHOUT_HEAD(ipam);
ATF_TC_BODY(ipam, tc)
{
	struct report report = report_new();
	struct ctl_ipam ipam = {.state = CTL_IPAM_READY,
	    .total = 1000,
	    .owned = 500,
	    .active = 7,
	    .pending_allocates = 2,
	    .pending_claims = 3};
	struct ctl_ipam_peer peers[] = {
	    {.peer = 1, .addresses = 500, .self = 1},
	    {.peer = 2, .addresses = 375, .reachable = 1},
	    {.peer = 3, .addresses = 125},
	};
	char *text;

	report_put(&report, CTL_IPAM, &ipam, sizeof(ipam));
	for (size_t i = 0; i < 3; i++)
		report_put(&report, CTL_IPAM_PEER, &peers[i], sizeof(peers[i]));
	text = report_metrics(&report);
	require_line(text, "weave_ips{state=\"local-used\"} 7");
	require_line(text, "weave_max_ips 1000");
	require_line(text, "weave_ipam_unreachable_count 1");
	require_line(text, "weave_ipam_unreachable_percentage 12.5");
	require_line(text, "weave_ipam_pending_allocates 2");
	require_line(text, "weave_ipam_pending_claims 3");
	require_line(text, "weaved_ipam_state{state=\"ready\"} 1");
	require_line(text, "weaved_ipam_state{state=\"idle\"} 0");
	require_line(text, "weaved_ipam_owned_ips 500");
	free(text);
}

/* Two connections to one peer, and those without a peer. */
ATF_TC_WITHOUT_HEAD(peers);
ATF_TC_BODY(peers, tc)
{
	struct report report = report_new();
	struct ctl_connection rows[] = {connection(0xa, CTL_PENDING),
	    connection(0xa, CTL_ESTABLISHED), connection(0xb, CTL_PENDING),
	    connection(0, CTL_FAILED)};
	char *text;

	rows[0].bytes_sent = 10;
	rows[1].bytes_sent = UINT64_C(1) << 40;
	rows[1].encrypted = 1;
	rows[1].rtt = 1500;
	rows[1].mtu = 1414;
	rows[1].epoch = 4;
	rows[1].key_age = 77;
	rows[3].has_peer = 0;
	rows[3].overlay[0] = '\0';
	for (size_t i = 0; i < 4; i++)
		report_put(&report, CTL_CONNECTION, &rows[i], sizeof(rows[i]));
	text = report_metrics(&report);
#define A "{peer=\"00:00:00:00:00:0a\"} "
	require_line(text, "weaved_peer_up" A "1");
	require_line(text, "weaved_peer_sent_bytes_total" A "1099511627786");
	require_line(text, "weaved_peer_encrypted" A "1");
	require_line(text, "weaved_peer_rtt_seconds" A "0.0015");
	require_line(text, "weaved_peer_mtu_bytes" A "1414");
	require_line(text, "weaved_peer_rekeys_total" A "4");
	require_line(text, "weaved_peer_key_age_seconds" A "77");
	require_line(text, "weaved_peer_up{peer=\"00:00:00:00:00:0b\"} 0");
	ATF_CHECK_EQ(2, count_lines(text, "weaved_peer_up{"));
	ATF_CHECK_EQ(2, count_lines(text, "weaved_peer_info{"));
	require_line(text,
	    "weave_connections{state=\"failed\",type=\"unknown\","
	    "encryption=\"\"} 1");
	require_line(text,
	    "weave_connections{state=\"pending\",type=\"sleeve\","
	    "encryption=\"\"} 2");
	require_line(text, "weaved_omitted_peers 0");
	free(text);
}

ATF_TC_WITHOUT_HEAD(many_peers);
ATF_TC_BODY(many_peers, tc)
{
	struct report report = report_new();
	struct ctl_connection row;
	char *text;

	for (uint64_t i = 1; i <= METRICS_PEERS_MAX + 5; i++) {
		row = connection(i, CTL_ESTABLISHED);
		report_put(&report, CTL_CONNECTION, &row, sizeof(row));
	}
	text = report_metrics(&report);
	ATF_CHECK_EQ(METRICS_PEERS_MAX, count_lines(text, "weaved_peer_up{"));
	require_line(text, "weaved_omitted_peers 5");
	free(text);
}

ATF_TC_WITHOUT_HEAD(counters);
ATF_TC_BODY(counters, tc)
{
	struct report report = report_new();
	const struct ctl_counter rows[] = {{"overlay.drop.no_route", 3},
	    {"mesh.handshake.failed", 9}, {"mesh.handshake.failed.password", 8},
	    {"overlay.tap.frames_in", 5}, {"overlay.relayed", 6},
	    {"what.comes.later", 7}};
	char *text;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		report_put(&report, CTL_COUNTER, &rows[i], sizeof(rows[i]));
	text = report_metrics(&report);
	require_line(text, "weaved_drops_total{reason=\"no_route\"} 3");
	require_line(
	    text, "weaved_handshake_failures_total{cause=\"password\"} 8");
	require_line(text, "weaved_tap_frames_total{direction=\"in\"} 5");
	require_line(text, "weaved_relayed_frames_total 6");
	require_line(text, "weaved_events_total{event=\"what.comes.later\"} 7");
	ATF_CHECK(strstr(text, "} 9\n") == NULL);
	free(text);
}

/* A comment, or a series and its number, of printable ASCII. */
static bool
line_is_sound(const char *line, size_t len)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < len; i++)
		if (line[i] < ' ' || line[i] > '~')
			return false;
	if (line[0] == '#')
		return true;
	for (i = 0; i < len && (quoted || line[i] != ' '); i++) {
		if (quoted && line[i] == '\\')
			i++;
		else if (line[i] == '"')
			quoted = !quoted;
	}
	return !quoted && i < len &&
	    strspn(line + i + 1, "0123456789.e+-") == len - i - 1;
}

/* What others chose ends no label, no line, and is not long. */
ATF_TC_WITHOUT_HEAD(hostile);
ATF_TC_BODY(hostile, tc)
{
	struct report report = report_new();
	struct ctl_connection row = connection(0xa, CTL_ESTABLISHED);
	char *text, *line, *end;

	for (size_t i = 0; i < sizeof(row.nickname) - 1; i++)
		row.nickname[i] = (char)(i + 1);
	memset(row.address, '"', sizeof(row.address) - 1);
	report_put(&report, CTL_CONNECTION, &row, sizeof(row));
	row.peer = 0xb;
	strlcpy(row.nickname, "\"} 1\nweave_max_ips 2\n\\", CTL_TEXT_MAX);
	memset(row.address, '\\', sizeof(row.address) - 1);
	report_put(&report, CTL_CONNECTION, &row, sizeof(row));
	text = report_metrics(&report);
	for (line = text; *line != '\0'; line = end + 1) {
		ATF_REQUIRE((end = strchr(line, '\n')) != NULL);
		ATF_CHECK_MSG(line_is_sound(line, (size_t)(end - line)), "%.*s",
		    (int)(end - line), line);
		ATF_CHECK(end - line < 1024);
	}
	require_line(text, "weave_max_ips 0");
	ATF_CHECK_EQ(2, count_lines(text, "weaved_peer_info{"));
	free(text);
}

ATF_TC_WITHOUT_HEAD(ready);
ATF_TC_BODY(ready, tc)
{
	struct report report = report_new();
	struct ctl_connection row = connection(0, CTL_FAILED);
	char why[READY_WHY_MAX];

	/* Alone. */
	ATF_CHECK(view_ready(&report, why));
	/* Somebody is to be there. */
	report.status.targets = 1;
	ATF_CHECK(!view_ready(&report, why));
	ATF_CHECK_STREQ("no peer is established, of 1 configured", why);
	row.has_peer = 0;
	row.direct = 1;
	strlcpy(row.cause, "no\nroute", sizeof(row.cause));
	report_put(&report, CTL_CONNECTION, &row, sizeof(row));
	ATF_CHECK(!view_ready(&report, why));
	ATF_CHECK_STREQ("no peer is established, of 1 configured; "
			"10.0.0.1:6783: no\\nroute",
	    why);
	/* It is ourself, after all. */
	strlcpy(row.cause, "cannot connect to ourself", sizeof(row.cause));
	report_put(&report, CTL_CONNECTION, &row, sizeof(row));
	ATF_CHECK(view_ready(&report, why));
	report.status.targets = 2;
	ATF_CHECK(!view_ready(&report, why));
	report.status.connections[CTL_ESTABLISHED] = 1;
	ATF_CHECK(view_ready(&report, why));
	report.status.tap[0] = '\0';
	ATF_CHECK(!view_ready(&report, why));
	report_free(&report);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, nothing);
	ATF_TP_ADD_TC(tp, ipam);
	ATF_TP_ADD_TC(tp, peers);
	ATF_TP_ADD_TC(tp, many_peers);
	ATF_TP_ADD_TC(tp, counters);
	ATF_TP_ADD_TC(tp, hostile);
	ATF_TP_ADD_TC(tp, ready);
	return atf_no_error();
}
