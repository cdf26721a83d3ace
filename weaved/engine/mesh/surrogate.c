#include <sys/queue.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/mesh/surrogate.h"

struct seen {
	TAILQ_ENTRY(seen) entry;
	uint64_t hash;
	uint64_t expires;
	size_t channel; /* bytes of its name with NUL */
	size_t len; /* bytes of the data */
	uint8_t bytes[]; /* channel, then data */
};
TAILQ_HEAD(seen_list, seen);

struct surrogate {
	struct seen_list list; /* oldest first */
	size_t entries;
	size_t bytes;
};

static bool seen_equal(
    const struct seen *, const char *, size_t, const uint8_t *, size_t);
static size_t seen_size(const struct seen *);
static void forget(struct surrogate *, struct seen *);
static void make_room(struct surrogate *, size_t, uint64_t);

struct surrogate *
surrogate_new(void)
{
	struct surrogate *sur = calloc(1, sizeof(*sur));

	if (sur != NULL)
		TAILQ_INIT(&sur->list);
	return sur;
}

void
surrogate_free(struct surrogate *sur)
{
	struct seen *seen;

	if (sur == NULL)
		return;
	while ((seen = TAILQ_FIRST(&sur->list)) != NULL)
		forget(sur, seen);
	free(sur);
}

uint64_t
surrogate_hash(const uint8_t *data, size_t len)
{
	uint64_t hash = UINT64_C(0xcbf29ce484222325);

	for (size_t i = 0; i < len; i++)
		hash = (hash ^ data[i]) * UINT64_C(0x100000001b3);
	return hash;
}

static bool
seen_equal(const struct seen *seen, const char *channel, size_t namelen,
    const uint8_t *data, size_t len)
{
	return seen->channel == namelen && seen->len == len &&
	    memcmp(seen->bytes, channel, namelen) == 0 &&
	    (len == 0 || memcmp(seen->bytes + namelen, data, len) == 0);
}

static size_t
seen_size(const struct seen *seen)
{
	return seen->channel + seen->len;
}

static void
forget(struct surrogate *sur, struct seen *seen)
{
	TAILQ_REMOVE(&sur->list, seen, entry);
	sur->entries--;
	sur->bytes -= seen_size(seen);
	free(seen);
}

static void
make_room(struct surrogate *sur, size_t size, uint64_t now)
{
	struct seen *seen;

	while ((seen = TAILQ_FIRST(&sur->list)) != NULL &&
	    (seen->expires <= now || sur->entries == SURROGATE_ENTRIES_MAX ||
		sur->bytes + size > SURROGATE_BYTES_MAX))
		forget(sur, seen);
}

bool
surrogate_seen(struct surrogate *sur, const char *channel, const uint8_t *data,
    size_t len, uint64_t now)
{
	uint64_t hash = surrogate_hash(data, len);
	size_t namelen = strlen(channel) + 1;
	struct seen *seen;

	TAILQ_FOREACH(seen, &sur->list, entry)
		if (seen->hash == hash && seen->expires > now &&
		    seen_equal(seen, channel, namelen, data, len))
			return true;
	if (len > SURROGATE_BYTES_MAX - namelen)
		return true;
	make_room(sur, namelen + len, now);
	if ((seen = malloc(sizeof(*seen) + namelen + len)) == NULL)
		return true;
	seen->hash = hash;
	seen->expires = now + SURROGATE_LIFE;
	seen->channel = namelen;
	seen->len = len;
	memcpy(seen->bytes, channel, namelen);
	if (len > 0)
		memcpy(seen->bytes + namelen, data, len);
	TAILQ_INSERT_TAIL(&sur->list, seen, entry);
	sur->entries++;
	sur->bytes += seen_size(seen);
	return false;
}
