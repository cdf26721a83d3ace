/*
 * One password of the mesh and its replacement while the mesh runs
 * (hardened-protocol 7), on this node:
 *
 *	before --stage--> staged --commit--> committed --finish--> before
 *	       <--abort--        <--abort---
 *
 *	          dials with   accepts     files
 *	before    old          old         FILE
 *	staged    old          old, new    FILE = old, FILE.next = new
 *	committed new          new, old    FILE = new, FILE.prev = old
 *
 * Where the source can not be written (a credential, a mounted Secret) the new
 * password is held in memory alone. Files are changed before memory is: what
 * was answered survives a crash. Every step may be repeated, and be found done
 * by another daemon with the same file. Time: milliseconds of CLOCK_MONOTONIC.
 */
#ifndef PARENT_ROTATE_H
#define PARENT_ROTATE_H

#include <stdbool.h>
#include <stdint.h>

#include "common/ctl.h"
#include "weaved/parent/password.h"

/* Sessions that a password made live on for so long once it is given up. */
#define ROTATE_GRACE 600000
#define ROTATE_NEVER UINT64_MAX

enum rotate_step {
	ROTATE_BEFORE,
	ROTATE_STAGED,
	ROTATE_COMMITTED
};

struct rotate;

/*
 * From the source as it was found; password is taken over. Files of a rotation
 * that a former daemon left are put in order, and followed. NULL: no memory.
 */
struct rotate *rotate_new(
    const struct password_place *place, struct password *password);
/* Wipes. NULL is fine. */
void rotate_free(struct rotate *rotate);

enum rotate_step rotate_step(const struct rotate *rotate);
const char *rotate_step_text(enum rotate_step step);
/* index 0: what is dialled with; 1: what is accepted beside it. */
struct password_slot rotate_slot(const struct rotate *rotate, size_t index);
const struct password_place *rotate_place(const struct rotate *rotate);

/*
 * The steps. False: nothing changed in this process, and error says why.
 * generated: nobody knows the password yet but the file will tell.
 */
bool rotate_stage(struct rotate *rotate, const struct password *password,
    bool generated, char error[CONF_ERROR_MAX]);
bool rotate_commit(struct rotate *rotate, char error[CONF_ERROR_MAX]);
/* The old password is given up, as by abort the new one may be. */
bool rotate_finish(
    struct rotate *rotate, uint64_t now, char error[CONF_ERROR_MAX]);
bool rotate_abort(
    struct rotate *rotate, uint64_t now, char error[CONF_ERROR_MAX]);
/*
 * The configuration was read again and the source is place with password,
 * which stays the caller's. A file that shows another step of the same
 * rotation is followed. Another password takes the place of ours at once, or,
 * if automatic, is staged and committed.
 */
bool rotate_reload(struct rotate *rotate, const struct password_place *place,
    const struct password *password, bool automatic, uint64_t now,
    char error[CONF_ERROR_MAX]);

/*
 * The serial of a password given up whose sessions are to end now, each once;
 * 0: none.
 */
uint32_t rotate_expire(struct rotate *rotate, uint64_t now);
/* When to ask for it again, or ROTATE_NEVER. */
uint64_t rotate_next(const struct rotate *rotate);

/* hardened is the caller's. */
void rotate_describe(
    const struct rotate *rotate, uint64_t now, struct ctl_rotation *row);

#endif
