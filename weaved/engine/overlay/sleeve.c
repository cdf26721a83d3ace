#include "weaved/engine/overlay/sleeve.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "common/log.h"
#include "weaved/engine/overlay/cipher.h"
#include "weaved/engine/overlay/pmtu.h"
#include "weaved/engine/overlay/segment.h"
#include "weaved/engine/overlay/sleeve_cipher.h"

#define HEARTBEAT_FAST 500 /* ms, until established */
#define HEARTBEAT_SLOW 10000
#define SILENCE_MAX 60000
#define PROBE_INTERVAL 300000
#define HEARTBEAT_LEN (FRAME_ETHERNET + 8)
#define FRAGMENT_TEST_LEN 60001
#define FIRST_PROBE_LEN 60000
#define AGGREGATE_MAX 100 /* frames in one datagram */
#define NONDF_PAYLOAD_MAX 65507
#define UDP_IP_HEADER 28
/* A search sends a few tests at once; more are not answered (per second). */
#define ANSWERS_MAX 64

enum sleeve_path {
	PATH_NODF,
	PATH_DF,
	PATHS
};

struct sleeve {
	struct sleeve_conf conf;
	const struct sleeve_ops *ops;
	void *arg;
	struct packet_pool *pool;
	struct overlay_counters *counters;

	bool confirmed;
	bool heard; /* a heartbeat of the peer */
	bool established;
	bool failed;
	bool stack_fragments; /* the last fragmentation test was answered */

	struct sleeve_cipher cipher;
	struct {
		struct packet *packet; /* datagrams waiting for the flush */
		size_t open; /* bytes of the one that takes frames, 0: none */
		unsigned frames; /* in it */
	} path[PATHS];

	unsigned heartbeats; /* since confirmed */
	uint64_t heartbeat_due;
	uint64_t silence_due;
	uint64_t probe_due;
	struct pmtu pmtu;
	uint64_t answers_from; /* start of the second they are counted in */
	unsigned answers;
	struct log_limit move_limit;
	struct sleeve_stats stats;
};

static void sleeve_drop(struct sleeve *, enum overlay_drop);
static void sleeve_bad_packet(struct sleeve *);
static size_t sleeve_header(const struct sleeve *);
static void sleeve_close_datagram(struct sleeve *, enum sleeve_path);
static bool sleeve_begin_datagram(
    struct sleeve *, enum sleeve_path, size_t, uint64_t);
static uint8_t *sleeve_reserve(
    struct sleeve *, enum sleeve_path, const struct frame *, size_t, uint64_t);
static void sleeve_put_frame(
    struct sleeve *, enum sleeve_path, const struct frame *, uint64_t);
static void sleeve_put_segments(
    struct sleeve *, enum sleeve_path, const struct frame *, uint64_t);
static void sleeve_count_sent(struct sleeve *, enum sleeve_path, unsigned,
    size_t, const struct sleeve_result *, uint64_t);
static void sleeve_flush_path(struct sleeve *, enum sleeve_path, uint64_t);
static void sleeve_send_special(
    struct sleeve *, enum sleeve_path, const uint8_t *, size_t, uint64_t);
static void sleeve_heartbeat(struct sleeve *, uint64_t);
static void sleeve_fragment_test(struct sleeve *, uint64_t);
static void sleeve_probe(struct sleeve *, uint64_t);
static void sleeve_answer(
    struct sleeve *, uint8_t, const uint8_t *, size_t, uint64_t);
static void sleeve_special(
    struct sleeve *, const struct sleeve_frame *, struct endpoint, uint64_t);
static void sleeve_heartbeat_heard(
    struct sleeve *, const struct sleeve_frame *, struct endpoint, uint64_t);
static void sleeve_move(struct sleeve *, struct endpoint, uint64_t);
static bool sleeve_accept(struct sleeve *, enum sleeve_opened);
static void sleeve_receive_one(
    struct sleeve *, struct sleeve_datagram *, uint64_t);
static void sleeve_send_segments(
    struct sleeve *, const struct frame *, uint64_t);
static void sleeve_send_singly(
    struct sleeve *, const struct frame *, size_t, uint64_t);
