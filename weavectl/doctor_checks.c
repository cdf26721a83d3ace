#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "weavectl/doctor.h"
#include "common/keys.h"
#include "common/text.h"

#define CLOCK_APART 5000 /* ms from which logs are hard to compare */
#define KEY_OLD 180 /* seconds: data stops (hardened-protocol 6) */

typedef void (*examine)(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);

static void say(struct doctor_check *, enum doctor_verdict, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static void advise(struct doctor_check *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static bool has_cause(const struct doctor *, const char *);
static const char *error_text(int);
static void examine_peer(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);
static void examine_connection(const struct doctor *,
    const struct ctl_connection *, struct doctor_check *);
static void examine_address(const struct doctor *,
    const struct ctl_connection *, struct doctor_check *);
static void examine_tcp(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);
static void examine_udp(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);
static void examine_versions(const struct doctor *,
    const struct ctl_connection *, struct doctor_check *);
static void examine_offered(
    const struct doctor *, const char *, struct doctor_check *);
static void examine_password(const struct doctor *,
    const struct ctl_connection *, struct doctor_check *);
static void examine_no_password(
    const struct doctor *, struct doctor_check *, const char *);
static void examine_mtu(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);
static void examine_path(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);
static void examine_relay(const struct doctor *, struct doctor_check *);
static void examine_clock(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);
static void examine_keys(const struct doctor *, const struct ctl_connection *,
    struct doctor_check *);

/* In the order in which an operator would look. */
static const struct {
	const char *name;
	examine run;
} examinations[] = {
    {"peer", examine_peer},
    {"connection", examine_connection},
    {"address", examine_address},
    {"tcp", examine_tcp},
    {"udp", examine_udp},
    {"versions", examine_versions},
    {"password", examine_password},
    {"mtu", examine_mtu},
    {"path", examine_path},
    {"clock", examine_clock},
    {"keys", examine_keys},
};
_Static_assert(
    sizeof(examinations) / sizeof(examinations[0]) <= DOCTOR_CHECKS_MAX,
    "room for each");

void
doctor_examine(const struct doctor *doctor, struct doctor_checks *checks)
{
	size_t n = sizeof(examinations) / sizeof(examinations[0]);

	memset(checks, 0, sizeof(*checks));
	for (size_t i = 0; i < n; i++) {
		struct doctor_check *check = &checks->list[checks->count++];

		check->name = examinations[i].name;
		examinations[i].run(doctor, doctor->connection, check);
	}
}

static void
say(struct doctor_check *check, enum doctor_verdict verdict, const char *fmt,
    ...)
{
	va_list ap;

	check->verdict = verdict;
	va_start(ap, fmt);
	vsnprintf(check->text, sizeof(check->text), fmt, ap);
	va_end(ap);
}

static void
advise(struct doctor_check *check, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(check->advice, sizeof(check->advice), fmt, ap);
	va_end(ap);
}

/* Did the last attempt end for this reason? */
static bool
has_cause(const struct doctor *doctor, const char *text)
{
	return doctor->connection != NULL &&
	    strstr(doctor->connection->cause, text) != NULL;
}

static const char *
error_text(int error)
{
	return error == ETIMEDOUT ? "no answer" : strerror(error);
}

static void
examine_peer(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	char peer[TEXT_PEER_MAX], at[ENDPOINT_STRLEN], clean[TEXT_CLEAN_MAX];

	(void)row;
	if (doctor->at.addr == 0)
		strlcpy(at, "an unknown address", sizeof(at));
	else
		endpoint_format(doctor->at, at);
	if (doctor->peer != NULL)
		say(check, DOCTOR_OK, "%s at %s",
		    text_peer(doctor->peer->name, doctor->peer->nickname, peer),
		    at);
	else if (doctor->target)
		say(check, DOCTOR_OK, "%s, a direct peer", at);
	else if (doctor->at.addr != 0) {
		say(check, DOCTOR_PROBLEM,
		    "%s is no peer of this mesh and no direct peer", at);
		advise(check, "weavectl connect %s",
		    text_clean(doctor->text, clean));
	} else {
		say(check, DOCTOR_PROBLEM,
		    "%s is no peer of this mesh, no direct peer and no address",
		    text_clean(doctor->text, clean));
		advise(check, "weavectl status peers shows who is there");
	}
}

static void
examine_connection(const struct doctor *doctor,
    const struct ctl_connection *row, struct doctor_check *check)
{
	char cause[TEXT_CLEAN_MAX], age[TEXT_AGE_MAX], retry[TEXT_AGE_MAX];

	if (row == NULL) {
		say(check, DOCTOR_PROBLEM, "there is none, and none is tried");
		if (!doctor->report->status.discovery && !doctor->target)
			advise(check,
			    "discovery is off and it is no direct "
			    "peer: weavectl connect ADDRESS");
		return;
	}
	if (row->state == CTL_ESTABLISHED) {
		say(check, DOCTOR_OK, "established %s ago",
		    text_age(row->age, age));
		return;
	}
	say(check, DOCTOR_PROBLEM, "%s for %s%s%s", text_state(row->state),
	    text_age(row->age, age), row->cause[0] == '\0' ? "" : ": ",
	    text_clean(row->cause, cause));
	if (row->state == CTL_PENDING)
		advise(check, "the overlay does not answer, see udp");
	else if (has_cause(doctor, "connection limit"))
		advise(check, "raise connection-limit here or there");
	else if (row->retry_in != 0 && row->retry_in != CTL_RETRY_NEVER)
		advise(check, "next try in %s", text_age(row->retry_in, retry));
}

static void
examine_address(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	const struct doctor_probe *probe = &doctor->probe;
	char at[IPV4_STRLEN];

	(void)row;
	ipv4_format(doctor->at.addr, at);
	if (doctor->at.addr == 0)
		say(check, DOCTOR_UNKNOWN, "none is known");
	else if (probe->has_echo)
		say(check, DOCTOR_OK, "%s answers a ping in %u.%u ms", at,
		    probe->echo / 1000, probe->echo % 1000 / 100);
	else if (doctor_established(doctor) || doctor_pending(doctor))
		say(check, DOCTOR_OK, "%s is connected (no answer to a ping)",
		    at);
	else if (probe->tried_ports &&
	    (probe->tcp_error == 0 || probe->tcp_error == ECONNREFUSED))
		say(check, DOCTOR_OK, "%s answers TCP (but no ping)", at);
	else if (!probe->tried_ports)
		say(check, DOCTOR_UNKNOWN, "%s was not tried", at);
	else {
		say(check, DOCTOR_PROBLEM, "%s: %s", at,
		    error_text(probe->tcp_error));
		advise(check,
		    "is the host up, the address right, and is there "
		    "a route (ip route get %s)",
		    at);
	}
}

static void
examine_tcp(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	const struct doctor_probe *probe = &doctor->probe;
	unsigned port = doctor->at.port;

	if (doctor_established(doctor) || doctor_pending(doctor))
		say(check, DOCTOR_OK, "connected: %s dialled",
		    row->outbound ? "this host" : "the peer");
	else if (!probe->tried_ports)
		say(check, DOCTOR_UNKNOWN, "not tried");
	else if (probe->other_service) {
		say(check, DOCTOR_PROBLEM,
		    "port %u answers, but is no weaved and no Weave router",
		    port);
		advise(check, "compare the port of both ends");
	} else if (probe->tcp_error == 0)
		say(check, DOCTOR_OK, "port %u answers", port);
	else {
		say(check, DOCTOR_PROBLEM, "port %u: %s", port,
		    error_text(probe->tcp_error));
		advise(check,
		    probe->tcp_error == ECONNREFUSED
			? "does weaved run there, and on this port"
			: "let TCP port %u pass in firewalls on the way",
		    port);
	}
}

/* A stranger gets no answer by UDP: only a connection shows that it works. */
static void
examine_udp(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	unsigned port = doctor->at.port;
	bool silent = has_cause(doctor, "UDP heartbeat");

	if (doctor_established(doctor)) {
		say(check, DOCTOR_OK, "packets pass: %llu sent, %llu received",
		    (unsigned long long)row->packets_sent,
		    (unsigned long long)row->packets_received);
		return;
	}
	if (!silent && !doctor_pending(doctor) &&
	    doctor->probe.udp_error != ECONNREFUSED) {
		say(check, DOCTOR_UNKNOWN,
		    "port %u does not answer strangers: told once TCP is "
		    "connected",
		    port);
		return;
	}
	if (doctor->probe.udp_error == ECONNREFUSED)
		say(check, DOCTOR_PROBLEM, "port %u is closed", port);
	else if (doctor_pending(doctor) && row->packets_received > 0)
		say(check, DOCTOR_PROBLEM,
		    "the peer's packets arrive, ours do not reach it");
	else
		say(check, DOCTOR_PROBLEM,
		    "no packet of the peer arrives, though TCP connects");
	advise(
	    check, "let UDP port %u pass both ways in firewalls and NAT", port);
}

static void
examine_versions(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	const struct ctl_status *status = &doctor->report->status;
	char cause[TEXT_CLEAN_MAX], ours[32];

	snprintf(ours, sizeof(ours), "%u-%u", status->protocol_min,
	    status->protocol_max);
	if (row != NULL && row->version != 0)
		say(check, DOCTOR_OK, "version %u (ours %s)%s", row->version,
		    ours, row->weaved ? "" : ": a Weave router");
	else if (has_cause(doctor, "possible downgrade")) {
		say(check, DOCTOR_PROBLEM,
		    "both offered version 3 but met at version 2");
		advise(check, "somebody on the way changes what is sent");
	} else if (doctor->probe.has_header)
		examine_offered(doctor, ours, check);
	else if (has_cause(doctor, "incompatible versions"))
		say(check, DOCTOR_PROBLEM, "%s", text_clean(row->cause, cause));
	else
		say(check, DOCTOR_UNKNOWN, "ours %s, theirs not told", ours);
}

static void
examine_offered(
    const struct doctor *doctor, const char *ours, struct doctor_check *check)
{
	const struct ctl_status *status = &doctor->report->status;
	const struct doctor_probe *probe = &doctor->probe;

	if (probe->version_max >= status->protocol_min &&
	    probe->version_min <= status->protocol_max) {
		say(check, DOCTOR_OK, "theirs %u-%u, ours %s",
		    probe->version_min, probe->version_max, ours);
		return;
	}
	say(check, DOCTOR_PROBLEM, "theirs %u-%u, ours %s: incompatible",
	    probe->version_min, probe->version_max, ours);
	advise(check,
	    "protocol: mixed at the end that is hardened speaks "
	    "with both");
}

static void
examine_password(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	char cause[TEXT_CLEAN_MAX], age[TEXT_AGE_MAX];
	bool up = doctor_established(doctor) || doctor_pending(doctor);

	if (up && !row->has_key)
		say(check, DOCTOR_OK, "none is set at either end");
	else if (up)
		say(check, DOCTOR_OK, "accepted %s ago%s%s%s",
		    text_age(row->auth_age, age),
		    row->slot == CTL_SLOT_UNKNOWN ? "" : " (",
		    row->slot == CTL_SLOT_UNKNOWN ? "" : keys_slot(row),
		    row->slot == CTL_SLOT_UNKNOWN ? "" : ")");
	else if (has_cause(doctor, "password"))
		examine_no_password(
		    doctor, check, text_clean(row->cause, cause));
	else if (has_cause(doctor, "too many failed handshakes")) {
		say(check, DOCTOR_PROBLEM, "%s", text_clean(row->cause, cause));
		advise(check, "mend the password, then wait, or reload");
	} else
		say(check, DOCTOR_UNKNOWN, "not asked for yet");
}

static void
examine_no_password(
    const struct doctor *doctor, struct doctor_check *check, const char *cause)
{
	const char *source = doctor->report->status.password_source;
	char clean[TEXT_CLEAN_MAX];

	say(check, DOCTOR_PROBLEM, "%s", cause);
	if (has_cause(doctor, "not set here"))
		advise(check, "set the password of the mesh on this host");
	else if (has_cause(doctor, "not at the peer"))
		advise(check, "set the password of the mesh at the peer");
	else
		advise(check,
		    "compare the passwords (here: %s) and, in "
		    "weaved.conf, mesh",
		    source[0] == '\0' ? "none" : text_clean(source, clean));
}

static void
examine_mtu(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	unsigned pods = doctor->report->status.mtu;

	if (!doctor_established(doctor) || row->mtu == 0) {
		if (doctor->probe.path_mtu != 0)
			say(check, DOCTOR_UNKNOWN,
			    "measured once connected; the route's is %u",
			    doctor->probe.path_mtu);
		else
			say(check, DOCTOR_UNKNOWN, "measured once connected");
	} else if (row->mtu >= pods)
		say(check, DOCTOR_OK, "%u fit, pods have %u", row->mtu, pods);
	else {
		say(check, DOCTOR_PROBLEM,
		    "only %u fit, pods have %u: what is larger is fragmented "
		    "or refused",
		    row->mtu, pods);
		advise(check,
		    "raise the MTU of the network between the hosts, "
		    "or set mtu: %u on all",
		    row->mtu);
	}
}

static void
examine_path(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	char overlay[TEXT_CLEAN_MAX];

	if (!doctor_established(doctor)) {
		examine_relay(doctor, check);
		return;
	}
	say(check, DOCTOR_OK, "direct, %s%s; both ends have no better one",
	    text_clean(row->overlay, overlay),
	    row->trusted ? ", in the clear (trusted-subnets)" : "");
}

static void
examine_relay(const struct doctor *doctor, struct doctor_check *check)
{
	const struct ctl_route *routes;
	const struct ctl_peer *peers;
	char relay[TEXT_PEER_MAX];
	uint64_t via = 0;
	size_t n;

	routes = REPORT_ROWS(doctor->report, CTL_ROUTE, ctl_route, &n);
	for (size_t i = 0; doctor->peer != NULL && i < n; i++)
		if (routes[i].kind == CTL_ROUTE_UNICAST &&
		    routes[i].peer == doctor->peer->name)
			via = routes[i].via;
	if (via == 0) {
		say(check, DOCTOR_PROBLEM,
		    "none: packets for its pods are dropped");
		return;
	}
	text_peer(via, "", relay);
	peers = REPORT_ROWS(doctor->report, CTL_PEER, ctl_peer, &n);
	for (size_t i = 0; i < n; i++)
		if (peers[i].name == via)
			text_peer(via, peers[i].nickname, relay);
	say(check, DOCTOR_PROBLEM,
	    "relayed by %s, for there is no direct connection", relay);
}

/* Nothing here depends on it, but who compares logs does. */
static void
examine_clock(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	int32_t clock = doctor->probe.clock;
	int32_t apart = clock < 0 ? -clock : clock;

	(void)row;
	if (!doctor->probe.tried_icmp)
		say(check, DOCTOR_UNKNOWN, "%s",
		    doctor->at.addr == 0 ? "no address is known"
					 : "not asked for: needs root");
	else if (!doctor->probe.has_clock)
		say(check, DOCTOR_UNKNOWN,
		    "the peer does not answer ICMP timestamps");
	else if (apart < CLOCK_APART)
		say(check, DOCTOR_OK, "less than %d s apart", apart / 1000 + 1);
	else {
		say(check, DOCTOR_PROBLEM, "the peer's is %d s %s",
		    apart / 1000, clock < 0 ? "behind" : "ahead");
		advise(check,
		    "times in the logs of both do not compare: run "
		    "a time service");
	}
}

static void
examine_keys(const struct doctor *doctor, const struct ctl_connection *row,
    struct doctor_check *check)
{
	char age[TEXT_AGE_MAX];

	if (!doctor_established(doctor))
		say(check, DOCTOR_UNKNOWN, "none yet");
	else if (!row->has_key)
		say(check, DOCTOR_OK, "none: no password is set");
	else if (row->rekey_in == CTL_RETRY_NEVER)
		say(check, DOCTOR_OK,
		    "%s old; a peer of version %u cannot renew them",
		    text_age(row->key_age, age), row->version);
	else if (row->key_age < KEY_OLD)
		say(check, DOCTOR_OK, "%s old, epoch %u",
		    text_age(row->key_age, age), row->epoch);
	else {
		say(check, DOCTOR_PROBLEM, "%s old: nothing is sent with them",
		    text_age(row->key_age, age));
		advise(check, "%s does not renew them: see its log",
		    row->outbound ? "this host" : "the peer");
	}
}
