#include <sys/socket.h>

#include <arpa/inet.h>
#include <net/ethernet.h>
#include <netinet/if_ether.h>
#include <netpacket/packet.h>
#include <string.h>
#include <unistd.h>

#include "common/garp.h"
#include "common/netlink.h"

void
garp_send(int ns, const struct netlink_link *link, const struct ipnet *address)
{
	struct ether_arp arp = {.ea_hdr = {.ar_hrd = htons(ARPHRD_ETHER),
				    .ar_pro = htons(ETHERTYPE_IP),
				    .ar_hln = ETH_ALEN,
				    .ar_pln = 4,
				    .ar_op = htons(ARPOP_REQUEST)}};
	struct sockaddr_ll to = {.sll_family = AF_PACKET,
	    .sll_protocol = htons(ETHERTYPE_ARP),
	    .sll_ifindex = link->index,
	    .sll_halen = ETH_ALEN};
	int fd;

	if (address->family != AF_INET ||
	    (fd = netlink_socket(ns, AF_PACKET, SOCK_DGRAM)) == -1)
		return;
	memcpy(arp.arp_sha, link->mac, ETH_ALEN);
	memcpy(arp.arp_spa, address->bytes, sizeof(arp.arp_spa));
	memcpy(arp.arp_tpa, address->bytes, sizeof(arp.arp_tpa));
	memset(to.sll_addr, 0xff, ETH_ALEN);
	sendto(
	    fd, &arp, sizeof(arp), 0, (const struct sockaddr *)&to, sizeof(to));
	close(fd);
}
