/*
 * The steps of a password's rotation, and a crash at each operation on the
 * files: fsync(2), renameat(2) and unlinkat(2) are ours here and end the
 * process before or after the real one.
 */
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/parent/password_files.h"
#include "weaved/parent/rotate.h"

#define CRASHED 42
#define OLD "the old one"
#define NEW "the new one"
#define THIRD "a third one"

static unsigned crash_at; /* this operation from now on; 0: none */

static void crash_point(void);
static void write_file(const char *, const char *);
static bool file_has(const char *, const char *);
static bool exists(const char *);
static struct password *password_of(const char *);
static bool has(const struct rotate *, size_t, const char *);
static struct rotate *start(enum password_kind);
static struct rotate *restart(struct rotate *);
static bool stage(struct rotate *, const char *, char *);
static void require_stage(struct rotate *, const char *);
static void require_commit(struct rotate *);
static void require_finish(struct rotate *);
static void require_abort(struct rotate *);
static void check_state(
    const struct rotate *, enum rotate_step, const char *, const char *);
static void check_files(const char *, const char *, const char *);
static bool reload(struct rotate *, bool, char *);

static void
crash_point(void)
{
	if (crash_at > 0 && --crash_at == 0)
		_exit(CRASHED);
}

int
fsync(int fd)
{
	int result;

	crash_point();
	result = (int)syscall(SYS_fsync, fd);
	crash_point();
	return result;
}

int
renameat(int from, const char *old, int to, const char *new)
{
	int result;

	crash_point();
	result = (int)syscall(SYS_renameat2, from, old, to, new, 0);
	crash_point();
	return result;
}

int
unlinkat(int fd, const char *path, int flags)
{
	int result;

	crash_point();
	result = (int)syscall(SYS_unlinkat, fd, path, flags);
	crash_point();
	return result;
}

static void
write_file(const char *name, const char *text)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

static bool
exists(const char *name)
{
	return access(name, F_OK) == 0;
}

/* NULL: it is not there. Where it is, it is private. */
static bool
file_has(const char *name, const char *text)
{
	char error[CONF_ERROR_MAX];
	struct password *password, *want;
	struct stat st;
	bool same;

	if (text == NULL || !exists(name))
		return text == NULL && !exists(name);
	ATF_CHECK(stat(name, &st) == 0 && (st.st_mode & 0777) == 0600);
	password = password_read(name, error);
	want = password_of(text);
	same = password_equal(password, want);
	password_free(password);
	password_free(want);
	return same;
}

static struct password *
password_of(const char *text)
{
	struct password *password;

	ATF_REQUIRE(sodium_init() >= 0);
	ATF_REQUIRE((password = password_new()) != NULL);
	password->len = strlen(text);
	memcpy(password->bytes, text, password->len);
	return password;
}

static bool
has(const struct rotate *rotate, size_t index, const char *text)
{
	struct password_slot slot = rotate_slot(rotate, index);
	struct password *want;
	bool same;

	ATF_CHECK((slot.password == NULL) == (slot.serial == 0));
	if (text == NULL || slot.password == NULL)
		return text == NULL && slot.password == NULL;
	want = password_of(text);
	same = password_equal(slot.password, want);
	password_free(want);
	return same;
}

/* As the daemon starts: the file is read first. */
static struct rotate *
start(enum password_kind kind)
{
	struct password_place place = {.kind = kind};
	char error[CONF_ERROR_MAX];
	struct password *password;
	struct rotate *rotate;

	ATF_REQUIRE(sodium_init() >= 0);
	ATF_REQUIRE(realpath(".", place.path) != NULL);
	strlcat(place.path, "/password", sizeof(place.path));
	password = password_read(place.path, error);
	ATF_REQUIRE_MSG(password != NULL, "%s", error);
	ATF_REQUIRE((rotate = rotate_new(&place, password)) != NULL);
	return rotate;
}

static struct rotate *
restart(struct rotate *rotate)
{
	rotate_free(rotate);
	return start(PASSWORD_FILE);
}

static bool
stage(struct rotate *rotate, const char *text, char *error)
{
	struct password *password = password_of(text);
	bool done = rotate_stage(rotate, password, false, error);

	password_free(password);
	return done;
}

static void
require_stage(struct rotate *rotate, const char *text)
{
	char error[CONF_ERROR_MAX];

	ATF_REQUIRE_MSG(stage(rotate, text, error), "%s", error);
}

