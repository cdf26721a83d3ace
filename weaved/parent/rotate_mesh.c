#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "weaved/parent/rotate_mesh.h"

#define RUN_LEN 8 /* tells answers to us now from those to us before */
#define STATUS_WAIT 5000
#define REASK 5000 /* the right to command is renewed so often */

enum phase {
	PHASE_NONE,
	PHASE_ASKING, /* where is everybody? */
	PHASE_ACTING /* command is under way */
};

/* A node as the leader sees it; the first one is ourself. */
struct member {
	uint64_t name;
	bool up;
	bool skipped; /* --force went over it */
	bool answered; /* at answered_at, it granted the lead too */
	uint64_t answered_at;
	uint64_t sent_at;
	uint8_t refused; /* enum rotate_mesh_refusal, 0: no */
	enum rotate_mesh_step step;
	uint8_t id[SESSION_ROTATION_LEN];
	uint64_t generation;
};

struct rotate_mesh {
	uint64_t name;
	const struct rotate_mesh_ops *ops;
	void *arg;
	bool deaf;
	struct rotate_mesh_record record;
	uint64_t leader; /* who may command us, 0: nobody */
	uint64_t leader_until;
	uint8_t leader_run[RUN_LEN]; /* as it calls itself */

	/* While we lead. */
	enum phase phase;
	enum rotate_mesh_goal goal;
	bool force;
	bool blind; /* who the others are is not known yet */
	uint8_t run[RUN_LEN];
	enum rotate_mesh_kind command;
	uint64_t deadline;
	uint8_t id[SESSION_ROTATION_LEN];
	uint64_t generation;
	size_t len; /* of the password, 0: none yet */
	uint8_t *password; /* locked */
	struct member members[ROTATE_MESH_PEERS_MAX + 1];
	size_t nmembers;
};

static const uint8_t none[SESSION_ROTATION_LEN];

static bool same(const uint8_t *, const uint8_t *);
static void keep(struct rotate_mesh *);
static void settle(struct rotate_mesh *);
static bool follows(struct rotate_mesh *, uint64_t, uint64_t);
static uint8_t obey(struct rotate_mesh *, const struct session_body *);
static uint8_t obey_stage(struct rotate_mesh *, const struct session_body *);
static uint8_t obey_finish(struct rotate_mesh *);
static void answer(struct rotate_mesh *, const struct session_body *, uint8_t,
    struct session_body *);
static bool serve(struct rotate_mesh *, uint64_t, const struct session_body *,
    uint64_t, struct session_body *);
static struct member *member_find(struct rotate_mesh *, uint64_t);
static void take_answer(
    struct rotate_mesh *, uint64_t, const struct session_body *, uint64_t);
static void send_to(
    struct rotate_mesh *, struct member *, enum rotate_mesh_kind, uint64_t);
static bool counts(const struct rotate_mesh *, const struct member *);
static bool is_fresh(const struct member *, uint64_t);
static enum rotate_mesh_step target(enum rotate_mesh_kind);
static bool is_due(const struct rotate_mesh *, const struct member *);
static void ask(struct rotate_mesh *, uint64_t);
static void drive(struct rotate_mesh *, uint64_t);
static void drive_asking(struct rotate_mesh *, uint64_t);
static void drive_acting(struct rotate_mesh *, uint64_t);
static void decide(struct rotate_mesh *, uint64_t);
static void decide_forward(
    struct rotate_mesh *, enum rotate_mesh_step, uint64_t);
static void decide_abort(struct rotate_mesh *, enum rotate_mesh_step, uint64_t);
static bool join_rotation(struct rotate_mesh *);
static bool choose_rotation(struct rotate_mesh *);
static void act(struct rotate_mesh *, enum rotate_mesh_kind, uint64_t);
static void late(struct rotate_mesh *, uint64_t);
static void stop(struct rotate_mesh *, bool, const char *);
static void stop_for(struct rotate_mesh *, const struct member *, const char *);
static size_t put_name(char *, size_t, uint64_t, size_t);

static bool
same(const uint8_t *a, const uint8_t *b)
{
	return memcmp(a, b, SESSION_ROTATION_LEN) == 0;
}

