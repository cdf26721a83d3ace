/* Arrays that grow by doubling, for the lists of this layer. */
#ifndef ENGINE_IPAM_ARRAY_H
#define ENGINE_IPAM_ARRAY_H

#include <stddef.h>

/*
 * Room for want elements of a number of bytes each, of which *size are there.
 * Returns items, perhaps moved, with *size grown; NULL without memory or if
 * want is above max, then nothing has changed.
 */
void *array_reserve(
    void *items, size_t *size, size_t want, size_t elem, size_t max);

#endif
