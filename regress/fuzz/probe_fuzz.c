/*
 * Test frames from a peer, while we measure towards it. The input is a list of
 * frames, each a length and so many bytes.
 */
#include <stdint.h>
#include <stdlib.h>

#include "weaved/engine/overlay/probe.h"

#define PEER 7

static void fuzz_send(void *, uint64_t, const uint8_t *, size_t, uint64_t);
static bool fuzz_busy(void *);
static uint64_t fuzz_clock(void *);

static const struct probe_ops ops = {fuzz_send, fuzz_busy, fuzz_clock};

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
fuzz_send(
    void *arg, uint64_t peer, const uint8_t *data, size_t len, uint64_t now)
{
	struct probe_frame frame;

	(void)arg;
	(void)now;
	if (peer != PEER || !probe_decode(data, len, &frame))
		abort();
}

static bool
fuzz_busy(void *arg)
{
	(void)arg;
	return false;
}

static uint64_t
fuzz_clock(void *arg)
{
	return *(const uint64_t *)arg * 1000;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	uint64_t now = 1000;
	struct probe *probe = probe_new(&ops, &now);
	struct ctl_bench_result row;
	size_t part;

	if (probe == NULL)
		return 0;
	probe_start(probe, PEER, 0, 100, 1, 1, now);
	while (len > 0) {
		part = *data++;
		len--;
		if (part > len)
			part = len;
		probe_receive(probe, PEER, data, part, now);
		data += part;
		len -= part;
		probe_tick(probe, now += 20);
	}
	probe_tick(probe, now + 2000);
	if (probe_result(probe, &row) && row.received > row.sent)
		abort();
	probe_free(probe);
	return 0;
}
