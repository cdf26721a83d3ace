#include <string.h>

#include "common/keylabel.h"
#include "weaved/parent/kx3_internal.h"

#define COUNT_LEN 4

static void count_put(uint32_t, uint8_t[COUNT_LEN]);
static void hash_begin(
    crypto_hash_sha512_state *, const char *, const struct session *, uint32_t);
static void run_of(struct kx3 *, const struct session *, uint32_t,
    const uint8_t *, struct run *);

static void
count_put(uint32_t count, uint8_t out[COUNT_LEN])
{
	for (size_t i = COUNT_LEN; i > 0; i--, count >>= 8)
		out[i - 1] = (uint8_t)count;
}

/* label ‖ th ‖ count */
static void
hash_begin(crypto_hash_sha512_state *state, const char *label,
    const struct session *session, uint32_t count)
{
	uint8_t number[COUNT_LEN];

	count_put(count, number);
	crypto_hash_sha512_init(state);
	crypto_hash_sha512_update(state, (const uint8_t *)label, strlen(label));
	crypto_hash_sha512_update(state, session->th, sizeof(session->th));
	crypto_hash_sha512_update(state, number, sizeof(number));
}

/* With the primary password, as whoever dials anew would. */
static void
run_of(struct kx3 *kx3, const struct session *session, uint32_t count,
    const uint8_t *share, struct run *run)
{
	uint8_t hash[crypto_hash_sha512_BYTES];
	crypto_hash_sha512_state state;

	memset(run, 0, sizeof(*run));
	run->addr = session->addr;
	run->peer = session->peer;
	run->session = session->id;
	run->count = count;
	run->outbound = session->outbound;
	run->share = share;
	hash_begin(&state, KEYLABEL "reauth", session, count);
	crypto_hash_sha512_final(&state, hash);
	memcpy(run->sid, hash, sizeof(run->sid));
	kx3_run_channel(kx3, run);
	hash_begin(&run->transcript, KEYLABEL "th'", session, count);
}

/* A count is used once, whatever becomes of it: it makes the sid. */
void
kx3_reauth_start(struct kx3 *kx3, const struct imsg_reauth_start *start,
    uint64_t now, struct imsg_reauth_started *started)
{
	struct session *session = sessions_find(kx3->sessions, start->session);
	struct opening opening = {0};
	uint32_t count = start->count;
	struct run run;

	memset(started, 0, sizeof(*started));
	started->conn = start->conn;
	started->result = KX3_MALFORMED;
	if (session == NULL || session->tried == UINT32_MAX)
		return;
	if (session->outbound)
		count = session->tried + 1;
	else if (count <= session->tried)
		return;
	session->tried = started->count = count;
	run_of(kx3, session, count, start->share, &run);
	started->result = kx3_run_begin(kx3, &run, now, &opening);
	started->handle = opening.handle;
	started->len = opening.len;
	memcpy(started->frame, opening.frame, sizeof(started->frame));
}

void
kx3_reauth_finish(struct kx3 *kx3, const struct imsg_kx3_finish *finish,
    uint64_t now, struct imsg_reauth_finished *finished)
{
	struct handle *handle = kx3_handle_take(kx3, finish->handle, true);
	struct session *session;
	struct session_keys keys;
	struct outcome outcome;
	uint32_t count;

	memset(finished, 0, sizeof(*finished));
	finished->conn = finish->conn;
	finished->result = KX3_EXPIRED;
	if (handle == NULL)
		return;
	count = handle->count;
	session = sessions_find(kx3->sessions, handle->session);
	finished->result =
	    kx3_run_end(kx3, handle, finish, now, &outcome, finished->frame);
	if (session == NULL && finished->result == KX3_DONE)
		finished->result = KX3_EXPIRED;
	if (finished->result != KX3_DONE) {
		sodium_memzero(finished->frame, sizeof(finished->frame));
		sodium_memzero(&outcome, sizeof(outcome));
		return;
	}
	finished->slot = outcome.slot;
	finished->serial = outcome.serial;
	finished->len = outcome.outbound ? KX3_CONFIRM_LEN : 0;
	keylabel_derive(finished->key, outcome.prk, "reauth", outcome.th);
	kx3_session_keys(&keys, &outcome);
	if (outcome.outbound)
		session_propose(session, &keys, count);
	else
		session_renew(session, &keys, count, now);
	sodium_memzero(&keys, sizeof(keys));
	sodium_memzero(&outcome, sizeof(outcome));
}

void
kx3_reauth_verdict(
    struct kx3 *kx3, const struct imsg_reauth_verdict *verdict, uint64_t now)
{
	struct session *session =
	    sessions_find(kx3->sessions, verdict->session);

	if (session != NULL)
		session_verdict(
		    session, verdict->count, verdict->result == KX3_DONE, now);
}
