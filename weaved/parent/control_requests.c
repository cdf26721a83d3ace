/*
 * What clients of the control socket ask the parent for.
 */
#include <string.h>

#include "common/log.h"
#include "weaved/parent/parent_internal.h"

static void parent_answer(const struct imsg *, const char *);
static bool parent_copy_target(const struct imsg *, char *, char *);
static void parent_save_targets(void);

void
parent_answer_id(uint32_t id, const char *error)
{
	struct ctl_end end = {0};

	if (error[0] != '\0') {
		end.status = 1;
		strlcpy(end.text, error, sizeof(end.text));
	}
	spawn_send(
	    parent.procs[PROC_CONTROL], IMSG_END, id, -1, &end, sizeof(end));
}

static void
parent_answer(const struct imsg *imsg, const char *error)
{
	parent_answer_id(imsg->hdr.id, error);
}

static bool
parent_copy_target(const struct imsg *imsg, char *text, char *error)
{
	struct ctl_target message;

	memcpy(&message, imsg->data, sizeof(message));
	message.address[sizeof(message.address) - 1] = '\0';
	strlcpy(text, message.address, CTL_TEXT_MAX);
	return conf_check_peer(text, error);
}

static void
parent_save_targets(void)
{
	const char *texts[CONF_PEERS_MAX];
	struct target *target;
	size_t n = 0;

	TAILQ_FOREACH(target, &parent.targets, entry)
		if (target->added && n < CONF_PEERS_MAX)
			texts[n++] = target->text;
	if (state_save_targets(parent.state, texts, n) == -1)
		log_warn_errno("cannot keep the targets");
}

/* Asking again for a target that is there makes it be tried at once. */
void
parent_handle_connect(void *arg, struct imsg *imsg)
{
	char text[CTL_TEXT_MAX], error[CONF_ERROR_MAX] = "";
	struct imsg_target_id old;
	struct target *target;

	(void)arg;
	if (!parent_copy_target(imsg, text, error)) {
		parent_answer(imsg, error);
		return;
	}
	target = targets_find(&parent.targets, text);
	if (target != NULL) {
		old.target = target->id;
		spawn_send(parent.procs[PROC_ENGINE], IMSG_TARGET_REMOVE, 0, -1,
		    &old, sizeof(old));
	} else if ((target = targets_add(&parent.targets, text)) == NULL) {
		parent_answer(imsg, "too many targets");
		return;
	}
	target->added = true;
	parent_send_target(target);
	parent_save_targets();
	parent_answer(imsg, "");
}

void
parent_handle_forget(void *arg, struct imsg *imsg)
{
	char text[CTL_TEXT_MAX], error[CONF_ERROR_MAX] = "";
	struct imsg_target_id message;
	struct target *target;

	(void)arg;
	if (!parent_copy_target(imsg, text, error)) {
		parent_answer(imsg, error);
		return;
	}
	if ((target = targets_find(&parent.targets, text)) == NULL) {
		snprintf(error, sizeof(error), "%s is no target", text);
		parent_answer(imsg, error);
		return;
	}
	message.target = target->id;
	spawn_send(parent.procs[PROC_ENGINE], IMSG_TARGET_REMOVE, 0, -1,
	    &message, sizeof(message));
	targets_remove(&parent.targets, target);
	parent_save_targets();
	parent_answer(imsg, "");
}

/* The API server names addresses, no more, and none that others may not. */
void
parent_handle_node_add(void *arg, struct imsg *imsg)
{
	char text[CTL_TEXT_MAX], error[CONF_ERROR_MAX] = "";
	struct target *target;
	uint32_t addr;

	(void)arg;
	if (!parent_copy_target(imsg, text, error) ||
	    !ipv4_parse(text, &addr) || !dial_allowed(addr)) {
		parent_answer(imsg, "no address that a node can have");
		return;
	}
	if ((target = targets_find(&parent.targets, text)) == NULL) {
		if ((target = targets_add(&parent.targets, text)) == NULL) {
			parent_answer(imsg, "too many targets");
			return;
		}
		parent_send_target(target);
	}
	target->discovered = true;
	parent_answer(imsg, "");
}

/* What the operator gave as well stays. */
void
parent_handle_node_remove(void *arg, struct imsg *imsg)
{
	char text[CTL_TEXT_MAX], error[CONF_ERROR_MAX];
	struct imsg_target_id message;
	struct target *target;

	(void)arg;
	if (parent_copy_target(imsg, text, error) &&
	    (target = targets_find(&parent.targets, text)) != NULL &&
	    target->discovered) {
		target->discovered = false;
		if (!target->configured && !target->added) {
			message.target = target->id;
			spawn_send(parent.procs[PROC_ENGINE],
			    IMSG_TARGET_REMOVE, 0, -1, &message,
			    sizeof(message));
			targets_remove(&parent.targets, target);
		}
	}
	parent_answer(imsg, "");
}

void
parent_handle_log_level(void *arg, struct imsg *imsg)
{
	struct ctl_log_level message;
	struct imsg_log_level level;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (message.level > LOGLEVEL_ERROR) {
		parent_answer(imsg, "no such log level");
		return;
	}
	level.level = message.level;
	log_set_level((enum log_level)message.level);
	for (int i = PROC_ENGINE; i < PROC_MAX; i++)
		spawn_send(parent.procs[i], IMSG_LOG_LEVEL, 0, -1, &level,
		    sizeof(level));
	parent_answer(imsg, "");
}

void
parent_handle_reload(void *arg, struct imsg *imsg)
{
	char error[CONF_ERROR_MAX] = "";

	(void)arg;
	parent_reload(error);
	parent_answer(imsg, error);
}
