/*
 * The smallest network: hosts a and b, where b dials a, with a pod on each.
 */
#ifndef REGRESS_PAIR_H
#define REGRESS_PAIR_H

#include "regress/lib/net.h"
#include "regress/lib/traffic.h"
#include "regress/lib/watch.h"

#define PAIR_MTU 1376

struct pair {
	struct net *net;
	struct host *a, *b;
	struct pod *x, *y;
};

/* Hosts with nothing started: time for options. */
struct pair pair_new(enum net_cipher cipher);
/* Both daemons, then pods of this MTU; returns when these ping. */
void pair_start(struct pair *pair, int mtu);
/* Connected and pinging both ways. */
void pair_require(struct pair *pair);

#endif
