#include <sys/socket.h>
#include <sys/un.h>

#include <errno.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/imsg.h"
#include "weavectl/client.h"
#include "weavectl/text.h"

struct client_link {
	struct imsgbuf *buf;
	int timeout; /* milliseconds */
	uint32_t id; /* of the request under way */
};

static uint64_t client_now(void);
static int client_fail(char *, const char *, ...)
    __attribute__((format(printf, 2, 3)));
static int client_connect(const char *, int, char *);
static int client_explain(const char *, int, char *);
static int client_wait(struct client_link *, uint64_t, char *);
static int client_next(struct client_link *, uint64_t, struct imsg *, char *);
static int client_send(
    struct client_link *, uint32_t, const void *, size_t, char *);
static int client_hello(struct client_link *, char *);
static int client_failed(const struct imsg *, char *);
static int client_row(
    const struct client_link *, const struct imsg *, struct report *, char *);

static uint64_t
client_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

static int
client_fail(char *error, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(error, CLIENT_ERROR_MAX, fmt, ap);
	va_end(ap);
	return -1;
}

static int
client_explain(const char *path, int code, char *error)
{
	switch (code) {
	case ENOENT:
	case ENOTDIR:
		return client_fail(
		    error, "weaved is not running (no socket %s)", path);
	case ECONNREFUSED:
		return client_fail(error,
		    "weaved is not running (nobody "
		    "listens on %s)",
		    path);
	case EACCES:
	case EPERM:
		return client_fail(error,
		    "permission denied: %s is for root "
		    "and the group _weaved",
		    path);
	case EAGAIN:
		return client_fail(error, "weaved has too many clients");
	default:
		return client_fail(error, "%s: %s", path, strerror(code));
	}
}

static int
client_connect(const char *path, int timeout_ms, char *error)
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	struct timeval limit = {
	    .tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	int fd, code;

	if (strlcpy(sun.sun_path, path, sizeof(sun.sun_path)) >=
	    sizeof(sun.sun_path))
		return client_fail(
		    error, "the socket's path is too long: %s", path);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return client_fail(error, "socket: %s", strerror(errno));
	/* While others wait to be accepted connect(2) waits with them. */
	if (setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit)) ==
		-1 ||
	    connect(fd, (struct sockaddr *)&sun, sizeof(sun)) == -1) {
		code = errno;
		close(fd);
		return client_explain(path, code, error);
	}
	return fd;
}

/* Waits until there is something to read, sending what is queued. */
static int
client_wait(struct client_link *link, uint64_t deadline, char *error)
{
	struct pollfd pfd = {.fd = imsgbuf_fd(link->buf)};
	uint64_t now;
	int n;

	for (;;) {
		now = client_now();
		if (now >= deadline)
			return client_fail(error, "weaved does not answer");
		pfd.events = POLLIN;
		if (imsgbuf_pending(link->buf) > 0)
			pfd.events |= POLLOUT;
		n = poll(&pfd, 1, (int)(deadline - now));
		if (n == -1 && errno != EINTR)
			return client_fail(error, "poll: %s", strerror(errno));
		if (n <= 0)
			continue;
		/* First what came: a daemon that closes says why before. */
		if (pfd.revents & ~POLLOUT)
			return 0;
		if (imsgbuf_write(link->buf) == -1)
			return client_fail(
			    error, "weaved closed the connection");
	}
}

/* The next message; the caller frees it. */
static int
client_next(
    struct client_link *link, uint64_t deadline, struct imsg *imsg, char *error)
{
	int got;

	while ((got = imsg_get(link->buf, imsg)) == 0) {
		if (client_wait(link, deadline, error) == -1)
			return -1;
		got = imsgbuf_read(link->buf);
		if (got == 0 || (got == -1 && errno == ECONNRESET))
			return client_fail(
			    error, "weaved closed the connection");
		if (got == -1)
			break;
	}
	if (got == 1 && imsg->fd == -1 &&
	    ctl_valid(imsg->hdr.type, imsg->data, imsg->len))
		return 0;
	if (got == 1)
		imsg_free(imsg);
	return client_fail(error,
	    "weaved's answer is malformed: it may be "
	    "of another version");
}

