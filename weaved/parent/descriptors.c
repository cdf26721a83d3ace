#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/if_tun.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <netinet/udp.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "common/log.h"
#include "common/offload.h"
#include "weaved/parent/descriptors.h"
#include "weaved/weaved.h"

/* Newer than the C library's headers. */
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103 /* Linux 4.18 */
#endif
#ifndef UDP_GRO
#define UDP_GRO 104 /* 5.0 */
#endif
#ifndef TUN_F_USO4
#define TUN_F_USO4 0x20 /* 6.2, and only both */
#define TUN_F_USO6 0x40
#endif

#define BUSY_TRIES 20
#define BUSY_PAUSE 50000000 /* nanoseconds */
#define LISTEN_BACKLOG 128
#define TAP_QUEUE 1000 /* frames that wait for the engine */
#define UDP_BUFFER (8 * 1024 * 1024) /* bytes, each direction */

static int descriptors_fail(char *, const char *, const char *);
static bool descriptors_be_patient(int *);
static int descriptors_bind(int, const struct sockaddr_in *);
static int descriptors_open_tcp(const struct conf *, char *);
static int descriptors_await_udp(const struct conf *, char *);
static int descriptors_open_udp(const struct conf *, int, char *);
static int descriptors_steer(int);
static void descriptors_offload_udp(struct descriptors *, const struct conf *);
static short descriptors_tap_flags(const struct conf *, int);
static void descriptors_offload_tap(
    struct descriptors *, const struct conf *, short);
static void descriptors_set_queue(const char *);
static int descriptors_unlink_stale(const struct sockaddr_un *);
static int descriptors_directory(const char *, mode_t, char *);

static int
descriptors_fail(char *error, const char *what, const char *name)
{
	snprintf(
	    error, CONF_ERROR_MAX, "%s %s: %s", what, name, strerror(errno));
	return -1;
}

void
descriptors_setup_stream(int fd)
{
	int on = 1;

	/* Gossip is small and must not wait for more of it. */
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
}

/*
 * The children of a daemon that was just killed hold what they have a little
 * longer. Sleeps; false when that was often enough.
 */
static bool
descriptors_be_patient(int *tries)
{
	const struct timespec pause = {.tv_nsec = BUSY_PAUSE};

	if (++*tries == BUSY_TRIES)
		return false;
	nanosleep(&pause, NULL);
	return true;
}

static int
descriptors_bind(int fd, const struct sockaddr_in *sin)
{
	int tries = 0;

	while (bind(fd, (const struct sockaddr *)sin, sizeof(*sin)) == -1)
		if (errno != EADDRINUSE || !descriptors_be_patient(&tries))
			return -1;
	return 0;
}

static int
descriptors_open_tcp(const struct conf *conf, char *error)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(conf->port),
	    .sin_addr.s_addr = htonl(conf->listen)};
	int fd, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return descriptors_fail(error, "TCP", "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	descriptors_setup_stream(fd);
	if (descriptors_bind(fd, &sin) == -1 ||
	    listen(fd, LISTEN_BACKLOG) == -1) {
		char address[IPV4_STRLEN];

		if (errno == EADDRINUSE)
			snprintf(error, CONF_ERROR_MAX, "port %u in use",
			    conf->port);
		else
			descriptors_fail(error, "listen",
			    ipv4_format(conf->listen, address));
		close(fd);
		return -1;
	}
	return fd;
}

int
descriptors_open_http(
    struct endpoint endpoint, const char *key, char error[CONF_ERROR_MAX])
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(endpoint.port),
	    .sin_addr.s_addr = htonl(endpoint.addr)};
	char address[ENDPOINT_STRLEN];
	int fd, on = 1;

	fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return descriptors_fail(error, key, "socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (descriptors_bind(fd, &sin) == -1 ||
	    listen(fd, LISTEN_BACKLOG) == -1) {
		descriptors_fail(
		    error, key, endpoint_format(endpoint, address));
		close(fd);
		return -1;
	}
	return fd;
}

/* Input of the whole group goes to its first member. */
static int
descriptors_steer(int fd)
{
	struct sock_filter first = BPF_STMT(BPF_RET | BPF_K, 0);
	struct sock_fprog program = {1, &first};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_REUSEPORT_CBPF, &program,
	    sizeof(program));
}

/*
 * Both sockets must be the first of their group: a member that leaves is
 * replaced by the last one, and input would then go to that. So the port has
 * to be free of others before.
 */
static int
descriptors_await_udp(const struct conf *conf, char *error)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(conf->port),
	    .sin_addr.s_addr = htonl(conf->listen)};
	int fd, bound;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return descriptors_fail(error, "UDP", "socket");
	bound = descriptors_bind(fd, &sin);
	if (bound == -1 && errno == EADDRINUSE)
		snprintf(
		    error, CONF_ERROR_MAX, "UDP port %u in use", conf->port);
	else if (bound == -1)
		descriptors_fail(error, "UDP", "bind");
	close(fd);
	return bound;
}

