/*
 * Garbage at the UDP port under the name of a peer, 200,000 packets a second
 * or what the machine can send, against an honest TCP flow between pods. The
 * measure is what that flow keeps when the same flood goes to a plain socket
 * on the same host that reads and drops: nine tenths of it, where the machine
 * is not shared (SOAK_SECONDS is set).
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define RATE 200000 /* packets a second */
#define BATCH 64
#define LEN 128 /* bytes of one: name, sequence, tag, frames */
#define PLAIN_PORT 6799
#define FLOW_PORT 7778
#define ROUNDS 3
#define KEEPS 0.9
#define RSS_MAX 8192 /* KiB */
#define LINES_PER_S 2 /* of the log */

struct flood {
	struct pair pair;
	struct host *from;
	uint64_t *sent; /* shared */
	uint64_t *read; /* by the plain socket */
	pid_t plain;
};

static struct sockaddr_in address(const char *, uint16_t);
static void flood_fill(uint8_t[BATCH][LEN]);
static void flood_send(const struct flood *, uint16_t)
    __attribute__((noreturn));
static void flood_read(const struct flood *) __attribute__((noreturn));
static void flow_send(const struct flood *) __attribute__((noreturn));
static pid_t flood_fork(const struct flood *, uint16_t);
static void flood_kill(pid_t);
static struct flood flood_start(void);
static uint64_t flow_bytes(const struct flood *, uint64_t);
static uint64_t flow_under(const struct flood *, uint16_t, uint64_t);
static uint64_t counter(struct host *, const char *);
static uint64_t log_lines(struct host *);

static struct sockaddr_in
address(const char *text, uint16_t port)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(port)};

	inet_pton(AF_INET, text, &sin.sin_addr);
	return sin;
}

/* Under the name of host b, so that each is to be opened. */
static void
flood_fill(uint8_t packets[BATCH][LEN])
{
	for (size_t i = 0; i < BATCH; i++) {
		for (size_t j = 0; j < LEN; j++)
			packets[i][j] = (uint8_t)random();
		memcpy(packets[i], "\x5a\0\0\0\0\2", 6);
	}
}

/* A millisecond's worth at a time. */
static void
flood_send(const struct flood *flood, uint16_t port)
{
	static uint8_t packets[BATCH][LEN];
	struct sockaddr_in to = address(flood->pair.a->address, port);
	struct mmsghdr headers[BATCH] = {0};
	struct iovec iovs[BATCH];
	uint64_t begun;
	int s, n;

	net_enter(flood->from->ns);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) == -1)
		_exit(1);
	flood_fill(packets);
	for (size_t i = 0; i < BATCH; i++) {
		iovs[i] = (struct iovec){packets[i], LEN};
		headers[i].msg_hdr.msg_iov = &iovs[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	for (begun = net_now();;) {
		if (*flood->sent / (RATE / 1000) > net_now() - begun) {
			usleep(500);
			continue;
		}
		n = sendmmsg(s, headers, BATCH, 0);
		*flood->sent += n > 0 ? (uint64_t)n : 0;
	}
}

static void
flood_read(const struct flood *flood)
{
	static uint8_t packets[BATCH][LEN];
	struct sockaddr_in at = address("0.0.0.0", PLAIN_PORT);
	struct mmsghdr headers[BATCH] = {0};
	struct iovec iovs[BATCH];
	int s, n;

	net_enter(flood->pair.a->ns);
	s = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(s, (struct sockaddr *)&at, sizeof(at)) == -1)
		_exit(1);
	for (size_t i = 0; i < BATCH; i++) {
		iovs[i] = (struct iovec){packets[i], LEN};
		headers[i].msg_hdr.msg_iov = &iovs[i];
		headers[i].msg_hdr.msg_iovlen = 1;
	}
	for (;;) {
		n = recvmmsg(s, headers, BATCH, MSG_WAITFORONE, NULL);
		*flood->read += n > 0 ? (uint64_t)n : 0;
	}
}

/* From pod y to pod x, as much as goes. */
static void
flow_send(const struct flood *flood)
{
	static uint8_t data[65536];
	struct sockaddr_in to = address(flood->pair.x->address, FLOW_PORT);
	int s;

	net_enter(flood->pair.y->ns);
	s = socket(AF_INET, SOCK_STREAM, 0);
	if (connect(s, (struct sockaddr *)&to, sizeof(to)) == -1)
		_exit(1);
	watch_fill(data, sizeof(data));
	while (send(s, data, sizeof(data), MSG_NOSIGNAL) > 0)
		;
	_exit(0);
}

/* port 0: the flow. */
static pid_t
flood_fork(const struct flood *flood, uint16_t port)
{
	pid_t pid = fork();

	ATF_REQUIRE(pid != -1);
	if (pid == 0 && port == 0)
		flow_send(flood);
	if (pid == 0)
		flood_send(flood, port);
	return pid;
}

