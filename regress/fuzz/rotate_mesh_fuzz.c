/*
 * What a member's parent may say to ours: bodies of any content, of several
 * peers, to a node that leads or not; and boxes of any content to a session.
 * Each input: a byte, who and what; then the bytes of the body.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sodium.h>

#include "weaved/parent/rotate_mesh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct fuzz {
	struct rotate_mesh *mesh;
	enum rotate_mesh_step step;
	uint8_t primary, second;
	bool deaf;
};

static void
op_send(void *arg, uint64_t peer, const struct session_body *body)
{
	(void)arg;
	(void)peer;
	if (body->len > SESSION_PASSWORD_MAX)
		abort();
}

static enum rotate_mesh_step
op_step(void *arg)
{
	return ((struct fuzz *)arg)->step;
}

static bool
op_stage(void *arg, const uint8_t *password, size_t len)
{
	struct fuzz *fuzz = arg;

	if (fuzz->step != ROTATE_MESH_BEFORE || fuzz->deaf ||
	    len > SESSION_PASSWORD_MAX)
		abort();
	fuzz->second = len > 0 ? password[0] : 0;
	fuzz->step = ROTATE_MESH_STAGED;
	return true;
}

static void
swap(struct fuzz *fuzz)
{
	uint8_t password = fuzz->primary;

	fuzz->primary = fuzz->second;
	fuzz->second = password;
}

static bool
op_commit(void *arg)
{
	struct fuzz *fuzz = arg;

	if (fuzz->step != ROTATE_MESH_STAGED || fuzz->deaf)
		abort();
	swap(fuzz);
	fuzz->step = ROTATE_MESH_COMMITTED;
	return true;
}

static bool
op_finish(void *arg)
{
	struct fuzz *fuzz = arg;

	if (fuzz->step != ROTATE_MESH_COMMITTED || fuzz->deaf)
		abort();
	fuzz->step = ROTATE_MESH_BEFORE;
	return true;
}

static bool
op_abort(void *arg)
{
	struct fuzz *fuzz = arg;

	if (fuzz->step == ROTATE_MESH_BEFORE || fuzz->deaf)
		abort();
	if (fuzz->step == ROTATE_MESH_COMMITTED)
		swap(fuzz);
	fuzz->step = fuzz->step == ROTATE_MESH_COMMITTED ? ROTATE_MESH_STAGED
							 : ROTATE_MESH_BEFORE;
	return true;
}

static bool
op_is_primary(void *arg, const uint8_t *password, size_t len)
{
	return len > 0 && password[0] == ((struct fuzz *)arg)->primary;
}

static bool
op_is_new(void *arg, const uint8_t *password, size_t len)
{
	return len > 0 && password[0] == ((struct fuzz *)arg)->second;
}

static size_t
op_new_password(void *arg, uint8_t password[SESSION_PASSWORD_MAX])
{
	password[0] = ((struct fuzz *)arg)->second;
	return 1;
}

static void
op_keep(void *arg, const struct rotate_mesh_record *record)
{
	(void)arg;
	(void)record;
}

static void
op_progress(void *arg, uint64_t peer, enum rotate_mesh_step step)
{
	(void)arg;
	(void)peer;
	if (step > ROTATE_MESH_FINISHED)
		abort();
}

static void
op_ended(void *arg, bool good, const char *text)
{
	(void)arg;
	(void)good;
	if (strlen(text) >= ROTATE_MESH_TEXT)
		abort();
}

static const struct rotate_mesh_ops ops = {
    .send = op_send,
    .step = op_step,
    .stage = op_stage,
    .commit = op_commit,
    .finish = op_finish,
    .abort = op_abort,
    .is_primary = op_is_primary,
    .is_new = op_is_new,
    .new_password = op_new_password,
    .keep = op_keep,
    .progress = op_progress,
    .ended = op_ended,
};

static void
box(const uint8_t *data, size_t len)
{
	struct session session = {.id = 1, .has_former = true};
	struct session_body body;

	session.former_count = 1;
	if (session_open(&session, data, len, &body))
		abort(); /* nobody has a key of zeros, nor its tag */
}

static void
step(struct fuzz *fuzz, uint8_t what, const uint8_t *data, size_t len,
    uint64_t *now)
{
	static const struct rotate_mesh_peer peers[] = {
	    {2, true}, {3, true}, {4, false}};
	struct session_body body = {0};
	char text[ROTATE_MESH_TEXT];

	switch (what & 7) {
	case 0:
		*now += (uint64_t)what << 6;
		rotate_mesh_tick(fuzz->mesh, *now);
		break;
	case 1:
		rotate_mesh_lead(fuzz->mesh,
		    (enum rotate_mesh_goal)((what >> 3) % 5),
		    len > 0 ? data : NULL, len, what >> 7, *now, text);
		break;
	case 2:
		rotate_mesh_view(fuzz->mesh, peers, (what >> 3) % 4, *now);
		break;
	case 3:
		box(data, len);
		break;
	default:
		if (len > 27 + SESSION_PASSWORD_MAX)
			len = 27 + SESSION_PASSWORD_MAX;
		body.kind = len > 0 ? data[0] : 0;
		body.step = len > 1 ? data[1] : 0;
		body.generation = len > 2 ? data[2] : 0;
		body.rotation[0] = len > 3 ? data[3] : 0;
		if (len > 4) {
			body.len = (uint16_t)(len - 4);
			if (body.len > SESSION_PASSWORD_MAX)
				body.len = SESSION_PASSWORD_MAX;
			memcpy(body.password, data + 4, body.len);
		}
		rotate_mesh_receive(
		    fuzz->mesh, (uint64_t)(what >> 3) % 6, &body, *now);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rotate_mesh_record record = {0};
	struct fuzz fuzz = {.primary = 1, .second = 2};
	uint64_t now = 1000000;
	size_t at = 1, len;

	if (size == 0 || sodium_init() == -1)
		return 0;
	fuzz.step = (enum rotate_mesh_step)(data[0] % 3);
	fuzz.deaf = data[0] & 0x80;
	record.id[0] = data[0] >> 2 & 7;
	record.generation = 3;
	fuzz.mesh = rotate_mesh_new(1, &record, &ops, &fuzz);
	if (fuzz.mesh == NULL)
		abort();
	rotate_mesh_set_deaf(fuzz.mesh, fuzz.deaf);
	/* Deaf to others, not to its own operator. */
	while (at + 2 <= size) {
		uint8_t what = data[at];

		len = data[at + 1];
		at += 2;
		if (len > size - at)
			len = size - at;
		if (!fuzz.deaf || (what & 7) != 1)
			step(&fuzz, what, data + at, len, &now);
		at += len;
	}
	rotate_mesh_free(fuzz.mesh);
	return 0;
}
