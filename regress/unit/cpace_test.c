/*
 * CPace-ristretto255-SHA512: the draft's own test vectors, and that two sides
 * agree only when all that they bind is equal.
 */
#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/parent/cpace.h"

#define PRS "50617373776f7264"
#define CI "0b415f696e69746961746f720b425f726573706f6e646572"
#define SID "7e4b4791d6a8ef019b936c79fb7f2c57"
#define GENERATOR \
	"222b6b195fe84b1652badb6f6a3ae3d24341e7306967f0b8115b40d5698c7e56"
#define SCALAR_A \
	"da3d23700a9e5699258aef94dc060dfda5ebb61f02a5ea77fad53f4ff0976d08"
#define SHARE_A \
	"d6bac480f2c386c394efc7c47adb9925dcd2630b64f240c50f8d0eec482b9157"
#define SCALAR_B \
	"d2316b454718c35362d83d69df6320f38578ed5984651435e2949762d900b80d"
#define SHARE_B \
	"3ea7e0b19560d7c0b0f5734f63b955286dfa8232b5ebe63324e2d9e7433f7258"
#define ISK                                                                \
	"b69effbf61b51d56401c0f65601abe428de8206feaaf0e32198896dcae7b35cd" \
	"2b38950a39dfd5d4a79164614c2984f7daa460b588c1e80c3fa2068af7900447"

struct side {
	uint8_t *prs, *ci, *sid, *scalar_a, *scalar_b, *share_a, *share_b;
	size_t prs_len, ci_len, sid_len;
	struct cpace_transcript transcript;
};

static void side_init(struct side *);
static void side_free(struct side *);
static void expect_hex(const char *, const uint8_t *, size_t);

static void
side_init(struct side *side)
{
	ATF_REQUIRE(sodium_init() != -1);
	side->prs = vectors_hex(PRS, &side->prs_len);
	side->ci = vectors_hex(CI, &side->ci_len);
	side->sid = vectors_hex(SID, &side->sid_len);
	side->scalar_a = vectors_hex(SCALAR_A, NULL);
	side->scalar_b = vectors_hex(SCALAR_B, NULL);
	side->share_a = vectors_hex(SHARE_A, NULL);
	side->share_b = vectors_hex(SHARE_B, NULL);
	side->transcript = (struct cpace_transcript){
	    {side->sid, side->sid_len},
	    side->share_a,
	    {(const uint8_t *)"ADa", 3},
	    side->share_b,
	    {(const uint8_t *)"ADb", 3},
	};
}

static void
side_free(struct side *side)
{
	free(side->prs);
	free(side->ci);
	free(side->sid);
	free(side->scalar_a);
	free(side->scalar_b);
	free(side->share_a);
	free(side->share_b);
}

static void
expect_hex(const char *hex, const uint8_t *data, size_t len)
{
	char text[2 * CPACE_ISK_LEN + 1];

	sodium_bin2hex(text, sizeof(text), data, len);
	ATF_CHECK_STREQ(hex, text);
}

ATF_TC_WITHOUT_HEAD(draft_vectors);
ATF_TC_BODY(draft_vectors, tc)
{
	uint8_t g[CPACE_LEN], share[CPACE_LEN], isk[CPACE_ISK_LEN];
	struct side side;

	side_init(&side);
	cpace_generator(g, (struct cpace_bytes){side.prs, side.prs_len},
	    (struct cpace_bytes){side.ci, side.ci_len},
	    (struct cpace_bytes){side.sid, side.sid_len});
	expect_hex(GENERATOR, g, sizeof(g));
	ATF_REQUIRE(cpace_share(share, side.scalar_a, g));
	expect_hex(SHARE_A, share, sizeof(share));
	ATF_REQUIRE(cpace_share(share, side.scalar_b, g));
	expect_hex(SHARE_B, share, sizeof(share));
	ATF_REQUIRE(
	    cpace_session(isk, side.scalar_a, side.share_b, &side.transcript));
	expect_hex(ISK, isk, sizeof(isk));
	ATF_REQUIRE(
	    cpace_session(isk, side.scalar_b, side.share_a, &side.transcript));
	expect_hex(ISK, isk, sizeof(isk));
	side_free(&side);
}

