/* Every implementation of the cipher against libsodium's crypto_secretbox(). */
#include <atf-c.h>
#include <pthread.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/overlay/cipher.h"

#define LENGTH_MAX 9000
#define BATCH_MAX 64
#define STRIDE (LENGTH_MAX + 64)
#define DF (UINT64_C(1) << 63)
#define NAME_LEN 6
#define HEADER_LEN 30 /* name, seqdf, tag */

struct bench {
	struct cipher_key key; /* of what is sealed elsewhere */
	struct cipher_packet packets[BATCH_MAX];
	struct cipher_packet expected[BATCH_MAX]; /* by secretbox */
	uint8_t session[CIPHER_KEY_LEN];
	uint8_t tags[BATCH_MAX][CIPHER_TAG_LEN + 1];
	uint8_t expected_tags[BATCH_MAX][CIPHER_TAG_LEN];
	uint8_t *plain; /* BATCH_MAX texts, the same positions in each */
	uint8_t *texts;
	uint8_t *sealed;
};

static struct bench *bench_new(void);
static void bench_free(struct bench *);
static void bench_packet(struct bench *, size_t, size_t, size_t, uint64_t);
static void bench_expect(struct bench *, size_t, bool);
static void bench_seal(struct bench *, size_t, bool);
static void bench_open(struct bench *, size_t, bool);
static void bench_check(struct bench *, size_t);
static void make_nonce(uint8_t[24], bool, uint64_t);
static void forge(struct bench *, const struct cipher_key *, size_t, size_t);

/* A random text of a length, some bytes off the alignment. */
static struct bench *
bench_new(void)
{
	struct bench *bench = calloc(1, sizeof(*bench));

	ATF_REQUIRE(bench != NULL);
	ATF_REQUIRE(sodium_init() != -1);
	bench->plain = malloc(BATCH_MAX * STRIDE);
	bench->texts = malloc(BATCH_MAX * STRIDE);
	bench->sealed = malloc(BATCH_MAX * STRIDE);
	ATF_REQUIRE(bench->plain != NULL && bench->texts != NULL &&
	    bench->sealed != NULL);
	randombytes_buf(bench->plain, BATCH_MAX * STRIDE);
	memcpy(bench->texts, bench->plain, BATCH_MAX * STRIDE);
	memcpy(bench->sealed, bench->plain, BATCH_MAX * STRIDE);
	randombytes_buf(bench->session, sizeof(bench->session));
	return bench;
}

static void
bench_free(struct bench *bench)
{
	free(bench->plain);
	free(bench->texts);
	free(bench->sealed);
	free(bench);
}

static void
bench_packet(
    struct bench *bench, size_t i, size_t len, size_t off, uint64_t seqdf)
{
	size_t at = i * STRIDE + off;

	bench->packets[i] = (struct cipher_packet){
	    .seqdf = seqdf,
	    .tag = bench->tags[i] + off % 2,
	    .text = bench->texts + at,
	    .len = len,
	};
	bench->expected[i] = bench->packets[i];
	bench->expected[i].tag = bench->expected_tags[i];
	bench->expected[i].text = bench->sealed + at;
}

static void
make_nonce(uint8_t nonce[24], bool outbound, uint64_t seqdf)
{
	memset(nonce, 0, 24);
	nonce[0] = outbound ? 0x80 : 0;
	for (int i = 0; i < 8; i++)
		nonce[16 + i] = (uint8_t)(seqdf >> (56 - 8 * i));
}

static void
bench_expect(struct bench *bench, size_t n, bool outbound)
{
	uint8_t nonce[24];

	for (size_t i = 0; i < n; i++) {
		struct cipher_packet *packet = &bench->expected[i];
		size_t at = (size_t)(packet->text - bench->sealed);

		make_nonce(nonce, outbound, packet->seqdf);
		crypto_secretbox_detached(packet->text, packet->tag,
		    bench->plain + at, packet->len, nonce, bench->session);
	}
}

