#include <string.h>

#include "common/ctl.h"
#include "weaved/parent/conf_key.h"

/* Edits that still count as a misspelt key. */
#define DISTANCE_MAX 2
#define NAME_MAX_LEN 32

static size_t edit_distance(const char *, const char *);

static const struct conf_word protocol_words[] = {
    {"weave", CONF_PROTOCOL_WEAVE},
    {"mixed", CONF_PROTOCOL_MIXED},
    {"hardened", CONF_PROTOCOL_HARDENED},
    {NULL, 0},
};

static const struct conf_word encryption_words[] = {
    {"required", CONF_ENCRYPTION_REQUIRED},
    {"none", CONF_ENCRYPTION_NONE},
    {NULL, 0},
};

static const struct conf_word password_reload_words[] = {
    {"replace", CONF_PASSWORD_REPLACE},
    {"rotate", CONF_PASSWORD_ROTATE},
    {NULL, 0},
};

static const struct conf_word cipher_words[] = {
    {"auto", CONF_CIPHER_AUTO},
    {"library", CONF_CIPHER_LIBRARY},
    {NULL, 0},
};

static const struct conf_word sandbox_words[] = {
    {"required", CONF_SANDBOX_REQUIRED},
    {"strict", CONF_SANDBOX_STRICT},
    {"best-effort", CONF_SANDBOX_BEST_EFFORT},
    {NULL, 0},
};

static const struct conf_word log_words[] = {
    {"debug", LOGLEVEL_DEBUG},
    {"info", LOGLEVEL_INFO},
    {"warning", LOGLEVEL_WARNING},
    {"error", LOGLEVEL_ERROR},
    {NULL, 0},
};

#define FIELD(f)                            \
	.offset = offsetof(struct conf, f), \
	.size = sizeof(((struct conf *)NULL)->f)

