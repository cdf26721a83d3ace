/*
 * What the processes of the suite share: their names, and the messages on the
 * pipes between them. All structures have a fixed size and no pointers; a
 * message of another length is refused and its sender restarted.
 */
#ifndef WEAVED_H
#define WEAVED_H

#include <stdint.h>

#include "common/addr.h"
#include "common/ctl.h"
#include "common/kx3.h"

#define WEAVED_VERSION VERSION /* by the Makefile */
#define WEAVED_USER "_weaved"
#define WEAVED_UID_FALLBACK 64783
#define NETCFG_USER "_weavednet"
#define NETCFG_UID_FALLBACK 64784

#define PROC_PIPE_FD 3 /* a child's pipe to the parent */
#define EMPTY_ROOT "/run/weaved/empty"

enum proc_id {
	PROC_PARENT,
	PROC_ENGINE,
	PROC_CONTROL,
	PROC_RESOLVER,
	PROC_NETCFG,
	PROC_HTTP,
	PROC_KUBE, /* only if configured */
	PROC_MAX
};

/*
 * Each type with direction and payload. Every child may send IMSG_LOG and
 * sends IMSG_READY once, after its sandbox is in place.
 */
enum imsg_type {
	/* any child to parent */
	IMSG_LOG = 1, /* uint32 level, then text, no NUL */
	IMSG_READY, /* struct imsg_ready */

	/* parent to any child */
	IMSG_START, /* struct imsg_start: the first of all */
	IMSG_PIPE, /* struct imsg_pipe, fd: a pipe to that child */
	IMSG_LOG_LEVEL, /* struct imsg_log_level */

	/* parent to engine */
	IMSG_CONF, /* struct imsg_conf: begins a configuration */
	IMSG_CONF_SUBNET, /* struct imsg_subnet */
	IMSG_CONF_END, /* empty: swap it in */
	IMSG_SOCKETS_TCP, /* empty, fd: listening socket */
	IMSG_SOCKETS_DF, /* empty, fd: UDP, all input, DF */
	IMSG_SOCKETS_NODF, /* empty, fd: UDP, no DF */
	IMSG_SOCKETS_TAP, /* empty, fd */
	IMSG_TARGET_ADD, /* struct imsg_target */
	IMSG_TARGET_REMOVE, /* struct imsg_target_id */
	IMSG_REDIAL, /* struct imsg_neighbour */
	IMSG_DIALLED, /* struct imsg_dialled, fd: connected */
	IMSG_DIAL_FAILED, /* struct imsg_dialled with error, no fd */
	IMSG_RESOLVED, /* struct imsg_resolved, also resolver to parent */
	IMSG_KX2_STARTED, /* struct imsg_kx2_started */
	IMSG_KX2_FINISHED, /* struct imsg_kx2_finished */
	IMSG_PROCESS, /* struct ctl_process, hdr.id: enum proc_id */

	/* engine or control to parent */
	IMSG_DISTRUST, /* struct imsg_pipe: that child sent nonsense */

	/* engine to parent */
	IMSG_DIAL, /* struct imsg_dial */
	IMSG_RESOLVE, /* struct imsg_target_id */
	IMSG_NEIGHBOUR, /* struct imsg_neighbour */
	IMSG_KX2_START, /* struct imsg_kx2_start */
	IMSG_KX2_FINISH, /* struct imsg_kx2_finish */
	IMSG_KX2_CANCEL, /* struct imsg_kx2_cancel */

	/* parent to resolver */
	IMSG_LOOKUP, /* struct imsg_lookup; answered by IMSG_RESOLVED */

	/* parent to control */
	IMSG_SOCKETS_CONTROL, /* empty, fd: listening UNIX socket */

	/* control to engine; hdr.id is the request, issued by control */
	IMSG_SHOW, /* struct ctl_show; answered by IMSG_ROW, IMSG_END */
	IMSG_SHOW_CANCEL, /* empty: the client of any request went away */

	/* control to parent; answered by IMSG_END */
	IMSG_CONNECT, /* struct ctl_target */
	IMSG_FORGET, /* struct ctl_target */
	IMSG_RELOAD, /* empty */
	IMSG_SET_LOG_LEVEL, /* struct ctl_log_level */

