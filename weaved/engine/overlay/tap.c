#include "weaved/engine/overlay/tap.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

int
tap_read(
    const struct tap *tap, struct packet *packet, struct virtio_net_hdr *header)
{
	struct iovec iov[2] = {{header, sizeof(*header)}};
	size_t skip = tap->header ? sizeof(*header) : 0;
	ssize_t n;

	packet_reset(packet);
	memset(header, 0, sizeof(*header));
	iov[1] = (struct iovec){packet->data, packet_room(packet)};
	n = tap->header ? readv(tap->fd, iov, 2)
			: read(tap->fd, iov[1].iov_base, iov[1].iov_len);
	if (n > 0) {
		packet->len = (size_t)n > skip ? (size_t)n - skip : 0;
		return 1;
	}
	return n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1;
}

int
tap_write(const struct tap *tap, const struct iovec *iov, int count)
{
	int skip = tap->header ? 0 : 1;

	return writev(tap->fd, iov + skip, count - skip) == -1 ? errno : 0;
}
