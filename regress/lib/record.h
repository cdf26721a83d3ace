/*
 * Packets on their way to a host's weaved: recorded at the host's port in the
 * underlay, and sent there once more, as they were or changed.
 */
#ifndef REGRESS_RECORD_H
#define REGRESS_RECORD_H

#include <stddef.h>
#include <stdint.h>

#include "regress/lib/net.h"

#define RECORD_PACKETS_MAX 4096
#define RECORD_HEADERS 42 /* Ethernet, IPv4, UDP */

struct record_packet {
	size_t len;
	uint8_t *bytes; /* from the Ethernet header on */
};

struct record {
	struct host *host;
	int s;
	size_t count;
	struct record_packet packets[RECORD_PACKETS_MAX];
};

/* Begins to record UDP to the mesh port; */
struct record *record_new(struct host *host);
/*
 * Takes what has come so far; returns the number of packets held. They go
 * without UDP checksum: on the way it was not yet computed.
 */
size_t record_collect(struct record *record);
/* Sends these bytes out of the port, to the host. */
void record_send(struct record *record, const uint8_t *bytes, size_t len);
void record_free(struct record *record);

#endif
