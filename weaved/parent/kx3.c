#include <sodium.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/hello.h"
#include "common/keylabel.h"
#include "weaved/parent/kx3_internal.h"

#define LABEL KEYLABEL

_Static_assert(CPACE_LEN == KX3_SHARE_LEN, "shares");
_Static_assert(CPACE_ISK_LEN == KX3_HASH_LEN, "hashes");
_Static_assert(HKDF_KEY_LEN == KX3_KEY_LEN, "keys");
_Static_assert(crypto_auth_hmacsha256_BYTES == KX3_TAG_LEN, "tags");

/* Answer of the responder while both look at it. */
struct slot {
	const uint8_t *share;
	const uint8_t *tag;
	uint8_t data[2]; /* ADb: slots and index */
};

static struct handle *handle_find(struct kx3 *, uint32_t);
static void handle_drop(struct handle *);
static struct handle *handle_claim(struct kx3 *, const struct run *, uint64_t);
static void handle_expire(struct kx3 *, uint64_t);
static struct handle *handle_evict(struct kx3 *, bool);
static enum kx3_result allow_start(struct kx3 *, const struct run *, uint64_t);
static enum kx3_result charge(struct kx3 *, uint32_t, bool, bool, uint64_t);
static enum kx3_result run_read(
    struct kx3 *, const struct imsg_kx3_start *, struct run *);
static void run_sid(struct run *, const struct imsg_kx3_start *);
static void run_frames(
    crypto_hash_sha512_state *, const char *, const struct imsg_kx3_start *);
static void transcript_end(
    crypto_hash_sha512_state, const uint8_t *, size_t, uint8_t[KX3_HASH_LEN]);
static void run_generator(
    const struct kx3 *, const struct run *, size_t, uint8_t[CPACE_LEN]);
static enum kx3_result start_outbound(
    struct kx3 *, const struct run *, struct handle *, struct opening *);
static enum kx3_result start_inbound(
    struct kx3 *, const struct run *, struct handle *, struct opening *);
static size_t make_shares(const struct kx3 *, const struct run *,
    struct handle *, uint8_t[KX3_SLOTS_MAX][CPACE_LEN], uint8_t *);
static bool make_prk(const struct handle *, const uint8_t *, const uint8_t *,
    const struct slot *, uint8_t[HKDF_KEY_LEN]);
static void make_tag(uint8_t[KX3_TAG_LEN], const uint8_t[HKDF_KEY_LEN],
    const uint8_t[KX3_HASH_LEN], bool, uint8_t);
static void make_keys(struct kx3_keys *, const struct outcome *);
static struct slot slot_at(const uint8_t *, uint8_t);
static enum kx3_result finish_outbound(struct handle *,
    const struct imsg_kx3_finish *, struct outcome *, uint8_t[KX3_CONFIRM_LEN]);
static enum kx3_result finish_inbound(
    struct handle *, const struct imsg_kx3_finish *, struct outcome *);
static uint32_t begin_session(struct kx3 *, const struct outcome *, uint64_t);

struct kx3 *
kx3_new(uint64_t name, const char *mesh)
{
	struct kx3 *kx3 = calloc(1, sizeof(*kx3));
	uint64_t seed;

	if (kx3 == NULL)
		return NULL;
	kx3->secrets = sodium_malloc(sizeof(*kx3->secrets));
	kx3->sessions = sessions_new();
	if (kx3->secrets == NULL || kx3->sessions == NULL) {
		kx3_free(kx3);
		return NULL;
	}
	sodium_memzero(kx3->secrets, sizeof(*kx3->secrets));
	kx3->name = name;
	strlcpy(kx3->mesh, mesh, sizeof(kx3->mesh));
	randombytes_buf(&seed, sizeof(seed));
	penalty_init(&kx3->penalty, seed);
	return kx3;
}

void
kx3_free(struct kx3 *kx3)
{
	if (kx3 == NULL)
		return;
	sodium_free(kx3->secrets);
	sessions_free(kx3->sessions);
	free(kx3);
}

void
kx3_set_slots(struct kx3 *kx3, const uint8_t *primary, const uint8_t *secondary)
{
	const uint8_t *prs[KX3_SLOTS_MAX] = {primary, secondary};

	for (size_t i = 0; i < KX3_SLOTS_MAX; i++) {
		kx3->secrets->has[i] = prs[i] != NULL;
		sodium_memzero(kx3->secrets->prs[i], KX3_PRS_LEN);
		if (prs[i] != NULL)
			memcpy(kx3->secrets->prs[i], prs[i], KX3_PRS_LEN);
	}
	penalty_forgive(&kx3->penalty);
}

