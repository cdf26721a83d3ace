/*
 * weaved.conf: good/ and bad/ files with what must come out, the order of the
 * sources, and the examples that the manual and etc/ promise to be valid.
 */
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

#include "weaved/parent/conf.h"

#define TEXT_MAX (4 * CONF_FILE_MAX)

static char *source_path(const char *);
static char *file_read(const char *);
static struct conf *source_load(const struct conf_source *);
static struct conf *text_load(const char *);
static char *conf_text(const struct conf *);
static void conf_expect(struct conf *, const char *);
static void source_expect_error(const struct conf_source *, const char *);
static void reload_expect(const char *, const char *, const char *);
static size_t each_file(const char *, void (*)(const char *));
static void good_check(const char *);
static void bad_check(const char *);
static void fix_point_check(const char *);
static bool example_next(char **, char *);

static char *
source_path(const char *name)
{
	const char *top = getenv("WEAVED_SRCDIR");
	char *path;

	ATF_REQUIRE_MSG(top != NULL, "WEAVED_SRCDIR is not set");
	ATF_REQUIRE(asprintf(&path, "%s/%s", top, name) != -1);
	return path;
}

static char *
file_read(const char *path)
{
	char *text = malloc(TEXT_MAX);
	FILE *f = fopen(path, "r");
	size_t len;

	ATF_REQUIRE(text != NULL);
	ATF_REQUIRE_MSG(f != NULL, "cannot open %s", path);
	len = fread(text, 1, TEXT_MAX - 1, f);
	text[len] = '\0';
	fclose(f);
	return text;
}

static struct conf *
source_load(const struct conf_source *source)
{
	char error[CONF_ERROR_MAX] = "";
	struct conf *conf = conf_load(source, error);

	ATF_REQUIRE_MSG(conf != NULL, "%s", error);
	return conf;
}

static struct conf *
text_load(const char *text)
{
	char error[CONF_ERROR_MAX] = "";
	struct conf *conf =
	    conf_parse_buffer("text", text, strlen(text), error);

	ATF_REQUIRE_MSG(conf != NULL, "%s in\n%s", error, text);
	return conf;
}

static char *
conf_text(const struct conf *conf)
{
	char *text;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	ATF_REQUIRE(out != NULL);
	ATF_REQUIRE_EQ(0, conf_print(conf, out));
	ATF_REQUIRE_EQ(0, fclose(out));
	return text;
}

/* line: one of the canonical form, or several. Frees conf. */
static void
conf_expect(struct conf *conf, const char *line)
{
	char *text = conf_text(conf);

	ATF_CHECK_MSG(
	    strstr(text, line) != NULL, "no \"%s\" in\n%s", line, text);
	free(text);
	conf_free(conf);
}

static void
source_expect_error(const struct conf_source *source, const char *wanted)
{
	char error[CONF_ERROR_MAX] = "";
	struct conf *conf = conf_load(source, error);

	ATF_CHECK_MSG(conf == NULL, "accepted, wanted: %s", wanted);
	ATF_CHECK_STREQ(wanted, error);
	conf_free(conf);
}

/* Calls check with the path of each *.conf of a directory; how many. */
static size_t
each_file(const char *directory, void (*check)(const char *))
{
	char *top = source_path(directory), *path;
	DIR *dir = opendir(top);
	struct dirent *entry;
	size_t n = 0;

	ATF_REQUIRE_MSG(dir != NULL, "cannot open %s", top);
	while ((entry = readdir(dir)) != NULL) {
		size_t len = strlen(entry->d_name);

		if (len < 5 || strcmp(entry->d_name + len - 5, ".conf") != 0)
			continue;
		ATF_REQUIRE(asprintf(&path, "%s/%s", top, entry->d_name) != -1);
		check(path);
		free(path);
		n++;
	}
	closedir(dir);
	free(top);
	return n;
}