static void sleeve_peer_hears(struct sleeve *, uint64_t);
static void sleeve_mtu_changed(struct sleeve *);
static void sleeve_refuse_too_big(
    struct sleeve *, const struct frame *, uint64_t);
static void sleeve_send_fragments(
    struct sleeve *, const struct frame *, uint64_t);
static void sleeve_tick_pmtu(struct sleeve *, uint64_t);
static uint64_t min_time(uint64_t, uint64_t);

struct sleeve *
sleeve_new(const struct sleeve_conf *conf, const struct sleeve_ops *ops,
    void *arg, struct packet_pool *pool, struct overlay_counters *counters)
{
	struct sleeve *sleeve = calloc(1, sizeof(*sleeve));

	if (sleeve == NULL)
		return NULL;
	sleeve->conf = *conf;
	sodium_memzero(sleeve->conf.key, sizeof(sleeve->conf.key));
	sodium_memzero(sleeve->conf.keys, sizeof(sleeve->conf.keys));
	if (conf->version == 3)
		sleeve_cipher_init3(
		    &sleeve->cipher, conf->outbound, conf->keys);
	else
		sleeve_cipher_init2(&sleeve->cipher, conf->outbound, conf->key);
	sleeve->ops = ops;
	sleeve->arg = arg;
	sleeve->pool = pool;
	sleeve->counters = counters;
	pmtu_init(&sleeve->pmtu,
	    (uint32_t)(UDP_IP_HEADER + sleeve_header(sleeve) +
		SLEEVE_FRAME_HEADER + FRAME_ETHERNET));
	return sleeve;
}

void
sleeve_free(struct sleeve *sleeve)
{
	if (sleeve == NULL)
		return;
	for (int i = 0; i < PATHS; i++) {
		packet_put(sleeve->pool, sleeve->path[i].packet);
	}
	sleeve_cipher_wipe(&sleeve->cipher);
	sodium_memzero(sleeve, sizeof(*sleeve));
	free(sleeve);
}

static void
sleeve_drop(struct sleeve *sleeve, enum overlay_drop drop)
{
	sleeve->counters->drop[drop]++;
	sleeve->stats.drops++;
}

static void
sleeve_bad_packet(struct sleeve *sleeve)
{
	sleeve->stats.bad_packets++;
	sleeve_drop(sleeve, DROP_BAD_PACKET);
}

static size_t
sleeve_header(const struct sleeve *sleeve)
{
	return sleeve->conf.has_key ? SLEEVE_SEALED_HEADER
				    : SLEEVE_PLAIN_HEADER;
}

/*
 * Sending.
 */

/* Ends the datagram that frames are being added to. */
static void
sleeve_close_datagram(struct sleeve *sleeve, enum sleeve_path path)
{
	if (sleeve->path[path].open == 0)
		return;
	packet_end_datagram(sleeve->path[path].packet);
	sleeve->path[path].open = 0;
}

/* A datagram that may grow to so many bytes. */
static bool
sleeve_begin_datagram(
    struct sleeve *sleeve, enum sleeve_path path, size_t size, uint64_t now)
{
	struct packet *packet = sleeve->path[path].packet;

	if (packet != NULL &&
	    (packet->count == PACKET_DATAGRAMS || packet_room(packet) < size))
		sleeve_flush_path(sleeve, path, now);
	packet = sleeve->path[path].packet;
	if (packet == NULL)
		packet = packet_get(sleeve->pool);
	if (packet == NULL)
		return false;
	sleeve->path[path].packet = packet;
	sleeve->path[path].open = sleeve_header(sleeve);
	sleeve->path[path].frames = 0;
	return sleeve_packet_begin(packet, sleeve->conf.has_key);
}

/*
 * Where len bytes in the name of frame belong among what waits for the flush;
 * NULL: dropped.
 */
