#include <sys/ioctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <linux/icmp.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/traffic.h"
#include "regress/lib/watch.h"

#define WAIT_MS 700 /* for one answer */
#define TCP_WAIT_MS 8000 /* for a whole exchange to go on */
#define TRAFFIC_PORT 7777

/* One end of a TCP exchange; sends and expects the same pattern. */
struct stream {
	int s;
	size_t sent;
	size_t received;
	size_t bytes;
};

static struct sockaddr_in traffic_address(const char *, uint16_t);
static bool traffic_readable(int, uint64_t);
static bool traffic_ping(struct pod *, struct pod *, size_t, int);
static bool traffic_is_reply(const uint8_t *, ssize_t, uint16_t, size_t);
static uint16_t traffic_checksum(const uint8_t *, size_t);
static uint8_t traffic_byte(size_t);
static bool traffic_read(struct stream *);
static bool traffic_write(struct stream *);
static bool traffic_streams(struct stream[2]);
static int traffic_packet_socket(struct pod *);
static size_t traffic_build_frame(
    const struct pod *, const struct traffic_frame *, uint8_t *);
static bool traffic_got_frame(
    int, const struct pod *, const struct traffic_frame *);

int
traffic_socket(struct net *net, int ns, int domain, int type, int protocol)
{
	int s;

	net_enter(ns);
	s = socket(domain, type | SOCK_CLOEXEC, protocol);
	net_leave(net);
	if (s == -1)
		atf_tc_fail("socket: %s", strerror(errno));
	return s;
}

static struct sockaddr_in
traffic_address(const char *text, uint16_t port)
{
	struct sockaddr_in sin;

	memset(&sin, 0, sizeof(sin));
	sin.sin_family = AF_INET;
	sin.sin_port = htons(port);
	ATF_REQUIRE(inet_pton(AF_INET, text, &sin.sin_addr) == 1);
	return sin;
}

