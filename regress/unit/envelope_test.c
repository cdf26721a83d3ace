#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/envelope.h"
#include "weaved/engine/mesh/wire.h"

static uint8_t
tag_of(const char *kind)
{
	if (strcmp(kind, "gossip") == 0)
		return WIRE_GOSSIP;
	return strcmp(kind, "broadcast") == 0 ? WIRE_GOSSIP_BROADCAST
					      : WIRE_GOSSIP_UNICAST;
}

ATF_TC_WITHOUT_HEAD(encodings);
ATF_TC_BODY(encodings, tc)
{
	json_t *file = vectors_load("gossip_messages.json");
	json_t *c;
	struct envelope env;
	struct gob_encoder enc;
	size_t i, len, paylen;
	uint64_t name;

	json_array_foreach(vectors_get(file, "encodings"), i, c) {
		uint8_t *message = vectors_bytes(c, "message", &len);
		uint8_t *payload = vectors_bytes(c, "payload", &paylen);

		ATF_REQUIRE(envelope_parse(message, len, &env));
		ATF_CHECK_EQ(env.tag, tag_of(vectors_text(c, "kind")));
		ATF_CHECK_STREQ(env.channel, vectors_text(c, "channel"));
		ATF_REQUIRE(peername_parse(vectors_text(c, "src"), &name));
		ATF_CHECK_EQ(env.source, name);
		if (env.tag == WIRE_GOSSIP_UNICAST) {
			ATF_REQUIRE(
			    peername_parse(vectors_text(c, "dst"), &name));
			ATF_CHECK_EQ(env.destination, name);
			ATF_CHECK_EQ(env.data, NULL);
			ATF_REQUIRE(envelope_parse_data(message, len, &env));
		}
		ATF_CHECK_EQ(env.len, paylen);
		ATF_CHECK(memcmp(env.data, payload, paylen) == 0);
		ATF_REQUIRE(envelope_encode(&enc, &env));
		ATF_CHECK_EQ(enc.len, len);
		ATF_CHECK(memcmp(enc.data, message, len) == 0);
		gob_encode_free(&enc);
		free(message);
		free(payload);
	}
	json_decref(file);
}

/* What of these verdicts the envelope decides; handlers decide the others. */
ATF_TC_WITHOUT_HEAD(receive);
ATF_TC_BODY(receive, tc)
{
	json_t *file = vectors_load("gossip_messages.json"), *c;
	struct envelope env;
	size_t i, len;
	bool ok, survives;

	json_array_foreach(vectors_get(file, "receive"), i, c) {
		const char *label = vectors_text(c, "label");
		uint8_t *message = vectors_bytes(c, "message", &len);

		survives = json_is_true(vectors_get(c, "connection_survives"));
		if (message[0] < WIRE_GOSSIP ||
		    message[0] > WIRE_GOSSIP_BROADCAST) {
			ATF_CHECK(!envelope_parse(message, len, &env));
			free(message);
			continue;
		}
		ok = envelope_parse(message, len, &env);
		if (strncmp(label, "topology", 8) == 0)
			survives = true;
		ATF_CHECK_EQ_MSG(ok, survives, "%s", label);
		free(message);
	}
	json_decref(file);
}

/* No prefix of a message is taken for the whole. */
ATF_TC_WITHOUT_HEAD(truncated);
ATF_TC_BODY(truncated, tc)
{
	static const uint8_t data[] = {1, 2, 3};
	struct envelope env = {.tag = WIRE_GOSSIP_UNICAST,
	    .channel = "test",
	    .source = 1,
	    .destination = 2,
	    .data = data,
	    .len = sizeof(data)};
	struct envelope out;
	struct gob_encoder enc;

	ATF_REQUIRE(envelope_encode(&enc, &env));
	for (size_t n = 0; n < enc.len; n++)
		ATF_CHECK_MSG(
		    !envelope_parse_data(enc.data, n, &out), "%zu", n);
	ATF_CHECK(envelope_parse_data(enc.data, enc.len, &out));
	gob_encode_free(&enc);
}

/* Names beyond 48 bits and long or odd channel names are refused. */
ATF_TC_WITHOUT_HEAD(limits);
ATF_TC_BODY(limits, tc)
{
	struct gob_encoder enc;
	struct envelope env;
	char channel[ENVELOPE_CHANNEL_MAX + 1];

	for (int i = 0; i < 3; i++) {
		memset(channel, 'x', sizeof(channel));
		gob_encode_init(&enc, 4096);
		gob_encode_raw(&enc, "\4", 1);
		gob_encode_begin(&enc, &gob_string);
		gob_encode_bytes(&enc, i == 1 ? "a\0b" : channel,
		    i == 0       ? ENVELOPE_CHANNEL_MAX
			: i == 1 ? 3
				 : 4);
		gob_encode_end(&enc);
		gob_encode_value_uint(&enc, i == 2 ? PEERNAME_MAX + 1 : 1);
		gob_encode_value_bytes(&enc, "", 0);
		ATF_CHECK(!envelope_parse(enc.data, enc.len, &env));
		gob_encode_free(&enc);
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, encodings);
	ATF_TP_ADD_TC(tp, receive);
	ATF_TP_ADD_TC(tp, truncated);
	ATF_TP_ADD_TC(tp, limits);
	return atf_no_error();
}
