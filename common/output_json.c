#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "common/keys.h"
#include "common/output.h"
#include "common/text.h"

static json_t *json_text(const char *);
static json_t *json_number(uint64_t);
static json_t *json_name(uint64_t);
static json_t *json_moment(time_t);
static void json_print(json_t *, FILE *);
static void json_status(const struct report *, FILE *);
static void json_connections(const struct report *, FILE *);
static void json_peers(const struct report *, FILE *);
static void json_targets(const struct report *, FILE *);
static void json_report(const struct report *, FILE *);
static void json_add_ipam(json_t *, const struct report *);
static void json_add_ring(json_t *, const struct report *);
static void json_ipam(const struct report *, FILE *);
static void json_addresses(const struct report *, FILE *);
static json_t *json_ipam_object(const struct report *);
static json_t *json_ipam_peer(const struct report *, const void *);
static json_t *json_ipam_conflict(const struct report *, const void *);
static json_t *json_ring_entry(const struct report *, const void *);
static json_t *json_address(const struct report *, const void *);
static const char *json_ipam_nickname(const struct report *, uint64_t);
static void json_bench(const struct report *, FILE *);
static json_t *json_rotation_nodes(const struct report *);
static void json_rotation(const struct report *, FILE *);
static json_t *json_round_trip(uint32_t, uint32_t, uint32_t);
static json_t *json_router(const struct report *);
static json_t *json_list(const struct report *, uint32_t, size_t,
    json_t *(*)(const struct report *, const void *));
static json_t *json_attributes(const struct ctl_connection *);
static json_t *json_connection(const struct report *, const void *);
static void json_add_traffic(json_t *, const struct ctl_connection *);
static json_t *json_peer_list(const struct report *);
static json_t *json_peer(const struct ctl_peer *);
static json_t *json_peer_connection(const struct ctl_peer_connection *);
static json_t *json_target(const struct report *, const void *);
static json_t *json_subnet(const struct report *, const void *);
static json_t *json_process(const struct report *, const void *);
static json_t *json_mac(const struct report *, const void *);
static json_t *json_counters(const struct report *);
static json_t *json_unicast(const struct report *, uint32_t);
static json_t *json_broadcast(const struct report *, uint32_t);
static const char *json_nickname(const struct report *, uint64_t);

const struct output output_json = {{
    [OUTPUT_STATUS] = json_status,
    [OUTPUT_CONNECTIONS] = json_connections,
    [OUTPUT_PEERS] = json_peers,
    [OUTPUT_TARGETS] = json_targets,
    [OUTPUT_REPORT] = json_report,
    [OUTPUT_IPAM] = json_ipam,
    [OUTPUT_ADDRESSES] = json_addresses,
    [OUTPUT_BENCH] = json_bench,
    [OUTPUT_KEYS] = keys_json,
    [OUTPUT_ROTATION] = json_rotation,
}};

static json_t *
json_text(const char *text)
{
	char clean[TEXT_CLEAN_MAX];

	return json_string(text_clean(text, clean));
}

static json_t *
json_number(uint64_t number)
{
	return json_integer(
	    number > INT64_MAX ? INT64_MAX : (json_int_t)number);
}

static json_t *
json_name(uint64_t name)
{
	char text[PEERNAME_STRLEN];

	return json_string(peername_format(name, text));
}

static json_t *
json_moment(time_t when)
{
	char text[TEXT_TIME_MAX];

	return json_string(text_time_utc(when, text));
}

static void
json_print(json_t *root, FILE *out)
{
	json_dumpf(root, out, JSON_INDENT(4));
	fputc('\n', out);
	json_decref(root);
}

static json_t *
json_list(const struct report *report, uint32_t type, size_t size,
    json_t *(*make)(const struct report *, const void *))
{
	json_t *list = json_array();
	const char *rows;
	size_t n;

	rows = report_rows(report, type, &n);
	for (size_t i = 0; i < n; i++)
		json_array_append_new(list, make(report, rows + i * size));
	return list;
}

