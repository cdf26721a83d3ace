/* Rows as text, for both forms of output; safe for a terminal. */
#ifndef COMMON_TEXT_H
#define COMMON_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>

#include "common/addr.h"
#include "common/ctl.h"

#define TEXT_CLEAN_MAX (CTL_CAUSE_MAX * 4 + 1)
#define TEXT_PEER_MAX (TEXT_CLEAN_MAX + PEERNAME_STRLEN + 2)
#define TEXT_TIME_MAX 64
#define TEXT_AGE_MAX 32
#define TEXT_INFO_MAX 8192

/* What a terminal could obey is encoded; returns buf. */
const char *text_clean(const char *text, char buf[TEXT_CLEAN_MAX]);
/* "8a:3e:00:00:00:02(host2)" */
const char *text_peer(
    uint64_t name, const char *nickname, char buf[TEXT_PEER_MAX]);
/* "2026-11-23 10:00:05", local time */
const char *text_time(time_t when, char buf[TEXT_TIME_MAX]);
/* "2026-11-23T10:00:05Z" */
const char *text_time_utc(time_t when, char buf[TEXT_TIME_MAX]);
/* "4s", "2m5s", "3h2m", "5d1h" */
const char *text_age(uint64_t seconds, char buf[TEXT_AGE_MAX]);
const char *text_state(uint32_t state);
/*
 * What is behind the state: overlay and peer, or cause and next try. With
 * encryption (a password is set) says whether frames travel encrypted; with
 * attributes "mtu=1414" and the like follow the peer.
 */
const char *text_info(const struct ctl_connection *row, bool encryption,
    bool attributes, time_t now, char buf[TEXT_INFO_MAX]);
/* The value of "Status" in the block of IPAM; returns buf. */
#define TEXT_IPAM_MAX 128
const char *text_ipam(const struct ctl_ipam *row, char buf[TEXT_IPAM_MAX]);
const char *text_subnet(const struct ctl_subnet *row, char buf[SUBNET_STRLEN]);

#endif