static void
require_commit(struct rotate *rotate)
{
	char error[CONF_ERROR_MAX];

	ATF_REQUIRE_MSG(rotate_commit(rotate, error), "%s", error);
}

static void
require_finish(struct rotate *rotate)
{
	char error[CONF_ERROR_MAX];

	ATF_REQUIRE_MSG(rotate_finish(rotate, 0, error), "%s", error);
}

static void
require_abort(struct rotate *rotate)
{
	char error[CONF_ERROR_MAX];

	ATF_REQUIRE_MSG(rotate_abort(rotate, 0, error), "%s", error);
}

static bool
reload(struct rotate *rotate, bool automatic, char *error)
{
	struct password *password =
	    password_read(rotate_place(rotate)->path, error);
	struct password_place place = *rotate_place(rotate);
	bool done;

	ATF_REQUIRE_MSG(password != NULL, "%s", error);
	done = rotate_reload(rotate, &place, password, automatic, 0, error);
	password_free(password);
	return done;
}

static void
check_state(const struct rotate *rotate, enum rotate_step step,
    const char *first, const char *second)
{
	ATF_CHECK_EQ_MSG(step, rotate_step(rotate), "step %d in place of %d",
	    (int)rotate_step(rotate), (int)step);
	ATF_CHECK(has(rotate, 0, first));
	ATF_CHECK(has(rotate, 1, second));
}

static void
check_files(const char *now, const char *next, const char *prev)
{
	ATF_CHECK(file_has("password", now));
	ATF_CHECK(file_has("password.next", next));
	ATF_CHECK(file_has("password.prev", prev));
	ATF_CHECK(!exists("password.tmp"));
}

ATF_TC_WITHOUT_HEAD(steps);
ATF_TC_BODY(steps, tc)
{
	struct rotate *rotate;

	write_file("password", OLD "\n");
	rotate = start(PASSWORD_FILE);
	check_state(rotate, ROTATE_BEFORE, OLD, NULL);
	require_stage(rotate, NEW);
	check_state(rotate, ROTATE_STAGED, OLD, NEW);
	check_files(OLD, NEW, NULL);
	require_stage(rotate, NEW);
	rotate = restart(rotate);
	check_state(rotate, ROTATE_STAGED, OLD, NEW);
	require_commit(rotate);
	require_commit(rotate);
	check_state(rotate, ROTATE_COMMITTED, NEW, OLD);
	check_files(NEW, NULL, OLD);
	rotate = restart(rotate);
	check_state(rotate, ROTATE_COMMITTED, NEW, OLD);
	require_abort(rotate);
	check_state(rotate, ROTATE_STAGED, OLD, NEW);
	check_files(OLD, NEW, NULL);
	require_commit(rotate);
	require_finish(rotate);
	check_state(rotate, ROTATE_BEFORE, NEW, NULL);
	check_files(NEW, NULL, NULL);
	require_stage(rotate, OLD);
	require_abort(rotate);
	check_state(rotate, ROTATE_BEFORE, NEW, NULL);
	check_files(NEW, NULL, NULL);
	rotate_free(rotate);
}

