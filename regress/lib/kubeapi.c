#include <sys/socket.h>
#include <sys/stat.h>

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "regress/lib/kubeapi.h"
#include "regress/lib/net.h"

#define NODES_MAX 4096
#define EVENTS_MAX 16384
#define REQUEST_MAX (4u << 20)
#define LIST_KEY "kube-peers.weave.works/peers"

struct node {
	char name[64];
	char address[16];
	bool available;
	bool gone;
	unsigned version;
};

struct kubeapi {
	pthread_mutex_t lock;
	pthread_cond_t changed;
	SSL_CTX *tls;
	struct host *host;
	char account[160];
	char token[64];
	struct node nodes[NODES_MAX];
	size_t nnodes;
	struct node events[EVENTS_MAX];
	size_t nevents;
	unsigned version; /* of all resources */
	json_t *map;
	unsigned map_version;
	enum kubeapi_fault fault;
	unsigned generation; /* of connections: older ones end */
	bool paused;
	unsigned counts[KUBEAPI_COUNTS];
	void (*on_put)(void *);
	void *on_put_arg;
};

struct listener {
	struct kubeapi *api;
	int fd;
};

/* One connection; its thread's. */
struct talk {
	struct kubeapi *api;
	int fd;
	SSL *tls;
	unsigned generation;
	char *request; /* with NUL */
	size_t len;
	char *body;
};

static EVP_PKEY *key_new(void);
static X509 *certificate_new(
    EVP_PKEY *, const char *, X509 *, EVP_PKEY *, const char *);
static void certificate_extend(X509 *, X509 *, int, const char *);
static void account_write(struct kubeapi *, const char *, const char *);
static void account_write_ca(struct kubeapi *, X509 *);
static void tls_init(struct kubeapi *, const char *);
static void *accept_main(void *);
static void *talk_main(void *);
static bool talk_read(struct talk *);
static void talk_send(struct talk *, const void *, size_t);
static void talk_answer(struct talk *, int, const char *);
static bool talk_fault(struct talk *);
static bool talk_stale(struct talk *);
static void talk_serve(struct talk *);
static void serve_list(struct talk *, const char *);
static void serve_watch(struct talk *, const char *);
static void serve_map(struct talk *, const char *);
static void serve_put(struct talk *);
static void serve_patch(struct talk *, const char *);
static json_t *node_object(const struct node *);
static void talk_chunk(struct talk *, const char *);
static bool talk_event(struct talk *, const struct node *);
static unsigned long query_number(const char *, const char *, unsigned long);

static EVP_PKEY *
key_new(void)
{
	EVP_PKEY *key = EVP_EC_gen("P-256");

	ATF_REQUIRE(key != NULL);
	return key;
}

static void
certificate_extend(X509 *certificate, X509 *issuer, int nid, const char *value)
{
	X509_EXTENSION *extension;
	X509V3_CTX ctx;

	X509V3_set_ctx(&ctx, issuer, certificate, NULL, NULL, 0);
	extension = X509V3_EXT_conf_nid(NULL, &ctx, nid, value);
	ATF_REQUIRE(extension != NULL);
	ATF_REQUIRE(X509_add_ext(certificate, extension, -1));
	X509_EXTENSION_free(extension);
}

/* issuer NULL: a CA, signed by itself; else for a server with that address. */
static X509 *
certificate_new(EVP_PKEY *key, const char *name, X509 *issuer,
    EVP_PKEY *issuer_key, const char *address)
{
	X509 *certificate = X509_new();
	X509_NAME *subject;
	char san[64];

	ATF_REQUIRE(certificate != NULL);
	X509_set_version(certificate, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(certificate), rand() + 1L);
	X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
	X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
	X509_set_pubkey(certificate, key);
	subject = X509_get_subject_name(certificate);
	X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
	    (const unsigned char *)name, -1, -1, 0);
	X509_set_issuer_name(certificate,
	    issuer == NULL ? subject : X509_get_subject_name(issuer));
	if (issuer == NULL)
		certificate_extend(certificate, certificate,
		    NID_basic_constraints, "critical,CA:TRUE");
	else {
		snprintf(san, sizeof(san), "IP:%s", address);
		certificate_extend(
		    certificate, issuer, NID_subject_alt_name, san);
	}
	ATF_REQUIRE(X509_sign(
	    certificate, issuer == NULL ? key : issuer_key, EVP_sha256()));
	return certificate;
}

