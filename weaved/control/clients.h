/*
 * The clients of the control socket: their rights, their requests on the way
 * to engine or parent, and the answers on the way back.
 *
 * It knows no event loop: its owner gives it descriptors, readiness and the
 * time (milliseconds), and does through clients_ops what it asks for. A
 * client that breaks the protocol is closed; nothing a client sends does more.
 */
#ifndef CONTROL_CLIENTS_H
#define CONTROL_CLIENTS_H

#include <sys/types.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CLIENTS_MAX 32 /* on the UNIX socket */
#define CLIENTS_SLOTS (CLIENTS_MAX + 2) /* and http and kube */
#define CLIENTS_OTHERS_MAX 24 /* uid not 0: root always gets in */
#define CLIENTS_REQUESTS_MAX 8 /* of one client, waiting */
#define CLIENTS_HELLO_MS 5000 /* to say hello */
#define CLIENTS_STALL_MS 30000 /* to take what waits for it */
/*
 * Bytes waiting for one client, for the engine is faster than it: the report
 * of 200 peers, each connected to all, has 21 MB. All clients of uid other
 * than 0 together have twice as much.
 */
#define CLIENTS_OUT_MAX (32u << 20)
#define CLIENTS_OTHERS_OUT_MAX (2 * CLIENTS_OUT_MAX)

struct clients;

enum clients_server {
	CLIENTS_ENGINE,
	CLIENTS_PARENT
};

/* Who a client is, as a set of rights. */
enum clients_who {
	CLIENTS_ROOT = 0x1, /* uid 0 */
	CLIENTS_OTHERS = 0x2, /* any other uid */
	CLIENTS_HTTP = 0x4, /* our own processes of these names */
	CLIENTS_KUBE = 0x8
};

struct clients_ops {
	/* Watch fd of the client in this slot; false, false: stop. */
	void (*watch)(void *arg, unsigned slot, int fd, bool read, bool write);
	/* A process of ours asked for what it may not, or does not read. */
	void (*distrust)(void *arg, enum clients_who who);
	/* Sends an imsg of weaved.h. False: nobody is there. */
	bool (*ask)(void *arg, enum clients_server server, uint32_t type,
	    uint32_t id, const void *data, size_t len);
};

/* NULL without memory. */
struct clients *clients_new(const struct clients_ops *ops, void *arg);
void clients_free(struct clients *clients);

/* No slot is free: do not accept. */
bool clients_full(const struct clients *clients);
/* Takes over fd; a client too many is closed. uid: from SO_PEERCRED. */
void clients_accepted(struct clients *clients, int fd, uid_t uid, uint64_t now);
/*
 * Takes over fd, the pipe to a process of our own, in place of an earlier one.
 * What waits for it is its own matter.
 */
void clients_set_process(
    struct clients *clients, int fd, enum clients_who who, uint64_t now);
void clients_readable(struct clients *clients, unsigned slot, uint64_t now);
void clients_writable(struct clients *clients, unsigned slot, uint64_t now);
/* Drops who is late; returns when to call again, UINT64_MAX: never. */
uint64_t clients_tick(struct clients *clients, uint64_t now);

/*
 * From engine and parent. An answer to nobody (cancelled) is dropped. False:
 * the message is malformed and its sender no longer to be trusted.
 */
bool clients_row(struct clients *clients, enum clients_server server,
    uint32_t id, const void *data, size_t len, uint64_t now);
bool clients_end(struct clients *clients, enum clients_server server,
    uint32_t id, const void *data, size_t len, uint64_t now);
/* The engine went away or is a new one: what it was asked fails. */
void clients_engine_gone(struct clients *clients, uint64_t now);

#endif