static int
descriptors_open_udp(const struct conf *conf, int discover, char *error)
{
	struct sockaddr_in sin = {.sin_family = AF_INET,
	    .sin_port = htons(conf->port),
	    .sin_addr.s_addr = htonl(conf->listen)};
	int buffer = UDP_BUFFER, fd, on = 1;

	fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd == -1)
		return descriptors_fail(error, "UDP", "socket");
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof(on)) == -1 ||
	    setsockopt(fd, IPPROTO_IP, IP_MTU_DISCOVER, &discover,
		sizeof(discover)) == -1 ||
	    setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)) == -1 ||
	    (discover == IP_PMTUDISC_DO &&
		setsockopt(fd, IPPROTO_IP, IP_RECVERR, &on, sizeof(on)) ==
		    -1)) {
		close(fd);
		return descriptors_fail(error, "UDP", "socket options");
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &buffer, sizeof(buffer));
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &buffer, sizeof(buffer));
	if (bind(fd, (struct sockaddr *)&sin, sizeof(sin)) == -1) {
		if (errno == EADDRINUSE)
			snprintf(error, CONF_ERROR_MAX, "UDP port %u in use",
			    conf->port);
		else
			descriptors_fail(error, "UDP", "bind");
		close(fd);
		return -1;
	}
	return fd;
}

/*
 * Only df receives, but joining packets the kernel asks one socket of the
 * group for its consent, and without the steering program.
 */
