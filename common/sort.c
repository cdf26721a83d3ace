#include <stdint.h>

#include "common/sort.h"

struct heap {
	uint8_t *base;
	size_t size; /* of an element */
	int (*compare)(const void *, const void *);
};

static void heap_swap(const struct heap *, size_t, size_t);
static void heap_sift(const struct heap *, size_t, size_t);

static void
heap_swap(const struct heap *heap, size_t a, size_t b)
{
	uint8_t *x = heap->base + a * heap->size;
	uint8_t *y = heap->base + b * heap->size;

	for (size_t i = 0; i < heap->size; i++) {
		uint8_t byte = x[i];

		x[i] = y[i];
		y[i] = byte;
	}
}

/* Element at sinks below all that are larger, of the first n. */
static void
heap_sift(const struct heap *heap, size_t at, size_t n)
{
	size_t child;

	while ((child = 2 * at + 1) < n) {
		if (child + 1 < n &&
		    heap->compare(heap->base + child * heap->size,
			heap->base + (child + 1) * heap->size) < 0)
			child++;
		if (heap->compare(heap->base + at * heap->size,
			heap->base + child * heap->size) >= 0)
			return;
		heap_swap(heap, at, child);
		at = child;
	}
}

void
sort_array(void *base, size_t n, size_t size,
    int (*compare)(const void *, const void *))
{
	struct heap heap = {base, size, compare};

	for (size_t at = n / 2; at-- > 0;)
		heap_sift(&heap, at, n);
	while (n > 1) {
		heap_swap(&heap, 0, --n);
		heap_sift(&heap, 0, n);
	}
}
