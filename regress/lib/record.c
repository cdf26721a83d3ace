#include <sys/socket.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/record.h"
#include "regress/lib/traffic.h"

static bool record_wanted(const uint8_t *, size_t);

struct record *
record_new(struct host *host)
{
	struct sockaddr_ll sll = {
	    .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
	struct net *net = host->net;
	struct record *record;
	int size = 32 << 20;

	ATF_REQUIRE((record = calloc(1, sizeof(*record))) != NULL);
	record->host = host;
	record->s = traffic_socket(net, net->underlay, AF_PACKET, SOCK_RAW, 0);
	net_enter(net->underlay);
	sll.sll_ifindex = (int)if_nametoindex(host->port);
	net_leave(net);
	setsockopt(record->s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ATF_REQUIRE(bind(record->s, (struct sockaddr *)&sll, sizeof(sll)) == 0);
	return record;
}

/* A whole UDP datagram to the port of the mesh. */
static bool
record_wanted(const uint8_t *packet, size_t len)
{
	return len > RECORD_HEADERS && packet[12] == 8 && packet[13] == 0 &&
	    packet[14] == 0x45 && packet[23] == IPPROTO_UDP &&
	    (packet[20] & 0x3f) == 0 && packet[21] == 0 &&
	    (packet[36] << 8 | packet[37]) == NET_PORT;
}

size_t
record_collect(struct record *record)
{
	struct sockaddr_ll from;
	socklen_t fromlen = sizeof(from);
	static uint8_t buf[65536];
	struct record_packet *packet;
	ssize_t n;

	while ((n = recvfrom(record->s, buf, sizeof(buf), MSG_DONTWAIT,
		    (struct sockaddr *)&from, &fromlen)) > 0) {
		if (from.sll_pkttype != PACKET_OUTGOING ||
		    record->count == RECORD_PACKETS_MAX ||
		    !record_wanted(buf, (size_t)n))
			continue;
		packet = &record->packets[record->count++];
		ATF_REQUIRE((packet->bytes = malloc((size_t)n)) != NULL);
		memcpy(packet->bytes, buf, (size_t)n);
		packet->bytes[40] = packet->bytes[41] = 0;
		packet->len = (size_t)n;
	}
	return record->count;
}

void
record_send(struct record *record, const uint8_t *bytes, size_t len)
{
	while (send(record->s, bytes, len, 0) == -1)
		ATF_REQUIRE_MSG(errno == ENOBUFS || errno == EINTR, "send: %s",
		    strerror(errno));
}

void
record_free(struct record *record)
{
	size_t i;

	for (i = 0; i < record->count; i++)
		free(record->packets[i].bytes);
	close(record->s);
	free(record);
}
