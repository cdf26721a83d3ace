#define LIBBSD_OPENBSD_VIS /* strnvis(3) with the arguments of OpenBSD */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <vis.h>

#include "weaved/engine/mesh/features.h"
#include "weaved/engine/mesh/gob.h"

#define VALUE_MAX 512 /* of keys we know, with NUL; longer is cut */

static const struct gob_schema map_schema = {
    .kind = GOB_MAP, .key = &gob_string, .elem = &gob_string};

enum key {
	KEY_FLAVOUR,
	KEY_NAME,
	KEY_NICKNAME,
	KEY_UID,
	KEY_CONN_ID,
	KEY_SHORT_ID,
	KEY_TRUSTED,
	KEY_OVERLAYS,
	KEY_WEAVED,
	KEYS
};

static const struct {
	const char *text;
	bool required;
} keys[KEYS] = {[KEY_FLAVOUR] = {"PeerNameFlavour", true},
    [KEY_NAME] = {"Name", true},
    [KEY_NICKNAME] = {"NickName", true},
    [KEY_UID] = {"UID", true},
    [KEY_CONN_ID] = {"ConnID", true},
    [KEY_SHORT_ID] = {"ShortID", false},
    [KEY_TRUSTED] = {"Trusted", false},
    [KEY_OVERLAYS] = {"Overlays", false},
    [KEY_WEAVED] = {"Weaved", false}};

struct values {
	bool there[KEYS];
	char text[KEYS][VALUE_MAX];
};

static bool refuse(char *, size_t, const char *, ...)
    __attribute__((format(printf, 3, 4)));
static bool read_map(struct gob_decoder *, struct values *);
static void keep(
    struct values *, const uint8_t *, size_t, const uint8_t *, size_t);
static bool check_required(const struct values *, char *, size_t);
static bool parse_number(
    const struct values *, enum key, uint64_t, uint64_t *, char *, size_t);
static bool parse_trusted(const struct values *, bool *, char *, size_t);
static bool parse_values(
    const struct values *, struct features *, char *, size_t);
static void put_text(struct gob_encoder *, enum key, const char *);
static void put_number(struct gob_encoder *, enum key, uint64_t);
static void put_map(struct gob_encoder *, const struct features *);

/* Always false; text from the network is made printable. */
static bool
refuse(char *cause, size_t size, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (size > 0 &&
	    strnvis(cause, text, size, VIS_TAB | VIS_NL | VIS_CSTYLE) < 0)
		cause[0] = '\0';
	return false;
}

bool
features_decode(const uint8_t *data, size_t len, struct features *features,
    char *cause, size_t size)
{
	struct gob_decoder dec;
	struct values values;

	gob_decode_init(&dec, data, len);
	memset(&values, 0, sizeof(values));
	memset(features, 0, sizeof(*features));
	if (!read_map(&dec, &values))
		return refuse(cause, size, "no features map: %s",
		    dec.error != NULL ? dec.error : "empty");
	return check_required(&values, cause, size) &&
	    parse_values(&values, features, cause, size);
}

static bool
read_map(struct gob_decoder *dec, struct values *values)
{
	const uint8_t *key, *value;
	size_t keylen, len;
	struct gob_ref ref;
	uint64_t count;

	if (gob_decode_next(dec, &map_schema, &ref) != 1 ||
	    !gob_decode_count(dec, &count))
		return false;
	if (count > FEATURES_KEYS_MAX) {
		dec->error = "too many keys";
		return false;
	}
	for (; count > 0; count--) {
		if (!gob_decode_bytes(dec, &key, &keylen) ||
		    !gob_decode_bytes(dec, &value, &len))
			return false;
		keep(values, key, keylen, value, len);
	}
	return true;
}

static void
keep(struct values *values, const uint8_t *key, size_t keylen,
    const uint8_t *value, size_t len)
{
	for (int i = 0; i < KEYS; i++) {
		if (strlen(keys[i].text) != keylen ||
		    memcmp(keys[i].text, key, keylen) != 0)
			continue;
		if (len >= VALUE_MAX)
			len = VALUE_MAX - 1;
		memcpy(values->text[i], value, len);
		values->text[i][len] = '\0';
		values->there[i] = true;
	}
}

static bool
check_required(const struct values *values, char *cause, size_t size)
{
	for (int i = 0; i < KEYS; i++)
		if (keys[i].required && !values->there[i])
			return refuse(
			    cause, size, "field %s is missing", keys[i].text);
	return true;
}

