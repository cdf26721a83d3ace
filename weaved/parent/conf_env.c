/*
 * The environment as a source of configuration: Weave Net's variables, each
 * with the key that it sets, and the flags of its router in EXTRA_ARGS. A key
 * that is not there makes its variable one without effect, which the log
 * names (conf_environment_idle()), as it does all others of Weave Net's.
 */
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "weaved/parent/conf_key.h"

#define BLANKS " \t\n"
#define SEPARATORS ", \t\n" /* of lists in a variable */

enum setting_kind {
	SETTING_VALUE, /* the key's value as it is */
	SETTING_YESNO, /* "false", "0" and "no" mean no, all else yes */
	SETTING_NOT, /* the same, turned round */
	SETTING_IDLE /* without effect; with words: a flag with a value */
};

struct setting {
	const char *name;
	enum setting_kind kind;
	const char *key; /* NULL: none */
};

/* What others have is not here, but HOSTNAME, PASSWORD and EXTRA_ARGS. */
static const struct setting variables[] = {
    {"CONN_LIMIT", SETTING_VALUE, "connection-limit"},
    {"EXPECT_NPC", SETTING_YESNO, "expect-npc"},
    {"HAIRPIN_MODE", SETTING_YESNO, "hairpin"},
    {"IPALLOC_INIT", SETTING_VALUE, "ipalloc-init"},
    {"IPALLOC_RANGE", SETTING_VALUE, "ipalloc-range"},
    {"KUBE_PEERS", SETTING_VALUE, "peers"},
    {"NO_MASQ_LOCAL", SETTING_YESNO, "no-masq-local"},
    {"WEAVE_METRICS_ADDR", SETTING_VALUE, "metrics"},
    {"WEAVE_MTU", SETTING_VALUE, "mtu"},
    {"WEAVE_NO_FASTDP", SETTING_NOT, "fastdp"},
    {"WEAVE_STATUS_ADDR", SETTING_VALUE, "status"},
    {"AWSVPC", SETTING_IDLE, NULL},
    {"CHECKPOINT_DISABLE", SETTING_IDLE, NULL},
    {"DB_PREFIX", SETTING_IDLE, NULL},
    {"HOST_ROOT", SETTING_IDLE, NULL},
    {"INIT_CONTAINER", SETTING_IDLE, NULL},
    {"IPTABLES_BACKEND", SETTING_IDLE, NULL},
    {"WEAVE_CNI_PLUGIN_DIR", SETTING_IDLE, NULL},
    {"WEAVE_CONTAINER_NAME", SETTING_IDLE, NULL},
    {"WEAVE_DEBUG", SETTING_IDLE, NULL},
    {"WEAVE_DOCKER_ARGS", SETTING_IDLE, NULL},
    {"WEAVE_EXPOSE_IP", SETTING_IDLE, NULL},
    {"WEAVE_HTTP_ADDR", SETTING_IDLE, NULL},
    {"WEAVE_KUBERNETES_UID", SETTING_IDLE, NULL},
    {"WEAVE_KUBERNETES_VERSION", SETTING_IDLE, NULL},
    {"WEAVE_MULTICAST", SETTING_IDLE, NULL},
    {"WEAVE_NO_BRIDGED_FASTDP", SETTING_IDLE, NULL},
    {"WEAVE_PORT", SETTING_IDLE, NULL},
    {"WEAVE_VERSION", SETTING_IDLE, NULL},
    {"WEAVEEXEC_DOCKER_ARGS", SETTING_IDLE, NULL},
};

