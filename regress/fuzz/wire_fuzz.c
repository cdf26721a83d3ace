/* Header, length and a sealed body, opened apart and in place. */
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/mesh/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static const uint8_t key[WIRE_KEY_LEN];
	uint8_t *copy, low, high;
	size_t n;

	if (len >= WIRE_HEADER_LEN && wire_header_get(data, &low, &high) &&
	    low > high)
		abort();
	if (len < WIRE_LENGTH_LEN)
		return 0;
	n = wire_length_get(data);
	data += WIRE_LENGTH_LEN;
	len -= WIRE_LENGTH_LEN;
	if (n > len)
		n = len;
	if ((copy = malloc(n + 1)) == NULL)
		return 0;
	memcpy(copy, data, n);
	wire_open(
	    key, false, n, n < WIRE_TAG ? copy : copy + WIRE_TAG, copy, n);
	free(copy);
	return 0;
}
