/*
 * A stranger without the password, in either role, ten thousand times: at
 * version 2 a mixed node sends it no sealed byte; at version 3 all that it
 * sent and got tests the one guess it made (two as responder, hardened-protocol
 * 4), and no word of a dictionary besides. That its program would find the
 * password where it can be found is shown as well: by guessing right, and on a
 * node of protocol weave.
 */
#include <sys/socket.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>
#include <sodium.h>

#include "common/hello.h"
#include "common/hkdf.h"
#include "common/keylabel.h"
#include "common/log.h"
#include "regress/lib/meshes.h"
#include "weaved/engine/mesh/wire.h"
#include "weaved/parent/cpace.h"
#include "weaved/parent/kx3.h"

#define TRIES 10000
#define STRANGER (MESHES_NET + 1000) /* and on: an address for each try */
#define NAME UINT64_C(0x0b0000000001)
#define WORDS (sizeof(words) / sizeof(words[0]))
#define REAL 2 /* of these */
#define FRAME(len) (WIRE_LENGTH_LEN + (len))
#define REJECT "\0\0\0\2\xff\1"
#define OLD_INTRO (WIRE_HEADER_LEN + 1 + 32) /* header, flag and key */

static const char *const words[] = {
    "letmein", "weave", "s3cr3t", "password", "hunter2"};
static struct meshes net;

/* What the stranger knows of one run of version 3. */
struct run {
	bool outbound; /* it dialled */
	int fd;
	size_t guess[KX3_SLOTS_MAX];
	uint8_t header[2][WIRE_HEADER_LEN];
	uint8_t hello[2][HELLO_LEN];
	uint8_t sid[32];
	uint8_t channel[64];
	size_t channel_len;
	uint8_t scalar[KX3_SLOTS_MAX][CPACE_LEN];
	uint8_t share[CPACE_LEN]; /* of who dialled */
	uint8_t answer[KX3_ANSWER_MAX]; /* of the other */
	uint8_t th[KX3_HASH_LEN];
};

static void
begin(const char *dialler, const char *listener)
{
	ATF_REQUIRE(sodium_init() != -1);
	log_set_level(LOGLEVEL_ERROR);
	meshes_init(&net);
	net.nodes[0].password = net.nodes[1].password = words[REAL];
	node_protocol(&net, 0, dialler);
	node_protocol(&net, 1, listener);
	node_start(&net, 0);
	node_start(&net, 1);
}

/* A word that is not the password. */
static size_t
wrong_word(int try)
{
	size_t word = (size_t)try % (WORDS - 1);

	return word + (word >= REAL);
}

/* The stranger dials node 1. */
static int
dial(int try)
{
	return node_raw(&net, 1, STRANGER + (uint32_t)try);
}

/* Node 0 dials the stranger. */
static int
listen_for(int try)
{
	struct endpoint at = {STRANGER + (uint32_t)try, MESHES_PORT};

	net.raw_listen = at.addr;
	net.raw_accepted = -1;
	mesh_redial(net.nodes[0].mesh, at, net.now);
	meshes_run(&net, 100);
	ATF_REQUIRE(net.raw_accepted != -1);
	return net.raw_accepted;
}

/* All that still comes, until the end or for so long. */
static size_t
hear(int fd, uint8_t *buf, size_t size, uint64_t ms)
{
	ssize_t n;
	size_t len = 0;

	meshes_run(&net, ms);
	while (len < size &&
	    (n = recv(fd, buf + len, size - len, MSG_DONTWAIT)) > 0)
		len += (size_t)n;
	return len;
}

static void
take(int fd, uint8_t *body, size_t len)
{
	uint8_t length[WIRE_LENGTH_LEN];

	ATF_REQUIRE(raw_read(&net, fd, length, sizeof(length)));
	ATF_REQUIRE_EQ(len, wire_length_get(length));
	ATF_REQUIRE(raw_read(&net, fd, body, len));
}

static void
give(int fd, const uint8_t *body, size_t len)
{
	uint8_t length[WIRE_LENGTH_LEN];

	wire_length_put(len, length);
	raw_write(fd, length, sizeof(length));
	raw_write(fd, body, len);
}