struct rotate_mesh *
rotate_mesh_new(uint64_t name, const struct rotate_mesh_record *record,
    const struct rotate_mesh_ops *ops, void *arg)
{
	struct rotate_mesh *mesh = calloc(1, sizeof(*mesh));

	if (mesh == NULL)
		return NULL;
	if ((mesh->password = sodium_malloc(SESSION_PASSWORD_MAX)) == NULL) {
		free(mesh);
		return NULL;
	}
	mesh->name = name;
	mesh->record = *record;
	mesh->ops = ops;
	mesh->arg = arg;
	return mesh;
}

void
rotate_mesh_free(struct rotate_mesh *mesh)
{
	if (mesh == NULL)
		return;
	sodium_free(mesh->password);
	free(mesh);
}

void
rotate_mesh_set_deaf(struct rotate_mesh *mesh, bool deaf)
{
	mesh->deaf = deaf;
}

static void
keep(struct rotate_mesh *mesh)
{
	mesh->ops->keep(mesh->arg, &mesh->record);
}

/* What was written before a crash, or done by hand since: files are right. */
static void
settle(struct rotate_mesh *mesh)
{
	struct rotate_mesh_record *record = &mesh->record;

	enum rotate_mesh_step step = mesh->ops->step(mesh->arg);

	if (same(record->id, none) || step == ROTATE_MESH_CHANGING ||
	    (step != ROTATE_MESH_BEFORE && !record->finishing))
		return;
	if (step != ROTATE_MESH_BEFORE) {
		record->finishing = false;
		keep(mesh);
		return;
	}
	if (record->finishing) {
		memcpy(record->finished, record->id, sizeof(record->finished));
		record->finished_generation = record->generation;
	}
	record->finishing = false;
	memset(record->id, 0, sizeof(record->id));
	keep(mesh);
}

/* Does this peer lead us, also from now on? */
static bool
follows(struct rotate_mesh *mesh, uint64_t peer, uint64_t now)
{
	if (mesh->leader != 0 && mesh->leader != peer &&
	    now < mesh->leader_until)
		return false;
	mesh->leader = peer;
	mesh->leader_until = now + ROTATE_MESH_LEASE;
	return true;
}

/* Another daemon with the same file, or the operator, may have been faster. */
static uint8_t
obey_stage(struct rotate_mesh *mesh, const struct session_body *body)
{
	struct rotate_mesh_record *record = &mesh->record;
	enum rotate_mesh_step step = mesh->ops->step(mesh->arg);
	bool done;

	if (step == ROTATE_MESH_BEFORE &&
	    !same(body->rotation, record->finished)) {
		if (body->generation <= record->finished_generation)
			return ROTATE_MESH_OLD;
		memcpy(record->id, body->rotation, sizeof(record->id));
		record->generation = body->generation;
		record->finishing =
		    mesh->ops->is_primary(mesh->arg, body->password, body->len);
		keep(mesh);
		done = record->finishing ||
		    mesh->ops->stage(mesh->arg, body->password, body->len);
		settle(mesh);
		return done ? 0 : ROTATE_MESH_FAILED;
	}
	if (step == ROTATE_MESH_BEFORE || same(body->rotation, record->id))
		return 0;
	if (!same(record->id, none) ||
	    !(step == ROTATE_MESH_STAGED ? mesh->ops->is_new
					 : mesh->ops->is_primary)(
		mesh->arg, body->password, body->len))
		return ROTATE_MESH_OTHER;
	memcpy(record->id, body->rotation, sizeof(record->id));
	record->generation = body->generation;
	keep(mesh);
	return 0;
}

/* That it was to be finished is on disk before it can be. */
static uint8_t
obey_finish(struct rotate_mesh *mesh)
{
	mesh->record.finishing = true;
	keep(mesh);
	if (mesh->ops->finish(mesh->arg)) {
		settle(mesh);
		return 0;
	}
	mesh->record.finishing = false;
	keep(mesh);
	return ROTATE_MESH_FAILED;
}

