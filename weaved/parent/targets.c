#include <stdlib.h>
#include <string.h>

#include "common/addr.h"
#include "weaved/parent/targets.h"

struct target *
targets_add(struct targets *targets, const char *text)
{
	static uint32_t last_id;
	struct target *target;
	struct endpoint ep;
	size_t n = 0;

	TAILQ_FOREACH(target, targets, entry)
		n++;
	if (n >= CONF_PEERS_MAX ||
	    (target = calloc(1, sizeof(*target))) == NULL)
		return NULL;
	if ((target->text = strdup(text)) == NULL) {
		free(target);
		return NULL;
	}
	target->id = ++last_id;
	if (endpoint_parse(text, &ep))
		target->addrs[target->naddrs++] = ep.addr;
	TAILQ_INSERT_TAIL(targets, target, entry);
	return target;
}

void
targets_remove(struct targets *targets, struct target *target)
{
	TAILQ_REMOVE(targets, target, entry);
	free(target->text);
	free(target);
}

struct target *
targets_find(const struct targets *targets, const char *text)
{
	struct target *target;

	TAILQ_FOREACH(target, targets, entry)
		if (strcmp(target->text, text) == 0)
			return target;
	return NULL;
}

struct target *
targets_find_id(const struct targets *targets, uint32_t id)
{
	struct target *target;

	TAILQ_FOREACH(target, targets, entry)
		if (target->id == id)
			return target;
	return NULL;
}

void
targets_set_addrs(struct target *target, const uint32_t *addrs, size_t n)
{
	if (n > TARGETS_ADDRS_MAX)
		n = TARGETS_ADDRS_MAX;
	memcpy(target->addrs, addrs, n * sizeof(*addrs));
	target->naddrs = n;
}

bool
targets_gave(const struct targets *targets, uint32_t addr)
{
	struct target *target;

	TAILQ_FOREACH(target, targets, entry)
		for (size_t i = 0; i < target->naddrs; i++)
			if (target->addrs[i] == addr)
				return true;
	return false;
}
