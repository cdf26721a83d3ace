/*
 * Which overlays a connection has in common, how its control messages number
 * them (mesh-protocol 3.1 to 3.3), and nothing that must never be sent (13).
 */
#ifndef ENGINE_OVERLAY_SWITCH_H
#define ENGINE_OVERLAY_SWITCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SWITCH_TAG 7 /* outer tag of numbered messages */
#define SWITCH_COMPAT_LAST 3 /* outer tags 1 to 3: sleeve, bare */
#define SWITCH_BODY_MAX 64 /* bodies we send */

enum overlay_kind {
	OVERLAY_SLEEVE,
	OVERLAY_KINDS
};

struct overlay_switch {
	bool compat; /* the peer sent no list: sleeve, without numbers */
	size_t count;
	enum overlay_kind kinds[OVERLAY_KINDS]; /* by index on the wire */
};

/* A control message as one overlay sees it; body within the caller's. */
struct overlay_message {
	enum overlay_kind kind;
	uint8_t tag;
	const uint8_t *body;
	size_t len;
};

/*
 * theirs: the peer's list, NULL if it sent none. False: none in common.
 */
bool switch_init(struct overlay_switch *sw, const char *theirs);
/* A control message off the wire; false: short, no such index or tag. */
bool switch_decode(const struct overlay_switch *sw, uint8_t outer,
    const uint8_t *payload, size_t len, struct overlay_message *message);
/*
 * Makes outer tag and payload, of at most SWITCH_BODY_MAX + 2 bytes; its
 * length in *len. False: kind is not in common or the body too long.
 */
bool switch_encode(const struct overlay_switch *sw,
    const struct overlay_message *message, uint8_t *outer,
    uint8_t payload[SWITCH_BODY_MAX + 2], size_t *len);

#endif
