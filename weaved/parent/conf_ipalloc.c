#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/parent/conf_key.h"

#define RANGE_MIN 8 /* bits of prefix; the ring counts in 32 bits */
#define RANGE_MAX 30 /* four addresses */
#define COUNT_MAX 1024

static bool subnet_read(
    const struct conf_key *, struct conf *, const char *, char[CONF_CAUSE_MAX]);
static void subnet_print(
    const struct conf_key *, const struct conf *, size_t, FILE *);
static bool seeds_read(
    struct conf_ipalloc_init *, const char *, char[CONF_CAUSE_MAX]);
static bool seed_add(
    struct conf_ipalloc_init *, const char *, char[CONF_CAUSE_MAX]);
static bool init_read(
    const struct conf_key *, struct conf *, const char *, char[CONF_CAUSE_MAX]);
static bool count_read(
    struct conf_ipalloc_init *, const char *, char[CONF_CAUSE_MAX]);
static void init_print(
    const struct conf_key *, const struct conf *, size_t, FILE *);

const struct conf_type conf_type_subnet = {
    .parse = subnet_read, .print = subnet_print};
const struct conf_type conf_type_init = {
    .parse = init_read, .print = init_print};

static bool
subnet_read(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	struct subnet subnet = {0};

	if (text[0] != '\0' && !subnet_parse(text, &subnet))
		return conf_cause(cause,
		    "\"%.64s\" is no IPv4 subnet like 10.32.0.0/12, without "
		    "host bits",
		    text);
	if (text[0] != '\0' &&
	    (subnet.len < RANGE_MIN || subnet.len > RANGE_MAX))
		return conf_cause(cause, "%s is not between /%d and /%d", text,
		    RANGE_MIN, RANGE_MAX);
	if (subnet.addr >> 28 >= 14 ||
	    (text[0] != '\0' &&
		(subnet.addr >> 24 == 0 || subnet.addr >> 24 == 127)))
		return conf_cause(cause, "%s is not for hosts", text);
	memcpy((char *)conf + key->offset, &subnet, sizeof(subnet));
	return true;
}

static void
subnet_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	char buf[SUBNET_STRLEN];
	struct subnet subnet;

	(void)item;
	memcpy(&subnet, (const char *)conf + key->offset, sizeof(subnet));
	fputs(subnet.len == 0 ? "\"\"" : subnet_format(subnet, buf), out);
}

static bool
seed_add(struct conf_ipalloc_init *init, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	uint64_t name;

	if (!peername_parse(text, &name) || name == PEERNAME_UNKNOWN)
		return conf_cause(cause, "\"%.64s\" is no peer name", text);
	if (init->nseeds == CONF_SEEDS_MAX)
		return conf_cause(cause, "more than %d seeds", CONF_SEEDS_MAX);
	init->seeds[init->nseeds++] = name;
	return true;
}

static bool
seeds_read(struct conf_ipalloc_init *init, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	char *copy = strdup(text), *rest = copy, *item;
	bool good = true;

	if (copy == NULL)
		return conf_cause(cause, "out of memory");
	init->mode = CONF_INIT_SEED;
	while (good && (item = strsep(&rest, ",")) != NULL)
		good = seed_add(init, item, cause);
	free(copy);
	return good;
}

static bool
count_read(struct conf_ipalloc_init *init, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	const char *error;

	init->count = (uint32_t)strtonum(text, 1, COUNT_MAX, &error);
	return error == NULL ||
	    conf_cause(cause, "\"%.32s\" is no number of peers from 1 to %d",
		text, COUNT_MAX);
}

static bool
init_read(const struct conf_key *key, struct conf *conf, const char *text,
    char cause[CONF_CAUSE_MAX])
{
	struct conf_ipalloc_init init = {.mode = CONF_INIT_CONSENSUS};
	bool good = true;

	if (strncmp(text, "seed=", 5) == 0)
		good = seeds_read(&init, text + 5, cause);
	else if (strncmp(text, "consensus=", 10) == 0)
		good = count_read(&init, text + 10, cause);
	else if (strcmp(text, "observer") == 0)
		init.mode = CONF_INIT_OBSERVER;
	else if (strcmp(text, "consensus") != 0 && text[0] != '\0')
		good = conf_cause(cause,
		    "\"%.32s\" is none of consensus, consensus=N, "
		    "seed=NAME,..., observer",
		    text);
	if (good)
		memcpy((char *)conf + key->offset, &init, sizeof(init));
	return good;
}

static void
init_print(
    const struct conf_key *key, const struct conf *conf, size_t item, FILE *out)
{
	struct conf_ipalloc_init init;
	char name[PEERNAME_STRLEN];

	(void)item;
	memcpy(&init, (const char *)conf + key->offset, sizeof(init));
	if (init.mode == CONF_INIT_OBSERVER)
		fputs("observer", out);
	else if (init.mode == CONF_INIT_CONSENSUS && init.count == 0)
		fputs("consensus", out);
	else if (init.mode == CONF_INIT_CONSENSUS)
		fprintf(out, "consensus=%" PRIu32, init.count);
	else
		for (size_t i = 0; i < init.nseeds; i++)
			fprintf(out, "%s%s%s", i == 0 ? "\"seed=" : ",",
			    peername_format(init.seeds[i], name),
			    i + 1 == init.nseeds ? "\"" : "");
}

bool
conf_ipalloc_check(const struct conf *conf, char error[CONF_ERROR_MAX])
{
	char subnet[SUBNET_STRLEN], range[SUBNET_STRLEN];

	if (conf->ipalloc_subnet.len == 0)
		return true;
	if (conf->ipalloc_range.len == 0) {
		conf_error(
		    error, "ipalloc-default-subnet: there is no ipalloc-range");
		return false;
	}
	if (conf->ipalloc_subnet.len >= conf->ipalloc_range.len &&
	    subnet_contains(conf->ipalloc_range, conf->ipalloc_subnet.addr))
		return true;
	conf_error(error,
	    "ipalloc-default-subnet: %s is not within ipalloc-range %s",
	    subnet_format(conf->ipalloc_subnet, subnet),
	    subnet_format(conf->ipalloc_range, range));
	return false;
}
