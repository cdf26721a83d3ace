/* HKDF-SHA-256: the test cases of RFC 5869, appendix A.1 to A.3. */
#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "common/hkdf.h"

static void expect_okm(const char *, const char *, const char *, const char *);

static void
expect_okm(const char *ikm_hex, const char *salt_hex, const char *info_hex,
    const char *okm_hex)
{
	size_t ikm_len, salt_len, info_len, len;
	uint8_t *ikm = vectors_hex(ikm_hex, &ikm_len);
	uint8_t *salt = vectors_hex(salt_hex, &salt_len);
	uint8_t *info = vectors_hex(info_hex, &info_len);
	uint8_t *okm = vectors_hex(okm_hex, &len);
	uint8_t out[128];

	ATF_REQUIRE(sodium_init() != -1);
	ATF_REQUIRE(len < sizeof(out));
	memset(out, 0x5a, sizeof(out));
	ATF_REQUIRE(hkdf_sha256(
	    out, len, ikm, ikm_len, salt, salt_len, info, info_len));
	ATF_CHECK(memcmp(okm, out, len) == 0);
	ATF_CHECK_EQ(0x5a, out[len]);
	free(ikm);
	free(salt);
	free(info);
	free(okm);
}

ATF_TC_WITHOUT_HEAD(basic);
ATF_TC_BODY(basic, tc)
{
	expect_okm("0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b",
	    "000102030405060708090a0b0c", "f0f1f2f3f4f5f6f7f8f9",
	    "3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf"
	    "34007208d5b887185865");
}

ATF_TC_WITHOUT_HEAD(longer);
ATF_TC_BODY(longer, tc)
{
	expect_okm(
	    "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
	    "202122232425262728292a2b2c2d2e2f303132333435363738393a3b3c3d3e3f"
	    "404142434445464748494a4b4c4d4e4f",
	    "606162636465666768696a6b6c6d6e6f707172737475767778797a7b7c7d7e7f"
	    "808182838485868788898a8b8c8d8e8f909192939495969798999a9b9c9d9e9f"
	    "a0a1a2a3a4a5a6a7a8a9aaabacadaeaf",
	    "b0b1b2b3b4b5b6b7b8b9babbbcbdbebfc0c1c2c3c4c5c6c7c8c9cacbcccdcecf"
	    "d0d1d2d3d4d5d6d7d8d9dadbdcdddedfe0e1e2e3e4e5e6e7e8e9eaebecedeeef"
	    "f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff",
	    "b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c"
	    "59045a99cac7827271cb41c65e590e09da3275600c2f09b8367793a9aca3db71"
	    "cc30c58179ec3e87c14c01d5c1f3434f1d87");
}

ATF_TC_WITHOUT_HEAD(no_salt_no_info);
ATF_TC_BODY(no_salt_no_info, tc)
{
	static const char ikm[] =
	    "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b";
	static const char okm[] =
	    "8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d"
	    "9d201395faa4b61a96c8";
	uint8_t *secret = vectors_hex(ikm, NULL);
	uint8_t *expected = vectors_hex(okm, NULL), out[42];

	expect_okm(ikm, "", "", okm);
	ATF_REQUIRE(
	    hkdf_sha256(out, sizeof(out), secret, 22, NULL, 0, NULL, 0));
	ATF_CHECK(memcmp(expected, out, sizeof(out)) == 0);
	free(secret);
	free(expected);
}

ATF_TC_WITHOUT_HEAD(lengths);
ATF_TC_BODY(lengths, tc)
{
	uint8_t *out = calloc(1, HKDF_LEN_MAX + 1), shorter[33];
	const uint8_t secret[] = {1};

	ATF_REQUIRE(out != NULL);
	ATF_CHECK(!hkdf_sha256(out, 0, secret, 1, NULL, 0, NULL, 0));
	ATF_CHECK(
	    !hkdf_sha256(out, HKDF_LEN_MAX + 1, secret, 1, NULL, 0, NULL, 0));
	ATF_CHECK(hkdf_sha256(out, HKDF_LEN_MAX, secret, 1, NULL, 0, NULL, 0));
	ATF_CHECK_EQ(0, out[HKDF_LEN_MAX]);
	for (size_t len = 1; len <= sizeof(shorter); len++) {
		ATF_CHECK(
		    hkdf_sha256(shorter, len, secret, 1, NULL, 0, NULL, 0));
		ATF_CHECK(memcmp(out, shorter, len) == 0);
	}
	free(out);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, basic);
	ATF_TP_ADD_TC(tp, longer);
	ATF_TP_ADD_TC(tp, no_salt_no_info);
	ATF_TP_ADD_TC(tp, lengths);
	return atf_no_error();
}
