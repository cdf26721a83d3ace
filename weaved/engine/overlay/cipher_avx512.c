#ifdef __x86_64__

#include <immintrin.h>

#define LANES 16
#define TARGET __attribute__((target("avx512f,avx512ifma")))

#include "weaved/engine/overlay/cipher_salsa.h"

static bool supported(void);

static bool
supported(void)
{
	return __builtin_cpu_supports("avx512f") &&
	    __builtin_cpu_supports("avx512ifma");
}

const struct cipher_code cipher_avx512 = {
    .name = "avx512",
    .supported = supported,
    .lanes = LANES,
    .stream = salsa_stream,
};

#endif