/*
 * Version 3, by hand.
 */

static void
generator_of(const struct run *run, size_t word, uint8_t g[CPACE_LEN])
{
	uint8_t prs[KX3_PRS_LEN];

	crypto_hash_sha256(
	    prs, (const uint8_t *)words[word], strlen(words[word]));
	cpace_generator(g, (struct cpace_bytes){prs, sizeof(prs)},
	    (struct cpace_bytes){run->channel, run->channel_len},
	    (struct cpace_bytes){run->sid, sizeof(run->sid)});
}

static void
hash_frames(
    const struct run *run, const char *label, crypto_hash_sha512_state *state)
{
	crypto_hash_sha512_init(state);
	crypto_hash_sha512_update(state, (const uint8_t *)label, strlen(label));
	for (int i = 0; i < 2; i++)
		crypto_hash_sha512_update(
		    state, run->header[i], WIRE_HEADER_LEN);
	for (int i = 0; i < 2; i++)
		cpace_hash(state, run->hello[i], HELLO_LEN);
}

static void
run_hellos(struct run *run)
{
	uint8_t nonce[HELLO_NONCE_LEN], name[6], hash[64];
	int ours = run->outbound ? 0 : 1;
	struct hello hello;
	crypto_hash_sha512_state state;

	randombytes_buf(nonce, sizeof(nonce));
	ATF_REQUIRE(
	    raw_read(&net, run->fd, run->header[!ours], WIRE_HEADER_LEN));
	wire_header_put(run->header[ours], 3, 3);
	raw_write(run->fd, run->header[ours], WIRE_HEADER_LEN);
	hello_put(run->hello[ours], (enum hello_role)ours, NAME, nonce);
	give(run->fd, run->hello[ours], HELLO_LEN);
	take(run->fd, run->hello[!ours], HELLO_LEN);
	hash_frames(run, "weaved/3 sid", &state);
	crypto_hash_sha512_final(&state, hash);
	memcpy(run->sid, hash, sizeof(run->sid));
	run->channel_len =
	    cpace_put(run->channel, sizeof(run->channel), "weaved/3", 8);
	for (int i = 0; i < 2; i++) {
		ATF_REQUIRE(hello_get(run->hello[i], HELLO_LEN, &hello));
		peername_put(hello.name, name);
		run->channel_len += cpace_put(run->channel + run->channel_len,
		    sizeof(run->channel) - run->channel_len, name, 6);
	}
	run->channel_len += cpace_put(run->channel + run->channel_len,
	    sizeof(run->channel) - run->channel_len, "weave", 5);
}

static uint8_t *
slot_share(struct run *run, size_t slot)
{
	return run->answer + 1 + slot * (KX3_SHARE_LEN + KX3_TAG_LEN);
}

static void
run_transcript(struct run *run)
{
	uint8_t shares[1 + KX3_SLOTS_MAX * CPACE_LEN];
	crypto_hash_sha512_state state;

	hash_frames(run, "weaved/3 th", &state);
	cpace_hash(&state, run->share, CPACE_LEN);
	shares[0] = run->answer[0];
	for (size_t i = 0; i < run->answer[0]; i++)
		memcpy(
		    shares + 1 + i * CPACE_LEN, slot_share(run, i), CPACE_LEN);
	cpace_hash(&state, shares, 1 + run->answer[0] * (size_t)CPACE_LEN);
	crypto_hash_sha512_final(&state, run->th);
}

