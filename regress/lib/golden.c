#include <atf-c.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "regress/lib/golden.h"
#include "regress/lib/vectors.h"

#define GOLDEN_MAX 65536

static char *golden_load(const char *);

/* Empty if there is none. */
static char *
golden_load(const char *name)
{
	char path[128], *text = calloc(1, GOLDEN_MAX);
	FILE *file;

	snprintf(path, sizeof(path), "regress/ctl/golden/%s", name);
	file = fopen(vectors_path(path), "r");
	ATF_REQUIRE(text != NULL);
	if (file != NULL) {
		ATF_REQUIRE(fread(text, 1, GOLDEN_MAX - 1, file) > 0);
		fclose(file);
	}
	return text;
}

void
golden_check(const char *name, const char *text)
{
	char *golden = golden_load(name);

	for (const char *byte = text; *byte != '\0'; byte++)
		ATF_CHECK(*byte == '\n' || (*byte >= ' ' && *byte <= '~'));
	ATF_CHECK(strstr(text, " \n") == NULL);
	if (strcmp(text, golden) != 0) {
		FILE *file = fopen(name, "w");

		ATF_REQUIRE(file != NULL);
		fputs(text, file);
		fclose(file);
		atf_tc_fail_nonfatal("%s differs:\n%s", name, text);
	}
	free(golden);
}
