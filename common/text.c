#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <vis.h>

#include "common/text.h"

static void text_append(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static void text_append_item(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static void text_append_peer(char *, const struct ctl_connection *, bool);
static void text_append_attributes(char *, const struct ctl_connection *);
static void text_append_times(char *, const struct ctl_connection *, time_t);

const char *
text_clean(const char *text, char buf[TEXT_CLEAN_MAX])
{
	strnvis(buf, text, TEXT_CLEAN_MAX,
	    VIS_CSTYLE | VIS_NL | VIS_TAB | VIS_NOSLASH);
	return buf;
}

const char *
text_peer(uint64_t name, const char *nickname, char buf[TEXT_PEER_MAX])
{
	char clean[TEXT_CLEAN_MAX], text[PEERNAME_STRLEN];

	snprintf(buf, TEXT_PEER_MAX, "%s(%s)", peername_format(name, text),
	    text_clean(nickname, clean));
	return buf;
}

const char *
text_time(time_t when, char buf[TEXT_TIME_MAX])
{
	struct tm tm;

	if (localtime_r(&when, &tm) == NULL ||
	    strftime(buf, TEXT_TIME_MAX, "%Y-%m-%d %H:%M:%S", &tm) == 0)
		strlcpy(buf, "unknown", TEXT_TIME_MAX);
	return buf;
}

const char *
text_time_utc(time_t when, char buf[TEXT_TIME_MAX])
{
	struct tm tm;

	if (gmtime_r(&when, &tm) == NULL ||
	    strftime(buf, TEXT_TIME_MAX, "%Y-%m-%dT%H:%M:%SZ", &tm) == 0)
		strlcpy(buf, "unknown", TEXT_TIME_MAX);
	return buf;
}

const char *
text_age(uint64_t seconds, char buf[TEXT_AGE_MAX])
{
	static const struct {
		uint64_t seconds;
		const char *letter;
	} units[] = {{86400, "d"}, {3600, "h"}, {60, "m"}, {1, "s"}};
	size_t i = 0;

	while (units[i].seconds > 1 && seconds < units[i].seconds)
		i++;
	snprintf(buf, TEXT_AGE_MAX, "%llu%s",
	    (unsigned long long)(seconds / units[i].seconds), units[i].letter);
	seconds %= units[i].seconds;
	if (units[i].seconds > 1 && seconds / units[i + 1].seconds > 0)
		text_append(buf, TEXT_AGE_MAX, "%llu%s",
		    (unsigned long long)(seconds / units[i + 1].seconds),
		    units[i + 1].letter);
	return buf;
}

const char *
text_state(uint32_t state)
{
	static const char *const names[CTL_STATE_MAX] = {
	    [CTL_ESTABLISHED] = "established",
	    [CTL_PENDING] = "pending",
	    [CTL_RETRYING] = "retrying",
	    [CTL_FAILED] = "failed",
	    [CTL_CONNECTING] = "connecting",
	};

	return state < CTL_STATE_MAX ? names[state] : "unknown";
}

const char *
text_subnet(const struct ctl_subnet *row, char buf[SUBNET_STRLEN])
{
	struct subnet subnet = {
	    row->addr, (uint8_t)(row->len > 32 ? 32 : row->len)};

	return subnet_format(subnet, buf);
}

static void
text_append(char *buf, size_t size, const char *fmt, ...)
{
	size_t len = strlen(buf);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

/* Items are separated by commas. */
static void
text_append_item(char *buf, size_t size, const char *fmt, ...)
{
	size_t len;
	va_list ap;

	if (buf[0] != '\0')
		strlcat(buf, ", ", size);
	len = strlen(buf);
	va_start(ap, fmt);
	vsnprintf(buf + len, size - len, fmt, ap);
	va_end(ap);
}

static void
text_append_peer(char *buf, const struct ctl_connection *row, bool encryption)
{
	char overlay[TEXT_CLEAN_MAX], peer[TEXT_PEER_MAX];

	if (encryption)
		text_append(buf, TEXT_INFO_MAX, "%-11s ",
		    row->encrypted ? "encrypted" : "unencrypted");
	text_append(buf, TEXT_INFO_MAX, "%-6s %s",
	    row->overlay[0] == '\0' ? "none"
				    : text_clean(row->overlay, overlay),
	    text_peer(row->peer, row->nickname, peer));
}

static void
text_append_attributes(char *buf, const struct ctl_connection *row)
{
	if (row->encrypted)
		text_append(buf, TEXT_INFO_MAX, " encrypted=true");
	if (row->mtu != 0)
		text_append(buf, TEXT_INFO_MAX, " mtu=%u", row->mtu);
	if (row->trusted)
		text_append(buf, TEXT_INFO_MAX, " trusted=true");
}

static void
text_append_times(char *buf, const struct ctl_connection *row, time_t now)
{
	char age[TEXT_AGE_MAX], when[TEXT_TIME_MAX];

	if (row->retry_in == CTL_RETRY_NEVER)
		text_append_item(buf, TEXT_INFO_MAX, "retry: never");
	else if (row->state == CTL_FAILED || row->retry_in > 0)
		text_append_item(buf, TEXT_INFO_MAX, "retry: %s (in %s)",
		    text_time(now + (time_t)row->retry_in, when),
		    text_age(row->retry_in, age));
	text_append_item(buf, TEXT_INFO_MAX, "since: %s (%s ago)",
	    text_time(now - (time_t)row->age, when), text_age(row->age, age));
}

const char *
text_info(const struct ctl_connection *row, bool encryption, bool attributes,
    time_t now, char buf[TEXT_INFO_MAX])
{
	char clean[TEXT_CLEAN_MAX];

	buf[0] = '\0';
	if (row->has_peer)
		text_append_peer(buf, row, encryption);
	if (row->has_peer && attributes)
		text_append_attributes(buf, row);
	if (row->state == CTL_ESTABLISHED)
		return buf;
	if (row->cause[0] != '\0')
		text_append_item(
		    buf, TEXT_INFO_MAX, "%s", text_clean(row->cause, clean));
	text_append_times(buf, row, now);
	return buf;
}

const char *
text_ipam(const struct ctl_ipam *row, char buf[TEXT_IPAM_MAX])
{
	static const char *const states[CTL_IPAM_STATE_MAX] = {
	    [CTL_IPAM_IDLE] = "idle",
	    [CTL_IPAM_PRIMING] = "priming",
	    [CTL_IPAM_READY] = "ready",
	    [CTL_IPAM_WAITING] = "waiting for IP(s) to become available",
	    [CTL_IPAM_UNREACHABLE] =
		"all IP ranges owned by unreachable peers - use 'rmpeer' if "
		"they are dead",
	    [CTL_IPAM_LEFT] = "all addresses given away by reset",
	};

	if (row->state == CTL_IPAM_ELECTING)
		snprintf(buf, TEXT_IPAM_MAX,
		    "awaiting consensus (quorum: %u, known: %u)", row->quorum,
		    row->known);
	else
		strlcpy(buf,
		    row->state < CTL_IPAM_STATE_MAX ? states[row->state]
						    : "unknown",
		    TEXT_IPAM_MAX);
	return buf;
}
