#include <sys/queue.h>

#include <event2/event.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/ctl.h"
#include "common/log.h"
#include "common/report.h"
#include "common/text.h"
#include "weaved/child.h"
#include "weaved/http/answers.h"

#define TICK_MS 500 /* while something waits or is kept */

/* A request that waits for the answer of its view. */
struct waiter {
	TAILQ_ENTRY(waiter) entry;
	struct evhttp_request *request;
	uint64_t deadline;
};
TAILQ_HEAD(waiters, waiter);

struct answer {
	struct evbuffer *body; /* NULL: none is kept */
	int status;
	uint64_t until; /* ms, when it is no longer fresh */
	struct waiters waiters;
};

static struct {
	struct pipe *control;
	struct event *timer;
	struct dispatch_entry table[CTL_TYPE_MAX];
	size_t entries;
	struct answer answers[VIEWS];
	size_t asked; /* view under way, VIEWS: none */
	uint32_t id; /* of its request */
	struct report report;
	const char *refused; /* why a row of it was */
} state;

static void answers_handle_row(void *, struct imsg *);
static void answers_handle_end(void *, struct imsg *);
static void answers_control_ended(void *, enum pipe_end);
static void answers_next(void);
static void answers_send(size_t);
static void answers_keep(size_t, int, char *, size_t);
static void answers_print(size_t);
static void answers_fail(size_t, const char *);
static void answers_drop(struct answer *);
static void answers_free_text(const void *, size_t, void *);
static void answers_serve(size_t);
static void answers_give(
    struct evhttp_request *, const char *, int, struct evbuffer *);
static void answers_tick(evutil_socket_t, short, void *);
static void answers_wait(void);

/*
 * The pipe to control carries what common/ctl.h says; rows have many sizes,
 * so it is ctl_valid() that checks them.
 */
void
answers_init(void)
{
	for (uint32_t type = CTL_END; type < CTL_TYPE_MAX; type++)
		state.table[state.entries++] = (struct dispatch_entry){type, 0,
		    IMSG_DATA_MAX, false,
		    type == CTL_END ? answers_handle_end : answers_handle_row};
	state.table[state.entries++] = (struct dispatch_entry)DISPATCH(
	    CTL_HELLO, struct ctl_hello, answers_handle_row);
	for (size_t i = 0; i < VIEWS; i++)
		TAILQ_INIT(&state.answers[i].waiters);
	state.asked = VIEWS;
	state.timer = event_new(child_base(), -1, 0, answers_tick, NULL);
	if (state.timer == NULL)
		fatal("timer");
}

void
answers_set_control(int fd)
{
	struct ctl_hello hello = {.version = CTL_VERSION};

	if (state.control != NULL)
		answers_control_ended(NULL, PIPE_EOF);
	state.control = pipe_new(child_base(), fd, state.table, state.entries,
	    answers_control_ended, NULL);
	if (state.control == NULL)
		fatal("pipe to control");
	strlcpy(hello.software, "weaved http", sizeof(hello.software));
	pipe_send(state.control, CTL_HELLO, 0, -1, &hello, sizeof(hello));
	answers_next();
}

/* Another comes when the parent has started what died. */
static void
answers_control_ended(void *arg, enum pipe_end end)
{
	(void)arg;
	if (end == PIPE_BROKEN)
		log_error("malformed answer of control");
	pipe_free(state.control);
	state.control = NULL;
	if (state.asked != VIEWS)
		answers_fail(state.asked, "weaved restarts, try again");
}

static void
answers_handle_row(void *arg, struct imsg *imsg)
{
	(void)arg;
	if (!ctl_valid(imsg->hdr.type, imsg->data, imsg->len))
		fatalx("malformed row of control");
	if (imsg->hdr.type == CTL_HELLO || state.asked == VIEWS ||
	    imsg->hdr.id != state.id || state.refused != NULL)
		return;
	state.refused =
	    report_add(&state.report, imsg->hdr.type, imsg->data, imsg->len);
}

static void
answers_handle_end(void *arg, struct imsg *imsg)
{
	struct ctl_end end;

	(void)arg;
	if (!ctl_valid(CTL_END, imsg->data, imsg->len))
		fatalx("malformed row of control");
	if (state.asked == VIEWS || imsg->hdr.id != state.id)
		return;
	memcpy(&end, imsg->data, sizeof(end));
	if (end.status != 0)
		answers_fail(state.asked, end.text);
	else if (state.refused != NULL)
		answers_fail(state.asked, state.refused);
	else if (!state.report.has_status)
		answers_fail(state.asked, "weaved did not send its status");
	else
		answers_print(state.asked);
}

static void
answers_free_text(const void *data, size_t len, void *text)
{
	(void)data;
	(void)len;
	free(text);
}

/* Takes text over. */
static void
answers_keep(size_t i, int status, char *text, size_t len)
{
	struct answer *answer = &state.answers[i];

	answers_drop(answer);
	if ((answer->body = evbuffer_new()) == NULL ||
	    evbuffer_add_reference(
		answer->body, text, len, answers_free_text, text) == -1)
		fatal("no memory for an answer");
	answer->status = status;
	answer->until = proc_now() + views[i].fresh;
	report_free(&state.report);
	state.refused = NULL;
	state.asked = VIEWS;
	answers_serve(i);
	answers_next();
}

static void
answers_print(size_t i)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	int status;

	if (out == NULL)
		fatal("no memory for an answer");
	state.report.now = time(NULL);
	report_sort(&state.report);
	status = views[i].print(&state.report, out);
	if (fclose(out) != 0)
		fatal("no memory for an answer");
	answers_keep(i, status, text, len);
}

