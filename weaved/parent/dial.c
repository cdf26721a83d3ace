#include <sys/queue.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <unistd.h>

#include "weaved/parent/descriptors.h"
#include "weaved/parent/dial.h"

struct dial {
	LIST_ENTRY(dial) entry;
	struct dialler *dialler;
	struct event *event;
	uint32_t id;
	int fd;
};

struct dialler {
	struct event_base *base;
	uint32_t source;
	dial_done done;
	void *arg;
	LIST_HEAD(, dial) dials;
	size_t ndials;
	uint64_t window;
	uint32_t starts; /* in the second from window */
};

static int dial_connect(struct dialler *, struct endpoint);
static bool dial_within_limits(struct dialler *, uint64_t);
static void dial_finished(evutil_socket_t, short, void *);
static void dial_free(struct dial *);
static void dial_fail(struct dialler *, uint32_t, int);

struct dialler *
dial_new(struct event_base *base, uint32_t source, dial_done done, void *arg)
{
	struct dialler *dialler = calloc(1, sizeof(*dialler));

	if (dialler == NULL)
		return NULL;
	dialler->base = base;
	dialler->source = source;
	dialler->done = done;
	dialler->arg = arg;
	LIST_INIT(&dialler->dials);
	return dialler;
}

bool
dial_allowed(uint32_t addr)
{
	return !((addr >> 24) == 0 || (addr >> 24) == 127 ||
	    (addr >> 28) == 14 || addr == INADDR_BROADCAST);
}

static bool
dial_within_limits(struct dialler *dialler, uint64_t now)
{
	if (now - dialler->window >= 1000) {
		dialler->window = now;
		dialler->starts = 0;
	}
	return dialler->ndials < DIAL_MAX && ++dialler->starts <= DIAL_PER_S;
}

static void
dial_fail(struct dialler *dialler, uint32_t id, int error)
{
	dialler->done(dialler->arg, id, -1, error, (struct endpoint){0, 0});
}

/* A descriptor that connects, or -1 with errno. */
static int
dial_connect(struct dialler *dialler, struct endpoint to)
{
	struct sockaddr_in from = {
	    .sin_family = AF_INET, .sin_addr.s_addr = htonl(dialler->source)};
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(to.port),
	    .sin_addr.s_addr = htonl(to.addr)};
	int fd, saved_errno;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return -1;
	descriptors_setup_stream(fd);
	if ((dialler->source != 0 &&
		bind(fd, (struct sockaddr *)&from, sizeof(from)) == -1) ||
	    (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1 &&
		errno != EINPROGRESS)) {
		saved_errno = errno;
		close(fd);
		errno = saved_errno;
		return -1;
	}
	return fd;
}

void
dial_start(struct dialler *dialler, uint32_t id, struct endpoint to, bool given,
    uint64_t now)
{
	const struct timeval timeout = {DIAL_TIMEOUT_S, 0};
	struct dial *dial;

	if (to.port == 0 || (!given && !dial_allowed(to.addr))) {
		dial_fail(dialler, id, EPERM);
		return;
	}
	if (!dial_within_limits(dialler, now)) {
		dial_fail(dialler, id, EAGAIN);
		return;
	}
	if ((dial = calloc(1, sizeof(*dial))) == NULL) {
		dial_fail(dialler, id, ENOMEM);
		return;
	}
	dial->dialler = dialler;
	dial->id = id;
	LIST_INSERT_HEAD(&dialler->dials, dial, entry);
	dialler->ndials++;
	if ((dial->fd = dial_connect(dialler, to)) == -1 ||
	    (dial->event = event_new(dialler->base, dial->fd, EV_WRITE,
		 dial_finished, dial)) == NULL ||
	    event_add(dial->event, &timeout) == -1) {
		int error = errno;

		dial_free(dial);
		dial_fail(dialler, id, error);
	}
}

static void
dial_free(struct dial *dial)
{
	LIST_REMOVE(dial, entry);
	dial->dialler->ndials--;
	if (dial->event != NULL)
		event_free(dial->event);
	if (dial->fd != -1)
		close(dial->fd);
	free(dial);
}

static void
dial_finished(evutil_socket_t fd, short what, void *arg)
{
	struct dial *dial = arg;
	struct dialler *dialler = dial->dialler;
	struct sockaddr_in sin = {0};
	struct endpoint local;
	socklen_t len = sizeof(int);
	uint32_t id = dial->id;
	int error = 0;

	if (what & EV_TIMEOUT)
		error = ETIMEDOUT;
	else if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	len = sizeof(sin);
	if (error == 0 && getsockname(fd, (struct sockaddr *)&sin, &len) == -1)
		error = errno;
	if (error == 0)
		dial->fd = -1; /* handed on below */
	dial_free(dial);
	if (error != 0) {
		dial_fail(dialler, id, error);
		return;
	}
	local.addr = ntohl(sin.sin_addr.s_addr);
	local.port = ntohs(sin.sin_port);
	dialler->done(dialler->arg, id, fd, 0, local);
}

void
dial_cancel_all(struct dialler *dialler)
{
	struct dial *dial;

	while ((dial = LIST_FIRST(&dialler->dials)) != NULL)
		dial_free(dial);
}
