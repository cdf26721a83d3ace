/*
 * Datagrams for a sleeve connection. Bit 0 of the first byte: in the clear,
 * or the rest sealed as the peer would, so that what lies behind the box is
 * reached; bit 1: the datagram as it is, for the box itself.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/engine/overlay/sleeve.h"

#define OURS UINT64_C(0x0a0000000002)
#define PEER UINT64_C(0x0a0000000001)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static struct packet_pool *pool;
static struct overlay_counters counters;

static void
on_send(void *arg, bool df, struct packet *packet, struct sleeve_result *result,
    uint64_t now)
{
	(void)arg;
	(void)df;
	(void)result;
	(void)now;
	packet_put(pool, packet);
}

static void
on_control(
    void *arg, uint8_t tag, const uint8_t *body, size_t len, uint64_t now)
{
	(void)arg;
	(void)tag;
	(void)body;
	(void)now;
	if (len > 2)
		abort();
}

static void
on_established(void *arg, uint64_t now)
{
	(void)arg;
	(void)now;
}

static void
on_failed(void *arg, const char *cause, uint64_t now)
{
	(void)arg;
	(void)cause;
	(void)now;
}

/* Sends it back, which makes answers and fragments of it. */
static void
on_frame(void *arg, struct frame *frame, uint64_t now)
{
	sleeve_send(*(struct sleeve **)arg, frame, now);
}

static const struct sleeve_ops ops = {
    .send = on_send,
    .control = on_control,
    .established = on_established,
    .failed = on_failed,
    .frame = on_frame,
    .answer = on_frame,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	struct sleeve_conf conf = {.ours = OURS,
	    .peer = PEER,
	    .uid = UINT64_C(0x1122334455667788),
	    .remote = {0x7f000001, 6783}};
	struct sleeve_datagram datagram = {.from = {0x7f000001, 6784}};
	struct cipher_key key;
	struct sleeve *sleeve;
	struct packet *packet;
	uint64_t name;

	if (len == 0 || len > 65000)
		return 0;
	if (pool == NULL) {
		log_set_level(LOGLEVEL_ERROR);
		if (sodium_init() == -1 || (pool = packet_pool_new(8)) == NULL)
			abort();
	}
	conf.has_key = (data[0] & 1) != 0;
	sleeve = sleeve_new(&conf, &ops, &sleeve, pool, &counters);
	packet = packet_get(pool);
	if (sleeve == NULL || packet == NULL)
		abort();
	sleeve_confirm(sleeve, 0);
	sleeve_path_mtu(sleeve, 576, 0);
	datagram.data = packet->data;
	if (conf.has_key && (data[0] & 2) == 0) {
		cipher_key_init(&key, conf.key, true);
		sleeve_packet_begin(packet, true);
		memcpy(packet_append(packet, len - 1), data + 1, len - 1);
		packet_end_datagram(packet);
		sleeve_packet_seal(packet, PEER, &key, SLEEVE_DF | data[0]);
		datagram.len = packet->len;
		if (!sleeve_datagram_name(&datagram, &name))
			abort();
	} else {
		memcpy(packet_append(packet, len - 1), data + 1, len - 1);
		datagram.len = packet->len;
	}
	sleeve_receive(sleeve, &datagram, 1, 1);
	sleeve_flush(sleeve, 1);
	sleeve_tick(sleeve, 1);
	packet_put(pool, packet);
	sleeve_free(sleeve);
	if (packet_pool_left(pool) != 8)
		abort();
	return 0;
}
