#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/log.h"
#include "weaved/parent/http.h"
#include "weaved/parent/parent_internal.h"

#define PROCESSES_INTERVAL 10 /* seconds */

struct http_socket {
	struct endpoint address; /* port 0: none */
	int fd;
};

static struct {
	struct http_socket now[HTTP_ENDPOINTS];
	struct http_socket next[HTTP_ENDPOINTS];
	struct event *timer;
} http;

static const char *const keys[HTTP_ENDPOINTS] = {"metrics", "status"};

static bool http_is_open(struct endpoint, int *);
static void http_discard(size_t);
static void http_tick(evutil_socket_t, short, void *);

/* Whichever it is for: addresses may change places. */
static bool
http_is_open(struct endpoint address, int *fd)
{
	for (size_t i = 0; i < HTTP_ENDPOINTS; i++)
		if (http.now[i].address.port != 0 &&
		    endpoint_equal(http.now[i].address, address)) {
			*fd = http.now[i].fd;
			return true;
		}
	return false;
}

/* Of the first that were prepared. */
static void
http_discard(size_t count)
{
	int fd;

	for (size_t i = 0; i < count; i++)
		if (http.next[i].address.port != 0 &&
		    !http_is_open(http.next[i].address, &fd))
			close(http.next[i].fd);
}

bool
http_prepare(const struct conf *conf, char error[CONF_ERROR_MAX])
{
	const struct endpoint wanted[HTTP_ENDPOINTS] = {
	    [HTTP_METRICS] = conf->metrics, [HTTP_STATUS] = conf->status};

	for (size_t i = 0; i < HTTP_ENDPOINTS; i++) {
		http.next[i] = (struct http_socket){wanted[i], -1};
		if (wanted[i].port == 0 ||
		    http_is_open(wanted[i], &http.next[i].fd))
			continue;
		http.next[i].fd =
		    descriptors_open_http(wanted[i], keys[i], error);
		if (http.next[i].fd == -1) {
			http_discard(i);
			return false;
		}
	}
	return true;
}

bool
http_commit(void)
{
	bool changed = false;

	for (size_t i = 0; i < HTTP_ENDPOINTS; i++) {
		bool kept = http.now[i].address.port == 0;

		for (size_t j = 0; j < HTTP_ENDPOINTS; j++)
			kept = kept || http.next[j].fd == http.now[i].fd;
		if (!kept)
			close(http.now[i].fd);
		changed = changed ||
		    !endpoint_equal(http.now[i].address, http.next[i].address);
	}
	memcpy(http.now, http.next, sizeof(http.now));
	return changed;
}

bool
http_wanted(void)
{
	for (size_t i = 0; i < HTTP_ENDPOINTS; i++)
		if (http.now[i].address.port != 0)
			return true;
	return false;
}

void
http_send(struct spawn *spawn)
{
	char address[ENDPOINT_STRLEN];

	for (uint32_t i = 0; i < HTTP_ENDPOINTS; i++) {
		struct imsg_http message = {i};

		if (http.now[i].address.port == 0) {
			spawn_send(spawn, IMSG_HTTP_CLOSE, 0, -1, &message,
			    sizeof(message));
			continue;
		}
		log_info("%s on http://%s", keys[i],
		    endpoint_format(http.now[i].address, address));
		spawn_send(spawn, IMSG_HTTP_LISTEN, 0, dup(http.now[i].fd),
		    &message, sizeof(message));
	}
}

static void
http_tick(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	(void)arg;
	parent_send_processes();
}

void
http_watch(struct event_base *base)
{
	const struct timeval interval = {PROCESSES_INTERVAL, 0};

	if (http.timer == NULL)
		http.timer = event_new(base, -1, EV_PERSIST, http_tick, NULL);
	if (http.timer == NULL)
		fatal("event loop");
	if (http_wanted())
		event_add(http.timer, &interval);
	else
		event_del(http.timer);
}

/* The second number of statm: pages that are there. */
uint32_t
process_resident(pid_t pid)
{
	char path[64], text[128];
	unsigned long long pages;
	ssize_t len;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/statm", (int)pid);
	if (pid <= 0 || (fd = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		return 0;
	len = read(fd, text, sizeof(text) - 1);
	close(fd);
	if (len <= 0)
		return 0;
	text[len] = '\0';
	if (sscanf(text, "%*u %llu", &pages) != 1)
		return 0;
	return (uint32_t)(pages * (unsigned long)sysconf(_SC_PAGESIZE) / 1024);
}
