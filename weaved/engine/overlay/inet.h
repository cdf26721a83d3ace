/*
 * Where the headers of a frame with TCP or UDP over IPv4 or IPv6 are, for
 * cutting and joining (segment.h, coalesce.h). Offsets count from the start
 * of the frame.
 */
#ifndef ENGINE_OVERLAY_INET_H
#define ENGINE_OVERLAY_INET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INET_TCP 6
#define INET_UDP 17
#define INET_IPV4 20 /* header without options */
#define INET_IPV6 40
#define INET_TCP_MIN 20
#define INET_UDP_HEADER 8

#define INET_FIN 0x01
#define INET_PSH 0x08
#define INET_ACK 0x10
#define INET_CWR 0x80

struct inet {
	bool ipv6;
	uint8_t protocol; /* INET_TCP, INET_UDP */
	uint16_t ip; /* after Ethernet header and VLAN tags */
	uint16_t transport;
	uint16_t payload;
};

uint16_t inet_get16(const uint8_t *p);
uint32_t inet_get32(const uint8_t *p);
void inet_put16(uint8_t *p, size_t value);
void inet_put32(uint8_t *p, uint32_t value);

/*
 * Finds the IP header behind up to two VLAN tags, and its family; false for
 * another protocol or a frame that ends before its shortest header does.
 */
bool inet_find_ip(const uint8_t *data, size_t len, struct inet *inet);
/*
 * With inet->transport and protocol known: finds the payload; false if the
 * TCP or UDP header is not whole.
 */
bool inet_find_payload(const uint8_t *data, size_t len, struct inet *inet);
/*
 * Writes the length of the IP packet (len bytes of transport header and
 * payload) and, for IPv4, the checksum of its header.
 */
void inet_put_length(uint8_t *data, const struct inet *inet, size_t len);
/* Offset of the checksum within the transport header. */
size_t inet_checksum_offset(const struct inet *inet);

#endif