static json_t *
json_attributes(const struct ctl_connection *row)
{
	json_t *object = json_object();

	if (!row->has_peer)
		return object;
	if (row->encrypted)
		json_object_set_new(object, "encrypted", json_true());
	if (row->mtu != 0)
		json_object_set_new(object, "mtu", json_number(row->mtu));
	json_object_set_new(object, "name",
	    json_text(row->overlay[0] == '\0' ? "none" : row->overlay));
	if (row->trusted)
		json_object_set_new(object, "trusted", json_true());
	return object;
}

static json_t *
json_connection(const struct report *report, const void *data)
{
	const struct ctl_connection *row = data;
	char info[TEXT_INFO_MAX];
	json_t *object, *retry = json_null();

	text_info(row, report->status.encryption, false, report->now, info);
	if (row->retry_in == CTL_RETRY_NEVER)
		retry = json_string("never");
	else if (row->state == CTL_FAILED || row->retry_in > 0)
		retry = json_moment(report->now + (time_t)row->retry_in);
	object = json_pack("{s:o, s:b, s:s, s:s, s:o, s:o, s:o, s:b, s:o, "
			   "s:o, s:o, s:o, s:b}",
	    "Address", json_text(row->address), "Outbound", row->outbound,
	    "State", text_state(row->state), "Info", info, "Attrs",
	    json_attributes(row), "Name",
	    row->has_peer ? json_name(row->peer) : json_null(), "NickName",
	    json_text(row->nickname), "Direct", row->direct, "Cause",
	    json_text(row->cause), "Since",
	    json_moment(report->now - (time_t)row->age), "RetryAt", retry,
	    "Version", json_number(row->version), "Weaved", row->weaved);
	if (object != NULL)
		json_add_traffic(object, row);
	return object;
}

static void
json_add_traffic(json_t *object, const struct ctl_connection *row)
{
	const struct {
		const char *key;
		uint64_t value;
	} counters[] = {
	    {"PacketsSent", row->packets_sent},
	    {"PacketsReceived", row->packets_received},
	    {"BytesSent", row->bytes_sent},
	    {"BytesReceived", row->bytes_received},
	    {"Drops", row->drops},
	    {"Replays", row->replays},
	    {"BadPackets", row->bad_packets},
	};

	for (size_t i = 0; i < sizeof(counters) / sizeof(counters[0]); i++)
		json_object_set_new(
		    object, counters[i].key, json_number(counters[i].value));
}

/* The UID is 64 bit and random: more than a JSON number holds safely. */
static json_t *
json_peer(const struct ctl_peer *row)
{
	char uid[24];

	snprintf(uid, sizeof(uid), "%" PRIu64, row->uid);
	return json_pack("{s:o, s:o, s:s, s:o, s:o, s:b, s:[]}", "Name",
	    json_name(row->name), "NickName", json_text(row->nickname), "UID",
	    uid, "ShortID",
	    row->has_short_id ? json_number(row->short_id) : json_null(),
	    "Version", json_number(row->version), "Self", row->self,
	    "Connections");
}

static json_t *
json_peer_connection(const struct ctl_peer_connection *row)
{
	return json_pack("{s:o, s:o, s:o, s:b, s:b}", "Name",
	    json_name(row->peer), "NickName", json_text(row->nickname),
	    "Address", json_text(row->address), "Outbound", row->outbound,
	    "Established", row->established);
}

static json_t *
json_peer_list(const struct report *report)
{
	const struct ctl_peer_connection *rows;
	json_t *list = json_array();
	const struct ctl_peer *peers;
	size_t n, nrows;

	peers = REPORT_ROWS(report, CTL_PEER, ctl_peer, &n);
	for (size_t i = 0; i < n; i++) {
		json_t *peer = json_peer(&peers[i]);
		json_t *connections = json_object_get(peer, "Connections");

		rows = report_peer_connections(report, i, &nrows);
		for (size_t j = 0; j < nrows; j++)
			json_array_append_new(
			    connections, json_peer_connection(&rows[j]));
		json_array_append_new(list, peer);
	}
	return list;
}

static json_t *
json_target(const struct report *report, const void *data)
{
	const struct ctl_target *row = data;

	(void)report;
	return json_text(row->address);
}

