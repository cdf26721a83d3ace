/*
 * What control asks to be shown, as rows.
 */
#include <string.h>

#include "common/log.h"
#include "common/offload.h"
#include "weaved/child.h"
#include "weaved/engine/engine_internal.h"

#define ROWS_PENDING 256 /* messages to control at a time */
#define ROWS_MAX (64 * 1024 * 1024) /* bytes of one answer that wait */

static void engine_show_status(void);

/*
 * A row: its type, then its bytes. What control does not take at once waits in
 * engine.rows, each message behind its length, request and type.
 */
void
engine_emit(void *arg, uint32_t type, const void *row, size_t len)
{
	uint8_t data[sizeof(type) + sizeof(struct ctl_status) +
	    sizeof(struct ctl_connection)];

	(void)arg;
	if (len > sizeof(data) - sizeof(type))
		return;
	memcpy(data, &type, sizeof(type));
	memcpy(data + sizeof(type), row, len);
	engine_reply(engine.show_id, IMSG_ROW, data, sizeof(type) + len);
}

void
engine_reply(uint32_t id, uint32_t type, const void *data, size_t len)
{
	uint32_t header[3] = {(uint32_t)len, id, type};

	if (engine.control == NULL)
		return;
	if (evbuffer_get_length(engine.rows) == 0 &&
	    pipe_pending(engine.control) < ROWS_PENDING) {
		pipe_send(engine.control, type, id, -1, data, len);
		return;
	}
	if (type == IMSG_ROW && evbuffer_get_length(engine.rows) > ROWS_MAX) {
		engine.rows_lost = true;
		return;
	}
	if (evbuffer_add(engine.rows, header, sizeof(header)) == -1 ||
	    evbuffer_add(engine.rows, data, len) == -1)
		fatalx("no memory for an answer");
}

void
engine_control_drained(void *arg)
{
	uint8_t data[IMSG_DATA_MAX];
	uint32_t header[3];

	(void)arg;
	while (pipe_pending(engine.control) < ROWS_PENDING &&
	    evbuffer_remove(engine.rows, header, sizeof(header)) ==
		sizeof(header)) {
		evbuffer_remove(engine.rows, data, header[0]);
		pipe_send(
		    engine.control, header[2], header[1], -1, data, header[0]);
	}
}

static void
engine_show_status(void)
{
	const struct imsg_conf *conf = &engine.message;
	struct ctl_status status = {0};

	strlcpy(status.version, WEAVED_VERSION, sizeof(status.version));
	mesh_show_status(engine.mesh, &status);
	status.mtu = conf->mtu;
	status.uptime = (proc_now() - engine.started) / 1000;
	strlcpy(status.bridge, conf->bridge, sizeof(status.bridge));
	strlcpy(status.tap, conf->tap, sizeof(status.tap));
	offload_format(overlay_offloads(engine.overlay), status.offloads);
	strlcpy(status.password_source, conf->password_source,
	    sizeof(status.password_source));
	strlcpy(status.warning, conf->warning, sizeof(status.warning));
	engine_emit(NULL, CTL_STATUS, &status, sizeof(status));
	for (int i = 0; i < PROC_MAX; i++)
		if (engine.processes[i].name[0] != '\0')
			engine_emit(NULL, CTL_PROCESS, &engine.processes[i],
			    sizeof(engine.processes[i]));
	for (size_t i = 0; i < engine.conf.ntrusted; i++) {
		struct ctl_subnet row = {
		    engine.conf.trusted[i].addr, engine.conf.trusted[i].len};

		engine_emit(NULL, CTL_SUBNET, &row, sizeof(row));
	}
}

void
engine_handle_show(void *arg, struct imsg *imsg)
{
	struct ctl_end end = {0};
	struct ctl_show show;
	uint64_t now = proc_now();

	(void)arg;
	memcpy(&show, imsg->data, sizeof(show));
	engine.show_id = imsg->hdr.id;
	engine.rows_lost = false;
	if (engine.mesh == NULL) {
		end.status = 1;
		strlcpy(end.text, "weaved is starting, try again",
		    sizeof(end.text));
	} else {
		if (show.parts & CTL_SHOW_STATUS)
			engine_show_status();
		mesh_show(engine.mesh, show.parts, engine_emit, NULL, now);
		overlay_show(
		    engine.overlay, show.parts, engine_emit, NULL, now);
		engine_ipam_show(show.parts, engine_emit, now);
	}
	if (engine.rows_lost) {
		end.status = 1;
		strlcpy(end.text, "the answer is too large", sizeof(end.text));
	}
	engine_reply(engine.show_id, IMSG_END, &end, sizeof(end));
}

/* What is shown is made at once: there only what waits is to be stopped. */
void
engine_handle_show_cancel(void *arg, struct imsg *imsg)
{
	struct evbuffer *kept = evbuffer_new();
	uint32_t header[3];

	(void)arg;
	engine_ipam_cancel(imsg->hdr.id);
	if (imsg->hdr.id == engine.bench_id)
		engine_bench_cancel();
	if (kept == NULL)
		return;
	while (evbuffer_copyout(engine.rows, header, sizeof(header)) ==
	    sizeof(header)) {
		size_t len = sizeof(header) + header[0];

		if (header[1] == imsg->hdr.id)
			evbuffer_drain(engine.rows, len);
		else
			evbuffer_remove_buffer(engine.rows, kept, len);
	}
	evbuffer_free(engine.rows);
	engine.rows = kept;
}
