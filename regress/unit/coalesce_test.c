/*
 * Frames joined for the TAP. What comes out is cut again as the kernel would
 * and compared with what went in.
 */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/inet_frames.h"
#include "weaved/engine/overlay/coalesce.h"
#include "weaved/engine/overlay/segment.h"

#define DF 0x4000
#define MF 0x2000
#define FIN 0x01
#define SYN 0x02
#define PSH 0x08
#define ACK 0x10
#define ECE 0x40
#define CWR 0x80
#define FRAMES_MAX 4096
#define WRITES_MAX 4096

struct written {
	uint8_t *data;
	size_t len;
	size_t frames; /* of the super-frame */
	size_t write; /* number of that write */
};

static struct {
	struct coalesce *coalesce;
	struct written in[FRAMES_MAX];
	size_t nin;
	struct written out[FRAMES_MAX];
	size_t nout;
	size_t writes;
} world;

static void on_write(void *, const struct iovec *, int, size_t);
static void out_add(const uint8_t *, size_t, size_t);
static void start(bool, bool);
static void stop(void);
static void put(const struct inet_frame *);
static void put_raw(const uint8_t *, size_t);
static void expect(const char *, size_t);

static void
out_add(const uint8_t *data, size_t len, size_t frames)
{
	struct written *out = &world.out[world.nout++];

	ATF_REQUIRE(world.nout <= FRAMES_MAX);
	out->data = malloc(len + 1);
	memcpy(out->data, data, len);
	out->len = len;
	out->frames = frames;
	out->write = world.writes;
}

static void
on_write(void *arg, const struct iovec *iov, int count, size_t frames)
{
	static uint8_t whole[INET_FRAME_MAX], one[INET_FRAME_MAX];
	struct virtio_net_hdr header;
	struct segments segments;
	size_t len = 0;

	(void)arg;
	ATF_REQUIRE_EQ(sizeof(header), iov[0].iov_len);
	memcpy(&header, iov[0].iov_base, sizeof(header));
	for (int i = 1; i < count; i++) {
		memcpy(whole + len, iov[i].iov_base, iov[i].iov_len);
		len += iov[i].iov_len;
	}
	if (!segment_wanted(&header)) {
		ATF_CHECK_EQ(0, header.flags);
		ATF_CHECK_EQ(1, frames);
		out_add(whole, len, 1);
	} else {
		ATF_REQUIRE(segment_init(&segments, whole, len, &header));
		ATF_CHECK_EQ(frames, segment_count(&segments));
		ATF_CHECK_EQ(header.hdr_len, segments.inet.payload);
		ATF_CHECK(len - 14 <= 65535);
		for (size_t i = 0; i < frames; i++) {
			segment_write(&segments, i, one);
			out_add(one, segment_len(&segments, i), frames);
		}
	}
	world.writes++;
}

static void
start(bool tcp, bool udp)
{
	struct coalesce_conf conf = {.tcp = tcp, .udp = udp, .write = on_write};

	memset(&world, 0, sizeof(world));
	world.coalesce = coalesce_new(&conf);
	ATF_REQUIRE(world.coalesce != NULL);
}

static void
stop(void)
{
	for (size_t i = 0; i < world.nin; i++)
		free(world.in[i].data);
	for (size_t i = 0; i < world.nout; i++)
		free(world.out[i].data);
	coalesce_free(world.coalesce);
}

static void
put_raw(const uint8_t *data, size_t len)
{
	struct written *in = &world.in[world.nin++];

	ATF_REQUIRE(world.nin <= FRAMES_MAX);
	in->data = malloc(len + 1);
	memcpy(in->data, data, len);
	in->len = len;
	coalesce_put(world.coalesce, in->data, len);
}

static void
put(const struct inet_frame *frame)
{
	static uint8_t data[INET_FRAME_MAX];

	put_raw(data, inet_frame_make(data, frame));
}

