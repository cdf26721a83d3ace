#include <string.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/engine/engine_internal.h"

static void send_peer(void *, uint64_t, uint32_t);

void
engine_handle_kx2_started(void *arg, struct imsg *imsg)
{
	struct imsg_kx2_started message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.error[sizeof(message.error) - 1] = '\0';
	if (engine.mesh == NULL)
		fatalx("key exchange before the configuration");
	mesh_kx_started(engine.mesh, message.conn, message.handle, message.key,
	    message.error[0] == '\0' ? NULL : message.error, proc_now());
	engine_tick();
}

void
engine_handle_kx2_finished(void *arg, struct imsg *imsg)
{
	struct imsg_kx2_finished message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.error[sizeof(message.error) - 1] = '\0';
	if (engine.mesh == NULL)
		fatalx("key exchange before the configuration");
	mesh_kx_finished(engine.mesh, message.conn, message.key, message.serial,
	    message.error[0] == '\0' ? NULL : message.error, proc_now());
	explicit_bzero(&message, sizeof(message));
	engine_tick();
}

void
engine_handle_kx3_started(void *arg, struct imsg *imsg)
{
	struct imsg_kx3_started message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("key exchange before the configuration");
	mesh_kx3_started(engine.mesh, &message, proc_now());
	engine_tick();
}

void
engine_handle_kx3_finished(void *arg, struct imsg *imsg)
{
	struct imsg_kx3_finished message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("key exchange before the configuration");
	mesh_kx3_finished(engine.mesh, &message, proc_now());
	explicit_bzero(&message, sizeof(message));
	engine_tick();
}

void
engine_handle_reauth_started(void *arg, struct imsg *imsg)
{
	struct imsg_reauth_started message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("key exchange before the configuration");
	mesh_reauth_started(engine.mesh, &message, proc_now());
	engine_tick();
}

void
engine_handle_reauth_finished(void *arg, struct imsg *imsg)
{
	struct imsg_reauth_finished message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("key exchange before the configuration");
	mesh_reauth_finished(engine.mesh, &message, proc_now());
	explicit_bzero(&message, sizeof(message));
	engine_tick();
}

static void
send_peer(void *arg, uint64_t name, uint32_t version)
{
	struct imsg_peer message = {.name = name, .version = version};

	(void)arg;
	child_send(IMSG_PEER, 0, &message, sizeof(message));
}

void
engine_handle_peers(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	if (engine.mesh != NULL)
		mesh_each_peer(engine.mesh, send_peer, NULL);
	child_send(IMSG_PEERS_END, 0, NULL, 0);
}

void
engine_handle_reauth_all(void *arg, struct imsg *imsg)
{
	(void)arg;
	(void)imsg;
	if (engine.mesh == NULL)
		fatalx("key exchange before the configuration");
	mesh_reauth_all(engine.mesh, proc_now());
	engine_tick();
}

void
engine_handle_parent_message(void *arg, struct imsg *imsg)
{
	struct imsg_parent_message message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL || message.len > sizeof(message.bytes))
		fatalx("message for a peer refused");
	mesh_parent_send(
	    engine.mesh, message.session, message.bytes, message.len);
	engine_tick();
}

void
engine_op_kx_start(void *arg, uint32_t conn, bool outbound)
{
	struct imsg_kx2_start message = {.conn = conn, .outbound = outbound};

	(void)arg;
	child_send(IMSG_KX2_START, 0, &message, sizeof(message));
}

void
engine_op_kx_finish(void *arg, uint32_t conn, uint32_t handle,
    const uint8_t key[MESH_KEY_LEN], bool outbound, const uint8_t *frame,
    size_t len)
{
	struct imsg_kx2_finish message = {
	    .conn = conn, .handle = handle, .outbound = outbound};

	(void)arg;
	memcpy(message.key, key, sizeof(message.key));
	if (frame != NULL && len <= sizeof(message.frame)) {
		message.has_frame = 1;
		message.frame_len = (uint16_t)len;
		memcpy(message.frame, frame, len);
	}
	child_send(IMSG_KX2_FINISH, 0, &message, sizeof(message));
}

void
engine_op_kx_cancel(void *arg, uint32_t conn, uint32_t handle)
{
	struct imsg_kx2_cancel message = {.handle = handle};

	(void)arg;
	(void)conn;
	child_send(IMSG_KX2_CANCEL, 0, &message, sizeof(message));
}

void
engine_op_kx3_start(void *arg, const struct imsg_kx3_start *start)
{
	(void)arg;
	child_send(IMSG_KX3_START, 0, start, sizeof(*start));
}

void
engine_op_kx3_finish(void *arg, const struct imsg_kx3_finish *finish)
{
	(void)arg;
	child_send(IMSG_KX3_FINISH, 0, finish, sizeof(*finish));
}

void
engine_op_kx3_cancel(void *arg, uint32_t handle)
{
	struct imsg_kx3_cancel message = {handle};

	(void)arg;
	child_send(IMSG_KX3_CANCEL, 0, &message, sizeof(message));
}

void
engine_op_reauth_start(void *arg, const struct imsg_reauth_start *start)
{
	(void)arg;
	child_send(IMSG_REAUTH_START, 0, start, sizeof(*start));
}

void
engine_op_reauth_finish(void *arg, const struct imsg_kx3_finish *finish)
{
	(void)arg;
	child_send(IMSG_REAUTH_FINISH, 0, finish, sizeof(*finish));
}

void
engine_op_reauth_verdict(void *arg, const struct imsg_reauth_verdict *verdict)
{
	(void)arg;
	child_send(IMSG_REAUTH_VERDICT, 0, verdict, sizeof(*verdict));
}

void
engine_op_session(void *arg, uint32_t session, bool up)
{
	struct imsg_session message = {session};

	(void)arg;
	child_send(up ? IMSG_SESSION_UP : IMSG_SESSION_END, 0, &message,
	    sizeof(message));
}

void
engine_op_parent_message(
    void *arg, uint32_t session, const uint8_t *bytes, size_t len)
{
	struct imsg_parent_message message = {
	    .session = session, .len = (uint32_t)len};

	(void)arg;
	memcpy(message.bytes, bytes, len);
	child_send(IMSG_PARENT_MESSAGE, 0, &message, sizeof(message));
}
