#include "weaved/engine/overlay/cipher.h"

#include <sodium.h>
#include <string.h>

#include "weaved/engine/overlay/cipher_code.h"

#define PREFIX_LEN 16 /* of the nonce: what HSalsa20 takes */
#define NONCE_LEN crypto_secretbox_NONCEBYTES
#define ROLE_OUTBOUND 0x80 /* byte 0 of the nonce */
/* A single packet below this fills too little of a vector to pay. */
#define SINGLE_MIN 512

/* The self-test: lengths on both sides of every edge, more than all lanes. */
#define TEST_TEXT 700
#define TEST_PACKETS 20

_Static_assert(PREFIX_LEN == crypto_core_hsalsa20_INPUTBYTES, "HSalsa20");
_Static_assert(NONCE_LEN == PREFIX_LEN + sizeof(uint64_t), "nonce");
_Static_assert(CIPHER_KEY_LEN == crypto_secretbox_KEYBYTES, "key");
_Static_assert(CIPHER_TAG_LEN == crypto_secretbox_MACBYTES, "tag");

struct test {
	uint8_t plain[TEST_TEXT];
	uint8_t session[CIPHER_KEY_LEN];
	uint8_t tags[TEST_PACKETS][CIPHER_TAG_LEN];
	uint8_t texts[TEST_PACKETS][TEST_TEXT];
	struct cipher_packet packets[TEST_PACKETS];
};

static const struct cipher_code *code_at(size_t);
static bool by_library(const struct cipher_packet *, size_t);
static void prefix(uint8_t[NONCE_LEN], bool);
static void test_prepare(struct test *);
static bool test_sealed(const struct test *, bool, size_t);
static bool test_opened(const struct test *, size_t, size_t);
static bool test_run(struct test *, bool);

static const struct cipher_code *selected; /* NULL: libsodium */

static void
prefix(uint8_t nonce[NONCE_LEN], bool outbound)
{
	memset(nonce, 0, NONCE_LEN);
	if (outbound)
		nonce[0] = ROLE_OUTBOUND;
}

void
cipher_key_init(struct cipher_key *key, const uint8_t session[CIPHER_KEY_LEN],
    bool outbound)
{
	uint8_t nonce[NONCE_LEN];

	prefix(nonce, outbound);
	cipher_key_derive(key, session, nonce);
}

void
cipher_key_derive(struct cipher_key *key, const uint8_t session[CIPHER_KEY_LEN],
    const uint8_t start[CIPHER_PREFIX_LEN])
{
	crypto_core_hsalsa20(key->subkey, start, session, NULL);
}

void
cipher_key_wipe(struct cipher_key *key)
{
	sodium_memzero(key, sizeof(*key));
}

static bool
by_library(const struct cipher_packet *packets, size_t n)
{
	return selected == NULL || (n == 1 && packets[0].len < SINGLE_MIN);
}

void
cipher_seal_batch(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n)
{
	if (by_library(packets, n))
		cipher_library_seal(key, packets, n);
	else
		cipher_code_seal(selected, key, packets, n);
}

void
cipher_open_batch(
    const struct cipher_key *key, struct cipher_packet *packets, size_t n)
{
	if (by_library(packets, n))
		cipher_library_open(key, packets, n);
	else
		cipher_code_open(selected, key, packets, n);
}

/* The fastest first. */
static const struct cipher_code *
code_at(size_t i)
{
	static const struct cipher_code *const codes[] = {
#ifdef __x86_64__
	    &cipher_avx512,
	    &cipher_avx2,
#endif
	    &cipher_portable,
	};

	for (size_t at = 0; at < sizeof(codes) / sizeof(codes[0]); at++)
		if (codes[at]->supported() && i-- == 0)
			return codes[at];
	return NULL;
}

const char *
cipher_name(size_t i)
{
	const struct cipher_code *code = code_at(i);

	if (code != NULL)
		return code->name;
	return i == 0 || code_at(i - 1) != NULL ? "library" : NULL;
}

const char *
cipher_select(bool library_only)
{
	selected = library_only ? NULL : code_at(0);
#ifdef __x86_64__
	/* With 4 lanes libsodium is faster here. */
	if (selected == &cipher_portable)
		selected = NULL;
#endif
	return selected == NULL ? "library" : selected->name;
}

bool
cipher_use(const char *name)
{
	const char *has;

	for (size_t i = 0; (has = cipher_name(i)) != NULL; i++)
		if (strcmp(has, name) == 0) {
			selected = code_at(i);
			return true;
		}
	return false;
}

static void
test_prepare(struct test *test)
{
	static const size_t edges[] = {0, 1, 15, 16, 17, 31, 32, 33, 95, 96, 97,
	    TEST_TEXT, 144, 159, 160, 161};
	size_t n = sizeof(edges) / sizeof(edges[0]);

	for (size_t i = 0; i < TEST_TEXT; i++)
		test->plain[i] = (uint8_t)(i * i >> 3);
	for (size_t i = 0; i < CIPHER_KEY_LEN; i++)
		test->session[i] = (uint8_t)(0xc1 + 7 * i);
	for (size_t i = 0; i < TEST_PACKETS; i++) {
		struct cipher_packet *packet = &test->packets[i];

		packet->seqdf = UINT64_C(0x8123456789abcdf0) + i;
		packet->tag = test->tags[i];
		packet->text = test->texts[i];
		packet->len = i < n ? edges[i] : TEST_TEXT - i;
		memcpy(packet->text, test->plain, packet->len);
	}
}

static bool
test_sealed(const struct test *test, bool outbound, size_t i)
{
	const struct cipher_packet *packet = &test->packets[i];
	uint8_t nonce[NONCE_LEN];
	uint8_t box[CIPHER_TAG_LEN + TEST_TEXT];

	prefix(nonce, outbound);
	for (size_t at = 0; at < sizeof(uint64_t); at++)
		nonce[PREFIX_LEN + at] =
		    (uint8_t)(packet->seqdf >> (56 - 8 * at));
	crypto_secretbox_easy(
	    box, test->plain, packet->len, nonce, test->session);
	return memcmp(packet->tag, box, CIPHER_TAG_LEN) == 0 &&
	    memcmp(packet->text, box + CIPHER_TAG_LEN, packet->len) == 0;
}

static bool
test_opened(const struct test *test, size_t i, size_t forged)
{
	const struct cipher_packet *packet = &test->packets[i];
	bool same = memcmp(packet->text, test->plain, packet->len) == 0;

	return packet->ok == (i != forged) &&
	    (packet->len == 0 || same == packet->ok);
}

static bool
test_run(struct test *test, bool outbound)
{
	struct cipher_key key;
	size_t forged = TEST_PACKETS / 2;
	bool right = true;

	test_prepare(test);
	cipher_key_init(&key, test->session, outbound);
	cipher_seal_batch(&key, test->packets, TEST_PACKETS);
	for (size_t i = 0; i < TEST_PACKETS; i++)
		right &= test_sealed(test, outbound, i);
	test->tags[forged][0] ^= 1;
	cipher_open_batch(&key, test->packets, TEST_PACKETS);
	for (size_t i = 0; i < TEST_PACKETS; i++)
		right &= test_opened(test, i, forged);
	cipher_key_wipe(&key);
	return right;
}

bool
cipher_self_test(void)
{
	struct test test;

	if (test_run(&test, false) && test_run(&test, true))
		return true;
	selected = NULL;
	return false;
}
