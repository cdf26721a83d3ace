/*
 * Poly1305 over vectors: every lane is a packet of its own, so that no powers
 * of its key are needed. Included after cipher_salsa.h by an implementation
 * that defines LIMBS and poly_key(), poly_block() and poly_limbs().
 *
 * The order of the lanes is that of poly_load() for keys, blocks and tags.
 */
#include <sodium.h>
#include <string.h>

#define PACKETS (LANES / 2)
#define POLY_BLOCK 16
#define POLY_WHOLE (UINT64_C(1) << 40) /* see poly_block() */
#define BITS(n) ((UINT64_C(1) << (n)) - 1)

typedef uint64_t two __attribute__((vector_size(16)));
typedef uint64_t four __attribute__((vector_size(32)));

/* 16 bytes of every lane: the lower and the upper word. */
struct poly_words {
	pairs low;
	pairs high;
};

struct poly {
	pairs h[LIMBS];
	pairs r[LIMBS];
	pairs s[LIMBS]; /* r once more, for what goes round modulo 2^130 - 5 */
};

/* key: the clamped r; h begins as 0. */
INLINE void poly_key(struct poly *poly, struct poly_words key);
/* whole: POLY_WHOLE, the bit behind a block of 16 bytes, or 0. */
INLINE void poly_block(struct poly *poly, struct poly_words block, pairs whole);
/* h as three limbs that count from bits 0, 44 and 88, not quite carried. */
INLINE void poly_limbs(const struct poly *poly, pairs limbs[3]);

INLINE four
poly_load2(const uint8_t *a, const uint8_t *b)
{
	two x, y;

	memcpy(&x, a, sizeof(x));
	memcpy(&y, b, sizeof(y));
	return __builtin_shufflevector(x, y, 0, 1, 2, 3);
}

INLINE struct poly_words
poly_load(const uint8_t *const at[PACKETS], size_t offset)
{
	pairs half[2];

#pragma GCC unroll 5
	for (int i = 0; i < 2; i++) {
		const uint8_t *const *lane = at + i * PACKETS / 2;
#if PACKETS == 4
		half[i] = poly_load2(lane[0] + offset, lane[1] + offset);
#else
		four a = poly_load2(lane[0] + offset, lane[1] + offset);
		four b = poly_load2(lane[2] + offset, lane[3] + offset);

		half[i] = __builtin_shufflevector(a, b, 0, 1, 2, 3, 4, 5, 6, 7);
#endif
	}
	return (struct poly_words){
	    (pairs)PAIRS_LOW(half[0], half[1]),
	    (pairs)PAIRS_HIGH(half[0], half[1]),
	};
}

INLINE void
poly_store(struct poly_words words, uint8_t at[PACKETS][POLY_BLOCK])
{
	pairs half[2] = {
	    (pairs)PAIRS_LOW(words.low, words.high),
	    (pairs)PAIRS_HIGH(words.low, words.high),
	};

	_Static_assert(sizeof(half) == PACKETS * POLY_BLOCK, "tags");
	memcpy(at, half, sizeof(half));
}

/*
 * Block number i where not all packets have a whole one: those that have ended
 * keep their h. Nothing but their lengths decides.
 */
INLINE void
poly_block_ragged(
    struct poly *poly, const struct cipher_auth *const lanes[PACKETS], size_t i)
{
	uint8_t blocks[PACKETS][POLY_BLOCK] = {0};
	uint64_t states[PACKETS][2]; /* active, whole */
	const uint8_t *at[PACKETS], *state[PACKETS];
	struct poly next = *poly;
	struct poly_words flags;
	size_t offset = i * POLY_BLOCK;

	for (int k = 0; k < PACKETS; k++) {
		size_t left =
		    lanes[k]->len > offset ? lanes[k]->len - offset : 0;

		states[k][0] = left > 0 ? UINT64_MAX : 0;
		states[k][1] = left >= POLY_BLOCK ? POLY_WHOLE : 0;
		if (left >= POLY_BLOCK)
			memcpy(blocks[k], lanes[k]->text + offset, POLY_BLOCK);
		else if (left > 0) {
			memcpy(blocks[k], lanes[k]->text + offset, left);
			blocks[k][left] = 1;
		}
		at[k] = blocks[k];
		state[k] = (const uint8_t *)states[k];
	}
	flags = poly_load(state, 0);
	poly_block(&next, poly_load(at, 0), flags.high);
#pragma GCC unroll 5
	for (int k = 0; k < LIMBS; k++)
		poly->h[k] =
		    (next.h[k] & flags.low) | (poly->h[k] & ~flags.low);
}

INLINE void
poly_carry(pairs h[3])
{
	h[1] += h[0] >> 44;
	h[0] &= BITS(44);
	h[2] += h[1] >> 44;
	h[1] &= BITS(44);
	h[0] += (h[2] >> 42) * 5;
	h[2] &= BITS(42);
}

/* h modulo 2^130 - 5, then modulo 2^128 plus the key's other half. */
INLINE struct poly_words
poly_finish(const struct poly *poly, struct poly_words key)
{
	struct poly_words tag;
	pairs h[3], g[3], less, sum;

	poly_limbs(poly, h);
#pragma GCC unroll 5
	for (int i = 0; i < 3; i++)
		poly_carry(h);
	g[0] = h[0] + 5;
	g[1] = h[1] + (g[0] >> 44);
	g[2] = h[2] + (g[1] >> 44) - (UINT64_C(1) << 42);
	less = (pairs){0} - (g[2] >> 63);
	h[0] = (h[0] & less) | (g[0] & BITS(44) & ~less);
	h[1] = (h[1] & less) | (g[1] & BITS(44) & ~less);
	h[2] = (h[2] & less) | (g[2] & ~less);
	tag.low = h[0] | h[1] << 44;
	tag.high = h[1] >> 20 | h[2] << 24;
	sum = tag.low + key.low;
	tag.high += key.high +
	    (((tag.low & key.low) | ((tag.low | key.low) & ~sum)) >> 63);
	tag.low = sum;
	return tag;
}

static TARGET void
poly_auth(struct cipher_auth *const *packets, size_t n)
{
	const struct cipher_auth *lanes[PACKETS];
	const uint8_t *keys[PACKETS], *texts[PACKETS];
	uint8_t tags[PACKETS][POLY_BLOCK];
	struct poly poly;
	struct poly_words r;
	size_t common = packets[n - 1]->len / POLY_BLOCK;
	size_t end = (packets[0]->len + POLY_BLOCK - 1) / POLY_BLOCK;

	/* A free lane repeats the last packet. */
	for (size_t i = 0; i < PACKETS; i++) {
		lanes[i] = packets[i < n ? i : n - 1];
		keys[i] = lanes[i]->key;
		texts[i] = lanes[i]->text;
	}
	r = poly_load(keys, 0);
	r.low &= UINT64_C(0x0ffffffc0fffffff);
	r.high &= UINT64_C(0x0ffffffc0ffffffc);
	poly_key(&poly, r);
	for (size_t i = 0; i < common; i++)
		poly_block(&poly, poly_load(texts, i * POLY_BLOCK),
		    (pairs){0} + POLY_WHOLE);
	for (size_t i = common; i < end; i++)
		poly_block_ragged(&poly, lanes, i);
	poly_store(poly_finish(&poly, poly_load(keys, POLY_BLOCK)), tags);
	for (size_t i = 0; i < n; i++)
		memcpy(packets[i]->tag, tags[i], POLY_BLOCK);
	sodium_memzero(&poly, sizeof(poly));
}
