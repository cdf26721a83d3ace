#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "common/log.h"
#include "weaved/kube/watch.h"

#define BACKOFF_MS 1000
#define BACKOFF_MAX_MS 60000
#define VERSION_MAX 64 /* of a resource, with NUL */
#define CONTINUE_MAX 4096 /* of a list, escaped */
#define PATH_MAX_LEN (CONTINUE_MAX + 256)
#define GET_SECONDS 30 /* for a page */
#define HTTP_OK 200
#define HTTP_GONE 410

enum watcher_state {
	WATCH_WAITING, /* for retry_at */
	WATCH_LISTING,
	WATCH_WATCHING
};

struct watcher {
	struct nodes *nodes;
	const struct watcher_ops *ops;
	void *arg;
	enum watcher_state state;
	bool synced; /* ever */
	bool incomplete; /* there are nodes that we do not keep */
	uint64_t retry_at;
	uint64_t backoff; /* ms, 0: none */
	unsigned page_nodes;
	char version[VERSION_MAX]; /* to watch from; empty: list */
	char next[CONTINUE_MAX]; /* page; empty: the first */
	char *buf;
	size_t len;
	size_t room;
	struct log_limit limit;
	char error[WATCH_ERROR_MAX];
};

static void watcher_get(struct watcher *);
static void watcher_fail(struct watcher *, const char *, uint64_t);
static void watcher_refuse(struct watcher *, const char *, uint64_t);
static void watcher_succeed(struct watcher *);
static bool watcher_append(struct watcher *, const char *, size_t);
static bool watcher_put(struct watcher *, const json_t *);
static bool version_take(struct watcher *, const json_t *);
static bool continue_take(struct watcher *, const json_t *);
static void list_done(struct watcher *, uint64_t);
static void list_too_big(struct watcher *, uint64_t);
static const char *event_handle(struct watcher *, const char *, size_t);
static const char *event_object(struct watcher *, const char *, const json_t *);
static size_t events_split(struct watcher *, uint64_t);

struct watcher *
watcher_new(struct nodes *nodes, const struct watcher_ops *ops, void *arg)
{
	struct watcher *watcher = calloc(1, sizeof(*watcher));

	if (watcher == NULL)
		return NULL;
	watcher->nodes = nodes;
	watcher->ops = ops;
	watcher->arg = arg;
	watcher->page_nodes = WATCH_PAGE_NODES;
	return watcher;
}

void
watcher_free(struct watcher *watcher)
{
	if (watcher == NULL)
		return;
	free(watcher->buf);
	free(watcher);
}

bool
watcher_complete(const struct watcher *watcher)
{
	return watcher->synced && !watcher->incomplete;
}

bool
watcher_synced(const struct watcher *watcher)
{
	return watcher->synced;
}

const char *
watcher_error(const struct watcher *watcher)
{
	return watcher->error;
}

uint64_t
watcher_tick(struct watcher *watcher, uint64_t now)
{
	if (watcher->state != WATCH_WAITING)
		return UINT64_MAX;
	if (watcher->retry_at > now)
		return watcher->retry_at;
	watcher_get(watcher);
	return UINT64_MAX;
}

static void
watcher_get(struct watcher *watcher)
{
	char path[PATH_MAX_LEN];
	unsigned seconds;

	watcher->len = 0;
	if (watcher->version[0] != '\0' && watcher->next[0] == '\0') {
		watcher->state = WATCH_WATCHING;
		seconds = WATCH_SECONDS +
		    watcher->ops->random(watcher->arg, WATCH_SECONDS);
		snprintf(path, sizeof(path),
		    "/api/v1/nodes?watch=1&allowWatchBookmarks=true"
		    "&timeoutSeconds=%u&resourceVersion=%s",
		    seconds, watcher->version);
		watcher->ops->get(watcher->arg, path, seconds + GET_SECONDS);
		return;
	}
	watcher->state = WATCH_LISTING;
	if (watcher->next[0] == '\0') {
		nodes_begin(watcher->nodes);
		watcher->incomplete = false;
	}
	snprintf(path, sizeof(path), "/api/v1/nodes?limit=%u%s%s",
	    watcher->page_nodes,
	    watcher->next[0] == '\0' ? "" : "&continue=", watcher->next);
	watcher->ops->get(watcher->arg, path, GET_SECONDS);
}

