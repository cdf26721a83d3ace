/*
 * The overlay layer of the engine: frames between the TAP device and the
 * neighbours. Forwarding rules (mesh-protocol 9), the switch between overlays
 * (3.1) and sleeve (7).
 *
 * Like the mesh it knows neither event loop nor processes; the owner gives
 * descriptors, readiness and time (milliseconds, CLOCK_MONOTONIC). Nothing is
 * allocated or logged on the way of a packet.
 */
#ifndef ENGINE_OVERLAY_OVERLAY_H
#define ENGINE_OVERLAY_OVERLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"
#include "weaved/engine/mesh/mesh.h"

struct overlay;

struct overlay_conf {
	uint64_t name; /* our own */
	uint16_t port; /* of the UDP sockets */
	uint32_t mtu; /* of bridge and pods */
	uint32_t offloads; /* OFFLOAD_* of the descriptors */
};

struct overlay_ops {
	/* To the mesh: mesh_overlay_send, _established, _failed. */
	void (*control)(void *arg, uint32_t conn, uint8_t tag,
	    const uint8_t *body, size_t len, uint64_t now);
	void (*established)(void *arg, uint32_t conn, uint64_t now);
	void (*failed)(
	    void *arg, uint32_t conn, const char *cause, uint64_t now);
	/* Routes: mesh_peer_known, mesh_next_hop, mesh_broadcast_hops. */
	bool (*peer_known)(void *arg, uint64_t peer);
	uint64_t (*next_hop)(void *arg, uint64_t peer);
	size_t (*broadcast_hops)(
	    void *arg, uint64_t source, const uint64_t **hops);
	/*
	 * The descriptor became unable (able again) to take a packet: watch
	 * it for writing until overlay_udp_writable().
	 */
	void (*watch_write)(void *arg, int fd, bool on);
	/*
	 * Many frames went to the TAP: if who receives them has to share our
	 * processor, it is its turn now, before its sockets overflow.
	 */
	void (*give_way)(void *arg);
};

struct overlay *overlay_new(const struct overlay_conf *conf,
    const struct overlay_ops *ops, void *arg, uint64_t now);
void overlay_free(struct overlay *overlay);

/*
 * Descriptors made and set up by the parent, non-blocking, owned by the
 * overlay from here on. df: IP_MTU_DISCOVER DO, IP_RECVERR, IP_PKTINFO, all
 * input arrives here; nodf: IP_MTU_DISCOVER DONT. tap: IFF_TAP | IFF_NO_PI,
 * and IFF_VNET_HDR with OFFLOAD_TAP.
 */
void overlay_set_udp(struct overlay *overlay, int df, int nodf);
void overlay_set_tap(struct overlay *overlay, int tap);

/* The functions behind mesh_ops.overlay_*: same meaning. */
bool overlay_prepare(struct overlay *overlay, uint32_t conn,
    const struct mesh_link *link, char *cause, size_t size);
void overlay_confirm(struct overlay *overlay, uint32_t conn, uint64_t now);
void overlay_control(struct overlay *overlay, uint32_t conn, uint8_t tag,
    const uint8_t *body, size_t len, uint64_t now);
void overlay_stop(struct overlay *overlay, uint32_t conn);
void overlay_rekey(struct overlay *overlay, uint32_t conn,
    const uint8_t keys[2][MESH_KEY_LEN], uint64_t now);
void overlay_switch(struct overlay *overlay, uint32_t conn, uint64_t now);
void overlay_hold(struct overlay *overlay, uint32_t conn);
uint64_t overlay_volume(struct overlay *overlay, uint32_t conn);
void overlay_describe(
    struct overlay *overlay, uint32_t conn, struct ctl_connection *row);
void overlay_peer_gone(struct overlay *overlay, uint64_t peer);

/* Those of conf that have not turned out to fail. */
uint32_t overlay_offloads(const struct overlay *overlay);

/*
 * Readiness: does a bounded amount of work. df also when its error queue has
 * something.
 */
void overlay_udp_readable(struct overlay *overlay, uint64_t now);
void overlay_udp_writable(struct overlay *overlay, int fd, uint64_t now);
void overlay_tap_readable(struct overlay *overlay, uint64_t now);
/* Does what is due; returns when to call again at the latest. */
uint64_t overlay_tick(struct overlay *overlay, uint64_t now);

/*
 * Measures towards a peer that is a neighbour (probe.h); NULL, or why not.
 * overlay_probe_result() is true once after the end.
 */
const char *overlay_probe_start(struct overlay *overlay, uint64_t peer,
    uint64_t session, const struct ctl_bench *bench, uint64_t now);
void overlay_probe_cancel(struct overlay *overlay);
bool overlay_probe_result(
    struct overlay *overlay, struct ctl_bench_result *row);

/* parts: CTL_SHOW_MACS, CTL_SHOW_COUNTERS. */
void overlay_show(const struct overlay *overlay, uint32_t parts, mesh_emit emit,
    void *arg, uint64_t now);

#endif
