/*
 * One password rotation over a whole mesh (hardened-protocol 7, --mesh): what
 * parents say to each other, as a machine without sockets, files or clock.
 *
 * A coordinator raises all nodes by one step at a time, and only those that
 * are at the lowest: so nobody commits before all have staged, or finishes
 * before all have committed, and who joins late is brought along. It aborts
 * likewise from the top. Between two steps it asks everybody where they are;
 * an answer also grants it, and nobody else, the right to command that node.
 * A command that comes late, from a coordinator that was replaced meanwhile,
 * finds another one's right and does nothing.
 *
 * A node keeps the id of its rotation on disk: after a crash of whoever, any
 * node that holds the new password can go on, and any node abort.
 *
 * Where a body has no password, it has a number of the leader's there, which
 * the answers repeat.
 *
 * Times: milliseconds of CLOCK_MONOTONIC.
 */
#ifndef PARENT_ROTATE_MESH_H
#define PARENT_ROTATE_MESH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/parent/session.h"

#define ROTATE_MESH_PEERS_MAX 1024
#define ROTATE_MESH_WAIT 60000 /* for those that are missing */
#define ROTATE_MESH_RESEND 1000
#define ROTATE_MESH_FRESH 10000 /* an answer lets a barrier pass for so long */
#define ROTATE_MESH_LEASE 45000 /* of the right to command a node */
#define ROTATE_MESH_TEXT 480

enum rotate_mesh_step {
	ROTATE_MESH_BEFORE,
	ROTATE_MESH_STAGED,
	ROTATE_MESH_COMMITTED,
	ROTATE_MESH_FINISHED,
	ROTATE_MESH_CHANGING, /* of ops->step alone: ask again */
	ROTATE_MESH_STEP_MAX
};

/* Kind of a body. */
enum rotate_mesh_kind {
	ROTATE_MESH_ASK = 1, /* where are you? I lead */
	ROTATE_MESH_STAGE, /* with the password */
	ROTATE_MESH_COMMIT,
	ROTATE_MESH_FINISH,
	ROTATE_MESH_UNCOMMIT,
	ROTATE_MESH_UNSTAGE,
	ROTATE_MESH_RELEASE, /* I lead no longer */
	ROTATE_MESH_STATE, /* answer: step, id and generation */
	ROTATE_MESH_REFUSE, /* answer: step is an enum rotate_mesh_refusal */
	ROTATE_MESH_KIND_MAX
};

enum rotate_mesh_refusal {
	ROTATE_MESH_LED = 1, /* by another node */
	ROTATE_MESH_OTHER, /* in another rotation */
	ROTATE_MESH_OLD, /* generation not above the last finished one */
	ROTATE_MESH_DEAF, /* by its configuration */
	ROTATE_MESH_FAILED, /* it could not; its log says why */
	ROTATE_MESH_REFUSAL_MAX
};

enum rotate_mesh_goal {
	ROTATE_MESH_TO_STAGE,
	ROTATE_MESH_TO_COMMIT,
	ROTATE_MESH_TO_FINISH,
	ROTATE_MESH_TO_ABORT,
	ROTATE_MESH_TO_ASK /* nothing but the state of all */
};

/* What a node keeps on disk; an id of zeros: none. */
struct rotate_mesh_record {
	uint8_t id[SESSION_ROTATION_LEN];
	uint64_t generation;
	uint8_t finished[SESSION_ROTATION_LEN]; /* the last one */
	uint64_t finished_generation;
	bool finishing;
};

/* A node that the rotation has to reach. */
struct rotate_mesh_peer {
	uint64_t name;
	bool up; /* it is a neighbour by version 3 */
};

/* What it does on this host; the answers of a step come with ops->step. */
struct rotate_mesh_ops {
	/* Lost if the peer has no session. */
	void (*send)(void *arg, uint64_t peer, const struct session_body *body);
	enum rotate_mesh_step (*step)(void *arg);
	/* False: it can not be done; the log says why. */
	bool (*stage)(void *arg, const uint8_t *password, size_t len);
	bool (*commit)(void *arg);
	bool (*finish)(void *arg);
	bool (*abort)(void *arg); /* one step */
	/* Is this what we dial with, what we accept beside it? */
	bool (*is_primary)(void *arg, const uint8_t *password, size_t len);
	bool (*is_new)(void *arg, const uint8_t *password, size_t len);
	/* The newest that we have; its length, 0: too long to be sent. */
	size_t (*new_password)(
	    void *arg, uint8_t password[SESSION_PASSWORD_MAX]);
	void (*keep)(void *arg, const struct rotate_mesh_record *record);
	/* Who leads: news of a peer, and the end; text is a sentence. */
	void (*progress)(void *arg, uint64_t peer, enum rotate_mesh_step step);
	void (*ended)(void *arg, bool good, const char *text);
};

struct rotate_mesh;

/* record: as kept last, zeros: never. NULL: no memory. */
struct rotate_mesh *rotate_mesh_new(uint64_t name,
    const struct rotate_mesh_record *record, const struct rotate_mesh_ops *ops,
    void *arg);
/* Wipes. NULL is fine. */
void rotate_mesh_free(struct rotate_mesh *mesh);
/* mesh-rotation no: refuse whatever others want. */
void rotate_mesh_set_deaf(struct rotate_mesh *mesh, bool deaf);

/*
 * Leads from now on until ops->ended. password, 1 to SESSION_PASSWORD_MAX
 * bytes, begins a rotation; NULL: go on with the one that is under way. False:
 * text says why not.
 */
bool rotate_mesh_lead(struct rotate_mesh *mesh, enum rotate_mesh_goal goal,
    const uint8_t *password, size_t len, bool force, uint64_t now,
    char text[ROTATE_MESH_TEXT]);
bool rotate_mesh_leading(const struct rotate_mesh *mesh);
/* After rotate_mesh_lead(): no step before the next rotate_mesh_view(). */
void rotate_mesh_wait_view(struct rotate_mesh *mesh);
/* All other nodes that are known now. */
void rotate_mesh_view(struct rotate_mesh *mesh,
    const struct rotate_mesh_peer *peers, size_t count, uint64_t now);
/* From the parent of this peer; of any content. */
void rotate_mesh_receive(struct rotate_mesh *mesh, uint64_t peer,
    const struct session_body *body, uint64_t now);
/* When to call again, UINT64_MAX: not before something comes. */
uint64_t rotate_mesh_tick(struct rotate_mesh *mesh, uint64_t now);
const char *rotate_mesh_step_text(enum rotate_mesh_step step);

#endif
