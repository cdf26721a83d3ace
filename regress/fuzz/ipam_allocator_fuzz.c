/*
 * Messages of the channel IPallocation for an allocator that has a ring and
 * has given out addresses. Each is one byte (0 gossip, 1 broadcast, 2 unicast;
 * with 4 the disk then is done), a length of two bytes, and the bytes.
 * Whatever they say, what was given out stays so and our ring is sound.
 */
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/engine/ipam/allocator.h"
#include "weaved/engine/ipam/state.h"

#define SELF UINT64_C(0x0a0000000001)
#define OTHER UINT64_C(0x0a0000000002)
#define GIVEN 3

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct {
	bool saving;
	uint32_t random;
	size_t addresses;
	uint32_t answered;
} fake;

static void
require(bool ok)
{
	if (!ok)
		abort();
}

static bool
op_unicast(void *arg, uint64_t peer, const uint8_t *data, size_t len)
{
	struct ipam_unicast unicast;

	(void)arg;
	(void)peer;
	require(ipam_unicast_decode(&unicast, data, len) == NULL);
	ipam_unicast_free(&unicast);
	return true;
}

static void
op_broadcast(void *arg, uint64_t source)
{
	(void)arg;
	(void)source;
}

static bool
op_known(void *arg, uint64_t peer)
{
	(void)arg;
	return peer == OTHER;
}

static uint32_t
op_targets(void *arg)
{
	(void)arg;
	return 0;
}

static void
op_save(void *arg, const uint8_t *data, size_t len)
{
	(void)arg;
	(void)data;
	require(!fake.saving && len > 0);
	fake.saving = true;
}

static void
op_answer(void *arg, uint32_t request, const struct ipam_answer *answer)
{
	(void)arg;
	(void)request;
	fake.answered += answer->error == NULL;
}

static uint32_t
op_random(void *arg, uint32_t bound)
{
	(void)arg;
	return fake.random++ % bound;
}

static int64_t
op_wall(void *arg)
{
	(void)arg;
	return 1;
}

static const struct ipam_ops ops = {op_unicast, op_broadcast, op_known,
    op_targets, op_save, op_answer, op_random, op_wall};

static void
written(struct ipam *ipam, uint64_t now)
{
	while (fake.saving) {
		fake.saving = false;
		ipam_saved(ipam, NULL, now);
	}
}

static void
count_row(void *arg, uint32_t type, const void *row, size_t len)
{
	(void)arg;
	require(ctl_valid(type, row, len));
	fake.addresses += type == CTL_ADDRESS;
}

static struct ipam *
begin(void)
{
	struct ipam_conf conf = {.name = SELF,
	    .uid = 1,
	    .init = IPAM_INIT_SEED,
	    .seeds = {SELF, OTHER},
	    .nseeds = 2};
	struct subnet none = {0};
	const char *damaged;
	struct ipam *ipam;
	char id[] = "a";

	memset(&fake, 0, sizeof(fake));
	log_set_level(LOGLEVEL_ERROR);
	require(subnet_parse("10.32.0.0/16", &conf.range));
	conf.subnet = conf.range;
	ipam = ipam_new(&conf, &ops, NULL, NULL, 0, &damaged, 0);
	require(ipam != NULL);
	for (uint32_t i = 0; i < GIVEN; i++, id[0]++) {
		ipam_allocate(ipam, i + 1, id, none, 1000, 0);
		written(ipam, 0);
	}
	require(fake.answered == GIVEN);
	return ipam;
}

static void
check(struct ipam *ipam, uint64_t now)
{
	struct ipam_state state;
	const uint8_t *data;
	size_t len;

	written(ipam, now);
	ipam_show(ipam, CTL_SHOW_ALL, count_row, NULL, now);
	require(fake.addresses == GIVEN);
	data = ipam_gossip(ipam, &len);
	require(ipam_state_decode(&state, data, len) == NULL);
	require(state.has_ring && ring_check(&state.ring) == NULL);
	ipam_state_free(&state);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct ipam *ipam = begin();
	uint64_t now = 1;
	size_t len;

	for (; size >= 3; data += len, size -= len, now += 1000) {
		uint8_t kind = data[0];

		len = (size_t)data[1] << 8 | data[2];
		data += 3;
		size -= 3;
		if (len > size)
			len = size;
		if ((kind & 3) == 2)
			ipam_receive_unicast(ipam, OTHER, data, len, now);
		else
			ipam_receive(
			    ipam, (kind & 3) == 1 ? OTHER : 0, data, len, now);
		if (kind & 4)
			written(ipam, now);
		ipam_tick(ipam, now);
	}
	check(ipam, now);
	ipam_free(ipam);
	return 0;
}
