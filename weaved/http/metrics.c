#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "common/text.h"
#include "weaved/http/metrics.h"
#include "weaved/http/views.h"

#define COUNTERS_MAX 512 /* the engine has some sixty */

/* One peer, all connections to it taken together. */
struct peer {
	const struct ctl_connection *row; /* the best of them */
	uint64_t packets_sent;
	uint64_t packets_received;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	uint64_t drops;
	uint64_t replays;
	uint64_t bad_packets;
};

struct peers {
	struct peer *list; /* by name */
	size_t count;
	size_t omitted;
};

/* A family with one series for each peer. */
struct peer_family {
	const char *name;
	const char *type;
	const char *help;
	double (*value)(const struct peer *peer);
};

/* The engine's counters that belong to a family, by the start of their name. */
struct counter_family {
	const char
	    *prefix; /* what follows it is the label; all of it if none */
	const char *name;
	const char *type;
	const char *label; /* NULL: a single counter */
	const char *help;
};

static void family(FILE *, const char *, const char *, const char *);
static void label(FILE *, char, const char *, const char *);
static void label_name(FILE *, char, const char *, uint64_t);
static void value(FILE *, double);
static void single(FILE *, const char *, const char *, const char *, double);
static int compare_peers(const void *, const void *);
static bool better(
    const struct ctl_connection *, const struct ctl_connection *);
static void peer_add(struct peer *, const struct ctl_connection *);
static struct peers peers_collect(const struct report *);
static const char *path_type(const struct ctl_connection *);
static void print_weave_connections(const struct report *, FILE *);
static void print_weave_ipam(const struct report *, FILE *);
static void print_build(const struct report *, FILE *);
static void print_node(const struct report *, FILE *);
static void print_processes(const struct report *, FILE *);
static void print_process_family(const struct report *, FILE *, const char *,
    const char *, const char *, double (*)(const struct ctl_process *));
static void print_ipam(const struct report *, FILE *);
static const struct counter_family *counter_family_of(const char *);
static void print_counters(const struct report *, FILE *);
static void print_peer_info(const struct peers *, FILE *);
static void print_peers(const struct report *, FILE *);
static double process_up(const struct ctl_process *);
static double process_restarts(const struct ctl_process *);
static double process_pid(const struct ctl_process *);
static double process_memory(const struct ctl_process *);
static double peer_up(const struct peer *);
static double peer_age(const struct peer *);
static double peer_encrypted(const struct peer *);
static double peer_mtu(const struct peer *);
static double peer_rtt(const struct peer *);
static double peer_key_age(const struct peer *);
static double peer_auth_age(const struct peer *);
static double peer_rekeys(const struct peer *);
static double peer_bytes_sent(const struct peer *);
static double peer_bytes_received(const struct peer *);
static double peer_packets_sent(const struct peer *);
static double peer_packets_received(const struct peer *);
static double peer_drops(const struct peer *);
static double peer_bad_packets(const struct peer *);
static double peer_replays(const struct peer *);

static const struct peer_family peer_families[] = {
    {"weaved_peer_up", "gauge",
	"Whether a connection to the peer is established.", peer_up},
    {"weaved_peer_state_seconds", "gauge",
	"For how long the connection to the peer is in its state.", peer_age},
    {"weaved_peer_encrypted", "gauge",
	"Whether frames to the peer travel encrypted.", peer_encrypted},
    {"weaved_peer_mtu_bytes", "gauge",
	"Largest frame that the path to the peer takes, 0 if not known.",
	peer_mtu},
    {"weaved_peer_rtt_seconds", "gauge",
	"Least round trip of the control connection in the last minutes, 0 if "
	"not known.",
	peer_rtt},
    {"weaved_peer_key_age_seconds", "gauge",
	"Age of the keys in use, 0 without a password.", peer_key_age},
    {"weaved_peer_authentication_age_seconds", "gauge",
	"For how long the peer has not proved the password.", peer_auth_age},
    {"weaved_peer_rekeys_total", "counter",
	"How often this connection got new keys.", peer_rekeys},
    {"weaved_peer_sent_bytes_total", "counter",
	"Bytes of UDP payload sent to the peer.", peer_bytes_sent},
    {"weaved_peer_received_bytes_total", "counter",
	"Bytes of UDP payload received from the peer.", peer_bytes_received},
    {"weaved_peer_sent_packets_total", "counter", "Packets sent to the peer.",
	peer_packets_sent},
    {"weaved_peer_received_packets_total", "counter",
	"Packets received from the peer.", peer_packets_received},
    {"weaved_peer_drops_total", "counter",
	"Packets and frames from and to the peer that were dropped.",
	peer_drops},
    {"weaved_peer_authentication_failures_total", "counter",
	"Packets of the peer that did not open or parse: forged or damaged.",
	peer_bad_packets},
    {"weaved_peer_replays_total", "counter",
	"Packets of the peer that had come before.", peer_replays},
};

