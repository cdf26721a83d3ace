#include <stdlib.h>
#include <string.h>

#include "weaved/engine/mesh/gob.h"

#define FIRST_ID 65 /* ids below are Go's */
#define UINT_LEN_MAX 9

static bool reserve(struct gob_encoder *, size_t);
static size_t uint_put(uint64_t, uint8_t[UINT_LEN_MAX]);
static void message_begin(struct gob_encoder *);
static int64_t schema_id(const struct gob_encoder *, const struct gob_schema *);
static void schema_collect(struct gob_encoder *, const struct gob_schema *);
static void schema_define(struct gob_encoder *, const struct gob_schema *);
static void members_define(struct gob_encoder *, const struct gob_schema *);

void
gob_encode_init(struct gob_encoder *enc, size_t max)
{
	memset(enc, 0, sizeof(*enc));
	enc->max = max;
}

void
gob_encode_free(struct gob_encoder *enc)
{
	free(enc->data);
	memset(enc, 0, sizeof(*enc));
}

static bool
reserve(struct gob_encoder *enc, size_t len)
{
	size_t size = enc->size == 0 ? 256 : enc->size;
	uint8_t *data;

	if (enc->failed || len > enc->max - enc->len) {
		enc->failed = true;
		return false;
	}
	if (len <= enc->size - enc->len)
		return true;
	while (size - enc->len < len)
		size *= 2;
	if ((data = realloc(enc->data, size)) == NULL) {
		enc->failed = true;
		return false;
	}
	enc->data = data;
	enc->size = size;
	return true;
}

void
gob_encode_raw(struct gob_encoder *enc, const void *data, size_t len)
{
	if (len == 0 || !reserve(enc, len))
		return;
	memcpy(enc->data + enc->len, data, len);
	enc->len += len;
}

static size_t
uint_put(uint64_t value, uint8_t bytes[UINT_LEN_MAX])
{
	size_t n = 0;

	if (value < 0x80) {
		bytes[0] = (uint8_t)value;
		return 1;
	}
	while (n < 8 && value >> 8 * n != 0)
		n++;
	bytes[0] = (uint8_t)-n;
	for (size_t i = n; i > 0; i--) {
		bytes[i] = (uint8_t)value;
		value >>= 8;
	}
	return n + 1;
}

void
gob_encode_uint(struct gob_encoder *enc, uint64_t value)
{
	uint8_t bytes[UINT_LEN_MAX];

	gob_encode_raw(enc, bytes, uint_put(value, bytes));
}

void
gob_encode_int(struct gob_encoder *enc, int64_t value)
{
	uint64_t u = (uint64_t)value;

	gob_encode_uint(enc, value < 0 ? ~u << 1 | 1 : u << 1);
}

void
gob_encode_bool(struct gob_encoder *enc, bool value)
{
	gob_encode_uint(enc, value ? 1 : 0);
}

void
gob_encode_bytes(struct gob_encoder *enc, const void *data, size_t len)
{
	gob_encode_uint(enc, len);
	gob_encode_raw(enc, data, len);
}

void
gob_encode_text(struct gob_encoder *enc, const char *text)
{
	gob_encode_bytes(enc, text, strlen(text));
}

void
gob_encode_count(struct gob_encoder *enc, uint64_t count)
{
	gob_encode_uint(enc, count);
}

void
gob_encode_field(
    struct gob_encoder *enc, struct gob_fields *fields, unsigned number)
{
	gob_encode_uint(enc, number + 1 - fields->next);
	fields->next = number + 1;
}

void
gob_encode_struct_end(struct gob_encoder *enc)
{
	gob_encode_uint(enc, 0);
}

/* The length before a message is put in when it is known. */
static void
message_begin(struct gob_encoder *enc)
{
	enc->message = enc->len;
}

void
gob_encode_end(struct gob_encoder *enc)
{
	uint8_t bytes[UINT_LEN_MAX];
	size_t n, len = enc->len - enc->message;

	n = uint_put(len, bytes);
	if (!reserve(enc, n))
		return;
	memmove(enc->data + enc->message + n, enc->data + enc->message, len);
	memcpy(enc->data + enc->message, bytes, n);
	enc->len += n;
}

