#include <string.h>

#include "weaved/engine/mesh/gob.h"

/* Fields of wireType, each for one kind of definition (5.4). */
#define WIRE_ARRAY 1
#define WIRE_SLICE 2
#define WIRE_STRUCT 3
#define WIRE_MAP 4
#define WIRE_ENCODER 5 /* and two more, all opaque */
#define WIRE_FIELDS 7

#define USER_ID_MIN 64

static bool fail(struct gob_decoder *, const char *);
static bool read_uint(struct gob_decoder *, uint64_t *);
static bool read_int(struct gob_decoder *, int64_t *);
static bool read_delta(struct gob_decoder *, uint64_t *, uint64_t);
static const struct gob_type *type_find(const struct gob_decoder *, int64_t);
static bool define(struct gob_decoder *, int64_t);
static bool define_as(struct gob_decoder *, struct gob_type *, uint64_t);
static bool define_common(struct gob_decoder *);
static bool define_part(struct gob_decoder *, struct gob_type *, uint64_t);
static bool define_members(struct gob_decoder *, struct gob_type *);
static bool define_member(struct gob_decoder *, struct gob_member *);
static bool check(struct gob_decoder *, const struct gob_schema *, int64_t);
static bool check_struct(
    struct gob_decoder *, const struct gob_schema *, const struct gob_type *);
static bool check_top(struct gob_decoder *, const struct gob_schema *, int64_t);
static int field_find(const struct gob_schema *, const struct gob_member *);
static bool skip(struct gob_decoder *, int64_t, unsigned);
static bool skip_bytes(struct gob_decoder *);
static bool skip_struct(
    struct gob_decoder *, const struct gob_type *, unsigned);
static bool skip_elems(struct gob_decoder *, const struct gob_type *, unsigned);
static bool skip_interface(struct gob_decoder *);

const struct gob_schema gob_bool = {.kind = GOB_BOOL};
const struct gob_schema gob_int = {.kind = GOB_INT};
const struct gob_schema gob_uint = {.kind = GOB_UINT};
const struct gob_schema gob_bytes = {.kind = GOB_BYTES};
const struct gob_schema gob_string = {.kind = GOB_STRING};

static const struct gob_type builtin[] = {{.id = 1, .kind = GOB_BOOL},
    {.id = 2, .kind = GOB_INT}, {.id = 3, .kind = GOB_UINT},
    {.id = 4, .kind = GOB_FLOAT}, {.id = 5, .kind = GOB_BYTES},
    {.id = 6, .kind = GOB_STRING}, {.id = 7, .kind = GOB_COMPLEX},
    {.id = 8, .kind = GOB_INTERFACE}};
#define BUILTINS (int64_t)(sizeof(builtin) / sizeof(builtin[0]))

static bool
fail(struct gob_decoder *dec, const char *error)
{
	if (dec->error == NULL)
		dec->error = error;
	dec->p = dec->limit = dec->end;
	return false;
}

/* Below 128 the byte itself, else the negated count of bytes that follow. */
static bool
read_uint(struct gob_decoder *dec, uint64_t *value)
{
	unsigned n;

	*value = 0;
	if (dec->p == dec->limit)
		return fail(dec, "truncated");
	if (*dec->p < 0x80) {
		*value = *dec->p++;
		return true;
	}
	n = 0x100u - *dec->p++;
	if (n > 8)
		return fail(dec, "number too long");
	if ((size_t)(dec->limit - dec->p) < n)
		return fail(dec, "truncated");
	for (; n > 0; n--)
		*value = *value << 8 | *dec->p++;
	return true;
}

static bool
read_int(struct gob_decoder *dec, int64_t *value)
{
	uint64_t u;
	bool ok = read_uint(dec, &u);

	*value = (int64_t)(u >> 1);
	if (u & 1)
		*value = ~*value;
	return ok;
}

/*
 * Moves *number on to the next field that is there, counting from 1; 0 at the
 * end of the structure.
 */
static bool
read_delta(struct gob_decoder *dec, uint64_t *number, uint64_t max)
{
	uint64_t delta;

	if (!read_uint(dec, &delta))
		return false;
	if (delta == 0) {
		*number = 0;
		return true;
	}
	if (delta > max - *number)
		return fail(dec, "field out of range");
	*number += delta;
	return true;
}

