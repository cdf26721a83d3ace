/*
 * What Prometheus and its tools make of the metrics, and whether dashboard and
 * alerts speak of what is there.
 */
#include <sys/prctl.h>
#include <sys/wait.h>

#include <ctype.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/web.h"

#define METRICS "127.0.0.1:6782"
#define PROMETHEUS "127.0.0.1:9090"
#define DASHBOARD "etc/grafana/weaved.json"
#define RULES "etc/prometheus/weaved.rules.yml"
#define HOSTS 3
#define EXPR_MAX 1024

static char *source_read(const char *);
static size_t names_check(const char *, const struct web *);
static char *metrics_save(struct host *);
static pid_t prometheus_start(struct host *, struct host *[HOSTS]);
static json_t *prometheus_query(struct host *, const char *);
static double prometheus_number(struct host *, const char *);
static void expr_set(char *, const char *, const char *);
static void expr_check(struct host *, const char *);
static size_t panels_check(struct host *, json_t *);

static char *
source_read(const char *name)
{
	const char *top = getenv("WEAVED_SRCDIR");
	char path[512], *text = calloc(1, WEB_MAX);
	FILE *f;

	ATF_REQUIRE(top != NULL && text != NULL);
	snprintf(path, sizeof(path), "%s/%s", top, name);
	ATF_REQUIRE_MSG((f = fopen(path, "r")) != NULL, "%s", path);
	ATF_REQUIRE(fread(text, 1, WEB_MAX - 1, f) > 0);
	fclose(f);
	return text;
}

/* Every name of a metric in this text is one of a family that is there. */
static size_t
names_check(const char *text, const struct web *web)
{
	char name[128], help[160];
	size_t count = 0;

	for (const char *c = text; (c = strstr(c, "weave")) != NULL;) {
		size_t len = strspn(c, "abcdefghijklmnopqrstuvwxyz_0123456789");
		bool whole = c == text ||
		    (!isalnum((unsigned char)c[-1]) && c[-1] != '_');

		snprintf(name, sizeof(name), "%.*s", (int)len, c);
		c += len;
		if (!whole || strchr(name, '_') == NULL)
			continue;
		snprintf(help, sizeof(help), "# HELP %s ", name);
		ATF_CHECK_MSG(
		    strstr(web->body, help) != NULL, "no metric %s", name);
		count++;
	}
	return count;
}

/* A file with what this host gives to a scrape. */
static char *
metrics_save(struct host *host)
{
	static char path[256];
	const struct web *web = web_get(host, METRICS, "/metrics");

	ATF_REQUIRE_EQ(200, web->status);
	snprintf(path, sizeof(path), "%s/metrics", host->directory);
	net_write_file(path, web->body);
	return path;
}

ATF_TC_WITHOUT_HEAD(names);
ATF_TC_BODY(names, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	const struct web *web;
	json_error_t error;
	json_t *dashboard;
	char *text;

	host_option(pair.b, "metrics", METRICS);
	host_start(pair.b);
	NET_WAIT(30, web_get(pair.b, METRICS, "/metrics")->status == 200);
	web = web_get(pair.b, METRICS, "/metrics");
	text = source_read(DASHBOARD);
	dashboard = json_loads(text, JSON_REJECT_DUPLICATES, &error);
	ATF_REQUIRE_MSG(dashboard != NULL, "%s", error.text);
	json_decref(dashboard);
	ATF_CHECK(names_check(text, web) > 50);
	free(text);
	text = source_read(RULES);
	ATF_CHECK(names_check(text, web) > 20);
	free(text);
}

ATF_TC(promtool);
ATF_TC_HEAD(promtool, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "promtool");
}
ATF_TC_BODY(promtool, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	const char *top = getenv("WEAVED_SRCDIR");

	ATF_REQUIRE(top != NULL);
	host_option(pair.b, "metrics", METRICS);
	host_option(pair.b, "ipalloc-range", "10.32.0.0/12");
	/* What a peer may choose is in labels. */
	host_option(pair.a, "nickname", "a\\\"b{}=,\xc3\xa9");
	host_option(pair.a, "ipalloc-range", "10.32.0.0/12");
	pair_start(&pair, PAIR_MTU);
	net_run(pair.b->ns, "promtool check metrics <%s", metrics_save(pair.b));
	net_run(pair.b->ns, "promtool check rules %s/%s", top, RULES);
	net_run(pair.b->ns,
	    "cd %s/etc/prometheus && promtool test rules "
	    "weaved.rules.test.yml",
	    top);
}

/* Ends with the test, however that ends. */
static pid_t
prometheus_start(struct host *host, struct host *hosts[HOSTS])
{
	char config[4096], file[256], data[256], log[256];
	const char *top = getenv("WEAVED_SRCDIR");
	pid_t pid;
	int fd;

	ATF_REQUIRE(top != NULL);
	snprintf(file, sizeof(file), "--config.file=%s/prometheus.yml",
	    host->directory);
	snprintf(
	    data, sizeof(data), "--storage.tsdb.path=%s/tsdb", host->directory);
	snprintf(log, sizeof(log), "%s/prometheus.log", host->directory);
	snprintf(config, sizeof(config),
	    "global: {scrape_interval: 1s, evaluation_interval: 1s}\n"
	    "rule_files: [%s/%s]\n"
	    "scrape_configs:\n"
	    "  - job_name: weaved\n"
	    "    static_configs:\n"
	    "      - targets: ['%s:6782', '%s:6782', '%s:6782']\n",
	    top, RULES, hosts[0]->address, hosts[1]->address,
	    hosts[2]->address);
	net_write_file(strchr(file, '=') + 1, config);
	if ((pid = fork()) != 0) {
		ATF_REQUIRE(pid > 0);
		return pid;
	}
	net_enter(host->ns);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if ((fd = open(log, O_WRONLY | O_CREAT | O_TRUNC, 0600)) != -1) {
		dup2(fd, 1);
		dup2(fd, 2);
	}
	execlp("prometheus", "prometheus", file, data,
	    "--web.listen-address=" PROMETHEUS, (char *)NULL);
	_exit(127);
}