	/* parent to engine, after the first IMSG_CONF_END: IPAM is on */
	IMSG_IPAM_CONF, /* struct imsg_ipam_conf */
	IMSG_IPAM_SEED, /* struct imsg_ipam_seed */
	IMSG_IPAM_STATE, /* a piece of the file, 1 to IMSG_DATA_MAX bytes */
	IMSG_IPAM_STATE_END, /* empty: that was all */
	IMSG_IPAM_SAVED, /* struct imsg_ipam_saved */

	/* engine to parent */
	IMSG_IPAM_SAVE, /* a piece of the file, 1 to IMSG_DATA_MAX bytes */
	IMSG_IPAM_SAVE_END, /* empty: write it; answered by IMSG_IPAM_SAVED */
	IMSG_IPAM_DAMAGED, /* empty: put the file aside */
	IMSG_IPAM_OWNED, /* struct imsg_local: on; what this peer owns now */

	/* control to engine; answered by IMSG_ROW, IMSG_END */
	IMSG_IP_ALLOCATE, /* struct ctl_ip */
	IMSG_IP_CLAIM, /* struct ctl_ip */
	IMSG_IP_RELEASE, /* struct ctl_ip */
	IMSG_RMPEER, /* struct ctl_target */
	IMSG_RESET, /* empty */

	/* engine or parent to control; hdr.id as asked */
	IMSG_ROW, /* uint32 ctl type, then that structure */
	IMSG_END, /* struct ctl_end */

	/* control to engine, like IMSG_SHOW; one at a time */
	IMSG_BENCH, /* struct ctl_bench */
	/* key exchange of version 3: engine to parent, and its answers */
	IMSG_KX3_START, /* struct imsg_kx3_start */
	IMSG_KX3_STARTED, /* struct imsg_kx3_started */
	IMSG_KX3_FINISH, /* struct imsg_kx3_finish */
	IMSG_KX3_FINISHED, /* struct imsg_kx3_finished */
	IMSG_KX3_CANCEL, /* struct imsg_kx3_cancel */

	/* control to parent; answered by IMSG_END */
	IMSG_EXPOSE, /* struct ctl_expose */
	IMSG_HIDE, /* struct ctl_expose */
	IMSG_ERASE, /* empty: remove all, then end */

	/* parent to netcfg */
	IMSG_NETCFG_CONF, /* struct imsg_netcfg_conf: begins one */
	IMSG_NETCFG_ADDRESS, /* struct ctl_expose: of the configuration */
	IMSG_NETCFG_LOCAL, /* struct imsg_local: also at any other time */
	IMSG_NETCFG_END, /* empty: do it; answered by IMSG_NETCFG_DONE */
	IMSG_NETCFG_EXPOSE, /* struct ctl_expose; answered by IMSG_END */
	IMSG_NETCFG_HIDE, /* struct ctl_expose; answered by IMSG_END */
	IMSG_NETCFG_ERASE, /* empty; answered by IMSG_END */

	/* netcfg to parent */
	IMSG_NETCFG_DONE, /* struct imsg_netcfg_done */
	IMSG_NETCFG_ADOPTED, /* struct ctl_expose: was there */
	IMSG_NETCFG_NO_RA, /* struct imsg_netcfg_link: a device of ours */
	/* control to parent, asked by kube; answered by IMSG_END */
	IMSG_NODE_ADD, /* struct ctl_target */
	IMSG_NODE_REMOVE, /* struct ctl_target */

	/* parent to kube */
	IMSG_KUBE_CONF, /* struct imsg_kube_conf: once, first of all */
	IMSG_KUBE_CA, /* empty, fd: certificates, for reading */
	IMSG_KUBE_TOKEN, /* empty, fd: for reading; after IMSG_KUBE_CA */
	IMSG_KUBE_NO_ACCOUNT, /* struct imsg_kube_no_account */
	IMSG_KUBE_CLEARED, /* empty: write us into the list */

	/* kube to parent */
	IMSG_KUBE_ACCOUNT, /* empty: open the account's files again */
	IMSG_KUBE_MEMBER, /* struct imsg_kube_member */

	/* parent to engine, after a struct imsg_ipam_conf with await */
	IMSG_IPAM_MEMBERS, /* struct imsg_ipam_members */

