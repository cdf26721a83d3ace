/*
 * Confinement of the processes, as tables: what each may still do once it has
 * started. DESIGN section 1 has the order of the steps.
 */
#ifndef WEAVED_SANDBOX_H
#define WEAVED_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/weaved.h"

enum sandbox_policy {
	SANDBOX_REQUIRED, /* all but Landlock must hold; that if there */
	SANDBOX_STRICT, /* Landlock too */
	SANDBOX_BEST_EFFORT /* take what there is */
};

/*
 * Confines the calling process for good. uid, gid: become these. text says
 * what holds ("uid 64783, empty root, ..."), or, on false, what does not.
 */
bool sandbox_enter(enum proc_id proc, enum sandbox_policy policy, uint32_t uid,
    uint32_t gid, char text[CTL_TEXT_MAX]);

/* The parent, first of all: no core dumps, no debuggers. 0, or -1 with errno. */
int sandbox_hide_parent(void);
/*
 * The parent, once all is open: drops from the bounding, permitted and effective set all but
 * what it needs. 0, or -1 with errno.
 */
int sandbox_limit_parent(void);

/* The system calls a process may make, for tests; NULL terminated. */
const char *const *sandbox_allowed(enum proc_id proc);

#endif
