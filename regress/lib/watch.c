#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/watch.h"

#define WATCH_BUFFER (64 << 20) /* a burst of ten thousand packets */

struct watch_shared {
	_Atomic uint64_t packets;
	_Atomic uint64_t clear;
	char first[96];
};

struct watch {
	pid_t pid;
	struct watch_shared *shared;
};

static struct watch the_watch;

static void watch_run(int, struct watch_shared *) __attribute__((noreturn));
static void watch_note(struct watch_shared *, const uint8_t *, size_t);

struct watch *
watch_start(struct net *net)
{
	struct watch *watch = &the_watch;
	int s, size = WATCH_BUFFER;

	watch->shared = mmap(NULL, sizeof(*watch->shared),
	    PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	ATF_REQUIRE(watch->shared != MAP_FAILED);
	net_enter(net->underlay);
	s = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETH_P_ALL));
	net_leave(net);
	ATF_REQUIRE_MSG(s != -1, "packet socket: %s", strerror(errno));
	setsockopt(s, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size));
	ATF_REQUIRE((watch->pid = fork()) != -1);
	if (watch->pid == 0)
		watch_run(s, watch->shared);
	close(s);
	return watch;
}

static void
watch_run(int s, struct watch_shared *shared)
{
	static uint8_t buf[1 << 17];
	ssize_t n;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	for (;;) {
		if ((n = recv(s, buf, sizeof(buf), 0)) == -1) {
			if (errno == EINTR || errno == ENETDOWN)
				continue;
			_exit(1);
		}
		if (memmem(buf, (size_t)n, WATCH_MARKER, WATCH_MARKER_LEN))
			watch_note(shared, buf, (size_t)n);
		atomic_fetch_add(&shared->packets, 1);
	}
}

static void
watch_note(struct watch_shared *shared, const uint8_t *frame, size_t len)
{
	const uint8_t *ip = frame + ETH_HLEN;

	if (atomic_fetch_add(&shared->clear, 1) > 0 || len < ETH_HLEN + 24)
		return;
	snprintf(shared->first, sizeof(shared->first),
	    "%u.%u.%u.%u > %u.%u.%u.%u protocol %u, %zu bytes", ip[12], ip[13],
	    ip[14], ip[15], ip[16], ip[17], ip[18], ip[19], ip[9], len);
}

/* What was sent before the call has been read by its end. */
struct watch_result
watch_result(const struct watch *watch)
{
	struct watch_result result;
	uint64_t before;

	do {
		before = atomic_load(&watch->shared->packets);
		usleep(100000);
	} while (atomic_load(&watch->shared->packets) > before + 200);
	result.packets = atomic_load(&watch->shared->packets);
	result.clear = atomic_load(&watch->shared->clear);
	memcpy(result.first, watch->shared->first, sizeof(result.first));
	result.first[sizeof(result.first) - 1] = '\0';
	return result;
}

void
watch_stop(struct watch *watch)
{
	if (watch == NULL || watch->pid == 0)
		return;
	kill(watch->pid, SIGKILL);
	waitpid(watch->pid, NULL, 0);
	watch->pid = 0;
}

void
watch_fill(void *buf, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++)
		((char *)buf)[i] = WATCH_MARKER[i % WATCH_MARKER_LEN];
}
