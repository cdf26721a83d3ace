#include <sys/socket.h>

#include <event2/bufferevent.h>
#include <event2/http.h>
#include <event2/listener.h>
#include <jansson.h>
#include <string.h>
#include <time.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/http/answers.h"
#include "weaved/http/http.h"
#include "weaved/http/views.h"

#define CONNECTIONS_MAX 32 /* of one endpoint; others wait to be accepted */
#define HEADERS_MAX 8192 /* bytes, with the request line */
#define BODY_MAX 4096 /* of a request that is refused anyhow */
#define REQUEST_MS 10000 /* for all of a request to come */
#define REPLY_MS 60000 /* and from then on for its reply to be taken */
#define SWEEP_MS 500

/*
 * What libevent does not do: its limits of time begin anew with each byte, and
 * it knows no limit of connections. So each connection's bufferevent is made
 * and also held here. One without callbacks is no longer libevent's.
 */
struct connection {
	struct bufferevent *bev; /* NULL: free */
	uint64_t deadline;
};

struct endpoint_server {
	struct evhttp *http;
	struct evhttp_bound_socket *bound; /* NULL: not configured */
	struct connection connections[CONNECTIONS_MAX];
};

static struct {
	struct endpoint_server endpoints[HTTP_ENDPOINTS];
	struct event *sweep;
} server;

static void http_handle_listen(void *, struct imsg *);
static void http_handle_close(void *, struct imsg *);
static void http_handle_pipe(void *, struct imsg *);
static struct endpoint_server *http_endpoint(struct imsg *);
static void http_init_endpoint(struct endpoint_server *);
static void http_close(struct endpoint_server *);
static struct bufferevent *http_accepted(struct event_base *, void *);
static bool connection_is_over(const struct connection *);
static void http_sweep_endpoint(struct endpoint_server *);
static void http_sweep(evutil_socket_t, short, void *);
static void http_gone(struct evhttp_connection *, void *);
static void http_request(struct evhttp_request *, void *);

static const struct dispatch_entry table[] = {
    CHILD_DISPATCH,
    DISPATCH_WITH_FD(IMSG_PIPE, struct imsg_pipe, http_handle_pipe),
    DISPATCH_WITH_FD(IMSG_HTTP_LISTEN, struct imsg_http, http_handle_listen),
    DISPATCH(IMSG_HTTP_CLOSE, struct imsg_http, http_handle_close),
};

static struct endpoint_server *
http_endpoint(struct imsg *imsg)
{
	struct imsg_http message;

	memcpy(&message, imsg->data, sizeof(message));
	if (message.endpoint >= HTTP_ENDPOINTS)
		fatalx("no such endpoint");
	return &server.endpoints[message.endpoint];
}

static void
http_handle_listen(void *arg, struct imsg *imsg)
{
	struct endpoint_server *endpoint = http_endpoint(imsg);
	int fd = imsg_take_fd(imsg);

	(void)arg;
	http_close(endpoint);
	endpoint->bound = evhttp_accept_socket_with_handle(endpoint->http, fd);
	if (endpoint->bound == NULL)
		fatal("listening socket");
	http_sweep(-1, 0, NULL);
}

static void
http_handle_close(void *arg, struct imsg *imsg)
{
	(void)arg;
	http_close(http_endpoint(imsg));
}

static void
http_close(struct endpoint_server *endpoint)
{
	if (endpoint->bound != NULL)
		evhttp_del_accept_socket(endpoint->http, endpoint->bound);
	endpoint->bound = NULL;
}

static void
http_handle_pipe(void *arg, struct imsg *imsg)
{
	struct imsg_pipe message;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	if (message.proc != PROC_CONTROL)
		fatalx("pipe to an unknown process");
	answers_set_control(imsg_take_fd(imsg));
}

static bool
connection_is_over(const struct connection *connection)
{
	bufferevent_data_cb readable, writable;
	bufferevent_event_cb event;

	bufferevent_getcb(connection->bev, &readable, &writable, &event, NULL);
	return readable == NULL && writable == NULL && event == NULL;
}

/* Shut down, a connection fails in libevent, which then lets it go. */
static void
http_sweep_endpoint(struct endpoint_server *endpoint)
{
	uint64_t now = proc_now();
	bool full = true;

	for (size_t i = 0; i < CONNECTIONS_MAX; i++) {
		struct connection *connection = &endpoint->connections[i];

		if (connection->bev != NULL && connection_is_over(connection)) {
			bufferevent_decref(connection->bev);
			connection->bev = NULL;
		}
		if (connection->bev == NULL)
			full = false;
		else if (now >= connection->deadline)
			shutdown(bufferevent_getfd(connection->bev), SHUT_RDWR);
	}
	if (endpoint->bound == NULL)
		return;
	if (full)
		evconnlistener_disable(
		    evhttp_bound_socket_get_listener(endpoint->bound));
	else
		evconnlistener_enable(
		    evhttp_bound_socket_get_listener(endpoint->bound));
}