/* The neighbour of file.conf that says what is expected. */
static char *
expected_read(const char *path, const char *suffix)
{
	char *name, *text;

	ATF_REQUIRE(asprintf(&name, "%.*s%s", (int)strlen(path) - 5, path,
			suffix) != -1);
	text = file_read(name);
	free(name);
	return text;
}

static void
good_check(const char *path)
{
	struct conf_source source = {.file = path};
	char *wanted = expected_read(path, ".out"), *text;
	struct conf *conf = source_load(&source);

	text = conf_text(conf);
	ATF_CHECK_MSG(strcmp(wanted, text) == 0, "%s gives\n%s", path, text);
	free(text);
	free(wanted);
	conf_free(conf);
}

static void
fix_point_check(const char *path)
{
	struct conf_source source = {.file = path};
	struct conf *conf = source_load(&source), *again;
	char error[CONF_ERROR_MAX], *text = conf_text(conf), *text_again;

	again = text_load(text);
	text_again = conf_text(again);
	ATF_CHECK_STREQ(text, text_again);
	ATF_CHECK(conf_can_reload(conf, again, error));
	free(text);
	free(text_again);
	conf_free(conf);
	conf_free(again);
}

static void
bad_check(const char *path)
{
	struct conf_source source = {.file = path};
	char *cause = expected_read(path, ".err"), *wanted;

	cause[strcspn(cause, "\n")] = '\0';
	ATF_REQUIRE(asprintf(&wanted, "%s:%s", path, cause) != -1);
	source_expect_error(&source, wanted);
	free(wanted);
	free(cause);
}

ATF_TC_WITHOUT_HEAD(good);
ATF_TC_BODY(good, tc)
{
	ATF_CHECK(each_file("regress/conf/good", good_check) > 0);
}

ATF_TC_WITHOUT_HEAD(fix_point);
ATF_TC_BODY(fix_point, tc)
{
	ATF_CHECK(each_file("regress/conf/good", fix_point_check) > 0);
}

ATF_TC_WITHOUT_HEAD(bad);
ATF_TC_BODY(bad, tc)
{
	ATF_CHECK(each_file("regress/conf/bad", bad_check) > 0);
}

ATF_TC_WITHOUT_HEAD(bad_file);
ATF_TC_BODY(bad_file, tc)
{
	char error[CONF_ERROR_MAX], *large = calloc(1, CONF_FILE_MAX + 2);
	FILE *f = fopen("large.conf", "w");

	ATF_REQUIRE(f != NULL && large != NULL);
	memset(large, '#', CONF_FILE_MAX + 1);
	fputs(large, f);
	fclose(f);
	source_expect_error(&(struct conf_source){.file = "large.conf"},
	    "large.conf: larger than 65536 bytes");
	source_expect_error(
	    &(struct conf_source){.file = "/"}, "/: is a directory");
	source_expect_error(&(struct conf_source){.file = "none.conf"},
	    "none.conf: No such file or directory");
	source_expect_error(&(struct conf_source){.file = "/dev/zero"},
	    "/dev/zero: larger than 65536 bytes");
	ATF_CHECK(
	    conf_parse_buffer("b", large, CONF_FILE_MAX + 1, error) == NULL);
	ATF_CHECK_STREQ("b:1: larger than 65536 bytes", error);
	free(large);
}

/* A name of a file that would be two lines is one in the message. */
ATF_TC_WITHOUT_HEAD(one_line);
ATF_TC_BODY(one_line, tc)
{
	char error[CONF_ERROR_MAX];

	ATF_CHECK(conf_parse_buffer("a\nb", "x: 1", 4, error) == NULL);
	ATF_CHECK_STREQ("a\\nb:1: unknown key \"x\"", error);
}