void
kx3_set_serials(struct kx3 *kx3, uint32_t primary, uint32_t secondary)
{
	kx3->serial[0] = primary;
	kx3->serial[1] = secondary;
}

size_t
kx3_salt(const char *mesh, uint8_t *salt, size_t size)
{
	int len = snprintf((char *)salt, size, LABEL "prs%s", mesh);

	return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
}

struct sessions *
kx3_sessions(struct kx3 *kx3)
{
	return kx3->sessions;
}

size_t
kx3_handles(const struct kx3 *kx3)
{
	size_t used = 0;

	for (size_t i = 0; i < KX3_HANDLES_MAX; i++)
		used += kx3->secrets->handles[i].id != 0;
	return used;
}

uint64_t
kx3_throttled(const struct kx3 *kx3)
{
	return kx3->throttled;
}

static struct handle *
handle_find(struct kx3 *kx3, uint32_t id)
{
	if (id == 0)
		return NULL;
	for (size_t i = 0; i < KX3_HANDLES_MAX; i++)
		if (kx3->secrets->handles[i].id == id)
			return &kx3->secrets->handles[i];
	return NULL;
}

static void
handle_drop(struct handle *handle)
{
	sodium_memzero(handle, sizeof(*handle));
}

static void
handle_expire(struct kx3 *kx3, uint64_t now)
{
	struct handle *handle;

	for (size_t i = 0; i < KX3_HANDLES_MAX; i++) {
		handle = &kx3->secrets->handles[i];
		if (handle->id != 0 && now - handle->started > KX3_HANDLE_MS)
			handle_drop(handle);
	}
}

/* A random one of those that dialled us. */
static struct handle *
handle_evict(struct kx3 *kx3, bool strangers)
{
	struct handle *handle, *victim = NULL;
	uint32_t seen = 0;

	for (size_t i = 0; i < KX3_HANDLES_MAX; i++) {
		handle = &kx3->secrets->handles[i];
		if (handle->id == 0 || handle->outbound ||
		    (strangers && !handle->stranger))
			continue;
		if (randombytes_uniform(++seen) == 0)
			victim = handle;
	}
	if (victim != NULL)
		handle_drop(victim);
	return victim;
}

static struct handle *
handle_claim(struct kx3 *kx3, const struct run *run, uint64_t now)
{
	size_t used = 0, strangers = 0;
	struct handle *handle, *unused = NULL;

	handle_expire(kx3, now);
	for (size_t i = 0; i < KX3_HANDLES_MAX; i++) {
		handle = &kx3->secrets->handles[i];
		if (handle->id == 0)
			unused = handle;
		else if (handle->outbound == run->outbound) {
			used++;
			strangers += handle->stranger;
		}
	}
	if (run->outbound && used >= KX3_OUTBOUND_MAX)
		return NULL;
	if (!run->outbound && run->stranger && strangers >= KX3_STRANGERS_MAX)
		unused = handle_evict(kx3, true);
	else if (!run->outbound && used >= KX3_INBOUND_MAX)
		unused = handle_evict(kx3, false);
	if (unused == NULL)
		return NULL;
	do
		unused->id = randombytes_random();
	while (unused->id == 0 || handle_find(kx3, unused->id) != unused);
	unused->addr = run->addr;
	unused->peer = run->peer;
	unused->started = now;
	unused->session = run->session;
	unused->count = run->count;
	unused->outbound = run->outbound;
	unused->stranger = run->stranger;
	memcpy(unused->sid, run->sid, sizeof(unused->sid));
	return unused;
}

struct handle *
kx3_handle_take(struct kx3 *kx3, uint32_t id, bool session)
{
	struct handle *handle = handle_find(kx3, id);

	return handle != NULL && (handle->session != 0) == session ? handle
								   : NULL;
}

