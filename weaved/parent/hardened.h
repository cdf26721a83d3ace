/*
 * Protocol version 3 within the parent: the key that is stretched from the
 * password, a slice per turn of the loop, and the engine's questions.
 */
#ifndef PARENT_HARDENED_H
#define PARENT_HARDENED_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/imsg.h"
#include "weaved/parent/conf.h"
#include "weaved/parent/password.h"
#include "weaved/parent/targets.h"

/* False: no memory. targets stays the caller's. */
bool hardened_init(
    uint64_t name, const struct conf *conf, const struct targets *targets);
/*
 * Stretches password (NULL: none) and takes the result for what begins from
 * then on. base NULL: at once, before there is a loop.
 */
void hardened_set_password(
    struct event_base *base, const struct password *password);
void hardened_free(void);

/* Dispatch entries of the engine; arg: its struct spawn. */
void hardened_handle_start(void *arg, struct imsg *imsg);
void hardened_handle_finish(void *arg, struct imsg *imsg);
void hardened_handle_cancel(void *arg, struct imsg *imsg);

#endif