static void
flood_kill(pid_t pid)
{
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
}

static struct flood
flood_start(void)
{
	struct flood flood = {.pair = pair_new(NET_ENCRYPTED)};

	flood.from = net_host(flood.pair.net);
	host_option(flood.pair.a, "log", "info");
	pair_start(&flood.pair, PAIR_MTU);
	flood.sent = mmap(NULL, 4096, PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(flood.sent != MAP_FAILED);
	flood.read = flood.sent + 1;
	ATF_REQUIRE((flood.plain = fork()) != -1);
	if (flood.plain == 0)
		flood_read(&flood);
	return flood;
}

/* Received of the flow in so many ms, after a second of warming up. */
static uint64_t
flow_bytes(const struct flood *flood, uint64_t ms)
{
	static uint8_t data[1 << 20];
	struct sockaddr_in at = address("0.0.0.0", FLOW_PORT);
	uint64_t bytes = 0, end;
	struct pollfd wait;
	int listener, on = 1;
	pid_t sender;
	ssize_t n;

	listener = traffic_socket(
	    flood->pair.net, flood->pair.x->ns, AF_INET, SOCK_STREAM, 0);
	setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ATF_REQUIRE_EQ(0, bind(listener, (struct sockaddr *)&at, sizeof(at)));
	ATF_REQUIRE_EQ(0, listen(listener, 1));
	sender = flood_fork(flood, 0);
	wait = (struct pollfd){.fd = listener, .events = POLLIN};
	ATF_REQUIRE_EQ(1, poll(&wait, 1, 60000));
	ATF_REQUIRE((wait.fd = accept(listener, NULL, NULL)) != -1);
	for (end = net_now() + 1000 + ms; net_now() < end;) {
		if (poll(&wait, 1, 100) != 1)
			continue;
		n = recv(wait.fd, data, sizeof(data), 0);
		ATF_REQUIRE(n > 0);
		if (end - net_now() <= ms)
			bytes += (uint64_t)n;
	}
	flood_kill(sender);
	close(wait.fd);
	close(listener);
	return bytes;
}

static uint64_t
flow_under(const struct flood *flood, uint16_t port, uint64_t ms)
{
	uint64_t begun = net_now(), bytes, taken;
	pid_t sender;

	*flood->sent = 0;
	sender = flood_fork(flood, port);
	bytes = flow_bytes(flood, ms);
	taken = net_now() - begun;
	flood_kill(sender);
	printf("port %u: %llu packets/s, the flow has %.1f Mbit/s\n", port,
	    (unsigned long long)(*flood->sent * 1000 / taken),
	    (double)bytes * 8 / 1000 / (double)ms);
	return bytes;
}

static uint64_t
counter(struct host *host, const char *name)
{
	json_t *report = host_show(host, "report");
	uint64_t value = (uint64_t)json_integer_value(
	    json_object_get(json_object_get(report, "Counters"), name));

	json_decref(report);
	return value;
}

static uint64_t
log_lines(struct host *host)
{
	FILE *file = fopen(host->log, "r");
	uint64_t lines = 0;
	int c;

	ATF_REQUIRE(file != NULL);
	while ((c = getc(file)) != EOF)
		lines += c == '\n';
	fclose(file);
	return lines;
}

ATF_TC(garbage);
ATF_TC_HEAD(garbage, tc)
{
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(garbage, tc)
{
	bool strict = getenv("SOAK_SECONDS") != NULL;
	uint64_t ms = strict ? 4000 : 1500, plain = 0, ours = 0, rss, lines;
	struct flood flood = flood_start();
	pid_t engine = host_process(flood.pair.a, "engine");
	uint64_t begun = net_now();

	rss = process_rss(engine);
	lines = log_lines(flood.pair.a);
	for (int i = 0; i < ROUNDS; i++) {
		plain += flow_under(&flood, PLAIN_PORT, ms);
		ours += flow_under(&flood, NET_PORT, ms);
	}
	flood_kill(flood.plain);
	printf("the flow keeps %.3f of it\n", (double)ours / (double)plain);
	ATF_CHECK(*flood.read > 0 && ours > 0);
	ATF_CHECK(counter(flood.pair.a, "overlay.drop.bad_packet") > 1000);
	ATF_CHECK_EQ(engine, host_process(flood.pair.a, "engine"));
	ATF_CHECK(process_rss(engine) < rss + RSS_MAX);
	ATF_CHECK(log_lines(flood.pair.a) <=
	    lines + LINES_PER_S * (1 + (net_now() - begun) / 1000));
	pair_require(&flood.pair);
	if (strict)
		ATF_CHECK_MSG((double)ours >= KEEPS * (double)plain,
		    "the flow keeps %.3f", (double)ours / (double)plain);
	net_check(flood.pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, garbage);
	return atf_no_error();
}
