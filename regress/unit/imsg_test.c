#include <sys/socket.h>

#include <atf-c.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "common/imsg.h"

struct ends {
	struct imsgbuf *a;
	struct imsgbuf *b;
	int raw; /* b's descriptor */
};

static struct ends
ends_new(void)
{
	struct ends ends;
	int pair[2];

	ATF_REQUIRE(socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0);
	ATF_REQUIRE((ends.a = imsgbuf_new(pair[0])) != NULL);
	ATF_REQUIRE((ends.b = imsgbuf_new(pair[1])) != NULL);
	ends.raw = pair[0];
	return ends;
}

static void
ends_free(struct ends *ends)
{
	imsgbuf_free(ends->a);
	imsgbuf_free(ends->b);
}

/* Reads until a message is there. */
static int
next(struct imsgbuf *buf, struct imsg *imsg)
{
	int got;

	while ((got = imsg_get(buf, imsg)) == 0)
		if ((got = imsgbuf_read(buf)) != 1)
			return got;
	return got;
}

ATF_TC_WITHOUT_HEAD(order_and_content);
ATF_TC_BODY(order_and_content, tc)
{
	struct ends ends = ends_new();
	struct imsg imsg;

	for (uint32_t i = 0; i < 100; i++)
		ATF_REQUIRE(
		    imsg_compose(ends.a, i + 1, i * 7, -1, &i, sizeof(i)) == 0);
	ATF_REQUIRE(imsgbuf_write(ends.a) == 0);
	for (uint32_t i = 0; i < 100; i++) {
		ATF_REQUIRE(next(ends.b, &imsg) == 1);
		ATF_CHECK_EQ(imsg.hdr.type, i + 1);
		ATF_CHECK_EQ(imsg.hdr.id, i * 7);
		ATF_REQUIRE_EQ(imsg.len, sizeof(i));
		ATF_CHECK(memcmp(imsg.data, &i, sizeof(i)) == 0);
		imsg_free(&imsg);
	}
	ends_free(&ends);
}

/* Each descriptor stays with its own message. */
ATF_TC_WITHOUT_HEAD(descriptors);
ATF_TC_BODY(descriptors, tc)
{
	struct ends ends = ends_new();
	struct imsg imsg;
	char byte;
	int p[2];

	for (uint32_t i = 0; i < 40; i++) {
		ATF_REQUIRE(pipe(p) == 0);
		byte = (char)i;
		ATF_REQUIRE(write(p[1], &byte, 1) == 1);
		close(p[1]);
		if (i % 3 == 0)
			close(p[0]);
		ATF_REQUIRE(imsg_compose(ends.a, i, 0, i % 3 == 0 ? -1 : p[0],
				&i, sizeof(i)) == 0);
	}
	for (uint32_t i = 0; i < 40; i++) {
		ATF_REQUIRE(imsgbuf_write(ends.a) == 0);
		ATF_REQUIRE(next(ends.b, &imsg) == 1);
		ATF_REQUIRE_EQ(imsg.hdr.type, i);
		ATF_CHECK_EQ(imsg.fd == -1, i % 3 == 0);
		if (imsg.fd != -1) {
			ATF_CHECK(read(imsg.fd, &byte, 1) == 1);
			ATF_CHECK_EQ(byte, (char)i);
		}
		imsg_free(&imsg);
	}
	ends_free(&ends);
}

ATF_TC_WITHOUT_HEAD(consumed_bytes_are_wiped);
ATF_TC_BODY(consumed_bytes_are_wiped, tc)
{
	static const char secret[] = "a secret that must not linger";
	struct ends ends = ends_new();
	const char *where;
	struct imsg imsg;

	ATF_REQUIRE(
	    imsg_compose(ends.a, 1, 0, -1, secret, sizeof(secret)) == 0);
	ATF_REQUIRE(imsgbuf_write(ends.a) == 0);
	ATF_REQUIRE(next(ends.b, &imsg) == 1);
	where = imsg.data;
	ATF_CHECK(memcmp(where, secret, sizeof(secret)) == 0);
	imsg_free(&imsg);
	for (size_t i = 0; i < sizeof(secret); i++)
		ATF_CHECK_EQ(where[i], '\0');
	ends_free(&ends);
}

