#include <sodium.h>
#include <stdlib.h>
#include <string.h>

#include "weaved/parent/session.h"

#define INDEX_MASK (SESSIONS_MAX - 1)
#define COUNT_LEN 4
#define COUNTER_LEN 8
#define BOX_AT (COUNT_LEN + COUNTER_LEN)
#define NONCE_MARK 0x50

_Static_assert((SESSIONS_MAX & INDEX_MASK) == 0, "a power of two");
_Static_assert(SESSION_KEY_LEN == crypto_secretbox_KEYBYTES, "keys");
_Static_assert(SESSION_MESSAGE_LEN ==
	BOX_AT + crypto_secretbox_MACBYTES + SESSION_BODY_LEN,
    "the drawing");

/* In locked memory. */
struct sessions {
	struct session all[SESSIONS_MAX];
};

static void put_number(uint8_t *, size_t, uint64_t);
static uint64_t get_number(const uint8_t *, size_t);
static void make_nonce(
    uint8_t[crypto_secretbox_NONCEBYTES], bool, const uint8_t *);
static void encode(const struct session_body *, uint8_t[SESSION_BODY_LEN]);
static bool decode(const uint8_t[SESSION_BODY_LEN], struct session_body *);
static const uint8_t *key_for(struct session *, uint32_t, uint64_t **expected);

struct sessions *
sessions_new(void)
{
	struct sessions *sessions = sodium_malloc(sizeof(*sessions));

	if (sessions != NULL)
		sodium_memzero(sessions, sizeof(*sessions));
	return sessions;
}

void
sessions_free(struct sessions *sessions)
{
	sodium_free(sessions);
}

void
sessions_clear(struct sessions *sessions)
{
	sodium_memzero(sessions, sizeof(*sessions));
}

/* The low bits of an id are its place. */
struct session *
sessions_add(struct sessions *sessions)
{
	struct session *session;

	for (uint32_t i = 0; i < SESSIONS_MAX; i++) {
		session = &sessions->all[i];
		if (session->id != 0)
			continue;
		do
			session->id = (randombytes_random() & ~INDEX_MASK) | i;
		while (session->id == i);
		return session;
	}
	return NULL;
}

struct session *
sessions_find(struct sessions *sessions, uint32_t id)
{
	struct session *session = &sessions->all[id & INDEX_MASK];

	return id != 0 && session->id == id ? session : NULL;
}

struct session *
sessions_next(struct sessions *sessions, const struct session *session)
{
	size_t i = session == NULL ? 0 : (size_t)(session - sessions->all) + 1;

	for (; i < SESSIONS_MAX; i++)
		if (sessions->all[i].id != 0 && sessions->all[i].up)
			return &sessions->all[i];
	return NULL;
}

struct session *
sessions_of_peer(struct sessions *sessions, uint64_t peer)
{
	struct session *session = NULL;

	while ((session = sessions_next(sessions, session)) != NULL)
		if (session->peer == peer)
			return session;
	return NULL;
}

void
session_end(struct session *session)
{
	sodium_memzero(session, sizeof(*session));
}

void
session_renew(struct session *session, const struct session_keys *keys,
    uint32_t count, uint64_t now)
{
	session->has_former = true;
	session->former_count = session->count;
	session->former_expected = session->expected;
	memcpy(session->former, session->keys.parent[session->outbound],
	    SESSION_KEY_LEN);
	session->keys = *keys;
	session->count = count;
	session->sent = session->expected = 0;
	session->authenticated = now;
}

void
session_propose(
    struct session *session, const struct session_keys *keys, uint32_t count)
{
	session->next = *keys;
	session->next_count = count;
}

void
session_verdict(
    struct session *session, uint32_t count, bool good, uint64_t now)
{
	if (session->next_count == 0 || session->next_count != count)
		return;
	if (good)
		session_renew(session, &session->next, count, now);
	sodium_memzero(&session->next, sizeof(session->next));
	session->next_count = 0;
}

static void
put_number(uint8_t *out, size_t len, uint64_t number)
{
	while (len > 0) {
		out[--len] = (uint8_t)number;
		number >>= 8;
	}
}

static uint64_t
get_number(const uint8_t *in, size_t len)
{
	uint64_t number = 0;

	for (size_t i = 0; i < len; i++)
		number = number << 8 | in[i];
	return number;
}

