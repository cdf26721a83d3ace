/*
 * What "weavectl doctor" makes of rows and of what it tried, built here,
 * against regress/ctl/golden.
 */
#include <atf-c.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/golden.h"
#include "weavectl/doctor.h"

#define NAME1 UINT64_C(0x8a3e00000001)
#define NAME2 UINT64_C(0x8a3e00000002)
#define NAME3 UINT64_C(0x8a3e00000003)

#define ADD(report, type, row) \
	ATF_REQUIRE(report_add((report), (type), &(row), sizeof(row)) == NULL)

static struct report report_of(const struct ctl_connection *);
static struct doctor find(const struct report *, const char *);
static void examine(const struct doctor *, const char *);
static struct ctl_connection established(void);
static struct ctl_connection failed(const char *);

/* Ourself, who is relayed to, and one connection or none. */
static struct report
report_of(const struct ctl_connection *row)
{
	const struct ctl_status status = {.protocol_min = 3,
	    .protocol_max = 3,
	    .name = NAME1,
	    .port = 6783,
	    .encryption = 1,
	    .mtu = 1376,
	    .password_source = "/etc/weaved/password"};
	const struct ctl_peer self = {
	    .name = NAME1, .nickname = "host1", .self = 1};
	const struct ctl_peer relay = {.name = NAME2, .nickname = "host2"};
	const struct ctl_peer far = {.name = NAME3, .nickname = "ho\033st3"};
	const struct ctl_peer_connection link = {.peer = NAME3,
	    .address = "192.168.77.13:6790",
	    .outbound = 1,
	    .established = 1};
	const struct ctl_route route = {CTL_ROUTE_UNICAST, 0, NAME3, NAME2};
	const struct ctl_target target = {"192.168.77.14:6783"};
	struct report report = {.now = 0};

	ADD(&report, CTL_STATUS, status);
	ADD(&report, CTL_PEER, self);
	ADD(&report, CTL_PEER, relay);
	ADD(&report, CTL_PEER_CONNECTION, link);
	ADD(&report, CTL_PEER, far);
	ADD(&report, CTL_ROUTE, route);
	ADD(&report, CTL_TARGET, target);
	if (row != NULL)
		ADD(&report, CTL_CONNECTION, *row);
	return report;
}

static struct doctor
find(const struct report *report, const char *text)
{
	struct doctor doctor;

	ATF_REQUIRE(doctor_find(report, text, &doctor) == NULL);
	return doctor;
}

static void
examine(const struct doctor *doctor, const char *name)
{
	struct doctor_checks checks;
	char file[64], *text;
	size_t len;
	FILE *out;

	doctor_examine(doctor, &checks);
	ATF_REQUIRE((out = open_memstream(&text, &len)) != NULL);
	doctor_text(&checks, out);
	fclose(out);
	snprintf(file, sizeof(file), "doctor-%s.txt", name);
	golden_check(file, text);
	free(text);
	ATF_REQUIRE((out = open_memstream(&text, &len)) != NULL);
	doctor_json(doctor, &checks, out);
	fclose(out);
	snprintf(file, sizeof(file), "doctor-%s.json", name);
	golden_check(file, text);
	free(text);
}

static struct ctl_connection
established(void)
{
	const struct ctl_connection row = {.state = CTL_ESTABLISHED,
	    .outbound = 1,
	    .encrypted = 1,
	    .has_peer = 1,
	    .address = "192.168.77.12:6783",
	    .peer = NAME2,
	    .nickname = "host2",
	    .overlay = "sleeve",
	    .mtu = 1414,
	    .version = 3,
	    .age = 3700,
	    .weaved = 1,
	    .has_key = 1,
	    .slot = CTL_SLOT_PRIMARY,
	    .packets_sent = 10,
	    .packets_received = 20,
	    .epoch = 30,
	    .key_age = 65,
	    .auth_age = 905,
	    .rekey_in = 55};

	return row;
}

static struct ctl_connection
failed(const char *cause)
{
	struct ctl_connection row = {.state = CTL_FAILED,
	    .outbound = 1,
	    .address = "192.168.77.14:6783",
	    .age = 125,
	    .retry_in = 40};

	snprintf(row.cause, sizeof(row.cause), "%s", cause);
	return row;
}