/* As kubelet replaces it: at once. */
static void
account_write(struct kubeapi *api, const char *name, const char *text)
{
	char path[256], next[256];

	snprintf(path, sizeof(path), "%s/%s", api->account, name);
	snprintf(next, sizeof(next), "%s/.%s", api->account, name);
	net_write_file(next, text);
	ATF_REQUIRE(rename(next, path) == 0);
}

static void
account_write_ca(struct kubeapi *api, X509 *ca)
{
	BIO *bio = BIO_new(BIO_s_mem());
	char text[4096] = "";

	ATF_REQUIRE(bio != NULL && PEM_write_bio_X509(bio, ca));
	ATF_REQUIRE(BIO_read(bio, text, sizeof(text) - 1) > 0);
	account_write(api, "ca.crt", text);
	BIO_free(bio);
}

static void
tls_init(struct kubeapi *api, const char *address)
{
	EVP_PKEY *ca_key = key_new(), *key = key_new();
	X509 *ca = certificate_new(ca_key, "test CA", NULL, NULL, NULL);
	X509 *own = certificate_new(key, "kube-apiserver", ca, ca_key, address);

	ATF_REQUIRE((api->tls = SSL_CTX_new(TLS_server_method())) != NULL);
	ATF_REQUIRE(SSL_CTX_use_certificate(api->tls, own) == 1);
	ATF_REQUIRE(SSL_CTX_use_PrivateKey(api->tls, key) == 1);
	account_write_ca(api, ca);
	X509_free(own);
	X509_free(ca);
	EVP_PKEY_free(key);
	EVP_PKEY_free(ca_key);
}

struct kubeapi *
kubeapi_new(struct host *host)
{
	struct kubeapi *api = calloc(1, sizeof(*api));

	ATF_REQUIRE(api != NULL);
	signal(SIGPIPE, SIG_IGN);
	/* The threads outlive the test's last line. */
	OPENSSL_init_crypto(OPENSSL_INIT_NO_ATEXIT, NULL);
	pthread_mutex_init(&api->lock, NULL);
	pthread_cond_init(&api->changed, NULL);
	api->host = host;
	snprintf(
	    api->account, sizeof(api->account), "%s/account", host->directory);
	ATF_REQUIRE(mkdir(api->account, 0755) == 0 || errno == EEXIST);
	tls_init(api, host->address);
	kubeapi_set_token(api, "first-token", true);
	api->version = 10;
	kubeapi_listen(api, host->address);
	return api;
}

