#include "regress/lib/vectors.h"

#include <err.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <atf-c.h>

const char *
vectors_path(const char *file)
{
	static char path[1024];
	const char *top = getenv("WEAVED_SRCDIR");

	snprintf(path, sizeof(path), "%s/%s", top == NULL ? "." : top, file);
	return path;
}

json_t *
vectors_load(const char *file)
{
	char name[256];
	json_error_t error;
	json_t *root;

	snprintf(name, sizeof(name), "regress/vectors/%s", file);
	root = json_load_file(vectors_path(name), 0, &error);
	if (root == NULL)
		errx(1, "%s:%d: %s", name, error.line, error.text);
	return root;
}

json_t *
vectors_load_standard(const char *file)
{
	char name[256];
	json_error_t error;
	json_t *root;

	snprintf(
	    name, sizeof(name), "../shared/spec/vectors/standards/%s", file);
	if (access(vectors_path(name), R_OK) == -1)
		atf_tc_skip("%s is not there: its cases were not tried", name);
	root = json_load_file(vectors_path(name), 0, &error);
	if (root == NULL)
		errx(1, "%s:%d: %s", name, error.line, error.text);
	return root;
}

json_t *
vectors_get(const json_t *object, const char *key)
{
	json_t *value = json_object_get(object, key);

	if (value == NULL)
		errx(1, "no member %s in vector", key);
	return value;
}

const char *
vectors_text(const json_t *object, const char *key)
{
	const char *text = json_string_value(vectors_get(object, key));

	if (text == NULL)
		errx(1, "member %s of vector is no string", key);
	return text;
}

uint64_t
vectors_u64(const json_t *object, const char *key)
{
	const json_t *value = vectors_get(object, key);

	if (json_is_string(value))
		return strtoull(json_string_value(value), NULL, 10);
	if (!json_is_integer(value))
		errx(1, "member %s of vector is no number", key);
	return (uint64_t)json_integer_value(value);
}

uint8_t *
vectors_hex(const char *hex, size_t *len)
{
	size_t n = strlen(hex) / 2;
	uint8_t *bytes = malloc(n + 1);
	unsigned byte;

	if (bytes == NULL || strlen(hex) % 2 != 0)
		errx(1, "bad hex in vector");
	for (size_t i = 0; i < n; i++) {
		if (sscanf(hex + 2 * i, "%2x", &byte) != 1)
			errx(1, "bad hex in vector");
		bytes[i] = (uint8_t)byte;
	}
	if (len != NULL)
		*len = n;
	return bytes;
}

uint8_t *
vectors_bytes(const json_t *object, const char *key, size_t *len)
{
	return vectors_hex(vectors_text(object, key), len);
}