/* Nothing but the texts may change: whole slots are compared. */
static void
bench_check(struct bench *bench, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		ATF_REQUIRE_MSG(
		    memcmp(bench->packets[i].tag, bench->expected_tags[i],
			CIPHER_TAG_LEN) == 0,
		    "tag of packet %zu of %zu, %zu bytes", i, n,
		    bench->packets[i].len);
		ATF_REQUIRE_MSG(memcmp(bench->texts + i * STRIDE,
				    bench->sealed + i * STRIDE, STRIDE) == 0,
		    "packet %zu of %zu, %zu bytes", i, n,
		    bench->packets[i].len);
	}
}

static void
bench_seal(struct bench *bench, size_t n, bool outbound)
{
	struct cipher_key key;

	bench_expect(bench, n, outbound);
	cipher_key_init(&key, bench->session, outbound);
	cipher_seal_batch(&key, bench->packets, n);
	bench_check(bench, n);
}

static void
bench_open(struct bench *bench, size_t n, bool outbound)
{
	struct cipher_key key;

	cipher_key_init(&key, bench->session, outbound);
	cipher_open_batch(&key, bench->packets, n);
	for (size_t i = 0; i < n; i++) {
		ATF_REQUIRE(bench->packets[i].ok);
		ATF_REQUIRE(memcmp(bench->texts + i * STRIDE,
				bench->plain + i * STRIDE, STRIDE) == 0);
		memcpy(bench->sealed + i * STRIDE, bench->plain + i * STRIDE,
		    STRIDE);
	}
}

ATF_TC_WITHOUT_HEAD(lengths);
ATF_TC_BODY(lengths, tc)
{
	struct bench *bench = bench_new();
	const char *name;

	(void)tc;
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		ATF_REQUIRE(cipher_use(name));
		for (size_t len = 0; len <= LENGTH_MAX; len++) {
			size_t n = 1 + len % 5;

			for (size_t i = 0; i < n; i++)
				bench_packet(bench, i,
				    len >= i && i % 2 ? len - i : len,
				    i + len % 32, len * 8 + i);
			bench_seal(bench, n, len % 2);
			bench_open(bench, n, len % 2);
		}
	}
	bench_free(bench);
}

ATF_TC_WITHOUT_HEAD(batches);
ATF_TC_BODY(batches, tc)
{
	struct bench *bench = bench_new();
	const char *name;

	(void)tc;
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		ATF_REQUIRE(cipher_use(name));
		for (size_t n = 0; n <= BATCH_MAX; n++)
			for (int mixed = 0; mixed < 3; mixed++) {
				uint32_t most = mixed == 2 ? 100 : 1500;
				uint32_t len = randombytes_uniform(most);

				for (size_t i = 0; i < n; i++) {
					if (mixed)
						len = randombytes_uniform(most);
					bench_packet(bench, i, len,
					    randombytes_uniform(64),
					    (i % 2 ? DF : 0) | i << 40 | i);
				}
				bench_seal(bench, n, mixed);
				bench_open(bench, n, mixed);
			}
	}
	bench_free(bench);
}

/* More than one group of the batch at a time. */
ATF_TC_WITHOUT_HEAD(long_batch);
ATF_TC_BODY(long_batch, tc)
{
	enum {
		PACKETS = 200,
		LEN = 90
	};
	static uint8_t texts[PACKETS][LEN], tags[PACKETS][CIPHER_TAG_LEN];
	static struct cipher_packet packets[PACKETS];
	static const uint8_t session[CIPHER_KEY_LEN] = {9};
	uint8_t nonce[24], text[LEN], tag[CIPHER_TAG_LEN];
	struct cipher_key key;
	const char *name;

	(void)tc;
	ATF_REQUIRE(sodium_init() != -1);
	cipher_key_init(&key, session, true);
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		ATF_REQUIRE(cipher_use(name));
		for (size_t i = 0; i < PACKETS; i++) {
			memset(texts[i], (int)i, LEN);
			packets[i] =
			    (struct cipher_packet){i, tags[i], texts[i], LEN};
		}
		cipher_seal_batch(&key, packets, PACKETS);
		for (size_t i = 0; i < PACKETS; i++) {
			make_nonce(nonce, true, i);
			memset(text, (int)i, LEN);
			crypto_secretbox_detached(
			    text, tag, text, LEN, nonce, session);
			ATF_REQUIRE(memcmp(text, texts[i], LEN) == 0);
			ATF_REQUIRE(memcmp(tag, tags[i], sizeof(tag)) == 0);
		}
		cipher_open_batch(&key, packets, PACKETS);
		for (size_t i = 0; i < PACKETS; i++)
			ATF_REQUIRE(packets[i].ok && texts[i][LEN - 1] == i);
	}
}

