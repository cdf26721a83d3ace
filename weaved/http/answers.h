/*
 * Answers to requests: asked of the engine one show at a time, however many
 * want it, kept a moment and given to all who ask meanwhile.
 */
#ifndef HTTP_ANSWERS_H
#define HTTP_ANSWERS_H

#include <event2/buffer.h>
#include <event2/http.h>

#include "weaved/http/views.h"

#define ANSWERS_MS 5000 /* the engine has to answer, then it is 503 */

/* After child_init(). */
void answers_init(void);
/* A pipe to control; the former one is closed. */
void answers_set_control(int fd);
/*
 * Answers now or later. A request that goes away is told to
 * answers_forget() before.
 */
void answers_ask(const struct view *view, struct evhttp_request *request);
void answers_forget(const struct evhttp_request *request);
/* One line of plain text. */
void answers_reply(struct evhttp_request *request, int status, const char *fmt,
    ...) __attribute__((format(printf, 3, 4)));

#endif
