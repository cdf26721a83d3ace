/* The rule set of one bridge as text for nft(8): a table of its own. */
#ifndef NETCFG_RULES_H
#define NETCFG_RULES_H

#include <stdbool.h>
#include <stddef.h>

#include "common/ctl.h"
#include "weaved/weaved.h"

#define RULES_TABLE_MAX 32

struct rules {
	char bridge[16];
	const struct ctl_expose *exposed;
	size_t nexposed;
	const struct imsg_local *local;
};

/* Letters, digits, dot, underscore and dash: no other name gets into rules. */
bool rules_name_ok(const char *bridge);
/* "weaved-weave"; returns buf. */
const char *rules_table(const char *bridge, char buf[RULES_TABLE_MAX]);
/*
 * In what nft(8) lists of chains: one of IPv4 in the way of what is forwarded,
 * whose policy is to drop, as "FORWARD of table ip filter". False: none.
 */
bool rules_find_drop(const char *listing, char name[CTL_CAUSE_MAX]);
/*
 * One transaction that puts the whole table in place of what there is of it.
 * To be freed; NULL without memory.
 */
char *rules_format(const struct rules *rules);

#endif
