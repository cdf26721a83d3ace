/* Where the log goes: standard error with -d, else syslog. */
#ifndef PARENT_OUTPUT_H
#define PARENT_OUTPUT_H

#include <stdbool.h>

/*
 * To standard error, each line with time and level, or under the journal
 * (JOURNAL_STREAM set) with its priority.
 */
void output_to_stderr(void);
void output_to_syslog(void);

#endif
