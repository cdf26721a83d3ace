#include <sodium.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/parent/password_files.h"
#include "weaved/parent/rotate.h"

#define DROPS_MAX 4

/* A password given up, and when its sessions end. */
struct drop {
	uint32_t serial; /* 0: free */
	uint64_t at;
};

struct rotate {
	struct password_place place;
	bool held; /* the source can not be written */
	enum rotate_step step;
	struct password *password[2]; /* [1]: NULL if there is none */
	uint32_t serial[2];
	struct drop drops[DROPS_MAX];
};

/* What the files say. */
struct found {
	enum rotate_step step;
	const struct password *first;
	const struct password *second; /* NULL: none */
};

static bool fail(char[CONF_ERROR_MAX], const char *, const char *);
static uint32_t next_serial(void);
static bool is_held(const struct password_place *);
static struct found files_say(const struct password_files *);
static void swap(struct rotate *);
static void drop(struct rotate *, size_t, uint64_t);
static bool set_second(
    struct rotate *, const struct password *, char[CONF_ERROR_MAX]);
static bool adopt(
    struct rotate *, const struct found *, uint64_t, char[CONF_ERROR_MAX]);
static bool may_stage(
    const struct rotate *, const struct password *, bool, char[CONF_ERROR_MAX]);
static bool stage_files(
    const struct rotate *, const struct password *, char[CONF_ERROR_MAX]);
static bool commit_files(const struct rotate *, char[CONF_ERROR_MAX]);
static bool undo_files(const struct rotate *, char[CONF_ERROR_MAX]);
static bool unstage_files(const struct rotate *, char[CONF_ERROR_MAX]);
static bool finish_files(const struct rotate *, char[CONF_ERROR_MAX]);
static bool source_holds_new(const struct rotate *, char[CONF_ERROR_MAX]);
static bool move_over(struct password_files *, enum password_file,
    enum password_file, const struct password *, char[CONF_ERROR_MAX]);
static void recover(struct rotate *);
static bool is_ours(const struct rotate *, const struct password *);
static bool reload_files(struct rotate *, bool, uint64_t, char[CONF_ERROR_MAX]);
static bool reload_held(struct rotate *, const struct password *, bool,
    uint64_t, char[CONF_ERROR_MAX]);
static bool may_replace(const struct rotate *, bool, char[CONF_ERROR_MAX]);
static bool replace(
    struct rotate *, const struct password *, char[CONF_ERROR_MAX]);
static bool replace_slowly(
    struct rotate *, const struct password *, uint64_t, char[CONF_ERROR_MAX]);

static bool
fail(char error[CONF_ERROR_MAX], const char *path, const char *why)
{
	snprintf(error, CONF_ERROR_MAX, "%.300s%s%s", path,
	    path[0] == '\0' ? "" : ": ", why);
	return false;
}

static uint32_t
next_serial(void)
{
	static uint32_t last;

	if (++last == 0)
		last = 1;
	return last;
}

static bool
is_held(const struct password_place *place)
{
	return place->kind != PASSWORD_FILE ||
	    !password_files_writable(place->path);
}

/* Of two beside the password the one equal to it does not count. */
static struct found
files_say(const struct password_files *files)
{
	const struct password *now = files->file[PASSWORD_NOW];
	const struct password *next = files->file[PASSWORD_NEXT];
	const struct password *prev = files->file[PASSWORD_PREV];
	struct found found = {ROTATE_BEFORE, now, NULL};

	if (password_equal(next, now))
		next = NULL;
	if (password_equal(prev, now))
		prev = NULL;
	if ((next == NULL) == (prev == NULL))
		return found;
	found.step = next != NULL ? ROTATE_STAGED : ROTATE_COMMITTED;
	found.second = next != NULL ? next : prev;
	return found;
}

struct rotate *
rotate_new(const struct password_place *place, struct password *password)
{
	struct rotate *rotate = calloc(1, sizeof(*rotate));

	if (rotate == NULL)
		return NULL;
	rotate->place = *place;
	rotate->held = is_held(place);
	rotate->password[0] = password;
	rotate->serial[0] = next_serial();
	if (!rotate->held)
		recover(rotate);
	return rotate;
}

void
rotate_free(struct rotate *rotate)
{
	if (rotate == NULL)
		return;
	password_free(rotate->password[0]);
	password_free(rotate->password[1]);
	free(rotate);
}

