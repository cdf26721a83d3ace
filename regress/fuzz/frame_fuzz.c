/* Frames off a pod's wire: decoding, ICMP answers, fragments. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/overlay/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The first two bytes are the MTU. */
int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint8_t answer[FRAME_TOO_BIG_MAX], *out;
	struct frame frame = {0};
	size_t offset = 0, part, payload = 0;
	uint32_t mtu;

	if (len < 2)
		return 0;
	mtu = (uint32_t)data[0] << 8 | data[1];
	if (mtu < FRAME_FRAGMENT_MIN)
		mtu = FRAME_FRAGMENT_MIN;
	frame.data = data + 2;
	frame.len = len - 2;
	frame_decode(&frame);
	if (frame.class != FRAME_IPV4)
		return 0;
	if (frame_too_big(&frame, mtu, answer) > sizeof(answer))
		abort();
	out = malloc(FRAME_ETHERNET + mtu);
	if (out == NULL)
		return 0;
	while ((part = frame_fragment(&frame, mtu, &offset, out)) != 0) {
		if (part > FRAME_ETHERNET + mtu || offset <= payload)
			abort();
		payload = offset;
	}
	if (payload > frame.len)
		abort();
	free(out);
	return 0;
}
