/*
 * The control protocol: what weavectl (and other local clients) and weaved
 * say over the UNIX socket, in imsg (imsg.h), host byte order.
 *
 * A client sends one request with an id of its choice; replies carry that id.
 * The first message of a connection must be CTL_HELLO. A request is answered
 * by any number of rows and one CTL_END. Rows are fixed structures; strings
 * in them end with NUL within their array and are free of control characters.
 */
#ifndef COMMON_CTL_H
#define COMMON_CTL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define CTL_VERSION 1
#define CTL_SOCKET_PATH "/run/weaved/weaved.sock"

enum ctl_type {
	/* client to daemon */
	CTL_HELLO = 1, /* struct ctl_hello; answered by the same */
	CTL_SHOW, /* struct ctl_show */
	CTL_CONNECT, /* struct ctl_target: uid 0 only */
	CTL_FORGET, /* struct ctl_target: uid 0 only */
	CTL_RELOAD, /* empty: uid 0 only */
	CTL_LOG_LEVEL, /* struct ctl_log_level: uid 0 only */
	CTL_IP_ALLOCATE, /* struct ctl_ip: uid 0 only; CTL_IP_ANSWER */
	CTL_IP_CLAIM, /* struct ctl_ip: uid 0 only; CTL_IP_ANSWER */
	CTL_IP_RELEASE, /* struct ctl_ip: uid 0 only; CTL_IP_ANSWER */
	CTL_RMPEER, /* struct ctl_target: uid 0 only; CTL_IP_ANSWER */
	CTL_RESET, /* empty: uid 0 only; CTL_IP_ANSWER */
	CTL_BENCH, /* struct ctl_bench: uid 0 only */
	CTL_EXPOSE, /* struct ctl_expose: uid 0 only */
	CTL_HIDE, /* struct ctl_expose: uid 0 only */
	CTL_ERASE, /* empty: uid 0 only; afterwards weaved ends */
	CTL_ROTATE, /* struct ctl_rotate: uid 0 only; CTL_ROTATION */

	/* daemon to client */
	CTL_END = 64, /* struct ctl_end: the request is done */
	CTL_STATUS, /* struct ctl_status */
	CTL_PROCESS, /* struct ctl_process */
	CTL_SUBNET, /* struct ctl_subnet: one trusted subnet */
	CTL_CONNECTION, /* struct ctl_connection */
	CTL_PEER, /* struct ctl_peer */
	CTL_PEER_CONNECTION, /* struct ctl_peer_connection, of last CTL_PEER */
	CTL_TARGET, /* struct ctl_target */
	CTL_ROUTE, /* struct ctl_route */
	CTL_MAC, /* struct ctl_mac */
	CTL_COUNTER, /* struct ctl_counter */
	CTL_IPAM, /* struct ctl_ipam: at most one, none while IPAM is off */
	CTL_IPAM_PEER, /* struct ctl_ipam_peer: ourself first */
	CTL_IPAM_CONFLICT, /* struct ctl_ipam_conflict */
	CTL_RING_ENTRY, /* struct ctl_ring_entry */
	CTL_ADDRESS, /* struct ctl_address: given out here */
	CTL_IP_ANSWER, /* struct ctl_ip_answer */
	CTL_BENCH_RESULT, /* struct ctl_bench_result */
	CTL_ROTATION, /* struct ctl_rotation: one of each password */
	CTL_ROTATION_NODE, /* struct ctl_rotation_node */
	CTL_TYPE_MAX
};

#define CTL_TEXT_MAX 256
#define CTL_CAUSE_MAX 512

struct ctl_hello {
	uint32_t version; /* CTL_VERSION */
	char software[64]; /* "weaved 0.1.0" */
};

/* Parts of what CTL_SHOW asks for, a set. */
/* CTL_STATUS, CTL_PROCESS, CTL_SUBNET, CTL_IPAM */
#define CTL_SHOW_STATUS 0x01u
#define CTL_SHOW_CONNECTIONS 0x02u
#define CTL_SHOW_PEERS 0x04u /* CTL_PEER, CTL_PEER_CONNECTION */
#define CTL_SHOW_TARGETS 0x08u
#define CTL_SHOW_ROUTES 0x10u
#define CTL_SHOW_MACS 0x20u
#define CTL_SHOW_COUNTERS 0x40u
#define CTL_SHOW_IPAM 0x80u /* CTL_IPAM, _IPAM_PEER, _IPAM_CONFLICT */
#define CTL_SHOW_RING 0x100u
#define CTL_SHOW_ADDRESSES 0x200u
#define CTL_SHOW_ALL 0x3ffu

