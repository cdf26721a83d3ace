#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "common/ctl.h"
#include "weaved/parent/conf_key.h"

#define HOST_MAX 253 /* RFC 1035, without the last dot */
#define LABEL_MAX 63

static void *field(const struct conf_key *, struct conf *);
static const void *field_const(const struct conf_key *, const struct conf *);
static int utf8_next(const char **);
static bool ipv6_refuse(const char *, char[CONF_CAUSE_MAX]);
static bool number_parse(const char *, uint32_t, uint32_t, uint32_t *,
    const char *, char[CONF_CAUSE_MAX]);
static bool length_check(
    const struct conf_key *, const char *, char[CONF_CAUSE_MAX]);
static bool host_check(const char *, char[CONF_CAUSE_MAX]);
static bool host_label_check(const char *, size_t);
static bool host_numeric(const char *);
static bool peer_check(const char *, char[CONF_CAUSE_MAX]);
static bool text_is_plain(const char *);
static void text_print(const char *, FILE *);

bool
conf_cause(char cause[CONF_CAUSE_MAX], const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cause, CONF_CAUSE_MAX, fmt, ap);
	va_end(ap);
	return false;
}

static void *
field(const struct conf_key *key, struct conf *conf)
{
	return (char *)conf + key->offset;
}

static const void *
field_const(const struct conf_key *key, const struct conf *conf)
{
	return (const char *)conf + key->offset;
}

/* The code point at *text, which moves behind it; -1: not UTF-8. */
static int
utf8_next(const char **text)
{
	static const int least[] = {0, 0x80, 0x800, 0x10000};
	const unsigned char *s = (const unsigned char *)*text;
	int more, point;

	if (s[0] < 0x80)
		more = 0, point = s[0];
	else if (s[0] >= 0xc2 && s[0] < 0xe0)
		more = 1, point = s[0] & 0x1f;
	else if (s[0] >= 0xe0 && s[0] < 0xf0)
		more = 2, point = s[0] & 0x0f;
	else if (s[0] >= 0xf0 && s[0] < 0xf5)
		more = 3, point = s[0] & 0x07;
	else
		return -1;
	for (int i = 1; i <= more; i++) {
		if ((s[i] & 0xc0) != 0x80)
			return -1;
		point = point << 6 | (s[i] & 0x3f);
	}
	if (point < least[more] || point > 0x10ffff ||
	    (point >= 0xd800 && point <= 0xdfff))
		return -1;
	*text += more + 1;
	return point;
}

bool
conf_text_check(const char *text, char cause[CONF_CAUSE_MAX])
{
	while (*text != '\0') {
		int point = utf8_next(&text);

		if (point == -1)
			return conf_cause(cause, "not valid UTF-8");
		if (point < 0x20 || (point >= 0x7f && point < 0xa0))
			return conf_cause(cause, "control character");
	}
	return true;
}

bool
conf_text_check_mesh(const char *text, char cause[CONF_CAUSE_MAX])
{
	for (; *text != '\0'; text++)
		if (*text < 0x20 || *text > 0x7e)
			return conf_cause(cause,
			    "only printable ASCII characters are allowed");
	return true;
}

bool
conf_text_check_bridge(const char *text, char cause[CONF_CAUSE_MAX])
{
	if (strcmp(text, ".") == 0 || strcmp(text, "..") == 0)
		return conf_cause(cause, "\"%s\" is no interface name", text);
	for (const char *s = text; *s != '\0'; s++)
		if (!isalnum((unsigned char)*s) && strchr("._-", *s) == NULL)
			return conf_cause(
			    cause, "\"%.64s\" is no interface name", text);
	return true;
}

static bool
length_check(
    const struct conf_key *key, const char *text, char cause[CONF_CAUSE_MAX])
{
	size_t len = strlen(text);

	if (len < key->min && len == 0)
		return conf_cause(cause, "must not be empty");
	if (len < key->min)
		return conf_cause(cause, "\"%s\" is too short", text);
	if (len > key->max)
		return conf_cause(
		    cause, "too long: %zu bytes, at most %u", len, key->max);
	return true;
}

/* An IPv6 address in any dress is refused by name. */
static bool
ipv6_refuse(const char *text, char cause[CONF_CAUSE_MAX])
{
	char address[INET6_ADDRSTRLEN];
	struct in6_addr in6;
	size_t len = strcspn(text, "/%");

	if (text[0] != '[') {
		if (len >= sizeof(address))
			return false;
		memcpy(address, text, len);
		address[len] = '\0';
		if (inet_pton(AF_INET6, address, &in6) != 1)
			return false;
	}
	conf_cause(cause, "\"%.64s\": IPv6 underlay not supported", text);
	return true;
}

