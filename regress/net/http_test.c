/*
 * Metrics, status and probes by HTTP from running daemons.
 */
#include <sys/socket.h>

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"
#include "regress/lib/web.h"

#define METRICS "127.0.0.1:6782"
#define STATUS "127.0.0.1:6784"
#define SLOW 40 /* connections: more than are served at once */
#define SLOW_S 60 /* an endpoint full of slow ones serves others again */

static struct pair http_pair(enum net_cipher);
static void http_require(struct host *, const char *, int, const char *);
static void http_refused(struct host *, const char *, int, const char *);
static bool http_is(struct host *, const char *, int);

static struct pair
http_pair(enum net_cipher cipher)
{
	struct pair pair = pair_new(cipher);

	host_option(pair.b, "metrics", METRICS);
	host_option(pair.b, "status", STATUS);
	return pair;
}

static bool
http_is(struct host *host, const char *path, int status)
{
	return web_get(host, STATUS, path)->status == status;
}

/* This path has this content. */
static void
http_require(
    struct host *host, const char *path, int status, const char *content)
{
	const struct web *web = web_get(host, STATUS, path);
	char length[64];

	ATF_CHECK_EQ_MSG(status, web->status, "%s: %s", path, web->buf);
	ATF_CHECK_MSG(
	    strstr(web->body, content) != NULL, "%s: %s", path, web->body);
	snprintf(length, sizeof(length), "Content-Length: %zu\r\n",
	    strlen(web->body));
	ATF_CHECK_MSG(
	    strstr(web->header, length) != NULL, "%s: %s", path, web->header);
}

static void
http_refused(
    struct host *host, const char *request, int status, const char *header)
{
	const struct web *web = web_ask(host, STATUS, request);

	ATF_CHECK_EQ_MSG(
	    status, web->status, "%s: %d %s", request, web->status, web->buf);
	ATF_CHECK_MSG(strstr(web->header, header) != NULL, "%s: %s", request,
	    web->header);
}

