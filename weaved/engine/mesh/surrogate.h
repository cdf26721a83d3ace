/*
 * Gossip on channels nobody here understands is passed on once: what was seen
 * lately is remembered by hash and bytes (mesh-protocol 4.4).
 */
#ifndef ENGINE_MESH_SURROGATE_H
#define ENGINE_MESH_SURROGATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define SURROGATE_LIFE 30000 /* ms */
#define SURROGATE_ENTRIES_MAX 1024
#define SURROGATE_BYTES_MAX 16777216 /* a largest message fits */

struct surrogate;

/* One for all channels. NULL: no memory. */
struct surrogate *surrogate_new(void);
void surrogate_free(struct surrogate *sur);
/*
 * Were these bytes seen on this channel within SURROGATE_LIFE? If not they
 * are remembered, in the place of the oldest ones when there is no room; what
 * can not be remembered counts as seen, or it would circle for ever.
 */
bool surrogate_seen(struct surrogate *sur, const char *channel,
    const uint8_t *data, size_t len, uint64_t now);
/* FNV-1a, 64 bits. */
uint64_t surrogate_hash(const uint8_t *data, size_t len);

#endif