/* A step that is not the next one changes nothing: the answer says where. */
static uint8_t
obey(struct rotate_mesh *mesh, const struct session_body *body)
{
	enum rotate_mesh_step step = mesh->ops->step(mesh->arg);
	bool done = true;

	if (body->kind == ROTATE_MESH_STAGE)
		return obey_stage(mesh, body);
	if (step == ROTATE_MESH_BEFORE)
		return 0;
	if (!same(body->rotation, mesh->record.id))
		return ROTATE_MESH_OTHER;
	if (body->kind == ROTATE_MESH_COMMIT && step == ROTATE_MESH_STAGED)
		done = mesh->ops->commit(mesh->arg);
	else if (body->kind == ROTATE_MESH_FINISH &&
	    step == ROTATE_MESH_COMMITTED)
		return obey_finish(mesh);
	else if ((body->kind == ROTATE_MESH_UNCOMMIT &&
		     step == ROTATE_MESH_COMMITTED) ||
	    (body->kind == ROTATE_MESH_UNSTAGE && step == ROTATE_MESH_STAGED))
		done = mesh->ops->abort(mesh->arg);
	settle(mesh);
	return done ? 0 : ROTATE_MESH_FAILED;
}

static void
answer(struct rotate_mesh *mesh, const struct session_body *body,
    uint8_t refusal, struct session_body *out)
{
	const struct rotate_mesh_record *record = &mesh->record;

	memset(out, 0, sizeof(*out));
	out->kind = refusal != 0 ? ROTATE_MESH_REFUSE : ROTATE_MESH_STATE;
	out->step = refusal;
	out->len = RUN_LEN;
	memcpy(out->password, mesh->leader_run, RUN_LEN);
	memcpy(out->rotation, record->id, sizeof(out->rotation));
	out->generation = record->generation;
	if (refusal != 0)
		return;
	out->step = (uint8_t)mesh->ops->step(mesh->arg);
	if (out->step != ROTATE_MESH_BEFORE)
		return;
	out->generation = record->finished_generation;
	if (!same(body->rotation, none) &&
	    same(body->rotation, record->finished)) {
		out->step = ROTATE_MESH_FINISHED;
		memcpy(out->rotation, body->rotation, sizeof(out->rotation));
	}
}

/* What a leader says to this node; false: no answer (yet). */
static bool
serve(struct rotate_mesh *mesh, uint64_t peer, const struct session_body *body,
    uint64_t now, struct session_body *out)
{
	uint8_t refusal = 0;

	if (mesh->deaf && peer != mesh->name) {
		answer(mesh, body, ROTATE_MESH_DEAF, out);
		return true;
	}
	if (body->kind == ROTATE_MESH_RELEASE) {
		if (mesh->leader == peer)
			mesh->leader = 0;
		return false;
	}
	if (mesh->ops->step(mesh->arg) == ROTATE_MESH_CHANGING)
		return false;
	settle(mesh);
	/* Asking gives the lead; commands need it from before. */
	if (body->kind != ROTATE_MESH_ASK && mesh->leader != peer)
		refusal = ROTATE_MESH_LED;
	else if (!follows(mesh, peer, now))
		refusal = ROTATE_MESH_LED;
	else if (body->kind != ROTATE_MESH_ASK)
		refusal = obey(mesh, body);
	else
		memcpy(mesh->leader_run, body->password, RUN_LEN);
	if (refusal == 0 && mesh->ops->step(mesh->arg) == ROTATE_MESH_CHANGING)
		return false;
	answer(mesh, body, refusal, out);
	return true;
}

void
rotate_mesh_receive(struct rotate_mesh *mesh, uint64_t peer,
    const struct session_body *body, uint64_t now)
{
	struct session_body out;

	if (body->kind == ROTATE_MESH_STATE || body->kind == ROTATE_MESH_REFUSE)
		take_answer(mesh, peer, body, now);
	else if (body->kind >= ROTATE_MESH_ASK &&
	    body->kind <= ROTATE_MESH_RELEASE &&
	    serve(mesh, peer, body, now, &out))
		mesh->ops->send(mesh->arg, peer, &out);
	if (mesh->phase != PHASE_NONE)
		drive(mesh, now);
}

static struct member *
member_find(struct rotate_mesh *mesh, uint64_t name)
{
	for (size_t i = 0; i < mesh->nmembers; i++)
		if (mesh->members[i].name == name)
			return &mesh->members[i];
	return NULL;
}

