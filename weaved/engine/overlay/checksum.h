/*
 * The Internet checksum (RFC 1071). Sums are of 16-bit words as they lie in
 * memory, so what is folded is stored as it is, and numbers are added in
 * network order.
 */
#ifndef ENGINE_OVERLAY_CHECKSUM_H
#define ENGINE_OVERLAY_CHECKSUM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Adds len bytes, at most 2^20, that begin at an even place. */
uint64_t checksum_add(uint64_t sum, const uint8_t *data, size_t len);
/* To 16 bits, not complemented. */
uint16_t checksum_fold(uint64_t sum);
/*
 * The pseudo header of the IP packet at ip for len bytes of TCP (6) or UDP
 * (17), addresses unchecked.
 */
uint64_t checksum_pseudo(
    const uint8_t *ip, bool ipv6, uint8_t protocol, size_t len);
/* Puts the complement of sum at p; UDP never gets 0, which means none. */
void checksum_put(uint8_t *p, uint64_t sum, bool udp);
/* The checksum of an IPv4 header of len bytes anew. */
void checksum_ipv4(uint8_t *ip, size_t len);

#endif
