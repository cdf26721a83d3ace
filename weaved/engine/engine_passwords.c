/*
 * Which passwords are accepted, by their serials: the engine knows no more.
 */
#include <string.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/engine/engine_internal.h"

void
engine_handle_passwords(void *arg, struct imsg *imsg)
{
	struct mesh_passwords passwords;
	struct imsg_passwords message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("passwords before the configuration");
	memcpy(passwords.version2, message.version2, sizeof(message.version2));
	memcpy(passwords.version3, message.version3, sizeof(message.version3));
	mesh_set_passwords(engine.mesh, &passwords);
}

void
engine_handle_password_gone(void *arg, struct imsg *imsg)
{
	struct imsg_password_gone message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (engine.mesh == NULL)
		fatalx("passwords before the configuration");
	mesh_password_gone(engine.mesh, message.serial);
	engine_tick();
}
