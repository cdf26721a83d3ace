#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "weaved/parent/conf_key.h"

static bool server_check(const char *, char[CONF_CAUSE_MAX]);

/* The host is as that of a peer, and there is a port. */
static bool
server_check(const char *text, char cause[CONF_CAUSE_MAX])
{
	char error[CONF_ERROR_MAX];

	if (conf_check_peer(text, error))
		return true;
	return conf_cause(cause, "%.300s", error);
}

/* "host:port", "1.2.3.4:port" or "[ipv6]:port"; empty: not given. */
bool
conf_text_check_server(const char *text, char cause[CONF_CAUSE_MAX])
{
	const char *end = strrchr(text, ']');
	char host[INET6_ADDRSTRLEN], peer[CTL_TEXT_MAX];
	struct in6_addr addr;
	size_t len;

	if (text[0] == '\0')
		return true;
	if (text[0] != '[') {
		if (strchr(text, ':') == NULL)
			return conf_cause(cause, "\"%.64s\" has no port", text);
		return server_check(text, cause);
	}
	len = end == NULL ? 0 : (size_t)(end - text - 1);
	if (end == NULL || end[1] != ':' || len >= sizeof(host))
		return conf_cause(
		    cause, "\"%.64s\" is not of the form [address]:port", text);
	memcpy(host, text + 1, len);
	host[len] = '\0';
	if (inet_pton(AF_INET6, host, &addr) != 1)
		return conf_cause(cause, "\"%.64s\" is no address", host);
	snprintf(peer, sizeof(peer), "server%s", end + 1);
	return server_check(peer, cause);
}

/* A pod finds the API server in its environment. */
bool
conf_kubernetes_check(struct conf *conf, const struct conf_source *source,
    char error[CONF_ERROR_MAX])
{
	const struct conf_key *key = conf_key_find("kubernetes-api");
	const char *host =
	    conf_environment_get(source, "KUBERNETES_SERVICE_HOST");
	const char *port =
	    conf_environment_get(source, "KUBERNETES_SERVICE_PORT");
	char text[CTL_TEXT_MAX], cause[CONF_CAUSE_MAX];
	bool ipv6;

	if (!conf->kubernetes || conf->kubernetes_api[0] != '\0')
		return true;
	if (host == NULL || port == NULL) {
		conf_error(error,
		    "kubernetes: KUBERNETES_SERVICE_HOST or _PORT is not set "
		    "and kubernetes-api is not given");
		return false;
	}
	ipv6 = strchr(host, ':') != NULL;
	snprintf(text, sizeof(text), "%s%s%s:%s", ipv6 ? "[" : "", host,
	    ipv6 ? "]" : "", port);
	if (key->type->parse(key, conf, text, cause))
		return true;
	conf_error(error, "KUBERNETES_SERVICE_HOST or _PORT: %s", cause);
	return false;
}
