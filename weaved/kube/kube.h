/*
 * The process kube: what the API server of Kubernetes says of the cluster's
 * nodes, as targets, and what it keeps of the peers, for IPAM. Nobody else
 * reads a byte of that server.
 */
#ifndef KUBE_KUBE_H
#define KUBE_KUBE_H

void kube_main(void) __attribute__((noreturn));

#endif