/* The daemon starts in any case, with the password that it read. */
static void
recover(struct rotate *rotate)
{
	struct password_files files;
	char error[CONF_ERROR_MAX];
	struct found found;

	if (!password_files_open(&files, rotate->place.path, error)) {
		log_warn("password rotation: %s", error);
		return;
	}
	if (!password_files_clean(&files, error))
		log_warn("password rotation: %s", error);
	found = files_say(&files);
	if (found.step == ROTATE_BEFORE && files.file[PASSWORD_NEXT] != NULL &&
	    files.file[PASSWORD_PREV] != NULL)
		log_warn("password rotation: %s.next and %s.prev are both "
			 "there and of no use: remove them",
		    rotate->place.path, rotate->place.path);
	if (!password_equal(found.first, rotate->password[0]))
		log_warn("password rotation: %s has just changed",
		    rotate->place.path);
	else if (found.step != ROTATE_BEFORE &&
	    set_second(rotate, found.second, error)) {
		rotate->step = found.step;
		log_info("password rotation goes on: %s",
		    rotate_step_text(found.step));
	}
	password_files_close(&files);
}

enum rotate_step
rotate_step(const struct rotate *rotate)
{
	return rotate->step;
}

struct password_slot
rotate_slot(const struct rotate *rotate, size_t index)
{
	struct password_slot slot = {
	    rotate->password[index], rotate->serial[index]};

	return slot;
}

const struct password_place *
rotate_place(const struct rotate *rotate)
{
	return &rotate->place;
}

static void
swap(struct rotate *rotate)
{
	struct password *password = rotate->password[0];
	uint32_t serial = rotate->serial[0];

	rotate->password[0] = rotate->password[1];
	rotate->serial[0] = rotate->serial[1];
	rotate->password[1] = password;
	rotate->serial[1] = serial;
}

/* If too many wait, the sessions of the first of them end earlier. */
static void
drop(struct rotate *rotate, size_t index, uint64_t now)
{
	struct drop *place = &rotate->drops[0];

	for (size_t i = 0; i < DROPS_MAX; i++) {
		if (rotate->drops[i].serial == 0) {
			place = &rotate->drops[i];
			break;
		}
		if (rotate->drops[i].at < place->at)
			place = &rotate->drops[i];
	}
	place->serial = rotate->serial[index];
	place->at = now + ROTATE_GRACE;
	password_free(rotate->password[index]);
	rotate->password[index] = NULL;
	rotate->serial[index] = 0;
}

static bool
set_second(struct rotate *rotate, const struct password *password,
    char error[CONF_ERROR_MAX])
{
	rotate->password[1] = password_copy(password);
	if (rotate->password[1] == NULL)
		return fail(error, "", "no memory for the password");
	rotate->serial[1] = next_serial();
	return true;
}

static bool
may_stage(const struct rotate *rotate, const struct password *password,
    bool generated, char error[CONF_ERROR_MAX])
{
	const char *path = rotate->place.path;

	if (rotate->place.kind == PASSWORD_ENVIRONMENT)
		return fail(error, path,
		    "a password of the environment can not be replaced while "
		    "the daemon runs: keep it in a file");
	if (generated && rotate->held)
		return fail(error, path,
		    "can not be written: nobody would know a generated "
		    "password; give one");
	if (rotate->step == ROTATE_COMMITTED)
		return fail(error, "",
		    "the last rotation is committed: finish or abort it first");
	if (rotate->step == ROTATE_STAGED &&
	    !password_equal(password, rotate->password[1]))
		return fail(error, "",
		    "another new password is staged: commit or abort it first");
	if (password_equal(password, rotate->password[0]))
		return fail(error, "", "that is the password already");
	return true;
}

bool
rotate_stage(struct rotate *rotate, const struct password *password,
    bool generated, char error[CONF_ERROR_MAX])
{
	if (!may_stage(rotate, password, generated, error))
		return false;
	if (!rotate->held && !stage_files(rotate, password, error))
		return false;
	if (rotate->step == ROTATE_STAGED)
		return true;
	if (!set_second(rotate, password, error))
		return false;
	rotate->step = ROTATE_STAGED;
	return true;
}

