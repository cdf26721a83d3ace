/*
 * 16 blocks of Salsa20 and 8 packets of Poly1305 at a time. The multiplier of
 * 52 bits (IFMA) has no counterpart in the language.
 */
#ifdef __x86_64__

#include <immintrin.h>

#define LANES 16
#define LIMBS 3 /* of 44, 44 and 42 bits */
#define TARGET __attribute__((target("avx512f,avx512ifma")))

#include "weaved/engine/overlay/cipher_salsa.h"
#include "weaved/engine/overlay/cipher_poly.h"

/* sum + the lower, or upper, 52 bits of a * b, of which 52 bits count. */
#define LOW(sum, a, b)                 \
	((pairs)_mm512_madd52lo_epu64( \
	    (__m512i)(sum), (__m512i)(a), (__m512i)(b)))
#define HIGH(sum, a, b)                \
	((pairs)_mm512_madd52hi_epu64( \
	    (__m512i)(sum), (__m512i)(a), (__m512i)(b)))

static bool supported(void);

static bool
supported(void)
{
	return __builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512ifma");
}

INLINE void
poly_key(struct poly *poly, struct poly_words key)
{
	poly->r[0] = key.low & BITS(44);
	poly->r[1] = (key.low >> 44 | key.high << 20) & BITS(44);
	poly->r[2] = key.high >> 24;
	/* Limb 3 counts from bit 132: 2^132 = 4 * 2^130 = 4 * 5. */
#pragma GCC unroll 5
	for (int i = 0; i < LIMBS; i++) {
		poly->s[i] = poly->r[i] * 20;
		poly->h[i] = (pairs){0};
	}
}

/*
 * The upper halves of the products count from bit 52, 8 above the next limb.
 * Bounds: h < 2^46, r < 2^44, s < 2^49; the sums stay below 2^56.
 */
INLINE void
poly_block(struct poly *poly, struct poly_words block, pairs whole)
{
	const pairs *r = poly->r, *s = poly->s;
	pairs *h = poly->h, low[3], high[3], zero = {0};

	h[0] += block.low & BITS(44);
	h[1] += (block.low >> 44 | block.high << 20) & BITS(44);
	h[2] += block.high >> 24 | whole;
	low[0] = LOW(LOW(LOW(zero, h[1], s[2]), h[2], s[1]), h[0], r[0]);
	low[1] = LOW(LOW(LOW(zero, h[1], r[0]), h[2], s[2]), h[0], r[1]);
	low[2] = LOW(LOW(LOW(zero, h[1], r[1]), h[2], r[0]), h[0], r[2]);
	high[0] = HIGH(HIGH(HIGH(zero, h[1], s[2]), h[2], s[1]), h[0], r[0]);
	high[1] = HIGH(HIGH(HIGH(zero, h[1], r[0]), h[2], s[2]), h[0], r[1]);
	high[2] = HIGH(HIGH(HIGH(zero, h[1], r[1]), h[2], r[0]), h[0], r[2]);
	h[0] = low[0] + (high[2] << 12) + (high[2] << 10); /* 20 * 2^8 */
	h[1] = low[1] + (high[0] << 8) + (h[0] >> 44);
	h[2] = low[2] + (high[1] << 8) + (h[1] >> 44);
	h[0] = (h[0] & BITS(44)) + (h[2] >> 42) + (h[2] >> 42 << 2);
	h[1] &= BITS(44);
	h[2] &= BITS(42);
}

INLINE void
poly_limbs(const struct poly *poly, pairs limbs[3])
{
#pragma GCC unroll 5
	for (int i = 0; i < 3; i++)
		limbs[i] = poly->h[i];
}

const struct cipher_code cipher_avx512 = {
    .name = "avx512",
    .supported = supported,
    .lanes = LANES,
    .stream = salsa_stream,
    .auth_min = 3,
    .auth_lanes = PACKETS,
    .auth = poly_auth,
};

#endif
