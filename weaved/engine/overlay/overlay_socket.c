#include "weaved/engine/overlay/overlay_internal.h"

#include <errno.h>
#include <unistd.h>

#include "common/log.h"
#include "common/offload.h"
#include "weaved/engine/overlay/udp.h"

#define WAITING_MAX 96 /* packets waiting for one socket, of two */
#define WAITING_PEER 12 /* of one connection among them */
#define WAITING_URGENT 8 /* more, of what keeps connections alive */
#define WAITING_BATCH 16
#define ERRORS_BATCH 64

static struct overlay_socket *socket_of(struct overlay *, int);
static bool socket_may_wait(
    struct overlay *, const struct overlay_socket *, const struct packet *);
static void socket_count_waiting(struct overlay *, const struct packet *, int);
static void socket_wait(struct overlay *, struct overlay_socket *,
    struct packet *, struct sleeve_result *);
static void socket_path_mtu(struct overlay *, struct udp_error, uint64_t);
static int socket_send_again(
    struct overlay *, int, const struct packet *, int, uint32_t *, uint64_t);
static void socket_run_refused(struct overlay *, int);
static bool socket_push(
    struct overlay *, int, struct packet *, struct sleeve_result *, uint64_t);

void
overlay_socket_init(struct overlay_socket *sock)
{
	sock->fd = -1;
	sock->count = 0;
	TAILQ_INIT(&sock->waiting);
}

void
overlay_socket_close(struct overlay *overlay, struct overlay_socket *sock)
{
	struct packet *packet;

	while ((packet = TAILQ_FIRST(&sock->waiting)) != NULL) {
		TAILQ_REMOVE(&sock->waiting, packet, entry);
		packet_put(overlay->pool, packet);
	}
	if (sock->fd != -1)
		close(sock->fd);
	overlay_socket_init(sock);
}

static struct overlay_socket *
socket_of(struct overlay *overlay, int fd)
{
	if (fd == overlay->df.fd)
		return &overlay->df;
	if (fd == overlay->nodf.fd)
		return &overlay->nodf;
	return NULL;
}

/* No peer, slow or not, may fill the queue for the others. */
static bool
socket_may_wait(struct overlay *overlay, const struct overlay_socket *sock,
    const struct packet *packet)
{
	const struct overlay_conn *conn =
	    overlay_conn_find(overlay, packet->owner);

	if (packet->urgent)
		return sock->count < WAITING_MAX + WAITING_URGENT;
	return sock->count < WAITING_MAX && conn != NULL &&
	    conn->waiting < WAITING_PEER;
}

static void
socket_count_waiting(
    struct overlay *overlay, const struct packet *packet, int change)
{
	struct overlay_conn *conn = overlay_conn_find(overlay, packet->owner);

	if (conn != NULL)
		conn->waiting += (unsigned)change;
}

static void
socket_wait(struct overlay *overlay, struct overlay_socket *sock,
    struct packet *packet, struct sleeve_result *result)
{
	if (!socket_may_wait(overlay, sock, packet)) {
		result->failed += packet->count - packet->next;
		result->lost += packet->len;
		result->error = ENOBUFS;
		packet_put(overlay->pool, packet);
		return;
	}
	if (packet->urgent)
		TAILQ_INSERT_HEAD(&sock->waiting, packet, entry);
	else
		TAILQ_INSERT_TAIL(&sock->waiting, packet, entry);
	socket_count_waiting(overlay, packet, 1);
	if (sock->count++ == 0)
		overlay->ops->watch_write(overlay->arg, sock->fd, true);
}

void
overlay_udp_writable(struct overlay *overlay, int fd, uint64_t now)
{
	struct overlay_socket *sock = socket_of(overlay, fd);
	struct sleeve_result result = {0};
	struct packet *packet = NULL;

	if (sock == NULL)
		return;
	for (int i = 0; i < WAITING_BATCH; i++) {
		packet = TAILQ_FIRST(&sock->waiting);
		if (packet == NULL ||
		    !socket_push(overlay, fd, packet, &result, now))
			break;
		TAILQ_REMOVE(&sock->waiting, packet, entry);
		sock->count--;
		socket_count_waiting(overlay, packet, -1);
		packet_put(overlay->pool, packet);
	}
	overlay->counters.drop[DROP_SEND_ERROR] += result.failed;
	if (sock->count == 0)
		overlay->ops->watch_write(overlay->arg, fd, false);
	overlay_end_turn(overlay, now);
}

