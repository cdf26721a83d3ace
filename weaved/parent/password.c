#include <sys/stat.h>

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/parent/password.h"

static struct password *password_check_file(int, const char *, char *);
static bool password_candidate(
    const struct conf *, size_t, struct password_place *, bool *);
static struct password *password_take_environment(
    struct password_place *, char *);
static void password_error(char *, const char *, const char *);

#define GENERATED_LEN 32

static struct password *from_environment;

struct password *
password_new(void)
{
	struct password *password = sodium_malloc(sizeof(*password));

	if (password != NULL)
		sodium_memzero(password, sizeof(*password));
	return password;
}

struct password *
password_copy(const struct password *password)
{
	struct password *copy = password_new();

	if (copy != NULL)
		*copy = *password;
	return copy;
}

struct password *
password_generate(void)
{
	uint8_t bytes[GENERATED_LEN];
	struct password *password = password_new();

	if (password == NULL)
		return NULL;
	randombytes_buf(bytes, sizeof(bytes));
	sodium_bin2base64(password->bytes, sizeof(password->bytes), bytes,
	    sizeof(bytes), sodium_base64_VARIANT_URLSAFE_NO_PADDING);
	password->len = strlen(password->bytes);
	sodium_memzero(bytes, sizeof(bytes));
	return password;
}

void
password_free(struct password *password)
{
	sodium_free(password); /* wipes */
}

void
password_init(void)
{
	char *value = getenv("WEAVE_PASSWORD");
	size_t len;

	if (value == NULL)
		return;
	len = strlen(value);
	if (len > 0 && (from_environment = password_new()) != NULL) {
		/* One too long keeps its length, for the error. */
		from_environment->len = len;
		strlcpy(from_environment->bytes, value,
		    sizeof(from_environment->bytes));
	}
	explicit_bzero(value, len);
	unsetenv("WEAVE_PASSWORD");
}

static void
password_error(char *error, const char *path, const char *what)
{
	snprintf(error, CONF_ERROR_MAX, "%.400s: %.100s", path, what);
}

static struct password *
password_check_file(int fd, const char *path, char *error)
{
	struct password *password;
	struct stat st;
	ssize_t n;

	if (fstat(fd, &st) == -1 || !S_ISREG(st.st_mode)) {
		password_error(error, path, "not a regular file");
		return NULL;
	}
	if (st.st_mode & 077) {
		password_error(
		    error, path, "password file is open to others: chmod 600");
		return NULL;
	}
	if (st.st_uid != 0 && st.st_uid != geteuid()) {
		password_error(
		    error, path, "password file must belong to root");
		return NULL;
	}
	if ((password = password_new()) == NULL) {
		password_error(error, path, strerror(errno));
		return NULL;
	}
	n = read(fd, password->bytes, sizeof(password->bytes));
	if (n > 0 && password->bytes[n - 1] == '\n')
		n--;
	if (n == -1)
		password_error(error, path, strerror(errno));
	else if (n == 0)
		password_error(error, path, "password file is empty");
	else if (n > PASSWORD_MAX)
		password_error(
		    error, path, "password is longer than 1024 bytes");
	else if (memchr(password->bytes, '\0', (size_t)n) != NULL)
		password_error(error, path, "password has a NUL byte");
	else {
		password->len = (size_t)n;
		return password;
	}
	password_free(password);
	return NULL;
}

struct password *
password_read(const char *path, char error[CONF_ERROR_MAX])
{
	struct password *password;
	int fd;

	if ((fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)) == -1) {
		password_error(error, path, strerror(errno));
		return NULL;
	}
	password = password_check_file(fd, path, error);
	close(fd);
	return password;
}

/*
 * The files in order: 0 of -o, 1 credential, 2 of the configuration, 3 the
 * default. must: it was named, so it has to be there.
 */
static bool
password_candidate(const struct conf *conf, size_t rank,
    struct password_place *place, bool *must)
{
	const char *directory = getenv("CREDENTIALS_DIRECTORY");
	char *path = place->path;

	*must = true;
	path[0] = '\0';
	place->kind = PASSWORD_FILE;
	if (rank == 0 && conf->password_file_option)
		strlcpy(path, conf->password_file, sizeof(place->path));
	else if (rank == 1 && directory != NULL && directory[0] != '\0') {
		*must = false;
		place->kind = PASSWORD_CREDENTIAL;
		snprintf(path, sizeof(place->path), "%s/password", directory);
	} else if (rank == 2 && conf->password_file != NULL &&
	    !conf->password_file_option)
		strlcpy(path, conf->password_file, sizeof(place->path));
	else if (rank == 3) {
		*must = false;
		strlcpy(path, PASSWORD_PATH, sizeof(place->path));
	}
	return path[0] != '\0';
}

static struct password *
password_take_environment(struct password_place *place, char *error)
{
	place->kind = PASSWORD_ENVIRONMENT;
	strlcpy(place->path, "WEAVE_PASSWORD", sizeof(place->path));
	if (from_environment->len <= PASSWORD_MAX)
		return password_copy(from_environment);
	password_error(
	    error, place->path, "password is longer than 1024 bytes");
	return NULL;
}

struct password *
password_load(const struct conf *conf, struct password_place *place,
    char error[CONF_ERROR_MAX])
{
	bool must;

	error[0] = '\0';
	for (size_t rank = 0; rank <= 3; rank++) {
		if (rank == 1 && from_environment != NULL)
			return password_take_environment(place, error);
		if (!password_candidate(conf, rank, place, &must))
			continue;
		if (!must && access(place->path, F_OK) == -1 && errno == ENOENT)
			continue;
		return password_read(place->path, error);
	}
	place->kind = PASSWORD_NONE;
	return NULL;
}

bool
password_exists(const struct conf *conf)
{
	struct password_place place;
	bool must;

	if (from_environment != NULL)
		return true;
	for (size_t rank = 0; rank <= 3; rank++)
		if (password_candidate(conf, rank, &place, &must) &&
		    access(place.path, F_OK) == 0)
			return true;
	return false;
}

bool
password_equal(const struct password *a, const struct password *b)
{
	if (a == NULL || b == NULL)
		return a == b;
	return a->len == b->len &&
	    sodium_memcmp(a->bytes, b->bytes, a->len) == 0;
}

/* Length times the bits of the classes of characters that occur. */
unsigned int
password_bits(const struct password *password)
{
	unsigned int classes = 0, distinct = 0, per_char;
	bool seen[256] = {false};

	for (size_t i = 0; i < password->len; i++) {
		unsigned char c = (unsigned char)password->bytes[i];

		classes |= isdigit(c) ? 1 : islower(c) ? 2 : isupper(c) ? 4 : 8;
		distinct += !seen[c];
		seen[c] = true;
	}
	per_char = classes <= 1 ? 3 : classes <= 2 ? 4 : classes <= 7 ? 5 : 6;
	explicit_bzero(seen, sizeof(seen));
	if (distinct < 5)
		return distinct * per_char;
	return (unsigned int)password->len * per_char;
}
