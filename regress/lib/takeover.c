#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/net.h"
#include "regress/lib/process.h"
#include "regress/lib/takeover.h"
#include "weaved/weaved.h"

#define FD_MAX 64 /* descriptors of a child that are looked at */
#define GET_SECONDS 10

static int takeover_fd(int, int);
static bool takeover_is_unix(int);
static bool takeover_wait(struct imsgbuf *, short);

/* A copy of descriptor number fd of the process behind pidfd, -1: none. */
static int
takeover_fd(int pidfd, int fd)
{
	return (int)syscall(SYS_pidfd_getfd, pidfd, fd, 0);
}

static bool
takeover_is_unix(int fd)
{
	int domain = 0, listening = 1;
	socklen_t len = sizeof(domain);

	return getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == 0 &&
	    domain == AF_UNIX &&
	    getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &len) == 0 &&
	    listening == 0;
}

struct takeover
takeover_begin(pid_t pid)
{
	struct takeover takeover = {.pid = pid};
	int pidfd, fd;

	ATF_REQUIRE(pid > 0);
	ATF_REQUIRE((pidfd = (int)syscall(SYS_pidfd_open, pid, 0)) != -1);
	ATF_REQUIRE(kill(pid, SIGSTOP) == 0);
	ATF_REQUIRE((fd = takeover_fd(pidfd, PROC_PIPE_FD)) != -1);
	ATF_REQUIRE((takeover.parent = imsgbuf_new(fd)) != NULL);
	for (int i = PROC_PIPE_FD + 1; i < FD_MAX; i++) {
		if ((fd = takeover_fd(pidfd, i)) == -1)
			continue;
		if (!takeover_is_unix(fd) ||
		    takeover.nothers == TAKEOVER_PIPES_MAX) {
			close(fd);
			continue;
		}
		ATF_REQUIRE((takeover.others[takeover.nothers++] =
				    imsgbuf_new(fd)) != NULL);
	}
	close(pidfd);
	return takeover;
}

void
takeover_end(struct takeover *takeover)
{
	imsgbuf_free(takeover->parent);
	for (size_t i = 0; i < takeover->nothers; i++)
		imsgbuf_free(takeover->others[i]);
	memset(takeover, 0, sizeof(*takeover));
}

static bool
takeover_wait(struct imsgbuf *pipe, short events)
{
	struct pollfd pfd = {imsgbuf_fd(pipe), events, 0};

	return poll(&pfd, 1, GET_SECONDS * 1000) == 1;
}

bool
takeover_write(struct imsgbuf *pipe, const void *data, size_t len)
{
	const uint8_t *p = data;
	ssize_t n;

	while (len > 0) {
		n = send(imsgbuf_fd(pipe), p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno != EAGAIN || !takeover_wait(pipe, POLLOUT))
			return false;
	}
	return true;
}

bool
takeover_send(struct imsgbuf *pipe, uint32_t type, const void *data, size_t len)
{
	uint8_t message[IMSG_MAX];
	struct imsg_hdr hdr = {.type = type};

	ATF_REQUIRE(len <= IMSG_DATA_MAX);
	hdr.len = (uint32_t)(sizeof(hdr) + len);
	memcpy(message, &hdr, sizeof(hdr));
	if (len > 0)
		memcpy(message + sizeof(hdr), data, len);
	return takeover_write(pipe, message, hdr.len);
}

bool
takeover_get(struct imsgbuf *pipe, struct imsg *imsg)
{
	int got;

	while ((got = imsg_get(pipe, imsg)) == 0)
		if (!takeover_wait(pipe, POLLIN) || imsgbuf_read(pipe) != 1)
			return false;
	return got == 1;
}

pid_t
takeover_child(const char *name, struct imsgbuf **pipe)
{
	int pair[2];
	pid_t pid;

	ATF_REQUIRE(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		/* Away from where it is to go, or dup2(2) does nothing. */
		if (dup2(fcntl(pair[1], F_DUPFD, 10), PROC_PIPE_FD) == -1 ||
		    close_range(PROC_PIPE_FD + 1, ~0U, 0) == -1)
			_exit(126);
		execl(
		    net_program("weaved"), "weaved", "-P", name, (char *)NULL);
		_exit(127);
	}
	close(pair[1]);
	ATF_REQUIRE((*pipe = imsgbuf_new(pair[0])) != NULL);
	return pid;
}