/* The draft's valid point, and its two invalid ones; the rest of RFC 9496. */
ATF_TC_WITHOUT_HEAD(invalid_shares);
ATF_TC_BODY(invalid_shares, tc)
{
	static const char *bad[] = {
	    /* draft: not an encoding, the identity */
	    "2b3c6b8c4f3800e7aef6864025b4ed79bd599117e427c41bd47d93d654b4a51c",
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    /* RFC 9496, A.3: field elements not reduced */
	    "00ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff",
	    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "f3ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    /* negative field elements */
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "01ffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "ed57ffd8c914fb201471d1c3d245ce3c746fcbe63a3679d51b6a516ebebe0e20",
	    "c34c4e1826e5d403b78e246e88aa051c36ccf0aafebffe137d148a2bf9104562",
	    "c940e5a4404157cfb1628b108db051a8d439e1a421394ec4ebccb9ec92a8ac78",
	    "47cfc5497c53dc8e61c91d17fd626ffb1c49e2bca94eed052281b510b1117a24",
	    "f1c6165d33367351b0da8f6e4511010c68174a03b6581212c71c0e1d026c3c72",
	    "87260f7a2f12495118360f02c26a470f450dadf34a413d21042b43b9d93e1309",
	    /* no square */
	    "26948d35ca62e643e26a83177332e6b6afeb9d08e4268b650f1f5bbd8d81d371",
	    "4eac077a713c57b4f4397629a4145982c661f48044dd3f96427d40b147d9742f",
	    "de6a7b00deadc788eb6b6c8d20c0ae96c2f2019078fa604fee5b87d6e989ad7b",
	    "bcab477be20861e01e4a0e295284146a510150d9817763caf1a6f4b422d67042",
	    "2a292df7e32cababbd9de088d1d1abec9fc0440f637ed2fba145094dc14bea08",
	    "f4a9e534fc0d216c44b218fa0c42d99635a0127ee2e53c712f70609649fdff22",
	    "8268436f8c4126196cf64b3c7ddbda90746a378625f9813dd9b8457077256731",
	    "2810e5cbc2cc4d4eece54f61c6f69758e289aa7ab440b3cbeaa21995c2f4232b",
	    /* negative xy */
	    "3eb858e78f5a7254d8c9731174a94f76755fd3941c0ac93735c07ba14579630e",
	    "a45fdc55c76448c049a1ab33f17023edfb2be3581e9c7aade8a6125215e04220",
	    "d483fe813c6ba647ebbfd3ec41adca1c6130c2beeee9d9bf065c8d151c5f396e",
	    "8a2e1d30050198c65a54483123960ccc38aef6848e1ec8f5f780e8523769ba32",
	    "32888462f8b486c68ad7dd9610be5192bbeaf3b443951ac1a8118419d9fa097b",
	    "227142501b9d4355ccba290404bde41575b037693cef1f438c47f8fbf35d1165",
	    "5c37cc491da847cfeb9281d407efc41e15144c876e0170b499a96a22ed31e01e",
	    "445425117cb8c90edcbc7c1cc0e74f747f2c1efa5630a967c64f287792a48a4b",
	    /* s = -1, which causes y = 0 */
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};
	static const uint8_t zeros[CPACE_ISK_LEN];
	uint8_t isk[CPACE_ISK_LEN], k[CPACE_LEN];
	uint8_t *s = vectors_hex("7cd0e075fa7955ba52c02759a6c90dbbfc10e6d40ae"
				 "a8d283e407d88cf538a05",
	    NULL);
	uint8_t *x = vectors_hex("2c3c6b8c4f3800e7aef6864025b4ed79bd599117e42"
				 "7c41bd47d93d654b4a51c",
	    NULL);
	struct side side;

	side_init(&side);
	ATF_CHECK(cpace_share(k, s, x));
	expect_hex("7c13645fe790a468f62c39beb7388e541d8405d1ade69d1778c5fe3e7f6"
		   "b600e",
	    k, sizeof(k));
	ATF_CHECK(cpace_session(isk, s, x, &side.transcript));
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint8_t *point = vectors_hex(bad[i], NULL);

		memset(isk, 0x5a, sizeof(isk));
		ATF_CHECK_MSG(
		    !cpace_session(isk, s, point, &side.transcript), "%zu", i);
		ATF_CHECK(memcmp(zeros, isk, sizeof(isk)) == 0);
		free(point);
	}
	ATF_CHECK(!cpace_share(k, zeros, x));
	free(s);
	free(x);
	side_free(&side);
}

