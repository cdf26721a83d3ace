/*
 * A new password for a whole mesh from one of its hosts, under constant
 * traffic: no connection ends and no packet is lost; and whatever is killed
 * meanwhile, the mesh can be brought to the end, or back.
 */
#include <sys/socket.h>
#include <sys/wait.h>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define HOSTS 5
#define NEW "canary-5f0c: the password of tomorrow"
#define PACKETS_MAX 200000

static char out[16384];

/* One pod's packets to the next. */
struct flow {
	int from;
	int to;
	struct sockaddr_in sin;
	uint32_t sent;
	uint32_t got;
	uint32_t twice;
	uint8_t seen[PACKETS_MAX];
};
static struct flow flows[HOSTS];

static char *path_of(struct host *, const char *);
static struct net *start_mesh(void);
static pid_t begin(struct host *, const char *);
static bool ended(pid_t, int *);
static void flows_open(struct net *);
static void flows_pass(void);
static void flows_close(void);
static void restart(struct host *);
static bool has_password(struct host *, const char *);
static bool is_at(struct host *, const char *);
static uint64_t counter(struct host *, const char *);

static char *
path_of(struct host *host, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", host->directory, name);
	return path;
}

static struct net *
start_mesh(void)
{
	struct net *net = net_new(NET_ENCRYPTED);

	for (size_t i = 0; i < HOSTS; i++) {
		struct host *host = net_host(net);

		if (i > 0)
			host_peer(host, net->hosts[0].address);
		host_start(host);
	}
	NET_WAIT(120, net_full_mesh(net));
	for (size_t i = 0; i < HOSTS; i++)
		net_pod(&net->hosts[i], PAIR_MTU);
	NET_WAIT(60, net_pings_all(net));
	return net;
}

/* weavectl beside us; its exit status is that of the process. */
static pid_t
begin(struct host *host, const char *arguments)
{
	char command[400];
	pid_t pid;

	snprintf(command, sizeof(command), "rotate-key %s", arguments);
	fflush(NULL);
	ATF_REQUIRE((pid = fork()) != -1);
	if (pid == 0) {
		int status = host_ctl(host, out, sizeof(out), command);

		fprintf(stderr, "%s: %d: %s\n", command, status, out);
		_exit(status);
	}
	return pid;
}

static bool
ended(pid_t pid, int *status)
{
	if (waitpid(pid, status, WNOHANG) != pid)
		return false;
	*status = WIFEXITED(*status) ? WEXITSTATUS(*status) : -1;
	return true;
}

static void
flows_open(struct net *net)
{
	for (size_t i = 0; i < HOSTS; i++) {
		struct flow *flow = &flows[i];
		struct pod *to = &net->pods[(i + 1) % HOSTS];

		memset(flow, 0, sizeof(*flow));
		flow->from = traffic_udp(&net->pods[i], 0);
		flow->to = traffic_udp(to, TRAFFIC_PORT);
		flow->sin.sin_family = AF_INET;
		flow->sin.sin_port = htons(TRAFFIC_PORT);
		ATF_REQUIRE_EQ(
		    1, inet_pton(AF_INET, to->address, &flow->sin.sin_addr));
	}
}

static void
flows_pass(void)
{
	uint8_t packet[200];
	uint32_t number;
	ssize_t n;

	for (size_t i = 0; i < HOSTS; i++) {
		struct flow *flow = &flows[i];

		watch_fill(packet, sizeof(packet));
		memcpy(packet + sizeof(packet) - sizeof(flow->sent),
		    &flow->sent, sizeof(flow->sent));
		if (flow->sent < PACKETS_MAX &&
		    sendto(flow->from, packet, sizeof(packet), 0,
			(struct sockaddr *)&flow->sin,
			sizeof(flow->sin)) == (ssize_t)sizeof(packet))
			flow->sent++;
		while ((n = recv(flow->to, packet, sizeof(packet),
			    MSG_DONTWAIT)) > 0) {
			memcpy(&number, packet + n - sizeof(number),
			    sizeof(number));
			ATF_REQUIRE(n == 200 && number < flow->sent);
			flow->got += flow->seen[number] == 0;
			flow->twice += flow->seen[number] != 0;
			flow->seen[number] = 1;
		}
	}
}

