#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/parent/keys.h"
#include "weaved/weaved.h"

struct keys_handle {
	uint32_t id; /* 0: free */
	uint64_t started; /* ms */
	uint8_t secret[KEYS_LEN];
};

struct keys {
	struct keys_handle *handles; /* KEYS_HANDLES_MAX, locked */
	size_t used;
	struct password *password[PASSWORD_SLOTS];
	uint32_t serial[PASSWORD_SLOTS];
	uint64_t window; /* start of the second of starts */
	uint32_t starts; /* in it */
	uint32_t inbound_starts;
};

static struct keys_handle *keys_find(struct keys *, uint32_t);
static struct keys_handle *keys_claim(struct keys *, uint64_t, bool);
static bool keys_may_start(struct keys *, uint64_t, bool);
static void keys_drop(struct keys *, struct keys_handle *);
static bool keys_open_frame(const struct keys_peer *, const uint8_t *);
static const char *keys_try(const struct keys *, const struct keys_handle *,
    const struct keys_peer *, uint8_t *, uint32_t *);

struct keys *
keys_new(void)
{
	struct keys *keys = calloc(1, sizeof(*keys));

	if (keys == NULL)
		return NULL;
	keys->handles =
	    sodium_allocarray(KEYS_HANDLES_MAX, sizeof(*keys->handles));
	if (keys->handles == NULL) {
		free(keys);
		return NULL;
	}
	sodium_memzero(
	    keys->handles, KEYS_HANDLES_MAX * sizeof(*keys->handles));
	return keys;
}

void
keys_free(struct keys *keys)
{
	if (keys == NULL)
		return;
	sodium_free(keys->handles);
	for (size_t i = 0; i < PASSWORD_SLOTS; i++)
		password_free(keys->password[i]);
	free(keys);
}

bool
keys_set_passwords(
    struct keys *keys, const struct password_slot slots[PASSWORD_SLOTS])
{
	bool done = true;

	for (size_t i = 0; i < PASSWORD_SLOTS; i++) {
		password_free(keys->password[i]);
		keys->password[i] = NULL;
		keys->serial[i] = slots[i].serial;
		if (slots[i].password != NULL)
			done = (keys->password[i] = password_copy(
				    slots[i].password)) != NULL &&
			    done;
	}
	return done;
}

size_t
keys_handles(const struct keys *keys)
{
	return keys->used;
}

static struct keys_handle *
keys_find(struct keys *keys, uint32_t id)
{
	if (id == 0)
		return NULL;
	for (size_t i = 0; i < KEYS_HANDLES_MAX; i++)
		if (keys->handles[i].id == id)
			return &keys->handles[i];
	return NULL;
}

static void
keys_drop(struct keys *keys, struct keys_handle *handle)
{
	sodium_memzero(handle, sizeof(*handle));
	keys->used--;
}

/*
 * A free place; the expired make room first, else one at random has to go. The
 * last places are for connections that we dial: strangers can not take them.
 */
static struct keys_handle *
keys_claim(struct keys *keys, uint64_t now, bool outbound)
{
	size_t first = outbound ? KEYS_INBOUND_MAX : 0;
	size_t end = outbound ? KEYS_HANDLES_MAX : KEYS_INBOUND_MAX;
	struct keys_handle *handle, *unused = NULL;

	for (size_t i = first; i < end; i++) {
		handle = &keys->handles[i];
		if (handle->id != 0 && now - handle->started > KEYS_HANDLE_MS)
			keys_drop(keys, handle);
		if (handle->id == 0)
			unused = handle;
	}
	if (unused == NULL) {
		unused = &keys->handles[first +
		    randombytes_uniform((uint32_t)(end - first))];
		keys_drop(keys, unused);
	}
	return unused;
}

static bool
keys_may_start(struct keys *keys, uint64_t now, bool outbound)
{
	if (now - keys->window >= 1000) {
		keys->window = now;
		keys->starts = 0;
		keys->inbound_starts = 0;
	}
	if (keys->starts >= KEYS_STARTS_PER_S ||
	    (!outbound && keys->inbound_starts >= KEYS_INBOUND_PER_S))
		return false;
	keys->starts++;
	keys->inbound_starts += !outbound;
	return true;
}

