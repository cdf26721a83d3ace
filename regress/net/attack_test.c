/*
 * Two thousand connections from two hundred addresses that stall at any step
 * of the handshake: a peer that was here before is back meanwhile, in less
 * than a second where the machine is not shared (SOAK_SECONDS is set), and
 * memory does not grow.
 */
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <sodium.h>

#include "common/hello.h"
#include "regress/lib/net.h"
#include "regress/lib/process.h"

#define CONNECTIONS 2000
#define SOURCES 200
#define SOURCE_FIRST 30 /* 10.77.0.30 and on */
#define AGAIN_MS 1000 /* who was closed comes back after this */
#define PER_TURN 20 /* connections begun at a time */
#define TRIALS 3
#define RSS_MAX 32768 /* KiB, of all processes together */
#define OLD_INTRO (7 + 1 + 32)

enum step {
	STEP_CONNECTED, /* nothing sent */
	STEP_HEADER,
	STEP_HELLO,
	STEP_SHARE, /* and its answer is never confirmed */
	STEP_OLD, /* version 2: header, flag and key, a first frame */
	STEPS
};

struct slot {
	uint64_t again; /* when to connect, if it is not */
	size_t got;
	bool sent;
};

/* What the child tells. */
struct told {
	uint64_t opened;
	uint64_t closed;
	uint64_t most; /* bytes that one connection got */
	uint64_t sealed; /* connections of version 2 with more than an intro */
};

struct attack {
	struct host *from;
	enum step step;
	pid_t pid;
	struct told *told; /* shared */
};

static size_t attack_frame(uint8_t *, size_t, uint8_t *);
static size_t attack_bytes(enum step, uint8_t *);
static int attack_connect(size_t);
static void attack_slot(
    const struct attack *, struct slot *, struct pollfd *, uint64_t);
static void attack_loop(const struct attack *) __attribute__((noreturn));
static struct attack attack_begin(struct host *, enum step);
static void attack_end(struct attack *);
static uint64_t rss_of(struct host *);
static uint64_t back_after(struct host *, struct host *);
static void stall_at(enum step, const char *);

static const char victim[] = "10.77.0.1";

/* body as a frame at out + len; the new length. */
static size_t
attack_frame(uint8_t *out, size_t len, uint8_t *body)
{
	size_t n = body == NULL ? 32 : HELLO_LEN;

	memset(out + len, 0, 4);
	out[len + 3] = (uint8_t)n;
	if (body != NULL)
		memcpy(out + len + 4, body, n);
	else
		crypto_core_ristretto255_random(out + len + 4);
	return len + 4 + n;
}

/* What is sent at once, up to this step. */
static size_t
attack_bytes(enum step step, uint8_t *out)
{
	uint8_t hello[HELLO_LEN], nonce[HELLO_NONCE_LEN];
	size_t len = 7;

	if (step == STEP_CONNECTED)
		return 0;
	if (step == STEP_OLD) {
		memcpy(out, "weave\2\2\1", 8);
		randombytes_buf(out + 8, 32 + 4 + 64);
		memcpy(out + OLD_INTRO, "\0\0\0\100", 4);
		return OLD_INTRO + 4 + 64;
	}
	memcpy(out, "weave\3\3", len);
	randombytes_buf(nonce, sizeof(nonce));
	hello_put(hello, HELLO_INITIATOR,
	    0x0b0000000001 + randombytes_uniform(1000000), nonce);
	if (step >= STEP_HELLO)
		len = attack_frame(out, len, hello);
	if (step >= STEP_SHARE)
		len = attack_frame(out, len, NULL);
	return len;
}

static int
attack_connect(size_t slot)
{
	struct sockaddr_in from = {.sin_family = AF_INET};
	struct sockaddr_in to = {
	    .sin_family = AF_INET, .sin_port = htons(NET_PORT)};
	int s = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	inet_pton(AF_INET, victim, &to.sin_addr);
	from.sin_addr.s_addr =
	    htonl(0x0a4d0000 + SOURCE_FIRST + (uint32_t)(slot % SOURCES));
	bind(s, (struct sockaddr *)&from, sizeof(from));
	connect(s, (struct sockaddr *)&to, sizeof(to));
	return s;
}

static void
attack_slot(const struct attack *attack, struct slot *slot, struct pollfd *wait,
    uint64_t now)
{
	uint8_t buf[4096];
	ssize_t n = 1;
	size_t len;

	if (!slot->sent && (wait->revents & POLLOUT)) {
		len = attack_bytes(attack->step, buf);
		if (len > 0)
			n = send(wait->fd, buf, len, MSG_NOSIGNAL);
		slot->sent = true;
		wait->events = POLLIN;
		attack->told->opened++;
	} else if (wait->revents != 0) {
		n = recv(wait->fd, buf, sizeof(buf), 0);
		slot->got += n > 0 ? (size_t)n : 0;
	}
	if (n > 0)
		return;
	if (slot->got > attack->told->most)
		attack->told->most = slot->got;
	attack->told->sealed +=
	    attack->step == STEP_OLD && slot->got > OLD_INTRO;
	attack->told->closed++;
	close(wait->fd);
	wait->fd = -1;
	slot->again = now + AGAIN_MS;
}