void
kubeapi_listen(struct kubeapi *api, const char *address)
{
	struct sockaddr_in sin = {
	    .sin_family = AF_INET, .sin_port = htons(KUBEAPI_PORT)};
	struct listener *listener = calloc(1, sizeof(*listener));
	pthread_t thread;
	int on = 1;

	ATF_REQUIRE(listener != NULL);
	listener->api = api;
	net_enter(api->host->ns);
	listener->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ATF_REQUIRE(listener->fd != -1);
	ATF_REQUIRE_EQ(1, inet_pton(AF_INET, address, &sin.sin_addr));
	setsockopt(listener->fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	ATF_REQUIRE(
	    bind(listener->fd, (struct sockaddr *)&sin, sizeof(sin)) == 0 &&
	    listen(listener->fd, 64) == 0);
	net_leave(api->host->net);
	ATF_REQUIRE_EQ(0, pthread_create(&thread, NULL, accept_main, listener));
	pthread_detach(thread);
}

void
kubeapi_option(struct kubeapi *api, struct host *host)
{
	host_option(host, "kubernetes", "yes");
	host_option(
	    host, "kubernetes-api", "%s:%d", api->host->address, KUBEAPI_PORT);
	host_option(host, "kubernetes-account", "%s", api->account);
}

static void *
accept_main(void *arg)
{
	struct listener *listener = arg;
	struct kubeapi *api = listener->api;
	struct talk *talk;
	pthread_t thread;
	int fd;

	while ((fd = accept4(listener->fd, NULL, NULL, SOCK_CLOEXEC)) != -1) {
		if ((talk = calloc(1, sizeof(*talk))) == NULL)
			abort();
		talk->api = api;
		talk->fd = fd;
		pthread_mutex_lock(&api->lock);
		talk->generation = api->generation;
		if (api->paused)
			talk->generation--;
		pthread_mutex_unlock(&api->lock);
		if (pthread_create(&thread, NULL, talk_main, talk) != 0)
			abort();
		pthread_detach(thread);
	}
	return NULL;
}

static void *
talk_main(void *arg)
{
	struct talk *talk = arg;

	talk->tls = SSL_new(talk->api->tls);
	SSL_set_fd(talk->tls, talk->fd);
	if (!talk_stale(talk) && SSL_accept(talk->tls) == 1)
		while (talk_read(talk))
			talk_serve(talk);
	SSL_free(talk->tls);
	close(talk->fd);
	free(talk->request);
	free(talk);
	return NULL;
}

static bool
talk_stale(struct talk *talk)
{
	bool stale;

	pthread_mutex_lock(&talk->api->lock);
	stale = talk->generation != talk->api->generation || talk->api->paused;
	pthread_mutex_unlock(&talk->api->lock);
	return stale;
}

/* One whole request, while the connection is not an old one. */
static bool
talk_read(struct talk *talk)
{
	struct pollfd pollfd = {.fd = talk->fd, .events = POLLIN};
	const char *length;
	size_t want = 0;
	int n;

	free(talk->request);
	talk->len = 0;
	talk->body = NULL;
	talk->request = calloc(1, REQUEST_MAX);
	while (!talk_stale(talk)) {
		if (talk->body == NULL &&
		    (talk->body = strstr(talk->request, "\r\n\r\n")) != NULL) {
			talk->body += 4;
			length = strcasestr(talk->request, "content-length:");
			want = length == NULL || length > talk->body
			    ? 0
			    : strtoul(length + 15, NULL, 10);
		}
		if (talk->body != NULL &&
		    talk->len >= (size_t)(talk->body - talk->request) + want)
			return true;
		if (SSL_pending(talk->tls) == 0 && poll(&pollfd, 1, 50) <= 0)
			continue;
		n = SSL_read(talk->tls, talk->request + talk->len,
		    (int)(REQUEST_MAX - 1 - talk->len));
		if (n <= 0)
			return false;
		talk->len += (size_t)n;
	}
	return false;
}

static void
talk_send(struct talk *talk, const void *data, size_t len)
{
	if (SSL_write(talk->tls, data, (int)len) <= 0)
		talk->generation--;
}

static void
talk_answer(struct talk *talk, int status, const char *body)
{
	char head[256];

	snprintf(head, sizeof(head),
	    "HTTP/1.1 %d Answer\r\nContent-Type: application/json\r\n"
	    "Content-Length: %zu\r\n\r\n",
	    status, strlen(body));
	talk_send(talk, head, strlen(head));
	talk_send(talk, body, strlen(body));
}

/* True: the answer is one of the bad ones. */
static bool
talk_fault(struct talk *talk)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
				   "Content-Type: application/json\r\n"
				   "Content-Length: 900000000\r\n\r\n";
	static char brackets[65536];
	enum kubeapi_fault fault;

	pthread_mutex_lock(&talk->api->lock);
	fault = talk->api->fault;
	pthread_mutex_unlock(&talk->api->lock);
	switch (fault) {
	case KUBEAPI_GARBAGE:
		talk_answer(talk, 200, "{\"items\": [\"\xff\xfe\\u0000");
		return true;
	case KUBEAPI_ERROR:
		talk_answer(talk, 500,
		    "{\"kind\":\"Status\",\"message\":\"etcd is on fire\"}");
		return true;
	case KUBEAPI_HANG_UP:
		talk_send(talk, head, sizeof(head) - 1);
		talk_send(talk, "{\"items\":[", 10);
		talk->generation--;
		return true;
	case KUBEAPI_DEEP:
	case KUBEAPI_HUGE:
	case KUBEAPI_SLOW:
		memset(brackets, fault == KUBEAPI_DEEP ? '[' : ' ',
		    sizeof(brackets));
		talk_send(talk, head, sizeof(head) - 1);
		while (!talk_stale(talk))
			if (fault == KUBEAPI_SLOW) {
				talk_send(talk, " ", 1);
				poll(NULL, 0, 1000);
			} else
				talk_send(talk, brackets, sizeof(brackets));
		return true;
	default:
		return false;
	}
}