struct ctl_show {
	uint32_t parts;
};

/* status 0: done. Else text says why it failed, a whole sentence's worth. */
struct ctl_end {
	int32_t status;
	char text[CTL_CAUSE_MAX];
};

struct ctl_log_level {
	uint32_t level; /* enum log_level */
};

/* A direct peer as the operator wrote it: "host", "host:port", "1.2.3.4". */
struct ctl_target {
	char address[CTL_TEXT_MAX];
};

enum ctl_connection_state {
	CTL_ESTABLISHED,
	CTL_PENDING,
	CTL_RETRYING, /* was connected or never tried; tries now or soon */
	CTL_FAILED, /* waits for retry_in after a failure */
	CTL_CONNECTING,
	CTL_STATE_MAX
};

#define CTL_RETRY_NEVER UINT32_MAX

enum ctl_slot {
	CTL_SLOT_UNKNOWN,
	CTL_SLOT_PRIMARY, /* what this host dials with */
	CTL_SLOT_SECONDARY, /* the other one during a rotation */
	CTL_SLOT_MAX
};

struct ctl_status {
	char version[64];
	char protocol[16]; /* "weave" */
	uint32_t protocol_min;
	uint32_t protocol_max;
	uint64_t name;
	char nickname[CTL_TEXT_MAX];
	uint16_t port;
	uint8_t encryption; /* 1: a password is set */
	uint8_t discovery;
	uint32_t targets;
	uint32_t connections[CTL_STATE_MAX]; /* by enum above */
	uint32_t peers; /* known, with ourself */
	uint32_t peer_established; /* established entries they report */
	uint32_t peer_pending; /* other entries they report */
	uint32_t connection_limit; /* 0: none */
	uint32_t mtu;
	uint64_t uptime; /* seconds of the engine */
	uint64_t terminations; /* connections ended */
	char bridge[16];
	char tap[16];
	char offloads[64]; /* "tap, udp-send", "none" */
	char password_source[CTL_TEXT_MAX]; /* empty: none */
	char warning[CTL_CAUSE_MAX]; /* empty: none */
};

/* One row per process of the suite; what its sandbox achieved. */
struct ctl_process {
	char name[16];
	uint32_t pid;
	uint32_t uid;
	uint32_t restarts;
	uint32_t resident; /* KiB, 0: not known */
	char sandbox[CTL_TEXT_MAX]; /* "uid 64783, empty root, ..." */
};

struct ctl_subnet {
	uint32_t addr;
	uint32_t len;
};

struct ctl_connection {
	uint32_t state; /* enum ctl_connection_state */
	uint8_t outbound;
	uint8_t encrypted; /* frames travel sealed */
	uint8_t direct; /* address given by the operator */
	uint8_t has_peer; /* the peer's name is known */
	char address[CTL_TEXT_MAX]; /* "1.2.3.4:6783" or as typed */
	uint64_t peer;
	char nickname[CTL_TEXT_MAX];
	char overlay[16]; /* "sleeve", "none" */
	uint32_t mtu; /* of the overlay, 0: not known */
	uint32_t version; /* of the protocol, 0: not known */
	uint32_t age; /* seconds in this state */
	uint32_t retry_in; /* seconds, CTL_RETRY_NEVER */
	uint8_t trusted; /* both in trusted-subnets: frames in the clear */
	uint8_t weaved; /* the peer runs this suite */
	uint8_t has_key; /* a password is set: what follows of keys holds */
	uint8_t slot; /* enum ctl_slot: the password that it fitted */
	uint32_t
	    rtt; /* least of the last minutes, microseconds; 0: not known */
	char cause[CTL_CAUSE_MAX]; /* why not established, or empty */
	uint64_t packets_sent;
	uint64_t packets_received;
	uint64_t bytes_sent;
	uint64_t bytes_received;
	uint64_t drops; /* all reasons, both directions */
	uint64_t replays;
	uint64_t bad_packets; /* did not open or parse */
	char cipher[32]; /* "xsalsa20-poly1305" */
	char exchange[32]; /* of keys: "cpace", "x25519" */
	uint64_t key_packets; /* sealed under the key in use */
	uint32_t epoch; /* of the keys, from 0 */
	uint32_t key_age; /* seconds, the host's sleep counted; as ... */
	uint32_t auth_age; /* ... since the password was last proved */
	uint32_t rekey_in; /* seconds, CTL_RETRY_NEVER: it cannot rekey */
};