static void
http_sweep(evutil_socket_t fd, short what, void *arg)
{
	const struct timeval interval = {0, SWEEP_MS * 1000};
	bool any = false;

	(void)fd;
	(void)what;
	(void)arg;
	for (size_t e = 0; e < HTTP_ENDPOINTS; e++) {
		http_sweep_endpoint(&server.endpoints[e]);
		for (size_t i = 0; i < CONNECTIONS_MAX; i++)
			any = any ||
			    server.endpoints[e].connections[i].bev != NULL;
	}
	if (any && !event_pending(server.sweep, EV_TIMEOUT, NULL))
		event_add(server.sweep, &interval);
}

/*
 * libevent accepted a connection and asks for what it shall use. The last
 * free place taken, no more are accepted until the next sweep finds one.
 */
static struct bufferevent *
http_accepted(struct event_base *base, void *arg)
{
	const struct timeval soon = {0, SWEEP_MS * 1000};
	struct endpoint_server *endpoint = arg;
	struct connection *place = NULL;
	size_t free_places = 0;

	http_sweep_endpoint(endpoint);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (endpoint->connections[i].bev == NULL) {
			place = &endpoint->connections[i];
			free_places++;
		}
	if (place == NULL)
		fatalx("a connection too many");
	place->bev = bufferevent_socket_new(base, -1, BEV_OPT_CLOSE_ON_FREE);
	if (place->bev == NULL)
		fatal("no memory for a connection");
	bufferevent_incref(place->bev);
	place->deadline = proc_now() + REQUEST_MS;
	if (free_places == 1)
		evconnlistener_disable(
		    evhttp_bound_socket_get_listener(endpoint->bound));
	if (!event_pending(server.sweep, EV_TIMEOUT, NULL))
		event_add(server.sweep, &soon);
	return place->bev;
}

static void
http_gone(struct evhttp_connection *connection, void *request)
{
	(void)connection;
	answers_forget(request);
}

/* The order of refusals: what is there, how it may be had, with what. */
static void
http_request(struct evhttp_request *request, void *arg)
{
	struct endpoint_server *endpoint = arg;
	struct evhttp_connection *connection =
	    evhttp_request_get_connection(request);
	const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(request);
	const char *path = uri == NULL ? NULL : evhttp_uri_get_path(uri);
	const char *query = uri == NULL ? NULL : evhttp_uri_get_query(uri);
	const struct view *view = path == NULL
	    ? NULL
	    : view_find(path, endpoint == &server.endpoints[HTTP_METRICS]);
	enum evhttp_cmd_type command = evhttp_request_get_command(request);

	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (endpoint->connections[i].bev ==
		    evhttp_connection_get_bufferevent(connection))
			endpoint->connections[i].deadline =
			    proc_now() + REPLY_MS;
	if (view == NULL)
		answers_reply(request, HTTP_NOTFOUND, "there is no such page");
	else if (command != EVHTTP_REQ_GET && command != EVHTTP_REQ_HEAD) {
		evhttp_add_header(evhttp_request_get_output_headers(request),
		    "Allow", "GET, HEAD");
		answers_reply(request, HTTP_BADMETHOD, "only GET and HEAD");
	} else if (query != NULL && query[0] != '\0')
		answers_reply(request, HTTP_BADREQUEST,
		    "no parameters: templates are not supported, /report has "
		    "all as JSON");
	else {
		evhttp_connection_set_closecb(connection, http_gone, request);
		answers_ask(view, request);
	}
}

static void
http_init_endpoint(struct endpoint_server *endpoint)
{
	if ((endpoint->http = evhttp_new(child_base())) == NULL)
		fatal("http server");
	evhttp_set_max_headers_size(endpoint->http, HEADERS_MAX);
	evhttp_set_max_body_size(endpoint->http, BODY_MAX);
	evhttp_set_timeout(endpoint->http, REQUEST_MS / 1000);
	/* All that it knows, so that what is not allowed is 405. */
	evhttp_set_allowed_methods(endpoint->http,
	    EVHTTP_REQ_GET | EVHTTP_REQ_POST | EVHTTP_REQ_HEAD |
		EVHTTP_REQ_PUT | EVHTTP_REQ_DELETE | EVHTTP_REQ_OPTIONS |
		EVHTTP_REQ_TRACE | EVHTTP_REQ_CONNECT | EVHTTP_REQ_PATCH);
	evhttp_set_bevcb(endpoint->http, http_accepted, endpoint);
	evhttp_set_gencb(endpoint->http, http_request, endpoint);
}

/* Both read a file at their first use, which the sandbox has none of. */
void
http_main(void)
{
	tzset();
	json_object_seed(0);
	child_init(PROC_HTTP, table, sizeof(table) / sizeof(table[0]), NULL);
	server.sweep = event_new(child_base(), -1, 0, http_sweep, NULL);
	if (server.sweep == NULL)
		fatal("timer");
	answers_init();
	for (size_t i = 0; i < HTTP_ENDPOINTS; i++)
		http_init_endpoint(&server.endpoints[i]);
	child_run();
}
