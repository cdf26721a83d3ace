#include <string.h>

#include <sodium.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/parent/hardened.h"
#include "weaved/parent/mesh_rotation.h"
#include "weaved/parent/parent_internal.h"
#include "weaved/parent/passwords.h"
#include "weaved/parent/rotate.h"

static struct {
	struct rotate *ring[PASSWORDS_RINGS]; /* NULL: not needed */
	struct event *expiry;
	uint32_t primary; /* of version 3, as last applied */
	bool busy; /* what is accepted changes */
	uint32_t request; /* control's, that waits for it; 0: none */
	enum passwords_ring asked; /* by it */
} passwords;

static bool needs_common(const struct conf *);
static bool needs_hardened(const struct conf *);
static struct password_slot slot_of(enum passwords_ring, size_t);
static enum passwords_ring ring_of_version3(void);
static void apply(void);
static void applied(void);
static void announce(void);
static void reauthenticate(void);
static void watch_expiry(void);
static void expire(evutil_socket_t, short, void *);
static bool rotate_new_password(
    struct rotate *, const struct ctl_rotate *, char *);
static bool rotate_do(struct rotate *, const struct ctl_rotate *, char *);
static const char *rotate_refuse(const struct ctl_rotate *);
static void answer_end(uint32_t, const char *);

/* Where version 3 is all there is, and has its own, no other is used. */
static bool
needs_common(const struct conf *conf)
{
	return conf->encryption != CONF_ENCRYPTION_NONE &&
	    (conf->password_hardened == NULL ||
		conf->protocol != CONF_PROTOCOL_HARDENED);
}

static bool
needs_hardened(const struct conf *conf)
{
	return conf->encryption != CONF_ENCRYPTION_NONE &&
	    conf->password_hardened != NULL &&
	    conf->protocol != CONF_PROTOCOL_WEAVE;
}

bool
passwords_read(const struct conf *conf, struct passwords_read *read,
    char error[CONF_ERROR_MAX])
{
	struct password_place *place = &read->place[PASSWORDS_HARDENED];

	memset(read, 0, sizeof(*read));
	if (needs_common(conf) &&
	    (read->password[PASSWORDS_COMMON] = password_load(
		 conf, &read->place[PASSWORDS_COMMON], error)) == NULL) {
		if (error[0] == '\0')
			snprintf(error, CONF_ERROR_MAX,
			    "no password: write one to %s (mode 0600), set "
			    "WEAVE_PASSWORD, or say encryption: none",
			    PASSWORD_PATH);
		return false;
	}
	if (!needs_hardened(conf))
		return true;
	place->kind = PASSWORD_FILE;
	strlcpy(place->path, conf->password_hardened, sizeof(place->path));
	read->password[PASSWORDS_HARDENED] = password_read(place->path, error);
	if (read->password[PASSWORDS_HARDENED] != NULL)
		return true;
	passwords_unread(read);
	return false;
}

void
passwords_unread(struct passwords_read *read)
{
	for (size_t i = 0; i < PASSWORDS_RINGS; i++) {
		password_free(read->password[i]);
		read->password[i] = NULL;
	}
}

void
passwords_start(struct passwords_read *read)
{
	for (size_t i = 0; i < PASSWORDS_RINGS; i++) {
		if (read->password[i] == NULL)
			continue;
		passwords.ring[i] =
		    rotate_new(&read->place[i], read->password[i]);
		if (passwords.ring[i] == NULL)
			fatalx("no memory for the password");
	}
	apply();
}

bool
passwords_reload(struct passwords_read *read, const struct conf *conf,
    char error[CONF_ERROR_MAX])
{
	bool automatic = conf->password_reload == CONF_PASSWORD_ROTATE;
	bool done = true, changed = false;

	if (passwords.request != 0) {
		strlcpy(error, "the password is just being rotated: try again",
		    CONF_ERROR_MAX);
		done = false;
	}
	for (enum passwords_ring i = 0; done && i < PASSWORDS_RINGS; i++) {
		uint32_t first = slot_of(i, 0).serial;
		uint32_t second = slot_of(i, 1).serial;

		if (passwords.ring[i] != NULL)
			done = rotate_reload(passwords.ring[i], &read->place[i],
			    read->password[i], automatic, proc_now(), error);
		changed = changed || first != slot_of(i, 0).serial ||
		    second != slot_of(i, 1).serial;
	}
	passwords_unread(read);
	if (changed)
		apply();
	return done;
}

void
passwords_free(void)
{
	if (passwords.expiry != NULL)
		event_free(passwords.expiry);
	for (size_t i = 0; i < PASSWORDS_RINGS; i++)
		rotate_free(passwords.ring[i]);
	memset(&passwords, 0, sizeof(passwords));
}

