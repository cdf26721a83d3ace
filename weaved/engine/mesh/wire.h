/*
 * The bytes of a TCP connection below the messages: header, framing and
 * sealed bodies (mesh-protocol 1.1, 1.3).
 */
#ifndef ENGINE_MESH_WIRE_H
#define ENGINE_MESH_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_HEADER_LEN 7 /* "weave", lowest, highest version */
#define WIRE_VERSION_OLD 2 /* as Weave speaks it */
#define WIRE_VERSION_NEW 3 /* the hardened one */
#define WIRE_KEY_LEN 32 /* session key */
#define WIRE_NONCE_LEN 24
#define WIRE_TAG 16 /* bytes before a sealed body */
#define WIRE_LENGTH_LEN 4 /* u32 before each body */
#define WIRE_BODY_MAX 10485760u /* as on the wire, with the tag */

/* First byte of a message (section 3). */
enum wire_message {
	WIRE_HEARTBEAT,
	WIRE_ESTABLISHED, /* 1 to 3: overlay control, compatibility */
	WIRE_FRAGMENTATION,
	WIRE_PMTU,
	WIRE_GOSSIP,
	WIRE_GOSSIP_UNICAST,
	WIRE_GOSSIP_BROADCAST,
	WIRE_OVERLAY,
	WIRE_MESSAGE_MAX,
	/* version 3 (hardened-protocol 4) */
	WIRE_REKEY = 0x40,
	WIRE_REKEY_OK,
	WIRE_REKEY_DONE,
	WIRE_REAUTH,
	WIRE_PARENT /* from parent to parent */
};

/* Offers this range of versions. */
void wire_header_put(
    uint8_t header[WIRE_HEADER_LEN], uint8_t lowest, uint8_t highest);
/* False: not the protocol word, or no range. */
bool wire_header_get(
    const uint8_t header[WIRE_HEADER_LEN], uint8_t *lowest, uint8_t *highest);

/* len at most WIRE_BODY_MAX; what is got may be anything. */
void wire_length_put(size_t len, uint8_t bytes[WIRE_LENGTH_LEN]);
size_t wire_length_get(const uint8_t bytes[WIRE_LENGTH_LEN]);

/* outbound: the sender of the body opened the connection. */
void wire_nonce_put(
    bool outbound, uint64_t counter, uint8_t nonce[WIRE_NONCE_LEN]);
/*
 * Writes WIRE_TAG + len bytes to box. text may lie at box + WIRE_TAG, else
 * they must not overlap. counter: bodies sent before in this direction.
 */
void wire_seal(const uint8_t key[WIRE_KEY_LEN], bool outbound, uint64_t counter,
    uint8_t *box, const uint8_t *text, size_t len);
/*
 * Writes len - WIRE_TAG bytes to text, which may lie at box + WIRE_TAG. len
 * is that of box. False: not the next body under this key.
 */
bool wire_open(const uint8_t key[WIRE_KEY_LEN], bool outbound, uint64_t counter,
    uint8_t *text, const uint8_t *box, size_t len);

#endif
