/* Super-frames cut into frames, and checksums left to the device. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/inet_frames.h"
#include "weaved/engine/overlay/checksum.h"
#include "weaved/engine/overlay/segment.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

#define DF 0x4000
#define FIN 0x01
#define PSH 0x08
#define ACK 0x10
#define CWR 0x80

static uint8_t super[INET_FRAME_MAX], want[INET_FRAME_MAX], got[INET_FRAME_MAX];

static struct inet_frame part_of(
    const struct inet_frame *, size_t, size_t, size_t);
static void check_cut(const struct inet_frame *, uint16_t);

/* Frame number i of those that the super-frame consists of. */
static struct inet_frame
part_of(const struct inet_frame *whole, size_t size, size_t i, size_t count)
{
	struct inet_frame part = *whole;

	part.id = (uint16_t)(whole->id + i);
	part.seq = whole->seq + (uint32_t)(i * size);
	part.payload = i + 1 == count ? whole->payload - i * size : size;
	if (i + 1 != count)
		part.flags &= (uint8_t) ~(FIN | PSH);
	if (i != 0)
		part.flags &= (uint8_t)~CWR;
	return part;
}

/* The frames are those made one by one, but for the payload's pattern. */
static void
check_cut(const struct inet_frame *whole, uint16_t size)
{
	struct virtio_net_hdr header = inet_frame_header(whole, size);
	size_t len = inet_frame_make(super, whole), headers;
	size_t count = (whole->payload + size - 1) / size;
	struct segments segments;

	headers = inet_frame_headers(whole);
	ATF_REQUIRE(segment_wanted(&header));
	ATF_REQUIRE(segment_init(&segments, super, len, &header));
	ATF_REQUIRE_EQ(count, segment_count(&segments));
	for (size_t i = 0; i < count; i++) {
		struct inet_frame part = part_of(whole, size, i, count);
		size_t part_len = inet_frame_make(want, &part);

		ATF_REQUIRE_EQ(part_len, segment_len(&segments, i));
		memset(got, 0xee, sizeof(got));
		segment_write(&segments, i, got);
		ATF_CHECK_EQ(0xee, got[part_len]);
		ATF_CHECK_MSG(inet_frame_valid(got, part_len), "frame %zu", i);
		ATF_CHECK_EQ(0,
		    memcmp(got + headers, super + headers + i * size,
			part.payload));
		/* Headers but for the checksum of the payload. */
		memset(got + headers - (whole->udp ? 2 : 4), 0, 2);
		memset(want + headers - (whole->udp ? 2 : 4), 0, 2);
		if (whole->options == 0)
			ATF_CHECK_EQ_MSG(
			    0, memcmp(got, want, headers), "frame %zu", i);
	}
}

ATF_TC_WITHOUT_HEAD(tcp);
ATF_TC_BODY(tcp, tc)
{
	struct inet_frame whole = {.id = 0xfffe,
	    .fragment = DF,
	    .flags = ACK | PSH | FIN | CWR,
	    .seq = 0xfffff000,
	    .ack = 77,
	    .payload = 10000};

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		for (unsigned tags = 0; tags < 3; tags++) {
			whole.ipv6 = ipv6 != 0;
			whole.tags = tags;
			check_cut(&whole, 1324);
			check_cut(&whole, 1);
			check_cut(&whole, 9999);
			check_cut(&whole, 10000);
			check_cut(&whole, 10001);
		}
	}
	whole = (struct inet_frame){
	    .flags = ACK, .options = 10, .payload = 65535 - 20 - 60};
	check_cut(&whole, 1348);
}

ATF_TC_WITHOUT_HEAD(udp);
ATF_TC_BODY(udp, tc)
{
	struct inet_frame whole = {.udp = true, .id = 5, .payload = 6000};

	for (int ipv6 = 0; ipv6 < 2; ipv6++) {
		whole.ipv6 = ipv6 != 0;
		for (int seed = 0; seed < 256; seed++) {
			whole.seed = (uint8_t)seed;
			check_cut(&whole, 100);
		}
		check_cut(&whole, 1333);
	}
}

/* 0 means no checksum for UDP, so it is sent as its complement. */
ATF_TC_WITHOUT_HEAD(udp_checksum_zero);
ATF_TC_BODY(udp_checksum_zero, tc)
{
	struct inet_frame whole = {.udp = true, .payload = 4};
	struct virtio_net_hdr header = inet_frame_header(&whole, 2);
	size_t len = inet_frame_make(super, &whole), zeros = 0;
	struct segments segments;

	for (unsigned word = 0; word < 0x10000; word++) {
		super[len - 4] = (uint8_t)(word >> 8);
		super[len - 3] = (uint8_t)word;
		ATF_REQUIRE(segment_init(&segments, super, len, &header));
		segment_write(&segments, 0, got);
		ATF_REQUIRE(got[40] != 0 || got[41] != 0);
		zeros += got[40] == 0xff && got[41] == 0xff;
		ATF_REQUIRE(inet_frame_valid(got, 44));
	}
	ATF_CHECK(zeros >= 1);
}

