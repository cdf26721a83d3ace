/*
 * Several hosts on one machine, for tests:
 *
 *	   pod        pod            pod        pod
 *	    |eth0      |eth0          |eth0      |eth0
 *	+---+----------+---+      +---+----------+---+
 *	|   bridge weave   |      |   bridge weave   |
 *	|  weaved    host1 |      |  host2    weaved |
 *	+--------+---------+      +---------+--------+
 *	         |u0  10.77.0.1             |u0  10.77.0.2
 *	      h1 |                          | h2
 *	+--------+--------------------------+--------+
 *	|        bridge under, the underlay          |  <- watch.h listens
 *	+--------------------------------------------+
 *
 * Each box and each pod is a network namespace without a name, held by a
 * descriptor of the test, so that it vanishes with the test however that ends.
 * There is one network in a test. What fails ends the test by atf_tc_fail();
 * a failed test prints the end of the daemons' logs.
 */
#ifndef REGRESS_NET_H
#define REGRESS_NET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include <atf-c.h>
#include <jansson.h>

#define NET_HOSTS_MAX 20
#define NET_PODS_MAX 16
#define NET_OPTIONS_MAX 24
#define NET_PASSWORD "the password of this mesh"
#define NET_PORT 6783

enum net_cipher {
	NET_ENCRYPTED,
	NET_PLAIN
};

enum host_kind {
	HOST_WEAVED,
	HOST_WEAVER /* the real router, see regress/interop */
};

struct host {
	struct net *net;
	enum host_kind kind;
	int number; /* 1 to NET_HOSTS_MAX */
	int ns;
	char port[8]; /* its link in the underlay: "h1" */
	char name[18]; /* of the peer: "5a:00:00:00:00:01" */
	char address[16]; /* of u0 */
	char password[64]; /* empty: none */
	char directory[128];
	char log[160];
	char *options[NET_OPTIONS_MAX]; /* "key=value" */
	size_t noptions;
	char *peers[NET_HOSTS_MAX];
	const char *file; /* configuration for -f, or NULL */
	size_t npeers;
	pid_t pid; /* 0: not running */
	long log_start; /* where the log of this run begins */
};

struct pod {
	struct net *net;
	struct host *host;
	int ns;
	int number;
	char address[16];
	uint8_t mac[6];
	int mtu;
};

struct net {
	enum net_cipher cipher;
	int home; /* namespace of the test itself */
	int underlay;
	char directory[96];
	struct host hosts[NET_HOSTS_MAX];
	size_t nhosts;
	struct pod pods[NET_PODS_MAX];
	size_t npods;
	struct watch *watch;
};

/*
 * Polls until the condition holds. Fails the test after so many seconds; a
 * limit is generous, for it says "never", not "slowly".
 */
#define NET_WAIT(seconds, condition)                                          \
	do {                                                                  \
		uint64_t net_wait_end = net_now() + (seconds)*UINT64_C(1000); \
		while (!(condition)) {                                        \
			if (net_now() > net_wait_end)                         \
				atf_tc_fail("%s:%d: not within %d s: %s",     \
				    __FILE__, __LINE__, (int)(seconds),       \
				    #condition);                              \
			net_pause();                                          \
		}                                                             \
	} while (0)

/* Milliseconds of CLOCK_MONOTONIC. */
uint64_t net_now(void);
void net_pause(void);

/* An underlay without hosts, watched for the payload of pods. */
struct net *net_new(enum net_cipher cipher);
/*
 * Fails if the payload of a pod was seen on the underlay of an encrypted
 * network, or if it was not seen in a plain one: then the watch is blind.
 */
void net_check(struct net *net);
/* A namespace of its own with loopback up. */
int net_namespace(struct net *net);
/* Goes into a namespace and, with the result of that, back. */
void net_enter(int ns);
void net_leave(struct net *net);
/* A shell command in a namespace; the test fails if the command does. */
void net_run(int ns, const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
int net_try(int ns, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* "/proc/PID/fd/N" of a namespace, for ip(8); a static buffer. */
const char *net_path(int ns);
/* A program of the build under test, "weaved". */
const char *net_program(const char *name);
void net_write_file(const char *path, const char *text);

/* On the underlay, address 10.77.0.N. */
struct host *net_host(struct net *net);
/* No packet passes between these two until net_heal(). */
void net_cut(struct host *a, struct host *b);
void net_heal(struct net *net);
void net_set_mtu(struct net *net, int mtu);
/* IP packets above this size vanish at the host's port, both ways; 0: none. */
void net_set_hole(struct host *host, int size);

/*
 * Puts the options in place that no test cares for, and those of NET_OPTIONS
 * in the environment ("key=value key=value"); net_host() does it.
 */
void host_defaults(struct host *host);
/* Before host_start(); an option given again replaces the former. */
void host_option(struct host *host, const char *key, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
void host_peer(struct host *host, const char *address);
/* Starts the daemon; host_start() also waits until it answers weavectl. */
void host_launch(struct host *host);
void host_start(struct host *host);
/* SIGTERM, and waits for the end. */
void host_stop(struct host *host);
void host_kill(struct host *host, int signal);
/* Exit status when the daemon has ended by itself, -1 while it runs. */
int host_ended(struct host *host);
bool host_log_has(struct host *host, const char *text);

/* Output of "weavectl -j COMMAND", NULL if it failed; to be json_decref()ed. */
json_t *host_show(struct host *host, const char *command);
/* weavectl without -j; its output in buf; returns its exit status. */
int host_ctl(struct host *host, char *buf, size_t size, const char *command);
/* Connections in this state, "established"; towards other unless NULL. */
size_t host_connections(
    struct host *host, const char *state, const struct host *other);
bool host_connected(struct host *host, const struct host *other);
/* All hosts have established connections to all others. */
bool net_full_mesh(struct net *net);
/* The cause of a connection, or the log, contains this text. */
bool host_has_cause(struct host *host, const char *text);
/* Sum of an attribute over all connections, "Replays". */
uint64_t host_sum(struct host *host, const char *attribute);
/* The process of the suite: "parent", "engine"; 0: none. */
pid_t host_process(struct host *host, const char *name);

/* Attached to the bridge of the host, which must be there. */
struct pod *net_pod(struct host *host, int mtu);
/* Same address and MAC, on another host. */
void pod_move(struct pod *pod, struct host *host);

#endif
