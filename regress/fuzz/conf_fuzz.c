/* What parses as weaved.conf must print as something that parses to itself. */
#include <stdlib.h>
#include <string.h>

#include "weaved/parent/conf.h"

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static char *canonical(const void *, size_t, size_t *);

/* NULL if data does not parse; then there is one line saying why. */
static char *
canonical(const void *data, size_t len, size_t *text_len)
{
	char error[CONF_ERROR_MAX] = "", *text = NULL;
	struct conf *conf = conf_parse_buffer("fuzz", data, len, error);
	FILE *out;

	if (conf == NULL) {
		if (error[0] == '\0' || strchr(error, '\n') != NULL)
			abort();
		return NULL;
	}
	out = open_memstream(&text, text_len);
	if (out == NULL || conf_print(conf, out) == -1 || fclose(out) != 0)
		abort();
	conf_free(conf);
	return text;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t len, len_again;
	char *text = canonical(data, size, &len), *again;

	if (text == NULL)
		return 0;
	again = canonical(text, len, &len_again);
	if (again == NULL || strcmp(text, again) != 0)
		abort();
	free(text);
	free(again);
	return 0;
}