static struct password_slot
slot_of(enum passwords_ring ring, size_t index)
{
	const struct password_slot none = {NULL, 0};

	return passwords.ring[ring] == NULL
	    ? none
	    : rotate_slot(passwords.ring[ring], index);
}

static enum passwords_ring
ring_of_version3(void)
{
	return passwords.ring[PASSWORDS_HARDENED] != NULL ? PASSWORDS_HARDENED
							  : PASSWORDS_COMMON;
}

const struct password *
passwords_primary(enum passwords_ring ring)
{
	return slot_of(ring, 0).password;
}

const char *
passwords_source(void)
{
	for (size_t i = 0; i < PASSWORDS_RINGS; i++)
		if (passwords.ring[i] != NULL)
			return rotate_place(passwords.ring[i])->path;
	return "";
}

/* The engine hears of it when version 3 has stretched what is new. */
static void
apply(void)
{
	enum passwords_ring ring = ring_of_version3();
	const struct password_slot common[PASSWORD_SLOTS] = {
	    slot_of(PASSWORDS_COMMON, 0), slot_of(PASSWORDS_COMMON, 1)};
	const struct password_slot hardened[PASSWORD_SLOTS] = {
	    slot_of(ring, 0), slot_of(ring, 1)};

	if (!keys_set_passwords(parent.keys, common))
		fatalx("no memory for the password");
	passwords.busy = true;
	if (parent.conf->protocol == CONF_PROTOCOL_WEAVE)
		applied();
	else
		hardened_set_passwords(parent.base, hardened, applied);
}

static void
applied(void)
{
	uint32_t request = passwords.request;

	passwords.busy = false;
	passwords.request = 0;
	if (parent.base == NULL) {
		passwords.primary = slot_of(ring_of_version3(), 0).serial;
		return;
	}
	announce();
	reauthenticate();
	watch_expiry();
	parent_passwords_changed();
	if (request == 0)
		return;
	passwords_answer_row(request, passwords.asked);
	answer_end(request, "");
}

/* Within a rotation the others accept what we now dial with, or will soon. */
static void
reauthenticate(void)
{
	enum passwords_ring ring = ring_of_version3();
	uint32_t serial = slot_of(ring, 0).serial;

	if (passwords.primary != serial && passwords.primary != 0 &&
	    rotate_step(passwords.ring[ring]) != ROTATE_BEFORE)
		hardened_reauthenticate(parent.procs[PROC_ENGINE]);
	passwords.primary = serial;
}

static void
announce(void)
{
	struct imsg_passwords message = {0};

	for (size_t i = 0; i < PASSWORD_SLOTS; i++) {
		message.version2[i] = slot_of(PASSWORDS_COMMON, i).serial;
		message.version3[i] = slot_of(ring_of_version3(), i).serial;
	}
	spawn_send(parent.procs[PROC_ENGINE], IMSG_PASSWORDS, 0, -1, &message,
	    sizeof(message));
}

void
passwords_start_engine(void)
{
	announce();
}

void
passwords_start_control(void)
{
	passwords.request = 0;
}

static void
watch_expiry(void)
{
	uint64_t next = ROTATE_NEVER, now = proc_now(), wait;
	struct timeval tv;

	for (size_t i = 0; i < PASSWORDS_RINGS; i++)
		if (passwords.ring[i] != NULL &&
		    rotate_next(passwords.ring[i]) < next)
			next = rotate_next(passwords.ring[i]);
	if (next == ROTATE_NEVER)
		return;
	if (passwords.expiry == NULL &&
	    (passwords.expiry = evtimer_new(parent.base, expire, NULL)) == NULL)
		fatalx("no memory for an event");
	wait = next > now ? next - now : 0;
	tv.tv_sec = (time_t)(wait / 1000);
	tv.tv_usec = (suseconds_t)(wait % 1000 * 1000);
	evtimer_add(passwords.expiry, &tv);
}

static void
expire(evutil_socket_t fd, short what, void *arg)
{
	struct imsg_password_gone message;

	(void)fd;
	(void)what;
	(void)arg;
	for (size_t i = 0; i < PASSWORDS_RINGS; i++) {
		while (passwords.ring[i] != NULL &&
		    (message.serial =
			    rotate_expire(passwords.ring[i], proc_now())) != 0)
			spawn_send(parent.procs[PROC_ENGINE],
			    IMSG_PASSWORD_GONE, 0, -1, &message,
			    sizeof(message));
	}
	watch_expiry();
}

