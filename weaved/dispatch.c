#include <errno.h>
#include <stdlib.h>

#include "common/log.h"
#include "weaved/dispatch.h"

struct pipe {
	struct imsgbuf *buf;
	struct event *read;
	struct event *write;
	const struct dispatch_entry *table;
	size_t entries;
	void (*ended)(void *, enum pipe_end);
	void (*drained)(void *);
	void *arg;
	bool dead;
	bool dispatching;
	bool freed;
	bool overflow;
};

static void pipe_readable(evutil_socket_t, short, void *);
static void pipe_writable(evutil_socket_t, short, void *);
static bool pipe_dispatch(struct pipe *);
static void pipe_end(struct pipe *, enum pipe_end);
static void pipe_destroy(struct pipe *);

struct pipe *
pipe_new(struct event_base *base, int fd, const struct dispatch_entry *table,
    size_t entries, void (*ended)(void *, enum pipe_end), void *arg)
{
	struct pipe *pipe;

	if ((pipe = calloc(1, sizeof(*pipe))) == NULL)
		return NULL;
	pipe->table = table;
	pipe->entries = entries;
	pipe->ended = ended;
	pipe->arg = arg;
	pipe->buf = imsgbuf_new(fd);
	pipe->read =
	    event_new(base, fd, EV_READ | EV_PERSIST, pipe_readable, pipe);
	pipe->write = event_new(base, fd, EV_WRITE, pipe_writable, pipe);
	if (pipe->buf == NULL || pipe->read == NULL || pipe->write == NULL ||
	    event_add(pipe->read, NULL) == -1) {
		pipe_destroy(pipe);
		return NULL;
	}
	return pipe;
}

static void
pipe_destroy(struct pipe *pipe)
{
	if (pipe->read != NULL)
		event_free(pipe->read);
	if (pipe->write != NULL)
		event_free(pipe->write);
	imsgbuf_free(pipe->buf);
	free(pipe);
}

/* A handler may free the pipe whose message it handles. */
void
pipe_free(struct pipe *pipe)
{
	if (pipe == NULL)
		return;
	pipe->dead = true;
	pipe->freed = true;
	if (!pipe->dispatching)
		pipe_destroy(pipe);
}

const struct dispatch_entry *
dispatch_check(
    const struct dispatch_entry *table, size_t entries, const struct imsg *imsg)
{
	for (size_t i = 0; i < entries; i++) {
		if (table[i].type != imsg->hdr.type)
			continue;
		if (imsg->len < table[i].min || imsg->len > table[i].max ||
		    table[i].with_fd != (imsg->fd != -1))
			return NULL;
		return &table[i];
	}
	return NULL;
}

/* Handles what has arrived; false if the pipe is no longer good. */
static bool
pipe_dispatch(struct pipe *pipe)
{
	const struct dispatch_entry *entry;
	struct imsg imsg;
	int got;

	while ((got = imsg_get(pipe->buf, &imsg)) == 1) {
		entry = dispatch_check(pipe->table, pipe->entries, &imsg);
		if (entry == NULL) {
			log_error("message %u of %zu bytes is not allowed here",
			    imsg.hdr.type, imsg.len);
			imsg_free(&imsg);
			return false;
		}
		entry->handler(pipe->arg, &imsg);
		imsg_free(&imsg);
		if (pipe->dead)
			return true;
	}
	return got == 0;
}

static void
pipe_end(struct pipe *pipe, enum pipe_end end)
{
	if (pipe->dead)
		return;
	pipe->dead = true;
	event_del(pipe->read);
	event_del(pipe->write);
	pipe->ended(pipe->arg, end);
}

static void
pipe_readable(evutil_socket_t fd, short what, void *arg)
{
	struct pipe *pipe = arg;
	int got;

	(void)fd;
	(void)what;
	pipe->dispatching = true;
	got = imsgbuf_read(pipe->buf);
	if (got == -1)
		pipe_end(pipe, errno == EPROTO ? PIPE_BROKEN : PIPE_EOF);
	else if (!pipe_dispatch(pipe))
		pipe_end(pipe, PIPE_BROKEN);
	else if (got == 0)
		pipe_end(pipe, PIPE_EOF);
	pipe->dispatching = false;
	if (pipe->freed)
		pipe_destroy(pipe);
}

/* A failure to send shows up as end of file, or as a full queue. */
static void
pipe_writable(evutil_socket_t fd, short what, void *arg)
{
	struct pipe *pipe = arg;

	(void)fd;
	(void)what;
	if (pipe->dead)
		return;
	if (pipe->overflow) {
		log_error("the other process does not read its messages");
		pipe->dispatching = true;
		pipe_end(pipe, PIPE_BROKEN);
		pipe->dispatching = false;
		if (pipe->freed)
			pipe_destroy(pipe);
		return;
	}
	if (imsgbuf_write(pipe->buf) == -1)
		return;
	if (imsgbuf_pending(pipe->buf) > 0)
		event_add(pipe->write, NULL);
	else if (pipe->drained != NULL)
		pipe->drained(pipe->arg);
}

void
pipe_on_drain(struct pipe *pipe, void (*drained)(void *))
{
	pipe->drained = drained;
}

void
pipe_send(struct pipe *pipe, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	if (imsg_compose(pipe->buf, type, id, fd, data, len) == -1) {
		pipe->overflow = true;
		if (!pipe->dead)
			event_active(pipe->write, EV_WRITE, 0);
	} else if (!pipe->dead)
		event_add(pipe->write, NULL);
}

size_t
pipe_pending(const struct pipe *pipe)
{
	return imsgbuf_pending(pipe->buf);
}

void
pipe_flush(struct pipe *pipe)
{
	imsgbuf_write(pipe->buf);
}
