/*
 * What the engine asks the parent for: connections, addresses of names, keys.
 */
#include <string.h>

#include "weaved/child.h"
#include "weaved/parent/ipam.h"
#include "weaved/parent/parent_internal.h"

void
parent_handle_dial(void *arg, struct imsg *imsg)
{
	struct imsg_dial message;
	struct endpoint to;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	to.addr = message.addr;
	to.port = message.port;
	dial_start(parent.dialler, message.dial, to,
	    targets_gave(&parent.targets, to.addr), proc_now());
}

void
parent_dialled(
    void *arg, uint32_t dial, int fd, int error, struct endpoint local)
{
	struct imsg_dialled message = {.dial = dial,
	    .error = (uint32_t)error,
	    .local_addr = local.addr,
	    .local_port = local.port};

	(void)arg;
	spawn_send(parent.procs[PROC_ENGINE],
	    fd == -1 ? IMSG_DIAL_FAILED : IMSG_DIALLED, 0, fd, &message,
	    sizeof(message));
}

/*
 * The name comes from our own list, so that the engine can not make the
 * resolver ask for another; one question of each target at a time.
 */
void
parent_handle_resolve(void *arg, struct imsg *imsg)
{
	struct imsg_resolved failed = {0};
	struct imsg_lookup lookup = {0};
	struct imsg_target_id message;
	struct target *target;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	target = targets_find_id(&parent.targets, message.target);
	if (target == NULL || target->resolving)
		return;
	if (spawn_pipe(parent.procs[PROC_RESOLVER]) == NULL) {
		failed.target = target->id;
		strlcpy(
		    failed.error, "resolver not running", sizeof(failed.error));
		spawn_send(parent.procs[PROC_ENGINE], IMSG_RESOLVED, 0, -1,
		    &failed, sizeof(failed));
		return;
	}
	target->resolving = true;
	lookup.target = target->id;
	strlcpy(lookup.host, target->text, sizeof(lookup.host));
	lookup.host[strcspn(lookup.host, ":")] = '\0';
	spawn_send(parent.procs[PROC_RESOLVER], IMSG_LOOKUP, 0, -1, &lookup,
	    sizeof(lookup));
}

void
parent_resolver_gone(void)
{
	struct imsg_resolved failed = {0};
	struct target *target;

	strlcpy(failed.error, "resolver ended", sizeof(failed.error));
	TAILQ_FOREACH(target, &parent.targets, entry) {
		if (!target->resolving)
			continue;
		target->resolving = false;
		failed.target = target->id;
		spawn_send(parent.procs[PROC_ENGINE], IMSG_RESOLVED, 0, -1,
		    &failed, sizeof(failed));
	}
}

void
parent_handle_resolved(void *arg, struct imsg *imsg)
{
	struct imsg_resolved message;
	struct target *target;

	memcpy(&message, imsg->data, sizeof(message));
	if (message.naddrs > TARGETS_ADDRS_MAX) {
		spawn_distrust(arg);
		return;
	}
	target = targets_find_id(&parent.targets, message.target);
	if (target == NULL)
		return;
	target->resolving = false;
	if (message.naddrs > 0)
		targets_set_addrs(target, message.addrs, message.naddrs);
	message.error[sizeof(message.error) - 1] = '\0';
	spawn_send(parent.procs[PROC_ENGINE], IMSG_RESOLVED, 0, -1, &message,
	    sizeof(message));
}

void
parent_handle_neighbour(void *arg, struct imsg *imsg)
{
	struct imsg_neighbour message;
	size_t i;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	for (i = 0; i < parent.nneighbours; i++)
		if (parent.neighbours[i].addr == message.addr &&
		    parent.neighbours[i].port == message.port)
			break;
	if (message.up && i == parent.nneighbours && i < NEIGHBOURS_MAX)
		parent.neighbours[parent.nneighbours++] = message;
	if (!message.up && i < parent.nneighbours)
		parent.neighbours[i] = parent.neighbours[--parent.nneighbours];
}

void
parent_handle_kx2_start(void *arg, struct imsg *imsg)
{
	struct imsg_kx2_started answer = {0};
	struct imsg_kx2_start message;
	const char *error;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	answer.conn = message.conn;
	error = keys_start(parent.keys, proc_now(), message.outbound != 0,
	    &answer.handle, answer.key);
	if (error != NULL)
		strlcpy(answer.error, error, sizeof(answer.error));
	spawn_send(parent.procs[PROC_ENGINE], IMSG_KX2_STARTED, 0, -1, &answer,
	    sizeof(answer));
}

void
parent_handle_kx2_finish(void *arg, struct imsg *imsg)
{
	struct imsg_kx2_finished answer = {0};
	struct imsg_kx2_finish message;
	struct keys_peer peer = {0};
	const char *error;

	memcpy(&message, imsg->data, sizeof(message));
	if (message.frame_len > sizeof(message.frame)) {
		spawn_distrust(arg);
		return;
	}
	peer.key = message.key;
	peer.outbound = message.outbound;
	peer.frame = message.has_frame ? message.frame : NULL;
	peer.frame_len = message.frame_len;
	answer.conn = message.conn;
	error = keys_finish(parent.keys, proc_now(), message.handle, &peer,
	    answer.key, &answer.serial);
	if (error != NULL)
		strlcpy(answer.error, error, sizeof(answer.error));
	spawn_send(parent.procs[PROC_ENGINE], IMSG_KX2_FINISHED, 0, -1, &answer,
	    sizeof(answer));
	explicit_bzero(&answer, sizeof(answer));
}

void
parent_handle_kx2_cancel(void *arg, struct imsg *imsg)
{
	struct imsg_kx2_cancel message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	keys_cancel(parent.keys, message.handle);
}

void
parent_handle_ipam_save(void *arg, struct imsg *imsg)
{
	ipam_handle_save(arg, imsg);
}

void
parent_handle_ipam_save_end(void *arg, struct imsg *imsg)
{
	(void)imsg;
	ipam_handle_save_end(arg, parent.state);
}

void
parent_handle_ipam_damaged(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	ipam_handle_damaged(parent.conf, parent.state);
}
