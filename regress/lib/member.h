/*
 * A peer of protocol version 3 made by hand from the specification
 * (hardened-protocol 3 to 6): it dials a daemon and knows every secret that
 * the two have in common, so that a test can look for each.
 */
#ifndef REGRESS_MEMBER_H
#define REGRESS_MEMBER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regress/lib/net.h"
#include "weaved/engine/mesh/record.h"
#include "weaved/engine/mesh/rekey.h"

#define MEMBER_KEY 32

struct member {
	int fd;
	uint64_t name;
	uint8_t header[2][7]; /* ours, then the daemon's */
	uint8_t hello[2][512];
	size_t hello_len[2];
	uint8_t sid[MEMBER_KEY];
	uint8_t th[64];
	/* What only the parent may know: */
	uint8_t prs[MEMBER_KEY];
	uint8_t generator[MEMBER_KEY];
	uint8_t isk[64];
	uint8_t prk[MEMBER_KEY];
	/* What the engine has while the epoch lasts: */
	struct rekey_keys keys;
	uint8_t chain[MEMBER_KEY];
	struct record record;
	struct rekey rekey;
};

/*
 * From the network of this host, which runs no daemon, to the other one.
 * Returns when the daemon's features have come; the test fails if they do not.
 */
void member_join(struct member *member, struct host *from,
    const struct host *to, const char *password);
/* Another epoch; keys and chain are then of that one. */
void member_rekey(struct member *member);
/* "esp", "parent i": a key of this handshake. */
void member_key(
    const struct member *member, const char *label, uint8_t key[MEMBER_KEY]);
void member_leave(struct member *member);

#endif
