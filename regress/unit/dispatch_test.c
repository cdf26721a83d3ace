#include <sys/socket.h>

#include <atf-c.h>
#include <fcntl.h>
#include <unistd.h>

#include "weaved/dispatch.h"

#define TYPE_FIXED 1
#define TYPE_RANGE 2
#define TYPE_FD 3

struct seen {
	struct event_base *base;
	int handled;
	int ended; /* enum pipe_end, -1: not */
	struct pipe *free_me; /* by the handler */
};

static void
handle(void *arg, struct imsg *imsg)
{
	struct seen *seen = arg;

	(void)imsg;
	seen->handled++;
	if (seen->free_me != NULL) {
		pipe_free(seen->free_me);
		event_base_loopbreak(seen->base);
	}
}

static void
ended(void *arg, enum pipe_end end)
{
	struct seen *seen = arg;

	seen->ended = end;
	event_base_loopbreak(seen->base);
}

static const struct dispatch_entry table[] = {
    {TYPE_FIXED, 4, 4, false, handle},
    {TYPE_RANGE, 2, 8, false, handle},
    {TYPE_FD, 0, 0, true, handle},
};

/* Sends one message and the end of file; what did the other end make of it? */
static struct seen
deliver(uint32_t type, size_t len, bool with_fd)
{
	static const uint8_t data[64];
	struct seen seen = {.ended = -1};
	struct imsgbuf *sender;
	struct pipe *pipe;
	int pair[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	ATF_REQUIRE((seen.base = event_base_new()) != NULL);
	ATF_REQUIRE((sender = imsgbuf_new(pair[0])) != NULL);
	pipe = pipe_new(seen.base, pair[1], table, 3, ended, &seen);
	ATF_REQUIRE(pipe != NULL);
	ATF_REQUIRE(
	    imsg_compose(sender, type, 0,
		with_fd ? open("/dev/null", O_RDONLY) : -1, data, len) == 0);
	ATF_REQUIRE(imsgbuf_write(sender) == 0);
	imsgbuf_free(sender);
	event_base_dispatch(seen.base);
	pipe_free(pipe);
	event_base_free(seen.base);
	return seen;
}

static void
check(uint32_t type, size_t len, bool with_fd, bool accepted)
{
	struct seen seen = deliver(type, len, with_fd);

	ATF_CHECK_EQ_MSG(seen.handled, accepted, "type %u len %zu fd %d", type,
	    len, with_fd);
	ATF_CHECK_EQ_MSG(seen.ended, accepted ? PIPE_EOF : PIPE_BROKEN,
	    "type %u len %zu fd %d", type, len, with_fd);
}

ATF_TC_WITHOUT_HEAD(exact_lengths);
ATF_TC_BODY(exact_lengths, tc)
{
	check(TYPE_FIXED, 4, false, true);
	check(TYPE_FIXED, 3, false, false);
	check(TYPE_FIXED, 5, false, false);
	check(TYPE_FIXED, 0, false, false);
	check(TYPE_RANGE, 1, false, false);
	check(TYPE_RANGE, 2, false, true);
	check(TYPE_RANGE, 8, false, true);
	check(TYPE_RANGE, 9, false, false);
}

ATF_TC_WITHOUT_HEAD(unknown_types);
ATF_TC_BODY(unknown_types, tc)
{
	check(0, 0, false, false);
	check(TYPE_FD + 1, 4, false, false);
	check(UINT32_MAX, 4, false, false);
}

ATF_TC_WITHOUT_HEAD(descriptors);
ATF_TC_BODY(descriptors, tc)
{
	check(TYPE_FD, 0, true, true);
	check(TYPE_FD, 0, false, false);
	check(TYPE_FIXED, 4, true, false);
}

ATF_TC_WITHOUT_HEAD(handler_frees_pipe);
ATF_TC_BODY(handler_frees_pipe, tc)
{
	static const uint8_t data[4];
	struct seen seen = {.ended = -1};
	struct imsgbuf *sender;
	int pair[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	ATF_REQUIRE((seen.base = event_base_new()) != NULL);
	ATF_REQUIRE((sender = imsgbuf_new(pair[0])) != NULL);
	seen.free_me = pipe_new(seen.base, pair[1], table, 3, ended, &seen);
	ATF_REQUIRE(seen.free_me != NULL);
	for (int i = 0; i < 3; i++)
		ATF_REQUIRE(imsg_compose(sender, TYPE_FIXED, 0, -1, data,
				sizeof(data)) == 0);
	ATF_REQUIRE(imsgbuf_write(sender) == 0);
	event_base_dispatch(seen.base);
	ATF_CHECK_EQ(seen.handled, 1);
	ATF_CHECK_EQ(seen.ended, -1);
	imsgbuf_free(sender);
	event_base_free(seen.base);
}

/* Who does not read is told apart from who is gone. */
ATF_TC_WITHOUT_HEAD(full_queue);
ATF_TC_BODY(full_queue, tc)
{
	struct seen seen = {.ended = -1};
	static const uint8_t data[1024];
	struct pipe *pipe;
	int pair[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	ATF_REQUIRE((seen.base = event_base_new()) != NULL);
	pipe = pipe_new(seen.base, pair[1], table, 3, ended, &seen);
	ATF_REQUIRE(pipe != NULL);
	for (size_t i = 0; i <= IMSG_QUEUE_MAX; i++)
		pipe_send(pipe, TYPE_FIXED, 0, -1, data, sizeof(data));
	event_base_dispatch(seen.base);
	ATF_CHECK_EQ(seen.ended, PIPE_BROKEN);
	pipe_free(pipe);
	close(pair[0]);
	event_base_free(seen.base);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, exact_lengths);
	ATF_TP_ADD_TC(tp, unknown_types);
	ATF_TP_ADD_TC(tp, descriptors);
	ATF_TP_ADD_TC(tp, handler_frees_pipe);
	ATF_TP_ADD_TC(tp, full_queue);
	return atf_no_error();
}
