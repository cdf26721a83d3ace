/*
 * The subset of Go's encoding/gob that travels on the mesh (mesh-protocol 5).
 *
 * Both directions are driven by a schema: what this side calls a value. The
 * decoder checks the type that the stream itself defines against it, by field
 * names and kinds (5.5), and skips what the schema does not know. It copies
 * and allocates nothing: strings and bytes point into the input.
 */
#ifndef ENGINE_MESH_GOB_H
#define ENGINE_MESH_GOB_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum gob_kind {
	GOB_BOOL,
	GOB_INT,
	GOB_UINT,
	GOB_BYTES,
	GOB_STRING,
	GOB_SLICE,
	GOB_MAP,
	GOB_STRUCT,
	/* Only in streams, to be skipped. */
	GOB_FLOAT,
	GOB_COMPLEX,
	GOB_INTERFACE,
	GOB_ARRAY,
	GOB_OPAQUE
};

struct gob_field;

/* Constant and not recursive. */
struct gob_schema {
	enum gob_kind kind;
	const char *name; /* of the type, or NULL */
	const struct gob_schema *key; /* GOB_MAP */
	const struct gob_schema *elem; /* GOB_MAP, GOB_SLICE */
	const struct gob_field *fields; /* GOB_STRUCT */
	unsigned nfields;
};

struct gob_field {
	const char *name;
	const struct gob_schema *schema;
};

extern const struct gob_schema gob_bool, gob_int, gob_uint, gob_bytes,
    gob_string;

/* A stream that needs more of these is refused; real ones need a tenth. */
#define GOB_TYPES_MAX 64 /* defined in one stream */
#define GOB_FIELDS_MAX 512 /* of all its structures */
#define GOB_DEPTH_MAX 32 /* of a value that is skipped */

struct gob_member {
	const uint8_t *name;
	size_t len;
	int64_t id;
};

struct gob_type {
	int64_t id;
	enum gob_kind kind;
	int64_t key, elem;
	unsigned first, nfields; /* in gob_decoder.fields */
};

/*
 * Reads one stream. The first error sticks: every later call fails too and
 * values read are zero, so a caller may check once at the end of a value.
 */
struct gob_decoder {
	const uint8_t *p; /* next byte */
	const uint8_t *limit; /* end of the message */
	const uint8_t *end; /* of the stream */
	const char *error; /* NULL: none */
	unsigned ntypes, nfields;
	struct gob_type types[GOB_TYPES_MAX];
	struct gob_member fields[GOB_FIELDS_MAX];
};

/* A value about to be read: how the stream and how we call its type. */
struct gob_ref {
	int64_t id;
	const struct gob_schema *schema;
};

/* A structure being read. */
struct gob_struct {
	const struct gob_type *type;
	const struct gob_schema *schema;
	uint64_t number; /* of the field, from 1 */
};

/* data must outlive the decoder. */
void gob_decode_init(struct gob_decoder *dec, const uint8_t *data, size_t len);
/*
 * Goes to the next value, over type definitions, and checks its type.
 * 1: *ref can be read; 0: regular end of the stream; -1: dec->error. What was
 * not read of the value before is passed over.
 */
int gob_decode_next(struct gob_decoder *dec, const struct gob_schema *schema,
    struct gob_ref *ref);

/* Scalars, of a value whose schema has this kind. False: dec->error. */
bool gob_decode_bool(struct gob_decoder *dec, bool *value);
bool gob_decode_int(struct gob_decoder *dec, int64_t *value);
bool gob_decode_uint(struct gob_decoder *dec, uint64_t *value);
/* GOB_BYTES and GOB_STRING; not ended by NUL, may hold any byte. */
bool gob_decode_bytes(
    struct gob_decoder *dec, const uint8_t **data, size_t *len);

/*
 * Slices and maps: read the count, then so many elements, or pairs of a key
 * and an element, each through its ref. The count is at most the number of
 * bytes left.
 */
bool gob_decode_count(struct gob_decoder *dec, uint64_t *count);
struct gob_ref gob_decode_key(
    struct gob_decoder *dec, const struct gob_ref *ref);
struct gob_ref gob_decode_elem(
    struct gob_decoder *dec, const struct gob_ref *ref);

/*
 * Structures. gob_decode_field returns the number of the field in the schema
 * and *ref to be read now, or -1 at the end of the structure or on error.
 * Fields unknown to the schema are skipped.
 */
void gob_decode_struct(
    struct gob_decoder *dec, const struct gob_ref *ref, struct gob_struct *st);
int gob_decode_field(
    struct gob_decoder *dec, struct gob_struct *st, struct gob_ref *ref);
/* Passes over any value. */
bool gob_decode_skip(struct gob_decoder *dec, const struct gob_ref *ref);

#define GOB_SCHEMAS_MAX 32 /* composite types of one stream */

/*
 * Writes one stream into a buffer of its own. Without memory, or beyond max
 * bytes, failed is set and later calls do nothing.
 */
struct gob_encoder {
	uint8_t *data;
	size_t len;
	size_t size;
	size_t max;
	size_t message; /* start of the value */
	bool failed;
	unsigned nschemas;
	const struct gob_schema *schemas[GOB_SCHEMAS_MAX];
};

/* Field numbering of a structure being written; zero-initialise. */
struct gob_fields {
	unsigned next;
};

void gob_encode_init(struct gob_encoder *enc, size_t max);
void gob_encode_free(struct gob_encoder *enc);
/* Bytes outside of any gob value: a tag, a body. */
void gob_encode_raw(struct gob_encoder *enc, const void *data, size_t len);

/* One top-level value: definitions not yet in the stream, then its message. */
void gob_encode_begin(struct gob_encoder *enc, const struct gob_schema *schema);
void gob_encode_end(struct gob_encoder *enc);

void gob_encode_bool(struct gob_encoder *enc, bool value);
void gob_encode_int(struct gob_encoder *enc, int64_t value);
void gob_encode_uint(struct gob_encoder *enc, uint64_t value);
void gob_encode_bytes(struct gob_encoder *enc, const void *data, size_t len);
void gob_encode_text(struct gob_encoder *enc, const char *text);
/* Before the elements or pairs of a slice or map. */
void gob_encode_count(struct gob_encoder *enc, uint64_t count);
/*
 * Before the value of a field, in ascending order. The caller leaves out
 * what gob leaves out (5.3); a map that is empty but there gets count 0.
 */
void gob_encode_field(
    struct gob_encoder *enc, struct gob_fields *fields, unsigned number);
void gob_encode_struct_end(struct gob_encoder *enc);

/* One top-level scalar. */
void gob_encode_value_uint(struct gob_encoder *enc, uint64_t value);
void gob_encode_value_bytes(
    struct gob_encoder *enc, const void *data, size_t len);
void gob_encode_value_text(struct gob_encoder *enc, const char *text);

#endif
