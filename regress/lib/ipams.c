#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <atf-c.h>

#include "regress/lib/ipams.h"
#include "weaved/engine/ipam/state.h"

#define REQUEST 7 /* of the simple functions below */

/* What rows say. */
struct count {
	uint64_t peer;
	uint32_t owned;
	const char *name;
	uint64_t value;
	size_t conflicts;
	struct ctl_ipam status;
};

static char last_error[512];

static struct ipam_node *node_by_name(struct ipams *, uint64_t);
static bool reaches(const struct ipam_node *, const struct ipam_node *);
static void post(
    struct ipam_node *, uint64_t, bool, bool, const void *, size_t);
static bool wait_answer(struct ipams *, size_t, uint32_t);
static void count_row(void *, uint32_t, const void *);
static void emit(void *, uint32_t, const void *, size_t);
static struct count ask(struct ipams *, size_t, uint64_t, const char *);
static bool same_ring(const struct ring *, const struct ring *);

uint32_t
ipams_random(struct ipams *ipams, uint32_t bound)
{
	/* splitmix64 */
	uint64_t z = ipams->seed += UINT64_C(0x9e3779b97f4a7c15);

	z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
	return (uint32_t)((z ^ z >> 31) % bound);
}

static struct ipam_node *
node_by_name(struct ipams *ipams, uint64_t name)
{
	for (size_t i = 0; i < ipams->n; i++)
		if (ipams->nodes[i].conf.name == name)
			return &ipams->nodes[i];
	return NULL;
}

static bool
reaches(const struct ipam_node *a, const struct ipam_node *b)
{
	return a != b && b != NULL && b->ipam != NULL && a->group == b->group;
}

static void
post(struct ipam_node *from, uint64_t to, bool gossip, bool broadcast,
    const void *data, size_t len)
{
	struct ipams *ipams = from->ipams;
	struct ipams_message *message;

	if (ipams->nmessages == IPAMS_MESSAGES_MAX)
		return;
	message = &ipams->messages[ipams->nmessages++];
	*message = (struct ipams_message){
	    to, from->conf.name, gossip, broadcast, NULL, len};
	if (data == NULL)
		return;
	message->data = malloc(len);
	memcpy(message->data, data, len);
	if (ipams->drop != NULL && ipams->drop(message)) {
		free(message->data);
		ipams->nmessages--;
	}
}

static bool
op_unicast(void *arg, uint64_t peer, const uint8_t *data, size_t len)
{
	struct ipam_node *node = arg;

	if (!reaches(node, node_by_name(node->ipams, peer)))
		return false;
	post(node, peer, false, false, data, len);
	return true;
}

static void
op_broadcast(void *arg, uint64_t source)
{
	struct ipam_node *node = arg;
	struct ipams *ipams = node->ipams;

	if (source != node->conf.name) {
		node->relays++;
		return;
	}
	for (size_t i = 0; i < ipams->n; i++)
		if (reaches(node, &ipams->nodes[i]))
			post(node, ipams->nodes[i].conf.name, false, true, NULL,
			    0);
}

static bool
op_known(void *arg, uint64_t peer)
{
	struct ipam_node *node = arg;

	return peer == node->conf.name ||
	    reaches(node, node_by_name(node->ipams, peer));
}

static uint32_t
op_targets(void *arg)
{
	return ((struct ipam_node *)arg)->targets;
}

static void
op_save(void *arg, const uint8_t *data, size_t len)
{
	struct ipam_node *node = arg;

	ATF_REQUIRE(node->write == NULL);
	node->write = malloc(len);
	memcpy(node->write, data, len);
	node->write_len = len;
}

static void
op_answer(void *arg, uint32_t request, const struct ipam_answer *answer)
{
	struct ipam_node *node = arg;
	size_t slot = request % IPAMS_ANSWERS_MAX;

	node->answers[slot].request = request;
	node->answers[slot].answer = *answer;
	node->answers[slot].failed = answer->error != NULL;
	strlcpy(node->answers[slot].error,
	    answer->error == NULL ? "" : answer->error,
	    sizeof(node->answers[slot].error));
	if (node->ipams->answered != NULL)
		node->ipams->answered(node, request, answer);
}

static uint32_t
op_random(void *arg, uint32_t bound)
{
	return ipams_random(((struct ipam_node *)arg)->ipams, bound);
}

static int64_t
op_wall(void *arg)
{
	return (int64_t)(((struct ipam_node *)arg)->ipams->now / 1000);
}

static const struct ipam_ops ops = {
    .unicast = op_unicast,
    .broadcast = op_broadcast,
    .known = op_known,
    .targets = op_targets,
    .save = op_save,
    .answer = op_answer,
    .random = op_random,
    .wall = op_wall,
};

