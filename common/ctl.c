#include <string.h>

#include "common/ctl.h"

#define STRINGS_MAX 8

struct ctl_string {
	size_t offset;
	size_t size;
};

struct ctl_format {
	size_t len;
	struct ctl_string strings[STRINGS_MAX]; /* ends with size 0 */
};

#define STRING(type, field)                           \
	{                                             \
		offsetof(struct type, field),         \
		    sizeof(((struct type *)0)->field) \
	}

static const struct ctl_format formats[CTL_TYPE_MAX] = {
    [CTL_HELLO] = {sizeof(struct ctl_hello), {STRING(ctl_hello, software)}},
    [CTL_SHOW] = {sizeof(struct ctl_show), {{0, 0}}},
    [CTL_CONNECT] = {sizeof(struct ctl_target), {STRING(ctl_target, address)}},
    [CTL_FORGET] = {sizeof(struct ctl_target), {STRING(ctl_target, address)}},
    [CTL_RELOAD] = {0, {{0, 0}}},
    [CTL_LOG_LEVEL] = {sizeof(struct ctl_log_level), {{0, 0}}},
    [CTL_IP_ALLOCATE] = {sizeof(struct ctl_ip), {STRING(ctl_ip, id)}},
    [CTL_IP_CLAIM] = {sizeof(struct ctl_ip), {STRING(ctl_ip, id)}},
    [CTL_IP_RELEASE] = {sizeof(struct ctl_ip), {STRING(ctl_ip, id)}},
    [CTL_RMPEER] = {sizeof(struct ctl_target), {STRING(ctl_target, address)}},
    [CTL_RESET] = {0, {{0, 0}}},
    [CTL_BENCH] = {sizeof(struct ctl_bench), {STRING(ctl_bench, peer)}},
    [CTL_EXPOSE] = {sizeof(struct ctl_expose), {{0, 0}}},
    [CTL_HIDE] = {sizeof(struct ctl_expose), {{0, 0}}},
    [CTL_END] = {sizeof(struct ctl_end), {STRING(ctl_end, text)}},
    [CTL_STATUS] = {sizeof(struct ctl_status),
	{STRING(ctl_status, version), STRING(ctl_status, protocol),
	    STRING(ctl_status, nickname), STRING(ctl_status, bridge),
	    STRING(ctl_status, tap), STRING(ctl_status, offloads),
	    STRING(ctl_status, password_source), STRING(ctl_status, warning)}},
    [CTL_PROCESS] = {sizeof(struct ctl_process),
	{STRING(ctl_process, name), STRING(ctl_process, sandbox)}},
    [CTL_SUBNET] = {sizeof(struct ctl_subnet), {{0, 0}}},
    [CTL_CONNECTION] = {sizeof(struct ctl_connection),
	{STRING(ctl_connection, address), STRING(ctl_connection, nickname),
	    STRING(ctl_connection, overlay), STRING(ctl_connection, cause),
	    STRING(ctl_connection, cipher), STRING(ctl_connection, exchange)}},
    [CTL_PEER] = {sizeof(struct ctl_peer), {STRING(ctl_peer, nickname)}},
    [CTL_PEER_CONNECTION] = {sizeof(struct ctl_peer_connection),
	{STRING(ctl_peer_connection, nickname),
	    STRING(ctl_peer_connection, address)}},
    [CTL_TARGET] = {sizeof(struct ctl_target), {STRING(ctl_target, address)}},
    [CTL_ROUTE] = {sizeof(struct ctl_route), {{0, 0}}},
    [CTL_MAC] = {sizeof(struct ctl_mac), {{0, 0}}},
    [CTL_COUNTER] = {sizeof(struct ctl_counter), {STRING(ctl_counter, name)}},
    [CTL_IPAM] = {sizeof(struct ctl_ipam), {STRING(ctl_ipam, save_error)}},
    [CTL_IPAM_PEER] = {sizeof(struct ctl_ipam_peer),
	{STRING(ctl_ipam_peer, nickname)}},
    [CTL_IPAM_CONFLICT] = {sizeof(struct ctl_ipam_conflict),
	{STRING(ctl_ipam_conflict, text)}},
    [CTL_RING_ENTRY] = {sizeof(struct ctl_ring_entry), {{0, 0}}},
    [CTL_ADDRESS] = {sizeof(struct ctl_address), {STRING(ctl_address, id)}},
    [CTL_IP_ANSWER] = {sizeof(struct ctl_ip_answer), {{0, 0}}},
    [CTL_ROTATE] = {sizeof(struct ctl_rotate), {{0, 0}}},
    [CTL_ROTATION_NODE] = {sizeof(struct ctl_rotation_node), {{0, 0}}},
    [CTL_ROTATION] = {sizeof(struct ctl_rotation),
	{STRING(ctl_rotation, source), STRING(ctl_rotation, other)}},
    [CTL_BENCH_RESULT] = {sizeof(struct ctl_bench_result),
	{STRING(ctl_bench_result, nickname)}},
};

bool
ctl_expose_ok(const struct ctl_expose *expose)
{
	return expose->len >= 1 && expose->len <= 32 &&
	    expose->no_masquerade <= 1 && expose->addr >> 24 != 0 &&
	    expose->addr >> 24 != 127 && expose->addr >> 28 < 14;
}

bool
ctl_valid(uint32_t type, const void *data, size_t len)
{
	const struct ctl_format *format;
	const struct ctl_string *string;

	if (type >= CTL_TYPE_MAX)
		return false;
	format = &formats[type];
	if (len != format->len ||
	    (len == 0 && type != CTL_RELOAD && type != CTL_RESET &&
		type != CTL_ERASE))
		return false;
	for (string = format->strings;
	     string < format->strings + STRINGS_MAX && string->size > 0;
	     string++) {
		if (memchr((const char *)data + string->offset, '\0',
			string->size) == NULL)
			return false;
	}
	return true;
}