/* NULL, or why this can not be asked now. */
static const char *
rotate_refuse(const struct ctl_rotate *message)
{
	if (message->action >= CTL_ROTATE_ACTION_MAX || message->hardened > 1 ||
	    (message->action == CTL_ROTATE_RUN && !message->mesh) ||
	    message->length > sizeof(message->password))
		return "malformed request";
	if (message->action == CTL_ROTATE_STATUS && !message->mesh)
		return NULL;
	if (passwords.busy)
		return "the password is just being changed: try again";
	if (passwords.ring[message->hardened] != NULL)
		return NULL;
	if (parent.conf->encryption == CONF_ENCRYPTION_NONE)
		return "encryption is none: there is no password to rotate";
	return message->hardened
	    ? "there is no password of its own for version 3 "
	      "(password-hardened)"
	    : "the only password is that of password-hardened: say --hardened";
}

static bool
rotate_new_password(
    struct rotate *rotate, const struct ctl_rotate *message, char *error)
{
	bool generated = message->length == 0, done = false;
	struct password *password =
	    generated ? password_generate() : password_new();

	if (password == NULL) {
		strlcpy(error, "no memory for the password", CONF_ERROR_MAX);
		return false;
	}
	if (!generated) {
		password->len = message->length;
		memcpy(password->bytes, message->password, password->len);
	}
	if (memchr(password->bytes, '\0', password->len) != NULL)
		strlcpy(error, "the password has a NUL byte", CONF_ERROR_MAX);
	else
		done = rotate_stage(rotate, password, generated, error);
	password_free(password);
	return done;
}

static bool
rotate_do(struct rotate *rotate, const struct ctl_rotate *message, char *error)
{
	switch (message->action) {
	case CTL_ROTATE_STAGE:
		return rotate_new_password(rotate, message, error);
	case CTL_ROTATE_COMMIT:
		return rotate_commit(rotate, error);
	case CTL_ROTATE_FINISH:
		return rotate_finish(rotate, proc_now(), error);
	default:
		return rotate_abort(rotate, proc_now(), error);
	}
}

bool
passwords_has(enum passwords_ring ring)
{
	return passwords.ring[ring] != NULL;
}

bool
passwords_changing(void)
{
	return passwords.busy;
}

enum ctl_rotation_step
passwords_step(enum passwords_ring ring)
{
	static const enum ctl_rotation_step steps[] = {
	    [ROTATE_BEFORE] = CTL_ROTATION_BEFORE,
	    [ROTATE_STAGED] = CTL_ROTATION_STAGED,
	    [ROTATE_COMMITTED] = CTL_ROTATION_COMMITTED,
	};

	return passwords.ring[ring] == NULL
	    ? CTL_ROTATION_BEFORE
	    : steps[rotate_step(passwords.ring[ring])];
}

const struct password *
passwords_slot(enum passwords_ring ring, size_t index)
{
	return slot_of(ring, index).password;
}

bool
passwords_rotate(const struct ctl_rotate *message, char error[CONF_ERROR_MAX])
{
	const char *refused = rotate_refuse(message);

	if (refused != NULL) {
		strlcpy(error, refused, CONF_ERROR_MAX);
		return false;
	}
	if (!rotate_do(passwords.ring[message->hardened], message, error))
		return false;
	apply();
	return true;
}

void
passwords_handle_rotate(void *arg, struct imsg *imsg)
{
	char error[CONF_ERROR_MAX] = "";
	uint32_t id = imsg->hdr.id;
	struct ctl_rotate message;
	const char *refused;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if ((refused = rotate_refuse(&message)) != NULL)
		answer_end(id, refused);
	else if (message.mesh)
		mesh_rotation_handle(id, &message);
	else if (message.action == CTL_ROTATE_STATUS) {
		for (size_t i = 0; i < PASSWORDS_RINGS; i++)
			if (passwords.ring[i] != NULL)
				passwords_answer_row(
				    id, (enum passwords_ring)i);
		answer_end(id, "");
	} else if (rotate_do(
		       passwords.ring[message.hardened], &message, error)) {
		passwords.request = id;
		passwords.asked = (enum passwords_ring)message.hardened;
		apply();
	} else
		answer_end(id, error);
	sodium_memzero(&message, sizeof(message));
}

void
passwords_answer_row(uint32_t id, enum passwords_ring ring)
{
	struct {
		uint32_t type;
		struct ctl_rotation row;
	} message = {.type = CTL_ROTATION};

	rotate_describe(passwords.ring[ring], proc_now(), &message.row);
	message.row.hardened = ring == PASSWORDS_HARDENED;
	spawn_send(parent.procs[PROC_CONTROL], IMSG_ROW, id, -1, &message,
	    sizeof(message));
}

static void
answer_end(uint32_t id, const char *error)
{
	struct ctl_end end = {.status = error[0] != '\0'};

	strlcpy(end.text, error, sizeof(end.text));
	spawn_send(
	    parent.procs[PROC_CONTROL], IMSG_END, id, -1, &end, sizeof(end));
}
