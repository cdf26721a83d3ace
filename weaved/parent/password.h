/*
 * Where the network's password comes from, in the order of DESIGN section 7:
 * -o password-file, WEAVE_PASSWORD, $CREDENTIALS_DIRECTORY/password,
 * password-file of the configuration, /etc/weaved/password.
 */
#ifndef PARENT_PASSWORD_H
#define PARENT_PASSWORD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/parent/conf.h"

#define PASSWORD_PATH "/etc/weaved/password"
#define PASSWORD_MAX 1024

/* In locked memory of libsodium's, by password_load(). */
struct password {
	size_t len; /* 1 to PASSWORD_MAX */
	char bytes[PASSWORD_MAX + 2]; /* room to see one too long */
};

enum password_kind {
	PASSWORD_NONE,
	PASSWORD_FILE,
	PASSWORD_CREDENTIAL, /* systemd's: a copy that it makes at start */
	PASSWORD_ENVIRONMENT
};

#define PASSWORD_SLOTS 2 /* dialled with, and accepted beside it */

/* One that is accepted; its serial tells it from others in this process. */
struct password_slot {
	const struct password *password; /* NULL: none, serial 0 */
	uint32_t serial;
};

/* Where a password comes from. */
struct password_place {
	enum password_kind kind;
	char path[PATH_MAX]; /* or the name of the variable */
};

/*
 * Takes WEAVE_PASSWORD out of the environment, where it is wiped in place.
 * Call once, first of all; the copy is kept for password_load().
 */
void password_init(void);
/*
 * The password and where it came from. NULL: there is none, then error is
 * empty, or it can not be used, then error says why. password_free() wipes it.
 */
struct password *password_load(const struct conf *conf,
    struct password_place *place, char error[CONF_ERROR_MAX]);
/* The same of one file. */
struct password *password_read(const char *path, char error[CONF_ERROR_MAX]);
/* Zeroed, or NULL; a copy, or NULL. */
struct password *password_new(void);
struct password *password_copy(const struct password *password);
/* 256 bits from the kernel as 43 characters; NULL: no memory. */
struct password *password_generate(void);
void password_free(struct password *password);
/* Is there one that encryption: none leaves unread? */
bool password_exists(const struct conf *conf);
bool password_equal(const struct password *a, const struct password *b);
/* A simple upper estimate of its strength in bits. */
unsigned int password_bits(const struct password *password);

#endif