ATF_TC_WITHOUT_HEAD(defaults);
ATF_TC_BODY(defaults, tc)
{
	struct conf_source source = {.file = "/dev/null"};
	struct conf *conf = source_load(&source);
	char host[NICKNAME_MAX] = "";

	ATF_REQUIRE_EQ(0, gethostname(host, sizeof(host) - 1));
	ATF_CHECK_STREQ("weave", conf->mesh);
	ATF_CHECK_EQ(CONF_PROTOCOL_HARDENED, conf->protocol);
	ATF_CHECK_EQ(PEERNAME_UNKNOWN, conf->name);
	ATF_CHECK_STREQ(host, conf->nickname);
	ATF_CHECK_EQ(0, conf->listen);
	ATF_CHECK_EQ(6783, conf->port);
	ATF_CHECK_EQ(0, conf->npeers);
	ATF_CHECK(conf->discovery);
	ATF_CHECK_EQ(200, conf->connection_limit);
	ATF_CHECK_EQ(CONF_ENCRYPTION_REQUIRED, conf->encryption);
	ATF_CHECK_EQ(CONF_CIPHER_AUTO, conf->cipher);
	ATF_CHECK(conf->password_file == NULL);
	ATF_CHECK(!conf->password_file_option);
	ATF_CHECK_EQ(0, conf->ntrusted);
	ATF_CHECK_STREQ("weave", conf->bridge);
	ATF_CHECK_EQ(1376, conf->mtu);
	ATF_CHECK_EQ(CONF_SANDBOX_REQUIRED, conf->sandbox);
	ATF_CHECK_STREQ("/run/weaved/weaved.sock", conf->control_socket);
	ATF_CHECK_STREQ("/var/lib/weaved", conf->state_directory);
	ATF_CHECK_EQ(LOGLEVEL_INFO, conf->log);
	conf_free(conf);
}

#define ENVIRONMENT(...)                                          \
	.environment = (char *const *)(uintptr_t)(const char *[]) \
	{                                                         \
		"PATH=/bin", __VA_ARGS__, NULL                    \
	}

static const char *
precedence_file(void)
{
	FILE *f = fopen("a.conf", "w");

	ATF_REQUIRE(f != NULL);
	fputs("mtu: 1000\nconnection-limit: 10\npeers: [file]\n"
	      "password-file: /file\nport: 7000\n",
	    f);
	fclose(f);
	return "a.conf";
}

ATF_TC_WITHOUT_HEAD(environment_over_file);
ATF_TC_BODY(environment_over_file, tc)
{
	struct conf_source source = {.file = precedence_file(),
	    ENVIRONMENT("WEAVE_MTU=2000", "CONN_LIMIT=20",
		"KUBE_PEERS= 10.0.1.1,10.0.1.2  10.0.1.3, ")};

	conf_expect(source_load(&source), "mtu: 2000\n");
	conf_expect(source_load(&source), "connection-limit: 20\n");
	conf_expect(source_load(&source),
	    "peers:\n  - \"10.0.1.1\"\n  - \"10.0.1.2\"\n"
	    "  - \"10.0.1.3\"\ndiscovery");
}

ATF_TC_WITHOUT_HEAD(empty_environment_is_unset);
ATF_TC_BODY(empty_environment_is_unset, tc)
{
	struct conf_source source = {.file = precedence_file(),
	    ENVIRONMENT("WEAVE_MTU=", "CONN_LIMIT=", "KUBE_PEERS=", "HOSTNAME=",
		"EXTRA_ARGS=")};

	conf_expect(source_load(&source), "mtu: 1000\n");
	conf_expect(source_load(&source), "connection-limit: 10\n");
	conf_expect(source_load(&source), "peers:\n  - file\ndiscovery");
}

