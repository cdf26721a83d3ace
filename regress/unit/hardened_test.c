/*
 * Protocol version 3 over socket pairs: both ends establish or both name why
 * not, whoever sits between them (hardened-protocol 2 and 4).
 */
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>
#include <sodium.h>

#include "regress/lib/meshes.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/wire.h"
#include "common/hello.h"
#include "weaved/parent/kx3.h"

#define STRANGER (MESHES_NET + 50)

static struct meshes net;

/* Node 0 dials node 1. */
static void
start(const char *a, const char *b)
{
	meshes_init(&net);
	net.nodes[0].password = net.nodes[1].password = "s3cr3t";
	node_protocol(&net, 0, a);
	node_protocol(&net, 1, b);
}

static void
go(void)
{
	node_start(&net, 0);
	node_start(&net, 1);
	node_target(&net, 0, 1);
	meshes_run(&net, 1000);
}

struct version_search {
	uint32_t version;
};

static void
version_row(void *arg, uint32_t type, const void *data, size_t len)
{
	const struct ctl_connection *row = data;
	struct version_search *search = arg;

	(void)len;
	if (type == CTL_CONNECTION && row->state == CTL_ESTABLISHED)
		search->version = row->version;
}

static uint32_t
version(size_t index)
{
	struct version_search search = {0};

	mesh_show(net.nodes[index].mesh, CTL_SHOW_CONNECTIONS, version_row,
	    &search, net.now);
	return search.version;
}

struct counter_search {
	const char *name;
	uint64_t value;
};

static void
counter_row(void *arg, uint32_t type, const void *data, size_t len)
{
	const struct ctl_counter *row = data;
	struct counter_search *search = arg;

	(void)len;
	if (type == CTL_COUNTER && strcmp(row->name, search->name) == 0)
		search->value = row->value;
}

static uint64_t
counter(size_t index, const char *name)
{
	struct counter_search search = {.name = name, .value = UINT64_MAX};

	mesh_show(net.nodes[index].mesh, CTL_SHOW_COUNTERS, counter_row,
	    &search, net.now);
	return search.value;
}

static void
expect_version(uint32_t wanted)
{
	ATF_CHECK(node_neighbours(&net, 0, 1));
	ATF_CHECK(node_neighbours(&net, 1, 0));
	ATF_CHECK_EQ(wanted, version(0));
	ATF_CHECK_EQ(wanted, version(1));
	meshes_free(&net);
}

static void
expect_cause(size_t index, const char *text, const char *count)
{
	ATF_CHECK_MSG(
	    node_has_cause(&net, index, text), "%zu: %s", index, text);
	ATF_CHECK_MSG(
	    counter(index, count) >= 1 && counter(index, count) != UINT64_MAX,
	    "%zu: %s", index, count);
	ATF_CHECK_EQ(0, node_rows(&net, index, CTL_ESTABLISHED));
}

ATF_TC_WITHOUT_HEAD(modes);
ATF_TC_BODY(modes, tc)
{
	static const struct {
		const char *a, *b;
		uint32_t version;
	} cases[] = {
	    {"hardened", "hardened", 3},
	    {"hardened", "mixed", 3},
	    {"mixed", "hardened", 3},
	    {"mixed", "mixed", 3},
	    {"mixed", "weave", 2},
	    {"weave", "mixed", 2},
	    {"weave", "weave", 2},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		start(cases[i].a, cases[i].b);
		go();
		expect_version(cases[i].version);
	}
}

ATF_TC_WITHOUT_HEAD(versions_apart);
ATF_TC_BODY(versions_apart, tc)
{
	for (int dials = 0; dials < 2; dials++) {
		start(
		    dials ? "hardened" : "weave", dials ? "weave" : "hardened");
		go();
		expect_cause(0, "incompatible versions",
		    "mesh.handshake.failed.versions");
		expect_cause(1, "incompatible versions",
		    "mesh.handshake.failed.versions");
		ATF_CHECK(
		    node_has_cause(&net, dials ? 0 : 1, "protocol: mixed"));
		ATF_CHECK(
		    node_has_cause(&net, dials ? 1 : 0, "peer is hardened"));
		meshes_free(&net);
	}
}

