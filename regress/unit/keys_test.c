#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/parent/keys.h"
#include "weaved/weaved.h"

static struct password *
password_of(const char *text)
{
	struct password *password;

	ATF_REQUIRE(sodium_init() >= 0);
	ATF_REQUIRE((password = sodium_malloc(sizeof(*password))) != NULL);
	password->len = strlen(text);
	memcpy(password->bytes, text, password->len);
	return password;
}

static uint32_t used; /* serial of the password, FIRST or SECOND */

#define FIRST 17
#define SECOND 18

static void
keys_set_both(struct keys *keys, const char *first, const char *second)
{
	struct password *a = password_of(first);
	struct password *b = second == NULL ? NULL : password_of(second);
	const struct password_slot slots[PASSWORD_SLOTS] = {
	    {a, FIRST}, {b, b == NULL ? 0 : SECOND}};

	ATF_REQUIRE(keys_set_passwords(keys, slots));
	password_free(a);
	password_free(b);
}

static struct keys *
keys_of(const char *text)
{
	struct keys *keys;

	ATF_REQUIRE(sodium_init() >= 0);
	ATF_REQUIRE((keys = keys_new()) != NULL);
	keys_set_both(keys, text, NULL);
	return keys;
}

/* The other side of a handshake: key pair, and the session both reach. */
struct other {
	uint8_t secret[KEYS_LEN];
	uint8_t public_key[KEYS_LEN];
	uint8_t session[KEYS_LEN];
};

static struct other
other_new(const uint8_t *our_key, const char *text)
{
	struct password *password = password_of(text);
	struct other other;

	randombytes_buf(other.secret, sizeof(other.secret));
	crypto_scalarmult_base(other.public_key, other.secret);
	ATF_REQUIRE(keys_derive_session(
	    other.secret, our_key, password, other.session));
	password_free(password);
	return other;
}

ATF_TC_WITHOUT_HEAD(session_keys);
ATF_TC_BODY(session_keys, tc)
{
	json_t *root = vectors_load("handshake.json");
	json_t *keys = vectors_get(root, "keys");
	json_t *sessions = vectors_get(keys, "session_keys"), *entry;
	uint8_t *private_a = vectors_bytes(keys, "private_a", NULL);
	uint8_t *public_b = vectors_bytes(keys, "public_b", NULL);
	size_t i;

	json_array_foreach(sessions, i, entry) {
		uint8_t *expected, *text, got[KEYS_LEN];
		struct password *password = password_of("");

		text = vectors_bytes(entry, "password_hex", &password->len);
		memcpy(password->bytes, text, password->len);
		expected = vectors_bytes(entry, "session_key", NULL);
		ATF_CHECK(
		    keys_derive_session(private_a, public_b, password, got));
		ATF_CHECK_MSG(
		    memcmp(got, expected, sizeof(got)) == 0, "password %zu", i);
		password_free(password);
		free(expected);
		free(text);
	}
	ATF_CHECK(i > 0);
	free(private_a);
	free(public_b);
	json_decref(root);
}

/* Every point of small order, also in its non-canonical encodings. */
ATF_TC_WITHOUT_HEAD(low_order_keys);
ATF_TC_BODY(low_order_keys, tc)
{
	static const char *const points[] = {
	    "0000000000000000000000000000000000000000000000000000000000000000",
	    "0100000000000000000000000000000000000000000000000000000000000000",
	    "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
	    "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
	    "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	    "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
	};

	for (size_t i = 0; i < sizeof(points) / sizeof(points[0]); i++) {
		struct keys *keys = keys_of("s3cr3t");
		uint8_t *point = vectors_hex(points[i], NULL);
		uint8_t ours[KEYS_LEN], session[KEYS_LEN];
		struct keys_peer peer = {.key = point, .outbound = true};
		const char *error;
		uint32_t handle;

		ATF_REQUIRE(keys_start(keys, 0, true, &handle, ours) == NULL);
		error = keys_finish(keys, 0, handle, &peer, session, &used);
		ATF_REQUIRE_MSG(error != NULL, "point %zu accepted", i);
		ATF_CHECK_STREQ(error, "low-order key");
		ATF_CHECK(sodium_is_zero(session, sizeof(session)));
		free(point);
		keys_free(keys);
	}
}

