/*
 * "weavectl bench": throughput, loss and round trips between two running
 * daemons, by test frames that travel like those of pods.
 *
 * A test frame is Ethernet to an address of ours that no pod has, so that a
 * peer which does not know it does with it what it does with any frame of an
 * unknown pod. Big-endian:
 *
 *	 0  02:57:65:61:76:65 (destination)    30  session  8
 *	 6  02:57:65:61:76:64 (source)         38  sequence 8
 *	12  88b5                               46  stamp    8
 *	14  "wbch"                             54  frames   8
 *	18  kind 1, asks 1, zero 10            62  bytes    8
 *
 * and zeros up to the size that is tested. Data is counted per session; if it
 * asks, it is answered by an echo of PROBE_FRAME_MIN bytes with its sequence
 * and stamp and what was counted so far.
 */
#ifndef ENGINE_OVERLAY_PROBE_H
#define ENGINE_OVERLAY_PROBE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ctl.h"

#define PROBE_FRAME_MIN 70
#define PROBE_FRAME_MAX 9014
#define PROBE_ECHOES 1000 /* answered a second, whoever asks */
#define PROBE_SESSIONS 4 /* of others, counted at a time */
#define PROBE_BURST 100 /* frames a turn */

enum probe_kind {
	PROBE_DATA = 1,
	PROBE_ECHO
};

struct probe_frame {
	uint8_t kind; /* enum probe_kind */
	bool asks;
	uint64_t session;
	uint64_t sequence; /* of the session, from 0 */
	uint64_t stamp; /* the sender's own clock */
	uint64_t frames; /* received so far */
	uint64_t bytes;
};

struct probe_ops {
	/* A frame towards a peer of the mesh; data is not kept. */
	void (*send)(void *arg, uint64_t peer, const uint8_t *data, size_t len,
	    uint64_t now);
	/* Other packets wait: not now. */
	bool (*busy)(void *arg);
	/* Microseconds, of any beginning. */
	uint64_t (*clock)(void *arg);
};

struct probe;

/* NULL without memory. */
struct probe *probe_new(const struct probe_ops *ops, void *arg);
void probe_free(struct probe *probe);

/* Is an Ethernet frame addressed to us daemons? */
bool probe_is(const uint8_t *data, size_t len);
/* Writes PROBE_FRAME_MIN bytes. */
void probe_encode(
    const struct probe_frame *frame, uint8_t out[PROBE_FRAME_MIN]);
/* False: malformed. */
bool probe_decode(const uint8_t *data, size_t len, struct probe_frame *frame);

/*
 * Measures towards a peer: a fifth of the time at rest, then with as many
 * frames of len bytes (PROBE_FRAME_MIN to PROBE_FRAME_MAX) as arrive without
 * loss or queues, at most mbits. False: limits, or one is under way.
 */
bool probe_start(struct probe *probe, uint64_t peer, uint64_t session,
    size_t len, uint32_t seconds, uint32_t mbits, uint64_t now);
void probe_cancel(struct probe *probe);
bool probe_running(const struct probe *probe);
/* A frame for which probe_is(), that entered the mesh at peer. */
void probe_receive(struct probe *probe, uint64_t peer, const uint8_t *data,
    size_t len, uint64_t now);
/* Sends what is due; when to call again, UINT64_MAX: never. */
uint64_t probe_tick(struct probe *probe, uint64_t now);
/*
 * Once after the end: true, and everything of *row but the nickname. No
 * echo at all: sent is 0.
 */
bool probe_result(struct probe *probe, struct ctl_bench_result *row);

#endif