/* The first that fits; the last one fits all, so that no counter is lost. */
static const struct counter_family counter_families[] = {
    {"mesh.connections.clear", "weaved_clear_connections", "gauge", NULL,
	"Established connections whose frames travel in the clear although a "
	"password is set: both ends are in trusted subnets."},
    {"mesh.channels.relayed", "weaved_relayed_channels", "gauge", NULL,
	"Gossip channels of others that pass through."},
    {"mesh.handshake.failed.", "weaved_handshake_failures_total", "counter",
	"cause", "Handshakes that failed, by cause."},
    {"mesh.rekeys", "weaved_rekeys_total", "counter", NULL,
	"New keys of running connections."},
    {"mesh.reauths", "weaved_reauthentications_total", "counter", NULL,
	"Running connections whose peer proved the password anew."},
    {"mesh.reauths.failed", "weaved_reauthentication_failures_total", "counter",
	NULL,
	"Running connections whose peer could not prove the password anew."},
    {"mesh.accept.refused", "weaved_accepts_refused_total", "counter", NULL,
	"Connections of peers refused at once: too many or too fast."},
    {"overlay.drop.", "weaved_drops_total", "counter", "reason",
	"Packets and frames dropped, by reason."},
    {"overlay.tap.frames_", "weaved_tap_frames_total", "counter", "direction",
	"Frames from (in) and to (out) this host."},
    {"overlay.relayed", "weaved_relayed_frames_total", "counter", NULL,
	"Frames passed on between other peers."},
    {"overlay.mac.moves", "weaved_mac_moves_total", "counter", NULL,
	"MAC addresses that moved from one peer to another."},
    {"overlay.address_changes", "weaved_peer_address_changes_total", "counter",
	NULL, "UDP addresses of peers that changed."},
    {"overlay.mtu_searches", "weaved_mtu_searches_total", "counter", NULL,
	"Searches for the MTU of a path."},
    {"ipam.", "weaved_ipam_events_total", "counter", "event",
	"What happened in IP allocation."},
    {"mesh.terminations", NULL, NULL, NULL, NULL}, /* Weave has a name for it */
    {"mesh.handshake.failed", NULL, NULL, NULL, NULL}, /* the sum of causes */
    {"", "weaved_events_total", "counter", "event",
	"What else the engine counts."},
};

#define COUNTER_FAMILIES \
	(sizeof(counter_families) / sizeof(counter_families[0]))

