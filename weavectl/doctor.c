#include <sys/socket.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "weavectl/doctor.h"
#include "common/text.h"

static const char *verdict_word(enum doctor_verdict);
static bool find_peer(struct doctor *, const char **);
static void find_address(struct doctor *);
static bool look_up(const char *, struct endpoint *);
static bool is_target(const struct doctor *);
static bool row_fits(const struct doctor *, const struct ctl_connection *);
static int row_rank(const struct ctl_connection *);
static void find_connection(struct doctor *);
static bool address_told(struct doctor *);

static const char *
verdict_word(enum doctor_verdict verdict)
{
	static const char *const words[] = {
	    [DOCTOR_OK] = "ok",
	    [DOCTOR_PROBLEM] = "problem",
	    [DOCTOR_UNKNOWN] = "unknown",
	};

	return words[verdict];
}

bool
doctor_established(const struct doctor *doctor)
{
	return doctor->connection != NULL &&
	    doctor->connection->state == CTL_ESTABLISHED;
}

bool
doctor_pending(const struct doctor *doctor)
{
	return doctor->connection != NULL &&
	    doctor->connection->state == CTL_PENDING;
}

/* A peer of the mesh by name or nickname. False: *error says why not. */
static bool
find_peer(struct doctor *doctor, const char **error)
{
	const struct ctl_peer *rows;
	uint64_t name = PEERNAME_UNKNOWN;
	size_t n;

	peername_parse(doctor->text, &name);
	rows = REPORT_ROWS(doctor->report, CTL_PEER, ctl_peer, &n);
	for (size_t i = 0; i < n; i++) {
		if (name != PEERNAME_UNKNOWN
			? rows[i].name != name
			: strcmp(rows[i].nickname, doctor->text) != 0)
			continue;
		if (doctor->peer != NULL)
			*error = "is the nickname of several peers: give the "
				 "name";
		else if (rows[i].self)
			*error = "is this host itself";
		doctor->peer = &rows[i];
	}
	return *error == NULL;
}

/* A host name is looked up here: the daemon does so only for its targets. */
static bool
look_up(const char *text, struct endpoint *at)
{
	const struct addrinfo hints = {.ai_family = AF_INET};
	const char *colon = strrchr(text, ':');
	char host[CTL_TEXT_MAX];
	struct addrinfo *found;
	struct sockaddr_in sin;

	if (endpoint_parse(text, at))
		return true;
	strlcpy(host, text, sizeof(host));
	if (colon != NULL && (size_t)(colon - text) < sizeof(host)) {
		host[colon - text] = '\0';
		at->port = (uint16_t)strtonum(colon + 1, 1, UINT16_MAX, NULL);
	}
	if (host[0] == '\0' || getaddrinfo(host, NULL, &hints, &found) != 0)
		return false;
	memcpy(&sin, found->ai_addr, sizeof(sin));
	at->addr = ntohl(sin.sin_addr.s_addr);
	freeaddrinfo(found);
	return true;
}

/* Where other peers of the mesh have it, it can be dialled as well. */
static bool
address_told(struct doctor *doctor)
{
	const struct ctl_peer_connection *rows;
	struct endpoint at;
	size_t n;

	if (doctor->peer == NULL)
		return false;
	rows = REPORT_ROWS(
	    doctor->report, CTL_PEER_CONNECTION, ctl_peer_connection, &n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].peer != doctor->peer->name ||
		    !endpoint_parse(rows[i].address, &at))
			continue;
		doctor->at.addr = at.addr;
		if (rows[i].outbound)
			doctor->at.port = at.port;
	}
	return doctor->at.addr != 0;
}

static void
find_address(struct doctor *doctor)
{
	uint64_t name;
	struct endpoint at;

	if (doctor->connection != NULL &&
	    endpoint_parse(doctor->connection->address, &at)) {
		doctor->at.addr = at.addr;
		if (doctor->connection->outbound && at.port != 0)
			doctor->at.port = at.port;
	} else if (doctor->at.addr == 0 && !address_told(doctor) &&
	    !peername_parse(doctor->text, &name))
		look_up(doctor->text, &doctor->at);
	if (doctor->at.port == 0)
		doctor->at.port = doctor->report->status.port;
}

static bool
is_target(const struct doctor *doctor)
{
	const struct ctl_target *rows;
	struct endpoint at;
	size_t n;

	rows = REPORT_ROWS(doctor->report, CTL_TARGET, ctl_target, &n);
	for (size_t i = 0; i < n; i++) {
		if (strcmp(rows[i].address, doctor->text) == 0 ||
		    (doctor->at.addr != 0 &&
			endpoint_parse(rows[i].address, &at) &&
			at.addr == doctor->at.addr))
			return true;
	}
	return doctor->connection != NULL && doctor->connection->direct;
}

