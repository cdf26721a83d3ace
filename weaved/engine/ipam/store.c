#include <sys/endian.h>

#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/engine/ipam/store.h"

#define MAGIC "weaved ipam 1\n"
#define MAGIC_LEN (sizeof(MAGIC) - 1)
#define HASH_LEN crypto_generichash_BYTES
#define HEADER_LEN (MAGIC_LEN + HASH_LEN)

struct cursor {
	const uint8_t *p;
	size_t left;
	bool failed; /* then everything read is zero */
};

static void put(struct gob_encoder *, uint64_t, size_t);
static void put_owners(struct gob_encoder *, const struct owners *);
static const uint8_t *take(struct cursor *, size_t);
static uint64_t take_number(struct cursor *, size_t);
static const char *read_owners(struct store *, struct cursor *);
static const char *read_body(struct store *, struct cursor *);

static void
put(struct gob_encoder *enc, uint64_t value, size_t len)
{
	uint8_t bytes[8];

	be64enc(bytes, value);
	gob_encode_raw(enc, bytes + sizeof(bytes) - len, len);
}

static void
put_owners(struct gob_encoder *enc, const struct owners *owners)
{
	struct owner *owner;

	put(enc, owners->n, 4);
	for (owner = owners_first(owners, NULL); owner != NULL;
	     owner = owners_next(owner, NULL)) {
		put(enc, owner->addr, 4);
		put(enc, owner->len, 1);
		put(enc, strlen(owner->id), 1);
		gob_encode_raw(enc, owner->id, strlen(owner->id));
	}
}

uint8_t *
store_encode(const struct store *store, size_t *len)
{
	static const uint8_t room[HASH_LEN];
	struct gob_encoder enc, state;

	gob_encode_init(&enc, STORE_MAX);
	gob_encode_init(&state, STORE_MAX);
	ipam_state_encode(&state, &store->state);
	gob_encode_raw(&enc, MAGIC, MAGIC_LEN);
	gob_encode_raw(&enc, room, sizeof(room));
	put(&enc, store->name, 8);
	put(&enc, store->range.start, 4);
	put(&enc, store->range.end, 4);
	put(&enc, store->uid, 8);
	put(&enc, state.len, 4);
	gob_encode_raw(&enc, state.data, state.len);
	put_owners(&enc, &store->owners);
	if (enc.failed || state.failed)
		gob_encode_free(&enc);
	else
		crypto_generichash(enc.data + MAGIC_LEN, HASH_LEN,
		    enc.data + HEADER_LEN, enc.len - HEADER_LEN, NULL, 0);
	gob_encode_free(&state);
	*len = enc.len;
	return enc.data;
}

static const uint8_t *
take(struct cursor *cursor, size_t len)
{
	const uint8_t *p = cursor->p;

	if (cursor->failed || cursor->left < len) {
		cursor->failed = true;
		return NULL;
	}
	cursor->p += len;
	cursor->left -= len;
	return p;
}

static uint64_t
take_number(struct cursor *cursor, size_t len)
{
	const uint8_t *p = take(cursor, len);
	uint64_t value = 0;

	for (size_t i = 0; p != NULL && i < len; i++)
		value = value << 8 | p[i];
	return value;
}

static const char *
read_owners(struct store *store, struct cursor *cursor)
{
	uint64_t count = take_number(cursor, 4);
	char id[OWNER_ID_MAX];

	for (; count > 0 && !cursor->failed; count--) {
		uint32_t addr = (uint32_t)take_number(cursor, 4);
		uint8_t prefix = (uint8_t)take_number(cursor, 1);
		size_t len = (size_t)take_number(cursor, 1);
		const uint8_t *text = take(cursor, len);

		if (text == NULL || prefix > 32 || len >= sizeof(id))
			return "malformed address";
		memcpy(id, text, len);
		id[len] = '\0';
		if (!owners_valid_id(id) ||
		    owners_find(&store->owners, id, addr) != NULL ||
		    !owners_add(&store->owners, id, addr, prefix))
			return "malformed owner of an address";
	}
	return NULL;
}

static const char *
read_body(struct store *store, struct cursor *cursor)
{
	const uint8_t *state;
	const char *error;
	size_t len;

	store->name = take_number(cursor, 8);
	store->range.start = (uint32_t)take_number(cursor, 4);
	store->range.end = (uint32_t)take_number(cursor, 4);
	store->uid = take_number(cursor, 8);
	len = (size_t)take_number(cursor, 4);
	if ((state = take(cursor, len)) == NULL)
		return "cut off";
	if ((error = ipam_state_decode(&store->state, state, len)) != NULL ||
	    (error = read_owners(store, cursor)) != NULL)
		return error;
	if (store->state.has_ring && store->state.ring.nentries > 0 &&
	    (error = ring_check(&store->state.ring)) != NULL)
		return error;
	return cursor->failed || cursor->left != 0 ? "of the wrong length"
						   : NULL;
}

const char *
store_decode(struct store *store, const uint8_t *data, size_t len)
{
	struct cursor cursor = {data + HEADER_LEN, len - HEADER_LEN, false};
	uint8_t hash[HASH_LEN];
	const char *error;

	if (len < HEADER_LEN || memcmp(data, MAGIC, MAGIC_LEN) != 0)
		return "no state of IPAM";
	crypto_generichash(
	    hash, sizeof(hash), data + HEADER_LEN, len - HEADER_LEN, NULL, 0);
	if (memcmp(hash, data + MAGIC_LEN, HASH_LEN) != 0)
		return "its checksum does not fit";
	memset(store, 0, sizeof(*store));
	owners_init(&store->owners);
	if ((error = read_body(store, &cursor)) != NULL)
		store_free(store);
	return error;
}

void
store_free(struct store *store)
{
	ipam_state_free(&store->state);
	owners_free(&store->owners);
}
