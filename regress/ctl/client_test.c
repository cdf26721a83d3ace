/*
 * weavectl's side of the socket against daemons that misbehave: each is a
 * child of the test that serves one client as its case says.
 */
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <atf-c.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/ctl.h"
#include "common/imsg.h"
#include "weavectl/client.h"

#define SOCKET "ctl.sock"
#define PATIENCE_MS 10000
#define SHORT_MS 1000

typedef void (*serve)(int fd);

static int listen_socket(void);
static pid_t daemon_start(serve);
static void daemon_stop(pid_t);
static void put(int, uint32_t, uint32_t, const void *, size_t);
static uint32_t take(int);
static uint32_t greet(int);
static void check_open(serve, int, const char *);
static void check_ask(serve, int, const char *);

static int
listen_socket(void)
{
	struct sockaddr_un sun = {AF_UNIX, SOCKET};
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);

	unlink(SOCKET);
	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(bind(fd, (struct sockaddr *)&sun, sizeof(sun)) == 0);
	ATF_REQUIRE(listen(fd, 1) == 0);
	return fd;
}

static pid_t
daemon_start(serve function)
{
	int fd = listen_socket();
	pid_t pid = fork();

	ATF_REQUIRE(pid != -1);
	if (pid == 0) {
		int client = accept(fd, NULL, NULL);

		signal(SIGPIPE, SIG_DFL);
		if (client != -1)
			function(client);
		_exit(0);
	}
	close(fd);
	return pid;
}

static void
daemon_stop(pid_t pid)
{
	kill(pid, SIGKILL);
	ATF_REQUIRE_EQ(pid, waitpid(pid, NULL, 0));
	unlink(SOCKET);
}

/* Below: what runs in the child, which leaves when the client does. */
static void
put(int fd, uint32_t type, uint32_t id, const void *data, size_t len)
{
	const struct imsg_hdr hdr = {
	    type, (uint32_t)(sizeof(hdr) + len), id, 0};

	if (write(fd, &hdr, sizeof(hdr)) != (ssize_t)sizeof(hdr) ||
	    (len > 0 && write(fd, data, len) != (ssize_t)len))
		_exit(0);
}

/* Waits for a message; returns its id. */
static uint32_t
take(int fd)
{
	uint8_t data[IMSG_MAX];
	struct imsg_hdr hdr;

	if (recv(fd, &hdr, sizeof(hdr), MSG_WAITALL) != (ssize_t)sizeof(hdr))
		_exit(0);
	if (hdr.len > sizeof(hdr) &&
	    recv(fd, data, hdr.len - sizeof(hdr), MSG_WAITALL) <= 0)
		_exit(0);
	return hdr.id;
}

/* Says hello and waits for a request; returns its id. */
static uint32_t
greet(int fd)
{
	const struct ctl_hello hello = {.version = CTL_VERSION};

	put(fd, CTL_HELLO, take(fd), &hello, sizeof(hello));
	return take(fd);
}

static void
serve_other_version(int fd)
{
	const struct ctl_end end = {1,
	    "the client speaks control protocol "
	    "1, weaved 9.0 speaks 2"};

	put(fd, CTL_END, take(fd), &end, sizeof(end));
}

static void
serve_other_hello(int fd)
{
	const struct ctl_hello hello = {.version = CTL_VERSION + 1};

	put(fd, CTL_HELLO, take(fd), &hello, sizeof(hello));
	take(fd);
}

static void
serve_close(int fd)
{
	(void)fd;
}

static void
serve_silence(int fd)
{
	for (;;)
		take(fd);
}

static void
serve_garbage(int fd)
{
	uint8_t garbage[4096];

	memset(garbage, 0xee, sizeof(garbage));
	take(fd);
	if (write(fd, garbage, sizeof(garbage)) == -1)
		_exit(0);
	take(fd);
}

static void
serve_middle(int fd)
{
	const struct ctl_target row = {"host"};
	uint32_t id = greet(fd);

	put(fd, CTL_TARGET, id, &row, sizeof(row));
}

static void
serve_half(int fd)
{
	const struct imsg_hdr hdr = {CTL_TARGET, IMSG_MAX, greet(fd), 0};

	if (write(fd, &hdr, sizeof(hdr)) == -1)
		_exit(0);
}

static void
serve_endless(int fd)
{
	const struct ctl_connection row = {.state = CTL_FAILED};
	uint32_t id = greet(fd);

	for (;;)
		put(fd, CTL_CONNECTION, id, &row, sizeof(row));
}

