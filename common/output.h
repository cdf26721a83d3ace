/* Forms of output: each prints every view of a report. */
#ifndef COMMON_OUTPUT_H
#define COMMON_OUTPUT_H

#include <stdio.h>

#include "common/report.h"

enum output_view {
	OUTPUT_NOTHING,
	OUTPUT_STATUS,
	OUTPUT_CONNECTIONS,
	OUTPUT_PEERS,
	OUTPUT_TARGETS,
	OUTPUT_REPORT,
	OUTPUT_IPAM,
	OUTPUT_ADDRESSES,
	OUTPUT_BENCH,
	OUTPUT_KEYS,
	OUTPUT_ROTATION,
	OUTPUT_DOCTOR, /* printed by weavectl alone */
	OUTPUT_VIEWS
};

/* report is sorted; errors of out are left for ferror(3). */
struct output {
	void (*print[OUTPUT_VIEWS])(const struct report *report, FILE *out);
};

extern const struct output output_text;
extern const struct output output_json;

#endif
