#include <sodium.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "common/hkdf.h"
#include "common/hello.h"
#include "common/keylabel.h"
#include "weaved/parent/cpace.h"
#include "weaved/parent/kx3.h"
#include "weaved/parent/penalty.h"

#define LABEL KEYLABEL
#define SID_LEN 32
#define MESH_MAX 63
#define CHANNEL_MAX 96 /* lv_cat of version, names and mesh */

_Static_assert(CPACE_LEN == KX3_SHARE_LEN, "shares");
_Static_assert(CPACE_ISK_LEN == KX3_HASH_LEN, "hashes");
_Static_assert(HKDF_KEY_LEN == KX3_KEY_LEN, "keys");
_Static_assert(crypto_auth_hmacsha256_BYTES == KX3_TAG_LEN, "tags");

/* What a run keeps between start and finish. */
struct handle {
	uint32_t id; /* 0: free */
	uint32_t addr;
	uint64_t started;
	bool outbound;
	bool stranger;
	uint8_t slots; /* inbound: answered with */
	uint8_t sid[SID_LEN];
	crypto_hash_sha512_state transcript; /* outbound: up to our share */
	uint8_t scalar[CPACE_LEN]; /* outbound */
	uint8_t share[CPACE_LEN]; /* of the initiator */
	uint8_t th[KX3_HASH_LEN]; /* inbound */
	uint8_t prk[KX3_SLOTS_MAX][HKDF_KEY_LEN]; /* inbound */
};

/* In locked memory. */
struct secrets {
	bool has[KX3_SLOTS_MAX];
	uint8_t prs[KX3_SLOTS_MAX][KX3_PRS_LEN];
	struct handle handles[KX3_HANDLES_MAX];
};

struct kx3 {
	struct secrets *secrets;
	uint64_t name;
	char mesh[MESH_MAX + 1];
	struct penalty penalty;
	uint64_t window; /* start of the second of starts */
	uint32_t starts;
	uint32_t stranger_starts;
	uint64_t throttled;
};

/* The frames of a run as the keys are bound to them. */
struct run {
	const struct imsg_kx3_start *start;
	uint8_t sid[SID_LEN];
	uint8_t channel[CHANNEL_MAX];
	size_t channel_len;
};

/* Answer of the responder while both look at it. */
struct slot {
	const uint8_t *share;
	const uint8_t *tag;
	uint8_t data[2]; /* ADb: slots and index */
};

static struct handle *handle_find(struct kx3 *, uint32_t);
static void handle_drop(struct handle *);
static struct handle *handle_claim(
    struct kx3 *, const struct imsg_kx3_start *, bool, uint64_t);
static void handle_expire(struct kx3 *, uint64_t);
static struct handle *handle_evict(struct kx3 *, bool);
static enum kx3_result allow_start(
    struct kx3 *, const struct imsg_kx3_start *, bool, uint64_t);
static enum kx3_result charge(struct kx3 *, uint32_t, bool, bool, uint64_t);
static enum kx3_result run_read(
    const struct kx3 *, const struct imsg_kx3_start *, struct run *);
static void run_sid(struct run *);
static void run_channel(const struct kx3 *, struct run *, uint64_t, uint64_t);
static void run_transcript(
    const struct run *, const uint8_t *, crypto_hash_sha512_state *);
static void transcript_end(
    crypto_hash_sha512_state, const uint8_t *, size_t, uint8_t[KX3_HASH_LEN]);
static void run_generator(
    const struct kx3 *, const struct run *, size_t, uint8_t[CPACE_LEN]);
static enum kx3_result start_outbound(struct kx3 *, const struct run *,
    struct handle *, struct imsg_kx3_started *);
static enum kx3_result start_inbound(struct kx3 *, const struct run *,
    struct handle *, struct imsg_kx3_started *);
static size_t make_shares(const struct kx3 *, const struct run *,
    uint8_t[KX3_SLOTS_MAX][CPACE_LEN], uint8_t *);
static bool make_prk(const struct handle *, const uint8_t *, const uint8_t *,
    const struct slot *, uint8_t[HKDF_KEY_LEN]);
static void make_tag(uint8_t[KX3_TAG_LEN], const uint8_t[HKDF_KEY_LEN],
    const uint8_t[KX3_HASH_LEN], bool, uint8_t);
static void make_keys(struct kx3_keys *, const uint8_t[HKDF_KEY_LEN],
    const uint8_t[KX3_HASH_LEN]);