	/* sessions of version 3: engine to parent, and its answers */
	IMSG_SESSION_UP, /* struct imsg_session */
	IMSG_SESSION_END, /* struct imsg_session */
	IMSG_REAUTH_START, /* struct imsg_reauth_start */
	IMSG_REAUTH_STARTED, /* struct imsg_reauth_started */
	IMSG_REAUTH_FINISH, /* struct imsg_kx3_finish */
	IMSG_REAUTH_FINISHED, /* struct imsg_reauth_finished */
	IMSG_REAUTH_VERDICT, /* struct imsg_reauth_verdict */
	/* parent to engine: begin it with all, within seconds */
	IMSG_REAUTH_ALL, /* empty */
	/* parent to engine, and its answer: who is in the mesh */
	IMSG_PEERS, /* empty */
	IMSG_PEER, /* struct imsg_peer, any number */
	IMSG_PEERS_END, /* empty */
	/* either way: to or from the parent of that peer */
	IMSG_PARENT_MESSAGE, /* struct imsg_parent_message */

	/* parent to http; on the pipe to control it speaks ctl.h */
	IMSG_HTTP_LISTEN, /* struct imsg_http, fd: listening socket */
	IMSG_HTTP_CLOSE, /* struct imsg_http: no longer */

	/* control to parent; answered by IMSG_ROW, IMSG_END */
	IMSG_ROTATE, /* struct ctl_rotate */

	/* parent to engine */
	IMSG_PASSWORDS, /* struct imsg_passwords */
	IMSG_PASSWORD_GONE, /* struct imsg_password_gone */

	IMSG_TYPE_MAX
};

/* How a child is to confine itself. */
struct imsg_start {
	uint32_t uid;
	uint32_t gid;
	uint32_t sandbox; /* enum sandbox_policy */
	uint32_t log_level; /* enum log_level */
};

struct imsg_ready {
	uint32_t uid;
	char sandbox[CTL_TEXT_MAX]; /* what holds, for log and status */
};

struct imsg_pipe {
	uint32_t proc; /* enum proc_id of the other end */
};

struct imsg_log_level {
	uint32_t level;
};

enum http_endpoint {
	HTTP_METRICS, /* metrics and probes alone */
	HTTP_STATUS, /* all that can be shown */
	HTTP_ENDPOINTS
};

struct imsg_http {
	uint32_t endpoint; /* enum http_endpoint */
};

struct imsg_conf {
	uint64_t name;
	char nickname[NICKNAME_MAX];
	uint32_t connection_limit;
	uint32_t rekey_interval; /* seconds */
	uint32_t reauth_interval; /* seconds */
	uint32_t mtu;
	uint32_t offloads; /* OFFLOAD_* of the descriptors */
	uint16_t port;
	uint8_t encrypted;
	uint8_t listen_first;
	uint8_t discovery;
	uint8_t cipher_library; /* no vector code of our own */
	uint8_t version_min; /* of the protocol, 2 or 3 */
	uint8_t version_max;
	char bridge[16];
	char tap[16];
	char password_source[CTL_TEXT_MAX];
	char warning[CTL_CAUSE_MAX];
};

struct imsg_subnet {
	uint32_t addr;
	uint32_t len;
};

struct imsg_target {
	uint32_t target;
	char text[CTL_TEXT_MAX];
};

struct imsg_target_id {
	uint32_t target;
};

/* A peer of the topology; version of the connection, 0: no neighbour. */
struct imsg_peer {
	uint64_t name;
	uint32_t version;
	uint32_t pad;
};

/* An established neighbour's address, for the engine after this one. */
struct imsg_neighbour {
	uint32_t addr;
	uint16_t port;
	uint8_t up;
	uint8_t pad;
};

struct imsg_netcfg_conf {
	uint64_t name; /* of the peer: the bridge's MAC if it can be one */
	uint32_t mtu;
	uint8_t adopt; /* take over the addresses of the bridge */
	uint8_t range_len; /* 0: none, or not to be looked at */
	uint8_t pad[2];
	uint32_t range_addr; /* must be free of other routes */
	uint8_t pad2[4];
	char bridge[16];
	char tap[16];
};

#define LOCAL_RANGES_MAX 256

/* Addresses of pods of this host: ascending, disjoint. */
struct imsg_local {
	uint32_t n;
	uint8_t on; /* who speaks to them is not masqueraded */
	uint8_t pad[3];
	struct {
		uint32_t start;
		uint32_t end; /* is not in it */
	} ranges[LOCAL_RANGES_MAX];
};

struct imsg_netcfg_done {
	char error[CTL_CAUSE_MAX]; /* empty: done */
};

struct imsg_netcfg_link {
	uint32_t index; /* of the device */
};

