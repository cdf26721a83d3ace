/*
 * How a connection takes the messages of gossip_messages.json.
 */
#include <stdlib.h>
#include <unistd.h>

#include <atf-c.h>

#include "regress/lib/meshes.h"
#include "regress/lib/vectors.h"
#include "weaved/engine/mesh/wire.h"

static struct meshes net;

static void
raw_message(int fd, const uint8_t *body, size_t len)
{
	uint8_t length[WIRE_LENGTH_LEN];

	wire_length_put(len, length);
	raw_write(fd, length, sizeof(length));
	raw_write(fd, body, len);
	meshes_run(&net, 50);
}

ATF_TC_WITHOUT_HEAD(receive);
ATF_TC_BODY(receive, tc)
{
	json_t *file = vectors_load("gossip_messages.json"), *one;
	uint8_t *body;
	size_t i, len;
	int fd;

	json_array_foreach(vectors_get(file, "receive"), i, one) {
		meshes_init(&net);
		node_start(&net, 1);
		fd = node_join_raw(&net, 1, 1);
		ATF_REQUIRE_EQ(1, node_rows(&net, 1, CTL_ESTABLISHED));
		body = vectors_bytes(one, "message", &len);
		raw_message(fd, body, len);
		ATF_CHECK_EQ_MSG(
		    json_is_true(vectors_get(one, "connection_survives")),
		    node_rows(&net, 1, CTL_ESTABLISHED) == 1, "%s",
		    vectors_text(one, "label"));
		free(body);
		close(fd);
		meshes_free(&net);
	}
	json_decref(file);
}

ATF_TC_WITHOUT_HEAD(blank_and_control);
ATF_TC_BODY(blank_and_control, tc)
{
	static const uint8_t control[] = {7, 0, 3, 5, 0x9e};
	unsigned before;
	int fd;

	meshes_init(&net);
	node_start(&net, 1);
	fd = node_join_raw(&net, 1, 1);
	before = net.nodes[1].controls;
	raw_message(fd, NULL, 0);
	raw_message(fd, control, sizeof(control));
	ATF_CHECK_EQ(before + 1, net.nodes[1].controls);
	ATF_CHECK_EQ(sizeof(control), net.nodes[1].control_len);
	ATF_CHECK_EQ(0x9e, net.nodes[1].control[4]);
	ATF_CHECK_EQ(1, node_rows(&net, 1, CTL_ESTABLISHED));
	close(fd);
	meshes_free(&net);
}

/* Features, then messages in one write: none is lost, none comes too early. */
ATF_TC_WITHOUT_HEAD(heartbeats);
ATF_TC_BODY(heartbeats, tc)
{
	static const uint8_t beat[] = {0};
	uint8_t got[1];
	unsigned i;
	int fd;

	meshes_init(&net);
	net.nodes[1].deaf_overlay = true;
	node_start(&net, 1);
	fd = node_join_raw(&net, 1, 1);
	for (i = 0; i < 10; i++) {
		meshes_run(&net, 40000);
		raw_message(fd, beat, sizeof(beat));
		ATF_CHECK_EQ(1, node_rows(&net, 1, CTL_PENDING));
	}
	ATF_CHECK(raw_read(&net, fd, got, 1));
	close(fd);
	meshes_free(&net);
}

ATF_TC_WITHOUT_HEAD(too_long);
ATF_TC_BODY(too_long, tc)
{
	static const uint8_t length[] = {0, 0xa0, 0, 1};
	int fd;

	meshes_init(&net);
	node_start(&net, 1);
	fd = node_join_raw(&net, 1, 1);
	raw_write(fd, length, sizeof(length));
	meshes_run(&net, 10);
	ATF_CHECK_EQ(0, node_rows(&net, 1, CTL_ESTABLISHED));
	close(fd);
	meshes_free(&net);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, receive);
	ATF_TP_ADD_TC(tp, blank_and_control);
	ATF_TP_ADD_TC(tp, heartbeats);
	ATF_TP_ADD_TC(tp, too_long);
	return atf_no_error();
}
