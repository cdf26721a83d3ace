#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sodium.h>
#include <string.h>
#include <unistd.h>

#include "common/hello.h"
#include "common/hkdf.h"
#include "common/keylabel.h"
#include "common/kx3.h"
#include "regress/lib/member.h"
#include "regress/lib/traffic.h"
#include "weaved/engine/mesh/features.h"
#include "weaved/parent/cpace.h"
#include "weaved/parent/kdf.h"
#include "weaved/parent/kx3.h"

#define BODY_MAX 65536
#define MESH "weave"

static void member_dial(struct member *, struct host *, const struct host *);
static void member_read(struct member *, void *, size_t);
static size_t member_body(struct member *, uint8_t *, size_t);
static void member_put(struct member *, const void *, size_t);
static void member_stretch(struct member *, const char *);
static void member_hellos(struct member *);
static void member_exchange(struct member *);
static void member_transcript(
    struct member *, const uint8_t *, const uint8_t *);
static void member_confirm(struct member *, const uint8_t *);
static void member_features(struct member *);
static void member_send(struct member *, uint8_t, const uint8_t *, size_t);
static size_t member_receive(struct member *, uint8_t, uint8_t *);

static void
member_dial(struct member *member, struct host *from, const struct host *to)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(NET_PORT)};
	struct timeval limit = {.tv_sec = 20};

	ATF_REQUIRE(inet_aton(to->address, &sin.sin_addr) == 1);
	member->fd =
	    traffic_socket(from->net, from->ns, AF_INET, SOCK_STREAM, 0);
	setsockopt(member->fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	ATF_REQUIRE(
	    connect(member->fd, (struct sockaddr *)&sin, sizeof(sin)) == 0);
}

static void
member_read(struct member *member, void *buf, size_t len)
{
	uint8_t *p = buf;
	ssize_t n;

	while (len > 0) {
		n = read(member->fd, p, len);
		ATF_REQUIRE_MSG(n > 0, "the daemon says no more");
		p += n;
		len -= (size_t)n;
	}
}

static size_t
member_body(struct member *member, uint8_t *body, size_t size)
{
	uint8_t length[WIRE_LENGTH_LEN];
	size_t len;

	member_read(member, length, sizeof(length));
	len = wire_length_get(length);
	ATF_REQUIRE(len <= size);
	member_read(member, body, len);
	return len;
}

static void
member_put(struct member *member, const void *body, size_t len)
{
	uint8_t length[WIRE_LENGTH_LEN];

	wire_length_put(len, length);
	ATF_REQUIRE(write(member->fd, length, sizeof(length)) ==
		(ssize_t)sizeof(length) &&
	    write(member->fd, body, len) == (ssize_t)len);
}

/* Section 3: PRS. */
static void
member_stretch(struct member *member, const char *password)
{
	uint8_t salt[128];
	struct kdf_input input = {(const uint8_t *)password, strlen(password),
	    salt, kx3_salt(MESH, salt, sizeof(salt)), KDF_ROUNDS, MEMBER_KEY};
	struct kdf *kdf = kdf_new(&input);

	ATF_REQUIRE(kdf != NULL && kdf_run(kdf, UINT32_MAX));
	memcpy(member->prs, kdf_result(kdf), MEMBER_KEY);
	kdf_free(kdf);
}

