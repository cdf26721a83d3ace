/*
 * Processes killed in the middle of traffic. Two seconds is what is promised
 * of an engine that dies, one of a daemon told to end.
 */
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define BACK_MS 2000
#define END_MS 1000
#define STEP_US 5000

static void crash_say(int, const struct pod *, uint64_t);
static bool crash_heard(int, uint64_t);
static uint64_t crash_silence(struct pod *, struct pod *, uint64_t);
static void crash_gone(const pid_t *, size_t);

/* The marker and the time of sending. */
static void
crash_say(int s, const struct pod *to, uint64_t now)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(TRAFFIC_PORT)};
	uint8_t buf[WATCH_MARKER_LEN + sizeof(now)];

	inet_pton(AF_INET, to->address, &sin.sin_addr);
	watch_fill(buf, sizeof(buf));
	memcpy(buf + WATCH_MARKER_LEN, &now, sizeof(now));
	sendto(s, buf, sizeof(buf), MSG_DONTWAIT, (struct sockaddr *)&sin,
	    sizeof(sin));
}

/* Something that was said after this time? */
static bool
crash_heard(int s, uint64_t after)
{
	uint8_t buf[256];
	uint64_t said;

	while (recv(s, buf, sizeof(buf), MSG_DONTWAIT) ==
	    WATCH_MARKER_LEN + (ssize_t)sizeof(said)) {
		memcpy(&said, buf + WATCH_MARKER_LEN, sizeof(said));
		if (said > after)
			return true;
	}
	return false;
}

/* Milliseconds from then until each hears what the other said since. */
static uint64_t
crash_silence(struct pod *x, struct pod *y, uint64_t then)
{
	uint64_t limit = net_now() + 30000;
	bool x_hears = false, y_hears = false;
	int xs, ys;

	xs = traffic_udp(x, TRAFFIC_PORT);
	ys = traffic_udp(y, TRAFFIC_PORT);
	while (net_now() < limit && !(x_hears && y_hears)) {
		crash_say(xs, y, net_now());
		crash_say(ys, x, net_now());
		usleep(STEP_US);
		x_hears = x_hears || crash_heard(xs, then);
		y_hears = y_hears || crash_heard(ys, then);
	}
	close(xs);
	close(ys);
	return net_now() - then;
}

ATF_TC_WITHOUT_HEAD(engine);
ATF_TC_BODY(engine, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct host *hosts[2];
	uint64_t silence, then;
	pid_t old;
	int i;

	pair_start(&pair, PAIR_MTU);
	hosts[0] = pair.a;
	hosts[1] = pair.b;
	for (i = 0; i < 2; i++) {
		ATF_REQUIRE((old = host_process(hosts[i], "engine")) > 0);
		ATF_REQUIRE(kill(old, SIGKILL) == 0);
		while (process_alive(old))
			usleep(100);
		then = net_now();
		silence = crash_silence(pair.x, pair.y, then);
		printf("back after %llu ms\n", (unsigned long long)silence);
		ATF_CHECK_MSG(silence < BACK_MS, "back after %llu ms only",
		    (unsigned long long)silence);
		ATF_CHECK(host_process(hosts[i], "engine") != old);
		ATF_CHECK(host_process(hosts[i], "engine") > 0);
		pair_require(&pair);
	}
	net_check(pair.net);
}

/* A crash of another child is none of the traffic's business. */
ATF_TC_WITHOUT_HEAD(others);
ATF_TC_BODY(others, tc)
{
	static const char *names[] = {"control", "resolver", "netcfg"};
	struct pair pair = pair_new(NET_ENCRYPTED);
	pid_t engine, old;
	size_t i;

	pair_start(&pair, PAIR_MTU);
	engine = host_process(pair.a, "engine");
	for (i = 0; i < 3; i++) {
		ATF_REQUIRE((old = host_process(pair.a, names[i])) > 0);
		kill(old, SIGKILL);
		NET_WAIT(10,
		    host_process(pair.a, names[i]) != old &&
			host_process(pair.a, names[i]) > 0);
	}
	NET_WAIT(10, host_connected(pair.a, pair.b));
	ATF_CHECK_EQ(engine, host_process(pair.a, "engine"));
	pair_require(&pair);
	net_check(pair.net);
}

static void
crash_gone(const pid_t *pids, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		NET_WAIT(5, !process_alive(pids[i]));
}

ATF_TC_WITHOUT_HEAD(parent);
ATF_TC_BODY(parent, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	pid_t children[PROCESS_CHILDREN_MAX];
	size_t n;

	pair_start(&pair, PAIR_MTU);
	n = process_children(pair.a->pid, children);
	ATF_REQUIRE(n >= 3);
	host_kill(pair.a, SIGKILL);
	crash_gone(children, n);
	host_start(pair.a);
	pair_require(&pair);
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(terminated);
ATF_TC_BODY(terminated, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	pid_t children[PROCESS_CHILDREN_MAX];
	uint64_t then;
	size_t i, n;

	pair_start(&pair, PAIR_MTU);
	n = process_children(pair.a->pid, children);
	ATF_REQUIRE(n >= 3);
	then = net_now();
	kill(pair.a->pid, SIGTERM);
	while (host_ended(pair.a) == -1 && net_now() < then + 10 * END_MS)
		usleep(1000);
	for (i = 0; i < n; i++)
		while (process_alive(children[i]) &&
		    net_now() < then + 10 * END_MS)
			usleep(1000);
	ATF_CHECK_MSG(net_now() - then <= END_MS, "ended after %llu ms only",
	    (unsigned long long)(net_now() - then));
	net_check(pair.net);
}

/* Somebody deletes the device under a running daemon. */
ATF_TC_WITHOUT_HEAD(tap_deleted);
ATF_TC_BODY(tap_deleted, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	net_run(pair.a->ns, "ip link delete weave-tap");
	NET_WAIT(10, net_try(pair.a->ns, "ip link show weave-tap") == 0);
	NET_WAIT(10, host_connected(pair.a, pair.b));
	pair_require(&pair);
	ATF_CHECK(host_log_has(pair.a, "weave-tap is gone, making a new one"));
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, engine);
	ATF_TP_ADD_TC(tp, others);
	ATF_TP_ADD_TC(tp, parent);
	ATF_TP_ADD_TC(tp, terminated);
	ATF_TP_ADD_TC(tp, tap_deleted);
	return atf_no_error();
}
