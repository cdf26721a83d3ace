#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <vis.h>

#include "common/ctl.h"
#include "common/ctlclient.h"
#include "common/imsg.h"

struct ctlclient {
	struct imsgbuf *buf;
	const char *software;
	int timeout; /* milliseconds */
	uint32_t id; /* of the request under way */
};

static uint64_t ctlclient_now(void);
static int ctlclient_fail(char *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static int ctlclient_connect(const char *, int, char *);
static int ctlclient_explain(const char *, int, char *);
static int ctlclient_wait(struct ctlclient *, uint64_t, char *);
static int ctlclient_next(struct ctlclient *, uint64_t, struct imsg *, char *);
static int ctlclient_send(
    struct ctlclient *, uint32_t, const void *, size_t, char *);
static int ctlclient_hello(struct ctlclient *, char *);
static int ctlclient_failed(const struct imsg *, char *);
static int ctlclient_take(const struct ctlclient *, const struct imsg *,
    ctlclient_row, void *, char *);

static uint64_t
ctlclient_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int
ctlclient_fail(char *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CTLCLIENT_ERROR_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

static int
ctlclient_explain(const char *path, int code, char *error)
{
	switch (code) {
	case ENOENT:
	case ENOTDIR:
		return ctlclient_fail(
		    error, "weaved is not running (no socket %s)", path);
	case ECONNREFUSED:
		return ctlclient_fail(error,
		    "weaved is not running (nobody "
		    "listens on %s)",
		    path);
	case EACCES:
	case EPERM:
		return ctlclient_fail(error,
		    "permission denied: %s is for root "
		    "and the group _weaved",
		    path);
	case EAGAIN:
		return ctlclient_fail(error, "weaved has too many clients");
	default:
		return ctlclient_fail(error, "%s: %s", path, strerror(code));
	}
}

static int
ctlclient_connect(const char *path, int timeout_ms, char *error)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval limit = {
	    .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	int fd, code;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return ctlclient_fail(
		    error, "the socket's path is too long: %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return ctlclient_fail(error, "socket: %s", strerror(errno));
	/* While others wait to be accepted connect(2) waits with them. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
		-1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		code = errno;
		close(fd);
		return ctlclient_explain(path, code, error);
	}
	return fd;
}

/* Waits until there is something to read, sending what is queued. */
static int
ctlclient_wait(struct ctlclient *client, uint64_t deadline, char *error)
{
	struct pollfd pfd = {.fd = imsgbuf_fd(client->buf)};
	uint64_t now;
	int n;

	for (;;) {
		now = ctlclient_now();
		if (now >= deadline)
			return ctlclient_fail(error, "weaved does not answer");
		pfd.events = POLLIN;
		if (imsgbuf_pending(client->buf) > 0)
			pfd.events |= POLLOUT;
		n = poll(&pfd, 1, (int)(deadline - now));
		if (n == -1 && errno != EINTR)
			return ctlclient_fail(
			    error, "poll: %s", strerror(errno));
		if (n <= 0)
			continue;
		/* First what came: a daemon that closes says why before. */
		if (pfd.revents & ~POLLOUT)
			return 0;
		if (imsgbuf_write(client->buf) == -1)
			return ctlclient_fail(
			    error, "weaved closed the connection");
	}
}

/* The next message; the caller frees it. */
static int
ctlclient_next(
    struct ctlclient *client, uint64_t deadline, struct imsg *imsg, char *error)
{
	int got;

	while ((got = imsg_get(client->buf, imsg)) == 0) {
		if (ctlclient_wait(client, deadline, error) == -1)
			return -1;
		got = imsgbuf_read(client->buf);
		if (got == 0 || (got == -1 && errno == ECONNRESET))
			return ctlclient_fail(
			    error, "weaved closed the connection");
		if (got == -1)
			break;
	}
	if (got == 1 && imsg->fd == -1 &&
	    ctl_valid(imsg->hdr.type, imsg->data, imsg->len))
		return 0;
	if (got == 1)
		imsg_free(imsg);
	return ctlclient_fail(error,
	    "weaved's answer is malformed: it may be "
	    "of another version");
}

static int
ctlclient_send(struct ctlclient *client, uint32_t type, const void *data,
    size_t len, char *error)
{
	client->id++;
	if (imsg_compose(client->buf, type, client->id, -1, data, len) == -1)
		return ctlclient_fail(
		    error, "cannot send: %s", strerror(errno));
	/* If the daemon is gone its last words may still be there to read. */
	imsgbuf_write(client->buf);
	return 0;
}

/* Text of the daemon goes to a terminal. */
static int
ctlclient_failed(const struct imsg *imsg, char *error)
{
	struct ctl_end end;
	char clean[CTLCLIENT_ERROR_MAX];

	memcpy(&end, imsg->data, sizeof(end));
	if (end.status == 0)
		return 0;
	strnvis(clean, end.text, sizeof(clean),
	    VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_NOSLASH);
	return ctlclient_fail(error, "%s", clean);
}

static int
ctlclient_hello(struct ctlclient *client, char *error)
{
	struct ctl_hello hello = {.version = CTL_VERSION};
	struct imsg imsg;
	int result;

	strlcpy(hello.software, client->software, sizeof(hello.software));
	if (ctlclient_send(client, CTL_HELLO, &hello, sizeof(hello), error) ==
		-1 ||
	    ctlclient_next(client, ctlclient_now() + (uint64_t)client->timeout,
		&imsg, error) == -1)
		return -1;
	if (imsg.hdr.type == CTL_HELLO) {
		memcpy(&hello, imsg.data, sizeof(hello));
		result = hello.version == CTL_VERSION
		    ? 0
		    : ctlclient_fail(error,
			  "weaved speaks control protocol %u, "
			  "%s speaks %u",
			  hello.version, client->software, CTL_VERSION);
	} else if (imsg.hdr.type != CTL_END ||
	    (result = ctlclient_failed(&imsg, error)) == 0)
		result = ctlclient_fail(error, "weaved did not say hello");
	imsg_free(&imsg);
	return result;
}

struct ctlclient *
ctlclient_open(const char *path, const char *software, int timeout_ms,
    char error[CTLCLIENT_ERROR_MAX])
{
	struct ctlclient *client;
	int fd;

	if ((fd = ctlclient_connect(path, timeout_ms, error)) == -1)
		return NULL;
	if ((client = calloc(1, sizeof(*client))) == NULL ||
	    (client->buf = imsgbuf_new(fd)) == NULL) {
		ctlclient_fail(error, "no memory");
		close(fd);
		free(client);
		return NULL;
	}
	client->software = software;
	client->timeout = timeout_ms;
	if (ctlclient_hello(client, error) == -1) {
		ctlclient_close(client);
		return NULL;
	}
	return client;
}

static int
ctlclient_take(const struct ctlclient *client, const struct imsg *imsg,
    ctlclient_row row, void *arg, char *error)
{
	const char *why;

	if (imsg->hdr.id != client->id || imsg->hdr.type < CTL_END ||
	    row == NULL)
		return ctlclient_fail(error,
		    "weaved answered what was not "
		    "asked");
	why = row(arg, imsg->hdr.type, imsg->data, imsg->len);
	return why == NULL ? 0 : ctlclient_fail(error, "%s", why);
}

int
ctlclient_ask(struct ctlclient *client, uint32_t type, const void *data,
    size_t len, ctlclient_row row, void *arg, char error[CTLCLIENT_ERROR_MAX])
{
	uint64_t deadline = ctlclient_now() + (uint64_t)client->timeout;
	struct imsg imsg;
	int result;

	if (ctlclient_send(client, type, data, len, error) == -1)
		return -1;
	for (;;) {
		if (ctlclient_next(client, deadline, &imsg, error) == -1)
			return -1;
		if (imsg.hdr.type == CTL_END && imsg.hdr.id == client->id) {
			result = ctlclient_failed(&imsg, error);
			imsg_free(&imsg);
			return result;
		}
		result = ctlclient_take(client, &imsg, row, arg, error);
		imsg_free(&imsg);
		if (result == -1)
			return -1;
	}
}

void
ctlclient_set_timeout(struct ctlclient *client, int timeout_ms)
{
	client->timeout = timeout_ms;
}

void
ctlclient_close(struct ctlclient *client)
{
	if (client == NULL)
		return;
	imsgbuf_free(client->buf);
	free(client);
}