/* R0 and R1; sid. */
static void
member_hellos(struct member *member)
{
	static const char label[] = "weaved/3 sid";
	uint8_t nonce[HELLO_NONCE_LEN], hash[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state state;

	wire_header_put(member->header[0], WIRE_VERSION_NEW, WIRE_VERSION_NEW);
	randombytes_buf(nonce, sizeof(nonce));
	hello_put(member->hello[0], HELLO_INITIATOR, member->name, nonce);
	member->hello_len[0] = HELLO_LEN;
	ATF_REQUIRE(write(member->fd, member->header[0], WIRE_HEADER_LEN) ==
	    WIRE_HEADER_LEN);
	member_put(member, member->hello[0], HELLO_LEN);
	member_read(member, member->header[1], WIRE_HEADER_LEN);
	member->hello_len[1] =
	    member_body(member, member->hello[1], sizeof(member->hello[1]));
	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(
	    &state, (const uint8_t *)label, sizeof(label) - 1);
	for (int i = 0; i < 2; i++)
		crypto_hash_sha512_update(
		    &state, member->header[i], WIRE_HEADER_LEN);
	for (int i = 0; i < 2; i++)
		cpace_hash(&state, member->hello[i], member->hello_len[i]);
	crypto_hash_sha512_final(&state, hash);
	memcpy(member->sid, hash, sizeof(member->sid));
}

static void
member_transcript(
    struct member *member, const uint8_t *share, const uint8_t *answer)
{
	static const char label[] = "weaved/3 th";
	uint8_t shares[1 + KX3_SLOTS_MAX * KX3_SHARE_LEN] = {answer[0]};
	crypto_hash_sha512_state state;
	size_t slots = answer[0];

	for (size_t i = 0; i < slots; i++)
		memcpy(shares + 1 + i * KX3_SHARE_LEN,
		    answer + 1 + i * (KX3_SHARE_LEN + KX3_TAG_LEN),
		    KX3_SHARE_LEN);
	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(
	    &state, (const uint8_t *)label, sizeof(label) - 1);
	for (int i = 0; i < 2; i++)
		crypto_hash_sha512_update(
		    &state, member->header[i], WIRE_HEADER_LEN);
	for (int i = 0; i < 2; i++)
		cpace_hash(&state, member->hello[i], member->hello_len[i]);
	cpace_hash(&state, share, KX3_SHARE_LEN);
	cpace_hash(&state, shares, 1 + slots * KX3_SHARE_LEN);
	crypto_hash_sha512_final(&state, member->th);
}

/* The first slot's; R4 without the features. */
static void
member_confirm(struct member *member, const uint8_t *answer)
{
	static const uint8_t end[2][2] = {{'A', 0}, {'B', 0}};
	uint8_t tags[2][KX3_TAG_LEN], key[MEMBER_KEY], r4[KX3_CONFIRM_LEN];
	crypto_auth_hmacsha256_state state;

	hkdf_extract(member->prk, member->isk, sizeof(member->isk), member->sid,
	    sizeof(member->sid));
	for (int i = 0; i < 2; i++) {
		member_key(member, i == 0 ? "confirm i" : "confirm r", key);
		crypto_auth_hmacsha256_init(&state, key, sizeof(key));
		crypto_auth_hmacsha256_update(
		    &state, member->th, sizeof(member->th));
		crypto_auth_hmacsha256_update(&state, end[i], sizeof(end[i]));
		crypto_auth_hmacsha256_final(&state, tags[i]);
	}
	ATF_REQUIRE_MSG(
	    memcmp(tags[1], answer + 1 + KX3_SHARE_LEN, KX3_TAG_LEN) == 0,
	    "the daemon's tag does not fit");
	r4[0] = 0;
	memcpy(r4 + 1, tags[0], KX3_TAG_LEN);
	member_put(member, r4, sizeof(r4));
}

/* R2, R3 and the beginning of R4; ISK. */
static void
member_exchange(struct member *member)
{
	uint8_t scalar[CPACE_LEN], share[CPACE_LEN], answer[KX3_ANSWER_MAX];
	uint8_t channel[128], names[2][PEERNAME_LEN], end[2];
	struct cpace_bytes sid = {member->sid, sizeof(member->sid)};
	struct cpace_bytes prs = {member->prs, sizeof(member->prs)};
	struct cpace_transcript transcript = {
	    sid, share, {NULL, 0}, answer + 1, {end, sizeof(end)}};
	struct hello hello;
	size_t n = 0;

	ATF_REQUIRE(hello_get(member->hello[1], member->hello_len[1], &hello));
	peername_put(member->name, names[0]);
	peername_put(hello.name, names[1]);
	n += cpace_put(channel + n, sizeof(channel) - n, "weaved/3", 8);
	for (int i = 0; i < 2; i++)
		n += cpace_put(
		    channel + n, sizeof(channel) - n, names[i], PEERNAME_LEN);
	n += cpace_put(channel + n, sizeof(channel) - n, MESH, strlen(MESH));
	cpace_generator(
	    member->generator, prs, (struct cpace_bytes){channel, n}, sid);
	crypto_core_ristretto255_scalar_random(scalar);
	ATF_REQUIRE(cpace_share(share, scalar, member->generator));
	member_put(member, share, sizeof(share));
	n = member_body(member, answer, sizeof(answer));
	ATF_REQUIRE_MSG(n > 2, "refused, reason %u", answer[n - 1]);
	end[0] = answer[0];
	end[1] = 0;
	ATF_REQUIRE(
	    cpace_session(member->isk, scalar, answer + 1, &transcript));
	member_transcript(member, share, answer);
	member_confirm(member, answer);
}

void
member_key(
    const struct member *member, const char *label, uint8_t key[MEMBER_KEY])
{
	keylabel_derive(key, member->prk, label, member->th);
}

/* The rest of R4, and R5. */
static void
member_features(struct member *member)
{
	struct features features = {.name = member->name,
	    .uid = member->name,
	    .conn_id = 7,
	    .nickname = "member"};
	uint8_t text[FEATURES_MAX], body[BODY_MAX];
	char cause[256];
	size_t len;

	record_key3(&member->record, true, member->keys.tcp);
	len = features_encode(&features, text, sizeof(text));
	ATF_REQUIRE(len > 0);
	record_seal(&member->record, body, text, len);
	member_put(member, body, len + WIRE_TAG);
	len = member_body(member, body, sizeof(body));
	ATF_REQUIRE(len > WIRE_TAG &&
	    record_open(&member->record, body + WIRE_TAG, body, len));
	ATF_REQUIRE_MSG(features_decode(body + WIRE_TAG, len - WIRE_TAG,
			    &features, cause, sizeof(cause)),
	    "%s", cause);
}

void
member_join(struct member *member, struct host *from, const struct host *to,
    const char *password)
{
	memset(member, 0, sizeof(*member));
	ATF_REQUIRE(sodium_init() != -1);
	ATF_REQUIRE(peername_parse(from->name, &member->name));
	member_stretch(member, password);
	member_dial(member, from, to);
	member_hellos(member);
	member_exchange(member);
	member_key(member, "tcp i", member->keys.tcp[0]);
	member_key(member, "tcp r", member->keys.tcp[1]);
	member_key(member, "udp i", member->keys.udp[0]);
	member_key(member, "udp r", member->keys.udp[1]);
	member_key(member, "rekey", member->chain);
	rekey_init(&member->rekey, true, member->chain, member->th,
	    REKEY_INTERVAL, net_now());
	member_features(member);
}

static void
member_send(struct member *member, uint8_t tag, const uint8_t *data, size_t len)
{
	uint8_t text[256], box[sizeof(text) + WIRE_TAG];

	ATF_REQUIRE(len < sizeof(text));
	text[0] = tag;
	memcpy(text + 1, data, len);
	record_seal(&member->record, box, text, 1 + len);
	member_put(member, box, 1 + len + WIRE_TAG);
}

/* The data of the next message with this tag; others are passed over. */
static size_t
member_receive(struct member *member, uint8_t tag, uint8_t *data)
{
	uint8_t body[BODY_MAX];
	size_t len;

	do {
		len = member_body(member, body, sizeof(body));
		ATF_REQUIRE(len > WIRE_TAG &&
		    record_open(&member->record, body + WIRE_TAG, body, len));
	} while (body[WIRE_TAG] != tag);
	len -= WIRE_TAG + 1;
	memcpy(data, body + WIRE_TAG + 1, len);
	return len;
}

void
member_rekey(struct member *member)
{
	uint8_t ask[REKEY_BODY_LEN], answer[BODY_MAX], done[REKEY_DONE_LEN];
	struct rekey *rekey = &member->rekey;
	size_t len;

	rekey_ask(rekey, ask);
	member_send(member, WIRE_REKEY, ask, sizeof(ask));
	len = member_receive(member, WIRE_REKEY_OK, answer);
	ATF_REQUIRE(rekey_complete(rekey, answer, len, done, net_now()));
	record_next_epoch(&member->record.receive, rekey->next.tcp[1]);
	member_send(member, WIRE_REKEY_DONE, done, sizeof(done));
	record_next_epoch(&member->record.send, rekey->next.tcp[0]);
	member->keys = rekey->next;
	memcpy(member->chain, rekey->chain, sizeof(member->chain));
	rekey_used(rekey);
}

void
member_leave(struct member *member)
{
	close(member->fd);
	record_wipe(&member->record);
	rekey_wipe(&member->rekey);
	sodium_memzero(member, sizeof(*member));
	member->fd = -1;
}