static uint8_t *
sleeve_reserve(struct sleeve *sleeve, enum sleeve_path path,
    const struct frame *frame, size_t len, uint64_t now)
{
	size_t need = SLEEVE_FRAME_HEADER + len;
	size_t header = sleeve_header(sleeve);
	size_t payload = pmtu_payload(&sleeve->pmtu);
	size_t most = path == PATH_DF ? payload : NONDF_PAYLOAD_MAX;
	size_t size = header + need > payload ? header + need : payload;

	if (sleeve->path[path].open + need > payload ||
	    sleeve->path[path].frames >= AGGREGATE_MAX)
		sleeve_close_datagram(sleeve, path);
	if (sleeve->path[path].open == 0) {
		if (header + need > most) {
			sleeve_drop(sleeve, DROP_TOO_BIG);
			return NULL;
		}
		if (!sleeve_begin_datagram(sleeve, path, size, now)) {
			sleeve_drop(sleeve, DROP_NO_BUFFER);
			return NULL;
		}
	}
	sleeve->path[path].open += need;
	sleeve->path[path].frames++;
	return sleeve_packet_add(
	    sleeve->path[path].packet, frame->first, frame->last, len);
}

static void
sleeve_put_frame(struct sleeve *sleeve, enum sleeve_path path,
    const struct frame *frame, uint64_t now)
{
	uint8_t *out = sleeve_reserve(sleeve, path, frame, frame->len, now);

	if (out != NULL)
		memcpy(out, frame->data, frame->len);
}

static void
sleeve_put_segments(struct sleeve *sleeve, enum sleeve_path path,
    const struct frame *frame, uint64_t now)
{
	size_t count = segment_count(frame->segments);

	for (size_t i = 0; i < count; i++) {
		uint8_t *out = sleeve_reserve(
		    sleeve, path, frame, segment_len(frame->segments, i), now);

		if (out != NULL)
			segment_write(frame->segments, i, out);
	}
}

/*
 * Sequence numbers are used up also if the packet is refused: a number never
 * serves two datagrams (7.1).
 */
static void
sleeve_flush_path(struct sleeve *sleeve, enum sleeve_path path, uint64_t now)
{
	struct packet *packet = sleeve->path[path].packet;
	struct sleeve_result result = {0};
	unsigned count;
	size_t len;

	if (packet == NULL)
		return;
	sleeve_close_datagram(sleeve, path);
	sleeve->path[path].packet = NULL;
	count = packet->count;
	len = packet->len;
	if (!sleeve->conf.has_key)
		sleeve_packet_plain(packet, sleeve->conf.ours);
	else if (!sleeve_cipher_seal(&sleeve->cipher, packet, sleeve->conf.ours,
		     path == PATH_DF)) {
		packet_put(sleeve->pool, packet);
		sleeve_drop(sleeve, DROP_SEND_ERROR);
		return;
	}
	packet->to = sleeve->conf.remote;
	packet->local = sleeve->conf.local;
	sleeve->ops->send(sleeve->arg, path == PATH_DF, packet, &result, now);
	sleeve_count_sent(sleeve, path, count, len, &result, now);
}

static void
sleeve_count_sent(struct sleeve *sleeve, enum sleeve_path path, unsigned count,
    size_t len, const struct sleeve_result *result, uint64_t now)
{
	sleeve->stats.packets_sent += count - result->failed;
	sleeve->stats.bytes_sent += len - result->lost;
	for (unsigned i = 0; i < result->failed; i++)
		sleeve_drop(sleeve,
		    result->error == EMSGSIZE      ? DROP_EMSGSIZE
			: result->error == ENOBUFS ? DROP_SOCKET_FULL
						   : DROP_SEND_ERROR);
	if (result->error == EMSGSIZE && path == PATH_DF)
		sleeve_path_mtu(sleeve, result->path_mtu, now);
}

void
sleeve_flush(struct sleeve *sleeve, uint64_t now)
{
	sleeve_flush_path(sleeve, PATH_DF, now);
	sleeve_flush_path(sleeve, PATH_NODF, now);
}

/*
 * Special frames (7.3) travel alone, and are not held to the payload limit:
 * finding it out is what they are for.
 */
static void
sleeve_send_special(struct sleeve *sleeve, enum sleeve_path path,
    const uint8_t *data, size_t len, uint64_t now)
{
	struct packet *packet;
	uint8_t *out;

	sleeve_flush_path(sleeve, path, now);
	packet = packet_get(sleeve->pool);
	if (packet == NULL) {
		sleeve_drop(sleeve, DROP_NO_BUFFER);
		return;
	}
	packet->urgent = true;
	sleeve_packet_begin(packet, sleeve->conf.has_key);
	out = sleeve_packet_add(
	    packet, sleeve->conf.ours, sleeve->conf.peer, len);
	if (data != NULL)
		memcpy(out, data, len);
	else
		memset(out, 0, len);
	packet_end_datagram(packet);
	sleeve->path[path].packet = packet;
	sleeve_flush_path(sleeve, path, now);
}

