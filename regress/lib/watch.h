/*
 * A process that reads every packet on every port of the underlay and looks
 * for the payload of pods, which all begin with, and repeat, WATCH_MARKER.
 */
#ifndef REGRESS_WATCH_H
#define REGRESS_WATCH_H

#include <stddef.h>
#include <stdint.h>

#include "regress/lib/net.h"

#define WATCH_MARKER "[pod payload!!]\n"
#define WATCH_MARKER_LEN 16

struct watch_result {
	uint64_t packets;
	uint64_t clear; /* with the marker */
	char first[96]; /* what the first of them was */
};

struct watch *watch_start(struct net *net);
struct watch_result watch_result(const struct watch *watch);
void watch_stop(struct watch *watch);
/* Fills buf with the marker over and over. */
void watch_fill(void *buf, size_t len);

#endif
