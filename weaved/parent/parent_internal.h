/*
 * What the files of the parent's head share: parent.c (start, reload, stop),
 * engine_requests.c and control_requests.c (what those two ask for),
 * netcfg_requests.c.
 */
#ifndef PARENT_INTERNAL_H
#define PARENT_INTERNAL_H

#include <event2/event.h>

#include "weaved/parent/conf.h"
#include "weaved/parent/descriptors.h"
#include "weaved/parent/dial.h"
#include "weaved/parent/keys.h"
#include "weaved/parent/parent.h"
#include "weaved/parent/password.h"
#include "weaved/parent/state.h"
#include "weaved/parent/targets.h"
#include "weaved/spawn.h"

#define NEIGHBOURS_MAX 1024 /* kept for the next engine */

struct parent {
	const struct parent_options *options;
	struct event_base *base;
	struct event *signals[4];
	struct event *stop_timer;
	struct conf *conf;
	struct keys *keys;
	struct state *state;
	struct dialler *dialler;
	struct descriptors fds;
	struct targets targets;
	struct imsg_neighbour neighbours[NEIGHBOURS_MAX];
	size_t nneighbours;
	struct spawn *procs[PROC_MAX];
	struct spawn_conf spawn_conf;
	struct spawn_conf netcfg_conf; /* another user */
	uint64_t name;
	char warning[CTL_CAUSE_MAX];
	bool host_ready; /* bridge and TAP have been set up */
	bool started; /* all children have been ready */
	bool stopping;
	bool failed; /* and that is why it stops */
};
extern struct parent parent;

/* parent.c */
/* Tells the engine about all processes, for who asks to be shown them. */
void parent_send_processes(void);
void parent_send_target(const struct target *target);
/* netcfg has done what it was asked to, or could not. */
void parent_host_ready(void);
void parent_host_failed(void);
/* Ends all children, then the loop. */
void parent_stop(void);

/* Other passwords are accepted than before: status and engine follow. */
void parent_passwords_changed(void);
/* False: nothing changed, error says why. */
bool parent_reload(char *error);

/* engine_requests.c: handlers, and who answers later. */
void parent_handle_dial(void *arg, struct imsg *imsg);
void parent_dialled(
    void *arg, uint32_t dial, int fd, int error, struct endpoint local);
void parent_handle_resolve(void *arg, struct imsg *imsg);
void parent_handle_resolved(void *arg, struct imsg *imsg);
/* Whoever waits for an answer hears that none will come. */
void parent_resolver_gone(void);
void parent_handle_neighbour(void *arg, struct imsg *imsg);
void parent_handle_kx2_start(void *arg, struct imsg *imsg);
void parent_handle_kx2_finish(void *arg, struct imsg *imsg);
void parent_handle_kx2_cancel(void *arg, struct imsg *imsg);
void parent_handle_ipam_save(void *arg, struct imsg *imsg);
void parent_handle_ipam_save_end(void *arg, struct imsg *imsg);
void parent_handle_ipam_damaged(void *arg, struct imsg *imsg);

/* control_requests.c */
/* Ends the request of this id; error "": done. */
void parent_answer_id(uint32_t id, const char *error);
void parent_handle_connect(void *arg, struct imsg *imsg);
void parent_handle_forget(void *arg, struct imsg *imsg);
void parent_handle_log_level(void *arg, struct imsg *imsg);
void parent_handle_reload(void *arg, struct imsg *imsg);
void parent_handle_node_add(void *arg, struct imsg *imsg);
void parent_handle_node_remove(void *arg, struct imsg *imsg);

/* netcfg_requests.c */
void parent_send_netcfg(void);
/* Those who wait for an answer hear that none will come. */
void parent_netcfg_gone(void);
void parent_load_exposed(void);
void parent_handle_ipam_owned(void *arg, struct imsg *imsg);
void parent_handle_expose(void *arg, struct imsg *imsg);
void parent_handle_hide(void *arg, struct imsg *imsg);
void parent_handle_erase(void *arg, struct imsg *imsg);
void parent_handle_netcfg_end(void *arg, struct imsg *imsg);
void parent_handle_netcfg_adopted(void *arg, struct imsg *imsg);
void parent_handle_netcfg_done(void *arg, struct imsg *imsg);
void parent_handle_netcfg_no_ra(void *arg, struct imsg *imsg);

#endif
