/*
 * Small packets from one network namespace to another, both ends in this one
 * process, so that what arrived is known without asking the network.
 *
 *   packets rate FROM TO ADDRESS SECONDS SIZE
 *   packets echo FROM TO ADDRESS SECONDS PACKETS-PER-SECOND
 *
 * rate is a closed loop: as fast as a window of packets under way allows; the
 * window is halved until no more than 1 % is lost. echo is an open loop: a
 * packet leaves when its time has come, whatever became of those before. Both
 * print lines "NAME VALUE".
 */
#include <sys/prctl.h>
#include <sys/socket.h>

#include <arpa/inet.h>
#include <err.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define PORT 5202
#define BATCH 32
#define WINDOW_MAX 1024
#define WINDOW_MIN BATCH
#define SIZE_MAX_UDP 1472
#define GIVEN_UP 50000000 /* ns without progress: what is under way is lost */
#define SETTLE 200000000 /* ns for the last packets to arrive */
#define NS 1000000000ull

struct run {
	int from, to; /* sockets */
	unsigned seconds, number; /* SIZE, or PACKETS-PER-SECOND */
	atomic_ullong received;
	atomic_bool stop;
	uint32_t *rtt; /* ns; of received packets */
	size_t room;
};

static uint64_t clock_ns(void);
static void sleep_ns(uint64_t);
static int space_socket(const char *, const char *, bool);
static void space_connect(int, const char *);
static void run_thread(pthread_t *, void *(*)(void *), struct run *, bool);
static void *rate_receive(void *);
static unsigned rate_send(struct run *, const char *);
static void rate_wait(struct run *, uint64_t, uint64_t *, uint64_t *);
static double rate_window(struct run *, uint64_t, double *);
static void rate(struct run *);
static void *echo_return(void *);
static void *echo_receive(void *);
static uint64_t echo_send(struct run *);
static int rtt_compare(const void *, const void *);
static void echo(struct run *);

static uint64_t
clock_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * NS + (uint64_t)ts.tv_nsec;
}

static void
sleep_ns(uint64_t ns)
{
	struct timespec ts = {(time_t)(ns / NS), (long)(ns % NS)};

	nanosleep(&ts, NULL);
}

/* The socket stays in the namespace in which it was made. */
static int
space_socket(const char *space, const char *address, bool bound)
{
	struct timeval patience = {0, 100000};
	struct sockaddr_in sin = {AF_INET, htons(PORT)};
	int buffer = 8 << 20, fd, home, there;
	char path[256];

	snprintf(path, sizeof(path), "/run/netns/%s", space);
	if ((home = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC)) == -1 ||
	    (there = open(path, O_RDONLY | O_CLOEXEC)) == -1)
		err(1, "%s", path);
	if (setns(there, CLONE_NEWNET) == -1 ||
	    (fd = socket(AF_INET, SOCK_DGRAM, 0)) == -1 ||
	    setns(home, CLONE_NEWNET) == -1)
		err(1, "socket in %s", space);
	close(home);
	close(there);
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience));
	if (inet_pton(AF_INET, address, &sin.sin_addr) != 1)
		errx(1, "no address: %s", address);
	if (bound && bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "bind %s", address);
	return fd;
}

static void
space_connect(int fd, const char *address)
{
	struct sockaddr_in sin = {AF_INET, htons(PORT)};

	inet_pton(AF_INET, address, &sin.sin_addr);
	if (connect(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1)
		err(1, "connect %s", address);
}

/*
 * The ends of the measured flow would have cores of their own on two hosts:
 * what they wait for is the overlay, not a turn among the load's processes.
 */
static void
run_thread(
    pthread_t *thread, void *(*function)(void *), struct run *run, bool urgent)
{
	struct sched_param param = {.sched_priority = 1};

	if (pthread_create(thread, NULL, function, run) != 0)
		errx(1, "no thread");
	if (urgent && pthread_setschedparam(*thread, SCHED_FIFO, &param) != 0)
		warnx("no real-time priority");
}

static void *
rate_receive(void *arg)
{
	static char bytes[BATCH][SIZE_MAX_UDP];
	struct run *run = arg;
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov[BATCH];
	int n;

	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){bytes[i], sizeof(bytes[i])};
		msgs[i].msg_hdr.msg_iov = &iov[i];
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	while (!run->stop)
		if ((n = recvmmsg(run->to, msgs, BATCH, MSG_WAITFORONE, NULL)) >
		    0)
			run->received += (unsigned)n;
	return NULL;
}

static unsigned
rate_send(struct run *run, const char *bytes)
{
	struct mmsghdr msgs[BATCH] = {0};
	struct iovec iov = {(void *)(uintptr_t)bytes, run->number};
	int n;

	for (int i = 0; i < BATCH; i++) {
		msgs[i].msg_hdr.msg_iov = &iov;
		msgs[i].msg_hdr.msg_iovlen = 1;
	}
	n = sendmmsg(run->from, msgs, BATCH, 0);
	return n > 0 ? (unsigned)n : 0;
}

