#include <sodium.h>

#include <string.h>

#include "weaved/parent/kdf.h"

#define BLOCK_LEN crypto_auth_hmacsha256_BYTES

struct kdf {
	crypto_auth_hmacsha256_state keyed; /* with the password alone */
	crypto_auth_hmacsha256_state salted; /* and with the salt */
	uint8_t last[BLOCK_LEN]; /* U of the last round */
	uint8_t sum[BLOCK_LEN]; /* of all rounds of this block */
	uint32_t rounds; /* of a block */
	uint32_t round; /* done of this block */
	uint32_t block; /* from 1 */
	size_t done; /* bytes of result */
	size_t len;
	uint8_t result[KDF_LEN_MAX];
};

static void kdf_round(struct kdf *);
static void kdf_begin_block(struct kdf *);
static void kdf_end_block(struct kdf *);

struct kdf *
kdf_new(const struct kdf_input *input)
{
	struct kdf *kdf;

	if (input->len == 0 || input->len > KDF_LEN_MAX || input->rounds == 0)
		return NULL;
	if ((kdf = sodium_malloc(sizeof(*kdf))) == NULL)
		return NULL;
	sodium_memzero(kdf, sizeof(*kdf));
	crypto_auth_hmacsha256_init(
	    &kdf->keyed, input->password, input->password_len);
	kdf->salted = kdf->keyed;
	crypto_auth_hmacsha256_update(
	    &kdf->salted, input->salt, input->salt_len);
	kdf->rounds = input->rounds;
	kdf->len = input->len;
	return kdf;
}

void
kdf_free(struct kdf *kdf)
{
	sodium_free(kdf); /* wipes */
}

/* U_1 is made of the salt and the number of the block. */
static void
kdf_begin_block(struct kdf *kdf)
{
	crypto_auth_hmacsha256_state state = kdf->salted;
	uint32_t block = ++kdf->block;
	uint8_t number[4] = {(uint8_t)(block >> 24), (uint8_t)(block >> 16),
	    (uint8_t)(block >> 8), (uint8_t)block};

	crypto_auth_hmacsha256_update(&state, number, sizeof(number));
	crypto_auth_hmacsha256_final(&state, kdf->last);
	sodium_memzero(&state, sizeof(state));
	memcpy(kdf->sum, kdf->last, sizeof(kdf->sum));
}

static void
kdf_end_block(struct kdf *kdf)
{
	size_t n = kdf->len - kdf->done;

	if (n > BLOCK_LEN)
		n = BLOCK_LEN;
	memcpy(kdf->result + kdf->done, kdf->sum, n);
	kdf->done += n;
	kdf->round = 0;
	if (kdf->done < kdf->len)
		return;
	sodium_memzero(&kdf->keyed, sizeof(kdf->keyed));
	sodium_memzero(&kdf->salted, sizeof(kdf->salted));
	sodium_memzero(kdf->last, sizeof(kdf->last));
	sodium_memzero(kdf->sum, sizeof(kdf->sum));
}

static void
kdf_round(struct kdf *kdf)
{
	crypto_auth_hmacsha256_state state = kdf->keyed;

	crypto_auth_hmacsha256_update(&state, kdf->last, sizeof(kdf->last));
	crypto_auth_hmacsha256_final(&state, kdf->last);
	for (size_t i = 0; i < BLOCK_LEN; i++)
		kdf->sum[i] ^= kdf->last[i];
	sodium_memzero(&state, sizeof(state));
}

bool
kdf_run(struct kdf *kdf, uint32_t rounds)
{
	for (; rounds > 0 && kdf->done < kdf->len; rounds--) {
		if (kdf->round == 0)
			kdf_begin_block(kdf);
		else
			kdf_round(kdf);
		if (++kdf->round == kdf->rounds)
			kdf_end_block(kdf);
	}
	return kdf->done == kdf->len;
}

const uint8_t *
kdf_result(const struct kdf *kdf)
{
	return kdf->done == kdf->len ? kdf->result : NULL;
}
