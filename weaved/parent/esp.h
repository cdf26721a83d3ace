/*
 * What two peers agree on for ESP between them (mesh-protocol 8.4): the
 * receiver of one direction sends a nonce and its SPI, and both derive the key
 * of that direction.
 */
#ifndef PARENT_ESP_H
#define PARENT_ESP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ESP_SESSION_KEY_LEN 32
#define ESP_NONCE_LEN 32
#define ESP_AES_LEN 32
#define ESP_SALT_LEN 4
#define ESP_SPI_MIN 0x100 /* those below are reserved */

/* rfc4106(gcm(aes)), as the kernel takes it: 288 bits. */
struct esp_key {
	uint8_t aes[ESP_AES_LEN];
	uint8_t salt[ESP_SALT_LEN];
};
_Static_assert(sizeof(struct esp_key) == 36, "key material of 8.4");

/*
 * Body of fastdp's control message 1:
 *
 *	 0                      32       36                    64
 *	+-----------------------+--------+---------------------+
 *	| nonce                 | SPI    | zeros, not looked at|
 *	+-----------------------+--------+---------------------+
 */
#define ESP_MESSAGE_LEN 64

struct esp_message {
	uint8_t nonce[ESP_NONCE_LEN];
	uint32_t spi;
};

/* receiver: name of the peer that receives what the key protects. */
void esp_derive_key(struct esp_key *key,
    const uint8_t session_key[ESP_SESSION_KEY_LEN],
    const uint8_t nonce[ESP_NONCE_LEN], uint64_t receiver);
void esp_encode_message(
    uint8_t body[ESP_MESSAGE_LEN], const struct esp_message *message);
/* False: not ESP_MESSAGE_LEN bytes, or an SPI below ESP_SPI_MIN. */
bool esp_parse_message(
    const uint8_t *body, size_t len, struct esp_message *message);

#endif
