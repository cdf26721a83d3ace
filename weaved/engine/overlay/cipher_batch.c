/*
 * Distributes a batch over lanes. Block 0 of a packet's key stream gives the
 * key of Poly1305 and the stream for the first 32 bytes, block i > 0 the
 * stream for the 64 bytes from 64 * i - 32 on.
 */
#include <sodium.h>
#include <string.h>

#include "weaved/engine/overlay/cipher_code.h"

#define GROUP 64 /* packets whose first blocks lie on the stack */
#define AUTH_KEY 32 /* of the first block */
#define STACK_USED 8192 /* at most, by what runs on a group */

_Static_assert(AUTH_KEY == crypto_onetimeauth_KEYBYTES, "key of Poly1305");
_Static_assert(
    CIPHER_TAG_LEN == crypto_onetimeauth_BYTES, "result of Poly1305");

struct group {
	const struct cipher_code *code;
	const struct cipher_key *key;
	struct cipher_packet *packets;
	size_t n;
	size_t filled; /* lanes in use */
	struct cipher_lanes lanes;
	struct cipher_auth auth[GROUP];
	uint8_t first[GROUP][CIPHER_BLOCK];
};

static void group_start(struct group *, struct cipher_packet *, size_t);
static void group_lane(
    struct group *, const struct cipher_packet *, size_t, uint8_t *, size_t);
static void group_flush(struct group *);
static void group_first(struct group *);
static void group_rest(struct group *, size_t);
static void group_mix_first(struct group *, size_t);
static void group_auth(struct group *);
static void group_seal(struct group *);
static void group_open(struct group *);
static void batch_run(
    struct group *, struct cipher_packet *, size_t, void (*)(struct group *));

static void
group_start(struct group *group, struct cipher_packet *packets, size_t n)
{
	group->packets = packets;
	group->n = n;
	memset(group->first, 0, n * sizeof(group->first[0]));
}

static void
group_flush(struct group *group)
{
	struct cipher_lanes *lanes = &group->lanes;

	if (group->filled == 0)
		return;
	for (size_t i = group->filled; i < group->code->lanes; i++)
		lanes->len[i] = 0;
	group->code->stream(group->key, lanes);
	group->filled = 0;
}

static void
group_lane(struct group *group, const struct cipher_packet *packet,
    size_t block, uint8_t *text, size_t len)
{
	struct cipher_lanes *lanes = &group->lanes;
	size_t i = group->filled++;

	/* Bytes 16 to 23 of the nonce are seqdf in network byte order. */
	lanes->low[i] = __builtin_bswap32((uint32_t)(packet->seqdf >> 32));
	lanes->high[i] = __builtin_bswap32((uint32_t)packet->seqdf);
	lanes->block[i] = (uint32_t)block;
	lanes->text[i] = text;
	lanes->len[i] = len;
	if (group->filled == group->code->lanes)
		group_flush(group);
}

/* Leaves lanes behind for what comes next. */
static void
group_first(struct group *group)
{
	for (size_t i = 0; i < group->n; i++)
		group_lane(group, &group->packets[i], 0, group->first[i],
		    CIPHER_BLOCK);
}

static void
group_rest(struct group *group, size_t i)
{
	const struct cipher_packet *packet = &group->packets[i];
	size_t at = CIPHER_BLOCK - AUTH_KEY;

	for (size_t block = 1; at < packet->len; block++) {
		size_t len = packet->len - at;

		if (len > CIPHER_BLOCK)
			len = CIPHER_BLOCK;
		group_lane(group, packet, block, packet->text + at, len);
		at += len;
	}
}

static void
group_mix_first(struct group *group, size_t i)
{
	const uint8_t *stream = group->first[i] + AUTH_KEY;
	struct cipher_packet *packet = &group->packets[i];
	uint8_t head[CIPHER_BLOCK - AUTH_KEY];
	size_t len = packet->len < sizeof(head) ? packet->len : sizeof(head);

	memcpy(head, packet->text, len);
	for (size_t at = 0; at < sizeof(head); at++)
		head[at] ^= stream[at];
	memcpy(packet->text, head, len);
}

static void
group_auth(struct group *group)
{
	const struct cipher_code *code = group->code;
	struct cipher_auth *order[GROUP] UNINITIALIZED, *auth;
	size_t done = 0, at;

	/* Lengths come in runs: packets side by side are as long. */
	for (size_t i = 0; i < group->n; i++) {
		auth = &group->auth[i];
		auth->key = group->first[i];
		auth->text = group->packets[i].text;
		auth->len = group->packets[i].len;
		for (at = i; at > 0 && order[at - 1]->len < auth->len; at--)
			order[at] = order[at - 1];
		order[at] = auth;
	}
	while (code->auth_min > 0 && group->n - done >= code->auth_min) {
		size_t n = group->n - done;

		if (n > code->auth_lanes)
			n = code->auth_lanes;
		code->auth(order + done, n);
		done += n;
	}
	for (; done < group->n; done++)
		crypto_onetimeauth(order[done]->tag, order[done]->text,
		    order[done]->len, order[done]->key);
}

static void
group_seal(struct group *group)
{
	group_first(group);
	for (size_t i = 0; i < group->n; i++)
		group_rest(group, i);
	group_flush(group);
	for (size_t i = 0; i < group->n; i++)
		group_mix_first(group, i);
	group_auth(group);
	for (size_t i = 0; i < group->n; i++)
		memcpy(
		    group->packets[i].tag, group->auth[i].tag, CIPHER_TAG_LEN);
}

static void
group_open(struct group *group)
{
	struct cipher_packet *packet;

	group_first(group);
	group_flush(group);
	group_auth(group);
	for (size_t i = 0; i < group->n; i++) {
		packet = &group->packets[i];
		packet->ok =
		    crypto_verify_16(packet->tag, group->auth[i].tag) == 0;
		if (!packet->ok)
			continue;
		group_mix_first(group, i);
		group_rest(group, i);
	}
	group_flush(group);
}

static void
batch_run(struct group *group, struct cipher_packet *packets, size_t n,
    void (*run)(struct group *))
{
	size_t used = n < GROUP ? n : GROUP;

	group->filled = 0;
	for (; n > GROUP; n -= GROUP, packets += GROUP) {
		group_start(group, packets, GROUP);
		run(group);
	}
	group_start(group, packets, n);
	run(group);
	sodium_memzero(group->first, used * sizeof(group->first[0]));
	/* What the vectors left behind below this frame. */
	sodium_stackzero(STACK_USED);
}

void
cipher_code_seal(const struct cipher_code *code, const struct cipher_key *key,
    struct cipher_packet *packets, size_t n)
{
	struct group group UNINITIALIZED;

	group.code = code;
	group.key = key;
	batch_run(&group, packets, n, group_seal);
}

void
cipher_code_open(const struct cipher_code *code, const struct cipher_key *key,
    struct cipher_packet *packets, size_t n)
{
	struct group group UNINITIALIZED;

	group.code = code;
	group.key = key;
	batch_run(&group, packets, n, group_open);
}