static struct slot slot_at(const uint8_t *, uint8_t);
static enum kx3_result finish_outbound(struct handle *,
    const struct imsg_kx3_finish *, struct imsg_kx3_finished *);
static enum kx3_result finish_inbound(struct handle *,
    const struct imsg_kx3_finish *, struct imsg_kx3_finished *);

struct kx3 *
kx3_new(uint64_t name, const char *mesh)
{
	struct kx3 *kx3 = calloc(1, sizeof(*kx3));
	uint64_t seed;

	if (kx3 == NULL)
		return NULL;
	if ((kx3->secrets = sodium_malloc(sizeof(*kx3->secrets))) == NULL) {
		free(kx3);
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

size_t
kx3_salt(const char *mesh, uint8_t *salt, size_t size)
{
	int len = snprintf((char *)salt, size, LABEL "prs%s", mesh);

	return len < 0 || (size_t)len >= size ? 0 : (size_t)len;
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
handle_claim(struct kx3 *kx3, const struct imsg_kx3_start *start, bool stranger,
    uint64_t now)
{
	size_t used = 0, strangers = 0;
	struct handle *handle, *unused = NULL;

	handle_expire(kx3, now);
	for (size_t i = 0; i < KX3_HANDLES_MAX; i++) {
		handle = &kx3->secrets->handles[i];
		if (handle->id == 0)
			unused = handle;
		else if (handle->outbound == start->outbound) {
			used++;
			strangers += handle->stranger;
		}
	}
	if (start->outbound && used >= KX3_OUTBOUND_MAX)
		return NULL;
	if (!start->outbound && stranger && strangers >= KX3_STRANGERS_MAX)
		unused = handle_evict(kx3, true);
	else if (!start->outbound && used >= KX3_INBOUND_MAX)
		unused = handle_evict(kx3, false);
	if (unused == NULL)
		return NULL;
	do
		unused->id = randombytes_random();
	while (unused->id == 0 || handle_find(kx3, unused->id) != unused);
	unused->addr = start->addr;
	unused->started = now;
	unused->outbound = start->outbound;
	unused->stranger = stranger;
	return unused;
}

/* The rate of starts, and the unfinished runs of one address. */
static enum kx3_result
allow_start(struct kx3 *kx3, const struct imsg_kx3_start *start, bool stranger,
    uint64_t now)
{
	const struct handle *handle;
	size_t same = 0;

	if (now - kx3->window >= 1000) {
		kx3->window = now;
		kx3->starts = kx3->stranger_starts = 0;
	}
	if (kx3->starts >= KX3_STARTS_PER_S ||
	    (stranger && kx3->stranger_starts >= KX3_STRANGER_STARTS_PER_S)) {
		kx3->throttled++;
		return KX3_BUSY;
	}
	kx3->starts++;
	kx3->stranger_starts += stranger;
	if (start->outbound)
		return KX3_DONE;
	for (size_t i = 0; i < KX3_HANDLES_MAX; i++) {
		handle = &kx3->secrets->handles[i];
		same += handle->id != 0 && !handle->outbound &&
		    handle->addr == start->addr &&
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
run_read(
    const struct kx3 *kx3, const struct imsg_kx3_start *start, struct run *run)
{
	struct hello hello[2];
	size_t own = start->outbound ? HELLO_INITIATOR : HELLO_RESPONDER;

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
	run->start = start;
	run_sid(run);
	run_channel(kx3, run, hello[0].name, hello[1].name);
	return KX3_DONE;
}

static void
run_sid(struct run *run)
{
	static const char label[] = LABEL "sid";
	const struct imsg_kx3_start *start = run->start;
	uint8_t hash[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state state;

	crypto_hash_sha512_init(&state);
	crypto_hash_sha512_update(
	    &state, (const uint8_t *)label, sizeof(label) - 1);
	crypto_hash_sha512_update(&state, start->header[0], KX3_HEADER_LEN);
	crypto_hash_sha512_update(&state, start->header[1], KX3_HEADER_LEN);
	cpace_hash(&state, start->hello[0], start->hello_len[0]);
	cpace_hash(&state, start->hello[1], start->hello_len[1]);
	crypto_hash_sha512_final(&state, hash);
	memcpy(run->sid, hash, sizeof(run->sid));
}

static void
run_channel(
    const struct kx3 *kx3, struct run *run, uint64_t name_a, uint64_t name_b)
{
	static const char version[] = "weaved/3";
	uint8_t names[2][PEERNAME_LEN], *out = run->channel;
	size_t size = sizeof(run->channel), n = 0;

	peername_put(name_a, names[0]);
	peername_put(name_b, names[1]);
	n += cpace_put(out + n, size - n, version, sizeof(version) - 1);
	n += cpace_put(out + n, size - n, names[0], PEERNAME_LEN);
	n += cpace_put(out + n, size - n, names[1], PEERNAME_LEN);
	n += cpace_put(out + n, size - n, kx3->mesh, strlen(kx3->mesh));
	run->channel_len = n;
}

/* th up to and with the initiator's share. */
static void
run_transcript(const struct run *run, const uint8_t *share,
    crypto_hash_sha512_state *state)
{
	static const char label[] = LABEL "th";
	const struct imsg_kx3_start *start = run->start;

	crypto_hash_sha512_init(state);
	crypto_hash_sha512_update(
	    state, (const uint8_t *)label, sizeof(label) - 1);
	crypto_hash_sha512_update(state, start->header[0], KX3_HEADER_LEN);
	crypto_hash_sha512_update(state, start->header[1], KX3_HEADER_LEN);
	cpace_hash(state, start->hello[0], start->hello_len[0]);
	cpace_hash(state, start->hello[1], start->hello_len[1]);
	cpace_hash(state, share, CPACE_LEN);
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
	const struct cpace_bytes sid = {run->sid, SID_LEN};

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

void
kx3_start(struct kx3 *kx3, const struct imsg_kx3_start *start, bool known,
    uint64_t now, struct imsg_kx3_started *started)
{
	struct handle *handle = NULL;
	enum kx3_result result;
	struct run run;
	bool stranger;

	memset(started, 0, sizeof(*started));
	started->conn = start->conn;
	stranger = penalty_is_stranger(
	    &kx3->penalty, start->addr, start->outbound, known, now);
	result = run_read(kx3, start, &run);
	if (result == KX3_DONE)
		result = allow_start(kx3, start, stranger, now);
	if (result == KX3_DONE && !start->outbound)
		result = charge(kx3, start->addr, false, stranger, now);
	if (result == KX3_DONE &&
	    (handle = handle_claim(kx3, start, stranger, now)) == NULL)
		result = KX3_BUSY;
	if (handle != NULL) {
		memcpy(handle->sid, run.sid, SID_LEN);
		result = start->outbound
		    ? start_outbound(kx3, &run, handle, started)
		    : start_inbound(kx3, &run, handle, started);
		started->handle = handle->id;
		if (result != KX3_DONE)
			handle_drop(handle);
	}
	started->result = result;
	if (result != KX3_DONE) {
		started->handle = started->len = 0;
		sodium_memzero(started->frame, sizeof(started->frame));
	}
}

static enum kx3_result
start_outbound(struct kx3 *kx3, const struct run *run, struct handle *handle,
    struct imsg_kx3_started *started)
{
	size_t slot = run->start->secondary ? 1 : 0;
	uint8_t generator[CPACE_LEN];
	bool ok;

	if (!kx3->secrets->has[slot])
		return KX3_PASSWORD;
	run_generator(kx3, run, slot, generator);
	crypto_core_ristretto255_scalar_random(handle->scalar);
	ok = cpace_share(handle->share, handle->scalar, generator);
	sodium_memzero(generator, sizeof(generator));
	if (!ok)
		return KX3_SHARE;
	run_transcript(run, handle->share, &handle->transcript);
	memcpy(started->frame, handle->share, CPACE_LEN);
	started->len = CPACE_LEN;
	return KX3_DONE;
}

/* Our share for each password, and the scalar behind it; how many. */
static size_t
make_shares(const struct kx3 *kx3, const struct run *run,
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
		n++;
	}
	sodium_memzero(generator, sizeof(generator));
	answer[0] = (uint8_t)n;
	return n;
}

static enum kx3_result
start_inbound(struct kx3 *kx3, const struct run *run, struct handle *handle,
    struct imsg_kx3_started *started)
{
	uint8_t scalars[KX3_SLOTS_MAX][CPACE_LEN], *answer = started->frame;
	const uint8_t *share = run->start->share;
	crypto_hash_sha512_state state;
	bool ok = true;

	memcpy(handle->share, share, CPACE_LEN);
	handle->slots = (uint8_t)make_shares(kx3, run, scalars, answer);
	run_transcript(run, share, &state);
	transcript_end(state, answer, handle->slots, handle->th);
	for (uint8_t i = 0; i < handle->slots; i++) {
		struct slot slot = slot_at(answer, i);

		ok = make_prk(
			 handle, scalars[i], share, &slot, handle->prk[i]) &&
		    ok;
		make_tag(answer + (slot.tag - answer), handle->prk[i],
		    handle->th, false, i);
	}
	sodium_memzero(scalars, sizeof(scalars));
	if (handle->slots == 0)
		return KX3_PASSWORD;
	started->len =
	    1 + handle->slots * (uint32_t)(KX3_SHARE_LEN + KX3_TAG_LEN);
	return ok ? KX3_DONE : KX3_SHARE;
}

/* False: the peer's share is refused. */
static bool
make_prk(const struct handle *handle, const uint8_t *scalar,
    const uint8_t *peer_share, const struct slot *slot,
    uint8_t prk[HKDF_KEY_LEN])
{
	const struct cpace_transcript transcript = {{handle->sid, SID_LEN},
	    handle->share, {NULL, 0}, slot->share,
	    {slot->data, sizeof(slot->data)}};
	uint8_t isk[CPACE_ISK_LEN];
	bool ok = cpace_session(isk, scalar, peer_share, &transcript);

	hkdf_extract(prk, isk, sizeof(isk), handle->sid, SID_LEN);
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
make_keys(struct kx3_keys *keys, const uint8_t prk[HKDF_KEY_LEN],
    const uint8_t th[KX3_HASH_LEN])
{
	keylabel_derive(keys->tcp[0], prk, "tcp i", th);
	keylabel_derive(keys->tcp[1], prk, "tcp r", th);
	keylabel_derive(keys->udp[0], prk, "udp i", th);
	keylabel_derive(keys->udp[1], prk, "udp r", th);
	keylabel_derive(keys->rekey, prk, "rekey", th);
	memcpy(keys->th, th, KX3_HASH_LEN);
}

void
kx3_finish(struct kx3 *kx3, const struct imsg_kx3_finish *finish, uint64_t now,
    struct imsg_kx3_finished *finished)
{
	struct handle *handle = handle_find(kx3, finish->handle);
	enum kx3_result result = KX3_DONE;

	memset(finished, 0, sizeof(*finished));
	finished->conn = finish->conn;
	finished->result = KX3_EXPIRED;
	if (handle == NULL)
		return;
	if (now - handle->started > KX3_HANDLE_MS)
		result = KX3_EXPIRED;
	else if (handle->outbound)
		result = charge(kx3, handle->addr, true, handle->stranger, now);
	if (result == KX3_DONE)
		result = handle->outbound
		    ? finish_outbound(handle, finish, finished)
		    : finish_inbound(handle, finish, finished);
	if (result == KX3_DONE)
		penalty_take_back(
		    &kx3->penalty, handle->addr, handle->outbound, now);
	handle_drop(handle);
	finished->result = result;
}

/* All slots are looked at, whichever fits. */
static enum kx3_result
finish_outbound(struct handle *handle, const struct imsg_kx3_finish *finish,
    struct imsg_kx3_finished *finished)
{
	uint8_t prk[HKDF_KEY_LEN], good[HKDF_KEY_LEN], tag[KX3_TAG_LEN];
	const uint8_t *answer = finish->frame;
	uint8_t th[KX3_HASH_LEN];
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
			memcpy(good, prk, sizeof(good));
		}
	}
	if (ok && fits < slots) {
		finished->slot = fits;
		finished->len = KX3_CONFIRM_LEN;
		finished->frame[0] = fits;
		make_tag(finished->frame + 1, good, th, true, fits);
		make_keys(&finished->keys, good, th);
	}
	sodium_memzero(prk, sizeof(prk));
	sodium_memzero(good, sizeof(good));
	sodium_memzero(tag, sizeof(tag));
	if (!ok)
		return KX3_SHARE;
	return fits < slots ? KX3_DONE : KX3_PASSWORD;
}

static enum kx3_result
finish_inbound(struct handle *handle, const struct imsg_kx3_finish *finish,
    struct imsg_kx3_finished *finished)
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
	finished->slot = index;
	make_keys(&finished->keys, handle->prk[index], handle->th);
	return KX3_DONE;
}

void
kx3_cancel(struct kx3 *kx3, uint32_t id)
{
	struct handle *handle = handle_find(kx3, id);

	if (handle != NULL)
		handle_drop(handle);
}
