#include "regress/lib/pair.h"

struct pair
pair_new(enum net_cipher cipher)
{
	struct pair pair = {.net = net_new(cipher)};

	pair.a = net_host(pair.net);
	pair.b = net_host(pair.net);
	host_peer(pair.b, pair.a->address);
	return pair;
}

void
pair_start(struct pair *pair, int mtu)
{
	host_start(pair->a);
	host_start(pair->b);
	pair->x = net_pod(pair->a, mtu);
	pair->y = net_pod(pair->b, mtu);
	pair_require(pair);
}

void
pair_require(struct pair *pair)
{
	NET_WAIT(30,
	    host_connected(pair->a, pair->b) &&
		host_connected(pair->b, pair->a));
	NET_WAIT(20, pod_pings(pair->x, pair->y, 56));
	NET_WAIT(20, pod_pings(pair->y, pair->x, 56));
}
