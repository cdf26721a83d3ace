#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vis.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/spawn.h"

/* A child that lived this long is restarted without delay. */
#define SPAWN_STEADY_MS 10000
#define SPAWN_BACKOFF_MS 100 /* second restart in a row */
#define SPAWN_BACKOFF_MAX_MS 10000
#define SPAWN_FILES_MAX 8192 /* descriptors of a child */
#define SPAWN_LOG_RATE 200 /* lines a second of a child */

struct spawn {
	enum proc_id proc;
	struct event_base *base;
	struct event *restart;
	struct spawn_conf conf;
	const struct spawn_ops *ops;
	struct pipe *pipe;
	pid_t pid;
	bool ready;
	bool was_ready; /* ever */
	bool hopeless; /* gave up before it ever was */
	bool stopped;
	uint32_t restarts;
	uint64_t started; /* ms */
	uint64_t backoff; /* ms */
	uint64_t log_window; /* ms, start of the second */
	uint32_t log_lines; /* in it */
	char sandbox[CTL_TEXT_MAX];
};

static void spawn_exec(enum proc_id, int) __attribute__((noreturn));
static void spawn_pipe_ended(void *, enum pipe_end);
static void spawn_restart(evutil_socket_t, short, void *);
static void spawn_schedule(struct spawn *);
static void spawn_raise_files(void);
static bool spawn_may_log(struct spawn *);

struct spawn *
spawn_new(struct event_base *base, enum proc_id proc,
    const struct spawn_conf *conf, const struct spawn_ops *ops)
{
	struct spawn *spawn;

	if ((spawn = calloc(1, sizeof(*spawn))) == NULL)
		return NULL;
	spawn->base = base;
	spawn->proc = proc;
	spawn->conf = *conf;
	spawn->ops = ops;
	if ((spawn->restart = evtimer_new(base, spawn_restart, spawn)) ==
	    NULL) {
		free(spawn);
		return NULL;
	}
	return spawn;
}

static void
spawn_raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1)
		return;
	limit.rlim_cur =
	    limit.rlim_max < SPAWN_FILES_MAX ? limit.rlim_max : SPAWN_FILES_MAX;
	setrlimit(RLIMIT_NOFILE, &limit);
}

/*
 * In the forked child. /proc/self/exe is the running program also after an
 * upgrade replaced the file.
 */
static void
spawn_exec(enum proc_id proc, int fd)
{
	char *const argv[] = {(char *)(uintptr_t) "weaved",
	    (char *)(uintptr_t) "-P", (char *)(uintptr_t)proc_name(proc), NULL};
	char *const envp[] = {NULL};
	sigset_t none;
	int null;

	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	spawn_raise_files();
	/* Out of the way of 0 to 3, whichever numbers they had. */
	if ((fd = fcntl(fd, F_DUPFD, 10)) == -1 ||
	    (null = open("/dev/null", O_RDWR)) == -1)
		_exit(1);
	for (int i = 0; i < PROC_PIPE_FD; i++)
		if (dup2(null, i) == -1)
			_exit(1);
	if (dup2(fd, PROC_PIPE_FD) == -1 ||
	    close_range(PROC_PIPE_FD + 1, ~0U, 0) == -1)
		_exit(1);
	execve("/proc/self/exe", argv, envp);
	_exit(1);
}

int
spawn_start(struct spawn *spawn)
{
	struct imsg_start start = {spawn->conf.uid, spawn->conf.gid,
	    spawn->conf.policy, log_get_level()};
	int pair[2];
	pid_t pid;

	spawn->stopped = false;
	if (spawn->pid > 0)
		return 0; /* its death, which must be near, starts another */
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == -1)
		return -1;
	if ((pid = fork()) == 0)
		spawn_exec(spawn->proc, pair[1]);
	close(pair[1]);
	if (pid == -1) {
		close(pair[0]);
		return -1;
	}
	spawn->pid = pid;
	spawn->ready = false;
	spawn->started = proc_now();
	spawn->pipe = pipe_new(spawn->base, pair[0], spawn->ops->table,
	    spawn->ops->entries, spawn_pipe_ended, spawn);
	if (spawn->pipe == NULL) {
		close(pair[0]);
		spawn_kill(spawn);
		return 0;
	}
	pipe_send(spawn->pipe, IMSG_START, 0, -1, &start, sizeof(start));
	return 0;
}

/* The death itself comes by SIGCHLD; one that only closed its pipe is killed. */
static void
spawn_pipe_ended(void *arg, enum pipe_end end)
{
	struct spawn *spawn = arg;

	if (end == PIPE_BROKEN)
		spawn_distrust(spawn);
	else
		spawn_kill(spawn);
}

void
spawn_kill(struct spawn *spawn)
{
	if (spawn->pid > 0)
		kill(spawn->pid, SIGKILL);
}

void
spawn_distrust(struct spawn *spawn)
{
	log_error(
	    "%s sent an invalid message, killing it", proc_name(spawn->proc));
	spawn_kill(spawn);
}