ATF_TC_WITHOUT_HEAD(well);
ATF_TC_BODY(well, tc)
{
	const struct ctl_connection row = established();
	struct report report = report_of(&row);
	struct doctor doctor = find(&report, "host2");

	doctor.probe.tried_icmp = true;
	doctor.probe.has_echo = true;
	doctor.probe.echo = 1234;
	doctor.probe.has_clock = true;
	doctor.probe.clock = -3999;
	examine(&doctor, "well");
	report_free(&report);
}

/* Connected, but with all that can be wrong then. */
ATF_TC_WITHOUT_HEAD(poorly);
ATF_TC_BODY(poorly, tc)
{
	struct ctl_connection row = established();
	struct report report;
	struct doctor doctor;

	row.mtu = 1214;
	row.key_age = 200;
	row.trusted = 1;
	row.slot = CTL_SLOT_SECONDARY;
	report = report_of(&row);
	doctor = find(&report, "192.168.77.12");
	doctor.probe.tried_icmp = true;
	doctor.probe.has_clock = true;
	doctor.probe.clock = 3600000;
	examine(&doctor, "poorly");
	report_free(&report);
}

/* A Weave router that was there for two days, and waits for UDP. */
ATF_TC_WITHOUT_HEAD(pending);
ATF_TC_BODY(pending, tc)
{
	struct ctl_connection row = established();
	struct report report;
	struct doctor doctor;

	row.state = CTL_PENDING;
	row.version = 2;
	row.weaved = 0;
	row.rekey_in = CTL_RETRY_NEVER;
	row.slot = CTL_SLOT_UNKNOWN;
	report = report_of(&row);
	doctor = find(&report, "8a:3e:00:00:00:02");
	doctor.probe.tried_icmp = true;
	examine(&doctor, "pending");
	report_free(&report);
}

ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	const struct ctl_connection row =
	    failed("password mismatch (or another mesh name)");
	struct report report = report_of(&row);
	struct doctor doctor = find(&report, "192.168.77.14");

	doctor.probe.tried_ports = true;
	doctor.probe.has_header = true;
	doctor.probe.version_min = 2;
	doctor.probe.version_max = 3;
	doctor.probe.path_mtu = 1500;
	examine(&doctor, "refused");
	report_free(&report);
}

ATF_TC_WITHOUT_HEAD(unreachable);
ATF_TC_BODY(unreachable, tc)
{
	const struct ctl_connection row = failed("timeout");
	struct report report = report_of(&row);
	struct doctor doctor = find(&report, "192.168.77.14:6783");

	doctor.probe.tried_ports = true;
	doctor.probe.tcp_error = ETIMEDOUT;
	doctor.probe.udp_error = ECONNREFUSED;
	examine(&doctor, "unreachable");
	report_free(&report);
}

/* Dialled by nobody, at an address that gossip tells. */
ATF_TC_WITHOUT_HEAD(relayed);
ATF_TC_BODY(relayed, tc)
{
	struct report report = report_of(NULL);
	struct doctor doctor = find(&report, "8a:3e:00:00:00:03");

	doctor.probe.tried_ports = true;
	doctor.probe.other_service = true;
	examine(&doctor, "relayed");
	report_free(&report);
}

/* Neither a peer nor an address; ourself; a nickname that two have. */
ATF_TC_WITHOUT_HEAD(who);
ATF_TC_BODY(who, tc)
{
	const struct ctl_peer other = {.name = NAME3 + 1, .nickname = "host2"};
	struct report report = report_of(NULL);
	struct doctor doctor = find(&report, "8a:3e:00:00:00:99");

	examine(&doctor, "nobody");
	ATF_CHECK(strstr(doctor_find(&report, "host1", &doctor),
		      "host itself") != NULL);
	ADD(&report, CTL_PEER, other);
	ATF_CHECK(strstr(doctor_find(&report, "host2", &doctor),
		      "several peers") != NULL);
	report_free(&report);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, well);
	ATF_TP_ADD_TC(tp, poorly);
	ATF_TP_ADD_TC(tp, pending);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, unreachable);
	ATF_TP_ADD_TC(tp, relayed);
	ATF_TP_ADD_TC(tp, who);
	return atf_no_error();
}
