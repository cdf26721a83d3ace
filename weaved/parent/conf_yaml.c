/*
 * weaved.conf: one YAML mapping of scalars and lists of scalars. What YAML has
 * beyond that (anchors, aliases, tags, nesting, directives, further documents)
 * is refused, so that a line means what it seems to say.
 */
#include <stdarg.h>
#include <string.h>

#include <yaml.h>

#include "weaved/parent/conf_key.h"

struct reader {
	yaml_parser_t parser;
	yaml_event_t event; /* the current one */
	struct conf *conf;
	const char *file;
	const char *data;
	size_t len;
	char *error;
	size_t seen[CONF_KEYS]; /* line of each key, 0: not yet */
};

static int reader_fail(struct reader *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static int reader_fail_yaml(struct reader *);
static size_t reader_line(const struct reader *);
static size_t line_of_byte(const struct reader *, size_t);
static int reader_next(struct reader *);
static int node_check(struct reader *);
static int stream_read(struct reader *);
static int document_read(struct reader *);
static int mapping_read(struct reader *);
static int pair_read(struct reader *);
static const struct conf_key *key_read(struct reader *);
static int value_read(struct reader *, const struct conf_key *, size_t);
static int list_read(struct reader *, const struct conf_key *);
static int scalar_read(struct reader *, const struct conf_key *, size_t);
static bool scalar_is_null(const yaml_event_t *);

int
conf_yaml_parse(struct conf *conf, const char *file, const char *data,
    size_t len, char error[CONF_ERROR_MAX])
{
	struct reader r = {.conf = conf,
	    .file = file,
	    .data = data,
	    .len = len,
	    .error = error};
	const char *nul = len == 0 ? NULL : memchr(data, '\0', len);
	int status;

	if (nul != NULL)
		return reader_fail(
		    &r, line_of_byte(&r, (size_t)(nul - data)), "NUL byte");
	if (len > CONF_FILE_MAX)
		return reader_fail(
		    &r, 1, "larger than %u bytes", CONF_FILE_MAX);
	if (!yaml_parser_initialize(&r.parser)) {
		conf_error(error, "%s: out of memory", file);
		return -1;
	}
	yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
	yaml_parser_set_input_string(
	    &r.parser, (const unsigned char *)data, len);
	status = stream_read(&r);
	yaml_event_delete(&r.event);
	yaml_parser_delete(&r.parser);
	return status;
}

static int
reader_fail(struct reader *r, size_t line, const char *fmt, ...)
{
	char what[CONF_ERROR_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(what, sizeof(what), fmt, ap);
	va_end(ap);
	conf_error(r->error, "%s:%zu: %s", r->file, line, what);
	return -1;
}

static int
reader_fail_yaml(struct reader *r)
{
	const yaml_parser_t *p = &r->parser;

	switch (p->error) {
	case YAML_MEMORY_ERROR:
		return reader_fail(r, p->mark.line + 1, "out of memory");
	case YAML_READER_ERROR:
		return reader_fail(r, line_of_byte(r, p->problem_offset),
		    "not valid YAML: %s", p->problem);
	default:
		return reader_fail(r, p->problem_mark.line + 1,
		    "not valid YAML: %s", p->problem);
	}
}

static size_t
reader_line(const struct reader *r)
{
	return r->event.start_mark.line + 1;
}

static size_t
line_of_byte(const struct reader *r, size_t offset)
{
	size_t line = 1;

	for (size_t i = 0; i < offset && i < r->len; i++)
		line += r->data[i] == '\n';
	return line;
}

/* Makes the next event the current one; refuses what no event may have. */
static int
reader_next(struct reader *r)
{
	yaml_event_delete(&r->event);
	if (!yaml_parser_parse(&r->parser, &r->event))
		return reader_fail_yaml(r);
	return node_check(r);
}

static int
node_check(struct reader *r)
{
	const yaml_char_t *anchor = NULL, *tag = NULL;

	switch (r->event.type) {
	case YAML_ALIAS_EVENT:
		return reader_fail(
		    r, reader_line(r), "aliases are not allowed");
	case YAML_SCALAR_EVENT:
		anchor = r->event.data.scalar.anchor;
		tag = r->event.data.scalar.tag;
		break;
	case YAML_SEQUENCE_START_EVENT:
		anchor = r->event.data.sequence_start.anchor;
		tag = r->event.data.sequence_start.tag;
		break;
	case YAML_MAPPING_START_EVENT:
		anchor = r->event.data.mapping_start.anchor;
		tag = r->event.data.mapping_start.tag;
		break;
	default:
		break;
	}
	if (anchor != NULL)
		return reader_fail(
		    r, reader_line(r), "anchors are not allowed");
	if (tag != NULL)
		return reader_fail(r, reader_line(r), "tags are not allowed");
	return 0;
}

/* No document at all, as in a file of comments, is an empty mapping. */
static int
stream_read(struct reader *r)
{
	if (reader_next(r) == -1 || reader_next(r) == -1)
		return -1;
	if (r->event.type == YAML_STREAM_END_EVENT)
		return 0;
	if (document_read(r) == -1 || reader_next(r) == -1)
		return -1;
	if (r->event.type != YAML_STREAM_END_EVENT)
		return reader_fail(r, reader_line(r), "more than one document");
	return 0;
}

static int
document_read(struct reader *r)
{
	if (r->event.data.document_start.version_directive != NULL ||
	    r->event.data.document_start.tag_directives.start !=
		r->event.data.document_start.tag_directives.end)
		return reader_fail(
		    r, reader_line(r), "directives are not allowed");
	if (reader_next(r) == -1)
		return -1;
	if (r->event.type != YAML_MAPPING_START_EVENT)
		return reader_fail(
		    r, reader_line(r), "not a mapping of keys to values");
	if (mapping_read(r) == -1)
		return -1;
	return reader_next(r);
}

static int
mapping_read(struct reader *r)
{
	for (;;) {
		if (reader_next(r) == -1)
			return -1;
		if (r->event.type == YAML_MAPPING_END_EVENT)
			return 0;
		if (pair_read(r) == -1)
			return -1;
	}
}

static int
pair_read(struct reader *r)
{
	size_t line = reader_line(r);
	const struct conf_key *key = key_read(r);

	if (key == NULL || reader_next(r) == -1)
		return -1;
	return value_read(r, key, line);
}

static const struct conf_key *
key_read(struct reader *r)
{
	char cause[CONF_CAUSE_MAX];
	const struct conf_key *key;
	const char *name;
	size_t line = reader_line(r), *seen;

	if (r->event.type != YAML_SCALAR_EVENT) {
		reader_fail(r, line, "a key must be a single word");
		return NULL;
	}
	name = (const char *)r->event.data.scalar.value;
	if (strlen(name) != r->event.data.scalar.length) {
		reader_fail(r, line, "NUL byte in a key");
		return NULL;
	}
	if ((key = conf_key_find(name)) == NULL) {
		conf_key_unknown(name, cause);
		reader_fail(r, line, "%s", cause);
		return NULL;
	}
	seen = &r->seen[key - conf_keys];
	if (*seen != 0) {
		reader_fail(r, line, "duplicate key \"%s\", first on line %zu",
		    name, *seen);
		return NULL;
	}
	*seen = line;
	return key;
}

/* line: of the key, where a missing value is missing. */
static int
value_read(struct reader *r, const struct conf_key *key, size_t line)
{
	switch (r->event.type) {
	case YAML_SCALAR_EVENT:
		if (scalar_is_null(&r->event))
			return reader_fail(r, line, "%s: no value", key->name);
		if (key->type->list)
			return reader_fail(r, line,
			    "%s: must be a list, like [a, b]", key->name);
		return scalar_read(r, key, reader_line(r));
	case YAML_SEQUENCE_START_EVENT:
		if (!key->type->list)
			return reader_fail(r, line,
			    "%s: must be a single value, not a list",
			    key->name);
		return list_read(r, key);
	default:
		return reader_fail(r, reader_line(r),
		    "%s: must be a %s, not a mapping", key->name,
		    key->type->list ? "list" : "single value");
	}
}

static int
list_read(struct reader *r, const struct conf_key *key)
{
	key->type->clear(r->conf);
	for (;;) {
		if (reader_next(r) == -1)
			return -1;
		if (r->event.type == YAML_SEQUENCE_END_EVENT)
			return 0;
		if (r->event.type != YAML_SCALAR_EVENT)
			return reader_fail(r, reader_line(r),
			    "%s: items must be single values", key->name);
		if (scalar_is_null(&r->event))
			return reader_fail(
			    r, reader_line(r), "%s: empty item", key->name);
		if (scalar_read(r, key, reader_line(r)) == -1)
			return -1;
	}
}

static int
scalar_read(struct reader *r, const struct conf_key *key, size_t line)
{
	char cause[CONF_CAUSE_MAX];
	const char *text = (const char *)r->event.data.scalar.value;

	if (strlen(text) != r->event.data.scalar.length)
		return reader_fail(r, line, "%s: NUL byte", key->name);
	if (key->type->plain &&
	    r->event.data.scalar.style != YAML_PLAIN_SCALAR_STYLE)
		return reader_fail(r, line, "%s: must be %s, not text",
		    key->name,
		    key->type == &conf_type_yesno ? "yes or no" : "a number");
	if (!key->type->parse(key, r->conf, text, cause))
		return reader_fail(r, line, "%s: %s", key->name, cause);
	return 0;
}

/* YAML's own idea of nothing. */
static bool
scalar_is_null(const yaml_event_t *event)
{
	const char *text = (const char *)event->data.scalar.value;

	return event->data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
	    (text[0] == '\0' || strcmp(text, "~") == 0 ||
		strcmp(text, "null") == 0 || strcmp(text, "Null") == 0 ||
		strcmp(text, "NULL") == 0);
}
