/*
 * What the files of the engine's head share: engine.c (the event loop between
 * sockets, mesh and overlay), engine_show.c (answers to control) and
 * engine_bench.c (measurements for control), engine_ipam.c (IPAM between mesh,
 * disk and control), engine_keys.c (key exchange and sessions between mesh and
 * parent).
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
	uint32_t bench_id; /* request being measured, 0: none */
	char bench_nickname[CTL_TEXT_MAX];
};
extern struct engine engine;

/* engine.c: what is due; every entry from the loop ends here. */
void engine_tick(void);

/* engine_keys.c: answers of the parent; what the mesh asks of it. */
void engine_handle_kx2_started(void *arg, struct imsg *imsg);
void engine_handle_kx2_finished(void *arg, struct imsg *imsg);
void engine_handle_kx3_started(void *arg, struct imsg *imsg);
void engine_handle_kx3_finished(void *arg, struct imsg *imsg);
void engine_handle_reauth_started(void *arg, struct imsg *imsg);
void engine_handle_reauth_finished(void *arg, struct imsg *imsg);
void engine_handle_peers(void *arg, struct imsg *imsg);
void engine_handle_reauth_all(void *arg, struct imsg *imsg);
void engine_handle_parent_message(void *arg, struct imsg *imsg);
void engine_op_kx_start(void *arg, uint32_t conn, bool outbound);
void engine_op_kx_finish(void *arg, uint32_t conn, uint32_t handle,
    const uint8_t key[MESH_KEY_LEN], bool outbound, const uint8_t *frame,
    size_t len);
void engine_op_kx_cancel(void *arg, uint32_t conn, uint32_t handle);
void engine_op_kx3_start(void *arg, const struct imsg_kx3_start *start);
void engine_op_kx3_finish(void *arg, const struct imsg_kx3_finish *finish);
void engine_op_kx3_cancel(void *arg, uint32_t handle);
void engine_op_reauth_start(void *arg, const struct imsg_reauth_start *start);
void engine_op_reauth_finish(void *arg, const struct imsg_kx3_finish *finish);
void engine_op_reauth_verdict(
    void *arg, const struct imsg_reauth_verdict *verdict);
void engine_op_session(void *arg, uint32_t session, bool up);
void engine_op_parent_message(
    void *arg, uint32_t session, const uint8_t *bytes, size_t len);

/* engine_ipam.c: while IPAM is off all but the handlers do nothing. */
void engine_ipam_handle_conf(void *arg, struct imsg *imsg);
void engine_ipam_handle_seed(void *arg, struct imsg *imsg);
void engine_ipam_handle_members(void *arg, struct imsg *imsg);
void engine_ipam_handle_state(void *arg, struct imsg *imsg);
void engine_ipam_handle_state_end(void *arg, struct imsg *imsg);
void engine_ipam_handle_saved(void *arg, struct imsg *imsg);
void engine_ipam_handle_request(void *arg, struct imsg *imsg);
void engine_ipam_set_nickname(void);
uint64_t engine_ipam_tick(uint64_t now); /* when next */
void engine_ipam_cancel(uint32_t request);
/* Control is gone, with all who asked. */
void engine_ipam_cancel_all(void);
void engine_ipam_show(uint32_t parts, mesh_emit emit, uint64_t now);

/* engine_passwords.c */
void engine_handle_passwords(void *arg, struct imsg *imsg);
void engine_handle_password_gone(void *arg, struct imsg *imsg);

/* engine_show.c */
/* Of the request engine.show_id: a mesh_emit. */
void engine_emit(void *arg, uint32_t type, const void *row, size_t len);
/* IMSG_ROW or IMSG_END to control, now or when it has room. */
void engine_reply(uint32_t id, uint32_t type, const void *data, size_t len);
void engine_handle_show(void *arg, struct imsg *imsg);
void engine_handle_show_cancel(void *arg, struct imsg *imsg);
/* Control took what it was sent: what waits goes on. */
void engine_control_drained(void *arg);

/* engine_bench.c */
void engine_handle_bench(void *arg, struct imsg *imsg);
/* Answers if the measurement has ended. */
void engine_bench_finish(void);
void engine_bench_cancel(void);

#endif