/* Flags of weaver(1), without their dashes. */
static const struct setting flags[] = {
    {"conn-limit", SETTING_VALUE, "connection-limit"},
    {"expect-npc", SETTING_YESNO, "expect-npc"},
    {"host", SETTING_VALUE, "listen"},
    {"ipalloc-default-subnet", SETTING_VALUE, "ipalloc-default-subnet"},
    {"ipalloc-init", SETTING_VALUE, "ipalloc-init"},
    {"ipalloc-range", SETTING_VALUE, "ipalloc-range"},
    {"log-level", SETTING_VALUE, "log"},
    {"metrics-addr", SETTING_VALUE, "metrics"},
    {"mtu", SETTING_VALUE, "mtu"},
    {"name", SETTING_VALUE, "name"},
    {"nickname", SETTING_VALUE, "nickname"},
    {"no-discovery", SETTING_NOT, "discovery"},
    {"no-fastdp", SETTING_NOT, "fastdp"},
    {"no-masq-local", SETTING_YESNO, "no-masq-local"},
    {"port", SETTING_VALUE, "port"},
    {"status-addr", SETTING_VALUE, "status"},
    {"trusted-subnets", SETTING_VALUE, "trusted-subnets"},
    {"weave-bridge", SETTING_VALUE, "bridge"},
    {"advertise-address", SETTING_VALUE, NULL},
    {"awsvpc", SETTING_IDLE, NULL},
    {"bufsz", SETTING_VALUE, NULL},
    {"datapath", SETTING_VALUE, NULL},
    {"db-prefix", SETTING_VALUE, NULL},
    {"dns-domain", SETTING_VALUE, NULL},
    {"dns-fallback-timeout", SETTING_VALUE, NULL},
    {"dns-listen-address", SETTING_VALUE, NULL},
    {"dns-ttl", SETTING_VALUE, NULL},
    {"docker-api", SETTING_VALUE, NULL},
    {"docker-bridge", SETTING_VALUE, NULL},
    {"host-root", SETTING_VALUE, NULL},
    {"http-addr", SETTING_VALUE, NULL},
    {"min-protocol-version", SETTING_VALUE, NULL},
    {"no-bridged-fastdp", SETTING_IDLE, NULL},
    {"no-dns", SETTING_IDLE, NULL},
    {"no-multicast-route", SETTING_IDLE, NULL},
    {"pkt-debug", SETTING_IDLE, NULL},
    {"peer-discovery-url", SETTING_VALUE, NULL},
    {"plugin", SETTING_IDLE, NULL},
    {"proc-path", SETTING_VALUE, NULL},
    {"profile", SETTING_VALUE, NULL},
    {"proxy", SETTING_IDLE, NULL},
    {"resolv-conf", SETTING_VALUE, NULL},
    {"resume", SETTING_IDLE, NULL},
    {"token", SETTING_VALUE, NULL},
};

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

/* One pass over EXTRA_ARGS: sets keys, or names what has no effect. */
struct arguments {
	struct conf *conf; /* NULL: only note */
	void (*note)(const char *); /* or NULL */
	char *rest;
	char cause[CONF_CAUSE_MAX];
};

static const struct conf_key *setting_key(const struct setting *);
static bool setting_apply(const struct setting *, struct conf *, const char *,
    const char *, char[CONF_CAUSE_MAX]);
static const char *yesno(enum setting_kind, const char *);
static const struct setting *flag_find(const char *, size_t);
static char *arguments_next(struct arguments *);
static bool arguments_option(struct arguments *, const char *);
static bool arguments_flag(struct arguments *, const char *, const char *);
static bool arguments_word(struct arguments *, const char *);
static bool arguments_read(
    struct arguments *, const struct conf_source *, const char *);

const char *
conf_environment_get(const struct conf_source *source, const char *name)
{
	size_t len = strlen(name);

	for (char *const *v = source->environment; v != NULL && *v != NULL; v++)
		if (strncmp(*v, name, len) == 0 && (*v)[len] == '=')
			return (*v)[len + 1] == '\0' ? NULL : *v + len + 1;
	return NULL;
}

static const struct conf_key *
setting_key(const struct setting *setting)
{
	return setting->key == NULL ? NULL : conf_key_find(setting->key);
}

static const char *
yesno(enum setting_kind kind, const char *text)
{
	bool no = strcasecmp(text, "false") == 0 ||
	    strcasecmp(text, "no") == 0 || strcmp(text, "0") == 0;

	return no == (kind == SETTING_NOT) ? "yes" : "no";
}

static bool
setting_apply(const struct setting *setting, struct conf *conf,
    const char *text, const char *separators, char cause[CONF_CAUSE_MAX])
{
	const struct conf_key *key = setting_key(setting);

	if (key == NULL || conf == NULL)
		return true;
	if (setting->kind != SETTING_VALUE)
		text = yesno(setting->kind, text);
	return conf_key_set(key, conf, text, separators, cause);
}

