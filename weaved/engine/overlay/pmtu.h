/*
 * Path MTU discovery of one sleeve connection (mesh-protocol 7.5): a pure
 * state machine. The owner sends the tests it asks for and reports refusals
 * of the kernel, ICMP errors and acknowledgements.
 *
 * An overlay MTU counts bytes of IP packets inside; a path MTU those outside.
 */
#ifndef ENGINE_OVERLAY_PMTU_H
#define ENGINE_OVERLAY_PMTU_H

#include <stdbool.h>
#include <stdint.h>

#define PMTU_UNLIMITED 65535 /* before discovery */

enum pmtu_state {
	PMTU_IDLE,
	PMTU_SEARCH, /* bisects between good and bad */
	PMTU_CHECK, /* does the verified MTU still get through? */
	PMTU_GROW /* does what the kernel says now get through? */
};

struct pmtu {
	enum pmtu_state state;
	uint32_t overhead; /* path MTU - overlay MTU: 62 plain, 86 encrypted */
	uint32_t mtu; /* in use */
	uint32_t path; /* last path MTU of the kernel, 0: none yet */
	uint32_t good;
	uint32_t bad;
	uint32_t candidate;
	bool verified; /* good has been acknowledged in this search */
	unsigned tries;
	uint64_t due; /* next test, unless idle */
};

void pmtu_init(struct pmtu *pmtu, uint32_t overhead);
/* Largest UDP payload for the DF path. */
uint32_t pmtu_payload(const struct pmtu *pmtu);
/* The kernel's path MTU, 0: not known. True: a search has begun. */
bool pmtu_path(struct pmtu *pmtu, uint32_t path, uint64_t now);
/* A test of this MTU arrived. True: a search has ended. */
bool pmtu_acknowledged(struct pmtu *pmtu, uint32_t mtu, uint64_t now);
/* Tests again whether the MTU in use gets through, then a larger one. */
void pmtu_check(struct pmtu *pmtu, uint64_t now);
/*
 * The MTU for which a test has to be sent now, or 0. *ended: a search has
 * ended without a further test.
 */
uint32_t pmtu_tick(struct pmtu *pmtu, uint64_t now, bool *ended);

#endif
