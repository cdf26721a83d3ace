/*
 * Rotation over a mesh, simulated: five nodes with their files, messages on
 * their way, links that break, nodes that are killed between any two things
 * that they do, several leaders. Whatever happens, every node accepts what any
 * other dials with; and in the end the mesh can be brought to one password.
 */
#include <atf-c.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/parent/rotate_mesh.h"

#define NODES 5
#define STEP 100 /* ms */
#define APPLY 600 /* ms until a change holds: the password is stretched */
#define MESSAGES 4096
#define SEEDS 100

/* Passwords are numbers from 1; 0: none. */
struct state {
	enum rotate_mesh_step step;
	uint8_t primary;
	uint8_t second;
};

struct sim_node {
	struct rotate_mesh *mesh; /* NULL: not running */
	uint64_t name;
	struct rotate_mesh_record record; /* these two are its disk */
	struct state files;
	struct state live; /* what holds */
	uint64_t apply; /* when files do, 0: they do */
	bool broken; /* its files can not be written */
	bool unknown; /* nobody knows it yet */
	int crash; /* after so many things done; 0: never, -1: it has */
	bool ended;
	bool good;
	char text[ROTATE_MESH_TEXT];
};

struct message {
	int from, to; /* -1: free */
	uint64_t at;
	struct session_body body;
};

static struct sim_node nodes[NODES];
static bool links[NODES][NODES];
static struct message messages[MESSAGES];
static uint64_t now, last_at[NODES][NODES];
static uint64_t state;
static unsigned loss; /* of 100 messages */
static int things; /* done by nodes so far */
static bool unchecked; /* a lock-out is what the test begins with */

static uint32_t
chance(uint32_t bound)
{
	state = state * UINT64_C(6364136223846793005) + 1442695040888963407u;
	return (uint32_t)(state >> 33) % bound;
}

/* False: the node was killed before it could. */
static bool
does(struct sim_node *node)
{
	things++;
	if (node->crash > 0 && --node->crash == 0)
		node->crash = -1;
	return node->crash != -1;
}

static void
op_send(void *arg, uint64_t peer, const struct session_body *body)
{
	struct sim_node *node = arg;
	int from = (int)(node - nodes), to = (int)peer - 1;
	struct message *message;

	if (!does(node) || to >= NODES || !links[from][to] ||
	    nodes[to].mesh == NULL || chance(100) < loss)
		return;
	for (message = messages; message->from != -1; message++)
		ATF_REQUIRE(message < messages + MESSAGES - 1);
	message->from = from;
	message->to = to;
	message->body = *body;
	/* In order, whatever the delay. */
	message->at = now + chance(4) * STEP + (chance(50) == 0 ? 15000 : 0);
	if (message->at < last_at[from][to])
		message->at = last_at[from][to];
	last_at[from][to] = message->at;
}

static enum rotate_mesh_step
op_step(void *arg)
{
	const struct sim_node *node = arg;

	return node->apply != 0 ? ROTATE_MESH_CHANGING : node->live.step;
}

static bool
change(struct sim_node *node, struct state to)
{
	if (node->broken || !does(node))
		return false;
	node->files = to;
	node->apply = now + APPLY;
	return true;
}

static bool
op_stage(void *arg, const uint8_t *password, size_t len)
{
	struct sim_node *node = arg;

	ATF_REQUIRE_EQ(4, len);
	ATF_REQUIRE_EQ(ROTATE_MESH_BEFORE, node->files.step);
	return change(node,
	    (struct state){
		ROTATE_MESH_STAGED, node->files.primary, password[0]});
}

static bool
op_commit(void *arg)
{
	struct sim_node *node = arg;

	ATF_REQUIRE_EQ(ROTATE_MESH_STAGED, node->files.step);
	return change(node,
	    (struct state){ROTATE_MESH_COMMITTED, node->files.second,
		node->files.primary});
}

static bool
op_finish(void *arg)
{
	struct sim_node *node = arg;

	ATF_REQUIRE_EQ(ROTATE_MESH_COMMITTED, node->files.step);
	return change(
	    node, (struct state){ROTATE_MESH_BEFORE, node->files.primary, 0});
}

static bool
op_abort(void *arg)
{
	struct sim_node *node = arg;
	struct state to = {ROTATE_MESH_BEFORE, node->files.primary, 0};

	ATF_REQUIRE(node->files.step != ROTATE_MESH_BEFORE);
	if (node->files.step == ROTATE_MESH_COMMITTED)
		to = (struct state){ROTATE_MESH_STAGED, node->files.second,
		    node->files.primary};
	return change(node, to);
}

