#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"

static int hex_digit(char);
static int name_group(const char **, uint8_t *);
static int name_groups(const char **, uint8_t *, int);
static bool decimal_parse(const char **, uint32_t, uint32_t *);
static bool quad_parse(const char **, uint32_t *);
static uint32_t subnet_mask(uint8_t);

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* One or two hex digits; returns how many. */
static int
name_group(const char **text, uint8_t *value)
{
	int digit, n;

	*value = 0;
	for (n = 0; n < 2 && (digit = hex_digit(**text)) != -1; n++) {
		*value = (uint8_t)(*value << 4 | digit);
		(*text)++;
	}
	return n;
}

/*
 * Groups with single colons between them, as many as there are up to max.
 * Stops before "::" and at what is no group. Returns -1 if a colon is the
 * last character.
 */
static int
name_groups(const char **text, uint8_t *groups, int max)
{
	int n = 0;

	while (n < max) {
		if (name_group(text, &groups[n]) == 0)
			return n == 0 ? 0 : -1;
		n++;
		if (n == max || **text != ':' || (*text)[1] == ':')
			break;
		(*text)++;
	}
	return n;
}

/*
 * Either six groups, or "::" once in the place of the missing ones, with one
 * to four groups given.
 */
bool
peername_parse(const char *text, uint64_t *name)
{
	uint8_t bytes[PEERNAME_LEN] = {0}, tail[4];
	int head, after;

	if ((head = name_groups(&text, bytes, 6)) == -1)
		return false;
	if (head == 6) {
		if (*text != '\0')
			return false;
		*name = peername_get(bytes);
		return true;
	}
	if (head > 4 || text[0] != ':' || text[1] != ':')
		return false;
	text += 2;
	after = name_groups(&text, tail, 4);
	if (after == -1 || head + after < 1 || head + after > 4 ||
	    *text != '\0')
		return false;
	memcpy(bytes + PEERNAME_LEN - after, tail, (size_t)after);
	*name = peername_get(bytes);
	return true;
}

const char *
peername_format(uint64_t name, char buf[PEERNAME_STRLEN])
{
	uint8_t b[PEERNAME_LEN];

	peername_put(name, b);
	snprintf(buf, PEERNAME_STRLEN, "%02x:%02x:%02x:%02x:%02x:%02x", b[0],
	    b[1], b[2], b[3], b[4], b[5]);
	return buf;
}

uint64_t
peername_get(const uint8_t bytes[PEERNAME_LEN])
{
	uint64_t name = 0;

	for (size_t i = 0; i < PEERNAME_LEN; i++)
		name = name << 8 | bytes[i];
	return name;
}

void
peername_put(uint64_t name, uint8_t bytes[PEERNAME_LEN])
{
	for (size_t i = PEERNAME_LEN; i > 0; i--) {
		bytes[i - 1] = (uint8_t)name;
		name >>= 8;
	}
}

/* Digits without a leading zero, at most max; moves text behind them. */
static bool
decimal_parse(const char **text, uint32_t max, uint32_t *value)
{
	const char *p = *text;
	uint32_t v = 0;

	if (*p < '0' || *p > '9' || (*p == '0' && p[1] >= '0' && p[1] <= '9'))
		return false;
	for (; *p >= '0' && *p <= '9'; p++) {
		v = v * 10 + (uint32_t)(*p - '0');
		if (v > max)
			return false;
	}
	*text = p;
	*value = v;
	return true;
}

static bool
quad_parse(const char **text, uint32_t *addr)
{
	const char *p = *text;
	uint32_t value = 0, part;

	for (int i = 0; i < 4; i++) {
		if (i > 0 && *p++ != '.')
			return false;
		if (!decimal_parse(&p, 255, &part))
			return false;
		value = value << 8 | part;
	}
	*text = p;
	*addr = value;
	return true;
}

bool
ipv4_parse(const char *text, uint32_t *addr)
{
	uint32_t value;

	if (!quad_parse(&text, &value) || *text != '\0')
		return false;
	*addr = value;
	return true;
}

const char *
ipv4_format(uint32_t addr, char buf[IPV4_STRLEN])
{
	snprintf(buf, IPV4_STRLEN, "%u.%u.%u.%u", addr >> 24, addr >> 16 & 0xff,
	    addr >> 8 & 0xff, addr & 0xff);
	return buf;
}

bool
endpoint_parse(const char *text, struct endpoint *ep)
{
	uint32_t addr, port = 0;

	if (!quad_parse(&text, &addr))
		return false;
	if (*text == ':') {
		text++;
		if (!decimal_parse(&text, UINT16_MAX, &port))
			return false;
	}
	if (*text != '\0')
		return false;
	ep->addr = addr;
	ep->port = (uint16_t)port;
	return true;
}

const char *
endpoint_format(struct endpoint ep, char buf[ENDPOINT_STRLEN])
{
	char addr[IPV4_STRLEN];

	snprintf(
	    buf, ENDPOINT_STRLEN, "%s:%u", ipv4_format(ep.addr, addr), ep.port);
	return buf;
}

bool
endpoint_equal(struct endpoint a, struct endpoint b)
{
	return a.addr == b.addr && a.port == b.port;
}

static uint32_t
subnet_mask(uint8_t len)
{
	return len == 0 ? 0 : UINT32_MAX << (32 - len);
}

bool
subnet_parse(const char *text, struct subnet *subnet)
{
	uint32_t addr, len;

	if (!quad_parse(&text, &addr) || *text++ != '/' ||
	    !decimal_parse(&text, 32, &len) || *text != '\0' ||
	    (addr & ~subnet_mask((uint8_t)len)) != 0)
		return false;
	subnet->addr = addr;
	subnet->len = (uint8_t)len;
	return true;
}

const char *
subnet_format(struct subnet subnet, char buf[SUBNET_STRLEN])
{
	char addr[IPV4_STRLEN];

	snprintf(buf, SUBNET_STRLEN, "%s/%u", ipv4_format(subnet.addr, addr),
	    subnet.len & 0x3fu);
	return buf;
}

bool
subnet_contains(struct subnet subnet, uint32_t addr)
{
	return (addr & subnet_mask(subnet.len)) == subnet.addr;
}
