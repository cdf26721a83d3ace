#include <sys/prctl.h>

#include <sodium.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/sandbox.h"

/* Log lines are lost rather than let a flood of them fill the pipe. */
#define LOG_PENDING_MAX (IMSG_QUEUE_MAX / 2)

static struct {
	enum proc_id proc;
	struct event_base *base;
	struct pipe *pipe;
	void (*last)(void);
	bool started;
} child;

static void child_log(void *, enum log_level, const char *);
static void child_pipe_ended(void *, enum pipe_end);

static const char *const names[PROC_MAX] = {
    [PROC_PARENT] = "parent",
    [PROC_ENGINE] = "engine",
    [PROC_CONTROL] = "control",
    [PROC_RESOLVER] = "resolver",
    [PROC_NETCFG] = "netcfg",
    [PROC_HTTP] = "http",
    [PROC_KUBE] = "kube",
};

const char *
proc_name(enum proc_id proc)
{
	return names[proc];
}

uint64_t
proc_now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

uint64_t
proc_slept(void)
{
	struct timespec boot;
	uint64_t now = proc_now(), since;

	clock_gettime(CLOCK_BOOTTIME, &boot);
	since = (uint64_t)boot.tv_sec * 1000 + (uint64_t)boot.tv_nsec / 1000000;
	return since > now ? since - now : 0;
}

struct event_base *
child_base(void)
{
	return child.base;
}

static void
child_log(void *arg, enum log_level level, const char *line)
{
	uint8_t data[sizeof(uint32_t) + LOG_LINE_MAX];
	uint32_t number = level;
	size_t len = strnlen(line, LOG_LINE_MAX - 1);

	(void)arg;
	if (pipe_pending(child.pipe) > LOG_PENDING_MAX)
		return;
	memcpy(data, &number, sizeof(number));
	memcpy(data + sizeof(number), line, len);
	pipe_send(child.pipe, IMSG_LOG, 0, -1, data, sizeof(number) + len);
	if (level == LOGLEVEL_ERROR)
		pipe_flush(child.pipe);
}

/* The parent is gone, or we no longer understand it: nothing is left to do. */
static void
child_pipe_ended(void *arg, enum pipe_end end)
{
	(void)arg;
	if (child.last != NULL)
		child.last();
	exit(end == PIPE_EOF ? 0 : 1);
}

void
child_init(enum proc_id proc, const struct dispatch_entry *table,
    size_t entries, void *arg)
{
	char title[16];

	child.proc = proc;
	snprintf(title, sizeof(title), "weaved: %s", names[proc]);
	prctl(PR_SET_NAME, title);
	/* The parent alone answers to the terminal and to kill(1) of a group. */
	signal(SIGINT, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	signal(SIGPIPE, SIG_IGN);
	if (sodium_init() == -1 || (child.base = event_base_new()) == NULL ||
	    (child.pipe = pipe_new(child.base, PROC_PIPE_FD, table, entries,
		 child_pipe_ended, arg)) == NULL)
		fatal("%s: cannot start", names[proc]);
	log_init(child_log, NULL);
}

void
child_run(void)
{
	event_base_dispatch(child.base);
	fatalx("the event loop ended");
}

void
child_at_end(void (*last)(void))
{
	child.last = last;
}

void
child_send(uint32_t type, uint32_t id, const void *data, size_t len)
{
	pipe_send(child.pipe, type, id, -1, data, len);
}

void
child_distrust(enum proc_id proc)
{
	struct imsg_pipe message = {.proc = proc};

	child_send(IMSG_DISTRUST, 0, &message, sizeof(message));
}

void
child_start(void *arg, struct imsg *imsg)
{
	struct imsg_ready ready = {0};
	struct imsg_start start;

	(void)arg;
	memcpy(&start, imsg->data, sizeof(start));
	if (child.started || start.log_level > LOGLEVEL_ERROR ||
	    start.sandbox > SANDBOX_BEST_EFFORT)
		fatalx("start refused");
	child.started = true;
	log_set_level((enum log_level)start.log_level);
	if (!sandbox_enter(child.proc, (enum sandbox_policy)start.sandbox,
		start.uid, start.gid, ready.sandbox))
		fatalx("sandbox: no %s", ready.sandbox);
	ready.uid = start.uid;
	child_send(IMSG_READY, 0, &ready, sizeof(ready));
}

void
child_log_level(void *arg, struct imsg *imsg)
{
	struct imsg_log_level message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (message.level <= LOGLEVEL_ERROR)
		log_set_level((enum log_level)message.level);
}