ATF_TC_WITHOUT_HEAD(options_over_environment);
ATF_TC_BODY(options_over_environment, tc)
{
	const char *options[] = {"mtu=3000", "mtu=4000", "peers=a", "peers=b,c",
	    "trusted-subnets=10.0.0.0/8,10.1.0.0/16", "connection-limit=40"};
	struct conf_source source = {.file = precedence_file(),
	    .options = options,
	    .noptions = 6,
	    ENVIRONMENT("WEAVE_MTU=2000", "CONN_LIMIT=20",
		"KUBE_PEERS=10.0.1.1", "EXTRA_ARGS=--mtu=2500 10.0.1.2")};

	conf_expect(source_load(&source), "mtu: 4000\n");
	conf_expect(source_load(&source), "port: 7000\n");
	conf_expect(source_load(&source), "connection-limit: 40\n");
	conf_expect(source_load(&source), "peers:\n  - b\n  - c\ndiscovery");
	conf_expect(source_load(&source),
	    "trusted-subnets:\n  - 10.0.0.0/8\n  - 10.1.0.0/16\nbridge");
}

ATF_TC_WITHOUT_HEAD(operands_are_added);
ATF_TC_BODY(operands_are_added, tc)
{
	const char *peers[] = {"x", "file", "y:7000"};
	const char *options[] = {"peers="};
	char *environment[] = {strdup("KUBE_PEERS=env"), NULL};
	struct conf_source source = {
	    .file = precedence_file(), .peers = peers, .npeers = 3};

	conf_expect(source_load(&source),
	    "peers:\n  - file\n  - x\n  - y:7000\ndiscovery");
	source.environment = environment;
	conf_expect(source_load(&source),
	    "peers:\n  - env\n  - x\n  - file\n  - y:7000\ndiscovery");
	source.options = options;
	source.noptions = 1;
	conf_expect(source_load(&source),
	    "peers:\n  - x\n  - file\n  - y:7000\ndiscovery");
}