/* what: names the number in the cause, or "". */
static bool
number_parse(const char *text, uint32_t min, uint32_t max, uint32_t *number,
    const char *what, char cause[CONF_CAUSE_MAX])
{
	uint64_t n = 0;
	size_t len = strlen(text);

	if (len == 0 || strspn(text, "0123456789") != len ||
	    (len > 1 && text[0] == '0'))
		return conf_cause(
		    cause, "%s\"%.64s\" is not a whole number", what, text);
	for (const char *s = text; *s != '\0' && n <= max; s++)
		n = n * 10 + (uint64_t)(*s - '0');
	if (n < min || n > max)
		return conf_cause(cause, "%s%.64s is out of range (%u to %u)",
		    what, text, min, max);
	*number = (uint32_t)n;
	return true;
}

/* Reserved words of YAML, in any case: other readers take them for no text. */
static bool
text_is_plain(const char *text)
{
	static const char *const reserved[] = {
	    "y", "n", "yes", "no", "true", "false", "on", "off", "null", NULL};
	size_t len = strlen(text);

	for (size_t i = 0; reserved[i] != NULL; i++)
		if (strcasecmp(text, reserved[i]) == 0)
			return false;
	if (len == 0 || (!isalpha((unsigned char)text[0]) && text[0] != '/'))
		return false;
	return text[len - 1] != ':' &&
	    strspn(text,
		"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
		"0123456789/._:-") == len;
}

static void
text_print(const char *text, FILE *out)
{
	if (text_is_plain(text)) {
		fputs(text, out);
		return;
	}
	putc('"', out);
	while (*text != '\0') {
		int point = utf8_next(&text);

		if (point == '"' || point == '\\')
			fprintf(out, "\\%c", point);
		else if (point < 0x7f)
			putc(point, out);
		else
			fprintf(out, point <= 0xffff ? "\\u%04x" : "\\U%08x",
			    (unsigned int)point);
	}
	putc('"', out);
}

static bool
text_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	if (!conf_text_check(text, cause) || !length_check(key, text, cause) ||
	    (key->check != NULL && !key->check(text, cause)))
		return false;
	strlcpy(field(key, conf), text, key->size);
	return true;
}

static void
text_print_item(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	(void)item;
	text_print(field_const(key, conf), out);
}

const struct conf_type conf_type_text = {
    .parse = text_parse, .print = text_print_item};

static bool
path_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	char **path = field(key, conf), *copy = NULL;

	if (!conf_text_check(text, cause) || !length_check(key, text, cause))
		return false;
	if (text[0] != '\0') {
		if (text[0] != '/')
			return conf_cause(
			    cause, "\"%.64s\" is not an absolute path", text);
		if ((copy = strdup(text)) == NULL)
			return conf_cause(cause, "out of memory");
	}
	free(*path);
	*path = copy;
	return true;
}

static void
path_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	char *const *path = field_const(key, conf);

	(void)item;
	text_print(*path == NULL ? "" : *path, out);
}

const struct conf_type conf_type_path = {
    .parse = path_parse, .print = path_print};

static bool
name_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	uint64_t name = PEERNAME_UNKNOWN;

	if (text[0] != '\0' &&
	    (!peername_parse(text, &name) || name == PEERNAME_UNKNOWN))
		return conf_cause(cause,
		    "\"%.64s\" is no peer name (like 5a:10:02:33:4f:01)", text);
	*(uint64_t *)field(key, conf) = name;
	return true;
}

static void
name_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	const uint64_t *name = field_const(key, conf);
	char buf[PEERNAME_STRLEN];

	(void)item;
	fprintf(out, "\"%s\"",
	    *name == PEERNAME_UNKNOWN ? "" : peername_format(*name, buf));
}

const struct conf_type conf_type_name = {
    .parse = name_parse, .print = name_print};

static bool
listen_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	uint32_t addr;

	if (ipv6_refuse(text, cause))
		return false;
	if (!ipv4_parse(text, &addr))
		return conf_cause(cause, "\"%.64s\" is no IPv4 address", text);
	if (addr != 0 && (addr >> 28 >= 14 || addr >> 24 == 0))
		return conf_cause(cause, "cannot listen on %s", text);
	*(uint32_t *)field(key, conf) = addr;
	return true;
}

static void
listen_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	const uint32_t *addr = field_const(key, conf);
	char buf[IPV4_STRLEN];

	(void)item;
	fputs(ipv4_format(*addr, buf), out);
}

const struct conf_type conf_type_listen = {
    .parse = listen_parse, .print = listen_print};

