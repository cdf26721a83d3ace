#include <sodium.h>

#include <string.h>

#include "weaved/engine/overlay/sleeve_cipher.h"

/*
 * Nonce of version 3; its first 16 bytes are the same for all packets of a
 * direction, DF class and epoch:
 *
 *	 0      1     2    3   4         8        16               24
 *	+------+-----+----+---+---------+--------+----------------+
 *	| 0x55 | dir | df | 0 | epoch   | zeros  | sequence field |
 *	+------+-----+----+---+---------+--------+----------------+
 */
#define NONCE_UDP3 0x55
#define SEQ_LEN 8
#define EPOCH_SHIFT 56
#define EPOCH_MASK 0x7f
#define COUNTER_MASK ((UINT64_C(1) << EPOCH_SHIFT) - 1)

static struct sleeve_epoch *epoch_at(struct sleeve_cipher *, uint32_t);
static void epoch_wipe(struct sleeve_epoch *);
static void epoch_set_keys(
    struct sleeve_epoch *, bool, const uint8_t[2][CIPHER_KEY_LEN]);
static void epoch_stop_receiving(struct sleeve_cipher *, struct sleeve_epoch *);
static void epoch_heard(
    struct sleeve_cipher *, struct sleeve_epoch *, uint64_t);
static void make_key(
    struct cipher_key *, const uint8_t[CIPHER_KEY_LEN], uint32_t, bool, bool);
static const struct cipher_key *key_of(struct sleeve_cipher *,
    const struct sleeve_datagram *, enum sleeve_opened *);
static enum sleeve_opened accept_one(
    struct sleeve_cipher *, const struct sleeve_datagram *, uint64_t);
static struct sleeve_epoch *epoch_of(struct sleeve_cipher *, uint64_t);
static bool peek_field(const struct sleeve_datagram *, uint64_t *);

static struct sleeve_epoch *
epoch_at(struct sleeve_cipher *cipher, uint32_t number)
{
	return &cipher->epochs[number & 1];
}

static void
epoch_wipe(struct sleeve_epoch *epoch)
{
	replay_clear(&epoch->replay[0]);
	replay_clear(&epoch->replay[1]);
	sodium_memzero(epoch, sizeof(*epoch));
}

/* dialled: the sender opened the connection. */
static void
make_key(struct cipher_key *key, const uint8_t raw[CIPHER_KEY_LEN],
    uint32_t number, bool dialled, bool df)
{
	uint8_t prefix[CIPHER_PREFIX_LEN] = {NONCE_UDP3, dialled ? 0 : 1, df};

	for (size_t i = 8; i > 4; i--, number >>= 8)
		prefix[i - 1] = (uint8_t)number;
	cipher_key_derive(key, raw, prefix);
}

static void
epoch_set_keys(struct sleeve_epoch *epoch, bool outbound,
    const uint8_t keys[2][CIPHER_KEY_LEN])
{
	for (int df = 0; df < 2; df++) {
		make_key(&epoch->send_keys[df], keys[!outbound], epoch->number,
		    outbound, df);
		make_key(&epoch->receive_keys[df], keys[outbound],
		    epoch->number, !outbound, df);
	}
	epoch->sends = epoch->receives = true;
	epoch->expires = UINT64_MAX;
}

void
sleeve_cipher_init2(struct sleeve_cipher *cipher, bool outbound,
    const uint8_t key[CIPHER_KEY_LEN])
{
	struct sleeve_epoch *epoch = &cipher->epochs[0];

	memset(cipher, 0, sizeof(*cipher));
	cipher->version = 2;
	epoch->sends = epoch->receives = epoch->heard = true;
	epoch->expires = UINT64_MAX;
	for (int df = 0; df < 2; df++) {
		cipher_key_init(&epoch->send_keys[df], key, outbound);
		cipher_key_init(&epoch->receive_keys[df], key, !outbound);
	}
}

void
sleeve_cipher_init3(struct sleeve_cipher *cipher, bool outbound,
    const uint8_t keys[2][CIPHER_KEY_LEN])
{
	memset(cipher, 0, sizeof(*cipher));
	cipher->version = 3;
	cipher->outbound = outbound;
	epoch_set_keys(&cipher->epochs[0], outbound, keys);
	cipher->epochs[0].heard = true;
}

void
sleeve_cipher_wipe(struct sleeve_cipher *cipher)
{
	epoch_wipe(&cipher->epochs[0]);
	epoch_wipe(&cipher->epochs[1]);
}

bool
sleeve_cipher_seal(
    struct sleeve_cipher *cipher, struct packet *packet, uint64_t name, bool df)
{
	struct sleeve_epoch *epoch = epoch_at(cipher, cipher->sending);
	uint64_t field = df ? SLEEVE_DF : 0;

	if (cipher->version == 3) {
		if (cipher->held ||
		    sleeve_cipher_sealed(cipher) >= SLEEVE_COUNTER_MAX)
			return false;
		field |= (uint64_t)(epoch->number & EPOCH_MASK) << EPOCH_SHIFT;
	}
	sleeve_packet_seal(
	    packet, name, &epoch->send_keys[df], field | epoch->sequence[df]);
	epoch->sequence[df] += packet->count;
	return true;
}

uint64_t
sleeve_cipher_sealed(const struct sleeve_cipher *cipher)
{
	const struct sleeve_epoch *epoch = &cipher->epochs[cipher->sending & 1];

	return epoch->sequence[0] + epoch->sequence[1];
}

