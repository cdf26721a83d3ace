#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/report.h"
#include "weavectl/rotate.h"

static bool take_option(const char *, struct ctl_rotate *);
static bool read_all(int, uint8_t *, size_t, size_t *);
static bool take_password(
    const char *, struct ctl_rotate *, char[ROTATE_ERROR_MAX]);
static bool check_password(
    const char *, struct ctl_rotate *, size_t, char[ROTATE_ERROR_MAX]);

static const struct {
	const char *words;
	enum ctl_rotate_action action;
} actions[] = {
    {"rotate-key", CTL_ROTATE_RUN},
    {"rotate-key status", CTL_ROTATE_STATUS},
    {"rotate-key stage", CTL_ROTATE_STAGE},
    {"rotate-key commit", CTL_ROTATE_COMMIT},
    {"rotate-key finish", CTL_ROTATE_FINISH},
    {"rotate-key abort", CTL_ROTATE_ABORT},
};

static bool
read_all(int fd, uint8_t *bytes, size_t size, size_t *len)
{
	ssize_t n;

	for (*len = 0; *len < size; *len += (size_t)n) {
		n = read(fd, bytes + *len, size - *len);
		if (n == -1 && errno == EINTR)
			n = 0;
		else if (n <= 0)
			return n == 0;
	}
	return true;
}

/* As the daemon reads a password file; path NULL: standard input. */
static bool
take_password(
    const char *path, struct ctl_rotate *message, char error[ROTATE_ERROR_MAX])
{
	int fd = path == NULL ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	const char *name = path == NULL ? "standard input" : path;
	uint8_t bytes[CTL_PASSWORD_MAX + 2]; /* room to see one too long */
	bool done;
	size_t len;

	done = fd != -1 && read_all(fd, bytes, sizeof(bytes), &len);
	if (!done)
		snprintf(error, ROTATE_ERROR_MAX, "%.300s: %s", name,
		    strerror(errno));
	if (fd != -1 && path != NULL)
		close(fd);
	if (done && len > 0 && bytes[len - 1] == '\n')
		len--;
	if (done && len <= CTL_PASSWORD_MAX)
		memcpy(message->password, bytes, len);
	explicit_bzero(bytes, sizeof(bytes));
	return done && check_password(name, message, len, error);
}

static bool
check_password(const char *name, struct ctl_rotate *message, size_t len,
    char error[ROTATE_ERROR_MAX])
{
	const char *why = NULL;

	if (len == 0)
		why = "the password is empty";
	else if (len > CTL_PASSWORD_MAX)
		why = "the password is longer than 1024 bytes";
	else if (memchr(message->password, '\0', len) != NULL)
		why = "the password has a NUL byte";
	message->length = why == NULL ? (uint16_t)len : 0;
	if (why != NULL)
		snprintf(error, ROTATE_ERROR_MAX, "%.300s: %s", name, why);
	return why == NULL;
}

static bool
take_option(const char *argument, struct ctl_rotate *message)
{
	if (strcmp(argument, "--hardened") == 0)
		message->hardened = 1;
	else if (strcmp(argument, "--mesh") == 0)
		message->mesh = 1;
	else if (strcmp(argument, "--force") == 0)
		message->force = 1;
	else
		return false;
	return true;
}

const char *
rotate_row(void *report, uint32_t type, const void *data, size_t len)
{
	static const char *const steps[CTL_NODE_STEP_MAX] = {
	    "before", "staged", "committed", "finished"};
	char name[PEERNAME_STRLEN];
	struct ctl_rotation_node row;

	if (type != CTL_ROTATION_NODE || len != sizeof(row))
		return report_add(report, type, data, len);
	memcpy(&row, data, sizeof(row));
	if (!row.progress)
		return report_add(report, type, data, len);
	if (row.step < CTL_NODE_STEP_MAX)
		fprintf(stderr, "%s: %s\n", peername_format(row.peer, name),
		    steps[row.step]);
	return NULL;
}

enum rotate_parsed
rotate_parse(const struct command *command, char *const *arguments,
    struct ctl_rotate *message, char error[ROTATE_ERROR_MAX])
{
	const char *file = NULL;
	unsigned sources = 0;
	bool input = false;

	memset(message, 0, sizeof(*message));
	for (size_t i = 0; i < sizeof(actions) / sizeof(actions[0]); i++)
		if (strcmp(command->words, actions[i].words) == 0)
			message->action = actions[i].action;
	for (; *arguments != NULL; arguments++) {
		bool stage = message->action == CTL_ROTATE_STAGE ||
		    message->action == CTL_ROTATE_RUN;

		if (take_option(*arguments, message))
			continue;
		sources++;
		if (stage && strcmp(*arguments, "--generate") == 0) {
			message->generate = 1;
			continue;
		}
		if (stage && strcmp(*arguments, "-") == 0)
			input = true;
		else if (stage && strcmp(*arguments, "--file") == 0 &&
		    arguments[1] != NULL)
			file = *++arguments;
		else {
			snprintf(error, ROTATE_ERROR_MAX,
			    "%s: unexpected argument: %.100s", command->words,
			    *arguments);
			return ROTATE_USAGE;
		}
	}
	if (!message->mesh &&
	    (message->force || message->action == CTL_ROTATE_RUN)) {
		snprintf(error, ROTATE_ERROR_MAX, "%s: --mesh is missing",
		    command->words);
		return ROTATE_USAGE;
	}
	/* All nodes can go on with what one of them has. */
	if ((message->action == CTL_ROTATE_STAGE ||
		message->action == CTL_ROTATE_RUN) &&
	    sources != 1 && (!message->mesh || sources > 1)) {
		snprintf(error, ROTATE_ERROR_MAX,
		    "%s: say one of --file FILE, - and --generate",
		    command->words);
		return ROTATE_USAGE;
	}
	if ((file == NULL && !input) || take_password(file, message, error))
		return ROTATE_GOOD;
	return ROTATE_FAILED;
}
