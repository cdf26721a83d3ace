#include <sys/types.h>

#include <endian.h>
#include <string.h>

#include "weaved/parent/esp.h"
#include "common/hkdf.h"

void
esp_derive_key(struct esp_key *key,
    const uint8_t session_key[ESP_SESSION_KEY_LEN],
    const uint8_t nonce[ESP_NONCE_LEN], uint64_t receiver)
{
	uint64_t name = htobe64(receiver);
	uint8_t info[sizeof(name)];

	memcpy(info, &name, sizeof(info));
	hkdf_sha256((uint8_t *)key, sizeof(*key), session_key,
	    ESP_SESSION_KEY_LEN, nonce, ESP_NONCE_LEN, info, sizeof(info));
}

void
esp_encode_message(
    uint8_t body[ESP_MESSAGE_LEN], const struct esp_message *message)
{
	uint32_t spi = htobe32(message->spi);

	memset(body, 0, ESP_MESSAGE_LEN);
	memcpy(body, message->nonce, ESP_NONCE_LEN);
	memcpy(body + ESP_NONCE_LEN, &spi, sizeof(spi));
}

bool
esp_parse_message(const uint8_t *body, size_t len, struct esp_message *message)
{
	uint32_t spi;

	if (len != ESP_MESSAGE_LEN)
		return false;
	memcpy(message->nonce, body, ESP_NONCE_LEN);
	memcpy(&spi, body + ESP_NONCE_LEN, sizeof(spi));
	message->spi = be32toh(spi);
	return message->spi >= ESP_SPI_MIN;
}
