/*
 * How the bodies of one TCP connection are sealed: not at all, as in version
 * 2 (mesh-protocol 1.3), or as in version 3 (hardened-protocol 5), where each
 * direction has its key and counts anew in each epoch.
 */
#ifndef ENGINE_MESH_RECORD_H
#define ENGINE_MESH_RECORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/mesh/wire.h"

/* Zeroed: in the clear. */
struct record {
	uint8_t version; /* 0: in the clear, 2, 3 */
	bool outbound; /* we opened the connection */
	struct record_flow {
		uint8_t key[WIRE_KEY_LEN];
		uint32_t epoch;
		uint64_t counter; /* of the next body */
	} send, receive;
};

void record_key2(
    struct record *record, bool outbound, const uint8_t key[WIRE_KEY_LEN]);
/* keys: of the side that opened the connection, then of the other. */
void record_key3(
    struct record *record, bool outbound, const uint8_t keys[2][WIRE_KEY_LEN]);
/* The next body of this flow is the first under a new key. */
void record_next_epoch(
    struct record_flow *flow, const uint8_t key[WIRE_KEY_LEN]);
void record_wipe(struct record *record);

/* Bytes by which a body grows: 0 or WIRE_TAG. */
size_t record_overhead(const struct record *record);
/* As wire_seal() and wire_open(), which see; nothing to do in the clear. */
void record_seal(
    struct record *record, uint8_t *box, const uint8_t *text, size_t len);
bool record_open(
    struct record *record, uint8_t *text, const uint8_t *box, size_t len);

#endif
