/*
 * Handshakes recorded from real routers, replayed into a mesh from either
 * side; and what becomes of peers that say nothing, too much or go away.
 */
#include <sys/socket.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>
#include <sodium.h>

#include "regress/lib/meshes.h"
#include "regress/lib/vectors.h"

static struct meshes net;
static json_t *file;

static void
setup(size_t index, const char *password, const char *secret)
{
	file = vectors_load("handshake.json");
	meshes_init(&net);
	net.nodes[index].password = password;
	if (secret != NULL)
		net.nodes[index].secret =
		    vectors_bytes(vectors_get(file, "keys"), secret, NULL);
	node_start(&net, index);
}

static void
teardown(int fd)
{
	if (fd != -1)
		close(fd);
	meshes_free(&net);
	json_decref(file);
}

static bool
up(size_t index)
{
	return node_rows(&net, index, CTL_ESTABLISHED) == 1;
}

/* Plays what the outbound side wrote into node 1. */
static int
play_inbound(const char *transcript, const char *password)
{
	uint8_t *bytes;
	size_t len;
	int fd;

	setup(1, password, "private_b");
	bytes = vectors_bytes(
	    vectors_get(file, transcript), "a_outbound_wrote", &len);
	fd = node_raw(&net, 1, MESHES_NET + 50);
	raw_write(fd, bytes, len);
	free(bytes);
	meshes_run(&net, 100);
	return fd;
}

/* Plays what the inbound side wrote into node 0, which dials. */
static int
play_outbound(const char *transcript, const char *password)
{
	uint8_t *bytes;
	size_t len;

	setup(0, password, "private_a");
	net.raw_listen = MESHES_NET + 50;
	net.raw_accepted = -1;
	mesh_target_add(net.nodes[0].mesh, 1, "10.0.0.50", net.now);
	meshes_run(&net, 0);
	ATF_REQUIRE(net.raw_accepted != -1);
	bytes = vectors_bytes(
	    vectors_get(file, transcript), "b_inbound_wrote", &len);
	raw_write(net.raw_accepted, bytes, len);
	free(bytes);
	meshes_run(&net, 100);
	return net.raw_accepted;
}

ATF_TC_WITHOUT_HEAD(transcripts_accepted);
ATF_TC_BODY(transcripts_accepted, tc)
{
	static const struct {
		const char *name, *password;
	} cases[] = {{"plain", NULL}, {"encrypted", "s3cr3t"},
	    {"a_offers_up_to_9", NULL}};
	size_t i;
	int fd;

	for (i = 0; i < 3; i++) {
		fd = play_inbound(cases[i].name, cases[i].password);
		ATF_CHECK_MSG(up(1), "inbound: %s", cases[i].name);
		teardown(fd);
		fd = play_outbound(cases[i].name, cases[i].password);
		ATF_CHECK_MSG(up(0), "outbound: %s", cases[i].name);
		teardown(fd);
	}
}

ATF_TC_WITHOUT_HEAD(transcripts_refused);
ATF_TC_BODY(transcripts_refused, tc)
{
	static const struct {
		const char *name, *password, *cause;
		bool outbound;
	} cases[] = {
	    {"wrong_password", "other", "password mismatch", false},
	    {"wrong_password", "s3cr3t", "password mismatch", true},
	    {"only_a_has_password", NULL,
		"password not set here, but at the peer", false},
	    {"only_a_has_password", "s3cr3t",
		"password set here, but not at the peer", true},
	    {"only_b_has_password", "s3cr3t",
		"password set here, but not at the peer", false},
	    {"only_b_has_password", NULL,
		"password not set here, but at the peer", true},
	    {"no_common_version", NULL,
		"incompatible versions (ours 2-2, theirs 1-1)", true},
	    {"version_1_plain", NULL,
		"incompatible versions (ours 2-2, theirs 1-1)", false},
	    {"version_1_encrypted", "s3cr3t",
		"incompatible versions (ours 2-2, theirs 1-1)", false},
	};
	size_t i, node;
	int fd;

	for (i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		node = cases[i].outbound ? 0 : 1;
		fd = cases[i].outbound
		    ? play_outbound(cases[i].name, cases[i].password)
		    : play_inbound(cases[i].name, cases[i].password);
		ATF_CHECK_MSG(!up(node), "%s", cases[i].name);
		ATF_CHECK_MSG(node_has_cause(&net, node, cases[i].cause),
		    "%s: %s", cases[i].name, cases[i].cause);
		ATF_CHECK(raw_closed(&net, fd));
		teardown(fd);
	}
}

