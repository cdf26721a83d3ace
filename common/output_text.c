#include <stdarg.h>
#include <string.h>

#include "common/keys.h"
#include "common/output.h"
#include "common/text.h"

static void text_line(FILE *, const char *, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static void text_status(const struct report *, FILE *);
static void text_status_connections(const struct ctl_status *, FILE *);
static void text_status_peers(const struct ctl_status *, FILE *);
static void text_status_subnets(const struct report *, FILE *);
static void text_status_processes(const struct report *, FILE *);
static void text_connections(const struct report *, FILE *);
static void text_peers(const struct report *, FILE *);
static void text_targets(const struct report *, FILE *);
static void text_status_ipam(const struct report *, FILE *);
static void text_ipam_peers(const struct report *, FILE *);
static void text_addresses(const struct report *, FILE *);
static void text_report(const struct report *, FILE *);
static void text_bench(const struct report *, FILE *);
static void text_rotation(const struct report *, FILE *);
static void text_rotation_nodes(const struct report *, FILE *);
static void text_round_trip(FILE *, const char *, uint32_t, uint32_t, uint32_t);

const struct output output_text = {{
    [OUTPUT_STATUS] = text_status,
    [OUTPUT_CONNECTIONS] = text_connections,
    [OUTPUT_PEERS] = text_peers,
    [OUTPUT_TARGETS] = text_targets,
    [OUTPUT_REPORT] = text_report,
    [OUTPUT_IPAM] = text_ipam_peers,
    [OUTPUT_ADDRESSES] = text_addresses,
    [OUTPUT_BENCH] = text_bench,
    [OUTPUT_KEYS] = keys_text,
    [OUTPUT_ROTATION] = text_rotation,
}};

/* Labels end before the colon at the same column. */
static void
text_line(FILE *out, const char *label, const char *fmt, ...)
{
	va_list ap;

	fprintf(out, "%15s: ", label);
	va_start(ap, fmt);
	vfprintf(out, fmt, ap);
	va_end(ap);
	fputc('\n', out);
}

static void
text_status(const struct report *report, FILE *out)
{
	const struct ctl_status *status = &report->status;
	char clean[TEXT_CLEAN_MAX], peer[TEXT_PEER_MAX];
	size_t subnets;

	text_line(out, "Version", "%s", text_clean(status->version, clean));
	fputc('\n', out);
	text_line(out, "Service", "router");
	text_clean(status->protocol, clean);
	if (status->protocol_min == status->protocol_max)
		text_line(
		    out, "Protocol", "%s %u", clean, status->protocol_max);
	else
		text_line(out, "Protocol", "%s %u..%u", clean,
		    status->protocol_min, status->protocol_max);
	text_line(
	    out, "Name", "%s", text_peer(status->name, status->nickname, peer));
	text_line(out, "Encryption", "%s",
	    status->encryption ? "enabled" : "disabled");
	text_line(out, "PeerDiscovery", "%s",
	    status->discovery ? "enabled" : "disabled");
	text_line(out, "Targets", "%u", status->targets);
	text_status_connections(status, out);
	text_status_peers(status, out);
	report_rows(report, CTL_SUBNET, &subnets);
	if (subnets == 0)
		text_line(out, "TrustedSubnets", "none");
	else
		text_status_subnets(report, out);
	text_line(out, "Offloads", "%s", text_clean(status->offloads, clean));
	if (status->warning[0] != '\0')
		text_line(
		    out, "Warning", "%s", text_clean(status->warning, clean));
	text_status_ipam(report, out);
	text_status_processes(report, out);
}

static void
text_status_ipam(const struct report *report, FILE *out)
{
	char state[TEXT_IPAM_MAX], subnet[SUBNET_STRLEN], clean[TEXT_CLEAN_MAX];
	const struct ctl_ipam *row;
	size_t n;

	row = REPORT_ROWS(report, CTL_IPAM, ctl_ipam, &n);
	if (n == 0)
		return;
	fputc('\n', out);
	text_line(out, "Service", "ipam");
	text_line(out, "Status", "%s", text_ipam(row, state));
	text_line(out, "Range", "%s",
	    text_subnet(
		&(struct ctl_subnet){row->range_addr, row->range_len}, subnet));
	text_line(out, "DefaultSubnet", "%s",
	    text_subnet(&(struct ctl_subnet){row->subnet_addr, row->subnet_len},
		subnet));
	if (row->save_error[0] != '\0')
		text_line(out, "Warning", "the state is not on disk: %s",
		    text_clean(row->save_error, clean));
}

/* The shape of Weave, and below it what contradicts. */
static void
text_ipam_peers(const struct report *report, FILE *out)
{
	char peer[TEXT_PEER_MAX], info[64], clean[TEXT_CLEAN_MAX];
	const struct ctl_ipam_conflict *conflicts;
	const struct ctl_ipam_peer *rows;
	const struct ctl_ipam *ipam;
	size_t n, nipam;

	ipam = REPORT_ROWS(report, CTL_IPAM, ctl_ipam, &nipam);
	rows = REPORT_ROWS(report, CTL_IPAM_PEER, ctl_ipam_peer, &n);
	for (size_t i = 0; nipam > 0 && i < n; i++) {
		if (rows[i].self)
			snprintf(
			    info, sizeof(info), " (%u active)", ipam->active);
		else
			strlcpy(info,
			    rows[i].reachable ? "" : " - unreachable!",
			    sizeof(info));
		fprintf(out, "%-37s %8u IPs (%04.1f%% of total)%s\n",
		    text_peer(rows[i].peer, rows[i].nickname, peer),
		    rows[i].addresses,
		    rows[i].addresses * 100.0 /
			(ipam->total == 0 ? 1 : ipam->total),
		    info);
	}
	conflicts =
	    REPORT_ROWS(report, CTL_IPAM_CONFLICT, ctl_ipam_conflict, &n);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "conflict: %s (%u times, last %us ago)\n",
		    text_clean(conflicts[i].text, clean), conflicts[i].count,
		    conflicts[i].last);
}

