#include <sys/queue.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/imsg.h"

/* Descriptors that came before the message they belong to was complete. */
#define FDS_MAX 64
/* At most this many messages in one sendmsg(2) without a descriptor. */
#define IOV_BATCH 64

struct imsg_out {
	TAILQ_ENTRY(imsg_out) entry;
	int fd;
	size_t len; /* of bytes */
	size_t sent;
	uint8_t bytes[];
};

struct imsgbuf {
	int fd;
	uint8_t in[IMSG_MAX * 4];
	size_t start; /* of unread bytes in in[] */
	size_t end;
	int fds[FDS_MAX]; /* in order of arrival */
	size_t nfds;
	TAILQ_HEAD(, imsg_out) out;
	size_t pending;
};

static void imsgbuf_compact(struct imsgbuf *);
static int imsgbuf_take_fds(struct imsgbuf *, struct msghdr *);
static void imsg_out_free(struct imsg_out *);
static ssize_t imsgbuf_send(struct imsgbuf *);
static void imsgbuf_sent(struct imsgbuf *, size_t);

struct imsgbuf *
imsgbuf_new(int fd)
{
	struct imsgbuf *buf;
	int flags;

	if ((flags = fcntl(fd, F_GETFL)) == -1 ||
	    fcntl(fd, F_SETFL, flags | O_NONBLOCK) == -1)
		return NULL;
	if ((buf = calloc(1, sizeof(*buf))) == NULL)
		return NULL;
	buf->fd = fd;
	TAILQ_INIT(&buf->out);
	return buf;
}

void
imsgbuf_free(struct imsgbuf *buf)
{
	struct imsg_out *out;

	if (buf == NULL)
		return;
	while ((out = TAILQ_FIRST(&buf->out)) != NULL) {
		TAILQ_REMOVE(&buf->out, out, entry);
		imsg_out_free(out);
	}
	for (size_t i = 0; i < buf->nfds; i++)
		close(buf->fds[i]);
	close(buf->fd);
	freezero(buf, sizeof(*buf));
}

int
imsgbuf_fd(const struct imsgbuf *buf)
{
	return buf->fd;
}

size_t
imsgbuf_pending(const struct imsgbuf *buf)
{
	return buf->pending;
}

/* Moves unread bytes to the front and wipes what they leave behind. */
static void
imsgbuf_compact(struct imsgbuf *buf)
{
	size_t unread = buf->end - buf->start;

	if (buf->start == 0)
		return;
	memmove(buf->in, buf->in + buf->start, unread);
	explicit_bzero(buf->in + unread, buf->end - unread);
	buf->start = 0;
	buf->end = unread;
}

static int
imsgbuf_take_fds(struct imsgbuf *buf, struct msghdr *msg)
{
	int error = 0;

	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR(msg, cmsg)) {
		size_t n;

		if (cmsg->cmsg_level != SOL_SOCKET ||
		    cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		n = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < n; i++) {
			int fd;

			memcpy(
			    &fd, CMSG_DATA(cmsg) + i * sizeof(int), sizeof(fd));
			if (buf->nfds < FDS_MAX) {
				buf->fds[buf->nfds++] = fd;
			} else {
				close(fd);
				error = -1;
			}
		}
	}
	if (msg->msg_flags & MSG_CTRUNC)
		error = -1;
	if (error == -1)
		errno = EPROTO;
	return error;
}

int
imsgbuf_read(struct imsgbuf *buf)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int) * 16)];
	} control;
	struct iovec iov;
	struct msghdr msg = {0};
	ssize_t n;

	imsgbuf_compact(buf);
	if (buf->end == sizeof(buf->in))
		return 1; /* messages wait; read them first */
	iov.iov_base = buf->in + buf->end;
	iov.iov_len = sizeof(buf->in) - buf->end;
	msg.msg_iov = &iov;
	msg.msg_iovlen = 1;
	msg.msg_control = &control;
	msg.msg_controllen = sizeof(control);
	do
		n = recvmsg(buf->fd, &msg, MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return errno == EAGAIN ? 1 : -1;
	if (imsgbuf_take_fds(buf, &msg) == -1)
		return -1;
	if (n == 0)
		return 0;
	buf->end += (size_t)n;
	return 1;
}

