/*
 * Joins frames for the TAP: consecutive frames of a TCP or UDP flow become one
 * super-frame with a virtio header, so that bridge and pod pay for one. Only
 * what the kernel cuts again into the very same frames is joined: same
 * addresses, ports, TOS, TTL, flags and TCP options, sequence without a gap,
 * equal lengths (a shorter one ends), and checksums that were found right: the
 * kernel no longer looks at them afterwards.
 *
 * The order within a flow is kept. Frames that are joined stay where they are
 * until coalesce_flush().
 */
#ifndef ENGINE_OVERLAY_COALESCE_H
#define ENGINE_OVERLAY_COALESCE_H

#include <sys/uio.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define COALESCE_FRAMES 64 /* most in one; the kernel takes 128 of UDP */

struct coalesce;

struct coalesce_conf {
	bool tcp;
	bool udp;
	/*
	 * Writes a super-frame, or the one frame, of so many frames: iov[0] is
	 * struct virtio_net_hdr.
	 */
	void (*write)(
	    void *arg, const struct iovec *iov, int count, size_t frames);
	void *arg;
};

/* NULL without memory. */
struct coalesce *coalesce_new(const struct coalesce_conf *conf);
/* Forgets what was not flushed. NULL is fine. */
void coalesce_free(struct coalesce *coalesce);

/* The bytes stay the caller's, unchanged until coalesce_flush(). */
void coalesce_put(struct coalesce *coalesce, const uint8_t *data, size_t len);
/* Writes all that waits. */
void coalesce_flush(struct coalesce *coalesce);

#endif
