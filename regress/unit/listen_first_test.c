/*
 * Listening first (hardened-protocol 2): a stranger gets no byte that he
 * could test passwords on.
 */
#include <string.h>
#include <unistd.h>

#include <atf-c.h>
#include <sodium.h>

#include "regress/lib/meshes.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/wire.h"

#define INTRO (7 + 1 + 32) /* header, flag, key */

static struct meshes net;

static void
setup(void)
{
	meshes_init(&net);
	net.nodes[0].password = "s3cr3t";
	net.nodes[0].conf.listen_first = true;
	node_start(&net, 0);
}

/* Session key of this password; the introduction is over after it. */
static int
introduce(const char *password, uint8_t key[32])
{
	uint8_t secret[32], intro[INTRO] = "weave\2\2\1", got[INTRO];
	crypto_hash_sha256_state hash;
	int fd;

	randombytes_buf(secret, sizeof(secret));
	crypto_scalarmult_base(intro + 8, secret);
	fd = node_raw(&net, 0, MESHES_NET + 50);
	raw_write(fd, intro, sizeof(intro));
	ATF_REQUIRE(raw_read(&net, fd, got, sizeof(got)));
	ATF_REQUIRE_EQ(0, crypto_box_beforenm(key, got + 8, secret));
	crypto_hash_sha256_init(&hash);
	crypto_hash_sha256_update(&hash, key, 32);
	crypto_hash_sha256_update(
	    &hash, (const uint8_t *)password, strlen(password));
	crypto_hash_sha256_final(&hash, key);
	return fd;
}

static void
send_sealed(int fd, const uint8_t key[32], const uint8_t *text, size_t len)
{
	static uint8_t box[4096];

	wire_length_put(len + WIRE_TAG, box);
	wire_seal(key, true, 0, box + 4, text, len);
	raw_write(fd, box, 4 + WIRE_TAG + len);
}

static void
send_features(int fd, const uint8_t key[32])
{
	struct features features = {.name = 0x0b0000000001,
	    .uid = 5,
	    .conn_id = 9,
	    .has_overlays = true,
	    .overlays = "sleeve"};
	uint8_t text[FEATURES_MAX];
	size_t len;

	len = features_encode(&features, text, sizeof(text));
	send_sealed(fd, key, text, len);
}

/* Nothing comes, and the end only at the deadline. */
static void
check_mute(int fd, const char *cause)
{
	uint8_t byte;

	meshes_run(&net, 9000);
	ATF_CHECK(!raw_read(&net, fd, &byte, 1));
	ATF_CHECK(!raw_closed(&net, fd));
	if (cause != NULL)
		ATF_CHECK(node_has_cause(&net, 0, cause));
	meshes_run(&net, 1500);
	ATF_CHECK(!raw_read(&net, fd, &byte, 1));
	ATF_CHECK(raw_closed(&net, fd));
	ATF_CHECK_EQ(0, node_rows(&net, 0, CTL_ESTABLISHED));
	close(fd);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(silent_before_the_peer);
ATF_TC_BODY(silent_before_the_peer, tc)
{
	uint8_t key[32];
	int fd;

	setup();
	fd = introduce("s3cr3t", key);
	check_mute(fd, NULL);
}

ATF_TC_WITHOUT_HEAD(speaks_after_the_peer);
ATF_TC_BODY(speaks_after_the_peer, tc)
{
	uint8_t key[32], length[4], box[2048], nonce[24] = {0x40};
	int fd;

	setup();
	fd = introduce("s3cr3t", key);
	send_features(fd, key);
	ATF_REQUIRE(raw_read(&net, fd, length, sizeof(length)));
	ATF_REQUIRE(wire_length_get(length) <= sizeof(box));
	ATF_REQUIRE(raw_read(&net, fd, box, wire_length_get(length)));
	ATF_CHECK_EQ(0,
	    crypto_secretbox_open_easy(
		box, box, wire_length_get(length), nonce, key));
	ATF_CHECK_EQ(1, node_rows(&net, 0, CTL_ESTABLISHED));
	close(fd);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(mute_on_wrong_password);
ATF_TC_BODY(mute_on_wrong_password, tc)
{
	uint8_t key[32];
	int fd;

	setup();
	fd = introduce("other", key);
	send_features(fd, key);
	check_mute(fd, "password mismatch");
}

ATF_TC_WITHOUT_HEAD(mute_on_rubbish);
ATF_TC_BODY(mute_on_rubbish, tc)
{
	uint8_t key[32];
	int fd;

	setup();
	fd = introduce("s3cr3t", key);
	send_sealed(fd, key, (const uint8_t *)"rubbish", 7);
	check_mute(fd, "features");
}

ATF_TC_WITHOUT_HEAD(mute_on_long_frame);
ATF_TC_BODY(mute_on_long_frame, tc)
{
	static const uint8_t text[MESH_FIRST_FRAME_MAX];
	uint8_t key[32];
	int fd;

	setup();
	fd = introduce("s3cr3t", key);
	send_sealed(fd, key, text, sizeof(text));
	check_mute(fd, "too long");
}

ATF_TC_WITHOUT_HEAD(with_one_that_speaks_first);
ATF_TC_BODY(with_one_that_speaks_first, tc)
{
	size_t dialler;

	for (dialler = 0; dialler < 2; dialler++) {
		setup();
		net.nodes[1].password = "s3cr3t";
		node_start(&net, 1);
		node_target(&net, dialler, 1 - dialler);
		meshes_run(&net, 1000);
		ATF_CHECK(meshes_full(&net, 2));
		meshes_free(&net);
	}
}

ATF_TC_WITHOUT_HEAD(two_that_listen_time_out);
ATF_TC_BODY(two_that_listen_time_out, tc)
{
	setup();
	net.nodes[1].password = "s3cr3t";
	net.nodes[1].conf.listen_first = true;
	node_start(&net, 1);
	node_target(&net, 0, 1);
	meshes_run(&net, 11000);
	ATF_CHECK(node_has_cause(&net, 0, "timeout"));
	ATF_CHECK(node_has_cause(&net, 1, "timeout"));
	meshes_free(&net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, silent_before_the_peer);
	ATF_TP_ADD_TC(tp, speaks_after_the_peer);
	ATF_TP_ADD_TC(tp, mute_on_wrong_password);
	ATF_TP_ADD_TC(tp, mute_on_rubbish);
	ATF_TP_ADD_TC(tp, mute_on_long_frame);
	ATF_TP_ADD_TC(tp, with_one_that_speaks_first);
	ATF_TP_ADD_TC(tp, two_that_listen_time_out);
	return atf_no_error();
}
