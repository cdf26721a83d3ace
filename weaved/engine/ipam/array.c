#include <stdlib.h>

#include "weaved/engine/ipam/array.h"

#define FIRST 8

void *
array_reserve(void *items, size_t *size, size_t want, size_t elem, size_t max)
{
	size_t room = *size < FIRST ? FIRST : *size;
	void *moved;

	if (want > max)
		return NULL;
	if (want <= *size && items != NULL)
		return items;
	while (room < want)
		room *= 2;
	if ((moved = reallocarray(items, room, elem)) != NULL)
		*size = room;
	return moved;
}
