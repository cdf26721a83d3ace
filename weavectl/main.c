#include <getopt.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/expose.h"
#include "common/log.h"
#include "common/netcheck.h"
#include "weavectl/claim.h"
#include "weavectl/client.h"
#include "weavectl/doctor.h"
#include "weavectl/ip.h"
#include "weavectl/parse.h"
#include "weavectl/pods.h"
#include "weavectl/rotate.h"

enum {
	EXIT_DONE,
	EXIT_FAILED,
	EXIT_USAGE
};

static void usage(FILE *);
static void complain(const char *, ...) __attribute__((format(printf, 1, 2)));
static const char *socket_path(const char *);
static int run(const struct command *, char *const *, const struct output *,
    const char *, int);
static int show(struct ctlclient *, const struct command *, char *const *,
    const struct output *);
static int act_ip(
    struct ctlclient *, const struct command *, char *const *, int, bool);
static int act_addresses(
    struct ctlclient *, uint32_t, const void *, size_t, bool);
static int act_expose(
    struct ctlclient *, const struct command *, char *const *, int, bool);
static int act_pods(
    struct ctlclient *, const struct command *, char *const *, bool);
static int check_network(const char *);
static int act_reset(struct ctlclient *, bool);
static int act_claim(struct ctlclient *, char *const *);
static bool parse_seconds(const char *, int *);
static int print(struct report *, const struct command *, const char *,
    const struct output *);
static int act(struct ctlclient *, uint32_t, const void *, size_t);
static int act_targets(struct ctlclient *, uint32_t, char *const *);
static int ask(struct ctlclient *, const void *, size_t, const struct command *,
    const char *, const struct output *);
static int ask_rotate(struct ctlclient *, const struct ctl_rotate *,
    const struct command *, const struct output *);
static int parse_rotate(
    const struct command *, char *const *, struct ctl_rotate *);
static bool parse_bench(char *const *, struct ctl_bench *);
static bool parse_log_level(const char *, struct ctl_log_level *);

static const struct option long_options[] = {
    {"help", no_argument, NULL, 'h'},
    {"json", no_argument, NULL, 'j'},
    {"version", no_argument, NULL, 'V'},
    {NULL, 0, NULL, 0},
};

static void
usage(FILE *out)
{
	const struct command *command;

	fprintf(out,
	    "usage: weavectl [-hjV] [-s socket] [-w seconds] command\n"
	    "commands:\n");
	for (size_t i = 0; (command = parse_table(i)) != NULL; i++)
		fprintf(out, "\t%s%s%s\n", command->words,
		    command->argument != NULL ? " " : "",
		    command->argument != NULL ? command->argument : "");
}

static void
complain(const char *fmt, ...)
{
	va_list ap;

	fprintf(stderr, "weavectl: ");
	va_start(ap, fmt);
	vfprintf(stderr, fmt, ap);
	va_end(ap);
	fputc('\n', stderr);
}

static const char *
socket_path(const char *option)
{
	const char *environment = getenv("WEAVED_CONTROL");

	if (option != NULL)
		return option;
	if (environment != NULL && environment[0] != '\0')
		return environment;
	return CTL_SOCKET_PATH;
}

/* only: whose addresses, or whom the doctor is to see. */
static int
print(struct report *report, const struct command *command, const char *only,
    const struct output *output)
{
	int result = EXIT_DONE;

	report_sort(report);
	if (command->view == OUTPUT_DOCTOR)
		result = doctor_run(report, only, output == &output_json);
	else {
		if (only != NULL)
			report_keep_addresses(report, only);
		output->print[command->view](report, stdout);
	}
	if (fflush(stdout) == 0 && !ferror(stdout))
		return result;
	complain("cannot write the output");
	return EXIT_FAILED;
}

/* Asks for rows and prints them. */
static int
ask(struct ctlclient *link, const void *request, size_t len,
    const struct command *command, const char *only,
    const struct output *output)
{
	struct report report = {.now = time(NULL)};
	char error[CTLCLIENT_ERROR_MAX];
	int result = EXIT_FAILED;

	if (client_ask(link, command->request, request, len, &report, error) ==
	    -1)
		complain("%s", error);
	else if ((command->parts & CTL_SHOW_STATUS) && !report.has_status)
		complain("weaved did not send its status");
	else
		result = print(&report, command, only, output);
	report_free(&report);
	return result;
}

