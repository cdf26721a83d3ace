#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/parent/ipam.h"
#include "weaved/parent/kubernetes.h"
#include "weaved/weaved.h"

/* The file that the engine is sending. */
static struct {
	uint8_t *data;
	size_t len;
	size_t room;
} incoming;

static bool discard; /* until there is a new engine */

static void incoming_clear(void);
static bool incoming_append(const void *, size_t);
static void send_conf(struct spawn *, const struct conf *);
static void send_file(
    struct spawn *, const struct conf *, const struct state *);

static void
incoming_clear(void)
{
	free(incoming.data);
	memset(&incoming, 0, sizeof(incoming));
}

static bool
incoming_append(const void *data, size_t len)
{
	size_t room = incoming.room == 0 ? IMSG_MAX : incoming.room;
	uint8_t *moved;

	if (len > IPAM_FILE_MAX - incoming.len)
		return false;
	while (room < incoming.len + len)
		room *= 2;
	if (room != incoming.room) {
		if ((moved = realloc(incoming.data, room)) == NULL)
			return false;
		incoming.data = moved;
		incoming.room = room;
	}
	memcpy(incoming.data + incoming.len, data, len);
	incoming.len += len;
	return true;
}

static void
send_conf(struct spawn *engine, const struct conf *conf)
{
	const struct conf_ipalloc_init *init = &conf->ipalloc_init;
	struct subnet subnet = conf->ipalloc_subnet;
	struct imsg_ipam_conf message = {0};
	struct imsg_ipam_seed seed;

	if (subnet.len == 0)
		subnet = conf->ipalloc_range;
	message.range_addr = conf->ipalloc_range.addr;
	message.range_len = conf->ipalloc_range.len;
	message.subnet_addr = subnet.addr;
	message.subnet_len = subnet.len;
	message.init = (uint8_t)init->mode;
	message.count = init->count;
	message.await = kubernetes_awaits(conf);
	if (message.count == 0)
		message.count = kubernetes_members();
	spawn_send(engine, IMSG_IPAM_CONF, 0, -1, &message, sizeof(message));
	for (size_t i = 0; i < init->nseeds; i++) {
		seed.name = init->seeds[i];
		spawn_send(engine, IMSG_IPAM_SEED, 0, -1, &seed, sizeof(seed));
	}
}

static void
send_file(
    struct spawn *engine, const struct conf *conf, const struct state *state)
{
	size_t len = 0, piece;
	uint8_t *data = state_load_ipam(state, IPAM_FILE_MAX, &len);

	if (data == NULL && errno != ENOENT) {
		log_error(
		    "IPAM: cannot read what was kept: %s", strerror(errno));
		ipam_handle_damaged(conf, state);
	}
	for (size_t at = 0; data != NULL && at < len; at += piece) {
		piece = len - at < IMSG_DATA_MAX ? len - at : IMSG_DATA_MAX;
		spawn_send(engine, IMSG_IPAM_STATE, 0, -1, data + at, piece);
	}
	free(data);
	spawn_send(engine, IMSG_IPAM_STATE_END, 0, -1, NULL, 0);
}

void
ipam_start_engine(
    struct spawn *engine, const struct conf *conf, const struct state *state)
{
	incoming_clear();
	discard = false;
	if (conf->ipalloc_range.len == 0)
		return;
	send_conf(engine, conf);
	send_file(engine, conf, state);
}

void
ipam_discard(void)
{
	discard = true;
}

void
ipam_handle_save(struct spawn *engine, const struct imsg *imsg)
{
	if (!incoming_append(imsg->data, imsg->len)) {
		log_error("IPAM: the engine keeps too much");
		incoming_clear();
		spawn_distrust(engine);
	}
}

void
ipam_handle_save_end(struct spawn *engine, const struct state *state)
{
	struct imsg_ipam_saved message = {0};

	errno = EIO;
	if (!discard &&
	    state_save_ipam(state, incoming.data, incoming.len) == -1)
		message.error = errno == 0 ? (uint32_t)EIO : (uint32_t)errno;
	incoming_clear();
	spawn_send(engine, IMSG_IPAM_SAVED, 0, -1, &message, sizeof(message));
}

void
ipam_handle_damaged(const struct conf *conf, const struct state *state)
{
	if (state_set_ipam_aside(state) == -1) {
		log_warn_errno(
		    "IPAM: cannot put %s/ipam aside", conf->state_directory);
		return;
	}
	log_error("IPAM: %s/ipam is damaged and now named ipam.damaged: "
		  "addresses in use on this host must be claimed again, or "
		  "they may be given twice",
	    conf->state_directory);
}