/* Every variable of Weave Net's that sets a key, with what it then says. */
ATF_TC_WITHOUT_HEAD(environment_of_weave);
ATF_TC_BODY(environment_of_weave, tc)
{
	static const struct {
		const char *variable;
		const char *wanted;
	} good[] = {
	    {"CONN_LIMIT=7", "connection-limit: 7\n"},
	    {"EXPECT_NPC=1", "expect-npc: yes\n"},
	    {"EXPECT_NPC=true", "expect-npc: yes\n"},
	    {"EXPECT_NPC=0", "expect-npc: no\n"},
	    {"EXPECT_NPC=no", "expect-npc: no\n"},
	    {"EXPECT_NPC=False", "expect-npc: no\n"},
	    {"HOSTNAME=node-1.example.org", "nickname: node-1.example.org\n"},
	    {"IPALLOC_INIT=consensus=3", "ipalloc-init: consensus=3\n"},
	    {"IPALLOC_RANGE=10.32.0.0/12", "ipalloc-range: 10.32.0.0/12\n"},
	    {"KUBE_PEERS=10.0.1.1", "peers:\n  - \"10.0.1.1\"\n"},
	    {"WEAVE_MTU=1337", "mtu: 1337\n"},
	    {"WEAVE_NO_FASTDP=0", "mtu: 1376\n"},
	    {"NO_MASQ_LOCAL=1", "no-masq-local: yes\n"},
	    {"NO_MASQ_LOCAL=0", "no-masq-local: no\n"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		conf_expect(
		    source_load(&(struct conf_source){
			.file = "/dev/null", ENVIRONMENT(good[i].variable)}),
		    good[i].wanted);
}

/* A shell exports it, so it does not come before what the operator wrote. */
ATF_TC_WITHOUT_HEAD(hostname_under_file);
ATF_TC_BODY(hostname_under_file, tc)
{
	FILE *f = fopen("n.conf", "w");

	ATF_REQUIRE(f != NULL);
	fputs("nickname: mine\n", f);
	fclose(f);
	conf_expect(source_load(&(struct conf_source){
			.file = "n.conf", ENVIRONMENT("HOSTNAME=shell")}),
	    "nickname: mine\n");
	source_expect_error(&(struct conf_source){.file = "/dev/null",
				ENVIRONMENT("HOSTNAME=a\nb")},
	    "HOSTNAME: control character");
}

ATF_TC_WITHOUT_HEAD(extra_args);
ATF_TC_BODY(extra_args, tc)
{
	static const struct {
		const char *variable;
		const char *wanted;
	} good[] = {
	    {"EXTRA_ARGS=--trusted-subnets=10.0.0.0/8,10.1.0.0/16",
		"trusted-subnets:\n  - 10.0.0.0/8\n  - 10.1.0.0/16\n"},
	    {"EXTRA_ARGS=  --log-level debug  --no-dns ", "log: debug\n"},
	    {"EXTRA_ARGS=--docker-api= --port=7000", "port: 7000\n"},
	    {"EXTRA_ARGS=--db-prefix /x -mtu 1400", "mtu: 1400\n"},
	    {"EXTRA_ARGS=--no-discovery", "discovery: no\n"},
	    {"EXTRA_ARGS=--no-discovery=false", "discovery: yes\n"},
	    {"EXTRA_ARGS=-o protocol=mixed", "protocol: mixed\n"},
	    {"EXTRA_ARGS=10.0.1.1 10.0.1.2",
		"peers:\n  - \"10.0.1.1\"\n  - \"10.0.1.2\"\n"},
	};
	static const struct {
		const char *variable;
		const char *wanted;
	} bad[] = {
	    {"EXTRA_ARGS=--mtu", "EXTRA_ARGS: --mtu: a value is missing"},
	    {"EXTRA_ARGS=--mtu 1",
		"EXTRA_ARGS: --mtu: 1 is out of range (576 to 65535)"},
	    {"EXTRA_ARGS=--mtu=1 2",
		"EXTRA_ARGS: --mtu: 1 is out of range (576 to 65535)"},
	    {"EXTRA_ARGS=--mtux 1", "EXTRA_ARGS: unknown flag --mtux"},
	    {"EXTRA_ARGS=--password=secret",
		"EXTRA_ARGS: --password: others can read it, set "
		"WEAVE_PASSWORD"},
	    {"EXTRA_ARGS=-o", "EXTRA_ARGS: -o: a key=value is missing"},
	    {"EXTRA_ARGS=-o x=y", "EXTRA_ARGS: -o x: unknown key \"x\""},
	    {"EXTRA_ARGS=::1",
		"EXTRA_ARGS: \"::1\": IPv6 underlay not supported"},
	};

	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++)
		conf_expect(
		    source_load(&(struct conf_source){
			.file = "/dev/null", ENVIRONMENT(good[i].variable)}),
		    good[i].wanted);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		source_expect_error(&(struct conf_source){.file = "/dev/null",
					ENVIRONMENT(bad[i].variable)},
		    bad[i].wanted);
}

static char idle_names[512];

static void
idle_note(const char *name)
{
	strlcat(idle_names, name, sizeof(idle_names));
	strlcat(idle_names, ";", sizeof(idle_names));
}

ATF_TC_WITHOUT_HEAD(variables_without_effect);
ATF_TC_BODY(variables_without_effect, tc)
{
	const struct conf_source source = {ENVIRONMENT("IPTABLES_BACKEND=nft",
	    "WEAVE_MTU=1400", "HOST_ROOT=", "HOME=/", "CHECKPOINT_DISABLE=1",
	    "EXTRA_ARGS=--no-dns --docker-api= --mtu 1400 --bufsz 9 p")};

	conf_environment_idle(&source, idle_note);
	ATF_CHECK_STREQ("CHECKPOINT_DISABLE;IPTABLES_BACKEND;"
			"EXTRA_ARGS --no-dns;EXTRA_ARGS --docker-api;"
			"EXTRA_ARGS --bufsz;",
	    idle_names);
}

ATF_TC_WITHOUT_HEAD(password_file_option);
ATF_TC_BODY(password_file_option, tc)
{
	const char *options[] = {"password-file=/option", "password-file="};
	struct conf_source source = {
	    .file = precedence_file(), .options = options};
	struct conf *conf = source_load(&source);

	ATF_CHECK_STREQ("/file", conf->password_file);
	ATF_CHECK(!conf->password_file_option);
	conf_free(conf);
	source.noptions = 1;
	conf = source_load(&source);
	ATF_CHECK_STREQ("/option", conf->password_file);
	ATF_CHECK(conf->password_file_option);
	conf_free(conf);
	source.noptions = 2;
	conf = source_load(&source);
	ATF_CHECK(conf->password_file == NULL);
	ATF_CHECK(!conf->password_file_option);
	conf_free(conf);
}

ATF_TC_WITHOUT_HEAD(bad_sources);
ATF_TC_BODY(bad_sources, tc)
{
	static const struct {
		const char *option;
		const char *wanted;
	} bad[] = {
	    {"port", "-o port: not of the form key=value"},
	    {"port=0", "-o port: 0 is out of range (1 to 65534)"},
	    {"port=", "-o port: \"\" is not a whole number"},
	    {"prot=1", "-o prot: unknown key \"prot\", did you mean \"port\"?"},
	    {"=1", "-o : unknown key \"\""},
	    {"mesh=\xff", "-o mesh: not valid UTF-8"},
	    {"mesh=a\nb", "-o mesh: control character"},
	    {"peers=a,::1", "-o peers: \"::1\": IPv6 underlay not supported"},
	    {"protocol=fixed",
		"-o protocol: \"fixed\" is none of: weave, mixed, hardened"},
	};
	const char *peer = "::1";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const char *option = bad[i].option;

		source_expect_error(
		    &(struct conf_source){
			.file = "/dev/null", .options = &option, .noptions = 1},
		    bad[i].wanted);
	}
	source_expect_error(&(struct conf_source){.file = "/dev/null",
				ENVIRONMENT("WEAVE_MTU=12")},
	    "WEAVE_MTU: 12 is out of range (576 to 65535)");
	source_expect_error(&(struct conf_source){.file = "/dev/null",
				ENVIRONMENT("CONN_LIMIT=x")},
	    "CONN_LIMIT: \"x\" is not a whole number");
	source_expect_error(&(struct conf_source){.file = "/dev/null",
				ENVIRONMENT("KUBE_PEERS=a b;c")},
	    "KUBE_PEERS: \"b;c\" is no host name");
	source_expect_error(
	    &(struct conf_source){
		.file = "/dev/null", .peers = &peer, .npeers = 1},
	    "peer \"::1\": IPv6 underlay not supported");
}

