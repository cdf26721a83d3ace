/*
 * The state directory: its lock, the peer's name, and the direct peers that
 * the operator added while running. Files are replaced atomically.
 */
#ifndef PARENT_STATE_H
#define PARENT_STATE_H

#include <stddef.h>
#include <stdint.h>

#include "weaved/parent/conf.h"

struct state;

/*
 * Creates the directory (0700) if missing and locks it. NULL and one line in
 * error, also when another daemon holds it.
 */
struct state *state_open(const char *directory, char error[CONF_ERROR_MAX]);
/* PEERNAME_UNKNOWN if none is kept. */
uint64_t state_load_name(const struct state *state);
int state_save_name(const struct state *state, uint64_t name);

/*
 * One line each; what conf_check_peer() refuses is skipped. The caller frees
 * the strings and the array. Returns their number, 0 also without a file.
 */
size_t state_load_targets(const struct state *state, char ***targets);
/* 0, or -1 with errno. */
int state_save_targets(
    const struct state *state, const char *const *targets, size_t n);

#endif
