/*
 * Allocators wired together in one process under one fake clock, each with a
 * disk of its own. Messages and writes wait until they are let through, so
 * that a test can kill, cut and reorder between any two steps.
 */
#ifndef REGRESS_IPAMS_H
#define REGRESS_IPAMS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/engine/ipam/allocator.h"

#define IPAMS_MAX 8
#define IPAMS_MESSAGES_MAX 4096
#define IPAMS_ANSWERS_MAX 64

struct ipams;

struct ipam_node {
	struct ipams *ipams;
	struct ipam *ipam; /* NULL: not running */
	struct ipam_conf conf;
	unsigned group; /* only nodes of one group reach each other */
	uint8_t *disk;
	size_t disk_len;
	uint8_t *write; /* under way */
	size_t write_len;
	bool disk_full;
	uint32_t targets;
	/* Of the last request that was answered: */
	struct {
		uint32_t request;
		bool failed;
		char error[512];
		struct ipam_answer answer;
	} answers[IPAMS_ANSWERS_MAX];
	unsigned relays; /* broadcasts of others passed on */
	const char *damaged;
};

struct ipams_message {
	uint64_t to;
	uint64_t from;
	bool gossip, broadcast;
	uint8_t *data; /* of unicasts; others carry what is known on the way */
	size_t len;
};

struct ipams {
	uint64_t now;
	uint64_t seed;
	size_t n;
	struct ipam_node nodes[IPAMS_MAX];
	struct ipams_message messages[IPAMS_MESSAGES_MAX];
	size_t nmessages;
	uint64_t uids;
	/* Called at every answer, if set. */
	void (*answered)(struct ipam_node *node, uint32_t request,
	    const struct ipam_answer *answer);
	/* True: this unicast is lost. */
	bool (*drop)(const struct ipams_message *message);
};

/* n nodes 0a:...:01 and on, not running, of 10.32.0.0/24, consensus=n. */
void ipams_init(struct ipams *ipams, size_t n, uint64_t seed);
void ipams_free(struct ipams *ipams);
void ipams_start(struct ipams *ipams, size_t i);
void ipams_start_all(struct ipams *ipams);
/* As by SIGKILL: what is not on disk is lost. */
void ipams_kill(struct ipams *ipams, size_t i);
uint32_t ipams_random(struct ipams *ipams, uint32_t bound);
/* Delivers one waiting message, any; false: there is none. */
bool ipams_deliver(struct ipams *ipams);
/* Ends the write that node i has under way. */
bool ipams_write(struct ipams *ipams, size_t i);
/* Node i gossips to all it reaches. */
void ipams_gossip(struct ipams *ipams, size_t i);
/* Until nothing is on its way or being written. */
void ipams_settle(struct ipams *ipams);
/* The same while so much time passes, with ticks and periodic gossip. */
void ipams_run(struct ipams *ipams, uint64_t ms);

/*
 * Requests and what came of them within 60 s; 0: failed, see error of
 * ipams_error().
 */
uint32_t ipams_allocate(struct ipams *ipams, size_t i, const char *id);
bool ipams_claim(struct ipams *ipams, size_t i, const char *id, uint32_t addr);
bool ipams_release(struct ipams *ipams, size_t i, const char *id);
const struct ipam_answer *ipams_answer(
    const struct ipams *ipams, size_t i, uint32_t request);
const char *ipams_error(const struct ipams *ipams);
/* Addresses that node i says peer j owns. */
uint32_t ipams_owned(struct ipams *ipams, size_t i, size_t j);
struct ctl_ipam ipams_status(struct ipams *ipams, size_t i);
uint64_t ipams_counter(struct ipams *ipams, size_t i, const char *name);
/* Do all running nodes know the same ring? */
bool ipams_agree(struct ipams *ipams);
/* How many conflicts node i shows; those with text, if that is not NULL. */
size_t ipams_conflicts(struct ipams *ipams, size_t i, const char *text);

#endif