ATF_TC_WITHOUT_HEAD(reaction_to_raw_bytes);
ATF_TC_BODY(reaction_to_raw_bytes, tc)
{
	json_t *all, *one;
	uint8_t *bytes;
	size_t i, len;
	bool password;
	int fd;

	all = vectors_get(vectors_load("handshake.json"),
	    "inbound_side_reaction_to_raw_bytes");
	json_array_foreach(all, i, one) {
		password = json_is_true(vectors_get(one, "local_has_password"));
		setup(1, password ? "s3cr3t" : NULL, NULL);
		bytes = vectors_bytes(one, "peer_sends", &len);
		fd = node_raw(&net, 1, MESHES_NET + 50);
		raw_write(fd, bytes, len);
		free(bytes);
		if (json_is_true(vectors_get(one, "peer_then_closes")))
			shutdown(fd, SHUT_WR);
		meshes_run(&net, 100);
		ATF_CHECK_EQ_MSG(json_is_true(vectors_get(one, "accepted")),
		    up(1), "%s", vectors_text(one, "label"));
		teardown(fd);
	}
}

/* The bytes may come one at a time. */
ATF_TC_WITHOUT_HEAD(byte_by_byte);
ATF_TC_BODY(byte_by_byte, tc)
{
	uint8_t *bytes;
	size_t i, len;
	int fd;

	setup(1, "s3cr3t", "private_b");
	bytes = vectors_bytes(
	    vectors_get(file, "encrypted"), "a_outbound_wrote", &len);
	fd = node_raw(&net, 1, MESHES_NET + 50);
	for (i = 0; i < len; i++) {
		ATF_CHECK(!up(1));
		raw_write(fd, bytes + i, 1);
		meshes_run(&net, 1);
	}
	ATF_CHECK(up(1));
	free(bytes);
	teardown(fd);
}

ATF_TC_WITHOUT_HEAD(what_we_write);
ATF_TC_BODY(what_we_write, tc)
{
	uint8_t got[8];
	int fd;

	setup(1, NULL, NULL);
	fd = node_raw(&net, 1, MESHES_NET + 50);
	ATF_REQUIRE(raw_read(&net, fd, got, 7));
	ATF_CHECK_EQ(0, memcmp(got, "weave\2\2", 7));
	raw_write(fd, "weave\2\2", 7);
	ATF_REQUIRE(raw_read(&net, fd, got, 1));
	ATF_CHECK_EQ(0, got[0]);
	teardown(fd);
}

ATF_TC_WITHOUT_HEAD(deadline);
ATF_TC_BODY(deadline, tc)
{
	int fd;

	setup(1, "s3cr3t", NULL);
	fd = node_raw(&net, 1, MESHES_NET + 50);
	raw_write(fd, "weave\2\2", 7);
	meshes_run(&net, 9900);
	ATF_CHECK(!raw_closed(&net, fd));
	meshes_run(&net, 200);
	ATF_CHECK(raw_closed(&net, fd));
	ATF_CHECK(node_has_cause(&net, 1, "timeout"));
	teardown(fd);
}