ATF_TC_WITHOUT_HEAD(check_peer);
ATF_TC_BODY(check_peer, tc)
{
	char error[CONF_ERROR_MAX] = "";

	ATF_CHECK(conf_check_peer("10.0.1.11", error));
	ATF_CHECK(conf_check_peer("host.example.org:1", error));
	ATF_CHECK(!conf_check_peer("", error));
	ATF_CHECK(!conf_check_peer("[::1]", error));
	ATF_CHECK_STREQ("\"[::1]\": IPv6 underlay not supported", error);
}

/* wanted: the key that error names, NULL: the reload is possible. */
static void
reload_expect(const char *running, const char *wanted, const char *key)
{
	struct conf *a = text_load(running), *b = text_load(wanted);
	char error[CONF_ERROR_MAX] = "", line[CONF_ERROR_MAX] = "";

	if (key != NULL)
		snprintf(line, sizeof(line),
		    "%s cannot change without a restart", key);
	ATF_CHECK_EQ(key == NULL, conf_can_reload(a, b, error));
	ATF_CHECK_STREQ(line, error);
	conf_free(a);
	conf_free(b);
}

ATF_TC_WITHOUT_HEAD(reload);
ATF_TC_BODY(reload, tc)
{
	reload_expect("mesh: a", "mesh: a", NULL);
	reload_expect("mesh: a", "mesh: b", "mesh");
	reload_expect("", "name: 00:00:00:00:00:01", "name");
	reload_expect("", "listen: 10.0.1.10", "listen");
	reload_expect("", "port: 7000", "port");
	reload_expect("", "bridge: b", "bridge");
	reload_expect("", "control-socket: /s", "control-socket");
	reload_expect("", "state-directory: /s", "state-directory");
	reload_expect("", "sandbox: strict", "sandbox");
	reload_expect("", "encryption: none", "encryption");
	reload_expect("", "cipher: library", "cipher");
	reload_expect("",
	    "peers: [a]\ndiscovery: no\nmtu: 1400\nlog: debug\n"
	    "nickname: n\nconnection-limit: 1\npassword-file: /p\n"
	    "trusted-subnets: [10.0.0.0/8]\n",
	    NULL);
}