/*
 * The first ones come quickly, because the other side may have registered us
 * only a moment after our first one arrived.
 */
static void
sleeve_heartbeat(struct sleeve *sleeve, uint64_t now)
{
	static const uint64_t first[] = {50, 100, 150, 200};
	uint8_t frame[HEARTBEAT_LEN] = {0};

	for (int i = 0; i < 8; i++)
		frame[FRAME_ETHERNET + i] =
		    (uint8_t)(sleeve->conf.uid >> (56 - 8 * i));
	sleeve_send_special(sleeve, PATH_DF, frame, sizeof(frame), now);
	if (sleeve->established)
		sleeve->heartbeat_due = now + HEARTBEAT_SLOW;
	else if (sleeve->heartbeats < sizeof(first) / sizeof(first[0]))
		sleeve->heartbeat_due = now + first[sleeve->heartbeats];
	else
		sleeve->heartbeat_due = now + HEARTBEAT_FAST;
	sleeve->heartbeats++;
}

static void
sleeve_fragment_test(struct sleeve *sleeve, uint64_t now)
{
	sleeve->stack_fragments = false;
	sleeve_send_special(sleeve, PATH_NODF, NULL, FRAGMENT_TEST_LEN, now);
}

/* Does the stack fragment, and what does the kernel think of the path? */
static void
sleeve_probe(struct sleeve *sleeve, uint64_t now)
{
	sleeve->probe_due = now + PROBE_INTERVAL;
	sleeve_fragment_test(sleeve, now);
	pmtu_check(&sleeve->pmtu, now);
	sleeve_send_special(sleeve, PATH_DF, NULL, FIRST_PROBE_LEN, now);
}

static void
sleeve_refuse_too_big(
    struct sleeve *sleeve, const struct frame *frame, uint64_t now)
{
	uint8_t out[FRAME_TOO_BIG_MAX];
	struct frame answer = {
	    .data = out, .first = frame->last, .last = frame->first};

	if (frame->broadcast) {
		sleeve_drop(sleeve, DROP_TOO_BIG_BROADCAST);
		return;
	}
	sleeve_drop(sleeve, DROP_TOO_BIG_ANSWERED);
	answer.len = frame_too_big(frame, sleeve->pmtu.mtu, out);
	frame_decode(&answer);
	sleeve->ops->answer(sleeve->arg, &answer, now);
}

/*
 * The first count frames of a super-frame as if they had come alone: what is
 * too big is answered or fragmented.
 */
static void
sleeve_send_singly(struct sleeve *sleeve, const struct frame *frame,
    size_t count, uint64_t now)
{
	struct packet *packet = packet_get(sleeve->pool);
	struct frame one = *frame;

	if (packet == NULL) {
		sleeve_drop(sleeve, DROP_NO_BUFFER);
		return;
	}
	one.data = packet->data;
	one.segments = NULL;
	for (size_t i = 0; i < count; i++) {
		one.len = segment_len(frame->segments, i);
		segment_write(frame->segments, i, packet->data);
		frame_decode(&one);
		sleeve_send(sleeve, &one, now);
	}
	packet_put(sleeve->pool, packet);
}

static void
sleeve_send_fragments(
    struct sleeve *sleeve, const struct frame *frame, uint64_t now)
{
	struct packet *packet = packet_get(sleeve->pool);
	struct frame part = {.first = frame->first, .last = frame->last};
	uint32_t mtu = sleeve->pmtu.mtu;
	size_t offset = 0;

	if (packet == NULL) {
		sleeve_drop(sleeve, DROP_NO_BUFFER);
		return;
	}
	part.data = packet->data;
	while (
	    (part.len = frame_fragment(frame, mtu, &offset, packet->data)) != 0)
		sleeve_put_frame(sleeve, PATH_DF, &part, now);
	packet_put(sleeve->pool, packet);
}

