/* The consensus of ipam_paxos.json step by step, and its corners. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/ipam_vectors.h"
#include "regress/lib/vectors.h"

#define PEER1 UINT64_C(0x0a0000000001)
#define NODES 3

static void expect_node(const json_t *, const struct paxos *);
static void step(struct paxos *, const char *);
static void nodes(struct paxos *, size_t);
static void nodes_free(struct paxos *);
static void send_state(const struct paxos *, struct paxos *);

static void
nodes(struct paxos *paxos, size_t quorum)
{
	for (unsigned i = 0; i < NODES; i++) {
		paxos_init(&paxos[i], PEER1 + i, 1001 + i);
		paxos[i].quorum = quorum;
	}
}

static void
nodes_free(struct paxos *paxos)
{
	for (unsigned i = 0; i < NODES; i++)
		paxos_free(&paxos[i]);
}

static void
expect_node(const json_t *object, const struct paxos *paxos)
{
	const struct paxos_claims *agreed = paxos_consensus(paxos);

	ATF_CHECK(ipam_vectors_paxos_equal(
	    vectors_get(object, "knows"), &paxos->known));
	ATF_CHECK_EQ(
	    json_is_true(vectors_get(object, "consensus")), agreed != NULL);
	ATF_CHECK(ipam_vectors_names_equal(vectors_get(object, "value_sorted"),
	    agreed == NULL ? NULL : agreed->value,
	    agreed == NULL ? 0 : agreed->nvalue));
}

/* The steps are given in words. */
static void
step(struct paxos *paxos, const char *text)
{
	char learnt[8], changed[8];
	unsigned from, to;

	printf("%s\n", text);
	fflush(stdout);
	if (sscanf(text,
		"node %u sends its state to node %u; learnt something: "
		"%7[a-z]; own claims changed: %7[a-z]",
		&from, &to, learnt, changed) == 4) {
		ATF_REQUIRE(from >= 1 && from <= NODES);
		ATF_REQUIRE(to >= 1 && to <= NODES);
		ATF_CHECK_EQ(strcmp(learnt, "true") == 0,
		    paxos_update(&paxos[to - 1], &paxos[from - 1].known));
		ATF_CHECK_EQ(
		    strcmp(changed, "true") == 0, paxos_think(&paxos[to - 1]));
		return;
	}
	ATF_REQUIRE_EQ_MSG(
	    1, sscanf(text, "node %u proposes", &from), "unknown step");
	ATF_REQUIRE(from >= 1 && from <= NODES);
	ATF_CHECK_EQ(1, paxos_propose(&paxos[from - 1]));
}

