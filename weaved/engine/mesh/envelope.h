/*
 * Gossip messages: tags 4, 5, 6 with channel, source, destination and data
 * (mesh-protocol 4.1).
 */
#ifndef ENGINE_MESH_ENVELOPE_H
#define ENGINE_MESH_ENVELOPE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/mesh/gob.h"

#define ENVELOPE_CHANNEL_MAX 64 /* with NUL; longer names are refused */

struct envelope {
	uint8_t tag; /* WIRE_GOSSIP, _UNICAST, _BROADCAST */
	char channel[ENVELOPE_CHANNEL_MAX];
	uint64_t source;
	uint64_t destination; /* unicast only, else 0 */
	const uint8_t *data; /* within the message */
	size_t len;
};

/*
 * Parses a message with its tag; data of a unicast is left NULL: relaying
 * must not depend on it. False: malformed, end the connection.
 */
bool envelope_parse(const uint8_t *message, size_t len, struct envelope *env);
/* Data of a unicast that is for us, after envelope_parse. */
bool envelope_parse_data(
    const uint8_t *message, size_t len, struct envelope *env);
/*
 * Writes tag and envelope to enc, which the caller frees; false: no memory
 * or longer than WIRE_BODY_MAX less a tag.
 */
bool envelope_encode(struct gob_encoder *enc, const struct envelope *env);

#endif