static void
flows_close(void)
{
	uint64_t end = net_now() + 5000;
	bool all = false;

	while (!all && net_now() < end) {
		struct flow copy;

		net_pause();
		all = true;
		for (size_t i = 0; i < HOSTS; i++) {
			copy.sent = flows[i].sent;
			all = all && flows[i].got == copy.sent;
		}
		for (size_t i = 0; i < HOSTS && !all; i++) {
			uint8_t packet[200];
			uint32_t number;
			ssize_t n;

			while ((n = recv(flows[i].to, packet, sizeof(packet),
				    MSG_DONTWAIT)) > 0) {
				memcpy(&number, packet + n - sizeof(number),
				    sizeof(number));
				flows[i].got += flows[i].seen[number] == 0;
				flows[i].twice += flows[i].seen[number] != 0;
				flows[i].seen[number] = 1;
			}
		}
	}
	for (size_t i = 0; i < HOSTS; i++) {
		ATF_CHECK(flows[i].sent > 1000);
		ATF_CHECK_EQ(flows[i].sent, flows[i].got);
		ATF_CHECK_EQ(0, flows[i].twice);
		close(flows[i].from);
		close(flows[i].to);
	}
}

/* The file stays as the daemon left it. */
static void
restart(struct host *host)
{
	FILE *f = fopen(path_of(host, "password"), "r");

	host_kill(host, SIGKILL);
	ATF_REQUIRE(f != NULL);
	ATF_REQUIRE(fgets(host->password, sizeof(host->password), f) != NULL);
	fclose(f);
	host->password[strcspn(host->password, "\n")] = '\0';
	host_start(host);
}

static bool
has_password(struct host *host, const char *password)
{
	char line[128] = "";
	FILE *f = fopen(path_of(host, "password"), "r");

	ATF_REQUIRE(f != NULL);
	ATF_CHECK(fgets(line, sizeof(line), f) != NULL);
	fclose(f);
	line[strcspn(line, "\n")] = '\0';
	return strcmp(line, password) == 0 &&
	    access(path_of(host, "password.next"), F_OK) == -1 &&
	    access(path_of(host, "password.prev"), F_OK) == -1;
}

static bool
is_at(struct host *host, const char *step)
{
	json_t *root = host_show(host, "rotate-key status");
	bool is = root != NULL &&
	    strcmp(step,
		json_string_value(
		    json_object_get(json_array_get(root, 0), "Step"))) == 0;

	json_decref(root);
	return is;
}

static uint64_t
counter(struct host *host, const char *name)
{
	json_t *report = host_show(host, "report");
	uint64_t value;

	value = (uint64_t)json_integer_value(
	    json_object_get(json_object_get(report, "Counters"), name));
	json_decref(report);
	return value;
}

ATF_TC_WITHOUT_HEAD(under_traffic);
ATF_TC_BODY(under_traffic, tc)
{
	struct net *net = start_mesh();
	uint64_t before[HOSTS], reauths = 0;
	char arguments[300];
	struct host *late;
	int status = -1;
	pid_t pid;

	for (size_t i = 0; i < HOSTS; i++)
		before[i] = counter(&net->hosts[i], "mesh.terminations");
	net_write_file(path_of(&net->hosts[2], "wanted"), NEW "\n");
	snprintf(arguments, sizeof(arguments), "--mesh --file %s",
	    path_of(&net->hosts[2], "wanted"));
	flows_open(net);
	for (int i = 0; i < 500; i++) {
		flows_pass();
		usleep(1000);
	}
	pid = begin(&net->hosts[2], arguments);
	for (uint64_t end = net_now() + 200000;
	     !ended(pid, &status) && net_now() < end; usleep(1000))
		flows_pass();
	ATF_CHECK_EQ(0, status);
	/* Connections prove the new one within seconds. */
	for (uint64_t end = net_now() + 60000;
	     reauths < HOSTS * (HOSTS - 1) / 2 && net_now() < end;) {
		uint64_t pause = net_now() + 500;

		while (net_now() < pause) {
			flows_pass();
			usleep(1000);
		}
		reauths = 0;
		for (size_t i = 0; i < HOSTS; i++)
			reauths += counter(&net->hosts[i], "mesh.reauths");
		reauths /= 2; /* both ends count */
	}
	ATF_CHECK(reauths >= HOSTS * (HOSTS - 1) / 2);
	flows_close();
	for (size_t i = 0; i < HOSTS; i++) {
		ATF_CHECK(has_password(&net->hosts[i], NEW));
		ATF_CHECK(is_at(&net->hosts[i], "before"));
		ATF_CHECK_EQ(
		    before[i], counter(&net->hosts[i], "mesh.terminations"));
		ATF_CHECK_EQ(0, counter(&net->hosts[i], "mesh.reauths.failed"));
	}
	/* By it a host is let in, by the old one no more. */
	late = net_host(net);
	host_peer(late, net->hosts[0].address);
	host_start(late);
	NET_WAIT(60, host_has_cause(late, "password mismatch"));
	host_stop(late);
	strlcpy(late->password, NEW, sizeof(late->password));
	host_start(late);
	NET_WAIT(120, host_connected(late, &net->hosts[1]));
	net_check(net);
}

