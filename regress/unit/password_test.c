#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/parent/password.h"

/* ATF runs each case in an empty directory of its own. */
static char *
make_file(const char *name, const void *bytes, size_t len, mode_t mode)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(write(fd, bytes, len) == (ssize_t)len);
	ATF_REQUIRE(fchmod(fd, mode) == 0);
	close(fd);
	return realpath(name, NULL);
}

static struct password *
load(char *file, bool option, char *source, char *error)
{
	struct conf conf = {
	    .password_file = file, .password_file_option = option};
	struct password_place place;
	struct password *password;

	ATF_REQUIRE(sodium_init() >= 0);
	password = password_load(&conf, &place, error);
	strlcpy(source, place.path, sizeof(place.path));
	return password;
}

static void
check_file(const void *bytes, size_t len, mode_t mode, const char *expected)
{
	char source[PATH_MAX], error[CONF_ERROR_MAX];
	char *path = make_file("password", bytes, len, mode);
	struct password *password = load(path, true, source, error);

	if (expected == NULL) {
		ATF_REQUIRE_MSG(password != NULL, "%s", error);
		ATF_CHECK_STREQ(source, path);
	} else {
		ATF_CHECK(password == NULL);
		ATF_CHECK_MSG(strstr(error, expected) != NULL,
		    "\"%s\" lacks \"%s\"", error, expected);
		ATF_CHECK(strncmp(error, path, strlen(path)) == 0);
	}
	password_free(password);
	free(path);
}

ATF_TC_WITHOUT_HEAD(files);
ATF_TC_BODY(files, tc)
{
	static char longest[PASSWORD_MAX + 2];

	memset(longest, 'x', sizeof(longest));
	check_file("secret\n", 7, 0600, NULL);
	check_file("secret", 6, 0400, NULL);
	check_file("secret\n", 7, 0644, "open to others");
	check_file("secret\n", 7, 0640, "open to others");
	check_file("", 0, 0600, "empty");
	check_file("\n", 1, 0600, "empty");
	check_file("a\0b", 3, 0600, "NUL");
	check_file(longest, PASSWORD_MAX, 0600, NULL);
	check_file(longest, PASSWORD_MAX + 1, 0600, "longer than 1024");
	longest[PASSWORD_MAX] = '\n';
	check_file(longest, PASSWORD_MAX + 1, 0600, NULL);
	check_file(longest, PASSWORD_MAX + 2, 0600, "longer than 1024");
}

ATF_TC_WITHOUT_HEAD(not_a_file);
ATF_TC_BODY(not_a_file, tc)
{
	char source[PATH_MAX], error[CONF_ERROR_MAX];
	char directory[] = "d", fifo[] = "f", missing[] = "m";

	ATF_REQUIRE(mkdir(directory, 0700) == 0);
	ATF_REQUIRE(mkfifo(fifo, 0600) == 0);
	ATF_CHECK(load(directory, true, source, error) == NULL);
	ATF_CHECK_STREQ(error, "d: not a regular file");
	ATF_CHECK(load(fifo, true, source, error) == NULL);
	ATF_CHECK_STREQ(error, "f: not a regular file");
	ATF_CHECK(load(missing, false, source, error) == NULL);
	ATF_CHECK_STREQ(error, "m: No such file or directory");
}

/* One newline at the end is dropped, and only one. */
ATF_TC_WITHOUT_HEAD(newlines);
ATF_TC_BODY(newlines, tc)
{
	char source[PATH_MAX], error[CONF_ERROR_MAX];
	char *path = make_file("password", "a b\n\n", 5, 0600);
	struct password *password = load(path, true, source, error);

	ATF_REQUIRE(password != NULL);
	ATF_CHECK_EQ(password->len, 4);
	ATF_CHECK(memcmp(password->bytes, "a b\n", 4) == 0);
	password_free(password);
	free(path);
}

/* -o, environment, credential, configuration: first one there wins. */
ATF_TC_WITHOUT_HEAD(order);
ATF_TC_BODY(order, tc)
{
	char source[PATH_MAX], error[CONF_ERROR_MAX], *value;
	struct password *password;
	char *path = make_file("file", "from file", 9, 0600);

	ATF_REQUIRE(mkdir("credentials", 0700) == 0);
	free(make_file("credentials/password", "from credential", 15, 0400));
	setenv("CREDENTIALS_DIRECTORY", "credentials", 1);
	password = load(path, false, source, error);
	ATF_REQUIRE(password != NULL);
	ATF_CHECK_STREQ(source, "credentials/password");
	password_free(password);

	setenv("WEAVE_PASSWORD", "from environment", 1);
	value = getenv("WEAVE_PASSWORD");
	password_init();
	ATF_CHECK_MSG(value[0] == '\0', "not wiped in place");
	ATF_CHECK(getenv("WEAVE_PASSWORD") == NULL);
	password = load(path, false, source, error);
	ATF_REQUIRE(password != NULL);
	ATF_CHECK_STREQ(source, "WEAVE_PASSWORD");
	ATF_CHECK_EQ(password->len, 16);
	password_free(password);

	password = load(path, true, source, error);
	ATF_REQUIRE(password != NULL);
	ATF_CHECK_STREQ(source, path);
	password_free(password);
	free(path);
}

ATF_TC_WITHOUT_HEAD(empty_environment_is_unset);
ATF_TC_BODY(empty_environment_is_unset, tc)
{
	char source[PATH_MAX], error[CONF_ERROR_MAX];
	char *path = make_file("file", "from file", 9, 0600);
	struct password *password;

	ATF_REQUIRE(sodium_init() >= 0);
	setenv("WEAVE_PASSWORD", "", 1);
	password_init();
	password = load(path, false, source, error);
	ATF_REQUIRE(password != NULL);
	ATF_CHECK_STREQ(source, path);
	password_free(password);
	free(path);
}

ATF_TC_WITHOUT_HEAD(strength);
ATF_TC_BODY(strength, tc)
{
	static const struct {
		const char *text;
		bool weak;
	} cases[] = {
	    {"password", true},
	    {"correct horse", true},
	    {"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa", true},
	    {"12345678901234567890", true},
	    {"Zr8#qLw2!vTn6pXc", false},
	    {"f3a91c77d0be42865e0d7b1c9aa4f211", false},
	};
	struct password *password;

	ATF_REQUIRE(sodium_init() >= 0);
	password = sodium_malloc(sizeof(*password));
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		password->len = strlen(cases[i].text);
		memcpy(password->bytes, cases[i].text, password->len);
		ATF_CHECK_EQ_MSG(password_bits(password) < 80, cases[i].weak,
		    "%s: %u bits", cases[i].text, password_bits(password));
	}
	password_free(password);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, files);
	ATF_TP_ADD_TC(tp, not_a_file);
	ATF_TP_ADD_TC(tp, newlines);
	ATF_TP_ADD_TC(tp, order);
	ATF_TP_ADD_TC(tp, empty_environment_is_unset);
	ATF_TP_ADD_TC(tp, strength);
	return atf_no_error();
}