/* Forges packet i in one of six ways: it fails, unchanged, the others open. */
static void
forge(struct bench *bench, const struct cipher_key *key, size_t i, size_t how)
{
	size_t n = 19;
	struct cipher_packet *packet = &bench->packets[i];
	uint8_t copy[STRIDE];

	for (size_t k = 0; k < n; k++)
		bench_packet(bench, k, 40 + 70 * k, k, DF | k);
	cipher_seal_batch(key, bench->packets, n);
	switch (how) {
	case 0:
		packet->tag[0] ^= 1;
		break;
	case 1:
		packet->tag[CIPHER_TAG_LEN - 1] ^= 0x80;
		break;
	case 2:
		packet->text[packet->len - 1] ^= 1;
		break;
	case 3:
		packet->seqdf ^= DF;
		break;
	case 4:
		packet->len--;
		break;
	default:
		packet->len = 0;
		break;
	}
	memcpy(copy, bench->texts + i * STRIDE, STRIDE);
	cipher_open_batch(key, bench->packets, n);
	for (size_t k = 0; k < n; k++) {
		const uint8_t *want = k == i ? copy : bench->plain + k * STRIDE;

		ATF_REQUIRE_EQ(k != i, bench->packets[k].ok);
		ATF_REQUIRE(
		    memcmp(bench->texts + k * STRIDE, want, STRIDE) == 0);
	}
	memcpy(bench->texts + i * STRIDE, bench->plain + i * STRIDE, STRIDE);
}

ATF_TC_WITHOUT_HEAD(forged);
ATF_TC_BODY(forged, tc)
{
	struct bench *bench = bench_new();
	struct cipher_key key;
	const char *name;

	(void)tc;
	cipher_key_init(&key, bench->session, false);
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		ATF_REQUIRE(cipher_use(name));
		for (size_t how = 0; how < 6; how++)
			for (size_t i = 0; i < 19; i++)
				forge(bench, &key, i, how);
	}
	bench_free(bench);
}

ATF_TC_WITHOUT_HEAD(roles);
ATF_TC_BODY(roles, tc)
{
	struct bench *bench = bench_new();
	struct cipher_key key;
	const char *name;

	(void)tc;
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		ATF_REQUIRE(cipher_use(name));
		for (size_t i = 0; i < 5; i++)
			bench_packet(bench, i, 100, 0, i);
		bench_seal(bench, 5, true);
		cipher_key_init(&key, bench->session, false);
		cipher_open_batch(&key, bench->packets, 5);
		for (size_t i = 0; i < 5; i++)
			ATF_CHECK(!bench->packets[i].ok);
		bench_check(bench, 5);
		bench_open(bench, 5, true);
	}
	cipher_key_wipe(&key);
	ATF_CHECK(sodium_is_zero((uint8_t *)&key, sizeof(key)));
	bench_free(bench);
}

/* Boxes of real packets, opened and sealed again. */
ATF_TC_WITHOUT_HEAD(vectors);
ATF_TC_BODY(vectors, tc)
{
	json_t *file = vectors_load("sleeve.json"), *c;
	uint8_t *session = vectors_bytes(file, "session_key", NULL), *box;
	const char *name;
	size_t i, len;

	(void)tc;
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		ATF_REQUIRE(cipher_use(name));
		json_array_foreach(
		    vectors_get(file, "encrypted_packets"), i, c) {
			struct cipher_packet packet = {0};
			struct cipher_key key;
			uint8_t tag[CIPHER_TAG_LEN];

			box = vectors_bytes(c, "udp_payload", &len);
			ATF_REQUIRE(len > HEADER_LEN);
			cipher_key_init(&key, session,
			    json_is_true(vectors_get(c, "sender_outbound")));
			packet.seqdf = vectors_u64(c, "seq") |
			    (json_is_true(vectors_get(c, "df")) ? DF : 0);
			packet.tag = box + HEADER_LEN - CIPHER_TAG_LEN;
			packet.text = box + HEADER_LEN;
			packet.len = len - HEADER_LEN;
			memcpy(tag, packet.tag, sizeof(tag));
			cipher_open_batch(&key, &packet, 1);
			ATF_CHECK(packet.ok);
			memset(packet.tag, 0, sizeof(tag));
			cipher_seal_batch(&key, &packet, 1);
			ATF_CHECK(memcmp(packet.tag, tag, sizeof(tag)) == 0);
			free(box);
		}
	}
	free(session);
	json_decref(file);
}