static void
rate_wait(struct run *run, uint64_t sent, uint64_t *seen, uint64_t *since)
{
	uint64_t now = clock_ns();

	if (run->received != *seen) {
		*seen = run->received;
		*since = now;
	} else if (now - *since > GIVEN_UP) {
		*seen = sent;
		*since = now;
	}
	sleep_ns(20000);
}

/* Packets a second that arrived, and which part of those sent did not. */
static double
rate_window(struct run *run, uint64_t window, double *loss)
{
	char bytes[SIZE_MAX_UDP] = {0};
	uint64_t sent = 0, lost = 0, seen = 0, start, since;
	pthread_t thread;
	double rate;

	run->received = 0;
	run->stop = false;
	run_thread(&thread, rate_receive, run, false);
	start = since = clock_ns();
	while (clock_ns() - start < run->seconds * NS) {
		if (sent + BATCH <= run->received + lost + window) {
			sent += rate_send(run, bytes);
			continue;
		}
		rate_wait(run, sent, &seen, &since);
		if (seen == sent && run->received < sent)
			lost = sent - run->received;
	}
	rate = (double)run->received / ((double)(clock_ns() - start) / NS);
	sleep_ns(SETTLE);
	run->stop = true;
	pthread_join(thread, NULL);
	*loss = sent == 0 ? 1 : 1 - (double)run->received / (double)sent;
	return rate;
}

static void
rate(struct run *run)
{
	double best = 0, loss = 1;

	for (uint64_t w = WINDOW_MAX; w >= WINDOW_MIN && loss > 0.01; w /= 2) {
		best = rate_window(run, w, &loss);
		if (loss > 0.01)
			best = 0;
	}
	printf("rate %.0f\nloss %.5f\n", best, loss);
}

static void *
echo_return(void *arg)
{
	struct run *run = arg;
	struct sockaddr_in sin;
	uint64_t stamp;
	socklen_t len;

	while (!run->stop) {
		len = sizeof(sin);
		if (recvfrom(run->to, &stamp, sizeof(stamp), 0,
			(struct sockaddr *)&sin, &len) == sizeof(stamp))
			sendto(run->to, &stamp, sizeof(stamp), MSG_DONTWAIT,
			    (struct sockaddr *)&sin, len);
	}
	return NULL;
}

static void *
echo_receive(void *arg)
{
	struct run *run = arg;
	uint64_t stamp;

	while (!run->stop)
		if (recv(run->from, &stamp, sizeof(stamp), 0) ==
			sizeof(stamp) &&
		    run->received < run->room)
			run->rtt[run->received++] =
			    (uint32_t)(clock_ns() - stamp);
	return NULL;
}

static uint64_t
echo_send(struct run *run)
{
	uint64_t start = clock_ns(), due, now;
	struct timespec ts;

	for (size_t i = 0; i < run->room; i++) {
		due = start + i * NS / run->number;
		ts = (struct timespec){(time_t)(due / NS), (long)(due % NS)};
		clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &ts, NULL);
		now = clock_ns();
		send(run->from, &now, sizeof(now), MSG_DONTWAIT);
	}
	return run->room;
}

static int
rtt_compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static void
echo(struct run *run)
{
	struct sched_param param = {.sched_priority = 1};
	pthread_t there, here;
	uint64_t sent;
	size_t n;

	run->room = (size_t)run->seconds * run->number;
	if ((run->rtt = calloc(run->room, sizeof(*run->rtt))) == NULL)
		err(1, NULL);
	run_thread(&there, echo_return, run, true);
	run_thread(&here, echo_receive, run, true);
	sched_setscheduler(0, SCHED_FIFO, &param);
	sent = echo_send(run);
	sleep_ns(SETTLE);
	run->stop = true;
	pthread_join(there, NULL);
	pthread_join(here, NULL);
	if ((n = run->received) == 0)
		errx(1, "no packet came back");
	qsort(run->rtt, n, sizeof(*run->rtt), rtt_compare);
	printf("p50 %.1f\np99 %.1f\nmax %.1f\nloss %.5f\n",
	    run->rtt[n / 2] / 1e3, run->rtt[n * 99 / 100] / 1e3,
	    run->rtt[n - 1] / 1e3, 1 - (double)n / (double)sent);
	free(run->rtt);
}

int
main(int argc, char **argv)
{
	struct run run = {0};
	bool echoes;

	if (argc != 7)
		errx(2, "usage: packets rate|echo FROM TO ADDRESS SECONDS N");
	echoes = strcmp(argv[1], "echo") == 0;
	run.seconds = (unsigned)strtonum(argv[5], 1, 3600, NULL);
	run.number = (unsigned)strtonum(
	    argv[6], 1, echoes ? 100000 : SIZE_MAX_UDP, NULL);
	if (run.seconds == 0 || run.number == 0)
		errx(2, "no number: %s %s", argv[5], argv[6]);
	prctl(PR_SET_TIMERSLACK, 1);
	run.from = space_socket(argv[2], argv[4], false);
	run.to = space_socket(argv[3], argv[4], true);
	space_connect(run.from, argv[4]);
	if (echoes)
		echo(&run);
	else
		rate(&run);
	return 0;
}