static bool
stage_files(const struct rotate *rotate, const struct password *password,
    char error[CONF_ERROR_MAX])
{
	const char *path = rotate->place.path;
	struct password_files files;
	bool done = false;

	if (!password_files_open(&files, path, error))
		return false;
	if (!password_equal(files.file[PASSWORD_NOW], rotate->password[0]))
		fail(error, path,
		    "holds another password than is in use: reload first");
	else if (!password_files_clean(&files, error))
		done = false;
	else if (files.file[PASSWORD_PREV] != NULL)
		fail(error, path,
		    "the file .prev beside it is of a rotation that is not "
		    "finished");
	else if (files.file[PASSWORD_NEXT] != NULL &&
	    !password_equal(files.file[PASSWORD_NEXT], password))
		fail(error, path,
		    "the file .next beside it has another new password");
	else
		done = files.file[PASSWORD_NEXT] != NULL ||
		    password_files_write(
			&files, PASSWORD_NEXT, password, error);
	password_files_close(&files);
	return done;
}

/*
 * The password is kept as that file, then the other one takes its place. It is
 * written anew if a hand took it away.
 */
static bool
move_over(struct password_files *files, enum password_file keep,
    enum password_file take, const struct password *password,
    char error[CONF_ERROR_MAX])
{
	const struct password *now = files->file[PASSWORD_NOW];

	if (files->file[take] == NULL &&
	    !password_files_write(files, take, password, error))
		return false;
	if (!password_equal(files->file[keep], now) &&
	    !password_files_write(files, keep, now, error))
		return false;
	return password_files_promote(files, take, error);
}

bool
rotate_commit(struct rotate *rotate, char error[CONF_ERROR_MAX])
{
	if (rotate->step == ROTATE_BEFORE)
		return fail(error, "", "no new password is staged");
	if (rotate->step == ROTATE_COMMITTED)
		return true;
	if (!rotate->held && !commit_files(rotate, error))
		return false;
	swap(rotate);
	rotate->step = ROTATE_COMMITTED;
	log_info("password changed: committed, the old one is still accepted");
	return true;
}

/* Another daemon may have done it. */
static bool
commit_files(const struct rotate *rotate, char error[CONF_ERROR_MAX])
{
	const char *path = rotate->place.path;
	struct password_files files;
	const struct password *now, *next;
	bool done = false;

	if (!password_files_open(&files, path, error))
		return false;
	now = files.file[PASSWORD_NOW];
	next = files.file[PASSWORD_NEXT];
	if (password_equal(now, rotate->password[1]))
		done = true;
	else if (!password_equal(now, rotate->password[0]))
		fail(error, path, "holds neither the old nor the new password");
	else if (next != NULL && !password_equal(next, rotate->password[1]))
		fail(error, path,
		    "the file .next beside it has another new password");
	else
		done = move_over(&files, PASSWORD_PREV, PASSWORD_NEXT,
		    rotate->password[1], error);
	password_files_close(&files);
	return done;
}

bool
rotate_abort(struct rotate *rotate, uint64_t now, char error[CONF_ERROR_MAX])
{
	switch (rotate->step) {
	case ROTATE_STAGED:
		if (!rotate->held && !unstage_files(rotate, error))
			return false;
		drop(rotate, 1, now);
		rotate->step = ROTATE_BEFORE;
		log_info("password rotation aborted: the new one is forgotten");
		return true;
	case ROTATE_COMMITTED:
		if (!rotate->held && !undo_files(rotate, error))
			return false;
		swap(rotate);
		rotate->step = ROTATE_STAGED;
		log_info("password changed back: the new one is staged");
		return true;
	default:
		return fail(error, "", "there is no rotation to abort");
	}
}

static bool
unstage_files(const struct rotate *rotate, char error[CONF_ERROR_MAX])
{
	const char *path = rotate->place.path;
	struct password_files files;
	bool done;

	if (!password_files_open(&files, path, error))
		return false;
	if (password_equal(files.file[PASSWORD_NOW], rotate->password[1]))
		done = fail(error, path,
		    "holds the new password already: another daemon has "
		    "committed; commit here, or abort there first");
	else
		done = !password_equal(
			   files.file[PASSWORD_NEXT], rotate->password[1]) ||
		    password_files_remove(&files, PASSWORD_NEXT, error);
	password_files_close(&files);
	return done;
}

static bool
undo_files(const struct rotate *rotate, char error[CONF_ERROR_MAX])
{
	const char *path = rotate->place.path;
	struct password_files files;
	bool done = false;

	if (!password_files_open(&files, path, error))
		return false;
	if (password_equal(files.file[PASSWORD_NOW], rotate->password[1]))
		done = true;
	else if (!password_equal(files.file[PASSWORD_NOW], rotate->password[0]))
		fail(error, path, "holds neither the old nor the new password");
	else if (files.file[PASSWORD_PREV] == NULL)
		fail(error, path,
		    "the file .prev beside it is gone: another daemon has "
		    "finished");
	else if (!password_equal(
		     files.file[PASSWORD_PREV], rotate->password[1]))
		fail(error, path,
		    "the file .prev beside it has another password");
	else
		done = move_over(&files, PASSWORD_NEXT, PASSWORD_PREV,
		    rotate->password[1], error);
	password_files_close(&files);
	return done;
}