/* Every key is there, commented; with the comments gone it is valid as well. */
ATF_TC_WITHOUT_HEAD(example);
ATF_TC_BODY(example, tc)
{
	char *path = source_path("etc/weaved.conf.example");
	char *text = file_read(path), *bare = calloc(1, strlen(text) + 1);
	char *rest = text, *line, *canonical;
	struct conf *conf = text_load(text), *plain = text_load("");

	canonical = conf_text(plain);
	conf_expect(conf, canonical);
	while ((line = strsep(&rest, "\n")) != NULL)
		if (line[0] == '#' && line[1] != ' ' && line[1] != '\0')
			strcat(strcat(bare, line + 1), "\n");
	conf_free(text_load(bare));
	rest = canonical;
	while ((line = strsep(&rest, "\n")) != NULL) {
		line[strcspn(line, ":")] = '\0';
		ATF_CHECK_MSG(strstr(bare, line) != NULL, "no %s", line);
	}
	free(canonical);
	free(bare);
	free(text);
	free(path);
	conf_free(plain);
}

/* Copies the next literal display at *page to text and moves behind it. */
static bool
example_next(char **page, char *text)
{
	char *line;
	bool inside = false;

	while ((line = strsep(page, "\n")) != NULL) {
		if (strncmp(line, ".Bd -literal", 12) == 0)
			inside = true;
		else if (strcmp(line, ".Ed") == 0)
			return true;
		else if (inside)
			text = stpcpy(stpcpy(text, line), "\n");
	}
	return false;
}

ATF_TC_WITHOUT_HEAD(manual_examples);
ATF_TC_BODY(manual_examples, tc)
{
	char *path = source_path("weaved.conf.5"), *page = file_read(path);
	char *rest = strstr(page, ".Sh EXAMPLES");
	char *text = calloc(1, TEXT_MAX);
	size_t n = 0;

	ATF_REQUIRE(rest != NULL && text != NULL);
	for (; example_next(&rest, text); n++) {
		conf_free(text_load(text));
		text[0] = '\0';
	}
	ATF_CHECK(n >= 3);
	free(text);
	free(page);
	free(path);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, good);
	ATF_TP_ADD_TC(tp, fix_point);
	ATF_TP_ADD_TC(tp, bad);
	ATF_TP_ADD_TC(tp, bad_file);
	ATF_TP_ADD_TC(tp, one_line);
	ATF_TP_ADD_TC(tp, defaults);
	ATF_TP_ADD_TC(tp, environment_over_file);
	ATF_TP_ADD_TC(tp, empty_environment_is_unset);
	ATF_TP_ADD_TC(tp, options_over_environment);
	ATF_TP_ADD_TC(tp, operands_are_added);
	ATF_TP_ADD_TC(tp, environment_of_weave);
	ATF_TP_ADD_TC(tp, hostname_under_file);
	ATF_TP_ADD_TC(tp, extra_args);
	ATF_TP_ADD_TC(tp, variables_without_effect);
	ATF_TP_ADD_TC(tp, password_file_option);
	ATF_TP_ADD_TC(tp, bad_sources);
	ATF_TP_ADD_TC(tp, check_peer);
	ATF_TP_ADD_TC(tp, reload);
	ATF_TP_ADD_TC(tp, example);
	ATF_TP_ADD_TC(tp, manual_examples);
	return atf_no_error();
}