/* Without an address, ":6782", it is all of them, as Weave writes it. */
static bool
endpoint_read(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	struct endpoint *endpoint = field(key, conf), got = {0};
	char full[ENDPOINT_STRLEN];

	if (text[0] == '\0') {
		*endpoint = got;
		return true;
	}
	if (text[0] == '/')
		return conf_cause(cause, "UNIX sockets are not supported");
	if (ipv6_refuse(text, cause))
		return false;
	snprintf(full, sizeof(full), "%s%.21s", text[0] == ':' ? "0.0.0.0" : "",
	    text);
	if (strlen(text) >= sizeof(full) || !endpoint_parse(full, &got) ||
	    got.port == 0)
		return conf_cause(cause,
		    "\"%.64s\" is no IPv4 address and port like "
		    "127.0.0.1:6782",
		    text);
	if (got.addr != 0 && (got.addr >> 28 >= 14 || got.addr >> 24 == 0))
		return conf_cause(cause, "cannot listen on %s", text);
	*endpoint = got;
	return true;
}

static void
endpoint_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	const struct endpoint *endpoint = field_const(key, conf);
	char buf[ENDPOINT_STRLEN];

	(void)item;
	fprintf(out, "\"%s\"",
	    endpoint->port == 0 ? "" : endpoint_format(*endpoint, buf));
}

const struct conf_type conf_type_endpoint = {
    .parse = endpoint_read, .print = endpoint_print};

static bool
number_parse_item(const struct conf_key *key, struct conf *conf,
    const char *text, char cause[CONF_CAUSE_MAX])
{
	uint32_t number;

	if (!number_parse(text, key->min, key->max, &number, "", cause))
		return false;
	if (key->size == sizeof(uint16_t))
		*(uint16_t *)field(key, conf) = (uint16_t)number;
	else
		*(uint32_t *)field(key, conf) = number;
	return true;
}

static void
number_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	const void *number = field_const(key, conf);

	(void)item;
	fprintf(out, "%" PRIu32,
	    key->size == sizeof(uint16_t) ? *(const uint16_t *)number
					  : *(const uint32_t *)number);
}

const struct conf_type conf_type_number = {
    .plain = true, .parse = number_parse_item, .print = number_print};

static bool
yesno_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	bool *yes = field(key, conf);

	if (strcmp(text, "yes") == 0 || strcmp(text, "true") == 0)
		*yes = true;
	else if (strcmp(text, "no") == 0 || strcmp(text, "false") == 0)
		*yes = false;
	else
		return conf_cause(
		    cause, "\"%.64s\" is neither yes nor no", text);
	return true;
}

static void
yesno_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	const bool *yes = field_const(key, conf);

	(void)item;
	fputs(*yes ? "yes" : "no", out);
}

const struct conf_type conf_type_yesno = {
    .plain = true, .parse = yesno_parse, .print = yesno_print};

static bool
word_refuse(
    const struct conf_key *key, const char *text, char cause[CONF_CAUSE_MAX])
{
	char list[128] = "";

	for (const struct conf_word *w = key->words; w->word != NULL; w++) {
		if (list[0] != '\0')
			strlcat(list, ", ", sizeof(list));
		strlcat(list, w->word, sizeof(list));
	}
	return conf_cause(cause, "\"%.64s\" is none of: %s", text, list);
}

static bool
word_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	const struct conf_word *w = key->words;

	while (w->word != NULL && strcmp(w->word, text) != 0)
		w++;
	if (w->word == NULL)
		return word_refuse(key, text, cause);
	memcpy(field(key, conf), &w->value, sizeof(w->value));
	return true;
}

static void
word_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	const struct conf_word *w = key->words;
	int value;

	(void)item;
	memcpy(&value, field_const(key, conf), sizeof(value));
	while (w->word != NULL && w->value != value)
		w++;
	fputs(w->word == NULL ? "\"\"" : w->word, out);
}

_Static_assert(sizeof(enum conf_protocol) == sizeof(int) &&
	sizeof(enum conf_encryption) == sizeof(int) &&
	sizeof(enum conf_cipher) == sizeof(int) &&
	sizeof(enum conf_sandbox) == sizeof(int) &&
	sizeof(enum log_level) == sizeof(int),
    "words are stored as int");

const struct conf_type conf_type_word = {
    .parse = word_parse, .print = word_print};

static bool
host_label_check(const char *label, size_t len)
{
	if (len == 0 || len > LABEL_MAX || label[0] == '-' ||
	    label[len - 1] == '-')
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isascii((unsigned char)label[i]) ||
		    (!isalnum((unsigned char)label[i]) && label[i] != '-' &&
			label[i] != '_'))
			return false;
	return true;
}