/* In the order in which they are printed. */
const struct conf_key conf_keys[CONF_KEYS] = {
    {"mesh", &conf_type_text, FIELD(mesh), .min = 1, .max = 63,
	.check = conf_text_check_mesh, .fallback = "weave", .fixed = true},
    {"protocol", &conf_type_word, FIELD(protocol), .words = protocol_words,
	.fallback = "hardened", .fixed = true},
    {"rekey-interval", &conf_type_number, FIELD(rekey_interval), .min = 1,
	.max = 120, .fallback = "120"},
    {"reauth-interval", &conf_type_number, FIELD(reauth_interval), .min = 1,
	.max = 3600, .fallback = "3600"},
    {"mesh-rotation", &conf_type_yesno, FIELD(mesh_rotation),
	.fallback = "yes"},
    {"name", &conf_type_name, FIELD(name), .fallback = "", .fixed = true},
    {"nickname", &conf_type_text, FIELD(nickname), .max = NICKNAME_MAX - 1,
	.fallback = ""},
    {"listen", &conf_type_listen, FIELD(listen), .fallback = "0.0.0.0",
	.fixed = true},
    {"port", &conf_type_number, FIELD(port), .min = 1, .max = 65534,
	.fallback = "6783", .fixed = true},
    {"peers", &conf_type_peers, FIELD(peers)},
    {"discovery", &conf_type_yesno, FIELD(discovery), .fallback = "yes"},
    {"connection-limit", &conf_type_number, FIELD(connection_limit),
	.max = 65535, .fallback = "200"},
    {"encryption", &conf_type_word, FIELD(encryption),
	.words = encryption_words, .fallback = "required", .fixed = true},
    {"cipher", &conf_type_word, FIELD(cipher), .words = cipher_words,
	.fallback = "auto", .fixed = true},
    {"password-file", &conf_type_path, FIELD(password_file), .max = 1023,
	.fallback = ""},
    {"password-hardened", &conf_type_path, FIELD(password_hardened),
	.max = 1023, .fallback = "", .fixed = true},
    {"password-reload", &conf_type_word, FIELD(password_reload),
	.words = password_reload_words, .fallback = "replace"},
    {"trusted-subnets", &conf_type_subnets, FIELD(trusted)},
    {"bridge", &conf_type_text, FIELD(bridge), .min = 1, .max = 11,
	.check = conf_text_check_bridge, .fallback = "weave", .fixed = true},
    {"mtu", &conf_type_number, FIELD(mtu), .min = 576, .max = 65535,
	.fallback = "1376"},
    {"offload-tap", &conf_type_yesno, FIELD(offload_tap), .fallback = "yes",
	.fixed = true},
    {"offload-udp-send", &conf_type_yesno, FIELD(offload_udp_send),
	.fallback = "yes", .fixed = true},
    {"offload-udp-receive", &conf_type_yesno, FIELD(offload_udp_receive),
	.fallback = "yes", .fixed = true},
    {"coalesce", &conf_type_yesno, FIELD(coalesce), .fallback = "yes",
	.fixed = true},
    {"sandbox", &conf_type_word, FIELD(sandbox), .words = sandbox_words,
	.fallback = "required", .fixed = true},
    {"control-socket", &conf_type_path, FIELD(control_socket), .min = 2,
	.max = 107, .fallback = CTL_SOCKET_PATH, .fixed = true},
    {"state-directory", &conf_type_path, FIELD(state_directory), .min = 1,
	.max = 1023, .fallback = "/var/lib/weaved", .fixed = true},
    {"log", &conf_type_word, FIELD(log), .words = log_words,
	.fallback = "info"},
    {"metrics", &conf_type_endpoint, FIELD(metrics), .fallback = ""},
    {"status", &conf_type_endpoint, FIELD(status), .fallback = ""},
    {"ipalloc-range", &conf_type_subnet, FIELD(ipalloc_range), .fallback = "",
	.fixed = true},
    {"ipalloc-default-subnet", &conf_type_subnet, FIELD(ipalloc_subnet),
	.fallback = "", .fixed = true},
    {"ipalloc-init", &conf_type_init, FIELD(ipalloc_init),
	.fallback = "consensus", .fixed = true},
    {"no-masq-local", &conf_type_yesno, FIELD(no_masq_local), .fallback = "no"},
    {"kubernetes", &conf_type_yesno, FIELD(kubernetes), .fallback = "no",
	.fixed = true},
    {"kubernetes-api", &conf_type_text, FIELD(kubernetes_api),
	.max = CTL_TEXT_MAX - 1, .check = conf_text_check_server,
	.fallback = "", .fixed = true},
    {"kubernetes-account", &conf_type_path, FIELD(kubernetes_account), .min = 1,
	.max = 1023,
	.fallback = "/var/run/secrets/kubernetes.io/serviceaccount",
	.fixed = true},
    {"expect-npc", &conf_type_yesno, FIELD(expect_npc), .fallback = "no"},
};

const struct conf_key *
conf_key_find(const char *name)
{
	for (size_t i = 0; i < CONF_KEYS; i++)
		if (strcmp(conf_keys[i].name, name) == 0)
			return &conf_keys[i];
	return NULL;
}

void
conf_key_unknown(const char *name, char cause[CONF_CAUSE_MAX])
{
	const char *nearest = NULL;
	size_t best = DISTANCE_MAX + 1;

	for (size_t i = 0; i < CONF_KEYS; i++) {
		size_t d = edit_distance(name, conf_keys[i].name);

		if (d < best && d < strlen(conf_keys[i].name) - 1) {
			best = d;
			nearest = conf_keys[i].name;
		}
	}
	if (nearest != NULL)
		conf_cause(cause, "unknown key \"%.64s\", did you mean \"%s\"?",
		    name, nearest);
	else
		conf_cause(cause, "unknown key \"%.64s\"", name);
}

/* Insertions, deletions and replacements from a to b. */
static size_t
edit_distance(const char *a, const char *b)
{
	size_t row[NAME_MAX_LEN + 1], n = strlen(b);

	if (strlen(a) > NAME_MAX_LEN || n > NAME_MAX_LEN)
		return SIZE_MAX;
	for (size_t j = 0; j <= n; j++)
		row[j] = j;
	for (size_t i = 1; a[i - 1] != '\0'; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= n; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[n];
}
