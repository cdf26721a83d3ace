/*
 * What the files of the engine's head share: engine.c (the event loop between
 * sockets, mesh and overlay) and engine_show.c (answers to control).
 */
#ifndef ENGINE_INTERNAL_H
#define ENGINE_INTERNAL_H

#include <sys/queue.h>

#include <event2/buffer.h>

#include "weaved/dispatch.h"
#include "weaved/engine/engine.h"
#include "weaved/engine/mesh/mesh.h"
#include "weaved/engine/overlay/overlay.h"
#include "weaved/weaved.h"

/* A connection's descriptor on the event loop. */
struct engine_watch {
	TAILQ_ENTRY(engine_watch) entry;
	struct event *event;
	uint32_t conn;
	int fd;
};

struct engine {
	struct mesh *mesh;
	struct overlay *overlay;
	struct pipe *control;
	struct mesh_conf conf;
	struct mesh_conf wanted; /* until IMSG_CONF_END */
	struct imsg_conf message; /* for status */
	struct ctl_process processes[PROC_MAX];
	uint64_t started; /* ms */
	struct event *timer;
	struct event *accept;
	struct event *accept_pause;
	struct event *udp;
	struct event *udp_write[2];
	struct event *tap;
	struct event *tap_write;
	uint64_t tap_check; /* ms, when next */
	int tcp_fd;
	int df_fd;
	int nodf_fd;
	int tap_fd;
	TAILQ_HEAD(, engine_watch) watches;
	uint32_t show_id; /* request being answered */
	struct evbuffer *rows; /* of it, when control is slow */
	bool rows_lost;
};
extern struct engine engine;

/* engine_show.c */
void engine_handle_show(void *arg, struct imsg *imsg);
void engine_handle_show_cancel(void *arg, struct imsg *imsg);
/* Control took what it was sent: what waits goes on. */
void engine_control_drained(void *arg);

#endif