static bool
op_is_primary(void *arg, const uint8_t *password, size_t len)
{
	const struct sim_node *node = arg;

	return len == 4 && password[0] == node->files.primary;
}

static bool
op_is_new(void *arg, const uint8_t *password, size_t len)
{
	const struct sim_node *node = arg;

	return len == 4 && password[0] == node->files.second;
}

static size_t
op_new_password(void *arg, uint8_t password[SESSION_PASSWORD_MAX])
{
	const struct sim_node *node = arg;

	memset(password,
	    node->files.step == ROTATE_MESH_STAGED ? node->files.second
						   : node->files.primary,
	    4);
	return 4;
}

static void
op_keep(void *arg, const struct rotate_mesh_record *record)
{
	struct sim_node *node = arg;

	if (does(node))
		node->record = *record;
}

static void
op_progress(void *arg, uint64_t peer, enum rotate_mesh_step step)
{
	(void)arg;
	ATF_CHECK(peer > 0 && peer <= NODES);
	ATF_CHECK(step <= ROTATE_MESH_FINISHED);
}

static void
op_ended(void *arg, bool good, const char *text)
{
	struct sim_node *node = arg;

	node->ended = true;
	node->good = good;
	strlcpy(node->text, text, sizeof(node->text));
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
node_start(int i)
{
	struct sim_node *node = &nodes[i];

	if (node->mesh != NULL)
		return;
	node->crash = 0;
	node->apply = 0;
	node->live = node->files;
	node->mesh = rotate_mesh_new(node->name, &node->record, &ops, node);
	ATF_REQUIRE(node->mesh != NULL);
}

static void
forget_messages(int i, int j)
{
	for (struct message *m = messages; m < messages + MESSAGES; m++)
		if ((m->from == i && (j == -1 || m->to == j)) ||
		    (m->to == i && (j == -1 || m->from == j)))
			m->from = m->to = -1;
}

static void
node_kill(int i)
{
	rotate_mesh_free(nodes[i].mesh);
	nodes[i].mesh = NULL;
	nodes[i].apply = 0;
	nodes[i].live = nodes[i].files;
	forget_messages(i, -1);
}

static void
link_set(int i, int j, bool up)
{
	links[i][j] = links[j][i] = up;
	if (!up)
		forget_messages(i, j);
}

static void
setup(uint64_t seed)
{
	ATF_REQUIRE(sodium_init() != -1);
	state = seed * 1000003 + 17;
	now = 1000000;
	loss = 0;
	things = 0;
	for (int i = 0; i < MESSAGES; i++)
		messages[i].from = messages[i].to = -1;
	memset(nodes, 0, sizeof(nodes));
	memset(last_at, 0, sizeof(last_at));
	for (int i = 0; i < NODES; i++) {
		nodes[i].name = (uint64_t)i + 1;
		nodes[i].files = (struct state){ROTATE_MESH_BEFORE, 1, 0};
		node_start(i);
		for (int j = 0; j < NODES; j++)
			links[i][j] = true;
	}
}

static void
teardown(void)
{
	for (int i = 0; i < NODES; i++)
		node_kill(i);
}

static bool
accepts(const struct state *b, uint8_t password)
{
	return password == b->primary || password == b->second;
}

/* A node that is down comes back as its files say. */
static void
check(uint64_t seed)
{
	for (int i = 0; i < NODES && !unchecked; i++)
		for (int j = 0; j < NODES; j++)
			if (!nodes[i].unknown && !nodes[j].unknown &&
			    !accepts(&nodes[j].live, nodes[i].live.primary))
				atf_tc_fail("seed %llu: %d (%s) is locked out "
					    "by %d (%s)",
				    (unsigned long long)seed, i + 1,
				    rotate_mesh_step_text(nodes[i].live.step),
				    j + 1,
				    rotate_mesh_step_text(nodes[j].live.step));
}

static void
settle_node(int i, uint64_t seed)
{
	struct sim_node *node = &nodes[i];

	if (node->crash == -1)
		node_kill(i);
	if (node->mesh != NULL && node->apply != 0 && now >= node->apply) {
		node->apply = 0;
		node->live = node->files;
	}
	check(seed);
}

static void
view(int i)
{
	struct rotate_mesh_peer peers[NODES];
	size_t n = 0;

	for (int j = 0; j < NODES; j++)
		if (j != i && (!nodes[j].unknown || links[i][j]))
			peers[n++] = (struct rotate_mesh_peer){nodes[j].name,
			    links[i][j] && nodes[j].mesh != NULL};
	rotate_mesh_view(nodes[i].mesh, peers, n, now);
}

static void
deliver(uint64_t seed)
{
	struct message *m, copy;

	for (m = messages; m < messages + MESSAGES; m++) {
		if (m->from == -1 || m->at > now)
			continue;
		copy = *m;
		m->from = m->to = -1;
		if (nodes[copy.to].mesh == NULL)
			continue;
		rotate_mesh_receive(nodes[copy.to].mesh, nodes[copy.from].name,
		    &copy.body, now);
		settle_node(copy.to, seed);
	}
}

static void
run_step(uint64_t seed)
{
	now += STEP;
	/* Delivered in the order of sending on each way. */
	deliver(seed);
	for (int i = 0; i < NODES; i++) {
		settle_node(i, seed);
		if (nodes[i].mesh != NULL && now % 500 == 0)
			view(i);
		settle_node(i, seed);
		if (nodes[i].mesh != NULL)
			rotate_mesh_tick(nodes[i].mesh, now);
		settle_node(i, seed);
	}
}

static bool
lead(int i, enum rotate_mesh_goal goal, uint8_t password, bool force)
{
	uint8_t bytes[4];
	bool begun;

	memset(bytes, password, sizeof(bytes));
	nodes[i].ended = nodes[i].good = false;
	begun =
	    rotate_mesh_lead(nodes[i].mesh, goal, password == 0 ? NULL : bytes,
		sizeof(bytes), force, now, nodes[i].text);
	if (begun)
		view(i);
	settle_node(i, 0);
	return begun;
}

/* Until the leader is through, or gone; was it good? */
static bool
finish_leading(int i, uint64_t seed)
{
	for (int n = 0; n < 6000 && nodes[i].mesh != NULL && !nodes[i].ended;
	     n++)
		run_step(seed);
	return nodes[i].mesh != NULL && nodes[i].ended && nodes[i].good;
}

static bool
all_are(enum rotate_mesh_step step, uint8_t primary)
{
	for (int i = 0; i < NODES; i++)
		if (nodes[i].mesh == NULL || nodes[i].live.step != step ||
		    nodes[i].live.primary != primary)
			return false;
	return true;
}

static bool
in_rotation(void)
{
	for (int i = 0; i < NODES; i++)
		if (nodes[i].live.step != ROTATE_MESH_BEFORE ||
		    nodes[i].live.primary != nodes[0].live.primary)
			return true;
	return false;
}

/* What an operator does who finds such a mesh. */
static void
recover(uint64_t seed, bool abort)
{
	enum rotate_mesh_goal goal =
	    abort ? ROTATE_MESH_TO_ABORT : ROTATE_MESH_TO_FINISH;

	loss = 0;
	for (int i = 0; i < NODES; i++) {
		nodes[i].crash = 0;
		node_start(i);
		for (int j = 0; j < NODES; j++)
			link_set(i, j, true);
	}
	/* Leaders of before come to their end. */
	for (int n = 0; n < 2000; n++)
		run_step(seed);
	for (int tries = 0; tries < 8 && in_rotation(); tries++)
		for (int i = 0; i < NODES && in_rotation(); i++) {
			if (!rotate_mesh_leading(nodes[i].mesh) &&
			    lead(i, tries < 4 ? goal : ROTATE_MESH_TO_ABORT, 0,
				false))
				finish_leading(i, seed);
			if (tries == 1)
				goal = ROTATE_MESH_TO_FINISH;
		}
	if (in_rotation())
		for (int i = 0; i < NODES; i++)
			fprintf(stderr, "%d: %s %u/%u: %s\n", i + 1,
			    rotate_mesh_step_text(nodes[i].live.step),
			    nodes[i].live.primary, nodes[i].live.second,
			    nodes[i].text);
	ATF_REQUIRE_MSG(
	    !in_rotation(), "seed %llu: no way out", (unsigned long long)seed);
}

ATF_TC_WITHOUT_HEAD(all_the_way);
ATF_TC_BODY(all_the_way, tc)
{
	setup(1);
	ATF_REQUIRE(lead(2, ROTATE_MESH_TO_FINISH, 7, false));
	ATF_CHECK(finish_leading(2, 1));
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 7));
	/* And once more, with a higher generation. */
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 8, false));
	ATF_CHECK(finish_leading(0, 1));
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 8));
	ATF_CHECK_EQ(2, nodes[4].record.finished_generation);
	/* The present one is none. */
	ATF_CHECK(!lead(0, ROTATE_MESH_TO_FINISH, 8, false));
	teardown();
}