bool
rotate_finish(struct rotate *rotate, uint64_t now, char error[CONF_ERROR_MAX])
{
	if (rotate->step == ROTATE_STAGED)
		return fail(error, "", "the new password is not committed yet");
	if (rotate->step == ROTATE_BEFORE)
		return fail(error, "", "there is no rotation to finish");
	if (!(rotate->held ? source_holds_new(rotate, error)
			   : finish_files(rotate, error)))
		return false;
	drop(rotate, 1, now);
	rotate->step = ROTATE_BEFORE;
	log_info("password changed: the old one is not accepted any more");
	return true;
}

static bool
source_holds_new(const struct rotate *rotate, char error[CONF_ERROR_MAX])
{
	struct password *source = password_read(rotate->place.path, error);
	bool same;

	if (source == NULL)
		return false;
	same = password_equal(source, rotate->password[0]);
	password_free(source);
	return same ||
	    fail(error, rotate->place.path,
		"does not hold the new password yet: a restart would bring "
		"the old one back");
}

static bool
finish_files(const struct rotate *rotate, char error[CONF_ERROR_MAX])
{
	const char *path = rotate->place.path;
	struct password_files files;
	bool done;

	if (!password_files_open(&files, path, error))
		return false;
	if (!password_equal(files.file[PASSWORD_NOW], rotate->password[0]))
		done = fail(error, path, "does not hold the new password");
	else
		done = !password_equal(
			   files.file[PASSWORD_PREV], rotate->password[1]) ||
		    password_files_remove(&files, PASSWORD_PREV, error);
	password_files_close(&files);
	return done;
}

bool
rotate_reload(struct rotate *rotate, const struct password_place *place,
    const struct password *password, bool automatic, uint64_t now,
    char error[CONF_ERROR_MAX])
{
	bool moved = place->kind != rotate->place.kind ||
	    strcmp(place->path, rotate->place.path) != 0;

	if (moved && rotate->step != ROTATE_BEFORE)
		return fail(error, place->path,
		    "the password can not come from elsewhere while it is "
		    "rotated");
	rotate->place = *place;
	rotate->held = is_held(place);
	return rotate->held
	    ? reload_held(rotate, password, automatic, now, error)
	    : reload_files(rotate, automatic, now, error);
}

static bool
is_ours(const struct rotate *rotate, const struct password *password)
{
	return password_equal(password, rotate->password[0]) ||
	    password_equal(password, rotate->password[1]);
}

static bool
reload_files(struct rotate *rotate, bool automatic, uint64_t now,
    char error[CONF_ERROR_MAX])
{
	struct password_files files;
	struct found found;
	bool done;

	if (!password_files_open(&files, rotate->place.path, error))
		return false;
	found = files_say(&files);
	if (is_ours(rotate, found.first) ||
	    (found.step != ROTATE_BEFORE && rotate->step == ROTATE_BEFORE))
		done = adopt(rotate, &found, now, error);
	else if (!may_replace(rotate, automatic, error))
		done = false;
	else if (!automatic)
		done = replace(rotate, found.first, error);
	else
		done = password_files_write(
			   &files, PASSWORD_PREV, rotate->password[0], error) &&
		    replace_slowly(rotate, found.first, now, error);
	password_files_close(&files);
	return done;
}

/* The source follows by another hand: that it is behind says nothing. */
static bool
reload_held(struct rotate *rotate, const struct password *password,
    bool automatic, uint64_t now, char error[CONF_ERROR_MAX])
{
	if (rotate->step == ROTATE_STAGED &&
	    password_equal(password, rotate->password[1]))
		return rotate_commit(rotate, error);
	if (is_ours(rotate, password))
		return true;
	if (!may_replace(rotate, automatic, error))
		return false;
	return automatic ? replace_slowly(rotate, password, now, error)
			 : replace(rotate, password, error);
}