static json_t *
json_subnet(const struct report *report, const void *data)
{
	char text[SUBNET_STRLEN];

	(void)report;
	return json_string(text_subnet(data, text));
}

static json_t *
json_process(const struct report *report, const void *data)
{
	const struct ctl_process *row = data;

	(void)report;
	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "Name",
	    json_text(row->name), "PID", json_number(row->pid), "UID",
	    json_number(row->uid), "Restarts", json_number(row->restarts),
	    "Sandbox", json_text(row->sandbox));
}

static const char *
json_nickname(const struct report *report, uint64_t name)
{
	const struct ctl_peer *peers;
	size_t n;

	peers = REPORT_ROWS(report, CTL_PEER, ctl_peer, &n);
	for (size_t i = 0; i < n; i++) {
		if (peers[i].name == name)
			return peers[i].nickname;
	}
	return "";
}

static json_t *
json_mac(const struct report *report, const void *data)
{
	const struct ctl_mac *row = data;

	return json_pack("{s:o, s:o, s:o, s:o}", "Mac",
	    json_name(peername_get(row->mac)), "Name", json_name(row->peer),
	    "NickName", json_text(json_nickname(report, row->peer)), "LastSeen",
	    json_moment(report->now - (time_t)row->age));
}

static json_t *
json_counters(const struct report *report)
{
	const struct ctl_counter *rows;
	json_t *object = json_object();
	char clean[TEXT_CLEAN_MAX];
	size_t n;

	rows = REPORT_ROWS(report, CTL_COUNTER, ctl_counter, &n);
	for (size_t i = 0; i < n; i++)
		json_object_set_new(object, text_clean(rows[i].name, clean),
		    json_number(rows[i].value));
	return object;
}

static json_t *
json_unicast(const struct report *report, uint32_t kind)
{
	const struct ctl_route *rows;
	json_t *list = json_array();
	size_t n;

	rows = REPORT_ROWS(report, CTL_ROUTE, ctl_route, &n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].kind == kind)
			json_array_append_new(list,
			    json_pack("{s:o, s:o}", "Dest",
				json_name(rows[i].peer), "Via",
				json_name(rows[i].via)));
	}
	return list;
}

/* Rows are sorted: those of one source follow each other. via 0: no hop. */
static json_t *
json_broadcast(const struct report *report, uint32_t kind)
{
	const struct ctl_route *rows;
	json_t *list = json_array(), *via = NULL;
	uint64_t source = 0;
	size_t n;

	rows = REPORT_ROWS(report, CTL_ROUTE, ctl_route, &n);
	for (size_t i = 0; i < n; i++) {
		if (rows[i].kind != kind)
			continue;
		if (via == NULL || rows[i].peer != source) {
			source = rows[i].peer;
			via = json_array();
			json_array_append_new(list,
			    json_pack("{s:o, s:o}", "Source", json_name(source),
				"Via", via));
		}
		if (rows[i].via != PEERNAME_UNKNOWN)
			json_array_append_new(via, json_name(rows[i].via));
	}
	return list;
}

static json_t *
json_router(const struct report *report)
{
	const struct ctl_status *status = &report->status;
	char interface[TEXT_CLEAN_MAX + 16];
	char tap[TEXT_CLEAN_MAX];

	snprintf(interface, sizeof(interface), "%s (via tap)",
	    text_clean(status->tap, tap));
	return json_pack("{s:o, s:o, s:o, s:b, s:b, s:o, s:o, s:i, s:s, s:o, "
			 "s:o, s:o, s:o, s:o, s:o, s:o, s:o}",
	    "Protocol", json_text(status->protocol), "ProtocolMinVersion",
	    json_number(status->protocol_min), "ProtocolMaxVersion",
	    json_number(status->protocol_max), "Encryption", status->encryption,
	    "PeerDiscovery", status->discovery, "Name", json_name(status->name),
	    "NickName", json_text(status->nickname), "Port", (int)status->port,
	    "Interface", interface, "Bridge", json_text(status->bridge), "MTU",
	    json_number(status->mtu), "Offloads", json_text(status->offloads),
	    "ConnectionLimit", json_number(status->connection_limit),
	    "TerminationCount", json_number(status->terminations),
	    "PasswordSource", json_text(status->password_source),
	    "TrustedSubnets",
	    json_list(
		report, CTL_SUBNET, sizeof(struct ctl_subnet), json_subnet),
	    "Uptime", json_number(status->uptime));
}

