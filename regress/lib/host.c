/*
 * The daemon of a host: started, stopped, and asked by weavectl.
 */
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/net.h"
#include "regress/lib/process.h"
#include "regress/lib/weaver.h"

#define ARGS_MAX (2 * NET_OPTIONS_MAX + NET_HOSTS_MAX + 8)
#define OUTPUT_MAX (1 << 20)

static void host_environment(struct host *);
static void host_write_password(struct host *);
static size_t host_arguments(struct host *, const char **);
static void host_exec(struct host *, const char **) __attribute__((noreturn));
static bool host_answers(struct host *);
static size_t host_read_log(struct host *, char *, size_t);

void
host_option(struct host *host, const char *key, const char *fmt, ...)
{
	char *value, *option;
	va_list ap;
	size_t i;

	va_start(ap, fmt);
	ATF_REQUIRE(vasprintf(&value, fmt, ap) != -1);
	va_end(ap);
	ATF_REQUIRE(asprintf(&option, "%s=%s", key, value) != -1);
	free(value);
	for (i = 0; i < host->noptions; i++)
		if (strncmp(host->options[i], option, strlen(key) + 1) == 0)
			break;
	ATF_REQUIRE(i < NET_OPTIONS_MAX);
	if (i == host->noptions)
		host->noptions++;
	else
		free(host->options[i]);
	host->options[i] = option;
}

void
host_peer(struct host *host, const char *address)
{
	ATF_REQUIRE(host->npeers < NET_HOSTS_MAX);
	ATF_REQUIRE((host->peers[host->npeers++] = strdup(address)) != NULL);
}

/* NET_OPTIONS, "key=value key=value": options for all hosts of a test. */
static void
host_environment(struct host *host)
{
	const char *text = getenv("NET_OPTIONS");
	char *words, *word, *rest, *value;

	if (text == NULL)
		return;
	ATF_REQUIRE((words = rest = strdup(text)) != NULL);
	while ((word = strsep(&rest, " ")) != NULL) {
		if ((value = strchr(word, '=')) == NULL)
			continue;
		*value++ = '\0';
		host_option(host, word, "%s", value);
	}
	free(words);
}

void
host_defaults(struct host *host)
{
	host_option(host, "name", "%s", host->name);
	host_option(host, "nickname", "host%d", host->number);
	host_option(host, "control-socket", "%s/ctl", host->directory);
	host_option(host, "state-directory", "%s/state", host->directory);
	host_option(host, "log", "debug");
	host_environment(host);
}

static void
host_write_password(struct host *host)
{
	char path[160], text[80];

	if (host->password[0] == '\0') {
		host_option(host, "encryption", "none");
		return;
	}
	snprintf(path, sizeof(path), "%s/password", host->directory);
	snprintf(text, sizeof(text), "%s\n", host->password);
	net_write_file(path, text);
	host_option(host, "password-file", "%s", path);
}

static size_t
host_arguments(struct host *host, const char **args)
{
	size_t i, n = 0;

	args[n++] = net_program("weaved");
	args[n++] = "-d";
	if (host->file != NULL) {
		args[n++] = "-f";
		args[n++] = host->file;
	}
	for (i = 0; i < host->noptions; i++) {
		args[n++] = "-o";
		args[n++] = host->options[i];
	}
	for (i = 0; i < host->npeers; i++)
		args[n++] = host->peers[i];
	args[n] = NULL;
	return n;
}

static void
host_exec(struct host *host, const char **args)
{
	static char *environment[] = {
	    (char *)(uintptr_t) "PATH=/usr/sbin:/usr/bin:/sbin:/bin",
	    (char *)(uintptr_t) "CHECKPOINT_DISABLE=1", NULL};
	int log, null;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	log = open(host->log, O_WRONLY | O_CREAT | O_APPEND, 0644);
	null = open("/dev/null", O_RDONLY);
	if (log == -1 || null == -1 || setns(host->ns, CLONE_NEWNET) == -1)
		_exit(126);
	if (host->kind == HOST_WEAVER &&
	    (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1 ||
		mount("proc", "/proc", "proc", 0, NULL) == -1))
		_exit(126);
	dup2(null, 0);
	dup2(log, 1);
	dup2(log, 2);
	close_range(3, ~0U, 0);
	if (chdir(host->directory) == -1)
		_exit(126);
	execve(args[0], (char *const *)(uintptr_t)args, environment);
	_exit(127);
}

void
host_launch(struct host *host)
{
	unsigned long flags = SIGCHLD;
	const char *args[ARGS_MAX];
	FILE *f;
	long pid;

	ATF_REQUIRE_MSG(host->pid == 0, "host%d runs already", host->number);
	if (host->kind == HOST_WEAVER) {
		weaver_arguments(host, args, ARGS_MAX);
		flags |= CLONE_NEWPID | CLONE_NEWNS;
	} else {
		host_write_password(host);
		host_arguments(host, args);
	}
	if ((f = fopen(host->log, "ae")) != NULL) {
		fseek(f, 0, SEEK_END);
		host->log_start = ftell(f);
		fclose(f);
	}
	fflush(NULL);
	pid = syscall(SYS_clone, flags, NULL, NULL, NULL, NULL);
	ATF_REQUIRE_MSG(pid != -1, "clone: %s", strerror(errno));
	if (pid == 0)
		host_exec(host, args);
	host->pid = (pid_t)pid;
}