/* The rate of starts, and the unfinished runs of one address. */
static enum kx3_result
allow_start(struct kx3 *kx3, const struct run *run, uint64_t now)
{
	const struct handle *handle;
	size_t same = 0;

	if (now - kx3->window >= 1000) {
		kx3->window = now;
		kx3->starts = kx3->stranger_starts = 0;
	}
	if (kx3->starts >= KX3_STARTS_PER_S ||
	    (run->stranger &&
		kx3->stranger_starts >= KX3_STRANGER_STARTS_PER_S)) {
		kx3->throttled++;
		return KX3_BUSY;
	}
	kx3->starts++;
	kx3->stranger_starts += run->stranger;
	if (run->outbound)
		return KX3_DONE;
	for (size_t i = 0; i < KX3_HANDLES_MAX; i++) {
		handle = &kx3->secrets->handles[i];
		same += handle->id != 0 && !handle->outbound &&
		    handle->addr == run->addr &&
		    now - handle->started <= KX3_HANDLE_MS;
	}
	return same >= KX3_SOURCE_MAX ? KX3_BUSY : KX3_DONE;
}

static enum kx3_result
charge(
    struct kx3 *kx3, uint32_t addr, bool outbound, bool stranger, uint64_t now)
{
	switch (penalty_charge(&kx3->penalty, addr, outbound, stranger, now)) {
	case PENALTY_SOURCE:
		return KX3_FAILURES;
	case PENALTY_ALL:
		kx3->throttled++;
		return KX3_BUSY;
	default:
		return KX3_DONE;
	}
}

/* The names must be those that we and the peer may have. */
static enum kx3_result
run_read(struct kx3 *kx3, const struct imsg_kx3_start *start, struct run *run)
{
	struct hello hello[2];
	size_t own = start->outbound ? HELLO_INITIATOR : HELLO_RESPONDER;

	memset(run, 0, sizeof(*run));
	if (start->outbound > 1 || start->secondary > 1)
		return KX3_MALFORMED;
	for (size_t i = 0; i < 2; i++)
		if (start->hello_len[i] > sizeof(start->hello[i]) ||
		    !hello_get(
			start->hello[i], start->hello_len[i], &hello[i]) ||
		    hello[i].role != i)
			return KX3_MALFORMED;
	if (hello[own].name != kx3->name || hello[!own].name == kx3->name)
		return KX3_NAME;
	run->addr = start->addr;
	run->peer = hello[!own].name;
	run->outbound = start->outbound;
	run->slot = start->secondary;
	run->share = start->share;
	run_sid(run, start);
	kx3_run_channel(kx3, run);
	run_frames(&run->transcript, LABEL "th", start);
	return KX3_DONE;
}

/* Both headers and both HELLOs. */
static void
run_frames(crypto_hash_sha512_state *state, const char *label,
    const struct imsg_kx3_start *start)
{
	crypto_hash_sha512_init(state);
	crypto_hash_sha512_update(state, (const uint8_t *)label, strlen(label));
	crypto_hash_sha512_update(state, start->header[0], KX3_HEADER_LEN);
	crypto_hash_sha512_update(state, start->header[1], KX3_HEADER_LEN);
	cpace_hash(state, start->hello[0], start->hello_len[0]);
	cpace_hash(state, start->hello[1], start->hello_len[1]);
}