static void
json_status(const struct report *report, FILE *out)
{
	const struct ctl_status *status = &report->status;
	json_t *counts = json_object(), *router = json_router(report), *root;

	for (uint32_t i = 0; i < CTL_STATE_MAX; i++)
		json_object_set_new(
		    counts, text_state(i), json_number(status->connections[i]));
	json_object_set_new(
	    router, "TargetCount", json_number(status->targets));
	json_object_set_new(router, "ConnectionCounts", counts);
	json_object_set_new(router, "PeerCount", json_number(status->peers));
	json_object_set_new(router, "PeerConnectionCounts",
	    json_pack("{s:o, s:o}", "established",
		json_number(status->peer_established), "pending",
		json_number(status->peer_pending)));
	root = json_pack("{s:o, s:o, s:o, s:o}", "Version",
	    json_text(status->version), "Warning", json_text(status->warning),
	    "Router", router, "Processes",
	    json_list(
		report, CTL_PROCESS, sizeof(struct ctl_process), json_process));
	json_add_ipam(root, report);
	json_print(root, out);
}

static void
json_connections(const struct report *report, FILE *out)
{
	json_print(json_list(report, CTL_CONNECTION,
		       sizeof(struct ctl_connection), json_connection),
	    out);
}

static void
json_peers(const struct report *report, FILE *out)
{
	json_print(json_peer_list(report), out);
}

static void
json_targets(const struct report *report, FILE *out)
{
	json_print(json_list(report, CTL_TARGET, sizeof(struct ctl_target),
		       json_target),
	    out);
}

static void
json_report(const struct report *report, FILE *out)
{
	json_t *router = json_router(report), *root;
	const struct {
		const char *key;
		json_t *value;
	} lists[] = {
	    {"Peers", json_peer_list(report)},
	    {"UnicastRoutes", json_unicast(report, CTL_ROUTE_UNICAST)},
	    {"BroadcastRoutes", json_broadcast(report, CTL_ROUTE_BROADCAST)},
	    {"UnicastRoutesAll", json_unicast(report, CTL_ROUTE_UNICAST_ALL)},
	    {"BroadcastRoutesAll",
		json_broadcast(report, CTL_ROUTE_BROADCAST_ALL)},
	    {"Connections",
		json_list(report, CTL_CONNECTION, sizeof(struct ctl_connection),
		    json_connection)},
	    {"Keys", keys_list(report)},
	    {"Targets",
		json_list(report, CTL_TARGET, sizeof(struct ctl_target),
		    json_target)},
	    {"MACs",
		json_list(report, CTL_MAC, sizeof(struct ctl_mac), json_mac)},
	};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		json_object_set_new(router, lists[i].key, lists[i].value);
	root = json_pack("{s:o, s:o, s:o, s:o, s:o}", "Version",
	    json_text(report->status.version), "Warning",
	    json_text(report->status.warning), "Router", router, "Processes",
	    json_list(
		report, CTL_PROCESS, sizeof(struct ctl_process), json_process),
	    "Counters", json_counters(report));
	json_add_ipam(root, report);
	json_add_ring(json_object_get(root, "IPAM"), report);
	json_print(root, out);
}

static json_t *
json_ipam_peer(const struct report *report, const void *data)
{
	const struct ctl_ipam_peer *row = data;

	(void)report;
	return json_pack("{s:o, s:o, s:o, s:b, s:b}", "Name",
	    json_name(row->peer), "NickName", json_text(row->nickname), "IPs",
	    json_number(row->addresses), "Self", row->self, "IsKnownPeer",
	    row->reachable);
}

static json_t *
json_ipam_conflict(const struct report *report, const void *data)
{
	const struct ctl_ipam_conflict *row = data;

	return json_pack("{s:o, s:o, s:o, s:o, s:o}", "Peer",
	    row->peer == 0 ? json_null() : json_name(row->peer), "Text",
	    json_text(row->text), "Count", json_number(row->count), "First",
	    json_moment(report->now - (time_t)row->first), "Last",
	    json_moment(report->now - (time_t)row->last));
}

