/*
 * Where the network's password comes from, in the order of DESIGN section 7:
 * -o password-file, WEAVE_PASSWORD, $CREDENTIALS_DIRECTORY/password,
 * password-file of the configuration, /etc/weaved/password.
 */
#ifndef PARENT_PASSWORD_H
#define PARENT_PASSWORD_H

#include <stdbool.h>
#include <stddef.h>

#include "common/ctl.h"
#include "weaved/parent/conf.h"

#define PASSWORD_PATH "/etc/weaved/password"
#define PASSWORD_MAX 1024

/* In locked memory of libsodium's, by password_load(). */
struct password {
	size_t len; /* 1 to PASSWORD_MAX */
	char bytes[PASSWORD_MAX + 2]; /* room to see one too long */
};

/*
 * Takes WEAVE_PASSWORD out of the environment, where it is wiped in place.
 * Call once, first of all; the copy is kept for password_load().
 */
void password_init(void);
/*
 * The password and in source where it came from. NULL: there is none, then
 * error is empty, or it can not be used, then error says why. password_free()
 * wipes it.
 */
struct password *password_load(const struct conf *conf,
    char source[CTL_TEXT_MAX], char error[CONF_ERROR_MAX]);
void password_free(struct password *password);
/* Is there one that encryption: none leaves unread? */
bool password_exists(const struct conf *conf);
bool password_equal(const struct password *a, const struct password *b);
/* A simple upper estimate of its strength in bits. */
unsigned int password_bits(const struct password *password);

#endif
