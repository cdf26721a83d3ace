/*
 * The http process: what the kernel says of it, and what comes of it when it
 * was taken over.
 */
#include <stdio.h>
#include <string.h>

#include "common/ctl.h"
#include "regress/lib/pair.h"
#include "regress/lib/process.h"
#include "regress/lib/takeover.h"
#include "regress/lib/web.h"
#include "weaved/weaved.h"

#define METRICS "127.0.0.1:6782"

static struct pair http_start(void);
static void http_require_status(pid_t, const char *, const char *);
static bool http_replaced(struct host *, pid_t);

static struct pair
http_start(void)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.b, "metrics", METRICS);
	pair_start(&pair, PAIR_MTU);
	NET_WAIT(30, web_get(pair.b, METRICS, "/healthz")->status == 200);
	return pair;
}

static void
http_require_status(pid_t pid, const char *key, const char *want)
{
	char value[256];

	ATF_REQUIRE(process_status(pid, key, value, sizeof(value)));
	ATF_CHECK_STREQ_MSG(want, value, "%s", key);
}

static bool
http_replaced(struct host *host, pid_t old)
{
	pid_t pid = host_process(host, "http");

	return pid > 0 && pid != old &&
	    web_get(host, METRICS, "/healthz")->status == 200;
}

/* Descriptors: pipe to the parent, pipe to control, the listening socket. */
ATF_TC_WITHOUT_HEAD(confined);
ATF_TC_BODY(confined, tc)
{
	static const char *const sets[] = {
	    "CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"};
	struct pair pair = http_start();
	pid_t pid = host_process(pair.b, "http");
	char value[512], command[64];

	ATF_REQUIRE(pid > 0);
	for (size_t i = 0; i < sizeof(sets) / sizeof(sets[0]); i++)
		http_require_status(pid, sets[i], "0000000000000000");
	http_require_status(pid, "NoNewPrivs", "1");
	http_require_status(pid, "Seccomp", "2");
	http_require_status(pid, "Groups", "");
	ATF_REQUIRE(process_status(pid, "Uid", value, sizeof(value)));
	ATF_CHECK(strncmp(value, "0\t", 2) != 0);
	ATF_CHECK_EQ(0, process_file(pid, "environ", value, sizeof(value)));
	ATF_REQUIRE(process_link(pid, "root", value, sizeof(value)));
	ATF_CHECK(strcmp(value, "/") != 0);
	snprintf(command, sizeof(command),
	    "test -z \"$(ls -A /proc/%d/root/)\"", (int)pid);
	net_run(pair.net->home, "%s", command);
	NET_WAIT(20, process_descriptors(pid, "socket:") == 3);
	ATF_CHECK_EQ(0, process_descriptors(pid, "/dev/net/tun"));
	ATF_CHECK_EQ(
	    0, process_memory_has(pid, NET_PASSWORD, strlen(NET_PASSWORD)));
	net_check(pair.net);
}

/* On its pipe to control it can do nothing but ask to be shown. */
ATF_TC_WITHOUT_HEAD(taken_over);
ATF_TC_BODY(taken_over, tc)
{
	struct pair pair = http_start();
	struct ctl_target target = {.address = "192.0.2.7"};
	struct ctl_log_level level = {0};
	const struct {
		uint32_t type;
		const void *data;
		size_t len;
	} requests[] = {
	    {CTL_CONNECT, &target, sizeof(target)},
	    {CTL_FORGET, &target, sizeof(target)},
	    {CTL_RMPEER, &target, sizeof(target)},
	    {CTL_LOG_LEVEL, &level, sizeof(level)},
	    {CTL_RELOAD, NULL, 0},
	    {CTL_RESET, NULL, 0},
	};
	pid_t engine = host_process(pair.b, "engine");
	pid_t control = host_process(pair.b, "control");
	char out[4096];

	for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
		struct takeover it =
		    takeover_begin(host_process(pair.b, "http"));

		ATF_REQUIRE_EQ(1, it.nothers);
		takeover_send(it.others[0], requests[i].type, requests[i].data,
		    requests[i].len);
		NET_WAIT(60, http_replaced(pair.b, it.pid));
		takeover_end(&it);
	}
	ATF_CHECK(host_ctl(pair.b, out, sizeof(out), "status targets") == 0);
	ATF_CHECK_MSG(strstr(out, target.address) == NULL, "%s", out);
	ATF_CHECK(!host_log_has(pair.b, "configuration reloaded"));
	ATF_CHECK_EQ(engine, host_process(pair.b, "engine"));
	ATF_CHECK_EQ(control, host_process(pair.b, "control"));
	pair_require(&pair);
}

/* The parent hears nothing from it but log lines. */
ATF_TC_WITHOUT_HEAD(distrusts_nobody);
ATF_TC_BODY(distrusts_nobody, tc)
{
	struct pair pair = http_start();
	struct imsg_pipe message = {PROC_CONTROL};
	pid_t control = host_process(pair.b, "control");
	struct takeover it = takeover_begin(host_process(pair.b, "http"));

	takeover_send(it.parent, IMSG_DISTRUST, &message, sizeof(message));
	NET_WAIT(60, http_replaced(pair.b, it.pid));
	takeover_end(&it);
	ATF_CHECK_EQ(control, host_process(pair.b, "control"));
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, confined);
	ATF_TP_ADD_TC(tp, taken_over);
	ATF_TP_ADD_TC(tp, distrusts_nobody);
	return atf_no_error();
}
