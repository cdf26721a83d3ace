#include <sys/stat.h>

#include <atf-c.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "weaved/parent/state.h"

static struct state *
open_state(void)
{
	char error[CONF_ERROR_MAX];
	struct state *state = state_open("a/b", error);

	ATF_REQUIRE_MSG(state != NULL, "%s", error);
	return state;
}

static void
write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC, 0600);

	ATF_REQUIRE(fd != -1);
	ATF_REQUIRE(write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
}

ATF_TC_WITHOUT_HEAD(name_is_kept);
ATF_TC_BODY(name_is_kept, tc)
{
	struct state *state = open_state();
	struct stat st;

	ATF_CHECK_EQ(state_load_name(state), PEERNAME_UNKNOWN);
	ATF_REQUIRE(state_save_name(state, 0x020304050607) == 0);
	ATF_CHECK_EQ(state_load_name(state), 0x020304050607);
	ATF_REQUIRE(state_save_name(state, 0x020304050608) == 0);
	ATF_CHECK_EQ(state_load_name(state), 0x020304050608);
	ATF_REQUIRE(stat("a/b", &st) == 0);
	ATF_CHECK_EQ(st.st_mode & 07777, 0700);
	ATF_REQUIRE(stat("a/b/name", &st) == 0);
	ATF_CHECK_EQ(st.st_mode & 07777, 0600);
}

ATF_TC_WITHOUT_HEAD(damaged_name_is_none);
ATF_TC_BODY(damaged_name_is_none, tc)
{
	struct state *state = open_state();

	write_file("a/b/name", "not a name\n");
	ATF_CHECK_EQ(state_load_name(state), PEERNAME_UNKNOWN);
	write_file("a/b/name", "");
	ATF_CHECK_EQ(state_load_name(state), PEERNAME_UNKNOWN);
}

ATF_TC_WITHOUT_HEAD(targets_are_kept);
ATF_TC_BODY(targets_are_kept, tc)
{
	static const char *const texts[] = {"10.0.0.1", "host:7000"};
	struct state *state = open_state();
	char **targets;

	ATF_CHECK_EQ(state_load_targets(state, &targets), 0);
	ATF_REQUIRE(state_save_targets(state, texts, 2) == 0);
	ATF_REQUIRE_EQ(state_load_targets(state, &targets), 2);
	ATF_CHECK_STREQ(targets[0], texts[0]);
	ATF_CHECK_STREQ(targets[1], texts[1]);
	free(targets[0]);
	free(targets[1]);
	free(targets);
	ATF_REQUIRE(state_save_targets(state, NULL, 0) == 0);
	ATF_CHECK_EQ(state_load_targets(state, &targets), 0);
	free(targets);
}

ATF_TC_WITHOUT_HEAD(damaged_targets_are_skipped);
ATF_TC_BODY(damaged_targets_are_skipped, tc)
{
	struct state *state = open_state();
	char **targets;

	write_file("a/b/targets", "10.0.0.1\n::1\n\nno spaces\n10.0.0.2\n");
	ATF_REQUIRE_EQ(state_load_targets(state, &targets), 2);
	ATF_CHECK_STREQ(targets[0], "10.0.0.1");
	ATF_CHECK_STREQ(targets[1], "10.0.0.2");
}

ATF_TC_WITHOUT_HEAD(one_daemon_each);
ATF_TC_BODY(one_daemon_each, tc)
{
	char error[CONF_ERROR_MAX];

	open_state();
	ATF_CHECK(state_open("a/b", error) == NULL);
	ATF_CHECK_STREQ(error, "state-directory a/b: in use by another weaved");
	write_file("file", "");
	ATF_CHECK(state_open("file", error) == NULL);
	ATF_CHECK_STREQ(error, "state-directory file: Not a directory");
}

ATF_TC_WITHOUT_HEAD(others_may_not_write);
ATF_TC_BODY(others_may_not_write, tc)
{
	char error[CONF_ERROR_MAX];

	ATF_REQUIRE(mkdir("open", 0700) == 0 && chmod("open", 0770) == 0);
	ATF_CHECK(state_open("open", error) == NULL);
	ATF_CHECK_STREQ(error,
	    "state-directory open: must belong to root and be writable by "
	    "nobody else");
	ATF_REQUIRE(chmod("open", 0755) == 0);
	ATF_CHECK(state_open("open", error) != NULL);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, name_is_kept);
	ATF_TP_ADD_TC(tp, damaged_name_is_none);
	ATF_TP_ADD_TC(tp, targets_are_kept);
	ATF_TP_ADD_TC(tp, damaged_targets_are_skipped);
	ATF_TP_ADD_TC(tp, one_daemon_each);
	ATF_TP_ADD_TC(tp, others_may_not_write);
	return atf_no_error();
}