ATF_TC_WITHOUT_HEAD(wrong_password);
ATF_TC_BODY(wrong_password, tc)
{
	start("hardened", "mixed");
	net.nodes[1].password = "another";
	go();
	expect_cause(0, "password mismatch", "mesh.handshake.failed.password");
	expect_cause(1, "password mismatch (or another mesh name), says the",
	    "mesh.handshake.failed.password");
	/* The fourth try of this target has to wait, and is told so. */
	meshes_run(&net, 600000);
	ATF_CHECK(node_rows(&net, 0, CTL_ESTABLISHED) == 0);
	net.nodes[1].password = "s3cr3t";
	node_set_passwords(&net.nodes[0]);
	node_set_passwords(&net.nodes[1]);
	meshes_run(&net, 900000);
	expect_version(3);
}

ATF_TC_WITHOUT_HEAD(two_slots);
ATF_TC_BODY(two_slots, tc)
{
	start("hardened", "hardened");
	net.nodes[1].password = "older";
	net.nodes[1].second = "s3cr3t";
	go();
	expect_version(3);
	start("hardened", "hardened");
	net.nodes[1].second = "newer";
	go();
	expect_version(3);
	start("hardened", "hardened");
	net.nodes[1].password = "older";
	net.nodes[1].second = "newer";
	go();
	expect_cause(0, "password mismatch", "mesh.handshake.failed.password");
	meshes_free(&net);
}

/* Who dials tries its second one at once, and once per step of the back-off. */
ATF_TC_WITHOUT_HEAD(second_dials);
ATF_TC_BODY(second_dials, tc)
{
	start("hardened", "hardened");
	net.nodes[0].password = "newer";
	net.nodes[0].second = "s3cr3t";
	go();
	ATF_CHECK_EQ(2, net.nodes[0].dials);
	expect_version(3);
	start("hardened", "hardened");
	net.nodes[0].password = "newer";
	net.nodes[0].second = "newest";
	go();
	ATF_CHECK_EQ(2, net.nodes[0].dials);
	expect_cause(0, "password mismatch", "mesh.handshake.failed.password");
	meshes_free(&net);
	/* Without a second one there is nothing to try at once. */
	start("hardened", "hardened");
	net.nodes[0].password = "newer";
	go();
	ATF_CHECK_EQ(1, net.nodes[0].dials);
	meshes_free(&net);
}