static int64_t
schema_id(const struct gob_encoder *enc, const struct gob_schema *schema)
{
	switch (schema->kind) {
	case GOB_BOOL:
		return 1;
	case GOB_INT:
		return 2;
	case GOB_UINT:
		return 3;
	case GOB_BYTES:
		return 5;
	case GOB_STRING:
		return 6;
	default:
		break;
	}
	for (unsigned i = 0; i < enc->nschemas; i++)
		if (enc->schemas[i] == schema)
			return FIRST_ID + i;
	return 0;
}

/* Gives ids to the composite types of a schema, the outer one first. */
static void
schema_collect(struct gob_encoder *enc, const struct gob_schema *schema)
{
	if (schema_id(enc, schema) != 0)
		return;
	if (enc->nschemas == GOB_SCHEMAS_MAX) {
		enc->failed = true;
		return;
	}
	enc->schemas[enc->nschemas++] = schema;
	if (schema->key != NULL)
		schema_collect(enc, schema->key);
	if (schema->elem != NULL)
		schema_collect(enc, schema->elem);
	for (unsigned i = 0; i < schema->nfields; i++)
		schema_collect(enc, schema->fields[i].schema);
}

/* One definition: a wireType of which one field is set (5.4). */
static void
schema_define(struct gob_encoder *enc, const struct gob_schema *schema)
{
	message_begin(enc);
	gob_encode_int(enc, -schema_id(enc, schema));
	gob_encode_uint(enc,
	    schema->kind == GOB_SLICE        ? 2
		: schema->kind == GOB_STRUCT ? 3
					     : 4);
	gob_encode_uint(enc, 1); /* CommonType */
	if (schema->name != NULL) {
		gob_encode_uint(enc, 1);
		gob_encode_text(enc, schema->name);
	}
	gob_encode_uint(enc, schema->name != NULL ? 1 : 2);
	gob_encode_int(enc, schema_id(enc, schema));
	gob_encode_uint(enc, 0);
	if (schema->kind == GOB_STRUCT)
		members_define(enc, schema);
	if (schema->key != NULL) {
		gob_encode_uint(enc, 1);
		gob_encode_int(enc, schema_id(enc, schema->key));
	}
	if (schema->elem != NULL) {
		gob_encode_uint(enc, 1);
		gob_encode_int(enc, schema_id(enc, schema->elem));
	}
	gob_encode_uint(enc, 0);
	gob_encode_uint(enc, 0);
	gob_encode_end(enc);
}

static void
members_define(struct gob_encoder *enc, const struct gob_schema *schema)
{
	gob_encode_uint(enc, 1);
	gob_encode_uint(enc, schema->nfields);
	for (unsigned i = 0; i < schema->nfields; i++) {
		gob_encode_uint(enc, 1);
		gob_encode_text(enc, schema->fields[i].name);
		gob_encode_uint(enc, 1);
		gob_encode_int(enc, schema_id(enc, schema->fields[i].schema));
		gob_encode_uint(enc, 0);
	}
}

void
gob_encode_begin(struct gob_encoder *enc, const struct gob_schema *schema)
{
	unsigned known = enc->nschemas;

	schema_collect(enc, schema);
	for (; known < enc->nschemas; known++)
		schema_define(enc, enc->schemas[known]);
	message_begin(enc);
	gob_encode_int(enc, schema_id(enc, schema));
	if (schema->kind != GOB_STRUCT)
		gob_encode_uint(enc, 0);
}

void
gob_encode_value_uint(struct gob_encoder *enc, uint64_t value)
{
	gob_encode_begin(enc, &gob_uint);
	gob_encode_uint(enc, value);
	gob_encode_end(enc);
}

void
gob_encode_value_bytes(struct gob_encoder *enc, const void *data, size_t len)
{
	gob_encode_begin(enc, &gob_bytes);
	gob_encode_bytes(enc, data, len);
	gob_encode_end(enc);
}

void
gob_encode_value_text(struct gob_encoder *enc, const char *text)
{
	gob_encode_begin(enc, &gob_string);
	gob_encode_text(enc, text);
	gob_encode_end(enc);
}