static void
talk_serve(struct talk *talk)
{
	struct kubeapi *api = talk->api;
	char method[8], path[4096 + 512], wanted[128], *token;
	bool denied;

	if (sscanf(talk->request, "%7s %4600s", method, path) != 2) {
		talk->generation--;
		return;
	}
	pthread_mutex_lock(&api->lock);
	api->counts[KUBEAPI_CONNECTIONS]++;
	snprintf(
	    wanted, sizeof(wanted), "Authorization: Bearer %s\r\n", api->token);
	token = strstr(talk->request, wanted);
	denied = token == NULL || token > talk->body;
	api->counts[KUBEAPI_DENIED] += denied;
	pthread_mutex_unlock(&api->lock);
	if (denied)
		talk_answer(talk, 401,
		    "{\"kind\":\"Status\",\"message\":\"Unauthorized\"}");
	else if (talk_fault(talk))
		;
	else if (strncmp(path, "/api/v1/nodes?", 14) == 0 &&
	    strcmp(method, "GET") == 0) {
		if (strstr(path, "watch=1") != NULL)
			serve_watch(talk, path);
		else
			serve_list(talk, path);
	} else if (strncmp(path, "/api/v1/nodes/", 14) == 0 &&
	    strcmp(method, "PATCH") == 0)
		serve_patch(talk, path + 14);
	else if (strncmp(path, "/api/v1/namespaces/kube-system/configmaps",
		     41) == 0)
		serve_map(talk, method);
	else
		talk_answer(talk, 404, "{\"kind\":\"Status\"}");
}

static unsigned long
query_number(const char *path, const char *key, unsigned long otherwise)
{
	const char *at = strstr(path, key);

	return at == NULL ? otherwise : strtoul(at + strlen(key), NULL, 10);
}

static json_t *
node_object(const struct node *node)
{
	char version[16];

	snprintf(version, sizeof(version), "%u", node->version);
	return json_pack("{s:s, s:s, s:{s:s, s:s}, s:{s:[{s:s, s:s}, "
			 "{s:s, s:s}, {s:s, s:s}], s:[{s:s, s:s}]}}",
	    "kind", "Node", "apiVersion", "v1", "metadata", "name", node->name,
	    "resourceVersion", version, "status", "addresses", "type",
	    "Hostname", "address", node->name, "type", "ExternalIP", "address",
	    "198.51.100.1", "type", "InternalIP", "address",
	    node->address[0] == '\0' ? "10.0.0.1" : node->address, "conditions",
	    "type", "NetworkUnavailable", "status",
	    node->available ? "False" : "True");
}

