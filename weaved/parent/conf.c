#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <vis.h>

#include "weaved/parent/conf_key.h"

static struct conf *conf_new(char[CONF_ERROR_MAX]);
static int conf_finish(
    struct conf *, const struct conf_source *, char[CONF_ERROR_MAX]);
static int load_file(struct conf *, const char *, char[CONF_ERROR_MAX]);
static int load_options(
    struct conf *, const struct conf_source *, char[CONF_ERROR_MAX]);
static bool list_set(const struct conf_key *, struct conf *, const char *,
    const char *, char[CONF_CAUSE_MAX]);
static void key_print(const struct conf_key *, const struct conf *, FILE *);
static bool key_equal(
    const struct conf_key *, const struct conf *, const struct conf *);
static char *key_format(const struct conf_key *, const struct conf *);

void
conf_error(char error[CONF_ERROR_MAX], const char *fmt, ...)
{
	char line[CONF_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	strnvis(error, line, CONF_ERROR_MAX,
	    VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_NOSLASH);
}

struct conf *
conf_load(const struct conf_source *source, char error[CONF_ERROR_MAX])
{
	struct conf *conf = conf_new(error);

	if (conf == NULL)
		return NULL;
	if (load_file(conf, source->file, error) == -1 ||
	    conf_environment_read(conf, source, error) == -1 ||
	    load_options(conf, source, error) == -1 ||
	    conf_finish(conf, source, error) == -1) {
		conf_free(conf);
		return NULL;
	}
	return conf;
}

struct conf *
conf_parse_buffer(
    const char *file, const void *data, size_t len, char error[CONF_ERROR_MAX])
{
	const struct conf_source none = {0};
	struct conf *conf = conf_new(error);

	if (conf == NULL)
		return NULL;
	if (conf_yaml_parse(conf, file, data, len, error) == -1 ||
	    conf_finish(conf, &none, error) == -1) {
		conf_free(conf);
		return NULL;
	}
	return conf;
}

void
conf_free(struct conf *conf)
{
	if (conf == NULL)
		return;
	conf_type_peers.clear(conf);
	free(conf->password_file);
	free(conf->password_hardened);
	free(conf->control_socket);
	free(conf->state_directory);
	free(conf->kubernetes_account);
	free(conf);
}

/* Every key at its default. */
static struct conf *
conf_new(char error[CONF_ERROR_MAX])
{
	char cause[CONF_CAUSE_MAX];
	struct conf *conf = calloc(1, sizeof(*conf));

	if (conf == NULL) {
		conf_error(error, "out of memory");
		return NULL;
	}
	for (const struct conf_key *key = conf_keys;
	     key < conf_keys + CONF_KEYS; key++) {
		if (key->fallback == NULL ||
		    key->type->parse(key, conf, key->fallback, cause))
			continue;
		conf_error(error, "default of %s: %s", key->name, cause);
		conf_free(conf);
		return NULL;
	}
	return conf;
}

/*
 * What is still open after all sources: the nickname is the host's name. That
 * of HOSTNAME does not come before the file, for many a shell exports it.
 */
static int
conf_finish(struct conf *conf, const struct conf_source *source,
    char error[CONF_ERROR_MAX])
{
	const struct conf_key *nickname = conf_key_find("nickname");
	const char *given = conf_environment_get(source, "HOSTNAME");
	char cause[CONF_CAUSE_MAX], host[NICKNAME_MAX];

	if (!conf_ipalloc_check(conf, error) ||
	    !conf_kubernetes_check(conf, source, error))
		return -1;
	if (conf->metrics.port != 0 &&
	    endpoint_equal(conf->metrics, conf->status)) {
		conf_error(error,
		    "metrics: the address of status, which has them too");
		return -1;
	}
	if (conf->nickname[0] != '\0')
		return 0;
	if (given != NULL) {
		if (nickname->type->parse(nickname, conf, given, cause))
			return 0;
		conf_error(error, "HOSTNAME: %s", cause);
		return -1;
	}
	if (gethostname(host, sizeof(host)) == -1) {
		conf_error(error, "nickname: cannot get the host name");
		return -1;
	}
	host[sizeof(host) - 1] = '\0';
	if (conf_text_check(host, cause))
		strlcpy(conf->nickname, host, sizeof(conf->nickname));
	return 0;
}

/* Only the default file may be missing. */
static int
load_file(struct conf *conf, const char *file, char error[CONF_ERROR_MAX])
{
	const char *path = file == NULL ? CONF_PATH : file;
	char *data;
	size_t len;
	int status = conf_file_read(path, &data, &len, error);

	if (status == 1 && file == NULL)
		return 0;
	if (status != 0)
		return -1;
	status = conf_yaml_parse(conf, path, data, len, error);
	free(data);
	return status;
}

static int
load_options(struct conf *conf, const struct conf_source *source,
    char error[CONF_ERROR_MAX])
{
	const struct conf_key *peers = conf_key_find("peers");
	char cause[CONF_CAUSE_MAX];

	for (size_t i = 0; i < source->noptions; i++)
		if (conf_set_option(conf, source->options[i], error) == -1)
			return -1;
	for (size_t i = 0; i < source->npeers; i++) {
		if (!peers->type->parse(peers, conf, source->peers[i], cause)) {
			conf_error(error, "peer %s", cause);
			return -1;
		}
	}
	return 0;
}

int
conf_set_option(
    struct conf *conf, const char *option, char error[CONF_ERROR_MAX])
{
	char cause[CONF_CAUSE_MAX], name[64];
	const char *value = strchr(option, '=');
	const struct conf_key *key;

	if (value == NULL) {
		conf_error(
		    error, "-o %.64s: not of the form key=value", option);
		return -1;
	}
	snprintf(name, sizeof(name), "%.*s", (int)(value - option), option);
	if ((key = conf_key_find(name)) == NULL) {
		conf_key_unknown(name, cause);
		conf_error(error, "-o %s: %s", name, cause);
		return -1;
	}
	if (!conf_key_set(key, conf, value + 1, ",", cause)) {
		conf_error(error, "-o %s: %s", name, cause);
		return -1;
	}
	if (strcmp(name, "password-file") == 0)
		conf->password_file_option = conf->password_file != NULL;
	return 0;
}

bool
conf_key_set(const struct conf_key *key, struct conf *conf, const char *text,
    const char *separators, char cause[CONF_CAUSE_MAX])
{
	if (key->type->list)
		return list_set(key, conf, text, separators, cause);
	return key->type->parse(key, conf, text, cause);
}

/* Replaces a list by the items of text, of which empty ones do not count. */
static bool
list_set(const struct conf_key *key, struct conf *conf, const char *text,
    const char *separators, char cause[CONF_CAUSE_MAX])
{
	char *copy = strdup(text), *rest = copy, *item;
	bool good = true;

	if (copy == NULL)
		return conf_cause(cause, "out of memory");
	key->type->clear(conf);
	while (good && (item = strsep(&rest, separators)) != NULL)
		if (item[0] != '\0')
			good = key->type->parse(key, conf, item, cause);
	free(copy);
	return good;
}

int
conf_print(const struct conf *conf, FILE *out)
{
	for (size_t i = 0; i < CONF_KEYS; i++)
		key_print(&conf_keys[i], conf, out);
	return ferror(out) ? -1 : 0;
}

static void
key_print(const struct conf_key *key, const struct conf *conf, FILE *out)
{
	size_t count;

	if (!key->type->list) {
		fprintf(out, "%s: ", key->name);
		key->type->print(key, conf, 0, out);
		putc('\n', out);
		return;
	}
	count = key->type->count(conf);
	fprintf(out, "%s:%s\n", key->name, count == 0 ? " []" : "");
	for (size_t i = 0; i < count; i++) {
		fputs("  - ", out);
		key->type->print(key, conf, i, out);
		putc('\n', out);
	}
}

bool
conf_can_reload(const struct conf *running, const struct conf *wanted,
    char error[CONF_ERROR_MAX])
{
	for (const struct conf_key *key = conf_keys;
	     key < conf_keys + CONF_KEYS; key++) {
		if (!key->fixed || key_equal(key, running, wanted))
			continue;
		conf_error(
		    error, "%s cannot change without a restart", key->name);
		return false;
	}
	return true;
}

/* Values are equal when they print alike; without memory they are not. */
static bool
key_equal(
    const struct conf_key *key, const struct conf *a, const struct conf *b)
{
	char *text_a = key_format(key, a), *text_b = key_format(key, b);
	bool equal =
	    text_a != NULL && text_b != NULL && strcmp(text_a, text_b) == 0;

	free(text_a);
	free(text_b);
	return equal;
}

static char *
key_format(const struct conf_key *key, const struct conf *conf)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (out == NULL)
		return NULL;
	key_print(key, conf, out);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}
