#include <sys/socket.h>

#include <arpa/inet.h>
#include <jansson.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ctl.h"
#include "weaved/kube/api.h"
#include "weaved/kube/curl_library.h"

#define CONNECT_SECONDS 10
#define KEEPALIVE_IDLE 30 /* seconds: a server that vanished is noticed */
#define KEEPALIVE_INTERVAL 10
#define REFUSAL_MAX 4096 /* bytes of an answer that is not 2xx */
#define RESOLVE_MAX 8 /* addresses of the server */
#define URL_MAX 8192

struct api {
	struct curl_library curl;
	struct event_base *base;
	struct event *timer;
	CURLM *multi;
	char host[CTL_TEXT_MAX];
	uint16_t port;
	bool is_name; /* host: to be resolved */
	bool is_ipv6;
	char *ca;
	size_t ca_len;
	char *header; /* "Authorization: Bearer TOKEN" */
	bool inside; /* of a callback of libcurl's */
};

struct api_call {
	struct api *api;
	const struct api_ops *ops; /* NULL: cancelled */
	void *arg;
	CURL *easy;
	struct curl_slist *headers;
	struct curl_slist *resolve;
	char *body;
	char refusal[REFUSAL_MAX];
	size_t refusal_len;
	char error[CURL_ERROR_SIZE];
};

static int socket_cb(CURL *, curl_socket_t, int, void *, void *);
static int timer_cb(CURLM *, long, void *);
static curl_socket_t open_cb(void *, curlsocktype, struct curl_sockaddr *);
static size_t write_cb(char *, size_t, size_t, void *);
static void api_event(evutil_socket_t, short, void *);
static void api_timeout(evutil_socket_t, short, void *);
static void api_action(struct api *, curl_socket_t, int);
static void api_collect(struct api *);
static void call_finish(struct api_call *, CURLcode);
static void call_free(struct api_call *);
static bool call_resolve(struct api_call *, char[API_ERROR_MAX]);
static bool call_set(
    struct api_call *, const char *, const char *, const char *, unsigned);
static bool call_set_headers(struct api_call *, const char *);
static void call_refusal(struct api_call *, unsigned, char[API_ERROR_MAX]);
static char *file_read(int, size_t, size_t *);

struct api *
api_new(struct event_base *base, char error[API_ERROR_MAX])
{
	struct api *api = calloc(1, sizeof(*api));

	if (api == NULL ||
	    !curl_library_load(&api->curl, error, API_ERROR_MAX)) {
		free(api);
		return NULL;
	}
	api->base = base;
	api->timer = evtimer_new(base, api_timeout, api);
	if (api->curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK ||
	    (api->multi = api->curl.multi_init()) == NULL ||
	    api->timer == NULL) {
		strlcpy(error, "libcurl can not be started", API_ERROR_MAX);
		return NULL;
	}
	api->curl.multi_setopt(api->multi, CURLMOPT_SOCKETFUNCTION, socket_cb);
	api->curl.multi_setopt(api->multi, CURLMOPT_SOCKETDATA, api);
	api->curl.multi_setopt(api->multi, CURLMOPT_TIMERFUNCTION, timer_cb);
	api->curl.multi_setopt(api->multi, CURLMOPT_TIMERDATA, api);
	return api;
}

void
api_set_server(struct api *api, const char *host, uint16_t port)
{
	struct in6_addr addr6;
	struct in_addr addr;

	strlcpy(api->host, host, sizeof(api->host));
	api->port = port;
	api->is_ipv6 = inet_pton(AF_INET6, host, &addr6) == 1;
	api->is_name = !api->is_ipv6 && inet_pton(AF_INET, host, &addr) != 1;
}

