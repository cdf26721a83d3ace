#include <string.h>

#include <sodium.h>

#include "common/hkdf.h"
#include "weaved/engine/mesh/rekey.h"
#include "common/keylabel.h"

#define EPOCH_LEN 4
#define JITTER_PART 40 /* 3 s of 120 s */

_Static_assert(REKEY_KEY_LEN == KEYLABEL_LEN, "keys");
_Static_assert(REKEY_KEY_LEN == crypto_scalarmult_BYTES, "X25519");

static void put_epoch(uint8_t[EPOCH_LEN], uint32_t);
static bool is_next(const struct rekey *, const uint8_t *);
static void make_pair(uint8_t[REKEY_KEY_LEN], uint8_t[REKEY_KEY_LEN]);
static bool make_next(struct rekey *, const uint8_t *, const uint8_t *,
    const uint8_t *, const uint8_t *);
static void renew_times(struct rekey *, uint64_t);

void
rekey_init(struct rekey *rekey, bool outbound,
    const uint8_t chain[REKEY_KEY_LEN], const uint8_t th[REKEY_HASH_LEN],
    uint64_t interval, uint64_t now)
{
	memset(rekey, 0, sizeof(*rekey));
	rekey->outbound = outbound;
	rekey->interval = interval;
	memcpy(rekey->chain, chain, REKEY_KEY_LEN);
	memcpy(rekey->th, th, REKEY_HASH_LEN);
	renew_times(rekey, now);
}

void
rekey_wipe(struct rekey *rekey)
{
	sodium_memzero(rekey, sizeof(*rekey));
}

static void
renew_times(struct rekey *rekey, uint64_t now)
{
	uint32_t jitter = (uint32_t)(rekey->interval / JITTER_PART);

	rekey->since = now;
	rekey->due = now + rekey->interval + randombytes_uniform(jitter + 1);
}

static void
put_epoch(uint8_t out[EPOCH_LEN], uint32_t epoch)
{
	for (size_t i = EPOCH_LEN; i > 0; i--, epoch >>= 8)
		out[i - 1] = (uint8_t)epoch;
}

static bool
is_next(const struct rekey *rekey, const uint8_t *body)
{
	uint8_t epoch[EPOCH_LEN];

	put_epoch(epoch, rekey->epoch + 1);
	return memcmp(body, epoch, sizeof(epoch)) == 0;
}

static void
make_pair(uint8_t secret[REKEY_KEY_LEN], uint8_t public_key[REKEY_KEY_LEN])
{
	randombytes_buf(secret, REKEY_KEY_LEN);
	crypto_scalarmult_base(public_key, secret);
}

/* False: the shared secret is zero. The chain moves on. */
static bool
make_next(struct rekey *rekey, const uint8_t *secret, const uint8_t *peer,
    const uint8_t *public_a, const uint8_t *public_b)
{
	/* ss ‖ EA ‖ EB ‖ epoch ‖ th ‖ ra */
	uint8_t input[4 * REKEY_KEY_LEN + EPOCH_LEN + REKEY_HASH_LEN];
	size_t len = sizeof(input) - (rekey->has_ra ? 0 : REKEY_KEY_LEN);
	uint8_t rk[REKEY_KEY_LEN], *p = input;
	bool ok = crypto_scalarmult(p, secret, peer) == 0;

	p += REKEY_KEY_LEN;
	memcpy(p, public_a, REKEY_KEY_LEN);
	p += REKEY_KEY_LEN;
	memcpy(p, public_b, REKEY_KEY_LEN);
	p += REKEY_KEY_LEN;
	put_epoch(p, rekey->epoch + 1);
	memcpy(p + EPOCH_LEN, rekey->th, REKEY_HASH_LEN);
	memcpy(p + EPOCH_LEN + REKEY_HASH_LEN, rekey->ra, REKEY_KEY_LEN);
	if (ok) {
		hkdf_extract(
		    rk, input, len, rekey->chain, sizeof(rekey->chain));
		keylabel_derive(rekey->next.tcp[0], rk, "tcp i", rekey->th);
		keylabel_derive(rekey->next.tcp[1], rk, "tcp r", rekey->th);
		keylabel_derive(rekey->next.udp[0], rk, "udp i", rekey->th);
		keylabel_derive(rekey->next.udp[1], rk, "udp r", rekey->th);
		keylabel_derive(rekey->chain, rk, "rekey", rekey->th);
		sodium_memzero(rk, sizeof(rk));
		sodium_memzero(rekey->ra, sizeof(rekey->ra));
		rekey->has_ra = false;
	}
	sodium_memzero(input, sizeof(input));
	return ok;
}

void
rekey_ask(struct rekey *rekey, uint8_t body[REKEY_BODY_LEN])
{
	make_pair(rekey->secret, rekey->public_key);
	put_epoch(body, rekey->epoch + 1);
	memcpy(body + EPOCH_LEN, rekey->public_key, REKEY_KEY_LEN);
	rekey->state = REKEY_ASKED;
}

bool
rekey_answer(struct rekey *rekey, const uint8_t *body, size_t len,
    uint8_t answer[REKEY_BODY_LEN], uint64_t now)
{
	uint8_t secret[REKEY_KEY_LEN];
	const uint8_t *peer = body + EPOCH_LEN;
	uint8_t *ours = answer + EPOCH_LEN;
	bool ok;

	if (rekey->outbound || rekey->state != REKEY_IDLE ||
	    len != REKEY_BODY_LEN || !is_next(rekey, body))
		return false;
	make_pair(secret, ours);
	put_epoch(answer, rekey->epoch + 1);
	ok = make_next(rekey, secret, peer, peer, ours);
	sodium_memzero(secret, sizeof(secret));
	rekey->state = REKEY_ANSWERED;
	renew_times(rekey, now);
	return ok;
}

bool
rekey_complete(struct rekey *rekey, const uint8_t *body, size_t len,
    uint8_t done[REKEY_DONE_LEN], uint64_t now)
{
	const uint8_t *peer = body + EPOCH_LEN;
	bool ok;

	if (rekey->state != REKEY_ASKED || len != REKEY_BODY_LEN ||
	    !is_next(rekey, body))
		return false;
	ok = make_next(rekey, rekey->secret, peer, rekey->public_key, peer);
	sodium_memzero(rekey->secret, sizeof(rekey->secret));
	put_epoch(done, rekey->epoch + 1);
	rekey->state = REKEY_IDLE;
	renew_times(rekey, now);
	return ok;
}

bool
rekey_done(struct rekey *rekey, const uint8_t *body, size_t len)
{
	if (rekey->state != REKEY_ANSWERED || len != REKEY_DONE_LEN ||
	    !is_next(rekey, body))
		return false;
	rekey->state = REKEY_IDLE;
	return true;
}

void
rekey_strengthen(
    struct rekey *rekey, const uint8_t ra[REKEY_KEY_LEN], uint64_t now)
{
	memcpy(rekey->ra, ra, REKEY_KEY_LEN);
	rekey->has_ra = true;
	rekey->due = now;
}

void
rekey_used(struct rekey *rekey)
{
	sodium_memzero(&rekey->next, sizeof(rekey->next));
	rekey->epoch++;
}
