/*
 * What all children have in common: they come to life through the re-executed
 * program with one pipe, confine themselves when the parent says how, log
 * through the pipe and end with it.
 */
#ifndef WEAVED_CHILD_H
#define WEAVED_CHILD_H

#include "weaved/dispatch.h"
#include "weaved/weaved.h"

/* The entries that every child's table of the parent's messages begins with. */
#define CHILD_DISPATCH                                        \
	DISPATCH(IMSG_START, struct imsg_start, child_start), \
	    DISPATCH(IMSG_LOG_LEVEL, struct imsg_log_level, child_log_level)

/*
 * Libraries, event base, logging, the pipe. table: the parent's messages; arg
 * goes to its handlers. Leaves the process on failure.
 */
void child_init(enum proc_id proc, const struct dispatch_entry *table,
    size_t entries, void *arg);
/* Runs the loop; never returns. */
void child_run(void) __attribute__((noreturn));

struct event_base *child_base(void);
/* Called when the parent has gone, before the process ends. */
void child_at_end(void (*last)(void));
/* To the parent. */
void child_send(uint32_t type, uint32_t id, const void *data, size_t len);
/* A pipe to another child came: the parent is to restart who is behind it. */
void child_distrust(enum proc_id proc);

void child_start(void *arg, struct imsg *imsg);
void child_log_level(void *arg, struct imsg *imsg);

const char *proc_name(enum proc_id proc);
/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t proc_now(void);
/* How long this host has slept: CLOCK_BOOTTIME less CLOCK_MONOTONIC. */
uint64_t proc_slept(void);

#endif