/* What a newline at its end means is not lost on the way. */
ATF_TC_WITHOUT_HEAD(newline);
ATF_TC_BODY(newline, tc)
{
	struct rotate *rotate;

	write_file("password", OLD);
	rotate = start(PASSWORD_FILE);
	require_stage(rotate, "ends in a line\n");
	require_commit(rotate);
	rotate = restart(rotate);
	check_state(rotate, ROTATE_COMMITTED, "ends in a line\n", OLD);
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(wrong_order);
ATF_TC_BODY(wrong_order, tc)
{
	char error[CONF_ERROR_MAX];
	struct rotate *rotate;

	write_file("password", OLD);
	rotate = start(PASSWORD_FILE);
	ATF_CHECK(!rotate_commit(rotate, error));
	ATF_CHECK_STREQ("no new password is staged", error);
	ATF_CHECK(!rotate_finish(rotate, 0, error));
	ATF_CHECK_STREQ("there is no rotation to finish", error);
	ATF_CHECK(!rotate_abort(rotate, 0, error));
	ATF_CHECK_STREQ("there is no rotation to abort", error);
	ATF_CHECK(!stage(rotate, OLD, error));
	ATF_CHECK_STREQ("that is the password already", error);
	check_files(OLD, NULL, NULL);
	require_stage(rotate, NEW);
	ATF_CHECK(!rotate_finish(rotate, 0, error));
	ATF_CHECK_STREQ("the new password is not committed yet", error);
	ATF_CHECK(!stage(rotate, THIRD, error));
	ATF_CHECK(strstr(error, "another new password is staged") != NULL);
	require_commit(rotate);
	ATF_CHECK(!stage(rotate, THIRD, error));
	ATF_CHECK(strstr(error, "finish or abort it first") != NULL);
	check_state(rotate, ROTATE_COMMITTED, NEW, OLD);
	check_files(NEW, NULL, OLD);
	rotate_free(rotate);
}

/* Runs in a process that may end at any operation. */
enum crash_step {
	CRASH_STAGE,
	CRASH_COMMIT,
	CRASH_UNDO,
	CRASH_UNSTAGE,
	CRASH_FINISH,
	CRASH_RELOAD,
	CRASH_STEPS
};

static const struct {
	enum rotate_step from, to;
	const char *first[2], *second[2]; /* before and after */
} crash_steps[CRASH_STEPS] = {
    [CRASH_STAGE] = {ROTATE_BEFORE, ROTATE_STAGED, {OLD, OLD}, {NULL, NEW}},
    [CRASH_COMMIT] = {ROTATE_STAGED, ROTATE_COMMITTED, {OLD, NEW}, {NEW, OLD}},
    [CRASH_UNDO] = {ROTATE_COMMITTED, ROTATE_STAGED, {NEW, OLD}, {OLD, NEW}},
    [CRASH_UNSTAGE] = {ROTATE_STAGED, ROTATE_BEFORE, {OLD, OLD}, {NEW, NULL}},
    [CRASH_FINISH] = {ROTATE_COMMITTED, ROTATE_BEFORE, {NEW, NEW}, {OLD, NULL}},
    [CRASH_RELOAD] = {ROTATE_BEFORE, ROTATE_COMMITTED, {NEW, NEW}, {NULL, OLD}},
};

static void
crash_prepare(enum crash_step step)
{
	struct rotate *rotate;

	unlink("password.next");
	unlink("password.prev");
	write_file("password", OLD "\n");
	rotate = start(PASSWORD_FILE);
	if (crash_steps[step].from >= ROTATE_STAGED)
		require_stage(rotate, NEW);
	if (crash_steps[step].from == ROTATE_COMMITTED)
		require_commit(rotate);
	rotate_free(rotate);
}

static bool
crash_do(struct rotate *rotate, enum crash_step step, char *error)
{
	switch (step) {
	case CRASH_STAGE:
		return stage(rotate, NEW, error);
	case CRASH_COMMIT:
		return rotate_commit(rotate, error);
	case CRASH_FINISH:
		return rotate_finish(rotate, 0, error);
	case CRASH_RELOAD:
		return reload(rotate, true, error);
	default:
		return rotate_abort(rotate, 0, error);
	}
}

/* False: it came to the end before that operation. */
static bool
crash_run(enum crash_step step, unsigned at)
{
	char error[CONF_ERROR_MAX];
	struct rotate *rotate = start(PASSWORD_FILE);
	int status;
	pid_t pid;

	if (step == CRASH_RELOAD)
		write_file("password", NEW "\n");
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		crash_at = at;
		_exit(crash_do(rotate, step, error) ? 0 : 1);
	}
	ATF_REQUIRE(waitpid(pid, &status, 0) == pid && WIFEXITED(status));
	ATF_REQUIRE(WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == CRASHED);
	rotate_free(rotate);
	return WEXITSTATUS(status) == CRASHED;
}