static void
serve_trickle(int fd)
{
	const struct ctl_subnet row = {0, 0};
	uint32_t id = greet(fd);

	for (;;) {
		put(fd, CTL_SUBNET, id, &row, sizeof(row));
		poll(NULL, 0, 10);
	}
}

static void
serve_order(int fd)
{
	const struct ctl_peer_connection row = {.peer = 1};
	uint32_t id = greet(fd);

	put(fd, CTL_PEER_CONNECTION, id, &row, sizeof(row));
	take(fd);
}

static void
serve_not_asked(int fd)
{
	const struct ctl_target row = {"host"};
	uint32_t id = greet(fd);

	put(fd, CTL_TARGET, id + 1, &row, sizeof(row));
	take(fd);
}

static void
serve_size(int fd)
{
	const struct ctl_status row = {.peers = 1};
	uint32_t id = greet(fd);

	put(fd, CTL_STATUS, id, &row, sizeof(row) - 1);
	take(fd);
}

static void
serve_unterminated(int fd)
{
	struct ctl_target row;
	uint32_t id = greet(fd);

	memset(&row, 'a', sizeof(row));
	put(fd, CTL_TARGET, id, &row, sizeof(row));
	take(fd);
}

static void
serve_refusal(int fd)
{
	const struct ctl_end end = {1, "permission \033[2Jdenied"};
	uint32_t id = greet(fd);

	put(fd, CTL_END, id, &end, sizeof(end));
	take(fd);
}

static void
serve_answer(int fd)
{
	const struct ctl_target row = {"host"};
	const struct ctl_end end = {0};
	uint32_t id = greet(fd);

	put(fd, CTL_TARGET, id, &row, sizeof(row));
	put(fd, CTL_TARGET, id, &row, sizeof(row));
	put(fd, CTL_END, id, &end, sizeof(end));
	take(fd);
}

/* ctlclient_open() fails with this text. */
static void
check_open(serve function, int timeout, const char *text)
{
	char error[CTLCLIENT_ERROR_MAX];
	pid_t pid = daemon_start(function);

	ATF_CHECK(
	    ctlclient_open(SOCKET, CLIENT_SOFTWARE, timeout, error) == NULL);
	ATF_CHECK_STREQ(text, error);
	daemon_stop(pid);
}

/* client_ask() fails with this text. */
static void
check_ask(serve function, int timeout, const char *text)
{
	const struct ctl_show show = {CTL_SHOW_ALL};
	struct report report = {.now = 0};
	char error[CTLCLIENT_ERROR_MAX] = "";
	pid_t pid = daemon_start(function);
	struct ctlclient *link;

	link = ctlclient_open(SOCKET, CLIENT_SOFTWARE, timeout, error);
	ATF_REQUIRE_MSG(link != NULL, "%s", error);
	ATF_CHECK_EQ(-1,
	    client_ask(link, CTL_SHOW, &show, sizeof(show), &report, error));
	ATF_CHECK_STREQ(text, error);
	report_free(&report);
	ctlclient_close(link);
	daemon_stop(pid);
}

