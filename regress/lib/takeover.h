/*
 * A process of the suite that was taken over: it is stopped, and what it held
 * is the test's.
 */
#ifndef REGRESS_TAKEOVER_H
#define REGRESS_TAKEOVER_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "common/imsg.h"

#define TAKEOVER_PIPES_MAX 8

struct takeover {
	pid_t pid;
	struct imsgbuf *parent; /* its end of the pipe to the parent */
	/* Its other UNIX sockets: pipes to other children, clients. */
	struct imsgbuf *others[TAKEOVER_PIPES_MAX];
	size_t nothers;
};

/* The test fails if that cannot be. */
struct takeover takeover_begin(pid_t pid);
/* Closes what the test holds; the process stays stopped. */
void takeover_end(struct takeover *takeover);
/* All bytes go out, whatever they say; false: nobody reads them any more. */
bool takeover_write(struct imsgbuf *pipe, const void *data, size_t len);
/* A whole message with as many bytes of data as len says. */
bool takeover_send(
    struct imsgbuf *pipe, uint32_t type, const void *data, size_t len);
/* The next message within some seconds; false: none, or the pipe ended. */
bool takeover_get(struct imsgbuf *pipe, struct imsg *imsg);

/* "weaved -P NAME" as a child of the test, which plays its parent. */
pid_t takeover_child(const char *name, struct imsgbuf **pipe);

#endif