static void
family(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

/*
 * before: '{' or ','. Others chose some values: what text_clean() leaves is
 * ASCII without control characters, so only the format's own two remain.
 */
static void
label(FILE *out, char before, const char *key, const char *text)
{
	char clean[TEXT_CLEAN_MAX];

	text_clean(text, clean);
	clean[METRICS_LABEL_MAX] = '\0';
	fprintf(out, "%c%s=\"", before, key);
	for (const char *c = clean; *c != '\0'; c++) {
		if (*c == '"' || *c == '\\')
			fputc('\\', out);
		fputc(*c, out);
	}
	fputc('"', out);
}

static void
label_name(FILE *out, char before, const char *key, uint64_t name)
{
	char text[PEERNAME_STRLEN];

	label(out, before, key, peername_format(name, text));
}

/* Counters are whole up to 2^53; no exponent, for who reads it. */
static void
value(FILE *out, double number)
{
	if (number == (double)(int64_t)number)
		fprintf(out, " %" PRId64 "\n", (int64_t)number);
	else
		fprintf(out, " %.9g\n", number);
}

static void
single(FILE *out, const char *name, const char *type, const char *help,
    double number)
{
	family(out, name, type, help);
	fputs(name, out);
	value(out, number);
}

/* "unknown" as Weave says it of what has no overlay yet. */
static const char *
path_type(const struct ctl_connection *row)
{
	return strcmp(row->overlay, "sleeve") == 0 ? "sleeve"
	    : strcmp(row->overlay, "fastdp") == 0  ? "fastdp"
						   : "unknown";
}

/* All combinations, so that one that goes away is 0 and not gone. */
static void
print_weave_connections(const struct report *report, FILE *out)
{
	static const char *const types[] = {"fastdp", "sleeve", "unknown"};
	static const char *const encryption[] = {"", "yes"};
	unsigned counts[CTL_STATE_MAX][3][2] = {0};
	const struct ctl_connection *rows;
	size_t n;

	rows = REPORT_ROWS(report, CTL_CONNECTION, ctl_connection, &n);
	for (size_t i = 0; i < n; i++)
		for (size_t t = 0; rows[i].state < CTL_STATE_MAX && t < 3; t++)
			if (strcmp(types[t], path_type(&rows[i])) == 0)
				counts[rows[i].state][t]
				      [rows[i].encrypted != 0]++;
	family(out, "weave_connections", "gauge",
	    "Number of peer-to-peer connections.");
	for (uint32_t s = 0; s < CTL_STATE_MAX; s++)
		for (size_t t = 0; t < 3; t++)
			for (size_t e = 0; e < 2; e++) {
				fputs("weave_connections", out);
				label(out, '{', "state", text_state(s));
				label(out, ',', "type", types[t]);
				label(out, ',', "encryption", encryption[e]);
				fputc('}', out);
				value(out, counts[s][t][e]);
			}
}

/*
 * Weave calls one a gauge; but names that end in _count are a histogram's, and
 * only untyped the name passes promtool(1).
 */
static void
print_weave_ipam(const struct report *report, FILE *out)
{
	const struct ctl_ipam none = {0}, *ipam;
	const struct ctl_ipam_peer *peers;
	size_t n, unreachable = 0;
	double lost = 0;

	ipam = REPORT_ROWS(report, CTL_IPAM, ctl_ipam, &n);
	if (n == 0)
		ipam = &none;
	peers = REPORT_ROWS(report, CTL_IPAM_PEER, ctl_ipam_peer, &n);
	for (size_t i = 0; i < n; i++)
		if (!peers[i].reachable && !peers[i].self) {
			unreachable++;
			lost += peers[i].addresses;
		}
	family(out, "weave_ips", "gauge", "Number of IP addresses.");
	fputs("weave_ips{state=\"local-used\"}", out);
	value(out, ipam->active);
	single(out, "weave_max_ips", "gauge",
	    "Size of IP address space used by allocator.", ipam->total);
	single(out, "weave_ipam_unreachable_count", "untyped",
	    "Number of unreachable peers.", (double)unreachable);
	single(out, "weave_ipam_unreachable_percentage", "gauge",
	    "Percentage of IP addresses owned  by unreachable peers.",
	    ipam->total == 0 ? 0 : lost * 100 / ipam->total);
	single(out, "weave_ipam_pending_allocates", "gauge",
	    "Number of pending allocates.", ipam->pending_allocates);
	single(out, "weave_ipam_pending_claims", "gauge",
	    "Number of pending claims.", ipam->pending_claims);
}

static void
print_build(const struct report *report, FILE *out)
{
	const struct ctl_status *status = &report->status;

	family(out, "weaved_build_info", "gauge", "The version that runs.");
	fputs("weaved_build_info", out);
	label(out, '{', "version", status->version);
	fputs("} 1\n", out);
	family(out, "weaved_node_info", "gauge", "Who this peer is.");
	fputs("weaved_node_info", out);
	label_name(out, '{', "peer", status->name);
	label(out, ',', "nickname", status->nickname);
	label(out, ',', "protocol", status->protocol);
	label(out, ',', "encryption", status->encryption ? "yes" : "");
	fputs("} 1\n", out);
}

static void
print_node(const struct report *report, FILE *out)
{
	const struct ctl_status *status = &report->status;
	char why[READY_WHY_MAX];

	single(out, "weaved_ready", "gauge",
	    "Whether the data path is there and a peer established, or none "
	    "configured.",
	    view_ready(report, why));
	single(out, "weaved_uptime_seconds", "gauge",
	    "For how long the engine runs.", (double)status->uptime);
	single(out, "weaved_warning", "gauge",
	    "Whether the status has a warning.", status->warning[0] != '\0');
	single(out, "weaved_mtu_bytes", "gauge", "MTU of bridge and pods.",
	    status->mtu);
	single(out, "weaved_targets", "gauge",
	    "Peers that the operator configured.", status->targets);
	single(out, "weaved_known_peers", "gauge",
	    "Peers of the mesh that are known, with this one.", status->peers);
	family(out, "weaved_mesh_links", "gauge",
	    "Connections that the known peers report, each by both ends.");
	fprintf(out,
	    "weaved_mesh_links{state=\"established\"} %u\n"
	    "weaved_mesh_links{state=\"pending\"} %u\n",
	    status->peer_established, status->peer_pending);
	single(out, "weaved_connection_limit", "gauge",
	    "Connections allowed at most, 0 for no limit.",
	    status->connection_limit);
}

static double
process_up(const struct ctl_process *row)
{
	return row->pid != 0 && strcmp(row->sandbox, "starting") != 0;
}

static double
process_restarts(const struct ctl_process *row)
{
	return row->restarts;
}

static double
process_pid(const struct ctl_process *row)
{
	return row->pid;
}

static double
process_memory(const struct ctl_process *row)
{
	return row->resident * 1024.0;
}

static void
print_process_family(const struct report *report, FILE *out, const char *name,
    const char *type, const char *help,
    double (*get)(const struct ctl_process *))
{
	const struct ctl_process *rows;
	size_t n;

	family(out, name, type, help);
	rows = REPORT_ROWS(report, CTL_PROCESS, ctl_process, &n);
	for (size_t i = 0; i < n; i++) {
		fputs(name, out);
		label(out, '{', "process", rows[i].name);
		fputc('}', out);
		value(out, get(&rows[i]));
	}
}

static void
print_processes(const struct report *report, FILE *out)
{
	print_process_family(report, out, "weaved_process_up", "gauge",
	    "Whether the process runs confined.", process_up);
	print_process_family(report, out, "weaved_process_restarts_total",
	    "counter", "How often the process was started again.",
	    process_restarts);
	print_process_family(report, out, "weaved_process_pid", "gauge",
	    "Number of the process.", process_pid);
	print_process_family(report, out,
	    "weaved_process_resident_memory_bytes", "gauge",
	    "Memory of the process, 0 if not known.", process_memory);
}

static void
print_ipam(const struct report *report, FILE *out)
{
	static const char *const states[CTL_IPAM_STATE_MAX] = {
	    [CTL_IPAM_IDLE] = "idle",
	    [CTL_IPAM_ELECTING] = "electing",
	    [CTL_IPAM_PRIMING] = "priming",
	    [CTL_IPAM_READY] = "ready",
	    [CTL_IPAM_WAITING] = "waiting",
	    [CTL_IPAM_UNREACHABLE] = "unreachable",
	    [CTL_IPAM_LEFT] = "left",
	};
	const struct ctl_ipam *ipam;
	size_t n, conflicts;

	ipam = REPORT_ROWS(report, CTL_IPAM, ctl_ipam, &n);
	family(out, "weaved_ipam_state", "gauge",
	    "1 for the state that IP allocation is in, none of them if off.");
	for (uint32_t i = 0; i < CTL_IPAM_STATE_MAX; i++)
		fprintf(out, "weaved_ipam_state{state=\"%s\"} %d\n", states[i],
		    n > 0 && ipam->state == i);
	single(out, "weaved_ipam_owned_ips", "gauge",
	    "IP addresses that this peer may give out.",
	    n > 0 ? ipam->owned : 0);
	single(out, "weaved_ipam_unsaved", "gauge",
	    "Whether the state of IP allocation can not be written to disk.",
	    n > 0 && ipam->save_error[0] != '\0');
	report_rows(report, CTL_IPAM_CONFLICT, &conflicts);
	single(out, "weaved_ipam_conflicts", "gauge",
	    "Contradictions in IP allocation that are remembered.",
	    (double)conflicts);
}

static const struct counter_family *
counter_family_of(const char *name)
{
	const struct counter_family *found = counter_families;

	for (;; found++) {
		if (found->label == NULL ? strcmp(name, found->prefix) == 0
					 : strncmp(name, found->prefix,
					       strlen(found->prefix)) == 0)
			return found;
	}
}

static void
print_counters(const struct report *report, FILE *out)
{
	const struct counter_family *now = counter_families;
	const struct ctl_counter *rows;
	size_t n;

	rows = REPORT_ROWS(report, CTL_COUNTER, ctl_counter, &n);
	if (n > COUNTERS_MAX)
		n = COUNTERS_MAX;
	for (; now < counter_families + COUNTER_FAMILIES; now++) {
		if (now->name == NULL)
			continue;
		family(out, now->name, now->type, now->help);
		for (size_t i = 0; i < n; i++) {
			if (counter_family_of(rows[i].name) != now)
				continue;
			fputs(now->name, out);
			if (now->label != NULL) {
				label(out, '{', now->label,
				    rows[i].name + strlen(now->prefix));
				fputc('}', out);
			}
			value(out, (double)rows[i].value);
		}
	}
}

/*
 * Peers.
 */

static bool
better(const struct ctl_connection *a, const struct ctl_connection *b)
{
	return a->state != b->state ? a->state < b->state : a->age > b->age;
}

static void
peer_add(struct peer *peer, const struct ctl_connection *row)
{
	if (peer->row == NULL || better(row, peer->row))
		peer->row = row;
	peer->packets_sent += row->packets_sent;
	peer->packets_received += row->packets_received;
	peer->bytes_sent += row->bytes_sent;
	peer->bytes_received += row->bytes_received;
	peer->drops += row->drops;
	peer->replays += row->replays;
	peer->bad_packets += row->bad_packets;
}

static int
compare_peers(const void *left, const void *right)
{
	const struct peer *a = left, *b = right;

	return a->row->peer < b->row->peer ? -1 : a->row->peer > b->row->peer;
}

/* A series may be there once: connections to one peer are one. */
static struct peers
peers_collect(const struct report *report)
{
	const struct ctl_connection *rows;
	struct peers peers = {0};
	size_t n, kept = 0;

	rows = REPORT_ROWS(report, CTL_CONNECTION, ctl_connection, &n);
	if (n == 0 || (peers.list = calloc(n, sizeof(peers.list[0]))) == NULL)
		return peers;
	for (size_t i = 0; i < n; i++)
		if (rows[i].has_peer)
			peer_add(&peers.list[peers.count++], &rows[i]);
	qsort(peers.list, peers.count, sizeof(peers.list[0]), compare_peers);
	for (size_t i = 0; i < peers.count; i++) {
		if (kept > 0 &&
		    peers.list[kept - 1].row->peer == peers.list[i].row->peer)
			peer_add(&peers.list[kept - 1], peers.list[i].row);
		else
			peers.list[kept++] = peers.list[i];
	}
	peers.count = kept < METRICS_PEERS_MAX ? kept : METRICS_PEERS_MAX;
	peers.omitted = kept - peers.count;
	return peers;
}

static double
peer_up(const struct peer *peer)
{
	return peer->row->state == CTL_ESTABLISHED;
}

static double
peer_age(const struct peer *peer)
{
	return peer->row->age;
}

static double
peer_encrypted(const struct peer *peer)
{
	return peer->row->encrypted != 0;
}

static double
peer_mtu(const struct peer *peer)
{
	return peer->row->mtu;
}

static double
peer_rtt(const struct peer *peer)
{
	return peer->row->rtt / 1e6;
}

static double
peer_key_age(const struct peer *peer)
{
	return peer->row->key_age;
}

static double
peer_auth_age(const struct peer *peer)
{
	return peer->row->auth_age;
}

static double
peer_rekeys(const struct peer *peer)
{
	return peer->row->epoch;
}

static double
peer_bytes_sent(const struct peer *peer)
{
	return (double)peer->bytes_sent;
}

static double
peer_bytes_received(const struct peer *peer)
{
	return (double)peer->bytes_received;
}

static double
peer_packets_sent(const struct peer *peer)
{
	return (double)peer->packets_sent;
}

static double
peer_packets_received(const struct peer *peer)
{
	return (double)peer->packets_received;
}

static double
peer_drops(const struct peer *peer)
{
	return (double)peer->drops;
}

static double
peer_bad_packets(const struct peer *peer)
{
	return (double)peer->bad_packets;
}

static double
peer_replays(const struct peer *peer)
{
	return (double)peer->replays;
}

/* What is text about a peer is here alone, to be joined by its name. */
static void
print_peer_info(const struct peers *peers, FILE *out)
{
	char version[16];

	family(out, "weaved_peer_info", "gauge", "Who the peer is.");
	for (size_t i = 0; i < peers->count; i++) {
		const struct ctl_connection *row = peers->list[i].row;

		snprintf(version, sizeof(version), "%u", row->version);
		fputs("weaved_peer_info", out);
		label_name(out, '{', "peer", row->peer);
		label(out, ',', "nickname", row->nickname);
		label(out, ',', "address", row->address);
		label(out, ',', "direction", row->outbound ? "out" : "in");
		label(out, ',', "path", path_type(row));
		label(out, ',', "protocol", version);
		label(out, ',', "software", row->weaved ? "weaved" : "weave");
		fputs("} 1\n", out);
	}
}

static void
print_peers(const struct report *report, FILE *out)
{
	struct peers peers = peers_collect(report);

	print_peer_info(&peers, out);
	for (size_t f = 0; f < sizeof(peer_families) / sizeof(peer_families[0]);
	     f++) {
		const struct peer_family *now = &peer_families[f];

		family(out, now->name, now->type, now->help);
		for (size_t i = 0; i < peers.count; i++) {
			fputs(now->name, out);
			label_name(out, '{', "peer", peers.list[i].row->peer);
			fputc('}', out);
			value(out, now->value(&peers.list[i]));
		}
	}
	single(out, "weaved_omitted_peers", "gauge",
	    "Peers without series of their own, for there are too many.",
	    (double)peers.omitted);
	free(peers.list);
}

void
metrics_print(const struct report *report, FILE *out)
{
	print_weave_connections(report, out);
	single(out, "weave_connection_terminations_total", "counter",
	    "Number of peer-to-peer connections terminated.",
	    (double)report->status.terminations);
	print_weave_ipam(report, out);
	single(out, "weave_dns_entries", "gauge", "Number of DNS entries.", 0);
	single(out, "weave_flows", "gauge", "Number of FastDP flows.", 0);
	print_build(report, out);
	print_node(report, out);
	print_processes(report, out);
	print_ipam(report, out);
	print_counters(report, out);
	print_peers(report, out);
}