ATF_TC_WITHOUT_HEAD(nobody);
ATF_TC_BODY(nobody, tc)
{
	char error[CTLCLIENT_ERROR_MAX], path[200];

	ATF_CHECK(ctlclient_open(
		      "missing.sock", CLIENT_SOFTWARE, 1000, error) == NULL);
	ATF_CHECK_STREQ(
	    "weaved is not running (no socket missing.sock)", error);
	close(listen_socket());
	ATF_CHECK(ctlclient_open(SOCKET, CLIENT_SOFTWARE, 1000, error) == NULL);
	ATF_CHECK_STREQ(
	    "weaved is not running (nobody listens on ctl.sock)", error);
	memset(path, 'a', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	ATF_CHECK(ctlclient_open(path, CLIENT_SOFTWARE, 1000, error) == NULL);
	ATF_CHECK(strstr(error, "path is too long") != NULL);
	unlink(SOCKET);
}

ATF_TC(no_rights);
ATF_TC_HEAD(no_rights, tc)
{
	atf_tc_set_md_var(tc, "require.user", "root");
}
ATF_TC_BODY(no_rights, tc)
{
	char error[CTLCLIENT_ERROR_MAX];
	int fd = listen_socket();

	ATF_REQUIRE(chmod(SOCKET, 0600) == 0 && chmod(".", 0755) == 0);
	ATF_REQUIRE(seteuid(65534) == 0);
	ATF_CHECK(ctlclient_open(SOCKET, CLIENT_SOFTWARE, 1000, error) == NULL);
	ATF_REQUIRE(seteuid(0) == 0);
	ATF_CHECK(strncmp(error, "permission denied: ", 19) == 0);
	close(fd);
	unlink(SOCKET);
}

ATF_TC_WITHOUT_HEAD(version);
ATF_TC_BODY(version, tc)
{
	check_open(serve_other_version, PATIENCE_MS,
	    "the client speaks "
	    "control protocol 1, weaved 9.0 speaks 2");
	check_open(serve_other_hello, PATIENCE_MS,
	    "weaved speaks control "
	    "protocol 2, weavectl " VERSION " speaks 1");
}

ATF_TC_WITHOUT_HEAD(closed);
ATF_TC_BODY(closed, tc)
{
	check_open(serve_close, PATIENCE_MS, "weaved closed the connection");
	check_ask(serve_middle, PATIENCE_MS, "weaved closed the connection");
	check_ask(serve_half, PATIENCE_MS, "weaved closed the connection");
}

ATF_TC_WITHOUT_HEAD(malformed);
ATF_TC_BODY(malformed, tc)
{
	static const char text[] = "weaved's answer is malformed: it may be "
				   "of another version";

	check_open(serve_garbage, PATIENCE_MS, text);
	check_ask(serve_size, PATIENCE_MS, text);
	check_ask(serve_unterminated, PATIENCE_MS, text);
	check_ask(serve_order, PATIENCE_MS, "the answer is malformed");
	check_ask(
	    serve_not_asked, PATIENCE_MS, "weaved answered what was not asked");
}

ATF_TC_WITHOUT_HEAD(endless);
ATF_TC_BODY(endless, tc)
{
	check_ask(serve_endless, 60000, "the answer is too long");
}

ATF_TC_WITHOUT_HEAD(slow);
ATF_TC_BODY(slow, tc)
{
	check_open(serve_silence, SHORT_MS, "weaved does not answer");
	check_ask(serve_trickle, SHORT_MS, "weaved does not answer");
}

/* Nobody accepts, and no more clients may wait for it. */
ATF_TC_WITHOUT_HEAD(crowd);
ATF_TC_BODY(crowd, tc)
{
	const struct sockaddr_un sun = {AF_UNIX, SOCKET};
	char error[CTLCLIENT_ERROR_MAX];
	int fd = listen_socket();

	for (int i = 0; i < 2; i++) {
		int client = socket(AF_UNIX, SOCK_STREAM, 0);

		ATF_REQUIRE(connect(client, (const struct sockaddr *)&sun,
				sizeof(sun)) == 0);
	}
	ATF_CHECK(
	    ctlclient_open(SOCKET, CLIENT_SOFTWARE, SHORT_MS, error) == NULL);
	ATF_CHECK_STREQ("weaved has too many clients", error);
	close(fd);
	unlink(SOCKET);
}

ATF_TC_WITHOUT_HEAD(refused);
ATF_TC_BODY(refused, tc)
{
	check_ask(serve_refusal, PATIENCE_MS, "permission ^[[2Jdenied");
}

ATF_TC_WITHOUT_HEAD(answer);
ATF_TC_BODY(answer, tc)
{
	const struct ctl_show show = {CTL_SHOW_TARGETS};
	struct report report = {.now = 0};
	char error[CTLCLIENT_ERROR_MAX];
	pid_t pid = daemon_start(serve_answer);
	struct ctlclient *link;
	size_t n;

	ATF_REQUIRE((link = ctlclient_open(
			 SOCKET, CLIENT_SOFTWARE, PATIENCE_MS, error)) != NULL);
	ATF_CHECK_EQ(
	    0, client_ask(link, CTL_SHOW, &show, sizeof(show), &report, error));
	report_rows(&report, CTL_TARGET, &n);
	ATF_CHECK_EQ(2, n);
	report_free(&report);
	ctlclient_close(link);
	daemon_stop(pid);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, nobody);
	ATF_TP_ADD_TC(tp, no_rights);
	ATF_TP_ADD_TC(tp, version);
	ATF_TP_ADD_TC(tp, closed);
	ATF_TP_ADD_TC(tp, malformed);
	ATF_TP_ADD_TC(tp, endless);
	ATF_TP_ADD_TC(tp, slow);
	ATF_TP_ADD_TC(tp, crowd);
	ATF_TP_ADD_TC(tp, refused);
	ATF_TP_ADD_TC(tp, answer);
	return atf_no_error();
}