/* The token for the next page has to be escaped. */
static void
serve_list(struct talk *talk, const char *path)
{
	struct kubeapi *api = talk->api;
	size_t limit = query_number(path, "limit=", NODES_MAX), i;
	json_t *items = json_array(), *list;
	char next[32] = "", version[16], *text;

	pthread_mutex_lock(&api->lock);
	api->counts[KUBEAPI_LISTS]++;
	i = query_number(path, "continue=a%2B%2F%3D", 0);
	for (; i < api->nnodes && json_array_size(items) < limit; i++)
		if (!api->nodes[i].gone)
			json_array_append_new(
			    items, node_object(&api->nodes[i]));
	if (i < api->nnodes)
		snprintf(next, sizeof(next), "a+/=%zu", i);
	snprintf(version, sizeof(version), "%u", api->version);
	pthread_mutex_unlock(&api->lock);
	list = json_pack("{s:s, s:{s:s, s:s}, s:o}", "kind", "NodeList",
	    "metadata", "resourceVersion", version, "continue", next, "items",
	    items);
	text = json_dumps(list, JSON_COMPACT);
	talk_answer(talk, 200, text);
	free(text);
	json_decref(list);
}

/* One line as a chunk. */
static void
talk_chunk(struct talk *talk, const char *text)
{
	char head[32];

	snprintf(head, sizeof(head), "%zx\r\n", strlen(text) + 1);
	talk_send(talk, head, strlen(head));
	talk_send(talk, text, strlen(text));
	talk_send(talk, "\n\r\n", 3);
}

static bool
talk_event(struct talk *talk, const struct node *node)
{
	json_t *event = json_pack("{s:s, s:o}", "type",
	    node->gone ? "DELETED" : "MODIFIED", "object", node_object(node));
	char *text = json_dumps(event, JSON_COMPACT);

	json_decref(event);
	talk_chunk(talk, text);
	free(text);
	return !talk_stale(talk);
}

static void
serve_watch(struct talk *talk, const char *path)
{
	static const char head[] = "HTTP/1.1 200 OK\r\n"
				   "Content-Type: application/json\r\n"
				   "Transfer-Encoding: chunked\r\n\r\n";
	struct kubeapi *api = talk->api;
	unsigned version = (unsigned)query_number(path, "resourceVersion=", 0);
	enum kubeapi_fault fault;
	struct node node;
	size_t i = 0;

	pthread_mutex_lock(&api->lock);
	api->counts[KUBEAPI_WATCHES]++;
	fault = api->fault;
	pthread_mutex_unlock(&api->lock);
	if (fault == KUBEAPI_GONE) {
		talk_answer(talk, 410, "{\"message\":\"too old\"}");
		return;
	}
	talk_send(talk, head, sizeof(head) - 1);
	if (fault == KUBEAPI_GONE_EVENT) {
		talk_chunk(talk,
		    "{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\","
		    "\"code\":410,\"reason\":\"Gone\"}}");
		talk_send(talk, "0\r\n\r\n", 5);
		return;
	}
	while (!talk_stale(talk)) {
		pthread_mutex_lock(&api->lock);
		if (i == api->nevents) {
			pthread_mutex_unlock(&api->lock);
			poll(NULL, 0, 20);
			continue;
		}
		node = api->events[i++];
		pthread_mutex_unlock(&api->lock);
		if (node.version > version && !talk_event(talk, &node))
			break;
	}
}

static void
serve_map(struct talk *talk, const char *method)
{
	struct kubeapi *api = talk->api;
	char *text = NULL;

	if (strcmp(method, "PUT") == 0) {
		serve_put(talk);
		return;
	}
	pthread_mutex_lock(&api->lock);
	if (strcmp(method, "POST") == 0 && api->map == NULL) {
		api->map = json_loads(talk->body, 0, NULL);
		json_object_set_new(json_object_get(api->map, "metadata"),
		    "uid", json_string("0a1b2c3d-0000-4000-8000-000000000001"));
		json_object_set_new(json_object_get(api->map, "metadata"),
		    "resourceVersion", json_string("1"));
		api->map_version = 1;
	} else if (strcmp(method, "POST") == 0) {
		pthread_mutex_unlock(&api->lock);
		talk_answer(talk, 409, "{\"message\":\"already exists\"}");
		return;
	}
	if (api->map != NULL)
		text = json_dumps(api->map, JSON_COMPACT);
	pthread_mutex_unlock(&api->lock);
	talk_answer(talk, text == NULL ? 404 : 200,
	    text == NULL ? "{\"message\":\"not found\"}" : text);
	free(text);
}