ATF_TC_WITHOUT_HEAD(run);
ATF_TC_BODY(run, tc)
{
	json_t *root = vectors_load("ipam_paxos.json"), *item;
	json_t *uids = vectors_get(root, "node_uids");
	struct paxos paxos[NODES];
	char name[16];
	size_t i;

	ATF_REQUIRE_EQ(NODES, vectors_u64(root, "nodes"));
	nodes(paxos, vectors_u64(root, "quorum"));
	json_array_foreach(uids, i, item)
		ATF_REQUIRE_EQ(
		    json_integer_value(item), (json_int_t)paxos[i].self.uid);
	json_array_foreach(vectors_get(root, "steps"), i, item) {
		step(paxos, vectors_text(item, "step"));
		for (unsigned n = 0; n < NODES; n++) {
			snprintf(name, sizeof(name), "node%u", n + 1);
			expect_node(vectors_get(item, name), &paxos[n]);
		}
	}
	ATF_CHECK_EQ(10, i);
	nodes_free(paxos);
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(quorum);
ATF_TC_BODY(quorum, tc)
{
	static const size_t expected[] = {1, 1, 2, 2, 3, 3};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		ATF_CHECK_EQ(expected[i], paxos_quorum(i));
}

/* Alone: proposing is enough. Without a quorum: nothing is concluded. */
ATF_TC_WITHOUT_HEAD(alone);
ATF_TC_BODY(alone, tc)
{
	const struct paxos_claims *agreed;
	struct paxos paxos;

	paxos_init(&paxos, PEER1, 7);
	ATF_CHECK_EQ(0, paxos_think(&paxos));
	ATF_CHECK_EQ(0, paxos.known.n);
	paxos.quorum = 1;
	ATF_CHECK_EQ(1, paxos_propose(&paxos));
	agreed = paxos_consensus(&paxos);
	ATF_REQUIRE(agreed != NULL);
	ATF_REQUIRE_EQ(1, agreed->nvalue);
	ATF_CHECK_EQ(PEER1, agreed->value[0]);
	paxos.quorum = 0;
	ATF_CHECK(paxos_consensus(&paxos) == NULL);
	paxos_free(&paxos);
}

static void
send_state(const struct paxos *from, struct paxos *to)
{
	ATF_REQUIRE(paxos_update(to, &from->known) >= 0);
	ATF_REQUIRE(paxos_think(to) >= 0);
}

/* What a quorum may have accepted is what every later proposal carries on. */
ATF_TC_WITHOUT_HEAD(value_is_kept);
ATF_TC_BODY(value_is_kept, tc)
{
	const struct paxos_claims *agreed;
	struct paxos paxos[NODES];

	nodes(paxos, 2);
	ATF_REQUIRE_EQ(1, paxos_propose(&paxos[0]));
	send_state(&paxos[0], &paxos[1]);
	send_state(&paxos[1], &paxos[0]);
	send_state(&paxos[0], &paxos[1]);
	ATF_REQUIRE(paxos_consensus(&paxos[1]) != NULL);
	/* The third knows nothing, then proposes above what it hears. */
	ATF_REQUIRE(paxos_update(&paxos[2], &paxos[1].known) == 1);
	ATF_REQUIRE_EQ(1, paxos_propose(&paxos[2]));
	send_state(&paxos[2], &paxos[1]);
	send_state(&paxos[1], &paxos[2]);
	send_state(&paxos[2], &paxos[1]);
	agreed = paxos_consensus(&paxos[1]);
	ATF_REQUIRE(agreed != NULL);
	ATF_CHECK_EQ(1, agreed->origin.round);
	ATF_CHECK_EQ(2, agreed->nvalue);
	nodes_free(paxos);
}

ATF_TC_WITHOUT_HEAD(same_name_twice);
ATF_TC_BODY(same_name_twice, tc)
{
	struct paxos old, new;

	paxos_init(&old, PEER1, 1);
	paxos_init(&new, PEER1, 2);
	ATF_REQUIRE_EQ(1, paxos_propose(&old));
	ATF_REQUIRE_EQ(1, paxos_update(&new, &old.known));
	ATF_CHECK_EQ(0, paxos_update(&new, &old.known));
	new.quorum = 1;
	ATF_REQUIRE_EQ(1, paxos_propose(&new));
	ATF_REQUIRE(paxos_consensus(&new) != NULL);
	ATF_CHECK_EQ(2, new.known.n);
	ATF_CHECK_EQ(1, paxos_consensus(&new)->nvalue);
	paxos_free(&old);
	paxos_free(&new);
}

ATF_TC_WITHOUT_HEAD(hostile);
ATF_TC_BODY(hostile, tc)
{
	struct paxos_table table = {0};
	struct paxos_claims *claims;
	struct paxos paxos;

	for (uint64_t i = 0; i < PAXOS_NODES_MAX; i++) {
		ATF_REQUIRE((claims = paxos_table_append(&table)) != NULL);
		claims->node.name = PEER1 + 1 + i;
		claims->promise.round = UINT64_MAX;
	}
	ATF_CHECK(paxos_table_append(&table) == NULL);
	ATF_CHECK(paxos_table_sort(&table));
	claims = &table.claims[0];
	for (size_t i = 0; i < PAXOS_NODES_MAX; i++)
		ATF_REQUIRE(paxos_claims_append(claims, i));
	ATF_CHECK(!paxos_claims_append(claims, 1));
	paxos_init(&paxos, PEER1, 1);
	paxos.quorum = 2;
	ATF_CHECK_EQ(1, paxos_update(&paxos, &table));
	ATF_CHECK_EQ(-1, paxos_think(&paxos)); /* no room for ours */
	ATF_CHECK_EQ(-1, paxos_propose(&paxos));
	ATF_CHECK(paxos_consensus(&paxos) == NULL);
	table.claims[0].node = table.claims[1].node;
	ATF_CHECK(!paxos_table_sort(&table));
	paxos_table_free(&table);
	paxos_free(&paxos);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, run);
	ATF_TP_ADD_TC(tp, quorum);
	ATF_TP_ADD_TC(tp, alone);
	ATF_TP_ADD_TC(tp, value_is_kept);
	ATF_TP_ADD_TC(tp, same_name_twice);
	ATF_TP_ADD_TC(tp, hostile);
	return atf_no_error();
}
