/*
 * Which address was given to whom on this host, by an id that the client
 * chose (a container's). The table knows nothing of rings.
 */
#ifndef ENGINE_IPAM_OWNERS_H
#define ENGINE_IPAM_OWNERS_H

#include <sys/tree.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define OWNER_ID_MAX 192 /* bytes with NUL */
#define OWNERS_MAX 65536

/* An address may have several owners only outside of our range. */
struct owner {
	RB_ENTRY(owner) entry;
	char id[OWNER_ID_MAX];
	uint32_t addr;
	uint8_t len; /* of the subnet that the owner lives in */
};
RB_HEAD(owner_tree, owner);
int owner_compare(const struct owner *a, const struct owner *b);
RB_PROTOTYPE(owner_tree, owner, entry, owner_compare)

struct owners {
	struct owner_tree tree; /* by id, then address */
	size_t n;
};

void owners_init(struct owners *owners);
void owners_free(struct owners *owners);
/* 1 to 191 printable ASCII bytes without spaces. */
bool owners_valid_id(const char *id);
/* True also if it is there. False: full or no memory. */
bool owners_add(
    struct owners *owners, const char *id, uint32_t addr, uint8_t len);
void owners_remove(struct owners *owners, struct owner *owner);
struct owner *owners_find(
    const struct owners *owners, const char *id, uint32_t addr);
/* Any owner of the address. */
struct owner *owners_find_addr(const struct owners *owners, uint32_t addr);
/* The first of this id (NULL: of all); the others follow it. */
struct owner *owners_first(const struct owners *owners, const char *id);
/* The next one; with the same id unless id is NULL. */
struct owner *owners_next(struct owner *owner, const char *id);

#endif
