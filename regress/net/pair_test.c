/*
 * Two hosts, a pod on each: whatever Ethernet carries arrives unchanged.
 */
#include "regress/lib/pair.h"

#define TCP_BYTES 4000000
#define ETHERTYPE 0x88b5 /* for local experiments: nobody's IP */

static void pair_sizes(struct pod *, struct pod *);
static void pair_frames(struct pod *, struct pod *);
static void pair_carries(enum net_cipher);

/* UDP of every size up to the MTU. A datagram may be lost, sizes may not. */
static void
pair_sizes(struct pod *from, struct pod *to)
{
	size_t size;

	for (size = 1; size <= PAIR_MTU - 28; size++)
		NET_WAIT(10, pod_sends_udp(from, to, size));
}

static void
pair_frames(struct pod *from, struct pod *to)
{
	static const uint8_t broadcast[] = {255, 255, 255, 255, 255, 255};
	static const uint8_t multicast[] = {1, 0, 0x5e, 0, 0, 0xfb};
	const uint8_t *destinations[] = {to->mac, broadcast, multicast};
	static const size_t sizes[] = {46, 500, 1000, PAIR_MTU};
	struct traffic_frame frame;
	size_t i, j;

	for (i = 0; i < 3; i++)
		for (j = 0; j < 4; j++) {
			frame.to = destinations[i];
			frame.size = sizes[j];
			frame.type = ETHERTYPE;
			frame.vlan = 0;
			NET_WAIT(10, pod_sends_frame(from, to, &frame));
			frame.vlan = 42;
			NET_WAIT(10, pod_sends_frame(from, to, &frame));
			/* 802.3: a length in place of the type */
			frame.type = (uint16_t)sizes[j];
			frame.vlan = 0;
			NET_WAIT(10, pod_sends_frame(from, to, &frame));
		}
}

static void
pair_carries(enum net_cipher cipher)
{
	struct pair pair = pair_new(cipher);

	pair_start(&pair, PAIR_MTU);
	pair_sizes(pair.x, pair.y);
	pair_frames(pair.x, pair.y);
	pair_frames(pair.y, pair.x);
	NET_WAIT(60, pod_exchanges_tcp(pair.x, pair.y, TCP_BYTES));
	NET_WAIT(60, pod_exchanges_tcp(pair.y, pair.x, TCP_BYTES));
	ATF_CHECK_EQ(20, pod_broadcasts(pair.x, pair.y, 20));
	NET_WAIT(10, pod_pings(pair.x, pair.y, 8000));
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(encrypted);
ATF_TC_BODY(encrypted, tc)
{
	pair_carries(NET_ENCRYPTED);
}

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	pair_carries(NET_PLAIN);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, encrypted);
	ATF_TP_ADD_TC(tp, plain);
	return atf_no_error();
}