/* One changed bit anywhere in what is bound gives another key. */
ATF_TC_WITHOUT_HEAD(binds_everything);
ATF_TC_BODY(binds_everything, tc)
{
	uint8_t isk[CPACE_ISK_LEN], other[CPACE_ISK_LEN], *shares[2];
	struct cpace_transcript changed;
	struct side side;

	side_init(&side);
	ATF_REQUIRE(
	    cpace_session(isk, side.scalar_a, side.share_b, &side.transcript));
	shares[0] = vectors_hex(SHARE_A, NULL);
	shares[1] = vectors_hex(SHARE_B, NULL);
	for (int i = 0; i < 6; i++) {
		changed = side.transcript;
		if (i == 0)
			changed.sid.len--;
		if (i == 1)
			changed.data_a.len--;
		if (i == 2)
			changed.data_b.len--;
		if (i == 3)
			changed.share_a = shares[1];
		if (i == 4)
			changed.share_b = shares[0];
		if (i == 5) {
			changed.data_a = side.transcript.data_b;
			changed.data_b = side.transcript.data_a;
		}
		ATF_REQUIRE(cpace_session(
		    other, side.scalar_a, side.share_b, &changed));
		ATF_CHECK_MSG(memcmp(isk, other, sizeof(isk)) != 0, "%d", i);
	}
	free(shares[0]);
	free(shares[1]);
	side_free(&side);
}

/* LEB128: one byte up to 127, two up to 16383. */
ATF_TC_WITHOUT_HEAD(lengths);
ATF_TC_BODY(lengths, tc)
{
	static uint8_t data[300], out[310];

	ATF_CHECK_EQ(1, cpace_put(out, sizeof(out), NULL, 0));
	ATF_CHECK_EQ(0, out[0]);
	ATF_CHECK_EQ(128, cpace_put(out, sizeof(out), data, 127));
	ATF_CHECK_EQ(127, out[0]);
	ATF_CHECK_EQ(130, cpace_put(out, sizeof(out), data, 128));
	ATF_CHECK_EQ(0x80, out[0]);
	ATF_CHECK_EQ(1, out[1]);
	ATF_CHECK_EQ(302, cpace_put(out, sizeof(out), data, 300));
	ATF_CHECK_EQ(0xac, out[0]);
	ATF_CHECK_EQ(2, out[1]);
	ATF_CHECK_EQ(302, cpace_put(out, 302, data, 300));
	ATF_CHECK_EQ(0, cpace_put(out, 301, data, 300));
	ATF_CHECK_EQ(0, cpace_put(out, 0, NULL, 0));
}

/* The figures above are those of the published file. */
ATF_TC_WITHOUT_HEAD(published);
ATF_TC_BODY(published, tc)
{
	json_t *root = vectors_load_standard("cpace_ristretto255_sha512.json");
	const json_t *set = vectors_get(root, "G_Coffee25519");

	ATF_CHECK(strcasecmp(PRS, vectors_text(set, "PRS")) == 0);
	ATF_CHECK(strcasecmp(CI, vectors_text(set, "CI")) == 0);
	ATF_CHECK(strcasecmp(SID, vectors_text(set, "sid")) == 0);
	ATF_CHECK(strcasecmp(GENERATOR, vectors_text(set, "g")) == 0);
	ATF_CHECK(strcasecmp(SHARE_A, vectors_text(set, "Ya")) == 0);
	ATF_CHECK(strcasecmp(SHARE_B, vectors_text(set, "Yb")) == 0);
	ATF_CHECK(strcasecmp(ISK, vectors_text(set, "ISK_IR")) == 0);
	json_decref(root);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, draft_vectors);
	ATF_TP_ADD_TC(tp, invalid_shares);
	ATF_TP_ADD_TC(tp, binds_everything);
	ATF_TP_ADD_TC(tp, lengths);
	ATF_TP_ADD_TC(tp, published);
	return atf_no_error();
}
