/*
 * The fuzz target that this is linked with, as a test of its committed corpus:
 * program NAME_fuzz_test reads regress/fuzz/corpus/NAME.
 */
#include <atf-c.h>
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define INPUT_MAX (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *, size_t);

static void corpus_path(char path[PATH_MAX]);
static void corpus_run_file(const char *path);

ATF_TC(corpus);
ATF_TC_HEAD(corpus, tc)
{
	atf_tc_set_md_var(tc, "descr", "every committed input is survived");
}
ATF_TC_BODY(corpus, tc)
{
	char directory[PATH_MAX], path[PATH_MAX + NAME_MAX + 1];
	struct dirent *entry;
	DIR *dir;
	unsigned files = 0;

	corpus_path(directory);
	dir = opendir(directory);
	ATF_REQUIRE_MSG(dir != NULL, "%s: %s", directory, strerror(errno));
	while ((entry = readdir(dir)) != NULL) {
		if (entry->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", directory, entry->d_name);
		corpus_run_file(path);
		files++;
	}
	closedir(dir);
	ATF_REQUIRE_MSG(files > 0, "%s: empty", directory);
}

static void
corpus_path(char path[PATH_MAX])
{
	const char *program = program_invocation_short_name;
	const char *srcdir = getenv("WEAVED_SRCDIR");
	const char *end = strstr(program, "_fuzz_test");

	ATF_REQUIRE(srcdir != NULL && end != NULL);
	snprintf(path, PATH_MAX, "%s/regress/fuzz/corpus/%.*s", srcdir,
	    (int)(end - program), program);
}

/* An exact allocation, so that a read past the end is seen. */
static void
corpus_run_file(const char *path)
{
	static uint8_t input[INPUT_MAX];
	uint8_t *exact;
	size_t len;
	FILE *file;

	printf("%s\n", path);
	fflush(stdout);
	file = fopen(path, "rb");
	ATF_REQUIRE(file != NULL);
	len = fread(input, 1, sizeof(input), file);
	fclose(file);
	exact = malloc(len + !len);
	ATF_REQUIRE(exact != NULL);
	memcpy(exact, input, len);
	LLVMFuzzerTestOneInput(exact, len);
	free(exact);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, corpus);
	return atf_no_error();
}