ATF_TC_WITHOUT_HEAD(step_by_step);
ATF_TC_BODY(step_by_step, tc)
{
	setup(1);
	ATF_CHECK(!lead(0, ROTATE_MESH_TO_COMMIT, 0, false));
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_STAGE, 7, false));
	ATF_CHECK(finish_leading(0, 1));
	ATF_CHECK(all_are(ROTATE_MESH_STAGED, 1));
	ATF_CHECK(!lead(1, ROTATE_MESH_TO_STAGE, 8, false));
	/* Any of them goes on. */
	ATF_REQUIRE(lead(3, ROTATE_MESH_TO_COMMIT, 0, false));
	ATF_CHECK(finish_leading(3, 1));
	ATF_CHECK(all_are(ROTATE_MESH_COMMITTED, 7));
	ATF_REQUIRE(lead(2, ROTATE_MESH_TO_ABORT, 0, false));
	ATF_CHECK(finish_leading(2, 1));
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 1));
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_COMMIT, 7, false));
	ATF_CHECK(finish_leading(0, 1));
	ATF_REQUIRE(lead(4, ROTATE_MESH_TO_FINISH, 0, false));
	ATF_CHECK(finish_leading(4, 1));
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 7));
	/* Nothing to abort is no failure. */
	ATF_REQUIRE(lead(1, ROTATE_MESH_TO_ABORT, 0, false));
	ATF_CHECK(finish_leading(1, 1));
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 7));
	teardown();
}