static const struct gob_type *
type_find(const struct gob_decoder *dec, int64_t id)
{
	if (id >= 1 && id <= BUILTINS)
		return &builtin[id - 1];
	for (unsigned i = 0; i < dec->ntypes; i++)
		if (dec->types[i].id == id)
			return &dec->types[i];
	return NULL;
}

/* The contents of a message with a negative id: one wireType value. */
static bool
define(struct gob_decoder *dec, int64_t id)
{
	struct gob_type *type;
	uint64_t number = 0;

	if (id < USER_ID_MIN)
		return fail(dec, "definition of a built-in type");
	if (type_find(dec, id) != NULL)
		return fail(dec, "type defined twice");
	if (dec->ntypes == GOB_TYPES_MAX)
		return fail(dec, "too many types");
	type = &dec->types[dec->ntypes];
	memset(type, 0, sizeof(*type));
	type->id = id;
	if (!read_delta(dec, &number, WIRE_FIELDS))
		return false;
	if (number == 0)
		return fail(dec, "empty definition");
	if (!define_as(dec, type, number))
		return false;
	if (!read_delta(dec, &number, WIRE_FIELDS))
		return false;
	if (number != 0)
		return fail(dec, "ambiguous definition");
	dec->ntypes++;
	return true;
}

static bool
define_as(struct gob_decoder *dec, struct gob_type *type, uint64_t kind)
{
	static const enum gob_kind kinds[] = {[WIRE_ARRAY] = GOB_ARRAY,
	    [WIRE_SLICE] = GOB_SLICE,
	    [WIRE_STRUCT] = GOB_STRUCT,
	    [WIRE_MAP] = GOB_MAP,
	    [WIRE_ENCODER] = GOB_OPAQUE,
	    [WIRE_ENCODER + 1] = GOB_OPAQUE,
	    [WIRE_ENCODER + 2] = GOB_OPAQUE};
	uint64_t number = 0;

	type->kind = kinds[kind];
	for (;;) {
		if (!read_delta(dec, &number, 3))
			return false;
		if (number == 0)
			return true;
		if (number == 1 ? !define_common(dec)
				: !define_part(dec, type, number))
			return false;
	}
}

/* CommonType: a name and an id that repeats what is known. */
static bool
define_common(struct gob_decoder *dec)
{
	uint64_t number = 0;
	int64_t id;

	for (;;) {
		if (!read_delta(dec, &number, 2))
			return false;
		if (number == 0)
			return true;
		if (number == 1 ? !skip_bytes(dec) : !read_int(dec, &id))
			return false;
	}
}

/* What follows CommonType in the definition of one kind. */
static bool
define_part(struct gob_decoder *dec, struct gob_type *type, uint64_t number)
{
	int64_t len;

	switch (type->kind) {
	case GOB_ARRAY:
		if (number == 2)
			return read_int(dec, &type->elem);
		return read_int(dec, &len);
	case GOB_SLICE:
		if (number == 2)
			return read_int(dec, &type->elem);
		break;
	case GOB_MAP:
		return read_int(dec, number == 2 ? &type->key : &type->elem);
	case GOB_STRUCT:
		if (number == 2)
			return define_members(dec, type);
		break;
	default:
		break;
	}
	return fail(dec, "field out of range");
}

static bool
define_members(struct gob_decoder *dec, struct gob_type *type)
{
	uint64_t count;

	if (!gob_decode_count(dec, &count))
		return false;
	if (count > GOB_FIELDS_MAX - dec->nfields)
		return fail(dec, "too many fields");
	type->first = dec->nfields;
	type->nfields = (unsigned)count;
	for (; count > 0; count--)
		if (!define_member(dec, &dec->fields[dec->nfields++]))
			return false;
	return true;
}

static bool
define_member(struct gob_decoder *dec, struct gob_member *member)
{
	uint64_t number = 0;

	memset(member, 0, sizeof(*member));
	for (;;) {
		if (!read_delta(dec, &number, 2))
			return false;
		if (number == 0)
			return true;
		if (number == 1
			? !gob_decode_bytes(dec, &member->name, &member->len)
			: !read_int(dec, &member->id))
			return false;
	}
}

/*
 * Is the stream's type one that the schema can be read from? Decided by the
 * types alone, as Go does: also for fields that are not there.
 */