struct ctl_peer {
	uint64_t name;
	char nickname[CTL_TEXT_MAX];
	uint64_t uid;
	uint64_t version;
	uint32_t short_id;
	uint8_t has_short_id;
	uint8_t self;
	uint8_t pad[2];
};

struct ctl_peer_connection {
	uint64_t peer;
	char nickname[CTL_TEXT_MAX];
	char address[CTL_TEXT_MAX];
	uint8_t outbound;
	uint8_t established;
	uint8_t pad[6];
};

enum ctl_route_kind {
	CTL_ROUTE_UNICAST, /* over established connections: frames */
	CTL_ROUTE_UNICAST_ALL, /* over all connections: gossip */
	CTL_ROUTE_BROADCAST,
	CTL_ROUTE_BROADCAST_ALL
};

/* Broadcast: one row per next hop. Unicast to ourself has via 0. */
struct ctl_route {
	uint32_t kind;
	uint32_t pad;
	uint64_t peer; /* destination, or source of a broadcast */
	uint64_t via;
};

struct ctl_mac {
	uint8_t mac[6];
	uint8_t pad[2];
	uint64_t peer;
	uint32_t age; /* seconds since last seen */
	uint32_t pad2;
};

struct ctl_counter {
	char name[64]; /* "overlay.drop.no_route" */
	uint64_t value;
};

#define CTL_IP_ID_MAX 192
#define CTL_IP_WAIT_MAX 600000 /* ms */

/*
 * An address for, or of, somebody on this host. Allocate: in the subnet
 * addr/len, len 0: the default one. Claim: this very address. Release: addr
 * 0: all of id. id: printable without spaces, a container's.
 */
struct ctl_ip {
	char id[CTL_IP_ID_MAX];
	uint32_t addr;
	uint8_t len; /* at most 32 */
	uint8_t pad[3];
	uint32_t wait; /* ms, 1 to CTL_IP_WAIT_MAX */
};

struct ctl_ip_answer {
	uint32_t addr; /* 0: none */
	uint8_t len;
	uint8_t pad[3];
	uint32_t count; /* released, or that changed hands */
	uint32_t pad2;
	uint64_t peer; /* who lost them (rmpeer) or got them (reset), or 0 */
};

enum ctl_ipam_state {
	CTL_IPAM_IDLE, /* no ring, and nobody needs one */
	CTL_IPAM_ELECTING, /* awaiting consensus */
	CTL_IPAM_PRIMING, /* observer, awaiting a ring */
	CTL_IPAM_READY,
	CTL_IPAM_WAITING, /* for addresses of others */
	CTL_IPAM_UNREACHABLE, /* all ranges belong to unreachable peers */
	CTL_IPAM_LEFT, /* all was given away by reset */
	CTL_IPAM_STATE_MAX
};

struct ctl_ipam {
	uint32_t state; /* enum ctl_ipam_state */
	uint32_t quorum; /* while electing */
	uint32_t known;
	uint32_t total; /* addresses of the range */
	uint32_t owned; /* of them ours */
	uint32_t active; /* given out here */
	uint32_t pending_allocates;
	uint32_t pending_claims;
	uint32_t range_addr;
	uint32_t subnet_addr;
	uint8_t range_len;
	uint8_t subnet_len;
	uint8_t elector;
	uint8_t pad[5];
	char save_error[CTL_CAUSE_MAX]; /* empty: the state is on disk */
};

struct ctl_ipam_peer {
	uint64_t peer;
	char nickname[CTL_TEXT_MAX];
	uint32_t addresses; /* owned */
	uint8_t self;
	uint8_t reachable;
	uint8_t pad[2];
};

struct ctl_ipam_conflict {
	uint64_t peer; /* who said so, 0: not known */
	uint32_t first; /* seconds ago */
	uint32_t last;
	uint32_t count;
	uint32_t pad;
	char text[CTL_CAUSE_MAX];
};

struct ctl_ring_entry {
	uint64_t peer;
	uint32_t token; /* address */
	uint32_t size;
	uint32_t version;
	uint32_t free; /* as its owner says */
};

