/* Wycheproof's cases of HKDF, HMAC and X25519 against what we call. */
#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/hkdf.h"
#include "regress/lib/vectors.h"
#include "weaved/parent/keys.h"

typedef void (*standards_case)(const json_t *, const json_t *);

static void each_case(const char *, standards_case);
static bool valid(const json_t *);
static void case_hkdf(const json_t *, const json_t *);
static void case_hmac(const json_t *, const json_t *);
static void case_x25519(const json_t *, const json_t *);

static void
each_case(const char *file, standards_case check)
{
	json_t *root = vectors_load_standard(file);
	const json_t *group, *test;
	size_t i, j, count = 0;

	ATF_REQUIRE(sodium_init() != -1);
	json_array_foreach(vectors_get(root, "testGroups"), i, group) {
		json_array_foreach(vectors_get(group, "tests"), j, test) {
			check(group, test);
			count++;
		}
	}
	ATF_CHECK_EQ(vectors_u64(root, "numberOfTests"), count);
	json_decref(root);
}

static bool
valid(const json_t *test)
{
	return strcmp(vectors_text(test, "result"), "invalid") != 0;
}

static void
case_hkdf(const json_t *group, const json_t *test)
{
	size_t ikm_len, salt_len, info_len, len = vectors_u64(test, "size");
	uint8_t *ikm = vectors_bytes(test, "ikm", &ikm_len);
	uint8_t *salt = vectors_bytes(test, "salt", &salt_len);
	uint8_t *info = vectors_bytes(test, "info", &info_len);
	uint8_t *okm = vectors_bytes(test, "okm", NULL);
	uint8_t *out = malloc(len);

	(void)group;
	ATF_REQUIRE(out != NULL);
	ATF_CHECK_EQ(valid(test),
	    hkdf_sha256(
		out, len, ikm, ikm_len, salt, salt_len, info, info_len));
	if (valid(test))
		ATF_CHECK(memcmp(okm, out, len) == 0);
	free(ikm);
	free(salt);
	free(info);
	free(okm);
	free(out);
}

ATF_TC_WITHOUT_HEAD(hkdf);
ATF_TC_BODY(hkdf, tc)
{
	each_case("wycheproof_hkdf_sha256_test.json", case_hkdf);
}

static void
case_hmac(const json_t *group, const json_t *test)
{
	crypto_auth_hmacsha256_state state;
	uint8_t out[crypto_auth_hmacsha256_BYTES];
	size_t key_len, len, tag_len = vectors_u64(group, "tagSize") / 8;
	uint8_t *key = vectors_bytes(test, "key", &key_len);
	uint8_t *msg = vectors_bytes(test, "msg", &len);
	uint8_t *tag = vectors_bytes(test, "tag", NULL);

	crypto_auth_hmacsha256_init(&state, key, key_len);
	crypto_auth_hmacsha256_update(&state, msg, len);
	crypto_auth_hmacsha256_final(&state, out);
	ATF_CHECK_EQ(valid(test), sodium_memcmp(tag, out, tag_len) == 0);
	free(key);
	free(msg);
	free(tag);
}

ATF_TC_WITHOUT_HEAD(hmac);
ATF_TC_BODY(hmac, tc)
{
	each_case("wycheproof_hmac_sha256_test.json", case_hmac);
}

/* A shared secret of zeros is refused, whatever led to it. */
static void
case_x25519(const json_t *group, const json_t *test)
{
	static const uint8_t zeros[crypto_scalarmult_BYTES];
	const struct password password = {6, "s3cr3t"};
	uint8_t out[crypto_scalarmult_BYTES], session[KEYS_LEN];
	uint8_t *private_key = vectors_bytes(test, "private", NULL);
	uint8_t *public_key = vectors_bytes(test, "public", NULL);
	uint8_t *shared = vectors_bytes(test, "shared", NULL);
	bool good = memcmp(shared, zeros, sizeof(zeros)) != 0;

	(void)group;
	ATF_CHECK_EQ(
	    good, crypto_scalarmult(out, private_key, public_key) == 0);
	if (good)
		ATF_CHECK(memcmp(shared, out, sizeof(out)) == 0);
	ATF_CHECK_EQ(good,
	    keys_derive_session(private_key, public_key, &password, session));
	free(private_key);
	free(public_key);
	free(shared);
}

ATF_TC_WITHOUT_HEAD(x25519);
ATF_TC_BODY(x25519, tc)
{
	each_case("wycheproof_x25519_test.json", case_x25519);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, hkdf);
	ATF_TP_ADD_TC(tp, hmac);
	ATF_TP_ADD_TC(tp, x25519);
	return atf_no_error();
}
