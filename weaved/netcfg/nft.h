/*
 * Rule sets in the kernel, by libnftables: each in one transaction. Somebody
 * else's change of our table is noticed.
 */
#ifndef NETCFG_NFT_H
#define NETCFG_NFT_H

#include <stdbool.h>

#include "common/ctl.h"
#include "weaved/netcfg/rules.h"

/*
 * Opens sockets and reads files, which the sandbox forbids later. False: this
 * kernel has no nftables, and all that follows says so.
 */
bool nft_open(void);
/* Readable when somebody changed rules. */
int nft_fd(void);
/* Reads what came by nft_fd(): did others change this table? */
bool nft_disturbed(const char *table);

/* False: all is as it was, error says why. */
bool nft_apply(const struct rules *rules, char error[CTL_CAUSE_MAX]);
/* See rules_find_drop(). */
bool nft_find_drop(char name[CTL_CAUSE_MAX]);
/* Done also if there is no such table. */
bool nft_remove(const char *bridge, char error[CTL_CAUSE_MAX]);

#endif