static void
take_answer(struct rotate_mesh *mesh, uint64_t peer,
    const struct session_body *body, uint64_t now)
{
	struct member *member = member_find(mesh, peer);

	if (mesh->phase == PHASE_NONE || member == NULL)
		return;
	if (body->kind == ROTATE_MESH_REFUSE) {
		member->answered = false;
		member->refused =
		    body->step > 0 && body->step < ROTATE_MESH_REFUSAL_MAX
		    ? body->step
		    : ROTATE_MESH_FAILED;
		return;
	}
	if (body->step > ROTATE_MESH_FINISHED || body->len != RUN_LEN ||
	    memcmp(body->password, mesh->run, RUN_LEN) != 0)
		return;
	if (!member->answered || member->step != body->step)
		mesh->ops->progress(
		    mesh->arg, peer, (enum rotate_mesh_step)body->step);
	member->answered = true;
	member->answered_at = now;
	member->refused = 0;
	member->step = (enum rotate_mesh_step)body->step;
	memcpy(member->id, body->rotation, sizeof(member->id));
	member->generation = body->generation;
}

/* To ourself it goes without a message. */
static void
send_to(struct rotate_mesh *mesh, struct member *member,
    enum rotate_mesh_kind kind, uint64_t now)
{
	struct session_body body = {
	    .kind = (uint8_t)kind, .generation = mesh->generation};
	struct session_body out;

	memcpy(body.rotation, mesh->id, sizeof(body.rotation));
	body.len = kind == ROTATE_MESH_STAGE ? (uint16_t)mesh->len : RUN_LEN;
	memcpy(body.password,
	    kind == ROTATE_MESH_STAGE ? mesh->password : mesh->run, body.len);
	member->sent_at = now;
	if (member->name != mesh->name)
		mesh->ops->send(mesh->arg, member->name, &body);
	else if (serve(mesh, member->name, &body, now, &out))
		take_answer(mesh, member->name, &out, now);
	sodium_memzero(&body, sizeof(body));
}

/* Another rotation does not matter to one that is given up. */
static bool
counts(const struct rotate_mesh *mesh, const struct member *member)
{
	return !member->skipped &&
	    !(mesh->goal == ROTATE_MESH_TO_ABORT && member->answered &&
		member->step != ROTATE_MESH_BEFORE &&
		!same(member->id, mesh->id));
}

static bool
is_fresh(const struct member *member, uint64_t now)
{
	return member->answered &&
	    now - member->answered_at < ROTATE_MESH_FRESH;
}

static enum rotate_mesh_step
target(enum rotate_mesh_kind command)
{
	switch (command) {
	case ROTATE_MESH_COMMIT:
		return ROTATE_MESH_COMMITTED;
	case ROTATE_MESH_FINISH:
		return ROTATE_MESH_FINISHED;
	case ROTATE_MESH_UNSTAGE:
		return ROTATE_MESH_BEFORE;
	default:
		return ROTATE_MESH_STAGED;
	}
}

/* Has this node yet to obey? Whoever came late has not been asked. */
static bool
is_due(const struct rotate_mesh *mesh, const struct member *member)
{
	enum rotate_mesh_step step = member->step, to = target(mesh->command);

	if (!counts(mesh, member) || !member->answered)
		return false;
	if (mesh->goal == ROTATE_MESH_TO_ABORT)
		return step > to && step != ROTATE_MESH_FINISHED;
	return step < to ||
	    (mesh->command == ROTATE_MESH_STAGE && !same(member->id, mesh->id));
}

bool
rotate_mesh_leading(const struct rotate_mesh *mesh)
{
	return mesh->phase != PHASE_NONE;
}