/* The tag of one side, if the shared point is this. */
static void
tag_of(struct run *run, size_t slot, const uint8_t point[CPACE_LEN],
    const char *side, uint8_t tag[KX3_TAG_LEN])
{
	static const char label[] = "CPaceRistretto255_ISK";
	const uint8_t data[2] = {run->answer[0], (uint8_t)slot};
	uint8_t isk[64], prk[32], key[32];
	uint8_t end[2] = {(uint8_t)(side[0] == 'i' ? 'A' : 'B'), (uint8_t)slot};
	crypto_hash_sha512_state hash;
	crypto_auth_hmacsha256_state mac;
	char name[16] = "confirm ";

	crypto_hash_sha512_init(&hash);
	cpace_hash(&hash, label, sizeof(label) - 1);
	cpace_hash(&hash, run->sid, sizeof(run->sid));
	cpace_hash(&hash, point, CPACE_LEN);
	cpace_hash(&hash, run->share, CPACE_LEN);
	cpace_hash(&hash, NULL, 0);
	cpace_hash(&hash, slot_share(run, slot), CPACE_LEN);
	cpace_hash(&hash, data, sizeof(data));
	crypto_hash_sha512_final(&hash, isk);
	hkdf_extract(prk, isk, sizeof(isk), run->sid, sizeof(run->sid));
	strlcat(name, side, sizeof(name));
	keylabel_derive(key, prk, name, run->th);
	crypto_auth_hmacsha256_init(&mac, key, sizeof(key));
	crypto_auth_hmacsha256_update(&mac, run->th, sizeof(run->th));
	crypto_auth_hmacsha256_update(&mac, end, sizeof(end));
	crypto_auth_hmacsha256_final(&mac, tag);
}

static bool
tag_fits(struct run *run, const uint8_t point[CPACE_LEN])
{
	uint8_t tag[KX3_TAG_LEN];

	tag_of(run, 0, point, "r", tag);
	return memcmp(tag, slot_share(run, 0) + KX3_SHARE_LEN, sizeof(tag)) ==
	    0;
}

/* A point as it is, and by our scalar. */
static bool
point_fits(struct run *run, const uint8_t point[CPACE_LEN])
{
	uint8_t product[CPACE_LEN];

	ATF_REQUIRE_EQ(
	    0, crypto_scalarmult_ristretto255(product, run->scalar[0], point));
	return tag_fits(run, product) || tag_fits(run, point);
}

/* As the protocol has it, for the guess that was made; and both shares. */
static bool
guess_fits(struct run *run)
{
	const uint8_t *peer = slot_share(run, 0);
	uint8_t sum[CPACE_LEN];

	crypto_core_ristretto255_add(sum, run->share, peer);
	return point_fits(run, peer) || point_fits(run, sum);
}

/* The peer's share moved over to another word's generator; that itself. */
static bool
word_fits(struct run *run, size_t word)
{
	uint8_t g[2][CPACE_LEN], moved[CPACE_LEN];

	generator_of(run, run->guess[0], g[0]);
	generator_of(run, word, g[1]);
	crypto_core_ristretto255_sub(moved, slot_share(run, 0), g[0]);
	crypto_core_ristretto255_add(moved, moved, g[1]);
	return point_fits(run, moved) || point_fits(run, g[1]);
}

/* As initiator up to the answer, with this guess. */
static void
run_dial(struct run *run, int try, size_t guess)
{
	uint8_t g[CPACE_LEN];

	memset(run, 0, sizeof(*run));
	run->outbound = true;
	run->guess[0] = guess;
	run->fd = dial(try);
	run_hellos(run);
	generator_of(run, guess, g);
	crypto_core_ristretto255_scalar_random(run->scalar[0]);
	ATF_REQUIRE(cpace_share(run->share, run->scalar[0], g));
	give(run->fd, run->share, CPACE_LEN);
	take(run->fd, run->answer, 1 + KX3_SHARE_LEN + KX3_TAG_LEN);
	ATF_REQUIRE_EQ(1, run->answer[0]);
	run_transcript(run);
}

/* What comes after our confirmation. */
static size_t
run_confirm(struct run *run, uint8_t *buf, size_t size)
{
	uint8_t point[CPACE_LEN], confirm[KX3_CONFIRM_LEN] = {0};
	size_t len;

	ATF_REQUIRE_EQ(0,
	    crypto_scalarmult_ristretto255(
		point, run->scalar[0], slot_share(run, 0)));
	tag_of(run, 0, point, "i", confirm + 1);
	give(run->fd, confirm, sizeof(confirm));
	len = hear(run->fd, buf, size, 200);
	close(run->fd);
	return len;
}