/* Decimal digits alone, as strconv.ParseUint reads them. */
static bool
parse_number(const struct values *values, enum key key, uint64_t max,
    uint64_t *number, char *cause, size_t size)
{
	const char *text = values->text[key];
	char *end;

	if (text[0] != '\0' && text[strspn(text, "0123456789")] == '\0') {
		errno = 0;
		*number = strtoull(text, &end, 10);
		if (errno == 0 && *number <= max)
			return true;
	}
	return refuse(cause, size, "bad %s \"%.64s\"", keys[key].text, text);
}

static bool
parse_trusted(
    const struct values *values, bool *trusted, char *cause, size_t size)
{
	static const char *const words[] = {"1", "t", "T", "TRUE", "true",
	    "True", "0", "f", "F", "FALSE", "false", "False"};
	const char *text = values->text[KEY_TRUSTED];

	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (strcmp(text, words[i]) == 0) {
			*trusted = i < 6;
			return true;
		}
	}
	return refuse(cause, size, "bad Trusted \"%.64s\"", text);
}

static bool
parse_values(const struct values *values, struct features *features,
    char *cause, size_t size)
{
	const char *overlays = values->text[KEY_OVERLAYS];
	uint64_t short_id = 0;

	if (strcmp(values->text[KEY_FLAVOUR], "mac") != 0)
		return refuse(cause, size,
		    "peer name flavour \"%.64s\" where "
		    "we use mac",
		    values->text[KEY_FLAVOUR]);
	if (!peername_parse(values->text[KEY_NAME], &features->name) ||
	    features->name == PEERNAME_UNKNOWN)
		return refuse(cause, size, "bad peer name \"%.64s\"",
		    values->text[KEY_NAME]);
	if (!parse_number(
		values, KEY_UID, UINT64_MAX, &features->uid, cause, size) ||
	    !parse_number(values, KEY_CONN_ID, UINT64_MAX, &features->conn_id,
		cause, size))
		return false;
	if (values->there[KEY_SHORT_ID]) {
		if (!parse_number(values, KEY_SHORT_ID, SHORT_ID_MAX, &short_id,
			cause, size))
			return false;
		features->short_id = (uint16_t)short_id;
		features->has_short_id = true;
	}
	if (values->there[KEY_TRUSTED] &&
	    !parse_trusted(values, &features->trusted, cause, size))
		return false;
	features->has_overlays = values->there[KEY_OVERLAYS];
	if (strlcpy(features->overlays, overlays, sizeof(features->overlays)) >=
	    sizeof(features->overlays))
		return refuse(cause, size, "list of overlays too long");
	strlcpy(features->nickname, values->text[KEY_NICKNAME],
	    sizeof(features->nickname));
	strlcpy(features->software, values->text[KEY_WEAVED],
	    sizeof(features->software));
	return true;
}

static void
put_text(struct gob_encoder *enc, enum key key, const char *text)
{
	gob_encode_text(enc, keys[key].text);
	gob_encode_text(enc, text);
}

static void
put_number(struct gob_encoder *enc, enum key key, uint64_t number)
{
	char text[21];

	snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
	put_text(enc, key, text);
}

static void
put_map(struct gob_encoder *enc, const struct features *features)
{
	char name[PEERNAME_STRLEN];

	gob_encode_count(enc,
	    6u + features->has_short_id + features->has_overlays +
		(features->software[0] != '\0'));
	put_text(enc, KEY_FLAVOUR, "mac");
	put_text(enc, KEY_NAME, peername_format(features->name, name));
	put_text(enc, KEY_NICKNAME, features->nickname);
	put_number(enc, KEY_UID, features->uid);
	put_number(enc, KEY_CONN_ID, features->conn_id);
	put_text(enc, KEY_TRUSTED, features->trusted ? "true" : "false");
	if (features->has_short_id)
		put_number(enc, KEY_SHORT_ID, features->short_id);
	if (features->has_overlays)
		put_text(enc, KEY_OVERLAYS, features->overlays);
	if (features->software[0] != '\0')
		put_text(enc, KEY_WEAVED, features->software);
}

size_t
features_encode(const struct features *features, uint8_t *buf, size_t size)
{
	struct gob_encoder enc;
	size_t len = 0;

	gob_encode_init(&enc, size);
	gob_encode_begin(&enc, &map_schema);
	put_map(&enc, features);
	gob_encode_end(&enc);
	if (!enc.failed) {
		memcpy(buf, enc.data, enc.len);
		len = enc.len;
	}
	gob_encode_free(&enc);
	return len;
}
