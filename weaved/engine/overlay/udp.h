/*
 * Datagrams from and to the UDP sockets (mesh-protocol 7.9): IPv4, source
 * address chosen per packet, path MTU from the error queue.
 */
#ifndef ENGINE_OVERLAY_UDP_H
#define ENGINE_OVERLAY_UDP_H

#include <stdbool.h>
#include <stdint.h>

#include "weaved/engine/overlay/packet.h"

/* What the network or the kernel said of an earlier packet. */
struct udp_error {
	struct endpoint to; /* where that packet went, address 0: not told */
	uint32_t path_mtu; /* 0: it was another error */
};

/*
 * Sends the next datagrams of the packet, count of them in len bytes, to
 * packet->to from packet->local (0: any). More than one: packet_run() found
 * them. 0 or errno.
 */
int udp_send(int fd, const struct packet *packet, unsigned count, size_t len);
/*
 * 1: one datagram in packet, or several of one sender (UDP_GRO) of
 * packet->segment bytes each but the last; 0: none there now, -1 with errno.
 */
int udp_receive(int fd, struct packet *packet, struct endpoint *from);
/* Takes one entry off the error queue; false: empty. */
bool udp_receive_error(int fd, struct udp_error *error);

#endif
