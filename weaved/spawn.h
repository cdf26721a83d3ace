/*
 * The parent's side of its children: start, supervise, restart, stop. A child
 * is given work only after it reported its sandbox.
 */
#ifndef WEAVED_SPAWN_H
#define WEAVED_SPAWN_H

#include <event2/event.h>

#include "weaved/dispatch.h"
#include "weaved/sandbox.h"
#include "weaved/weaved.h"

/*
 * The entries that the parent's table for each child begins with; arg of all
 * handlers is the struct spawn of that child.
 */
#define SPAWN_DISPATCH                                                       \
	{IMSG_LOG, sizeof(uint32_t), sizeof(uint32_t) + LOG_LINE_MAX, false, \
	    spawn_handle_log},                                               \
	    DISPATCH(IMSG_READY, struct imsg_ready, spawn_handle_ready)

struct spawn;

struct spawn_ops {
	const struct dispatch_entry *table;
	size_t entries;
	/* The child is confined: hand it what it needs. */
	void (*ready)(struct spawn *spawn);
	/* It is gone; it will be started again. */
	void (*gone)(struct spawn *spawn);
};

struct spawn_conf {
	uint32_t uid;
	uint32_t gid;
	enum sandbox_policy policy;
};

/* Never freed: a process of the suite is as long-lived as the parent. */
struct spawn *spawn_new(struct event_base *base, enum proc_id proc,
    const struct spawn_conf *conf, const struct spawn_ops *ops);
/*
 * Starts it now, also after spawn_stop(); later deaths are followed by
 * restarts. 0 or -1 with errno.
 */
int spawn_start(struct spawn *spawn);
/* A process ended (waitpid). True if it was this child. */
bool spawn_reap(struct spawn *spawn, pid_t pid, int status);
/* Ends it for good: closes its pipe. */
void spawn_stop(struct spawn *spawn);
/* It sent what it must not: kill it, a new one follows. */
void spawn_distrust(struct spawn *spawn);
void spawn_kill(struct spawn *spawn);
bool spawn_running(const struct spawn *spawn);
/* Its first one refused to run: so will the next. */
bool spawn_hopeless(const struct spawn *spawn);
bool spawn_was_ready(const struct spawn *spawn);

/* NULL unless the child is ready. */
struct pipe *spawn_pipe(struct spawn *spawn);
/* Does nothing, but close fd, unless the child is ready. */
void spawn_send(struct spawn *spawn, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len);
void spawn_describe(const struct spawn *spawn, struct ctl_process *row);

void spawn_handle_log(void *arg, struct imsg *imsg);
void spawn_handle_ready(void *arg, struct imsg *imsg);

#endif
