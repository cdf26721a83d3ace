/* An address of either family with the length of its subnet. */
#ifndef COMMON_IPNET_H
#define COMMON_IPNET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IPNET_STRLEN 64 /* address, slash, length and NUL */

struct ipnet {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t len; /* at most 32, or 128 */
	uint8_t bytes[16]; /* network order, the rest 0 */
};

/* "10.32.0.1/12"; host bits may be set. */
bool ipnet_parse(const char *text, struct ipnet *net);
/* "10.32.0.1": len is the longest. */
bool ipnet_parse_address(const char *text, struct ipnet *net);
/* Addresses of addr.h, host order. */
struct ipnet ipnet_from_ipv4(uint32_t addr, uint8_t len);
uint32_t ipnet_ipv4(const struct ipnet *net);
/* With its length; returns buf. */
const char *ipnet_format(const struct ipnet *net, char buf[IPNET_STRLEN]);
const char *ipnet_format_address(
    const struct ipnet *net, char buf[IPNET_STRLEN]);
size_t ipnet_size(const struct ipnet *net); /* 4 or 16 */
/* Is address in the subnet that net lies in? */
bool ipnet_contains(const struct ipnet *net, const struct ipnet *address);
bool ipnet_has_host_bits(const struct ipnet *net);
bool ipnet_equal_address(const struct ipnet *a, const struct ipnet *b);

#endif