static bool
check(struct gob_decoder *dec, const struct gob_schema *schema, int64_t id)
{
	const struct gob_type *type;

	if ((type = type_find(dec, id)) == NULL)
		return fail(dec, "undefined type");
	if (type->kind != schema->kind)
		return fail(dec, "wrong type");
	switch (schema->kind) {
	case GOB_SLICE:
		return check(dec, schema->elem, type->elem);
	case GOB_MAP:
		return check(dec, schema->key, type->key) &&
		    check(dec, schema->elem, type->elem);
	case GOB_STRUCT:
		return check_struct(dec, schema, type);
	default:
		return true;
	}
}

static bool
check_struct(struct gob_decoder *dec, const struct gob_schema *schema,
    const struct gob_type *type)
{
	const struct gob_member *member;
	int i;

	for (unsigned n = 0; n < type->nfields; n++) {
		member = &dec->fields[type->first + n];
		i = field_find(schema, member);
		if (i == -1 && type_find(dec, member->id) == NULL)
			return fail(dec, "undefined type");
		if (i != -1 &&
		    !check(dec, schema->fields[i].schema, member->id))
			return false;
	}
	return true;
}

/* A structure of which we know no field is not the one we want. */
static bool
check_top(struct gob_decoder *dec, const struct gob_schema *schema, int64_t id)
{
	const struct gob_type *type;

	if (!check(dec, schema, id))
		return false;
	type = type_find(dec, id);
	if (type->kind != GOB_STRUCT || type->nfields == 0)
		return true;
	for (unsigned n = 0; n < type->nfields; n++)
		if (field_find(schema, &dec->fields[type->first + n]) != -1)
			return true;
	return fail(dec, "no field matches");
}

static int
field_find(const struct gob_schema *schema, const struct gob_member *member)
{
	for (unsigned i = 0; i < schema->nfields; i++)
		if (strlen(schema->fields[i].name) == member->len &&
		    memcmp(schema->fields[i].name, member->name, member->len) ==
			0)
			return (int)i;
	return -1;
}

void
gob_decode_init(struct gob_decoder *dec, const uint8_t *data, size_t len)
{
	static const uint8_t nothing[1];

	dec->p = len == 0 ? nothing : data;
	dec->limit = dec->p;
	dec->end = dec->p + len;
	dec->error = NULL;
	dec->ntypes = dec->nfields = 0;
}

/*
 * A message of length 0 ends the stream, and so does the end of the data, but
 * not right after a definition.
 */
int
gob_decode_next(struct gob_decoder *dec, const struct gob_schema *schema,
    struct gob_ref *ref)
{
	uint64_t len, zero = 0;
	int64_t id = 0;

	while (dec->error == NULL) {
		dec->p = dec->limit;
		dec->limit = dec->end;
		if (dec->p == dec->end && id == 0)
			return 0;
		if (!read_uint(dec, &len))
			break;
		if (len == 0) {
			dec->p = dec->limit = dec->end;
			return 0;
		}
		if (len > (size_t)(dec->end - dec->p)) {
			fail(dec, "truncated");
			break;
		}
		dec->limit = dec->p + len;
		if (!read_int(dec, &id))
			break;
		if (id > 0) {
			if (!check_top(dec, schema, id))
				break;
			if (schema->kind != GOB_STRUCT)
				read_uint(dec, &zero);
			if (zero != 0)
				fail(dec, "corrupt value");
			*ref = (struct gob_ref){.id = id, .schema = schema};
			return dec->error == NULL ? 1 : -1;
		}
		if (id == INT64_MIN || !define(dec, -id))
			fail(dec, "bad type id");
		else if (dec->p != dec->limit)
			fail(dec, "extra data in a definition");
	}
	return -1;
}

bool
gob_decode_bool(struct gob_decoder *dec, bool *value)
{
	uint64_t u;
	bool ok = read_uint(dec, &u);

	*value = u != 0;
	return ok;
}

bool
gob_decode_int(struct gob_decoder *dec, int64_t *value)
{
	return read_int(dec, value);
}

bool
gob_decode_uint(struct gob_decoder *dec, uint64_t *value)
{
	return read_uint(dec, value);
}

