/*
 * Keys that change every second under a constant stream of numbered packets in
 * both directions: none comes twice, and none is lost but those that a queue
 * of the kernel counts as dropped. Also while one of twenty packets of the
 * control connection is lost. With SOAK_SECONDS for so long, at 50,000 packets
 * a second; else as a test may.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/traffic.h"
#include "regress/lib/watch.h"

#define SECONDS 10
#define RATE 2000 /* packets a second, both directions */
#define SOAK_RATE 50000
#define BATCH 64
#define PACKET 200
#define BUFFER (16 << 20)
#define SEGMENTS 64 /* packets that one datagram with UDP_SEGMENT may hold */

struct flow {
	int from;
	int to;
	struct sockaddr_in sin;
	uint64_t sent;
	uint64_t refused; /* by our own kernel, not sent */
	uint64_t got;
	uint64_t twice;
	uint8_t *seen;
	uint64_t max;
};

static struct flow there, back;

static void
flow_open(struct flow *flow, struct pod *from, struct pod *to, uint64_t max)
{
	int size = BUFFER;

	flow->from = traffic_udp(from, 0);
	flow->to = traffic_udp(to, TRAFFIC_PORT);
	setsockopt(flow->to, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	setsockopt(flow->from, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	flow->sin.sin_family = AF_INET;
	flow->sin.sin_port = htons(TRAFFIC_PORT);
	ATF_REQUIRE_EQ(1, inet_pton(AF_INET, to->address, &flow->sin.sin_addr));
	flow->max = max;
	ATF_REQUIRE((flow->seen = calloc(max, 1)) != NULL);
}

static void
flow_send(struct flow *flow, uint64_t until)
{
	static uint8_t packets[BATCH][PACKET];
	struct iovec iov[BATCH];
	struct mmsghdr messages[BATCH] = {0};
	unsigned count = 0;
	int n;

	if (until > flow->max)
		until = flow->max;
	while (count < BATCH && flow->sent + count < until) {
		uint64_t number = flow->sent + count;

		if (packets[count][0] == 0)
			watch_fill(packets[count], PACKET);
		memcpy(packets[count] + PACKET - sizeof(number), &number,
		    sizeof(number));
		iov[count] = (struct iovec){packets[count], PACKET};
		messages[count].msg_hdr.msg_iov = &iov[count];
		messages[count].msg_hdr.msg_iovlen = 1;
		messages[count].msg_hdr.msg_name = &flow->sin;
		messages[count].msg_hdr.msg_namelen = sizeof(flow->sin);
		count++;
	}
	n = sendmmsg(flow->from, messages, count, MSG_DONTWAIT);
	if (n > 0)
		flow->sent += (uint64_t)n;
	else
		flow->refused += count > 0;
}

static void
flow_receive(struct flow *flow)
{
	static uint8_t packets[BATCH][PACKET + 1];
	struct iovec iov[BATCH];
	struct mmsghdr messages[BATCH] = {0};
	uint64_t number;
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){packets[i], PACKET + 1};
		messages[i].msg_hdr.msg_iov = &iov[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	while (
	    (n = recvmmsg(flow->to, messages, BATCH, MSG_DONTWAIT, NULL)) > 0)
		for (int i = 0; i < n; i++) {
			ATF_REQUIRE_EQ(PACKET, messages[i].msg_len);
			memcpy(&number, packets[i] + PACKET - sizeof(number),
			    sizeof(number));
			ATF_REQUIRE(number < flow->sent);
			flow->got += flow->seen[number] == 0;
			flow->twice += flow->seen[number] != 0;
			flow->seen[number] = 1;
		}
}

/*
 * What queues of the kernel have dropped in this namespace so far. On the
 * underlay several packets go as one datagram, which is counted as one.
 */
static uint64_t
drops_of(struct net *net, int ns, uint64_t packets)
{
	char line[1024], keys[1024] = "", *p, *end;
	uint64_t sum = 0;
	FILE *file;

	net_enter(ns);
	file = fopen("/proc/thread-self/net/dev", "r");
	ATF_REQUIRE(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		if ((p = strchr(line, ':')) == NULL)
			continue;
		/* Of 16 numbers the 4th and the 12th. */
		for (int i = 1; i <= 16; i++) {
			uint64_t value = strtoull(++p, &end, 10);

			sum += i == 4 || i == 12 ? value : 0;
			p = end;
		}
	}
	fclose(file);
	file = fopen("/proc/thread-self/net/snmp", "r");
	ATF_REQUIRE(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, "Udp: ", 5) != 0)
			continue;
		if (keys[0] == '\0') {
			strlcpy(keys, line, sizeof(keys));
			continue;
		}
		/* InDatagrams NoPorts InErrors OutDatagrams
		 * RcvbufErrors SndbufErrors */
		p = line + 5;
		for (int i = 1; i <= 6; i++) {
			uint64_t value = strtoull(p, &end, 10);

			sum += i >= 5 ? value * packets : 0;
			p = end;
		}
	}
	fclose(file);
	net_leave(net);
	return sum;
}

