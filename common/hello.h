/*
 * HELLO, the first frame of protocol version 3 (hardened-protocol 4). Engine
 * and parent both read it: the one to know whom it talks to, the other
 * because the keys are bound to it.
 *
 *	 0      2      3          35       41        45
 *	+------+------+----------+--------+---------+--------------+
 *	| "W3" | role | nonce    | name   | flags   | tail, ignored|
 *	+------+------+----------+--------+---------+--------------+
 */
#ifndef HELLO_H
#define HELLO_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define HELLO_LEN 45 /* without a tail */
#define HELLO_MAX 512 /* of any frame until the shares are exchanged */
#define HELLO_NONCE_LEN 32

enum hello_role {
	HELLO_INITIATOR, /* opened the TCP connection: A, label i, dir 0 */
	HELLO_RESPONDER
};

struct hello {
	uint8_t role; /* enum hello_role */
	uint64_t name;
};

/* With flags 0 and no tail. */
void hello_put(uint8_t out[HELLO_LEN], enum hello_role role, uint64_t name,
    const uint8_t nonce[HELLO_NONCE_LEN]);
/* Does it begin like one? */
bool hello_looks_like(const uint8_t *body, size_t len);
/* Of one that hello_get() took. */
const uint8_t *hello_nonce(const uint8_t *body);
/* False: no HELLO, or of a role that does not exist. */
bool hello_get(const uint8_t *body, size_t len, struct hello *hello);

#endif
