#include "weaved/engine/overlay/pmtu.h"

#include <string.h>

#define UDP_IP_HEADER 28
#define UDP_PAYLOAD_MAX 65507
#define PATH_DEFAULT 1500 /* where the kernel tells nothing */
#define PATH_MIN (68 + 86)
#define ASSUMED_GOOD 552
#define TRIES 8
#define FIRST_WAIT 10 /* ms, doubled at each try */

static void pmtu_test(struct pmtu *, enum pmtu_state, uint32_t, uint64_t);
static bool pmtu_search_on(struct pmtu *, uint64_t);
static void pmtu_check_done(struct pmtu *, uint64_t);
static void pmtu_check_failed(struct pmtu *, uint64_t);
static bool pmtu_verdict(struct pmtu *, bool, uint64_t);

void
pmtu_init(struct pmtu *pmtu, uint32_t overhead)
{
	memset(pmtu, 0, sizeof(*pmtu));
	pmtu->overhead = overhead;
	pmtu->mtu = PMTU_UNLIMITED;
}

uint32_t
pmtu_payload(const struct pmtu *pmtu)
{
	uint32_t payload = pmtu->mtu + pmtu->overhead - UDP_IP_HEADER;

	return payload < UDP_PAYLOAD_MAX ? payload : UDP_PAYLOAD_MAX;
}

static void
pmtu_test(
    struct pmtu *pmtu, enum pmtu_state state, uint32_t candidate, uint64_t now)
{
	pmtu->state = state;
	pmtu->candidate = candidate;
	pmtu->tries = 0;
	pmtu->due = now;
}

bool
pmtu_path(struct pmtu *pmtu, uint32_t path, uint64_t now)
{
	uint32_t mtu;

	if (path == 0 || path > PMTU_UNLIMITED)
		path = PATH_DEFAULT;
	if (path < PATH_MIN)
		path = PATH_MIN;
	pmtu->path = path;
	mtu = path - pmtu->overhead;
	if (pmtu->state != PMTU_IDLE && pmtu->candidate <= mtu)
		return false;
	if (pmtu->mtu <= mtu)
		return false;
	pmtu->good = mtu < ASSUMED_GOOD ? mtu : ASSUMED_GOOD;
	pmtu->bad = mtu + 1;
	pmtu->verified = false;
	pmtu->mtu = mtu;
	pmtu_test(pmtu, PMTU_SEARCH, mtu, now);
	return true;
}

/* The next step of the search; true: it is finished. */
static bool
pmtu_search_on(struct pmtu *pmtu, uint64_t now)
{
	if (pmtu->good + 1 >= pmtu->bad) {
		pmtu->mtu = pmtu->good;
		pmtu->state = PMTU_IDLE;
		return true;
	}
	pmtu_test(pmtu, PMTU_SEARCH, (pmtu->good + pmtu->bad) / 2, now);
	pmtu->mtu = pmtu->verified ? pmtu->good : pmtu->candidate;
	return false;
}

static void
pmtu_check_done(struct pmtu *pmtu, uint64_t now)
{
	pmtu->state = PMTU_IDLE;
	if (pmtu->path > pmtu->mtu + pmtu->overhead)
		pmtu_test(pmtu, PMTU_GROW, pmtu->path - pmtu->overhead, now);
}

static void
pmtu_check_failed(struct pmtu *pmtu, uint64_t now)
{
	pmtu->state = PMTU_IDLE;
	if (pmtu->mtu <= ASSUMED_GOOD)
		return;
	pmtu->good = ASSUMED_GOOD;
	pmtu->bad = pmtu->mtu;
	pmtu->verified = false;
	pmtu_search_on(pmtu, now);
}

/* The candidate got through or did not; true: a search is finished. */
static bool
pmtu_verdict(struct pmtu *pmtu, bool good, uint64_t now)
{
	switch (pmtu->state) {
	case PMTU_IDLE:
		return false;
	case PMTU_CHECK:
		if (good)
			pmtu_check_done(pmtu, now);
		else
			pmtu_check_failed(pmtu, now);
		return false;
	case PMTU_GROW:
		if (good)
			pmtu->mtu = pmtu->candidate;
		pmtu->state = PMTU_IDLE;
		return good;
	case PMTU_SEARCH:
		break;
	}
	if (good) {
		pmtu->good = pmtu->candidate;
		pmtu->verified = true;
	} else {
		pmtu->bad = pmtu->candidate;
	}
	return pmtu_search_on(pmtu, now);
}

bool
pmtu_acknowledged(struct pmtu *pmtu, uint32_t mtu, uint64_t now)
{
	if (pmtu->state == PMTU_IDLE || mtu != pmtu->candidate ||
	    pmtu->tries == 0)
		return false;
	return pmtu_verdict(pmtu, true, now);
}

void
pmtu_check(struct pmtu *pmtu, uint64_t now)
{
	if (pmtu->state == PMTU_IDLE && pmtu->mtu != PMTU_UNLIMITED)
		pmtu_test(pmtu, PMTU_CHECK, pmtu->mtu, now);
}

uint32_t
pmtu_tick(struct pmtu *pmtu, uint64_t now, bool *ended)
{
	*ended = false;
	if (pmtu->state == PMTU_IDLE || now < pmtu->due)
		return 0;
	if (pmtu->tries == TRIES) {
		*ended = pmtu_verdict(pmtu, false, now);
		if (pmtu->state == PMTU_IDLE)
			return 0;
	}
	pmtu->due = now + ((uint64_t)FIRST_WAIT << pmtu->tries);
	pmtu->tries++;
	return pmtu->candidate;
}