/* And those between an interrupt and a device, of the machine. */
static uint64_t
drops(struct pair *pair)
{
	struct net *net = pair->net;
	uint64_t sum = 0, dropped;
	char line[512];
	FILE *file;

	sum += drops_of(net, pair->a->ns, SEGMENTS);
	sum += drops_of(net, pair->b->ns, SEGMENTS);
	sum += drops_of(net, pair->x->ns, 1) + drops_of(net, pair->y->ns, 1);
	sum += drops_of(net, net->underlay, 1);
	file = fopen("/proc/net/softnet_stat", "r");
	ATF_REQUIRE(file != NULL);
	while (fgets(line, sizeof(line), file) != NULL)
		if (sscanf(line, "%*x %lx", &dropped) == 1)
			sum += dropped * SEGMENTS;
	fclose(file);
	return sum;
}

static uint64_t
counter(struct host *host, const char *name)
{
	json_t *report = host_show(host, "report");
	uint64_t value;

	value = (uint64_t)json_integer_value(
	    json_object_get(json_object_get(report, "Counters"), name));
	json_decref(report);
	return value;
}

static void
lose_control(struct host *host)
{
	net_run(host->ns,
	    "nft 'add table inet loss; "
	    "add chain inet loss in { type filter hook input priority 0; }; "
	    "add rule inet loss in meta l4proto tcp th dport %d "
	    "numgen random mod 100 < 5 counter drop; "
	    "add rule inet loss in meta l4proto tcp th sport %d "
	    "numgen random mod 100 < 5 counter drop'",
	    NET_PORT, NET_PORT);
}

static void
stream(struct pair *pair, uint64_t seconds, uint64_t rate)
{
	uint64_t begin, now, allowed, before = drops(pair);

	flow_open(&there, pair->x, pair->y, seconds * rate / 2);
	flow_open(&back, pair->y, pair->x, seconds * rate / 2);
	begin = net_now();
	while ((now = net_now()) < begin + seconds * 1000) {
		uint64_t due = (now - begin) * rate / 2000;

		flow_send(&there, due);
		flow_send(&back, due);
		flow_receive(&there);
		flow_receive(&back);
		if (there.sent >= due && back.sent >= due)
			usleep(300);
	}
	begin = net_now();
	while ((there.got < there.sent || back.got < back.sent) &&
	    net_now() < begin + 5000) {
		net_pause();
		flow_receive(&there);
		flow_receive(&back);
	}
	allowed = drops(pair) - before;
	printf("sent %lu and %lu, lost %lu and %lu, twice %lu and %lu, "
	       "dropped by queues of the kernel at most %lu\n",
	    there.sent, back.sent, there.sent - there.got, back.sent - back.got,
	    there.twice, back.twice, allowed);
	ATF_CHECK_EQ(0, there.twice + back.twice);
	ATF_CHECK(there.sent - there.got + back.sent - back.got <= allowed);
	close(there.from);
	close(there.to);
	close(back.from);
	close(back.to);
	free(there.seen);
	free(back.seen);
}

/* loss: of the control connection. */
static void
soak(bool loss)
{
	const char *text = getenv("SOAK_SECONDS");
	uint64_t seconds = text == NULL ? SECONDS : strtoull(text, NULL, 10);
	uint64_t rate = text == NULL ? RATE : SOAK_RATE;
	struct pair pair = pair_new(NET_ENCRYPTED);
	uint64_t rekeys[2], reauths;

	host_option(pair.a, "rekey-interval", "1");
	host_option(pair.b, "rekey-interval", "1");
	/* Every now and then one of these as well. */
	host_option(pair.b, "reauth-interval", "3");
	if (text != NULL) {
		/* It would read 100,000 packets a second beside us. */
		watch_stop(pair.net->watch);
		pair.net->watch = NULL;
	}
	pair_start(&pair, PAIR_MTU);
	if (loss) {
		lose_control(pair.a);
		lose_control(pair.b);
	}
	stream(&pair, seconds, rate);
	rekeys[0] = counter(pair.a, "mesh.rekeys");
	rekeys[1] = counter(pair.b, "mesh.rekeys");
	reauths = counter(pair.b, "mesh.reauths");
	printf("rekeyed %lu and %lu times, authenticated anew %lu times\n",
	    rekeys[0], rekeys[1], reauths);
	/* A lost packet is sent again after a fifth of a second or more. */
	ATF_CHECK(rekeys[0] >= seconds / (loss ? 3 : 2));
	ATF_CHECK(rekeys[1] >= seconds / (loss ? 3 : 2));
	ATF_CHECK(reauths >= 1);
	ATF_CHECK_EQ(0, counter(pair.a, "mesh.terminations"));
	ATF_CHECK_EQ(0, counter(pair.b, "mesh.terminations"));
	if (pair.net->watch != NULL)
		net_check(pair.net);
}

ATF_TC(none_lost);
ATF_TC_HEAD(none_lost, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "nft");
}
ATF_TC_BODY(none_lost, tc)
{
	soak(false);
}

ATF_TC(lossy_control);
ATF_TC_HEAD(lossy_control, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "nft");
}
ATF_TC_BODY(lossy_control, tc)
{
	soak(true);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, none_lost);
	ATF_TP_ADD_TC(tp, lossy_control);
	return atf_no_error();
}