/* The whole file with a NUL behind it; NULL if it is empty or too long. */
static char *
file_read(int fd, size_t max, size_t *len)
{
	char *data = malloc(max + 1);
	ssize_t n = 0;

	*len = 0;
	while (data != NULL && *len <= max &&
	    (n = read(fd, data + *len, max + 1 - *len)) > 0)
		*len += (size_t)n;
	if (data == NULL || n == -1 || *len == 0 || *len > max) {
		free(data);
		return NULL;
	}
	data[*len] = '\0';
	return data;
}

bool
api_read_ca(struct api *api, int fd, char error[API_ERROR_MAX])
{
	size_t len;
	char *data = file_read(fd, API_CA_MAX, &len);

	if (data == NULL) {
		strlcpy(error, "ca.crt is empty or too long", API_ERROR_MAX);
		return false;
	}
	free(api->ca);
	api->ca = data;
	api->ca_len = len;
	return true;
}

bool
api_read_token(struct api *api, int fd, char error[API_ERROR_MAX])
{
	size_t len;
	char *token = file_read(fd, API_TOKEN_MAX, &len), *header = NULL;

	if (token != NULL) {
		token[strcspn(token, "\n")] = '\0';
		for (const char *c = token; *c != '\0'; c++)
			if (*c <= ' ' || *c > '~')
				token[0] = '\0';
		if (token[0] == '\0' ||
		    asprintf(&header, "Authorization: Bearer %s", token) == -1)
			header = NULL;
		explicit_bzero(token, len);
		free(token);
	}
	if (header == NULL) {
		strlcpy(error, "token is no token", API_ERROR_MAX);
		return false;
	}
	if (api->header != NULL)
		explicit_bzero(api->header, strlen(api->header));
	free(api->header);
	api->header = header;
	return true;
}

bool
api_has_account(const struct api *api)
{
	return api->ca != NULL && api->header != NULL;
}

/* old: the event of this descriptor. */
static int
socket_cb(CURL *easy, curl_socket_t fd, int what, void *arg, void *old)
{
	struct api *api = arg;
	struct event *event = NULL;
	short events = EV_PERSIST;

	(void)easy;
	if (old != NULL)
		event_free(old);
	if (what == CURL_POLL_IN || what == CURL_POLL_INOUT)
		events |= EV_READ;
	if (what == CURL_POLL_OUT || what == CURL_POLL_INOUT)
		events |= EV_WRITE;
	if (events != EV_PERSIST) {
		event = event_new(api->base, fd, events, api_event, api);
		if (event == NULL || event_add(event, NULL) == -1)
			return -1;
	}
	api->curl.multi_assign(api->multi, fd, event);
	return 0;
}

static int
timer_cb(CURLM *multi, long ms, void *arg)
{
	struct api *api = arg;
	struct timeval tv = {ms / 1000, ms % 1000 * 1000};

	(void)multi;
	if (ms < 0)
		return evtimer_del(api->timer);
	return evtimer_add(api->timer, &tv);
}

/* fcntl(2) may set no other flags later. */
static curl_socket_t
open_cb(void *arg, curlsocktype purpose, struct curl_sockaddr *addr)
{
	(void)arg;
	(void)purpose;
	return socket(addr->family,
	    addr->socktype | SOCK_CLOEXEC | SOCK_NONBLOCK, addr->protocol);
}

