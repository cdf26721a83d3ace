#include <sys/socket.h>

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <string.h>

#include "common/log.h"
#include "weaved/child.h"
#include "weaved/resolver/resolver.h"

static void resolver_handle_lookup(void *, struct imsg *);
static void resolver_collect(const struct addrinfo *, struct imsg_resolved *);

static const struct dispatch_entry table[] = {
    CHILD_DISPATCH,
    DISPATCH(IMSG_LOOKUP, struct imsg_lookup, resolver_handle_lookup),
};

static void
resolver_collect(const struct addrinfo *list, struct imsg_resolved *answer)
{
	const size_t max = sizeof(answer->addrs) / sizeof(answer->addrs[0]);

	for (; list != NULL && answer->naddrs < max; list = list->ai_next) {
		struct sockaddr_in sin;

		if (list->ai_family != AF_INET ||
		    list->ai_addrlen != sizeof(sin))
			continue;
		memcpy(&sin, list->ai_addr, sizeof(sin));
		answer->addrs[answer->naddrs++] = ntohl(sin.sin_addr.s_addr);
	}
}

/* One at a time: a slow name server delays only other names. */
static void
resolver_handle_lookup(void *arg, struct imsg *imsg)
{
	const struct addrinfo hints = {
	    .ai_family = AF_INET, .ai_socktype = SOCK_STREAM};
	struct imsg_resolved answer = {0};
	struct imsg_lookup message;
	struct addrinfo *list;
	int error;

	(void)arg;
	memcpy(&message, imsg->data, sizeof(message));
	message.host[sizeof(message.host) - 1] = '\0';
	answer.target = message.target;
	error = getaddrinfo(message.host, NULL, &hints, &list);
	if (error != 0)
		strlcpy(
		    answer.error, gai_strerror(error), sizeof(answer.error));
	else {
		resolver_collect(list, &answer);
		freeaddrinfo(list);
		if (answer.naddrs == 0)
			strlcpy(answer.error, "no IPv4 address",
			    sizeof(answer.error));
	}
	child_send(IMSG_RESOLVED, 0, &answer, sizeof(answer));
}

void
resolver_main(void)
{
	child_init(
	    PROC_RESOLVER, table, sizeof(table) / sizeof(table[0]), NULL);
	child_run();
}