void
ipams_init(struct ipams *ipams, size_t n, uint64_t seed)
{
	memset(ipams, 0, sizeof(*ipams));
	ipams->now = 1000;
	ipams->seed = seed;
	ipams->n = n;
	for (size_t i = 0; i < n; i++) {
		struct ipam_node *node = &ipams->nodes[i];

		node->ipams = ipams;
		node->conf.name = UINT64_C(0x0a0000000001) + i;
		snprintf(node->conf.nickname, sizeof(node->conf.nickname),
		    "host%zu", i + 1);
		ATF_REQUIRE(subnet_parse("10.32.0.0/24", &node->conf.range));
		node->conf.subnet = node->conf.range;
		node->conf.count = (uint32_t)n;
	}
}

void
ipams_free(struct ipams *ipams)
{
	for (size_t i = 0; i < ipams->n; i++) {
		ipams_kill(ipams, i);
		free(ipams->nodes[i].disk);
	}
	for (size_t i = 0; i < ipams->nmessages; i++)
		free(ipams->messages[i].data);
}

void
ipams_start(struct ipams *ipams, size_t i)
{
	struct ipam_node *node = &ipams->nodes[i];

	node->conf.uid = ++ipams->uids;
	node->ipam = ipam_new(&node->conf, &ops, node, node->disk,
	    node->disk_len, &node->damaged, ipams->now);
	ATF_REQUIRE(node->ipam != NULL);
	ipam_tick(node->ipam, ipams->now);
	/* Connections are made, with gossip down each of them. */
	ipams_gossip(ipams, i);
	for (size_t j = 0; j < ipams->n; j++)
		if (reaches(node, &ipams->nodes[j]))
			post(&ipams->nodes[j], node->conf.name, true, false,
			    NULL, 0);
}

void
ipams_start_all(struct ipams *ipams)
{
	for (size_t i = 0; i < ipams->n; i++)
		ipams_start(ipams, i);
	ipams_settle(ipams);
}

void
ipams_kill(struct ipams *ipams, size_t i)
{
	struct ipam_node *node = &ipams->nodes[i];

	ipam_free(node->ipam);
	node->ipam = NULL;
	free(node->write);
	node->write = NULL;
}

void
ipams_gossip(struct ipams *ipams, size_t i)
{
	struct ipam_node *node = &ipams->nodes[i];

	for (size_t j = 0; j < ipams->n; j++)
		if (node->ipam != NULL && reaches(node, &ipams->nodes[j]))
			post(node, ipams->nodes[j].conf.name, true, false, NULL,
			    0);
}

bool
ipams_deliver(struct ipams *ipams)
{
	struct ipams_message message;
	struct ipam_node *from, *to;
	const uint8_t *data;
	size_t i, len;

	if (ipams->nmessages == 0)
		return false;
	i = ipams_random(ipams, (uint32_t)ipams->nmessages);
	message = ipams->messages[i];
	ipams->messages[i] = ipams->messages[--ipams->nmessages];
	from = node_by_name(ipams, message.from);
	to = node_by_name(ipams, message.to);
	if (from == NULL || from->ipam == NULL || !reaches(from, to)) {
		free(message.data);
		return true;
	}
	if (message.gossip || message.broadcast) {
		data = ipam_gossip(from->ipam, &len);
		ipam_receive(to->ipam,
		    message.broadcast ? message.from : PEERNAME_UNKNOWN, data,
		    len, ipams->now);
	} else
		ipam_receive_unicast(to->ipam, message.from, message.data,
		    message.len, ipams->now);
	free(message.data);
	return true;
}

bool
ipams_write(struct ipams *ipams, size_t i)
{
	struct ipam_node *node = &ipams->nodes[i];

	if (node->write == NULL)
		return false;
	if (node->disk_full) {
		free(node->write);
		node->write = NULL;
		ipam_saved(node->ipam, "No space left on device", ipams->now);
		return true;
	}
	free(node->disk);
	node->disk = node->write;
	node->disk_len = node->write_len;
	node->write = NULL;
	ipam_saved(node->ipam, NULL, ipams->now);
	return true;
}

void
ipams_settle(struct ipams *ipams)
{
	bool busy;

	do {
		busy = ipams_deliver(ipams);
		for (size_t i = 0; i < ipams->n; i++)
			busy |= ipams_write(ipams, i);
	} while (busy);
}

void
ipams_run(struct ipams *ipams, uint64_t ms)
{
	uint64_t end = ipams->now + ms;

	while (ipams->now < end) {
		ipams->now += 1000;
		for (size_t i = 0; i < ipams->n; i++) {
			if (ipams->nodes[i].ipam == NULL)
				continue;
			ipam_tick(ipams->nodes[i].ipam, ipams->now);
			if (ipams->now / 1000 % 30 == i)
				ipams_gossip(ipams, i);
		}
		ipams_settle(ipams);
	}
}