static void
run_sid(struct run *run, const struct imsg_kx3_start *start)
{
	uint8_t hash[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state state;

	run_frames(&state, LABEL "sid", start);
	crypto_hash_sha512_final(&state, hash);
	memcpy(run->sid, hash, sizeof(run->sid));
}

void
kx3_run_channel(const struct kx3 *kx3, struct run *run)
{
	static const char version[] = "weaved/3";
	uint8_t names[2][PEERNAME_LEN], *out = run->channel;
	size_t size = sizeof(run->channel), n = 0;

	peername_put(kx3->name, names[run->outbound ? 0 : 1]);
	peername_put(run->peer, names[run->outbound ? 1 : 0]);
	n += cpace_put(out + n, size - n, version, sizeof(version) - 1);
	n += cpace_put(out + n, size - n, names[0], PEERNAME_LEN);
	n += cpace_put(out + n, size - n, names[1], PEERNAME_LEN);
	n += cpace_put(out + n, size - n, kx3->mesh, strlen(kx3->mesh));
	run->channel_len = n;
}

/* And with the shares of all slots, taken out of the answer. */
static void
transcript_end(crypto_hash_sha512_state state, const uint8_t *answer,
    size_t slots, uint8_t th[KX3_HASH_LEN])
{
	uint8_t shares[1 + KX3_SLOTS_MAX * CPACE_LEN];

	shares[0] = answer[0];
	for (size_t i = 0; i < slots; i++)
		memcpy(shares + 1 + i * CPACE_LEN,
		    slot_at(answer, (uint8_t)i).share, CPACE_LEN);
	cpace_hash(&state, shares, 1 + slots * CPACE_LEN);
	crypto_hash_sha512_final(&state, th);
}

static void
run_generator(const struct kx3 *kx3, const struct run *run, size_t slot,
    uint8_t generator[CPACE_LEN])
{
	const struct cpace_bytes prs = {kx3->secrets->prs[slot], KX3_PRS_LEN};
	const struct cpace_bytes channel = {run->channel, run->channel_len};
	const struct cpace_bytes sid = {run->sid, KX3_SID_LEN};

	cpace_generator(generator, prs, channel, sid);
}

static struct slot
slot_at(const uint8_t *answer, uint8_t index)
{
	const uint8_t *p =
	    answer + 1 + (size_t)index * (KX3_SHARE_LEN + KX3_TAG_LEN);
	struct slot slot = {p, p + KX3_SHARE_LEN, {answer[0], index}};

	return slot;
}

enum kx3_result
kx3_run_begin(struct kx3 *kx3, const struct run *run, uint64_t now,
    struct opening *opening)
{
	enum kx3_result result = allow_start(kx3, run, now);
	struct handle *handle;

	memset(opening, 0, sizeof(*opening));
	if (result == KX3_DONE && !run->outbound)
		result = charge(kx3, run->addr, false, run->stranger, now);
	if (result != KX3_DONE)
		return result;
	if ((handle = handle_claim(kx3, run, now)) == NULL)
		return KX3_BUSY;
	result = run->outbound ? start_outbound(kx3, run, handle, opening)
			       : start_inbound(kx3, run, handle, opening);
	opening->handle = handle->id;
	if (result != KX3_DONE) {
		handle_drop(handle);
		sodium_memzero(opening, sizeof(*opening));
	}
	return result;
}

void
kx3_start(struct kx3 *kx3, const struct imsg_kx3_start *start, bool known,
    uint64_t now, struct imsg_kx3_started *started)
{
	struct opening opening = {0};
	enum kx3_result result;
	struct run run;

	memset(started, 0, sizeof(*started));
	started->conn = start->conn;
	result = run_read(kx3, start, &run);
	run.stranger = penalty_is_stranger(
	    &kx3->penalty, start->addr, start->outbound, known, now);
	if (result == KX3_DONE)
		result = kx3_run_begin(kx3, &run, now, &opening);
	started->result = result;
	started->handle = opening.handle;
	started->len = opening.len;
	memcpy(started->frame, opening.frame, sizeof(started->frame));
}

static enum kx3_result
start_outbound(struct kx3 *kx3, const struct run *run, struct handle *handle,
    struct opening *opening)
{
	uint8_t generator[CPACE_LEN];
	bool ok;

	if (!kx3->secrets->has[run->slot])
		return KX3_PASSWORD;
	handle->serial[0] = kx3->serial[run->slot];
	run_generator(kx3, run, run->slot, generator);
	crypto_core_ristretto255_scalar_random(handle->scalar);
	ok = cpace_share(handle->share, handle->scalar, generator);
	sodium_memzero(generator, sizeof(generator));
	if (!ok)
		return KX3_SHARE;
	handle->transcript = run->transcript;
	cpace_hash(&handle->transcript, handle->share, CPACE_LEN);
	memcpy(opening->frame, handle->share, CPACE_LEN);
	opening->len = CPACE_LEN;
	return KX3_DONE;
}

/* Our share for each password, and the scalar behind it; how many. */
static size_t
make_shares(const struct kx3 *kx3, const struct run *run, struct handle *handle,
    uint8_t scalars[KX3_SLOTS_MAX][CPACE_LEN], uint8_t *answer)
{
	uint8_t generator[CPACE_LEN];
	size_t n = 0;

	for (size_t i = 0; i < KX3_SLOTS_MAX; i++) {
		if (!kx3->secrets->has[i])
			continue;
		run_generator(kx3, run, i, generator);
		crypto_core_ristretto255_scalar_random(scalars[n]);
		if (!cpace_share(answer + 1 + n * (KX3_SHARE_LEN + KX3_TAG_LEN),
			scalars[n], generator))
			break;
		handle->serial[n++] = kx3->serial[i];
	}
	sodium_memzero(generator, sizeof(generator));
	answer[0] = (uint8_t)n;
	return n;
}

static enum kx3_result
start_inbound(struct kx3 *kx3, const struct run *run, struct handle *handle,
    struct opening *opening)
{
	uint8_t scalars[KX3_SLOTS_MAX][CPACE_LEN], *answer = opening->frame;
	crypto_hash_sha512_state state = run->transcript;
	bool ok = true;

	memcpy(handle->share, run->share, CPACE_LEN);
	handle->slots = (uint8_t)make_shares(kx3, run, handle, scalars, answer);
	cpace_hash(&state, run->share, CPACE_LEN);
	transcript_end(state, answer, handle->slots, handle->th);
	for (uint8_t i = 0; i < handle->slots; i++) {
		struct slot slot = slot_at(answer, i);

		ok = make_prk(handle, scalars[i], run->share, &slot,
			 handle->prk[i]) &&
		    ok;
		make_tag(answer + (slot.tag - answer), handle->prk[i],
		    handle->th, false, i);
	}
	sodium_memzero(scalars, sizeof(scalars));
	if (handle->slots == 0)
		return KX3_PASSWORD;
	opening->len =
	    1 + handle->slots * (uint32_t)(KX3_SHARE_LEN + KX3_TAG_LEN);
	return ok ? KX3_DONE : KX3_SHARE;
}

/* False: the peer's share is refused. */
static bool
make_prk(const struct handle *handle, const uint8_t *scalar,
    const uint8_t *peer_share, const struct slot *slot,
    uint8_t prk[HKDF_KEY_LEN])
{
	const struct cpace_transcript transcript = {{handle->sid, KX3_SID_LEN},
	    handle->share, {NULL, 0}, slot->share,
	    {slot->data, sizeof(slot->data)}};
	uint8_t isk[CPACE_ISK_LEN];
	bool ok = cpace_session(isk, scalar, peer_share, &transcript);

	hkdf_extract(prk, isk, sizeof(isk), handle->sid, KX3_SID_LEN);
	sodium_memzero(isk, sizeof(isk));
	return ok;
}

static void
make_tag(uint8_t tag[KX3_TAG_LEN], const uint8_t prk[HKDF_KEY_LEN],
    const uint8_t th[KX3_HASH_LEN], bool initiator, uint8_t index)
{
	const uint8_t end[2] = {initiator ? 'A' : 'B', index};
	crypto_auth_hmacsha256_state state;
	uint8_t key[KX3_KEY_LEN];

	keylabel_derive(key, prk, initiator ? "confirm i" : "confirm r", th);
	crypto_auth_hmacsha256_init(&state, key, sizeof(key));
	crypto_auth_hmacsha256_update(&state, th, KX3_HASH_LEN);
	crypto_auth_hmacsha256_update(&state, end, sizeof(end));
	crypto_auth_hmacsha256_final(&state, tag);
	sodium_memzero(key, sizeof(key));
	sodium_memzero(&state, sizeof(state));
}

static void
make_keys(struct kx3_keys *keys, const struct outcome *outcome)
{
	const uint8_t *prk = outcome->prk, *th = outcome->th;

	keylabel_derive(keys->tcp[0], prk, "tcp i", th);
	keylabel_derive(keys->tcp[1], prk, "tcp r", th);
	keylabel_derive(keys->udp[0], prk, "udp i", th);
	keylabel_derive(keys->udp[1], prk, "udp r", th);
	keylabel_derive(keys->rekey, prk, "rekey", th);
	memcpy(keys->th, th, KX3_HASH_LEN);
}

void
kx3_session_keys(struct session_keys *keys, const struct outcome *outcome)
{
	const uint8_t *prk = outcome->prk, *th = outcome->th;

	keylabel_derive(keys->esp, prk, "esp", th);
	keylabel_derive(keys->parent[0], prk, "parent i", th);
	keylabel_derive(keys->parent[1], prk, "parent r", th);
}

/* 0: there are too many. */
static uint32_t
begin_session(struct kx3 *kx3, const struct outcome *outcome, uint64_t now)
{
	struct session *session = sessions_add(kx3->sessions);

	if (session == NULL)
		return 0;
	session->addr = outcome->addr;
	session->peer = outcome->peer;
	session->outbound = outcome->outbound;
	session->authenticated = now;
	memcpy(session->th, outcome->th, sizeof(session->th));
	kx3_session_keys(&session->keys, outcome);
	return session->id;
}

enum kx3_result
kx3_run_end(struct kx3 *kx3, struct handle *handle,
    const struct imsg_kx3_finish *finish, uint64_t now, struct outcome *outcome,
    uint8_t out[KX3_CONFIRM_LEN])
{
	enum kx3_result result = KX3_DONE;

	memset(outcome, 0, sizeof(*outcome));
	outcome->addr = handle->addr;
	outcome->peer = handle->peer;
	outcome->outbound = handle->outbound;
	if (now - handle->started > KX3_HANDLE_MS)
		result = KX3_EXPIRED;
	else if (handle->outbound)
		result = charge(kx3, handle->addr, true, handle->stranger, now);
	if (result == KX3_DONE)
		result = handle->outbound
		    ? finish_outbound(handle, finish, outcome, out)
		    : finish_inbound(handle, finish, outcome);
	if (result == KX3_DONE)
		penalty_take_back(
		    &kx3->penalty, handle->addr, handle->outbound, now);
	handle_drop(handle);
	return result;
}

void
kx3_finish(struct kx3 *kx3, const struct imsg_kx3_finish *finish, uint64_t now,
    struct imsg_kx3_finished *finished)
{
	struct handle *handle = kx3_handle_take(kx3, finish->handle, false);
	struct outcome outcome;

	memset(finished, 0, sizeof(*finished));
	finished->conn = finish->conn;
	finished->result = KX3_EXPIRED;
	if (handle == NULL)
		return;
	finished->result =
	    kx3_run_end(kx3, handle, finish, now, &outcome, finished->frame);
	if (finished->result == KX3_DONE &&
	    (finished->session = begin_session(kx3, &outcome, now)) == 0)
		finished->result = KX3_BUSY;
	if (finished->result == KX3_DONE) {
		finished->slot = outcome.slot;
		finished->serial = outcome.serial;
		finished->len = outcome.outbound ? KX3_CONFIRM_LEN : 0;
		make_keys(&finished->keys, &outcome);
	} else
		sodium_memzero(finished->frame, sizeof(finished->frame));
	sodium_memzero(&outcome, sizeof(outcome));
}

/* All slots are looked at, whichever fits. */
static enum kx3_result
finish_outbound(struct handle *handle, const struct imsg_kx3_finish *finish,
    struct outcome *outcome, uint8_t out[KX3_CONFIRM_LEN])
{
	uint8_t prk[HKDF_KEY_LEN], tag[KX3_TAG_LEN], *th = outcome->th;
	const uint8_t *answer = finish->frame;
	uint8_t slots = answer[0], fits = KX3_SLOTS_MAX;
	bool ok = true;

	if (finish->len < 1 || slots < 1 || slots > KX3_SLOTS_MAX ||
	    finish->len != 1u + slots * (KX3_SHARE_LEN + KX3_TAG_LEN))
		return KX3_MALFORMED;
	transcript_end(handle->transcript, answer, slots, th);
	for (uint8_t i = 0; i < slots; i++) {
		struct slot slot = slot_at(answer, i);

		ok = make_prk(handle, handle->scalar, slot.share, &slot, prk) &&
		    ok;
		make_tag(tag, prk, th, false, i);
		if (sodium_memcmp(tag, slot.tag, sizeof(tag)) == 0 &&
		    fits == KX3_SLOTS_MAX) {
			fits = i;
			memcpy(outcome->prk, prk, sizeof(prk));
		}
	}
	if (ok && fits < slots) {
		outcome->slot = fits;
		outcome->serial = handle->serial[0];
		out[0] = fits;
		make_tag(out + 1, outcome->prk, th, true, fits);
	}
	sodium_memzero(prk, sizeof(prk));
	sodium_memzero(tag, sizeof(tag));
	if (!ok)
		return KX3_SHARE;
	return fits < slots ? KX3_DONE : KX3_PASSWORD;
}

static enum kx3_result
finish_inbound(struct handle *handle, const struct imsg_kx3_finish *finish,
    struct outcome *outcome)
{
	uint8_t tag[KX3_TAG_LEN], index = finish->frame[0];
	bool fits;

	if (finish->len != KX3_CONFIRM_LEN || index >= handle->slots)
		return KX3_MALFORMED;
	make_tag(tag, handle->prk[index], handle->th, true, index);
	fits = sodium_memcmp(tag, finish->frame + 1, sizeof(tag)) == 0;
	sodium_memzero(tag, sizeof(tag));
	if (!fits)
		return KX3_PASSWORD;
	outcome->slot = index;
	outcome->serial = handle->serial[index];
	memcpy(outcome->prk, handle->prk[index], sizeof(outcome->prk));
	memcpy(outcome->th, handle->th, sizeof(outcome->th));
	return KX3_DONE;
}

void
kx3_cancel(struct kx3 *kx3, uint32_t id)
{
	struct handle *handle = handle_find(kx3, id);

	if (handle != NULL)
		handle_drop(handle);
}