/* The step before or the one after, and from there to either end. */
static void
crash_check(enum crash_step step, bool forward)
{
	struct rotate *rotate = start(PASSWORD_FILE);
	bool after = rotate_step(rotate) == crash_steps[step].to;

	check_state(rotate,
	    after ? crash_steps[step].to : crash_steps[step].from,
	    crash_steps[step].first[after], crash_steps[step].second[after]);
	ATF_CHECK(!exists("password.tmp"));
	ATF_CHECK(!exists("password.next") || !exists("password.prev"));
	if (forward && rotate_step(rotate) == ROTATE_BEFORE &&
	    has(rotate, 0, OLD))
		require_stage(rotate, NEW);
	if (forward && rotate_step(rotate) != ROTATE_BEFORE) {
		require_commit(rotate);
		require_finish(rotate);
	}
	while (!forward && rotate_step(rotate) != ROTATE_BEFORE)
		require_abort(rotate);
	check_files(forward || (step == CRASH_FINISH && after) ||
		    (step == CRASH_RELOAD && !after)
		? NEW
		: OLD,
	    NULL, NULL);
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(crashes);
ATF_TC_BODY(crashes, tc)
{
	unsigned at, total = 0;

	for (enum crash_step step = 0; step < CRASH_STEPS; step++) {
		for (int forward = 0; forward < 2; forward++) {
			for (at = 1;; at++) {
				crash_prepare(step);
				if (!crash_run(step, at))
					break;
				crash_check(step, forward);
			}
			/* At least one operation, before and after it. */
			ATF_CHECK(at > 2);
			crash_check(step, forward);
			total += at - 1;
		}
	}
	printf("%u crashes\n", total);
}

/* A torn write is in a file that nobody reads. */
ATF_TC_WITHOUT_HEAD(torn);
ATF_TC_BODY(torn, tc)
{
	struct rotate *rotate;

	write_file("password", OLD);
	write_file("password.tmp", "the n");
	rotate = start(PASSWORD_FILE);
	check_state(rotate, ROTATE_BEFORE, OLD, NULL);
	check_files(OLD, NULL, NULL);
	rotate_free(rotate);
}

/* Of no rotation that there could be: the password alone counts. */
ATF_TC_WITHOUT_HEAD(nonsense);
ATF_TC_BODY(nonsense, tc)
{
	char error[CONF_ERROR_MAX];
	struct rotate *rotate;

	write_file("password", OLD);
	write_file("password.next", NEW);
	write_file("password.prev", THIRD);
	rotate = start(PASSWORD_FILE);
	check_state(rotate, ROTATE_BEFORE, OLD, NULL);
	ATF_CHECK(!stage(rotate, NEW, error));
	ATF_CHECK(strstr(error, ".prev") != NULL);
	unlink("password.prev");
	ATF_CHECK(!stage(rotate, THIRD, error));
	ATF_CHECK(strstr(error, ".next") != NULL);
	require_stage(rotate, NEW);
	ATF_REQUIRE(chmod("password.next", 0644) == 0);
	ATF_CHECK(!rotate_commit(rotate, error));
	ATF_CHECK(strstr(error, "open to others") != NULL);
	check_state(rotate, ROTATE_STAGED, OLD, NEW);
	/* A daemon starts all the same. */
	rotate = restart(rotate);
	check_state(rotate, ROTATE_BEFORE, OLD, NULL);
	rotate_free(rotate);
}

/* Two daemons of one file, driven one after the other. */
ATF_TC_WITHOUT_HEAD(shared);
ATF_TC_BODY(shared, tc)
{
	char error[CONF_ERROR_MAX];
	struct rotate *a, *b;

	write_file("password", OLD);
	a = start(PASSWORD_FILE);
	b = start(PASSWORD_FILE);
	require_stage(a, NEW);
	ATF_CHECK(!stage(b, THIRD, error));
	require_stage(b, NEW);
	require_commit(a);
	ATF_CHECK(!rotate_abort(b, 0, error));
	ATF_CHECK_MSG(
	    strstr(error, "another daemon has committed") != NULL, "%s", error);
	require_commit(b);
	check_files(NEW, NULL, OLD);
	require_abort(b);
	require_abort(a);
	check_files(OLD, NEW, NULL);
	require_commit(b);
	require_finish(b);
	require_commit(a);
	check_files(NEW, NULL, NULL);
	ATF_CHECK(!rotate_abort(a, 0, error));
	ATF_CHECK_MSG(
	    strstr(error, "another daemon has finished") != NULL, "%s", error);
	require_finish(a);
	check_state(a, ROTATE_BEFORE, NEW, NULL);
	check_state(b, ROTATE_BEFORE, NEW, NULL);
	check_files(NEW, NULL, NULL);
	rotate_free(a);
	rotate_free(b);
}

/* A daemon that reloads follows what another one did with the file. */
ATF_TC_WITHOUT_HEAD(shared_reload);
ATF_TC_BODY(shared_reload, tc)
{
	char error[CONF_ERROR_MAX];
	uint32_t serial;
	struct rotate *a, *b;

	write_file("password", OLD);
	a = start(PASSWORD_FILE);
	b = start(PASSWORD_FILE);
	serial = rotate_slot(b, 0).serial;
	require_stage(a, NEW);
	ATF_CHECK(reload(b, false, error));
	check_state(b, ROTATE_STAGED, OLD, NEW);
	ATF_CHECK_EQ(serial, rotate_slot(b, 0).serial);
	require_commit(a);
	ATF_CHECK(reload(b, true, error));
	check_state(b, ROTATE_COMMITTED, NEW, OLD);
	ATF_CHECK_EQ(serial, rotate_slot(b, 1).serial);
	require_finish(a);
	ATF_CHECK(reload(b, true, error));
	check_state(b, ROTATE_BEFORE, NEW, NULL);
	ATF_CHECK(rotate_next(b) == ROTATE_GRACE);
	rotate_free(a);
	rotate_free(b);
}

ATF_TC_WITHOUT_HEAD(held);
ATF_TC_BODY(held, tc)
{
	char error[CONF_ERROR_MAX];
	struct rotate *rotate;
	struct password *password;

	write_file("target", OLD);
	ATF_REQUIRE(symlink("target", "password") == 0);
	rotate = start(PASSWORD_FILE);
	password = password_of(NEW);
	ATF_CHECK(!rotate_stage(rotate, password, true, error));
	ATF_CHECK(strstr(error, "nobody would know") != NULL);
	password_free(password);
	require_stage(rotate, NEW);
	require_commit(rotate);
	ATF_CHECK(!rotate_finish(rotate, 0, error));
	ATF_CHECK_MSG(
	    strstr(error, "does not hold the new password yet") != NULL, "%s",
	    error);
	check_state(rotate, ROTATE_COMMITTED, NEW, OLD);
	check_files(OLD, NULL, NULL);
	/* That the source is still behind undoes nothing. */
	ATF_CHECK(reload(rotate, true, error));
	check_state(rotate, ROTATE_COMMITTED, NEW, OLD);
	write_file("target", NEW);
	require_finish(rotate);
	check_state(rotate, ROTATE_BEFORE, NEW, NULL);
	require_stage(rotate, THIRD);
	write_file("target", THIRD);
	ATF_CHECK(reload(rotate, false, error));
	check_state(rotate, ROTATE_COMMITTED, THIRD, NEW);
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(credential);
ATF_TC_BODY(credential, tc)
{
	struct rotate *rotate;

	write_file("password", OLD);
	rotate = start(PASSWORD_CREDENTIAL);
	require_stage(rotate, NEW);
	require_commit(rotate);
	check_files(OLD, NULL, NULL);
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(environment);
ATF_TC_BODY(environment, tc)
{
	char error[CONF_ERROR_MAX];
	struct rotate *rotate;

	write_file("password", OLD);
	rotate = start(PASSWORD_ENVIRONMENT);
	ATF_CHECK(!stage(rotate, NEW, error));
	ATF_CHECK(strstr(error, "environment") != NULL);
	check_state(rotate, ROTATE_BEFORE, OLD, NULL);
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(reload_at_once);
ATF_TC_BODY(reload_at_once, tc)
{
	char error[CONF_ERROR_MAX];
	struct rotate *rotate;

	write_file("password", OLD);
	rotate = start(PASSWORD_FILE);
	write_file("password", NEW);
	ATF_CHECK_MSG(reload(rotate, false, error), "%s", error);
	check_state(rotate, ROTATE_BEFORE, NEW, NULL);
	check_files(NEW, NULL, NULL);
	require_stage(rotate, OLD);
	write_file("password", THIRD);
	ATF_CHECK(!reload(rotate, false, error));
	ATF_CHECK(!reload(rotate, true, error));
	ATF_CHECK(strstr(error, "third password") != NULL);
	check_state(rotate, ROTATE_STAGED, NEW, OLD);
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(reload_automatic);
ATF_TC_BODY(reload_automatic, tc)
{
	char error[CONF_ERROR_MAX];
	struct rotate *rotate;
	uint32_t serial;

	write_file("password", OLD);
	rotate = start(PASSWORD_FILE);
	serial = rotate_slot(rotate, 0).serial;
	write_file("password", NEW);
	ATF_CHECK_MSG(reload(rotate, true, error), "%s", error);
	check_state(rotate, ROTATE_COMMITTED, NEW, OLD);
	check_files(NEW, NULL, OLD);
	ATF_CHECK(rotate_next(rotate) == ROTATE_NEVER);
	rotate = restart(rotate);
	check_state(rotate, ROTATE_COMMITTED, NEW, OLD);
	serial = rotate_slot(rotate, 1).serial;
	/* The next one comes before anybody finished. */
	write_file("password", THIRD);
	ATF_CHECK_MSG(reload(rotate, true, error), "%s", error);
	check_state(rotate, ROTATE_COMMITTED, THIRD, NEW);
	check_files(THIRD, NULL, NEW);
	ATF_CHECK_EQ(serial, rotate_expire(rotate, ROTATE_GRACE));
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(grace);
ATF_TC_BODY(grace, tc)
{
	char error[CONF_ERROR_MAX];
	struct ctl_rotation row;
	struct rotate *rotate;
	uint32_t old, new;

	write_file("password", OLD);
	rotate = start(PASSWORD_FILE);
	old = rotate_slot(rotate, 0).serial;
	require_stage(rotate, NEW);
	new = rotate_slot(rotate, 1).serial;
	ATF_CHECK(old != 0 && new != 0 && old != new);
	require_commit(rotate);
	ATF_CHECK_EQ(new, rotate_slot(rotate, 0).serial);
	ATF_CHECK_EQ(old, rotate_slot(rotate, 1).serial);
	ATF_CHECK(rotate_next(rotate) == ROTATE_NEVER);
	ATF_CHECK(rotate_finish(rotate, 5000, error));
	ATF_CHECK_EQ(5000 + ROTATE_GRACE, rotate_next(rotate));
	rotate_describe(rotate, 5000, &row);
	ATF_CHECK_EQ(600, row.expires);
	ATF_CHECK_EQ(0, rotate_expire(rotate, 4999 + ROTATE_GRACE));
	ATF_CHECK_EQ(old, rotate_expire(rotate, 5000 + ROTATE_GRACE));
	ATF_CHECK_EQ(0, rotate_expire(rotate, 5000 + ROTATE_GRACE));
	ATF_CHECK(rotate_next(rotate) == ROTATE_NEVER);
	/* What was staged and given up goes the same way. */
	require_stage(rotate, THIRD);
	new = rotate_slot(rotate, 1).serial;
	require_abort(rotate);
	ATF_CHECK_EQ(new, rotate_expire(rotate, ROTATE_GRACE));
	rotate_free(rotate);
}

ATF_TC_WITHOUT_HEAD(describe);
ATF_TC_BODY(describe, tc)
{
	struct ctl_rotation row;
	struct rotate *rotate;

	write_file("password", OLD);
	rotate = start(PASSWORD_FILE);
	rotate_describe(rotate, 0, &row);
	ATF_CHECK_EQ(CTL_ROTATION_BEFORE, row.step);
	ATF_CHECK_STREQ(rotate_place(rotate)->path, row.source);
	ATF_CHECK_STREQ("", row.other);
	require_stage(rotate, NEW);
	rotate_describe(rotate, 0, &row);
	ATF_CHECK_EQ(CTL_ROTATION_STAGED, row.step);
	ATF_CHECK(strstr(row.other, "/password.next") != NULL);
	require_commit(rotate);
	rotate_describe(rotate, 0, &row);
	ATF_CHECK_EQ(CTL_ROTATION_COMMITTED, row.step);
	ATF_CHECK(strstr(row.other, "/password.prev") != NULL);
	rotate_free(rotate);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, steps);
	ATF_TP_ADD_TC(tp, newline);
	ATF_TP_ADD_TC(tp, wrong_order);
	ATF_TP_ADD_TC(tp, crashes);
	ATF_TP_ADD_TC(tp, torn);
	ATF_TP_ADD_TC(tp, nonsense);
	ATF_TP_ADD_TC(tp, shared);
	ATF_TP_ADD_TC(tp, shared_reload);
	ATF_TP_ADD_TC(tp, held);
	ATF_TP_ADD_TC(tp, credential);
	ATF_TP_ADD_TC(tp, environment);
	ATF_TP_ADD_TC(tp, reload_at_once);
	ATF_TP_ADD_TC(tp, reload_automatic);
	ATF_TP_ADD_TC(tp, grace);
	ATF_TP_ADD_TC(tp, describe);
	return atf_no_error();
}