static bool
may_replace(
    const struct rotate *rotate, bool automatic, char error[CONF_ERROR_MAX])
{
	if (rotate->step == ROTATE_BEFORE ||
	    (rotate->step == ROTATE_COMMITTED && automatic))
		return true;
	return fail(error, rotate->place.path,
	    "holds a third password while one is replaced by another: finish "
	    "or abort that first");
}

static bool
replace(struct rotate *rotate, const struct password *password,
    char error[CONF_ERROR_MAX])
{
	if (!set_second(rotate, password, error))
		return false;
	swap(rotate);
	password_free(rotate->password[1]);
	rotate->password[1] = NULL;
	rotate->serial[1] = 0;
	log_info("password changed: new connections use it");
	return true;
}

/* Staged and committed; nobody finished the rotation before it, if any. */
static bool
replace_slowly(struct rotate *rotate, const struct password *password,
    uint64_t now, char error[CONF_ERROR_MAX])
{
	struct password *copy = password_copy(password);

	if (copy == NULL)
		return fail(error, "", "no memory for the password");
	if (rotate->step == ROTATE_COMMITTED)
		drop(rotate, 1, now);
	rotate->password[1] = copy;
	rotate->serial[1] = next_serial();
	swap(rotate);
	rotate->step = ROTATE_COMMITTED;
	log_info("password changed: committed, the old one is still accepted");
	return true;
}

/* What is known keeps its serial. */
static bool
adopt(struct rotate *rotate, const struct found *found, uint64_t now,
    char error[CONF_ERROR_MAX])
{
	struct password *copy[2] = {password_copy(found->first),
	    found->second == NULL ? NULL : password_copy(found->second)};
	uint32_t serial[2] = {0, 0};

	if (copy[0] == NULL || (found->second != NULL && copy[1] == NULL)) {
		password_free(copy[0]);
		password_free(copy[1]);
		return fail(error, "", "no memory for the password");
	}
	for (size_t i = 0; i < 2; i++) {
		if (copy[i] == NULL)
			continue;
		for (size_t j = 0; j < 2; j++)
			if (password_equal(copy[i], rotate->password[j]))
				serial[i] = rotate->serial[j];
		if (serial[i] == 0)
			serial[i] = next_serial();
	}
	if (rotate->step != found->step)
		log_info("password changed: as its files say, %s",
		    rotate_step_text(found->step));
	for (size_t j = 0; j < 2; j++) {
		uint32_t old = rotate->serial[j];

		if (old != 0 && old != serial[0] && old != serial[1])
			drop(rotate, j, now);
		password_free(rotate->password[j]);
	}
	memcpy(rotate->password, copy, sizeof(copy));
	memcpy(rotate->serial, serial, sizeof(serial));
	rotate->step = found->step;
	return true;
}

uint32_t
rotate_expire(struct rotate *rotate, uint64_t now)
{
	for (size_t i = 0; i < DROPS_MAX; i++) {
		uint32_t serial = rotate->drops[i].serial;

		if (serial == 0 || rotate->drops[i].at > now)
			continue;
		rotate->drops[i].serial = 0;
		return serial;
	}
	return 0;
}

uint64_t
rotate_next(const struct rotate *rotate)
{
	uint64_t next = ROTATE_NEVER;

	for (size_t i = 0; i < DROPS_MAX; i++)
		if (rotate->drops[i].serial != 0 && rotate->drops[i].at < next)
			next = rotate->drops[i].at;
	return next;
}

void
rotate_describe(
    const struct rotate *rotate, uint64_t now, struct ctl_rotation *row)
{
	uint64_t next = rotate_next(rotate);
	char path[PATH_MAX + PASSWORD_FILES_SUFFIX_MAX];

	memset(row, 0, sizeof(*row));
	row->step = (uint32_t)rotate->step;
	row->held = rotate->held;
	if (next != ROTATE_NEVER && next > now)
		row->expires = (uint32_t)((next - now + 999) / 1000);
	strlcpy(row->source, rotate->place.path, sizeof(row->source));
	if (rotate->held || rotate->step == ROTATE_BEFORE)
		return;
	password_files_path(rotate->place.path,
	    rotate->step == ROTATE_STAGED ? PASSWORD_NEXT : PASSWORD_PREV, path,
	    sizeof(path));
	strlcpy(row->other, path, sizeof(row->other));
}

const char *
rotate_step_text(enum rotate_step step)
{
	static const char *const texts[] = {
	    [ROTATE_BEFORE] = "no rotation under way",
	    [ROTATE_STAGED] = "staged",
	    [ROTATE_COMMITTED] = "committed",
	};

	return texts[step];
}