static void
descriptors_offload_udp(struct descriptors *fds, const struct conf *conf)
{
	int on = 1;
	socklen_t len = sizeof(on);

	if (conf->offload_udp_receive) {
		if (setsockopt(
			fds->df, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0 &&
		    setsockopt(
			fds->nodf, IPPROTO_UDP, UDP_GRO, &on, sizeof(on)) == 0)
			fds->offloads |= OFFLOAD_UDP_RECEIVE;
		else
			log_info("offload-udp-receive: not in this kernel");
	}
	if (conf->offload_udp_send) {
		if (getsockopt(fds->df, IPPROTO_UDP, UDP_SEGMENT, &on, &len) ==
		    0)
			fds->offloads |= OFFLOAD_UDP_SEND;
		else
			log_info("offload-udp-send: not in this kernel");
	}
}

/* TCP first and without SO_REUSEPORT: it tells a second daemon from us. */
int
descriptors_open_sockets(struct descriptors *fds, const struct conf *conf,
    char error[CONF_ERROR_MAX])
{
	if ((fds->tcp = descriptors_open_tcp(conf, error)) == -1 ||
	    descriptors_await_udp(conf, error) == -1)
		return -1;
	fds->df = descriptors_open_udp(conf, IP_PMTUDISC_DO, error);
	if (fds->df == -1)
		return -1;
	if (descriptors_steer(fds->df) == -1)
		return descriptors_fail(error, "UDP", "steering program");
	fds->nodf = descriptors_open_udp(conf, IP_PMTUDISC_DONT, error);
	if (fds->nodf == -1)
		return -1;
	descriptors_offload_udp(fds, conf);
	return 0;
}

uint64_t
descriptors_bridge_name(const char *bridge)
{
	struct ifreq ifr = {0};
	uint64_t name = PEERNAME_UNKNOWN;
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return name;
	strlcpy(ifr.ifr_name, bridge, sizeof(ifr.ifr_name));
	if (ioctl(fd, SIOCGIFHWADDR, &ifr) == 0 &&
	    ifr.ifr_hwaddr.sa_family == ARPHRD_ETHER)
		name = peername_get((const uint8_t *)ifr.ifr_hwaddr.sa_data);
	close(fd);
	return name;
}

static short
descriptors_tap_flags(const struct conf *conf, int tap)
{
	unsigned features = 0;

	if (conf->offload_tap && ioctl(tap, TUNGETFEATURES, &features) == 0 &&
	    (features & IFF_VNET_HDR) != 0)
		return IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
	return IFF_TAP | IFF_NO_PI;
}

static void
descriptors_offload_tap(
    struct descriptors *fds, const struct conf *conf, short flags)
{
	const unsigned tcp =
	    TUN_F_CSUM | TUN_F_TSO4 | TUN_F_TSO6 | TUN_F_TSO_ECN;

	if (!conf->offload_tap)
		return;
	if ((flags & IFF_VNET_HDR) == 0) {
		log_info("offload-tap: not in this kernel");
		return;
	}
	fds->offloads |= OFFLOAD_TAP;
	if (ioctl(fds->tap, TUNSETOFFLOAD, tcp | TUN_F_USO4 | TUN_F_USO6) == 0)
		fds->offloads |= OFFLOAD_TAP_UDP;
	else if (ioctl(fds->tap, TUNSETOFFLOAD, tcp) == 0)
		log_info("offload-tap: only TCP in this kernel");
	else
		log_info("offload-tap: no segments in this kernel");
	if (conf->coalesce)
		fds->offloads |= OFFLOAD_COALESCE;
}

/*
 * The kernel's 500 frames are filled by small packets while the engine waits
 * for a turn of a few milliseconds.
 */
static void
descriptors_set_queue(const char *name)
{
	struct ifreq ifr = {.ifr_qlen = TAP_QUEUE};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	strlcpy(ifr.ifr_name, name, sizeof(ifr.ifr_name));
	if (fd == -1 || ioctl(fd, SIOCSIFTXQLEN, &ifr) == -1)
		log_warn("%s: queue stays short: %s", name, strerror(errno));
	if (fd != -1)
		close(fd);
}

int
descriptors_open_tap(struct descriptors *fds, const struct conf *conf,
    char error[CONF_ERROR_MAX])
{
	struct ifreq ifr = {0};
	int tries = 0;
	short flags;

	snprintf(
	    fds->tap_name, sizeof(fds->tap_name), "%.11s-tap", conf->bridge);
	fds->tap = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (fds->tap == -1)
		return descriptors_fail(error, "TAP", "/dev/net/tun");
	strlcpy(ifr.ifr_name, fds->tap_name, sizeof(ifr.ifr_name));
	flags = ifr.ifr_flags = descriptors_tap_flags(conf, fds->tap);
	while (ioctl(fds->tap, TUNSETIFF, &ifr) == -1)
		if (errno != EBUSY || !descriptors_be_patient(&tries))
			return descriptors_fail(error, "TAP", fds->tap_name);
	descriptors_offload_tap(fds, conf, flags);
	descriptors_set_queue(fds->tap_name);
	return 0;
}

int
descriptors_renew_tap(struct descriptors *fds, const struct conf *conf,
    char error[CONF_ERROR_MAX])
{
	struct ifreq ifr = {0};

	if (ioctl(fds->tap, TUNGETIFF, &ifr) == 0)
		return 0;
	log_warn("%s is gone, making a new one", fds->tap_name);
	close(fds->tap);
	return descriptors_open_tap(fds, conf, error);
}

/* 0 if nothing is in the way any more. */
static int
descriptors_unlink_stale(const struct sockaddr_un *sun)
{
	struct stat st;
	int fd, busy;

	if (lstat(sun->sun_path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	if ((fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0)) == -1)
		return -1;
	busy = connect(fd, (const struct sockaddr *)sun, sizeof(*sun)) == 0;
	close(fd);
	if (busy) {
		errno = EADDRINUSE;
		return -1;
	}
	return unlink(sun->sun_path);
}

int
descriptors_open_control(struct descriptors *fds, const struct conf *conf,
    uint32_t gid, char error[CONF_ERROR_MAX])
{
	struct sockaddr_un sun = {.sun_family = AF_UNIX};
	int bound, tries = 0;
	mode_t mask;

	strlcpy(sun.sun_path, conf->control_socket, sizeof(sun.sun_path));
	while (descriptors_unlink_stale(&sun) == -1)
		if (errno != EADDRINUSE || !descriptors_be_patient(&tries))
			return descriptors_fail(
			    error, "control-socket", conf->control_socket);
	fds->control =
	    socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fds->control == -1)
		return descriptors_fail(
		    error, "control-socket", conf->control_socket);
	/* Made as the group's: a container may have no CAP_CHOWN. */
	mask = umask(0177);
	bound = setegid(gid) == -1
	    ? -1
	    : bind(fds->control, (struct sockaddr *)&sun, sizeof(sun));
	umask(mask);
	if (setegid(getgid()) == -1 || bound == -1 ||
	    chmod(sun.sun_path, 0660) == -1 ||
	    listen(fds->control, LISTEN_BACKLOG) == -1)
		return descriptors_fail(
		    error, "control-socket", conf->control_socket);
	return 0;
}

/*
 * Whatever the umask: others reach the control socket through the one, and
 * who could write to either could put something else in its place.
 */
static int
descriptors_directory(const char *path, mode_t mode, char *error)
{
	mode_t mask = umask(0);
	int made = mkdir(path, mode), saved_errno = errno;
	struct stat st;

	umask(mask);
	errno = saved_errno;
	if ((made == -1 && errno != EEXIST) || lstat(path, &st) == -1)
		return descriptors_fail(error, "directory", path);
	if (S_ISDIR(st.st_mode) && st.st_uid == 0 &&
	    (st.st_mode & 0222 & ~mode) == 0)
		return 0;
	snprintf(error, CONF_ERROR_MAX,
	    "directory %s: must belong to root and have mode %03o", path,
	    (unsigned int)mode);
	return -1;
}

int
descriptors_make_root(char error[CONF_ERROR_MAX])
{
	if (descriptors_directory("/run/weaved", 0755, error) == -1)
		return -1;
	return descriptors_directory(EMPTY_ROOT, 0555, error);
}