/* 0x50 ‖ dir ‖ count[4] ‖ 0×10 ‖ counter[8]; message begins with the two. */
static void
make_nonce(uint8_t nonce[crypto_secretbox_NONCEBYTES], bool dialled,
    const uint8_t *message)
{
	memset(nonce, 0, crypto_secretbox_NONCEBYTES);
	nonce[0] = NONCE_MARK;
	nonce[1] = dialled ? 0 : 1;
	memcpy(nonce + 2, message, COUNT_LEN);
	memcpy(nonce + 16, message + COUNT_LEN, COUNTER_LEN);
}

static void
encode(const struct session_body *body, uint8_t out[SESSION_BODY_LEN])
{
	uint8_t *p = out;

	memset(out, 0, SESSION_BODY_LEN);
	*p++ = body->kind;
	memcpy(p, body->rotation, SESSION_ROTATION_LEN);
	p += SESSION_ROTATION_LEN;
	put_number(p, 8, body->generation);
	p += 8;
	*p++ = body->step;
	put_number(p, 2, body->len);
	memcpy(p + 2, body->password, body->len);
}

/* What lies behind the password must be zero: there is one form. */
static bool
decode(const uint8_t in[SESSION_BODY_LEN], struct session_body *body)
{
	const uint8_t *p = in;

	body->kind = *p++;
	memcpy(body->rotation, p, SESSION_ROTATION_LEN);
	p += SESSION_ROTATION_LEN;
	body->generation = get_number(p, 8);
	p += 8;
	body->step = *p++;
	body->len = (uint16_t)get_number(p, 2);
	p += 2;
	if (body->len > SESSION_PASSWORD_MAX)
		return false;
	memcpy(body->password, p, SESSION_PASSWORD_MAX);
	return sodium_is_zero(p + body->len, SESSION_PASSWORD_MAX - body->len);
}

bool
session_seal(struct session *session, const struct session_body *body,
    uint8_t message[SESSION_MESSAGE_LEN])
{
	uint8_t nonce[crypto_secretbox_NONCEBYTES], text[SESSION_BODY_LEN];

	if (session->sent == UINT64_MAX || body->len > SESSION_PASSWORD_MAX)
		return false;
	put_number(message, COUNT_LEN, session->count);
	put_number(message + COUNT_LEN, COUNTER_LEN, session->sent++);
	make_nonce(nonce, session->outbound, message);
	encode(body, text);
	crypto_secretbox_easy(message + BOX_AT, text, sizeof(text), nonce,
	    session->keys.parent[!session->outbound]);
	sodium_memzero(text, sizeof(text));
	return true;
}

/* NULL: we hold none of this count. */
static const uint8_t *
key_for(struct session *session, uint32_t count, uint64_t **expected)
{
	if (count == session->count) {
		*expected = &session->expected;
		return session->keys.parent[session->outbound];
	}
	*expected = &session->former_expected;
	return session->has_former && count == session->former_count
	    ? session->former
	    : NULL;
}

bool
session_open(struct session *session, const uint8_t *message, size_t len,
    struct session_body *body)
{
	uint8_t nonce[crypto_secretbox_NONCEBYTES], text[SESSION_BODY_LEN];
	uint64_t counter, *expected;
	const uint8_t *key;
	bool ok;

	memset(body, 0, sizeof(*body));
	if (len != SESSION_MESSAGE_LEN)
		return false;
	key = key_for(
	    session, (uint32_t)get_number(message, COUNT_LEN), &expected);
	counter = get_number(message + COUNT_LEN, COUNTER_LEN);
	if (key == NULL || counter < *expected || counter == UINT64_MAX)
		return false;
	make_nonce(nonce, !session->outbound, message);
	ok = crypto_secretbox_open_easy(text, message + BOX_AT,
		 sizeof(text) + crypto_secretbox_MACBYTES, nonce, key) == 0;
	if (ok) {
		*expected = counter + 1;
		/* In order: none under the former can follow. */
		if (key != session->former) {
			session->has_former = false;
			sodium_memzero(
			    session->former, sizeof(session->former));
		}
		ok = decode(text, body);
	}
	sodium_memzero(text, sizeof(text));
	if (!ok)
		sodium_memzero(body, sizeof(*body));
	return ok;
}
