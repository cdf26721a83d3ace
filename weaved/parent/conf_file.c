#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/parent/conf_key.h"

static int file_check(int, const char *, char[CONF_ERROR_MAX]);
static int file_read_all(
    int, const char *, char *, size_t *, char[CONF_ERROR_MAX]);

int
conf_file_read(
    const char *file, char **data, size_t *len, char error[CONF_ERROR_MAX])
{
	/* Opening a FIFO without a writer must not block. */
	int fd = open(file, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	int status;

	if (fd == -1) {
		int missing = errno == ENOENT;

		conf_error(error, "%s: %s", file, strerror(errno));
		return missing ? 1 : -1;
	}
	*data = NULL;
	if ((status = file_check(fd, file, error)) == 0) {
		if ((*data = malloc(CONF_FILE_MAX + 1)) == NULL) {
			conf_error(error, "%s: out of memory", file);
			status = -1;
		} else
			status = file_read_all(fd, file, *data, len, error);
	}
	close(fd);
	if (status == -1)
		free(*data);
	return status;
}

static int
file_check(int fd, const char *file, char error[CONF_ERROR_MAX])
{
	struct stat st;

	if (fstat(fd, &st) == -1) {
		conf_error(error, "%s: %s", file, strerror(errno));
		return -1;
	}
	if (S_ISREG(st.st_mode) || S_ISCHR(st.st_mode))
		return 0;
	conf_error(error, "%s: %s", file,
	    S_ISDIR(st.st_mode) ? "is a directory" : "is not a regular file");
	return -1;
}

static int
file_read_all(int fd, const char *file, char *data, size_t *len,
    char error[CONF_ERROR_MAX])
{
	ssize_t n;

	*len = 0;
	while (*len <= CONF_FILE_MAX &&
	    (n = read(fd, data + *len, CONF_FILE_MAX + 1 - *len)) != 0) {
		if (n == -1 && errno == EINTR)
			continue;
		if (n == -1) {
			conf_error(error, "%s: %s", file, strerror(errno));
			return -1;
		}
		*len += (size_t)n;
	}
	if (*len <= CONF_FILE_MAX)
		return 0;
	conf_error(error, "%s: larger than %u bytes", file, CONF_FILE_MAX);
	return -1;
}
