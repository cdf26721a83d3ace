/*
 * What pods say to each other. All payload is made of WATCH_MARKER, so that
 * the watch of the underlay recognises it. Each call is one attempt that takes
 * at most a second or so; tests repeat it by NET_WAIT() as long as they like.
 */
#ifndef REGRESS_TRAFFIC_H
#define REGRESS_TRAFFIC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "regress/lib/net.h"

#define TRAFFIC_PORT 7777 /* where pods listen */

/* Socket made inside a namespace; fails the test. */
int traffic_socket(struct net *net, int ns, int domain, int type, int protocol);
/* UDP socket of a pod, bound to this port; port 0: any. */
int traffic_udp(struct pod *pod, uint16_t port);

/* Echo with so many bytes of payload (IP packet: 28 more) came back. */
bool pod_pings(struct pod *from, struct pod *to, size_t size);
/* The same with DF; false with errno EMSGSIZE if told that it is too big. */
bool pod_pings_df(struct pod *from, struct pod *to, size_t size);
/* All pods reach each other. */
bool net_pings_all(struct net *net);
/* One datagram arrived unchanged. */
bool pod_sends_udp(struct pod *from, struct pod *to, size_t size);
/* So many bytes each way at the same time on one TCP connection, unchanged. */
bool pod_exchanges_tcp(struct pod *from, struct pod *to, size_t bytes);

/* A frame of this EtherType, with VLAN tag unless 0, arrived unchanged. */
struct traffic_frame {
	const uint8_t *to; /* MAC */
	uint16_t type;
	uint16_t vlan;
	size_t size; /* of the payload */
};
bool pod_sends_frame(
    struct pod *from, struct pod *to, const struct traffic_frame *frame);
/*
 * Sends count numbered UDP broadcasts and waits until each arrived; the
 * result is how many came in all, so more than count says duplicates.
 */
size_t pod_broadcasts(struct pod *from, struct pod *to, size_t count);
/* Path MTU towards the other pod as the kernel knows it. */
int pod_path_mtu(struct pod *from, struct pod *to);
/* Datagrams waiting in a socket; all are read. */
size_t traffic_drain(int s);

#endif