/* What the kernel would not write is refused. */
ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	struct inet_frame whole = {.flags = ACK, .payload = 3000};
	struct virtio_net_hdr good = inet_frame_header(&whole, 1000), bad;
	size_t len = inet_frame_make(super, &whole);
	struct segments segments;

#define REFUSED(change)                                                \
	do {                                                           \
		bad = good;                                            \
		bad.change;                                            \
		ATF_CHECK(!segment_init(&segments, super, len, &bad)); \
	} while (0)
	ATF_CHECK(segment_init(&segments, super, len, &good));
	REFUSED(gso_size = 0);
	REFUSED(flags = 0);
	REFUSED(csum_start = 33);
	REFUSED(csum_start = 35);
	REFUSED(csum_start = 0);
	REFUSED(csum_start = 65535);
	REFUSED(gso_type = VIRTIO_NET_HDR_GSO_TCPV6);
	REFUSED(gso_type = VIRTIO_NET_HDR_GSO_UDP);
	REFUSED(gso_type = 77);
	REFUSED(gso_size = 65535);
	for (size_t cut = 0; cut < 54; cut++)
		ATF_CHECK(!segment_init(&segments, super, cut, &good));
	ATF_CHECK(segment_init(&segments, super, 54, &good));
	ATF_CHECK_EQ(1, segment_count(&segments));
	ATF_CHECK_EQ(54, segment_len(&segments, 0));
	super[46] = 0x40; /* TCP header of 16 bytes */
	ATF_CHECK(!segment_init(&segments, super, len, &good));
	super[46] = 0xf0;
	ATF_CHECK(!segment_init(&segments, super, 80, &good));
	super[13] = 6; /* ARP */
	ATF_CHECK(!segment_init(&segments, super, len, &good));
}

ATF_TC_WITHOUT_HEAD(complete);
ATF_TC_BODY(complete, tc)
{
	struct virtio_net_hdr header = {0};
	uint64_t sum;
	uint16_t folded;

	for (int kind = 0; kind < 4; kind++) {
		struct inet_frame frame = {.ipv6 = (kind & 1) != 0,
		    .udp = (kind & 2) != 0,
		    .flags = ACK,
		    .payload = 333};
		size_t len = inet_frame_make(want, &frame);
		size_t ip = frame.ipv6 ? 40 : 20;

		memcpy(got, want, len);
		header = inet_frame_header(&frame, 0);
		header.gso_type = VIRTIO_NET_HDR_GSO_NONE;
		ATF_CHECK(!segment_wanted(&header));
		sum = checksum_pseudo(
		    got + 14, frame.ipv6, frame.udp ? 17 : 6, len - 14 - ip);
		folded = checksum_fold(sum);
		memcpy(
		    got + header.csum_start + header.csum_offset, &folded, 2);
		ATF_CHECK(memcmp(got, want, len) != 0);
		ATF_REQUIRE(segment_complete(got, len, &header));
		ATF_CHECK_EQ(0, memcmp(got, want, len));

		header.csum_start = (uint16_t)(len - header.csum_offset - 1);
		ATF_CHECK(!segment_complete(got, len, &header));
		header.csum_start = (uint16_t)(len + 1);
		ATF_CHECK(!segment_complete(got, len, &header));
		header.flags = 0;
		ATF_CHECK(segment_complete(got, len, &header));
		ATF_CHECK_EQ(0, memcmp(got, want, len));
	}
}

/* Against the definition, at all lengths of several vectors and odd ends. */
ATF_TC_WITHOUT_HEAD(checksum);
ATF_TC_BODY(checksum, tc)
{
	static uint8_t data[300 + 64];
	uint16_t word;

	for (size_t i = 0; i < sizeof(data); i++)
		data[i] = (uint8_t)(i * 37 ^ i >> 3);
	memset(data, 0xff, 64);
	for (size_t start = 0; start < 32; start++) {
		for (size_t len = 0; len < 300; len++) {
			uint32_t sum = 0;

			for (size_t i = 0; i < len; i += 2) {
				word = 0;
				memcpy(&word, data + start + i,
				    len - i < 2 ? 1 : 2);
				sum += word;
			}
			while (sum > 0xffff)
				sum = (sum & 0xffff) + (sum >> 16);
			ATF_REQUIRE_EQ(sum,
			    checksum_fold(checksum_add(0, data + start, len)));
		}
	}
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, tcp);
	ATF_TP_ADD_TC(tp, udp);
	ATF_TP_ADD_TC(tp, udp_checksum_zero);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, complete);
	ATF_TP_ADD_TC(tp, checksum);
	return atf_no_error();
}