/* Flushed, all frames are there in order, in so many writes. */
static void
expect(const char *what, size_t writes)
{
	coalesce_flush(world.coalesce);
	ATF_CHECK_EQ_MSG(world.nin, world.nout, "%s: %zu frames of %zu", what,
	    world.nout, world.nin);
	for (size_t i = 0; i < world.nin && i < world.nout; i++) {
		ATF_CHECK_EQ_MSG(world.in[i].len, world.out[i].len,
		    "%s: frame %zu", what, i);
		ATF_CHECK_MSG(memcmp(world.in[i].data, world.out[i].data,
				  world.in[i].len) == 0,
		    "%s: frame %zu", what, i);
	}
	ATF_CHECK_EQ_MSG(writes, world.writes, "%s: %zu writes, want %zu", what,
	    world.writes, writes);
	stop();
}

static const struct inet_frame tcp = {.port = 1,
    .flags = ACK,
    .fragment = DF,
    .id = 9,
    .seq = 1000,
    .payload = 100};
static const struct inet_frame udp = {
    .udp = true, .port = 1, .id = 65530, .payload = 100};

static struct inet_frame
after(const struct inet_frame *frame)
{
	struct inet_frame next = *frame;

	next.id++;
	next.seq += (uint32_t)frame->payload;
	next.seed += 31;
	return next;
}

ATF_TC_WITHOUT_HEAD(joined);
ATF_TC_BODY(joined, tc)
{
	for (int kind = 0; kind < 8; kind++) {
		struct inet_frame frame = (kind & 1) != 0 ? udp : tcp;

		frame.ipv6 = (kind & 2) != 0;
		frame.options = (kind & 4) != 0 ? 3 : 0;
		start(true, true);
		for (int i = 0; i < 40; i++) {
			put(&frame);
			frame = after(&frame);
		}
		expect("equal", 1);
	}
}

ATF_TC_WITHOUT_HEAD(bounds);
ATF_TC_BODY(bounds, tc)
{
	struct inet_frame frame = tcp;

	start(true, true);
	for (int i = 0; i < COALESCE_FRAMES * 2 + 1; i++) {
		put(&frame);
		frame = after(&frame);
	}
	expect("frames", 3);
	start(true, true);
	frame = tcp;
	frame.payload = 9000;
	for (int i = 0; i < 8; i++) {
		put(&frame);
		frame = after(&frame);
	}
	expect("bytes", 2);
	start(true, true);
	frame = tcp;
	frame.payload = 100;
	put(&frame);
	frame = after(&frame);
	frame.payload = 99;
	put(&frame);
	frame = after(&frame);
	put(&frame);
	expect("shorter ends", 2);
	start(true, true);
	frame = tcp;
	put(&frame);
	frame = after(&frame);
	frame.payload = 101;
	put(&frame);
	expect("longer begins", 2);
	start(true, true);
	frame = tcp;
	put(&frame);
	frame = after(&frame);
	frame.flags = ACK | PSH;
	put(&frame);
	frame = after(&frame);
	frame.flags = ACK;
	put(&frame);
	expect("push ends", 2);
}