ATF_TC_WITHOUT_HEAD(bad_headers);
ATF_TC_BODY(bad_headers, tc)
{
	static const struct imsg_hdr bad[] = {
	    {1, 0, 0, 0}, /* no room for itself */
	    {1, 15, 0, 0}, {1, IMSG_MAX + 1, 0, 0}, {1, UINT32_MAX, 0, 0},
	    {1, 16, 0, 2}, /* unknown flag */
	    {1, 16, 0, IMSG_HASFD}, /* but none came */
	};

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct ends ends = ends_new();
		struct imsg imsg;

		ATF_REQUIRE(
		    write(ends.raw, &bad[i], sizeof(bad[i])) == sizeof(bad[i]));
		ATF_CHECK_EQ(next(ends.b, &imsg), -1);
		ATF_CHECK_EQ(errno, EPROTO);
		ends_free(&ends);
	}
}

ATF_TC_WITHOUT_HEAD(largest_and_too_large);
ATF_TC_BODY(largest_and_too_large, tc)
{
	static uint8_t data[IMSG_MAX];
	struct ends ends = ends_new();
	struct imsg imsg;

	ATF_CHECK(
	    imsg_compose(ends.a, 1, 0, -1, data, IMSG_DATA_MAX + 1) == -1);
	ATF_CHECK_EQ(errno, EMSGSIZE);
	ATF_REQUIRE(imsg_compose(ends.a, 1, 0, -1, data, IMSG_DATA_MAX) == 0);
	ATF_REQUIRE(imsgbuf_write(ends.a) == 0);
	ATF_REQUIRE(next(ends.b, &imsg) == 1);
	ATF_CHECK_EQ(imsg.len, IMSG_DATA_MAX);
	imsg_free(&imsg);
	ends_free(&ends);
}

/* A reader that does not read costs a bounded number of messages. */
ATF_TC_WITHOUT_HEAD(bounded_queue);
ATF_TC_BODY(bounded_queue, tc)
{
	struct ends ends = ends_new();
	size_t n = 0;
	int fd;

	while (imsg_compose(ends.a, 1, 0, -1, NULL, 0) == 0)
		ATF_REQUIRE(++n <= IMSG_QUEUE_MAX);
	ATF_CHECK_EQ(errno, ENOBUFS);
	ATF_REQUIRE((fd = open("/dev/null", O_RDONLY)) != -1);
	ATF_CHECK(imsg_compose(ends.a, 1, 0, fd, NULL, 0) == -1);
	ATF_CHECK_MSG(fcntl(fd, F_GETFD) == -1, "descriptor was leaked");
	ends_free(&ends);
}

ATF_TC_WITHOUT_HEAD(end_of_file);
ATF_TC_BODY(end_of_file, tc)
{
	struct ends ends = ends_new();
	struct imsg imsg;

	imsgbuf_free(ends.a);
	ATF_CHECK_EQ(next(ends.b, &imsg), 0);
	imsgbuf_free(ends.b);
}

/* More bytes than the socket and the read buffer hold, in both orders. */
ATF_TC_WITHOUT_HEAD(volume);
ATF_TC_BODY(volume, tc)
{
	static uint8_t data[10000];
	struct ends ends = ends_new();
	uint32_t sent = 0, got = 0;
	struct imsg imsg;

	while (got < 3000) {
		while (sent < 3000 && sent - got < 200) {
			memset(data, (int)sent, sizeof(data));
			ATF_REQUIRE(imsg_compose(ends.a, 1, sent, -1, data,
					sent * 37 % sizeof(data)) == 0);
			sent++;
		}
		ATF_REQUIRE(imsgbuf_write(ends.a) == 0);
		ATF_REQUIRE(imsgbuf_read(ends.b) == 1);
		while (imsg_get(ends.b, &imsg) == 1) {
			ATF_REQUIRE_EQ(imsg.hdr.id, got);
			ATF_REQUIRE_EQ(imsg.len, got * 37 % sizeof(data));
			if (imsg.len > 0)
				ATF_CHECK_EQ(
				    ((const uint8_t *)imsg.data)[imsg.len - 1],
				    (uint8_t)got);
			got++;
			imsg_free(&imsg);
		}
	}
	ends_free(&ends);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, order_and_content);
	ATF_TP_ADD_TC(tp, descriptors);
	ATF_TP_ADD_TC(tp, consumed_bytes_are_wiped);
	ATF_TP_ADD_TC(tp, bad_headers);
	ATF_TP_ADD_TC(tp, largest_and_too_large);
	ATF_TP_ADD_TC(tp, bounded_queue);
	ATF_TP_ADD_TC(tp, end_of_file);
	ATF_TP_ADD_TC(tp, volume);
	return atf_no_error();
}
