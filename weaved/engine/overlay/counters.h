/*
 * What happened to frames and packets, for CTL_SHOW_COUNTERS. Every frame or
 * packet that goes no further is counted under one reason.
 */
#ifndef ENGINE_OVERLAY_COUNTERS_H
#define ENGINE_OVERLAY_COUNTERS_H

#include <stdint.h>

enum overlay_drop {
	/* UDP packets in */
	DROP_TRUNCATED, /* longer than a datagram can be, or empty */
	DROP_UNKNOWN_NAME, /* no confirmed connection to that sender */
	DROP_BAD_PACKET, /* did not open or parse */
	DROP_REPLAY,
	/* frames in them */
	DROP_SHORT_FRAME,
	DROP_UNKNOWN_PEER, /* first or last peer */
	DROP_BAD_SPECIAL, /* not from the neighbour to us, or other uid */
	DROP_OWN_FRAME, /* claims to have entered the mesh here */
	DROP_MAC_OURS, /* from a MAC that a pod of ours uses */
	/* frames from the TAP */
	DROP_LOCAL_BAD, /* short, or would pass for a special frame */
	DROP_LOCAL_CONFLICT, /* source MAC known at another peer */
	DROP_LOCAL_CONTROL, /* bridge control address */
	DROP_LOCAL_LOCAL, /* destination is on our own bridge */
	/* on the way */
	DROP_NO_ROUTE,
	DROP_LOOP, /* next hop is where it came from */
	DROP_NO_CONNECTION, /* to the next hop */
	DROP_NO_ADDRESS, /* the neighbour's is not known yet */
	DROP_TOO_BIG,
	DROP_TOO_BIG_ANSWERED, /* by ICMP fragmentation needed */
	DROP_TOO_BIG_BROADCAST,
	DROP_NO_BUFFER,
	/* at a descriptor */
	DROP_EMSGSIZE,
	DROP_SOCKET_FULL, /* too much of that peer waits for the socket */
	DROP_SEND_ERROR,
	DROP_TAP_ERROR,
	/* control messages */
	DROP_BAD_CONTROL,
	DROP_CONTROL_RATE, /* answers to probes beyond the limit */
	OVERLAY_DROP_MAX
};

struct overlay_counters {
	uint64_t drop[OVERLAY_DROP_MAX];
	uint64_t mac_moves; /* between peers */
	uint64_t local_mac_moves; /* of them: from here to elsewhere */
	uint64_t mac_held; /* claims refused: it moves too often */
	uint64_t tap_frames_in;
	uint64_t tap_frames_out;
	uint64_t relayed;
	uint64_t address_changes;
	uint64_t mtu_searches;
};

/* "no_route" */
const char *overlay_drop_name(enum overlay_drop drop);

#endif
