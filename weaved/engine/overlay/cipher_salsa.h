/*
 * Salsa20 over vectors: word i of the states of all lanes lies in vector i.
 * Included once per implementation, which defines LANES (4, 8 or 16) and
 * TARGET, the attribute that lets the compiler use the instructions.
 */
#include <string.h>

#include "weaved/engine/overlay/cipher_code.h"

#define WORDS 16
#define ROWS (WORDS / LANES) /* vectors of a block once it is transposed */

typedef uint32_t vector __attribute__((vector_size(4 * LANES)));
typedef uint64_t pairs __attribute__((vector_size(4 * LANES)));

struct block {
	vector row[ROWS];
};

_Static_assert(sizeof(struct block) == CIPHER_BLOCK, "block of Salsa20");

#define ROTATE(v, n) ((v) << (n) | (v) >> (32 - (n)))
#define QUARTER(a, b, c, d)             \
	do {                            \
		b ^= ROTATE(a + d, 7);  \
		c ^= ROTATE(b + a, 9);  \
		d ^= ROTATE(c + b, 13); \
		a ^= ROTATE(d + c, 18); \
	} while (0)

#define INLINE static TARGET inline __attribute__((always_inline))

/*
 * Words of a and b in turn, pairs of words in turn: the lower and the upper
 * ones of each 128 bits, as the instructions have it. Then 128 bits in turn.
 */
#define SHUFFLE(a, b, ...) ((vector)__builtin_shufflevector(a, b, __VA_ARGS__))
#define SHUFFLE2(a, b, ...) SHUFFLE((pairs)(a), (pairs)(b), __VA_ARGS__)
#if LANES == 4
#define WORDS_LOW(a, b) SHUFFLE(a, b, 0, 4, 1, 5)
#define WORDS_HIGH(a, b) SHUFFLE(a, b, 2, 6, 3, 7)
#define PAIRS_LOW(a, b) SHUFFLE2(a, b, 0, 2)
#define PAIRS_HIGH(a, b) SHUFFLE2(a, b, 1, 3)
#elif LANES == 8
#define WORDS_LOW(a, b) SHUFFLE(a, b, 0, 8, 1, 9, 4, 12, 5, 13)
#define WORDS_HIGH(a, b) SHUFFLE(a, b, 2, 10, 3, 11, 6, 14, 7, 15)
#define PAIRS_LOW(a, b) SHUFFLE2(a, b, 0, 4, 2, 6)
#define PAIRS_HIGH(a, b) SHUFFLE2(a, b, 1, 5, 3, 7)
#define HALVES_LOW(a, b) SHUFFLE2(a, b, 0, 1, 4, 5)
#define HALVES_HIGH(a, b) SHUFFLE2(a, b, 2, 3, 6, 7)
#else
#define WORDS_LOW(a, b) \
	SHUFFLE(a, b, 0, 16, 1, 17, 4, 20, 5, 21, 8, 24, 9, 25, 12, 28, 13, 29)
#define WORDS_HIGH(a, b) \
	SHUFFLE(         \
	    a, b, 2, 18, 3, 19, 6, 22, 7, 23, 10, 26, 11, 27, 14, 30, 15, 31)
#define PAIRS_LOW(a, b) SHUFFLE2(a, b, 0, 8, 2, 10, 4, 12, 6, 14)
#define PAIRS_HIGH(a, b) SHUFFLE2(a, b, 1, 9, 3, 11, 5, 13, 7, 15)
#define HALVES_LOW(a, b) SHUFFLE2(a, b, 0, 1, 2, 3, 8, 9, 10, 11)
#define HALVES_HIGH(a, b) SHUFFLE2(a, b, 4, 5, 6, 7, 12, 13, 14, 15)
#define FOURTHS_EVEN(a, b) SHUFFLE2(a, b, 0, 1, 4, 5, 8, 9, 12, 13)
#define FOURTHS_ODD(a, b) SHUFFLE2(a, b, 2, 3, 6, 7, 10, 11, 14, 15)
#endif

INLINE void
salsa_rounds(vector x[WORDS])
{
	for (int i = 0; i < 10; i++) {
		QUARTER(x[0], x[4], x[8], x[12]);
		QUARTER(x[5], x[9], x[13], x[1]);
		QUARTER(x[10], x[14], x[2], x[6]);
		QUARTER(x[15], x[3], x[7], x[11]);
		QUARTER(x[0], x[1], x[2], x[3]);
		QUARTER(x[5], x[6], x[7], x[4]);
		QUARTER(x[10], x[11], x[8], x[9]);
		QUARTER(x[15], x[12], x[13], x[14]);
	}
}

