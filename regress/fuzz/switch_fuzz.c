/*
 * Control messages of a peer: the overlay list up to the first NUL, then
 * outer tag and payload, through the switch and into a sleeve connection.
 */
#include <sodium.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/engine/overlay/overlay.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void
on_control(void *arg, uint32_t conn, uint8_t tag, const uint8_t *body,
    size_t len, uint64_t now)
{
	(void)arg;
	(void)conn;
	(void)now;
	/* What must never be sent (mesh-protocol 13). */
	if (tag != 7 || len < 2 || body[0] != 0)
		abort();
}

static void
on_established(void *arg, uint32_t conn, uint64_t now)
{
	(void)arg;
	(void)conn;
	(void)now;
}

static void
on_failed(void *arg, uint32_t conn, const char *cause, uint64_t now)
{
	(void)arg;
	(void)conn;
	(void)cause;
	(void)now;
}

static bool
on_peer_known(void *arg, uint64_t peer)
{
	(void)arg;
	(void)peer;
	return true;
}

static uint64_t
on_next_hop(void *arg, uint64_t peer)
{
	(void)arg;
	return peer;
}

static size_t
on_broadcast_hops(void *arg, uint64_t source, const uint64_t **hops)
{
	(void)arg;
	(void)source;
	*hops = NULL;
	return 0;
}

static void
on_watch_write(void *arg, int fd, bool on)
{
	(void)arg;
	(void)fd;
	(void)on;
}

static void
on_give_way(void *arg)
{
	(void)arg;
}

static const struct overlay_ops ops = {
    .control = on_control,
    .established = on_established,
    .failed = on_failed,
    .peer_known = on_peer_known,
    .next_hop = on_next_hop,
    .broadcast_hops = on_broadcast_hops,
    .watch_write = on_watch_write,
    .give_way = on_give_way,
};

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct overlay *overlay;
	struct overlay_conf conf = {2, 6783, 1376};
	struct mesh_link link = {.peer = 1,
	    .uid = 5,
	    .outbound = true,
	    .has_overlays = true,
	    .remote = {0x7f000001, 6783}};
	const uint8_t *end = memchr(data, 0, len);
	char cause[64];
	size_t n;

	if (end == NULL || (size_t)(end - data) >= sizeof(link.overlays))
		return 0;
	n = (size_t)(end - data);
	memcpy(link.overlays, data, n);
	data += n + 1;
	len -= n + 1;
	if (len == 0)
		return 0;
	if (overlay == NULL) {
		log_set_level(LOGLEVEL_ERROR);
		if (sodium_init() == -1 ||
		    (overlay = overlay_new(&conf, &ops, NULL, 0)) == NULL)
			abort();
	}
	if (!overlay_prepare(overlay, 1, &link, cause, sizeof(cause)))
		return 0;
	overlay_confirm(overlay, 1, 0);
	overlay_control(overlay, 1, data[0], data + 1, len - 1, 10);
	overlay_tick(overlay, 1000);
	overlay_control(overlay, 1, data[0], data + 1, len - 1, 2000);
	overlay_stop(overlay, 1);
	return 0;
}