/* Every process of every host, at any time; then on, or back. */
static void
killed(unsigned seed)
{
	static const char *const processes[] = {"parent", "engine", "control"};
	struct net *net = start_mesh();
	char arguments[300];
	int status;
	pid_t pid;

	srandom(seed);
	net_write_file(path_of(&net->hosts[0], "wanted"), NEW "\n");
	snprintf(arguments, sizeof(arguments), "--mesh --file %s",
	    path_of(&net->hosts[0], "wanted"));
	pid = begin(&net->hosts[0], arguments);
	for (int i = 0; i < 4; i++) {
		struct host *host = &net->hosts[random() % HOSTS];
		const char *process = processes[random() % 3];
		pid_t victim = host_process(host, process);

		usleep((useconds_t)(random() % 1500000));
		if (strcmp(process, "parent") == 0)
			restart(host);
		else if (victim > 0)
			kill(victim, SIGKILL);
	}
	NET_WAIT(200, ended(pid, &status));
	NET_WAIT(120, net_full_mesh(net));
	/* Whoever led may be led no more; another host takes it over. */
	for (int tries = 0; tries < 6; tries++) {
		struct host *host = &net->hosts[(tries + 1) % HOSTS];
		bool old = true, new = true;

		for (size_t i = 0; i < HOSTS; i++) {
			new = new &&has_password(&net->hosts[i], NEW);
			old = old && has_password(&net->hosts[i], NET_PASSWORD);
		}
		if (old || new)
			break;
		if (host_ctl(host, out, sizeof(out),
			seed % 2 == 0 ? "rotate-key --mesh"
				      : "rotate-key abort --mesh") != 0)
			fprintf(stderr, "%s\n", out);
		ATF_REQUIRE(tries < 5);
	}
	for (size_t i = 0; i < HOSTS; i++)
		ATF_CHECK(is_at(&net->hosts[i], "before"));
	NET_WAIT(120, net_full_mesh(net));
	NET_WAIT(60, net_pings_all(net));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(killed_then_on);
ATF_TC_BODY(killed_then_on, tc)
{
	killed(2);
}

ATF_TC_WITHOUT_HEAD(killed_then_back);
ATF_TC_BODY(killed_then_back, tc)
{
	killed(3);
}

/* A missing host is named; force goes on without it. */
ATF_TC_WITHOUT_HEAD(missing);
ATF_TC_BODY(missing, tc)
{
	struct net *net = start_mesh();

	host_stop(&net->hosts[4]);
	ATF_CHECK_EQ(1,
	    host_ctl(&net->hosts[1], out, sizeof(out),
		"rotate-key --mesh --generate"));
	ATF_CHECK_MSG(
	    strstr(out, "missing: 5a:00:00:00:00:05") != NULL, "%s", out);
	for (size_t i = 0; i < HOSTS - 1; i++)
		ATF_CHECK(is_at(&net->hosts[i], "before"));
	ATF_CHECK_EQ_MSG(0,
	    host_ctl(&net->hosts[1], out, sizeof(out),
		"rotate-key stage --mesh --force --generate"),
	    "%s", out);
	for (size_t i = 0; i < HOSTS - 1; i++)
		ATF_CHECK(is_at(&net->hosts[i], "staged"));
	/* It comes back by the old one, and any host may lead. */
	host_start(&net->hosts[4]);
	NET_WAIT(120, net_full_mesh(net));
	ATF_CHECK_EQ_MSG(0,
	    host_ctl(&net->hosts[3], out, sizeof(out), "rotate-key --mesh"),
	    "%s", out);
	for (size_t i = 0; i < HOSTS; i++) {
		ATF_CHECK(is_at(&net->hosts[i], "before"));
		ATF_CHECK(!has_password(&net->hosts[i], NET_PASSWORD));
	}
	net_check(net);
}

/* Who says no to it is named, and has the old one. */
ATF_TC_WITHOUT_HEAD(deaf);
ATF_TC_BODY(deaf, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.b, "mesh-rotation", "no");
	pair_start(&pair, PAIR_MTU);
	ATF_CHECK_EQ(1,
	    host_ctl(pair.a, out, sizeof(out), "rotate-key --mesh --generate"));
	ATF_CHECK_MSG(strstr(out, "(mesh-rotation no)") != NULL, "%s", out);
	ATF_CHECK(has_password(pair.a, NET_PASSWORD));
	ATF_CHECK(has_password(pair.b, NET_PASSWORD));
	net_check(pair.net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, under_traffic);
	ATF_TP_ADD_TC(tp, killed_then_on);
	ATF_TP_ADD_TC(tp, killed_then_back);
	ATF_TP_ADD_TC(tp, missing);
	ATF_TP_ADD_TC(tp, deaf);
	return atf_no_error();
}