static void
dials(const char *protocol, int tries)
{
	uint8_t buf[8192];
	struct run run;

	begin("hardened", protocol);
	for (int try = 0; try < tries; try++) {
		run_dial(&run, try, wrong_word(try));
		ATF_REQUIRE(!guess_fits(&run));
		for (size_t word = 0; word < WORDS; word++)
			ATF_REQUIRE(!word_fits(&run, word));
		ATF_REQUIRE_EQ(6, run_confirm(&run, buf, sizeof(buf)));
		ATF_REQUIRE(memcmp(buf, REJECT, 6) == 0);
	}
	/* The one guess that is right. It is ours, not what is tried later. */
	run_dial(&run, tries, REAL);
	ATF_CHECK(guess_fits(&run));
	run_confirm(&run, buf, sizeof(buf));
	ATF_CHECK_EQ(0, node_rows(&net, 1, CTL_ESTABLISHED));
	meshes_free(&net);
}

ATF_TC(dials_hardened);
ATF_TC_HEAD(dials_hardened, tc)
{
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(dials_hardened, tc)
{
	dials("hardened", TRIES);
}

/* As responder, with both slots filled; what comes after the answer. */
static size_t
run_listen(struct run *run, int try, size_t first, size_t second, uint8_t *buf,
    size_t size)
{
	uint8_t g[CPACE_LEN], point[CPACE_LEN];

	memset(run, 0, sizeof(*run));
	run->guess[0] = first;
	run->guess[1] = second;
	run->fd = listen_for(try);
	run_hellos(run);
	take(run->fd, run->share, CPACE_LEN);
	run->answer[0] = KX3_SLOTS_MAX;
	for (size_t i = 0; i < KX3_SLOTS_MAX; i++) {
		generator_of(run, run->guess[i], g);
		crypto_core_ristretto255_scalar_random(run->scalar[i]);
		ATF_REQUIRE(cpace_share(slot_share(run, i), run->scalar[i], g));
	}
	run_transcript(run);
	for (size_t i = 0; i < KX3_SLOTS_MAX; i++) {
		ATF_REQUIRE_EQ(0,
		    crypto_scalarmult_ristretto255(
			point, run->scalar[i], run->share));
		tag_of(run, i, point, "r", slot_share(run, i) + KX3_SHARE_LEN);
	}
	give(run->fd, run->answer, sizeof(run->answer));
	size = hear(run->fd, buf, size, 200);
	close(run->fd);
	return size;
}

/*
 * Before the answer it gets a share, which is any point under any word; and
 * after it the same six bytes whatever it guessed.
 */
ATF_TC(listens_hardened);
ATF_TC_HEAD(listens_hardened, tc)
{
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(listens_hardened, tc)
{
	uint8_t buf[8192];
	struct run run;

	begin("hardened", "hardened");
	for (int try = 0; try < TRIES; try++) {
		ATF_REQUIRE_EQ(6,
		    run_listen(&run, try, wrong_word(try), wrong_word(try + 1),
			buf, sizeof(buf)));
		ATF_REQUIRE(memcmp(buf, REJECT, 6) == 0);
	}
	/* One of its two is right: confirmation and features. */
	ATF_CHECK(run_listen(&run, TRIES, wrong_word(0), REAL, buf,
		      sizeof(buf)) > FRAME(KX3_CONFIRM_LEN));
	meshes_free(&net);
}

/*
 * Version 2.
 */

/* Our half of a run: no more than that, or with a first frame of some kind. */
static void
old_intro(int fd, int kind, uint8_t secret[32])
{
	uint8_t intro[OLD_INTRO] = "weave\2\2\1", frame[512];
	size_t len = 64 + (size_t)kind % 256;

	randombytes_buf(secret, 32);
	crypto_scalarmult_base(intro + 8, secret);
	if (kind % 4 == 3) { /* of low order: 0 and 1 */
		memset(intro + 8, 0, 32);
		intro[8] = (kind & 4) != 0;
	}
	raw_write(fd, intro, sizeof(intro));
	randombytes_buf(frame, sizeof(frame));
	if (kind % 4 != 0)
		give(fd, frame, len);
}

/* The word that opens the first sealed frame; outbound: who sealed it dialled. */
static size_t
old_crack(
    const uint8_t *heard, size_t len, bool outbound, const uint8_t secret[32])
{
	const uint8_t *box = heard + OLD_INTRO + WIRE_LENGTH_LEN;
	uint8_t shared[32], key[32], nonce[24] = {0}, text[4096];
	crypto_hash_sha256_state hash;

	ATF_REQUIRE_EQ(0, crypto_box_beforenm(shared, heard + 8, secret));
	nonce[0] = outbound ? 0xc0 : 0x40;
	for (size_t i = 0; i < WORDS; i++) {
		crypto_hash_sha256_init(&hash);
		crypto_hash_sha256_update(&hash, shared, sizeof(shared));
		crypto_hash_sha256_update(
		    &hash, (const uint8_t *)words[i], strlen(words[i]));
		crypto_hash_sha256_final(&hash, key);
		if (crypto_secretbox_open_easy(text, box,
			len - OLD_INTRO - WIRE_LENGTH_LEN, nonce, key) == 0)
			return i;
	}
	return WORDS;
}

#define BATCH 100 /* at a time: a timeout is waited for together */

ATF_TC_WITHOUT_HEAD(dials_mixed);
ATF_TC_BODY(dials_mixed, tc)
{
	uint8_t buf[8192], secret[32];
	int fds[BATCH];

	begin("weave", "mixed");
	for (int try = 0; try < TRIES; try += BATCH) {
		for (int i = 0; i < BATCH; i++) {
			fds[i] = dial(try + i);
			old_intro(fds[i], try + i, secret);
			meshes_run(&net, 10);
		}
		meshes_run(&net, 12000);
		for (int i = 0; i < BATCH; i++) {
			ATF_REQUIRE_EQ(
			    OLD_INTRO, hear(fds[i], buf, sizeof(buf), 0));
			ATF_REQUIRE_EQ(0, recv(fds[i], buf, 1, MSG_DONTWAIT));
			close(fds[i]);
		}
	}
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(listens_mixed);
ATF_TC_BODY(listens_mixed, tc)
{
	uint8_t buf[8192], secret[32];
	int fd;

	begin("mixed", "hardened");
	for (int try = 0; try < TRIES; try++) {
		fd = listen_for(try);
		old_intro(fd, try, secret);
		ATF_REQUIRE_EQ(OLD_INTRO, hear(fd, buf, sizeof(buf), 12000));
		ATF_REQUIRE_EQ(0, recv(fd, buf, 1, MSG_DONTWAIT));
		close(fd);
	}
	meshes_free(&net);
}

/* What every passer-by gets of a node that is as weak as a real router. */
ATF_TC_WITHOUT_HEAD(weave_is_weak);
ATF_TC_BODY(weave_is_weak, tc)
{
	uint8_t buf[8192], secret[32];
	size_t len;
	int fd;

	begin("weave", "weave");
	fd = dial(0);
	old_intro(fd, 0, secret);
	len = hear(fd, buf, sizeof(buf), 100);
	ATF_REQUIRE(len > OLD_INTRO + WIRE_LENGTH_LEN);
	ATF_CHECK_EQ(REAL, old_crack(buf, len, false, secret));
	close(fd);
	fd = listen_for(0);
	old_intro(fd, 0, secret);
	len = hear(fd, buf, sizeof(buf), 100);
	ATF_REQUIRE(len > OLD_INTRO + WIRE_LENGTH_LEN);
	ATF_CHECK_EQ(REAL, old_crack(buf, len, true, secret));
	close(fd);
	meshes_free(&net);
}

/* A mixed node that agrees on version 3 is no weaker than a hardened one. */
ATF_TC_WITHOUT_HEAD(dials_mixed_new);
ATF_TC_BODY(dials_mixed_new, tc)
{
	dials("mixed", TRIES / 10);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, dials_hardened);
	ATF_TP_ADD_TC(tp, listens_hardened);
	ATF_TP_ADD_TC(tp, dials_mixed);
	ATF_TP_ADD_TC(tp, listens_mixed);
	ATF_TP_ADD_TC(tp, weave_is_weak);
	ATF_TP_ADD_TC(tp, dials_mixed_new);
	return atf_no_error();
}
