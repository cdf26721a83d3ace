#include <string.h>

#include "common/keys.h"
#include "common/text.h"

static const char *keys_rekey(
    const struct ctl_connection *, char[TEXT_AGE_MAX + 32]);
static const char *keys_cipher(
    const struct ctl_connection *, char[TEXT_CLEAN_MAX]);
static void keys_line(const struct ctl_connection *, FILE *);
static json_t *keys_object(const struct ctl_connection *);

const char *
keys_slot(const struct ctl_connection *row)
{
	static const char *const names[CTL_SLOT_MAX] = {
	    [CTL_SLOT_UNKNOWN] = "unknown",
	    [CTL_SLOT_PRIMARY] = "primary",
	    [CTL_SLOT_SECONDARY] = "secondary",
	};

	return row->slot < CTL_SLOT_MAX ? names[row->slot] : "unknown";
}

static const char *
keys_rekey(const struct ctl_connection *row, char buf[TEXT_AGE_MAX + 32])
{
	char age[TEXT_AGE_MAX];

	if (row->rekey_in == CTL_RETRY_NEVER)
		return "never (the peer cannot)";
	snprintf(buf, TEXT_AGE_MAX + 32, "%s%s", text_age(row->rekey_in, age),
	    row->outbound ? "" : " (by the peer)");
	return buf;
}

static const char *
keys_cipher(const struct ctl_connection *row, char buf[TEXT_CLEAN_MAX])
{
	if (row->trusted)
		return "none (trusted)";
	return row->cipher[0] == '\0' ? "none" : text_clean(row->cipher, buf);
}

static void
keys_line(const struct ctl_connection *row, FILE *out)
{
	char peer[TEXT_PEER_MAX], cipher[TEXT_CLEAN_MAX];
	char exchange[TEXT_CLEAN_MAX], rekey[TEXT_AGE_MAX + 32];
	char age[TEXT_AGE_MAX], proved[TEXT_AGE_MAX];

	fprintf(out, "%-37s protocol=%u",
	    text_peer(row->peer, row->nickname, peer), row->version);
	if (!row->has_key) {
		fprintf(out, " unencrypted\n");
		return;
	}
	fprintf(out,
	    " cipher=%s exchange=%s epoch=%u key-age=%s packets=%llu "
	    "authenticated=%s password=%s next-rekey=%s\n",
	    keys_cipher(row, cipher), text_clean(row->exchange, exchange),
	    row->epoch, text_age(row->key_age, age),
	    (unsigned long long)row->key_packets,
	    text_age(row->auth_age, proved), keys_slot(row),
	    keys_rekey(row, rekey));
}

void
keys_text(const struct report *report, FILE *out)
{
	const struct ctl_connection *rows;
	size_t n;

	rows = REPORT_ROWS(report, CTL_CONNECTION, ctl_connection, &n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].has_peer)
			keys_line(&rows[i], out);
}

/* Ages and times to come are seconds. */
static json_t *
keys_object(const struct ctl_connection *row)
{
	char name[PEERNAME_STRLEN], clean[TEXT_CLEAN_MAX];
	char exchange[TEXT_CLEAN_MAX], nickname[TEXT_CLEAN_MAX];
	json_t *object;

	object = json_pack("{s:s, s:s, s:I, s:b}", "Name",
	    peername_format(row->peer, name), "NickName",
	    text_clean(row->nickname, nickname), "Protocol",
	    (json_int_t)row->version, "Encrypted",
	    row->has_key && !row->trusted);
	if (object == NULL || !row->has_key)
		return object;
	json_object_set_new(
	    object, "Cipher", json_string(keys_cipher(row, clean)));
	json_object_set_new(object, "KeyExchange",
	    json_string(text_clean(row->exchange, exchange)));
	json_object_set_new(object, "Epoch", json_integer(row->epoch));
	json_object_set_new(object, "KeyAge", json_integer(row->key_age));
	json_object_set_new(object, "KeyPackets",
	    json_integer((json_int_t)(row->key_packets & INT64_MAX)));
	json_object_set_new(
	    object, "Authenticated", json_integer(row->auth_age));
	json_object_set_new(object, "Password", json_string(keys_slot(row)));
	json_object_set_new(object, "NextRekey",
	    row->rekey_in == CTL_RETRY_NEVER ? json_null()
					     : json_integer(row->rekey_in));
	json_object_set_new(object, "RekeyBy",
	    json_string(row->rekey_in == CTL_RETRY_NEVER ? "nobody"
		    : row->outbound                      ? "us"
							 : "peer"));
	return object;
}

json_t *
keys_list(const struct report *report)
{
	const struct ctl_connection *rows;
	json_t *list = json_array();
	size_t n;

	rows = REPORT_ROWS(report, CTL_CONNECTION, ctl_connection, &n);
	for (size_t i = 0; i < n; i++)
		if (rows[i].has_peer)
			json_array_append_new(list, keys_object(&rows[i]));
	return list;
}

void
keys_json(const struct report *report, FILE *out)
{
	json_t *list = keys_list(report);

	json_dumpf(list, out, JSON_INDENT(4));
	fputc('\n', out);
	json_decref(list);
}