/* Half of the wait is random, so that nodes do not come back all at once. */
static void
watcher_fail(struct watcher *watcher, const char *error, uint64_t now)
{
	uint32_t half, suppressed;

	strlcpy(watcher->error, error, sizeof(watcher->error));
	watcher->backoff =
	    watcher->backoff == 0 ? BACKOFF_MS : watcher->backoff * 2;
	if (watcher->backoff > BACKOFF_MAX_MS)
		watcher->backoff = BACKOFF_MAX_MS;
	half = (uint32_t)watcher->backoff / 2;
	watcher->retry_at =
	    now + half + watcher->ops->random(watcher->arg, half);
	watcher->state = WATCH_WAITING;
	if (log_limit_pass(&watcher->limit, now, &suppressed))
		log_warn("nodes: %s; again in %u s", watcher->error,
		    (unsigned)((watcher->retry_at - now + 999) / 1000));
}

/* What came can not be used: the list is read anew. */
static void
watcher_refuse(struct watcher *watcher, const char *error, uint64_t now)
{
	watcher->ops->cancel(watcher->arg);
	watcher->version[0] = watcher->next[0] = '\0';
	watcher_fail(watcher, error, now);
}

static void
watcher_succeed(struct watcher *watcher)
{
	watcher->error[0] = '\0';
	watcher->backoff = 0;
}

static bool
watcher_append(struct watcher *watcher, const char *data, size_t len)
{
	size_t max =
	    watcher->state == WATCH_LISTING ? WATCH_PAGE_MAX : WATCH_LINE_MAX;
	size_t room = watcher->room == 0 ? 16384 : watcher->room;
	char *moved;

	if (len > max - watcher->len)
		return false;
	while (room < watcher->len + len)
		room *= 2;
	if (room != watcher->room) {
		if ((moved = realloc(watcher->buf, room)) == NULL)
			return false;
		watcher->buf = moved;
		watcher->room = room;
	}
	memcpy(watcher->buf + watcher->len, data, len);
	watcher->len += len;
	return true;
}

/* True: that changed what is kept. */
static bool
watcher_put(struct watcher *watcher, const json_t *object)
{
	enum nodes_result result;
	struct node_info info;

	if (node_parse(object, &info) &&
	    (result = nodes_put(watcher->nodes, &info)) != NODES_FULL)
		return result == NODES_CHANGED;
	if (!watcher->incomplete)
		log_warn("nodes: one has no name, or there are more than %u: "
			 "none will be taken for gone",
		    NODES_MAX);
	watcher->incomplete = true;
	return false;
}

/* Opaque, and part of the next path. */
static bool
version_take(struct watcher *watcher, const json_t *object)
{
	const char *text = json_string_value(json_object_get(
	    json_object_get(object, "metadata"), "resourceVersion"));

	if (text == NULL || text[0] == '\0' || strlen(text) >= VERSION_MAX)
		return false;
	for (const char *c = text; *c != '\0'; c++)
		if (!isascii((unsigned char)*c) || !isalnum((unsigned char)*c))
			return false;
	strlcpy(watcher->version, text, sizeof(watcher->version));
	return true;
}

/* Escaped as for a query; empty: that was the last page. */
static bool
continue_take(struct watcher *watcher, const json_t *list)
{
	const char *text = json_string_value(
	    json_object_get(json_object_get(list, "metadata"), "continue"));
	size_t len = 0;

	watcher->next[0] = '\0';
	for (; text != NULL && *text != '\0'; text++) {
		if (len + 4 > sizeof(watcher->next)) {
			watcher->next[0] = '\0';
			return false;
		}
		len += (size_t)snprintf(watcher->next + len,
		    sizeof(watcher->next) - len,
		    isascii((unsigned char)*text) &&
			    isalnum((unsigned char)*text)
			? "%c"
			: "%%%02X",
		    (unsigned char)*text);
	}
	return true;
}

static void
list_done(struct watcher *watcher, uint64_t now)
{
	json_t *list = json_loadb(
	    watcher->len == 0 ? "" : watcher->buf, watcher->len, 0, NULL);
	const json_t *items = json_object_get(list, "items");
	bool good = json_is_array(items) && version_take(watcher, list) &&
	    continue_take(watcher, list);

	for (size_t i = 0; good && i < json_array_size(items); i++)
		watcher_put(watcher, json_array_get(items, i));
	json_decref(list);
	if (!good) {
		watcher->version[0] = watcher->next[0] = '\0';
		watcher_fail(watcher, "the server sent no list of nodes", now);
		return;
	}
	if (watcher->next[0] == '\0') {
		nodes_end(watcher->nodes);
		watcher_succeed(watcher);
		watcher->synced = true;
		watcher->ops->synced(watcher->arg);
	}
	watcher->state = WATCH_WAITING;
	watcher->retry_at = now;
}

