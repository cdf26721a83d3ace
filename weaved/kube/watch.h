/*
 * Keeps the nodes up to date: a list in pages, then a watch from its resource
 * version, anew when the server says so or goes away, with back-off. What is
 * read is bounded; no more than one page or one event is held at a time. Pure:
 * it is told of bytes and of the time (milliseconds) and asks by watcher_ops.
 */
#ifndef KUBE_WATCH_H
#define KUBE_WATCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weaved/kube/nodes.h"

#define WATCH_PAGE_MAX (4u << 20) /* bytes of a page */
#define WATCH_LINE_MAX (2u << 20) /* of an event: etcd has 1.5 MiB */
#define WATCH_PAGE_NODES 50 /* asked for; a Node has up to 30 KB */
#define WATCH_SECONDS 300 /* after which the server ends a watch */
#define WATCH_ERROR_MAX 256

struct watcher_ops {
	/*
	 * GET; bytes come by watcher_data(), the end by watcher_done(). seconds: it
	 * may take so long. One at a time.
	 */
	void (*get)(void *arg, const char *path, unsigned seconds);
	void (*cancel)(void *arg);
	/* The list is whole; all is what it was before, or changed since. */
	void (*synced)(void *arg);
	/* One node came or changed, or it went. */
	void (*changed)(void *arg, bool went);
	uint32_t (*random)(void *arg, uint32_t bound);
};

struct watcher;

/* nodes is the caller's. NULL without memory. */
struct watcher *watcher_new(
    struct nodes *nodes, const struct watcher_ops *ops, void *arg);
void watcher_free(struct watcher *watcher);
/* Does what is due; returns when to call again, UINT64_MAX: never. */
uint64_t watcher_tick(struct watcher *watcher, uint64_t now);
/* Bytes of the answer; more than are allowed end it by cancel(). */
void watcher_data(
    struct watcher *watcher, const void *data, size_t len, uint64_t now);
/* The answer ended. status: of HTTP, 0: error says why there is none. */
void watcher_done(
    struct watcher *watcher, unsigned status, const char *error, uint64_t now);
/* Is the list whole? */
bool watcher_synced(const struct watcher *watcher);
/* And are all nodes in it, so that who is not is gone? */
bool watcher_complete(const struct watcher *watcher);
/* What is wrong, since the last success; empty: nothing. */
const char *watcher_error(const struct watcher *watcher);

#endif