static void
answers_fail(size_t i, const char *why)
{
	char clean[TEXT_CLEAN_MAX], *text;
	int len;

	len = asprintf(&text, "%s\n", text_clean(why, clean));
	if (len == -1)
		fatal("no memory for an answer");
	answers_keep(i, HTTP_SERVUNAVAIL, text, (size_t)len);
}

static void
answers_drop(struct answer *answer)
{
	if (answer->body != NULL)
		evbuffer_free(answer->body);
	answer->body = NULL;
}

/* libevent would send to HEAD what it has as body, and no other length. */
static void
answers_give(struct evhttp_request *request, const char *type, int status,
    struct evbuffer *body)
{
	struct evkeyvalq *headers = evhttp_request_get_output_headers(request);
	struct evbuffer *out = evhttp_request_get_output_buffer(request);
	char length[24];

	snprintf(length, sizeof(length), "%zu", evbuffer_get_length(body));
	evhttp_add_header(headers, "Content-Type", type);
	evhttp_add_header(headers, "Content-Length", length);
	evhttp_add_header(headers, "Cache-Control", "no-store");
	evhttp_add_header(headers, "X-Content-Type-Options", "nosniff");
	/* One request each: then a connection has one deadline. */
	evhttp_add_header(headers, "Connection", "close");
	if (evhttp_request_get_command(request) != EVHTTP_REQ_HEAD &&
	    evbuffer_add_buffer_reference(out, body) == -1)
		fatal("no memory for an answer");
	evhttp_send_reply(request, status, NULL, NULL);
}

static void
answers_serve(size_t i)
{
	struct answer *answer = &state.answers[i];
	struct waiter *waiter;

	while ((waiter = TAILQ_FIRST(&answer->waiters)) != NULL) {
		TAILQ_REMOVE(&answer->waiters, waiter, entry);
		answers_give(waiter->request, views[i].content_type,
		    answer->status, answer->body);
		free(waiter);
	}
}

static void
answers_send(size_t i)
{
	struct ctl_show show = {.parts = views[i].parts};

	state.asked = i;
	state.id++;
	pipe_send(state.control, CTL_SHOW, state.id, -1, &show, sizeof(show));
}

/* In turns, so that no view keeps the others waiting. */
static void
answers_next(void)
{
	static size_t last;

	for (size_t n = 0;
	     n < VIEWS && state.control != NULL && state.asked == VIEWS; n++) {
		last = (last + 1) % VIEWS;
		if (!TAILQ_EMPTY(&state.answers[last].waiters))
			answers_send(last);
	}
	answers_wait();
}

void
answers_ask(const struct view *view, struct evhttp_request *request)
{
	size_t i = (size_t)(view - views);
	struct answer *answer = &state.answers[i];
	struct waiter *waiter;

	if (answer->body != NULL && proc_now() < answer->until) {
		answers_give(
		    request, view->content_type, answer->status, answer->body);
		return;
	}
	if ((waiter = calloc(1, sizeof(*waiter))) == NULL)
		fatal("no memory for a request");
	waiter->request = request;
	waiter->deadline = proc_now() + ANSWERS_MS;
	TAILQ_INSERT_TAIL(&answer->waiters, waiter, entry);
	answers_next();
}

void
answers_forget(const struct evhttp_request *request)
{
	struct waiter *waiter, *next;

	for (size_t i = 0; i < VIEWS; i++)
		TAILQ_FOREACH_SAFE(
		    waiter, &state.answers[i].waiters, entry, next) {
			if (waiter->request != request)
				continue;
			TAILQ_REMOVE(&state.answers[i].waiters, waiter, entry);
			free(waiter);
		}
}

void
answers_reply(struct evhttp_request *request, int status, const char *fmt, ...)
{
	struct evbuffer *body = evbuffer_new();
	va_list ap;

	if (body == NULL)
		fatal("no memory for an answer");
	va_start(ap, fmt);
	evbuffer_add_vprintf(body, fmt, ap);
	va_end(ap);
	evbuffer_add(body, "\n", 1);
	answers_give(request, "text/plain; charset=utf-8", status, body);
	evbuffer_free(body);
}

/* What the engine is still asked stays the only thing it is asked. */
static void
answers_tick(evutil_socket_t fd, short what, void *arg)
{
	uint64_t now = proc_now();
	struct waiter *waiter;

	(void)fd;
	(void)what;
	(void)arg;
	for (size_t i = 0; i < VIEWS; i++) {
		struct answer *answer = &state.answers[i];

		if (answer->body != NULL && now >= answer->until)
			answers_drop(answer);
		while ((waiter = TAILQ_FIRST(&answer->waiters)) != NULL &&
		    now >= waiter->deadline) {
			TAILQ_REMOVE(&answer->waiters, waiter, entry);
			answers_reply(waiter->request, HTTP_SERVUNAVAIL, "%s",
			    state.control == NULL ? "weaved is starting"
						  : "the engine does not "
						    "answer");
			free(waiter);
		}
	}
	answers_wait();
}

static void
answers_wait(void)
{
	const struct timeval tick = {0, TICK_MS * 1000};
	bool wanted = false;

	for (size_t i = 0; i < VIEWS; i++)
		wanted = wanted || state.answers[i].body != NULL ||
		    !TAILQ_EMPTY(&state.answers[i].waiters);
	if (wanted && !event_pending(state.timer, EV_TIMEOUT, NULL))
		event_add(state.timer, &tick);
}
