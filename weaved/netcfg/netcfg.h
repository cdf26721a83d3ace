/*
 * The process netcfg: bridge, ports, addresses and firewall rules of the
 * host. It has CAP_NET_ADMIN and netlink sockets, and nothing else.
 */
#ifndef NETCFG_H
#define NETCFG_H

void netcfg_main(void) __attribute__((noreturn));

#endif
