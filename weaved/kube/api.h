/*
 * Requests to the API server: HTTPS by libcurl on the event loop, with the
 * service account's token, to no other server than the one given. libcurl and
 * the libraries that it needs are loaded here and into no other process.
 */
#ifndef KUBE_API_H
#define KUBE_API_H

#include <event2/event.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define API_ERROR_MAX 256
#define API_CA_MAX (1u << 20) /* bytes of certificates */
#define API_TOKEN_MAX 65536

struct api;
struct api_call;

struct api_ops {
	/* Bytes of a good answer (2xx), as they come. */
	void (*data)(void *arg, const void *data, size_t len);
	/* It is over. status: of HTTP, 0: none; error: NULL, or one line. */
	void (*done)(void *arg, unsigned status, const char *error);
};

/*
 * Loads and starts libcurl, which the sandbox does not allow later. NULL:
 * error says why.
 */
struct api *api_new(struct event_base *base, char error[API_ERROR_MAX]);
/* Which server: a name, or an address; before the first call. */
void api_set_server(struct api *api, const char *host, uint16_t port);
/* Reads the service account's files. False: error says why they are no good. */
bool api_read_ca(struct api *api, int fd, char error[API_ERROR_MAX]);
bool api_read_token(struct api *api, int fd, char error[API_ERROR_MAX]);
bool api_has_account(const struct api *api);

/*
 * body: JSON of that type, copied, or NULL. The call is freed after done(),
 * or by api_cancel(), after which nothing is called. NULL: it can not be
 * made, and error says why.
 */
struct api_call *api_start(struct api *api, const char *method,
    const char *path, const char *type, const char *body, unsigned seconds,
    const struct api_ops *ops, void *arg, char error[API_ERROR_MAX]);
void api_cancel(struct api *api, struct api_call *call);

#endif