#define IPAM_FILE_MAX (24u << 20) /* bytes kept for the engine */

struct imsg_ipam_conf {
	uint32_t range_addr;
	uint32_t subnet_addr; /* default */
	uint8_t range_len;
	uint8_t subnet_len;
	uint8_t init; /* enum conf_init */
	uint8_t await; /* give nothing out before IMSG_IPAM_MEMBERS */
	uint32_t count;
};

struct imsg_ipam_seed {
	uint64_t name;
};

struct imsg_ipam_members {
	uint32_t count; /* of peers, as count of imsg_ipam_conf */
};

struct imsg_ipam_saved {
	uint32_t error; /* errno, 0: on disk */
};

struct imsg_kube_conf {
	uint64_t name; /* our peer */
	char node[NICKNAME_MAX]; /* the name of our node */
	char host[CTL_TEXT_MAX]; /* of the API server, name or address */
	uint16_t port;
	uint8_t ipam; /* it is on */
	uint8_t pad[5];
};

struct imsg_kube_no_account {
	uint32_t error; /* errno of opening one of its files */
};

#define KUBE_LIST_MAX 40 /* bytes of the list's UID, with NUL */

/*
 * missing 1: our peer is not in the cluster's list of peers; answered by
 * IMSG_KUBE_CLEARED when that was acted upon. 0: it is in it.
 */
struct imsg_kube_member {
	uint32_t nodes; /* with ours */
	uint32_t missing;
	char list[KUBE_LIST_MAX]; /* hexadecimal digits and hyphens */
};

struct imsg_dial {
	uint32_t dial; /* the engine's id for this attempt */
	uint32_t addr;
	uint16_t port;
	uint16_t pad;
};

struct imsg_dialled {
	uint32_t dial;
	uint32_t error; /* errno, 0: connected, fd follows */
	uint32_t local_addr;
	uint16_t local_port;
	uint16_t pad;
};

struct imsg_lookup {
	uint32_t target;
	char host[CTL_TEXT_MAX];
};

struct imsg_resolved {
	uint32_t target;
	uint32_t naddrs; /* at most 16 */
	uint32_t addrs[16];
	char error[128]; /* empty: done */
};

struct imsg_kx2_start {
	uint32_t conn;
	uint32_t outbound; /* we dialled */
};

struct imsg_kx2_started {
	uint32_t conn;
	uint32_t handle;
	uint8_t key[32]; /* our public key */
	char error[64]; /* empty: done */
};

#define KX2_FRAME_MAX 1040 /* sealed features: 1024 and the tag */

struct imsg_kx2_finish {
	uint32_t conn;
	uint32_t handle;
	uint8_t key[32]; /* the peer's public key */
	uint8_t outbound; /* we dialled */
	uint8_t has_frame; /* listening first */
	uint16_t frame_len;
	uint8_t frame[KX2_FRAME_MAX];
};

struct imsg_kx2_finished {
	uint32_t conn;
	uint32_t serial; /* of the password that fitted */
	uint8_t key[32]; /* the session key */
	char error[64]; /* empty: done */
};

struct imsg_kx2_cancel {
	uint32_t handle;
};

_Static_assert(sizeof(struct imsg_netcfg_conf) == 56, "no padding");
_Static_assert(
    sizeof(struct imsg_local) == 8 + 8 * LOCAL_RANGES_MAX, "no padding");

/*
 * The serials of the passwords that are accepted, by version of the protocol:
 * first the one dialled with, then the other, 0: none. A serial says nothing
 * of its password and is not used again while the parent lives.
 */
struct imsg_passwords {
	uint32_t version2[2];
	uint32_t version3[2];
};

/* Connections that it authenticated last are to end. */
struct imsg_password_gone {
	uint32_t serial;
};

_Static_assert(sizeof(struct imsg_ipam_conf) == 16, "no padding");
_Static_assert(
    sizeof(struct imsg_kube_conf) == 16 + NICKNAME_MAX + CTL_TEXT_MAX,
    "no padding");
_Static_assert(sizeof(struct imsg_dial) == 12, "no padding");
_Static_assert(sizeof(struct imsg_dialled) == 16, "no padding");
_Static_assert(sizeof(struct imsg_neighbour) == 8, "no padding");
_Static_assert(
    sizeof(struct imsg_kx2_finish) == 44 + KX2_FRAME_MAX, "no padding");
#endif
