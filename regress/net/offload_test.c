/*
 * Two hosts, a pod on each, with the offloads of one switched off one by one
 * and all together: the pods notice nothing, and the status tells.
 */
#include <stdlib.h>
#include <string.h>

#include "regress/lib/pair.h"

#define TCP_BYTES 8000000
#define ETHERTYPE 0x88b5

static const char *const keys[] = {
    "offload-tap", "offload-udp-send", "offload-udp-receive", "coalesce"};
#define KEYS (sizeof(keys) / sizeof(keys[0]))

static void carries(struct pod *, struct pod *);
static void without(enum net_cipher, unsigned, const char *);

static void
carries(struct pod *from, struct pod *to)
{
	struct traffic_frame frame = {
	    .to = to->mac, .type = ETHERTYPE, .vlan = 42, .size = 1000};
	size_t size;

	for (size = 1; size <= PAIR_MTU - 28; size += 91)
		NET_WAIT(10, pod_sends_udp(from, to, size));
	NET_WAIT(10, pod_sends_frame(from, to, &frame));
	NET_WAIT(60, pod_exchanges_tcp(from, to, TCP_BYTES));
}

/* off: a set of keys, by bit. */
static void
without(enum net_cipher cipher, unsigned off, const char *shown)
{
	const char *offloads;
	struct pair pair;
	json_t *status;

	if (getenv("NET_OPTIONS") != NULL)
		atf_tc_skip("chooses the offloads itself");
	pair = pair_new(cipher);
	for (size_t i = 0; i < KEYS; i++) {
		if ((off & 1u << i) != 0)
			host_option(pair.a, keys[i], "no");
	}
	pair_start(&pair, PAIR_MTU);
	carries(pair.x, pair.y);
	carries(pair.y, pair.x);
	net_run(pair.a->ns, "ip link show weave-tap | grep -q 'qlen 1000'");
	status = host_show(pair.a, "status");
	offloads = json_string_value(
	    json_object_get(json_object_get(status, "Router"), "Offloads"));
	ATF_CHECK_STREQ(shown, offloads == NULL ? "" : offloads);
	json_decref(status);
	net_check(pair.net);
}

#define OFFLOAD_TEST(name, off, shown)              \
	ATF_TC_WITHOUT_HEAD(name);                  \
	ATF_TC_BODY(name, tc)                       \
	{                                           \
		without(NET_ENCRYPTED, off, shown); \
	}

OFFLOAD_TEST(all, 0, "tap, tap-udp, udp-send, udp-receive, coalesce")
OFFLOAD_TEST(no_tap, 1, "udp-send, udp-receive")
OFFLOAD_TEST(no_udp_send, 2, "tap, tap-udp, udp-receive, coalesce")
OFFLOAD_TEST(no_udp_receive, 4, "tap, tap-udp, udp-send, coalesce")
OFFLOAD_TEST(no_coalesce, 8, "tap, tap-udp, udp-send, udp-receive")
OFFLOAD_TEST(none, 15, "none")

ATF_TC_WITHOUT_HEAD(plain);
ATF_TC_BODY(plain, tc)
{
	without(NET_PLAIN, 0, "tap, tap-udp, udp-send, udp-receive, coalesce");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, all);
	ATF_TP_ADD_TC(tp, no_tap);
	ATF_TP_ADD_TC(tp, no_udp_send);
	ATF_TP_ADD_TC(tp, no_udp_receive);
	ATF_TP_ADD_TC(tp, no_coalesce);
	ATF_TP_ADD_TC(tp, none);
	ATF_TP_ADD_TC(tp, plain);
	return atf_no_error();
}
