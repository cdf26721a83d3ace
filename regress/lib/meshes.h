/*
 * Meshes wired together in one process by socketpairs, under one fake clock;
 * the parent's key exchange of version 2 and the overlay are fakes too: an
 * overlay is established as soon as it is confirmed.
 */
#ifndef REGRESS_MESHES_H
#define REGRESS_MESHES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/kx3.h"
#include "weaved/engine/mesh/mesh.h"

#define MESHES_MAX 4
#define MESHES_WATCHES_MAX 256
#define MESHES_CAUSES_MAX 64
#define MESHES_PORT 6783
#define MESHES_NET UINT32_C(0x0a000000) /* 10.0.0.N */

struct meshes;

struct node {
	struct meshes *meshes;
	struct mesh *mesh; /* NULL: not running */
	struct mesh_conf conf;
	uint64_t uid;
	uint32_t addr;
	const char *password; /* NULL: none */
	const char *second; /* version 3: another that is accepted, or NULL */
	struct kx3 *kx3; /* version 3: the real one */
	uint32_t known; /* an address that is no stranger to it */
	const uint8_t *secret; /* X25519 to use, NULL: random */
	char overlays[64];
	bool deaf_overlay; /* never establishes */
	struct watch_fd {
		uint32_t conn;
		int fd; /* -1: free */
		bool read, write;
	} watches[MESHES_WATCHES_MAX];
	uint64_t now_up; /* neighbour reports: up less down */
	unsigned dials; /* attempts made by it */
	unsigned prepared;
	unsigned stopped;
	unsigned controls;
	unsigned rekeys, switches, holds; /* asked of the overlay */
	uint8_t udp_keys[2][MESH_KEY_LEN]; /* the newest */
	uint64_t volume; /* as the overlay says */
	unsigned kx_started, kx_finished, kx_cancelled;
	bool kx_slow; /* answers are kept back */
	unsigned messages; /* for its parent; the last one: */
	uint32_t message_session;
	size_t message_len;
	uint8_t message[KX3_MESSAGE_MAX];
	uint8_t control[64]; /* the last one: tag and body */
	size_t control_len;
};

struct meshes {
	uint64_t now;
	struct node nodes[MESHES_MAX];
	bool cut[MESHES_MAX][MESHES_MAX];
	uint32_t peer_of[1024]; /* by descriptor: remote address */
	uint16_t ephemeral;
	uint32_t raw_listen; /* who dials this address ... */
	int raw_accepted; /* ... has this at the other end */
	struct task *tasks;
};

/* Names 0a:00:00:00:00:01 and on, addresses 10.0.0.1 and on. */
void meshes_init(struct meshes *meshes);
void meshes_free(struct meshes *meshes);
/* Starts the node with its conf, uid and password as they stand. */
void node_start(struct meshes *meshes, size_t index);
void node_stop(struct meshes *meshes, size_t index);
/* "hardened", "mixed" or "weave", as the daemon; before node_start(). */
void node_protocol(struct meshes *meshes, size_t index, const char *protocol);
/* Takes the passwords of the node anew; while it runs. */
void node_set_passwords(struct node *node);
/* Of a password, equal in all nodes, for mesh_password_gone(). */
uint32_t node_serial(const char *password);
void node_target(struct meshes *meshes, size_t index, size_t to);
void meshes_cut(struct meshes *meshes, size_t a, size_t b);
void meshes_heal(struct meshes *meshes, size_t a, size_t b);
/* Lets this much time pass. */
void meshes_run(struct meshes *meshes, uint64_t ms);
/* A raw connection into a node: our end, non-blocking. */
int node_raw(struct meshes *meshes, size_t index, uint32_t from);
/* The same, plain and through the handshake, as peer 0b:00:00:00:00:NN. */
int node_join_raw(struct meshes *meshes, size_t index, uint8_t number);
/* Reads exactly len bytes while time passes; false: end of file before. */
bool raw_read(struct meshes *meshes, int fd, void *buf, size_t len);
void raw_write(int fd, const void *data, size_t len);
/* Our end sees end of file or reset, after whatever came. */
bool raw_closed(struct meshes *meshes, int fd);

/* Has a a route over established connections to b (0: not direct)? */
bool node_reaches(const struct meshes *meshes, size_t a, size_t b);
bool node_neighbours(const struct meshes *meshes, size_t a, size_t b);
bool meshes_full(const struct meshes *meshes, size_t count);
/* Is this text the cause of some connection row of the node? */
bool node_has_cause(
    const struct meshes *meshes, size_t index, const char *text);
size_t node_rows(
    const struct meshes *meshes, size_t index, enum ctl_connection_state state);

#endif
