#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "weaved/parent/output.h"

static void output_stderr(void *, enum log_level, const char *);
static void output_journal(void *, enum log_level, const char *);
static void output_syslog(void *, enum log_level, const char *);

static const int priorities[] = {
    [LOGLEVEL_DEBUG] = LOG_DEBUG,
    [LOGLEVEL_INFO] = LOG_INFO,
    [LOGLEVEL_WARNING] = LOG_WARNING,
    [LOGLEVEL_ERROR] = LOG_ERR,
};

static void
output_stderr(void *arg, enum log_level level, const char *line)
{
	struct timespec now;
	struct tm tm;
	char date[32];

	(void)arg;
	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
	dprintf(STDERR_FILENO, "%s.%03ldZ %s %s\n", date, now.tv_nsec / 1000000,
	    log_level_name(level), line);
}

static void
output_journal(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	dprintf(STDERR_FILENO, "<%d>%s\n", priorities[level], line);
}

static void
output_syslog(void *arg, enum log_level level, const char *line)
{
	(void)arg;
	syslog(priorities[level], "%s", line);
}

void
output_to_stderr(void)
{
	log_init(
	    getenv("JOURNAL_STREAM") != NULL ? output_journal : output_stderr,
	    NULL);
}

void
output_to_syslog(void)
{
	openlog("weaved", LOG_PID | LOG_NDELAY, LOG_DAEMON);
	log_init(output_syslog, NULL);
}
