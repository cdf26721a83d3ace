/*
 * Pipes between our own processes: imsg on the event loop, each message
 * checked against a table before its handler sees it. The table is the policy.
 */
#ifndef WEAVED_DISPATCH_H
#define WEAVED_DISPATCH_H

#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>

#include "common/imsg.h"

struct dispatch_entry {
	uint32_t type;
	size_t min; /* bytes of data, both inclusive */
	size_t max;
	bool with_fd; /* a descriptor must (not) come along */
	void (*handler)(void *arg, struct imsg *imsg);
};

#define DISPATCH(type, payload, handler)                                   \
	{                                                                  \
		(type), sizeof(payload), sizeof(payload), false, (handler) \
	}
#define DISPATCH_EMPTY(type, handler)          \
	{                                      \
		(type), 0, 0, false, (handler) \
	}
#define DISPATCH_FD(type, handler)            \
	{                                     \
		(type), 0, 0, true, (handler) \
	}
#define DISPATCH_WITH_FD(type, payload, handler)                          \
	{                                                                 \
		(type), sizeof(payload), sizeof(payload), true, (handler) \
	}

enum pipe_end {
	PIPE_EOF, /* the other process is gone */
	PIPE_BROKEN /* it sent what the table does not allow */
};

struct pipe;

/*
 * Takes over fd. table is the caller's and must outlive the pipe. ended is
 * called once, from the loop, after which the pipe is silent; the owner frees
 * it (also right there). NULL with errno on failure.
 */
struct pipe *pipe_new(struct event_base *base, int fd,
    const struct dispatch_entry *table, size_t entries,
    void (*ended)(void *arg, enum pipe_end end), void *arg);
void pipe_free(struct pipe *pipe);
/*
 * Queues a message; fd -1 or handed over. A pipe whose queue is full or that
 * has ended loses the message and reports PIPE_BROKEN from the loop.
 */
void pipe_send(struct pipe *pipe, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len);
/* Messages waiting to be sent, for those who can slow down. */
size_t pipe_pending(const struct pipe *pipe);
/* drained is called from the loop each time nothing is left to be sent. */
void pipe_on_drain(struct pipe *pipe, void (*drained)(void *arg));
/* Tries to send now what is queued, for a process about to end. */
void pipe_flush(struct pipe *pipe);

/* The entry for this message, or NULL if it must not be here. */
const struct dispatch_entry *dispatch_check(const struct dispatch_entry *table,
    size_t entries, const struct imsg *imsg);

#endif