bool
rotate_mesh_lead(struct rotate_mesh *mesh, enum rotate_mesh_goal goal,
    const uint8_t *password, size_t len, bool force, uint64_t now,
    char text[ROTATE_MESH_TEXT])
{
	enum rotate_mesh_step step = mesh->ops->step(mesh->arg);
	const char *error = NULL;

	if (mesh->phase != PHASE_NONE)
		error = "this node leads a rotation of the mesh already";
	else if (step == ROTATE_MESH_CHANGING)
		error = "the password is just being changed: try again";
	else if (password != NULL && step != ROTATE_MESH_BEFORE)
		error = "a rotation is under way: go on without a password, "
			"or abort it";
	else if (password != NULL && (len == 0 || len > SESSION_PASSWORD_MAX))
		error = "a password for all nodes has 1 to 512 bytes";
	else if (password != NULL &&
	    mesh->ops->is_primary(mesh->arg, password, len))
		error = "that is the present password";
	else if (password == NULL && step == ROTATE_MESH_BEFORE &&
	    goal < ROTATE_MESH_TO_ABORT &&
	    (goal != ROTATE_MESH_TO_FINISH ||
		same(mesh->record.finished, none)))
		error = "no rotation is under way here: give a password, or "
			"go on where the new one is known";
	if (error != NULL) {
		strlcpy(text, error, ROTATE_MESH_TEXT);
		return false;
	}
	settle(mesh);
	mesh->goal = goal;
	mesh->force = force;
	mesh->blind = false;
	mesh->len = 0;
	if (password != NULL) {
		memcpy(mesh->password, password, len);
		mesh->len = len;
	} else
		mesh->len = mesh->ops->new_password(mesh->arg, mesh->password);
	memcpy(mesh->id, mesh->record.id, sizeof(mesh->id));
	mesh->generation = mesh->record.generation;
	/* We may be the only one that has finished. */
	if (password == NULL && step == ROTATE_MESH_BEFORE &&
	    goal == ROTATE_MESH_TO_FINISH) {
		memcpy(mesh->id, mesh->record.finished, sizeof(mesh->id));
		mesh->generation = mesh->record.finished_generation;
	}
	randombytes_buf(mesh->run, sizeof(mesh->run));
	mesh->members[0] = (struct member){.name = mesh->name, .up = true};
	mesh->nmembers = 1;
	ask(mesh, now);
	return true;
}

void
rotate_mesh_wait_view(struct rotate_mesh *mesh)
{
	mesh->blind = true;
}

/* Who is gone now but was asked still has to be reached. */
void
rotate_mesh_view(struct rotate_mesh *mesh, const struct rotate_mesh_peer *peers,
    size_t count, uint64_t now)
{
	struct member *member;

	if (mesh->phase == PHASE_NONE)
		return;
	mesh->blind = false;
	for (size_t i = 1; i < mesh->nmembers; i++)
		mesh->members[i].up = false;
	for (size_t i = 0; i < count; i++) {
		if (peers[i].name == mesh->name)
			continue;
		member = member_find(mesh, peers[i].name);
		if (member == NULL && mesh->nmembers <= ROTATE_MESH_PEERS_MAX) {
			member = &mesh->members[mesh->nmembers++];
			memset(member, 0, sizeof(*member));
			member->name = peers[i].name;
		}
		if (member == NULL)
			continue;
		member->up = peers[i].up;
		member->skipped = member->skipped && !member->up;
	}
	drive(mesh, now);
}

static void
ask(struct rotate_mesh *mesh, uint64_t now)
{
	mesh->phase = PHASE_ASKING;
	mesh->deadline = now +
	    (mesh->goal == ROTATE_MESH_TO_ASK ? STATUS_WAIT : ROTATE_MESH_WAIT);
}

uint64_t
rotate_mesh_tick(struct rotate_mesh *mesh, uint64_t now)
{
	if (mesh->phase != PHASE_NONE)
		drive(mesh, now);
	return mesh->phase == PHASE_NONE ? UINT64_MAX
					 : now + ROTATE_MESH_RESEND / 2;
}

static void
drive(struct rotate_mesh *mesh, uint64_t now)
{
	const struct member *member;

	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		if (!counts(mesh, member))
			continue;
		if (member->refused == ROTATE_MESH_FAILED)
			stop_for(
			    mesh, member, "could not do it, its log says why");
		else if (member->refused == ROTATE_MESH_OLD)
			stop_for(mesh, member,
			    "has finished a later rotation: try again");
		else if (member->refused == ROTATE_MESH_OTHER &&
		    mesh->goal < ROTATE_MESH_TO_ABORT)
			stop_for(mesh, member, "is in another rotation");
		if (mesh->phase == PHASE_NONE)
			return;
	}
	if (mesh->phase == PHASE_ACTING)
		drive_acting(mesh, now);
	if (mesh->phase == PHASE_ASKING)
		drive_asking(mesh, now);
}

