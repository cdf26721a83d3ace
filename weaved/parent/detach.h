/*
 * Going to the background before any secret is read (a fork loses the locks on
 * memory), while who started us still learns how it went.
 */
#ifndef PARENT_DETACH_H
#define PARENT_DETACH_H

/*
 * Forks. Returns in the new process, which leads its own session; the old one
 * waits for detach_done() and ends with status 0, or with 1 if the new one
 * ends first. 0, or -1 with errno.
 */
int detach_begin(void);
/* All is well: lets go of standard input, output and error. */
void detach_done(void);

#endif
