#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "common/ctl.h"
#include "weavectl/parse.h"

#define WORDS_MAX 2

static void count_arguments(const char *, size_t *, size_t *);
static const char *word_at(const char *, size_t, size_t *);
static size_t command_match(const struct command *, char *const *, bool);
static const struct command *parse_find(char *const *, size_t *, bool *);

#define SHOW(words, parts, view)                         \
	{                                                \
		(words), NULL, CTL_SHOW, (parts), (view) \
	}
#define ACT(words, argument, request)                             \
	{                                                         \
		(words), (argument), (request), 0, OUTPUT_NOTHING \
	}

static const struct command commands[] = {
    SHOW("status", CTL_SHOW_STATUS, OUTPUT_STATUS),
    SHOW("status connections", CTL_SHOW_STATUS | CTL_SHOW_CONNECTIONS,
	OUTPUT_CONNECTIONS),
    SHOW("status peers", CTL_SHOW_PEERS, OUTPUT_PEERS),
    SHOW("status targets", CTL_SHOW_TARGETS, OUTPUT_TARGETS),
    SHOW("status keys", CTL_SHOW_STATUS | CTL_SHOW_CONNECTIONS, OUTPUT_KEYS),
    SHOW("status ipam", CTL_SHOW_IPAM, OUTPUT_IPAM),
    SHOW("report", CTL_SHOW_ALL, OUTPUT_REPORT),
    ACT("connect", "PEER...", CTL_CONNECT),
    ACT("forget", "PEER...", CTL_FORGET),
    ACT("reload", NULL, CTL_RELOAD),
    ACT("log", "LEVEL", CTL_LOG_LEVEL),
    ACT("ip allocate", "ID [SUBNET]", CTL_IP_ALLOCATE),
    ACT("ip claim", "ID ADDRESS/LENGTH", CTL_IP_CLAIM),
    ACT("ip release", "ID [ADDRESS]", CTL_IP_RELEASE),
    {"ip list", "[ID]", CTL_SHOW, CTL_SHOW_ADDRESSES, OUTPUT_ADDRESSES},
    ACT("expose", "[--without-masquerade] [ADDRESS/LENGTH]", CTL_EXPOSE),
    ACT("hide", "[ADDRESS]", CTL_HIDE),
    ACT("attach", "[ADDRESS...] NETNS", COMMAND_ATTACH),
    ACT("detach", "[ADDRESS...] NETNS", COMMAND_DETACH),
    ACT("ps", "[ID...]", COMMAND_PS),
    ACT("claim", "[DIRECTORY]", COMMAND_CLAIM),
    ACT("netcheck", "SUBNET", COMMAND_NETCHECK),
    ACT("rmpeer", "PEER...", CTL_RMPEER),
    ACT("reset", NULL, CTL_RESET),
    {"doctor", "PEER", CTL_SHOW,
	CTL_SHOW_STATUS | CTL_SHOW_CONNECTIONS | CTL_SHOW_PEERS |
	    CTL_SHOW_TARGETS | CTL_SHOW_ROUTES,
	OUTPUT_DOCTOR},
    {"rotate-key", "--mesh [OPTION...]", CTL_ROTATE, 0, OUTPUT_ROTATION},
    {"rotate-key status", "[OPTION...]", CTL_ROTATE, 0, OUTPUT_ROTATION},
    {"rotate-key stage", "[OPTION...]", CTL_ROTATE, 0, OUTPUT_ROTATION},
    {"rotate-key commit", "[OPTION...]", CTL_ROTATE, 0, OUTPUT_ROTATION},
    {"rotate-key finish", "[OPTION...]", CTL_ROTATE, 0, OUTPUT_ROTATION},
    {"rotate-key abort", "[OPTION...]", CTL_ROTATE, 0, OUTPUT_ROTATION},
    {"bench", "PEER [SECONDS [MBITS]]", CTL_BENCH, 0, OUTPUT_BENCH},
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

const struct command *
parse_table(size_t i)
{
	return i < COMMANDS ? &commands[i] : NULL;
}

static const char *
word_at(const char *words, size_t i, size_t *len)
{
	for (;; words += *len + 1) {
		*len = strcspn(words, " ");
		if (i-- == 0)
			return words;
		if (words[*len] == '\0')
			return NULL;
	}
}

/* How many words of the command args begin with: all of them, or 0. */
static size_t
command_match(const struct command *command, char *const *args, bool exact)
{
	const char *word;
	size_t i, len;

	for (i = 0; (word = word_at(command->words, i, &len)) != NULL; i++) {
		if (args[i] == NULL || strlen(args[i]) > len ||
		    args[i][0] == '\0' || (exact && strlen(args[i]) != len) ||
		    strncmp(word, args[i], strlen(args[i])) != 0)
			return 0;
	}
	return i;
}

/* The longest match, and of those an exact one before a shortened one. */
static const struct command *
parse_find(char *const *args, size_t *words, bool *ambiguous)
{
	const struct command *found = NULL;
	bool found_exact = false;

	*words = 0;
	*ambiguous = false;
	for (size_t i = 0; i < COMMANDS; i++) {
		size_t n = command_match(&commands[i], args, false);
		bool exact = command_match(&commands[i], args, true) > 0;

		if (n == 0 || n < *words)
			continue;
		if (n == *words && (found_exact || !exact)) {
			*ambiguous = !found_exact;
			continue;
		}
		found = &commands[i];
		found_exact = exact;
		*words = n;
		*ambiguous = false;
	}
	return found;
}

/* Words, in brackets if they may be missing, with dots if there may be more. */
static void
count_arguments(const char *argument, size_t *least, size_t *most)
{
	const char *word;
	size_t len;

	*least = *most = 0;
	if (argument == NULL)
		return;
	while ((word = word_at(argument, *most, &len)) != NULL) {
		*least += word[0] != '[';
		++*most;
	}
	if (strstr(argument, "...") != NULL)
		*most = SIZE_MAX;
}

const struct command *
parse_command(
    char *const *args, char *const **rest, char error[PARSE_ERROR_MAX])
{
	const struct command *command;
	bool ambiguous;
	size_t words, n = 0, least, most;

	if (args[0] == NULL) {
		snprintf(error, PARSE_ERROR_MAX, "no command given");
		return NULL;
	}
	command = parse_find(args, &words, &ambiguous);
	if (command == NULL || ambiguous) {
		snprintf(error, PARSE_ERROR_MAX, "%s command: %.100s",
		    ambiguous ? "ambiguous" : "unknown", args[0]);
		return NULL;
	}
	*rest = args + words;
	while ((*rest)[n] != NULL)
		n++;
	count_arguments(command->argument, &least, &most);
	if (command->argument == NULL && n > 0)
		snprintf(error, PARSE_ERROR_MAX,
		    "%s: unexpected argument: "
		    "%.100s",
		    command->words, (*rest)[0]);
	else if (n < least)
		snprintf(error, PARSE_ERROR_MAX, "%s: %s is missing",
		    command->words, command->argument);
	else if (n > most)
		snprintf(error, PARSE_ERROR_MAX, "%s: %s%s only",
		    command->words, most == 1 && least == 1 ? "one " : "",
		    command->argument);
	else
		return command;
	return NULL;
}