static void
drive_asking(struct rotate_mesh *mesh, uint64_t now)
{
	bool complete = true;
	struct member *member;

	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		if (!counts(mesh, member))
			continue;
		if (member->up && now >= member->sent_at + ROTATE_MESH_RESEND &&
		    (!member->answered || now - member->answered_at >= REASK))
			send_to(mesh, member, ROTATE_MESH_ASK, now);
		if (mesh->force && !member->up)
			continue;
		complete = complete && is_fresh(member, now);
	}
	if (complete && !mesh->blind)
		decide(mesh, now);
	else if (now >= mesh->deadline)
		late(mesh, now);
}

static void
drive_acting(struct rotate_mesh *mesh, uint64_t now)
{
	bool complete = true;
	struct member *member;

	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		/* It was led by another meanwhile: where is everybody? */
		if (member->refused == ROTATE_MESH_LED) {
			member->refused = 0;
			mesh->phase = PHASE_ASKING;
			return;
		}
		if (!is_due(mesh, member))
			continue;
		complete = false;
		if (member->up && now >= member->sent_at + ROTATE_MESH_RESEND)
			send_to(mesh, member, mesh->command, now);
		/* What we can not do ourself nobody is asked for. */
		if (i == 0 && is_due(mesh, member))
			break;
	}
	if (complete)
		ask(mesh, now);
	else if (now >= mesh->deadline)
		late(mesh, now);
}

/* Of all nodes the lowest step, or the highest. */
static void
decide(struct rotate_mesh *mesh, uint64_t now)
{
	enum rotate_mesh_step low = ROTATE_MESH_FINISHED;
	enum rotate_mesh_step high = ROTATE_MESH_BEFORE;
	const struct member *member;

	if (mesh->goal == ROTATE_MESH_TO_ASK) {
		stop(mesh, true, "");
		return;
	}
	if (mesh->goal == ROTATE_MESH_TO_ABORT ? !join_rotation(mesh)
					       : !choose_rotation(mesh))
		return;
	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		if (!counts(mesh, member) || !member->answered)
			continue;
		if (member->step < low)
			low = member->step;
		if (member->step > high)
			high = member->step;
	}
	if (mesh->goal == ROTATE_MESH_TO_ABORT)
		decide_abort(mesh, high, now);
	else
		decide_forward(mesh, low, now);
}

/*
 * For who aborts: ours, or the newest that anybody is in. False: by its id who
 * has finished it is to be told from who never began, so ask again.
 */
static bool
join_rotation(struct rotate_mesh *mesh)
{
	const struct member *member;

	if (!same(mesh->id, none))
		return true;
	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		if (member->answered && !member->skipped &&
		    (member->step == ROTATE_MESH_STAGED ||
			member->step == ROTATE_MESH_COMMITTED) &&
		    (same(mesh->id, none) ||
			member->generation > mesh->generation)) {
			memcpy(mesh->id, member->id, sizeof(mesh->id));
			mesh->generation = member->generation;
		}
	}
	if (same(mesh->id, none))
		return true;
	for (size_t i = 0; i < mesh->nmembers; i++)
		mesh->members[i].answered = false;
	return false;
}

/* A new one is later than all that were finished. */
static bool
choose_rotation(struct rotate_mesh *mesh)
{
	const struct member *member;

	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		if (!counts(mesh, member) || !member->answered)
			continue;
		if ((member->step == ROTATE_MESH_STAGED ||
			member->step == ROTATE_MESH_COMMITTED) &&
		    !same(member->id, none) && !same(member->id, mesh->id)) {
			stop_for(mesh, member, "is in another rotation");
			return false;
		}
		if (same(mesh->id, none) &&
		    member->generation >= mesh->generation)
			mesh->generation = member->generation + 1;
	}
	if (same(mesh->id, none))
		randombytes_buf(mesh->id, sizeof(mesh->id));
	if (mesh->len == 0) {
		stop(mesh, false, "the new password is too long to be sent");
		return false;
	}
	return true;
}

/* Those at the lowest step go one up: the others are there or above. */
static void
decide_forward(
    struct rotate_mesh *mesh, enum rotate_mesh_step low, uint64_t now)
{
	const struct member *member;
	bool adopted = true;

	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		if (counts(mesh, member) && member->answered &&
		    member->step != ROTATE_MESH_BEFORE &&
		    !same(member->id, mesh->id))
			adopted = false;
	}
	if (low == ROTATE_MESH_BEFORE || !adopted)
		act(mesh, ROTATE_MESH_STAGE, now);
	else if (low == ROTATE_MESH_STAGED && mesh->goal > ROTATE_MESH_TO_STAGE)
		act(mesh, ROTATE_MESH_COMMIT, now);
	else if (low == ROTATE_MESH_COMMITTED &&
	    mesh->goal > ROTATE_MESH_TO_COMMIT)
		act(mesh, ROTATE_MESH_FINISH, now);
	else
		stop(mesh, true, rotate_mesh_step_text(low));
}

