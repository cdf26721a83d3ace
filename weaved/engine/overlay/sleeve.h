/*
 * One sleeve connection: its life, its packets and its path MTU
 * (mesh-protocol 7.2 to 7.8).
 *
 * Frames are collected per path (DF or not) until sleeve_flush(). After any
 * call that takes now, the caller flushes and asks sleeve_tick() anew.
 */
#ifndef ENGINE_OVERLAY_SLEEVE_H
#define ENGINE_OVERLAY_SLEEVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "weaved/engine/overlay/counters.h"
#include "weaved/engine/overlay/frame.h"
#include "weaved/engine/overlay/packet.h"
#include "weaved/engine/overlay/sleeve_packet.h"

/* Tags of control messages (3.2). */
#define SLEEVE_ESTABLISHED 1 /* empty: your heartbeat was heard */
#define SLEEVE_FRAGMENTED 2 /* empty: the fragmentation test came whole */
#define SLEEVE_MTU_VERIFIED 3 /* u16 MTU */

#define SLEEVE_CIPHER "xsalsa20-poly1305" /* as users read it */

struct sleeve;

struct sleeve_conf {
	uint64_t ours;
	uint64_t peer;
	uint64_t uid; /* of the connection */
	bool outbound;
	bool has_key; /* nothing is sent or accepted in the clear */
	uint8_t version; /* of the protocol: 3, else 2 */
	uint8_t key[CIPHER_KEY_LEN]; /* version 2 */
	uint8_t keys[2][CIPHER_KEY_LEN]; /* version 3: of who dialled, other */
	uint32_t local; /* source address of packets */
	struct endpoint remote; /* address 0: to be learnt from a heartbeat */
};

/* What became of the datagrams of a packet. */
struct sleeve_result {
	unsigned failed;
	size_t lost; /* bytes of those */
	int error; /* errno of the last that failed */
	uint32_t path_mtu; /* with EMSGSIZE: of the kernel, 0: not told */
};

struct sleeve_ops {
	/*
	 * Sends packet to packet->to from packet->local and puts it back into
	 * the pool in any case; *result is zero before.
	 */
	void (*send)(void *arg, bool df, struct packet *packet,
	    struct sleeve_result *result, uint64_t now);
	void (*control)(void *arg, uint8_t tag, const uint8_t *body, size_t len,
	    uint64_t now);
	void (*established)(void *arg, uint64_t now);
	/* Once; nothing more is sent. */
	void (*failed)(void *arg, const char *cause, uint64_t now);
	/* A frame that is not special, first and last peer unchecked. */
	void (*frame)(void *arg, struct frame *frame, uint64_t now);
	/* An answer to a frame that was too big (7.7), for forwarding. */
	void (*answer)(void *arg, struct frame *frame, uint64_t now);
};

struct sleeve_stats {
	uint64_t packets_sent;
	uint64_t packets_received;
	uint64_t bytes_sent; /* of UDP payload */
	uint64_t bytes_received;
	uint64_t drops;
	uint64_t replays;
	uint64_t bad_packets;
};

/* Copies conf. pool and counters stay the caller's. NULL without memory. */
struct sleeve *sleeve_new(const struct sleeve_conf *conf,
    const struct sleeve_ops *ops, void *arg, struct packet_pool *pool,
    struct overlay_counters *counters);
/* Wipes the key. NULL is fine. */
void sleeve_free(struct sleeve *sleeve);

void sleeve_confirm(struct sleeve *sleeve, uint64_t now);
/* A control message of the peer; any tag, any body. */
void sleeve_control(struct sleeve *sleeve, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now);
/*
 * Datagrams after their sender's name, at most PACKET_DATAGRAMS; changed in
 * place, and frames of them stay valid as long as they do.
 */
void sleeve_receive(struct sleeve *sleeve, struct sleeve_datagram *datagrams,
    size_t count, uint64_t now);
/* A decoded frame or super-frame towards the peer; it is copied. */
void sleeve_send(
    struct sleeve *sleeve, const struct frame *frame, uint64_t now);
void sleeve_flush(struct sleeve *sleeve, uint64_t now);
/* ICMP told a path MTU towards the remote address. */
void sleeve_path_mtu(struct sleeve *sleeve, uint32_t path_mtu, uint64_t now);
/* Does what is due; returns when to call again, UINT64_MAX for never. */
uint64_t sleeve_tick(struct sleeve *sleeve, uint64_t now);

/*
 * New keys (hardened-protocol 6); a switch to them, with a heartbeat; nothing
 * more until there is one. Fine without keys.
 */
void sleeve_rekey(
    struct sleeve *sleeve, const uint8_t keys[2][CIPHER_KEY_LEN], uint64_t now);
void sleeve_switch(struct sleeve *sleeve, uint64_t now);
void sleeve_hold(struct sleeve *sleeve);

/* Address 0 while it is not known. */
struct endpoint sleeve_remote(const struct sleeve *sleeve);
uint32_t sleeve_mtu(const struct sleeve *sleeve);
const struct sleeve_stats *sleeve_stats(const struct sleeve *sleeve);
/* Packets sealed under the key in use. */
uint64_t sleeve_sealed(const struct sleeve *sleeve);

#endif
