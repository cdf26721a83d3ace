/*
 * Configuration (weaved.conf(5)): command line, environment, file, defaults,
 * in this order of precedence. Read and checked as a whole, then swapped in.
 */
#ifndef PARENT_CONF_H
#define PARENT_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/ctl.h"
#include "common/log.h"

#define CONF_PATH "/etc/weaved/weaved.conf"
#define CONF_FILE_MAX 65536 /* bytes of a file */
#define CONF_PEERS_MAX 1024
#define CONF_ERROR_MAX 512

enum conf_protocol {
	CONF_PROTOCOL_WEAVE,
	CONF_PROTOCOL_MIXED,
	CONF_PROTOCOL_HARDENED
};

enum conf_encryption {
	CONF_ENCRYPTION_REQUIRED,
	CONF_ENCRYPTION_NONE
};

enum conf_cipher {
	CONF_CIPHER_AUTO,
	CONF_CIPHER_LIBRARY
};

/* What a reload does with another password. */
enum conf_password_reload {
	CONF_PASSWORD_REPLACE,
	CONF_PASSWORD_ROTATE
};

enum conf_init {
	CONF_INIT_CONSENSUS,
	CONF_INIT_SEED,
	CONF_INIT_OBSERVER
};

#define CONF_SEEDS_MAX 256

struct conf_ipalloc_init {
	enum conf_init mode;
	uint32_t count; /* of consensus, 0: not given */
	uint64_t seeds[CONF_SEEDS_MAX];
	size_t nseeds;
};

enum conf_sandbox {
	CONF_SANDBOX_REQUIRED,
	CONF_SANDBOX_STRICT,
	CONF_SANDBOX_BEST_EFFORT
};

struct conf {
	char mesh[64]; /* 1 to 63 printable bytes */
	enum conf_protocol protocol;
	uint32_t rekey_interval; /* seconds, 1 to 120 */
	uint32_t reauth_interval; /* seconds, 1 to 3600 */
	bool mesh_rotation;
	uint64_t name; /* PEERNAME_UNKNOWN: not given */
	char nickname[NICKNAME_MAX];
	uint32_t listen; /* host order, 0: all addresses */
	uint16_t port; /* 1 to 65534: fastdp has port + 1 */
	char **peers; /* "host[:port]", no duplicates */
	size_t npeers;
	bool discovery;
	uint32_t connection_limit; /* 0 (none) to 65535 */
	enum conf_encryption encryption;
	enum conf_cipher cipher;
	char *password_file; /* NULL: not given */
	char *password_hardened; /* NULL: version 3 has no other */
	enum conf_password_reload password_reload;
	bool password_file_option; /* by -o: comes before the environment */
	struct subnet trusted[SUBNETS_MAX];
	size_t ntrusted;
	struct subnet ipalloc_range; /* len 0: IPAM is off */
	struct subnet ipalloc_subnet; /* len 0: the range */
	struct conf_ipalloc_init ipalloc_init;
	char bridge[16]; /* 1 to 11 bytes: its TAP is NAME-tap */
	uint32_t mtu; /* 576 to 65535 */
	bool offload_tap;
	bool offload_udp_send;
	bool offload_udp_receive;
	bool coalesce;
	enum conf_sandbox sandbox;
	char *control_socket; /* absolute, at most 107 bytes */
	char *state_directory; /* absolute */
	enum log_level log;
	struct endpoint metrics; /* of http; port 0: off */
	struct endpoint status;
	bool kubernetes;
	char kubernetes_api[CTL_TEXT_MAX]; /* "host:port", if kubernetes */
	char *kubernetes_account; /* absolute: a directory */
	bool no_masq_local; /* who speaks to pods of this host stays seen */
	bool expect_npc; /* pods' network policies are to hold */
};

/* Where configuration comes from; strings are the caller's. */
struct conf_source {
	const char *file; /* NULL: CONF_PATH, which may be missing */
	const char **options; /* "key=value" of -o, in order */
	size_t noptions;
	const char **peers; /* of the command line, added to the list */
	size_t npeers;
	char *const *environment; /* as environ(7), or NULL */
};

/*
 * A new configuration, or NULL and one line in error: "FILE:LINE: what",
 * "-o KEY: what", "WEAVE_MTU: what".
 */
struct conf *conf_load(
    const struct conf_source *source, char error[CONF_ERROR_MAX]);
/* The same with the len bytes at data as file, and no other source. */
struct conf *conf_parse_buffer(
    const char *file, const void *data, size_t len, char error[CONF_ERROR_MAX]);
void conf_free(struct conf *conf);
/* Canonical YAML with every key; conf_load() of it gives an equal conf. */
int conf_print(const struct conf *conf, FILE *out);
/*
 * Checks a direct peer: host name, IPv4, each with optional port; refuses
 * IPv6 by name. False and one line in error.
 */
bool conf_check_peer(const char *text, char error[CONF_ERROR_MAX]);
/*
 * Names each variable of Weave Net's, and each flag in EXTRA_ARGS, that is set
 * and has no effect here.
 */
void conf_environment_idle(
    const struct conf_source *source, void (*note)(const char *name));
/*
 * Reload: is every key that cannot change while running the same? Those are
 * mesh, protocol, name, listen, port, bridge, control-socket,
 * state-directory, sandbox, encryption, ipalloc-*, the offloads, coalesce.
 * False: error names the first that differs.
 */
bool conf_can_reload(const struct conf *running, const struct conf *wanted,
    char error[CONF_ERROR_MAX]);

#endif
