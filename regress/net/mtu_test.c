/*
 * Underlays of 576 to 9000 bytes, and one that loses what is too big without
 * a word. A pod's packet that must not be fragmented passes if it fits beside
 * the overhead; the pod learns what fits if it does not.
 */
#include <errno.h>

#include "regress/lib/pair.h"

#define OVERHEAD_ENCRYPTED 86 /* mesh-protocol 7.1 */
#define OVERHEAD_PLAIN 62
#define KERNEL_MIN 552 /* net.ipv4.route.min_pmtu */
#define PING 28 /* headers of an echo */

static bool mtu_too_big(struct pod *, struct pod *, int);
static void mtu_limit(struct pair *, int);
static void mtu_underlay(enum net_cipher, int, int);

/*
 * The kernel of the pod learnt this limit from ICMP. It believes no less than
 * KERNEL_MIN and below that fragments whatever it is asked.
 */
static bool
mtu_too_big(struct pod *from, struct pod *to, int limit)
{
	bool refused;

	refused = !pod_pings_df(from, to, (size_t)(limit + 1 - PING)) &&
	    errno == EMSGSIZE;
	if (limit < KERNEL_MIN)
		return pod_path_mtu(from, to) == KERNEL_MIN;
	return refused && pod_path_mtu(from, to) == limit;
}

static void
mtu_limit(struct pair *pair, int limit)
{
	NET_WAIT(30, pod_pings_df(pair->x, pair->y, (size_t)(limit - PING)));
	NET_WAIT(30, pod_pings_df(pair->y, pair->x, (size_t)(limit - PING)));
	if (limit < pair->x->mtu) {
		NET_WAIT(30, mtu_too_big(pair->x, pair->y, limit));
		NET_WAIT(30, mtu_too_big(pair->y, pair->x, limit));
	}
	NET_WAIT(30, pod_pings(pair->x, pair->y, (size_t)pair->x->mtu - PING));
	NET_WAIT(30, pod_pings(pair->x, pair->y, 4000));
	NET_WAIT(60, pod_exchanges_tcp(pair->x, pair->y, 500000));
	net_check(pair->net);
}

static void
mtu_underlay(enum net_cipher cipher, int mtu, int pods)
{
	struct pair pair = pair_new(cipher);
	int limit = mtu -
	    (cipher == NET_ENCRYPTED ? OVERHEAD_ENCRYPTED : OVERHEAD_PLAIN);

	net_set_mtu(pair.net, mtu);
	host_option(pair.a, "mtu", "%d", pods);
	host_option(pair.b, "mtu", "%d", pods);
	pair_start(&pair, pods);
	mtu_limit(&pair, limit < pods ? limit : pods);
}

#define MTU_CASE(name, cipher, mtu, pods)        \
	ATF_TC_WITHOUT_HEAD(name);               \
	ATF_TC_BODY(name, tc)                    \
	{                                        \
		mtu_underlay(cipher, mtu, pods); \
	}
MTU_CASE(mtu_576, NET_ENCRYPTED, 576, 1376)
MTU_CASE(mtu_576_plain, NET_PLAIN, 576, 1376)
MTU_CASE(mtu_1280, NET_ENCRYPTED, 1280, 1376)
MTU_CASE(mtu_1400_plain, NET_PLAIN, 1400, 1376)
MTU_CASE(mtu_1500, NET_ENCRYPTED, 1500, 1376)
MTU_CASE(mtu_1500_tight, NET_ENCRYPTED, 1500, 1500)
MTU_CASE(mtu_9000, NET_ENCRYPTED, 9000, 8914)
MTU_CASE(mtu_9000_plain, NET_PLAIN, 9000, 9000)

ATF_TC_WITHOUT_HEAD(silent_hole);
ATF_TC_BODY(silent_hole, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	int limit = 1300 - OVERHEAD_ENCRYPTED;

	net_set_hole(pair.b, 1300);
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(60, host_sum(pair.a, "mtu") == (uint64_t)limit);
	NET_WAIT(60, host_sum(pair.b, "mtu") == (uint64_t)limit);
	mtu_limit(&pair, limit);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, mtu_576);
	ATF_TP_ADD_TC(tp, mtu_576_plain);
	ATF_TP_ADD_TC(tp, mtu_1280);
	ATF_TP_ADD_TC(tp, mtu_1400_plain);
	ATF_TP_ADD_TC(tp, mtu_1500);
	ATF_TP_ADD_TC(tp, mtu_1500_tight);
	ATF_TP_ADD_TC(tp, mtu_9000);
	ATF_TP_ADD_TC(tp, mtu_9000_plain);
	ATF_TP_ADD_TC(tp, silent_hole);
	return atf_no_error();
}
