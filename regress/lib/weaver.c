#include <sys/socket.h>
#include <sys/time.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/traffic.h"
#include "regress/lib/weaver.h"

#define WEAVER_HTTP_PORT 6785
#define ANSWER_MAX 65536

static bool weaver_get(struct host *, const char *, char *, size_t);
static void weaver_ask(
    struct host *, const char *, const char *, char *, size_t);

void
weaver_required(void)
{
	const char *path = getenv("WEAVER");

	if (path == NULL || path[0] == '\0')
		atf_tc_skip("WEAVER names no router of Weave Net 2.8.1");
	ATF_REQUIRE_MSG(access(path, X_OK) == 0, "WEAVER=%s", path);
}

struct host *
weaver_host(struct net *net)
{
	struct host *host = net_host(net);

	host->kind = HOST_WEAVER;
	host->noptions = 0;
	host_option(host, "name", "%s", host->name);
	host_option(host, "nickname", "host%d", host->number);
	host_option(host, "http-addr", "127.0.0.1:%d", WEAVER_HTTP_PORT);
	host_option(host, "db-prefix", "%s/", host->directory);
	host_option(host, "mtu", "1376");
	host_option(host, "docker-api", "%s", "");
	host_option(host, "no-fastdp", "true");
	host_option(host, "no-dns", "true");
	host_option(host, "log-level", "info");
	if (host->password[0] != '\0')
		host_option(host, "password", "%s", host->password);
	return host;
}

void
weaver_arguments(struct host *host, const char **args, size_t max)
{
	static char words[NET_OPTIONS_MAX][192];
	size_t i, n = 0;

	ATF_REQUIRE(host->noptions + host->npeers + 2 <= max);
	args[n++] = getenv("WEAVER");
	for (i = 0; i < host->noptions; i++) {
		snprintf(words[i], sizeof(words[i]), "--%s", host->options[i]);
		args[n++] = words[i];
	}
	for (i = 0; i < host->npeers; i++)
		args[n++] = host->peers[i];
	args[n] = NULL;
}

/* The whole answer, as text with its HTTP header; empty: none. */
static void
weaver_ask(struct host *host, const char *method, const char *path, char *buf,
    size_t size)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(WEAVER_HTTP_PORT),
	    .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	struct timeval limit = {.tv_sec = 5};
	char request[256];
	size_t len = 0;
	ssize_t n;
	int s;

	buf[0] = '\0';
	s = traffic_socket(host->net, host->ns, AF_INET, SOCK_STREAM, 0);
	setsockopt(s, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	snprintf(
	    request, sizeof(request), "%s %s HTTP/1.0\r\n\r\n", method, path);
	if (connect(s, (struct sockaddr *)&sin, sizeof(sin)) == -1 ||
	    write(s, request, strlen(request)) == -1) {
		close(s);
		return;
	}
	while (len < size - 1 && (n = read(s, buf + len, size - 1 - len)) > 0)
		len += (size_t)n;
	buf[len] = '\0';
	close(s);
}

static bool
weaver_get(struct host *host, const char *path, char *buf, size_t size)
{
	weaver_ask(host, "GET", path, buf, size);
	return strstr(buf, " 200 OK\r\n") != NULL;
}

bool
weaver_http(struct host *host, const char *method, const char *path, char *buf,
    size_t size)
{
	const char *body;
	bool done;

	weaver_ask(host, method, path, buf, size);
	done = strncmp(buf, "HTTP/1.", 7) == 0 && buf[9] == '2';
	if ((body = strstr(buf, "\r\n\r\n")) == NULL)
		buf[0] = '\0';
	else
		memmove(buf, body + 4, strlen(body + 4) + 1);
	return done;
}

bool
weaver_answers(struct host *host)
{
	static char buf[ANSWER_MAX];

	return weaver_get(host, "/status", buf, sizeof(buf));
}

size_t
weaver_connections(
    struct host *host, const char *state, const struct host *other)
{
	static char buf[ANSWER_MAX];
	char *line, *next, is[32];
	size_t n = 0;

	if (!weaver_get(host, "/status/connections", buf, sizeof(buf)))
		return 0;
	for (next = buf; (line = strsep(&next, "\n")) != NULL;)
		if ((strncmp(line, "-> ", 3) == 0 ||
			strncmp(line, "<- ", 3) == 0) &&
		    sscanf(line, "%*s %*s %31s", is) == 1 &&
		    strcmp(is, state) == 0 &&
		    (other == NULL || strstr(line, other->name) != NULL))
			n++;
	return n;
}
