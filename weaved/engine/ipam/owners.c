#include <stdlib.h>
#include <string.h>

#include "weaved/engine/ipam/owners.h"

RB_GENERATE(owner_tree, owner, entry, owner_compare)

int
owner_compare(const struct owner *a, const struct owner *b)
{
	int order = strcmp(a->id, b->id);

	return order != 0 ? order : (a->addr > b->addr) - (a->addr < b->addr);
}

void
owners_init(struct owners *owners)
{
	RB_INIT(&owners->tree);
	owners->n = 0;
}

void
owners_free(struct owners *owners)
{
	struct owner *owner;

	while ((owner = RB_ROOT(&owners->tree)) != NULL)
		owners_remove(owners, owner);
}

bool
owners_valid_id(const char *id)
{
	size_t len = strlen(id);

	if (len == 0 || len >= OWNER_ID_MAX)
		return false;
	for (; *id != '\0'; id++)
		if (*id <= ' ' || *id > '~')
			return false;
	return true;
}

bool
owners_add(struct owners *owners, const char *id, uint32_t addr, uint8_t len)
{
	struct owner *owner;

	if (owners_find(owners, id, addr) != NULL)
		return true;
	if (owners->n == OWNERS_MAX ||
	    (owner = calloc(1, sizeof(*owner))) == NULL)
		return false;
	strlcpy(owner->id, id, sizeof(owner->id));
	owner->addr = addr;
	owner->len = len;
	RB_INSERT(owner_tree, &owners->tree, owner);
	owners->n++;
	return true;
}

void
owners_remove(struct owners *owners, struct owner *owner)
{
	RB_REMOVE(owner_tree, &owners->tree, owner);
	owners->n--;
	free(owner);
}

struct owner *
owners_find(const struct owners *owners, const char *id, uint32_t addr)
{
	struct owner_tree tree = owners->tree;
	struct owner key;

	strlcpy(key.id, id, sizeof(key.id));
	key.addr = addr;
	return RB_FIND(owner_tree, &tree, &key);
}

struct owner *
owners_find_addr(const struct owners *owners, uint32_t addr)
{
	struct owner *owner;

	for (owner = owners_first(owners, NULL); owner != NULL;
	     owner = owners_next(owner, NULL))
		if (owner->addr == addr)
			return owner;
	return NULL;
}

struct owner *
owners_first(const struct owners *owners, const char *id)
{
	struct owner_tree tree = owners->tree;
	struct owner key = {.addr = 0}, *owner;

	if (id == NULL)
		return RB_MIN(owner_tree, &tree);
	strlcpy(key.id, id, sizeof(key.id));
	owner = RB_NFIND(owner_tree, &tree, &key);
	return owner != NULL && strcmp(owner->id, id) == 0 ? owner : NULL;
}

struct owner *
owners_next(struct owner *owner, const char *id)
{
	owner = RB_NEXT(owner_tree, NULL, owner);
	if (owner != NULL && id != NULL && strcmp(owner->id, id) != 0)
		return NULL;
	return owner;
}
