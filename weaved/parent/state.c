#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/addr.h"
#include "common/ctl.h"
#include "common/ipnet.h"
#include "weaved/parent/rotate_mesh.h"
#include "weaved/parent/state.h"

#define STATE_NAME "name"
#define STATE_LIST "kubernetes-list"
#define STATE_TARGETS "targets"
#define STATE_EXPOSED "exposed"
#define STATE_LOCK "lock"
#define STATE_ROTATION "rotation"
#define STATE_ROTATION_HARDENED "rotation-hardened"
#define STATE_IPAM "ipam"
#define STATE_IPAM_ASIDE "ipam.damaged"

#define STATE_NO_MASQUERADE "no-masquerade"

struct state {
	int dir;
	int lock; /* held for the life of the process */
};

static int state_make_directory(const char *);
static bool state_is_private(int);
static FILE *state_read(const struct state *, const char *);
static const char *state_rotation_file(bool);
static bool state_parse_exposed(char *, struct ctl_expose *);
static int state_replace(
    const struct state *, const char *, const char *, size_t);

/* Like mkdir -p, but only the last one is private to root. */
static int
state_make_directory(const char *directory)
{
	char path[4096];

	if (strlcpy(path, directory, sizeof(path)) >= sizeof(path)) {
		errno = ENAMETOOLONG;
		return -1;
	}
	for (char *slash = path + 1; (slash = strchr(slash, '/')) != NULL;
	     slash++) {
		*slash = '\0';
		if (mkdir(path, 0755) == -1 && errno != EEXIST)
			return -1;
		*slash = '/';
	}
	if (mkdir(path, 0700) == -1 && errno != EEXIST)
		return -1;
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Who else could write there could tell us whom to dial, and our name. */
static bool
state_is_private(int dir)
{
	struct stat st;

	return fstat(dir, &st) == 0 &&
	    (st.st_uid == 0 || st.st_uid == geteuid()) &&
	    (st.st_mode & 022) == 0;
}

struct state *
state_open(const char *directory, char error[CONF_ERROR_MAX])
{
	struct state *state = calloc(1, sizeof(*state));

	if (state == NULL ||
	    (state->dir = state_make_directory(directory)) == -1) {
		snprintf(error, CONF_ERROR_MAX, "state-directory %s: %s",
		    directory, strerror(errno));
		free(state);
		return NULL;
	}
	if (!state_is_private(state->dir)) {
		snprintf(error, CONF_ERROR_MAX,
		    "state-directory %s: must belong to root and be writable "
		    "by nobody else",
		    directory);
		close(state->dir);
		free(state);
		return NULL;
	}
	state->lock = openat(state->dir, STATE_LOCK,
	    O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (state->lock == -1 || flock(state->lock, LOCK_EX | LOCK_NB) == -1) {
		snprintf(error, CONF_ERROR_MAX, "state-directory %s: %s",
		    directory,
		    errno == EWOULDBLOCK ? "in use by another weaved"
					 : strerror(errno));
		close(state->dir);
		if (state->lock != -1)
			close(state->lock);
		free(state);
		return NULL;
	}
	return state;
}

static FILE *
state_read(const struct state *state, const char *name)
{
	int fd = openat(state->dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	FILE *file;

	if (fd == -1)
		return NULL;
	if ((file = fdopen(fd, "r")) == NULL)
		close(fd);
	return file;
}

/* Whole and on disk, or as it was. */
static int
state_replace(
    const struct state *state, const char *name, const char *bytes, size_t len)
{
	char temporary[64];
	int fd, failed;

	snprintf(temporary, sizeof(temporary), "%s.new", name);
	fd = openat(state->dir, temporary,
	    O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd == -1)
		return -1;
	failed = write(fd, bytes, len) != (ssize_t)len || fsync(fd) == -1;
	close(fd);
	if (failed || renameat(state->dir, temporary, state->dir, name) == -1)
		return -1;
	return fsync(state->dir);
}

uint64_t
state_load_name(const struct state *state)
{
	FILE *file = state_read(state, STATE_NAME);
	uint64_t name = PEERNAME_UNKNOWN;
	char line[64];

	if (file == NULL)
		return PEERNAME_UNKNOWN;
	if (fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (!peername_parse(line, &name))
			name = PEERNAME_UNKNOWN;
	}
	fclose(file);
	return name;
}

int
state_save_name(const struct state *state, uint64_t name)
{
	char text[PEERNAME_STRLEN + 1];

	peername_format(name, text);
	strlcat(text, "\n", sizeof(text));
	return state_replace(state, STATE_NAME, text, strlen(text));
}

size_t
state_load_targets(const struct state *state, char ***targets)
{
	FILE *file = state_read(state, STATE_TARGETS);
	char line[CTL_TEXT_MAX], error[CONF_ERROR_MAX];
	size_t n = 0;

	*targets = NULL;
	if (file == NULL)
		return 0;
	if ((*targets = calloc(CONF_PEERS_MAX, sizeof(char *))) == NULL) {
		fclose(file);
		return 0;
	}
	while (n < CONF_PEERS_MAX && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		if (conf_check_peer(line, error) &&
		    ((*targets)[n] = strdup(line)) != NULL)
			n++;
	}
	fclose(file);
	return n;
}

int
state_save_targets(
    const struct state *state, const char *const *targets, size_t n)
{
	char *bytes = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&bytes, &len);
	int result;

	if (out == NULL)
		return -1;
	for (size_t i = 0; i < n; i++)
		fprintf(out, "%s\n", targets[i]);
	if (fclose(out) == EOF)
		return -1;
	result = state_replace(state, STATE_TARGETS, bytes, len);
	free(bytes);
	return result;
}

/* "10.32.0.1/12" or "10.32.0.1/12 no-masquerade". */
static bool
state_parse_exposed(char *line, struct ctl_expose *exposed)
{
	struct ipnet net;
	char *word;

	memset(exposed, 0, sizeof(*exposed));
	line[strcspn(line, "\n")] = '\0';
	if ((word = strchr(line, ' ')) != NULL)
		*word++ = '\0';
	if (!ipnet_parse(line, &net) || net.family != AF_INET)
		return false;
	exposed->addr = ipnet_ipv4(&net);
	exposed->len = net.len;
	exposed->no_masquerade =
	    word != NULL && strcmp(word, STATE_NO_MASQUERADE) == 0;
	return ctl_expose_ok(exposed);
}

int
state_load_exposed(const struct state *state,
    struct ctl_expose exposed[CTL_EXPOSE_MAX], size_t *n)
{
	FILE *file = state_read(state, STATE_EXPOSED);
	char line[CTL_TEXT_MAX];

	*n = 0;
	if (file == NULL)
		return -1;
	while (*n < CTL_EXPOSE_MAX && fgets(line, sizeof(line), file) != NULL)
		if (state_parse_exposed(line, &exposed[*n]))
			++*n;
	fclose(file);
	return 0;
}

int
state_save_exposed(
    const struct state *state, const struct ctl_expose *exposed, size_t n)
{
	char text[CTL_EXPOSE_MAX * CTL_TEXT_MAX] = "", net[IPNET_STRLEN];
	struct ipnet address;

	for (size_t i = 0; i < n; i++) {
		address = ipnet_from_ipv4(exposed[i].addr, exposed[i].len);
		strlcat(text, ipnet_format(&address, net), sizeof(text));
		if (exposed[i].no_masquerade)
			strlcat(text, " " STATE_NO_MASQUERADE, sizeof(text));
		strlcat(text, "\n", sizeof(text));
	}
	return state_replace(state, STATE_EXPOSED, text, strlen(text));
}

static const char *
state_rotation_file(bool hardened)
{
	return hardened ? STATE_ROTATION_HARDENED : STATE_ROTATION;
}

/* One line: id and generation, of the last finished too, finishing. */
void
state_load_rotation(
    const struct state *state, bool hardened, struct rotate_mesh_record *record)
{
	FILE *file = state_read(state, state_rotation_file(hardened));
	char id[2 * SESSION_ROTATION_LEN + 1];
	char finished[2 * SESSION_ROTATION_LEN + 1];
	unsigned long long generation, last;
	unsigned finishing;

	memset(record, 0, sizeof(*record));
	if (file == NULL)
		return;
	if (fscanf(file, "%32[0-9a-f] %llu %32[0-9a-f] %llu %u", id,
		&generation, finished, &last, &finishing) == 5 &&
	    sodium_hex2bin(record->id, sizeof(record->id), id, strlen(id), NULL,
		NULL, NULL) == 0 &&
	    sodium_hex2bin(record->finished, sizeof(record->finished), finished,
		strlen(finished), NULL, NULL, NULL) == 0) {
		record->generation = generation;
		record->finished_generation = last;
		record->finishing = finishing != 0;
	} else
		memset(record, 0, sizeof(*record));
	fclose(file);
}

int
state_save_rotation(const struct state *state, bool hardened,
    const struct rotate_mesh_record *record)
{
	char id[2 * SESSION_ROTATION_LEN + 1];
	char finished[2 * SESSION_ROTATION_LEN + 1], text[160];

	sodium_bin2hex(id, sizeof(id), record->id, sizeof(record->id));
	sodium_bin2hex(finished, sizeof(finished), record->finished,
	    sizeof(record->finished));
	snprintf(text, sizeof(text), "%s %llu %s %llu %d\n", id,
	    (unsigned long long)record->generation, finished,
	    (unsigned long long)record->finished_generation, record->finishing);
	return state_replace(
	    state, state_rotation_file(hardened), text, strlen(text));
}

uint8_t *
state_load_ipam(const struct state *state, size_t max, size_t *len)
{
	FILE *file = state_read(state, STATE_IPAM);
	uint8_t *data = NULL;
	struct stat st;
	int error = 0;

	if (file == NULL)
		return NULL;
	if (fstat(fileno(file), &st) == -1)
		error = errno;
	else if (st.st_size < 0 || (uintmax_t)st.st_size > max)
		error = EFBIG;
	else if ((data = malloc((size_t)st.st_size + 1)) == NULL)
		error = ENOMEM;
	else {
		*len = fread(data, 1, (size_t)st.st_size, file);
		if (ferror(file))
			error = errno;
	}
	fclose(file);
	if (error == 0)
		return data;
	free(data);
	errno = error;
	return NULL;
}

int
state_save_ipam(const struct state *state, const uint8_t *data, size_t len)
{
	return state_replace(state, STATE_IPAM, (const char *)data, len);
}

void
state_load_list(const struct state *state, char *uid, size_t size)
{
	FILE *file = state_read(state, STATE_LIST);

	uid[0] = '\0';
	if (file == NULL)
		return;
	if (fgets(uid, (int)size, file) == NULL)
		uid[0] = '\0';
	uid[strcspn(uid, "\n")] = '\0';
	fclose(file);
}

int
state_save_list(const struct state *state, const char *uid)
{
	char text[CTL_TEXT_MAX];

	snprintf(text, sizeof(text), "%s\n", uid);
	return state_replace(state, STATE_LIST, text, strlen(text));
}

int
state_set_ipam_aside(const struct state *state)
{
	if (renameat(state->dir, STATE_IPAM, state->dir, STATE_IPAM_ASIDE) ==
	    -1)
		return -1;
	return fsync(state->dir);
}

void
state_erase(const struct state *state, const char *directory)
{
	static const char *const names[] = {STATE_NAME, STATE_TARGETS,
	    STATE_EXPOSED, STATE_IPAM, STATE_IPAM_ASIDE, STATE_LIST,
	    STATE_LOCK};
	char temporary[64];

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		snprintf(temporary, sizeof(temporary), "%s.new", names[i]);
		unlinkat(state->dir, temporary, 0);
		unlinkat(state->dir, names[i], 0);
	}
	rmdir(directory);
}