static int
client_send(struct client_link *link, uint32_t type, const void *data,
    size_t len, char *error)
{
	link->id++;
	if (imsg_compose(link->buf, type, link->id, -1, data, len) == -1)
		return client_fail(error, "cannot send: %s", strerror(errno));
	/* If the daemon is gone its last words may still be there to read. */
	imsgbuf_write(link->buf);
	return 0;
}

/* Text of the daemon goes to a terminal. */
static int
client_failed(const struct imsg *imsg, char *error)
{
	struct ctl_end end;
	char clean[TEXT_CLEAN_MAX];

	memcpy(&end, imsg->data, sizeof(end));
	if (end.status == 0)
		return 0;
	return client_fail(error, "%s", text_clean(end.text, clean));
}

static int
client_hello(struct client_link *link, char *error)
{
	struct ctl_hello hello = {
	    .version = CTL_VERSION, .software = "weavectl " VERSION};
	struct imsg imsg;
	int result;

	if (client_send(link, CTL_HELLO, &hello, sizeof(hello), error) == -1 ||
	    client_next(link, client_now() + (uint64_t)link->timeout, &imsg,
		error) == -1)
		return -1;
	if (imsg.hdr.type == CTL_HELLO) {
		memcpy(&hello, imsg.data, sizeof(hello));
		result = hello.version == CTL_VERSION
		    ? 0
		    : client_fail(error,
			  "weaved speaks control protocol %u, "
			  "weavectl %s speaks %u",
			  hello.version, VERSION, CTL_VERSION);
	} else if (imsg.hdr.type != CTL_END ||
	    (result = client_failed(&imsg, error)) == 0)
		result = client_fail(error, "weaved did not say hello");
	imsg_free(&imsg);
	return result;
}

struct client_link *
client_open(const char *path, int timeout_ms, char error[CLIENT_ERROR_MAX])
{
	struct client_link *link;
	int fd;

	if ((fd = client_connect(path, timeout_ms, error)) == -1)
		return NULL;
	if ((link = calloc(1, sizeof(*link))) == NULL ||
	    (link->buf = imsgbuf_new(fd)) == NULL) {
		client_fail(error, "no memory");
		close(fd);
		free(link);
		return NULL;
	}
	link->timeout = timeout_ms;
	if (client_hello(link, error) == -1) {
		client_close(link);
		return NULL;
	}
	return link;
}

static int
client_row(const struct client_link *link, const struct imsg *imsg,
    struct report *report, char *error)
{
	const char *why;

	if (imsg->hdr.id != link->id || imsg->hdr.type < CTL_END ||
	    report == NULL)
		return client_fail(error,
		    "weaved answered what was not "
		    "asked");
	why = report_add(report, imsg->hdr.type, imsg->data, imsg->len);
	return why == NULL ? 0 : client_fail(error, "%s", why);
}

int
client_ask(struct client_link *link, uint32_t type, const void *data,
    size_t len, struct report *report, char error[CLIENT_ERROR_MAX])
{
	uint64_t deadline = client_now() + (uint64_t)link->timeout;
	struct imsg imsg;
	int result;

	if (client_send(link, type, data, len, error) == -1)
		return -1;
	for (;;) {
		if (client_next(link, deadline, &imsg, error) == -1)
			return -1;
		if (imsg.hdr.type == CTL_END && imsg.hdr.id == link->id) {
			result = client_failed(&imsg, error);
			imsg_free(&imsg);
			return result;
		}
		result = client_row(link, &imsg, report, error);
		imsg_free(&imsg);
		if (result == -1)
			return -1;
	}
}

void
client_set_timeout(struct client_link *link, int timeout_ms)
{
	link->timeout = timeout_ms;
}

void
client_close(struct client_link *link)
{
	imsgbuf_free(link->buf);
	free(link);
}
