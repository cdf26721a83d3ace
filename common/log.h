/*
 * Logging. A process says where its lines go: the parent to standard error or
 * syslog, a child through its pipe to the parent, a test or tool to stderr.
 */
#ifndef COMMON_LOG_H
#define COMMON_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level {
	LOGLEVEL_DEBUG,
	LOGLEVEL_INFO,
	LOGLEVEL_WARNING,
	LOGLEVEL_ERROR
};

#define LOG_LINE_MAX 1024 /* bytes of one line with NUL; longer is cut */

/* Called with one line without newline; must not log. */
typedef void (*log_sink)(void *arg, enum log_level level, const char *line);

/* Before the first call lines go to standard error. */
void log_init(log_sink sink, void *arg);
/* Prefix of this process's own lines, "NAME: "; NULL: none. */
void log_set_origin(const char *origin);
void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* Returns -1 if text is no level, else the level. */
int log_parse_level(const char *text);
const char *log_level_name(enum log_level level);

void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
/* Appends ": " and the text of errno. */
void log_warn_errno(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* A line of another process, under its name. */
void log_forward(enum log_level level, const char *origin, const char *line);

/* Process heads only: log, then leave with status 1. */
void fatalx(const char *fmt, ...)
    __attribute__((noreturn, format(printf, 1, 2)));
void fatal(const char *fmt, ...) /* with errno */
    __attribute__((noreturn, format(printf, 1, 2)));

/*
 * At most one line a second for one subject that hostile input can trigger;
 * zero-initialise one per peer or kind. now in milliseconds. True: log, and
 * *suppressed says how many were swallowed before.
 */
struct log_limit {
	uint64_t next;
	uint32_t suppressed;
};
bool log_limit_pass(
    struct log_limit *limit, uint64_t now, uint32_t *suppressed);

#endif
