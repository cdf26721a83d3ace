/*
 * The parent's share of IPAM: it tells the engine the configuration and hands
 * it the file that the engine kept before, and writes the next one. It never
 * looks into the bytes.
 */
#ifndef PARENT_IPAM_H
#define PARENT_IPAM_H

#include "weaved/parent/conf.h"
#include "weaved/parent/state.h"
#include "weaved/spawn.h"

/* A new engine, after its IMSG_CONF_END; nothing while IPAM is off. */
void ipam_start_engine(
    struct spawn *engine, const struct conf *conf, const struct state *state);
/* What the present engine still sends to be kept is not; it will be killed. */
void ipam_discard(void);
/* Messages of the engine; malformed ones end it. */
void ipam_handle_save(struct spawn *engine, const struct imsg *imsg);
void ipam_handle_save_end(struct spawn *engine, const struct state *state);
void ipam_handle_damaged(const struct conf *conf, const struct state *state);

#endif