/* Compare and swap. */
static void
serve_put(struct talk *talk)
{
	struct kubeapi *api = talk->api;
	json_t *map = json_loads(talk->body, 0, NULL), *meta;
	const char *given;
	char version[16], *text = NULL;

	meta = json_object_get(map, "metadata");
	given = json_string_value(json_object_get(meta, "resourceVersion"));
	if (api->on_put != NULL)
		api->on_put(api->on_put_arg);
	pthread_mutex_lock(&api->lock);
	snprintf(version, sizeof(version), "%u", api->map_version);
	if (api->map != NULL && given != NULL && strcmp(given, version) == 0) {
		snprintf(version, sizeof(version), "%u", ++api->map_version);
		json_object_set_new(
		    meta, "resourceVersion", json_string(version));
		json_decref(api->map);
		api->map = json_incref(map);
		text = json_dumps(map, JSON_COMPACT);
		api->counts[KUBEAPI_PUTS]++;
	} else
		api->counts[KUBEAPI_CONFLICTS]++;
	pthread_mutex_unlock(&api->lock);
	json_decref(map);
	talk_answer(talk, text == NULL ? 409 : 200,
	    text == NULL ? "{\"message\":\"the object has been modified\"}"
			 : text);
	free(text);
}

static void
serve_patch(struct talk *talk, const char *name)
{
	struct kubeapi *api = talk->api;
	json_t *patch = json_loads(talk->body, 0, NULL), *condition;
	const char *status;
	size_t i;

	condition = json_array_get(
	    json_object_get(json_object_get(patch, "status"), "conditions"), 0);
	status = json_string_value(json_object_get(condition, "status"));
	pthread_mutex_lock(&api->lock);
	api->counts[KUBEAPI_PATCHES]++;
	for (i = 0; i < api->nnodes; i++) {
		struct node *node = &api->nodes[i];
		size_t len = strlen(node->name);

		if (strncmp(node->name, name, len) != 0 ||
		    strcmp(name + len, "/status") != 0 || status == NULL ||
		    strstr(talk->request,
			"application/strategic-merge-patch+json") == NULL)
			continue;
		node->available = strcmp(status, "False") == 0;
		node->version = ++api->version;
		api->events[api->nevents++] = *node;
	}
	pthread_mutex_unlock(&api->lock);
	json_decref(patch);
	talk_answer(talk, 200, "{}");
}

void
kubeapi_node(struct kubeapi *api, const char *name, const char *address)
{
	struct node *node = NULL;
	size_t i;

	pthread_mutex_lock(&api->lock);
	for (i = 0; i < api->nnodes; i++)
		if (strcmp(api->nodes[i].name, name) == 0)
			node = &api->nodes[i];
	if (node == NULL && api->nnodes < NODES_MAX)
		node = &api->nodes[api->nnodes++];
	if (node != NULL && api->nevents < EVENTS_MAX) {
		snprintf(node->name, sizeof(node->name), "%s", name);
		if (address != NULL)
			snprintf(node->address, sizeof(node->address), "%s",
			    address);
		node->gone = address == NULL;
		node->version = ++api->version;
		api->events[api->nevents++] = *node;
	}
	pthread_mutex_unlock(&api->lock);
}