static const struct setting *
flag_find(const char *name, size_t len)
{
	for (size_t i = 0; i < COUNT(flags); i++)
		if (strlen(flags[i].name) == len &&
		    strncmp(flags[i].name, name, len) == 0)
			return &flags[i];
	return NULL;
}

static char *
arguments_next(struct arguments *args)
{
	char *word;

	while ((word = strsep(&args->rest, BLANKS)) != NULL)
		if (word[0] != '\0')
			return word;
	return NULL;
}

/* weaved's own, for what Weave Net has no flag. */
static bool
arguments_option(struct arguments *args, const char *option)
{
	char error[CONF_ERROR_MAX];

	if (option == NULL)
		return conf_cause(args->cause, "-o: a key=value is missing");
	if (args->conf == NULL ||
	    conf_set_option(args->conf, option, error) == 0)
		return true;
	return conf_cause(args->cause, "%.300s", error);
}

/* name: behind the dashes; value: behind "=", or NULL. */
static bool
arguments_flag(struct arguments *args, const char *name, const char *value)
{
	size_t len = value == NULL ? strlen(name) : (size_t)(value - name - 1);
	const struct setting *flag = flag_find(name, len);
	char cause[CONF_CAUSE_MAX], idle[96];

	if (len == 8 && strncmp(name, "password", len) == 0)
		return conf_cause(args->cause,
		    "--password: others can read it, set WEAVE_PASSWORD");
	if (flag == NULL)
		return conf_cause(
		    args->cause, "unknown flag --%.*s", (int)len, name);
	if (value == NULL)
		value =
		    flag->kind != SETTING_VALUE ? "true" : arguments_next(args);
	if (value == NULL)
		return conf_cause(
		    args->cause, "--%s: a value is missing", flag->name);
	if (args->note != NULL && setting_key(flag) == NULL) {
		snprintf(idle, sizeof(idle), "EXTRA_ARGS --%s", flag->name);
		args->note(idle);
	}
	if (setting_apply(flag, args->conf, value, ",", cause))
		return true;
	return conf_cause(args->cause, "--%s: %.300s", flag->name, cause);
}

/* Weave takes one dash or two; what has none is a peer. */
static bool
arguments_word(struct arguments *args, const char *word)
{
	const struct conf_key *peers = conf_key_find("peers");
	const char *value = strchr(word, '=');

	if (strcmp(word, "-o") == 0)
		return arguments_option(args, arguments_next(args));
	if (word[0] == '-')
		return arguments_flag(args, word + (word[1] == '-' ? 2 : 1),
		    value == NULL ? NULL : value + 1);
	return args->conf == NULL ||
	    peers->type->parse(peers, args->conf, word, args->cause);
}

static bool
arguments_read(struct arguments *args, const struct conf_source *source,
    const char *variable)
{
	const char *text = conf_environment_get(source, variable), *word;
	char *copy;
	bool good = true;

	if (text == NULL)
		return true;
	if ((copy = args->rest = strdup(text)) == NULL)
		return conf_cause(args->cause, "out of memory");
	while (good && (word = arguments_next(args)) != NULL)
		good = arguments_word(args, word);
	free(copy);
	return good;
}

int
conf_environment_read(struct conf *conf, const struct conf_source *source,
    char error[CONF_ERROR_MAX])
{
	struct arguments args = {.conf = conf};
	char cause[CONF_CAUSE_MAX];

	for (size_t i = 0; i < COUNT(variables); i++) {
		const char *text =
		    conf_environment_get(source, variables[i].name);

		if (text == NULL ||
		    setting_apply(&variables[i], conf, text, SEPARATORS, cause))
			continue;
		conf_error(error, "%s: %s", variables[i].name, cause);
		return -1;
	}
	if (arguments_read(&args, source, "EXTRA_ARGS"))
		return 0;
	conf_error(error, "EXTRA_ARGS: %s", args.cause);
	return -1;
}

void
conf_environment_idle(
    const struct conf_source *source, void (*note)(const char *name))
{
	struct arguments args = {.note = note};

	for (size_t i = 0; i < COUNT(variables); i++)
		if (setting_key(&variables[i]) == NULL &&
		    conf_environment_get(source, variables[i].name) != NULL)
			note(variables[i].name);
	arguments_read(&args, source, "EXTRA_ARGS");
}