/*
 * TCP that may be fragmented is cut to what fits instead; frames of UDP have
 * the length that their sender wants.
 */
static void
sleeve_send_segments(
    struct sleeve *sleeve, const struct frame *frame, uint64_t now)
{
	struct segments segments = *frame->segments;
	struct frame whole = *frame;
	size_t most = sleeve->pmtu.mtu + (size_t)FRAME_ETHERNET;
	bool too_big = segment_len(&segments, 0) > most;

	whole.segments = &segments;
	if (frame->class != FRAME_IPV4 ||
	    (!frame->df && sleeve->stack_fragments)) {
		sleeve_put_segments(sleeve, PATH_NODF, frame, now);
	} else if (!too_big) {
		sleeve_put_segments(sleeve, PATH_DF, frame, now);
	} else if (frame->df) {
		sleeve_send_singly(sleeve, frame, 1, now);
	} else if (segments.inet.protocol == INET_TCP &&
	    segments.inet.payload < most) {
		segments.size = most - segments.inet.payload;
		sleeve_put_segments(sleeve, PATH_DF, &whole, now);
	} else {
		sleeve_send_singly(
		    sleeve, frame, segment_count(&segments), now);
	}
}

void
sleeve_send(struct sleeve *sleeve, const struct frame *frame, uint64_t now)
{
	bool too_big = frame->len > sleeve->pmtu.mtu + FRAME_ETHERNET;

	if (!sleeve->confirmed || sleeve->conf.remote.addr == 0)
		sleeve_drop(sleeve, DROP_NO_ADDRESS);
	else if (frame->segments != NULL)
		sleeve_send_segments(sleeve, frame, now);
	else if (frame->class != FRAME_IPV4)
		sleeve_put_frame(sleeve, PATH_NODF, frame, now);
	else if (frame->df && too_big)
		sleeve_refuse_too_big(sleeve, frame, now);
	else if (frame->df)
		sleeve_put_frame(sleeve, PATH_DF, frame, now);
	else if (sleeve->stack_fragments)
		sleeve_put_frame(sleeve, PATH_NODF, frame, now);
	else if (too_big)
		sleeve_send_fragments(sleeve, frame, now);
	else
		sleeve_put_frame(sleeve, PATH_DF, frame, now);
}

/*
 * Receiving.
 */

/* Control messages an authentic peer can make us send at will are limited. */
static void
sleeve_answer(struct sleeve *sleeve, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	if (now - sleeve->answers_from >= 1000) {
		sleeve->answers_from = now;
		sleeve->answers = 0;
	}
	if (sleeve->answers >= ANSWERS_MAX) {
		sleeve_drop(sleeve, DROP_CONTROL_RATE);
		return;
	}
	sleeve->answers++;
	sleeve->ops->control(sleeve->arg, tag, body, len, now);
}

static void
sleeve_move(struct sleeve *sleeve, struct endpoint from, uint64_t now)
{
	char before[ENDPOINT_STRLEN], after[ENDPOINT_STRLEN];
	char peer[PEERNAME_STRLEN];
	bool known = sleeve->conf.remote.addr != 0;
	uint32_t suppressed;

	if (known) {
		sleeve->counters->address_changes++;
		if (log_limit_pass(&sleeve->move_limit, now, &suppressed))
			log_info("sleeve: %s moved from %s to %s",
			    peername_format(sleeve->conf.peer, peer),
			    endpoint_format(sleeve->conf.remote, before),
			    endpoint_format(from, after));
	}
	sleeve->conf.remote = from;
	if (!known)
		sleeve_heartbeat(sleeve, now);
}

static void
sleeve_heartbeat_heard(struct sleeve *sleeve, const struct sleeve_frame *frame,
    struct endpoint from, uint64_t now)
{
	uint64_t uid = 0;

	for (int i = 0; i < 8; i++)
		uid = uid << 8 | frame->data[FRAME_ETHERNET + i];
	if (uid != sleeve->conf.uid) {
		sleeve_drop(sleeve, DROP_BAD_SPECIAL);
		return;
	}
	if (!endpoint_equal(sleeve->conf.remote, from))
		sleeve_move(sleeve, from, now);
	sleeve->silence_due = now + SILENCE_MAX;
	if (sleeve->heard)
		return;
	sleeve->heard = true;
	sleeve->ops->control(sleeve->arg, SLEEVE_ESTABLISHED, NULL, 0, now);
}