static void
socket_path_mtu(struct overlay *overlay, struct udp_error error, uint64_t now)
{
	struct overlay_conn *conn;

	for (int i = 0; i < OVERLAY_BUCKETS; i++) {
		LIST_FOREACH(conn, &overlay->by_id[i], by_id) {
			if (sleeve_remote(conn->sleeve).addr != error.to.addr)
				continue;
			sleeve_path_mtu(conn->sleeve, error.path_mtu, now);
			overlay_conn_touch(conn);
		}
	}
}

uint32_t
overlay_read_errors(
    struct overlay *overlay, int fd, uint32_t addr, uint64_t now)
{
	struct udp_error error;
	uint32_t path_mtu = 0;

	for (int i = 0; i < ERRORS_BATCH && udp_receive_error(fd, &error);
	     i++) {
		if (error.path_mtu == 0 || error.to.addr == 0)
			continue;
		socket_path_mtu(overlay, error, now);
		if (error.to.addr == addr)
			path_mtu = error.path_mtu;
	}
	return path_mtu;
}

/*
 * A refused send may be due to an error that an earlier packet, perhaps to
 * another peer, left on the socket. Unless the queue says it was this one,
 * try once more.
 */
static int
socket_send_again(struct overlay *overlay, int fd, const struct packet *packet,
    int error, uint32_t *path_mtu, uint64_t now)
{
	*path_mtu = overlay_read_errors(overlay, fd, packet->to.addr, now);
	if (error == EMSGSIZE && *path_mtu != 0)
		return error;
	error = udp_send(fd, packet, 1, packet->lens[packet->next]);
	if (error == EMSGSIZE)
		*path_mtu =
		    overlay_read_errors(overlay, fd, packet->to.addr, now);
	return error;
}

/* The kernel or the device turns out not to do it, whatever it said. */
static void
socket_run_refused(struct overlay *overlay, int error)
{
	if (error != EIO)
		return;
	overlay->conf.offloads &= ~OFFLOAD_UDP_SEND;
	log_warn("offload-udp-send: refused by a device, not used any more");
}

/*
 * Sends what is left of a packet, in runs; one that is refused goes again one
 * by one. False: the socket is full.
 */
static bool
socket_push(struct overlay *overlay, int fd, struct packet *packet,
    struct sleeve_result *result, uint64_t now)
{
	unsigned singly = 0, count, max;
	size_t len;
	int error;

	while (packet->next < packet->count) {
		max = singly == 0 &&
			(overlay->conf.offloads & OFFLOAD_UDP_SEND) != 0
		    ? PACKET_DATAGRAMS
		    : 1;
		count = packet_run(packet, max, &len);
		error = udp_send(fd, packet, count, len);
		if (error != 0 && error != EAGAIN && count > 1) {
			socket_run_refused(overlay, error);
			singly = count;
			continue;
		}
		if (error != 0 && error != EAGAIN)
			error = socket_send_again(
			    overlay, fd, packet, error, &result->path_mtu, now);
		if (error == EAGAIN)
			return false;
		if (error != 0) {
			result->failed++;
			result->lost += len;
			result->error = error;
		}
		if (singly != 0)
			singly--;
		packet_sent(packet, count);
	}
	return true;
}

void
overlay_socket_send(void *arg, bool df, struct packet *packet,
    struct sleeve_result *result, uint64_t now)
{
	struct overlay_conn *conn = arg;
	struct overlay *overlay = conn->overlay;
	struct overlay_socket *sock = df ? &overlay->df : &overlay->nodf;

	packet->owner = conn->id;
	if ((sock->count == 0 || packet->urgent) &&
	    socket_push(overlay, sock->fd, packet, result, now))
		packet_put(overlay->pool, packet);
	else
		socket_wait(overlay, sock, packet, result);
}
