/* A message that parses comes out of our encoder as one that parses alike. */
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/mesh/envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct envelope env, again;
	struct gob_encoder enc;

	if (!envelope_parse(data, len, &env) ||
	    !envelope_parse_data(data, len, &env))
		return 0;
	if (!envelope_encode(&enc, &env) ||
	    !envelope_parse_data(enc.data, enc.len, &again) ||
	    again.source != env.source || again.len != env.len ||
	    strcmp(again.channel, env.channel) != 0)
		abort();
	gob_encode_free(&enc);
	return 0;
}