static void
sleeve_special(struct sleeve *sleeve, const struct sleeve_frame *frame,
    struct endpoint from, uint64_t now)
{
	uint8_t mtu[2];

	if (frame->first != sleeve->conf.peer ||
	    frame->last != sleeve->conf.ours) {
		sleeve_drop(sleeve, DROP_BAD_SPECIAL);
	} else if (frame->len == HEARTBEAT_LEN) {
		sleeve_heartbeat_heard(sleeve, frame, from, now);
	} else if (frame->len == FRAGMENT_TEST_LEN) {
		if (sodium_is_zero(frame->data, frame->len))
			sleeve_answer(sleeve, SLEEVE_FRAGMENTED, NULL, 0, now);
		else
			sleeve_drop(sleeve, DROP_BAD_SPECIAL);
	} else {
		mtu[0] = (uint8_t)((frame->len - FRAME_ETHERNET) >> 8);
		mtu[1] = (uint8_t)(frame->len - FRAME_ETHERNET);
		sleeve_answer(
		    sleeve, SLEEVE_MTU_VERIFIED, mtu, sizeof(mtu), now);
	}
}

/* Did it open, and for the first time? */
static bool
sleeve_accept(struct sleeve *sleeve, enum sleeve_opened opened)
{
	switch (opened) {
	case SLEEVE_OPENED:
		return true;
	case SLEEVE_REPLAYED:
		sleeve->stats.replays++;
		sleeve_drop(sleeve, DROP_REPLAY);
		return false;
	default:
		sleeve_bad_packet(sleeve);
		return false;
	}
}

static void
sleeve_receive_one(
    struct sleeve *sleeve, struct sleeve_datagram *datagram, uint64_t now)
{
	struct sleeve_frame in;
	int more;

	while ((more = sleeve_datagram_next(datagram, &in)) == 1) {
		struct frame frame = {.data = in.data,
		    .len = in.len,
		    .first = in.first,
		    .last = in.last};

		frame_decode(&frame);
		if (frame.class == FRAME_SPECIAL)
			sleeve_special(sleeve, &in, datagram->from, now);
		else if (frame.class != FRAME_BAD)
			sleeve->ops->frame(sleeve->arg, &frame, now);
		else if (frame.len != 0)
			sleeve_drop(sleeve, DROP_SHORT_FRAME);
	}
	if (more == -1)
		sleeve_bad_packet(sleeve);
}

void
sleeve_receive(struct sleeve *sleeve, struct sleeve_datagram *datagrams,
    size_t count, uint64_t now)
{
	enum sleeve_opened opened[PACKET_DATAGRAMS] = {SLEEVE_OPENED};

	if (!sleeve->confirmed || sleeve->failed)
		return;
	for (size_t i = 0; i < count; i++)
		sleeve->stats.bytes_received += datagrams[i].len + PEERNAME_LEN;
	sleeve->stats.packets_received += count;
	if (sleeve->conf.has_key)
		sleeve_cipher_open(
		    &sleeve->cipher, datagrams, count, opened, now);
	for (size_t i = 0; i < count; i++) {
		if (sleeve_accept(sleeve, opened[i]))
			sleeve_receive_one(sleeve, &datagrams[i], now);
	}
}

/*
 * Life.
 */

void
sleeve_confirm(struct sleeve *sleeve, uint64_t now)
{
	if (sleeve->confirmed)
		return;
	sleeve->confirmed = true;
	sleeve->heartbeat_due = now;
	sleeve->silence_due = now + SILENCE_MAX;
	sleeve->probe_due = UINT64_MAX;
}

/* Only the first of these counts: each costs two packets of 60 KB. */
static void
sleeve_peer_hears(struct sleeve *sleeve, uint64_t now)
{
	if (sleeve->established)
		return;
	sleeve->established = true;
	sleeve->heartbeat_due = now + HEARTBEAT_SLOW;
	sleeve->ops->established(sleeve->arg, now);
	if (sleeve->conf.remote.addr == 0)
		sleeve->probe_due = now;
	else
		sleeve_probe(sleeve, now);
}