const struct ipam_answer *
ipams_answer(const struct ipams *ipams, size_t i, uint32_t request)
{
	size_t slot = request % IPAMS_ANSWERS_MAX;

	if (ipams->nodes[i].answers[slot].request != request)
		return NULL;
	return &ipams->nodes[i].answers[slot].answer;
}

/* True: done. */
static bool
wait_answer(struct ipams *ipams, size_t i, uint32_t request)
{
	size_t slot = request % IPAMS_ANSWERS_MAX;

	ipams_settle(ipams);
	for (int s = 0; s < 61; s++)
		if (ipams_answer(ipams, i, request) == NULL)
			ipams_run(ipams, 1000);
	ATF_REQUIRE_MSG(ipams_answer(ipams, i, request) != NULL, "no answer");
	strlcpy(last_error, ipams->nodes[i].answers[slot].error,
	    sizeof(last_error));
	ipams->nodes[i].answers[slot].request = 0;
	return !ipams->nodes[i].answers[slot].failed;
}

const char *
ipams_error(const struct ipams *ipams)
{
	(void)ipams;
	return last_error;
}

uint32_t
ipams_allocate(struct ipams *ipams, size_t i, const char *id)
{
	struct subnet none = {0};

	ipam_allocate(ipams->nodes[i].ipam, REQUEST, id, none,
	    ipams->now + 60000, ipams->now);
	return wait_answer(ipams, i, REQUEST)
	    ? ipams->nodes[i].answers[REQUEST].answer.addr
	    : 0;
}

bool
ipams_claim(struct ipams *ipams, size_t i, const char *id, uint32_t addr)
{
	ipam_claim(ipams->nodes[i].ipam, REQUEST, id, addr, 24,
	    ipams->now + 60000, ipams->now);
	return wait_answer(ipams, i, REQUEST);
}

bool
ipams_release(struct ipams *ipams, size_t i, const char *id)
{
	ipam_release(ipams->nodes[i].ipam, REQUEST, id, 0, ipams->now);
	return wait_answer(ipams, i, REQUEST);
}

static void
count_row(void *arg, uint32_t type, const void *data)
{
	struct count *count = arg;

	if (type == CTL_IPAM)
		memcpy(&count->status, data, sizeof(count->status));
	else if (type == CTL_IPAM_PEER) {
		const struct ctl_ipam_peer *row = data;

		if (row->peer == count->peer)
			count->owned = row->addresses;
	} else if (type == CTL_COUNTER) {
		const struct ctl_counter *row = data;

		if (count->name != NULL && strcmp(row->name, count->name) == 0)
			count->value = row->value;
	} else if (type == CTL_IPAM_CONFLICT) {
		const struct ctl_ipam_conflict *row = data;

		if (count->name == NULL ||
		    strstr(row->text, count->name) != NULL)
			count->conflicts++;
	}
}

static void
emit(void *arg, uint32_t type, const void *row, size_t len)
{
	ATF_REQUIRE_MSG(ctl_valid(type, row, len), "row of type %u", type);
	count_row(arg, type, row);
}

static struct count
ask(struct ipams *ipams, size_t i, uint64_t peer, const char *name)
{
	struct count count = {.peer = peer, .name = name};

	ipam_show(ipams->nodes[i].ipam, CTL_SHOW_ALL, emit, &count, ipams->now);
	return count;
}

uint32_t
ipams_owned(struct ipams *ipams, size_t i, size_t j)
{
	return ask(ipams, i, ipams->nodes[j].conf.name, NULL).owned;
}

struct ctl_ipam
ipams_status(struct ipams *ipams, size_t i)
{
	return ask(ipams, i, 0, NULL).status;
}

uint64_t
ipams_counter(struct ipams *ipams, size_t i, const char *name)
{
	return ask(ipams, i, 0, name).value;
}

size_t
ipams_conflicts(struct ipams *ipams, size_t i, const char *text)
{
	return ask(ipams, i, 0, text).conflicts;
}

static bool
same_ring(const struct ring *a, const struct ring *b)
{
	if (a->nentries != b->nentries)
		return false;
	for (size_t i = 0; i < a->nentries; i++)
		if (a->entries[i].token != b->entries[i].token ||
		    a->entries[i].peer != b->entries[i].peer)
			return false;
	return true;
}

bool
ipams_agree(struct ipams *ipams)
{
	struct ipam_state first, other;
	const uint8_t *data;
	bool have = false, same = true;
	size_t len;

	for (size_t i = 0; i < ipams->n; i++) {
		if (ipams->nodes[i].ipam == NULL)
			continue;
		data = ipam_gossip(ipams->nodes[i].ipam, &len);
		ATF_REQUIRE(ipam_state_decode(&other, data, len) == NULL);
		if (!have)
			first = other;
		else {
			same = same && same_ring(&first.ring, &other.ring);
			ipam_state_free(&other);
		}
		have = true;
	}
	if (have)
		ipam_state_free(&first);
	return same;
}