ATF_TC_WITHOUT_HEAD(low_order_key);
ATF_TC_BODY(low_order_key, tc)
{
	uint8_t intro[7 + 1 + 32] = "weave\2\2\1";
	int fd;

	setup(1, "s3cr3t", NULL);
	fd = node_raw(&net, 1, MESHES_NET + 50);
	raw_write(fd, intro, sizeof(intro));
	meshes_run(&net, 100);
	ATF_CHECK(node_has_cause(&net, 1, "low-order key"));
	ATF_CHECK(raw_closed(&net, fd));
	teardown(fd);
}

/* A real router resets at once; what it sent before must still be judged. */
ATF_TC_WITHOUT_HEAD(reset_after_its_features);
ATF_TC_BODY(reset_after_its_features, tc)
{
	int fd;

	fd = play_inbound("wrong_password", "other");
	teardown(fd);

	setup(1, "other", "private_b");
	net.nodes[1].kx_slow = true;
	fd = node_raw(&net, 1, MESHES_NET + 50);
	{
		uint8_t *bytes;
		size_t len;

		bytes = vectors_bytes(vectors_get(file, "wrong_password"),
		    "a_outbound_wrote", &len);
		raw_write(fd, bytes, len);
		free(bytes);
	}
	meshes_run(&net, 10);
	close(fd);
	net.nodes[1].kx_slow = false;
	meshes_run(&net, 100);
	ATF_CHECK(node_has_cause(&net, 1, "password mismatch"));
	ATF_CHECK(!node_has_cause(&net, 1, "refused"));
	teardown(-1);
}

ATF_TC_WITHOUT_HEAD(closed_without_features);
ATF_TC_BODY(closed_without_features, tc)
{
	uint8_t *bytes;
	size_t len;
	int fd;

	setup(1, "s3cr3t", "private_b");
	bytes = vectors_bytes(
	    vectors_get(file, "encrypted"), "a_outbound_wrote", &len);
	fd = node_raw(&net, 1, MESHES_NET + 50);
	raw_write(fd, bytes, 40);
	free(bytes);
	meshes_run(&net, 10);
	close(fd);
	meshes_run(&net, 10);
	ATF_CHECK(
	    node_has_cause(&net, 1, "password mismatch, or the peer refused"));
	teardown(-1);
}

/* The parent's answer comes for a connection that is gone. */
ATF_TC_WITHOUT_HEAD(late_key);
ATF_TC_BODY(late_key, tc)
{
	int fd;

	setup(1, "s3cr3t", NULL);
	net.nodes[1].kx_slow = true;
	fd = node_raw(&net, 1, MESHES_NET + 50);
	raw_write(fd, "weave\2\2", 7);
	meshes_run(&net, 20000);
	ATF_CHECK(raw_closed(&net, fd));
	net.nodes[1].kx_slow = false;
	meshes_run(&net, 100);
	ATF_CHECK_EQ(1, net.nodes[1].kx_cancelled);
	teardown(fd);
}

ATF_TC_WITHOUT_HEAD(silence);
ATF_TC_BODY(silence, tc)
{
	int fd;

	fd = play_inbound("plain", NULL);
	ATF_CHECK(up(1));
	meshes_run(&net, 59000);
	ATF_CHECK(up(1));
	meshes_run(&net, 2000);
	ATF_CHECK(!up(1));
	ATF_CHECK_EQ(0, net.nodes[1].now_up);
	ATF_CHECK_EQ(net.nodes[1].prepared, net.nodes[1].stopped);
	teardown(fd);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, transcripts_accepted);
	ATF_TP_ADD_TC(tp, transcripts_refused);
	ATF_TP_ADD_TC(tp, reaction_to_raw_bytes);
	ATF_TP_ADD_TC(tp, byte_by_byte);
	ATF_TP_ADD_TC(tp, what_we_write);
	ATF_TP_ADD_TC(tp, deadline);
	ATF_TP_ADD_TC(tp, low_order_key);
	ATF_TP_ADD_TC(tp, reset_after_its_features);
	ATF_TP_ADD_TC(tp, closed_without_features);
	ATF_TP_ADD_TC(tp, late_key);
	ATF_TP_ADD_TC(tp, silence);
	return atf_no_error();
}