bool
spawn_reap(struct spawn *spawn, pid_t pid, int status)
{
	const char *name = proc_name(spawn->proc);

	if (pid != spawn->pid)
		return false;
	spawn->pid = 0;
	spawn->ready = false;
	pipe_free(spawn->pipe);
	spawn->pipe = NULL;
	if (spawn->stopped)
		return true;
	if (WIFSIGNALED(status))
		log_error("%s killed by signal %d (%s)", name, WTERMSIG(status),
		    strsignal(WTERMSIG(status)));
	else
		log_error(
		    "%s exited with status %d", name, WEXITSTATUS(status));
	spawn->hopeless = !spawn->was_ready && WIFEXITED(status);
	spawn->ops->gone(spawn);
	if (spawn->stopped)
		return true;
	spawn_schedule(spawn);
	return true;
}

static void
spawn_schedule(struct spawn *spawn)
{
	struct timeval delay;

	if (spawn->restarts == 0 ||
	    proc_now() - spawn->started >= SPAWN_STEADY_MS)
		spawn->backoff = 0;
	else if (spawn->backoff == 0)
		spawn->backoff = SPAWN_BACKOFF_MS;
	else if (spawn->backoff < SPAWN_BACKOFF_MAX_MS)
		spawn->backoff *= 2;
	delay.tv_sec = (time_t)(spawn->backoff / 1000);
	delay.tv_usec = (suseconds_t)(spawn->backoff % 1000 * 1000);
	evtimer_add(spawn->restart, &delay);
}

static void
spawn_restart(evutil_socket_t fd, short what, void *arg)
{
	struct spawn *spawn = arg;

	(void)fd;
	(void)what;
	if (spawn->stopped)
		return;
	spawn->restarts++;
	if (spawn_start(spawn) == -1) {
		log_warn_errno("cannot start %s", proc_name(spawn->proc));
		spawn_schedule(spawn);
	}
}

void
spawn_stop(struct spawn *spawn)
{
	spawn->stopped = true;
	spawn->ready = false;
	evtimer_del(spawn->restart);
	pipe_free(spawn->pipe);
	spawn->pipe = NULL;
}

bool
spawn_running(const struct spawn *spawn)
{
	return spawn->pid > 0;
}

bool
spawn_hopeless(const struct spawn *spawn)
{
	return spawn->hopeless;
}

bool
spawn_was_ready(const struct spawn *spawn)
{
	return spawn->was_ready;
}

struct pipe *
spawn_pipe(struct spawn *spawn)
{
	return spawn->ready ? spawn->pipe : NULL;
}

void
spawn_send(struct spawn *spawn, uint32_t type, uint32_t id, int fd,
    const void *data, size_t len)
{
	if (spawn->ready)
		pipe_send(spawn->pipe, type, id, fd, data, len);
	else if (fd != -1)
		close(fd);
}

void
spawn_describe(const struct spawn *spawn, struct ctl_process *row)
{
	memset(row, 0, sizeof(*row));
	strlcpy(row->name, proc_name(spawn->proc), sizeof(row->name));
	row->pid = (uint32_t)spawn->pid;
	row->uid = spawn->conf.uid;
	row->restarts = spawn->restarts;
	strlcpy(row->sandbox, spawn->ready ? spawn->sandbox : "starting",
	    sizeof(row->sandbox));
}

static bool
spawn_may_log(struct spawn *spawn)
{
	uint64_t now = proc_now();

	if (now - spawn->log_window >= 1000) {
		if (spawn->log_lines > SPAWN_LOG_RATE)
			log_warn("%u lines of %s not logged",
			    spawn->log_lines - SPAWN_LOG_RATE,
			    proc_name(spawn->proc));
		spawn->log_window = now;
		spawn->log_lines = 0;
	}
	return ++spawn->log_lines <= SPAWN_LOG_RATE;
}

/* The text is the child's, so it may be anything: encoded before it is kept. */
void
spawn_handle_log(void *arg, struct imsg *imsg)
{
	struct spawn *spawn = arg;
	const char *text = (const char *)imsg->data + sizeof(uint32_t);
	char line[LOG_LINE_MAX];
	uint32_t level;

	if (!spawn_may_log(spawn))
		return;
	memcpy(&level, imsg->data, sizeof(level));
	if (level > LOGLEVEL_ERROR)
		level = LOGLEVEL_ERROR;
	strnvisx(line, sizeof(line), text, imsg->len - sizeof(level),
	    VIS_OCTAL | VIS_CSTYLE);
	log_forward((enum log_level)level, proc_name(spawn->proc), line);
}

void
spawn_handle_ready(void *arg, struct imsg *imsg)
{
	struct spawn *spawn = arg;
	struct imsg_ready ready;

	memcpy(&ready, imsg->data, sizeof(ready));
	ready.sandbox[sizeof(ready.sandbox) - 1] = '\0';
	if (spawn->ready) {
		spawn_distrust(spawn);
		return;
	}
	spawn->ready = spawn->was_ready = true;
	strnvis(spawn->sandbox, ready.sandbox, sizeof(spawn->sandbox),
	    VIS_OCTAL | VIS_CSTYLE);
	log_info("%s: sandbox: %s", proc_name(spawn->proc), spawn->sandbox);
	spawn->ops->ready(spawn);
}