static json_t *
json_ring_entry(const struct report *report, const void *data)
{
	const struct ctl_ring_entry *row = data;
	const struct ctl_ipam_peer *peers;
	char token[IPV4_STRLEN];
	bool known = false;
	size_t n;

	peers = REPORT_ROWS(report, CTL_IPAM_PEER, ctl_ipam_peer, &n);
	for (size_t i = 0; i < n; i++)
		if (peers[i].peer == row->peer)
			known = peers[i].reachable;
	return json_pack("{s:s, s:o, s:o, s:s, s:b, s:o, s:o}", "Token",
	    ipv4_format(row->token, token), "Size", json_number(row->size),
	    "Peer", json_name(row->peer), "Nickname",
	    json_ipam_nickname(report, row->peer), "IsKnownPeer", known,
	    "Version", json_number(row->version), "Free",
	    json_number(row->free));
}

static const char *
json_ipam_nickname(const struct report *report, uint64_t peer)
{
	static char clean[TEXT_CLEAN_MAX];
	const struct ctl_ipam_peer *peers;
	size_t n;

	peers = REPORT_ROWS(report, CTL_IPAM_PEER, ctl_ipam_peer, &n);
	for (size_t i = 0; i < n; i++)
		if (peers[i].peer == peer)
			return text_clean(peers[i].nickname, clean);
	return "";
}

static json_t *
json_address(const struct report *report, const void *data)
{
	const struct ctl_address *row = data;
	char subnet[SUBNET_STRLEN];

	(void)report;
	return json_pack("{s:o, s:s}", "ID", json_text(row->id), "Address",
	    text_subnet(&(struct ctl_subnet){row->addr, row->len}, subnet));
}

/* null while IPAM is off. */
static json_t *
json_ipam_object(const struct report *report)
{
	char state[TEXT_IPAM_MAX], range[SUBNET_STRLEN], subnet[SUBNET_STRLEN];
	const struct ctl_ipam *row;
	size_t n;

	row = REPORT_ROWS(report, CTL_IPAM, ctl_ipam, &n);
	if (n == 0)
		return json_null();
	text_subnet(
	    &(struct ctl_subnet){row->range_addr, row->range_len}, range);
	text_subnet(
	    &(struct ctl_subnet){row->subnet_addr, row->subnet_len}, subnet);
	return json_pack("{s:s, s:{s:b, s:o, s:o}, s:s, s:o, s:o, s:o, s:s, "
			 "s:o, s:o, s:o, s:o, s:o}",
	    "Status", text_ipam(row, state), "Paxos", "Elector", row->elector,
	    "KnownNodes", json_number(row->known), "Quorum",
	    json_number(row->quorum), "Range", range, "RangeNumIPs",
	    json_number(row->total), "OwnedIPs", json_number(row->owned),
	    "ActiveIPs", json_number(row->active), "DefaultSubnet", subnet,
	    "PendingClaims", json_number(row->pending_claims),
	    "PendingAllocates", json_number(row->pending_allocates),
	    "SaveError", json_text(row->save_error), "Peers",
	    json_list(report, CTL_IPAM_PEER, sizeof(struct ctl_ipam_peer),
		json_ipam_peer),
	    "Conflicts",
	    json_list(report, CTL_IPAM_CONFLICT,
		sizeof(struct ctl_ipam_conflict), json_ipam_conflict));
}

/* Not there while IPAM is off. */
static void
json_add_ipam(json_t *root, const struct report *report)
{
	json_t *object = json_ipam_object(report);

	if (!json_is_null(object))
		json_object_set(root, "IPAM", object);
	json_decref(object);
}

static void
json_add_ring(json_t *ipam, const struct report *report)
{
	if (ipam == NULL)
		return;
	json_object_set_new(ipam, "Entries",
	    json_list(report, CTL_RING_ENTRY, sizeof(struct ctl_ring_entry),
		json_ring_entry));
	json_object_set_new(ipam, "Addresses",
	    json_list(
		report, CTL_ADDRESS, sizeof(struct ctl_address), json_address));
}

