/*
 * Messages between our own processes and from control clients, over a UNIX
 * stream socket, optionally with one descriptor: after imsg_init(3) of 2024,
 * and every buffer is wiped once its bytes are consumed.
 */
#ifndef COMMON_IMSG_H
#define COMMON_IMSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMSG_MAX 16384 /* header and data */
#define IMSG_DATA_MAX (IMSG_MAX - sizeof(struct imsg_hdr))
#define IMSG_QUEUE_MAX 4096 /* messages waiting to be sent */

struct imsg_hdr {
	uint32_t type;
	uint32_t len; /* with this header */
	uint32_t id; /* request this belongs to, 0: none */
	uint32_t flags; /* IMSG_HASFD */
};
#define IMSG_HASFD 1u
_Static_assert(sizeof(struct imsg_hdr) == 16, "imsg_hdr has no padding");

struct imsg {
	struct imsg_hdr hdr;
	const void *data; /* valid until imsg_free() */
	size_t len; /* of data */
	int fd; /* -1, or the receiver's to close or take */
};

struct imsgbuf;

/* Takes over fd, makes it non-blocking. NULL with errno on failure. */
struct imsgbuf *imsgbuf_new(int fd);
/* Wipes, closes all queued descriptors and the socket. NULL is fine. */
void imsgbuf_free(struct imsgbuf *buf);
int imsgbuf_fd(const struct imsgbuf *buf);

/*
 * Reads what there is. 1: something came or nothing was there (EAGAIN);
 * 0: end of file; -1 with errno (EPROTO: a bad length or descriptor).
 */
int imsgbuf_read(struct imsgbuf *buf);
/* 1 and *imsg filled, 0: none complete, -1 with errno EPROTO. */
int imsg_get(struct imsgbuf *buf, struct imsg *imsg);
/* Wipes the data and closes the descriptor if nobody took it. */
void imsg_free(struct imsg *imsg);
int imsg_take_fd(struct imsg *imsg);

/*
 * Queues one message. fd: -1, or a descriptor now owned by the buffer, closed
 * when sent or on failure. 0, or -1 with errno (EMSGSIZE, ENOBUFS).
 */
int imsg_compose(struct imsgbuf *buf, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len);
/* Sends what the socket takes. 0 (check imsgbuf_pending), -1 with errno. */
int imsgbuf_write(struct imsgbuf *buf);
/* Messages not yet sent. */
size_t imsgbuf_pending(const struct imsgbuf *buf);

#endif