/* A minute, then its name; with force it is left behind. */
ATF_TC_WITHOUT_HEAD(missing);
ATF_TC_BODY(missing, tc)
{
	uint64_t begun;

	setup(1);
	node_kill(3);
	begun = now;
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 7, false));
	ATF_CHECK(!finish_leading(0, 1));
	ATF_CHECK(now - begun >= ROTATE_MESH_WAIT);
	ATF_CHECK(now - begun < ROTATE_MESH_WAIT + 5000);
	ATF_CHECK_STREQ("missing: 00:00:00:00:00:04", nodes[0].text);
	for (int i = 0; i < NODES; i++)
		ATF_CHECK_EQ(ROTATE_MESH_BEFORE, nodes[i].live.step);
	/* A neighbour of others alone is missing as well. */
	node_start(3);
	link_set(0, 3, false);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 7, false));
	ATF_CHECK(!finish_leading(0, 1));
	ATF_CHECK_EQ(ROTATE_MESH_BEFORE, nodes[1].live.step);
	teardown();
}

static void
run_forced(void)
{
	for (int n = 0; n < 6000 && !nodes[0].ended; n++) {
		now += STEP;
		for (struct message *m = messages; m < messages + MESSAGES;
		     m++) {
			struct message copy = *m;

			if (m->from == -1 || m->at > now)
				continue;
			m->from = m->to = -1;
			rotate_mesh_receive(nodes[copy.to].mesh,
			    nodes[copy.from].name, &copy.body, now);
		}
		for (int i = 0; i < NODES; i++) {
			if (nodes[i].apply != 0 && now >= nodes[i].apply) {
				nodes[i].apply = 0;
				nodes[i].live = nodes[i].files;
			}
			if (nodes[i].mesh != NULL)
				rotate_mesh_tick(nodes[i].mesh, now);
		}
	}
}

ATF_TC_WITHOUT_HEAD(forced);
ATF_TC_BODY(forced, tc)
{
	setup(1);
	node_kill(3);
	rotate_mesh_set_deaf(nodes[4].mesh, true);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 7, true));
	run_forced();
	/* Deaf is what the operator said there: force is not for that. */
	ATF_CHECK(nodes[0].ended && !nodes[0].good);
	ATF_CHECK_STREQ(
	    "missing: 00:00:00:00:00:05 (mesh-rotation no)", nodes[0].text);
	rotate_mesh_set_deaf(nodes[4].mesh, false);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 7, true));
	run_forced();
	ATF_CHECK(nodes[0].ended && nodes[0].good);
	for (int i = 0; i < NODES; i++)
		ATF_CHECK_EQ(i == 3 ? 1 : 7, nodes[i].live.primary);
	teardown();
}