void
kubeapi_set_unavailable(struct kubeapi *api, const char *name)
{
	pthread_mutex_lock(&api->lock);
	for (size_t i = 0; i < api->nnodes; i++) {
		struct node *node = &api->nodes[i];

		if (strcmp(node->name, name) != 0)
			continue;
		node->available = node->gone = false;
		node->version = ++api->version;
		api->events[api->nevents++] = *node;
	}
	pthread_mutex_unlock(&api->lock);
}

void
kubeapi_pause(struct kubeapi *api)
{
	pthread_mutex_lock(&api->lock);
	api->paused = true;
	api->generation++;
	pthread_mutex_unlock(&api->lock);
}

void
kubeapi_resume(struct kubeapi *api)
{
	pthread_mutex_lock(&api->lock);
	api->paused = false;
	pthread_mutex_unlock(&api->lock);
}

void
kubeapi_set_fault(struct kubeapi *api, enum kubeapi_fault fault)
{
	pthread_mutex_lock(&api->lock);
	api->fault = fault;
	api->generation++;
	pthread_mutex_unlock(&api->lock);
}

void
kubeapi_set_token(struct kubeapi *api, const char *token, bool written)
{
	pthread_mutex_lock(&api->lock);
	snprintf(api->token, sizeof(api->token), "%s", token);
	api->generation++;
	pthread_mutex_unlock(&api->lock);
	if (written)
		account_write(api, "token", token);
}

void
kubeapi_spoil_ca(struct kubeapi *api)
{
	EVP_PKEY *key = key_new();
	X509 *ca = certificate_new(key, "another CA", NULL, NULL, NULL);

	account_write_ca(api, ca);
	X509_free(ca);
	EVP_PKEY_free(key);
}

unsigned
kubeapi_get(struct kubeapi *api, enum kubeapi_count count)
{
	unsigned n;

	pthread_mutex_lock(&api->lock);
	n = api->counts[count];
	pthread_mutex_unlock(&api->lock);
	return n;
}

bool
kubeapi_available(struct kubeapi *api, const char *name)
{
	bool available = false;
	size_t i;

	pthread_mutex_lock(&api->lock);
	for (i = 0; i < api->nnodes; i++)
		available |= strcmp(api->nodes[i].name, name) == 0 &&
		    api->nodes[i].available;
	pthread_mutex_unlock(&api->lock);
	return available;
}

json_t *
kubeapi_map(struct kubeapi *api)
{
	json_t *map;

	pthread_mutex_lock(&api->lock);
	map = json_deep_copy(api->map);
	pthread_mutex_unlock(&api->lock);
	return map;
}

void
kubeapi_set_map(struct kubeapi *api, json_t *map)
{
	char version[16];

	pthread_mutex_lock(&api->lock);
	snprintf(version, sizeof(version), "%u", ++api->map_version);
	json_object_set_new(json_object_get(map, "metadata"), "resourceVersion",
	    json_string(version));
	json_decref(api->map);
	api->map = map;
	pthread_mutex_unlock(&api->lock);
}

bool
kubeapi_has_peer(struct kubeapi *api, const char *peer, const char *node)
{
	json_t *map = kubeapi_map(api), *record, *entry;
	const char *text, *is;
	bool found = false;
	size_t i;

	text = json_string_value(json_object_get(
	    json_object_get(json_object_get(map, "metadata"), "annotations"),
	    LIST_KEY));
	record = text == NULL ? NULL : json_loads(text, 0, NULL);
	json_array_foreach(json_object_get(record, "Peers"), i, entry) {
		is = json_string_value(json_object_get(entry, "NodeName"));
		text = json_string_value(json_object_get(entry, "PeerName"));
		found |= text != NULL && strcmp(text, peer) == 0 &&
		    (node == NULL || (is != NULL && strcmp(is, node) == 0));
	}
	json_decref(record);
	json_decref(map);
	return found;
}

void
kubeapi_on_put(struct kubeapi *api, void (*called)(void *arg), void *arg)
{
	pthread_mutex_lock(&api->lock);
	api->on_put_arg = arg;
	api->on_put = called;
	pthread_mutex_unlock(&api->lock);
}
