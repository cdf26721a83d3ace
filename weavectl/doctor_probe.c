#include <sys/socket.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip_icmp.h>
#include <poll.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "weavectl/doctor.h"

#define HEADER_LEN 7 /* "weave" and the least and the highest version */
#define ECHO_LEN 8
#define STAMP_LEN 20 /* RFC 792: three times, ms since midnight UTC */
#define DAY_MS 86400000
#define IDENTIFIER 0x7765

enum {
	WAIT_TCP,
	WAIT_ICMP,
	WAIT_UDP,
	WAITS
};

struct trial {
	struct sockaddr_in to;
	struct pollfd waits[WAITS]; /* fd -1: over */
	bool connected;
	uint8_t header[HEADER_LEN];
	size_t got;
	uint64_t sent; /* of the pings, in microseconds */
	struct doctor_probe *probe;
};

static uint64_t now_us(void);
static uint32_t day_ms(void);
static uint16_t checksum(const uint8_t *, size_t);
static void over(struct trial *, int);
static void begin_tcp(struct trial *);
static void begin_udp(struct trial *);
static void begin_icmp(struct trial *);
static void send_ping(int, uint8_t, size_t);
static void on_tcp(struct trial *);
static void on_header(struct trial *);
static void on_udp(struct trial *);
static void on_icmp(struct trial *);
static void take_stamp(struct doctor_probe *, const uint8_t *);
static bool settled(const struct trial *);

static uint64_t
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

static uint32_t
day_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint32_t)(ts.tv_sec % 86400 * 1000 + ts.tv_nsec / 1000000);
}

static uint16_t
checksum(const uint8_t *data, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i + 1 < len; i += 2)
		sum += (uint32_t)data[i] << 8 | data[i + 1];
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

static void
over(struct trial *trial, int wait)
{
	if (trial->waits[wait].fd != -1)
		close(trial->waits[wait].fd);
	trial->waits[wait].fd = -1;
}

static void
begin_tcp(struct trial *trial)
{
	struct pollfd *wait = &trial->waits[WAIT_TCP];

	trial->probe->tcp_error = ETIMEDOUT;
	wait->fd =
	    socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	wait->events = POLLOUT;
	if (wait->fd == -1 ||
	    (connect(wait->fd, (struct sockaddr *)&trial->to,
		 sizeof(trial->to)) == -1 &&
		errno != EINPROGRESS)) {
		trial->probe->tcp_error = errno;
		over(trial, WAIT_TCP);
	}
}

/* An empty datagram: only the kernel at the other end ever answers it. */
static void
begin_udp(struct trial *trial)
{
	struct pollfd *wait = &trial->waits[WAIT_UDP];
	socklen_t len = sizeof(int);
	int mtu = 0;

	wait->fd =
	    socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	wait->events = POLLIN;
	if (wait->fd == -1 ||
	    connect(wait->fd, (struct sockaddr *)&trial->to,
		sizeof(trial->to)) == -1 ||
	    send(wait->fd, NULL, 0, 0) == -1) {
		trial->probe->udp_error = errno;
		over(trial, WAIT_UDP);
	} else if (getsockopt(wait->fd, IPPROTO_IP, IP_MTU, &mtu, &len) == 0)
		trial->probe->path_mtu = (uint32_t)mtu;
}

/* A raw socket: those without may not ask for the time. */
static void
begin_icmp(struct trial *trial)
{
	struct pollfd *wait = &trial->waits[WAIT_ICMP];

	wait->fd = socket(
	    AF_INET, SOCK_RAW | SOCK_NONBLOCK | SOCK_CLOEXEC, IPPROTO_ICMP);
	wait->events = POLLIN;
	if (wait->fd == -1 ||
	    connect(wait->fd, (struct sockaddr *)&trial->to,
		sizeof(trial->to)) == -1) {
		over(trial, WAIT_ICMP);
		return;
	}
	trial->probe->tried_icmp = true;
	trial->sent = now_us();
	send_ping(wait->fd, ICMP_ECHO, ECHO_LEN);
	send_ping(wait->fd, ICMP_TSTAMP, STAMP_LEN);
}

static void
send_ping(int fd, uint8_t type, size_t len)
{
	uint8_t packet[STAMP_LEN] = {
	    type, 0, 0, 0, IDENTIFIER >> 8, IDENTIFIER & 0xff};
	uint16_t sum = checksum(packet, len);

	packet[2] = (uint8_t)(sum >> 8);
	packet[3] = (uint8_t)sum;
	(void)send(fd, packet, len, 0); /* none is an answer too */
}

