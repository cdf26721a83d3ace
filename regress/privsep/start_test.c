/*
 * A daemon that can not confine its children does not start, and the
 * directory that is to be their root is as it must be or refused.
 */
#include <sys/mount.h>
#include <sys/stat.h>

#include <errno.h>
#include <sched.h>
#include <seccomp.h>
#include <string.h>
#include <unistd.h>

#include "regress/lib/net.h"
#include "weaved/parent/descriptors.h"
#include "weaved/weaved.h"

#define DIRECTORY "/run/weaved"

static void no_landlock(void);
static void refused(const char *);

/* As a kernel without it answers; for this process and its children. */
static void
no_landlock(void)
{
	scmp_filter_ctx ctx = seccomp_init(SCMP_ACT_ALLOW);

	ATF_REQUIRE(ctx != NULL);
	ATF_REQUIRE_EQ(0,
	    seccomp_rule_add(ctx, SCMP_ACT_ERRNO(ENOSYS),
		SCMP_SYS(landlock_create_ruleset), 0));
	ATF_REQUIRE_EQ(0, seccomp_load(ctx));
	seccomp_release(ctx);
}

ATF_TC_WITHOUT_HEAD(strict_without_landlock);
ATF_TC_BODY(strict_without_landlock, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *host = net_host(net);
	int status;

	host_option(host, "sandbox", "strict");
	no_landlock();
	host_launch(host);
	NET_WAIT(10, (status = host_ended(host)) != -1);
	ATF_CHECK_EQ(1, status);
	ATF_CHECK(host_log_has(host, "sandbox: no landlock"));
	ATF_CHECK(host_log_has(host, "cannot start"));
}

ATF_TC_WITHOUT_HEAD(required_without_landlock);
ATF_TC_BODY(required_without_landlock, tc)
{
	struct net *net = net_new(NET_ENCRYPTED);
	struct host *host = net_host(net);

	no_landlock();
	host_start(host);
	ATF_CHECK(host_log_has(host, "engine: sandbox: empty root"));
	ATF_CHECK(!host_log_has(host, "landlock"));
}

static void
refused(const char *path)
{
	char error[CONF_ERROR_MAX];

	ATF_CHECK_EQ(-1, descriptors_make_root(error));
	ATF_CHECK_MSG(strstr(error, path) != NULL &&
		strstr(error, "must belong to root") != NULL,
	    "%s", error);
}

ATF_TC_WITHOUT_HEAD(root_of_children);
ATF_TC_BODY(root_of_children, tc)
{
	char error[CONF_ERROR_MAX];
	struct stat st;

	ATF_REQUIRE(unshare(CLONE_NEWNS) == 0);
	ATF_REQUIRE(mount("", "/", NULL, MS_REC | MS_PRIVATE, NULL) == 0);
	ATF_REQUIRE(mount("tmpfs", "/run", "tmpfs", 0, NULL) == 0);
	umask(077);
	ATF_REQUIRE_EQ(0, descriptors_make_root(error));
	ATF_REQUIRE(stat(DIRECTORY, &st) == 0);
	ATF_CHECK_EQ(0755, st.st_mode & 07777);
	ATF_REQUIRE(stat(EMPTY_ROOT, &st) == 0);
	ATF_CHECK_EQ(0555, st.st_mode & 07777);
	ATF_REQUIRE_EQ(0, descriptors_make_root(error));

	ATF_REQUIRE(chmod(EMPTY_ROOT, 0755) == 0);
	refused(EMPTY_ROOT);
	ATF_REQUIRE(rmdir(EMPTY_ROOT) == 0 && symlink("/tmp", EMPTY_ROOT) == 0);
	refused(EMPTY_ROOT);
	ATF_REQUIRE(unlink(EMPTY_ROOT) == 0 && chmod(DIRECTORY, 0777) == 0);
	refused(DIRECTORY);
	ATF_REQUIRE(chmod(DIRECTORY, 0755) == 0 && chown(DIRECTORY, 1, 0) == 0);
	refused(DIRECTORY);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, strict_without_landlock);
	ATF_TP_ADD_TC(tp, required_without_landlock);
	ATF_TP_ADD_TC(tp, root_of_children);
	return atf_no_error();
}