/* In a process of its own, until it is killed. */
static void
attack_loop(const struct attack *attack)
{
	static struct slot slots[CONNECTIONS];
	static struct pollfd waits[CONNECTIONS];

	net_enter(attack->from->ns);
	for (size_t i = 0; i < CONNECTIONS; i++)
		waits[i].fd = -1;
	for (;;) {
		uint64_t now = net_now();
		int begun = 0;

		for (size_t i = 0; i < CONNECTIONS && begun < PER_TURN; i++) {
			if (waits[i].fd != -1 || now < slots[i].again)
				continue;
			slots[i] = (struct slot){0};
			waits[i].fd = attack_connect(i);
			waits[i].events = POLLOUT;
			begun++;
		}
		poll(waits, CONNECTIONS, 10);
		for (size_t i = 0; i < CONNECTIONS; i++)
			if (waits[i].fd != -1)
				attack_slot(attack, &slots[i], &waits[i], now);
		usleep(5000); /* the machine is shared with the victim */
	}
}

static struct attack
attack_begin(struct host *from, enum step step)
{
	struct attack attack = {.from = from, .step = step};

	attack.told = mmap(NULL, sizeof(*attack.told), PROT_READ | PROT_WRITE,
	    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(attack.told != MAP_FAILED);
	ATF_REQUIRE((attack.pid = fork()) != -1);
	if (attack.pid == 0)
		attack_loop(&attack);
	NET_WAIT(120, attack.told->opened >= CONNECTIONS);
	return attack;
}

static void
attack_end(struct attack *attack)
{
	kill(attack->pid, SIGKILL);
	waitpid(attack->pid, NULL, 0);
}

static uint64_t
rss_of(struct host *host)
{
	pid_t children[PROCESS_CHILDREN_MAX];
	size_t n = process_children(host->pid, children);
	uint64_t sum = process_rss(host->pid);

	for (size_t i = 0; i < n; i++)
		sum += process_rss(children[i]);
	return sum;
}

/* ms until a host that starts anew is established. */
static uint64_t
back_after(struct host *host, struct host *with)
{
	char buf[1024], command[64];
	uint64_t begun;

	host_stop(host);
	host_start(host);
	snprintf(command, sizeof(command), "connect %s", with->address);
	begun = net_now();
	ATF_REQUIRE_EQ(0, host_ctl(host, buf, sizeof(buf), command));
	NET_WAIT(120, host_connected(host, with));
	return net_now() - begun;
}

static void
stall_at(enum step step, const char *protocol)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *a = net_host(net), *b = net_host(net), *c = net_host(net);
	uint64_t rss, most = 0, ms;
	struct attack attack;

	ATF_REQUIRE(sodium_init() != -1);
	host_option(a, "protocol", "%s", protocol);
	for (int i = 0; i < SOURCES; i++)
		net_run(c->ns, "ip address add 10.77.0.%d/24 dev u0",
		    SOURCE_FIRST + i);
	host_start(a);
	host_start(b);
	back_after(b, a); /* it is no stranger from now on */
	rss = rss_of(a);
	attack = attack_begin(c, step);
	for (int i = 0; i < TRIALS; i++) {
		ms = back_after(b, a);
		most = ms > most ? ms : most;
	}
	rss = rss_of(a) > rss ? rss_of(a) - rss : 0;
	attack_end(&attack);
	printf("step %d: back within %llu ms, %llu KiB more, %llu connections "
	       "of which %llu closed, at most %llu bytes got\n",
	    step, (unsigned long long)most, (unsigned long long)rss,
	    (unsigned long long)attack.told->opened,
	    (unsigned long long)attack.told->closed,
	    (unsigned long long)attack.told->most);
	ATF_CHECK_MSG(
	    rss < RSS_MAX, "memory grew by %llu KiB", (unsigned long long)rss);
	ATF_CHECK_EQ(0, attack.told->sealed);
	if (getenv("SOAK_SECONDS") != NULL)
		ATF_CHECK_MSG(most < 1000, "back after %llu ms",
		    (unsigned long long)most);
}

#define STALL_CASE(name, step, protocol)                 \
	ATF_TC(name);                                    \
	ATF_TC_HEAD(name, tc)                            \
	{                                                \
		atf_tc_set_md_var(tc, "timeout", "600"); \
	}                                                \
	ATF_TC_BODY(name, tc)                            \
	{                                                \
		stall_at(step, protocol);                \
	}
STALL_CASE(stalled_connected, STEP_CONNECTED, "hardened")
STALL_CASE(stalled_header, STEP_HEADER, "hardened")
STALL_CASE(stalled_hello, STEP_HELLO, "hardened")
STALL_CASE(stalled_share, STEP_SHARE, "hardened")
STALL_CASE(stalled_old, STEP_OLD, "mixed")

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, stalled_connected);
	ATF_TP_ADD_TC(tp, stalled_header);
	ATF_TP_ADD_TC(tp, stalled_hello);
	ATF_TP_ADD_TC(tp, stalled_share);
	ATF_TP_ADD_TC(tp, stalled_old);
	return atf_no_error();
}
