/*
 * 8 blocks of Salsa20 and 4 packets of Poly1305 at a time. The language has no
 * multiplication of halves of words that compilers recognize.
 */
#ifdef __x86_64__

#include <immintrin.h>

#define LANES 8
#define LIMBS 5 /* of 26 bits */
#define TARGET __attribute__((target("avx2")))

#include "weaved/engine/overlay/cipher_salsa.h"
#include "weaved/engine/overlay/cipher_poly.h"

/* The lower 32 bits of each count. */
#define PRODUCT(a, b) ((pairs)_mm256_mul_epu32((__m256i)(a), (__m256i)(b)))

static bool supported(void);

static bool
supported(void)
{
	return __builtin_cpu_supports("avx2");
}

INLINE void
split(struct poly_words words, pairs limbs[LIMBS])
{
	limbs[0] = words.low & BITS(26);
	limbs[1] = words.low >> 26 & BITS(26);
	limbs[2] = (words.low >> 52 | words.high << 12) & BITS(26);
	limbs[3] = words.high >> 14 & BITS(26);
	limbs[4] = words.high >> 40;
}

INLINE void
poly_key(struct poly *poly, struct poly_words key)
{
	split(key, poly->r);
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		poly->s[i] = (poly->r[i] << 2) + poly->r[i];
		poly->h[i] = (pairs){0};
	}
}

/* Bounds: h < 2^28, r < 2^26, s < 2^29; the sums stay below 2^60. */
INLINE void
poly_block(struct poly *poly, struct poly_words block, pairs whole)
{
	const pairs *r = poly->r, *s = poly->s;
	pairs *h = poly->h, m[LIMBS], d[LIMBS], carry;

	split(block, m);
	m[4] |= whole >> 16; /* bit 128 is bit 24 of the limb from 104 on */
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++)
		h[i] += m[i];
	d[0] = PRODUCT(h[0], r[0]) + PRODUCT(h[1], s[4]) + PRODUCT(h[2], s[3]) +
	    PRODUCT(h[3], s[2]) + PRODUCT(h[4], s[1]);
	d[1] = PRODUCT(h[0], r[1]) + PRODUCT(h[1], r[0]) + PRODUCT(h[2], s[4]) +
	    PRODUCT(h[3], s[3]) + PRODUCT(h[4], s[2]);
	d[2] = PRODUCT(h[0], r[2]) + PRODUCT(h[1], r[1]) + PRODUCT(h[2], r[0]) +
	    PRODUCT(h[3], s[4]) + PRODUCT(h[4], s[3]);
	d[3] = PRODUCT(h[0], r[3]) + PRODUCT(h[1], r[2]) + PRODUCT(h[2], r[1]) +
	    PRODUCT(h[3], r[0]) + PRODUCT(h[4], s[4]);
	d[4] = PRODUCT(h[0], r[4]) + PRODUCT(h[1], r[3]) + PRODUCT(h[2], r[2]) +
	    PRODUCT(h[3], r[1]) + PRODUCT(h[4], r[0]);
	/* Two carries at a time, from limbs 0 and 3 on. */
	d[1] += d[0] >> 26;
	d[4] += d[3] >> 26;
	h[0] = d[0] & BITS(26);
	h[3] = d[3] & BITS(26);
	d[2] += d[1] >> 26;
	carry = d[4] >> 26;
	h[1] = d[1] & BITS(26);
	h[4] = d[4] & BITS(26);
	h[3] += d[2] >> 26;
	h[2] = d[2] & BITS(26);
	h[0] += carry + (carry << 2);
	h[1] += h[0] >> 26;
	h[0] &= BITS(26);
	h[4] += h[3] >> 26;
	h[3] &= BITS(26);
}

INLINE void
poly_limbs(const struct poly *poly, pairs limbs[3])
{
	const pairs *h = poly->h;

	limbs[0] = h[0] + ((h[1] & BITS(18)) << 26);
	limbs[1] = (h[1] >> 18) + (h[2] << 8) + ((h[3] & BITS(10)) << 34);
	limbs[2] = (h[3] >> 10) + (h[4] << 16);
}

const struct cipher_code cipher_avx2 = {
    .name = "avx2",
    .supported = supported,
    .lanes = LANES,
    .stream = salsa_stream,
    .auth_min = 2,
    .auth_lanes = PACKETS,
    .auth = poly_auth,
};

#endif