/* What a password authenticated ends with it, and nothing else does. */
static void
password_gone(const char *protocol, bool dialled)
{
	struct mesh *mesh;

	start(protocol, protocol);
	if (strcmp(protocol, "hardened") == 0)
		net.nodes[1].second = "newer";
	go();
	mesh = net.nodes[dialled].mesh;
	mesh_password_gone(mesh, 0);
	mesh_password_gone(mesh, node_serial("newer"));
	meshes_run(&net, 1000);
	ATF_CHECK(node_neighbours(&net, 0, 1));
	mesh_password_gone(mesh, node_serial("s3cr3t"));
	mesh_tick(mesh, net.now);
	ATF_CHECK_EQ(0, node_rows(&net, dialled, CTL_ESTABLISHED));
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(gone);
ATF_TC_BODY(gone, tc)
{
	password_gone("hardened", false);
	password_gone("hardened", true);
	password_gone("weave", false);
	password_gone("weave", true);
}

ATF_TC_WITHOUT_HEAD(no_password);
ATF_TC_BODY(no_password, tc)
{
	start("mixed", "weave");
	net.nodes[1].password = NULL;
	go();
	ATF_CHECK(node_has_cause(&net, 0, "password set here"));
	ATF_CHECK_EQ(0, node_rows(&net, 0, CTL_ESTABLISHED));
	meshes_free(&net);
}

/* Somebody between two mixed nodes who may do what he likes. */
struct man {
	int a; /* towards node 0, which dialled */
	int b; /* towards node 1 */
};

static struct man
man_between(const char *a, const char *b)
{
	struct man man;

	start(a, b);
	net.raw_listen = net.nodes[3].addr;
	node_start(&net, 0);
	node_start(&net, 1);
	node_target(&net, 0, 3);
	meshes_run(&net, 0);
	man.a = net.raw_accepted;
	man.b = node_raw(&net, 1, STRANGER);
	meshes_run(&net, 0);
	return man;
}

static void
man_done(struct man man)
{
	ATF_CHECK_EQ(0, node_rows(&net, 0, CTL_ESTABLISHED));
	ATF_CHECK_EQ(0, node_rows(&net, 1, CTL_ESTABLISHED));
	close(man.a);
	close(man.b);
	meshes_free(&net);
}

/* The header of one side, changed on its way to the other. */
static void
pass_header(int from, int to, const char *header)
{
	uint8_t bytes[WIRE_HEADER_LEN];

	ATF_REQUIRE(raw_read(&net, from, bytes, sizeof(bytes)));
	raw_write(
	    to, header != NULL ? (const void *)header : bytes, sizeof(bytes));
}

/* One frame, its length included; 0: the end. */
static size_t
take_frame(int from, uint8_t *frame, size_t size)
{
	size_t len;

	if (!raw_read(&net, from, frame, WIRE_LENGTH_LEN))
		return 0;
	len = wire_length_get(frame);
	ATF_REQUIRE(WIRE_LENGTH_LEN + len <= size);
	ATF_REQUIRE(raw_read(&net, from, frame + WIRE_LENGTH_LEN, len));
	return WIRE_LENGTH_LEN + len;
}

static void
pass_frame(int from, int to)
{
	uint8_t frame[8192];
	size_t len = take_frame(from, frame, sizeof(frame));

	ATF_REQUIRE(len > 0);
	raw_write(to, frame, len);
}

ATF_TC_WITHOUT_HEAD(downgrade);
ATF_TC_BODY(downgrade, tc)
{
	struct man man = man_between("mixed", "mixed");
	uint8_t bytes[33];

	pass_header(man.a, man.b, "weave\2\2");
	pass_header(man.b, man.a, "weave\2\2");
	ATF_REQUIRE(raw_read(&net, man.a, bytes, sizeof(bytes)));
	raw_write(man.b, bytes, sizeof(bytes));
	ATF_REQUIRE(raw_read(&net, man.b, bytes, sizeof(bytes)));
	raw_write(man.a, bytes, sizeof(bytes));
	meshes_run(&net, 9000);
	ATF_CHECK(!raw_read(&net, man.a, bytes, 1));
	ATF_CHECK(!raw_read(&net, man.b, bytes, 1));
	meshes_run(&net, 2000);
	expect_cause(
	    0, "possible downgrade", "mesh.handshake.failed.downgrade");
	expect_cause(
	    1, "possible downgrade", "mesh.handshake.failed.downgrade");
	man_done(man);
}

/* An offer that only one of them made, with both still at version 3. */
ATF_TC_WITHOUT_HEAD(edited_header);
ATF_TC_BODY(edited_header, tc)
{
	struct man man = man_between("mixed", "mixed");

	pass_header(man.a, man.b, "weave\3\3");
	pass_header(man.b, man.a, NULL);
	pass_frame(man.a, man.b);
	pass_frame(man.b, man.a);
	pass_frame(man.a, man.b);
	pass_frame(man.b, man.a);
	pass_frame(man.a, man.b);
	meshes_run(&net, 100);
	expect_cause(0, "password mismatch", "mesh.handshake.failed.password");
	expect_cause(1, "password mismatch", "mesh.handshake.failed.password");
	man_done(man);
}

/* Without changes he may listen, and nothing more. */
ATF_TC_WITHOUT_HEAD(passed_on);
ATF_TC_BODY(passed_on, tc)
{
	struct man man = man_between("hardened", "mixed");

	pass_header(man.a, man.b, NULL);
	pass_header(man.b, man.a, NULL);
	for (int i = 0; i < 3; i++) {
		pass_frame(man.a, man.b);
		if (i < 2)
			pass_frame(man.b, man.a);
	}
	pass_frame(man.a, man.b);
	pass_frame(man.b, man.a);
	meshes_run(&net, 100);
	ATF_CHECK_EQ(1, node_rows(&net, 0, CTL_ESTABLISHED));
	ATF_CHECK_EQ(1, node_rows(&net, 1, CTL_ESTABLISHED));
	close(man.a);
	close(man.b);
	meshes_free(&net);
}

/* Each frame once lost, once changed in its last byte, once sent twice. */
static void
meddle(int which, int how)
{
	struct man man = man_between("hardened", "hardened");
	uint8_t frame[8192];
	size_t len;

	pass_header(man.a, man.b, NULL);
	pass_header(man.b, man.a, NULL);
	for (int i = 0; i <= which; i++) {
		int from = i % 2 == 0 ? man.a : man.b;
		int to = i % 2 == 0 ? man.b : man.a;

		/* A sends HELLO, share, confirmation; B HELLO and answer. */
		len = take_frame(from, frame, sizeof(frame));
		ATF_REQUIRE(len > 0);
		if (i == which && how == 1)
			frame[len - 1] ^= 1;
		if (i != which || how != 0)
			raw_write(to, frame, len);
		if (i == which && how == 2)
			raw_write(to, frame, len);
	}
	meshes_run(&net, 100);
	if (how == 0)
		meshes_run(&net, 6000);
	ATF_CHECK_MSG(node_rows(&net, 0, CTL_ESTABLISHED) == 0 &&
		node_rows(&net, 1, CTL_ESTABLISHED) == 0,
	    "frame %d, way %d", which, how);
	if (how == 0)
		ATF_CHECK_MSG(node_has_cause(&net, which % 2 == 0 ? 1 : 0,
				  "timeout in the handshake"),
		    "frame %d", which);
	close(man.a);
	close(man.b);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(meddled_with);
ATF_TC_BODY(meddled_with, tc)
{
	for (int which = 0; which < 5; which++)
		for (int how = 0; how < 3; how++)
			if (which != 0 || how != 1)
				meddle(which, how);
}

/* A member that speaks version 2 under the name of node 0, sealed with key. */
static int
old_member(uint8_t key[32])
{
	struct features features = {.name = net.nodes[0].conf.name,
	    .uid = 5,
	    .has_overlays = true,
	    .overlays = "sleeve"};
	uint8_t intro[40] = "weave\2\2\1", got[40], text[FEATURES_MAX];
	uint8_t secret[32], box[WIRE_LENGTH_LEN + WIRE_TAG + FEATURES_MAX];
	crypto_hash_sha256_state hash;
	int fd = node_raw(&net, 1, STRANGER);
	size_t len;

	randombytes_buf(secret, sizeof(secret));
	crypto_scalarmult_base(intro + 8, secret);
	raw_write(fd, intro, sizeof(intro));
	ATF_REQUIRE(raw_read(&net, fd, got, sizeof(got)));
	ATF_REQUIRE_EQ(0, crypto_box_beforenm(key, got + 8, secret));
	crypto_hash_sha256_init(&hash);
	crypto_hash_sha256_update(&hash, key, 32);
	crypto_hash_sha256_update(&hash, (const uint8_t *)"s3cr3t", 6);
	crypto_hash_sha256_final(&hash, key);
	len = features_encode(&features, text, sizeof(text));
	wire_length_put(len + WIRE_TAG, box);
	wire_seal(key, true, 0, box + WIRE_LENGTH_LEN, text, len);
	raw_write(fd, box, WIRE_LENGTH_LEN + WIRE_TAG + len);
	meshes_run(&net, 100);
	return fd;
}

/* However low its UID is, a connection of version 2 gives way. */
ATF_TC_WITHOUT_HEAD(old_gives_way);
ATF_TC_BODY(old_gives_way, tc)
{
	uint8_t key[32];

	for (int i = 0; i < 8; i++) {
		int fd;

		start("hardened", "mixed");
		go();
		ATF_REQUIRE_EQ(3, version(1));
		fd = old_member(key);
		ATF_CHECK(node_has_cause(&net, 1, "multiple connections"));
		ATF_CHECK_EQ(1, node_rows(&net, 1, CTL_ESTABLISHED));
		ATF_CHECK_EQ(0, net.nodes[1].stopped - 1);
		close(fd);
		expect_version(3);
	}
}

/* What A says is sent back to it: it would talk to itself. */
ATF_TC_WITHOUT_HEAD(reflected);
ATF_TC_BODY(reflected, tc)
{
	struct man man = man_between("hardened", "hardened");

	pass_header(man.a, man.a, NULL);
	pass_frame(man.a, man.a);
	meshes_run(&net, 100);
	expect_cause(0, "malformed handshake", "mesh.handshake.failed.other");
	man_done(man);
}

static int
stranger_hello(uint64_t name, uint8_t *answer, size_t *len)
{
	uint8_t frame[WIRE_LENGTH_LEN + HELLO_LEN],
	    nonce[HELLO_NONCE_LEN] = {0};
	uint8_t header[WIRE_HEADER_LEN];
	int fd = node_raw(&net, 1, STRANGER);

	ATF_REQUIRE(raw_read(&net, fd, header, sizeof(header)));
	wire_header_put(header, 3, 3);
	raw_write(fd, header, sizeof(header));
	wire_length_put(HELLO_LEN, frame);
	hello_put(frame + WIRE_LENGTH_LEN, HELLO_INITIATOR, name, nonce);
	raw_write(fd, frame, sizeof(frame));
	*len = take_frame(fd, answer, 1024);
	ATF_CHECK_EQ(WIRE_LENGTH_LEN + HELLO_LEN, *len);
	return fd;
}

ATF_TC_WITHOUT_HEAD(own_name);
ATF_TC_BODY(own_name, tc)
{
	uint8_t answer[1024];
	size_t len;
	int fd;

	start("hardened", "hardened");
	node_start(&net, 1);
	fd = stranger_hello(net.nodes[1].conf.name, answer, &len);
	ATF_REQUIRE_EQ(6, take_frame(fd, answer, sizeof(answer)));
	ATF_CHECK(memcmp(answer, "\0\0\0\2\xff\4", 6) == 0);
	ATF_CHECK(raw_closed(&net, fd));
	expect_cause(1, "our name", "mesh.handshake.failed.name");
	close(fd);
	meshes_free(&net);
}

/* The identity, and bytes that are no point. */
ATF_TC_WITHOUT_HEAD(refused_shares);
ATF_TC_BODY(refused_shares, tc)
{
	uint8_t share[4 + 32], answer[1024];
	size_t len;

	for (int i = 0; i < 2; i++) {
		int fd;

		start("hardened", "hardened");
		node_start(&net, 1);
		fd = stranger_hello(0x0b0000000001, answer, &len);
		memset(share, i == 0 ? 0 : 0xff, sizeof(share));
		wire_length_put(32, share);
		raw_write(fd, share, sizeof(share));
		ATF_CHECK_EQ(0, take_frame(fd, answer, sizeof(answer)));
		ATF_CHECK(raw_closed(&net, fd));
		expect_cause(
		    1, "refused key", "mesh.handshake.failed.refused_key");
		close(fd);
		meshes_free(&net);
	}
}

ATF_TC_WITHOUT_HEAD(long_frames);
ATF_TC_BODY(long_frames, tc)
{
	uint8_t header[WIRE_HEADER_LEN], length[WIRE_LENGTH_LEN];
	int fd;

	start("hardened", "hardened");
	node_start(&net, 1);
	fd = node_raw(&net, 1, STRANGER);
	ATF_REQUIRE(raw_read(&net, fd, header, sizeof(header)));
	raw_write(fd, header, sizeof(header));
	wire_length_put(HELLO_MAX + 1, length);
	raw_write(fd, length, sizeof(length));
	meshes_run(&net, 10);
	ATF_CHECK(node_has_cause(&net, 1, "message too long"));
	close(fd);
	meshes_free(&net);
}

/* A stranger guesses; each guess costs it a run, and soon it is refused. */
ATF_TC_WITHOUT_HEAD(penalty);
ATF_TC_BODY(penalty, tc)
{
	uint8_t frame[1024], confirm[4 + 33] = {0}, g[64], share[4 + 32];
	unsigned answers = 0, refused = 0;
	size_t len;

	start("hardened", "hardened");
	node_start(&net, 1);
	for (int i = 0; i < 6; i++) {
		int fd = stranger_hello(0x0b0000000001, frame, &len);

		randombytes_buf(g, sizeof(g));
		wire_length_put(32, share);
		crypto_core_ristretto255_from_hash(share + 4, g);
		raw_write(fd, share, sizeof(share));
		len = take_frame(fd, frame, sizeof(frame));
		if (len == 4 + 65) {
			answers++;
			wire_length_put(33, confirm);
			raw_write(fd, confirm, sizeof(confirm));
			len = take_frame(fd, frame, sizeof(frame));
			ATF_CHECK_EQ(6, len);
			ATF_CHECK(memcmp(frame, "\0\0\0\2\xff\1", 6) == 0);
		} else {
			ATF_CHECK_EQ(6, len);
			ATF_CHECK(memcmp(frame, "\0\0\0\2\xff\2", 6) == 0);
			refused++;
		}
		close(fd);
		meshes_run(&net, 1500);
	}
	ATF_CHECK_EQ(3, answers);
	ATF_CHECK_EQ(3, refused);
	ATF_CHECK(node_has_cause(&net, 1, "too many failed handshakes"));
	meshes_free(&net);
}

/*
 * Strangers that stall: after nothing, their header, HELLO, or a share. steps:
 * how far each goes.
 */
static void
stall(int *fds, size_t count, int steps)
{
	uint8_t frame[WIRE_LENGTH_LEN + HELLO_LEN], share[36], g[64];
	uint8_t nonce[HELLO_NONCE_LEN], header[WIRE_HEADER_LEN];

	for (size_t i = 0; i < count; i++) {
		fds[i] = node_raw(
		    &net, 1, STRANGER + 1 + (uint32_t)(i % (count / 10)));
		wire_header_put(header, 3, 3);
		if (steps > 0)
			raw_write(fds[i], header, sizeof(header));
		wire_length_put(HELLO_LEN, frame);
		randombytes_buf(nonce, sizeof(nonce));
		hello_put(frame + WIRE_LENGTH_LEN, HELLO_INITIATOR,
		    0x0b0000000001 + i, nonce);
		if (steps > 1)
			raw_write(fds[i], frame, sizeof(frame));
		randombytes_buf(g, sizeof(g));
		wire_length_put(32, share);
		crypto_core_ristretto255_from_hash(share + 4, g);
		if (steps > 2)
			raw_write(fds[i], share, sizeof(share));
		if (i % 10 == 9)
			meshes_run(&net, 100);
	}
}

ATF_TC_WITHOUT_HEAD(stalled);
ATF_TC_BODY(stalled, tc)
{
	int fds[300];

	for (int steps = 0; steps < 4; steps++) {
		start("hardened", "hardened");
		node_start(&net, 0);
		node_start(&net, 1);
		/* Whom we know is not held up by those we do not. */
		net.nodes[1].known = net.nodes[0].addr;
		stall(fds, 300, steps);
		node_target(&net, 0, 1);
		meshes_run(&net, 1000);
		ATF_CHECK_MSG(meshes_full(&net, 2), "after %d steps", steps);
		meshes_run(&net, 12000);
		ATF_CHECK(meshes_full(&net, 2));
		ATF_CHECK_EQ(0, kx3_handles(net.nodes[1].kx3));
		for (size_t i = 0; i < 300; i++)
			close(fds[i]);
		meshes_free(&net);
	}
}

/* An answer of the parent's that comes after the end is given back. */
ATF_TC_WITHOUT_HEAD(parent_slow);
ATF_TC_BODY(parent_slow, tc)
{
	start("hardened", "hardened");
	net.nodes[0].kx_slow = true;
	go();
	meshes_run(&net, 8000);
	ATF_CHECK(node_has_cause(&net, 0, "timeout in the handshake"));
	net.nodes[0].kx_slow = false;
	meshes_run(&net, 60000);
	expect_version(3);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, modes);
	ATF_TP_ADD_TC(tp, versions_apart);
	ATF_TP_ADD_TC(tp, wrong_password);
	ATF_TP_ADD_TC(tp, two_slots);
	ATF_TP_ADD_TC(tp, second_dials);
	ATF_TP_ADD_TC(tp, gone);
	ATF_TP_ADD_TC(tp, no_password);
	ATF_TP_ADD_TC(tp, downgrade);
	ATF_TP_ADD_TC(tp, edited_header);
	ATF_TP_ADD_TC(tp, passed_on);
	ATF_TP_ADD_TC(tp, meddled_with);
	ATF_TP_ADD_TC(tp, old_gives_way);
	ATF_TP_ADD_TC(tp, reflected);
	ATF_TP_ADD_TC(tp, own_name);
	ATF_TP_ADD_TC(tp, refused_shares);
	ATF_TP_ADD_TC(tp, long_frames);
	ATF_TP_ADD_TC(tp, penalty);
	ATF_TP_ADD_TC(tp, stalled);
	ATF_TP_ADD_TC(tp, parent_slow);
	return atf_no_error();
}