static int
ask_rotate(struct ctlclient *link, const struct ctl_rotate *request,
    const struct command *command, const struct output *output)
{
	struct report report = {0};
	char error[CTLCLIENT_ERROR_MAX];
	int result = EXIT_FAILED;

	if (ctlclient_ask(link, CTL_ROTATE, request, sizeof(*request),
		rotate_row, &report, error) == -1)
		complain("%s", error);
	else
		result = print(&report, command, NULL, output);
	report_free(&report);
	return result;
}

static int
show(struct ctlclient *link, const struct command *command,
    char *const *arguments, const struct output *output)
{
	const struct ctl_show request = {.parts = command->parts};

	return ask(
	    link, &request, sizeof(request), command, arguments[0], output);
}

static int
act(struct ctlclient *link, uint32_t request, const void *data, size_t len)
{
	char error[CTLCLIENT_ERROR_MAX];

	if (client_ask(link, request, data, len, NULL, error) == 0)
		return EXIT_DONE;
	complain("%s", error);
	return EXIT_FAILED;
}

static int
act_targets(struct ctlclient *link, uint32_t request, char *const *peers)
{
	int result = EXIT_DONE;

	for (; *peers != NULL; peers++) {
		struct ctl_target target = {0};

		if (strlcpy(target.address, *peers, sizeof(target.address)) >=
		    sizeof(target.address)) {
			complain(
			    "the peer's address is too long: %.32s...", *peers);
			result = EXIT_FAILED;
		} else if (act(link, request, &target, sizeof(target)) !=
		    EXIT_DONE)
			result = EXIT_FAILED;
	}
	return result;
}

/* Of rmpeer and others that answer with one row. */
static int
act_addresses(struct ctlclient *link, uint32_t request, const void *data,
    size_t len, bool json)
{
	struct report report = {0};
	char error[CTLCLIENT_ERROR_MAX];
	const struct ctl_ip_answer *row;
	int result = EXIT_FAILED;
	size_t n;

	if (client_ask(link, request, data, len, &report, error) == -1)
		complain("%s", error);
	else {
		row = REPORT_ROWS(&report, CTL_IP_ANSWER, ctl_ip_answer, &n);
		if (n > 0)
			ip_print(request, row, json, stdout);
		if (fflush(stdout) == 0 && !ferror(stdout))
			result = EXIT_DONE;
		else
			complain("cannot write the output");
	}
	report_free(&report);
	return result;
}

/* Addresses first: they are given away over the bridge's network. */
static int
act_reset(struct ctlclient *link, bool json)
{
	const struct ctl_show show = {CTL_SHOW_IPAM};
	char error[CTLCLIENT_ERROR_MAX];
	const struct ctl_ipam *ipam;
	struct report report = {0};
	bool gives;
	size_t n;

	if (client_ask(link, CTL_SHOW, &show, sizeof(show), &report, error) ==
	    -1) {
		complain("%s", error);
		return EXIT_FAILED;
	}
	ipam = REPORT_ROWS(&report, CTL_IPAM, ctl_ipam, &n);
	gives = n > 0 && ipam->state != CTL_IPAM_LEFT;
	report_free(&report);
	if (gives && act_addresses(link, CTL_RESET, NULL, 0, json) != EXIT_DONE)
		return EXIT_FAILED;
	return act(link, CTL_ERASE, NULL, 0);
}

/* The client waits a little longer than the daemon, for its reason. */
static int
act_ip(struct ctlclient *link, const struct command *command,
    char *const *arguments, int seconds, bool json)
{
	char error[CTLCLIENT_ERROR_MAX];
	struct ctl_target target = {0};
	struct ctl_ip ip;
	int result = EXIT_DONE;

	ctlclient_set_timeout(link, seconds * 1000 + CTLCLIENT_TIMEOUT_MS);
	if (command->request == CTL_RESET) {
		ctlclient_set_timeout(link, IP_RESET_SECONDS * 1000);
		return act_reset(link, json);
	}
	for (; command->request == CTL_RMPEER && *arguments != NULL;
	     arguments++) {
		strlcpy(target.address, *arguments, sizeof(target.address));
		if (act_addresses(link, CTL_RMPEER, &target, sizeof(target),
			json) != EXIT_DONE)
			result = EXIT_FAILED;
	}
	if (command->request == CTL_RMPEER)
		return result;
	if (!ip_parse(
		command->request, arguments, (unsigned)seconds, &ip, error)) {
		complain("%s: %s", command->words, error);
		return EXIT_USAGE;
	}
	return act_addresses(link, command->request, &ip, sizeof(ip), json);
}

