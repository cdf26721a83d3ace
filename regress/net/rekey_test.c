/*
 * Two hosts that change their keys every second: of numbered packets in both
 * directions none is lost and none comes twice, and the connection stays.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/traffic.h"
#include "regress/lib/watch.h"

#define SECONDS 12
#define BATCH 5 /* packets of one turn, which takes a millisecond or so */
#define PACKETS_MAX 200000

/* One direction. */
struct flow {
	int from;
	int to;
	struct sockaddr_in sin;
	uint32_t sent;
	uint32_t got;
	uint32_t twice;
	uint8_t seen[PACKETS_MAX];
};

static void flow_open(struct flow *, struct pod *, struct pod *, uint16_t);
static void flow_send(struct flow *);
static void flow_receive(struct flow *);
static uint64_t host_counter(struct host *, const char *);
static void rekey_under_traffic(const char *);

static void
flow_open(struct flow *flow, struct pod *from, struct pod *to, uint16_t port)
{
	memset(flow, 0, sizeof(*flow));
	flow->from = traffic_udp(from, 0);
	flow->to = traffic_udp(to, port);
	flow->sin.sin_family = AF_INET;
	flow->sin.sin_port = htons(port);
	ATF_REQUIRE_EQ(1, inet_pton(AF_INET, to->address, &flow->sin.sin_addr));
}

static void
flow_send(struct flow *flow)
{
	uint8_t packet[200];

	watch_fill(packet, sizeof(packet));
	for (int i = 0; i < BATCH && flow->sent < PACKETS_MAX; i++) {
		memcpy(packet + sizeof(packet) - sizeof(flow->sent),
		    &flow->sent, sizeof(flow->sent));
		if (sendto(flow->from, packet, sizeof(packet), 0,
			(struct sockaddr *)&flow->sin,
			sizeof(flow->sin)) == (ssize_t)sizeof(packet))
			flow->sent++;
	}
}

static void
flow_receive(struct flow *flow)
{
	uint8_t packet[256];
	uint32_t number;
	ssize_t n;

	while ((n = recv(flow->to, packet, sizeof(packet), MSG_DONTWAIT)) > 0) {
		memcpy(&number, packet + n - sizeof(number), sizeof(number));
		ATF_REQUIRE(n == 200 && number < flow->sent);
		flow->got += flow->seen[number] == 0;
		flow->twice += flow->seen[number] != 0;
		flow->seen[number] = 1;
	}
}

static uint64_t
host_counter(struct host *host, const char *name)
{
	json_t *report = host_show(host, "report");
	uint64_t value;

	value = (uint64_t)json_integer_value(
	    json_object_get(json_object_get(report, "Counters"), name));
	json_decref(report);
	return value;
}

static void
rekey_under_traffic(const char *protocol)
{
	static struct flow there, back;
	struct pair pair = pair_new(NET_ENCRYPTED);
	uint64_t end;

	host_option(pair.a, "protocol", "%s", protocol);
	host_option(pair.b, "protocol", "%s", protocol);
	host_option(pair.a, "rekey-interval", "1");
	host_option(pair.b, "rekey-interval", "1");
	pair_start(&pair, PAIR_MTU);
	flow_open(&there, pair.x, pair.y, TRAFFIC_PORT);
	flow_open(&back, pair.y, pair.x, TRAFFIC_PORT);
	for (end = net_now() + SECONDS * 1000; net_now() < end; usleep(500)) {
		flow_send(&there);
		flow_send(&back);
		flow_receive(&there);
		flow_receive(&back);
	}
	end = net_now() + 5000;
	while ((there.got < there.sent || back.got < back.sent) &&
	    net_now() < end) {
		net_pause();
		flow_receive(&there);
		flow_receive(&back);
	}
	ATF_CHECK(there.sent > 10000 && back.sent > 10000);
	ATF_CHECK_EQ(there.sent, there.got);
	ATF_CHECK_EQ(back.sent, back.got);
	ATF_CHECK_EQ(0, there.twice + back.twice);
	ATF_CHECK(host_counter(pair.a, "mesh.rekeys") >= SECONDS - 4);
	ATF_CHECK(host_counter(pair.b, "mesh.rekeys") >= SECONDS - 4);
	ATF_CHECK_EQ(0, host_counter(pair.a, "mesh.terminations"));
	ATF_CHECK_EQ(0, host_counter(pair.b, "mesh.terminations"));
	close(there.from);
	close(there.to);
	close(back.from);
	close(back.to);
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(hardened);
ATF_TC_BODY(hardened, tc)
{
	rekey_under_traffic("hardened");
}

ATF_TC_WITHOUT_HEAD(mixed);
ATF_TC_BODY(mixed, tc)
{
	rekey_under_traffic("mixed");
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, hardened);
	ATF_TP_ADD_TC(tp, mixed);
	return atf_no_error();
}