ATF_TC_WITHOUT_HEAD(both_sides_agree);
ATF_TC_BODY(both_sides_agree, tc)
{
	struct keys *keys = keys_of("s3cr3t");
	uint8_t ours[KEYS_LEN], session[KEYS_LEN];
	struct keys_peer peer = {0};
	struct other other;
	uint32_t handle;

	ATF_REQUIRE(keys_start(keys, 0, true, &handle, ours) == NULL);
	other = other_new(ours, "s3cr3t");
	peer.key = other.public_key;
	ATF_REQUIRE(
	    keys_finish(keys, 0, handle, &peer, session, &used) == NULL);
	ATF_CHECK(memcmp(session, other.session, sizeof(session)) == 0);
	keys_free(keys);
}

ATF_TC_WITHOUT_HEAD(handle_is_single_use);
ATF_TC_BODY(handle_is_single_use, tc)
{
	struct keys *keys = keys_of("s3cr3t");
	uint8_t ours[KEYS_LEN], session[KEYS_LEN];
	struct keys_peer peer = {0};
	struct other other;
	uint32_t handle;

	ATF_REQUIRE(keys_start(keys, 0, true, &handle, ours) == NULL);
	other = other_new(ours, "s3cr3t");
	peer.key = other.public_key;
	ATF_REQUIRE(
	    keys_finish(keys, 0, handle, &peer, session, &used) == NULL);
	ATF_CHECK(keys_finish(keys, 0, handle, &peer, session, &used) != NULL);
	ATF_CHECK(sodium_is_zero(session, sizeof(session)));
	ATF_CHECK(keys_finish(keys, 0, 0, &peer, session, &used) != NULL);
	ATF_REQUIRE(keys_start(keys, 0, true, &handle, ours) == NULL);
	keys_cancel(keys, handle);
	ATF_CHECK(keys_finish(keys, 0, handle, &peer, session, &used) != NULL);
	ATF_CHECK_EQ(keys_handles(keys), 0);
	keys_free(keys);
}

ATF_TC_WITHOUT_HEAD(handle_expires);
ATF_TC_BODY(handle_expires, tc)
{
	struct keys *keys = keys_of("s3cr3t");
	uint8_t ours[KEYS_LEN], session[KEYS_LEN];
	struct keys_peer peer = {0};
	struct other other;
	uint32_t handle;

	ATF_REQUIRE(keys_start(keys, 1000, true, &handle, ours) == NULL);
	other = other_new(ours, "s3cr3t");
	peer.key = other.public_key;
	ATF_CHECK(keys_finish(keys, 1000 + KEYS_HANDLE_MS + 1, handle, &peer,
		      session, &used) != NULL);
	ATF_CHECK(sodium_is_zero(session, sizeof(session)));
	keys_free(keys);
}

ATF_TC_WITHOUT_HEAD(starts_are_limited);
ATF_TC_BODY(starts_are_limited, tc)
{
	struct keys *keys = keys_of("s3cr3t");
	uint8_t ours[KEYS_LEN];
	uint64_t now = 0;
	uint32_t handle;
	size_t n = 0;

	while (keys_start(keys, now, true, &handle, ours) == NULL)
		ATF_REQUIRE(++n <= KEYS_STARTS_PER_S);
	ATF_CHECK_EQ(n, KEYS_STARTS_PER_S);
	ATF_CHECK(keys_start(keys, 1000, true, &handle, ours) == NULL);
	for (now = 2000; now < 9000; now += 1000)
		for (n = 0; n < KEYS_STARTS_PER_S; n++) {
			keys_start(keys, now, true, &handle, ours);
			ATF_REQUIRE(keys_handles(keys) <= KEYS_HANDLES_MAX);
		}
	keys_free(keys);
}

/* Listen first: the key comes out only if the peer's first frame opens. */
/* Whoever floods us with connections does not stop us from dialling. */
ATF_TC_WITHOUT_HEAD(strangers_leave_room);
ATF_TC_BODY(strangers_leave_room, tc)
{
	struct keys *keys = keys_of("s3cr3t");
	uint8_t ours[KEYS_LEN], session[KEYS_LEN];
	struct keys_peer peer = {0};
	struct other other;
	uint32_t handle, strange;
	uint64_t now;
	size_t n = 0;

	while (keys_start(keys, 0, false, &strange, ours) == NULL)
		ATF_REQUIRE(++n <= KEYS_INBOUND_PER_S);
	ATF_CHECK_EQ(n, KEYS_INBOUND_PER_S);
	ATF_REQUIRE(keys_start(keys, 0, true, &handle, ours) == NULL);
	other = other_new(ours, "s3cr3t");
	peer.key = other.public_key;
	for (now = 600; now < 5000; now += 600)
		while (keys_start(keys, now, false, &strange, ours) == NULL)
			ATF_REQUIRE(keys_handles(keys) <= KEYS_HANDLES_MAX);
	ATF_CHECK(
	    keys_finish(keys, 4999, handle, &peer, session, &used) == NULL);
	keys_free(keys);
}