const char *
keys_start(struct keys *keys, uint64_t now, bool outbound, uint32_t *handle,
    uint8_t public_key[KEYS_LEN])
{
	struct keys_handle *slot;
	uint32_t id;

	if (keys->password[0] == NULL)
		return "no password";
	if (!keys_may_start(keys, now, outbound))
		return "too many handshakes";
	do
		id = randombytes_random();
	while (id == 0 || keys_find(keys, id) != NULL);
	slot = keys_claim(keys, now, outbound);
	slot->id = id;
	slot->started = now;
	keys->used++;
	randombytes_buf(slot->secret, sizeof(slot->secret));
	crypto_scalarmult_base(public_key, slot->secret);
	*handle = id;
	return NULL;
}

bool
keys_derive_session(const uint8_t private_key[KEYS_LEN],
    const uint8_t peer_key[KEYS_LEN], const struct password *password,
    uint8_t session[KEYS_LEN])
{
	uint8_t shared[crypto_box_BEFORENMBYTES];
	crypto_hash_sha256_state state;

	if (crypto_box_beforenm(shared, peer_key, private_key) != 0)
		return false;
	crypto_hash_sha256_init(&state);
	crypto_hash_sha256_update(&state, shared, sizeof(shared));
	crypto_hash_sha256_update(
	    &state, (const unsigned char *)password->bytes, password->len);
	crypto_hash_sha256_final(&state, session);
	sodium_memzero(shared, sizeof(shared));
	sodium_memzero(&state, sizeof(state));
	return true;
}

/* The features frame of the peer: its direction, counter 0 (1.3). */
static bool
keys_open_frame(const struct keys_peer *peer, const uint8_t *session)
{
	uint8_t nonce[crypto_secretbox_NONCEBYTES] = {0};
	uint8_t plain[KX2_FRAME_MAX];
	bool opened;

	if (peer->frame_len < crypto_secretbox_MACBYTES ||
	    peer->frame_len > KX2_FRAME_MAX)
		return false;
	nonce[0] = peer->outbound ? 0x40 : 0xc0;
	opened = crypto_secretbox_open_easy(
		     plain, peer->frame, peer->frame_len, nonce, session) == 0;
	sodium_memzero(plain, sizeof(plain));
	return opened;
}

/* Fills in session if it is under one of the passwords. */
static const char *
keys_try(const struct keys *keys, const struct keys_handle *handle,
    const struct keys_peer *peer, uint8_t *session, uint32_t *serial)
{
	for (size_t i = 0; i < PASSWORD_SLOTS; i++) {
		if (keys->password[i] == NULL)
			continue;
		*serial = keys->serial[i];
		if (!keys_derive_session(
			handle->secret, peer->key, keys->password[i], session))
			return "low-order key";
		if (peer->frame == NULL || keys_open_frame(peer, session))
			return NULL;
		sodium_memzero(session, KEYS_LEN);
	}
	return "password mismatch";
}

const char *
keys_finish(struct keys *keys, uint64_t now, uint32_t id,
    const struct keys_peer *peer, uint8_t session[KEYS_LEN], uint32_t *serial)
{
	struct keys_handle *handle = keys_find(keys, id);
	const char *error = NULL;

	sodium_memzero(session, KEYS_LEN);
	*serial = 0;
	if (handle == NULL)
		return "handshake took too long";
	if (keys->password[0] == NULL)
		error = "no password";
	else if (now - handle->started > KEYS_HANDLE_MS)
		error = "handshake took too long";
	else
		error = keys_try(keys, handle, peer, session, serial);
	keys_drop(keys, handle);
	return error;
}

void
keys_cancel(struct keys *keys, uint32_t id)
{
	struct keys_handle *handle = keys_find(keys, id);

	if (handle != NULL)
		keys_drop(keys, handle);
}