/* The list of results; NULL: no answer, or an error. */
static json_t *
prometheus_query(struct host *host, const char *expr)
{
	static char request[EXPR_MAX * 3 + 256];
	char *to = request +
	    snprintf(request, sizeof(request), "GET /api/v1/query?query=");
	json_t *answer, *result;

	for (; *expr != '\0'; expr++)
		to += sprintf(to, "%%%02x", (unsigned char)*expr);
	sprintf(to, " HTTP/1.0\r\n\r\n");
	answer = json_loads(web_ask(host, PROMETHEUS, request)->body, 0, NULL);
	result = json_object_get(json_object_get(answer, "data"), "result");
	json_incref(result);
	json_decref(answer);
	return result;
}

/* Of a single result, -1: there is none. */
static double
prometheus_number(struct host *host, const char *expr)
{
	json_t *result = prometheus_query(host, expr);
	const char *text = json_string_value(json_array_get(
	    json_object_get(json_array_get(result, 0), "value"), 1));
	double number = text == NULL ? -1 : strtod(text, NULL);

	json_decref(result);
	return number;
}

static void
expr_set(char *expr, const char *variable, const char *value)
{
	char rest[EXPR_MAX], *at;

	while ((at = strstr(expr, variable)) != NULL) {
		strlcpy(rest, at + strlen(variable), sizeof(rest));
		*at = '\0';
		strlcat(expr, value, EXPR_MAX);
		strlcat(expr, rest, EXPR_MAX);
	}
}

/* What only shows what is wrong may show nothing. */
static void
expr_check(struct host *host, const char *text)
{
	char expr[EXPR_MAX];
	json_t *result;

	ATF_REQUIRE(strlcpy(expr, text, sizeof(expr)) < sizeof(expr) / 2);
	expr_set(expr, "$__rate_interval", "1m");
	expr_set(expr, "$job", ".*");
	expr_set(expr, "$instance", ".*");
	result = prometheus_query(host, expr);
	ATF_CHECK_MSG(result != NULL, "refused: %s", expr);
	if (strstr(expr, " > ") == NULL && strstr(expr, " == ") == NULL)
		ATF_CHECK_MSG(
		    json_array_size(result) > 0, "nothing for %s", expr);
	json_decref(result);
}

static size_t
panels_check(struct host *host, json_t *panels)
{
	size_t i, j, count = 0;
	json_t *panel, *target;

	json_array_foreach(panels, i, panel) {
		json_array_foreach(
		    json_object_get(panel, "targets"), j, target) {
			const char *expr =
			    json_string_value(json_object_get(target, "expr"));

			ATF_REQUIRE(expr != NULL);
			expr_check(host, expr);
			count++;
		}
	}
	return count;
}

ATF_TC(scrape);
ATF_TC_HEAD(scrape, tc)
{
	atf_tc_set_md_var(tc, "require.progs", "prometheus");
}
ATF_TC_BODY(scrape, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *hosts[HOSTS];
	char *text;
	json_t *dashboard;
	pid_t pid;

	for (size_t i = 0; i < HOSTS; i++) {
		hosts[i] = net_host(net);
		host_option(hosts[i], "metrics", ":6782");
		if (i > 0)
			host_peer(hosts[i], hosts[0]->address);
		host_start(hosts[i]);
	}
	NET_WAIT(60, net_full_mesh(net));
	pid = prometheus_start(hosts[0], hosts);
	NET_WAIT(60,
	    prometheus_number(hosts[0], "sum(up{job=\"weaved\"})") == HOSTS);
	NET_WAIT(60, prometheus_number(hosts[0], "sum(weaved_ready)") == HOSTS);
	ATF_CHECK_EQ(HOSTS * (HOSTS - 1),
	    prometheus_number(hosts[0], "count(weaved_peer_up == 1)"));
	ATF_CHECK_EQ(0,
	    prometheus_number(hosts[0],
		"sum(scrape_samples_scraped) - "
		"sum(scrape_samples_post_metric_relabeling)"));
	/* Rates need two samples. */
	NET_WAIT(60,
	    prometheus_number(
		hosts[0], "min(count_over_time(weaved_ready[1m]))") >= 3);
	text = source_read(DASHBOARD);
	ATF_REQUIRE((dashboard = json_loads(text, 0, NULL)) != NULL);
	ATF_CHECK(
	    panels_check(hosts[0], json_object_get(dashboard, "panels")) > 50);
	host_kill(hosts[2], SIGKILL);
	NET_WAIT(60,
	    prometheus_number(
		hosts[0], "count(ALERTS{alertname=\"WeavedDown\"})") == 1);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	json_decref(dashboard);
	free(text);
	net_check(net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, names);
	ATF_TP_ADD_TC(tp, promtool);
	ATF_TP_ADD_TC(tp, scrape);
	return atf_no_error();
}
