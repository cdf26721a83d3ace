/*
 * No address is ever given twice: clients of five running daemons ask at random
 * and at the same time, while daemons and engines are killed, hosts cut off
 * from each other, and the addresses of a dead host taken over by another.
 * SOAK_OPERATIONS says how many requests there are.
 */
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/net.h"
#include "regress/lib/process.h"
#include "regress/lib/weaver.h"
#include "common/ctl.h"
#include "common/ctlclient.h"

#define HOSTS 5
#define IDS 40 /* clients of a host */
#define RANGE "10.32.0.0/24"
#define BASE UINT32_C(0x0a200000)
#define OPERATIONS 1200
#define WAIT_MS 1500 /* for one answer */
#define ANSWER_MAX 4096
#define EVENT_EVERY 100 /* requests between two disturbances */

/* Who asks a host for addresses, and what it was told. */
struct asker {
	pthread_t thread;
	struct host *host;
	unsigned seed;
	pthread_mutex_t lock; /* held during a request */
	uint32_t has[IDS]; /* address, 0: none that it knows of */
	struct ctlclient *link;
	bool reached; /* the last request was answered */
	unsigned restarts; /* ids of a host's second life differ */
	unsigned given;
	unsigned refused;
	char last_error[CTLCLIENT_ERROR_MAX];
};

static struct asker askers[HOSTS];
static pthread_mutex_t holders_lock = PTHREAD_MUTEX_INITIALIZER;
static int holders[256]; /* 1 + host * IDS + id, 0: nobody */
static char twice[512]; /* what must not happen */
static atomic_uint operations;
static atomic_bool finished;
static bool partitioned;

static struct net *live_start(size_t);
static void *live_ask(void *);
static void live_request(struct asker *, size_t);
static uint32_t live_allocate(struct asker *, const char *);
static uint32_t live_claim(struct asker *, const char *, uint32_t);
static bool live_release(struct asker *, const char *);
static const char *live_row(void *, uint32_t, const void *, size_t);
static bool live_weaved(
    struct asker *, uint32_t, const char *, uint32_t, struct ctl_ip_answer *);
static bool live_real(
    struct asker *, const char *, const char *, uint32_t, uint32_t *);
static void live_hold(struct asker *, size_t, uint32_t);
static void live_drop(struct asker *, size_t);
static void live_heal(struct net *);
static void live_disturb(struct net *);
static void live_restart(struct host *);
static void live_replace(struct net *, size_t, size_t);
static bool live_remove(struct host *, const struct host *);
static void live_run(size_t);

static struct net *
live_start(size_t reals)
{
	struct net *net = net_new(NET_ENCRYPTED);

	for (size_t i = 0; i < HOSTS; i++) {
		struct host *host =
		    i < reals ? weaver_host(net) : net_host(net);

		if (i >= reals && reals > 0)
			host_option(host, "protocol", "weave");
		if (i >= reals)
			host_option(host, "log", "info");
		host_option(host, "ipalloc-range", RANGE);
		host_option(host, "ipalloc-init", "consensus=%d", HOSTS);
	}
	/* A real router that was killed early may have forgotten its own. */
	for (size_t i = 0; i < HOSTS; i++)
		for (size_t j = 0; j < HOSTS; j++)
			if (i != j)
				host_peer(
				    &net->hosts[i], net->hosts[j].address);
	for (size_t i = 0; i < HOSTS; i++)
		host_start(&net->hosts[i]);
	NET_WAIT(60, net_full_mesh(net));
	return net;
}

static void
live_hold(struct asker *asker, size_t id, uint32_t addr)
{
	int me = 1 + (int)((size_t)(asker - askers) * IDS + id);
	uint32_t n = addr - BASE;

	pthread_mutex_lock(&holders_lock);
	if (n == 0 || n >= 255)
		snprintf(twice, sizeof(twice), "%08x is outside", addr);
	else if (holders[n] != 0 && holders[n] != me && twice[0] == '\0')
		snprintf(twice, sizeof(twice),
		    "10.32.0.%u of client %d given to client %d", n, holders[n],
		    me);
	else
		holders[n] = me;
	pthread_mutex_unlock(&holders_lock);
	asker->has[id] = addr;
	asker->given++;
}

static void
live_drop(struct asker *asker, size_t id)
{
	if (asker->has[id] == 0)
		return;
	pthread_mutex_lock(&holders_lock);
	holders[asker->has[id] - BASE] = 0;
	pthread_mutex_unlock(&holders_lock);
	asker->has[id] = 0;
}