static void
decide_abort(struct rotate_mesh *mesh, enum rotate_mesh_step high, uint64_t now)
{
	if (high == ROTATE_MESH_FINISHED)
		stop(mesh, false,
		    "a node has finished: this rotation can not be aborted, "
		    "go on");
	else if (high == ROTATE_MESH_COMMITTED)
		act(mesh, ROTATE_MESH_UNCOMMIT, now);
	else if (high == ROTATE_MESH_STAGED)
		act(mesh, ROTATE_MESH_UNSTAGE, now);
	else
		stop(mesh, true, rotate_mesh_step_text(high));
}

static void
act(struct rotate_mesh *mesh, enum rotate_mesh_kind command, uint64_t now)
{
	mesh->phase = PHASE_ACTING;
	mesh->command = command;
	mesh->deadline = now + ROTATE_MESH_WAIT;
	for (size_t i = 0; i < mesh->nmembers; i++)
		mesh->members[i].sent_at = 0;
	drive_acting(mesh, now);
}

/* Who is missing is named, or with --force left behind. */
static void
late(struct rotate_mesh *mesh, uint64_t now)
{
	bool acting = mesh->phase == PHASE_ACTING;
	char text[ROTATE_MESH_TEXT];
	struct member *member;
	size_t count = 0, len;

	len = strlcpy(text, "missing: ", sizeof(text));
	for (size_t i = 0; i < mesh->nmembers; i++) {
		member = &mesh->members[i];
		if (!counts(mesh, member) ||
		    !(acting ? is_due(mesh, member) : !is_fresh(member, now)))
			continue;
		if (mesh->force && i > 0 && member->refused == 0) {
			member->skipped = true;
			continue;
		}
		len += put_name(
		    text + len, sizeof(text) - len, member->name, count++);
		if (member->refused == ROTATE_MESH_DEAF)
			len += strlcpy(text + len, " (mesh-rotation no)",
			    sizeof(text) - len);
		else if (member->refused == ROTATE_MESH_LED)
			len += strlcpy(text + len, " (led by another node)",
			    sizeof(text) - len);
		if (len > sizeof(text) - 64)
			break;
	}
	if (count > 0)
		stop(mesh, false, text);
	else
		ask(mesh, now);
}

static size_t
put_name(char *out, size_t size, uint64_t name, size_t before)
{
	char text[PEERNAME_STRLEN];
	int len = snprintf(out, size, "%s%s", before == 0 ? "" : ", ",
	    peername_format(name, text));

	return len < 0 ? 0 : (size_t)len;
}

static void
stop_for(struct rotate_mesh *mesh, const struct member *member, const char *why)
{
	char text[ROTATE_MESH_TEXT], name[PEERNAME_STRLEN];

	snprintf(text, sizeof(text), "%s %s",
	    peername_format(member->name, name), why);
	stop(mesh, false, text);
}

/* Others may lead at once. */
static void
stop(struct rotate_mesh *mesh, bool good, const char *text)
{
	for (size_t i = 0; i < mesh->nmembers; i++)
		if (mesh->members[i].up)
			send_to(
			    mesh, &mesh->members[i], ROTATE_MESH_RELEASE, 0);
	mesh->phase = PHASE_NONE;
	mesh->nmembers = 0;
	sodium_memzero(mesh->password, SESSION_PASSWORD_MAX);
	mesh->len = 0;
	mesh->ops->ended(mesh->arg, good, text);
}

const char *
rotate_mesh_step_text(enum rotate_mesh_step step)
{
	static const char *const words[ROTATE_MESH_STEP_MAX] = {
	    [ROTATE_MESH_BEFORE] = "before",
	    [ROTATE_MESH_STAGED] = "staged",
	    [ROTATE_MESH_COMMITTED] = "committed",
	    [ROTATE_MESH_FINISHED] = "finished",
	    [ROTATE_MESH_CHANGING] = "changing",
	};

	return words[step];
}
