/*
 * "weavectl doctor PEER": what an operator would look at by hand, one line
 * each. What the daemon knows is in the report of its rows; what it can not
 * know of a peer that is not connected is tried from here.
 *
 *	doctor_find() -> doctor_probe() -> doctor_examine() -> doctor_text()
 */
#ifndef WEAVECTL_DOCTOR_H
#define WEAVECTL_DOCTOR_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/addr.h"
#include "common/report.h"

#define DOCTOR_PROBE_MS 2000 /* at most, for all that is tried */
#define DOCTOR_CHECKS_MAX 12
#define DOCTOR_TEXT_MAX 1024

/* What came of trying the address; all zero: nothing was tried. */
struct doctor_probe {
	bool tried_ports;
	int tcp_error; /* errno, 0: connected */
	bool has_header; /* and it began as weaved does */
	bool other_service; /* or as something else */
	uint8_t version_min;
	uint8_t version_max;
	int udp_error; /* errno, 0: no answer, which may be good */
	bool tried_icmp;
	bool has_echo;
	uint32_t echo; /* microseconds */
	bool has_clock;
	int32_t clock; /* ms that the peer's clock is ahead */
	uint32_t path_mtu; /* as this host's kernel has it, 0: not known */
};

/* A peer, with pointers into the report. */
struct doctor {
	const struct report *report;
	const char *text; /* as typed */
	const struct ctl_connection *connection; /* best row, or NULL */
	const struct ctl_peer *peer; /* of the mesh, or NULL */
	bool target; /* the operator gave it as a direct peer */
	struct endpoint at; /* address 0: not known */
	struct doctor_probe probe;
};

enum doctor_verdict {
	DOCTOR_OK,
	DOCTOR_PROBLEM,
	DOCTOR_UNKNOWN
};

struct doctor_check {
	const char *name; /* "address" */
	enum doctor_verdict verdict;
	char text[DOCTOR_TEXT_MAX]; /* what was found */
	char advice[DOCTOR_TEXT_MAX]; /* what to do, or empty */
};

struct doctor_checks {
	struct doctor_check list[DOCTOR_CHECKS_MAX];
	size_t count;
};

/*
 * By name, nickname, address with or without port, or target as typed. NULL,
 * or why the question itself is wrong. A peer that nothing is known of is
 * none of these: its address may stay 0.
 */
const char *doctor_find(
    const struct report *report, const char *text, struct doctor *doctor);
/* Established: no ports are tried, for they are known to work. */
void doctor_probe(struct endpoint at, bool ports, struct doctor_probe *probe);
void doctor_examine(const struct doctor *doctor, struct doctor_checks *checks);
/* All of these for one PEER; exit status as weavectl's, with a complaint. */
int doctor_run(struct report *report, const char *text, bool json);
/* Is there a problem among them? */
bool doctor_ill(const struct doctor_checks *checks);
void doctor_text(const struct doctor_checks *checks, FILE *out);
void doctor_json(
    const struct doctor *doctor, const struct doctor_checks *checks, FILE *out);

/* The connection is up; or its peer is known, but its overlay is not ready. */
bool doctor_established(const struct doctor *doctor);
bool doctor_pending(const struct doctor *doctor);

#endif