/* Four words of every lane; afterwards x[k] has those of lanes k, k + 4, ... */
INLINE void
salsa_transpose4(vector x[4])
{
	vector a = WORDS_LOW(x[0], x[1]), b = WORDS_HIGH(x[0], x[1]);
	vector c = WORDS_LOW(x[2], x[3]), d = WORDS_HIGH(x[2], x[3]);

	x[0] = PAIRS_LOW(a, c);
	x[1] = PAIRS_HIGH(a, c);
	x[2] = PAIRS_LOW(b, d);
	x[3] = PAIRS_HIGH(b, d);
}

INLINE void
salsa_transpose(vector x[WORDS], struct block blocks[LANES])
{
#pragma GCC unroll 4
	for (int i = 0; i < WORDS; i += 4)
		salsa_transpose4(x + i);
#pragma GCC unroll 4
	for (int k = 0; k < 4; k++) {
#if LANES == 4
		for (int i = 0; i < ROWS; i++)
			blocks[k].row[i] = x[4 * i + k];
#elif LANES == 8
		blocks[k].row[0] = HALVES_LOW(x[k], x[4 + k]);
		blocks[k].row[1] = HALVES_LOW(x[8 + k], x[12 + k]);
		blocks[4 + k].row[0] = HALVES_HIGH(x[k], x[4 + k]);
		blocks[4 + k].row[1] = HALVES_HIGH(x[8 + k], x[12 + k]);
#else
		vector a = HALVES_LOW(x[k], x[4 + k]);
		vector b = HALVES_LOW(x[8 + k], x[12 + k]);
		vector c = HALVES_HIGH(x[k], x[4 + k]);
		vector d = HALVES_HIGH(x[8 + k], x[12 + k]);

		blocks[k].row[0] = FOURTHS_EVEN(a, b);
		blocks[4 + k].row[0] = FOURTHS_ODD(a, b);
		blocks[8 + k].row[0] = FOURTHS_EVEN(c, d);
		blocks[12 + k].row[0] = FOURTHS_ODD(c, d);
#endif
	}
}

/* A vector at a time: smaller stores would hold up its load. */
INLINE void
salsa_mix(uint8_t *text, const struct block *stream)
{
	vector row;

#pragma GCC unroll 4
	for (size_t i = 0; i < ROWS; i++) {
		memcpy(&row, text + i * sizeof(row), sizeof(row));
		row ^= stream->row[i];
		memcpy(text + i * sizeof(row), &row, sizeof(row));
	}
}

INLINE void
salsa_mix_part(uint8_t *text, size_t len, const struct block *stream)
{
	uint8_t part[CIPHER_BLOCK] = {0};

	memcpy(part, text, len);
	salsa_mix(part, stream);
	memcpy(text, part, len);
}

static TARGET void
salsa_stream(const struct cipher_key *key, const struct cipher_lanes *lanes)
{
	static const uint32_t sigma[4] = {
	    0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
	uint32_t k[CIPHER_KEY_LEN / 4];
	vector start[WORDS], x[WORDS];
	struct block blocks[LANES] UNINITIALIZED;

	memcpy(k, key->subkey, sizeof(k));
	for (int i = 0; i < 4; i++) {
		start[5 * i] = (vector){0} + sigma[i];
		start[1 + i] = (vector){0} + k[i];
		start[11 + i] = (vector){0} + k[4 + i];
	}
	memcpy(&start[6], lanes->low, sizeof(vector));
	memcpy(&start[7], lanes->high, sizeof(vector));
	memcpy(&start[8], lanes->block, sizeof(vector));
	start[9] = (vector){0};
#pragma GCC unroll 16
	for (int i = 0; i < WORDS; i++)
		x[i] = start[i];
	salsa_rounds(x);
#pragma GCC unroll 16
	for (int i = 0; i < WORDS; i++)
		x[i] += start[i];
	salsa_transpose(x, blocks);
	for (int i = 0; i < LANES; i++) {
		if (lanes->len[i] == CIPHER_BLOCK)
			salsa_mix(lanes->text[i], &blocks[i]);
		else if (lanes->len[i] > 0)
			salsa_mix_part(
			    lanes->text[i], lanes->len[i], &blocks[i]);
	}
}