void
sleeve_control(struct sleeve *sleeve, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	if (!sleeve->confirmed || sleeve->failed) {
		sleeve_drop(sleeve, DROP_BAD_CONTROL);
	} else if (tag == SLEEVE_ESTABLISHED) {
		sleeve_peer_hears(sleeve, now);
	} else if (tag == SLEEVE_FRAGMENTED) {
		sleeve->stack_fragments = true;
	} else if (tag == SLEEVE_MTU_VERIFIED && len >= 2) {
		if (pmtu_acknowledged(
			&sleeve->pmtu, (uint32_t)body[0] << 8 | body[1], now))
			sleeve_mtu_changed(sleeve);
	} else {
		sleeve_drop(sleeve, DROP_BAD_CONTROL);
	}
}

static void
sleeve_mtu_changed(struct sleeve *sleeve)
{
	char peer[PEERNAME_STRLEN];

	log_info("sleeve: effective MTU towards %s verified at %u",
	    peername_format(sleeve->conf.peer, peer), sleeve->pmtu.mtu);
}

void
sleeve_path_mtu(struct sleeve *sleeve, uint32_t path_mtu, uint64_t now)
{
	if (pmtu_path(&sleeve->pmtu, path_mtu, now))
		sleeve->counters->mtu_searches++;
}

static void
sleeve_tick_pmtu(struct sleeve *sleeve, uint64_t now)
{
	bool ended;
	uint32_t mtu = pmtu_tick(&sleeve->pmtu, now, &ended);

	if (ended)
		sleeve_mtu_changed(sleeve);
	if (mtu != 0)
		sleeve_send_special(
		    sleeve, PATH_DF, NULL, mtu + FRAME_ETHERNET, now);
}

static uint64_t
min_time(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

void
sleeve_rekey(
    struct sleeve *sleeve, const uint8_t keys[2][CIPHER_KEY_LEN], uint64_t now)
{
	if (sleeve->conf.has_key)
		sleeve_cipher_expect(&sleeve->cipher, keys, now);
}

/* The heartbeat shows the peer that we have the new keys. */
void
sleeve_switch(struct sleeve *sleeve, uint64_t now)
{
	if (!sleeve->conf.has_key)
		return;
	sleeve_flush(sleeve, now);
	sleeve_cipher_switch(&sleeve->cipher);
	sleeve->heartbeat_due = now;
}

void
sleeve_hold(struct sleeve *sleeve)
{
	sleeve->cipher.held = true;
}

uint64_t
sleeve_tick(struct sleeve *sleeve, uint64_t now)
{
	uint64_t due;

	if (!sleeve->confirmed || sleeve->failed)
		return UINT64_MAX;
	if (now >= sleeve->silence_due) {
		sleeve->failed = true;
		sleeve->ops->failed(
		    sleeve->arg, "timed out waiting for UDP heartbeat", now);
		return UINT64_MAX;
	}
	due = min_time(
	    sleeve->silence_due, sleeve_cipher_tick(&sleeve->cipher, now));
	if (sleeve->conf.remote.addr == 0)
		return due;
	if (now >= sleeve->heartbeat_due)
		sleeve_heartbeat(sleeve, now);
	if (now >= sleeve->probe_due)
		sleeve_probe(sleeve, now);
	sleeve_tick_pmtu(sleeve, now);
	due = min_time(due, sleeve->heartbeat_due);
	due = min_time(due, sleeve->probe_due);
	if (sleeve->pmtu.state != PMTU_IDLE)
		due = min_time(due, sleeve->pmtu.due);
	return due;
}

struct endpoint
sleeve_remote(const struct sleeve *sleeve)
{
	return sleeve->conf.remote;
}

uint32_t
sleeve_mtu(const struct sleeve *sleeve)
{
	return sleeve->pmtu.mtu;
}

const struct sleeve_stats *
sleeve_stats(const struct sleeve *sleeve)
{
	return &sleeve->stats;
}

uint64_t
sleeve_sealed(const struct sleeve *sleeve)
{
	return sleeve_cipher_sealed(&sleeve->cipher);
}
