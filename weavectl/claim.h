/*
 * The addresses of pods that run already, from what the container runtime
 * keeps of its plugins' results: claimed before IPAM gives them to others.
 */
#ifndef WEAVECTL_CLAIM_H
#define WEAVECTL_CLAIM_H

#include <stdbool.h>
#include <stdio.h>

#include "common/ctlclient.h"

#define CLAIM_DIRECTORY "/var/lib/cni/results"

/*
 * Claims, and names on out, every address of IPAM's range that the files of
 * this directory tell of. Files that are no results are passed over. -1: error
 * says why; of several claims that were refused it says the last.
 */
int claim_running(struct ctlclient *link, const char *directory, FILE *out,
    char error[CTLCLIENT_ERROR_MAX]);

#endif
