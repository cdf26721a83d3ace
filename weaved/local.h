/*
 * The ranges of addresses that this peer owns, as engine, parent and netcfg
 * tell each other.
 */
#ifndef WEAVED_LOCAL_H
#define WEAVED_LOCAL_H

#include <stdbool.h>

#include "weaved/weaved.h"

/* Ascending, disjoint, none of them empty, and no more than there can be? */
bool local_ranges_ok(const struct imsg_local *local);

#endif