/* Each change in the second of two frames keeps them apart. */
ATF_TC_WITHOUT_HEAD(apart);
ATF_TC_BODY(apart, tc)
{
	static const struct {
		const char *what;
		size_t offset;
		uint8_t flip;
		bool tcp, ipv6;
	} cases[] = {
	    {"destination", 0, 2, true, false},
	    {"source", 11, 1, true, false},
	    {"TOS", 15, 4, true, false},
	    {"evil bit", 20, 0x80, true, false},
	    {"TTL", 22, 1, true, false},
	    {"flow label", 17, 1, true, true},
	    {"class", 15, 0x10, true, true},
	    {"hop limit", 21, 1, true, true},
	    {"sequence", 34 + 7, 1, true, false},
	    {"ack", 34 + 11, 1, true, false},
	    {"reserved", 34 + 12, 2, true, false},
	    {"SYN", 34 + 13, SYN, true, false},
	    {"FIN", 34 + 13, FIN, true, false},
	    {"ECE", 34 + 13, ECE, true, false},
	    {"CWR", 34 + 13, CWR, true, false},
	    {"no ACK", 34 + 13, ACK, true, false},
	    {"window", 34 + 15, 1, true, false},
	    {"urgent", 34 + 19, 1, true, false},
	    {"option", 34 + 20, 1, true, false},
	    {"last option", 34 + 31, 1, true, false},
	    {"identification", 19, 1, false, false},
	    {"TOS of UDP", 15, 4, false, false},
	    {"TTL of UDP", 22, 1, false, false},
	};
	static uint8_t data[INET_FRAME_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct inet_frame frame = cases[i].tcp ? tcp : udp;
		size_t ip = cases[i].ipv6 ? 40 : 20, len;
		size_t field = 14 + ip + (cases[i].tcp ? 16 : 6);
		struct virtio_net_hdr header;

		frame.ipv6 = cases[i].ipv6;
		frame.options = 3;
		start(true, true);
		put(&frame);
		frame = after(&frame);
		len = inet_frame_make(data, &frame);
		data[cases[i].offset] ^= cases[i].flip;
		/* All is valid in it but that it is another one. */
		if (!cases[i].ipv6) {
			memset(data + 24, 0, 2);
			header = (struct virtio_net_hdr){
			    .flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
			    .csum_start = 14,
			    .csum_offset = 10};
			ATF_REQUIRE(segment_complete(data, 34, &header));
		}
		memset(data + field, 0, 2);
		if (inet_frame_valid(data, len))
			abort();
		for (unsigned word = 0; !inet_frame_valid(data, len); word++) {
			ATF_REQUIRE(word < 0x10000);
			data[field] = (uint8_t)(word >> 8);
			data[field + 1] = (uint8_t)word;
		}
		put_raw(data, len);
		expect(cases[i].what, 2);
	}
}

/* Frames that are never held: one at a time, at once and unchanged. */
ATF_TC_WITHOUT_HEAD(untouched);
ATF_TC_BODY(untouched, tc)
{
	static uint8_t data[INET_FRAME_MAX];
	struct inet_frame frame;
	size_t len;

	for (int kind = 0; kind < 8; kind++) {
		frame = kind == 7 ? udp : tcp;
		frame.tags = kind == 0;
		frame.fragment = kind == 1 ? MF : kind == 2 ? 100 : 0;
		frame.payload = kind == 3 ? 0 : 100;
		start(true, true);
		for (int i = 0; i < 3; i++) {
			len = inet_frame_make(data, &frame);
			if (kind == 4)
				data[len++] = 0; /* padding */
			else if (kind == 5)
				data[len - 1] ^= 1; /* checksum */
			else if (kind == 6)
				data[24] ^= 1; /* checksum of IPv4 */
			else if (kind == 7)
				memset(data + 40, 0, 2); /* no checksum */
			put_raw(data, len);
			frame = after(&frame);
			ATF_CHECK_EQ((size_t)i + 1, world.nout);
		}
		expect("kind", 3);
	}
	start(true, true);
	for (len = 0; len < 60; len++) {
		memset(data, (int)len, len);
		put_raw(data, len);
	}
	expect("garbage", 60);
}

ATF_TC_WITHOUT_HEAD(switched_off);
ATF_TC_BODY(switched_off, tc)
{
	for (int kind = 0; kind < 4; kind++) {
		struct inet_frame frame = (kind & 1) != 0 ? udp : tcp;

		start(kind == 1, kind == 2);
		put(&frame);
		frame = after(&frame);
		put(&frame);
		expect("off", 2);
	}
}

/* One that cannot be joined lets those before it go first. */
ATF_TC_WITHOUT_HEAD(order);
ATF_TC_BODY(order, tc)
{
	struct inet_frame frame = tcp;

	start(true, true);
	for (int i = 0; i < 4; i++) {
		put(&frame);
		frame = after(&frame);
	}
	frame.payload = 0;
	put(&frame); /* acknowledgement */
	frame.payload = 100;
	put(&frame);
	frame = after(&frame);
	frame.flags = ACK | FIN;
	put(&frame);
	expect("order", 4);
}

