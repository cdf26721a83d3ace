#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"

static void log_stderr(void *, enum log_level, const char *);
static void log_line(enum log_level, int, const char *, va_list)
    __attribute__((format(printf, 3, 0)));

static log_sink sink = log_stderr;
static void *sink_arg;
static const char *log_origin;
static enum log_level threshold = LOGLEVEL_INFO;

static const char *const level_names[] = {
    [LOGLEVEL_DEBUG] = "debug",
    [LOGLEVEL_INFO] = "info",
    [LOGLEVEL_WARNING] = "warning",
    [LOGLEVEL_ERROR] = "error",
};

static void
log_stderr(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	(void)level;
	fprintf(stderr, "%s\n", line);
}

void
log_init(log_sink new_sink, void *arg)
{
	sink = new_sink;
	sink_arg = arg;
}

void
log_set_origin(const char *origin)
{
	log_origin = origin;
}

void
log_forward(enum log_level level, const char *origin, const char *line)
{
	char full[LOG_LINE_MAX];

	if (level < threshold)
		return;
	snprintf(full, sizeof(full), "%s: %s", origin, line);
	sink(sink_arg, level, full);
}

void
log_set_level(enum log_level level)
{
	threshold = level;
}

enum log_level
log_get_level(void)
{
	return threshold;
}

int
log_parse_level(const char *text)
{
	for (int i = LOGLEVEL_DEBUG; i <= LOGLEVEL_ERROR; i++)
		if (strcmp(text, level_names[i]) == 0)
			return i;
	return -1;
}

const char *
log_level_name(enum log_level level)
{
	return level_names[level];
}

static void
log_line(enum log_level level, int saved_errno, const char *fmt, va_list ap)
{
	char line[LOG_LINE_MAX] = "";
	size_t used;

	if (level < threshold)
		return;
	if (log_origin != NULL)
		snprintf(line, sizeof(line), "%s: ", log_origin);
	used = strlen(line);
	vsnprintf(line + used, sizeof(line) - used, fmt, ap);
	used = strlen(line);
	if (saved_errno != 0)
		snprintf(line + used, sizeof(line) - used, ": %s",
		    strerror(saved_errno));
	sink(sink_arg, level, line);
}

void
log_debug(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOGLEVEL_DEBUG, 0, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOGLEVEL_INFO, 0, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOGLEVEL_WARNING, 0, fmt, ap);
	va_end(ap);
}

void
log_warn_errno(const char *fmt, ...)
{
	int saved_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	log_line(LOGLEVEL_WARNING, saved_errno, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOGLEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
}

void
fatal(const char *fmt, ...)
{
	int saved_errno = errno;
	va_list ap;

	va_start(ap, fmt);
	log_line(LOGLEVEL_ERROR, saved_errno, fmt, ap);
	va_end(ap);
	exit(1);
}

void
fatalx(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	log_line(LOGLEVEL_ERROR, 0, fmt, ap);
	va_end(ap);
	exit(1);
}

bool
log_limit_pass(struct log_limit *limit, uint64_t now, uint32_t *suppressed)
{
	if (now < limit->next) {
		if (limit->suppressed < UINT32_MAX)
			limit->suppressed++;
		return false;
	}
	*suppressed = limit->suppressed;
	limit->suppressed = 0;
	limit->next = now + 1000;
	return true;
}
