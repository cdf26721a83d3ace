/*
 * Rows of control as Prometheus' text format 0.0.4. Weave Net's metrics with
 * their names, labels and help; what it never had begins with weaved_.
 */
#ifndef HTTP_METRICS_H
#define HTTP_METRICS_H

#include <stdio.h>

#include "common/report.h"

#define METRICS_PEERS_MAX 1024 /* with series of their own */
#define METRICS_LABEL_MAX 128 /* bytes of a value before escaping */

/* report is sorted and has its status. Every family is there, always. */
void metrics_print(const struct report *report, FILE *out);

#endif