static const char *
live_row(void *arg, uint32_t type, const void *row, size_t len)
{
	if (type != CTL_IP_ANSWER || len != sizeof(struct ctl_ip_answer))
		return "not an answer";
	memcpy(arg, row, len);
	return NULL;
}

/* A daemon that was killed is asked again through a new connection. */
static bool
live_weaved(struct asker *asker, uint32_t type, const char *id, uint32_t addr,
    struct ctl_ip_answer *answer)
{
	struct ctl_ip ip = {.addr = addr, .wait = WAIT_MS};
	char path[160];
	bool done;

	strlcpy(ip.id, id, sizeof(ip.id));
	if (type == CTL_IP_CLAIM)
		ip.len = 24;
	snprintf(path, sizeof(path), "%s/ctl", asker->host->directory);
	if (asker->link == NULL)
		asker->link = ctlclient_open(
		    path, "test", WAIT_MS + 2000, asker->last_error);
	if ((asker->reached = asker->link != NULL) == false)
		return false;
	done = ctlclient_ask(asker->link, type, &ip, sizeof(ip), live_row,
		   answer, asker->last_error) == 0;
	if (!done && strncmp(asker->last_error, "weaved ", 7) == 0) {
		ctlclient_close(asker->link);
		asker->link = NULL;
		asker->reached = false;
	}
	return done;
}

static bool
live_real(struct asker *asker, const char *method, const char *id,
    uint32_t addr, uint32_t *given)
{
	char what[128], output[ANSWER_MAX];
	unsigned n;

	if (addr != 0)
		snprintf(what, sizeof(what), "/ip/%s/10.32.0.%u/24", id,
		    addr - BASE);
	else
		snprintf(what, sizeof(what), "/ip/%s", id);
	asker->reached = true;
	if (!weaver_http(asker->host, method, what, output, sizeof(output))) {
		asker->reached = output[0] != '\0';
		strlcpy(asker->last_error, output, sizeof(asker->last_error));
		return false;
	}
	if (given != NULL && sscanf(output, "10.32.0.%u/24", &n) == 1)
		*given = BASE + n;
	return true;
}

static uint32_t
live_allocate(struct asker *asker, const char *id)
{
	struct ctl_ip_answer answer = {0};
	uint32_t addr = 0;

	if (asker->host->kind == HOST_WEAVER)
		return live_real(asker, "POST", id, 0, &addr) ? addr : 0;
	return live_weaved(asker, CTL_IP_ALLOCATE, id, 0, &answer) ? answer.addr
								   : 0;
}

static uint32_t
live_claim(struct asker *asker, const char *id, uint32_t addr)
{
	struct ctl_ip_answer answer = {0};
	bool done;

	if (asker->host->kind == HOST_WEAVER)
		done = live_real(asker, "PUT", id, addr, NULL);
	else
		done = live_weaved(asker, CTL_IP_CLAIM, id, addr, &answer);
	return done ? addr : 0;
}

static bool
live_release(struct asker *asker, const char *id)
{
	struct ctl_ip_answer answer;

	if (asker->host->kind == HOST_WEAVER)
		return live_real(asker, "DELETE", id, 0, NULL);
	return live_weaved(asker, CTL_IP_RELEASE, id, 0, &answer);
}

static void
live_request(struct asker *asker, size_t id)
{
	uint32_t addr;
	char name[32];

	snprintf(name, sizeof(name), "c%u-%zu", asker->restarts, id);
	if (asker->has[id] != 0) {
		/* From now on it does not use the address. */
		live_drop(asker, id);
		live_release(asker, name);
		return;
	}
	/* An earlier request whose answer was lost may have been granted. */
	if (rand_r(&asker->seed) % 4 == 0 && live_release(asker, name))
		return;
	if (rand_r(&asker->seed) % 4 == 0)
		addr = live_claim(asker, name,
		    BASE + 1 + (uint32_t)rand_r(&asker->seed) % 254);
	else
		addr = live_allocate(asker, name);
	if (addr != 0)
		live_hold(asker, id, addr);
	else
		asker->refused++;
}

static void *
live_ask(void *arg)
{
	struct asker *asker = arg;

	while (!atomic_load(&finished)) {
		pthread_mutex_lock(&asker->lock);
		live_request(asker, (size_t)rand_r(&asker->seed) % IDS);
		pthread_mutex_unlock(&asker->lock);
		if (asker->reached)
			atomic_fetch_add(&operations, 1);
		else
			net_pause();
	}
	return NULL;
}

