/*
 * Peer names, IPv4 endpoints and subnets: the three kinds of address that
 * every part of the suite passes around.
 */
#ifndef COMMON_ADDR_H
#define COMMON_ADDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A peer name is a 48 bit number, written like a MAC (mesh-protocol 2.1).
 * It travels as six bytes, most significant first.
 */
#define PEERNAME_UNKNOWN UINT64_C(0)
#define PEERNAME_MAX UINT64_C(0xffffffffffff)
#define PEERNAME_LEN 6 /* bytes on the wire */
#define PEERNAME_STRLEN 18 /* "xx:xx:xx:xx:xx:xx" and NUL */
#define NICKNAME_MAX 256 /* bytes with NUL, of nicknames kept */

/* Returns false and leaves *name alone if text is not a peer name. */
bool peername_parse(const char *text, uint64_t *name);
/* Writes canonical text; returns buf. */
const char *peername_format(uint64_t name, char buf[PEERNAME_STRLEN]);
uint64_t peername_get(const uint8_t bytes[PEERNAME_LEN]);
void peername_put(uint64_t name, uint8_t bytes[PEERNAME_LEN]);

/* IPv4 address and port, both in host byte order. Address 0: none. */
struct endpoint {
	uint32_t addr;
	uint16_t port;
};

#define ENDPOINT_STRLEN 22 /* "255.255.255.255:65535" and NUL */
#define IPV4_STRLEN 16

/* Strict dotted quad; no leading zeros, no short forms. */
bool ipv4_parse(const char *text, uint32_t *addr);
const char *ipv4_format(uint32_t addr, char buf[IPV4_STRLEN]);
/* "a.b.c.d" or "a.b.c.d:port"; without a port it is 0. */
bool endpoint_parse(const char *text, struct endpoint *ep);
const char *endpoint_format(struct endpoint ep, char buf[ENDPOINT_STRLEN]);
bool endpoint_equal(struct endpoint a, struct endpoint b);

struct subnet {
	uint32_t addr; /* host order, bits beyond len are zero */
	uint8_t len; /* 0 to 32 */
};

#define SUBNET_STRLEN 19 /* "255.255.255.255/32" and NUL */
#define SUBNETS_MAX 64 /* in one list of the configuration */

/* "a.b.c.d/len"; host bits set are an error. */
bool subnet_parse(const char *text, struct subnet *subnet);
const char *subnet_format(struct subnet subnet, char buf[SUBNET_STRLEN]);
bool subnet_contains(struct subnet subnet, uint32_t addr);

#endif
