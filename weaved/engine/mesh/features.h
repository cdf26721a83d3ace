/*
 * The features map: the first body in each direction (mesh-protocol 1.4).
 */
#ifndef ENGINE_MESH_FEATURES_H
#define ENGINE_MESH_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"

#define FEATURES_MAX 1024 /* bytes that features_encode writes */
#define FEATURES_KEYS_MAX 64 /* in a map that we accept */
#define FEATURES_OVERLAYS_MAX 64 /* with NUL */
#define FEATURES_SOFTWARE_MAX 32 /* with NUL */
#define SHORT_ID_MAX 4095

struct features {
	uint64_t name;
	uint64_t uid;
	uint64_t conn_id; /* connection UID: XOR of both sides' */
	uint16_t short_id;
	bool has_short_id;
	bool trusted; /* the sender trusts the receiver */
	bool has_overlays; /* false: compatibility mode (3.3) */
	char overlays[FEATURES_OVERLAYS_MAX];
	char nickname[NICKNAME_MAX]; /* unchecked bytes, maybe cut */
	/* Our own key "Weaved": version of the suite; empty: another router. */
	char software[FEATURES_SOFTWARE_MAX];
};

/*
 * Reads a map with all rules of 1.4, and refuses name 0. Bytes behind the
 * value are ignored. False: cause says why, made printable.
 */
bool features_decode(const uint8_t *data, size_t len, struct features *features,
    char *cause, size_t size);
/* Returns the bytes written to buf, 0 if they do not fit. */
size_t features_encode(
    const struct features *features, uint8_t *buf, size_t size);

#endif
