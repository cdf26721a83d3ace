#include "weaved/engine/overlay/udp.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <string.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif

static void control_add(struct msghdr *, int, int, const void *, size_t);
static size_t control_segment(struct msghdr *);
static struct sockaddr_in address_of(struct endpoint);
static struct endpoint endpoint_of(const struct sockaddr_in *);

static struct sockaddr_in
address_of(struct endpoint ep)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_addr.s_addr = htonl(ep.addr);
	sin.sin_port = htons(ep.port);
	return sin;
}

static struct endpoint
endpoint_of(const struct sockaddr_in *sin)
{
	struct endpoint ep = {0, 0};

	if (sin->sin_family == AF_INET) {
		ep.addr = ntohl(sin->sin_addr.s_addr);
		ep.port = ntohs(sin->sin_port);
	}
	return ep;
}

/* One more control message behind those in msg; there is room for it. */
static void
control_add(
    struct msghdr *msg, int level, int type, const void *data, size_t len)
{
	struct cmsghdr hdr = {
	    .cmsg_len = CMSG_LEN(len), .cmsg_level = level, .cmsg_type = type};
	uint8_t *at = (uint8_t *)msg->msg_control + msg->msg_controllen;

	memset(at, 0, CMSG_SPACE(len));
	memcpy(at, &hdr, sizeof(hdr));
	memcpy(at + CMSG_LEN(0), data, len);
	msg->msg_controllen += CMSG_SPACE(len);
}

int
udp_send(int fd, const struct packet *packet, unsigned count, size_t len)
{
	union {
		struct cmsghdr hdr;
		uint8_t buf[CMSG_SPACE(sizeof(struct in_pktinfo)) +
		    CMSG_SPACE(sizeof(uint16_t))];
	} control;
	struct sockaddr_in sin = address_of(packet->to);
	struct iovec iov = {packet->data, len};
	struct msghdr msg = {.msg_name = &sin,
	    .msg_namelen = sizeof(sin),
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control};
	struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(packet->local)};

	if (packet->local != 0)
		control_add(&msg, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	if (count > 1)
		control_add(&msg, IPPROTO_UDP, UDP_SEGMENT,
		    &packet->lens[packet->next], sizeof(uint16_t));
	return sendmsg(fd, &msg, MSG_DONTWAIT) == -1 ? errno : 0;
}

/* What UDP_GRO says, 0 if it says nothing that can be. */
static size_t
control_segment(struct msghdr *msg)
{
	int segment = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	     c = CMSG_NXTHDR(msg, c)) {
		if (c->cmsg_level == IPPROTO_UDP && c->cmsg_type == UDP_GRO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(segment)))
			memcpy(&segment, CMSG_DATA(c), sizeof(segment));
	}
	return segment > 0 ? (size_t)segment : 0;
}

int
udp_receive(int fd, struct packet *packet, struct endpoint *from)
{
	union {
		struct cmsghdr hdr;
		uint8_t buf[128]; /* IP_PKTINFO and UDP_GRO */
	} control;
	struct sockaddr_in sin = {0};
	struct iovec iov;
	struct msghdr msg = {.msg_name = &sin,
	    .msg_namelen = sizeof(sin),
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	ssize_t n;

	packet_reset(packet);
	iov = (struct iovec){packet->data, packet_room(packet)};
	n = recvmsg(fd, &msg, MSG_DONTWAIT);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	packet->len = (size_t)n;
	packet->segment = control_segment(&msg);
	*from = endpoint_of(&sin);
	return 1;
}

bool
udp_receive_error(int fd, struct udp_error *error)
{
	union {
		struct cmsghdr hdr;
		uint8_t buf[512];
	} control;
	struct sockaddr_in sin = {0};
	uint8_t data[1];
	struct iovec iov = {data, sizeof(data)};
	struct msghdr msg = {.msg_name = &sin,
	    .msg_namelen = sizeof(sin),
	    .msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct sock_extended_err ee;

	if (recvmsg(fd, &msg, MSG_ERRQUEUE | MSG_DONTWAIT) == -1)
		return false;
	error->to = endpoint_of(&sin);
	error->path_mtu = 0;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL;
	     c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != IPPROTO_IP || c->cmsg_type != IP_RECVERR ||
		    c->cmsg_len < CMSG_LEN(sizeof(ee)))
			continue;
		memcpy(&ee, CMSG_DATA(c), sizeof(ee));
		if (ee.ee_errno == EMSGSIZE)
			error->path_mtu = ee.ee_info;
	}
	return true;
}