int
imsg_get(struct imsgbuf *buf, struct imsg *imsg)
{
	size_t have = buf->end - buf->start;

	if (have < sizeof(imsg->hdr))
		return 0;
	memcpy(&imsg->hdr, buf->in + buf->start, sizeof(imsg->hdr));
	if (imsg->hdr.len < sizeof(imsg->hdr) || imsg->hdr.len > IMSG_MAX ||
	    (imsg->hdr.flags & ~IMSG_HASFD) != 0) {
		errno = EPROTO;
		return -1;
	}
	if (have < imsg->hdr.len)
		return 0;
	imsg->fd = -1;
	if (imsg->hdr.flags & IMSG_HASFD) {
		if (buf->nfds == 0) {
			errno = EPROTO;
			return -1;
		}
		imsg->fd = buf->fds[0];
		buf->nfds--;
		memmove(buf->fds, buf->fds + 1, buf->nfds * sizeof(int));
	}
	imsg->data = buf->in + buf->start + sizeof(imsg->hdr);
	imsg->len = imsg->hdr.len - sizeof(imsg->hdr);
	buf->start += imsg->hdr.len;
	return 1;
}

void
imsg_free(struct imsg *imsg)
{
	/* The bytes lie in the buffer of the imsgbuf, ours to wipe. */
	explicit_bzero((void *)(uintptr_t)imsg->data, imsg->len);
	imsg->data = NULL;
	imsg->len = 0;
	if (imsg->fd != -1)
		close(imsg->fd);
	imsg->fd = -1;
}

int
imsg_take_fd(struct imsg *imsg)
{
	int fd = imsg->fd;

	imsg->fd = -1;
	return fd;
}

static void
imsg_out_free(struct imsg_out *out)
{
	if (out->fd != -1)
		close(out->fd);
	freezero(out, sizeof(*out) + out->len);
}

int
imsg_compose(struct imsgbuf *buf, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	struct imsg_hdr hdr = {
	    type, (uint32_t)(sizeof(hdr) + len), id, fd == -1 ? 0 : IMSG_HASFD};
	struct imsg_out *out = NULL;

	if (len > IMSG_DATA_MAX)
		errno = EMSGSIZE;
	else if (buf->pending >= IMSG_QUEUE_MAX)
		errno = ENOBUFS;
	else
		out = malloc(sizeof(*out) + hdr.len);
	if (out == NULL) {
		if (fd != -1)
			close(fd);
		return -1;
	}
	out->fd = fd;
	out->len = hdr.len;
	out->sent = 0;
	memcpy(out->bytes, &hdr, sizeof(hdr));
	if (len > 0)
		memcpy(out->bytes + sizeof(hdr), data, len);
	TAILQ_INSERT_TAIL(&buf->out, out, entry);
	buf->pending++;
	return 0;
}

/*
 * A descriptor goes with the first byte of its own message, so that at the
 * other end descriptors and messages keep the same order.
 */
static ssize_t
imsgbuf_send(struct imsgbuf *buf)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov[IOV_BATCH];
	struct msghdr msg = {0};
	struct imsg_out *out = TAILQ_FIRST(&buf->out), *next;
	size_t n = 0;

	if (out->fd != -1) {
		struct cmsghdr *cmsg;

		msg.msg_control = &control;
		msg.msg_controllen = sizeof(control);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(cmsg), &out->fd, sizeof(int));
	}
	for (next = out; next != NULL && n < IOV_BATCH;
	     next = TAILQ_NEXT(next, entry)) {
		if (next != out && next->fd != -1)
			break;
		iov[n].iov_base = next->bytes + next->sent;
		iov[n++].iov_len = next->len - next->sent;
	}
	msg.msg_iov = iov;
	msg.msg_iovlen = n;
	return sendmsg(buf->fd, &msg, MSG_NOSIGNAL);
}

static void
imsgbuf_sent(struct imsgbuf *buf, size_t n)
{
	struct imsg_out *out;

	while (n > 0 && (out = TAILQ_FIRST(&buf->out)) != NULL) {
		if (out->fd != -1) {
			close(out->fd);
			out->fd = -1;
		}
		if (n < out->len - out->sent) {
			out->sent += n;
			return;
		}
		n -= out->len - out->sent;
		TAILQ_REMOVE(&buf->out, out, entry);
		buf->pending--;
		imsg_out_free(out);
	}
}

int
imsgbuf_write(struct imsgbuf *buf)
{
	while (!TAILQ_EMPTY(&buf->out)) {
		ssize_t n = imsgbuf_send(buf);

		if (n == -1) {
			if (errno == EINTR)
				continue;
			return errno == EAGAIN || errno == ENOBUFS ? 0 : -1;
		}
		imsgbuf_sent(buf, (size_t)n);
	}
	return 0;
}
