/* What is accepted survives our own encoder; causes are printable. */
#include <stdlib.h>

#include "weaved/engine/mesh/features.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct features features, again;
	uint8_t buf[4 * FEATURES_MAX];
	char cause[128];
	size_t n;

	if (!features_decode(data, len, &features, cause, sizeof(cause)))
		return 0;
	n = features_encode(&features, buf, sizeof(buf));
	if (n == 0 || !features_decode(buf, n, &again, cause, sizeof(cause)) ||
	    again.name != features.name || again.uid != features.uid)
		abort();
	return 0;
}
