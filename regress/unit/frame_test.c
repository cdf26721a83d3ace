/* Frame classes, IPv4 fragments and ICMP answers against sleeve.json. */
#include <atf-c.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weaved/engine/overlay/frame.h"

static uint8_t *decode(struct frame *, const char *);
static enum frame_class class_of(const char *);
static bool checksum_right(const uint8_t *, size_t);

/* Hex or "zeros:length"; the bytes are to be freed. */
static uint8_t *
decode(struct frame *frame, const char *text)
{
	uint8_t *data;

	memset(frame, 0, sizeof(*frame));
	if (strncmp(text, "zeros:", 6) == 0) {
		frame->len = strtoul(text + 6, NULL, 10);
		data = calloc(1, frame->len);
	} else {
		data = vectors_hex(text, &frame->len);
	}
	frame->data = data;
	frame_decode(frame);
	return data;
}

static enum frame_class
class_of(const char *text)
{
	if (strcmp(text, "special") == 0)
		return FRAME_SPECIAL;
	if (strcmp(text, "IPv4 frame") == 0)
		return FRAME_IPV4;
	if (strcmp(text, "non-IPv4 frame") == 0)
		return FRAME_OTHER;
	return FRAME_BAD;
}

static bool
checksum_right(const uint8_t *p, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += i % 2 == 0 ? (uint32_t)p[i] << 8 : p[i];
	sum = (sum & 0xffff) + (sum >> 16);
	return (sum & 0xffff) + (sum >> 16) == 0xffff;
}

ATF_TC_WITHOUT_HEAD(classes);
ATF_TC_BODY(classes, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	struct frame frame;
	size_t i;

	json_array_foreach(vectors_get(root, "frame_classes"), i, c) {
		uint8_t *data = decode(&frame, vectors_text(c, "frame"));

		ATF_CHECK_EQ_MSG(class_of(vectors_text(c, "class")),
		    frame.class, "case %zu", i);
		ATF_CHECK_EQ(json_is_true(vectors_get(c, "df")), frame.df);
		free(data);
	}
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(fragments);
ATF_TC_BODY(fragments, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c, *part;
	uint8_t out[2000], *want;
	struct frame frame;
	size_t i, j, len;

	json_array_foreach(vectors_get(root, "ip_fragmentation"), i, c) {
		uint8_t *data = decode(&frame, vectors_text(c, "frame"));
		uint32_t mtu = (uint32_t)vectors_u64(c, "mtu");
		size_t offset = 0;

		ATF_REQUIRE_EQ(FRAME_IPV4, frame.class);
		json_array_foreach(vectors_get(c, "fragments"), j, part) {
			want = vectors_hex(json_string_value(part), &len);
			ATF_REQUIRE_EQ(
			    len, frame_fragment(&frame, mtu, &offset, out));
			ATF_CHECK_EQ_MSG(0, memcmp(want, out, len),
			    "case %zu fragment %zu", i, j);
			free(want);
		}
		ATF_CHECK_EQ(0, frame_fragment(&frame, mtu, &offset, out));
		free(data);
	}
	json_decref(root);
}

ATF_TC_WITHOUT_HEAD(too_big);
ATF_TC_BODY(too_big, tc)
{
	json_t *root = vectors_load("sleeve.json"), *c;
	uint8_t out[FRAME_TOO_BIG_MAX], *want;
	struct frame frame;
	size_t i, len;

	json_array_foreach(vectors_get(root, "icmp_frag_needed"), i, c) {
		uint8_t *data = decode(&frame, vectors_text(c, "frame"));

		want = vectors_bytes(c, "reply", &len);
		ATF_REQUIRE_EQ(len,
		    frame_too_big(
			&frame, (uint32_t)vectors_u64(c, "mtu"), out));
		ATF_CHECK_EQ(0, memcmp(want, out, len));
		free(want);
		free(data);
	}
	json_decref(root);
}

/* The shortest and the longest header, and a frame shorter than it says. */
ATF_TC_WITHOUT_HEAD(edges);
ATF_TC_BODY(edges, tc)
{
	uint8_t data[FRAME_ETHERNET + 60] = {[12] = 0x08,
	    [FRAME_ETHERNET] = 0x4f,
	    [FRAME_ETHERNET + 3] = 100,
	    [FRAME_ETHERNET + 20] = 7,
	    [FRAME_ETHERNET + 21] = 40};
	uint8_t out[FRAME_TOO_BIG_MAX];
	struct frame frame = {.data = data, .len = sizeof(data)};
	size_t offset = 0;

	frame_decode(&frame);
	ATF_REQUIRE_EQ(FRAME_IPV4, frame.class);
	ATF_CHECK_EQ(60, frame.ip_header);
	ATF_CHECK_EQ(
	    FRAME_ETHERNET + 28 + 60, frame_too_big(&frame, 1000, out));
	ATF_CHECK(checksum_right(out + FRAME_ETHERNET, 20));
	ATF_CHECK(checksum_right(out + FRAME_ETHERNET + 20, 8 + 60));
	ATF_CHECK_EQ(
	    0, frame_fragment(&frame, FRAME_FRAGMENT_MIN, &offset, out));

	data[FRAME_ETHERNET + 21] = 41;
	frame_decode(&frame);
	ATF_CHECK_EQ(FRAME_OTHER, frame.class);
	data[FRAME_ETHERNET + 21] = 1;
	frame_decode(&frame);
	ATF_CHECK_EQ(FRAME_OTHER, frame.class);
	data[FRAME_ETHERNET + 21] = 40;
	data[FRAME_ETHERNET] = 0x44;
	frame_decode(&frame);
	ATF_CHECK_EQ(FRAME_OTHER, frame.class);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, classes);
	ATF_TP_ADD_TC(tp, fragments);
	ATF_TP_ADD_TC(tp, too_big);
	ATF_TP_ADD_TC(tp, edges);
	return atf_no_error();
}
