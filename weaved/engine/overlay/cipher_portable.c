/* What any compiler for any machine has: vectors of 128 bits. */
#define LANES 4
#define TARGET

#include "weaved/engine/overlay/cipher_salsa.h"

static bool supported(void);

/* The words of the states are those of memory on little endian machines. */
static bool
supported(void)
{
	return __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__;
}

const struct cipher_code cipher_portable = {
#ifdef __ARM_NEON
    .name = "neon",
#else
    .name = "portable",
#endif
    .supported = supported,
    .lanes = LANES,
    .stream = salsa_stream,
};