static void
json_ipam(const struct report *report, FILE *out)
{
	json_print(json_ipam_object(report), out);
}

static void
json_addresses(const struct report *report, FILE *out)
{
	json_print(json_list(report, CTL_ADDRESS, sizeof(struct ctl_address),
		       json_address),
	    out);
}

static json_t *
json_round_trip(uint32_t samples, uint32_t median, uint32_t most)
{
	json_t *object = json_object();

	json_object_set_new(object, "Samples", json_number(samples));
	json_object_set_new(object, "Median", json_number(median));
	json_object_set_new(object, "Percentile99", json_number(most));
	return object;
}

static void
json_bench(const struct report *report, FILE *out)
{
	const struct ctl_bench_result *row;
	json_t *object = json_object();
	size_t n;

	row = REPORT_ROWS(report, CTL_BENCH_RESULT, ctl_bench_result, &n);
	for (size_t i = 0; i < n; i++) {
		json_object_set_new(object, "Name", json_name(row->peer));
		json_object_set_new(
		    object, "NickName", json_text(row->nickname));
		json_object_set_new(
		    object, "Seconds", json_number(row->seconds));
		json_object_set_new(
		    object, "FrameBytes", json_number(row->frame));
		json_object_set_new(
		    object, "LimitMbits", json_number(row->mbits));
		json_object_set_new(
		    object, "BitsPerSecond", json_number(row->throughput));
		json_object_set_new(object, "Sent", json_number(row->sent));
		json_object_set_new(
		    object, "Received", json_number(row->received));
		json_object_set_new(object, "RestMicroseconds",
		    json_round_trip(
			row->rest_samples, row->rest_median, row->rest_99));
		json_object_set_new(object, "LoadMicroseconds",
		    json_round_trip(
			row->load_samples, row->load_median, row->load_99));
	}
	json_print(object, out);
}

/* Of one password alone can there be any. */
static json_t *
json_rotation_nodes(const struct report *report)
{
	static const char *const steps[CTL_NODE_STEP_MAX] = {
	    "before", "staged", "committed", "finished"};
	const struct ctl_rotation_node *rows;
	json_t *array = json_array();
	char name[PEERNAME_STRLEN];
	size_t n;

	rows = REPORT_ROWS(report, CTL_ROTATION_NODE, ctl_rotation_node, &n);
	for (size_t i = 0; i < n; i++) {
		json_t *object = json_object();

		json_object_set_new(object, "Name",
		    json_text(peername_format(rows[i].peer, name)));
		json_object_set_new(object, "Step",
		    json_text(rows[i].step < CTL_NODE_STEP_MAX
			    ? steps[rows[i].step]
			    : "unknown"));
		json_array_append_new(array, object);
	}
	return array;
}

static void
json_rotation(const struct report *report, FILE *out)
{
	static const char *const steps[CTL_ROTATION_STEP_MAX] = {
	    "before", "staged", "committed"};
	const struct ctl_rotation *rows;
	json_t *array = json_array();
	size_t n;

	rows = REPORT_ROWS(report, CTL_ROTATION, ctl_rotation, &n);
	for (size_t i = 0; i < n; i++) {
		json_t *object = json_object();
		uint32_t step = rows[i].step;

		json_object_set_new(
		    object, "Hardened", json_boolean(rows[i].hardened));
		json_object_set_new(
		    object, "Source", json_text(rows[i].source));
		json_object_set_new(object, "Step",
		    json_text(step < CTL_ROTATION_STEP_MAX ? steps[step] : ""));
		json_object_set_new(object, "Other", json_text(rows[i].other));
		json_object_set_new(
		    object, "SourceWritable", json_boolean(!rows[i].held));
		json_object_set_new(object, "FormerSessionsEndIn",
		    json_number(rows[i].expires));
		if (report->rows[CTL_ROTATION_NODE].count > 0)
			json_object_set_new(
			    object, "Nodes", json_rotation_nodes(report));
		json_array_append_new(array, object);
	}
	json_print(array, out);
}
