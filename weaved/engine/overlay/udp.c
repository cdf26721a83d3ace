#include "weaved/engine/overlay/udp.h"

#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>

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

int
udp_send(int fd, const struct packet *packet)
{
	union {
		struct cmsghdr hdr;
		uint8_t buf[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
	struct sockaddr_in sin = address_of(packet->to);
	struct iovec iov = {packet->data, packet->len};
	struct msghdr msg = {.msg_name = &sin,
	    .msg_namelen = sizeof(sin),
	    .msg_iov = &iov,
	    .msg_iovlen = 1};
	struct in_pktinfo info = {.ipi_spec_dst.s_addr = htonl(packet->local)};

	if (packet->local != 0) {
		memset(&control, 0, sizeof(control));
		control.hdr.cmsg_level = IPPROTO_IP;
		control.hdr.cmsg_type = IP_PKTINFO;
		control.hdr.cmsg_len = CMSG_LEN(sizeof(info));
		memcpy(CMSG_DATA(&control.hdr), &info, sizeof(info));
		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
	}
	return sendmsg(fd, &msg, MSG_DONTWAIT) == -1 ? errno : 0;
}

int
udp_receive(int fd, struct packet *packet, struct endpoint *from)
{
	struct sockaddr_in sin = {0};
	socklen_t len = sizeof(sin);
	ssize_t n;

	packet_reset(packet);
	n = recvfrom(fd, packet->data, packet_room(packet), MSG_DONTWAIT,
	    (struct sockaddr *)&sin, &len);
	if (n == -1)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	packet->len = (size_t)n;
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
