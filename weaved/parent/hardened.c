#include <string.h>

#include <sodium.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/parent/hardened.h"
#include "weaved/parent/kdf.h"
#include "weaved/parent/kx3.h"
#include "weaved/spawn.h"

static struct {
	struct kx3 *kx3;
	struct kdf *kdf; /* under way */
	struct event *slice;
	const struct targets *targets;
	char mesh[64];
	bool wanted; /* version 3 is spoken */
	uint64_t throttled; /* as last logged */
	struct log_limit limit;
} hardened;

static void take_result(void);
static void run_slice(evutil_socket_t, short, void *);

bool
hardened_init(
    uint64_t name, const struct conf *conf, const struct targets *targets)
{
	strlcpy(hardened.mesh, conf->mesh, sizeof(hardened.mesh));
	hardened.wanted = conf->protocol != CONF_PROTOCOL_WEAVE;
	hardened.targets = targets;
	hardened.kx3 = kx3_new(name, conf->mesh);
	return hardened.kx3 != NULL;
}

void
hardened_free(void)
{
	if (hardened.slice != NULL)
		event_free(hardened.slice);
	kdf_free(hardened.kdf);
	kx3_free(hardened.kx3);
	memset(&hardened, 0, sizeof(hardened));
}

struct kx3 *
hardened_kx3(void)
{
	return hardened.kx3;
}

void
hardened_set_password(struct event_base *base, const struct password *password)
{
	const struct timeval now = {0, 0};
	struct kdf_input input = {.rounds = KDF_ROUNDS, .len = KX3_PRS_LEN};
	uint8_t salt[128];

	if (!hardened.wanted)
		return;
	kdf_free(hardened.kdf);
	hardened.kdf = NULL;
	if (password == NULL) {
		kx3_set_slots(hardened.kx3, NULL, NULL);
		return;
	}
	input.password = (const uint8_t *)password->bytes;
	input.password_len = password->len;
	input.salt = salt;
	input.salt_len = kx3_salt(hardened.mesh, salt, sizeof(salt));
	if ((hardened.kdf = kdf_new(&input)) == NULL)
		fatalx("no memory for the password");
	if (base == NULL) {
		kdf_run(hardened.kdf, UINT32_MAX);
		take_result();
		return;
	}
	if (hardened.slice == NULL &&
	    (hardened.slice = evtimer_new(base, run_slice, NULL)) == NULL)
		fatalx("no memory for an event");
	evtimer_add(hardened.slice, &now);
}

static void
take_result(void)
{
	kx3_set_slots(hardened.kx3, kdf_result(hardened.kdf), NULL);
	kdf_free(hardened.kdf);
	hardened.kdf = NULL;
}

static void
run_slice(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval now = {0, 0};

	(void)fd;
	(void)what;
	(void)arg;
	if (hardened.kdf == NULL)
		return;
	if (kdf_run(hardened.kdf, KDF_SLICE)) {
		take_result();
		log_info("password stretched: new handshakes use it");
	} else
		evtimer_add(hardened.slice, &now);
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
