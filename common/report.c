#include <stdlib.h>
#include <string.h>

#include "common/report.h"

static bool rows_add(struct rows *, const void *, size_t);
static int compare_addresses(const void *, const void *);
static int compare_connections(const void *, const void *);
static int compare_routes(const void *, const void *);
static int compare_macs(const void *, const void *);
static int compare_counters(const void *, const void *);
static int compare_numbers(uint64_t, uint64_t);

static bool
rows_add(struct rows *rows, const void *row, size_t len)
{
	if (rows->count == rows->room) {
		size_t room = rows->room == 0 ? 16 : rows->room * 2;
		void *data = reallocarray(rows->data, room, len);

		if (data == NULL)
			return false;
		rows->data = data;
		rows->room = room;
	}
	memcpy((char *)rows->data + rows->count++ * len, row, len);
	return true;
}

const char *
report_add(struct report *report, uint32_t type, const void *row, size_t len)
{
	const struct rows *connections = &report->rows[CTL_PEER_CONNECTION];

	report->bytes += len;
	if (report->bytes > REPORT_BYTES_MAX)
		return "the answer is too long";
	if (type == CTL_STATUS) {
		memcpy(&report->status, row, len);
		report->has_status = true;
		return NULL;
	}
	if (type == CTL_PEER_CONNECTION && report->first.count == 0)
		return "the answer is malformed";
	if (type == CTL_PEER &&
	    !rows_add(&report->first, &connections->count,
		sizeof(connections->count)))
		return "no memory";
	return rows_add(&report->rows[type], row, len) ? NULL : "no memory";
}

const void *
report_rows(const struct report *report, uint32_t type, size_t *count)
{
	*count = report->rows[type].count;
	return report->rows[type].data;
}

const struct ctl_peer_connection *
report_peer_connections(const struct report *report, size_t peer, size_t *count)
{
	const struct rows *rows = &report->rows[CTL_PEER_CONNECTION];
	const size_t *first = report->first.data;
	size_t end =
	    peer + 1 < report->first.count ? first[peer + 1] : rows->count;

	*count = end - first[peer];
	if (*count == 0)
		return NULL;
	return (const struct ctl_peer_connection *)rows->data + first[peer];
}

static int
compare_numbers(uint64_t a, uint64_t b)
{
	return a < b ? -1 : a > b;
}

static int
compare_connections(const void *left, const void *right)
{
	const struct ctl_connection *a = left, *b = right;

	if (a->state != b->state)
		return compare_numbers(a->state, b->state);
	return strcmp(a->address, b->address);
}

static int
compare_routes(const void *left, const void *right)
{
	const struct ctl_route *a = left, *b = right;

	if (a->kind != b->kind)
		return compare_numbers(a->kind, b->kind);
	if (a->peer != b->peer)
		return compare_numbers(a->peer, b->peer);
	return compare_numbers(a->via, b->via);
}

static int
compare_macs(const void *left, const void *right)
{
	const struct ctl_mac *a = left, *b = right;

	return memcmp(a->mac, b->mac, sizeof(a->mac));
}

static int
compare_counters(const void *left, const void *right)
{
	const struct ctl_counter *a = left, *b = right;

	return strcmp(a->name, b->name);
}

static int
compare_addresses(const void *left, const void *right)
{
	const struct ctl_address *a = left, *b = right;

	return compare_numbers(a->addr, b->addr);
}

void
report_sort(struct report *report)
{
	static const struct {
		uint32_t type;
		size_t size;
		int (*compare)(const void *, const void *);
	} sorts[] = {
	    {CTL_CONNECTION, sizeof(struct ctl_connection),
		compare_connections},
	    {CTL_ROUTE, sizeof(struct ctl_route), compare_routes},
	    {CTL_MAC, sizeof(struct ctl_mac), compare_macs},
	    {CTL_ADDRESS, sizeof(struct ctl_address), compare_addresses},
	    {CTL_COUNTER, sizeof(struct ctl_counter), compare_counters},
	};

	for (size_t i = 0; i < sizeof(sorts) / sizeof(sorts[0]); i++) {
		struct rows *rows = &report->rows[sorts[i].type];

		if (rows->count > 1)
			qsort(rows->data, rows->count, sorts[i].size,
			    sorts[i].compare);
	}
}

void
report_keep_addresses(struct report *report, const char *id)
{
	struct rows *rows = &report->rows[CTL_ADDRESS];
	struct ctl_address *list = rows->data;
	size_t kept = 0;

	for (size_t i = 0; i < rows->count; i++)
		if (strcmp(list[i].id, id) == 0)
			list[kept++] = list[i];
	rows->count = kept;
}

void
report_free(struct report *report)
{
	for (size_t i = 0; i < CTL_TYPE_MAX; i++)
		free(report->rows[i].data);
	free(report->first.data);
	memset(report, 0, sizeof(*report));
}