bool
gob_decode_bytes(struct gob_decoder *dec, const uint8_t **data, size_t *len)
{
	uint64_t n;

	*data = dec->p;
	*len = 0;
	if (!read_uint(dec, &n))
		return false;
	if (n > (size_t)(dec->limit - dec->p))
		return fail(dec, "truncated");
	*data = dec->p;
	*len = (size_t)n;
	dec->p += n;
	return true;
}

/* Each element takes a byte at least. */
bool
gob_decode_count(struct gob_decoder *dec, uint64_t *count)
{
	if (!read_uint(dec, count))
		return false;
	if (*count > (size_t)(dec->limit - dec->p)) {
		*count = 0;
		return fail(dec, "more elements than data");
	}
	return true;
}

struct gob_ref
gob_decode_key(struct gob_decoder *dec, const struct gob_ref *ref)
{
	const struct gob_type *type = type_find(dec, ref->id);

	return (struct gob_ref){.id = type->key, .schema = ref->schema->key};
}

struct gob_ref
gob_decode_elem(struct gob_decoder *dec, const struct gob_ref *ref)
{
	const struct gob_type *type = type_find(dec, ref->id);

	return (struct gob_ref){.id = type->elem, .schema = ref->schema->elem};
}

void
gob_decode_struct(
    struct gob_decoder *dec, const struct gob_ref *ref, struct gob_struct *st)
{
	st->type = type_find(dec, ref->id);
	st->schema = ref->schema;
	st->number = 0;
}

int
gob_decode_field(
    struct gob_decoder *dec, struct gob_struct *st, struct gob_ref *ref)
{
	const struct gob_member *member;
	int i;

	for (;;) {
		if (dec->error != NULL ||
		    !read_delta(dec, &st->number, st->type->nfields) ||
		    st->number == 0)
			return -1;
		member = &dec->fields[st->type->first + st->number - 1];
		if ((i = field_find(st->schema, member)) != -1) {
			ref->id = member->id;
			ref->schema = st->schema->fields[i].schema;
			return i;
		}
		if (!skip(dec, member->id, 0))
			return -1;
	}
}

bool
gob_decode_skip(struct gob_decoder *dec, const struct gob_ref *ref)
{
	return skip(dec, ref->id, 0);
}

static bool
skip(struct gob_decoder *dec, int64_t id, unsigned depth)
{
	const struct gob_type *type;
	uint64_t u;

	if (depth == GOB_DEPTH_MAX)
		return fail(dec, "nested too deeply");
	if ((type = type_find(dec, id)) == NULL)
		return fail(dec, "undefined type");
	switch (type->kind) {
	case GOB_BYTES:
	case GOB_STRING:
	case GOB_OPAQUE:
		return skip_bytes(dec);
	case GOB_COMPLEX:
		return read_uint(dec, &u) && read_uint(dec, &u);
	case GOB_INTERFACE:
		return skip_interface(dec);
	case GOB_SLICE:
	case GOB_ARRAY:
	case GOB_MAP:
		return skip_elems(dec, type, depth);
	case GOB_STRUCT:
		return skip_struct(dec, type, depth);
	default:
		return read_uint(dec, &u);
	}
}

static bool
skip_bytes(struct gob_decoder *dec)
{
	const uint8_t *data;
	size_t len;

	return gob_decode_bytes(dec, &data, &len);
}

static bool
skip_elems(struct gob_decoder *dec, const struct gob_type *type, unsigned depth)
{
	uint64_t count;

	if (!gob_decode_count(dec, &count))
		return false;
	for (; count > 0; count--) {
		if (type->kind == GOB_MAP && !skip(dec, type->key, depth + 1))
			return false;
		if (!skip(dec, type->elem, depth + 1))
			return false;
	}
	return true;
}

static bool
skip_struct(
    struct gob_decoder *dec, const struct gob_type *type, unsigned depth)
{
	uint64_t number = 0;

	for (;;) {
		if (!read_delta(dec, &number, type->nfields))
			return false;
		if (number == 0)
			return true;
		if (!skip(dec, dec->fields[type->first + number - 1].id,
			depth + 1))
			return false;
	}
}

/* Name of the concrete type (none: nil), its id, then a counted value. */
static bool
skip_interface(struct gob_decoder *dec)
{
	const uint8_t *name;
	size_t len;
	int64_t id;

	if (!gob_decode_bytes(dec, &name, &len))
		return false;
	return len == 0 || (read_int(dec, &id) && skip_bytes(dec));
}
