/*
 * A password file and, while it is being changed, one beside it
 * (hardened-protocol 7): FILE.next has the password to come, FILE.prev the
 * former one. Each step is a rename, so that after a crash the files show the
 * step before or the one after; what a caller was told is done is on disk.
 * Several daemons may have the same file.
 */
#ifndef PARENT_PASSWORD_FILES_H
#define PARENT_PASSWORD_FILES_H

#include "weaved/parent/password.h"

/* Appended to the path of the password; at most so long with NUL. */
#define PASSWORD_FILES_SUFFIX_MAX 6

enum password_file {
	PASSWORD_NOW,
	PASSWORD_NEXT,
	PASSWORD_PREV,
	PASSWORD_FILES
};

struct password_files {
	char directory[PATH_MAX];
	char base[NAME_MAX + 1];
	int fd; /* of the directory, locked */
	struct password *file[PASSWORD_FILES]; /* NULL: not there */
};

/*
 * Locks and reads them. False: error says why, as another daemon holds them
 * or one of them can not be used; then nothing is to be closed.
 */
bool password_files_open(
    struct password_files *files, const char *path, char error[CONF_ERROR_MAX]);
/* Unlocks and wipes. */
void password_files_close(struct password_files *files);
/* Path of one of them, for people. */
void password_files_path(
    const char *path, enum password_file which, char *text, size_t size);

/*
 * Can files beside it be made and renamed over it? Not in a directory that is
 * read-only or of somebody else, and not if it is a symbolic link, as in a
 * mounted Secret, which another program puts in place.
 */
bool password_files_writable(const char *path);

/* All three: false, and error says why. What they do is on disk then. */
bool password_files_write(struct password_files *files,
    enum password_file which, const struct password *password,
    char error[CONF_ERROR_MAX]);
/* One that is there takes the place of the password. */
bool password_files_promote(struct password_files *files,
    enum password_file which, char error[CONF_ERROR_MAX]);
bool password_files_remove(struct password_files *files,
    enum password_file which, char error[CONF_ERROR_MAX]);
/*
 * After a crash, or what a hand left: a half-written file goes, and so does
 * one beside the password that is equal to it.
 */
bool password_files_clean(
    struct password_files *files, char error[CONF_ERROR_MAX]);

#endif
