/*
 * What the kernel says of a process, by /proc.
 */
#ifndef REGRESS_PROCESS_H
#define REGRESS_PROCESS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#define PROCESS_CHILDREN_MAX 16

/* The child of this name ("weaved -P NAME"), 0: none. */
pid_t process_child(pid_t parent, const char *name);
size_t process_children(pid_t parent, pid_t children[PROCESS_CHILDREN_MAX]);
bool process_alive(pid_t pid); /* a zombie is not */
/* Value of a line of /proc/PID/status, "CapEff"; false: no such line. */
bool process_status(pid_t pid, const char *key, char *buf, size_t size);
/* Target of a link below /proc/PID, "root", "fd/3". */
bool process_link(pid_t pid, const char *link, char *buf, size_t size);
/* Bytes of a file below /proc/PID, "environ"; -1: not readable. */
long process_file(pid_t pid, const char *file, char *buf, size_t size);
/* Number of open descriptors whose link begins so ("socket:"); NULL: all. */
size_t process_descriptors(pid_t pid, const char *prefix);
/* How often these bytes occur in readable memory. */
size_t process_memory_has(pid_t pid, const void *bytes, size_t len);
uint64_t process_rss(pid_t pid); /* KiB */

#endif