#define SCRUB_PACKETS 20
#define SCRUB_LEN 700
#define SCRUB_STACK (256 * 1024)

static void *
scrub_thread(void *arg)
{
	struct bench *bench = arg;

	cipher_seal_batch(&bench->key, bench->packets, SCRUB_PACKETS);
	return NULL;
}

/* Pieces of the key stream that are still on the stack it was made on. */
static size_t
scrub_count(const struct bench *bench, const uint8_t *stack)
{
	uint8_t piece[16];
	size_t found = 0;

	for (size_t i = 0; i < SCRUB_PACKETS; i++) {
		const uint8_t *plain = bench->plain + i * STRIDE;

		for (size_t at = 0; at + 16 <= SCRUB_LEN; at += 16) {
			for (size_t k = 0; k < sizeof(piece); k++)
				piece[k] = plain[at + k] ^
				    bench->packets[i].text[at + k];
			found += memmem(stack, SCRUB_STACK, piece,
				     sizeof(piece)) != NULL;
		}
	}
	return found;
}

/* With the key stream a packet of the wire could be read. */
ATF_TC_WITHOUT_HEAD(scrubbed);
ATF_TC_BODY(scrubbed, tc)
{
	pthread_attr_t attr;
	pthread_t thread;
	const char *name;
	uint8_t *stack;

	(void)tc;
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		struct bench *bench = bench_new();

		ATF_REQUIRE(cipher_use(name));
		for (size_t i = 0; i < SCRUB_PACKETS; i++)
			bench_packet(bench, i, SCRUB_LEN, 0, i);
		cipher_key_init(&bench->key, bench->session, true);
		stack = aligned_alloc(4096, SCRUB_STACK);
		ATF_REQUIRE(stack != NULL);
		memset(stack, 0, SCRUB_STACK);
		pthread_attr_init(&attr);
		ATF_REQUIRE_EQ(
		    0, pthread_attr_setstack(&attr, stack, SCRUB_STACK));
		ATF_REQUIRE_EQ(
		    0, pthread_create(&thread, &attr, scrub_thread, bench));
		ATF_REQUIRE_EQ(0, pthread_join(thread, NULL));
		ATF_CHECK_EQ_MSG(0, scrub_count(bench, stack), "%s", name);
		pthread_attr_destroy(&attr);
		free(stack);
		bench_free(bench);
	}
}

ATF_TC_WITHOUT_HEAD(selection);
ATF_TC_BODY(selection, tc)
{
	const char *name;

	(void)tc;
	ATF_REQUIRE(sodium_init() != -1);
	for (size_t k = 0; (name = cipher_name(k)) != NULL; k++) {
		ATF_REQUIRE(cipher_use(name));
		ATF_CHECK_MSG(cipher_self_test(), "%s", name);
	}
	ATF_CHECK(!cipher_use("rot13"));
	ATF_CHECK_STREQ(cipher_name(0), cipher_select(false));
	ATF_CHECK_STREQ("library", cipher_select(true));
	ATF_CHECK(cipher_self_test());
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, lengths);
	ATF_TP_ADD_TC(tp, batches);
	ATF_TP_ADD_TC(tp, long_batch);
	ATF_TP_ADD_TC(tp, forged);
	ATF_TP_ADD_TC(tp, roles);
	ATF_TP_ADD_TC(tp, vectors);
	ATF_TP_ADD_TC(tp, scrubbed);
	ATF_TP_ADD_TC(tp, selection);
	return atf_no_error();
}