struct ctl_address {
	char id[CTL_IP_ID_MAX];
	uint32_t addr;
	uint8_t len;
	uint8_t pad[3];
};

#define CTL_BENCH_SECONDS 5
#define CTL_BENCH_SECONDS_MAX 30
#define CTL_BENCH_MBITS_MAX 1000

/* Measure towards a peer: its name or nickname. */
struct ctl_bench {
	char peer[CTL_TEXT_MAX];
	uint32_t seconds; /* 1 to CTL_BENCH_SECONDS_MAX */
	uint32_t mbits; /* at most so many a second, 1 to CTL_BENCH_MBITS_MAX */
};

/* Round trips in microseconds, 0 if there are no samples. */
struct ctl_bench_result {
	uint64_t peer;
	char nickname[CTL_TEXT_MAX];
	uint64_t sent; /* test frames */
	uint64_t received; /* of them, by the peer */
	uint64_t throughput; /* bits of frames a second */
	uint32_t frame; /* bytes of one */
	uint32_t seconds;
	uint32_t mbits; /* the limit */
	uint32_t rest_samples;
	uint32_t rest_median;
	uint32_t rest_99; /* 99 of 100 take no longer */
	uint32_t load_samples; /* while the path is full */
	uint32_t load_median;
	uint32_t load_99;
	uint32_t pad;
};

#define CTL_EXPOSE_ID "weave:expose" /* whose address of IPAM that is */
#define CTL_EXPOSE_MAX 16 /* of one host */

/*
 * An address of this host in the overlay, on the bridge. Hide: addr 0: all.
 * Without masquerade the others see who really speaks.
 */
struct ctl_expose {
	uint32_t addr;
	uint8_t len; /* 1 to 32 */
	uint8_t no_masquerade;
	uint8_t pad[2];
};

/* Can a host have this address? */
bool ctl_expose_ok(const struct ctl_expose *expose);

enum ctl_rotate_action {
	CTL_ROTATE_STATUS,
	CTL_ROTATE_STAGE,
	CTL_ROTATE_COMMIT,
	CTL_ROTATE_FINISH,
	CTL_ROTATE_ABORT,
	CTL_ROTATE_RUN, /* of the mesh alone: all the way */
	CTL_ROTATE_ACTION_MAX
};

#define CTL_PASSWORD_MAX 1024

/* A step of the password's rotation on this node. */
struct ctl_rotate {
	uint32_t action; /* enum ctl_rotate_action */
	uint8_t hardened; /* of password-hardened */
	uint8_t mesh; /* of all nodes; length 0: go on, unless generate */
	uint8_t force; /* then: without those that are missing */
	uint8_t generate; /* then */
	uint16_t length; /* stage: of the new password, 0: generate one */
	uint8_t pad[6];
	uint8_t password[CTL_PASSWORD_MAX];
};
_Static_assert(
    sizeof(struct ctl_rotate) == 16 + CTL_PASSWORD_MAX, "no padding");

enum ctl_rotation_step {
	CTL_ROTATION_BEFORE, /* one password */
	CTL_ROTATION_STAGED, /* and a new one, accepted beside it */
	CTL_ROTATION_COMMITTED, /* the new one, and the old beside it */
	CTL_ROTATION_STEP_MAX
};

struct ctl_rotation {
	uint32_t step; /* enum ctl_rotation_step */
	uint32_t expires; /* s until sessions of a former one end, 0: none */
	uint8_t hardened; /* of password-hardened */
	uint8_t held; /* the source can not be written: held in memory */
	uint8_t pad[2];
	char source[CTL_TEXT_MAX]; /* a file, or "WEAVE_PASSWORD" */
	char other[CTL_TEXT_MAX]; /* file of the second one, or empty */
};

enum ctl_rotation_node_step {
	CTL_NODE_BEFORE,
	CTL_NODE_STAGED,
	CTL_NODE_COMMITTED,
	CTL_NODE_FINISHED,
	CTL_NODE_STEP_MAX
};

/* Of a rotation of the mesh: a node as it answered. */
struct ctl_rotation_node {
	uint64_t peer;
	uint32_t step; /* enum ctl_rotation_node_step */
	uint32_t progress; /* 1: meanwhile, 0: in the end */
};

/*
 * Is this message of a known type, of its exact size, and does every string
 * in it end within its array? Says nothing about what the strings contain.
 */
bool ctl_valid(uint32_t type, const void *data, size_t len);

#endif