static void
api_event(evutil_socket_t fd, short what, void *arg)
{
	api_action(arg, fd,
	    (what & EV_READ ? CURL_CSELECT_IN : 0) |
		(what & EV_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
api_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	api_action(arg, CURL_SOCKET_TIMEOUT, 0);
}

static void
api_action(struct api *api, curl_socket_t fd, int what)
{
	int running;

	api->inside = true;
	api->curl.multi_socket_action(api->multi, fd, what, &running);
	api->inside = false;
	api_collect(api);
}

static void
api_collect(struct api *api)
{
	struct api_call *call;
	CURLMsg *message;
	int waiting;

	while ((message = api->curl.multi_info_read(api->multi, &waiting)) !=
	    NULL) {
		if (message->msg != CURLMSG_DONE)
			continue;
		api->curl.easy_getinfo(
		    message->easy_handle, CURLINFO_PRIVATE, (char **)&call);
		call_finish(call, message->data.result);
	}
}

/* What the server says of itself in a Status object, if that is one. */
static void
call_refusal(struct api_call *call, unsigned status, char error[API_ERROR_MAX])
{
	json_t *root = json_loadb(call->refusal, call->refusal_len, 0, NULL);
	const char *text = json_string_value(json_object_get(root, "message"));

	snprintf(error, API_ERROR_MAX, "the server answered %u%s%s", status,
	    text == NULL ? "" : ": ", text == NULL ? "" : text);
	json_decref(root);
}

static void
call_finish(struct api_call *call, CURLcode result)
{
	const struct api_ops *ops = call->ops;
	char error[API_ERROR_MAX] = "";
	void *arg = call->arg;
	long status = 0;

	call->api->curl.easy_getinfo(
	    call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (result != CURLE_OK) {
		strlcpy(error,
		    call->error[0] != '\0'
			? call->error
			: call->api->curl.easy_strerror(result),
		    sizeof(error));
		status = 0;
	} else if (status < 200 || status > 299)
		call_refusal(call, (unsigned)status, error);
	call_free(call);
	if (ops != NULL)
		ops->done(
		    arg, (unsigned)status, error[0] == '\0' ? NULL : error);
}

static void
call_free(struct api_call *call)
{
	const struct curl_library *curl = &call->api->curl;

	if (call->easy != NULL) {
		curl->multi_remove_handle(call->api->multi, call->easy);
		curl->easy_cleanup(call->easy);
	}
	for (struct curl_slist *h = call->headers; h != NULL; h = h->next)
		explicit_bzero(h->data, strlen(h->data));
	curl->slist_free_all(call->headers);
	curl->slist_free_all(call->resolve);
	free(call->body);
	free(call);
}

static size_t
write_cb(char *data, size_t size, size_t n, void *arg)
{
	struct api_call *call = arg;
	size_t len = size * n, room = REFUSAL_MAX - call->refusal_len;
	long status = 0;

	call->api->curl.easy_getinfo(
	    call->easy, CURLINFO_RESPONSE_CODE, &status);
	if (status < 200 || status > 299) {
		if (len > room)
			return 0;
		memcpy(call->refusal + call->refusal_len, data, len);
		call->refusal_len += len;
		return len;
	}
	if (call->ops != NULL)
		call->ops->data(call->arg, data, len);
	return call->ops == NULL ? 0 : len;
}

/*
 * libcurl would start a thread for it. A server given by its address is not
 * looked up at all.
 */
static bool
call_resolve(struct api_call *call, char error[API_ERROR_MAX])
{
	const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
	const struct api *api = call->api;
	char line[1024], text[INET6_ADDRSTRLEN];
	struct addrinfo *list, *ai;
	size_t n = 0;
	int failed;

	if (!api->is_name)
		return true;
	if ((failed = getaddrinfo(api->host, NULL, &hints, &list)) != 0) {
		snprintf(error, API_ERROR_MAX, "%s: %s", api->host,
		    gai_strerror(failed));
		return false;
	}
	snprintf(line, sizeof(line), "%s:%u", api->host, api->port);
	for (ai = list; ai != NULL && n < RESOLVE_MAX; ai = ai->ai_next) {
		if (getnameinfo(ai->ai_addr, ai->ai_addrlen, text, sizeof(text),
			NULL, 0, NI_NUMERICHOST) != 0)
			continue;
		strlcat(line, n++ == 0 ? ":" : ",", sizeof(line));
		strlcat(line, text, sizeof(line));
	}
	freeaddrinfo(list);
	call->resolve = api->curl.slist_append(NULL, line);
	return call->resolve != NULL;
}

static bool
call_set_headers(struct api_call *call, const char *type)
{
	const struct curl_library *curl = &call->api->curl;
	char line[128];
	const char *const lines[] = {call->api->header,
	    "Accept: application/json", "Expect:", type == NULL ? NULL : line};

	snprintf(line, sizeof(line), "Content-Type: %s", type);
	for (size_t i = 0; i < 4 && lines[i] != NULL; i++) {
		struct curl_slist *more =
		    curl->slist_append(call->headers, lines[i]);

		if (more == NULL)
			return false;
		call->headers = more;
	}
	return curl->easy_setopt(
		   call->easy, CURLOPT_HTTPHEADER, call->headers) == CURLE_OK;
}

#define SET(option, value) \
	good &= curl->easy_setopt(call->easy, (option), (value)) == CURLE_OK

/* Nothing but TLS, to nobody but who has a certificate of the account's CA. */
static bool
call_set(struct api_call *call, const char *method, const char *path,
    const char *type, unsigned seconds)
{
	const struct curl_library *curl = &call->api->curl;
	const struct api *api = call->api;
	struct curl_blob ca = {api->ca, api->ca_len, CURL_BLOB_COPY};
	bool good = call_set_headers(call, type);
	char url[URL_MAX];

	if ((size_t)snprintf(url, sizeof(url), "https://%s%s%s:%u%s",
		api->is_ipv6 ? "[" : "", api->host, api->is_ipv6 ? "]" : "",
		api->port, path) >= sizeof(url))
		return false;
	SET(CURLOPT_URL, url);
	SET(CURLOPT_CUSTOMREQUEST, method);
	SET(CURLOPT_PROTOCOLS_STR, "https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(CURLOPT_SSL_VERIFYPEER, 1L);
	SET(CURLOPT_SSL_VERIFYHOST, 2L);
	SET(CURLOPT_CAINFO, NULL);
	SET(CURLOPT_CAPATH, NULL);
	SET(CURLOPT_CAINFO_BLOB, &ca);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_TIMEOUT, (long)seconds);
	SET(CURLOPT_CONNECTTIMEOUT, (long)CONNECT_SECONDS);
	SET(CURLOPT_TCP_KEEPALIVE, 1L);
	SET(CURLOPT_TCP_KEEPIDLE, (long)KEEPALIVE_IDLE);
	SET(CURLOPT_TCP_KEEPINTVL, (long)KEEPALIVE_INTERVAL);
	SET(CURLOPT_USERAGENT, "weaved/" VERSION);
	SET(CURLOPT_OPENSOCKETFUNCTION, open_cb);
	SET(CURLOPT_WRITEFUNCTION, write_cb);
	SET(CURLOPT_WRITEDATA, call);
	SET(CURLOPT_PRIVATE, call);
	SET(CURLOPT_ERRORBUFFER, call->error);
	if (call->resolve != NULL)
		SET(CURLOPT_RESOLVE, call->resolve);
	if (call->body != NULL)
		SET(CURLOPT_POSTFIELDS, call->body);
	return good;
}

struct api_call *
api_start(struct api *api, const char *method, const char *path,
    const char *type, const char *body, unsigned seconds,
    const struct api_ops *ops, void *arg, char error[API_ERROR_MAX])
{
	struct api_call *call = calloc(1, sizeof(*call));

	strlcpy(error, "no memory for a request", API_ERROR_MAX);
	if (call == NULL)
		return NULL;
	call->api = api;
	call->ops = ops;
	call->arg = arg;
	if ((body != NULL && (call->body = strdup(body)) == NULL) ||
	    !call_resolve(call, error) ||
	    (call->easy = api->curl.easy_init()) == NULL ||
	    !call_set(call, method, path, type, seconds) ||
	    api->curl.multi_add_handle(api->multi, call->easy) != CURLM_OK) {
		call_free(call);
		return NULL;
	}
	return call;
}

/* libcurl is not to lose a handle while it is at work with it. */
void
api_cancel(struct api *api, struct api_call *call)
{
	call->ops = NULL;
	if (!api->inside)
		call_free(call);
}
