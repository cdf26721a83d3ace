/*
 * A million packets and messages that make no sense against each socket of a
 * daemon that goes on serving: random ones, and true ones with a few bytes
 * changed.
 */
#include <sys/socket.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ctl.h"
#include "common/imsg.h"
#include "regress/lib/pair.h"
#include "regress/lib/process.h"
#include "regress/lib/record.h"

#define PACKETS 1000000
#define CHECK_EVERY 50000
#define CONNECTIONS 2000
#define MESSAGES 500 /* in one connection */
#define CLIENTS 2000

/* The daemon at the start, to be found the same at the end. */
struct before {
	pid_t parent, engine, control;
	uint64_t rss;
	size_t descriptors;
};

static struct before garbage_begin(struct pair *);
static void garbage_end(struct pair *, const struct before *);
static void garbage_change(uint8_t *, size_t);
static size_t garbage_header(uint8_t *);
static void garbage_connection(struct pair *, unsigned);
static void garbage_client(struct pair *, unsigned);

static struct before
garbage_begin(struct pair *pair)
{
	struct before before;

	srandom(1);
	before.parent = pair->a->pid;
	before.engine = host_process(pair->a, "engine");
	before.control = host_process(pair->a, "control");
	before.rss = process_rss(before.engine);
	before.descriptors = process_descriptors(before.engine, NULL);
	ATF_REQUIRE(before.engine > 0 && before.control > 0);
	return before;
}

static void
garbage_end(struct pair *pair, const struct before *before)
{
	pair_require(pair);
	ATF_CHECK_EQ(before->parent, pair->a->pid);
	ATF_CHECK_EQ(before->engine, host_process(pair->a, "engine"));
	ATF_CHECK_EQ(before->control, host_process(pair->a, "control"));
	NET_WAIT(90,
	    process_descriptors(before->engine, NULL) <=
		before->descriptors + 2);
	ATF_CHECK_MSG(process_rss(before->engine) < before->rss + 32768,
	    "memory grew from %llu to %llu KiB",
	    (unsigned long long)before->rss,
	    (unsigned long long)process_rss(before->engine));
	NET_WAIT(30, pod_exchanges_tcp(pair->x, pair->y, 500000));
	net_check(pair->net);
}

/* One to four bytes become others. */
static void
garbage_change(uint8_t *bytes, size_t len)
{
	long n = random() % 4 + 1;

	while (n-- > 0)
		bytes[(size_t)random() % len] = (uint8_t)random();
}