/* Fewer nodes on a page, down to one. */
static void
list_too_big(struct watcher *watcher, uint64_t now)
{
	unsigned fewer = watcher->page_nodes / 2;

	watcher_refuse(watcher,
	    fewer == 0 ? "one node is larger than 4 MiB"
		       : "a page of nodes is larger than 4 MiB",
	    now);
	if (fewer == 0)
		return;
	watcher->page_nodes = fewer;
	watcher->backoff = 0;
	watcher->retry_at = now;
}

/* NULL, or why the watch can not go on. */
static const char *
event_object(struct watcher *watcher, const char *type, const json_t *object)
{
	struct node_info info;

	if (strcmp(type, "ERROR") == 0)
		return json_integer_value(json_object_get(object, "code")) ==
			HTTP_GONE
		    ? "the server's history is too short"
		    : "the server ended the watch with an error";
	if (!version_take(watcher, object))
		return "the server sent an event without version";
	if (strcmp(type, "DELETED") == 0) {
		if (node_parse(object, &info)) {
			nodes_delete(watcher->nodes, info.name);
			watcher->ops->changed(watcher->arg, true);
		}
	} else if ((strcmp(type, "ADDED") == 0 ||
		       strcmp(type, "MODIFIED") == 0) &&
	    watcher_put(watcher, object))
		watcher->ops->changed(watcher->arg, false);
	return NULL; /* of a BOOKMARK the version is all there is */
}

static const char *
event_handle(struct watcher *watcher, const char *line, size_t len)
{
	json_t *event = json_loadb(line, len, 0, NULL);
	const char *type = json_string_value(json_object_get(event, "type"));
	const json_t *object = json_object_get(event, "object");
	const char *error = "the server sent no event";

	if (type != NULL && json_is_object(object))
		error = event_object(watcher, type, object);
	json_decref(event);
	return error;
}

/* Handles the lines that are whole; returns how many bytes they had. */
static size_t
events_split(struct watcher *watcher, uint64_t now)
{
	size_t done = 0;
	const char *error, *end;

	while ((end = memchr(watcher->buf + done, '\n', watcher->len - done)) !=
	    NULL) {
		size_t len = (size_t)(end - watcher->buf) - done;

		error = event_handle(watcher, watcher->buf + done, len);
		if (error != NULL) {
			watcher_refuse(watcher, error, now);
			return watcher->len;
		}
		watcher_succeed(watcher);
		done += len + 1;
	}
	return done;
}

void
watcher_data(
    struct watcher *watcher, const void *data, size_t len, uint64_t now)
{
	size_t done;

	if (watcher->state == WATCH_WAITING)
		return;
	if (!watcher_append(watcher, data, len)) {
		if (watcher->state == WATCH_LISTING)
			list_too_big(watcher, now);
		else
			watcher_refuse(
			    watcher, "an event is larger than 2 MiB", now);
		return;
	}
	if (watcher->state != WATCH_WATCHING)
		return;
	done = events_split(watcher, now);
	memmove(watcher->buf, watcher->buf + done, watcher->len - done);
	watcher->len -= done;
}

void
watcher_done(
    struct watcher *watcher, unsigned status, const char *error, uint64_t now)
{
	char text[WATCH_ERROR_MAX];

	if (watcher->state == WATCH_WAITING)
		return;
	if (status == HTTP_OK && error == NULL) {
		if (watcher->state == WATCH_LISTING) {
			list_done(watcher, now);
			return;
		}
		/* Its time was up; one without an event is no good one. */
		if (watcher->backoff == 0 && watcher->len == 0) {
			watcher->state = WATCH_WAITING;
			watcher->retry_at = now + BACKOFF_MS +
			    watcher->ops->random(watcher->arg, BACKOFF_MS);
			return;
		}
		watcher->version[0] = '\0';
		error = "the server sent no event";
	}
	if (status == HTTP_GONE)
		watcher->version[0] = watcher->next[0] = '\0';
	if (error == NULL) {
		snprintf(text, sizeof(text), "the server answered %u", status);
		error = text;
	}
	if (watcher->state == WATCH_LISTING)
		watcher->version[0] = watcher->next[0] = '\0';
	watcher_fail(watcher, error, now);
}