static int
act_expose(struct ctlclient *link, const struct command *command,
    char *const *arguments, int seconds, bool json)
{
	uint32_t wait = (uint32_t)seconds * 1000;
	char error[CTLCLIENT_ERROR_MAX];
	struct ctl_ip_answer answer = {0};
	struct ctl_expose wanted, got;
	int result;

	if (!ip_parse_expose(command->request, arguments, &wanted, error)) {
		complain("%s: %s", command->words, error);
		return EXIT_USAGE;
	}
	ctlclient_set_timeout(link, (int)wait + CTLCLIENT_TIMEOUT_MS);
	if (command->request == CTL_HIDE)
		result = expose_hide(link, wanted.addr, wait, error);
	else
		result = expose_host(link, &wanted, wait, &got, error);
	if (result == -1) {
		complain("%s", error);
		return EXIT_FAILED;
	}
	if (command->request == CTL_HIDE)
		return EXIT_DONE;
	answer.addr = got.addr;
	answer.len = got.len;
	ip_print(CTL_EXPOSE, &answer, json, stdout);
	return fflush(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int
act_pods(struct ctlclient *link, const struct command *command,
    char *const *arguments, bool json)
{
	char error[CTLCLIENT_ERROR_MAX];
	int result;

	if (command->request == COMMAND_ATTACH)
		result = pods_attach(link, arguments, json, stdout, error);
	else if (command->request == COMMAND_DETACH)
		result = pods_detach(link, arguments, json, stdout, error);
	else
		result = pods_list(link, arguments, json, stdout, error);
	if (result == -1)
		complain("%s", error);
	else if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	else
		complain("cannot write the output");
	return EXIT_FAILED;
}

static int
act_claim(struct ctlclient *link, char *const *arguments)
{
	const char *directory =
	    arguments[0] == NULL ? CLAIM_DIRECTORY : arguments[0];
	char error[CTLCLIENT_ERROR_MAX];

	if (claim_running(link, directory, stdout, error) == -1)
		complain("%s", error);
	else if (fflush(stdout) == 0 && !ferror(stdout))
		return EXIT_DONE;
	else
		complain("cannot write the output");
	return EXIT_FAILED;
}

/* False, with a complaint, if it is no time to wait. */
static bool
parse_seconds(const char *text, int *seconds)
{
	const char *error;

	*seconds = (int)strtonum(text, 1, CTL_IP_WAIT_MAX / 1000, &error);
	if (error != NULL)
		complain("-w %.32s: seconds from 1 to %d", text,
		    CTL_IP_WAIT_MAX / 1000);
	return error == NULL;
}

/* False, with a complaint, if the level is none. */
static bool
parse_log_level(const char *text, struct ctl_log_level *message)
{
	int level = log_parse_level(text);

	if (level == -1) {
		complain("no such log level: %.32s "
			 "(debug, info, warning, error)",
		    text);
		return false;
	}
	message->level = (uint32_t)level;
	return true;
}

/* False, with a complaint, if a number is none. */
static bool
parse_bench(char *const *arguments, struct ctl_bench *bench)
{
	const char *error = NULL;

	bench->seconds = CTL_BENCH_SECONDS;
	bench->mbits = CTL_BENCH_MBITS_MAX;
	if (strlcpy(bench->peer, arguments[0], sizeof(bench->peer)) >=
	    sizeof(bench->peer))
		error = "too long";
	if (error == NULL && *++arguments != NULL) {
		bench->seconds = (uint32_t)strtonum(
		    *arguments, 1, CTL_BENCH_SECONDS_MAX, &error);
		if (error == NULL && *++arguments != NULL)
			bench->mbits = (uint32_t)strtonum(
			    *arguments, 1, CTL_BENCH_MBITS_MAX, &error);
	}
	if (error != NULL)
		complain("%.32s is %s (at most %u seconds, %u Mbit/s)",
		    *arguments, error, CTL_BENCH_SECONDS_MAX,
		    CTL_BENCH_MBITS_MAX);
	return error == NULL;
}

/* Of the host that weavectl runs on, before a daemon does. */
static int
check_network(const char *text)
{
	char error[CTLCLIENT_ERROR_MAX];
	struct netlink *netlink;
	struct subnet range;
	bool is_free;

	if (!subnet_parse(text, &range) || range.len == 0) {
		complain("no such subnet: %.32s", text);
		return EXIT_USAGE;
	}
	if ((netlink = netlink_open(-1)) == NULL) {
		complain("cannot read routes");
		return EXIT_FAILED;
	}
	is_free =
	    netcheck(netlink, range, NETCHECK_BRIDGE, error, sizeof(error));
	netlink_close(netlink);
	if (!is_free)
		complain("%s", error);
	return is_free ? EXIT_DONE : EXIT_FAILED;
}

/* EXIT_DONE, or what to exit with after a complaint. */
static int
parse_rotate(const struct command *command, char *const *arguments,
    struct ctl_rotate *rotate)
{
	char error[ROTATE_ERROR_MAX];

	switch (rotate_parse(command, arguments, rotate, error)) {
	case ROTATE_GOOD:
		return EXIT_DONE;
	case ROTATE_USAGE:
		complain("%s", error);
		return EXIT_USAGE;
	default:
		complain("%s", error);
		return EXIT_FAILED;
	}
}

static int
run(const struct command *command, char *const *arguments,
    const struct output *output, const char *path, int seconds)
{
	struct ctl_rotate rotate;
	struct ctl_log_level level = {0};
	struct ctl_bench bench = {0};
	struct ctlclient *link;
	char error[CTLCLIENT_ERROR_MAX];
	int result;

	if (command->request == COMMAND_NETCHECK)
		return check_network(arguments[0]);
	if (command->request == CTL_LOG_LEVEL &&
	    !parse_log_level(arguments[0], &level))
		return EXIT_USAGE;
	if (command->request == CTL_BENCH && !parse_bench(arguments, &bench))
		return EXIT_USAGE;
	if (command->request == CTL_ROTATE &&
	    (result = parse_rotate(command, arguments, &rotate)) != EXIT_DONE)
		return result;
	link = ctlclient_open(path, CLIENT_SOFTWARE,
	    CTLCLIENT_TIMEOUT_MS + (int)bench.seconds * 1000, error);
	if (link == NULL) {
		complain("%s", error);
		return EXIT_FAILED;
	}
	switch (command->request) {
	case CTL_SHOW:
		result = show(link, command, arguments, output);
		break;
	case CTL_CONNECT:
	case CTL_FORGET:
		result = act_targets(link, command->request, arguments);
		break;
	case CTL_IP_ALLOCATE:
	case CTL_IP_CLAIM:
	case CTL_IP_RELEASE:
	case CTL_RMPEER:
	case CTL_RESET:
		result = act_ip(
		    link, command, arguments, seconds, output == &output_json);
		break;
	case CTL_EXPOSE:
	case CTL_HIDE:
		result = act_expose(
		    link, command, arguments, seconds, output == &output_json);
		break;
	case COMMAND_CLAIM:
		result = act_claim(link, arguments);
		break;
	case COMMAND_ATTACH:
	case COMMAND_DETACH:
	case COMMAND_PS:
		result =
		    act_pods(link, command, arguments, output == &output_json);
		break;
	case CTL_BENCH:
		result =
		    ask(link, &bench, sizeof(bench), command, NULL, output);
		break;
	case CTL_ROTATE:
		ctlclient_set_timeout(link,
		    (rotate.mesh ? ROTATE_MESH_SECONDS : ROTATE_SECONDS) *
			1000);
		result = ask_rotate(link, &rotate, command, output);
		explicit_bzero(&rotate, sizeof(rotate));
		break;
	case CTL_LOG_LEVEL:
		result = act(link, CTL_LOG_LEVEL, &level, sizeof(level));
		break;
	default:
		result = act(link, command->request, NULL, 0);
	}
	ctlclient_close(link);
	return result;
}

int
main(int argc, char *argv[])
{
	const struct output *output = &output_text;
	const struct command *command;
	char error[PARSE_ERROR_MAX];
	const char *path = NULL;
	char *const *arguments;
	int c, seconds = IP_SECONDS;

	while ((c = getopt_long(argc, argv, "+hjs:Vw:", long_options, NULL)) !=
	    -1) {
		switch (c) {
		case 'h':
			usage(stdout);
			return EXIT_DONE;
		case 'j':
			output = &output_json;
			break;
		case 's':
			path = optarg;
			break;
		case 'w':
			if (!parse_seconds(optarg, &seconds))
				return EXIT_USAGE;
			break;
		case 'V':
			printf("weavectl %s\n", VERSION);
			return EXIT_DONE;
		default:
			usage(stderr);
			return EXIT_USAGE;
		}
	}
	command = parse_command(argv + optind, &arguments, error);
	if (command == NULL) {
		complain("%s", error);
		usage(stderr);
		return EXIT_USAGE;
	}
	return run(command, arguments, output, socket_path(path), seconds);
}
