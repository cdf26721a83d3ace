/*
 * The state directory: its lock, the peer's name, the direct peers that
 * the operator added while running, and what IPAM keeps. Files are replaced atomically.
 */
#ifndef PARENT_STATE_H
#define PARENT_STATE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/ctl.h"
#include "weaved/parent/conf.h"

struct state;
struct rotate_mesh_record;

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

/*
 * Addresses of the host, at most CTL_EXPOSE_MAX; n: how many. -1 without a
 * file: never was any.
 */
int state_load_exposed(const struct state *state,
    struct ctl_expose exposed[CTL_EXPOSE_MAX], size_t *n);
int state_save_exposed(
    const struct state *state, const struct ctl_expose *exposed, size_t n);

/* Of a rotation over the mesh; zeros without a file. */
void state_load_rotation(const struct state *state, bool hardened,
    struct rotate_mesh_record *record);
int state_save_rotation(const struct state *state, bool hardened,
    const struct rotate_mesh_record *record);

/*
 * What IPAM keeps, whose bytes are not looked into. To be freed; NULL with
 * errno ENOENT: none, EFBIG: more than max, or else.
 */
uint8_t *state_load_ipam(const struct state *state, size_t max, size_t *len);
/* 0 when it is on disk, or -1 with errno: then the old file is still there. */
int state_save_ipam(const struct state *state, const uint8_t *data, size_t len);
/*
 * The UID of the cluster's list in which this peer was last, empty if none.
 * 0, or -1 with errno.
 */
void state_load_list(const struct state *state, char *uid, size_t size);
int state_save_list(const struct state *state, const char *uid);
/* Renames it to ipam.damaged. */
int state_set_ipam_aside(const struct state *state);

/*
 * Removes all files, and the directory if nothing else is in it; nothing can
 * be kept afterwards.
 */
void state_erase(const struct state *state, const char *directory);

#endif
