#include "weaved/engine/overlay/tap.h"

#include <errno.h>
#include <unistd.h>

int
tap_read(int fd, struct packet *packet)
{
	ssize_t n;

	packet_reset(packet);
	n = read(fd, packet->data, packet_room(packet));
	if (n > 0) {
		packet->len = (size_t)n;
		return 1;
	}
	return n == 0 || errno == EAGAIN || errno == EINTR ? 0 : -1;
}

int
tap_write(int fd, const uint8_t *data, size_t len)
{
	return write(fd, data, len) == -1 ? errno : 0;
}
