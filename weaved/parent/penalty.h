/*
 * How often key exchange of version 3 may fail (hardened-protocol 4 and 8):
 * by address, where three failures are free and each further one closes it
 * for 5 s, doubling to 10 min; and of all together, 20 a second. A run is
 * charged before it can tell a guess right or wrong, and taken back when it
 * succeeds. Time: milliseconds of CLOCK_MONOTONIC.
 */
#ifndef PARENT_PENALTY_H
#define PARENT_PENALTY_H

#include <stdbool.h>
#include <stdint.h>

#define PENALTY_FREE 3
#define PENALTY_FIRST 5000
#define PENALTY_MOST 600000
#define PENALTY_FORGET 3600000 /* without a failure */
#define PENALTY_FRIEND 86400000 /* a success makes no stranger for so long */
#define PENALTY_RATE 20 /* failed or unfinished runs a second, of all */
#define PENALTY_SETS 128
#define PENALTY_WAYS 8

struct penalty {
	uint64_t seed; /* so that nobody can aim at one set */
	uint64_t busy; /* all together: as if each run took its time */
	struct penalty_source {
		uint32_t addr;
		bool outbound;
		uint32_t failures;
		uint64_t failed; /* last failure */
		uint64_t success; /* last one, 0: never */
	} sources[PENALTY_SETS][PENALTY_WAYS];
};

enum penalty_verdict {
	PENALTY_NONE,
	PENALTY_SOURCE, /* this address has to wait */
	PENALTY_ALL /* all have */
};

void penalty_init(struct penalty *penalty, uint64_t seed);
/* outbound: addr is whom we dialled. known: addr is a target of ours. */
bool penalty_is_stranger(struct penalty *penalty, uint32_t addr, bool outbound,
    bool known, uint64_t now);
/* Charges one run, unless it has to wait. Strangers get half the rate. */
enum penalty_verdict penalty_charge(struct penalty *penalty, uint32_t addr,
    bool outbound, bool stranger, uint64_t now);
/* The run charged last for addr succeeded. */
void penalty_take_back(
    struct penalty *penalty, uint32_t addr, bool outbound, uint64_t now);
/* A new password: what failed under the old one counts no more. */
void penalty_forgive(struct penalty *penalty);

#endif
