/*
 * The keys of one sleeve connection: what seals its packets and opens its
 * peer's. Version 2 has one key for all (mesh-protocol 7.1); version 3 one
 * per direction and epoch, where two epochs can be received at a time
 * (hardened-protocol 5 and 6). The layout of packets is the same:
 *
 *	sequence field of version 3: DF (1 bit), epoch mod 128 (7), counter (56)
 *
 * Time: milliseconds of CLOCK_MONOTONIC.
 */
#ifndef ENGINE_OVERLAY_SLEEVE_CIPHER_H
#define ENGINE_OVERLAY_SLEEVE_CIPHER_H

#include <stdbool.h>
#include <stdint.h>

#include "weaved/engine/overlay/replay.h"
#include "weaved/engine/overlay/sleeve_packet.h"

#define SLEEVE_EPOCH_HEARD 10000 /* old keys go, after the first new packet */
#define SLEEVE_EPOCH_MOST 60000 /* and at the latest */
#define SLEEVE_COUNTER_MAX (UINT64_C(1) << 40) /* packets under one key */

struct sleeve_epoch {
	bool sends; /* the keys are there */
	bool receives;
	bool heard; /* something opened */
	uint32_t number;
	struct cipher_key send_keys[2]; /* by DF */
	struct cipher_key receive_keys[2];
	uint64_t sequence[2]; /* next to be sent, by DF */
	struct replay replay[2];
	uint64_t expires; /* receiving, UINT64_MAX: not yet known */
};

struct sleeve_cipher {
	uint8_t version; /* of the protocol */
	bool outbound; /* we dialled */
	bool held; /* nothing is sealed until the keys change */
	uint32_t newest; /* epochs */
	uint32_t sending;
	struct sleeve_epoch epochs[2]; /* by number, the last bit */
};

enum sleeve_opened {
	SLEEVE_OPENED,
	SLEEVE_BAD,
	SLEEVE_REPLAYED
};

void sleeve_cipher_init2(struct sleeve_cipher *cipher, bool outbound,
    const uint8_t key[CIPHER_KEY_LEN]);
/* keys: of who dialled, then of the other. Epoch 0. */
void sleeve_cipher_init3(struct sleeve_cipher *cipher, bool outbound,
    const uint8_t keys[2][CIPHER_KEY_LEN]);
void sleeve_cipher_wipe(struct sleeve_cipher *cipher);

/*
 * As sleeve_packet_seal(), all datagrams. False: held, or the key is used up.
 */
bool sleeve_cipher_seal(struct sleeve_cipher *cipher, struct packet *packet,
    uint64_t name, bool df);
/* As sleeve_datagrams_open(); opened says what became of each. */
void sleeve_cipher_open(struct sleeve_cipher *cipher,
    struct sleeve_datagram *datagrams, size_t count, enum sleeve_opened *opened,
    uint64_t now);

/*
 * From now on the epoch after the newest can be received; the one before the
 * newest goes. Sending goes on under the old key until
 * sleeve_cipher_switch(), or until the peer's first packet of the new epoch.
 */
void sleeve_cipher_expect(struct sleeve_cipher *cipher,
    const uint8_t keys[2][CIPHER_KEY_LEN], uint64_t now);
void sleeve_cipher_switch(struct sleeve_cipher *cipher);
/* Wipes what is due; returns when to call again, UINT64_MAX for never. */
uint64_t sleeve_cipher_tick(struct sleeve_cipher *cipher, uint64_t now);
/* Packets sealed under the sending key, both DF classes. */
uint64_t sleeve_cipher_sealed(const struct sleeve_cipher *cipher);

#endif