static void
text_addresses(const struct report *report, FILE *out)
{
	const struct ctl_address *rows;
	char subnet[SUBNET_STRLEN], clean[TEXT_CLEAN_MAX];
	size_t n;

	rows = REPORT_ROWS(report, CTL_ADDRESS, ctl_address, &n);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%-18s %s\n",
		    text_subnet(&(struct ctl_subnet){rows[i].addr, rows[i].len},
			subnet),
		    text_clean(rows[i].id, clean));
}

static void
text_status_connections(const struct ctl_status *status, FILE *out)
{
	const char *separator = " (";
	uint64_t total = 0;

	for (uint32_t i = 0; i < CTL_STATE_MAX; i++)
		total += status->connections[i];
	fprintf(out, "%15s: %llu", "Connections", (unsigned long long)total);
	for (uint32_t i = 0; i < CTL_STATE_MAX; i++) {
		if (status->connections[i] == 0)
			continue;
		fprintf(out, "%s%u %s", separator, status->connections[i],
		    text_state(i));
		separator = ", ";
	}
	fprintf(out, "%s\n", total > 0 ? ")" : "");
}

static void
text_status_peers(const struct ctl_status *status, FILE *out)
{
	uint32_t established = status->peer_established;
	uint32_t pending = status->peer_pending;

	if (established > 0 && pending > 0)
		text_line(out, "Peers",
		    "%u (with %u established, %u pending "
		    "connections)",
		    status->peers, established, pending);
	else if (established > 0 || pending > 0)
		text_line(out, "Peers", "%u (with %u %s connections)",
		    status->peers, established + pending,
		    established > 0 ? "established" : "pending");
	else
		text_line(out, "Peers", "%u", status->peers);
}

static void
text_status_subnets(const struct report *report, FILE *out)
{
	const struct ctl_subnet *rows;
	char text[SUBNET_STRLEN];
	size_t n;

	rows = REPORT_ROWS(report, CTL_SUBNET, ctl_subnet, &n);
	fprintf(out, "%15s: ", "TrustedSubnets");
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s%s", i > 0 ? ", " : "",
		    text_subnet(&rows[i], text));
	fputc('\n', out);
}

static void
text_status_processes(const struct report *report, FILE *out)
{
	const struct ctl_process *rows;
	char name[TEXT_CLEAN_MAX], sandbox[TEXT_CLEAN_MAX];
	size_t n;

	rows = REPORT_ROWS(report, CTL_PROCESS, ctl_process, &n);
	if (n == 0)
		return;
	fputc('\n', out);
	text_line(out, "Service", "processes");
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%15s: pid %u", text_clean(rows[i].name, name),
		    rows[i].pid);
		if (rows[i].restarts > 0)
			fprintf(out, ", restarts %u", rows[i].restarts);
		if (rows[i].sandbox[0] != '\0')
			fprintf(
			    out, ", %s", text_clean(rows[i].sandbox, sandbox));
		fputc('\n', out);
	}
}

static void
text_connections(const struct report *report, FILE *out)
{
	const struct ctl_connection *rows;
	char address[TEXT_CLEAN_MAX], info[TEXT_INFO_MAX];
	size_t n;

	rows = REPORT_ROWS(report, CTL_CONNECTION, ctl_connection, &n);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s %-21s %-11s %s\n",
		    rows[i].outbound ? "->" : "<-",
		    text_clean(rows[i].address, address),
		    text_state(rows[i].state),
		    text_info(&rows[i], report->status.encryption, true,
			report->now, info));
}

