#include "common/offload.h"

#include <string.h>

const char *
offload_format(uint32_t offloads, char text[OFFLOAD_STRLEN])
{
	static const char *const names[] = {
	    "tap", "tap-udp", "udp-send", "udp-receive", "coalesce"};

	text[0] = '\0';
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if ((offloads & 1u << i) == 0)
			continue;
		if (text[0] != '\0')
			strlcat(text, ", ", OFFLOAD_STRLEN);
		strlcat(text, names[i], OFFLOAD_STRLEN);
	}
	if (text[0] == '\0')
		strlcpy(text, "none", OFFLOAD_STRLEN);
	return text;
}