/* What one node can not do stops all, with its name. */
ATF_TC_WITHOUT_HEAD(failures);
ATF_TC_BODY(failures, tc)
{
	setup(1);
	nodes[2].broken = true;
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 7, false));
	ATF_CHECK(!finish_leading(0, 1));
	ATF_CHECK_STREQ("00:00:00:00:00:03 could not do it, its log says why",
	    nodes[0].text);
	nodes[2].broken = false;
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 0, false));
	ATF_CHECK(finish_leading(0, 1));
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 7));
	/* Ourself: nobody else begins. */
	nodes[1].broken = true;
	ATF_REQUIRE(lead(1, ROTATE_MESH_TO_FINISH, 8, false));
	ATF_CHECK(!finish_leading(1, 1));
	for (int i = 0; i < NODES; i++)
		ATF_CHECK_EQ(ROTATE_MESH_BEFORE, nodes[i].live.step);
	teardown();
}

ATF_TC_WITHOUT_HEAD(two_rotations);
ATF_TC_BODY(two_rotations, tc)
{
	setup(1);
	/* Staged by hand, with another password. */
	nodes[3].files = nodes[3].live =
	    (struct state){ROTATE_MESH_STAGED, 1, 9};
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 7, false));
	ATF_CHECK(!finish_leading(0, 1));
	ATF_CHECK_STREQ(
	    "00:00:00:00:00:04 is in another rotation", nodes[0].text);
	/* With the same one it belongs to it. */
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_ABORT, 0, false));
	ATF_CHECK(finish_leading(0, 1));
	ATF_CHECK_EQ(ROTATE_MESH_STAGED, nodes[3].live.step);
	nodes[2].files = nodes[2].live =
	    (struct state){ROTATE_MESH_STAGED, 1, 9};
	nodes[2].crash = 0;
	ATF_REQUIRE(lead(3, ROTATE_MESH_TO_FINISH, 0, false));
	ATF_CHECK(finish_leading(3, 1));
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 9));
	teardown();
}

/* Two leaders at a time: one waits for the other, nobody is hurt. */
ATF_TC_WITHOUT_HEAD(two_leaders);
ATF_TC_BODY(two_leaders, tc)
{
	setup(1);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_COMMIT, 7, false));
	ATF_CHECK(finish_leading(0, 1));
	ATF_REQUIRE(lead(1, ROTATE_MESH_TO_ABORT, 0, false));
	run_step(1);
	ATF_REQUIRE(lead(2, ROTATE_MESH_TO_FINISH, 0, false));
	finish_leading(1, 1);
	finish_leading(2, 1);
	recover(1, false);
	teardown();
}

/* All but the newcomer: the next step may have begun. */
static bool
all_staged(void)
{
	for (int i = 0; i < 4; i++)
		if (nodes[i].files.step == ROTATE_MESH_BEFORE)
			return false;
	return true;
}

/* Who joins late is brought along before the next step. */
ATF_TC_WITHOUT_HEAD(newcomer);
ATF_TC_BODY(newcomer, tc)
{
	int joined = 0;

	for (uint64_t when = 0; when < 200; when += 3) {
		setup(when);
		nodes[4].unknown = true;
		for (int i = 0; i < 4; i++)
			link_set(i, 4, false);
		ATF_REQUIRE(lead(0, ROTATE_MESH_TO_COMMIT, 7, false));
		for (uint64_t n = 0; n < when && !nodes[0].ended; n++)
			run_step(when);
		/* Soon others dial by what it does not know. */
		unchecked = all_staged();
		joined += !unchecked;
		for (int i = 0; i < 4; i++)
			link_set(i, 4, true);
		nodes[4].unknown = false;
		view(0);
		finish_leading(0, when);
		ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 0, false));
		ATF_CHECK(finish_leading(0, when));
		ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 7));
		unchecked = false;
		teardown();
	}
	ATF_CHECK(joined > 5);
}

