#include <sys/file.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "weaved/parent/password_files.h"

#define TEMPORARY ".tmp"

static const char *const suffixes[PASSWORD_FILES] = {"", ".next", ".prev"};

static bool files_fail(
    const struct password_files *, const char *, char[CONF_ERROR_MAX]);
static bool files_split(struct password_files *, const char *);
static bool files_lock(struct password_files *, char[CONF_ERROR_MAX]);
static void files_name(
    const struct password_files *, const char *, char[NAME_MAX + 1]);
static bool files_write_bytes(int, const struct password *);

static bool
files_fail(const struct password_files *files, const char *suffix,
    char error[CONF_ERROR_MAX])
{
	snprintf(error, CONF_ERROR_MAX, "%.300s/%.100s%s: %s", files->directory,
	    files->base, suffix, strerror(errno));
	return false;
}

static bool
files_split(struct password_files *files, const char *path)
{
	char copy[PATH_MAX];

	if (strlcpy(copy, path, sizeof(copy)) >= sizeof(copy))
		return false;
	strlcpy(files->directory, dirname(copy), sizeof(files->directory));
	strlcpy(copy, path, sizeof(copy));
	return strlcpy(files->base, basename(copy), sizeof(files->base)) +
	    PASSWORD_FILES_SUFFIX_MAX <=
	    sizeof(files->base);
}

static bool
files_lock(struct password_files *files, char error[CONF_ERROR_MAX])
{
	files->fd = open(files->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (files->fd != -1 && flock(files->fd, LOCK_EX | LOCK_NB) == 0)
		return true;
	if (files->fd != -1 && errno == EWOULDBLOCK)
		snprintf(error, CONF_ERROR_MAX,
		    "%.300s: another daemon changes the password there: try "
		    "again",
		    files->directory);
	else
		files_fail(files, "", error);
	if (files->fd != -1)
		close(files->fd);
	return false;
}

bool
password_files_open(
    struct password_files *files, const char *path, char error[CONF_ERROR_MAX])
{
	char name[PATH_MAX + PASSWORD_FILES_SUFFIX_MAX];

	memset(files, 0, sizeof(*files));
	if (!files_split(files, path)) {
		errno = ENAMETOOLONG;
		return files_fail(files, "", error);
	}
	if (!files_lock(files, error))
		return false;
	for (enum password_file i = 0; i < PASSWORD_FILES; i++) {
		password_files_path(path, i, name, sizeof(name));
		if (i != PASSWORD_NOW && access(name, F_OK) == -1 &&
		    errno == ENOENT)
			continue;
		files->file[i] = password_read(name, error);
		if (files->file[i] != NULL)
			continue;
		password_files_close(files);
		return false;
	}
	return true;
}

void
password_files_close(struct password_files *files)
{
	for (enum password_file i = 0; i < PASSWORD_FILES; i++)
		password_free(files->file[i]);
	close(files->fd);
	memset(files, 0, sizeof(*files));
}

void
password_files_path(
    const char *path, enum password_file which, char *text, size_t size)
{
	snprintf(text, size, "%s%s", path, suffixes[which]);
}

bool
password_files_writable(const char *path)
{
	struct password_files files;
	struct stat st;

	return files_split(&files, path) && lstat(path, &st) == 0 &&
	    !S_ISLNK(st.st_mode) && access(files.directory, W_OK) == 0;
}

static void
files_name(const struct password_files *files, const char *suffix,
    char name[NAME_MAX + 1])
{
	snprintf(name, NAME_MAX + 1, "%s%s", files->base, suffix);
}

/* The newline is dropped when it is read; the last byte may be one, too. */
static bool
files_write_bytes(int fd, const struct password *password)
{
	uint8_t bytes[PASSWORD_MAX + 1];
	ssize_t len = (ssize_t)password->len + 1;
	bool done;

	memcpy(bytes, password->bytes, password->len);
	bytes[password->len] = '\n';
	done = write(fd, bytes, (size_t)len) == len && fsync(fd) == 0;
	sodium_memzero(bytes, sizeof(bytes));
	return done;
}

bool
password_files_write(struct password_files *files, enum password_file which,
    const struct password *password, char error[CONF_ERROR_MAX])
{
	char temporary[NAME_MAX + 1], name[NAME_MAX + 1];
	bool done;
	int fd;

	files_name(files, TEMPORARY, temporary);
	files_name(files, suffixes[which], name);
	fd = openat(files->fd, temporary,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return files_fail(files, TEMPORARY, error);
	done = fchmod(fd, 0600) == 0 && files_write_bytes(fd, password);
	if (!done)
		files_fail(files, TEMPORARY, error);
	close(fd);
	if (!done) {
		unlinkat(files->fd, temporary, 0);
		return false;
	}
	if (renameat(files->fd, temporary, files->fd, name) == -1 ||
	    fsync(files->fd) == -1)
		return files_fail(files, suffixes[which], error);
	return true;
}

bool
password_files_promote(struct password_files *files, enum password_file which,
    char error[CONF_ERROR_MAX])
{
	char from[NAME_MAX + 1];

	files_name(files, suffixes[which], from);
	if (renameat(files->fd, from, files->fd, files->base) == -1 ||
	    fsync(files->fd) == -1)
		return files_fail(files, suffixes[which], error);
	return true;
}

bool
password_files_remove(struct password_files *files, enum password_file which,
    char error[CONF_ERROR_MAX])
{
	char name[NAME_MAX + 1];

	files_name(files, suffixes[which], name);
	if ((unlinkat(files->fd, name, 0) == -1 && errno != ENOENT) ||
	    fsync(files->fd) == -1)
		return files_fail(files, suffixes[which], error);
	password_free(files->file[which]);
	files->file[which] = NULL;
	return true;
}

bool
password_files_clean(struct password_files *files, char error[CONF_ERROR_MAX])
{
	char temporary[NAME_MAX + 1];

	files_name(files, TEMPORARY, temporary);
	if (unlinkat(files->fd, temporary, 0) == -1 && errno != ENOENT)
		return files_fail(files, TEMPORARY, error);
	for (enum password_file i = PASSWORD_NEXT; i <= PASSWORD_PREV; i++)
		if (password_equal(files->file[i], files->file[PASSWORD_NOW]) &&
		    !password_files_remove(files, i, error))
			return false;
	return true;
}