static void
live_restart(struct host *host)
{
	host_kill(host, SIGKILL);
	host_start(host);
}

static bool
live_remove(struct host *host, const struct host *gone)
{
	char what[64], output[ANSWER_MAX];

	if (host->kind == HOST_WEAVER) {
		snprintf(what, sizeof(what), "/peer/%s", gone->name);
		return weaver_http(
		    host, "DELETE", what, output, sizeof(output));
	}
	snprintf(what, sizeof(what), "rmpeer %s", gone->name);
	return host_ctl(host, output, sizeof(output), what) == 0 ||
	    strstr(output, "owns no addresses") != NULL;
}

/* A host dies for good with its clients; a new one comes in its place. */
static void
live_replace(struct net *net, size_t gone, size_t heir)
{
	struct asker *asker = &askers[gone];
	struct host *host = &net->hosts[gone];
	static unsigned names;

	pthread_mutex_lock(&asker->lock);
	host_kill(host, SIGKILL);
	for (size_t i = 0; i < IDS; i++)
		live_drop(asker, i);
	NET_WAIT(120, live_remove(&net->hosts[heir], host));
	net_run(host->ns, "rm -rf %s/*.db %s/state", host->directory,
	    host->directory);
	snprintf(host->name, sizeof(host->name), "5e:00:00:00:00:%02x",
	    ++names & 0xff);
	host_option(host, "name", "%s", host->name);
	host_option(host, "ipalloc-init", "observer");
	asker->restarts++;
	host_start(host);
	pthread_mutex_unlock(&asker->lock);
}

static void
live_heal(struct net *net)
{
	if (partitioned)
		net_heal(net);
	partitioned = false;
}

static void
live_disturb(struct net *net)
{
	size_t i = (size_t)random() % HOSTS, j = (size_t)random() % HOSTS;
	pid_t pid;

	switch (random() % 8) {
	case 0:
	case 1:
		live_restart(&net->hosts[i]);
		break;
	case 2:
		if (net->hosts[i].kind == HOST_WEAVED &&
		    (pid = host_process(&net->hosts[i], "engine")) > 0)
			kill(pid, SIGKILL);
		break;
	case 3:
	case 4:
		if (i == j)
			break;
		net_cut(&net->hosts[i], &net->hosts[j]);
		partitioned = true;
		break;
	case 5:
	case 6:
		live_heal(net);
		break;
	default:
		live_heal(net);
		if (i != j && random() % 4 == 0)
			live_replace(net, i, j);
	}
}

static void
live_run(size_t reals)
{
	const char *text = getenv("SOAK_OPERATIONS");
	unsigned total = text != NULL ? (unsigned)atoi(text) : OPERATIONS;
	unsigned next = EVENT_EVERY, given = 0;
	struct net *net;

	net = live_start(reals);
	for (size_t i = 0; i < HOSTS; i++) {
		askers[i].host = &net->hosts[i];
		askers[i].seed = (unsigned)i + 1;
		pthread_mutex_init(&askers[i].lock, NULL);
		ATF_REQUIRE_EQ(0,
		    pthread_create(
			&askers[i].thread, NULL, live_ask, &askers[i]));
	}
	while (atomic_load(&operations) < total && twice[0] == '\0') {
		if (atomic_load(&operations) < next) {
			net_pause();
			continue;
		}
		live_disturb(net);
		next = atomic_load(&operations) + EVENT_EVERY;
	}
	atomic_store(&finished, true);
	for (size_t i = 0; i < HOSTS; i++) {
		pthread_join(askers[i].thread, NULL);
		printf("host%zu: %u given, %u refused, lives %u, last: %s\n",
		    i + 1, askers[i].given, askers[i].refused,
		    askers[i].restarts + 1, askers[i].last_error);
		given += askers[i].given;
	}
	ATF_CHECK_MSG(twice[0] == '\0', "%s", twice);
	ATF_CHECK(given > total / 20);
	live_heal(net);
	NET_WAIT(120, net_full_mesh(net));
	net_check(net);
}

ATF_TC(of_weaved);
ATF_TC_HEAD(of_weaved, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(of_weaved, tc)
{
	live_run(0);
}

ATF_TC(with_real);
ATF_TC_HEAD(with_real, tc)
{
	atf_tc_set_md_var(tc, "timeout", "300");
}
ATF_TC_BODY(with_real, tc)
{
	weaver_required();
	live_run(3);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, of_weaved);
	ATF_TP_ADD_TC(tp, with_real);
	return atf_no_error();
}
