/*
 * Rotation over the mesh within the parent (hardened-protocol 7): one machine
 * of rotate_mesh.h for each password, between passwords.h, the sessions and
 * control.
 */
#ifndef PARENT_MESH_ROTATION_H
#define PARENT_MESH_ROTATION_H

#include "common/imsg.h"
#include "weaved/parent/passwords.h"

/* After passwords_start(), with parent.base there. */
void mesh_rotation_start(void);
void mesh_rotation_free(void);
/* mesh-rotation of the configuration, now and at each reload. */
void mesh_rotation_configure(void);
/* Of a new engine nothing is known yet; a new control waits for nothing. */
void mesh_rotation_start_engine(void);
void mesh_rotation_start_control(void);
/* request is answered when it is through. message: mesh is set. */
void mesh_rotation_handle(uint32_t request, const struct ctl_rotate *message);

/* Dispatch entries of the engine. */
void mesh_rotation_handle_peer(void *arg, struct imsg *imsg);
void mesh_rotation_handle_peers_end(void *arg, struct imsg *imsg);

#endif
