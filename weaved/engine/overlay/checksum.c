#include "weaved/engine/overlay/checksum.h"

#include <arpa/inet.h>
#include <string.h>

#define LANES 8
#define IPV4_CHECKSUM 10
#define IPV4_SOURCE 12
#define IPV6_SOURCE 8

typedef uint32_t checksum_vector __attribute__((vector_size(4 * LANES)));

uint64_t
checksum_add(uint64_t sum, const uint8_t *data, size_t len)
{
	checksum_vector low = {0}, high = {0}, v;
	uint16_t word;

	/* A lane of 32 bits takes 2^16 words: 2^21 bytes of all lanes. */
	for (; len >= sizeof(v); len -= sizeof(v), data += sizeof(v)) {
		memcpy(&v, data, sizeof(v));
		low += v & 0xffff;
		high += v >> 16;
	}
	for (int i = 0; i < LANES; i++)
		sum += (uint64_t)low[i] + high[i];
	for (; len >= sizeof(word); len -= 2, data += 2) {
		memcpy(&word, data, sizeof(word));
		sum += word;
	}
	if (len != 0) {
		word = 0;
		memcpy(&word, data, 1);
		sum += word;
	}
	return sum;
}

uint16_t
checksum_fold(uint64_t sum)
{
	sum = (sum & 0xffffffff) + (sum >> 32);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)sum;
}

uint64_t
checksum_pseudo(const uint8_t *ip, bool ipv6, uint8_t protocol, size_t len)
{
	uint64_t sum = ipv6 ? checksum_add(0, ip + IPV6_SOURCE, 32)
			    : checksum_add(0, ip + IPV4_SOURCE, 8);

	return sum + htons(protocol) + htons((uint16_t)len) +
	    htons((uint16_t)(len >> 16));
}

void
checksum_put(uint8_t *p, uint64_t sum, bool udp)
{
	uint16_t value = (uint16_t)~checksum_fold(sum);

	if (udp && value == 0)
		value = 0xffff;
	memcpy(p, &value, sizeof(value));
}

void
checksum_ipv4(uint8_t *ip, size_t len)
{
	memset(ip + IPV4_CHECKSUM, 0, 2);
	checksum_put(ip + IPV4_CHECKSUM, checksum_add(0, ip, len), false);
}
