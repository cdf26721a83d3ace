#include <sys/socket.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ipnet.h"

static bool same_bits(const uint8_t *, const uint8_t *, unsigned);

size_t
ipnet_size(const struct ipnet *net)
{
	return net->family == AF_INET6 ? 16 : 4;
}

bool
ipnet_parse_address(const char *text, struct ipnet *net)
{
	struct ipnet parsed = {0};

	if (inet_pton(AF_INET, text, parsed.bytes) == 1)
		parsed.family = AF_INET;
	else if (inet_pton(AF_INET6, text, parsed.bytes) == 1)
		parsed.family = AF_INET6;
	else
		return false;
	parsed.len = (uint8_t)(ipnet_size(&parsed) * 8);
	*net = parsed;
	return true;
}

bool
ipnet_parse(const char *text, struct ipnet *net)
{
	const char *slash = strchr(text, '/'), *error;
	char address[IPNET_STRLEN];
	struct ipnet parsed;
	long long len;

	if (slash == NULL || (size_t)(slash - text) >= sizeof(address) ||
	    slash[1] < '0' || slash[1] > '9')
		return false;
	memcpy(address, text, (size_t)(slash - text));
	address[slash - text] = '\0';
	if (!ipnet_parse_address(address, &parsed))
		return false;
	len = strtonum(slash + 1, 0, parsed.len, &error);
	if (error != NULL)
		return false;
	parsed.len = (uint8_t)len;
	*net = parsed;
	return true;
}

struct ipnet
ipnet_from_ipv4(uint32_t addr, uint8_t len)
{
	struct ipnet net = {.family = AF_INET, .len = len};

	addr = htonl(addr);
	memcpy(net.bytes, &addr, sizeof(addr));
	return net;
}

uint32_t
ipnet_ipv4(const struct ipnet *net)
{
	uint32_t addr;

	memcpy(&addr, net->bytes, sizeof(addr));
	return ntohl(addr);
}

const char *
ipnet_format_address(const struct ipnet *net, char buf[IPNET_STRLEN])
{
	if (inet_ntop(net->family, net->bytes, buf, IPNET_STRLEN) == NULL)
		buf[0] = '\0';
	return buf;
}

const char *
ipnet_format(const struct ipnet *net, char buf[IPNET_STRLEN])
{
	size_t n = strlen(ipnet_format_address(net, buf));

	snprintf(buf + n, IPNET_STRLEN - n, "/%u", net->len);
	return buf;
}

static bool
same_bits(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8, rest = bits % 8;

	return memcmp(a, b, whole) == 0 &&
	    (rest == 0 || (a[whole] ^ b[whole]) >> (8 - rest) == 0);
}

bool
ipnet_contains(const struct ipnet *net, const struct ipnet *address)
{
	return net->family == address->family &&
	    same_bits(net->bytes, address->bytes, net->len);
}

bool
ipnet_has_host_bits(const struct ipnet *net)
{
	for (unsigned bit = net->len; bit < ipnet_size(net) * 8; bit++)
		if (net->bytes[bit / 8] & (0x80 >> bit % 8))
			return true;
	return false;
}

bool
ipnet_equal_address(const struct ipnet *a, const struct ipnet *b)
{
	return a->family == b->family &&
	    memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}