/* More flows than there is room for, interleaved: each in its order. */
ATF_TC_WITHOUT_HEAD(flows);
ATF_TC_BODY(flows, tc)
{
	struct inet_frame frames[50];
	size_t seen[50] = {0};

	start(true, true);
	for (int i = 0; i < 50; i++) {
		frames[i] = i % 2 != 0 ? udp : tcp;
		frames[i].ipv6 = i % 3 == 0;
		frames[i].port = (uint16_t)i;
		frames[i].id = frames[i].fragment = 0;
	}
	for (int round = 0; round < 20; round++) {
		for (int i = 0; i < 50; i++) {
			frames[i].seed = (uint8_t)round;
			put(&frames[i]);
			frames[i].seq += 100;
			frames[i].id++;
		}
	}
	coalesce_flush(world.coalesce);
	ATF_REQUIRE_EQ(1000, world.nout);
	for (size_t i = 0; i < world.nout; i++) {
		const struct written *out = &world.out[i];
		size_t at = out->data[12] == 0x86 ? 54 : 34;
		size_t flow = (size_t)out->data[at] << 8 | out->data[at + 1];
		const struct written *in = &world.in[50 * seen[flow]++ + flow];

		ATF_REQUIRE_EQ(in->len, out->len);
		ATF_CHECK_EQ(0, memcmp(in->data, out->data, in->len));
	}
	stop();
}

/* Random flows cut, mixed and joined: every flow as it was, in its order. */
ATF_TC_WITHOUT_HEAD(random_mix);
ATF_TC_BODY(random_mix, tc)
{
	struct inet_frame frames[8];

	srandom(4711);
	for (int round = 0; round < 200; round++) {
		size_t seen[8] = {0}, count[8] = {0}, list[8][400];

		start(true, true);
		for (int i = 0; i < 8; i++) {
			frames[i] = i % 2 != 0 ? udp : tcp;
			frames[i].ipv6 = (i & 2) != 0;
			frames[i].options = (unsigned)(i & 4);
			frames[i].port = (uint16_t)i;
		}
		for (int i = 0; i < 400; i++) {
			size_t flow = (size_t)random() % 8;
			struct inet_frame *frame = &frames[flow];
			int change = (int)(random() % 20);

			frame->flags = change == 0 ? ACK | PSH
			    : change == 1          ? ACK | FIN
			    : change == 2          ? ACK | CWR
						   : ACK;
			frame->ack += change == 3;
			frame->seq += change == 4;
			/* With DF it means nothing and is not kept. */
			frame->id += change == 5 && frame->udp;
			frame->payload = change == 6 ? (size_t)random() % 1400
			    : change == 7            ? 1
						     : 600;
			list[flow][count[flow]++] = world.nin;
			put(frame);
			*frame = after(frame);
		}
		coalesce_flush(world.coalesce);
		ATF_REQUIRE_EQ(400, world.nout);
		ATF_CHECK(world.writes < 400);
		for (size_t i = 0; i < world.nout; i++) {
			const struct written *out = &world.out[i], *in;
			size_t at = out->data[12] == 0x86 ? 54 : 34;
			size_t flow = out->data[at + 1];

			in = &world.in[list[flow][seen[flow]++]];
			ATF_REQUIRE_EQ(in->len, out->len);
			ATF_REQUIRE_EQ(0, memcmp(in->data, out->data, in->len));
		}
		stop();
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, joined);
	ATF_TP_ADD_TC(tp, bounds);
	ATF_TP_ADD_TC(tp, apart);
	ATF_TP_ADD_TC(tp, untouched);
	ATF_TP_ADD_TC(tp, switched_off);
	ATF_TP_ADD_TC(tp, order);
	ATF_TP_ADD_TC(tp, flows);
	ATF_TP_ADD_TC(tp, random_mix);
	return atf_no_error();
}