/* No top level domain is a number: what ends in one is meant as an address. */
static bool
host_numeric(const char *host)
{
	const char *last = strrchr(host, '.');

	last = last == NULL ? host : last + 1;
	return last[0] != '\0' && strspn(last, "0123456789") == strlen(last);
}

static bool
host_check(const char *host, char cause[CONF_CAUSE_MAX])
{
	const char *label = host;
	uint32_t addr;
	size_t len;

	if (host_numeric(host)) {
		if (!ipv4_parse(host, &addr))
			return conf_cause(
			    cause, "\"%.64s\" is no IPv4 address", host);
		return true;
	}
	do {
		len = strcspn(label, ".");
		if (!host_label_check(label, len))
			return conf_cause(
			    cause, "\"%.64s\" is no host name", host);
		label += len;
	} while (*label++ == '.' && *label != '\0');
	return true;
}

static bool
peer_check(const char *text, char cause[CONF_CAUSE_MAX])
{
	char host[HOST_MAX + 2], what[80];
	const char *colon = strchr(text, ':');
	size_t len = colon == NULL ? strlen(text) : (size_t)(colon - text);
	uint32_t port;

	if (ipv6_refuse(text, cause))
		return false;
	if (len == 0)
		return conf_cause(cause, "\"%.64s\" has no host", text);
	if (len >= sizeof(host) || strlen(text) >= CTL_TEXT_MAX)
		return conf_cause(cause, "\"%.64s...\" is too long", text);
	memcpy(host, text, len);
	host[len] = '\0';
	snprintf(what, sizeof(what), "\"%.64s\": port ", text);
	if (!host_check(host, cause))
		return false;
	return colon == NULL ||
	    number_parse(colon + 1, 1, UINT16_MAX, &port, what, cause);
}

bool
conf_check_peer(const char *text, char error[CONF_ERROR_MAX])
{
	char cause[CONF_CAUSE_MAX];

	if (peer_check(text, cause))
		return true;
	conf_error(error, "%s", cause);
	return false;
}

/* What is in the list already is not added again. */
static bool
peers_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	char **peers;

	(void)key;
	if (!peer_check(text, cause))
		return false;
	for (size_t i = 0; i < conf->npeers; i++)
		if (strcmp(conf->peers[i], text) == 0)
			return true;
	if (conf->npeers == CONF_PEERS_MAX)
		return conf_cause(cause, "more than %u peers", CONF_PEERS_MAX);
	peers = reallocarray(conf->peers, conf->npeers + 1, sizeof(*peers));
	if (peers == NULL)
		return conf_cause(cause, "out of memory");
	conf->peers = peers;
	if ((peers[conf->npeers] = strdup(text)) == NULL)
		return conf_cause(cause, "out of memory");
	conf->npeers++;
	return true;
}

static void
peers_clear(struct conf *conf)
{
	for (size_t i = 0; i < conf->npeers; i++)
		free(conf->peers[i]);
	free(conf->peers);
	conf->peers = NULL;
	conf->npeers = 0;
}

static size_t
peers_count(const struct conf *conf)
{
	return conf->npeers;
}

static void
peers_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	(void)key;
	text_print(conf->peers[item], out);
}

const struct conf_type conf_type_peers = {.list = true,
    .parse = peers_parse,
    .clear = peers_clear,
    .count = peers_count,
    .print = peers_print};

static bool
subnets_parse(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	struct subnet subnet;

	(void)key;
	if (ipv6_refuse(text, cause))
		return false;
	if (!subnet_parse(text, &subnet))
		return conf_cause(cause,
		    "\"%.64s\" is no IPv4 subnet like 10.0.0.0/8, without host bits",
		    text);
	for (size_t i = 0; i < conf->ntrusted; i++)
		if (conf->trusted[i].addr == subnet.addr &&
		    conf->trusted[i].len == subnet.len)
			return true;
	if (conf->ntrusted == SUBNETS_MAX)
		return conf_cause(cause, "more than %u subnets", SUBNETS_MAX);
	conf->trusted[conf->ntrusted++] = subnet;
	return true;
}

static void
subnets_clear(struct conf *conf)
{
	conf->ntrusted = 0;
}

static size_t
subnets_count(const struct conf *conf)
{
	return conf->ntrusted;
}

static void
subnets_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	char buf[SUBNET_STRLEN];

	(void)key;
	fputs(subnet_format(conf->trusted[item], buf), out);
}

const struct conf_type conf_type_subnets = {.list = true,
    .parse = subnets_parse,
    .clear = subnets_clear,
    .count = subnets_count,
    .print = subnets_print};
