/* Rows of an answer, kept until all have come. */
#ifndef COMMON_REPORT_H
#define COMMON_REPORT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/ctl.h"

#define REPORT_BYTES_MAX ((size_t)64 << 20)

/* One kind of row: count structures of that kind, one after another. */
struct rows {
	void *data;
	size_t count;
	size_t room; /* for how many there is memory */
};

struct report {
	time_t now; /* to print ages as times */
	bool has_status;
	struct ctl_status status;
	struct rows rows[CTL_TYPE_MAX]; /* by enum ctl_type */
	/* index of the first CTL_PEER_CONNECTION, size_t, of each CTL_PEER */
	struct rows first;
	size_t bytes;
};

/*
 * Adds a row that ctl_valid() accepted. NULL, or why not: rows of peers out
 * of order, too many bytes, no memory.
 */
const char *report_add(
    struct report *report, uint32_t type, const void *row, size_t len);
/* Connections by state and address, MACs, routes and counters by name. */
void report_sort(struct report *report);
/* The connections that the i-th peer reported. */
const struct ctl_peer_connection *report_peer_connections(
    const struct report *report, size_t peer, size_t *count);
/* Drops the addresses of other owners. */
void report_keep_addresses(struct report *report, const char *id);
void report_free(struct report *report);

#define REPORT_ROWS(report, type, structure, count) \
	((const struct structure *)report_rows((report), (type), (count)))
const void *report_rows(
    const struct report *report, uint32_t type, size_t *count);

#endif