static void
text_peers(const struct report *report, FILE *out)
{
	char address[TEXT_CLEAN_MAX], peer[TEXT_PEER_MAX];
	const struct ctl_peer_connection *connections;
	const struct ctl_peer *peers;
	size_t n, nconnections;

	peers = REPORT_ROWS(report, CTL_PEER, ctl_peer, &n);
	for (size_t i = 0; i < n; i++) {
		fprintf(out, "%s\n",
		    text_peer(peers[i].name, peers[i].nickname, peer));
		connections = report_peer_connections(report, i, &nconnections);
		for (size_t j = 0; j < nconnections; j++)
			fprintf(out, "   %s %-21s %-37s %s\n",
			    connections[j].outbound ? "->" : "<-",
			    text_clean(connections[j].address, address),
			    text_peer(connections[j].peer,
				connections[j].nickname, peer),
			    connections[j].established ? "established"
						       : "pending");
	}
}

static void
text_targets(const struct report *report, FILE *out)
{
	const struct ctl_target *rows;
	char address[TEXT_CLEAN_MAX];
	size_t n;

	rows = REPORT_ROWS(report, CTL_TARGET, ctl_target, &n);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s\n", text_clean(rows[i].address, address));
}

/* Everything at once is for programs. */
static void
text_report(const struct report *report, FILE *out)
{
	output_json.print[OUTPUT_REPORT](report, out);
}

static void
text_round_trip(FILE *out, const char *label, uint32_t samples, uint32_t median,
    uint32_t most)
{
	if (samples == 0)
		text_line(out, label, "no answers");
	else
		text_line(out, label,
		    "median %u us, 99%% below %u us (%u samples)", median, most,
		    samples);
}

static void
text_bench(const struct report *report, FILE *out)
{
	const struct ctl_bench_result *row;
	char peer[TEXT_PEER_MAX];
	uint64_t lost;
	size_t n;

	row = REPORT_ROWS(report, CTL_BENCH_RESULT, ctl_bench_result, &n);
	if (n == 0)
		return;
	lost = row->sent > row->received ? row->sent - row->received : 0;
	text_line(out, "Peer", "%s", text_peer(row->peer, row->nickname, peer));
	text_line(out, "Measured",
	    "%u s, frames of %u bytes, at most %u Mbit/s", row->seconds,
	    row->frame, row->mbits);
	text_line(
	    out, "Throughput", "%.1f Mbit/s", (double)row->throughput / 1e6);
	text_line(out, "Lost", "%llu of %llu (%.3f%%)",
	    (unsigned long long)lost, (unsigned long long)row->sent,
	    row->sent == 0 ? 0 : (double)lost * 100 / (double)row->sent);
	text_round_trip(out, "RestRoundTrip", row->rest_samples,
	    row->rest_median, row->rest_99);
	text_round_trip(out, "LoadRoundTrip", row->load_samples,
	    row->load_median, row->load_99);
}

static void
text_rotation_nodes(const struct report *report, FILE *out)
{
	static const char *const steps[CTL_NODE_STEP_MAX] = {
	    "before", "staged", "committed", "finished"};
	const struct ctl_rotation_node *rows;
	char name[PEERNAME_STRLEN];
	size_t n;

	rows = REPORT_ROWS(report, CTL_ROTATION_NODE, ctl_rotation_node, &n);
	if (n > 0)
		fputc('\n', out);
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s %s\n", peername_format(rows[i].peer, name),
		    rows[i].step < CTL_NODE_STEP_MAX ? steps[rows[i].step]
						     : "unknown");
}

static void
text_rotation(const struct report *report, FILE *out)
{
	static const char *const steps[CTL_ROTATION_STEP_MAX] = {
	    "no rotation under way",
	    "staged: the new password is accepted, the old one used",
	    "committed: the new password is used, the old one accepted"};
	static const char *const labels[CTL_ROTATION_STEP_MAX] = {
	    "", "New", "Old"};
	char clean[TEXT_CLEAN_MAX], age[TEXT_AGE_MAX];
	const struct ctl_rotation *rows;
	size_t n;

	rows = REPORT_ROWS(report, CTL_ROTATION, ctl_rotation, &n);
	for (size_t i = 0; i < n; i++) {
		uint32_t step =
		    rows[i].step < CTL_ROTATION_STEP_MAX ? rows[i].step : 0;

		if (i > 0)
			fputc('\n', out);
		text_line(out, rows[i].hardened ? "Hardened" : "Password", "%s",
		    text_clean(rows[i].source, clean));
		text_line(out, "Rotation", "%s", steps[step]);
		if (rows[i].held && step != CTL_ROTATION_BEFORE)
			text_line(out, "Warning",
			    "the source can not be written: the new password "
			    "is lost with the daemon");
		else if (rows[i].other[0] != '\0')
			text_line(out, labels[step], "%s",
			    text_clean(rows[i].other, clean));
		if (rows[i].expires > 0)
			text_line(out, "FormerSessions", "end in %s",
			    text_age(rows[i].expires, age));
	}
	text_rotation_nodes(report, out);
}
