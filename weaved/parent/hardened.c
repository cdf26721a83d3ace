#include <string.h>

#include <sodium.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/parent/hardened.h"
#include "weaved/parent/kdf.h"
#include "weaved/parent/kx3.h"
#include "weaved/spawn.h"

/* A key made of a password, or on the way; serial 0: none. */
struct stretched {
	uint32_t serial;
	struct kdf *kdf;
};

static struct {
	struct kx3 *kx3;
	struct stretched stretched[PASSWORD_SLOTS];
	bool worked; /* in slices, since they held last */
	void (*done)(void); /* to be told when they hold */
	struct event *slice;
	const struct targets *targets;
	char mesh[64];
	uint64_t throttled; /* as last logged */
	struct log_limit limit;
} hardened;

static struct stretched stretch(
    const struct password_slot *, const struct stretched *);
static bool work(uint32_t);
static void take_results(void);
static void run_slice(evutil_socket_t, short, void *);

bool
hardened_init(
    uint64_t name, const struct conf *conf, const struct targets *targets)
{
	strlcpy(hardened.mesh, conf->mesh, sizeof(hardened.mesh));
	hardened.targets = targets;
	hardened.kx3 = kx3_new(name, conf->mesh);
	return hardened.kx3 != NULL;
}

void
hardened_free(void)
{
	if (hardened.slice != NULL)
		event_free(hardened.slice);
	for (size_t i = 0; i < PASSWORD_SLOTS; i++)
		kdf_free(hardened.stretched[i].kdf);
	kx3_free(hardened.kx3);
	memset(&hardened, 0, sizeof(hardened));
}

struct kx3 *
hardened_kx3(void)
{
	return hardened.kx3;
}

/* The one under way or done for this password, or a new one. */
static struct stretched
stretch(const struct password_slot *slot, const struct stretched *before)
{
	struct stretched stretched = {.serial = slot->serial};
	struct kdf_input input = {.rounds = KDF_ROUNDS, .len = KX3_PRS_LEN};
	uint8_t salt[128];

	if (slot->password == NULL)
		return stretched;
	for (size_t i = 0; i < PASSWORD_SLOTS; i++)
		if (before[i].serial == slot->serial)
			return before[i];
	input.password = (const uint8_t *)slot->password->bytes;
	input.password_len = slot->password->len;
	input.salt = salt;
	input.salt_len = kx3_salt(hardened.mesh, salt, sizeof(salt));
	if ((stretched.kdf = kdf_new(&input)) == NULL)
		fatalx("no memory for the password");
	return stretched;
}

void
hardened_set_passwords(struct event_base *base,
    const struct password_slot slots[PASSWORD_SLOTS], void (*done)(void))
{
	const struct timeval now = {0, 0};
	struct stretched before[PASSWORD_SLOTS];

	memcpy(before, hardened.stretched, sizeof(before));
	for (size_t i = 0; i < PASSWORD_SLOTS; i++)
		hardened.stretched[i] = stretch(&slots[i], before);
	for (size_t i = 0; i < PASSWORD_SLOTS; i++)
		if (before[i].kdf != hardened.stretched[0].kdf &&
		    before[i].kdf != hardened.stretched[1].kdf)
			kdf_free(before[i].kdf);
	hardened.done = done;
	if (base == NULL) {
		while (!work(UINT32_MAX))
			;
		take_results();
		return;
	}
	if (hardened.slice == NULL &&
	    (hardened.slice = evtimer_new(base, run_slice, NULL)) == NULL)
		fatalx("no memory for an event");
	evtimer_add(hardened.slice, &now);
}

/* True: nothing is left to do. */
static bool
work(uint32_t rounds)
{
	for (size_t i = 0; i < PASSWORD_SLOTS; i++)
		if (hardened.stretched[i].kdf != NULL &&
		    kdf_result(hardened.stretched[i].kdf) == NULL) {
			kdf_run(hardened.stretched[i].kdf, rounds);
			return false;
		}
	return true;
}

static void
take_results(void)
{
	const uint8_t *prs[PASSWORD_SLOTS];
	void (*done)(void) = hardened.done;

	for (size_t i = 0; i < PASSWORD_SLOTS; i++)
		prs[i] = hardened.stretched[i].kdf == NULL
		    ? NULL
		    : kdf_result(hardened.stretched[i].kdf);
	kx3_set_slots(hardened.kx3, prs[0], prs[1]);
	kx3_set_serials(hardened.kx3, hardened.stretched[0].serial,
	    hardened.stretched[1].serial);
	hardened.done = NULL;
	if (done != NULL)
		done();
}

static void
run_slice(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval now = {0, 0};

	(void)fd;
	(void)what;
	(void)arg;
	if (!work(KDF_SLICE)) {
		hardened.worked = true;
		evtimer_add(hardened.slice, &now);
		return;
	}
	if (hardened.worked)
		log_info("password stretched: new handshakes use it");
	hardened.worked = false;
	take_results();
}

void
hardened_report(void)
{
	uint64_t count = kx3_throttled(hardened.kx3);
	uint32_t suppressed;

	if (count == hardened.throttled ||
	    !log_limit_pass(&hardened.limit, proc_now(), &suppressed))
		return;
	log_warn("too many key exchanges begun, failed or left unfinished: "
		 "%llu refused",
	    (unsigned long long)(count - hardened.throttled));
	hardened.throttled = count;
}

void
hardened_handle_start(void *arg, struct imsg *imsg)
{
	struct imsg_kx3_started started;
	struct imsg_kx3_start start;

	memcpy(&start, imsg->data, sizeof(start));
	kx3_start(hardened.kx3, &start,
	    targets_gave(hardened.targets, start.addr), proc_now(), &started);
	spawn_send(arg, IMSG_KX3_STARTED, 0, -1, &started, sizeof(started));
	hardened_report();
}

void
hardened_handle_finish(void *arg, struct imsg *imsg)
{
	struct imsg_kx3_finished finished;
	struct imsg_kx3_finish finish;

	memcpy(&finish, imsg->data, sizeof(finish));
	if (finish.len > sizeof(finish.frame)) {
		spawn_distrust(arg);
		return;
	}
	kx3_finish(hardened.kx3, &finish, proc_now(), &finished);
	spawn_send(arg, IMSG_KX3_FINISHED, 0, -1, &finished, sizeof(finished));
	sodium_memzero(&finished, sizeof(finished));
	hardened_report();
}

void
hardened_handle_cancel(void *arg, struct imsg *imsg)
{
	struct imsg_kx3_cancel message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	kx3_cancel(hardened.kx3, message.handle);
}
