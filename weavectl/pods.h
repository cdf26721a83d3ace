/*
 * attach, detach and ps: network namespaces of this host on the bridge, by
 * weavectl itself as root, with addresses of the daemon.
 */
#ifndef WEAVECTL_PODS_H
#define WEAVECTL_PODS_H

#include <stdbool.h>
#include <stdio.h>

#include "common/ctlclient.h"
#include "common/pod.h"

#define PODS_IFNAME "ethwe" /* in the namespace, as with Weave */

/* One line of ps. */
struct pods_row {
	char id[CTL_IP_ID_MAX];
	bool has_mac;
	uint8_t mac[6];
	char ifname[IF_NAMESIZE]; /* empty: not attached */
	char port[IF_NAMESIZE]; /* of the bridge, likewise */
	struct ipnet addresses[POD_ADDRESSES_MAX];
	size_t naddresses;
};

/*
 * [ADDRESS...] NETNS, ended by NULL; addresses as "10.32.0.1/12", "ip:...",
 * "net:10.32.0.0/12", "net:default". What was added or removed goes to out.
 * -1: error says why.
 */
int pods_attach(struct ctlclient *client, char *const *arguments, bool json,
    FILE *out, char error[CTLCLIENT_ERROR_MAX]);
int pods_detach(struct ctlclient *client, char *const *arguments, bool json,
    FILE *out, char error[CTLCLIENT_ERROR_MAX]);
/* ids: only of these, by their first letters; none: all. */
int pods_list(struct ctlclient *client, char *const *ids, bool json, FILE *out,
    char error[CTLCLIENT_ERROR_MAX]);
/* Sorts them, exposed addresses first. */
void pods_print(struct pods_row *rows, size_t n, bool json, FILE *out);

#endif
