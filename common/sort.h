/*
 * Sorting for confined processes: qsort(3) of the C library allocates, and
 * before a large allocation asks the kernel how much memory there is, which
 * their filters do not allow.
 */
#ifndef COMMON_SORT_H
#define COMMON_SORT_H

#include <stddef.h>

/* As qsort(3), in place, n log n steps whatever the input; not stable. */
void sort_array(void *base, size_t n, size_t size,
    int (*compare)(const void *, const void *));

#endif
