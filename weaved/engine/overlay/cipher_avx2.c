#ifdef __x86_64__

#include <immintrin.h>

#define LANES 8
#define TARGET __attribute__((target("avx2")))

#include "weaved/engine/overlay/cipher_salsa.h"

static bool supported(void);

static bool
supported(void)
{
	return __builtin_cpu_supports("avx2");
}

const struct cipher_code cipher_avx2 = {
    .name = "avx2",
    .supported = supported,
    .lanes = LANES,
    .stream = salsa_stream,
};

#endif
