/*
 * A new password for hosts that run, step by step: connections stay, and who
 * has either password is let in between the first step and the last.
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/pair.h"
#include "regress/lib/process.h"

#define OLD NET_PASSWORD
#define NEW "canary-91be: the password to come"

static char out[8192];

static char *path_of(struct host *, const char *);
static int rotate(struct host *, const char *);
static void require(struct host *, const char *);
static void require_stage(struct host *);
static void refuse(struct host *, const char *, const char *);
static bool is_at(struct host *, const char *);
static void check_files(struct host *, bool, bool, bool);
static uint64_t terminations(struct host *);
static void start_mesh(struct net *, struct pod **);
static void check_untouched(struct net *);
static void kill_and_start(struct pair *, const char *, const char *);
static void reconnect(struct pair *);

static char *
path_of(struct host *host, const char *name)
{
	static char path[256];

	snprintf(path, sizeof(path), "%s/%s", host->directory, name);
	return path;
}

static int
rotate(struct host *host, const char *step)
{
	char command[512];

	snprintf(command, sizeof(command), "rotate-key %s", step);
	return host_ctl(host, out, sizeof(out), command);
}

static void
require(struct host *host, const char *step)
{
	ATF_REQUIRE_EQ_MSG(
	    0, rotate(host, step), "host%d %s: %s", host->number, step, out);
}

/* Its bytes come from a file, which the daemon does not see. */
static void
require_stage(struct host *host)
{
	char step[300];

	net_write_file(path_of(host, "wanted"), NEW "\n");
	snprintf(
	    step, sizeof(step), "stage --file %s", path_of(host, "wanted"));
	require(host, step);
	ATF_CHECK(strstr(out, "Rotation: staged") != NULL);
	unlink(path_of(host, "wanted"));
}