static void
on_tcp(struct trial *trial)
{
	struct pollfd *wait = &trial->waits[WAIT_TCP];
	socklen_t len = sizeof(int);
	int error = 0;
	ssize_t n;

	if (!trial->connected) {
		getsockopt(wait->fd, SOL_SOCKET, SO_ERROR, &error, &len);
		trial->probe->tcp_error = error;
		trial->connected = error == 0;
		wait->events = POLLIN;
		if (!trial->connected)
			over(trial, WAIT_TCP);
		return;
	}
	n = recv(wait->fd, trial->header + trial->got,
	    sizeof(trial->header) - trial->got, 0);
	if (n > 0)
		trial->got += (size_t)n;
	if (n <= 0 || trial->got == sizeof(trial->header))
		on_header(trial);
}

/* All there is to come has. */
static void
on_header(struct trial *trial)
{
	struct doctor_probe *probe = trial->probe;

	probe->other_service = trial->got > 0;
	if (trial->got == sizeof(trial->header) &&
	    memcmp(trial->header, "weave", 5) == 0) {
		probe->other_service = false;
		probe->has_header = true;
		probe->version_min = trial->header[5];
		probe->version_max = trial->header[6];
	}
	over(trial, WAIT_TCP);
}

static void
on_udp(struct trial *trial)
{
	socklen_t len = sizeof(int);

	getsockopt(trial->waits[WAIT_UDP].fd, SOL_SOCKET, SO_ERROR,
	    &trial->probe->udp_error, &len);
	over(trial, WAIT_UDP);
}

static void
on_icmp(struct trial *trial)
{
	struct doctor_probe *probe = trial->probe;
	uint8_t packet[256];
	size_t header;
	ssize_t n;

	n = recv(trial->waits[WAIT_ICMP].fd, packet, sizeof(packet), 0);
	header = n < (ssize_t)sizeof(struct ip) ? 0 : (packet[0] & 0xfu) * 4u;
	if (header == 0 || (size_t)n < header + ECHO_LEN ||
	    packet[header + 4] != IDENTIFIER >> 8 ||
	    packet[header + 5] != (IDENTIFIER & 0xff))
		return;
	if (packet[header] == ICMP_ECHOREPLY && !probe->has_echo) {
		probe->has_echo = true;
		probe->echo = (uint32_t)(now_us() - trial->sent);
	} else if (packet[header] == ICMP_TSTAMPREPLY &&
	    (size_t)n >= header + STAMP_LEN)
		take_stamp(probe, packet + header + STAMP_LEN - 4);
	if (probe->has_echo && probe->has_clock)
		over(trial, WAIT_ICMP);
}

/* Both count from midnight, and one of them may be past it. */
static void
take_stamp(struct doctor_probe *probe, const uint8_t *p)
{
	uint32_t theirs = (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
	    (uint32_t)p[2] << 8 | p[3];

	if (theirs >= DAY_MS) /* "non-standard", by the highest bit */
		return;
	probe->has_clock = true;
	probe->clock = (int32_t)theirs - (int32_t)day_ms();
	if (probe->clock > DAY_MS / 2)
		probe->clock -= DAY_MS;
	else if (probe->clock < -DAY_MS / 2)
		probe->clock += DAY_MS;
}

/* UDP has no good answer: it is waited for as long as the others are. */
static bool
settled(const struct trial *trial)
{
	return trial->waits[WAIT_TCP].fd == -1 &&
	    trial->waits[WAIT_ICMP].fd == -1;
}

void
doctor_probe(struct endpoint at, bool ports, struct doctor_probe *probe)
{
	static void (*const ready[WAITS])(struct trial *) = {
	    on_tcp, on_icmp, on_udp};
	uint64_t end = now_us() + DOCTOR_PROBE_MS * UINT64_C(1000), now;
	struct trial trial = {.to = {.sin_family = AF_INET,
				  .sin_port = htons(at.port),
				  .sin_addr.s_addr = htonl(at.addr)},
	    .probe = probe};

	for (int i = 0; i < WAITS; i++)
		trial.waits[i].fd = -1;
	probe->tried_ports = ports;
	begin_icmp(&trial);
	if (ports) {
		begin_tcp(&trial);
		begin_udp(&trial);
	}
	while (!settled(&trial) && (now = now_us()) < end &&
	    poll(trial.waits, WAITS, (int)((end - now) / 1000) + 1) >= 0) {
		for (int i = 0; i < WAITS; i++)
			if (trial.waits[i].fd != -1 &&
			    trial.waits[i].revents != 0)
				ready[i](&trial);
	}
	for (int i = 0; i < WAITS; i++)
		over(&trial, i);
}