void
host_start(struct host *host)
{
	host_launch(host);
	NET_WAIT(20, host_answers(host));
}

static bool
host_answers(struct host *host)
{
	json_t *status;

	if (host_ended(host) != -1)
		atf_tc_fail("host%d: the daemon ended", host->number);
	if (host->kind == HOST_WEAVER)
		return weaver_answers(host);
	status = host_show(host, "status");
	json_decref(status);
	return status != NULL;
}

void
host_stop(struct host *host)
{
	host_kill(host, SIGTERM);
}

void
host_kill(struct host *host, int signal)
{
	ATF_REQUIRE(host->pid > 0);
	kill(host->pid, signal);
	NET_WAIT(20, host_ended(host) != -1);
}

int
host_ended(struct host *host)
{
	int status;

	if (host->pid == 0 || waitpid(host->pid, &status, WNOHANG) != host->pid)
		return host->pid == 0 ? 0 : -1;
	host->pid = 0;
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static size_t
host_read_log(struct host *host, char *buf, size_t size)
{
	size_t len;
	FILE *f;

	if ((f = fopen(host->log, "re")) == NULL)
		return 0;
	fseek(f, host->log_start, SEEK_SET);
	len = fread(buf, 1, size, f);
	fclose(f);
	return len;
}

bool
host_log_has(struct host *host, const char *text)
{
	char *buf;
	bool found;
	size_t len;

	ATF_REQUIRE((buf = malloc(OUTPUT_MAX)) != NULL);
	len = host_read_log(host, buf, OUTPUT_MAX);
	found = memmem(buf, len, text, strlen(text)) != NULL;
	free(buf);
	return found;
}

int
host_ctl(struct host *host, char *buf, size_t size, const char *command)
{
	char line[4096];
	size_t len;
	int status;
	FILE *f;

	snprintf(line, sizeof(line), "exec %s -s %s/ctl %s 2>&1",
	    net_program("weavectl"), host->directory, command);
	ATF_REQUIRE((f = popen(line, "re")) != NULL);
	len = fread(buf, 1, size - 1, f);
	buf[len] = '\0';
	status = pclose(f);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

json_t *
host_show(struct host *host, const char *command)
{
	json_t *root = NULL;
	char line[128], *buf;

	ATF_REQUIRE((buf = malloc(OUTPUT_MAX)) != NULL);
	snprintf(line, sizeof(line), "-j %s", command);
	if (host_ctl(host, buf, OUTPUT_MAX, line) == 0)
		root = json_loads(buf, 0, NULL);
	free(buf);
	return root;
}

size_t
host_connections(struct host *host, const char *state, const struct host *other)
{
	json_t *rows, *row;
	size_t i, n = 0;
	const char *text;

	if (host->kind == HOST_WEAVER)
		return weaver_connections(host, state, other);
	rows = host_show(host, "status connections");
	json_array_foreach(rows, i, row) {
		text = json_string_value(json_object_get(row, "State"));
		if (text == NULL || strcmp(text, state) != 0)
			continue;
		text = json_string_value(json_object_get(row, "Name"));
		if (other == NULL ||
		    (text != NULL && strcmp(text, other->name) == 0))
			n++;
	}
	json_decref(rows);
	return n;
}

bool
host_connected(struct host *host, const struct host *other)
{
	return host_connections(host, "established", other) == 1;
}

bool
net_full_mesh(struct net *net)
{
	size_t i, j;

	for (i = 0; i < net->nhosts; i++)
		for (j = 0; j < net->nhosts; j++)
			if (i != j &&
			    !host_connected(&net->hosts[i], &net->hosts[j]))
				return false;
	return true;
}

bool
host_has_cause(struct host *host, const char *text)
{
	json_t *rows, *row;
	bool found = false;
	const char *cause;
	size_t i;

	rows = host_show(host, "status connections");
	json_array_foreach(rows, i, row) {
		cause = json_string_value(json_object_get(row, "Cause"));
		found |= cause != NULL && strstr(cause, text) != NULL;
	}
	json_decref(rows);
	return found || host_log_has(host, text);
}

uint64_t
host_sum(struct host *host, const char *attribute)
{
	json_t *rows, *row, *value;
	uint64_t sum = 0;
	size_t i;

	rows = host_show(host, "status connections");
	json_array_foreach(rows, i, row) {
		value = json_object_get(row, attribute);
		if (value == NULL)
			value = json_object_get(
			    json_object_get(row, "Attrs"), attribute);
		sum += (uint64_t)json_integer_value(value);
	}
	json_decref(rows);
	return sum;
}

pid_t
host_process(struct host *host, const char *name)
{
	if (strcmp(name, "parent") == 0)
		return host->pid;
	return process_child(host->pid, name);
}