ATF_TC(udp);
ATF_TC_HEAD(udp, tc)
{
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(udp, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	static uint8_t buf[65536];
	struct record_packet *packet;
	struct record *record;
	struct before before;
	size_t i, j;

	pair_start(&pair, PAIR_MTU);
	record = record_new(pair.a);
	for (i = 0; i < 200; i++)
		NET_WAIT(10, pod_sends_udp(pair.y, pair.x, 16 + i * 5));
	NET_WAIT(10, record_collect(record) >= 200);
	before = garbage_begin(&pair);
	for (i = 0; i < PACKETS; i++) {
		packet = &record->packets[(size_t)random() % record->count];
		memcpy(buf, packet->bytes, packet->len);
		if (i % 2 == 0)
			garbage_change(
			    buf + RECORD_HEADERS, packet->len - RECORD_HEADERS);
		else
			for (j = RECORD_HEADERS + 6; j < packet->len; j++)
				buf[j] = (uint8_t)random();
		record_send(record, buf, packet->len);
		if (i % CHECK_EVERY == 0)
			NET_WAIT(20, pod_pings(pair.x, pair.y, 56));
	}
	garbage_end(&pair, &before);
	record_free(record);
}

/*
 * Up to the key of an encrypted connection (mesh-protocol 1.1), or through
 * HELLO (hardened-protocol 4).
 */
static size_t
garbage_header(uint8_t *buf)
{
	static const char old[] = "weave\2\2\1";
	static const char hardened[] = "weave\3\3\0\0\0\55W3\0";
	bool is_old = random() % 2 == 0;
	size_t len = is_old ? sizeof(old) - 1 : sizeof(hardened) - 1;
	size_t rest = is_old ? 32 : 42;

	memcpy(buf, is_old ? old : hardened, len);
	while (rest-- > 0)
		buf[len++] = (uint8_t)random();
	return len;
}

static void
garbage_connection(struct pair *pair, unsigned kind)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(NET_PORT)};
	struct timeval limit = {.tv_sec = 2};
	uint8_t buf[512];
	size_t i, j, len;
	int s;

	inet_pton(AF_INET, pair->a->address, &sin.sin_addr);
	s = traffic_socket(pair->net, pair->b->ns, AF_INET, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(s, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		close(s);
		return;
	}
	len = kind % 4 == 0 ? 0 : garbage_header(buf);
	if (kind % 4 == 2)
		garbage_change(buf, len);
	if (len > 0 && send(s, buf, len, MSG_NOSIGNAL) == -1)
		len = 0;
	for (i = 0; i < MESSAGES; i++) {
		len = (size_t)random() % sizeof(buf) + 1;
		for (j = 0; j < len; j++)
			buf[j] = (uint8_t)random();
		if (len >= 4 && kind % 4 == 3) {
			buf[0] = buf[1] = 0;
			buf[2] = (uint8_t)((len - 4) >> 8);
			buf[3] = (uint8_t)(len - 4);
		}
		if (send(s, buf, len, MSG_NOSIGNAL | MSG_DONTWAIT) == -1)
			break;
	}
	close(s);
}

ATF_TC(tcp);
ATF_TC_HEAD(tcp, tc)
{
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(tcp, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct before before;
	unsigned i;

	host_option(pair.a, "protocol", "mixed");
	pair_start(&pair, PAIR_MTU);
	before = garbage_begin(&pair);
	for (i = 0; i < CONNECTIONS; i++) {
		garbage_connection(&pair, i);
		if (i % 100 == 0)
			NET_WAIT(20, pod_pings(pair.x, pair.y, 56));
	}
	garbage_end(&pair, &before);
}

static void
garbage_client(struct pair *pair, unsigned kind)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval limit = {.tv_sec = 2};
	struct imsg_hdr hdr = {.type = CTL_HELLO};
	uint8_t buf[512];
	size_t i, j;
	int s;

	snprintf(sun.sun_path, sizeof(sun.sun_path), "%.90s/ctl",
	    pair->a->directory);
	ATF_REQUIRE((s = socket(AF_UNIX, SOCK_STREAM, 0)) != -1);
	setsockopt(s, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	if (connect(s, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		close(s);
		return;
	}
	for (i = 0; i < MESSAGES; i++) {
		for (j = 0; j < sizeof(buf); j++)
			buf[j] = (uint8_t)random();
		hdr.type = (uint32_t)random() % (CTL_TYPE_MAX + 2);
		hdr.len = kind % 2 == 0 ? sizeof(buf)
					: (uint32_t)random() % sizeof(buf);
		if (kind % 4 != 0)
			memcpy(buf, &hdr, sizeof(hdr));
		if (send(s, buf, sizeof(buf), MSG_NOSIGNAL | MSG_DONTWAIT) ==
		    -1)
			break;
	}
	close(s);
}

ATF_TC_WITHOUT_HEAD(control);
ATF_TC_BODY(control, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct before before;
	unsigned i;

	pair_start(&pair, PAIR_MTU);
	before = garbage_begin(&pair);
	for (i = 0; i < CLIENTS; i++)
		garbage_client(&pair, i);
	garbage_end(&pair, &before);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, udp);
	ATF_TP_ADD_TC(tp, tcp);
	ATF_TP_ADD_TC(tp, control);
	return atf_no_error();
}
