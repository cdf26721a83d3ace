/*
 * "weavectl status keys" of two hosts that change their keys every few
 * seconds, with and without a password.
 */
#include <string.h>

#include "regress/lib/pair.h"

static uint64_t keys_number(struct host *, const char *);
static bool keys_text(struct host *, const char *, const char *);

static uint64_t
keys_number(struct host *host, const char *key)
{
	json_t *rows = host_show(host, "status keys");
	json_t *value = json_object_get(json_array_get(rows, 0), key);
	uint64_t number = (uint64_t)json_integer_value(value);

	ATF_CHECK_MSG(json_is_integer(value), "%s", key);
	json_decref(rows);
	return number;
}

static bool
keys_text(struct host *host, const char *key, const char *expected)
{
	json_t *rows = host_show(host, "status keys");
	const char *text =
	    json_string_value(json_object_get(json_array_get(rows, 0), key));
	bool same = text != NULL && strcmp(text, expected) == 0;

	json_decref(rows);
	return same;
}

ATF_TC_WITHOUT_HEAD(renewed);
ATF_TC_BODY(renewed, tc)
{
	struct pair pair = pair_new(NET_ENCRYPTED);
	uint64_t epoch, proved;
	char buf[4096];

	host_option(pair.a, "rekey-interval", "3");
	host_option(pair.b, "rekey-interval", "3");
	pair_start(&pair, PAIR_MTU);
	ATF_CHECK(keys_text(pair.a, "Name", pair.b->name));
	ATF_CHECK(keys_text(pair.a, "Cipher", "xsalsa20-poly1305"));
	ATF_CHECK(keys_text(pair.a, "KeyExchange", "cpace"));
	ATF_CHECK(keys_text(pair.a, "Password", "primary"));
	ATF_CHECK(keys_text(pair.a, "RekeyBy", "peer"));
	ATF_CHECK(keys_text(pair.b, "RekeyBy", "us"));
	ATF_CHECK_EQ(3, keys_number(pair.a, "Protocol"));
	epoch = keys_number(pair.a, "Epoch");
	NET_WAIT(60, keys_number(pair.a, "Epoch") > epoch + 2);
	/* Packets and age are those of this key, not of the connection. */
	NET_WAIT(60, keys_number(pair.b, "KeyPackets") < 10);
	ATF_CHECK(keys_number(pair.b, "KeyAge") <= 60);
	NET_WAIT(60, keys_number(pair.b, "KeyAge") <= 2);
	proved = keys_number(pair.b, "Authenticated");
	ATF_CHECK(proved >= 6);
	NET_WAIT(20, pod_sends_udp(pair.y, pair.x, 100));
	NET_WAIT(60, keys_number(pair.b, "KeyPackets") > 0);
	ATF_CHECK(keys_number(pair.b, "NextRekey") <= 3);
	ATF_REQUIRE_EQ(0, host_ctl(pair.b, buf, sizeof(buf), "status keys"));
	ATF_CHECK_MSG(strstr(buf, " exchange=cpace epoch=") != NULL, "%s", buf);
}

ATF_TC_WITHOUT_HEAD(none);
ATF_TC_BODY(none, tc)
{
	struct pair pair = pair_new(NET_PLAIN);
	char buf[4096];

	pair_start(&pair, PAIR_MTU);
	ATF_REQUIRE_EQ(0, host_ctl(pair.a, buf, sizeof(buf), "status keys"));
	ATF_CHECK_MSG(
	    strstr(buf, "protocol=2 unencrypted\n") != NULL, "%s", buf);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, renewed);
	ATF_TP_ADD_TC(tp, none);
	return atf_no_error();
}
