#include "weaved/engine/overlay/mactable.h"

#include <sys/queue.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

struct mac_entry {
	LIST_ENTRY(mac_entry) chain;
	TAILQ_ENTRY(mac_entry) age; /* oldest first; also the free list */
	uint8_t mac[6];
	uint64_t peer;
	uint64_t seen;
	uint64_t moved; /* last time by a claim, 0: never */
};

LIST_HEAD(mac_chain, mac_entry);
TAILQ_HEAD(mac_list, mac_entry);

struct mactable {
	struct mac_list used;
	struct mac_list free;
	struct mac_chain *chains;
	size_t mask; /* of chains, a power of two */
	/* Pods choose their addresses; they must not choose the chain. */
	uint8_t hash_key[crypto_shorthash_KEYBYTES];
	struct mac_entry entries[];
};

static struct mac_chain *mac_chain(const struct mactable *, const uint8_t *);
static struct mac_entry *mac_find(const struct mactable *, const uint8_t *);
static void mac_remove(struct mactable *, struct mac_entry *);
static void mac_insert(struct mactable *, const uint8_t *, uint64_t, uint64_t);
static void mac_touch(struct mactable *, struct mac_entry *, uint64_t);
static uint64_t mac_learn(
    struct mactable *, const uint8_t *, uint64_t, uint64_t, uint64_t);

struct mactable *
mactable_new(size_t max)
{
	struct mactable *table;
	size_t chains = 1;

	table = calloc(1, sizeof(*table) + max * sizeof(table->entries[0]));
	if (table == NULL)
		return NULL;
	while (chains < max)
		chains *= 2;
	table->mask = chains - 1;
	table->chains = calloc(chains, sizeof(table->chains[0]));
	if (table->chains == NULL) {
		free(table);
		return NULL;
	}
	randombytes_buf(table->hash_key, sizeof(table->hash_key));
	TAILQ_INIT(&table->used);
	TAILQ_INIT(&table->free);
	for (size_t i = 0; i < max; i++)
		TAILQ_INSERT_TAIL(&table->free, &table->entries[i], age);
	return table;
}

void
mactable_free(struct mactable *table)
{
	if (table == NULL)
		return;
	free(table->chains);
	free(table);
}

static struct mac_chain *
mac_chain(const struct mactable *table, const uint8_t *mac)
{
	uint8_t hash[crypto_shorthash_BYTES];
	uint64_t value;

	crypto_shorthash(hash, mac, 6, table->hash_key);
	memcpy(&value, hash, sizeof(value));
	return &table->chains[value & table->mask];
}

static struct mac_entry *
mac_find(const struct mactable *table, const uint8_t *mac)
{
	struct mac_entry *entry;

	LIST_FOREACH(entry, mac_chain(table, mac), chain) {
		if (memcmp(entry->mac, mac, 6) == 0)
			return entry;
	}
	return NULL;
}

static void
mac_remove(struct mactable *table, struct mac_entry *entry)
{
	LIST_REMOVE(entry, chain);
	TAILQ_REMOVE(&table->used, entry, age);
	TAILQ_INSERT_TAIL(&table->free, entry, age);
}

static void
mac_insert(
    struct mactable *table, const uint8_t *mac, uint64_t peer, uint64_t now)
{
	struct mac_entry *entry;

	if (TAILQ_EMPTY(&table->free))
		mac_remove(table, TAILQ_FIRST(&table->used));
	entry = TAILQ_FIRST(&table->free);
	if (entry == NULL)
		return;
	TAILQ_REMOVE(&table->free, entry, age);
	memcpy(entry->mac, mac, 6);
	entry->peer = peer;
	entry->seen = now;
	entry->moved = 0;
	LIST_INSERT_HEAD(mac_chain(table, mac), entry, chain);
	TAILQ_INSERT_TAIL(&table->used, entry, age);
}

static void
mac_touch(struct mactable *table, struct mac_entry *entry, uint64_t now)
{
	entry->seen = now;
	TAILQ_REMOVE(&table->used, entry, age);
	TAILQ_INSERT_TAIL(&table->used, entry, age);
}

/* Returns who held it before. */
static uint64_t
mac_learn(struct mactable *table, const uint8_t *mac, uint64_t peer,
    uint64_t hold, uint64_t now)
{
	struct mac_entry *entry = mac_find(table, mac);
	uint64_t before;

	if (entry == NULL) {
		mac_insert(table, mac, peer, now);
		return PEERNAME_UNKNOWN;
	}
	before = entry->peer;
	if (now - entry->seen >= MACTABLE_AGE)
		before = PEERNAME_UNKNOWN;
	else if (before != peer && now - entry->seen < hold)
		return before;
	entry->peer = peer;
	mac_touch(table, entry, now);
	return before;
}

uint64_t
mactable_add(struct mactable *table, const uint8_t mac[6], uint64_t peer,
    uint64_t now, uint64_t *before)
{
	*before = mac_learn(table, mac, peer, MACTABLE_HOLD, now);
	return mactable_lookup(table, mac, now);
}

enum mactable_claim
mactable_claim(struct mactable *table, const uint8_t mac[6], uint64_t peer,
    uint64_t ours, uint64_t now, uint64_t *before)
{
	struct mac_entry *entry = mac_find(table, mac);

	*before = PEERNAME_UNKNOWN;
	if (entry != NULL && entry->peer != peer &&
	    now - entry->seen < MACTABLE_AGE) {
		if (entry->peer == ours && now - entry->seen < MACTABLE_HOLD)
			return MACTABLE_OURS;
		if (entry->moved != 0 && now - entry->moved < MACTABLE_HOLD)
			return MACTABLE_HELD;
		entry->moved = now;
	}
	*before = mac_learn(table, mac, peer, 0, now);
	return MACTABLE_TAKEN;
}

uint64_t
mactable_lookup(
    const struct mactable *table, const uint8_t mac[6], uint64_t now)
{
	const struct mac_entry *entry = mac_find(table, mac);

	if (entry == NULL || now - entry->seen >= MACTABLE_AGE)
		return PEERNAME_UNKNOWN;
	return entry->peer;
}

void
mactable_remove_peer(struct mactable *table, uint64_t peer)
{
	struct mac_entry *entry, *next;

	TAILQ_FOREACH_SAFE(entry, &table->used, age, next) {
		if (entry->peer == peer)
			mac_remove(table, entry);
	}
}

void
mactable_sweep(struct mactable *table, uint64_t now)
{
	struct mac_entry *entry;

	while ((entry = TAILQ_FIRST(&table->used)) != NULL &&
	    now - entry->seen >= MACTABLE_AGE)
		mac_remove(table, entry);
}

void
mactable_walk(const struct mactable *table, uint64_t now,
    void (*visit)(
	void *arg, const uint8_t mac[6], uint64_t peer, uint64_t seen),
    void *arg)
{
	const struct mac_entry *entry;

	TAILQ_FOREACH(entry, &table->used, age) {
		if (now - entry->seen < MACTABLE_AGE)
			visit(arg, entry->mac, entry->peer, entry->seen);
	}
}
