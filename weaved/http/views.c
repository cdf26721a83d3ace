#include <string.h>

#include "common/output.h"
#include "common/text.h"
#include "weaved/http/metrics.h"
#include "weaved/http/views.h"

#define FRESH 1000
#define FRESH_REPORT 5000 /* of many peers it has megabytes */

#define TEXT "text/plain; charset=utf-8"
#define JSON "application/json"

static int print_metrics(const struct report *, FILE *);
static int print_status(const struct report *, FILE *);
static int print_connections(const struct report *, FILE *);
static int print_peers(const struct report *, FILE *);
static int print_targets(const struct report *, FILE *);
static int print_ipam(const struct report *, FILE *);
static int print_keys(const struct report *, FILE *);
static int print_report(const struct report *, FILE *);
static int print_healthz(const struct report *, FILE *);
static int print_readyz(const struct report *, FILE *);

#define READY_PARTS (CTL_SHOW_STATUS | CTL_SHOW_CONNECTIONS | CTL_SHOW_TARGETS)

const struct view views[VIEWS] = {
    {"/metrics", READY_PARTS | CTL_SHOW_COUNTERS | CTL_SHOW_IPAM, FRESH, true,
	"text/plain; version=0.0.4; charset=utf-8", print_metrics},
    {"/healthz", CTL_SHOW_STATUS, FRESH, true, TEXT, print_healthz},
    {"/readyz", READY_PARTS, FRESH, true, TEXT, print_readyz},
    {"/status", CTL_SHOW_STATUS, FRESH, false, TEXT, print_status},
    {"/status/connections", CTL_SHOW_STATUS | CTL_SHOW_CONNECTIONS, FRESH,
	false, TEXT, print_connections},
    {"/status/peers", CTL_SHOW_STATUS | CTL_SHOW_PEERS, FRESH, false, TEXT,
	print_peers},
    {"/status/targets", CTL_SHOW_STATUS | CTL_SHOW_TARGETS, FRESH, false, TEXT,
	print_targets},
    {"/status/ipam", CTL_SHOW_STATUS | CTL_SHOW_IPAM, FRESH, false, TEXT,
	print_ipam},
    {"/status/keys", CTL_SHOW_STATUS | CTL_SHOW_CONNECTIONS, FRESH, false, TEXT,
	print_keys},
    {"/report", CTL_SHOW_ALL, FRESH_REPORT, false, JSON, print_report},
};

const struct view *
view_find(const char *path, bool metrics)
{
	for (size_t i = 0; i < VIEWS; i++)
		if (strcmp(views[i].path, path) == 0)
			return metrics && !views[i].metrics ? NULL : &views[i];
	return NULL;
}

static int
print_metrics(const struct report *report, FILE *out)
{
	metrics_print(report, out);
	return 200;
}

static int
print_status(const struct report *report, FILE *out)
{
	output_text.print[OUTPUT_STATUS](report, out);
	return 200;
}

static int
print_connections(const struct report *report, FILE *out)
{
	output_text.print[OUTPUT_CONNECTIONS](report, out);
	return 200;
}

static int
print_peers(const struct report *report, FILE *out)
{
	output_text.print[OUTPUT_PEERS](report, out);
	return 200;
}

static int
print_targets(const struct report *report, FILE *out)
{
	output_text.print[OUTPUT_TARGETS](report, out);
	return 200;
}

static int
print_ipam(const struct report *report, FILE *out)
{
	output_text.print[OUTPUT_IPAM](report, out);
	return 200;
}

static int
print_keys(const struct report *report, FILE *out)
{
	output_text.print[OUTPUT_KEYS](report, out);
	return 200;
}

static int
print_report(const struct report *report, FILE *out)
{
	output_json.print[OUTPUT_REPORT](report, out);
	return 200;
}

/* That the engine answered is what is asked. */
static int
print_healthz(const struct report *report, FILE *out)
{
	(void)report;
	fputs("ok\n", out);
	return 200;
}

static int
print_readyz(const struct report *report, FILE *out)
{
	char why[READY_WHY_MAX];

	if (view_ready(report, why)) {
		fputs("ready\n", out);
		return 200;
	}
	fprintf(out, "%s\n", why);
	return 503;
}

/*
 * A target that turned out to be this host itself, as in a list of all nodes,
 * is no peer to wait for.
 */
bool
view_ready(const struct report *report, char why[READY_WHY_MAX])
{
	const struct ctl_status *status = &report->status;
	const struct ctl_connection *rows, *failed = NULL;
	char clean[TEXT_CLEAN_MAX], address[TEXT_CLEAN_MAX];
	size_t n, ourself = 0;

	if (status->tap[0] == '\0') {
		strlcpy(why, "the overlay has no device yet", READY_WHY_MAX);
		return false;
	}
	rows = REPORT_ROWS(report, CTL_CONNECTION, ctl_connection, &n);
	for (size_t i = 0; i < n; i++) {
		if (!rows[i].direct || rows[i].state == CTL_ESTABLISHED)
			continue;
		if (strstr(rows[i].cause, "ourself") != NULL)
			ourself++;
		else if (failed == NULL && rows[i].cause[0] != '\0')
			failed = &rows[i];
	}
	if (status->connections[CTL_ESTABLISHED] > 0 ||
	    status->targets <= ourself)
		return true;
	snprintf(why, READY_WHY_MAX, "no peer is established, of %u configured",
	    status->targets);
	if (failed != NULL) {
		size_t len = strlen(why);

		snprintf(why + len, READY_WHY_MAX - len, "; %s: %s",
		    text_clean(failed->address, address),
		    text_clean(failed->cause, clean));
	}
	return false;
}