int
traffic_udp(struct pod *pod, uint16_t port)
{
	struct sockaddr_in sin = traffic_address("0.0.0.0", port);
	int s, on = 1, size = 8 << 20;

	s = traffic_socket(pod->net, pod->ns, AF_INET, SOCK_DGRAM, 0);
	setsockopt(s, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on));
	setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ATF_REQUIRE(bind(s, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	return s;
}

/* Is there input before this time? */
static bool
traffic_readable(int s, uint64_t end)
{
	struct pollfd pfd = {.fd = s, .events = POLLIN};
	uint64_t now = net_now();

	return now < end && poll(&pfd, 1, (int)(end - now)) == 1;
}

static uint16_t
traffic_checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;
	size_t i;

	for (i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	if (len % 2 == 1)
		sum += (uint32_t)data[len - 1] << 8;
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static bool
traffic_is_reply(
    const uint8_t *packet, ssize_t len, uint16_t sequence, size_t size)
{
	size_t ihl = (size_t)(packet[0] & 15) * 4;
	struct icmphdr icmp;

	if (len < 0 || (size_t)len != ihl + sizeof(icmp) + size)
		return false;
	memcpy(&icmp, packet + ihl, sizeof(icmp));
	return icmp.type == ICMP_ECHOREPLY &&
	    icmp.un.echo.sequence == sequence &&
	    (size < WATCH_MARKER_LEN ||
		memcmp(packet + ihl + sizeof(icmp), WATCH_MARKER,
		    WATCH_MARKER_LEN) == 0);
}

static bool
traffic_ping(struct pod *from, struct pod *to, size_t size, int discover)
{
	static uint8_t buf[65536], in[65536];
	static uint16_t sequence;
	struct sockaddr_in sin = traffic_address(to->address, 0);
	uint64_t end = net_now() + WAIT_MS;
	struct icmphdr icmp = {.type = ICMP_ECHO};
	bool done = false;
	int s, on = 1, cause = ETIMEDOUT;

	s = traffic_socket(
	    from->net, from->ns, AF_INET, SOCK_RAW, IPPROTO_ICMP);
	setsockopt(s, IPPROTO_IP, IP_MTU_DISCOVER, &discover, sizeof(discover));
	setsockopt(s, IPPROTO_IP, IP_RECVERR, &on, sizeof(on));
	icmp.un.echo.sequence = ++sequence;
	icmp.un.echo.id = (uint16_t)getpid();
	watch_fill(buf + sizeof(icmp), size);
	memcpy(buf, &icmp, sizeof(icmp));
	icmp.checksum = traffic_checksum(buf, sizeof(icmp) + size);
	memcpy(buf, &icmp, sizeof(icmp));
	if (sendto(s, buf, sizeof(icmp) + size, 0, (struct sockaddr *)&sin,
		sizeof(sin)) == -1) {
		cause = errno;
		end = 0;
	}
	while (!done && end != 0 && traffic_readable(s, end)) {
		ssize_t n = recv(s, in, sizeof(in), MSG_DONTWAIT);

		if (n == -1 && errno != EAGAIN) {
			cause = errno;
			break;
		}
		done = traffic_is_reply(in, n, icmp.un.echo.sequence, size);
	}
	close(s);
	errno = done ? 0 : cause;
	return done;
}

bool
pod_pings(struct pod *from, struct pod *to, size_t size)
{
	return traffic_ping(from, to, size, IP_PMTUDISC_DONT);
}

bool
pod_pings_df(struct pod *from, struct pod *to, size_t size)
{
	return traffic_ping(from, to, size, IP_PMTUDISC_DO);
}

bool
net_pings_all(struct net *net)
{
	size_t i, j;

	for (i = 0; i < net->npods; i++)
		for (j = 0; j < net->npods; j++)
			if (i != j &&
			    !pod_pings(&net->pods[i], &net->pods[j], 56))
				return false;
	return true;
}

bool
pod_sends_udp(struct pod *from, struct pod *to, size_t size)
{
	struct sockaddr_in sin = traffic_address(to->address, TRAFFIC_PORT);
	static uint8_t out[65536], in[65536];
	int out_s, in_s;
	bool done = false;
	ssize_t n;

	out_s = traffic_udp(from, 0);
	in_s = traffic_udp(to, TRAFFIC_PORT);
	watch_fill(out, size);
	sendto(out_s, out, size, 0, (struct sockaddr *)&sin, sizeof(sin));
	if (traffic_readable(in_s, net_now() + WAIT_MS)) {
		n = recv(in_s, in, sizeof(in), 0);
		done = n == (ssize_t)size && memcmp(in, out, size) == 0;
	}
	close(out_s);
	close(in_s);
	return done;
}

/* The marker, and a byte after it that tells one place from another. */
static uint8_t
traffic_byte(size_t at)
{
	size_t i = at % (WATCH_MARKER_LEN + 1);

	if (i == WATCH_MARKER_LEN)
		return (uint8_t)(at / (WATCH_MARKER_LEN + 1) * 167 >> 3);
	return (uint8_t)WATCH_MARKER[i];
}

static bool
traffic_read(struct stream *stream)
{
	uint8_t buf[16384];
	ssize_t i, n;

	while ((n = recv(stream->s, buf, sizeof(buf), MSG_DONTWAIT)) > 0)
		for (i = 0; i < n; i++)
			if (buf[i] != traffic_byte(stream->received++))
				return false;
	return n == -1 && errno == EAGAIN;
}

static bool
traffic_write(struct stream *stream)
{
	uint8_t buf[16384];
	size_t i, len = stream->bytes - stream->sent;
	ssize_t n;

	if (len > sizeof(buf))
		len = sizeof(buf);
	for (i = 0; i < len; i++)
		buf[i] = traffic_byte(stream->sent + i);
	n = send(stream->s, buf, len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n == -1)
		return errno == EAGAIN;
	stream->sent += (size_t)n;
	return true;
}

static bool
traffic_streams(struct stream streams[2])
{
	struct pollfd pfd[2];
	int i;

	for (;;) {
		bool done = true;

		for (i = 0; i < 2; i++) {
			bool more = streams[i].sent < streams[i].bytes;

			pfd[i].fd = streams[i].s;
			pfd[i].events = (short)(POLLIN | (more ? POLLOUT : 0));
			done &=
			    !more && streams[i].received >= streams[i].bytes;
		}
		if (done)
			return streams[0].received == streams[0].bytes &&
			    streams[1].received == streams[1].bytes;
		if (poll(pfd, 2, TCP_WAIT_MS) <= 0)
			return false;
		for (i = 0; i < 2; i++)
			if (((pfd[i].revents & POLLIN) != 0 &&
				!traffic_read(&streams[i])) ||
			    ((pfd[i].revents & POLLOUT) != 0 &&
				!traffic_write(&streams[i])))
				return false;
	}
}

bool
pod_exchanges_tcp(struct pod *from, struct pod *to, size_t bytes)
{
	struct sockaddr_in any = traffic_address("0.0.0.0", TRAFFIC_PORT);
	struct sockaddr_in sin = traffic_address(to->address, TRAFFIC_PORT);
	struct timeval limit = {.tv_sec = 5};
	struct stream streams[2] = {{.bytes = bytes}, {.bytes = bytes}};
	int listener, on = 1;
	bool done = false;

	listener = traffic_socket(to->net, to->ns, AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ATF_REQUIRE(bind(listener, (struct sockaddr *)&any, sizeof(any)) == 0);
	ATF_REQUIRE(listen(listener, 1) == 0);
	streams[0].s =
	    traffic_socket(from->net, from->ns, AF_INET, SOCK_STREAM, 0);
	setsockopt(
	    streams[0].s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(streams[0].s, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    traffic_readable(listener, net_now() + WAIT_MS)) {
		streams[1].s = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		done = streams[1].s != -1 && traffic_streams(streams);
		close(streams[1].s);
	}
	close(streams[0].s);
	close(listener);
	return done;
}

static int
traffic_packet_socket(struct pod *pod)
{
	struct sockaddr_ll sll = {
	    .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	int s, on = 1;

	s = traffic_socket(
	    pod->net, pod->ns, AF_PACKET, SOCK_RAW, htons(ETH_P_ALL));
	net_enter(pod->ns);
	sll.sll_ifindex = (int)if_nametoindex("eth0");
	net_leave(pod->net);
	ATF_REQUIRE(bind(s, (struct sockaddr *)&sll, sizeof(sll)) == 0);
	setsockopt(s, SOL_PACKET, PACKET_AUXDATA, &on, sizeof(on));
	return s;
}

static size_t
traffic_build_frame(
    const struct pod *from, const struct traffic_frame *frame, uint8_t *buf)
{
	uint8_t *at = buf;

	memcpy(at, frame->to, 6);
	memcpy(at + 6, from->mac, 6);
	at += 12;
	if (frame->vlan != 0) {
		*at++ = ETH_P_8021Q >> 8;
		*at++ = ETH_P_8021Q & 255;
		*at++ = (uint8_t)(frame->vlan >> 8);
		*at++ = (uint8_t)frame->vlan;
	}
	*at++ = (uint8_t)(frame->type >> 8);
	*at++ = (uint8_t)frame->type;
	watch_fill(at, frame->size);
	return (size_t)(at - buf) + frame->size;
}

/* The kernel takes a VLAN tag out of the frame and reports it aside. */
static bool
traffic_got_frame(
    int s, const struct pod *from, const struct traffic_frame *frame)
{
	union {
		struct cmsghdr align;
		char buf[CMSG_SPACE(sizeof(struct tpacket_auxdata))];
	} control;
	struct traffic_frame bare = *frame;
	static uint8_t in[65536], want[65536];
	struct iovec iov = {in, sizeof(in)};
	struct msghdr msg = {.msg_iov = &iov,
	    .msg_iovlen = 1,
	    .msg_control = &control,
	    .msg_controllen = sizeof(control)};
	struct tpacket_auxdata aux;
	uint16_t vlan = 0;
	ssize_t n;

	if ((n = recvmsg(s, &msg, MSG_DONTWAIT)) < ETH_HLEN)
		return false;
	if (CMSG_FIRSTHDR(&msg) != NULL) {
		memcpy(&aux, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(aux));
		if ((aux.tp_status & TP_STATUS_VLAN_VALID) != 0)
			vlan = aux.tp_vlan_tci;
	}
	bare.vlan = 0;
	return vlan == frame->vlan &&
	    (size_t)n == traffic_build_frame(from, &bare, want) &&
	    memcmp(in, want, (size_t)n) == 0;
}

bool
pod_sends_frame(
    struct pod *from, struct pod *to, const struct traffic_frame *frame)
{
	uint64_t end = net_now() + WAIT_MS;
	uint8_t buf[65536];
	bool done = false;
	int in, out;
	size_t len;

	in = traffic_packet_socket(to);
	out = traffic_packet_socket(from);
	len = traffic_build_frame(from, frame, buf);
	if (send(out, buf, len, 0) == -1)
		atf_tc_fail("send of a frame: %s", strerror(errno));
	while (!done && traffic_readable(in, end))
		done = traffic_got_frame(in, from, frame);
	close(in);
	close(out);
	return done;
}

size_t
pod_broadcasts(struct pod *from, struct pod *to, size_t count)
{
	struct sockaddr_in sin = traffic_address("10.32.255.255", TRAFFIC_PORT);
	char buf[128];
	int in, out;
	size_t i, got = 0;

	in = traffic_udp(to, TRAFFIC_PORT);
	out = traffic_udp(from, 0);
	watch_fill(buf, sizeof(buf));
	for (i = 0; i < count; i++) {
		sendto(out, buf, sizeof(buf), 0, (struct sockaddr *)&sin,
		    sizeof(sin));
		if (traffic_readable(in, net_now() + WAIT_MS))
			got += traffic_drain(in);
	}
	while (traffic_readable(in, net_now() + WAIT_MS))
		got += traffic_drain(in);
	close(in);
	close(out);
	return got;
}

int
pod_path_mtu(struct pod *from, struct pod *to)
{
	struct sockaddr_in sin = traffic_address(to->address, TRAFFIC_PORT);
	socklen_t len = sizeof(int);
	int s, mtu = 0;

	s = traffic_udp(from, 0);
	ATF_REQUIRE(connect(s, (struct sockaddr *)&sin, sizeof(sin)) == 0);
	getsockopt(s, IPPROTO_IP, IP_MTU, &mtu, &len);
	close(s);
	return mtu;
}

size_t
traffic_drain(int s)
{
	char buf[65536];
	size_t n = 0;

	while (recv(s, buf, sizeof(buf), MSG_DONTWAIT) >= 0)
		n++;
	return n;
}
