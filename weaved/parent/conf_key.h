/*
 * The table of configuration keys and the types of their values: what the
 * files conf*.c share, for nobody else.
 */
#ifndef PARENT_CONF_KEY_H
#define PARENT_CONF_KEY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weaved/parent/conf.h"

#define CONF_CAUSE_MAX 384 /* why a value is refused, with NUL */

struct conf_key;

struct conf_type {
	bool list; /* parse adds one item */
	bool plain; /* not text: a quoted scalar is of the wrong type */
	/* False and a cause without the key's name; conf keeps its value. */
	bool (*parse)(const struct conf_key *key, struct conf *conf,
	    const char *text, char cause[CONF_CAUSE_MAX]);
	/* Of lists only. */
	void (*clear)(struct conf *conf);
	size_t (*count)(const struct conf *conf);
	/* As YAML: the value, or one item of a list. */
	void (*print)(const struct conf_key *key, const struct conf *conf,
	    size_t item, FILE *out);
};

struct conf_word {
	const char *word;
	int value;
};

struct conf_key {
	const char *name;
	const struct conf_type *type;
	size_t offset; /* of the field in struct conf */
	size_t size; /* of the field */
	uint32_t min; /* a number, or bytes of a text */
	uint32_t max;
	const struct conf_word *words; /* ends with a NULL word */
	/* Further check of a text, or NULL. */
	bool (*check)(const char *text, char cause[CONF_CAUSE_MAX]);
	const char *fallback; /* default; NULL: empty list */
	bool fixed; /* while the daemon runs */
};

#define CONF_KEYS 38
extern const struct conf_key conf_keys[CONF_KEYS];

/* NULL: unknown. */
const struct conf_key *conf_key_find(const char *name);
/*
 * Sets a key to what a text says; a list to the items between any of these
 * separators, of which empty ones do not count.
 */
bool conf_key_set(const struct conf_key *key, struct conf *conf,
    const char *text, const char *separators, char cause[CONF_CAUSE_MAX]);
/* The cause for an unknown key, with the key that may have been meant. */
void conf_key_unknown(const char *name, char cause[CONF_CAUSE_MAX]);

extern const struct conf_type conf_type_text; /* char [size] */
extern const struct conf_type conf_type_path; /* char *, NULL if empty */
extern const struct conf_type conf_type_name; /* uint64_t */
extern const struct conf_type conf_type_listen; /* uint32_t */
extern const struct conf_type conf_type_number; /* uint16_t or uint32_t */
extern const struct conf_type conf_type_yesno; /* bool */
extern const struct conf_type conf_type_word; /* an enum */
extern const struct conf_type conf_type_peers;
extern const struct conf_type conf_type_subnets;
extern const struct conf_type conf_type_subnet; /* struct subnet, or empty */
extern const struct conf_type conf_type_init; /* struct conf_ipalloc_init */
extern const struct conf_type conf_type_endpoint; /* port 0 if empty */

/* "key=value". 0, or -1 and see error: "-o KEY: what". */
int conf_set_option(
    struct conf *conf, const char *option, char error[CONF_ERROR_MAX]);
/* What the environment says. 0, or -1 and see error: "WEAVE_MTU: what". */
int conf_environment_read(struct conf *conf, const struct conf_source *source,
    char error[CONF_ERROR_MAX]);
/* A variable, or NULL; empty means unset. */
const char *conf_environment_get(
    const struct conf_source *source, const char *name);

/* Do the keys ipalloc-* fit together? */
bool conf_ipalloc_check(const struct conf *conf, char error[CONF_ERROR_MAX]);

/* Is there an API server, if one is to be asked? */
bool conf_kubernetes_check(struct conf *conf, const struct conf_source *source,
    char error[CONF_ERROR_MAX]);
bool conf_text_check_server(const char *text, char cause[CONF_CAUSE_MAX]);

/* Valid UTF-8 without control characters? */
bool conf_text_check(const char *text, char cause[CONF_CAUSE_MAX]);
bool conf_text_check_mesh(const char *text, char cause[CONF_CAUSE_MAX]);
/* A name that an interface can have, and its TAP with "-tap" behind it. */
bool conf_text_check_bridge(const char *text, char cause[CONF_CAUSE_MAX]);
bool conf_cause(char cause[CONF_CAUSE_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));

/* Formats one line, unprintable bytes escaped, always with NUL. */
void conf_error(char error[CONF_ERROR_MAX], const char *fmt, ...)
    __attribute__((format(printf, 2, 3)));
/* Sets keys of conf to what the text of a file says. -1: see error. */
int conf_yaml_parse(struct conf *conf, const char *file, const char *data,
    size_t len, char error[CONF_ERROR_MAX]);
/*
 * Reads a whole file into *data (of the caller, by free(3)). 0; 1: there is no
 * such file; -1: see error, also for a directory or more than CONF_FILE_MAX.
 */
int conf_file_read(
    const char *file, char **data, size_t *len, char error[CONF_ERROR_MAX]);

#endif
