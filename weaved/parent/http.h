/*
 * What the parent does for http: its listening sockets, kept over its
 * restarts, and the size of processes, which no child could read.
 */
#ifndef PARENT_HTTP_H
#define PARENT_HTTP_H

#include <sys/types.h>

#include "weaved/parent/conf.h"
#include "weaved/spawn.h"

/*
 * Opens the sockets of a configuration that are not open yet. False: error
 * says which can not be, and nothing has changed.
 */
bool http_prepare(const struct conf *conf, char error[CONF_ERROR_MAX]);
/* Those prepared are the ones from now on. Did that change anything? */
bool http_commit(void);
/* Is there any? */
bool http_wanted(void);
/* All of them, to a process that is ready; it closes what it has else. */
void http_send(struct spawn *spawn);
/* While there is one: parent_send_processes() now and then. */
void http_watch(struct event_base *base);

/* KiB in memory, 0: not known. */
uint32_t process_resident(pid_t pid);

#endif