/* Datagrams under one key that follow each other are opened together. */
void
sleeve_cipher_open(struct sleeve_cipher *cipher,
    struct sleeve_datagram *datagrams, size_t count, enum sleeve_opened *opened,
    uint64_t now)
{
	const struct cipher_key *key;
	size_t end;

	for (size_t i = 0; i < count; i = end) {
		key = key_of(cipher, &datagrams[i], &opened[i]);
		for (end = i + 1; end < count && key != NULL; end++)
			if (key_of(cipher, &datagrams[end], &opened[end]) !=
			    key)
				break;
		if (key == NULL)
			continue;
		sleeve_datagrams_open(key, &datagrams[i], end - i);
		for (; i < end; i++)
			opened[i] = accept_one(cipher, &datagrams[i], now);
	}
}

/* The one epoch that these seven bits mean; nothing is tried out. */
static struct sleeve_epoch *
epoch_of(struct sleeve_cipher *cipher, uint64_t field)
{
	uint32_t bits = (uint32_t)(field >> EPOCH_SHIFT) & EPOCH_MASK;
	struct sleeve_epoch *epoch = epoch_at(cipher, bits);

	if (!epoch->receives || (epoch->number & EPOCH_MASK) != bits)
		return NULL;
	return epoch;
}

static bool
peek_field(const struct sleeve_datagram *datagram, uint64_t *field)
{
	if (datagram->len < SEQ_LEN)
		return false;
	*field = 0;
	for (size_t i = 0; i < SEQ_LEN; i++)
		*field = *field << 8 | datagram->data[i];
	return true;
}

/* NULL: *opened says why it is not worth opening. */
static const struct cipher_key *
key_of(struct sleeve_cipher *cipher, const struct sleeve_datagram *datagram,
    enum sleeve_opened *opened)
{
	struct sleeve_epoch *epoch;
	uint64_t field;
	bool df;

	if (cipher->version == 2)
		return &cipher->epochs[0].receive_keys[0];
	*opened = SLEEVE_BAD;
	if (!peek_field(datagram, &field) ||
	    (epoch = epoch_of(cipher, field)) == NULL)
		return NULL;
	df = (field & SLEEVE_DF) != 0;
	if (!replay_seen(&epoch->replay[df], field & COUNTER_MASK))
		return &epoch->receive_keys[df];
	*opened = SLEEVE_REPLAYED;
	return NULL;
}

static enum sleeve_opened
accept_one(struct sleeve_cipher *cipher, const struct sleeve_datagram *datagram,
    uint64_t now)
{
	uint64_t field = datagram->seqdf, counter = field & ~SLEEVE_DF;
	struct sleeve_epoch *epoch = &cipher->epochs[0];
	bool df = (field & SLEEVE_DF) != 0;

	if (!datagram->ok)
		return SLEEVE_BAD;
	if (cipher->version == 3) {
		epoch = epoch_of(cipher, field);
		counter = field & COUNTER_MASK;
	}
	if (!replay_check(&epoch->replay[df], counter))
		return SLEEVE_REPLAYED;
	epoch_heard(cipher, epoch, now);
	return SLEEVE_OPENED;
}

/* The first packet of a new epoch: the peer has both keys, so have we. */
static void
epoch_heard(
    struct sleeve_cipher *cipher, struct sleeve_epoch *epoch, uint64_t now)
{
	struct sleeve_epoch *old = epoch_at(cipher, epoch->number + 1);

	if (epoch->heard)
		return;
	epoch->heard = true;
	sleeve_cipher_switch(cipher);
	if (old->receives && old->expires > now + SLEEVE_EPOCH_HEARD)
		old->expires = now + SLEEVE_EPOCH_HEARD;
}

void
sleeve_cipher_expect(struct sleeve_cipher *cipher,
    const uint8_t keys[2][CIPHER_KEY_LEN], uint64_t now)
{
	struct sleeve_epoch *old = epoch_at(cipher, cipher->newest);
	struct sleeve_epoch *epoch = epoch_at(cipher, cipher->newest + 1);

	/* Who has not switched yet must: its key is about to go. */
	cipher->sending = cipher->newest;
	epoch_wipe(epoch);
	old->expires = now + SLEEVE_EPOCH_MOST;
	cipher->newest++;
	epoch->number = cipher->newest;
	epoch_set_keys(epoch, cipher->outbound, keys);
}

/* Nothing is sent under the old key any more. */
void
sleeve_cipher_switch(struct sleeve_cipher *cipher)
{
	struct sleeve_epoch *old;

	if (cipher->sending == cipher->newest)
		return;
	old = epoch_at(cipher, cipher->sending);
	cipher->sending = cipher->newest;
	cipher->held = false;
	old->sends = false;
	sodium_memzero(old->send_keys, sizeof(old->send_keys));
}

static void
epoch_stop_receiving(struct sleeve_cipher *cipher, struct sleeve_epoch *epoch)
{
	if (epoch->number != cipher->sending) {
		epoch_wipe(epoch);
		return;
	}
	epoch->receives = false;
	epoch->expires = UINT64_MAX;
	sodium_memzero(epoch->receive_keys, sizeof(epoch->receive_keys));
	replay_clear(&epoch->replay[0]);
	replay_clear(&epoch->replay[1]);
}

uint64_t
sleeve_cipher_tick(struct sleeve_cipher *cipher, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (size_t i = 0; i < 2; i++) {
		struct sleeve_epoch *epoch = &cipher->epochs[i];

		if (epoch->receives && epoch->expires <= now)
			epoch_stop_receiving(cipher, epoch);
		if (epoch->receives && epoch->expires < next)
			next = epoch->expires;
	}
	return next;
}
