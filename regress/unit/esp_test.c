/* Keys and message of ESP against fastdp_esp.json. */
#include <atf-c.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "regress/lib/vectors.h"
#include "weaved/parent/esp.h"

static uint8_t *bytes_of(const json_t *, const char *, size_t);
static void expect_bytes(const json_t *, const char *, const void *, size_t);
static void expect_derivation(const json_t *);

static uint8_t *
bytes_of(const json_t *object, const char *key, size_t expected)
{
	size_t len;
	uint8_t *bytes = vectors_bytes(object, key, &len);

	ATF_REQUIRE_EQ(expected, len);
	return bytes;
}

static void
expect_bytes(const json_t *object, const char *key, const void *got, size_t len)
{
	uint8_t *bytes = bytes_of(object, key, len);

	ATF_CHECK_MSG(memcmp(bytes, got, len) == 0, "%s differs", key);
	free(bytes);
}

static void
expect_derivation(const json_t *item)
{
	uint8_t *session_key = bytes_of(item, "session_key", 32);
	uint8_t *nonce = bytes_of(item, "nonce", ESP_NONCE_LEN);
	uint8_t body[3 + ESP_MESSAGE_LEN] = {7, 0, 1};
	struct esp_message message, parsed;
	struct esp_key key;
	uint64_t receiver;

	ATF_REQUIRE(peername_parse(
	    vectors_text(item, "receiving_peer_name"), &receiver));
	esp_derive_key(&key, session_key, nonce, receiver);
	expect_bytes(item, "key_material", &key, sizeof(key));
	expect_bytes(item, "aes_key", key.aes, sizeof(key.aes));
	expect_bytes(item, "salt", key.salt, sizeof(key.salt));

	memcpy(message.nonce, nonce, ESP_NONCE_LEN);
	message.spi = (uint32_t)vectors_u64(item, "spi");
	memset(body + 3, 0x5a, ESP_MESSAGE_LEN);
	esp_encode_message(body + 3, &message);
	expect_bytes(item, "init_sa_message", body + 3, ESP_MESSAGE_LEN);
	/* Overlay control, fastdp first of the common overlays, tag 1. */
	expect_bytes(item, "tcp_message_fastdp_index_0", body, sizeof(body));
	ATF_REQUIRE(esp_parse_message(body + 3, ESP_MESSAGE_LEN, &parsed));
	ATF_CHECK_EQ(message.spi, parsed.spi);
	ATF_CHECK(memcmp(nonce, parsed.nonce, ESP_NONCE_LEN) == 0);
	free(session_key);
	free(nonce);
}

ATF_TC_WITHOUT_HEAD(derivations);
ATF_TC_BODY(derivations, tc)
{
	json_t *root = vectors_load("fastdp_esp.json"), *item;
	size_t i;

	ATF_REQUIRE(sodium_init() != -1);
	json_array_foreach(vectors_get(root, "derivations"), i, item)
		expect_derivation(item);
	ATF_CHECK_EQ(3, i);
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(parse);
ATF_TC_BODY(parse, tc)
{
	json_t *root = vectors_load("fastdp_esp.json"), *item;
	struct esp_message message;
	uint8_t *body;
	size_t i, len;
	bool ok;

	json_array_foreach(vectors_get(root, "parse"), i, item) {
		body = vectors_bytes(item, "body", &len);
		ok = *vectors_text(item, "error") == '\0';
		ATF_REQUIRE_EQ(ok, esp_parse_message(body, len, &message));
		free(body);
		if (!ok)
			continue;
		expect_bytes(item, "nonce", message.nonce, ESP_NONCE_LEN);
		ATF_CHECK_EQ(vectors_u64(item, "spi"), message.spi);
	}
	ATF_CHECK_EQ(5, i);
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(reserved_spi);
ATF_TC_BODY(reserved_spi, tc)
{
	struct esp_message message = {.spi = 0xff};
	uint8_t body[ESP_MESSAGE_LEN];

	esp_encode_message(body, &message);
	ATF_CHECK(!esp_parse_message(body, sizeof(body), &message));
	message.spi = ESP_SPI_MIN;
	esp_encode_message(body, &message);
	ATF_CHECK(esp_parse_message(body, sizeof(body), &message));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, derivations);
	ATF_TP_ADD_TC(tp, parse);
	ATF_TP_ADD_TC(tp, reserved_spi);
	return atf_no_error();
}