static void
refuse(struct host *host, const char *step, const char *why)
{
	ATF_CHECK_EQ_MSG(1, rotate(host, step), "%s: %s", step, out);
	ATF_CHECK_MSG(
	    strstr(out, why) != NULL, "%s: \"%s\" is not why", step, out);
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

static void
check_files(struct host *host, bool new, bool next, bool prev)
{
	char line[128] = "";
	FILE *f = fopen(path_of(host, "password"), "r");

	ATF_REQUIRE(f != NULL);
	ATF_CHECK(fgets(line, sizeof(line), f) != NULL);
	fclose(f);
	ATF_CHECK_STREQ(new ? NEW "\n" : OLD "\n", line);
	ATF_CHECK_EQ(next, access(path_of(host, "password.next"), F_OK) == 0);
	ATF_CHECK_EQ(prev, access(path_of(host, "password.prev"), F_OK) == 0);
}

static uint64_t
terminations(struct host *host)
{
	json_t *root = host_show(host, "report");
	uint64_t count;

	ATF_REQUIRE(root != NULL);
	count = (uint64_t)json_integer_value(json_object_get(
	    json_object_get(root, "Router"), "TerminationCount"));
	json_decref(root);
	return count;
}

static void
start_mesh(struct net *net, struct pod **pods)
{
	for (size_t i = 0; i < 3; i++) {
		struct host *host = net_host(net);

		if (i > 0)
			host_peer(host, net->hosts[0].address);
		host_start(host);
	}
	NET_WAIT(60, net_full_mesh(net));
	for (size_t i = 0; i < 3; i++)
		pods[i] = net_pod(&net->hosts[i], PAIR_MTU);
	NET_WAIT(60, net_pings_all(net));
}

/* No connection ended since the mesh was full. */
static void
check_untouched(struct net *net)
{
	static uint64_t before[3];

	for (size_t i = 0; i < 3; i++) {
		uint64_t count = terminations(&net->hosts[i]);

		if (before[i] == 0)
			before[i] = count + 1;
		ATF_CHECK_EQ(before[i], count + 1);
	}
	ATF_CHECK(net_full_mesh(net));
	ATF_CHECK(net_pings_all(net));
}

ATF_TC_WITHOUT_HEAD(by_hand);
ATF_TC_BODY(by_hand, tc)
{
	static const char *const steps[] = {"stage", "commit", "finish"};
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *stranger;
	struct pod *pods[3];

	start_mesh(net, pods);
	check_untouched(net);
	for (size_t step = 0; step < 3; step++) {
		for (size_t i = 0; i < 3; i++) {
			if (step == 0)
				require_stage(&net->hosts[i]);
			else
				require(&net->hosts[i], steps[step]);
			check_untouched(net);
			check_files(
			    &net->hosts[i], step > 0, step == 0, step == 1);
		}
	}
	for (size_t i = 0; i < 3; i++) {
		ATF_CHECK(host_log_has(&net->hosts[i], "password changed"));
		ATF_CHECK(!host_log_has(&net->hosts[i], NEW));
		ATF_CHECK(is_at(&net->hosts[i], "before"));
	}
	require(&net->hosts[0], "status");
	ATF_CHECK(strstr(out, "FormerSessions: end in") != NULL);
	/* The old one opens nothing more. */
	stranger = net_host(net);
	host_peer(stranger, net->hosts[0].address);
	host_start(stranger);
	NET_WAIT(30, host_has_cause(stranger, "password mismatch"));
	NET_WAIT(30, host_has_cause(&net->hosts[0], "password mismatch"));
	ATF_CHECK_EQ(0, host_connections(stranger, "established", NULL));
	host_stop(stranger);
	snprintf(stranger->password, sizeof(stranger->password), NEW);
	host_start(stranger);
	NET_WAIT(60, net_full_mesh(net));
	net_check(net);
}

ATF_TC_WITHOUT_HEAD(wrong_order);
ATF_TC_BODY(wrong_order, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	refuse(pair.a, "commit", "no new password is staged");
	refuse(pair.a, "finish", "there is no rotation to finish");
	refuse(pair.a, "abort", "there is no rotation to abort");
	refuse(pair.a, "abort --hardened", "password-hardened");
	ATF_CHECK_EQ(2, rotate(pair.a, "stage"));
	ATF_CHECK_EQ(2, rotate(pair.a, "stage --generate -"));
	ATF_CHECK_EQ(2, rotate(pair.a, "commit now"));
	refuse(pair.a, "stage --file /nowhere", "No such file");
	refuse(pair.a, "stage - </dev/null", "the password is empty");
	net_write_file(path_of(pair.a, "wanted"), OLD);
	snprintf(out, sizeof(out), "stage - <%s", path_of(pair.a, "wanted"));
	refuse(pair.a, strdup(out), "that is the password already");
	require_stage(pair.a);
	refuse(pair.a, "finish", "not committed yet");
	refuse(pair.a, "stage --generate", "another new password is staged");
	require(pair.a, "commit");
	require(pair.a, "commit");
	refuse(pair.a, "stage --generate", "finish or abort it first");
	require(pair.a, "abort");
	ATF_CHECK(is_at(pair.a, "staged"));
	check_files(pair.a, false, true, false);
	require(pair.a, "abort");
	ATF_CHECK(is_at(pair.a, "before"));
	check_files(pair.a, false, false, false);
	pair_require(&pair);
	net_check(pair.net);
}

/* Both ways anew; b dials. */
static void
reconnect(struct pair *pair)
{
	kill(host_process(pair->b, "engine"), SIGKILL);
	NET_WAIT(30, !host_connected(pair->b, pair->a));
	NET_WAIT(60,
	    host_connected(pair->b, pair->a) &&
		host_connected(pair->a, pair->b));
}

/* One host at one step, the other at another. */
ATF_TC_WITHOUT_HEAD(between);
ATF_TC_BODY(between, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	require_stage(pair.b);
	reconnect(&pair);
	require(pair.b, "commit"); /* dials with the new one, then the old */
	reconnect(&pair);
	require_stage(pair.a);
	reconnect(&pair);
	require(pair.b, "abort"); /* dials with the old one */
	require(pair.a, "commit");
	reconnect(&pair);
	require(pair.a, "finish"); /* only the new one is accepted */
	reconnect(&pair);
	require(pair.b, "abort"); /* and not there any more */
	kill(host_process(pair.b, "engine"), SIGKILL);
	NET_WAIT(30, host_has_cause(pair.b, "password mismatch"));
	net_check(pair.net);
}

/* The parent is killed; the file is as it should be by then. */
static void
kill_and_start(struct pair *pair, const char *step, const char *password)
{
	host_kill(pair->b, SIGKILL);
	strlcpy(pair->b->password, password, sizeof(pair->b->password));
	host_start(pair->b);
	ATF_CHECK_MSG(is_at(pair->b, step), "not %s", step);
	NET_WAIT(60,
	    host_connected(pair->b, pair->a) &&
		host_connected(pair->a, pair->b));
}

ATF_TC_WITHOUT_HEAD(killed);
ATF_TC_BODY(killed, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	pair_start(&pair, PAIR_MTU);
	require_stage(pair.a);
	require_stage(pair.b);
	kill_and_start(&pair, "staged", OLD);
	require(pair.b, "commit");
	kill_and_start(&pair, "committed", NEW);
	require(pair.b, "abort");
	kill_and_start(&pair, "staged", OLD);
	require(pair.b, "abort");
	kill_and_start(&pair, "before", OLD);
	require_stage(pair.b);
	require(pair.b, "commit");
	require(pair.a, "commit");
	require(pair.b, "finish");
	kill_and_start(&pair, "before", NEW);
	require(pair.a, "finish");
	/* One that dies while it works on it leaves one step or the other. */
	require(pair.b, "stage --generate");
	kill(host_process(pair.b, "control"), SIGKILL);
	NET_WAIT(20, is_at(pair.b, "staged"));
	require(pair.b, "abort");
	net_check(pair.net);
}

/* Made by the daemon, in its file, and in nobody's memory but the parent's. */
ATF_TC_WITHOUT_HEAD(secrets);
ATF_TC_BODY(secrets, tc)
{
	static const char *const children[] = {"engine", "control", "resolver"};
	struct pair pair = pair_new(NET_ENCRYPTED);
	char generated[128] = "", line[300];
	FILE *f;

	pair_start(&pair, PAIR_MTU);
	require(pair.b, "stage --generate");
	ATF_CHECK(strstr(out, path_of(pair.b, "password.next")) != NULL);
	ATF_REQUIRE((f = fopen(path_of(pair.b, "password.next"), "r")) != NULL);
	ATF_CHECK(fgets(generated, sizeof(generated), f) != NULL);
	fclose(f);
	generated[strcspn(generated, "\n")] = '\0';
	ATF_CHECK_EQ(43, strlen(generated)); /* 256 bits */
	ATF_CHECK(strstr(out, generated) == NULL);
	net_write_file(path_of(pair.a, "wanted"), generated);
	snprintf(line, sizeof(line), "stage - <%s", path_of(pair.a, "wanted"));
	require(pair.a, line);
	for (size_t i = 0; i < 2; i++) {
		struct host *host = i == 0 ? pair.a : pair.b;

		require(host, "commit");
		for (size_t j = 0; j < 3; j++) {
			pid_t pid = host_process(host, children[j]);

			ATF_CHECK_EQ(
			    0, process_memory_has(pid, OLD, strlen(OLD)));
			ATF_CHECK_EQ(0,
			    process_memory_has(
				pid, generated, strlen(generated)));
		}
		ATF_CHECK(process_memory_has(host->pid, OLD, strlen(OLD)) > 0);
		ATF_CHECK(process_memory_has(
			      host->pid, generated, strlen(generated)) > 0);
		require(host, "finish");
		ATF_CHECK_EQ(
		    0, process_memory_has(host->pid, OLD, strlen(OLD)));
		ATF_CHECK(!host_log_has(host, generated));
	}
	pair_require(&pair);
	net_check(pair.net);
}

/* As a Secret is mounted: a link that another program changes. */
ATF_TC_WITHOUT_HEAD(secret_mount);
ATF_TC_BODY(secret_mount, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	ATF_REQUIRE_EQ(0, symlink("secret", path_of(pair.b, "password")));
	host_option(pair.b, "password-reload", "rotate");
	pair_start(&pair, PAIR_MTU);
	refuse(pair.b, "stage --generate", "nobody would know");
	require_stage(pair.b);
	ATF_CHECK(strstr(out, "is lost with the daemon") != NULL);
	require(pair.b, "commit");
	check_files(pair.b, false, false, false);
	refuse(pair.b, "finish", "does not hold the new password yet");
	reconnect(&pair);
	require(pair.b, "abort");
	require(pair.b, "abort");
	/* The other program changes it: that stages and commits. */
	net_write_file(path_of(pair.b, "secret"), NEW "\n");
	kill(pair.b->pid, SIGHUP);
	NET_WAIT(30, is_at(pair.b, "committed"));
	NET_WAIT(30, host_log_has(pair.b, "password changed: committed"));
	NET_WAIT(30, host_log_has(pair.b, "password stretched"));
	reconnect(&pair);
	require_stage(pair.a);
	require(pair.a, "commit");
	require(pair.b, "finish");
	reconnect(&pair);
	pair_require(&pair);
	net_check(pair.net);
}

/* Version 3 has a password of its own, which changes alone. */
ATF_TC_WITHOUT_HEAD(hardened);
ATF_TC_BODY(hardened, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	struct host *hosts[] = {pair.a, pair.b};
	char path[256], step[300];
	size_t i;

	host_option(pair.a, "protocol", "mixed");
	host_option(pair.b, "protocol", "mixed");
	snprintf(pair.a->password, sizeof(pair.a->password), "not for these");
	for (i = 0; i < 2; i++) {
		strlcpy(path, path_of(hosts[i], "hardened"), sizeof(path));
		net_write_file(path, OLD "\n");
		host_option(hosts[i], "password-hardened", "%s", path);
	}
	pair_start(&pair, PAIR_MTU);
	for (i = 0; i < 2; i++) {
		net_write_file(path_of(hosts[i], "wanted"), NEW);
		snprintf(step, sizeof(step), "stage --hardened --file %s",
		    path_of(hosts[i], "wanted"));
		require(hosts[i], step);
	}
	require(pair.a, "commit --hardened");
	reconnect(&pair);
	require(pair.b, "commit --hardened");
	require(pair.a, "finish --hardened");
	require(pair.b, "finish --hardened");
	reconnect(&pair);
	ATF_CHECK(is_at(pair.a, "before"));
	pair_require(&pair);
	net_check(pair.net);
}

/* With version 2, the password is told by what the other side says first. */
ATF_TC_WITHOUT_HEAD(weave);
ATF_TC_BODY(weave, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);

	host_option(pair.a, "protocol", "weave");
	host_option(pair.b, "protocol", "weave");
	pair_start(&pair, PAIR_MTU);
	require_stage(pair.a);
	require_stage(pair.b);
	reconnect(&pair);
	require(pair.b, "commit");
	reconnect(&pair);
	require(pair.a, "commit");
	require(pair.a, "finish");
	reconnect(&pair);
	require(pair.b, "finish");
	pair_require(&pair);
	net_check(pair.net);
}

ATF_TC_WITHOUT_HEAD(environment);
ATF_TC_BODY(environment, tc)
{
	struct pair pair = pair_new(NET_PLAIN);

	host_start(pair.a);
	refuse(pair.a, "stage --generate", "encryption is none");
	require(pair.a, "status");
	ATF_CHECK_STREQ("", out);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, by_hand);
	ATF_TP_ADD_TC(tp, wrong_order);
	ATF_TP_ADD_TC(tp, between);
	ATF_TP_ADD_TC(tp, killed);
	ATF_TP_ADD_TC(tp, secrets);
	ATF_TP_ADD_TC(tp, secret_mount);
	ATF_TP_ADD_TC(tp, hardened);
	ATF_TP_ADD_TC(tp, weave);
	ATF_TP_ADD_TC(tp, environment);
	return atf_no_error();
}
