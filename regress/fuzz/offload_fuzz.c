/*
 * Super-frames off the TAP and frames for it. First byte: 0 to 3, the rest is
 * a virtio header and what the kernel hands over; else pairs of a length and a
 * frame, which must come out of joining and cutting as they went in.
 */
#include <linux/virtio_net.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/overlay/coalesce.h"
#include "weaved/engine/overlay/segment.h"

#define FRAMES_MAX 256
#define FRAME_MAX 65600

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static uint8_t whole[FRAME_MAX], one[FRAME_MAX];
static size_t bytes_out, frames_out;

static void fuzz_segment(const uint8_t *, size_t);
static void fuzz_coalesce(const uint8_t *, size_t);
static void on_write(void *, const struct iovec *, int, size_t);

static void
fuzz_segment(const uint8_t *data, size_t len)
{
	struct virtio_net_hdr header;
	struct segments segments;
	size_t payload = 0, count;
	uint8_t *frame, *out;

	if (len < sizeof(header))
		return;
	memcpy(&header, data, sizeof(header));
	data += sizeof(header);
	len -= sizeof(header);
	frame = malloc(len + 1);
	if (frame == NULL)
		return;
	memcpy(frame, data, len);
	if (segment_init(&segments, frame, len, &header)) {
		count = segment_count(&segments);
		for (size_t i = 0; i < count; i++) {
			size_t part = segment_len(&segments, i);

			out = malloc(part);
			if (out == NULL || part < segments.inet.payload)
				abort();
			segment_write(&segments, i, out);
			payload += part - segments.inet.payload;
			free(out);
		}
		if (payload != len - segments.inet.payload)
			abort();
	}
	segment_complete(frame, len, &header);
	free(frame);
}

static void
on_write(void *arg, const struct iovec *iov, int count, size_t frames)
{
	struct virtio_net_hdr header;
	struct segments segments;
	size_t len = 0;

	(void)arg;
	memcpy(&header, iov[0].iov_base, sizeof(header));
	for (int i = 1; i < count; i++) {
		if (len + iov[i].iov_len > sizeof(whole))
			abort();
		memcpy(whole + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	frames_out += frames;
	if (!segment_wanted(&header)) {
		bytes_out += len;
		return;
	}
	if (!segment_init(&segments, whole, len, &header) ||
	    segment_count(&segments) != frames)
		abort();
	for (size_t i = 0; i < frames; i++) {
		segment_write(&segments, i, one);
		bytes_out += segment_len(&segments, i);
	}
}

static void
fuzz_coalesce(const uint8_t *data, size_t len)
{
	struct coalesce_conf conf = {
	    .tcp = true, .udp = true, .write = on_write};
	struct coalesce *coalesce = coalesce_new(&conf);
	uint8_t *frames[FRAMES_MAX];
	size_t count = 0, bytes = 0;

	if (coalesce == NULL)
		return;
	bytes_out = frames_out = 0;
	while (len > 2 && count < FRAMES_MAX) {
		size_t part = (size_t)data[0] << 8 | data[1];

		data += 2;
		len -= 2;
		if (part > len)
			part = len;
		frames[count] = malloc(part + 1);
		if (frames[count] == NULL)
			abort();
		memcpy(frames[count], data, part);
		coalesce_put(coalesce, frames[count++], part);
		bytes += part;
		data += part;
		len -= part;
	}
	coalesce_flush(coalesce);
	if (bytes_out != bytes || frames_out != count)
		abort();
	while (count != 0)
		free(frames[--count]);
	coalesce_free(coalesce);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len == 0 || len > FRAME_MAX)
		return 0;
	if (data[0] < 4)
		fuzz_segment(data + 1, len - 1);
	else
		fuzz_coalesce(data + 1, len - 1);
	return 0;
}
