/*
 * A stream of bytes, with or without descriptors, as one process may send it
 * to another: framing, then a table with every kind of entry.
 */
#include <sys/socket.h>

#include <fcntl.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/dispatch.h"
#include "weaved/weaved.h"

static void
handle(void *arg, struct imsg *imsg)
{
	size_t *sum = arg;

	for (size_t i = 0; i < imsg->len; i++)
		*sum += ((const uint8_t *)imsg->data)[i];
}

static const struct dispatch_entry table[] = {
    {IMSG_LOG, 4, 1028, false, handle},
    DISPATCH(IMSG_READY, struct imsg_ready, handle),
    DISPATCH_EMPTY(IMSG_RELOAD, handle),
    DISPATCH(IMSG_DIAL, struct imsg_dial, handle),
    DISPATCH_FD(IMSG_SOCKETS_TCP, handle),
    DISPATCH_WITH_FD(IMSG_PIPE, struct imsg_pipe, handle),
    DISPATCH(IMSG_KX2_FINISH, struct imsg_kx2_finish, handle),
    DISPATCH(IMSG_KX3_START, struct imsg_kx3_start, handle),
    DISPATCH(IMSG_KX3_FINISH, struct imsg_kx3_finish, handle),
};

/* The first byte says how many descriptors come along. */
static void
send_bytes(int to, const uint8_t *data, size_t size)
{
	union {
		struct cmsghdr align;
		uint8_t space[CMSG_SPACE(sizeof(int) * 7)];
	} control = {0};
	size_t nfds = size > 0 ? data[0] % 8 : 0;
	struct iovec iov = {(void *)(uintptr_t)data, size};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	int fds[7];

	for (size_t i = 0; i < nfds; i++)
		fds[i] = STDERR_FILENO;
	if (nfds > 0) {
		struct cmsghdr *cmsg;

		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * nfds);
		cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * nfds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * nfds);
	}
	if (sendmsg(to, &msg, MSG_DONTWAIT) == -1)
		return;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct dispatch_entry *entry;
	struct imsgbuf *buf;
	struct imsg imsg;
	size_t sum = 0;
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == -1)
		abort();
	if ((buf = imsgbuf_new(pair[1])) == NULL)
		abort();
	if (size > 1)
		send_bytes(pair[0], data, size);
	close(pair[0]);
	while (imsgbuf_read(buf) == 1) {
		int got;

		while ((got = imsg_get(buf, &imsg)) == 1) {
			entry = dispatch_check(
			    table, sizeof(table) / sizeof(table[0]), &imsg);
			if (entry != NULL)
				entry->handler(&sum, &imsg);
			imsg_free(&imsg);
		}
		if (got == -1)
			break;
	}
	imsgbuf_free(buf);
	return 0;
}
