/* PBKDF2-HMAC-SHA-256: RFC 7914, section 11, and Wycheproof's cases. */
#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/parent/kdf.h"

static void expect(const struct kdf_input *, const uint8_t *, uint32_t);
static void expect_text(
    const char *, const char *, uint32_t, const char *, uint32_t);

static void
expect(const struct kdf_input *input, const uint8_t *wanted, uint32_t slice)
{
	struct kdf *kdf = kdf_new(input);
	size_t blocks = (input->len + 31) / 32, slices = 1;

	ATF_REQUIRE(kdf != NULL);
	ATF_CHECK(kdf_result(kdf) == NULL);
	for (; !kdf_run(kdf, slice); slices++)
		ATF_CHECK(kdf_result(kdf) == NULL);
	ATF_CHECK_EQ((blocks * input->rounds + slice - 1) / slice, slices);
	ATF_REQUIRE(kdf_result(kdf) != NULL);
	ATF_CHECK(memcmp(wanted, kdf_result(kdf), input->len) == 0);
	kdf_free(kdf);
}

static void
expect_text(const char *password, const char *salt, uint32_t rounds,
    const char *hex, uint32_t slice)
{
	struct kdf_input input = {(const uint8_t *)password, strlen(password),
	    (const uint8_t *)salt, strlen(salt), rounds, 0};
	uint8_t *wanted = vectors_hex(hex, &input.len);

	ATF_REQUIRE(sodium_init() != -1);
	expect(&input, wanted, slice);
	free(wanted);
}

ATF_TC_WITHOUT_HEAD(rfc7914);
ATF_TC_BODY(rfc7914, tc)
{
	expect_text("passwd", "salt", 1,
	    "55ac046e56e3089fec1691c22544b605f94185216dde0465e68b9d57c20dacbc"
	    "49ca9cccf179b645991664b39d77ef317c71b845b1e30bd509112041d3a19783",
	    1000);
	expect_text("Password", "NaCl", 80000,
	    "4ddcd8f60b98be21830cee5ef22701f9641a4418d04c0414aeff08876b34ab56"
	    "a1d425a1225833549adb841b51c9b3176a272bdebba1d078478f62b397f33c8d",
	    4096);
}

/* Every way to cut the rounds gives the same. */
ATF_TC_WITHOUT_HEAD(slices);
ATF_TC_BODY(slices, tc)
{
	static const char hex[] =
	    "c5e478d59288c841aa530db6845c4c8d962893a001ce4e11a4963873aa98134a";

	for (uint32_t slice = 1; slice < 300; slice++)
		expect_text("password", "salt", 4096, hex, slice * 17);
	expect_text("password", "salt", 4096, hex, 1);
	expect_text("password", "salt", 4096, hex, UINT32_MAX);
}

ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	const uint8_t byte = 1;
	struct kdf_input input = {&byte, 1, &byte, 1, 1, KDF_LEN_MAX};
	struct kdf *kdf;

	ATF_REQUIRE(sodium_init() != -1);
	kdf = kdf_new(&input);
	ATF_REQUIRE(kdf != NULL);
	ATF_CHECK(!kdf_run(kdf, 0));
	ATF_CHECK(!kdf_run(kdf, KDF_LEN_MAX / 32 - 1));
	ATF_CHECK(kdf_run(kdf, 1));
	ATF_CHECK(kdf_run(kdf, 1));
	kdf_free(kdf);
	input.len = KDF_LEN_MAX + 1;
	ATF_CHECK(kdf_new(&input) == NULL);
	input.len = 0;
	ATF_CHECK(kdf_new(&input) == NULL);
	input.len = 1;
	input.rounds = 0;
	ATF_CHECK(kdf_new(&input) == NULL);
	kdf_free(NULL);
}

ATF_TC_WITHOUT_HEAD(wycheproof);
ATF_TC_BODY(wycheproof, tc)
{
	json_t *root =
	    vectors_load_standard("wycheproof_pbkdf2_hmacsha256_test.json");
	const json_t *group, *test;
	size_t i, j, count = 0;

	ATF_REQUIRE(sodium_init() != -1);
	json_array_foreach(vectors_get(root, "testGroups"), i, group) {
		json_array_foreach(vectors_get(group, "tests"), j, test) {
			struct kdf_input input = {
			    .rounds =
				(uint32_t)vectors_u64(test, "iterationCount")};
			uint8_t *password = vectors_bytes(
			    test, "password", &input.password_len);
			uint8_t *salt =
			    vectors_bytes(test, "salt", &input.salt_len);
			uint8_t *dk = vectors_bytes(test, "dk", &input.len);

			ATF_REQUIRE_STREQ(
			    "valid", vectors_text(test, "result"));
			input.password = password;
			input.salt = salt;
			expect(&input, dk, 1000);
			free(password);
			free(salt);
			free(dk);
			count++;
		}
	}
	ATF_CHECK_EQ(vectors_u64(root, "numberOfTests"), count);
	json_decref(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, rfc7914);
	ATF_TP_ADD_TC(tp, slices);
	ATF_TP_ADD_TC(tp, limits);
	ATF_TP_ADD_TC(tp, wycheproof);
	return atf_no_error();
}
