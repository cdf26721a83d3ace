/*
 * The passwords of the mesh within the parent: the one that password-file or
 * its like gives, and the one of password-hardened, each with its rotation.
 * What is accepted goes from here to the key exchanges of version 2 (keys.h)
 * and 3 (hardened.h); the engine knows serials alone.
 */
#ifndef PARENT_PASSWORDS_H
#define PARENT_PASSWORDS_H

#include <stdbool.h>

#include "common/imsg.h"
#include "weaved/parent/conf.h"
#include "weaved/parent/password.h"

enum passwords_ring {
	PASSWORDS_COMMON,
	PASSWORDS_HARDENED, /* of version 3, where it has its own */
	PASSWORDS_RINGS
};

/* As read from where they are kept, NULL: not needed. */
struct passwords_read {
	struct password *password[PASSWORDS_RINGS];
	struct password_place place[PASSWORDS_RINGS];
};

/* False: error says why, as that there is none; nothing is to be freed. */
bool passwords_read(const struct conf *conf, struct passwords_read *read,
    char error[CONF_ERROR_MAX]);
void passwords_unread(struct passwords_read *read);

/* Both take what was read over. At start, once. */
void passwords_start(struct passwords_read *read);
/* False: error says why, and what is accepted stays. */
bool passwords_reload(struct passwords_read *read, const struct conf *conf,
    char error[CONF_ERROR_MAX]);
void passwords_free(void);

/* NULL: the mesh is in the clear. */
const struct password *passwords_primary(enum passwords_ring ring);
/* Where the first of them comes from, empty: nowhere. */
const char *passwords_source(void);

/* For rotations of the whole mesh; what changes holds some time later. */
bool passwords_has(enum passwords_ring ring);
bool passwords_changing(void);
enum ctl_rotation_step passwords_step(enum passwords_ring ring);
/* As rotate_slot(): NULL: none. */
const struct password *passwords_slot(enum passwords_ring ring, size_t index);
/* A step as control may ask for it. False: error says why not. */
bool passwords_rotate(
    const struct ctl_rotate *message, char error[CONF_ERROR_MAX]);
void passwords_answer_row(uint32_t request, enum passwords_ring ring);

/* A new engine learns the serials; a new control waits for no answer. */
void passwords_start_engine(void);
void passwords_start_control(void);
/* Dispatch entry of control. */
void passwords_handle_rotate(void *arg, struct imsg *imsg);

#endif
