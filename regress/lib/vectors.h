/*
 * Golden vectors: the JSON files below regress/vectors, found through the
 * environment variable WEAVED_SRCDIR (default "."). Whatever is missing or
 * malformed ends the test program with a message.
 */
#ifndef REGRESS_VECTORS_H
#define REGRESS_VECTORS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

/* Path of a file below the source tree; valid until the next call. */
const char *vectors_path(const char *file);
/* File below regress/vectors. */
json_t *vectors_load(const char *file);
/*
 * One of the large files of published test cases, which lie beside the source
 * tree, not in it; skips the test case where they do not.
 */
json_t *vectors_load_standard(const char *file);
/* Member of an object, which must exist. */
json_t *vectors_get(const json_t *object, const char *key);
const char *vectors_text(const json_t *object, const char *key);
/* Integer, or a decimal string. */
uint64_t vectors_u64(const json_t *object, const char *key);
/* Hex, of even length; to be freed. len may be NULL. */
uint8_t *vectors_hex(const char *hex, size_t *len);
uint8_t *vectors_bytes(const json_t *object, const char *key, size_t *len);

#endif
