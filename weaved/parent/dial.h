/*
 * Connecting to peers for the engine: without blocking, bounded in number and
 * rate, never to addresses that only the operator may choose.
 */
#ifndef PARENT_DIAL_H
#define PARENT_DIAL_H

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/addr.h"

#define DIAL_MAX 64 /* under way at once */
#define DIAL_PER_S 256 /* a new engine dials all neighbours: 200 */
#define DIAL_TIMEOUT_S 10

struct dialler;

/* fd: connected and the callee's, or -1 and error says why (errno). */
typedef void (*dial_done)(
    void *arg, uint32_t dial, int fd, int error, struct endpoint local);

/* source: address to dial from, 0: as the routes say. */
struct dialler *dial_new(
    struct event_base *base, uint32_t source, dial_done done, void *arg);
/*
 * given: the operator named this address. Answered by done(), also from
 * within; EPERM: address not allowed, EAGAIN: too many or too fast.
 */
void dial_start(struct dialler *dialler, uint32_t dial, struct endpoint to,
    bool given, uint64_t now);
/* Ends all attempts without an answer: who asked is gone. */
void dial_cancel_all(struct dialler *dialler);
/* May this address be dialled though the operator did not name it? */
bool dial_allowed(uint32_t addr);

#endif
