#include <string.h>

#include "common/addr.h"
#include "weaved/engine/mesh/envelope.h"
#include "weaved/engine/mesh/wire.h"

static bool next_value(struct gob_decoder *, const struct gob_schema *);
static bool next_name(struct gob_decoder *, uint64_t *);
static bool next_channel(struct gob_decoder *, char *);
static bool next_addresses(
    struct gob_decoder *, const uint8_t *, size_t, struct envelope *);
static bool next_data(struct gob_decoder *, struct envelope *);

static bool
next_value(struct gob_decoder *dec, const struct gob_schema *schema)
{
	struct gob_ref ref;

	return gob_decode_next(dec, schema, &ref) == 1;
}

static bool
next_name(struct gob_decoder *dec, uint64_t *name)
{
	return next_value(dec, &gob_uint) && gob_decode_uint(dec, name) &&
	    *name <= PEERNAME_MAX;
}

static bool
next_channel(struct gob_decoder *dec, char *channel)
{
	const uint8_t *text;
	size_t len;

	if (!next_value(dec, &gob_string) ||
	    !gob_decode_bytes(dec, &text, &len) ||
	    len >= ENVELOPE_CHANNEL_MAX || memchr(text, '\0', len) != NULL)
		return false;
	memcpy(channel, text, len);
	channel[len] = '\0';
	return true;
}

static bool
next_data(struct gob_decoder *dec, struct envelope *env)
{
	return next_value(dec, &gob_bytes) &&
	    gob_decode_bytes(dec, &env->data, &env->len);
}

static bool
next_addresses(struct gob_decoder *dec, const uint8_t *message, size_t len,
    struct envelope *env)
{
	memset(env, 0, sizeof(*env));
	if (len == 0 || message[0] < WIRE_GOSSIP ||
	    message[0] > WIRE_GOSSIP_BROADCAST)
		return false;
	env->tag = message[0];
	gob_decode_init(dec, message + 1, len - 1);
	return next_channel(dec, env->channel) &&
	    next_name(dec, &env->source) &&
	    (env->tag != WIRE_GOSSIP_UNICAST ||
		next_name(dec, &env->destination));
}

bool
envelope_parse(const uint8_t *message, size_t len, struct envelope *env)
{
	struct gob_decoder dec;

	return next_addresses(&dec, message, len, env) &&
	    (env->tag == WIRE_GOSSIP_UNICAST || next_data(&dec, env));
}

bool
envelope_parse_data(const uint8_t *message, size_t len, struct envelope *env)
{
	struct gob_decoder dec;

	return next_addresses(&dec, message, len, env) && next_data(&dec, env);
}

bool
envelope_encode(struct gob_encoder *enc, const struct envelope *env)
{
	gob_encode_init(enc, WIRE_BODY_MAX - WIRE_TAG);
	gob_encode_raw(enc, &env->tag, sizeof(env->tag));
	gob_encode_value_text(enc, env->channel);
	gob_encode_value_uint(enc, env->source);
	if (env->tag == WIRE_GOSSIP_UNICAST)
		gob_encode_value_uint(enc, env->destination);
	gob_encode_value_bytes(enc, env->data, env->len);
	return !enc->failed;
}
