#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "weave-net/delegate.h"

/* A plugin under way. */
struct child {
	pid_t pid;
	int in, out; /* our ends, -1: closed */
	const char *text; /* still to be written to in */
	size_t left;
	char *output;
	size_t len;
};

extern char **environ;

static int find(const char *, const char *, char[PATH_MAX]);
static int make_pipe(int[2]);
static int start(struct child *, const char *, struct cni_error *);
static void close_end(int *);
static int feed(struct child *);
static int drain(struct child *);
static int talk(struct child *);
static uint64_t now_ms(void);
static int finish(struct child *, int);
static int failed(const struct netconf *, json_t *, int, struct cni_error *);

static int
find(const char *directories, const char *name, char path[PATH_MAX])
{
	size_t len;

	for (; directories != NULL; directories += len + 1) {
		len = strcspn(directories, ":");
		if (directories[0] == '/' &&
		    snprintf(path, PATH_MAX, "%.*s/%s", (int)len, directories,
			name) < PATH_MAX &&
		    access(path, X_OK) == 0)
			return 0;
		if (directories[len] == '\0')
			break;
	}
	return -1;
}

static int
make_pipe(int ends[2])
{
	return pipe2(ends, O_CLOEXEC);
}

static void
close_end(int *fd)
{
	if (*fd != -1)
		close(*fd);
	*fd = -1;
}

static int
start(struct child *child, const char *path, struct cni_error *error)
{
	char *const arguments[] = {(char *)(uintptr_t)path, NULL};
	int in[2] = {-1, -1}, out[2] = {-1, -1}, code;
	posix_spawn_file_actions_t actions;

	if (make_pipe(in) == -1 || make_pipe(out) == -1) {
		code = errno;
		close_end(&in[0]);
		close_end(&in[1]);
		return cni_fail(error, CNI_IO, strerror(code), "pipe");
	}
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	code =
	    posix_spawn(&child->pid, path, &actions, NULL, arguments, environ);
	posix_spawn_file_actions_destroy(&actions);
	close_end(&in[0]);
	close_end(&out[1]);
	child->in = in[1];
	child->out = out[0];
	if (code == 0 && fcntl(child->in, F_SETFL, O_NONBLOCK) == 0)
		return 0;
	close_end(&child->in);
	close_end(&child->out);
	return cni_fail(
	    error, CNI_IO, strerror(code), "cannot run %.128s", path);
}

static uint64_t
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

/* One that does not read to the end is none of our business. */
static int
feed(struct child *child)
{
	ssize_t n = write(child->in, child->text, child->left);

	if (n > 0) {
		child->text += n;
		child->left -= (size_t)n;
	}
	if (child->left == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		close_end(&child->in);
	return 0;
}

static int
drain(struct child *child)
{
	ssize_t n = read(child->out, child->output + child->len,
	    DELEGATE_OUTPUT_MAX - child->len);

	if (n > 0)
		child->len += (size_t)n;
	else if (n == 0 || errno != EINTR)
		close_end(&child->out);
	return child->len == DELEGATE_OUTPUT_MAX ? -1 : 0;
}

/* -1: too long, or too much. */
static int
talk(struct child *child)
{
	uint64_t end = now_ms() + DELEGATE_SECONDS * 1000, now;
	struct pollfd fds[2];

	while (child->out != -1) {
		if ((now = now_ms()) >= end)
			return -1;
		fds[0] = (struct pollfd){.fd = child->out, .events = POLLIN};
		fds[1] = (struct pollfd){.fd = child->in, .events = POLLOUT};
		if (poll(fds, 2, (int)(end - now)) == -1)
			continue;
		if (fds[1].fd != -1 && fds[1].revents != 0)
			feed(child);
		if (fds[0].revents != 0 && drain(child) == -1)
			return -1;
	}
	return 0;
}

/* Its wait(2) status, -1: it had to be killed. */
static int
finish(struct child *child, int result)
{
	int status;

	if (result == -1)
		kill(child->pid, SIGKILL);
	close_end(&child->in);
	close_end(&child->out);
	while (waitpid(child->pid, &status, 0) == -1)
		if (errno != EINTR)
			return -1;
	return result == -1 ? -1 : status;
}

/* The error is the plugin's if it says one. */
static int
failed(const struct netconf *conf, json_t *output, int status,
    struct cni_error *error)
{
	const char *msg = NULL, *details = NULL;
	uint32_t code = 0;
	struct cni_error ignored;

	if (netconf_string(output, "msg", &msg, &ignored) == 0 &&
	    netconf_string(output, "details", &details, &ignored) == 0 &&
	    netconf_number(output, "code", INT32_MAX, &code, &ignored) == 0 &&
	    msg != NULL && code != 0)
		return cni_fail(error, (int)code, details, "%s", msg);
	return cni_fail(error, CNI_IPAM,
	    status == -1 ? "it took too long, or printed too much" : NULL,
	    "IPAM plugin %.64s failed", conf->ipam_type);
}

int
delegate_run(const struct cni_env *env, const struct netconf *conf,
    enum cni_command command, json_t **output, struct cni_error *error)
{
	struct child child = {.in = -1, .out = -1};
	char path[PATH_MAX], *input = NULL;
	int status = -1;

	*output = NULL;
	if (find(env->path, conf->ipam_type, path) == -1)
		return cni_fail(error, CNI_CONFIG, env->path,
		    "failed to find IPAM plugin \"%.64s\" in CNI_PATH",
		    conf->ipam_type);
	if (setenv("CNI_COMMAND", env_command_name(command), 1) == -1 ||
	    (input = json_dumps(conf->root, JSON_COMPACT)) == NULL ||
	    (child.output = malloc(DELEGATE_OUTPUT_MAX)) == NULL) {
		free(input);
		return cni_fail(error, CNI_IO, NULL, "no memory");
	}
	child.text = input;
	child.left = strlen(input);
	if (start(&child, path, error) == -1) {
		free(input);
		free(child.output);
		return -1;
	}
	status = finish(&child, talk(&child));
	if (child.len > 0)
		*output = json_loadb(child.output, child.len, 0, NULL);
	free(input);
	free(child.output);
	if (status == 0)
		return 0;
	failed(conf, *output, status, error);
	json_decref(*output);
	*output = NULL;
	return -1;
}