ATF_TC_WITHOUT_HEAD(listen_first);
ATF_TC_BODY(listen_first, tc)
{
	static const uint8_t text[] = "the features map";
	uint8_t nonce[crypto_secretbox_NONCEBYTES] = {0};
	uint8_t frame[sizeof(text) + crypto_secretbox_MACBYTES];
	static const struct {
		const char *password; /* of the peer */
		bool outbound; /* we dialled */
		uint8_t polarity; /* of the peer's nonce */
		bool opens;
	} cases[] = {
	    {"s3cr3t", true, 0x40, true},
	    {"s3cr3t", false, 0xc0, true},
	    {"s3cr3t", true, 0xc0, false}, /* reflected */
	    {"s3cr3t", false, 0x40, false},
	    {"other", true, 0x40, false},
	    {"other", false, 0xc0, false},
	    {"second", true, 0x40, true}, /* accepted beside it */
	    {"second", false, 0xc0, true},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct keys *keys = keys_of("s3cr3t");
		uint8_t ours[KEYS_LEN], session[KEYS_LEN];
		struct keys_peer peer = {0};
		struct other other;
		const char *error;
		uint32_t handle;

		keys_set_both(keys, "s3cr3t", "second");
		ATF_REQUIRE(keys_start(keys, 0, true, &handle, ours) == NULL);
		other = other_new(ours, cases[i].password);
		nonce[0] = cases[i].polarity;
		crypto_secretbox_easy(
		    frame, text, sizeof(text), nonce, other.session);
		peer.key = other.public_key;
		peer.outbound = cases[i].outbound;
		peer.frame = frame;
		peer.frame_len = sizeof(frame);
		error = keys_finish(keys, 0, handle, &peer, session, &used);
		ATF_CHECK_EQ_MSG(error == NULL, cases[i].opens, "case %zu", i);
		if (!cases[i].opens) {
			ATF_CHECK_STREQ(error, "password mismatch");
			ATF_CHECK(sodium_is_zero(session, sizeof(session)));
		} else
			ATF_CHECK_EQ(
			    cases[i].password[1] == 'e' ? SECOND : FIRST, used);
		keys_free(keys);
	}
}

ATF_TC_WITHOUT_HEAD(listen_first_bad_lengths);
ATF_TC_BODY(listen_first_bad_lengths, tc)
{
	static uint8_t frame[KX2_FRAME_MAX + 1];
	static const size_t lengths[] = {0, 1, 15, KX2_FRAME_MAX + 1};

	for (size_t i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		struct keys *keys = keys_of("s3cr3t");
		uint8_t ours[KEYS_LEN], session[KEYS_LEN];
		struct keys_peer peer = {0};
		struct other other;
		uint32_t handle;

		ATF_REQUIRE(keys_start(keys, 0, true, &handle, ours) == NULL);
		other = other_new(ours, "s3cr3t");
		peer.key = other.public_key;
		peer.frame = frame;
		peer.frame_len = lengths[i];
		ATF_CHECK(keys_finish(keys, 0, handle, &peer, session, &used) !=
		    NULL);
		ATF_CHECK(sodium_is_zero(session, sizeof(session)));
		keys_free(keys);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, session_keys);
	ATF_TP_ADD_TC(tp, low_order_keys);
	ATF_TP_ADD_TC(tp, both_sides_agree);
	ATF_TP_ADD_TC(tp, handle_is_single_use);
	ATF_TP_ADD_TC(tp, handle_expires);
	ATF_TP_ADD_TC(tp, starts_are_limited);
	ATF_TP_ADD_TC(tp, strangers_leave_room);
	ATF_TP_ADD_TC(tp, listen_first);
	ATF_TP_ADD_TC(tp, listen_first_bad_lengths);
	return atf_no_error();
}