static bool
row_fits(const struct doctor *doctor, const struct ctl_connection *row)
{
	struct endpoint at;

	if (doctor->peer != NULL && row->has_peer)
		return row->peer == doctor->peer->name;
	if (strcmp(row->address, doctor->text) == 0)
		return true;
	return doctor->at.addr != 0 && endpoint_parse(row->address, &at) &&
	    at.addr == doctor->at.addr &&
	    (at.port == 0 || !row->outbound || doctor->at.port == 0 ||
		at.port == doctor->at.port);
}

/* Who is connected first; then whom we dial, for it has the cause. */
static int
row_rank(const struct ctl_connection *row)
{
	if (row->state == CTL_ESTABLISHED)
		return 4;
	if (row->state == CTL_PENDING)
		return 3;
	return row->cause[0] == '\0' ? 0 : row->outbound ? 2 : 1;
}

static void
find_connection(struct doctor *doctor)
{
	const struct ctl_connection *rows, *best = NULL;
	size_t n;

	rows = REPORT_ROWS(doctor->report, CTL_CONNECTION, ctl_connection, &n);
	for (size_t i = 0; i < n; i++) {
		if (row_fits(doctor, &rows[i]) &&
		    (best == NULL || row_rank(&rows[i]) > row_rank(best)))
			best = &rows[i];
	}
	doctor->connection = best;
}

const char *
doctor_find(
    const struct report *report, const char *text, struct doctor *doctor)
{
	const struct ctl_peer *rows;
	const char *error = NULL;
	size_t n;

	memset(doctor, 0, sizeof(*doctor));
	doctor->report = report;
	doctor->text = text;
	if (!find_peer(doctor, &error))
		return error;
	if (doctor->peer == NULL)
		endpoint_parse(text, &doctor->at);
	else
		address_told(doctor);
	find_connection(doctor);
	find_address(doctor);
	if (doctor->connection == NULL && doctor->at.addr != 0)
		find_connection(doctor);
	doctor->target = is_target(doctor);
	rows = REPORT_ROWS(report, CTL_PEER, ctl_peer, &n);
	for (size_t i = 0; doctor->peer == NULL && doctor->connection != NULL &&
	     doctor->connection->has_peer && i < n;
	     i++)
		if (rows[i].name == doctor->connection->peer)
			doctor->peer = &rows[i];
	return NULL;
}

int
doctor_run(struct report *report, const char *text, bool json)
{
	struct doctor_checks checks;
	struct doctor doctor;
	const char *error = doctor_find(report, text, &doctor);

	if (error != NULL) {
		fprintf(stderr, "weavectl: %s %s\n", text, error);
		return 2;
	}
	if (doctor.at.addr != 0)
		doctor_probe(doctor.at,
		    !doctor_established(&doctor) && !doctor_pending(&doctor),
		    &doctor.probe);
	doctor_examine(&doctor, &checks);
	if (json)
		doctor_json(&doctor, &checks, stdout);
	else
		doctor_text(&checks, stdout);
	return doctor_ill(&checks);
}

bool
doctor_ill(const struct doctor_checks *checks)
{
	for (size_t i = 0; i < checks->count; i++)
		if (checks->list[i].verdict == DOCTOR_PROBLEM)
			return true;
	return false;
}

void
doctor_text(const struct doctor_checks *checks, FILE *out)
{
	for (size_t i = 0; i < checks->count; i++) {
		const struct doctor_check *check = &checks->list[i];

		fprintf(out, "%-8s %-10s %s%s%s\n",
		    verdict_word(check->verdict), check->name, check->text,
		    check->advice[0] == '\0' ? "" : "; ", check->advice);
	}
}

void
doctor_json(
    const struct doctor *doctor, const struct doctor_checks *checks, FILE *out)
{
	char clean[TEXT_CLEAN_MAX], name[PEERNAME_STRLEN];
	char address[ENDPOINT_STRLEN];
	json_t *list = json_array(), *root;

	for (size_t i = 0; i < checks->count; i++) {
		const struct doctor_check *check = &checks->list[i];

		json_array_append_new(list,
		    json_pack("{s:s, s:s, s:s, s:s}", "Check", check->name,
			"Result", verdict_word(check->verdict), "Text",
			check->text, "Advice", check->advice));
	}
	root = json_pack("{s:s, s:o, s:o, s:s, s:o}", "Peer",
	    text_clean(doctor->text, clean), "Name",
	    doctor->peer == NULL
		? json_null()
		: json_string(peername_format(doctor->peer->name, name)),
	    "Address",
	    doctor->at.addr == 0
		? json_null()
		: json_string(endpoint_format(doctor->at, address)),
	    "Result", doctor_ill(checks) ? "problem" : "ok", "Checks", list);
	json_dumpf(root, out, JSON_INDENT(4));
	fputc('\n', out);
	json_decref(root);
}