/* Replayed, late, forged and foreign messages of a member. */
ATF_TC_WITHOUT_HEAD(stale);
ATF_TC_BODY(stale, tc)
{
	struct session_body body = {.kind = ROTATE_MESH_COMMIT};

	setup(1);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_STAGE, 7, false));
	ATF_CHECK(finish_leading(0, 1));
	memcpy(body.rotation, nodes[2].record.id, sizeof(body.rotation));
	for (int n = 0; n < 200; n++)
		run_step(1);
	/* It does not lead, and nobody else does. */
	rotate_mesh_receive(nodes[2].mesh, 5, &body, now);
	ATF_CHECK_EQ(ROTATE_MESH_STAGED, nodes[2].files.step);
	for (int kind = 0; kind < 256; kind++) {
		body.kind = (uint8_t)kind;
		body.step = (uint8_t)kind;
		rotate_mesh_receive(nodes[2].mesh, 99, &body, now);
	}
	forget_messages(2, -1);
	/* An answer to who led before. */
	link_set(0, 2, false);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_COMMIT, 0, false));
	body.kind = ROTATE_MESH_STATE;
	body.step = ROTATE_MESH_STAGED;
	body.len = 8;
	for (int n = 0; n < 6000 && !nodes[0].ended; n++) {
		rotate_mesh_receive(nodes[0].mesh, 3, &body, now);
		run_step(1);
	}
	ATF_CHECK(nodes[0].ended && !nodes[0].good);
	ATF_CHECK_EQ(ROTATE_MESH_STAGED, nodes[1].live.step);
	link_set(0, 2, true);
	/* An older generation than was finished. */
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 0, false));
	ATF_CHECK(finish_leading(0, 1));
	nodes[3].record.finished_generation = 50;
	node_kill(3);
	node_start(3);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 8, false));
	ATF_CHECK(finish_leading(0, 1));
	ATF_CHECK_EQ(51, nodes[1].record.finished_generation);
	ATF_CHECK(all_are(ROTATE_MESH_BEFORE, 8));
	teardown();
}

/* A node killed after each single thing that it does, also the leader. */
ATF_TC_WITHOUT_HEAD(killed_at_every_step);
ATF_TC_BODY(killed_at_every_step, tc)
{
	int most;

	setup(3);
	ATF_REQUIRE(lead(0, ROTATE_MESH_TO_FINISH, 7, false));
	ATF_REQUIRE(finish_leading(0, 3));
	most = things;
	teardown();
	ATF_CHECK(most > 50);
	for (int who = 0; who < 2; who++)
		for (int at = 1; at <= most; at++)
			for (int back = 0; back < 2; back++) {
				setup(3);
				nodes[who].crash = at;
				ATF_REQUIRE(
				    lead(0, ROTATE_MESH_TO_FINISH, 7, false));
				for (int n = 0; n < 300; n++)
					run_step(3);
				if (back)
					node_start(who);
				for (int n = 0; n < 300; n++)
					run_step(3);
				recover(3, at % 2 == 0);
				teardown();
			}
}

/* Everything at once. */
static void
chaos(uint64_t seed)
{
	setup(seed);
	loss = chance(2) ? 0 : chance(30);
	for (int n = 0; n < 3000; n++) {
		int i = (int)chance(NODES), j = (int)chance(NODES);

		run_step(seed);
		if (chance(150) == 0 && i != j)
			link_set(i, j, !links[i][j] || chance(3) != 0);
		if (chance(400) == 0 && nodes[i].mesh != NULL)
			nodes[i].crash = 1 + (int)chance(40);
		if (chance(60) == 0)
			node_start(i);
		if (chance(100) == 0 && nodes[i].mesh != NULL)
			lead(i, (enum rotate_mesh_goal)chance(4),
			    chance(3) == 0 ? (uint8_t)(2 + chance(3)) : 0,
			    false);
	}
	recover(seed, chance(2) == 0);
	teardown();
}

ATF_TC(random);
ATF_TC_HEAD(random, tc)
{
	atf_tc_set_md_var(tc, "timeout", "600");
}
ATF_TC_BODY(random, tc)
{
	const char *seeds = getenv("SEEDS");
	uint64_t count = seeds == NULL ? SEEDS : strtoull(seeds, NULL, 10);

	for (uint64_t seed = 1; seed <= count; seed++)
		chaos(seed);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, all_the_way);
	ATF_TP_ADD_TC(tp, step_by_step);
	ATF_TP_ADD_TC(tp, missing);
	ATF_TP_ADD_TC(tp, forced);
	ATF_TP_ADD_TC(tp, failures);
	ATF_TP_ADD_TC(tp, two_rotations);
	ATF_TP_ADD_TC(tp, two_leaders);
	ATF_TP_ADD_TC(tp, newcomer);
	ATF_TP_ADD_TC(tp, stale);
	ATF_TP_ADD_TC(tp, killed_at_every_step);
	ATF_TP_ADD_TC(tp, random);
	return atf_no_error();
}
