/* The type-driven decoder: everything skipped, and maps and structures read. */
#include "weaved/engine/mesh/gob.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static const struct gob_field fields[] = {
    {"Now", &gob_int}, {"UID", &gob_uint}, {"NameByte", &gob_bytes}};
static const struct gob_schema schemas[] = {
    {.kind = GOB_STRUCT, .fields = fields, .nfields = 3},
    {.kind = GOB_MAP, .key = &gob_string, .elem = &gob_string},
    {.kind = GOB_SLICE, .elem = &schemas[0]}};

static void
read_value(struct gob_decoder *dec, const struct gob_ref *ref)
{
	struct gob_struct st;
	struct gob_ref field;

	if (ref->schema->kind != GOB_STRUCT) {
		gob_decode_skip(dec, ref);
		return;
	}
	gob_decode_struct(dec, ref, &st);
	while (gob_decode_field(dec, &st, &field) != -1)
		gob_decode_skip(dec, &field);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static struct gob_decoder dec;
	struct gob_ref ref;

	for (int i = 0; i < 3; i++) {
		gob_decode_init(&dec, data, len);
		while (gob_decode_next(&dec, &schemas[i], &ref) == 1)
			read_value(&dec, &ref);
	}
	return 0;
}
