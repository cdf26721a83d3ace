/* The command table, and the manual's examples against it. */
#include <atf-c.h>
#include <stdio.h>
#include <string.h>

#include "regress/lib/vectors.h"
#include "weavectl/parse.h"

#define ARGS_MAX 16

static size_t split(char *line, char *args[ARGS_MAX]);
static const char *parse(const char *text, char *error);

static size_t
split(char *line, char *args[ARGS_MAX])
{
	size_t n = 0;

	for (char *word = strtok(line, " \n"); word != NULL && n < ARGS_MAX - 1;
	     word = strtok(NULL, " \n"))
		args[n++] = word;
	args[n] = NULL;
	return n;
}

/* The words of the command that text is, or NULL. */
static const char *
parse(const char *text, char *error)
{
	char line[256], *args[ARGS_MAX];
	const struct command *command;
	char *const *rest;

	snprintf(line, sizeof(line), "%s", text);
	split(line, args);
	command = parse_command(args, &rest, error);
	return command == NULL ? NULL : command->words;
}

ATF_TC_WITHOUT_HEAD(words);
ATF_TC_BODY(words, tc)
{
	static const struct {
		const char *text, *words, *error;
	} cases[] = {
	    {"status", "status", NULL},
	    {"status connections", "status connections", NULL},
	    {"st c", "status connections", NULL},
	    {"s", "status", NULL},
	    {"rep", "report", NULL},
	    {"rel", "reload", NULL},
	    {"connect a b c", "connect", NULL},
	    {"log debug", "log", NULL},
	    {"attach 4711", "attach", NULL},
	    {"detach 10.0.0.1/8 ip:10.0.0.2/8 4711", "detach", NULL},
	    {"ps", "ps", NULL},
	    {"attach", NULL, "attach: [ADDRESS...] NETNS is missing"},
	    {"bench a", "bench", NULL},
	    {"b a 5 100", "bench", NULL},
	    {"bench a 5 100 7", NULL, "bench: PEER [SECONDS [MBITS]] only"},
	    {"rotate-key status", "rotate-key status", NULL},
	    {"ro stag --generate", "rotate-key stage", NULL},
	    {"rotate-key stage --mesh", "rotate-key stage", NULL},
	    {"rotate-key --mesh --generate", "rotate-key", NULL},
	    {"rotate-key", NULL, "rotate-key: --mesh [OPTION...] is missing"},
	    {"rotate-key commit --hardened", "rotate-key commit", NULL},
	    {"rotate-key st", NULL, "ambiguous command: rotate-key"},
	    {"", NULL, "no command given"},
	    {"re", NULL, "ambiguous command: re"},
	    {"statusx", NULL, "unknown command: statusx"},
	    {"status x", NULL, "status: unexpected argument: x"},
	    {"reload now", NULL, "reload: unexpected argument: now"},
	    {"connect", NULL, "connect: PEER... is missing"},
	    {"log", NULL, "log: LEVEL is missing"},
	    {"log debug info", NULL, "log: one LEVEL only"},
	};
	char error[PARSE_ERROR_MAX];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const char *words = parse(cases[i].text, error);

		if (cases[i].words != NULL) {
			ATF_REQUIRE_MSG(
			    words != NULL, "%s: %s", cases[i].text, error);
			ATF_CHECK_STREQ(cases[i].words, words);
		} else {
			ATF_CHECK_MSG(words == NULL, "%s", cases[i].text);
			ATF_CHECK_STREQ(cases[i].error, error);
		}
	}
}

ATF_TC_WITHOUT_HEAD(manual);
ATF_TC_BODY(manual, tc)
{
	static const char prefix[] = ".Dl # weavectl ";
	char line[256], error[PARSE_ERROR_MAX];
	size_t examples = 0, documented = 0, commands = 0;
	FILE *manual;

	manual = fopen(vectors_path("man/weavectl.8"), "r");
	ATF_REQUIRE(manual != NULL);
	while (fgets(line, sizeof(line), manual) != NULL) {
		char *text = line + sizeof(prefix) - 1;

		documented += strncmp(line, ".It Cm ", 7) == 0;
		if (strncmp(line, prefix, sizeof(prefix) - 1) != 0)
			continue;
		text[strcspn(text, "|>\n")] = '\0';
		if (strncmp(text, "-j ", 3) == 0)
			text += 3;
		if (strncmp(text, "-s ", 3) == 0)
			text = strchr(text + 3, ' ');
		ATF_REQUIRE_MSG(text != NULL && parse(text, error) != NULL,
		    "%s: %s", line, error);
		examples++;
	}
	fclose(manual);
	while (parse_table(commands) != NULL)
		commands++;
	ATF_CHECK(examples >= 5);
	ATF_CHECK_EQ(commands, documented);
}

ATF_TP_ADD_TCS(tp)
{
	ATF_TP_ADD_TC(tp, words);
	ATF_TP_ADD_TC(tp, manual);
	return atf_no_error();
}
