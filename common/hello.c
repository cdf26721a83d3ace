#include <string.h>

#include "common/addr.h"
#include "common/hello.h"

#define WORD_LEN 2
#define ROLE_AT WORD_LEN
#define NONCE_AT (ROLE_AT + 1)
#define NAME_AT (NONCE_AT + HELLO_NONCE_LEN)
#define FLAGS_AT (NAME_AT + PEERNAME_LEN)
#define FLAGS_LEN 4

static const uint8_t word[WORD_LEN] = {'W', '3'};

_Static_assert(FLAGS_AT + FLAGS_LEN == HELLO_LEN, "layout of HELLO");

void
hello_put(uint8_t out[HELLO_LEN], enum hello_role role, uint64_t name,
    const uint8_t nonce[HELLO_NONCE_LEN])
{
	memcpy(out, word, WORD_LEN);
	out[ROLE_AT] = (uint8_t)role;
	memcpy(out + NONCE_AT, nonce, HELLO_NONCE_LEN);
	peername_put(name, out + NAME_AT);
	memset(out + FLAGS_AT, 0, FLAGS_LEN);
}

bool
hello_looks_like(const uint8_t *body, size_t len)
{
	return len >= HELLO_LEN && len <= HELLO_MAX &&
	    memcmp(body, word, WORD_LEN) == 0;
}

const uint8_t *
hello_nonce(const uint8_t *body)
{
	return body + NONCE_AT;
}

bool
hello_get(const uint8_t *body, size_t len, struct hello *hello)
{
	if (!hello_looks_like(body, len) || body[ROLE_AT] > HELLO_RESPONDER)
		return false;
	hello->role = body[ROLE_AT];
	hello->name = peername_get(body + NAME_AT);
	return true;
}