ATF_TC_WITHOUT_HEAD(pages);
ATF_TC_BODY(pages, tc)
{
	struct pair pair = http_pair(NET_ENCRYPTED);
	char out[4096], line[64];
	json_error_t error;
	json_t *report;

	pair_start(&pair, PAIR_MTU);
	http_require(pair.b, "/healthz", 200, "ok\n");
	http_require(pair.b, "/readyz", 200, "ready\n");
	http_require(pair.b, "/status", 200, "     Encryption: enabled\n");
	snprintf(line, sizeof(line), "-> %s:6783        established encrypted",
	    pair.a->address);
	http_require(pair.b, "/status/connections", 200, line);
	http_require(pair.b, "/status/ipam", 200, "");
	http_require(pair.b, "/status/keys", 200, pair.a->name);
	ATF_REQUIRE(host_ctl(pair.b, out, sizeof(out), "status targets") == 0);
	http_require(pair.b, "/status/targets", 200, out);
	ATF_REQUIRE(host_ctl(pair.b, out, sizeof(out), "status peers") == 0);
	http_require(pair.b, "/status/peers", 200, out);
	report =
	    json_loads(web_get(pair.b, STATUS, "/report")->body, 0, &error);
	ATF_REQUIRE_MSG(report != NULL, "%s", error.text);
	ATF_CHECK_STREQ(pair.b->name,
	    json_string_value(
		json_object_get(json_object_get(report, "Router"), "Name")));
	json_decref(report);
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(refusals);
ATF_TC_BODY(refusals, tc)
{
	struct pair pair = http_pair(NET_ENCRYPTED);
	static const char *const none[] = {"/", "/status/", "/status/dns",
	    "/connect", "/metrics/x", "/Status"};
	const struct web *web;
	char *large = calloc(1, 20000);

	ATF_REQUIRE(large != NULL);
	host_start(pair.b);
	NET_WAIT(30, http_is(pair.b, "/healthz", 200));
	for (size_t i = 0; i < sizeof(none) / sizeof(none[0]); i++)
		http_require(pair.b, none[i], 404, "no such page");
	http_refused(pair.b,
	    "POST /status HTTP/1.1\r\nContent-Length: 3\r\n\r\nx=y", 405,
	    "Allow: GET, HEAD\r\n");
	http_refused(pair.b, "DELETE /report HTTP/1.0\r\n\r\n", 405, "Allow: ");
	http_refused(pair.b, "POST /connect HTTP/1.0\r\n\r\n", 404, "");
	http_require(pair.b, "/report?format=%7B%7B.Version%7D%7D", 400,
	    "templates are not supported");
	http_refused(pair.b, "BREW /status HTTP/1.1\r\n\r\n", 501, "");
	http_refused(pair.b, "nonsense\r\n\r\n", 400, "");
	/* HEAD: as GET, without the body. */
	web = web_ask(pair.b, STATUS, "HEAD /healthz HTTP/1.1\r\n\r\n");
	ATF_CHECK_EQ(200, web->status);
	ATF_CHECK(strstr(web->header, "Content-Length: 3\r\n") != NULL);
	ATF_CHECK_STREQ("", web->body);
	/* Whatever the limit answers, it is no page. */
	strcpy(large, "GET /status HTTP/1.1\r\nX: ");
	memset(large + strlen(large), 'x', 16000);
	strcat(large, "\r\n\r\n");
	ATF_CHECK(web_ask(pair.b, STATUS, large)->status != 200);
	/* The endpoint of metrics has no more than that, and probes. */
	ATF_CHECK_EQ(200, web_get(pair.b, METRICS, "/metrics")->status);
	ATF_CHECK_EQ(200, web_get(pair.b, METRICS, "/healthz")->status);
	ATF_CHECK_EQ(404, web_get(pair.b, METRICS, "/status")->status);
	ATF_CHECK_EQ(404, web_get(pair.b, METRICS, "/report")->status);
	ATF_CHECK_EQ(200, web_get(pair.b, STATUS, "/metrics")->status);
	free(large);
}

ATF_TC_WITHOUT_HEAD(ready);
ATF_TC_BODY(ready, tc)
{
	struct pair pair = http_pair(NET_ENCRYPTED);

	host_start(pair.b);
	NET_WAIT(30, http_is(pair.b, "/healthz", 200));
	http_require(pair.b, "/readyz", 503, "no peer is established");
	NET_WAIT(30,
	    strstr(web_get(pair.b, STATUS, "/readyz")->body,
		"connection refused") != NULL);
	ATF_CHECK_EQ(0,
	    web_metric(web_get(pair.b, METRICS, "/metrics"), "weaved_ready"));
	host_start(pair.a);
	NET_WAIT(60, http_is(pair.b, "/readyz", 200));
	host_kill(pair.a, SIGKILL);
	NET_WAIT(60, http_is(pair.b, "/readyz", 503));
}

/* Nobody to wait for is ready; so is a list that has only this host. */
ATF_TC_WITHOUT_HEAD(ready_alone);
ATF_TC_BODY(ready_alone, tc)
{
	struct pair pair = http_pair(NET_ENCRYPTED);

	pair.b->npeers = 0;
	host_start(pair.b);
	NET_WAIT(30, http_is(pair.b, "/readyz", 200));
	host_stop(pair.b);
	host_peer(pair.b, pair.b->address);
	host_start(pair.b);
	NET_WAIT(30, http_is(pair.b, "/readyz", 200));
}

ATF_TC_WITHOUT_HEAD(traffic);
ATF_TC_BODY(traffic, tc)
{
	struct pair pair = http_pair(NET_ENCRYPTED);
	char sent[128], up[128], rtt[128];
	double before, seconds;

	pair_start(&pair, PAIR_MTU);
	snprintf(sent, sizeof(sent),
	    "weaved_peer_sent_packets_total{peer=\"%s\"}", pair.a->name);
	snprintf(up, sizeof(up), "weaved_peer_up{peer=\"%s\"}", pair.a->name);
	snprintf(rtt, sizeof(rtt), "weaved_peer_rtt_seconds{peer=\"%s\"}",
	    pair.a->name);
	seconds = web_metric(web_get(pair.b, METRICS, "/metrics"), rtt);
	ATF_CHECK_MSG(seconds > 0 && seconds < 10, "%f", seconds);
	before = web_metric(web_get(pair.b, METRICS, "/metrics"), sent);
	ATF_CHECK_MSG(before >= 0, "%f", before);
	for (int i = 0; i < 20; i++)
		ATF_CHECK(pod_pings(pair.x, pair.y, 56));
	NET_WAIT(20,
	    web_metric(web_get(pair.b, METRICS, "/metrics"), sent) >=
		before + 20);
	ATF_CHECK_EQ(1, web_metric(web_get(pair.b, METRICS, "/metrics"), up));
	ATF_CHECK_EQ(1,
	    web_metric(web_get(pair.b, METRICS, "/metrics"),
		"weave_connections{state=\"established\",type=\"sleeve\","
		"encryption=\"yes\"}"));
	host_kill(pair.a, SIGKILL);
	NET_WAIT(60,
	    web_metric(web_get(pair.b, METRICS, "/metrics"),
		"weave_connections{state=\"established\",type=\"sleeve\","
		"encryption=\"yes\"}") == 0);
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(off);
ATF_TC_BODY(off, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_start(pair.b);
	ATF_CHECK_EQ(0, host_process(pair.b, "http"));
	ATF_CHECK_EQ(-1, web_connect(pair.b, METRICS));
	ATF_CHECK_EQ(-1, web_connect(pair.b, STATUS));
}

/* On, elsewhere, not there, off: by SIGHUP, and nothing else is disturbed. */
ATF_TC_WITHOUT_HEAD(reload);
ATF_TC_BODY(reload, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	static char file[256];
	char out[1024];
	pid_t engine, http;

	snprintf(file, sizeof(file), "%s/weaved.conf", pair.b->directory);
	net_write_file(file, "discovery: yes\n");
	pair.b->file = file;
	pair_start(&pair, PAIR_MTU);
	engine = host_process(pair.b, "engine");
	net_write_file(file, "status: " STATUS "\n");
	kill(pair.b->pid, SIGHUP);
	NET_WAIT(30, http_is(pair.b, "/readyz", 200));
	http = host_process(pair.b, "http");
	net_write_file(file, "status: " METRICS "\nmetrics: " STATUS "\n");
	kill(pair.b->pid, SIGHUP);
	NET_WAIT(30, web_get(pair.b, METRICS, "/status")->status == 200);
	NET_WAIT(30, web_get(pair.b, STATUS, "/status")->status == 404);
	net_write_file(file, "status: " METRICS "\nmetrics: 192.0.2.1:80\n");
	ATF_CHECK_EQ(1, host_ctl(pair.b, out, sizeof(out), "reload"));
	ATF_CHECK_MSG(strstr(out, "metrics 192.0.2.1:80") != NULL, "%s", out);
	ATF_CHECK_EQ(200, web_get(pair.b, STATUS, "/metrics")->status);
	ATF_CHECK_EQ(http, host_process(pair.b, "http"));
	net_write_file(file, "discovery: yes\n");
	kill(pair.b->pid, SIGHUP);
	NET_WAIT(30, host_process(pair.b, "http") == 0);
	ATF_CHECK_EQ(-1, web_connect(pair.b, METRICS));
	ATF_CHECK_EQ(engine, host_process(pair.b, "engine"));
	net_write_file(file, "status: " STATUS "\n");
	kill(pair.b->pid, SIGHUP);
	NET_WAIT(30, http_is(pair.b, "/readyz", 200));
	pair_require(&pair);
}

/* Who says little or nothing keeps others out for a while, not for good. */
ATF_TC_WITHOUT_HEAD(slow);
ATF_TC_BODY(slow, tc)
{
	struct pair pair = http_pair(NET_ENCRYPTED);
	int fds[SLOW];
	pid_t http;

	host_start(pair.b);
	NET_WAIT(30, http_is(pair.b, "/healthz", 200));
	http = host_process(pair.b, "http");
	for (int i = 0; i < SLOW; i++)
		ATF_REQUIRE((fds[i] = web_connect(pair.b, METRICS)) != -1);
	/* The other endpoint does not notice. */
	http_require(pair.b, "/healthz", 200, "ok\n");
	/* A byte now and then does not make a connection live longer. */
	for (uint64_t end = net_now() + 1000 * SLOW_S;;) {
		bool closed = false;

		send(fds[0], "G", 1, MSG_NOSIGNAL);
		closed = web_closed(fds[0], 1);
		if (closed)
			break;
		ATF_REQUIRE(net_now() < end);
	}
	NET_WAIT(SLOW_S, web_get(pair.b, METRICS, "/metrics")->status == 200);
	for (int i = 1; i < SLOW; i++)
		ATF_CHECK(web_closed(fds[i], SLOW_S));
	ATF_CHECK_EQ(http, host_process(pair.b, "http"));
	for (int i = 0; i < SLOW; i++)
		close(fds[i]);
}

/* Which processes of ours died does not matter: what is asked comes back. */
ATF_TC_WITHOUT_HEAD(restarts);
ATF_TC_BODY(restarts, tc)
{
	static const char *const names[] = {"http", "control", "engine"};
	struct pair pair = http_pair(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		pid_t old = host_process(pair.b, names[i]);
		char series[64];

		ATF_REQUIRE(old > 0 && kill(old, SIGKILL) == 0);
		NET_WAIT(30,
		    host_process(pair.b, names[i]) > 0 &&
			host_process(pair.b, names[i]) != old);
		NET_WAIT(60, http_is(pair.b, "/readyz", 200));
		snprintf(series, sizeof(series),
		    "weaved_process_restarts_total{process=\"%s\"}", names[i]);
		NET_WAIT(30,
		    web_metric(web_get(pair.b, METRICS, "/metrics"), series) ==
			1);
	}
}

/* An engine that stands still is not healthy, and 503 says why. */
ATF_TC_WITHOUT_HEAD(stuck);
ATF_TC_BODY(stuck, tc)
{
	struct pair pair = http_pair(NET_ENCRYPTED);
	pid_t engine;

	host_start(pair.b);
	NET_WAIT(30, http_is(pair.b, "/healthz", 200));
	engine = host_process(pair.b, "engine");
	ATF_REQUIRE(kill(engine, SIGSTOP) == 0);
	NET_WAIT(30, http_is(pair.b, "/healthz", 503));
	http_require(pair.b, "/healthz", 503, "the engine does not answer");
	ATF_REQUIRE(kill(engine, SIGCONT) == 0);
	NET_WAIT(30, http_is(pair.b, "/healthz", 200));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, pages);
	ATF_TP_ADD_TC(tp, refusals);
	ATF_TP_ADD_TC(tp, ready);
	ATF_TP_ADD_TC(tp, ready_alone);
	ATF_TP_ADD_TC(tp, traffic);
	ATF_TP_ADD_TC(tp, off);
	ATF_TP_ADD_TC(tp, reload);
	ATF_TP_ADD_TC(tp, slow);
	ATF_TP_ADD_TC(tp, restarts);
	ATF_TP_ADD_TC(tp, stuck);
	return atf_no_error();
}
