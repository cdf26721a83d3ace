#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/cni.h"

#define OUTPUT_MAX (1 << 20)
#define VALUE_MAX 16384

static FILE *output;
static struct cni_answer answer;

static void variable(char ***, const char *, const char *);
static char **environment(const struct cni_call *);
static void run(const struct cni_call *) __attribute__((noreturn));
static void install(const struct host *);

static void
variable(char ***end, const char *name, const char *value)
{
	if (value == NULL)
		return;
	if (asprintf((*end)++, "%s%s%s", name, name[0] != '\0' ? "=" : "",
		value) == -1)
		_exit(126);
}

static char **
environment(const struct cni_call *call)
{
	static char *list[CNI_VARIABLES_MAX + 16];
	char **end = list, path[VALUE_MAX];

	variable(&end, "PATH", "/usr/sbin:/usr/bin:/sbin:/bin");
	variable(&end, "CNI_COMMAND", call->command);
	variable(&end, "CNI_CONTAINERID", call->container);
	variable(&end, "CNI_IFNAME", call->ifname);
	variable(&end, "CNI_NETNS", call->netns);
	for (size_t i = 0; i < CNI_VARIABLES_MAX; i++)
		variable(&end, "", call->more[i]);
	if (!call->bare) {
		snprintf(path, sizeof(path), "%s/bin:%s", call->host->directory,
		    CNI_OTHERS);
		variable(&end, "CNI_PATH", path);
		snprintf(path, sizeof(path), "%s/ctl", call->host->directory);
		variable(&end, "WEAVED_CONTROL", path);
	}
	*end = NULL;
	return list;
}

static void
run(const struct cni_call *call)
{
	const char *program =
	    call->program == NULL ? "weave-net" : call->program;
	char *arguments[] = {(char *)(uintptr_t)program, NULL};
	char path[512];
	FILE *in = tmpfile();

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (in == NULL || setns(call->host->ns, CLONE_NEWNET) == -1)
		_exit(126);
	if (call->conf != NULL)
		fputs(call->conf, in);
	fflush(in);
	rewind(in);
	dup2(fileno(in), STDIN_FILENO);
	dup2(fileno(output), STDOUT_FILENO);
	close_range(3, ~0U, CLOSE_RANGE_CLOEXEC);
	if (program[0] == '/')
		snprintf(path, sizeof(path), "%s", program);
	else if (strncmp(program, "weave-", 6) == 0)
		snprintf(path, sizeof(path), "%s/bin/%s", call->host->directory,
		    program);
	else
		snprintf(path, sizeof(path), "%s/%s", CNI_OTHERS, program);
	execve(path, arguments, environment(call));
	_exit(127);
}

/* Both names of the program, in a directory of the host. */
static void
install(const struct host *host)
{
	static const char *const names[] = {"weave-net", "weave-ipam"};
	char path[256];

	snprintf(path, sizeof(path), "%s/bin", host->directory);
	if (mkdir(path, 0755) == -1)
		return;
	for (size_t i = 0; i < 2; i++) {
		snprintf(
		    path, sizeof(path), "%s/bin/%s", host->directory, names[i]);
		ATF_REQUIRE(symlink(net_program("weave-net"), path) == 0);
	}
}

pid_t
cni_start(const struct cni_call *call)
{
	pid_t pid;

	install(call->host);
	if (output != NULL)
		fclose(output);
	ATF_REQUIRE((output = tmpfile()) != NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0)
		run(call);
	return pid;
}

const struct cni_answer *
cni_wait(pid_t pid)
{
	static char buf[OUTPUT_MAX];
	const char *msg, *details;
	size_t len;
	int status;

	json_decref(answer.root);
	memset(&answer, 0, sizeof(answer));
	while (waitpid(pid, &status, 0) == -1)
		ATF_REQUIRE(errno == EINTR);
	rewind(output);
	len = fread(buf, 1, sizeof(buf), output);
	answer.status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
	answer.root = len > 0 ? json_loadb(buf, len, 0, NULL) : NULL;
	msg = cni_text(answer.root, "msg");
	details = cni_text(answer.root, "details");
	answer.code = (int)json_integer_value(cni_get(answer.root, "code"));
	snprintf(answer.msg, sizeof(answer.msg), "%s%s%s",
	    msg == NULL ? "" : msg, details == NULL ? "" : "; ",
	    details == NULL ? "" : details);
	return &answer;
}

const struct cni_answer *
cni_run(const struct cni_call *call)
{
	return cni_wait(cni_start(call));
}

const char *
cni_netns(int ns)
{
	static char paths[64][64];
	char *path = paths[ns % 64];

	snprintf(path, sizeof(paths[0]), "%s", net_path(ns));
	return path;
}

struct pod *
cni_pod(struct host *host, const char *container)
{
	struct net *net = host->net;
	const struct cni_answer *got;
	struct cni_call call = {.host = host,
	    .command = "ADD",
	    .container = container,
	    .ifname = "eth0",
	    .conf = CNI_CONF};
	struct pod *pod;

	ATF_REQUIRE(net->npods < NET_PODS_MAX);
	pod = &net->pods[net->npods++];
	pod->net = net;
	pod->host = host;
	pod->number = (int)net->npods;
	pod->mtu = 1376;
	pod->ns = net_namespace(net);
	call.netns = cni_netns(pod->ns);
	got = cni_run(&call);
	ATF_REQUIRE_MSG(got->status == 0, "ADD: %s", got->msg);
	ATF_REQUIRE(sscanf(cni_text(got->root, "ips.0.address"), "%15[^/]",
			pod->address) == 1);
	ATF_REQUIRE(
	    sscanf(cni_text(got->root, "interfaces.2.mac"),
		"%hhx:%hhx:%hhx:%hhx:%hhx:%hhx", &pod->mac[0], &pod->mac[1],
		&pod->mac[2], &pod->mac[3], &pod->mac[4], &pod->mac[5]) == 6);
	return pod;
}

const json_t *
cni_get(const json_t *root, const char *path)
{
	char key[64];
	size_t len;

	while (root != NULL && *path != '\0') {
		len = strcspn(path, ".");
		snprintf(key, sizeof(key), "%.*s", (int)len, path);
		root = json_is_array(root)
		    ? json_array_get(root, (size_t)atoi(key))
		    : json_object_get(root, key);
		path += len + (path[len] == '.');
	}
	return root;
}

const char *
cni_text(const json_t *root, const char *path)
{
	return json_string_value(cni_get(root, path));
}
