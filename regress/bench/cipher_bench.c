/*
 * Nanoseconds a packet of every implementation that this CPU has, next to
 * crypto_secretbox(): the best of several rounds, seal/open.
 */
#include <sodium.h>
#include <err.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "weaved/engine/overlay/cipher.h"

#define BATCH 45
#define STRIDE 1434
#define ROUNDS 200
#define ROUND_PACKETS 450

static uint64_t clock_ns(void);
static void secretbox_batch(struct cipher_packet *, size_t, bool);
static void run(const char *, bool, struct cipher_packet *, size_t);
static double measure(const char *, bool, size_t, size_t);
static void print_row(const char *);

static const uint8_t session[CIPHER_KEY_LEN] = {1, 2, 3};
static struct cipher_key key;
static uint8_t texts[BATCH * STRIDE], sealed[BATCH * STRIDE];
static uint8_t tags[BATCH][CIPHER_TAG_LEN];

static uint64_t
clock_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static void
secretbox_batch(struct cipher_packet *packets, size_t n, bool open)
{
	uint8_t nonce[crypto_secretbox_NONCEBYTES] = {0};

	for (size_t i = 0; i < n; i++) {
		struct cipher_packet *packet = &packets[i];

		for (int at = 0; at < 8; at++)
			nonce[16 + at] =
			    (uint8_t)(packet->seqdf >> (56 - 8 * at));
		if (!open)
			crypto_secretbox_detached(packet->text, packet->tag,
			    packet->text, packet->len, nonce, session);
		else
			packet->ok =
			    crypto_secretbox_open_detached(packet->text,
				packet->text, packet->tag, packet->len, nonce,
				session) == 0;
	}
}

static void
run(const char *name, bool open, struct cipher_packet *packets, size_t n)
{
	if (strcmp(name, "secretbox") == 0)
		secretbox_batch(packets, n, open);
	else if (open)
		cipher_open_batch(&key, packets, n);
	else
		cipher_seal_batch(&key, packets, n);
}

static double
measure(const char *name, bool open, size_t len, size_t batch)
{
	struct cipher_packet packets[BATCH];
	uint64_t best = UINT64_MAX, since, took;
	size_t calls = ROUND_PACKETS / batch;

	memset(texts, 0, sizeof(texts));
	for (size_t i = 0; i < batch; i++)
		packets[i] = (struct cipher_packet){.seqdf = i,
		    .tag = tags[i],
		    .text = texts + i * STRIDE,
		    .len = len};
	run(name, false, packets, batch);
	memcpy(sealed, texts, sizeof(texts));
	for (int round = 0; round < ROUNDS; round++) {
		took = 0;
		for (size_t i = 0; i < calls; i++) {
			/* What has been opened is no longer sealed. */
			for (size_t k = 0; open && k < batch; k++)
				memcpy(texts + k * STRIDE, sealed + k * STRIDE,
				    len);
			since = clock_ns();
			run(name, open, packets, batch);
			took += clock_ns() - since;
			if (open && !packets[batch - 1].ok)
				errx(1, "%s: not opened", name);
		}
		if (took < best)
			best = took;
	}
	return (double)best / (double)(calls * batch);
}

static void
print_row(const char *name)
{
	static const size_t lens[] = {74, 142, 1404};
	static const size_t batches[] = {1, BATCH};

	printf("%-10s", name);
	for (size_t b = 0; b < 2; b++)
		for (size_t l = 0; l < 3; l++)
			printf("  %5.0f/%-5.0f",
			    measure(name, false, lens[l], batches[b]),
			    measure(name, true, lens[l], batches[b]));
	printf("\n");
}

int
main(void)
{
	const char *name;

	if (sodium_init() == -1)
		errx(1, "libsodium does not start");
	cipher_key_init(&key, session, true);
	printf("%-10s  %-11s  %-11s  %-11s  %-11s  %-11s  %-11s\n", "bytes",
	    "74 x 1", "142 x 1", "1404 x 1", "74 x 45", "142 x 45",
	    "1404 x 45");
	print_row("secretbox");
	for (size_t i = 0; (name = cipher_name(i)) != NULL; i++) {
		cipher_use(name);
		if (!cipher_self_test())
			errx(1, "%s: differs from libsodium", name);
		print_row(name);
	}
	return 0;
}
