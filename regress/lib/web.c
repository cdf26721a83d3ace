#include <sys/socket.h>

#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "regress/lib/web.h"

#define REPLY_MS 30000

int
web_connect(struct host *host, const char *address)
{
	struct sockaddr_in sin = {.sin_family = AF_INET};
	struct endpoint endpoint;
	int fd;

	ATF_REQUIRE(endpoint_parse(address, &endpoint));
	sin.sin_addr.s_addr = htonl(endpoint.addr);
	sin.sin_port = htons(endpoint.port);
	net_enter(host->ns);
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	net_leave(host->net);
	ATF_REQUIRE(fd != -1);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == 0)
		return fd;
	close(fd);
	return -1;
}

const struct web *
web_ask(struct host *host, const char *address, const char *request)
{
	static struct web web;
	struct pollfd pfd = {.events = POLLIN};
	size_t len = 0;
	ssize_t n = 0;
	char *end;

	web.status = 0;
	web.header = web.body = strcpy(web.buf, "");
	if ((pfd.fd = web_connect(host, address)) == -1)
		return &web;
	if (send(pfd.fd, request, strlen(request), MSG_NOSIGNAL) != -1)
		while (len < WEB_MAX - 1 && poll(&pfd, 1, REPLY_MS) == 1 &&
		    (n = read(pfd.fd, web.buf + len, WEB_MAX - 1 - len)) > 0)
			len += (size_t)n;
	close(pfd.fd);
	web.buf[len] = '\0';
	if ((end = strstr(web.buf, "\r\n\r\n")) != NULL &&
	    sscanf(web.buf, "HTTP/1.%*d %d", &web.status) == 1) {
		end[2] = '\0';
		web.body = end + 4;
	}
	return &web;
}

const struct web *
web_get(struct host *host, const char *address, const char *path)
{
	char request[512];

	snprintf(request, sizeof(request),
	    "GET %s HTTP/1.1\r\nHost: %s\r\n\r\n", path, address);
	return web_ask(host, address, request);
}

bool
web_closed(int fd, int seconds)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t end = net_now() + (uint64_t)seconds * 1000;
	char buf[4096];

	while (net_now() < end)
		if (poll(&pfd, 1, 1000) == 1 && read(fd, buf, sizeof(buf)) <= 0)
			return true;
	return false;
}

double
web_metric(const struct web *web, const char *series)
{
	size_t len = strlen(series);

	for (const char *line = web->body; line != NULL && *line != '\0';) {
		if (strncmp(line, series, len) == 0 && line[len] == ' ')
			return strtod(line + len, NULL);
		if ((line = strchr(line, '\n')) != NULL)
			line++;
	}
	return -1;
}
