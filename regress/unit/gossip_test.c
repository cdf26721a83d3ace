/*
 * Several meshes in one process: forming, relaying, partition, tie-break,
 * restarts, collisions and channels that nobody understands.
 */
#include <stdio.h>
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "regress/lib/meshes.h"
#include "weaved/engine/mesh/envelope.h"
#include "weaved/engine/mesh/wire.h"

#define RAW_NAME UINT64_C(0x0b0000000000) /* of node_join_raw() */

static struct meshes net;

static void
start(size_t count, const char *password)
{
	size_t i;

	meshes_init(&net);
	for (i = 0; i < count; i++) {
		net.nodes[i].password = password;
		node_start(&net, i);
	}
}

ATF_TC_WITHOUT_HEAD(full_mesh);
ATF_TC_BODY(full_mesh, tc)
{
	size_t i;

	start(3, "s3cr3t");
	node_target(&net, 1, 0);
	node_target(&net, 2, 0);
	meshes_run(&net, 3000);
	ATF_CHECK(meshes_full(&net, 3));
	for (i = 0; i < 3; i++) {
		ATF_CHECK_EQ(2, node_rows(&net, i, CTL_ESTABLISHED));
		ATF_CHECK_EQ(2, net.nodes[i].now_up);
		ATF_CHECK(net.nodes[i].controls > 0);
	}
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(stays_up_for_an_hour);
ATF_TC_BODY(stays_up_for_an_hour, tc)
{
	unsigned dials;

	start(2, "s3cr3t");
	node_target(&net, 0, 1);
	meshes_run(&net, 1000);
	dials = net.nodes[0].dials;
	meshes_run(&net, 3600000);
	ATF_CHECK(meshes_full(&net, 2));
	ATF_CHECK_EQ(dials, net.nodes[0].dials);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(line_relays);
ATF_TC_BODY(line_relays, tc)
{
	const uint64_t *hops;
	size_t i;

	start(3, NULL);
	meshes_cut(&net, 0, 2);
	node_target(&net, 0, 1);
	node_target(&net, 2, 1);
	meshes_run(&net, 5000);
	ATF_CHECK(node_neighbours(&net, 0, 1));
	ATF_CHECK(!node_neighbours(&net, 0, 2));
	ATF_CHECK(node_reaches(&net, 0, 2));
	ATF_CHECK(node_reaches(&net, 2, 0));
	i = mesh_broadcast_hops(
	    net.nodes[1].mesh, net.nodes[0].conf.name, &hops);
	ATF_REQUIRE_EQ(1, i);
	ATF_CHECK_EQ(net.nodes[2].conf.name, hops[0]);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(partition_and_heal);
ATF_TC_BODY(partition_and_heal, tc)
{
	start(3, "s3cr3t");
	node_target(&net, 1, 0);
	node_target(&net, 2, 0);
	meshes_run(&net, 3000);
	ATF_REQUIRE(meshes_full(&net, 3));
	meshes_cut(&net, 0, 2);
	meshes_cut(&net, 1, 2);
	meshes_run(&net, 3000);
	ATF_CHECK(node_neighbours(&net, 0, 1));
	ATF_CHECK(!node_reaches(&net, 0, 2));
	ATF_CHECK(!mesh_peer_known(net.nodes[0].mesh, net.nodes[2].conf.name));
	ATF_CHECK(node_has_cause(&net, 2, "no route to host"));
	meshes_heal(&net, 0, 2);
	meshes_heal(&net, 1, 2);
	meshes_run(&net, 60000);
	ATF_CHECK(meshes_full(&net, 3));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(tie_break);
ATF_TC_BODY(tie_break, tc)
{
	start(2, "s3cr3t");
	node_target(&net, 0, 1);
	node_target(&net, 1, 0);
	meshes_run(&net, 5000);
	ATF_CHECK(meshes_full(&net, 2));
	ATF_CHECK_EQ(1, node_rows(&net, 0, CTL_ESTABLISHED));
	ATF_CHECK_EQ(1, node_rows(&net, 1, CTL_ESTABLISHED));
	ATF_CHECK_EQ(net.nodes[0].prepared, net.nodes[0].stopped + 1);
	ATF_CHECK_EQ(net.nodes[1].prepared, net.nodes[1].stopped + 1);
	meshes_free(&net);
}

/* Each names the other with its port: one connection, and that for good. */
ATF_TC_WITHOUT_HEAD(both_dial_by_port);
ATF_TC_BODY(both_dial_by_port, tc)
{
	unsigned stopped, dials;

	start(2, "s3cr3t");
	mesh_target_add(net.nodes[0].mesh, 1, "10.0.0.2:6783", net.now);
	mesh_target_add(net.nodes[1].mesh, 1, "10.0.0.1:6783", net.now);
	meshes_run(&net, 5000);
	ATF_CHECK(meshes_full(&net, 2));
	stopped = net.nodes[0].stopped + net.nodes[1].stopped;
	dials = net.nodes[0].dials + net.nodes[1].dials;
	meshes_run(&net, 3600000);
	ATF_CHECK(meshes_full(&net, 2));
	ATF_CHECK_EQ(stopped, net.nodes[0].stopped + net.nodes[1].stopped);
	ATF_CHECK_EQ(dials, net.nodes[0].dials + net.nodes[1].dials);
	meshes_cut(&net, 0, 1);
	meshes_run(&net, 10000);
	meshes_heal(&net, 0, 1);
	meshes_run(&net, 60000);
	ATF_CHECK(meshes_full(&net, 2));
	meshes_free(&net);
}

/* Lost neighbours are dialled at once, from both sides, whoever dialled. */
ATF_TC_WITHOUT_HEAD(redial_at_once);
ATF_TC_BODY(redial_at_once, tc)
{
	start(2, "s3cr3t");
	node_target(&net, 0, 1);
	meshes_run(&net, 1000);
	ATF_REQUIRE(meshes_full(&net, 2));
	meshes_cut(&net, 0, 1);
	meshes_heal(&net, 0, 1);
	meshes_run(&net, 300);
	ATF_CHECK(node_neighbours(&net, 0, 1));
	ATF_CHECK_EQ(1, node_rows(&net, 0, CTL_ESTABLISHED));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(restart_with_other_uid);
ATF_TC_BODY(restart_with_other_uid, tc)
{
	struct endpoint at = {.port = MESHES_PORT};

	start(3, "s3cr3t");
	node_target(&net, 1, 0);
	node_target(&net, 2, 0);
	meshes_run(&net, 3000);
	ATF_REQUIRE(meshes_full(&net, 3));
	node_stop(&net, 0);
	net.nodes[0].uid = 77777;
	node_start(&net, 0);
	at.addr = net.nodes[1].addr;
	mesh_redial(net.nodes[0].mesh, at, net.now);
	meshes_run(&net, 3000);
	ATF_CHECK(meshes_full(&net, 3));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(name_collision);
ATF_TC_BODY(name_collision, tc)
{
	unsigned dials;

	meshes_init(&net);
	net.nodes[1].conf.name = net.nodes[0].conf.name;
	node_start(&net, 0);
	node_start(&net, 1);
	node_target(&net, 0, 1);
	meshes_run(&net, 100);
	ATF_CHECK(node_has_cause(&net, 0,
	    "peer names collision: "
	    "0a:00:00:00:00:01"));
	ATF_CHECK(node_has_cause(&net, 1, "peer names collision: "));
	dials = net.nodes[0].dials;
	meshes_run(&net, 3600000);
	ATF_CHECK_EQ(dials, net.nodes[0].dials);
	node_target(&net, 0, 1);
	meshes_run(&net, 1000);
	ATF_CHECK_EQ(dials + 1, net.nodes[0].dials);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(self_connection);
ATF_TC_BODY(self_connection, tc)
{
	start(1, "s3cr3t");
	node_target(&net, 0, 0);
	meshes_run(&net, 600000);
	ATF_CHECK(node_has_cause(&net, 0, "cannot connect to ourself"));
	ATF_CHECK_EQ(1, net.nodes[0].dials);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(wrong_password_on_both_sides);
ATF_TC_BODY(wrong_password_on_both_sides, tc)
{
	meshes_init(&net);
	net.nodes[0].password = "one";
	net.nodes[1].password = "two";
	node_start(&net, 0);
	node_start(&net, 1);
	node_target(&net, 0, 1);
	meshes_run(&net, 500);
	ATF_CHECK(node_has_cause(&net, 0, "password mismatch"));
	ATF_CHECK(node_has_cause(&net, 1, "password mismatch"));
	ATF_CHECK(!node_has_cause(&net, 0, "refused"));
	ATF_CHECK(!node_has_cause(&net, 1, "refused"));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(password_on_one_side);
ATF_TC_BODY(password_on_one_side, tc)
{
	meshes_init(&net);
	net.nodes[0].password = "one";
	node_start(&net, 0);
	node_start(&net, 1);
	node_target(&net, 0, 1);
	meshes_run(&net, 500);
	ATF_CHECK(
	    node_has_cause(&net, 0, "password set here, but not at the peer"));
	ATF_CHECK(
	    node_has_cause(&net, 1, "password not set here, but at the peer"));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(no_common_overlay);
ATF_TC_BODY(no_common_overlay, tc)
{
	meshes_init(&net);
	strlcpy(net.nodes[1].overlays, "awsvpc", sizeof(net.nodes[1].overlays));
	node_start(&net, 0);
	node_start(&net, 1);
	node_target(&net, 1, 0);
	meshes_run(&net, 500);
	ATF_CHECK(node_has_cause(&net, 0, "no overlays in common"));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(connection_limit);
ATF_TC_BODY(connection_limit, tc)
{
	meshes_init(&net);
	net.nodes[0].conf.limit = 1;
	net.nodes[1].conf.discovery = net.nodes[2].conf.discovery = false;
	node_start(&net, 0);
	node_start(&net, 1);
	node_start(&net, 2);
	node_target(&net, 1, 0);
	meshes_run(&net, 100);
	node_target(&net, 2, 0);
	meshes_run(&net, 100);
	ATF_CHECK(node_has_cause(&net, 0, "connection limit reached (1)"));
	ATF_CHECK_EQ(1, node_rows(&net, 0, CTL_ESTABLISHED));
	meshes_free(&net);
}

static void
count_clear(void *arg, uint32_t type, const void *row, size_t len)
{
	struct ctl_connection conn;
	struct ctl_counter counter;
	size_t *counts = arg;

	if (type == CTL_CONNECTION && len == sizeof(conn)) {
		memcpy(&conn, row, len);
		counts[0] += conn.state == CTL_ESTABLISHED && !conn.encrypted;
	} else if (type == CTL_COUNTER && len == sizeof(counter)) {
		memcpy(&counter, row, len);
		if (strcmp(counter.name, "mesh.connections.clear") == 0)
			counts[1] = (size_t)counter.value;
	}
}

static size_t
node_clear(size_t index)
{
	size_t counts[2] = {0, SIZE_MAX};

	mesh_show(net.nodes[index].mesh,
	    CTL_SHOW_CONNECTIONS | CTL_SHOW_COUNTERS, count_clear, counts,
	    net.now);
	ATF_CHECK_EQ(counts[0], counts[1]);
	return counts[0];
}

/* A subnet is trusted no more: its connections must not stay clear. */
ATF_TC_WITHOUT_HEAD(trust_withdrawn);
ATF_TC_BODY(trust_withdrawn, tc)
{
	struct subnet subnet = {MESHES_NET, 24};
	size_t i;

	meshes_init(&net);
	for (i = 0; i < 2; i++) {
		net.nodes[i].password = "s3cr3t";
		net.nodes[i].conf.trusted[0] = subnet;
		net.nodes[i].conf.ntrusted = 1;
		node_start(&net, i);
	}
	node_target(&net, 0, 1);
	meshes_run(&net, 3000);
	ATF_REQUIRE(meshes_full(&net, 2));
	ATF_REQUIRE_EQ(1, node_clear(0));
	net.nodes[0].conf.ntrusted = 0;
	mesh_reconfigure(net.nodes[0].mesh, &net.nodes[0].conf, net.now);
	meshes_run(&net, 1);
	ATF_CHECK_EQ(0, node_clear(0));
	meshes_run(&net, 10000);
	ATF_CHECK(meshes_full(&net, 2));
	ATF_CHECK_EQ(0, node_clear(0));
	ATF_CHECK_EQ(0, node_clear(1));
	meshes_free(&net);
}

static void
raw_envelope(int fd, struct envelope env, const char *channel)
{
	struct gob_encoder enc;
	uint8_t length[4];

	strlcpy(env.channel, channel, sizeof(env.channel));
	ATF_REQUIRE(envelope_encode(&enc, &env));
	wire_length_put(enc.len, length);
	raw_write(fd, length, sizeof(length));
	raw_write(fd, enc.data, enc.len);
	gob_encode_free(&enc);
	meshes_run(&net, 0);
}

/* In the name of node 0: whose broadcasts it passes on to all. */
static void
raw_gossip(int fd, uint8_t tag, const char *channel, const char *text)
{
	raw_envelope(fd,
	    (struct envelope){.tag = tag,
		.source = net.nodes[0].conf.name,
		.data = (const uint8_t *)text,
		.len = strlen(text)},
	    channel);
}

/* From one raw peer to another. */
static void
raw_unicast(
    int fd, uint8_t to, const char *channel, const char *data, size_t len)
{
	raw_envelope(fd,
	    (struct envelope){.tag = WIRE_GOSSIP_UNICAST,
		.source = RAW_NAME + 1,
		.destination = RAW_NAME + to,
		.data = (const uint8_t *)data,
		.len = len},
	    channel);
}

/* How many unicasts have reached a raw peer. */
static unsigned
raw_unicasts(int fd)
{
	static uint8_t body[65536];
	uint8_t length[4];
	unsigned count = 0;
	size_t len;

	while (raw_read(&net, fd, length, sizeof(length))) {
		len = wire_length_get(length);
		ATF_REQUIRE(len > 0 && len <= sizeof(body));
		ATF_REQUIRE(raw_read(&net, fd, body, len));
		count += body[0] == WIRE_GOSSIP_UNICAST;
	}
	return count;
}

/* How many gossip messages with this text have reached a raw peer. */
static unsigned
raw_count(int fd, uint8_t tag, const char *text)
{
	static uint8_t body[65536];
	struct envelope env;
	uint8_t length[4];
	unsigned count = 0;
	size_t len;

	while (raw_read(&net, fd, length, sizeof(length))) {
		len = wire_length_get(length);
		ATF_REQUIRE(len <= sizeof(body));
		ATF_REQUIRE(raw_read(&net, fd, body, len));
		if (envelope_parse(body, len, &env) && env.tag == tag &&
		    env.len == strlen(text) &&
		    memcmp(env.data, text, env.len) == 0)
			count++;
	}
	return count;
}

ATF_TC_WITHOUT_HEAD(unknown_channel_relayed);
ATF_TC_BODY(unknown_channel_relayed, tc)
{
	int a, b;

	start(2, NULL);
	node_target(&net, 0, 1);
	meshes_run(&net, 1000);
	a = node_join_raw(&net, 0, 1);
	b = node_join_raw(&net, 1, 2);
	raw_count(b, WIRE_GOSSIP, "");
	raw_gossip(a, WIRE_GOSSIP, "IPallocation", "hello");
	raw_gossip(a, WIRE_GOSSIP, "IPallocation", "hello");
	meshes_run(&net, 500);
	ATF_CHECK_EQ(1, raw_count(b, WIRE_GOSSIP, "hello"));
	raw_gossip(a, WIRE_GOSSIP_BROADCAST, "nameserver", "all");
	meshes_run(&net, 500);
	ATF_CHECK_EQ(1, raw_count(b, WIRE_GOSSIP_BROADCAST, "all"));
	close(a);
	close(b);
	meshes_free(&net);
}

/* What kills a real router is not passed on to one (13). */
ATF_TC_WITHOUT_HEAD(harmful_unicast_dropped);
ATF_TC_BODY(harmful_unicast_dropped, tc)
{
	int a, b;

	start(1, NULL);
	a = node_join_raw(&net, 0, 1);
	b = node_join_raw(&net, 0, 2);
	raw_unicasts(b);
	raw_unicast(a, 2, "IPallocation", "", 0);
	raw_unicast(a, 2, "IPallocation", "\3x", 2);
	ATF_CHECK_EQ(0, raw_unicasts(b));
	raw_unicast(a, 2, "IPallocation", "\2x", 2);
	raw_unicast(a, 2, "other", "", 0);
	ATF_CHECK_EQ(2, raw_unicasts(b));
	ATF_CHECK_EQ(2, node_rows(&net, 0, CTL_ESTABLISHED));
	close(a);
	close(b);
	meshes_free(&net);
}

static void
add_refused(void *arg, uint32_t type, const void *data, size_t len)
{
	const struct ctl_counter *row = data;

	(void)len;
	if (type == CTL_COUNTER &&
	    strcmp(row->name, "mesh.channels.refused") == 0)
		*(uint64_t *)arg += row->value;
}

/*
 * More names of channels than we keep are not an error, only not relayed; a
 * real router's own ones always are.
 */
ATF_TC_WITHOUT_HEAD(too_many_channels);
ATF_TC_BODY(too_many_channels, tc)
{
	uint64_t refused = 0;
	char channel[16];
	unsigned i;
	int a, b;

	start(1, NULL);
	a = node_join_raw(&net, 0, 1);
	b = node_join_raw(&net, 0, 2);
	raw_count(b, WIRE_GOSSIP, "");
	for (i = 0; i < 40; i++) {
		snprintf(channel, sizeof(channel), "channel%u", i);
		raw_gossip(a, WIRE_GOSSIP_BROADCAST, channel, "x");
	}
	ATF_CHECK_EQ(14, raw_count(b, WIRE_GOSSIP_BROADCAST, "x"));
	mesh_show(net.nodes[0].mesh, CTL_SHOW_COUNTERS, add_refused, &refused,
	    net.now);
	ATF_CHECK(refused >= 40 - 16);
	raw_gossip(a, WIRE_GOSSIP_BROADCAST, "IPallocation", "y");
	raw_gossip(a, WIRE_GOSSIP_BROADCAST, "nameserver", "y");
	ATF_CHECK_EQ(2, raw_count(b, WIRE_GOSSIP_BROADCAST, "y"));
	ATF_CHECK_EQ(2, node_rows(&net, 0, CTL_ESTABLISHED));
	close(a);
	close(b);
	meshes_free(&net);
}

/* A peer that reads nothing is cut off before it fills our memory. */
ATF_TC_WITHOUT_HEAD(slow_peer);
ATF_TC_BODY(slow_peer, tc)
{
	static uint8_t text[200000];
	unsigned i;
	int a;

	start(1, NULL);
	a = node_join_raw(&net, 0, 1);
	ATF_REQUIRE_EQ(1, node_rows(&net, 0, CTL_ESTABLISHED));
	for (i = 0; i < 200; i++)
		mesh_overlay_send(
		    net.nodes[0].mesh, 1, 7, text, sizeof(text), net.now);
	meshes_run(&net, 100);
	ATF_CHECK_EQ(0, node_rows(&net, 0, CTL_ESTABLISHED));
	close(a);
	meshes_free(&net);
}

/* Stalled strangers neither fill the table nor keep an honest peer out. */
ATF_TC_WITHOUT_HEAD(half_open_flood);
ATF_TC_BODY(half_open_flood, tc)
{
	int fds[150];
	size_t i;

	start(2, "s3cr3t");
	for (i = 0; i < 150; i++)
		fds[i] =
		    node_raw(&net, 0, MESHES_NET + 100 + (uint32_t)(i % 30));
	node_target(&net, 1, 0);
	meshes_run(&net, 300);
	ATF_CHECK(meshes_full(&net, 2));
	for (i = 0; i < 150; i++)
		close(fds[i]);
	meshes_free(&net);
}

/* Who was authenticated from there before keeps its place. */
ATF_TC_WITHOUT_HEAD(half_open_friend);
ATF_TC_BODY(half_open_friend, tc)
{
	int fds[400], friend, stranger;
	uint8_t header[7];
	size_t i;

	start(2, "s3cr3t");
	node_target(&net, 1, 0);
	meshes_run(&net, 1000);
	ATF_REQUIRE(meshes_full(&net, 2));
	node_stop(&net, 1);
	meshes_run(&net, 1000);
	friend = node_raw(&net, 0, net.nodes[1].addr);
	stranger = node_raw(&net, 0, MESHES_NET + 99);
	ATF_REQUIRE(raw_read(&net, friend, header, sizeof(header)));
	ATF_REQUIRE(raw_read(&net, stranger, header, sizeof(header)));
	for (i = 0; i < 400; i++) {
		fds[i] = node_raw(&net, 0, MESHES_NET + 100 + (uint32_t)i);
		meshes_run(&net, 1);
		if (i >= 200)
			close(fds[i - 200]);
	}
	ATF_CHECK_EQ(-1, recv(friend, header, 1, MSG_DONTWAIT));
	for (i = 200; i < 400; i++)
		close(fds[i]);
	close(friend);
	close(stranger);
	meshes_free(&net);
}

/* A channel that lives on some nodes, and what it was told. */
struct local {
	struct node *node;
	unsigned gossip, broadcasts, unicasts, gone;
	uint64_t source;
	char last[8];
};

static struct local locals[MESHES_MAX];

static const uint8_t *
local_gossip(void *arg, size_t *len)
{
	struct local *local = arg;

	*len = 1;
	return (const uint8_t *)"abcd" + (local->node - net.nodes);
}

static void
local_receive(
    void *arg, uint64_t source, const uint8_t *data, size_t len, uint64_t now)
{
	struct local *local = arg;

	(void)now;
	ATF_REQUIRE_EQ(1, len);
	local->last[0] = (char)data[0];
	if (source == 0)
		local->gossip++;
	else {
		local->source = source;
		local->broadcasts++;
		mesh_broadcast(local->node->mesh, source);
	}
}

static void
local_unicast(
    void *arg, uint64_t source, const uint8_t *data, size_t len, uint64_t now)
{
	struct local *local = arg;

	(void)now;
	ATF_REQUIRE(len < sizeof(local->last));
	memcpy(local->last, data, len);
	local->source = source;
	local->unicasts++;
}

static void
local_gone(void *arg, uint64_t peer)
{
	(void)peer;
	((struct local *)arg)->gone++;
}

static const struct mesh_channel local_channel = {
    "IPallocation", local_gossip, local_receive, local_unicast, local_gone};

/*
 * a - b - c - d, where b does not have the channel: it passes gossip,
 * broadcasts and unicasts on, c passes broadcasts on with what it knows.
 */
ATF_TC_WITHOUT_HEAD(local_channel);
ATF_TC_BODY(local_channel, tc)
{
	unsigned before;

	start(4, NULL);
	memset(locals, 0, sizeof(locals));
	for (size_t i = 0; i < 4; i++) {
		locals[i].node = &net.nodes[i];
		if (i != 1)
			mesh_channel_open(
			    net.nodes[i].mesh, &local_channel, &locals[i]);
	}
	meshes_cut(&net, 0, 2);
	meshes_cut(&net, 0, 3);
	meshes_cut(&net, 1, 3);
	for (size_t i = 0; i < 3; i++)
		node_target(&net, i, i + 1);
	ATF_CHECK(!mesh_unicast(net.nodes[0].mesh, net.nodes[3].conf.name,
	    (const uint8_t *)"x", 1));
	meshes_run(&net, 5000);
	ATF_REQUIRE(node_reaches(&net, 0, 3));
	/* On the new connection between c and d. */
	ATF_CHECK(locals[2].gossip > 0 && locals[3].gossip > 0);
	before = locals[0].gossip;
	meshes_run(&net, 40000);
	ATF_CHECK(locals[0].gossip > before);
	ATF_CHECK(mesh_unicast(net.nodes[0].mesh, net.nodes[3].conf.name,
	    (const uint8_t *)"\1ar", 4));
	meshes_run(&net, 1000);
	ATF_CHECK_EQ(1, locals[3].unicasts);
	ATF_CHECK_STREQ("\1ar", locals[3].last);
	ATF_CHECK_EQ(net.nodes[0].conf.name, locals[3].source);
	mesh_broadcast(net.nodes[0].mesh, net.nodes[0].conf.name);
	meshes_run(&net, 1000);
	ATF_CHECK_EQ(1, locals[2].broadcasts);
	ATF_CHECK_EQ('a', locals[2].last[0]);
	ATF_CHECK_EQ(1, locals[3].broadcasts);
	ATF_CHECK_EQ('c', locals[3].last[0]);
	ATF_CHECK_EQ(net.nodes[0].conf.name, locals[3].source);
	ATF_CHECK_EQ(0, locals[0].broadcasts);
	node_stop(&net, 3);
	meshes_run(&net, 60000);
	ATF_CHECK_EQ(1, locals[2].gone);
	meshes_free(&net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, local_channel);
	ATF_TP_ADD_TC(tp, full_mesh);
	ATF_TP_ADD_TC(tp, stays_up_for_an_hour);
	ATF_TP_ADD_TC(tp, line_relays);
	ATF_TP_ADD_TC(tp, partition_and_heal);
	ATF_TP_ADD_TC(tp, tie_break);
	ATF_TP_ADD_TC(tp, both_dial_by_port);
	ATF_TP_ADD_TC(tp, redial_at_once);
	ATF_TP_ADD_TC(tp, restart_with_other_uid);
	ATF_TP_ADD_TC(tp, name_collision);
	ATF_TP_ADD_TC(tp, self_connection);
	ATF_TP_ADD_TC(tp, wrong_password_on_both_sides);
	ATF_TP_ADD_TC(tp, password_on_one_side);
	ATF_TP_ADD_TC(tp, no_common_overlay);
	ATF_TP_ADD_TC(tp, connection_limit);
	ATF_TP_ADD_TC(tp, trust_withdrawn);
	ATF_TP_ADD_TC(tp, unknown_channel_relayed);
	ATF_TP_ADD_TC(tp, harmful_unicast_dropped);
	ATF_TP_ADD_TC(tp, too_many_channels);
	ATF_TP_ADD_TC(tp, slow_peer);
	ATF_TP_ADD_TC(tp, half_open_flood);
	ATF_TP_ADD_TC(tp, half_open_friend);
	return atf_no_error();
}
